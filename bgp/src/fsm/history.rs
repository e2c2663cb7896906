//! The last changes of state, for whoever asks why.

use std::collections::VecDeque;

use super::FsmState;
use crate::types::Time;

/// Entries kept.
const KEPT: usize = 32;

/// What made the state change.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Trigger {
    /// Start by hand or by the back-off.
    Start,
    /// Stop or restart from our side.
    Stop,
    /// ConnectRetryTimer expired.
    ConnectRetry,
    /// A dialled connection is up.
    Connected,
    /// A dialled connection did not come up.
    ConnectFailed,
    /// The peer connected.
    Accepted,
    /// DelayOpenTimer expired.
    DelayOpen,
    /// An OPEN was accepted.
    OpenReceived,
    /// A KEEPALIVE confirmed the session.
    KeepaliveReceived,
    /// We sent a NOTIFICATION of this code and subcode.
    NotificationSent(u8, u8),
    /// We got a NOTIFICATION of this code and subcode.
    NotificationReceived(u8, u8),
    /// The transport connection ended.
    Closed,
    /// One of two connections was closed.
    Collision,
}

/// One change of state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HistoryEntry {
    /// When.
    pub at: Time,
    /// Old state.
    pub from: FsmState,
    /// New state.
    pub to: FsmState,
    /// Why.
    pub trigger: Trigger,
}

/// A bounded ring of changes.
#[derive(Debug, Default)]
pub(super) struct History {
    entries: VecDeque<HistoryEntry>,
}

impl History {
    pub fn push(&mut self, entry: HistoryEntry) {
        if self.entries.len() == KEPT {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &HistoryEntry> {
        self.entries.iter()
    }
}
