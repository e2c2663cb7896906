//! What the table knows of a neighbour.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

pub use bgp::types::PeerKind;
use bgp::types::{Asn, Family};
use bgp::wire::PeerRelation;
use ipnet::IpNet;

use crate::condition::Conditional;
use crate::damping::Parameters;
use crate::intern::Provenance;
use crate::policy::compile::FilterSpec;

/// `neighbor X next-hop-self [force]`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum NextHopSelf {
    /// Third-party next hops stay where the RFC lets them.
    #[default]
    Off,
    /// Our address for routes of external neighbours.
    On,
    /// Our address for all routes.
    Force,
}

/// `neighbor X remove-private-AS ...`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RemovePrivate {
    /// Also where the path has public numbers.
    pub all: bool,
    /// Put our own number in their place.
    pub replace: bool,
}

/// `neighbor X addpath-tx-...`: which paths of a prefix go to a neighbour that takes several (RFC 7911).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum AddPaths {
    /// All.
    All,
    /// The best of each neighbouring AS.
    BestPerAs,
    /// So many, the best ones.
    Best(u8),
}

/// Which paths of a prefix go to a neighbour, and how many of them at most.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Several {
    pub which: AddPaths,
    /// What the neighbour wants; `None` is no limit.
    pub most: Option<u16>,
}

/// How many paths a neighbour may send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PrefixLimit {
    /// As many and no more: told by [`crate::Event::MaxPrefix`] when crossed.
    pub most: u32,
    /// More than so many are worth a warning: told by [`crate::Event::PrefixThreshold`] when crossed.
    pub warn: u32,
}

/// What was crossed of a [`PrefixLimit`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) enum Crossed {
    #[default]
    Nothing,
    Threshold,
    Limit,
}

/// Which communities go to a neighbour (`send-community`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SendCommunity {
    /// RFC 1997.
    pub standard: bool,
    /// RFC 4360.
    pub extended: bool,
    /// RFC 8092.
    pub large: bool,
}

/// One family of a neighbour, as configured.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PeerFamily {
    /// Filters for what it sends.
    pub import: FilterSpec,
    /// Filters for what it gets.
    pub export: FilterSpec,
    /// `unsuppress-map R`: which of the routes that aggregates suppress it gets all the same.
    pub unsuppress_map: Option<String>,
    /// `advertise-map R exist-map|non-exist-map C`.
    pub conditional: Option<Conditional>,
    /// `next-hop-self`.
    pub next_hop_self: NextHopSelf,
    /// `soft-reconfiguration inbound`: keep what import policy refuses.
    pub soft_reconfiguration: bool,
    /// `route-reflector-client`.
    pub reflector_client: bool,
    /// `default-originate [route-map R]`.
    pub default_originate: Option<Option<String>>,
    /// `send-community`.
    pub send_community: SendCommunity,
    /// `remove-private-AS`.
    pub remove_private: Option<RemovePrivate>,
    /// `as-override`.
    pub as_override: bool,
    /// `maximum-prefix N [PERCENT]`.
    pub maximum_prefix: Option<PrefixLimit>,
    /// `maximum-prefix-out N`: it gets no more routes than that.
    pub maximum_prefix_out: Option<u32>,
    /// `weight N`.
    pub weight: u32,
    /// `soo X`: a site of origin (RFC 4364 section 7) that is put on what it sends, and that keeps what has it away.
    pub site: Option<[u8; 8]>,
    /// `addpath-tx-...`.
    pub add_paths: Option<AddPaths>,
    /// `dampening ...`, its own or the family's; of external neighbours only.
    pub damping: Option<Parameters>,
}

impl Default for PeerFamily {
    fn default() -> PeerFamily {
        PeerFamily {
            import: FilterSpec::default(),
            export: FilterSpec::default(),
            unsuppress_map: None,
            conditional: None,
            next_hop_self: NextHopSelf::Off,
            soft_reconfiguration: false,
            reflector_client: false,
            default_originate: None,
            send_community: SendCommunity { standard: true, extended: true, large: true },
            remove_private: None,
            as_override: false,
            maximum_prefix: None,
            maximum_prefix_out: None,
            weight: 0,
            site: None,
            add_paths: None,
            damping: None,
        }
    }
}

/// A neighbour as configured, in so far as it concerns the table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PeerConfig {
    /// Address of the session.
    pub addr: IpAddr,
    /// Interface: of an unnumbered neighbour, or the scope of a link-local address.
    pub interface: Option<Arc<str>>,
    /// Where it is.
    pub kind: PeerKind,
    /// Our AS towards it, put before paths to neighbours of other ASes.
    pub local_as: Asn,
    /// Our true AS, to stand behind that one (`local-as` without `replace-as`).
    pub own_as: Option<Asn>,
    /// Its AS.
    pub remote_as: Asn,
    /// AIGP goes to it and comes from it (RFC 7311).
    pub aigp: bool,
    /// Next hops of its routes must be on a network of ours (no `ebgp-multihop`, `disable-connected-check`).
    pub require_connected: bool,
    /// `graceful-shutdown`: routes from it and to it are the last resort.
    pub graceful_shutdown: bool,
    /// `disable-link-bw-encoding-ieee`: bandwidth is an integer, both ways.
    pub integer_bandwidth: bool,
    /// Families that are activated.
    pub families: [Option<PeerFamily>; 2],
}

impl PeerConfig {
    /// How its routes are damped in a family, if they are.
    pub fn damping(&self, family: Family) -> Option<Parameters> {
        let of_family = self.families[family.index()].as_ref()?.damping;
        of_family.filter(|_| self.kind == PeerKind::External)
    }
}

/// What the session agreed on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PeerSession {
    /// Its router id.
    pub router_id: Ipv4Addr,
    /// Four-octet AS numbers.
    pub as4: bool,
    /// Answers to a refresh have a mark at their begin and end (RFC 7313).
    pub enhanced_refresh: bool,
    /// What it is to us (RFC 9234).
    pub relation: Option<PeerRelation>,
    /// IPv4 routes may have IPv6 next hops (RFC 8950).
    pub extended_next_hop: bool,
    /// Messages of up to 65535 octets (RFC 8654).
    pub extended_message: bool,
    /// Families of the session.
    pub families: [bool; 2],
    /// Families in which routes to it have path identifiers (RFC 7911).
    pub add_path_send: [bool; 2],
    /// The most paths of a prefix that it wants, by family; 0 is no limit.
    pub paths_limit: [u16; 2],
    /// Our IPv4 address towards it.
    pub local_v4: Option<Ipv4Addr>,
    /// Our global IPv6 address towards it.
    pub local_v6: Option<Ipv6Addr>,
    /// Our link-local address towards it, when it is on a network of ours.
    pub local_link: Option<Ipv6Addr>,
    /// The network that it shares with us, by family: next hops in there stay as they are towards it.
    pub shared_net: [Option<IpNet>; 2],
}

/// Counts of one family of a neighbour.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PeerCounts {
    /// Paths that passed import policy.
    pub accepted: u32,
    /// Paths that import policy refused and that are kept.
    pub filtered: u32,
    /// Paths refused by import policy since the session came up.
    pub refused: u64,
}

/// A neighbour in the table.
#[derive(Debug)]
pub(crate) struct Peer {
    pub config: PeerConfig,
    pub session: Option<PeerSession>,
    /// Session count; paths of another generation are stale.
    pub generation: u8,
    pub counts: [PeerCounts; 2],
    /// Octets handed to the writer and not yet taken by the socket.
    pub in_flight: usize,
    /// Purges under way.
    pub purging: u8,
    /// To be forgotten when its paths are gone.
    pub removed: bool,
    /// What is crossed of `maximum-prefix` and was told, by family.
    pub crossed: [Crossed; 2],
    /// Families in which it has said End-of-RIB.
    pub end_of_rib: [bool; 2],
    /// Where its answers to our refreshes stand, by family.
    pub refresh: [Refresh; 2],
    /// Round-trip time of the session as it was last told, milliseconds.
    pub round_trip: u32,
}

/// The answer of a neighbour to a refresh (RFC 7313): its paths bear the flag [`ROUND`](crate::table::path_flag::ROUND)
/// or not, by turns; those that bear the flag of the last round when the answer is complete are stale.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Refresh {
    /// The flag of paths that come now: 0 or `ROUND`.
    pub round: u8,
    /// The answer has begun.
    pub begun: bool,
    /// What it left stale is being taken out.
    pub sweeping: bool,
}

impl Peer {
    pub fn new(config: PeerConfig) -> Peer {
        Peer {
            config,
            session: None,
            generation: 0,
            counts: [PeerCounts::default(); 2],
            in_flight: 0,
            purging: 0,
            removed: false,
            crossed: [Crossed::Nothing; 2],
            end_of_rib: [false; 2],
            refresh: [Refresh::default(); 2],
            round_trip: 0,
        }
    }

    /// Whether its session is up and has not told all of its routes.
    pub fn tells_still(&self) -> bool {
        let families = self.session.as_ref().map_or([false; 2], |s| s.families);
        families.iter().zip(&self.end_of_rib).any(|(used, end)| *used && !end)
    }

    pub fn family(&self, family: Family) -> Option<&PeerFamily> {
        self.config.families[family.index()].as_ref()
    }

    pub fn provenance(&self, family: Family) -> Provenance {
        match self.config.kind {
            PeerKind::External => Provenance::External,
            PeerKind::Confederation => Provenance::Confederation,
            PeerKind::Internal if self.family(family).is_some_and(|f| f.reflector_client) => {
                Provenance::Client
            }
            PeerKind::Internal => Provenance::Internal,
        }
    }
}
