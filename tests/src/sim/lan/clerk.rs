//! What each router must do by RFC 9568, worked out from what it hears and what time it is.
//!
//! The clerk follows the text of section 6.4 in the plainest way. Where the RFC leaves room, or what the core does is
//! our own (health, changes of configuration), timers are ranges: a router may move from the lower end on, and must
//! have moved at the upper end.

use std::net::IpAddr;
use std::sync::Arc;

use vrrp::{CENTISECOND, Config, MILLISECOND, Output, State, Time};

use super::frame::{self, Advert, Seen};
use super::node::Turn;

/// From and to, inclusive.
type Range = (Time, Time);

/// What happened to a router besides the clock and the frames.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stimulus {
    /// Nothing.
    Woken,
    /// Its interface came up.
    Up,
    /// Its interface went down.
    Down,
    /// It can do the work, or it cannot.
    Eligible(bool),
    /// It is configured anew.
    Configure(Config),
    /// It stops in order.
    Shutdown,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Role {
    Initialize,
    /// The down timer fires somewhere in the range; none when it stays out of the election.
    Backup {
        due: Option<Range>,
        patient: bool,
    },
    /// Since when it owes an advertisement.
    Active {
        last: Time,
    },
}

/// A router in one group.
pub struct Clerk {
    config: Config,
    source: IpAddr,
    eligible: bool,
    role: Role,
    /// Interval of the Active router.
    learned: Range,
    preempt_from: Time,
    /// It was told to stop, for good.
    stopping: bool,
    /// The router had the role and gave it away, and may forward until then.
    keeps_until: Time,
    /// It lost the role to a better claim: it has to forward until the first, and may until the second.
    yields: Range,
}

/// How long a router forwards that lost the role: the switches may still follow a frame that it sent before.
const YIELD: Range = (30 * MILLISECOND, 100 * MILLISECOND);

impl Clerk {
    /// A router whose process is just starting.
    pub fn new(config: Config, source: IpAddr) -> Clerk {
        let own = config.interval_time();
        Clerk {
            config,
            source,
            eligible: true,
            role: Role::Initialize,
            learned: (own, own),
            preempt_from: 0,
            stopping: false,
            keeps_until: 0,
            yields: (0, 0),
        }
    }

    /// The role that it has.
    pub fn state(&self) -> State {
        match self.role {
            Role::Initialize => State::Initialize,
            Role::Backup { .. } => State::Backup,
            Role::Active { .. } => State::Active,
        }
    }

    /// The priority in force.
    pub fn priority(&self) -> u8 {
        if self.eligible { self.config.priority } else { self.config.unhealthy_priority }
    }

    /// When it takes the role from a lesser router at last; `None` if it does not.
    pub fn preempts(&self) -> Option<Time> {
        (self.config.preempt && self.eligible).then_some(self.preempt_from)
    }

    /// Until when it has to forward without having the role, and until when it may.
    pub fn keeps_until(&self) -> Range {
        (self.keeps_until.max(self.yields.0), self.keeps_until.max(self.yields.1))
    }

    fn skew(&self, interval: Time) -> Time {
        (256 - Time::from(self.priority())) * interval / 256
    }

    fn down(&self, now: Time) -> Option<Range> {
        let after = |interval| now + 3 * interval + self.skew(interval);
        (self.priority() > 0).then_some((after(self.learned.0), after(self.learned.1)))
    }

    fn back_up(&mut self, now: Time) {
        self.role = Role::Backup { due: self.down(now), patient: false };
    }

    fn owner(&self) -> bool {
        self.config.owner() && self.eligible
    }

    /// Checks what a router did. The error is the law that it broke.
    pub fn judge(&mut self, now: Time, stimulus: &Stimulus, turn: &Turn) -> Result<(), String> {
        let (before, old_priority) = (self.state(), self.priority());
        let mut owed = 0;
        let mut resigns = false;
        for advert in &turn.heard {
            owed += usize::from(self.hear(now, advert));
        }
        match stimulus {
            Stimulus::Woken => {}
            Stimulus::Up if self.stopping => {}
            Stimulus::Up => self.up(now),
            Stimulus::Down => {
                self.role = Role::Initialize;
                (self.keeps_until, self.yields) = (0, (0, 0));
            }
            Stimulus::Eligible(eligible) => resigns = self.turned(now, *eligible),
            Stimulus::Configure(config) => owed += usize::from(self.configured(now, config)),
            Stimulus::Shutdown => {
                resigns = before == State::Active;
                self.stopping = true;
                self.role = Role::Initialize;
            }
        }
        if resigns {
            self.keeps_until = now + self.config.keep.max(2 * self.config.interval_time());
        }
        owed += usize::from(self.timers(now, turn.state)?);
        let state = self.state();
        if turn.state != state {
            return Err(format!("is {:?}, but must be {state:?} ({:?})", turn.state, self.role));
        }
        let rose = turn.outputs.iter().any(|o| matches!(o, Output::Changed { to: State::Active, .. }));
        if rose && state != State::Active {
            return Err("took the role for a moment, though what it had heard forbade it".to_owned());
        }
        if state == State::Active {
            (self.keeps_until, self.yields) = (0, (0, 0));
        }
        let said = self.frames(before, old_priority, resigns, turn)?;
        if state == State::Active {
            if owed > 0 && said == 0 {
                return Err("owes an advertisement".to_owned());
            }
            if said > 0 {
                self.role = Role::Active { last: now };
            }
        }
        if rose { self.risen(turn) } else { Ok(()) }
    }

    /// A killed predecessor's datapath is there, and may be used until an Active router is heard.
    pub fn adopts(&mut self, now: Time) {
        self.keeps_until = now + self.down(now).map_or(0, |due| due.1 - now) + self.config.keep;
    }

    fn up(&mut self, now: Time) {
        let own = self.config.interval_time();
        self.learned = (own, own);
        self.preempt_from = now + self.config.preempt_delay;
        if self.owner() {
            self.role = Role::Active { last: 0 };
        } else {
            self.back_up(now);
        }
    }

    /// Health came or went; true if the router has to resign.
    fn turned(&mut self, now: Time, eligible: bool) -> bool {
        if eligible == self.eligible {
            return false;
        }
        let old = self.role.clone();
        self.eligible = eligible;
        if eligible {
            self.preempt_from = now + self.config.preempt_delay;
        }
        match old {
            Role::Active { .. } if !eligible => {
                let own = self.config.interval_time();
                self.learned = (own, own);
                self.back_up(now);
                true
            }
            Role::Backup { .. } if self.owner() => {
                self.role = Role::Active { last: 0 };
                false
            }
            Role::Backup { due, .. } => {
                self.wider(now, due);
                false
            }
            Role::Active { .. } | Role::Initialize => false,
        }
    }

    /// The down timer runs on, or anew.
    fn wider(&mut self, now: Time, old: Option<Range>) {
        let new = self.down(now);
        let due = match (old, new) {
            (Some(old), Some(new)) => Some((old.0.min(new.0), old.1.max(new.1))),
            (_, new) => new,
        };
        self.role = Role::Backup { due, patient: false };
    }

    /// True if an advertisement is owed at once.
    fn configured(&mut self, now: Time, config: &Config) -> bool {
        let other_interval = config.interval != self.config.interval;
        let old = std::mem::replace(&mut self.config, config.clone());
        if self.config.owner() != old.owner() {
            self.role = Role::Active { last: 0 };
        }
        match self.role {
            Role::Backup { due, .. } => {
                if other_interval {
                    let own = self.config.interval_time();
                    self.learned = (self.learned.0.min(own), self.learned.1.max(own));
                }
                self.wider(now, due);
                false
            }
            Role::Active { .. } => other_interval,
            Role::Initialize => false,
        }
    }

    /// RFC 9568 section 6.4.2 and 6.4.3; true if an advertisement is owed at once.
    fn hear(&mut self, now: Time, advert: &Advert) -> bool {
        let Advert { priority, interval, source, .. } = *advert;
        let interval = Time::from(interval) * CENTISECOND;
        if self.owner() && priority == 255 {
            return false;
        }
        if priority > 0 && self.state() != State::Active {
            self.keeps_until = 0;
            if now >= self.yields.0 {
                self.yields = (0, 0);
            }
        }
        match &self.role {
            Role::Initialize => false,
            Role::Backup { .. } if priority == 0 => {
                let after = |interval| now + self.skew(interval);
                let due = (self.priority() > 0).then_some((after(self.learned.0), after(self.learned.1)));
                self.role = Role::Backup { due, patient: false };
                false
            }
            Role::Backup { .. } => {
                let preempts = self.preempts().is_some_and(|from| now >= from);
                if priority >= self.priority() || !preempts {
                    self.learned = (interval, interval);
                    self.back_up(now);
                }
                false
            }
            Role::Active { .. } if priority == 0 => true,
            Role::Active { .. } => {
                let better = (priority, source) > (self.priority(), self.source);
                if better {
                    self.learned = (interval, interval);
                    self.back_up(now);
                    self.yields = (now + YIELD.0, now + YIELD.1);
                }
                !better
            }
        }
    }

    /// The timers, given what the router made of them; true if an advertisement is owed.
    fn timers(&mut self, now: Time, state: State) -> Result<bool, String> {
        match &mut self.role {
            Role::Initialize => Ok(false),
            Role::Active { last } => Ok(now >= *last + self.config.interval_time()),
            Role::Backup { due: None, .. } => match state {
                State::Active => Err("took the role, though it stays out of the election".to_owned()),
                _ => Ok(false),
            },
            Role::Backup { due: Some(due), patient } => match state {
                State::Active if now < due.0 => {
                    Err(format!("took the role {} ns before its down timer", due.0 - now))
                }
                State::Active => {
                    self.role = Role::Active { last: 0 };
                    Ok(true)
                }
                _ if now < due.1 => Ok(false),
                // It overslept by its own fault, and waits one interval more before it believes.
                _ if !*patient && now - due.0 > self.learned.0 => {
                    *due = (now + self.learned.0, now + self.learned.1);
                    *patient = true;
                    Ok(false)
                }
                _ => Err(format!("did not take the role: its down timer fired {} ns ago", now - due.1)),
            },
        }
    }

    /// Whether it should have been woken before `now`.
    pub fn overdue(&self, now: Time) -> bool {
        match &self.role {
            Role::Initialize | Role::Backup { due: None, .. } => false,
            Role::Backup { due: Some((_, due)), .. } => *due < now,
            Role::Active { last } => last + self.config.interval_time() < now,
        }
    }

    /// Looks at what was sent, and counts the advertisements that do not resign.
    fn frames(&self, before: State, old_priority: u8, resigns: bool, turn: &Turn) -> Result<usize, String> {
        let may_speak = before == State::Active || self.state() == State::Active;
        let mut adverts: Vec<Advert> = Vec::new();
        for sent in &turn.sent {
            if !may_speak {
                return Err(format!("says something in {:?}: {:?}", self.state(), frame::read(sent)));
            }
            if frame::source_mac(sent) != self.config.family.virtual_mac(self.config.vrid) {
                return Err("sends from another address than the virtual one".to_owned());
            }
            match frame::read(sent) {
                Seen::Advert(advert) => adverts.push(advert),
                Seen::Announcement(address) if self.config.addresses.contains(&address) => {}
                Seen::RouterAdvertisement if self.config.router_advertisement.is_some() => {}
                other => return Err(format!("sends {other:?}")),
            }
        }
        let zeros = adverts.iter().filter(|a| a.priority == 0).count();
        if zeros != usize::from(resigns) || (resigns && adverts.last().is_none_or(|a| a.priority != 0)) {
            return Err(format!("resigned {zeros} times, wanted {}", usize::from(resigns)));
        }
        for advert in adverts.iter().filter(|a| a.priority != 0) {
            let wanted = Advert {
                family: self.config.family,
                vrid: self.config.vrid,
                source: self.source,
                priority: if advert.priority == old_priority { old_priority } else { self.priority() },
                interval: self.config.interval,
                addresses: self.config.addresses.clone(),
            };
            if *advert != wanted {
                return Err(format!("says {advert:?}, wanted {wanted:?}"));
            }
        }
        Ok(adverts.len() - zeros)
    }

    /// Who takes the role forwards first, and tells all neighbours.
    fn risen(&self, turn: &Turn) -> Result<(), String> {
        let acquired = turn.outputs.iter().position(|o| *o == Output::Acquire);
        let spoke = turn.outputs.iter().position(|o| matches!(o, Output::Send(_)));
        if acquired.is_none() || acquired > spoke {
            return Err("turned the switches before it forwards".to_owned());
        }
        let announced = |a: &IpAddr| turn.sent.iter().any(|f| frame::read(f) == Seen::Announcement(*a));
        match self.config.addresses.iter().find(|a| !announced(a)) {
            Some(missing) => Err(format!("took the role without announcing {missing}")),
            None => Ok(()),
        }
    }
}

/// A frame that is no valid advertisement of the group, to see that nobody minds it.
pub fn garbage(frame: &Arc<[u8]>, kind: u64) -> Arc<[u8]> {
    let mut bytes = frame.to_vec();
    let Some((at, ..)) = frame::ip(&bytes) else { return frame.clone() };
    match kind % 4 {
        // Another hop limit.
        0 => bytes[if at == 34 { 22 } else { 21 }] = 254,
        // A flipped bit in the priority.
        1 => bytes[at + 2] ^= 0x40,
        // Another virtual router, checksum and all.
        2 => {
            bytes[at + 1] ^= 0x80;
            bytes[at + 6..at + 8].copy_from_slice(&[0, 0]);
        }
        // Cut short.
        _ => bytes.truncate(bytes.len() - 2),
    }
    bytes.into()
}
