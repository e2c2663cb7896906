//! The routing appliance: configuration, command line and output around the protocol crates.

mod args;
pub mod cli;
pub mod collect;
pub mod commits;
pub mod config;
pub mod control;
pub mod daemon;
pub mod demo;
pub mod events;
pub mod gateway;
pub mod healthcheck;
pub mod live;
pub mod logs;
pub mod metrics;
pub mod ontime;
pub mod rtr;
pub mod shell;
pub mod show;
pub mod sys;

pub use args::run;
