//! BGP: one neighbour in all detail.

use std::net::{IpAddr, Ipv4Addr};

use bgp::types::{Family, PeerKind};
use ipnet::IpNet;

use super::bgp::PeerState;
use crate::config::model::{AddPathTx, AdvertiseMap, PeerId, SendCommunity};

/// Which side announced something.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Direction {
    /// Nobody.
    #[default]
    None,
    /// We did.
    Advertised,
    /// The neighbour did.
    Received,
    /// Both.
    Both,
}

impl Direction {
    /// From what each side did.
    pub const fn of(advertised: bool, received: bool) -> Direction {
        match (advertised, received) {
            (true, true) => Direction::Both,
            (true, false) => Direction::Advertised,
            (false, true) => Direction::Received,
            (false, false) => Direction::None,
        }
    }

    /// Whether we did.
    pub const fn advertised(self) -> bool {
        matches!(self, Direction::Advertised | Direction::Both)
    }

    /// Whether the neighbour did.
    pub const fn received(self) -> bool {
        matches!(self, Direction::Received | Direction::Both)
    }
}

/// ADD-PATH in a family (RFC 7911).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AddPathCapability {
    /// The family.
    pub family: Family,
    /// Who can send several paths: `Advertised` is us.
    pub send: Direction,
    /// Who can receive several paths.
    pub receive: Direction,
    /// The most paths of a prefix that we ask for and the neighbour does, where they say; 0 is no limit.
    pub limits: [Option<u16>; 2],
}

/// The graceful-restart capability as received (RFC 4724).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ReceivedGracefulRestart {
    /// Restart time, seconds.
    pub time: u16,
    /// The neighbour has restarted.
    pub restarted: bool,
    /// Notifications keep routes (RFC 8538).
    pub notification: bool,
    /// Families, each with whether forwarding was preserved.
    pub families: Vec<(Family, bool)>,
}

/// Capabilities of an established session.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Capabilities {
    /// Four-octet AS numbers.
    pub four_octet_as: Direction,
    /// Extended messages.
    pub extended_message: Direction,
    /// ADD-PATH by family.
    pub add_path: Vec<AddPathCapability>,
    /// Dynamic capabilities.
    pub dynamic: Direction,
    /// Extended next hop, families of which the neighbour announced it.
    pub extended_nexthop: Direction,
    /// Families of it that the neighbour announced.
    pub extended_nexthop_by_peer: Vec<Family>,
    /// Long-lived graceful restart.
    pub long_lived_graceful_restart: Direction,
    /// Families of it that the neighbour announced, each with whether forwarding was preserved.
    pub long_lived_by_peer: Vec<(Family, bool)>,
    /// Route refresh.
    pub route_refresh: Direction,
    /// Enhanced route refresh.
    pub enhanced_route_refresh: Direction,
    /// Families.
    pub families: Vec<(Family, Direction)>,
    /// Our name as announced.
    pub hostname_sent: Option<String>,
    /// Our domain as announced.
    pub domain_sent: Option<String>,
    /// The neighbour's name.
    pub hostname_received: Option<String>,
    /// The neighbour's domain.
    pub domain_received: Option<String>,
    /// Our software as announced.
    pub software_sent: Option<String>,
    /// The neighbour's software.
    pub software_received: Option<String>,
    /// Link-local next hop.
    pub link_local_nexthop: Direction,
    /// Role.
    pub role: Direction,
    /// Graceful restart.
    pub graceful_restart: Direction,
    /// What the neighbour said about it.
    pub graceful_restart_received: Option<ReceivedGracefulRestart>,
}

/// Graceful restart in one family.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GracefulRestartFamily {
    /// The family.
    pub family: Family,
    /// Forwarding was preserved.
    pub forwarding: bool,
    /// We sent End-of-RIB.
    pub eor_sent: bool,
    /// We sent it after the first update.
    pub eor_sent_after_update: bool,
    /// We got End-of-RIB.
    pub eor_received: bool,
    /// Seconds that stale paths stay.
    pub stalepath_time: u32,
    /// Seconds before paths are chosen, in restart mode.
    pub selection_deferral: Option<u32>,
    /// Seconds of it that remain.
    pub selection_deferral_remaining: Option<u32>,
    /// Seconds that long-lived stale paths stay.
    pub llgr_stale_time: u32,
}

/// Graceful restart as it is going on.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct GracefulRestartView {
    /// `Helper*`, `Restart`, `Disable`, ...: a star means inherited from the instance.
    pub local_mode: String,
    /// `Helper`, `Restart`, `NotApplicable`, ...
    pub remote_mode: String,
    /// The neighbour's restart bit.
    pub r_bit: bool,
    /// The neighbour's notification bit.
    pub n_bit: bool,
    /// Our restart time.
    pub configured_time: u16,
    /// The neighbour's restart time.
    pub received_time: u16,
    /// Our long-lived stale time.
    pub llgr_time: u32,
    /// By family.
    pub families: Vec<GracefulRestartFamily>,
}

/// A pair of counters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SentReceived {
    /// Sent.
    pub sent: u64,
    /// Received.
    pub received: u64,
}

/// Messages by type.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[expect(missing_docs, reason = "the message types")]
pub struct MessageStats {
    pub in_queue: u32,
    pub out_queue: u32,
    pub opens: SentReceived,
    pub notifications: SentReceived,
    pub updates: SentReceived,
    pub keepalives: SentReceived,
    pub route_refresh: SentReceived,
    pub capability: SentReceived,
}

impl MessageStats {
    /// All of them.
    pub const fn total(&self) -> SentReceived {
        SentReceived {
            sent: self.opens.sent
                + self.notifications.sent
                + self.updates.sent
                + self.keepalives.sent
                + self.route_refresh.sent
                + self.capability.sent,
            received: self.opens.received
                + self.notifications.received
                + self.updates.received
                + self.keepalives.received
                + self.route_refresh.received
                + self.capability.received,
        }
    }
}

/// Why received prefixes were not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[expect(missing_docs, reason = "as `show bgp neighbors` prints them")]
pub struct PrefixStats {
    pub inbound_filtered: u64,
    pub as_path_loop: u64,
    pub originator_loop: u64,
    pub cluster_loop: u64,
    pub invalid_next_hop: u64,
    pub withdrawn: u64,
    pub attributes_discarded: u64,
}

/// Whether a direction has a policy.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum PathPolicy {
    /// There is one.
    Configured,
    /// There is none, and nothing passes (RFC 8212).
    Missing,
    /// There is none, and none is needed.
    #[default]
    NotNeeded,
}

/// A neighbour in one family.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "as `show bgp neighbors` prints them")]
pub struct NeighborFamilyView {
    pub family: Family,
    /// Member of this group, which sets the policy.
    pub peer_group: Option<String>,
    /// Group and subgroup; `None` while the session is down.
    pub update_group: Option<(u64, u64)>,
    pub packet_queue: u32,
    pub addpath_tx: Option<AddPathTx>,
    pub soft_reconfiguration: bool,
    pub next_hop_self: bool,
    pub route_reflector_client: bool,
    pub route_server_client: bool,
    pub as_override: bool,
    pub allowas_in: Option<u8>,
    pub remove_private_as: bool,
    pub send_community: SendCommunity,
    pub default_originate: bool,
    /// The condition of the default route.
    pub default_map: Option<String>,
    /// The default route was sent.
    pub default_sent: bool,
    pub policy_in: PathPolicy,
    pub policy_out: PathPolicy,
    pub weight: Option<u16>,
    pub distribute_list_in: Option<String>,
    pub distribute_list_out: Option<String>,
    pub prefix_list_in: Option<String>,
    pub prefix_list_out: Option<String>,
    pub filter_list_in: Option<String>,
    pub filter_list_out: Option<String>,
    pub route_map_in: Option<String>,
    pub route_map_out: Option<String>,
    pub unsuppress_map: Option<String>,
    pub advertise_map: Option<AdvertiseMap>,
    /// What the advertise-map permits is told.
    pub advertised: bool,
    pub accepted: u32,
    /// `None` while the session is down.
    pub sent: Option<u32>,
    pub duplicates: u64,
    pub maximum_prefix: Option<u32>,
    pub maximum_prefix_threshold: u8,
    /// Seconds until the session is tried again.
    pub maximum_prefix_restart: Option<u32>,
    pub maximum_prefix_warning_only: bool,
}

impl NeighborFamilyView {
    /// A family of which nothing is configured and nothing has happened.
    pub fn new(family: Family) -> NeighborFamilyView {
        NeighborFamilyView {
            family,
            peer_group: None,
            update_group: None,
            packet_queue: 0,
            addpath_tx: None,
            soft_reconfiguration: false,
            next_hop_self: false,
            route_reflector_client: false,
            route_server_client: false,
            as_override: false,
            allowas_in: None,
            remove_private_as: false,
            send_community: SendCommunity::ALL,
            default_originate: false,
            default_map: None,
            default_sent: false,
            policy_in: PathPolicy::NotNeeded,
            policy_out: PathPolicy::NotNeeded,
            weight: None,
            distribute_list_in: None,
            distribute_list_out: None,
            prefix_list_in: None,
            prefix_list_out: None,
            filter_list_in: None,
            filter_list_out: None,
            route_map_in: None,
            route_map_out: None,
            unsuppress_map: None,
            advertise_map: None,
            advertised: false,
            accepted: 0,
            sent: None,
            duplicates: 0,
            maximum_prefix: None,
            maximum_prefix_threshold: 75,
            maximum_prefix_restart: None,
            maximum_prefix_warning_only: false,
        }
    }
}

/// Why and when a session last ended.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LastReset {
    /// Seconds ago; `None` for never.
    pub age: Option<u64>,
    /// FRR's code.
    pub code: u8,
    /// FRR's text for it.
    pub reason: String,
    /// The NOTIFICATION as `Code/Subcode` in words, sent or received.
    pub notification: Option<String>,
    /// Its code and subcode.
    pub notification_codes: Option<(u8, u8)>,
    /// The message of an administrative shutdown or reset.
    pub message: Option<String>,
}

/// Both ends of the connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EndpointView {
    /// Our address.
    pub local: IpAddr,
    /// Our port.
    pub local_port: u16,
    /// Theirs.
    pub remote: IpAddr,
    /// Their port.
    pub remote_port: u16,
    /// IPv4 next hop that we announce.
    pub nexthop: Ipv4Addr,
    /// IPv6 next hop that we announce.
    pub nexthop_global: std::net::Ipv6Addr,
    /// Link-local next hop that we announce.
    pub nexthop_local: std::net::Ipv6Addr,
    /// Whether the neighbour is on a network that we share.
    pub shared_network: bool,
}

/// The timer that a session that is down waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NextTimer {
    /// IdleHoldTimer, milliseconds.
    Start(u64),
    /// ConnectRetryTimer, milliseconds.
    Connect(u64),
}

/// BFD of a neighbour.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BfdView {
    /// Over several hops.
    pub multihop: bool,
    /// Detection multiplier.
    pub multiplier: u8,
    /// Milliseconds.
    pub rx_interval: u32,
    /// Milliseconds.
    pub tx_interval: u32,
    /// `Up`, `Down`, `Unknown`.
    pub status: String,
    /// Seconds since it changed.
    pub age: u64,
}

/// How often an attribute was malformed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ErrorCount {
    /// Type code.
    pub attribute: u8,
    /// What was done about it, in the words of RFC 7606.
    pub action: &'static str,
    /// How often.
    pub times: u64,
}

/// A message that was not as it should be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ErrorView {
    /// Seconds since it came.
    pub age: u64,
    /// What was wrong and what was done about it.
    pub text: String,
    /// The message after its header, as far as it is kept.
    pub bytes: std::sync::Arc<[u8]>,
    /// Octets that it had.
    pub len: usize,
}

/// What a neighbour sent that was not as it should be.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ErrorsView {
    /// Attributes, by type and action.
    pub counts: Vec<ErrorCount>,
    /// The last messages, oldest first.
    pub recent: Vec<ErrorView>,
}

/// `show bgp neighbors`.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "as `show bgp neighbors` prints them")]
pub struct NeighborView {
    pub id: PeerId,
    /// The address of the session; for interface neighbours the one that was learnt.
    pub address: Option<IpAddr>,
    pub remote_as: u32,
    pub local_as: u32,
    pub local_as_no_prepend: bool,
    pub local_as_replace: bool,
    pub local_as_dual: bool,
    pub kind: PeerKind,
    pub local_role: Option<&'static str>,
    pub remote_role: Option<&'static str>,
    pub description: Option<String>,
    pub hostname: Option<String>,
    pub domainname: Option<String>,
    pub peer_group: Option<String>,
    /// The listen range that it is from.
    pub listen_range: Option<IpNet>,
    pub admin_shutdown: bool,
    pub remote_router_id: Ipv4Addr,
    pub local_router_id: Ipv4Addr,
    pub state: PeerState,
    /// Seconds since the session is up.
    pub uptime: Option<u64>,
    pub established_epoch: Option<u64>,
    /// Milliseconds since a message came.
    pub last_read: Option<u64>,
    /// Milliseconds since one was sent.
    pub last_write: Option<u64>,
    /// Milliseconds since an UPDATE came.
    pub last_update: Option<u64>,
    /// Negotiated, seconds.
    pub hold_time: u32,
    pub keepalive: u32,
    pub configured_hold_time: u32,
    pub configured_keepalive: u32,
    pub tcp_mss_configured: u16,
    pub tcp_mss: u16,
    pub extended_optional_parameters: bool,
    pub conditional_advertisement: u32,
    /// `None` while the session is down.
    pub capabilities: Option<Capabilities>,
    pub graceful_restart: GracefulRestartView,
    pub messages: MessageStats,
    pub prefix_stats: PrefixStats,
    /// Seconds between advertisement runs.
    pub advertisement_interval: u16,
    pub update_source: Option<String>,
    pub families: Vec<NeighborFamilyView>,
    pub connections_established: u64,
    pub connections_dropped: u64,
    pub last_reset: LastReset,
    /// Software as announced.
    pub software_version: Option<String>,
    /// Hops that the session may cross.
    pub max_hops: u8,
    /// `ttl-security hops`, if that is how the hops are limited.
    pub ttl_security: Option<u8>,
    pub endpoint: Option<EndpointView>,
    pub connect_retry: u16,
    pub next_timer: Option<NextTimer>,
    pub rtt_ms: Option<u32>,
    pub authentication: bool,
    pub errors: ErrorsView,
    pub read_on: bool,
    pub write_on: bool,
    pub fd: Option<i32>,
    pub bfd: Option<BfdView>,
}

impl NeighborView {
    /// A neighbour that was just configured.
    pub fn new(id: PeerId) -> NeighborView {
        let address = match &id {
            PeerId::Address(address) => Some(*address),
            PeerId::Interface(_) => None,
        };
        NeighborView {
            id,
            address,
            remote_as: 0,
            local_as: 0,
            local_as_no_prepend: false,
            local_as_replace: false,
            local_as_dual: false,
            kind: PeerKind::External,
            local_role: None,
            remote_role: None,
            description: None,
            hostname: None,
            domainname: None,
            peer_group: None,
            listen_range: None,
            admin_shutdown: false,
            remote_router_id: Ipv4Addr::UNSPECIFIED,
            local_router_id: Ipv4Addr::UNSPECIFIED,
            state: PeerState::Idle,
            uptime: None,
            established_epoch: None,
            last_read: None,
            last_write: None,
            last_update: None,
            hold_time: 180,
            keepalive: 60,
            configured_hold_time: 180,
            configured_keepalive: 60,
            tcp_mss_configured: 0,
            tcp_mss: 0,
            extended_optional_parameters: false,
            conditional_advertisement: 60,
            capabilities: None,
            graceful_restart: GracefulRestartView {
                local_mode: "Helper*".to_owned(),
                remote_mode: "NotApplicable".to_owned(),
                configured_time: 120,
                ..GracefulRestartView::default()
            },
            messages: MessageStats::default(),
            prefix_stats: PrefixStats::default(),
            advertisement_interval: 0,
            update_source: None,
            families: Vec::new(),
            connections_established: 0,
            connections_dropped: 0,
            last_reset: LastReset::default(),
            software_version: None,
            max_hops: 1,
            ttl_security: None,
            endpoint: None,
            connect_retry: 30,
            next_timer: None,
            rtt_ms: None,
            authentication: false,
            errors: ErrorsView::default(),
            read_on: false,
            write_on: false,
            fd: None,
            bfd: None,
        }
    }
}
