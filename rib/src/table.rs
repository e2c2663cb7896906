//! One family's prefixes and their paths.
//!
//! ```text
//!   index: hash of (addr, len) ──► PrefixId ──► prefixes[ ] { addr, len, head ─┐ }
//!                                                                              ▼
//!                                                paths[ ] { next, attr, peer, ... } ──► next ...
//! ```
//!
//! Keys stand only in `prefixes`, the index holds handles. The best path, once decided, is the head of its
//! list, multipath members follow it in canonical order.

use std::hash::BuildHasher;

use bgp::types::Addr;
use hashbrown::HashTable;

use crate::id::{AttrId, PathIdx, PeerId, PrefixId};
use crate::path_ids::PathIds;

/// Bits of [`Path::flags`].
pub mod path_flag {
    /// Chosen by the decision process.
    pub const BEST: u8 = 1;
    /// Equal to the best as far as multipath asks; set on the best, too, when there are others.
    pub const MULTIPATH: u8 = 1 << 1;
    /// Refused by import policy, kept for soft reconfiguration only.
    pub const FILTERED: u8 = 1 << 2;
    /// Next hop usable at the last decision.
    pub const VALID: u8 = 1 << 3;
    /// Set or not by turns, to tell paths announced since a refresh began from older ones.
    pub const ROUND: u8 = 1 << 4;
    /// Counted by the aggregates that cover its prefix.
    pub const COUNTED: u8 = 1 << 5;
    /// Not told, because an aggregate covers it.
    pub const SUPPRESSED: u8 = 1 << 6;
}

/// One path. 24 octets: a full table has millions.
#[derive(Clone, Copy, Debug)]
pub struct Path {
    /// Next path of the prefix.
    pub next: PathIdx,
    /// After import policy; what decision and export read.
    pub attr: AttrId,
    /// As the neighbour sent it.
    pub attr_in: AttrId,
    /// ADD-PATH identifier, 0 without.
    pub path_id: u32,
    /// When it last changed, in seconds of the shell's clock.
    pub since: u32,
    /// Whose path this is.
    pub peer: PeerId,
    /// Bits of [`path_flag`].
    pub flags: u8,
    /// The neighbour's session count when the path came; another number means stale.
    pub generation: u8,
}

impl Path {
    /// Whether a bit of [`path_flag`] is set.
    pub const fn has(&self, bit: u8) -> bool {
        self.flags & bit != 0
    }
}

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
    /// Whether the slot is in use.
    pub live: bool,
    /// Its route went to the kernel, which has not said yet that it is there (`bgp suppress-fib-pending`).
    pub waits: bool,
}

/// Prefixes and paths of one family.
#[derive(Debug)]
pub struct Table<A> {
    hasher: foldhash::fast::FixedState,
    index: HashTable<PrefixId>,
    prefixes: Vec<PrefixEntry<A>>,
    free_prefixes: Vec<PrefixId>,
    paths: Vec<Path>,
    free_paths: PathIdx,
    path_count: usize,
    path_ids: PathIds,
    /// Prefixes of each length, for longest-match look-ups.
    lengths: Box<[u32; 129]>,
}

impl<A: Addr> Table<A> {
    /// An empty table. Peers choose prefixes, so `seed` must not be known to them.
    pub fn new(seed: u64) -> Table<A> {
        Table {
            hasher: foldhash::fast::FixedState::with_seed(seed),
            index: HashTable::new(),
            prefixes: Vec::new(),
            free_prefixes: Vec::new(),
            paths: Vec::new(),
            free_paths: PathIdx::NONE,
            path_count: 0,
            path_ids: PathIds::new(seed),
            lengths: Box::new([0; 129]),
        }
    }

    fn hash(&self, addr: A, len: u8) -> u64 {
        self.hasher.hash_one((addr, len))
    }

    /// The handle of a prefix, if it is in the table.
    pub fn find(&self, addr: A, len: u8) -> Option<PrefixId> {
        let same = |id: &PrefixId| {
            let p = &self.prefixes[id.index()];
            p.addr == addr && p.len == len
        };
        self.index.find(self.hash(addr, len), same).copied()
    }

    /// As [`Self::find`], without a probe when no prefix has that length.
    pub fn find_length(&self, addr: A, len: u8) -> Option<PrefixId> {
        if self.lengths[usize::from(len.min(128))] == 0 { None } else { self.find(addr, len) }
    }

    /// The handle of a prefix, put into the table if it is new.
    pub fn find_or_insert(&mut self, addr: A, len: u8) -> PrefixId {
        let hash = self.hash(addr, len);
        let prefixes = &self.prefixes;
        let same = |id: &PrefixId| {
            let p = &prefixes[id.index()];
            p.addr == addr && p.len == len
        };
        if let Some(&id) = self.index.find(hash, same) {
            return id;
        }
        let entry = PrefixEntry { addr, head: PathIdx::NONE, version: 0, len, live: true, waits: false };
        let id = match self.free_prefixes.pop() {
            Some(id) => {
                self.prefixes[id.index()] = entry;
                id
            }
            None => {
                self.prefixes.push(entry);
                PrefixId(self.prefixes.len() as u32 - 1)
            }
        };
        self.lengths[usize::from(len)] += 1;
        let (prefixes, hasher) = (&self.prefixes, &self.hasher);
        self.index.insert_unique(hash, id, |id| {
            let p = &prefixes[id.index()];
            hasher.hash_one((p.addr, p.len))
        });
        id
    }

    /// Takes a prefix without paths out of the table.
    pub fn remove_prefix(&mut self, id: PrefixId) {
        let PrefixEntry { addr, len, live, head, .. } = self.prefixes[id.index()];
        debug_assert!(live && head.is_none());
        if let Ok(entry) = self.index.find_entry(self.hash(addr, len), |other| *other == id) {
            entry.remove();
        }
        self.lengths[usize::from(len)] -= 1;
        self.prefixes[id.index()].live = false;
        self.free_prefixes.push(id);
        if self.index.is_empty() {
            // The last prefix is gone: give the memory back.
            self.index = HashTable::new();
            self.prefixes = Vec::new();
            self.free_prefixes = Vec::new();
            self.paths = Vec::new();
            self.free_paths = PathIdx::NONE;
        }
    }

    /// The entry of a handle.
    pub fn prefix(&self, id: PrefixId) -> &PrefixEntry<A> {
        &self.prefixes[id.index()]
    }

    /// The entry of a handle, to change.
    pub fn prefix_mut(&mut self, id: PrefixId) -> &mut PrefixEntry<A> {
        &mut self.prefixes[id.index()]
    }

    /// The path of a handle.
    pub fn path(&self, idx: PathIdx) -> &Path {
        &self.paths[idx.index()]
    }

    /// The path of a handle, to change.
    pub fn path_mut(&mut self, idx: PathIdx) -> &mut Path {
        &mut self.paths[idx.index()]
    }

    /// The paths of a prefix, best first.
    pub fn paths(&self, id: PrefixId) -> impl Iterator<Item = (PathIdx, &Path)> {
        let mut at = self.prefixes[id.index()].head;
        std::iter::from_fn(move || {
            if at.is_none() {
                return None;
            }
            let idx = at;
            let path = &self.paths[idx.index()];
            at = path.next;
            Some((idx, path))
        })
    }

    /// A neighbour's path of a prefix.
    pub fn find_path(&self, id: PrefixId, peer: PeerId, path_id: u32) -> Option<PathIdx> {
        self.paths(id).find(|(_, p)| p.peer == peer && p.path_id == path_id).map(|(idx, _)| idx)
    }

    /// The best path, if the prefix has one.
    pub fn best(&self, id: PrefixId) -> Option<&Path> {
        let head = self.prefixes[id.index()].head;
        if head.is_none() {
            return None;
        }
        Some(&self.paths[head.index()]).filter(|p| p.has(path_flag::BEST))
    }

    /// Appends a path to a prefix. Its `next` is set here.
    pub fn push_path(&mut self, id: PrefixId, mut path: Path) -> PathIdx {
        path.next = PathIdx::NONE;
        self.path_ids.retain(path.peer, path.path_id);
        let idx = if self.free_paths.is_none() {
            self.paths.push(path);
            PathIdx(self.paths.len() as u32 - 1)
        } else {
            let idx = self.free_paths;
            self.free_paths = self.paths[idx.index()].next;
            self.paths[idx.index()] = path;
            idx
        };
        self.path_count += 1;
        let last = self.paths(id).last().map(|(i, _)| i).filter(|i| *i != idx);
        match last {
            Some(last) => self.paths[last.index()].next = idx,
            None => self.prefixes[id.index()].head = idx,
        }
        idx
    }

    /// Takes a path out of a prefix and returns what it was.
    pub fn remove_path(&mut self, id: PrefixId, idx: PathIdx) -> Path {
        let path = self.paths[idx.index()];
        let before = self.paths(id).find(|(_, p)| p.next == idx).map(|(i, _)| i);
        match before {
            Some(before) => self.paths[before.index()].next = path.next,
            None => self.prefixes[id.index()].head = path.next,
        }
        self.paths[idx.index()].next = self.free_paths;
        self.free_paths = idx;
        self.path_count -= 1;
        self.path_ids.release(path.peer, path.path_id);
        path
    }

    /// The identifier under which others are told a path (RFC 7911), by its neighbour and the neighbour's identifier.
    pub fn path_number(&self, peer: PeerId, path_id: u32) -> u32 {
        self.path_ids.number(peer, path_id)
    }

    /// Puts the paths of a prefix into the given order, which names each of them once.
    pub fn reorder(&mut self, id: PrefixId, order: &[PathIdx]) {
        let mut next = PathIdx::NONE;
        for &idx in order.iter().rev() {
            self.paths[idx.index()].next = next;
            next = idx;
        }
        self.prefixes[id.index()].head = next;
    }

    /// Longest prefix that covers an address, has at most `max_len` bits and satisfies `accept`.
    pub fn longest_match(&self, addr: A, max_len: u8, accept: impl Fn(PrefixId) -> bool) -> Option<PrefixId> {
        (0..=max_len.min(A::BITS))
            .rev()
            .filter(|len| self.lengths[usize::from(*len)] > 0)
            .filter_map(|len| self.find(addr.mask(len), len))
            .find(|id| accept(*id))
    }

    /// Prefixes in the table.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether the table has no prefix.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Paths in the table.
    pub fn path_count(&self) -> usize {
        self.path_count
    }

    /// One more than the greatest handle in use.
    pub fn bound(&self) -> usize {
        self.prefixes.len()
    }

    /// All prefixes, in no order that means anything.
    pub fn iter(&self) -> impl Iterator<Item = (PrefixId, &PrefixEntry<A>)> {
        self.prefixes.iter().enumerate().filter(|(_, p)| p.live).map(|(i, p)| (PrefixId(i as u32), p))
    }

    /// The handle of a slot, if the slot is in use: for walks in slices.
    pub fn live(&self, slot: usize) -> Option<PrefixId> {
        self.prefixes.get(slot).filter(|p| p.live).map(|_| PrefixId(slot as u32))
    }

    /// Estimated memory in octets.
    pub fn memory(&self) -> usize {
        self.prefixes.capacity() * size_of::<PrefixEntry<A>>()
            + self.paths.capacity() * size_of::<Path>()
            + self.index.allocation_size()
    }
}
