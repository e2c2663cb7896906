//! Several paths of a prefix in one session (RFC 7911), both ways, with each peer that knows how.
//!
//! ```text
//!   A 10.0.0.3 ──┐ eBGP, one prefix to R, another to P, ┌── R 10.0.0.1
//!   B 10.0.0.4 ──┘ each with the other's path beside    └── P 10.0.0.2, iBGP with R, all paths both ways
//! ```

use router_tests::lab::{Lab, Node};
use router_tests::peers::{Bird, ExaBgp, Frr, GoBgp, OpenBgpd, Router};
use router_tests::speaker::{Identity, Speaker};
use serde_json::Value;

use crate::common::*;
use crate::malformed::{message, update_with};
use crate::security::{self, CASE, Codes, GOOD, GOOD_PREFIX, OPENERS, attrs, ended_with, identity};

/// The AS numbers of A and B.
const FEEDERS: [u32; 2] = [65003, 65004];

struct Scene {
    r: Node,
    p: Node,
    ab: [Node; 2],
    _lab: Lab,
}

fn scene() -> Scene {
    let (lab, [r, p, a, b]) = lan(["r", "p", "a", "b"]);
    Scene { r, p, ab: [a, b], _lab: lab }
}

/// R's configuration, and that of an FRR at P if `me` is 2.
fn conf(me: u8) -> String {
    let you = 3 - me;
    let feeders: String =
        [3, 4].map(|n| format!(" neighbor 10.0.0.{n} remote-as {}\n", FEEDERS[n - 3])).concat();
    bgp(
        65001,
        &format!("10.0.0.{me}"),
        &format!(
            " neighbor 10.0.0.{you} remote-as 65001\n neighbor 10.0.0.{you} timers connect 1\n{feeders} \
             address-family ipv4 unicast\n  neighbor 10.0.0.{you} addpath-tx-all-paths\n exit-address-family"
        ),
    )
}

/// The paths that R has of a prefix.
fn ours(router: &Router, prefix: &str) -> Vec<Value> {
    let shown = router.vtysh(&format!("show bgp ipv4 unicast {prefix} json")).unwrap_or_default();
    let shown: Value = serde_json::from_str(&shown).unwrap_or_default();
    shown["paths"].as_array().cloned().unwrap_or_default()
}

/// Feeds both, and waits until each has both paths of the other's prefix; then one path goes. `at_peer` are the AS
/// paths that P has of a prefix.
fn both_ways(scene: &Scene, router: &Router, at_peer: impl Fn(&str) -> Vec<String>) {
    let speak = |to: &str| {
        let at = |n: usize| {
            let me = format!("10.0.0.{}", n + 3);
            Speaker::established(&scene.ab[n], Identity::new(FEEDERS[n], &me, &me, 65001, to))
        };
        [at(0), at(1)]
    };
    let (to_r, to_p) = (speak("10.0.0.1"), speak("10.0.0.2"));
    for n in 0..2 {
        to_r[n].announce(&[OURS], &[FEEDERS[n], 64999]);
        to_p[n].announce(&[THEIRS], &[FEEDERS[n], 64999]);
    }
    let both = FEEDERS.map(|f| format!("{f} 64999"));
    let sorted = |mut paths: Vec<String>| {
        paths.sort();
        paths
    };
    until("both of our paths at the peer", || sorted(at_peer(OURS)) == both);
    let as_paths = || {
        let string = |p: &Value| p["aspath"]["string"].as_str().unwrap_or_default().to_owned();
        sorted(ours(router, THEIRS).iter().map(string).collect())
    };
    until("both of the peer's paths with us", || as_paths() == both);
    let ids: Vec<u64> = ours(router, THEIRS).iter().filter_map(|p| p["addpathRxId"].as_u64()).collect();
    assert!(ids.len() == 2 && ids[0] != ids[1], "identifiers {ids:?}");
    // Both are equally good: the load goes over both.
    wait_gateways(&scene.r, THEIRS, &["10.0.0.3", "10.0.0.4"]);
    to_r[0].withdraw(&[OURS]);
    to_p[1].withdraw(&[THEIRS]);
    until("the other path at the peer", || at_peer(OURS) == both[1..]);
    until("the other path with us", || as_paths() == both[..1]);
    wait_gateways(&scene.r, THEIRS, &["10.0.0.3"]);
}

/// R with a setting that lets equal paths of two ASes share the load.
fn start(scene: &Scene) -> Router {
    let conf =
        conf(1).replace("router bgp 65001\n", "router bgp 65001\n bgp bestpath as-path multipath-relax\n");
    Router::start(&scene.r, &conf)
}

#[test]
fn frr_and_we_tell_each_other_all_paths() {
    let scene = scene();
    let router = start(&scene);
    let frr = Frr::start(&scene.p, &conf(2));
    both_ways(&scene, &router, |prefix| {
        let string = |p: &Value| p["aspath"]["string"].as_str().unwrap_or_default().to_owned();
        frr.paths(prefix).iter().map(string).collect()
    });
    let capability = &frr.neighbor("10.0.0.1")["neighborCapabilities"]["addPath"]["ipv4Unicast"];
    assert_eq!(
        *capability,
        serde_json::json!({"txAdvertisedAndReceived": true, "rxAdvertisedAndReceived": true})
    );
    let told = router.vtysh("show bgp ipv4 unicast neighbors 10.0.0.2 advertised-routes json").unwrap();
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["totalPrefixCounter"], 1, "{told}");
}

#[test]
fn bird_and_we_tell_each_other_all_paths() {
    let scene = scene();
    let router = start(&scene);
    let feeders: String = [3, 4]
        .map(|n| {
            format!(
                "protocol bgp f{n} {{ local 10.0.0.2 as 65001; neighbor 10.0.0.{n} as {}; passive; \
                 ipv4 {{ import all; export none; }}; }}\n",
                FEEDERS[n - 3]
            )
        })
        .concat();
    let bird = Bird::start(
        &scene.p,
        &format!(
            "router id 10.0.0.2;\nlog stderr all;\nprotocol device {{}}\n{feeders}\
             protocol bgp r {{ local 10.0.0.2 as 65001; neighbor 10.0.0.1 as 65001; \
             connect delay time 1; connect retry time 1; error wait time 1, 2; \
             ipv4 {{ import all; export where source = RTS_BGP; add paths on; }}; }}\n"
        ),
    );
    both_ways(&scene, &router, |prefix| {
        let text = bird.route(prefix);
        let paths = text.lines().filter_map(|l| l.trim().strip_prefix("BGP.as_path: "));
        paths.map(str::to_owned).collect()
    });
}

#[test]
fn gobgp_and_we_tell_each_other_all_paths() {
    let scene = scene();
    let router = start(&scene);
    let mut text = "[global.config]\nas = 65001\nrouter-id = \"10.0.0.2\"\n".to_owned();
    for (addr, asn, several) in
        [("10.0.0.1", 65001, true), ("10.0.0.3", 65003, false), ("10.0.0.4", 65004, false)]
    {
        text += &format!(
            "[[neighbors]]\n[neighbors.config]\nneighbor-address = \"{addr}\"\npeer-as = {asn}\n\
             [neighbors.timers.config]\nconnect-retry = 1\nidle-hold-time-after-reset = 1\n\
             [[neighbors.afi-safis]]\n[neighbors.afi-safis.config]\nafi-safi-name = \"ipv4-unicast\"\n"
        );
        if several {
            text += "[neighbors.afi-safis.add-paths.config]\nreceive = true\nsend-max = 8\n";
        }
    }
    let gobgp = GoBgp::start(&scene.p, &text);
    both_ways(&scene, &router, |prefix| {
        let path = |p: &Value| {
            let attrs = p["attrs"].as_array().cloned().unwrap_or_default();
            let asns = attrs.iter().find(|a| a["type"] == 2).map(|a| a["as_paths"][0]["asns"].clone());
            let asns = asns.as_ref().and_then(Value::as_array).cloned().unwrap_or_default();
            asns.iter().map(Value::to_string).collect::<Vec<_>>().join(" ")
        };
        gobgp.paths(prefix).iter().map(path).collect()
    });
}

#[test]
fn openbgpd_and_we_tell_each_other_all_paths() {
    let scene = scene();
    let router = start(&scene);
    let feeders: String = [3, 4]
        .map(|n| format!("neighbor 10.0.0.{n} {{\n remote-as {}\n passive\n}}\n", FEEDERS[n - 3]))
        .concat();
    let openbgpd = OpenBgpd::start(
        &scene.p,
        &format!(
            "AS 65001\nrouter-id 10.0.0.2\nfib-update no\nconnect-retry 1\n\
             neighbor 10.0.0.1 {{\n remote-as 65001\n announce add-path recv yes\n announce add-path send all\n}}\n\
             {feeders}allow from any\nallow to any\n"
        ),
    );
    both_ways(&scene, &router, |prefix| {
        let text = openbgpd.bgpctl(&format!("-j show rib {prefix}")).unwrap_or_default();
        let shown: Value = serde_json::from_str(&text).unwrap_or_default();
        let rib = shown["rib"].as_array().cloned().unwrap_or_default();
        rib.iter().filter_map(|p| p["aspath"].as_str()).map(str::to_owned).collect()
    });
}

#[test]
fn exabgp_tells_us_several_paths_and_hears_all_of_ours() {
    let scene = scene();
    let router = start(&scene);
    let exabgp = ExaBgp::start(
        &scene.p,
        &format!(
            "neighbor 10.0.0.1 {{ router-id 10.0.0.2; local-address 10.0.0.2; local-as 65001; peer-as 65001; \
             capability {{ add-path send/receive; }} family {{ ipv4 unicast; }} \
             api {{ processes [ ear, mouth ]; neighbor-changes; receive {{ parsed; update; }} }} \
             static {{ route {THEIRS} next-hop 10.0.0.3 path-information 1 as-path [ 65003 64999 ]; \
             route {THEIRS} next-hop 10.0.0.4 path-information 2 as-path [ 65004 64999 ]; }} }}\n"
        ),
    );
    wait_gateways(&scene.r, THEIRS, &["10.0.0.3", "10.0.0.4"]);
    let ids: Vec<u64> = ours(&router, THEIRS).iter().filter_map(|p| p["addpathRxId"].as_u64()).collect();
    assert!(ids.contains(&1) && ids.contains(&2), "identifiers {ids:?}");
    let speakers = [0, 1].map(|n| {
        let me = format!("10.0.0.{}", n + 3);
        Speaker::established(&scene.ab[n], Identity::new(FEEDERS[n], &me, &me, 65001, "10.0.0.1"))
    });
    for (speaker, feeder) in speakers.iter().zip(FEEDERS) {
        speaker.announce(&[OURS], &[feeder, 64999]);
    }
    for feeder in FEEDERS {
        until("each of our paths at ExaBGP", || {
            exabgp.heard().iter().any(|m| {
                let update = &m["neighbor"]["message"]["update"];
                update["announce"].to_string().contains(OURS)
                    && update["attribute"]["as-path"] == serde_json::json!([feeder, 64999])
            })
        });
    }
}

#[test]
fn prefixes_without_a_whole_identifier_end_a_session_that_agreed_on_them() {
    let scene = security::scene_with("", "");
    let nlri = |nlri: &[u8]| update_with(&attrs(&[]), nlri);
    let reach = |rest: &[u8]| update_with(&attrs(&[&security::mp(1, 1, rest)]), &[]);
    let withdrawn = |rest: &[u8]| message(2, &[&[0, rest.len() as u8], rest, &[0, 0]].concat());
    // Where one ends and the next begins cannot be told any more (RFC 7606 section 5.3).
    let (field, mp): (Codes, Codes) = (&[(3, 10), (3, 1)], &[(3, 9), (3, 10)]);
    let cases = [
        ("a prefix without an identifier", nlri(CASE), field),
        ("three octets of an identifier", nlri(&[0, 0, 1]), field),
        ("an identifier without a prefix", nlri(&[0, 0, 0, 1]), field),
        ("a good prefix, then an identifier that is cut", nlri(&[&[0, 0, 0, 1], GOOD, &[0]].concat()), field),
        ("a prefix of /0 and nothing else", nlri(&[0]), field),
        ("withdrawn without an identifier", withdrawn(CASE), field),
        ("withdrawn, the identifier cut", withdrawn(&[0, 0]), field),
        ("MP_REACH_NLRI without an identifier", reach(&[&[4, 10, 0, 0, 2, 0], CASE].concat()), mp),
        ("MP_REACH_NLRI, the identifier cut", reach(&[4, 10, 0, 0, 2, 0, 0, 0, 1]), mp),
        (
            "MP_UNREACH_NLRI, the identifier cut",
            update_with(&security::attr(0x80, 15, &[0, 1, 1, 0, 0]), &[]),
            mp,
        ),
    ];
    assert!(cases.len() <= OPENERS.len());
    for (n, (what, bytes, codes)) in OPENERS.zip(cases) {
        let mut identity = identity(65002, &format!("10.0.0.{n}"));
        identity.session.add_path_send = [true, false];
        let speaker = Speaker::established(&scene.bad, identity);
        let accepted = |id: u8| {
            speaker.send(nlri(&[&[0, 0, 0, id], GOOD].concat()));
            wait_gateways(&scene.r, GOOD_PREFIX, &["10.0.0.2"]);
            until(what, || ours(&scene.router, GOOD_PREFIX).iter().any(|p| p["addpathRxId"] == id));
        };
        accepted(7);
        speaker.send(bytes);
        ended_with(&speaker, what, codes);
        speaker.wait_established();
        accepted(8);
        speaker.stop();
        wait_gone(&scene.r, GOOD_PREFIX);
        scene.undisturbed();
    }
}
