//! Fail-over of many kernel routes at once: when a session or a next hop is lost, the group that routes hang on is turned
//! to where most of them will lead, before any route is decided anew. The walk through the table that follows corrects
//! the others; those that lead where the group does now need no message to the kernel at all.
//!
//! Which way most routes will take is found out by asking a sample of them. Nothing is kept for it while all is well.

use bgp::types::Addr;
use smallvec::SmallVec;

use crate::best::decide;
use crate::core::Core;
use crate::family::{FamilyRib, candidate};
use crate::id::{HopSetId, PrefixId};
use crate::intern::Provenance;
use crate::nexthop::Members;
use crate::shared::Shared;
use crate::weight::members;

/// Prefixes of a family that are asked; as many take about a tenth of a millisecond.
const SAMPLE: usize = 1024;

/// Votes that a set needs to be turned, unless all prefixes of the family were asked.
const QUORUM: usize = 8;

/// Hop sets that were turned.
pub(crate) type Turned = SmallVec<[HopSetId; 2]>;

/// Ways that routes will take, and how many voted for each.
type Votes = SmallVec<[(Members, usize); 2]>;

/// Where the routes of hop sets will lead.
#[derive(Default)]
struct Poll {
    sets: SmallVec<[Asked; 8]>,
}

/// One hop set of which some or all routes were asked.
struct Asked {
    set: HopSetId,
    votes: Votes,
    sampled: bool,
}

impl Poll {
    fn vote(&mut self, set: HopSetId, members: Members, sampled: bool) {
        let at = self.sets.iter().position(|asked| asked.set == set).unwrap_or_else(|| {
            self.sets.push(Asked { set, votes: SmallVec::new(), sampled });
            self.sets.len() - 1
        });
        let asked = &mut self.sets[at];
        asked.sampled |= sampled;
        match asked.votes.iter_mut().find(|(m, _)| *m == members) {
            Some((_, votes)) => *votes += 1,
            None => asked.votes.push((members, 1)),
        }
    }

    /// Asks the prefixes whose routes are in the kernel, a sample of them if they are many.
    fn ask<A: Addr>(&mut self, rib: &FamilyRib<A>, shared: &Shared) {
        let slots = rib.table.bound();
        let step = slots.div_ceil(SAMPLE).max(1);
        for slot in (0..slots).step_by(step) {
            let set = rib.fib.get(slot).copied().unwrap_or(HopSetId::NONE);
            if let Some(id) = rib.table.live(slot).filter(|_| !set.is_none()) {
                self.vote(set, rib.prospect(shared, id), step > 1);
            }
        }
    }

    /// The sets that most of their routes will leave for the same other way.
    fn turned(self) -> impl Iterator<Item = (HopSetId, Members)> {
        self.sets.into_iter().filter_map(|Asked { set, votes, sampled }| {
            let all: usize = votes.iter().map(|(_, votes)| votes).sum();
            let quorum = if sampled { QUORUM } else { 1 };
            let (members, most) = votes.into_iter().max_by_key(|(_, votes)| *votes)?;
            (all >= quorum && 2 * most > all && !members.is_empty()).then_some((set, members))
        })
    }
}

impl<A: Addr> FamilyRib<A> {
    /// The next hops that a prefix will have once it is decided anew, in canonical order; none for a route of our own.
    fn prospect(&self, shared: &Shared, id: PrefixId) -> Members {
        let paths = self.table.paths(id);
        let candidates: SmallVec<[_; 8]> = paths.filter_map(|(i, p)| candidate(shared, &p, i)).collect();
        let Some(decision) = decide(&candidates, &shared.settings.best[A::FAMILY.index()]) else {
            return Members::new();
        };
        let best = self.table.path(candidates[decision.best].path);
        if shared.attrs.get(best.attr).local.origin == Provenance::Local {
            return Members::new();
        }
        let mut chosen: SmallVec<[_; 8]> = decision.multipath.clone();
        if chosen.is_empty() {
            chosen.push(decision.best);
        }
        let attrs = chosen.into_iter().map(|at| self.table.path(candidates[at].path).attr);
        shared.canonical(members(shared, A::FAMILY, attrs))
    }
}

impl Core {
    /// Something was lost that routes lead over: turns hop sets to where most of their routes will lead. Returns those
    /// that now lead elsewhere: whoever takes up the loss has to look at all their routes.
    pub(crate) fn turn(&mut self) -> Turned {
        let mut poll = Poll::default();
        poll.ask(&self.v4, &self.shared);
        poll.ask(&self.v6, &self.shared);
        poll.turned().filter_map(|(id, to)| self.shared.turn_hop_set(id, to).then_some(id)).collect()
    }
}
