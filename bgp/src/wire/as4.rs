//! AS numbers of two octets: widening and merging with AS4_PATH (RFC 6793 section 4.2.3).

use super::Fault;
use super::iana::segment;
use crate::attrs::{AsPath, SegmentKind};
use crate::types::AS_TRANS;

/// Writes a path of two-octet numbers to `out` with four-octet ones.
pub(super) fn widen(path: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    out.clear();
    let mut rest = path;
    while !rest.is_empty() {
        let (&[kind, count], after) = rest.split_first_chunk().ok_or(Fault::Value)?;
        let (asns, after) = after.split_at_checked(usize::from(count) * 2).ok_or(Fault::Value)?;
        out.extend_from_slice(&[kind, count]);
        for [hi, lo] in asns.as_chunks().0 {
            out.extend_from_slice(&[0, 0, *hi, *lo]);
        }
        rest = after;
    }
    // Twice the octets may be more than the length field can say.
    if out.len() > usize::from(u16::MAX) { Err(Fault::Value) } else { Ok(()) }
}

/// Puts the leading part of `path`, which AS4_PATH lacks, in front of AS4_PATH. Both have four-octet numbers.
/// `false` when AS4_PATH is the longer one and has to be ignored; `out` is then of no use.
pub(super) fn merge(path: AsPath<'_>, as4: AsPath<'_>, out: &mut Vec<u8>) -> bool {
    out.clear();
    let Some(mut lead) = path.len().checked_sub(as4.len()) else {
        return false;
    };
    let mut merged = PathWriter { out, open: None };
    for s in path.segments() {
        // Confederation segments count nothing: those in front of the missing part belong to it.
        if lead == 0 && !s.kind.is_confed() {
            break;
        }
        match s.kind {
            SegmentKind::Sequence => {
                let take = lead.min(s.asns.len());
                merged.segment(s.kind, s.asns.get(..take).unwrap_or(&[]));
                lead -= take;
            }
            _ => {
                merged.segment(s.kind, s.asns);
                lead = lead.saturating_sub(s.len());
            }
        }
    }
    for s in as4.segments().filter(|s| !s.kind.is_confed()) {
        merged.segment(s.kind, s.asns);
    }
    merged.out.len() <= usize::from(u16::MAX)
}

/// Whether the AS4 attributes count. With both AGGREGATORs there and a number other than AS_TRANS in the two-octet
/// one, that was written later, by a speaker that did not know the AS4 attributes.
pub(super) fn counts(two: Option<&[u8]>, four: Option<&[u8]>) -> bool {
    let trans =
        two.and_then(|a| a.first_chunk()).is_none_or(|asn| u32::from(u16::from_be_bytes(*asn)) == AS_TRANS.0);
    four.is_none() || trans
}

/// AGGREGATOR with a four-octet number, from AS4_AGGREGATOR where that counts.
pub(super) fn aggregator(two: Option<&[u8]>, four: Option<&[u8]>) -> Option<[u8; 8]> {
    let &[hi, lo, a, b, c, d] = <&[u8; 6]>::try_from(two?).ok()?;
    let four = four.filter(|_| counts(two, four)).and_then(|v| v.try_into().ok());
    Some(four.unwrap_or([0, 0, hi, lo, a, b, c, d]))
}

struct PathWriter<'a> {
    out: &'a mut Vec<u8>,
    /// Where the header of the last segment stands, if that is a sequence.
    open: Option<usize>,
}

impl PathWriter<'_> {
    /// Appends a segment; a sequence after a sequence goes into the same one where it fits, so that the result is
    /// what a four-octet speaker would have sent.
    fn segment(&mut self, kind: SegmentKind, asns: &[[u8; 4]]) {
        if asns.is_empty() {
            return;
        }
        let count = u8::try_from(asns.len()).unwrap_or(u8::MAX);
        let joined = self.open.filter(|_| kind == SegmentKind::Sequence).and_then(|header| {
            let slot = self.out.get_mut(header + 1)?;
            *slot = slot.checked_add(count)?;
            Some(())
        });
        if joined.is_none() {
            self.open = (kind as u8 == segment::AS_SEQUENCE).then_some(self.out.len());
            self.out.extend_from_slice(&[kind as u8, count]);
        }
        self.out.extend_from_slice(asns.as_flattened());
    }
}
