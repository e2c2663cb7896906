//! Prefixes by handle, no larger than they have to be: 16 octets for IPv4, 20 for IPv6.
//!
//! An IPv6 prefix of at most 64 bits, as all of the internet's are, has nothing in the lower half of its address. What
//! longer ones have there stands beside, by handle.

use std::collections::HashMap;
use std::ops::Range;

use bgp::types::Addr;
use ipnet::IpNet;

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

impl<A: Addr> PrefixEntry<A> {
    /// Address and length.
    pub fn net(&self) -> IpNet {
        self.addr.to_net(self.len)
    }
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

    /// Whether a prefix waits for the kernel.
    pub fn waits(&self, id: PrefixId) -> bool {
        self.slots[id.index()].waits
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
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_slot_is_as_large_as_the_first_words_say() {
        assert_eq!(size_of::<Slot<<u32 as Addr>::Stem>>(), 16);
        assert_eq!(size_of::<Slot<<u128 as Addr>::Stem>>(), 20);
    }

    fn check<A: Addr>(steps: &[(bool, A, u8, u8)]) {
        let mut all = Prefixes::<A>::default();
        let mut model: BTreeMap<PrefixId, (A, u8)> = BTreeMap::new();
        for &(put, addr, len, which) in steps {
            let (addr, len) = (addr.mask(len), len.min(A::BITS));
            if put && model.values().all(|known| *known != (addr, len)) {
                let id = all.insert(addr, len);
                assert!(model.insert(id, (addr, len)).is_none(), "a handle that is in use");
            } else if let Some(id) = model.keys().nth(usize::from(which)).copied() {
                all.remove(id);
                model.remove(&id);
            }
            let found: BTreeMap<_, _> =
                all.some(0..all.bound()).map(|(id, p)| (id, (p.addr, p.len))).collect();
            assert_eq!(found, model);
            for (id, known) in &model {
                assert_eq!(all.is(*id, addr, len), *known == (addr, len));
            }
        }
        assert_eq!(all.tails.len(), model.values().filter(|(_, len)| *len > STEM_BITS).count());
    }

    proptest! {
        /// Addresses that differ in few places on both sides of the stem's end.
        #[test]
        fn handles_mean_what_they_were_given_for(
            steps in prop::collection::vec((any::<bool>(), 0u8..4, 0u8..4, 60u8..70, 0u8..8), 0..60)
        ) {
            let long = |&(put, high, low, len, which): &(bool, u8, u8, u8, u8)| {
                (put, u128::from(high) << 64 | u128::from(low) << 58, len, which)
            };
            check::<u128>(&steps.iter().map(long).collect::<Vec<_>>());
            let short = |&(put, high, low, len, which): &(bool, u8, u8, u8, u8)| {
                (put, u32::from(high) << 4 | u32::from(low), len - 38, which)
            };
            check::<u32>(&steps.iter().map(short).collect::<Vec<_>>());
        }
    }
}
