//! Neighbours, peer-groups and their options.
//!
//! Every option is an `Option`: `None` inherits from the peer-group, and then from the instance.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use bgp::types::{Asn, Family};
use rib::policy::ast::ExtCommunity;

use super::{Dampening, Kept, Timers};

/// What names a neighbour.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub enum PeerId {
    /// `neighbor IFNAME interface`.
    Interface(String),
    /// `neighbor ADDRESS`.
    Address(IpAddr),
}

impl PeerId {
    /// From the word after `neighbor`: an address, or else an interface.
    pub fn from_word(word: &str) -> PeerId {
        match word.parse() {
            Ok(address) => PeerId::Address(address),
            Err(_) => PeerId::Interface(word.to_owned()),
        }
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PeerId::Interface(name) => f.pad(name),
            PeerId::Address(address) => f.pad(&address.to_string()),
        }
    }
}

/// Interfaces first, then IPv4, then IPv6, each in order: the order of all listings.
impl Ord for PeerId {
    fn cmp(&self, other: &PeerId) -> Ordering {
        match (self, other) {
            (PeerId::Interface(a), PeerId::Interface(b)) => a.cmp(b),
            (PeerId::Interface(_), PeerId::Address(_)) => Ordering::Less,
            (PeerId::Address(_), PeerId::Interface(_)) => Ordering::Greater,
            (PeerId::Address(a), PeerId::Address(b)) => a.cmp(b),
        }
    }
}

impl PartialOrd for PeerId {
    fn partial_cmp(&self, other: &PeerId) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// `remote-as`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RemoteAs {
    /// A number.
    Number(Asn),
    /// `internal`: our own.
    Internal,
    /// `external`: any other.
    External,
    /// `auto`: whatever the neighbour says.
    Auto,
}

/// `update-source`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum UpdateSource {
    /// An address of ours.
    Address(IpAddr),
    /// The address of an interface.
    Interface(String),
}

/// `shutdown`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Shutdown {
    /// `no shutdown` against a peer-group's `shutdown`.
    Off,
    /// `shutdown [message M]` (RFC 9003).
    On(Option<String>),
}

/// `local-as`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LocalAs {
    /// The AS that the neighbour sees.
    pub asn: Asn,
    /// `no-prepend`: leave it out of received paths.
    pub no_prepend: bool,
    /// `replace-as`: leave our true AS out of sent paths.
    pub replace_as: bool,
    /// `dual-as`: the neighbour may use either.
    pub dual_as: bool,
}

/// BGP roles (RFC 9234).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// We are the provider.
    Provider,
    /// We are a route server.
    RsServer,
    /// We are a client of a route server.
    RsClient,
    /// We are the customer.
    Customer,
    /// Lateral peers.
    Peer,
}

impl Role {
    /// All roles with the names that commands use.
    pub const NAMES: [(Role, &'static str); 5] = [
        (Role::Provider, "provider"),
        (Role::RsServer, "rs-server"),
        (Role::RsClient, "rs-client"),
        (Role::Customer, "customer"),
        (Role::Peer, "peer"),
    ];

    /// As commands spell it.
    pub fn name(self) -> &'static str {
        Role::NAMES.iter().find(|(r, _)| *r == self).map_or("", |(_, n)| n)
    }
}

/// `local-role`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LocalRole {
    /// Our role.
    pub role: Role,
    /// `strict-mode`: the neighbour must announce its role.
    pub strict: bool,
}

/// Per-neighbour graceful restart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GracefulRestartMode {
    /// `graceful-restart`.
    Restart,
    /// `graceful-restart-helper`.
    Helper,
    /// `graceful-restart-disable`.
    Disable,
}

/// `bfd`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Bfd {
    /// `bfd MULTIPLIER RX TX`.
    pub timers: Option<(u8, u32, u32)>,
    /// `bfd profile NAME`.
    pub profile: Option<String>,
    /// `bfd check-control-plane-failure`.
    pub check_control_plane_failure: bool,
    /// `bfd strict`.
    pub strict: bool,
    /// `bfd strict hold-time`.
    pub strict_hold_time: Option<u32>,
}

/// Options of a neighbour or peer-group that do not depend on the family.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[expect(missing_docs, reason = "each field is the `neighbor X` option of the same name")]
pub struct PeerOptions {
    pub remote_as: Option<RemoteAs>,
    /// `alternate-as` behind it, from the first to the second of each pair; of peer-groups only.
    pub alternate_as: Option<Vec<(Asn, Asn)>>,
    pub description: Option<String>,
    pub shutdown: Option<Shutdown>,
    pub password: Option<String>,
    /// `neighbor ADDRESS interface NAME`: the link of a link-local address.
    pub interface: Option<String>,
    pub local_as: Option<LocalAs>,
    pub local_role: Option<LocalRole>,
    pub bfd: Option<Bfd>,
    pub solo: Option<bool>,
    pub port: Option<u16>,
    pub passive: Option<bool>,
    /// Greatest number of hops.
    pub ebgp_multihop: Option<u8>,
    /// Greatest number of hops, GTSM (RFC 5082).
    pub ttl_security: Option<u8>,
    pub disable_connected_check: Option<bool>,
    pub enforce_first_as: Option<bool>,
    pub update_source: Option<UpdateSource>,
    pub advertisement_interval: Option<u16>,
    pub timers: Option<Timers>,
    pub connect_retry: Option<u16>,
    pub delay_open: Option<u16>,
    pub capability_dynamic: Option<bool>,
    pub capability_extended_nexthop: Option<bool>,
    pub capability_fqdn: Option<bool>,
    pub capability_software_version: Option<bool>,
    pub capability_link_local: Option<bool>,
    pub extended_optional_parameters: Option<bool>,
    pub dont_capability_negotiate: Option<bool>,
    pub override_capability: Option<bool>,
    pub strict_capability_match: Option<bool>,
    pub sender_loop_detection: Option<bool>,
    pub graceful_shutdown: Option<bool>,
    pub aigp: Option<bool>,
    /// `disable-link-bw-encoding-ieee`.
    pub integer_bandwidth: Option<bool>,
    /// `extended-link-bandwidth`.
    pub long_bandwidth: Option<bool>,
    pub graceful_restart: Option<GracefulRestartMode>,
    pub tcp_mss: Option<u16>,
    /// `path-attribute discard`.
    pub discard_attributes: Option<BTreeSet<u8>>,
    /// `path-attribute treat-as-withdraw`.
    pub withdraw_attributes: Option<BTreeSet<u8>>,
}

/// `maximum-prefix`: what happens beyond the limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MaximumPrefixAction {
    /// End the session until cleared.
    Shutdown,
    /// `restart MINUTES`: try again after that time.
    Restart(u16),
    /// `warning-only`: log.
    Warn,
}

/// `maximum-prefix`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MaximumPrefix {
    /// The limit.
    pub limit: u32,
    /// Percentage from which to warn.
    pub threshold: u8,
    /// Beyond the limit.
    pub action: MaximumPrefixAction,
    /// `force`: count before policy.
    pub force: bool,
}

/// `allowas-in [route-map NAME] [N|origin]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AllowAsIn {
    /// Where our AS may stand.
    pub place: OwnAsPlace,
    /// Which such routes are accepted.
    pub route_map: Option<String>,
}

/// Where our own AS may stand in a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OwnAsPlace {
    /// Anywhere, that many times.
    Count(u8),
    /// As the origin only.
    Origin,
}

/// `advertise-map R exist-map|non-exist-map C`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AdvertiseMap {
    /// Which routes are told on the condition.
    pub route_map: String,
    /// What the table must have, or must not have.
    pub condition: String,
    /// `exist-map`.
    pub exist: bool,
}

/// `default-originate`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DefaultOriginate {
    /// Only while this route-map permits some route.
    pub route_map: Option<String>,
}

/// `next-hop-self`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NextHopSelf {
    /// Switched off against the peer-group.
    Off,
    /// For routes learned by eBGP.
    On,
    /// `force`: for reflected routes too.
    Force,
}

/// `send-community`: which kinds go out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SendCommunity {
    /// RFC 1997.
    pub standard: bool,
    /// RFC 4360.
    pub extended: bool,
    /// RFC 8092.
    pub large: bool,
}

impl SendCommunity {
    /// Everything: the default.
    pub const ALL: SendCommunity = SendCommunity { standard: true, extended: true, large: true };
}

/// `remove-private-AS`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RemovePrivateAs {
    /// `all`: even if there are public ones.
    pub all: bool,
    /// `replace-AS`: put ours in their place.
    pub replace: bool,
}

/// `attribute-unchanged`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct AttributeUnchanged {
    /// `as-path`.
    pub as_path: bool,
    /// `next-hop`.
    pub next_hop: bool,
    /// `med`.
    pub med: bool,
}

/// Which paths go to a neighbour that takes several (RFC 7911).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AddPathTx {
    /// `addpath-tx-all-paths`.
    All,
    /// `addpath-tx-bestpath-per-AS`.
    BestPerAs,
    /// `addpath-tx-best-selected N`.
    BestSelected(u8),
}

/// Options of a neighbour or peer-group in one family.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[expect(missing_docs, reason = "each field is the `neighbor X` option of the same name")]
pub struct PeerFamily {
    pub activate: Option<bool>,
    pub addpath_tx: Option<AddPathTx>,
    pub disable_addpath_rx: Option<bool>,
    pub addpath_rx_paths_limit: Option<u16>,
    pub route_reflector_client: Option<bool>,
    pub route_server_client: Option<bool>,
    pub next_hop_self: Option<NextHopSelf>,
    pub remove_private_as: Option<RemovePrivateAs>,
    pub as_override: Option<bool>,
    pub send_community: Option<SendCommunity>,
    pub default_originate: Option<DefaultOriginate>,
    pub soft_reconfiguration: Option<bool>,
    pub maximum_prefix: Option<MaximumPrefix>,
    pub maximum_prefix_out: Option<u32>,
    pub nexthop_local_unchanged: Option<bool>,
    pub allowas_in: Option<AllowAsIn>,
    pub weight: Option<u16>,
    /// `soo`.
    pub site_of_origin: Option<ExtCommunity>,
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
    pub attribute_unchanged: Option<AttributeUnchanged>,
    pub dampening: Option<Dampening>,
    /// Other lines, without `neighbor X`.
    pub kept: Kept,
}

/// A peer-group.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PeerGroup {
    /// Options that do not depend on the family.
    pub options: PeerOptions,
    /// Per family, indexed by [`Family::index`].
    pub families: [PeerFamily; 2],
    /// Other lines, without `neighbor X`.
    pub kept: Kept,
}

/// A neighbour.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Neighbor {
    /// `peer-group NAME`.
    pub peer_group: Option<String>,
    /// `interface v6only`, for those named by an interface.
    pub v6only: bool,
    /// Options that do not depend on the family.
    pub options: PeerOptions,
    /// Per family, indexed by [`Family::index`].
    pub families: [PeerFamily; 2],
    /// Other lines, without `neighbor X`.
    pub kept: Kept,
}

impl Neighbor {
    /// What belongs to one family.
    pub fn family(&self, family: Family) -> &PeerFamily {
        match family {
            Family::Ipv4Unicast => &self.families[0],
            Family::Ipv6Unicast => &self.families[1],
        }
    }
}

impl PeerGroup {
    /// What belongs to one family.
    pub fn family(&self, family: Family) -> &PeerFamily {
        match family {
            Family::Ipv4Unicast => &self.families[0],
            Family::Ipv6Unicast => &self.families[1],
        }
    }
}
