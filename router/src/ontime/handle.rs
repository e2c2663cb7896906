//! What others say to the thread and see of it.

use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use vrrp::Family;
use vrrp::{Config, Notice, Reason, State, Status, Time};

use crate::sys::ontime::Waker;

/// Names a virtual router: interface, VRID, family.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct GroupKey {
    /// Name of the interface.
    pub interface: String,
    /// VRID.
    pub vrid: u8,
    /// Family.
    pub family: Family,
}

/// A virtual router as configured.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupConfig {
    /// Name of the interface; it may appear later.
    pub interface: String,
    /// Frames come from the virtual MAC (RFC 9568 section 7.3), else from the interface's own, and the virtual
    /// addresses are on the interface itself while Active.
    pub virtual_mac: bool,
    /// The protocol's part, VRID and family included.
    pub vrrp: Config,
}

impl GroupConfig {
    /// Its name.
    pub fn key(&self) -> GroupKey {
        GroupKey { interface: self.interface.clone(), vrid: self.vrrp.vrid, family: self.vrrp.family }
    }
}

/// What the thread tells as it happens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// A state changed.
    Changed {
        /// Which virtual router.
        group: GroupKey,
        /// Before.
        from: State,
        /// After.
        to: State,
        /// Why.
        reason: Reason,
    },
    /// Something for the log.
    Notice {
        /// Which virtual router.
        group: GroupKey,
        /// What.
        notice: Notice,
    },
    /// Something could not be done; the rest goes on.
    Failed {
        /// Which virtual router, if one.
        group: Option<GroupKey>,
        /// What was to be done.
        what: String,
        /// Why not.
        reason: String,
    },
}

/// A virtual router as it runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupStatus {
    /// Its name.
    pub key: GroupKey,
    /// Index of the interface, if it is there.
    pub ifindex: Option<u32>,
    /// Name of the device with the virtual addresses, if it is there.
    pub device: Option<String>,
    /// The MAC that hosts learn.
    pub mac: [u8; 6],
    /// The protocol's part; times are of the clock given at the start.
    pub status: Status,
}

/// All virtual routers at some recent moment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Snapshot {
    /// In the order of their names.
    pub groups: Vec<GroupStatus>,
    /// When it was taken.
    pub taken: Time,
    /// The thread has real-time scheduling.
    pub real_time: bool,
}

/// How to run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The clock: nanoseconds, never going back.
    pub clock: fn() -> Time,
    /// Try for real-time scheduling.
    pub real_time: bool,
}

pub(super) enum Command {
    Configure(Vec<GroupConfig>),
    Health(GroupKey, bool),
    Drain(Option<GroupKey>, bool),
    /// The thread that lowers devices could not do this.
    Failed(GroupKey, &'static str, std::io::Error),
    Shutdown,
}

/// The way to the thread. Dropping it without [`Handle::shutdown`] leaves everything as it is until
/// the process ends, and the virtual devices forwarding after that.
#[derive(Debug)]
pub struct Handle {
    pub(super) commands: Sender<Command>,
    pub(super) waker: Arc<Waker>,
    pub(super) snapshot: Arc<Mutex<Snapshot>>,
    pub(super) done: Mutex<Receiver<()>>,
}

impl Handle {
    fn say(&self, command: Command) {
        // The thread ends only after a shutdown; then nothing is to be said any more.
        let _ = self.commands.send(command);
        self.waker.wake();
    }

    /// States all virtual routers there are to be; replaces the statement before. What stays the
    /// same goes on undisturbed.
    pub fn configure(&self, groups: Vec<GroupConfig>) {
        self.say(Command::Configure(groups));
    }

    /// Tracking: this virtual router can do its work, or cannot.
    pub fn health(&self, group: GroupKey, healthy: bool) {
        self.say(Command::Health(group, healthy));
    }

    /// Gives the role away, for one virtual router or for all, until called with false.
    pub fn drain(&self, group: Option<GroupKey>, drained: bool) {
        self.say(Command::Drain(group, drained));
    }

    /// The last picture, at most about a fifth of a second old.
    pub fn snapshot(&self) -> Snapshot {
        self.snapshot.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Resigns everywhere, keeps forwarding until the successors are heard, removes the virtual
    /// devices. True if all that was done within `wait`; about a second is enough.
    pub fn shutdown(&self, wait: Duration) -> bool {
        self.say(Command::Shutdown);
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        // The other end is dropped when the thread ends.
        done.recv_timeout(wait) == Err(std::sync::mpsc::RecvTimeoutError::Disconnected)
    }
}
