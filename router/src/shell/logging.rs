//! Events of the cores as log lines.

use bgp::fsm::{Down, Event, FsmState};
use bgp::wire::Notification;

fn words(n: &Notification) -> String {
    format!("{}/{} {n}", n.code, n.subcode)
}

/// A session's state changed.
pub fn state_changed(peer: &str, from: FsmState, to: FsmState) {
    if to == FsmState::Established {
        tracing::info!(peer, "neighbor Up");
    } else {
        tracing::debug!(peer, %from, %to, "state changed");
    }
}

/// A session, or an attempt at one, ended.
pub fn down(peer: &str, down: &Down) {
    let reason = down.reason.text();
    match (&down.sent, &down.received) {
        (Some(n), _) => tracing::info!(peer, reason, sent = words(n), up = down.established, "neighbor Down"),
        (None, Some(n)) => {
            tracing::info!(peer, reason, received = words(n), up = down.established, "neighbor Down");
        }
        (None, None) if down.established => tracing::info!(peer, reason, "neighbor Down"),
        (None, None) => tracing::debug!(peer, reason, "attempt ended"),
    }
}

/// Why a session ended, in a line.
pub fn down_text(down: &Down) -> String {
    let reason = down.reason.text();
    match (&down.sent, &down.received) {
        (Some(n), _) => format!("{reason}, sent {}", words(n)),
        (None, Some(n)) => format!("{reason}, received {}", words(n)),
        (None, None) => reason.to_owned(),
    }
}

/// Something else in a session.
pub fn session_event(peer: &str, event: &Event) {
    match event {
        Event::NotificationSent(n) => tracing::info!(peer, notification = words(n), "NOTIFICATION sent"),
        Event::NotificationReceived(n) => {
            tracing::info!(peer, notification = words(n), "NOTIFICATION received")
        }
        Event::OpenRefused(refusal) => tracing::warn!(peer, %refusal, "OPEN refused"),
        Event::Malformed { code, fault, action } => {
            tracing::warn!(peer, attribute = code, ?fault, ?action, "malformed attribute");
        }
        Event::CollisionResolved { .. } => tracing::debug!(peer, "connection collision resolved"),
        Event::ConnectionRefused(state) => tracing::debug!(peer, %state, "connection refused"),
        Event::HoldTimerExpired => tracing::warn!(peer, "hold timer expired"),
        Event::SendHoldTimerExpired => {
            tracing::warn!(peer, "send hold timer expired: the peer takes nothing")
        }
    }
}
