//! BGP: summary, table, prefixes, next hops, update groups.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use bgp::attrs::{AttrView, SegmentKind, flag};
use bgp::fsm::FsmState;
use bgp::fsm::io::ResetReason;
use bgp::types::{Family, PeerKind};
use ipnet::IpNet;
use rib::intern::Provenance;
use rib::listing::{Listed, NO_SLOT};
use rib::local::{AGGREGATE_PATH, NETWORK_PATH, REDISTRIBUTED_PATH};
use rib::query;

use super::keys::{Key, Keys};
use super::{Live, age, age_of_second, epoch_ms_of, epoch_of, gone};
use crate::cli::backend::{BgpRoutes, Cursor, Lookup, Range, ViewError};
use crate::config::model::{Bgp, Config, PeerId};
use crate::shell::peer::Status;
use crate::shell::peers::Entry;
use crate::shell::rib_thread::RibHandle;
use crate::shell::translate;
use crate::show::views::{
    AddPathIds, AdvertisedTo, FibFlags, FlapsView, MemoryRow, NexthopView, PathOrigin, PathPeer, PathView,
    PeerState, PrefixView, Segment, SummaryPeer, SummaryView, TableHeader, UpdateDelayView, UpdateGroupView,
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

/// Why a session last ended, or what has kept it down from the start.
pub(super) fn reset_reason(entry: &Entry, status: Option<&Status>) -> ResetReason {
    match status.and_then(|s| s.stats.last_reset.as_ref()) {
        Some(reset) => reset.reason,
        None if entry.neighbor.shutdown => ResetReason::AdminShutdown,
        None if entry.has_no_path() => ResetReason::NoPath,
        None => ResetReason::WaitingForOpen,
    }
}

/// Octets of a neighbour, as far as they are told.
pub(crate) const PEER_MEMORY: u64 = size_of::<Status>() as u64;

/// Octets of a peer-group.
pub(crate) const GROUP_MEMORY: u64 = 72;

/// The AS of a neighbour as far as known: learnt, or configured.
pub(crate) fn remote_as(bgp: &Bgp, entry: &Entry) -> u32 {
    use crate::config::model::RemoteAs;
    match (entry.remote_as, entry.neighbor.remote_as) {
        (Some(asn), _) | (None, RemoteAs::Number(asn)) => asn.0,
        (None, RemoteAs::Internal) => bgp.asn.0,
        (None, RemoteAs::External | RemoteAs::Auto) => 0,
    }
}

impl Live {
    pub(super) fn instance(&self) -> Result<Arc<Config>, ViewError> {
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
            (core.totals(family), counts, core.hold_view(), core.max_med_on_startup())
        });
        let (totals, counts, hold, max_med_on_startup) = asked.map_err(gone)?;
        let peers: Vec<SummaryPeer> = statuses
            .iter()
            .zip(counts)
            .map(|((entry, status), (counts, sent))| {
                summary_peer(bgp, entry, status.as_deref(), family, counts.accepted, sent, totals.version)
            })
            .collect();
        Ok(SummaryView {
            family,
            router_id: self.router_id(),
            local_as: bgp.asn.0,
            table_version: u64::from(totals.version),
            update_delay: translate::update_delay(&config, bgp).map(|(limit, establish)| UpdateDelayView {
                limit,
                establish,
                began: hold.began.map(epoch_ms_of),
                over: hold.over.map(epoch_ms_of),
            }),
            rib_entries: totals.prefixes as u64,
            rib_memory: totals.memory as u64,
            peer_memory: statuses.len() as u64 * PEER_MEMORY,
            peer_groups: bgp.peer_groups.len() as u64,
            peer_group_memory: bgp.peer_groups.len() as u64 * GROUP_MEMORY,
            dampening: bgp.family(family).dampening.is_some(),
            multipath_relax: bgp.bestpath.multipath_relax,
            max_med_on_startup,
            max_med: bgp.max_med.is_some(),
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
            total_paths: (totals.paths + totals.damped + totals.history) as u64,
        })
    }

    /// What turns the table's peer numbers into names, as of now.
    pub(super) fn naming(&self) -> Naming {
        let hosts = self.hostnames();
        let mut peers = HashMap::new();
        for entry in self.control.peers.entries() {
            let name = Name {
                id: entry.name.clone(),
                address: entry.addr,
                hostname: hosts.get(&entry.name).cloned(),
                peer_group: entry.neighbor.peer_group.clone(),
            };
            peers.insert(entry.id, name);
        }
        let config = self.config();
        let own = config.hostname.clone().or_else(crate::shell::peers::system_hostname);
        let import_check = config.bgp.as_ref().is_some_and(|b| b.knobs.network_import_check);
        let mut networks = BTreeSet::new();
        if let Some(bgp) = config.bgp.as_ref().filter(|_| import_check) {
            let of_families = Family::ALL.into_iter().flat_map(|f| &bgp.family(f).networks);
            networks.extend(of_families.filter(|(_, n)| !n.backdoor).map(|(net, _)| net.trunc()));
        }
        let instance = config.bgp.as_ref().and_then(|b| b.suppress_fib_pending);
        let suppress = instance.or(config.suppress_fib_pending).is_some();
        Naming { peers, own, import_check, networks, suppress }
    }

    pub(super) fn prefix(&self, lookup: Lookup) -> Result<Option<PrefixView>, ViewError> {
        self.instance()?;
        let found = self.control.rib.ask(move |core| match lookup {
            Lookup::Exact(net) => core.prefix(net),
            Lookup::Longest(addr) => core.longest(addr),
        });
        let naming = self.naming();
        let found = found.map_err(gone)?.or_else(|| match lookup {
            Lookup::Exact(net) if naming.networks.contains(&net) => Some(query::no_paths(net)),
            _ => None,
        });
        Ok(found.map(|p| naming.whole(&p)))
    }

    pub(super) fn table(
        &self,
        family: Family,
        which: BgpRoutes,
        range: Range,
    ) -> Result<Box<dyn Cursor<PrefixView>>, ViewError> {
        let config = self.instance()?;
        let Some(instance) = &config.bgp else { return Err(ViewError::NoInstance) };
        let peer = match &which {
            BgpRoutes::Table | BgpRoutes::Permitted(_) => None,
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
                let asn = bgp::types::Asn(remote_as(instance, &entry));
                let external = entry.neighbor.kind(instance, asn) == PeerKind::External;
                let v6_next_hop = self.statuses().iter().any(|(e, status)| {
                    let negotiated = status.as_ref().and_then(|s| s.negotiated.as_ref());
                    e.id == entry.id && negotiated.is_some_and(|n| n.extended_next_hop)
                });
                Some(Chosen { id: entry.id, external, v6_next_hop })
            }
        };
        let default_local_pref = instance.knobs.local_preference;
        let what = match which {
            BgpRoutes::Advertised(_) => Listed::Told,
            _ => Listed::Paths,
        };
        let naming = self.naming();
        let networks = match which {
            BgpRoutes::Table => naming.networks.iter().copied().collect(),
            _ => Vec::new(),
        };
        Ok(Box::new(Rows {
            rib: self.control.rib.clone(),
            naming: Arc::new(naming),
            default_local_pref: peer.as_ref().filter(|p| !p.external).map(|_| default_local_pref),
            keys: Keys::new(self.control.rib.clone(), family, what, range, networks),
            family,
            which,
            own_next_hop: match peer.as_ref().is_some_and(|p| p.v6_next_hop) {
                true => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
                false => unspecified(family),
            },
            peer: peer.map(|p| p.id),
        }))
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
                    coalesce_ms: crate::shell::rib_thread::COALESCE.as_millis() as u64,
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
    let kind = n.kind(bgp, bgp::types::Asn(asn));
    let required = bgp.knobs.ebgp_requires_policy && kind == PeerKind::External;
    let established = stats.and_then(|s| s.established_at);
    let uptime = established.or(stats.and_then(|s| s.down_since)).map(age);
    let reset = reset_reason(entry, status);
    SummaryPeer {
        id: entry.name.clone(),
        hostname: negotiated.and_then(|n| n.remote_hostname()).map(|(h, _)| h.to_owned()),
        software_version: negotiated.and_then(|n| n.remote_software_version()).map(str::to_owned),
        description: n.description.clone(),
        remote_as: asn,
        local_as: n.seen_as(bgp).0,
        internal: kind == PeerKind::Internal,
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
        negotiated: negotiated.is_some_and(|n| n.carries(family)),
        admin_shutdown: n.shutdown,
        prefix_overflow: status.is_some_and(|s| s.idle == Some(bgp::fsm::IdleReason::MaxPrefix)),
        policy_missing_in: required && !n.family(family).has_policy_in,
        policy_missing_out: required && !n.family(family).has_policy_out,
        connections_established: stats.map_or(0, |s| s.established),
        connections_dropped: stats.map_or(0, |s| s.dropped),
        dynamic: entry.dynamic,
        last_reset_code: reset.code(),
        last_reset_reason: reset.text().to_owned(),
    }
}

/// Rows of the table, sorted, read in slices.
struct Rows {
    rib: RibHandle,
    /// What internal neighbours are told as LOCAL_PREF where a route has none.
    default_local_pref: Option<u32>,
    naming: Arc<Naming>,
    keys: Keys,
    family: Family,
    which: BgpRoutes,
    peer: Option<rib::PeerId>,
    /// The next hop of what is told in our own name.
    own_next_hop: IpAddr,
}

impl Cursor<PrefixView> for Rows {
    fn next(&mut self, most: usize) -> Result<Vec<PrefixView>, ViewError> {
        let mut rows = Vec::new();
        while rows.len() < most {
            let keys = self.keys.next(most)?;
            if keys.is_empty() {
                break;
            }
            if let (BgpRoutes::Advertised(_), Some(peer)) = (&self.which, self.peer) {
                let told = self.rib.ask(move |core| {
                    let of = |(net, slot): &Key| {
                        let told = core.advertised(peer, *net, *slot);
                        (!told.is_empty()).then(|| (told, core.prefix_at(*net, *slot)))
                    };
                    keys.iter().filter_map(of).collect::<Vec<_>>()
                });
                for (advertised, known) in told.map_err(gone)? {
                    let mut row = self.naming.advertised(&advertised, known.as_ref(), self.own_next_hop);
                    if let Some(default) = self.default_local_pref {
                        row.paths.iter_mut().for_each(|p| _ = p.local_pref.get_or_insert(default));
                    }
                    rows.push(row);
                }
                continue;
            }
            if let (BgpRoutes::Received(_) | BgpRoutes::Filtered(_), Some(peer)) = (&self.which, self.peer) {
                let found = self.rib.ask(move |core| {
                    let of = |(net, slot): &Key| core.received_at(*net, *slot, peer);
                    keys.iter().filter_map(of).collect::<Vec<_>>()
                });
                let filtered = matches!(self.which, BgpRoutes::Filtered(_));
                let views = found.map_err(gone)?.into_iter().map(|p| self.naming.received(&p, filtered));
                rows.extend(views.filter(|row| !row.paths.is_empty()));
                continue;
            }
            let map = match &self.which {
                BgpRoutes::Permitted(name) => Some(name.clone()),
                _ => None,
            };
            let family = self.family;
            let found = self.rib.ask(move |core| {
                core.warm(family, &keys);
                let of = |(net, slot): &Key| match &map {
                    _ if *slot == NO_SLOT => Some(query::no_paths(*net)),
                    Some(name) => core.permitted_at(*net, *slot, name),
                    None => core.prefix_at(*net, *slot),
                };
                keys.iter().filter_map(of).collect::<Vec<_>>()
            });
            for prefix in found.map_err(gone)? {
                let peer = self.peer;
                let row = match self.which {
                    BgpRoutes::Table => self.naming.whole(&prefix),
                    BgpRoutes::Permitted(_) => self.naming.prefix(&prefix, |p| !p.filtered),
                    BgpRoutes::From(_) => {
                        self.naming.prefix(&prefix, |p| Some(p.peer) == peer && !p.filtered)
                    }
                    BgpRoutes::Received(_) | BgpRoutes::Filtered(_) | BgpRoutes::Advertised(_) => continue,
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
    address: Option<IpAddr>,
    hostname: Option<String>,
    peer_group: Option<String>,
}

/// Who is who.
pub(super) struct Naming {
    peers: HashMap<rib::PeerId, Name>,
    own: Option<String>,
    /// `bgp network import-check`
    import_check: bool,
    /// Networks to announce when the routing table has them.
    networks: BTreeSet<IpNet>,
    /// `bgp suppress-fib-pending`
    suppress: bool,
}

/// A neighbour whose routes are listed.
struct Chosen {
    id: rib::PeerId,
    external: bool,
    /// IPv4 routes have IPv6 next hops (RFC 8950).
    v6_next_hop: bool,
}

impl Naming {
    /// A neighbour's name.
    pub(super) fn name(&self, peer: rib::PeerId) -> String {
        match self.peers.get(&peer) {
            Some(name) => name.id.to_string(),
            None if peer == rib::PeerId::LOCAL => "ourselves".to_owned(),
            None => "a neighbor that is gone".to_owned(),
        }
    }

    pub(super) fn prefix(
        &self,
        from: &query::PrefixView,
        wanted: impl Fn(&query::PathView) -> bool,
    ) -> PrefixView {
        // With several paths to tell, each says who was told; else there is one list for all.
        let numbered = from.paths.iter().any(|p| p.numbers != query::PathNumbers::default());
        let best = from.paths.iter().find(|p| p.best && !numbered);
        let advertised = best.map(|p| self.told_to(p)).filter(|a| !a.is_empty());
        PrefixView {
            prefix: from.net,
            version: u64::from(from.version),
            paths: from.paths.iter().filter(|p| wanted(p)).map(|p| self.path(p, from)).collect(),
            advertised_to: advertised,
            fib: FibFlags {
                installed: installed(from) || (self.suppress && from.installed && !from.waits),
                waiting: from.waits,
                suppress: self.suppress,
                ..FibFlags::default()
            },
        }
    }

    fn told_to(&self, path: &query::PathView) -> Vec<AdvertisedTo> {
        let told = |id: &rib::PeerId| {
            let name = self.peers.get(id)?;
            Some(AdvertisedTo {
                id: name.id.clone(),
                hostname: name.hostname.clone(),
                peer_group: name.peer_group.clone(),
            })
        };
        let mut advertised: Vec<AdvertisedTo> = path.advertised_to.iter().filter_map(told).collect();
        advertised.sort_by(|a, b| a.id.cmp(&b.id));
        advertised
    }

    /// A prefix as the table has it, and the network that waits for its route as an invalid path.
    fn whole(&self, from: &query::PrefixView) -> PrefixView {
        let mut view = self.prefix(from, |p| !p.filtered);
        let is_ours = |p: &query::PathView| p.origin == Provenance::Local && p.path_id == NETWORK_PATH;
        if self.networks.contains(&from.net) && !from.paths.iter().any(is_ours) {
            let mut path = PathView::new(unspecified(Family::of(&from.net)));
            path.origin_kind = PathOrigin::Network;
            (path.med, path.weight, path.valid) = (Some(0), LOCAL_WEIGHT, false);
            path.nexthop.hostname = self.own.clone();
            (path.nexthop.accessible, path.nexthop.import_check) = (false, true);
            view.paths.push(path);
        }
        view
    }

    fn path(&self, from: &query::PathView, prefix: &query::PrefixView) -> PathView {
        let attrs = AttrView::new(&from.block);
        let local = from.origin == Provenance::Local;
        let mut view = PathView::new(from.next_hop.addr.unwrap_or(unspecified(Family::of(&prefix.net))));
        fill_attributes(&mut view, attrs);
        let name = self.peers.get(&from.peer);
        if !local {
            view.peer = name.map(|n| PathPeer {
                id: n.id.clone(),
                address: n.address,
                router_id: from.router_id,
                hostname: n.hostname.clone(),
            });
        }
        view.origin_kind = match (from.origin, from.path_id) {
            (Provenance::External, _) => PathOrigin::External,
            (Provenance::Confederation, _) => PathOrigin::Confederation,
            (Provenance::Internal | Provenance::Client, _) => PathOrigin::Internal,
            (Provenance::Local, NETWORK_PATH) => PathOrigin::Network,
            (Provenance::Local, AGGREGATE_PATH) => PathOrigin::Aggregate,
            (Provenance::Local, _) => PathOrigin::Redistributed,
        };
        let shown = from.origin != Provenance::External || from.summary.has(flag::LOCAL_PREF);
        view.local_pref = Some(from.local_pref).filter(|_| shown && !local);
        view.weight = from.weight;
        view.nexthop.link_local = from.next_hop.link_local;
        view.nexthop.link_local_used = from.next_hop.link_local.is_some();
        if let (false, IpAddr::V6(_), Some(PeerId::Interface(interface))) =
            (local, view.nexthop.address, name.map(|n| &n.id))
        {
            view.nexthop.interface = Some(interface.clone());
        }
        view.nexthop.hostname = if local { self.own.clone() } else { name.and_then(|n| n.hostname.clone()) };
        view.nexthop.accessible = local || from.accessible;
        view.nexthop.import_check = self.import_check;
        view.nexthop.metric = Some(from.igp_metric);
        view.path_id = if local { 0 } else { from.path_id };
        let query::PathNumbers { all, best_per_as, best: best_selected } = from.numbers;
        let numbered = prefix.paths.iter().any(|p| p.numbers != query::PathNumbers::default());
        if numbered {
            view.tx_ids = Some(AddPathIds { all, best_per_as, best_selected });
            view.advertised_to = self.told_to(from);
        }
        view.valid = from.valid;
        view.best = from.best;
        view.selection_reason = prefix.reason.filter(|_| from.best).map(|r| r.text());
        view.multipath = from.multipath;
        (view.suppressed, view.aggregate_count) = (from.suppressed, from.aggregated);
        view.stale = from.stale;
        if let Some(flaps) = &from.flaps {
            (view.damped, view.history) = (flaps.suppressed, flaps.withdrawn);
            view.flaps = Some(flaps_view(flaps));
        }
        view.rpki = from.rpki;
        view.fib_installed = from.best && installed(prefix);
        view.age = age_of_second(from.since);
        view.updated_epoch = epoch_of(view.age);
        view
    }

    /// A prefix as a neighbour sent it; FRR marks all that is kept like this as valid and best.
    fn received(&self, from: &query::PrefixView, filtered: bool) -> PrefixView {
        let mut view = self.prefix(from, |p| !filtered || p.filtered);
        for (path, raw) in view.paths.iter_mut().zip(from.paths.iter().filter(|p| !filtered || p.filtered)) {
            (path.valid, path.best, path.multipath) = (true, true, false);
            path.local_pref = AttrView::new(&raw.block).local_pref();
            path.weight = 0;
        }
        view
    }

    /// A prefix as a neighbour is told, which is one path or, with ADD-PATH, several; `whole` is what the table has.
    fn advertised(
        &self,
        told: &[query::AdvertisedView],
        whole: Option<&query::PrefixView>,
        own_next_hop: IpAddr,
    ) -> PrefixView {
        let mut view = PrefixView {
            prefix: told.first().map_or_else(IpNet::default, |t| t.net),
            version: 0,
            paths: Vec::new(),
            advertised_to: None,
            fib: FibFlags::default(),
        };
        for from in told {
            let told = told_path(from, own_next_hop);
            let is_it = |p: &query::PathView| match from.path_id {
                0 => p.best,
                id => [p.numbers.all, p.numbers.best_per_as, p.numbers.best].contains(&id),
            };
            let Some(mut known) = whole.map(|p| self.prefix(p, is_it)).filter(|p| !p.paths.is_empty()) else {
                view.paths.push(told);
                continue;
            };
            let mut path = known.paths.swap_remove(0);
            // Whose it is and since when is the table's knowledge, what it says is the neighbour's.
            let (hostname, metric) = (path.nexthop.hostname.take(), Some(0));
            path.nexthop = NexthopView { hostname, metric, ..told.nexthop };
            (path.as_path, path.origin, path.med) = (told.as_path, told.origin, told.med);
            (path.local_pref, path.weight) = (told.local_pref, 0);
            (path.aggregator, path.atomic_aggregate) = (told.aggregator, told.atomic_aggregate);
            (path.communities, path.ext_communities) = (told.communities, told.ext_communities);
            path.ipv6_ext_communities = told.ipv6_ext_communities;
            path.large_communities = told.large_communities;
            (path.originator_id, path.cluster_list) = (told.originator_id, told.cluster_list);
            known.paths = std::mem::take(&mut view.paths);
            known.paths.push(path);
            view = known;
        }
        view
    }
}

/// A path as a neighbour is told.
fn told_path(from: &query::AdvertisedView, own_next_hop: IpAddr) -> PathView {
    let mut view = PathView::new(from.next_hop.map_or(own_next_hop, |n| n.addr()));
    fill_attributes(&mut view, AttrView::new(&from.block));
    view.best = true;
    view.origin_kind = match from.origin {
        Provenance::Local => PathOrigin::Network,
        Provenance::External => PathOrigin::External,
        Provenance::Confederation => PathOrigin::Confederation,
        Provenance::Internal | Provenance::Client => PathOrigin::Internal,
    };
    view
}

fn flaps_view(from: &query::FlapsView) -> FlapsView {
    let age = age_of_second(from.started);
    FlapsView {
        penalty: from.penalty,
        flaps: from.flaps,
        age,
        started_epoch: epoch_of(age),
        reuse: (from.suppressed && !from.withdrawn).then_some(u64::from(from.reuse)),
    }
}

/// Weight of our own routes.
const LOCAL_WEIGHT: u32 = 32768;

/// The next hop of our own routes.
pub(super) fn unspecified(family: Family) -> IpAddr {
    match family {
        Family::Ipv4Unicast => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        Family::Ipv6Unicast => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}

/// What FRR calls installed: a route that was redistributed. Of BGP's own routes it only asks the kernel while their
/// announcement waits for it (`bgp suppress-fib-pending`).
fn installed(prefix: &query::PrefixView) -> bool {
    let redistributed =
        |p: &query::PathView| p.origin == Provenance::Local && p.path_id == REDISTRIBUTED_PATH;
    prefix.paths.iter().any(|p| p.best && redistributed(p))
}

pub(super) fn fill_attributes(view: &mut PathView, attrs: AttrView<'_>) {
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
    view.ipv6_ext_communities = attrs.ipv6_ext_communities().collect();
    view.large_communities = attrs.large_communities().collect();
    view.aigp = attrs.aigp();
    view.otc = attrs.otc().map(|a| a.0);
    view.originator_id = attrs.originator_id();
    view.cluster_list = attrs.cluster_list().collect();
}
