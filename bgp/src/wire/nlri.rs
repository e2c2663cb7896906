//! Prefixes as they stand in UPDATEs (RFC 4271 section 4.3, RFC 4760 section 5, RFC 7911 section 3), and as they go
//! into a batch.

use std::ops::Range;

use super::report::UpdateReport;
use crate::batch::{Op, UpdateBatch};
use crate::types::{Addr, Family, Nlri};

/// A prefix list that cannot be parsed; what it was about is unknown (RFC 7606 section 5.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct BadPrefix;

/// The two address widths, with where their prefixes go.
pub(super) trait WireAddr: Addr {
    /// Whether no route to a prefix with this address is ever taken: multicast, and link-local of IPv6.
    fn ignored(self, len: u8) -> bool;
    /// The vector of a batch.
    fn list(batch: &mut UpdateBatch) -> &mut Vec<Nlri<Self>>;
}

impl WireAddr for u32 {
    fn ignored(self, len: u8) -> bool {
        self >> 28 == 0xe && len >= 4
    }

    fn list(batch: &mut UpdateBatch) -> &mut Vec<Nlri<u32>> {
        &mut batch.v4
    }
}

impl WireAddr for u128 {
    fn ignored(self, len: u8) -> bool {
        let top = (self >> 112) as u16;
        (top & 0xff00 == 0xff00 && len >= 8) || (top & 0xffc0 == 0xfe80 && len >= 10)
    }

    fn list(batch: &mut UpdateBatch) -> &mut Vec<Nlri<u128>> {
        &mut batch.v6
    }
}

/// Appends the prefixes of a list and says how many were ignored. On error `out` may have grown.
pub(super) fn parse_prefixes<A: WireAddr>(
    bytes: &[u8],
    add_path: bool,
    out: &mut Vec<Nlri<A>>,
) -> Result<u32, BadPrefix> {
    let width = usize::from(A::BITS / 8);
    let mut rest = bytes;
    let mut ignored = 0;
    while !rest.is_empty() {
        let mut path_id = 0;
        if add_path {
            let (id, after) = rest.split_first_chunk().ok_or(BadPrefix)?;
            path_id = u32::from_be_bytes(*id);
            rest = after;
        }
        let (&len, after) = rest.split_first().ok_or(BadPrefix)?;
        if len > A::BITS {
            return Err(BadPrefix);
        }
        // Well inside the list a fixed-width load does, and the mask takes what is not of the prefix.
        let octets = usize::from(len.div_ceil(8));
        let addr = match after.get(..width) {
            Some(full) => A::from_be_slice(full),
            None => A::from_be_slice(after.get(..octets).ok_or(BadPrefix)?),
        };
        rest = after.get(octets..).ok_or(BadPrefix)?;
        let addr = addr.mask(len);
        if addr.ignored(len) {
            ignored += 1;
        } else {
            out.push(Nlri { addr, path_id, len });
        }
    }
    Ok(ignored)
}

/// Whether a list would parse; for families that we do not carry on this session.
pub(super) fn check_prefixes<A: WireAddr>(bytes: &[u8], add_path: bool) -> Result<(), BadPrefix> {
    let mut rest = bytes;
    while !rest.is_empty() {
        if add_path {
            rest = rest.get(4..).ok_or(BadPrefix)?;
        }
        let (&len, after) = rest.split_first().ok_or(BadPrefix)?;
        if len > A::BITS {
            return Err(BadPrefix);
        }
        rest = after.get(usize::from(len.div_ceil(8))..).ok_or(BadPrefix)?;
    }
    Ok(())
}

/// Most octets that a prefix takes: path identifier, length, address.
pub(super) const PREFIX_MAX: usize = 21;

/// Path identifier, length and prefix as they go on the wire, written to `buf`.
#[inline]
pub(super) fn encode_prefix<'a, A: Addr>(
    nlri: &Nlri<A>,
    add_path: bool,
    buf: &'a mut [u8; PREFIX_MAX],
) -> &'a [u8] {
    let len = nlri.len.min(A::BITS);
    // Copies of fixed size; what does not belong is left out of the slice.
    let (id, rest) = buf.split_at_mut(4);
    id.copy_from_slice(&nlri.path_id.to_be_bytes());
    if let Some((first, addr)) = rest.split_first_mut() {
        *first = len;
        addr.copy_from_slice(&nlri.addr.mask(len).to_be_bytes());
    }
    let start = if add_path { 0 } else { 4 };
    buf.get(start..5 + usize::from(len.div_ceil(8))).unwrap_or(&[])
}

/// Appends a withdrawal, joined to the last one where the prefixes follow on. Returns how many prefixes.
pub(super) fn push_withdraw(batch: &mut UpdateBatch, family: Family, range: Range<u32>) -> u32 {
    let count = range.end - range.start;
    if count == 0 {
        return 0;
    }
    match batch.ops.last_mut() {
        Some(Op::Withdraw { family: f, nlri }) if *f == family && nlri.end == range.start => {
            nlri.end = range.end
        }
        _ => batch.ops.push(Op::Withdraw { family, nlri: range }),
    }
    count
}

/// Appends an announcement, joined to the last one where attributes are the same. Returns how many prefixes.
pub(super) fn push_announce(batch: &mut UpdateBatch, family: Family, attrs: u32, range: Range<u32>) -> u32 {
    let count = range.end - range.start;
    if count == 0 {
        return 0;
    }
    match batch.ops.last_mut() {
        Some(Op::Announce { family: f, attrs: a, nlri })
            if *f == family && *a == attrs && nlri.end == range.start =>
        {
            nlri.end = range.end;
        }
        _ => batch.ops.push(Op::Announce { family, attrs, nlri: range }),
    }
    count
}

/// Appends an End-of-RIB marker (RFC 4724 section 2).
pub(super) fn end_of_rib(family: Family, batch: &mut UpdateBatch, report: &mut UpdateReport) {
    batch.ops.push(Op::EndOfRib(family));
    report.end_of_rib = Some(family);
}

/// The state of a batch, to go back to.
pub(super) struct Mark {
    arena: usize,
    attrs: usize,
    ops: usize,
    /// A later operation may have been joined to it.
    last_op: Option<Op>,
    v4: usize,
    v6: usize,
}

impl Mark {
    /// As it is now.
    pub fn of(batch: &UpdateBatch) -> Mark {
        Mark {
            arena: batch.arena.len(),
            attrs: batch.attrs.len(),
            ops: batch.ops.len(),
            last_op: batch.ops.last().cloned(),
            v4: batch.v4.len(),
            v6: batch.v6.len(),
        }
    }

    /// Takes back all that was appended since.
    pub fn restore(self, batch: &mut UpdateBatch) {
        batch.arena.truncate(self.arena);
        batch.attrs.truncate(self.attrs);
        batch.ops.truncate(self.ops);
        if let (Some(op), Some(last)) = (self.last_op, batch.ops.last_mut()) {
            *last = op;
        }
        batch.v4.truncate(self.v4);
        batch.v6.truncate(self.v6);
    }
}
