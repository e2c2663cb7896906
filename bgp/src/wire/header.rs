//! Framing: from a byte stream to messages (RFC 4271 sections 4.1 and 6.1).

use super::Notification;
use super::iana::{HEADER_LEN, MAX_MESSAGE, error, message};

/// The messages that we take.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum MessageKind {
    /// OPEN.
    Open = message::OPEN,
    /// UPDATE.
    Update = message::UPDATE,
    /// NOTIFICATION.
    Notification = message::NOTIFICATION,
    /// KEEPALIVE.
    Keepalive = message::KEEPALIVE,
    /// ROUTE-REFRESH (RFC 2918).
    RouteRefresh = message::ROUTE_REFRESH,
}

impl MessageKind {
    /// Its name in RFC 4271.
    pub const fn name(self) -> &'static str {
        match self {
            MessageKind::Open => "OPEN",
            MessageKind::Update => "UPDATE",
            MessageKind::Notification => "NOTIFICATION",
            MessageKind::Keepalive => "KEEPALIVE",
            MessageKind::RouteRefresh => "ROUTE-REFRESH",
        }
    }

    /// From the type octet.
    pub const fn from_code(code: u8) -> Option<MessageKind> {
        match code {
            message::OPEN => Some(MessageKind::Open),
            message::UPDATE => Some(MessageKind::Update),
            message::NOTIFICATION => Some(MessageKind::Notification),
            message::KEEPALIVE => Some(MessageKind::Keepalive),
            message::ROUTE_REFRESH => Some(MessageKind::RouteRefresh),
            _ => None,
        }
    }

    /// Octets that such a message may have, header included.
    const fn accepts(self, len: usize) -> bool {
        match self {
            // OPEN and KEEPALIVE do not grow with extended messages (RFC 8654 section 3).
            MessageKind::Open => len >= 29 && len <= MAX_MESSAGE,
            MessageKind::Update => len >= 23,
            MessageKind::Notification => len >= 21,
            MessageKind::Keepalive => len == HEADER_LEN,
            MessageKind::RouteRefresh => len >= 23,
        }
    }
}

/// One message, cut out of the stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame<'a> {
    /// Its type.
    pub kind: MessageKind,
    /// What follows the header.
    pub body: &'a [u8],
}

impl Frame<'_> {
    /// Octets that the message takes in the stream.
    pub const fn len(&self) -> usize {
        HEADER_LEN + self.body.len()
    }

    /// Never: a message has a header.
    pub const fn is_empty(&self) -> bool {
        false
    }
}

/// A header that cannot be right; the session ends (RFC 4271 section 6.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HeaderError {
    /// The marker is not all ones.
    #[error("marker is not all ones")]
    NotSynchronized,
    /// A length out of range, or wrong for the type.
    #[error("bad message length {0}")]
    BadLength(u16),
    /// A type that we do not know or did not negotiate.
    #[error("bad message type {0}")]
    BadType(u8),
}

impl From<HeaderError> for Notification {
    fn from(e: HeaderError) -> Notification {
        use error::header::{BAD_LENGTH, BAD_TYPE, NOT_SYNCHRONIZED};
        match e {
            HeaderError::NotSynchronized => Notification::new(error::MESSAGE_HEADER, NOT_SYNCHRONIZED),
            HeaderError::BadLength(len) => {
                Notification::new(error::MESSAGE_HEADER, BAD_LENGTH).with_data(&len.to_be_bytes())
            }
            HeaderError::BadType(code) => {
                Notification::new(error::MESSAGE_HEADER, BAD_TYPE).with_data(&[code])
            }
        }
    }
}

/// The first message of `stream`: `None` until all of it is there. `max` is the longest message that we accept.
///
/// A wrong header is reported as soon as the header is there, whether or not the rest ever comes.
#[inline]
pub fn next_frame(stream: &[u8], max: usize) -> Result<Option<Frame<'_>>, HeaderError> {
    let Some((header, rest)) = stream.split_first_chunk::<HEADER_LEN>() else {
        // What there is of the marker can be told wrong already.
        return if stream.iter().take(16).all(|&b| b == 0xff) {
            Ok(None)
        } else {
            Err(HeaderError::NotSynchronized)
        };
    };
    let Some((&[hi, lo, code], marker)) = header.split_last_chunk().map(|(m, t)| (t, m)) else {
        return Ok(None);
    };
    if !marker.iter().all(|&b| b == 0xff) {
        return Err(HeaderError::NotSynchronized);
    }
    let wire_len = u16::from_be_bytes([hi, lo]);
    let len = usize::from(wire_len);
    if len < HEADER_LEN || len > max {
        return Err(HeaderError::BadLength(wire_len));
    }
    let kind = MessageKind::from_code(code).ok_or(HeaderError::BadType(code))?;
    if !kind.accepts(len) {
        return Err(HeaderError::BadLength(wire_len));
    }
    Ok(rest.get(..len - HEADER_LEN).map(|body| Frame { kind, body }))
}
