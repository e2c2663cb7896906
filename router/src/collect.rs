//! Collecting the numbers of a scrape from their owners.

use std::sync::Arc;
use std::time::Duration;

use bgp::fsm::FsmState;
use bgp::types::{Family, SECOND};

use crate::config::model::FRR_VERSION;
use crate::control::{Control, unix_time};
use crate::live::{GROUP_MEMORY, PEER_MEMORY, remote_as};
use crate::metrics::sample::{
    PeerFamilySample, PeerSample, RouteSample, RpkiCacheSample, Snapshot, TableSample, VrrpSample,
};
use crate::metrics::server::Source;
use crate::ontime::Family as VrrpFamily;
use crate::rtr::CacheStatus;
use crate::shell::clock;

/// The source of metrics.
pub struct Collect {
    control: Arc<Control>,
}

impl Collect {
    /// Of a running router.
    pub fn new(control: Arc<Control>) -> Collect {
        Collect { control }
    }

    fn peers(&self) -> Vec<PeerSample> {
        let statuses = self.control.peers.statuses();
        let ids: Vec<rib::PeerId> = statuses.iter().map(|(e, _)| e.id).collect();
        let counts = self.control.rib.ask(move |core| {
            ids.into_iter()
                .map(|id| Family::ALL.map(|f| (core.counts(id, f), core.advertised_count(id, f))))
                .collect::<Vec<_>>()
        });
        let counts = counts.unwrap_or_default();
        let config = self.control.running();
        let bgp = config.bgp.as_ref();
        let local_as = bgp.map_or(0, |b| b.asn.0);
        let now = clock::now();
        statuses
            .iter()
            .enumerate()
            .map(|(i, (entry, status))| {
                let stats = status.as_ref().map(|s| &s.stats);
                let established = stats.and_then(|s| s.established_at);
                let uptime = established.map_or(0.0, |at| now.saturating_sub(at) as f64 / SECOND as f64);
                let changed = established.or(stats.and_then(|s| s.down_since));
                let families = Family::ALL
                    .into_iter()
                    .filter(|f| entry.neighbor.family(*f).activate)
                    .map(|family| {
                        let (c, advertised) = counts.get(i).map(|c| c[family.index()]).unwrap_or_default();
                        PeerFamilySample {
                            family,
                            accepted: u64::from(c.accepted),
                            filtered: u64::from(c.filtered),
                            refused: c.refused,
                            advertised: advertised as u64,
                            limit: entry
                                .neighbor
                                .family(family)
                                .maximum_prefix
                                .map_or(0, |m| u64::from(m.limit)),
                        }
                    })
                    .collect();
                PeerSample {
                    peer: entry.name.to_string(),
                    peer_as: bgp.map_or(0, |b| remote_as(b, entry)),
                    local_as,
                    group: entry.neighbor.peer_group.clone().unwrap_or_default(),
                    description: entry.neighbor.description.clone().unwrap_or_default(),
                    state: if entry.neighbor.shutdown { "shutdown" } else { state_name(entry.state) },
                    uptime,
                    unchanged: changed.map_or(0, |at| now.saturating_sub(at) / SECOND),
                    established_at: if established.is_some() { unix_time() - uptime } else { 0.0 },
                    received: stats.map_or(0, |s| s.received.total()),
                    sent: stats.map_or(0, |s| s.sent.total()),
                    downs: stats.map(|s| vec![("any", s.dropped)]).unwrap_or_default(),
                    notifications: Vec::new(),
                    hold_time: status
                        .as_ref()
                        .and_then(|s| s.negotiated.as_ref())
                        .map_or(0.0, |n| f64::from(n.hold_time)),
                    families,
                }
            })
            .collect()
    }

    fn tables(&self, peers: &[PeerSample]) -> Vec<TableSample> {
        let config = self.control.running();
        let Some(bgp) = &config.bgp else { return Vec::new() };
        let groups = bgp.peer_groups.len() as u64;
        let of = |family: Family| {
            peers.iter().filter(|p| p.families.iter().any(|f| f.family == family)).count() as u64
        };
        let totals = self.control.rib.ask(|core| Family::ALL.map(|f| (f, core.totals(f))));
        totals
            .into_iter()
            .flatten()
            .map(|(family, t)| TableSample {
                family,
                prefixes: t.prefixes as u64,
                memory: t.memory as u64,
                damped: t.damped as u64,
                history: t.history as u64,
                peers: of(family),
                peer_memory: of(family) * PEER_MEMORY,
                groups,
                group_memory: groups * GROUP_MEMORY,
            })
            .collect()
    }

    fn vrrp(&self) -> Vec<VrrpSample> {
        let snapshot = self.control.vrrp_snapshot();
        let running = snapshot.groups.iter().map(|g| {
            let v6 = g.key.family == VrrpFamily::V6;
            let status = &g.status;
            let stats = &status.stats;
            let announced = |wanted: bool| if v6 == wanted { stats.announcements } else { 0 };
            VrrpSample {
                idle: false,
                family: if v6 { "v6" } else { "v4" },
                vrid: g.key.vrid,
                interface: g.key.interface.clone(),
                device: g.device.clone().unwrap_or_default(),
                state: match status.state {
                    vrrp::State::Initialize => "Initialize",
                    vrrp::State::Backup => "Backup",
                    vrrp::State::Active => "Master",
                },
                priority: status.config.priority,
                effective: status.priority,
                master: match status.state {
                    vrrp::State::Active => status.source,
                    vrrp::State::Initialize | vrrp::State::Backup => status.peer.as_ref().map(|p| p.source),
                },
                sent: stats.sent,
                received: stats.received,
                garp: announced(false),
                neighbor_advertisements: announced(true),
                transitions: stats.transitions,
                errors: stats.discarded.iter().map(|(kind, n)| (*kind, *n)).collect(),
            }
        });
        let mut all: Vec<VrrpSample> = running.collect();
        let config = self.control.running();
        for (interface, vrid) in
            config.interfaces.iter().flat_map(|(name, i)| i.vrrp.keys().map(move |vrid| (name, *vrid)))
        {
            for family in ["v4", "v6"] {
                let same = |v: &VrrpSample| v.family == family && v.vrid == vrid && v.interface == *interface;
                if !all.iter().any(same) {
                    let interface = interface.clone();
                    let state = "Initialize";
                    all.push(VrrpSample { idle: true, family, vrid, interface, state, ..Default::default() });
                }
            }
        }
        all
    }

    fn rpki_caches(&self) -> Vec<RpkiCacheSample> {
        let sample = |c: CacheStatus| RpkiCacheSample {
            host: c.endpoint.host,
            port: c.endpoint.port,
            preference: c.preference,
            connected: c.synced,
        };
        self.control.rtr.look(|caches| caches.status().into_iter().map(sample).collect())
    }

    fn routes(&self) -> Vec<RouteSample> {
        let counts = self.control.fib.counts(Duration::from_millis(50)).unwrap_or_default();
        counts
            .into_iter()
            .map(|(v6, protocol, c)| RouteSample {
                v6,
                protocol: if protocol == 186 { "bgp" } else { "static" },
                rib: c.wanted,
                fib: c.installed,
                failed: c.failed,
                pending: c.pending,
            })
            .collect()
    }
}

fn state_name(state: FsmState) -> &'static str {
    match state {
        FsmState::Idle => "idle",
        FsmState::Connect => "connect",
        FsmState::Active => "active",
        FsmState::OpenSent => "opensent",
        FsmState::OpenConfirm => "openconfirm",
        FsmState::Established => "established",
    }
}

impl Source for Collect {
    fn snapshot(&self) -> Snapshot {
        let peers = self.peers();
        let load = self.control.load();
        Snapshot {
            version: FRR_VERSION.to_owned(),
            local_as: self.control.running().bgp.as_ref().map_or(0, |b| b.asn.0),
            started_at: self.control.started_at,
            ready: self.control.ready().is_ok(),
            config_ok: load.ok,
            config_loaded_at: load.at,
            config_revision: self.control.revision(),
            tables: self.tables(&peers),
            peers,
            vrrp: self.vrrp(),
            routes: self.routes(),
            rpki_caches: self.rpki_caches(),
            rpki_prefixes: self.control.rtr.look(|caches| caches.counts().map(|n| n as u64)),
        }
    }

    fn ready(&self) -> Result<(), String> {
        self.control.ready()
    }
}
