//! A confederation of three implementations, and a neighbour that sees one AS (RFC 5065).
//!
//! ```text
//!            confederation 64500                          outside
//!   I 10.0.0.4 ── 65001 ── R 10.0.0.1 ──────────────── O 10.0.0.5, 65009
//!                          │      │
//!            F 10.0.0.2, 65002   B 10.0.0.3, 65003
//! ```

use router_tests::kernel;
use router_tests::lab::{Lab, Node};
use router_tests::peers::{Bird, Frr, Router};
use serde_json::Value;

use crate::common::*;

/// What each of them announces; I also what must not leave the confederation, and our member AS.
const OF_F: &str = "203.0.113.0/24";
const OF_B: &str = "203.0.114.0/24";
const OF_I: &str = "203.0.115.0/24";
const OF_O: &str = "192.0.2.0/24";
const NO_EXPORT: &str = "203.0.116.0/24";
const LOCAL_AS: &str = "203.0.117.0/24";

/// `router bgp` of R with the confederation's lines in `lines`. Only O needs a policy (RFC 8212).
fn ours(lines: &str) -> String {
    let sessions: String = [(2, 65002), (3, 65003), (4, 65001), (5, 65009)]
        .map(|(n, asn)| {
            format!(" neighbor 10.0.0.{n} remote-as {asn}\n neighbor 10.0.0.{n} timers connect 1\n")
        })
        .concat();
    let families = format!(
        " address-family ipv4 unicast\n  network {OURS}\n  neighbor 10.0.0.5 route-map ALL in\n  \
         neighbor 10.0.0.5 route-map ALL out\n exit-address-family"
    );
    bgp(65001, "10.0.0.1", &format!("{lines}{sessions}{families}"))
        .replace(" no bgp ebgp-requires-policy\n", "")
        + "route-map ALL permit 10\nexit\n"
}

const CONFEDERATION: &str = " bgp confederation identifier 64500\n bgp confederation peers 65002 65003\n";

/// An FRR beside R, with what it announces and lines of its own.
fn frr(node: &Node, n: u8, asn: u32, sees: u32, lines: &str, networks: &[&str]) -> Frr {
    let networks: String = networks.iter().map(|n| format!("  network {n}\n")).collect();
    let text = format!(
        "{lines} neighbor 10.0.0.1 remote-as {sees}\n neighbor 10.0.0.1 timers connect 1\n \
         address-family ipv4 unicast\n{networks} exit-address-family"
    );
    let maps = "route-map NE permit 10\n set community no-export\nexit\n\
                route-map LA permit 10\n set community local-AS\nexit\n";
    Frr::start(node, &(bgp(asn, &format!("10.0.0.{n}"), &text) + maps))
}

struct Scene {
    router: Router,
    r: Node,
    f: Frr,
    b: Bird,
    i: Frr,
    o: Frr,
    _lab: Lab,
}

fn scene(config: &str) -> Scene {
    let (lab, [r, f, b, i, o]) = lan(["r", "f", "b", "i", "o"]);
    let router = Router::start(&r, config);
    let inside = " bgp confederation identifier 64500\n bgp confederation peers 65001 65003\n";
    let f = frr(&f, 2, 65002, 65001, inside, &[OF_F]);
    let bird = format!(
        "router id 10.0.0.3;\nlog stderr all;\nprotocol device {{}}\n\
         protocol static s4 {{ ipv4; route {OF_B} blackhole; }}\n\
         protocol bgp r {{ local 10.0.0.3 as 65003; confederation 64500; confederation member yes; \
         neighbor 10.0.0.1 as 65001; connect delay time 1; connect retry time 1; \
         ipv4 {{ import all; export all; next hop self; }}; }}\n"
    );
    let b = Bird::start(&b, &bird);
    let inside = " bgp confederation identifier 64500\n bgp confederation peers 65002 65003\n";
    let of_i = [OF_I, &format!("{NO_EXPORT} route-map NE"), &format!("{LOCAL_AS} route-map LA")];
    let i = frr(&i, 4, 65001, 65001, inside, &of_i);
    let o = frr(&o, 5, 65009, 64500, "", &[OF_O]);
    Scene { router, r, f, b, i, o, _lab: lab }
}

impl Scene {
    /// Waits until everybody has what is due.
    fn complete(&self) {
        let all = |frr: &Frr, prefixes: &[&str]| prefixes.iter().all(|p| frr.path(p).is_some());
        until("O to have all that leaves", || all(&self.o, &[OURS, OF_F, OF_B, OF_I]));
        until("F to have all of R", || all(&self.f, &[OURS, OF_B, OF_I, OF_O, NO_EXPORT]));
        until("I to have all of R", || all(&self.i, &[OURS, OF_F, OF_B, OF_O]));
        until("B to have all of R", || {
            [OURS, OF_F, OF_I, OF_O, NO_EXPORT].iter().all(|p| !self.b.route(p).is_empty())
        });
    }
}

fn json(router: &Router, command: &str) -> Value {
    serde_json::from_str(&router.vtysh(command).unwrap_or_default()).unwrap_or_default()
}

fn path(frr: &Frr, prefix: &str) -> (String, String) {
    let path = frr.path(prefix).unwrap_or_default();
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    (text(&path["aspath"]["string"]), text(&path["nexthops"][0]["ip"]))
}

fn pair(path: &str, hop: &str) -> (String, String) {
    (path.to_owned(), hop.to_owned())
}

#[test]
fn members_see_each_other_and_one_as_is_seen_from_outside() {
    let scene = scene(&ours(CONFEDERATION));
    scene.complete();
    // All are on one network, where third-party next hops stay.
    for (prefix, hop) in [(OURS, "10.0.0.1"), (OF_F, "10.0.0.2"), (OF_B, "10.0.0.3"), (OF_I, "10.0.0.4")] {
        assert_eq!(path(&scene.o, prefix), pair("64500", hop), "{prefix} outside");
    }
    // Next hops stay as they are among members.
    assert_eq!(path(&scene.f, OF_O), pair("(65001) 65009", "10.0.0.5"));
    assert_eq!(path(&scene.f, OF_B), pair("(65001 65003)", "10.0.0.3"));
    assert_eq!(path(&scene.f, OF_I), pair("(65001)", "10.0.0.4"));
    assert_eq!(path(&scene.i, OF_F), pair("(65002)", "10.0.0.2"));
    assert_eq!(path(&scene.i, OF_O), pair("65009", "10.0.0.5"));
    assert!(scene.b.route(OF_O).contains("BGP.as_path: (65001) 65009"), "{}", scene.b.route(OF_O));
    assert!(scene.b.route(OF_F).contains("BGP.as_path: (65001 65002)"), "{}", scene.b.route(OF_F));
    assert!(scene.b.route(OF_F).contains("BGP.local_pref: 100"), "{}", scene.b.route(OF_F));
    // I alone may have its route of our member AS; outside nobody what is not for export.
    assert!(scene.f.path(LOCAL_AS).is_none() && scene.b.route(LOCAL_AS).is_empty());
    assert!(scene.o.path(NO_EXPORT).is_none() && scene.o.path(LOCAL_AS).is_none());
    wait_gateways(&scene.r, OF_F, &["10.0.0.2"]);
    wait_gateways(&scene.r, OF_B, &["10.0.0.3"]);
}

#[test]
fn shows_tell_members_from_others_as_frr_does() {
    let scene = scene(&ours(CONFEDERATION));
    scene.complete();
    let neighbors = json(&scene.router, "show bgp neighbors json");
    for (n, link, local) in [
        (2, "nbrConfedExternalLink", 65001),
        (3, "nbrConfedExternalLink", 65001),
        (4, "nbrInternalLink", 65001),
        (5, "nbrExternalLink", 64500),
    ] {
        let shown = &neighbors[format!("10.0.0.{n}")];
        assert_eq!((&shown[link], &shown["localAs"]), (&true.into(), &local.into()), "{n}: {shown}");
        assert_eq!(shown["nbrCommonAdmin"] == true, n < 4, "{n}");
    }
    let text = scene.router.vtysh("show bgp neighbors 10.0.0.2").unwrap();
    assert!(text.contains("remote AS 65002, local AS 65001, confed-external link\n"), "{text}");
    assert!(text.contains("  Neighbor under common administration\n"), "{text}");
    let theirs = scene.f.vtysh("show bgp neighbors 10.0.0.1").unwrap();
    assert!(theirs.contains("  Neighbor under common administration\n"), "{theirs}");
    let table = scene.router.vtysh("show bgp ipv4 unicast").unwrap();
    let row = table.lines().find(|l| l.contains(OF_F)).unwrap_or_default();
    assert!(row.ends_with(" 0 (65002) i"), "{table}");
    let detail = scene.router.vtysh(&format!("show bgp ipv4 unicast {OF_F}")).unwrap();
    assert!(detail.contains("\n  (65002)\n") && detail.contains("confed-external, best"), "{detail}");
    let path = &json(&scene.router, &format!("show bgp ipv4 unicast {OF_F} json"))["paths"][0];
    // The same path as the FRR inside has it.
    let same = scene.i.path(OF_F).unwrap();
    assert_eq!(path["aspath"], same["aspath"]);
    assert_eq!(path["peer"]["type"], "confed-external");
}

#[test]
fn a_reload_makes_a_member_of_the_router_and_takes_it_out_again() {
    let alone = ours("");
    let scene = scene(&alone);
    let state = |n: u8| {
        json(&scene.router, &format!("show bgp neighbors 10.0.0.{n} json"))[format!("10.0.0.{n}")]["bgpState"]
            .clone()
    };
    until("a session with F", || state(2) == "Established");
    // O expects another AS, and a path that begins with a segment of a confederation is none from outside.
    assert_ne!(state(5), "Established");
    assert!(kernel::of(&scene.r, OF_F, kernel::BGP).is_none());
    scene.router.reload(&ours(CONFEDERATION));
    scene.complete();
    assert_eq!(path(&scene.o, OF_F), pair("64500", "10.0.0.2"));
    // Another member is one more number in the list: nobody's session ends for it.
    let before = scene.o.neighbor("10.0.0.1")["connectionsEstablished"].clone();
    scene.router.reload(&ours(&CONFEDERATION.replace("65003", "65003 65004")));
    until("the list to be in force", || {
        scene.router.vtysh("show running-config").unwrap_or_default().contains("peers 65002 65003 65004\n")
    });
    scene.complete();
    assert_eq!(scene.o.neighbor("10.0.0.1")["connectionsEstablished"], before);
    scene.router.reload(&alone);
    wait_gone(&scene.r, OF_F);
    until("O to lose the session", || !scene.o.established("10.0.0.1"));
}
