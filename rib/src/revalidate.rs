//! Policies look again at what changed payloads of origin validation cover.

use bgp::types::Addr;
use ipnet::IpNet;
use smallvec::SmallVec;

use crate::family::FamilyRib;
use crate::id::{PeerId, PrefixId};
use crate::rpki::Covered;
use crate::shared::Shared;
use crate::table::Table;
use crate::walk::reimport;

/// Slots or look-ups of a slice, before other work gets its turn.
const LOOKS: usize = 8192;

/// Prefixes of a slice that policies look at again, which costs a microsecond or two each.
const VISITS: usize = 256;

/// A walk over what changed payloads cover. Its cursor is the number of slots or of look-ups that are behind it.
#[derive(Debug)]
pub(crate) struct Revalidation {
    pub covered: Covered,
    /// Prefixes to look up, if there are fewer of them than slots.
    probes: Option<Probes>,
}

impl Revalidation {
    pub fn new(covered: Covered) -> Revalidation {
        Revalidation { covered, probes: None }
    }

    /// Goes on for a while; says whether that was all.
    pub fn slice<A: Addr>(
        &mut self,
        rib: &mut FamilyRib<A>,
        shared: &mut Shared,
        cursor: &mut usize,
    ) -> bool {
        if *cursor == 0 {
            self.probes = Probes::new(&self.covered, &rib.table);
        }
        let asking = rib.asking(shared);
        let (mut looks, mut visits) = (0, 0);
        while looks < LOOKS && visits < VISITS {
            let found = match &mut self.probes {
                Some(probes) => match probes.next(&rib.table) {
                    None => return true,
                    Some(found) => found,
                },
                None if *cursor == rib.table.bound() => return true,
                None => {
                    rib.table.live(*cursor).filter(|id| self.covered.covers(&rib.table.prefix(*id).net()))
                }
            };
            *cursor += 1;
            looks += 1;
            if let Some(id) = found {
                visits += 1;
                revalidate(rib, shared, id, &asking);
            }
        }
        false
    }
}

/// All prefixes in some others, of the lengths that a table has. What comes into the table later finds the payloads that
/// are in force then.
#[derive(Debug)]
struct Probes {
    roots: Vec<IpNet>,
    lengths: Vec<u8>,
    /// Which root, which length, and which prefix of that length are the next.
    at: (usize, usize, u128),
}

impl Probes {
    /// `None` if it takes fewer steps to look at each slot of the table.
    fn new<A: Addr>(covered: &Covered, table: &Table<A>) -> Option<Probes> {
        let (roots, lengths) = (covered.roots(), table.lengths().collect::<Vec<u8>>());
        let mut room = table.bound();
        for root in &roots {
            for len in lengths.iter().filter(|len| **len >= root.prefix_len()) {
                let count = 1_usize.checked_shl(u32::from(len - root.prefix_len()))?;
                room = room.checked_sub(count)?;
            }
        }
        Some(Probes { roots, lengths, at: (0, 0, 0) })
    }

    /// The next prefix, if the table has it; `None` when there are no more.
    fn next<A: Addr>(&mut self, table: &Table<A>) -> Option<Option<PrefixId>> {
        loop {
            let (root, length, number) = self.at;
            let net = self.roots.get(root)?;
            let Some(&len) = self.lengths.get(length) else {
                self.at = (root + 1, 0, 0);
                continue;
            };
            let more = len.checked_sub(net.prefix_len()).map_or(0, |bits| 1_u128 << bits);
            if number == more {
                self.at = (root, length + 1, 0);
                continue;
            }
            self.at.2 += 1;
            // Left-aligned in 128 bits, whatever the family.
            let start = A::from_ip(net.network())?.to_be_bytes();
            let offset = number.checked_shl(u32::from(128 - len)).unwrap_or(0);
            let octets = (u128::from_be_bytes(start) | offset).to_be_bytes();
            let addr = A::from_be_slice(octets.get(..usize::from(A::BITS / 8))?);
            return Some(table.find(addr, len));
        }
    }
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
