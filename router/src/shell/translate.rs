//! From the operator's configuration to what the table is told.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use bgp::types::{Asn, Family};
use ipnet::IpNet;
use rib::base::Discard;
use rib::best;
use rib::condition::Conditional;
use rib::hold::HoldSettings;
use rib::install::InstallMaps;
use rib::local::{LocalRoutes, Redistribute};
use rib::nexthop::{NextHopKey, NextHopUser};
use rib::nht::NhtMaps;
use rib::peer::{
    AddPaths, NextHopSelf, PeerConfig, PeerFamily, PeerKind, PrefixLimit, RemovePrivate, SendCommunity,
};
use rib::policy::ast::SourceProtocol;
use rib::policy::compile::{FilterSpec, OwnAsFilter};
use rib::{Settings, StaticRoute, StaticTarget};

use crate::config::model::{
    self, Bgp, ClusterId, Config, FamilySettings, NeighborSettings, ProtocolMaps, RedistributeFrom,
    RpkiTransport,
};
use crate::rtr;

/// Router-wide settings of the table. `router_id` is the one in force, configured or found.
pub fn settings(config: &Config, router_id: Ipv4Addr) -> Settings {
    let mut settings = Settings {
        router_id: router_id.into(),
        cluster_id: router_id.into(),
        no_rib: config.no_rib,
        resolve_via_default: config.resolve_via_default_v4(),
        ..Settings::default()
    };
    settings.resilient = config.resilient;
    settings.install = Family::ALL.map(|family| install_maps(config, family));
    settings.nht = Family::ALL.map(|family| nht_maps(config, family));
    let Some(bgp) = &config.bgp else { return settings };
    settings.asn = bgp.outside_as();
    settings.cluster_id = match bgp.cluster_id {
        None => router_id.into(),
        Some(ClusterId::Address(a)) => a.into(),
        Some(ClusterId::Number(n)) => n,
    };
    settings.graceful_shutdown = config.graceful_shutdown || bgp.knobs.graceful_shutdown;
    settings.suppress_fib_pending = bgp.suppress_fib_pending.or(config.suppress_fib_pending).is_some();
    settings.hold = HoldSettings {
        update_delay: update_delay(config, bgp),
        advertisement_delay: bgp.advertisement_delay.or(config.advertisement_delay),
        neighbors: bgp.neighbors.keys().filter_map(|id| bgp.effective(id)).filter(|n| !n.shutdown).count(),
    };
    settings.import_check = bgp.knobs.network_import_check;
    settings.max_med = bgp.max_med;
    settings.max_med_on_startup = bgp.max_med_on_startup;
    settings.client_reflection = bgp.knobs.client_to_client_reflection;
    for family in Family::ALL {
        settings.best[family.index()] = best_path(bgp, family);
        let d = bgp.family(family).distance.unwrap_or_default();
        settings.distance[family.index()] = [d.external, d.internal, d.local];
    }
    settings
}

/// The route-maps between routes and the kernel.
fn install_maps(config: &Config, family: Family) -> InstallMaps {
    let map_of = |protocol| map_of(&config.install_maps, family, protocol);
    let table_map = config.bgp.as_ref().and_then(|bgp| bgp.family(family).table_map.clone());
    InstallMaps { bgp: table_map.into_iter().chain(map_of("bgp")).collect(), fixed: map_of("static") }
}

/// The route-maps between next hops and the routes that they resolve over.
fn nht_maps(config: &Config, family: Family) -> NhtMaps {
    let map_of = |protocol| map_of(&config.nht_maps, family, protocol);
    NhtMaps { bgp: map_of("bgp"), fixed: map_of("static") }
}

/// A protocol's own map, else that of `any`.
fn map_of(maps: &ProtocolMaps, family: Family, protocol: &str) -> Option<String> {
    let named = |p: &str| maps.get(&(family, p.to_owned()));
    named(protocol).or_else(|| named("any")).cloned()
}

/// `update-delay` in force: how long at most, and how long for neighbours without a session. 0 is none.
pub fn update_delay(config: &Config, bgp: &Bgp) -> Option<(u16, u16)> {
    let (most, establish) = bgp.update_delay.or(config.update_delay).filter(|(most, _)| *most > 0)?;
    Some((most, establish.unwrap_or(most)))
}

fn best_path(bgp: &Bgp, family: Family) -> best::Options {
    best::Options {
        default_local_pref: bgp.knobs.local_preference,
        always_compare_med: bgp.knobs.always_compare_med,
        med_missing_as_worst: bgp.bestpath.med.missing_as_worst,
        aigp: bgp.bestpath.aigp,
        as_path_ignore: bgp.bestpath.as_path_ignore,
        as_path_confed: bgp.bestpath.as_path_confed,
        multipath_relax: bgp.bestpath.multipath_relax,
        compare_router_id: bgp.bestpath.compare_routerid,
        max_paths_ebgp: bgp.maximum_paths(family),
        max_paths_ibgp: bgp.maximum_paths_ibgp(family),
        bandwidth: bgp.bestpath.bandwidth,
    }
}

/// Caches of validated ROA payloads. Those behind a secure shell are only kept.
pub fn rpki(config: &Config) -> rtr::Settings {
    let rpki = config.rpki.clone().unwrap_or_default();
    let usable = rpki.caches.into_iter().filter(|c| c.transport == RpkiTransport::Tcp);
    rtr::Settings {
        timing: rtr::Timing {
            refresh: rpki.polling_period,
            retry: rpki.retry_interval,
            expire: rpki.expire_interval,
        },
        caches: usable
            .map(|c| (c.preference, rtr::Endpoint { host: c.host, port: c.port, source: c.source }))
            .collect(),
    }
}

/// Networks, redistribution and aggregates of a family.
pub fn local_routes(config: &Config, family: Family) -> LocalRoutes {
    let Some(bgp) = &config.bgp else { return LocalRoutes::default() };
    let from = bgp.family(family);
    let networks = from
        .networks
        .iter()
        .filter(|(_, n)| !n.backdoor)
        .map(|(prefix, n)| (prefix.trunc(), n.route_map.clone()))
        .collect();
    let redistribute = from
        .redistribute
        .iter()
        .filter_map(|(source, r)| {
            let source = match source {
                RedistributeFrom::Connected => SourceProtocol::Connected,
                RedistributeFrom::Kernel => SourceProtocol::Kernel,
                RedistributeFrom::Static => SourceProtocol::Static,
                RedistributeFrom::Local
                | RedistributeFrom::Table(_)
                | RedistributeFrom::TableDirect(_)
                | RedistributeFrom::Other(_) => return None,
            };
            Some((source, Redistribute { metric: r.metric, route_map: r.route_map.clone() }))
        })
        .collect();
    let aggregates =
        from.aggregates.iter().map(|(prefix, aggregate)| (prefix.trunc(), aggregate.clone())).collect();
    LocalRoutes { networks, redistribute, aggregates }
}

/// Static routes: the lines of one prefix, distance and kind of target together.
pub fn statics(config: &Config) -> Vec<StaticRoute> {
    let mut routes: BTreeMap<(IpNet, u8, Option<u8>), StaticRoute> = BTreeMap::new();
    for (prefix, lines) in &config.default_vrf.statics {
        for line in lines.iter().filter(|l| l.table.is_none() && l.nexthop_vrf.is_none()) {
            let (discard, key) = match &line.target {
                model::StaticTarget::Blackhole | model::StaticTarget::Null0 => {
                    (Some(Discard::Blackhole), None)
                }
                model::StaticTarget::Reject => (Some(Discard::Unreachable), None),
                model::StaticTarget::Gateway(addr) => (None, Some(next_hop(Some(*addr), None, line.onlink))),
                model::StaticTarget::Interface(name) => (None, Some(next_hop(None, Some(name), line.onlink))),
                model::StaticTarget::GatewayInterface(addr, name) => {
                    (None, Some(next_hop(Some(*addr), Some(name), line.onlink)))
                }
            };
            let kind = discard.map(|d| d as u8);
            let route = routes.entry((prefix.trunc(), line.distance, kind)).or_insert_with(|| StaticRoute {
                prefix: prefix.trunc(),
                target: discard.map_or(StaticTarget::Hops(Vec::new()), StaticTarget::Discard),
                distance: line.distance,
                tag: line.tag.unwrap_or(0),
            });
            if let (StaticTarget::Hops(hops), Some(key)) = (&mut route.target, key) {
                hops.push(key);
            }
        }
    }
    routes.into_values().collect()
}

fn next_hop(addr: Option<IpAddr>, interface: Option<&String>, onlink: bool) -> NextHopKey {
    let interface = interface.map(|n| Arc::from(n.as_str()));
    NextHopKey { addr, link_local: None, interface, onlink, user: NextHopUser::Static }
}

/// A neighbour as the table knows it, once its AS is known and which of ours it has us in.
pub fn peer(
    bgp: &Bgp,
    settings: &NeighborSettings,
    addr: IpAddr,
    interface: Option<&str>,
    local_as: Asn,
    remote_as: Asn,
) -> PeerConfig {
    let kind = settings.kind(bgp, remote_as);
    let multihop =
        settings.ebgp_multihop.is_some_and(|h| h > 1) || settings.ttl_security.is_some_and(|h| h > 1);
    let families = Family::ALL.map(|f| {
        let family = settings.family(f);
        family.activate.then(|| {
            let mut translated = peer_family(bgp, family, kind, settings.long_bandwidth);
            let map = family.allowas_in.as_ref().and_then(|a| a.route_map.clone());
            translated.import.own_as = map.map(|route_map| {
                let asns = [local_as, bgp.asn, bgp.outside_as()].map(|asn| asn.0).to_vec();
                OwnAsFilter { route_map, asns }
            });
            translated
        })
    });
    PeerConfig {
        addr,
        interface: interface.map(Arc::from),
        kind,
        local_as,
        own_as: settings.local_as.filter(|l| l.asn == local_as && !l.replace_as).map(|_| bgp.outside_as()),
        remote_as,
        aigp: settings.aigp || kind != PeerKind::External,
        require_connected: kind == PeerKind::External && !multihop && !settings.disable_connected_check,
        graceful_shutdown: settings.graceful_shutdown,
        integer_bandwidth: settings.integer_bandwidth,
        families,
    }
}

fn peer_family(bgp: &Bgp, from: &FamilySettings, kind: PeerKind, long_bandwidth: bool) -> PeerFamily {
    let policy_required = kind == PeerKind::External && bgp.knobs.ebgp_requires_policy;
    PeerFamily {
        import: FilterSpec {
            distribute_list: from.distribute_list_in.clone(),
            prefix_list: from.prefix_list_in.clone(),
            as_path_list: from.filter_list_in.clone(),
            route_map: from.route_map_in.clone(),
            own_as: None,
            default_deny: policy_required && !from.has_policy_in,
            long_bandwidth: long_bandwidth && from.route_map_in.is_some(),
        },
        export: FilterSpec {
            distribute_list: from.distribute_list_out.clone(),
            prefix_list: from.prefix_list_out.clone(),
            as_path_list: from.filter_list_out.clone(),
            route_map: from.route_map_out.clone(),
            own_as: None,
            default_deny: policy_required && !from.has_policy_out,
            long_bandwidth: long_bandwidth && from.route_map_out.is_some(),
        },
        unsuppress_map: from.unsuppress_map.clone(),
        conditional: from.advertise_map.as_ref().map(|m| Conditional {
            advertise_map: m.route_map.clone(),
            condition_map: m.condition.clone(),
            exist: m.exist,
        }),
        next_hop_self: match from.next_hop_self {
            model::NextHopSelf::Off => NextHopSelf::Off,
            model::NextHopSelf::On => NextHopSelf::On,
            model::NextHopSelf::Force => NextHopSelf::Force,
        },
        soft_reconfiguration: from.soft_reconfiguration,
        reflector_client: from.route_reflector_client && kind == PeerKind::Internal,
        default_originate: from.default_originate.as_ref().map(|d| d.route_map.clone()),
        send_community: SendCommunity {
            standard: from.send_community.standard,
            extended: from.send_community.extended,
            large: from.send_community.large,
        },
        remove_private: from.remove_private_as.map(|r| RemovePrivate { all: r.all, replace: r.replace }),
        as_override: from.as_override,
        maximum_prefix: from.maximum_prefix.map(|m| PrefixLimit {
            most: m.limit,
            // Not above the limit, so it fits.
            warn: (u64::from(m.limit) * u64::from(m.threshold.min(100)) / 100) as u32,
        }),
        maximum_prefix_out: from.maximum_prefix_out,
        weight: u32::from(from.weight),
        site: from.site_of_origin.map(|c| c.0),
        add_paths: from.addpath_tx.map(|which| match which {
            model::AddPathTx::All => AddPaths::All,
            model::AddPathTx::BestPerAs => AddPaths::BestPerAs,
            model::AddPathTx::BestSelected(n) => AddPaths::Best(n),
        }),
        damping: from.dampening,
    }
}
