//! Attribute sets, each kept once.
//!
//! A full table has a million prefixes but some 170,000 distinct sets, so paths hold a four-octet handle and
//! everything that depends on the attributes alone (policy, export form) is worked out once for each set.

use bgp::attrs::{AttrView, Summary};
use hashbrown::HashTable;

use crate::id::{AttrId, NhId};

/// What identifies a set beside its canonical bytes: facts that never go on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Local {
    /// Next hop.
    pub next_hop: NhId,
    /// Weight: local to this router, the first thing that the decision process compares.
    pub weight: u32,
    /// Tag that policy set or the redistributed route had.
    pub tag: u32,
    /// Distance that policy set; 0 is the default.
    pub distance: u8,
    /// Policy chose the next hop: export sends it as it is.
    pub next_hop_set: bool,
    /// Policy chose the MED: it goes to external neighbours, too.
    pub med_set: bool,
    /// From whom the set came.
    pub origin: Provenance,
}

/// From whom a route came, as far as export rules ask.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Provenance {
    /// An external neighbour.
    External,
    /// An internal neighbour.
    Internal,
    /// An internal neighbour that is our route reflection client.
    Client,
    /// `network`, `redistribute`, `default-originate`.
    Local,
}

impl Local {
    /// A next hop and a provenance, nothing else.
    pub const fn new(next_hop: NhId, origin: Provenance) -> Local {
        Local { next_hop, weight: 0, tag: 0, distance: 0, next_hop_set: false, med_set: false, origin }
    }
}

/// One interned set.
#[derive(Debug)]
pub struct AttrSet {
    block: Box<[u8]>,
    hash: u64,
    /// Decision fields of the block.
    pub summary: Summary,
    /// Next hop, weight, tag.
    pub local: Local,
    refs: u32,
    generation: u32,
}

impl AttrSet {
    /// The canonical attribute block.
    pub fn view(&self) -> AttrView<'_> {
        AttrView::new(&self.block)
    }

    /// The hash that [`Interner::intern`] was given.
    pub fn hash(&self) -> u64 {
        self.hash
    }
}

/// The store of all sets, by reference count.
#[derive(Debug, Default)]
pub struct Interner {
    sets: Vec<AttrSet>,
    free: Vec<AttrId>,
    index: HashTable<AttrId>,
    live: usize,
    block_bytes: usize,
    /// Generation of slots made from now on; above all that a forgotten slot ever had.
    floor: u32,
}

/// A handle that can be remembered without a reference: it tells when the set that it meant is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WeakAttr {
    id: AttrId,
    generation: u32,
}

impl WeakAttr {
    /// Means no set.
    pub const NONE: WeakAttr = WeakAttr { id: AttrId::NONE, generation: 0 };
}

fn key(hash: u64, local: &Local) -> u64 {
    let word = (u64::from(local.next_hop.0) << 32) ^ u64::from(local.weight) ^ (u64::from(local.tag) << 16);
    hash ^ (word ^ local.origin as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl Interner {
    /// The set with these bytes and facts, made if it is new; the caller owns one reference.
    ///
    /// `hash` is [`bgp::attrs::hash_block`] of `block` and `summary` its decision fields.
    pub fn intern(&mut self, hash: u64, block: &[u8], summary: &Summary, local: Local) -> AttrId {
        let key_hash = key(hash, &local);
        let sets = &self.sets;
        let same = |id: &AttrId| {
            let set = &sets[id.index()];
            set.hash == hash && set.local == local && *set.block == *block
        };
        if let Some(&id) = self.index.find(key_hash, same) {
            self.sets[id.index()].refs += 1;
            return id;
        }
        self.live += 1;
        self.block_bytes += block.len();
        let mut set =
            AttrSet { block: block.into(), hash, summary: *summary, local, refs: 1, generation: self.floor };
        let id = match self.free.pop() {
            Some(id) => {
                set.generation = self.sets[id.index()].generation + 1;
                self.sets[id.index()] = set;
                id
            }
            None => {
                self.sets.push(set);
                AttrId(self.sets.len() as u32 - 1)
            }
        };
        let sets = &self.sets;
        self.index.insert_unique(key_hash, id, |id| {
            let set = &sets[id.index()];
            key(set.hash, &set.local)
        });
        id
    }

    /// One more reference.
    pub fn retain(&mut self, id: AttrId) {
        self.sets[id.index()].refs += 1;
    }

    /// One reference less. Returns the next hop of a set that is gone by it, for the caller to release.
    #[must_use]
    pub fn release(&mut self, id: AttrId) -> Option<NhId> {
        let set = &mut self.sets[id.index()];
        debug_assert!(set.refs > 0, "attribute set released more often than it was taken");
        set.refs -= 1;
        if set.refs > 0 {
            return None;
        }
        let key_hash = key(set.hash, &set.local);
        let next_hop = set.local.next_hop;
        self.block_bytes -= set.block.len();
        set.block = Box::default();
        if let Ok(entry) = self.index.find_entry(key_hash, |other| *other == id) {
            entry.remove();
        }
        self.live -= 1;
        self.free.push(id);
        if self.live == 0 {
            // The last set is gone (a lost full table, say): give the memory back.
            let floor = self.sets.iter().map(|s| s.generation).max().unwrap_or(0) + 1;
            *self = Interner { floor, ..Interner::default() };
        }
        Some(next_hop)
    }

    /// Remembers a set without keeping it alive.
    pub fn downgrade(&self, id: AttrId) -> WeakAttr {
        WeakAttr { id, generation: self.sets[id.index()].generation }
    }

    /// The set that was remembered, if it still is alive.
    pub fn upgrade(&self, weak: WeakAttr) -> Option<AttrId> {
        let set = self.sets.get(weak.id.index())?;
        (set.generation == weak.generation && set.refs > 0).then_some(weak.id)
    }

    /// The set of a handle that somebody holds a reference to.
    pub fn get(&self, id: AttrId) -> &AttrSet {
        &self.sets[id.index()]
    }

    /// Sets alive.
    pub fn len(&self) -> usize {
        self.live
    }

    /// Whether no set is alive.
    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// One more than the greatest handle in use: the length that an array by handle must have.
    pub fn bound(&self) -> usize {
        self.sets.len()
    }

    /// All sets alive, by handle.
    pub fn iter(&self) -> impl Iterator<Item = (AttrId, &AttrSet)> {
        self.sets.iter().enumerate().filter(|(_, s)| s.refs > 0).map(|(i, s)| (AttrId(i as u32), s))
    }

    /// Estimated memory in octets.
    pub fn memory(&self) -> usize {
        self.sets.capacity() * size_of::<AttrSet>() + self.block_bytes + self.index.allocation_size()
    }

    /// Sum of all reference counts; audits compare it with what the tables hold.
    pub fn total_refs(&self) -> u64 {
        self.sets.iter().map(|s| u64::from(s.refs)).sum()
    }
}
