//! Which routers there are, on which segments, with which sessions, and how all is configured.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bgp::types::Asn;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use rib::best;
use rib::peer::NextHopSelf;

use super::policy::{self, Bounds, Entry, Policy};
use crate::rng::Rng;

/// A segment and who is on it.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Routers.
    pub members: Vec<usize>,
    /// It has addresses of a family, by [`bgp::types::Family::index`].
    pub families: [bool; 2],
}

/// A session between two routers on a segment.
#[derive(Clone, Debug)]
pub struct Session {
    /// The routers.
    pub ends: [usize; 2],
    /// Where.
    pub segment: usize,
    /// Its addresses are IPv6 ones.
    pub over_v6: bool,
    /// Families activated.
    pub families: [bool; 2],
    /// RFC 8950.
    pub extended_next_hop: bool,
}

/// One side of a session, as configured at present.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Side {
    /// The session.
    pub session: usize,
    /// The other router.
    pub other: usize,
    /// Of the same AS.
    pub internal: bool,
    /// Route-map for what comes, if any.
    pub import: Option<Policy>,
    /// Route-map for what goes, if any.
    pub export: Option<Policy>,
    /// `next-hop-self`.
    pub next_hop_self: NextHopSelf,
    /// `soft-reconfiguration inbound`.
    pub soft: bool,
    /// `send-community`.
    pub communities: bool,
}

/// A router as configured at present.
#[derive(Clone, Debug)]
pub struct Router {
    /// Its AS.
    pub asn: u32,
    /// Its id.
    pub id: Ipv4Addr,
    /// What it announces.
    pub networks: BTreeSet<IpNet>,
    /// Decision process.
    pub best: best::Options,
    /// Routes of others in its kernel, with their metric.
    pub foreign: BTreeSet<(IpNet, u32)>,
    /// Its sessions.
    pub sides: Vec<Side>,
}

/// How LOCAL_PREF is used; both ways are known to let all routers agree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scheme {
    /// By prefix, equal in a whole AS: the shortest paths win.
    Lengths,
    /// By who is whose customer, and routes go to others only if they come from customers.
    Hierarchy,
}

/// A world as it begins.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Routers.
    pub routers: Vec<Router>,
    /// Segments.
    pub segments: Vec<Segment>,
    /// Sessions.
    pub sessions: Vec<Session>,
    /// How LOCAL_PREF is used.
    pub scheme: Scheme,
    /// Updates are big and readers slow.
    pub heavy: bool,
    /// All prefixes that anybody may announce.
    pub nets: Vec<IpNet>,
    /// Preferred prefixes, by AS.
    preferred: Vec<Vec<IpNet>>,
}

/// First of the AS numbers.
const FIRST_AS: u32 = 65001;

/// LOCAL_PREF of routes of customers, equals and providers; one's own have 100.
const PREFS: [u32; 3] = [90, 80, 70];

/// A router's address on a segment.
pub fn address(segment: usize, router: usize, v6: bool) -> IpAddr {
    let (s, r) = (segment as u8, router as u8 + 1);
    if v6 {
        Ipv6Addr::new(0xfd00, 0, 0, u16::from(s), 0, 0, 0, u16::from(r)).into()
    } else {
        Ipv4Addr::new(10, s, 0, r).into()
    }
}

/// A router's link-local address, the same on all segments.
pub fn link_local(router: usize) -> Ipv6Addr {
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, router as u16 + 1)
}

/// The router behind an address on a segment.
pub fn whose(segment: usize, address: IpAddr, plan: &Plan) -> Option<usize> {
    let of = |r: &&usize| {
        let all =
            [self::address(segment, **r, false), self::address(segment, **r, true), link_local(**r).into()];
        all.contains(&address)
    };
    plan.segments[segment].members.iter().find(of).copied()
}

/// The network of a segment.
pub fn network(segment: usize, v6: bool) -> IpNet {
    match address(segment, 0, v6) {
        IpAddr::V4(a) => IpNet::V4(Ipv4Net::new_assert(a, 24).trunc()),
        IpAddr::V6(a) => IpNet::V6(Ipv6Net::new_assert(a, 64).trunc()),
    }
}

/// Interface of a segment, the same on all routers.
pub fn ifindex(segment: usize) -> u32 {
    segment as u32 + 1
}

impl Plan {
    /// A random one.
    pub fn new(rng: &mut Rng) -> Plan {
        let count = 2 + rng.index(5);
        let heavy = rng.once_in(16);
        // A router is in the AS of the one before it, or in a new one.
        let mut ases = vec![0usize];
        for n in 1..count {
            ases.push(if rng.once_in(3) { ases[n - 1] } else { ases[n - 1] + 1 });
        }
        let nets = nets(rng, count, heavy);
        let options = options(rng);
        let routers = (0..count).map(|n| Router {
            asn: FIRST_AS + ases[n] as u32,
            id: Ipv4Addr::new(1, 1, 1, 1 + ((n * 5 + 3) % 11) as u8),
            networks: own(rng, &nets, n),
            best: options,
            foreign: BTreeSet::new(),
            sides: Vec::new(),
        });
        let routers: Vec<Router> = routers.collect();
        let mut plan = Plan {
            preferred: (0..=ases[count - 1]).map(|_| subset(rng, &nets)).collect(),
            routers,
            segments: Vec::new(),
            sessions: Vec::new(),
            scheme: if rng.once_in(2) { Scheme::Lengths } else { Scheme::Hierarchy },
            heavy,
            nets,
        };
        plan.connect(rng);
        plan.sides(rng);
        plan
    }

    fn connect(&mut self, rng: &mut Rng) {
        let count = self.routers.len();
        // A tree, some more links, and sometimes a segment with many on it.
        for n in 1..count {
            let before = rng.index(n);
            self.segment(rng, vec![before, n]);
        }
        for _ in 0..rng.below(4) {
            let (a, b) = (rng.index(count), rng.index(count));
            if a < b {
                self.segment(rng, vec![a, b]);
            }
        }
        if count > 2 && rng.once_in(2) {
            let members: Vec<usize> = (0..count).filter(|_| rng.below(3) > 0).collect();
            if members.len() > 1 {
                self.segment(rng, members);
            }
        }
        for segment in 0..self.segments.len() {
            let members = self.segments[segment].members.clone();
            for (at, a) in members.iter().enumerate() {
                for b in &members[at + 1..] {
                    self.session(rng, segment, [*a, *b]);
                }
            }
        }
        // Routers of an AS all have sessions with each other.
        for a in 0..count {
            for b in a + 1..count {
                let same = self.routers[a].asn == self.routers[b].asn;
                if same && !self.sessions.iter().any(|s| s.ends == [a, b]) {
                    self.segments.push(Segment { members: vec![a, b], families: [true; 2] });
                    self.session(rng, self.segments.len() - 1, [a, b]);
                }
            }
        }
    }

    fn segment(&mut self, rng: &mut Rng, members: Vec<usize>) {
        let families = *rng.pick(&[[true; 2], [true; 2], [true, false], [false, true]]);
        self.segments.push(Segment { members, families });
    }

    fn session(&mut self, rng: &mut Rng, segment: usize, ends: [usize; 2]) {
        let internal = self.routers[ends[0]].asn == self.routers[ends[1]].asn;
        if self.sessions.iter().any(|s| s.ends == ends) && (internal || rng.once_in(2)) {
            return;
        }
        let has = self.segments[segment].families;
        let over_v6 = has[1] && (!has[0] || rng.once_in(3));
        let mut families = *rng.pick(&[[true; 2], [true; 2], [true, false], [false, true]]);
        if internal {
            families = [true; 2];
        }
        families[1] &= has[1];
        if families == [false; 2] {
            families[0] = true;
        }
        // Without IPv4 addresses nothing can be told of IPv4 otherwise.
        let extended_next_hop = !has[0] || rng.once_in(3);
        self.sessions.push(Session { ends, segment, over_v6, families, extended_next_hop });
    }

    fn sides(&mut self, rng: &mut Rng) {
        for session in 0..self.sessions.len() {
            for end in 0..2 {
                let [n, other] = [self.sessions[session].ends[end], self.sessions[session].ends[1 - end]];
                let side = self.side(rng, session, n, other);
                self.routers[n].sides.push(side);
            }
        }
    }

    /// The outcome does not depend on what happened before: the age of paths does not count, and where an AS has
    /// several routers, none of them hides a path from the others for its MED.
    pub fn one_outcome(&self) -> bool {
        let options = &self.routers[0].best;
        let sets_med = |entry: &Entry| entry.changes.iter().any(|c| matches!(c, policy::Change::Med(..)));
        let med = |r: &Router| {
            let policies = r.sides.iter().flat_map(|s| [&s.import, &s.export]).flatten();
            !r.foreign.is_empty() || policies.flatten().any(sets_med)
        };
        let several =
            self.sessions.iter().any(|s| self.routers[s.ends[0]].asn == self.routers[s.ends[1]].asn);
        let hidden = several && !options.always_compare_med && self.routers.iter().any(med);
        options.compare_router_id && !hidden
    }

    /// A random configuration of one side of a session.
    pub fn side(&self, rng: &mut Rng, session: usize, n: usize, other: usize) -> Side {
        let internal = self.routers[n].asn == self.routers[other].asn;
        Side {
            session,
            other,
            internal,
            import: self.import(rng, n, other),
            export: self.export(rng, n, other),
            next_hop_self: *rng.pick(&[NextHopSelf::Off, NextHopSelf::On, NextHopSelf::Force]),
            soft: rng.once_in(2),
            communities: rng.below(5) > 0,
        }
    }

    fn bounds(&self, exporter: Option<u32>) -> Bounds<'_> {
        Bounds { nets: &self.nets, exporter: exporter.map(Asn), med: true }
    }

    fn import(&self, rng: &mut Rng, n: usize, other: usize) -> Option<Policy> {
        let (own, theirs) = (self.routers[n].asn, self.routers[other].asn);
        if own == theirs {
            return None;
        }
        let mut policy: Policy = match self.scheme {
            Scheme::Lengths => policy::prefer(&self.preferred[(own - FIRST_AS) as usize], 60),
            Scheme::Hierarchy => vec![policy::pref(PREFS[relation(own, theirs)])],
        };
        policy.extend(policy::random(rng, &self.bounds(None)));
        Some(policy)
    }

    fn export(&self, rng: &mut Rng, n: usize, other: usize) -> Option<Policy> {
        let (own, theirs) = (self.routers[n].asn, self.routers[other].asn);
        let mut policy = Policy::new();
        if own != theirs {
            if self.scheme == Scheme::Hierarchy && relation(own, theirs) > 0 {
                policy.extend([policy::deny_pref(PREFS[1]), policy::deny_pref(PREFS[2])]);
            }
            policy.extend(policy::random(rng, &self.bounds(Some(own))));
        } else if self.heavy {
            policy.push(Entry::OPEN);
        }
        if self.heavy {
            let least = 400 + rng.below(20) as u16;
            policy.splice(0..0, policy::ballast(&self.nets, least));
        }
        (!policy.is_empty()).then_some(policy)
    }
}

/// What another AS is: 0 a customer, 1 an equal, 2 a provider. The first two are equals, of others the lower number
/// provides.
fn relation(own: u32, theirs: u32) -> usize {
    match (own - FIRST_AS, theirs - FIRST_AS) {
        (0 | 1, 0 | 1) => 1,
        (own, theirs) if own < theirs => 0,
        _ => 2,
    }
}

/// Decision process and multipath, the same everywhere.
pub fn options(rng: &mut Rng) -> best::Options {
    let most = *rng.pick(&[1, 2, 256]);
    best::Options {
        always_compare_med: rng.once_in(6),
        med_missing_as_worst: rng.once_in(6),
        multipath_relax: rng.once_in(2),
        compare_router_id: rng.below(3) > 0,
        max_paths_ebgp: most,
        max_paths_ibgp: *rng.pick(&[1, most]),
        ..best::Options::default()
    }
}

/// Every router has some prefixes of its own, and some are for all.
fn nets(rng: &mut Rng, count: usize, heavy: bool) -> Vec<IpNet> {
    let each = if heavy { 14 } else { 1 + rng.below(3) as u8 };
    let v4 = |a, b, c| IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, 0), 24));
    let v6 = |a: u8, b: u8, c: u8| {
        let words = [0xfd20 + u16::from(a), u16::from(b), u16::from(c), 0, 0, 0, 0, 0];
        IpNet::V6(Ipv6Net::new_assert(words.into(), 48))
    };
    let mut nets = Vec::new();
    for n in 0..count as u8 {
        nets.extend((0..each).flat_map(|k| [v4(20, n, k), v6(0, n, k)]));
    }
    nets.extend((0..2).flat_map(|k| [v4(21, 0, k), v6(1, 0, k)]));
    nets
}

fn is_shared(net: &IpNet) -> bool {
    match net {
        IpNet::V4(n) => n.network().octets()[0] == 21,
        IpNet::V6(n) => n.network().segments()[0] == 0xfd21,
    }
}

fn is_of(net: &IpNet, router: usize) -> bool {
    match net {
        IpNet::V4(n) => usize::from(n.network().octets()[1]) == router,
        IpNet::V6(n) => usize::from(n.network().segments()[1]) == router,
    }
}

/// What a router announces.
pub fn own(rng: &mut Rng, nets: &[IpNet], router: usize) -> BTreeSet<IpNet> {
    let chosen = |net: &&IpNet| match is_shared(net) {
        true => rng.once_in(3),
        false => is_of(net, router) && rng.below(6) > 0,
    };
    nets.iter().filter(chosen).copied().collect()
}

fn subset(rng: &mut Rng, nets: &[IpNet]) -> Vec<IpNet> {
    nets.iter().filter(|_| rng.once_in(4)).copied().collect()
}
