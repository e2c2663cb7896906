//! What must hold of every decoder of outside input, whatever the input: laws to fuzz.
//!
//! ```text
//!   tests/fuzz (libFuzzer, coverage, nightly) ──┐
//!   tests/fuzz.rs (seeded mutation, stable) ────┼──► Target::run ──► decoder, then its laws
//!   corpus and regressions ─────────────────────┘
//! ```
//!
//! A target is a function of octets that panics when a law is broken. The first octets of an input often choose
//! the circumstances (capabilities, families, roles), so that a mutation can change those too. A new decoder gets
//! a function here, a line in [`TARGETS`], seeds in [`seeds`], and three lines in `tests/fuzz`.

mod config;
mod messages;
mod mutate;
mod named;
mod netlink;
mod rtr;
pub mod seeds;
mod stream;
mod update;
mod vrrp;

pub use mutate::mutate;

/// A decoder with its laws.
#[derive(Clone, Copy)]
pub struct Target {
    /// Name of the target, and of its directory in the corpus.
    pub name: &'static str,
    /// Runs the decoder on one input. Panics if a law does not hold.
    pub run: fn(&[u8]),
    /// Octets that a run may allocate, all in all: so many, and so many for each octet of input. Some twice
    /// of what was measured; the checks of the laws themselves count too.
    pub memory: (usize, usize),
    /// Longest input that mutation makes.
    pub longest: usize,
    /// A run takes some ten times as long as those of others.
    pub slow: bool,
}

/// All of them.
pub const TARGETS: [Target; 11] = [
    Target { name: "stream", run: stream::stream, memory: (64 << 10, 512), longest: 4096, slow: true },
    Target { name: "open", run: messages::open, memory: (16 << 10, 256), longest: 4096, slow: false },
    Target {
        name: "capability",
        run: messages::capability,
        memory: (4 << 20, 4 << 10),
        longest: 300,
        slow: false,
    },
    Target {
        name: "notification",
        run: messages::notification,
        memory: (4 << 20, 4 << 10),
        longest: 4096,
        slow: false,
    },
    Target {
        name: "route_refresh",
        run: messages::route_refresh,
        memory: (4 << 20, 4 << 10),
        longest: 64,
        slow: false,
    },
    // Each octet can be a prefix, and most of what is allocated for one is what the laws compare.
    Target { name: "update", run: update::update, memory: (64 << 10, 8 << 10), longest: 4096, slow: false },
    Target { name: "vrrp", run: vrrp::packet, memory: (8 << 10, 64), longest: 4200, slow: false },
    Target { name: "rtr", run: rtr::session, memory: (64 << 10, 512), longest: 4096, slow: false },
    Target {
        name: "netlink",
        run: netlink::datagram,
        memory: (4 << 20, 4 << 10),
        longest: 4096,
        slow: false,
    },
    Target { name: "config", run: config::file, memory: (2 << 20, 16 << 10), longest: 4096, slow: true },
    Target { name: "command", run: config::command, memory: (1 << 20, 4 << 10), longest: 512, slow: true },
];

/// The target of this name.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.into_iter().find(|t| t.name == name)
}

impl Target {
    /// Runs one input and checks what it allocated; `allocated` tells what the process has, all in all so far.
    pub fn measured(&self, input: &[u8], allocated: impl Fn() -> usize) {
        let before = allocated();
        (self.run)(input);
        let taken = allocated() - before;
        let (some, each) = self.memory;
        assert!(
            taken <= some + each * input.len(),
            "{}: {taken} octets allocated for {} octets of input",
            self.name,
            input.len()
        );
    }
}
