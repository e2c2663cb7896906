//! The last prefixes that were announced and taken as withdrawn, for whoever asks why a route is not there.

use std::collections::VecDeque;

use ipnet::IpNet;

use crate::batch::UpdateBatch;
use crate::types::{Nlri, Time};
use crate::wire::{Fault, Reject, UpdateReport};

/// Entries kept.
const KEPT: usize = 256;

/// Why routes were taken as withdrawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RefusalReason {
    /// They are well-formed, but not for us.
    Rejected(Reject),
    /// An attribute of this type is malformed (RFC 7606).
    Malformed(u8, Fault),
}

/// A prefix that was announced and taken as withdrawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// When.
    pub at: Time,
    /// The prefix.
    pub net: IpNet,
    /// Why.
    pub reason: RefusalReason,
}

/// A bounded ring of them.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    entries: VecDeque<Refusal>,
}

impl Refusals {
    /// Notes what a message's announcements came to, whose prefixes are in the batch.
    pub fn note(&mut self, now: Time, report: &UpdateReport, batch: &UpdateBatch) {
        let malformed = report.fault.map(|(code, fault, _)| RefusalReason::Malformed(code, fault));
        let Some(reason) = report.rejected.map(RefusalReason::Rejected).or(malformed) else { return };
        fn last<A>(all: &[Nlri<A>], count: u32) -> &[Nlri<A>] {
            let count = KEPT.min(count as usize);
            all.get(all.len().saturating_sub(count)..).unwrap_or(&[])
        }
        let [v4, v6] = report.refused;
        let v4 = last(&batch.v4, v4).iter().map(Nlri::net);
        let v6 = last(&batch.v6, v6).iter().map(Nlri::net);
        for net in v4.chain(v6) {
            if self.entries.len() == KEPT {
                self.entries.pop_front();
            }
            self.entries.push_back(Refusal { at: now, net, reason });
        }
    }

    /// The last refusal of a prefix.
    pub fn last(&self, net: IpNet) -> Option<Refusal> {
        self.entries.iter().rev().find(|r| r.net == net).copied()
    }
}
