//! VRRP groups as configured, and what their priority depends on.
//!
//! When the reason to be the gateway is gone the group resigns first and stays as a last resort: better a gateway
//! without a provider than none. Only then does a lowered priority count.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use vrrp::{Checksum, Config as VrrpConfig, RouterAdvertisement, SECOND};

use crate::config::model::{Config, Interface, Track, TrackKind, VrrpGroup};
use crate::events::Events;
use crate::ontime::{Event, Family, GroupConfig, GroupKey, Handle, Snapshot};
use crate::show::views::EventKind;

/// Priority of a group whose reason to be the gateway is gone.
const LAST_RESORT: u8 = 1;

#[derive(Default)]
struct State {
    groups: Vec<(GroupConfig, Vec<Track>)>,
    sessions: BTreeMap<IpAddr, bool>,
    links: BTreeMap<String, bool>,
    /// What the thread was told of each group.
    told: BTreeMap<GroupKey, (bool, u8)>,
}

/// The gateways of this router.
pub struct Gateways {
    thread: Handle,
    state: Mutex<State>,
}

impl Gateways {
    /// Drives the on-time thread.
    pub fn new(thread: Handle) -> Gateways {
        Gateways { thread, state: Mutex::default() }
    }

    /// Makes the groups those of a configuration.
    pub fn configure(&self, config: &Config) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.groups = groups(config);
        state.told.clear();
        self.tell(&mut state, true);
    }

    /// A BGP session came up or went down.
    pub fn session(&self, addr: IpAddr, up: bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.sessions.insert(addr, up) != Some(up) {
            self.tell(&mut state, false);
        }
    }

    /// An interface can be used, or no longer.
    pub fn link(&self, name: &str, usable: bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.links.insert(name.to_owned(), usable) != Some(usable) {
            self.tell(&mut state, false);
        }
    }

    /// Tells the thread what changed; all of it if `configured`.
    fn tell(&self, state: &mut State, configured: bool) {
        let mut configs = Vec::with_capacity(state.groups.len());
        let mut health = Vec::new();
        let mut lowered = configured;
        for (group, tracks) in &state.groups {
            let (healthy, priority) = health_of(group.vrrp.priority, tracks, &state.sessions, &state.links);
            let mut config = group.clone();
            config.vrrp.unhealthy_priority = priority;
            let told = state.told.insert(config.key(), (healthy, priority));
            lowered |= told.is_some_and(|(_, p)| p != priority);
            if configured || told.is_none_or(|(h, _)| h != healthy) {
                health.push((config.key(), healthy));
            }
            configs.push(config);
        }
        if lowered {
            self.thread.configure(configs);
        }
        for (key, healthy) in health {
            self.thread.health(key, healthy);
        }
    }

    /// The groups as they run.
    pub fn snapshot(&self) -> Snapshot {
        self.thread.snapshot()
    }

    /// Gives all roles away and removes the devices when the successors have taken over.
    pub fn shutdown(&self, wait: std::time::Duration) -> bool {
        self.thread.shutdown(wait)
    }
}

/// Whether a group is fit to be the gateway, and its priority if it is not.
fn health_of(
    priority: u8,
    tracks: &[Track],
    sessions: &BTreeMap<IpAddr, bool>,
    links: &BTreeMap<String, bool>,
) -> (bool, u8) {
    let down = |t: &&Track| match &t.kind {
        TrackKind::Interface(name) => !links.get(name).copied().unwrap_or(false),
        TrackKind::BgpNeighbor(addr) => !sessions.get(addr).copied().unwrap_or(false),
    };
    let mut lowered = priority;
    let mut healthy = true;
    for track in tracks.iter().filter(down) {
        healthy = false;
        lowered = match track.decrement {
            Some(by) => lowered.saturating_sub(by).max(LAST_RESORT),
            None => LAST_RESORT,
        };
    }
    (healthy, if healthy { LAST_RESORT } else { lowered })
}

fn groups(config: &Config) -> Vec<(GroupConfig, Vec<Track>)> {
    let mut all = Vec::new();
    for (name, interface) in &config.interfaces {
        for (vrid, group) in interface.vrrp.iter().filter(|(_, g)| !g.shutdown) {
            if group.version != 3 {
                tracing::error!(
                    interface = name,
                    vrid,
                    "VRRP version 2 is not supported: the group stays down"
                );
                continue;
            }
            let v4: Vec<IpAddr> = group.ipv4.iter().map(|a| IpAddr::V4(*a)).collect();
            // The virtual link-local address comes first (RFC 9568 section 5.2.9).
            let mut v6: Vec<IpAddr> = group.ipv6.iter().map(|a| IpAddr::V6(*a)).collect();
            v6.sort_by_key(|a| !matches!(a, IpAddr::V6(v6) if v6.is_unicast_link_local()));
            for (family, addresses) in [(Family::V4, v4), (Family::V6, v6)] {
                if addresses.is_empty() {
                    continue;
                }
                let vrrp = protocol(*vrid, family, addresses, group, interface);
                match vrrp.check() {
                    Ok(()) => {
                        let (interface, virtual_mac) = (name.clone(), group.virtual_mac);
                        all.push((GroupConfig { interface, virtual_mac, vrrp }, group.tracks.clone()));
                    }
                    Err(error) => {
                        tracing::error!(interface = name, vrid, %error, "VRRP group cannot run");
                    }
                }
            }
        }
    }
    all
}

fn protocol(
    vrid: u8,
    family: Family,
    addresses: Vec<IpAddr>,
    group: &VrrpGroup,
    interface: &Interface,
) -> VrrpConfig {
    VrrpConfig {
        priority: group.priority,
        interval: (group.advertisement_interval / 10).clamp(1, 4095) as u16,
        preempt: group.preempt,
        preempt_delay: u64::from(group.preempt_delay) * SECOND,
        accept: group.accept,
        checksum: if group.checksum_with_ipv4_pseudoheader {
            Checksum::PseudoHeader
        } else {
            Checksum::MessageOnly
        },
        router_advertisement: (family == Family::V6 && interface.nd.advertise)
            .then(|| advertisement(interface)),
        ..VrrpConfig::new(vrid, family, addresses)
    }
}

/// What a router on the interface advertises: its networks.
pub fn advertisement(interface: &Interface) -> RouterAdvertisement {
    let prefixes = interface
        .addresses
        .iter()
        .filter_map(|a| match a.net.trunc() {
            ipnet::IpNet::V6(net) if net.prefix_len() == 64 => Some(net),
            _ => None,
        })
        .collect();
    let default = RouterAdvertisement::default();
    RouterAdvertisement {
        interval: interface.nd.interval_ms.map_or(default.interval, |ms| u64::from(ms) * vrrp::MILLISECOND),
        lifetime: interface.nd.lifetime.unwrap_or(default.lifetime),
        mtu: interface.mtu,
        prefixes,
        ..default
    }
}

/// An event of the thread as a log line, and for `show history`.
pub fn note(event: &Event, events: &Events) {
    match event {
        Event::Changed { group, from, to, reason } => {
            let family = if group.family == Family::V6 { "IPv6" } else { "IPv4" };
            let subject = format!("{} vrid {} {family}", group.interface, group.vrid);
            let what = format!("{}, before {}", role(*to), role(*from));
            events.note(EventKind::Vrrp, subject, what, Some(reason.name().replace('_', " ")));
            let GroupKey { interface, vrid, family } = group;
            tracing::info!(interface, vrid, ?family, ?from, ?to, ?reason, "VRRP state changed");
        }
        Event::Notice { group, notice } => {
            let GroupKey { interface, vrid, family } = group;
            tracing::debug!(interface, vrid, ?family, ?notice, "VRRP");
        }
        Event::Failed { group, what, reason } => {
            tracing::warn!(?group, what, reason, "VRRP: the rest goes on");
        }
    }
}

/// The role in FRR's word.
pub const fn role(state: vrrp::State) -> &'static str {
    match state {
        vrrp::State::Initialize => "Initialize",
        vrrp::State::Backup => "Backup",
        vrrp::State::Active => "Master",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_session_resigns_and_decrements_add_up() {
        let provider: IpAddr = "192.0.2.1".parse().unwrap();
        let resign = Track { kind: TrackKind::BgpNeighbor(provider), decrement: None };
        let lower = |name: &str| Track { kind: TrackKind::Interface(name.into()), decrement: Some(30) };
        let tracks = [resign, lower("a"), lower("b")];
        let up = BTreeMap::from([(provider, true)]);
        let links = BTreeMap::from([("a".to_owned(), true), ("b".to_owned(), true)]);
        assert_eq!(health_of(200, &tracks, &up, &links), (true, LAST_RESORT));
        assert_eq!(health_of(200, &tracks, &up, &BTreeMap::new()), (false, 140));
        assert_eq!(health_of(200, &tracks, &BTreeMap::new(), &links), (false, LAST_RESORT));
    }
}
