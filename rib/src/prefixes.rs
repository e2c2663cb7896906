//! Prefixes by handle, no larger than they have to be: 16 octets for IPv4, 20 for IPv6.
//!
//! An IPv6 prefix of at most 64 bits, as all of the internet's are, has nothing in the lower half of its address. What
//! longer ones have there stands beside, by handle.

use std::collections::HashMap;
use std::ops::Range;

use bgp::types::Addr;

use crate::id::{PathIdx, PrefixId};

/// Bits of [`Addr::stem`].
const STEM_BITS: u8 = 64;

/// One prefix.
#[derive(Clone, Copy, Debug)]
pub struct PrefixEntry<A> {
    /// Network address.
    pub addr: A,
    /// First path.
    pub head: PathIdx,
    /// Version of the table when the best path last changed.
    pub version: u32,
    /// Length in bits.
    pub len: u8,
    /// Its route went to the kernel, which has not said yet that it is there (`bgp suppress-fib-pending`).
    pub waits: bool,
}

/// A prefix as it is stored.
#[derive(Clone, Copy, Debug)]
struct Slot<S> {
    stem: S,
    head: PathIdx,
    version: u32,
    len: u8,
    live: bool,
    waits: bool,
}

/// The prefixes of one family.
#[derive(Debug)]
pub struct Prefixes<A: Addr> {
    slots: Vec<Slot<A::Stem>>,
    /// Of prefixes longer than [`STEM_BITS`].
    tails: HashMap<PrefixId, u64, foldhash::fast::FixedState>,
    free: Vec<PrefixId>,
}

impl<A: Addr> Default for Prefixes<A> {
    fn default() -> Prefixes<A> {
        Prefixes { slots: Vec::new(), tails: HashMap::default(), free: Vec::new() }
    }
}

impl<A: Addr> Prefixes<A> {
    /// A handle for a prefix that has none, without paths.
    pub fn insert(&mut self, addr: A, len: u8) -> PrefixId {
        let slot = Slot { stem: addr.stem(), head: PathIdx::NONE, version: 0, len, live: true, waits: false };
        let id = match self.free.pop() {
            Some(id) => {
                self.slots[id.index()] = slot;
                id
            }
            None => {
                self.slots.push(slot);
                PrefixId(self.slots.len() as u32 - 1)
            }
        };
        if len > STEM_BITS {
            self.tails.insert(id, addr.tail());
        }
        id
    }

    /// Gives up a handle.
    pub fn remove(&mut self, id: PrefixId) {
        let slot = &mut self.slots[id.index()];
        debug_assert!(slot.live && slot.head.is_none());
        slot.live = false;
        if slot.len > STEM_BITS {
            self.tails.remove(&id);
        }
        self.free.push(id);
    }

    fn tail(&self, id: PrefixId, len: u8) -> u64 {
        if len > STEM_BITS { self.tails.get(&id).copied().unwrap_or(0) } else { 0 }
    }

    fn entry(&self, id: PrefixId, slot: &Slot<A::Stem>) -> PrefixEntry<A> {
        let Slot { stem, head, version, len, waits, .. } = *slot;
        PrefixEntry { addr: A::from_parts(stem, self.tail(id, len)), head, version, len, waits }
    }

    /// The prefix of a handle.
    pub fn get(&self, id: PrefixId) -> PrefixEntry<A> {
        self.entry(id, &self.slots[id.index()])
    }

    /// Whether a handle means this prefix.
    pub fn is(&self, id: PrefixId, addr: A, len: u8) -> bool {
        let slot = &self.slots[id.index()];
        slot.stem == addr.stem() && slot.len == len && self.tail(id, len) == addr.tail()
    }

    /// First path of a prefix.
    pub fn head(&self, id: PrefixId) -> PathIdx {
        self.slots[id.index()].head
    }

    /// Sets the first path of a prefix.
    pub fn set_head(&mut self, id: PrefixId, head: PathIdx) {
        self.slots[id.index()].head = head;
    }

    /// Sets the version of a prefix.
    pub fn set_version(&mut self, id: PrefixId, version: u32) {
        self.slots[id.index()].version = version;
    }

    /// Sets whether a prefix waits for the kernel, and returns whether it did.
    pub fn set_waits(&mut self, id: PrefixId, waits: bool) -> bool {
        std::mem::replace(&mut self.slots[id.index()].waits, waits)
    }

    /// One more than the greatest handle that was ever in use.
    pub fn bound(&self) -> usize {
        self.slots.len()
    }

    /// The prefixes of some slots, in no order that means anything.
    pub fn some(&self, slots: Range<usize>) -> impl Iterator<Item = (PrefixId, PrefixEntry<A>)> {
        let some = self.slots.get(slots.start..slots.end.min(self.slots.len())).unwrap_or(&[]);
        some.iter().zip(slots.start..).filter(|(slot, _)| slot.live).map(|(slot, at)| {
            let id = PrefixId(at as u32);
            (id, self.entry(id, slot))
        })
    }

    /// The handle of a slot, if the slot is in use.
    pub fn live(&self, slot: usize) -> Option<PrefixId> {
        self.slots.get(slot).filter(|slot| slot.live).map(|_| PrefixId(slot as u32))
    }

    /// Memory in octets.
    pub fn memory(&self) -> usize {
        self.slots.capacity() * size_of::<Slot<A::Stem>>()
            + self.tails.capacity() * (size_of::<(PrefixId, u64)>() + 1)
            + self.free.capacity() * size_of::<PrefixId>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_as_large_as_the_first_words_say() {
        assert_eq!(size_of::<Slot<<u32 as Addr>::Stem>>(), 16);
        assert_eq!(size_of::<Slot<<u128 as Addr>::Stem>>(), 20);
    }

    #[test]
    fn long_and_short_prefixes_share_handles() {
        let mut all = Prefixes::<u128>::default();
        let long = 0x2001_0db8_0000_0001_0000_0000_0000_0007;
        let id = all.insert(long, 128);
        assert_eq!((all.get(id).addr, all.get(id).len), (long, 128));
        assert!(all.is(id, long, 128) && !all.is(id, long + 1, 128) && !all.is(id, long, 127));
        all.remove(id);
        assert_eq!(all.live(0), None);
        let short = long.mask(64);
        assert_eq!(all.insert(short, 64), id);
        assert_eq!(all.get(id).addr, short);
        assert!(all.is(id, short, 64) && all.tails.is_empty());
        assert_eq!(all.some(0..9).map(|(id, p)| (id, p.addr)).collect::<Vec<_>>(), [(id, short)]);
    }
}
