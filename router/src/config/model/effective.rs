//! What a neighbour's settings come to: its own, else its peer-group's, else the instance's.

use std::collections::BTreeSet;

use bgp::types::{Asn, Family, PeerKind};
use rib::policy::ast::ExtCommunity;

use super::neighbor::{
    AddPathTx, AdvertiseMap, AllowAsIn, AttributeUnchanged, Bfd, DefaultOriginate, GracefulRestartMode,
    LocalAs, LocalRole, MaximumPrefix, Neighbor, NextHopSelf, PeerFamily, PeerGroup, PeerId, PeerOptions,
    RemoteAs, RemovePrivateAs, SendCommunity, Shutdown, UpdateSource,
};
use super::{Bgp, Dampening, Profile, Timers};

/// A neighbour's settings in one family, everything resolved.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "each field is the `neighbor X` option of the same name")]
pub struct FamilySettings {
    pub activate: bool,
    pub addpath_tx: Option<AddPathTx>,
    pub addpath_rx: bool,
    pub addpath_rx_paths_limit: Option<u16>,
    pub route_reflector_client: bool,
    pub route_server_client: bool,
    pub next_hop_self: NextHopSelf,
    pub remove_private_as: Option<RemovePrivateAs>,
    pub as_override: bool,
    pub send_community: SendCommunity,
    pub default_originate: Option<DefaultOriginate>,
    pub soft_reconfiguration: bool,
    pub maximum_prefix: Option<MaximumPrefix>,
    pub maximum_prefix_out: Option<u32>,
    pub nexthop_local_unchanged: bool,
    pub allowas_in: Option<AllowAsIn>,
    pub weight: u16,
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
    pub attribute_unchanged: AttributeUnchanged,
    /// In force: its own, its group's or the family's.
    pub dampening: Option<Dampening>,
    /// Whether it is not the family's.
    pub has_dampening: bool,
    /// Whether routes from here pass only because a policy says so (RFC 8212): any filter counts.
    pub has_policy_in: bool,
    /// The same for routes to here.
    pub has_policy_out: bool,
}

/// A neighbour's settings, everything resolved.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "each field is the `neighbor X` option of the same name")]
pub struct NeighborSettings {
    pub remote_as: RemoteAs,
    /// Others of a peer-group's members, from the first to the second of each pair.
    pub alternate_as: Vec<(Asn, Asn)>,
    pub peer_group: Option<String>,
    pub description: Option<String>,
    /// Held down by its own, its group's or the instance's `shutdown`.
    pub shutdown: bool,
    pub shutdown_message: Option<String>,
    pub password: Option<String>,
    /// The link of a link-local address.
    pub interface: Option<String>,
    /// An interface neighbour is looked for by IPv6 only.
    pub v6only: bool,
    pub local_as: Option<LocalAs>,
    pub local_role: Option<LocalRole>,
    pub bfd: Option<Bfd>,
    pub solo: bool,
    pub port: u16,
    pub passive: bool,
    /// Hops that an eBGP session may cross; `None`: one.
    pub ebgp_multihop: Option<u8>,
    pub ttl_security: Option<u8>,
    pub disable_connected_check: bool,
    pub enforce_first_as: bool,
    pub update_source: Option<UpdateSource>,
    /// Seconds between advertisement runs.
    pub advertisement_interval: u16,
    pub timers: Timers,
    /// Whether the timers come from the neighbour or its group rather than from the instance.
    pub timers_configured: bool,
    pub connect_retry: u16,
    pub delay_open: Option<u16>,
    pub capability_dynamic: bool,
    /// `None`: as the session needs (on for interface neighbours).
    pub capability_extended_nexthop: bool,
    pub capability_fqdn: bool,
    pub capability_software_version: bool,
    pub capability_link_local: bool,
    pub extended_optional_parameters: bool,
    pub dont_capability_negotiate: bool,
    pub override_capability: bool,
    pub strict_capability_match: bool,
    pub sender_loop_detection: bool,
    pub graceful_shutdown: bool,
    pub aigp: bool,
    pub integer_bandwidth: bool,
    pub long_bandwidth: bool,
    pub graceful_restart: GracefulRestartMode,
    pub tcp_mss: Option<u16>,
    pub discard_attributes: BTreeSet<u8>,
    pub withdraw_attributes: BTreeSet<u8>,
    /// Per family, indexed by [`Family::index`].
    pub families: [FamilySettings; 2],
}

impl NeighborSettings {
    /// The settings in one family.
    pub fn family(&self, family: Family) -> &FamilySettings {
        match family {
            Family::Ipv4Unicast => &self.families[0],
            Family::Ipv6Unicast => &self.families[1],
        }
    }

    /// The interface that a link-local address belongs to.
    pub fn scope(&self) -> Option<&str> {
        let source = self.update_source.as_ref().and_then(|source| match source {
            UpdateSource::Interface(name) => Some(name.as_str()),
            UpdateSource::Address(_) => None,
        });
        self.interface.as_deref().or(source)
    }

    /// Where a neighbour with AS `remote` is.
    pub fn kind(&self, bgp: &Bgp, remote: Asn) -> PeerKind {
        let remote = match self.remote_as {
            RemoteAs::Internal => return PeerKind::Internal,
            RemoteAs::External => return PeerKind::External,
            RemoteAs::Number(asn) => asn,
            RemoteAs::Auto => remote,
        };
        if remote == bgp.asn || self.local_as.is_some_and(|l| l.asn == remote) {
            PeerKind::Internal
        } else if bgp.is_member(remote) {
            PeerKind::Confederation
        } else {
            PeerKind::External
        }
    }

    /// The AS that the neighbour sees us in; of two, the one to try first.
    pub fn seen_as(&self, bgp: &Bgp) -> Asn {
        let outside = match self.remote_as {
            RemoteAs::Number(asn) => asn != bgp.asn && !bgp.is_member(asn),
            RemoteAs::External => true,
            RemoteAs::Internal | RemoteAs::Auto => false,
        };
        let asn = if outside { bgp.outside_as() } else { bgp.asn };
        self.local_as.map_or(asn, |l| l.asn)
    }
}

impl Bgp {
    /// The settings of a configured neighbour; `None` if there is no such neighbour or it has no `remote-as`.
    pub fn effective(&self, id: &PeerId) -> Option<NeighborSettings> {
        let neighbor = self.neighbors.get(id)?;
        let group = neighbor.peer_group.as_ref().and_then(|name| self.peer_groups.get(name));
        let unnumbered = matches!(id, PeerId::Interface(_));
        resolve(self, neighbor, group, unnumbered)
    }

    /// The settings of a neighbour that connected from a `listen range` of this group.
    pub fn effective_dynamic(&self, group: &str) -> Option<NeighborSettings> {
        let member = Neighbor { peer_group: Some(group.to_owned()), ..Neighbor::default() };
        let mut settings = resolve(self, &member, self.peer_groups.get(group), false)?;
        settings.passive = true;
        Some(settings)
    }
}

fn resolve(
    bgp: &Bgp,
    neighbor: &Neighbor,
    group: Option<&PeerGroup>,
    unnumbered: bool,
) -> Option<NeighborSettings> {
    let no_options = PeerOptions::default();
    let own = &neighbor.options;
    let inherited = group.map_or(&no_options, |g| &g.options);
    macro_rules! pick {
        ($field:ident) => {
            own.$field.clone().or_else(|| inherited.$field.clone())
        };
        ($field:ident, $default:expr) => {
            pick!($field).unwrap_or($default)
        };
    }
    let remote_as = inherited.remote_as.or(own.remote_as)?;
    let (shutdown, shutdown_message) = match (pick!(shutdown), &bgp.shutdown) {
        (_, Some(message)) => (true, message.clone()),
        (Some(Shutdown::On(message)), None) => (true, message),
        (Some(Shutdown::Off), None) => (false, None),
        (None, None) => (bgp.knobs.default_shutdown, None),
    };
    let families = Family::ALL.map(|family| resolve_family(bgp, neighbor, group, family));
    Some(NeighborSettings {
        remote_as,
        alternate_as: inherited.alternate_as.clone().unwrap_or_default(),
        peer_group: neighbor.peer_group.clone(),
        description: pick!(description),
        shutdown,
        shutdown_message,
        password: pick!(password),
        interface: pick!(interface),
        v6only: neighbor.v6only,
        local_as: pick!(local_as),
        local_role: pick!(local_role),
        bfd: pick!(bfd),
        solo: pick!(solo, false),
        port: pick!(port, 179),
        passive: pick!(passive, false),
        ebgp_multihop: pick!(ebgp_multihop),
        ttl_security: pick!(ttl_security),
        disable_connected_check: pick!(disable_connected_check, false)
            || bgp.knobs.disable_ebgp_connected_check,
        enforce_first_as: pick!(enforce_first_as, bgp.knobs.enforce_first_as),
        update_source: pick!(update_source),
        advertisement_interval: pick!(advertisement_interval, 0),
        timers: pick!(timers, bgp.default_timers()),
        timers_configured: pick!(timers).is_some(),
        connect_retry: pick!(connect_retry, default_connect_retry(bgp.profile)),
        delay_open: pick!(delay_open),
        capability_dynamic: pick!(capability_dynamic, bgp.knobs.dynamic_capability),
        capability_extended_nexthop: pick!(capability_extended_nexthop, unnumbered),
        capability_fqdn: pick!(capability_fqdn, true),
        capability_software_version: pick!(
            capability_software_version,
            bgp.knobs.software_version_capability
        ),
        capability_link_local: pick!(capability_link_local, bgp.knobs.link_local_capability && unnumbered),
        extended_optional_parameters: pick!(extended_optional_parameters, false),
        dont_capability_negotiate: pick!(dont_capability_negotiate, false),
        override_capability: pick!(override_capability, false),
        strict_capability_match: pick!(strict_capability_match, false),
        sender_loop_detection: pick!(sender_loop_detection, false),
        graceful_shutdown: pick!(graceful_shutdown, false) || bgp.knobs.graceful_shutdown,
        aigp: pick!(aigp, false),
        integer_bandwidth: pick!(integer_bandwidth, false),
        long_bandwidth: pick!(long_bandwidth, false),
        graceful_restart: pick!(graceful_restart, default_graceful_restart(bgp)),
        tcp_mss: pick!(tcp_mss),
        discard_attributes: pick!(discard_attributes, BTreeSet::new()),
        withdraw_attributes: pick!(withdraw_attributes, BTreeSet::new()),
        families,
    })
}

const fn default_connect_retry(profile: Profile) -> u16 {
    match profile {
        Profile::Traditional => 30,
        Profile::Datacenter => 10,
    }
}

fn default_graceful_restart(bgp: &Bgp) -> GracefulRestartMode {
    match bgp.graceful_restart {
        Some(true) => GracefulRestartMode::Restart,
        Some(false) => GracefulRestartMode::Disable,
        None => GracefulRestartMode::Helper,
    }
}

fn resolve_family(
    bgp: &Bgp,
    neighbor: &Neighbor,
    group: Option<&PeerGroup>,
    family: Family,
) -> FamilySettings {
    let no_options = PeerFamily::default();
    let own = neighbor.family(family);
    let inherited = group.map_or(&no_options, |g| g.family(family));
    macro_rules! pick {
        ($field:ident) => {
            own.$field.clone().or_else(|| inherited.$field.clone())
        };
        ($field:ident, $default:expr) => {
            pick!($field).unwrap_or($default)
        };
    }
    let active_by_default = match family {
        Family::Ipv4Unicast => bgp.knobs.default_ipv4_unicast,
        Family::Ipv6Unicast => bgp.knobs.default_ipv6_unicast,
    };
    let settings = FamilySettings {
        activate: pick!(activate, active_by_default),
        addpath_tx: pick!(addpath_tx),
        addpath_rx: !pick!(disable_addpath_rx, false),
        addpath_rx_paths_limit: pick!(addpath_rx_paths_limit),
        route_reflector_client: pick!(route_reflector_client, false),
        route_server_client: pick!(route_server_client, false),
        next_hop_self: pick!(next_hop_self, NextHopSelf::Off),
        remove_private_as: pick!(remove_private_as),
        as_override: pick!(as_override, false),
        send_community: pick!(send_community, SendCommunity::ALL),
        default_originate: pick!(default_originate),
        soft_reconfiguration: pick!(soft_reconfiguration, false),
        maximum_prefix: pick!(maximum_prefix),
        maximum_prefix_out: pick!(maximum_prefix_out),
        nexthop_local_unchanged: pick!(nexthop_local_unchanged, false),
        allowas_in: pick!(allowas_in),
        weight: pick!(weight, 0),
        site_of_origin: pick!(site_of_origin),
        distribute_list_in: pick!(distribute_list_in),
        distribute_list_out: pick!(distribute_list_out),
        prefix_list_in: pick!(prefix_list_in),
        prefix_list_out: pick!(prefix_list_out),
        filter_list_in: pick!(filter_list_in),
        filter_list_out: pick!(filter_list_out),
        route_map_in: pick!(route_map_in),
        route_map_out: pick!(route_map_out),
        unsuppress_map: pick!(unsuppress_map),
        advertise_map: pick!(advertise_map),
        attribute_unchanged: pick!(attribute_unchanged, AttributeUnchanged::default()),
        dampening: pick!(dampening).or(bgp.family(family).dampening),
        has_dampening: pick!(dampening).is_some(),
        has_policy_in: false,
        has_policy_out: false,
    };
    FamilySettings {
        has_policy_in: settings.distribute_list_in.is_some()
            || settings.prefix_list_in.is_some()
            || settings.filter_list_in.is_some()
            || settings.route_map_in.is_some(),
        has_policy_out: settings.distribute_list_out.is_some()
            || settings.prefix_list_out.is_some()
            || settings.filter_list_out.is_some()
            || settings.route_map_out.is_some(),
        ..settings
    }
}
