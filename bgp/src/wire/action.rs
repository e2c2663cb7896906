//! What a malformed attribute leads to: the one table of RFC 7606.

use super::iana::{attr, error::update};

/// What is wrong with an attribute.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Fault {
    /// The optional or transitive bit contradicts the type (RFC 7606 section 3(c)).
    Flags,
    /// A length that the type does not allow.
    Length,
    /// A value that the type does not allow.
    Value,
    /// It runs past the end of the attributes, or its header does (RFC 7606 section 4).
    Overrun,
    /// It is there twice (RFC 7606 section 3(g)).
    Repeated,
    /// Mandatory, and not there (RFC 7606 section 3(d)).
    Missing,
    /// Flagged as well-known, but nothing we know (RFC 4271 section 6.3).
    Unrecognized,
    /// The configuration wants routes with it withdrawn.
    Unwanted,
}

/// What is done about it (RFC 7606 section 2). Where the RFC permits disabling the family instead of a reset, we
/// reset: the peer then learns that something is wrong.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Action {
    /// Drop the attribute, keep the routes.
    AttributeDiscard,
    /// Take the announced routes as withdrawn.
    TreatAsWithdraw,
    /// End the session with this subcode of UPDATE Message Error.
    SessionReset(u8),
}

/// The action for a fault of an attribute from an external or internal peer.
pub(super) const fn action(code: u8, fault: Fault, external: bool) -> Action {
    match (code, fault) {
        (_, Fault::Unrecognized) => Action::SessionReset(update::UNRECOGNIZED_WELL_KNOWN),
        // Without them there is no telling which routes it was about (RFC 7606 sections 3(g), 5.3 and 7.11).
        (attr::MP_REACH_NLRI | attr::MP_UNREACH_NLRI, Fault::Repeated) => {
            Action::SessionReset(update::ATTRIBUTE_LIST)
        }
        (attr::MP_REACH_NLRI | attr::MP_UNREACH_NLRI, Fault::Length | Fault::Value) => {
            Action::SessionReset(update::OPTIONAL_ATTRIBUTE)
        }
        (_, Fault::Repeated) => Action::AttributeDiscard,
        (_, Fault::Overrun | Fault::Missing | Fault::Unwanted) => Action::TreatAsWithdraw,
        // Not for external peers to set, whatever their form (RFC 7606 sections 7.5, 7.9 and 7.10).
        (attr::LOCAL_PREF | attr::ORIGINATOR_ID | attr::CLUSTER_LIST, _) if external => {
            Action::AttributeDiscard
        }
        // RFC 7606 sections 7.6 and 7.7, RFC 6793 section 6.
        (
            attr::ATOMIC_AGGREGATE | attr::AGGREGATOR | attr::AS4_PATH | attr::AS4_AGGREGATOR,
            Fault::Length | Fault::Value,
        ) => Action::AttributeDiscard,
        // RFC 7311 section 3, RFC 8669 section 6.
        (attr::AIGP | attr::PREFIX_SID, _) => Action::AttributeDiscard,
        // All others (RFC 7606 sections 3(c) and 7, RFC 8092 section 6, RFC 9234 section 5).
        (_, Fault::Flags | Fault::Length | Fault::Value) => Action::TreatAsWithdraw,
    }
}

/// The subcode for a fault where section 5.2 of RFC 7606 turns treat-as-withdraw into a reset.
pub(super) const fn reset_subcode(code: u8, fault: Fault) -> u8 {
    match (fault, code) {
        (Fault::Flags, _) => update::FLAGS,
        (Fault::Length, _) => update::LENGTH,
        (Fault::Missing, _) => update::MISSING_WELL_KNOWN,
        (Fault::Unrecognized, _) => update::UNRECOGNIZED_WELL_KNOWN,
        (Fault::Value, attr::ORIGIN) => update::ORIGIN,
        (Fault::Value, attr::AS_PATH) => update::AS_PATH,
        (Fault::Value, attr::NEXT_HOP) => update::NEXT_HOP,
        (Fault::Value | Fault::Unwanted, _) => update::OPTIONAL_ATTRIBUTE,
        (Fault::Overrun | Fault::Repeated, _) => update::ATTRIBUTE_LIST,
    }
}
