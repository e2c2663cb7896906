//! `aggregate-address`: routes of our own that stand for the more specific ones (RFC 4271 section 9.2.2.2).
//!
//! Every valid path of a more specific prefix counts, as in FRR, but for aggregates themselves. A path bears a flag
//! ([`COUNTED`](path_flag::COUNTED)) while it is counted, so that a change costs a look-up for each prefix length that
//! aggregates have, and nothing at all without aggregates. What comes of the counts is worked out before neighbours
//! are told, once for all that happened since.

mod merge;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bgp::attrs::{AttrBuilder, Origin, hash_block};
use bgp::types::Addr;
use ipnet::IpNet;

use self::merge::Merged;
use crate::family::FamilyRib;
use crate::id::{AttrId, PathIdx, PeerId, PrefixId};
use crate::intern::{Local, Provenance};
use crate::local::{AGGREGATE_PATH, WEIGHT};
use crate::nexthop::NextHopKey;
use crate::policy::eval::Verdict;
use crate::shared::{Shared, last_resort};
use crate::table::{Path, path_flag};

/// `aggregate-address PREFIX ...`
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Aggregate {
    /// `as-set`: what the AS_PATHs have in common, then an AS_SET; and all communities.
    pub as_set: bool,
    /// `summary-only`: the more specific routes are not told.
    pub summary_only: bool,
    /// `route-map R`.
    pub route_map: Option<String>,
    /// `origin O`, in place of the worst one.
    pub origin: Option<Origin>,
    /// `matching-MED-only`: only while all have the same MED.
    pub matching_med_only: bool,
    /// `suppress-map R`: of the more specific routes those are not told that it permits.
    pub suppress_map: Option<String>,
}

impl Aggregate {
    fn may_suppress(&self) -> bool {
        self.summary_only || self.suppress_map.is_some()
    }
}

/// The counts of one aggregate.
#[derive(Debug, Default)]
struct State {
    config: Aggregate,
    /// Paths that count.
    paths: u32,
    /// Paths by ORIGIN.
    origins: [u32; 3],
    /// Paths by MED, with `matching-MED-only`.
    meds: BTreeMap<u32, u32>,
    /// With `as-set`.
    merged: Option<Merged>,
    /// There is no aggregate although there are paths, so nothing is suppressed. As it was when the aggregate was last
    /// worked out: then all paths that it covers are brought in line with it.
    inhibited: bool,
    /// Waits in [`Aggregates::dirty`].
    dirty: bool,
}

impl State {
    fn new(config: Aggregate) -> State {
        let merged = config.as_set.then(Merged::default);
        State { config, merged, ..State::default() }
    }

    fn origin(&self) -> Origin {
        let worst = self.origins.iter().rposition(|n| *n > 0).unwrap_or(0);
        self.config.origin.unwrap_or(Origin::from_code(worst as u8))
    }

    /// A path came or went. Returns whether the aggregate may be another by it.
    fn count(&mut self, shared: &Shared, attr: AttrId, add: bool) -> bool {
        let before = (self.paths > 0, self.meds.len() > 1, self.origin());
        let summary = &shared.attrs.get(attr).summary;
        let by = if add { 1 } else { -1 };
        self.paths = self.paths.saturating_add_signed(by);
        let of_origin = &mut self.origins[summary.origin as usize];
        *of_origin = of_origin.saturating_add_signed(by);
        if self.config.matching_med_only {
            // A missing MED is 0 in the summary, and the same as 0 here.
            let paths = self.meds.entry(summary.med).or_insert(0);
            *paths = paths.saturating_add_signed(by);
            if *paths == 0 {
                self.meds.remove(&summary.med);
            }
        }
        let merged = self.merged.as_mut().is_some_and(|m| m.count(shared, attr, add));
        merged || before != (self.paths > 0, self.meds.len() > 1, self.origin())
    }

    fn suppresses(&self, shared: &Shared, net: IpNet, path: &Path) -> bool {
        if self.inhibited {
            return false;
        }
        let by_map = |name: &String| {
            let peer = Some(path.peer).filter(|p| *p != PeerId::LOCAL);
            let map = shared.policies.route_map(name);
            map.is_some_and(|m| m.run(&shared.subject(path.attr, net, peer)) != Verdict::Deny)
        };
        self.config.summary_only || self.config.suppress_map.as_ref().is_some_and(by_map)
    }

    /// The attributes, before its route-map, with a reference for the caller; `None` while there is no aggregate.
    fn attributes(&self, shared: &mut Shared) -> Option<AttrId> {
        if self.paths == 0 || self.meds.len() > 1 {
            return None;
        }
        let mut builder = AttrBuilder::new();
        let id = shared.settings.router_id.into();
        builder.origin(self.origin()).med(Some(0)).aggregator(Some((shared.settings.asn, id)));
        match &self.merged {
            Some(merged) => merged.put(&mut builder),
            None => _ = builder.set_as_path(&[]).atomic_aggregate(true),
        }
        if shared.settings.graceful_shutdown {
            last_resort(&mut builder);
        }
        let block = builder.build();
        let next_hop = shared.next_hop(&NextHopKey::default());
        let local = Local { weight: WEIGHT, med_set: true, ..Local::new(next_hop, Provenance::Local) };
        let attr = shared.intern(&block, hash_block(shared.seed, &block), local);
        shared.next_hops.release(next_hop);
        Some(attr)
    }
}

/// The aggregates of one family.
#[derive(Debug)]
pub(crate) struct Aggregates<A: Addr> {
    by_prefix: HashMap<(A, u8), State, foldhash::quality::FixedState>,
    /// Prefix lengths that aggregates have.
    lengths: BTreeSet<u8>,
    /// Those to be worked out anew.
    dirty: Vec<(A, u8)>,
    /// Paths of the table's slots before this one are counted; to the others a walk comes ([`Walk::Count`]).
    ///
    /// [`Walk::Count`]: crate::walk::Walk::Count
    counted: usize,
    /// Look-ups for paths that came or went: what aggregates cost.
    pub(crate) looked_up: u64,
}

impl<A: Addr> Aggregates<A> {
    fn new(config: &BTreeMap<IpNet, Aggregate>) -> Aggregates<A> {
        let keyed = config.iter().filter_map(|(net, c)| Some((key(net)?, State::new(c.clone()))));
        let by_prefix: HashMap<(A, u8), State, _> = keyed.collect();
        let lengths = by_prefix.keys().map(|(_, len)| *len).collect();
        let mut all = Aggregates { by_prefix, lengths, dirty: Vec::new(), counted: 0, looked_up: 0 };
        all.mark_all();
        all
    }

    fn mark_all(&mut self) {
        self.by_prefix.values_mut().for_each(|state| state.dirty = true);
        self.dirty = self.by_prefix.keys().copied().collect();
    }

    fn count(&mut self, shared: &Shared, addr: A, len: u8, attr: AttrId, add: bool) {
        for shorter in self.lengths.range(..len) {
            self.looked_up += 1;
            let key = (addr.mask(*shorter), *shorter);
            let Some(state) = self.by_prefix.get_mut(&key) else { continue };
            if state.count(shared, attr, add) && !state.dirty {
                state.dirty = true;
                self.dirty.push(key);
            }
        }
    }

    fn suppresses(&self, shared: &Shared, addr: A, len: u8, path: &Path) -> bool {
        let covering = self.lengths.range(..len).filter_map(|l| self.by_prefix.get(&(addr.mask(*l), *l)));
        let mut covering = covering.filter(|s| s.config.may_suppress());
        covering.any(|s| s.suppresses(shared, addr.to_net(len), path))
    }
}

fn key<A: Addr>(net: &IpNet) -> Option<(A, u8)> {
    Some((A::from_ip(net.network())?, net.prefix_len()))
}

/// Whether a path is an aggregate.
pub(crate) fn is_aggregate(path: &Path) -> bool {
    path.peer == PeerId::LOCAL && path.path_id == AGGREGATE_PATH
}

impl<A: Addr> FamilyRib<A> {
    /// Takes a path out of the counts, before it goes or gets other attributes.
    #[inline]
    pub(crate) fn uncount(&mut self, shared: &Shared, id: PrefixId, idx: PathIdx) {
        if self.table.path(idx).has(path_flag::COUNTED) {
            self.uncount_path(shared, id, idx);
        }
    }

    fn uncount_path(&mut self, shared: &Shared, id: PrefixId, idx: PathIdx) {
        let path = self.table.path(idx);
        self.table.set_flags(idx, path.flags & !path_flag::COUNTED);
        let (addr, len) = self.table.key(id);
        if let Some(all) = self.aggregates.as_mut().filter(|all| id.index() < all.counted) {
            all.count(shared, addr, len, path.attr, false);
        }
    }

    /// Brings counts and suppression in line with the decision on a prefix. Returns whether any path is told now that
    /// was not, or the other way round.
    pub(crate) fn count_paths(&mut self, shared: &Shared, id: PrefixId) -> bool {
        if self.aggregates.as_ref().is_none_or(|all| id.index() >= all.counted) {
            return false;
        }
        self.tally(shared, id, false);
        self.suppress(shared, id)
    }

    /// Counts the paths of a prefix that the walk has come to.
    pub(crate) fn count_first(&mut self, shared: &Shared, id: PrefixId) {
        self.tally(shared, id, true);
    }

    /// Brings counts and flags of a prefix's paths in line. For the first time, what flags say is of the aggregates before.
    fn tally(&mut self, shared: &Shared, id: PrefixId, first: bool) {
        let Some(all) = &mut self.aggregates else { return };
        let (addr, len) = self.table.key(id);
        let mut at = self.table.head(id);
        while !at.is_none() {
            let path = self.table.path(at);
            let counts = path.has(path_flag::VALID) && !is_aggregate(&path);
            let flagged = path.has(path_flag::COUNTED);
            if counts != flagged {
                self.table.set_flags(at, path.flags ^ path_flag::COUNTED);
            }
            if counts != (flagged && !first) {
                all.count(shared, addr, len, path.attr, counts);
            }
            at = path.next;
        }
    }

    /// Brings in line which paths of a prefix are suppressed. Returns whether any is that was not, or the other way
    /// round.
    fn suppress(&mut self, shared: &Shared, id: PrefixId) -> bool {
        let (addr, len) = self.table.key(id);
        let mut turned = false;
        let mut at = self.table.head(id);
        while !at.is_none() {
            let path = self.table.path(at);
            let suppressed = path.has(path_flag::COUNTED)
                && self.aggregates.as_ref().is_some_and(|all| all.suppresses(shared, addr, len, &path));
            if suppressed != path.has(path_flag::SUPPRESSED) {
                self.table.set_flags(at, path.flags ^ path_flag::SUPPRESSED);
                turned = true;
            }
            at = path.next;
        }
        turned
    }

    /// Takes in which aggregates are configured. If any came, went or changed, a walk counts anew; what there was of
    /// those that stay is told until it is through.
    pub(crate) fn configure_aggregates(&mut self, shared: &mut Shared, config: &BTreeMap<IpNet, Aggregate>) {
        let old = self.aggregates.as_ref().map(|all| &all.by_prefix);
        let same = config.len() == old.map_or(0, HashMap::len)
            && config.iter().all(|(net, c)| {
                key(net).is_some_and(|k| old.and_then(|o| o.get(&k)).is_some_and(|s| s.config == *c))
            });
        if same {
            return;
        }
        let old: Vec<(A, u8)> = old.map(|o| o.keys().copied().collect()).unwrap_or_default();
        let gone = |(addr, len): &(A, u8)| !config.contains_key(&addr.to_net(*len));
        for (addr, len) in old.into_iter().filter(gone) {
            self.set_local(shared, addr, len, AGGREGATE_PATH, None);
        }
        self.aggregates = (!config.is_empty()).then(|| Box::new(Aggregates::new(config)));
        // All are counted before it is asked what they suppress: that depends on all of them.
        match self.aggregates {
            Some(_) => self.recount = true,
            None => self.resuppress.push(A::from_be_slice(&[]).to_net(0)),
        }
    }

    /// The walk that counts has done the slots before this one.
    pub(crate) fn counted_to(&mut self, slot: usize) {
        if let Some(all) = &mut self.aggregates {
            all.counted = slot;
        }
    }

    /// The walk that counts is through: what comes of it is put into the table, and what is suppressed looked at.
    pub(crate) fn all_counted(&mut self, shared: &mut Shared) {
        self.counted_to(usize::MAX);
        self.renew_aggregates(shared);
        self.resuppress.push(A::from_be_slice(&[]).to_net(0));
    }

    /// Policies or settings that aggregates depend on changed.
    pub(crate) fn reload_aggregates(&mut self) {
        let Some(all) = &mut self.aggregates else { return };
        all.mark_all();
        let by_policy = all.by_prefix.iter().filter(|(_, s)| s.config.suppress_map.is_some());
        self.resuppress.extend(by_policy.map(|((addr, len), _)| addr.to_net(*len)));
    }

    /// Looks again at which paths of a prefix are suppressed, if one of these covers it.
    pub(crate) fn suppress_within(&mut self, shared: &Shared, id: PrefixId, nets: &[IpNet]) {
        let net = self.table.prefix(id).net();
        if nets.iter().any(|n| n.contains(&net)) && self.suppress(shared, id) {
            self.groups.iter_mut().for_each(|g| g.mark(id));
        }
    }

    /// Works out the aggregates that may have changed. Where what they suppress did not come or go with a path alone, a
    /// walk has to look at it before neighbours are told.
    pub(crate) fn renew_aggregates(&mut self, shared: &mut Shared) {
        let Some(all) = &mut self.aggregates else { return };
        for key in std::mem::take(&mut all.dirty) {
            let (addr, len) = key;
            let net = addr.to_net(len);
            let Some(state) = self.aggregates.as_mut().and_then(|all| all.by_prefix.get_mut(&key)) else {
                continue;
            };
            state.dirty = false;
            let map = state.config.route_map.clone();
            let made = state.attributes(shared);
            let attr = made.and_then(|attr| self.local_policy(shared, attr, net, None, map));
            if let Some(state) = self.aggregates.as_mut().and_then(|all| all.by_prefix.get_mut(&key)) {
                let inhibited = state.paths > 0 && attr.is_none();
                if state.inhibited != inhibited && state.config.may_suppress() {
                    self.resuppress.push(net);
                }
                state.inhibited = inhibited;
            }
            self.set_local(shared, addr, len, AGGREGATE_PATH, attr);
        }
    }

    /// Whether a policy of an aggregate asks for the state of origin validation.
    pub(crate) fn aggregates_validate(&self, shared: &Shared) -> bool {
        let configs = self.aggregates.iter().flat_map(|all| all.by_prefix.values()).map(|s| &s.config);
        let mut maps = configs.flat_map(|c| [&c.route_map, &c.suppress_map]).flatten();
        maps.any(|name| shared.policies.route_map(name).is_some_and(|m| m.validates()))
    }

    /// The paths that an aggregate is made of.
    pub(crate) fn aggregated(&self, addr: A, len: u8) -> Option<u32> {
        Some(self.aggregates.as_ref()?.by_prefix.get(&(addr, len))?.paths)
    }
}
