//! A BGP speaker that says what a test wants, well-formed or not, and keeps what it hears. The session is the
//! project's own machine; sockets are plain blocking ones on threads inside a node.
//!
//! ```text
//!   test ──► orders ──┐
//!                     ├─► loop: Session ──► socket
//!   reader ──► bytes ─┘      │
//!                            └─► Heard (state, routes, notifications), shared with the test
//! ```

use std::collections::{HashMap, VecDeque};
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bgp::attrs::{AttrBuilder, AttrView, ExportForm, LocalPrefForm, Origin, Prepend, write_attrs};
use bgp::batch::{Op, UpdateBatch};
use bgp::fsm::{
    CloseKind, ConnId, Down, FsmState, Input, Output, RemoteAs, Session, SessionConfig, StopReason,
};
use bgp::types::{Asn, Family, MILLISECOND, NextHop, Nlri, SECOND, Time};
use bgp::wire::encode::UpdateForm;
use bgp::wire::{put_announce, put_withdraw};
use bytes::BytesMut;
use ipnet::IpNet;
use socket2::{Domain, Protocol, Socket, Type};

use crate::wait::{PATIENCE, wait_for};
use crate::{Node, netns};

/// The BGP port.
const PORT: u16 = 179;

/// Longest time that a write may wait for the other side before the connection counts as dead.
const WRITE_TIMEOUT: Duration = Duration::from_secs(120);

/// The attributes that a prefix was heard with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Route {
    /// Canonical block.
    pub block: Vec<u8>,
    /// Next hop.
    pub next_hop: NextHop,
}

impl Route {
    /// Reads the block.
    pub fn view(&self) -> AttrView<'_> {
        AttrView::new(&self.block)
    }

    /// The AS_PATH as text.
    pub fn as_path(&self) -> String {
        self.view().as_path().to_string()
    }
}

/// What a speaker has heard and seen.
#[derive(Default, Debug)]
pub struct Heard {
    /// State of its session.
    pub state: Option<FsmState>,
    /// Routes of the present session.
    pub routes: HashMap<IpNet, Arc<Route>>,
    /// Prefixes announced and withdrawn, counted over all sessions.
    pub announced: u64,
    /// See `announced`.
    pub withdrawn: u64,
    /// End-of-RIB came, by family.
    pub end_of_rib: [bool; 2],
    /// How sessions and attempts ended.
    pub downs: Vec<Down>,
    /// Families that the other side asked for again.
    pub refreshes: Vec<Family>,
    /// Sessions that came up.
    pub sessions: u32,
}

/// Who a speaker is.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Its session.
    pub session: SessionConfig,
    /// Its address.
    pub local: IpAddr,
    /// The other side's address.
    pub remote: IpAddr,
    /// TTL of what it sends; 255 lets it pass TTL security.
    pub ttl: u32,
}

impl Identity {
    /// Both families, hold time 180 s. `id` is the router id.
    pub fn new(asn: u32, id: &str, local: &str, remote_as: u32, remote: &str) -> Identity {
        let id = id.parse().expect("a router id");
        let remote_as = RemoteAs::Number(Asn(remote_as));
        Identity {
            session: SessionConfig {
                families: [true, true],
                connect_retry: SECOND,
                idle_hold: 200 * MILLISECOND,
                idle_hold_max: SECOND,
                extended_next_hop: true,
                // A speaker that plays recorded neighbours hears their numbers again.
                allow_own_as: [bgp::wire::AllowOwnAs::Times(10); 2],
                enforce_first_as: false,
                jitter_seed: u64::from(u32::from(id)),
                ..SessionConfig::new(Asn(asn), remote_as, id)
            },
            local: local.parse().expect("an address"),
            remote: remote.parse().expect("an address"),
            ttl: 255,
        }
    }

    /// A recorded neighbour: its address, its AS, a router id of its own. `asn` 0 takes any AS of the other side.
    pub fn of(from: (IpAddr, u32), asn: u32, remote: &str) -> Identity {
        let id = match from.0 {
            IpAddr::V4(a) => a,
            IpAddr::V6(a) => std::net::Ipv4Addr::from((u128::from(a) as u32) | 0x0100_0000),
        };
        let mut identity = Identity::new(from.1, &id.to_string(), &from.0.to_string(), asn, remote);
        if asn == 0 {
            identity.session.remote_as = RemoteAs::External;
        }
        identity
    }

    fn internal(&self) -> bool {
        self.session.remote_as == RemoteAs::Number(self.session.local_as)
    }
}

enum Order {
    Raw(Vec<u8>),
    SoftIn(Family),
    Stop,
    Quit,
    Bytes(ConnId, Vec<u8>),
    Closed(ConnId, CloseKind),
}

/// A speaker in a node, running until it is dropped.
pub struct Speaker {
    orders: Sender<Order>,
    heard: Arc<Mutex<Heard>>,
    identity: Identity,
    thread: Option<JoinHandle<()>>,
}

impl Speaker {
    /// Starts to dial.
    pub fn start(node: &Node, identity: Identity) -> Speaker {
        Speaker::start_in(node.name(), identity)
    }

    /// Starts to dial from a namespace.
    pub fn start_in(netns: &str, identity: Identity) -> Speaker {
        let (orders, inbox) = mpsc::channel();
        let heard: Arc<Mutex<Heard>> = Arc::default();
        let worker = Worker {
            session: Session::new(identity.session.clone()),
            identity: identity.clone(),
            heard: heard.clone(),
            orders: orders.clone(),
            socket: None,
            start: Instant::now(),
        };
        let netns = netns.to_owned();
        let thread = std::thread::spawn(move || {
            netns::join(&netns);
            worker.run(&inbox);
        });
        Speaker { orders, heard, identity, thread: Some(thread) }
    }

    /// Starts to dial and waits until the session is up.
    #[track_caller]
    pub fn established(node: &Node, identity: Identity) -> Speaker {
        let speaker = Speaker::start(node, identity);
        speaker.wait_established();
        speaker
    }

    /// Waits until the session is up.
    #[track_caller]
    pub fn wait_established(&self) {
        let what = format!("the session of {} with {}", self.identity.local, self.identity.remote);
        wait_for(PATIENCE, &what, || self.is_established());
    }

    /// Whether the session is up.
    pub fn is_established(&self) -> bool {
        self.heard().state == Some(FsmState::Established)
    }

    /// What it has heard.
    pub fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The route that it has to a prefix.
    pub fn route(&self, prefix: &str) -> Option<Arc<Route>> {
        self.heard().routes.get(&prefix.parse::<IpNet>().expect("a prefix")).cloned()
    }

    /// Who it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    fn order(&self, order: Order) {
        let _ = self.orders.send(order);
    }

    /// Sends bytes as they are, once the session is up.
    pub fn send(&self, bytes: impl Into<Vec<u8>>) {
        self.order(Order::Raw(bytes.into()));
    }

    /// Announces prefixes with a path of AS numbers, its own address being the next hop.
    pub fn announce(&self, prefixes: &[&str], path: &[u32]) {
        let path: Vec<Asn> = path.iter().map(|a| Asn(*a)).collect();
        let block = AttrBuilder::new().origin(Origin::Igp).set_as_path(&path).build();
        self.announce_with(prefixes, &block);
    }

    /// Announces prefixes with a canonical block of attributes, its own address being the next hop.
    pub fn announce_with(&self, prefixes: &[&str], block: &[u8]) {
        for prefix in prefixes.iter().map(|p| p.parse().expect("a prefix")) {
            let mut out = BytesMut::new();
            encode(block, self.identity.internal(), next_hop(self.identity.local), &[prefix], &mut out);
            self.send(out);
        }
    }

    /// Withdraws prefixes.
    pub fn withdraw(&self, prefixes: &[&str]) {
        let prefixes: Vec<IpNet> = prefixes.iter().map(|p| p.parse().expect("a prefix")).collect();
        let mut out = BytesMut::new();
        encode_withdraw(&prefixes, &mut out);
        self.send(out);
    }

    /// Asks for the other side's routes again.
    pub fn refresh(&self, family: Family) {
        self.order(Order::SoftIn(family));
    }

    /// Ends the session by a NOTIFICATION and stays down.
    pub fn stop(&self) {
        self.order(Order::Stop);
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        self.order(Order::Quit);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// An address as next hop.
pub fn next_hop(addr: IpAddr) -> NextHop {
    match addr {
        IpAddr::V4(a) => NextHop::V4(a),
        IpAddr::V6(global) => NextHop::V6 { global, link_local: None },
    }
}

/// Appends UPDATEs that announce prefixes, IPv4 before IPv6, as many in one as fit.
pub fn encode(block: &[u8], internal: bool, next_hop: NextHop, prefixes: &[IpNet], out: &mut BytesMut) {
    let form = ExportForm {
        external: !internal,
        prepend: Prepend::NONE,
        local_pref: if internal { LocalPrefForm::Default(100) } else { LocalPrefForm::Strip },
        ..ExportForm::internal()
    };
    let plain = UpdateForm { extended_message: false, add_path: false };
    let mut attrs = Vec::new();
    let (v4, v6) = split(prefixes);
    if !v4.is_empty() {
        let (classic, mp) = match next_hop {
            NextHop::V4(a) => (Some(a), None),
            NextHop::V6 { .. } => (None, Some(next_hop)),
        };
        write_attrs(AttrView::new(block), &form, classic, &mut attrs).expect("attributes that fit");
        put_announce(plain, &attrs, mp, v4, out).expect("room for a prefix");
    }
    attrs.clear();
    if !v6.is_empty() {
        let mp = match next_hop {
            NextHop::V4(a) => NextHop::V6 { global: a.to_ipv6_mapped(), link_local: None },
            NextHop::V6 { .. } => next_hop,
        };
        write_attrs(AttrView::new(block), &form, None, &mut attrs).expect("attributes that fit");
        put_announce(plain, &attrs, Some(mp), v6, out).expect("room for a prefix");
    }
}

/// Appends UPDATEs that withdraw prefixes.
pub fn encode_withdraw(prefixes: &[IpNet], out: &mut BytesMut) {
    let plain = UpdateForm { extended_message: false, add_path: false };
    let (v4, v6) = split(prefixes);
    put_withdraw(plain, false, v4, out);
    put_withdraw(plain, true, v6, out);
}

fn split(prefixes: &[IpNet]) -> (Vec<Nlri<u32>>, Vec<Nlri<u128>>) {
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    for prefix in prefixes {
        match prefix {
            IpNet::V4(n) => v4.push(Nlri { addr: n.network().into(), path_id: 0, len: n.prefix_len() }),
            IpNet::V6(n) => v6.push(Nlri { addr: n.network().into(), path_id: 0, len: n.prefix_len() }),
        }
    }
    (v4, v6)
}

/// The thread behind a speaker.
struct Worker {
    session: Session,
    identity: Identity,
    heard: Arc<Mutex<Heard>>,
    orders: Sender<Order>,
    socket: Option<(ConnId, TcpStream)>,
    start: Instant,
}

impl Worker {
    fn now(&self) -> Time {
        self.start.elapsed().as_nanos() as Time
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(mut self, inbox: &Receiver<Order>) {
        let mut raw: VecDeque<Vec<u8>> = VecDeque::new();
        self.session.handle(self.now(), Input::Start);
        loop {
            self.outputs();
            let ready = !raw.is_empty() && self.session.state() == FsmState::Established;
            let wait = match self.session.deadline() {
                _ if ready => Duration::ZERO,
                Some(at) => Duration::from_nanos(at.saturating_sub(self.now())),
                None => Duration::from_secs(3600),
            };
            let order = match inbox.recv_timeout(wait) {
                Ok(order) => Some(order),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let now = self.now();
            match order {
                Some(Order::Raw(bytes)) => raw.push_back(bytes),
                Some(Order::SoftIn(family)) => self.session.handle(now, Input::SoftIn(family)),
                Some(Order::Stop) => {
                    self.session.handle(now, Input::Stop { why: StopReason::AdminShutdown, message: None });
                }
                Some(Order::Quit) => return,
                Some(Order::Bytes(id, bytes)) => self.session.handle(now, Input::Bytes(id, &bytes)),
                Some(Order::Closed(id, kind)) => self.session.handle(now, Input::Closed(id, kind)),
                None if ready => {
                    if let Some(bytes) = raw.pop_front() {
                        self.write(&bytes);
                    }
                }
                None => self.session.handle(now, Input::Timeout),
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        let Some((id, stream)) = &mut self.socket else { return };
        let id = *id;
        let done = stream.write_all(bytes);
        let now = self.now();
        match done {
            Ok(()) => {
                let octets = bytes.len();
                self.session.handle(now, Input::Sent { id, octets, waiting: 0, updates: 0 });
            }
            Err(_) => self.session.handle(now, Input::Closed(id, CloseKind::Error)),
        }
    }

    fn outputs(&mut self) {
        self.routes();
        while let Some(output) = self.session.poll() {
            match output {
                Output::Dial(id) => self.dial(id),
                Output::Close(id) => {
                    if let Some((_, stream)) = self.socket.take_if(|(open, _)| *open == id) {
                        let _ = stream.shutdown(std::net::Shutdown::Both);
                    }
                }
                Output::Send(id, bytes) if self.socket.as_ref().is_some_and(|(open, _)| *open == id) => {
                    self.write(&bytes);
                }
                Output::Send(..) => {}
                Output::StateChanged { to, .. } => self.heard().state = Some(to),
                Output::Established(..) => {
                    let mut heard = self.heard();
                    heard.routes.clear();
                    heard.end_of_rib = [false; 2];
                    heard.sessions += 1;
                }
                Output::Down(down) => {
                    let mut heard = self.heard();
                    heard.routes.clear();
                    heard.downs.push(down);
                }
                Output::RefreshRequested(family) => self.heard().refreshes.push(family),
                Output::Event(_) => {}
            }
        }
    }

    /// Takes over what the session has decoded.
    fn routes(&mut self) {
        let batch = self.session.take_batch();
        if !batch.is_empty() {
            let mut heard = self.heard();
            apply(&batch, &mut heard);
        }
        self.session.recycle(batch);
    }

    fn dial(&mut self, id: ConnId) {
        match connect(&self.identity) {
            Ok(stream) => {
                let ends = (stream.local_addr(), stream.peer_addr());
                let (Ok(local), Ok(remote), Ok(reader)) = (ends.0, ends.1, stream.try_clone()) else {
                    return;
                };
                let orders = self.orders.clone();
                std::thread::spawn(move || read(id, reader, &orders));
                self.socket = Some((id, stream));
                self.session.handle(self.now(), Input::Connected { id, local, remote });
            }
            Err(_) => self.session.handle(self.now(), Input::ConnectFailed(id)),
        }
    }
}

fn apply(batch: &UpdateBatch, heard: &mut Heard) {
    let routes: Vec<Arc<Route>> = batch
        .attrs
        .iter()
        .map(|a| Arc::new(Route { block: batch.block(a).to_vec(), next_hop: a.next_hop }))
        .collect();
    let nets = |family: Family, range: &std::ops::Range<u32>| -> Vec<IpNet> {
        let range = range.start as usize..range.end as usize;
        match family {
            Family::Ipv4Unicast => batch.v4[range].iter().map(Nlri::net).collect(),
            Family::Ipv6Unicast => batch.v6[range].iter().map(Nlri::net).collect(),
        }
    };
    for op in &batch.ops {
        match op {
            Op::Announce { family, attrs, nlri } => {
                for net in nets(*family, nlri) {
                    heard.announced += 1;
                    heard.routes.insert(net, routes[*attrs as usize].clone());
                }
            }
            Op::Withdraw { family, nlri } => {
                for net in nets(*family, nlri) {
                    heard.withdrawn += 1;
                    heard.routes.remove(&net);
                }
            }
            Op::EndOfRib(family) => heard.end_of_rib[family.index()] = true,
            Op::RefreshBegin(_) | Op::RefreshEnd(_) => {}
        }
    }
}

fn connect(identity: &Identity) -> std::io::Result<TcpStream> {
    let remote = SocketAddr::new(identity.remote, PORT);
    let socket = Socket::new(Domain::for_address(remote), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_tcp_nodelay(true)?;
    match identity.local {
        IpAddr::V4(_) => socket.set_ttl_v4(identity.ttl)?,
        IpAddr::V6(_) => socket.set_unicast_hops_v6(identity.ttl)?,
    }
    socket.bind(&SocketAddr::new(identity.local, 0).into())?;
    socket.connect_timeout(&remote.into(), Duration::from_secs(2))?;
    let stream: TcpStream = socket.into();
    stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
    Ok(stream)
}

fn read(id: ConnId, mut stream: TcpStream, orders: &Sender<Order>) {
    let mut buffer = vec![0; 64 << 10];
    let kind = loop {
        match stream.read(&mut buffer) {
            Ok(0) => break CloseKind::Closed,
            Ok(n) => {
                if orders.send(Order::Bytes(id, buffer[..n].to_vec())).is_err() {
                    return;
                }
            }
            Err(e) if e.kind() == std::io::ErrorKind::ConnectionReset => break CloseKind::Reset,
            Err(_) => break CloseKind::Error,
        }
    };
    let _ = orders.send(Order::Closed(id, kind));
}
