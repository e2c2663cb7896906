//! How long the members of a group wait for those among them that lag.

use bgp::types::{MILLISECOND, Time};

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
