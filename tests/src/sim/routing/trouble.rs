//! What goes wrong, what is changed, and how it heals.

use std::collections::BTreeSet;

use bgp::types::{Family, SECOND, Time};
use fib::RouteKind;
use fib::netlink::KernelRoute;
use ipnet::IpNet;
use rib::PeerId;

use super::kernel::{BGP, MAIN, METRIC};
use super::plan::{self, ifindex};
use super::{Event, World, configure};

impl World {
    /// One of the troubles.
    pub(super) fn trouble(&mut self) {
        let n = self.rng.index(self.nodes.len());
        let long = self.rng.below(20 * SECOND);
        let kind = if self.plan.heavy && self.rng.once_in(2) { 17 } else { self.rng.below(18) };
        self.agenda.tell(|| format!("trouble {kind} at router {n} for {long} ns"));
        match kind {
            0 | 1 => self.kill(n, long),
            2 => self.power_cut(n, long),
            3 => self.cut(n, false, long),
            4 => self.cut(n, true, long),
            5 => self.cut_segment(long),
            6 => self.reset(),
            7 => self.slow(n, long),
            8 => self.clear(n),
            9 => self.soft(n),
            10 | 11 => self.reconfigure(n),
            12 | 13 => self.networks(n),
            14 => self.decide_otherwise(),
            15 => self.foreign(n),
            16 => self.thief(n),
            _ => self.storm(n),
        }
    }

    fn alive(&self, n: usize) -> bool {
        self.nodes[n].alive()
    }

    /// The process dies: its kernel resets what was connected, and keeps its routes.
    fn kill(&mut self, n: usize, long: Time) {
        if !self.alive(n) {
            return;
        }
        self.dies(n, true);
        self.nodes[n].kill();
        self.agenda.after(1 + long, Event::Start(n));
    }

    /// The machine dies: nobody hears of it, and its kernel forgets everything.
    fn power_cut(&mut self, n: usize, long: Time) {
        if !self.alive(n) {
            return;
        }
        self.dies(n, false);
        self.nodes[n].wipe(&self.plan);
        self.plan.routers[n].foreign.clear();
        for ((segment, _), _) in self.cuts.clone().iter().filter(|((_, of), seen)| *of == n && **seen) {
            self.carrier(*segment, n, false);
        }
        self.off[n] = true;
        self.agenda.after(1 + long, Event::Start(n));
    }

    fn dies(&mut self, n: usize, kernel_lives: bool) {
        let life = self.nodes[n].life();
        for side in 0..self.plan.routers[n].sides.len() {
            for (c, end) in self.wire.of(n, life, side) {
                self.wire.close(c, end);
                if kernel_lives && std::mem::replace(&mut self.wire.connections[c].open, false) {
                    self.later(c, 1 - end, Event::Close(c, 1 - end, true));
                }
            }
        }
    }

    fn cut(&mut self, n: usize, seen: bool, long: Time) {
        let of = |s: &usize| self.plan.segments[*s].members.contains(&n);
        let segments: Vec<usize> = (0..self.plan.segments.len()).filter(of).collect();
        let segment = *self.rng.pick(&segments);
        self.unplug(segment, n, seen, long);
    }

    fn cut_segment(&mut self, long: Time) {
        let segment = self.rng.index(self.plan.segments.len());
        for n in self.plan.segments[segment].members.clone() {
            self.unplug(segment, n, false, long);
        }
    }

    fn unplug(&mut self, segment: usize, n: usize, seen: bool, long: Time) {
        if self.cuts.contains_key(&(segment, n)) {
            return;
        }
        self.cuts.insert((segment, n), seen);
        if seen {
            self.carrier(segment, n, false);
        }
        self.agenda.after(1 + long, Event::Heal(segment, n));
    }

    fn carrier(&mut self, segment: usize, n: usize, there: bool) {
        let now = self.now();
        self.nodes[n].in_kernel(now, |kernel, _| kernel.set_link(ifindex(segment), true, there));
        self.settle(n);
    }

    pub(super) fn heal(&mut self, segment: usize, n: usize) {
        let Some(seen) = self.cuts.remove(&(segment, n)) else { return };
        self.agenda.tell(|| format!("segment {segment} is there for router {n}"));
        if seen {
            self.carrier(segment, n, true);
        }
        for event in std::mem::take(&mut self.stalled) {
            self.agenda.after(0, event);
        }
    }

    fn reset(&mut self) {
        let open: Vec<usize> =
            (0..self.wire.connections.len()).filter(|c| self.wire.connections[*c].open).collect();
        if open.is_empty() {
            return;
        }
        let c = *self.rng.pick(&open);
        self.wire.connections[c].open = false;
        for end in 0..2 {
            self.later(c, end, Event::Close(c, end, true));
        }
    }

    fn slow(&mut self, n: usize, long: Time) {
        let side = self.side(n);
        let until = self.now() + long;
        self.nodes[n].stall(side, until);
    }

    fn side(&mut self, n: usize) -> usize {
        self.rng.index(self.plan.routers[n].sides.len())
    }

    fn clear(&mut self, n: usize) {
        let side = self.side(n);
        let now = self.now();
        self.nodes[n].clear(now, side);
        self.settle(n);
    }

    /// `clear bgp ... soft in|out`.
    fn soft(&mut self, n: usize) {
        let side = self.side(n);
        let family = *self.rng.pick(&Family::ALL);
        let now = self.now();
        match self.rng.below(3) {
            0 => self.nodes[n].tell(now, side, bgp::fsm::Input::SoftIn(family)),
            1 => self.nodes[n].tell_rib(now, rib::Input::Refresh(PeerId(side as u16), family)),
            _ => self.nodes[n].tell_rib(now, rib::Input::Reimport(PeerId(side as u16), family)),
        }
        if self.alive(n) {
            self.settle(n);
        }
    }

    /// Other policies and options towards some neighbour.
    fn reconfigure(&mut self, n: usize) {
        let at = self.side(n);
        let old = self.plan.routers[n].sides[at].clone();
        let mut new = self.plan.side(&mut self.rng, old.session, n, old.other);
        if self.rng.once_in(2) {
            // Policies only: the names stay, so that the neighbour's own configuration does not change.
            (new.next_hop_self, new.soft, new.communities) = (old.next_hop_self, old.soft, old.communities);
        }
        self.plan.routers[n].sides[at] = new;
        let now = self.now();
        let policies = configure::policies(&self.plan, n);
        self.nodes[n].tell_rib(now, rib::Input::Policies(policies));
        let config = configure::peer(&self.plan, n, at);
        self.nodes[n].tell_rib(now, rib::Input::Peer(PeerId(at as u16), config));
        if self.alive(n) {
            self.settle(n);
        }
    }

    fn networks(&mut self, n: usize) {
        let networks = plan::own(&mut self.rng, &self.plan.nets, n);
        self.announce(n, networks);
    }

    /// A router announces just these.
    pub(super) fn announce(&mut self, n: usize, networks: BTreeSet<IpNet>) {
        self.plan.routers[n].networks = networks;
        let now = self.now();
        for family in Family::ALL {
            let local = configure::local(&self.plan, n, family);
            self.nodes[n].tell_rib(now, rib::Input::Local(family, local));
        }
        if self.alive(n) {
            self.settle(n);
        }
    }

    fn decide_otherwise(&mut self) {
        let options = plan::options(&mut self.rng);
        let now = self.now();
        for n in 0..self.nodes.len() {
            self.plan.routers[n].best = options;
            let settings = configure::settings(&self.plan, n);
            self.nodes[n].tell_rib(now, rib::Input::Settings(settings));
            if self.alive(n) {
                self.settle(n);
            }
        }
    }

    /// Somebody else puts a route into the kernel, beside or in place of ours, and perhaps takes it out again.
    fn foreign(&mut self, n: usize) {
        if self.off[n] {
            return;
        }
        let prefix = *self.rng.pick(&self.plan.nets);
        let metric = *self.rng.pick(&[0, METRIC, 1024]);
        let kind = RouteKind::Prohibit;
        let (object, hops, source) = (None, Vec::new(), None);
        let route = KernelRoute { prefix, table: MAIN, protocol: 4, metric, kind, object, hops, source };
        let now = self.now();
        let goes = self.rng.once_in(2) && self.plan.routers[n].foreign.remove(&(prefix, metric));
        if !goes {
            self.plan.routers[n].foreign.insert((prefix, metric));
        }
        self.nodes[n].in_kernel(now, |kernel, foreign| {
            let key = (prefix, MAIN, metric);
            if goes {
                foreign.remove(&key);
                kernel.foreign_remove(&key);
            } else {
                kernel.foreign_set(route.clone());
                foreign.insert(key, route);
            }
        });
        self.settle(n);
    }

    /// Somebody else takes out what is ours.
    fn thief(&mut self, n: usize) {
        let now = self.now();
        let pick = self.rng.index(8);
        let object = self.rng.once_in(3);
        self.nodes[n].in_kernel(now, |kernel, _| {
            if object {
                let ids: Vec<u32> = kernel.objects.keys().copied().collect();
                if !ids.is_empty() {
                    kernel.foreign_drop(ids[pick % ids.len()]);
                }
                return;
            }
            let ours = kernel.routes.iter().filter(|(_, r)| r.protocol == BGP);
            let keys: Vec<_> = ours.map(|(key, _)| *key).collect();
            if !keys.is_empty() {
                kernel.foreign_remove(&keys[pick % keys.len()]);
            }
        });
        self.settle(n);
    }

    /// Many changes within a short time, while some neighbour reads slowly.
    fn storm(&mut self, n: usize) {
        let at = self.side(n);
        let other = self.plan.routers[n].sides[at].other;
        let side = self.side(other);
        let until = self.now() + 10 * SECOND;
        self.nodes[other].stall(side, until);
        let mut at = 0;
        for _ in 0..8 {
            self.agenda.after(at, Event::Change(n));
            at += self.rng.below(SECOND);
        }
    }

    pub(super) fn change(&mut self, n: usize) {
        self.reconfigure(n);
        self.networks(n);
    }

    pub(super) fn peace(&mut self) {
        self.agenda.tell(|| "peace".to_owned());
        for (segment, n) in self.cuts.keys().copied().collect::<Vec<_>>() {
            self.heal(segment, n);
        }
        for n in 0..self.nodes.len() {
            self.start(n);
        }
    }
}
