//! The routing table, next-hop tracking.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use bgp::types::Family;
use ipnet::IpNet;
use rib::base::Discard;
use rib::listing::Listed;
use rib::nexthop::ResolvedHop;
use rib::policy::ast::SourceProtocol;
use rib::query;

use super::keys::Keys;
use super::{Live, age, age_of_second, gone};
use crate::cli::backend::{Cursor, Lookup, Range, ViewError};
use crate::shell::netdevs::Netdevs;
use crate::shell::rib_thread::RibHandle;
use crate::show::views::{
    self, RouteHop, RouteProtocol, RouteState, RouteSummary, RouteSummaryRow, RouteView,
};

impl Live {
    pub(super) fn all_routes(
        &self,
        family: Family,
        range: Range,
    ) -> Result<Box<dyn Cursor<RouteView>>, ViewError> {
        let rib = &self.control.rib;
        Ok(Box::new(Routes {
            rib: rib.clone(),
            netdevs: self.control.netdevs.clone(),
            family,
            keys: Keys::new(rib.clone(), family, Listed::Routes, range, self.local_prefixes(family)),
            waiting: Vec::new().into_iter(),
        }))
    }

    /// Host prefixes of our own addresses: FRR's local routes.
    fn local_prefixes(&self, family: Family) -> Vec<IpNet> {
        let netdevs = self.control.netdevs.read().unwrap_or_else(PoisonError::into_inner);
        let all = netdevs.links().flat_map(|l| netdevs.addresses(l.index));
        all.filter_map(|a| local_prefix(&a.net)).filter(|n| Family::of(n) == family).collect()
    }

    pub(super) fn one_route(&self, lookup: Lookup) -> Result<Vec<RouteView>, ViewError> {
        let net = match lookup {
            Lookup::Exact(net) => Some(net),
            Lookup::Longest(addr) => {
                let host = IpNet::from(addr);
                let ours = self.local_prefixes(lookup.family()).contains(&host);
                if ours {
                    Some(host)
                } else {
                    self.control.rib.ask(move |core| core.route_to(addr)).map_err(gone)?
                }
            }
        };
        let Some(net) = net else { return Ok(Vec::new()) };
        let routes = self.control.rib.ask(move |core| core.routes(net)).map_err(gone)?;
        let netdevs = self.control.netdevs.read().unwrap_or_else(PoisonError::into_inner);
        Ok(views_of(net, &routes, &netdevs))
    }

    pub(super) fn summary_of_routes(&self, family: Family) -> Result<RouteSummary, ViewError> {
        let mut cursor = self.all_routes(family, Range::All)?;
        let mut rows: Vec<RouteSummaryRow> = Vec::new();
        loop {
            let slice = cursor.next(4096)?;
            if slice.is_empty() {
                break;
            }
            for route in slice {
                let source = match (route.protocol, route.internal) {
                    (RouteProtocol::Bgp, true) => "ibgp",
                    (RouteProtocol::Bgp, false) => "ebgp",
                    (protocol, _) => protocol.name(),
                };
                let at = match rows.iter().position(|r| r.source == source) {
                    Some(at) => at,
                    None => {
                        rows.push(RouteSummaryRow { source, routes: 0, fib: 0 });
                        rows.len() - 1
                    }
                };
                if let Some(row) = rows.get_mut(at) {
                    row.routes += 1;
                    row.fib += u64::from(route.state == RouteState::Installed);
                }
            }
        }
        // FRR counts both kinds of BGP's as soon as there is one.
        let of_bgp = ["ebgp", "ibgp"];
        if rows.iter().any(|r| of_bgp.contains(&r.source)) {
            for source in of_bgp {
                if rows.iter().all(|r| r.source != source) {
                    rows.push(RouteSummaryRow { source, routes: 0, fib: 0 });
                }
            }
        }
        const ORDER: [&str; 6] = ["kernel", "connected", "local", "static", "ebgp", "ibgp"];
        rows.sort_by_key(|r| ORDER.iter().position(|o| *o == r.source));
        Ok(RouteSummary { rows })
    }
}

struct Routes {
    rib: RibHandle,
    netdevs: Arc<RwLock<Netdevs>>,
    family: Family,
    keys: Keys,
    waiting: std::vec::IntoIter<RouteView>,
}

impl Cursor<RouteView> for Routes {
    fn next(&mut self, most: usize) -> Result<Vec<RouteView>, ViewError> {
        let mut rows: Vec<RouteView> = self.waiting.by_ref().take(most).collect();
        while rows.len() < most {
            let keys = self.keys.next(most)?;
            if keys.is_empty() {
                break;
            }
            let family = self.family;
            let found = self.rib.ask(move |core| {
                core.warm(family, &keys);
                keys.into_iter().map(|(net, _)| (net, core.routes(net))).collect::<Vec<_>>()
            });
            let netdevs = self.netdevs.read().unwrap_or_else(PoisonError::into_inner);
            for (net, routes) in found.map_err(gone)? {
                rows.extend(views_of(net, &routes, &netdevs));
            }
        }
        if rows.len() > most {
            self.waiting = rows.split_off(most).into_iter();
        }
        Ok(rows)
    }
}

/// The host prefix of an address of ours, if FRR would show it as a local route.
fn local_prefix(net: &IpNet) -> Option<IpNet> {
    let shown = match net.addr() {
        IpAddr::V4(a) => !a.is_loopback(),
        IpAddr::V6(a) => !a.is_loopback() && !bgp::types::is_link_local(&a),
    };
    shown.then(|| IpNet::from(net.addr()))
}

pub(super) const fn protocol_of(source: SourceProtocol) -> RouteProtocol {
    match source {
        SourceProtocol::Bgp => RouteProtocol::Bgp,
        SourceProtocol::Connected => RouteProtocol::Connected,
        SourceProtocol::Static => RouteProtocol::Static,
        SourceProtocol::Kernel => RouteProtocol::Kernel,
    }
}

/// All routes of a prefix: our address, if it is one, then what the table has.
fn views_of(net: IpNet, routes: &[query::RouteView], netdevs: &Netdevs) -> Vec<RouteView> {
    let mut out: Vec<RouteView> = Vec::new();
    let selected = routes.iter().any(|r| r.selected);
    for link in netdevs.links() {
        let holder = netdevs.addresses(link.index).find(|a| local_prefix(&a.net) == Some(net));
        if let Some(address) = holder {
            let mut view = RouteView::new(net, RouteProtocol::Local);
            view.uptime = netdevs.since(address).map_or(0, age);
            view.selected = !selected;
            view.internal_flags = if selected { 0 } else { RouteView::SELECTED };
            view.hops.push(interface_hop(link.index, netdevs));
            out.push(view);
        }
    }
    out.extend(routes.iter().map(|r| view_of(net, r, netdevs)));
    out
}

/// What stands for the next hops of a route that discards.
pub(super) fn discard_hop(kind: Discard, fib: bool) -> RouteHop {
    let discard = match kind {
        Discard::Blackhole => views::Discard::Blackhole,
        Discard::Unreachable => views::Discard::Reject,
        Discard::Prohibit => views::Discard::Prohibit,
    };
    RouteHop { discard: Some(discard), active: true, fib, weight: 1, ..RouteHop::default() }
}

pub(super) fn interface_hop(ifindex: u32, netdevs: &Netdevs) -> RouteHop {
    RouteHop {
        interface: netdevs.by_index(ifindex).map(|l| l.name.clone()),
        ifindex: Some(ifindex),
        active: true,
        fib: true,
        weight: 1,
        ..RouteHop::default()
    }
}

fn view_of(net: IpNet, from: &query::RouteView, netdevs: &Netdevs) -> RouteView {
    let mut view = RouteView::new(net, protocol_of(from.source));
    view.internal = from.internal;
    view.selected = from.selected;
    view.distance = from.distance;
    view.metric = from.metric;
    view.tag = from.tag;
    // The kernel has the network of each interface, though only one can be the route that is used.
    let installed = from.selected || from.source == SourceProtocol::Connected;
    view.state = if installed { RouteState::Installed } else { RouteState::None };
    view.uptime = age_of_second(from.since);
    if let Some(discard) = from.discard {
        view.hops.push(discard_hop(discard, installed));
    } else {
        for via in &from.hops {
            push_hops(&mut view, via, installed, netdevs);
        }
    }
    for hop in view.hops.iter_mut().filter(|h| !h.recursive) {
        hop.source = from.prefer;
    }
    let recursive = view.hops.iter().any(|h| h.recursive);
    view.internal_flags = match (from.source, from.internal) {
        (SourceProtocol::Static, _) => RouteView::RECURSION | RouteView::OWN_DISTANCE,
        (SourceProtocol::Bgp, true) => RouteView::RECURSION | RouteView::IBGP,
        (SourceProtocol::Bgp, false) if recursive => RouteView::RECURSION,
        _ => 0,
    };
    view.internal_flags |= if from.selected { RouteView::SELECTED } else { 0 };
    view.internal_status = if installed { RouteView::INSTALLED } else { RouteView::CHANGED };
    view
}

/// A next hop, and behind a recursive one the ways that it resolves to.
fn push_hops(view: &mut RouteView, via: &query::Via, selected: bool, netdevs: &Netdevs) {
    let query::Via { key, hops: resolved, weight } = via;
    let gateway = key.link_local.map(IpAddr::V6).or(key.addr);
    let same = |h: &ResolvedHop| h.gateway == gateway;
    let recursive = gateway.is_some() && !resolved.is_empty() && !resolved.iter().any(same);
    let duplicate = view.hops.iter().any(|h| h.gateway == gateway && !h.resolver);
    if recursive || resolved.is_empty() {
        view.hops.push(RouteHop {
            gateway,
            active: !resolved.is_empty(),
            fib: false,
            recursive,
            duplicate,
            weight: *weight,
            ..RouteHop::default()
        });
    }
    for hop in resolved {
        view.hops.push(RouteHop {
            gateway: hop.gateway,
            fib: selected && !duplicate,
            resolver: recursive,
            onlink: hop.onlink,
            duplicate: duplicate && !recursive,
            weight: *weight,
            ..interface_hop(hop.ifindex, netdevs)
        });
    }
}
