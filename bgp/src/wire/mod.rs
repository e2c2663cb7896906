//! The messages of BGP-4 on the wire.

pub mod iana;
