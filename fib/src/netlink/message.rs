//! What is said to the kernel and what it shows, as plain values.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::intent::{Address, Hop, Link, Resilient, RouteKind};

/// Where a route to be set leads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Way {
    /// To a next-hop object by its id.
    Object(u32),
    /// To gateways named in the route itself, for kernels without next-hop objects.
    Hops(Vec<Hop>),
    /// `RTN_BLACKHOLE`.
    Blackhole,
    /// `RTN_UNREACHABLE`.
    Unreachable,
    /// `RTN_PROHIBIT`.
    Prohibit,
}

/// One change asked of the kernel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Request {
    /// Creates or replaces a single next-hop object.
    NexthopSet {
        /// Object id.
        id: u32,
        /// `nh_protocol`.
        protocol: u8,
        /// Family of the object; follows the gateway, else the routes that use it.
        v6: bool,
        /// Interface, gateway and flags; the weight is not used here.
        hop: Hop,
    },
    /// Creates or replaces a group of next-hop objects.
    GroupSet {
        /// Object id.
        id: u32,
        /// `nh_protocol`.
        protocol: u8,
        /// Ids and weights (1-255) of single objects.
        members: Vec<(u32, u8)>,
        /// Its kind, which has to be that of the object if there is one.
        resilient: Option<Resilient>,
        /// Create it if need be; otherwise ENOENT tells that it has gone, and its routes with it.
        create: bool,
    },
    /// Deletes a next-hop object of either kind, and with it every route that hangs on it.
    NexthopDel {
        /// Object id.
        id: u32,
    },
    /// Creates or replaces a route.
    RouteSet {
        /// Destination.
        prefix: IpNet,
        /// Table.
        table: u32,
        /// `rtm_protocol`.
        protocol: u8,
        /// Priority.
        metric: u32,
        /// Where to.
        way: Way,
        /// Preferred source.
        source: Option<IpAddr>,
        /// Refuse (EEXIST) when a route of that prefix and metric exists, instead of replacing it.
        exclusive: bool,
    },
    /// Deletes the route with this prefix, table, metric and protocol, wherever it leads.
    RouteDel {
        /// Destination.
        prefix: IpNet,
        /// Table.
        table: u32,
        /// `rtm_protocol`.
        protocol: u8,
        /// Priority.
        metric: u32,
    },
}

/// A route as the kernel shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KernelRoute {
    /// Destination.
    pub prefix: IpNet,
    /// Table.
    pub table: u32,
    /// `rtm_protocol`.
    pub protocol: u8,
    /// Priority.
    pub metric: u32,
    /// `rtm_type`.
    pub kind: RouteKind,
    /// Next-hop object that it hangs on.
    pub object: Option<u32>,
    /// Gateways, also those that the kernel takes from the object.
    pub hops: Vec<Hop>,
    /// Preferred source.
    pub source: Option<IpAddr>,
}

/// A next-hop object as the kernel shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KernelNexthop {
    /// Object id.
    pub id: u32,
    /// `nh_protocol`.
    pub protocol: u8,
    /// Family of a single object.
    pub v6: bool,
    /// Way out of a single object.
    pub hop: Option<Hop>,
    /// Ids and weights, if it is a group.
    pub members: Vec<(u32, u8)>,
    /// Kind of a group.
    pub resilient: Option<Resilient>,
}

/// A thing that a dump or a notification shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Object {
    /// Interface.
    Link(Link),
    /// Address of an interface.
    Address(Address),
    /// Unicast or dropping route outside the local table.
    Route(KernelRoute),
    /// Next-hop object.
    Nexthop(KernelNexthop),
}
