//! Why a prefix is as it is, what a route-map does, and what happened.

use std::net::IpAddr;

use ipnet::IpNet;
use rib::policy::trace::{Met, Trace};
use rib::why::{Hindrance, Kernel, Standing};

use super::{PathView, PrefixView};
use crate::config::model::PeerId;

/// The way to a next hop.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct WayView {
    /// There is one.
    pub usable: bool,
    /// It is one of our own routes, with nothing to resolve.
    pub ours: bool,
    /// It is on a network of ours.
    pub connected: bool,
    /// The way there discards.
    pub discard: bool,
    /// The route that it resolves over.
    pub via: Option<IpNet>,
    /// Whose route that is.
    pub protocol: Option<&'static str>,
    /// Gateways and interfaces.
    pub hops: Vec<(Option<IpAddr>, String)>,
}

/// Why a path is where it is.
#[derive(Clone, PartialEq, Debug)]
pub struct PathWhyView {
    /// How it fared; ages of paths are in seconds.
    pub standing: Standing,
    /// The way to its next hop.
    pub way: WayView,
    /// Import policy, asked again; none for our own.
    pub import: Option<Trace>,
    /// As it was received, where import made something else of it.
    pub received: Option<PathView>,
}

/// A route that a neighbour was told.
#[derive(Clone, PartialEq, Debug)]
pub struct ToldView {
    /// Place among the paths; none for a default route that is originated.
    pub path: Option<usize>,
    /// ADD-PATH identifier; 0 without.
    pub path_id: u32,
    /// As it was told; `None` if the words cannot be found again.
    pub words: Option<PathView>,
    /// Export policy.
    pub export: Option<Trace>,
}

/// A path that a neighbour was not told.
#[derive(Clone, PartialEq, Debug)]
pub struct NotToldView {
    /// Place among the paths.
    pub path: usize,
    /// What keeps it back; nothing if it is about to be told.
    pub why: Option<Hindrance>,
    /// Export policy, as far as it was asked.
    pub export: Option<Trace>,
}

/// What a neighbour has to do with a prefix.
#[derive(Clone, PartialEq, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are shown one by one")]
pub struct NeighborWhyView {
    /// Who.
    pub id: PeerId,
    /// State of its session.
    pub state: &'static str,
    /// Its session is up.
    pub up: bool,
    /// And has the family.
    pub session: bool,
    /// The table has a path of it.
    pub has_path: bool,
    /// What policy refuses is kept (`soft-reconfiguration inbound`).
    pub kept: bool,
    /// Routes that policy refused and that are not kept.
    pub refused: u64,
    /// It announced the prefix, which was taken as withdrawn: why, and when.
    pub refusal: Option<(String, u64)>,
    /// Import policy refuses the prefix, whatever the attributes are.
    pub would_refuse: Option<Met>,
    /// What it was told.
    pub told: Vec<ToldView>,
    /// What it was not told.
    pub not_told: Vec<NotToldView>,
    /// It is about to be told something else.
    pub pending: bool,
    /// Nobody is told anything yet after the start.
    pub held: bool,
}

impl Default for NeighborWhyView {
    fn default() -> NeighborWhyView {
        NeighborWhyView {
            id: PeerId::Interface(String::new()),
            state: "",
            up: false,
            session: false,
            has_path: false,
            kept: false,
            refused: 0,
            refusal: None,
            would_refuse: None,
            told: Vec::new(),
            not_told: Vec::new(),
            pending: false,
            held: false,
        }
    }
}

/// A member of a next-hop object in the kernel.
#[derive(Clone, PartialEq, Debug)]
pub struct NexthopMember {
    /// Its id.
    pub id: u32,
    /// Gateway.
    pub gateway: Option<IpAddr>,
    /// Interface.
    pub interface: String,
    /// Share.
    pub weight: u8,
}

/// How it stands with a route in the kernel.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct KernelRouteView {
    /// `bgp` or `static`.
    pub protocol: &'static str,
    /// The kernel has it as wanted.
    pub installed: bool,
    /// The kernel refused it with this error.
    pub error: Option<(i32, String)>,
    /// None of its ways out can be used.
    pub no_way: bool,
    /// The next-hop object that it hangs on.
    pub object: Option<u32>,
    /// What is in there.
    pub members: Vec<NexthopMember>,
}

/// Why the kernel has BGP's route, or not.
#[derive(Clone, PartialEq, Debug)]
pub struct KernelView {
    /// What the table makes of it.
    pub verdict: Kernel,
    /// Whose route beats BGP's, if one does.
    pub by: Option<&'static str>,
    /// Policy on the way, by route-map.
    pub install: Vec<(String, Trace)>,
    /// What the kernel says to our route; `None` if none of ours is wanted there, or nobody answers.
    pub route: Option<KernelRouteView>,
    /// The protocol whose route is in use, and its distance.
    pub selected: Option<(&'static str, u8)>,
    /// Neighbours wait for the kernel's word (`bgp suppress-fib-pending`).
    pub waits: bool,
}

/// `show bgp PREFIX why`.
#[derive(Clone, PartialEq, Debug)]
pub struct WhyView {
    /// The prefix with all that is known of it.
    pub prefix: PrefixView,
    /// For each path.
    pub paths: Vec<PathWhyView>,
    /// Neighbours, in the order of configuration.
    pub neighbors: Vec<NeighborWhyView>,
    /// The kernel.
    pub kernel: KernelView,
    /// The last changes of the best path, the newest first.
    pub changes: Vec<EventView>,
}

/// `test route-map`.
#[derive(Clone, PartialEq, Debug)]
pub struct RouteMapTest {
    /// What it met.
    pub trace: Trace,
    /// The outcome; `None` if it is denied.
    pub after: Option<Attributes>,
}

/// Attributes of a route with what never goes on the wire.
#[derive(Clone, PartialEq, Debug)]
pub struct Attributes {
    /// The attributes.
    pub path: PathView,
    /// The next hop in words, if policy chose it otherwise than by an address.
    pub next_hop: Option<&'static str>,
    /// Tag.
    pub tag: u32,
    /// Distance, if policy chose it.
    pub distance: Option<u8>,
    /// Preferred source address, likewise.
    pub source: Option<IpAddr>,
}

/// What an event is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EventKind {
    /// A session.
    Bgp,
    /// A virtual router.
    Vrrp,
    /// A best path.
    Route,
}

impl EventKind {
    /// In a word.
    pub const fn name(self) -> &'static str {
        match self {
            EventKind::Bgp => "bgp",
            EventKind::Vrrp => "vrrp",
            EventKind::Route => "route",
        }
    }
}

/// Something that happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EventView {
    /// When, milliseconds since 1970.
    pub epoch_ms: u64,
    /// About what.
    pub kind: EventKind,
    /// Whom: a neighbour, a virtual router, a prefix.
    pub subject: String,
    /// What happened.
    pub what: String,
    /// Why, if that is known.
    pub cause: Option<String>,
}
