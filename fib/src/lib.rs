//! The kernel's routes, next hops, links and addresses, kept as the rest of the router wants them.
//!
//! Not here: any protocol, any decision about which route is best. Others state what they want in
//! [`Intent`]s; the reconciler compares it with what the kernel acknowledged and sends only the
//! differences, in batches, next-hop objects before the routes that hang on them.
//!
//! ```text
//!   Intent  ──►  core::Core  ──►  Batch of netlink messages  ──►  linux (sockets) or fake (memory)
//!   Report  ◄──  wanted, acknowledged   ◄──  acks and errors by sequence number
//!   Event   ◄──  model of links, addresses, foreign routes  ◄──  monitor, dumps
//! ```
//!
//! The core has no clock, socket or thread: [`core::Core::handle`] takes the time and an input,
//! [`core::Core::poll`] yields outputs, [`core::Core::deadline`] says when to call with a time-out.

pub mod core;
pub mod fake;
pub mod intent;
pub mod linux;
pub mod netlink;

pub use intent::{
    Address, Counts, Event, ForeignRoute, GroupId, Hop, Intent, Link, Report, Resilient, Route, RouteKind,
    RouteStatus, Target,
};

/// Nanoseconds since an arbitrary epoch; the shell or the simulator supplies it. Never wall time.
pub type Time = u64;

/// One second in [`Time`] units.
pub const SECOND: Time = 1_000_000_000;
/// One millisecond in [`Time`] units.
pub const MILLISECOND: Time = 1_000_000;
