//! What must be there when everything is at rest, and what must not be left when nobody announces anything.

use std::collections::BTreeMap;
use std::net::IpAddr;

use bgp::fsm::FsmState;
use bgp::types::Family;
use ipnet::IpNet;
use rib::PeerId;
use rib::listing::{Listed, Part};
use rib::query::{PathView, PrefixView};

use super::World;
use super::kernel::ways;
use super::oracle::{self, Bests, From};
use super::plan;
use super::route::Route;

fn from(path: &PathView) -> From {
    (path.peer != PeerId::LOCAL).then(|| path.peer.index())
}

fn route(path: &PathView) -> Route {
    Route::read(&path.block, path.next_hop.addr)
}

impl World {
    fn view(&self, n: usize, net: IpNet) -> Option<PrefixView> {
        self.nodes[n].rib().prefix(net)
    }

    /// Looks at everything; the error says which law is broken and where.
    pub(super) fn at_rest(&mut self) -> Result<(), String> {
        self.sessions()?;
        let bests = self.bests();
        for n in 0..self.nodes.len() {
            self.idle(n)?;
            for net in self.plan.nets.clone() {
                self.prefix(n, net, &bests).map_err(|law| format!("router {n}: {net}: {law}"))?;
                self.reasons(n, net).map_err(|law| format!("router {n}: {net}: {law}"))?;
            }
            self.nodes[n].kernel_is_right().map_err(|law| format!("router {n}: {law}"))?;
        }
        if self.plan.one_outcome()
            && let Some(wanted) = oracle::settle(&self.plan)
        {
            for (n, (found, wanted)) in bests.iter().zip(&wanted).enumerate() {
                for net in &self.plan.nets {
                    if found.get(net) != wanted.get(net) {
                        let (found, wanted) = (found.get(net), wanted.get(net));
                        return Err(format!(
                            "router {n} thinks {found:?} best for {net}, but from a fresh start it were {wanted:?}"
                        ));
                    }
                }
            }
        }
        for net in self.plan.nets.clone() {
            for n in 0..self.nodes.len() {
                self.walks(net, n, &mut Vec::new())?;
            }
        }
        Ok(())
    }

    /// Now and then, whatever is going on: who has had no session for a while has no routes in the table.
    pub(super) fn glance(&mut self) {
        for n in 0..self.nodes.len() {
            for side in 0..self.plan.routers[n].sides.len() {
                let up = !self.nodes[n].alive() || self.nodes[n].up(side).is_some();
                let times = self.down.entry((n, side)).or_default();
                *times = if up { 0 } else { *times + 1 };
                if *times < 2 {
                    continue;
                }
                for family in Family::ALL {
                    let counts = self.nodes[n].rib().counts(PeerId(side as u16), family);
                    if counts.accepted + counts.filtered > 0 {
                        self.broken =
                            Some(format!("router {n} keeps {counts:?} of {side} without a session"));
                    }
                }
            }
        }
    }

    fn sessions(&self) -> Result<(), String> {
        for n in 0..self.nodes.len() {
            for (at, side) in self.plan.routers[n].sides.iter().enumerate() {
                let state = self.nodes[n].state(at);
                if state != FsmState::Established {
                    return Err(format!("the session of {n} with {} is in {state}", side.other));
                }
            }
        }
        Ok(())
    }

    /// The tables' own best paths.
    fn bests(&self) -> Bests {
        let of = |n: usize| {
            let best = |net: &IpNet| {
                let view = self.view(n, *net)?;
                let path = view.paths.iter().find(|p| p.best)?;
                Some((*net, (from(path), route(path))))
            };
            self.plan.nets.iter().filter_map(best).collect::<BTreeMap<_, _>>()
        };
        (0..self.nodes.len()).map(of).collect()
    }

    /// A router's paths, choice and kernel route of a prefix are what its neighbours' best paths make them.
    fn prefix(&self, n: usize, net: IpNet, bests: &Bests) -> Result<(), String> {
        let view = self.view(n, net);
        let paths: &[PathView] = view.as_ref().map_or(&[], |v| &v.paths);
        if let Some(stale) = paths.iter().find(|p| p.stale) {
            return Err(format!("a path of {:?} is from an earlier session", stale.peer));
        }
        let since = |f: From| paths.iter().find(|p| from(p) == f).map_or(0, |p| p.since);
        let wanted = oracle::paths(&self.plan, n, net, bests, since);
        let found: BTreeMap<From, &PathView> =
            paths.iter().filter(|p| !p.filtered).map(|p| (from(p), p)).collect();
        for from in wanted.keys().chain(found.keys()) {
            let (wanted, found) = (wanted.get(from).map(|p| &p.route), found.get(from).map(|p| route(p)));
            if found.as_ref() != wanted {
                return Err(format!("keeps {found:?} of {from:?}, wanted {wanted:?}"));
            }
        }
        let choice = oracle::choose(&self.plan.routers[n], &wanted);
        let best = paths.iter().find(|p| p.best).map(from);
        if best != choice.best {
            return Err(format!("chose {best:?}, wanted {:?} of {wanted:#?}", choice.best));
        }
        let members: Vec<From> = paths.iter().filter(|p| p.best || p.multipath).map(from).collect();
        if members.len() != choice.members.len() || !members.iter().all(|m| choice.members.contains(m)) {
            return Err(format!("shares among {members:?}, wanted {:?} of {wanted:#?}", choice.members));
        }
        // Routes of others come before those of BGP, and what is ours is not BGP's to forward.
        let foreign = self.plan.routers[n].foreign.iter().any(|(prefix, _)| *prefix == net);
        let forwarded = choice.best.flatten().is_some() && !foreign;
        let ways_of = |(ifindex, gateway): (u32, Option<IpAddr>)| {
            let segment = ifindex as usize - 1;
            gateway.and_then(|g| Some((segment, plan::whose(segment, g, &self.plan)?)))
        };
        let found = ways(&self.nodes[n].kernel, net);
        let found: Option<std::collections::BTreeSet<_>> =
            found.map(|w| w.into_iter().map(ways_of).collect());
        let wanted = forwarded.then(|| choice.members.iter().map(|m| wanted[m].way).collect());
        if found != wanted {
            return Err(format!("kernel has it over {found:?}, wanted {wanted:?}"));
        }
        Ok(())
    }

    /// What a router says that its neighbours were told, and why not, is what they were told.
    fn reasons(&self, n: usize, net: IpNet) -> Result<(), String> {
        let rib = self.nodes[n].rib();
        let part = Part { after: None, within: Some(net) };
        let (inside, _) = rib.listed(Family::of(&net), Listed::Told, part, 0..usize::MAX);
        let slot = inside.into_iter().find(|(key, _)| *key == net).map(|(_, slot)| slot);
        for (at, side) in self.plan.routers[n].sides.iter().enumerate() {
            let peer = PeerId(at as u16);
            let Some(said) = rib.why_neighbor(net, peer) else { continue };
            let told = slot.map(|slot| rib.advertised(peer, net, slot)).unwrap_or_default();
            let ids = |ids: Vec<u32>| ids.into_iter().collect::<std::collections::BTreeSet<_>>();
            let said_told = ids(said.told.iter().map(|t| t.path_id).collect());
            if said_told != ids(told.iter().map(|t| t.path_id).collect()) {
                return Err(format!(
                    "says that {} was told {:?}, who was told {told:?}",
                    side.other, said.told
                ));
            }
            if said.pending || said.not_told.iter().any(|not| not.why.is_none()) {
                return Err(format!("does not know why {} is not told: {:?}", side.other, said.not_told));
            }
        }
        Ok(())
    }

    /// Nothing is under way any more.
    fn idle(&self, n: usize) -> Result<(), String> {
        let groups = self.nodes[n].rib().groups();
        if let Some(group) = groups.iter().find(|g| !g.idle) {
            return Err(format!("router {n} still has something to tell {:?}", group.members));
        }
        Ok(())
    }

    /// Packets do not go round, whichever of several ways they take.
    fn walks(&self, net: IpNet, at: usize, met: &mut Vec<usize>) -> Result<(), String> {
        if met.contains(&at) {
            return Err(format!("packets to {net} go round: {met:?}, {at}"));
        }
        met.push(at);
        for (ifindex, gateway) in ways(&self.nodes[at].kernel, net).into_iter().flatten() {
            let segment = ifindex as usize - 1;
            if let Some(next) = gateway.and_then(|g| plan::whose(segment, g, &self.plan)) {
                self.walks(net, next, met)?;
            }
        }
        met.pop();
        Ok(())
    }

    /// Nobody announces anything: tables and kernels are empty, and nothing leaks.
    pub(super) fn nothing_left(&self) -> Result<(), String> {
        for (n, node) in self.nodes.iter().enumerate() {
            for family in Family::ALL {
                let totals = node.rib().totals(family);
                if (totals.prefixes, totals.paths, totals.sets) != (0, 0, 0) {
                    return Err(format!("router {n} still has {totals:?} of {family:?}"));
                }
            }
            if let Some(route) = node.kernel.routes.values().find(|r| r.protocol == 186) {
                return Err(format!("router {n}: the kernel still has {route:?}"));
            }
            if let Some(object) = node.kernel.objects.values().next() {
                return Err(format!("router {n}: the kernel still has {object:?}"));
            }
        }
        Ok(())
    }
}
