//! Inputs that broke other routers, sent to ours: each gets its due, the session beside it notices nothing, and the
//! next good prefix is accepted.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use router_tests::kernel;
use router_tests::lab::{Lab, Node};
use router_tests::peers::{Frr, Router};
use router_tests::speaker::{Identity, Speaker};
use socket2::{Domain, Socket, Type};

use crate::common::*;
use crate::malformed::{AS_PATH, NEXT_HOP, ORIGIN, message, open, update_with};

/// What must become of an UPDATE.
pub enum Due {
    /// The prefix is accepted and passed on; the odd attribute is, too, or is left out.
    Accepted,
    /// The prefix goes if it was there; the session stays.
    Withdrawn,
    /// Nothing happens.
    Ignored,
}
use Due::{Accepted, Ignored, Withdrawn};

/// A prefix that no case is about, 203.0.113.0/24.
pub const GOOD: &[u8] = &[24, 203, 0, 113];
pub const GOOD_PREFIX: &str = "203.0.113.0/24";
/// The prefix of all cases, 203.0.114.0/24.
pub const CASE: &[u8] = &[24, 203, 0, 114];
pub const CASE_PREFIX: &str = "203.0.114.0/24";

/// Attributes with a meaning here, in any of the cases or in the decoder.
const KNOWN: [u8; 20] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 14, 15, 16, 17, 18, 25, 26, 32, 35, 40];

/// The attributes of a good route and these behind them.
pub fn attrs(parts: &[&[u8]]) -> Vec<u8> {
    [&[ORIGIN, AS_PATH, NEXT_HOP], parts].concat().concat()
}

/// An attribute with a length of two octets.
pub fn attr(flags: u8, code: u8, value: &[u8]) -> Vec<u8> {
    let [high, low] = (value.len() as u16).to_be_bytes();
    [&[flags | 0x10, code, high, low], value].concat()
}

/// A good route whose one odd attribute is this.
fn with(flags: u8, code: u8, value: &[u8]) -> Vec<u8> {
    update_with(&attrs(&[&attr(flags, code, value)]), CASE)
}

/// An AS_PATH of as many AS_SEQUENCEs as it takes.
pub fn path(asns: impl Iterator<Item = u32>) -> Vec<u8> {
    let asns: Vec<u32> = asns.collect();
    let value = asns.chunks(255).flat_map(|segment| {
        let numbers = segment.iter().flat_map(|a| a.to_be_bytes());
        [2, segment.len() as u8].into_iter().chain(numbers).collect::<Vec<u8>>()
    });
    attr(0x40, 2, &value.collect::<Vec<u8>>())
}

/// MP_REACH_NLRI from next hop on.
pub fn mp(afi: u8, safi: u8, rest: &[u8]) -> Vec<u8> {
    attr(0x80, 14, &[&[0, afi, safi], rest].concat())
}

/// MP_REACH_NLRI with an IPv6 prefix.
fn mp6() -> Vec<u8> {
    let hop = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];
    mp(2, 1, &[&[16], &hop[..], &[0, 48, 0x20, 1, 0x0d, 0xb8, 0, 0x0c]].concat())
}

fn updates() -> Vec<(&'static str, Vec<u8>, Due)> {
    let sixteen = [7; 16];
    let hop = |value: &[u8]| update_with(&[ORIGIN, AS_PATH, &attr(0x40, 3, value)].concat(), CASE);
    let long = |count: u32| {
        let asns = path(std::iter::once(65002).chain(100_000..99_999 + count));
        update_with(&[ORIGIN, &asns, NEXT_HOP].concat(), CASE)
    };
    let many: Vec<u8> = (1..=255).filter(|c| !KNOWN.contains(c)).flat_map(|c| [0xc0, c, 1, 0]).collect();
    vec![
        (
            "PREFIX_SID with an SRv6 TLV shorter than it says",
            with(0xc0, 40, &[5, 0, 30, 0, 1, 0, 9]),
            Accepted,
        ),
        ("PREFIX_SID of zeros", with(0xc0, 40, &[0; 7]), Accepted),
        ("FlowSpec of length 0", update_with(&attrs(&[&mp(1, 133, &[0, 0, 0])]), &[]), Ignored),
        (
            "labelled unicast cut in its labels",
            update_with(&attrs(&[&mp(1, 4, &[4, 10, 0, 0, 2, 0, 24, 1])]), &[]),
            Ignored,
        ),
        (
            "labels without an end",
            update_with(&attrs(&[&mp(1, 4, &[4, 10, 0, 0, 2, 0, 48, 0, 0, 0, 0, 0, 0])]), &[]),
            Ignored,
        ),
        (
            "EVPN type 2 without a body",
            update_with(&attrs(&[&attr(0x80, 14, &[0, 25, 70, 4, 10, 0, 0, 2, 0, 2, 0])]), &[]),
            Ignored,
        ),
        (
            "FlowSpec withdrawn without attributes",
            update_with(&attr(0x80, 15, &[0, 1, 133, 0]), &[]),
            Ignored,
        ),
        ("Tunnel Encapsulation whose TLV runs over", with(0xc0, 23, &[0, 8, 0, 200, 1, 2]), Accepted),
        ("Tunnel Encapsulation of one octet", with(0xc0, 23, &[0]), Accepted),
        ("the same again", with(0xc0, 23, &[0]), Accepted),
        (
            "Tunnel Encapsulation whose sub-TLV runs over",
            with(0xc0, 23, &[0, 8, 0, 4, 1, 200, 0, 0]),
            Accepted,
        ),
        ("PREFIX_SID that says to be well-known", with(0x40, 40, &[1, 0, 7, 0, 0, 0, 0, 0, 0, 9]), Accepted),
        (
            "PREFIX_SID with the old VPN-SID alone",
            with(0xc0, 40, &[4, 0, 19, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]),
            Accepted,
        ),
        (
            "PREFIX_SID with an unknown SRv6 sub-TLV",
            with(0xc0, 40, &[5, 0, 8, 0, 99, 0, 4, 1, 2, 3, 4]),
            Accepted,
        ),
        (
            "SRv6 with a transposition at offset 128 of 255 bits",
            with(
                0xc0,
                40,
                &[
                    &[5, 0, 34, 0, 1, 0, 30, 0][..],
                    &[0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
                    &[0, 0, 19, 0, 1, 0, 6, 40, 24, 16, 0, 255, 128],
                ]
                .concat(),
            ),
            Accepted,
        ),
        (
            "EVPN types 3 and 4 without a body",
            update_with(&attrs(&[&attr(0x80, 14, &[0, 25, 70, 4, 10, 0, 0, 2, 0, 3, 0, 4, 0])]), &[]),
            Ignored,
        ),
        (
            "FlowSpec with many chained operators",
            update_with(
                &attrs(&[&mp(1, 133, &[&[0, 0, 15, 3][..], &[1, 6].repeat(6), &[0x81, 6]].concat())]),
                &[],
            ),
            Ignored,
        ),
        (
            "FlowSpec announced without attributes",
            update_with(&mp(1, 133, &[0, 0, 5, 1, 24, 203, 0, 114]), &[]),
            Ignored,
        ),
        (
            "lengths in conflict and a family that is not configured",
            update_with(&attrs(&[&mp(1, 128, &[0, 0]), &[0xc0, 8, 200, 0]]), CASE),
            Withdrawn,
        ),
        ("IPv6 extended communities that nobody knows", with(0xc0, 25, &[7; 20]), Accepted),
        ("an OTC of 1,024 octets", with(0xc0, 35, &[0; 1024]), Withdrawn),
        (
            // The total tells where prefixes begin (RFC 7606 section 4): 0.0.0.0/0 is the first.
            "attributes of 3 octets around an ORIGIN of 4",
            message(2, &[&[0, 0, 0, 3, 0x40, 1, 1, 0], CASE].concat()),
            Withdrawn,
        ),
        ("no NEXT_HOP", update_with(&[ORIGIN, AS_PATH].concat(), CASE), Withdrawn),
        (
            "AS4_PATH without AS_PATH",
            update_with(&[ORIGIN, NEXT_HOP, &attr(0xc0, 17, &[2, 1, 0, 0, 0xfd, 0xea])].concat(), CASE),
            Withdrawn,
        ),
        (
            "an empty AS_PATH from outside",
            update_with(&[ORIGIN, &[0x40, 2, 0], NEXT_HOP].concat(), CASE),
            Withdrawn,
        ),
        (
            "next-hop-dependent characteristics with a wrong length",
            with(0xc0, 39, &[0, 1, 1, 4, 0, 0, 0, 1, 0, 0]),
            Accepted,
        ),
        ("entropy label with a value", with(0xc0, 28, &[1, 2, 3]), Accepted),
        ("attribute 21", with(0xc0, 21, &[0]), Accepted),
        ("attribute 29", with(0xc0, 29, &[0, 0]), Accepted),
        ("attribute 255 of 32 octets", with(0xc0, 255, &[1; 32]), Accepted),
        ("no attributes", update_with(&[], CASE), Withdrawn),
        ("AIGP of two octets", with(0x80, 26, &[1, 0]), Accepted),
        ("just an unknown attribute", update_with(&attr(0xc0, 31, &sixteen), CASE), Withdrawn),
        (
            "MP_UNREACH_NLRI and IPv4 prefixes without attributes",
            update_with(&attr(0x80, 15, &[0, 2, 1]), CASE),
            Withdrawn,
        ),
        ("End-of-RIB with an unknown attribute and a prefix", update_with(&[0xc0, 99, 0], CASE), Withdrawn),
        (
            "IPv4 prefixes with MP_REACH_NLRI but no NEXT_HOP",
            {
                let mp = mp6();
                update_with(&[ORIGIN, AS_PATH, &mp].concat(), CASE)
            },
            Withdrawn,
        ),
        ("NEXT_HOP of no octets", hop(&[]), Withdrawn),
        ("NEXT_HOP of one octet", hop(&[10]), Withdrawn),
        ("NEXT_HOP of two octets", hop(&[10, 0]), Withdrawn),
        ("NEXT_HOP of three octets", hop(&[10, 0, 0]), Withdrawn),
        ("NEXT_HOP 0.0.0.0", hop(&[0; 4]), Withdrawn),
        ("NEXT_HOP 127.0.0.1", hop(&[127, 0, 0, 1]), Withdrawn),
        ("NEXT_HOP of multicast", hop(&[224, 0, 0, 1]), Withdrawn),
        (
            "NEXT_HOP of two octets with wrong flags",
            update_with(&[ORIGIN, AS_PATH, &[0x80, 3, 2, 10, 0]].concat(), CASE),
            Withdrawn,
        ),
        ("IPv6 extended communities of 8 octets", with(0xc0, 25, &[0; 8]), Withdrawn),
        ("OTC of three octets", with(0xc0, 35, &[0, 0, 1]), Withdrawn),
        (
            "AS4_PATH that is malformed ahead of AS_PATH",
            update_with(&[&[0xc0, 17, 3, 2, 9, 0][..], ORIGIN, AS_PATH, NEXT_HOP].concat(), CASE),
            Accepted,
        ),
        ("an empty CLUSTER_LIST from outside", with(0x80, 10, &[]), Accepted),
        ("a length in conflict with the total", update_with(&attrs(&[&[0xc0, 8, 200, 0]]), CASE), Withdrawn),
        (
            "AS_CONFED_SEQUENCE of 255",
            update_with(
                &[
                    ORIGIN,
                    &attr(0x40, 2, &[&[3, 255], &[0, 0, 0xfd, 0xea].repeat(255)[..]].concat()),
                    NEXT_HOP,
                ]
                .concat(),
                CASE,
            ),
            Withdrawn,
        ),
        ("all attributes that are unknown", update_with(&attrs(&[&many]), CASE), Accepted),
        ("a path of 255", long(255), Accepted),
        ("a path of 751", long(751), Accepted),
        ("a path of 2,100 in an extended message", long(2100), Accepted),
    ]
}

/// Codes and subcodes of which one has to come.
pub type Codes = &'static [(u8, u8)];

/// UPDATEs and other messages that end the session, with the codes that may say so.
fn resets() -> Vec<(&'static str, Vec<u8>, Codes)> {
    let lengths = |withdrawn: u16, attributes: u16, rest: &[u8]| {
        let body = [&withdrawn.to_be_bytes()[..], &attributes.to_be_bytes(), rest].concat();
        message(2, &body)
    };
    vec![
        (
            "MP_REACH_NLRI cut in its next hop",
            update_with(&attrs(&[&mp(2, 1, &[16, 0x20, 1])]), &[]),
            &[(3, 9), (3, 5), (3, 1)],
        ),
        (
            "MP_REACH_NLRI twice",
            {
                let one = mp6();
                update_with(&attrs(&[&one, &one]), &[])
            },
            &[(3, 1)],
        ),
        ("ORIGIN of 32 octets in 4, and no prefix", update_with(&[0x40, 1, 32, 0], &[]), &[(3, 1), (3, 5)]),
        ("an unrecognised well-known attribute", with(0x40, 77, &[1]), &[(3, 2)]),
        ("withdrawn routes of 2 octets around a /32", lengths(2, 0, &[32, 10, 0, 0, 1]), &[(3, 1), (3, 10)]),
        (
            "an empty next hop in MP_REACH_NLRI",
            update_with(&attrs(&[&mp(1, 1, &[0, 0, 8, 10])]), &[]),
            &[(3, 9)],
        ),
        (
            "a filter that runs past its ROUTE-REFRESH",
            message(5, &[0, 1, 0, 1, 1, 128, 0, 99]),
            &[(7, 1), (1, 2)],
        ),
        ("a CAPABILITY message", message(6, &[0, 0, 1, 1]), &[(1, 3)]),
        ("a CAPABILITY message with a short GR", message(6, &[0, 64, 3, 0, 120, 0]), &[(1, 3)]),
    ]
}

pub struct Scene {
    pub router: Router,
    frr: Frr,
    pub r: Node,
    pub bad: Node,
    /// What the router was started with.
    pub config: String,
    _lab: Lab,
}

/// Neighbours for OPENs, each with an address of its own so that none waits for another's back-off.
pub const OPENERS: std::ops::Range<u8> = 100..120;

fn scene() -> Scene {
    scene_with("", "")
}

/// The same with `lines` under `router bgp`, for neighbours at 10.0.0.5 and 10.0.0.6 too, and `rest` behind it.
pub fn scene_with(lines: &str, rest: &str) -> Scene {
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
    let mut neighbors = String::from(
        " neighbor 10.0.0.2 remote-as 65002\n neighbor 10.0.0.2 passive\n neighbor 10.0.0.3 remote-as 65003\n \
         neighbor 10.0.0.3 timers connect 1\n",
    );
    neighbors += " neighbor 10.0.0.4 remote-as 65004\n neighbor 10.0.0.4 passive\n";
    bad.address("eth0", &["10.0.0.4/24", "10.0.0.5/24", "10.0.0.6/24"]);
    for n in OPENERS {
        bad.address("eth0", &[&format!("10.0.0.{n}/24")]);
        neighbors += &format!(" neighbor 10.0.0.{n} remote-as 65002\n neighbor 10.0.0.{n} passive\n");
    }
    neighbors += &format!(
        "{lines} address-family ipv4 unicast\n  neighbor 10.0.0.3 prefix-list quiet out\n exit-address-family\n \
         address-family ipv6 unicast\n  neighbor 10.0.0.2 activate\n exit-address-family\nexit\n\
         ip prefix-list quiet deny {CASE_PREFIX}\nip prefix-list quiet permit any\n{rest}"
    );
    let config = bgp(65001, "10.0.0.1", &neighbors);
    let router = Router::start(&r, &config);
    let frr = bgp(
        65003,
        "10.0.0.3",
        " neighbor 10.0.0.1 remote-as 65001\n neighbor 10.0.0.1 timers connect 1\n \
         address-family ipv4 unicast\n  network 203.0.120.0/24\n exit-address-family",
    );
    let frr = Frr::start(&good, &frr);
    until("the good session", || router.established("10.0.0.3"));
    wait_gateways(&r, "203.0.120.0/24", &["10.0.0.3"]);
    Scene { router, frr, r, bad, config, _lab: lab }
}

impl Scene {
    /// A speaker at one of the bad node's addresses.
    pub fn speaker(&self, asn: u32, address: &str) -> Speaker {
        Speaker::established(&self.bad, identity(asn, address))
    }

    /// Sends UPDATEs and sees what becomes of each. A speaker of our own looks at what is passed on: others fall over
    /// some of it.
    pub fn give_their_due(
        &self,
        speaker: &Speaker,
        watcher: &Speaker,
        cases: Vec<(&'static str, Vec<u8>, Due)>,
    ) {
        for (what, bytes, due) in cases {
            if !matches!(due, Accepted) {
                speaker.send(update_with(&attrs(&[]), CASE));
                wait_gateways(&self.r, CASE_PREFIX, &["10.0.0.2"]);
            }
            speaker.send(bytes);
            // What comes after it is read after it.
            speaker.send(update_with(&attrs(&[]), GOOD));
            wait_gateways(&self.r, GOOD_PREFIX, &["10.0.0.2"]);
            match due {
                Accepted => {
                    wait_gateways(&self.r, CASE_PREFIX, &["10.0.0.2"]);
                    until(what, || watcher.route(CASE_PREFIX).is_some());
                    // What came never depends on showing it.
                    for form in ["", " json"] {
                        let shown = self.router.vtysh(&format!("show bgp ipv4 unicast {CASE_PREFIX}{form}"));
                        assert!(shown.is_ok_and(|text| text.contains("10.0.0.2")), "{what}");
                    }
                }
                Ignored => wait_gateways(&self.r, CASE_PREFIX, &["10.0.0.2"]),
                Withdrawn => wait_gone(&self.r, CASE_PREFIX),
            }
            assert_eq!(speaker.heard().sessions, 1, "{what}: {:?}", speaker.heard().downs.last());
            speaker.withdraw(&[CASE_PREFIX, GOOD_PREFIX]);
            wait_gone(&self.r, CASE_PREFIX);
            wait_gone(&self.r, GOOD_PREFIX);
            self.undisturbed();
        }
    }

    /// The session with FRR never went down and still carries its route.
    pub fn undisturbed(&self) {
        assert_eq!(self.frr.neighbor("10.0.0.1")["connectionsEstablished"], 1);
        assert!(self.router.established("10.0.0.3"));
        assert_eq!(kernel::gateways(&self.r, "203.0.120.0/24", kernel::BGP), ["10.0.0.3"]);
    }
}

/// A speaker in the router's eyes.
pub fn identity(asn: u32, address: &str) -> Identity {
    Identity::new(asn, address, address, 65001, "10.0.0.1")
}

/// Waits until a session ends by a NOTIFICATION with one of these codes.
#[track_caller]
pub fn ended_with(speaker: &Speaker, what: &str, codes: Codes) {
    until(what, || speaker.heard().downs.iter().any(|d| d.established));
    let down = speaker.heard().downs.iter().find(|d| d.established).cloned().unwrap();
    let received = down.received.unwrap_or_else(|| panic!("{what}: no NOTIFICATION"));
    assert!(codes.contains(&(received.code, received.subcode)), "{what}: {received:?}");
}

#[test]
fn updates_that_broke_others_get_their_due() {
    let scene = scene();
    let speaker = scene.speaker(65002, "10.0.0.2");
    let watcher = scene.speaker(65004, "10.0.0.4");
    scene.give_their_due(&speaker, &watcher, updates());
}

#[test]
fn messages_that_broke_others_end_the_session_with_the_right_code() {
    let scene = scene();
    let cases = resets();
    assert!(cases.len() <= OPENERS.len());
    for (n, (what, bytes, codes)) in OPENERS.zip(cases) {
        let address = format!("10.0.0.{n}");
        let speaker = scene.speaker(65002, &address);
        speaker.announce(&[CASE_PREFIX], &[65002]);
        wait_gateways(&scene.r, CASE_PREFIX, &[&address]);
        speaker.send(bytes);
        ended_with(&speaker, what, codes);
        speaker.wait_established();
        speaker.send(update_with(&attrs(&[]), GOOD));
        wait_gateways(&scene.r, "203.0.113.0/24", &["10.0.0.2"]);
        speaker.stop();
        wait_gone(&scene.r, CASE_PREFIX);
        wait_gone(&scene.r, "203.0.113.0/24");
        scene.undisturbed();
    }
}

#[test]
fn next_hops_of_ipv6_are_checked_and_those_beside_them_ignored() {
    let scene = scene();
    let speaker = scene.speaker(65002, "10.0.0.2");
    let known = || {
        let shown = scene.router.vtysh("show bgp ipv6 unicast json").unwrap();
        shown.contains("2001:db8:c::/48")
    };
    let with_hop = |hop: [u8; 16], beside: &[u8]| {
        let reach = mp(2, 1, &[&[16], &hop[..], &[0, 48, 0x20, 1, 0x0d, 0xb8, 0, 0x0c]].concat());
        update_with(&[ORIGIN, AS_PATH, beside, &reach].concat(), &[])
    };
    let good = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];
    let mut loopback = [0; 16];
    loopback[15] = 1;
    let mut multicast = good;
    multicast[0] = 0xff;
    for martian in [[0; 16], loopback, multicast] {
        // NEXT_HOP means nothing beside MP_REACH_NLRI alone.
        speaker.send(with_hop(good, &[0x40, 3, 4, 0, 0, 0, 0]));
        until("a good next hop to be taken", known);
        speaker.send(with_hop(martian, &[]));
        until("a martian one not to be", || !known());
    }
    assert_eq!(speaker.heard().sessions, 1);
    scene.undisturbed();
}

#[test]
fn a_flood_of_faults_while_the_session_ends_harms_nobody() {
    let scene = scene();
    let speaker = scene.speaker(65002, "10.0.0.2");
    let bad = [message(2, &[0, 9]), message(3, &[6, 2]), message(6, &[0, 0, 1, 1]), message(2, &[0; 4])];
    speaker.send(bad.concat().repeat(200));
    until("the end", || speaker.heard().downs.iter().any(|d| d.established));
    speaker.wait_established();
    speaker.send(update_with(&attrs(&[]), GOOD));
    wait_gateways(&scene.r, "203.0.113.0/24", &["10.0.0.2"]);
    scene.undisturbed();
}

/// An OPEN with these octets for its optional parameters, their length included.
fn open_with(parameters: &[u8]) -> Vec<u8> {
    let whole = open(4, 65002, 180, [10, 0, 0, 2]);
    let fixed = &whole[19..whole.len() - 1];
    message(1, &[fixed, parameters].concat())
}

/// Parameters of capabilities, each with code and value.
fn capabilities(list: &[(u8, &[u8])]) -> Vec<u8> {
    let all: Vec<u8> =
        list.iter().flat_map(|(code, value)| [&[*code, value.len() as u8], *value].concat()).collect();
    [&[all.len() as u8 + 2, 2, all.len() as u8][..], &all].concat()
}

/// A connection from this address to the router.
pub fn dial_from(from: &str) -> TcpStream {
    let to: SocketAddr = "10.0.0.1:179".parse().unwrap();
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(from.parse().unwrap(), 0).into()).unwrap();
    socket.connect_timeout(&to.into(), Duration::from_secs(5)).unwrap();
    socket.into()
}

/// What answers an OPEN: `None` is an OPEN and a KEEPALIVE, otherwise code and subcode of a NOTIFICATION.
fn answer(node: &Node, from: &str, open: &[u8]) -> Option<(u8, u8)> {
    node.enter(|| {
        let mut stream = dial_from(from);
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(open).unwrap();
        loop {
            let mut header = [0; 19];
            stream.read_exact(&mut header).expect("an answer before the end");
            let mut body = vec![0; usize::from(u16::from_be_bytes([header[16], header[17]])) - 19];
            stream.read_exact(&mut body).unwrap();
            match header[18] {
                3 => return Some((body[0], body[1])),
                4 => return None,
                _ => {}
            }
        }
    })
}

#[test]
fn opens_that_broke_others_are_refused_or_understood() {
    let scene = scene();
    let refused: Codes = &[(2, 0)];
    let odd: Codes = &[(2, 0), (2, 4)];
    let as4: (u8, &[u8]) = (65, &[0, 0, 0xfd, 0xea]);
    let v4: (u8, &[u8]) = (1, &[0, 1, 0, 1]);
    let large: Vec<u8> = (0..17).flat_map(|_| [&[2, 255, 200, 253][..], &[0; 253]].concat()).collect();
    let large = [&[255, 255][..], &(large.len() as u16).to_be_bytes(), &large].concat();
    let cases: Vec<(&str, Vec<u8>, Codes)> = vec![
        ("the extended form, an octet short", open_with(&[255, 255, 0, 7, 2, 0, 4, 65, 4, 0, 0]), refused),
        ("a length of 255 and parameters of type 255", open_with(&[255, 255, 0]), refused),
        (
            "the end on the length of the options",
            message(1, &open(4, 65002, 180, [10, 0, 0, 2])[19..28]),
            &[(1, 2), (2, 0)],
        ),
        ("the end in the extended length", open_with(&[255, 255, 0]), refused),
        ("a parameter that is not capabilities", open_with(&[4, 9, 2, 0, 0]), odd),
        ("long-lived GR of 4 octets", open_with(&capabilities(&[v4, as4, (71, &[0, 1, 1, 0])])), &[]),
        ("GR of a wrong length", open_with(&capabilities(&[v4, as4, (64, &[0, 120, 0, 1, 1])])), &[]),
        (
            "a software version longer than it is",
            open_with(&capabilities(&[v4, as4, (75, &[200, b'x'])])),
            &[],
        ),
        ("a software version whose text has length 0", open_with(&capabilities(&[v4, as4, (75, &[0])])), &[]),
        ("a software version of length 0", open_with(&capabilities(&[v4, as4, (75, &[])])), &[]),
        (
            "a host name twice",
            open_with(&capabilities(&[v4, as4, (73, &[1, b'a', 0]), (73, &[1, b'b', 0])])),
            &[],
        ),
        ("a host name longer than it is", open_with(&capabilities(&[v4, as4, (73, &[99, b'a'])])), &[]),
        ("roles that contradict each other", open_with(&capabilities(&[v4, as4, (9, &[0]), (9, &[1])])), &[]),
        ("no capabilities", open_with(&[0]), &[]),
        ("more than 4,096 octets of capabilities", open_with(&large), &[(1, 2)]),
    ];
    assert!(cases.len() <= OPENERS.len());
    for (n, (what, bytes, codes)) in OPENERS.zip(cases) {
        let answer = answer(&scene.bad, &format!("10.0.0.{n}"), &bytes);
        match answer {
            None => assert!(codes.is_empty(), "{what}: accepted"),
            Some(got) => assert!(codes.contains(&got), "{what}: {got:?}"),
        }
        scene.undisturbed();
    }
}
