//! Work that walks a table in slices, so that nothing else waits for it.

use bgp::types::{Addr, Family, Nlri};
use smallvec::SmallVec;

use crate::family::FamilyRib;
use crate::id::{AttrId, PeerId, PrefixId};
use crate::shared::Shared;

/// Work that walks a table in slices.
#[derive(Debug)]
pub(crate) enum Walk {
    /// Take out paths of sessions that ended.
    Purge(PeerId),
    /// Apply import policy to kept paths.
    Reimport(PeerId),
    /// Decide anew where a path has one of these next hops.
    Revisit(Vec<bool>),
    /// Decide anew everywhere.
    DecideAll,
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
    for slot in task.cursor..end {
        let Some(id) = rib.table.live(slot) else { continue };
        match &task.walk {
            Walk::Purge(peer) => purge(rib, shared, id, *peer),
            Walk::Reimport(peer) => reimport(rib, shared, id, *peer),
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

/// Takes out the paths of a neighbour's ended sessions.
fn purge<A: Addr>(rib: &mut FamilyRib<A>, shared: &mut Shared, id: PrefixId, peer: PeerId) {
    let generation = shared.peer(peer).map(|p| p.generation);
    loop {
        let stale = rib.table.paths(id).find(|(_, p)| p.peer == peer && Some(p.generation) != generation);
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
    let paths: SmallVec<[(AttrId, u32); 2]> =
        rib.table.paths(id).filter(|(_, p)| p.peer == peer).map(|(_, p)| (p.attr_in, p.path_id)).collect();
    let entry = rib.table.prefix(id);
    let (addr, len) = (entry.addr, entry.len);
    for (attr_in, path_id) in paths {
        shared.attrs.retain(attr_in);
        rib.announce(shared, peer, attr_in, &[Nlri { addr, path_id, len }]);
        shared.release(attr_in);
    }
}
