//! Looking into the table, for `show`, metrics and tests. Views are copies: the reader formats them elsewhere.

use std::net::{IpAddr, Ipv4Addr};

use bgp::attrs::{Summary, flag};
use bgp::types::{Addr, Family, NextHop};
use ipnet::IpNet;

use crate::aggregate::is_aggregate;
use crate::base::{BaseRoute, BaseTarget, Discard};
use crate::best::{Candidate, Reason, decide};
use crate::core::Core;
use crate::damping::{Key, Place, Record};
use crate::family::{FamilyRib, candidate};
use crate::group::choice::chosen;
use crate::id::{AttrId, PathIdx, PeerId, PrefixId};
use crate::intern::Provenance;
use crate::nexthop::{Member, NextHopKey, Resolution, ResolvedHop};
use crate::peer::{AddPaths, PeerCounts};
use crate::policy::ast::{RpkiState, SourceProtocol};
use crate::policy::compile::{Counts, Program};
use crate::policy::eval::Verdict;
use crate::resolve;
use crate::shared::Shared;
use crate::table::{Path, path_flag};

/// One path of a prefix.
#[derive(Clone, Debug)]
pub struct PathView {
    /// Whose; [`PeerId::LOCAL`] for our own.
    pub peer: PeerId,
    /// Its address; `None` for our own.
    pub peer_addr: Option<IpAddr>,
    /// Its router id.
    pub router_id: Ipv4Addr,
    /// From whom.
    pub origin: Provenance,
    /// Canonical attributes, after import policy unless asked for as received.
    pub block: Box<[u8]>,
    /// Decision fields of `block`.
    pub summary: Summary,
    /// LOCAL_PREF that counts, given or default.
    pub local_pref: u32,
    /// Next hop.
    pub next_hop: NextHopKey,
    /// The next hop is usable.
    pub accessible: bool,
    /// Metric to the next hop.
    pub igp_metric: u32,
    /// Weight.
    pub weight: u32,
    /// Tag.
    pub tag: u32,
    /// May be chosen.
    pub valid: bool,
    /// Chosen.
    pub best: bool,
    /// Shares the load.
    pub multipath: bool,
    /// Refused by import policy, kept for soft reconfiguration.
    pub filtered: bool,
    /// Not told, because an aggregate covers it.
    pub suppressed: bool,
    /// For an aggregate: the paths that it is made of.
    pub aggregated: Option<u32>,
    /// From a session that ended.
    pub stale: bool,
    /// ADD-PATH identifier that its neighbour gave it.
    pub path_id: u32,
    /// ADD-PATH identifiers under which neighbours are told it.
    pub numbers: PathNumbers,
    /// Neighbours that were told it.
    pub advertised_to: Vec<PeerId>,
    /// When it last changed, seconds of the shell's clock.
    pub since: u32,
    /// Origin validation; `None` while nothing is validated.
    pub rpki: Option<RpkiState>,
    /// What is known of its flaps.
    pub flaps: Option<FlapsView>,
}

/// How a route flapped (RFC 2439).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FlapsView {
    /// What is left of the penalties.
    pub penalty: u32,
    /// Flaps since `started`.
    pub flaps: u32,
    /// When the first one was, seconds of the shell's clock.
    pub started: u32,
    /// Not used, though announced or announced again, before `reuse` seconds are over.
    pub suppressed: bool,
    /// Not announced any more, only remembered.
    pub withdrawn: bool,
    /// Seconds until it is suppressed no more.
    pub reuse: u32,
}

/// Under which identifier neighbours are told a path (RFC 7911), by the choice of paths that they get; 0 where they do
/// not get it, and all 0 while nobody takes several paths.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PathNumbers {
    /// [`AddPaths::All`].
    pub all: u32,
    /// [`AddPaths::BestPerAs`].
    pub best_per_as: u32,
    /// [`AddPaths::Best`].
    pub best: u32,
}

/// A prefix with its paths, best first.
#[derive(Clone, Debug)]
pub struct PrefixView {
    /// The prefix.
    pub net: IpNet,
    /// Table version of the last change of the best path.
    pub version: u32,
    /// Its paths.
    pub paths: Vec<PathView>,
    /// Why the best path is the best.
    pub reason: Option<Reason>,
    /// BGP's route of it is what the kernel was told.
    pub installed: bool,
    /// The kernel has not said yet that it is there, and neighbours wait for that.
    pub waits: bool,
}

/// A prefix as a neighbour was told.
#[derive(Clone, Debug)]
pub struct AdvertisedView {
    /// The prefix.
    pub net: IpNet,
    /// Path identifier; 0 without ADD-PATH.
    pub path_id: u32,
    /// Attributes, before our AS is put in front.
    pub block: Vec<u8>,
    /// Next hop; `None` is our own address.
    pub next_hop: Option<NextHop>,
    /// From whom.
    pub origin: Provenance,
}

/// One route of a prefix in the routing table, BGP's or another's.
#[derive(Clone, Debug)]
pub struct RouteView {
    /// Whose.
    pub source: SourceProtocol,
    /// For BGP: from an internal neighbour.
    pub internal: bool,
    /// Administrative distance.
    pub distance: u8,
    /// Metric.
    pub metric: u32,
    /// Tag.
    pub tag: u32,
    /// In use.
    pub selected: bool,
    /// Usable.
    pub active: bool,
    /// When it last changed, seconds.
    pub since: u32,
    /// A discard route.
    pub discard: Option<Discard>,
    /// Preferred source address in the kernel.
    pub prefer: Option<IpAddr>,
    /// Next hops with the ways they resolve to.
    pub hops: Vec<Via>,
}

/// A next hop of a route.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Via {
    /// What it is.
    pub key: NextHopKey,
    /// The ways that it resolves to.
    pub hops: Vec<ResolvedHop>,
    /// Its share.
    pub weight: u8,
}

/// A next hop and what became of it.
#[derive(Clone, Debug)]
pub struct NextHopView {
    /// What it is.
    pub key: NextHopKey,
    /// The way.
    pub resolution: Resolution,
    /// Paths of BGP with it.
    pub paths: usize,
    /// Policy keeps it from that way (`ip nht PROTO route-map`): it counts as unresolved.
    pub withheld: bool,
    /// When it last changed, seconds.
    pub since: u32,
}

/// What depends on conditions of what a neighbour is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct OnCondition {
    /// The routes that `advertise-map` permits are told.
    pub advertised: bool,
    /// The route that `default-originate` asks for is told.
    pub default_told: bool,
}

/// An update group.
#[derive(Clone, Debug)]
pub struct GroupView {
    /// Family.
    pub family: Family,
    /// Members.
    pub members: Vec<PeerId>,
    /// Nothing is left to tell.
    pub idle: bool,
    /// Prefixes told.
    pub told: usize,
    /// Messages may have up to 65535 octets.
    pub extended_message: bool,
    /// Estimated memory in octets.
    pub memory: usize,
}

/// Sizes of one family.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    /// Table version.
    pub version: u32,
    /// Prefixes with BGP paths.
    pub prefixes: usize,
    /// BGP paths.
    pub paths: usize,
    /// Paths that are announced but suppressed for flapping; not in `paths`.
    pub damped: usize,
    /// Withdrawn paths whose flaps are remembered; not in `paths`.
    pub history: usize,
    /// Attribute sets, of both families.
    pub sets: usize,
    /// Estimated memory of tables, sets and groups in octets; sets are of both families.
    pub memory: usize,
}

impl Core {
    /// The prefix of a slot, if it still is `net`.
    pub fn prefix_at(&self, net: IpNet, slot: u32) -> Option<PrefixView> {
        fn at<A: Addr>(rib: &FamilyRib<A>, shared: &Shared, net: IpNet, slot: u32) -> Option<PrefixView> {
            let id = rib.table.live(slot as usize)?;
            (rib.table.prefix(id).net() == net).then(|| prefix_view(rib, shared, id))
        }
        by_family!(self, Family::of(&net), |rib| at(rib, &self.shared, net, slot))
    }

    /// The prefix of a slot with those of its paths that a route-map permits.
    pub fn permitted_at(&self, net: IpNet, slot: u32, route_map: &str) -> Option<PrefixView> {
        fn permitted<A: Addr>(rib: &FamilyRib<A>, shared: &Shared, slot: u32, map: &Program) -> Vec<bool> {
            let Some(id) = rib.table.live(slot as usize) else { return Vec::new() };
            let net = rib.table.prefix(id).net();
            let permits = |path: &Path| {
                let peer = Some(path.peer).filter(|p| *p != PeerId::LOCAL);
                map.run(&shared.subject(path.attr, net, peer)) != Verdict::Deny
            };
            known_paths(rib, id).iter().map(|(path, _)| permits(path)).collect()
        }
        let mut view = self.prefix_at(net, slot)?;
        let map = self.shared.policies.route_map(route_map)?;
        let permitted = by_family!(self, Family::of(&net), |rib| permitted(rib, &self.shared, slot, &map));
        let mut permitted = permitted.into_iter();
        view.paths.retain(|_| permitted.next() == Some(true));
        Some(view)
    }

    /// A prefix with its paths.
    pub fn prefix(&self, net: IpNet) -> Option<PrefixView> {
        fn view<A: Addr>(rib: &FamilyRib<A>, shared: &Shared, net: IpNet) -> Option<PrefixView> {
            let id = rib.table.find(A::from_ip(net.network())?, net.prefix_len())?;
            (!rib.table.head(id).is_none() || remembered(rib, id)).then(|| prefix_view(rib, shared, id))
        }
        by_family!(self, Family::of(&net), |rib| view(rib, &self.shared, net))
    }

    /// The longest BGP prefix with a path that covers an address.
    pub fn longest(&self, addr: IpAddr) -> Option<PrefixView> {
        fn view<A: Addr>(rib: &FamilyRib<A>, shared: &Shared, addr: IpAddr) -> Option<PrefixView> {
            let has_paths = |id: PrefixId| !rib.table.head(id).is_none() || remembered(rib, id);
            let id = rib.table.longest_match(A::from_ip(addr)?, A::BITS, has_paths)?;
            Some(prefix_view(rib, shared, id))
        }
        by_family!(self, Family::of(&addr.into()), |rib| view(rib, &self.shared, addr))
    }

    /// A neighbour's paths of the prefix in a slot as it sent them, before import policy.
    pub fn received_at(&self, net: IpNet, slot: u32, peer: PeerId) -> Option<PrefixView> {
        fn at<A: Addr>(
            rib: &FamilyRib<A>,
            shared: &Shared,
            net: IpNet,
            slot: u32,
            peer: PeerId,
        ) -> Option<PrefixView> {
            let id = rib.table.live(slot as usize)?;
            let entry = rib.table.prefix(id);
            if entry.net() != net {
                return None;
            }
            let withdrawn = |r: Option<&Record>| r.is_some_and(|r| matches!(r.place, Place::Withdrawn(_)));
            let known = known_paths(rib, id).into_iter();
            let own = known.filter(|(path, r)| path.peer == peer && !withdrawn(*r));
            let paths: Vec<PathView> =
                own.map(|(path, _)| path_view(shared, &path, path.attr_in, net)).collect();
            (!paths.is_empty()).then_some(PrefixView {
                net,
                version: entry.version,
                paths,
                reason: None,
                installed: false,
                waits: false,
            })
        }
        by_family!(self, Family::of(&net), |rib| at(rib, &self.shared, net, slot, peer))
    }

    /// Whether a neighbour has a path of the prefix in a slot.
    pub fn has_path_of(&self, net: IpNet, slot: u32, peer: PeerId) -> bool {
        self.prefix_at(net, slot).is_some_and(|p| p.paths.iter().any(|p| p.peer == peer))
    }

    /// What a neighbour was told of the prefix in a slot: one route, or several with ADD-PATH.
    pub fn advertised(&self, peer: PeerId, net: IpNet, slot: u32) -> Vec<AdvertisedView> {
        fn views<A: Addr>(
            rib: &FamilyRib<A>,
            shared: &Shared,
            peer: PeerId,
            net: IpNet,
            slot: u32,
        ) -> Option<Vec<AdvertisedView>> {
            let id = rib.table.live(slot as usize)?;
            let group = rib.groups.iter().find(|g| g.members().contains(&peer))?;
            let view = |route| {
                let (block, next_hop) = group.as_told(shared, route);
                let origin = shared.attrs.get(route.attr).local.origin;
                AdvertisedView { net, path_id: route.id, block, next_hop, origin }
            };
            Some(group.told(id, peer).map(view).collect())
        }
        by_family!(self, Family::of(&net), |rib| views(rib, &self.shared, peer, net, slot))
            .unwrap_or_default()
    }

    /// Path counts of a neighbour.
    pub fn counts(&self, peer: PeerId, family: Family) -> PeerCounts {
        self.shared.peer(peer).map(|p| p.counts[family.index()]).unwrap_or_default()
    }

    /// Prefixes that a neighbour was told. Counts them: not for metrics.
    pub fn advertised_count(&self, peer: PeerId, family: Family) -> usize {
        by_family!(self, family, |rib| rib
            .groups
            .iter()
            .find(|g| g.members().contains(&peer))
            .map_or(0, |g| g.told_count(peer)))
    }

    /// For each neighbour the routes that it and those who are told the same are told together; without such others,
    /// what it is told.
    pub fn told_together(&self, family: Family) -> Vec<(PeerId, usize)> {
        fn all<A: Addr>(rib: &FamilyRib<A>) -> Vec<(PeerId, usize)> {
            let groups = rib.groups.iter().map(|g| (g.members().to_vec(), g.told_together()));
            groups.flat_map(|(members, told)| members.into_iter().map(move |m| (m, told))).collect()
        }
        by_family!(self, family, |rib| all(rib))
    }

    /// What depends on conditions of what a neighbour is told.
    pub fn on_condition(&self, peer: PeerId, family: Family) -> OnCondition {
        by_family!(self, family, |rib| rib
            .groups
            .iter()
            .find(|g| g.members().contains(&peer))
            .map_or(OnCondition::default(), |g| g.on_condition()))
    }

    /// Sizes of a family.
    pub fn totals(&self, family: Family) -> Totals {
        by_family!(self, family, |rib| Totals {
            version: rib.version,
            prefixes: rib.table.len(),
            paths: rib.table.path_count(),
            damped: rib.damping.as_ref().map_or(0, |d| d.counts().0),
            history: rib.damping.as_ref().map_or(0, |d| d.counts().1),
            sets: self.shared.attrs.len(),
            memory: rib.table.memory()
                + rib.damping.as_ref().map_or(0, |d| d.memory())
                + self.shared.attrs.memory()
                + rib.groups.iter().map(|g| g.memory()).sum::<usize>(),
        })
    }

    /// The update groups.
    pub fn groups(&self) -> Vec<GroupView> {
        fn views<A: Addr>(rib: &FamilyRib<A>, out: &mut Vec<GroupView>) {
            out.extend(rib.groups.iter().map(|g| GroupView {
                family: A::FAMILY,
                members: g.members().to_vec(),
                idle: g.idle(),
                told: g.told_to_all(),
                extended_message: g.key().extended_message(),
                memory: g.memory(),
            }));
        }
        let mut out = Vec::new();
        views(&self.v4, &mut out);
        views(&self.v6, &mut out);
        out
    }

    /// All next hops. Counts all paths: not for metrics.
    pub fn next_hops(&self) -> Vec<NextHopView> {
        fn count<A: Addr>(rib: &FamilyRib<A>, shared: &Shared, paths: &mut [usize]) {
            for path in rib.table.iter().flat_map(|(id, _)| rib.table.paths(id)).map(|(_, path)| path) {
                let next_hop = shared.attrs.get(path.attr).local.next_hop;
                if let Some(n) = paths.get_mut(next_hop.index()).filter(|_| !path.has(path_flag::FILTERED)) {
                    *n += 1;
                }
            }
        }
        let mut paths = vec![0; self.shared.next_hops.bound()];
        count(&self.v4, &self.shared, &mut paths);
        count(&self.v6, &self.shared, &mut paths);
        let now = resolve::present(&self.shared);
        self.shared
            .next_hops
            .iter()
            .map(|(id, e)| {
                let withheld = match e.resolution {
                    Resolution::Unresolved => {
                        resolve::withheld(&self.shared, &self.v4, &self.v6, Some(id), &e.key, &now)
                    }
                    _ => None,
                };
                NextHopView {
                    key: e.key.clone(),
                    withheld: withheld.is_some(),
                    resolution: withheld.unwrap_or_else(|| e.resolution.clone()),
                    paths: paths.get(id.index()).copied().unwrap_or(0),
                    since: e.since,
                }
            })
            .collect()
    }

    /// Whether policy keeps BGP from addresses that could be reached (`ip nht bgp route-map`).
    pub fn withheld(&self, addresses: &[IpAddr]) -> Vec<bool> {
        let now = resolve::present(&self.shared);
        let key = |addr| NextHopKey { addr: Some(addr), ..NextHopKey::default() };
        let of = |addr: &IpAddr| {
            resolve::withheld(&self.shared, &self.v4, &self.v6, None, &key(*addr), &now).is_some()
        };
        addresses.iter().map(of).collect()
    }

    /// How often policies were asked.
    pub fn policy_counts(&self) -> Counts {
        self.shared.policies.counts()
    }

    /// Counts from zero how often policies are asked.
    pub fn clear_policy_counts(&self) {
        self.shared.policies.clear_counts();
    }

    /// The routes of a prefix in the routing table, the used one first.
    pub fn routes(&self, net: IpNet) -> Vec<RouteView> {
        by_family!(self, Family::of(&net), |rib| routes_of(rib, &self.shared, net))
    }

    /// The longest prefix with a used route that covers an address.
    pub fn route_to(&self, addr: IpAddr) -> Option<IpNet> {
        fn longest<A: Addr>(core: &Core, rib: &FamilyRib<A>, addr: A) -> Option<IpNet> {
            (0..=A::BITS).rev().map(|len| addr.mask(len).to_net(len)).find(|net| {
                let key = A::from_ip(net.network()).unwrap_or(addr);
                let known = !rib.base.get(key, net.prefix_len()).is_empty()
                    || rib.table.find_length(key, net.prefix_len()).is_some();
                known && core.routes(*net).iter().any(|r| r.selected)
            })
        }
        match addr {
            IpAddr::V4(a) => longest(self, &self.v4, u32::from(a)),
            IpAddr::V6(a) => longest(self, &self.v6, u128::from(a)),
        }
    }
}

/// A prefix that the table does not have.
pub fn no_paths(net: IpNet) -> PrefixView {
    PrefixView { net, version: 0, paths: Vec::new(), reason: None, installed: false, waits: false }
}

pub(crate) fn prefix_view<A: Addr>(rib: &FamilyRib<A>, shared: &Shared, id: PrefixId) -> PrefixView {
    let entry = rib.table.prefix(id);
    let net = entry.net();
    let known = known_paths(rib, id).into_iter();
    let mut paths: Vec<PathView> = known
        .map(|(path, record)| {
            let view = path_view(shared, &path, path.attr, net);
            let Some(record) = record else { return view };
            let aside = !matches!(record.place, Place::Table);
            let valid = view.valid || aside && view.accessible;
            PathView { valid, flaps: Some(flaps_view(shared, path.peer, net, record)), ..view }
        })
        .collect();
    if let Some(path) = rib.table.paths(id).position(|(_, p)| is_aggregate(&p)).and_then(|i| paths.get_mut(i))
    {
        path.aggregated = rib.aggregated(entry.addr, entry.len);
    }
    for several in rib.groups.iter().filter_map(|g| g.key().add_paths) {
        for told in chosen(several, shared, &rib.table, id) {
            let is_it = |p: &&mut PathView| (p.peer, p.path_id) == (told.peer, told.path_id);
            let Some(path) = paths.iter_mut().find(is_it) else { continue };
            let number = match several.which {
                AddPaths::All => &mut path.numbers.all,
                AddPaths::BestPerAs => &mut path.numbers.best_per_as,
                AddPaths::Best(_) => &mut path.numbers.best,
            };
            *number = rib.table.path_number(told.peer, told.path_id);
        }
    }
    let candidates: Vec<Candidate<'_>> =
        rib.table.paths(id).filter_map(|(idx, p)| candidate(shared, &p, idx)).collect();
    let reason = decide(&candidates, &shared.settings.best[A::FAMILY.index()]).map(|d| d.reason);
    // A default route that is told whatever the table has is none of these paths.
    let telling = rib.groups.iter().filter(|g| entry.len != 0 || !g.key().originates_default());
    for (group, member) in telling.flat_map(|g| g.members().iter().map(move |m| (g, *m))) {
        for told in group.told(id, member) {
            let is_it = |p: &&mut PathView| match told.id {
                0 => p.best,
                number => rib.table.path_number(p.peer, p.path_id) == number,
            };
            paths.iter_mut().filter(is_it).for_each(|p| p.advertised_to.push(member));
        }
    }
    PrefixView {
        net,
        version: entry.version,
        paths,
        reason,
        installed: rib.fib.get(id.index()).is_some_and(|h| !h.is_none()),
        waits: entry.waits,
    }
}

/// Whether damping knows of paths that are not in the table.
pub(crate) fn remembered<A: Addr>(rib: &FamilyRib<A>, id: PrefixId) -> bool {
    rib.damping.as_ref().is_some_and(|d| d.knows(id))
}

/// The paths of a prefix in the table, and behind them those that damping holds or remembers.
pub(crate) fn known_paths<A: Addr>(rib: &FamilyRib<A>, id: PrefixId) -> Vec<(Path, Option<&Record>)> {
    let damping = rib.damping.as_deref();
    let of = |p: &Path| damping?.get(Key { id, peer: p.peer, path_id: p.path_id });
    let mut known: Vec<_> = rib.table.paths(id).map(|(_, path)| (path, of(&path))).collect();
    for (key, record) in damping.iter().flat_map(|d| d.of(id)) {
        let (Place::Held(kept) | Place::Withdrawn(kept)) = record.place else { continue };
        let path = Path {
            next: PathIdx::NONE,
            attr: kept.attr,
            attr_in: kept.attr_in,
            path_id: key.path_id,
            since: kept.since,
            peer: key.peer,
            flags: 0,
            generation: kept.generation,
        };
        known.push((path, Some(record)));
    }
    known
}

fn flaps_view(shared: &Shared, peer: PeerId, net: IpNet, record: &Record) -> FlapsView {
    // What is no longer damped is on its way out.
    let parameters = shared.peer(peer).and_then(|p| p.config.damping(Family::of(&net))).unwrap_or_default();
    FlapsView {
        penalty: record.penalty(&parameters, shared.now) as u32,
        flaps: record.flaps,
        started: record.started,
        suppressed: record.suppressed,
        withdrawn: matches!(record.place, Place::Withdrawn(_)),
        reuse: if record.suppressed { record.due.saturating_sub(shared.now) } else { 0 },
    }
}

/// A path with one of its attribute sets: after import policy, or as the neighbour sent it.
fn path_view(shared: &Shared, path: &Path, attr: AttrId, net: IpNet) -> PathView {
    let set = shared.attrs.get(attr);
    let entry = shared.next_hops.get(set.local.next_hop);
    let peer = shared.peer(path.peer);
    let session = peer.and_then(|p| p.session.as_ref());
    let default = shared.settings.best[Family::of(&net).index()].default_local_pref;
    PathView {
        peer: path.peer,
        peer_addr: peer.map(|p| p.config.addr),
        router_id: session.map_or(Ipv4Addr::from(shared.settings.router_id), |s| s.router_id),
        origin: set.local.origin,
        block: shared.block(attr),
        summary: *set.summary,
        local_pref: if set.summary.has(flag::LOCAL_PREF) { set.summary.local_pref } else { default },
        next_hop: entry.map(|e| e.key.clone()).unwrap_or_default(),
        accessible: entry.is_some_and(|e| e.resolution.usable()),
        igp_metric: entry.map_or(0, |e| e.resolution.metric()),
        weight: set.local.weight,
        tag: set.local.tag,
        valid: path.has(path_flag::VALID),
        best: path.has(path_flag::BEST),
        multipath: path.has(path_flag::MULTIPATH),
        filtered: path.has(path_flag::FILTERED),
        suppressed: path.has(path_flag::SUPPRESSED),
        aggregated: None,
        stale: peer.is_some_and(|p| p.generation != path.generation),
        path_id: path.path_id,
        numbers: PathNumbers::default(),
        advertised_to: Vec::new(),
        since: path.since,
        rpki: shared.rpki_state(attr, net),
        flaps: None,
    }
}

fn routes_of<A: Addr>(rib: &FamilyRib<A>, shared: &Shared, net: IpNet) -> Vec<RouteView> {
    let (Some(addr), len) = (A::from_ip(net.network()), net.prefix_len()) else { return Vec::new() };
    let mut routes: Vec<RouteView> = rib
        .base
        .get(addr, len)
        .iter()
        .map(|r| {
            let installed = rib.install_base(shared, addr, len, r);
            let view = base_view(shared, r);
            RouteView { active: view.active && installed.is_some(), prefer: installed.flatten(), ..view }
        })
        .collect();
    let id = rib.table.find(addr, len).filter(|_| !shared.settings.no_rib);
    if let Some(id) = id
        && let Some(best) = rib.table.best(id)
        && let Some((members, distance)) = rib.forwarding(shared, id)
        && (shared.attrs.get(best.attr).local.origin != Provenance::Local || is_aggregate(&best))
    {
        let set = shared.attrs.get(best.attr);
        let installed = rib.install_path(shared, id, &best);
        let discard = is_aggregate(&best)
            || members
                .iter()
                .all(|m| matches!(shared.next_hops.resolution(m.next_hop), Resolution::Discard { .. }));
        routes.push(RouteView {
            source: SourceProtocol::Bgp,
            internal: set.local.origin != Provenance::External,
            distance,
            metric: if set.summary.has(flag::MED) { set.summary.med } else { 0 },
            tag: set.local.tag,
            selected: false,
            active: installed.is_some(),
            prefer: installed.flatten(),
            since: best.since,
            discard: discard.then_some(Discard::Blackhole),
            hops: members.iter().filter_map(|m| hop_view(shared, m)).collect(),
        });
    }
    let best =
        routes.iter().enumerate().filter(|(_, r)| r.active).min_by_key(|(_, r)| r.distance).map(|(i, _)| i);
    if let Some(best) = best {
        routes[best].selected = true;
        routes.swap(0, best);
    }
    routes
}

fn hop_view(shared: &Shared, member: &Member) -> Option<Via> {
    let entry = shared.next_hops.get(member.next_hop)?;
    let hops = match &entry.resolution {
        Resolution::Resolved { hops, .. } => hops.to_vec(),
        _ => Vec::new(),
    };
    Some(Via { key: entry.key.clone(), hops, weight: member.weight.max(1) })
}

fn base_view(shared: &Shared, route: &BaseRoute) -> RouteView {
    let direct = |h: &ResolvedHop| {
        let key = NextHopKey { addr: h.gateway, ..NextHopKey::default() };
        Via { key, hops: vec![*h], weight: 1 }
    };
    let (discard, hops) = match &route.target {
        BaseTarget::Direct(hops) => (None, hops.iter().map(direct).collect()),
        BaseTarget::Hops(id) => {
            let set = shared.hop_sets.get(*id);
            let members = set.map(|s| s.members.as_slice()).unwrap_or_default();
            let discard = set.is_some_and(|s| s.discard).then_some(Discard::Blackhole);
            (discard, members.iter().filter_map(|m| hop_view(shared, m)).collect())
        }
        BaseTarget::Discard(kind) => (Some(*kind), Vec::new()),
    };
    RouteView {
        source: route.source,
        internal: false,
        distance: route.distance,
        metric: route.metric,
        tag: route.tag,
        selected: false,
        active: route.active,
        prefer: None,
        since: route.since,
        discard,
        hops,
    }
}
