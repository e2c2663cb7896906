//! Work that walks a table in slices, so that nothing else waits for it.

use bgp::types::{Addr, Family, Nlri};
use ipnet::IpNet;
use smallvec::SmallVec;

use crate::family::FamilyRib;
use crate::id::{AttrId, HopSetId, PeerId, PrefixId};
use crate::revalidate::Revalidation;
use crate::shared::Shared;
use crate::table::{Path, path_flag};
use crate::turn::Turned;

/// Work that walks a table in slices.
#[derive(Debug)]
pub(crate) enum Walk {
    /// Take out paths of sessions that ended, and look at all routes of hop sets that were turned for it.
    Purge { peer: PeerId, turned: Turned },
    /// Take out paths that a refresh left stale.
    Sweep(PeerId),
    /// Apply import policy to kept paths.
    Reimport(PeerId),
    /// Decide anew where a path has a next hop that changed.
    Revisit(Changed),
    /// Decide anew everywhere.
    DecideAll,
    /// Bring the kernel's routes in line with `ip protocol ... route-map`.
    Install,
    /// Forget flaps of routes, of some neighbours or of all.
    Undamp(Option<Vec<PeerId>>),
    /// Look for the first route that a condition asks for; by the number of the search.
    Search(u32),
    /// Count the paths that aggregates are made of.
    Count,
    /// See again which paths of what these prefixes cover are suppressed by aggregates.
    Suppress(Vec<IpNet>),
    /// Ask policies anew what they make of these prefixes.
    Revalidate(Box<Revalidation>),
}

/// What changed with the ways to next hops.
#[derive(Debug)]
pub(crate) struct Changed {
    /// By handle: what matters for a decision.
    pub next_hops: Vec<bool>,
    /// All their routes have to be looked at.
    pub turned: Turned,
    /// They begin or cease to discard, which their routes have to be told.
    pub retold: Turned,
}

impl Walk {
    /// Whether neighbours are told nothing before it is through: it decides which routes they are to have.
    pub fn comes_before_telling(&self) -> bool {
        matches!(self, Walk::Count | Walk::Suppress(_))
    }
}

impl Changed {
    /// Adds what changed since.
    pub fn join(&mut self, other: Changed) {
        self.next_hops.resize(self.next_hops.len().max(other.next_hops.len()), false);
        other.next_hops.iter().enumerate().for_each(|(i, c)| self.next_hops[i] |= c);
        self.turned.extend(other.turned);
        self.retold.extend(other.retold);
    }

    fn has<A: Addr>(&self, rib: &FamilyRib<A>, shared: &Shared, id: PrefixId) -> bool {
        let next_hop = |attr: AttrId| shared.attrs.get(attr).local.next_hop;
        let changed = |attr| self.next_hops.get(next_hop(attr).index()).copied().unwrap_or(false);
        rib.table.paths(id).any(|(_, p)| changed(p.attr) || p.attr_in != p.attr && changed(p.attr_in))
    }
}

#[derive(Debug)]
pub(crate) struct Task {
    pub family: Family,
    pub cursor: usize,
    pub walk: Walk,
}

/// Prefixes that a walk visits before other work gets its turn; few in tests, so that other work gets in between.
const SLICE: usize = if cfg!(test) { 3 } else { 8192 };

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
    if let Walk::Undamp(peers) = &task.walk {
        let next = rib.undamp_slice(shared, PrefixId(task.cursor as u32), peers.as_deref());
        task.cursor = next.map_or(0, PrefixId::index);
        return next.is_none();
    }
    let measured = matches!(task.walk, Walk::Revisit(_)) && rib.imports_measure();
    let end = (task.cursor + SLICE).min(rib.table.bound());
    for slot in task.cursor..end {
        let Some(id) = rib.table.live(slot) else { continue };
        match &task.walk {
            Walk::Purge { peer, turned } => {
                purge(rib, shared, id, *peer);
                if hangs_on(rib, slot, turned) {
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
            Walk::Count => rib.count_first(shared, id),
            Walk::Suppress(nets) => rib.suppress_within(shared, id, nets),
            Walk::Search(number) => rib.search(shared, id, *number),
            Walk::DecideAll => {
                rib.decide(shared, id, None);
                rib.sync_fib(shared, id);
            }
            Walk::Revisit(changed) => {
                let concerned = changed.has(rib, shared, id);
                if concerned {
                    rib.decide(shared, id, None);
                }
                if hangs_on(rib, slot, &changed.turned) {
                    rib.sync_fib(shared, id);
                }
                // By another way out, policy may give it another source address.
                if hangs_on(rib, slot, &changed.retold) || concerned && rib.install_filtered(shared) {
                    rib.retell(shared, id);
                }
                if concerned {
                    rib.tell_distance(shared, id, measured);
                }
            }
        }
    }
    if let Walk::Count = task.walk {
        rib.counted_to(end);
    }
    task.cursor = end;
    end >= rib.table.bound()
}

/// Whether the kernel's route of a slot hangs on one of these sets.
fn hangs_on<A: Addr>(rib: &FamilyRib<A>, slot: usize, sets: &[HopSetId]) -> bool {
    rib.fib.get(slot).is_some_and(|set| sets.contains(set)) && rib.table.live(slot).is_some()
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
    let (addr, len) = rib.table.key(id);
    for (attr_in, path_id, round) in paths {
        shared.attrs.retain(attr_in);
        rib.take_in(shared, peer, attr_in, &[Nlri { addr, path_id, len }], round);
        shared.release(attr_in);
    }
}
