//! The routing appliance: configuration, command line and output around the protocol crates.

pub mod config;
