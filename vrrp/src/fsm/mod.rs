//! The state machine of RFC 9568 section 6.4, in nanoseconds.
//!
//! Beyond the RFC:
//! - the datapath is a thing of its own: it is acquired *before* the first advertisement, because
//!   that frame already turns the switch to us, and after giving the role away it is kept until the
//!   successor is heard or a bound has passed, so that a planned change of roles loses nothing;
//! - losing health resigns with priority 0 and lowers the priority then; lowering alone would let
//!   the backup wait for its whole down timer;
//! - a down timer that fires late by our own fault gets one more interval of patience.

mod status;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

use crate::announce;
use crate::config::{Config, Family};
use crate::wire::{self, Advert, Checksum, Discard, Packet};
use crate::{CENTISECOND, MILLISECOND, SECOND, Time};

pub use status::{Stats, Status};

/// State of a virtual router (RFC 9568 section 6.3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum State {
    /// No usable interface, or shut down.
    Initialize,
    /// Watching the Active router.
    Backup,
    /// Forwarding for the virtual addresses.
    Active,
}

impl State {
    /// The word that `show` and metrics use.
    pub fn name(self) -> &'static str {
        match self {
            State::Initialize => "Initialize",
            State::Backup => "Backup",
            State::Active => "Master",
        }
    }
}

/// Why the state changed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Reason {
    /// Interface and source address became usable.
    Started,
    /// The Active router fell silent.
    Timeout,
    /// The Active router resigned.
    PriorityZero,
    /// We took over from a lower priority.
    Preempted,
    /// A router with a better claim is there.
    HigherPriority,
    /// Interface or source address was lost.
    Interface,
    /// Tracking says that we cannot do the work, or we are being drained.
    Track,
    /// Shut down.
    Admin,
}

impl Reason {
    /// The word that metrics use.
    pub fn name(self) -> &'static str {
        match self {
            Reason::Started => "started",
            Reason::Timeout => "timeout",
            Reason::PriorityZero => "priority_zero",
            Reason::Preempted => "preempted",
            Reason::HigherPriority => "higher_priority",
            Reason::Interface => "interface",
            Reason::Track => "track",
            Reason::Admin => "admin",
        }
    }
}

/// What the machine is told.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// The interface is usable and this is its own address: primary IPv4 or link-local IPv6.
    Up {
        /// Source of advertisements.
        source: IpAddr,
        /// The interface's own MAC, if frames come from that one and hosts learn that one instead of the virtual MAC.
        own_mac: Option<[u8; 6]>,
        /// The datapath of a killed predecessor of ours still forwards; it is kept until an Active
        /// router is heard.
        adopted: bool,
    },
    /// The interface or its address is not usable.
    Down,
    /// A VRRP packet for this VRID and family came in on the interface.
    Packet(Packet<'a>),
    /// Tracking: able to do the work, or not.
    Health(bool),
    /// Give the role away and do not take it back while anybody else can have it.
    Drain(bool),
    /// New configuration; VRID and family stay.
    Configure(Config),
    /// Give the role away and stop. [`Output::Stopped`] follows.
    Shutdown,
    /// The deadline has passed. Waiting packets are to be handed over first.
    Timeout,
}

/// What the machine wants done, in this order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// Send this frame (Ethernet header included) on the interface.
    Send(Arc<[u8]>),
    /// Forward for the virtual MAC and answer for the addresses.
    Acquire,
    /// Stop doing so.
    Release,
    /// Send a gratuitous ARP or neighbour advertisement for every address, now or as soon as the
    /// datapath is there.
    Announce,
    /// Send a router advertisement.
    Advertise,
    /// The state changed.
    Changed {
        /// Before.
        from: State,
        /// After.
        to: State,
        /// Why.
        reason: Reason,
    },
    /// Something for the log.
    Notice(Notice),
    /// Shut down and nothing left to do.
    Stopped,
}

/// Things worth a line in the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Notice {
    /// A packet was dropped.
    Discarded {
        /// Its sender.
        source: IpAddr,
        /// Why.
        why: Discard,
    },
    /// A peer advertises another interval than ours.
    Interval {
        /// Its sender.
        source: IpAddr,
        /// Its interval in centiseconds.
        interval: u16,
    },
    /// A peer advertises other addresses than ours.
    Addresses {
        /// Its sender.
        source: IpAddr,
    },
    /// Two routers believe to be Active.
    Conflict {
        /// The other one.
        source: IpAddr,
        /// Its priority.
        priority: u8,
    },
    /// We ran later than planned by this much, more than an interval.
    Late(Time),
}

/// What of a peer is remembered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Peer {
    /// Its address.
    pub source: IpAddr,
    /// Its last priority.
    pub priority: u8,
    /// Form of its checksums.
    pub checksum: Checksum,
    /// When it was last heard.
    pub heard: Time,
}

/// A claim to the role is repeated at this distance, if the interval is longer: a frame that the other router sent
/// before it gave way may have turned the switch back to it.
const CLAIM: Time = 20 * MILLISECOND;
/// This many times.
const CLAIMS: u8 = 4;

/// Whoever loses the role to a better claim forwards on for this long at least, because of such frames, and until it
/// hears the claim again, because then the switch has just been turned.
const YIELD: Time = 30 * MILLISECOND;
/// No longer than this.
const YIELD_MOST: Time = 100 * MILLISECOND;

/// Repetitions of the announcements after becoming Active.
const REPEATS: [Time; 2] = [SECOND, 5 * SECOND];

/// One virtual router of one family on one interface.
#[derive(Debug)]
pub struct Instance {
    config: Config,
    state: State,
    source: Option<IpAddr>,
    own_mac: Option<[u8; 6]>,
    healthy: bool,
    drained: bool,
    stopping: bool,
    /// Fires the down timer in Backup, the advertisement timer in Active.
    timer: Option<Time>,
    /// What the down timer is running for.
    pending: Reason,
    /// Interval of the Active router as learned, in nanoseconds.
    active_interval: Time,
    /// Patience was granted already for the down timer that is running.
    patient: bool,
    /// Preemption is put off until then.
    preempt_from: Time,
    datapath: bool,
    /// The datapath is kept after resigning until then.
    keep_until: Option<Time>,
    /// Before this the successor's advertisement is no reason to stop.
    keep_from: Time,
    /// So many times the claim to the role is to be repeated.
    claims: u8,
    announcements: VecDeque<Time>,
    announced: Option<Time>,
    advertise_at: Option<Time>,
    advert: Option<Arc<[u8]>>,
    form: Checksum,
    peer: Option<Peer>,
    since: Time,
    stats: Stats,
    outputs: VecDeque<Output>,
}

impl Instance {
    /// A virtual router in Initialize.
    pub fn new(config: Config) -> Instance {
        Instance {
            state: State::Initialize,
            source: None,
            own_mac: None,
            healthy: true,
            drained: false,
            stopping: false,
            timer: None,
            pending: Reason::Timeout,
            active_interval: config.interval_time(),
            patient: false,
            preempt_from: 0,
            datapath: false,
            keep_until: None,
            keep_from: 0,
            claims: 0,
            announcements: VecDeque::new(),
            announced: None,
            advertise_at: None,
            advert: None,
            form: config.checksum,
            peer: None,
            since: 0,
            stats: Stats::default(),
            outputs: VecDeque::new(),
            config,
        }
    }

    /// Takes an input. Never blocks and never fails.
    pub fn handle(&mut self, now: Time, input: Input<'_>) {
        match input {
            Input::Up { source, own_mac, adopted } => self.up(now, source, own_mac, adopted),
            Input::Down => self.down(now),
            // No timers here: the next waiting packet may tell that there is nothing to do.
            Input::Packet(packet) => return self.packet(now, &packet),
            Input::Health(healthy) => {
                let before = self.eligible();
                self.healthy = healthy;
                self.eligibility_changed(now, before);
            }
            Input::Drain(drained) => {
                let before = self.eligible();
                self.drained = drained;
                self.eligibility_changed(now, before);
            }
            Input::Configure(config) => self.configure(now, config),
            Input::Shutdown => self.shutdown(now),
            Input::Timeout => {}
        }
        self.timers(now);
    }

    /// The next thing to do. Call until `None` after each [`Instance::handle`].
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Input::Timeout`] is due.
    pub fn deadline(&self) -> Option<Time> {
        let repeat = self.announcements.front().copied();
        [self.timer, self.keep_until, repeat, self.advertise_at].into_iter().flatten().min()
    }

    /// The MAC that frames come from and hosts learn: the virtual one, unless the interface's own serves.
    pub fn mac(&self) -> [u8; 6] {
        self.own_mac.unwrap_or(self.config.family.virtual_mac(self.config.vrid))
    }

    fn eligible(&self) -> bool {
        self.healthy && !self.drained
    }

    /// What [`Input::Health`] and [`Input::Drain`] said last.
    pub fn wishes(&self) -> (bool, bool) {
        (self.healthy, self.drained)
    }

    /// The priority in use.
    pub fn priority(&self) -> u8 {
        if self.eligible() { self.config.priority } else { self.config.unhealthy_priority }
    }

    /// RFC 9568 section 6.1: (256 - priority) x Active_Adver_Interval / 256.
    fn skew(&self) -> Time {
        (256 - Time::from(self.priority())) * self.active_interval / 256
    }

    fn down_interval(&self) -> Time {
        3 * self.active_interval + self.skew()
    }

    fn up(&mut self, now: Time, source: IpAddr, own_mac: Option<[u8; 6]>, adopted: bool) {
        if self.stopping {
            return;
        }
        let moved = std::mem::replace(&mut self.own_mac, own_mac) != own_mac;
        if self.source != Some(source) || moved {
            self.source = Some(source);
            self.advert = None;
        }
        if self.state != State::Initialize {
            if self.state == State::Active && moved {
                self.announce(now);
            }
            return;
        }
        self.active_interval = self.config.interval_time();
        self.preempt_from = now + self.config.preempt_delay;
        self.pending = Reason::Timeout;
        if self.config.owner() && self.eligible() {
            self.become_active(now, Reason::Started);
            return;
        }
        self.enter(now, State::Backup, Reason::Started);
        self.watch(now, self.down_interval());
        if adopted {
            self.datapath = true;
            self.keep_from = now;
            self.keep_until = Some(now + self.down_interval() + self.config.keep);
        }
    }

    fn down(&mut self, now: Time) {
        self.source = None;
        self.advert = None;
        if self.state != State::Initialize {
            self.enter(now, State::Initialize, Reason::Interface);
        }
        self.timer = None;
        self.release();
    }

    fn shutdown(&mut self, now: Time) {
        self.stopping = true;
        if self.state == State::Active {
            self.resign(now, State::Initialize, Reason::Admin);
        } else if self.state != State::Initialize {
            self.enter(now, State::Initialize, Reason::Admin);
        }
        self.timer = None;
        self.stopped();
    }

    fn stopped(&mut self) {
        if self.stopping && self.keep_until.is_none() {
            self.release();
            self.outputs.push_back(Output::Stopped);
        }
    }

    fn configure(&mut self, now: Time, config: Config) {
        let old = std::mem::replace(&mut self.config, config);
        self.advert = None;
        if old.checksum != self.config.checksum {
            self.form = self.config.checksum;
        }
        match self.state {
            State::Initialize => {}
            State::Backup => {
                // The learned interval stays while there is an Active router to follow.
                if self.peer.is_none() {
                    self.active_interval = self.config.interval_time();
                }
                if self.config.owner() && self.eligible() {
                    self.become_active(now, Reason::Preempted);
                } else {
                    self.watch(now, self.down_interval());
                }
            }
            State::Active => {
                self.active_interval = self.config.interval_time();
                if old.addresses != self.config.addresses {
                    self.outputs.push_back(Output::Acquire);
                    self.announce(now);
                }
                self.advertise_at = self.config.router_advertisement.is_some().then_some(now);
                self.advertise(now);
            }
        }
    }

    fn eligibility_changed(&mut self, now: Time, before: bool) {
        if before == self.eligible() {
            return;
        }
        self.advert = None;
        if self.eligible() {
            self.preempt_from = now + self.config.preempt_delay;
        }
        match (self.state, self.eligible()) {
            (State::Active, false) => self.resign(now, State::Backup, Reason::Track),
            (State::Active, true) => self.advertise(now),
            (State::Backup, true) if self.config.owner() => self.become_active(now, Reason::Preempted),
            (State::Backup, _) if self.timer.is_none() || !self.eligible() => {
                self.watch(now, self.down_interval());
            }
            _ => {}
        }
    }

    /// Runs the down timer anew, unless we stay out of the election.
    fn watch(&mut self, now: Time, wait: Time) {
        self.patient = false;
        self.timer = (self.priority() > 0).then_some(now + wait);
    }

    fn enter(&mut self, now: Time, state: State, reason: Reason) {
        let from = std::mem::replace(&mut self.state, state);
        self.since = now;
        self.stats.reason = Some(reason);
        self.stats.transitions += 1;
        if state == State::Active {
            self.stats.became_active += 1;
        } else {
            self.announcements.clear();
            self.advertise_at = None;
        }
        self.outputs.push_back(Output::Changed { from, to: state, reason });
    }

    fn become_active(&mut self, now: Time, reason: Reason) {
        self.active_interval = self.config.interval_time();
        self.keep_until = None;
        self.datapath = true;
        self.outputs.push_back(Output::Acquire);
        self.enter(now, State::Active, reason);
        self.claim(now);
        self.announce(now);
        self.announcements.extend(REPEATS.map(|delay| now + delay));
        self.advertise_at = self.config.router_advertisement.is_some().then_some(now);
    }

    fn announce(&mut self, now: Time) {
        self.announced = Some(now);
        self.stats.announcements += self.config.addresses.len() as u64;
        self.outputs.push_back(Output::Announce);
    }

    /// Sends an advertisement and restarts the timer.
    fn advertise(&mut self, now: Time) {
        let repeat = if self.claims > 0 { CLAIM } else { Time::MAX };
        self.claims = self.claims.saturating_sub(1);
        self.timer = Some(now + self.config.interval_time().min(repeat));
        if self.advert.is_none() {
            self.advert = self.frame(self.priority().max(1));
        }
        if let Some(frame) = &self.advert {
            self.stats.sent += 1;
            self.outputs.push_back(Output::Send(Arc::clone(frame)));
        }
    }

    /// Claims the role, now and some times more soon.
    fn claim(&mut self, now: Time) {
        self.claims = CLAIMS;
        self.advertise(now);
    }

    fn frame(&self, priority: u8) -> Option<Arc<[u8]>> {
        let source = self.source?;
        let Config { vrid, interval, addresses, .. } = &self.config;
        let advert = Advert { vrid: *vrid, priority, interval: *interval, addresses: addresses.clone() };
        let message = wire::encode(&advert, &source, self.form);
        Some(announce::advertisement(self.mac(), &source, &message).into())
    }

    /// Gives the role away; the datapath stays until the successor is heard.
    fn resign(&mut self, now: Time, to: State, reason: Reason) {
        if let Some(frame) = self.frame(0) {
            self.stats.sent += 1;
            self.stats.priority_zero_sent += 1;
            self.outputs.push_back(Output::Send(frame));
        }
        self.keep_from = now;
        self.keep_until = Some(now + self.config.keep.max(2 * self.config.interval_time()));
        self.peer = None;
        self.enter(now, to, reason);
        self.pending = Reason::Timeout;
        self.watch(now, self.down_interval());
    }

    fn release(&mut self) {
        self.keep_until = None;
        if std::mem::take(&mut self.datapath) {
            self.outputs.push_back(Output::Release);
        }
    }

    fn packet(&mut self, now: Time, packet: &Packet<'_>) {
        if Some(packet.source) == self.source {
            return;
        }
        let (advert, form) = match self.check(packet) {
            Ok(checked) => checked,
            Err(why) => {
                self.stats.discard(why);
                self.outputs.push_back(Output::Notice(Notice::Discarded { source: packet.source, why }));
                return;
            }
        };
        self.stats.received += 1;
        let gap = self.peer.filter(|p| p.source == packet.source).map(|p| now.saturating_sub(p.heard));
        self.stats.gap(gap, self.active_interval);
        if self.form != form && self.config.family == Family::V4 {
            self.form = form;
            self.advert = None;
        }
        let peer = Peer { source: packet.source, priority: advert.priority, checksum: form, heard: now };
        let news = self.peer.is_none_or(|old| old.source != peer.source);
        self.peer = Some(peer);
        if news {
            self.compare(&advert, packet.source);
        }
        self.heard(now, &advert, packet.source);
    }

    fn check(&self, packet: &Packet<'_>) -> Result<(Advert, Checksum), Discard> {
        if Family::of(&packet.source) != self.config.family {
            return Err(Discard::Family);
        }
        let (advert, form) = wire::decode(packet)?;
        if advert.vrid != self.config.vrid {
            return Err(Discard::Vrid(advert.vrid));
        }
        if self.config.owner() && self.eligible() && advert.priority == 255 {
            return Err(Discard::Owner);
        }
        Ok((advert, form))
    }

    /// Differences to our configuration are logged, not punished (RFC 9568 section 7.1).
    fn compare(&mut self, advert: &Advert, source: IpAddr) {
        if advert.interval != self.config.interval {
            self.stats.interval_differs += 1;
            let interval = advert.interval;
            self.outputs.push_back(Output::Notice(Notice::Interval { source, interval }));
        }
        if advert.addresses != self.config.addresses {
            self.stats.addresses_differ += 1;
            self.outputs.push_back(Output::Notice(Notice::Addresses { source }));
        }
    }

    fn heard(&mut self, now: Time, advert: &Advert, source: IpAddr) {
        if advert.priority == 0 {
            self.stats.priority_zero_received += 1;
        } else if self.state != State::Active && self.keep_until.is_some() && now >= self.keep_from {
            // The successor is at work.
            self.release();
            self.stopped();
        }
        match self.state {
            State::Initialize => {}
            State::Backup => self.heard_in_backup(now, advert),
            State::Active => self.heard_in_active(now, advert, source),
        }
    }

    fn heard_in_backup(&mut self, now: Time, advert: &Advert) {
        if advert.priority == 0 {
            self.pending = Reason::PriorityZero;
            self.watch(now, self.skew());
            return;
        }
        let may_preempt = self.config.preempt && now >= self.preempt_from && self.eligible();
        if advert.priority >= self.priority() || !may_preempt {
            self.pending = Reason::Timeout;
            self.active_interval = Time::from(advert.interval) * CENTISECOND;
            self.watch(now, self.down_interval());
        } else {
            self.pending = Reason::Preempted;
        }
    }

    fn heard_in_active(&mut self, now: Time, advert: &Advert, source: IpAddr) {
        let priority = advert.priority;
        if priority == 0 {
            self.advertise(now);
            return;
        }
        let own = self.priority().max(1);
        let better = priority > own || (priority == own && self.source.is_some_and(|ours| source > ours));
        if better {
            self.active_interval = Time::from(advert.interval) * CENTISECOND;
            self.pending = Reason::Timeout;
            self.enter(now, State::Backup, Reason::HigherPriority);
            self.watch(now, self.down_interval());
            if self.own_mac.is_none() {
                self.keep_from = now + YIELD;
                self.keep_until = Some(now + YIELD_MOST);
            } else {
                // What comes to our own MAC is forwarded anyway, and two must not answer for the addresses.
                self.release();
            }
            return;
        }
        self.outputs.push_back(Output::Notice(Notice::Conflict { source, priority }));
        self.stats.conflicts += 1;
        self.claim(now);
        // Neighbours may believe the other one now.
        if self.announced.is_none_or(|at| now >= at + 100 * MILLISECOND) {
            self.announce(now);
        }
    }

    fn timers(&mut self, now: Time) {
        // Before the advertisement: a better router answers that at once, and its answer has to be the last frame that
        // the switch sees.
        self.repeat(now);
        if self.timer.is_some_and(|at| at <= now) {
            self.timer_fired(now);
        }
        if self.keep_until.is_some_and(|at| at <= now) {
            self.release();
            self.stopped();
        }
        // What a new role asks for.
        self.repeat(now);
    }

    fn repeat(&mut self, now: Time) {
        while self.announcements.front().is_some_and(|at| *at <= now) {
            self.announcements.pop_front();
            self.announce(now);
        }
        if self.advertise_at.is_some_and(|at| at <= now) {
            let interval = self.config.router_advertisement.as_ref().map(|ra| ra.interval.max(SECOND / 2));
            self.advertise_at = interval.map(|interval| now + interval);
            self.stats.router_advertisements += 1;
            self.outputs.push_back(Output::Advertise);
        }
    }

    fn timer_fired(&mut self, now: Time) {
        let late = self.timer.map_or(0, |at| now.saturating_sub(at));
        self.stats.lateness(late);
        let own_fault = late > self.active_interval;
        if own_fault {
            self.stats.late += 1;
            self.outputs.push_back(Output::Notice(Notice::Late(late)));
        }
        match self.state {
            State::Initialize => self.timer = None,
            State::Backup if own_fault && !self.patient => {
                self.patient = true;
                self.timer = Some(now + self.active_interval);
            }
            State::Backup => self.become_active(now, self.pending),
            State::Active => {
                if own_fault {
                    self.announce(now);
                }
                self.advertise(now);
            }
        }
    }
}
