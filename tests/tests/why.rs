//! What the router says about a prefix, held against what its neighbours and its kernel have.

use router_tests::kernel;
use router_tests::lab::{Lab, Node};
use router_tests::peers::{Bird, Frr, Router};
use router_tests::wait::{PATIENCE, wait_for, wait_ok};
use serde_json::Value;

const BY_LOCAL_PREF: &str = "203.0.113.0/24";
const BY_PATH: &str = "203.0.114.0/24";
const BY_ROUTER_ID: &str = "203.0.115.0/24";
const DENIED_IN: &str = "203.0.116.0/24";
const UNREACHABLE: &str = "203.0.117.0/24";
const LOOPED: &str = "203.0.118.0/24";

/// R: FRR at 10.0.0.2 is AS 65002, BIRD at 10.0.0.3 is AS 65003, and 10.0.0.4 never comes.
const R: &str = "hostname edge
log stdout debugging
ip forwarding
ip prefix-list LIKED seq 5 permit 203.0.113.0/24
ip prefix-list BAD seq 7 permit 203.0.116.0/24
ip prefix-list SECOND seq 5 permit 203.0.114.0/24
route-map FROM-FRR deny 10
 match ip address prefix-list BAD
exit
route-map FROM-FRR permit 20
exit
route-map FROM-BIRD permit 10
 match ip address prefix-list LIKED
 set local-preference 200
exit
route-map FROM-BIRD deny 15
 match ip address prefix-list BAD
exit
route-map FROM-BIRD permit 20
exit
route-map TO-FRR deny 10
 match ip address prefix-list SECOND
exit
route-map TO-FRR permit 20
 set as-path prepend 65001
exit
ip route 203.0.115.0/24 blackhole
router bgp 65001
 bgp router-id 10.0.0.1
 bgp bestpath compare-routerid
 no bgp network import-check
 neighbor 10.0.0.2 remote-as 65002
 neighbor 10.0.0.2 timers connect 1
 neighbor 10.0.0.3 remote-as 65003
 neighbor 10.0.0.3 timers connect 1
 neighbor 10.0.0.4 remote-as 65004
 neighbor 10.0.0.4 password verySecret
 address-family ipv4 unicast
  maximum-paths 1
  network 198.51.100.0/24
  neighbor 10.0.0.2 route-map FROM-FRR in
  neighbor 10.0.0.2 route-map TO-FRR out
  neighbor 10.0.0.2 soft-reconfiguration inbound
  neighbor 10.0.0.3 route-map FROM-BIRD in
 exit-address-family
exit
";

const FRR: &str = "ip forwarding
route-map LONG permit 10
 set as-path prepend 65002 65002
exit
router bgp 65002
 bgp router-id 10.0.0.2
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor 10.0.0.1 remote-as 65001
 neighbor 10.0.0.1 timers connect 1
 address-family ipv4 unicast
  network 203.0.113.0/24
  network 203.0.114.0/24 route-map LONG
  network 203.0.115.0/24
  network 203.0.116.0/24
 exit-address-family
exit
";

const BIRD: &str = "router id 10.0.0.3;
protocol device {}
protocol static {
  ipv4;
  route 203.0.113.0/24 blackhole;
  route 203.0.114.0/24 blackhole;
  route 203.0.115.0/24 blackhole;
  route 203.0.116.0/24 blackhole;
  route 203.0.117.0/24 blackhole;
  route 203.0.118.0/24 blackhole;
}
protocol bgp r {
  local 10.0.0.3 as 65003;
  neighbor 10.0.0.1 as 65001;
  connect retry time 1;
  ipv4 {
    import all;
    export filter {
      if net = 203.0.117.0/24 then bgp_next_hop = 192.0.2.99;
      if net = 203.0.118.0/24 then bgp_path.prepend(65001);
      accept;
    };
  };
}
";

struct Scene {
    router: Router,
    frr: Frr,
    bird: Bird,
    r: Node,
    // The nodes' namespaces go with it: last.
    _lab: Lab,
}

impl Scene {
    #[track_caller]
    fn start() -> Scene {
        let lab = Lab::new();
        let (r, f, b) = (lab.node("r"), lab.node("f"), lab.node("b"));
        let ends: [(&Node, &str, &[&str]); 3] =
            [(&r, "eth0", &["10.0.0.1/24"]), (&f, "eth0", &["10.0.0.2/24"]), (&b, "eth0", &["10.0.0.3/24"])];
        lab.bridge("lan", &ends);
        let router = Router::start(&r, R);
        let (frr, bird) = (Frr::start(&f, FRR), Bird::start(&b, BIRD));
        let scene = Scene { router, frr, bird, r, _lab: lab };
        wait_ok(PATIENCE, "both tables", || {
            let two = |net| scene.why(net)["paths"].as_array().map_or(0, Vec::len);
            let found = [BY_LOCAL_PREF, BY_PATH, BY_ROUTER_ID, UNREACHABLE].map(two);
            if found == [2, 2, 2, 1] { Ok(()) } else { Err(format!("{found:?}")) }
        });
        // Ours goes to FRR last.
        wait_for(PATIENCE, "FRR to hear", || scene.frr.paths(BY_LOCAL_PREF).len() == 2);
        scene
    }

    #[track_caller]
    fn why(&self, net: &str) -> Value {
        let text = self.router.vtysh(&format!("show bgp ipv4 unicast {net} why json")).expect("our shell");
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
    }

    #[track_caller]
    fn text(&self, net: &str) -> String {
        self.router.vtysh(&format!("show ip bgp {net} why")).expect("our shell")
    }
}

/// The path of a neighbour.
#[track_caller]
fn path<'a>(why: &'a Value, peer: &str) -> &'a Value {
    let paths = why["paths"].as_array().expect("paths");
    paths.iter().find(|p| p["peer"] == peer).unwrap_or_else(|| panic!("no path of {peer}: {why:#}"))
}

#[track_caller]
fn neighbor<'a>(why: &'a Value, peer: &str) -> &'a Value {
    let all = why["neighbors"].as_array().expect("neighbors");
    all.iter().find(|n| n["neighbor"] == peer).unwrap_or_else(|| panic!("no {peer}: {why:#}"))
}

/// Who lost, by which step, and what was compared there.
#[track_caller]
fn lost(why: &Value, peer: &str) -> (String, String, String) {
    let steps = path(why, peer)["steps"].as_array().unwrap_or_else(|| panic!("{why:#}"));
    let last = steps.last().expect("a step");
    assert_eq!(last["decided"], true, "{why:#}");
    let text = |key: &str| last[key].as_str().expect("a text").to_owned();
    (text("step"), text("winner"), text("this"))
}

fn step(name: &str, winner: &str, loser: &str) -> (String, String, String) {
    (name.to_owned(), winner.to_owned(), loser.to_owned())
}

const F: &str = "10.0.0.2";
const B: &str = "10.0.0.3";

#[test]
fn the_decision_is_explained_step_by_step() {
    let scene = Scene::start();
    let why = scene.why(BY_LOCAL_PREF);
    assert_eq!(path(&why, B)["standing"], "best");
    assert_eq!(lost(&why, F), step("Local Pref", "200", "100"));
    let policy = &path(&why, B)["policyIn"][0];
    assert_eq!((&policy["name"], &policy["sequence"]), (&"FROM-BIRD".into(), &10.into()), "{why:#}");
    assert_eq!(policy["sets"][0], "set local-preference 200");
    // It was received without.
    assert_eq!(path(&why, B)["received"]["locPrf"], Value::Null, "{why:#}");

    let why = scene.why(BY_PATH);
    assert_eq!(lost(&why, F), step("AS Path", "1", "3"));
    let why = scene.why(BY_ROUTER_ID);
    assert_eq!(path(&why, F)["standing"], "best");
    assert_eq!(lost(&why, B), step("Router ID", F, B));
    let text = scene.text(BY_ROUTER_ID);
    for line in [
        "Path #1 from 10.0.0.2: best",
        "Path #2 from 10.0.0.3: lost to path #1 by Router ID",
        "    AS Path: 1, equal",
        "    Router ID: 10.0.0.2 is better than 10.0.0.3",
    ] {
        assert!(text.lines().any(|l| l == line), "'{line}' in\n{text}");
    }
    // An address is looked up as elsewhere.
    assert_eq!(scene.why("203.0.114.77")["prefix"], BY_PATH);
}

#[test]
fn what_is_not_used_is_explained() {
    let scene = Scene::start();
    let why = scene.why(DENIED_IN);
    // FRR's route is kept, so that the clause can be asked again.
    let denied = path(&why, F);
    assert_eq!((&denied["standing"], &denied["reason"]), (&"unused".into(), &"filtered".into()), "{why:#}");
    let clause = &denied["policyIn"][0];
    assert_eq!((&clause["name"], &clause["sequence"]), (&"FROM-FRR".into(), &10.into()));
    assert_eq!((&clause["action"], &clause["matched"]), (&"deny".into(), &true.into()));
    assert_eq!(clause["matches"][0]["clause"], "match ip address prefix-list BAD");
    // BIRD's is not, but the clause asks for the prefix alone.
    let would = &neighbor(&why, B)["wouldRefuse"];
    assert_eq!((&would["name"], &would["sequence"]), (&"FROM-BIRD".into(), &15.into()), "{why:#}");
    assert_eq!(why["kernel"]["verdict"], "noBest");

    let why = scene.why(UNREACHABLE);
    assert_eq!(path(&why, B)["reason"], "nextHopUnreachable", "{why:#}");
    assert_eq!(path(&why, B)["nextHop"]["accessible"], false);
    assert!(scene.text(UNREACHABLE).contains("  Next hop 192.0.2.99: no route to it\n"));

    let why = scene.why(LOOPED);
    assert_eq!(why["paths"], Value::Array(Vec::new()));
    let refused = neighbor(&why, B)["refused"].as_str().unwrap_or_default();
    assert!(refused.starts_with("our own AS is in the path"), "{why:#}");
    // Who has not announced it is not suspected.
    assert_eq!(neighbor(&why, F)["refused"], Value::Null);
    assert!(scene.text("192.0.2.0/24").contains("192.0.2.0/24: there is none\n"));
}

#[test]
fn who_was_told_what_is_what_neighbours_have() {
    let scene = Scene::start();
    let why = scene.why(BY_LOCAL_PREF);
    // BIRD's own, and BIRD has no policy out besides.
    assert_eq!(neighbor(&why, B)["notTold"][0]["reason"], "splitHorizon", "{why:#}");
    let told = &neighbor(&why, F)["told"][0];
    assert_eq!(told["attributes"]["asPath"], "65001 65001 65003", "{why:#}");
    assert_eq!(told["policyOut"][0]["sequence"], 20);
    let held = scene.frr.path(BY_LOCAL_PREF).expect("FRR has it");
    let from_us = scene.frr.paths(BY_LOCAL_PREF);
    assert!(from_us.iter().any(|p| p["aspath"]["string"] == told["attributes"]["asPath"]), "{held:#}");
    let next_hop = told["attributes"]["nextHop"].as_str().expect("a next hop");
    assert!(from_us.iter().any(|p| p["nexthops"][0]["ip"] == next_hop), "{from_us:#?}");

    let why = scene.why(BY_PATH);
    let denied = &neighbor(&why, F)["notTold"][0];
    assert_eq!(
        (&denied["reason"], &denied["policyOut"][0]["name"]),
        (&"denied".into(), &"TO-FRR".into()),
        "{why:#}"
    );
    assert_eq!(denied["policyOut"][0]["sequence"], 10);
    assert!(scene.frr.paths(BY_PATH).iter().all(|p| p["aspath"]["string"] != "65001 65001 65003"));
    // No policy towards BIRD: RFC 8212.
    let why = scene.why(BY_ROUTER_ID);
    assert_eq!(neighbor(&why, B)["notTold"][0]["policyOut"][0]["type"], "noPolicy", "{why:#}");
    assert!(!scene.bird.route(BY_ROUTER_ID).contains("65001"));
    assert_eq!(neighbor(&why, "10.0.0.4")["session"], false);
}

#[test]
fn the_kernel_is_asked_as_well() {
    let scene = Scene::start();
    let why = scene.why(BY_ROUTER_ID);
    let kernel = &why["kernel"];
    assert_eq!((&kernel["verdict"], &kernel["protocol"]), (&"distance".into(), &"static".into()), "{why:#}");
    assert_eq!((&kernel["distance"], &kernel["bgpDistance"]), (&1.into(), &20.into()));
    let seen = || kernel::gateways(&scene.r, BY_PATH, kernel::BGP);
    wait_for(PATIENCE, "the kernel's route", || seen() == [B]);
    let why = scene.why(BY_PATH);
    let route = &why["kernel"]["route"];
    assert_eq!(route["installed"], true, "{why:#}");
    assert_eq!(route["nexthops"][0]["ip"], B);
    let (group, member) = (&route["nexthopGroupId"], &route["nexthops"][0]["id"]);
    let objects = scene.r.ip("nexthop show");
    assert!(objects.contains(&format!("id {group} group {member}")), "{why:#}\n{objects}");
    // What changed is remembered, with its cause.
    scene.bird.birdc("disable r").expect("BIRD's client");
    wait_ok(PATIENCE, "the other path", || {
        let why = scene.why(BY_PATH);
        let last = why["changes"][0]["event"].as_str().unwrap_or_default().to_owned();
        if last == "best path from 10.0.0.2, before from 10.0.0.3" { Ok(()) } else { Err(format!("{why:#}")) }
    });
    let history = scene.router.vtysh("show history bgp json").expect("our shell");
    let history: Value = serde_json::from_str(&history).expect("JSON");
    let last = &history["events"][0];
    assert_eq!((&last["subject"], &last["event"]), (&B.into(), &"session down".into()), "{history:#}");
    assert!(
        last["cause"].as_str().is_some_and(|c| c.contains("NOTIFICATION") || c.contains("6/")),
        "{last:#}"
    );
}

#[test]
fn route_maps_are_tried_and_a_bundle_has_no_secrets() {
    let scene = Scene::start();
    let test = |line: &str| scene.router.vtysh(&format!("test route-map {line}")).expect("our shell");
    let json: Value =
        serde_json::from_str(&test("FROM-BIRD prefix 203.0.113.0/24 as-path \"65003 65010\" med 7 json"))
            .expect("JSON");
    assert_eq!(json["verdict"], "permit", "{json:#}");
    assert_eq!(json["attributes"]["locPrf"], 200);
    assert_eq!(json["attributes"]["asPath"], "65003 65010");
    let text = test("FROM-BIRD prefix 203.0.116.0/24 next-hop 10.0.0.3 community 65003:1,no-export");
    for line in [
        "route-map FROM-BIRD permit 10: not matched",
        "  match ip address prefix-list LIKED: no",
        "route-map FROM-BIRD deny 15: matched",
        "Denied",
    ] {
        assert!(text.lines().any(|l| l == line), "'{line}' in\n{text}");
    }
    assert!(test("NOWHERE prefix 10.0.0.0/8").starts_with("% There is no route-map NOWHERE"));
    assert!(test("FROM-BIRD prefix 10.0.0.0/8 as-path 1,x").contains('x'), "the place is named");
    // Trying is not asking: counters stay.
    let before = scene.router.vtysh("show route-map FROM-BIRD json").expect("our shell");
    test("FROM-BIRD prefix 203.0.113.0/24");
    assert_eq!(scene.router.vtysh("show route-map FROM-BIRD json").expect("our shell"), before);

    let bundle = scene.router.vtysh("show tech").expect("our shell");
    for part in [
        "- show bgp summary -",
        "BGP neighbor is 10.0.0.2",
        "neighbor 10.0.0.4 password <hidden>",
        "session up",
    ] {
        assert!(bundle.contains(part), "{part} in\n{bundle}");
    }
    assert!(!bundle.contains("verySecret"), "a password in\n{bundle}");
}
