//! One family's routes: paths in, decision, and who must hear of a change.

use std::collections::HashMap;
use std::net::IpAddr;

use bgp::attrs::{AttrBuilder, flag, hash_block};
use bgp::types::{Addr, Family, Nlri};
use bgp::wire::iana::community;
use ipnet::IpNet;
use smallvec::SmallVec;

use crate::aggregate::Aggregates;
use crate::base::BaseTable;
use crate::best::{Candidate, Decision, Reason, decide, stays};
use crate::changes::{Cause, Change, Changes};
use crate::condition::Conditions;
use crate::damping::{Damping, Key, Parameters};
use crate::event::{Event, FibRoute};
use crate::group::Group;
use crate::id::{AttrId, HopSetId, PathIdx, PeerId, PrefixId};
use crate::intern::Provenance;
use crate::memo::{Evaluator, Purpose};
use crate::nexthop::Members;
use crate::peer::{Crossed, Peer};
use crate::policy::compile::FilterSpec;
use crate::shared::{Shared, add_community, last_resort};
use crate::table::{Path, Table, path_flag};
use crate::walk::reimport;
use crate::weight::members;

/// Whose routes come, and how they are kept.
#[derive(Clone, Copy)]
pub(crate) struct Arrival {
    pub peer: PeerId,
    pub soft: bool,
    pub generation: u8,
    pub round: u8,
    pub damping: Option<Parameters>,
}

/// Import filters are shared by all neighbours that name the same ones, unless they tell neighbours apart.
type ImportKey = (FilterSpec, Option<PeerId>);

type Seeded = foldhash::quality::FixedState;

/// Bits of [`path_flag`] that do not come of the decision.
const KEPT: u8 = path_flag::FILTERED | path_flag::ROUND | path_flag::COUNTED | path_flag::SUPPRESSED;

pub(crate) struct FamilyRib<A: Addr> {
    pub table: Table<A>,
    pub base: BaseTable<A>,
    pub groups: Vec<Group<A>>,
    pub imports: HashMap<ImportKey, Evaluator, Seeded>,
    /// BGP's hop set of each prefix that is BGP's in the kernel; grown when used.
    pub fib: Vec<HopSetId>,
    /// What the kernel was told of prefixes that are static's.
    pub fib_base: HashMap<(A, u8), FibRoute, Seeded>,
    /// Counts changes of best paths; FRR's "table version".
    pub version: u32,
    /// Networks and redistribution.
    pub local: crate::local::LocalRoutes,
    /// Prefixes whose next hop's way depends on BGP routes are few: their addresses, sorted, to see a change coming.
    pub tracked: Vec<A>,
    /// Of what these cover it has to be seen again what is suppressed.
    pub resuppress: Vec<IpNet>,
    /// Aggregates were configured: their paths are to be counted.
    pub recount: bool,
    /// `aggregate-address`.
    pub aggregates: Option<Box<Aggregates<A>>>,
    /// Route-maps that wait for a route, if any do.
    pub conditions: Option<Box<Conditions<A>>>,
    /// Routes that flapped, if any did.
    pub damping: Option<Box<Damping>>,
    /// The last changes of best paths.
    pub changes: Changes<A>,
}

impl<A: Addr> FamilyRib<A> {
    pub fn new(seed: u64) -> FamilyRib<A> {
        FamilyRib {
            table: Table::new(seed),
            base: BaseTable::default(),
            groups: Vec::new(),
            imports: HashMap::with_hasher(Seeded::with_seed(seed)),
            fib: Vec::new(),
            fib_base: HashMap::with_hasher(Seeded::with_seed(seed)),
            version: 0,
            local: crate::local::LocalRoutes::default(),
            tracked: Vec::new(),
            resuppress: Vec::new(),
            recount: false,
            aggregates: None,
            conditions: None,
            damping: None,
            changes: Changes::default(),
        }
    }

    /// Takes in prefixes that a neighbour announced with one attribute set.
    pub fn announce(&mut self, shared: &mut Shared, peer: PeerId, attr_in: AttrId, nlri: &[Nlri<A>]) {
        let round = shared.peer(peer).map_or(0, |p| p.refresh[A::FAMILY.index()].round);
        self.take_in(shared, peer, attr_in, nlri, round);
    }

    /// As [`Self::announce`], for paths of a certain round of refreshes.
    pub fn take_in(
        &mut self,
        shared: &mut Shared,
        peer: PeerId,
        attr_in: AttrId,
        nlri: &[Nlri<A>],
        round: u8,
    ) {
        let Some(info) = shared.peer(peer) else { return };
        let Some(family) = info.family(A::FAMILY) else { return };
        let (soft, generation) = (family.soft_reconfiguration, info.generation);
        let damping = info.config.damping(A::FAMILY);
        let arrival = Arrival { peer, soft, generation, round, damping };
        let address = Some(info.config.addr);
        let key = self.import_key(shared, peer);
        let Some(mut import) = self.imports.remove(&key) else { return };
        if import.by_attributes() {
            let Some(first) = nlri.first() else {
                self.imports.insert(key, import);
                return;
            };
            let out = Self::import_one(&mut import, shared, attr_in, first, peer, address);
            for n in nlri {
                self.set_path(shared, &arrival, n, attr_in, out);
            }
            if let Some(out) = out {
                shared.release(out);
            }
        } else {
            for n in nlri {
                let out = Self::import_one(&mut import, shared, attr_in, n, peer, address);
                // What is refused for its validation state stays, so that other payloads need no refresh to bring it
                // back (RFC 9324 section 4).
                let kept =
                    soft || out.is_none() && import.permits_in_some_state(shared, attr_in, n.net(), peer);
                self.set_path(shared, &Arrival { soft: kept, ..arrival }, n, attr_in, out);
                if let Some(out) = out {
                    shared.release(out);
                }
            }
        }
        self.imports.insert(key, import);
        self.check_limit(shared, peer);
    }

    /// Whether what a neighbour announces fares by its validation state.
    pub fn import_validates(&mut self, shared: &Shared, peer: PeerId) -> bool {
        let key = self.import_key(shared, peer);
        self.imports.get(&key).is_some_and(Evaluator::validates)
    }

    /// Whether policy puts the distance of next hops into what a neighbour announces.
    fn import_measures(&mut self, shared: &Shared, peer: PeerId) -> bool {
        let key = self.import_key(shared, peer);
        self.imports.get(&key).is_some_and(Evaluator::measures)
    }

    /// Distances changed: what was worked out with the old ones counts no more.
    pub fn measure_anew(&mut self) {
        self.imports.values_mut().filter(|e| e.measures()).for_each(Evaluator::forget);
        self.groups.iter_mut().for_each(|g| g.forget_if(Evaluator::measures));
    }

    /// The round-trip time of a neighbour's session is another one: verdicts with the old one count no more.
    pub fn time_anew(&mut self, id: PeerId) {
        let imports = self.imports.iter_mut().filter(|((_, peer), _)| *peer == Some(id));
        imports.map(|(_, e)| e).filter(|e| e.times()).for_each(Evaluator::forget);
        let groups = self.groups.iter_mut().filter(|g| g.key().solo == Some(id));
        groups.for_each(|g| g.forget_if(Evaluator::times));
    }

    /// The filter of a neighbour, made if it is the first to ask.
    pub fn import_key(&mut self, shared: &Shared, peer: PeerId) -> ImportKey {
        let spec =
            shared.peer(peer).and_then(|p| p.family(A::FAMILY)).map(|f| f.import.clone()).unwrap_or_default();
        let general = (spec.clone(), None);
        if self.imports.contains_key(&general) {
            return general;
        }
        let own = (spec, Some(peer));
        if self.imports.contains_key(&own) {
            return own;
        }
        let filter = shared.policies.filter(A::FAMILY, &own.0);
        let key = if filter.peer_dependent() { own } else { general };
        self.imports.insert(key.clone(), Evaluator::new(filter, Purpose::Import));
        key
    }

    fn import_one(
        import: &mut Evaluator,
        shared: &mut Shared,
        attr_in: AttrId,
        nlri: &Nlri<A>,
        peer: PeerId,
        address: Option<IpAddr>,
    ) -> Option<AttrId> {
        let out = import.run(shared, attr_in, nlri.net(), Some(peer), address)?;
        let out = with_site(shared, out, peer, A::FAMILY);
        let set = shared.attrs.get(out);
        let external = set.local.origin == Provenance::External;
        let shutdown = external
            && (shared.settings.graceful_shutdown
                || shared.peer(peer).is_some_and(|p| p.config.graceful_shutdown));
        if shutdown || external && set.summary.has(flag::GRACEFUL_SHUTDOWN | flag::BLACKHOLE) {
            let marked = mark_external(shared, out, shutdown);
            shared.release(out);
            return Some(marked);
        }
        Some(out)
    }

    /// Stores, changes or refuses one path and decides anew.
    fn set_path(
        &mut self,
        shared: &mut Shared,
        arrival: &Arrival,
        nlri: &Nlri<A>,
        attr_in: AttrId,
        out: Option<AttrId>,
    ) {
        let Arrival { peer, soft, generation, round, damping } = *arrival;
        if out.is_none() && !soft {
            if let Some(info) = shared.peer_mut(peer) {
                info.counts[A::FAMILY.index()].refused += 1;
            }
            self.withdraw_one(shared, peer, nlri, None);
            return;
        }
        if (damping.is_some() || self.damping.is_some())
            && self.holds_back(shared, arrival, nlri, attr_in, out)
        {
            return;
        }
        let id = self.table.find_or_insert(nlri.addr, nlri.len);
        let flags = round | if out.is_some() { 0 } else { path_flag::FILTERED };
        let attr = out.unwrap_or(attr_in);
        if let Some(idx) = self.table.find_path(id, peer, nlri.path_id) {
            let old = self.table.path(idx);
            let unchanged =
                old.attr == attr && old.attr_in == attr_in && old.has(path_flag::FILTERED) == out.is_none();
            if unchanged {
                let flags = old.flags & !path_flag::ROUND | round;
                if old.generation == generation {
                    self.table.set_flags(idx, flags);
                } else {
                    // It was as good as gone until now.
                    self.table.set_path(idx, Path { flags, generation, since: shared.now, ..old });
                    self.decide(shared, id, None);
                }
                return;
            }
            self.uncount(shared, id, idx);
            shared.attrs.retain(attr);
            shared.attrs.retain(attr_in);
            let keep =
                old.flags & !(path_flag::FILTERED | path_flag::VALID | path_flag::ROUND | path_flag::COUNTED);
            let path = Path { attr, attr_in, since: shared.now, flags: keep | flags, generation, ..old };
            self.table.set_path(idx, path);
            count(shared, peer, A::FAMILY.index(), old.flags, -1);
            count(shared, peer, A::FAMILY.index(), flags, 1);
            shared.release(old.attr);
            shared.release(old.attr_in);
            self.decide(shared, id, Some(idx));
            return;
        }
        shared.attrs.retain(attr);
        shared.attrs.retain(attr_in);
        count(shared, peer, A::FAMILY.index(), flags, 1);
        let path = Path {
            next: PathIdx::NONE,
            attr,
            attr_in,
            path_id: nlri.path_id,
            since: shared.now,
            peer,
            flags,
            generation,
        };
        let idx = self.table.push_path(id, path);
        if !self.changes_nothing(shared, id, idx) {
            self.decide(shared, id, Some(idx));
        }
    }

    /// Whether the decision stands though this path is new: most that come beside a better one need no more than that.
    fn changes_nothing(&mut self, shared: &mut Shared, id: PrefixId, new: PathIdx) -> bool {
        let head = self.table.head(id);
        let (best, path) = (self.table.path(head), self.table.path(new));
        if head == new || !best.has(path_flag::BEST) {
            return false;
        }
        let Some(best) = candidate(shared, &best, head) else { return false };
        if let Some(new) = candidate(shared, &path, new) {
            if !stays(&best, &new, &shared.settings.best[A::FAMILY.index()]) {
                return false;
            }
            self.table.set_flags(new.path, path.flags | path_flag::VALID);
        }
        self.decided(shared, id, false, false);
        true
    }

    /// Takes out prefixes that a neighbour withdrew.
    pub fn withdraw(&mut self, shared: &mut Shared, peer: PeerId, nlri: &[Nlri<A>]) {
        let damping = shared.peer(peer).and_then(|p| p.config.damping(A::FAMILY));
        for n in nlri {
            self.withdraw_one(shared, peer, n, damping);
        }
    }

    fn withdraw_one(
        &mut self,
        shared: &mut Shared,
        peer: PeerId,
        nlri: &Nlri<A>,
        damping: Option<Parameters>,
    ) {
        let Some(id) = self.table.find(nlri.addr, nlri.len) else { return };
        let idx = self.table.find_path(id, peer, nlri.path_id);
        if damping.is_some() || self.damping.is_some() {
            let key = Key { id, peer, path_id: nlri.path_id };
            self.note_withdrawal(shared, key, idx, damping);
        }
        if let Some(idx) = idx {
            self.drop_path(shared, id, idx);
        }
    }

    /// Takes out one path and decides anew.
    pub fn drop_path(&mut self, shared: &mut Shared, id: PrefixId, idx: PathIdx) {
        self.uncount(shared, id, idx);
        let path = self.table.remove_path(id, idx);
        count(shared, path.peer, A::FAMILY.index(), path.flags, -1);
        if self.damping.is_some() {
            self.leaves_table(shared, id, &path);
        }
        if path.has(path_flag::BEST | path_flag::MULTIPATH | path_flag::VALID) {
            self.decide_with(shared, id, None, Some(&path));
        } else if self.conditions.is_some() {
            self.note_change(shared, id);
        }
        shared.release(path.attr);
        shared.release(path.attr_in);
        self.remove_if_unused(id);
    }

    /// Decides on a prefix. `touched` is a path that is new or has other attributes.
    pub fn decide(&mut self, shared: &mut Shared, id: PrefixId, touched: Option<PathIdx>) {
        self.decide_with(shared, id, touched, None);
    }

    /// As [`Self::decide`]; `gone` is a path that was taken out.
    fn decide_with(
        &mut self,
        shared: &mut Shared,
        id: PrefixId,
        touched: Option<PathIdx>,
        gone: Option<&Path>,
    ) {
        let lost = gone.map_or(0, |path| path.flags);
        let lost_best = gone.filter(|path| path.has(path_flag::BEST)).map(|path| path.peer);
        let cause = match (gone, touched) {
            (Some(_), _) => Cause::Withdrawn,
            (None, Some(_)) => Cause::Announced,
            (None, None) => Cause::Decided,
        };
        if let Some((idx, path)) = self.table.only_path(id) {
            let valid = candidate(shared, &path, idx).is_some();
            let state = if valid { path_flag::VALID | path_flag::BEST } else { 0 };
            self.table.set_flags(idx, path.flags & KEPT | state);
            let touched = valid && touched == Some(idx);
            let best_changed = lost & path_flag::BEST != 0 || valid != path.has(path_flag::BEST) || touched;
            let company_changed = (lost | path.flags) & path_flag::MULTIPATH != 0;
            if best_changed {
                let from = lost_best.or(path.has(path_flag::BEST).then_some(path.peer));
                self.note_best(shared, id, from, valid.then_some((path.peer, Reason::Only)), cause);
            }
            return self.decided(shared, id, best_changed, company_changed);
        }
        let mut order: SmallVec<[PathIdx; 8]> = SmallVec::new();
        let mut old_best = PathIdx::NONE;
        let mut old_multipath: SmallVec<[PathIdx; 8]> = SmallVec::new();
        for (idx, path) in self.table.paths(id) {
            order.push(idx);
            if path.has(path_flag::BEST) {
                old_best = idx;
            }
            if path.has(path_flag::MULTIPATH) {
                old_multipath.push(idx);
            }
        }
        let candidates: SmallVec<[Candidate<'_>; 8]> =
            order.iter().filter_map(|idx| candidate(shared, &self.table.path(*idx), *idx)).collect();
        let decision = decide(&candidates, &shared.settings.best[A::FAMILY.index()]);
        let reason = decision.as_ref().map_or(Reason::Only, |d| d.reason);
        let (best, multipath) = match &decision {
            None => (PathIdx::NONE, SmallVec::<[PathIdx; 8]>::new()),
            Some(Decision { best, multipath, .. }) => {
                (candidates[*best].path, multipath.iter().map(|i| candidates[*i].path).collect())
            }
        };
        let valid: SmallVec<[PathIdx; 8]> = candidates.iter().map(|c| c.path).collect();
        drop(candidates);
        for idx in &order {
            let mut flags = self.table.path(*idx).flags & KEPT;
            if valid.contains(idx) {
                flags |= path_flag::VALID;
            }
            if *idx == best {
                flags |= path_flag::BEST;
            }
            if multipath.contains(idx) {
                flags |= path_flag::MULTIPATH;
            }
            self.table.set_flags(*idx, flags);
        }
        if order.len() > 1 {
            self.arrange(id, &order, best, &multipath);
        }
        let best_changed =
            lost & path_flag::BEST != 0 || best != old_best || (!best.is_none() && touched == Some(best));
        let sorted = |mut v: SmallVec<[PathIdx; 8]>| {
            v.sort_unstable();
            v
        };
        let company_changed = touched.is_some_and(|t| multipath.contains(&t))
            || sorted(multipath) != sorted(old_multipath)
            || lost & path_flag::MULTIPATH != 0;
        if best_changed {
            let peer = |idx: PathIdx| (!idx.is_none()).then(|| self.table.path(idx).peer);
            let (from, to) = (lost_best.or(peer(old_best)), peer(best).map(|peer| (peer, reason)));
            self.note_best(shared, id, from, to, cause);
        }
        self.decided(shared, id, best_changed, company_changed);
    }

    /// Notes that a prefix has another best path, or none, or its best path other attributes.
    fn note_best(
        &mut self,
        shared: &Shared,
        id: PrefixId,
        from: Option<PeerId>,
        to: Option<(PeerId, Reason)>,
        cause: Cause,
    ) {
        // Whoever is telling its table, or has gone with it, does so for many prefixes at once; so do next hops and
        // settings.
        let bursts = |peer: PeerId| {
            let telling = |p: &Peer| {
                let f = A::FAMILY.index();
                p.session.is_none() || !p.end_of_rib[f] || p.refresh[f].begun
            };
            peer != PeerId::LOCAL && shared.peer(peer).is_none_or(telling)
        };
        let bulk =
            cause == Cause::Decided || from.is_some_and(bursts) || to.is_some_and(|(peer, _)| bursts(peer));
        let (to, reason) = (to.map(|(peer, _)| peer), to.map_or(Reason::Only, |(_, reason)| reason));
        let (addr, len) = self.table.key(id);
        self.changes.push(bulk, Change { at: shared.clock, addr, len, from, to, reason, cause });
    }

    /// Tells those concerned what a decision changed.
    fn decided(&mut self, shared: &mut Shared, id: PrefixId, best: bool, company: bool) {
        if best {
            self.version = self.version.wrapping_add(1);
            self.table.set_version(id, self.version);
        }
        if self.conditions.is_some() {
            self.note_change(shared, id);
        }
        let suppression_turned = self.aggregates.is_some() && self.count_paths(shared, id);
        // What is told may count the multipath members, whose best need not have changed for that.
        let weighed = company && !best && self.best_has_bandwidth(shared, id);
        let concerns = |g: &&mut Group<A>| {
            best || suppression_turned || g.several() || company && g.counts_company(weighed)
        };
        for group in self.groups.iter_mut().filter(concerns) {
            group.mark(id);
        }
        if best || company {
            self.sync_fib(shared, id);
        }
    }

    fn best_has_bandwidth(&self, shared: &Shared, id: PrefixId) -> bool {
        self.table.best(id).is_some_and(|p| shared.attrs.get(p.attr).summary.has(flag::LINK_BANDWIDTH))
    }

    /// Whether policy of any neighbour puts the distance of next hops into what it announces.
    pub fn imports_measure(&self) -> bool {
        self.imports.values().any(Evaluator::measures)
    }

    /// The way to a next hop changed: policy that measures it (`measured`, if there is any) is asked anew, and those hear
    /// of it who are told how far it is (RFC 7311).
    pub fn tell_distance(&mut self, shared: &mut Shared, id: PrefixId, measured: bool) {
        if measured {
            let mut peers: SmallVec<[PeerId; 8]> = self.table.paths(id).map(|(_, p)| p.peer).collect();
            peers.sort_unstable();
            peers.dedup();
            for peer in peers.into_iter().filter(|p| *p != PeerId::LOCAL) {
                if self.import_measures(shared, peer) {
                    reimport(self, shared, id, peer);
                }
            }
            if self.table.live(id.index()).is_none() {
                return;
            }
        }
        let has = |p: &Path| shared.attrs.get(p.attr).summary.has(flag::AIGP);
        let aigp = self.table.paths(id).any(|(_, p)| has(&p));
        let concerned = |g: &&mut Group<A>| g.measures() || aigp && g.key().form.aigp;
        self.groups.iter_mut().filter(concerned).for_each(|g| g.mark(id));
    }

    /// Best first, then the multipath members, then the others as they came.
    fn arrange(&mut self, id: PrefixId, old: &[PathIdx], best: PathIdx, multipath: &[PathIdx]) {
        let mut order: SmallVec<[PathIdx; 8]> = SmallVec::new();
        if !best.is_none() {
            order.push(best);
        }
        order.extend(multipath.iter().copied().filter(|i| *i != best));
        let rest: SmallVec<[PathIdx; 8]> = old.iter().copied().filter(|i| !order.contains(i)).collect();
        order.extend(rest);
        if *order != *old {
            self.table.reorder(id, &order);
        }
    }

    /// Next hops of the best path and its multipath companions, with the distance of the route.
    pub fn forwarding(&self, shared: &Shared, id: PrefixId) -> Option<(Members, u8)> {
        let best = self.table.best(id)?;
        let set = shared.attrs.get(best.attr);
        let [external, internal, local] = shared.settings.distance[A::FAMILY.index()];
        let distance = match (set.local.distance, set.local.origin) {
            (0, Provenance::External) => external,
            (0, Provenance::Confederation | Provenance::Internal | Provenance::Client) => internal,
            (0, Provenance::Local) => local,
            (chosen, _) => chosen,
        };
        let chosen = self.table.paths(id).filter(|(_, p)| p.has(path_flag::BEST | path_flag::MULTIPATH));
        Some((members(shared, A::FAMILY, chosen.map(|(_, p)| p.attr)), distance))
    }

    /// Forgets a prefix that nobody has a use for any more.
    pub fn remove_if_unused(&mut self, id: PrefixId) {
        let idle = self.table.head(id).is_none() && self.groups.iter().all(|g| g.indifferent(id));
        let remembered = self.damping.as_ref().is_some_and(|d| d.knows(id));
        if idle && !remembered && self.fib.get(id.index()).is_none_or(|h| h.is_none()) {
            self.table.remove_prefix(id);
        }
    }

    /// Gives back the memory of routes that are all gone.
    pub fn give_back(&mut self) {
        if self.table.bound() == 0 {
            self.fib = Vec::new();
            self.groups.iter_mut().for_each(Group::give_back);
            self.imports.values_mut().for_each(Evaluator::forget);
        }
    }

    /// Tells once when a neighbour sent more than it may, or almost as much.
    fn check_limit(&mut self, shared: &mut Shared, peer: PeerId) {
        let f = A::FAMILY.index();
        let Some(info) = shared.peer_mut(peer) else { return };
        let Some(limit) = info.family(A::FAMILY).and_then(|c| c.maximum_prefix) else { return };
        let count = info.counts[f].accepted;
        let crossed = match count {
            n if n > limit.most => Crossed::Limit,
            n if n > limit.warn => Crossed::Threshold,
            _ => Crossed::Nothing,
        };
        let before = std::mem::replace(&mut info.crossed[f], crossed);
        match crossed {
            _ if crossed <= before => {}
            Crossed::Limit => shared.event(Event::MaxPrefix { peer, family: A::FAMILY, limit: limit.most }),
            _ => {
                let limit = limit.most;
                shared.event(Event::PrefixThreshold { peer, family: A::FAMILY, count, limit });
            }
        }
    }
}

pub(crate) fn count(shared: &mut Shared, peer: PeerId, family: usize, flags: u8, by: i32) {
    if let Some(info) = shared.peer_mut(peer) {
        let counts = &mut info.counts[family];
        let which =
            if flags & path_flag::FILTERED != 0 { &mut counts.filtered } else { &mut counts.accepted };
        *which = which.saturating_add_signed(by);
    }
}

/// The path as the decision process sees it; `None` if it must not be chosen.
pub(crate) fn candidate<'a>(shared: &'a Shared, path: &Path, idx: PathIdx) -> Option<Candidate<'a>> {
    if path.has(path_flag::FILTERED) {
        return None;
    }
    let set = shared.attrs.get(path.attr);
    let resolution = shared.next_hops.resolution(set.local.next_hop);
    let peer = shared.peer(path.peer);
    let local = path.peer == PeerId::LOCAL;
    if !local {
        let peer = peer?;
        let usable = resolution.usable() && (!peer.config.require_connected || resolution.connected());
        if !usable || path.generation != peer.generation {
            return None;
        }
    }
    Some(Candidate {
        path: idx,
        summary: set.summary,
        view: set.view(),
        weight: set.local.weight,
        local,
        external: set.local.origin == Provenance::External,
        internal: matches!(set.local.origin, Provenance::Internal | Provenance::Client),
        igp_metric: resolution.metric(),
        since: path.since,
        router_id: peer.and_then(|p| p.session.as_ref()).map_or(0, |s| u32::from(s.router_id)),
        neighbor: peer.map(|p| p.config.addr),
        path_id: path.path_id,
    })
}

/// Puts the site of the neighbour on a route, if it has one. Trades the reference.
fn with_site(shared: &mut Shared, id: AttrId, peer: PeerId, family: Family) -> AttrId {
    let Some(site) = shared.peer(peer).and_then(|p| p.family(family)).and_then(|f| f.site) else { return id };
    let set = shared.attrs.get(id);
    let local = set.local;
    let view = set.view();
    let communities = view.ext_communities().chain([site]).collect();
    let block = AttrBuilder::from_view(view).ext_communities(communities).build();
    let out = shared.intern(&block, hash_block(shared.seed, &block), local);
    shared.release(id);
    out
}

/// What well-known communities of an external neighbour mean here: GRACEFUL_SHUTDOWN makes the path the last resort
/// (RFC 8326), BLACKHOLE keeps it inside our AS (RFC 7999 section 3.2). While it is us who shut down, all external
/// paths are the last resort.
fn mark_external(shared: &mut Shared, id: AttrId, shutdown: bool) -> AttrId {
    let set = shared.attrs.get(id);
    let local = set.local;
    let mut builder = AttrBuilder::from_view(set.view());
    if shutdown || set.summary.has(flag::GRACEFUL_SHUTDOWN) {
        last_resort(&mut builder);
    }
    if set.summary.has(flag::BLACKHOLE) {
        add_community(&mut builder, community::NO_EXPORT);
    }
    let block = builder.build();
    shared.intern(&block, hash_block(shared.seed, &block), local)
}
