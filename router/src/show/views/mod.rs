//! What `show` shows, as plain data: the backend fills it, text and JSON are two ways to write it.
//!
//! Times are seconds or milliseconds of age, epochs are seconds since 1970. An absent value is `None`; what
//! an absent value looks like is the writer's business.

mod bgp;
mod interface;
mod misc;
mod neighbor;
mod pulse;
mod rib;
mod rpki;
mod vrrp;
mod why;

pub use bgp::{
    AddPathIds, AdvertisedTo, BgpNexthopHop, BgpNexthopView, FibFlags, FlapsView, NexthopView, PathOrigin,
    PathPeer, PathView, PeerState, PrefixView, Segment, SegmentKind, SummaryPeer, SummaryView, TableHeader,
    UpdateDelayView, UpdateGroupView,
};
pub use interface::{InterfaceAddressView, InterfaceView};
pub use misc::{MemoryRow, PolicyCounters, VersionView};
pub use neighbor::{
    AddPathCapability, BfdView, Capabilities, Direction, EndpointView, ErrorCount, ErrorView, ErrorsView,
    GracefulRestartFamily, GracefulRestartView, LastReset, MessageStats, NeighborFamilyView, NeighborView,
    NextTimer, PathPolicy, PrefixStats, ReceivedGracefulRestart, SentReceived,
};
pub use pulse::{GroupPulse, PeerPulse, Pulse, TablePulse};
pub use rib::{
    Discard, NhtClient, NhtView, RouteHop, RouteProtocol, RouteState, RouteSummary, RouteSummaryRow,
    RouteView,
};
pub use rpki::RpkiView;
pub use vrrp::{VrrpFamilyView, VrrpState, VrrpView};
pub use why::{
    Attributes, EventKind, EventView, KernelRouteView, KernelView, NeighborWhyView, NexthopMember,
    NotToldView, PathWhyView, RouteMapTest, ToldView, WayView, WhyView,
};
