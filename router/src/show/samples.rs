//! Views of one router in a laboratory with known outputs, for tests.

use std::net::{IpAddr, Ipv4Addr};

use bgp::attrs::Origin;
use bgp::types::{Family, PeerKind};

use super::views::*;
use crate::config::model::{AddPathTx, PeerId};

/// Seconds since 1970 at which the laboratory was looked at, roughly.
const UPDATED: u64 = 1_795_372_220;

/// An address.
pub fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A neighbour.
pub fn id(text: &str) -> PeerId {
    PeerId::from_word(text)
}

fn v4(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

fn sequence(asns: &[u32]) -> Vec<Segment> {
    match asns {
        [] => Vec::new(),
        asns => vec![Segment { kind: SegmentKind::Sequence, asns: asns.to_vec() }],
    }
}

fn peer_line(name: &str, asn: u32) -> SummaryPeer {
    SummaryPeer {
        id: id(name),
        hostname: None,
        software_version: None,
        description: None,
        remote_as: asn,
        local_as: 65001,
        internal: asn == 65001,
        messages_received: 0,
        messages_sent: 0,
        table_version: 0,
        in_queue: 0,
        out_queue: 0,
        uptime: None,
        established_epoch: None,
        prefixes_received: 0,
        prefixes_sent: 0,
        state: PeerState::Active,
        negotiated: false,
        admin_shutdown: false,
        prefix_overflow: false,
        policy_missing_in: false,
        policy_missing_out: false,
        connections_established: 0,
        connections_dropped: 0,
        dynamic: false,
        last_reset_code: 27,
        last_reset_reason: "No path to specified Neighbor".into(),
    }
}

#[expect(clippy::too_many_arguments, reason = "a row of a table")]
fn up(
    name: &str,
    asn: u32,
    host: &str,
    software: bool,
    messages: (u64, u64),
    uptime: u64,
    epoch: u64,
    prefixes: (u32, u32),
) -> SummaryPeer {
    SummaryPeer {
        hostname: Some(host.into()),
        software_version: software.then(|| "FRRouting/10.8.0-dev".into()),
        messages_received: messages.0,
        messages_sent: messages.1,
        table_version: 23,
        uptime: Some(uptime),
        established_epoch: Some(epoch),
        prefixes_received: prefixes.0,
        prefixes_sent: prefixes.1,
        state: PeerState::Established,
        negotiated: true,
        connections_established: 1,
        ..peer_line(name, asn)
    }
}

/// `show bgp ipv4 unicast summary`.
pub fn summary() -> SummaryView {
    let missing = |p: SummaryPeer| SummaryPeer { policy_missing_in: true, policy_missing_out: true, ..p };
    let described = |p: SummaryPeer, text: &str| SummaryPeer { description: Some(text.into()), ..p };
    SummaryView {
        family: Family::Ipv4Unicast,
        router_id: v4("10.255.0.1"),
        local_as: 65001,
        table_version: 23,
        update_delay: None,
        rib_entries: 10,
        rib_memory: 1600,
        peer_memory: 137_312,
        peer_groups: 1,
        peer_group_memory: 72,
        dampening: false,
        multipath_relax: true,
        max_med_on_startup: false,
        max_med: false,
        show_hostname: false,
        peers: vec![
            up("10.10.0.100", 65101, "hv", true, (41, 42), 81, 1_795_372_219, (4, 8)),
            up("2001:db8:10::100", 65101, "hv", true, (41, 42), 81, 1_795_372_219, (4, 8)),
            SummaryPeer {
                state: PeerState::Idle,
                admin_shutdown: true,
                last_reset_code: 11,
                last_reset_reason: "Admin. shutdown".into(),
                ..peer_line("10.10.0.253", 65253)
            },
            missing(described(peer_line("10.10.0.254", 65254), "never-up")),
            up("10.255.0.2", 65001, "edge2", true, (36, 40), 80, 1_795_372_220, (5, 10)),
            described(
                up("192.0.2.2", 64500, "isp", false, (16, 13), 82, 1_795_372_218, (3, 2)),
                "transit-v4",
            ),
            missing(described(
                up("2001:db8:0:1::2", 64500, "isp", false, (23, 16), 82, 1_795_372_218, (0, 0)),
                "transit-v6",
            )),
        ],
    }
}

/// What stands above IPv4 listings.
pub fn header() -> TableHeader {
    TableHeader {
        family: Family::Ipv4Unicast,
        table_version: 23,
        router_id: v4("10.255.0.1"),
        local_as: 65001,
        default_local_pref: 100,
        show_nexthop_hostname: false,
        total_paths: 19,
    }
}

fn told(names: &[(&str, &str, Option<&str>)]) -> Vec<AdvertisedTo> {
    let one = |(name, host, group): &(&str, &str, Option<&str>)| AdvertisedTo {
        id: id(name),
        hostname: Some((*host).into()),
        peer_group: group.map(Into::into),
    };
    names.iter().map(one).collect()
}

const HV4: (&str, &str, Option<&str>) = ("10.10.0.100", "hv", Some("HV"));
const HV6: (&str, &str, Option<&str>) = ("2001:db8:10::100", "hv", Some("HV"));
const EDGE2: (&str, &str, Option<&str>) = ("10.255.0.2", "edge2", None);
const ISP: (&str, &str, Option<&str>) = ("192.0.2.2", "isp", None);

struct From<'a> {
    peer: &'a str,
    router_id: &'a str,
    host: &'a str,
    hop: &'a str,
    tx: u32,
    at: u64,
    age: u64,
}

fn path(from: &From<'_>, asns: &[u32], origin: Origin, local_pref: u32) -> PathView {
    let internal = from.peer == "10.255.0.2";
    let mut path = PathView::new(ip(from.hop));
    path.peer = Some(PathPeer {
        id: id(from.peer),
        address: None,
        router_id: v4(from.router_id),
        hostname: Some(from.host.into()),
    });
    path.origin_kind = if internal { PathOrigin::Internal } else { PathOrigin::External };
    path.as_path = sequence(asns);
    path.origin = origin;
    path.med = Some(0);
    path.local_pref = Some(local_pref);
    path.nexthop.hostname = Some(from.host.into());
    path.tx_ids = Some(AddPathIds { all: from.tx, ..AddPathIds::default() });
    path.updated_epoch = from.at;
    path.age = from.age;
    path
}

fn own(kind: PathOrigin, origin: Origin, tx: u32, at: u64, age: u64) -> PathView {
    let mut path = PathView::new(ip("0.0.0.0"));
    path.origin_kind = kind;
    path.origin = origin;
    path.med = Some(0);
    path.weight = 32768;
    path.nexthop.hostname = Some("edge1".into());
    path.tx_ids = Some(AddPathIds { all: tx, ..AddPathIds::default() });
    path.advertised_to = told(&[HV4, HV6, EDGE2, ISP]);
    path.updated_epoch = at;
    path.age = age;
    path
}

fn best(mut path: PathView, reason: &'static str) -> PathView {
    path.best = true;
    path.selection_reason = Some(reason);
    path
}

fn prefix(net: &str, version: u64, paths: Vec<PathView>) -> PrefixView {
    let (prefix, advertised_to) = (net.parse().unwrap(), None);
    PrefixView { prefix, version, paths, advertised_to, fib: FibFlags::default() }
}

/// Some prefixes of the IPv4 table.
pub fn table() -> Vec<PrefixView> {
    let isp = |tx, age| From {
        peer: "192.0.2.2",
        router_id: "10.255.1.1",
        host: "isp",
        hop: "192.0.2.2",
        tx,
        at: UPDATED,
        age,
    };
    let edge2 = |tx, at, age| From {
        peer: "10.255.0.2",
        router_id: "10.255.0.2",
        host: "edge2",
        hop: "10.255.0.2",
        tx,
        at,
        age,
    };
    let hv = |peer, tx, at, age| From {
        peer,
        router_id: "10.20.30.40",
        host: "hv",
        hop: "10.10.0.100",
        tx,
        at,
        age,
    };
    let transit = [64500, 64501, 64502];
    let mut default = best(path(&isp(9, 95), &[64500], Origin::Igp, 90), "First path received");
    default.communities = vec![65001 << 16 | 100];
    default.advertised_to = told(&[HV6, EDGE2]);
    let mut one = best(path(&edge2(17, UPDATED + 2, 93), &transit, Origin::Incomplete, 100), "Local Pref");
    one.advertised_to = told(&[HV4, HV6]);
    let mut two = path(&isp(10, 95), &transit, Origin::Incomplete, 90);
    two.communities = vec![65001 << 16 | 100];
    two.advertised_to = told(&[EDGE2]);
    let mut aggregate =
        best(own(PathOrigin::Aggregate, Origin::Incomplete, 6, UPDATED, 97), "First path received");
    aggregate.aggregator = Some((65001, v4("10.255.0.1")));
    aggregate.aggregate_count = Some(6);
    aggregate.atomic_aggregate = true;
    let suppressed = |mut p: PathView, multipath: bool| {
        p.suppressed = true;
        p.multipath = multipath;
        p
    };
    let host = [65101];
    let first =
        best(path(&hv("2001:db8:10::100", 7, UPDATED - 1, 97), &host, Origin::Incomplete, 200), "Local Pref");
    let second = path(&hv("10.10.0.100", 15, UPDATED + 1, 95), &host, Origin::Incomplete, 200);
    let third = path(&edge2(21, UPDATED + 1, 95), &host, Origin::Incomplete, 100);
    let network = best(own(PathOrigin::Network, Origin::Igp, 2, UPDATED - 5, 101), "Weight");
    let other = path(&edge2(12, UPDATED + 1, 95), &[], Origin::Igp, 100);
    vec![
        prefix("0.0.0.0/0", 8, vec![default]),
        prefix("1.1.1.0/24", 16, vec![one, two]),
        prefix("10.200.0.0/16", 5, vec![aggregate]),
        prefix(
            "10.200.1.1/32",
            20,
            vec![suppressed(first, true), suppressed(second, true), suppressed(third, false)],
        ),
        prefix("203.0.113.0/24", 11, vec![network, other]),
    ]
}

/// Two prefixes of the IPv6 table.
pub fn table_v6() -> Vec<PrefixView> {
    let mut isp = PathView::new(ip("2001:db8:0:1::2"));
    isp.peer = Some(PathPeer {
        id: id("2001:db8:0:1::2"),
        address: None,
        router_id: v4("10.255.1.1"),
        hostname: Some("isp".into()),
    });
    isp.as_path = sequence(&[64500]);
    isp.origin = Origin::Incomplete;
    isp.med = Some(0);
    isp.nexthop.hostname = Some("isp".into());
    isp.nexthop.link_local = Some("fe80::7c94:24ff:fe36:8ae3".parse().unwrap());
    isp.nexthop.link_local_used = true;
    isp.updated_epoch = UPDATED;
    isp.age = 101;
    let mut edge2 = isp.clone();
    edge2.peer = Some(PathPeer {
        id: id("10.255.0.2"),
        address: None,
        router_id: v4("10.255.0.2"),
        hostname: Some("edge2".into()),
    });
    edge2.origin_kind = PathOrigin::Internal;
    edge2.local_pref = Some(100);
    edge2.valid = false;
    edge2.nexthop = NexthopView {
        address: ip("2001:db8:ff::2"),
        link_local: None,
        link_local_used: false,
        interface: None,
        hostname: Some("edge2".into()),
        accessible: false,
        metric: None,
        import_check: true,
    };
    edge2.updated_epoch = UPDATED + 2;
    edge2.age = 99;
    let mut local = own(PathOrigin::Network, Origin::Igp, 0, UPDATED, 0);
    local.nexthop.address = ip("::");
    local.tx_ids = None;
    vec![
        prefix("2001:db8:f00::/48", 1, vec![best(local, "First path received")]),
        prefix("2001:db8:8888::/48", 2, vec![best(isp, "First path received"), edge2]),
    ]
}

fn hop(gateway: Option<&str>, interface: &str, ifindex: u32) -> RouteHop {
    RouteHop {
        gateway: gateway.map(ip),
        interface: Some(interface.into()),
        ifindex: Some(ifindex),
        active: true,
        fib: true,
        weight: 1,
        ..RouteHop::default()
    }
}

/// Some routes of the IPv4 routing table.
pub fn routes() -> Vec<RouteView> {
    let route = |net: &str, protocol, distance, uptime, group, hops| RouteView {
        distance,
        uptime,
        group_id: group,
        installed_group_id: Some(group),
        hops,
        ..RouteView::new(net.parse().unwrap(), protocol)
    };
    use RouteProtocol as P;
    let recursive = RouteHop {
        gateway: Some(ip("10.255.0.2")),
        active: true,
        recursive: true,
        weight: 1,
        ..RouteHop::default()
    };
    let resolver = RouteHop { resolver: true, ..hop(Some("10.10.0.3"), "lan0", 7) };
    let duplicate = RouteHop { duplicate: true, fib: false, ..hop(Some("10.10.0.100"), "lan0", 7) };
    let inactive = |duplicate| RouteHop {
        gateway: Some(ip("10.10.0.100")),
        duplicate,
        weight: 1,
        ..RouteHop::default()
    };
    let blackhole = RouteHop {
        discard: Some(Discard::Blackhole),
        active: true,
        fib: true,
        weight: 1,
        ..RouteHop::default()
    };
    vec![
        RouteView {
            internal_flags: 9,
            ..route("0.0.0.0/0", P::Bgp, 20, 84, 52, vec![hop(Some("192.0.2.2"), "eth-isp", 3)])
        },
        RouteView {
            internal: true,
            internal_flags: 13,
            installed_group_id: Some(25),
            ..route("1.1.1.0/24", P::Bgp, 200, 83, 60, vec![recursive, resolver])
        },
        RouteView {
            selected: false,
            state: RouteState::None,
            internal_status: 2,
            internal_flags: 0,
            installed_group_id: None,
            ..route("10.10.0.0/24", P::Bgp, 20, 82, 54, vec![inactive(false), inactive(true)])
        },
        route("10.10.0.0/24", P::Connected, 0, 90, 17, vec![hop(None, "lan0", 7)]),
        RouteView {
            selected: false,
            internal_flags: 0,
            installed_group_id: None,
            ..route("10.10.0.1/32", P::Local, 0, 87, 35, vec![hop(None, "vrrp4-lan0", 2)])
        },
        route("10.10.0.1/32", P::Connected, 0, 87, 35, vec![hop(None, "vrrp4-lan0", 2)]),
        route("10.20.30.40/32", P::Bgp, 20, 82, 56, vec![hop(Some("10.10.0.100"), "lan0", 7), duplicate]),
        RouteView {
            internal_flags: 13,
            internal: true,
            ..route("10.200.0.0/16", P::Bgp, 200, 85, 20, vec![blackhole])
        },
    ]
}

/// `show vrrp`.
pub fn vrrp() -> VrrpView {
    let family = |interface: &str, last: u8, primary: &str, adverts, announcements, addresses: &[&str]| {
        VrrpFamilyView {
            interface: interface.into(),
            vmac: [0, 0, 0x5e, 0, last, 0x0a],
            primary: Some(ip(primary)),
            state: VrrpState::Master,
            effective_priority: 200,
            master_interval: 1000,
            master_interval_stale: true,
            skew_time: 210,
            master_down_interval: 3210,
            adverts_sent: adverts,
            adverts_received: 0,
            announcements,
            transitions: 2,
            addresses: addresses.iter().map(|a| ip(a)).collect(),
        }
    };
    VrrpView {
        vrid: 10,
        version: 3,
        autoconfigured: false,
        shutdown: false,
        interface: "lan0".into(),
        preempt: true,
        accept: true,
        checksum_with_ipv4_pseudoheader: true,
        advertisement_interval: 1000,
        priority: 200,
        v4: family("vrrp4-lan0", 1, "10.10.0.2", 91, 1, &["10.10.0.1"]),
        v6: family("vrrp6-lan0", 2, "fe80::1", 90, 2, &["2001:db8:10::1", "fe80::1"]),
    }
}

/// `show interface lan0`.
pub fn lan0() -> InterfaceView {
    let address = |net: &str| InterfaceAddressView {
        net: net.parse().unwrap(),
        peer: None,
        secondary: false,
        unnumbered: false,
        no_prefix_route: false,
        label: None,
    };
    InterfaceView {
        name: "lan0".into(),
        vrf: "default".into(),
        description: Some("ovn uplink".into()),
        admin_up: true,
        oper_up: true,
        carrier_changes: 2,
        index: 7,
        mtu: 1500,
        mtu6: 1500,
        speed: 10000,
        txqlen: 1000,
        flags: "UP,LOWER_UP,BROADCAST,RUNNING,MULTICAST".into(),
        kind: "Ethernet".into(),
        mac: Some([0x1e, 0xcf, 0x73, 0xbc, 0x7e, 0x19]),
        addresses: ["10.10.0.2/24", "fe80::1ccf:73ff:febc:7e19/64", "2001:db8:10::2/64"]
            .map(address)
            .to_vec(),
        link_kind: "VETH".into(),
        parent_index: Some(8),
        ..InterfaceView::default()
    }
}

fn both_families(mut view: NeighborView) -> NeighborView {
    let families: Vec<Family> = view.families.iter().map(|f| f.family).collect();
    view.state = PeerState::Established;
    view.remote_router_id = v4("10.255.1.1");
    view.uptime = Some(104);
    view.established_epoch = Some(1_795_372_219);
    view.last_read = Some(4000);
    view.last_write = Some(4000);
    view.last_update = Some(101_000);
    view.connections_established = 1;
    view.read_on = true;
    view.write_on = true;
    view.rtt_ms = Some(4);
    view.fd = Some(30);
    view.capabilities = Some(Capabilities {
        four_octet_as: Direction::Both,
        extended_message: Direction::Both,
        add_path: families
            .iter()
            .map(|f| AddPathCapability {
                family: *f,
                send: Direction::None,
                receive: Direction::Both,
                limits: [Some(0); 2],
            })
            .collect(),
        long_lived_graceful_restart: Direction::Both,
        route_refresh: Direction::Both,
        enhanced_route_refresh: Direction::Both,
        families: families.iter().map(|f| (*f, Direction::Both)).collect(),
        hostname_sent: Some("edge1".into()),
        hostname_received: Some("isp".into()),
        graceful_restart: Direction::Both,
        graceful_restart_received: Some(ReceivedGracefulRestart {
            time: 120,
            restarted: true,
            notification: true,
            families: Vec::new(),
        }),
        ..Capabilities::default()
    });
    view.graceful_restart.remote_mode = "Helper".into();
    view.graceful_restart.r_bit = true;
    view.graceful_restart.n_bit = true;
    view.graceful_restart.received_time = 120;
    view.graceful_restart.families = families
        .iter()
        .map(|f| GracefulRestartFamily {
            family: *f,
            forwarding: false,
            eor_sent: true,
            eor_sent_after_update: true,
            eor_received: true,
            stalepath_time: 360,
            selection_deferral: Some(120),
            selection_deferral_remaining: Some(16),
            llgr_stale_time: 0,
        })
        .collect();
    view
}

fn base(name: &str, asn: u32) -> NeighborView {
    let mut view = NeighborView::new(id(name));
    view.remote_as = asn;
    view.local_as = 65001;
    view.kind = if asn == 65001 { PeerKind::Internal } else { PeerKind::External };
    view.local_router_id = v4("10.255.0.1");
    view.graceful_restart.local_mode = "Restart*".into();
    view.last_reset = LastReset {
        age: Some(108),
        code: 27,
        reason: "No path to specified Neighbor".into(),
        ..LastReset::default()
    };
    view
}

/// Four neighbours: a provider, a host, a router of ours, and one that never came up.
pub fn neighbors() -> Vec<NeighborView> {
    vec![provider(), host(), brother(), never_up()]
}

fn provider() -> NeighborView {
    let mut view = base("192.0.2.2", 64500);
    let mut family = NeighborFamilyView::new(Family::Ipv4Unicast);
    family.update_group = Some((1, 1));
    family.soft_reconfiguration = true;
    family.policy_in = PathPolicy::Configured;
    family.policy_out = PathPolicy::Configured;
    family.prefix_list_in = Some("ANY4".into());
    family.route_map_in = Some("ISP-IN".into());
    family.route_map_out = Some("ISP-OUT".into());
    family.accepted = 3;
    family.sent = Some(2);
    view.families = vec![family];
    let mut view = both_families(view);
    view.description = Some("transit-v4".into());
    view.hostname = Some("isp".into());
    view.hold_time = 30;
    view.keepalive = 10;
    view.configured_hold_time = 30;
    view.configured_keepalive = 10;
    view.tcp_mss = 1460;
    view.connect_retry = 5;
    view.authentication = true;
    view.messages = MessageStats {
        opens: SentReceived { sent: 1, received: 1 },
        updates: SentReceived { sent: 3, received: 6 },
        keepalives: SentReceived { sent: 11, received: 11 },
        ..MessageStats::default()
    };
    view.prefix_stats.as_path_loop = 6;
    view.endpoint = Some(EndpointView {
        local: ip("192.0.2.1"),
        local_port: 35012,
        remote: ip("192.0.2.2"),
        remote_port: 179,
        nexthop: v4("192.0.2.1"),
        nexthop_global: "2001:db8:0:1::1".parse().unwrap(),
        nexthop_local: "fe80::a0dc:8fff:fe72:d91d".parse().unwrap(),
        shared_network: true,
    });
    view
}

fn host() -> NeighborView {
    let mut view = base("10.10.0.100", 65101);
    view.families = Family::ALL
        .map(|family| {
            let mut f = NeighborFamilyView::new(family);
            f.peer_group = Some("HV".into());
            f.update_group = Some((4, 4));
            f.policy_in = PathPolicy::Configured;
            f.policy_out = PathPolicy::Configured;
            f.route_map_in = Some("HV-IN".into());
            f.route_map_out = Some("PERMIT".into());
            f.sent = Some(8);
            if family == Family::Ipv4Unicast {
                f.soft_reconfiguration = true;
                f.default_originate = true;
                f.default_sent = true;
                f.maximum_prefix = Some(1000);
                f.maximum_prefix_threshold = 90;
                f.maximum_prefix_restart = Some(300);
            }
            f
        })
        .to_vec();
    let mut view = both_families(view);
    view.hostname = Some("hv".into());
    view.peer_group = Some("HV".into());
    if let Some(capabilities) = &mut view.capabilities {
        capabilities.dynamic = Direction::Received;
        capabilities.software_received = Some("FRRouting/10.8.0-dev".into());
    }
    view.software_version = Some("FRRouting/10.8.0-dev".into());
    view.endpoint = provider().endpoint;
    view.bfd = Some(BfdView {
        multihop: false,
        multiplier: 3,
        rx_interval: 300,
        tx_interval: 300,
        status: "Up".into(),
        age: 82,
    });
    view
}

fn brother() -> NeighborView {
    let mut view = base("10.255.0.2", 65001);
    view.families = Family::ALL
        .map(|family| {
            let mut f = NeighborFamilyView::new(family);
            f.update_group = Some((7, 7));
            f.next_hop_self = true;
            f.sent = Some(10);
            f.addpath_tx = (family == Family::Ipv4Unicast).then_some(AddPathTx::All);
            f
        })
        .to_vec();
    let mut view = both_families(view);
    view.hostname = Some("edge2".into());
    view.update_source = Some("lo".into());
    view.max_hops = 255;
    if let Some(capabilities) = &mut view.capabilities {
        capabilities.dynamic = Direction::Received;
        capabilities.software_received = Some("FRRouting/10.8.0-dev".into());
        capabilities.add_path.iter_mut().for_each(|c| c.send = Direction::Advertised);
    }
    view.software_version = Some("FRRouting/10.8.0-dev".into());
    view.endpoint = provider().endpoint;
    view
}

fn never_up() -> NeighborView {
    let mut view = base("10.10.0.254", 65254);
    let mut family = NeighborFamilyView::new(Family::Ipv4Unicast);
    family.policy_in = PathPolicy::Missing;
    family.policy_out = PathPolicy::Missing;
    view.families = vec![family];
    view.state = PeerState::Active;
    view.description = Some("never-up".into());
    view.last_read = Some(109_000);
    view.connect_retry = 120;
    view.next_timer = Some(NextTimer::Connect(114_000));
    view.endpoint = Some(EndpointView {
        local: ip("10.10.0.2"),
        local_port: 42318,
        remote: ip("10.10.0.254"),
        remote_port: 179,
        nexthop: Ipv4Addr::UNSPECIFIED,
        nexthop_global: std::net::Ipv6Addr::UNSPECIFIED,
        nexthop_local: std::net::Ipv6Addr::UNSPECIFIED,
        shared_network: false,
    });
    view
}

/// Validated ROA payloads.
pub fn vrps() -> Vec<rib::Vrp> {
    let vrp = |prefix: &str, max_len, asn| rib::Vrp {
        prefix: prefix.parse().unwrap(),
        max_len,
        asn: bgp::types::Asn(asn),
    };
    vec![vrp("192.0.2.0/24", 24, 64500), vrp("198.51.100.0/22", 24, 64501), vrp("2001:db8::/32", 48, 64501)]
}

/// A prefix with the reasons for what it is: its first path is the best, the others lost to it.
pub fn why(prefix: PrefixView) -> WhyView {
    use rib::best::{Measure, Reason, Step};
    use rib::why::{Hindrance, Kernel, Standing};
    let step = Step {
        reason: Reason::LocalPref,
        winner: Measure::Number(100),
        loser: Measure::Number(90),
        decided: true,
    };
    let standing = |at| match at {
        0 => Standing::Best,
        _ => Standing::Lost { to: 0, steps: vec![step] },
    };
    let way =
        WayView { usable: true, connected: true, hops: vec![(None, "lan0".into())], ..WayView::default() };
    let path = |at| PathWhyView { standing: standing(at), way: way.clone(), import: None, received: None };
    let neighbor = NeighborWhyView {
        id: id("192.0.2.2"),
        state: "Established",
        up: true,
        session: true,
        has_path: false,
        kept: false,
        refused: 2,
        refusal: Some(("our own AS is in the path".into(), UPDATED)),
        would_refuse: None,
        told: Vec::new(),
        not_told: vec![NotToldView { path: 0, why: Some(Hindrance::Source), export: None }],
        pending: false,
        held: false,
    };
    WhyView {
        paths: (0..prefix.paths.len()).map(path).collect(),
        prefix,
        neighbors: vec![neighbor],
        kernel: KernelView {
            verdict: Kernel::NoBest,
            by: None,
            install: Vec::new(),
            route: None,
            selected: None,
            waits: false,
        },
        changes: events(),
    }
}

/// Something that happened.
pub fn events() -> Vec<EventView> {
    let event = |kind, subject: &str, what: &str| EventView {
        epoch_ms: UPDATED * 1000 + 520,
        kind,
        subject: subject.into(),
        what: what.into(),
        cause: Some("withdrawn".into()),
    };
    vec![event(EventKind::Bgp, "192.0.2.2", "session down"), event(EventKind::Route, "1.1.1.0/24", "no path")]
}
