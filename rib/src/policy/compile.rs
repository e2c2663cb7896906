//! From the syntax tree to programs: names resolved, lists compiled, clauses classed.
//!
//! As in FRR, a neighbour's filter or `call` that names something undefined denies, and a `match` that does never holds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::ast::{
    Action, AddressMatch, AigpSet, BandwidthSet, ExtCommunity, LargeCommunity, Match, MetricSet,
    NextHopMatch, OnMatch, PeerMatch, Policies, RouteMap, RpkiState, Set, SourceProtocol,
};
use super::sets::{AsPathSet, CommunitySet, PrefixSet};
use bgp::attrs::Origin;
use bgp::types::Family;
use std::net::IpAddr;

/// How often something happened. One thread counts; others never read while it does.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub(super) fn bump(&self) {
        // Not an atomic addition, which costs: there is only one writer.
        self.0.store(self.get().wrapping_add(1), Ordering::Relaxed);
    }

    /// How often.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
}

/// How often policies were asked.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Route-maps, by name: how often they were run, and how often each entry matched.
    pub route_maps: BTreeMap<String, (u64, BTreeMap<u16, u64>)>,
    /// Entries of prefix-lists by family, name and sequence number: how often they matched.
    pub prefix_lists: [BTreeMap<(String, u32), u64>; 2],
}

/// A condition with everything resolved.
#[derive(Debug)]
pub(super) enum Cond {
    Prefix(Family, Arc<PrefixSet>),
    PrefixLen(Family, u8),
    NextHop(Family, Arc<PrefixSet>),
    NextHopIs(IpAddr),
    NextHopLen(Family, u8),
    RouteSource(Arc<PrefixSet>),
    AsPath(Arc<AsPathSet>),
    Community(Arc<CommunitySet<u32>>, bool, bool),
    LargeCommunity(Arc<CommunitySet<LargeCommunity>>, bool, bool),
    ExtCommunity(Arc<CommunitySet<ExtCommunity>>),
    AsPathCount(u16),
    CommunityLimit(u16),
    ExtCommunityLimit(u16),
    Interface(String),
    LocalPreference(u32),
    Metric(u32),
    Origin(Origin),
    Peer(PeerMatch),
    SrcPeer(PeerMatch),
    SourceInstance(u8),
    Tag(u32),
    SourceProtocol(SourceProtocol),
    Probability(u8),
    Rpki(RpkiState),
    Never,
}

/// What comes after a matching permit entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Then {
    Stop,
    Goto(usize),
}

/// A change with its lists resolved.
#[derive(Debug)]
pub(super) enum Change {
    Set(Set),
    CommunityDelete(Arc<CommunitySet<u32>>),
    LargeCommunityDelete(Arc<CommunitySet<LargeCommunity>>),
    ExcludeList(Arc<AsPathSet>),
    /// With the number that is put in place, if it is not ours.
    ReplaceList(Arc<AsPathSet>, Option<u32>),
}

#[derive(Debug)]
pub(super) struct Entry {
    pub seq: u16,
    pub matched: Counter,
    pub permit: bool,
    pub conds: Vec<Cond>,
    pub changes: Vec<Change>,
    /// A called route-map; `Some(None)` is one that is not defined, which denies.
    pub call: Option<Option<Arc<Program>>>,
    pub then: Then,
}

/// A route-map ready to run.
#[derive(Debug)]
pub struct Program {
    pub(super) entries: Vec<Entry>,
    /// How often it was run. A verdict that is remembered for equal attributes does not run it again.
    pub(super) asked: Counter,
    pub(super) simple: bool,
    prefix_dependent: bool,
    peer_dependent: bool,
    validates: bool,
    measures: bool,
    times: bool,
    counts_company: bool,
}

impl Program {
    /// Whether routes with equal attributes can fare differently: the verdict must be asked for each prefix.
    pub fn prefix_dependent(&self) -> bool {
        self.prefix_dependent
    }

    /// Whether equal routes of different neighbours can fare differently.
    pub fn peer_dependent(&self) -> bool {
        self.peer_dependent
    }

    /// Whether what it makes of a route depends on the multipath members beside it.
    pub fn counts_company(&self) -> bool {
        self.counts_company
    }

    /// Whether it asks for the state of origin validation.
    pub fn validates(&self) -> bool {
        self.validates
    }

    /// Whether it puts the distance of the next hop into routes.
    pub fn measures(&self) -> bool {
        self.measures
    }

    /// Whether it puts the round-trip time of the session into routes.
    pub fn times(&self) -> bool {
        self.times
    }

    /// Whether it refuses all routes by its first entry.
    fn denies_all(&self) -> bool {
        self.entries.first().is_some_and(|first| !first.permit && first.conds.is_empty())
    }
}

/// `allowas-in route-map NAME`
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct OwnAsFilter {
    /// The route-map.
    pub route_map: String,
    /// Our AS numbers, as the neighbour may see them.
    pub asns: Vec<u32>,
}

/// The filters of one neighbour, family and direction by name, in the order in which FRR applies them.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct FilterSpec {
    /// `distribute-list`.
    pub distribute_list: Option<String>,
    /// `prefix-list`.
    pub prefix_list: Option<String>,
    /// `filter-list`.
    pub as_path_list: Option<String>,
    /// `route-map`.
    pub route_map: Option<String>,
    /// `allowas-in route-map`: what a route must pass beside if its path has one of these AS numbers of ours.
    pub own_as: Option<OwnAsFilter>,
    /// External neighbour without any policy while RFC 8212 is in force: deny all.
    pub default_deny: bool,
    /// Bandwidth is set in its long form (`neighbor X extended-link-bandwidth`).
    pub long_bandwidth: bool,
}

/// The filters of one neighbour, family and direction, ready to run. A `None` inside of `Some` is an undefined name.
#[derive(Debug, Default)]
pub struct Filter {
    pub(super) prefixes: Vec<Option<Arc<PrefixSet>>>,
    pub(super) as_paths: Option<Option<Arc<AsPathSet>>>,
    pub(super) map: Option<Option<Arc<Program>>>,
    /// What paths with these AS numbers must pass beside.
    pub(super) own_as: Option<(Vec<u32>, Option<Arc<Program>>)>,
    pub(super) deny_all: bool,
    /// Nothing passes: by `deny_all`, or because a route-map that refuses all is the only filter.
    closed: bool,
    pub(super) long_bandwidth: bool,
}

impl Filter {
    /// Whether everything passes unchanged.
    pub fn is_open(&self) -> bool {
        !self.deny_all
            && self.prefixes.is_empty()
            && self.as_paths.is_none()
            && self.map.is_none()
            && self.own_as.is_none()
    }

    fn programs(&self) -> impl Iterator<Item = &Arc<Program>> {
        self.map.iter().flatten().chain(self.own_as.iter().filter_map(|(_, map)| map.as_ref()))
    }

    /// Whether nothing passes, whatever the route.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Counts a route that a closed filter refuses.
    pub fn count_refused(&self) {
        if self.deny_all {
            return;
        }
        for map in self.map.iter().flatten() {
            map.asked.bump();
            map.entries.iter().take(1).for_each(|first| first.matched.bump());
        }
    }

    /// See [`Program::prefix_dependent`].
    pub fn prefix_dependent(&self) -> bool {
        !self.prefixes.is_empty() || self.programs().any(|m| m.prefix_dependent)
    }

    /// See [`Program::validates`].
    pub fn validates(&self) -> bool {
        self.programs().any(|m| m.validates)
    }

    /// See [`Program::measures`].
    pub fn measures(&self) -> bool {
        self.programs().any(|m| m.measures)
    }

    /// See [`Program::times`].
    pub fn times(&self) -> bool {
        self.programs().any(|m| m.times)
    }

    /// See [`Program::peer_dependent`].
    pub fn peer_dependent(&self) -> bool {
        self.programs().any(|m| m.peer_dependent)
    }

    /// See [`Program::counts_company`].
    pub fn counts_company(&self) -> bool {
        self.map.iter().flatten().any(|m| m.counts_company)
    }

    /// Whether bandwidth is set in its long form.
    pub fn long_bandwidth(&self) -> bool {
        self.long_bandwidth
    }
}

/// All policies compiled: lists once, route-maps when asked for, and once.
#[derive(Debug, Default)]
pub struct Compiled {
    source: Policies,
    prefix_lists: [BTreeMap<String, Arc<PrefixSet>>; 2],
    access_lists: [BTreeMap<String, Arc<PrefixSet>>; 2],
    as_path_lists: BTreeMap<String, Arc<AsPathSet>>,
    communities: BTreeMap<String, Arc<CommunitySet<u32>>>,
    large: BTreeMap<String, Arc<CommunitySet<LargeCommunity>>>,
    ext: BTreeMap<String, Arc<CommunitySet<ExtCommunity>>>,
    maps: BTreeMap<String, Arc<Program>>,
}

fn each<T, U>(from: &BTreeMap<String, T>, compile: impl Fn(&T) -> U) -> BTreeMap<String, Arc<U>> {
    from.iter().map(|(name, list)| (name.clone(), Arc::new(compile(list)))).collect()
}

impl Compiled {
    /// Compiles the operator's policies.
    pub fn new(source: Policies) -> Compiled {
        let mut compiled = Compiled {
            prefix_lists: [
                each(&source.prefix_lists_v4, PrefixSet::new),
                each(&source.prefix_lists_v6, PrefixSet::new),
            ],
            access_lists: [
                each(&source.access_lists_v4, PrefixSet::of_access_list),
                each(&source.access_lists_v6, PrefixSet::of_access_list),
            ],
            as_path_lists: each(&source.as_path_lists, AsPathSet::new),
            communities: each(&source.community_lists, CommunitySet::new),
            large: each(&source.large_community_lists, CommunitySet::new),
            ext: each(&source.ext_community_lists, CommunitySet::new),
            maps: BTreeMap::new(),
            source,
        };
        let names: Vec<String> = compiled.source.route_maps.keys().cloned().collect();
        for name in names {
            compiled.compile_map(&name, &mut Vec::new());
        }
        compiled
    }

    /// What was compiled.
    pub fn source(&self) -> &Policies {
        &self.source
    }

    /// A route-map by name.
    pub fn route_map(&self, name: &str) -> Option<Arc<Program>> {
        self.maps.get(name).cloned()
    }

    /// A prefix-list by name.
    pub fn prefix_list(&self, family: Family, name: &str) -> Option<Arc<PrefixSet>> {
        self.prefix_lists[family.index()].get(name).cloned()
    }

    /// An access-list by name.
    pub(super) fn access_list(&self, family: Family, name: &str) -> Option<Arc<PrefixSet>> {
        self.access_lists[family.index()].get(name).cloned()
    }

    /// An AS-path list by name.
    pub(super) fn as_path_list(&self, name: &str) -> Option<&AsPathSet> {
        self.as_path_lists.get(name).map(Arc::as_ref)
    }

    /// How often policies were asked since they were compiled or [`Self::clear_counts`] was called.
    pub fn counts(&self) -> Counts {
        let of = |program: &Program| {
            let entries = program.entries.iter().map(|e| (e.seq, e.matched.get()));
            (program.asked.get(), entries.collect())
        };
        let lists = |lists: &BTreeMap<String, Arc<PrefixSet>>| {
            let hits = |(name, set): (&String, &Arc<PrefixSet>)| {
                let name = name.clone();
                set.hits().map(move |(seq, count)| ((name.clone(), seq), count)).collect::<Vec<_>>()
            };
            lists.iter().flat_map(hits).collect()
        };
        Counts {
            route_maps: self.maps.iter().map(|(name, map)| (name.clone(), of(map))).collect(),
            prefix_lists: [lists(&self.prefix_lists[0]), lists(&self.prefix_lists[1])],
        }
    }

    /// Goes on counting where others stopped, for what is the same as theirs.
    pub fn continue_counts(&self, before: &Compiled) {
        for (name, map) in &self.maps {
            if let Some(old) = before.maps.get(name)
                && self.source.route_maps.get(name) == before.source.route_maps.get(name)
            {
                map.asked.set(old.asked.get());
                map.entries.iter().zip(&old.entries).for_each(|(e, o)| e.matched.set(o.matched.get()));
            }
        }
        for (own, old) in self.prefix_lists.iter().zip(&before.prefix_lists) {
            for (name, set) in own {
                if let Some(old) = old.get(name) {
                    set.continue_hits(old);
                }
            }
        }
    }

    /// Counts from zero.
    pub fn clear_counts(&self) {
        for map in self.maps.values() {
            map.asked.set(0);
            map.entries.iter().for_each(|e| e.matched.set(0));
        }
        self.prefix_lists.iter().flat_map(BTreeMap::values).for_each(|set| set.clear_hits());
    }

    /// The filters that a neighbour names.
    pub fn filter(&self, family: Family, spec: &FilterSpec) -> Filter {
        let f = family.index();
        let mut prefixes = Vec::new();
        if let Some(name) = &spec.distribute_list {
            prefixes.push(self.access_lists[f].get(name).cloned());
        }
        if let Some(name) = &spec.prefix_list {
            prefixes.push(self.prefix_lists[f].get(name).cloned());
        }
        let as_paths = spec.as_path_list.as_ref().map(|n| self.as_path_lists.get(n).cloned());
        let map = spec.route_map.as_ref().map(|n| self.maps.get(n).cloned());
        let undefined = prefixes.iter().any(Option::is_none)
            || matches!(as_paths, Some(None))
            || matches!(map, Some(None));
        let deny_all = spec.default_deny || undefined;
        let own_as = spec.own_as.as_ref().map(|o| (o.asns.clone(), self.maps.get(&o.route_map).cloned()));
        let alone = prefixes.is_empty() && as_paths.is_none() && own_as.is_none();
        let closed = deny_all || alone && map.iter().flatten().any(|map| map.denies_all());
        Filter { prefixes, as_paths, map, own_as, deny_all, closed, long_bandwidth: spec.long_bandwidth }
    }

    fn compile_map(&mut self, name: &str, callers: &mut Vec<String>) -> Option<Arc<Program>> {
        if let Some(done) = self.maps.get(name) {
            return Some(done.clone());
        }
        if callers.iter().any(|c| c == name) {
            return None;
        }
        let map = self.source.route_maps.get(name)?.clone();
        callers.push(name.to_owned());
        let program = Arc::new(self.compile_entries(&map, callers));
        callers.pop();
        self.maps.insert(name.to_owned(), program.clone());
        Some(program)
    }

    fn compile_entries(&mut self, map: &RouteMap, callers: &mut Vec<String>) -> Program {
        let seqs: Vec<u16> = map.keys().copied().collect();
        let mut entries = Vec::with_capacity(map.len());
        for (at, entry) in map.values().enumerate() {
            let then = match entry.on_match {
                None => Then::Stop,
                Some(OnMatch::Next) => Then::Goto(at + 1),
                Some(OnMatch::Goto(seq)) => Then::Goto(seqs.partition_point(|s| *s < seq).max(at + 1)),
            };
            entries.push(Entry {
                seq: seqs[at],
                matched: Counter::default(),
                permit: entry.action == Action::Permit,
                conds: entry.matches.iter().map(|m| self.cond(m)).collect(),
                changes: entry.sets.iter().filter_map(|s| self.change(s)).collect(),
                call: entry.call.as_ref().map(|name| self.compile_map(name, callers)),
                then,
            });
        }
        let called =
            |f: fn(&Program) -> bool| entries.iter().flat_map(|e| e.call.iter().flatten()).any(|p| f(p));
        let any = |f: fn(&Cond) -> bool| entries.iter().any(|e| e.conds.iter().any(f));
        let validates = any(|c| matches!(c, Cond::Rpki(_))) || called(Program::validates);
        let counts = |c: &Change| {
            matches!(
                c,
                Change::Set(Set::Bandwidth {
                    amount: BandwidthSet::Cumulative | BandwidthSet::Multipaths,
                    ..
                })
            )
        };
        let counts_company =
            entries.iter().any(|e| e.changes.iter().any(counts)) || called(Program::counts_company);
        let prefix_dependent =
            any(|c| !c.by_attributes()) || validates || counts_company || called(Program::prefix_dependent);
        let changes = || entries.iter().flat_map(|e| &e.changes);
        let measured = |c: &Change| {
            use Set::{Aigp, Metric};
            matches!(c, Change::Set(Metric(MetricSet::Igp | MetricSet::Aigp) | Aigp(AigpSet::Igp)))
        };
        let measures = changes().any(measured) || called(Program::measures);
        let timed = |c: &Change| matches!(c, Change::Set(Set::Metric(MetricSet::RoundTrip(_))));
        let times = changes().any(timed) || called(Program::times);
        let peer_dependent =
            any(|c| matches!(c, Cond::Peer(_) | Cond::RouteSource(_) | Cond::SourceProtocol(_)))
                || changes().any(|c| matches!(c, Change::Set(Set::NextHop(_))))
                || times
                || called(Program::peer_dependent);
        let simple = entries.iter().all(|e| e.call.is_none() && e.then == Then::Stop) && !counts_company;
        let asked = Counter::default();
        Program {
            entries,
            asked,
            simple,
            prefix_dependent,
            peer_dependent,
            validates,
            measures,
            times,
            counts_company,
        }
    }

    fn address(&self, family: Family, m: &AddressMatch) -> Option<Arc<PrefixSet>> {
        match m {
            AddressMatch::AccessList(name) => self.access_lists[family.index()].get(name).cloned(),
            AddressMatch::PrefixList(name) => self.prefix_lists[family.index()].get(name).cloned(),
            AddressMatch::PrefixLen(_) => None,
        }
    }

    fn cond(&self, m: &Match) -> Cond {
        const V4: Family = Family::Ipv4Unicast;
        const V6: Family = Family::Ipv6Unicast;
        let prefix = |family, m: &AddressMatch| match m {
            AddressMatch::PrefixLen(len) => Cond::PrefixLen(family, *len),
            _ => self.address(family, m).map_or(Cond::Never, |s| Cond::Prefix(family, s)),
        };
        let next_hop = |family: Family, m: &NextHopMatch| match m {
            NextHopMatch::AccessList(n) => self.access_lists[family.index()]
                .get(n)
                .map_or(Cond::Never, |s| Cond::NextHop(family, s.clone())),
            NextHopMatch::PrefixList(n) => self.prefix_lists[family.index()]
                .get(n)
                .map_or(Cond::Never, |s| Cond::NextHop(family, s.clone())),
            NextHopMatch::Address(a) => Cond::NextHopIs(*a),
            NextHopMatch::PrefixLen(len) => Cond::NextHopLen(family, *len),
            // A BGP path has an address for a next hop, never a blackhole: FRR's clause holds in zebra only.
            NextHopMatch::Blackhole => Cond::Never,
        };
        match m {
            Match::Ipv4Address(a) => prefix(V4, a),
            Match::Ipv6Address(a) => prefix(V6, a),
            Match::Ipv4NextHop(n) => next_hop(V4, n),
            Match::Ipv6NextHop(n) => next_hop(V6, n),
            Match::AsPath(n) => self.as_path_lists.get(n).map_or(Cond::Never, |s| Cond::AsPath(s.clone())),
            Match::AsPathCount(most) => Cond::AsPathCount(*most),
            Match::Community { list, exact, any } => {
                self.communities.get(list).map_or(Cond::Never, |s| Cond::Community(s.clone(), *exact, *any))
            }
            Match::LargeCommunity { list, exact, any } => {
                self.large.get(list).map_or(Cond::Never, |s| Cond::LargeCommunity(s.clone(), *exact, *any))
            }
            Match::ExtCommunity(n) => self.ext.get(n).map_or(Cond::Never, |s| Cond::ExtCommunity(s.clone())),
            Match::CommunityLimit(most) => Cond::CommunityLimit(*most),
            Match::ExtCommunityLimit(most) => Cond::ExtCommunityLimit(*most),
            Match::Interface(n) => Cond::Interface(n.clone()),
            Match::LocalPreference(v) => Cond::LocalPreference(*v),
            Match::Metric(v) => Cond::Metric(*v),
            Match::Origin(v) => Cond::Origin(*v),
            Match::Peer(v) => Cond::Peer(v.clone()),
            Match::SrcPeer(v) => Cond::SrcPeer(v.clone()),
            Match::SourceInstance(v) => Cond::SourceInstance(*v),
            Match::Tag(v) => Cond::Tag(*v),
            Match::SourceProtocol(v) => Cond::SourceProtocol(*v),
            Match::RouteSource(a) => {
                self.address(V4, a).or_else(|| self.address(V6, a)).map_or(Cond::Never, Cond::RouteSource)
            }
            Match::Probability(v) => Cond::Probability(*v),
            Match::Rpki(v) => Cond::Rpki(*v),
        }
    }

    fn change(&self, set: &Set) -> Option<Change> {
        Some(match set {
            Set::CommunityDelete(name) => Change::CommunityDelete(self.communities.get(name)?.clone()),
            Set::LargeCommunityDelete(name) => Change::LargeCommunityDelete(self.large.get(name)?.clone()),
            Set::Exclude(super::ast::Exclude::List(name)) => {
                Change::ExcludeList(self.as_path_lists.get(name)?.clone())
            }
            Set::Replace(super::ast::Replace::List(name, with)) => {
                Change::ReplaceList(self.as_path_lists.get(name)?.clone(), *with)
            }
            other => Change::Set(other.clone()),
        })
    }
}
