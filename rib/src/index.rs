//! A hash index of handles, for tables whose keys stand with what the handles mean.
//!
//! ```text
//!   slot:  tag (upper bits of the hash) │ handle
//! ```
//!
//! A handle is less than the number of slots, so the bits that it leaves over hold a tag: most slots of other keys
//! are told apart without a look at the key. Four octets a slot, linear probing, growth by half: a full table's
//! index takes about six octets an entry.

/// No handle was ever here.
const EMPTY: u32 = u32::MAX;
/// A handle was here.
const GONE: u32 = u32::MAX - 1;

/// Slots that a guess looks at; most handles are not farther from their first one.
const GUESSES: usize = 8;

/// The index. Hashes are well mixed and of a seed that whoever chooses the keys does not know.
#[derive(Clone, Debug, Default)]
pub struct Index {
    slots: Vec<u32>,
    /// Lower bits of a slot that are the handle.
    handle_bits: u32,
    live: usize,
    /// Slots that are not [`EMPTY`].
    used: usize,
}

impl Index {
    /// Handles.
    pub fn len(&self) -> usize {
        self.live
    }

    /// Whether there is no handle.
    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// Memory in octets.
    pub fn memory(&self) -> usize {
        self.slots.capacity() * size_of::<u32>()
    }

    fn first(&self, hash: u64) -> usize {
        ((u128::from(hash) * self.slots.len() as u128) >> 64) as usize
    }

    fn handle(&self, slot: u32) -> u32 {
        slot & ((1u32 << self.handle_bits) - 1)
    }

    /// The tag of a hash, whose highest bits choose the first slot.
    fn tag(&self, hash: u64) -> u32 {
        (hash as u32) << self.handle_bits
    }

    fn next(&self, at: usize) -> usize {
        if at + 1 == self.slots.len() { 0 } else { at + 1 }
    }

    /// The slot of a handle whose key `same` recognises.
    fn position(&self, hash: u64, mut same: impl FnMut(u32) -> bool) -> Option<usize> {
        if self.slots.is_empty() {
            return None;
        }
        let tag = self.tag(hash);
        let mask = !0u32 << self.handle_bits;
        let mut at = self.first(hash);
        loop {
            match self.slots[at] {
                EMPTY => return None,
                GONE => {}
                slot if slot & mask == tag && same(self.handle(slot)) => return Some(at),
                _ => {}
            }
            at = self.next(at);
        }
    }

    /// The handle whose key `same` recognises.
    pub fn find(&self, hash: u64, same: impl FnMut(u32) -> bool) -> Option<u32> {
        self.position(hash, same).map(|at| self.handle(self.slots[at]))
    }

    /// The handle that a hash most likely means; only its key can tell. Looks at no key, so that look-ups of several
    /// hashes wait for memory together.
    pub fn guess(&self, hash: u64) -> Option<u32> {
        let from = self.slots.get(self.first(hash)..)?;
        let (tag, mask) = (self.tag(hash), !0u32 << self.handle_bits);
        let near = from.iter().take(GUESSES).take_while(|slot| **slot != EMPTY);
        near.copied().find(|slot| slot & mask == tag && *slot != GONE).map(|slot| self.handle(slot))
    }

    /// Puts in a handle that is not in there. `hash_of` gives the hash of those that are.
    pub fn insert(&mut self, hash: u64, handle: u32, hash_of: impl Fn(u32) -> u64) {
        // Four fifths full at most; a handle leaves room for the two values that are none.
        if 5 * (self.used + 1) > 4 * self.slots.len() || handle as usize + 2 >= self.slots.len() {
            self.grow(handle, hash_of);
        }
        self.put(hash, handle);
        self.live += 1;
    }

    fn put(&mut self, hash: u64, handle: u32) {
        let mut at = self.first(hash);
        while self.slots[at] < GONE {
            at = self.next(at);
        }
        self.used += usize::from(self.slots[at] == EMPTY);
        self.slots[at] = self.tag(hash) | handle;
        // The handles of the two values with a meaning of their own are greater than any in a table of this size.
        debug_assert!(self.slots[at] < GONE);
    }

    fn grow(&mut self, handle: u32, hash_of: impl Fn(u32) -> u64) {
        let old: Vec<u32> = self.slots.iter().filter(|s| **s < GONE).map(|s| self.handle(*s)).collect();
        // As large as before if it was full of what is gone.
        let full = 5 * self.live > 3 * self.slots.len();
        let room = if full { self.slots.len() / 2 * 3 } else { self.slots.len() };
        let room = room.max(handle as usize + handle as usize / 4 + 16);
        self.slots = Vec::new();
        self.slots.resize(room, EMPTY);
        self.handle_bits = usize::BITS - room.leading_zeros();
        self.used = 0;
        for handle in old {
            self.put(hash_of(handle), handle);
        }
    }

    /// Takes out a handle that is in there.
    pub fn remove(&mut self, hash: u64, handle: u32) {
        let Some(at) = self.position(hash, |other| other == handle) else { return };
        // Nobody probes across the end of a run.
        let last = self.slots[self.next(at)] == EMPTY;
        self.slots[at] = if last { EMPTY } else { GONE };
        self.used -= usize::from(last);
        self.live -= 1;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// Mixes poorly on purpose, so that keys collide in slot and tag.
    fn hash(key: u16) -> u64 {
        u64::from(key % 37) << 59 | u64::from(key % 11)
    }

    proptest! {
        #[test]
        fn it_finds_what_a_map_would(steps in prop::collection::vec((any::<bool>(), 0u16..600), 0..2000)) {
            let mut keys: Vec<u16> = Vec::new();
            let mut free: Vec<u32> = Vec::new();
            let mut index = Index::default();
            let mut model: BTreeMap<u16, u32> = BTreeMap::new();
            for (put, key) in steps {
                let found = index.find(hash(key), |h| keys[h as usize] == key);
                prop_assert_eq!(found, model.get(&key).copied());
                match (put, found) {
                    (true, None) => {
                        let handle = free.pop().unwrap_or(keys.len() as u32);
                        keys.resize(keys.len().max(handle as usize + 1), 0);
                        keys[handle as usize] = key;
                        index.insert(hash(key), handle, |h| hash(keys[h as usize]));
                        model.insert(key, handle);
                    }
                    (false, Some(handle)) => {
                        index.remove(hash(key), handle);
                        model.remove(&key);
                        free.push(handle);
                    }
                    _ => {}
                }
                prop_assert_eq!(index.len(), model.len());
            }
        }
    }

    #[test]
    fn the_same_keys_again_and_again_need_no_more_room() {
        let mut index = Index::default();
        let spread = |h: u32| u64::from(h).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for handle in 0..1000 {
            index.insert(spread(handle), handle, spread);
        }
        let room = index.memory();
        for _ in 0..20 {
            for handle in 0..1000 {
                index.remove(spread(handle), handle);
            }
            for handle in 0..1000 {
                index.insert(spread(handle), handle, spread);
            }
        }
        assert!(index.memory() <= room * 3 / 2, "{} after {room}", index.memory());
    }
}
