//! What the command line needs from the rest of the program.

use std::io::{self, Write};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use bgp::types::Family;
use ipnet::IpNet;
use rib::Vrp;
use rib::why::TestRoute;

use crate::commits::Past;
use crate::config::model::{Config, PeerId};
use crate::show::views::{
    BgpNexthopView, EventKind, EventView, InterfaceView, MemoryRow, NeighborView, NhtView, PolicyCounters,
    PrefixView, Pulse, RouteMapTest, RouteSummary, RouteView, RpkiView, SummaryView, TableHeader,
    UpdateGroupView, VersionView, VrrpView, WhyView,
};

/// Why there is nothing to show.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ViewError {
    /// BGP is not configured.
    #[error("% BGP instance not found")]
    NoInstance,
    /// There is no such neighbour.
    #[error("% No such neighbor or address family")]
    NoNeighbor,
    /// The neighbour does not have the family.
    #[error("% {0} is not enabled for this neighbor")]
    FamilyNotEnabled(&'static str),
    /// Routes are not kept before policy.
    #[error("% Inbound soft reconfiguration not enabled")]
    NoSoftReconfiguration,
    /// The part of the program that knows does not answer in time.
    #[error("% Not available at the moment: {0}")]
    Unavailable(String),
}

/// Which routes of BGP.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BgpRoutes {
    /// The table.
    Table,
    /// The table's paths that a route-map permits.
    Permitted(String),
    /// The table's paths from one neighbour.
    From(PeerId),
    /// What a neighbour sent, before policy.
    Received(PeerId),
    /// What a neighbour sent and policy refused.
    Filtered(PeerId),
    /// What a neighbour was told.
    Advertised(PeerId),
}

/// Where in the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Range {
    /// Everywhere.
    #[default]
    All,
    /// A prefix and those inside.
    Within(IpNet),
}

/// Rows in slices, sorted by prefix. Between two slices the table may change: a row is as it is when it is
/// handed out.
pub trait Cursor<T>: Send {
    /// The next rows, `most` at most; none at the end.
    fn next(&mut self, most: usize) -> Result<Vec<T>, ViewError>;
}

/// A cursor over rows that are there already.
impl<T: Send> Cursor<T> for std::vec::IntoIter<T> {
    fn next(&mut self, most: usize) -> Result<Vec<T>, ViewError> {
        Ok(self.by_ref().take(most).collect())
    }
}

/// A prefix, or the longest one that covers an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lookup {
    /// This prefix.
    Exact(IpNet),
    /// The longest match.
    Longest(IpAddr),
}

impl Lookup {
    /// The family that it is about.
    pub fn family(&self) -> Family {
        match self {
            Lookup::Exact(IpNet::V4(_)) | Lookup::Longest(IpAddr::V4(_)) => Family::Ipv4Unicast,
            Lookup::Exact(IpNet::V6(_)) | Lookup::Longest(IpAddr::V6(_)) => Family::Ipv6Unicast,
        }
    }
}

/// Which sessions are to be reset.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClearTarget {
    /// `*`
    All,
    /// One neighbour.
    Neighbor(PeerId),
    /// Those of an AS.
    Asn(u32),
    /// All of other ASes.
    External,
    /// The members of a peer-group.
    PeerGroup(String),
}

/// What a reset does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClearKind {
    /// Ends the sessions.
    Hard,
    /// Sends and applies policy again in both directions, without ending sessions.
    Soft,
    /// Asks for routes again, or applies policy to the kept ones.
    SoftIn,
    /// Sends routes again.
    SoftOut,
    /// Message counters back to zero.
    MessageStats,
}

/// What happens to the caches of validated ROA payloads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RpkiAction {
    /// They are asked, and routes validated.
    Start,
    /// Nothing is validated.
    Stop,
    /// They are asked for everything again.
    Reset,
}

/// Things that happen at once, without the configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// `clear bgp ...`; no family means both.
    ClearBgp {
        /// Which sessions.
        target: ClearTarget,
        /// Which family, for soft resets.
        family: Option<Family>,
        /// How.
        kind: ClearKind,
    },
    /// `clear bgp prefix P`: decides and announces a prefix again.
    ClearBgpPrefix(IpNet),
    /// Forget flaps of a family, or of one prefix of it.
    ClearDampening(Family, Option<IpNet>),
    /// `clear ip prefix-list`, `clear route-map counters`.
    ClearPolicyCounters,
    /// `debug ...`, `no debug ...` from the enable node: until the next restart.
    Debug {
        /// On or off.
        on: bool,
        /// What stands behind `debug`.
        what: String,
    },
    /// `rpki start|stop|reset`
    Rpki(RpkiAction),
    /// `send log ...`: a message into the log, with the level in FRR's word.
    Log {
        /// `errors` and so on; `notifications` without.
        level: Option<String>,
        /// What to write.
        text: String,
    },
}

/// Why an action was not done, as shown.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ActionError {
    /// `% BGP: Unknown neighbor - "X"`
    #[error("% BGP: Unknown neighbor - \"{0}\"")]
    UnknownNeighbor(String),
    /// `% BGP: No such peer-group X`
    #[error("% BGP: No such peer-group {0}")]
    UnknownPeerGroup(String),
    /// Nothing has this AS.
    #[error("% BGP: No peer is configured with AS {0}")]
    UnknownAs(u32),
    /// BGP is not configured.
    #[error("% BGP instance not found")]
    NoInstance,
    /// Anything else.
    #[error("% {0}")]
    Other(String),
}

/// The running program, as the command line sees it. Calls block for milliseconds, never for long: each
/// client has its own thread.
pub trait Backend: Send + Sync {
    /// The configuration in force.
    fn running_config(&self) -> Arc<Config>;

    /// Puts a configuration in force, all of it or nothing. Returns what there is to tell, or why not.
    fn apply(&self, candidate: Config) -> Result<Vec<String>, Vec<String>>;

    /// Held by whoever changes the configuration, from looking at it until the change is in force.
    fn changing(&self) -> MutexGuard<'_, ()>;

    /// The same as [`Backend::apply`], as a commit: the configuration before it goes into the history, and comes back
    /// unless the commit is confirmed `within` a time. Without one it confirms what waits.
    fn commit(&self, candidate: Config, within: Option<Duration>) -> Result<Vec<String>, Vec<String>>;

    /// Confirms a commit that waits; whether there was one.
    fn confirm(&self) -> bool;

    /// How long a commit still waits to be confirmed.
    fn waits(&self) -> Option<Duration>;

    /// The configurations that were in force before, the newest first.
    fn history(&self) -> Vec<Past>;

    /// The text of one of them; the newest is 1.
    fn past(&self, back: usize) -> Result<String, String>;

    /// Writes the configuration in force to the file that is read at start, and says which that is.
    fn save(&self) -> Result<PathBuf, String>;

    /// That file's text, if there is one.
    fn startup_config(&self) -> Option<String>;

    /// `show version`.
    fn version(&self) -> VersionView;

    /// When BGP started, seconds since 1970.
    fn started_epoch(&self) -> u64;

    /// `show bgp [FAMILY] summary`.
    fn bgp_summary(&self, family: Family) -> Result<SummaryView, ViewError>;

    /// What stands above listings.
    fn bgp_header(&self, family: Family) -> Result<TableHeader, ViewError>;

    /// Routes of BGP.
    fn bgp_routes(
        &self,
        family: Family,
        which: BgpRoutes,
        range: Range,
    ) -> Result<Box<dyn Cursor<PrefixView>>, ViewError>;

    /// One prefix of BGP.
    fn bgp_prefix(&self, lookup: Lookup) -> Result<Option<PrefixView>, ViewError>;

    /// Why a prefix is as it is: the longest match of an address, or the prefix, be it in the table or not.
    fn why(&self, lookup: Lookup) -> Result<WhyView, ViewError>;

    /// What a route-map makes of a route; `None` if there is no such route-map.
    fn test_route_map(&self, name: &str, route: TestRoute) -> Result<Option<RouteMapTest>, ViewError>;

    /// What happened last, the newest first.
    fn last_events(&self, kind: Option<EventKind>, most: usize) -> Result<Vec<EventView>, ViewError>;

    /// The router at a glance.
    fn pulse(&self) -> Pulse;

    /// Neighbours in the order of configuration, or one of them.
    fn bgp_neighbors(&self, id: Option<&PeerId>) -> Result<Vec<NeighborView>, ViewError>;

    /// BGP's next hops.
    fn bgp_nexthops(&self) -> Result<Vec<BgpNexthopView>, ViewError>;

    /// Networks that are announced when the routing table has them, with the route that it has.
    fn bgp_import_checks(&self) -> Result<Vec<BgpNexthopView>, ViewError>;

    /// Update groups of both families.
    fn bgp_update_groups(&self) -> Result<Vec<UpdateGroupView>, ViewError>;

    /// What BGP's memory is used for.
    fn bgp_memory(&self) -> Result<Vec<MemoryRow>, ViewError>;

    /// The routing table.
    fn routes(&self, family: Family, range: Range) -> Result<Box<dyn Cursor<RouteView>>, ViewError>;

    /// The routes of one prefix of the routing table.
    fn route(&self, lookup: Lookup) -> Result<Vec<RouteView>, ViewError>;

    /// Counts of routes.
    fn route_summary(&self, family: Family) -> Result<RouteSummary, ViewError>;

    /// Tracked next hops, sorted.
    fn nht(&self, family: Family) -> Result<Vec<NhtView>, ViewError>;

    /// VRRP groups, by interface and identifier.
    fn vrrp(&self) -> Vec<VrrpView>;

    /// The caches of validated ROA payloads.
    fn rpki(&self) -> RpkiView;

    /// Validated ROA payloads in force that are wanted, sorted.
    fn vrps(&self, wanted: &dyn Fn(&Vrp) -> bool) -> Vec<Vrp>;

    /// Interfaces, by name.
    fn interfaces(&self) -> Vec<InterfaceView>;

    /// Whether the kernel forwards packets of a family.
    fn forwarding(&self, family: Family) -> bool;

    /// Counters of policies.
    fn policy_counters(&self) -> PolicyCounters;

    /// What is being logged in detail beyond the configuration.
    fn debugging(&self) -> Vec<String>;

    /// Does something at once.
    fn act(&self, action: Action) -> Result<(), ActionError>;
}

/// Changes the configuration, held by nobody else meanwhile. What there is to tell goes to the client when others may
/// change it again: one that does not read must not keep them waiting.
pub fn change<T>(
    backend: &dyn Backend,
    out: &mut dyn Write,
    change: impl FnOnce(&mut Vec<u8>) -> io::Result<T>,
) -> io::Result<T> {
    let mut told = Vec::new();
    let changing = backend.changing();
    let done = change(&mut told);
    drop(changing);
    out.write_all(&told)?;
    done
}
