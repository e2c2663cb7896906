//! Checked walking over netlink messages and attributes.

use super::constants::NLA_TYPE_MASK;

/// A message within a datagram: header fields and body.
#[derive(Clone, Copy, Debug)]
pub struct RawMessage<'a> {
    /// `nlmsg_type`.
    pub kind: u16,
    /// `nlmsg_flags`.
    pub flags: u16,
    /// `nlmsg_seq`.
    pub seq: u32,
    /// `nlmsg_pid`: the socket that caused it.
    pub port: u32,
    /// What follows the header.
    pub body: &'a [u8],
}

/// An attribute: type without flag bits, and value.
pub type Attribute<'a> = (u16, &'a [u8]);

pub(crate) fn u8_at(buf: &[u8], at: usize) -> Option<u8> {
    buf.get(at).copied()
}

pub(crate) fn u16_at(buf: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(*buf.get(at..)?.first_chunk()?))
}

pub(crate) fn u32_at(buf: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*buf.get(at..)?.first_chunk()?))
}

fn align(len: usize) -> usize {
    len.saturating_add(3) & !3
}

/// The messages of a datagram. Stops at the first one whose length does not fit.
pub fn messages(mut rest: &[u8]) -> impl Iterator<Item = RawMessage<'_>> {
    std::iter::from_fn(move || {
        let len = usize::try_from(u32_at(rest, 0)?).ok()?;
        let body = rest.get(16..len)?;
        let message = RawMessage {
            kind: u16_at(rest, 4)?,
            flags: u16_at(rest, 6)?,
            seq: u32_at(rest, 8)?,
            port: u32_at(rest, 12)?,
            body,
        };
        rest = rest.get(align(len)..).unwrap_or_default();
        Some(message)
    })
}

/// The attributes of a body. Stops at the first one whose length does not fit.
pub fn attributes(mut rest: &[u8]) -> impl Iterator<Item = Attribute<'_>> {
    std::iter::from_fn(move || {
        let len = usize::from(u16_at(rest, 0)?);
        let kind = u16_at(rest, 2)? & NLA_TYPE_MASK;
        let value = rest.get(4..len)?;
        rest = rest.get(align(len)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// A string attribute, up to its terminating zero.
pub(crate) fn text(value: &[u8]) -> String {
    let end = value.iter().position(|b| *b == 0).unwrap_or(value.len());
    String::from_utf8_lossy(value.get(..end).unwrap_or_default()).into_owned()
}
