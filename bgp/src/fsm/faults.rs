//! The last messages that were not as they should be, with their bytes, for whoever has to tell the peer's vendor.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::types::Time;
use crate::wire::{Action, Fault, MessageKind};

/// Entries kept.
const KEPT: usize = 16;

/// Octets kept of a message.
const KEPT_OCTETS: usize = 4096;

/// What was wrong with a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FaultKind {
    /// An attribute of an UPDATE, the worst if there are several (RFC 7606).
    Attribute {
        /// Type code.
        code: u8,
        /// What was wrong.
        fault: Fault,
        /// What was done about it.
        action: Action,
    },
    /// The message; a NOTIFICATION of this code and subcode ended the connection.
    Message {
        /// Its type, if the header told one.
        kind: Option<MessageKind>,
        /// Error code of the NOTIFICATION.
        code: u8,
        /// Error subcode of the NOTIFICATION.
        subcode: u8,
    },
}

/// One of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FaultEntry {
    /// When it came.
    pub at: Time,
    /// What was wrong.
    pub kind: FaultKind,
    /// The message after its header, as far as it is kept; the stream from the bad header on where that was wrong.
    pub bytes: Arc<[u8]>,
    /// Octets that it had.
    pub len: usize,
}

/// A bounded ring of them.
#[derive(Debug, Default)]
pub(super) struct Faults {
    entries: VecDeque<FaultEntry>,
}

impl Faults {
    #[cold]
    pub fn push(&mut self, at: Time, kind: FaultKind, message: &[u8]) {
        if self.entries.len() == KEPT {
            self.entries.pop_front();
        }
        let bytes = message.get(..KEPT_OCTETS).unwrap_or(message).into();
        self.entries.push_back(FaultEntry { at, kind, bytes, len: message.len() });
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &FaultEntry> {
        self.entries.iter()
    }
}
