//! Small things.

use std::collections::BTreeMap;

/// `show version`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct VersionView {
    /// Our own version.
    pub version: String,
    /// Host name.
    pub hostname: String,
    /// `Linux`.
    pub system: String,
    /// Release of the kernel.
    pub kernel: String,
}

/// How often policies were asked, by name and sequence number; for prefix-lists, how often entries matched.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PolicyCounters {
    /// Route-maps.
    pub route_maps: BTreeMap<String, u64>,
    /// Entries of route-maps.
    pub entries: BTreeMap<(String, u16), u64>,
    /// Entries of prefix-lists of IPv4.
    pub prefix_lists_v4: BTreeMap<(String, u32), u64>,
    /// Entries of prefix-lists of IPv6.
    pub prefix_lists_v6: BTreeMap<(String, u32), u64>,
}

/// A line of `show bgp memory`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemoryRow {
    /// How many.
    pub count: u64,
    /// Of what.
    pub what: &'static str,
    /// Octets.
    pub bytes: u64,
}
