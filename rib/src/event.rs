//! What the table says to the rest of the router.

use std::net::IpAddr;

use bgp::types::Family;
use bytes::Bytes;
use ipnet::IpNet;

use crate::base::Discard;
use crate::id::{HopSetId, PeerId};
use crate::nexthop::{Resilient, SetHop};
use crate::policy::ast::SourceProtocol;

/// What comes out of [`crate::Core::poll`].
#[derive(Clone, Debug)]
pub enum Output {
    /// Messages for some neighbours, encoded once.
    Transmit {
        /// Who gets them.
        peers: Vec<PeerId>,
        /// Whole messages, back to back.
        bytes: Bytes,
        /// How many UPDATEs are among them.
        messages: u32,
    },
    /// Something happened that the rest may want to know.
    Event(Event),
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// A neighbour crossed `maximum-prefix`.
    MaxPrefix {
        /// The neighbour.
        peer: PeerId,
        /// The family.
        family: Family,
        /// The limit.
        limit: u32,
    },
    /// A neighbour crossed the percentage of `maximum-prefix` from which to warn.
    PrefixThreshold {
        /// The neighbour.
        peer: PeerId,
        /// The family.
        family: Family,
        /// Its paths.
        count: u32,
        /// The limit.
        limit: u32,
    },
    /// Import policy changed and refused paths were not kept: the neighbour should send its routes again.
    RefreshNeeded {
        /// The neighbour.
        peer: PeerId,
        /// The family.
        family: Family,
    },
    /// A removed neighbour's paths are all gone; its number is free.
    Purged(PeerId),
    /// A neighbour's End-of-RIB arrived.
    EndOfRib {
        /// The neighbour.
        peer: PeerId,
        /// The family.
        family: Family,
    },
}

/// Where a route leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FibTarget {
    /// Over a hop set.
    Hops(HopSetId),
    /// Nowhere.
    Discard(Discard),
}

/// A route for the kernel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FibRoute {
    /// BGP or static.
    pub source: SourceProtocol,
    /// Where to.
    pub target: FibTarget,
    /// Preferred source address.
    pub prefer: Option<IpAddr>,
}

/// A change of what the kernel should hold, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FibChange {
    /// A hop set is new or has other ways out.
    HopSet {
        /// Which.
        id: HopSetId,
        /// Its ways out in canonical order; none when nothing is reachable.
        hops: Vec<SetHop>,
        /// Its kind, which never changes while the name is in use.
        resilient: Option<Resilient>,
    },
    /// A hop set is no longer used.
    HopSetGone(HopSetId),
    /// The table is as complete as it gets after a start: what an earlier run left in the kernel beyond it may go.
    Complete,
    /// Whether [`crate::Input::Installed`] is wanted for routes from now on.
    Acknowledge(bool),
    /// A prefix has another route of ours, or none.
    Route {
        /// The prefix.
        prefix: IpNet,
        /// The route.
        route: Option<FibRoute>,
    },
}
