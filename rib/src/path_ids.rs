//! Identifiers that we give to paths towards neighbours that take several of a prefix (RFC 7911 section 3).
//!
//! A path is named by where it comes from: its neighbour, and the identifier that the neighbour gave it. So it keeps
//! its number whoever is told and whatever else comes or goes, and no prefix has to remember any.

use std::collections::HashMap;

use crate::id::PeerId;

/// The first number that is given to an identifier of a neighbour's; those below are the neighbours themselves.
const FIRST: u32 = PeerId::LOCAL.0 as u32 + 2;

/// Numbers of identifiers that neighbours gave.
#[derive(Debug)]
pub(crate) struct PathIds {
    /// The number of a neighbour's identifier, and the paths that bear it.
    numbers: HashMap<(PeerId, u32), (u32, u32), foldhash::quality::FixedState>,
    /// Numbers below `next` that nobody bears.
    free: Vec<u32>,
    next: u32,
}

impl PathIds {
    /// None yet. Peers choose identifiers, so `seed` must not be known to them.
    pub fn new(seed: u64) -> PathIds {
        let hasher = foldhash::quality::FixedState::with_seed(seed);
        PathIds { numbers: HashMap::with_hasher(hasher), free: Vec::new(), next: FIRST }
    }

    /// A path came.
    pub fn retain(&mut self, peer: PeerId, received: u32) {
        if received == 0 {
            return;
        }
        let (free, next) = (&mut self.free, &mut self.next);
        let (_, paths) = self.numbers.entry((peer, received)).or_insert_with(|| {
            let number = free.pop().unwrap_or(*next);
            *next = (*next).max(number.saturating_add(1));
            (number, 0)
        });
        *paths += 1;
    }

    /// A path went.
    pub fn release(&mut self, peer: PeerId, received: u32) {
        if let Some((number, paths)) = self.numbers.get_mut(&(peer, received)) {
            *paths -= 1;
            if *paths == 0 {
                self.free.push(*number);
                self.numbers.remove(&(peer, received));
            }
        }
    }

    /// The number of a path, which is never 0.
    pub fn number(&self, peer: PeerId, received: u32) -> u32 {
        self.numbers.get(&(peer, received)).map_or(u32::from(peer.0) + 1, |(number, _)| *number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_one_prefix_never_share_a_number_and_numbers_come_back() {
        let mut ids = PathIds::new(1);
        let (a, b) = (PeerId(0), PeerId(7));
        for received in 1..=3 {
            ids.retain(a, received);
        }
        ids.retain(a, 2);
        ids.retain(b, 1);
        let all = [(a, 1), (a, 2), (a, 3), (b, 1), (a, 0), (b, 0), (PeerId::LOCAL, 0)];
        let mut numbers = all.map(|(peer, received)| ids.number(peer, received));
        numbers.sort_unstable();
        assert!(numbers.windows(2).all(|w| w[0] < w[1]) && numbers[0] > 0, "{numbers:?}");
        let second = ids.number(a, 2);
        ids.release(a, 2);
        assert_eq!(ids.number(a, 2), second, "another path bears it still");
        ids.release(a, 2);
        ids.retain(b, 9);
        assert_eq!(ids.number(b, 9), second);
    }
}
