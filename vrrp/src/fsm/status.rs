//! What `show` and metrics need of a virtual router (RFC 6527, RFC 8347, and what an operator needs
//! to choose the interval).

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{Instance, Peer, Reason, State};
use crate::config::Config;
use crate::wire::Discard;
use crate::{MILLISECOND, Time};

/// Upper bounds of the histogram of gaps between advertisements, in units of the interval.
pub const GAP_BOUNDS: [f64; 6] = [0.5, 1.1, 1.5, 2.0, 2.5, 3.0];
/// Upper bounds of the histogram of own lateness.
pub const LATE_BOUNDS: [Time; 6] =
    [MILLISECOND / 2, MILLISECOND, 2 * MILLISECOND, 5 * MILLISECOND, 10 * MILLISECOND, 50 * MILLISECOND];

/// Counters since the start.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Stats {
    /// Advertisements sent.
    pub sent: u64,
    /// Valid advertisements received.
    pub received: u64,
    /// Of those sent, with priority 0.
    pub priority_zero_sent: u64,
    /// Of those received, with priority 0.
    pub priority_zero_received: u64,
    /// Changes of state.
    pub transitions: u64,
    /// Of those, to Active.
    pub became_active: u64,
    /// Gratuitous ARP or neighbour advertisements sent.
    pub announcements: u64,
    /// Router advertisements sent.
    pub router_advertisements: u64,
    /// Peers with another interval.
    pub interval_differs: u64,
    /// Peers with another list of addresses.
    pub addresses_differ: u64,
    /// Advertisements of a lesser Active router heard while Active.
    pub conflicts: u64,
    /// Timers served more than an interval late.
    pub late: u64,
    /// Packets dropped, by reason.
    pub discarded: BTreeMap<&'static str, u64>,
    /// Gaps between advertisements by `GAP_BOUNDS`; the last counts the longer ones.
    pub gaps: [u64; 7],
    /// Lateness of timers by `LATE_BOUNDS`; the last counts the longer ones.
    pub lateness: [u64; 7],
    /// Worst lateness.
    pub worst_lateness: Time,
    /// Why the last change happened.
    pub reason: Option<Reason>,
}

impl Stats {
    pub(super) fn discard(&mut self, why: Discard) {
        *self.discarded.entry(why.name()).or_default() += 1;
    }

    pub(super) fn gap(&mut self, gap: Option<Time>, interval: Time) {
        let Some(gap) = gap else { return };
        let ratio = gap as f64 / interval.max(1) as f64;
        let at = GAP_BOUNDS.iter().position(|bound| ratio <= *bound).unwrap_or(GAP_BOUNDS.len());
        if let Some(slot) = self.gaps.get_mut(at) {
            *slot += 1;
        }
    }

    pub(super) fn lateness(&mut self, late: Time) {
        let at = LATE_BOUNDS.iter().position(|bound| late <= *bound).unwrap_or(LATE_BOUNDS.len());
        if let Some(slot) = self.lateness.get_mut(at) {
            *slot += 1;
        }
        self.worst_lateness = self.worst_lateness.max(late);
    }
}

/// A snapshot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Status {
    /// State.
    pub state: State,
    /// Configuration in use.
    pub config: Config,
    /// Own address, if the interface is usable.
    pub source: Option<IpAddr>,
    /// Priority in use.
    pub priority: u8,
    /// Healthy as tracking says, and not drained.
    pub eligible: bool,
    /// Interval of the Active router, learned or own.
    pub active_interval: Time,
    /// Skew_Time.
    pub skew: Time,
    /// Active_Down_Interval.
    pub down_interval: Time,
    /// The virtual MAC's datapath is ours at present.
    pub datapath: bool,
    /// When the state was entered.
    pub since: Time,
    /// When the addresses were last announced.
    pub announced: Option<Time>,
    /// Last router heard.
    pub peer: Option<Peer>,
    /// Counters.
    pub stats: Stats,
}

impl Instance {
    /// State at present.
    pub fn state(&self) -> State {
        self.state
    }

    /// Configuration in use.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Everything at once.
    pub fn status(&self) -> Status {
        Status {
            state: self.state,
            config: self.config.clone(),
            source: self.source,
            priority: self.priority(),
            eligible: self.eligible(),
            active_interval: self.active_interval,
            skew: self.skew(),
            down_interval: self.down_interval(),
            datapath: self.datapath,
            since: self.since,
            announced: self.announced,
            peer: self.peer,
            stats: self.stats.clone(),
        }
    }
}
