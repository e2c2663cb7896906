//! The last changes of best paths, for whoever asks what happened.
//!
//! Two rings of fixed size: one for what changes while its neighbour tells its table or leaves, which is a million
//! entries in a burst, and one for all else, which that burst does not push out. An entry is a few words copied, with
//! nothing to allocate once the rings are full.

use bgp::types::{Addr, Time};
use ipnet::IpNet;

use crate::best::Reason;
use crate::id::PeerId;

/// Entries of a ring.
const KEPT: usize = 2048;

/// A neighbour that is gone: the number of none.
const GONE: PeerId = PeerId(u16::MAX - 1);

/// What made a best path change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// A route came, or came with other attributes.
    Announced,
    /// The best path was withdrawn, or refused in its new form, or its session ended.
    Withdrawn,
    /// Nothing came or went: next hops, settings or policy changed.
    Decided,
}

/// One change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Change<A> {
    pub at: Time,
    pub addr: A,
    pub len: u8,
    /// Whose path was the best; `None` if there was none.
    pub from: Option<PeerId>,
    /// Whose path is.
    pub to: Option<PeerId>,
    /// Why that one won.
    pub reason: Reason,
    pub cause: Cause,
}

/// A change as it is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ChangeView {
    /// When, nanoseconds of the shell's clock.
    pub at: Time,
    /// The prefix.
    pub net: IpNet,
    /// Whose path was the best; `None` if there was none.
    pub from: Option<PeerId>,
    /// Whose path is the best.
    pub to: Option<PeerId>,
    /// Why that one won.
    pub reason: Reason,
    /// What made it change.
    pub cause: Cause,
}

#[derive(Debug)]
struct Ring<A> {
    entries: Vec<Change<A>>,
    /// The oldest entry of a full ring.
    next: usize,
}

impl<A> Ring<A> {
    fn push(&mut self, change: Change<A>) {
        if self.entries.len() < KEPT {
            return self.entries.push(change);
        }
        if let Some(oldest) = self.entries.get_mut(self.next) {
            *oldest = change;
        }
        self.next = (self.next + 1) % KEPT;
    }
}

/// The last changes of one family.
#[derive(Debug)]
pub(crate) struct Changes<A> {
    single: Ring<A>,
    bulk: Ring<A>,
}

impl<A> Default for Changes<A> {
    fn default() -> Changes<A> {
        let ring = || Ring { entries: Vec::new(), next: 0 };
        Changes { single: ring(), bulk: ring() }
    }
}

impl<A: Addr> Changes<A> {
    /// Notes a change; `bulk` says that it is one of a burst.
    pub fn push(&mut self, bulk: bool, change: Change<A>) {
        if bulk { self.bulk.push(change) } else { self.single.push(change) }
    }

    /// A neighbour's number will be another one's.
    pub fn forget(&mut self, peer: PeerId) {
        for change in self.single.entries.iter_mut().chain(&mut self.bulk.entries) {
            for id in [&mut change.from, &mut change.to] {
                if *id == Some(peer) {
                    *id = Some(GONE);
                }
            }
        }
    }

    /// The changes that are still there, the newest first: of one prefix or of all, `most` at most.
    pub fn last(&self, net: Option<IpNet>, most: usize) -> Vec<ChangeView> {
        let all = self.single.entries.iter().chain(&self.bulk.entries);
        let wanted = |c: &&Change<A>| net.is_none_or(|net| c.addr.to_net(c.len) == net);
        let mut found: Vec<&Change<A>> = all.filter(wanted).collect();
        found.sort_by_key(|c| std::cmp::Reverse(c.at));
        found.truncate(most);
        let view = |c: &Change<A>| {
            let Change { at, addr, len, from, to, reason, cause } = *c;
            ChangeView { at, net: addr.to_net(len), from, to, reason, cause }
        };
        found.into_iter().map(view).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_leaves_what_was_before_it() {
        let mut changes = Changes::<u32>::default();
        let change = |at, addr| Change {
            at,
            addr,
            len: 32,
            from: None,
            to: Some(PeerId(1)),
            reason: Reason::Only,
            cause: Cause::Announced,
        };
        changes.push(false, change(1, 1));
        (0..100_000).for_each(|n| changes.push(true, change(2 + u64::from(n), n)));
        let all = changes.last(None, usize::MAX);
        assert_eq!(all.len(), KEPT + 1);
        assert_eq!(all.first().map(|c| c.at), Some(100_001));
        assert_eq!(all.last().map(|c| c.at), Some(1));
        assert_eq!(changes.last(Some("0.0.0.1/32".parse().unwrap()), 10).len(), 1);
    }
}
