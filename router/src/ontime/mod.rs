//! The thread that must be on time: VRRP with its sockets, timers and virtual devices.
//!
//! A plain thread with one wait call, no locks shared with anything slow, and netlink sockets of its
//! own, so that no burst of routes can delay an advertisement. Real-time scheduling is taken if
//! permitted and never needed.
//!
//! ```text
//!   Handle ──commands──► thread "on-time": vrrp::Instance per group and family
//!     ▲                     │ raw sockets (protocol 112) in, packet socket out,
//!     │ Snapshot, Event     │ netlink: macvlan with the virtual MAC, addresses, settings
//!     └─────────────────────┘
//! ```
//!
//! While Active the macvlan is up and holds the virtual addresses; a backup's is down, because one
//! that is up receives and forwards what the switch floods. The process may be killed at any time:
//! devices are marked, keep forwarding, and are adopted by the next start.

mod device;
mod group;
mod handle;
mod link;
mod lower;
mod receive;
mod thread;

pub use handle::{Event, Family, GroupConfig, GroupKey, GroupStatus, Handle, Options, Snapshot};
pub use thread::spawn;
