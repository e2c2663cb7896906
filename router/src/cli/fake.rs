//! A backend made of samples, for tests.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use bgp::types::Family;
use ipnet::IpNet;
use rib::Vrp;
use rib::why::TestRoute;

use super::backend::*;
use crate::commits::{Past, Unconfirmed};
use crate::config::model::{Config, PeerId};
use crate::config::{check, parse, render};
use crate::show::samples;
use crate::show::views::*;

/// Remembers what was asked of it.
pub struct Fake {
    config: Mutex<Arc<Config>>,
    changing: Mutex<()>,
    past: Mutex<Vec<Arc<Config>>>,
    waiting: Mutex<Unconfirmed>,
    /// Configurations put in force.
    pub applied: Mutex<usize>,
    /// Actions taken.
    pub actions: Mutex<Vec<Action>>,
    /// Prefixes of a table made up on the fly, for streaming.
    pub flood: Option<u32>,
}

impl Fake {
    /// With the sample configuration.
    pub fn new() -> Fake {
        Fake::with(include_str!("../../testdata/conf/edge.conf"))
    }

    /// With this configuration.
    pub fn with(text: &str) -> Fake {
        let config = parse("fake.conf", text).unwrap().config;
        Fake {
            config: Mutex::new(Arc::new(config)),
            changing: Mutex::default(),
            past: Mutex::default(),
            waiting: Mutex::default(),
            applied: Mutex::new(0),
            actions: Mutex::new(Vec::new()),
            flood: None,
        }
    }
}

/// Many prefixes without holding them.
struct Flood {
    next: u32,
    end: u32,
}

impl Cursor<PrefixView> for Flood {
    fn next(&mut self, most: usize) -> Result<Vec<PrefixView>, ViewError> {
        let until = self.end.min(self.next + u32::try_from(most).unwrap());
        let rows = (self.next..until).map(|n| {
            let mut view = samples::table()[0].clone();
            view.prefix = IpNet::new(std::net::Ipv4Addr::from(n << 8).into(), 24).unwrap();
            view
        });
        let rows = rows.collect();
        self.next = until;
        Ok(rows)
    }
}

impl Backend for Fake {
    fn running_config(&self) -> Arc<Config> {
        self.config.lock().unwrap().clone()
    }

    fn apply(&self, candidate: Config) -> Result<Vec<String>, Vec<String>> {
        let (problems, _) = check(&candidate);
        if !problems.is_empty() {
            return Err(problems);
        }
        *self.applied.lock().unwrap() += 1;
        *self.config.lock().unwrap() = Arc::new(candidate);
        Ok(Vec::new())
    }

    fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap()
    }

    fn commit(&self, candidate: Config, within: Option<Duration>) -> Result<Vec<String>, Vec<String>> {
        let before = self.running_config();
        let notices = self.apply(candidate)?;
        self.past.lock().unwrap().insert(0, before.clone());
        self.waiting.lock().unwrap().committed(before, within, Instant::now());
        Ok(notices)
    }

    fn confirm(&self) -> bool {
        self.waiting.lock().unwrap().confirm()
    }

    fn waits(&self) -> Option<Duration> {
        self.waiting.lock().unwrap().until().map(|until| until.saturating_duration_since(Instant::now()))
    }

    fn history(&self) -> Vec<Past> {
        self.past.lock().unwrap().iter().map(|_| Past { at: 0, by: "by a commit".into() }).collect()
    }

    fn past(&self, back: usize) -> Result<String, String> {
        let past = self.past.lock().unwrap();
        past.get(back - 1).map(|c| render(c)).ok_or_else(|| "no such".into())
    }

    fn save(&self) -> Result<PathBuf, String> {
        match self.waits() {
            Some(_) => Err("a commit waits to be confirmed".into()),
            None => Ok(PathBuf::from("/etc/frr/frr.conf")),
        }
    }

    fn startup_config(&self) -> Option<String> {
        Some("hostname saved\n".into())
    }

    fn version(&self) -> VersionView {
        VersionView {
            version: "0.1.0".into(),
            hostname: "edge1".into(),
            system: "Linux".into(),
            kernel: "6.18.0".into(),
        }
    }

    fn started_epoch(&self) -> u64 {
        1_795_372_213
    }

    fn bgp_summary(&self, family: Family) -> Result<SummaryView, ViewError> {
        Ok(SummaryView { family, ..samples::summary() })
    }

    fn bgp_header(&self, family: Family) -> Result<TableHeader, ViewError> {
        Ok(TableHeader { family, ..samples::header() })
    }

    fn bgp_routes(
        &self,
        family: Family,
        which: BgpRoutes,
        range: Range,
    ) -> Result<Box<dyn Cursor<PrefixView>>, ViewError> {
        if let Some(end) = self.flood {
            return Ok(Box::new(Flood { next: 0, end }));
        }
        let mut rows = match family {
            Family::Ipv4Unicast => samples::table(),
            Family::Ipv6Unicast => samples::table_v6(),
        };
        if let Range::Within(net) = range {
            rows.retain(|r| net.contains(&r.prefix));
        }
        match which {
            BgpRoutes::Table => {}
            BgpRoutes::From(id) => {
                let of_peer = |p: &PathView| p.peer.as_ref().is_some_and(|q| q.id == id);
                rows.iter_mut().for_each(|r| r.paths.retain(of_peer));
                rows.retain(|r| !r.paths.is_empty());
            }
            BgpRoutes::Received(id) | BgpRoutes::Filtered(id) if id == samples::id("10.255.0.2") => {
                return Err(ViewError::NoSoftReconfiguration);
            }
            _ => rows.truncate(2),
        }
        Ok(Box::new(rows.into_iter()))
    }

    fn bgp_prefix(&self, lookup: Lookup) -> Result<Option<PrefixView>, ViewError> {
        let mut rows = samples::table();
        rows.extend(samples::table_v6());
        Ok(match lookup {
            Lookup::Exact(net) => rows.into_iter().find(|r| r.prefix == net),
            Lookup::Longest(address) => {
                rows.retain(|r| r.prefix.contains(&address));
                rows.into_iter().max_by_key(|r| r.prefix.prefix_len())
            }
        })
    }

    fn why(&self, lookup: Lookup) -> Result<WhyView, ViewError> {
        let prefix = self.bgp_prefix(lookup)?.unwrap_or_else(|| samples::table()[0].clone());
        Ok(samples::why(prefix))
    }

    fn test_route_map(&self, name: &str, route: TestRoute) -> Result<Option<RouteMapTest>, ViewError> {
        let config = self.running_config();
        let mut core = rib::Core::new(1);
        core.handle(0, rib::Input::Policies(config.engine_policies()));
        let traced = core.test_route_map(name, &route);
        Ok(traced.map(|traced| RouteMapTest { trace: traced.trace, after: None }))
    }

    fn last_events(&self, kind: Option<EventKind>, most: usize) -> Result<Vec<EventView>, ViewError> {
        let mut events = samples::events();
        events.retain(|e| kind.is_none_or(|k| k == e.kind));
        events.truncate(most);
        Ok(events)
    }

    fn pulse(&self) -> Pulse {
        Pulse { hostname: "edge1".into(), ..Pulse::default() }
    }

    fn bgp_neighbors(&self, id: Option<&PeerId>) -> Result<Vec<NeighborView>, ViewError> {
        let mut views = samples::neighbors();
        views.retain(|v| id.is_none_or(|id| *id == v.id));
        if views.is_empty() { Err(ViewError::NoNeighbor) } else { Ok(views) }
    }

    fn bgp_nexthops(&self) -> Result<Vec<BgpNexthopView>, ViewError> {
        Ok(Vec::new())
    }

    fn bgp_import_checks(&self) -> Result<Vec<BgpNexthopView>, ViewError> {
        Ok(Vec::new())
    }

    fn bgp_update_groups(&self) -> Result<Vec<UpdateGroupView>, ViewError> {
        Ok(vec![UpdateGroupView {
            id: 1,
            family: Family::Ipv4Unicast,
            created_epoch: 1_795_372_219,
            age: 85,
            route_map_out: Some("ISP-OUT".into()),
            advertisement_interval: 0,
            version: 23,
            queue: 0,
            queued_total: 3,
            coalesce_ms: 5,
            queue_high: 1,
            adj_out: 2,
            joins: 1,
            prunes: 0,
            max_packet: 65535,
            peers: vec![samples::id("192.0.2.2")],
        }])
    }

    fn bgp_memory(&self) -> Result<Vec<MemoryRow>, ViewError> {
        Ok(vec![MemoryRow { count: 25, what: "RIB nodes", bytes: 4000 }])
    }

    fn routes(&self, _: Family, range: Range) -> Result<Box<dyn Cursor<RouteView>>, ViewError> {
        let mut rows = samples::routes();
        if let Range::Within(net) = range {
            rows.retain(|r| net.contains(&r.prefix));
        }
        Ok(Box::new(rows.into_iter()))
    }

    fn route(&self, lookup: Lookup) -> Result<Vec<RouteView>, ViewError> {
        let rows = samples::routes();
        let prefix = match lookup {
            Lookup::Exact(net) => Some(net),
            Lookup::Longest(address) => {
                let covering = rows.iter().map(|r| r.prefix).filter(|p| p.contains(&address));
                covering.max_by_key(IpNet::prefix_len)
            }
        };
        Ok(rows.into_iter().filter(|r| Some(r.prefix) == prefix).collect())
    }

    fn route_summary(&self, _: Family) -> Result<RouteSummary, ViewError> {
        Ok(RouteSummary { rows: vec![RouteSummaryRow { source: "connected", routes: 4, fib: 4 }] })
    }

    fn nht(&self, _: Family) -> Result<Vec<NhtView>, ViewError> {
        Ok(Vec::new())
    }

    fn vrrp(&self) -> Vec<VrrpView> {
        vec![samples::vrrp()]
    }

    fn rpki(&self) -> RpkiView {
        RpkiView { synchronized: true, in_use: Some(1), connected: vec![1], records: [2, 1] }
    }

    fn vrps(&self, wanted: &dyn Fn(&Vrp) -> bool) -> Vec<Vrp> {
        samples::vrps().into_iter().filter(wanted).collect()
    }

    fn interfaces(&self) -> Vec<InterfaceView> {
        vec![samples::lan0()]
    }

    fn forwarding(&self, _: Family) -> bool {
        true
    }

    fn policy_counters(&self) -> PolicyCounters {
        PolicyCounters::default()
    }

    fn debugging(&self) -> Vec<String> {
        vec!["bgp updates".into()]
    }

    fn act(&self, action: Action) -> Result<(), ActionError> {
        if let Action::ClearBgp { target: ClearTarget::Neighbor(id), .. } = &action
            && *id == samples::id("9.9.9.9")
        {
            return Err(ActionError::UnknownNeighbor(id.to_string()));
        }
        self.actions.lock().unwrap().push(action);
        Ok(())
    }
}
