//! What is told and taken: policies, next hops, redistribution, several paths, refresh.

use std::time::Duration;

use router_tests::kernel;
use router_tests::lab::Lab;
use router_tests::peers::{Bird, Frr, Router};
use router_tests::wait::stays;

use crate::common::*;

const ONE: &str = "10.0.0.1";
const TWO: &str = "10.0.0.2";

/// A FRR that announces three prefixes and takes what it gets.
fn source() -> String {
    bgp(
        65002,
        TWO,
        " neighbor 10.0.0.1 remote-as 65001\n neighbor 10.0.0.1 timers connect 1\n address-family ipv4 unicast\n  \
         network 203.0.113.0/24\n  network 203.0.114.0/24\n  network 203.0.115.0/25\n exit-address-family",
    )
}

/// R with policy lines in its IPv4 family, and what stands behind.
fn filtered(family: &str, rest: &str) -> String {
    bgp(
        65001,
        ONE,
        &format!(
            " neighbor 10.0.0.2 remote-as 65002\n neighbor 10.0.0.2 timers connect 1\n address-family ipv4 unicast\n  \
             network {OURS}\n  network 198.51.101.0/24\n{family} exit-address-family"
        ),
    ) + rest
}

fn has(node: &router_tests::Node, prefix: &str) -> bool {
    kernel::of(node, prefix, kernel::BGP).is_some()
}

#[test]
fn prefix_lists_choose_what_is_taken_and_what_is_told() {
    let lab = two();
    let lists = "ip prefix-list IN seq 5 permit 203.0.112.0/20 le 24\nip prefix-list IN seq 10 deny any\n\
                 ip prefix-list OUT seq 5 permit 198.51.101.0/24\n";
    let family = "  neighbor 10.0.0.2 prefix-list IN in\n  neighbor 10.0.0.2 prefix-list OUT out\n";
    let _router = Router::start(&lab.r, &filtered(family, lists));
    let frr = Frr::start(&lab.p, &source());
    until("two prefixes", || has(&lab.r, "203.0.113.0/24") && has(&lab.r, "203.0.114.0/24"));
    until("one prefix at FRR", || frr.path("198.51.101.0/24").is_some());
    assert!(!has(&lab.r, "203.0.115.0/25"));
    assert!(frr.path(OURS).is_none());
}

#[test]
fn route_maps_set_attributes_in_both_directions() {
    let lab = two();
    let maps = "ip prefix-list SOME seq 5 permit 203.0.113.0/24\nbgp community-list standard DROP permit 65002:666\n\
                route-map IN deny 5\n match community DROP\nexit\n\
                route-map IN permit 10\n match ip address prefix-list SOME\n set local-preference 250\n \
                set community 65001:1 additive\nexit\nroute-map IN permit 20\nexit\n\
                route-map OUT permit 10\n set metric 77\n set as-path prepend 65001 65001\n \
                set community 65001:2 65001:3\n set large-community 65001:4:5\n set origin incomplete\nexit\n";
    let family = "  neighbor 10.0.0.2 route-map IN in\n  neighbor 10.0.0.2 route-map OUT out\n";
    let router = Router::start(&lab.r, &filtered(family, maps));
    let source = source().replace("network 203.0.114.0/24", "network 203.0.114.0/24 route-map BAD")
        + "route-map BAD permit 10\n set community 65002:666\nexit\n";
    let frr = Frr::start(&lab.p, &source);
    until("our prefix at FRR", || frr.path(OURS).is_some());
    let path = frr.path(OURS).unwrap();
    assert_eq!(path["aspath"]["string"], "65001 65001 65001");
    assert_eq!(path["metric"], 77);
    assert_eq!(path["origin"], "incomplete");
    assert_eq!(path["community"]["string"], "65001:2 65001:3");
    assert_eq!(path["largeCommunity"]["string"], "65001:4:5");
    until("the prefixes that pass", || has(&lab.r, "203.0.113.0/24") && has(&lab.r, "203.0.115.0/25"));
    assert!(!has(&lab.r, "203.0.114.0/24"), "a prefix that the route-map denies");
    // Local preference is only seen from inside; a policy that needs it shows that it is there.
    assert!(router.established(TWO));
}

#[test]
fn nothing_passes_between_ases_without_policy_unless_told_so() {
    let lab = two();
    let strict = filtered("", "").replace(" no bgp ebgp-requires-policy\n", "");
    let router = Router::start(&lab.r, &strict);
    let frr = Frr::start(&lab.p, &source());
    until("a session", || router.established(TWO) && frr.established(ONE));
    stays(Duration::from_secs(2), "nothing passes", || {
        kernel::count(&lab.r, kernel::BGP) == 0 && frr.path(OURS).is_none()
    });
    let family = "  neighbor 10.0.0.2 route-map ALL in\n  neighbor 10.0.0.2 route-map ALL out\n";
    let open =
        filtered(family, "route-map ALL permit 10\nexit\n").replace(" no bgp ebgp-requires-policy\n", "");
    router.reload(&open);
    until("everything passes", || kernel::count(&lab.r, kernel::BGP) == 3 && frr.path(OURS).is_some());
    assert_eq!(frr.neighbor(ONE)["connectionsEstablished"], 1, "policy took a new session");
}

#[test]
fn static_and_connected_routes_are_redistributed() {
    let lab = two();
    lab.r.address("lo", &["192.0.2.1/32", "2001:db8:ff::1/128"]);
    let config = ours(65001, 65002, &[])
        .replace(
            "  network 198.51.100.0/24\n",
            "  redistribute connected route-map CONN\n  redistribute static\n",
        )
        .replace(
            "  network 2001:db8:a::/48\n",
            "  redistribute connected\n  redistribute static metric 42\n",
        )
        + "ip route 198.51.7.0/24 10.0.0.2\nip route 198.51.8.0/24 blackhole\nipv6 route 2001:db8:77::/48 blackhole\n\
           ip prefix-list LO seq 5 permit 192.0.2.0/24 ge 32\n\
           route-map CONN permit 10\n match ip address prefix-list LO\n set metric 9\nexit\n";
    let router = Router::start(&lab.r, &config);
    let frr = Frr::start(&lab.p, &theirs(65002, 65001, &[]));
    for (prefix, metric) in [
        ("192.0.2.1/32", 9),
        ("198.51.7.0/24", 0),
        ("198.51.8.0/24", 0),
        ("2001:db8:ff::1/128", 0),
        ("2001:db8:77::/48", 42),
    ] {
        until(prefix, || frr.path(prefix).is_some());
        let path = frr.path(prefix).unwrap();
        assert_eq!(path["origin"], "incomplete", "{prefix}");
        assert_eq!(path["metric"].as_u64().unwrap_or(0), metric, "{prefix}");
        assert_eq!(path["aspath"]["string"], "65001", "{prefix}");
    }
    assert!(frr.path("10.0.0.0/24").is_none(), "a connected network that the route-map denies");
    // What is no longer there is withdrawn.
    lab.r.ip("addr del 192.0.2.1/32 dev lo");
    until("the address's prefix to be withdrawn", || frr.path("192.0.2.1/32").is_none());
    router.reload(&config.replace("ip route 198.51.7.0/24 10.0.0.2\n", ""));
    until("the static route's prefix to be withdrawn", || frr.path("198.51.7.0/24").is_none());
    assert_eq!(frr.neighbor(ONE)["connectionsEstablished"], 1);
}

#[test]
fn a_network_is_told_only_while_the_table_has_it() {
    let lab = two();
    let base = filtered("", "").replace(" no bgp network import-check\n", " bgp network import-check\n");
    let router = Router::start(&lab.r, &base);
    let frr = Frr::start(&lab.p, &source());
    until("a session", || router.established(TWO) && frr.established(ONE));
    stays(Duration::from_secs(2), "nothing to tell", || frr.path(OURS).is_none());
    router.reload(&(base.clone() + &format!("ip route {OURS} blackhole\n")));
    until("the network at FRR", || frr.path(OURS).is_some());
    router.reload(&base);
    until("the network to go", || frr.path(OURS).is_none());
}

/// E of another AS, R, and I of our AS: what R tells I as next hop.
#[test]
fn next_hop_self_puts_us_in_the_place_of_the_external_next_hop() {
    let lab = Lab::new();
    let (e, r, i) = (lab.node("e"), lab.node("r"), lab.node("i"));
    lab.link((&e, "eth0", &["10.0.0.2/24"]), (&r, "eth0", &["10.0.0.1/24"]));
    lab.link((&r, "eth1", &["10.9.0.1/24"]), (&i, "eth0", &["10.9.0.2/24"]));
    let config = |nhs: &str| {
        bgp(
            65001,
            ONE,
            &format!(
                " neighbor 10.0.0.2 remote-as 65002\n neighbor 10.0.0.2 timers connect 1\n \
                 neighbor 10.9.0.2 remote-as 65001\n neighbor 10.9.0.2 timers connect 1\n \
                 address-family ipv4 unicast\n{nhs} exit-address-family"
            ),
        )
    };
    let router = Router::start(&r, &config(""));
    let _outside = Frr::start(&e, &source());
    let inside =
        bgp(65001, "10.9.0.2", " neighbor 10.9.0.1 remote-as 65001\n neighbor 10.9.0.1 timers connect 1");
    let inside = Frr::start(&i, &(inside + "ip route 10.0.0.0/24 10.9.0.1\n"));
    let hop = |want: &str| {
        inside.path("203.0.113.0/24").is_some_and(|p| p["nexthops"][0]["ip"] == want && p["valid"] == true)
    };
    until("the external next hop", || hop("10.0.0.2"));
    router.reload(&config("  neighbor 10.9.0.2 next-hop-self\n"));
    until("our address as next hop", || hop("10.9.0.1"));
    assert_eq!(inside.neighbor("10.9.0.1")["connectionsEstablished"], 1);
    let path = inside.path("203.0.113.0/24").unwrap();
    assert_eq!(path["aspath"]["string"], "65002");
    assert_eq!(path["localPref"].as_u64().or(path["locPrf"].as_u64()), Some(100));
}

/// Two routers on one network announce the same prefix.
#[test]
fn equal_paths_share_the_load_and_one_takes_over_when_the_other_dies() {
    let lab = Lab::new();
    let (r, a, b) = (lab.node("r"), lab.node("a"), lab.node("b"));
    lab.bridge(
        "sw",
        &[(&r, "eth0", &["10.0.0.1/24"]), (&a, "eth0", &["10.0.0.2/24"]), (&b, "eth0", &["10.0.0.3/24"])],
    );
    let config = |paths: u8| {
        bgp(
            65001,
            ONE,
            &format!(
                " neighbor 10.0.0.2 remote-as 65002\n neighbor 10.0.0.2 timers connect 1\n \
                 neighbor 10.0.0.3 remote-as 65002\n neighbor 10.0.0.3 timers connect 1\n \
                 bgp bestpath compare-routerid\n address-family ipv4 unicast\n  maximum-paths {paths}\n exit-address-family"
            ),
        )
    };
    let router = Router::start(&r, &config(4));
    let _frr = Frr::start(&a, &source());
    let conf = "router id 10.0.0.3;\nlog stderr all;\nprotocol device {}\n\
                protocol static s4 { ipv4; route 203.0.113.0/24 blackhole; }\n\
                protocol bgp v4 { local 10.0.0.3 as 65002; neighbor 10.0.0.1 as 65001; connect delay time 1; \
                connect retry time 1; ipv4 { import all; export all; next hop self; }; }\n";
    let mut bird = Bird::start(&b, conf);
    // FRR tells MED 0 where BIRD tells none: the same.
    wait_gateways(&r, "203.0.113.0/24", &["10.0.0.2", "10.0.0.3"]);
    wait_gateways(&r, "203.0.114.0/24", &["10.0.0.2"]);
    router.reload(&config(1));
    wait_gateways(&r, "203.0.113.0/24", &["10.0.0.2"]);
    router.reload(&config(4));
    wait_gateways(&r, "203.0.113.0/24", &["10.0.0.2", "10.0.0.3"]);
    bird.kill();
    wait_gateways(&r, "203.0.113.0/24", &["10.0.0.2"]);
    // The network between is the next hop's: a longer path loses.
    let longer = conf.replace("export all;", "export filter { bgp_path.prepend(65002); accept; };");
    let _bird = Bird::start(&b, &longer);
    until("the session with BIRD", || router.established("10.0.0.3"));
    stays(Duration::from_secs(1), "one path", || {
        kernel::gateways(&r, "203.0.113.0/24", kernel::BGP) == ["10.0.0.2"]
    });
}

#[test]
fn frr_asks_for_our_routes_again_and_gets_them() {
    let lab = two();
    let router = Router::start(&lab.r, &filtered("", ""));
    let frr = Frr::start(&lab.p, &source());
    until("our prefix", || frr.path(OURS).is_some());
    let updates = || frr.neighbor(ONE)["messageStats"]["updatesRecv"].as_u64().unwrap_or(0);
    let before = updates();
    frr.vtysh(&format!("clear bgp ipv4 unicast {ONE} in")).unwrap();
    until("our routes again", || updates() > before);
    assert_eq!(frr.neighbor(ONE)["connectionsEstablished"], 1);
    assert!(frr.path(OURS).is_some() && router.established(TWO));
}

#[test]
fn another_import_policy_takes_effect_without_a_new_session() {
    let lab = two();
    let map = |deny: &str| {
        format!(
            "ip prefix-list P seq 5 permit {deny}\nroute-map IN deny 5\n match ip address prefix-list P\nexit\nroute-map IN permit 10\nexit\n"
        )
    };
    let family = "  neighbor 10.0.0.2 route-map IN in\n";
    let router = Router::start(&lab.r, &filtered(family, &map("203.0.113.0/24")));
    let frr = Frr::start(&lab.p, &source());
    until("the rest", || has(&lab.r, "203.0.114.0/24") && has(&lab.r, "203.0.115.0/25"));
    // FRR drops a request that comes before its own End-of-RIB.
    until("FRR's End-of-RIB", || router.get("/readyz").is_ok());
    assert!(!has(&lab.r, "203.0.113.0/24"));
    router.reload(&filtered(family, &map("203.0.114.0/24")));
    until("the other rest", || has(&lab.r, "203.0.113.0/24") && !has(&lab.r, "203.0.114.0/24"));
    let neighbor = frr.neighbor(ONE);
    assert_eq!(neighbor["connectionsEstablished"], 1);
    assert_eq!(neighbor["messageStats"]["routeRefreshRecv"], 1, "what was refused has to be asked for");
}
