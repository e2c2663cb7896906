//! Update groups: what neighbours with equal export rules get, worked out and encoded once for all of them.
//!
//! A group remembers for each prefix which attribute set its members were last told (`out`), so that it never says
//! a thing twice and withdraws just what it announced. Changed prefixes are bits and a queue, not a log: a
//! prefix that changes ten times before the next flush is told once. A flush orders the queue by attribute set
//! and packs each set's prefixes into as few messages as they fit.
//!
//! Members that lag behind the others for long move to a group of their own that starts from the same state; groups
//! with equal rules and nothing left to say are one again.

pub(crate) mod choice;
mod plan;
mod told;
mod wait;
mod why;
mod words;

use bgp::attrs::hash_block;
use bgp::types::{Addr, Family, NextHop, Nlri};
use bgp::wire::RefreshKind;
use bgp::wire::encode::{UpdateForm, put_announce, put_end_of_rib, put_route_refresh, put_withdraw};
use bytes::{Bytes, BytesMut};

use self::plan::{Plan, Planned};
use self::told::{NOBODY, Route, Told};
pub use self::wait::WRITER_LIMIT;
use self::wait::Wait;
pub use self::why::Hindrance;
pub use self::words::Kept;
use crate::event::Output;
use crate::id::{AttrId, PeerId, PrefixId};
use crate::intern::WeakAttr;
use crate::memo::Evaluator;
use crate::peer::Peer;
use crate::policy::compile::FilterSpec;
use crate::query::OnCondition;
use crate::rules::GroupKey;
use crate::shared::Shared;
use crate::table::{TOGETHER, Table, near};

/// Octets handed over at a time.
const CHUNK: usize = 64 << 10;

/// What tells a member that it has heard everything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Closing {
    /// After the session came up (RFC 4724 section 2).
    EndOfRib,
    /// After it asked again (RFC 7313 section 4).
    EndOfRefresh,
}

/// The wire form of a set as it was last hashed, to see that two sets look alike from outside.
#[derive(Clone, Copy, Debug)]
struct Looks {
    attr: WeakAttr,
    hash: u64,
}

/// A group of one family.
#[derive(Debug)]
pub struct Group<A: Addr> {
    key: GroupKey,
    members: Vec<PeerId>,
    /// Members that get a mark when all prefixes are told.
    closings: Vec<(PeerId, Closing)>,
    export: Evaluator,
    /// In the place of `export` for what an aggregate suppresses; without it nothing of that is told.
    unsuppress: Option<Evaluator>,
    /// Which routes are told on a condition.
    advertise: Option<Evaluator>,
    /// The condition does not hold, or is not known yet.
    withheld: bool,
    /// The default route that a route of the table lets us tell; holds a reference. And which state of that it is of.
    default: AttrId,
    pub(crate) default_version: Option<u32>,
    told: Told,
    /// Prefixes that are in the queue; without ADD-PATH also those of the plan that are yet to be told.
    pending: Vec<u64>,
    queue: Vec<PrefixId>,
    plan: Plan,
    /// A prefix of the plan changed after it was made.
    plan_stale: bool,
    /// Something was sent: a newcomer can no longer simply join.
    started: bool,
    looks: Vec<Looks>,
    scratch: Vec<u8>,
    run: Vec<Planned>,
    nlri: Vec<Nlri<A>>,
    /// Messages encoded and not yet handed over, and the member that must not get them.
    buffer: BytesMut,
    buffer_source: PeerId,
    buffered: u32,
    /// A member asked for everything again: tell also what it was told before.
    again: bool,
    /// What is told depends on the multipath members of a prefix.
    counts_company: bool,
    /// Routes were left out for the limit.
    left_out: bool,
    /// The plan is an answer to that: what is put back from it has to be told, too.
    plan_again: bool,
    wait: Wait,
}

impl<A: Addr> Group<A> {
    /// A group without members whose every prefix is yet to be told.
    pub(crate) fn new(key: GroupKey, shared: &Shared, table: &Table<A>) -> Group<A> {
        let mut group = Group::blank(key, shared);
        group.mark_all(table);
        group
    }

    /// A group without members that has nothing to tell.
    fn blank(key: GroupKey, shared: &Shared) -> Group<A> {
        let several = key.add_paths.is_some();
        let mut group = Group {
            export: evaluator(A::FAMILY, &key, &key.filter, shared),
            unsuppress: key.unsuppress().map(|spec| evaluator(A::FAMILY, &key, &spec, shared)),
            advertise: key
                .conditional
                .as_ref()
                .map(|c| evaluator(A::FAMILY, &key, &GroupKey::advertise(c), shared)),
            withheld: true,
            default: AttrId::NONE,
            default_version: None,
            told: Told::new(several),
            counts_company: false,
            key,
            members: Vec::new(),
            closings: Vec::new(),
            pending: Vec::new(),
            queue: Vec::new(),
            plan: Plan::new(several),
            plan_stale: false,
            started: false,
            looks: Vec::new(),
            scratch: Vec::new(),
            run: Vec::new(),
            nlri: Vec::new(),
            buffer: BytesMut::new(),
            buffer_source: NOBODY,
            buffered: 0,
            again: false,
            left_out: false,
            plan_again: false,
            wait: Wait::default(),
        };
        group.filters_changed();
        group
    }

    /// The rules.
    pub fn key(&self) -> &GroupKey {
        &self.key
    }

    /// The members.
    pub fn members(&self) -> &[PeerId] {
        &self.members
    }

    /// Whether a newcomer can join and miss nothing.
    pub fn fresh(&self) -> bool {
        !self.started
    }

    /// Adds a member; its End-of-RIB follows when all prefixes are told.
    pub fn join(&mut self, peer: PeerId) {
        self.members.push(peer);
        self.closings.push((peer, Closing::EndOfRib));
    }

    /// Removes a member. Returns whether it was one.
    pub fn leave(&mut self, peer: PeerId) -> bool {
        let before = self.members.len();
        self.members.retain(|m| *m != peer);
        self.closings.retain(|(m, _)| *m != peer);
        self.members.len() < before
    }

    /// Notes that a prefix may have to be told anew.
    pub fn mark(&mut self, id: PrefixId) {
        let (word, bit) = (id.index() / 64, 1u64 << (id.index() % 64));
        if self.pending.len() <= word {
            self.pending.resize(word + 1, 0);
        }
        if self.pending[word] & bit == 0 {
            self.pending[word] |= bit;
            self.queue.push(id);
            self.plan_stale |= self.several() && !self.plan.is_done();
        } else {
            self.plan_stale = true;
        }
    }

    /// Whether members take several paths of a prefix (RFC 7911).
    pub fn several(&self) -> bool {
        self.key.add_paths.is_some()
    }

    /// Whether a change of a prefix's multipath members alone may change what is told; `weighed` says that they have
    /// bandwidths.
    pub(crate) fn counts_company(&self, weighed: bool) -> bool {
        weighed || self.counts_company
    }

    /// The route-maps and lists that say what members are told.
    fn filters(&self) -> impl Iterator<Item = &Evaluator> {
        [Some(&self.export), self.unsuppress.as_ref(), self.advertise.as_ref()].into_iter().flatten()
    }

    /// Notes what the filters ask for.
    fn filters_changed(&mut self) {
        let counts = self.filters().any(Evaluator::counts_company);
        self.counts_company = counts;
    }

    fn clear(&mut self, id: PrefixId) {
        if let Some(word) = self.pending.get_mut(id.index() / 64) {
            *word &= !(1u64 << (id.index() % 64));
        }
    }

    fn is_pending(&self, id: PrefixId) -> bool {
        self.pending.get(id.index() / 64).is_some_and(|w| w & (1u64 << (id.index() % 64)) != 0)
    }

    /// Brings what is kept of some prefixes near the processor.
    pub(crate) fn warm(&self, ids: &[PrefixId]) {
        self.told.warm(ids);
    }

    /// Notes all prefixes.
    pub fn mark_all(&mut self, table: &Table<A>) {
        for (id, _) in table.iter() {
            self.mark(id);
        }
    }

    /// Whether the group neither told a prefix nor is about to.
    pub fn indifferent(&self, id: PrefixId) -> bool {
        self.told.of(id).is_empty() && !self.is_pending(id)
    }

    /// What a member was told of a prefix.
    pub(crate) fn told(&self, id: PrefixId, peer: PeerId) -> impl Iterator<Item = Route> {
        self.told.of(id).into_iter().filter(move |r| r.source != peer)
    }

    /// Routes told to members.
    pub fn told_to_all(&self) -> usize {
        self.told.count()
    }

    /// The same without those that come from the only member.
    pub fn told_together(&self) -> usize {
        if self.members.len() == 1 { self.told.by_others() } else { self.told.count() }
    }

    /// Routes told to a member.
    pub fn told_count(&self, peer: PeerId) -> usize {
        self.told.iter().filter(|(_, r)| r.source != peer).count()
    }

    /// Nothing left to tell.
    pub fn idle(&self) -> bool {
        self.queue.is_empty() && self.plan.is_done() && self.closings.is_empty()
    }

    /// Tells members everything again (route refresh, RFC 2918), between marks if that was agreed on (RFC 7313).
    pub(crate) fn tell_again(&mut self, shared: &mut Shared, table: &Table<A>) {
        self.emit(shared);
        self.again = true;
        self.mark_all(table);
        for &peer in &self.members {
            let marks = |p: &Peer| p.session.as_ref().is_some_and(|s| s.enhanced_refresh);
            let closing = (peer, Closing::EndOfRefresh);
            if shared.peer(peer).is_some_and(marks) && !self.closings.contains(&closing) {
                self.closings.push(closing);
                send_mark(shared, peer, 0, |out| put_route_refresh(A::FAMILY, RefreshKind::Begin, out));
            }
        }
    }

    /// Whether what members are told depends on origin validation.
    pub(crate) fn validates(&self, shared: &Shared) -> bool {
        let map = self.key.default_originate.iter().flatten();
        let mut maps = map.filter_map(|name| shared.policies.route_map(name));
        self.filters().any(Evaluator::validates) || maps.any(|m| m.validates())
    }

    /// Whether what members are told depends on the distance of next hops by policy.
    pub(crate) fn measures(&self) -> bool {
        self.filters().any(Evaluator::measures)
    }

    /// What filters of a kind worked out counts no more: what it was worked out with is another now.
    pub(crate) fn forget_if(&mut self, kind: impl Fn(&Evaluator) -> bool) {
        let all = [Some(&mut self.export), self.unsuppress.as_mut(), self.advertise.as_mut()];
        all.into_iter().flatten().filter(|e| kind(e)).for_each(Evaluator::forget);
    }

    /// Starts over with the export filters as they are now compiled.
    pub(crate) fn reload(&mut self, shared: &Shared, table: &Table<A>) {
        self.export = evaluator(A::FAMILY, &self.key, &self.key.filter, shared);
        self.unsuppress = self.key.unsuppress().map(|spec| evaluator(A::FAMILY, &self.key, &spec, shared));
        let conditional = self.key.conditional.as_ref();
        self.advertise =
            conditional.map(|c| evaluator(A::FAMILY, &self.key, &GroupKey::advertise(c), shared));
        self.filters_changed();
        self.default_version = None;
        self.looks.clear();
        self.mark_all(table);
    }

    /// Tells routes that depend on a condition no more, or tells them.
    pub(crate) fn withhold(&mut self, withheld: bool, table: &Table<A>) {
        if std::mem::replace(&mut self.withheld, withheld) != withheld {
            self.mark_all(table);
        }
    }

    /// What of it is told now.
    pub(crate) fn on_condition(&self) -> OnCondition {
        OnCondition {
            advertised: self.key.conditional.is_some() && !self.withheld,
            default_told: match &self.key.default_originate {
                None => false,
                Some(None) => true,
                Some(Some(_)) => !self.default.is_none(),
            },
        }
    }

    /// Takes a default route in place of the one that was told on a condition, and its reference. Returns whether it
    /// is another one.
    pub(crate) fn set_default(&mut self, shared: &mut Shared, attr: AttrId, version: u32) -> bool {
        self.default_version = Some(version);
        let old = std::mem::replace(&mut self.default, attr);
        shared.release(old);
        old != attr
    }

    /// Goes over to other rules. Members keep what the new rules tell alike, and hear of the rest.
    pub(crate) fn rekey(&mut self, key: GroupKey, shared: &mut Shared, table: &Table<A>) {
        debug_assert_eq!(key.add_paths.is_some(), self.several(), "sessions agree on ADD-PATH once");
        for planned in self.take_plan().rest() {
            shared.release(planned.route.attr);
        }
        shared.release(std::mem::replace(&mut self.default, AttrId::NONE));
        self.pending.clear();
        self.queue.clear();
        // With other filters alone, equal sets are still told in equal words.
        self.again |= self.plan_again || key.form_differs(&self.key);
        self.plan_again = false;
        self.key = key;
        self.reload(shared, table);
    }

    /// Gives back what the group holds; it must not be used any more.
    pub(crate) fn dissolve(&mut self, shared: &mut Shared) -> Vec<PrefixId> {
        let mut told = Vec::new();
        shared.release(std::mem::replace(&mut self.default, AttrId::NONE));
        let nothing = Told::new(self.several());
        for (prefix, route) in std::mem::replace(&mut self.told, nothing).iter() {
            shared.release(route.attr);
            told.push(prefix);
        }
        for planned in self.take_plan().rest() {
            shared.release(planned.route.attr);
            told.push(planned.prefix);
        }
        told.append(&mut self.queue);
        told
    }

    fn take_plan(&mut self) -> Plan {
        std::mem::replace(&mut self.plan, Plan::new(self.key.add_paths.is_some()))
    }

    /// Turns the queue into a plan: what really differs from what members know, ordered by attribute set.
    fn make_plan(&mut self, shared: &mut Shared, table: &Table<A>) -> Vec<PrefixId> {
        let mut unused = Vec::new();
        self.plan_stale = false;
        let queue = std::mem::take(&mut self.queue);
        for (at, &id) in queue.iter().enumerate() {
            if at % TOGETHER == 0 {
                let next = &queue[at..queue.len().min(at + TOGETHER)];
                if !near(next) {
                    self.told.warm(next);
                    table.warm_ids(next, &shared.attrs);
                }
            }
            if self.several() {
                self.clear(id);
                if !self.plan_several(shared, table, id) {
                    unused.push(id);
                }
                continue;
            }
            let told = self.told.get(id, 0);
            let mut route = self.want(shared, table, id);
            if table.waits(id) && !route.attr.is_none() {
                // Until the kernel has it, members keep what they know; what they must not know goes at once.
                shared.release(route.attr);
                if !told.attr.is_none() {
                    shared.attrs.retain(told.attr);
                }
                route = told;
            }
            if route.attr.is_none() {
                // Who was never told needs no withdrawal.
                route.source = told.source;
            }
            if !self.plan_route(shared, id, told, route) {
                self.clear(id);
                if route.attr.is_none() {
                    unused.push(id);
                }
            }
        }
        if queue.capacity() <= 4096 {
            self.queue = queue;
            self.queue.clear();
        }
        self.plan_again = std::mem::take(&mut self.again);
        self.plan.sort();
        if let Some(limit) = self.key.limit {
            self.keep_limit(shared, limit as usize);
        }
        unused
    }

    /// Leaves out of the plan what would be more than the member is to get (`maximum-prefix-out`). The plan's
    /// withdrawals make room only when they have been told.
    fn keep_limit(&mut self, shared: &mut Shared, limit: usize) {
        let mut told = self.told.by_others();
        for planned in self.take_plan().rest() {
            let Planned { prefix, route } = planned;
            let new = !route.attr.is_none() && self.told.get(prefix, route.id).attr.is_none();
            let counts = new && route.source == NOBODY;
            if counts && told >= limit {
                self.left_out = true;
                shared.release(route.attr);
                if !self.several() {
                    self.clear(prefix);
                }
                continue;
            }
            told += usize::from(counts);
            self.plan.push(planned);
        }
    }

    /// Whether there is room again for routes that were left out for the limit; then all are looked at once more.
    fn has_room_again(&mut self, table: &Table<A>) -> bool {
        let room = self.left_out && self.key.limit.is_none_or(|limit| self.told.by_others() < limit as usize);
        if room {
            self.left_out = false;
            self.mark_all(table);
        }
        room
    }

    /// Plans what differs from what members were told of a prefix. Says whether they are told any.
    fn plan_several(&mut self, shared: &mut Shared, table: &Table<A>, id: PrefixId) -> bool {
        let told = self.told.of(id);
        let wanted = self.want_several(shared, table, id);
        for route in &told {
            if wanted.iter().all(|w| w.id != route.id) {
                self.plan.push(Planned { prefix: id, route: Route { attr: AttrId::NONE, ..*route } });
            }
        }
        for route in &wanted {
            let known = self.told.get(id, route.id);
            if !table.waits(id) {
                self.plan_route(shared, id, known, *route);
                continue;
            }
            shared.release(route.attr);
            if !known.attr.is_none() {
                shared.attrs.retain(known.attr);
                self.plan_route(shared, id, known, known);
            }
        }
        !(told.is_empty() && wanted.is_empty())
    }

    /// Plans a route if it differs from the one that members were told; else gives back its reference.
    fn plan_route(&mut self, shared: &mut Shared, id: PrefixId, told: Route, route: Route) -> bool {
        let same_source = told.source == route.source;
        if told.attr == route.attr && same_source && (route.attr.is_none() || !self.again) {
            shared.release(route.attr);
            return false;
        }
        if !self.again
            && same_source
            && !told.attr.is_none()
            && !route.attr.is_none()
            && self.look_alike(shared, told.attr, route.attr)
        {
            let old = self.told.set(id, route);
            shared.release(old.attr);
            return false;
        }
        self.plan.push(Planned { prefix: id, route });
        true
    }

    /// Whether two sets give the same bytes to members.
    fn look_alike(&mut self, shared: &Shared, a: AttrId, b: AttrId) -> bool {
        self.looks(shared, a) == self.looks(shared, b)
    }

    fn looks(&mut self, shared: &Shared, id: AttrId) -> u64 {
        let weak = shared.attrs.downgrade(id);
        if let Some(known) = self.looks.get(id.index()).filter(|l| l.attr == weak) {
            return known.hash;
        }
        let mut bytes = std::mem::take(&mut self.scratch);
        bytes.clear();
        // Whoever hears it: with other next hops, sets are not called alike.
        let next_hop = self.write(shared, &shared.attrs.get(id), std::iter::empty(), &mut bytes);
        let hash = hash_block(shared.seed, &bytes) ^ next_hop.map_or(0, |nh| hash_next_hop(shared.seed, &nh));
        self.scratch = bytes;
        if self.looks.len() <= id.index() {
            self.looks.resize(shared.attrs.bound(), Looks { attr: WeakAttr::NONE, hash: 0 });
        }
        self.looks[id.index()] = Looks { attr: weak, hash };
        hash
    }

    /// Gives back the memory of routes that are all gone: the table is empty.
    pub(crate) fn give_back(&mut self) {
        if self.told.count() == 0 && self.idle() {
            self.told = Told::new(self.several());
            self.pending = Vec::new();
            self.queue = Vec::new();
            self.looks = Vec::new();
            self.export.forget();
        }
    }

    /// Tells members as much as their writers take. Returns prefixes that nobody has a use for any more.
    pub(crate) fn flush(&mut self, shared: &mut Shared, table: &Table<A>) -> Vec<PrefixId> {
        let mut unused = Vec::new();
        loop {
            if self.plan.is_done() {
                if self.queue.is_empty() && !self.has_room_again(table) {
                    break;
                }
                unused.append(&mut self.make_plan(shared, table));
                continue;
            }
            if !self.room(shared) {
                self.emit(shared);
                return unused;
            }
            unused.append(&mut self.send_run(shared, table));
        }
        self.emit(shared);
        self.buffer = BytesMut::new();
        for (peer, closing) in std::mem::take(&mut self.closings) {
            self.started = true;
            match closing {
                Closing::EndOfRib => send_mark(shared, peer, 1, |out| put_end_of_rib(A::FAMILY, out)),
                Closing::EndOfRefresh => {
                    send_mark(shared, peer, 0, |out| put_route_refresh(A::FAMILY, RefreshKind::End, out));
                }
            }
        }
        unused
    }

    /// A group for some members that starts from the same state.
    pub(crate) fn split(&mut self, shared: &mut Shared, leavers: &[PeerId]) -> Group<A> {
        for (_, route) in self.told.iter() {
            shared.attrs.retain(route.attr);
        }
        for planned in self.plan.rest().filter(|p| !p.route.attr.is_none()) {
            shared.attrs.retain(planned.route.attr);
        }
        if !self.default.is_none() {
            shared.attrs.retain(self.default);
        }
        let (members, stay): (Vec<PeerId>, Vec<PeerId>) =
            self.members.iter().partition(|m| leavers.contains(m));
        let (closings, closings_stay) = self.closings.iter().partition(|(m, _)| leavers.contains(m));
        self.members = stay;
        self.closings = closings_stay;
        Group {
            members,
            closings,
            told: self.told.clone(),
            pending: self.pending.clone(),
            queue: self.queue.clone(),
            plan: self.plan.clone(),
            plan_stale: true,
            started: self.started,
            again: self.again,
            left_out: self.left_out,
            plan_again: self.plan_again,
            withheld: self.withheld,
            default: self.default,
            default_version: self.default_version,
            ..Group::blank(self.key.clone(), shared)
        }
    }

    /// Takes over the members of a group with the same rules; both are idle, so both told the same, each leaving out
    /// its own members.
    pub(crate) fn absorb(&mut self, shared: &mut Shared, mut other: Group<A>) {
        debug_assert!(self.idle() && other.idle() && self.key == other.key);
        for (prefix, route) in other.told.iter().filter(|(_, r)| r.source != NOBODY) {
            // The same set, held already.
            self.told.set(prefix, Route { attr: self.told.get(prefix, route.id).attr, ..route });
        }
        self.members.append(&mut other.members);
        other.dissolve(shared);
    }

    /// Sends the next run of the plan: all routes of one attribute set and source.
    fn send_run(&mut self, shared: &mut Shared, table: &Table<A>) -> Vec<PrefixId> {
        let mut run = std::mem::take(&mut self.run);
        self.plan.take_run(&mut run);
        let Route { attr, source, .. } = run.first().map_or(Route::NONE, |p| p.route);
        self.started = true;
        let mut unused = Vec::new();
        let mut relearn: Vec<Nlri<A>> = Vec::new();
        self.nlri.clear();
        for &Planned { prefix: id, route } in &run {
            if self.plan_stale && !self.still_wanted(shared, table, id, route) {
                // It changed after the plan was made: the next plan has it.
                self.again |= self.plan_again;
                shared.release(attr);
                if self.several() {
                    self.mark(id);
                } else {
                    self.queue.push(id);
                }
                continue;
            }
            if !self.several() {
                self.clear(id);
            }
            let (addr, len) = table.key(id);
            let nlri = Nlri { addr, path_id: route.id, len };
            self.nlri.push(nlri);
            let old = self.told.set(id, route);
            if source != NOBODY && old.source != source && !old.attr.is_none() {
                relearn.push(nlri);
            }
            shared.release(old.attr);
            if attr.is_none() {
                unused.push(id);
            }
        }
        self.run = run;
        self.encode_run(shared, attr, source);
        if !relearn.is_empty() {
            self.withdraw_from(shared, source, &relearn);
        }
        unused
    }

    /// Whether a planned route is what members should be told still.
    fn still_wanted(&mut self, shared: &mut Shared, table: &Table<A>, id: PrefixId, planned: Route) -> bool {
        if table.waits(id) && !planned.attr.is_none() {
            return self.told.get(id, planned.id).attr == planned.attr;
        }
        let wanted = if self.several() {
            let all = self.want_several(shared, table, id);
            all.iter().for_each(|r| shared.release(r.attr));
            all.into_iter().find(|r| r.id == planned.id).unwrap_or(Route::NONE)
        } else {
            let route = self.want(shared, table, id);
            shared.release(route.attr);
            route
        };
        wanted.attr == planned.attr && (wanted.source == planned.source || planned.attr.is_none())
    }

    /// Encodes `self.nlri` with one attribute set for all members but the source.
    fn encode_run(&mut self, shared: &mut Shared, attr: AttrId, source: PeerId) {
        if self.nlri.is_empty() {
            return;
        }
        if self.buffer_source != source {
            self.emit(shared);
            self.buffer_source = source;
        }
        let form = self.update_form();
        let nlri = std::mem::take(&mut self.nlri);
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        let announced = if attr.is_none() {
            None
        } else {
            self.write(shared, &shared.attrs.get(attr), self.others(source), &mut scratch).and_then(
                |next_hop| {
                    let mp = mp_next_hop::<A>(next_hop);
                    put_announce(form, &scratch, mp, nlri.iter().copied(), &mut buffer).ok()
                },
            )
        };
        // What cannot be told is withdrawn, so that members do not believe in an older route.
        let messages = announced
            .unwrap_or_else(|| put_withdraw(form, self.withdraws_by_mp(), nlri.iter().copied(), &mut buffer));
        self.nlri = nlri;
        self.buffer = buffer;
        self.scratch = scratch;
        self.buffered += messages as u32;
        if self.buffer.len() >= CHUNK {
            self.emit(shared);
        }
    }

    fn withdraw_from(&mut self, shared: &mut Shared, peer: PeerId, nlri: &[Nlri<A>]) {
        let mut bytes = BytesMut::new();
        let form = self.update_form();
        let messages = put_withdraw(form, self.withdraws_by_mp(), nlri.iter().copied(), &mut bytes);
        transmit(shared, vec![peer], bytes.freeze(), messages as u32);
    }

    fn update_form(&self) -> UpdateForm {
        UpdateForm { extended_message: self.key.extended_message, add_path: self.several() }
    }

    /// IPv4 withdrawals go the way of the announcements: by MP_UNREACH_NLRI when the session has no IPv4 next hop.
    fn withdraws_by_mp(&self) -> bool {
        self.key.next_hop.extended && self.key.next_hop.v4.is_none()
    }

    fn emit(&mut self, shared: &mut Shared) {
        if self.buffer.is_empty() {
            return;
        }
        let except = self.buffer_source;
        let peers: Vec<PeerId> = self.members.iter().copied().filter(|m| *m != except).collect();
        // Copied to its size: how much room there was, nobody needs while it waits for sockets.
        let bytes = Bytes::copy_from_slice(&self.buffer);
        self.buffer.clear();
        let messages = std::mem::take(&mut self.buffered);
        transmit(shared, peers, bytes, messages);
    }

    /// Estimated memory in octets.
    pub fn memory(&self) -> usize {
        self.told.memory()
            + self.pending.capacity() * 8
            + self.plan.memory()
            + self.looks.capacity() * size_of::<Looks>()
            + self.export.memory()
            + self.unsuppress.as_ref().map_or(0, Evaluator::memory)
    }
}

fn evaluator(family: Family, key: &GroupKey, spec: &FilterSpec, shared: &Shared) -> Evaluator {
    Evaluator::new(shared.policies.filter(family, spec), key.purpose())
}

/// The next hop in so far as MP_REACH_NLRI carries it.
fn mp_next_hop<A: Addr>(next_hop: NextHop) -> Option<NextHop> {
    match (A::FAMILY, next_hop) {
        (Family::Ipv4Unicast, NextHop::V4(_)) => None,
        (_, next_hop) => Some(next_hop),
    }
}

fn hash_next_hop(seed: u64, next_hop: &NextHop) -> u64 {
    use std::hash::BuildHasher;
    foldhash::quality::FixedState::with_seed(seed).hash_one(next_hop)
}

/// Sends one message to one member; `updates` is 1 if it is an UPDATE.
fn send_mark(shared: &mut Shared, peer: PeerId, updates: u32, put: impl FnOnce(&mut BytesMut)) {
    let mut bytes = BytesMut::new();
    put(&mut bytes);
    transmit(shared, vec![peer], bytes.freeze(), updates);
}

fn transmit(shared: &mut Shared, peers: Vec<PeerId>, bytes: Bytes, messages: u32) {
    if peers.is_empty() || bytes.is_empty() {
        return;
    }
    for peer in &peers {
        if let Some(p) = shared.peer_mut(*peer) {
            p.in_flight += bytes.len();
        }
    }
    shared.out.push_back(Output::Transmit { peers, bytes, messages });
}
