//! The thread that owns the reconciler and its command socket, and the one that watches.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ipnet::IpNet;
use netlink_sys::Socket;

use super::cold::{self, ColdCommand, SystemConfig};
use super::socket::{self, ForceBuffer};
use crate::Time;
use crate::core::{Config, Core, Input, Output};
use crate::intent::{Counts, Event, Intent, Report, RouteStatus};
use crate::netlink::constants::EOPNOTSUPP;
use crate::netlink::{Dump, Encoder, Incoming, decode, encode_batch, encode_dump, messages};

/// How to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// For the reconciler.
    pub core: Config,
    /// Wanted receive buffer of the sockets in bytes.
    pub buffer: usize,
    /// Makes a buffer larger than the system's limit, if it can be had.
    pub force_buffer: Option<ForceBuffer>,
    /// Messages (each with any number of intents) that may wait before senders block.
    pub queue: usize,
    /// Called on the thread "fib" before anything else: gives it its place among the process's threads.
    pub begin: Option<fn()>,
}

impl Default for Options {
    fn default() -> Options {
        Options { core: Config::default(), buffer: 8 << 20, force_buffer: None, queue: 256, begin: None }
    }
}

/// What the threads tell. The sink is called on the thread "fib" and must not block for long.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FromKernel {
    /// How programming goes.
    Report(Report),
    /// A change in the kernel that the reconciler did not make.
    Event(Event),
}

/// The threads have ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the thread that programs the kernel has ended")]
pub struct Closed;

pub(super) enum Command {
    Intents(Vec<Intent>),
    Watched(Vec<u8>),
    WatchLost,
    Loss { what: String, reason: String },
    System(Box<SystemConfig>),
    Counts(SyncSender<Vec<(bool, u8, Counts)>>),
    Route(IpNet, u32, SyncSender<RouteStatus>),
    Stop,
}

/// The way to the threads. Dropping it stops them; routes stay in the kernel.
#[derive(Debug)]
pub struct Handle {
    sender: SyncSender<Command>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Handle {
    /// Hands over intents; blocks while the queue is full.
    pub fn send(&self, intents: Vec<Intent>) -> Result<(), Closed> {
        self.sender.send(Command::Intents(intents)).map_err(|_| Closed)
    }

    /// Hands over intents unless the queue is full, then gives them back.
    pub fn try_send(&self, intents: Vec<Intent>) -> Result<Option<Vec<Intent>>, Closed> {
        match self.sender.try_send(Command::Intents(intents)) {
            Ok(()) => Ok(None),
            Err(TrySendError::Full(Command::Intents(intents))) => Ok(Some(intents)),
            Err(_) => Err(Closed),
        }
    }

    /// States how the interfaces and the system should be set; replaces the statement before.
    pub fn configure(&self, system: SystemConfig) -> Result<(), Closed> {
        self.sender.send(Command::System(Box::new(system))).map_err(|_| Closed)
    }

    /// A sender of intents for another thread.
    pub fn sender(&self) -> Sender {
        Sender { sender: self.sender.clone() }
    }

    /// Totals per (is IPv6, protocol), or `None` if no answer comes within `wait`.
    pub fn counts(&self, wait: Duration) -> Option<Vec<(bool, u8, Counts)>> {
        let (answer, totals) = sync_channel(1);
        self.sender.try_send(Command::Counts(answer)).ok()?;
        totals.recv_timeout(wait).ok()
    }

    /// How it stands with the route to a prefix in a table, or `None` if no answer comes within `wait`.
    pub fn route(&self, prefix: IpNet, table: u32, wait: Duration) -> Option<RouteStatus> {
        let (answer, status) = sync_channel(1);
        self.sender.try_send(Command::Route(prefix, table, answer)).ok()?;
        status.recv_timeout(wait).ok()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.sender.send(Command::Stop);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// A sender of intents that can be given away.
#[derive(Clone, Debug)]
pub struct Sender {
    sender: SyncSender<Command>,
}

impl Sender {
    /// Hands over intents; blocks while the queue is full.
    pub fn send(&self, intents: Vec<Intent>) -> Result<(), Closed> {
        self.sender.send(Command::Intents(intents)).map_err(|_| Closed)
    }
}

/// Opens the sockets in the caller's network namespace and starts the threads, which live in it.
pub fn spawn(options: Options, sink: impl FnMut(FromKernel) + Send + 'static) -> io::Result<Handle> {
    let (command, port) = socket::command(options.buffer, options.force_buffer)?;
    let monitor = socket::monitor(options.buffer, options.force_buffer, port)?;
    let (sender, receiver) = sync_channel(options.queue.max(2));
    let stop = Arc::new(AtomicBool::new(false));
    let (cold, cold_thread) = cold::spawn(sender.clone())?;
    let watch = {
        let (sender, stop) = (sender.clone(), Arc::clone(&stop));
        std::thread::Builder::new().name("fib-watch".into()).spawn(move || watch(&monitor, &sender, &stop))?
    };
    let worker = Worker {
        core: Core::new(options.core),
        socket: command,
        encoder: Encoder::default(),
        buffer: Vec::with_capacity(1 << 16),
        dump_seq: 0,
        disturbed: 0,
        start: Instant::now(),
        receiver,
        cold,
        sink: Box::new(sink),
        stop: Arc::clone(&stop),
    };
    let main = std::thread::Builder::new().name("fib".into()).spawn(move || {
        if let Some(begin) = options.begin {
            begin();
        }
        worker.run();
    })?;
    Ok(Handle { sender, stop, threads: vec![main, watch, cold_thread] })
}

/// Hands datagrams of the monitor on. When the queue is full it waits, and the kernel's queue fills;
/// an overflow there is reported like any other.
fn watch(socket: &Socket, sender: &SyncSender<Command>, stop: &AtomicBool) {
    let mut buffer = Vec::with_capacity(1 << 16);
    while !stop.load(Ordering::Relaxed) {
        buffer.clear();
        let command = match socket.recv(&mut buffer, 0) {
            Ok(_) => Command::Watched(buffer.clone()),
            Err(e) => match e.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted => continue,
                _ => Command::WatchLost,
            },
        };
        if sender.send(command).is_err() {
            return;
        }
    }
}

struct Worker {
    core: Core,
    socket: Socket,
    encoder: Encoder,
    buffer: Vec<u8>,
    dump_seq: u32,
    disturbed: u8,
    start: Instant,
    receiver: Receiver<Command>,
    cold: SyncSender<ColdCommand>,
    sink: Box<dyn FnMut(FromKernel) + Send>,
    stop: Arc<AtomicBool>,
}

/// Commands taken in one go before the core is asked what to do.
const TAKE: usize = 64;
/// Disturbed dumps in a row after which one is taken as it is.
const DISTURBED: u8 = 5;
/// An id that is nobody's: asking for its buckets tells whether the kernel knows any.
const NO_OBJECT: u32 = u32::MAX;

impl Worker {
    fn now(&self) -> Time {
        // 1 is the first instant: 0 is before everything.
        Time::try_from(self.start.elapsed().as_nanos()).unwrap_or(Time::MAX).saturating_add(1)
    }

    fn run(mut self) {
        self.quiet_objects();
        while !self.stop.load(Ordering::Relaxed) {
            self.work();
            let now = self.now();
            let wait = self.core.deadline().map(|at| Duration::from_nanos(at.saturating_sub(now)));
            match self.receiver.recv_timeout(wait.unwrap_or(Duration::from_secs(3600))) {
                Ok(command) => self.take(command),
                Err(RecvTimeoutError::Timeout) => self.core.handle(self.now(), Input::Timeout),
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.take_waiting();
        }
        let _ = self.cold.send(ColdCommand::Stop);
    }

    /// Without this the kernel sends one notification per route when a next-hop object changes.
    fn quiet_objects(&mut self) {
        let path = "/proc/sys/net/ipv4/nexthop_compat_mode";
        if let Err(e) = std::fs::write(path, "0\n") {
            let what = "net.ipv4.nexthop_compat_mode".to_owned();
            (self.sink)(FromKernel::Report(Report::Loss { what, reason: e.to_string() }));
        }
    }

    fn take_waiting(&mut self) {
        for _ in 0..TAKE {
            match self.receiver.try_recv() {
                Ok(command) => self.take(command),
                Err(_) => return,
            }
        }
    }

    fn take(&mut self, command: Command) {
        match command {
            Command::Intents(intents) => self.core.handle(self.now(), Input::Intents(intents)),
            Command::Watched(bytes) => {
                for raw in messages(&bytes) {
                    self.watched(decode(&raw));
                }
            }
            Command::WatchLost => self.core.handle(self.now(), Input::MonitorLost),
            Command::Loss { what, reason } => (self.sink)(FromKernel::Report(Report::Loss { what, reason })),
            Command::System(system) => {
                let _ = self.cold.send(ColdCommand::Configure(system));
            }
            Command::Counts(answer) => {
                let _ = answer.try_send(self.core.counts());
            }
            Command::Route(prefix, table, answer) => {
                let _ = answer.try_send(self.core.route(prefix, table));
            }
            Command::Stop => self.stop.store(true, Ordering::Relaxed),
        }
    }

    fn watched(&mut self, message: Incoming) {
        if let Incoming::Object { removed, replaced, object, .. } = message {
            let input = if removed { Input::Removed(object) } else { Input::Shown { object, replaced } };
            self.core.handle(self.now(), input);
        }
    }

    fn work(&mut self) {
        while let Some(output) = self.core.poll() {
            match output {
                Output::Send { first_seq, requests } => {
                    self.encoder.clear();
                    encode_batch(&mut self.encoder, first_seq, &requests);
                    let count = u32::try_from(requests.len()).unwrap_or(1);
                    self.exchange(first_seq.wrapping_add(count.wrapping_sub(1)));
                    self.take_waiting();
                }
                Output::Dump => self.dump(),
                Output::Report(report) => (self.sink)(FromKernel::Report(report)),
                Output::Event(event) => {
                    self.tell_cold(&event);
                    (self.sink)(FromKernel::Event(event));
                }
            }
        }
    }

    fn tell_cold(&self, event: &Event) {
        let command = match event {
            Event::LinkChanged(link) => ColdCommand::Link(link.clone()),
            Event::LinkGone { index, .. } => ColdCommand::LinkGone(*index),
            _ => return,
        };
        let _ = self.cold.send(command);
    }

    /// Sends what is encoded and reads replies until the one to `last`.
    fn exchange(&mut self, last: u32) {
        if self.socket.send(self.encoder.bytes(), 0).is_err() {
            std::thread::sleep(Duration::from_millis(20));
            self.lost();
            return;
        }
        loop {
            self.buffer.clear();
            match self.socket.recv(&mut self.buffer, 0) {
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return self.lost(),
            }
            let now = self.now();
            for raw in messages(&self.buffer) {
                if let Incoming::Outcome { seq, errno, message } = decode(&raw) {
                    self.core.handle(now, Input::Outcome { seq, errno, message });
                    if seq == last {
                        return;
                    }
                }
            }
        }
    }

    /// Replies were dropped: empties the queue and starts over.
    fn lost(&mut self) {
        self.buffer.clear();
        while self.socket.recv(&mut self.buffer, MSG_DONTWAIT).is_ok() {
            self.buffer.clear();
        }
        self.core.handle(self.now(), Input::Lost);
    }

    fn dump(&mut self) {
        let parts = [
            Dump::Links,
            Dump::Addresses,
            Dump::Nexthops,
            Dump::Buckets(NO_OBJECT),
            Dump::Routes { v6: false, protocol: 0 },
            Dump::Routes { v6: true, protocol: 0 },
        ];
        let mut whole = true;
        for part in parts {
            match self.dump_part(part) {
                Ok(clean) => whole &= clean,
                Err(_) => {
                    self.lost();
                    self.core.handle(self.now(), Input::DumpFailed);
                    return;
                }
            }
        }
        self.disturbed = if whole { 0 } else { self.disturbed + 1 };
        let done = whole || self.disturbed >= DISTURBED;
        self.core.handle(self.now(), if done { Input::DumpDone } else { Input::DumpFailed });
    }

    /// True if the kernel's table did not change meanwhile.
    fn dump_part(&mut self, part: Dump) -> io::Result<bool> {
        self.dump_seq = self.dump_seq.wrapping_sub(1);
        self.encoder.clear();
        encode_dump(&mut self.encoder, self.dump_seq, part);
        self.socket.send(self.encoder.bytes(), 0)?;
        let mut clean = true;
        loop {
            self.buffer.clear();
            self.socket.recv(&mut self.buffer, 0)?;
            let now = self.now();
            for raw in messages(&self.buffer) {
                match decode(&raw) {
                    Incoming::Done { seq } if seq == self.dump_seq => return Ok(clean),
                    Incoming::Outcome { seq, errno, .. } if seq == self.dump_seq => {
                        if part == Dump::Nexthops && errno == EOPNOTSUPP {
                            self.core.handle(now, Input::NoObjects);
                            return Ok(true);
                        }
                        if part == Dump::Buckets(NO_OBJECT) {
                            if errno == EOPNOTSUPP {
                                self.core.handle(now, Input::NoResilient);
                            }
                            return Ok(true);
                        }
                        return Err(io::Error::from_raw_os_error(errno));
                    }
                    Incoming::Object { seq, interrupted, object, .. } if seq == self.dump_seq => {
                        clean &= !interrupted;
                        self.core.handle(now, Input::Shown { object, replaced: false });
                    }
                    _ => {}
                }
            }
        }
    }
}

/// `linux/socket.h`.
const MSG_DONTWAIT: i32 = 0x40;
