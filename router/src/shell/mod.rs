//! What drives the cores: threads, tasks, sockets, timers.
//!
//! ```text
//!   peer (a task each) ──► rib_thread ──► fib's thread ──► kernel
//!        ▲    ▲                ▲  │                            │
//!   listener  └── peers ◄──────┘  └── netdevs ◄── kernel ◄─────┘
//! ```

pub mod clock;
pub mod discovery;
pub mod guard;
pub mod kernel;
pub mod listener;
pub mod logging;
pub mod netdevs;
pub mod peer;
pub mod peers;
pub mod rib_thread;
pub mod rtr;
pub mod translate;
pub mod transport;
