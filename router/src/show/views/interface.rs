//! Interfaces.

use std::net::IpAddr;

use ipnet::IpNet;

/// An address of an interface.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InterfaceAddressView {
    /// The address with its prefix length.
    pub net: IpNet,
    /// The other end of a point-to-point link.
    pub peer: Option<IpNet>,
    /// Secondary.
    pub secondary: bool,
    /// A host address that other interfaces borrow.
    pub unnumbered: bool,
    /// The kernel makes no connected route of it.
    pub no_prefix_route: bool,
    /// Label.
    pub label: Option<String>,
}

/// `show interface`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct InterfaceView {
    /// Name.
    pub name: String,
    /// VRF.
    pub vrf: String,
    /// Description.
    pub description: Option<String>,
    /// Administratively up.
    pub admin_up: bool,
    /// Running.
    pub oper_up: bool,
    /// How often the link came up since we watch.
    pub link_ups: u64,
    /// How often it went down.
    pub link_downs: u64,
    /// When it last came up, seconds since 1970 with hundredths.
    pub last_up: Option<(u64, u8)>,
    /// When it last went down.
    pub last_down: Option<(u64, u8)>,
    /// The kernel's count of carrier changes.
    pub carrier_changes: u32,
    /// Index.
    pub index: u32,
    /// Metric.
    pub metric: u32,
    /// MTU.
    pub mtu: u32,
    /// IPv6 MTU.
    pub mtu6: u32,
    /// Megabits a second.
    pub speed: u32,
    /// Length of the transmit queue.
    pub txqlen: u32,
    /// `UP,LOWER_UP,BROADCAST,...`
    pub flags: String,
    /// `Ethernet`, `Loopback`, ...
    pub kind: String,
    /// MAC address; `None` for those without.
    pub mac: Option<[u8; 6]>,
    /// Addresses, IPv4 first.
    pub addresses: Vec<InterfaceAddressView>,
    /// `VETH`, `macvlan`, `Bridge`, `Other`, ...
    pub link_kind: String,
    /// Held down by us.
    pub protodown: bool,
    /// Routers are advertised here because BGP has a neighbour that is named by the interface.
    pub advertised_for_bgp: bool,
    /// That neighbour's link-local address, once it was heard.
    pub neighbor: Option<IpAddr>,
    /// Name of the interface that this one is on.
    pub parent: Option<String>,
    /// Its index, if its name is not known.
    pub parent_index: Option<u32>,
}
