//! The router's side of the RPKI to Router protocol (RFC 6810, RFC 8210), without I/O.
//!
//! [`Caches`] is fed connections, octets and time, and says whom to connect to, what to send, and which records are
//! in force; `shell::rtr` has the sockets. Nothing that a cache sends can make a call fail or take more memory than
//! its records need.
//!
//! ```text
//!   octets ─► Session ─► complete responses ─► Caches ─► Output::Records ─► rib::VrpUpdate
//! ```

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod caches;
pub mod pdu;
mod session;
#[cfg(test)]
mod tests;

pub use caches::{CacheStatus, Caches, Connection, Endpoint, Event, Input, Output, Settings};
pub use pdu::Timing;
pub use session::{End, Position, Records, Response, Said, Session};
