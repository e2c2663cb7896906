//! The sockets and threads beneath the reconciler.
//!
//! ```text
//!   senders of intents ──► bounded queue ──► thread "fib": Core, command socket ──► sink(FromKernel)
//!                              ▲    ▲                                  │ links, addresses
//!           thread "fib-watch"─┘    └── thread "fib-cold" ◄────────────┘
//!           monitor socket              interfaces: addresses, MTU, up or down, sysctls
//! ```
//!
//! The kernel works a batch off within `send`, so the command socket blocks: the replies are in its
//! queue when the call returns. What arrives meanwhile waits in the queue and makes the next batch.

mod cold;
mod socket;
mod sysctl;
mod thread;

pub use cold::{InterfaceConfig, SystemConfig};
pub use sysctl::{Setting, SettingFamily, router_defaults};
pub use thread::{Closed, FromKernel, Handle, Options, Sender, spawn};
