//! Jitter and deadlines.

use crate::types::Time;

/// A small seeded generator (SplitMix64); jitter needs no better.
#[derive(Debug)]
pub(super) struct Jitter {
    state: u64,
}

impl Jitter {
    pub const fn new(seed: u64) -> Jitter {
        Jitter { state: seed }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 75 to 100 percent of a time (RFC 4271 section 10).
    pub fn of(&mut self, time: Time) -> Time {
        let quarter = time / 4;
        time - if quarter == 0 { 0 } else { self.next() % quarter }
    }
}

/// The earlier of two deadlines, of which there may be none.
pub(super) fn earlier(a: Option<Time>, b: Option<Time>) -> Option<Time> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// Whether a deadline has passed.
pub(super) fn due(deadline: Option<Time>, now: Time) -> bool {
    deadline.is_some_and(|t| t <= now)
}
