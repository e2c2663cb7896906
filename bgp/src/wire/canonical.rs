//! Writing the canonical block of what the scan kept.

use super::iana::{attr, attr_flag};
use super::scan::Slot;
use crate::attrs::{known_flags, put_header};
use crate::types::Asn;

/// Values that are not taken from the message as they stand.
pub(super) struct Rewritten<'a> {
    /// AS_PATH with four-octet numbers, if the message had two-octet ones.
    pub as_path: Option<&'a [u8]>,
    /// AGGREGATOR with a four-octet number, likewise.
    pub aggregator: Option<[u8; 8]>,
    /// Only to Customer to add (RFC 9234 section 5).
    pub otc: Option<Asn>,
}

/// Appends the block. `slots` are in ascending type order.
pub(super) fn write_block(section: &[u8], slots: &[Slot], rewritten: &Rewritten<'_>, out: &mut Vec<u8>) {
    let mut otc = rewritten.otc;
    for slot in slots {
        if slot.code >= attr::OTC
            && let Some(asn) = otc.take()
        {
            put_otc(asn, out);
        }
        let start = slot.start as usize;
        let value = section.get(start..start + slot.len as usize).unwrap_or(&[]);
        match known_flags(slot.code) {
            Some(flags) => {
                // A partial bit, once set, stays (RFC 4271 section 5); it means nothing on other kinds.
                let transitive = attr_flag::OPTIONAL | attr_flag::TRANSITIVE;
                let partial = if flags == transitive { slot.flags & attr_flag::PARTIAL } else { 0 };
                put_known(slot.code, flags | partial, value, rewritten, out);
            }
            None => {
                let flags = attr_flag::OPTIONAL | attr_flag::TRANSITIVE | attr_flag::PARTIAL;
                put_header(out, flags, slot.code, value.len());
                out.extend_from_slice(value);
            }
        }
    }
    if let Some(asn) = otc {
        put_otc(asn, out);
    }
}

#[inline]
fn put_known(code: u8, flags: u8, value: &[u8], rewritten: &Rewritten<'_>, out: &mut Vec<u8>) {
    let value = match code {
        attr::AS_PATH => rewritten.as_path.unwrap_or(value),
        attr::AGGREGATOR => rewritten.aggregator.as_ref().map_or(value, |a| a.as_slice()),
        attr::COMMUNITIES => return put_sorted::<4>(code, flags, value, out),
        attr::EXT_COMMUNITIES => return put_sorted::<8>(code, flags, value, out),
        attr::IPV6_EXT_COMMUNITIES => return put_sorted::<20>(code, flags, value, out),
        attr::LARGE_COMMUNITIES => return put_sorted::<12>(code, flags, value, out),
        _ => value,
    };
    put_header(out, flags, code, value.len());
    out.extend_from_slice(value);
}

fn put_otc(asn: Asn, out: &mut Vec<u8>) {
    put_header(out, attr_flag::OPTIONAL | attr_flag::TRANSITIVE, attr::OTC, 4);
    out.extend_from_slice(&asn.0.to_be_bytes());
}

/// Appends a list of `N`-octet entries in ascending order, each once, as routes with the same communities in
/// another order are the same.
fn put_sorted<const N: usize>(code: u8, flags: u8, value: &[u8], out: &mut Vec<u8>) {
    let chunks = value.as_chunks::<N>().0;
    if chunks.is_sorted_by(|a, b| a < b) {
        put_header(out, flags, code, value.len());
        out.extend_from_slice(value);
        return;
    }
    // Sorted where it will stand, but for the header, whose length depends on how many are left.
    let start = out.len();
    out.extend_from_slice(value);
    let list = out.get_mut(start..).unwrap_or(&mut []).as_chunks_mut::<N>().0;
    list.sort_unstable();
    let mut kept: usize = 0;
    for i in 0..list.len() {
        let Some(&entry) = list.get(i) else { break };
        if kept == 0 || list.get(kept - 1) != Some(&entry) {
            if let Some(slot) = list.get_mut(kept) {
                *slot = entry;
            }
            kept += 1;
        }
    }
    let len = kept * N;
    out.truncate(start + len);
    put_header(out, flags, code, len);
    out.get_mut(start..).unwrap_or(&mut []).rotate_left(len);
}
