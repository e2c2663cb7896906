//! Two sessions wired to each other in virtual time, and stories about them.

mod chaos;
mod collision;
mod negotiation;
mod scenarios;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::{Ipv4Addr, SocketAddr};

use super::*;
use crate::batch::Op;
use crate::types::{Asn, MILLISECOND, SECOND, Time};
use crate::wire::Notification;

pub(super) const A: usize = 0;
pub(super) const B: usize = 1;

/// A session of AS 65001 at 10.0.0.1 with AS 65002.
pub(super) fn config_a() -> SessionConfig {
    let remote = RemoteAs::Number(Asn(65002));
    SessionConfig { jitter_seed: 1, ..SessionConfig::new(Asn(65001), remote, Ipv4Addr::new(10, 0, 0, 1)) }
}

/// The other end: AS 65002 at 10.0.0.2.
pub(super) fn config_b() -> SessionConfig {
    let remote = RemoteAs::Number(Asn(65001));
    SessionConfig { jitter_seed: 2, ..SessionConfig::new(Asn(65002), remote, Ipv4Addr::new(10, 0, 0, 2)) }
}

/// What the wire is about to bring.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Wire {
    /// A dialled connection reaches the other side.
    Arrive(usize, ConnId),
    /// The dialling side learns of it.
    Up(usize, ConnId),
    Fail(usize, ConnId),
    Bytes(usize, ConnId, Vec<u8>),
    Close(usize, ConnId),
}

/// Two sessions, a wire, a clock.
pub(super) struct Pair {
    pub sessions: [Session; 2],
    pub now: Time,
    pub latency: [Time; 2],
    /// Nothing passes.
    pub cut: bool,
    /// Connections are refused.
    pub closed_port: [bool; 2],
    /// Largest piece in which bytes arrive.
    pub chunk: usize,
    pub log: Vec<(Time, usize, Output)>,
    pub ops: [Vec<Op>; 2],
    queue: BinaryHeap<Reverse<(Time, u64, Wire)>>,
    sequence: u64,
    other_end: BTreeMap<(usize, ConnId), ConnId>,
    gone: BTreeMap<(usize, ConnId), ()>,
    /// Bytes that arrive on a connection do so in order.
    last_arrival: BTreeMap<(usize, ConnId), Time>,
}

impl Pair {
    pub fn new(a: SessionConfig, b: SessionConfig) -> Pair {
        Pair {
            sessions: [Session::new(a), Session::new(b)],
            now: 0,
            latency: [MILLISECOND; 2],
            cut: false,
            closed_port: [false; 2],
            chunk: usize::MAX,
            log: Vec::new(),
            ops: Default::default(),
            queue: BinaryHeap::new(),
            sequence: 0,
            other_end: BTreeMap::new(),
            gone: BTreeMap::new(),
            last_arrival: BTreeMap::new(),
        }
    }

    /// Both started and up.
    pub fn established(a: SessionConfig, b: SessionConfig) -> Pair {
        let mut pair = Pair::new(a, b);
        pair.start();
        pair.run_for(10 * SECOND);
        assert_eq!(pair.states(), [FsmState::Established; 2], "{:#?}", pair.log);
        pair
    }

    pub fn start(&mut self) {
        self.input(A, Input::Start);
        self.input(B, Input::Start);
    }

    pub fn states(&self) -> [FsmState; 2] {
        [self.sessions[A].state(), self.sessions[B].state()]
    }

    pub fn input(&mut self, side: usize, input: Input<'_>) {
        self.sessions[side].handle(self.now, input);
        self.drain(side);
    }

    fn push(&mut self, delay: Time, wire: Wire) {
        self.sequence += 1;
        self.queue.push(Reverse((self.now + delay, self.sequence, wire)));
    }

    fn drain(&mut self, side: usize) {
        let other = 1 - side;
        while let Some(output) = self.sessions[side].poll() {
            match &output {
                Output::Dial(id) => {
                    if self.closed_port[other] || self.cut {
                        self.push(self.latency[side] * 2, Wire::Fail(side, *id));
                    } else {
                        self.push(self.latency[side], Wire::Arrive(side, *id));
                    }
                }
                Output::Send(id, bytes) => {
                    assert!(!self.gone.contains_key(&(side, *id)), "sent on a closed connection");
                    self.transmit(side, *id, bytes);
                }
                Output::Close(id) => {
                    let first = self.gone.insert((side, *id), ()).is_none();
                    if let Some(far) = self.other_end.get(&(side, *id)).copied().filter(|_| first) {
                        self.in_order(other, far, self.latency[side], Wire::Close);
                    }
                }
                _ => {}
            }
            self.log.push((self.now, side, output));
        }
        let batch = self.sessions[side].take_batch();
        self.ops[side].extend(batch.ops.iter().cloned());
        self.sessions[side].recycle(batch);
    }

    fn transmit(&mut self, side: usize, id: ConnId, bytes: &[u8]) {
        let Some(far) = self.other_end.get(&(side, id)).copied() else { return };
        for piece in bytes.chunks(self.chunk.min(bytes.len().max(1))) {
            let piece = piece.to_vec();
            self.in_order(1 - side, far, self.latency[side], |o, f| Wire::Bytes(o, f, piece));
        }
    }

    fn in_order(&mut self, side: usize, id: ConnId, latency: Time, wire: impl FnOnce(usize, ConnId) -> Wire) {
        let last = self.last_arrival.entry((side, id)).or_default();
        *last = (*last).max(self.now + latency);
        let delay = *last - self.now;
        let wire = wire(side, id);
        self.push(delay, wire);
    }

    /// Handles the next thing that happens before `end`; false when nothing does.
    fn step(&mut self, end: Time) -> bool {
        let wire = self.queue.peek().map(|Reverse((at, ..))| *at);
        let timers = [A, B].map(|s| self.sessions[s].deadline());
        let next = wire.into_iter().chain(timers.into_iter().flatten()).min();
        let Some(next) = next.filter(|t| *t <= end) else {
            self.now = end;
            return false;
        };
        self.now = self.now.max(next);
        if wire == Some(next) {
            let Some(Reverse((.., wire))) = self.queue.pop() else { return false };
            self.deliver(wire);
        } else {
            let side = if timers[A] == Some(next) { A } else { B };
            self.input(side, Input::Timeout);
        }
        true
    }

    fn deliver(&mut self, wire: Wire) {
        let (local, remote): (SocketAddr, SocketAddr) =
            ("192.0.2.1:179".parse().unwrap(), "192.0.2.2:40000".parse().unwrap());
        match wire {
            Wire::Arrive(side, id) => {
                if self.gone.contains_key(&(side, id)) {
                    return;
                }
                let other = 1 - side;
                let far = self.sessions[other].new_conn_id();
                self.other_end.insert((side, id), far);
                self.other_end.insert((other, far), id);
                self.push(self.latency[other], Wire::Up(side, id));
                // What the acceptor sends may not overtake the news of the connection.
                self.last_arrival.insert((side, id), self.now + self.latency[other]);
                self.input(other, Input::Accepted { id: far, local, remote });
            }
            Wire::Up(side, id) => {
                if !self.gone.contains_key(&(side, id)) {
                    self.input(side, Input::Connected { id, local, remote });
                }
            }
            Wire::Fail(side, id) => self.input(side, Input::ConnectFailed(id)),
            _ if self.cut => {}
            Wire::Bytes(side, id, bytes) => {
                // A session gets bytes even for connections that it has closed: it has to ignore them.
                self.input(side, Input::Bytes(id, &bytes));
            }
            Wire::Close(side, id) => {
                self.input(side, Input::Closed(id, CloseKind::Closed));
                self.gone.insert((side, id), ());
            }
        }
    }

    pub fn run_for(&mut self, time: Time) {
        let end = self.now + time;
        while self.step(end) {}
    }

    /// Sends raw bytes as if they were from the established session of `side`.
    pub fn inject(&mut self, side: usize, bytes: &[u8]) {
        let (id, ..) = self.sessions[side].connection().unwrap();
        self.transmit(side, id, bytes);
    }

    /// Outputs of one side that `pick` wants, with their time.
    pub fn outputs<T>(&self, side: usize, pick: impl Fn(&Output) -> Option<T>) -> Vec<(Time, T)> {
        let own = self.log.iter().filter(|(_, s, _)| *s == side);
        own.filter_map(|(t, _, o)| pick(o).map(|x| (*t, x))).collect()
    }

    pub fn downs(&self, side: usize) -> Vec<Down> {
        let pick = |o: &Output| if let Output::Down(d) = o { Some(d.clone()) } else { None };
        self.outputs(side, pick).into_iter().map(|(_, d)| d).collect()
    }

    pub fn notifications(&self, side: usize) -> Vec<Notification> {
        let pick = |o: &Output| match o {
            Output::Event(Event::NotificationSent(n)) => Some(n.clone()),
            _ => None,
        };
        self.outputs(side, pick).into_iter().map(|(_, n)| n).collect()
    }

    pub fn transitions(&self, side: usize) -> Vec<(FsmState, FsmState)> {
        let pick = |o: &Output| match o {
            Output::StateChanged { from, to } => Some((*from, *to)),
            _ => None,
        };
        self.outputs(side, pick).into_iter().map(|(_, n)| n).collect()
    }

    /// When messages of one type went out.
    pub fn sent(&self, side: usize, kind: u8) -> Vec<Time> {
        let pick = |o: &Output| match o {
            Output::Send(_, bytes) if bytes.get(18) == Some(&kind) => Some(()),
            _ => None,
        };
        self.outputs(side, pick).into_iter().map(|(t, ())| t).collect()
    }
}
