//! What decoding the UPDATEs of a session depends on.

use std::net::Ipv4Addr;

use crate::types::{Asn, PeerKind};

/// A set of attribute type codes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct AttrCodes([u64; 4]);

impl AttrCodes {
    /// None.
    pub const NONE: AttrCodes = AttrCodes([0; 4]);

    /// Adds one.
    pub fn insert(&mut self, code: u8) {
        if let Some(word) = self.0.get_mut(usize::from(code >> 6)) {
            *word |= 1 << (code & 63);
        }
    }

    /// Whether one is in it.
    #[inline]
    pub fn has(&self, code: u8) -> bool {
        self.0.get(usize::from(code >> 6)).is_some_and(|w| w & (1 << (code & 63)) != 0)
    }
}

impl FromIterator<u8> for AttrCodes {
    fn from_iter<I: IntoIterator<Item = u8>>(codes: I) -> AttrCodes {
        let mut set = AttrCodes::NONE;
        codes.into_iter().for_each(|c| set.insert(c));
        set
    }
}

/// How often our own AS may stand in a received path (`allowas-in`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum AllowOwnAs {
    /// Not at all (RFC 4271 section 9.1.2).
    #[default]
    No,
    /// That many times.
    Times(u8),
    /// As the origin only.
    Origin,
}

/// What the peer is to us, by the roles of RFC 9234.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PeerRelation {
    /// It gives us transit.
    Provider,
    /// It is the route server of which we are a client.
    RouteServer,
    /// We give it transit.
    Customer,
    /// It is a client of our route server.
    RouteServerClient,
    /// Neither gives the other transit.
    Peer,
}

impl PeerRelation {
    /// Routes that go to it are marked Only to Customer (RFC 9234 section 5, egress rule 1).
    pub const fn gets_otc(self) -> bool {
        matches!(self, PeerRelation::Customer | PeerRelation::Peer | PeerRelation::RouteServerClient)
    }

    /// Routes that are marked Only to Customer must not go to it (RFC 9234 section 5, egress rule 2).
    pub const fn refuses_otc(self) -> bool {
        matches!(self, PeerRelation::Provider | PeerRelation::Peer | PeerRelation::RouteServer)
    }
}

/// All that decoding the UPDATEs of one session depends on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UpdateContext {
    /// AS numbers have four octets (RFC 6793).
    pub as4: bool,
    /// Received prefixes have path identifiers, by [`Family::index`](crate::types::Family::index) (RFC 7911).
    pub add_path: [bool; 2],
    /// Negotiated families, by [`Family::index`](crate::types::Family::index).
    pub families: [bool; 2],
    /// IPv4 prefixes may have IPv6 next hops (RFC 8950).
    pub extended_next_hop: bool,
    /// Where the peer is.
    pub kind: PeerKind,
    /// We are in a confederation (RFC 5065).
    pub confederation: bool,
    /// AS of the peer.
    pub remote_as: Asn,
    /// Our AS numbers, which must not stand in the path.
    pub own_asns: Vec<Asn>,
    /// Exceptions from that, by [`Family::index`](crate::types::Family::index).
    pub allow_own_as: [AllowOwnAs; 2],
    /// What to put before accepted paths of an external peer (`local-as` without `no-prepend`).
    pub prepend: Option<Asn>,
    /// The path of an external peer has to start with its AS (RFC 4271 section 6.3).
    pub enforce_first_as: bool,
    /// Paths with sets are refused (RFC 9774).
    pub reject_as_sets: bool,
    /// Next hops that can be no router's address are taken.
    pub allow_martian_next_hop: bool,
    /// AIGP is kept (RFC 7311 section 3.3).
    pub aigp: bool,
    /// Our BGP Identifier, for the check of ORIGINATOR_ID (RFC 4456 section 8).
    pub router_id: Ipv4Addr,
    /// Our cluster, for the check of CLUSTER_LIST (RFC 4456 section 8).
    pub cluster_id: Ipv4Addr,
    /// What the peer is to us, if a role is set (RFC 9234).
    pub relation: Option<PeerRelation>,
    /// Attributes to drop by configuration.
    pub discard: AttrCodes,
    /// Attributes whose routes are withdrawn by configuration.
    pub withdraw_on: AttrCodes,
    /// Seed of the block hashes; the same in the whole process.
    pub hash_seed: u64,
}

impl UpdateContext {
    /// Whether the peer is outside of our AS and confederation.
    pub fn external(&self) -> bool {
        self.kind == PeerKind::External
    }
}
