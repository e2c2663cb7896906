//! What the peer's messages do.

use std::sync::Arc;

use super::ConnId;
use super::faults::FaultKind;
use super::history::Trigger;
use super::io::{Event, Output, ResetReason};
use super::link::{Fed, Link, Phase};
use super::negotiate::{local_open, negotiate};
use super::session::Session;
use super::state::End;
use crate::batch::Op;
use crate::types::{SECOND, Time};
use crate::wire::iana::error::{self, fsm};
use crate::wire::iana::{MAX_EXTENDED_MESSAGE, MAX_MESSAGE, message};
use crate::wire::{
    Frame, MessageKind, Notification, Open, RefreshKind, RouteRefresh, UpdateReport, next_frame,
};

/// A malformed attribute is told at most this often; the counters have them all.
const REPORT_INTERVAL: Time = SECOND;

/// A buffer for a partial message that is larger than this is given back.
const KEEP_BUFFER: usize = 8192;

/// What a message may do in each phase, without the data that the phase holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    DelayOpen,
    OpenSent,
    OpenConfirm,
    Established,
}

impl Session {
    /// Bytes of the stream of one connection.
    pub(super) fn bytes(&mut self, now: Time, id: ConnId, mut input: &[u8]) {
        // Who announces extended messages has to take them (RFC 8654 section 4).
        let max = if self.config.capabilities { MAX_EXTENDED_MESSAGE } else { MAX_MESSAGE };
        while let Some(link) = self.link_mut(id) {
            match Link::feed(link.partial(), input, max) {
                Fed::Nothing => return,
                Fed::Borrowed(frame, rest) => {
                    self.message(now, id, frame);
                    input = rest;
                }
                Fed::Completed(rest) => {
                    let mut buffer = std::mem::take(link.partial());
                    if let Ok(Some(frame)) = next_frame(&buffer, max) {
                        self.message(now, id, frame);
                    }
                    buffer.clear();
                    if let Some(link) = self.link_mut(id).filter(|_| buffer.capacity() <= KEEP_BUFFER) {
                        *link.partial() = buffer;
                    }
                    input = rest;
                }
                Fed::Error(e) => return self.protocol_error(now, id, e.into(), None, input),
            }
            if input.is_empty() {
                return;
            }
        }
    }

    fn message(&mut self, now: Time, id: ConnId, frame: Frame<'_>) {
        let Some(link) = self.link_mut(id) else { return };
        let held_back = matches!(link.phase, Phase::OpenConfirm { confirmed: Some(_), .. });
        if held_back && matches!(frame.kind, MessageKind::Update | MessageKind::RouteRefresh) {
            // The peer has settled on this connection: its routes are as good as the end of the other one.
            self.establish(now, id);
        }
        let Some(link) = self.link_mut(id) else { return };
        let stage = match link.phase {
            Phase::DelayOpen(_) => Stage::DelayOpen,
            Phase::OpenSent => Stage::OpenSent,
            Phase::OpenConfirm { .. } => Stage::OpenConfirm,
            Phase::Established { .. } => Stage::Established,
        };
        self.stats.received.add(frame.kind, 1);
        self.stats.last_read = Some(now);
        self.restart_hold(now, id);
        match (stage, frame.kind) {
            (Stage::Established, MessageKind::Update) => self.update(now, id, frame.body),
            (Stage::Established, MessageKind::Keepalive) => {}
            (Stage::Established, MessageKind::RouteRefresh) => self.route_refresh(now, id, frame.body),
            (Stage::OpenConfirm, MessageKind::Keepalive) => {
                let negotiated = self.link_mut(id).and_then(|l| l.negotiated()).map(Arc::clone);
                if let Some(negotiated) = negotiated {
                    self.confirm(now, id, &negotiated);
                }
            }
            (Stage::OpenSent, MessageKind::Open) => self.open(now, id, frame.body),
            (Stage::DelayOpen, MessageKind::Open) => {
                // RFC 4271 section 8.2.2, event 20: ours goes out, and the peer's counts as if in OpenSent.
                let from = self.state.fsm();
                self.leave_delay(now, id);
                self.changed(now, from, Trigger::DelayOpen);
                self.open(now, id, frame.body);
            }
            (_, MessageKind::Notification) => self.notification(now, id, frame.body),
            (stage, kind) => {
                // RFC 6608 section 3: the subcode tells the state, the data the message.
                let subcode = match stage {
                    Stage::DelayOpen => 0,
                    Stage::OpenSent => fsm::OPEN_SENT,
                    Stage::OpenConfirm => fsm::OPEN_CONFIRM,
                    Stage::Established => fsm::ESTABLISHED,
                };
                let n = Notification::new(error::FSM, subcode).with_data(&[kind as u8]);
                self.protocol_error(now, id, n, Some(kind), frame.body);
            }
        }
    }

    /// OPEN in OpenSent (RFC 4271 sections 6.2 and 8.2.2).
    fn open(&mut self, now: Time, id: ConnId, body: &[u8]) {
        let open = match Open::decode(body) {
            Ok(open) => open,
            Err(e) => return self.protocol_error(now, id, e.into(), Some(MessageKind::Open), body),
        };
        let negotiated = match negotiate(&self.config, &local_open(&self.config), &open) {
            Ok(negotiated) => Arc::new(negotiated),
            Err(refusal) => {
                let notification = Notification::from(&refusal);
                self.outputs.push_back(Output::Event(Event::OpenRefused(refusal)));
                return self.protocol_error(now, id, notification, Some(MessageKind::Open), body);
            }
        };
        if !self.survives_collision(now, id, &negotiated) {
            return;
        }
        let from = self.state.fsm();
        let Some(link) = self.link_mut(id) else { return };
        link.phase = Phase::OpenConfirm { negotiated, confirmed: None };
        link.hold = None;
        self.restart_hold(now, id);
        self.keepalive(now, id);
        self.changed(now, from, Trigger::OpenReceived);
    }

    /// NOTIFICATION in any state (RFC 4271 section 6).
    fn notification(&mut self, now: Time, id: ConnId, body: &[u8]) {
        // The header has made sure of code and subcode.
        let Ok(n) = Notification::decode(body) else { return };
        self.stats.last_notification_received = Some((now, n.clone()));
        self.outputs.push_back(Output::Event(Event::NotificationReceived(n.clone())));
        if (n.code, n.subcode) == (error::OPEN_MESSAGE, error::open::BAD_PEER_AS)
            && let Some(other) = &mut self.config.dual_as
        {
            std::mem::swap(&mut self.config.local_as, other);
        }
        let trigger = Trigger::NotificationReceived(n.code, n.subcode);
        let reason = ResetReason::NotificationReceived;
        self.fail(now, id, End { send: None, received: Some(n), reason, trigger });
    }

    /// UPDATE in Established.
    fn update(&mut self, now: Time, id: ConnId, body: &[u8]) {
        let Some(decoder) = &mut self.decoder else { return };
        self.stats.last_update = Some(now);
        let decoded = decoder.decode(body, &mut self.batch);
        if let Ok(report) = &decoded
            && report.refused != [0; 2]
        {
            self.refusals.note(now, report, &self.batch);
        }
        match decoded {
            Ok(UpdateReport { fault: Some((code, fault, action)), .. }) => {
                self.faults.push(now, FaultKind::Attribute { code, fault, action }, body);
                if self.reported.is_none_or(|at| now - at >= REPORT_INTERVAL) {
                    self.reported = Some(now);
                    self.outputs.push_back(Output::Event(Event::Malformed { code, fault, action }));
                }
            }
            Ok(_) => {}
            Err(e) => self.protocol_error(now, id, e.into(), Some(MessageKind::Update), body),
        }
    }

    /// ROUTE-REFRESH in Established (RFC 2918 section 4, RFC 7313 section 4).
    fn route_refresh(&mut self, now: Time, id: ConnId, body: &[u8]) {
        let refresh = match RouteRefresh::decode(body) {
            Ok(refresh) => refresh,
            Err(e) => {
                // The data is the whole message (RFC 7313 section 5).
                let mut data = vec![0xff; 16];
                let len = u16::try_from(body.len() + 19).unwrap_or(u16::MAX);
                data.extend_from_slice(&len.to_be_bytes());
                data.push(message::ROUTE_REFRESH);
                data.extend_from_slice(body);
                let n = Notification::from(e).with_data(&data);
                return self.protocol_error(now, id, n, Some(MessageKind::RouteRefresh), body);
            }
        };
        let Some(negotiated) = self.link_mut(id).and_then(|l| l.negotiated()) else { return };
        let marks = negotiated.enhanced_route_refresh;
        let Some(family) = refresh.family.filter(|f| negotiated.carries(*f)) else { return };
        match refresh.kind {
            Some(RefreshKind::Request) => self.outputs.push_back(Output::RefreshRequested(family)),
            Some(RefreshKind::Begin) if marks => self.batch.ops.push(Op::RefreshBegin(family)),
            Some(RefreshKind::End) if marks => self.batch.ops.push(Op::RefreshEnd(family)),
            // Other subtypes are ignored, and so are marks that were not agreed on.
            _ => {}
        }
    }

    /// Ends a connection because of a message.
    fn protocol_error(
        &mut self,
        now: Time,
        id: ConnId,
        notification: Notification,
        kind: Option<MessageKind>,
        message: &[u8],
    ) {
        let (code, subcode) = (notification.code, notification.subcode);
        self.faults.push(now, FaultKind::Message { kind, code, subcode }, message);
        self.give_up(now, id, notification, ResetReason::NotificationSent);
    }
}
