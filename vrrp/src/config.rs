//! What a virtual router is configured to be.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::Ipv6Net;

use crate::wire::Checksum;
use crate::{MILLISECOND, SECOND, Time};

/// IPv4 and IPv6 groups with the same VRID are independent (RFC 9568 section 1.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of an address.
    pub fn of(address: &IpAddr) -> Family {
        if address.is_ipv4() { Family::V4 } else { Family::V6 }
    }

    /// Where advertisements go: 224.0.0.18 or ff02::12 (RFC 9568 sections 5.1.1.2, 5.1.2.2).
    pub fn destination(self) -> IpAddr {
        match self {
            Family::V4 => IpAddr::V4(Ipv4Addr::new(224, 0, 0, 18)),
            Family::V6 => IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12)),
        }
    }

    /// The virtual router's MAC address (RFC 9568 section 7.3).
    pub fn virtual_mac(self, vrid: u8) -> [u8; 6] {
        match self {
            Family::V4 => [0x00, 0x00, 0x5e, 0x00, 0x01, vrid],
            Family::V6 => [0x00, 0x00, 0x5e, 0x00, 0x02, vrid],
        }
    }
}

/// What the Active router says in router advertisements (RFC 4861 section 4.2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RouterAdvertisement {
    /// Time between two; also sent on becoming Active.
    pub interval: Time,
    /// Router lifetime in seconds.
    pub lifetime: u16,
    /// Current hop limit, 0 for unspecified.
    pub hop_limit: u8,
    /// M flag.
    pub managed: bool,
    /// O flag.
    pub other: bool,
    /// On-link prefixes with autonomous address configuration, with valid and preferred lifetimes
    /// of 30 and 7 days.
    pub prefixes: Vec<Ipv6Net>,
    /// MTU option.
    pub mtu: Option<u32>,
}

impl Default for RouterAdvertisement {
    fn default() -> RouterAdvertisement {
        RouterAdvertisement {
            interval: 10 * SECOND,
            lifetime: 60,
            hop_limit: 64,
            managed: false,
            other: false,
            prefixes: Vec::new(),
            mtu: None,
        }
    }
}

/// Configuration of one virtual router of one family.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// Virtual router identifier, 1-255.
    pub vrid: u8,
    /// Family of its addresses.
    pub family: Family,
    /// Virtual addresses; for IPv6 the first is the virtual link-local address.
    pub addresses: Vec<IpAddr>,
    /// 1-254; 255 for the owner of the addresses.
    pub priority: u8,
    /// Advertisement interval in centiseconds, 1-4095.
    pub interval: u16,
    /// Take over from an Active router of lower priority.
    pub preempt: bool,
    /// How long after start or return of health preemption is put off.
    pub preempt_delay: Time,
    /// Accept packets to the virtual addresses though not their owner.
    pub accept: bool,
    /// Form of the IPv4 checksum to send while no peer was heard.
    pub checksum: Checksum,
    /// Priority while not healthy or drained; 0 stays out of the election.
    pub unhealthy_priority: u8,
    /// How long the datapath stays at most after resigning while no successor is heard.
    pub keep: Time,
    /// Router advertisements while Active; IPv6 only.
    pub router_advertisement: Option<RouterAdvertisement>,
}

impl Config {
    /// Defaults of RFC 9568 section 6.1, except that packets to the virtual addresses are accepted,
    /// as the common implementations do.
    pub fn new(vrid: u8, family: Family, addresses: Vec<IpAddr>) -> Config {
        Config {
            vrid,
            family,
            addresses,
            priority: 100,
            interval: 100,
            preempt: true,
            preempt_delay: 0,
            accept: true,
            checksum: Checksum::PseudoHeader,
            unhealthy_priority: 1,
            keep: 1000 * MILLISECOND,
            router_advertisement: None,
        }
    }

    /// Advertisement interval in nanoseconds.
    pub fn interval_time(&self) -> Time {
        Time::from(self.interval) * crate::CENTISECOND
    }

    /// Owner of the addresses.
    pub fn owner(&self) -> bool {
        self.priority == 255
    }

    /// What is wrong with it, if anything.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.vrid == 0 {
            return Err(ConfigError::Vrid);
        }
        if self.priority == 0 {
            return Err(ConfigError::Priority);
        }
        if !(1..=4095).contains(&self.interval) {
            return Err(ConfigError::Interval);
        }
        if self.addresses.is_empty() || self.addresses.len() > 255 {
            return Err(ConfigError::AddressCount);
        }
        if self.addresses.iter().any(|address| Family::of(address) != self.family) {
            return Err(ConfigError::Family);
        }
        match self.addresses.first() {
            Some(IpAddr::V6(first)) if !first.is_unicast_link_local() => Err(ConfigError::LinkLocal),
            _ => Ok(()),
        }
    }
}

/// Why a configuration cannot work.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ConfigError {
    /// VRID 0.
    #[error("the virtual router identifier is 1-255")]
    Vrid,
    /// Priority 0 means resigning.
    #[error("the priority is 1-255")]
    Priority,
    /// Interval 0 or above twelve bits.
    #[error("the advertisement interval is 1-4095 centiseconds")]
    Interval,
    /// None or too many.
    #[error("a virtual router has 1-255 addresses")]
    AddressCount,
    /// Mixed families.
    #[error("all addresses of a virtual router are of one family")]
    Family,
    /// RFC 9568 section 5.2.9.
    #[error("the first IPv6 address is the virtual link-local address")]
    LinkLocal,
}
