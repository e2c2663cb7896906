//! MP_REACH_NLRI and MP_UNREACH_NLRI, and next hops (RFC 4760, RFC 2545, RFC 8950).

use std::net::{Ipv4Addr, Ipv6Addr};

use super::reader::{Reader, Short};
use crate::types::{Family, NextHop, is_link_local};

/// MP_REACH_NLRI of a family that we carry.
#[derive(Clone, Copy)]
pub(super) struct MpReach<'a> {
    pub family: Family,
    /// `None` when it has the form but can be no router's address.
    pub next_hop: Option<NextHop>,
    pub nlri: &'a [u8],
}

/// Parts MP_REACH_NLRI: `None` when it cannot be parsed, `Some(None)` for families that we do not carry.
#[expect(clippy::option_option, reason = "malformed, foreign and ours are three different things")]
pub(super) fn split_reach(
    value: &[u8],
    families: [bool; 2],
    allow_martian: bool,
) -> Option<Option<MpReach<'_>>> {
    let (afi, safi, next_hop, nlri) = fields(Reader::new(value)).ok()?;
    let family = Family::from_codes(afi, safi).filter(|f| families.get(f.index()) == Some(&true));
    let Some(family) = family else {
        return Some(None);
    };
    match (family, next_hop.len()) {
        (Family::Ipv4Unicast, 4) | (_, 16 | 32) => {
            Some(Some(MpReach { family, next_hop: next_hop_of(next_hop, allow_martian), nlri }))
        }
        _ => None,
    }
}

/// AFI, SAFI, next hop, prefixes.
type ReachFields<'a> = (u16, u8, &'a [u8], &'a [u8]);

fn fields(mut r: Reader<'_>) -> Result<ReachFields<'_>, Short> {
    let (afi, safi, len) = (r.u16()?, r.u8()?, r.u8()?);
    let next_hop = r.take(usize::from(len))?;
    // Reserved, once the number of SNPAs.
    r.u8()?;
    Ok((afi, safi, next_hop, r.rest()))
}

/// Parts MP_UNREACH_NLRI into its family, if it is one that we know, and the prefixes.
pub(super) fn split_unreach(value: &[u8]) -> Option<(Option<Family>, &[u8])> {
    let (&[hi, lo, safi], nlri) = value.split_first_chunk()?;
    Some((Family::from_codes(u16::from_be_bytes([hi, lo]), safi), nlri))
}

/// A next hop of 4, 16 or 32 octets; `None` for one that can be no router's address, unless `allow_martian`.
pub(super) fn next_hop_of(bytes: &[u8], allow_martian: bool) -> Option<NextHop> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        let addr = Ipv4Addr::from(v4);
        return (allow_martian || !is_martian4(addr)).then_some(NextHop::V4(addr));
    }
    let (first, second) = bytes.split_first_chunk::<16>()?;
    let first = Ipv6Addr::from(*first);
    let second = <[u8; 16]>::try_from(second).ok().map(Ipv6Addr::from).filter(is_link_local);
    let next_hop = match second {
        // Some send no global address beside the link-local one, others the link-local one twice.
        Some(local) if first.is_unspecified() || first == local => {
            NextHop::V6 { global: local, link_local: None }
        }
        link_local => NextHop::V6 { global: first, link_local },
    };
    let NextHop::V6 { global, .. } = next_hop else { return None };
    (allow_martian || !is_martian6(&global)).then_some(next_hop)
}

fn is_martian4(addr: Ipv4Addr) -> bool {
    matches!(addr.octets(), [0 | 127 | 224..=255, ..])
}

fn is_martian6(addr: &Ipv6Addr) -> bool {
    addr.is_unspecified() || addr.is_loopback() || addr.is_multicast() || addr.to_ipv4_mapped().is_some()
}
