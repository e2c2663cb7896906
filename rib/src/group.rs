//! Update groups: what neighbours with equal export rules get, worked out and encoded once for all of them.
//!
//! A group remembers for each prefix which attribute set its members were last told (`out`), so that it never says
//! a thing twice and withdraws just what it announced. Changed prefixes are bits and a queue, not a log: a
//! prefix that changes ten times before the next flush is told once. A flush orders the queue by attribute set
//! and packs each set's prefixes into as few messages as they fit.
//!
//! Members that lag behind the others move to a group of their own that starts from the same state; groups
//! with equal rules and nothing left to say are one again.

use std::net::{IpAddr, Ipv4Addr};

use bgp::attrs::{AttrBuilder, AttrView, MedForm, Origin, flag, hash_block, write_attrs};
use bgp::types::{Addr, Asn, Family, NextHop, Nlri};
use bgp::wire::RefreshKind;
use bgp::wire::encode::{UpdateForm, put_announce, put_end_of_rib, put_route_refresh, put_withdraw};
use bytes::BytesMut;
use ipnet::IpNet;

use crate::event::Output;
use crate::id::{AttrId, PeerId, PrefixId};
use crate::intern::{AttrSet, Provenance, WeakAttr};
use crate::memo::Evaluator;
use crate::nexthop::NextHopKey;
use crate::peer::{NextHopSelf, Peer, RemovePrivate};
use crate::policy::compile::FilterSpec;
use crate::rules::GroupKey;
use crate::shared::Shared;
use crate::table::Table;

/// Octets that may wait in a member's writer; above it the member gets no more until some have gone.
pub const WRITER_LIMIT: usize = 1 << 20;

/// Octets handed over at a time.
const CHUNK: usize = 128 << 10;

/// One prefix of a flush.
#[derive(Clone, Copy, Debug)]
struct Planned {
    /// What to tell; `NONE` is a withdrawal. Holds a reference.
    attr: AttrId,
    prefix: PrefixId,
    /// The member that must not hear it, because it comes from there.
    source: PeerId,
}

/// What tells a member that it has heard everything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Closing {
    /// After the session came up (RFC 4724 section 2).
    EndOfRib,
    /// After it asked again (RFC 7313 section 4).
    EndOfRefresh,
}

/// Nobody: no member is the source.
const NOBODY: PeerId = PeerId::LOCAL;

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
    /// What members were told, by prefix. Holds references.
    out: Vec<AttrId>,
    /// The member that was left out, by prefix; empty while there never was one.
    out_source: Vec<PeerId>,
    pending: Vec<u64>,
    queue: Vec<PrefixId>,
    plan: Vec<Planned>,
    planned_to: usize,
    /// A prefix of the plan changed after it was made.
    plan_stale: bool,
    /// Something was sent: a newcomer can no longer simply join.
    started: bool,
    looks: Vec<Looks>,
    scratch: Vec<u8>,
    nlri: Vec<Nlri<A>>,
    /// Messages encoded and not yet handed over, and the member that must not get them.
    buffer: BytesMut,
    buffer_source: PeerId,
    buffered: u32,
    /// A member asked for everything again: tell also what it was told before.
    again: bool,
    /// The plan is an answer to that: what is put back from it has to be told, too.
    plan_again: bool,
}

impl<A: Addr> Group<A> {
    /// A group without members whose every prefix is yet to be told.
    pub(crate) fn new(key: GroupKey, shared: &Shared, table: &Table<A>) -> Group<A> {
        let filter = shared.policies.filter(A::FAMILY, &key.filter);
        let purpose = key.purpose();
        let mut group = Group {
            key,
            members: Vec::new(),
            closings: Vec::new(),
            export: Evaluator::new(filter, purpose),
            out: Vec::new(),
            out_source: Vec::new(),
            pending: Vec::new(),
            queue: Vec::new(),
            plan: Vec::new(),
            planned_to: 0,
            plan_stale: false,
            started: false,
            looks: Vec::new(),
            scratch: Vec::new(),
            nlri: Vec::new(),
            buffer: BytesMut::new(),
            buffer_source: NOBODY,
            buffered: 0,
            again: false,
            plan_again: false,
        };
        group.mark_all(table);
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
        } else {
            self.plan_stale = true;
        }
    }

    fn clear(&mut self, id: PrefixId) {
        if let Some(word) = self.pending.get_mut(id.index() / 64) {
            *word &= !(1u64 << (id.index() % 64));
        }
    }

    fn is_pending(&self, id: PrefixId) -> bool {
        self.pending.get(id.index() / 64).is_some_and(|w| w & (1u64 << (id.index() % 64)) != 0)
    }

    /// Notes all prefixes.
    pub fn mark_all(&mut self, table: &Table<A>) {
        for (id, _) in table.iter() {
            self.mark(id);
        }
    }

    /// Whether the group neither told a prefix nor is about to.
    pub fn indifferent(&self, id: PrefixId) -> bool {
        self.told(id).is_none() && !self.is_pending(id)
    }

    /// What members were told of a prefix.
    pub fn told(&self, id: PrefixId) -> AttrId {
        self.out.get(id.index()).copied().unwrap_or(AttrId::NONE)
    }

    /// The member that was left out of what the others were told.
    pub fn left_out(&self, id: PrefixId) -> Option<PeerId> {
        self.out_source.get(id.index()).copied().filter(|s| *s != NOBODY)
    }

    /// Prefixes told to members.
    pub fn told_to_all(&self) -> usize {
        self.out.iter().filter(|a| !a.is_none()).count()
    }

    /// Prefixes told to a member.
    pub fn told_count(&self, peer: PeerId) -> usize {
        let all = self.out.iter().filter(|a| !a.is_none()).count();
        let own = self.out_source.iter().zip(&self.out).filter(|(s, a)| **s == peer && !a.is_none()).count();
        all - own
    }

    /// Nothing left to tell.
    pub fn idle(&self) -> bool {
        self.queue.is_empty() && self.planned_to == self.plan.len() && self.closings.is_empty()
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

    /// Starts over with the export filters as they are now compiled.
    pub(crate) fn reload(&mut self, shared: &Shared, table: &Table<A>) {
        self.export = Evaluator::new(shared.policies.filter(A::FAMILY, &self.key.filter), self.key.purpose());
        self.looks.clear();
        self.mark_all(table);
    }

    /// Goes over to other rules. Members keep what the new rules tell alike, and hear of the rest.
    pub(crate) fn rekey(&mut self, key: GroupKey, shared: &mut Shared, table: &Table<A>) {
        for planned in self.plan.drain(..).skip(self.planned_to) {
            shared.release(planned.attr);
        }
        self.planned_to = 0;
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
        for (slot, attr) in std::mem::take(&mut self.out).into_iter().enumerate() {
            if !attr.is_none() {
                shared.release(attr);
                told.push(PrefixId(slot as u32));
            }
        }
        for planned in self.plan.drain(..).skip(self.planned_to) {
            shared.release(planned.attr);
            told.push(planned.prefix);
        }
        told.append(&mut self.queue);
        told
    }

    /// What members should be told of a prefix now, with a reference for the caller, and the member to leave out.
    fn want(&mut self, shared: &mut Shared, table: &Table<A>, id: PrefixId) -> (AttrId, PeerId) {
        let entry = table.prefix(id);
        let net = entry.addr.to_net(entry.len);
        if entry.len == 0
            && let Some(map) = self.key.default_originate.clone()
        {
            return (self.default_route(shared, net, map), NOBODY);
        }
        let Some(path) = table.best(id) else { return (AttrId::NONE, NOBODY) };
        let (attr, peer) = (path.attr, path.peer);
        let source = if self.members.contains(&peer) { peer } else { NOBODY };
        if !self.may_leave(shared, attr) {
            return (AttrId::NONE, NOBODY);
        }
        let solo = self.key.solo;
        let own = match A::FAMILY {
            Family::Ipv4Unicast => self.key.next_hop.v4.map(IpAddr::V4),
            Family::Ipv6Unicast => self.key.next_hop.v6.map(IpAddr::V6),
        };
        match self.export.run(shared, attr, net, solo, own) {
            Some(attr) => (self.with_originator(shared, attr, peer), source),
            None => (AttrId::NONE, NOBODY),
        }
    }

    /// A reflected route says where it entered the AS (RFC 4456 section 8). Trades the reference.
    fn with_originator(&self, shared: &mut Shared, id: AttrId, peer: PeerId) -> AttrId {
        let set = shared.attrs.get(id);
        let reflected = matches!(set.local.origin, Provenance::Internal | Provenance::Client);
        if self.key.external || !reflected || set.summary.has(flag::ORIGINATOR_ID) {
            return id;
        }
        let local = set.local;
        let originator = shared.peer(peer).and_then(|p| p.session.as_ref()).map(|s| s.router_id);
        let block = AttrBuilder::from_view(set.view()).originator_id(originator).build();
        let out = shared.intern(&block, hash_block(shared.seed, &block), local);
        shared.release(id);
        out
    }

    /// Whether routes with these attributes may go to this kind of neighbour at all.
    fn may_leave(&self, shared: &Shared, attr: AttrId) -> bool {
        let set = shared.attrs.get(attr);
        if set.summary.flags == 0 && self.key.external {
            return true;
        }
        if set.summary.has(flag::NO_ADVERTISE) || (self.key.no_otc && set.summary.has(flag::OTC)) {
            return false;
        }
        if self.key.external {
            return !set.summary.has(flag::NO_EXPORT | flag::LOCAL_AS);
        }
        match set.local.origin {
            Provenance::External | Provenance::Local => true,
            Provenance::Client => !self.key.client || shared.settings.client_reflection,
            Provenance::Internal => self.key.client,
        }
    }

    fn default_route(&mut self, shared: &mut Shared, net: IpNet, map: Option<String>) -> AttrId {
        let attr = shared.intern_local(Origin::Igp, Some(0), &NextHopKey::default(), 0);
        let Some(map) = map else { return attr };
        let spec = FilterSpec { route_map: Some(map), ..FilterSpec::default() };
        let filter = shared.policies.filter(A::FAMILY, &spec);
        let out = Evaluator::new(filter, self.key.purpose()).run(shared, attr, net, None, None);
        shared.release(attr);
        out.unwrap_or(AttrId::NONE)
    }

    /// Turns the queue into a plan: what really differs from what members know, ordered by attribute set.
    fn make_plan(&mut self, shared: &mut Shared, table: &Table<A>) -> Vec<PrefixId> {
        let mut unused = Vec::new();
        self.plan.clear();
        self.planned_to = 0;
        self.plan_stale = false;
        if self.out.len() < table.bound() {
            self.out.resize(table.bound(), AttrId::NONE);
        }
        let queue = std::mem::take(&mut self.queue);
        for &id in &queue {
            let (attr, source) = self.want(shared, table, id);
            let told = self.told(id);
            let left_out = self.left_out(id).unwrap_or(NOBODY);
            // Who was never told needs no withdrawal.
            let source = if attr.is_none() { left_out } else { source };
            let same_source = left_out == source;
            if told == attr && same_source && (attr.is_none() || !self.again) {
                self.clear(id);
                shared.release(attr);
                if attr.is_none() {
                    unused.push(id);
                }
                continue;
            }
            if !self.again
                && same_source
                && !told.is_none()
                && !attr.is_none()
                && self.look_alike(shared, told, attr)
            {
                self.clear(id);
                self.out[id.index()] = attr;
                shared.release(told);
                continue;
            }
            self.plan.push(Planned { attr, prefix: id, source });
        }
        if queue.capacity() <= 4096 {
            self.queue = queue;
            self.queue.clear();
        }
        self.plan_again = std::mem::take(&mut self.again);
        self.plan.sort_unstable_by_key(|p| (p.source, p.attr, p.prefix));
        unused
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
        let next_hop = self.write(shared, shared.attrs.get(id), &mut bytes);
        let hash = hash_block(shared.seed, &bytes) ^ next_hop.map_or(0, |nh| hash_next_hop(shared.seed, &nh));
        self.scratch = bytes;
        if self.looks.len() <= id.index() {
            self.looks.resize(shared.attrs.bound(), Looks { attr: WeakAttr::NONE, hash: 0 });
        }
        self.looks[id.index()] = Looks { attr: weak, hash };
        hash
    }

    /// Appends the wire form of a set and returns the next hop; `None` if the set cannot be told to members.
    fn write(&self, shared: &Shared, set: &AttrSet, out: &mut Vec<u8>) -> Option<NextHop> {
        let next_hop = self.next_hop(shared, set)?;
        let mut form = self.key.form;
        let local = set.local.origin == Provenance::Local;
        if self.key.external && !local && !set.local.med_set {
            form.med = MedForm::Strip;
        }
        if !self.key.external && matches!(set.local.origin, Provenance::Internal | Provenance::Client) {
            let originator = Ipv4Addr::from(set.summary.originator_id);
            form.reflect = Some((originator, Ipv4Addr::from(shared.settings.cluster_id)));
        }
        let classic = match (A::FAMILY, next_hop) {
            (Family::Ipv4Unicast, NextHop::V4(addr)) => Some(addr),
            _ => None,
        };
        let edited = self.edit_path(set);
        let view = edited.as_deref().map_or(set.view(), AttrView::new);
        write_attrs(view, &form, classic, out).ok().map(|()| next_hop)
    }

    /// `remove-private-AS` and `as-override`.
    fn edit_path(&self, set: &AttrSet) -> Option<Vec<u8>> {
        let private =
            |a: Asn| (64512..=65534).contains(&a.0) || (4_200_000_000..=4_294_967_294).contains(&a.0);
        let path = set.view().as_path();
        if let Some(RemovePrivate { all, replace }) = self.key.remove_private.filter(|_| self.key.external) {
            let mut asns = path.asns();
            let applies = if all { asns.any(private) } else { !path.is_empty() && asns.all(private) };
            if applies {
                let mut builder = AttrBuilder::from_view(set.view());
                let ours = self.key.local_as;
                builder.edit_as_path(|a| match (private(a), replace) {
                    (false, _) => Some(a),
                    (true, true) => Some(ours),
                    (true, false) => None,
                });
                return Some(builder.build());
            }
        }
        let theirs = self.key.as_override.filter(|theirs| path.contains(*theirs))?;
        let mut builder = AttrBuilder::from_view(set.view());
        builder.replace_asns(&[theirs], self.key.local_as);
        Some(builder.build())
    }

    /// The next hop to tell (RFC 4271 section 5.1.3, RFC 2545 section 3, RFC 8950).
    pub(crate) fn next_hop(&self, shared: &Shared, set: &AttrSet) -> Option<NextHop> {
        let rule = &self.key.next_hop;
        let key = shared.next_hops.get(set.local.next_hop).map(|e| &e.key);
        let received = key.and_then(|k| k.addr);
        let keep = match (received, set.local.origin) {
            (None, _) => false,
            (Some(_), _) if set.local.next_hop_set => true,
            (Some(_), _) if rule.mode == NextHopSelf::Force => false,
            (Some(addr), Provenance::External | Provenance::Local) => {
                let third_party = rule.shared_net.is_some_and(|n| n.contains(&addr));
                rule.mode == NextHopSelf::Off && (!self.key.external || third_party)
            }
            (Some(addr), Provenance::Internal | Provenance::Client) => {
                !self.key.external
                    || (rule.mode == NextHopSelf::Off && rule.shared_net.is_some_and(|n| n.contains(&addr)))
            }
        };
        // RFC 4271 section 5.1.3: never a neighbour's own address towards it.
        let theirs = |addr: &IpAddr| {
            self.members.iter().any(|m| shared.peer(*m).is_some_and(|p| p.config.addr == *addr))
        };
        let keep = keep && (set.local.next_hop_set || !received.as_ref().is_some_and(theirs));
        let own_v6 = || {
            rule.v6
                .map(|global| NextHop::V6 { global, link_local: rule.link })
                .or(rule.link.map(|link| NextHop::V6 { global: link, link_local: None }))
        };
        match (A::FAMILY, received.filter(|_| keep)) {
            (Family::Ipv4Unicast, Some(IpAddr::V4(addr))) => Some(NextHop::V4(addr)),
            (Family::Ipv4Unicast, Some(IpAddr::V6(global))) if rule.extended => {
                Some(NextHop::V6 { global, link_local: None })
            }
            (Family::Ipv4Unicast, _) => match rule.v4 {
                Some(addr) => Some(NextHop::V4(addr)),
                None => own_v6().filter(|_| rule.extended),
            },
            (Family::Ipv6Unicast, Some(IpAddr::V6(global))) => {
                // RFC 2545 section 3: a link-local address is of use only to those on the link.
                let on_link =
                    !self.key.external && rule.shared_net.is_some_and(|n| n.contains(&IpAddr::V6(global)));
                let link_local = key.and_then(|k| k.link_local).filter(|_| on_link);
                Some(NextHop::V6 { global, link_local })
            }
            (Family::Ipv6Unicast, _) => {
                own_v6().or(rule.v4.map(|v4| NextHop::V6 { global: v4.to_ipv6_mapped(), link_local: None }))
            }
        }
    }

    /// What members are told of a set, as FRR shows it: before our AS is put in front, and `None` where the next hop
    /// becomes our own address.
    pub(crate) fn as_told(&self, shared: &Shared, id: AttrId) -> (Vec<u8>, Option<NextHop>) {
        let set = shared.attrs.get(id);
        let mut builder = AttrBuilder::from_view(set.view());
        if self.key.external {
            builder.local_pref(None);
            if set.local.origin != Provenance::Local && !set.local.med_set {
                builder.med(None);
            }
        }
        let received = shared.next_hops.get(set.local.next_hop).and_then(|e| e.key.addr);
        let kept = self.next_hop(shared, set).filter(|nh| Some(nh.addr()) == received);
        (builder.build(), kept)
    }

    /// Tells members as much as their writers take. Returns prefixes that nobody has a use for any more.
    pub(crate) fn flush(&mut self, shared: &mut Shared, table: &Table<A>) -> Vec<PrefixId> {
        let mut unused = Vec::new();
        loop {
            if self.planned_to == self.plan.len() {
                self.plan = Vec::new();
                self.planned_to = 0;
                if self.queue.is_empty() {
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

    fn room(&self, shared: &Shared) -> bool {
        self.members.iter().all(|m| shared.peer(*m).is_none_or(|p| p.in_flight < WRITER_LIMIT))
    }

    /// Members that have no room while others are through with what they got.
    pub(crate) fn laggards(&self, shared: &Shared) -> Vec<PeerId> {
        let load = |m: &PeerId| shared.peer(*m).map_or(0, |p| p.in_flight);
        let slow: Vec<PeerId> = self.members.iter().copied().filter(|m| load(m) >= WRITER_LIMIT).collect();
        let quick = self.members.iter().any(|m| load(m) < WRITER_LIMIT / 8);
        if quick && !self.idle() { slow } else { Vec::new() }
    }

    /// A group for some members that starts from the same state.
    pub(crate) fn split(&mut self, shared: &mut Shared, leavers: &[PeerId]) -> Group<A> {
        for attr in self.out.iter().chain(self.plan[self.planned_to..].iter().map(|p| &p.attr)) {
            if !attr.is_none() {
                shared.attrs.retain(*attr);
            }
        }
        let filter = shared.policies.filter(A::FAMILY, &self.key.filter);
        let (members, stay): (Vec<PeerId>, Vec<PeerId>) =
            self.members.iter().partition(|m| leavers.contains(m));
        let (closings, closings_stay) = self.closings.iter().partition(|(m, _)| leavers.contains(m));
        self.members = stay;
        self.closings = closings_stay;
        Group {
            key: self.key.clone(),
            members,
            closings,
            export: Evaluator::new(filter, self.key.purpose()),
            out: self.out.clone(),
            out_source: self.out_source.clone(),
            pending: self.pending.clone(),
            queue: self.queue.clone(),
            plan: self.plan[self.planned_to..].to_vec(),
            planned_to: 0,
            plan_stale: true,
            started: self.started,
            looks: Vec::new(),
            scratch: Vec::new(),
            nlri: Vec::new(),
            buffer: BytesMut::new(),
            buffer_source: NOBODY,
            buffered: 0,
            again: self.again,
            plan_again: self.plan_again,
        }
    }

    /// Takes over the members of a group with the same rules; both are idle, so both told the same, each leaving out
    /// its own members.
    pub(crate) fn absorb(&mut self, shared: &mut Shared, mut other: Group<A>) {
        debug_assert!(self.idle() && other.idle() && self.key == other.key);
        for (slot, source) in other.out_source.iter().enumerate() {
            if *source != NOBODY {
                self.set_source(PrefixId(slot as u32), *source);
            }
        }
        self.members.append(&mut other.members);
        other.dissolve(shared);
    }

    fn set_source(&mut self, id: PrefixId, source: PeerId) {
        if self.out_source.len() <= id.index() {
            if source == NOBODY {
                return;
            }
            self.out_source.resize(self.out.len().max(id.index() + 1), NOBODY);
        }
        self.out_source[id.index()] = source;
    }

    /// Sends the next run of the plan: all prefixes of one attribute set and source.
    fn send_run(&mut self, shared: &mut Shared, table: &Table<A>) -> Vec<PrefixId> {
        let Planned { attr, source, .. } = self.plan[self.planned_to];
        let end = self.plan[self.planned_to..]
            .iter()
            .position(|p| p.attr != attr || p.source != source)
            .map_or(self.plan.len(), |n| self.planned_to + n);
        let run = self.planned_to..end;
        self.planned_to = end;
        self.started = true;
        let mut unused = Vec::new();
        let mut relearn: Vec<Nlri<A>> = Vec::new();
        self.nlri.clear();
        for at in run {
            let id = self.plan[at].prefix;
            if self.plan_stale {
                let (now, from) = self.want(shared, table, id);
                shared.release(now);
                if now != attr || (from != source && !attr.is_none()) {
                    // It changed after the plan was made: the next plan has it.
                    self.again |= self.plan_again;
                    shared.release(attr);
                    self.queue.push(id);
                    continue;
                }
            }
            self.clear(id);
            let entry = table.prefix(id);
            let nlri = Nlri { addr: entry.addr, path_id: 0, len: entry.len };
            self.nlri.push(nlri);
            let old = std::mem::replace(&mut self.out[id.index()], attr);
            let old_source = self.left_out(id).unwrap_or(NOBODY);
            if source != NOBODY && old_source != source && !old.is_none() {
                relearn.push(nlri);
            }
            self.set_source(id, if attr.is_none() { NOBODY } else { source });
            shared.release(old);
            if attr.is_none() {
                unused.push(id);
            }
        }
        self.encode_run(shared, attr, source);
        if !relearn.is_empty() {
            self.withdraw_from(shared, source, &relearn);
        }
        unused
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
        let form = UpdateForm { extended_message: self.key.extended_message, add_path: false };
        let nlri = std::mem::take(&mut self.nlri);
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        let announced = if attr.is_none() {
            None
        } else {
            self.write(shared, shared.attrs.get(attr), &mut scratch).and_then(|next_hop| {
                let mp = mp_next_hop::<A>(next_hop);
                put_announce(form, &scratch, mp, nlri.iter().copied(), &mut buffer).ok()
            })
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
        let form = UpdateForm { extended_message: self.key.extended_message, add_path: false };
        let messages = put_withdraw(form, self.withdraws_by_mp(), nlri.iter().copied(), &mut bytes);
        transmit(shared, vec![peer], bytes, messages as u32);
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
        let bytes = std::mem::take(&mut self.buffer);
        let messages = std::mem::take(&mut self.buffered);
        transmit(shared, peers, bytes, messages);
    }

    /// Estimated memory in octets.
    pub fn memory(&self) -> usize {
        self.out.capacity() * 4
            + self.out_source.capacity() * 2
            + self.pending.capacity() * 8
            + self.plan.capacity() * size_of::<Planned>()
            + self.looks.capacity() * size_of::<Looks>()
            + self.export.memory()
    }
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
    transmit(shared, vec![peer], bytes, updates);
}

fn transmit(shared: &mut Shared, peers: Vec<PeerId>, bytes: BytesMut, messages: u32) {
    if peers.is_empty() || bytes.is_empty() {
        return;
    }
    for peer in &peers {
        if let Some(p) = shared.peer_mut(*peer) {
            p.in_flight += bytes.len();
        }
    }
    shared.out.push_back(Output::Transmit { peers, bytes: bytes.freeze(), messages });
}
