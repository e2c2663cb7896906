//! What a session hands to the routing table: the routes of one or more UPDATEs, flat.
//!
//! A batch is filled by one read's worth of messages and emptied in one go. Attribute blocks stand in
//! one arena, prefixes in one vector for each family; operations refer to ranges of them and keep wire order.

use std::ops::Range;

use crate::attrs::Summary;
use crate::types::{Family, NextHop, Nlri};

/// One distinct attribute block of a batch.
#[derive(Clone, Debug)]
pub struct BatchAttrs {
    /// Where its canonical bytes stand in [`UpdateBatch::arena`].
    pub block: Range<u32>,
    /// Seeded hash of the canonical bytes (not of the next hop); see [`crate::attrs::hash_block`].
    pub hash: u64,
    /// Decision fields, read once.
    pub summary: Summary,
    /// Next hop of the announced prefixes.
    pub next_hop: NextHop,
}

/// One step of a batch. Ranges index `v4` or `v6` by the family.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Op {
    /// Prefixes reachable with the attributes `attrs[attrs]`.
    Announce {
        /// Family of the prefixes.
        family: Family,
        /// Index into [`UpdateBatch::attrs`].
        attrs: u32,
        /// Range of prefixes.
        nlri: Range<u32>,
    },
    /// Prefixes no longer reachable, by the peer's word or by RFC 7606 treat-as-withdraw or a loop.
    Withdraw {
        /// Family of the prefixes.
        family: Family,
        /// Range of prefixes.
        nlri: Range<u32>,
    },
    /// End-of-RIB marker (RFC 4724 section 2).
    EndOfRib(Family),
    /// The answer to a route refresh begins (RFC 7313 section 4): what is not announced again until it ends is stale.
    RefreshBegin(Family),
    /// The answer to a route refresh is complete.
    RefreshEnd(Family),
}

/// A batch of route changes from one peer.
#[derive(Clone, Default, Debug)]
pub struct UpdateBatch {
    /// Canonical attribute blocks, back to back.
    pub arena: Vec<u8>,
    /// The distinct blocks.
    pub attrs: Vec<BatchAttrs>,
    /// What to do, in wire order.
    pub ops: Vec<Op>,
    /// IPv4 prefixes of the operations.
    pub v4: Vec<Nlri<u32>>,
    /// IPv6 prefixes of the operations.
    pub v6: Vec<Nlri<u128>>,
}

impl UpdateBatch {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    /// Memory that the batch stands for in a queue bounded by bytes.
    pub fn bytes(&self) -> usize {
        self.arena.len()
            + self.attrs.len() * size_of::<BatchAttrs>()
            + self.ops.len() * size_of::<Op>()
            + self.v4.len() * size_of::<Nlri<u32>>()
            + self.v6.len() * size_of::<Nlri<u128>>()
    }

    /// Memory that it takes, whatever is in it.
    pub fn memory(&self) -> usize {
        self.arena.capacity()
            + self.attrs.capacity() * size_of::<BatchAttrs>()
            + self.ops.capacity() * size_of::<Op>()
            + self.v4.capacity() * size_of::<Nlri<u32>>()
            + self.v6.capacity() * size_of::<Nlri<u128>>()
    }

    /// Makes the batch empty, keeping its memory for the next one.
    pub fn clear(&mut self) {
        self.arena.clear();
        self.attrs.clear();
        self.ops.clear();
        self.v4.clear();
        self.v6.clear();
    }

    /// The canonical bytes of one of [`Self::attrs`].
    pub fn block(&self, attrs: &BatchAttrs) -> &[u8] {
        self.arena.get(attrs.block.start as usize..attrs.block.end as usize).unwrap_or(&[])
    }
}
