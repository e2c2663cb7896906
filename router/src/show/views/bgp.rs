//! BGP: summary, table, paths, next hops, update groups.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bgp::attrs::Origin;
use bgp::types::Family;
use ipnet::IpNet;
use rib::policy::ast::RpkiState;

use crate::config::model::PeerId;

/// What the summary says about a neighbour's session.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum PeerState {
    /// Not trying.
    #[default]
    Idle,
    /// Waiting for a connection to come up.
    Connect,
    /// Waiting to try again.
    Active,
    /// OPEN sent.
    OpenSent,
    /// OPEN received.
    OpenConfirm,
    /// Up.
    Established,
    /// Being taken down.
    Clearing,
    /// Being deleted.
    Deleted,
}

impl PeerState {
    /// RFC 4271's name.
    pub const fn name(self) -> &'static str {
        match self {
            PeerState::Idle => "Idle",
            PeerState::Connect => "Connect",
            PeerState::Active => "Active",
            PeerState::OpenSent => "OpenSent",
            PeerState::OpenConfirm => "OpenConfirm",
            PeerState::Established => "Established",
            PeerState::Clearing => "Clearing",
            PeerState::Deleted => "Deleted",
        }
    }
}

/// A line of the summary.
#[derive(Clone, PartialEq, Debug)]
pub struct SummaryPeer {
    /// Who.
    pub id: PeerId,
    /// The name that it announced.
    pub hostname: Option<String>,
    /// The software that it announced.
    pub software_version: Option<String>,
    /// Description.
    pub description: Option<String>,
    /// Its AS; 0 while unknown.
    pub remote_as: u32,
    /// Ours towards it.
    pub local_as: u32,
    /// Whether it is of our AS.
    pub internal: bool,
    /// Messages received.
    pub messages_received: u64,
    /// Messages sent.
    pub messages_sent: u64,
    /// Table version that it has been told.
    pub table_version: u64,
    /// Messages waiting inbound.
    pub in_queue: u32,
    /// Messages waiting outbound.
    pub out_queue: u32,
    /// Seconds since the session last came up or went down; `None` if it never was up.
    pub uptime: Option<u64>,
    /// When the session came up, if it is up.
    pub established_epoch: Option<u64>,
    /// Prefixes accepted.
    pub prefixes_received: u32,
    /// Prefixes told.
    pub prefixes_sent: u32,
    /// State of the session.
    pub state: PeerState,
    /// The session carries the family.
    pub negotiated: bool,
    /// Shut down by the operator.
    pub admin_shutdown: bool,
    /// Down because of too many prefixes.
    pub prefix_overflow: bool,
    /// Nothing passes inbound for lack of a policy (RFC 8212).
    pub policy_missing_in: bool,
    /// The same outbound.
    pub policy_missing_out: bool,
    /// How often the session came up.
    pub connections_established: u64,
    /// How often it went down.
    pub connections_dropped: u64,
    /// From a listen range.
    pub dynamic: bool,
    /// Code of the last reset.
    pub last_reset_code: u8,
    /// Text of the last reset, or why the session has not been up yet.
    pub last_reset_reason: String,
}

/// `show bgp [FAMILY] summary`.
#[derive(Clone, PartialEq, Debug)]
pub struct SummaryView {
    /// The family.
    pub family: Family,
    /// Our identifier.
    pub router_id: Ipv4Addr,
    /// Our AS.
    pub local_as: u32,
    /// Version of the table.
    pub table_version: u64,
    /// `update-delay`, if it is configured.
    pub update_delay: Option<UpdateDelayView>,
    /// Prefixes in the table.
    pub rib_entries: u64,
    /// Octets that the table takes.
    pub rib_memory: u64,
    /// Octets that the neighbours take.
    pub peer_memory: u64,
    /// Peer-groups.
    pub peer_groups: u64,
    /// Octets that the peer-groups take.
    pub peer_group_memory: u64,
    /// `bgp dampening`.
    pub dampening: bool,
    /// `bgp bestpath as-path multipath-relax`.
    pub multipath_relax: bool,
    /// `bgp max-med on-startup` is in force.
    pub max_med_on_startup: bool,
    /// `bgp max-med administrative` is in force.
    pub max_med: bool,
    /// `bgp default show-hostname`.
    pub show_hostname: bool,
    /// Neighbours active in the family, in the order of configuration: groups with their members first.
    pub peers: Vec<SummaryPeer>,
}

/// Read-only mode after the start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UpdateDelayView {
    /// Seconds at most.
    pub limit: u16,
    /// Seconds for neighbours without a session.
    pub establish: u16,
    /// When the first session came up, in milliseconds of Unix time.
    pub began: Option<u64>,
    /// When neighbours began to be told, likewise.
    pub over: Option<u64>,
}

/// What stands above a listing of routes.
#[derive(Clone, PartialEq, Debug)]
pub struct TableHeader {
    /// The family.
    pub family: Family,
    /// Version of the table.
    pub table_version: u64,
    /// Our identifier.
    pub router_id: Ipv4Addr,
    /// Our AS.
    pub local_as: u32,
    /// `bgp default local-preference`.
    pub default_local_pref: u32,
    /// `bgp default show-nexthop-hostname`.
    pub show_nexthop_hostname: bool,
    /// Paths in the whole table.
    pub total_paths: u64,
}

/// Kind of an AS_PATH segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SegmentKind {
    /// AS_SEQUENCE.
    Sequence,
    /// AS_SET.
    Set,
    /// AS_CONFED_SEQUENCE.
    ConfedSequence,
    /// AS_CONFED_SET.
    ConfedSet,
}

/// A segment of an AS_PATH.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Segment {
    /// Kind.
    pub kind: SegmentKind,
    /// AS numbers.
    pub asns: Vec<u32>,
}

/// Where a path comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum PathOrigin {
    /// eBGP.
    #[default]
    External,
    /// iBGP.
    Internal,
    /// A neighbour of another AS of our confederation.
    Confederation,
    /// `network`.
    Network,
    /// `redistribute`.
    Redistributed,
    /// `aggregate-address`.
    Aggregate,
}

/// Who sent a path.
#[derive(Clone, PartialEq, Debug)]
pub struct PathPeer {
    /// Who.
    pub id: PeerId,
    /// The address of the session, for those named by an interface.
    pub address: Option<IpAddr>,
    /// Its router identifier.
    pub router_id: Ipv4Addr,
    /// Its name.
    pub hostname: Option<String>,
}

/// A next hop of a path.
#[derive(Clone, PartialEq, Debug)]
pub struct NexthopView {
    /// The address; unspecified for our own routes.
    pub address: IpAddr,
    /// The link-local address that came with a global one.
    pub link_local: Option<Ipv6Addr>,
    /// Whether the link-local address is the one that is used.
    pub link_local_used: bool,
    /// The interface, for neighbours named by one.
    pub interface: Option<String>,
    /// The name of the neighbour that it came from, or our own.
    pub hostname: Option<String>,
    /// Whether there is a way to it.
    pub accessible: bool,
    /// The metric of that way.
    pub metric: Option<u32>,
    /// Inaccessible, and looked up with `network import-check`.
    pub import_check: bool,
}

impl NexthopView {
    /// The link-local address beside the other one and whether it is the one that is used. One that is alone stands for
    /// both, as FRR sends it.
    pub fn both_link_local(&self) -> Option<(Ipv6Addr, bool)> {
        match (self.link_local, self.address) {
            (Some(link_local), _) => Some((link_local, self.link_local_used)),
            (None, IpAddr::V6(alone)) if bgp::types::is_link_local(&alone) => Some((alone, true)),
            (None, _) => None,
        }
    }
}

/// ADD-PATH identifiers for sending.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct AddPathIds {
    /// `addpath-tx-all-paths`.
    pub all: u32,
    /// `addpath-tx-bestpath-per-AS`.
    pub best_per_as: u32,
    /// `addpath-tx-best-selected`.
    pub best_selected: u32,
}

/// A neighbour that was told.
#[derive(Clone, PartialEq, Debug)]
pub struct AdvertisedTo {
    /// Who.
    pub id: PeerId,
    /// Its name.
    pub hostname: Option<String>,
    /// Its peer-group.
    pub peer_group: Option<String>,
}

/// One path of a prefix.
#[derive(Clone, PartialEq, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are shown one by one")]
pub struct PathView {
    /// From whom; `None` for our own.
    pub peer: Option<PathPeer>,
    /// How it got here.
    pub origin_kind: PathOrigin,
    /// AS_PATH.
    pub as_path: Vec<Segment>,
    /// ORIGIN.
    pub origin: Origin,
    /// MULTI_EXIT_DISC.
    pub med: Option<u32>,
    /// LOCAL_PREF, given by the neighbour or by policy.
    pub local_pref: Option<u32>,
    /// Weight.
    pub weight: u32,
    /// Next hop.
    pub nexthop: NexthopView,
    /// AGGREGATOR.
    pub aggregator: Option<(u32, Ipv4Addr)>,
    /// Prefixes in the aggregate, if it is one of ours.
    pub aggregate_count: Option<u32>,
    /// ATOMIC_AGGREGATE.
    pub atomic_aggregate: bool,
    /// AIGP (RFC 7311).
    pub aigp: Option<u64>,
    /// ONLY_TO_CUSTOMER (RFC 9234).
    pub otc: Option<u32>,
    /// COMMUNITIES, sorted.
    pub communities: Vec<u32>,
    /// Extended communities.
    pub ext_communities: Vec<[u8; 8]>,
    /// IPv6 address specific extended communities.
    pub ipv6_ext_communities: Vec<[u8; 20]>,
    /// Large communities.
    pub large_communities: Vec<(u32, u32, u32)>,
    /// ORIGINATOR_ID.
    pub originator_id: Option<Ipv4Addr>,
    /// CLUSTER_LIST.
    pub cluster_list: Vec<Ipv4Addr>,
    /// ADD-PATH identifier received.
    pub path_id: u32,
    /// ADD-PATH identifiers for sending, where the family uses them.
    pub tx_ids: Option<AddPathIds>,
    /// May be used.
    pub valid: bool,
    /// Is used.
    pub best: bool,
    /// Best among those of the neighbouring AS.
    pub best_from_as: Option<u32>,
    /// Why it is the best.
    pub selection_reason: Option<&'static str>,
    /// Used together with the best.
    pub multipath: bool,
    /// Not announced because an aggregate covers it.
    pub suppressed: bool,
    /// Held back because it flaps.
    pub damped: bool,
    /// Kept only for its flap history.
    pub history: bool,
    /// What is known of its flaps.
    pub flaps: Option<FlapsView>,
    /// From a session that ended.
    pub stale: bool,
    /// On its way out.
    pub removed: bool,
    /// Origin validation; `None` while nothing is validated.
    pub rpki: Option<RpkiState>,
    /// In the kernel.
    pub fib_installed: bool,
    /// Who was told this path, where paths are told separately.
    pub advertised_to: Vec<AdvertisedTo>,
    /// When it last changed.
    pub updated_epoch: u64,
    /// How long ago that was, in seconds.
    pub age: u64,
}

/// How a route flapped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FlapsView {
    /// What is left of the penalties.
    pub penalty: u32,
    /// How often.
    pub flaps: u32,
    /// Seconds since the first time.
    pub age: u64,
    /// When that was.
    pub started_epoch: u64,
    /// Seconds until it is used again, if it is suppressed.
    pub reuse: Option<u64>,
}

/// What the kernel did with a prefix.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FibFlags {
    /// It is there.
    pub installed: bool,
    /// It is awaited.
    pub waiting: bool,
    /// Announcing waits for it.
    pub suppress: bool,
    /// It was refused.
    pub failed: bool,
}

/// A prefix with its paths, best first.
#[derive(Clone, PartialEq, Debug)]
pub struct PrefixView {
    /// The prefix.
    pub prefix: IpNet,
    /// Table version of its last change.
    pub version: u64,
    /// Its paths.
    pub paths: Vec<PathView>,
    /// Who was told the best path; `None` where paths are told separately.
    pub advertised_to: Option<Vec<AdvertisedTo>>,
    /// What the kernel did.
    pub fib: FibFlags,
}

impl PathView {
    /// A valid path with nothing else said about it.
    pub fn new(nexthop: IpAddr) -> PathView {
        PathView {
            peer: None,
            origin_kind: PathOrigin::External,
            as_path: Vec::new(),
            origin: Origin::Igp,
            med: None,
            local_pref: None,
            weight: 0,
            nexthop: NexthopView {
                address: nexthop,
                link_local: None,
                link_local_used: false,
                interface: None,
                hostname: None,
                accessible: true,
                metric: Some(0),
                import_check: false,
            },
            aggregator: None,
            aggregate_count: None,
            atomic_aggregate: false,
            communities: Vec::new(),
            ext_communities: Vec::new(),
            ipv6_ext_communities: Vec::new(),
            aigp: None,
            otc: None,
            large_communities: Vec::new(),
            originator_id: None,
            cluster_list: Vec::new(),
            path_id: 0,
            tx_ids: None,
            valid: true,
            best: false,
            best_from_as: None,
            selection_reason: None,
            multipath: false,
            suppressed: false,
            damped: false,
            history: false,
            flaps: None,
            stale: false,
            removed: false,
            rpki: None,
            fib_installed: false,
            advertised_to: Vec::new(),
            updated_epoch: 0,
            age: 0,
        }
    }

    /// Whether it is one of our own.
    pub fn is_local(&self) -> bool {
        matches!(self.origin_kind, PathOrigin::Network | PathOrigin::Redistributed | PathOrigin::Aggregate)
    }

    /// AS_PATH as text, without `Local`.
    pub fn as_path_text(&self) -> String {
        let mut out = String::new();
        for segment in &self.as_path {
            if !out.is_empty() {
                out.push(' ');
            }
            let (open, between, close) = match segment.kind {
                SegmentKind::Sequence => ("", " ", ""),
                SegmentKind::Set => ("{", ",", "}"),
                SegmentKind::ConfedSequence => ("(", " ", ")"),
                SegmentKind::ConfedSet => ("[", ",", "]"),
            };
            out.push_str(open);
            for (i, asn) in segment.asns.iter().enumerate() {
                if i > 0 {
                    out.push_str(between);
                }
                // Text grows without fail.
                let _ = write!(out, "{asn}");
            }
            out.push_str(close);
        }
        out
    }

    /// AS_PATH length as the decision process counts it.
    pub fn as_path_length(&self) -> usize {
        self.as_path
            .iter()
            .map(|s| match s.kind {
                SegmentKind::Sequence => s.asns.len(),
                SegmentKind::Set => 1,
                _ => 0,
            })
            .sum()
    }
}

/// A way to a BGP next hop.
#[derive(Clone, PartialEq, Debug)]
pub struct BgpNexthopHop {
    /// The gateway; `None` if it is directly connected.
    pub gateway: Option<IpAddr>,
    /// The interface.
    pub interface: String,
    /// Its index.
    pub ifindex: u32,
}

/// `show bgp nexthop`: an address and what it resolves to.
#[derive(Clone, PartialEq, Debug)]
pub struct BgpNexthopView {
    /// The address.
    pub address: IpAddr,
    /// Whether there is a way.
    pub valid: bool,
    /// The metric of that way.
    pub metric: u32,
    /// Paths that depend on it.
    pub paths: u64,
    /// A neighbour that depends on it.
    pub peer: Option<String>,
    /// The route that it resolves over.
    pub resolved_prefix: Option<IpNet>,
    /// The route discards.
    pub discard: bool,
    /// The way.
    pub hops: Vec<BgpNexthopHop>,
    /// When it last changed.
    pub updated_epoch: u64,
    /// How long ago that was, in seconds.
    pub age: u64,
}

/// `show bgp update-groups`.
#[derive(Clone, PartialEq, Debug)]
pub struct UpdateGroupView {
    /// Number.
    pub id: u64,
    /// The family.
    pub family: Family,
    /// When it was made.
    pub created_epoch: u64,
    /// How long ago that was, in seconds.
    pub age: u64,
    /// Outbound route-map.
    pub route_map_out: Option<String>,
    /// Seconds between advertisement runs.
    pub advertisement_interval: u16,
    /// How long a change waits for company, milliseconds.
    pub coalesce_ms: u64,
    /// Table version that it has told.
    pub version: u64,
    /// Packets waiting.
    pub queue: u64,
    /// Packets ever queued.
    pub queued_total: u64,
    /// Greatest number of packets that waited.
    pub queue_high: u64,
    /// Prefixes told.
    pub adj_out: u64,
    /// Members that ever joined.
    pub joins: u64,
    /// Members that left.
    pub prunes: u64,
    /// Largest message.
    pub max_packet: u32,
    /// Members.
    pub peers: Vec<PeerId>,
}
