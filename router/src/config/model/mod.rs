//! The typed configuration.
//!
//! A [`Config`] is plain data: cloning one gives a candidate, comparing two tells whether anything changed.
//! What the engine does not do yet is held as [`Kept`] lines, so that it is rendered back as it was given.

mod effective;
mod instance;
mod interface;
mod kept;
mod neighbor;
mod rpki;
mod statics;
#[cfg(test)]
mod tests;

use bgp::types::Family;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

pub use rib::aggregate::Aggregate;
pub use rib::damping::Parameters as Dampening;
use rib::nexthop::Resilient;
use rib::policy::ast::{Match, Policies};

pub use effective::{FamilySettings, NeighborSettings};
pub use instance::{
    Bestpath, Bgp, BgpFamily, ClusterId, Distances, Knobs, ListenRange, MAX_MED, MedMissing, Network,
    Redistribute, RedistributeFrom, Timers,
};
pub use interface::{Interface, InterfaceAddress, NdOptions, Track, TrackKind, VrrpGroup};
pub use kept::{Kept, KeptLine};
pub use neighbor::{
    AddPathTx, AdvertiseMap, AllowAsIn, AttributeUnchanged, Bfd, DefaultOriginate, GracefulRestartMode,
    LocalAs, LocalRole, MaximumPrefix, MaximumPrefixAction, Neighbor, NextHopSelf, OwnAsPlace, PeerFamily,
    PeerGroup, PeerId, PeerOptions, RemoteAs, RemovePrivateAs, Role, SendCommunity, Shutdown, UpdateSource,
};
pub use rpki::{Rpki, RpkiCache, RpkiTransport};
pub use statics::{StaticRoute, StaticTarget, Vrf};

/// The version of FRR whose language and output we speak.
pub const FRR_VERSION: &str = "10.8.0";

/// `frr defaults`: which set of defaults new objects take.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Profile {
    /// Conservative timers, policy required.
    #[default]
    Traditional,
    /// Fast timers, no policy required.
    Datacenter,
}

impl Profile {
    /// As in `frr defaults`.
    pub const fn name(self) -> &'static str {
        match self {
            Profile::Traditional => "traditional",
            Profile::Datacenter => "datacenter",
        }
    }
}

/// A release as (major, minor), for the defaults that changed over time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Release(pub u16, pub u16);

impl Release {
    /// The release whose defaults we have.
    pub const CURRENT: Release = Release(10, 8);

    /// Reads the leading numbers of a version text such as `8.4.4` or `10.8-dev`; anything else is current.
    pub fn parse(text: &str) -> Release {
        let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u16>);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => Release(major, minor),
            (Some(Ok(major)), _) => Release(major, 0),
            _ => Release::CURRENT,
        }
    }
}

/// Syslog severities as `log` commands name them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum LogLevel {
    /// 0
    Emergencies,
    /// 1
    Alerts,
    /// 2
    Critical,
    /// 3
    Errors,
    /// 4
    Warnings,
    /// 5
    Notifications,
    /// 6
    Informational,
    /// 7
    Debugging,
}

impl LogLevel {
    /// All levels, most severe first.
    pub const ALL: [LogLevel; 8] = [
        LogLevel::Emergencies,
        LogLevel::Alerts,
        LogLevel::Critical,
        LogLevel::Errors,
        LogLevel::Warnings,
        LogLevel::Notifications,
        LogLevel::Informational,
        LogLevel::Debugging,
    ];

    /// As commands spell it.
    pub const fn name(self) -> &'static str {
        match self {
            LogLevel::Emergencies => "emergencies",
            LogLevel::Alerts => "alerts",
            LogLevel::Critical => "critical",
            LogLevel::Errors => "errors",
            LogLevel::Warnings => "warnings",
            LogLevel::Notifications => "notifications",
            LogLevel::Informational => "informational",
            LogLevel::Debugging => "debugging",
        }
    }

    /// From its exact name.
    pub fn from_name(name: &str) -> Option<LogLevel> {
        LogLevel::ALL.into_iter().find(|l| l.name() == name)
    }
}

/// One place that logs go to; no level means `debugging`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LogTarget {
    /// Least severity that is written.
    pub level: Option<LogLevel>,
}

/// The `log ...` lines.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Logging {
    /// `log file PATH [LEVEL]`
    pub file: Option<(String, LogTarget)>,
    /// `log syslog [LEVEL]`
    pub syslog: Option<LogTarget>,
    /// `log stdout [LEVEL]`
    pub stdout: Option<LogTarget>,
    /// `log monitor [LEVEL]`
    pub monitor: Option<LogTarget>,
    /// `log facility F`
    pub facility: Option<String>,
    /// `log timestamp precision N`
    pub timestamp_precision: u8,
    /// `log commands`
    pub commands: bool,
    /// `log record-priority`
    pub record_priority: bool,
}

/// `line vty`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LineVty {
    /// `exec-timeout MINUTES [SECONDS]`, in seconds.
    pub exec_timeout: Option<u64>,
    /// `access-class` and `login` lines.
    pub kept: Kept,
}

/// A node whose engine comes later: its lines, and the nodes inside it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Block {
    /// Lines directly in the node.
    pub kept: Kept,
    /// Nodes inside, by the line that opens them.
    pub blocks: BTreeMap<String, Block>,
}

/// Route-maps by family and protocol.
pub type ProtocolMaps = BTreeMap<(Family, String), String>;

/// Everything that the operator can say.
#[derive(Clone, PartialEq, Debug)]
pub struct Config {
    /// The release named by `frr version` in the file that was read; decides the defaults of new objects.
    pub release: Release,
    /// `frr defaults`.
    pub profile: Profile,
    /// `hostname`.
    pub hostname: Option<String>,
    /// `domainname`.
    pub domainname: Option<String>,
    /// `log ...`
    pub logging: Logging,
    /// `ip forwarding`: `None` leaves the kernel's setting alone.
    pub ipv4_forwarding: Option<bool>,
    /// `ipv6 forwarding`: as above.
    pub ipv6_forwarding: Option<bool>,
    /// `ip router-id`.
    pub router_id: Option<Ipv4Addr>,
    /// `ipv6 router-id`.
    pub router_id_v6: Option<Ipv6Addr>,
    /// `ip nht resolve-via-default`, if given. FRR has it on whatever profile a file names: the profile counts for VRFs
    /// that are made later than the default one.
    pub nht_resolve_via_default: Option<bool>,
    /// The same for IPv6.
    pub nht_resolve_via_default_v6: Option<bool>,
    /// `zebra nexthop resilient ...`
    pub resilient: Option<Resilient>,
    /// `ip protocol P route-map R` and `ipv6 protocol ...`, by family and protocol.
    pub install_maps: ProtocolMaps,
    /// `ip nht P route-map R` and `ipv6 nht ...`, likewise.
    pub nht_maps: ProtocolMaps,
    /// Prefix-lists, route-maps and the like.
    pub policies: Policies,
    /// Lines of route-map entries that the policy engine does not know, by name and sequence number.
    pub route_map_kept: BTreeMap<(String, u16), Kept>,
    /// Static routes of the default VRF and, by name, of others.
    pub default_vrf: Vrf,
    /// Other VRFs.
    pub vrfs: BTreeMap<String, Vrf>,
    /// Interfaces by name.
    pub interfaces: BTreeMap<String, Interface>,
    /// The BGP instance of the default VRF.
    pub bgp: Option<Bgp>,
    /// Instances in VRFs and views, by `vrf NAME` or `view NAME`; kept, not run.
    pub other_bgp: BTreeMap<String, Bgp>,
    /// `bgp no-rib`: choose paths and announce, but install nothing.
    pub no_rib: bool,
    /// `bgp session-dscp N`.
    pub session_dscp: Option<u8>,
    /// `bgp graceful-shutdown` (RFC 8326), for all instances.
    pub graceful_shutdown: bool,
    /// `bgp suppress-fib-pending [MS]`.
    pub suppress_fib_pending: Option<Option<u16>>,
    /// `bgp update-delay MAX [ESTABLISH]`, for instances that say nothing.
    pub update_delay: Option<(u16, Option<u16>)>,
    /// `bgp advertisement-delay`, likewise.
    pub advertisement_delay: Option<u16>,
    /// `rpki`, when it was given.
    pub rpki: Option<Rpki>,
    /// `line vty`, when it was given.
    pub line_vty: Option<LineVty>,
    /// Other lines of the top level.
    pub kept: Kept,
    /// Other nodes of the top level, by the line that opens them (`bfd`, `nexthop-group X`, ...).
    pub blocks: BTreeMap<String, Block>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            release: Release::CURRENT,
            profile: Profile::default(),
            hostname: None,
            domainname: None,
            logging: Logging::default(),
            ipv4_forwarding: None,
            ipv6_forwarding: None,
            router_id: None,
            router_id_v6: None,
            nht_resolve_via_default: None,
            nht_resolve_via_default_v6: None,
            resilient: None,
            install_maps: BTreeMap::new(),
            nht_maps: BTreeMap::new(),
            policies: Policies::default(),
            route_map_kept: BTreeMap::new(),
            default_vrf: Vrf::default(),
            vrfs: BTreeMap::new(),
            interfaces: BTreeMap::new(),
            bgp: None,
            other_bgp: BTreeMap::new(),
            no_rib: false,
            session_dscp: None,
            graceful_shutdown: false,
            suppress_fib_pending: None,
            update_delay: None,
            advertisement_delay: None,
            rpki: None,
            line_vty: None,
            kept: Kept::default(),
            blocks: BTreeMap::new(),
        }
    }
}

impl Config {
    /// Whether a next hop may resolve over the default route, for IPv4 (`ip nht resolve-via-default`).
    pub fn resolve_via_default_v4(&self) -> bool {
        self.nht_resolve_via_default.unwrap_or(true)
    }

    /// Whether a next hop may resolve over the default route, for IPv6.
    pub fn resolve_via_default_v6(&self) -> bool {
        self.nht_resolve_via_default_v6.unwrap_or(true)
    }

    /// The policies as the engine shall see them.
    ///
    /// An entry with a `match` line that we cannot evaluate must not match everything that its other lines
    /// match, so it gets a clause that never holds.
    pub fn engine_policies(&self) -> Policies {
        let mut policies = self.policies.clone();
        for ((name, sequence), kept) in &self.route_map_kept {
            if !kept.lines().any(|l| l.text.starts_with("match ")) {
                continue;
            }
            if let Some(entry) = policies.route_maps.get_mut(name).and_then(|m| m.get_mut(sequence)) {
                entry.matches.push(Match::Probability(0));
            }
        }
        policies
    }
}
