//! The messages of BGP-4 on the wire.
//!
//! Decoders borrow from the bytes they get, never read past them, and answer malformed input with values:
//! an error that maps to one NOTIFICATION, or for UPDATE an action of RFC 7606.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod action;
mod as4;
mod canonical;
pub mod capability;
mod context;
pub mod encode;
pub mod header;
pub mod iana;
mod mp;
mod nlri;
pub mod notification;
pub mod open;
pub mod reader;
mod recall;
pub mod refresh;
mod report;
mod scan;
pub mod update;

pub use action::{Action, Fault};
pub use capability::Capability;
pub use context::{AllowOwnAs, AttrCodes, PeerRelation, UpdateContext};
pub use encode::{UpdateForm, put_announce, put_end_of_rib, put_keepalive, put_withdraw};
pub use header::{Frame, MessageKind, next_frame};
pub use notification::Notification;
pub use open::Open;
pub use refresh::{RefreshKind, RouteRefresh};
pub use report::{PrefixField, Reject, UpdateCounters, UpdateError, UpdateReport};
pub use update::UpdateDecoder;

#[cfg(test)]
mod tests;
