//! Transport connections coming and going.

use std::net::SocketAddr;

use bytes::BytesMut;

use super::history::Trigger;
use super::io::{CloseKind, Down, Event, Output, ResetReason};
use super::link::{Initiator, Link, OPEN_HOLD, Phase};
use super::negotiate::local_open;
use super::session::Session;
use super::state::{End, IdleReason, State};
use super::{ConnId, FsmState};
use crate::types::Time;
use crate::wire::{MessageKind, UpdateDecoder};

impl Session {
    pub(super) fn connected(&mut self, now: Time, id: ConnId, local: SocketAddr, remote: SocketAddr) {
        match &self.state {
            State::Connect { dial } if dial.id == id => {
                let link = self.open_link(now, id, Initiator::Local, local, remote);
                self.enter(now, State::Opening { link, dial: None }, Trigger::Connected);
            }
            State::Opening { dial: Some(dial), .. } if dial.id == id => {
                self.second_connection(now, id, Initiator::Local, local, remote);
            }
            // Given up already.
            _ => {}
        }
    }

    pub(super) fn connect_failed(&mut self, now: Time, id: ConnId) {
        match &mut self.state {
            State::Connect { dial } if dial.id == id => {
                let retry = Some(self.next_attempt(now));
                self.enter(now, State::Active { retry }, Trigger::ConnectFailed);
            }
            State::Opening { dial, .. } if dial.is_some_and(|d| d.id == id) => *dial = None,
            _ => {}
        }
    }

    pub(super) fn accepted(&mut self, now: Time, id: ConnId, local: SocketAddr, remote: SocketAddr) {
        match &self.state {
            // The first back-off is for the peer to get ready, and here it is.
            State::Idle { until: Some(_), reason: IdleReason::BackOff } if self.failures <= 1 => {
                let link = self.open_link(now, id, Initiator::Remote, local, remote);
                self.enter(now, State::Opening { link, dial: None }, Trigger::Accepted);
            }
            State::Connect { dial } => {
                let dial = Some(*dial);
                let link = self.open_link(now, id, Initiator::Remote, local, remote);
                self.enter(now, State::Opening { link, dial }, Trigger::Accepted);
            }
            State::Active { .. } => {
                let link = self.open_link(now, id, Initiator::Remote, local, remote);
                self.enter(now, State::Opening { link, dial: None }, Trigger::Accepted);
            }
            State::Opening { .. } => self.second_connection(now, id, Initiator::Remote, local, remote),
            State::Idle { .. } | State::Collision { .. } | State::Established { .. } => self.refuse(id),
        }
    }

    pub(super) fn refuse(&mut self, id: ConnId) {
        self.outputs.push_back(Output::Close(id));
        self.outputs.push_back(Output::Event(Event::ConnectionRefused(self.state.fsm())));
    }

    /// A new connection; our OPEN goes out, or waits if so configured.
    pub(super) fn open_link(
        &mut self,
        now: Time,
        id: ConnId,
        initiator: Initiator,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Link {
        match self.config.delay_open {
            Some(delay) => Link::new(id, initiator, local, remote, Phase::DelayOpen(now + delay)),
            None => {
                let mut link = Link::new(id, initiator, local, remote, Phase::OpenSent);
                link.hold = Some(now + OPEN_HOLD);
                self.send_open(now, id);
                link
            }
        }
    }

    pub(super) fn send_open(&mut self, now: Time, id: ConnId) {
        let mut out = BytesMut::new();
        local_open(&self.config).encode(&mut out);
        self.send(now, id, MessageKind::Open, out.freeze());
    }

    pub(super) fn closed(&mut self, now: Time, id: ConnId, kind: CloseKind) {
        self.connect_failed(now, id);
        let reason = match kind {
            CloseKind::Closed | CloseKind::Reset => ResetReason::PeerClosed,
            CloseKind::TimedOut | CloseKind::Error => ResetReason::SocketError,
        };
        self.fail(now, id, End { send: None, received: None, reason, trigger: Trigger::Closed });
    }

    /// Ends one connection, and the session if it was the only one.
    pub(super) fn fail(&mut self, now: Time, id: ConnId, end: End) {
        if self.link_mut(id).is_none() {
            return;
        }
        let from = self.state.fsm();
        if let Some(notification) = &end.send {
            self.send_notification(now, id, notification);
        }
        self.outputs.push_back(Output::Close(id));
        let lost = std::mem::replace(&mut self.state, State::Active { retry: None });
        self.state = match lost {
            State::Opening { dial: Some(dial), .. } => State::Connect { dial },
            State::Collision { first, second } => {
                let link = if first.id == id { second } else { first };
                State::Opening { link, dial: None }
            }
            // RFC 4271 section 8.2.2: a connection lost in OpenSent leads to Active, not to Idle.
            State::Opening { link, dial: None } if end.trigger == Trigger::Closed && !link.confirmed() => {
                State::Active { retry: (!self.config.passive).then(|| self.next_attempt(now)) }
            }
            _ => self.back_off(now, end.counts()),
        };
        let down = Down { reason: end.reason, established: false, sent: end.send, received: end.received };
        self.report_down(now, from, down);
        self.changed(now, from, end.trigger);
        self.settle(now);
    }

    /// Tells of the end of a session, or of an attempt that got to OpenSent.
    pub(super) fn report_down(&mut self, now: Time, from: FsmState, mut down: Down) {
        if from < FsmState::OpenSent || self.state.fsm() >= FsmState::OpenSent {
            return;
        }
        down.established = from == FsmState::Established;
        if down.established {
            self.batch.clear();
            self.decoder.iter_mut().for_each(UpdateDecoder::forget);
        }
        self.stats.down(now, &down);
        self.outputs.push_back(Output::Down(down));
    }

    /// When to dial again after an attempt that came to nothing. A peer that is only just starting refuses or closes
    /// connections for a moment and should not cost a whole connect retry time: the wait doubles up to that.
    fn next_attempt(&mut self, now: Time) -> Time {
        let wait = self.config.idle_hold.saturating_mul(1 << self.attempts.min(20));
        self.attempts = self.attempts.saturating_add(1);
        now + self.jitter.of(wait.min(self.config.connect_retry))
    }

    /// Idle for a time that doubles with each failure that counts, until a session was up for as long as the longest.
    pub(super) fn back_off(&mut self, now: Time, counts: bool) -> State {
        let stable =
            self.stats.established_at.is_some_and(|t| now.saturating_sub(t) >= self.config.idle_hold_max);
        if stable {
            self.failures = 0;
        }
        let factor = if counts { 1u64 << self.failures.min(20) } else { 1 };
        let hold = self.config.idle_hold.saturating_mul(factor).min(self.config.idle_hold_max);
        self.failures = self.failures.saturating_add(u32::from(counts));
        State::Idle { until: Some(now + self.jitter.of(hold)), reason: IdleReason::BackOff }
    }
}
