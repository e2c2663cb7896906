//! What goes into a session and what comes out of it.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use super::{ConnId, FsmState, Negotiated, OpenRefusal};
use crate::types::{Family, Time};
use crate::wire::iana::error::cease;
use crate::wire::{Action, Fault, Notification};

/// Why the session is stopped or restarted from our side.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum StopReason {
    /// The operator shut the peer down.
    AdminShutdown,
    /// The peer is no longer configured.
    Deconfigured,
    /// The operator asked for a new session (`clear bgp`).
    UserReset,
    /// A change of configuration calls for a new OPEN.
    ConfigChange(ResetReason),
    /// The interface of the peer is gone.
    InterfaceDown,
    /// There is no route to the peer.
    NoPath,
    /// The process ends.
    Shutdown,
}

impl StopReason {
    /// The subcode of the Cease that goes out (RFC 4486).
    pub const fn cease(self) -> u8 {
        match self {
            StopReason::AdminShutdown | StopReason::Shutdown => cease::ADMIN_SHUTDOWN,
            StopReason::Deconfigured => cease::PEER_DECONFIGURED,
            StopReason::UserReset => cease::ADMIN_RESET,
            StopReason::ConfigChange(_) | StopReason::InterfaceDown | StopReason::NoPath => {
                cease::CONFIG_CHANGE
            }
        }
    }

    /// What FRR calls it.
    pub const fn reset_reason(self) -> ResetReason {
        match self {
            StopReason::AdminShutdown | StopReason::Shutdown => ResetReason::AdminShutdown,
            StopReason::Deconfigured => ResetReason::NeighborDeleted,
            StopReason::UserReset => ResetReason::UserReset,
            StopReason::ConfigChange(reason) => reason,
            StopReason::InterfaceDown => ResetReason::InterfaceDown,
            StopReason::NoPath => ResetReason::NoPath,
        }
    }
}

/// How a transport connection ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CloseKind {
    /// The peer closed it in order.
    Closed,
    /// The peer reset it.
    Reset,
    /// The kernel gave up on it.
    TimedOut,
    /// Some other error.
    Error,
}

/// What a session hears. Inputs for a connection that it has forgotten are ignored.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// Begin, at once and with no back-off; also after a stop.
    Start,
    /// End, and stay down until [`Input::Start`]. The message goes into the shutdown notification (RFC 9003).
    Stop {
        /// Why.
        why: StopReason,
        /// For the peer's operator.
        message: Option<&'a str>,
    },
    /// End, and begin again.
    Restart {
        /// Why.
        why: StopReason,
        /// For the peer's operator.
        message: Option<&'a str>,
    },
    /// A dialled connection is up.
    Connected {
        /// From [`Output::Dial`].
        id: ConnId,
        /// Our end.
        local: SocketAddr,
        /// The peer's end.
        remote: SocketAddr,
    },
    /// A dialled connection did not come up.
    ConnectFailed(ConnId),
    /// The peer has connected to us; `id` is from [`Session::new_conn_id`](super::Session::new_conn_id).
    Accepted {
        /// Its name from now on.
        id: ConnId,
        /// Our end.
        local: SocketAddr,
        /// The peer's end.
        remote: SocketAddr,
    },
    /// Bytes of the stream, cut anywhere.
    Bytes(ConnId, &'a [u8]),
    /// Bytes wait in the socket but are not read for want of room. To be told before [`Input::Timeout`], so that
    /// the hold timer does not fire at a peer that is alive.
    Readable(ConnId),
    /// The transport connection is gone.
    Closed(ConnId, CloseKind),
    /// The writer tried to write.
    Sent {
        /// Connection.
        id: ConnId,
        /// Octets that the socket took.
        octets: usize,
        /// Octets that still wait.
        waiting: usize,
        /// UPDATEs among what was taken, which the session does not see otherwise.
        updates: u32,
    },
    /// The deadline has passed.
    Timeout,
    /// Ask the peer for its routes again (RFC 2918).
    SoftIn(Family),
    /// BFD says that the peer is reachable.
    BfdUp,
    /// BFD says that the peer is not reachable (RFC 9384).
    BfdDown,
    /// The peer has sent more prefixes than it may (RFC 4486).
    MaxPrefixReached {
        /// Family.
        family: Family,
        /// The limit.
        limit: u32,
        /// When to try again; `None` for not until [`Input::Start`].
        restart: Option<Time>,
    },
}

/// What a session wants done, in this order.
#[derive(Clone, Debug)]
pub enum Output {
    /// Connect to the peer.
    Dial(ConnId),
    /// Close a connection, or give up dialling it, after what was sent on it.
    Close(ConnId),
    /// Send bytes.
    Send(ConnId, Bytes),
    /// The state has changed.
    StateChanged {
        /// Old state.
        from: FsmState,
        /// New state.
        to: FsmState,
    },
    /// The session is up on this connection. It comes right after the change of state.
    Established(ConnId, Arc<Negotiated>),
    /// The session, or the attempt at one, has ended. It comes right before the change of state.
    Down(Down),
    /// The peer wants our routes again (RFC 2918).
    RefreshRequested(Family),
    /// Something to log.
    Event(Event),
}

/// The end of a session, or of an attempt that got as far as OpenSent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Down {
    /// What FRR calls it.
    pub reason: ResetReason,
    /// It was established: routes of the peer have to go.
    pub established: bool,
    /// The NOTIFICATION that we sent.
    pub sent: Option<Notification>,
    /// The NOTIFICATION that we got.
    pub received: Option<Notification>,
}

/// Things worth a line in the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// We sent a NOTIFICATION.
    NotificationSent(Notification),
    /// We got a NOTIFICATION.
    NotificationReceived(Notification),
    /// An OPEN was refused.
    OpenRefused(OpenRefusal),
    /// An attribute was malformed; the first of each read.
    Malformed {
        /// Type code.
        code: u8,
        /// What is wrong.
        fault: Fault,
        /// What was done.
        action: Action,
    },
    /// One of two connections was closed (RFC 4271 section 6.8).
    CollisionResolved {
        /// The one that stays.
        kept: ConnId,
        /// The one that went.
        closed: ConnId,
    },
    /// A connection from the peer was not wanted in this state.
    ConnectionRefused(FsmState),
    /// Nothing came from the peer for the hold time.
    HoldTimerExpired,
    /// The peer took nothing for the send hold time (RFC 9687).
    SendHoldTimerExpired,
}

/// Why a session ended, in FRR's words and numbers (`lastResetDueTo`, `lastResetCode`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum ResetReason {
    /// The BGP Identifier changed.
    RouterIdChanged = 1,
    /// The peer's AS changed.
    RemoteAsChanged = 2,
    /// Our AS changed.
    LocalAsChanged = 3,
    /// The confederation's identifier changed.
    ConfederationChanged = 5,
    /// The confederation's members changed.
    ConfederationPeersChanged = 6,
    /// Families changed.
    AddressFamilyActivated = 10,
    /// Shut down by the operator.
    AdminShutdown = 11,
    /// Reset by the operator.
    UserReset = 12,
    /// The peer sent a NOTIFICATION.
    NotificationReceived = 13,
    /// We sent a NOTIFICATION.
    NotificationSent = 14,
    /// The peer closed the connection.
    PeerClosed = 15,
    /// No longer configured.
    NeighborDeleted = 16,
    /// Capabilities changed.
    CapabilityChanged = 19,
    /// Passive mode changed.
    PassiveChanged = 20,
    /// Multihop or TTL security changed.
    MultihopChanged = 21,
    /// BFD said so.
    BfdDown = 24,
    /// The interface went down.
    InterfaceDown = 25,
    /// No route to the peer.
    NoPath = 27,
    /// The peer's OPEN did not come.
    WaitingForOpen = 32,
    /// Too many prefixes.
    PrefixCount = 33,
    /// The transport failed.
    SocketError = 34,
    /// The password changed.
    PasswordChanged = 37,
}

impl ResetReason {
    /// FRR's text.
    pub const fn text(self) -> &'static str {
        match self {
            ResetReason::RouterIdChanged => "Router ID changed",
            ResetReason::RemoteAsChanged => "Remote AS changed",
            ResetReason::LocalAsChanged => "Local AS change",
            ResetReason::ConfederationChanged => "Confederation identifier changed",
            ResetReason::ConfederationPeersChanged => "Confederation peer changed",
            ResetReason::AddressFamilyActivated => "Address family activated",
            ResetReason::AdminShutdown => "Admin. shutdown",
            ResetReason::UserReset => "User reset",
            ResetReason::NotificationReceived => "BGP Notification received",
            ResetReason::NotificationSent => "BGP Notification send",
            ResetReason::PeerClosed => "Peer closed the session",
            ResetReason::NeighborDeleted => "Neighbor deleted",
            ResetReason::CapabilityChanged => "Capability changed",
            ResetReason::PassiveChanged => "Passive config change",
            ResetReason::MultihopChanged => "Multihop config change",
            ResetReason::BfdDown => "BFD down initiated",
            ResetReason::InterfaceDown => "Interface down",
            ResetReason::NoPath => "No path to specified Neighbor",
            ResetReason::WaitingForOpen => "Waiting for peer OPEN",
            ResetReason::PrefixCount => "Reached received prefix count",
            ResetReason::SocketError => "Socket Error",
            ResetReason::PasswordChanged => "Password config change",
        }
    }

    /// FRR's number.
    pub const fn code(self) -> u8 {
        self as u8
    }
}
