//! Origin validation.

use std::net::Ipv4Addr;

/// How a cache is reached.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RpkiTransport {
    /// `rpki cache tcp`
    Tcp,
    /// `rpki cache ssh`: kept, not used.
    Ssh {
        /// Who we are there.
        user: String,
        /// File with our key.
        key: String,
        /// File with the keys of hosts.
        known_hosts: Option<String>,
    },
}

/// `rpki cache ...`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RpkiCache {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// How.
    pub transport: RpkiTransport,
    /// Our address towards it.
    pub source: Option<Ipv4Addr>,
    /// The lowest is used first; no two caches have the same.
    pub preference: u8,
}

/// The `rpki` node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rpki {
    /// `rpki polling_period`, seconds.
    pub polling_period: u32,
    /// `rpki retry_interval`, seconds.
    pub retry_interval: u32,
    /// `rpki expire_interval`, seconds.
    pub expire_interval: u32,
    /// Caches in the order in which they were given.
    pub caches: Vec<RpkiCache>,
}

impl Rpki {
    /// FRR's `polling_period` where none is given.
    pub const POLLING_PERIOD: u32 = 3600;
    /// FRR's `retry_interval` where none is given.
    pub const RETRY_INTERVAL: u32 = 600;
    /// FRR's `expire_interval` where none is given.
    pub const EXPIRE_INTERVAL: u32 = 7200;
}

impl Default for Rpki {
    fn default() -> Rpki {
        Rpki {
            polling_period: Rpki::POLLING_PERIOD,
            retry_interval: Rpki::RETRY_INTERVAL,
            expire_interval: Rpki::EXPIRE_INTERVAL,
            caches: Vec::new(),
        }
    }
}
