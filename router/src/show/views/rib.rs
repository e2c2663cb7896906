//! The routing table and next-hop tracking.

use std::net::IpAddr;

use bgp::types::Family;
use ipnet::IpNet;

/// Who installed a route.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum RouteProtocol {
    /// Somebody else, found in the kernel.
    Kernel,
    /// A prefix of an interface.
    Connected,
    /// An address of an interface.
    Local,
    /// The configuration.
    Static,
    /// BGP.
    Bgp,
}

impl RouteProtocol {
    /// As JSON and `show ip route PROTOCOL` spell it.
    pub const fn name(self) -> &'static str {
        match self {
            RouteProtocol::Kernel => "kernel",
            RouteProtocol::Connected => "connected",
            RouteProtocol::Local => "local",
            RouteProtocol::Static => "static",
            RouteProtocol::Bgp => "bgp",
        }
    }

    /// The letter in listings.
    pub const fn letter(self) -> char {
        match self {
            RouteProtocol::Kernel => 'K',
            RouteProtocol::Connected => 'C',
            RouteProtocol::Local => 'L',
            RouteProtocol::Static => 'S',
            RouteProtocol::Bgp => 'B',
        }
    }
}

/// What became of a route in the kernel.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum RouteState {
    /// Not wanted there.
    #[default]
    None,
    /// On its way.
    Queued,
    /// There.
    Installed,
    /// Refused.
    Failed,
}

/// How a route discards.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Discard {
    /// Silently.
    Blackhole,
    /// With an ICMP unreachable.
    Reject,
    /// With an ICMP prohibited.
    Prohibit,
}

/// One next hop.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RouteHop {
    /// The gateway; `None` if directly connected or discarding.
    pub gateway: Option<IpAddr>,
    /// The interface.
    pub interface: Option<String>,
    /// Its index.
    pub ifindex: Option<u32>,
    /// Discards.
    pub discard: Option<Discard>,
    /// Usable.
    pub active: bool,
    /// In the kernel.
    pub fib: bool,
    /// Stands for the hops behind it that have `resolver`.
    pub recursive: bool,
    /// What a recursive hop before it resolves to.
    pub resolver: bool,
    /// `onlink`.
    pub onlink: bool,
    /// Said before.
    pub duplicate: bool,
    /// Weight.
    pub weight: u8,
    /// Preferred source address.
    pub source: Option<IpAddr>,
}

/// One route.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RouteView {
    /// The prefix.
    pub prefix: IpNet,
    /// Whose.
    pub protocol: RouteProtocol,
    /// For BGP: from an internal neighbour.
    pub internal: bool,
    /// The one in use for the prefix.
    pub selected: bool,
    /// Administrative distance.
    pub distance: u8,
    /// Metric.
    pub metric: u32,
    /// Tag.
    pub tag: u32,
    /// What became of it in the kernel.
    pub state: RouteState,
    /// The kernel's table.
    pub table: u32,
    /// Next-hop group.
    pub group_id: u32,
    /// Next-hop group in the kernel.
    pub installed_group_id: Option<u32>,
    /// Seconds since it changed.
    pub uptime: u64,
    /// `zebra`'s status bits.
    pub internal_status: u32,
    /// `zebra`'s flag bits.
    pub internal_flags: u32,
    /// Next hops; what a recursive one resolves to follows it.
    pub hops: Vec<RouteHop>,
}

impl RouteView {
    /// Flag: its next hops may be reached by other routes.
    pub const RECURSION: u32 = 0x01;
    /// Flag: from a neighbour of our own AS.
    pub const IBGP: u32 = 0x04;
    /// Flag: the one that is used.
    pub const SELECTED: u32 = 0x08;
    /// Flag: who made it gave it a distance.
    pub const OWN_DISTANCE: u32 = 0x40;
    /// Status: changed since it was last looked at.
    pub const CHANGED: u32 = 0x02;
    /// Status: in the kernel.
    pub const INSTALLED: u32 = 0x10;

    /// A selected and installed route without next hops.
    pub fn new(prefix: IpNet, protocol: RouteProtocol) -> RouteView {
        RouteView {
            prefix,
            protocol,
            internal: false,
            selected: true,
            distance: 0,
            metric: 0,
            tag: 0,
            state: RouteState::Installed,
            table: 254,
            group_id: 0,
            installed_group_id: None,
            uptime: 0,
            internal_status: RouteView::INSTALLED,
            internal_flags: RouteView::SELECTED,
            hops: Vec::new(),
        }
    }
}

/// A row of the route summary.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RouteSummaryRow {
    /// `connected`, `local`, `static`, `ebgp`, `ibgp`, `kernel`.
    pub source: &'static str,
    /// Routes.
    pub routes: u64,
    /// Those in the kernel.
    pub fib: u64,
}

/// `show ip route summary`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RouteSummary {
    /// By source.
    pub rows: Vec<RouteSummaryRow>,
}

/// Who asked about a next hop.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NhtClient {
    /// `bgp`, `static`.
    pub protocol: &'static str,
    /// Policy keeps it from that route (`ip nht PROTO route-map`).
    pub filtered: bool,
    /// Only a connected route counts.
    pub connected: bool,
    /// The default route counts.
    pub resolve_via_default: bool,
}

/// `show ip nht`: an address and the route that it resolves over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NhtView {
    /// The family of the table.
    pub family: Family,
    /// The address.
    pub address: IpAddr,
    /// The route: protocol and prefix; `None` while there is none.
    pub resolved: Option<(RouteProtocol, IpNet)>,
    /// The way.
    pub hops: Vec<RouteHop>,
    /// Who asked.
    pub clients: Vec<NhtClient>,
}
