//! What happens when a timer expires, and what sets the timers (RFC 4271 sections 8.2.2 and 10, RFC 9687).

use bytes::Bytes;

use super::ConnId;
use super::history::Trigger;
use super::io::{Event, Output, ResetReason};
use super::link::{OPEN_HOLD, Phase};
use super::session::Session;
use super::state::{End, State};
use super::timers::due;
use crate::types::{SECOND, Time};
use crate::wire::iana::error;
use crate::wire::{MessageKind, Notification};

/// Default of SendHoldTime (RFC 9687 section 3.1): this, or twice the hold time if that is more.
const SEND_HOLD: Time = 8 * 60 * SECOND;

/// A KEEPALIVE; shared, as it is always the same.
const KEEPALIVE: [u8; 19] =
    [255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0, 19, 4];

impl Session {
    pub(super) fn timeout(&mut self, now: Time) {
        match &mut self.state {
            State::Idle { until, .. } if due(*until, now) => self.begin(now, Trigger::Start),
            State::Connect { dial } if dial.until <= now => {
                self.outputs.push_back(Output::Close(dial.id));
                self.begin(now, Trigger::ConnectRetry);
            }
            State::Active { retry } if due(*retry, now) => self.begin(now, Trigger::ConnectRetry),
            State::Opening { dial, .. } => {
                if let Some(d) = dial.take_if(|d| d.until <= now) {
                    self.outputs.push_back(Output::Close(d.id));
                }
            }
            _ => {}
        }
        let ids = self.state.links().map(|l| l.map(|l| l.id));
        for id in ids.into_iter().flatten() {
            self.link_timeout(now, id);
        }
    }

    fn link_timeout(&mut self, now: Time, id: ConnId) {
        let Some(link) = self.link_mut(id) else { return };
        if due(link.hold, now) {
            let waiting = !link.confirmed();
            let reason = if waiting { ResetReason::WaitingForOpen } else { ResetReason::NotificationSent };
            self.outputs.push_back(Output::Event(Event::HoldTimerExpired));
            return self.give_up(now, id, Notification::new(error::HOLD_TIMER, 0), reason);
        }
        if due(link.send_hold, now) {
            self.outputs.push_back(Output::Event(Event::SendHoldTimerExpired));
            let notification = Notification::new(error::SEND_HOLD_TIMER, 0);
            return self.give_up(now, id, notification, ResetReason::NotificationSent);
        }
        match link.phase {
            Phase::DelayOpen(at) if at <= now => {
                let from = self.state.fsm();
                self.leave_delay(now, id);
                self.changed(now, from, Trigger::DelayOpen);
            }
            Phase::OpenConfirm { confirmed, .. } if due(confirmed, now) => return self.establish(now, id),
            _ => {}
        }
        if self.link_mut(id).is_some_and(|l| due(l.keepalive, now)) {
            self.keepalive(now, id);
        }
    }

    /// Ends a connection with a NOTIFICATION.
    pub(super) fn give_up(&mut self, now: Time, id: ConnId, n: Notification, reason: ResetReason) {
        let trigger = Trigger::NotificationSent(n.code, n.subcode);
        self.fail(now, id, End { send: Some(n), received: None, reason, trigger });
    }

    /// Sends the OPEN that was delayed.
    pub(super) fn leave_delay(&mut self, now: Time, id: ConnId) {
        self.send_open(now, id);
        if let Some(link) = self.link_mut(id) {
            link.phase = Phase::OpenSent;
            link.hold = Some(now + OPEN_HOLD);
        }
    }

    /// Sends a KEEPALIVE and sets the timer for the next one.
    pub(super) fn keepalive(&mut self, now: Time, id: ConnId) {
        self.send(now, id, MessageKind::Keepalive, Bytes::from_static(&KEEPALIVE));
        let seconds = self.link_mut(id).and_then(|l| l.negotiated()).map_or(0, |n| n.keepalive);
        let next = (seconds > 0).then(|| now + self.jitter.of(Time::from(seconds) * SECOND));
        if let Some(link) = self.link_mut(id) {
            link.keepalive = next;
        }
    }

    /// Sets the hold timer anew, if the session has one.
    pub(super) fn restart_hold(&mut self, now: Time, id: ConnId) {
        if let Some(link) = self.link_mut(id)
            && let Some(n) = link.negotiated()
        {
            link.hold = (n.hold_time > 0).then(|| now + Time::from(n.hold_time) * SECOND);
        }
    }

    pub(super) fn sent(&mut self, now: Time, id: ConnId, octets: usize, waiting: usize, updates: u32) {
        let configured = self.config.send_hold;
        let Some(link) = self.link_mut(id) else { return };
        let hold = link.negotiated().map_or(0, |n| Time::from(n.hold_time) * SECOND);
        if waiting == 0 {
            link.send_hold = None;
        } else if octets > 0 || link.send_hold.is_none() {
            link.send_hold = Some(now + configured.unwrap_or(SEND_HOLD.max(2 * hold)));
        }
        if octets > 0 {
            self.stats.last_write = Some(now);
        }
        self.stats.sent.add(MessageKind::Update, u64::from(updates));
    }
}
