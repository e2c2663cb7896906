use ipnet::IpNet;

use super::*;
use crate::intent::{Hop, Resilient, RouteKind};

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

fn hop(gateway: &str, ifindex: u32, weight: u8) -> Hop {
    Hop { gateway: Some(gateway.parse().unwrap()), ifindex, weight, onlink: false }
}

fn read_back(request: Request) -> Object {
    let mut out = Encoder::default();
    encode_batch(&mut out, 7, &[request]);
    let all: Vec<_> = messages(out.bytes()).map(|m| decode(&m)).collect();
    assert_eq!(all.len(), 1);
    match all.into_iter().next().unwrap() {
        Incoming::Object { seq: 7, object, .. } => object,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_route_on_an_object_reads_back() {
    let request = Request::RouteSet {
        prefix: net("2001:db8::/32"),
        table: 1000,
        protocol: 186,
        metric: 20,
        way: Way::Object(77),
        source: Some("2001:db8::1".parse().unwrap()),
        exclusive: true,
    };
    let Object::Route(route) = read_back(request) else { panic!() };
    assert_eq!((route.prefix, route.table, route.metric), (net("2001:db8::/32"), 1000, 20));
    assert_eq!((route.object, route.protocol, route.kind), (Some(77), 186, RouteKind::Unicast));
    assert_eq!(route.source, Some("2001:db8::1".parse().unwrap()));
}

#[test]
fn gateways_in_the_route_read_back_also_across_families() {
    for hops in [
        vec![hop("192.0.2.1", 3, 1)],
        vec![hop("fe80::1", 3, 1)],
        vec![hop("192.0.2.1", 3, 5), hop("fe80::1", 4, 255)],
        vec![Hop { onlink: true, ..hop("192.0.2.1", 3, 1) }],
    ] {
        let request = Request::RouteSet {
            prefix: net("10.0.0.0/8"),
            table: 254,
            protocol: 196,
            metric: 20,
            way: Way::Hops(hops.clone()),
            source: None,
            exclusive: false,
        };
        let Object::Route(route) = read_back(request) else { panic!() };
        assert_eq!(route.hops, hops);
    }
}

#[test]
fn next_hop_objects_and_groups_read_back() {
    let single = Request::NexthopSet {
        id: 5,
        protocol: 186,
        v6: true,
        hop: Hop { onlink: true, ..hop("fe80::9", 2, 1) },
    };
    let Object::Nexthop(n) = read_back(single) else { panic!() };
    assert_eq!((n.id, n.v6, n.hop), (5, true, Some(Hop { onlink: true, ..hop("fe80::9", 2, 1) })));
    for resilient in [None, Some(Resilient { buckets: 256, idle: 60, unbalanced: 0 })] {
        let members = vec![(5, 1), (9, 255)];
        let group =
            Request::GroupSet { id: 6, protocol: 186, members: members.clone(), resilient, create: true };
        let Object::Nexthop(n) = read_back(group) else { panic!() };
        assert_eq!((n.id, n.members, n.resilient), (6, members, resilient));
    }
}

#[test]
fn only_the_last_of_a_batch_asks_for_an_acknowledgement() {
    let mut out = Encoder::default();
    encode_batch(&mut out, u32::MAX, &[Request::NexthopDel { id: 1 }, Request::NexthopDel { id: 2 }]);
    let heads: Vec<_> = messages(out.bytes()).map(|m| (m.seq, m.flags & constants::NLM_F_ACK != 0)).collect();
    assert_eq!(heads, [(u32::MAX, false), (0, true)]);
}

#[test]
fn an_error_carries_number_and_words() {
    let mut out = Encoder::default();
    out.begin(constants::NLMSG_ERROR, constants::NLM_F_CAPPED | constants::NLM_F_ACK_TLVS, 9);
    out.put(&(-22i32).to_ne_bytes());
    out.put(&[0; 16]);
    out.attr(constants::NLMSGERR_ATTR_MSG, b"Nexthop id does not exist\0");
    out.end();
    let raw = messages(out.bytes()).next().unwrap();
    let expected =
        Incoming::Outcome { seq: 9, errno: 22, message: Some("Nexthop id does not exist".to_owned()) };
    assert_eq!(decode(&raw), expected);
}

proptest::proptest! {
    #[test]
    fn no_input_breaks_the_reader(bytes in proptest::collection::vec(0u8.., 0..200), kind in 0u16..120) {
        for raw in messages(&bytes) {
            decode(&raw);
        }
        decode(&RawMessage { kind, flags: 0x300, seq: 1, port: 0, body: &bytes });
    }
}
