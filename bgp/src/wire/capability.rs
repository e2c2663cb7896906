//! Capabilities of the OPEN message (RFC 5492), one TLV each.

use nom::multi::{length_data, many0};
use nom::number::complete::{be_u8, be_u16, be_u24, be_u32};
use nom::{IResult, Parser, combinator::all_consuming};

use super::iana::capability as code;
use super::notification::printable;
use crate::types::Asn;

/// One tuple of the extended next hop capability (RFC 8950 section 4).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ExtendedNextHop {
    /// AFI of the prefixes.
    pub afi: u16,
    /// SAFI of the prefixes; two octets here.
    pub safi: u16,
    /// AFI of the next hops.
    pub next_hop_afi: u16,
}

/// One tuple of the ADD-PATH capability (RFC 7911 section 4).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct AddPath {
    /// AFI.
    pub afi: u16,
    /// SAFI.
    pub safi: u8,
    /// 1 receive, 2 send, 3 both.
    pub mode: u8,
}

impl AddPath {
    /// The speaker wants to receive several paths.
    pub const RECEIVE: u8 = 1;
    /// The speaker wants to send several paths.
    pub const SEND: u8 = 2;
}

/// One tuple of the paths limit capability (draft-abraitis-idr-addpath-paths-limit).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct PathsLimit {
    /// AFI.
    pub afi: u16,
    /// SAFI.
    pub safi: u8,
    /// The most paths of a prefix that the speaker wants to receive; 0 is no limit.
    pub limit: u16,
}

/// One tuple of the graceful restart capability (RFC 4724 section 3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RestartFamily {
    /// AFI.
    pub afi: u16,
    /// SAFI.
    pub safi: u8,
    /// Flags; 0x80 is the forwarding state bit.
    pub flags: u8,
}

/// The graceful restart capability (RFC 4724 section 3, RFC 8538 section 2).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct GracefulRestart {
    /// Four flag bits: 8 restart state, 4 notification.
    pub flags: u8,
    /// Restart time in seconds, 12 bits.
    pub time: u16,
    /// Families whose forwarding state may be preserved.
    pub families: Vec<RestartFamily>,
}

/// One tuple of the long-lived graceful restart capability (RFC 9494 section 3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct LongLivedFamily {
    /// AFI.
    pub afi: u16,
    /// SAFI.
    pub safi: u8,
    /// Flags; 0x80 is the forwarding state bit.
    pub flags: u8,
    /// Stale time in seconds, 24 bits.
    pub time: u32,
}

/// One capability.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Capability {
    /// Multiprotocol extensions (RFC 4760 section 8).
    Multiprotocol {
        /// AFI.
        afi: u16,
        /// SAFI.
        safi: u8,
    },
    /// Route refresh (RFC 2918).
    RouteRefresh,
    /// Route refresh under its old code 128.
    RouteRefreshOld,
    /// Extended next hop encoding (RFC 8950).
    ExtendedNextHop(Vec<ExtendedNextHop>),
    /// Extended messages (RFC 8654).
    ExtendedMessage,
    /// BGP role (RFC 9234 section 4.1).
    Role(u8),
    /// Graceful restart (RFC 4724).
    GracefulRestart(GracefulRestart),
    /// Four-octet AS number (RFC 6793).
    FourOctetAs(Asn),
    /// Dynamic capability (draft).
    Dynamic,
    /// ADD-PATH (RFC 7911).
    AddPath(Vec<AddPath>),
    /// Enhanced route refresh (RFC 7313).
    EnhancedRouteRefresh,
    /// Long-lived graceful restart (RFC 9494).
    LongLivedGracefulRestart(Vec<LongLivedFamily>),
    /// Host and domain name (draft-walton-bgp-hostname-capability).
    Fqdn {
        /// Host name.
        host: String,
        /// Domain name.
        domain: String,
    },
    /// Software version (draft-abraitis-bgp-version-capability).
    SoftwareVersion(String),
    /// Most paths of a prefix (draft-abraitis-idr-addpath-paths-limit).
    PathsLimit(Vec<PathsLimit>),
    /// A capability that we do not know, or a known one whose value makes no sense; it is ignored.
    Other {
        /// Code.
        code: u8,
        /// Value.
        value: Vec<u8>,
    },
}

type Res<'a, T> = IResult<&'a [u8], T>;

/// All capabilities of one optional parameter; `None` when the lengths do not add up.
pub(crate) fn decode_all(value: &[u8]) -> Option<Vec<Capability>> {
    let one = |i| (be_u8, length_data(be_u8)).map(|(code, value)| Capability::decode(code, value)).parse(i);
    whole(value, many0(one))
}

fn whole<'a, T>(
    value: &'a [u8],
    parser: impl Parser<&'a [u8], Output = T, Error = nom::error::Error<&'a [u8]>>,
) -> Option<T> {
    all_consuming(parser).parse(value).ok().map(|(_, t)| t)
}

fn text8(i: &[u8]) -> Res<'_, String> {
    length_data(be_u8).map(printable).parse(i)
}

fn family(i: &[u8]) -> Res<'_, (u16, u8, u8)> {
    (be_u16, be_u8, be_u8).parse(i)
}

fn restart(i: &[u8]) -> Res<'_, GracefulRestart> {
    let families = many0(family.map(|(afi, safi, flags)| RestartFamily { afi, safi, flags }));
    (be_u16, families)
        .map(|(head, families)| GracefulRestart { flags: (head >> 12) as u8, time: head & 0xfff, families })
        .parse(i)
}

fn long_lived(i: &[u8]) -> Res<'_, Vec<LongLivedFamily>> {
    many0((family, be_u24).map(|((afi, safi, flags), time)| LongLivedFamily { afi, safi, flags, time }))
        .parse(i)
}

fn next_hops(i: &[u8]) -> Res<'_, Vec<ExtendedNextHop>> {
    many0((be_u16, be_u16, be_u16).map(|(afi, safi, next_hop_afi)| ExtendedNextHop {
        afi,
        safi,
        next_hop_afi,
    }))
    .parse(i)
}

fn add_path(i: &[u8]) -> Res<'_, Vec<AddPath>> {
    many0(family.map(|(afi, safi, mode)| AddPath { afi, safi, mode })).parse(i)
}

fn paths_limit(i: &[u8]) -> Res<'_, Vec<PathsLimit>> {
    many0((be_u16, be_u8, be_u16).map(|(afi, safi, limit)| PathsLimit { afi, safi, limit })).parse(i)
}

impl Capability {
    /// From its code and value. A value that does not fit gives [`Capability::Other`].
    pub fn decode(code: u8, value: &[u8]) -> Capability {
        let empty = |c: Capability| value.is_empty().then_some(c);
        let known = match code {
            code::MULTIPROTOCOL => {
                whole(value, family).map(|(afi, _, safi)| Capability::Multiprotocol { afi, safi })
            }
            code::ROUTE_REFRESH => empty(Capability::RouteRefresh),
            code::ROUTE_REFRESH_OLD => empty(Capability::RouteRefreshOld),
            code::ENHANCED_ROUTE_REFRESH => empty(Capability::EnhancedRouteRefresh),
            code::EXTENDED_MESSAGE => empty(Capability::ExtendedMessage),
            code::DYNAMIC => empty(Capability::Dynamic),
            code::EXTENDED_NEXT_HOP => whole(value, next_hops).map(Capability::ExtendedNextHop),
            code::ROLE => whole(value, be_u8).map(Capability::Role),
            code::GRACEFUL_RESTART => whole(value, restart).map(Capability::GracefulRestart),
            code::FOUR_OCTET_AS => whole(value, be_u32).map(|a| Capability::FourOctetAs(Asn(a))),
            code::ADD_PATH => whole(value, add_path).map(Capability::AddPath),
            code::PATHS_LIMIT => whole(value, paths_limit).map(Capability::PathsLimit),
            code::LONG_LIVED_GRACEFUL_RESTART => {
                whole(value, long_lived).map(Capability::LongLivedGracefulRestart)
            }
            code::FQDN => {
                whole(value, (text8, text8)).map(|(host, domain)| Capability::Fqdn { host, domain })
            }
            // Two encodings are about: with a length octet of its own, and without.
            code::SOFTWARE_VERSION => whole(value, text8).map(Capability::SoftwareVersion),
            _ => None,
        };
        known.unwrap_or_else(|| Capability::Other { code, value: value.to_vec() })
    }

    /// Its code.
    pub const fn code(&self) -> u8 {
        match self {
            Capability::Multiprotocol { .. } => code::MULTIPROTOCOL,
            Capability::RouteRefresh => code::ROUTE_REFRESH,
            Capability::RouteRefreshOld => code::ROUTE_REFRESH_OLD,
            Capability::ExtendedNextHop(_) => code::EXTENDED_NEXT_HOP,
            Capability::ExtendedMessage => code::EXTENDED_MESSAGE,
            Capability::Role(_) => code::ROLE,
            Capability::GracefulRestart(_) => code::GRACEFUL_RESTART,
            Capability::FourOctetAs(_) => code::FOUR_OCTET_AS,
            Capability::Dynamic => code::DYNAMIC,
            Capability::AddPath(_) => code::ADD_PATH,
            Capability::PathsLimit(_) => code::PATHS_LIMIT,
            Capability::EnhancedRouteRefresh => code::ENHANCED_ROUTE_REFRESH,
            Capability::LongLivedGracefulRestart(_) => code::LONG_LIVED_GRACEFUL_RESTART,
            Capability::Fqdn { .. } => code::FQDN,
            Capability::SoftwareVersion(_) => code::SOFTWARE_VERSION,
            Capability::Other { code, .. } => *code,
        }
    }

    /// Appends code, length and value. What does not fit in 255 octets is left out as a whole tuple or cut text.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[self.code(), 0]);
        let start = out.len();
        self.encode_value(out);
        let len = (out.len() - start).min(usize::from(u8::MAX));
        out.truncate(start + len);
        if let Some(slot) = out.get_mut(start - 1) {
            *slot = len as u8;
        }
    }

    fn encode_value(&self, out: &mut Vec<u8>) {
        match self {
            Capability::RouteRefresh
            | Capability::RouteRefreshOld
            | Capability::EnhancedRouteRefresh
            | Capability::ExtendedMessage
            | Capability::Dynamic => {}
            Capability::Multiprotocol { afi, safi } => {
                let [hi, lo] = afi.to_be_bytes();
                out.extend_from_slice(&[hi, lo, 0, *safi]);
            }
            Capability::ExtendedNextHop(list) => {
                for t in list.iter().take(255 / 6) {
                    let parts = [t.afi, t.safi, t.next_hop_afi].map(u16::to_be_bytes);
                    out.extend_from_slice(parts.as_flattened());
                }
            }
            Capability::Role(role) => out.push(*role),
            Capability::GracefulRestart(gr) => {
                let head = u16::from(gr.flags & 0xf) << 12 | gr.time & 0xfff;
                out.extend_from_slice(&head.to_be_bytes());
                for t in gr.families.iter().take(253 / 4) {
                    put_family(t.afi, t.safi, t.flags, out);
                }
            }
            Capability::FourOctetAs(asn) => out.extend_from_slice(&asn.0.to_be_bytes()),
            Capability::AddPath(list) => {
                list.iter().take(255 / 4).for_each(|t| put_family(t.afi, t.safi, t.mode, out));
            }
            Capability::PathsLimit(list) => {
                for t in list.iter().take(255 / 5) {
                    let [high, low] = t.limit.to_be_bytes();
                    put_family(t.afi, t.safi, high, out);
                    out.push(low);
                }
            }
            Capability::LongLivedGracefulRestart(list) => {
                for t in list.iter().take(255 / 7) {
                    put_family(t.afi, t.safi, t.flags, out);
                    let [_, a, b, c] = t.time.min(0xff_ffff).to_be_bytes();
                    out.extend_from_slice(&[a, b, c]);
                }
            }
            Capability::Fqdn { host, domain } => {
                put_text(host, 120, out);
                put_text(domain, 120, out);
            }
            Capability::SoftwareVersion(text) => put_text(text, 64, out),
            Capability::Other { value, .. } => out.extend_from_slice(value),
        }
    }
}

fn put_family(afi: u16, safi: u8, last: u8, out: &mut Vec<u8>) {
    let [hi, lo] = afi.to_be_bytes();
    out.extend_from_slice(&[hi, lo, safi, last]);
}

fn put_text(text: &str, max: usize, out: &mut Vec<u8>) {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = text.get(..end).unwrap_or("");
    out.push(text.len() as u8);
    out.extend_from_slice(text.as_bytes());
}
