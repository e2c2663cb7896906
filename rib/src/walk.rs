//! Work that walks a table in slices, so that nothing else waits for it.

use bgp::types::{Addr, Family, Nlri};
use smallvec::SmallVec;

use crate::family::FamilyRib;
use crate::id::{AttrId, PeerId, PrefixId};
use crate::rpki::Covered;
use crate::shared::Shared;
use crate::table::{Path, path_flag};

/// Work that walks a table in slices.
#[derive(Debug)]
pub(crate) enum Walk {
    /// Take out paths of sessions that ended.
    Purge(PeerId),
    /// Take out paths that a refresh left stale.
    Sweep(PeerId),
    /// Apply import policy to kept paths.
    Reimport(PeerId),
    /// Decide anew where a path has one of these next hops.
    Revisit(Vec<bool>),
    /// Decide anew everywhere.
    DecideAll,
    /// Look for the first route that a condition asks for; by the number of the search.
    Search(u32),
    /// Ask policies anew what they make of these prefixes.
    Revalidate(Box<Covered>),
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
    let end = (task.cursor + SLICE).min(rib.table.bound());
    let asking = match &task.walk {
        Walk::Revalidate(_) => rib.asking(shared),
        _ => Asking::default(),
    };
    for slot in task.cursor..end {
        let Some(id) = rib.table.live(slot) else { continue };
        match &task.walk {
            Walk::Purge(peer) => purge(rib, shared, id, *peer),
            Walk::Sweep(peer) => sweep(rib, shared, id, *peer),
            Walk::Reimport(peer) => reimport(rib, shared, id, *peer),
            Walk::Revalidate(covered) => {
                let entry = rib.table.prefix(id);
                if covered.covers(&entry.addr.to_net(entry.len)) {
                    revalidate(rib, shared, id, &asking);
                }
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
                }
            }
        }
    }
    task.cursor = end;
    end >= rib.table.bound()
}

/// Who asks for the state of origin validation.
#[derive(Debug, Default)]
struct Asking {
    /// Neighbours whose import policy does.
    peers: SmallVec<[PeerId; 8]>,
    /// Update groups whose export policy does, by position.
    groups: SmallVec<[usize; 8]>,
}

impl<A: Addr> FamilyRib<A> {
    fn asking(&mut self, shared: &Shared) -> Asking {
        let configured = shared.peers.iter().enumerate().filter(|(_, p)| p.is_some());
        let peers = configured.map(|(i, _)| PeerId(i as u16));
        Asking {
            peers: peers.filter(|p| self.import_validates(shared, *p)).collect(),
            groups: (0..self.groups.len()).filter(|at| self.groups[*at].validates(shared)).collect(),
        }
    }

    /// Whether a policy asks for the state of origin validation.
    pub fn validates(&mut self, shared: &Shared) -> bool {
        let Asking { peers, groups } = self.asking(shared);
        !peers.is_empty() || !groups.is_empty()
    }
}

/// Applies the policies that ask for the validation state of a prefix.
fn revalidate<A: Addr>(rib: &mut FamilyRib<A>, shared: &mut Shared, id: PrefixId, asking: &Asking) {
    for at in &asking.groups {
        rib.groups[*at].mark(id);
    }
    let mut peers: SmallVec<[PeerId; 8]> = rib.table.paths(id).map(|(_, p)| p.peer).collect();
    peers.retain(|p| asking.peers.contains(p));
    peers.sort_unstable();
    peers.dedup();
    for peer in peers {
        reimport(rib, shared, id, peer);
    }
}

/// Takes out the paths of a neighbour's ended sessions.
fn purge<A: Addr>(rib: &mut FamilyRib<A>, shared: &mut Shared, id: PrefixId, peer: PeerId) {
    let generation = shared.peer(peer).map(|p| p.generation);
    drop_paths(rib, shared, id, |p| p.peer == peer && Some(p.generation) != generation);
}

/// Takes out the paths that a neighbour did not announce again in answer to a refresh.
fn sweep<A: Addr>(rib: &mut FamilyRib<A>, shared: &mut Shared, id: PrefixId, peer: PeerId) {
    let Some(round) = shared.peer(peer).map(|p| p.refresh[A::FAMILY.index()].round) else { return };
    drop_paths(rib, shared, id, |p| p.peer == peer && p.flags & path_flag::ROUND != round);
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
fn reimport<A: Addr>(rib: &mut FamilyRib<A>, shared: &mut Shared, id: PrefixId, peer: PeerId) {
    // Those of ended sessions must not come back to life.
    let Some(generation) = shared.peer(peer).map(|p| p.generation) else { return };
    let paths: SmallVec<[(AttrId, u32, u8); 2]> = rib
        .table
        .paths(id)
        .filter(|(_, p)| p.peer == peer && p.generation == generation)
        .map(|(_, p)| (p.attr_in, p.path_id, p.flags & path_flag::ROUND))
        .collect();
    let entry = rib.table.prefix(id);
    let (addr, len) = (entry.addr, entry.len);
    for (attr_in, path_id, round) in paths {
        shared.attrs.retain(attr_in);
        rib.take_in(shared, peer, attr_in, &[Nlri { addr, path_id, len }], round);
        shared.release(attr_in);
    }
}
