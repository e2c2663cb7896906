//! Running policy on a route.

use std::net::{IpAddr, Ipv6Addr};
use std::ops::Deref;

use bgp::attrs::{AttrBuilder, AttrView, LinkBandwidth, Summary, flag, summarize};
use bgp::types::{Asn, Family};
use ipnet::IpNet;

use super::ast::{
    AigpSet, Arith, BandwidthSet, Exclude, ExtCommunity, LargeCommunity, Measured, MetricSet, NextHopSet,
    PeerMatch, Prepend, Replace, Set, SourceProtocol,
};
use super::compile::{Change, Cond, Entry, Filter, Program, Then};
use super::sets::{CommunityKind, PrefixSet};
use crate::rpki::Validation;
use crate::weight::Company;

/// A route as policy sees it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The prefix.
    pub net: IpNet,
    /// Attributes.
    pub view: AttrView<'a>,
    /// Decision fields of `view`.
    pub summary: &'a Summary,
    /// The MED of `view` is of another AS and does not go to a third one: policy works as if it were not there.
    pub foreign_med: bool,
    /// Tag.
    pub tag: u32,
    /// Next hop, if it is not us.
    pub next_hop: Option<IpAddr>,
    /// The neighbour that the route came from (import) or goes to (export).
    pub peer: Option<IpAddr>,
    /// Interface of an unnumbered neighbour.
    pub peer_interface: Option<&'a str>,
    /// The neighbour that the route came from, whichever way it goes.
    pub from: Option<IpAddr>,
    /// Interface of that neighbour, if it is unnumbered.
    pub from_interface: Option<&'a str>,
    /// Where the route came from.
    pub source: SourceProtocol,
    /// Interface of a redistributed route.
    pub interface: Option<&'a str>,
    /// Metric to the next hop.
    pub igp_metric: u32,
    /// Round-trip time of the session with `peer`, milliseconds.
    pub round_trip: u32,
    /// LOCAL_PREF of a route without one.
    pub default_local_pref: u32,
    /// Our AS.
    pub own_as: Asn,
    /// Origin validation.
    pub rpki: Validation<'a>,
    /// A number for `match probability`, the same for the same route.
    pub dice: u32,
    /// The multipath members beside it, if it is the best path and goes out.
    pub company: Company,
    /// Bandwidth is set in its long form.
    pub long_bandwidth: bool,
}

/// What policy wants of the next hop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NextHopChange {
    /// This address.
    Address(IpAddr),
    /// This link-local address.
    LinkLocal(Ipv6Addr),
    /// The neighbour's address (import), our own (export).
    PeerAddress,
    /// As received, even to external neighbours.
    Unchanged,
    /// Forward by the global address although there is a link-local one.
    PreferGlobal,
}

/// What policy changes of a route.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Changed {
    /// New canonical block.
    pub block: Option<Vec<u8>>,
    /// New next hop.
    pub next_hop: Option<NextHopChange>,
    /// New weight.
    pub weight: Option<u32>,
    /// New tag.
    pub tag: Option<u32>,
    /// New distance.
    pub distance: Option<u8>,
    /// Preferred source address in the kernel.
    pub source: Option<IpAddr>,
}

/// The outcome.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Refused.
    Deny,
    /// Accepted as it is.
    Permit,
    /// Accepted with changes.
    Change(Box<Changed>),
}

/// What of a filter's outcome depends on the prefix, so that the rest can be remembered by attributes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Selection {
    /// Refused.
    Deny,
    /// Accepted as it is.
    Permit,
    /// Accepted; this entry of the route-map changes it, see [`Filter::apply`].
    Entry(u32),
    /// Not to be told apart: run [`Filter::run`].
    Complex,
}

/// What of a filter holds for a set of attributes, whatever the prefix.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Held(u64);

impl Held {
    /// Nothing does.
    pub const NOTHING: Held = Held(0);
    /// Entries of a route-map that it tells of, one bit each; those behind are asked in full.
    const ENTRIES: usize = 63;
    /// The list of AS paths permits.
    const LISTS: u64 = 1 << Held::ENTRIES;

    fn lists(self) -> bool {
        self.0 & Held::LISTS != 0
    }

    /// Whether the conditions of an entry on attributes hold; `None` if it is too far behind.
    fn entry(self, at: usize) -> Option<bool> {
        (at < Held::ENTRIES).then(|| self.0 & 1 << at != 0)
    }
}

impl Filter {
    /// What of the lists looks at the prefix.
    fn prefix_lists_permit<'a>(&self, net: &IpNet, s: &impl Deref<Target = Subject<'a>>) -> bool {
        self.prefixes.iter().all(|p| p.as_ref().is_some_and(|p| p.permits(net)))
            && self.own_as.iter().all(|(ours, map)| {
                let looped = s.view.as_path().asns().any(|asn| ours.contains(&asn.0));
                !looped || map.as_ref().is_some_and(|map| map.run(s) != Verdict::Deny)
            })
    }

    /// What of the lists does not.
    fn path_lists_permit(&self, s: &Subject<'_>) -> bool {
        !self.deny_all && self.as_paths.iter().all(|a| a.as_ref().is_some_and(|a| a.permits(s.view)))
    }

    /// Runs the filter on a route.
    pub fn run(&self, s: &Subject<'_>) -> Verdict {
        if !self.path_lists_permit(s) || !self.prefix_lists_permit(&s.net, &s) {
            return Verdict::Deny;
        }
        match &self.map {
            None => Verdict::Permit,
            Some(None) => Verdict::Deny,
            Some(Some(program)) => program.run(s),
        }
    }

    /// Whether the route would pass if its validation state were another one.
    pub fn permits_in_some_state(&self, s: &Subject<'_>) -> bool {
        let permits = |state: &Option<_>| {
            self.run(&Subject { rpki: Validation::Assumed(*state), ..*s }) != Verdict::Deny
        };
        self.validates() && Validation::ANSWERS.iter().any(permits)
    }

    /// The part of [`Self::run`] that does not look at the prefix.
    pub fn hold(&self, s: &Subject<'_>) -> Held {
        let lists = if self.path_lists_permit(s) { Held::LISTS } else { 0 };
        let simple = self.map.iter().flatten().filter(|program| program.simple);
        let entries = simple.flat_map(|program| program.entries.iter().take(Held::ENTRIES).enumerate());
        let holds = |(at, entry): (usize, &Entry)| if entry.attributes_hold(s) { 1 << at } else { 0 };
        Held(entries.map(holds).fold(lists, |held, bit: u64| held | bit))
    }

    /// The part of [`Self::run`] that may look at the prefix; which is all that most look at, so that the rest of the
    /// route may come later.
    pub fn select<'a>(&self, held: Held, net: &IpNet, s: &impl Deref<Target = Subject<'a>>) -> Selection {
        if !held.lists() || !self.prefix_lists_permit(net, s) {
            return Selection::Deny;
        }
        match &self.map {
            None => Selection::Permit,
            Some(None) => Selection::Deny,
            Some(Some(program)) if program.simple => program.select(held, net, s),
            Some(Some(_)) => Selection::Complex,
        }
    }

    /// What the selected entry makes of the route; the same for all prefixes with these attributes.
    pub fn apply(&self, entry: u32, s: &Subject<'_>) -> Verdict {
        let Some(Some(program)) = &self.map else { return Verdict::Permit };
        let Some(entry) = program.entries.get(entry as usize) else { return Verdict::Permit };
        let mut changed = Changed::default();
        apply_changes(entry, s, &mut changed);
        finish(changed)
    }
}

/// Follows a route through a route-map.
pub(super) trait Follow {
    /// A route-map is asked.
    fn asked(&mut self, program: &Program);
    /// Whether the conditions of an entry hold.
    fn holds(&mut self, entry: &Entry, s: &Subject<'_>) -> bool;
    /// The entry that held last calls another route-map.
    fn calls(&mut self) {}
    /// What the called route-map says.
    fn called(&mut self, _permits: bool) {}
}

/// Counts what is asked and what matches.
struct Counting;

impl Follow for Counting {
    fn asked(&mut self, program: &Program) {
        program.asked.bump();
    }

    fn holds(&mut self, entry: &Entry, s: &Subject<'_>) -> bool {
        let holds = entry.conds.iter().all(|c| c.holds(s, true));
        if holds {
            entry.matched.bump();
        }
        holds
    }
}

pub(super) fn finish(changed: Changed) -> Verdict {
    if changed == Changed::default() { Verdict::Permit } else { Verdict::Change(Box::new(changed)) }
}

impl Entry {
    fn attributes_hold(&self, s: &Subject<'_>) -> bool {
        self.conds.iter().filter(|c| c.by_attributes()).all(|c| c.holds(s, true))
    }

    fn rest_holds<'a>(&self, net: &IpNet, s: &impl Deref<Target = Subject<'a>>) -> bool {
        let mut rest = self.conds.iter().filter(|c| !c.by_attributes());
        let holds = rest.all(|c| c.by_prefix(net, true).unwrap_or_else(|| c.holds(s, true)));
        if holds {
            self.matched.bump();
        }
        holds
    }
}

impl Program {
    fn select<'a>(&self, held: Held, net: &IpNet, s: &impl Deref<Target = Subject<'a>>) -> Selection {
        self.asked.bump();
        let mut entries = self.entries.iter().enumerate();
        let holds = |(at, entry): (usize, &Entry)| {
            held.entry(at).unwrap_or_else(|| entry.attributes_hold(s)) && entry.rest_holds(net, s)
        };
        match entries.position(holds) {
            Some(at) if !self.entries[at].permit => Selection::Deny,
            Some(at) if self.entries[at].changes.is_empty() => Selection::Permit,
            Some(at) => Selection::Entry(at as u32),
            None => Selection::Deny,
        }
    }

    /// Runs the route-map. Later entries see what earlier ones changed.
    pub fn run(&self, s: &Subject<'_>) -> Verdict {
        let mut changed = Changed::default();
        if self.run_into(None, s, &mut changed, &mut Counting) { finish(changed) } else { Verdict::Deny }
    }

    /// As [`Self::run`], but one route is asked what matches and another one is changed.
    pub fn run_apart(&self, matched: &Subject<'_>, base: &Subject<'_>) -> Verdict {
        let mut changed = Changed::default();
        if self.run_into(Some(matched), base, &mut changed, &mut Counting) {
            finish(changed)
        } else {
            Verdict::Deny
        }
    }

    /// Changes `s`; what matches is asked of `matched`, else of the route as it stands.
    pub(super) fn run_into(
        &self,
        matched: Option<&Subject<'_>>,
        s: &Subject<'_>,
        changed: &mut Changed,
        follow: &mut impl Follow,
    ) -> bool {
        follow.asked(self);
        let mut at = 0;
        let mut permitted = false;
        while let Some(entry) = self.entries.get(at) {
            // The route as it stands after the changes so far.
            let block = changed.block.clone();
            let summary = block.as_deref().map(summarize);
            let now = Subject {
                view: block.as_deref().map_or(s.view, AttrView::new),
                summary: summary.as_ref().unwrap_or(s.summary),
                foreign_med: s.foreign_med && block.is_none(),
                tag: changed.tag.unwrap_or(s.tag),
                ..*s
            };
            if !follow.holds(entry, matched.unwrap_or(&now)) {
                at += 1;
                continue;
            }
            if !entry.permit {
                return false;
            }
            apply_changes(entry, &now, changed);
            if let Some(called) = &entry.call {
                follow.calls();
                let permits = called.as_ref().is_some_and(|p| p.run_into(matched, s, changed, follow));
                follow.called(permits);
                if !permits {
                    return false;
                }
            }
            permitted = true;
            match entry.then {
                Then::Stop => break,
                Then::Goto(next) => at = next,
            }
        }
        permitted
    }
}

fn permits(set: &PrefixSet, net: &IpNet, counts: bool) -> bool {
    if counts { set.permits(net) } else { set.verdict(net).permits }
}

impl Cond {
    /// Whether it holds for all routes with the same attributes, or for none of them. Those may be of several prefixes and
    /// come from several neighbours.
    pub(super) fn by_attributes(&self) -> bool {
        use Cond::{Prefix, PrefixLen, Probability, Rpki, SrcPeer};
        !matches!(self, Prefix(..) | PrefixLen(..) | Probability(_) | Rpki(_) | SrcPeer(_))
    }

    /// Whether it holds, if that depends on nothing but the prefix. `counts` as in [`Self::holds`].
    fn by_prefix(&self, net: &IpNet, counts: bool) -> Option<bool> {
        let of = |family: &Family| *family == Family::of(net);
        match self {
            Cond::Prefix(family, set) => Some(of(family) && permits(set, net, counts)),
            Cond::PrefixLen(family, len) => Some(of(family) && net.prefix_len() == *len),
            _ => None,
        }
    }

    /// Whether it holds; entries of prefix-lists count how often they are the reason, if `counts`.
    pub(super) fn holds(&self, s: &Subject<'_>, counts: bool) -> bool {
        let permits = |set: &PrefixSet, net: &IpNet| permits(set, net, counts);
        let host = |addr: IpAddr| (Family::of(&IpNet::from(addr)), IpNet::from(addr));
        match self {
            Cond::Prefix(..) | Cond::PrefixLen(..) => self.by_prefix(&s.net, counts).unwrap_or(false),
            Cond::NextHop(f, set) => {
                s.next_hop.map(host).is_some_and(|(nf, net)| nf == *f && permits(set, &net))
            }
            Cond::NextHopIs(addr) => s.next_hop == Some(*addr),
            Cond::NextHopLen(f, len) => {
                s.next_hop.map(host).is_some_and(|(nf, net)| nf == *f && net.prefix_len() == *len)
            }
            Cond::RouteSource(set) => s.peer.is_some_and(|p| permits(set, &p.into())),
            Cond::AsPath(set) => set.permits(s.view),
            Cond::Community(set, exact, any) => {
                set.permits(&<u32 as CommunityKind>::of(s.view), *exact, *any)
            }
            Cond::LargeCommunity(set, exact, any) => set.permits(&LargeCommunity::of(s.view), *exact, *any),
            Cond::ExtCommunity(set) => set.permits(&ExtCommunity::of(s.view), false, false),
            Cond::AsPathCount(most) => s.summary.path_len <= *most,
            Cond::CommunityLimit(most) => s.view.communities().count() <= usize::from(*most),
            Cond::ExtCommunityLimit(most) => s.view.ext_communities().count() <= usize::from(*most),
            Cond::Interface(name) => s.interface == Some(name.as_str()),
            Cond::LocalPreference(v) => s.local_pref() == *v,
            Cond::Metric(v) => s.med() == Some(*v),
            Cond::Origin(v) => s.summary.origin == *v,
            Cond::Peer(peer) => peer.is(s.peer, s.peer_interface),
            Cond::SrcPeer(peer) => peer.is(s.from, s.from_interface),
            Cond::SourceInstance(v) => *v == 0,
            Cond::Tag(v) => s.tag == *v,
            Cond::SourceProtocol(v) => s.source == *v,
            Cond::Probability(percent) => s.dice % 100 < u32::from(*percent),
            Cond::Rpki(v) => s.rpki.state(s.net, s.view) == Some(*v),
            Cond::Never => false,
        }
    }
}

impl PeerMatch {
    fn is(&self, addr: Option<IpAddr>, interface: Option<&str>) -> bool {
        match self {
            PeerMatch::Address(wanted) => addr == Some(*wanted),
            PeerMatch::Interface(wanted) => interface == Some(wanted.as_str()),
            PeerMatch::Local => addr.is_none(),
        }
    }
}

impl Subject<'_> {
    fn local_pref(&self) -> u32 {
        if self.summary.has(flag::LOCAL_PREF) { self.summary.local_pref } else { self.default_local_pref }
    }

    fn med(&self) -> Option<u32> {
        (self.summary.has(flag::MED) && !self.foreign_med).then_some(self.summary.med)
    }
}

fn arith(old: u32, change: Arith) -> u32 {
    match change {
        Arith::Set(v) => v,
        Arith::Add(v) => old.saturating_add(v),
        Arith::Sub(v) => old.saturating_sub(v),
    }
}

/// Applies an entry's `set` lines to the route as it stands.
fn apply_changes(entry: &Entry, s: &Subject<'_>, changed: &mut Changed) {
    let mut builder = AttrBuilder::from_view(s.view);
    if s.foreign_med {
        builder.med(None);
    }
    let mut touched = false;
    for change in &entry.changes {
        touched |= match change {
            Change::Set(set) => apply_set(set, s, &mut builder, changed),
            Change::CommunityDelete(list) => {
                builder.communities(s.view.communities().filter(|c| !list.permits_one(*c)).collect());
                true
            }
            Change::LargeCommunityDelete(list) => {
                let stays = |&(g, a, b): &(u32, u32, u32)| {
                    !list.permits_one(LargeCommunity { global: g, local1: a, local2: b })
                };
                builder.large_communities(s.view.large_communities().filter(stays).collect());
                true
            }
            Change::ExcludeList(list) => {
                builder.edit_as_path(|asn| (!list.permits_text(&asn.to_string())).then_some(asn));
                true
            }
            Change::ReplaceList(list, with) => {
                let with = with.map_or(s.own_as, Asn);
                builder
                    .edit_as_path(|asn| Some(if list.permits_text(&asn.to_string()) { with } else { asn }));
                true
            }
        };
    }
    if touched {
        changed.block = Some(builder.build());
    }
}

/// Applies one `set` line; returns whether the block changed.
fn apply_set(set: &Set, s: &Subject<'_>, b: &mut AttrBuilder<'_>, changed: &mut Changed) -> bool {
    match set {
        Set::Prepend(Prepend::Asns(list)) => {
            for asn in list.iter().rev() {
                b.prepend(Asn(*asn), 1);
            }
        }
        Set::Prepend(Prepend::LastAs(times)) => {
            if let Some(asn) = s.view.as_path().first_as() {
                b.prepend(asn, usize::from(*times));
            }
        }
        Set::Exclude(Exclude::Asns(list)) => {
            b.exclude_asns(&list.iter().map(|a| Asn(*a)).collect::<Vec<_>>());
        }
        Set::Exclude(Exclude::All) => {
            b.set_as_path(&[]);
        }
        Set::Exclude(Exclude::List(_)) | Set::CommunityDelete(_) | Set::LargeCommunityDelete(_) => {
            return false;
        }
        Set::Replace(replace) => {
            let ours = s.own_as;
            match replace {
                Replace::Any(with) => b.edit_as_path(|_| Some(with.map_or(ours, Asn))),
                Replace::Asn(asn, with) => b.replace_asns(&[Asn(*asn)], with.map_or(ours, Asn)),
                Replace::List(..) => return false,
            };
        }
        Set::Community { values, additive } => {
            let kept = s.view.communities().filter(|_| *additive);
            b.communities(kept.chain(values.iter().copied()).collect());
        }
        Set::LargeCommunity { values, additive } => {
            let kept = s.view.large_communities().filter(|_| *additive);
            b.large_communities(kept.chain(values.iter().map(|v| (v.global, v.local1, v.local2))).collect());
        }
        Set::ExtCommunity(values) => {
            let kept = s.view.ext_communities().filter(|_| !values.is_empty());
            b.ext_communities(kept.chain(values.iter().map(|v| v.0)).collect());
        }
        Set::Bandwidth { amount, transitive } => {
            let Some(octets) = octets_a_second(*amount, &s.company) else { return false };
            let bandwidth = LinkBandwidth { asn: s.own_as, octets, transitive: *transitive };
            b.link_bandwidth(bandwidth, s.long_bandwidth);
        }
        Set::LocalPreference(change) => {
            b.local_pref(Some(arith(s.local_pref(), *change)));
        }
        Set::Metric(MetricSet::Value(change)) => {
            b.med(Some(arith(s.med().unwrap_or(0), *change)));
        }
        Set::Metric(MetricSet::RoundTrip(how)) => {
            let change = match how {
                Measured::Set => Arith::Set(s.round_trip),
                Measured::Add => Arith::Add(s.round_trip),
                Measured::Sub => Arith::Sub(s.round_trip),
            };
            b.med(Some(arith(s.med().unwrap_or(0), change)));
        }
        Set::Metric(MetricSet::Igp) => {
            b.med(Some(s.igp_metric));
        }
        Set::Metric(MetricSet::Aigp) => {
            let Some(metric) = s.view.aigp() else { return false };
            let total = metric.saturating_add(u64::from(s.igp_metric));
            b.med(Some(u32::try_from(total).unwrap_or(u32::MAX)));
        }
        Set::Aigp(AigpSet::Value(metric)) => {
            b.aigp(Some(u64::from(*metric)));
        }
        Set::Aigp(AigpSet::Igp) => {
            b.aigp(Some(u64::from(s.igp_metric)));
        }
        Set::Origin(origin) => {
            b.origin(*origin);
        }
        Set::OriginatorId(id) => {
            b.originator_id(Some(*id));
        }
        Set::AtomicAggregate => {
            b.atomic_aggregate(true);
        }
        Set::Aggregator(asn, id) => {
            b.aggregator(Some((Asn(*asn), *id)));
        }
        Set::NextHop(next_hop) => return apply_next_hop(next_hop, changed),
        Set::Weight(v) => {
            changed.weight = Some(*v);
            return false;
        }
        Set::Tag(v) => {
            changed.tag = Some(*v);
            return false;
        }
        Set::Distance(v) => {
            changed.distance = Some(*v);
            return false;
        }
        Set::Source(v) => {
            changed.source = Some(*v);
            return false;
        }
    }
    true
}

/// What a bandwidth line comes to; `None` where there is nothing to count, which leaves the route as it is.
fn octets_a_second(amount: BandwidthSet, company: &Company) -> Option<u64> {
    const MEGABIT: u64 = 1_000_000 / 8;
    match amount {
        BandwidthSet::Megabits(n) => Some(u64::from(n) * MEGABIT),
        BandwidthSet::Cumulative => Some(company.octets).filter(|octets| *octets > 0),
        BandwidthSet::Multipaths => Some(u64::from(company.members) * MEGABIT).filter(|octets| *octets > 0),
    }
}

fn apply_next_hop(set: &NextHopSet, changed: &mut Changed) -> bool {
    changed.next_hop = Some(match set {
        NextHopSet::Ipv4(a) => NextHopChange::Address(IpAddr::V4(*a)),
        NextHopSet::Ipv6Global(a) => NextHopChange::Address(IpAddr::V6(*a)),
        NextHopSet::Ipv6Local(a) => NextHopChange::LinkLocal(*a),
        NextHopSet::Ipv4PeerAddress | NextHopSet::Ipv6PeerAddress => NextHopChange::PeerAddress,
        NextHopSet::Unchanged => NextHopChange::Unchanged,
        NextHopSet::PreferGlobal => NextHopChange::PreferGlobal,
    });
    false
}
