//! What `show bgp neighbors` wants to know of a session.

use super::io::{Down, ResetReason};
use crate::types::Time;
use crate::wire::{MessageKind, Notification};

/// Messages by type.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct MessageCounts {
    /// OPEN.
    pub open: u64,
    /// UPDATE.
    pub update: u64,
    /// NOTIFICATION.
    pub notification: u64,
    /// KEEPALIVE.
    pub keepalive: u64,
    /// ROUTE-REFRESH.
    pub route_refresh: u64,
}

impl MessageCounts {
    /// All of them.
    pub const fn total(&self) -> u64 {
        self.open + self.update + self.notification + self.keepalive + self.route_refresh
    }

    pub(super) fn add(&mut self, kind: MessageKind, count: u64) {
        let slot = match kind {
            MessageKind::Open => &mut self.open,
            MessageKind::Update => &mut self.update,
            MessageKind::Notification => &mut self.notification,
            MessageKind::Keepalive => &mut self.keepalive,
            MessageKind::RouteRefresh => &mut self.route_refresh,
        };
        *slot += count;
    }
}

/// The last end of a session, or of an attempt at one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LastReset {
    /// When.
    pub at: Time,
    /// What FRR calls it.
    pub reason: ResetReason,
    /// The NOTIFICATION that went with it, if any: sent, or else received.
    pub notification: Option<Notification>,
}

/// Counters and times of one peer over all its sessions.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// Messages sent.
    pub sent: MessageCounts,
    /// Messages received.
    pub received: MessageCounts,
    /// When a message came last.
    pub last_read: Option<Time>,
    /// When something was sent last.
    pub last_write: Option<Time>,
    /// When an UPDATE came last.
    pub last_update: Option<Time>,
    /// Since when the session is up.
    pub established_at: Option<Time>,
    /// Since when it is down, if it was up before.
    pub down_since: Option<Time>,
    /// How often it came up (`connectionsEstablished`).
    pub established: u64,
    /// How often it went down from there (`connectionsDropped`).
    pub dropped: u64,
    /// How often a connection was dialled.
    pub dialled: u64,
    /// How often two connections were there at once.
    pub collisions: u64,
    /// The last end.
    pub last_reset: Option<LastReset>,
    /// The last NOTIFICATION sent.
    pub last_notification_sent: Option<(Time, Notification)>,
    /// The last NOTIFICATION received.
    pub last_notification_received: Option<(Time, Notification)>,
}

impl Stats {
    pub(super) fn down(&mut self, now: Time, down: &Down) {
        if down.established {
            self.dropped += 1;
            self.established_at = None;
            self.down_since = Some(now);
        }
        let notification = down.sent.clone().or_else(|| down.received.clone());
        self.last_reset = Some(LastReset { at: now, reason: down.reason, notification });
    }
}
