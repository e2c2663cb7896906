//! The machine itself: states, what starts and ends them, timers.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use ipnet::IpNet;

use super::config::SessionConfig;
use super::faults::{FaultEntry, Faults};
use super::history::{History, HistoryEntry, Trigger};
use super::io::{Down, Event, Input, Output, ResetReason, StopReason};
use super::link::Link;
use super::negotiate::Negotiated;
use super::refusals::{Refusal, Refusals};
use super::state::{Dial, IdleReason, State, Timers};
use super::stats::Stats;
use super::timers::{Jitter, earlier};
use super::{ConnId, FsmState};
use crate::batch::UpdateBatch;
use crate::types::{Family, Time};
use crate::wire::encode::{put_notification, put_route_refresh};
use crate::wire::iana::error::cease;
use crate::wire::{MessageKind, Notification, RefreshKind, UpdateCounters, UpdateDecoder};

/// The session with one peer.
///
/// ```
/// use bgp::fsm::{FsmState, Input, Output, RemoteAs, Session, SessionConfig};
/// use bgp::types::Asn;
///
/// let config = SessionConfig::new(Asn(65001), RemoteAs::Number(Asn(65002)), [10, 0, 0, 1].into());
/// let mut session = Session::new(config);
/// session.handle(0, Input::Start);
/// assert!(matches!(session.poll(), Some(Output::Dial(_))));
/// assert!(matches!(session.poll(), Some(Output::StateChanged { to: FsmState::Connect, .. })));
/// ```
#[derive(Debug)]
pub struct Session {
    pub(super) config: SessionConfig,
    pub(super) state: State,
    pub(super) outputs: VecDeque<Output>,
    pub(super) jitter: Jitter,
    next_conn: u64,
    /// Failures since a session was last stable.
    pub(super) failures: u32,
    /// Attempts without an answer since a session was last up.
    pub(super) attempts: u32,
    pub(super) decoder: Option<UpdateDecoder>,
    pub(super) batch: UpdateBatch,
    pub(super) stats: Stats,
    history: History,
    pub(super) faults: Faults,
    pub(super) refusals: Refusals,
    /// When a malformed attribute was reported.
    pub(super) reported: Option<Time>,
}

impl Session {
    /// An idle session; [`Input::Start`] begins it.
    pub fn new(config: SessionConfig) -> Session {
        Session {
            jitter: Jitter::new(config.jitter_seed),
            config,
            state: State::Idle { until: None, reason: IdleReason::New },
            outputs: VecDeque::new(),
            next_conn: 0,
            failures: 0,
            attempts: 0,
            decoder: None,
            batch: UpdateBatch::default(),
            stats: Stats::default(),
            history: History::default(),
            faults: Faults::default(),
            refusals: Refusals::default(),
            reported: None,
        }
    }

    /// Takes an input. Never blocks; no input of a peer makes it fail.
    pub fn handle(&mut self, now: Time, input: Input<'_>) {
        match input {
            Input::Start => self.start(now),
            Input::Stop { why, message } => self.stop(now, why, message, None),
            Input::Restart { why, message } => {
                // Time for the peer to get ready, or our next connection would meet a closed door.
                let again = now + self.jitter.of(self.config.idle_hold);
                (self.failures, self.attempts) = (0, 0);
                self.stop(now, why, message, Some(again));
            }
            Input::Connected { id, local, remote } => self.connected(now, id, local, remote),
            Input::ConnectFailed(id) => self.connect_failed(now, id),
            Input::Accepted { id, local, remote } => self.accepted(now, id, local, remote),
            Input::Bytes(id, bytes) => self.bytes(now, id, bytes),
            Input::Readable(id) => self.restart_hold(now, id),
            Input::Closed(id, kind) => self.closed(now, id, kind),
            Input::Sent { id, octets, waiting, updates } => self.sent(now, id, octets, waiting, updates),
            Input::Timeout => self.timeout(now),
            Input::SoftIn(family) => self.soft_in(now, family),
            Input::BfdUp => self.bfd_up(now),
            Input::BfdDown => self.bfd_down(now),
            Input::MaxPrefixReached { family, limit, restart } => {
                self.max_prefix(now, family, limit, restart)
            }
        }
    }

    /// The next thing to do; to be drained after each [`Self::handle`].
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Input::Timeout`] is due.
    pub fn deadline(&self) -> Option<Time> {
        match &self.state {
            State::Idle { until, .. } => *until,
            State::Connect { dial } => Some(dial.until),
            State::Active { retry } => *retry,
            State::Opening { link, dial } => earlier(link.deadline(), dial.map(|d| d.until)),
            State::Collision { first, second } => earlier(first.deadline(), second.deadline()),
            State::Established { link } => link.deadline(),
        }
    }

    /// A name for a connection that the peer opened, for [`Input::Accepted`].
    pub const fn new_conn_id(&mut self) -> ConnId {
        self.next_conn += 1;
        ConnId(self.next_conn)
    }

    /// The routes received since the last call. Give the batch back with [`Self::recycle`] to save its memory.
    pub fn take_batch(&mut self) -> UpdateBatch {
        std::mem::take(&mut self.batch)
    }

    /// The routes received and not taken yet.
    pub const fn pending(&self) -> &UpdateBatch {
        &self.batch
    }

    /// Takes the memory of a batch that is done with for the next routes.
    pub fn recycle(&mut self, mut batch: UpdateBatch) {
        if self.batch.is_empty() {
            batch.clear();
            self.batch = batch;
        }
    }

    /// Goes over to another configuration; a session that needs another OPEN for it is restarted. Says whether.
    pub fn set_config(&mut self, now: Time, mut config: SessionConfig) -> bool {
        if config.dual_as == Some(self.config.local_as) && self.config.dual_as == Some(config.local_as) {
            // The one of the two that the peer knows stays in use.
            (config.local_as, config.dual_as) = (self.config.local_as, self.config.dual_as);
        }
        let reset = self.config.reset_needed(&config);
        self.config = config;
        match (reset, &self.state) {
            (Some(_), State::Idle { .. }) => {}
            (Some(reason), _) => {
                self.handle(now, Input::Restart { why: StopReason::ConfigChange(reason), message: None });
                return true;
            }
            (None, State::Established { link }) => {
                let context = link.negotiated().map(|n| n.update_context(&self.config));
                if let (Some(decoder), Some(context)) = (&mut self.decoder, context) {
                    decoder.set_context(context);
                }
            }
            (None, _) => {}
        }
        false
    }

    /// The configuration.
    pub const fn config(&self) -> &SessionConfig {
        &self.config
    }

    /// The state.
    pub fn state(&self) -> FsmState {
        self.state.fsm()
    }

    /// Why it is idle, if it is.
    pub const fn idle_reason(&self) -> Option<IdleReason> {
        match self.state {
            State::Idle { reason, .. } => Some(reason),
            _ => None,
        }
    }

    /// What was negotiated, from OpenConfirm on.
    pub fn negotiated(&self) -> Option<&Arc<Negotiated>> {
        self.state.links().into_iter().flatten().find_map(Link::negotiated)
    }

    /// The connection and its two ends: of those there are, the one that is farther.
    pub fn connection(&self) -> Option<(ConnId, SocketAddr, SocketAddr)> {
        let farthest = self.state.links().into_iter().flatten().max_by_key(|l| l.fsm());
        farthest.map(|l| (l.id, l.local, l.remote))
    }

    /// Counters and times.
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Forgets the counts of messages (`clear bgp ... message-stats`).
    pub fn clear_message_stats(&mut self) {
        self.stats.sent = Default::default();
        self.stats.received = Default::default();
    }

    /// What has happened to received routes; `None` before the first session.
    pub fn update_counters(&self) -> Option<&UpdateCounters> {
        self.decoder.as_ref().map(UpdateDecoder::counters)
    }

    /// The last changes of state, oldest first.
    pub fn history(&self) -> impl DoubleEndedIterator<Item = &HistoryEntry> {
        self.history.iter()
    }

    /// The last messages that were not as they should be, oldest first.
    pub fn faults(&self) -> impl DoubleEndedIterator<Item = &FaultEntry> {
        self.faults.iter()
    }

    /// Why a prefix was last announced and taken as withdrawn, if that is remembered.
    pub fn refusal(&self, net: IpNet) -> Option<Refusal> {
        self.refusals.last(net)
    }

    /// Deadlines of the timers that run.
    pub fn timers(&self) -> Timers {
        let mut timers = Timers::default();
        match &self.state {
            State::Idle { until, .. } => timers.idle_hold = *until,
            State::Connect { dial } => timers.connect_retry = Some(dial.until),
            State::Active { retry } => timers.connect_retry = *retry,
            State::Opening { .. } | State::Collision { .. } | State::Established { .. } => {}
        }
        if let Some(link) = self.state.links().into_iter().flatten().max_by_key(|l| l.fsm()) {
            (timers.hold, timers.keepalive, timers.send_hold) = (link.hold, link.keepalive, link.send_hold);
        }
        timers
    }

    // Starting and stopping.

    fn start(&mut self, now: Time) {
        if let State::Idle { .. } = self.state {
            (self.failures, self.attempts) = (0, 0);
            self.begin(now, Trigger::Start);
        }
    }

    /// Leaves Idle, Active, or a Connect that took too long.
    pub(super) fn begin(&mut self, now: Time, trigger: Trigger) {
        let next = if self.config.passive {
            State::Active { retry: None }
        } else {
            let id = self.new_conn_id();
            self.stats.dialled += 1;
            self.outputs.push_back(Output::Dial(id));
            State::Connect { dial: Dial { id, until: now + self.jitter.of(self.config.connect_retry) } }
        };
        self.enter(now, next, trigger);
    }

    fn stop(&mut self, now: Time, why: StopReason, message: Option<&str>, again: Option<Time>) {
        let next = match again {
            Some(until) => State::Idle { until: Some(until), reason: IdleReason::BackOff },
            None => State::Idle { until: None, reason: IdleReason::Stopped(why) },
        };
        if again.is_some() && matches!(self.state, State::Idle { until: None, .. }) {
            // What is stopped is not restarted.
            return;
        }
        let notification = match message {
            Some(text) if matches!(why.cease(), cease::ADMIN_SHUTDOWN | cease::ADMIN_RESET) => {
                Notification::cease_with_message(why.cease(), text)
            }
            _ => Notification::cease(why.cease()),
        };
        self.end_all(now, notification, why.reset_reason(), next);
    }

    /// Ends every connection from our side.
    fn end_all(&mut self, now: Time, notification: Notification, reason: ResetReason, next: State) {
        let from = self.state.fsm();
        let mut sent = None;
        let mut links = [None, None];
        match std::mem::replace(&mut self.state, next) {
            State::Idle { .. } | State::Active { .. } => {}
            State::Connect { dial } => self.outputs.push_back(Output::Close(dial.id)),
            State::Opening { link, dial } => {
                links[0] = Some(link);
                self.outputs.extend(dial.map(|d| Output::Close(d.id)));
            }
            State::Collision { first, second } => links = [Some(first), Some(second)],
            State::Established { link } => links[0] = Some(link),
        }
        for link in links.into_iter().flatten() {
            if link.opened() {
                self.send_notification(now, link.id, &notification);
                sent = Some(notification.clone());
            }
            self.outputs.push_back(Output::Close(link.id));
        }
        self.report_down(now, from, Down { reason, established: false, sent, received: None });
        self.changed(now, from, Trigger::Stop);
    }

    fn bfd_up(&mut self, now: Time) {
        if let State::Idle { until: Some(_), reason: IdleReason::BackOff } = self.state {
            self.begin(now, Trigger::Start);
        }
    }

    fn bfd_down(&mut self, now: Time) {
        if self.state.fsm() >= FsmState::OpenSent {
            let next = self.back_off(now, true);
            self.end_all(now, Notification::cease(cease::BFD_DOWN), ResetReason::BfdDown, next);
        }
    }

    fn max_prefix(&mut self, now: Time, family: Family, limit: u32, restart: Option<Time>) {
        if let State::Established { .. } = self.state {
            // RFC 4486 section 4: the family and its limit.
            let mut data = family.afi().to_be_bytes().to_vec();
            data.push(family.safi());
            data.extend_from_slice(&limit.to_be_bytes());
            let notification = Notification::cease(cease::MAX_PREFIXES).with_data(&data);
            let next = State::Idle { until: restart, reason: IdleReason::MaxPrefix };
            self.end_all(now, notification, ResetReason::PrefixCount, next);
        }
    }

    fn soft_in(&mut self, now: Time, family: Family) {
        if let State::Established { link } = &self.state
            && link.negotiated().is_some_and(|n| n.route_refresh && n.carries(family))
        {
            let id = link.id;
            let mut out = BytesMut::new();
            put_route_refresh(family, RefreshKind::Request, &mut out);
            self.send(now, id, MessageKind::RouteRefresh, out.freeze());
        }
    }

    // Helpers.

    pub(super) fn link_mut(&mut self, id: ConnId) -> Option<&mut Link> {
        match &mut self.state {
            State::Opening { link, .. } | State::Established { link } if link.id == id => Some(link),
            State::Collision { first, .. } if first.id == id => Some(first),
            State::Collision { second, .. } if second.id == id => Some(second),
            _ => None,
        }
    }

    pub(super) fn send(&mut self, now: Time, id: ConnId, kind: MessageKind, bytes: Bytes) {
        self.stats.sent.add(kind, 1);
        self.stats.last_write = Some(now);
        self.outputs.push_back(Output::Send(id, bytes));
    }

    pub(super) fn send_notification(&mut self, now: Time, id: ConnId, notification: &Notification) {
        let mut out = BytesMut::new();
        put_notification(notification, &mut out);
        self.send(now, id, MessageKind::Notification, out.freeze());
        self.stats.last_notification_sent = Some((now, notification.clone()));
        self.outputs.push_back(Output::Event(Event::NotificationSent(notification.clone())));
    }

    pub(super) fn enter(&mut self, now: Time, state: State, trigger: Trigger) {
        let from = self.state.fsm();
        self.state = state;
        self.changed(now, from, trigger);
    }

    /// To be called after each edit of the state.
    pub(super) fn changed(&mut self, now: Time, from: FsmState, trigger: Trigger) {
        let to = self.state.fsm();
        if from != to {
            self.history.push(HistoryEntry { at: now, from, to, trigger });
            self.outputs.push_back(Output::StateChanged { from, to });
        }
    }
}
