//! What an operator sets for one peer, as far as the session is concerned.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use crate::types::{Asn, PeerKind, SECOND, Time};
use crate::wire::{AllowOwnAs, AttrCodes, PeerRelation};

/// Which AS the peer may be in (`neighbor X remote-as`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RemoteAs {
    /// Just this one.
    Number(Asn),
    /// Ours.
    Internal,
    /// Any outside of ours and of our confederation.
    External,
    /// Any at all (`auto`).
    Any,
}

/// The confederation that we are in (RFC 5065).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Confederation {
    /// The AS that those outside see.
    pub identifier: Asn,
    /// Our member AS.
    pub member_as: Asn,
    /// The other member ASes.
    pub others: BTreeSet<Asn>,
}

/// BGP role (RFC 9234 section 4.1); the values are those of the capability.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Role {
    /// Gives transit.
    Provider = 0,
    /// Route server.
    RouteServer = 1,
    /// Client of a route server.
    RouteServerClient = 2,
    /// Gets transit.
    Customer = 3,
    /// Neither.
    Peer = 4,
}

impl Role {
    /// From the value of the capability.
    pub const fn from_code(code: u8) -> Option<Role> {
        match code {
            0 => Some(Role::Provider),
            1 => Some(Role::RouteServer),
            2 => Some(Role::RouteServerClient),
            3 => Some(Role::Customer),
            4 => Some(Role::Peer),
            _ => None,
        }
    }

    /// What the peer has to be (RFC 9234 section 4.2).
    pub const fn counterpart(self) -> Role {
        match self {
            Role::Provider => Role::Customer,
            Role::Customer => Role::Provider,
            Role::RouteServer => Role::RouteServerClient,
            Role::RouteServerClient => Role::RouteServer,
            Role::Peer => Role::Peer,
        }
    }

    /// What a peer is to us if this is our role.
    pub const fn peer_relation(self) -> PeerRelation {
        match self {
            Role::Provider => PeerRelation::Customer,
            Role::Customer => PeerRelation::Provider,
            Role::RouteServer => PeerRelation::RouteServerClient,
            Role::RouteServerClient => PeerRelation::RouteServer,
            Role::Peer => PeerRelation::Peer,
        }
    }

    /// FRR's name.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Provider => "provider",
            Role::RouteServer => "rs-server",
            Role::RouteServerClient => "rs-client",
            Role::Customer => "customer",
            Role::Peer => "peer",
        }
    }
}

/// The configuration of one session. Arrays go by [`Family::index`](crate::types::Family::index).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionConfig {
    /// Our AS on this session.
    pub local_as: Asn,
    /// The AS that the peer may know us by instead: tried when it refuses the first (`local-as ... dual-as`).
    pub dual_as: Option<Asn>,
    /// A number to put before accepted paths while it is the one that we use (`local-as` without `no-prepend`).
    pub prepend_received: Option<Asn>,
    /// Other numbers of ours that must not stand in received paths.
    pub other_own_asns: Vec<Asn>,
    /// AS of the peer.
    pub remote_as: RemoteAs,
    /// Others that will do as well, from the first to the second of each pair (`alternate-as`), if they are where that
    /// one is.
    pub alternate_as: Vec<(Asn, Asn)>,
    /// The confederation that we are in, with or without the peer.
    pub confederation: Option<Confederation>,
    /// Our BGP Identifier; must not be zero (RFC 6286).
    pub router_id: Ipv4Addr,
    /// Our cluster (RFC 4456).
    pub cluster_id: Ipv4Addr,
    /// Activated families.
    pub families: [bool; 2],

    /// Proposed hold time in seconds; 0, or 3 and more.
    pub hold_time: u16,
    /// Longest time between KEEPALIVEs in seconds; a third of the negotiated hold time when that is less.
    pub keepalive: u16,
    /// Proposals of the peer below this are refused; seconds.
    pub minimum_hold_time: u16,
    /// ConnectRetryTime (RFC 4271 section 10).
    pub connect_retry: Time,
    /// DelayOpenTime (RFC 4271 section 8.1.1).
    pub delay_open: Option<Time>,
    /// IdleHoldTime after the first failure; doubles with each (RFC 4271 section 8.1.1, DampPeerOscillations).
    pub idle_hold: Time,
    /// What it grows to. A session that lasts as long starts over.
    pub idle_hold_max: Time,
    /// SendHoldTime (RFC 9687); `None` for its default, 8 minutes or twice the hold time.
    pub send_hold: Option<Time>,
    /// Connections are only waited for (PassiveTcpEstablishment).
    pub passive: bool,
    /// Seed of the jitter; differs from session to session.
    pub jitter_seed: u64,

    /// Capabilities are sent; otherwise none at all (`dont-capability-negotiate`).
    pub capabilities: bool,
    /// The peer has to have every capability that we send (`strict-capability-match`).
    pub strict_capability_match: bool,
    /// Families are those that we activated, whatever the peer says (`override-capability`).
    pub override_capability: bool,
    /// IPv4 prefixes may have IPv6 next hops (RFC 8950).
    pub extended_next_hop: bool,
    /// Several paths to a prefix may come (RFC 7911).
    pub add_path_receive: [bool; 2],
    /// Several paths to a prefix may be sent (RFC 7911).
    pub add_path_send: [bool; 2],
    /// The most paths to a prefix that may come, where several may; 0 is no limit.
    pub paths_limit: [u16; 2],
    /// Our role (RFC 9234).
    pub role: Option<Role>,
    /// The peer has to tell its role.
    pub strict_role: bool,
    /// Announce graceful restart without families, which asks for no more than an End-of-RIB (RFC 4724 section 3).
    pub end_of_rib: bool,
    /// Host and domain name to announce.
    pub hostname: Option<(String, String)>,
    /// Software version to announce.
    pub software_version: Option<String>,
    /// The OPEN always has the extended format (RFC 9072).
    pub extended_parameters: bool,

    /// Exceptions from the check for our own AS.
    pub allow_own_as: [AllowOwnAs; 2],
    /// The path of an external peer has to start with its AS.
    pub enforce_first_as: bool,
    /// Paths with sets are refused (RFC 9774).
    pub reject_as_sets: bool,
    /// Next hops that can be no router's address are taken.
    pub allow_martian_next_hop: bool,
    /// AIGP of an external peer is kept (RFC 7311); that of others always is.
    pub aigp: bool,
    /// Attributes to drop.
    pub discard: AttrCodes,
    /// Attributes whose routes are withdrawn.
    pub withdraw_on: AttrCodes,
    /// Seed of the hashes of attribute blocks; the same in the whole process.
    pub hash_seed: u64,
}

impl SessionConfig {
    /// With FRR's traditional defaults.
    pub fn new(local_as: Asn, remote_as: RemoteAs, router_id: Ipv4Addr) -> SessionConfig {
        SessionConfig {
            local_as,
            dual_as: None,
            prepend_received: None,
            other_own_asns: Vec::new(),
            remote_as,
            alternate_as: Vec::new(),
            confederation: None,
            router_id,
            cluster_id: router_id,
            families: [true, false],
            hold_time: 180,
            keepalive: 60,
            minimum_hold_time: 0,
            connect_retry: 30 * SECOND,
            delay_open: None,
            idle_hold: SECOND,
            idle_hold_max: 60 * SECOND,
            send_hold: None,
            passive: false,
            jitter_seed: 0,
            capabilities: true,
            strict_capability_match: false,
            override_capability: false,
            extended_next_hop: false,
            add_path_receive: [false; 2],
            add_path_send: [false; 2],
            paths_limit: [0; 2],
            role: None,
            strict_role: false,
            end_of_rib: true,
            hostname: None,
            software_version: None,
            extended_parameters: false,
            allow_own_as: [AllowOwnAs::No; 2],
            enforce_first_as: true,
            reject_as_sets: false,
            allow_martian_next_hop: false,
            aigp: false,
            discard: AttrCodes::NONE,
            withdraw_on: AttrCodes::NONE,
            hash_seed: 0,
        }
    }

    /// Where a peer of this AS is.
    pub fn kind(&self, remote: Asn) -> PeerKind {
        let internal = match &self.confederation {
            None => remote == self.local_as,
            // Towards a peer in the AS that is called as the confederation is, we are not in that AS.
            Some(c) => remote == c.member_as || (remote == self.local_as && remote != c.identifier),
        };
        match &self.confederation {
            _ if internal => PeerKind::Internal,
            Some(c) if c.others.contains(&remote) => PeerKind::Confederation,
            _ => PeerKind::External,
        }
    }

    /// Whether another confederation puts the peer in another place, or may do so: of some only the OPEN tells.
    fn moved(&self, new: &SessionConfig) -> bool {
        let in_doubt = matches!(new.remote_as, RemoteAs::External | RemoteAs::Any);
        let differs = self.expected_kind() != new.expected_kind() || self.local_as != new.local_as;
        self.confederation != new.confederation && (in_doubt || differs)
    }

    /// Where the peer is, as far as the configuration tells.
    pub fn expected_kind(&self) -> PeerKind {
        match self.remote_as {
            RemoteAs::Number(asn) => self.kind(asn),
            RemoteAs::Internal => PeerKind::Internal,
            RemoteAs::External | RemoteAs::Any => PeerKind::External,
        }
    }

    /// Whether an AS will do for the peer.
    pub fn accepts(&self, remote: Asn) -> bool {
        match (self.remote_as, &self.confederation) {
            (RemoteAs::Number(asn), _) => {
                let listed = self.alternate_as.iter().any(|(first, last)| (*first..=*last).contains(&remote));
                asn == remote || (listed && self.kind(remote) == self.kind(asn))
            }
            (RemoteAs::Internal, _) => self.kind(remote) == PeerKind::Internal,
            (RemoteAs::External, _) => self.kind(remote) == PeerKind::External,
            // Which of our numbers we told the peer must be the one for its side.
            (RemoteAs::Any, Some(c)) if self.local_as == c.member_as => {
                c.identifier == c.member_as || self.kind(remote) != PeerKind::External
            }
            (RemoteAs::Any, Some(c)) if self.local_as == c.identifier => {
                self.kind(remote) == PeerKind::External
            }
            (RemoteAs::Any, _) => true,
        }
    }

    /// Whether going over to `new` takes a new OPEN, and what FRR calls it then.
    pub fn reset_needed(&self, new: &SessionConfig) -> Option<super::ResetReason> {
        use super::ResetReason;
        if self.remote_as == new.remote_as && self.moved(new) {
            let identifier = |c: &SessionConfig| c.confederation.as_ref().map(|c| c.identifier);
            return Some(match identifier(self) == identifier(new) {
                true => ResetReason::ConfederationPeersChanged,
                false => ResetReason::ConfederationChanged,
            });
        }
        let local_as = |c: &SessionConfig| (c.local_as, c.dual_as, c.prepend_received);
        if local_as(self) != local_as(new) {
            return Some(ResetReason::LocalAsChanged);
        }
        let fewer = self.alternate_as.iter().any(|range| !new.alternate_as.contains(range));
        if self.remote_as != new.remote_as || fewer {
            return Some(ResetReason::RemoteAsChanged);
        }
        if self.router_id != new.router_id {
            return Some(ResetReason::RouterIdChanged);
        }
        if self.families != new.families {
            return Some(ResetReason::AddressFamilyActivated);
        }
        if self.passive != new.passive {
            return Some(ResetReason::PassiveChanged);
        }
        // What is left of the OPEN; timers take effect with the next session, as they do in FRR.
        let same = self.capabilities == new.capabilities
            && self.strict_capability_match == new.strict_capability_match
            && self.override_capability == new.override_capability
            && self.extended_next_hop == new.extended_next_hop
            && self.add_path_receive == new.add_path_receive
            && self.add_path_send == new.add_path_send
            && self.paths_limit == new.paths_limit
            && (self.role, self.strict_role) == (new.role, new.strict_role);
        if same { None } else { Some(ResetReason::CapabilityChanged) }
    }
}
