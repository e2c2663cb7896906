//! What the scenarios are made of: laboratories of network namespaces, real peers of other projects, a speaker of
//! our own that says whatever a test wants, recorded tables, and a simulator of the cores in virtual time.
//!
//! ```text
//!   tests/*.rs ──► lab (namespaces, links) ──► peers (router, FRR, BIRD, GoBGP, ExaBGP, keepalived)
//!        │                                 └─► speaker (bgp::fsm::Session over a real socket)
//!        ├──────► kernel (routes of a namespace), wait (polling with a deadline)
//!        ├──────► replay (recorded update streams)
//!        ├──────► sim (no sockets, no clock: everything from one seed)
//!        └──────► fuzz (laws of the decoders, for any input)
//! ```
//!
//! Laboratories need root and iproute2. A peer's program that is missing fails the test by the name of its package.

pub mod fuzz;
pub mod http;
pub mod kernel;
pub mod lab;
pub mod netns;
pub mod peers;
pub mod probe;
pub mod process;
pub mod replay;
pub mod rng;
pub mod sim;
pub mod speaker;
pub mod wait;

pub use lab::{Lab, Node};
pub use wait::{wait_for, wait_ok};
