//! Logging: lines on standard output, the level as the configuration says.
//!
//! A thread of its own writes them: whoever reads them may stop reading, and nobody here may wait for that. What does
//! not fit into the queue is dropped and counted.

use std::io::{self, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::model::{LogLevel, Logging};

/// Lines that wait for being written.
const QUEUE: usize = 4096;

/// What the writer is given.
enum Entry {
    Line(Vec<u8>),
    /// Everything before it has been written when this is dropped.
    Flush(SyncSender<()>),
}

static ENTRIES: OnceLock<SyncSender<Entry>> = OnceLock::new();
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// One line on its way to the queue.
struct Line;

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let entry = Entry::Line(bytes.to_vec());
        if let Some(Err(TrySendError::Full(_))) = ENTRIES.get().map(|entries| entries.try_send(entry)) {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write(entries: &Receiver<Entry>) {
    let mut out = io::stdout();
    for entry in entries {
        // There is nobody to tell if nobody listens.
        let _ = match entry {
            Entry::Line(line) => out.write_all(&line),
            Entry::Flush(done) => {
                drop(done);
                continue;
            }
        };
        let dropped = DROPPED.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            let _ = writeln!(out, "{dropped} lines of the log were dropped: nobody had taken those before");
        }
    }
}

/// Waits until everything logged so far has been written, for a moment.
pub fn flush() {
    let (sender, receiver) = sync_channel(0);
    if let Some(entries) = ENTRIES.get()
        && entries.try_send(Entry::Flush(sender)).is_ok()
    {
        let _ = receiver.recv_timeout(Duration::from_secs(1));
    }
}

type Handle = reload::Handle<Targets, tracing_subscriber::Registry>;

static LEVEL: OnceLock<Handle> = OnceLock::new();

fn targets(level: LevelFilter) -> Targets {
    // Libraries speak up about trouble only.
    Targets::new().with_default(Level::WARN).with_target("router", level).with_target("fib", level)
}

/// Starts logging. Later calls do nothing.
pub fn init() {
    let (filter, handle) = reload::Layer::new(targets(LevelFilter::INFO));
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_target(false).with_writer(|| Line);
    let (entries, queue) = sync_channel(QUEUE);
    let writer = std::thread::Builder::new().name("log".into());
    if ENTRIES.set(entries).is_err() || writer.spawn(move || write(&queue)).is_err() {
        return;
    }
    if tracing_subscriber::registry().with(filter).with(lines).try_init().is_ok() {
        let _ = LEVEL.set(handle);
    }
}

/// Sets the level that the `log` lines ask for: of standard output if they name it, else of any other place.
pub fn set_level(logging: &Logging) {
    let targets_named = [logging.stdout, logging.file.as_ref().map(|(_, t)| *t), logging.syslog];
    let level = match targets_named.into_iter().flatten().next().map(|t| t.level) {
        None => LevelFilter::INFO,
        Some(None | Some(LogLevel::Debugging)) => LevelFilter::DEBUG,
        Some(Some(LogLevel::Informational | LogLevel::Notifications)) => LevelFilter::INFO,
        Some(Some(LogLevel::Warnings)) => LevelFilter::WARN,
        Some(Some(LogLevel::Errors | LogLevel::Critical | LogLevel::Alerts | LogLevel::Emergencies)) => {
            LevelFilter::ERROR
        }
    };
    reload(level);
}

fn reload(level: LevelFilter) {
    if let Some(handle) = LEVEL.get() {
        let _ = handle.reload(targets(level));
    }
}

/// `debug ...` at the prompt: everything is logged while any of it is on.
pub fn set_debugging(on: bool, logging: &Logging) {
    if on {
        reload(LevelFilter::DEBUG);
    } else {
        set_level(logging);
    }
}
