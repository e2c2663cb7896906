//! The words that every part of the project shares: AS numbers, families, prefixes as integers.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Nanoseconds since an arbitrary epoch; the shell or the simulator supplies it. Never wall time.
pub type Time = u64;

/// One second in [`Time`] units.
pub const SECOND: Time = 1_000_000_000;
/// One millisecond in [`Time`] units.
pub const MILLISECOND: Time = 1_000_000;

/// An autonomous system number, four octets (RFC 6793).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Asn(pub u32);

/// AS_TRANS, which stands for a four-octet number where only two fit (RFC 6793 section 9).
pub const AS_TRANS: Asn = Asn(23456);

impl fmt::Display for Asn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Asn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AS{}", self.0)
    }
}

/// Where a peer is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PeerKind {
    /// In another AS, outside of our confederation if we are in one.
    External,
    /// In another member AS of our confederation (RFC 5065).
    Confederation,
    /// In our own AS, or our own member AS of a confederation.
    Internal,
}

/// The address families whose routes we carry (RFC 4760; AFI 1 and 2, SAFI 1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Family {
    /// AFI 1, SAFI 1.
    Ipv4Unicast,
    /// AFI 2, SAFI 1.
    Ipv6Unicast,
}

impl Family {
    /// Both families, in the order in which they are shown and announced.
    pub const ALL: [Family; 2] = [Family::Ipv4Unicast, Family::Ipv6Unicast];

    /// Position in arrays indexed by family.
    pub const fn index(self) -> usize {
        match self {
            Family::Ipv4Unicast => 0,
            Family::Ipv6Unicast => 1,
        }
    }

    /// Address Family Identifier.
    pub const fn afi(self) -> u16 {
        match self {
            Family::Ipv4Unicast => 1,
            Family::Ipv6Unicast => 2,
        }
    }

    /// Subsequent Address Family Identifier: unicast.
    pub const fn safi(self) -> u8 {
        1
    }

    /// The family of an (AFI, SAFI) pair, if it is one that we carry.
    pub const fn from_codes(afi: u16, safi: u8) -> Option<Family> {
        match (afi, safi) {
            (1, 1) => Some(Family::Ipv4Unicast),
            (2, 1) => Some(Family::Ipv6Unicast),
            _ => None,
        }
    }

    /// The family that routes to this prefix belong to.
    pub const fn of(prefix: &IpNet) -> Family {
        match prefix {
            IpNet::V4(_) => Family::Ipv4Unicast,
            IpNet::V6(_) => Family::Ipv6Unicast,
        }
    }
}

/// An address as an unsigned integer in host order: `u32` for IPv4, `u128` for IPv6.
///
/// Tables and codecs are generic over it, so one piece of code serves both families.
pub trait Addr: Copy + Eq + Ord + fmt::Debug + std::hash::Hash + Send + Sync + 'static {
    /// Width in bits.
    const BITS: u8;
    /// The unicast family whose prefixes this type holds.
    const FAMILY: Family;
    /// The first 64 bits in pieces that may stand at any multiple of four octets: a `u128` wants one of sixteen, and
    /// most prefixes have no bits behind these.
    type Stem: Copy + Eq + fmt::Debug + Send + Sync + 'static;
    /// The first 64 bits; all of an IPv4 address.
    fn stem(self) -> Self::Stem;
    /// What is behind the stem; 0 for IPv4.
    fn tail(self) -> u64;
    /// The address of a stem and what is behind it.
    fn from_parts(stem: Self::Stem, tail: u64) -> Self;
    /// The value with all but the first `len` bits cleared; `len` above the width keeps all.
    fn mask(self, len: u8) -> Self;
    /// The last address of the prefix `self/len`.
    fn last(self, len: u8) -> Self;
    /// The address behind this one, if it is not the last of all.
    fn next(self) -> Option<Self>;
    /// As a standard address.
    fn to_ip(self) -> IpAddr;
    /// From a standard address of the same family.
    fn from_ip(ip: IpAddr) -> Option<Self>;
    /// Network order; the first `Self::BITS / 8` bytes count.
    fn to_be_bytes(self) -> [u8; 16];
    /// From at most `Self::BITS / 8` bytes in network order; missing ones are zero.
    fn from_be_slice(bytes: &[u8]) -> Self;
    /// As a prefix; host bits are cleared, a length above the width is cut to it.
    fn to_net(self, len: u8) -> IpNet;
}

impl Addr for u32 {
    const BITS: u8 = 32;
    const FAMILY: Family = Family::Ipv4Unicast;
    type Stem = u32;

    fn stem(self) -> u32 {
        self
    }

    fn tail(self) -> u64 {
        0
    }

    fn from_parts(stem: u32, _: u64) -> u32 {
        stem
    }

    fn mask(self, len: u8) -> u32 {
        match len {
            0 => 0,
            1..=31 => self & (u32::MAX << (32 - len)),
            _ => self,
        }
    }

    fn last(self, len: u8) -> u32 {
        match len {
            0 => u32::MAX,
            1..=31 => self | (u32::MAX >> len),
            _ => self,
        }
    }

    fn next(self) -> Option<u32> {
        self.checked_add(1)
    }

    fn to_ip(self) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from(self))
    }

    fn from_ip(ip: IpAddr) -> Option<u32> {
        match ip {
            IpAddr::V4(v4) => Some(v4.into()),
            IpAddr::V6(_) => None,
        }
    }

    fn to_be_bytes(self) -> [u8; 16] {
        let mut out = [0; 16];
        out[..4].copy_from_slice(&u32::to_be_bytes(self));
        out
    }

    fn from_be_slice(bytes: &[u8]) -> u32 {
        let mut buf = [0; 4];
        let n = bytes.len().min(4);
        buf[..n].copy_from_slice(&bytes[..n]);
        u32::from_be_bytes(buf)
    }

    fn to_net(self, len: u8) -> IpNet {
        let len = len.min(32);
        IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::from(self.mask(len)), len))
    }
}

impl Addr for u128 {
    const BITS: u8 = 128;
    const FAMILY: Family = Family::Ipv6Unicast;
    type Stem = [u32; 2];

    fn stem(self) -> [u32; 2] {
        [(self >> 96) as u32, (self >> 64) as u32]
    }

    fn tail(self) -> u64 {
        self as u64
    }

    fn from_parts([first, second]: [u32; 2], tail: u64) -> u128 {
        u128::from(first) << 96 | u128::from(second) << 64 | u128::from(tail)
    }

    fn mask(self, len: u8) -> u128 {
        match len {
            0 => 0,
            1..=127 => self & (u128::MAX << (128 - len)),
            _ => self,
        }
    }

    fn last(self, len: u8) -> u128 {
        match len {
            0 => u128::MAX,
            1..=127 => self | (u128::MAX >> len),
            _ => self,
        }
    }

    fn next(self) -> Option<u128> {
        self.checked_add(1)
    }

    fn to_ip(self) -> IpAddr {
        IpAddr::V6(Ipv6Addr::from(self))
    }

    fn from_ip(ip: IpAddr) -> Option<u128> {
        match ip {
            IpAddr::V6(v6) => Some(v6.into()),
            IpAddr::V4(_) => None,
        }
    }

    fn to_be_bytes(self) -> [u8; 16] {
        u128::to_be_bytes(self)
    }

    fn from_be_slice(bytes: &[u8]) -> u128 {
        let mut buf = [0; 16];
        let n = bytes.len().min(16);
        buf[..n].copy_from_slice(&bytes[..n]);
        u128::from_be_bytes(buf)
    }

    fn to_net(self, len: u8) -> IpNet {
        let len = len.min(128);
        IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::from(self.mask(len)), len))
    }
}

/// One prefix as it stands in an UPDATE: host bits cleared, `len <= A::BITS`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Nlri<A> {
    /// Network address, host order.
    pub addr: A,
    /// ADD-PATH path identifier (RFC 7911); 0 where the family does not use it.
    pub path_id: u32,
    /// Prefix length in bits.
    pub len: u8,
}

impl<A: Addr> Nlri<A> {
    /// The prefix without its path identifier.
    pub fn net(&self) -> IpNet {
        self.addr.to_net(self.len)
    }
}

/// The NEXT_HOP of a route as received or as to be sent.
///
/// An IPv6 next hop may carry a link-local beside the global address (RFC 2545 section 3). For a
/// route that came with the link-local alone, `global` holds it and `link_local` is `None`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum NextHop {
    /// From the NEXT_HOP attribute, or a 4-octet MP_REACH next hop.
    V4(Ipv4Addr),
    /// From MP_REACH_NLRI; also for IPv4 prefixes (RFC 8950).
    V6 {
        /// First 16 octets.
        global: Ipv6Addr,
        /// Second 16 octets, when there were 32 and they are link-local.
        link_local: Option<Ipv6Addr>,
    },
}

impl NextHop {
    /// The address that identifies the next hop in tables and output.
    pub fn addr(&self) -> IpAddr {
        match self {
            NextHop::V4(a) => IpAddr::V4(*a),
            NextHop::V6 { global, .. } => IpAddr::V6(*global),
        }
    }
}

/// Whether an IPv6 address is in fe80::/10.
pub fn is_link_local(addr: &Ipv6Addr) -> bool {
    addr.segments()[0] & 0xffc0 == 0xfe80
}
