//! VRRP version 3 (RFC 9568) without I/O: packets in and out as bytes, time as an argument.
//!
//! Not here: sockets, interfaces, the virtual MAC's device, version 2.
//!
//! ```text
//!   Input: packets, link and health, time-out ──► fsm::Instance ──► Output: frames to send,
//!                                                                   acquire or release the datapath,
//!                                                                   announcements, changes, notices
//! ```
//!
//! One [`Instance`] serves one virtual router of one family on one interface. The same three calls
//! as everywhere: [`Instance::handle`], [`Instance::poll`], [`Instance::deadline`].

pub mod announce;
pub mod config;
pub mod fsm;
pub mod wire;

pub use config::{Config, Family, RouterAdvertisement};
pub use fsm::{Input, Instance, Notice, Output, Reason, State, Stats, Status};
pub use wire::{Advert, Checksum, Discard, Packet};

/// Nanoseconds since an arbitrary epoch; the shell or the simulator supplies it. Never wall time.
pub type Time = u64;

/// One second in [`Time`] units.
pub const SECOND: Time = 1_000_000_000;
/// One millisecond in [`Time`] units.
pub const MILLISECOND: Time = 1_000_000;
/// One centisecond, the unit of the wire (RFC 9568 section 5.2.7).
pub const CENTISECOND: Time = 10 * MILLISECOND;
