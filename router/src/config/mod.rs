//! The configuration: a typed model, the command table that reads and writes it, and its text form.
//!
//! ```text
//!   frr.conf, "configure terminal" ──► parse ──► grammar (one table of commands) ──► model::Config
//!                                                   │                                     │
//!                            help, completion ◄─────┘        render: show running-config ◄┘
//! ```

pub mod model;
