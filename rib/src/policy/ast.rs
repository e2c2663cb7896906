//! Policy as the operator wrote it: what the configuration holds and renders back.
//!
//! Nothing is resolved here: names may be undefined. `compile` turns it into programs.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bgp::attrs::Origin;
use ipnet::IpNet;

/// What a matching entry says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Action {
    /// Accept.
    Permit,
    /// Refuse.
    Deny,
}

/// One line of a prefix-list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PrefixListEntry {
    /// Permit or deny.
    pub action: Action,
    /// The prefix; `None` is `any`.
    pub prefix: Option<IpNet>,
    /// Least prefix length, inclusive.
    pub ge: Option<u8>,
    /// Greatest prefix length, inclusive.
    pub le: Option<u8>,
}

/// A prefix-list: entries by sequence number, first match counts, none is deny.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PrefixList {
    /// `... description TEXT`.
    pub description: Option<String>,
    /// Entries by sequence number.
    pub entries: BTreeMap<u32, PrefixListEntry>,
}

/// Addresses as the lines of access-lists with wildcards name them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wildcard {
    /// `any`: all.
    Any,
    /// `host A`: one.
    Host(Ipv4Addr),
    /// `A W`: those that are this one where the wildcard has no bit.
    Masked(Ipv4Addr, Ipv4Addr),
}

impl Wildcard {
    /// The address, and the bits that do not count.
    pub const fn bits(self) -> (Ipv4Addr, Ipv4Addr) {
        match self {
            Wildcard::Any => (Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST),
            Wildcard::Host(addr) => (addr, Ipv4Addr::UNSPECIFIED),
            Wildcard::Masked(addr, wild) => (addr, wild),
        }
    }

    /// Whether an address is among them. As in FRR, one with bits that do not count stands for none.
    pub fn holds(self, addr: Ipv4Addr) -> bool {
        let (wanted, wild) = self.bits();
        u32::from(addr) & !u32::from(wild) == u32::from(wanted)
    }
}

/// Which routes a line of an access-list is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AccessMatch {
    /// `any`: all.
    Any,
    /// `PREFIX`: all inside; with `exact-match` that one alone.
    Prefix(IpNet, bool),
    /// `A W`, `host A`: those with such an address, whatever their length.
    Standard(Wildcard),
    /// `ip SOURCE DESTINATION`: those with such an address, and such a netmask.
    Extended(Wildcard, Wildcard),
}

/// An access-list: entries by sequence number, first match counts, none is deny.
pub type AccessList = BTreeMap<u32, ListEntry<AccessMatch>>;

/// One line of a list whose entries are regular expressions or community values.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListEntry<T> {
    /// Permit or deny.
    pub action: Action,
    /// What must hold.
    pub value: T,
}

/// An AS-path access-list: POSIX expressions over the text form, `_` is a delimiter.
pub type AsPathList = BTreeMap<u32, ListEntry<String>>;

/// A large community (RFC 8092).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct LargeCommunity {
    /// Global administrator.
    pub global: u32,
    /// Local data 1.
    pub local1: u32,
    /// Local data 2.
    pub local2: u32,
}

/// An extended community (RFC 4360), eight octets as on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct ExtCommunity(pub [u8; 8]);

/// A standard entry lists values that must all be present; an expanded one is an expression over the text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CommunityMatch<T> {
    /// `standard`: all of these; an empty list matches any (`internet`).
    Standard(Vec<T>),
    /// `expanded`: POSIX expression over the community list as text.
    Expanded(String),
}

/// A community-list of one kind. `expanded` tells how an empty or mixed list is rendered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommunityList<T> {
    /// `expanded` rather than `standard`.
    pub expanded: bool,
    /// Entries by sequence number.
    pub entries: BTreeMap<u32, ListEntry<CommunityMatch<T>>>,
}

/// Which prefix of a route a clause looks at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AddressMatch {
    /// `match ip|ipv6 address NAME`.
    AccessList(String),
    /// `match ip|ipv6 address prefix-list NAME`.
    PrefixList(String),
    /// `match ip|ipv6 address prefix-len N`.
    PrefixLen(u8),
}

/// Which next hop a clause looks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NextHopMatch {
    /// `match ip next-hop NAME`.
    AccessList(String),
    /// `match ip|ipv6 next-hop prefix-list NAME`.
    PrefixList(String),
    /// `match ip|ipv6 next-hop address A`.
    Address(IpAddr),
    /// `match ip next-hop prefix-len N`.
    PrefixLen(u8),
    /// `match ip|ipv6 next-hop type blackhole`.
    Blackhole,
}

/// A `match` line. All lines of an entry must hold; a clause of the other family does not hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Match {
    /// `match ip address ...`
    Ipv4Address(AddressMatch),
    /// `match ipv6 address ...`
    Ipv6Address(AddressMatch),
    /// `match ip next-hop ...`
    Ipv4NextHop(NextHopMatch),
    /// `match ipv6 next-hop ...`
    Ipv6NextHop(NextHopMatch),
    /// `match as-path NAME`
    AsPath(String),
    /// `match as-path-count N`: no more ASes than that in the path, a set counting once.
    AsPathCount(u16),
    /// `match community NAME [exact-match|any]`
    Community {
        /// List name or number.
        list: String,
        /// `exact-match`.
        exact: bool,
        /// `any`.
        any: bool,
    },
    /// `match large-community NAME [exact-match|any]`
    LargeCommunity {
        /// List name or number.
        list: String,
        /// `exact-match`.
        exact: bool,
        /// `any`.
        any: bool,
    },
    /// `match community-limit N`: no more communities than that.
    CommunityLimit(u16),
    /// `match extcommunity NAME`
    ExtCommunity(String),
    /// `match extcommunity-limit N`: no more extended communities than that.
    ExtCommunityLimit(u16),
    /// `match interface NAME`: the interface of a connected route, or that the next hop resolves over.
    Interface(String),
    /// `match local-preference N`
    LocalPreference(u32),
    /// `match metric N`
    Metric(u32),
    /// `match origin ...`
    Origin(Origin),
    /// `match peer A|IF|local`
    Peer(PeerMatch),
    /// `match src-peer A|IF`: the neighbour that the route came from.
    SrcPeer(PeerMatch),
    /// `match source-instance N`: protocols have one instance here, number 0.
    SourceInstance(u8),
    /// `match tag N`
    Tag(u32),
    /// `match source-protocol P`
    SourceProtocol(SourceProtocol),
    /// `match ip route-source NAME` or `... prefix-list NAME`: the peer's address.
    RouteSource(AddressMatch),
    /// `match probability N` (percent)
    Probability(u8),
    /// `match rpki valid|invalid|notfound`
    Rpki(RpkiState),
}

/// `match peer`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PeerMatch {
    /// Address of the session.
    Address(IpAddr),
    /// Interface of an unnumbered session.
    Interface(String),
    /// Routes of our own.
    Local,
}

/// Where a route came from, as policy and redistribution name it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum SourceProtocol {
    /// A BGP peer or our own `network`.
    Bgp,
    /// On an interface of ours.
    Connected,
    /// From the configuration.
    Static,
    /// Found in the kernel, put there by somebody else.
    Kernel,
}

/// Origin validation state (RFC 6811).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum RpkiState {
    /// Covered and matching.
    Valid,
    /// Covered and not matching.
    Invalid,
    /// Not covered.
    NotFound,
}

/// A number that is set or changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arith {
    /// `N`
    Set(u32),
    /// `+N`, saturating.
    Add(u32),
    /// `-N`, saturating.
    Sub(u32),
}

/// `set metric`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MetricSet {
    /// A number.
    Value(Arith),
    /// `igp`: the metric to the next hop.
    Igp,
    /// `aigp`: the accumulated metric, if there is one.
    Aigp,
    /// `rtt`, `+rtt`, `-rtt`: the round-trip time of the neighbour's session, milliseconds.
    RoundTrip(Measured),
}

/// `set aigp-metric`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AigpSet {
    /// A number.
    Value(u32),
    /// `igp-metric`: the metric to the next hop.
    Igp,
}

/// `set as-path prepend`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Prepend {
    /// These numbers, leftmost first.
    Asns(Vec<u32>),
    /// `last-as N`: the leftmost AS again, N times.
    LastAs(u8),
}

/// `set as-path exclude`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Exclude {
    /// These numbers, wherever they stand.
    Asns(Vec<u32>),
    /// `all`.
    All,
    /// `as-path-access-list NAME`.
    List(String),
}

/// `set as-path replace`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Replace {
    /// `any [ASN]`.
    Any(Option<u32>),
    /// `ASN [WITH]`.
    Asn(u32, Option<u32>),
    /// `as-path-access-list NAME [WITH]`.
    List(String, Option<u32>),
}

/// `set ip|ipv6 next-hop`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NextHopSet {
    /// `set ip next-hop A`.
    Ipv4(Ipv4Addr),
    /// `set ipv6 next-hop global A`.
    Ipv6Global(Ipv6Addr),
    /// `set ipv6 next-hop local A`.
    Ipv6Local(Ipv6Addr),
    /// `set ip next-hop peer-address`.
    Ipv4PeerAddress,
    /// `set ipv6 next-hop peer-address`.
    Ipv6PeerAddress,
    /// `set ip next-hop unchanged`.
    Unchanged,
    /// `set ipv6 next-hop prefer-global`.
    PreferGlobal,
}

/// How much `set extcommunity bandwidth` says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BandwidthSet {
    /// So many megabits a second.
    Megabits(u32),
    /// `cumulative`: the sum over the multipath members.
    Cumulative,
    /// `num-multipaths`: a megabit a second for each multipath member.
    Multipaths,
}

/// How a measured value is put into a route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Measured {
    /// `rtt`: in place of what it has.
    Set,
    /// `+rtt`: added.
    Add,
    /// `-rtt`: taken off.
    Sub,
}

/// A `set` line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Set {
    /// `set as-path prepend ...`
    Prepend(Prepend),
    /// `set as-path exclude ...`
    Exclude(Exclude),
    /// `set as-path replace ...`
    Replace(Replace),
    /// `set community ... [additive]`; `none` is the empty list without `additive`.
    Community {
        /// The values, sorted.
        values: Vec<u32>,
        /// Keep those that the route has.
        additive: bool,
    },
    /// `set comm-list NAME delete`
    CommunityDelete(String),
    /// `set large-community ... [additive]`; `none` as above.
    LargeCommunity {
        /// The values, sorted.
        values: Vec<LargeCommunity>,
        /// Keep those that the route has.
        additive: bool,
    },
    /// `set large-comm-list NAME delete`
    LargeCommunityDelete(String),
    /// `set extcommunity ...`; the empty list is `none`.
    ExtCommunity(Vec<ExtCommunity>),
    /// `set extcommunity bandwidth ... [non-transitive]`
    Bandwidth {
        /// How much.
        amount: BandwidthSet,
        /// It may leave the AS.
        transitive: bool,
    },
    /// `set ... next-hop ...`
    NextHop(NextHopSet),
    /// `set local-preference ...`
    LocalPreference(Arith),
    /// `set metric ...`
    Metric(MetricSet),
    /// `set origin ...`
    Origin(Origin),
    /// `set weight N`
    Weight(u32),
    /// `set tag N`
    Tag(u32),
    /// `set distance N`
    Distance(u8),
    /// `set src A`: preferred source address in the kernel.
    Source(IpAddr),
    /// `set originator-id A`
    OriginatorId(Ipv4Addr),
    /// `set atomic-aggregate`
    AtomicAggregate,
    /// `set aggregator as N A`
    Aggregator(u32, Ipv4Addr),
    /// `set aigp-metric ...` (RFC 7311)
    Aigp(AigpSet),
}

/// Where to go on after a matching permit entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnMatch {
    /// `on-match next`, `continue`.
    Next,
    /// `on-match goto N`, `continue N`.
    Goto(u16),
}

/// One entry of a route-map.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RouteMapEntry {
    /// Permit or deny.
    pub action: Action,
    /// `description`.
    pub description: Option<String>,
    /// `match` lines, in the fixed order in which they are rendered.
    pub matches: Vec<Match>,
    /// `set` lines, in the fixed order in which they are rendered.
    pub sets: Vec<Set>,
    /// `call NAME`.
    pub call: Option<String>,
    /// `on-match`.
    pub on_match: Option<OnMatch>,
}

impl RouteMapEntry {
    /// An entry without clauses.
    pub fn new(action: Action) -> RouteMapEntry {
        RouteMapEntry {
            action,
            description: None,
            matches: Vec::new(),
            sets: Vec::new(),
            call: None,
            on_match: None,
        }
    }
}

/// A route-map: entries by sequence number; none matching is deny.
pub type RouteMap = BTreeMap<u16, RouteMapEntry>;

/// All of the operator's lists and route-maps, by name.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Policies {
    /// `ip prefix-list`.
    pub prefix_lists_v4: BTreeMap<String, PrefixList>,
    /// `ipv6 prefix-list`.
    pub prefix_lists_v6: BTreeMap<String, PrefixList>,
    /// `access-list`.
    pub access_lists_v4: BTreeMap<String, AccessList>,
    /// `ipv6 access-list`.
    pub access_lists_v6: BTreeMap<String, AccessList>,
    /// `bgp as-path access-list`.
    pub as_path_lists: BTreeMap<String, AsPathList>,
    /// `bgp community-list`.
    pub community_lists: BTreeMap<String, CommunityList<u32>>,
    /// `bgp large-community-list`.
    pub large_community_lists: BTreeMap<String, CommunityList<LargeCommunity>>,
    /// `bgp extcommunity-list`.
    pub ext_community_lists: BTreeMap<String, CommunityList<ExtCommunity>>,
    /// `route-map`.
    pub route_maps: BTreeMap<String, RouteMap>,
}
