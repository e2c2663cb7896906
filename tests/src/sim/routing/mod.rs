//! Routers made of the real cores (session, table, reconciler) on segments that delay and cut, with kernels in memory.
//!
//! ```text
//!   world ── segment ── connection (window, pieces, cuts) ──► Session ──► rib::Core ──► fib::core::Core ──► kernel
//!     │                                                        of each side   │ policies         │           │
//!     └── trouble: kills, power cuts, cuts, resets, slow readers, changes ────┴──────────────────┴───────────┘
//! ```
//!
//! Routers are in one or several ASes, each of which is fully meshed. After the trouble everything heals, and when all is
//! quiet `laws` compares every table and kernel with what `oracle` works out from the configuration alone. At
//! last nobody announces anything any more, and nothing may be left.

mod configure;
mod kernel;
mod laws;
mod node;
mod oracle;
mod plan;
mod planted;
mod policy;
mod process;
mod route;
mod trouble;
mod wire;

use std::collections::BTreeMap;

use bgp::fsm::{CloseKind, ConnId, Input};
use bgp::types::{MILLISECOND, SECOND, Time};
use bytes::Bytes;

use self::node::Node;
use self::plan::Plan;
pub use self::planted::Planted;
use self::process::Action;
use self::wire::{OUT_LIMIT, Wire};
use super::Agenda;
use super::seeds::Outcome;
use crate::rng::Rng;

/// How long there is trouble.
const TROUBLE: Time = 60 * SECOND;

/// How long everything has to come to rest afterwards.
const REST: Time = 60 * SECOND;

/// How long it takes until nothing is left after nothing is announced any more.
const EVENING: Time = 30 * SECOND;

/// After its start a router takes that long to hear what there is.
const COMPLETE: Time = 20 * SECOND;

/// Octets of the table that may wait for a neighbour: its credit, and one more chunk.
const QUEUE_BOUND: usize = rib::group::WRITER_LIMIT + (256 << 10);

/// What happens at a time.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Event {
    /// A timer of a router.
    Wake(usize),
    /// A dialled connection reaches the other end.
    Arrive(usize),
    /// The dialling end hears that it is up.
    Up(usize),
    /// A dial fails: router, life, side, name.
    Fail(usize, u32, usize, u64),
    /// Bytes reach an end of a connection.
    Bytes(usize, usize, Bytes),
    /// An end hears that the other has read.
    Ack(usize, usize),
    /// An end of a connection hears of its end.
    Close(usize, usize, bool),
    /// Something goes wrong, or is changed.
    Trouble,
    /// A router is configured otherwise.
    Change(usize),
    /// A dead router comes back.
    Start(usize),
    /// A cut port heals: segment and router.
    Heal(usize, usize),
    /// A router has heard what there is to hear after its start.
    Complete(usize, u32),
    /// What must hold at any time is looked at.
    Glance,
    /// Trouble is over.
    Peace,
}

/// Routers, segments, the clock.
pub struct World {
    agenda: Agenda<Event>,
    rng: Rng,
    plan: Plan,
    wire: Wire,
    nodes: Vec<Node>,
    /// Machines that are off.
    off: Vec<bool>,
    /// Ports that are cut, and whether the router sees it.
    cuts: BTreeMap<(usize, usize), bool>,
    /// What waits for a cut to heal, in order: TCP sends it again.
    stalled: Vec<Event>,
    /// Before that there is trouble.
    trouble_until: Time,
    /// Looks in a row at which a session was not up, by router and side.
    down: BTreeMap<(usize, usize), u32>,
    broken: Option<String>,
}

impl World {
    /// A random world, perhaps with a fault in it.
    pub fn new(seed: u64, planted: Option<Planted>) -> World {
        let mut rng = Rng(seed);
        let plan = Plan::new(&mut rng);
        let count = plan.routers.len();
        World {
            agenda: Agenda::new(seed),
            wire: Wire::default(),
            nodes: (0..count).map(|n| Node::new(n, seed, &plan, planted)).collect(),
            off: vec![false; count],
            cuts: BTreeMap::new(),
            stalled: Vec::new(),
            trouble_until: 0,
            down: BTreeMap::new(),
            broken: None,
            plan,
            rng,
        }
    }

    /// Runs from the start through trouble to rest. The error is the law that was broken.
    pub fn run(mut self) -> Result<Outcome, String> {
        self.agenda.tell(|| format!("{:#?}", self.plan));
        for n in 0..self.nodes.len() {
            let delay = self.rng.below(SECOND);
            self.agenda.after(delay, Event::Start(n));
        }
        self.trouble_until = self.now() + TROUBLE;
        for _ in 0..self.rng.below(14) {
            let at = self.rng.below(TROUBLE);
            self.agenda.after(at, Event::Trouble);
        }
        for at in 1..TROUBLE / SECOND {
            self.agenda.after(at * SECOND, Event::Glance);
        }
        self.agenda.after(TROUBLE, Event::Peace);
        self.until(self.trouble_until + REST)?;
        self.at_rest()?;
        for n in 0..self.nodes.len() {
            self.announce(n, Default::default());
        }
        self.until(self.now() + EVENING)?;
        self.nothing_left()?;
        Ok(Outcome { trace: self.agenda.trace(), events: self.agenda.events() })
    }

    fn until(&mut self, end: Time) -> Result<(), String> {
        while let Some(event) = self.agenda.next(end) {
            self.event(event);
            if let Some(law) = self.broken.take() {
                return Err(format!("at {} ns: {law}", self.now()));
            }
            for n in 0..self.nodes.len() {
                if let Some(law) = self.nodes[n].watch().and_then(|w| w.broken.take()) {
                    return Err(format!("at {} ns: router {n}: {law}", self.now()));
                }
            }
        }
        Ok(())
    }

    fn now(&self) -> Time {
        self.agenda.now()
    }

    fn latency(&mut self) -> Time {
        // Now and then a packet is lost and comes later.
        let lost = if self.rng.once_in(40) { 200 * MILLISECOND } else { 0 };
        100_000 + self.rng.below(5 * MILLISECOND) + lost
    }

    fn event(&mut self, event: Event) {
        if self.is_cut(&event) {
            self.stalled.push(event);
            return;
        }
        match event {
            Event::Wake(n) => self.woken(n),
            Event::Arrive(c) => self.arrive(c),
            Event::Up(c) => {
                let dialler = self.wire.connections[c].dialler;
                let Some((n, side, id)) = self.listener(c, dialler) else { return };
                let (local, remote) = self.nodes[n].ends(&self.plan, side);
                self.nodes[n].tell(self.agenda.now(), side, Input::Connected { id, local, remote });
                self.settle(n);
            }
            Event::Fail(n, life, side, id) => {
                if self.nodes[n].is_life(life) {
                    self.nodes[n].tell(self.agenda.now(), side, Input::ConnectFailed(ConnId(id)));
                    self.settle(n);
                }
            }
            Event::Bytes(c, end, bytes) => self.bytes(c, end, &bytes),
            Event::Ack(c, end) => {
                if let Some((n, ..)) = self.listener(c, end) {
                    self.settle(n);
                }
            }
            Event::Close(c, end, reset) => {
                let kind = if reset { CloseKind::Reset } else { CloseKind::Closed };
                let Some((n, side, id)) = self.listener(c, end) else { return };
                // What came before is read before.
                self.read(c, end);
                self.wire.connections[c].open = false;
                self.wire.close(c, end);
                self.nodes[n].closed(self.agenda.now(), side, id, kind);
                self.settle(n);
            }
            Event::Trouble => self.trouble(),
            Event::Change(n) if self.now() < self.trouble_until => self.change(n),
            Event::Change(_) => {}
            Event::Start(n) => self.start(n),
            Event::Heal(segment, n) => self.heal(segment, n),
            Event::Complete(n, life) => {
                if self.nodes[n].is_life(life) {
                    self.nodes[n].complete();
                    self.settle(n);
                }
            }
            Event::Glance => self.glance(),
            Event::Peace => self.peace(),
        }
    }

    fn is_cut(&self, event: &Event) -> bool {
        let (Event::Arrive(c) | Event::Up(c) | Event::Bytes(c, ..) | Event::Ack(c, _) | Event::Close(c, ..)) =
            event
        else {
            return false;
        };
        let connection = &self.wire.connections[*c];
        connection.ends.iter().any(|end| self.cuts.contains_key(&(connection.segment, end.node)))
    }

    /// Router, side and name of an end's socket, if the process that opened it lives.
    fn listener(&self, c: usize, end: usize) -> Option<(usize, usize, ConnId)> {
        let end = &self.wire.connections[c].ends[end];
        let (life, id) = end.socket?;
        self.nodes[end.node].is_life(life).then_some((end.node, end.side, id))
    }

    // Routers.

    fn start(&mut self, n: usize) {
        if self.nodes[n].alive() {
            return;
        }
        self.agenda.tell(|| format!("router {n} starts"));
        self.off[n] = false;
        self.nodes[n].start(self.agenda.now(), &self.plan);
        let life = self.nodes[n].life();
        self.agenda.after(COMPLETE, Event::Complete(n, life));
        self.settle(n);
    }

    fn woken(&mut self, n: usize) {
        let now = self.now();
        if self.nodes[n].wake != Some(now) {
            return;
        }
        self.nodes[n].wake = None;
        self.nodes[n].woken(now);
        self.settle(n);
        if self.nodes[n].deadline().is_some_and(|at| at <= now) {
            self.broken = Some(format!("router {n} is to be woken again at once"));
        }
    }

    /// Carries out what a router wants done, until it wants nothing more.
    fn settle(&mut self, n: usize) {
        let now = self.now();
        let lossy = now < self.trouble_until;
        loop {
            let actions = self.nodes[n].settle(now, &self.plan, &mut self.rng, lossy);
            let mut busy = false;
            for action in actions {
                self.act(n, action);
            }
            for side in 0..self.plan.routers[n].sides.len() {
                busy |= self.serve(n, side);
            }
            if !busy {
                break;
            }
        }
        if let Some(at) = self.nodes[n].deadline() {
            let at = at.max(now);
            if self.nodes[n].wake.is_none_or(|planned| at < planned) {
                self.nodes[n].wake = Some(at);
                self.agenda.at(at, Event::Wake(n));
            }
        }
    }

    fn act(&mut self, n: usize, action: Action) {
        let life = self.nodes[n].life();
        match action {
            Action::Dial(side, id) => {
                let side_at = &self.plan.routers[n].sides[side];
                let session = &self.plan.sessions[side_at.session];
                let at = side_at.session;
                let number = |r: usize| self.plan.routers[r].sides.iter().position(|s| s.session == at);
                let ends = session.ends.map(|r| (r, number(r).expect("a session has two sides")));
                let dialler = usize::from(session.ends[1] == n);
                let c = self.wire.dial(session.segment, ends, dialler);
                self.wire.open(c, dialler, life, id);
                self.later(c, 1 - dialler, Event::Arrive(c));
            }
            Action::Send(side, id, bytes) => {
                if let Some((c, end)) = self.wire.find(n, life, side, id) {
                    self.wire.push(c, end, bytes, 0);
                }
            }
            Action::Close(side, id) => {
                let Some((c, end)) = self.wire.find(n, life, side, id) else { return };
                // The last words, if the window lets them through.
                self.pump(c, end);
                self.wire.close(c, end);
                if std::mem::replace(&mut self.wire.connections[c].open, false) {
                    self.later(c, 1 - end, Event::Close(c, 1 - end, false));
                }
            }
        }
    }

    /// Hands over what was read and what is to be written at a side.
    fn serve(&mut self, n: usize, side: usize) -> bool {
        let mut busy = false;
        if let Some(id) = self.nodes[n].up(side)
            && let Some((c, end)) = self.wire.find(n, self.nodes[n].life(), side, id)
        {
            if self.nodes[n].queued(side) > QUEUE_BOUND {
                self.broken = Some(format!("router {n} queues {} octets", self.nodes[n].queued(side)));
            }
            while self.wire.connections[c].ends[end].waiting < OUT_LIMIT
                && let Some(bytes) = self.nodes[n].pop(side)
            {
                let credit = bytes.len();
                self.wire.push(c, end, bytes, credit);
            }
        }
        for (c, end) in self.wire.of(n, self.nodes[n].life(), side) {
            busy |= self.pump(c, end);
            busy |= self.read(c, end);
        }
        busy
    }

    // Connections.

    /// Plans something to come to an end of a connection, after all that came before.
    fn later(&mut self, c: usize, end: usize, event: Event) {
        let at = self.now() + self.latency();
        let last = &mut self.wire.connections[c].ends[end].last;
        *last = at.max(*last + 1);
        let at = *last;
        self.agenda.at(at, event);
    }

    fn pump(&mut self, c: usize, end: usize) -> bool {
        let Some((n, side, id)) = self.listener(c, end) else { return false };
        if !self.wire.connections[c].ends[1 - end].connected {
            return false;
        }
        let (pieces, credit) = self.wire.pump(c, end, &mut self.rng);
        let octets: usize = pieces.iter().map(Bytes::len).sum();
        let waiting = self.wire.connections[c].ends[end].waiting;
        for piece in pieces {
            self.later(c, 1 - end, Event::Bytes(c, 1 - end, piece));
        }
        if octets > 0 {
            self.nodes[n].sent(self.agenda.now(), side, id, octets, waiting, credit);
        }
        octets > 0
    }

    fn read(&mut self, c: usize, end: usize) -> bool {
        let Some((n, side, id)) = self.listener(c, end) else { return false };
        if self.wire.connections[c].ends[end].inbox.is_empty() || !self.nodes[n].reads(side) {
            return false;
        }
        let (bytes, awaited) = self.wire.read(c, end);
        if awaited {
            self.later(c, 1 - end, Event::Ack(c, 1 - end));
        }
        self.nodes[n].tell(self.agenda.now(), side, Input::Bytes(id, &bytes));
        true
    }

    fn arrive(&mut self, c: usize) {
        let dialler = self.wire.connections[c].dialler;
        let (n, side) = (
            self.wire.connections[c].ends[1 - dialler].node,
            self.wire.connections[c].ends[1 - dialler].side,
        );
        if self.off[n] || !self.wire.connections[c].open {
            return;
        }
        match self.nodes[n].accept(side) {
            Some((life, id)) => {
                self.wire.open(c, 1 - dialler, life, id);
                self.later(c, dialler, Event::Up(c));
                let (local, remote) = self.nodes[n].ends(&self.plan, side);
                self.nodes[n].tell(self.agenda.now(), side, Input::Accepted { id, local, remote });
                self.settle(n);
            }
            None => {
                let other = &self.wire.connections[c].ends[dialler];
                if let Some((life, id)) = other.socket {
                    let event = Event::Fail(other.node, life, other.side, id.0);
                    self.later(c, dialler, event);
                }
            }
        }
    }

    fn bytes(&mut self, c: usize, end: usize, bytes: &Bytes) {
        let n = self.wire.connections[c].ends[end].node;
        if self.listener(c, end).is_none() {
            // Nobody is there any more; a machine that is on says so.
            if !self.off[n] && std::mem::replace(&mut self.wire.connections[c].open, false) {
                self.later(c, 1 - end, Event::Close(c, 1 - end, true));
            }
            return;
        }
        self.wire.connections[c].ends[end].inbox.extend_from_slice(bytes);
        self.settle(n);
    }
}
