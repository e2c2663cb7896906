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
    let lab = Lab::new();
    let [r, x, p, l] = ["r", "x", "p", "l"].map(|n| lab.node(n));
    lab.bridge(
        "lan",
        &[
            (&r, "eth0", &["10.0.0.1/24"]),
            (&p, "eth0", &["10.0.0.2/24"]),
            (&x, "eth0", &["10.0.0.3/24"]),
            (&l, "eth0", &["10.0.0.4/24"]),
        ],
    );
    Scene { r, x, p, l, _lab: lab }
}

fn conf(parameters: &str) -> String {
    let neighbors = " neighbor 10.0.0.2 remote-as 65002\n neighbor 10.0.0.4 remote-as 65004\n";
    let family = format!(" address-family ipv4 unicast\n  bgp dampening{parameters}\n exit-address-family");
    bgp(65001, "10.0.0.9", &format!("{neighbors}{family}"))
}

fn sessions(from: &Node, asn: u32, address: &str) -> [Speaker; 2] {
    ["10.0.0.1", "10.0.0.3"].map(|to| {
        Speaker::established(from, Identity::new(asn, address, address, 65001, to))
    })
}

fn json(text: Result<String, String>) -> Value {
    serde_json::from_str(text.unwrap_or_default().trim()).unwrap_or_default()
}

#[test]
fn look() {
    let s = scene();
    let ours = Router::start(&s.r, &conf(""));
    let frr = Frr::start(&s.x, &conf(""));
    let p = sessions(&s.p, 65002, "10.0.0.2");
    let l = sessions(&s.l, 65004, "10.0.0.4");
    for p in &p {
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
    std::thread::sleep(std::time::Duration::from_secs(6));
    for command in [
        "show bgp ipv4 unicast",
        "show bgp ipv4 unicast json",
        "show bgp ipv4 unicast 10.1.0.0/24",
        "show bgp ipv4 unicast 10.1.0.0/24 json",
        "show bgp ipv4 unicast 10.2.0.0/24",
        "show bgp ipv4 unicast 10.2.0.0/24 json",
        "show bgp ipv4 unicast 10.3.0.0/24",
        "show bgp ipv4 unicast 10.4.0.0/24",
        "show bgp ipv4 unicast 10.4.0.0/24 json",
        "show bgp ipv4 unicast 10.5.0.0/24",
        "show bgp ipv4 unicast dampening parameters",
        "show bgp ipv4 unicast dampening parameters json",
        "show bgp ipv4 unicast dampening dampened-paths",
        "show bgp ipv4 unicast dampening dampened-paths json",
        "show bgp ipv4 unicast dampening flap-statistics",
        "show bgp ipv4 unicast dampening flap-statistics json",
        "show bgp ipv4 unicast neighbors 10.0.0.2 dampened-routes",
        "show bgp ipv4 unicast neighbors 10.0.0.2 dampened-routes json",
        "show bgp ipv4 unicast neighbors 10.0.0.2 flap-statistics",
        "show bgp ipv4 unicast neighbors 10.0.0.2 flap-statistics json",
        "show bgp ipv4 unicast neighbors 10.0.0.2 prefix-counts",
        "show bgp ipv4 unicast summary",
        "show running-config",
    ] {
        println!("##### {command}\n--- ours\n{}", ours.vtysh(command).unwrap_or_else(|e| e));
        println!("--- frr\n{}", frr.vtysh(command).unwrap_or_else(|e| e));
    }
    for l in &l {
        println!("{:?}", l.heard().routes.keys().collect::<Vec<_>>());
    }
    panic!("{:?}", json(Ok("1".to_owned())));
}
