//! Links, addresses and routes of others, and what changes in them.

use std::collections::{BTreeMap, BTreeSet};

use crate::intent::{Address, Event, ForeignRoute, Link};
use crate::netlink::KernelRoute;

use super::table::Key;

type RouteKey = (Key, u32, u8);

/// The picture that others were told of.
#[derive(Default)]
pub struct Observed {
    links: BTreeMap<u32, Link>,
    addresses: BTreeSet<Address>,
    routes: BTreeMap<RouteKey, ForeignRoute>,
    unseen: Option<Unseen>,
}

#[derive(Default)]
struct Unseen {
    links: BTreeSet<u32>,
    addresses: BTreeSet<Address>,
    routes: BTreeSet<RouteKey>,
}

/// The route as others shall see it.
pub fn foreign(route: KernelRoute) -> ForeignRoute {
    ForeignRoute {
        prefix: route.prefix,
        table: route.table,
        protocol: route.protocol,
        metric: route.metric,
        kind: route.kind,
        hops: route.hops,
        source: route.source,
    }
}

fn route_key(route: &ForeignRoute) -> RouteKey {
    (Key { prefix: route.prefix, table: route.table }, route.metric, route.protocol)
}

impl Observed {
    /// New or changed link; the event, unless nothing that we show changed.
    pub fn link(&mut self, link: Link) -> Option<Event> {
        if let Some(unseen) = &mut self.unseen {
            unseen.links.remove(&link.index);
        }
        if self.links.get(&link.index) == Some(&link) {
            return None;
        }
        self.links.insert(link.index, link.clone());
        Some(Event::LinkChanged(link))
    }

    /// Link removed.
    pub fn link_gone(&mut self, index: u32) -> Option<Event> {
        let link = self.links.remove(&index)?;
        Some(Event::LinkGone { index, name: link.name })
    }

    /// New or changed address; flags may differ from what was known.
    pub fn address(&mut self, address: Address) -> Option<Event> {
        if let Some(unseen) = &mut self.unseen {
            unseen.addresses.retain(|a| !same_address(a, &address));
        }
        if self.addresses.contains(&address) {
            return None;
        }
        self.addresses.retain(|a| !same_address(a, &address));
        self.addresses.insert(address);
        Some(Event::AddressAdded(address))
    }

    /// Address removed.
    pub fn address_gone(&mut self, address: &Address) -> Option<Event> {
        let known = self.addresses.iter().find(|a| same_address(a, address)).copied()?;
        self.addresses.remove(&known);
        Some(Event::AddressRemoved(known))
    }

    /// New or changed route of somebody else.
    pub fn route(&mut self, route: ForeignRoute) -> Option<Event> {
        let key = route_key(&route);
        if let Some(unseen) = &mut self.unseen {
            unseen.routes.remove(&key);
        }
        if self.routes.get(&key) == Some(&route) {
            return None;
        }
        self.routes.insert(key, route.clone());
        Some(Event::RouteAdded(route))
    }

    /// Route of somebody else removed.
    pub fn route_gone(&mut self, route: &ForeignRoute) -> Option<Event> {
        self.routes.remove(&route_key(route)).map(Event::RouteRemoved)
    }

    /// Somebody else holds this prefix with this metric.
    pub fn holds(&self, key: &Key, metric: u32) -> bool {
        self.routes.range((*key, metric, 0)..=(*key, metric, u8::MAX)).next().is_some()
    }

    /// The kernel drops routes silently with their device: forget those of a dead link.
    pub fn link_down(&mut self, index: u32) -> Vec<Event> {
        let dead: Vec<RouteKey> = self
            .routes
            .iter()
            .filter(|(_, r)| !r.hops.is_empty() && r.hops.iter().all(|h| h.ifindex == index))
            .map(|(key, _)| *key)
            .collect();
        dead.iter().filter_map(|key| self.routes.remove(key)).map(Event::RouteRemoved).collect()
    }

    /// Everything known must be shown again, or it is gone.
    pub fn dump_begins(&mut self) {
        self.unseen = Some(Unseen {
            links: self.links.keys().copied().collect(),
            addresses: self.addresses.clone(),
            routes: self.routes.keys().copied().collect(),
        });
    }

    /// Events for what the dump did not show. Links come back as indices too.
    pub fn dump_ends(&mut self) -> (Vec<Event>, Vec<u32>) {
        let Some(unseen) = self.unseen.take() else { return (Vec::new(), Vec::new()) };
        let mut events = Vec::new();
        events.extend(unseen.routes.iter().filter_map(|k| self.routes.remove(k)).map(Event::RouteRemoved));
        events.extend(unseen.addresses.iter().filter_map(|a| self.address_gone(a)));
        let links: Vec<u32> = unseen.links.into_iter().collect();
        events.extend(links.iter().filter_map(|index| self.link_gone(*index)));
        (events, links)
    }
}

fn same_address(a: &Address, b: &Address) -> bool {
    (a.ifindex, a.net, a.peer) == (b.ifindex, b.net, b.peer)
}
