//! The caches that are configured: which of them is connected, and whose records are in force.
//!
//! The one with the lowest preference number comes first. While it does not answer the next is tried, and given up
//! when a better one is back. Records stay in force until another cache has told all of its own, or until they
//! expire: a cache that goes away changes nothing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::Ipv4Addr;

use bgp::types::{SECOND, Time};
use rib::Vrp;

use super::pdu::{Timing, VERSION};
use super::session::{End, Position, Records, Response, Said, Session};

/// How long a connection may take to come up, and a query to be answered further, as FRR and RTRlib have it.
const CONNECT_TIME: Time = 30 * SECOND;
const ANSWER_TIME: Time = 60 * SECOND;

/// Between two queries at least, however often a cache says that it has news.
const QUERY_SPACING: Time = SECOND;

/// Where a cache is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoint {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Our address towards it.
    pub source: Option<Ipv4Addr>,
}

/// What the operator says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Where a cache does not say otherwise.
    pub timing: Timing,
    /// Caches by preference, the lowest first.
    pub caches: BTreeMap<u8, Endpoint>,
}

/// One connection, or an attempt at one. Numbers are never used again.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Connection(pub u64);

/// What happens.
#[derive(Debug)]
pub enum Input<'a> {
    /// These settings are in force from now on.
    Configure(Settings),
    /// A connection came up.
    Connected(Connection),
    /// A cache says something.
    Received(Connection, &'a [u8]),
    /// A connection ended, or could not be made.
    Closed(Connection),
    /// Nothing but time passed.
    Tick,
    /// `rpki start`
    Start,
    /// `rpki stop`: nothing is validated.
    Stop,
    /// `rpki reset`: everything is asked for again.
    Reset,
}

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// Connect to a cache.
    Connect(Connection, Endpoint),
    /// Send octets.
    Send(Connection, Vec<u8>),
    /// End a connection, or an attempt, after what was sent.
    Close(Connection),
    /// Other records are in force.
    Records {
        /// Gone.
        removed: Vec<Vrp>,
        /// New.
        added: Vec<Vrp>,
    },
    /// No records are in force, and nothing is validated.
    Off,
    /// Something worth a line in the log.
    Log(Endpoint, Event),
}

/// What is worth a line in the log.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Event {
    /// A cache told all of its records.
    #[error("{0} records are in force")]
    InForce(usize),
    /// A connection ended by a mistake or a report of one.
    #[error("the session ends: {0}")]
    Ended(End),
    /// A connection ended, or could not be made.
    #[error("not connected")]
    Lost,
    /// A cache does not answer.
    #[error("no answer")]
    Silent,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// A better one does.
    Off,
    /// Tried again then.
    Waiting(Time),
    /// To be up by then.
    Connecting(Time),
    /// To say more by then.
    Asking(Time),
    /// Asked again then.
    Resting(Time),
}

#[derive(Debug)]
struct Cache {
    endpoint: Endpoint,
    phase: Phase,
    connection: Connection,
    session: Session,
    /// Version to begin with.
    version: u8,
    timing: Timing,
    /// It told all of its records on this connection.
    synced: bool,
    /// The last attempt came to nothing.
    failed: bool,
    attempts: u32,
    answered: Time,
    /// Where its records stand, while we have them.
    position: Option<Position>,
    /// Its records, unless they are those in force.
    records: BTreeSet<Vrp>,
}

impl Cache {
    fn new(endpoint: Endpoint, timing: Timing) -> Cache {
        Cache {
            endpoint,
            phase: Phase::Off,
            connection: Connection(0),
            session: Session::new(VERSION),
            version: VERSION,
            timing,
            synced: false,
            failed: false,
            attempts: 0,
            answered: 0,
            position: None,
            records: BTreeSet::new(),
        }
    }

    fn connected(&self) -> bool {
        matches!(self.phase, Phase::Connecting(_) | Phase::Asking(_) | Phase::Resting(_))
    }
}

/// The records in force.
#[derive(Debug, Default)]
struct InForce {
    records: BTreeSet<Vrp>,
    /// How many of them are of IPv4.
    v4: usize,
    /// The cache that told them, while it is configured.
    from: Option<u8>,
    expires: Time,
}

fn is_v4(record: &Vrp) -> bool {
    record.prefix.addr().is_ipv4()
}

/// A cache as shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CacheStatus {
    /// Preference.
    pub preference: u8,
    /// Where.
    pub endpoint: Endpoint,
    /// It is connected and told all of its records.
    pub synced: bool,
}

/// All caches.
#[derive(Debug)]
pub struct Caches {
    settings: Settings,
    caches: BTreeMap<u8, Cache>,
    in_force: InForce,
    /// Some cache told all of its records since the start.
    active: bool,
    stopped: bool,
    connections: u64,
    out: VecDeque<Output>,
}

impl Caches {
    /// None yet.
    pub fn new() -> Caches {
        let timing = Timing { refresh: 3600, retry: 600, expire: 7200 };
        Caches {
            settings: Settings { timing, caches: BTreeMap::new() },
            caches: BTreeMap::new(),
            in_force: InForce::default(),
            active: false,
            stopped: false,
            connections: 0,
            out: VecDeque::new(),
        }
    }

    /// Takes in what happened.
    pub fn handle(&mut self, now: Time, input: Input<'_>) {
        match input {
            Input::Configure(settings) => self.configure(settings),
            Input::Connected(connection) => self.connected(now, connection),
            Input::Received(connection, octets) => self.received(now, connection, octets),
            Input::Closed(connection) => {
                if let Some(preference) = self.of(connection) {
                    if let Some(cache) = self.caches.get_mut(&preference) {
                        cache.phase = Phase::Off;
                    }
                    self.fail(now, preference, Event::Lost);
                }
            }
            Input::Tick => {}
            Input::Start => self.stopped = false,
            Input::Stop => {
                self.stopped = true;
                self.switch_off();
            }
            Input::Reset => {
                self.stopped = false;
                let all: Vec<u8> = self.caches.keys().copied().collect();
                for preference in all {
                    self.close(preference);
                    if let Some(cache) = self.caches.get_mut(&preference) {
                        *cache = Cache::new(cache.endpoint.clone(), self.settings.timing);
                    }
                }
                self.in_force.from = None;
            }
        }
        self.drive(now);
    }

    /// What is to be done, in order.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When [`Input::Tick`] is due.
    pub fn deadline(&self) -> Option<Time> {
        let of = |cache: &Cache| match cache.phase {
            Phase::Off => None,
            Phase::Waiting(at) | Phase::Connecting(at) | Phase::Asking(at) | Phase::Resting(at) => Some(at),
        };
        let expiry = (!self.in_force.records.is_empty()).then_some(self.in_force.expires);
        self.caches.values().filter_map(of).chain(expiry).min()
    }

    /// Whether routes are validated: a cache told all of its records since the start.
    pub fn active(&self) -> bool {
        self.active
    }

    /// The preference of the cache whose records are in force.
    pub fn in_use(&self) -> Option<u8> {
        self.in_force.from
    }

    /// The records in force.
    pub fn records(&self) -> &BTreeSet<Vrp> {
        &self.in_force.records
    }

    /// How many records are in force, by family.
    pub fn counts(&self) -> [usize; 2] {
        [self.in_force.v4, self.in_force.records.len() - self.in_force.v4]
    }

    /// The caches, the most preferred first.
    pub fn status(&self) -> Vec<CacheStatus> {
        let status = |(preference, cache): (&u8, &Cache)| CacheStatus {
            preference: *preference,
            endpoint: cache.endpoint.clone(),
            synced: cache.synced,
        };
        self.caches.iter().map(status).collect()
    }

    fn configure(&mut self, settings: Settings) {
        if settings == self.settings {
            return;
        }
        let gone: Vec<u8> = self
            .caches
            .iter()
            .filter(|(p, cache)| settings.caches.get(p) != Some(&cache.endpoint))
            .map(|(p, _)| *p)
            .collect();
        for preference in gone {
            self.close(preference);
            self.caches.remove(&preference);
            // What it told stays in force until another has told its own.
            self.in_force.from.take_if(|from| *from == preference);
        }
        for (preference, endpoint) in &settings.caches {
            let new = || Cache::new(endpoint.clone(), settings.timing);
            self.caches.entry(*preference).or_insert_with(new);
        }
        if settings.timing != self.settings.timing {
            self.caches.values_mut().for_each(|c| c.timing = settings.timing);
        }
        self.settings = settings;
        if self.caches.is_empty() {
            self.switch_off();
        }
    }

    fn of(&self, connection: Connection) -> Option<u8> {
        self.caches.iter().find(|(_, c)| c.connected() && c.connection == connection).map(|(p, _)| *p)
    }

    fn connected(&mut self, now: Time, connection: Connection) {
        let Some(preference) = self.of(connection) else { return };
        let Some(cache) = self.caches.get_mut(&preference) else { return };
        cache.session = Session::new(cache.version);
        self.ask(now, preference);
    }

    /// Asks for what came after what we have.
    fn ask(&mut self, now: Time, preference: u8) {
        let Some(cache) = self.caches.get_mut(&preference) else { return };
        cache.session.ask(cache.position);
        cache.phase = Phase::Asking(now + ANSWER_TIME);
        self.send(preference);
    }

    fn send(&mut self, preference: u8) {
        let Some(cache) = self.caches.get_mut(&preference) else { return };
        if !cache.session.out.is_empty() {
            self.out.push_back(Output::Send(cache.connection, std::mem::take(&mut cache.session.out)));
        }
    }

    fn received(&mut self, now: Time, connection: Connection, octets: &[u8]) {
        let Some(preference) = self.of(connection) else { return };
        let Some(cache) = self.caches.get_mut(&preference) else { return };
        cache.session.receive(octets);
        if let Phase::Asking(until) = &mut cache.phase {
            *until = now + ANSWER_TIME;
        }
        loop {
            let Some(cache) = self.caches.get_mut(&preference) else { return };
            let in_force = self.in_force.from == Some(preference);
            let held = if in_force { &self.in_force.records } else { &cache.records };
            let said = cache.session.next(held);
            self.send(preference);
            match said {
                Ok(None) => return,
                Ok(Some(Said::Response(response))) => self.response(now, preference, response),
                Ok(Some(Said::News)) => {
                    if let Some(cache) = self.caches.get_mut(&preference) {
                        cache.phase = Phase::Resting(now.max(cache.answered + QUERY_SPACING));
                    }
                }
                Ok(Some(Said::Nothing)) => self.nothing(now, preference),
                Err(end) => return self.end(now, preference, end),
            }
        }
    }

    fn end(&mut self, now: Time, preference: u8, end: End) {
        let Some(cache) = self.caches.get_mut(&preference) else { return };
        if end == End::Downgrade && cache.version > 0 {
            cache.version = 0;
            self.close(preference);
            if let Some(cache) = self.caches.get_mut(&preference) {
                cache.phase = Phase::Waiting(now);
            }
            return;
        }
        if let End::Fault(fault) = end {
            // Whatever went wrong, the next session begins anew.
            cache.position = None;
            if fault.discredits() {
                cache.records.clear();
                if self.in_force.from == Some(preference) {
                    self.expire();
                }
            }
        }
        self.fail(now, preference, Event::Ended(end));
    }

    /// The cache has no data yet: others are asked, and this one again later, on the same connection.
    fn nothing(&mut self, now: Time, preference: u8) {
        let Some(cache) = self.caches.get_mut(&preference) else { return };
        cache.failed = true;
        cache.synced = false;
        cache.position = None;
        cache.phase = Phase::Resting(now + Time::from(cache.timing.retry) * SECOND);
    }

    fn response(&mut self, now: Time, preference: u8, response: Response) {
        let Response { records, position, timing } = response;
        let Some(cache) = self.caches.get_mut(&preference) else { return };
        cache.timing = timing.unwrap_or(self.settings.timing);
        let expires = now + Time::from(cache.timing.expire) * SECOND;
        cache.position = Some(position);
        cache.answered = now;
        // Asked again in time for an answer, whatever the cache thinks.
        let refresh = cache.timing.refresh.min(cache.timing.expire.saturating_sub(60));
        cache.phase = Phase::Resting(now + Time::from(refresh) * SECOND);
        cache.failed = false;
        cache.attempts = 0;
        let first = !std::mem::replace(&mut cache.synced, true);
        if self.in_force.from == Some(preference) {
            self.in_force.expires = expires;
            self.put(records);
        } else {
            match records {
                Records::All(all) => cache.records = all,
                Records::Changes { removed, added } => {
                    for record in &removed {
                        cache.records.remove(record);
                    }
                    cache.records.extend(added);
                }
            }
            if self.better(preference) {
                let cache = self.caches.get_mut(&preference);
                let all = cache.map(|c| std::mem::take(&mut c.records)).unwrap_or_default();
                if let Some(before) = self.in_force.from.and_then(|p| self.caches.get_mut(&p)) {
                    before.position = None;
                }
                self.in_force.from = Some(preference);
                self.in_force.expires = expires;
                self.put(Records::All(all));
            }
        }
        if first
            && self.in_force.from == Some(preference)
            && let Some(cache) = self.caches.get(&preference)
        {
            let count = self.in_force.records.len();
            self.out.push_back(Output::Log(cache.endpoint.clone(), Event::InForce(count)));
        }
    }

    /// Whether what a cache told shall take the place of what is in force.
    fn better(&self, preference: u8) -> bool {
        let current = self.in_force.from.filter(|p| self.caches.get(p).is_some_and(|c| c.synced));
        current.is_none_or(|current| preference < current)
    }

    /// Puts records in force and tells the difference.
    fn put(&mut self, records: Records) {
        let (removed, added): (Vec<Vrp>, Vec<Vrp>) = match records {
            Records::All(all) => {
                let before = std::mem::replace(&mut self.in_force.records, all);
                self.in_force.v4 = self.in_force.records.iter().take_while(|r| is_v4(r)).count();
                (
                    before.difference(&self.in_force.records).copied().collect(),
                    self.in_force.records.difference(&before).copied().collect(),
                )
            }
            Records::Changes { removed, added } => {
                for record in &removed {
                    let gone = self.in_force.records.remove(record);
                    self.in_force.v4 -= usize::from(gone && is_v4(record));
                }
                for record in &added {
                    let new = self.in_force.records.insert(*record);
                    self.in_force.v4 += usize::from(new && is_v4(record));
                }
                (removed.into_iter().collect(), added.into_iter().collect())
            }
        };
        let begins = !std::mem::replace(&mut self.active, true);
        if begins || !removed.is_empty() || !added.is_empty() {
            self.out.push_back(Output::Records { removed, added });
        }
    }

    /// Takes the records out of force that no cache stands for any more.
    fn expire(&mut self) {
        if let Some(cache) = self.in_force.from.take().and_then(|p| self.caches.get_mut(&p)) {
            cache.position = None;
            cache.synced = false;
            cache.failed = true;
        }
        self.in_force.v4 = 0;
        let removed: Vec<Vrp> = std::mem::take(&mut self.in_force.records).into_iter().collect();
        if !removed.is_empty() {
            self.out.push_back(Output::Records { removed, added: Vec::new() });
        }
    }

    fn switch_off(&mut self) {
        let all: Vec<u8> = self.caches.keys().copied().collect();
        for preference in all {
            self.rest(preference);
        }
        self.in_force = InForce::default();
        if std::mem::replace(&mut self.active, false) {
            self.out.push_back(Output::Off);
        }
    }

    /// Ends a connection, or an attempt at one.
    fn close(&mut self, preference: u8) {
        let Some(cache) = self.caches.get_mut(&preference) else { return };
        if cache.connected() {
            self.out.push_back(Output::Close(cache.connection));
        }
        cache.phase = Phase::Off;
        cache.synced = false;
    }

    /// Does without a cache.
    fn rest(&mut self, preference: u8) {
        self.close(preference);
        if let Some(cache) = self.caches.get_mut(&preference) {
            cache.records.clear();
            cache.position = None;
            cache.failed = false;
            cache.attempts = 0;
        }
    }

    /// An attempt came to nothing, or a connection ended: it is repeated after 1, 2, 4 ... seconds, up to the retry
    /// interval.
    fn fail(&mut self, now: Time, preference: u8, event: Event) {
        self.close(preference);
        let in_force = self.in_force.from == Some(preference);
        let Some(cache) = self.caches.get_mut(&preference) else { return };
        if !in_force {
            cache.records.clear();
            cache.position = None;
        }
        cache.failed = true;
        let retry = Time::from(cache.timing.retry).max(1);
        let pause = retry.min(1 << cache.attempts.min(20));
        cache.attempts += 1;
        cache.phase = Phase::Waiting(now + pause * SECOND);
        self.out.push_back(Output::Log(cache.endpoint.clone(), event));
    }

    /// Does what is due.
    fn drive(&mut self, now: Time) {
        if !self.in_force.records.is_empty() && self.in_force.expires <= now {
            let from = self.in_force.from;
            self.expire();
            // It did not answer in all that time; and half an answer is of no use without what it would change.
            if let Some(preference) = from.filter(|p| self.caches.get(p).is_some_and(Cache::connected)) {
                self.fail(now, preference, Event::Silent);
            }
        }
        if self.stopped {
            return;
        }
        let all: Vec<u8> = self.caches.keys().copied().collect();
        for preference in &all {
            match self.caches.get(preference).map(|c| c.phase) {
                Some(Phase::Connecting(until)) if until <= now => self.fail(now, *preference, Event::Lost),
                Some(Phase::Asking(until)) if until <= now => self.fail(now, *preference, Event::Silent),
                Some(Phase::Resting(at)) if at <= now => self.ask(now, *preference),
                _ => {}
            }
        }
        // The better ones are tried before the others; who is not needed any more rests.
        let mut wanted = true;
        let mut served = false;
        for preference in all {
            let Some(cache) = self.caches.get(&preference) else { continue };
            if served {
                if cache.phase != Phase::Off {
                    self.rest(preference);
                }
                continue;
            }
            match cache.phase {
                Phase::Off if wanted => self.connect(now, preference),
                Phase::Waiting(at) if at <= now => self.connect(now, preference),
                _ => {}
            }
            let Some(cache) = self.caches.get(&preference) else { continue };
            served = cache.synced;
            wanted &= cache.failed;
        }
    }

    fn connect(&mut self, now: Time, preference: u8) {
        let Some(cache) = self.caches.get_mut(&preference) else { return };
        self.connections += 1;
        cache.connection = Connection(self.connections);
        cache.phase = Phase::Connecting(now + CONNECT_TIME);
        self.out.push_back(Output::Connect(cache.connection, cache.endpoint.clone()));
    }
}

impl Default for Caches {
    fn default() -> Caches {
        Caches::new()
    }
}
