//! Per prefix: what is wanted and what the kernel acknowledged, in a few bytes each.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hash};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashTable};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::intent::{Counts, GroupId, Route, RouteKind, Target};

type Map<K, V> = HashMap<K, V, FixedState>;

/// Destination and table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Key {
    pub prefix: IpNet,
    pub table: u32,
}

impl Key {
    pub fn v6(&self) -> bool {
        matches!(self.prefix, IpNet::V6(_))
    }
}

/// A route found in the kernel that no intent of this run made.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Left {
    pub protocol: u8,
    pub metric: u32,
    pub kind: RouteKind,
    pub object: Option<u32>,
    pub source: Option<IpAddr>,
}

/// What a route is like; shared by all routes that are alike.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Spec {
    Ours { v6: bool, route: Route },
    Left(Left),
}

impl Spec {
    pub fn protocol(&self) -> u8 {
        match self {
            Spec::Ours { route, .. } => route.protocol,
            Spec::Left(left) => left.protocol,
        }
    }

    pub fn metric(&self) -> u32 {
        match self {
            Spec::Ours { route, .. } => route.metric,
            Spec::Left(left) => left.metric,
        }
    }

    pub fn source(&self) -> Option<IpAddr> {
        match self {
            Spec::Ours { route, .. } => route.source,
            Spec::Left(left) => left.source,
        }
    }

    pub fn group(&self) -> Option<(GroupId, bool)> {
        match self {
            Spec::Ours { v6, route: Route { target: Target::Group(group), .. } } => Some((*group, *v6)),
            _ => None,
        }
    }
}

/// Handle of a [`Spec`]; [`NONE`] is "no route".
pub type SpecId = u32;
pub const NONE: SpecId = 0;

/// Reference-counted specs.
#[derive(Default)]
pub struct Specs {
    slots: Vec<Option<(Spec, u32)>>,
    free: Vec<SpecId>,
    index: Map<Spec, SpecId>,
    /// Groups that gained (true) or lost a spec since last taken.
    pub log: Vec<(bool, GroupId, bool)>,
}

impl Specs {
    fn slot(&mut self, id: SpecId) -> Option<&mut Option<(Spec, u32)>> {
        self.slots.get_mut(usize::try_from(id.checked_sub(1)?).ok()?)
    }

    pub fn get(&self, id: SpecId) -> Option<Spec> {
        let slot = self.slots.get(usize::try_from(id.checked_sub(1)?).ok()?)?;
        slot.map(|(spec, _)| spec)
    }

    /// The handle of a spec, with one more reference.
    pub fn acquire(&mut self, spec: Spec) -> SpecId {
        if let Some(id) = self.index.get(&spec).copied() {
            self.hold(id);
            return id;
        }
        if let Some((group, v6)) = spec.group() {
            self.log.push((true, group, v6));
        }
        let id = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            SpecId::try_from(self.slots.len()).unwrap_or(SpecId::MAX)
        });
        if let Some(slot) = self.slot(id) {
            *slot = Some((spec, 1));
        }
        self.index.insert(spec, id);
        id
    }

    pub fn hold(&mut self, id: SpecId) {
        if let Some(Some((_, refs))) = self.slot(id) {
            *refs += 1;
        }
    }

    pub fn release(&mut self, id: SpecId) {
        let Some(slot) = self.slot(id) else { return };
        let Some((spec, refs)) = slot else { return };
        *refs -= 1;
        if *refs == 0 {
            let spec = *spec;
            *slot = None;
            self.index.remove(&spec);
            self.free.push(id);
            if let Some((group, v6)) = spec.group() {
                self.log.push((false, group, v6));
            }
        }
    }

    /// The highest handle given out.
    pub fn capacity(&self) -> SpecId {
        SpecId::try_from(self.slots.len()).unwrap_or(SpecId::MAX)
    }

    pub fn iter(&self) -> impl Iterator<Item = Spec> + '_ {
        self.slots.iter().flatten().map(|(spec, _)| *spec)
    }

    #[cfg(test)]
    pub fn references(&self) -> u64 {
        self.slots.iter().flatten().map(|(_, refs)| u64::from(*refs)).sum()
    }
}

/// Bits of [`Entry::flags`].
pub mod flag {
    /// In the queue of prefixes to look at.
    pub const QUEUED: u8 = 1;
    /// Send even though acknowledged as wanted.
    pub const FORCE: u8 = 2;
    /// A route of ours was acknowledged here: replacing is safe.
    pub const OURS: u8 = 4;
    /// Not shown yet by the dump that is running.
    pub const UNSEEN: u8 = 8;
    /// The last attempt was refused.
    pub const FAILED: u8 = 16;
}

/// State of a prefix.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Entry {
    pub wanted: SpecId,
    pub actual: SpecId,
    pub errno: u16,
    pub tries: u8,
    pub flags: u8,
}

impl Entry {
    pub fn has(&self, bits: u8) -> bool {
        self.flags & bits != 0
    }

    pub fn set(&mut self, bits: u8, on: bool) {
        self.flags = if on { self.flags | bits } else { self.flags & !bits };
    }

    fn blank(&self) -> bool {
        self.wanted == NONE && self.actual == NONE && !self.has(flag::QUEUED)
    }
}

/// Where a prefix stands in the table: a hint, since a prefix that is forgotten makes room for another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Row(u32);

impl Row {
    /// The highest bit tells the family.
    const V6: u32 = 1 << 31;
    /// No hint.
    pub const UNKNOWN: Row = Row(u32::MAX);
}

/// The state of a prefix, to be looked at, changed and put back.
#[derive(Clone, Copy, Debug)]
pub struct Cell {
    pub key: Key,
    row: Option<Row>,
    entry: Entry,
}

impl std::ops::Deref for Cell {
    type Target = Entry;

    fn deref(&self) -> &Entry {
        &self.entry
    }
}

impl std::ops::DerefMut for Cell {
    fn deref_mut(&mut self) -> &mut Entry {
        &mut self.entry
    }
}

/// Address bits, table and length of a prefix.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Packed<A> {
    addr: A,
    rest: u32,
}

type Packed4 = Packed<u32>;
/// Upper and lower half, for the sake of alignment.
type Packed6 = Packed<[u64; 2]>;

/// Prefixes of one family.
#[derive(Debug)]
struct Rows<A> {
    hasher: FixedState,
    index: HashTable<u32>,
    rows: Vec<(Packed<A>, Entry)>,
    free: Vec<u32>,
}

impl<A: Copy + Eq + Hash> Rows<A> {
    fn new(hasher: FixedState) -> Rows<A> {
        Rows { hasher, index: HashTable::new(), rows: Vec::new(), free: Vec::new() }
    }

    fn find(&self, key: Packed<A>) -> Option<u32> {
        self.index.find(self.hasher.hash_one(key), |row| self.rows[*row as usize].0 == key).copied()
    }

    /// Whether the hint is right still.
    fn is_at(&self, row: u32, key: Packed<A>) -> bool {
        self.rows.get(row as usize).is_some_and(|(k, e)| *k == key && !e.blank())
    }

    fn insert(&mut self, key: Packed<A>, entry: Entry) -> u32 {
        let row = match self.free.pop() {
            Some(row) => {
                self.rows[row as usize] = (key, entry);
                row
            }
            None => {
                self.rows.push((key, entry));
                self.rows.len() as u32 - 1
            }
        };
        let (hasher, rows) = (&self.hasher, &self.rows);
        self.index.insert_unique(hasher.hash_one(key), row, |row| hasher.hash_one(rows[*row as usize].0));
        row
    }

    fn remove(&mut self, row: u32) {
        let key = self.rows[row as usize].0;
        if let Ok(found) = self.index.find_entry(self.hasher.hash_one(key), |r| *r == row) {
            found.remove();
        }
        self.rows[row as usize].1 = Entry::default();
        self.free.push(row);
        if self.index.is_empty() {
            // The last one is gone: give the memory back.
            *self = Rows::new(self.hasher.clone());
        }
    }

    /// Puts an entry into its row, or the one that it gets. Gives what was there.
    fn put(&mut self, key: Packed<A>, row: Option<u32>, entry: Entry) -> (Option<u32>, Entry) {
        match row.filter(|row| self.is_at(*row, key)).or_else(|| self.find(key)) {
            Some(row) => {
                let old = std::mem::replace(&mut self.rows[row as usize].1, entry);
                if entry.blank() {
                    self.remove(row);
                }
                (Some(row), old)
            }
            None if entry.blank() => (None, Entry::default()),
            None => (Some(self.insert(key, entry)), Entry::default()),
        }
    }
}

/// All prefixes of both families.
pub struct Table {
    pub specs: Specs,
    v4: Rows<u32>,
    v6: Rows<[u64; 2]>,
    tables: Vec<u32>,
    counts: BTreeMap<(bool, u8), Counts>,
    /// References to give up once the totals are right.
    retired: Vec<SpecId>,
}

fn rest(tables: &mut Vec<u32>, table: u32, len: u8) -> u32 {
    let at = tables.iter().position(|t| *t == table).unwrap_or_else(|| {
        tables.push(table);
        tables.len() - 1
    });
    u32::try_from(at).unwrap_or(0) << 8 | u32::from(len)
}

fn unpack(tables: &[u32], rest: u32) -> (u32, u8) {
    let table = usize::try_from(rest >> 8).ok().and_then(|at| tables.get(at)).copied();
    (table.unwrap_or_default(), (rest & 0xff) as u8)
}

fn net4(key: &Packed4, tables: &[u32]) -> Key {
    let (table, len) = unpack(tables, key.rest);
    let net = Ipv4Net::new(Ipv4Addr::from(key.addr), len).unwrap_or_default();
    Key { prefix: IpNet::V4(net), table }
}

fn net6(key: &Packed6, tables: &[u32]) -> Key {
    let (table, len) = unpack(tables, key.rest);
    let [high, low] = key.addr;
    let bits = u128::from(high) << 64 | u128::from(low);
    let net = Ipv6Net::new(Ipv6Addr::from(bits), len).unwrap_or_default();
    Key { prefix: IpNet::V6(net), table }
}

impl Table {
    /// An empty table. Peers choose prefixes, so `seed` must not be known to them.
    pub fn new(seed: u64) -> Table {
        let hasher = FixedState::with_seed(seed);
        Table {
            specs: Specs::default(),
            v4: Rows::new(hasher.clone()),
            v6: Rows::new(hasher),
            tables: Vec::new(),
            counts: BTreeMap::new(),
            retired: Vec::new(),
        }
    }

    fn pack6(&mut self, net: &Ipv6Net, table: u32) -> Packed6 {
        let bits = u128::from(net.addr());
        let addr = [(bits >> 64) as u64, bits as u64];
        Packed { addr, rest: rest(&mut self.tables, table, net.prefix_len()) }
    }

    fn pack4(&mut self, net: &Ipv4Net, table: u32) -> Packed4 {
        Packed { addr: net.addr().into(), rest: rest(&mut self.tables, table, net.prefix_len()) }
    }

    /// State of a prefix, which has no host bits; blank if unknown.
    pub fn get(&mut self, key: &Key) -> Cell {
        let (row, entry) = match &key.prefix {
            IpNet::V4(net) => {
                let key = self.pack4(net, key.table);
                let row = self.v4.find(key);
                (row, row.map(|row| self.v4.rows[row as usize].1))
            }
            IpNet::V6(net) => {
                let key = self.pack6(net, key.table);
                let row = self.v6.find(key);
                (row.map(|row| row | Row::V6), row.map(|row| self.v6.rows[row as usize].1))
            }
        };
        Cell { key: *key, row: row.map(Row), entry: entry.unwrap_or_default() }
    }

    /// State of a prefix that was in this row a while ago.
    pub fn get_near(&mut self, row: Row, key: &Key) -> Cell {
        let entry = match &key.prefix {
            IpNet::V4(net) => {
                let key = self.pack4(net, key.table);
                self.v4.is_at(row.0, key).then(|| self.v4.rows[row.0 as usize].1)
            }
            IpNet::V6(net) => {
                let (key, at) = (self.pack6(net, key.table), row.0 & !Row::V6);
                self.v6.is_at(at, key).then(|| self.v6.rows[at as usize].1)
            }
        };
        match entry {
            Some(entry) => Cell { key: *key, row: Some(row), entry },
            None => self.get(key),
        }
    }

    /// What is in a row; nothing of a prefix in the queue is ever forgotten.
    pub fn at(&self, row: Row) -> Option<Cell> {
        let (key, entry) = if row.0 & Row::V6 == 0 {
            let (key, entry) = self.v4.rows.get(row.0 as usize)?;
            (net4(key, &self.tables), *entry)
        } else {
            let (key, entry) = self.v6.rows.get((row.0 & !Row::V6) as usize)?;
            (net6(key, &self.tables), *entry)
        };
        Some(Cell { key, row: Some(row), entry }).filter(|_| !entry.blank())
    }

    /// Stores the state and keeps the totals. A blank entry is forgotten. Gives the row that it has now.
    pub fn put(&mut self, cell: Cell) -> Row {
        let Cell { key, row, entry } = cell;
        let row = row.map(|row| row.0 & !Row::V6);
        let (row, old) = match &key.prefix {
            IpNet::V4(net) => {
                let key = self.pack4(net, key.table);
                self.v4.put(key, row, entry)
            }
            IpNet::V6(net) => {
                let key = self.pack6(net, key.table);
                let (row, old) = self.v6.put(key, row, entry);
                (row.map(|row| row | Row::V6), old)
            }
        };
        count(&mut self.counts, &self.specs, key.v6(), &old, &entry);
        for spec in self.retired.drain(..) {
            self.specs.release(spec);
        }
        row.map_or(Row::UNKNOWN, Row)
    }

    /// Makes `wanted` or `actual` of an entry name another spec, which the caller holds for it.
    pub fn set_wanted(&mut self, entry: &mut Entry, spec: SpecId) {
        let old = std::mem::replace(&mut entry.wanted, spec);
        entry.errno = 0;
        entry.tries = 0;
        entry.set(flag::FAILED, false);
        self.retired.push(old);
    }

    /// As [`Table::set_wanted`], for what the kernel holds.
    pub fn set_actual(&mut self, entry: &mut Entry, spec: SpecId) {
        let old = std::mem::replace(&mut entry.actual, spec);
        self.retired.push(old);
    }
}

impl Table {
    /// Shows every entry to `change`; what it returns true for is stored as changed, and its key
    /// is listed in the result.
    pub fn scan(&mut self, mut change: impl FnMut(bool, &mut Entry, &mut Vec<SpecId>) -> bool) -> Vec<Key> {
        let mut changed = Vec::new();
        for (key, entry) in self.v4.rows.iter_mut().filter(|(_, e)| !e.blank()) {
            let old = *entry;
            if change(false, entry, &mut self.retired) {
                count(&mut self.counts, &self.specs, false, &old, entry);
                changed.push(net4(key, &self.tables));
            }
        }
        for (key, entry) in self.v6.rows.iter_mut().filter(|(_, e)| !e.blank()) {
            let old = *entry;
            if change(true, entry, &mut self.retired) {
                count(&mut self.counts, &self.specs, true, &old, entry);
                changed.push(net6(key, &self.tables));
            }
        }
        for spec in self.retired.drain(..) {
            self.specs.release(spec);
        }
        changed
    }

    /// Totals per family and protocol.
    pub fn counts(&self) -> Vec<(bool, u8, Counts)> {
        self.counts.iter().map(|((v6, protocol), counts)| (*v6, *protocol, *counts)).collect()
    }

    /// Number of prefixes known.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.v4.index.len() + self.v6.index.len()
    }
}

fn count(totals: &mut BTreeMap<(bool, u8), Counts>, specs: &Specs, v6: bool, old: &Entry, new: &Entry) {
    for (entry, add) in [(old, false), (new, true)] {
        let Some(spec) = specs.get(entry.wanted) else { continue };
        let totals = totals.entry((v6, spec.protocol())).or_default();
        let state = if entry.has(flag::FAILED) {
            &mut totals.failed
        } else if entry.wanted == entry.actual && !entry.has(flag::FORCE) {
            &mut totals.installed
        } else {
            &mut totals.pending
        };
        *state = if add { *state + 1 } else { state.saturating_sub(1) };
        totals.wanted = if add { totals.wanted + 1 } else { totals.wanted.saturating_sub(1) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_small() {
        assert!(size_of::<(Packed4, Entry)>() <= 20);
        assert!(size_of::<(Packed6, Entry)>() <= 40);
    }

    #[test]
    fn totals_and_references_follow_entries() {
        let mut table = Table::new(1);
        let key = Key { prefix: "10.0.0.0/8".parse().unwrap(), table: 254 };
        let route = Route { protocol: 186, metric: 20, target: Target::Blackhole, source: None };
        let spec = table.specs.acquire(Spec::Ours { v6: false, route });
        let mut cell = table.get(&key);
        table.set_wanted(&mut cell, spec);
        let row = table.put(cell);
        assert_eq!(table.counts(), [(false, 186, Counts { wanted: 1, pending: 1, ..Counts::default() })]);
        table.specs.hold(spec);
        let mut cell = table.get_near(row, &key);
        table.set_actual(&mut cell, spec);
        table.put(cell);
        assert_eq!(table.counts(), [(false, 186, Counts { wanted: 1, installed: 1, ..Counts::default() })]);
        assert_eq!(table.specs.references(), 2);
        let mut cell = table.get(&key);
        table.set_actual(&mut cell, NONE);
        table.set_wanted(&mut cell, NONE);
        table.put(cell);
        assert_eq!((table.len(), table.specs.references()), (0, 0));
        assert_eq!(*table.get_near(row, &key), Entry::default());
    }
}
