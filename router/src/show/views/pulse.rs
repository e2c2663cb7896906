//! What `top` shows: small enough to be asked for each second.

use serde::{Deserialize, Serialize};

/// A neighbour.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PeerPulse {
    /// Its name.
    pub name: String,
    /// Its AS.
    pub asn: u32,
    /// State of its session.
    pub state: String,
    /// Seconds since it came up or went down.
    pub since: Option<u64>,
    /// Paths that it sent and policy took, of both families.
    pub accepted: u64,
    /// Routes that it was told; of neighbours that are told the same, all that they are told together.
    pub told: u64,
    /// UPDATEs received, over all sessions.
    pub updates_in: u64,
    /// UPDATEs sent.
    pub updates_out: u64,
    /// Prefixes announced and withdrawn by it in this session.
    pub prefixes_in: u64,
}

/// A table.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TablePulse {
    /// Family.
    pub family: String,
    /// Prefixes.
    pub prefixes: u64,
    /// Paths.
    pub paths: u64,
    /// Changes of best paths so far.
    pub version: u64,
}

/// A virtual router.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupPulse {
    /// Interface.
    pub interface: String,
    /// VRID.
    pub vrid: u8,
    /// Family.
    pub family: String,
    /// Role.
    pub state: String,
    /// Priority in force.
    pub priority: u8,
}

/// The router at a moment.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Pulse {
    /// Host name.
    pub hostname: String,
    /// When, milliseconds since 1970.
    pub epoch_ms: u64,
    /// Seconds since the start.
    pub uptime: u64,
    /// Milliseconds of processor time that the process has used.
    pub cpu_ms: u64,
    /// Octets of memory that it holds.
    pub memory: u64,
    /// Its threads.
    pub threads: u64,
    /// Routes of ours that the kernel should have.
    pub wanted: u64,
    /// Those that it has.
    pub installed: u64,
    /// Those that it refused.
    pub failed: u64,
    /// Tables, if BGP is configured.
    pub tables: Vec<TablePulse>,
    /// Neighbours.
    pub peers: Vec<PeerPulse>,
    /// Virtual routers.
    pub groups: Vec<GroupPulse>,
}
