//! The states, with what each owns.

use super::history::Trigger;
use super::io::{ResetReason, StopReason};
use super::link::{Initiator, Link, Phase};
use super::{ConnId, FsmState};
use crate::types::Time;
use crate::wire::Notification;
use crate::wire::iana::error::{self, cease};

/// Why a session is idle.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum IdleReason {
    /// Never started.
    New,
    /// Stopped from our side.
    Stopped(StopReason),
    /// Waits before it tries again.
    BackOff,
    /// The peer sent too many prefixes.
    MaxPrefix,
}

/// A connection being dialled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dial {
    pub id: ConnId,
    /// When it is given up.
    pub until: Time,
}

/// The state, with what it owns.
#[derive(Debug)]
pub(super) enum State {
    Idle {
        until: Option<Time>,
        reason: IdleReason,
    },
    Connect {
        dial: Dial,
    },
    Active {
        retry: Option<Time>,
    },
    /// One connection on its way to Established; another may be in the dialling.
    Opening {
        link: Link,
        dial: Option<Dial>,
    },
    /// Two connections, of which one must go (RFC 4271 section 6.8).
    Collision {
        first: Link,
        second: Link,
    },
    Established {
        link: Link,
    },
}

/// The end of one connection.
pub(super) struct End {
    pub send: Option<Notification>,
    pub received: Option<Notification>,
    pub reason: ResetReason,
    pub trigger: Trigger,
}

impl End {
    /// Whether it makes the next attempt wait longer. What the peer's operator did on purpose does not.
    pub fn counts(&self) -> bool {
        use cease::{
            ADMIN_RESET, ADMIN_SHUTDOWN, BFD_DOWN, COLLISION, CONFIG_CHANGE, HARD_RESET, PEER_DECONFIGURED,
        };
        !self.received.as_ref().is_some_and(|n| {
            let on_purpose = [
                ADMIN_RESET,
                ADMIN_SHUTDOWN,
                BFD_DOWN,
                COLLISION,
                CONFIG_CHANGE,
                HARD_RESET,
                PEER_DECONFIGURED,
            ];
            n.code == error::CEASE && on_purpose.contains(&n.subcode)
        })
    }
}

/// Deadlines for `show bgp neighbors`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Timers {
    /// IdleHoldTimer.
    pub idle_hold: Option<Time>,
    /// ConnectRetryTimer.
    pub connect_retry: Option<Time>,
    /// HoldTimer.
    pub hold: Option<Time>,
    /// KeepaliveTimer.
    pub keepalive: Option<Time>,
    /// SendHoldTimer (RFC 9687).
    pub send_hold: Option<Time>,
}

impl State {
    /// The state as the RFC knows it: that of the connection that is farther.
    pub fn fsm(&self) -> FsmState {
        match self {
            State::Idle { .. } => FsmState::Idle,
            State::Connect { .. } => FsmState::Connect,
            State::Active { .. } => FsmState::Active,
            State::Opening { link, .. } | State::Established { link } => link.fsm(),
            State::Collision { first, second } => first.fsm().max(second.fsm()),
        }
    }

    /// The connections, of which there are two at most.
    pub const fn links(&self) -> [Option<&Link>; 2] {
        match self {
            State::Idle { .. } | State::Connect { .. } | State::Active { .. } => [None, None],
            State::Opening { link, .. } | State::Established { link } => [Some(link), None],
            State::Collision { first, second } => [Some(first), Some(second)],
        }
    }
}

impl Link {
    /// The state as the RFC knows it, of this connection.
    pub fn fsm(&self) -> FsmState {
        match (&self.phase, self.initiator) {
            (Phase::DelayOpen(_), Initiator::Local) => FsmState::Connect,
            (Phase::DelayOpen(_), Initiator::Remote) => FsmState::Active,
            (Phase::OpenSent, _) => FsmState::OpenSent,
            (Phase::OpenConfirm { .. }, _) => FsmState::OpenConfirm,
            (Phase::Established { .. }, _) => FsmState::Established,
        }
    }
}
