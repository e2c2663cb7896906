//! One router of the simulation: the cores, and a kernel that outlives them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bgp::fsm::{CloseKind, ConnId, FsmState, Input, Output, RemoteAs, Session, SessionConfig};
use bgp::types::{Asn, Family, MILLISECOND, SECOND, Time};
use fib::core::{Config, Core as Fib};
use fib::fake::{Kernel, drive};
use fib::{Address, GroupId, Hop, Intent, RouteKind};
use ipnet::{IpNet, Ipv4Net};
use rib::base::Discard;
use rib::event::{FibChange, FibTarget};
use rib::local::LocalRoutes;
use rib::nexthop::ResolvedHop;
use rib::peer::{PeerConfig, PeerFamily, PeerKind, PeerSession};
use rib::{Core as Rib, PeerId, Settings};

use crate::rng::Rng;

/// The main table.
const MAIN: u32 = 254;

/// What a node wants done; links are named by number.
pub(super) enum Action {
    Dial(usize, ConnId),
    Send(usize, ConnId, Vec<u8>),
    Close(usize, ConnId),
}

/// A session over a link.
struct Peering {
    link: usize,
    other: usize,
    session: Session,
    up: Option<ConnId>,
}

/// What dies with the process.
struct Alive {
    peerings: Vec<Peering>,
    rib: Rib,
    fib: Fib,
}

/// A router.
pub struct Node {
    number: usize,
    seed: u64,
    links: Vec<(usize, usize)>,
    /// Prefixes that it announces.
    pub networks: Vec<IpNet>,
    /// Its kernel.
    pub kernel: Kernel,
    alive: Option<Alive>,
    life: u32,
    wake_at: Option<Time>,
}

/// The AS of a node.
pub fn asn(node: usize) -> u32 {
    65001 + node as u32
}

/// The address of a node on a link.
pub fn address(link: usize, node: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, link as u8, 0, 1 + node as u8)
}

fn ifindex(link: usize) -> u32 {
    link as u32 + 1
}

impl Node {
    pub(super) fn new(number: usize, seed: u64, ends: &[[usize; 2]], networks: usize) -> Node {
        let links: Vec<(usize, usize)> = ends
            .iter()
            .enumerate()
            .filter(|(_, e)| e.contains(&number))
            .map(|(l, e)| (l, if e[0] == number { e[1] } else { e[0] }))
            .collect();
        let mut kernel = Kernel::default();
        for (link, _) in &links {
            kernel.set_link(ifindex(*link), true, true);
            let net = IpNet::V4(Ipv4Net::new_assert(address(*link, number), 24));
            kernel.add_address(Address { ifindex: ifindex(*link), net, peer: None, flags: 0, scope: 0 });
        }
        let networks = (0..networks)
            .map(|n| IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(20, number as u8, n as u8, 0), 24)))
            .collect();
        Node { number, seed, links, networks, kernel, alive: None, life: 0, wake_at: None }
    }

    pub(super) fn alive(&self) -> bool {
        self.alive.is_some()
    }

    pub(super) fn life(&self) -> u32 {
        self.life
    }

    pub(super) fn is_life(&self, life: u32) -> bool {
        self.alive() && self.life == life
    }

    /// Its table.
    pub fn rib(&self) -> &Rib {
        &self.alive.as_ref().expect("a living node").rib
    }

    /// Neighbours by node, with the number in the table and the state of the session.
    pub fn neighbors(&self) -> Vec<(usize, PeerId, FsmState)> {
        let peerings = self.alive.iter().flat_map(|a| a.peerings.iter().enumerate());
        peerings.map(|(at, p)| (p.other, PeerId(at as u16), p.session.state())).collect()
    }

    pub(super) fn start(&mut self, now: Time) {
        self.life += 1;
        let mut rib = Rib::new(self.seed);
        let id = Ipv4Addr::new(1, 1, 1, 1 + self.number as u8);
        let settings = Settings { router_id: id.into(), import_check: false, ..Settings::default() };
        rib.handle(now, rib::Input::Settings(settings));
        let networks = self.networks.iter().map(|n| (*n, None)).collect();
        let local = LocalRoutes { networks, ..LocalRoutes::default() };
        rib.handle(now, rib::Input::Local(Family::Ipv4Unicast, local));
        let mut peerings = Vec::new();
        for (at, (link, other)) in self.links.iter().enumerate() {
            let config = PeerConfig {
                addr: address(*link, *other).into(),
                interface: None,
                kind: PeerKind::External,
                local_as: Asn(asn(self.number)),
                own_as: None,
                remote_as: Asn(asn(*other)),
                require_connected: true,
                families: [Some(PeerFamily::default()), None],
            };
            rib.handle(now, rib::Input::Peer(PeerId(at as u16), config));
            let remote = RemoteAs::Number(Asn(asn(*other)));
            let config = SessionConfig {
                hold_time: 9,
                keepalive: 3,
                connect_retry: 2 * SECOND,
                idle_hold: 500 * MILLISECOND,
                idle_hold_max: 5 * SECOND,
                jitter_seed: self.seed
                    ^ (u64::from(self.life) << 40 | (self.number as u64) << 20 | at as u64),
                hash_seed: self.seed,
                ..SessionConfig::new(Asn(asn(self.number)), remote, id)
            };
            let mut session = Session::new(config);
            session.handle(now, Input::Start);
            peerings.push(Peering { link: *link, other: *other, session, up: None });
        }
        self.wake_at = None;
        self.alive = Some(Alive { peerings, rib, fib: Fib::new(Config::default()) });
    }

    pub(super) fn crash(&mut self) {
        self.alive = None;
    }

    pub(super) fn complete(&mut self, _now: Time) {
        if let Some(alive) = &mut self.alive {
            alive.rib.complete();
        }
    }

    /// The carrier of a link comes or goes; the kernel says so.
    pub(super) fn carrier(&mut self, _now: Time, link: usize, there: bool) {
        self.kernel.set_link(ifindex(link), true, there);
    }

    fn peering(&mut self, link: usize) -> Option<&mut Peering> {
        self.alive.as_mut()?.peerings.iter_mut().find(|p| p.link == link)
    }

    fn ends(number: usize, p: &Peering) -> (SocketAddr, SocketAddr) {
        let end = |node| SocketAddr::new(IpAddr::V4(address(p.link, node)), 179);
        (end(number), end(p.other))
    }

    pub(super) fn accept(&mut self, _now: Time, link: usize) -> Option<(u32, ConnId)> {
        let life = self.life;
        self.peering(link).map(|p| (life, p.session.new_conn_id()))
    }

    pub(super) fn accepted(&mut self, now: Time, link: usize, id: ConnId) {
        let number = self.number;
        if let Some(p) = self.peering(link) {
            let (local, remote) = Node::ends(number, p);
            p.session.handle(now, Input::Accepted { id, local, remote });
        }
    }

    pub(super) fn connected(&mut self, now: Time, link: usize, id: ConnId) {
        let number = self.number;
        if let Some(p) = self.peering(link) {
            let (local, remote) = Node::ends(number, p);
            p.session.handle(now, Input::Connected { id, local, remote });
        }
    }

    pub(super) fn connect_failed(&mut self, now: Time, link: usize, id: ConnId) {
        if let Some(p) = self.peering(link) {
            p.session.handle(now, Input::ConnectFailed(id));
        }
    }

    pub(super) fn bytes(&mut self, now: Time, link: usize, id: ConnId, bytes: &[u8]) {
        if let Some(p) = self.peering(link) {
            p.session.handle(now, Input::Bytes(id, bytes));
        }
    }

    pub(super) fn closed(&mut self, now: Time, link: usize, id: ConnId, kind: CloseKind) {
        if let Some(p) = self.peering(link) {
            p.session.handle(now, Input::Closed(id, kind));
        }
    }

    pub(super) fn wake(&mut self, now: Time) {
        self.wake_at = None;
        let Some(alive) = &mut self.alive else { return };
        for p in &mut alive.peerings {
            if p.session.deadline().is_some_and(|at| at <= now) {
                p.session.handle(now, Input::Timeout);
            }
        }
    }

    /// When to be woken, if that is earlier than what was asked for before.
    pub(super) fn next_wake(&mut self) -> Option<Time> {
        let alive = self.alive.as_ref()?;
        let sessions = alive.peerings.iter().filter_map(|p| p.session.deadline());
        let at = sessions.chain(alive.fib.deadline()).min()?;
        if self.wake_at.is_some_and(|asked| asked <= at) {
            return None;
        }
        self.wake_at = Some(at);
        Some(at)
    }

    /// Lets the cores talk to each other until they are done, and returns what is left for the world.
    pub(super) fn settle(&mut self, now: Time, rng: &mut Rng, lossy: bool) -> Vec<Action> {
        let mut actions = Vec::new();
        let Some(alive) = &mut self.alive else { return actions };
        loop {
            let mut busy = false;
            for at in 0..alive.peerings.len() {
                busy |= alive.session(now, at, &mut actions);
            }
            while alive.rib.walk() {}
            alive.rib.flush();
            busy |= alive.transmit(now, &mut actions);
            busy |= alive.kernel(now, &mut self.kernel, || lossy && rng.below(20) == 0);
            if !busy {
                return actions;
            }
        }
    }
}

impl Alive {
    /// Takes what a session has to say.
    fn session(&mut self, now: Time, at: usize, actions: &mut Vec<Action>) -> bool {
        let peer = PeerId(at as u16);
        let p = &mut self.peerings[at];
        let mut busy = false;
        while let Some(output) = p.session.poll() {
            busy = true;
            match output {
                Output::Dial(id) => actions.push(Action::Dial(p.link, id)),
                Output::Close(id) => actions.push(Action::Close(p.link, id)),
                Output::Send(id, bytes) => actions.push(Action::Send(p.link, id, bytes.to_vec())),
                Output::Established(id, n) => {
                    p.up = Some(id);
                    let Some((_, local, _)) = p.session.connection() else { continue };
                    let IpAddr::V4(own) = local.ip() else { continue };
                    let session = PeerSession {
                        router_id: n.remote_id,
                        as4: n.as4,
                        enhanced_refresh: n.enhanced_route_refresh,
                        relation: None,
                        extended_next_hop: n.extended_next_hop,
                        extended_message: n.extended_message_send,
                        families: n.families,
                        local_v4: Some(own),
                        local_v6: None,
                        local_link: None,
                        shared_net: [Some(IpNet::V4(Ipv4Net::new_assert(own, 24).trunc())), None],
                    };
                    self.rib.handle(now, rib::Input::Up(peer, session));
                }
                Output::Down(down) if down.established => {
                    p.up = None;
                    self.rib.handle(now, rib::Input::Down(peer));
                }
                Output::RefreshRequested(family) => {
                    self.rib.handle(now, rib::Input::Refresh(peer, family));
                }
                Output::Down(_) | Output::StateChanged { .. } | Output::Event(_) => {}
            }
        }
        let batch = p.session.take_batch();
        if !batch.is_empty() {
            busy = true;
            self.rib.handle(now, rib::Input::Updates(peer, &batch));
        }
        p.session.recycle(batch);
        busy
    }

    fn transmit(&mut self, now: Time, actions: &mut Vec<Action>) -> bool {
        let mut busy = false;
        while let Some(output) = self.rib.poll() {
            busy = true;
            let rib::Output::Transmit { peers, bytes, .. } = output else { continue };
            for peer in peers {
                let p = &self.peerings[peer.index()];
                if let Some(id) = p.up {
                    actions.push(Action::Send(p.link, id, bytes.to_vec()));
                    self.rib.handle(now, rib::Input::Written(peer, bytes.len()));
                }
            }
        }
        busy
    }

    /// Brings the kernel in line, and the table up to what the kernel says.
    fn kernel(&mut self, now: Time, kernel: &mut Kernel, lose: impl FnMut() -> bool) -> bool {
        let changes = self.rib.take_fib();
        let busy = !changes.is_empty();
        if busy {
            let intents = changes.into_iter().map(intent).collect();
            self.fib.handle(now, fib::core::Input::Intents(intents));
        }
        let told = drive(&mut self.fib, kernel, now, lose);
        let news = !told.events.is_empty();
        for event in told.events {
            self.tell(now, &event);
        }
        busy || news
    }

    fn tell(&mut self, now: Time, event: &fib::Event) {
        match event {
            fib::Event::LinkChanged(link) => {
                let input = rib::Input::Link { ifindex: link.index, name: &link.name, up: link.usable() };
                self.rib.handle(now, input);
            }
            fib::Event::LinkGone { index, .. } => self.rib.handle(now, rib::Input::LinkGone(*index)),
            fib::Event::AddressAdded(a) => self.rib.handle(now, rib::Input::Address(a.ifindex, a.net)),
            fib::Event::AddressRemoved(a) => self.rib.handle(now, rib::Input::AddressGone(a.ifindex, a.net)),
            fib::Event::RouteAdded(_) | fib::Event::RouteRemoved(_) | fib::Event::Resynced => {}
        }
    }
}

fn hop(h: ResolvedHop) -> Hop {
    Hop { gateway: h.gateway, ifindex: h.ifindex, weight: 1, onlink: h.onlink }
}

fn intent(change: FibChange) -> Intent {
    match change {
        FibChange::HopSet { id, hops } => {
            Intent::Group { id: GroupId(id.0), hops: hops.into_iter().map(hop).collect() }
        }
        FibChange::HopSetGone(id) => Intent::GroupGone(GroupId(id.0)),
        FibChange::Complete => Intent::Synced,
        FibChange::Route { prefix, route } => Intent::Route {
            prefix,
            table: MAIN,
            route: route.map(|r| fib::Route {
                protocol: 186,
                metric: 20,
                target: match r.target {
                    FibTarget::Hops(id) => fib::Target::Group(GroupId(id.0)),
                    FibTarget::Discard(Discard::Blackhole) => fib::Target::Blackhole,
                    FibTarget::Discard(Discard::Unreachable) => fib::Target::Unreachable,
                    FibTarget::Discard(Discard::Prohibit) => fib::Target::Prohibit,
                },
                source: r.prefer,
            }),
        },
    }
}

/// The gateways that packets to a prefix take by our routes in a kernel; `None` without a route.
pub fn gateways(kernel: &Kernel, prefix: IpNet) -> Option<Vec<IpAddr>> {
    let route = kernel.routes.values().find(|r| r.prefix == prefix && r.protocol == 186)?;
    assert_eq!(route.kind, RouteKind::Unicast);
    Some(kernel.hops(route).into_iter().filter_map(|h| h.gateway).collect())
}
