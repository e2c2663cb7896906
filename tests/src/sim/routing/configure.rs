//! What the cores of a router are told, as the shell makes it of the operator's configuration.

use std::net::IpAddr;

use bgp::fsm::{RemoteAs, SessionConfig};
use bgp::types::{Asn, Family, MILLISECOND, SECOND};
use fib::Address;
use fib::fake::Kernel;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use rib::Settings;
use rib::local::LocalRoutes;
use rib::nexthop::Resilient;
use rib::peer::{PeerConfig, PeerFamily, PeerKind, SendCommunity};
use rib::policy::ast::Policies;
use rib::policy::compile::FilterSpec;

use super::plan::{self, Plan};
use super::policy;

/// Gives a kernel the interfaces and addresses of a router.
pub(super) fn interfaces(kernel: &mut Kernel, plan: &Plan, n: usize) {
    for (s, segment) in plan.segments.iter().enumerate().filter(|(_, s)| s.members.contains(&n)) {
        kernel.set_link(plan::ifindex(s), true, true);
        let mut add = |net| {
            let address =
                Address { ifindex: plan::ifindex(s), net, peer: None, flags: 0, scope: 0, protocol: 0 };
            kernel.add_address(address);
        };
        if let (true, IpAddr::V4(a)) = (segment.families[0], plan::address(s, n, false)) {
            add(IpNet::V4(Ipv4Net::new_assert(a, 24)));
        }
        if let (true, IpAddr::V6(a)) = (segment.families[1], plan::address(s, n, true)) {
            add(IpNet::V6(Ipv6Net::new_assert(a, 64)));
            add(IpNet::V6(Ipv6Net::new_assert(plan::link_local(n), 64)));
        }
    }
}

/// All policies of a router.
pub(super) fn policies(plan: &Plan, n: usize) -> Policies {
    let mut policies = Policies::default();
    for (at, side) in plan.routers[n].sides.iter().enumerate() {
        let both = [("in", &side.import), ("out", &side.export)];
        for (way, policy) in both.iter().filter_map(|(way, p)| Some((way, p.as_ref()?))) {
            policy::tell(&mut policies, &format!("{at}{way}"), policy);
        }
    }
    policies
}

/// A neighbour as the table shall know it.
pub(super) fn peer(plan: &Plan, n: usize, at: usize) -> PeerConfig {
    let router = &plan.routers[n];
    let side = &router.sides[at];
    let session = &plan.sessions[side.session];
    let spec = |policy: &Option<_>, way: &str| FilterSpec {
        route_map: policy.as_ref().map(|_| format!("{at}{way}")),
        ..FilterSpec::default()
    };
    let send = side.communities;
    let family = PeerFamily {
        import: spec(&side.import, "in"),
        export: spec(&side.export, "out"),
        next_hop_self: side.next_hop_self,
        soft_reconfiguration: side.soft,
        send_community: SendCommunity { standard: send, extended: send, large: send },
        ..PeerFamily::default()
    };
    PeerConfig {
        addr: plan::address(session.segment, side.other, session.over_v6),
        interface: None,
        kind: if side.internal { PeerKind::Internal } else { PeerKind::External },
        local_as: Asn(router.asn),
        own_as: None,
        remote_as: Asn(plan.routers[side.other].asn),
        aigp: side.internal,
        require_connected: !side.internal,
        graceful_shutdown: false,
        integer_bandwidth: false,
        families: session.families.map(|active| active.then(|| family.clone())),
    }
}

/// The table's settings.
pub(super) fn settings(plan: &Plan, n: usize) -> Settings {
    let router = &plan.routers[n];
    Settings {
        router_id: router.id.into(),
        import_check: false,
        best: [router.best; 2],
        // Every other one keeps flows where they are.
        resilient: (n % 2 == 1).then_some(Resilient { buckets: 128, idle: 60, unbalanced: 0 }),
        ..Settings::default()
    }
}

/// What a router announces in a family.
pub(super) fn local(plan: &Plan, n: usize, family: Family) -> LocalRoutes {
    let networks = plan.routers[n].networks.iter().filter(|net| Family::of(net) == family);
    LocalRoutes { networks: networks.map(|net| (*net, None)).collect(), ..LocalRoutes::default() }
}

/// A session; `life` counts the starts of the router.
pub(super) fn session(plan: &Plan, n: usize, at: usize, seed: u64, life: u32) -> SessionConfig {
    let router = &plan.routers[n];
    let side = &router.sides[at];
    let session = &plan.sessions[side.session];
    let remote = RemoteAs::Number(Asn(plan.routers[side.other].asn));
    SessionConfig {
        hold_time: 9,
        keepalive: 3,
        connect_retry: 2 * SECOND,
        idle_hold: 500 * MILLISECOND,
        idle_hold_max: 5 * SECOND,
        families: session.families,
        extended_next_hop: session.extended_next_hop,
        jitter_seed: seed ^ (u64::from(life) << 40 | (n as u64) << 20 | at as u64),
        hash_seed: seed,
        ..SessionConfig::new(Asn(router.asn), remote, router.id)
    }
}
