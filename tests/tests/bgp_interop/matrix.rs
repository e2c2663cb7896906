//! What each peer can, asked of it in few scenes: `docs/interop.md` points here.

use router_tests::lab::Node;
use router_tests::peers::{Frr, Router};
use serde_json::{Value, json};

use crate::common::*;
use crate::plans::*;

pub const ONE: &str = "10.0.0.1";
pub const TWO: &str = "10.0.0.2";

/// AS numbers that need four octets, ours and theirs.
const LONG: [u32; 2] = [4200000001, 4200000002];

fn shown(router: &Router, command: &str) -> Value {
    serde_json::from_str(&router.vtysh(command).unwrap_or_default()).unwrap_or_default()
}

/// The neighbour as we show it.
pub fn neighbor(router: &Router, addr: &str) -> Value {
    shown(router, &format!("show bgp neighbors {addr} json"))[addr].clone()
}

/// The path to a prefix as we have it.
pub fn path(router: &Router, prefix: &str) -> Value {
    shown(router, &format!("show bgp ipv4 unicast {prefix} json"))["paths"][0].clone()
}

fn messages(router: &Router, kind: &str) -> u64 {
    neighbor(router, TWO)["messageStats"][kind].as_u64().unwrap_or(0)
}

/// Waits until the neighbour is shown with these capabilities.
#[track_caller]
pub fn capable(router: &Router, addr: &str, expected: &[(&str, Value)]) {
    for (name, value) in expected {
        let mut last = Value::Null;
        until(&format!("the capability {name}"), || {
            last = neighbor(router, addr);
            last["neighborCapabilities"][*name] == *value
        });
    }
}

pub fn both() -> Value {
    json!("advertisedAndReceived")
}

/// R waits for P, wants its TTL and its key, is its customer if it plays roles, and marks what it says: community
/// 65001:77, large community 65001:1:2 and route target 65001:5.
fn guarded(more: &str) -> String {
    bgp(
        LONG[0],
        ONE,
        &format!(
            " neighbor {TWO} remote-as {}\n neighbor {TWO} passive\n neighbor {TWO} password s3cret\n \
             neighbor {TWO} ttl-security hops 1\n neighbor {TWO} local-role customer\n{more} \
             address-family ipv4 unicast\n  network {OURS} route-map TAG\n exit-address-family",
            LONG[1]
        ),
    ) + "route-map TAG permit 10\n set community 65001:77\n set large-community 65001:1:2\n \
         set extcommunity rt 65001:5\nexit\n"
}

const GUARDED: Plan<'static> = Plan { asns: LONG, password: "s3cret", ..USUAL };

/// The session is up, not by our dialling, and P's route came with all that P said about it. Our mark (RFC 9234) is
/// on it, as it came from a provider.
#[track_caller]
fn arrived(router: &Router) {
    until("P's route", || path(router, THEIRS)["valid"] == true);
    let path = path(router, THEIRS);
    assert_eq!(path["aspath"]["string"], "4200000002", "{path}");
    assert_eq!(path["community"]["string"], "65002:7", "{path}");
    assert_eq!(path["largeCommunity"]["string"], "65002:8:9", "{path}");
    assert_eq!(path["extendedCommunity"]["string"], "RT:65002:10", "{path}");
    assert_eq!(path["otc"], LONG[1], "{path}");
    assert!(!router.log().contains("to=Connect"), "a passive session dialled");
}

/// We ask for P's routes again, and they come, with so many marks around them (RFC 7313).
#[track_caller]
fn we_ask_again(router: &Router, marks: u64) {
    let (updates, refreshes) = (messages(router, "updatesRecv"), messages(router, "routeRefreshRecv"));
    router.vtysh(&format!("clear bgp ipv4 unicast {TWO} soft in")).unwrap();
    until("the answer to our refresh", || {
        messages(router, "updatesRecv") > updates && messages(router, "routeRefreshRecv") == refreshes + marks
    });
    assert_eq!(path(router, THEIRS)["community"]["string"], "65002:7");
}

/// P asks for our routes again by `ask`, and we answer.
#[track_caller]
fn they_ask_again(router: &Router, ask: impl FnOnce()) {
    let (updates, refreshes) = (messages(router, "updatesSent"), messages(router, "routeRefreshRecv"));
    ask();
    until("the request and our answer", || {
        messages(router, "routeRefreshRecv") > refreshes && messages(router, "updatesSent") > updates
    });
}

/// P ended the session and said why.
#[track_caller]
fn told(router: &Router, reason: &str) {
    until("P's reason", || neighbor(router, TWO)["lastShutdownDescription"] == reason);
    assert_eq!(neighbor(router, TWO)["lastErrorCodeSubcode"], "0602");
}

const REASON: &str = "until the tide turns";

/// We end the session and say why; `heard` is whether P has that reason.
#[track_caller]
fn we_tell(router: &Router, heard: impl FnMut() -> bool) {
    until("the session", || router.established(TWO));
    router.reload(&guarded(&format!(" neighbor {TWO} shutdown message {REASON}\n")));
    until("our reason at P", heard);
}

fn logged(node: &Node, file: &str, text: &str) -> bool {
    std::fs::read_to_string(node.file(file)).is_ok_and(|log| log.contains(text))
}

#[test]
fn frr_dials_us_guarded_asks_again_and_goes_in_order() {
    let lab = two();
    let router = Router::start(&lab.r, &guarded(""));
    let tagged = " neighbor 10.0.0.1 remote-as 4200000001\n neighbor 10.0.0.1 timers connect 1\n \
                  neighbor 10.0.0.1 password s3cret\n neighbor 10.0.0.1 ttl-security hops 1\n \
                  neighbor 10.0.0.1 local-role provider\n bgp graceful-restart\n \
                  bgp graceful-restart restart-time 77\n address-family ipv4 unicast\n  \
                  network 203.0.113.0/24 route-map TAG\n exit-address-family";
    let frr = Frr::start(
        &lab.p,
        &(bgp(LONG[1], TWO, tagged)
            + "route-map TAG permit 10\n set community 65002:7\n set large-community 65002:8:9\n \
               set extcommunity rt 65002:10\nexit\n"),
    );
    arrived(&router);
    let names =
        ["4byteAs", "extendedMessage", "routeRefresh", "enhancedRouteRefresh", "role", "gracefulRestart"];
    capable(&router, TWO, &names.map(|name| (name, both())));
    capable(&router, TWO, &[("gracefulRestartRemoteTimerSec", json!(77))]);
    assert!(neighbor(&router, TWO)["neighborCapabilities"]["hostName"]["rcvHostName"].is_string());
    until("our communities at FRR", || {
        frr.path(OURS).is_some_and(|p| {
            p["community"]["string"] == "65001:77"
                && p["largeCommunity"]["string"] == "65001:1:2"
                && p["extendedCommunity"]["string"] == "RT:65001:5"
        })
    });
    we_ask_again(&router, 2);
    they_ask_again(&router, || drop(frr.vtysh("clear bgp ipv4 unicast 10.0.0.1 soft in").unwrap()));
    frr.vtysh("configure terminal\nrouter bgp 4200000002\nneighbor 10.0.0.1 shutdown message at noon")
        .unwrap();
    told(&router, "at noon");
}

#[test]
fn bird_dials_us_guarded_asks_again_and_both_say_why_they_go() {
    let lab = two();
    let router = Router::start(&lab.r, &guarded(""));
    let more = "ttl security on; local role provider; enable extended messages on; graceful restart on; \
                graceful restart time 77; advertise hostname on;";
    let bird = bird(&lab.p, &Plan { more, ..GUARDED });
    arrived(&router);
    let names =
        ["4byteAs", "extendedMessage", "routeRefresh", "enhancedRouteRefresh", "role", "gracefulRestart"];
    capable(&router, TWO, &names.map(|name| (name, both())));
    capable(&router, TWO, &[("gracefulRestartRemoteTimerSec", json!(77))]);
    assert!(neighbor(&router, TWO)["neighborCapabilities"]["hostName"]["rcvHostName"].is_string());
    until("our communities at BIRD", || {
        let route = bird.route(OURS);
        ["(65001,77)", "(65001, 1, 2)", "(rt, 65001, 5)", "BGP.as_path: 4200000001\n"]
            .iter()
            .all(|part| route.contains(part))
    });
    we_ask_again(&router, 2);
    they_ask_again(&router, || drop(bird.birdc("reload in v4").unwrap()));
    bird.birdc("disable v4 \"at noon\"").unwrap();
    told(&router, "at noon");
    bird.birdc("enable v4").unwrap();
    we_tell(&router, || logged(&lab.p, "bird.log", REASON));
}

#[test]
fn gobgp_dials_us_guarded_answers_us_and_both_say_why_they_go() {
    let lab = two();
    let router = Router::start(&lab.r, &guarded(""));
    let more = "[neighbors.ttl-security.config]\nenabled = true\nttl-min = 255\n\
                [neighbors.graceful-restart.config]\nenabled = true\nrestart-time = 77\n";
    let gobgp = gobgp(&lab.p, &Plan { more, ..GUARDED });
    arrived(&router);
    capable(&router, TWO, &["4byteAs", "routeRefresh", "gracefulRestart"].map(|name| (name, both())));
    capable(&router, TWO, &[("gracefulRestartRemoteTimerSec", json!(77))]);
    assert!(neighbor(&router, TWO)["neighborCapabilities"]["hostName"]["rcvHostName"].is_string());
    until("our communities at GoBGP", || {
        let paths = gobgp.paths(OURS);
        let of = |kind: u64| {
            let attrs = paths.first().and_then(|p| p["attrs"].as_array()).cloned().unwrap_or_default();
            attrs.into_iter().find(|a| a["type"] == kind).unwrap_or_default()
        };
        of(8)["communities"] == json!([4259905613_u32])
            && of(32)["value"] == json!([{"ASN": 65001, "LocalData1": 1, "LocalData2": 2}])
            && of(16)["value"][0]["value"] == "65001:5"
    });
    we_ask_again(&router, 0);
    // `disable` would leave the reason out. The session comes back by itself.
    gobgp.gobgp("neighbor 10.0.0.1 shutdown --reason noon").unwrap();
    told(&router, "noon");
    we_tell(&router, || logged(&lab.p, "gobgpd.log", REASON));
}

#[test]
fn openbgpd_dials_us_guarded_asks_again_and_both_say_why_they_go() {
    let lab = two();
    let router = Router::start(&lab.r, &guarded(""));
    let more = " ttl-security yes\n announce enhanced refresh yes\n announce policy provider\n";
    let openbgpd = openbgpd(&lab.p, &Plan { more, ..GUARDED });
    arrived(&router);
    let names = ["4byteAs", "routeRefresh", "enhancedRouteRefresh", "role", "gracefulRestart"];
    capable(&router, TWO, &names.map(|name| (name, both())));
    until("our communities at OpenBGPD", || {
        openbgpd.path(OURS).is_some_and(|p| {
            p["communities"] == json!(["65001:77"])
                && p["large_communities"] == json!(["65001:1:2"])
                && p["extended_communities"] == json!(["rt 65001:5"])
        })
    });
    // Asked by us it counts the request and then takes the family for one that was not agreed on, against its own words.
    router.vtysh(&format!("clear bgp ipv4 unicast {TWO} soft in")).unwrap();
    let counted = || openbgpd.neighbor(ONE)["stats"]["route-refresh"]["received"].clone();
    until("our request at OpenBGPD", || counted()["request"] == 1);
    they_ask_again(&router, || drop(openbgpd.bgpctl("neighbor 10.0.0.1 refresh").unwrap()));
    until("our marks at OpenBGPD", || counted()["borr"] == 1 && counted()["eorr"] == 1);
    openbgpd.bgpctl("neighbor 10.0.0.1 down noon").unwrap();
    told(&router, "noon");
    openbgpd.bgpctl("neighbor 10.0.0.1 up").unwrap();
    we_tell(&router, || logged(&lab.p, "openbgpd.log", REASON));
}

#[test]
fn exabgp_dials_us_guarded_asks_again_and_says_that_it_goes() {
    let lab = two();
    let router = Router::start(&lab.r, &guarded(""));
    // It guards its listening end only; what it sends has to have our TTL.
    let more = "outgoing-ttl 255; capability { route-refresh enable; extended-message enable; }";
    let exabgp = exabgp(&lab.p, &Plan { more, ..GUARDED });
    arrived(&router);
    let names = ["4byteAs", "extendedMessage", "routeRefresh", "enhancedRouteRefresh"];
    capable(&router, TWO, &names.map(|name| (name, both())));
    until("our communities at ExaBGP", || {
        exabgp.heard().iter().any(|m| {
            let attribute = &m["neighbor"]["message"]["update"]["attribute"];
            attribute["community"] == json!([[65001, 77]])
                && attribute["large-community"] == json!([[65001, 1, 2]])
                && attribute["extended-community"][0]["string"] == "target:65001:5"
        })
    });
    // Asked by us it throws its session away: it fails to encode its own mark. Its own request we answer with marks.
    they_ask_again(&router, || exabgp.say("neighbor 10.0.0.1 announce route-refresh ipv4 unicast"));
    until("our marks at ExaBGP", || exabgp.heard_of("\"begin\"") && exabgp.heard_of("\"end\""));
    exabgp.say("neighbor 10.0.0.1 teardown 2");
    told(&router, "Administrative Shutdown");
    // It sees the end, but fails to decode a reason.
    we_tell(&router, || !exabgp.up(ONE));
}

/// R dials P, which only waits. Each in turn is silent for longer than the hold time and the other notices; then P is
/// killed and comes back.
fn waits_is_missed_and_comes_back(start: Start) {
    let lab = two();
    let plan = Plan { passive: true, ..USUAL };
    let lines = format!(
        " neighbor {TWO} remote-as 65002\n neighbor {TWO} timers connect 1\n neighbor {TWO} timers 1 3\n \
         address-family ipv4 unicast\n  network {OURS}\n exit-address-family"
    );
    let router = Router::start(&lab.r, &bgp(65001, ONE, &lines));
    let mut peer = start(&lab.p, &plan);
    wait_gateways(&lab.r, THEIRS, &[TWO]);
    until("the session, by the peer", || peer.up(ONE));
    router.signal("STOP");
    until("the peer to miss us", || !peer.up(ONE));
    router.signal("CONT");
    until("us to see that it went", || !router.established(TWO));
    peer.hurry(ONE);
    wait_gateways(&lab.r, THEIRS, &[TWO]);
    until("the session again, by the peer", || peer.up(ONE));
    peer.signal("STOP");
    wait_gone(&lab.r, THEIRS);
    assert!(router.log().contains("Hold Timer Expired"), "no word of it in the log: {}", router.log());
    peer.signal("CONT");
    until("the peer to see that we went", || !peer.up(ONE));
    peer.hurry(ONE);
    wait_gateways(&lab.r, THEIRS, &[TWO]);
    peer.kill();
    wait_gone(&lab.r, THEIRS);
    drop(peer);
    let _peer = start(&lab.p, &plan);
    wait_gateways(&lab.r, THEIRS, &[TWO]);
}

#[test]
fn bird_waits_for_us_is_missed_when_silent_misses_us_and_comes_back_when_killed() {
    waits_is_missed_and_comes_back(PEERS[0].1);
}

#[test]
fn gobgp_waits_for_us_is_missed_when_silent_misses_us_and_comes_back_when_killed() {
    waits_is_missed_and_comes_back(PEERS[1].1);
}

#[test]
fn openbgpd_waits_for_us_is_missed_when_silent_misses_us_and_comes_back_when_killed() {
    waits_is_missed_and_comes_back(PEERS[2].1);
}

#[test]
fn exabgp_waits_for_us_is_missed_when_silent_misses_us_and_comes_back_when_killed() {
    waits_is_missed_and_comes_back(PEERS[3].1);
}
