//! The configuration: a typed model, the command table that reads and writes it, and its text form.
//!
//! ```text
//!   frr.conf, "configure terminal" ──► parse ──► grammar (one table of commands) ──► model::Config
//!                                                   │                                     │
//!                            help, completion ◄─────┘        render: show running-config ◄┘
//! ```

mod check;
mod diff;
pub mod grammar;
pub mod model;
pub mod parse;
#[cfg(test)]
mod random_tests;
pub mod render;
#[cfg(test)]
mod tests;

pub use check::check;
pub use diff::diff;
pub use parse::{ParseError, Parsed, parse};
pub use render::{Part, clause_lines, render, route_map_entry, running_config, running_config_of};
