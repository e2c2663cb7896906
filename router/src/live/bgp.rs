//! BGP: summary, table, prefixes, next hops, update groups.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use bgp::attrs::{AttrView, SegmentKind, flag};
use bgp::fsm::FsmState;
use bgp::types::Family;
use ipnet::IpNet;
use rib::intern::Provenance;
use rib::nexthop::Resolution;
use rib::query;

use super::{Live, age, age_of_second, epoch_of, gone};
use crate::cli::backend::{BgpRoutes, Cursor, Lookup, Range, ViewError};
use crate::config::model::{Bgp, Config, PeerId};
use crate::shell::peer::Status;
use crate::shell::peers::Entry;
use crate::shell::rib_thread::RibHandle;
use crate::show::views::{
    AdvertisedTo, BgpNexthopHop, BgpNexthopView, FibFlags, MemoryRow, PathOrigin, PathPeer, PathView,
    PeerState, PrefixView, Segment, SummaryPeer, SummaryView, TableHeader, UpdateGroupView,
};

pub(super) fn state(state: FsmState) -> PeerState {
    match state {
        FsmState::Idle => PeerState::Idle,
        FsmState::Connect => PeerState::Connect,
        FsmState::Active => PeerState::Active,
        FsmState::OpenSent => PeerState::OpenSent,
        FsmState::OpenConfirm => PeerState::OpenConfirm,
        FsmState::Established => PeerState::Established,
    }
}

/// The AS of a neighbour as far as known: learnt, or configured.
pub(super) fn remote_as(bgp: &Bgp, entry: &Entry) -> u32 {
    use crate::config::model::RemoteAs;
    match (entry.remote_as, entry.neighbor.remote_as) {
        (Some(asn), _) | (None, RemoteAs::Number(asn)) => asn.0,
        (None, RemoteAs::Internal) => bgp.asn.0,
        (None, RemoteAs::External | RemoteAs::Auto) => 0,
    }
}

impl Live {
    fn instance(&self) -> Result<Arc<Config>, ViewError> {
        let config = self.config();
        if config.bgp.is_some() { Ok(config) } else { Err(ViewError::NoInstance) }
    }

    fn router_id(&self) -> Ipv4Addr {
        self.control.peers.router_id().unwrap_or(Ipv4Addr::UNSPECIFIED)
    }

    pub(super) fn summary(&self, family: Family) -> Result<SummaryView, ViewError> {
        let config = self.instance()?;
        let Some(bgp) = &config.bgp else { return Err(ViewError::NoInstance) };
        let statuses: Vec<_> =
            self.statuses().into_iter().filter(|(e, _)| e.neighbor.family(family).activate).collect();
        let ids: Vec<rib::PeerId> = statuses.iter().map(|(e, _)| e.id).collect();
        let asked = self.control.rib.ask(move |core| {
            let counts: Vec<_> =
                ids.iter().map(|id| (core.counts(*id, family), core.advertised_count(*id, family))).collect();
            (core.totals(family), counts)
        });
        let (totals, counts) = asked.map_err(gone)?;
        let mut peers: Vec<SummaryPeer> = statuses
            .iter()
            .zip(counts)
            .map(|((entry, status), (counts, sent))| {
                summary_peer(bgp, entry, status.as_deref(), family, counts.accepted, sent, totals.version)
            })
            .collect();
        // Groups with their members first, then the others; each by address.
        peers.sort_by_key(|p| {
            let group = statuses
                .iter()
                .find(|(e, _)| e.name == p.id)
                .and_then(|(e, _)| e.neighbor.peer_group.clone());
            (group.is_none(), group, p.id.clone())
        });
        Ok(SummaryView {
            family,
            router_id: self.router_id(),
            local_as: bgp.asn.0,
            table_version: u64::from(totals.version),
            rib_entries: totals.prefixes as u64,
            rib_memory: totals.memory as u64,
            peer_memory: statuses.len() as u64 * size_of::<Status>() as u64,
            peer_groups: bgp.peer_groups.len() as u64,
            peer_group_memory: bgp.peer_groups.len() as u64 * 72,
            multipath_relax: bgp.bestpath.multipath_relax,
            show_hostname: bgp.knobs.show_hostname,
            peers,
        })
    }

    pub(super) fn header(&self, family: Family) -> Result<TableHeader, ViewError> {
        let config = self.instance()?;
        let Some(bgp) = &config.bgp else { return Err(ViewError::NoInstance) };
        let totals = self.control.rib.ask(move |core| core.totals(family)).map_err(gone)?;
        Ok(TableHeader {
            family,
            table_version: u64::from(totals.version),
            router_id: self.router_id(),
            local_as: bgp.asn.0,
            default_local_pref: bgp.knobs.local_preference,
            show_nexthop_hostname: bgp.knobs.show_nexthop_hostname,
            total_paths: totals.paths as u64,
        })
    }

    /// What turns the table's peer numbers into names, as of now.
    fn naming(&self) -> Naming {
        let hosts = self.hostnames();
        let mut peers = HashMap::new();
        for entry in self.control.peers.entries() {
            let name = Name {
                id: entry.name.clone(),
                hostname: hosts.get(&entry.name).cloned(),
                peer_group: entry.neighbor.peer_group.clone(),
            };
            peers.insert(entry.id, name);
        }
        let config = self.config();
        let own = config.hostname.clone().or_else(crate::shell::peers::system_hostname);
        Naming { peers, own, no_rib: config.no_rib }
    }

    pub(super) fn prefix(&self, lookup: Lookup) -> Result<Option<PrefixView>, ViewError> {
        self.instance()?;
        let found = self.control.rib.ask(move |core| match lookup {
            Lookup::Exact(net) => core.prefix(net),
            Lookup::Longest(addr) => core.longest(addr),
        });
        let naming = self.naming();
        Ok(found.map_err(gone)?.map(|p| naming.prefix(&p, |_| true)))
    }

    pub(super) fn table(
        &self,
        family: Family,
        which: BgpRoutes,
        range: Range,
    ) -> Result<Box<dyn Cursor<PrefixView>>, ViewError> {
        self.instance()?;
        let peer = match &which {
            BgpRoutes::Table => None,
            BgpRoutes::From(id)
            | BgpRoutes::Received(id)
            | BgpRoutes::Filtered(id)
            | BgpRoutes::Advertised(id) => {
                let entry = self.control.peers.entry(id).ok_or(ViewError::NoNeighbor)?;
                let settings = entry.neighbor.family(family);
                if !settings.activate {
                    return Err(ViewError::NoNeighbor);
                }
                let kept = matches!(which, BgpRoutes::Received(_) | BgpRoutes::Filtered(_));
                if kept && !settings.soft_reconfiguration {
                    return Err(ViewError::NoSoftReconfiguration);
                }
                Some(entry.id)
            }
        };
        let advertised = matches!(which, BgpRoutes::Advertised(_));
        let keys = self
            .control
            .rib
            .ask(move |core| if advertised { core.all_keys(family) } else { core.keys(family) })
            .map_err(gone)?;
        let inside = |net: &IpNet| match range {
            Range::All => true,
            Range::Within(outer) => outer.contains(net),
        };
        let mut keys: Vec<(IpNet, u32)> = keys.into_iter().filter(|(net, _)| inside(net)).collect();
        keys.sort_unstable();
        Ok(Box::new(Rows {
            rib: self.control.rib.clone(),
            naming: Arc::new(self.naming()),
            keys: keys.into_iter(),
            which,
            peer,
        }))
    }

    pub(super) fn next_hops(&self) -> Result<Vec<BgpNexthopView>, ViewError> {
        self.instance()?;
        let all = self.control.rib.ask(|core| core.next_hops()).map_err(gone)?;
        let netdevs = self.control.netdevs.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut views: Vec<BgpNexthopView> = all
            .into_iter()
            .filter(|n| n.sets > 0)
            .filter_map(|n| {
                let address = n.key.addr?;
                let (hops, via) = match &n.resolution {
                    Resolution::Resolved { hops, via, .. } => (hops.to_vec(), *via),
                    Resolution::Discard { via } => (Vec::new(), Some(*via)),
                    Resolution::Unresolved | Resolution::Ours => (Vec::new(), None),
                };
                let age = age_of_second(n.since);
                Some(BgpNexthopView {
                    address,
                    valid: n.resolution.usable(),
                    metric: n.resolution.metric(),
                    paths: n.sets as u64,
                    peer: self.control.peers.entry(&PeerId::Address(address)).map(|e| e.name.to_string()),
                    resolved_prefix: via,
                    hops: hops
                        .iter()
                        .map(|h| BgpNexthopHop {
                            gateway: h.gateway.filter(|g| *g != address),
                            interface: netdevs
                                .by_index(h.ifindex)
                                .map(|l| l.name.clone())
                                .unwrap_or_default(),
                            ifindex: h.ifindex,
                        })
                        .collect(),
                    updated_epoch: epoch_of(age),
                    age,
                })
            })
            .collect();
        views.sort_by_key(|v| v.address);
        Ok(views)
    }

    pub(super) fn update_groups(&self) -> Result<Vec<UpdateGroupView>, ViewError> {
        self.instance()?;
        let asked = self.control.rib.ask(|core| (core.groups(), Family::ALL.map(|f| core.totals(f).version)));
        let (groups, versions) = asked.map_err(gone)?;
        let started = age(0);
        Ok(groups
            .into_iter()
            .enumerate()
            .map(|(i, g)| {
                let members: Vec<PeerId> =
                    g.members.iter().filter_map(|m| self.control.peers.name(*m)).collect();
                let first = members.first().and_then(|name| self.control.peers.entry(name));
                UpdateGroupView {
                    id: i as u64 + 1,
                    family: g.family,
                    created_epoch: epoch_of(started),
                    age: started,
                    route_map_out: first
                        .as_ref()
                        .and_then(|e| e.neighbor.family(g.family).route_map_out.clone()),
                    advertisement_interval: first.as_ref().map_or(0, |e| e.neighbor.advertisement_interval),
                    version: u64::from(versions[g.family.index()]),
                    queue: u64::from(!g.idle),
                    queued_total: 0,
                    queue_high: 0,
                    adj_out: g.told as u64,
                    joins: g.members.len() as u64,
                    prunes: 0,
                    max_packet: if g.extended_message { 65535 } else { 4096 },
                    peers: members,
                }
            })
            .collect())
    }

    pub(super) fn memory(&self) -> Result<Vec<MemoryRow>, ViewError> {
        self.instance()?;
        let totals = self.control.rib.ask(|core| Family::ALL.map(|f| core.totals(f))).map_err(gone)?;
        let prefixes: usize = totals.iter().map(|t| t.prefixes).sum();
        let paths: usize = totals.iter().map(|t| t.paths).sum();
        let row =
            |count: usize, what, bytes: usize| MemoryRow { count: count as u64, what, bytes: bytes as u64 };
        Ok(vec![
            row(prefixes, "RIB nodes", prefixes * 16),
            row(paths, "BGP routes", paths * size_of::<rib::table::Path>()),
            row(totals[0].sets, "BGP attributes", totals[0].sets * 64),
            row(
                self.control.peers.entries().len(),
                "peers",
                self.control.peers.entries().len() * size_of::<Status>(),
            ),
        ])
    }
}

fn summary_peer(
    bgp: &Bgp,
    entry: &Entry,
    status: Option<&Status>,
    family: Family,
    accepted: u32,
    sent: usize,
    version: u32,
) -> SummaryPeer {
    let stats = status.map(|s| &s.stats);
    let negotiated = status.and_then(|s| s.negotiated.as_deref());
    let n = &entry.neighbor;
    let asn = remote_as(bgp, entry);
    let internal = n.is_internal(bgp, bgp::types::Asn(asn));
    let required = bgp.knobs.ebgp_requires_policy && !internal;
    let established = stats.and_then(|s| s.established_at);
    let uptime = established.or(stats.and_then(|s| s.down_since)).map(age);
    let reset = stats.and_then(|s| s.last_reset.as_ref());
    SummaryPeer {
        id: entry.name.clone(),
        hostname: negotiated.and_then(|n| n.remote_hostname()).map(|(h, _)| h.to_owned()),
        software_version: negotiated.and_then(|n| n.remote_software_version()).map(str::to_owned),
        description: n.description.clone(),
        remote_as: asn,
        local_as: n.local_as.map_or(bgp.asn.0, |l| l.asn.0),
        internal,
        messages_received: stats.map_or(0, |s| s.received.total()),
        messages_sent: stats.map_or(0, |s| s.sent.total()),
        table_version: if established.is_some() { u64::from(version) } else { 0 },
        in_queue: 0,
        out_queue: status.map_or(0, |s| u32::from(s.waiting > 0)),
        uptime,
        established_epoch: established.map(|at| epoch_of(age(at))),
        prefixes_received: accepted,
        prefixes_sent: sent as u32,
        state: status.map_or(state(entry.state), |s| state(s.state)),
        admin_shutdown: n.shutdown,
        prefix_overflow: status.is_some_and(|s| s.idle == Some(bgp::fsm::IdleReason::MaxPrefix)),
        policy_missing_in: required && !n.family(family).has_policy_in,
        policy_missing_out: required && !n.family(family).has_policy_out,
        connections_established: stats.map_or(0, |s| s.established),
        connections_dropped: stats.map_or(0, |s| s.dropped),
        dynamic: entry.dynamic,
        last_reset_code: reset.map_or(0, |r| r.reason.code()),
        last_reset_reason: reset.map_or_else(String::new, |r| r.reason.text().to_owned()),
    }
}

/// Rows of the table, sorted, read in slices.
struct Rows {
    rib: RibHandle,
    naming: Arc<Naming>,
    keys: std::vec::IntoIter<(IpNet, u32)>,
    which: BgpRoutes,
    peer: Option<rib::PeerId>,
}

impl Cursor<PrefixView> for Rows {
    fn next(&mut self, most: usize) -> Result<Vec<PrefixView>, ViewError> {
        let mut rows = Vec::new();
        while rows.len() < most {
            let keys: Vec<(IpNet, u32)> = self.keys.by_ref().take(most).collect();
            if keys.is_empty() {
                break;
            }
            if let (BgpRoutes::Advertised(_), Some(peer)) = (&self.which, self.peer) {
                let told = self.rib.ask(move |core| {
                    keys.iter()
                        .filter_map(|(net, slot)| core.advertised(peer, *net, *slot))
                        .collect::<Vec<_>>()
                });
                rows.extend(told.map_err(gone)?.iter().map(|a| self.naming.advertised(a)));
                continue;
            }
            let found = self.rib.ask(move |core| {
                keys.iter().filter_map(|(net, slot)| core.prefix_at(*net, *slot)).collect::<Vec<_>>()
            });
            for prefix in found.map_err(gone)? {
                let peer = self.peer;
                let row = match self.which {
                    BgpRoutes::Table => self.naming.prefix(&prefix, |p| !p.filtered),
                    BgpRoutes::From(_) => {
                        self.naming.prefix(&prefix, |p| Some(p.peer) == peer && !p.filtered)
                    }
                    BgpRoutes::Filtered(_) => {
                        self.naming.prefix(&prefix, |p| Some(p.peer) == peer && p.filtered)
                    }
                    BgpRoutes::Received(_) | BgpRoutes::Advertised(_) => {
                        self.naming.prefix(&prefix, |p| Some(p.peer) == peer)
                    }
                };
                if !row.paths.is_empty() {
                    rows.push(row);
                }
            }
        }
        Ok(rows)
    }
}

struct Name {
    id: PeerId,
    hostname: Option<String>,
    peer_group: Option<String>,
}

/// Who is who.
struct Naming {
    peers: HashMap<rib::PeerId, Name>,
    own: Option<String>,
    no_rib: bool,
}

impl Naming {
    fn prefix(&self, from: &query::PrefixView, wanted: impl Fn(&query::PathView) -> bool) -> PrefixView {
        let told = |id: &rib::PeerId| {
            let name = self.peers.get(id)?;
            Some(AdvertisedTo {
                id: name.id.clone(),
                hostname: name.hostname.clone(),
                peer_group: name.peer_group.clone(),
            })
        };
        let mut advertised: Vec<AdvertisedTo> = from.advertised_to.iter().filter_map(told).collect();
        advertised.sort_by(|a, b| a.id.cmp(&b.id));
        let best = from.paths.iter().any(|p| p.best);
        PrefixView {
            prefix: from.net,
            version: u64::from(from.version),
            paths: from.paths.iter().filter(|p| wanted(p)).map(|p| self.path(p, from)).collect(),
            advertised_to: (best && !advertised.is_empty()).then_some(advertised),
            fib: FibFlags { installed: from.installed, ..FibFlags::default() },
        }
    }

    fn path(&self, from: &query::PathView, prefix: &query::PrefixView) -> PathView {
        let attrs = AttrView::new(&from.block);
        let v4 = matches!(prefix.net, IpNet::V4(_));
        let unspecified =
            if v4 { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
        let local = from.origin == Provenance::Local;
        let mut view = PathView::new(from.next_hop.addr.unwrap_or(unspecified));
        fill_attributes(&mut view, attrs);
        let name = self.peers.get(&from.peer);
        if !local {
            view.peer = name.map(|n| PathPeer {
                id: n.id.clone(),
                address: None,
                router_id: from.router_id,
                hostname: n.hostname.clone(),
            });
        }
        view.origin_kind = match (from.origin, from.path_id) {
            (Provenance::External, _) => PathOrigin::External,
            (Provenance::Internal | Provenance::Client, _) => PathOrigin::Internal,
            (Provenance::Local, 0) => PathOrigin::Network,
            (Provenance::Local, _) => PathOrigin::Redistributed,
        };
        let shown = from.origin != Provenance::External || from.summary.has(flag::LOCAL_PREF);
        view.local_pref = Some(from.local_pref).filter(|_| shown && !local);
        view.weight = from.weight;
        view.nexthop.link_local = from.next_hop.link_local;
        view.nexthop.link_local_used = from.next_hop.link_local.is_some();
        view.nexthop.hostname = if local { self.own.clone() } else { name.and_then(|n| n.hostname.clone()) };
        view.nexthop.accessible = local || from.accessible;
        view.nexthop.metric = Some(from.igp_metric);
        view.path_id = if local { 0 } else { from.path_id };
        view.valid = from.valid;
        view.best = from.best;
        view.selection_reason = prefix.reason.filter(|_| from.best).map(|r| r.text());
        view.multipath = from.multipath;
        view.stale = from.stale;
        let installs = !local && !self.no_rib;
        view.rib_failure = from.best && installs && !prefix.installed;
        view.fib_installed = from.best && prefix.installed;
        view.age = age_of_second(from.since);
        view.updated_epoch = epoch_of(view.age);
        view
    }

    fn advertised(&self, from: &query::AdvertisedView) -> PrefixView {
        let v4 = matches!(from.net, IpNet::V4(_));
        let address = match from.next_hop {
            Some(next_hop) => next_hop.addr(),
            None if v4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            None => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let mut view = PathView::new(address);
        fill_attributes(&mut view, AttrView::new(&from.block));
        view.best = true;
        view.origin_kind = match from.origin {
            Provenance::Local => PathOrigin::Network,
            Provenance::External => PathOrigin::External,
            Provenance::Internal | Provenance::Client => PathOrigin::Internal,
        };
        PrefixView {
            prefix: from.net,
            version: 0,
            paths: vec![view],
            advertised_to: None,
            fib: FibFlags::default(),
        }
    }
}

fn fill_attributes(view: &mut PathView, attrs: AttrView<'_>) {
    let kind = |k: SegmentKind| match k {
        SegmentKind::Sequence => crate::show::views::SegmentKind::Sequence,
        SegmentKind::Set => crate::show::views::SegmentKind::Set,
        SegmentKind::ConfedSequence => crate::show::views::SegmentKind::ConfedSequence,
        SegmentKind::ConfedSet => crate::show::views::SegmentKind::ConfedSet,
    };
    view.as_path = attrs
        .as_path()
        .segments()
        .map(|s| Segment { kind: kind(s.kind), asns: s.asns().map(|a| a.0).collect() })
        .collect();
    view.origin = attrs.origin();
    view.med = attrs.med();
    view.local_pref = attrs.local_pref();
    view.aggregator = attrs.aggregator().map(|(asn, id)| (asn.0, id));
    view.atomic_aggregate = attrs.atomic_aggregate();
    view.communities = attrs.communities().collect();
    view.ext_communities = attrs.ext_communities().collect();
    view.large_communities = attrs.large_communities().collect();
    view.otc = attrs.otc().map(|a| a.0);
    view.originator_id = attrs.originator_id();
    view.cluster_list = attrs.cluster_list().collect();
}
