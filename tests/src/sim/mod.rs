//! A deterministic simulator: the real cores in virtual time, everything from one seed.
//!
//! ```text
//!   seeds ──► plan (who is there, how configured) ──► world ──► nodes: the cores, and a kernel that outlives them
//!                                                       │  ▲
//!              agenda: heap of (time, number, event) ◄──┘  └── trouble: crashes, cuts, losses, changes, frozen nodes
//!                                                       │
//!              laws, worked out by other means than the cores' ◄── all that goes in and out of the cores
//! ```
//!
//! There are two worlds: [`lan`], virtual routers on a switched segment, whose laws are mostly about *when*; and
//! [`routing`], sessions, tables and kernels, whose laws are about what there is in the end. Each can be given a *planted*
//! fault, which disturbs what passes between the cores: the laws must notice every one of them.
//!
//! A run is a pure function of its seed. A failing one is printed with the command that plays it again; with
//! `SIM_TRACE=1` it tells what happens.

pub mod agenda;
pub mod lan;
pub mod routing;
pub mod seeds;

pub use agenda::Agenda;
