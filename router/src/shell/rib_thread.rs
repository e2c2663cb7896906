//! The thread that owns the routing table.
//!
//! It never waits for anybody: neighbours' writers take what they can and give credit back, the kernel's thread is
//! served from a backlog, and while that backlog is long no new routes are taken in, so that it stays bounded.
//! Two queues lead here: one in order for routes and session changes, bounded in octets, and one for requests
//! (configuration, kernel events, questions), which go first.

use std::collections::VecDeque;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use bgp::batch::UpdateBatch;
use bgp::types::Family;
use bytes::Bytes;
use fib::{GroupId, Hop, Intent};
use rib::base::Discard;
use rib::nexthop::SetHop;
use rib::peer::PeerSession;
use rib::policy::ast::SourceProtocol;
use rib::{Core, Event, FibChange, FibTarget, Input, Output, PeerId};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::clock;
use crate::sys::process;

/// Octets of decoded routes that may wait for the table, over all neighbours.
const INPUT_LIMIT: usize = 1 << 20;

/// Batches whose memory is kept for others.
const SPARE_BATCHES: usize = 16;

/// Changes for the kernel that may wait while routes are still taken in.
const FIB_LIMIT: usize = 128 << 10;

/// Changes for the kernel in one message to its thread.
const FIB_CHUNK: usize = 2048;

/// Session messages taken between two looks at requests.
const INPUT_BURST: usize = 16;

/// When so many octets of routes came and went, memory goes back to the system.
const STIRRED: usize = 4 << 20;

/// How long after: others may come in their place.
const GIVE_BACK: Duration = Duration::from_millis(100);

/// Octets that may come and go in that time while it still counts as quiet.
const CALM: usize = 64 << 10;

/// Octets that a path which went stands for, as much as it takes in the table.
const PATH: usize = 32;

/// How long a change waits for company before neighbours are told: edits on a host come as bursts of withdrawals and
/// announcements of the same route, and none of that should be seen outside.
pub const COALESCE: Duration = Duration::from_millis(5);

/// Kernel table of all routes.
const MAIN_TABLE: u32 = 254;

/// Metric of our routes in the kernel, as FRR's.
const KERNEL_METRIC: u32 = 20;

/// What a neighbour's task says, in order.
#[derive(Debug)]
pub enum PeerMessage {
    /// The session is up; messages for the neighbour go to this writer.
    Up(PeerId, PeerSession, Arc<Writer>),
    /// The session is down.
    Down(PeerId),
    /// Routes; the permit stands for their octets.
    Updates(PeerId, UpdateBatch, OwnedSemaphorePermit),
    /// The round-trip time of the session, milliseconds.
    RoundTrip(PeerId, u32),
    /// The socket took octets of what the writer had.
    Written(PeerId, usize),
    /// The neighbour wants everything again.
    Refresh(PeerId, Family),
    /// The neighbour's task has ended: nothing of it comes after this.
    Removed(PeerId),
}

type Request = Box<dyn FnOnce(&mut Core) + Send>;

#[derive(Default)]
struct Queues {
    requests: VecDeque<Request>,
    input: VecDeque<PeerMessage>,
    closed: bool,
    /// What neighbours' tasks say waits.
    held: bool,
}

struct Mailbox {
    queues: Mutex<Queues>,
    filled: Condvar,
}

/// The way to the table's thread.
#[derive(Clone)]
pub struct RibHandle {
    mailbox: Arc<Mailbox>,
    permits: Arc<Semaphore>,
    spare: Arc<Mutex<Vec<UpdateBatch>>>,
}

/// The table's thread has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the routing table is shutting down")]
pub struct RibGone;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl RibHandle {
    fn request(&self, request: Request) -> Result<(), RibGone> {
        let mut queues = lock(&self.mailbox.queues);
        if queues.closed {
            return Err(RibGone);
        }
        queues.requests.push_back(request);
        self.mailbox.filled.notify_one();
        Ok(())
    }

    /// Tells the table something, without waiting for it to be heard.
    pub fn tell(&self, f: impl FnOnce(&mut Core) + Send + 'static) -> Result<(), RibGone> {
        self.request(Box::new(f))
    }

    /// Asks the table something and waits for the answer. Not for async code.
    pub fn ask<R: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Core) -> R + Send + 'static,
    ) -> Result<R, RibGone> {
        let (sender, receiver) = sync_channel(1);
        self.request(Box::new(move |core| {
            let _ = sender.send(f(core));
        }))?;
        receiver.recv().map_err(|_| RibGone)
    }

    /// Hands over routes. Waits while too many octets of them wait already, so that TCP slows the neighbour down.
    pub async fn permit(&self, octets: usize) -> Option<OwnedSemaphorePermit> {
        let octets = octets.clamp(1, INPUT_LIMIT) as u32;
        self.permits.clone().acquire_many_owned(octets).await.ok()
    }

    /// A batch without routes, with the memory of an earlier one if there is any.
    pub fn spare_batch(&self) -> UpdateBatch {
        lock(&self.spare).pop().unwrap_or_default()
    }

    /// Takes back the memory of a batch whose routes are in the table.
    pub fn done_with(&self, mut batch: UpdateBatch) {
        batch.clear();
        let mut spare = lock(&self.spare);
        if spare.len() < SPARE_BATCHES && batch.memory() > 0 {
            spare.push(batch);
        }
    }

    /// Gives up the memory of batches that are not in use.
    fn forget_spare(&self) {
        // Freed when the lock is open again.
        let spare = std::mem::take(&mut *lock(&self.spare));
        drop(spare);
    }

    /// Says something in the order of a neighbour's session.
    pub fn say(&self, message: PeerMessage) {
        let mut queues = lock(&self.mailbox.queues);
        if !queues.closed {
            queues.input.push_back(message);
            self.mailbox.filled.notify_one();
        }
    }

    /// Lets what neighbours' tasks say wait, or no longer: sessions can end without routes going at once.
    pub fn hold(&self, held: bool) {
        lock(&self.mailbox.queues).held = held;
        self.mailbox.filled.notify_one();
    }

    /// Ends the thread after what was said so far.
    pub fn close(&self) {
        lock(&self.mailbox.queues).closed = true;
        self.permits.close();
        self.mailbox.filled.notify_one();
    }
}

/// Messages that wait for a neighbour's socket. The table bounds it by credit: see [`rib::group::WRITER_LIMIT`].
#[derive(Debug, Default)]
pub struct Writer {
    queue: Mutex<VecDeque<(Bytes, u32)>>,
    filled: Notify,
}

impl Writer {
    fn push(&self, bytes: Bytes, messages: u32) {
        lock(&self.queue).push_back((bytes, messages));
        self.filled.notify_one();
    }

    /// The next chunk of messages and their number.
    pub fn pop(&self) -> Option<(Bytes, u32)> {
        lock(&self.queue).pop_front()
    }

    /// Waits until there may be something to pop.
    pub async fn wait(&self) {
        self.filled.notified().await;
    }
}

/// The way to the kernel's thread. It needs the table's handle and the table needs it, so it comes later.
pub type FibSlot = Arc<OnceLock<Arc<fib::linux::Handle>>>;

/// Starts the thread. Routes for the kernel go to `fib`, once it is there; events go to `events`.
pub fn spawn(
    seed: u64,
    fib: FibSlot,
    events: impl Fn(Event) + Send + 'static,
) -> std::io::Result<(RibHandle, std::thread::JoinHandle<()>)> {
    let mailbox = Arc::new(Mailbox { queues: Mutex::default(), filled: Condvar::new() });
    let handle = RibHandle { mailbox, permits: Arc::new(Semaphore::new(INPUT_LIMIT)), spare: Arc::default() };
    let own = handle.clone();
    let thread = std::thread::Builder::new().name("rib".into()).spawn(move || {
        let mut rib = RibThread {
            core: Core::new(seed),
            handle: own,
            writers: Vec::new(),
            fib,
            backlog: VecDeque::new(),
            events: Box::new(events),
            flush_at: None,
            paths: 0,
            stirred: 0,
            give_back_at: None,
        };
        rib.run();
    })?;
    Ok((handle, thread))
}

struct RibThread {
    core: Core,
    handle: RibHandle,
    writers: Vec<Option<Arc<Writer>>>,
    fib: FibSlot,
    backlog: VecDeque<Intent>,
    events: Box<dyn Fn(Event) + Send>,
    /// When neighbours are told what changed; `None` while nothing did.
    flush_at: Option<Instant>,
    /// Paths when this was last looked at.
    paths: usize,
    /// Octets of routes that came and went since memory was last given back.
    stirred: usize,
    /// When memory is given back if it is quiet until then, and [`Self::stirred`] when that was said.
    give_back_at: Option<(Instant, usize)>,
}

impl RibThread {
    fn run(&mut self) {
        let mut busy = false;
        loop {
            let Some((requests, input)) = self.take(busy) else { return };
            if !requests.is_empty() || !input.is_empty() {
                self.flush_at.get_or_insert_with(|| Instant::now() + COALESCE);
            }
            if !requests.is_empty() {
                self.core.tick(clock::now());
            }
            for request in requests {
                request(&mut self.core);
            }
            for message in input {
                self.input(message);
            }
            let now = clock::now();
            // Before time passes: what has come due is no deadline afterwards.
            if self.core.deadline().is_some_and(|at| at <= now) {
                self.flush_at.get_or_insert_with(Instant::now);
            }
            self.core.tick(now);
            let open = self.backlog.len() < FIB_LIMIT || self.core.walks_apart();
            busy = open && self.core.walk();
            if self.flush_at.is_some_and(|at| at <= Instant::now()) && !busy {
                self.flush_at = None;
                self.core.flush();
                if self.core.has_walks() {
                    busy = true;
                    self.flush_at = Some(Instant::now() + COALESCE);
                }
            }
            self.dispatch();
            self.give_back();
        }
    }

    /// What a table leaves behind when it came, changed or went are holes in the heap and batches to be used again.
    fn give_back(&mut self) {
        let paths = self.core.path_count();
        self.stirred += self.paths.saturating_sub(paths) * PATH;
        self.paths = paths;
        let due = match self.give_back_at {
            None => self.stirred >= STIRRED,
            Some((at, _)) => at <= Instant::now(),
        };
        if !due {
            return;
        }
        if self.give_back_at.is_some_and(|(_, before)| self.stirred - before <= CALM) {
            self.handle.forget_spare();
            process::trim_heap();
            self.stirred = 0;
            self.give_back_at = None;
        } else {
            self.give_back_at = Some((Instant::now() + GIVE_BACK, self.stirred));
        }
    }

    /// What is there to do now; waits if that is nothing. `None` ends the thread.
    fn take(&mut self, busy: bool) -> Option<(VecDeque<Request>, Vec<PeerMessage>)> {
        let open = self.backlog.len() < FIB_LIMIT;
        // What is due then may be a walk, which waits for the kernel, too.
        let deadline = self.core.deadline().filter(|_| open).map(clock::instant);
        let times = [self.flush_at, deadline, self.give_back_at.map(|(at, _)| at)];
        let mailbox = Arc::clone(&self.handle.mailbox);
        let mut queues = lock(&mailbox.queues);
        loop {
            let requests = std::mem::take(&mut queues.requests);
            let count = if open && !queues.held { queues.input.len().min(INPUT_BURST) } else { 0 };
            let input: Vec<PeerMessage> = queues.input.drain(..count).collect();
            if queues.closed && requests.is_empty() && input.is_empty() && !busy {
                return None;
            }
            let due = times.into_iter().flatten().any(|at| at <= Instant::now());
            if busy || due || !requests.is_empty() || !input.is_empty() {
                return Some((requests, input));
            }
            let next = times.into_iter().flatten().min();
            let patience = match (next, self.backlog.is_empty()) {
                (None, true) => None,
                (Some(at), true) => Some(at.saturating_duration_since(Instant::now())),
                (_, false) => Some(Duration::from_millis(1)),
            };
            queues = match patience {
                None => mailbox.filled.wait(queues).unwrap_or_else(PoisonError::into_inner),
                Some(time) => {
                    let waited = mailbox.filled.wait_timeout(queues, time);
                    let (queues, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
                    if timeout.timed_out() && !self.backlog.is_empty() {
                        return Some((VecDeque::new(), Vec::new()));
                    }
                    queues
                }
            };
        }
    }

    fn input(&mut self, message: PeerMessage) {
        let now = clock::now();
        match message {
            PeerMessage::Up(id, session, writer) => {
                if self.writers.len() <= id.index() {
                    self.writers.resize(id.index() + 1, None);
                }
                self.writers[id.index()] = Some(writer);
                self.core.handle(now, Input::Up(id, session));
            }
            PeerMessage::Down(id) => {
                if let Some(slot) = self.writers.get_mut(id.index()) {
                    *slot = None;
                }
                self.core.handle(now, Input::Down(id));
            }
            PeerMessage::Updates(id, batch, permit) => {
                self.stirred += batch.bytes();
                self.core.handle(now, Input::Updates(id, &batch));
                self.handle.done_with(batch);
                drop(permit);
            }
            PeerMessage::RoundTrip(id, ms) => self.core.handle(now, Input::RoundTrip(id, ms)),
            PeerMessage::Written(id, octets) => self.core.handle(now, Input::Written(id, octets)),
            PeerMessage::Refresh(id, family) => self.core.handle(now, Input::Refresh(id, family)),
            PeerMessage::Removed(id) => self.core.handle(now, Input::PeerRemoved(id)),
        }
    }

    fn dispatch(&mut self) {
        while let Some(output) = self.core.poll() {
            match output {
                Output::Transmit { peers, bytes, messages } => {
                    for peer in peers {
                        if let Some(Some(writer)) = self.writers.get(peer.index()) {
                            writer.push(bytes.clone(), messages);
                        }
                    }
                }
                Output::Event(event) => (self.events)(event),
            }
        }
        let changes = self.core.take_fib();
        self.backlog.extend(changes.into_iter().map(intent));
        self.serve_kernel();
    }

    fn serve_kernel(&mut self) {
        let Some(fib) = self.fib.get() else { return };
        while !self.backlog.is_empty() {
            let count = self.backlog.len().min(FIB_CHUNK);
            let chunk: Vec<Intent> = self.backlog.drain(..count).collect();
            match fib.try_send(chunk) {
                Ok(None) => {}
                Ok(Some(chunk)) => {
                    for intent in chunk.into_iter().rev() {
                        self.backlog.push_front(intent);
                    }
                    return;
                }
                Err(fib::linux::Closed) => {
                    self.backlog.clear();
                    return;
                }
            }
        }
    }
}

/// A change of the table in the kernel thread's words.
fn intent(change: FibChange) -> Intent {
    match change {
        FibChange::HopSet { id, hops, resilient } => Intent::Group {
            id: GroupId(id.0),
            hops: hops
                .into_iter()
                .map(|SetHop { hop, weight }| Hop {
                    gateway: hop.gateway,
                    ifindex: hop.ifindex,
                    weight,
                    onlink: hop.onlink,
                })
                .collect(),
            resilient: resilient.map(|r| fib::Resilient {
                buckets: r.buckets,
                idle: r.idle,
                unbalanced: r.unbalanced,
            }),
        },
        FibChange::Complete => Intent::Synced,
        FibChange::Acknowledge(on) => Intent::Acknowledge(on),
        FibChange::HopSetGone(id) => Intent::GroupGone(GroupId(id.0)),
        FibChange::Route { prefix, route } => Intent::Route {
            prefix,
            table: MAIN_TABLE,
            route: route.map(|r| fib::Route {
                protocol: protocol_number(r.source),
                metric: KERNEL_METRIC,
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

/// `rtm_protocol` of our routes: FRR's numbers, so that other tools name them.
fn protocol_number(source: SourceProtocol) -> u8 {
    match source {
        SourceProtocol::Bgp => 186,
        SourceProtocol::Static | SourceProtocol::Connected | SourceProtocol::Kernel => 196,
    }
}
