//! What is put on routes where they come in or go out: accumulated metrics, sites of origin, a MED for everybody.

use router_tests::lab::Node;
use router_tests::peers::{Bird, Frr, Router};
use router_tests::speaker::Speaker;
use serde_json::Value;

use crate::common::*;
use crate::malformed::update_with;
use crate::security::{CASE, CASE_PREFIX, attr, attrs, identity};

/// R with neighbours in AS 65002, 65003 and 65004, and `lines`.
fn ours(lines: &str, family: &str) -> String {
    let sessions: String = [2, 3, 4]
        .map(|n| format!(" neighbor 10.0.0.{n} remote-as 6500{n}\n neighbor 10.0.0.{n} timers connect 1\n"))
        .concat();
    bgp(
        65001,
        "10.0.0.1",
        &format!(
            "{sessions}{lines} address-family ipv4 unicast\n  network {OURS}\n{family} exit-address-family"
        ),
    )
}

/// AIGP with one metric (RFC 7311 section 3).
fn aigp(metric: u64) -> Vec<u8> {
    attr(0x80, 26, &[&[1, 0, 11][..], &metric.to_be_bytes()].concat())
}

#[test]
fn the_accumulated_metric_goes_from_and_to_those_who_are_named() {
    let (_lab, [r, a, b, c]) = lan(["r", "a", "b", "c"]);
    let lines = " neighbor 10.0.0.2 aigp\n neighbor 10.0.0.3 aigp\n bgp bestpath aigp\n";
    let map = "route-map OURS permit 10\n set aigp-metric 55\nexit\n";
    let config =
        ours(lines, "").replace(&format!("network {OURS}"), &format!("network {OURS} route-map OURS"));
    let router = Router::start(&r, &(config + map));
    let bird = "router id 10.0.0.3;\nlog stderr all;\nprotocol device {}\n\
                protocol bgp r { local 10.0.0.3 as 65003; neighbor 10.0.0.1 as 65001; connect delay time 1; \
                connect retry time 1; ipv4 { import all; export all; aigp originate; }; }\n\
                protocol direct { ipv4; interface \"lo\"; }\n";
    b.address("lo", &["203.0.117.1/24"]);
    let bird = Bird::start(&b, bird);
    // The watcher would take it.
    let mut watcher = identity(65004, "10.0.0.4");
    watcher.session.aigp = true;
    let watcher = Speaker::established(&c, watcher);
    let source = Speaker::established(&a, identity(65002, "10.0.0.2"));
    source.send(update_with(&attrs(&[&aigp(77)]), CASE));
    until("both prefixes at BIRD", || !bird.route(CASE_PREFIX).is_empty() && !bird.route(OURS).is_empty());
    assert!(bird.route(CASE_PREFIX).contains("aigp: 77"), "{}", bird.route(CASE_PREFIX));
    assert!(bird.route(OURS).contains("aigp: 55"), "{}", bird.route(OURS));
    let command = format!("show bgp ipv4 unicast {CASE_PREFIX}");
    let shown: Value = serde_json::from_str(&router.vtysh(&format!("{command} json")).unwrap()).unwrap();
    assert_eq!(shown["paths"][0]["aigpMetric"], 77);
    assert!(router.vtysh(&command).unwrap().contains(", aigp-metric 77, "));
    // BIRD starts to count at its own networks.
    let shown = || -> Value {
        let shown = router.vtysh("show bgp ipv4 unicast 203.0.117.0/24 json").unwrap_or_default();
        serde_json::from_str(&shown).unwrap_or_default()
    };
    until("BIRD's own metric", || shown()["paths"][0]["aigpMetric"] == 0);
    until("both prefixes at the watcher", || {
        watcher.route(CASE_PREFIX).is_some() && watcher.route(OURS).is_some()
    });
    assert_eq!(watcher.route(CASE_PREFIX).unwrap().view().aigp(), None);
    // One that is malformed goes, and the route stays.
    source.send(update_with(&attrs(&[&attr(0x80, 26, &[1, 0, 11, 0])]), CASE));
    until("BIRD to hear of no metric", || !bird.route(CASE_PREFIX).contains("aigp"));
    assert!(!bird.route(CASE_PREFIX).is_empty());
    assert_eq!(source.heard().sessions, 1);
}

#[test]
fn routes_of_a_site_stay_out_of_it_and_a_med_for_all_is_told_while_it_is_set() {
    let (_lab, [r, a, b, c]) = lan(["r", "a", "b", "c"]);
    let site = "  neighbor 10.0.0.2 soo 65001:9\n  neighbor 10.0.0.3 soo 65001:9\n";
    let router = Router::start(&r, &("bgp session-dscp 16\n".to_owned() + &ours("", site)));
    let frr = |node: &Node, n: u8, network: &str| {
        let lines = format!(
            " neighbor 10.0.0.1 remote-as 65001\n neighbor 10.0.0.1 timers connect 1\n \
             address-family ipv4 unicast\n  network {network}\n exit-address-family"
        );
        Frr::start(node, &bgp(65000 + u32::from(n), &format!("10.0.0.{n}"), &lines))
    };
    let first = frr(&a, 2, THEIRS);
    let (second, other) = (frr(&b, 3, "203.0.114.0/24"), frr(&c, 4, "203.0.115.0/24"));
    until("what is of the site at the one outside of it", || {
        other.path(THEIRS).is_some() && other.path("203.0.114.0/24").is_some()
    });
    until("what is not of the site at both in it", || {
        [&first, &second].iter().all(|f| f.path("203.0.115.0/24").is_some() && f.path(OURS).is_some())
    });
    assert_eq!(other.path(THEIRS).unwrap()["extendedCommunity"]["string"], "SoO:65001:9");
    assert!(second.path(THEIRS).is_none() && first.path("203.0.114.0/24").is_none());
    let sockets = r.run("ss", &["-tn", "--tos", "state", "established"]).unwrap();
    assert!(sockets.contains("tos:0x40"), "{sockets}");

    router.reload(&("bgp session-dscp 16\n".to_owned() + &ours(" bgp max-med administrative\n", site)));
    let med = |prefix: &str| other.path(prefix).unwrap_or_default()["metric"].as_u64();
    until("the MED for all", || [THEIRS, OURS].iter().all(|p| med(p) == Some(4_294_967_294)));
    let summary: Value =
        serde_json::from_str(&router.vtysh("show bgp ipv4 unicast summary json").unwrap()).unwrap();
    assert_eq!(summary["maxMedAdministrative"], true);
    router.reload(&ours("", site));
    until("the MEDs of before", || med(OURS) == Some(0) && med(THEIRS).unwrap_or(0) == 0);
    assert_eq!(other.neighbor("10.0.0.1")["connectionsEstablished"], 1);
}
