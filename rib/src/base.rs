//! Routes that are not BGP's: connected, static, and those that others put into the kernel.
//!
//! There are few of them. Look-ups probe the prefix lengths present, longest first.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bgp::types::Addr;
use ipnet::IpNet;
use smallvec::SmallVec;

use crate::id::HopSetId;
use crate::nexthop::ResolvedHop;
use crate::policy::ast::SourceProtocol;

/// What a route without a way out says to the sender of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Discard {
    /// Nothing: `blackhole`, `Null0`.
    Blackhole,
    /// ICMP unreachable: `reject`.
    Unreachable,
    /// ICMP prohibited.
    Prohibit,
}

/// Where packets for a route go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BaseTarget {
    /// Known ways out: connected networks and the kernel's routes.
    Direct(SmallVec<[ResolvedHop; 2]>),
    /// Next hops that are resolved and tracked: static routes.
    Hops(HopSetId),
    /// Nowhere.
    Discard(Discard),
}

/// One route.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BaseRoute {
    /// Whose route it is.
    pub source: SourceProtocol,
    /// Administrative distance; the lowest is used.
    pub distance: u8,
    /// Metric.
    pub metric: u32,
    /// Tag.
    pub tag: u32,
    /// Where to.
    pub target: BaseTarget,
    /// Usable now: the link is up, a next hop is resolved.
    pub active: bool,
    /// When it came or last changed, seconds.
    pub since: u32,
}

/// The non-BGP routes of one family.
#[derive(Debug)]
pub struct BaseTable<A: Addr> {
    routes: HashMap<(A, u8), SmallVec<[BaseRoute; 1]>, foldhash::quality::FixedState>,
    lengths: BTreeMap<u8, u32>,
}

impl<A: Addr> Default for BaseTable<A> {
    fn default() -> BaseTable<A> {
        BaseTable { routes: HashMap::default(), lengths: BTreeMap::new() }
    }
}

impl<A: Addr> BaseTable<A> {
    /// All routes of a prefix, best first.
    pub fn get(&self, addr: A, len: u8) -> &[BaseRoute] {
        self.routes.get(&(addr, len)).map_or(&[], |r| r.as_slice())
    }

    /// The route of a prefix that is in use: active and of the lowest distance.
    pub fn selected(&self, addr: A, len: u8) -> Option<&BaseRoute> {
        self.get(addr, len).iter().find(|r| r.active)
    }

    /// Puts a route in place of the prefix's route of the same source, distance, metric and target, or beside the
    /// others.
    pub fn insert(&mut self, addr: A, len: u8, route: BaseRoute) {
        let routes = self.routes.entry((addr, len)).or_insert_with(|| {
            *self.lengths.entry(len).or_insert(0) += 1;
            SmallVec::new()
        });
        let same = |r: &BaseRoute| {
            (r.source, r.distance, r.metric) == (route.source, route.distance, route.metric)
                && r.target == route.target
        };
        match routes.iter_mut().find(|r| same(r)) {
            Some(old) => *old = route,
            None => routes.push(route),
        }
        routes.sort_by_key(|r| (r.distance, r.source, r.metric));
    }

    /// Takes the routes that `matches` names out of a prefix and returns them.
    pub fn remove(
        &mut self,
        addr: A,
        len: u8,
        mut matches: impl FnMut(&BaseRoute) -> bool,
    ) -> SmallVec<[BaseRoute; 1]> {
        let mut gone = SmallVec::new();
        let Some(routes) = self.routes.get_mut(&(addr, len)) else { return gone };
        routes.retain(|r| {
            let hit = matches(r);
            if hit {
                gone.push(r.clone());
            }
            !hit
        });
        if routes.is_empty() {
            self.routes.remove(&(addr, len));
            if let Some(n) = self.lengths.get_mut(&len) {
                *n -= 1;
                if *n == 0 {
                    self.lengths.remove(&len);
                }
            }
        }
        gone
    }

    /// Prefix lengths present, longest first.
    pub fn lengths(&self) -> impl Iterator<Item = u8> {
        self.lengths.keys().rev().copied()
    }

    /// All prefixes and their routes, in no order that means anything.
    pub fn iter(&self) -> impl Iterator<Item = (A, u8, &[BaseRoute])> {
        self.routes.iter().map(|((addr, len), r)| (*addr, *len, r.as_slice()))
    }

    /// All routes, to change their activity; the order of a prefix's routes does not depend on it.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (A, u8, &mut BaseRoute)> {
        self.routes.iter_mut().flat_map(|((addr, len), r)| r.iter_mut().map(|r| (*addr, *len, r)))
    }

    /// Whether there are no routes.
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }
}

/// An interface as routing sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Link {
    /// Name.
    pub name: Arc<str>,
    /// Up and with carrier.
    pub up: bool,
    /// Addresses with the length of their network.
    pub addresses: Vec<IpNet>,
}

/// The interfaces by index.
#[derive(Debug, Default)]
pub struct Links {
    by_index: BTreeMap<u32, Link>,
}

impl Links {
    /// Notes an interface or what became of it. Returns whether anything changed.
    pub fn set(&mut self, ifindex: u32, name: &str, up: bool) -> bool {
        match self.by_index.get_mut(&ifindex) {
            Some(link) if *link.name == *name && link.up == up => false,
            Some(link) => {
                link.name = name.into();
                link.up = up;
                true
            }
            None => {
                self.by_index.insert(ifindex, Link { name: name.into(), up, addresses: Vec::new() });
                true
            }
        }
    }

    /// An interface of an index.
    pub fn get(&self, ifindex: u32) -> Option<&Link> {
        self.by_index.get(&ifindex)
    }

    /// An interface of an index, to change.
    pub fn get_mut(&mut self, ifindex: u32) -> Option<&mut Link> {
        self.by_index.get_mut(&ifindex)
    }

    /// Forgets an interface.
    pub fn remove(&mut self, ifindex: u32) -> Option<Link> {
        self.by_index.remove(&ifindex)
    }

    /// The interface of a name.
    pub fn by_name(&self, name: &str) -> Option<(u32, &Link)> {
        self.by_index.iter().find(|(_, l)| *l.name == *name).map(|(i, l)| (*i, l))
    }

    /// All interfaces by index.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Link)> {
        self.by_index.iter().map(|(i, l)| (*i, l))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(source: SourceProtocol, distance: u8, active: bool) -> BaseRoute {
        let target = BaseTarget::Discard(Discard::Blackhole);
        BaseRoute { source, distance, metric: 0, tag: 0, target, active, since: 0 }
    }

    #[test]
    fn the_active_route_of_the_lowest_distance_is_used() {
        let mut table: BaseTable<u32> = BaseTable::default();
        table.insert(0, 8, route(SourceProtocol::Static, 250, true));
        table.insert(0, 8, route(SourceProtocol::Connected, 0, false));
        assert_eq!(table.selected(0, 8).unwrap().distance, 250);
        table.insert(0, 8, route(SourceProtocol::Connected, 0, true));
        assert_eq!(table.selected(0, 8).unwrap().distance, 0);
        assert_eq!(table.get(0, 8).len(), 2);
        assert_eq!(table.remove(0, 8, |r| r.distance == 0).len(), 1);
        assert_eq!(table.lengths().collect::<Vec<_>>(), [8]);
        // The kernel may have several routes that lead the same way.
        let kernel = |metric| BaseRoute { metric, ..route(SourceProtocol::Kernel, 0, true) };
        table.insert(0, 8, kernel(20));
        table.insert(0, 8, kernel(10));
        assert_eq!(table.selected(0, 8).unwrap().metric, 10);
        assert_eq!(table.remove(0, 8, |r| r.metric == 10).len(), 1);
        assert_eq!(table.selected(0, 8).unwrap().metric, 20);
        table.remove(0, 8, |_| true);
        assert!(table.is_empty() && table.lengths().next().is_none());
    }
}
