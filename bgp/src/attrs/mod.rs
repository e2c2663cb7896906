//! Path attributes in canonical form.
//!
//! A *canonical block* is the attribute section of an UPDATE rewritten so that equal routes have equal bytes:
//! sorted by type code, each type once; flags normalised; the length in one octet when it fits, else two
//! (extended-length flag set accordingly); AS numbers in four octets (AS4_PATH and AS4_AGGREGATOR merged and
//! dropped, RFC 6793 section 4.2.3); NEXT_HOP, MP_REACH_NLRI and MP_UNREACH_NLRI taken out; unknown
//! transitive attributes kept with the partial bit set, unknown non-transitive ones dropped. It is therefore
//! valid wire form for a four-octet peer but for the next hop.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod bandwidth;
mod builder;
mod export;
mod path;
mod summary;
pub mod text;
mod view;

#[cfg(test)]
mod tests;

use std::hash::BuildHasher;

pub use bandwidth::{Ipv6ExtCommunity, Ipv6ExtText, LinkBandwidth};
pub use builder::AttrBuilder;
pub(crate) use builder::put_header;
pub(crate) use export::put_prepended;
pub use export::{AttrTooLong, ExportForm, LocalPrefForm, MedForm, Prepend, write_attrs};
pub use path::{AsPath, Segment, SegmentKind, Segments};
pub use summary::summarize;
pub use view::{AttrView, Attrs, RawAttr};
pub(crate) use view::{aigp_metric, be32, known_flags, split_attr};

/// Origin codes (RFC 4271 section 5.1.1); lower is preferred.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[repr(u8)]
pub enum Origin {
    /// Interior.
    #[default]
    Igp = 0,
    /// Learned by EGP.
    Egp = 1,
    /// By other means.
    Incomplete = 2,
}

impl Origin {
    /// From the value of the attribute; what is not defined counts as INCOMPLETE.
    pub const fn from_code(code: u8) -> Origin {
        match code {
            0 => Origin::Igp,
            1 => Origin::Egp,
            _ => Origin::Incomplete,
        }
    }

    /// FRR's name in JSON and in `show bgp PREFIX`.
    pub const fn name(self) -> &'static str {
        match self {
            Origin::Igp => "IGP",
            Origin::Egp => "EGP",
            Origin::Incomplete => "incomplete",
        }
    }

    /// FRR's letter in tables.
    pub const fn letter(self) -> char {
        match self {
            Origin::Igp => 'i',
            Origin::Egp => 'e',
            Origin::Incomplete => '?',
        }
    }
}

/// Bits of [`Summary::flags`].
pub mod flag {
    /// MULTI_EXIT_DISC is present.
    pub const MED: u16 = 1;
    /// LOCAL_PREF is present.
    pub const LOCAL_PREF: u16 = 1 << 1;
    /// Community NO_EXPORT (RFC 1997).
    pub const NO_EXPORT: u16 = 1 << 2;
    /// Community NO_ADVERTISE (RFC 1997).
    pub const NO_ADVERTISE: u16 = 1 << 3;
    /// Community NO_EXPORT_SUBCONFED (RFC 1997), FRR's `local-AS`.
    pub const LOCAL_AS: u16 = 1 << 4;
    /// Community GRACEFUL_SHUTDOWN (RFC 8326).
    pub const GRACEFUL_SHUTDOWN: u16 = 1 << 5;
    /// Community BLACKHOLE (RFC 7999).
    pub const BLACKHOLE: u16 = 1 << 6;
    /// ORIGINATOR_ID is present.
    pub const ORIGINATOR_ID: u16 = 1 << 7;
    /// Community LLGR_STALE (RFC 9494).
    pub const LLGR_STALE: u16 = 1 << 8;
    /// AS_PATH has an AS_SET or AS_CONFED_SET.
    pub const AS_SET: u16 = 1 << 9;
    /// ONLY_TO_CUSTOMER is present (RFC 9234).
    pub const OTC: u16 = 1 << 10;
    /// AIGP is present (RFC 7311).
    pub const AIGP: u16 = 1 << 11;
    /// A link bandwidth community, in either encoding.
    pub const LINK_BANDWIDTH: u16 = 1 << 12;
}

/// The fields of a canonical block that the decision process reads, read once.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Summary {
    /// LOCAL_PREF; meaningless without [`flag::LOCAL_PREF`].
    pub local_pref: u32,
    /// MULTI_EXIT_DISC; meaningless without [`flag::MED`].
    pub med: u32,
    /// Leftmost AS of the AS_PATH when its first segment is a sequence (confederation segments skipped), else 0.
    pub neighbor_as: u32,
    /// ORIGINATOR_ID; meaningless without [`flag::ORIGINATOR_ID`].
    pub originator_id: u32,
    /// AS_PATH length as the decision process counts it: a set is one, confederation segments are none.
    pub path_len: u16,
    /// What the confederation segments would add to it (`bgp bestpath as-path confed`).
    pub confed_len: u16,
    /// Bits of [`flag`].
    pub flags: u16,
    /// Entries of CLUSTER_LIST.
    pub cluster_len: u8,
    /// ORIGIN.
    pub origin: Origin,
}

impl Summary {
    /// Whether a bit of [`flag`] is set.
    pub const fn has(&self, bit: u16) -> bool {
        self.flags & bit != 0
    }
}

/// Hash of a canonical block. `seed` is the same everywhere in one process: peers choose attributes, so it
/// must not be known to them.
pub fn hash_block(seed: u64, block: &[u8]) -> u64 {
    foldhash::quality::FixedState::with_seed(seed).hash_one(block)
}
