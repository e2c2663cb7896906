//! Static routes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use super::Kept;

/// Where a static route leads.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum StaticTarget {
    /// `blackhole`: discard silently.
    Blackhole,
    /// `Null0`: the same, spelt differently.
    Null0,
    /// `reject`: discard and tell the sender.
    Reject,
    /// An address, resolved through other routes.
    Gateway(IpAddr),
    /// An interface: everything behind it is directly connected.
    Interface(String),
    /// An address on an interface.
    GatewayInterface(IpAddr, String),
}

/// One next hop of a static route. Those with equal distance form one multipath route.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct StaticRoute {
    /// Where it leads.
    pub target: StaticTarget,
    /// `onlink`: the gateway need not be in a connected prefix.
    pub onlink: bool,
    /// `tag N`.
    pub tag: Option<u32>,
    /// Administrative distance; 1 unless given.
    pub distance: u8,
    /// `metric N`.
    pub metric: Option<u32>,
    /// `weight N`.
    pub weight: Option<u8>,
    /// `table N`: another kernel table.
    pub table: Option<u32>,
    /// `nexthop-vrf NAME`.
    pub nexthop_vrf: Option<String>,
    /// `bfd ...`, as given.
    pub bfd: Option<String>,
}

impl StaticRoute {
    /// A route to `target` with all defaults.
    pub fn new(target: StaticTarget) -> StaticRoute {
        StaticRoute {
            target,
            onlink: false,
            tag: None,
            distance: 1,
            metric: None,
            weight: None,
            table: None,
            nexthop_vrf: None,
            bfd: None,
        }
    }

    /// What makes two lines the same route: everything but tag, metric, weight and BFD.
    pub fn same_route(&self, other: &StaticRoute) -> bool {
        (&self.target, self.distance, self.table, &self.nexthop_vrf)
            == (&other.target, other.distance, other.table, &other.nexthop_vrf)
    }
}

/// What belongs to one VRF.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Vrf {
    /// Static routes by prefix (host bits cleared).
    pub statics: BTreeMap<IpNet, BTreeSet<StaticRoute>>,
    /// Other lines of the `vrf` node.
    pub kept: Kept,
}
