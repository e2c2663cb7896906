//! What comes of received UPDATEs besides routes: counters, reports, errors.

use std::collections::BTreeMap;

use super::Notification;
use super::action::{Action, Fault};
use super::iana::error;
use super::reader::Short;
use super::scan::Reset;
use crate::types::Family;

/// Why well-formed routes were taken as withdrawn.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Reject {
    /// Our own AS is in the path.
    AsPathLoop,
    /// We are the ORIGINATOR_ID.
    OriginatorLoop,
    /// Our cluster is in the CLUSTER_LIST.
    ClusterLoop,
    /// The path does not start with the peer's AS.
    FirstAs,
    /// The path has a set, and sets are refused.
    AsSet,
    /// A route leak by Only to Customer (RFC 9234 section 5).
    RouteLeak,
    /// A next hop that can be no router's address.
    NextHop,
}

/// What has happened to received routes. Routes are counted one by one, attributes once a message.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
pub struct UpdateCounters {
    /// Faults by attribute type and action (RFC 7606).
    pub faults: BTreeMap<(u8, Action), u64>,
    /// Attributes dropped because of a fault.
    pub attributes_discarded: u64,
    /// UPDATEs whose routes were taken as withdrawn because of a fault.
    pub treated_as_withdraw: u64,
    /// Routes announced.
    pub announced: u64,
    /// Routes withdrawn, in whatever way.
    pub withdrawn: u64,
    /// Routes refused, by reason.
    pub rejected: BTreeMap<Reject, u64>,
    /// Prefixes ignored: multicast, link-local.
    pub prefixes_ignored: u64,
}

impl UpdateCounters {
    /// Routes refused for one reason.
    pub fn rejected(&self, reason: Reject) -> u64 {
        self.rejected.get(&reason).copied().unwrap_or(0)
    }

    #[cold]
    pub(super) fn fault(&mut self, code: u8, action: Action) {
        *self.faults.entry((code, action)).or_default() += 1;
        if action == Action::AttributeDiscard {
            self.attributes_discarded += 1;
        }
    }
}

/// What one UPDATE had in it.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct UpdateReport {
    /// Routes announced.
    pub announced: u32,
    /// Routes withdrawn, in whatever way.
    pub withdrawn: u32,
    /// It was an End-of-RIB marker.
    pub end_of_rib: Option<Family>,
    /// The worst fault of an attribute and what was done about it.
    pub fault: Option<(u8, Fault, Action)>,
    /// Why routes were refused.
    pub rejected: Option<Reject>,
    /// How many prefixes of each family were announced and are taken as withdrawn: the last ones of the batch.
    pub refused: [u32; 2],
}

impl UpdateReport {
    /// Notes that so many prefixes more, at the end of the batch, are taken as withdrawn.
    pub(super) fn refuse(&mut self, family: Family, prefixes: u32) {
        let [v4, v6] = &mut self.refused;
        match family {
            Family::Ipv4Unicast => *v4 += prefixes,
            Family::Ipv6Unicast => *v6 += prefixes,
        }
    }
}

/// Why an UPDATE ends the session.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UpdateError {
    /// The lengths of the three parts do not fit in the message.
    #[error("withdrawn routes or attributes run past the message")]
    Lengths,
    /// A prefix list that cannot be parsed (RFC 7606 section 5.3).
    #[error("malformed prefix in {0:?}")]
    Prefix(PrefixField),
    /// An attribute for which there is no milder action.
    #[error("attribute {code}, subcode {subcode}")]
    Attribute {
        /// Type code.
        code: u8,
        /// Subcode of UPDATE Message Error.
        subcode: u8,
        /// The attribute from its flags on.
        data: Vec<u8>,
    },
}

/// Where a malformed prefix stood.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PrefixField {
    /// Withdrawn Routes.
    Withdrawn,
    /// Network Layer Reachability Information.
    Nlri,
    /// MP_REACH_NLRI.
    MpReach,
    /// MP_UNREACH_NLRI.
    MpUnreach,
}

impl From<UpdateError> for Notification {
    fn from(e: UpdateError) -> Notification {
        use error::update::{ATTRIBUTE_LIST, NETWORK_FIELD};
        match e {
            UpdateError::Lengths => Notification::new(error::UPDATE_MESSAGE, ATTRIBUTE_LIST),
            UpdateError::Prefix(_) => Notification::new(error::UPDATE_MESSAGE, NETWORK_FIELD),
            UpdateError::Attribute { subcode, data, .. } => {
                Notification::new(error::UPDATE_MESSAGE, subcode).with_data(&data)
            }
        }
    }
}

impl From<Short> for UpdateError {
    fn from(_: Short) -> UpdateError {
        UpdateError::Lengths
    }
}

impl From<Reset<'_>> for UpdateError {
    fn from(r: Reset<'_>) -> UpdateError {
        let code = r.data.get(1).copied().unwrap_or(0);
        UpdateError::Attribute { code, subcode: r.subcode, data: r.data.to_vec() }
    }
}
