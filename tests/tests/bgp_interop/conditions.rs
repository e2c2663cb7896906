//! What is told on a condition of the table, and what is about to go: held against an FRR with the same configuration.

use router_tests::lab::{Lab, Node};
use router_tests::peers::Frr;
use serde_json::Value;

use crate::common::*;

/// R with neighbours X and Y on a switch.
fn scene() -> (Lab, [Node; 3]) {
    let lab = Lab::new();
    let nodes = ["r", "x", "y"].map(|n| lab.node(n));
    let [r, x, y] = &nodes;
    lab.bridge(
        "lan",
        &[(r, "eth0", &["10.0.0.1/24"]), (x, "eth0", &["10.0.0.2/24"]), (y, "eth0", &["10.0.0.3/24"])],
    );
    (lab, nodes)
}

fn neighbor(me: u8, asn: u32) -> String {
    bgp(
        asn,
        &format!("10.0.0.{me}"),
        " neighbor 10.0.0.1 remote-as 65001\n neighbor 10.0.0.1 timers connect 1",
    )
}

fn conf(asns: [u32; 2], networks: &str, lines: &str) -> String {
    let maps = "ip prefix-list TOLD permit 172.16.0.0/12 le 32\nip prefix-list ASKED permit 10.0.0.0/8 le 32\n\
        route-map TOLD permit 10\n match ip address prefix-list TOLD\n set metric 77\nexit\n\
        route-map ASKED permit 10\n match ip address prefix-list ASKED\n set metric 9\nexit\n";
    let [x, y] = asns;
    let lines = format!(
        " bgp conditional-advertisement timer 5\n neighbor 10.0.0.2 remote-as {x}\n neighbor 10.0.0.3 remote-as {y}\n \
         neighbor 10.0.0.2 timers connect 1\n neighbor 10.0.0.3 timers connect 1\n \
         address-family ipv4 unicast\n{networks}{lines} exit-address-family"
    );
    maps.to_owned() + &bgp(65001, "10.0.0.1", &lines)
}

/// Prefixes with their metrics at a neighbour.
fn held(frr: &Frr) -> Vec<(String, Option<u64>)> {
    let table = frr.json("show bgp ipv4 unicast json");
    let routes = table["routes"].as_object().into_iter().flatten();
    routes.map(|(net, paths)| (net.clone(), paths[0]["metric"].as_u64())).collect()
}

#[test]
fn routes_on_a_condition_come_and_go_as_with_frr() {
    const ALWAYS: &str = "  network 172.16.0.0/16\n  network 192.0.2.0/24\n";
    const LINES: &str = "  neighbor 10.0.0.2 advertise-map TOLD non-exist-map ASKED\n  \
        neighbor 10.0.0.3 advertise-map TOLD exist-map ASKED\n  neighbor 10.0.0.3 default-originate route-map ASKED\n";
    for ours in [true, false] {
        let (_lab, [r, x, y]) = scene();
        let with = conf([65002, 65003], &format!("{ALWAYS}  network 10.1.0.0/16\n"), LINES);
        let without = conf([65002, 65003], ALWAYS, LINES);
        let router = Either::start(&r, ours, &with);
        let (x, y) = (Frr::start(&x, &neighbor(2, 65002)), Frr::start(&y, &neighbor(3, 65003)));
        let at = |net: &str, metric: u64| (net.to_owned(), Some(metric));
        let present = [
            vec![at("10.1.0.0/16", 0), at("192.0.2.0/24", 0)],
            vec![at("0.0.0.0/0", 9), at("10.1.0.0/16", 0), at("172.16.0.0/16", 77), at("192.0.2.0/24", 0)],
        ];
        let absent = [vec![at("172.16.0.0/16", 77), at("192.0.2.0/24", 0)], vec![at("192.0.2.0/24", 0)]];
        let sorted = |frr: &Frr| {
            let mut held = held(frr);
            held.sort();
            held
        };
        let family = "router bgp 65001\naddress-family ipv4 unicast\n";
        until(&format!("what the condition lets go, ours: {ours}"), || [sorted(&x), sorted(&y)] == present);
        let shown = |n: u8| router.vtysh(&format!("show bgp neighbors 10.0.0.{n}"));
        assert!(
            shown(2)
                .contains("Condition NON_EXIST, Condition-map *ASKED, Advertise-map *TOLD, status: Withdraw")
        );
        assert!(
            shown(3)
                .contains("Condition EXIST, Condition-map *ASKED, Advertise-map *TOLD, status: Advertise")
        );
        assert!(shown(3).contains("Default information originate, default route-map *ASKED, default sent"));
        router.reload(&without, &format!("{family}no network 10.1.0.0/16"));
        until("what it lets go without the route", || [sorted(&x), sorted(&y)] == absent);
        let json: Value = serde_json::from_str(&router.vtysh("show bgp neighbors 10.0.0.2 json")).unwrap();
        let map = &json["10.0.0.2"]["addressFamilyInfo"]["ipv4Unicast"]["advertiseMap"];
        assert_eq!((&map["condition"], &map["advertiseStatus"]), (&"NON_EXIST".into(), &"Advertise".into()));
        router.reload(&with, &format!("{family}network 10.1.0.0/16"));
        until("the route to be back", || [sorted(&x), sorted(&y)] == present);
    }
}

#[test]
fn a_graceful_shutdown_is_told_as_frr_tells_it() {
    for ours in [true, false] {
        let (_lab, [r, x, y]) = scene();
        let networks = "  network 198.51.100.0/24\n";
        let normal = conf([65002, 65001], networks, "");
        let shutdown = normal.replace(" bgp conditional", " bgp graceful-shutdown\n bgp conditional");
        let router = Either::start(&r, ours, &normal);
        let feed = format!(
            "router bgp 65002\n address-family ipv4 unicast\n  network {THEIRS}\n exit-address-family\nexit\n"
        );
        let x = Frr::start(&x, &(neighbor(2, 65002) + &feed));
        let y = Frr::start(&y, &neighbor(3, 65001));
        let says = |frr: &Frr, net: &str| {
            let path = frr.path(net).unwrap_or_default();
            (path["locPrf"].as_u64(), path["community"]["string"].as_str().map(str::to_owned))
        };
        let mark = || Some("graceful-shutdown".to_owned());
        until("routes", || {
            says(&y, THEIRS) == (Some(100), None) && says(&x, OURS) == (None, None) && x.path(OURS).is_some()
        });
        router.reload(&shutdown, "router bgp 65001\nbgp graceful-shutdown");
        until("the last resort inside", || {
            says(&y, THEIRS) == (Some(0), mark()) && says(&y, OURS) == (Some(0), mark())
        });
        // It is received with the community, so its LOCAL_PREF becomes 0 there, too.
        until("the last resort outside", || says(&x, OURS) == (Some(0), mark()));
        router.reload(&normal, "router bgp 65001\nno bgp graceful-shutdown");
        until("routes as before", || {
            says(&y, THEIRS) == (Some(100), None)
                && says(&y, OURS) == (Some(100), None)
                && says(&x, OURS) == (None, None)
        });
    }
}
