//! Which of our routes the kernel should hold for a prefix: static's or BGP's, by distance.

use bgp::types::Addr;

use crate::aggregate::is_aggregate;
use crate::base::{BaseTarget, Discard};
use crate::event::{FibChange, FibRoute, FibTarget};
use crate::family::FamilyRib;
use crate::id::{HopSetId, PrefixId};
use crate::install::Preferred;
use crate::intern::Provenance;
use crate::policy::ast::SourceProtocol;
use crate::shared::Shared;

impl<A: Addr> FamilyRib<A> {
    /// BGP's choice for a prefix changed.
    pub fn sync_fib(&mut self, shared: &mut Shared, id: PrefixId) {
        let (addr, len) = self.table.key(id);
        let from = self.tracked.partition_point(|t| *t < addr);
        if self.tracked.get(from).is_some_and(|t| *t <= addr.last(len)) {
            shared.next_hops_dirty = true;
        }
        if shared.settings.no_rib
            && self.fib.get(id.index()).is_none_or(|h| h.is_none())
            && !self.fib_base.contains_key(&(addr, len))
        {
            return;
        }
        self.sync_prefix(shared, addr, len, Some(id));
    }

    /// A base route of a prefix changed.
    pub fn base_changed(&mut self, shared: &mut Shared, addr: A, len: u8) {
        shared.next_hops_dirty = true;
        let id = self.table.find(addr, len);
        self.sync_prefix(shared, addr, len, id);
        self.sync_local(shared, addr, len);
    }

    pub(crate) fn sync_prefix(&mut self, shared: &mut Shared, addr: A, len: u8, id: Option<PrefixId>) {
        let base = self.base.selected(addr, len);
        let base_distance = base.map(|r| r.distance);
        let best = id.filter(|_| !shared.settings.no_rib).and_then(|id| Some((id, self.table.best(id)?)));
        let bgp = best
            .filter(|(_, best)| shared.attrs.get(best.attr).local.origin != Provenance::Local)
            .and_then(|(id, best)| {
                Some((self.forwarding(shared, id)?, self.install_path(shared, id, &best)?))
            })
            .filter(|((_, distance), _)| base_distance.is_none_or(|b| *distance < b));
        let fixed = match (&bgp, base) {
            (None, _) if id.is_some_and(|id| self.aggregate_is_used(shared, id, base_distance)) => {
                let target = FibTarget::Discard(Discard::Blackhole);
                Some(FibRoute { source: SourceProtocol::Bgp, target, prefer: None })
            }
            (None, Some(route)) if route.source == SourceProtocol::Static => {
                let target = match route.target {
                    BaseTarget::Hops(id) => {
                        if shared.hop_sets.get(id).is_some_and(|s| s.discard) {
                            FibTarget::Discard(Discard::Blackhole)
                        } else {
                            FibTarget::Hops(id)
                        }
                    }
                    BaseTarget::Discard(kind) => FibTarget::Discard(kind),
                    BaseTarget::Direct(_) => return,
                };
                let prefer = self.install_base(shared, addr, len, route);
                prefer.map(|prefer| FibRoute { source: SourceProtocol::Static, target, prefer })
            }
            _ => None,
        };
        let prefix = addr.to_net(len);
        let had_base = match fixed {
            Some(route) => self.fib_base.insert((addr, len), route),
            None => self.fib_base.remove(&(addr, len)),
        };
        let old_set = id.and_then(|id| self.fib.get(id.index()).copied()).unwrap_or(HopSetId::NONE);
        match (bgp, fixed) {
            (Some(((members, _), prefer)), _) => {
                let Some(id) = id else { return };
                let discards = |shared: &Shared, set| shared.hop_sets.get(set).is_some_and(|s| s.discard);
                let discarded = discards(shared, old_set);
                let set = shared.hop_set(members, old_set);
                self.set_fib(id, set);
                let same = set == old_set && discards(shared, set) == discarded;
                // Nobody remembers which source address it had.
                if same && had_base.is_none() && !self.install_filtered(shared) {
                    shared.release_hop_set(set);
                    return;
                }
                self.tell_bgp(shared, id, set, prefer);
                shared.release_hop_set(old_set);
            }
            (None, fixed) => {
                if let Some(id) = id {
                    self.set_fib(id, HopSetId::NONE);
                }
                if fixed != had_base || !old_set.is_none() {
                    shared.fib.push(FibChange::Route { prefix, route: fixed });
                    if let Some(id) = id {
                        // Not for an aggregate either: what it suppresses goes in the same burst.
                        self.wait_for_kernel(id, false);
                    }
                }
                shared.release_hop_set(old_set);
            }
        }
    }

    /// Whether the route of a prefix is an aggregate of ours, which discards what no more specific route leads away.
    fn aggregate_is_used(&self, shared: &Shared, id: PrefixId, base_distance: Option<u8>) -> bool {
        let aggregate =
            self.table.best(id).is_some_and(|best| is_aggregate(&best)) && !shared.settings.no_rib;
        let forwarding = if aggregate { self.forwarding(shared, id) } else { None };
        forwarding.is_some_and(|(_, distance)| base_distance.is_none_or(|b| distance < b))
    }

    fn set_fib(&mut self, id: PrefixId, set: HopSetId) {
        if self.fib.len() <= id.index() {
            if set.is_none() {
                return;
            }
            self.fib.resize(self.table.bound(), HopSetId::NONE);
        }
        self.fib[id.index()] = set;
    }

    /// Notes whether the kernel's word on a prefix is awaited; what was held back until now is looked at again.
    pub fn wait_for_kernel(&mut self, id: PrefixId, waits: bool) {
        let waited = self.table.set_waits(id, waits);
        if waited && !waits {
            self.groups.iter_mut().for_each(|g| g.mark(id));
        }
    }

    fn tell_bgp(&mut self, shared: &mut Shared, id: PrefixId, set: HopSetId, prefer: Preferred) {
        let (addr, len) = self.table.key(id);
        if shared.settings.suppress_fib_pending {
            self.wait_for_kernel(id, true);
        }
        let discard = shared.hop_sets.get(set).is_some_and(|s| s.discard);
        let target = if discard { FibTarget::Discard(Discard::Blackhole) } else { FibTarget::Hops(set) };
        let route = Some(FibRoute { source: SourceProtocol::Bgp, target, prefer });
        shared.fib.push(FibChange::Route { prefix: addr.to_net(len), route });
    }

    /// A hop set began or ceased to be a black hole: its route is told again.
    pub fn retell(&mut self, shared: &mut Shared, id: PrefixId) {
        let Some(set) = self.fib.get(id.index()).copied().filter(|h| !h.is_none()) else { return };
        let best = self.table.best(id);
        if let Some(prefer) = best.and_then(|best| self.install_path(shared, id, &best)) {
            self.tell_bgp(shared, id, set, prefer);
        }
    }
}
