//! The numbers of one scrape, copied from their owners.

use std::net::IpAddr;

use bgp::types::Family;

/// A neighbour's numbers.
#[derive(Clone, Debug, Default)]
pub struct PeerSample {
    /// Address or interface.
    pub peer: String,
    /// Its AS, as configured or learned; 0 while unknown.
    pub peer_as: u32,
    /// Our AS.
    pub local_as: u32,
    /// Peer-group.
    pub group: String,
    /// Description.
    pub description: String,
    /// RFC 4271 state in lower case, or `shutdown`.
    pub state: &'static str,
    /// Seconds since the session came up; 0 when it is not.
    pub uptime: f64,
    /// Seconds since it came up, or else since it went down; 0 when it never was up.
    pub unchanged: u64,
    /// Unix time when it came up; 0 when it is not.
    pub established_at: f64,
    /// Messages received.
    pub received: u64,
    /// Messages sent.
    pub sent: u64,
    /// Times that the session was up and went down, by reason.
    pub downs: Vec<(&'static str, u64)>,
    /// NOTIFICATIONs by direction, code and subcode.
    pub notifications: Vec<(&'static str, u8, u8, u64)>,
    /// Hold time agreed on, seconds.
    pub hold_time: f64,
    /// Families of the session with their numbers.
    pub families: Vec<PeerFamilySample>,
}

/// A neighbour's numbers in one family.
#[derive(Clone, Copy, Debug)]
pub struct PeerFamilySample {
    /// Which.
    pub family: Family,
    /// Paths that are in the table.
    pub accepted: u64,
    /// Paths that policy refused and that are kept.
    pub filtered: u64,
    /// Paths that policy refused since the session came up.
    pub refused: u64,
    /// Prefixes announced to it.
    pub advertised: u64,
    /// `maximum-prefix`, or 0.
    pub limit: u64,
}

/// A virtual router's numbers.
#[derive(Clone, Debug, Default)]
pub struct VrrpSample {
    /// It has no address in the family: only the well-known exporter tells of it.
    pub idle: bool,
    /// `v4` or `v6`.
    pub family: &'static str,
    /// Virtual router identifier.
    pub vrid: u8,
    /// Interface.
    pub interface: String,
    /// Virtual device.
    pub device: String,
    /// `Initialize`, `Backup` or `Master`.
    pub state: &'static str,
    /// Configured priority.
    pub priority: u8,
    /// Priority in force.
    pub effective: u8,
    /// Whoever is active, if known.
    pub master: Option<IpAddr>,
    /// Advertisements sent.
    pub sent: u64,
    /// Advertisements received.
    pub received: u64,
    /// Gratuitous ARP sent.
    pub garp: u64,
    /// Unsolicited neighbour advertisements sent.
    pub neighbor_advertisements: u64,
    /// State transitions.
    pub transitions: u64,
    /// Refused advertisements by kind.
    pub errors: Vec<(&'static str, u64)>,
}

/// A cache of validated ROA payloads.
#[derive(Clone, Debug)]
pub struct RpkiCacheSample {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Preference.
    pub preference: u8,
    /// It is connected and told all of its records.
    pub connected: bool,
}

/// Routes by family and origin.
#[derive(Clone, Copy, Debug)]
pub struct RouteSample {
    /// IPv6 rather than IPv4.
    pub v6: bool,
    /// `bgp`, `static`, `connected`, `kernel`.
    pub protocol: &'static str,
    /// Wanted.
    pub rib: u64,
    /// In the kernel.
    pub fib: u64,
    /// Refused by the kernel.
    pub failed: u64,
    /// On their way.
    pub pending: u64,
}

/// One family of the BGP table.
#[derive(Clone, Copy, Debug)]
pub struct TableSample {
    /// Which.
    pub family: Family,
    /// Prefixes.
    pub prefixes: u64,
    /// Memory in octets.
    pub memory: u64,
    /// Paths that are suppressed for flapping.
    pub damped: u64,
    /// Withdrawn paths whose flaps are remembered.
    pub history: u64,
    /// Neighbours with the family.
    pub peers: u64,
    /// Their memory in octets.
    pub peer_memory: u64,
    /// Peer-groups.
    pub groups: u64,
    /// Their memory in octets.
    pub group_memory: u64,
}

/// Everything of one scrape.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Version shown by `frr_status_up`.
    pub version: String,
    /// Our AS; 0 without BGP.
    pub local_as: u32,
    /// Unix time of the start.
    pub started_at: f64,
    /// Converged.
    pub ready: bool,
    /// The last load of the configuration worked.
    pub config_ok: bool,
    /// Unix time of that load.
    pub config_loaded_at: f64,
    /// Number of configurations applied since the start.
    pub config_revision: u64,
    /// Neighbours.
    pub peers: Vec<PeerSample>,
    /// BGP tables.
    pub tables: Vec<TableSample>,
    /// Virtual routers.
    pub vrrp: Vec<VrrpSample>,
    /// Routes.
    pub routes: Vec<RouteSample>,
    /// Caches of validated ROA payloads.
    pub rpki_caches: Vec<RpkiCacheSample>,
    /// Validated ROA payloads in force, by family.
    pub rpki_prefixes: [u64; 2],
}
