//! Lists, route-maps and what they decide about, held against an FRR with the same lines where it knows them.

use std::collections::BTreeSet;

use router_tests::peers::{Frr, Router};
use serde_json::Value;

use crate::common::*;

fn json(text: &str) -> Value {
    serde_json::from_str(text.trim()).unwrap_or(Value::Null)
}

#[test]
fn a_policy_decides_over_which_routes_next_hops_are_reached() {
    for ours in [true, false] {
        let (_lab, [r, x]) = lan(["r", "x"]);
        let maps = "route-map NOSTATIC deny 10\n match source-protocol static\nexit\nroute-map NOSTATIC permit 20\nexit\n";
        let head = format!("ip route 192.0.2.0/24 10.0.0.2\n{maps}");
        let lines = " neighbor 10.0.0.2 remote-as 65001\n neighbor 10.0.0.2 timers connect 1";
        let conf = |nht: &str| format!("{head}{nht}{}", bgp(65001, "10.0.0.1", lines));
        let router = Either::start(&r, ours, &conf(""));
        let feed = format!(
            " neighbor 10.0.0.1 remote-as 65001\n neighbor 10.0.0.1 timers connect 1\n \
             address-family ipv4 unicast\n  network {THEIRS} route-map FAR\n exit-address-family"
        );
        let far = "route-map FAR permit 10\n set ip next-hop 192.0.2.7\nexit\n";
        let feeder = Frr::start(&x, &format!("{far}{}", bgp(65001, "10.0.0.2", &feed)));
        let path =
            || json(&router.vtysh(&format!("show bgp ipv4 unicast {THEIRS} json")))["paths"][0].clone();
        let clients = || {
            let text = router.vtysh("show ip nht");
            let after = text.lines().skip_while(|l| !l.starts_with("192.0.2.7"));
            after.map(str::to_owned).find(|l| l.starts_with(" Client list:")).unwrap_or_default()
        };
        until("the path to be usable", || path()["valid"] == true && !clients().contains("(filtered)"));
        wait_gateways(&r, THEIRS, &["10.0.0.2"]);
        router.reload(&conf("ip nht bgp route-map NOSTATIC\n"), "ip nht bgp route-map NOSTATIC");
        until("the policy to bite", || path()["valid"] != true && clients().contains("bgp(fd"));
        assert!(clients().contains("(filtered)"), "ours {ours}: {}", clients());
        wait_gone(&r, THEIRS);
        let running = router.vtysh("show running-config");
        assert!(running.contains("ip nht bgp route-map NOSTATIC"), "{running}");
        router.reload(
            &conf("ip nht any route-map GONE\n"),
            "no ip nht bgp route-map NOSTATIC\nip nht any route-map GONE",
        );
        until("the path again: a route-map that is not there permits", || path()["valid"] == true);
        wait_gateways(&r, THEIRS, &["10.0.0.2"]);
        router.reload(
            &conf("ip nht any route-map NOSTATIC\n"),
            "no ip nht any route-map GONE\nip nht any route-map NOSTATIC",
        );
        until("that of all protocols to bite", || path()["valid"] != true);
        assert_eq!(feeder.neighbor("10.0.0.1")["connectionsEstablished"], 1, "ours {ours}");
    }
}

/// Lines of access-lists of all kinds; the route-map `Rn` asks the list n.
const LISTS: &str = "access-list 10 permit 10.3.1.2 0.0.255.255
access-list 13 permit 10.4.4.4
access-list 14 permit 10.0.0.0 0.0.255.255
access-list 15 deny host 10.1.0.0
access-list 15 permit 10.1.0.0/16
access-list 15 permit 10.2.0.0/16 exact-match
access-list 15 deny any
access-list 100 permit ip 10.1.0.0 0.0.255.255 any
access-list 103 permit ip 10.1.0.0 0.0.255.255 255.255.255.0 0.0.0.255
access-list 104 deny ip host 10.3.5.0 any
access-list 104 permit ip any host 255.255.255.0
access-list 105 permit ip 10.0.0.0 0.255.255.255 255.255.0.0 0.0.255.0
access-list 106 permit ip any 255.255.1.1 0.0.255.255
";

#[test]
fn access_lists_permit_what_they_do_in_frr_and_look_the_same() {
    let (_lab, [r, x]) = lan(["r", "x"]);
    let numbers = ["10", "13", "14", "15", "100", "103", "104", "105", "106"];
    let maps: String =
        numbers.map(|n| format!("route-map R{n} permit 10\n match ip address {n}\nexit\n")).concat();
    let networks = [
        "10.0.0.0/8",
        "10.1.0.0/16",
        "10.1.2.0/24",
        "10.1.128.0/25",
        "10.2.0.0/16",
        "10.3.5.0/24",
        "10.4.4.4/30",
        "10.4.4.4/32",
    ];
    let lines: String = networks.map(|n| format!("  network {n}\n")).concat();
    let lines = format!(" address-family ipv4 unicast\n{lines} exit-address-family");
    let conf = |id: &str| format!("{LISTS}{maps}{}", bgp(65001, id, &lines));
    let both = [Either::start(&r, true, &conf("10.0.0.1")), Either::start(&x, false, &conf("10.0.0.2"))];
    for router in &both {
        let all = || router.vtysh("show bgp ipv4 unicast json");
        until("all networks", || networks.iter().all(|n| all().contains(&format!("\"{n}\""))));
    }
    let mut permitted = BTreeSet::new();
    for number in numbers {
        let [ours, theirs] = both.each_ref().map(|router| {
            let text = router.vtysh(&format!("show bgp ipv4 unicast route-map R{number}"));
            let nets = text.lines().filter(|l| l.starts_with(" *") || l.starts_with('*'));
            nets.filter_map(|l| l.split_whitespace().find(|w| w.contains('/')).map(str::to_owned))
                .collect::<BTreeSet<_>>()
        });
        assert_eq!(ours, theirs, "access-list {number}");
        permitted.insert(ours);
    }
    assert!(permitted.len() > 3, "too alike to tell anything: {permitted:?}");
    // Each daemon of FRR prints them all.
    let of_one = |text: String| {
        let lists = text.lines().skip_while(|l| *l != "BGP:").skip(1).map(str::trim_end);
        lists.map(str::to_owned).collect::<Vec<_>>()
    };
    let [ours, theirs] = both.each_ref().map(|router| of_one(router.vtysh("show ip access-list")));
    assert!(ours.len() > numbers.len());
    assert_eq!(ours, theirs);
    let [ours, theirs] = both.each_ref().map(|router| {
        let text = router.vtysh("show running-config");
        text.lines().filter(|l| l.starts_with("access-list")).map(str::to_owned).collect::<BTreeSet<_>>()
    });
    assert_eq!(ours, theirs);
}

#[test]
fn a_high_med_is_told_for_some_seconds_after_a_start() {
    for ours in [true, false] {
        let (_lab, [r, x]) = lan(["r", "x"]);
        let lines = format!(
            " bgp max-med on-startup 8\n neighbor 10.0.0.2 remote-as 65002\n neighbor 10.0.0.2 timers connect 1\n \
             address-family ipv4 unicast\n  network {OURS}\n exit-address-family"
        );
        let router = Either::start(&r, ours, &bgp(65001, "10.0.0.1", &lines));
        let one = " neighbor 10.0.0.1 remote-as 65001\n neighbor 10.0.0.1 timers connect 1";
        let listener = Frr::start(&x, &bgp(65002, "10.0.0.2", one));
        let med = || listener.path(OURS).map(|p| p["metric"].as_u64().unwrap_or(0));
        until("the high MED", || med() == Some(4_294_967_294));
        let said = || router.vtysh("show bgp ipv4 unicast summary").contains("Max-med on-startup active");
        assert!(said(), "ours {ours}");
        // FRR 8.4 says that the time is over, but does not tell its neighbours.
        if ours {
            until("the usual one", || med() == Some(0));
            assert!(!said());
        }
        assert_eq!(listener.neighbor("10.0.0.1")["connectionsEstablished"], 1);
    }
}

#[test]
fn paths_with_our_own_as_pass_by_policy_and_others_by_their_length_and_source() {
    let (_lab, [r, x, y]) = lan(["r", "x", "y"]);
    let maps = "bgp community-list standard GOOD permit 65002:1\n\
        route-map LOOPS permit 10\n match community GOOD\nexit\n\
        route-map SHORT permit 10\n match as-path-count 3\nexit\n\
        route-map OUT deny 10\n match src-peer 10.0.0.2\n match community GOOD\nexit\nroute-map OUT permit 20\nexit\n";
    let lines = |out: &str| {
        format!(
            " neighbor 10.0.0.2 remote-as 65002\n neighbor 10.0.0.2 timers connect 1\n \
             neighbor 10.0.0.3 remote-as 65003\n neighbor 10.0.0.3 timers connect 1\n \
             address-family ipv4 unicast\n  neighbor 10.0.0.2 allowas-in route-map LOOPS\n  \
             neighbor 10.0.0.2 route-map SHORT in\n{out} exit-address-family"
        )
    };
    let conf = |out: &str| format!("{maps}{}", bgp(65001, "10.0.0.1", &lines(out)));
    let router = Router::start(&r, &conf(""));
    // Good, looped without being so, and too long.
    let feed = " neighbor 10.0.0.1 remote-as 65001\n neighbor 10.0.0.1 timers connect 1\n \
        address-family ipv4 unicast\n  network 203.0.1.0/24\n  network 203.0.2.0/24\n  network 203.0.3.0/24\n  \
        network 203.0.4.0/24\n  neighbor 10.0.0.1 route-map MARK out\n exit-address-family";
    let marks: String = [(1, "65001", "65002:1"), (2, "65001", "65002:2"), (3, "5 6 7", "65002:1"), (4, "5 6", "65002:3")]
        .map(|(n, path, community)| {
            format!(
                "ip prefix-list N{n} permit 203.0.{n}.0/24\nroute-map MARK permit {n}\n match ip address prefix-list \
                 N{n}\n set as-path prepend {path}\n set community {community}\nexit\n"
            )
        })
        .concat();
    let _feeder = Frr::start(&x, &format!("{marks}{}", bgp(65002, "10.0.0.2", feed)));
    let listener = Frr::start(
        &y,
        &bgp(65003, "10.0.0.3", " neighbor 10.0.0.1 remote-as 65001\n neighbor 10.0.0.1 timers connect 1"),
    );
    let has = |n: u8| router.vtysh(&format!("show bgp ipv4 unicast 203.0.{n}.0/24 json")).unwrap_or_default();
    let held = |n: u8| json(&has(n))["paths"][0]["valid"] == true;
    until("those that pass", || held(1) && held(4));
    assert!(!held(2) && !held(3), "{} {}", has(2), has(3));
    until("the neighbour to be told", || listener.path("203.0.1.0/24").is_some());
    router.reload(&conf("  neighbor 10.0.0.3 route-map OUT out\n"));
    until("what came from X and is good to go", || listener.path("203.0.1.0/24").is_none());
    assert!(listener.path("203.0.4.0/24").is_some());
}

#[test]
fn a_neighbour_gets_no_more_paths_than_it_asks_for() {
    let (_lab, [r, p, x, y, z]) = lan(["r", "p", "x", "y", "z"]);
    let peers: String = (3..=5)
        .map(|n| format!(" neighbor 10.0.0.{n} remote-as 6500{n}\n neighbor 10.0.0.{n} timers connect 1\n"))
        .collect();
    let lines = format!(
        " neighbor 10.0.0.2 remote-as 65001\n neighbor 10.0.0.2 timers connect 1\n{peers} \
         address-family ipv4 unicast\n  neighbor 10.0.0.2 addpath-tx-all-paths\n  neighbor 10.0.0.2 next-hop-self\n \
         exit-address-family"
    );
    let router = Router::start(&r, &bgp(65001, "10.0.0.1", &lines));
    let asks = |limit: &str| {
        let lines = format!(
            " neighbor 10.0.0.1 remote-as 65001\n neighbor 10.0.0.1 timers connect 1\n \
             address-family ipv4 unicast\n{limit} exit-address-family"
        );
        bgp(65001, "10.0.0.2", &lines)
    };
    let other = Router::start(&p, &asks("  neighbor 10.0.0.1 addpath-rx-paths-limit 2\n"));
    let feed = |n: u8| {
        let lines = format!(
            " neighbor 10.0.0.1 remote-as 65001\n neighbor 10.0.0.1 timers connect 1\n \
             address-family ipv4 unicast\n  network {THEIRS}\n exit-address-family"
        );
        bgp(65000 + u32::from(n), &format!("10.0.0.{n}"), &lines)
    };
    let _feeders = [Frr::start(&x, &feed(3)), Frr::start(&y, &feed(4)), Frr::start(&z, &feed(5))];
    let paths = |router: &Router| {
        let text = router.vtysh(&format!("show bgp ipv4 unicast {THEIRS} json")).unwrap_or_default();
        json(&text)["paths"].as_array().map_or(0, Vec::len)
    };
    until("all paths here and two there", || paths(&router) == 3 && paths(&other) == 2);
    let shown = json(&router.vtysh("show bgp neighbors 10.0.0.2 json").unwrap());
    let limit = &shown["10.0.0.2"]["neighborCapabilities"]["pathsLimit"]["ipv4Unicast"];
    assert_eq!(
        (&limit["advertisedPathsLimit"], &limit["receivedPathsLimit"]),
        (&0.into(), &2.into()),
        "{limit}"
    );
    other.reload(&asks(""));
    until("all of them", || paths(&other) == 3);
}
