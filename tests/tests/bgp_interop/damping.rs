//! Route flap damping, held against an FRR with the same lines.
//!
//! ```text
//!   P 10.0.0.2, AS 65002: routes that flap ──┬── R 10.0.0.1, AS 65001 ── L 10.0.0.4, AS 65004: hears
//!                                            └── X 10.0.0.3, FRR alike ── the same L
//! ```

use router_tests::lab::{Lab, Node};
use router_tests::peers::{Frr, Router};
use router_tests::speaker::{Identity, Speaker};
use serde_json::Value;

use crate::common::*;

const DAMPED: &str = "10.1.0.0/24";
const GONE: &str = "10.2.0.0/24";
const ONCE: &str = "10.3.0.0/24";
const ONCE_GONE: &str = "10.4.0.0/24";
const CHANGED: &str = "10.5.0.0/24";
const STEADY: &str = "10.6.0.0/24";

struct Scene {
    r: Node,
    x: Node,
    p: Node,
    l: Node,
    _lab: Lab,
}

fn scene() -> Scene {
    let (lab, [r, p, x, l]) = lan(["r", "p", "x", "l"]);
    Scene { r, x, p, l, _lab: lab }
}

fn conf(parameters: &str) -> String {
    let neighbors = " neighbor 10.0.0.2 remote-as 65002\n neighbor 10.0.0.4 remote-as 65004\n";
    let family = format!(" address-family ipv4 unicast\n  bgp dampening{parameters}\n exit-address-family");
    bgp(65001, "10.0.0.9", &format!("{neighbors}{family}"))
}

fn sessions(from: &Node, asn: u32, address: &str) -> [Speaker; 2] {
    ["10.0.0.1", "10.0.0.3"]
        .map(|to| Speaker::established(from, Identity::new(asn, address, address, 65001, to)))
}

fn json(text: Result<String, String>) -> Value {
    serde_json::from_str(text.unwrap_or_default().trim()).unwrap_or_default()
}

/// What differs by version, or by the moment of asking.
const ASIDE: [&str; 16] = [
    "tableVersion",
    "version",
    "lastUpdate",
    "lastUpdateStr",
    "peerUptime",
    "peerUptimeMsec",
    "peerUptimeEstablishedEpoch",
    "flags",
    "pathCount",
    "multiPathCount",
    "totalRoutes",
    "totalPaths",
    "numRoutes",
    "dampeningPenalty",
    "reuseTimerMsecs",
    "advertisedTo",
];

/// Takes out what is not compared; penalties and times are returned for a closer look.
fn strip(value: &mut Value, numbers: &mut Vec<i64>) {
    match value {
        Value::Object(map) => {
            for key in ["dampeningPenalty", "reuseTimerMsecs"] {
                numbers.extend(map.get(key).and_then(Value::as_i64));
            }
            map.retain(|key, _| !ASIDE.contains(&key.as_str()));
            map.values_mut().for_each(|v| strip(v, numbers));
        }
        Value::Array(all) => all.iter_mut().for_each(|v| strip(v, numbers)),
        _ => {}
    }
}

/// The lines about routes and their flaps, without clocks and the penalty.
fn rows(text: Result<String, String>) -> Vec<String> {
    let about = |l: &&str| {
        ["10.0.0.2   ", "from 10.0.0.2", "Dampinfo", "dampening", "history entry", "Origin "]
            .iter()
            .any(|w| l.contains(w))
    };
    let clean = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let after_penalty = |i: usize| i > 0 && words[i - 1] == "penalty";
        let kept = words.iter().enumerate().filter(|(i, w)| !w.contains(':') && !after_penalty(*i));
        kept.map(|(_, w)| *w).collect::<Vec<_>>().join(" ")
    };
    text.unwrap_or_default().lines().filter(about).map(clean).collect()
}

const TABLES: [&str; 6] = [
    "show bgp ipv4 unicast",
    "show bgp ipv4 unicast dampening dampened-paths",
    "show bgp ipv4 unicast dampening flap-statistics",
    "show bgp ipv4 unicast neighbors 10.0.0.2 dampened-routes",
    "show bgp ipv4 unicast neighbors 10.0.0.2 flap-statistics",
    "show bgp ipv4 unicast neighbors 10.0.0.2 routes",
];

fn compare(ours: &Router, frr: &Frr) {
    let prefixes = [DAMPED, GONE, ONCE, ONCE_GONE, CHANGED, STEADY];
    let each = prefixes.map(|p| format!("show bgp ipv4 unicast {p}"));
    for command in TABLES.iter().copied().chain(each.iter().map(String::as_str)) {
        let (left, right) = (rows(ours.vtysh(command)), rows(frr.vtysh(command)));
        assert!(!right.is_empty(), "{command} shows something");
        assert_eq!(left, right, "{command}");
        let command = format!("{command} json");
        let (mut left, mut right) = (json(ours.vtysh(&command)), json(frr.vtysh(&command)));
        let (mut our_numbers, mut numbers) = (Vec::new(), Vec::new());
        strip(&mut left, &mut our_numbers);
        strip(&mut right, &mut numbers);
        assert_eq!(left, right, "{command}");
        assert_eq!(our_numbers.len(), numbers.len(), "{command}");
        for (a, b) in our_numbers.iter().zip(&numbers) {
            // FRR's penalties fall in steps of five seconds.
            assert!((a - b).abs() <= 20.max(b / 50), "{command}: {our_numbers:?} {numbers:?}");
        }
    }
    for command in
        ["show bgp ipv4 unicast dampening parameters", "show bgp ipv4 unicast dampening parameters json"]
    {
        let (left, right) = (ours.vtysh(command).unwrap_or_default(), frr.vtysh(command).unwrap_or_default());
        assert_eq!(left.trim(), right.trim());
    }
    let command = "show bgp ipv4 unicast neighbors 10.0.0.2 prefix-counts";
    let counts = |text: Result<String, String>| {
        let names = ["Damped", "History", "Valid", "All RIB", "PfxCt counted", "Useable"];
        let text = text.unwrap_or_default();
        let lines = text.lines().map(str::trim).filter(|l| names.iter().any(|n| l.starts_with(n)));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(counts(ours.vtysh(command)), counts(frr.vtysh(command)));
    for text in [ours.vtysh("show bgp ipv4 unicast summary"), frr.vtysh("show bgp ipv4 unicast summary")] {
        assert!(text.unwrap_or_default().contains("\nDampening enabled.\n"));
    }
    let enabled = |text| json(text)["dampeningEnabled"].clone();
    let command = "show bgp ipv4 unicast summary json";
    assert_eq!(enabled(ours.vtysh(command)), enabled(frr.vtysh(command)));
}

/// Of these routes, those that each of the listeners has.
fn heard(listeners: &[Speaker; 2], prefixes: &[&'static str]) -> [Vec<&'static str>; 2] {
    let of = |l: &Speaker| prefixes.iter().copied().filter(|p| l.route(p).is_some()).collect();
    [of(&listeners[0]), of(&listeners[1])]
}

#[test]
fn routes_that_flap_fare_as_with_frr_and_are_shown_alike() {
    let s = scene();
    let (ours, frr) = (Router::start(&s.r, &conf("")), Frr::start(&s.x, &conf("")));
    let from = sessions(&s.p, 65002, "10.0.0.2");
    let to = sessions(&s.l, 65004, "10.0.0.4");
    for p in &from {
        p.announce(&[DAMPED, GONE, ONCE, ONCE_GONE, CHANGED, STEADY], &[65002]);
        for _ in 0..2 {
            p.withdraw(&[DAMPED, GONE]);
            p.announce(&[DAMPED, GONE], &[65002]);
        }
        p.withdraw(&[DAMPED, GONE, ONCE, ONCE_GONE]);
        p.announce(&[DAMPED, ONCE], &[65002]);
        for n in 1..=5 {
            p.announce(&[CHANGED], &[65002, n]);
        }
    }
    let all = [DAMPED, GONE, ONCE, ONCE_GONE, CHANGED, STEADY];
    until("what flaps little or not at all to be heard", || {
        heard(&to, &all) == [[ONCE, STEADY]; 2].map(Vec::from)
    });
    let flaps = "show bgp ipv4 unicast dampening flap-statistics";
    let complete = |text: Result<String, String>| text.unwrap_or_default().contains("65002 5 i");
    until("all to have come", || complete(ours.vtysh(flaps)) && complete(frr.vtysh(flaps)));
    compare(&ours, &frr);
    let damped = |state: &str| ours.metric("router_bgp_damped_paths", &["\"ipv4\"", state]);
    assert_eq!((damped("suppressed"), damped("history")), (Some(2.0), Some(2.0)));

    // Other parameters begin anew.
    ours.reload(&conf(" 1 1700 1701 10"));
    let lines =
        "configure terminal\nrouter bgp 65001\naddress-family ipv4 unicast\nbgp dampening 1 1700 1701 10";
    frr.vtysh(lines).unwrap();
    let announced = [ONCE, STEADY, DAMPED, CHANGED];
    until("what was suppressed to be heard", || heard(&to, &announced)[0].len() == announced.len());
    assert!(rows(ours.vtysh(flaps)).is_empty());

    // In time a route is used again.
    const AGAIN: &str = "10.7.0.0/24";
    for p in &from {
        for _ in 0..2 {
            p.announce(&[AGAIN], &[65002]);
            p.withdraw(&[AGAIN]);
        }
        p.announce(&[AGAIN], &[65002]);
    }
    let suppressed = "show bgp ipv4 unicast dampening dampened-paths";
    let is_damped = |text: Result<String, String>| text.unwrap_or_default().contains(AGAIN);
    until("it to be damped", || is_damped(ours.vtysh(suppressed)) && is_damped(frr.vtysh(suppressed)));
    assert!(heard(&to, &[AGAIN]).iter().all(Vec::is_empty));
    until("it to be heard from us", || to[0].route(AGAIN).is_some());
    until("it to be heard from FRR", || to[1].route(AGAIN).is_some());
    assert!(!is_damped(ours.vtysh(suppressed)) && is_damped(ours.vtysh(flaps)), "remembered");
}

#[test]
fn a_neighbor_has_parameters_of_its_own_and_flaps_can_be_forgotten() {
    let s = scene();
    let family = |lines: &str| format!(" address-family ipv4 unicast\n{lines} exit-address-family");
    let text = |lines: &str| {
        bgp(
            65001,
            "10.0.0.9",
            &format!(
                " neighbor 10.0.0.2 remote-as 65002\n neighbor 10.0.0.4 remote-as 65004\n{}",
                family(lines)
            ),
        )
    };
    let router = Router::start(&s.r, &text("  neighbor 10.0.0.2 dampening 10 800 900 40\n"));
    let id = |n: u32, me: &str| Identity::new(n, me, me, 65001, "10.0.0.1");
    let p = Speaker::established(&s.p, id(65002, "10.0.0.2"));
    let l = Speaker::established(&s.l, id(65004, "10.0.0.4"));
    let flap = |speaker: &Speaker, prefix: &str, path: u32| {
        speaker.announce(&[prefix], &[path]);
        speaker.withdraw(&[prefix]);
        speaker.announce(&[prefix], &[path]);
    };
    flap(&p, DAMPED, 65002);
    p.announce(&[STEADY], &[65002]);
    flap(&l, ONCE, 65004);
    until("a steady route", || l.route(STEADY).is_some() && p.route(ONCE).is_some());
    assert!(l.route(DAMPED).is_none(), "one flap is too much of this neighbour");
    let show = |command: &str| router.vtysh(command).unwrap_or_default();
    let parameters = show("show bgp ipv4 unicast neighbors 10.0.0.2 dampening parameters");
    assert!(
        parameters.contains("For address family: IPv4 Unicast\nHalf-life time: 10 min\nReuse penalty: 800"),
        "{parameters}"
    );
    let other = show("show bgp ipv4 unicast neighbors 10.0.0.4 dampening parameters");
    assert!(other.contains("neighbor dampening not enabled for IPv4 Unicast"), "{other}");
    assert!(show("show bgp ipv4 unicast dampening parameters").contains("dampening not enabled"));
    assert!(show("show running-config").contains("  neighbor 10.0.0.2 dampening 10 800 900 40\n"));

    // The session goes, what is known stays; then it is forgotten.
    p.stop();
    let flaps = || json(router.vtysh("show bgp ipv4 unicast dampening flap-statistics json"));
    until("a history entry", || flaps()["routes"][DAMPED][0]["history"] == true);
    assert_eq!(flaps()["routes"][DAMPED][0]["bdiFlap"], 1);
    drop(p);
    let p = Speaker::established(&s.p, id(65002, "10.0.0.2"));
    p.announce(&[DAMPED, CHANGED], &[65002]);
    until("another route", || l.route(CHANGED).is_some());
    assert!(l.route(DAMPED).is_none());
    assert_eq!(show(&format!("clear ip bgp dampening {ONCE}")), "");
    until("its flaps to be forgotten", || flaps()["routes"][ONCE].is_null());
    assert!(l.route(DAMPED).is_none());
    let refused = router.vtysh("clear ip bgp dampening 10.1.0.0 255.0.255.0").unwrap_or_else(|error| error);
    assert!(refused.contains("255.0.255.0"), "{refused}");
    assert_eq!(show("clear ip bgp dampening 10.1.0.0 255.255.255.0"), "");
    until("the route when its flaps are forgotten", || l.route(DAMPED).is_some());
    assert!(flaps()["routes"][DAMPED].is_null());
    flap(&p, DAMPED, 65002);
    until("it to be held again", || l.route(DAMPED).is_none());
    // An address means the longest match.
    assert_eq!(show("clear ip bgp dampening 10.1.0.7"), "");
    until("the route of the address", || l.route(DAMPED).is_some());
    flap(&p, DAMPED, 65002);
    until("it to be held a third time", || l.route(DAMPED).is_none());
    assert_eq!(show("clear bgp ipv4 dampening"), "");
    until("the route when all flaps are forgotten", || l.route(DAMPED).is_some());
    flap(&p, DAMPED, 65002);
    until("it to be held once more", || l.route(DAMPED).is_none());
    router.reload(&text(""));
    until("the route without damping", || l.route(DAMPED).is_some());
}
