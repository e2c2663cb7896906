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
use std::ops::Range;

use bgp::types::{Addr, Nlri};

use crate::id::{AttrId, PathIdx, PeerId, PrefixId};
use crate::index::Index;
use crate::intern::Interner;
use crate::path_ids::PathIds;
use crate::prefixes::{PrefixEntry, Prefixes};

/// Bits of [`Path::flags`]; the highest is the table's own.
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

/// So many prefixes are looked at together: see [`Table::warm`].
pub const TOGETHER: usize = 64;

/// Whether handles stand side by side, as after a load: the processor fetches such ones by itself.
pub fn near(ids: &[PrefixId]) -> bool {
    match ids {
        [first, .., last] => last.index().abs_diff(first.index()) < 4 * TOGETHER,
        _ => true,
    }
}

/// Puts what comes into places from the first on, as far as they go; how many those are.
fn fill<T>(places: &mut [T], all: impl Iterator<Item = T>) -> usize {
    places.iter_mut().zip(all).map(|(place, it)| *place = it).count()
}

/// One path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
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

/// A path as it is stored, in 16 octets: a full table has millions.
#[derive(Clone, Copy, Debug)]
struct Slot {
    next: PathIdx,
    attr: AttrId,
    since: u32,
    peer: PeerId,
    flags: u8,
    generation: u8,
}

/// Set in [`Slot::flags`] only: the path has more to it than its slot.
const MORE: u8 = 1 << 7;

/// What most paths can do without: import policy left the attributes as they were, and there is no ADD-PATH.
#[derive(Clone, Copy, Debug)]
struct More {
    attr_in: AttrId,
    path_id: u32,
}

/// Prefixes and paths of one family.
#[derive(Debug)]
pub struct Table<A: Addr> {
    hasher: foldhash::fast::FixedState,
    index: Index,
    prefixes: Prefixes<A>,
    slots: Vec<Slot>,
    /// Of slots with [`MORE`]; as long as it has to be.
    more: Vec<More>,
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
            index: Index::default(),
            prefixes: Prefixes::default(),
            slots: Vec::new(),
            more: Vec::new(),
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
        self.find_hashed(self.hash(addr, len), addr, len)
    }

    fn find_hashed(&self, hash: u64, addr: A, len: u8) -> Option<PrefixId> {
        self.index.find(hash, |id| self.prefixes.is(PrefixId(id), addr, len)).map(PrefixId)
    }

    /// Brings what is kept of some prefixes near the processor. Each prefix is three or four places in memory that are
    /// far from everything else, and each is known only when the one before it has come: looking at one prefix after the
    /// other waits for all of them, looking at many at once for some.
    pub fn warm(&self, nlri: &[Nlri<A>], attrs: &Interner) {
        let mut ids = [PrefixId(0); TOGETHER];
        for some in nlri.chunks(TOGETHER) {
            let guesses = some.iter().filter_map(|n| self.index.guess(self.hash(n.addr, n.len)));
            let found = fill(&mut ids, guesses.map(PrefixId));
            self.warm_ids(&ids[..found], attrs);
        }
    }

    /// As [`Self::warm`], for prefixes whose handles are known.
    pub fn warm_ids(&self, ids: &[PrefixId], attrs: &Interner) {
        let mut heads = [PathIdx::NONE; TOGETHER];
        let mut sets = [AttrId::NONE; TOGETHER];
        for some in ids.chunks(TOGETHER).filter(|some| !near(some)) {
            let known = some.iter().filter(|id| id.index() < self.bound());
            let first = known.map(|id| self.prefixes.head(*id));
            let found = fill(&mut heads, first.filter(|head| !head.is_none()));
            let found = fill(&mut sets, heads[..found].iter().map(|head| self.slots[head.index()].attr));
            attrs.warm(&sets[..found]);
        }
    }

    /// As [`Self::warm`], for prefixes that will be taken out.
    pub fn warm_keys(&self, ids: &[PrefixId]) {
        let entries = ids.iter().filter(|id| id.index() < self.bound()).map(|id| self.prefix(*id));
        let found = entries.filter_map(|p| self.index.guess(self.hash(p.addr, p.len)));
        std::hint::black_box(found.fold(0, u32::wrapping_add));
    }

    /// As [`Self::find`], without a probe when no prefix has that length.
    pub fn find_length(&self, addr: A, len: u8) -> Option<PrefixId> {
        if self.lengths[usize::from(len.min(128))] == 0 { None } else { self.find(addr, len) }
    }

    /// The handle of a prefix, put into the table if it is new.
    pub fn find_or_insert(&mut self, addr: A, len: u8) -> PrefixId {
        let hash = self.hash(addr, len);
        if let Some(id) = self.find_hashed(hash, addr, len) {
            return id;
        }
        let id = self.prefixes.insert(addr, len);
        self.lengths[usize::from(len)] += 1;
        let (prefixes, hasher) = (&self.prefixes, &self.hasher);
        self.index.insert(hash, id.0, |id| {
            let p = prefixes.get(PrefixId(id));
            hasher.hash_one((p.addr, p.len))
        });
        id
    }

    /// Takes a prefix without paths out of the table.
    pub fn remove_prefix(&mut self, id: PrefixId) {
        let (addr, len) = self.key(id);
        self.index.remove(self.hash(addr, len), id.0);
        self.lengths[usize::from(len)] -= 1;
        self.prefixes.remove(id);
        if self.index.is_empty() {
            // The last prefix is gone: give the memory back.
            self.index = Index::default();
            self.prefixes = Prefixes::default();
            self.slots = Vec::new();
            self.more = Vec::new();
            self.free_paths = PathIdx::NONE;
        }
    }

    /// The prefix of a handle.
    pub fn prefix(&self, id: PrefixId) -> PrefixEntry<A> {
        self.prefixes.get(id)
    }

    /// Address and length of a handle's prefix.
    pub fn key(&self, id: PrefixId) -> (A, u8) {
        let PrefixEntry { addr, len, .. } = self.prefix(id);
        (addr, len)
    }

    /// First path of a prefix.
    pub fn head(&self, id: PrefixId) -> PathIdx {
        self.prefixes.head(id)
    }

    /// Whether a prefix waits for the kernel.
    pub fn waits(&self, id: PrefixId) -> bool {
        self.prefixes.waits(id)
    }

    /// Notes the version of the table at which a prefix's best path changed.
    pub fn set_version(&mut self, id: PrefixId, version: u32) {
        self.prefixes.set_version(id, version);
    }

    /// Notes whether a prefix waits for the kernel, and returns whether it did.
    pub fn set_waits(&mut self, id: PrefixId, waits: bool) -> bool {
        self.prefixes.set_waits(id, waits)
    }

    /// The path of a handle.
    pub fn path(&self, idx: PathIdx) -> Path {
        let Slot { next, attr, since, peer, flags, generation } = self.slots[idx.index()];
        let more =
            if flags & MORE != 0 { self.more[idx.index()] } else { More { attr_in: attr, path_id: 0 } };
        let More { attr_in, path_id } = more;
        Path { next, attr, attr_in, path_id, since, peer, flags: flags & !MORE, generation }
    }

    /// Puts a path in the place of a handle's; where it stands in its list is for others to say.
    pub fn set_path(&mut self, idx: PathIdx, path: Path) {
        let next = self.slots[idx.index()].next;
        self.store(idx, Path { next, ..path });
    }

    fn store(&mut self, idx: PathIdx, path: Path) {
        let Path { next, attr, attr_in, path_id, since, peer, flags, generation } = path;
        let more = attr_in != attr || path_id != 0;
        if more {
            if self.more.len() <= idx.index() {
                self.more.resize(self.slots.len(), More { attr_in: AttrId::NONE, path_id: 0 });
            }
            self.more[idx.index()] = More { attr_in, path_id };
        }
        let flags = flags | if more { MORE } else { 0 };
        self.slots[idx.index()] = Slot { next, attr, since, peer, flags, generation };
    }

    /// Sets the [`path_flag`] bits of a path.
    pub fn set_flags(&mut self, idx: PathIdx, flags: u8) {
        let slot = &mut self.slots[idx.index()];
        slot.flags = slot.flags & MORE | flags;
    }

    /// The paths of a prefix, best first.
    pub fn paths(&self, id: PrefixId) -> impl Iterator<Item = (PathIdx, Path)> {
        let mut at = self.prefixes.head(id);
        std::iter::from_fn(move || {
            if at.is_none() {
                return None;
            }
            let idx = at;
            let path = self.path(idx);
            at = path.next;
            Some((idx, path))
        })
    }

    /// The path of a prefix that has just one.
    pub fn only_path(&self, id: PrefixId) -> Option<(PathIdx, Path)> {
        let head = self.prefixes.head(id);
        if head.is_none() {
            return None;
        }
        Some((head, self.path(head))).filter(|(_, path)| path.next.is_none())
    }

    /// A neighbour's path of a prefix.
    pub fn find_path(&self, id: PrefixId, peer: PeerId, path_id: u32) -> Option<PathIdx> {
        self.paths(id).find(|(_, p)| p.peer == peer && p.path_id == path_id).map(|(idx, _)| idx)
    }

    /// The best path, if the prefix has one.
    pub fn best(&self, id: PrefixId) -> Option<Path> {
        let head = self.prefixes.head(id);
        if head.is_none() {
            return None;
        }
        Some(self.path(head)).filter(|p| p.has(path_flag::BEST))
    }

    /// Appends a path to a prefix. Its `next` is set here.
    pub fn push_path(&mut self, id: PrefixId, path: Path) -> PathIdx {
        self.path_ids.retain(path.peer, path.path_id);
        let path = Path { next: PathIdx::NONE, ..path };
        let idx = if self.free_paths.is_none() {
            let Path { next, attr, since, peer, flags, generation, .. } = path;
            self.slots.push(Slot { next, attr, since, peer, flags, generation });
            PathIdx(self.slots.len() as u32 - 1)
        } else {
            let idx = self.free_paths;
            self.free_paths = self.slots[idx.index()].next;
            idx
        };
        self.store(idx, path);
        self.path_count += 1;
        match self.last(id) {
            Some(last) => self.slots[last.index()].next = idx,
            None => self.prefixes.set_head(id, idx),
        }
        idx
    }

    fn last(&self, id: PrefixId) -> Option<PathIdx> {
        let mut at = self.prefixes.head(id);
        let mut last = None;
        while !at.is_none() {
            last = Some(at);
            at = self.slots[at.index()].next;
        }
        last
    }

    /// Takes a path out of a prefix and returns what it was.
    pub fn remove_path(&mut self, id: PrefixId, idx: PathIdx) -> Path {
        let path = self.path(idx);
        let mut at = self.prefixes.head(id);
        if at == idx {
            self.prefixes.set_head(id, path.next);
        } else {
            while self.slots[at.index()].next != idx {
                at = self.slots[at.index()].next;
            }
            self.slots[at.index()].next = path.next;
        }
        self.slots[idx.index()].next = self.free_paths;
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
            self.slots[idx.index()].next = next;
            next = idx;
        }
        self.prefixes.set_head(id, next);
    }

    /// The lengths of the prefixes in the table, shortest first.
    pub fn lengths(&self) -> impl Iterator<Item = u8> {
        (0..=A::BITS).filter(|len| self.lengths[usize::from(*len)] > 0)
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
        self.prefixes.bound()
    }

    /// All prefixes, in no order that means anything.
    pub fn iter(&self) -> impl Iterator<Item = (PrefixId, PrefixEntry<A>)> {
        self.some(0..self.bound())
    }

    /// As [`Self::iter`], of some slots.
    pub fn some(&self, slots: Range<usize>) -> impl Iterator<Item = (PrefixId, PrefixEntry<A>)> {
        self.prefixes.some(slots)
    }

    /// The handle of a slot, if the slot is in use: for walks in slices.
    pub fn live(&self, slot: usize) -> Option<PrefixId> {
        self.prefixes.live(slot)
    }

    /// Estimated memory in octets.
    pub fn memory(&self) -> usize {
        self.prefixes.memory()
            + self.slots.capacity() * size_of::<Slot>()
            + self.more.capacity() * size_of::<More>()
            + self.index.memory()
    }
}
