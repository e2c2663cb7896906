//! Routers made of the real cores (session, table, reconciler on a kernel in memory) on links that delay, cut and chop.
//!
//! ```text
//!   heap of (time, number, event) ──► world ──► node: Session per link ── rib::Core ── fib::core::Core ── fake kernel
//!            ▲                          │
//!            └── bytes, connections, timers, faults (crash, restart, cut, reset, carrier loss, lost netlink replies)
//! ```
//!
//! Each router is an AS of its own and announces a few prefixes; topologies are random and connected. After the faults
//! everything heals, and when all is quiet [`check`] looks at the laws.

pub mod check;
mod node;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use bgp::fsm::{CloseKind, ConnId};
use bgp::types::{MILLISECOND, SECOND, Time};

pub use node::Node;

use crate::rng::Rng;

/// How long faults happen.
const TROUBLE: Time = 120 * SECOND;

/// How long everything has to come to rest afterwards.
const REST: Time = 240 * SECOND;

/// What happens at a time.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Event {
    /// A timer of a node, in one of its lives.
    Wake(usize, u32),
    /// A dialled connection reaches the other side: connection.
    Arrive(usize),
    /// The dialling side hears that it is up.
    Up(usize),
    /// A dial fails: node, life, session, connection id.
    Fail(usize, u32, usize, u64),
    /// Bytes reach an end of a connection.
    Bytes(usize, usize, Vec<u8>),
    /// An end of a connection hears of its end.
    Close(usize, usize, bool),
    /// Something goes wrong.
    Fault,
    /// A dead node comes back.
    Restart(usize),
    /// A cut link heals.
    Heal(usize),
    /// A node has heard what there is to hear after its start.
    Complete(usize, u32),
}

/// A link between two nodes.
#[derive(Debug)]
struct Link {
    ends: [usize; 2],
    cut: bool,
    /// What waits for the link to heal, in order: TCP sends it again.
    stalled: Vec<Event>,
}

/// A transport connection over a link.
#[derive(Debug)]
struct Connection {
    link: usize,
    /// Life and connection id at each end, in the order of the link's ends.
    ends: [Option<(u32, ConnId)>; 2],
    dialler: usize,
    /// What arrives at an end arrives in order.
    last: [Time; 2],
    open: bool,
}

/// Routers, links, the clock.
pub struct World {
    now: Time,
    number: u64,
    queue: BinaryHeap<Reverse<(Time, u64, Event)>>,
    rng: Rng,
    links: Vec<Link>,
    connections: Vec<Connection>,
    /// Connections by node, life, link and id.
    by_id: BTreeMap<(usize, u32, usize, u64), usize>,
    /// The routers.
    pub nodes: Vec<Node>,
    trace: u64,
    /// Events so far.
    pub events: u64,
}

impl World {
    /// A random world.
    pub fn new(seed: u64) -> World {
        let mut rng = Rng(seed);
        let count = 2 + rng.below(5) as usize;
        let mut ends: Vec<[usize; 2]> = (1..count).map(|n| [rng.below(n as u64) as usize, n]).collect();
        for _ in 0..rng.below(4) {
            let (a, b) = (rng.below(count as u64) as usize, rng.below(count as u64) as usize);
            if a < b && !ends.contains(&[a, b]) {
                ends.push([a, b]);
            }
        }
        let nodes = (0..count).map(|n| Node::new(n, seed, &ends, 1 + rng.below(4) as usize)).collect();
        let links = ends.into_iter().map(|ends| Link { ends, cut: false, stalled: Vec::new() }).collect();
        World {
            now: SECOND,
            number: 0,
            queue: BinaryHeap::new(),
            rng,
            links,
            connections: Vec::new(),
            by_id: BTreeMap::new(),
            nodes,
            trace: seed,
            events: 0,
        }
    }

    /// Runs from the start through trouble to rest, and returns the hash of all that happened.
    pub fn run(&mut self) -> u64 {
        for n in 0..self.nodes.len() {
            self.restart(n);
        }
        for _ in 0..self.rng.below(12) {
            let at = self.rng.below(TROUBLE);
            self.push(at, Event::Fault);
        }
        let end = self.now + TROUBLE + REST;
        while let Some(Reverse((at, _, event))) = self.queue.pop() {
            if at > end {
                break;
            }
            self.now = at;
            self.note(&event);
            self.event(event);
        }
        self.trace
    }

    /// The time.
    pub fn now(&self) -> Time {
        self.now
    }

    /// The link between two nodes.
    pub fn link_of(&self, a: usize, b: usize) -> Option<usize> {
        self.links.iter().position(|l| l.ends == [a, b] || l.ends == [b, a])
    }

    fn note(&mut self, event: &Event) {
        use std::hash::{Hash, Hasher};
        let mut hasher = std::hash::DefaultHasher::new();
        (self.trace, self.now, format!("{event:?}")).hash(&mut hasher);
        self.trace = hasher.finish();
        self.events += 1;
    }

    fn push(&mut self, delay: Time, event: Event) {
        self.number += 1;
        self.queue.push(Reverse((self.now + delay, self.number, event)));
    }

    fn latency(&mut self) -> Time {
        // Now and then a packet is lost and comes later.
        let lost = if self.rng.below(40) == 0 { 200 * MILLISECOND } else { 0 };
        100_000 + self.rng.below(5 * MILLISECOND) + lost
    }

    fn event(&mut self, event: Event) {
        if let Some(link) = self.link_of_event(&event)
            && self.links[link].cut
        {
            self.links[link].stalled.push(event);
            return;
        }
        match event {
            Event::Wake(n, life) if self.nodes[n].is_life(life) => {
                self.nodes[n].wake(self.now);
                self.settle(n);
            }
            Event::Arrive(c) => self.arrive(c),
            Event::Up(c) => {
                let side = self.connections[c].dialler;
                self.with_end(c, side, |node, now, session, id| node.connected(now, session, id));
            }
            Event::Fail(n, life, session, id) if self.nodes[n].is_life(life) => {
                self.nodes[n].connect_failed(self.now, session, ConnId(id));
                self.settle(n);
            }
            Event::Bytes(c, side, bytes) => {
                self.with_end(c, side, |node, now, session, id| node.bytes(now, session, id, &bytes));
            }
            Event::Close(c, side, reset) => {
                let kind = if reset { CloseKind::Reset } else { CloseKind::Closed };
                self.with_end(c, side, |node, now, session, id| node.closed(now, session, id, kind));
            }
            Event::Fault if self.now < TROUBLE => self.fault(),
            Event::Restart(n) => self.restart(n),
            Event::Heal(l) => self.heal(l),
            Event::Complete(n, life) if self.nodes[n].is_life(life) => {
                self.nodes[n].complete(self.now);
                self.settle(n);
            }
            Event::Wake(..) | Event::Fail(..) | Event::Fault | Event::Complete(..) => {}
        }
    }

    fn link_of_event(&self, event: &Event) -> Option<usize> {
        match event {
            Event::Arrive(c) | Event::Up(c) | Event::Bytes(c, ..) | Event::Close(c, ..) => {
                Some(self.connections[*c].link)
            }
            _ => None,
        }
    }

    /// Tells a node something about its end of a connection, if it still lives the same life.
    fn with_end(&mut self, c: usize, side: usize, tell: impl FnOnce(&mut Node, Time, usize, ConnId)) {
        let connection = &self.connections[c];
        let (link, end) = (connection.link, connection.ends[side]);
        let n = self.links[link].ends[side];
        let Some((life, id)) = end else { return };
        if self.nodes[n].is_life(life) {
            tell(&mut self.nodes[n], self.now, link, id);
            self.settle(n);
        }
    }

    fn arrive(&mut self, c: usize) {
        let (link, dialler) = (self.connections[c].link, self.connections[c].dialler);
        let n = self.links[link].ends[1 - dialler];
        let delay = self.latency();
        match self.nodes[n].accept(self.now, link) {
            Some((life, id)) => {
                self.connections[c].ends[1 - dialler] = Some((life, id));
                self.by_id.insert((n, life, link, id.0), c);
                self.in_order(c, dialler, delay, Event::Up(c));
                self.nodes[n].accepted(self.now, link, id);
                self.settle(n);
            }
            None => {
                let m = self.links[link].ends[dialler];
                if let Some((life, id)) = self.connections[c].ends[dialler] {
                    self.push(delay, Event::Fail(m, life, link, id.0));
                }
            }
        }
    }

    fn in_order(&mut self, c: usize, side: usize, delay: Time, event: Event) {
        let at = (self.now + delay).max(self.connections[c].last[side] + 1);
        self.connections[c].last[side] = at;
        self.push(at - self.now, event);
    }

    /// Carries out what a node wants done, until it wants nothing more.
    fn settle(&mut self, n: usize) {
        let lossy = self.now < TROUBLE;
        let actions = self.nodes[n].settle(self.now, &mut self.rng, lossy);
        let life = self.nodes[n].life();
        for action in actions {
            match action {
                node::Action::Dial(link, id) => {
                    let dialler = usize::from(self.links[link].ends[1] == n);
                    let mut ends = [None, None];
                    ends[dialler] = Some((life, id));
                    let c = self.connections.len();
                    self.connections.push(Connection { link, ends, dialler, last: [0; 2], open: true });
                    self.by_id.insert((n, life, link, id.0), c);
                    let delay = self.latency();
                    self.in_order(c, 1 - dialler, delay, Event::Arrive(c));
                }
                node::Action::Send(link, id, bytes) => {
                    let Some(c) = self.by_id.get(&(n, life, link, id.0)).copied() else { continue };
                    let to = 1 - usize::from(self.links[link].ends[1] == n);
                    let mut rest = &bytes[..];
                    while !rest.is_empty() && self.connections[c].open {
                        let cut = 1 + self.rng.below(rest.len() as u64) as usize;
                        let (piece, more) = rest.split_at(cut);
                        let delay = self.latency();
                        self.in_order(c, to, delay, Event::Bytes(c, to, piece.to_vec()));
                        rest = more;
                    }
                }
                node::Action::Close(link, id) => {
                    let Some(c) = self.by_id.remove(&(n, life, link, id.0)) else { continue };
                    let to = 1 - usize::from(self.links[link].ends[1] == n);
                    if std::mem::replace(&mut self.connections[c].open, false) {
                        let delay = self.latency();
                        self.in_order(c, to, delay, Event::Close(c, to, false));
                    }
                }
            }
        }
        if let Some(at) = self.nodes[n].next_wake() {
            self.push(at.saturating_sub(self.now), Event::Wake(n, life));
        }
    }

    fn restart(&mut self, n: usize) {
        if self.nodes[n].alive() {
            return;
        }
        self.nodes[n].start(self.now);
        let life = self.nodes[n].life();
        self.push(20 * SECOND, Event::Complete(n, life));
        self.settle(n);
    }

    fn heal(&mut self, l: usize) {
        self.links[l].cut = false;
        for end in self.links[l].ends {
            self.nodes[end].carrier(self.now, l, true);
            self.settle(end);
        }
        for (at, event) in std::mem::take(&mut self.links[l].stalled).into_iter().enumerate() {
            self.push(at as Time, event);
        }
    }

    fn fault(&mut self) {
        let pick = self.rng.below(4);
        match pick {
            0 => {
                let n = self.rng.below(self.nodes.len() as u64) as usize;
                if self.nodes[n].alive() {
                    self.crash(n);
                    let delay = self.rng.below(30 * SECOND);
                    self.push(delay, Event::Restart(n));
                }
            }
            1 | 2 => {
                let l = self.rng.below(self.links.len() as u64) as usize;
                if !std::mem::replace(&mut self.links[l].cut, true) {
                    if pick == 2 {
                        for end in self.links[l].ends {
                            self.nodes[end].carrier(self.now, l, false);
                            self.settle(end);
                        }
                    }
                    let delay = self.rng.below(40 * SECOND);
                    self.push(delay, Event::Heal(l));
                }
            }
            _ => {
                let open: Vec<usize> =
                    (0..self.connections.len()).filter(|c| self.connections[*c].open).collect();
                if !open.is_empty() {
                    let c = open[self.rng.below(open.len() as u64) as usize];
                    self.connections[c].open = false;
                    for side in 0..2 {
                        self.in_order(c, side, MILLISECOND, Event::Close(c, side, true));
                    }
                }
            }
        }
    }

    /// A node dies: its kernel resets what was connected, and keeps its routes.
    fn crash(&mut self, n: usize) {
        self.nodes[n].crash();
        for c in 0..self.connections.len() {
            let ends = self.links[self.connections[c].link].ends;
            let Some(side) = ends.iter().position(|e| *e == n) else { continue };
            if std::mem::replace(&mut self.connections[c].open, false) {
                self.in_order(c, 1 - side, MILLISECOND, Event::Close(c, 1 - side, true));
            }
        }
    }
}
