//! Routes of our own: `network` and `redistribute`, and where aggregates stand among them.

use std::collections::BTreeMap;

use bgp::attrs::Origin;
use bgp::types::Addr;
use ipnet::IpNet;

use crate::aggregate::Aggregate;
use crate::base::{BaseRoute, BaseTarget};
use crate::family::FamilyRib;
use crate::id::{AttrId, PathIdx, PeerId};
use crate::memo::Purpose;
use crate::nexthop::{NextHopKey, NextHopUser};
use crate::policy::ast::SourceProtocol;
use crate::policy::eval::{Subject, Verdict};
use crate::rpki::Covered;
use crate::shared::Shared;
use crate::table::{Path, path_flag};

/// `redistribute PROTOCOL ...`
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Redistribute {
    /// `metric N`: the MED; else the route's own metric.
    pub metric: Option<u32>,
    /// `route-map R`.
    pub route_map: Option<String>,
}

/// What of one family is announced as our own.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LocalRoutes {
    /// `network P [route-map R]`.
    pub networks: BTreeMap<IpNet, Option<String>>,
    /// `redistribute ...`.
    pub redistribute: BTreeMap<SourceProtocol, Redistribute>,
    /// `aggregate-address P ...`.
    pub aggregates: BTreeMap<IpNet, Aggregate>,
}

// One prefix may be a network and redistributed and an aggregate, too.

/// Path identifier of a `network`.
pub const NETWORK_PATH: u32 = 0;
/// Path identifier of what is redistributed.
pub const REDISTRIBUTED_PATH: u32 = 1;
/// Path identifier of an aggregate.
pub const AGGREGATE_PATH: u32 = 2;

/// Weight of routes of our own.
pub(crate) const WEIGHT: u32 = 32768;

impl<A: Addr> FamilyRib<A> {
    /// Brings our own paths of a prefix in line with configuration and base routes.
    pub fn sync_local(&mut self, shared: &mut Shared, addr: A, len: u8) {
        let net = addr.to_net(len);
        let route = self.base.selected(addr, len).cloned();
        let network = match self.local.networks.get(&net).cloned() {
            Some(map) if route.is_some() || !shared.settings.import_check => {
                let med = route.as_ref().map_or(0, |r| r.metric);
                let attr = shared.intern_local(Origin::Igp, Some(med), &NextHopKey::default(), 0);
                self.local_policy(shared, attr, net, route.as_ref(), map)
            }
            _ => None,
        };
        self.set_local(shared, addr, len, NETWORK_PATH, network);
        // Every link has fe80::/64: it means nothing to others.
        let link_local = matches!(net, IpNet::V6(n) if bgp::types::is_link_local(&n.network()));
        let route_told = route.as_ref().filter(|_| !link_local);
        let redistribute = route_told.and_then(|r| self.local.redistribute.get(&r.source).cloned());
        let redistributed = match (&route, redistribute) {
            (Some(route), Some(how)) => {
                let key = next_hop_of(shared, route);
                let med = how.metric.unwrap_or(route.metric);
                let attr = shared.intern_local(Origin::Incomplete, Some(med), &key, route.tag);
                self.local_policy(shared, attr, net, Some(route), how.route_map)
            }
            _ => None,
        };
        self.set_local(shared, addr, len, REDISTRIBUTED_PATH, redistributed);
    }

    /// Whether which routes are our own depends on origin validation.
    pub fn local_validates(&self, shared: &Shared) -> bool {
        let redistributed = self.local.redistribute.values().map(|r| &r.route_map);
        let mut maps = self.local.networks.values().chain(redistributed).flatten();
        maps.any(|name| shared.policies.route_map(name).is_some_and(|m| m.validates()))
    }

    /// Brings all of our own paths in line.
    pub fn sync_local_all(&mut self, shared: &mut Shared) {
        let mut prefixes = self.local_sources();
        let own = |id| self.table.paths(id).any(|(_, p)| p.peer == PeerId::LOCAL);
        prefixes.extend(self.table.iter().filter(|(id, _)| own(*id)).map(|(_, p)| (p.addr, p.len)));
        prefixes.sort_unstable();
        prefixes.dedup();
        for (addr, len) in prefixes {
            self.sync_local(shared, addr, len);
        }
    }

    /// The same for what these cover, while what our own paths come from is the same.
    pub fn sync_local_in(&mut self, shared: &mut Shared, covered: &Covered) {
        let mut prefixes = self.local_sources();
        prefixes.retain(|(addr, len)| covered.covers(&addr.to_net(*len)));
        for (addr, len) in prefixes {
            self.sync_local(shared, addr, len);
        }
    }

    /// The prefixes that our own paths may come from.
    fn local_sources(&self) -> Vec<(A, u8)> {
        let networks = self.local.networks.keys();
        let networks = networks.filter_map(|n| Some((A::from_ip(n.network())?, n.prefix_len())));
        self.base.iter().map(|(addr, len, _)| (addr, len)).chain(networks).collect()
    }

    /// Runs a route-map on a route of our own. Trades the reference.
    pub(crate) fn local_policy(
        &self,
        shared: &mut Shared,
        attr: AttrId,
        net: IpNet,
        route: Option<&BaseRoute>,
        map: Option<String>,
    ) -> Option<AttrId> {
        let Some(map) = map else { return Some(attr) };
        let Some(program) = shared.policies.route_map(&map) else {
            shared.release(attr);
            return None;
        };
        let interface = route.and_then(|r| match &r.target {
            BaseTarget::Direct(hops) => hops.first().and_then(|h| shared.links.get(h.ifindex)),
            _ => None,
        });
        let subject = Subject {
            source: route.map_or(SourceProtocol::Bgp, |r| r.source),
            interface: interface.map(|l| &*l.name),
            ..shared.subject(attr, net, None)
        };
        match program.run(&subject) {
            Verdict::Permit => Some(attr),
            Verdict::Deny => {
                shared.release(attr);
                None
            }
            Verdict::Change(changed) => {
                let out = shared.intern_changed(attr, &changed, None, Purpose::Import);
                shared.release(attr);
                Some(out)
            }
        }
    }

    /// Sets or removes one of our own paths. Takes the reference.
    pub(crate) fn set_local(
        &mut self,
        shared: &mut Shared,
        addr: A,
        len: u8,
        path_id: u32,
        attr: Option<AttrId>,
    ) {
        let existing = self
            .table
            .find(addr, len)
            .and_then(|id| self.table.find_path(id, PeerId::LOCAL, path_id).map(|idx| (id, idx)));
        match (existing, attr) {
            (None, None) => {}
            (Some((id, idx)), None) => self.drop_path(shared, id, idx),
            (Some((id, idx)), Some(attr)) => {
                if self.table.path(idx).attr == attr {
                    shared.release(attr);
                    return;
                }
                self.uncount(shared, id, idx);
                let old = self.table.path(idx);
                shared.attrs.retain(attr);
                self.table.set_path(idx, Path { attr, attr_in: attr, since: shared.now, ..old });
                shared.release(old.attr);
                shared.release(old.attr_in);
                self.decide(shared, id, Some(idx));
            }
            (None, Some(attr)) => {
                let id = self.table.find_or_insert(addr, len);
                shared.attrs.retain(attr);
                let path = Path {
                    next: PathIdx::NONE,
                    attr,
                    attr_in: attr,
                    path_id,
                    since: shared.now,
                    peer: PeerId::LOCAL,
                    flags: path_flag::VALID,
                    generation: 0,
                };
                let idx = self.table.push_path(id, path);
                self.decide(shared, id, Some(idx));
            }
        }
    }
}

/// The next hop that a redistributed route is announced with inside the AS; ours for connected networks.
fn next_hop_of(shared: &Shared, route: &BaseRoute) -> NextHopKey {
    let addr = match &route.target {
        BaseTarget::Direct(hops) => hops.first().and_then(|h| h.gateway),
        BaseTarget::Hops(id) => shared
            .hop_sets
            .get(*id)
            .and_then(|s| s.members.first())
            .and_then(|m| shared.next_hops.get(m.next_hop))
            .and_then(|e| e.key.addr),
        BaseTarget::Discard(_) => None,
    };
    match addr {
        None => NextHopKey::default(),
        addr => NextHopKey { addr, user: NextHopUser::Redistributed, ..NextHopKey::default() },
    }
}
