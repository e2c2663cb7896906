//! The sockets towards caches of validated ROA payloads.
//!
//! One task drives [`Caches`]; each connection has a task of its own. What takes long is done here and not by the routing
//! table's thread: building a table of many payloads, and giving the memory of one back that is out of force.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rib::{Vrp, VrpUpdate};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::sync::mpsc::{Receiver, Sender, UnboundedReceiver, UnboundedSender, channel, unbounded_channel};

use super::clock;
use super::rib_thread::RibHandle;
use crate::rtr::{Caches, Connection, Endpoint, Input, Output, Settings};

/// Octets taken from a socket at a time.
const CHUNK: usize = 64 << 10;

/// Chunks of all connections that may wait; beyond them TCP slows the caches down.
const WAITING: usize = 8;

/// How long a query may take to leave.
const WRITE_TIME: Duration = Duration::from_secs(30);

/// What the operator asks of the caches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Request {
    /// These settings are in force.
    Configure(Settings),
    /// `rpki start`
    Start,
    /// `rpki stop`
    Stop,
    /// `rpki reset`
    Reset,
}

enum Happened {
    Connected(Connection),
    Received(Connection, Vec<u8>),
    Closed(Connection),
}

/// The way to the caches.
pub struct Rtr {
    caches: Arc<Mutex<Caches>>,
    requests: UnboundedSender<Request>,
}

impl Rtr {
    /// Starts the task. What is in force goes to the routing table.
    pub fn start(rib: RibHandle, runtime: &tokio::runtime::Handle) -> Rtr {
        let caches: Arc<Mutex<Caches>> = Arc::default();
        let (requests, incoming) = unbounded_channel();
        let (events, happened) = channel(WAITING);
        let (done, used) = unbounded_channel();
        let driver = Driver { caches: caches.clone(), rib, events, links: HashMap::new(), on: false, done };
        runtime.spawn(driver.run(incoming, happened, used));
        Rtr { caches, requests }
    }

    /// Asks for something, without waiting for it.
    pub fn request(&self, request: Request) {
        // The task ends with the runtime, and then there is nothing to ask for.
        let _ = self.requests.send(request);
    }

    /// A look at the caches.
    pub fn look<R>(&self, at: impl FnOnce(&Caches) -> R) -> R {
        at(&lock(&self.caches))
    }
}

fn lock(caches: &Mutex<Caches>) -> MutexGuard<'_, Caches> {
    caches.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Driver {
    caches: Arc<Mutex<Caches>>,
    rib: RibHandle,
    events: Sender<Happened>,
    /// Where what is to be sent goes; a connection ends when its entry does.
    links: HashMap<Connection, UnboundedSender<Vec<u8>>>,
    /// The routing table has payloads.
    on: bool,
    /// Where updates go that the routing table is done with, with what was in force before.
    done: UnboundedSender<VrpUpdate>,
}

impl Driver {
    async fn run(
        mut self,
        mut requests: UnboundedReceiver<Request>,
        mut happened: Receiver<Happened>,
        mut used: UnboundedReceiver<VrpUpdate>,
    ) {
        loop {
            let deadline = lock(&self.caches).deadline();
            let pause = deadline.map(|at| Duration::from_nanos(at.saturating_sub(clock::now())));
            let timer = async {
                match pause {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                request = requests.recv() => match request {
                    None => return,
                    Some(Request::Configure(settings)) => self.handle(Input::Configure(settings)),
                    Some(Request::Start) => self.handle(Input::Start),
                    Some(Request::Stop) => self.handle(Input::Stop),
                    Some(Request::Reset) => self.handle(Input::Reset),
                },
                Some(event) = happened.recv() => match event {
                    Happened::Connected(connection) => self.handle(Input::Connected(connection)),
                    Happened::Received(connection, octets) => {
                        // A first response takes a while to be put together.
                        tokio::task::block_in_place(|| self.handle(Input::Received(connection, &octets)));
                    }
                    Happened::Closed(connection) => {
                        self.links.remove(&connection);
                        self.handle(Input::Closed(connection));
                    }
                },
                Some(update) = used.recv() => tokio::task::block_in_place(|| drop(update)),
                () = timer => self.handle(Input::Tick),
            }
        }
    }

    fn handle(&mut self, input: Input<'_>) {
        let outputs: Vec<Output> = {
            let mut caches = lock(&self.caches);
            caches.handle(clock::now(), input);
            std::iter::from_fn(|| caches.poll()).collect()
        };
        for output in outputs {
            match output {
                Output::Connect(connection, endpoint) => {
                    let (link, queue) = unbounded_channel();
                    self.links.insert(connection, link);
                    tokio::spawn(converse(connection, endpoint, queue, self.events.clone()));
                }
                Output::Send(connection, octets) => {
                    if let Some(link) = self.links.get(&connection) {
                        let _ = link.send(octets);
                    }
                }
                Output::Close(connection) => drop(self.links.remove(&connection)),
                Output::Records { removed, added } => self.put(removed, added),
                Output::Off => {
                    self.on = false;
                    self.tell(VrpUpdate::off());
                }
                Output::Log(endpoint, event) => {
                    tracing::info!(cache = %format!("{}:{}", endpoint.host, endpoint.port), "RPKI: {event}");
                }
            }
        }
    }

    fn put(&mut self, removed: Vec<Vrp>, added: Vec<Vrp>) {
        let few = removed.len() + added.len() <= VrpUpdate::MOST_PARTS;
        let update = if self.on && few {
            VrpUpdate::parts(removed, added)
        } else {
            // Copied first: who wants to look at the caches does not wait for the table.
            let all: Vec<Vrp> = lock(&self.caches).records().iter().copied().collect();
            if self.on { VrpUpdate::all_after(&all, &removed, &added) } else { VrpUpdate::all(&all) }
        };
        self.on = true;
        self.tell(update);
    }

    fn tell(&mut self, mut update: VrpUpdate) {
        let done = self.done.clone();
        let _ = self.rib.tell(move |core| {
            core.handle(clock::now(), rib::Input::Rpki(&mut update));
            let _ = done.send(update);
        });
    }
}

/// One connection from its attempt to its end: what is to be sent comes from `queue`, whose end is that of the
/// connection.
async fn converse(
    connection: Connection,
    endpoint: Endpoint,
    mut queue: UnboundedReceiver<Vec<u8>>,
    events: Sender<Happened>,
) {
    let stream = tokio::select! {
        stream = connect(&endpoint) => stream,
        // Nothing is sent before the connection is up, so this is the end of it.
        None = queue.recv() => return,
    };
    match stream {
        Ok(stream) => {
            if events.send(Happened::Connected(connection)).await.is_ok() {
                talk(connection, stream, &mut queue, &events).await;
            }
        }
        Err(error) => tracing::debug!(host = %endpoint.host, port = endpoint.port, %error, "RPKI cache"),
    }
    let _ = events.send(Happened::Closed(connection)).await;
}

async fn connect(endpoint: &Endpoint) -> std::io::Result<TcpStream> {
    let mut last = std::io::Error::new(std::io::ErrorKind::NotFound, "the name has no address");
    for address in lookup_host((endpoint.host.as_str(), endpoint.port)).await? {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if let Some(source) = endpoint.source.filter(|_| address.is_ipv4()) {
            socket.bind(SocketAddr::new(IpAddr::V4(source), 0))?;
        }
        match socket.connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn talk(
    connection: Connection,
    mut stream: TcpStream,
    queue: &mut UnboundedReceiver<Vec<u8>>,
    events: &Sender<Happened>,
) {
    let mut buffer = vec![0; CHUNK];
    loop {
        tokio::select! {
            read = stream.read(&mut buffer) => match read {
                Ok(0) | Err(_) => return,
                Ok(n) => {
                    let octets = buffer.get(..n).unwrap_or_default().to_vec();
                    if events.send(Happened::Received(connection, octets)).await.is_err() {
                        return;
                    }
                }
            },
            octets = queue.recv() => match octets {
                None => return,
                Some(octets) => {
                    let sent = tokio::time::timeout(WRITE_TIME, stream.write_all(&octets)).await;
                    if !matches!(sent, Ok(Ok(()))) {
                        return;
                    }
                }
            },
        }
    }
}
