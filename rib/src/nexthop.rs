//! Next hops and the sets of them that routes share.
//!
//! There are few next hops (two to a thousand) and many routes, so a route holds a handle. When a link, an address or a
//! route changes, next hops are resolved anew, the sets that hold a changed one get new members, and the kernel hears
//! one message a set, whatever the number of routes on it.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use ipnet::IpNet;
use smallvec::SmallVec;

use crate::id::{HopSetId, NhId};
use crate::policy::ast::SourceProtocol;
use crate::weight::in_proportion;

/// Whose next hop it is: `ip nht PROTO route-map` may let some have a way that others may not.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub enum NextHopUser {
    /// BGP's.
    #[default]
    Bgp,
    /// Of static routes.
    Static,
    /// Of a route that BGP announces for somebody else, whose way is not ours to judge.
    Redistributed,
}

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
    /// Who looks it up.
    pub user: NextHopUser,
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
        let slot = self.free.pop();
        let id = self.put(slot, value);
        self.index.insert(key, id);
        id
    }

    /// Stores a value in a slot that is free, or a new one.
    fn put(&mut self, slot: Option<u32>, value: V) -> u32 {
        let id = slot.unwrap_or(self.entries.len() as u32);
        match self.entries.get_mut(id as usize) {
            Some(entry) => *entry = Some(value),
            None => self.entries.push(Some(value)),
        }
        id
    }

    /// Empties a slot.
    fn take(&mut self, id: u32) -> Option<V> {
        self.entries.get_mut(id as usize).and_then(Option::take)
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
        if self.take(id).is_some() {
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

/// A next hop in a set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Member {
    /// Which.
    pub next_hop: NhId,
    /// Its share; 0 for all where they share alike.
    pub weight: u8,
}

impl Member {
    /// One that shares alike with the others.
    pub const fn alike(next_hop: NhId) -> Member {
        Member { next_hop, weight: 0 }
    }
}

impl Hash for Member {
    /// In one go: a set is looked up for each route that changes.
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(u64::from(self.next_hop.0) << 8 | u64::from(self.weight));
    }
}

/// Members of a hop set, sorted by key order at creation.
pub type Members = SmallVec<[Member; 4]>;

/// A way out of a hop set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetHop {
    /// The way.
    pub hop: ResolvedHop,
    /// Its share, from 1.
    pub weight: u8,
}

/// How the kernel keeps flows on the members of a group while others come and go.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Resilient {
    /// Flows are dealt out to so many buckets.
    pub buckets: u16,
    /// Seconds without a packet after which a bucket may go to another member.
    pub idle: u32,
    /// Seconds of imbalance after which it may in any case; 0 is never.
    pub unbalanced: u32,
}

/// Most sets that belong to one prefix each. The kernel keeps buckets for each of them.
pub const MOST_OWN: usize = 4096;

/// What makes sets the same.
#[derive(Clone, PartialEq, Eq, Debug)]
struct SetKey {
    members: Members,
    resilient: Option<Resilient>,
    /// See [`HopSet::fixed`].
    fixed: bool,
}

impl Hash for SetKey {
    /// The kind is the same for almost all.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.members.hash(state);
    }
}

/// One hop set.
#[derive(Debug)]
pub struct HopSet {
    /// The next hops, in canonical order.
    pub members: Members,
    /// The ways out of all usable members, each once, in canonical order; what the kernel's group holds.
    pub hops: SmallVec<[SetHop; 4]>,
    /// All usable members are discarded.
    pub discard: bool,
    /// Of static routes, whose next hops are the operator's: never turned to others.
    fixed: bool,
    /// The kind of the kernel's group, which is that from its creation on.
    pub resilient: Option<Resilient>,
    /// It is of one prefix, and changes with it.
    pub own: bool,
    refs: u32,
}

impl HopSet {
    fn new(members: Members, resilient: Option<Resilient>) -> HopSet {
        let hops = SmallVec::new();
        HopSet { members, hops, discard: false, fixed: false, resilient, own: false, refs: 1 }
    }

    fn key(&self) -> SetKey {
        SetKey { members: self.members.clone(), resilient: self.resilient, fixed: self.fixed }
    }
}

/// All hop sets. Two may have the same members after one was turned; new routes take the one that had them first.
#[derive(Debug)]
pub struct HopSets {
    pool: Pool<SetKey, HopSet>,
    /// Numbers to give out again: to sets of the same kind only, as the kernel changes that of none.
    free: Vec<(Option<Resilient>, u32)>,
    own: usize,
}

impl HopSets {
    /// None yet.
    pub fn new(seed: u64) -> HopSets {
        HopSets { pool: Pool::new(seed), free: Vec::new(), own: 0 }
    }

    /// The set of these members, which are sorted; the caller owns one reference. Those of static routes (`fixed`) are
    /// kept apart. The second value tells that it is new: its members must be retained and its hops computed.
    pub fn intern(
        &mut self,
        members: Members,
        resilient: Option<Resilient>,
        fixed: bool,
    ) -> (HopSetId, bool) {
        let key = SetKey { members, resilient, fixed };
        if let Some(&id) = self.pool.index.get(&key) {
            self.retain(HopSetId(id));
            return (HopSetId(id), false);
        }
        let set = HopSet { fixed, ..HopSet::new(key.members.clone(), resilient) };
        let id = self.put(set);
        self.pool.index.insert(key, id.0);
        (id, true)
    }

    /// A set for one prefix alone, as long as there are not too many. Its members must be retained and its hops
    /// computed.
    pub fn make_own(&mut self, members: Members, resilient: Resilient) -> Option<HopSetId> {
        if self.own >= MOST_OWN {
            return None;
        }
        self.own += 1;
        Some(self.put(HopSet { own: true, ..HopSet::new(members, Some(resilient)) }))
    }

    fn put(&mut self, set: HopSet) -> HopSetId {
        let slot = self.free.iter().rposition(|(kind, _)| *kind == set.resilient);
        let slot = slot.map(|at| self.free.swap_remove(at).1);
        HopSetId(self.pool.put(slot, set))
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
        if !set.own {
            let new = set.key();
            self.pool.rename(id.0, &old, new);
        }
        Some(old.members)
    }

    /// One reference less. Returns the members of a set that is gone, for the caller to release.
    pub fn release(&mut self, id: HopSetId) -> Option<Members> {
        let set = self.pool.get_mut(id.0)?;
        set.refs -= 1;
        if set.refs > 0 {
            return None;
        }
        let set = self.pool.take(id.0)?;
        self.free.push((set.resilient, id.0));
        if set.own {
            self.own -= 1;
            return Some(set.members);
        }
        let key = set.key();
        if self.pool.index.get(&key) == Some(&id.0) {
            self.pool.index.remove(&key);
        }
        Some(key.members)
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
pub fn union(members: &[Member], next_hops: &NextHops) -> (SmallVec<[SetHop; 4]>, bool) {
    let mut parts: SmallVec<[(ResolvedHop, u64); 4]> = SmallVec::new();
    let mut discard = false;
    let weighted = members.iter().any(|m| m.weight > 0);
    for member in members {
        match next_hops.resolution(member.next_hop) {
            Resolution::Resolved { hops, .. } => {
                // A next hop behind several ways parts its share among them.
                let part = (u64::from(member.weight.max(1)) << 32) / hops.len().max(1) as u64;
                parts.extend(hops.iter().map(|hop| (*hop, part)));
            }
            Resolution::Discard { .. } => discard = true,
            Resolution::Unresolved | Resolution::Ours => {}
        }
    }
    parts.sort_unstable();
    // And several next hops behind one way put theirs together.
    parts.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        kept.1 += if same { next.1 } else { 0 };
        same
    });
    let discard = discard && parts.is_empty();
    let hops = if weighted {
        let weights = in_proportion(&parts.iter().map(|(_, part)| *part).collect::<SmallVec<[u64; 4]>>());
        parts.iter().zip(weights).map(|((hop, _), weight)| SetHop { hop: *hop, weight }).collect()
    } else {
        parts.iter().map(|(hop, _)| SetHop { hop: *hop, weight: 1 }).collect()
    };
    (hops, discard)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(next_hops: &mut NextHops, addr: &str, via: &[&str]) -> NhId {
        let key = NextHopKey { addr: Some(addr.parse().unwrap()), ..NextHopKey::default() };
        let (id, _) = next_hops.intern(&key);
        let hop = |a: &&str| ResolvedHop { gateway: Some(a.parse().unwrap()), ifindex: 1, onlink: false };
        let hops = via.iter().map(hop).collect();
        let (metric, connected, via, protocol) = (0, true, None, None);
        next_hops.set_resolution(id, Resolution::Resolved { hops, metric, connected, via, protocol }, 0);
        id
    }

    fn shares(members: &[Member], next_hops: &NextHops) -> Vec<(String, u8)> {
        let hops = union(members, next_hops).0;
        hops.iter().map(|h| (h.hop.gateway.unwrap().to_string(), h.weight)).collect()
    }

    #[test]
    fn members_stand_in_order_of_address_whatever_came_first() {
        let mut next_hops = NextHops::new(1);
        let all: Vec<Member> = ["10.0.0.13", "10.0.0.2", "10.0.0.11", "10.0.0.12"]
            .iter()
            .map(|a| Member::alike(resolved(&mut next_hops, a, &[a])))
            .collect();
        let expected = ["10.0.0.2", "10.0.0.11", "10.0.0.12", "10.0.0.13"].map(|a| (a.to_owned(), 1));
        assert_eq!(shares(&all, &next_hops), expected);
        let reversed: Vec<Member> = all.iter().rev().copied().collect();
        assert_eq!(shares(&reversed, &next_hops), expected);
    }

    #[test]
    fn shares_follow_the_ways_that_next_hops_resolve_to() {
        let mut next_hops = NextHops::new(1);
        let plain = resolved(&mut next_hops, "10.0.0.1", &["10.0.0.1"]);
        let other = resolved(&mut next_hops, "10.0.0.2", &["10.0.0.2"]);
        let both = resolved(&mut next_hops, "192.0.2.1", &["10.0.0.1", "10.0.0.2"]);
        let member = |next_hop, weight| Member { next_hop, weight };
        let of =
            |members: &[Member]| shares(members, &next_hops).into_iter().map(|(_, w)| w).collect::<Vec<_>>();
        assert_eq!(of(&[member(plain, 85), member(other, 255)]), [85, 255]);
        // Half of 255 over each, and 85 more over the first.
        assert_eq!(of(&[member(plain, 85), member(both, 255)]), [255, 153]);
        assert_eq!(of(&[Member::alike(plain), Member::alike(both)]), [1, 1]);
    }
}
