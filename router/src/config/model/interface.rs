//! Interfaces and the VRRP groups on them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::Kept;

/// An address on an interface.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InterfaceAddress {
    /// The address with its prefix length; host bits are kept.
    pub net: IpNet,
    /// `peer`: the other end of a point-to-point link, with its prefix length.
    pub peer: Option<IpNet>,
    /// `label`.
    pub label: Option<String>,
}

/// `ipv6 nd ...`
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NdOptions {
    /// `no ipv6 nd suppress-ra`: send router advertisements.
    pub advertise: bool,
    /// `ipv6 nd ra-interval`, in milliseconds.
    pub interval_ms: Option<u32>,
    /// `ipv6 nd ra-lifetime`, in seconds.
    pub lifetime: Option<u16>,
    /// Everything else.
    pub kept: Kept,
}

/// What a VRRP group watches.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum TrackKind {
    /// The link state of an interface.
    Interface(String),
    /// Whether the session with a BGP neighbour is Established.
    BgpNeighbor(IpAddr),
}

/// `vrrp ID track ...`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Track {
    /// What is watched.
    pub kind: TrackKind,
    /// By how much the priority sinks while it is down; `None` gives up mastership altogether.
    pub decrement: Option<u8>,
}

/// A virtual router on an interface (RFC 9568).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VrrpGroup {
    /// 2 or 3.
    pub version: u8,
    /// 1-254.
    pub priority: u8,
    /// Milliseconds; version 2 needs whole seconds.
    pub advertisement_interval: u32,
    /// Whether a better router takes over from a living master.
    pub preempt: bool,
    /// Seconds to wait before preempting.
    pub preempt_delay: u16,
    /// Whether the master accepts packets to the virtual addresses.
    pub accept: bool,
    /// Version 3 over IPv4: the checksum covers a pseudo-header.
    pub checksum_with_ipv4_pseudoheader: bool,
    /// Virtual IPv4 addresses.
    pub ipv4: BTreeSet<Ipv4Addr>,
    /// Virtual IPv6 addresses; one must be link-local.
    pub ipv6: BTreeSet<Ipv6Addr>,
    /// `vrrp ID shutdown`.
    pub shutdown: bool,
    /// Whether the virtual MAC address is used; off needs gratuitous announcements alone.
    pub virtual_mac: bool,
    /// What the priority depends on.
    pub tracks: Vec<Track>,
}

impl VrrpGroup {
    /// A group with the defaults of the protocol version.
    pub fn new(version: u8) -> VrrpGroup {
        VrrpGroup {
            version,
            priority: 100,
            advertisement_interval: 1000,
            preempt: true,
            preempt_delay: 0,
            accept: true,
            checksum_with_ipv4_pseudoheader: true,
            ipv4: BTreeSet::new(),
            ipv6: BTreeSet::new(),
            shutdown: false,
            virtual_mac: true,
            tracks: Vec::new(),
        }
    }
}

/// `interface NAME`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Interface {
    /// `vrf NAME` behind the name.
    pub vrf: Option<String>,
    /// `description`.
    pub description: Option<String>,
    /// `ip address` and `ipv6 address`, as given.
    pub addresses: Vec<InterfaceAddress>,
    /// `shutdown` (`Some(true)`) or `no shutdown` given explicitly.
    pub shutdown: bool,
    /// `mtu`.
    pub mtu: Option<u32>,
    /// VRRP groups by virtual router identifier.
    pub vrrp: BTreeMap<u8, VrrpGroup>,
    /// Router advertisements.
    pub nd: NdOptions,
    /// Other lines.
    pub kept: Kept,
}

impl Interface {
    /// Whether nothing has been said about the interface.
    pub fn is_empty(&self) -> bool {
        *self == Interface { vrf: self.vrf.clone(), ..Interface::default() }
    }
}
