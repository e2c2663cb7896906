//! What of a router dies with its process: sessions, table, reconciler, and the wires between them.

use std::collections::VecDeque;
use std::net::IpAddr;

use bgp::batch::UpdateBatch;
use bgp::fsm::{ConnId, Input, Output, Session};
use bgp::types::{MILLISECOND, Time};
use bytes::Bytes;
use fib::RouteKind;
use fib::core::Core as Fib;
use fib::fake::Kernel;
use rib::event::{Event as RibEvent, FibChange};
use rib::nexthop::ResolvedHop;
use rib::peer::PeerSession;
use rib::{Core as Rib, PeerId};

use super::configure;
use super::kernel::{self, MAIN, Mischief, Watch};
use super::plan::{self, Plan};
use super::planted::Planted;
use crate::rng::Rng;

/// How long a change waits for company before neighbours are told.
const COALESCE: Time = 5 * MILLISECOND;

/// What a node wants done; neighbours are named by side.
pub(super) enum Action {
    Dial(usize, ConnId),
    Send(usize, ConnId, Bytes),
    Close(usize, ConnId),
}

/// The neighbour at one side.
pub(super) struct Peer {
    pub session: Session,
    pub up: Option<ConnId>,
    /// What the table wants to tell it.
    pub writer: VecDeque<Bytes>,
    /// The table takes nothing of it before that; what was read waits.
    pub stalled: Time,
    pub held: Option<UpdateBatch>,
    /// A planted fault lets this come after what is read next.
    pub overtaken: Option<UpdateBatch>,
}

/// What dies with the process.
pub(super) struct Process {
    pub peers: Vec<Peer>,
    pub rib: Rib,
    pub fib: Fib,
    pub watch: Watch,
    pub flush: Option<Time>,
    pub walk: Option<Time>,
    pub synced: bool,
    pub kernel_changed: bool,
    /// What the kernel told and the table has not heard yet.
    pub news: VecDeque<(Time, fib::Event)>,
}

impl Process {
    pub fn rib(&mut self, now: Time, input: rib::Input<'_>) {
        self.watch.tell(now, || format!("table hears {input:?}"));
        self.rib.handle(now, input);
        self.flush.get_or_insert(now + COALESCE);
        self.walk.get_or_insert(now);
    }

    /// Takes what a session has to say.
    pub fn session(
        &mut self,
        now: Time,
        plan: &Plan,
        (number, at): (usize, usize),
        planted: Option<Planted>,
        rng: &mut Rng,
        actions: &mut Vec<Action>,
    ) -> bool {
        let id = PeerId(at as u16);
        let mut busy = false;
        while let Some(output) = self.peers[at].session.poll() {
            busy = true;
            match output {
                Output::Dial(conn) => actions.push(Action::Dial(at, conn)),
                Output::Close(conn) => actions.push(Action::Close(at, conn)),
                Output::Send(conn, bytes) => actions.push(Action::Send(at, conn, bytes)),
                Output::Established(conn, n) => {
                    self.peers[at].up = Some(conn);
                    let side = &plan.routers[number].sides[at];
                    let segment = plan.sessions[side.session].segment;
                    let has = plan.segments[segment].families;
                    let wrong = usize::from(planted == Some(Planted::WrongAddress)) * 50;
                    let own =
                        |v6: bool| has[usize::from(v6)].then(|| plan::address(segment, number + wrong, v6));
                    let session = PeerSession {
                        router_id: n.remote_id,
                        as4: n.as4,
                        enhanced_refresh: n.enhanced_route_refresh,
                        relation: None,
                        extended_next_hop: n.extended_next_hop,
                        extended_message: n.extended_message_send,
                        families: n.families,
                        add_path_send: n.add_path_send,
                        paths_limit: n.paths_limit,
                        local_v4: own(false).and_then(|a| if let IpAddr::V4(a) = a { Some(a) } else { None }),
                        local_v6: own(true).and_then(|a| if let IpAddr::V6(a) = a { Some(a) } else { None }),
                        local_link: has[1].then(|| plan::link_local(number)),
                        shared_net: [0, 1].map(|f| has[f].then(|| plan::network(segment, f == 1))),
                    };
                    let config = configure::peer(plan, number, at);
                    self.rib(now, rib::Input::Peer(id, config));
                    self.rib(now, rib::Input::Up(id, session));
                }
                Output::Down(down) if down.established => {
                    let peer = &mut self.peers[at];
                    (peer.up, peer.held, peer.overtaken) = (None, None, None);
                    peer.writer.clear();
                    if planted != Some(Planted::LostDown) {
                        self.rib(now, rib::Input::Down(id));
                    }
                }
                Output::RefreshRequested(family) if planted != Some(Planted::NoRefresh) => {
                    self.rib(now, rib::Input::Refresh(id, family));
                }
                _ => {}
            }
        }
        if self.peers[at].stalled <= now
            && let Some(batch) = self.peers[at].held.take()
        {
            busy = true;
            self.rib(now, rib::Input::Updates(id, &batch));
        }
        let peer = &mut self.peers[at];
        if peer.session.pending().is_empty() {
            return busy;
        }
        let mut batch = peer.session.take_batch();
        if let Some(planted) = planted {
            planted.batch(&mut batch, rng);
        }
        if planted == Some(Planted::Reordered) && peer.overtaken.is_none() && rng.once_in(4) {
            peer.overtaken = Some(batch);
        } else if peer.stalled > now {
            peer.held = Some(batch);
        } else {
            self.rib(now, rib::Input::Updates(id, &batch));
            self.peers[at].session.recycle(batch);
            if let Some(late) = self.peers[at].overtaken.take() {
                self.rib(now, rib::Input::Updates(id, &late));
            }
        }
        true
    }

    /// Walks and flushes of the table that are due.
    pub fn table(&mut self, now: Time, rng: &mut Rng) -> bool {
        let mut busy = false;
        while self.walk.is_some_and(|at| at <= now) {
            let walked = self.rib.walk();
            self.walk = walked.then(|| now + rng.below(2) * MILLISECOND);
            busy |= walked;
        }
        if self.rib.deadline().is_some_and(|at| at <= now) {
            self.flush.get_or_insert(now);
        }
        if self.walk.is_none() && self.flush.is_some_and(|at| at <= now) {
            self.flush = None;
            self.rib.tick(now);
            self.rib.flush();
            if self.rib.has_walks() {
                // They come first, and then neighbours are told.
                (self.walk, self.flush) = (Some(now), Some(now));
            }
            busy = true;
        }
        busy
    }

    pub fn transmit(&mut self, now: Time, planted: Option<Planted>) -> bool {
        let mut busy = false;
        while let Some(output) = self.rib.poll() {
            busy = true;
            match output {
                rib::Output::Transmit { peers, bytes, .. } => {
                    self.watch.tell(now, || format!("table says to {peers:?} {bytes:02x?}"));
                    for id in peers {
                        let peer = &mut self.peers[id.index()];
                        if peer.up.is_some() {
                            peer.writer.push_back(bytes.clone());
                        }
                    }
                }
                rib::Output::Event(RibEvent::RefreshNeeded { peer, family })
                    if planted != Some(Planted::NoReevaluation) =>
                {
                    self.peers[peer.index()].session.handle(now, Input::SoftIn(family));
                }
                rib::Output::Event(_) => {}
            }
        }
        busy
    }

    /// Brings the kernel in line, and the table up to what the kernel says.
    pub fn kernel(&mut self, now: Time, kernel: &mut Kernel, mischief: &mut Mischief<'_>) -> bool {
        let mut changes = self.rib.take_fib();
        let due = self.fib.deadline().is_some_and(|at| at <= now);
        if changes.is_empty() && !due && !std::mem::take(&mut self.kernel_changed) {
            return false;
        }
        for change in &changes {
            self.watch.tell(now, || format!("table wants {change:?}"));
            self.watch.told(change);
        }
        self.synced |= changes.contains(&FibChange::Complete);
        if let Some(planted) = mischief.planted {
            planted.changes(&mut changes, mischief.rng);
        }
        if !changes.is_empty() {
            let intents = changes.into_iter().map(kernel::intent).collect();
            self.fib.handle(now, fib::core::Input::Intents(intents));
        }
        let events = kernel::drive(&mut self.fib, kernel, now, mischief, &mut self.watch);
        for event in events {
            let deaf = mischief.planted == Some(Planted::DeafToLinks);
            if !deaf || !matches!(&event, fib::Event::LinkChanged(l) if !l.usable()) {
                let at = now + mischief.rng.below(3) * MILLISECOND;
                self.news.push_back((at, event));
            }
        }
        self.watch.settled(now, kernel, self.synced);
        true
    }

    /// Passes on what the kernel told and is due, in order.
    pub fn hear(&mut self, now: Time) -> bool {
        let mut busy = false;
        while let Some((_, event)) = self.news.pop_front_if(|(at, _)| *at <= now) {
            self.told(now, &event);
            busy = true;
        }
        busy
    }

    /// What the kernel tells goes to the table, as the shell passes it on.
    pub fn told(&mut self, now: Time, event: &fib::Event) {
        match event {
            fib::Event::LinkChanged(link) => {
                let input = rib::Input::Link { ifindex: link.index, name: &link.name, up: link.usable() };
                self.rib(now, input);
            }
            fib::Event::LinkGone { index, .. } => self.rib(now, rib::Input::LinkGone(*index)),
            fib::Event::AddressAdded(a) => self.rib(now, rib::Input::Address(a.ifindex, a.net)),
            fib::Event::AddressRemoved(a) => self.rib(now, rib::Input::AddressGone(a.ifindex, a.net)),
            fib::Event::RouteAdded(route) if route.table == MAIN => {
                let hop =
                    |h: &fib::Hop| ResolvedHop { gateway: h.gateway, ifindex: h.ifindex, onlink: h.onlink };
                if route.kind != RouteKind::Unicast || !route.hops.is_empty() {
                    let (prefix, metric) = (route.prefix, route.metric);
                    let hops = route.hops.iter().map(hop).collect();
                    self.rib(now, rib::Input::KernelRoute { prefix, metric, hops });
                }
            }
            fib::Event::RouteRemoved(route) if route.table == MAIN => {
                let (prefix, metric) = (route.prefix, route.metric);
                self.rib(now, rib::Input::KernelRouteGone { prefix, metric });
            }
            fib::Event::RouteAdded(_) | fib::Event::RouteRemoved(_) | fib::Event::Resynced => {}
        }
    }
}
