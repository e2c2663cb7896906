//! Reading a canonical block in place.

use std::net::Ipv4Addr;

use super::{AsPath, Ipv6ExtCommunity, Origin};
use crate::types::Asn;
use crate::wire::iana::{attr, attr_flag};

/// One attribute as it stands in a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RawAttr<'a> {
    /// Type code (RFC 4271 section 4.3).
    pub code: u8,
    /// Flags octet, the extended-length bit included.
    pub flags: u8,
    /// The value, without header.
    pub value: &'a [u8],
}

impl RawAttr<'_> {
    /// The attribute with its header.
    pub(crate) fn to_wire(self) -> Vec<u8> {
        let mut out = vec![self.flags, self.code];
        if self.flags & attr_flag::EXTENDED != 0 {
            out.extend_from_slice(&(self.value.len() as u16).to_be_bytes());
        } else {
            out.push(self.value.len() as u8);
        }
        out.extend_from_slice(self.value);
        out
    }
}

/// Takes the first attribute off a block; `None` at the end and where the length runs over.
pub(crate) fn split_attr(block: &[u8]) -> Option<(RawAttr<'_>, &[u8])> {
    let (&[flags, code], rest) = block.split_first_chunk()?;
    let (len, rest) = if flags & attr_flag::EXTENDED != 0 {
        let (len, rest) = rest.split_first_chunk()?;
        (usize::from(u16::from_be_bytes(*len)), rest)
    } else {
        let (&len, rest) = rest.split_first()?;
        (usize::from(len), rest)
    };
    let (value, rest) = rest.split_at_checked(len)?;
    Some((RawAttr { code, flags, value }, rest))
}

/// Iterator over the attributes of a block in ascending type order; ends early at malformed bytes.
#[derive(Clone, Debug)]
pub struct Attrs<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Attrs<'a> {
    type Item = RawAttr<'a>;

    #[inline]
    fn next(&mut self) -> Option<RawAttr<'a>> {
        let (attr, rest) = split_attr(self.rest)?;
        self.rest = rest;
        Some(attr)
    }
}

/// A view of a canonical block. Accessors search the block anew; read what is needed often through
/// [`Summary`](super::Summary). Bytes that are no canonical block give missing attributes, never a panic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AttrView<'a> {
    block: &'a [u8],
}

impl<'a> AttrView<'a> {
    /// A view of `block`.
    pub const fn new(block: &'a [u8]) -> AttrView<'a> {
        AttrView { block }
    }

    /// The canonical bytes.
    pub const fn bytes(&self) -> &'a [u8] {
        self.block
    }

    /// All attributes in type order.
    pub const fn iter(&self) -> Attrs<'a> {
        Attrs { rest: self.block }
    }

    /// The value of one attribute.
    pub fn raw(&self, code: u8) -> Option<&'a [u8]> {
        self.iter().take_while(|a| a.code <= code).find(|a| a.code == code).map(|a| a.value)
    }

    /// ORIGIN (RFC 4271 section 5.1.1); INCOMPLETE when it is missing.
    pub fn origin(&self) -> Origin {
        self.raw(attr::ORIGIN).and_then(|v| v.first()).map_or(Origin::Incomplete, |&v| Origin::from_code(v))
    }

    /// AS_PATH (RFC 4271 section 5.1.2); empty when it is missing.
    pub fn as_path(&self) -> AsPath<'a> {
        AsPath::new(self.raw(attr::AS_PATH).unwrap_or(&[]))
    }

    /// MULTI_EXIT_DISC (RFC 4271 section 5.1.4).
    pub fn med(&self) -> Option<u32> {
        self.raw(attr::MED).and_then(be32)
    }

    /// LOCAL_PREF (RFC 4271 section 5.1.5).
    pub fn local_pref(&self) -> Option<u32> {
        self.raw(attr::LOCAL_PREF).and_then(be32)
    }

    /// Whether ATOMIC_AGGREGATE is there (RFC 4271 section 5.1.6).
    pub fn atomic_aggregate(&self) -> bool {
        self.raw(attr::ATOMIC_AGGREGATE).is_some()
    }

    /// AGGREGATOR (RFC 4271 section 5.1.7).
    pub fn aggregator(&self) -> Option<(Asn, Ipv4Addr)> {
        let (asn, rest) = self.raw(attr::AGGREGATOR)?.split_first_chunk()?;
        Some((Asn(u32::from_be_bytes(*asn)), Ipv4Addr::from(be32(rest)?)))
    }

    /// COMMUNITIES (RFC 1997) in ascending order.
    pub fn communities(&self) -> impl Iterator<Item = u32> + Clone + use<'a> {
        self.chunks(attr::COMMUNITIES).map(|c| u32::from_be_bytes(*c))
    }

    /// EXTENDED COMMUNITIES (RFC 4360) in ascending order.
    pub fn ext_communities(&self) -> impl Iterator<Item = [u8; 8]> + Clone + use<'a> {
        self.chunks(attr::EXT_COMMUNITIES).copied()
    }

    /// IPv6 address specific EXTENDED COMMUNITIES (RFC 5701) in ascending order.
    pub fn ipv6_ext_communities(&self) -> impl Iterator<Item = Ipv6ExtCommunity> + Clone + use<'a> {
        self.chunks(attr::IPV6_EXT_COMMUNITIES).copied()
    }

    /// LARGE_COMMUNITY (RFC 8092) in ascending order.
    pub fn large_communities(&self) -> impl Iterator<Item = (u32, u32, u32)> + Clone + use<'a> {
        self.chunks(attr::LARGE_COMMUNITIES).map(large_from_bytes)
    }

    /// ORIGINATOR_ID (RFC 4456 section 8).
    pub fn originator_id(&self) -> Option<Ipv4Addr> {
        self.raw(attr::ORIGINATOR_ID).and_then(be32).map(Ipv4Addr::from)
    }

    /// CLUSTER_LIST (RFC 4456 section 8), nearest cluster first.
    pub fn cluster_list(&self) -> impl Iterator<Item = Ipv4Addr> + Clone + use<'a> {
        self.chunks::<4>(attr::CLUSTER_LIST).map(|c| Ipv4Addr::from(*c))
    }

    /// The metric of AIGP (RFC 7311 section 3).
    pub fn aigp(&self) -> Option<u64> {
        aigp_metric(self.raw(attr::AIGP)?)
    }

    /// Only to Customer (RFC 9234 section 5).
    pub fn otc(&self) -> Option<Asn> {
        self.raw(attr::OTC).and_then(be32).map(Asn)
    }

    /// Attributes that we carry without knowing their meaning.
    pub fn unknown(&self) -> impl Iterator<Item = RawAttr<'a>> + Clone + use<'a> {
        self.iter().filter(|a| known_flags(a.code).is_none())
    }

    fn chunks<const N: usize>(&self, code: u8) -> impl Iterator<Item = &'a [u8; N]> + Clone + use<'a, N> {
        self.raw(code).unwrap_or(&[]).as_chunks::<N>().0.iter()
    }
}

/// Optional and transitive bits of an attribute that we know (RFC 7606 section 3(c) checks them).
pub(crate) const fn known_flags(code: u8) -> Option<u8> {
    const WELL_KNOWN: u8 = attr_flag::TRANSITIVE;
    const NON_TRANSITIVE: u8 = attr_flag::OPTIONAL;
    const OPTIONAL_TRANSITIVE: u8 = attr_flag::OPTIONAL | attr_flag::TRANSITIVE;
    match code {
        attr::ORIGIN | attr::AS_PATH | attr::NEXT_HOP | attr::LOCAL_PREF | attr::ATOMIC_AGGREGATE => {
            Some(WELL_KNOWN)
        }
        attr::MED
        | attr::ORIGINATOR_ID
        | attr::CLUSTER_LIST
        | attr::MP_REACH_NLRI
        | attr::MP_UNREACH_NLRI
        | attr::AIGP => Some(NON_TRANSITIVE),
        attr::AGGREGATOR
        | attr::COMMUNITIES
        | attr::EXT_COMMUNITIES
        | attr::AS4_PATH
        | attr::AS4_AGGREGATOR
        | attr::LARGE_COMMUNITIES
        | attr::IPV6_EXT_COMMUNITIES
        | attr::PREFIX_SID
        | attr::OTC => Some(OPTIONAL_TRANSITIVE),
        _ => None,
    }
}

/// The four octets of a value, if it has just four.
pub(crate) fn be32(value: &[u8]) -> Option<u32> {
    value.try_into().ok().map(u32::from_be_bytes)
}

/// The metric of the first AIGP TLV of type 1 in an attribute value (RFC 7311 section 3).
pub(crate) fn aigp_metric(mut value: &[u8]) -> Option<u64> {
    loop {
        let (&[kind, hi, lo], rest) = value.split_first_chunk()?;
        let body_len = usize::from(u16::from_be_bytes([hi, lo])).checked_sub(3)?;
        let (body, rest) = rest.split_at_checked(body_len)?;
        if kind == 1 {
            return body.try_into().ok().map(u64::from_be_bytes);
        }
        value = rest;
    }
}

fn large_from_bytes(bytes: &[u8; 12]) -> (u32, u32, u32) {
    let [a, b, c, d, e, f, g, h, i, j, k, l] = *bytes;
    (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]), u32::from_be_bytes([i, j, k, l]))
}
