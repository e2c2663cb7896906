//! Small random policies: how the product is told of them, and what they mean.

use std::collections::BTreeMap;

use bgp::types::Asn;
use ipnet::IpNet;
use rib::policy::ast::{
    Action, AddressMatch, Arith, CommunityList, CommunityMatch, LargeCommunity, ListEntry, Match, MetricSet,
    OnMatch, Policies, PrefixList, PrefixListEntry, Prepend, RouteMapEntry, Set,
};

use super::route::{NO_ADVERTISE, NO_EXPORT, Route};
use crate::rng::Rng;

/// A line of a prefix-list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    permit: bool,
    net: IpNet,
    ge: Option<u8>,
    le: Option<u8>,
}

/// What must hold for an entry to apply.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cond {
    /// The prefix is permitted by a list of one family.
    Nets(Vec<Line>),
    /// The route has a community.
    Community(u32),
    /// LOCAL_PREF.
    Pref(u32),
    /// MED.
    Med(u32),
}

/// What an entry changes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// Sets the communities, or adds to them.
    Community(u32, bool),
    /// Sets LOCAL_PREF.
    Pref(u32),
    /// Sets the MED, or adds to it.
    Med(u32, bool),
    /// Puts the neighbour's number in front again.
    Longer(u8),
    /// Puts one's own number in front.
    Prepend(Asn, u8),
    /// Large communities, to make updates big.
    Ballast(u16),
}

/// An entry of a route-map.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Or deny.
    pub permit: bool,
    /// All must hold.
    pub conds: Vec<Cond>,
    /// In this order.
    pub changes: Vec<Change>,
    /// The next entries are looked at, too.
    pub next: bool,
}

impl Entry {
    /// Lets everything pass.
    pub const OPEN: Entry = Entry { permit: true, conds: Vec::new(), changes: Vec::new(), next: false };

    fn holds(&self, net: IpNet, route: &Route) -> bool {
        self.conds.iter().all(|cond| match cond {
            Cond::Nets(lines) => permits(lines, net),
            Cond::Community(c) => route.communities.contains(c),
            Cond::Pref(p) => route.local_pref() == *p,
            Cond::Med(m) => route.med == Some(*m),
        })
    }
}

/// A list denies what no line speaks of.
fn permits(lines: &[Line], net: IpNet) -> bool {
    let speaks = |line: &&Line| {
        let own = line.net.prefix_len();
        let (least, most) = match (line.ge, line.le) {
            (None, None) => (own, own),
            (ge, le) => (ge.unwrap_or(own), le.unwrap_or(line.net.max_prefix_len())),
        };
        line.net.contains(&net) && (least..=most).contains(&net.prefix_len())
    };
    lines.iter().find(speaks).is_some_and(|line| line.permit)
}

/// A route-map.
pub type Policy = Vec<Entry>;

/// What a policy makes of a route; `None` is denied.
pub fn run(policy: &Policy, net: IpNet, route: &Route) -> Option<Route> {
    let mut route = route.clone();
    let mut permitted = false;
    for entry in policy {
        if !entry.holds(net, &route) {
            continue;
        }
        if !entry.permit {
            return None;
        }
        permitted = true;
        let before = route.clone();
        for change in &entry.changes {
            match change {
                Change::Community(c, additive) => {
                    route.communities = if *additive { before.communities.clone() } else { [].into() };
                    route.communities.insert(*c);
                }
                Change::Pref(p) => route.pref = Some(*p),
                Change::Med(m, false) => route.med = Some(*m),
                Change::Med(m, true) => route.med = Some(before.med.unwrap_or(0).saturating_add(*m)),
                Change::Longer(n) => {
                    if let Some(first) = before.path.first() {
                        route.path.splice(0..0, std::iter::repeat_n(*first, usize::from(*n)));
                    }
                }
                Change::Prepend(asn, n) => {
                    route.path.splice(0..0, std::iter::repeat_n(asn.0, usize::from(*n)));
                }
                Change::Ballast(n) => route.ballast = usize::from(*n),
            }
        }
        if !entry.next {
            break;
        }
    }
    permitted.then_some(route)
}

/// Adds a policy to those that the table is told, with the lists that it names.
pub fn tell(policies: &mut Policies, name: &str, policy: &Policy) {
    let mut map = BTreeMap::new();
    for (at, entry) in policy.iter().enumerate() {
        let seq = 10 * (at as u16 + 1);
        let mut told = RouteMapEntry::new(action(entry.permit));
        for (n, cond) in entry.conds.iter().enumerate() {
            let list = format!("{name}-{seq}-{n}");
            told.matches.push(match cond {
                Cond::Nets(lines) => nets(policies, list, lines),
                Cond::Community(c) => {
                    let value = CommunityMatch::Standard(vec![*c]);
                    let entries = BTreeMap::from([(5, ListEntry { action: Action::Permit, value })]);
                    policies.community_lists.insert(list.clone(), CommunityList { expanded: false, entries });
                    Match::Community { list, exact: false, any: false }
                }
                Cond::Pref(p) => Match::LocalPreference(*p),
                Cond::Med(m) => Match::Metric(*m),
            });
        }
        told.sets = entry.changes.iter().map(set).collect();
        told.on_match = entry.next.then_some(OnMatch::Next);
        map.insert(seq, told);
    }
    policies.route_maps.insert(name.to_owned(), map);
}

fn action(permit: bool) -> Action {
    if permit { Action::Permit } else { Action::Deny }
}

fn nets(policies: &mut Policies, name: String, lines: &[Line]) -> Match {
    let entry = |(at, line): (usize, &Line)| {
        let entry =
            PrefixListEntry { action: action(line.permit), prefix: Some(line.net), ge: line.ge, le: line.le };
        (5 * (at as u32 + 1), entry)
    };
    let list = PrefixList { description: None, entries: lines.iter().enumerate().map(entry).collect() };
    let matched = AddressMatch::PrefixList(name.clone());
    if lines.iter().all(|line| matches!(line.net, IpNet::V4(_))) {
        policies.prefix_lists_v4.insert(name, list);
        Match::Ipv4Address(matched)
    } else {
        policies.prefix_lists_v6.insert(name, list);
        Match::Ipv6Address(matched)
    }
}

fn set(change: &Change) -> Set {
    match change {
        Change::Community(c, additive) => Set::Community { values: vec![*c], additive: *additive },
        Change::Pref(p) => Set::LocalPreference(Arith::Set(*p)),
        Change::Med(m, false) => Set::Metric(MetricSet::Value(Arith::Set(*m))),
        Change::Med(m, true) => Set::Metric(MetricSet::Value(Arith::Add(*m))),
        Change::Longer(n) => Set::Prepend(Prepend::LastAs(*n)),
        Change::Prepend(asn, n) => Set::Prepend(Prepend::Asns(vec![asn.0; usize::from(*n)])),
        Change::Ballast(n) => {
            let value = |local2| LargeCommunity { global: 65000, local1: 1, local2 };
            Set::LargeCommunity { values: (0..u32::from(*n)).map(value).collect(), additive: false }
        }
    }
}

/// Communities that policies speak of.
const COMMUNITIES: [u32; 5] = [100, 200, 300, NO_EXPORT, NO_ADVERTISE];

/// What may be drawn.
pub struct Bounds<'a> {
    /// Prefixes that there are.
    pub nets: &'a [IpNet],
    /// One's own AS; `None` on import.
    pub exporter: Option<Asn>,
    /// MEDs may be set.
    pub med: bool,
}

/// Some random entries, the last of which lets everything pass, mostly.
pub fn random(rng: &mut Rng, bounds: &Bounds<'_>) -> Policy {
    let mut policy: Policy = (0..rng.below(4)).map(|_| entry(rng, bounds)).collect();
    if rng.below(8) > 0 {
        policy.push(Entry::OPEN);
    }
    policy
}

fn entry(rng: &mut Rng, bounds: &Bounds<'_>) -> Entry {
    let permit = rng.below(3) > 0;
    let mut conds = Vec::new();
    if !permit || rng.once_in(2) {
        conds.push(match rng.below(4) {
            0 => Cond::Community(*rng.pick(&COMMUNITIES[..3])),
            1 if bounds.exporter.is_none() && bounds.med => Cond::Med(rng.below(3) as u32 * 10),
            _ => Cond::Nets(lines(rng, bounds.nets)),
        });
    }
    let mut changes = Vec::new();
    if permit {
        if rng.once_in(2) {
            changes.push(Change::Community(*rng.pick(&COMMUNITIES), rng.once_in(2)));
        }
        if bounds.med && rng.once_in(2) {
            changes.push(Change::Med(rng.below(3) as u32 * 10, rng.once_in(4)));
        }
        if rng.once_in(3) {
            let times = 1 + rng.below(3) as u8;
            changes.push(match bounds.exporter {
                Some(asn) => Change::Prepend(asn, times),
                None => Change::Longer(times),
            });
        }
    }
    Entry { permit, conds, changes, next: permit && rng.once_in(3) }
}

fn lines(rng: &mut Rng, nets: &[IpNet]) -> Vec<Line> {
    let family = rng.pick(nets).addr().is_ipv4();
    let nets: Vec<&IpNet> = nets.iter().filter(|net| net.addr().is_ipv4() == family).collect();
    let mut lines: Vec<Line> = (0..1 + rng.below(3))
        .map(|_| {
            let net = **rng.pick(&nets);
            let wider = net.supernet().and_then(|n| n.supernet()).unwrap_or(net);
            let permit = rng.below(4) > 0;
            match rng.below(3) {
                0 => Line { permit, net, ge: None, le: None },
                1 => Line { permit, net: wider, ge: None, le: Some(net.prefix_len()) },
                _ => Line { permit, net: wider, ge: Some(net.prefix_len()), le: None },
            }
        })
        .collect();
    if rng.once_in(3) {
        let all = if family { "0.0.0.0/0" } else { "::/0" };
        let net = all.parse().expect("a prefix");
        lines.push(Line { permit: true, net, ge: Some(1), le: None });
    }
    lines
}

/// An entry for some prefixes that goes on to the next.
pub fn prefer(nets: &[IpNet], pref: u32) -> Vec<Entry> {
    let entry = |v4: bool| {
        let of = |net: &&IpNet| net.addr().is_ipv4() == v4;
        let line = |net: &IpNet| Line { permit: true, net: *net, ge: None, le: None };
        let lines: Vec<Line> = nets.iter().filter(of).map(line).collect();
        let conds = vec![Cond::Nets(lines)];
        Entry { permit: true, conds, changes: vec![Change::Pref(pref)], next: true }
    };
    let used = |entry: &Entry| !matches!(&entry.conds[..], [Cond::Nets(lines)] if lines.is_empty());
    [entry(true), entry(false)].into_iter().filter(used).collect()
}

/// An entry that sets LOCAL_PREF and goes on to the next.
pub fn pref(pref: u32) -> Entry {
    Entry { permit: true, conds: Vec::new(), changes: vec![Change::Pref(pref)], next: true }
}

/// An entry that denies routes with a LOCAL_PREF.
pub fn deny_pref(pref: u32) -> Entry {
    Entry { permit: false, conds: vec![Cond::Pref(pref)], changes: Vec::new(), next: false }
}

/// Entries that make updates big, each prefix's differently, and go on to the next.
pub fn ballast(nets: &[IpNet], least: u16) -> Vec<Entry> {
    let entry = |(at, net): (usize, &IpNet)| {
        let line = Line { permit: true, net: *net, ge: None, le: None };
        let changes = vec![Change::Ballast(least + at as u16)];
        Entry { permit: true, conds: vec![Cond::Nets(vec![line])], changes, next: true }
    };
    nets.iter().enumerate().map(entry).collect()
}
