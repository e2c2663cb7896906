//! Communities as text: the names, notations and JSON spellings that FRR shows and reads.

use std::fmt;
use std::net::Ipv4Addr;

use super::LinkBandwidth;
use crate::wire::iana::community;

/// Well-known communities: number, name in text, name in JSON.
const WELL_KNOWN: [(u32, &str, &str); 15] = [
    (community::INTERNET, "internet", "internet"),
    (community::GRACEFUL_SHUTDOWN, "graceful-shutdown", "gracefulShutdown"),
    (community::ACCEPT_OWN, "accept-own", "acceptOwn"),
    (community::ROUTE_FILTER_TRANSLATED_V4, "route-filter-translated-v4", "routeFilterTranslatedV4"),
    (community::ROUTE_FILTER_V4, "route-filter-v4", "routeFilterV4"),
    (community::ROUTE_FILTER_TRANSLATED_V6, "route-filter-translated-v6", "routeFilterTranslatedV6"),
    (community::ROUTE_FILTER_V6, "route-filter-v6", "routeFilterV6"),
    (community::LLGR_STALE, "llgr-stale", "llgrStale"),
    (community::NO_LLGR, "no-llgr", "noLlgr"),
    (community::ACCEPT_OWN_NEXTHOP, "accept-own-nexthop", "acceptOwnNexthop"),
    (community::BLACKHOLE, "blackhole", "blackhole"),
    (community::NO_EXPORT, "no-export", "noExport"),
    (community::NO_ADVERTISE, "no-advertise", "noAdvertise"),
    (community::LOCAL_AS, "local-AS", "localAs"),
    (community::NO_PEER, "no-peer", "noPeer"),
];

/// The name of a well-known community in text.
pub fn community_name(community: u32) -> Option<&'static str> {
    WELL_KNOWN.iter().find(|(c, ..)| *c == community).map(|(_, name, _)| *name)
}

/// The name of a well-known community in JSON.
pub fn community_json_name(community: u32) -> Option<&'static str> {
    WELL_KNOWN.iter().find(|(c, ..)| *c == community).map(|(.., json)| *json)
}

/// A community in text: its name or `AS:VALUE`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Community(pub u32);

impl fmt::Display for Community {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match community_name(self.0) {
            Some(name) => f.write_str(name),
            None => write!(f, "{}:{}", self.0 >> 16, self.0 & 0xffff),
        }
    }
}

/// A community in JSON: its camel-case name or `AS:VALUE`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CommunityJson(pub u32);

impl fmt::Display for CommunityJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match community_json_name(self.0) {
            Some(name) => f.write_str(name),
            None => write!(f, "{}:{}", self.0 >> 16, self.0 & 0xffff),
        }
    }
}

/// Reads a community: a well-known name, `AS:VALUE`, or one number.
pub fn parse_community(text: &str) -> Option<u32> {
    if let Some((number, ..)) = WELL_KNOWN.iter().find(|(_, name, _)| *name == text) {
        return Some(*number);
    }
    match text.split_once(':') {
        Some((high, low)) => Some(u32::from(decimal::<u16>(high)?) << 16 | u32::from(decimal::<u16>(low)?)),
        None if text == "no-export-subconfed" => Some(community::LOCAL_AS),
        None => decimal(text),
    }
}

/// A large community in text (RFC 8092 section 5).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LargeCommunity(pub (u32, u32, u32));

impl fmt::Display for LargeCommunity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (global, data1, data2) = self.0;
        write!(f, "{global}:{data1}:{data2}")
    }
}

/// Reads a large community.
pub fn parse_large_community(text: &str) -> Option<(u32, u32, u32)> {
    let (global, rest) = text.split_once(':')?;
    let (data1, data2) = rest.split_once(':')?;
    Some((decimal(global)?, decimal(data1)?, decimal(data2)?))
}

/// Types and subtypes of extended communities that have a notation (RFC 4360, RFC 5668, RFC 7153).
mod ext {
    pub const TWO_OCTET_AS: u8 = 0x00;
    pub const IPV4: u8 = 0x01;
    pub const FOUR_OCTET_AS: u8 = 0x02;
    pub const OPAQUE: u8 = 0x03;
    pub const NON_TRANSITIVE: u8 = 0x40;
    pub const ROUTE_TARGET: u8 = 0x02;
    pub const ROUTE_ORIGIN: u8 = 0x03;
    pub const COLOR: u8 = 0x0b;
    pub const VALIDATION_STATE: u8 = 0x00;
}

/// What an extended community of the AS or address kind says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExtKind {
    /// Route target (RFC 4360 section 4).
    RouteTarget,
    /// Route origin, `SoO` (RFC 4360 section 5).
    RouteOrigin,
}

/// An extended community in text: `RT:...`, `SoO:...`, `LB:...` (bandwidth), `OVS:...`, `Color:...`, else `UNK:...`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ExtCommunity(pub [u8; 8]);

impl ExtCommunity {
    /// A route target or origin from `AS:VALUE` or `ADDRESS:VALUE`.
    pub fn parse(kind: ExtKind, text: &str) -> Option<ExtCommunity> {
        let (admin, value) = text.split_once(':')?;
        let subtype = match kind {
            ExtKind::RouteTarget => ext::ROUTE_TARGET,
            ExtKind::RouteOrigin => ext::ROUTE_ORIGIN,
        };
        if let Ok(addr) = admin.parse::<Ipv4Addr>() {
            return Some(ExtCommunity::wide(ext::IPV4, subtype, addr.octets(), decimal(value)?));
        }
        let asn: u32 = decimal(admin)?;
        match u16::try_from(asn) {
            Ok(asn) => {
                let [a, b] = asn.to_be_bytes();
                let [c, d, e, f] = decimal::<u32>(value)?.to_be_bytes();
                Some(ExtCommunity([ext::TWO_OCTET_AS, subtype, a, b, c, d, e, f]))
            }
            Err(_) => {
                Some(ExtCommunity::wide(ext::FOUR_OCTET_AS, subtype, asn.to_be_bytes(), decimal(value)?))
            }
        }
    }

    fn wide(kind: u8, subtype: u8, admin: [u8; 4], value: u16) -> ExtCommunity {
        let ([a, b, c, d], [e, f]) = (admin, value.to_be_bytes());
        ExtCommunity([kind, subtype, a, b, c, d, e, f])
    }
}

impl fmt::Display for ExtCommunity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(bandwidth) = LinkBandwidth::from_short(&self.0) {
            return bandwidth.fmt(f);
        }
        let [kind, subtype, a, b, c, d, e, g] = self.0;
        let word = match subtype {
            ext::ROUTE_TARGET => "RT",
            ext::ROUTE_ORIGIN => "SoO",
            _ => "",
        };
        let short = u16::from_be_bytes([a, b]);
        let low = u16::from_be_bytes([e, g]);
        match kind & !ext::NON_TRANSITIVE {
            ext::TWO_OCTET_AS if !word.is_empty() => {
                write!(f, "{word}:{short}:{}", u32::from_be_bytes([c, d, e, g]))
            }
            ext::IPV4 if !word.is_empty() => write!(f, "{word}:{}:{low}", Ipv4Addr::new(a, b, c, d)),
            ext::FOUR_OCTET_AS if !word.is_empty() => {
                write!(f, "{word}:{}:{low}", u32::from_be_bytes([a, b, c, d]))
            }
            ext::OPAQUE if kind & ext::NON_TRANSITIVE != 0 && subtype == ext::VALIDATION_STATE => f
                .write_str(match g {
                    0 => "OVS:valid",
                    1 => "OVS:not-found",
                    2 => "OVS:invalid",
                    _ => "OVS:unknown",
                }),
            ext::OPAQUE if subtype == ext::COLOR => write!(f, "Color:{}", u32::from_be_bytes([c, d, e, g])),
            _ => write!(f, "UNK:{kind}, {subtype}"),
        }
    }
}

/// A plain decimal number; signs are no part of it, as they would be for `str::parse`.
fn decimal<T: std::str::FromStr>(text: &str) -> Option<T> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}
