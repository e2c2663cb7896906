//! SIGHUP: what changed takes effect, what did not change is undisturbed, and a bad file changes nothing.

use std::time::Duration;

use router_tests::kernel;
use router_tests::lab::{Lab, Node};
use router_tests::peers::{Frr, Router};
use router_tests::wait::stays;

use crate::common::*;

/// R with A at 10.0.0.2 and B at 10.0.0.3 on one network.
struct Three {
    r: Node,
    a: Node,
    b: Node,
    _lab: Lab,
}

fn three() -> Three {
    let lab = Lab::new();
    let (r, a, b) = (lab.node("r"), lab.node("a"), lab.node("b"));
    lab.bridge(
        "sw",
        &[(&r, "eth0", &["10.0.0.1/24"]), (&a, "eth0", &["10.0.0.2/24"]), (&b, "eth0", &["10.0.0.3/24"])],
    );
    Three { r, a, b, _lab: lab }
}

fn neighbors(lines: &[&str], family: &str) -> String {
    let mut text = String::new();
    for line in lines {
        text += &format!(" neighbor {line}\n");
    }
    bgp(65001, "10.0.0.1", &format!("{text} address-family ipv4 unicast\n{family} exit-address-family"))
}

fn peer(me: u8, asn: u32, network: &str) -> String {
    bgp(
        asn,
        &format!("10.0.0.{me}"),
        &format!(
            " neighbor 10.0.0.1 remote-as 65001\n neighbor 10.0.0.1 timers connect 1\n \
             address-family ipv4 unicast\n  network {network}\n exit-address-family"
        ),
    )
}

const A: &str = "10.0.0.2 remote-as 65002";
const B: &str = "10.0.0.3 remote-as 65003";
const FAST: &str = "10.0.0.2 timers connect 1";
const FAST_B: &str = "10.0.0.3 timers connect 1";

#[test]
fn a_changed_file_leaves_unaffected_sessions_up() {
    let lab = three();
    let router = Router::start(&lab.r, &neighbors(&[A, FAST], &format!("  network {OURS}\n")));
    let a = Frr::start(&lab.a, &peer(2, 65002, THEIRS));
    let b = Frr::start(&lab.b, &peer(3, 65003, "203.0.120.0/24"));
    until("A's session", || a.established("10.0.0.1") && a.path(OURS).is_some());
    // A neighbour and a network more.
    let family = format!("  network {OURS}\n  network 198.51.101.0/24\n");
    router.reload(&neighbors(&[A, FAST, B, FAST_B], &family));
    until("B's session", || b.established("10.0.0.1"));
    until("B's prefix at A", || a.path("203.0.120.0/24").is_some());
    until("the new network at A", || a.path("198.51.101.0/24").is_some());
    wait_gateways(&lab.r, "203.0.120.0/24", &["10.0.0.3"]);
    // Timers of B: only B starts over, if anybody does.
    router
        .reload(&neighbors(&[A, FAST, B, FAST_B, "10.0.0.3 description third", "10.0.0.3 passive"], &family));
    until("B's session again", || b.established("10.0.0.1") && b.path(OURS).is_some());
    // And B goes.
    router.reload(&neighbors(&[A, FAST], &family));
    until("B's end", || !b.established("10.0.0.1"));
    wait_gone(&lab.r, "203.0.120.0/24");
    until("B's prefix withdrawn from A", || a.path("203.0.120.0/24").is_none());
    let text = b.vtysh("show bgp neighbors 10.0.0.1").unwrap();
    assert!(text.contains("Cease/Peer Unconfigured") || text.contains("Cease/Peer De-configured"), "{text}");
    assert_eq!(a.neighbor("10.0.0.1")["connectionsEstablished"], 1, "A's session was disturbed");
}

#[test]
fn a_broken_file_changes_nothing() {
    let lab = three();
    let good = neighbors(&[A, FAST], &format!("  network {OURS}\n"));
    let router = Router::start(&lab.r, &good);
    let a = Frr::start(&lab.a, &peer(2, 65002, THEIRS));
    until("A's session and routes", || a.path(OURS).is_some() && kernel::count(&lab.r, kernel::BGP) == 1);
    let bad = good.replace(&format!("network {OURS}"), "network 198.51.101.0/24") + "router bgb 5\n";
    router.reload(&bad);
    until("the mistake in the log", || {
        let log = router.log();
        log.contains("frr.conf:") && log.contains("router bgb 5")
    });
    until("the failed load in the metrics", || {
        router.metric("router_config_last_load_successful", &[]) == Some(0.0)
    });
    stays(Duration::from_secs(1), "nothing changed", || {
        a.path(OURS).is_some() && a.path("198.51.101.0/24").is_none() && router.established("10.0.0.2")
    });
    assert_eq!(a.neighbor("10.0.0.1")["connectionsEstablished"], 1);
    router.reload(&good.replace(&format!("network {OURS}"), "network 198.51.101.0/24"));
    until("the good file's network", || a.path("198.51.101.0/24").is_some() && a.path(OURS).is_none());
    assert_eq!(router.metric("router_config_last_load_successful", &[]), Some(1.0));
    assert_eq!(a.neighbor("10.0.0.1")["connectionsEstablished"], 1);
}

#[test]
fn a_broken_file_at_start_gives_an_exit_code_and_the_place_of_the_mistake() {
    let lab = Lab::new();
    let r = lab.node("r");
    let file = r.write("frr.conf", "router bgp 65001\n neighbor 10.0.0.2 remot-as 65002\n");
    let binary = router_tests::peers::router_binary();
    for args in [vec!["--check"], vec!["--metrics", "off", "--config"]] {
        let file = file.to_string_lossy();
        let mut args = args;
        args.push(&file);
        let out = r.output(&binary.to_string_lossy(), &args);
        assert!(!out.status.success());
        let error = String::from_utf8_lossy(&out.stderr);
        assert!(error.contains("frr.conf:2:20:") && error.contains("remote-as"), "{error}");
    }
}
