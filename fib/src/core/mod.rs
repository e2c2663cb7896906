//! The reconciler: wanted routes on one side, what the kernel acknowledged on the other, and the
//! shortest way from one to the other.
//!
//! Rules, each from the kernel's behaviour:
//! - one batch is in flight at a time; the kernel works a batch off within the send call, so a
//!   second one would only wait;
//! - only the last message of a batch asks for an acknowledgement; errors come by number;
//! - within a batch: single next-hop objects, groups, new and changed routes, removed routes, and
//!   objects that nothing uses any more;
//! - a route that was never ours is created exclusively, so that a route of somebody else with the
//!   same metric is never replaced; one that is ours is replaced, so sending it twice is harmless;
//! - a removal names prefix, table, metric and protocol, never the gateway.

mod objects;
mod observe;
mod table;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, VecDeque};

use ipnet::IpNet;

use crate::intent::{Address, Event, GroupId, Intent, Link, Report, Route, RouteKind, RouteStatus, Target};
use crate::netlink::constants::{EEXIST, EINVAL, ENODEV, ENOENT, ESRCH};
use crate::netlink::{KernelRoute, Object, Request, Way};
use crate::{MILLISECOND, SECOND, Time};

use objects::{Finished, ObjectOp, Objects, SetKey};
use observe::Observed;
use table::{Cell, Entry, Key, Left, NONE, Row, Spec, SpecId, Table, flag};

/// What the reconciler may do and where.
#[derive(Clone, Debug)]
pub struct Config {
    /// `rtm_protocol` values that are ours alone. Routes of these are adopted at the start, and
    /// swept on [`Intent::Synced`] unless somebody named them.
    pub protocols: Vec<u8>,
    /// First id of next-hop objects; the next 2^28 are ours.
    pub object_base: u32,
    /// `nh_protocol` of our next-hop objects.
    pub object_protocol: u8,
    /// Most messages in a batch.
    pub batch: usize,
    /// Send [`Report::Acknowledged`].
    pub acknowledge: bool,
    /// For hashes of prefixes, which peers choose: not known to them.
    pub seed: u64,
    /// Use next-hop objects if the kernel has them. Without, routes name their gateways.
    pub objects: bool,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            protocols: vec![186, 196],
            object_base: 0x2000_0000,
            object_protocol: 186,
            batch: 512,
            acknowledge: false,
            seed: 0,
            objects: true,
        }
    }
}

/// What the core is told.
#[derive(Clone, Debug)]
pub enum Input {
    /// Statements of what is wanted.
    Intents(Vec<Intent>),
    /// The kernel's verdict on one message of the batch in flight; 0 on the last completes it.
    Outcome {
        /// Sequence number.
        seq: u32,
        /// Positive error number or 0.
        errno: i32,
        /// The kernel's words.
        message: Option<String>,
    },
    /// Replies were lost (ENOBUFS on the command socket): the batch in flight is done again.
    Lost,
    /// A thing exists or changed: from a dump or the monitor.
    Shown {
        /// The thing.
        object: Object,
        /// It took the place of another with the same key.
        replaced: bool,
    },
    /// A thing is gone: from the monitor.
    Removed(Object),
    /// The dump asked for by [`Output::Dump`] is complete.
    DumpDone,
    /// The dump failed or was disturbed; it is asked for again a little later.
    DumpFailed,
    /// Notifications were lost (ENOBUFS on the monitor socket).
    MonitorLost,
    /// The kernel has no next-hop objects. To be said before the first [`Input::DumpDone`].
    NoObjects,
    /// The kernel has no resilient groups. To be said before the first [`Input::DumpDone`].
    NoResilient,
    /// The deadline has passed.
    Timeout,
}

/// What the core asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// Send these requests, numbered upwards from `first_seq`, in one go.
    Send {
        /// Sequence number of the first.
        first_seq: u32,
        /// The requests in order.
        requests: Vec<Request>,
    },
    /// List links, addresses, next-hop objects and routes of both families, in this order.
    Dump,
    /// For whom it may concern.
    Report(Report),
    /// For whom it may concern.
    Event(Event),
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Object(ObjectOp),
    /// Sets a route to a spec that is held for it.
    Set(Place, SpecId),
    /// Removes a route of this spec, held for it.
    Remove(Place, SpecId),
}

/// A prefix, and where it was in the table.
#[derive(Clone, Copy, Debug)]
struct Place {
    key: Key,
    row: Row,
}

struct Flight {
    first_seq: u32,
    ops: Vec<Op>,
    requests: Vec<Request>,
    errors: Vec<(u32, i32, Option<String>)>,
    until: Time,
}

/// Longest silence of the kernel after a batch; only a lost reply takes so long.
const REPLY_TIMEOUT: Time = 5 * SECOND;
/// Shortest time between two reports of totals.
const COUNTS_INTERVAL: Time = 250 * MILLISECOND;
/// Shortest time between two dumps that we want for ourselves.
const DUMP_INTERVAL: Time = SECOND;

/// The reconciler. See the module's description.
pub struct Core {
    config: Config,
    table: Table,
    objects: Objects,
    observed: Observed,
    dirty: VecDeque<Row>,
    /// Routes whose group has no way out at present.
    waiting: BTreeSet<(SetKey, Key)>,
    retry: BinaryHeap<Reverse<(Time, Key)>>,
    /// Second routes of ours to a prefix, left by an earlier run: removed on `Synced`.
    extra: Vec<(Key, u32, u8)>,
    flight: Option<Flight>,
    /// Routes that the kernel has, to be told.
    acknowledged: Vec<(IpNet, u32)>,
    seq: u32,
    outputs: VecDeque<Output>,
    /// A dump is running.
    dumping: bool,
    /// The first dump is complete.
    ready: bool,
    dump_at: Option<Time>,
    last_dump: Time,
    synced: bool,
    told_synced: bool,
    told_no_resilient: bool,
    counts_changed: bool,
    counts_at: Time,
    now: Time,
}

mod apply;
mod plan;

impl Core {
    /// A reconciler that first asks for a dump.
    pub fn new(config: Config) -> Core {
        let mut core = Core {
            objects: Objects::new(config.object_base, config.object_protocol),
            table: Table::new(config.seed),
            config,
            observed: Observed::default(),
            dirty: VecDeque::new(),
            waiting: BTreeSet::new(),
            retry: BinaryHeap::new(),
            extra: Vec::new(),
            flight: None,
            acknowledged: Vec::new(),
            seq: 1,
            outputs: VecDeque::new(),
            dumping: false,
            ready: false,
            dump_at: None,
            last_dump: 0,
            synced: false,
            told_synced: false,
            told_no_resilient: false,
            counts_changed: false,
            counts_at: 0,
            now: 0,
        };
        core.objects.supported = core.config.objects;
        core.begin_dump();
        core
    }

    /// Takes an input. Never blocks and never fails.
    pub fn handle(&mut self, now: Time, input: Input) {
        self.now = self.now.max(now);
        match input {
            Input::Intents(intents) => intents.into_iter().for_each(|intent| self.intent(intent)),
            Input::Outcome { seq, errno, message } => self.outcome(seq, errno, message),
            Input::Lost => self.lost(),
            Input::Shown { object, replaced } => self.shown(object, replaced),
            Input::Removed(object) => self.removed(object),
            Input::DumpDone => self.dump_done(),
            Input::DumpFailed => {
                self.dumping = false;
                self.dump_at = Some(self.now + 20 * MILLISECOND);
            }
            Input::MonitorLost => {
                self.outputs.push_back(Output::Report(Report::Resync));
                self.dump_at = Some(self.now);
            }
            Input::NoObjects => self.objects.supported = false,
            Input::NoResilient => self.objects.resilient_supported = false,
            Input::Timeout => {}
        }
        self.timers();
        self.settle();
    }

    /// The next thing to do. Call until `None` after each [`Core::handle`].
    pub fn poll(&mut self) -> Option<Output> {
        if let Some(output) = self.outputs.pop_front() {
            return Some(output);
        }
        if self.dumping || self.flight.is_some() {
            return None;
        }
        if self.dump_at.is_some_and(|at| at <= self.now) {
            self.begin_dump();
            return self.outputs.pop_front();
        }
        if !self.ready {
            return None;
        }
        self.batch();
        if !self.acknowledged.is_empty() {
            let acknowledged = std::mem::take(&mut self.acknowledged);
            self.outputs.push_back(Output::Report(Report::Acknowledged(acknowledged)));
        }
        if self.flight.is_none() {
            self.idle();
        }
        self.outputs.pop_front()
    }

    /// When [`Input::Timeout`] is due at the latest.
    pub fn deadline(&self) -> Option<Time> {
        let flight = self.flight.as_ref().map(|flight| flight.until);
        let retry = self.retry.peek().map(|Reverse((at, _))| *at);
        let counts = self.counts_changed.then_some(self.counts_at);
        let dump = if self.dumping { None } else { self.dump_at };
        [flight, retry, counts, dump, self.objects.deadline()].into_iter().flatten().min()
    }

    fn timers(&mut self) {
        let now = self.now;
        if self.flight.as_ref().is_some_and(|flight| flight.until <= now) {
            self.lost();
        }
        while let Some(Reverse((at, _))) = self.retry.peek()
            && *at <= now
        {
            if let Some(Reverse((_, key))) = self.retry.pop() {
                self.touch(key);
            }
        }
        if self.objects.deadline().is_some_and(|at| at <= now) {
            self.objects.due(now);
        }
        if self.counts_changed && self.counts_at <= now {
            self.counts_changed = false;
            self.counts_at = now + COUNTS_INTERVAL;
            self.outputs.push_back(Output::Report(Report::Counts(self.table.counts())));
        }
    }

    fn begin_dump(&mut self) {
        self.dump_at = None;
        self.last_dump = self.now;
        self.dumping = true;
        self.observed.dump_begins();
        self.objects.dump_begins();
        let _ = self.table.scan(|_, entry, _| {
            entry.set(flag::UNSEEN, entry.actual != NONE);
            false
        });
        self.extra.clear();
        self.outputs.push_back(Output::Dump);
    }

    /// Asks for a dump unless one was made a moment ago.
    fn want_dump(&mut self) {
        let at = self.now.max(self.last_dump + DUMP_INTERVAL);
        self.dump_at = Some(self.dump_at.map_or(at, |planned| planned.min(at)));
    }

    /// A dump some time from now finds what could not be removed.
    fn look_again(&mut self) {
        if self.dump_at.is_none() {
            self.dump_at = Some(self.now + 10 * SECOND);
        }
    }

    /// Puts a prefix into the queue.
    fn touch(&mut self, key: Key) {
        let cell = self.table.get(&key);
        self.put_touched(cell);
    }

    /// Stores the state of a prefix and puts it into the queue.
    fn put_touched(&mut self, mut cell: Cell) {
        let queued = cell.has(flag::QUEUED);
        cell.set(flag::QUEUED, true);
        let row = self.table.put(cell);
        if !queued {
            self.dirty.push_back(row);
        }
    }

    /// Tells the next-hop objects which groups are in use.
    fn settle(&mut self) {
        let mut log = std::mem::take(&mut self.table.specs.log);
        for (more, group, v6) in log.drain(..) {
            self.objects.count((group, v6), more);
        }
        self.table.specs.log = log;
    }

    /// Everything has been said that can be said now.
    fn idle(&mut self) {
        if self.synced && !self.told_synced && self.dirty.is_empty() {
            self.told_synced = true;
            self.outputs.push_back(Output::Report(Report::Synced));
        }
    }

    fn owned(&self, protocol: u8) -> bool {
        self.config.protocols.contains(&protocol)
    }

    /// How it stands with the route to a prefix.
    pub fn route(&mut self, prefix: IpNet, table: u32) -> RouteStatus {
        let cell = self.table.get(&Key { prefix: prefix.trunc(), table });
        let specs = &self.table.specs;
        let wanted = match specs.get(cell.wanted) {
            Some(Spec::Ours { route, .. }) => Some(route),
            Some(Spec::Left(_)) | None => None,
        };
        let set = specs.get(cell.wanted).and_then(|spec| spec.group());
        RouteStatus {
            wanted,
            installed: wanted.is_some() && cell.actual == cell.wanted,
            errno: (cell.has(flag::FAILED) && cell.errno != 0).then(|| i32::from(cell.errno)),
            object: set.and_then(|set| self.objects.members(set)),
            no_way: set.is_some_and(|set| self.objects.way(set).is_none()),
        }
    }

    /// Totals per family (true for IPv6) and protocol.
    pub fn counts(&self) -> Vec<(bool, u8, crate::Counts)> {
        self.table.counts()
    }
}
