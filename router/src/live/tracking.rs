//! Addresses that are looked up in the routing table: next hops of routes, neighbours, networks that are announced
//! only when they are there.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::PoisonError;

use bgp::types::{Family, PeerKind};
use ipnet::IpNet;
use rib::base::Discard;
use rib::nexthop::{NextHopUser, Resolution, ResolvedHop};
use rib::policy::ast::SourceProtocol;
use rib::query::{NextHopView, RouteView};

use super::routes::{discard_hop, interface_hop, protocol_of};
use super::{Live, age_of_second, epoch_of, gone};
use crate::cli::backend::ViewError;
use crate::config::model::PeerId;
use crate::shell::netdevs::Netdevs;
use crate::show::views::{BgpNexthopHop, BgpNexthopView, NhtClient, NhtView, RouteHop};

/// How an address resolves.
#[derive(Clone, Default)]
struct Way {
    /// The route: protocol and prefix; `None` for link-local addresses, which need none.
    via: Option<(SourceProtocol, IpNet)>,
    hops: Vec<ResolvedHop>,
    discard: Option<Discard>,
}

/// An address that somebody looks up.
struct Tracked {
    /// How it resolves; `None` while it does not.
    way: Option<Way>,
    metric: u32,
    paths: usize,
    /// Of BGP: as the next hop of a route or as a neighbour.
    of_bgp: bool,
    of_static: bool,
    /// Policy keeps BGP, or static routes, from that way.
    withheld: [bool; 2],
    /// A neighbour that has to be on the link (true) or may be farther away.
    peer: Option<bool>,
    /// Seconds of the shell's clock.
    since: u32,
}

impl Tracked {
    fn new(way: Option<Way>, since: u32) -> Tracked {
        let (paths, metric, peer, withheld) = (0, 0, None, [false; 2]);
        Tracked { way, metric, paths, of_bgp: false, of_static: false, withheld, peer, since }
    }
}

/// An announced network, by its address.
type Networks = Vec<(IpNet, Option<Way>)>;

fn way_of_route(net: IpNet, route: &RouteView) -> Way {
    Way {
        via: Some((route.source, net)),
        hops: route.hops.iter().flat_map(|via| &via.hops).copied().collect(),
        discard: route.discard,
    }
}

fn way_of_next_hop(view: &NextHopView) -> Option<Way> {
    match &view.resolution {
        Resolution::Resolved { hops, via, protocol, .. } => {
            // A link-local address is on the link that it came over: no route leads there.
            let via = (*via).zip(*protocol).filter(|_| view.key.link_local.is_none());
            Some(Way { via: via.map(|(net, p)| (p, net)), hops: hops.to_vec(), discard: None })
        }
        Resolution::Discard { via } => Some(Way {
            via: Some((SourceProtocol::Static, *via)),
            discard: Some(Discard::Blackhole),
            ..Way::default()
        }),
        Resolution::Unresolved | Resolution::Ours => None,
    }
}

impl Live {
    /// All addresses that are looked up, and the networks that are.
    fn tracked_addresses(&self) -> Result<(BTreeMap<IpAddr, Tracked>, Networks), ViewError> {
        let config = self.config();
        let mut peers = Vec::new();
        let mut networks = Vec::new();
        if let Some(bgp) = &config.bgp {
            for entry in self.control.peers.entries().into_iter().filter(|e| !e.neighbor.shutdown) {
                let n = &entry.neighbor;
                let external = n.kind(bgp, entry.remote_as.unwrap_or(bgp.asn)) == PeerKind::External;
                let far = n.ebgp_multihop.is_some() || n.ttl_security.is_some() || n.disable_connected_check;
                // A neighbour on an interface is where it was heard, and a link-local address on its link: no
                // route leads to them.
                let PeerId::Address(address) = entry.name else { continue };
                if matches!(address, IpAddr::V6(a) if bgp::types::is_link_local(&a)) {
                    continue;
                }
                peers.push((address, external && !far));
            }
            if bgp.knobs.network_import_check {
                let of = |f: &Family| bgp.family(*f).networks.keys().copied().collect::<Vec<_>>();
                networks = Family::ALL.iter().flat_map(of).collect();
            }
        }
        let addresses: Vec<IpAddr> = peers.iter().map(|(a, _)| *a).collect();
        let asked = self.control.rib.ask(move |core| {
            let route = |net: IpNet| core.routes(net).into_iter().find(|r| r.selected);
            let to =
                |addr: &IpAddr| core.route_to(*addr).and_then(|net| Some(way_of_route(net, &route(net)?)));
            let withheld = core.withheld(&addresses);
            let ways: Vec<_> = addresses.iter().map(to).zip(withheld).collect();
            let networks = networks.into_iter().map(|n| (n, route(n).map(|r| way_of_route(n, &r))));
            (core.next_hops(), ways, networks.collect::<Networks>())
        });
        let (next_hops, ways, networks) = asked.map_err(gone)?;
        let mut all: BTreeMap<IpAddr, Tracked> = BTreeMap::new();
        for view in &next_hops {
            let Some(address) = view.key.link_local.map(IpAddr::V6).or(view.key.addr) else { continue };
            let tracked =
                all.entry(address).or_insert_with(|| Tracked::new(way_of_next_hop(view), view.since));
            tracked.metric = view.resolution.metric();
            tracked.paths += view.paths;
            let of_static = view.key.user == NextHopUser::Static;
            tracked.of_bgp |= !of_static;
            tracked.of_static |= of_static;
            tracked.withheld[usize::from(of_static)] |= view.withheld;
        }
        for ((address, near), (way, withheld)) in peers.into_iter().zip(ways) {
            let tracked = all.entry(address).or_insert_with(|| Tracked::new(way, 0));
            (tracked.of_bgp, tracked.peer) = (true, Some(near));
            tracked.withheld[0] |= withheld;
        }
        Ok((all, networks))
    }

    /// `show bgp nexthop`
    pub(super) fn next_hops(&self) -> Result<Vec<BgpNexthopView>, ViewError> {
        self.instance()?;
        let (all, _) = self.tracked_addresses()?;
        let netdevs = self.control.netdevs.read().unwrap_or_else(PoisonError::into_inner);
        let of_bgp = all.into_iter().filter(|(_, t)| t.of_bgp && (t.paths > 0 || t.peer.is_some()));
        Ok(of_bgp
            .map(|(address, tracked)| {
                let peer = tracked.peer.map(|_| address.to_string());
                view_of(address, &tracked, peer, &netdevs)
            })
            .collect())
    }

    /// `show bgp import-check-table`: networks that are announced when the routing table has them.
    pub(super) fn import_checks(&self) -> Result<Vec<BgpNexthopView>, ViewError> {
        self.instance()?;
        let (_, networks) = self.tracked_addresses()?;
        let netdevs = self.control.netdevs.read().unwrap_or_else(PoisonError::into_inner);
        let of = |(net, way): (IpNet, Option<Way>)| {
            let tracked = Tracked { paths: 1, ..Tracked::new(way, 0) };
            view_of(net.addr(), &tracked, None, &netdevs)
        };
        Ok(networks.into_iter().map(of).collect())
    }

    /// `show ip nht`
    pub(super) fn tracked(&self, family: Family) -> Result<Vec<NhtView>, ViewError> {
        let (mut all, networks) = self.tracked_addresses()?;
        let netdevs = self.control.netdevs.read().unwrap_or_else(PoisonError::into_inner);
        // A link-local address says by itself where it is.
        all.retain(|a, t| {
            Family::of(&(*a).into()) == family && t.way.as_ref().is_none_or(|w| w.via.is_some())
        });
        let client = |protocol, filtered, connected| NhtClient {
            protocol,
            filtered,
            connected,
            resolve_via_default: false,
        };
        let mut views: Vec<NhtView> = all
            .into_iter()
            .map(|(address, tracked)| {
                let mut clients = Vec::new();
                if tracked.of_static {
                    clients.push(client("static", tracked.withheld[1], false));
                }
                if tracked.of_bgp {
                    clients.push(client("bgp", tracked.withheld[0], tracked.peer == Some(true)));
                }
                nht_view(family, address, tracked.way, clients, &netdevs)
            })
            .collect();
        for (net, way) in networks.into_iter().filter(|(net, _)| Family::of(net) == family) {
            let client = NhtClient { resolve_via_default: true, ..client("bgp", false, false) };
            views.push(nht_view(family, net.addr(), way, vec![client], &netdevs));
        }
        views.sort_by_key(|v| v.address);
        Ok(views)
    }
}

fn view_of(address: IpAddr, tracked: &Tracked, peer: Option<String>, netdevs: &Netdevs) -> BgpNexthopView {
    let way = tracked.way.clone().filter(|_| !tracked.withheld[0]);
    let valid = way.is_some();
    let way = way.unwrap_or_default();
    let name = |ifindex| netdevs.by_index(ifindex).map(|l| l.name.clone()).unwrap_or_default();
    let hop = |h: &ResolvedHop| BgpNexthopHop {
        gateway: h.gateway.filter(|g| *g != address),
        interface: name(h.ifindex),
        ifindex: h.ifindex,
    };
    let age = age_of_second(tracked.since);
    BgpNexthopView {
        address,
        valid,
        metric: tracked.metric,
        paths: tracked.paths as u64,
        peer,
        resolved_prefix: way.via.map(|(_, net)| net),
        discard: way.discard.is_some(),
        hops: way.hops.iter().map(hop).collect(),
        updated_epoch: epoch_of(age),
        age,
    }
}

fn nht_view(
    family: Family,
    address: IpAddr,
    way: Option<Way>,
    clients: Vec<NhtClient>,
    netdevs: &Netdevs,
) -> NhtView {
    let way = way.unwrap_or_default();
    let direct = |hop: &ResolvedHop| RouteHop {
        gateway: hop.gateway.filter(|g| *g != address),
        onlink: hop.onlink,
        ..interface_hop(hop.ifindex, netdevs)
    };
    let mut hops: Vec<RouteHop> = way.hops.iter().map(direct).collect();
    hops.extend(way.discard.map(|kind| discard_hop(kind, true)));
    let resolved = way.via.map(|(protocol, net)| (protocol_of(protocol), net));
    NhtView { family, address, resolved, hops, clients }
}
