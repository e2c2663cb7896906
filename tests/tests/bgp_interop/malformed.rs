//! A peer that sends what it should not: RFC 4271 and RFC 7606 say what becomes of it, and nobody else notices.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use bgp::fsm::ResetReason;
use router_tests::kernel;
use router_tests::lab::{Lab, Node};
use router_tests::peers::{Frr, Router};
use router_tests::speaker::{Identity, Speaker};
use router_tests::wait::stays;

use crate::common::*;

const PREFIX: [u8; 4] = [24, 203, 0, 113];

/// R, a speaker's node at 10.0.0.2, and a FRR at 10.0.0.3 that must not notice anything.
struct Scene {
    router: Router,
    frr: Frr,
    speaker: Speaker,
    r: Node,
    bad: Node,
    _lab: Lab,
}

fn scene() -> Scene {
    let lab = Lab::new();
    let (r, bad, good) = (lab.node("r"), lab.node("bad"), lab.node("good"));
    lab.bridge(
        "sw",
        &[
            (&r, "eth0", &["10.0.0.1/24"]),
            (&bad, "eth0", &["10.0.0.2/24"]),
            (&good, "eth0", &["10.0.0.3/24"]),
        ],
    );
    let config = bgp(
        65001,
        "10.0.0.1",
        " neighbor 10.0.0.2 remote-as 65002\n neighbor 10.0.0.2 passive\n neighbor 10.0.0.3 remote-as 65003\n \
         neighbor 10.0.0.3 timers connect 1",
    );
    let router = Router::start(&r, &config);
    let frr = bgp(
        65003,
        "10.0.0.3",
        " neighbor 10.0.0.1 remote-as 65001\n neighbor 10.0.0.1 timers connect 1\n \
         address-family ipv4 unicast\n  network 203.0.120.0/24\n exit-address-family",
    );
    let frr = Frr::start(&good, &frr);
    let speaker = Speaker::established(&bad, Identity::new(65002, "10.0.0.2", "10.0.0.2", 65001, "10.0.0.1"));
    wait_gateways(&r, "203.0.120.0/24", &["10.0.0.3"]);
    speaker.announce(&["203.0.113.0/24", "203.0.114.0/24"], &[65002]);
    wait_gateways(&r, "203.0.113.0/24", &["10.0.0.2"]);
    until("the speaker's prefixes at FRR", || frr.path("203.0.114.0/24").is_some());
    Scene { router, frr, speaker, r, bad, _lab: lab }
}

impl Scene {
    /// The good session never went down and still carries everything.
    fn undisturbed(&self) {
        assert_eq!(self.frr.neighbor("10.0.0.1")["connectionsEstablished"], 1);
        assert!(self.router.established("10.0.0.3"));
        assert_eq!(kernel::gateways(&self.r, "203.0.120.0/24", kernel::BGP), ["10.0.0.3"]);
    }

    /// The bad peer's session lives on.
    fn session_lives(&self) {
        stays(Duration::from_millis(500), "the session lives", || self.speaker.is_established());
        assert_eq!(self.speaker.heard().sessions, 1);
    }
}

/// A message of any type.
pub fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![0xff; 16];
    out.extend((19 + body.len() as u16).to_be_bytes());
    out.push(kind);
    out.extend_from_slice(body);
    out
}

/// An UPDATE from its parts.
pub fn update_with(attrs: &[u8], nlri: &[u8]) -> Vec<u8> {
    message(2, &[&[0, 0], &(attrs.len() as u16).to_be_bytes()[..], attrs, nlri].concat())
}

pub const ORIGIN: &[u8] = &[0x40, 1, 1, 0];
pub const AS_PATH: &[u8] = &[0x40, 2, 6, 2, 1, 0, 0, 0xfd, 0xea];
pub const NEXT_HOP: &[u8] = &[0x40, 3, 4, 10, 0, 0, 2];

fn good_attrs() -> Vec<u8> {
    [ORIGIN, AS_PATH, NEXT_HOP].concat()
}

#[test]
fn malformed_attributes_withdraw_their_routes_and_nothing_else() {
    let cases: [(&str, Vec<u8>); 7] = [
        ("ORIGIN with an undefined value", [&[0x40, 1, 1, 9], AS_PATH, NEXT_HOP].concat()),
        ("ORIGIN of two octets", [&[0x40, 1, 2, 0, 0], AS_PATH, NEXT_HOP].concat()),
        ("no AS_PATH", [ORIGIN, NEXT_HOP].concat()),
        (
            "an AS_PATH segment longer than the attribute",
            [ORIGIN, &[0x40, 2, 6, 2, 9, 0, 0, 0xfd, 0xea], NEXT_HOP].concat(),
        ),
        ("NEXT_HOP of five octets", [ORIGIN, AS_PATH, &[0x40, 3, 5, 10, 0, 0, 2, 0]].concat()),
        ("MED of three octets", [&good_attrs()[..], &[0x80, 4, 3, 0, 0, 1]].concat()),
        ("COMMUNITIES of five octets", [&good_attrs()[..], &[0xc0, 8, 5, 0, 0, 0, 0, 1]].concat()),
    ];
    let scene = scene();
    for (what, attrs) in cases {
        scene.speaker.announce(&["203.0.113.0/24"], &[65002]);
        wait_gateways(&scene.r, "203.0.113.0/24", &["10.0.0.2"]);
        scene.speaker.send(update_with(&attrs, &PREFIX));
        until(what, || kernel::of(&scene.r, "203.0.113.0/24", kernel::BGP).is_none());
        until(what, || scene.frr.path("203.0.113.0/24").is_none());
        assert_eq!(kernel::gateways(&scene.r, "203.0.114.0/24", kernel::BGP), ["10.0.0.2"], "{what}");
    }
    scene.session_lives();
    assert!(scene.router.log().contains("malformed attribute"));
    let shown = scene.router.vtysh("show bgp neighbors 10.0.0.2 errors json").unwrap();
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let kept = shown["10.0.0.2"]["messages"].as_array().unwrap();
    assert_eq!(kept.len(), 7, "{shown}");
    assert_eq!(kept[6]["error"], "UPDATE: ORIGIN (1), wrong value, treat-as-withdraw");
    assert_eq!(
        kept[6]["bytes"],
        "0000001440010109400206020100 00fdea400304 0a000002 18cb0071".replace(' ', "")
    );
    let origin = &shown["10.0.0.2"]["attributes"][0];
    assert_eq!((&origin["name"], &origin["count"]), (&"ORIGIN".into(), &2.into()), "{shown}");
    scene.undisturbed();
}

#[test]
fn malformed_attributes_that_do_not_matter_are_left_out() {
    let scene = scene();
    let cases: [(&str, &[u8]); 2] = [
        ("ATOMIC_AGGREGATE with a value", &[0x40, 6, 1, 0]),
        ("AGGREGATOR of five octets", &[0xc0, 7, 5, 0, 0, 0, 1, 2]),
    ];
    for (number, (what, attr)) in cases.into_iter().enumerate() {
        let prefix = format!("203.0.13{number}.0/24");
        scene
            .speaker
            .send(update_with(&[&good_attrs()[..], attr].concat(), &[24, 203, 0, 130 + number as u8]));
        wait_gateways(&scene.r, &prefix, &["10.0.0.2"]);
        until(what, || scene.frr.path(&prefix).is_some());
        let path = scene.frr.path(&prefix).unwrap();
        assert!(path["aggregatorAs"].is_null() && path["atomicAggregate"].is_null(), "{path}");
    }
    scene.session_lives();
    scene.undisturbed();
}

#[test]
fn unknown_optional_transitive_attributes_are_passed_on() {
    let scene = scene();
    let unknown = [0xc0, 99, 3, 1, 2, 3];
    scene.speaker.send(update_with(&[&good_attrs()[..], &unknown].concat(), &[24, 203, 0, 140]));
    until("the prefix at FRR", || scene.frr.path("203.0.140.0/24").is_some());
    scene.session_lives();
    scene.undisturbed();
}

#[test]
fn a_path_through_our_own_as_is_not_used() {
    let scene = scene();
    scene.speaker.announce(&["203.0.113.0/24"], &[65002, 65001, 65009]);
    wait_gone(&scene.r, "203.0.113.0/24");
    scene.session_lives();
    scene.undisturbed();
}

#[test]
fn broken_framing_ends_the_session_with_the_right_notification() {
    // Prefixes that cannot be told apart cannot be withdrawn either (RFC 7606 section 5.3).
    let mut marker = update_with(&good_attrs(), &PREFIX);
    marker[3] = 0;
    let mut short = update_with(&good_attrs(), &PREFIX);
    short[16..18].copy_from_slice(&[0, 5]);
    let mut kind = update_with(&good_attrs(), &PREFIX);
    kind[18] = 77;
    let nlri = update_with(&good_attrs(), &[33, 203, 0, 113, 0, 0]);
    let cut = update_with(&good_attrs(), &[24, 203]);
    /// What, the bytes, and the codes that may answer.
    type Case = (&'static str, Vec<u8>, &'static [(u8, u8)]);
    let cases: [Case; 5] = [
        ("a marker that is not all ones", marker, &[(1, 1)]),
        ("a length below 19", short, &[(1, 2)]),
        ("a type that does not exist", kind, &[(1, 3)]),
        ("a prefix of 33 bits", nlri, &[(3, 10), (3, 1)]),
        ("a prefix cut short", cut, &[(3, 10), (3, 1)]),
    ];
    let scene = scene();
    for (number, (what, bytes, codes)) in cases.into_iter().enumerate() {
        scene.speaker.send(bytes);
        // Attempts that are refused while R rests do not count.
        let downs =
            || scene.speaker.heard().downs.iter().filter(|d| d.established).cloned().collect::<Vec<_>>();
        until(what, || downs().len() == number + 1);
        let down = downs().remove(number);
        assert_eq!(down.reason, ResetReason::NotificationReceived, "{what}: {down:?}");
        let n = down.received.unwrap();
        assert!(codes.contains(&(n.code, n.subcode)), "{what}: {}/{}", n.code, n.subcode);
        scene.speaker.wait_established();
        scene.speaker.announce(&["203.0.113.0/24"], &[65002]);
        wait_gateways(&scene.r, "203.0.113.0/24", &["10.0.0.2"]);
    }
    scene.undisturbed();
}

/// Sends an OPEN on a connection of its own and returns code and subcode of the answer.
fn answer_to_open(node: &Node, open: &[u8]) -> (u8, u8) {
    let address: SocketAddr = "10.0.0.1:179".parse().unwrap();
    node.enter(|| {
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(open).unwrap();
        loop {
            let mut header = [0; 19];
            stream.read_exact(&mut header).expect("an answer before the end");
            let mut body = vec![0; usize::from(u16::from_be_bytes([header[16], header[17]])) - 19];
            stream.read_exact(&mut body).unwrap();
            if header[18] == 3 {
                return (body[0], body[1]);
            }
        }
    })
}

pub fn open(version: u8, asn: u16, hold: u16, id: [u8; 4]) -> Vec<u8> {
    let mut out = vec![0xff; 16];
    out.extend([0, 29, 1, version]);
    out.extend(asn.to_be_bytes());
    out.extend(hold.to_be_bytes());
    out.extend(id);
    out.push(0);
    out
}

#[test]
fn an_open_that_cannot_be_accepted_is_refused_with_its_reason() {
    let scene = scene();
    scene.speaker.stop();
    until("the session to end", || !scene.router.established("10.0.0.2"));
    for (what, bytes, code) in [
        ("version 5", open(5, 65002, 180, [10, 0, 0, 2]), (2, 1)),
        ("another AS", open(4, 65009, 180, [10, 0, 0, 2]), (2, 2)),
        ("router id 0", open(4, 65002, 180, [0, 0, 0, 0]), (2, 3)),
        ("a hold time of 1 s", open(4, 65002, 1, [10, 0, 0, 2]), (2, 6)),
    ] {
        // A session that was just refused may rest for a moment.
        let mut answer = (0, 0);
        until(what, || {
            answer = std::panic::catch_unwind(|| answer_to_open(&scene.bad, &bytes)).unwrap_or((0, 0));
            answer != (0, 0)
        });
        assert_eq!(answer, code, "{what}");
    }
    scene.undisturbed();
}

/// Reloads with a shutdown of the speaker and its reason, and with `more` said of it, and looks at what it hears.
fn shut_down(more: &str) {
    let scene = scene();
    let config = bgp(
        65001,
        "10.0.0.1",
        &format!(
            " neighbor 10.0.0.2 remote-as 65002\n{more} neighbor 10.0.0.2 shutdown message until noon\n \
             neighbor 10.0.0.3 remote-as 65003\n neighbor 10.0.0.3 timers connect 1"
        ),
    );
    scene.router.reload(&config);
    until("the end", || !scene.speaker.heard().downs.is_empty());
    let n = scene.speaker.heard().downs[0].received.clone().expect("a NOTIFICATION");
    assert_eq!((n.code, n.subcode), (6, 2));
    assert_eq!(n.shutdown_message().as_deref(), Some("until noon"));
    scene.undisturbed();
}

#[test]
fn the_reason_of_a_shutdown_reaches_the_other_side() {
    shut_down(" neighbor 10.0.0.2 passive\n");
}

#[test]
fn the_reason_of_a_shutdown_comes_before_what_else_changes() {
    // Without `passive`, and with another TTL: each alone would end the session with another code.
    shut_down(" neighbor 10.0.0.2 ebgp-multihop 3\n");
}
