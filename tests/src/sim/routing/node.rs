//! One router: a process with the cores in it, and a kernel that outlives the process.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use bgp::fsm::{CloseKind, ConnId, FsmState, Input, Session, StopReason};
use bgp::types::{Family, Time};
use bytes::Bytes;
use fib::core::{Config, Core as Fib};
use fib::fake::{Kernel, RouteKey};
use fib::netlink::KernelRoute;
use rib::{Core as Rib, PeerId};

use super::configure;
use super::kernel::{Mischief, Watch};
use super::plan::{self, Plan};
use super::planted::Planted;
use super::process::{Action, Peer, Process};
use crate::rng::Rng;

/// A router.
pub struct Node {
    number: usize,
    seed: u64,
    planted: Option<Planted>,
    /// Its kernel.
    pub kernel: Kernel,
    /// Routes of others in the kernel.
    pub foreign: BTreeMap<RouteKey, KernelRoute>,
    process: Option<Process>,
    life: u32,
    /// When it is to be woken.
    pub(super) wake: Option<Time>,
}

impl Node {
    pub(super) fn new(number: usize, seed: u64, plan: &Plan, planted: Option<Planted>) -> Node {
        let mut kernel = Kernel::default();
        configure::interfaces(&mut kernel, plan, number);
        let foreign = BTreeMap::new();
        Node { number, seed, planted, kernel, foreign, process: None, life: 0, wake: None }
    }

    pub(super) fn alive(&self) -> bool {
        self.process.is_some()
    }

    pub(super) fn life(&self) -> u32 {
        self.life
    }

    pub(super) fn is_life(&self, life: u32) -> bool {
        self.alive() && self.life == life
    }

    /// Its table.
    pub fn rib(&self) -> &Rib {
        &self.process.as_ref().expect("a living router").rib
    }

    /// State of the session at a side.
    pub fn state(&self, side: usize) -> FsmState {
        self.process.as_ref().map_or(FsmState::Idle, |p| p.peers[side].session.state())
    }

    /// What watches the reconciler.
    pub(super) fn watch(&mut self) -> Option<&mut Watch> {
        self.process.as_mut().map(|p| &mut p.watch)
    }

    pub(super) fn start(&mut self, now: Time, plan: &Plan) {
        self.life += 1;
        let n = self.number;
        let router = &plan.routers[n];
        let mut rib = Rib::new(self.seed);
        rib.handle(now, rib::Input::Settings(configure::settings(plan, n)));
        rib.handle(now, rib::Input::Policies(configure::policies(plan, n)));
        for family in Family::ALL {
            rib.handle(now, rib::Input::Local(family, configure::local(plan, n, family)));
        }
        let mut peers = Vec::new();
        for at in 0..router.sides.len() {
            rib.handle(now, rib::Input::Peer(PeerId(at as u16), configure::peer(plan, n, at)));
            let config = configure::session(plan, n, at, self.seed, self.life);
            let mut session = Session::new(config);
            session.handle(now, Input::Start);
            let writer = VecDeque::new();
            peers.push(Peer { session, up: None, writer, stalled: 0, held: None, overtaken: None });
        }
        self.wake = None;
        self.process = Some(Process {
            peers,
            rib,
            fib: Fib::new(Config::default()),
            watch: Watch::new(n, &self.kernel),
            flush: None,
            walk: Some(now),
            synced: false,
            kernel_changed: true,
            news: VecDeque::new(),
        });
    }

    /// The process dies; its kernel does not.
    pub(super) fn kill(&mut self) {
        self.process = None;
    }

    /// The machine dies and comes back with nothing.
    pub(super) fn wipe(&mut self, plan: &Plan) {
        self.process = None;
        self.foreign.clear();
        self.kernel = Kernel::default();
        configure::interfaces(&mut self.kernel, plan, self.number);
    }

    pub(super) fn complete(&mut self) {
        if let Some(process) = &mut self.process {
            process.rib.complete();
        }
    }

    /// Changes something in the kernel, about which it tells.
    pub(super) fn in_kernel(
        &mut self,
        now: Time,
        change: impl FnOnce(&mut Kernel, &mut BTreeMap<RouteKey, KernelRoute>),
    ) {
        change(&mut self.kernel, &mut self.foreign);
        if let Some(process) = &mut self.process {
            process.kernel_changed = true;
            process.watch.interfered(now);
        }
    }

    /// Tells the table something, as the configuration does.
    pub(super) fn tell_rib(&mut self, now: Time, input: rib::Input<'_>) {
        if self.planted == Some(Planted::StalePolicies) && matches!(input, rib::Input::Policies(_)) {
            return;
        }
        if let Some(process) = &mut self.process {
            process.rib(now, input);
        }
    }

    /// Tells a session something, if the process lives.
    pub(super) fn tell(&mut self, now: Time, side: usize, input: Input<'_>) {
        if let Some(process) = &mut self.process {
            process.peers[side].session.handle(now, input);
        }
    }

    /// The operator ends a session, and begins it anew.
    pub(super) fn clear(&mut self, now: Time, side: usize) {
        self.tell(now, side, Input::Restart { why: StopReason::UserReset, message: None });
    }

    pub(super) fn accept(&mut self, side: usize) -> Option<(u32, ConnId)> {
        let life = self.life;
        Some((life, self.process.as_mut()?.peers[side].session.new_conn_id()))
    }

    /// Both ends of a connection as this side sees them.
    pub(super) fn ends(&self, plan: &Plan, at: usize) -> (SocketAddr, SocketAddr) {
        let side = &plan.routers[self.number].sides[at];
        let session = &plan.sessions[side.session];
        let end = |node| SocketAddr::new(plan::address(session.segment, node, session.over_v6), 179);
        (end(self.number), end(side.other))
    }

    /// Whether the process reads from a neighbour now.
    pub(super) fn reads(&self, side: usize) -> bool {
        self.process.as_ref().is_some_and(|p| p.peers[side].held.is_none())
    }

    pub(super) fn closed(&mut self, now: Time, side: usize, id: ConnId, kind: CloseKind) {
        self.tell(now, side, Input::Closed(id, kind));
    }

    /// The table takes nothing of a neighbour for a while.
    pub(super) fn stall(&mut self, side: usize, until: Time) {
        if let Some(process) = &mut self.process {
            process.peers[side].stalled = until;
        }
    }

    /// The next message of the table for a neighbour, with the connection that it goes over.
    pub(super) fn pop(&mut self, side: usize) -> Option<Bytes> {
        self.process.as_mut()?.peers[side].writer.pop_front()
    }

    /// Octets of the table that wait for a neighbour.
    pub(super) fn queued(&self, side: usize) -> usize {
        self.process.as_ref().map_or(0, |p| p.peers[side].writer.iter().map(Bytes::len).sum())
    }

    /// The connection of the established session at a side.
    pub(super) fn up(&self, side: usize) -> Option<ConnId> {
        self.process.as_ref()?.peers[side].up
    }

    /// A socket took bytes: `credit` octets of them were the table's.
    pub(super) fn sent(
        &mut self,
        now: Time,
        side: usize,
        id: ConnId,
        octets: usize,
        waiting: usize,
        credit: usize,
    ) {
        let lost = self.planted == Some(Planted::LostCredit);
        let Some(process) = &mut self.process else { return };
        let peer = &mut process.peers[side];
        peer.session.handle(now, Input::Sent { id, octets, waiting, updates: 0 });
        if credit > 0 && peer.up == Some(id) && !lost {
            process.rib(now, rib::Input::Written(PeerId(side as u16), credit));
        }
    }

    pub(super) fn woken(&mut self, now: Time) {
        let Some(process) = &mut self.process else { return };
        for peer in &mut process.peers {
            if let (Some(_), Some(id)) = (&peer.held, peer.up) {
                peer.session.handle(now, Input::Readable(id));
            }
            if peer.session.deadline().is_some_and(|at| at <= now) {
                peer.session.handle(now, Input::Timeout);
            }
        }
    }

    /// At rest: the kernel has what is wanted, and what was right from the start was not touched.
    pub(super) fn kernel_is_right(&mut self) -> Result<(), String> {
        let Some(process) = &mut self.process else { return Ok(()) };
        process.watch.settled(Time::MAX, &self.kernel, process.synced);
        match process.watch.broken.take() {
            Some(law) => Err(law),
            None => process.watch.adopted(&self.kernel).map(|_| ()),
        }
    }

    /// When to be woken next.
    pub(super) fn deadline(&self) -> Option<Time> {
        let process = self.process.as_ref()?;
        let held = process.peers.iter().filter(|p| p.held.is_some()).map(|p| p.stalled);
        let sessions = process.peers.iter().filter_map(|p| p.session.deadline());
        // Neighbours are told when no walk is under way.
        let news = process.news.front().map(|(at, _)| *at);
        let own = [process.walk.or(process.flush), process.rib.deadline(), process.fib.deadline(), news];
        sessions.chain(held).chain(own.into_iter().flatten()).min()
    }

    /// Lets the cores talk to each other until they are done for now, and returns what is left for the world.
    pub(super) fn settle(&mut self, now: Time, plan: &Plan, rng: &mut Rng, lossy: bool) -> Vec<Action> {
        let mut actions = Vec::new();
        let Some(process) = &mut self.process else { return actions };
        loop {
            let mut busy = false;
            for at in 0..process.peers.len() {
                let ends = (self.number, at);
                busy |= process.session(now, plan, ends, self.planted, rng, &mut actions);
            }
            busy |= process.hear(now);
            busy |= process.table(now, rng);
            busy |= process.transmit(now, self.planted);
            let mut mischief = Mischief { rng: &mut *rng, lossy, planted: self.planted };
            busy |= process.kernel(now, &mut self.kernel, &mut mischief);
            if !busy {
                break;
            }
        }
        if self.foreign.iter().any(|(key, route)| self.kernel.routes.get(key) != Some(route)) {
            process.watch.broken.get_or_insert("a route of somebody else is gone".to_owned());
        }
        actions
    }
}
