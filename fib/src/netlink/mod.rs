//! The part of rtnetlink that routes, next-hop objects, links and addresses need.
//!
//! Requests are written straight into one send buffer; replies and notifications are read with
//! checked accesses only, since this is data from outside. Layouts: `linux/netlink.h`,
//! `linux/rtnetlink.h`, `linux/nexthop.h`, `linux/if_link.h`, `linux/if_addr.h`.

pub mod constants;
mod decode;
mod encode;
mod message;
mod reader;

pub use decode::{Incoming, decode};
pub use encode::{Dump, Encoder, encode_batch, encode_dump};
pub use message::{KernelNexthop, KernelRoute, Object, Request, Way};
pub use reader::{Attribute, RawMessage, attributes, messages};

#[cfg(test)]
mod tests;
