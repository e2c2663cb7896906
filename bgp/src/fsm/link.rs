//! One transport connection: how far it got, its timers, and the partial message at its end.

use std::net::SocketAddr;
use std::sync::Arc;

use super::timers::earlier;
use super::{ConnId, Negotiated};
use crate::types::{SECOND, Time};
use crate::wire::header::HeaderError;
use crate::wire::iana::HEADER_LEN;
use crate::wire::{Frame, next_frame};

/// Hold time until the peer's OPEN is there (RFC 4271 section 8.2.2).
pub(super) const OPEN_HOLD: Time = 240 * SECOND;

/// Who opened the connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Initiator {
    Local,
    Remote,
}

/// How far the exchange of OPENs got.
#[derive(Clone, Debug)]
pub(super) enum Phase {
    /// Waiting before our OPEN goes out.
    DelayOpen(Time),
    /// Our OPEN is out.
    OpenSent,
    /// The peer's OPEN was accepted. With a deadline, its KEEPALIVE is here too, but another connection has
    /// precedence until then.
    OpenConfirm { negotiated: Arc<Negotiated>, confirmed: Option<Time> },
    /// Routes are exchanged.
    Established { negotiated: Arc<Negotiated> },
}

/// One transport connection.
#[derive(Debug)]
pub(super) struct Link {
    pub id: ConnId,
    pub initiator: Initiator,
    pub local: SocketAddr,
    pub remote: SocketAddr,
    pub phase: Phase,
    /// The start of a message of which the rest is to come.
    partial: Vec<u8>,
    pub hold: Option<Time>,
    pub keepalive: Option<Time>,
    pub send_hold: Option<Time>,
}

impl Link {
    pub fn new(
        id: ConnId,
        initiator: Initiator,
        local: SocketAddr,
        remote: SocketAddr,
        phase: Phase,
    ) -> Link {
        Link {
            id,
            initiator,
            local,
            remote,
            phase,
            partial: Vec::new(),
            hold: None,
            keepalive: None,
            send_hold: None,
        }
    }

    /// Whether our OPEN is out.
    pub const fn opened(&self) -> bool {
        !matches!(self.phase, Phase::DelayOpen(_))
    }

    /// Whether the peer's OPEN is accepted.
    pub const fn confirmed(&self) -> bool {
        matches!(self.phase, Phase::OpenConfirm { .. } | Phase::Established { .. })
    }

    /// What was negotiated, once it was.
    pub const fn negotiated(&self) -> Option<&Arc<Negotiated>> {
        match &self.phase {
            Phase::OpenConfirm { negotiated, .. } | Phase::Established { negotiated } => Some(negotiated),
            Phase::DelayOpen(_) | Phase::OpenSent => None,
        }
    }

    /// Its next deadline.
    pub fn deadline(&self) -> Option<Time> {
        let own = match &self.phase {
            Phase::DelayOpen(at) => Some(*at),
            Phase::OpenConfirm { confirmed, .. } => *confirmed,
            Phase::OpenSent | Phase::Established { .. } => None,
        };
        [self.hold, self.keepalive, self.send_hold].into_iter().fold(own, earlier)
    }

    /// Hands each whole message of the stream to `take`, which says whether to go on. Bytes of a message that is
    /// not whole yet are kept.
    pub fn feed<'a>(partial: &mut Vec<u8>, mut input: &'a [u8], max: usize) -> Fed<'a> {
        if partial.is_empty() {
            return match next_frame(input, max) {
                Ok(Some(frame)) => Fed::Borrowed(frame, input.get(frame.len()..).unwrap_or(&[])),
                Ok(None) => {
                    partial.extend_from_slice(input);
                    Fed::Nothing
                }
                Err(e) => Fed::Error(e),
            };
        }
        loop {
            // First the rest of the header, which tells the length; then the rest of the message.
            let wanted = match partial.get(16..18) {
                Some(&[hi, lo]) if partial.len() >= HEADER_LEN => usize::from(u16::from_be_bytes([hi, lo])),
                _ => HEADER_LEN,
            };
            let (head, rest) = input.split_at(wanted.saturating_sub(partial.len()).min(input.len()));
            partial.extend_from_slice(head);
            input = rest;
            match next_frame(partial, max) {
                Ok(Some(_)) => return Fed::Completed(rest),
                Ok(None) if rest.is_empty() => return Fed::Nothing,
                Ok(None) => {}
                Err(e) => return Fed::Error(e),
            }
        }
    }

    /// The buffer of the partial message.
    pub const fn partial(&mut self) -> &mut Vec<u8> {
        &mut self.partial
    }
}

/// What [`Link::feed`] found.
pub(super) enum Fed<'a> {
    /// No whole message; all was taken.
    Nothing,
    /// A message that stands in the input, and what follows it.
    Borrowed(Frame<'a>, &'a [u8]),
    /// The message in the buffer is whole now; what follows it.
    Completed(&'a [u8]),
    /// No message.
    Error(HeaderError),
}
