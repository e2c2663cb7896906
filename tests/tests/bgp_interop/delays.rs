//! After a start neighbours are told nothing until the others have told what they know.

use std::time::Duration;

use router_tests::peers::{Frr, Router};
use router_tests::wait::stays;
use serde_json::Value;

use crate::common::*;

#[test]
fn nobody_is_told_before_the_last_neighbour_has_told_or_its_time_is_over() {
    let (_lab, [r, x, y]) = lan(["r", "x", "y"]);
    let conf = bgp(
        65001,
        "10.0.0.1",
        &format!(
            " update-delay 300\n neighbor 10.0.0.2 remote-as 65002\n neighbor 10.0.0.3 remote-as 65003\n \
             neighbor 10.0.0.2 timers connect 1\n neighbor 10.0.0.3 timers connect 1\n \
             address-family ipv4 unicast\n  network {OURS}\n exit-address-family"
        ),
    );
    let router = Router::start(&r, &conf);
    let neighbor = |me: u8| {
        let lines = format!(
            " neighbor 10.0.0.1 remote-as 65001\n neighbor 10.0.0.1 timers connect 1\n address-family ipv4 unicast\n  \
             network 203.0.{me}.0/24\n exit-address-family"
        );
        bgp(65000 + u32::from(me), &format!("10.0.0.{me}"), &lines)
    };
    let first = Frr::start(&x, &neighbor(2));
    until("the first session", || first.established("10.0.0.1"));
    wait_gateways(&r, "203.0.2.0/24", &["10.0.0.2"]);
    let shown = router.vtysh("show bgp ipv4 unicast summary").unwrap();
    assert!(shown.contains("Read-only mode update-delay limit: 300 seconds"), "{shown}");
    assert!(
        shown.contains("  First neighbor established: ") && shown.contains("  Delay in progress"),
        "{shown}"
    );
    stays(Duration::from_secs(3), "nothing is told", || first.path(OURS).is_none());
    let second = Frr::start(&y, &neighbor(3));
    until("both to be told", || {
        first.path(OURS).is_some() && first.path("203.0.3.0/24").is_some() && second.path(OURS).is_some()
    });
    let json: Value =
        serde_json::from_str(&router.vtysh("show bgp ipv4 unicast summary json").unwrap()).unwrap();
    assert_eq!(json["updateDelayLimit"], 300);
    assert!(
        json["updateDelayPeerUpdateResume"].is_string() && json["updateDelayInProgress"].is_null(),
        "{json}"
    );
}

#[test]
fn a_delay_in_seconds_ends_by_itself() {
    let lab = two();
    let conf =
        ours(65001, 65002, &[]).replace("router bgp 65001\n", "router bgp 65001\n advertisement-delay 6\n");
    let router = Router::start(&lab.r, &conf);
    let frr = Frr::start(&lab.p, &theirs(65002, 65001, &[]));
    until("a session", || router.established("10.0.0.2"));
    wait_gateways(&lab.r, THEIRS, &["10.0.0.2"]);
    stays(Duration::from_secs(2), "nothing is told", || frr.path(OURS).is_none());
    until("our routes, in time", || frr.path(OURS).is_some() && frr.path(OURS6).is_some());
}

#[test]
fn neighbours_hear_of_a_route_that_the_kernel_has_also_if_it_has_it_from_before() {
    let (_lab, [r, x, y]) = lan(["r", "x", "y"]);
    let peers: String = [2, 3]
        .map(|n| format!(" neighbor 10.0.0.{n} remote-as 6500{n}\n neighbor 10.0.0.{n} timers connect 1\n"))
        .concat();
    let lines = format!(
        " bgp suppress-fib-pending\n{peers} address-family ipv4 unicast\n  network {OURS}\n exit-address-family"
    );
    let mut router = Router::start(&r, &bgp(65001, "10.0.0.1", &lines));
    let one = " neighbor 10.0.0.1 remote-as 65001\n neighbor 10.0.0.1 timers connect 1\n";
    let feed = format!("{one} address-family ipv4 unicast\n  network {THEIRS}\n exit-address-family");
    let feeder = Frr::start(&x, &bgp(65002, "10.0.0.2", &feed));
    let listener = Frr::start(&y, &bgp(65003, "10.0.0.3", one));
    for again in [false, true] {
        if again {
            router.kill();
            until("the session to end", || !listener.established("10.0.0.1"));
            router = Router::again(&r);
        }
        until("their route and ours", || listener.path(THEIRS).is_some() && listener.path(OURS).is_some());
        assert_eq!(router_tests::kernel::gateways(&r, THEIRS, router_tests::kernel::BGP), ["10.0.0.2"]);
        let shown = router.vtysh(&format!("show bgp ipv4 unicast {THEIRS} json")).unwrap();
        let flags = serde_json::from_str::<Value>(&shown).unwrap()["flags"].clone();
        assert_eq!((&flags["fibInstalled"], &flags["fibWaitForInstall"]), (&true.into(), &false.into()));
    }
    feeder
        .vtysh(&format!(
            "configure terminal\nrouter bgp 65002\naddress-family ipv4 unicast\nno network {THEIRS}"
        ))
        .unwrap();
    until("the route to go", || listener.path(THEIRS).is_none());
}
