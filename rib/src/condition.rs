//! Whether the table has a route that a route-map permits: the conditions of `advertise-map` and of
//! `default-originate route-map`.
//!
//! A watch knows the first prefix, in order, that its map permits. A change of another prefix costs nothing while that
//! one is earlier, and one run of the map otherwise; only when the first one is lost the table is searched, in slices.

use std::collections::BTreeSet;

use crate::family::FamilyRib;
use crate::id::{AttrId, PeerId, PrefixId};
use crate::memo::Purpose;
use crate::nexthop::NextHopKey;
use crate::policy::eval::Verdict;
use crate::rules::GroupKey;
use crate::shared::Shared;
use crate::table::{Path, path_flag};
use bgp::attrs::Origin;
use bgp::types::Addr;

/// `advertise-map R exist-map|non-exist-map C`
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Conditional {
    /// Which routes are told on the condition.
    pub advertise_map: String,
    /// What the table must have, or must not have.
    pub condition_map: String,
    /// Must have.
    pub exist: bool,
}

type Key<A> = (A, u8);

/// One route-map that is asked about.
#[derive(Debug)]
struct Watch<A> {
    map: String,
    /// The first prefix that it permits, or that it permits none; `None` before the first search.
    found: Option<Option<Key<A>>>,
    /// The search under way, and the first prefix that it has met.
    search: Option<(u32, Option<Key<A>>)>,
    /// Counts changes of what was found, or of its attributes.
    version: u32,
}

/// The route-maps of one family that somebody asks about.
#[derive(Debug)]
pub(crate) struct Conditions<A> {
    watches: Vec<Watch<A>>,
    searches: u32,
    /// A search was asked for that has not been ordered.
    wanted: Option<u32>,
}

impl<A> Default for Conditions<A> {
    fn default() -> Conditions<A> {
        Conditions { watches: Vec::new(), searches: 0, wanted: None }
    }
}

impl<A: Addr> Conditions<A> {
    /// The number of the search that has not begun.
    fn next_search(&mut self) -> u32 {
        *self.wanted.get_or_insert_with(|| {
            self.searches = self.searches.wrapping_add(1);
            self.searches
        })
    }

    fn restart(&mut self, which: impl Fn(&Watch<A>) -> bool) {
        if self.watches.iter().any(&which) {
            let number = self.next_search();
            self.watches.iter_mut().filter(|w| which(w)).for_each(|w| w.search = Some((number, None)));
        }
    }

    /// Whether it is not known yet what a condition of a group says: its first search is under way.
    pub(crate) fn unknown_to(&self, key: &GroupKey) -> bool {
        let unknown = |w: &Watch<A>| w.version == 0 && w.search.is_some();
        key.condition_maps().any(|map| self.of(map).is_some_and(unknown))
    }

    fn of(&self, map: &str) -> Option<&Watch<A>> {
        self.watches.iter().find(|w| w.map == map)
    }
}

/// The first path of a prefix that a route-map permits.
fn permitted<A: Addr>(rib: &FamilyRib<A>, shared: &Shared, id: PrefixId, map: &str) -> Option<Path> {
    let program = shared.policies.route_map(map)?;
    let net = rib.table.prefix(id).net();
    let permits = |path: &Path| {
        let stale = shared.peer(path.peer).is_some_and(|p| p.generation != path.generation);
        let peer = Some(path.peer).filter(|p| *p != PeerId::LOCAL);
        !stale
            && !path.has(path_flag::FILTERED)
            && program.run(&shared.subject(path.attr, net, peer)) != Verdict::Deny
    };
    rib.table.paths(id).map(|(_, path)| path).find(permits)
}

impl<A: Addr> FamilyRib<A> {
    /// A prefix changed.
    pub(crate) fn note_change(&mut self, shared: &Shared, id: PrefixId) {
        let Some(mut conditions) = self.conditions.take() else { return };
        let key = self.table.key(id);
        let mut lost = false;
        for watch in &mut conditions.watches {
            let first = match (&watch.search, &watch.found) {
                (Some((_, first)), _) => *first,
                (None, found) => found.flatten(),
            };
            if first.is_some_and(|first| first < key) {
                continue;
            }
            let permits = permitted(self, shared, id, &watch.map).is_some();
            match &mut watch.search {
                Some((_, first)) if permits => *first = Some(key),
                None if permits => {
                    watch.found = Some(Some(key));
                    watch.version = watch.version.wrapping_add(1);
                }
                _ if first == Some(key) => {
                    lost = true;
                    // The number is given below: one search for all.
                    watch.search = Some((0, None));
                }
                _ => {}
            }
        }
        if lost {
            conditions.restart(|w| w.search == Some((0, None)));
        }
        self.conditions = Some(conditions);
    }

    /// A search to order, by number.
    pub(crate) fn wanted_search(&mut self) -> Option<u32> {
        self.conditions.as_mut()?.wanted.take()
    }

    /// Whether anybody waits for a search still.
    pub(crate) fn searching(&self, number: u32) -> bool {
        let watches = self.conditions.iter().flat_map(|c| &c.watches);
        watches.filter_map(|w| w.search).any(|(of, _)| of == number)
    }

    /// Looks at one prefix in a search.
    pub(crate) fn search(&mut self, shared: &Shared, id: PrefixId, number: u32) {
        let Some(mut conditions) = self.conditions.take() else { return };
        let key = self.table.key(id);
        for watch in &mut conditions.watches {
            if let Some((of, first)) = &mut watch.search
                && *of == number
                && first.is_none_or(|first| key < first)
                && permitted(self, shared, id, &watch.map).is_some()
            {
                *first = Some(key);
            }
        }
        self.conditions = Some(conditions);
    }

    /// A search is complete.
    pub(crate) fn searched(&mut self, shared: &Shared, number: u32) {
        let Some(conditions) = &mut self.conditions else { return };
        for watch in conditions.watches.iter_mut().filter(|w| w.search.is_some_and(|(of, _)| of == number)) {
            let known = shared.policies.route_map(&watch.map).is_some();
            let first = watch.search.take().and_then(|(_, first)| first);
            if known {
                watch.found = Some(first);
            }
            watch.version = watch.version.wrapping_add(1);
        }
    }

    /// Policies are others, or what they ask for is: all is searched again. What was found counts until then.
    pub(crate) fn search_again(&mut self) {
        if let Some(conditions) = &mut self.conditions {
            conditions.restart(|_| true);
        }
    }

    /// Whether a condition asks for the state of origin validation.
    pub(crate) fn conditions_validate(&self, shared: &Shared) -> bool {
        let mut watches = self.conditions.iter().flat_map(|c| &c.watches);
        watches.any(|w| shared.policies.route_map(&w.map).is_some_and(|m| m.validates()))
    }

    /// Brings in line who watches what, and what groups tell on conditions.
    pub(crate) fn apply_conditions(&mut self, shared: &mut Shared) {
        let asked: BTreeSet<&str> = self.groups.iter().flat_map(|g| g.key().condition_maps()).collect();
        if asked.is_empty() {
            self.conditions = None;
            return;
        }
        let mut conditions = self.conditions.take().unwrap_or_default();
        conditions.watches.retain(|w| asked.contains(w.map.as_str()));
        for map in asked {
            if conditions.of(map).is_none() {
                let map = map.to_owned();
                conditions.watches.push(Watch { map, found: None, search: None, version: 0 });
            }
        }
        conditions.restart(|w| w.found.is_none() && w.search.is_none() && w.version == 0);
        let mut groups = std::mem::take(&mut self.groups);
        for group in &mut groups {
            if let Some(conditional) = group.key().conditional.clone() {
                let found = conditions.of(&conditional.condition_map).and_then(|w| w.found);
                let told = found.is_some_and(|found| found.is_some() == conditional.exist);
                group.withhold(!told, &self.table);
            }
            if let Some(Some(map)) = &group.key().default_originate
                && let Some(watch) = conditions.of(map)
                && group.default_version != Some(watch.version)
            {
                let attr = self.default_on_condition(shared, watch, group.key().purpose());
                if group.set_default(shared, attr, watch.version) {
                    group.mark(self.table.find_or_insert(A::from_be_slice(&[]), 0));
                }
            }
        }
        self.groups = groups;
        self.conditions = Some(conditions);
    }

    /// The default route as the route-map makes it that permits a route of the table, with a reference for the caller.
    fn default_on_condition(&self, shared: &mut Shared, watch: &Watch<A>, purpose: Purpose) -> AttrId {
        let found = watch.found.flatten().and_then(|(addr, len)| self.table.find(addr, len));
        let path = found.and_then(|id| Some((id, permitted(self, shared, id, &watch.map)?)));
        let (Some((id, path)), Some(program)) = (path, shared.policies.route_map(&watch.map)) else {
            return AttrId::NONE;
        };
        let net = self.table.prefix(id).net();
        let attr = shared.intern_local(Origin::Igp, Some(0), &NextHopKey::default(), 0);
        let peer = Some(path.peer).filter(|p| *p != PeerId::LOCAL);
        let matched = shared.subject(path.attr, net, peer);
        let verdict = program.run_apart(&matched, &shared.subject(attr, net, None));
        match verdict {
            Verdict::Permit => attr,
            Verdict::Deny => {
                shared.release(attr);
                AttrId::NONE
            }
            Verdict::Change(changed) => {
                let out = shared.intern_changed(attr, &changed, None, purpose);
                shared.release(attr);
                out
            }
        }
    }
}
