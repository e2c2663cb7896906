//! Faults that are planted between the cores and the world, to see that the laws notice them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use vrrp::{Config, Output, State};

use super::frame::{self, Seen};

/// What goes wrong, on every router.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Planted {
    /// Backups do not hear that the Active router resigns.
    DeafToResignation,
    /// One in four advertisements is lost between socket and core.
    SwallowedAdverts,
    /// A router that stops says nothing.
    SilentStop,
    /// A router that gave way says its last advertisement once more.
    LastWord,
    /// Advertisements leave with the router's own address as their source.
    PhysicalSource,
    /// So do announcements; neighbours learn the wrong address.
    StaleAnnouncement,
    /// No announcements at all.
    Unannounced,
    /// The interval in advertisements is one centisecond more.
    WrongInterval,
    /// The first virtual address is missing in advertisements.
    MissingAddress,
    /// Timers are served an interval late.
    SleepyTimers,
    /// Timers of backups are not served at all.
    Comatose,
    /// The datapath is not given up.
    KeptDatapath,
    /// The datapath is not taken.
    MissingDatapath,
    /// Cores do not preempt though configured to.
    NoPreemption,
    /// Cores preempt at once though configured to wait.
    HastyPreemption,
    /// Cores believe that their own address is the highest.
    Conceited,
    /// Cores hear their own interval, whatever the Active router says.
    NoLearning,
    /// The first router hears nothing, and nobody knows.
    DeadPort,
    /// Switches that learned an address do not learn it anew at another port.
    StubbornSwitch,
}

impl Planted {
    /// All of them.
    pub const ALL: [Planted; 19] = [
        Planted::DeafToResignation,
        Planted::SwallowedAdverts,
        Planted::SilentStop,
        Planted::LastWord,
        Planted::PhysicalSource,
        Planted::StaleAnnouncement,
        Planted::Unannounced,
        Planted::WrongInterval,
        Planted::MissingAddress,
        Planted::SleepyTimers,
        Planted::Comatose,
        Planted::KeptDatapath,
        Planted::MissingDatapath,
        Planted::NoPreemption,
        Planted::HastyPreemption,
        Planted::Conceited,
        Planted::NoLearning,
        Planted::DeadPort,
        Planted::StubbornSwitch,
    ];

    /// Those whose outcome is wrong for all routers together, whoever is to blame.
    pub const SHARED: [Planted; 7] = [
        Planted::Comatose,
        Planted::KeptDatapath,
        Planted::MissingDatapath,
        Planted::NoPreemption,
        Planted::Conceited,
        Planted::DeadPort,
        Planted::StubbornSwitch,
    ];

    /// What a core is told to be.
    pub(super) fn config(self, config: &mut Config) {
        match self {
            Planted::NoPreemption => config.preempt = false,
            Planted::HastyPreemption => config.preempt_delay = 0,
            _ => {}
        }
    }

    /// The address that a core believes to have.
    pub(super) fn source(self, source: IpAddr) -> IpAddr {
        match (self, source) {
            (Planted::Conceited, IpAddr::V4(_)) => Ipv4Addr::new(10, 0, 0, 253).into(),
            (Planted::Conceited, IpAddr::V6(_)) => Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0xfd).into(),
            _ => source,
        }
    }

    /// What a core gets to hear in place of a frame.
    pub(super) fn hears(self, frame: &Arc<[u8]>, own: u16) -> Arc<[u8]> {
        match (self, frame::read(frame)) {
            (Planted::NoLearning, Seen::Advert(advert)) => {
                let mut bytes = frame.to_vec();
                rewrite(&mut bytes, &vrrp::Advert { interval: own, ..plain(advert) });
                bytes.into()
            }
            _ => frame.clone(),
        }
    }

    /// Whether a core does not get to hear a frame. `count` numbers the frames.
    pub(super) fn swallows(self, seen: &Seen, count: u64) -> bool {
        match (self, seen) {
            (Planted::DeafToResignation, Seen::Advert(advert)) => advert.priority == 0,
            (Planted::SwallowedAdverts, Seen::Advert(_)) => count % 4 == 3,
            _ => false,
        }
    }

    /// Whether an output of a core is forgotten.
    pub(super) fn forgets(self, output: &Output, state: State) -> bool {
        match self {
            Planted::KeptDatapath => *output == Output::Release,
            Planted::MissingDatapath => *output == Output::Acquire,
            Planted::Unannounced => *output == Output::Announce,
            Planted::SilentStop => matches!(output, Output::Send(_)) && state == State::Initialize,
            _ => false,
        }
    }

    /// What becomes of a frame of a router with this address on its way out.
    pub(super) fn alter(self, frame: &mut Arc<[u8]>, source: IpAddr) {
        let seen = frame::read(frame);
        let mut bytes = frame.to_vec();
        match (self, seen) {
            (Planted::PhysicalSource, Seen::Advert(_)) => bytes[6..12].copy_from_slice(&[2, 0, 0, 0, 0, 1]),
            (Planted::StaleAnnouncement, Seen::Announcement(_)) => {
                let old: [u8; 6] = frame::source_mac(frame);
                for at in 6..bytes.len() - 5 {
                    if bytes[at..at + 6] == old {
                        bytes[at..at + 6].copy_from_slice(&[2, 0, 0, 0, 0, 1]);
                    }
                }
            }
            (Planted::WrongInterval, Seen::Advert(advert)) => {
                rewrite(&mut bytes, &vrrp::Advert { interval: advert.interval + 1, ..plain(advert) });
            }
            (Planted::MissingAddress, Seen::Advert(advert)) if advert.addresses.len() > 1 => {
                let addresses = advert.addresses[..advert.addresses.len() - 1].to_vec();
                rewrite(&mut bytes, &vrrp::Advert { addresses, ..plain(advert) });
            }
            (Planted::Conceited, Seen::Advert(advert)) => {
                let message = vrrp::wire::encode(&plain(advert), &source, vrrp::Checksum::PseudoHeader);
                let mac = frame::source_mac(frame);
                bytes = vrrp::announce::advertisement(mac, &source, &message);
            }
            _ => return,
        }
        *frame = bytes.into();
    }
}

fn plain(advert: frame::Advert) -> vrrp::Advert {
    let frame::Advert { vrid, priority, interval, addresses, .. } = advert;
    vrrp::Advert { vrid, priority, interval, addresses }
}

/// Puts another message into a frame, with a checksum that fits.
fn rewrite(bytes: &mut Vec<u8>, advert: &vrrp::Advert) {
    let (at, source, ..) = frame::ip(bytes).expect("an advertisement has an IP header");
    bytes.truncate(at);
    bytes.extend(vrrp::wire::encode(advert, &source, vrrp::Checksum::PseudoHeader));
}
