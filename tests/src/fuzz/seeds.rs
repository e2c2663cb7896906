//! The corpus to start from, written by our own encoders: the same octets every time.

use std::net::{IpAddr, Ipv4Addr};

use bgp::attrs::{AttrBuilder, AttrView, ExportForm, LocalPrefForm, Origin, SegmentKind, write_attrs};
use bgp::fsm::{RemoteAs, SessionConfig, negotiate::local_open};
use bgp::types::{Asn, Family, NextHop, Nlri};
use bgp::wire::capability::{
    AddPath, ExtendedNextHop, GracefulRestart, LongLivedFamily, PathsLimit, RestartFamily,
};
use bgp::wire::encode::{put_notification, put_route_refresh};
use bgp::wire::{
    Capability, Notification, Open, RefreshKind, UpdateForm, put_announce, put_end_of_rib, put_keepalive,
    put_withdraw,
};
use bytes::BytesMut;
use fib::netlink::{Encoder, Request, Way, constants, encode_batch};
use vrrp::{Advert, Checksum};

/// Name and octets of an input.
pub type Seed = (String, Vec<u8>);

/// The corpus of a target.
pub fn seeds(target: &str) -> Vec<Seed> {
    match target {
        "stream" => stream(),
        "open" => opens().into_iter().map(|(name, out)| (name, [&[0], &out[19..]].concat())).collect(),
        "capability" => capabilities().iter().enumerate().map(capability).collect(),
        "notification" => notifications(),
        "route_refresh" => refreshes(),
        "update" => updates(),
        "vrrp" => adverts(),
        "rtr" => caches(),
        "netlink" => datagrams(),
        "config" => configurations(),
        "command" => commands(),
        _ => Vec::new(),
    }
}

/// What caches say; only queries and errors are ours to send, so the rest is put together here.
fn caches() -> Vec<Seed> {
    let pdu = |version: u8, kind: u8, field: u16, body: &[u8]| {
        let length = (8 + body.len() as u32).to_be_bytes();
        [&[version, kind], &field.to_be_bytes()[..], &length, body].concat()
    };
    let v4 = |version, come: u8, net: [u8; 4], len: u8, max: u8, asn: u32| {
        pdu(version, 4, 0, &[&[come, len, max, 0][..], &net, &asn.to_be_bytes()].concat())
    };
    let v6 = |version, come: u8, asn: u32| {
        let mut net = [0; 16];
        net[..4].copy_from_slice(&[0x20, 1, 0xd, 0xb8]);
        pdu(version, 6, 0, &[&[come, 32, 48, 0][..], &net, &asn.to_be_bytes()].concat())
    };
    let end = |version: u8| {
        let timing: &[u8] = if version == 0 { &[] } else { &[0, 0, 14, 16, 0, 0, 2, 88, 0, 0, 28, 32] };
        pdu(version, 7, 7, &[&[0, 0, 0, 2], timing].concat())
    };
    let mut all = Vec::new();
    for version in [0, 1] {
        let response = pdu(version, 3, 7, &[]);
        let full = [
            response.clone(),
            v4(version, 1, [198, 51, 100, 0], 24, 24, 65001),
            v6(version, 1, 65001),
            end(version),
            pdu(version, 0, 7, &[0, 0, 0, 3]),
        ];
        let changes = [
            response,
            v4(version, 0, [192, 0, 2, 0], 24, 24, 65001),
            v4(version, 1, [198, 51, 100, 0], 24, 32, 0),
            end(version),
        ];
        let how = |serial: u8| version | serial << 1 | 9 << 2;
        all.push(named(&format!("full-{version}"), [&[how(0)], &full.concat()[..]].concat()));
        all.push(named(&format!("changes-{version}"), [&[how(1)], &changes.concat()[..]].concat()));
        let reset = [pdu(version, 8, 0, &[]), full.concat()].concat();
        all.push(named(&format!("reset-{version}"), [&[how(1)], &reset[..]].concat()));
        let error = router::rtr::pdu::error_report_for(version, 2, &[version, 2, 0, 0, 0, 0, 0, 8], "later");
        all.push(named(&format!("nothing-{version}"), [&[how(0)], &error[..]].concat()));
    }
    let key = [pdu(1, 3, 7, &[]), pdu(1, 9, 0x100, &[5; 60]), end(1)].concat();
    all.push(named("router-key", [&[1], &key[..]].concat()));
    all
}

fn named(name: &str, bytes: impl Into<Vec<u8>>) -> Seed {
    (name.to_owned(), bytes.into())
}

fn every_capability() -> Vec<Capability> {
    vec![
        Capability::Multiprotocol { afi: 1, safi: 1 },
        Capability::Multiprotocol { afi: 2, safi: 1 },
        Capability::RouteRefresh,
        Capability::EnhancedRouteRefresh,
        Capability::ExtendedMessage,
        Capability::ExtendedNextHop(vec![ExtendedNextHop { afi: 1, safi: 1, next_hop_afi: 2 }]),
        Capability::Role(4),
        Capability::GracefulRestart(GracefulRestart {
            flags: 12,
            time: 120,
            families: vec![RestartFamily { afi: 1, safi: 1, flags: 0x80 }],
        }),
        Capability::FourOctetAs(Asn(4_200_000_000)),
        Capability::AddPath(vec![AddPath { afi: 1, safi: 1, mode: 3 }, AddPath { afi: 2, safi: 1, mode: 1 }]),
        Capability::PathsLimit(vec![PathsLimit { afi: 1, safi: 1, limit: 3 }]),
        Capability::LongLivedGracefulRestart(vec![LongLivedFamily {
            afi: 2,
            safi: 1,
            flags: 0x80,
            time: 3600,
        }]),
        Capability::Fqdn { host: "edge1".into(), domain: "example.net".into() },
        Capability::SoftwareVersion("router/0.1".into()),
        Capability::Dynamic,
        Capability::RouteRefreshOld,
        Capability::Other { code: 200, value: vec![1, 2, 3] },
    ]
}

/// Some that are more than an encoder of ours writes.
fn capabilities() -> Vec<Capability> {
    let mut all = every_capability();
    all.push(Capability::Fqdn { host: "ü".repeat(60), domain: String::new() });
    all.push(Capability::AddPath(vec![AddPath { afi: 1, safi: 1, mode: 1 }; 63]));
    // Values that are none of the kind that their code says.
    all.extend(
        [
            (71, vec![0, 1, 1, 0]),
            (75, vec![200, b'x']),
            (75, vec![]),
            (73, vec![9, b'a']),
            (69, vec![0, 1, 1]),
        ]
        .map(|(code, value)| Capability::Other { code, value }),
    );
    all
}

fn capability((number, capability): (usize, &Capability)) -> Seed {
    let mut out = Vec::new();
    capability.encode(&mut out);
    out.remove(1);
    (format!("{number:02}-code-{}", capability.code()), out)
}

fn opens() -> Vec<(String, BytesMut)> {
    let make = |name: &str, capabilities: Vec<Capability>, extended_parameters: bool, asn: u32| {
        let router_id = Ipv4Addr::new(10, 0, 0, 2);
        let open = Open { asn: Asn(asn), hold_time: 180, router_id, capabilities, extended_parameters };
        let mut out = BytesMut::new();
        open.encode(&mut out);
        (name.to_owned(), out)
    };
    let many = (0..5).flat_map(|_| every_capability()).collect();
    let mut all = vec![
        make("none", vec![], false, 65002),
        make("usual", every_capability()[..6].to_vec(), false, 65002),
        make("every", every_capability(), false, 4_200_000_000),
        make("extended", every_capability(), true, 4_200_000_000),
        make("many", many, false, 4_200_000_000),
    ];
    for (number, capability) in capabilities().into_iter().enumerate() {
        all.push(make(&format!("one-{number:02}"), vec![capability], false, 65002));
    }
    all
}

fn notifications() -> Vec<Seed> {
    let with = |code, subcode, data: &[u8]| Notification::new(code, subcode).with_data(data);
    let list = [
        ("idle-end", Notification::cease_with_message(2, "back at noon")),
        ("umlauts", Notification::cease_with_message(4, &"ü".repeat(127))),
        ("overlong", with(6, 2, &[200, b'x'])),
        ("control", with(6, 2, &[3, 27, b'[', b'J'])),
        ("hard", with(6, 9, &[6, 2, 1, b'x'])),
        ("header", with(1, 2, &[0, 18])),
        ("attribute", with(3, 2, &[0x40, 99, 1, 7])),
        ("unknown", with(200, 200, &[])),
    ];
    let body = |n: &Notification| {
        let mut out = BytesMut::new();
        put_notification(n, &mut out);
        out[19..].to_vec()
    };
    list.iter().map(|(name, n)| named(name, body(n))).collect()
}

fn refreshes() -> Vec<Seed> {
    let mut all = Vec::new();
    for family in Family::ALL {
        for kind in [RefreshKind::Request, RefreshKind::Begin, RefreshKind::End] {
            let mut out = BytesMut::new();
            put_route_refresh(family, kind, &mut out);
            all.push((format!("{}-{kind:?}", family.afi()).to_lowercase(), out[19..].to_vec()));
        }
    }
    all.push(named("filter", [0, 1, 0, 1, 1, 128, 0, 99]));
    all.push(named("foreign", [0, 25, 0, 70]));
    all
}

/// Blocks of attributes of all kinds.
fn blocks() -> Vec<(&'static str, Vec<u8>)> {
    let asns = |list: &[u32]| list.iter().copied().map(Asn).collect::<Vec<_>>();
    let base = || {
        let mut b = AttrBuilder::new();
        b.origin(Origin::Igp).set_as_path(&asns(&[65001, 65002, 70000]));
        b
    };
    let id = |n| Some(Ipv4Addr::new(192, 0, 2, n));
    let mut all = vec![("plain", base().build())];
    let mut b = base();
    b.med(Some(5)).atomic_aggregate(true).aggregator(Some((Asn(70000), Ipv4Addr::new(192, 0, 2, 5))));
    all.push(("aggregate", b.build()));
    let mut b = base();
    b.communities(vec![0xffff_ff01, 0xfde9_0001, 0xfde9_0002])
        .large_communities(vec![(65001, 1, 2), (65001, 3, 4)])
        .ext_communities(vec![[0, 2, 0xfd, 0xe9, 0, 0, 0, 1], [0x40, 4, 0, 0, 0, 0, 0, 0]]);
    all.push(("communities", b.build()));
    let mut b = base();
    b.local_pref(Some(200)).originator_id(id(9)).push_cluster(Ipv4Addr::new(192, 0, 2, 8));
    all.push(("reflected", b.build()));
    let mut b = base();
    b.aigp(Some(77)).otc(Some(Asn(65001))).raw(40, 0xc0, vec![1, 0, 7, 0, 0, 0, 0, 0, 0, 9]);
    all.push(("metrics", b.build()));
    let mut b = base();
    b.raw(99, 0xe0, vec![1, 2, 3]).raw(255, 0xe0, vec![0; 300]).raw(25, 0xc0, vec![7; 20]);
    all.push(("unknown", b.build()));
    let (set, confed) = (asns(&[65003, 65004]), asns(&[64512, 64513]));
    let mut b = base();
    b.set_segments(&[
        (SegmentKind::ConfedSequence, &confed),
        (SegmentKind::Sequence, &asns(&[65001, 65002])),
        (SegmentKind::Set, &set),
    ]);
    all.push(("segments", b.build()));
    let mut b = base();
    b.set_segments(&[
        (SegmentKind::Sequence, &asns(&[65001, 65002])),
        (SegmentKind::Sequence, &asns(&[65003, 70000])),
    ]);
    all.push(("sequences", b.build()));
    let mut b = base();
    b.set_as_path(&vec![Asn(65001); 300]);
    all.push(("long", b.build()));
    let mut b = base();
    b.set_as_path(&asns(&[65001, 65000]));
    all.push(("loop", b.build()));
    all
}

const V6: NextHop =
    NextHop::V6 { global: std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), link_local: None };
const V6_LOCAL: NextHop = NextHop::V6 {
    global: std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1),
    link_local: Some(std::net::Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1)),
};

fn v4(n: u32, len: u8) -> Nlri<u32> {
    Nlri { addr: (203 << 24 | n << 8) & (!0 << (32 - len)), path_id: n, len }
}

fn v6(n: u128, len: u8) -> Nlri<u128> {
    Nlri { addr: (0x2001_0db8 << 96 | n << 64) & (!0 << (128 - len)), path_id: n as u32, len }
}

/// The bodies of UPDATEs with these attributes, behind the context that they need.
fn with_block(name: &str, block: &[u8]) -> Vec<Seed> {
    let forms: [(&str, u8, bool, bool, NextHop); 6] = [
        ("v4", 0, true, false, NextHop::V4(Ipv4Addr::new(192, 0, 2, 1))),
        ("v4-as2", 1, false, false, NextHop::V4(Ipv4Addr::new(192, 0, 2, 1))),
        ("v4-paths", 2, true, true, NextHop::V4(Ipv4Addr::new(192, 0, 2, 1))),
        ("v4-over-v6", 0x20, true, false, V6_LOCAL),
        ("v6", 0xc0, true, false, V6),
        ("v6-paths", 0x44, true, true, V6_LOCAL),
    ];
    forms
        .iter()
        .filter_map(|(kind, context, as4, add_path, next_hop)| {
            let classic = if let NextHop::V4(a) = next_hop { Some(*a) } else { None };
            let form = ExportForm { as4: *as4, local_pref: LocalPrefForm::Keep, ..ExportForm::internal() };
            let mut attrs = Vec::new();
            write_attrs(AttrView::new(block), &form, classic, &mut attrs).ok()?;
            let shape = UpdateForm { extended_message: true, add_path: *add_path };
            let mp = classic.is_none().then_some(*next_hop);
            let mut out = BytesMut::new();
            if kind.starts_with("v6") {
                put_announce(shape, &attrs, mp, [v6(1, 48), v6(2, 64), v6(0, 32)], &mut out).ok()?;
            } else {
                put_announce(shape, &attrs, mp, [v4(1, 24), v4(2, 32), v4(0, 8)], &mut out).ok()?;
            }
            Some((format!("{name}-{kind}"), [&[*context, 0, 1], &out[19..]].concat()))
        })
        .collect()
}

fn updates() -> Vec<Seed> {
    let mut all: Vec<Seed> = blocks().iter().flat_map(|(name, block)| with_block(name, block)).collect();
    let mut message = |name: &str, context: [u8; 3], write: &dyn Fn(&mut BytesMut)| {
        let mut out = BytesMut::new();
        write(&mut out);
        all.push((name.to_owned(), [&context, &out[19..]].concat()));
    };
    let plain = UpdateForm { extended_message: false, add_path: false };
    let paths = UpdateForm { extended_message: false, add_path: true };
    message("withdraw-v4", [0; 3], &|out| {
        put_withdraw(plain, false, [v4(1, 24), v4(2, 23)], out);
    });
    message("withdraw-v4-mp", [0; 3], &|out| {
        put_withdraw(plain, true, [v4(1, 24), v4(2, 23)], out);
    });
    message("withdraw-v6", [0; 3], &|out| {
        put_withdraw(plain, true, [v6(1, 48), v6(2, 128)], out);
    });
    message("withdraw-paths", [6, 0, 0], &|out| {
        put_withdraw(paths, true, [v6(1, 48), v6(2, 128)], out);
    });
    for family in Family::ALL {
        message(&format!("end-{}", family.afi()), [0; 3], &|out| put_end_of_rib(family, out));
    }
    let parts = |withdrawn: &[u8], attrs: &[u8], nlri: &[u8]| {
        let [wh, wl] = (withdrawn.len() as u16).to_be_bytes();
        let [ah, al] = (attrs.len() as u16).to_be_bytes();
        [&[0, 0x20, 0, wh, wl], withdrawn, &[ah, al], attrs, nlri].concat()
    };
    const GOOD: &[u8] = &[0x40, 1, 1, 0, 0x40, 2, 6, 2, 1, 0, 0, 0xfd, 0xe9, 0x40, 3, 4, 192, 0, 2, 1];
    for (name, odd) in [
        ("origin-9", &[0x40, 1, 1, 9][..]),
        ("overrun", &[0x40, 5, 200, 1]),
        ("no-length", &[0xd0, 8, 1]),
        ("well-known", &[0x40, 99, 1, 7]),
        ("repeat", &[0x40, 1, 1, 0]),
        ("unreach", &[0x80, 15, 5, 0, 2, 1, 16, 0x20, 1]),
        ("unreach-flags", &[0xc0, 15, 8, 0, 2, 1, 32, 0x20, 1, 0xd, 0xb8]),
        ("reach-v4", &[0x80, 14, 12, 0, 1, 1, 4, 192, 0, 2, 1, 0, 16, 203, 0]),
        ("foreign", &[0x80, 14, 6, 0, 1, 133, 0, 0, 0]),
        ("as4-path", &[0xc0, 17, 6, 2, 1, 0, 1, 0x11, 0x70]),
        ("empty-communities", &[0xc0, 8, 0]),
        ("prefix-sid", &[0xc0, 40, 4, 0, 0, 0, 0]),
        ("confed", &[0x40, 2, 6, 3, 1, 0, 0, 0xfd, 0xe9]),
    ] {
        all.push((format!("odd-{name}"), parts(&[8, 10], &[odd, GOOD].concat(), &[24, 203, 0, 113])));
        all.push((format!("odd-{name}-alone"), parts(&[], odd, &[])));
    }
    all.push(named("missing", parts(&[], &GOOD[4..], &[24, 203, 0, 113, 4, 0xe0])));
    all.push(named("prefix-33", parts(&[], GOOD, &[33, 203, 0, 113, 0, 0])));
    all.push(named("prefix-cut", parts(&[], GOOD, &[24, 203])));
    all
}

fn stream() -> Vec<Seed> {
    let mut all = Vec::new();
    let (open, keepalive) = {
        let config = SessionConfig::new(Asn(65002), RemoteAs::Any, Ipv4Addr::new(10, 0, 0, 2));
        let mut open = BytesMut::new();
        local_open(&config).encode(&mut open);
        let mut keepalive = BytesMut::new();
        put_keepalive(&mut keepalive);
        (open, keepalive)
    };
    all.push(named("opening", [&[0, 0, 0x41], &open[..], &keepalive].concat()));
    for (name, open) in opens().into_iter().take(5) {
        all.push((format!("open-{name}"), [&[1, 0, 0x11], &open[..], &keepalive].concat()));
    }
    let framed = |kind: u8, body: &[u8]| {
        let [high, low] = (19 + body.len() as u16).to_be_bytes();
        [&[0xff; 16][..], &[high, low, kind], body].concat()
    };
    let bodies: Vec<Vec<u8>> = updates().into_iter().map(|(_, bytes)| bytes[3..].to_vec()).collect();
    for (number, some) in bodies.chunks(6).enumerate() {
        let messages: Vec<u8> = some.iter().flat_map(|body| framed(2, body)).collect();
        let head = [[0, 0, 0x20], [8, 4, 0x04], [4, 2, 0x30], [0, 1, 0x60]][number % 4];
        all.push((format!("updates-{number:02}"), [&head[..], &messages].concat()));
    }
    for (name, kind, body) in [
        ("keepalive", 4, &[][..]),
        ("refresh", 5, &[0, 1, 0, 1]),
        ("refresh-begin", 5, &[0, 1, 1, 1]),
        ("filter", 5, &[0, 1, 0, 1, 1, 128, 0, 99]),
        ("cease", 3, &[6, 2]),
        ("capability", 6, &[0, 0, 1, 1]),
    ] {
        all.push(named(
            name,
            [&[0, 0, 2], &framed(kind, body)[..], &keepalive, &framed(2, &[0; 4])].concat(),
        ));
    }
    all.push(named("marker", [&[0, 0, 2][..], &[0xff; 15], &[0; 8]].concat()));
    all.push(named("length", [&[0, 0, 2][..], &[0xff; 16], &[0, 5, 2]].concat()));
    all
}

fn adverts() -> Vec<Seed> {
    let mut all = Vec::new();
    let v4 = |n| IpAddr::from([10, 0, 0, n]);
    let v6 = |n: u16| IpAddr::from([0xfe80, 0, 0, 0, 0, 0, 0, n]);
    let mut add = |name: &str, how: u8, adverts: &[Advert]| {
        let mut out = Vec::new();
        for advert in adverts {
            let source = if how & 1 == 1 { v6(9) } else { v4(9) };
            let bytes = vrrp::wire::encode(advert, &source, Checksum::PseudoHeader);
            let [high, low] = (bytes.len() as u16).to_be_bytes();
            out.extend([how, high, low]);
            out.extend(bytes);
        }
        all.push((name.to_owned(), out));
    };
    let advert = |priority, interval, addresses| Advert { vrid: 7, priority, interval, addresses };
    for (kind, how, own) in [("v4", 0x20, v4(254)), ("v6", 0x21, v6(0xfe))] {
        let one = |priority, interval| advert(priority, interval, vec![own]);
        let name = |what: &str| format!("{kind}-{what}");
        add(&name("lower"), how, &[one(50, 100), one(50, 100)]);
        add(&name("higher"), how, &[one(200, 100), one(200, 100), one(0, 100)]);
        add(&name("equal"), how, &[one(100, 100), one(100, 1)]);
        add(&name("owner"), how, &[one(255, 4095), one(255, 4095)]);
        add(&name("resigns"), how, &[one(0, 100)]);
        add(&name("own-source"), how | 2, &[one(200, 100)]);
        add(&name("as-it-is"), how | 4, &[one(200, 100)]);
        add(&name("message-only"), how | 8, &[one(200, 100)]);
        add(&name("routed"), how | 0x30, &[one(200, 100)]);
        add(&name("many"), how, &[advert(200, 100, vec![own; 20])]);
        add(&name("none"), how, &[advert(200, 100, vec![])]);
        add(&name("other"), how, &[Advert { vrid: 9, ..one(200, 100) }]);
        add(&name("no-interval"), how, &[one(200, 0)]);
    }
    all.push(named("version-2", [0, 0, 12, 0x21, 7, 100, 1, 0, 1, 0, 0, 10, 0, 0, 254]));
    all.push(named("header-alone", [0, 0, 0]));
    all
}

fn datagrams() -> Vec<Seed> {
    let net = |text: &str| text.parse().expect("a prefix");
    let hop = |gateway: &str, ifindex, weight| fib::Hop {
        gateway: Some(gateway.parse().expect("an address")),
        ifindex,
        weight,
        onlink: false,
    };
    let route = |prefix: &str, protocol, way| Request::RouteSet {
        prefix: net(prefix),
        table: 254,
        protocol,
        metric: 20,
        way,
        source: None,
        exclusive: true,
    };
    let two = vec![hop("192.0.2.1", 2, 1), hop("fe80::1", 3, 5)];
    let object = 0x2000_0005;
    let requests: Vec<(&str, Vec<Request>)> = vec![
        ("route", vec![route("10.0.0.0/8", 186, Way::Hops(vec![hop("192.0.2.1", 2, 1)]))]),
        ("route-v6", vec![route("2001:db8::/32", 186, Way::Hops(vec![hop("fe80::1", 2, 1)]))]),
        ("multipath", vec![route("10.0.0.0/8", 4, Way::Hops(two))]),
        ("by-object", vec![route("10.0.0.0/8", 186, Way::Object(object))]),
        (
            "objects",
            vec![
                Request::NexthopSet { id: object, protocol: 186, v6: false, hop: hop("192.0.2.1", 2, 1) },
                Request::NexthopSet { id: object + 1, protocol: 186, v6: true, hop: hop("fe80::1", 3, 1) },
                Request::GroupSet {
                    resilient: Some(fib::Resilient { buckets: 128, idle: 60, unbalanced: 0 }),
                    id: object + 2,
                    protocol: 186,
                    members: vec![(object, 1), (object + 1, 7)],
                    create: true,
                },
                route("10.0.0.0/8", 186, Way::Object(object + 2)),
            ],
        ),
        ("object-gone", vec![Request::NexthopDel { id: object }]),
    ];
    let mut all = Vec::new();
    for (name, list) in requests {
        let mut out = Encoder::default();
        encode_batch(&mut out, 7, &list);
        all.push(named(name, out.bytes()));
    }
    let mut written = |name: &str, kind: u16, flags: u16, head: &[u8], attrs: &[(u16, &[u8])]| {
        let mut out = Encoder::default();
        out.begin(kind, flags, 9);
        out.put(head);
        attrs.iter().for_each(|(kind, value)| out.attr(*kind, value));
        out.end();
        all.push(named(name, out.bytes()));
    };
    let link = [0, 0, 1, 0, 2, 0, 0, 0, 0x43, 0, 1, 0, 0, 0, 0, 0];
    let vrf = [&[8, 0, 1, 0][..], b"vrf\0", &[12, 0, 2, 0, 8, 0, 1, 0, 0xe8, 3, 0, 0]].concat();
    for (name, kind) in [("link", constants::RTM_NEWLINK), ("link-gone", constants::RTM_DELLINK)] {
        let attrs: [(u16, &[u8]); 4] = [
            (constants::IFLA_IFNAME, b"eth0\0"),
            (constants::IFLA_ADDRESS, &[2, 0, 0, 0, 0, 1]),
            (constants::IFLA_MTU, &[0xdc, 5, 0, 0]),
            (constants::IFLA_LINKINFO, &vrf),
        ];
        written(name, kind, 0, &link, &attrs);
    }
    let address = [2, 24, 0x80, 0, 2, 0, 0, 0];
    for (name, kind) in [("address", constants::RTM_NEWADDR), ("address-gone", constants::RTM_DELADDR)] {
        let own: (u16, &[u8]) = (constants::IFA_LOCAL, &[192, 0, 2, 9]);
        written(name, kind, 0, &address, &[own, (constants::IFA_ADDRESS, &[192, 0, 2, 9])]);
    }
    let refused = [&(-22i32).to_ne_bytes()[..], &[0; 16]].concat();
    let flags = constants::NLM_F_CAPPED | constants::NLM_F_ACK_TLVS;
    let words: (u16, &[u8]) = (constants::NLMSGERR_ATTR_MSG, b"no such device\0");
    written("refused", constants::NLMSG_ERROR, flags, &refused, &[words]);
    written("least-errno", constants::NLMSG_ERROR, 0, &i32::MIN.to_ne_bytes(), &[]);
    written("done", constants::NLMSG_DONE, 2, &[0; 4], &[]);
    all
}

fn configurations() -> Vec<Seed> {
    const BGP: &str = "hostname edge1\nlog syslog informational\nip forwarding\nrouter bgp 65001\n bgp router-id 10.0.0.1\n \
        neighbor UP peer-group\n neighbor UP remote-as external\n neighbor 10.0.0.2 peer-group UP\n \
        neighbor 10.0.0.2 timers 3 9\n neighbor 2001:db8::2 remote-as 65002\n neighbor eth1 interface remote-as external\n \
        address-family ipv4 unicast\n  network 198.51.100.0/24\n  neighbor UP prefix-list in in\n  \
        neighbor UP maximum-prefix 1000 80\n  redistribute connected route-map M\n exit-address-family\n \
        address-family ipv6 unicast\n  neighbor 2001:db8::2 activate\n exit-address-family\nexit\n";
    const POLICY: &str = "ip prefix-list in seq 5 permit 10.0.0.0/8 le 24\nipv6 prefix-list in6 seq 5 deny ::/0\n\
        bgp as-path access-list A seq 5 permit ^65002_\nbgp community-list standard C seq 5 permit 65001:1\n\
        bgp large-community-list expanded L seq 5 permit 65001:.*:1\nroute-map M permit 10\n match ip address prefix-list in\n \
        match as-path A\n set local-preference 200\n set community 65001:2 additive\n set as-path prepend 65001 65001\n \
        continue 20\nexit\nroute-map M deny 20\nexit\n";
    const VRRP: &str = "interface eth0\n ip address 192.0.2.1/24\n description to the switch\n vrrp 7 version 3\n \
        vrrp 7 priority 200\n vrrp 7 advertisement-interval 100\n vrrp 7 ip 192.0.2.254\n \
        vrrp 7 ipv6 fe80::fe\nexit\nip route 10.9.0.0/16 192.0.2.2\nipv6 route ::/0 fe80::1 eth0\n";
    let mut all = vec![
        named("bgp", BGP),
        named("policy", POLICY),
        named("vrrp", VRRP),
        named("all", [VRRP, POLICY, BGP].concat()),
        named(
            "mistakes",
            "router bgp 0\nneighbr 10.0.0.1\n no such\nip prefix-list\nroute-map M permit 70000\n",
        ),
        named("no", "no router bgp\nno ip prefix-list in\nno route-map M\nno interface eth0\n"),
        named("empty", ""),
        named("comments", "! frr\n#x\r\n\n\t \nend\nexit\nquit\n"),
    ];
    for (number, line) in [BGP, POLICY, VRRP].concat().lines().enumerate() {
        let inside = if line.starts_with(' ') { "router bgp 65001\n" } else { "" };
        all.push((format!("line-{number:02}"), format!("{inside}{line}\n").into_bytes()));
    }
    all
}

fn commands() -> Vec<Seed> {
    let lines = [
        "show bgp summary json",
        "show ip bgp neighbors 10.0.0.2 advertised-routes",
        "show bgp ipv6 unicast 2001:db8::/32 longer-prefixes",
        "sh ip ro",
        "show running-config",
        "show vrrp interface eth0 7 json",
        "clear bgp * soft in",
        "clear ip bgp 10.0.0.2",
        "configure terminal",
        "write memory",
        "do show version",
        "find route-map",
        "router bgp 65001",
        "no ip prefix-list in seq 5",
        "ip route 10.0.0.0/8 192.0.2.1 20",
        "show bgp neighbors ?",
        "show | include x",
        "s",
        " ",
        "interface ünï",
    ];
    lines.iter().enumerate().map(|(n, line)| (format!("{n:02}"), line.as_bytes().to_vec())).collect()
}
