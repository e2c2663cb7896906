//! PDUs of the RPKI to Router protocol, versions 0 and 1 (RFC 6810 and RFC 8210 section 5).

use std::net::{Ipv4Addr, Ipv6Addr};

use bgp::types::Asn;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use rib::Vrp;

/// The newest version that we speak.
pub const VERSION: u8 = 1;

/// Octets of the longest PDU that is taken. RFC 8210 has no limit; a router key has some 130 octets, and an Error
/// Report holds another PDU and a text.
pub const MAX_PDU: usize = 4096;

/// PDU types (RFC 8210 section 14).
mod kind {
    pub const SERIAL_NOTIFY: u8 = 0;
    pub const SERIAL_QUERY: u8 = 1;
    pub const RESET_QUERY: u8 = 2;
    pub const CACHE_RESPONSE: u8 = 3;
    pub const IPV4_PREFIX: u8 = 4;
    pub const IPV6_PREFIX: u8 = 6;
    pub const END_OF_DATA: u8 = 7;
    pub const CACHE_RESET: u8 = 8;
    pub const ROUTER_KEY: u8 = 9;
    pub const ERROR_REPORT: u8 = 10;
}

/// Error codes (RFC 8210 section 12).
pub mod error_code {
    /// A PDU cannot be read, or does not belong where it stands.
    pub const CORRUPT_DATA: u16 = 0;
    /// The other end has a problem of its own.
    pub const INTERNAL_ERROR: u16 = 1;
    /// The cache has nothing yet; not fatal.
    pub const NO_DATA_AVAILABLE: u16 = 2;
    /// The version is not supported.
    pub const UNSUPPORTED_VERSION: u16 = 4;
    /// The PDU type is not supported.
    pub const UNSUPPORTED_TYPE: u16 = 5;
    /// A record is withdrawn that was not announced.
    pub const WITHDRAWAL_OF_UNKNOWN: u16 = 6;
    /// A record is announced twice.
    pub const DUPLICATE_ANNOUNCEMENT: u16 = 7;
    /// The version changed in mid-session.
    pub const UNEXPECTED_VERSION: u16 = 8;
}

/// How long data are good for and when to ask again, in seconds (RFC 8210 section 6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timing {
    /// Between queries.
    pub refresh: u32,
    /// Between attempts after a failure.
    pub retry: u32,
    /// Age at which data are given up.
    pub expire: u32,
}

impl Timing {
    /// Brought into the ranges of RFC 8210 section 6.
    fn limited(self) -> Timing {
        Timing {
            refresh: self.refresh.clamp(1, 86_400),
            retry: self.retry.clamp(1, 7_200),
            expire: self.expire.clamp(600, 172_800),
        }
    }
}

/// What a cache says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pdu {
    /// There are new data.
    SerialNotify {
        /// Of which session.
        session: u16,
        /// Serial number of the newest data.
        serial: u32,
    },
    /// Records follow.
    CacheResponse {
        /// Of which session.
        session: u16,
    },
    /// A record comes or goes.
    Prefix {
        /// It comes.
        announce: bool,
        /// The record.
        vrp: Vrp,
    },
    /// All records were told.
    EndOfData {
        /// Of which session.
        session: u16,
        /// Serial number of the data.
        serial: u32,
        /// Timers; version 0 has none.
        timing: Option<Timing>,
    },
    /// There is no difference to the serial number that was asked for: everything has to be told.
    CacheReset,
    /// A key of a router, which path validation would need.
    RouterKey,
    /// Something is wrong.
    ErrorReport {
        /// See [`error_code`].
        code: u16,
    },
}

/// Why a PDU ends the session.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Fault {
    /// The version is neither 0 nor 1.
    #[error("version {0} is not supported")]
    Version(u8),
    /// The version is not that of the session.
    #[error("version {0} in the midst of a session of another one")]
    VersionChanged(u8),
    /// No such type, or none that a cache sends.
    #[error("PDU type {0} is not for routers")]
    Type(u8),
    /// The length does not fit the type and version.
    #[error("PDU type {kind} has a length of {length}")]
    Length {
        /// PDU type.
        kind: u8,
        /// Octets, as the PDU says.
        length: u32,
    },
    /// The lengths inside of an Error Report do not fit.
    #[error("malformed Error Report")]
    ErrorReport,
    /// The prefix is longer than an address.
    #[error("prefix length {0}")]
    PrefixLength(u8),
    /// The maximum length is below the prefix length or above the address length.
    #[error("maximum length {max_len} of a prefix of length {len}")]
    MaxLength {
        /// Length of the prefix.
        len: u8,
        /// What came.
        max_len: u8,
    },
    /// The PDU does not belong here.
    #[error("PDU out of place")]
    OutOfPlace,
    /// The session is another one than was asked for.
    #[error("session {0} instead of the one asked for")]
    Session(u16),
    /// A record is withdrawn that is not there.
    #[error("withdrawal of an unknown record")]
    UnknownRecord,
    /// A record is announced that is there.
    #[error("duplicate announcement")]
    Duplicate,
    /// More records than a router can be meant to hold.
    #[error("too many records")]
    TooMany,
}

impl Fault {
    /// The code of the Error Report; `None` where none may be sent (RFC 8210 section 5.11).
    pub const fn code(self) -> Option<u16> {
        Some(match self {
            Fault::ErrorReport => return None,
            Fault::Version(_) => error_code::UNSUPPORTED_VERSION,
            Fault::VersionChanged(_) => error_code::UNEXPECTED_VERSION,
            Fault::Type(_) => error_code::UNSUPPORTED_TYPE,
            Fault::UnknownRecord => error_code::WITHDRAWAL_OF_UNKNOWN,
            Fault::Duplicate => error_code::DUPLICATE_ANNOUNCEMENT,
            Fault::TooMany => error_code::INTERNAL_ERROR,
            Fault::Length { .. }
            | Fault::PrefixLength(_)
            | Fault::MaxLength { .. }
            | Fault::OutOfPlace
            | Fault::Session(_) => error_code::CORRUPT_DATA,
        })
    }

    /// Whether what the cache said so far is not to be believed either: it tells prefixes that cannot be.
    pub const fn discredits(self) -> bool {
        matches!(self, Fault::PrefixLength(_) | Fault::MaxLength { .. })
    }
}

/// A PDU with its version and its length in octets.
pub type Decoded = (u8, Pdu, usize);

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|c| u16::from_be_bytes(*c))
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|c| u32::from_be_bytes(*c))
}

/// The first PDU of what was received; `None` while it is not complete. What is wrong is seen as soon as the header
/// is there: nothing is waited for, or kept, that a router would not take.
pub fn decode(bytes: &[u8]) -> Result<Option<Decoded>, Fault> {
    let Some((&[version, kind, ..], _)) = bytes.split_first_chunk::<8>() else { return Ok(None) };
    let Some(length) = be32(bytes, 4) else { return Ok(None) };
    check_header(version, kind, length)?;
    let length = length as usize;
    let Some(pdu) = bytes.get(..length) else { return Ok(None) };
    // The length is right, so every field is there.
    let body = read(version, kind, pdu).ok_or(Fault::Length { kind, length: length as u32 })??;
    Ok(Some((version, body, length)))
}

fn check_header(version: u8, kind: u8, length: u32) -> Result<(), Fault> {
    if version > VERSION {
        return Err(Fault::Version(version));
    }
    let fits = match kind {
        kind::SERIAL_NOTIFY => length == 12,
        kind::CACHE_RESPONSE | kind::CACHE_RESET => length == 8,
        kind::IPV4_PREFIX => length == 20,
        kind::IPV6_PREFIX => length == 32,
        kind::END_OF_DATA => length == if version == 0 { 12 } else { 24 },
        kind::ROUTER_KEY if version > 0 => (32..=MAX_PDU as u32).contains(&length),
        kind::ERROR_REPORT => (16..=MAX_PDU as u32).contains(&length),
        other => return Err(Fault::Type(other)),
    };
    match (fits, kind) {
        (true, _) => Ok(()),
        (false, kind::ERROR_REPORT) => Err(Fault::ErrorReport),
        (false, kind) => Err(Fault::Length { kind, length }),
    }
}

/// Reads a PDU whose length was checked; `None` if it is too short all the same.
fn read(version: u8, kind: u8, pdu: &[u8]) -> Option<Result<Pdu, Fault>> {
    let session = be16(pdu, 2)?;
    Some(Ok(match kind {
        kind::SERIAL_NOTIFY => Pdu::SerialNotify { session, serial: be32(pdu, 8)? },
        kind::CACHE_RESPONSE => Pdu::CacheResponse { session },
        kind::CACHE_RESET => Pdu::CacheReset,
        kind::ROUTER_KEY => Pdu::RouterKey,
        kind::IPV4_PREFIX => {
            let addr = Ipv4Addr::from(be32(pdu, 12)?);
            let net = |len| Ipv4Net::new(addr, len).map(|n| IpNet::V4(n.trunc()));
            return prefix(pdu, 32, net, be32(pdu, 16)?);
        }
        kind::IPV6_PREFIX => {
            let addr = Ipv6Addr::from(*pdu.get(12..)?.first_chunk::<16>()?);
            let net = |len| Ipv6Net::new(addr, len).map(|n| IpNet::V6(n.trunc()));
            return prefix(pdu, 128, net, be32(pdu, 28)?);
        }
        kind::END_OF_DATA => {
            let timing = match version {
                0 => None,
                _ => {
                    let timing =
                        Timing { refresh: be32(pdu, 12)?, retry: be32(pdu, 16)?, expire: be32(pdu, 20)? };
                    Some(timing.limited())
                }
            };
            Pdu::EndOfData { session, serial: be32(pdu, 8)?, timing }
        }
        kind::ERROR_REPORT => return Some(error_report(pdu, session)),
        other => return Some(Err(Fault::Type(other))),
    }))
}

fn prefix(
    pdu: &[u8],
    bits: u8,
    net: impl Fn(u8) -> Result<IpNet, ipnet::PrefixLenError>,
    asn: u32,
) -> Option<Result<Pdu, Fault>> {
    let (&[flags, len, max_len, _], _) = pdu.get(8..)?.split_first_chunk::<4>()?;
    let Ok(prefix) = net(len) else { return Some(Err(Fault::PrefixLength(len))) };
    if max_len < len || max_len > bits {
        return Some(Err(Fault::MaxLength { len, max_len }));
    }
    let vrp = Vrp { prefix, max_len, asn: Asn(asn) };
    Some(Ok(Pdu::Prefix { announce: flags & 1 != 0, vrp }))
}

/// The PDU and the text inside have lengths of their own, which must add up.
fn error_report(pdu: &[u8], code: u16) -> Result<Pdu, Fault> {
    let inner = be32(pdu, 8).ok_or(Fault::ErrorReport)? as usize;
    let text_at = inner.checked_add(12).filter(|at| *at <= pdu.len()).ok_or(Fault::ErrorReport)?;
    let text = be32(pdu, text_at).ok_or(Fault::ErrorReport)? as usize;
    match text_at.checked_add(4).and_then(|at| at.checked_add(text)) {
        Some(end) if end == pdu.len() => Ok(Pdu::ErrorReport { code }),
        _ => Err(Fault::ErrorReport),
    }
}

fn header(version: u8, kind: u8, field: u16, length: u32) -> Vec<u8> {
    let mut pdu = vec![version, kind];
    pdu.extend_from_slice(&field.to_be_bytes());
    pdu.extend_from_slice(&length.to_be_bytes());
    pdu
}

/// Asks for everything.
pub fn reset_query(version: u8) -> Vec<u8> {
    header(version, kind::RESET_QUERY, 0, 8)
}

/// Asks for what changed since a serial number.
pub fn serial_query(version: u8, session: u16, serial: u32) -> Vec<u8> {
    let mut pdu = header(version, kind::SERIAL_QUERY, session, 12);
    pdu.extend_from_slice(&serial.to_be_bytes());
    pdu
}

/// Says what was wrong with a PDU, of which at most the first 64 octets are sent back.
pub fn error_report_for(version: u8, code: u16, bad: &[u8], text: &str) -> Vec<u8> {
    let bad = bad.get(..64).unwrap_or(bad);
    let length = 16 + bad.len() + text.len();
    let mut pdu = header(version, kind::ERROR_REPORT, code, length as u32);
    pdu.extend_from_slice(&(bad.len() as u32).to_be_bytes());
    pdu.extend_from_slice(bad);
    pdu.extend_from_slice(&(text.len() as u32).to_be_bytes());
    pdu.extend_from_slice(text.as_bytes());
    pdu
}
