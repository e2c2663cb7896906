//! Attribute sets, each kept once.
//!
//! A full table has a million prefixes but some 170,000 distinct sets, so paths hold a four-octet handle and
//! everything that depends on the attributes alone (policy, export form) is worked out once for each set.

use bgp::attrs::{AttrView, Summary};

use crate::blocks::{Blocks, Place};
use crate::id::{AttrId, NhId};
use crate::index::Index;

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
    /// A neighbour in another member AS of our confederation.
    Confederation,
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
#[derive(Clone, Copy, Debug)]
pub struct AttrSet<'a> {
    block: &'a [u8],
    /// Decision fields of the block.
    pub summary: &'a Summary,
    /// Next hop, weight, tag.
    pub local: Local,
}

impl<'a> AttrSet<'a> {
    /// The canonical attribute block.
    pub fn view(&self) -> AttrView<'a> {
        AttrView::new(self.block)
    }
}

/// A set as it is stored, in 60 octets and its block.
#[derive(Debug)]
struct Record {
    summary: Summary,
    local: Local,
    block: Place,
    /// Hash of block and local facts.
    key: u32,
    refs: u32,
    generation: u32,
}

/// The store of all sets, by reference count.
#[derive(Debug, Default)]
pub struct Interner {
    records: Vec<Record>,
    blocks: Blocks,
    free: Vec<AttrId>,
    index: Index,
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

fn key(hash: u64, local: &Local) -> u32 {
    let word = (u64::from(local.next_hop.0) << 32) ^ u64::from(local.weight) ^ (u64::from(local.tag) << 16);
    let mixed = hash ^ (word ^ local.origin as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 32) as u32 ^ mixed as u32
}

/// The index wants all bits of a hash.
fn spread(key: u32) -> u64 {
    u64::from(key).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl Interner {
    /// The set with these bytes and facts, made if it is new; the caller owns one reference.
    ///
    /// `hash` is [`bgp::attrs::hash_block`] of `block` and `summary` its decision fields.
    pub fn intern(&mut self, hash: u64, block: &[u8], summary: &Summary, local: Local) -> AttrId {
        let key = key(hash, &local);
        let same = |id: u32| {
            let record = &self.records[id as usize];
            record.key == key && record.local == local && self.blocks.get(record.block) == block
        };
        if let Some(id) = self.index.find(spread(key), same) {
            self.records[id as usize].refs += 1;
            return AttrId(id);
        }
        let place = self.blocks.put(block);
        let mut record =
            Record { summary: *summary, local, block: place, key, refs: 1, generation: self.floor };
        let id = match self.free.pop() {
            Some(id) => {
                record.generation = self.records[id.index()].generation + 1;
                self.records[id.index()] = record;
                id
            }
            None => {
                self.records.push(record);
                AttrId(self.records.len() as u32 - 1)
            }
        };
        let records = &self.records;
        self.index.insert(spread(key), id.0, |id| spread(records[id as usize].key));
        id
    }

    /// One more reference.
    pub fn retain(&mut self, id: AttrId) {
        self.records[id.index()].refs += 1;
    }

    /// One reference less. Returns the next hop of a set that is gone by it, for the caller to release.
    #[must_use]
    pub fn release(&mut self, id: AttrId) -> Option<NhId> {
        let record = &mut self.records[id.index()];
        debug_assert!(record.refs > 0, "attribute set released more often than it was taken");
        record.refs -= 1;
        if record.refs > 0 {
            return None;
        }
        let next_hop = record.local.next_hop;
        self.index.remove(spread(record.key), id.0);
        self.blocks.remove(std::mem::take(&mut record.block));
        self.free.push(id);
        if self.index.is_empty() {
            // The last set is gone (a lost full table, say): give the memory back.
            let floor = self.records.iter().map(|r| r.generation).max().unwrap_or(0) + 1;
            *self = Interner { floor, ..Interner::default() };
        } else if self.blocks.sparse() {
            let alive = self.records.iter_mut().filter(|r| r.refs > 0);
            self.blocks.compact(alive.map(|r| &mut r.block));
        }
        Some(next_hop)
    }

    /// Remembers a set without keeping it alive.
    pub fn downgrade(&self, id: AttrId) -> WeakAttr {
        WeakAttr { id, generation: self.records[id.index()].generation }
    }

    /// The set that was remembered, if it still is alive.
    pub fn upgrade(&self, weak: WeakAttr) -> Option<AttrId> {
        let record = self.records.get(weak.id.index())?;
        (record.generation == weak.generation && record.refs > 0).then_some(weak.id)
    }

    /// The set of a handle that somebody holds a reference to.
    pub fn get(&self, id: AttrId) -> AttrSet<'_> {
        self.set(&self.records[id.index()])
    }

    fn set<'a>(&'a self, record: &'a Record) -> AttrSet<'a> {
        let Record { summary, local, block, .. } = record;
        AttrSet { block: self.blocks.get(*block), summary, local: *local }
    }

    /// Brings the records of some sets near the processor, all at once.
    pub fn warm(&self, sets: &[AttrId]) {
        std::hint::black_box(sets.iter().map(|id| self.records[id.index()].refs).fold(0, u32::wrapping_add));
    }

    /// Sets alive.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether no set is alive.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// One more than the greatest handle in use: the length that an array by handle must have.
    pub fn bound(&self) -> usize {
        self.records.len()
    }

    /// All sets alive, by handle.
    pub fn iter(&self) -> impl Iterator<Item = (AttrId, AttrSet<'_>)> {
        let alive = self.records.iter().enumerate().filter(|(_, r)| r.refs > 0);
        alive.map(|(i, r)| (AttrId(i as u32), self.set(r)))
    }

    /// Estimated memory in octets.
    pub fn memory(&self) -> usize {
        self.records.capacity() * size_of::<Record>() + self.blocks.memory() + self.index.memory()
    }

    /// Sum of all reference counts; audits compare it with what the tables hold.
    pub fn total_refs(&self) -> u64 {
        self.records.iter().map(|r| u64::from(r.refs)).sum()
    }
}
