//! The running router as the command line sees it: views filled from their owners.

mod act;
mod bgp;
mod keys;
mod neighbor;
mod pulse;
mod routes;
mod system;
mod tracking;
mod why;

pub(crate) use bgp::{GROUP_MEMORY, PEER_MEMORY, remote_as};

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::bgp::types::{Family, SECOND};

use rib::Vrp;
use rib::why::TestRoute;

use crate::cli::backend::{Action, ActionError, Backend, BgpRoutes, Cursor, Lookup, Range, ViewError};
use crate::commits::{self, Past};
use crate::config::model::{Config, PeerId};
use crate::config::render;
use crate::control::{Control, unix_time};
use crate::shell::clock;
use crate::shell::peer::Status;
use crate::shell::peers::Entry;
use crate::show::views::{
    BgpNexthopView, EventKind, EventView, InterfaceView, MemoryRow, NeighborView, NhtView, PolicyCounters,
    PrefixView, Pulse, RouteMapTest, RouteSummary, RouteView, RpkiView, SummaryView, TableHeader,
    UpdateGroupView, VersionView, VrrpView, WhyView,
};

/// The command line's way to the running router.
pub struct Live {
    control: Arc<Control>,
    debugging: Mutex<Vec<String>>,
}

impl Live {
    /// Of a running router.
    pub fn new(control: Arc<Control>) -> Live {
        Live { control, debugging: Mutex::default() }
    }

    fn config(&self) -> Arc<Config> {
        self.control.running()
    }

    /// The neighbours in FRR's order: groups with their members first, then the others; each by address.
    fn statuses(&self) -> Vec<(Entry, Option<Box<Status>>)> {
        let mut all = self.control.peers.statuses();
        all.sort_by_cached_key(|(entry, _)| {
            let group = entry.neighbor.peer_group.clone();
            (group.is_none(), group, entry.name.clone())
        });
        all
    }

    /// The names that neighbours announced.
    fn hostnames(&self) -> std::collections::HashMap<PeerId, String> {
        self.statuses()
            .iter()
            .filter_map(|(e, s)| {
                let negotiated = s.as_ref()?.negotiated.as_ref()?;
                Some((e.name.clone(), negotiated.remote_hostname()?.0.to_owned()))
            })
            .collect()
    }
}

/// Seconds since a time of the shell's clock that is counted in seconds.
fn age_of_second(since: u32) -> u64 {
    (clock::now() / SECOND).saturating_sub(u64::from(since))
}

/// Seconds since a time of the shell's clock.
fn age(since: u64) -> u64 {
    clock::now().saturating_sub(since) / SECOND
}

/// Milliseconds since a time of the shell's clock.
fn age_ms(since: u64) -> u64 {
    clock::now().saturating_sub(since) / ::bgp::types::MILLISECOND
}

/// The Unix time of an age in seconds.
fn epoch_of(age: u64) -> u64 {
    (unix_time() as u64).saturating_sub(age)
}

/// Milliseconds of Unix time of a time of the shell's clock.
fn epoch_ms_of(at: u64) -> u64 {
    ((unix_time() * 1000.0) as u64).saturating_sub(age_ms(at))
}

fn gone(_: crate::shell::rib_thread::RibGone) -> ViewError {
    ViewError::Unavailable("the routing table is shutting down".into())
}

impl Backend for Live {
    fn running_config(&self) -> Arc<Config> {
        self.config()
    }

    fn apply(&self, candidate: Config) -> Result<Vec<String>, Vec<String>> {
        let (problems, remarks) = crate::config::check(&candidate);
        if !problems.is_empty() {
            return Err(problems);
        }
        if candidate != *self.config() {
            self.control.apply(candidate);
        }
        // Remarks about the whole are for files; at the prompt they would come with every line.
        drop(remarks);
        Ok(Vec::new())
    }

    fn changing(&self) -> MutexGuard<'_, ()> {
        self.control.changing()
    }

    fn commit(&self, candidate: Config, within: Option<Duration>) -> Result<Vec<String>, Vec<String>> {
        let (problems, remarks) = crate::config::check(&candidate);
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut told = self.control.commit(candidate, within).map_err(|why| vec![why])?;
        told.extend(remarks);
        Ok(told)
    }

    fn confirm(&self) -> bool {
        self.control.confirm()
    }

    fn waits(&self) -> Option<Duration> {
        self.control.waits()
    }

    fn history(&self) -> Vec<Past> {
        self.control.history().list()
    }

    fn past(&self, back: usize) -> Result<String, String> {
        self.control.history().read(back)
    }

    fn save(&self) -> Result<PathBuf, String> {
        let _changing = self.control.changing();
        if let Some(left) = self.waits() {
            let left = left.as_secs();
            return Err(format!(
                "a commit waits to be confirmed for {left} s more: `commit` in `configure candidate` does it"
            ));
        }
        let path = &self.control.options.config;
        commits::write_file(path, &render(&self.config())).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(path.clone())
    }

    fn startup_config(&self) -> Option<String> {
        std::fs::read_to_string(&self.control.options.config).ok()
    }

    fn version(&self) -> VersionView {
        system::version(&self.config())
    }

    fn started_epoch(&self) -> u64 {
        self.control.started_at as u64
    }

    fn bgp_summary(&self, family: Family) -> Result<SummaryView, ViewError> {
        self.summary(family)
    }

    fn bgp_header(&self, family: Family) -> Result<TableHeader, ViewError> {
        self.header(family)
    }

    fn bgp_routes(
        &self,
        family: Family,
        which: BgpRoutes,
        range: Range,
    ) -> Result<Box<dyn Cursor<PrefixView>>, ViewError> {
        self.table(family, which, range)
    }

    fn bgp_prefix(&self, lookup: Lookup) -> Result<Option<PrefixView>, ViewError> {
        self.prefix(lookup)
    }

    fn why(&self, lookup: Lookup) -> Result<WhyView, ViewError> {
        self.explain(lookup)
    }

    fn test_route_map(&self, name: &str, route: TestRoute) -> Result<Option<RouteMapTest>, ViewError> {
        self.tested(name, route)
    }

    fn last_events(&self, kind: Option<EventKind>, most: usize) -> Result<Vec<EventView>, ViewError> {
        self.happened(kind, most)
    }

    fn pulse(&self) -> Pulse {
        self.glance()
    }

    fn bgp_neighbors(&self, id: Option<&PeerId>) -> Result<Vec<NeighborView>, ViewError> {
        self.neighbors(id)
    }

    fn bgp_nexthops(&self) -> Result<Vec<BgpNexthopView>, ViewError> {
        self.next_hops()
    }

    fn bgp_import_checks(&self) -> Result<Vec<BgpNexthopView>, ViewError> {
        self.import_checks()
    }

    fn bgp_update_groups(&self) -> Result<Vec<UpdateGroupView>, ViewError> {
        self.update_groups()
    }

    fn bgp_memory(&self) -> Result<Vec<MemoryRow>, ViewError> {
        self.memory()
    }

    fn routes(&self, family: Family, range: Range) -> Result<Box<dyn Cursor<RouteView>>, ViewError> {
        self.all_routes(family, range)
    }

    fn route(&self, lookup: Lookup) -> Result<Vec<RouteView>, ViewError> {
        self.one_route(lookup)
    }

    fn route_summary(&self, family: Family) -> Result<RouteSummary, ViewError> {
        self.summary_of_routes(family)
    }

    fn nht(&self, family: Family) -> Result<Vec<NhtView>, ViewError> {
        self.tracked(family)
    }

    fn vrrp(&self) -> Vec<VrrpView> {
        system::vrrp(&self.control)
    }

    fn rpki(&self) -> RpkiView {
        system::rpki(&self.control)
    }

    fn vrps(&self, wanted: &dyn Fn(&Vrp) -> bool) -> Vec<Vrp> {
        self.control.rtr.look(|caches| caches.records().iter().filter(|v| wanted(v)).copied().collect())
    }

    fn interfaces(&self) -> Vec<InterfaceView> {
        system::interfaces(&self.control)
    }

    fn forwarding(&self, family: Family) -> bool {
        system::forwarding(family)
    }

    fn policy_counters(&self) -> PolicyCounters {
        let Ok(counts) = self.control.rib.ask(|core| core.policy_counts()) else {
            return PolicyCounters::default();
        };
        let [prefix_lists_v4, prefix_lists_v6] = counts.prefix_lists;
        let mut counters = PolicyCounters { prefix_lists_v4, prefix_lists_v6, ..PolicyCounters::default() };
        for (name, (asked, entries)) in counts.route_maps {
            let entries = entries.into_iter().map(|(seq, matched)| ((name.clone(), seq), matched));
            counters.entries.extend(entries);
            counters.route_maps.insert(name, asked);
        }
        counters
    }

    fn debugging(&self) -> Vec<String> {
        self.debugging.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn act(&self, action: Action) -> Result<(), ActionError> {
        self.do_at_once(action)
    }
}
