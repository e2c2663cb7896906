//! What a group is about to tell, in an order that packs well: routes with equal attributes one after the other.

use std::collections::BTreeMap;

use crate::group::told::Route;
use crate::id::{AttrId, PeerId, PrefixId};

/// Routes told in one go: many messages full, and little memory. A lost table is one long run of withdrawals.
const RUN: usize = 16 << 10;

/// One route of a plan; without attributes, a withdrawal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Planned {
    pub prefix: PrefixId,
    pub route: Route,
}

/// Routes that are yet to be told.
#[derive(Clone, Debug)]
pub(crate) enum Plan {
    /// One route a prefix, in eight octets: a fail-over plans a full table. By source.
    One(BTreeMap<PeerId, Lot<(AttrId, PrefixId)>>),
    /// With path identifiers (RFC 7911).
    Several(Lot<Planned>),
}

/// Routes of which some are told.
#[derive(Clone, Debug)]
pub(crate) struct Lot<T> {
    routes: Vec<T>,
    told: usize,
}

impl<T> Default for Lot<T> {
    fn default() -> Lot<T> {
        Lot { routes: Vec::new(), told: 0 }
    }
}

impl<T: Copy> Lot<T> {
    fn rest(&self) -> &[T] {
        self.routes.get(self.told..).unwrap_or(&[])
    }

    /// Takes the first routes that are alike, [`RUN`] of them at most.
    fn take_run(&mut self, alike: impl Fn(&T, &T) -> bool) -> &[T] {
        let from = self.told;
        let rest = self.rest();
        let length =
            rest.first().map_or(0, |first| rest.iter().take(RUN).take_while(|r| alike(first, r)).count());
        self.told += length;
        &self.routes[from..self.told]
    }
}

impl Plan {
    /// A plan without routes.
    pub fn new(several: bool) -> Plan {
        if several { Plan::Several(Lot::default()) } else { Plan::One(BTreeMap::new()) }
    }

    /// Adds a route.
    pub fn push(&mut self, planned: Planned) {
        match self {
            Plan::One(lots) => {
                let lot = lots.entry(planned.route.source).or_default();
                lot.routes.push((planned.route.attr, planned.prefix));
            }
            Plan::Several(lot) => lot.routes.push(planned),
        }
    }

    /// Puts the routes in order: by source, attributes, prefix.
    pub fn sort(&mut self) {
        match self {
            Plan::One(lots) => lots.values_mut().for_each(|lot| lot.routes.sort_unstable()),
            Plan::Several(lot) => {
                lot.routes.sort_unstable_by_key(|p| (p.route.source, p.route.attr, p.prefix, p.route.id));
            }
        }
    }

    /// Whether nothing is left to tell.
    pub fn is_done(&self) -> bool {
        match self {
            Plan::One(lots) => lots.is_empty(),
            Plan::Several(lot) => lot.rest().is_empty(),
        }
    }

    /// Takes the next routes of one source and attribute set, [`RUN`] of them at most.
    pub fn take_run(&mut self, run: &mut Vec<Planned>) {
        run.clear();
        match self {
            Plan::One(lots) => {
                let Some(mut first) = lots.first_entry() else { return };
                let source = *first.key();
                let routes = first.get_mut().take_run(|a, b| a.0 == b.0);
                let planned = |&(attr, prefix)| Planned { prefix, route: Route { id: 0, attr, source } };
                run.extend(routes.iter().map(planned));
                if first.get().rest().is_empty() {
                    first.remove();
                }
            }
            Plan::Several(lot) => {
                let alike = |a: &Planned, b: &Planned| {
                    (a.route.source, a.route.attr) == (b.route.source, b.route.attr)
                };
                run.extend_from_slice(lot.take_run(alike));
                if lot.rest().is_empty() {
                    *lot = Lot::default();
                }
            }
        }
    }

    /// The routes that are left.
    pub fn rest(&self) -> impl Iterator<Item = Planned> {
        let (one, several) = match self {
            Plan::One(lots) => (Some(lots), None),
            Plan::Several(lot) => (None, Some(lot)),
        };
        let one = one.into_iter().flatten().flat_map(|(source, lot)| {
            lot.rest()
                .iter()
                .map(|&(attr, prefix)| Planned { prefix, route: Route { id: 0, attr, source: *source } })
        });
        one.chain(several.into_iter().flat_map(|lot| lot.rest().iter().copied()))
    }

    /// Estimated memory in octets.
    pub fn memory(&self) -> usize {
        match self {
            Plan::One(lots) => lots.values().map(|lot| lot.routes.capacity() * 8).sum(),
            Plan::Several(lot) => lot.routes.capacity() * size_of::<Planned>(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_of_one_source_and_set_and_nothing_is_lost() {
        for several in [false, true] {
            let mut plan = Plan::new(several);
            let mut all = Vec::new();
            for n in 0..100u32 {
                let route = Route { id: 0, attr: AttrId(n * 7 % 5), source: PeerId((n % 3) as u16) };
                all.push(Planned { prefix: PrefixId(n), route });
                plan.push(all[n as usize]);
            }
            plan.sort();
            let (mut run, mut told, mut runs) = (Vec::new(), Vec::new(), 0);
            while !plan.is_done() {
                let left = plan.rest().count();
                plan.take_run(&mut run);
                assert!(run.iter().all(|p| p.route == run[0].route), "{run:?}");
                assert_eq!(plan.rest().count() + run.len(), left);
                told.append(&mut run);
                runs += 1;
            }
            assert_eq!(runs, 15);
            told.sort_by_key(|p| p.prefix);
            assert_eq!(told, all);
        }
    }

    #[test]
    fn a_long_run_is_taken_in_pieces() {
        let mut plan = Plan::new(false);
        for n in 0..2 * RUN as u32 + 1 {
            plan.push(Planned { prefix: PrefixId(n), route: Route::NONE });
        }
        plan.sort();
        let (mut run, mut lengths) = (Vec::new(), Vec::new());
        while !plan.is_done() {
            plan.take_run(&mut run);
            lengths.push(run.len());
        }
        assert_eq!(lengths, [RUN, RUN, 1]);
    }
}
