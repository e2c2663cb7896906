//! What is going to happen, in order of time.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;

use bgp::types::{SECOND, Time};

/// An event at a time. Of two at the same time the one that was planned first comes first.
struct Item<E> {
    at: Time,
    number: u64,
    event: E,
}

impl<E> Ord for Item<E> {
    fn cmp(&self, other: &Item<E>) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

impl<E> PartialOrd for Item<E> {
    fn partial_cmp(&self, other: &Item<E>) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> PartialEq for Item<E> {
    fn eq(&self, other: &Item<E>) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<E> Eq for Item<E> {}

/// The clock and what is planned.
pub struct Agenda<E> {
    now: Time,
    planned: u64,
    queue: BinaryHeap<Item<E>>,
    trace: u64,
    events: u64,
}

/// Whether what happens is told.
static TOLD: LazyLock<bool> = LazyLock::new(|| std::env::var_os("SIM_TRACE").is_some());

/// Tells what happens, to whom has set `SIM_TRACE`.
pub fn tell(now: Time, what: impl FnOnce() -> String) {
    if *TOLD {
        println!("{:>14.9} {}", now as f64 / SECOND as f64, what());
    }
}

impl<E: Hash> Agenda<E> {
    /// Nothing planned; time begins at one second.
    pub fn new(seed: u64) -> Agenda<E> {
        Agenda { now: SECOND, planned: 0, queue: BinaryHeap::new(), trace: seed, events: 0 }
    }

    /// The time.
    pub fn now(&self) -> Time {
        self.now
    }

    /// Plans an event some time from now.
    pub fn after(&mut self, delay: Time, event: E) {
        self.at(self.now + delay, event);
    }

    /// Plans an event; what should have happened before happens now.
    pub fn at(&mut self, at: Time, event: E) {
        self.planned += 1;
        self.queue.push(Item { at: at.max(self.now), number: self.planned, event });
    }

    /// Goes on to the next event, which becomes part of the trace, or, if there is none so soon, to this time.
    pub fn next(&mut self, until: Time) -> Option<E> {
        if self.queue.peek().is_none_or(|item| item.at > until) {
            self.now = until;
            return None;
        }
        let Item { at, event, .. } = self.queue.pop()?;
        self.now = at;
        self.events += 1;
        let mut hasher = DefaultHasher::new();
        (self.trace, at).hash(&mut hasher);
        event.hash(&mut hasher);
        self.trace = hasher.finish();
        Some(event)
    }

    /// A number for all that happened so far: equal runs have equal ones.
    pub fn trace(&self) -> u64 {
        self.trace
    }

    /// How many events there were.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// As [`tell`], with the time.
    pub fn tell(&self, what: impl FnOnce() -> String) {
        tell(self.now, what);
    }
}
