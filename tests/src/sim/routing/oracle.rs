//! What every router should know and do, worked out from the configuration alone.
//!
//! The rules are those of RFC 4271 and of FRR's users, written down once more and as plainly as possible. A table here
//! is what each neighbour tells; nothing is remembered, shared or packed.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use rib::peer::NextHopSelf;

use super::plan::{self, Plan, Router, Side};
use super::policy;
use super::route::{DEFAULT_PREF, NO_ADVERTISE, NO_EXPORT, Route};

/// Whose path it is: a side's number, or the router's own.
pub type From = Option<usize>;

/// All paths of a router to a prefix.
pub type Paths = BTreeMap<From, Path>;

/// A path with what the decision needs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Path {
    /// The route after import.
    pub route: Route,
    /// From another AS.
    pub external: bool,
    /// Its next hop can be reached: over which segment, to which router.
    pub way: Option<(usize, usize)>,
    /// When it came, if age counts.
    pub since: u32,
    /// Id of the neighbour.
    pub id: Ipv4Addr,
    /// Address of the neighbour.
    pub neighbor: Option<IpAddr>,
}

/// What a router decides.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Choice {
    /// The best path.
    pub best: Option<From>,
    /// All that share the load, the best among them.
    pub members: BTreeSet<From>,
}

/// Best paths by router and prefix: enough to work out everything else.
pub type Bests = Vec<BTreeMap<IpNet, (From, Route)>>;

fn v6(net: IpNet) -> bool {
    matches!(net, IpNet::V6(_))
}

/// What a router tells a neighbour of a prefix, given its best path; `None` for nothing.
pub fn told(plan: &Plan, n: usize, side: usize, net: IpNet, best: &(From, Route)) -> Option<Route> {
    let router = &plan.routers[n];
    let side_at = &router.sides[side];
    let session = &plan.sessions[side_at.session];
    let (from, route) = best;
    if !session.families[usize::from(v6(net))] || *from == Some(side) {
        return None;
    }
    let internal = |from: usize| router.sides[from].internal;
    if side_at.internal && from.is_some_and(internal) {
        return None;
    }
    if route.communities.contains(&NO_ADVERTISE)
        || (!side_at.internal && route.communities.contains(&NO_EXPORT))
    {
        return None;
    }
    let mut route = route.clone();
    if !side_at.internal && from.is_some() {
        // Another AS's metric is not for a third one; policy may set ours.
        route.med = None;
    }
    let mut route = match &side_at.export {
        Some(export) => policy::run(export, net, &route)?,
        None => route,
    };
    if side_at.internal {
        route.pref = Some(route.pref.unwrap_or(DEFAULT_PREF));
    } else {
        route.pref = None;
        route.path.insert(0, router.asn);
    }
    if !side_at.communities {
        (route.communities, route.ballast) = (BTreeSet::new(), 0);
    }
    route.next_hop = Some(next_hop(plan, n, side_at, net, from.map(internal), route.next_hop)?);
    Some(route)
}

/// RFC 4271 section 5.1.3. `internal` is where the route came from; `None` for our own.
fn next_hop(
    plan: &Plan,
    n: usize,
    side: &Side,
    net: IpNet,
    internal: Option<bool>,
    received: Option<IpAddr>,
) -> Option<IpAddr> {
    let session = &plan.sessions[side.session];
    let segment = &plan.segments[session.segment];
    let theirs = plan::address(session.segment, side.other, session.over_v6);
    let may_stay = |hop: &IpAddr| {
        let self_here = match (side.next_hop_self, internal) {
            (NextHopSelf::Off, _) => false,
            (NextHopSelf::On, Some(true)) => !side.internal,
            _ => true,
        };
        let shared = segment.families[usize::from(hop.is_ipv6())]
            && plan::network(session.segment, hop.is_ipv6()).contains(hop)
            && hop.is_ipv6() == v6(net);
        *hop != theirs && !self_here && (side.internal || shared)
    };
    if let Some(hop) = received.filter(may_stay)
        && (hop.is_ipv6() == v6(net) || session.extended_next_hop)
    {
        return Some(hop);
    }
    let own = |v6: bool| segment.families[usize::from(v6)].then(|| plan::address(session.segment, n, v6));
    match v6(net) {
        true => own(true),
        false => own(true).filter(|_| session.extended_next_hop).or(own(false)),
    }
}

/// What a neighbour keeps of what it is told.
pub fn kept(plan: &Plan, m: usize, side: usize, net: IpNet, told: &Route) -> Option<Route> {
    let router = &plan.routers[m];
    let side = &router.sides[side];
    if told.path.contains(&router.asn) {
        return None;
    }
    match &side.import {
        Some(import) => policy::run(import, net, told),
        None => Some(told.clone()),
    }
}

/// The way to a next hop: it must be on a network that the router is connected to, and not be the router itself.
fn way(plan: &Plan, n: usize, hop: IpAddr) -> Option<(usize, usize)> {
    let on = |s: &usize| {
        let segment = &plan.segments[*s];
        let here = segment.members.contains(&n) && segment.families[usize::from(hop.is_ipv6())];
        here && plan::network(*s, hop.is_ipv6()).contains(&hop)
    };
    let segment = (0..plan.segments.len()).find(on)?;
    let router = plan::whose(segment, hop, plan)?;
    (router != n).then_some((segment, router))
}

/// The side of a router that faces the other end of a session.
fn facing(plan: &Plan, n: usize, session: usize) -> usize {
    let find = |s: &Side| s.session == session;
    plan.routers[n].sides.iter().position(find).expect("a session has two sides")
}

/// All paths of a router to a prefix, given what its neighbours think best. `since` tells the age of a path.
pub fn paths(plan: &Plan, n: usize, net: IpNet, bests: &Bests, since: impl Fn(From) -> u32) -> Paths {
    let router = &plan.routers[n];
    let mut paths = Paths::new();
    if router.networks.contains(&net) {
        // The metric of the route that is announced, if somebody else has one.
        let med = router.foreign.range((net, 0)..).next().filter(|(of, _)| *of == net).map_or(0, |(_, m)| *m);
        let path = Path {
            route: Route { med: Some(med), ..Route::own() },
            external: false,
            way: None,
            since: since(None),
            id: router.id,
            neighbor: None,
        };
        paths.insert(None, path);
    }
    for (at, side) in router.sides.iter().enumerate() {
        let session = &plan.sessions[side.session];
        let Some(best) = bests[side.other].get(&net) else { continue };
        let back = facing(plan, side.other, side.session);
        let Some(route) = told(plan, side.other, back, net, best) else { continue };
        let Some(route) = kept(plan, n, at, net, &route) else { continue };
        let way = route.next_hop.and_then(|hop| way(plan, n, hop));
        let path = Path {
            external: !side.internal,
            way,
            since: since(Some(at)),
            id: plan.routers[side.other].id,
            neighbor: Some(plan::address(session.segment, side.other, session.over_v6)),
            route,
        };
        paths.insert(Some(at), path);
    }
    paths
}

/// RFC 4271 section 9.1.2.2, as FRR's users know it.
pub fn choose(router: &Router, paths: &Paths) -> Choice {
    let usable: Vec<(From, &Path)> =
        paths.iter().filter(|(from, p)| from.is_none() || p.way.is_some()).map(|(f, p)| (*f, p)).collect();
    let o = &router.best;
    let neighbor = |p: &Path| if o.always_compare_med { 0 } else { p.route.neighbor_as() };
    let med = |p: &Path| p.route.med.unwrap_or(if o.med_missing_as_worst { u32::MAX } else { 0 });
    // Everything up to the point where paths count as equal; MED only among those of one neighbouring AS.
    let equal = |a: &(From, &Path), b: &(From, &Path)| {
        let ((fa, a), (fb, b)) = (a, b);
        fb.is_none()
            .cmp(&fa.is_none())
            .then(b.route.local_pref().cmp(&a.route.local_pref()))
            .then(a.route.path.len().cmp(&b.route.path.len()))
            .then(a.route.origin.cmp(&b.route.origin))
            .then(if neighbor(a) == neighbor(b) { med(a).cmp(&med(b)) } else { Ordering::Equal })
            .then(b.external.cmp(&a.external))
    };
    let full = |a: &(From, &Path), b: &(From, &Path)| {
        let older = a.1.external && b.1.external && !o.compare_router_id;
        equal(a, b)
            .then(if older { a.1.since.cmp(&b.1.since) } else { Ordering::Equal })
            .then(a.1.id.cmp(&b.1.id))
            .then(a.1.neighbor.cmp(&b.1.neighbor))
    };
    let mut winners: BTreeMap<u32, (From, &Path)> = BTreeMap::new();
    for candidate in &usable {
        let best = winners.entry(neighbor(candidate.1)).or_insert(*candidate);
        if full(candidate, best).is_lt() {
            *best = *candidate;
        }
    }
    let Some(best) = winners.values().copied().min_by(|a, b| full(a, b)) else { return Choice::default() };
    let most = usize::from(if best.1.external { o.max_paths_ebgp } else { o.max_paths_ibgp });
    let alike = |c: &&(From, &Path)| {
        c.0.is_some()
            && c.0 != best.0
            && equal(c, &best).is_eq()
            && (o.multipath_relax || c.1.route.path == best.1.route.path)
    };
    let mut members: Vec<_> = usable.iter().filter(alike).filter(|_| best.0.is_some()).collect();
    members.sort_by_key(|c| c.1.neighbor);
    members.truncate(most.saturating_sub(1));
    Choice { best: Some(best.0), members: members.iter().map(|c| c.0).chain([best.0]).collect() }
}

/// Best paths of all routers, each from what its neighbours say, until nothing changes. `None` if that does not end.
pub fn settle(plan: &Plan) -> Option<Bests> {
    let mut bests: Bests = vec![BTreeMap::new(); plan.routers.len()];
    for _ in 0..100 {
        let mut changed = false;
        for n in 0..plan.routers.len() {
            for net in &plan.nets {
                let paths = paths(plan, n, *net, &bests, |_| 0);
                let choice = choose(&plan.routers[n], &paths);
                let best = choice.best.map(|from| (from, paths[&from].route.clone()));
                if bests[n].get(net) != best.as_ref() {
                    changed = true;
                    match best {
                        Some(best) => bests[n].insert(*net, best),
                        None => bests[n].remove(net),
                    };
                }
            }
        }
        if !changed {
            return Some(bests);
        }
    }
    None
}
