//! VRRP groups.

use std::net::IpAddr;

/// State of a virtual router (RFC 9568 section 6.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum VrrpState {
    /// Not running.
    #[default]
    Initialize,
    /// Listening.
    Backup,
    /// Forwarding.
    Master,
}

impl VrrpState {
    /// As it is shown.
    pub const fn name(self) -> &'static str {
        match self {
            VrrpState::Initialize => "Initialize",
            VrrpState::Backup => "Backup",
            VrrpState::Master => "Master",
        }
    }
}

/// One family of a group.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct VrrpFamilyView {
    /// The interface with the virtual MAC address; empty if there is none.
    pub interface: String,
    /// The virtual MAC address.
    pub vmac: [u8; 6],
    /// The address that advertisements come from.
    pub primary: Option<IpAddr>,
    /// State.
    pub state: VrrpState,
    /// Priority after tracking; 255 for the owner.
    pub effective_priority: u8,
    /// Interval of the master, milliseconds.
    pub master_interval: u32,
    /// Whether that is from a master that is gone, or ourselves.
    pub master_interval_stale: bool,
    /// Skew time, milliseconds.
    pub skew_time: u32,
    /// Master down interval, milliseconds.
    pub master_down_interval: u32,
    /// Advertisements sent.
    pub adverts_sent: u64,
    /// Advertisements received.
    pub adverts_received: u64,
    /// Gratuitous ARPs or unsolicited neighbour advertisements sent.
    pub announcements: u64,
    /// Changes of state.
    pub transitions: u64,
    /// Virtual addresses.
    pub addresses: Vec<IpAddr>,
}

/// `show vrrp`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct VrrpView {
    /// Virtual router identifier.
    pub vrid: u8,
    /// Protocol version.
    pub version: u8,
    /// Made by `vrrp autoconfigure`.
    pub autoconfigured: bool,
    /// Shut down.
    pub shutdown: bool,
    /// Interface.
    pub interface: String,
    /// Preemption.
    pub preempt: bool,
    /// Accept mode.
    pub accept: bool,
    /// Checksum over a pseudo-header.
    pub checksum_with_ipv4_pseudoheader: bool,
    /// Configured interval, milliseconds.
    pub advertisement_interval: u32,
    /// Configured priority.
    pub priority: u8,
    /// IPv4.
    pub v4: VrrpFamilyView,
    /// IPv6.
    pub v6: VrrpFamilyView,
}
