//! From our configuration and the peer's OPEN to what holds for the session: a pure function.

use std::net::Ipv4Addr;

use super::config::{Role, SessionConfig};
use crate::types::{Asn, Family, PeerKind};
use crate::wire::capability::{AddPath, ExtendedNextHop, GracefulRestart, LongLivedFamily, PathsLimit};
use crate::wire::iana::error::{self, open as open_error};
use crate::wire::{Capability, Notification, Open, PeerRelation, UpdateContext, UpdateForm};

/// What both sides agreed on. Never changes during a session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Negotiated {
    /// The OPEN that we sent.
    pub local: Open,
    /// The OPEN that we got.
    pub remote: Open,
    /// AS of the peer.
    pub remote_as: Asn,
    /// BGP Identifier of the peer.
    pub remote_id: Ipv4Addr,
    /// Where the peer is.
    pub kind: PeerKind,
    /// Hold time in seconds; 0 for no timer (RFC 4271 section 4.2).
    pub hold_time: u16,
    /// Longest time between KEEPALIVEs in seconds.
    pub keepalive: u16,
    /// AS numbers have four octets (RFC 6793).
    pub as4: bool,
    /// Families that both activated, by [`Family::index`].
    pub families: [bool; 2],
    /// We take messages above 4096 octets (RFC 8654).
    pub extended_message_receive: bool,
    /// The peer takes messages above 4096 octets (RFC 8654).
    pub extended_message_send: bool,
    /// The peer answers ROUTE-REFRESH (RFC 2918).
    pub route_refresh: bool,
    /// Both mark begin and end of a refresh (RFC 7313).
    pub enhanced_route_refresh: bool,
    /// IPv4 prefixes may have IPv6 next hops (RFC 8950).
    pub extended_next_hop: bool,
    /// Path identifiers come with received prefixes, by [`Family::index`] (RFC 7911).
    pub add_path_receive: [bool; 2],
    /// Path identifiers go with sent prefixes, by [`Family::index`] (RFC 7911).
    pub add_path_send: [bool; 2],
    /// The most paths to a prefix that the peer wants, by [`Family::index`]; 0 is no limit.
    pub paths_limit: [u16; 2],
    /// Our role.
    pub local_role: Option<Role>,
    /// The role that the peer told.
    pub remote_role: Option<Role>,
}

impl Negotiated {
    /// How UPDATEs to the peer have to look.
    pub fn update_form(&self, family: Family) -> UpdateForm {
        UpdateForm {
            extended_message: self.extended_message_send,
            add_path: self.add_path_send[family.index()],
        }
    }

    /// Whether the session carries a family.
    pub fn carries(&self, family: Family) -> bool {
        self.families[family.index()]
    }

    /// What the peer is to us (RFC 9234); our word alone is enough.
    pub fn relation(&self) -> Option<PeerRelation> {
        self.local_role.filter(|_| self.kind == PeerKind::External).map(Role::peer_relation)
    }

    /// Graceful restart as the peer announced it (RFC 4724).
    pub fn remote_graceful_restart(&self) -> Option<&GracefulRestart> {
        self.remote.capabilities.iter().find_map(|c| match c {
            Capability::GracefulRestart(gr) => Some(gr),
            _ => None,
        })
    }

    /// Long-lived graceful restart as the peer announced it (RFC 9494).
    pub fn remote_long_lived(&self) -> &[LongLivedFamily] {
        let list = self.remote.capabilities.iter().find_map(|c| match c {
            Capability::LongLivedGracefulRestart(list) => Some(list.as_slice()),
            _ => None,
        });
        list.unwrap_or(&[])
    }

    /// Host and domain name of the peer.
    pub fn remote_hostname(&self) -> Option<(&str, &str)> {
        self.remote.capabilities.iter().find_map(|c| match c {
            Capability::Fqdn { host, domain } => Some((host.as_str(), domain.as_str())),
            _ => None,
        })
    }

    /// Software version of the peer.
    pub fn remote_software_version(&self) -> Option<&str> {
        self.remote.capabilities.iter().find_map(|c| match c {
            Capability::SoftwareVersion(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// The context for decoding UPDATEs.
    pub fn update_context(&self, config: &SessionConfig) -> UpdateContext {
        let mut own_asns = vec![config.local_as];
        own_asns.extend(config.other_own_asns.iter().filter(|a| **a != config.local_as));
        UpdateContext {
            as4: self.as4,
            add_path: self.add_path_receive,
            families: self.families,
            extended_next_hop: self.extended_next_hop,
            kind: self.kind,
            confederation: config.confederation.is_some(),
            remote_as: self.remote_as,
            own_asns,
            allow_own_as: config.allow_own_as,
            prepend: config
                .prepend_received
                .filter(|asn| self.kind == PeerKind::External && *asn == config.local_as),
            enforce_first_as: config.enforce_first_as,
            reject_as_sets: config.reject_as_sets,
            allow_martian_next_hop: config.allow_martian_next_hop,
            // Among ourselves it is always taken (RFC 7311 section 3.1).
            aigp: config.aigp || self.kind != PeerKind::External,
            router_id: config.router_id,
            cluster_id: config.cluster_id,
            relation: self.relation(),
            discard: config.discard,
            withdraw_on: config.withdraw_on,
            hash_seed: config.hash_seed,
        }
    }
}

/// Why the peer's OPEN is refused (RFC 4271 section 6.2).
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OpenRefusal {
    /// An AS that is not the configured one, or zero (RFC 7607).
    #[error("peer is in AS {remote}")]
    BadPeerAs {
        /// What it says.
        remote: Asn,
        /// It knows four-octet numbers.
        as4: bool,
    },
    /// Zero, or ours within the same AS (RFC 6286).
    #[error("peer has the BGP Identifier {0}")]
    BadIdentifier(Ipv4Addr),
    /// One, two, or below the configured minimum.
    #[error("peer proposes a hold time of {0} s")]
    HoldTime(u16),
    /// No family in common, or a required capability is missing (RFC 5492 section 5).
    #[error("peer lacks a capability that is required")]
    Capability(Vec<Capability>),
    /// Roles that do not fit (RFC 9234 section 4.2).
    #[error("peer has a role that does not fit")]
    RoleMismatch,
}

impl From<&OpenRefusal> for Notification {
    fn from(refusal: &OpenRefusal) -> Notification {
        let new = |subcode| Notification::new(error::OPEN_MESSAGE, subcode);
        match refusal {
            OpenRefusal::BadPeerAs { remote, as4: true } => {
                new(open_error::BAD_PEER_AS).with_data(&remote.0.to_be_bytes())
            }
            OpenRefusal::BadPeerAs { remote, as4: false } => {
                new(open_error::BAD_PEER_AS).with_data(&(remote.0 as u16).to_be_bytes())
            }
            OpenRefusal::BadIdentifier(id) => new(open_error::BAD_IDENTIFIER).with_data(&id.octets()),
            OpenRefusal::HoldTime(seconds) => new(open_error::HOLD_TIME).with_data(&seconds.to_be_bytes()),
            OpenRefusal::Capability(missing) => {
                let mut data = Vec::new();
                missing.iter().for_each(|c| c.encode(&mut data));
                new(open_error::CAPABILITY).with_data(&data)
            }
            OpenRefusal::RoleMismatch => new(open_error::ROLE_MISMATCH),
        }
    }
}

/// The OPEN that we send. Graceful restart is announced without families, unless the operator forbids it: nothing is kept
/// over a restart, but peers send their End-of-RIB only to those who announce it (RFC 4724 section 3), and FRR answers no
/// ROUTE-REFRESH before it has sent one.
pub fn local_open(config: &SessionConfig) -> Open {
    let mut capabilities = Vec::new();
    if config.capabilities {
        for family in active(config.families) {
            capabilities.push(Capability::Multiprotocol { afi: family.afi(), safi: family.safi() });
        }
        capabilities.push(Capability::RouteRefresh);
        capabilities.push(Capability::EnhancedRouteRefresh);
        capabilities.push(Capability::FourOctetAs(config.local_as));
        capabilities.push(Capability::ExtendedMessage);
        if config.end_of_rib {
            let restart = GracefulRestart { flags: 0, time: 0, families: Vec::new() };
            capabilities.push(Capability::GracefulRestart(restart));
        }
        if config.extended_next_hop && config.families[0] {
            let tuple = ExtendedNextHop { afi: 1, safi: 1, next_hop_afi: 2 };
            capabilities.push(Capability::ExtendedNextHop(vec![tuple]));
        }
        let add_path: Vec<_> = active(config.families).filter_map(|f| add_path_tuple(config, f)).collect();
        if !add_path.is_empty() {
            let limit =
                |f: Family| PathsLimit { afi: f.afi(), safi: f.safi(), limit: config.paths_limit[f.index()] };
            let limited = active(config.families).filter(|f| add_path_tuple(config, *f).is_some());
            let limits = limited.map(limit).collect();
            capabilities.push(Capability::AddPath(add_path));
            // As FRR does, also where there is no limit.
            capabilities.push(Capability::PathsLimit(limits));
        }
        if let Some(role) = config.role.filter(|_| config.expected_kind() == PeerKind::External) {
            capabilities.push(Capability::Role(role as u8));
        }
        if let Some((host, domain)) = &config.hostname {
            capabilities.push(Capability::Fqdn { host: host.clone(), domain: domain.clone() });
        }
        if let Some(version) = &config.software_version {
            capabilities.push(Capability::SoftwareVersion(version.clone()));
        }
    }
    Open {
        asn: config.local_as,
        hold_time: config.hold_time,
        router_id: config.router_id,
        capabilities,
        extended_parameters: config.extended_parameters,
    }
}

fn active(families: [bool; 2]) -> impl Iterator<Item = Family> {
    Family::ALL.into_iter().filter(move |f| families[f.index()])
}

fn add_path_tuple(config: &SessionConfig, family: Family) -> Option<AddPath> {
    let receive = if config.add_path_receive[family.index()] { AddPath::RECEIVE } else { 0 };
    let send = if config.add_path_send[family.index()] { AddPath::SEND } else { 0 };
    let mode = receive | send;
    (mode != 0).then_some(AddPath { afi: family.afi(), safi: family.safi(), mode })
}

/// Decides on the peer's OPEN. `local` is what we sent, or are about to.
pub fn negotiate(config: &SessionConfig, local: &Open, remote: &Open) -> Result<Negotiated, OpenRefusal> {
    let has = |open: &Open, wanted: &Capability| open.capabilities.contains(wanted);
    let both = |wanted: &Capability| has(local, wanted) && has(remote, wanted);
    let four = |open: &Open| open.capabilities.iter().any(|c| matches!(c, Capability::FourOctetAs(_)));
    if remote.asn.0 == 0 || !config.accepts(remote.asn) {
        return Err(OpenRefusal::BadPeerAs { remote: remote.asn, as4: four(remote) });
    }
    let kind = config.kind(remote.asn);
    if remote.router_id.is_unspecified()
        || (kind == PeerKind::Internal && remote.router_id == config.router_id)
    {
        return Err(OpenRefusal::BadIdentifier(remote.router_id));
    }
    if matches!(remote.hold_time, 1 | 2) || remote.hold_time < config.minimum_hold_time {
        return Err(OpenRefusal::HoldTime(remote.hold_time));
    }
    let families = families(config, remote)?;
    if config.strict_capability_match {
        let missing = missing_capabilities(local, remote);
        if !missing.is_empty() {
            return Err(OpenRefusal::Capability(missing));
        }
    }
    let remote_role = if kind == PeerKind::External { role(config, remote)? } else { None };
    let hold_time = config.hold_time.min(remote.hold_time);
    let next_hop = ExtendedNextHop { afi: 1, safi: 1, next_hop_afi: 2 };
    let v6_next_hop = |open: &Open| {
        open.capabilities.iter().any(|c| matches!(c, Capability::ExtendedNextHop(l) if l.contains(&next_hop)))
    };
    Ok(Negotiated {
        local: local.clone(),
        remote: remote.clone(),
        remote_as: remote.asn,
        remote_id: remote.router_id,
        kind,
        hold_time,
        keepalive: keepalive(config, hold_time),
        as4: four(local) && four(remote),
        families,
        extended_message_receive: has(local, &Capability::ExtendedMessage),
        extended_message_send: both(&Capability::ExtendedMessage),
        route_refresh: has(remote, &Capability::RouteRefresh),
        enhanced_route_refresh: both(&Capability::EnhancedRouteRefresh),
        extended_next_hop: v6_next_hop(local) && v6_next_hop(remote),
        add_path_receive: Family::ALL.map(|f| {
            families[f.index()] && add_path(local, f, AddPath::RECEIVE) && add_path(remote, f, AddPath::SEND)
        }),
        add_path_send: Family::ALL.map(|f| {
            families[f.index()] && add_path(local, f, AddPath::SEND) && add_path(remote, f, AddPath::RECEIVE)
        }),
        paths_limit: Family::ALL.map(|f| paths_limit(remote, f).unwrap_or(0)),
        local_role: config.role.filter(|_| kind == PeerKind::External),
        remote_role,
    })
}

/// A third of the hold time at most (RFC 4271 section 10).
const fn keepalive(config: &SessionConfig, hold_time: u16) -> u16 {
    let third = hold_time / 3;
    if config.keepalive == 0 || config.keepalive > third { third } else { config.keepalive }
}

/// Families in common. A peer that names none has IPv4 unicast (RFC 4760 section 8).
fn families(config: &SessionConfig, remote: &Open) -> Result<[bool; 2], OpenRefusal> {
    let named = remote.capabilities.iter().any(|c| matches!(c, Capability::Multiprotocol { .. }));
    let common = Family::ALL.map(|f| {
        let wanted = Capability::Multiprotocol { afi: f.afi(), safi: f.safi() };
        let theirs = if named { remote.capabilities.contains(&wanted) } else { f == Family::Ipv4Unicast };
        config.families[f.index()] && (theirs || config.override_capability)
    });
    if common.contains(&true) {
        return Ok(common);
    }
    let ours = active(config.families).map(|f| Capability::Multiprotocol { afi: f.afi(), safi: f.safi() });
    Err(OpenRefusal::Capability(ours.collect()))
}

/// Capabilities that we sent and the peer lacks, by code; for families by family.
fn missing_capabilities(local: &Open, remote: &Open) -> Vec<Capability> {
    let there = |ours: &Capability| match ours {
        Capability::Multiprotocol { .. } => remote.capabilities.contains(ours),
        // Ours offers nothing that a peer could lack.
        Capability::GracefulRestart(gr) if gr.families.is_empty() => true,
        Capability::PathsLimit(_) => true,
        _ => remote.capabilities.iter().any(|c| c.code() == ours.code()),
    };
    local.capabilities.iter().filter(|c| !there(c)).cloned().collect()
}

/// The peer's role, checked against ours (RFC 9234 section 4.2).
fn role(config: &SessionConfig, remote: &Open) -> Result<Option<Role>, OpenRefusal> {
    let mut told = remote.capabilities.iter().filter_map(|c| match c {
        Capability::Role(code) => Some(*code),
        _ => None,
    });
    let first = told.next();
    let contradicts_itself = told.any(|code| Some(code) != first);
    let theirs = first.and_then(Role::from_code);
    let fits = match (config.role, first) {
        (None, _) => true,
        (Some(_), None) => !config.strict_role,
        (Some(ours), Some(_)) => theirs == Some(ours.counterpart()),
    };
    if contradicts_itself && config.role.is_some() || !fits {
        return Err(OpenRefusal::RoleMismatch);
    }
    Ok(theirs)
}

/// The most paths to a prefix that a speaker wants, if it says anything of that; 0 is no limit.
pub fn paths_limit(open: &Open, family: Family) -> Option<u16> {
    let mut tuples = open.capabilities.iter().filter_map(|c| match c {
        Capability::PathsLimit(list) => Some(list),
        _ => None,
    });
    let of_family = |list: &Vec<PathsLimit>| {
        list.iter().find(|t| (t.afi, t.safi) == (family.afi(), family.safi())).map(|t| t.limit)
    };
    tuples.find_map(of_family)
}

fn add_path(open: &Open, family: Family, bit: u8) -> bool {
    open.capabilities.iter().any(|c| match c {
        Capability::AddPath(list) => {
            // Other modes than 1, 2 and 3 are ignored (RFC 7911 section 4).
            list.iter().any(|t| {
                (t.afi, t.safi) == (family.afi(), family.safi())
                    && (1..=3).contains(&t.mode)
                    && t.mode & bit != 0
            })
        }
        _ => false,
    })
}
