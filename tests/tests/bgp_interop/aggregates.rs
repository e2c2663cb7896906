//! Aggregates: what neighbours get and what we show, held against an FRR with the same configuration.
//!
//! ```text
//!   P 10.0.0.2, AS 65002: the more specific routes ──┬── R 10.0.0.1, AS 65001 ──┬── B 10.0.0.4, BIRD, AS 65004
//!                                                    └── X 10.0.0.3, FRR alike  └── G 10.0.0.5, FRR, AS 65005
//! ```

use std::collections::BTreeMap;

use router_tests::kernel;
use router_tests::lab::{Lab, Node};
use router_tests::peers::{Bird, Frr, Router};
use serde_json::Value;

use crate::common::*;

struct Scene {
    r: Node,
    x: Node,
    p: Node,
    b: Node,
    g: Node,
    _lab: Lab,
}

fn scene() -> Scene {
    let lab = Lab::new();
    let [r, x, p, b, g] = ["r", "x", "p", "b", "g"].map(|n| lab.node(n));
    let ends = [(&r, "1"), (&p, "2"), (&x, "3"), (&b, "4"), (&g, "5")];
    let addresses: Vec<[String; 2]> =
        ends.iter().map(|(_, n)| [format!("10.0.0.{n}/24"), format!("2001:db8:ff::{n}/64")]).collect();
    let addresses: Vec<[&str; 2]> = addresses.iter().map(|[a, b]| [a.as_str(), b.as_str()]).collect();
    let ends: Vec<_> = ends.iter().zip(&addresses).map(|((n, _), a)| (*n, "eth0", a.as_slice())).collect();
    lab.bridge("lan", &ends);
    Scene { r, x, p, b, g, _lab: lab }
}

/// P's routes, and the ways in which they differ.
const SPECIFIC: &str = "\
route-map A permit 10
 set as-path prepend 100 200 300
 set community 100:1 100:2
 set metric 10
exit
route-map B permit 10
 set as-path prepend 100 200 400 500
 set community 100:2 100:3
 set large-community 1:2:3
 set origin egp
 set metric 10
exit
route-map C permit 10
 set as-path prepend 100 100 600
 set metric 20
exit
router bgp 65002
 bgp router-id 10.0.0.2
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor 10.0.0.1 remote-as 65001
 neighbor 10.0.0.1 timers connect 1
 neighbor 10.0.0.3 remote-as 65001
 neighbor 10.0.0.3 timers connect 1
 neighbor 2001:db8:ff::1 remote-as 65001
 neighbor 2001:db8:ff::1 timers connect 1
 neighbor 2001:db8:ff::3 remote-as 65001
 neighbor 2001:db8:ff::3 timers connect 1
 address-family ipv4 unicast
  network 10.1.1.0/24 route-map A
  network 10.1.2.0/24 route-map B
  network 10.1.3.0/24 route-map A
  network 10.2.1.0/24 route-map A
  network 10.2.2.0/24 route-map C
  network 10.3.1.0/24 route-map A
  network 10.3.2.0/24 route-map B
  network 10.4.1.0/24 route-map A
  network 10.5.1.0/24 route-map C
  network 10.5.2.0/24 route-map B
  network 20.1.0.0/16 route-map B
  network 30.1.0.0/16 route-map B
  network 30.2.0.0/16 route-map C
  network 40.1.0.0/16
  network 50.1.0.0/16
  network 50.2.0.0/16 route-map C
  no neighbor 2001:db8:ff::1 activate
  no neighbor 2001:db8:ff::3 activate
 exit-address-family
 address-family ipv6 unicast
  network 2001:db8:1::/48 route-map A
  network 2001:db8:2::/48 route-map B
  neighbor 2001:db8:ff::1 activate
  neighbor 2001:db8:ff::3 activate
 exit-address-family
exit
";

const AGGREGATES: &str = "\
  network 20.0.0.0/8
  aggregate-address 10.1.0.0/16 as-set
  aggregate-address 10.2.0.0/16 as-set matching-MED-only summary-only
  aggregate-address 10.3.0.0/16 as-set matching-MED-only route-map ORIGIN
  aggregate-address 10.4.0.0/16 route-map DENY summary-only
  aggregate-address 10.5.0.0/16 suppress-map ONE as-set
  aggregate-address 20.0.0.0/8
  aggregate-address 30.0.0.0 255.0.0.0 origin igp
  aggregate-address 40.0.0.0/8 summary-only
  aggregate-address 50.0.0.0/8 summary-only
  aggregate-address 50.0.0.0/7
  aggregate-address 60.0.0.0/8
";

fn conf() -> String {
    let neighbor = |addr: &str, asn: u32| {
        format!(" neighbor {addr} remote-as {asn}\n neighbor {addr} timers connect 1\n")
    };
    let peers = [("10.0.0.2", 65002), ("10.0.0.4", 65004), ("10.0.0.5", 65005), ("2001:db8:ff::2", 65002)];
    let peers: String = peers.iter().map(|(addr, asn)| neighbor(addr, *asn)).collect();
    let lines = format!(
        "{peers} neighbor 2001:db8:ff::4 remote-as 65004\n address-family ipv4 unicast\n{AGGREGATES}  \
         no neighbor 2001:db8:ff::2 activate\n  no neighbor 2001:db8:ff::4 activate\n  \
         neighbor 10.0.0.5 unsuppress-map ONE\n exit-address-family\n address-family ipv6 unicast\n  \
         aggregate-address 2001:db8::/32 summary-only as-set\n  neighbor 2001:db8:ff::2 activate\n  \
         neighbor 2001:db8:ff::4 activate\n exit-address-family"
    );
    "route-map ORIGIN permit 10\n set origin igp\n set community 9:9 additive\nexit\nroute-map DENY deny 10\nexit\n\
     ip prefix-list ONE permit 10.5.1.0/24\nip prefix-list ONE permit 40.0.0.0/8 le 32\n\
     route-map ONE permit 10\n match ip address prefix-list ONE\nexit\n"
        .to_owned()
        + &bgp(65001, "10.0.0.1", &lines)
}

fn bird(b: &Node) -> Bird {
    let conf = "router id 10.0.0.4;\nlog stderr all;\nprotocol device {}\n\
        template bgp ours { connect delay time 1; connect retry time 1; error wait time 1, 2; }\n\
        protocol bgp v4 from ours { local 10.0.0.4 as 65004; neighbor 10.0.0.1 as 65001; \
        ipv4 { import all; export none; }; }\n\
        protocol bgp v6 from ours { local 2001:db8:ff::4 as 65004; neighbor 2001:db8:ff::1 as 65001; \
        ipv6 { import all; export none; }; }\n";
    Bird::start(b, conf)
}

fn json(text: Result<String, String>) -> Value {
    serde_json::from_str(text.unwrap_or_default().trim()).unwrap_or_default()
}

/// What a table says of each prefix: whether a path is suppressed, and whether it is the best. FRR 8.4 suppresses what
/// is inside an aggregate that its route-map refuses.
fn statuses(table: &Value) -> BTreeMap<String, Vec<(bool, bool)>> {
    let flags = |p: &Value| (p["suppressed"] == true, p["bestpath"] == true);
    let prefixes = table["routes"].as_object().into_iter().flatten();
    prefixes
        .filter(|(net, _)| *net != "10.4.1.0/24")
        .map(|(net, paths)| {
            let mut all: Vec<_> = paths.as_array().into_iter().flatten().map(flags).collect();
            all.sort_unstable();
            (net.clone(), all)
        })
        .collect()
}

/// What a prefix's best path says.
fn best(prefix: &Value) -> Vec<String> {
    let best = prefix["paths"].as_array().into_iter().flatten().find(|p| p["bestpath"]["overall"] == true);
    let fields = [
        "/aspath/string",
        "/aggregatorAs",
        "/aggregatorId",
        "/origin",
        "/metric",
        "/weight",
        "/valid",
        "/aggregated",
        "/local",
        "/atomicAggregate",
        "/community/string",
        "/largeCommunity/string",
    ];
    fields.map(|f| format!("{f} {:?}", best.and_then(|b| b.pointer(f)))).to_vec()
}

#[test]
fn aggregates_are_those_of_an_frr_beside() {
    let s = scene();
    let router = Router::start(&s.r, &conf());
    let beside = Frr::start(&s.x, &conf());
    let feeder = Frr::start(&s.p, SPECIFIC);
    until("the routes at both", || router.established("10.0.0.2") && beside.established("10.0.0.2"));
    for (family, count) in [("ipv4", 23), ("ipv6", 3)] {
        let show = format!("show bgp {family} unicast json");
        until(&format!("equal {family} tables"), || {
            let (ours, theirs) = (statuses(&json(router.vtysh(&show))), statuses(&beside.json(&show)));
            ours.len() >= count && ours == theirs
        });
    }
    let nets = ["10.1.0.0/16", "10.3.0.0/16", "10.5.0.0/16", "20.0.0.0/8", "30.0.0.0/8", "40.0.0.0/8"];
    for net in nets.into_iter().chain(["50.0.0.0/8", "50.0.0.0/7", "2001:db8::/32"]) {
        let family = if net.contains(':') { "ipv6" } else { "ipv4" };
        let show = format!("show bgp {family} unicast {net} json");
        assert_eq!(best(&json(router.vtysh(&show))), best(&beside.json(&show)), "{net}");
    }
    let blackholes = |node: &Node| {
        let all =
            kernel::routes(node).into_iter().filter(|r| r.kind == "blackhole" && r.protocol == kernel::BGP);
        all.map(|r| (r.prefix, r.metric)).collect::<BTreeMap<_, _>>()
    };
    until("equal discard routes", || blackholes(&s.r) == blackholes(&s.x));
    let shown = router.vtysh("show ip route 40.0.0.0/8").unwrap();
    assert!(shown.contains("unreachable (blackhole)"), "{shown}");
    let shown = router.vtysh("show ip route bgp").unwrap();
    assert!(shown.contains("B>* 40.0.0.0/8 [200/0] unreachable (blackhole), weight 1"), "{shown}");
    let shown = router.vtysh("show bgp ipv4 unicast 10.1.0.0/16").unwrap();
    assert!(shown.contains("valid, aggregated (3), local, best"), "{shown}");
    assert!(shown.contains("(aggregated by 65001 10.0.0.1)"), "{shown}");
    let shown = router.vtysh("show bgp ipv4 unicast 40.1.0.0/16").unwrap();
    assert!(shown.contains("Advertisements suppressed by an aggregate."), "{shown}");

    // An aggregate follows what it is made of.
    feeder.vtysh("configure terminal\nrouter bgp 65002\naddress-family ipv4 unicast\nno network 10.1.2.0/24\nno network 40.1.0.0/16").unwrap();
    let path = |shown: Value| shown["paths"][0]["aspath"]["string"].clone();
    let show = "show bgp ipv4 unicast 10.1.0.0/16 json";
    until("another path", || path(json(router.vtysh(show))) == "65002 100 200 300");
    until("another path at FRR", || path(beside.json(show)) == "65002 100 200 300");
    until("the last part's aggregate to go", || {
        kernel::of(&s.r, "40.0.0.0/8", kernel::BGP).is_none()
            && json(router.vtysh("show bgp ipv4 unicast 40.0.0.0/8 json"))["paths"].is_null()
    });
}

#[test]
fn bird_and_frr_get_aggregates_and_not_what_they_suppress() {
    let s = scene();
    let router = Router::start(&s.r, &conf());
    let feeder = Frr::start(&s.p, SPECIFIC);
    let (bird, frr) =
        (bird(&s.b), Frr::start(&s.g, &bgp(65005, "10.0.0.5", " neighbor 10.0.0.1 remote-as 65001")));
    until("sessions", || bird.established("v4") && bird.established("v6") && frr.established("10.0.0.1"));
    until("aggregates at BIRD", || {
        !bird.route("50.0.0.0/7").is_empty() && !bird.route("2001:db8::/32").is_empty()
    });
    until("aggregates at BIRD in their last form", || {
        bird.route("10.1.0.0/16").contains("BGP.as_path: 65001 65002 100 200 {300 400 500}")
    });
    let route = bird.route("10.1.0.0/16");
    for line in ["BGP.aggregator: 10.0.0.1 AS65001", "(100,1) (100,2) (100,3)", "BGP.origin: EGP"] {
        assert!(route.contains(line), "{line}\n{route}");
    }
    assert!(!route.contains("atomic"), "{route}");
    until("what is not suppressed at BIRD", || !bird.route("10.5.2.0/24").is_empty());
    let route = bird.route("40.0.0.0/8");
    assert!(route.contains("BGP.as_path: 65001\n") && route.contains("BGP.atomic_aggr"), "{route}");
    // Summaries hide what is inside, also from a look-up of its addresses.
    for (inside, summary) in [("40.1.0.0/16", "40.0.0.0/8"), ("10.5.1.0/24", "10.5.0.0/16")] {
        until("a summary alone", || !bird.route(summary).is_empty() && bird.route(inside).is_empty());
    }
    until("what is unsuppressed for FRR", || {
        ["40.1.0.0/16", "10.5.1.0/24", "40.0.0.0/8"].iter().all(|p| frr.path(p).is_some())
    });
    assert!(frr.path("50.1.0.0/16").is_none(), "its unsuppress-map does not permit this one");
    let told = frr.path("10.1.0.0/16").unwrap();
    assert_eq!(told["aspath"]["string"], "65001 65002 100 200 {300,400,500}");
    assert_eq!(told["aggregatorId"], "10.0.0.1");

    // A part that comes back and the last one that goes.
    let feed = |lines: &str| {
        let lines = format!("configure terminal\nrouter bgp 65002\naddress-family ipv4 unicast\n{lines}");
        feeder.vtysh(&lines).unwrap();
    };
    feed("no network 40.1.0.0/16");
    until("the aggregate to go", || bird.route("40.0.0.0/8").is_empty() && frr.path("40.0.0.0/8").is_none());
    feed("network 40.1.0.0/16");
    until("the aggregate to come back", || !bird.route("40.0.0.0/8").is_empty());
    router.reload(&conf().replace("  aggregate-address 40.0.0.0/8 summary-only\n", ""));
    until("what it suppressed", || {
        bird.route("40.0.0.0/8").is_empty() && !bird.route("40.1.0.0/16").is_empty()
    });
}
