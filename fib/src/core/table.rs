//! Per prefix: what is wanted and what the kernel acknowledged, in a few bytes each.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hashbrown::HashMap;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::intent::{Counts, GroupId, Route, RouteKind, Target};

type Map<K, V> = HashMap<K, V, foldhash::fast::FixedState>;

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

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key4 {
    addr: u32,
    rest: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key6 {
    high: u64,
    low: u64,
    rest: u32,
}

/// All prefixes of both families.
#[derive(Default)]
pub struct Table {
    pub specs: Specs,
    v4: Map<Key4, Entry>,
    v6: Map<Key6, Entry>,
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

fn net4(key: &Key4, tables: &[u32]) -> Key {
    let (table, len) = unpack(tables, key.rest);
    let net = Ipv4Net::new(Ipv4Addr::from(key.addr), len).unwrap_or_default();
    Key { prefix: IpNet::V4(net), table }
}

fn net6(key: &Key6, tables: &[u32]) -> Key {
    let (table, len) = unpack(tables, key.rest);
    let bits = u128::from(key.high) << 64 | u128::from(key.low);
    let net = Ipv6Net::new(Ipv6Addr::from(bits), len).unwrap_or_default();
    Key { prefix: IpNet::V6(net), table }
}

impl Table {
    fn key6(&mut self, net: &Ipv6Net, table: u32) -> Key6 {
        let bits = u128::from(net.network());
        Key6 {
            high: (bits >> 64) as u64,
            low: bits as u64,
            rest: rest(&mut self.tables, table, net.prefix_len()),
        }
    }

    fn key4(&mut self, net: &Ipv4Net, table: u32) -> Key4 {
        Key4 { addr: net.network().into(), rest: rest(&mut self.tables, table, net.prefix_len()) }
    }

    /// State of a prefix; blank if unknown.
    pub fn get(&mut self, key: &Key) -> Entry {
        match &key.prefix {
            IpNet::V4(net) => {
                let key = self.key4(net, key.table);
                self.v4.get(&key).copied().unwrap_or_default()
            }
            IpNet::V6(net) => {
                let key = self.key6(net, key.table);
                self.v6.get(&key).copied().unwrap_or_default()
            }
        }
    }

    /// Stores the state and keeps the totals. A blank entry is forgotten.
    pub fn put(&mut self, key: &Key, entry: Entry) {
        let old = match &key.prefix {
            IpNet::V4(net) => {
                let key = self.key4(net, key.table);
                if entry.blank() { self.v4.remove(&key) } else { self.v4.insert(key, entry) }
            }
            IpNet::V6(net) => {
                let key = self.key6(net, key.table);
                if entry.blank() { self.v6.remove(&key) } else { self.v6.insert(key, entry) }
            }
        };
        let v6 = key.v6();
        let old = old.unwrap_or_default();
        count(&mut self.counts, &self.specs, v6, &old, &entry);
        for spec in self.retired.drain(..) {
            self.specs.release(spec);
        }
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
        for (key, entry) in &mut self.v4 {
            let old = *entry;
            if change(false, entry, &mut self.retired) {
                count(&mut self.counts, &self.specs, false, &old, entry);
                changed.push(net4(key, &self.tables));
            }
        }
        for (key, entry) in &mut self.v6 {
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
        self.v4.len() + self.v6.len()
    }

    /// Gives memory back after many routes have gone.
    pub fn shrink(&mut self) {
        if self.v4.capacity() > 4096 && self.v4.len() < self.v4.capacity() / 8 {
            self.v4.shrink_to(self.v4.len() * 2);
        }
        if self.v6.capacity() > 4096 && self.v6.len() < self.v6.capacity() / 8 {
            self.v6.shrink_to(self.v6.len() * 2);
        }
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
        assert!(size_of::<(Key4, Entry)>() <= 20);
        assert!(size_of::<(Key6, Entry)>() <= 40);
    }

    #[test]
    fn totals_and_references_follow_entries() {
        let mut table = Table::default();
        let key = Key { prefix: "10.0.0.0/8".parse().unwrap(), table: 254 };
        let route = Route { protocol: 186, metric: 20, target: Target::Blackhole, source: None };
        let spec = table.specs.acquire(Spec::Ours { v6: false, route });
        let mut entry = table.get(&key);
        table.set_wanted(&mut entry, spec);
        table.put(&key, entry);
        assert_eq!(table.counts(), [(false, 186, Counts { wanted: 1, pending: 1, ..Counts::default() })]);
        table.specs.hold(spec);
        table.set_actual(&mut entry, spec);
        table.put(&key, entry);
        assert_eq!(table.counts(), [(false, 186, Counts { wanted: 1, installed: 1, ..Counts::default() })]);
        assert_eq!(table.specs.references(), 2);
        table.set_actual(&mut entry, NONE);
        table.set_wanted(&mut entry, NONE);
        table.put(&key, entry);
        assert_eq!((table.len(), table.specs.references()), (0, 0));
    }
}
