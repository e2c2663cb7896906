//! `router bgp`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use bgp::types::{Asn, Family};
use ipnet::IpNet;
use rib::aggregate::Aggregate;
use rib::weight::Bandwidth;

use super::{Dampening, Kept, Neighbor, PeerGroup, PeerId, Profile, Release};

/// Keepalive and hold time in seconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timers {
    /// Seconds between KEEPALIVEs.
    pub keepalive: u16,
    /// Seconds of silence after which the session ends.
    pub hold: u16,
}

impl Timers {
    /// The defaults of a profile.
    pub const fn of(profile: Profile) -> Timers {
        match profile {
            Profile::Traditional => Timers { keepalive: 60, hold: 180 },
            Profile::Datacenter => Timers { keepalive: 3, hold: 9 },
        }
    }
}

/// `bgp cluster-id`, as given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClusterId {
    /// Dotted.
    Address(Ipv4Addr),
    /// A number.
    Number(u32),
}

/// `bgp bestpath med missing-as-worst` and `confed`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct MedMissing {
    /// A missing MED counts as the highest.
    pub missing_as_worst: bool,
    /// Compare MED among confederation paths.
    pub confed: bool,
}

/// `bgp bestpath ...`
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Bestpath {
    /// `aigp`.
    pub aigp: bool,
    /// `as-path ignore`.
    pub as_path_ignore: bool,
    /// `as-path confed`.
    pub as_path_confed: bool,
    /// `as-path multipath-relax`.
    pub multipath_relax: bool,
    /// `as-path multipath-relax as-set`.
    pub multipath_relax_as_set: bool,
    /// `bandwidth ...`
    pub bandwidth: Bandwidth,
    /// `compare-routerid`.
    pub compare_routerid: bool,
    /// `med ...`
    pub med: MedMissing,
    /// `peer-type multipath-relax`.
    pub peer_type_relax: bool,
}

/// Switches and numbers of an instance, with concrete values: a new instance takes those of the profile and
/// release in force when it is created.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Knobs {
    /// `bgp ebgp-requires-policy` (RFC 8212).
    pub ebgp_requires_policy: bool,
    /// `bgp enforce-first-as`.
    pub enforce_first_as: bool,
    /// `bgp network import-check`.
    pub network_import_check: bool,
    /// `bgp suppress-duplicates`.
    pub suppress_duplicates: bool,
    /// `bgp graceful-restart notification` (RFC 8538).
    pub graceful_restart_notification: bool,
    /// `bgp hard-administrative-reset`.
    pub hard_administrative_reset: bool,
    /// `bgp log-neighbor-changes`.
    pub log_neighbor_changes: bool,
    /// `bgp default show-hostname`.
    pub show_hostname: bool,
    /// `bgp default show-nexthop-hostname`.
    pub show_nexthop_hostname: bool,
    /// `bgp deterministic-med`.
    pub deterministic_med: bool,
    /// `bgp always-compare-med`.
    pub always_compare_med: bool,
    /// `bgp default dynamic-capability`.
    pub dynamic_capability: bool,
    /// `bgp default software-version-capability`.
    pub software_version_capability: bool,
    /// `bgp default link-local-capability`.
    pub link_local_capability: bool,
    /// `bgp default ipv4-unicast`.
    pub default_ipv4_unicast: bool,
    /// `bgp default ipv6-unicast`.
    pub default_ipv6_unicast: bool,
    /// `bgp default shutdown`.
    pub default_shutdown: bool,
    /// `bgp default local-preference`.
    pub local_preference: u32,
    /// `bgp fast-external-failover`.
    pub fast_external_failover: bool,
    /// `bgp fast-convergence`.
    pub fast_convergence: bool,
    /// `bgp client-to-client reflection`.
    pub client_to_client_reflection: bool,
    /// `bgp route-reflector allow-outbound-policy`.
    pub rr_allow_outbound_policy: bool,
    /// `bgp reject-as-sets`.
    pub reject_as_sets: bool,
    /// `bgp disable-ebgp-connected-route-check`.
    pub disable_ebgp_connected_check: bool,
    /// `bgp allow-martian-nexthop`.
    pub allow_martian_nexthop: bool,
    /// `bgp graceful-shutdown` (RFC 8326).
    pub graceful_shutdown: bool,
}

impl Knobs {
    /// The defaults of a profile in a release.
    pub const fn defaults(profile: Profile, release: Release) -> Knobs {
        let datacenter = matches!(profile, Profile::Datacenter);
        Knobs {
            ebgp_requires_policy: !datacenter && at_least(release, Release(7, 4)),
            enforce_first_as: at_least(release, Release(9, 1)),
            network_import_check: datacenter || at_least(release, Release(7, 4)),
            suppress_duplicates: at_least(release, Release(7, 6)),
            graceful_restart_notification: at_least(release, Release(8, 3)),
            hard_administrative_reset: at_least(release, Release(8, 3)),
            log_neighbor_changes: datacenter,
            show_hostname: datacenter,
            show_nexthop_hostname: datacenter,
            deterministic_med: datacenter,
            always_compare_med: false,
            dynamic_capability: datacenter,
            software_version_capability: datacenter,
            link_local_capability: datacenter,
            default_ipv4_unicast: true,
            default_ipv6_unicast: false,
            default_shutdown: false,
            local_preference: 100,
            fast_external_failover: true,
            fast_convergence: false,
            client_to_client_reflection: true,
            rr_allow_outbound_policy: false,
            reject_as_sets: false,
            disable_ebgp_connected_check: false,
            allow_martian_nexthop: false,
            graceful_shutdown: false,
        }
    }
}

const fn at_least(release: Release, since: Release) -> bool {
    release.0 > since.0 || (release.0 == since.0 && release.1 >= since.1)
}

/// `network PREFIX ...`
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Network {
    /// `route-map NAME`.
    pub route_map: Option<String>,
    /// `backdoor`: not originated, but the eBGP route gets the local distance.
    pub backdoor: bool,
    /// `label-index N`, kept.
    pub label_index: Option<u32>,
}

/// What can be redistributed into BGP.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum RedistributeFrom {
    /// `connected`.
    Connected,
    /// `kernel`.
    Kernel,
    /// `static`.
    Static,
    /// `local`.
    Local,
    /// `table N`.
    Table(u32),
    /// `table-direct N`.
    TableDirect(u32),
    /// A protocol that we do not run, by name (with its instance).
    Other(String),
}

/// `redistribute P ...`
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Redistribute {
    /// `metric N`.
    pub metric: Option<u32>,
    /// `route-map NAME`.
    pub route_map: Option<String>,
}

/// `distance bgp E I L`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Distances {
    /// eBGP routes.
    pub external: u8,
    /// iBGP routes.
    pub internal: u8,
    /// Own routes.
    pub local: u8,
}

impl Default for Distances {
    fn default() -> Distances {
        Distances { external: 20, internal: 200, local: 200 }
    }
}

/// What belongs to one address family of an instance.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct BgpFamily {
    /// `network`.
    pub networks: BTreeMap<IpNet, Network>,
    /// `aggregate-address`.
    pub aggregates: BTreeMap<IpNet, Aggregate>,
    /// `redistribute`.
    pub redistribute: BTreeMap<RedistributeFrom, Redistribute>,
    /// `maximum-paths N`.
    pub maximum_paths: Option<u16>,
    /// `maximum-paths ibgp N`.
    pub maximum_paths_ibgp: Option<u16>,
    /// `equal-cluster-length` behind it.
    pub equal_cluster_length: bool,
    /// `distance bgp`.
    pub distance: Option<Distances>,
    /// `distance N PREFIX [ACL]`.
    pub distance_prefixes: BTreeMap<IpNet, (u8, Option<String>)>,
    /// `table-map NAME`.
    pub table_map: Option<String>,
    /// `bgp dampening`.
    pub dampening: Option<Dampening>,
    /// Other lines.
    pub kept: Kept,
}

/// `bgp listen range PREFIX peer-group NAME`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListenRange {
    /// Who may connect.
    pub prefix: IpNet,
    /// Which group such a neighbour joins.
    pub peer_group: String,
}

/// `router bgp ASN`.
#[derive(Clone, PartialEq, Debug)]
pub struct Bgp {
    /// Our AS.
    pub asn: Asn,
    /// `as-notation`, as given.
    pub as_notation: Option<String>,
    /// The profile in force when the instance was made.
    pub profile: Profile,
    /// `bgp router-id`.
    pub router_id: Option<Ipv4Addr>,
    /// `bgp cluster-id`.
    pub cluster_id: Option<ClusterId>,
    /// Switches and numbers.
    pub knobs: Knobs,
    /// `bgp bestpath ...`
    pub bestpath: Bestpath,
    /// `timers bgp`.
    pub timers: Option<Timers>,
    /// `bgp minimum-holdtime`.
    pub minimum_holdtime: Option<u16>,
    /// `bgp shutdown`, with its message.
    pub shutdown: Option<Option<String>>,
    /// `bgp listen limit`.
    pub listen_limit: Option<u16>,
    /// `bgp listen range`.
    pub listen_ranges: Vec<ListenRange>,
    /// `bgp confederation identifier`.
    pub confederation_identifier: Option<Asn>,
    /// `bgp confederation peers`.
    pub confederation_peers: BTreeSet<Asn>,
    /// `bgp graceful-restart` (`Some(true)`), `bgp graceful-restart-disable` (`Some(false)`); helper otherwise.
    pub graceful_restart: Option<bool>,
    /// `bgp graceful-restart restart-time`.
    pub graceful_restart_time: Option<u16>,
    /// `bgp graceful-restart stalepath-time`.
    pub graceful_stalepath_time: Option<u16>,
    /// `bgp graceful-restart select-defer-time`.
    pub graceful_select_defer_time: Option<u16>,
    /// `bgp graceful-restart rib-stale-time`.
    pub graceful_rib_stale_time: Option<u16>,
    /// `bgp graceful-restart preserve-fw-state`.
    pub graceful_preserve_fw_state: bool,
    /// `bgp long-lived-graceful-restart stale-time`.
    pub long_lived_stale_time: Option<u32>,
    /// `update-delay MAX [ESTABLISH]`.
    pub update_delay: Option<(u16, Option<u16>)>,
    /// `bgp conditional-advertisement timer`, seconds. Conditions are looked at when something changes.
    pub conditional_timer: Option<u8>,
    /// `bgp suppress-fib-pending [MS]`.
    pub suppress_fib_pending: Option<Option<u16>>,
    /// `advertisement-delay`, seconds.
    pub advertisement_delay: Option<u16>,
    /// `coalesce-time`, milliseconds.
    pub coalesce_time: Option<u32>,
    /// `bgp max-med administrative [N]`.
    pub max_med: Option<u32>,
    /// `bgp max-med on-startup SECONDS [N]`.
    pub max_med_on_startup: Option<(u32, u32)>,
    /// `bgp tcp-keepalive IDLE INTERVAL PROBES`.
    pub tcp_keepalive: Option<(u16, u16, u8)>,
    /// Peer-groups by name.
    pub peer_groups: BTreeMap<String, PeerGroup>,
    /// Neighbours by interface or address.
    pub neighbors: BTreeMap<PeerId, Neighbor>,
    /// Per family, indexed by [`Family::index`].
    pub families: [BgpFamily; 2],
    /// Other lines.
    pub kept: Kept,
    /// Other nodes inside (`bmp targets X`, families that we do not carry), by the line that opens them.
    pub blocks: BTreeMap<String, super::Block>,
}

impl Bgp {
    /// A new instance with the defaults of a profile in a release.
    pub fn new(asn: Asn, profile: Profile, release: Release) -> Bgp {
        Bgp {
            asn,
            as_notation: None,
            profile,
            router_id: None,
            cluster_id: None,
            knobs: Knobs::defaults(profile, release),
            bestpath: Bestpath::default(),
            timers: None,
            minimum_holdtime: None,
            shutdown: None,
            listen_limit: None,
            listen_ranges: Vec::new(),
            confederation_identifier: None,
            confederation_peers: BTreeSet::new(),
            graceful_restart: None,
            graceful_restart_time: None,
            graceful_stalepath_time: None,
            graceful_select_defer_time: None,
            graceful_rib_stale_time: None,
            graceful_preserve_fw_state: false,
            long_lived_stale_time: None,
            update_delay: None,
            suppress_fib_pending: None,
            advertisement_delay: None,
            conditional_timer: None,
            coalesce_time: None,
            max_med: None,
            max_med_on_startup: None,
            tcp_keepalive: None,
            peer_groups: BTreeMap::new(),
            neighbors: BTreeMap::new(),
            families: [BgpFamily::default(), BgpFamily::default()],
            kept: Kept::default(),
            blocks: BTreeMap::new(),
        }
    }

    /// What belongs to one family.
    pub fn family(&self, family: Family) -> &BgpFamily {
        match family {
            Family::Ipv4Unicast => &self.families[0],
            Family::Ipv6Unicast => &self.families[1],
        }
    }

    /// The same, to change it.
    pub fn family_mut(&mut self, family: Family) -> &mut BgpFamily {
        match family {
            Family::Ipv4Unicast => &mut self.families[0],
            Family::Ipv6Unicast => &mut self.families[1],
        }
    }

    /// Whether an AS is another member of our confederation (RFC 5065).
    pub fn is_member(&self, asn: Asn) -> bool {
        self.confederation_identifier.is_some() && self.confederation_peers.contains(&asn) && asn != self.asn
    }

    /// The AS that those outside of our confederation see, or everybody without one.
    pub fn outside_as(&self) -> Asn {
        self.confederation_identifier.unwrap_or(self.asn)
    }

    /// Keepalive and hold time for neighbours that say nothing.
    pub fn default_timers(&self) -> Timers {
        self.timers.unwrap_or(Timers::of(self.profile))
    }

    /// Paths that eBGP multipath may use at most.
    pub fn maximum_paths(&self, family: Family) -> u16 {
        self.family(family).maximum_paths.unwrap_or(MAXIMUM_PATHS)
    }

    /// Paths that iBGP multipath may use at most.
    pub fn maximum_paths_ibgp(&self, family: Family) -> u16 {
        self.family(family).maximum_paths_ibgp.unwrap_or(MAXIMUM_PATHS)
    }
}

/// What `bgp max-med` announces if it does not say.
pub const MAX_MED: u32 = u32::MAX - 1;

/// The multipath limit of the build, and the default.
pub const MAXIMUM_PATHS: u16 = 256;
