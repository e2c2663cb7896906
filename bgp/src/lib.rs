//! BGP-4 without I/O: wire formats, canonical path attributes and the session state machine.
//!
//! Nothing here knows a socket, a clock, a task or a log. Bytes and events go in with the time,
//! actions come out; `router` drives it, and the simulator drives the same code in virtual time.
//!
//! ```text
//!   bytes ──► wire (framing, OPEN, UPDATE, ...) ──► attrs (canonical block, summary, hash)
//!                         ▲                                   │
//!                         │                                   ▼
//!   events, time ──► fsm::Session ──────────────────► batch::UpdateBatch  ──► the routing table
//! ```

pub mod attrs;
pub mod batch;
pub mod fsm;
pub mod types;
pub mod wire;
