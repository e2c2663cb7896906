//! What the table stands in: links, addresses, static and kernel routes, and the way to next hops over them.

use bgp::types::{Addr, Family};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use smallvec::SmallVec;

use crate::base::{BaseRoute, BaseTarget, Discard};
use crate::core::{Core, StaticRoute, StaticTarget};
use crate::family::FamilyRib;
use crate::id::{HopSetId, NhId, PeerId};
use crate::nexthop::{Member, Members, Resolution, ResolvedHop};
use crate::policy::ast::SourceProtocol;
use crate::resolve;
use crate::shared::Shared;
use crate::turn::Turned;
use crate::walk::{Changed, Task, Walk};

/// Aggregates for which a walk looks at each prefix alone.
const FEW: usize = 8;

impl Core {
    pub(crate) fn link(&mut self, ifindex: u32, name: &str, up: bool) {
        if !self.shared.links.set(ifindex, name, up) {
            return;
        }
        self.shared.next_hops_dirty = true;
        let connected: Vec<IpNet> =
            self.shared.links.get(ifindex).map(|l| l.addresses.clone()).unwrap_or_default();
        for net in connected {
            self.sync_connected(ifindex, net);
        }
        self.check_activity();
    }

    pub(crate) fn link_gone(&mut self, ifindex: u32) {
        let Some(link) = self.shared.links.get(ifindex).cloned() else { return };
        for net in link.addresses {
            self.address_gone(ifindex, net);
        }
        self.shared.links.remove(ifindex);
        self.shared.next_hops_dirty = true;
        self.check_activity();
    }

    pub(crate) fn address(&mut self, ifindex: u32, net: IpNet) {
        let Some(link) = self.shared.links.get_mut(ifindex) else { return };
        if !link.addresses.contains(&net) {
            link.addresses.push(net);
        }
        self.sync_connected(ifindex, net);
    }

    pub(crate) fn address_gone(&mut self, ifindex: u32, net: IpNet) {
        if let Some(link) = self.shared.links.get_mut(ifindex) {
            link.addresses.retain(|a| *a != net);
        }
        self.sync_connected(ifindex, net);
    }

    /// The connected route of an address: there while an address of its network is on the link.
    pub(crate) fn sync_connected(&mut self, ifindex: u32, net: IpNet) {
        let link = self.shared.links.get(ifindex);
        let up = link.is_some_and(|l| l.up);
        let held = link.is_some_and(|l| l.addresses.iter().any(|a| a.trunc() == net.trunc()));
        let hop = ResolvedHop { gateway: None, ifindex, onlink: false };
        let target = BaseTarget::Direct(SmallVec::from_slice(&[hop]));
        let since = self.shared.now;
        prefix!(self, net, |rib, shared, addr, len| {
            if held {
                let source = SourceProtocol::Connected;
                let route = BaseRoute { source, distance: 0, metric: 0, tag: 0, target, active: up, since };
                rib.base.insert(addr, len, route);
            } else {
                rib.base.remove(addr, len, |r| r.source == SourceProtocol::Connected && r.target == target);
            }
            rib.base_changed(shared, addr, len);
        });
    }

    pub(crate) fn kernel_route(&mut self, prefix: IpNet, metric: u32, hops: SmallVec<[ResolvedHop; 2]>) {
        let target = if hops.is_empty() {
            BaseTarget::Discard(Discard::Unreachable)
        } else {
            BaseTarget::Direct(hops)
        };
        let active = true;
        let (source, since) = (SourceProtocol::Kernel, self.shared.now);
        // The kernel prefers its lowest metric; FRR shows the metric's top octet as distance.
        let distance = (metric >> 24) as u8;
        prefix!(self, prefix, |rib, shared, addr, len| {
            rib.base.remove(addr, len, |r| r.source == source && r.metric == metric);
            rib.base.insert(addr, len, BaseRoute { source, distance, metric, tag: 0, target, active, since });
            rib.base_changed(shared, addr, len);
        });
        self.check_activity();
    }

    pub(crate) fn kernel_route_gone(&mut self, prefix: IpNet, metric: u32) {
        prefix!(self, prefix, |rib, shared, addr, len| {
            rib.base.remove(addr, len, |r| r.source == SourceProtocol::Kernel && r.metric == metric);
            rib.base_changed(shared, addr, len);
        });
    }

    pub(crate) fn set_statics(&mut self, statics: Vec<StaticRoute>) {
        let old = std::mem::take(&mut self.statics);
        for route in old.iter().filter(|r| !statics.contains(r)) {
            prefix!(self, route.prefix, |rib, shared, addr, len| {
                let same = |r: &BaseRoute| {
                    r.source == SourceProtocol::Static && r.distance == route.distance && r.tag == route.tag
                };
                for gone in rib.base.remove(addr, len, same) {
                    if let BaseTarget::Hops(set) = gone.target {
                        shared.release_hop_set(set);
                    }
                }
                rib.base_changed(shared, addr, len);
            });
        }
        for route in statics.iter().filter(|r| !old.contains(r)) {
            let target = match &route.target {
                StaticTarget::Discard(kind) => BaseTarget::Discard(*kind),
                StaticTarget::Hops(keys) => {
                    let members: Members =
                        keys.iter().map(|k| Member::alike(self.shared.next_hop(k))).collect();
                    let set = self.shared.static_hop_set(members.clone());
                    members.iter().for_each(|m| self.shared.next_hops.release(m.next_hop));
                    BaseTarget::Hops(set)
                }
            };
            let active = matches!(target, BaseTarget::Discard(_));
            let base = BaseRoute {
                source: SourceProtocol::Static,
                distance: route.distance,
                metric: 0,
                tag: route.tag,
                target,
                active,
                since: self.shared.now,
            };
            prefix!(self, route.prefix, |rib, shared, addr, len| {
                rib.base.insert(addr, len, base);
                rib.base_changed(shared, addr, len);
            });
        }
        self.statics = statics;
        self.shared.next_hops_dirty = true;
    }

    /// Puts static routes onto sets of the kind that is now asked for.
    pub(crate) fn renew_static_sets(&mut self) {
        fn renew<A: Addr>(rib: &mut FamilyRib<A>, shared: &mut Shared) {
            let mut changed: Vec<(A, u8, HopSetId)> = Vec::new();
            for (addr, len, route) in rib.base.iter_mut() {
                if let BaseTarget::Hops(set) = &mut route.target {
                    let members = shared.hop_sets.get(*set).map(|s| s.members.clone()).unwrap_or_default();
                    let new = shared.static_hop_set(members);
                    changed.push((addr, len, std::mem::replace(set, new)));
                }
            }
            for (addr, len, old) in changed {
                let id = rib.table.find(addr, len);
                rib.sync_prefix(shared, addr, len, id);
                shared.release_hop_set(old);
            }
        }
        renew(&mut self.v4, &mut self.shared);
        renew(&mut self.v6, &mut self.shared);
    }

    /// Resolves next hops anew if anything they depend on changed, and orders what is to be searched.
    pub(crate) fn settle(&mut self) {
        // Each round can activate routes that others resolve over.
        for _ in 0..8 {
            if !self.shared.next_hops_dirty {
                break;
            }
            self.resolve();
        }
        for f in Family::ALL {
            if family!(self, f, |rib, _shared| std::mem::take(&mut rib.recount)) {
                self.count_anew(f);
            }
            let nets = family!(self, f, |rib, _shared| std::mem::take(&mut rib.resuppress));
            if !nets.is_empty() {
                self.suppress_anew(f, nets);
            }
            if let Some(number) = family!(self, f, |rib, _shared| rib.wanted_search()) {
                self.task(f, Walk::Search(number));
            }
        }
    }

    pub(crate) fn resolve(&mut self) {
        self.shared.next_hops_dirty = false;
        let now = resolve::resolve_all(&self.shared, &self.v4, &self.v6);
        let mut changed = vec![false; now.len()];
        let mut any = false;
        let mut decide = false;
        let mut lost = false;
        for (slot, resolution) in now.into_iter().enumerate() {
            let id = NhId(slot as u32);
            let old = self.shared.next_hops.resolution(id);
            if *old == resolution {
                continue;
            }
            any = true;
            let discard = |r: &Resolution| matches!(r, Resolution::Discard { .. });
            let weighs = old.usable() != resolution.usable()
                || old.connected() != resolution.connected()
                || old.metric() != resolution.metric()
                || discard(old) != discard(&resolution);
            changed[slot] = weighs;
            decide |= weighs;
            lost |= old.usable() && !resolution.usable();
            let since = self.shared.now;
            self.shared.next_hops.set_resolution(id, resolution, since);
        }
        self.track();
        if !any {
            return;
        }
        let turned = if lost { self.turn() } else { Turned::new() };
        let sets: Vec<HopSetId> = self.shared.hop_sets.iter().map(|(id, _)| id).collect();
        let retold: Turned = sets.into_iter().filter(|id| self.shared.refresh_hop_set(*id, false)).collect();
        self.check_activity();
        if decide && self.shared.attrs.iter().next().is_some() {
            self.v4.measure_anew();
            self.v6.measure_anew();
            for f in Family::ALL {
                self.revisit(
                    f,
                    Changed { next_hops: changed.clone(), turned: turned.clone(), retold: retold.clone() },
                );
            }
        }
    }

    /// The round-trip time of a session is another one. As in FRR, routes that are there keep what they have.
    pub(crate) fn round_trip(&mut self, id: PeerId, milliseconds: u32) {
        let Some(peer) = self.shared.peer_mut(id).filter(|p| p.round_trip != milliseconds) else { return };
        peer.round_trip = milliseconds;
        self.v4.time_anew(id);
        self.v6.time_anew(id);
    }

    /// Orders a walk in the place of any that counts what is no longer asked for.
    fn count_anew(&mut self, family: Family) {
        self.tasks.retain(|t| t.family != family || !matches!(t.walk, Walk::Count));
        self.tasks.push_front(Task { family, cursor: 0, walk: Walk::Count });
    }

    /// Joins a walk that has not begun, or orders one.
    fn suppress_anew(&mut self, family: Family, nets: Vec<IpNet>) {
        let at = self
            .tasks
            .iter()
            .position(|t| matches!(&t.walk, Walk::Suppress(_) if t.family == family && t.cursor == 0));
        let waiting = at.and_then(|at| self.tasks.remove(at)).map(|t| t.walk);
        let mut nets = match waiting {
            Some(Walk::Suppress(waiting)) => [waiting, nets].concat(),
            _ => nets,
        };
        nets.sort_unstable();
        nets.dedup();
        if nets.len() > FEW {
            // Looking for each of many costs more than looking at all prefixes.
            nets = vec![match family {
                Family::Ipv4Unicast => Ipv4Net::default().into(),
                Family::Ipv6Unicast => Ipv6Net::default().into(),
            }];
        }
        // Neighbours wait for it, so it comes first.
        self.tasks.push_front(Task { family, cursor: 0, walk: Walk::Suppress(nets) });
    }

    /// Joins a revisit that has not begun, or orders one.
    fn revisit(&mut self, family: Family, changed: Changed) {
        let waiting = self.tasks.iter_mut().find_map(|t| match &mut t.walk {
            Walk::Revisit(waiting) if t.family == family && t.cursor == 0 => Some(waiting),
            _ => None,
        });
        match waiting {
            Some(waiting) => waiting.join(changed),
            None => self.task(family, Walk::Revisit(changed)),
        }
    }

    /// The addresses whose way may change with a BGP route.
    pub(crate) fn track(&mut self) {
        let mut v4: Vec<u32> = Vec::new();
        let mut v6: Vec<u128> = Vec::new();
        for (_, entry) in self.shared.next_hops.iter() {
            match (resolve::family_of(&entry.key), entry.key.addr) {
                (Some(Family::Ipv4Unicast), Some(addr)) => v4.extend(u32::from_ip(addr)),
                (Some(Family::Ipv6Unicast), Some(addr)) => v6.extend(u128::from_ip(addr)),
                _ => {}
            }
        }
        v4.sort_unstable();
        v6.sort_unstable();
        self.v4.tracked = v4;
        self.v6.tracked = v6;
    }

    /// Static, connected and kernel routes come and go with links and next hops.
    pub(crate) fn check_activity(&mut self) {
        fn check<A: Addr>(rib: &mut FamilyRib<A>, shared: &mut Shared) {
            let mut changed: Vec<(A, u8)> = Vec::new();
            let now = shared.now;
            for (addr, len, route) in rib.base.iter_mut() {
                let active = match &route.target {
                    BaseTarget::Direct(hops) => {
                        hops.iter().any(|h| shared.links.get(h.ifindex).is_some_and(|l| l.up))
                    }
                    BaseTarget::Hops(id) => {
                        shared.hop_sets.get(*id).is_some_and(|s| !s.hops.is_empty() || s.discard)
                    }
                    BaseTarget::Discard(_) => true,
                };
                if active != route.active {
                    route.active = active;
                    route.since = now;
                    changed.push((addr, len));
                }
            }
            for (addr, len) in changed {
                rib.base_changed(shared, addr, len);
            }
        }
        check(&mut self.v4, &mut self.shared);
        check(&mut self.v6, &mut self.shared);
    }
}
