//! Two connections at once (RFC 4271 section 6.8, RFC 6286 section 2.3).
//!
//! Both ends have to come to the same decision although they see events in different orders. Hence:
//!
//! - A connection that comes up when another has reached OpenConfirm is closed before an OPEN goes out on it.
//! - When the second OPEN arrives, the connection stays that the speaker with the higher BGP Identifier opened; with
//!   equal Identifiers, the one with the higher AS number.
//! - A KEEPALIVE that would establish the other one is held back for a moment, as the peer may be about to close it.
//!   If nothing comes of the preferred connection by then, or it fails, the held one is established.

use std::net::SocketAddr;
use std::sync::Arc;

use super::history::Trigger;
use super::io::{Event, Output};
use super::link::{Initiator, Link, Phase};
use super::negotiate::Negotiated;
use super::refusals::Refusals;
use super::session::Session;
use super::state::State;
use super::{ConnId, FsmState};
use crate::types::{SECOND, Time};
use crate::wire::iana::error::cease;
use crate::wire::{Notification, UpdateDecoder};

/// How long a KEEPALIVE on the connection without precedence is held back.
const PRECEDENCE_WAIT: Time = 5 * SECOND;

impl Session {
    /// A connection beside the one of [`State::Opening`].
    pub(super) fn second_connection(
        &mut self,
        now: Time,
        id: ConnId,
        initiator: Initiator,
        local: SocketAddr,
        remote: SocketAddr,
    ) {
        let State::Opening { link, dial } = &mut self.state else {
            return;
        };
        if initiator == Initiator::Local {
            *dial = None;
        }
        if link.confirmed() {
            return self.refuse(id);
        }
        let from = self.state.fsm();
        let new = self.open_link(now, id, initiator, local, remote);
        let State::Opening { link: old, dial } =
            std::mem::replace(&mut self.state, State::Active { retry: None })
        else {
            return;
        };
        if old.initiator == initiator {
            // The peer connects again, so the earlier connection is dead to it.
            self.state = State::Opening { link: new, dial };
            self.close_loser(now, old, id);
        } else {
            self.stats.collisions += 1;
            self.outputs.extend(dial.map(|d| Output::Close(d.id)));
            self.state = State::Collision { first: old, second: new };
        }
        self.changed(now, from, Trigger::Collision);
    }

    /// After the peer's OPEN came on `id` and was found good: whether that connection goes on. Another that has its
    /// OPEN too is closed, or this one is.
    pub(super) fn survives_collision(&mut self, now: Time, id: ConnId, negotiated: &Negotiated) -> bool {
        let State::Collision { first, second } = &self.state else {
            return true;
        };
        let (this, other) = if first.id == id { (first, second) } else { (second, first) };
        if !other.confirmed() {
            return true;
        }
        let survives = this.initiator == self.preferred(negotiated);
        let loser = if survives { other.id } else { id };
        self.drop_loser(now, loser);
        survives
    }

    /// Whose connection has precedence.
    fn preferred(&self, negotiated: &Negotiated) -> Initiator {
        let ours = (self.config.router_id, self.config.local_as);
        let theirs = (negotiated.remote_id, negotiated.remote_as);
        if ours > theirs { Initiator::Local } else { Initiator::Remote }
    }

    /// A KEEPALIVE in OpenConfirm: the session is established, unless another connection has precedence.
    pub(super) fn confirm(&mut self, now: Time, id: ConnId, negotiated: &Negotiated) {
        if let State::Collision { first, second } = &self.state {
            let this = if first.id == id { first } else { second };
            if this.initiator != self.preferred(negotiated) {
                if let Some(Link { phase: Phase::OpenConfirm { confirmed, .. }, .. }) = self.link_mut(id) {
                    *confirmed = Some(now + PRECEDENCE_WAIT);
                }
                return;
            }
        }
        self.establish(now, id);
    }

    /// Establishes the session on a connection; others are closed.
    pub(super) fn establish(&mut self, now: Time, id: ConnId) {
        let from = self.state.fsm();
        let mut link = match std::mem::replace(&mut self.state, State::Active { retry: None }) {
            State::Opening { link, dial } => {
                self.outputs.extend(dial.map(|d| Output::Close(d.id)));
                link
            }
            State::Collision { first, second } => {
                let (kept, loser) = if first.id == id { (first, second) } else { (second, first) };
                self.close_loser(now, loser, id);
                kept
            }
            other => {
                self.state = other;
                return;
            }
        };
        let Some(negotiated) = link.negotiated().map(Arc::clone) else {
            self.state = State::Opening { link, dial: None };
            return;
        };
        link.phase = Phase::Established { negotiated: Arc::clone(&negotiated) };
        let context = negotiated.update_context(&self.config);
        match &mut self.decoder {
            Some(decoder) => decoder.set_context(context),
            none => *none = Some(UpdateDecoder::new(context)),
        }
        self.batch.clear();
        self.refusals = Refusals::default();
        self.attempts = 0;
        self.stats.established += 1;
        self.stats.established_at = Some(now);
        self.state = State::Established { link };
        self.changed(now, from, Trigger::KeepaliveReceived);
        self.outputs.push_back(Output::Established(id, negotiated));
        self.restart_hold(now, id);
    }

    /// After one of two connections is gone: a KEEPALIVE held back on the other one counts now.
    pub(super) fn settle(&mut self, now: Time) {
        if let State::Opening { link, .. } = &self.state
            && let Phase::OpenConfirm { confirmed: Some(_), .. } = link.phase
        {
            let id = link.id;
            self.establish(now, id);
        }
    }

    /// Takes the losing one out of a collision.
    fn drop_loser(&mut self, now: Time, loser: ConnId) {
        let from: FsmState = self.state.fsm();
        match std::mem::replace(&mut self.state, State::Active { retry: None }) {
            State::Collision { first, second } => {
                let (kept, loser) = if first.id == loser { (second, first) } else { (first, second) };
                let id = kept.id;
                self.state = State::Opening { link: kept, dial: None };
                self.close_loser(now, loser, id);
            }
            other => self.state = other,
        }
        self.changed(now, from, Trigger::Collision);
        self.settle(now);
    }

    fn close_loser(&mut self, now: Time, loser: Link, kept: ConnId) {
        if loser.opened() {
            self.send_notification(now, loser.id, &Notification::cease(cease::COLLISION));
        }
        self.outputs.push_back(Output::Close(loser.id));
        self.outputs.push_back(Output::Event(Event::CollisionResolved { kept, closed: loser.id }));
    }
}
