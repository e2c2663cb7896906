//! Why a prefix is as it is: what the decision compared, what policy did, who was told what, what the kernel got.
//!
//! All of it is worked out when somebody asks, from what is kept anyway, by the code that decides, filters and tells.
//! Nothing is counted for it, and nothing changes.

use std::net::IpAddr;

use bgp::attrs::{AttrView, summarize};
use bgp::types::{Addr, Family, NextHop};
use ipnet::IpNet;

use crate::aggregate::is_aggregate;
use crate::best::{Candidate, Step, losses};
use crate::changes::ChangeView;
use crate::core::Core;
use crate::damping::Place;
use crate::family::{FamilyRib, candidate};
pub use crate::group::{Hindrance, Kept};
use crate::id::{HopSetId, PathIdx, PeerId, PrefixId};
use crate::intern::Provenance;
use crate::memo::{Asked, subject};
use crate::nexthop::Resolution;
use crate::policy::ast::SourceProtocol;
use crate::policy::eval::{Subject, Verdict};
use crate::policy::trace::{Detail, Met, Trace, Traced};
use crate::query::{self, PrefixView, RouteView};
use crate::shared::Shared;
use crate::table::{Path, path_flag};

/// What keeps a path out of the decision.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Obstacle {
    /// Import policy refuses it; it is kept all the same.
    Filtered,
    /// Its session ended.
    Stale,
    /// There is no way to its next hop.
    Unreachable,
    /// Its next hop is not on a network of ours, and the neighbour is to be next to us.
    NotConnected,
    /// It flaps.
    Damped,
    /// It is withdrawn, and only its flaps are remembered.
    Withdrawn,
}

/// How a path fared in the decision.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Standing {
    /// The best.
    Best,
    /// It lost to the path at this place.
    Lost {
        /// Place among the paths.
        to: usize,
        /// What was compared, in order, up to the step that decided.
        steps: Vec<Step>,
    },
    /// It did not take part.
    Out(Obstacle),
}

/// Why a path is where it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PathWhy {
    /// How it fared.
    pub standing: Standing,
    /// The way to its next hop.
    pub resolution: Resolution,
    /// Import policy, asked again about the route as it was received; none for our own.
    pub import: Option<Trace>,
    /// The attributes as they were received, where import made others of them.
    pub received: Option<Box<[u8]>>,
}

/// Why the kernel has BGP's route, or not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kernel {
    /// No path is the best.
    NoBest,
    /// Nothing of BGP goes to the kernel (`bgp no-rib`).
    Off,
    /// The best path is our own: others have the route to it.
    Ours,
    /// One of these route-maps denies it: `table-map`, `ip protocol bgp route-map`.
    Denied,
    /// Another protocol has a lower distance.
    Beaten {
        /// Which.
        by: SourceProtocol,
        /// Its distance.
        distance: u8,
        /// BGP's.
        ours: u8,
    },
    /// The kernel was told to discard.
    Discard,
    /// The kernel was told this set of next hops.
    Told(HopSetId),
}

/// Why a prefix is as it is, but for neighbours: those are asked about by [`Core::why_neighbor`], as there may be many.
#[derive(Clone, Debug)]
pub struct Why {
    /// The prefix with its paths.
    pub view: PrefixView,
    /// For each of them.
    pub paths: Vec<PathWhy>,
    /// The kernel.
    pub kernel: Kernel,
    /// Policy on the way to the kernel, by route-map.
    pub install: Vec<(String, Trace)>,
    /// The routes of all protocols, the one in use first.
    pub routes: Vec<RouteView>,
    /// The last changes of the best path, the newest first, as far as they are remembered.
    pub changes: Vec<ChangeView>,
    /// Neighbours.
    pub neighbors: Vec<PeerId>,
}

/// A route that nobody announced, to see what a route-map makes of it.
#[derive(Clone, Debug)]
pub struct TestRoute {
    /// The prefix.
    pub net: IpNet,
    /// Canonical attributes.
    pub block: Vec<u8>,
    /// Next hop.
    pub next_hop: Option<IpAddr>,
    /// The neighbour that it comes from or goes to.
    pub peer: Option<IpAddr>,
    /// The interface of an unnumbered neighbour.
    pub peer_interface: Option<String>,
    /// Tag.
    pub tag: u32,
    /// Interface of a redistributed route.
    pub interface: Option<String>,
    /// Where it is from.
    pub source: SourceProtocol,
    /// Metric to the next hop.
    pub igp_metric: u32,
}

/// What a neighbour has to do with a prefix.
#[derive(Clone, Debug)]
pub struct NeighborWhy {
    /// Which.
    pub peer: PeerId,
    /// It has a session with the family.
    pub session: bool,
    /// It has a session, perhaps without the family.
    pub up: bool,
    /// The table has a path of it.
    pub has_path: bool,
    /// Routes that policy refused since its session came up and that are not kept.
    pub refused: u64,
    /// Import policy refuses the prefix whatever the attributes are.
    pub would_refuse: Option<Met>,
    /// What it was told.
    pub told: Vec<ToldWhy>,
    /// What it was not told.
    pub not_told: Vec<NotTold>,
    /// It is about to be told something else.
    pub pending: bool,
    /// Nobody is told anything yet (`update-delay`, `advertisement-delay`).
    pub held: bool,
}

/// A route that a neighbour was told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ToldWhy {
    /// Place among the paths; none where the route comes of none, as a default route that is originated.
    pub path: Option<usize>,
    /// ADD-PATH identifier.
    pub path_id: u32,
    /// The attributes as they go out, with AS numbers in four octets, and the next hop.
    pub words: Option<(Vec<u8>, NextHop)>,
    /// Export policy.
    pub export: Option<Trace>,
}

/// A path that a neighbour was not told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotTold {
    /// Place among the paths.
    pub path: usize,
    /// What keeps it back; nothing if it is about to be told.
    pub why: Option<Hindrance>,
    /// Export policy, as far as it was asked.
    pub export: Option<Trace>,
}

impl Core {
    /// Why a prefix is as it is. One that the table does not know has no paths.
    pub fn why(&self, net: IpNet, changes: usize) -> Why {
        let mut neighbors = Vec::new();
        for (id, peer) in self.shared.peers.iter().enumerate() {
            if peer.as_ref().is_some_and(|p| p.family(Family::of(&net)).is_some()) {
                neighbors.push(PeerId(id as u16));
            }
        }
        let why = match net {
            IpNet::V4(_) => of_prefix(&self.v4, &self.shared, net, changes),
            IpNet::V6(_) => of_prefix(&self.v6, &self.shared, net, changes),
        };
        Why { neighbors, routes: self.routes(net), ..why }
    }

    /// What a neighbour has to do with a prefix; `None` if it is none, or has not the family.
    pub fn why_neighbor(&self, net: IpNet, peer: PeerId) -> Option<NeighborWhy> {
        let hold = self.hold_view();
        let held = hold.began.is_some() && hold.over.is_none();
        let why = match net {
            IpNet::V4(_) => of_neighbor(&self.v4, &self.shared, net, peer),
            IpNet::V6(_) => of_neighbor(&self.v6, &self.shared, net, peer),
        };
        why.map(|why| NeighborWhy { held, ..why })
    }

    /// What a route-map makes of a route; `None` if there is no such route-map.
    pub fn test_route_map(&self, name: &str, route: &TestRoute) -> Option<Traced> {
        let summary = summarize(&route.block);
        let subject = Subject {
            tag: route.tag,
            next_hop: route.next_hop,
            peer: route.peer,
            peer_interface: route.peer_interface.as_deref(),
            from: route.peer,
            from_interface: route.peer_interface.as_deref(),
            interface: route.interface.as_deref(),
            source: route.source,
            igp_metric: route.igp_metric,
            ..self.shared.plain_subject(route.net, AttrView::new(&route.block), &summary)
        };
        self.shared.policies.trace_map(name, &subject, Detail::All)
    }

    /// The last changes of best paths of a family, the newest first.
    pub fn changes(&self, family: Family, most: usize) -> Vec<ChangeView> {
        match family {
            Family::Ipv4Unicast => self.v4.changes.last(None, most),
            Family::Ipv6Unicast => self.v6.changes.last(None, most),
        }
    }
}

fn of_prefix<A: Addr>(rib: &FamilyRib<A>, shared: &Shared, net: IpNet, changes: usize) -> Why {
    let changes = rib.changes.last(Some(net), changes);
    let id = A::from_ip(net.network()).and_then(|addr| rib.table.find(addr, net.prefix_len()));
    let Some(id) = id else {
        return Why {
            view: query::no_paths(net),
            paths: Vec::new(),
            kernel: Kernel::NoBest,
            install: Vec::new(),
            routes: Vec::new(),
            changes,
            neighbors: Vec::new(),
        };
    };
    let (kernel, install) = of_kernel(rib, shared, id);
    let view = query::prefix_view(rib, shared, id);
    Why {
        paths: paths(rib, shared, id, net),
        view,
        kernel,
        install,
        routes: Vec::new(),
        changes,
        neighbors: Vec::new(),
    }
}

/// The paths in the order of the view.
fn paths<A: Addr>(rib: &FamilyRib<A>, shared: &Shared, id: PrefixId, net: IpNet) -> Vec<PathWhy> {
    let order: Vec<PathIdx> = rib.table.paths(id).map(|(idx, _)| idx).collect();
    let candidates: Vec<Candidate<'_>> =
        rib.table.paths(id).filter_map(|(idx, p)| candidate(shared, &p, idx)).collect();
    let place = |idx: PathIdx| order.iter().position(|o| *o == idx).unwrap_or(0);
    let losses = losses(&candidates, &shared.settings.best[A::FAMILY.index()]);
    let known = query::known_paths(rib, id);
    let of = |(at, (path, record)): (usize, (Path, Option<&crate::damping::Record>))| {
        let resolution = shared.next_hops.resolution(shared.attrs.get(path.attr).local.next_hop).clone();
        let fared = candidates.iter().position(|c| order.get(at) == Some(&c.path));
        let standing = match (fared.and_then(|i| losses.get(i)), record.map(|r| &r.place)) {
            (_, Some(Place::Held(_))) => Standing::Out(Obstacle::Damped),
            (_, Some(Place::Withdrawn(_))) => Standing::Out(Obstacle::Withdrawn),
            (Some(None), _) => Standing::Best,
            (Some(Some(loss)), _) => Standing::Lost {
                to: candidates.get(loss.to).map_or(0, |c| place(c.path)),
                steps: loss.steps.clone(),
            },
            (None, _) => Standing::Out(obstacle(shared, &path, &resolution)),
        };
        let received = (path.attr_in != path.attr).then(|| shared.block(path.attr_in));
        PathWhy { standing, import: import(shared, A::FAMILY, &path, net), received, resolution }
    };
    known.into_iter().enumerate().map(of).collect()
}

/// Why a path of the table takes no part in the decision.
fn obstacle(shared: &Shared, path: &Path, resolution: &Resolution) -> Obstacle {
    if path.has(path_flag::FILTERED) {
        return Obstacle::Filtered;
    }
    if shared.peer(path.peer).is_none_or(|p| p.generation != path.generation) {
        return Obstacle::Stale;
    }
    if resolution.usable() { Obstacle::NotConnected } else { Obstacle::Unreachable }
}

fn import(shared: &Shared, family: Family, path: &Path, net: IpNet) -> Option<Trace> {
    let spec = &shared.peer(path.peer)?.family(family)?.import;
    let asked = Asked { long_bandwidth: spec.long_bandwidth, ..Asked::default() };
    let subject = subject(shared, path.attr_in, net, Some(path.peer), asked);
    Some(shared.policies.trace_filter(family, spec, &subject).trace)
}

fn of_kernel<A: Addr>(rib: &FamilyRib<A>, shared: &Shared, id: PrefixId) -> (Kernel, Vec<(String, Trace)>) {
    let mut install = Vec::new();
    let Some(best) = rib.table.best(id) else { return (Kernel::NoBest, install) };
    if shared.settings.no_rib {
        return (Kernel::Off, install);
    }
    let ours = shared.attrs.get(best.attr).local.origin == Provenance::Local;
    if ours && !is_aggregate(&best) {
        return (Kernel::Ours, install);
    }
    let maps = &shared.settings.install[A::FAMILY.index()].bgp;
    let mut permitted = true;
    if !maps.is_empty() && !ours {
        let subject = rib.install_subject(shared, id, &best);
        for map in maps {
            // One that is not there permits, as FRR's zebra has it.
            let Some(traced) = shared.policies.trace_map(map, &subject, Detail::Matched) else { continue };
            permitted &= traced.verdict != Verdict::Deny;
            install.push((map.clone(), traced.trace));
        }
    }
    if !permitted {
        return (Kernel::Denied, install);
    }
    let entry = rib.table.prefix(id);
    let distance = rib.forwarding(shared, id).map_or(0, |(_, distance)| distance);
    let kernel = match rib.base.selected(entry.addr, entry.len) {
        Some(base) if base.distance <= distance => {
            Kernel::Beaten { by: base.source, distance: base.distance, ours: distance }
        }
        _ => match rib.fib.get(id.index()).copied().filter(|set| !set.is_none()) {
            Some(set) if shared.hop_sets.get(set).is_some_and(|s| !s.discard) => Kernel::Told(set),
            _ => Kernel::Discard,
        },
    };
    (kernel, install)
}

fn of_neighbor<A: Addr>(
    rib: &FamilyRib<A>,
    shared: &Shared,
    net: IpNet,
    peer: PeerId,
) -> Option<NeighborWhy> {
    let info = shared.peer(peer)?;
    let config = info.family(A::FAMILY)?;
    let id = A::from_ip(net.network()).and_then(|addr| rib.table.find(addr, net.prefix_len()));
    let known: Vec<Path> =
        id.map(|id| query::known_paths(rib, id).into_iter().map(|(p, _)| p).collect()).unwrap_or_default();
    let mut why = NeighborWhy {
        peer,
        session: info.session.as_ref().is_some_and(|s| s.families[A::FAMILY.index()]),
        up: info.session.is_some(),
        has_path: known.iter().any(|p| p.peer == peer),
        refused: info.counts[A::FAMILY.index()].refused,
        would_refuse: shared.policies.refuses(A::FAMILY, &config.import, &net),
        told: Vec::new(),
        not_told: Vec::new(),
        pending: false,
        held: false,
    };
    let (Some(id), Some(group)) = (id, rib.groups.iter().find(|g| g.members().contains(&peer))) else {
        return Some(why);
    };
    let originated = net.prefix_len() == 0 && group.key().originates_default();
    let considered = group.considered(shared, &rib.table, id);
    let number = |p: &Path| if group.several() { rib.table.path_number(p.peer, p.path_id) } else { 0 };
    let place = |p: &Path| known.iter().position(|k| (k.peer, k.path_id) == (p.peer, p.path_id));
    why.pending = group.is_about_to_tell(id);
    let routes: Vec<_> = group.told(id, peer).collect();
    for route in &routes {
        let path = considered.iter().find(|p| !originated && number(p) == route.id);
        why.told.push(ToldWhy {
            path: path.and_then(place),
            path_id: route.id,
            words: group.told_words(shared, *route),
            export: path.and_then(|p| group.judge(shared, &rib.table, id, p, peer).trace),
        });
    }
    if originated {
        return Some(why);
    }
    for (at, path) in known.iter().enumerate() {
        let considered = considered.iter().any(|c| (c.peer, c.path_id) == (path.peer, path.path_id));
        if !considered {
            // Who takes one path hears of the best; that the others are not told goes without saying.
            if group.several() && path.has(path_flag::VALID) {
                why.not_told.push(NotTold { path: at, why: Some(Hindrance::NotChosen), export: None });
            }
            continue;
        }
        if routes.iter().any(|r| r.id == number(path)) {
            continue;
        }
        let judged = group.judge(shared, &rib.table, id, path, peer);
        why.not_told.push(NotTold { path: at, why: judged.hindrance, export: judged.trace });
    }
    Some(why)
}
