//! A route in the plainest form, read from attribute bytes without help of the cores.

use std::collections::BTreeSet;
use std::net::IpAddr;

/// `NO_EXPORT` (RFC 1997).
pub const NO_EXPORT: u32 = 0xffff_ff01;
/// `NO_ADVERTISE` (RFC 1997).
pub const NO_ADVERTISE: u32 = 0xffff_ff02;

/// LOCAL_PREF of a route that has none.
pub const DEFAULT_PREF: u32 = 100;

/// A route as a router keeps it or tells it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Route {
    /// AS_PATH; sequences only.
    pub path: Vec<u32>,
    /// Next hop; `None` is the router itself.
    pub next_hop: Option<IpAddr>,
    /// ORIGIN.
    pub origin: u8,
    /// MULTI_EXIT_DISC.
    pub med: Option<u32>,
    /// LOCAL_PREF.
    pub pref: Option<u32>,
    /// COMMUNITIES.
    pub communities: BTreeSet<u32>,
    /// How many large communities there are: ballast.
    pub ballast: usize,
}

impl Route {
    /// A route of the router's own.
    pub fn own() -> Route {
        Route {
            path: Vec::new(),
            next_hop: None,
            origin: 0,
            med: Some(0),
            pref: None,
            communities: BTreeSet::new(),
            ballast: 0,
        }
    }

    /// From attributes as on the wire, without the next hop.
    pub fn read(mut block: &[u8], next_hop: Option<IpAddr>) -> Route {
        let mut route = Route { next_hop, med: None, ..Route::own() };
        while let [flags, code, rest @ ..] = block {
            let (len, rest) = match (flags & 0x10, rest) {
                (0, [len, rest @ ..]) => (usize::from(*len), rest),
                (_, [hi, lo, rest @ ..]) => (usize::from(*hi) << 8 | usize::from(*lo), rest),
                _ => panic!("attributes cut short"),
            };
            let (value, rest) = rest.split_at(len);
            block = rest;
            let words = || value.chunks_exact(4).map(|w| u32::from_be_bytes([w[0], w[1], w[2], w[3]]));
            match code {
                1 => route.origin = value[0],
                2 => route.path = path(value),
                4 => route.med = words().next(),
                5 => route.pref = words().next(),
                8 => route.communities = words().collect(),
                32 => route.ballast = value.len() / 12,
                other => panic!("attribute {other} comes from nowhere"),
            }
        }
        route
    }

    /// The AS that it came from.
    pub fn neighbor_as(&self) -> u32 {
        self.path.first().copied().unwrap_or(0)
    }

    /// The LOCAL_PREF that counts.
    pub fn local_pref(&self) -> u32 {
        self.pref.unwrap_or(DEFAULT_PREF)
    }
}

fn path(mut value: &[u8]) -> Vec<u32> {
    let mut path = Vec::new();
    while let [2, count, rest @ ..] = value {
        let (asns, rest) = rest.split_at(4 * usize::from(*count));
        path.extend(asns.chunks_exact(4).map(|a| u32::from_be_bytes([a[0], a[1], a[2], a[3]])));
        value = rest;
    }
    assert!(value.is_empty(), "nobody makes sets");
    path
}
