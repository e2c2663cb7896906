//! Reading the decision fields of a block, once.

use super::bandwidth::{in_long, in_short};
use super::view::be32;
use super::{AsPath, AttrView, Origin, SegmentKind, Summary, flag};
use crate::wire::iana::{attr, community};

/// Reads the decision fields of a canonical block.
pub fn summarize(block: &[u8]) -> Summary {
    let mut summary = Summary { origin: Origin::Incomplete, ..Summary::default() };
    for a in AttrView::new(block).iter() {
        match a.code {
            attr::ORIGIN => {
                summary.origin = a.value.first().map_or(Origin::Incomplete, |&v| Origin::from_code(v))
            }
            attr::AS_PATH => path_fields(AsPath::new(a.value), &mut summary),
            attr::MED => number(a.value, flag::MED, &mut summary.med, &mut summary.flags),
            attr::LOCAL_PREF => {
                number(a.value, flag::LOCAL_PREF, &mut summary.local_pref, &mut summary.flags);
            }
            attr::COMMUNITIES => summary.flags |= community_flags(a.value),
            attr::ORIGINATOR_ID => {
                number(a.value, flag::ORIGINATOR_ID, &mut summary.originator_id, &mut summary.flags);
            }
            attr::EXT_COMMUNITIES if in_short(a.value) => summary.flags |= flag::LINK_BANDWIDTH,
            attr::IPV6_EXT_COMMUNITIES if in_long(a.value) => summary.flags |= flag::LINK_BANDWIDTH,
            attr::OTC => summary.flags |= flag::OTC,
            attr::AIGP => summary.flags |= flag::AIGP,
            attr::CLUSTER_LIST => summary.cluster_len = u8::try_from(a.value.len() / 4).unwrap_or(u8::MAX),
            _ => {}
        }
    }
    summary
}

fn number(value: &[u8], bit: u16, field: &mut u32, flags: &mut u16) {
    if let Some(n) = be32(value) {
        *field = n;
        *flags |= bit;
    }
}

fn path_fields(path: AsPath<'_>, summary: &mut Summary) {
    let (mut len, mut confed) = (0, 0);
    let mut first = true;
    for segment in path.segments() {
        len += segment.len();
        confed += segment.confed_len();
        if segment.kind.is_set() {
            summary.flags |= flag::AS_SET;
        }
        if first && !segment.kind.is_confed() {
            first = false;
            if segment.kind == SegmentKind::Sequence {
                summary.neighbor_as = segment.asns().next().map_or(0, |a| a.0);
            }
        }
    }
    summary.path_len = u16::try_from(len).unwrap_or(u16::MAX);
    summary.confed_len = u16::try_from(confed).unwrap_or(u16::MAX);
}

fn community_flags(value: &[u8]) -> u16 {
    let mut flags = 0;
    for c in value.as_chunks::<4>().0 {
        let c = u32::from_be_bytes(*c);
        // All of the well-known ones that matter stand in the last 64k numbers.
        if c < community::GRACEFUL_SHUTDOWN {
            continue;
        }
        flags |= match c {
            community::NO_EXPORT => flag::NO_EXPORT,
            community::NO_ADVERTISE => flag::NO_ADVERTISE,
            community::LOCAL_AS => flag::LOCAL_AS,
            community::GRACEFUL_SHUTDOWN => flag::GRACEFUL_SHUTDOWN,
            community::BLACKHOLE => flag::BLACKHOLE,
            community::LLGR_STALE => flag::LLGR_STALE,
            _ => 0,
        };
    }
    flags
}
