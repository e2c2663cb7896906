//! Work that walks a table in slices, so that nothing else waits for it.

use bgp::types::{Addr, Family, Nlri};
use smallvec::SmallVec;

use crate::family::FamilyRib;
use crate::id::{AttrId, HopSetId, PeerId, PrefixId};
use crate::revalidate::Revalidation;
use crate::shared::Shared;
use crate::table::{Path, path_flag};

/// Work that walks a table in slices.
#[derive(Debug)]
pub(crate) enum Walk {
    /// Take out paths of sessions that ended, and look at all routes of hop sets that were turned for it.
    Purge { peer: PeerId, turned: SmallVec<[HopSetId; 2]> },
    /// Take out paths that a refresh left stale.
    Sweep(PeerId),
    /// Apply import policy to kept paths.
    Reimport(PeerId),
    /// Decide anew where a path has one of these next hops.
    Revisit(Vec<bool>),
    /// Decide anew everywhere.
    DecideAll,
    /// Bring the kernel's routes in line with `ip protocol ... route-map`.
    Install,
    /// Forget flaps of routes, of one neighbour or of all.
    Undamp(Option<PeerId>),
    /// Look for the first route that a condition asks for; by the number of the search.
    Search(u32),
    /// Ask policies anew what they make of these prefixes.
    Revalidate(Box<Revalidation>),
}

#[derive(Debug)]
pub(crate) struct Task {
    pub family: Family,
    pub cursor: usize,
    pub walk: Walk,
}

/// Prefixes that a walk visits before other work gets its turn.
const SLICE: usize = 8192;

pub(crate) fn walk_slice<A: Addr>(rib: &mut FamilyRib<A>, shared: &mut Shared, task: &mut Task) -> bool {
    if let Walk::Revalidate(revalidation) = &mut task.walk {
        return revalidation.slice(rib, shared, &mut task.cursor);
    }
    if let Walk::Search(number) = task.walk
        && !rib.searching(number)
    {
        // Another search took its place.
        return true;
    }
    if let Walk::Undamp(peer) = task.walk {
        let next = rib.undamp_slice(shared, PrefixId(task.cursor as u32), peer);
        task.cursor = next.map_or(0, PrefixId::index);
        return next.is_none();
    }
    let end = (task.cursor + SLICE).min(rib.table.bound());
    for slot in task.cursor..end {
        let Some(id) = rib.table.live(slot) else { continue };
        match &task.walk {
            Walk::Purge { peer, turned } => {
                purge(rib, shared, id, *peer);
                if rib.fib.get(slot).is_some_and(|set| turned.contains(set)) && rib.table.live(slot).is_some()
                {
                    rib.sync_fib(shared, id);
                }
            }
            Walk::Sweep(peer) => sweep(rib, shared, id, *peer),
            Walk::Reimport(peer) => reimport(rib, shared, id, *peer),
            Walk::Revalidate(_) | Walk::Undamp(_) => {}
            Walk::Install => {
                rib.sync_fib(shared, id);
                // Also where nothing but the source address changed.
                rib.retell(shared, id);
            }
            Walk::Search(number) => rib.search(shared, id, *number),
            Walk::DecideAll => {
                rib.decide(shared, id, None);
                rib.sync_fib(shared, id);
            }
            Walk::Revisit(changed) => {
                let concerned = rib.table.paths(id).any(|(_, p)| {
                    let next_hop = shared.attrs.get(p.attr).local.next_hop;
                    changed.get(next_hop.index()).copied().unwrap_or(false)
                });
                if concerned {
                    rib.decide(shared, id, None);
                    rib.retell(shared, id);
                    rib.tell_distance(shared, id);
                }
            }
        }
    }
    task.cursor = end;
    end >= rib.table.bound()
}

/// Takes out the paths of a neighbour's ended sessions.
fn purge<A: Addr>(rib: &mut FamilyRib<A>, shared: &mut Shared, id: PrefixId, peer: PeerId) {
    let generation = shared.peer(peer).map(|p| p.generation);
    drop_paths(rib, shared, id, |p| p.peer == peer && Some(p.generation) != generation);
    if rib.damping.is_some() {
        rib.end_held(shared, id, peer, |k| Some(k.generation) != generation);
        if shared.peer(peer).is_none_or(|p| p.removed) {
            rib.forget_peer(shared, id, peer);
        }
    }
}

/// Takes out the paths that a neighbour did not announce again in answer to a refresh.
fn sweep<A: Addr>(rib: &mut FamilyRib<A>, shared: &mut Shared, id: PrefixId, peer: PeerId) {
    let Some(round) = shared.peer(peer).map(|p| p.refresh[A::FAMILY.index()].round) else { return };
    drop_paths(rib, shared, id, |p| p.peer == peer && p.flags & path_flag::ROUND != round);
    if rib.damping.is_some() {
        rib.end_held(shared, id, peer, |k| k.round != round);
    }
}

fn drop_paths<A: Addr>(
    rib: &mut FamilyRib<A>,
    shared: &mut Shared,
    id: PrefixId,
    stale: impl Fn(&Path) -> bool,
) {
    loop {
        let stale = rib.table.paths(id).find(|(_, p)| stale(p));
        let Some((idx, _)) = stale else { return };
        let last = rib.table.paths(id).count() == 1;
        rib.drop_path(shared, id, idx);
        if last {
            return;
        }
    }
}

/// Applies import policy to what a neighbour sent for a prefix.
pub(crate) fn reimport<A: Addr>(rib: &mut FamilyRib<A>, shared: &mut Shared, id: PrefixId, peer: PeerId) {
    // Those of ended sessions must not come back to life.
    let Some(generation) = shared.peer(peer).map(|p| p.generation) else { return };
    let mut paths: SmallVec<[(AttrId, u32, u8); 2]> = rib
        .table
        .paths(id)
        .filter(|(_, p)| p.peer == peer && p.generation == generation)
        .map(|(_, p)| (p.attr_in, p.path_id, p.flags & path_flag::ROUND))
        .collect();
    let records = rib.damping.iter().flat_map(|d| d.of(id)).filter(|(key, _)| key.peer == peer);
    let held = records.filter_map(|(key, r)| Some((key, r.held()?)));
    let held = held.filter(|(_, k)| k.generation == generation);
    paths.extend(held.map(|(key, k)| (k.attr_in, key.path_id, k.round)));
    let entry = rib.table.prefix(id);
    let (addr, len) = (entry.addr, entry.len);
    for (attr_in, path_id, round) in paths {
        shared.attrs.retain(attr_in);
        rib.take_in(shared, peer, attr_in, &[Nlri { addr, path_id, len }], round);
        shared.release(attr_in);
    }
}
