//! Faults that are planted between the cores, to see that the laws notice them.

use bgp::batch::{Op, UpdateBatch};
use rib::event::FibChange;

use crate::rng::Rng;

/// What goes wrong, on every router.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Planted {
    /// One withdrawal in ten is lost between session and table.
    LostWithdrawal,
    /// One announcement in thirty is lost between session and table.
    LostAnnouncement,
    /// Of two reads, the later one sometimes comes first.
    Reordered,
    /// One route in twenty is lost between table and reconciler.
    ForgottenRoute,
    /// A changed set of next hops is lost between table and reconciler.
    ForgottenHops,
    /// The reconciler gets only the first of several next hops.
    OneHop,
    /// A neighbour's request for its routes is not passed on.
    NoRefresh,
    /// The table's wish for a refresh is not passed on.
    NoReevaluation,
    /// New policies are not passed on.
    StalePolicies,
    /// Sockets' progress is not passed on.
    LostCredit,
    /// The table does not hear of links.
    DeafToLinks,
    /// The end of a session is not passed on; its routes stay until the next one begins.
    LostDown,
    /// One route in twenty that the kernel acknowledged is not there.
    KernelForgets,
    /// Routes of others are taken for ours.
    TakenForOurs,
    /// Routes of a predecessor are not seen.
    NoAdoption,
    /// Routes of a predecessor are swept at once.
    EagerSweep,
    /// Routes of a predecessor are never swept.
    NoSweep,
    /// Next hops are told as they came, even those that are only of use to us.
    WrongAddress,
}

impl Planted {
    /// All of them.
    pub const ALL: [Planted; 18] = [
        Planted::LostWithdrawal,
        Planted::LostAnnouncement,
        Planted::Reordered,
        Planted::ForgottenRoute,
        Planted::ForgottenHops,
        Planted::OneHop,
        Planted::NoRefresh,
        Planted::NoReevaluation,
        Planted::StalePolicies,
        Planted::LostCredit,
        Planted::DeafToLinks,
        Planted::LostDown,
        Planted::KernelForgets,
        Planted::TakenForOurs,
        Planted::NoAdoption,
        Planted::EagerSweep,
        Planted::NoSweep,
        Planted::WrongAddress,
    ];

    /// What becomes of routes between session and table.
    pub(super) fn batch(self, batch: &mut UpdateBatch, rng: &mut Rng) {
        match self {
            Planted::LostWithdrawal => {
                batch.ops.retain(|op| !matches!(op, Op::Withdraw { .. }) || !rng.once_in(10));
            }
            Planted::LostAnnouncement => {
                batch.ops.retain(|op| !matches!(op, Op::Announce { .. }) || !rng.once_in(30));
            }
            _ => {}
        }
    }

    /// What becomes of changes between table and reconciler.
    pub(super) fn changes(self, changes: &mut Vec<FibChange>, rng: &mut Rng) {
        match self {
            Planted::ForgottenRoute => {
                changes.retain(|change| !matches!(change, FibChange::Route { .. }) || !rng.once_in(20));
            }
            Planted::ForgottenHops => {
                changes.retain(|change| !matches!(change, FibChange::HopSet { .. }) || !rng.once_in(10));
            }
            Planted::OneHop => {
                for change in changes {
                    if let FibChange::HopSet { hops, .. } = change {
                        hops.truncate(1);
                    }
                }
            }
            Planted::EagerSweep => changes.insert(0, FibChange::Complete),
            Planted::NoSweep => changes.retain(|change| *change != FibChange::Complete),
            _ => {}
        }
    }
}
