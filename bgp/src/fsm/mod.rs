//! The session with one peer (RFC 4271 section 8), as a machine without I/O.
//!
//! ```text
//!                  Start                         TCP up, OPEN sent
//!        ┌──────┐ ──────► ┌─────────┐ ◄───────► ┌────────┐ ────────► ┌──────────┐
//!        │ Idle │         │ Connect │   retry   │ Active │  accepted │ OpenSent │
//!        └──────┘ ◄──┐    └─────────┘           └────────┘           └──────────┘
//!           ▲        │                                  OPEN received     │
//!           │  back-off, stop, errors             ┌───────────────┐ ◄─────┘
//!           └────────┴─────────────────────────── │  OpenConfirm  │
//!                    ▲                            └───────────────┘
//!                    │         ┌─────────────┐           │ KEEPALIVE received
//!                    └──────── │ Established │ ◄─────────┘
//!                              └─────────────┘
//! ```
//!
//! Two connections at once are a state of their own, [collision], with both of them in it. The shell hands in
//! bytes and events with the time, drains [`Session::poll`] after each, arms one timer for [`Session::deadline`],
//! and takes the routes with [`Session::take_batch`].
//!
//! Not implemented, on purpose: the optional event of RFC 4271 section 8.1.1 that lets an established session
//! collide (CollisionDetectEstablishedState), and the retry without capabilities of RFC 5492 section 3: a peer that
//! needs it is configured without them.
//!
//! [collision]: https://www.rfc-editor.org/rfc/rfc4271#section-6.8

mod collision;
pub mod config;
mod connections;
mod deadlines;
mod faults;
mod history;
pub mod io;
mod link;
pub mod negotiate;
mod receive;
mod refusals;
mod session;
mod state;
pub mod stats;
mod timers;

#[cfg(test)]
mod tests;

use std::fmt;

pub use config::{Confederation, RemoteAs, Role, SessionConfig};
pub use faults::{FaultEntry, FaultKind};
pub use history::{HistoryEntry, Trigger};
pub use io::{CloseKind, Down, Event, Input, Output, ResetReason, StopReason};
pub use negotiate::{Negotiated, OpenRefusal};
pub use refusals::{Refusal, RefusalReason};
pub use session::Session;
pub use state::{IdleReason, Timers};
pub use stats::{LastReset, MessageCounts, Stats};

/// The states of RFC 4271 section 8.2.2, in the order of progress.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FsmState {
    /// Nothing is tried; connections are refused.
    Idle,
    /// A connection is being dialled.
    Connect,
    /// A connection is waited for.
    Active,
    /// Our OPEN is sent.
    OpenSent,
    /// The peer's OPEN is accepted.
    OpenConfirm,
    /// Routes are exchanged.
    Established,
}

impl FsmState {
    /// Its name as FRR shows it.
    pub const fn name(self) -> &'static str {
        match self {
            FsmState::Idle => "Idle",
            FsmState::Connect => "Connect",
            FsmState::Active => "Active",
            FsmState::OpenSent => "OpenSent",
            FsmState::OpenConfirm => "OpenConfirm",
            FsmState::Established => "Established",
        }
    }
}

impl fmt::Display for FsmState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Names one transport connection of one session. What is late for a connection that is gone finds no one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnId(pub u64);
