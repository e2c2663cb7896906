//! The words in which the rest of the router talks with the kernel's tables.

use std::net::IpAddr;

use ipnet::IpNet;

/// Name of a set of next hops, chosen by the sender of intents. Many routes share one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct GroupId(pub u32);

/// One way out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Hop {
    /// Address of the next router; `None` when the destination is on the link itself.
    /// An IPv6 gateway serves IPv4 routes too (RFC 8950).
    pub gateway: Option<IpAddr>,
    /// Index of the interface.
    pub ifindex: u32,
    /// Share of the traffic relative to the other hops of the group, from 1. Zero counts as 1.
    pub weight: u8,
    /// The gateway is reachable on the interface although no address of it covers it.
    pub onlink: bool,
}

/// How a group keeps flows on their hops while other hops come and go (`NEXTHOP_GRP_TYPE_RES`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Resilient {
    /// Flows are dealt out to so many buckets; never 0.
    pub buckets: u16,
    /// Seconds without a packet after which a bucket may go to another hop.
    pub idle: u32,
    /// Seconds of imbalance after which it may in any case; 0 is never.
    pub unbalanced: u32,
}

/// Where a route leads.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Target {
    /// To the hops of a group. A route may be stated before its group; it waits.
    Group(GroupId),
    /// Dropped silently.
    Blackhole,
    /// Dropped, and the sender is told "host unreachable".
    Unreachable,
    /// Dropped, and the sender is told "administratively prohibited".
    Prohibit,
}

/// What a prefix should lead to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Route {
    /// Owner as in `rtm_protocol`: 186 BGP, 196 static. Must be one of the configured own protocols.
    pub protocol: u8,
    /// Kernel priority (`RTA_PRIORITY`); the lowest of several routes to a prefix wins.
    pub metric: u32,
    /// Where it leads.
    pub target: Target,
    /// Source address preferred for packets that this host sends (`RTA_PREFSRC`).
    pub source: Option<IpAddr>,
}

/// A statement of what the kernel should hold. The last statement about a thing counts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Intent {
    /// Defines or redefines a group. All routes on it move with one message per family.
    Group {
        /// Its name.
        id: GroupId,
        /// Its hops in canonical order; empty means that its routes have no way out at present.
        hops: Vec<Hop>,
        /// Its kind. The kernel changes that of no group: another one counts when the object is next made.
        resilient: Option<Resilient>,
    },
    /// The group is no longer named by any intent. Its object goes when its last route has gone.
    GroupGone(GroupId),
    /// What a prefix should lead to in a table; `None` removes our route.
    Route {
        /// Destination.
        prefix: IpNet,
        /// Kernel table; 254 is main.
        table: u32,
        /// `None` removes ours.
        route: Option<Route>,
    },
    /// The wanted state is complete: remove what an earlier run left and nobody named since.
    Synced,
    /// Say of routes that are named from now on when the kernel has them, or no longer.
    Acknowledge(bool),
}

/// Numbers of routes by state, for one family and protocol.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counts {
    /// Stated by intents.
    pub wanted: u64,
    /// Acknowledged by the kernel as wanted.
    pub installed: u64,
    /// Refused by the kernel; retried with back-off.
    pub failed: u64,
    /// On their way, or waiting for a link or a group.
    pub pending: u64,
}

/// How it stands with the route to a prefix.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct RouteStatus {
    /// What it should lead to; `None` if nobody wants a route there.
    pub wanted: Option<Route>,
    /// The kernel has it as wanted.
    pub installed: bool,
    /// The kernel refused it with this error number; it is tried again.
    pub errno: Option<i32>,
    /// The next-hop object that it hangs on, and its members with their ids and weights.
    pub object: Option<(u32, Vec<(u32, Hop)>)>,
    /// It waits: none of its ways out can be used at present.
    pub no_way: bool,
}

/// How programming goes, to whom it may concern.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Report {
    /// The kernel refused a route; told once per change of the reason, retried with back-off.
    RouteFailed {
        /// Destination.
        prefix: IpNet,
        /// Kernel table.
        table: u32,
        /// Positive error number.
        errno: i32,
        /// The kernel's own words, if it gave any.
        message: Option<String>,
    },
    /// The kernel refused a next hop; routes use the other hops of the group meanwhile.
    HopFailed {
        /// The hop.
        hop: Hop,
        /// Positive error number.
        errno: i32,
        /// The kernel's own words, if it gave any.
        message: Option<String>,
    },
    /// These routes are now in the kernel as wanted, or gone as wanted (only when asked for by
    /// `Config::acknowledge` or [`Intent::Acknowledge`]).
    Acknowledged(Vec<(IpNet, u32)>),
    /// Totals per (is IPv6, protocol); sent after a change, at most some times a second.
    Counts(Vec<(bool, u8, Counts)>),
    /// [`Intent::Synced`] was seen, leftovers are gone and nothing is pending except what waits.
    Synced,
    /// Somebody removed or replaced a route of ours; it is put back.
    Stolen {
        /// Destination.
        prefix: IpNet,
        /// Kernel table.
        table: u32,
    },
    /// The kernel lost notifications or replies; everything is compared anew.
    Resync,
    /// A setting that could not be made; the router works on without it.
    Loss {
        /// What was to be set, for example `net.ipv4.conf.eth0.rp_filter`.
        what: String,
        /// Why not.
        reason: String,
    },
}

/// A network interface as the kernel shows it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Link {
    /// Interface index.
    pub index: u32,
    /// Name.
    pub name: String,
    /// Administratively up (`IFF_UP`).
    pub up: bool,
    /// Carrier present (`IFF_LOWER_UP` or `IFF_RUNNING`).
    pub lower_up: bool,
    /// Raw `ifi_flags`.
    pub flags: u32,
    /// `ARPHRD_` type: 1 Ethernet, 772 loopback.
    pub hardware: u16,
    /// Maximum transmission unit.
    pub mtu: u32,
    /// Six-octet hardware address, if it has one.
    pub mac: Option<[u8; 6]>,
    /// Kind (`IFLA_INFO_KIND`): veth, bridge, macvlan, vlan, vrf.
    pub kind: Option<String>,
    /// Lower device (`IFLA_LINK`).
    pub parent: Option<u32>,
    /// Bridge, bond or VRF that it belongs to (`IFLA_MASTER`).
    pub master: Option<u32>,
    /// Table, if it is a VRF device.
    pub vrf_table: Option<u32>,
    /// Free text (`IFLA_IFALIAS`).
    pub alias: Option<String>,
}

impl Link {
    /// Packets can be sent: up with carrier. The kernel keeps next-hop objects only then.
    pub fn usable(&self) -> bool {
        self.up && self.lower_up
    }
}

/// An address of an interface.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Address {
    /// Interface index.
    pub ifindex: u32,
    /// Address with the length of its subnet; host bits kept.
    pub net: IpNet,
    /// Other end of a point-to-point link.
    pub peer: Option<IpAddr>,
    /// `ifa_flags` (`IFA_F_*`).
    pub flags: u32,
    /// `ifa_scope`.
    pub scope: u8,
    /// `IFA_PROTO`: who put it there; 0 where nobody said so, or the kernel keeps no such thing (before Linux 5.18).
    pub protocol: u8,
}

impl Address {
    /// The `IFA_PROTO` of virtual addresses that we put on an interface: VRRP's IP protocol number.
    pub const VIRTUAL: u8 = 112;

    /// Whether it is ours only as long as we are the gateway: nothing of our own is to come from it.
    pub fn is_virtual(&self) -> bool {
        let alone_on_link = match self.net {
            IpNet::V4(_) => false,
            IpNet::V6(net) => {
                net.addr().is_unicast_link_local() && net.prefix_len() == 128 && self.peer.is_none()
            }
        };
        self.protocol == Address::VIRTUAL || alone_on_link
    }
}

/// What the kernel does with packets that match a route (`rtm_type`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RouteKind {
    /// Forwarded.
    Unicast,
    /// Dropped silently.
    Blackhole,
    /// Dropped with "unreachable".
    Unreachable,
    /// Dropped with "prohibited".
    Prohibit,
    /// Anything else, by its number.
    Other(u8),
}

/// A route in the kernel that is not ours (connected, DHCP, router advertisements, by hand).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ForeignRoute {
    /// Destination.
    pub prefix: IpNet,
    /// Kernel table.
    pub table: u32,
    /// `rtm_protocol`: 2 kernel, 3 boot, 4 static, 9 RA, 16 DHCP.
    pub protocol: u8,
    /// Kernel priority.
    pub metric: u32,
    /// What happens with packets.
    pub kind: RouteKind,
    /// Ways out; empty for the dropping kinds and for next-hop objects that are not ours.
    pub hops: Vec<Hop>,
    /// Preferred source address.
    pub source: Option<IpAddr>,
}

/// A change in the kernel that we did not make.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// New, or a field changed.
    LinkChanged(Link),
    /// The interface no longer exists.
    LinkGone {
        /// Its last index.
        index: u32,
        /// Its last name.
        name: String,
    },
    /// New, or its flags changed (for instance no longer tentative).
    AddressAdded(Address),
    /// Removed.
    AddressRemoved(Address),
    /// A route that is not ours, new or changed; tables local and kinds local/broadcast left out.
    RouteAdded(ForeignRoute),
    /// Removed.
    RouteRemoved(ForeignRoute),
    /// The first dump, or one after a loss of notifications, is complete: what was told up to here
    /// is the whole picture.
    Resynced,
}
