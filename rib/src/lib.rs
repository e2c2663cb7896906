//! Routing tables, path selection, policy and export, without I/O.
//!
//! One [`Core`] holds both families' routes. It knows no socket, clock, thread or log: changes go in with the time,
//! messages for neighbours ([`Output`]) and changes for the kernel ([`FibChange`]) come out. It does not know
//! netlink, and nothing else knows how routes are chosen.
//!
//! ```text
//!   UpdateBatch ─► intern ─► import policy ─► paths of the prefix ─► decision ─┬─► update groups ─► Output::Transmit
//!                 (sets)      (memo by set)        (table)        (best)       └─► hop sets ─────► FibChange
//!                                                                    ▲
//!   links, addresses, static and kernel routes ─► base ─► next hops ─┘
//! ```

#[macro_use]
mod by_family;

pub mod aggregate;
mod around;
pub mod base;
pub mod best;
mod blocks;
pub mod changes;
pub mod condition;
mod core;
pub mod damping;
pub mod event;
mod family;
mod fibsync;
pub mod group;
pub mod hold;
pub mod id;
mod index;
pub mod install;
pub mod intern;
pub mod listing;
pub mod local;
mod membership;
mod memo;
pub mod nexthop;
pub mod nht;
mod path_ids;
pub mod peer;
pub mod policy;
pub mod prefixes;
pub mod query;
mod resolve;
mod revalidate;
pub mod rpki;
pub mod rules;
mod shared;
pub mod table;
mod turn;
mod updates;
mod walk;
pub mod weight;
pub mod why;

pub use self::core::{Core, Input, StaticRoute, StaticTarget};
pub use self::event::{Event, FibChange, FibRoute, FibTarget, Output};
pub use self::id::{AttrId, HopSetId, NhId, PeerId};
pub use self::rpki::{Vrp, VrpTable, VrpUpdate};
pub use self::shared::Settings;
