//! Who is on the segment and how configured.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use vrrp::{CENTISECOND, Checksum, Config, Family, MILLISECOND, RouterAdvertisement, SECOND, Time};

use crate::rng::Rng;

/// A world as it begins.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The switch of each router.
    pub homes: Vec<usize>,
    /// Switches, in a row of one or two.
    pub switches: usize,
    /// Virtual routers; all routers are in each.
    pub groups: Vec<Vec<Config>>,
    /// Routers by the last octet of their address: who wins a tie has nothing to do with who comes first.
    pub octets: Vec<u8>,
    /// Least time that a frame takes from port to port, and how much more it may be.
    pub hop: [Time; 2],
    /// How late a router's process is woken at most when nothing is wrong.
    pub lateness: Time,
}

impl Plan {
    /// A random one.
    pub fn new(rng: &mut Rng) -> Plan {
        let count = 2 + rng.index(3);
        let switches = 1 + rng.index(2);
        let interval = *rng.pick(&[1, 2, 5, 10, 20, 50, 100]);
        let mut octets: Vec<u8> = (1..=count as u8).collect();
        for n in (1..count).rev() {
            octets.swap(n, rng.index(n + 1));
        }
        let families: &[(u8, Family)] = match rng.below(4) {
            0 => &[(7, Family::V4), (7, Family::V6)],
            1 => &[(7, Family::V4)],
            2 => &[(9, Family::V6)],
            _ => &[(7, Family::V4), (8, Family::V4)],
        };
        let mut groups = Vec::new();
        for (vrid, family) in families {
            let owner = (rng.once_in(5)).then(|| rng.index(count));
            let alike = rng.below(3) > 0;
            let config = |n: usize| config(rng, *vrid, *family, interval, owner == Some(n), alike);
            groups.push((0..count).map(config).collect());
        }
        // Time for a frame to cross both switches within the shortest interval, with room to spare.
        let scale = if interval < 10 { 1 } else { 1 + rng.below(5) };
        Plan {
            homes: (0..count).map(|_| rng.index(switches)).collect(),
            switches,
            groups,
            octets,
            hop: [20_000, rng.below(200_000 * scale)],
            lateness: *rng.pick(&[0, 100_000, 500_000, MILLISECOND]),
        }
    }

    /// A router's own address in a family.
    pub fn source(&self, n: usize, family: Family) -> IpAddr {
        match family {
            Family::V4 => IpAddr::V4(Ipv4Addr::new(10, 0, 0, self.octets[n])),
            Family::V6 => IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, u16::from(self.octets[n]))),
        }
    }

    /// The longest interval that a member of a group can have.
    pub fn longest(&self, group: usize) -> Time {
        self.groups[group].iter().map(Config::interval_time).max().unwrap_or(SECOND) * CHANGED
    }

    /// A unit of time for trouble: the longest interval of all.
    pub fn unit(&self) -> Time {
        (0..self.groups.len()).map(|g| self.longest(g)).max().unwrap_or(SECOND)
    }

    /// How long a frame is under way at most, and is looked at by the receiver's process.
    pub fn crossing(&self) -> Time {
        3 * (self.hop[0] + self.hop[1]) + self.lateness
    }
}

/// A change of configuration makes intervals that much longer at most.
pub const CHANGED: Time = 2;

/// Priorities that are often equal, and not far apart.
const PRIORITIES: [u8; 8] = [1, 50, 100, 100, 149, 150, 200, 254];

fn config(rng: &mut Rng, vrid: u8, family: Family, interval: u16, owner: bool, alike: bool) -> Config {
    let addresses: Vec<IpAddr> = match family {
        Family::V4 => (0..=rng.below(2)).map(|n| Ipv4Addr::new(10, 0, vrid, 254 - n as u8).into()).collect(),
        Family::V6 => vec![
            Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, u16::from(vrid), 0xfe).into(),
            Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, u16::from(vrid), 0xfe).into(),
        ],
    };
    let interval = interval * if alike { 1 } else { *rng.pick(&[1, 1, 2]) };
    let unit = Time::from(interval) * CENTISECOND;
    let advertises = family == Family::V6 && rng.once_in(3);
    Config {
        priority: if owner { 255 } else { *rng.pick(&PRIORITIES) },
        interval,
        preempt: rng.below(4) > 0,
        preempt_delay: *rng.pick(&[0, 0, 5 * unit, 20 * unit]),
        checksum: *rng.pick(&[Checksum::PseudoHeader, Checksum::MessageOnly]),
        unhealthy_priority: *rng.pick(&[0, 1, 1, 120]),
        router_advertisement: advertises.then(RouterAdvertisement::default),
        ..Config::new(vrid, family, addresses)
    }
}

/// Another configuration of the same virtual router.
pub fn changed(rng: &mut Rng, old: &Config) -> Config {
    let mut new = old.clone();
    match rng.below(4) {
        // Two owners would be an error of the operator's.
        0 if !old.owner() => new.priority = *rng.pick(&PRIORITIES),
        1 => new.preempt = !old.preempt,
        2 => {
            new.interval =
                if old.interval.is_multiple_of(2) { old.interval / 2 } else { old.interval * CHANGED as u16 }
        }
        _ => new.preempt_delay = *rng.pick(&[0, 5 * old.interval_time()]),
    }
    new
}
