//! How much may wait in members' writers, and how long the members of a group wait for those among them that lag.

use bgp::types::{Addr, MILLISECOND, Time};

use super::{CHUNK, Group};
use crate::id::PeerId;
use crate::shared::Shared;

/// Octets that may wait in a member's writer at most; above it the member gets no more until some have gone.
pub const WRITER_LIMIT: usize = 1 << 20;

/// Octets that should wait in all writers together: with many neighbours, each has less.
const WRITERS_LIMIT: usize = 8 << 20;

/// How long the others wait for laggards, all told, before they are parted: a group costs four octets a prefix.
const PATIENCE: Time = 100 * MILLISECOND;

/// How long members waited for others since they were last told everything.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Wait {
    since: Option<Time>,
    before: Time,
}

impl Wait {
    /// Notes whether members wait. Returns whether they waited long enough.
    pub fn note(&mut self, now: Time, waiting: bool) -> bool {
        let waited = self.before + self.since.map_or(0, |since| now.saturating_sub(since));
        match (waiting, self.since) {
            (true, None) => self.since = Some(now),
            (true, Some(_)) => {}
            (false, _) => *self = Wait { since: None, before: waited },
        }
        waiting && waited >= PATIENCE
    }

    /// When the waiting has been long enough.
    pub fn deadline(&self) -> Option<Time> {
        self.since.map(|since| since + PATIENCE.saturating_sub(self.before))
    }
}

/// Octets that may wait in the writer of one of so many neighbours.
fn writer_limit(sessions: usize) -> usize {
    (WRITERS_LIMIT / sessions.max(1)).clamp(2 * CHUNK, WRITER_LIMIT)
}

impl<A: Addr> Group<A> {
    /// Whether all members take more.
    pub(super) fn room(&self, shared: &Shared) -> bool {
        let limit = writer_limit(shared.sessions);
        self.members.iter().all(|m| shared.peer(*m).is_none_or(|p| p.in_flight < limit))
    }

    /// Members to part from the others: those that have no room while others are through with what they got, and have
    /// been for long enough.
    pub(crate) fn laggards(&mut self, shared: &Shared, now: Time) -> Vec<PeerId> {
        let load = |m: &PeerId| shared.peer(*m).map_or(0, |p| p.in_flight);
        let limit = writer_limit(shared.sessions);
        let slow: Vec<PeerId> = self.members.iter().copied().filter(|m| load(m) >= limit).collect();
        let quick = self.members.iter().any(|m| load(m) < limit / 8);
        if self.idle() {
            self.wait = Wait::default();
        }
        let long = self.wait.note(now, quick && !slow.is_empty() && !self.idle());
        if long { slow } else { Vec::new() }
    }

    /// When laggards have to be parted from the others.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.wait.deadline()
    }
}
