//! One neighbour's task: its session machine, its sockets and timers.
//!
//! ```text
//!   socket ──► Session ──► batch ──► (permit in octets) ──► table's thread
//!   socket ◄── out queue ◄── Session's messages, and the table's messages while the queue is short
//! ```
//!
//! The task reads only while the table takes what it read before, so that TCP slows the neighbour down; keepalives
//! go out all the same. An idle session holds no buffers.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use bgp::batch::UpdateBatch;
use bgp::fsm::io::CloseKind;
use bgp::fsm::{
    ConnId, Event, FaultEntry, FsmState, HistoryEntry, Input, Negotiated, Output, Refusal, Session,
    SessionConfig,
};
use bgp::fsm::{Stats, StopReason};
use bgp::types::Family;
use bgp::wire::UpdateCounters;
use bytes::Bytes;
use ipnet::IpNet;
use rib::PeerId;
use rib::peer::{PeerConfig, PeerSession};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::netdevs::LocalEnd;
use super::rib_thread::{PeerMessage, RibHandle, Writer};
use super::transport::{self, Transport};
use super::{clock, logging};

/// Octets read at a time.
const READ_SIZE: usize = 32 << 10;

/// Octets of the table's messages that wait behind those of the session, so that a KEEPALIVE is never far behind.
const OUT_LIMIT: usize = 64 << 10;

/// Octets taken by the socket after which the table gets credit back.
const CREDIT_STEP: usize = 64 << 10;

thread_local! {
    static READ_BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_SIZE]);
}

/// What a neighbour's task is told.
#[derive(Debug)]
pub enum Command {
    /// The neighbour connected to us.
    Accepted(TcpStream),
    /// New settings.
    Configure(Box<Settings>),
    /// Begin.
    Start,
    /// End, and stay down.
    Stop(StopReason, Option<String>),
    /// End, and begin again.
    Restart(StopReason),
    /// Ask for the neighbour's routes again.
    SoftIn(Family),
    /// Set the message counters back to zero.
    ClearStats,
    /// Too many prefixes.
    MaxPrefix(Family, u32, Option<u64>),
    /// What is the state?
    Status(oneshot::Sender<Box<Status>>),
    /// Why is a prefix that was announced not there?
    Refusal(IpNet, oneshot::Sender<Option<Refusal>>),
    /// End the task; the session with a NOTIFICATION.
    Quit(StopReason),
}

/// How our end and the table's view follow from a session.
pub trait Surroundings: Send + Sync {
    /// Our end of a connection.
    fn local_end(&self, local: SocketAddr, peer: IpAddr) -> LocalEnd;
    /// The session came up: the neighbour as the table shall know it.
    fn established(&self, peer: PeerId, negotiated: &Negotiated) -> Option<PeerConfig>;
    /// Something worth remembering happened to the session of a neighbour.
    fn note(&self, name: &str, what: &str, cause: Option<String>);
    /// The session's state changed.
    fn state_changed(&self, peer: PeerId, to: FsmState);
}

/// What configuration makes of a neighbour.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Its name in logs and output.
    pub name: String,
    /// The session.
    pub session: SessionConfig,
    /// The socket.
    pub transport: Transport,
}

/// A copy of a session's state for `show` and metrics.
#[derive(Clone, Debug)]
pub struct Status {
    /// State.
    pub state: FsmState,
    /// Why it is idle, if it is.
    pub idle: Option<bgp::fsm::IdleReason>,
    /// What both agreed on.
    pub negotiated: Option<Arc<Negotiated>>,
    /// Both ends of the connection.
    pub ends: Option<(SocketAddr, SocketAddr)>,
    /// What TCP knows of the connection.
    pub tcp: Option<transport::TcpFacts>,
    /// Our end.
    pub local_end: LocalEnd,
    /// Counters.
    pub stats: Stats,
    /// What became of UPDATEs.
    pub updates: Option<UpdateCounters>,
    /// Messages that were not as they should be.
    pub faults: Vec<FaultEntry>,
    /// Timers.
    pub timers: bgp::fsm::Timers,
    /// Recent events.
    pub history: Vec<HistoryEntry>,
    /// Octets that wait to be written.
    pub waiting: usize,
    /// Settings in force.
    pub settings: Settings,
}

/// One TCP connection.
struct Connection {
    id: ConnId,
    stream: TcpStream,
    out: VecDeque<Chunk>,
    waiting: usize,
}

/// Bytes to write.
struct Chunk {
    bytes: Bytes,
    /// UPDATEs in it, for the counters; 0 for the session's own messages.
    updates: u32,
    /// Credit that the table gets back.
    credit: usize,
}

type Dialling = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;
type Permit = Pin<Box<dyn Future<Output = Option<OwnedSemaphorePermit>> + Send>>;

struct Task {
    id: PeerId,
    settings: Settings,
    session: Session,
    surroundings: Arc<dyn Surroundings>,
    rib: RibHandle,
    connections: Vec<Connection>,
    dialling: Option<(ConnId, Dialling)>,
    /// Connection and writer of the established session.
    up: Option<(ConnId, Arc<Writer>)>,
    local_end: LocalEnd,
    /// Routes that wait for the table.
    batch: Option<(UpdateBatch, Permit)>,
    credit: usize,
    /// KEEPALIVEs that had come when the round-trip time was last looked at.
    timed: u64,
}

enum Woken {
    Command(Option<Command>),
    Dialled(io::Result<TcpStream>),
    Readable(usize),
    Writable(usize),
    Permitted(Option<OwnedSemaphorePermit>),
    Filled,
    Timeout,
}

/// Starts a neighbour's task. It is idle until [`Command::Start`].
pub fn spawn(
    id: PeerId,
    settings: Settings,
    surroundings: Arc<dyn Surroundings>,
    rib: RibHandle,
) -> mpsc::Sender<Command> {
    let (sender, receiver) = mpsc::channel(64);
    let task = Task {
        id,
        session: Session::new(settings.session.clone()),
        settings,
        surroundings,
        rib,
        connections: Vec::new(),
        dialling: None,
        up: None,
        local_end: LocalEnd::default(),
        batch: None,
        credit: 0,
        timed: 0,
    };
    tokio::spawn(task.run(receiver));
    sender
}

impl Task {
    async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        loop {
            self.outputs();
            self.time();
            self.fill();
            let woken = self.wait(&mut commands).await;
            let now = clock::now();
            match woken {
                Woken::Command(None) => return self.quit(StopReason::Shutdown).await,
                Woken::Command(Some(Command::Quit(why))) => return self.quit(why).await,
                Woken::Command(Some(command)) => self.command(command),
                Woken::Dialled(result) => self.dialled(result),
                Woken::Readable(at) => self.read(at),
                Woken::Writable(at) => self.write(at),
                Woken::Permitted(permit) => self.deliver(permit),
                Woken::Filled => {}
                Woken::Timeout => {
                    // A hold timer does not end a session whose words wait for us: for room in the table, or because
                    // a busy machine let us sleep over both.
                    if let Some((id, _)) = self.up
                        && (self.batch.is_some() || self.unread(id))
                    {
                        self.session.handle(now, Input::Readable(id));
                    }
                    self.session.handle(now, Input::Timeout);
                }
            }
        }
    }

    async fn wait(&mut self, commands: &mut mpsc::Receiver<Command>) -> Woken {
        let deadline = self.session.deadline().map(|at| tokio::time::Instant::from_std(clock::instant(at)));
        let timer = async {
            match deadline {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let may_read = self.batch.is_none();
        let up = self.up.as_ref().map(|(id, _)| *id);
        let short = |c: &Connection| Some(c.id) == up && c.waiting < OUT_LIMIT;
        let may_fill = self.connections.iter().any(short);
        let writer = self.up.as_ref().filter(|_| may_fill).map(|(_, w)| w.clone());
        let filled = async {
            match writer {
                Some(writer) => writer.wait().await,
                None => std::future::pending().await,
            }
        };
        let connections = &self.connections;
        let ready = poll_fn(|cx| {
            for (at, c) in connections.iter().enumerate() {
                if !c.out.is_empty() && c.stream.poll_write_ready(cx).is_ready() {
                    return Poll::Ready(Woken::Writable(at));
                }
                if may_read && c.stream.poll_read_ready(cx).is_ready() {
                    return Poll::Ready(Woken::Readable(at));
                }
            }
            Poll::Pending
        });
        let dialling = &mut self.dialling;
        let dialled = poll_fn(|cx| match dialling {
            Some((_, dial)) => dial.as_mut().poll(cx),
            None => Poll::Pending,
        });
        let batch = &mut self.batch;
        let permitted = poll_fn(|cx| match batch {
            Some((_, permit)) => permit.as_mut().poll(cx),
            None => Poll::Pending,
        });
        tokio::select! {
            command = commands.recv() => Woken::Command(command),
            permit = permitted => Woken::Permitted(permit),
            woken = ready => woken,
            result = dialled => Woken::Dialled(result),
            () = filled => Woken::Filled,
            () = timer => Woken::Timeout,
        }
    }

    /// Whether a connection has bytes that nobody has read yet.
    fn unread(&self, id: ConnId) -> bool {
        let connection = self.connections.iter().find(|c| c.id == id);
        connection.is_some_and(|c| transport::unread(&c.stream))
    }

    fn command(&mut self, command: Command) {
        let now = clock::now();
        match command {
            Command::Accepted(stream) => self.accepted(stream),
            Command::Configure(settings) => {
                let transport_changed = !self.settings.transport.serves(&settings.transport);
                let restarted = self.session.set_config(now, settings.session.clone());
                self.settings = *settings;
                if transport_changed && !restarted && self.session.state() > FsmState::Idle {
                    let why = StopReason::ConfigChange(bgp::fsm::ResetReason::MultihopChanged);
                    self.session.handle(now, Input::Restart { why, message: None });
                }
            }
            Command::Start => self.session.handle(now, Input::Start),
            Command::Stop(why, message) => {
                self.session.handle(now, Input::Stop { why, message: message.as_deref() });
            }
            Command::Restart(why) => self.session.handle(now, Input::Restart { why, message: None }),
            Command::SoftIn(family) => self.session.handle(now, Input::SoftIn(family)),
            Command::ClearStats => self.session.clear_message_stats(),
            Command::MaxPrefix(family, limit, restart) => {
                self.session.handle(now, Input::MaxPrefixReached { family, limit, restart });
            }
            Command::Status(answer) => {
                let _ = answer.send(Box::new(self.status()));
            }
            Command::Refusal(net, answer) => {
                let _ = answer.send(self.session.refusal(net));
            }
            Command::Quit(_) => {}
        }
    }

    fn status(&self) -> Status {
        let connection = self.session.connection();
        Status {
            state: self.session.state(),
            idle: self.session.idle_reason(),
            negotiated: self.session.negotiated().cloned(),
            ends: connection.map(|(_, local, remote)| (local, remote)),
            tcp: connection
                .and_then(|(id, ..)| self.connections.iter().find(|c| c.id == id))
                .and_then(|c| transport::facts(&c.stream)),
            local_end: self.local_end.clone(),
            stats: self.session.stats().clone(),
            updates: self.session.update_counters().cloned(),
            faults: self.session.faults().cloned().collect(),
            timers: self.session.timers(),
            history: self.session.history().cloned().collect(),
            waiting: self.connections.iter().map(|c| c.waiting).sum(),
            settings: self.settings.clone(),
        }
    }

    /// Does what the session wants done.
    fn outputs(&mut self) {
        while let Some(output) = self.session.poll() {
            match output {
                Output::Dial(id) => {
                    let dial = transport::dial(self.settings.transport.clone());
                    self.dialling = Some((id, Box::pin(dial)));
                }
                Output::Close(id) => self.close(id),
                Output::Send(id, bytes) => self.queue(id, Chunk { bytes, updates: 0, credit: 0 }),
                Output::StateChanged { from, to } => {
                    logging::state_changed(&self.settings.name, from, to);
                    self.surroundings.state_changed(self.id, to);
                }
                Output::Established(id, negotiated) => self.established(id, &negotiated),
                Output::Down(down) => {
                    logging::down(&self.settings.name, &down);
                    if down.established {
                        let cause = logging::down_text(&down);
                        self.surroundings.note(&self.settings.name, "session down", Some(cause));
                        self.up = None;
                        self.batch = None;
                        self.credit = 0;
                        self.rib.say(PeerMessage::Down(self.id));
                    }
                }
                Output::RefreshRequested(family) => self.rib.say(PeerMessage::Refresh(self.id, family)),
                Output::Event(event) => self.event(&event),
            }
        }
    }

    /// Tells the table the round-trip time with each KEEPALIVE, as FRR measures it.
    fn time(&mut self) {
        let heard = self.session.stats().received.keepalive;
        let Some((up, _)) = self.up.as_ref().filter(|_| heard != self.timed) else { return };
        let connection = self.connections.iter().find(|c| c.id == *up);
        self.timed = heard;
        if let Some(facts) = connection.and_then(|c| transport::facts(&c.stream)) {
            let milliseconds = u32::try_from(facts.round_trip.as_millis()).unwrap_or(u32::MAX);
            self.rib.say(PeerMessage::RoundTrip(self.id, milliseconds));
        }
    }

    fn event(&self, event: &Event) {
        logging::session_event(&self.settings.name, event);
    }

    fn established(&mut self, id: ConnId, negotiated: &Negotiated) {
        let Some((_, local, remote)) = self.session.connection() else { return };
        let Some(config) = self.surroundings.established(self.id, negotiated) else { return };
        self.local_end = self.surroundings.local_end(local, remote.ip().to_canonical());
        let end = &self.local_end;
        let session = PeerSession {
            router_id: negotiated.remote_id,
            as4: negotiated.as4,
            enhanced_refresh: negotiated.enhanced_route_refresh,
            relation: negotiated.relation(),
            extended_next_hop: negotiated.extended_next_hop,
            extended_message: negotiated.extended_message_send,
            families: negotiated.families,
            add_path_send: negotiated.add_path_send,
            paths_limit: negotiated.paths_limit,
            local_v4: end.v4,
            local_v6: end.v6,
            local_link: end.link_local,
            shared_net: end.shared,
        };
        let peer = self.id;
        // Ahead of everything that the session says about routes.
        let _ = self.rib.tell(move |core| core.handle(clock::now(), rib::Input::Peer(peer, config)));
        let writer = Arc::new(Writer::default());
        self.up = Some((id, writer.clone()));
        self.surroundings.note(&self.settings.name, "session up", None);
        self.rib.say(PeerMessage::Up(self.id, session, writer));
    }

    fn accepted(&mut self, stream: TcpStream) {
        let (Ok(local), Ok(remote)) = (stream.local_addr(), stream.peer_addr()) else { return };
        if let Err(error) = transport::adopt(&stream, &self.settings.transport) {
            tracing::warn!(peer = self.settings.name, %error, "cannot set up an incoming connection");
            return;
        }
        let id = self.session.new_conn_id();
        self.connections.push(Connection { id, stream, out: VecDeque::new(), waiting: 0 });
        self.session.handle(clock::now(), Input::Accepted { id, local, remote });
    }

    fn dialled(&mut self, result: io::Result<TcpStream>) {
        let Some((id, _)) = self.dialling.take() else { return };
        let now = clock::now();
        let ends = result.and_then(|s| Ok((s.local_addr()?, s.peer_addr()?, s)));
        match ends {
            Ok((local, remote, stream)) => {
                self.connections.push(Connection { id, stream, out: VecDeque::new(), waiting: 0 });
                self.session.handle(now, Input::Connected { id, local, remote });
            }
            Err(error) => {
                tracing::debug!(peer = self.settings.name, %error, "connecting failed");
                self.session.handle(now, Input::ConnectFailed(id));
            }
        }
    }

    fn close(&mut self, id: ConnId) {
        if self.dialling.as_ref().is_some_and(|(dial, _)| *dial == id) {
            self.dialling = None;
        }
        if let Some(at) = self.connections.iter().position(|c| c.id == id) {
            // The last words, a NOTIFICATION mostly, if the socket takes them.
            let _ = write_some(&mut self.connections[at]);
            let connection = self.connections.swap_remove(at);
            transport::linger(&connection.stream);
        }
    }

    fn queue(&mut self, id: ConnId, chunk: Chunk) {
        if let Some(c) = self.connections.iter_mut().find(|c| c.id == id) {
            c.waiting += chunk.bytes.len();
            c.out.push_back(chunk);
        }
    }

    /// Takes from the table's messages while the queue is short.
    fn fill(&mut self) {
        let Some((id, writer)) = &self.up else { return };
        let Some(c) = self.connections.iter_mut().find(|c| c.id == *id) else { return };
        while c.waiting < OUT_LIMIT {
            let Some((bytes, updates)) = writer.pop() else { return };
            let credit = bytes.len();
            c.waiting += credit;
            c.out.push_back(Chunk { bytes, updates, credit });
        }
    }

    fn write(&mut self, at: usize) {
        let Some(c) = self.connections.get_mut(at) else { return };
        let id = c.id;
        let now = clock::now();
        match write_some(c) {
            Ok(written) => {
                let waiting = c.waiting;
                self.credit += written.credit;
                let input = Input::Sent { id, octets: written.octets, waiting, updates: written.updates };
                self.session.handle(now, input);
                if self.credit >= CREDIT_STEP || (self.credit > 0 && waiting == 0) {
                    let credit = std::mem::take(&mut self.credit);
                    self.rib.say(PeerMessage::Written(self.id, credit));
                }
            }
            Err(error) => self.lost(id, &error),
        }
    }

    fn read(&mut self, at: usize) {
        let Some(c) = self.connections.get(at) else { return };
        let id = c.id;
        let now = clock::now();
        let (session, rib) = (&mut self.session, &self.rib);
        let result = READ_BUFFER.with_borrow_mut(|buffer| {
            let octets = c.stream.try_read(buffer)?;
            if octets > READ_SIZE / 4 {
                session.recycle(rib.spare_batch());
            }
            if octets > 0 {
                session.handle(now, Input::Bytes(id, buffer.get(..octets).unwrap_or(&[])));
            }
            Ok::<usize, io::Error>(octets)
        });
        match result {
            Ok(0) => {
                self.connections.retain(|c| c.id != id);
                self.session.handle(now, Input::Closed(id, CloseKind::Closed));
            }
            Ok(_) => self.collect(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => self.lost(id, &error),
        }
    }

    fn lost(&mut self, id: ConnId, error: &io::Error) {
        let kind = match error.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => CloseKind::Reset,
            io::ErrorKind::TimedOut => CloseKind::TimedOut,
            _ => CloseKind::Error,
        };
        self.connections.retain(|c| c.id != id);
        self.session.handle(clock::now(), Input::Closed(id, kind));
    }

    /// Hands the session's routes to the table, now or when it has room.
    fn collect(&mut self) {
        if self.session.pending().is_empty() {
            self.rib.done_with(self.session.take_batch());
            return;
        }
        // What is established now must be said before its routes.
        self.outputs();
        if self.up.is_none() {
            self.rib.done_with(self.session.take_batch());
            return;
        }
        let batch = self.session.take_batch();
        let (rib, octets) = (self.rib.clone(), batch.bytes());
        self.batch = Some((batch, Box::pin(async move { rib.permit(octets).await })));
    }

    fn deliver(&mut self, permit: Option<OwnedSemaphorePermit>) {
        if let (Some((batch, _)), Some(permit)) = (self.batch.take(), permit) {
            self.rib.say(PeerMessage::Updates(self.id, batch, permit));
        }
    }

    /// Ends the session with a NOTIFICATION and gives it a moment to go out.
    async fn quit(mut self, why: StopReason) {
        self.session.handle(clock::now(), Input::Stop { why, message: None });
        self.outputs();
        for c in &mut self.connections {
            let _ = tokio::time::timeout(std::time::Duration::from_millis(200), async {
                while !c.out.is_empty() && c.stream.writable().await.is_ok() && write_some(c).is_ok() {}
            })
            .await;
        }
        self.rib.say(PeerMessage::Removed(self.id));
    }
}

/// What one write took.
#[derive(Default)]
struct Written {
    octets: usize,
    updates: u32,
    credit: usize,
}

/// Writes as much as the socket takes in one go.
fn write_some(c: &mut Connection) -> io::Result<Written> {
    let slices: Vec<IoSlice<'_>> = c.out.iter().take(16).map(|chunk| IoSlice::new(&chunk.bytes)).collect();
    if slices.is_empty() {
        return Ok(Written::default());
    }
    let octets = match c.stream.try_write_vectored(&slices) {
        Ok(octets) => octets,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
        Err(error) => return Err(error),
    };
    c.waiting -= octets;
    let mut written = Written { octets, ..Written::default() };
    let mut left = octets;
    while left > 0 {
        let Some(chunk) = c.out.front_mut() else { break };
        if left < chunk.bytes.len() {
            let _ = chunk.bytes.split_to(left);
            break;
        }
        left -= chunk.bytes.len();
        written.updates += chunk.updates;
        written.credit += chunk.credit;
        c.out.pop_front();
    }
    Ok(written)
}
