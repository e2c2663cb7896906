//! Next hops and the sets of them that routes share.
//!
//! There are few next hops (two to a thousand) and many routes, so a route holds a handle. When a link, an address or a
//! route changes, next hops are resolved anew, the sets that hold a changed one get new members, and the kernel hears
//! one message a set, whatever the number of routes on it.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use ipnet::IpNet;
use smallvec::SmallVec;

use crate::id::{HopSetId, NhId};
use crate::policy::ast::SourceProtocol;

/// What a next hop is, before anything is known of the way to it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct NextHopKey {
    /// The gateway; `None` for "straight out of the interface", and for our own routes.
    pub addr: Option<IpAddr>,
    /// Link-local address beside a global IPv6 one; forwarding prefers it when the interface is known.
    pub link_local: Option<Ipv6Addr>,
    /// The interface, where the configuration or the scope of a link-local address names it.
    pub interface: Option<Arc<str>>,
    /// Take the gateway as reachable on the interface without looking at addresses.
    pub onlink: bool,
}

/// A way out: what the kernel gets to know.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ResolvedHop {
    /// Gateway on the link; `None` for on-link destinations.
    pub gateway: Option<IpAddr>,
    /// Kernel's interface index.
    pub ifindex: u32,
    /// The gateway is reachable although no address of the interface covers it.
    pub onlink: bool,
}

/// The outcome of looking up a next hop.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Resolution {
    /// No route to it.
    #[default]
    Unresolved,
    /// Reachable.
    Resolved {
        /// Ways out, sorted.
        hops: SmallVec<[ResolvedHop; 2]>,
        /// Metric of the route it resolves over.
        metric: u32,
        /// On a network of ours, not behind another router.
        connected: bool,
        /// The route it resolves over.
        via: Option<IpNet>,
        /// Whose route that is.
        protocol: Option<SourceProtocol>,
    },
    /// The way there is a discard route: whoever uses it is discarded, too (remotely triggered black hole).
    Discard {
        /// The route it resolves over.
        via: IpNet,
    },
    /// Our own route; nothing to resolve.
    Ours,
}

impl Resolution {
    /// Whether a path with this next hop may be chosen.
    pub fn usable(&self) -> bool {
        !matches!(self, Resolution::Unresolved)
    }

    /// On a network of ours.
    pub fn connected(&self) -> bool {
        matches!(self, Resolution::Resolved { connected: true, .. } | Resolution::Ours)
    }

    /// Metric to the next hop.
    pub fn metric(&self) -> u32 {
        match self {
            Resolution::Resolved { metric, .. } => *metric,
            _ => 0,
        }
    }
}

/// One next hop.
#[derive(Debug)]
pub struct NextHopEntry {
    /// What it is.
    pub key: NextHopKey,
    /// The way there.
    pub resolution: Resolution,
    /// When the resolution last changed, seconds.
    pub since: u32,
    refs: u32,
}

/// Values by handle with reference counts and an index by key: next hops and hop sets are kept alike.
#[derive(Debug)]
struct Pool<K, V> {
    entries: Vec<Option<V>>,
    free: Vec<u32>,
    index: HashMap<K, u32, foldhash::quality::FixedState>,
}

impl<K: Hash + Eq, V> Pool<K, V> {
    fn new(seed: u64) -> Pool<K, V> {
        let hasher = foldhash::quality::FixedState::with_seed(seed);
        Pool { entries: Vec::new(), free: Vec::new(), index: HashMap::with_hasher(hasher) }
    }

    fn insert(&mut self, key: K, value: V) -> u32 {
        let id = match self.free.pop() {
            Some(id) => {
                self.entries[id as usize] = Some(value);
                id
            }
            None => {
                self.entries.push(Some(value));
                self.entries.len() as u32 - 1
            }
        };
        self.index.insert(key, id);
        id
    }

    fn get(&self, id: u32) -> Option<&V> {
        self.entries.get(id as usize).and_then(Option::as_ref)
    }

    fn get_mut(&mut self, id: u32) -> Option<&mut V> {
        self.entries.get_mut(id as usize).and_then(Option::as_mut)
    }

    /// Makes a value findable by another key, unless another value is found by that one already.
    fn rename(&mut self, id: u32, old: &K, new: K) {
        if self.index.get(old) == Some(&id) {
            self.index.remove(old);
        }
        self.index.entry(new).or_insert(id);
    }

    fn remove(&mut self, id: u32, key: &K) {
        if self.index.get(key) == Some(&id) {
            self.index.remove(key);
        }
        if let Some(slot) = self.entries.get_mut(id as usize) {
            *slot = None;
            self.free.push(id);
        }
    }

    fn iter(&self) -> impl Iterator<Item = (u32, &V)> {
        self.entries.iter().enumerate().filter_map(|(i, v)| v.as_ref().map(|v| (i as u32, v)))
    }
}

/// All next hops.
#[derive(Debug)]
pub struct NextHops {
    pool: Pool<NextHopKey, NextHopEntry>,
}

impl NextHops {
    /// None yet.
    pub fn new(seed: u64) -> NextHops {
        NextHops { pool: Pool::new(seed) }
    }

    /// The handle of a next hop; the caller owns one reference. The second value tells that it is new and still
    /// has to be resolved.
    pub fn intern(&mut self, key: &NextHopKey) -> (NhId, bool) {
        if let Some(&id) = self.pool.index.get(key) {
            if let Some(entry) = self.pool.get_mut(id) {
                entry.refs += 1;
            }
            return (NhId(id), false);
        }
        let ours = *key == NextHopKey::default();
        let resolution = if ours { Resolution::Ours } else { Resolution::Unresolved };
        let entry = NextHopEntry { key: key.clone(), resolution, since: 0, refs: 1 };
        (NhId(self.pool.insert(key.clone(), entry)), !ours)
    }

    /// One more reference.
    pub fn retain(&mut self, id: NhId) {
        if let Some(entry) = self.pool.get_mut(id.0) {
            entry.refs += 1;
        }
    }

    /// One reference less.
    pub fn release(&mut self, id: NhId) {
        let Some(entry) = self.pool.get_mut(id.0) else { return };
        entry.refs -= 1;
        if entry.refs == 0 {
            let key = entry.key.clone();
            self.pool.remove(id.0, &key);
        }
    }

    /// The next hop of a handle that somebody holds a reference to.
    pub fn get(&self, id: NhId) -> Option<&NextHopEntry> {
        self.pool.get(id.0)
    }

    /// The way to a next hop.
    pub fn resolution(&self, id: NhId) -> &Resolution {
        static GONE: Resolution = Resolution::Unresolved;
        self.pool.get(id.0).map_or(&GONE, |e| &e.resolution)
    }

    /// Stores a new resolution.
    pub fn set_resolution(&mut self, id: NhId, resolution: Resolution, since: u32) {
        if let Some(entry) = self.pool.get_mut(id.0) {
            entry.resolution = resolution;
            entry.since = since;
        }
    }

    /// All next hops.
    pub fn iter(&self) -> impl Iterator<Item = (NhId, &NextHopEntry)> {
        self.pool.iter().map(|(id, e)| (NhId(id), e))
    }

    /// One more than the greatest handle in use.
    pub fn bound(&self) -> usize {
        self.pool.entries.len()
    }
}

/// Members of a hop set, sorted by key order at creation.
pub type Members = SmallVec<[NhId; 4]>;

/// One hop set.
#[derive(Debug)]
pub struct HopSet {
    /// The next hops, in canonical order.
    pub members: Members,
    /// The ways out of all usable members, each once, in canonical order; what the kernel's group holds.
    pub hops: SmallVec<[ResolvedHop; 4]>,
    /// All usable members are discarded.
    pub discard: bool,
    /// Of static routes, whose next hops are the operator's: never turned to others.
    fixed: bool,
    refs: u32,
}

impl HopSet {
    fn key(&self) -> (bool, Members) {
        (self.fixed, self.members.clone())
    }
}

/// All hop sets. Two may have the same members after one was turned; new routes take the one that had them first.
#[derive(Debug)]
pub struct HopSets {
    pool: Pool<(bool, Members), HopSet>,
}

impl HopSets {
    /// None yet.
    pub fn new(seed: u64) -> HopSets {
        HopSets { pool: Pool::new(seed) }
    }

    /// The set of these members, which are sorted; the caller owns one reference. Those of static routes (`fixed`) are
    /// kept apart. The second value tells that it is new: its members must be retained and its hops computed.
    pub fn intern(&mut self, members: Members, fixed: bool) -> (HopSetId, bool) {
        let key = (fixed, members);
        if let Some(&id) = self.pool.index.get(&key) {
            self.retain(HopSetId(id));
            return (HopSetId(id), false);
        }
        let members = key.1.clone();
        let set = HopSet { members, hops: SmallVec::new(), discard: false, fixed, refs: 1 };
        (HopSetId(self.pool.insert(key, set)), true)
    }

    /// One more reference.
    pub fn retain(&mut self, id: HopSetId) {
        if let Some(set) = self.pool.get_mut(id.0) {
            set.refs += 1;
        }
    }

    /// Gives a set other members, which are sorted. Returns those that it had; `None` if it stays as it is.
    pub fn turn(&mut self, id: HopSetId, members: &Members) -> Option<Members> {
        let set = self.pool.get_mut(id.0).filter(|set| !set.fixed && set.members != *members)?;
        let old = set.key();
        set.members = members.clone();
        let new = set.key();
        self.pool.rename(id.0, &old, new);
        Some(old.1)
    }

    /// One reference less. Returns the members of a set that is gone, for the caller to release.
    pub fn release(&mut self, id: HopSetId) -> Option<Members> {
        let set = self.pool.get_mut(id.0)?;
        set.refs -= 1;
        if set.refs > 0 {
            return None;
        }
        let key = set.key();
        self.pool.remove(id.0, &key);
        Some(key.1)
    }

    /// The set of a handle.
    pub fn get(&self, id: HopSetId) -> Option<&HopSet> {
        self.pool.get(id.0)
    }

    /// The set of a handle, to change.
    pub fn get_mut(&mut self, id: HopSetId) -> Option<&mut HopSet> {
        self.pool.get_mut(id.0)
    }

    /// All sets.
    pub fn iter(&self) -> impl Iterator<Item = (HopSetId, &HopSet)> {
        self.pool.iter().map(|(id, s)| (HopSetId(id), s))
    }
}

/// The ways out of some members: each once, sorted, so that every router with equal sessions has equal groups.
pub fn union(members: &[NhId], next_hops: &NextHops) -> (SmallVec<[ResolvedHop; 4]>, bool) {
    let mut hops: SmallVec<[ResolvedHop; 4]> = SmallVec::new();
    let mut discard = false;
    for id in members {
        match next_hops.resolution(*id) {
            Resolution::Resolved { hops: h, .. } => hops.extend(h.iter().copied()),
            Resolution::Discard { .. } => discard = true,
            Resolution::Unresolved | Resolution::Ours => {}
        }
    }
    hops.sort_unstable();
    hops.dedup();
    let discard = discard && hops.is_empty();
    (hops, discard)
}
