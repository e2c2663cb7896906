//! Routers of this and of other projects, each running in a node until its value is dropped.

mod bird;
mod exabgp;
mod frr;
mod gobgp;
mod keepalived;
mod openbgpd;
mod router;
mod stayrtr;

pub use bird::Bird;
pub use exabgp::ExaBgp;
pub use frr::Frr;
pub use gobgp::GoBgp;
pub use keepalived::Keepalived;
pub use openbgpd::OpenBgpd;
pub use router::{Router, binary as router_binary};
pub use stayrtr::{Records, StayRtr};
