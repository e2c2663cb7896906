//! Routing tables, path selection, policy and export, without I/O.

pub mod policy;
