//! Writing messages, and packing many prefixes into few UPDATEs.

use bytes::{BufMut, BytesMut};

use super::Notification;
use super::iana::{HEADER_LEN, MAX_EXTENDED_MESSAGE, MAX_MESSAGE, attr, attr_flag, message};
use super::nlri::{PREFIX_MAX, encode_prefix};
use super::refresh::RefreshKind;
use crate::types::{Addr, Family, NextHop, Nlri};

/// Appends a message with the body that `body` writes.
pub(super) fn put_message(kind: u8, out: &mut BytesMut, body: impl FnOnce(&mut BytesMut)) {
    let start = put_header(kind, out);
    body(out);
    patch16(out, start + 16, out.len() - start);
}

fn put_header(kind: u8, out: &mut BytesMut) -> usize {
    let start = out.len();
    out.put_bytes(0xff, 16);
    out.put_slice(&[0, 0, kind]);
    start
}

fn patch16(out: &mut BytesMut, at: usize, value: usize) {
    if let Some(slot) = out.get_mut(at..at + 2) {
        slot.copy_from_slice(&u16::try_from(value).unwrap_or(u16::MAX).to_be_bytes());
    }
}

/// Appends a KEEPALIVE (RFC 4271 section 4.4).
pub fn put_keepalive(out: &mut BytesMut) {
    put_message(message::KEEPALIVE, out, |_| ());
}

/// Appends a NOTIFICATION (RFC 4271 section 4.5).
pub fn put_notification(n: &Notification, out: &mut BytesMut) {
    put_message(message::NOTIFICATION, out, |out| {
        out.put_slice(&[n.code, n.subcode]);
        let room = MAX_MESSAGE - HEADER_LEN - 2;
        out.put_slice(n.data.get(..room).unwrap_or(&n.data));
    });
}

/// Appends a ROUTE-REFRESH (RFC 2918 section 3, RFC 7313 section 3.2).
pub fn put_route_refresh(family: Family, kind: RefreshKind, out: &mut BytesMut) {
    put_message(message::ROUTE_REFRESH, out, |out| {
        out.put_u16(family.afi());
        let subtype = match kind {
            RefreshKind::Request => 0,
            RefreshKind::Begin => 1,
            RefreshKind::End => 2,
        };
        out.put_slice(&[subtype, family.safi()]);
    });
}

/// Appends an End-of-RIB marker (RFC 4724 section 2).
pub fn put_end_of_rib(family: Family, out: &mut BytesMut) {
    put_message(message::UPDATE, out, |out| match family {
        Family::Ipv4Unicast => out.put_u32(0),
        Family::Ipv6Unicast => {
            let [hi, lo] = family.afi().to_be_bytes();
            out.put_slice(&[
                0,
                0,
                0,
                6,
                attr_flag::OPTIONAL,
                attr::MP_UNREACH_NLRI,
                3,
                hi,
                lo,
                family.safi(),
            ]);
        }
    });
}

/// What a session allows an UPDATE to look like.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct UpdateForm {
    /// The peer takes extended messages (RFC 8654).
    pub extended_message: bool,
    /// Prefixes of the family have path identifiers (RFC 7911).
    pub add_path: bool,
}

impl UpdateForm {
    /// Octets that a message may have.
    pub const fn max_message(&self) -> usize {
        if self.extended_message { MAX_EXTENDED_MESSAGE } else { MAX_MESSAGE }
    }
}

/// The attributes leave no room for a prefix: the route must not be sent, and is withdrawn (RFC 8654 section 4).
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("attributes of {0} octets leave no room for a prefix")]
pub struct NoRoom(pub usize);

/// Appends UPDATEs that announce `prefixes` with the attributes `attrs`, which [`write_attrs`] wrote, and returns
/// how many.
///
/// With `mp_next_hop` the prefixes go into MP_REACH_NLRI, the first attribute (RFC 7606 section 5.1), and `attrs`
/// has no NEXT_HOP; IPv6 always needs it, IPv4 with an IPv6 next hop does (RFC 8950). Without, they are IPv4 and
/// follow the attributes. On error nothing is appended.
///
/// [`write_attrs`]: crate::attrs::write_attrs
pub fn put_announce<A: Addr>(
    form: UpdateForm,
    attrs: &[u8],
    mp_next_hop: Option<NextHop>,
    prefixes: impl IntoIterator<Item = Nlri<A>>,
    out: &mut BytesMut,
) -> Result<usize, NoRoom> {
    let mut packer = Packer { form, shape: Shape::Announce { attrs, mp_next_hop }, family: A::FAMILY, out };
    packer.run(prefixes)
}

/// Appends UPDATEs that withdraw `prefixes`, and returns how many. IPv6 prefixes, and IPv4 ones with `mp`, go
/// into MP_UNREACH_NLRI; the others stand before the attributes.
pub fn put_withdraw<A: Addr>(
    form: UpdateForm,
    mp: bool,
    prefixes: impl IntoIterator<Item = Nlri<A>>,
    out: &mut BytesMut,
) -> usize {
    let mp = mp || A::FAMILY != Family::Ipv4Unicast;
    let mut packer = Packer { form, shape: Shape::Withdraw { mp }, family: A::FAMILY, out };
    // Without attributes there is always room.
    packer.run(prefixes).unwrap_or(0)
}

#[derive(Clone, Copy)]
enum Shape<'a> {
    Announce { attrs: &'a [u8], mp_next_hop: Option<NextHop> },
    Withdraw { mp: bool },
}

struct Packer<'a> {
    form: UpdateForm,
    shape: Shape<'a>,
    family: Family,
    out: &'a mut BytesMut,
}

/// One message being filled.
struct Open {
    start: usize,
    /// Where the length of the field with the prefixes stands, if it has one.
    prefix_len_at: Option<usize>,
    /// Octets of that field before the prefixes.
    prefix_head: usize,
    /// First prefix.
    prefixes_at: usize,
}

impl Packer<'_> {
    fn run<A: Addr>(&mut self, prefixes: impl IntoIterator<Item = Nlri<A>>) -> Result<usize, NoRoom> {
        let max = self.form.max_message();
        let tail = self.tail_len();
        let mut count = 0;
        let mut open: Option<Open> = None;
        let mut buf = [0; PREFIX_MAX];
        for nlri in prefixes {
            let prefix = encode_prefix(&nlri, self.form.add_path, &mut buf);
            let full = open.as_ref().is_some_and(|o| self.out.len() - o.start + tail + prefix.len() > max);
            if full && let Some(o) = open.take() {
                self.close(&o);
                count += 1;
            }
            if open.is_none() {
                let o = self.begin();
                let used = o.prefixes_at - o.start + tail;
                // A message with room for the longest prefix is asked for, so that the answer does not depend on
                // which prefix happens to come first.
                if used + PREFIX_MAX > max {
                    self.out.truncate(o.start);
                    return Err(NoRoom(used));
                }
                open = Some(o);
            }
            self.out.put_slice(prefix);
        }
        if let Some(o) = open {
            self.close(&o);
            count += 1;
        }
        Ok(count)
    }

    /// Octets that follow the prefixes.
    const fn tail_len(&self) -> usize {
        match self.shape {
            Shape::Announce { attrs, mp_next_hop: Some(_) } => attrs.len(),
            Shape::Announce { mp_next_hop: None, .. } | Shape::Withdraw { mp: true } => 0,
            Shape::Withdraw { mp: false } => 2,
        }
    }

    /// Everything before the prefixes.
    fn begin(&mut self) -> Open {
        let start = put_header(message::UPDATE, self.out);
        let mut prefix_len_at = None;
        match self.shape {
            Shape::Announce { attrs, mp_next_hop: None } => {
                self.out.put_u16(0);
                self.out.put_u16(u16::try_from(attrs.len()).unwrap_or(u16::MAX));
                self.out.put_slice(attrs);
            }
            Shape::Withdraw { mp: false } => {
                prefix_len_at = Some(self.out.len());
                self.out.put_u16(0);
            }
            Shape::Announce { mp_next_hop: Some(next_hop), .. } => {
                self.out.put_u32(0);
                self.out.put_slice(&[attr_flag::OPTIONAL | attr_flag::EXTENDED, attr::MP_REACH_NLRI]);
                prefix_len_at = Some(self.out.len());
                self.out.put_u16(0);
                self.put_family();
                put_next_hop(&next_hop, self.out);
                self.out.put_u8(0);
            }
            Shape::Withdraw { mp: true } => {
                self.out.put_u32(0);
                self.out.put_slice(&[attr_flag::OPTIONAL | attr_flag::EXTENDED, attr::MP_UNREACH_NLRI]);
                prefix_len_at = Some(self.out.len());
                self.out.put_u16(0);
                self.put_family();
            }
        }
        let prefixes_at = self.out.len();
        let prefix_head = prefix_len_at.map_or(0, |at| prefixes_at - at - 2);
        Open { start, prefix_len_at, prefix_head, prefixes_at }
    }

    fn put_family(&mut self) {
        self.out.put_u16(self.family.afi());
        self.out.put_u8(self.family.safi());
    }

    /// Everything after the prefixes, and the lengths.
    fn close(&mut self, o: &Open) {
        let prefixes = self.out.len() - o.prefixes_at;
        if let Some(at) = o.prefix_len_at {
            patch16(self.out, at, o.prefix_head + prefixes);
        }
        match self.shape {
            Shape::Announce { mp_next_hop: None, .. } => {}
            Shape::Withdraw { mp: false } => self.out.put_u16(0),
            Shape::Announce { attrs, mp_next_hop: Some(_) } => self.out.put_slice(attrs),
            Shape::Withdraw { mp: true } => {}
        }
        if matches!(self.shape, Shape::Announce { mp_next_hop: Some(_), .. } | Shape::Withdraw { mp: true }) {
            // Total Path Attribute Length stands right before the MP attribute.
            let attrs_at = o.start + HEADER_LEN + 4;
            patch16(self.out, attrs_at - 2, self.out.len() - attrs_at);
        }
        patch16(self.out, o.start + 16, self.out.len() - o.start);
    }
}

/// The next hop field of MP_REACH_NLRI with its length (RFC 4760 section 3, RFC 2545 section 3).
fn put_next_hop(next_hop: &NextHop, out: &mut BytesMut) {
    match next_hop {
        NextHop::V4(a) => {
            out.put_u8(4);
            out.put_slice(&a.octets());
        }
        NextHop::V6 { global, link_local: None } => {
            out.put_u8(16);
            out.put_slice(&global.octets());
        }
        NextHop::V6 { global, link_local: Some(local) } => {
            out.put_u8(32);
            out.put_slice(&global.octets());
            out.put_slice(&local.octets());
        }
    }
}
