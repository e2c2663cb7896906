use std::net::Ipv6Addr;

use bytes::BytesMut;
use proptest::prelude::*;

use super::*;
use crate::attrs::{AttrBuilder, AttrView, ExportForm, Origin, Prepend, flag, write_attrs};
use crate::types::{Addr, Family, NextHop};

#[test]
fn an_update_becomes_operations_in_wire_order() {
    let d = decode(context(), &body(&[16, 10, 1], &with(&[MED]), NLRI));
    assert_eq!(d.announced(), ["198.51.100.0/24"]);
    assert_eq!(d.withdrawn(), ["10.1.0.0/16"]);
    assert!(matches!(d.batch.ops[..], [Op::Withdraw { .. }, Op::Announce { .. }]));
    let a = &d.batch.attrs[0];
    assert_eq!((a.summary.med, a.summary.path_len, a.summary.neighbor_as), (5, 2, 65001));
    assert!(a.summary.has(flag::MED));
    assert_eq!(a.next_hop, NextHop::V4(Ipv4Addr::new(192, 0, 2, 1)));
    assert_eq!(AttrView::new(d.block()).as_path().to_string(), "65001 65002");
    assert_eq!(AttrView::new(d.block()).raw(iana::attr::NEXT_HOP), None);
}

#[test]
fn equal_attributes_in_a_row_share_one_set_and_one_operation() {
    let mut decoder = UpdateDecoder::new(context());
    let mut batch = UpdateBatch::default();
    decoder.decode(&body(&[], &with(&[MED]), NLRI), &mut batch).unwrap();
    let arena = batch.arena.len();
    decoder.decode(&body(&[], &with(&[MED]), &[8, 9]), &mut batch).unwrap();
    assert_eq!((batch.attrs.len(), batch.ops.len(), batch.v4.len()), (1, 1, 2));
    assert_eq!(batch.arena.len(), arena);
    decoder.decode(&body(&[], &with(&[]), &[8, 11]), &mut batch).unwrap();
    assert_eq!((batch.attrs.len(), batch.ops.len()), (2, 2));
}

#[test]
fn attribute_order_and_header_form_do_not_show_in_the_block() {
    let community: &[u8] = &[0xc0, 8, 8, 0, 2, 0, 2, 0, 1, 0, 1];
    let straight = decode(context(), &body(&[], &with(&[MED, community]), NLRI));
    let sorted: &[u8] = &[0xd0, 8, 0, 12, 0, 1, 0, 1, 0, 2, 0, 2, 0, 1, 0, 1];
    let shuffled = [sorted, NEXT_HOP, &[0x90, 4, 0, 4, 0, 0, 0, 5], PATH, &[0x50, 1, 0, 1, 0]].concat();
    let shuffled = decode(context(), &body(&[], &shuffled, NLRI));
    assert_eq!(straight.block(), shuffled.block());
    assert_eq!(straight.batch.attrs[0].hash, shuffled.batch.attrs[0].hash);
    assert_eq!(AttrView::new(straight.block()).communities().collect::<Vec<_>>(), [0x0001_0001, 0x0002_0002]);
}

#[test]
fn many_unsorted_communities_lose_their_repeats() {
    let mut value = Vec::new();
    for i in 0..200u32 {
        value.extend_from_slice(&((i * 7919) % 60).to_be_bytes());
    }
    let attribute = [&[0xd0, 8, 3, 0x20][..], &value].concat();
    let d = decode(context(), &body(&[], &with(&[&attribute]), NLRI));
    assert_eq!(AttrView::new(d.block()).communities().collect::<Vec<_>>(), (0..60).collect::<Vec<_>>());
    assert_eq!(AttrBuilder::from_view(AttrView::new(d.block())).build(), d.block());
}

#[test]
fn end_of_rib_is_recognised_for_both_families_and_only_when_alone() {
    let d = decode(context(), &body(&[], &[], &[]));
    assert_eq!(d.batch.ops, [Op::EndOfRib(Family::Ipv4Unicast)]);
    let d = decode(context(), &body(&[], &[0x80, 15, 3, 0, 2, 1], &[]));
    assert_eq!(d.batch.ops, [Op::EndOfRib(Family::Ipv6Unicast)]);
    let d = decode(context(), &body(&[], &[0x80, 15, 3, 0, 1, 1], &[]));
    assert_eq!(d.batch.ops, [Op::EndOfRib(Family::Ipv4Unicast)]);
    let unknown: &[u8] = &[0xc0, 99, 1, 0];
    let d = decode(context(), &body(&[], &[&[0x80, 15, 3, 0, 2, 1], unknown].concat(), NLRI));
    assert_eq!(d.batch.ops.len(), 1);
    assert_eq!(d.withdrawn(), ["198.51.100.0/24"]);
}

fn mp_reach(afi: u8, next_hop: &[u8], nlri: &[u8]) -> Vec<u8> {
    let value = [&[0, afi, 1, next_hop.len() as u8][..], next_hop, &[0], nlri].concat();
    [&[0x90, 14][..], &(value.len() as u16).to_be_bytes(), &value].concat()
}

fn v6(text: &str) -> [u8; 16] {
    text.parse::<Ipv6Addr>().unwrap().octets()
}

const V6_NLRI: &[u8] = &[32, 0x20, 1, 0xd, 0xb8];

#[test]
fn ipv6_next_hops_come_alone_with_a_link_local_or_as_a_link_local() {
    let both = [v6("2001:db8::1"), v6("fe80::1")].concat();
    let twice = [v6("fe80::1"), v6("fe80::1")].concat();
    let none = [v6("::"), v6("fe80::1")].concat();
    let global: Ipv6Addr = "2001:db8::1".parse().unwrap();
    let local: Ipv6Addr = "fe80::1".parse().unwrap();
    for (bytes, expected) in [
        (&v6("2001:db8::1")[..], NextHop::V6 { global, link_local: None }),
        (&both, NextHop::V6 { global, link_local: Some(local) }),
        (&twice, NextHop::V6 { global: local, link_local: None }),
        (&none, NextHop::V6 { global: local, link_local: None }),
    ] {
        let attrs = [ORIGIN, PATH, &mp_reach(2, bytes, V6_NLRI)].concat();
        let d = decode(context(), &body(&[], &attrs, &[]));
        assert_eq!(d.announced(), ["2001:db8::/32"]);
        assert_eq!(d.batch.attrs[0].next_hop, expected);
    }
}

#[test]
fn a_useless_next_hop_attribute_beside_mp_reach_does_not_matter() {
    let attrs = [ORIGIN, PATH, &[0x40, 3, 4, 0, 0, 0, 0], &mp_reach(2, &v6("2001:db8::1"), V6_NLRI)].concat();
    assert_eq!(decode(context(), &body(&[], &attrs, &[])).announced(), ["2001:db8::/32"]);
}

#[test]
fn next_hops_that_can_be_no_router_withdraw_the_route() {
    for bad in ["::", "::1", "ff02::1", "::ffff:192.0.2.1"] {
        let attrs = [ORIGIN, PATH, &mp_reach(2, &v6(bad), V6_NLRI)].concat();
        let d = decode(context(), &body(&[], &attrs, &[]));
        assert_eq!((d.announced().len(), d.withdrawn().len()), (0, 1), "{bad}");
        assert_eq!(d.decoder.counters().rejected(Reject::NextHop), 1);
    }
    for bad in [[0, 0, 0, 0], [127, 0, 0, 1], [224, 0, 0, 5], [255, 255, 255, 255]] {
        let attrs = [ORIGIN, PATH, &[0x40, 3, 4], &bad].concat();
        let d = decode(context(), &body(&[], &attrs, NLRI));
        assert_eq!(d.withdrawn(), ["198.51.100.0/24"], "{bad:?}");
        let ctx = UpdateContext { allow_martian_next_hop: true, ..context() };
        assert_eq!(decode(ctx, &body(&[], &attrs, NLRI)).announced().len(), 1);
    }
}

#[test]
fn ipv4_takes_an_ipv6_next_hop_only_when_negotiated() {
    let attrs = [ORIGIN, PATH, &mp_reach(1, &v6("2001:db8::1"), NLRI)].concat();
    assert_eq!(decode(context(), &body(&[], &attrs, &[])).withdrawn(), ["198.51.100.0/24"]);
    let ctx = UpdateContext { extended_next_hop: true, ..context() };
    let d = decode(ctx, &body(&[], &attrs, &[]));
    assert_eq!(d.announced(), ["198.51.100.0/24"]);
    let attrs = [ORIGIN, PATH, &mp_reach(1, &[192, 0, 2, 7], NLRI)].concat();
    assert_eq!(decode(context(), &body(&[], &attrs, &[])).announced(), ["198.51.100.0/24"]);
}

#[test]
fn families_that_are_not_carried_are_ignored() {
    let attrs = [ORIGIN, PATH, &mp_reach(2, &v6("2001:db8::1"), V6_NLRI)].concat();
    let ctx = UpdateContext { families: [true, false], ..context() };
    let d = decode(ctx.clone(), &body(&[], &attrs, &[]));
    assert!(d.result.is_ok() && d.batch.is_empty());
    let flowspec = [ORIGIN, PATH, &[0x80, 14, 6, 0, 1, 133, 0, 0, 0]].concat();
    assert!(decode(context(), &body(&[], &flowspec, &[])).batch.is_empty());
    let ctx = UpdateContext { families: [false, true], ..context() };
    let d = decode(ctx, &body(&[8, 10], &with(&[]), NLRI));
    assert!(d.result.is_ok() && d.batch.ops.is_empty());
}

#[test]
fn path_identifiers_are_read_where_negotiated() {
    let ctx = UpdateContext { add_path: [true, false], ..context() };
    let d = decode(ctx, &body(&[], &with(&[]), &[0, 0, 0, 7, 24, 198, 51, 100]));
    assert_eq!(d.batch.v4[0].path_id, 7);
    let ctx = UpdateContext { add_path: [true, false], ..context() };
    assert_eq!(decode(ctx, &body(&[], &with(&[]), NLRI)).reset(), (3, 10));
}

#[test]
fn loops_and_a_wrong_first_as_withdraw_and_are_counted() {
    let looped: &[u8] = &[0x40, 2, 10, 2, 2, 0, 0, 0xfd, 0xe9, 0, 0, 0xfd, 0xe8];
    let attrs = [ORIGIN, looped, NEXT_HOP].concat();
    let d = decode(context(), &body(&[], &attrs, NLRI));
    assert_eq!((d.withdrawn().len(), d.decoder.counters().rejected(Reject::AsPathLoop)), (1, 1));
    for allow in [AllowOwnAs::Times(1), AllowOwnAs::Origin] {
        let ctx = UpdateContext { allow_own_as: [allow, AllowOwnAs::No], ..context() };
        assert_eq!(decode(ctx, &body(&[], &attrs, NLRI)).announced().len(), 1);
    }
    let ctx = UpdateContext { remote_as: Asn(1), ..context() };
    let d = decode(ctx, &body(&[], &with(&[]), NLRI));
    assert_eq!(d.result.unwrap().rejected, Some(Reject::FirstAs));
    let originator: &[u8] = &[0x80, 9, 4, 10, 0, 0, 1];
    let d = decode(internal(), &body(&[], &with(&[originator]), NLRI));
    assert_eq!(d.result.unwrap().rejected, Some(Reject::OriginatorLoop));
    let cluster: &[u8] = &[0x80, 10, 8, 1, 1, 1, 1, 10, 0, 0, 1];
    let d = decode(internal(), &body(&[], &with(&[cluster]), NLRI));
    assert_eq!(d.result.unwrap().rejected, Some(Reject::ClusterLoop));
    // From outside both attributes are dropped, and no loop.
    let d = decode(context(), &body(&[], &with(&[originator, cluster]), NLRI));
    assert_eq!(d.announced().len(), 1);
    assert_eq!(AttrView::new(d.block()).originator_id(), None);
}

#[test]
fn a_number_of_ours_goes_before_paths_of_either_width() {
    let ctx = UpdateContext { prepend: Some(Asn(64999)), ..context() };
    let d = decode(ctx.clone(), &body(&[], &with(&[]), NLRI));
    assert_eq!(AttrView::new(d.block()).as_path().to_string(), "64999 65001 65002");
    assert_eq!((d.batch.attrs[0].summary.path_len, d.batch.attrs[0].summary.neighbor_as), (3, 64999));
    let narrow: &[u8] = &[0x40, 2, 6, 2, 2, 0xfd, 0xe9, 0xfd, 0xea];
    let attrs = [ORIGIN, narrow, NEXT_HOP].concat();
    let d = decode(UpdateContext { as4: false, ..ctx.clone() }, &body(&[], &attrs, NLRI));
    assert_eq!(AttrView::new(d.block()).as_path().to_string(), "64999 65001 65002");
    // What is refused is refused for what the peer sent.
    let d = decode(UpdateContext { remote_as: Asn(64999), ..ctx }, &body(&[], &with(&[]), NLRI));
    assert_eq!(d.result.unwrap().rejected, Some(Reject::FirstAs));
}

#[test]
fn roles_mark_routes_and_stop_leaks() {
    let otc = |asn: u8| [0xc0, 35, 4, 0, 0, 0xfd, asn];
    let relation = |r| UpdateContext { relation: Some(r), ..context() };
    let d = decode(relation(PeerRelation::Provider), &body(&[], &with(&[]), NLRI));
    assert_eq!(AttrView::new(d.block()).otc(), Some(Asn(65001)));
    let d = decode(relation(PeerRelation::Customer), &body(&[], &with(&[&otc(0xe9)]), NLRI));
    assert_eq!(d.result.unwrap().rejected, Some(Reject::RouteLeak));
    let d = decode(relation(PeerRelation::Peer), &body(&[], &with(&[&otc(0xea)]), NLRI));
    assert_eq!(d.result.unwrap().rejected, Some(Reject::RouteLeak));
    let d = decode(relation(PeerRelation::Peer), &body(&[], &with(&[&otc(0xe9), &[0xe0, 99, 0]]), NLRI));
    assert_eq!(AttrView::new(d.block()).otc(), Some(Asn(65001)));
    let d = decode(relation(PeerRelation::Provider), &body(&[], &with(&[&[0xe0, 99, 0]]), NLRI));
    assert_eq!(AttrView::new(d.block()).iter().map(|a| a.code).collect::<Vec<_>>(), [1, 2, 35, 99]);
}

#[test]
fn two_octet_paths_are_merged_with_as4_path() {
    let ctx = || UpdateContext { as4: false, ..context() };
    // 65001 AS_TRANS AS_TRANS with AS4_PATH 70000 70001.
    let path: &[u8] = &[0x40, 2, 8, 2, 3, 0xfd, 0xe9, 0x5b, 0xa0, 0x5b, 0xa0];
    let as4: &[u8] = &[0xc0, 17, 10, 2, 2, 0, 1, 0x11, 0x70, 0, 1, 0x11, 0x71];
    let trans: &[u8] = &[0xc0, 7, 6, 0x5b, 0xa0, 192, 0, 2, 5];
    let as4_aggregator: &[u8] = &[0xc0, 18, 8, 0, 1, 0x11, 0x70, 192, 0, 2, 5];
    let attrs = [ORIGIN, path, NEXT_HOP, trans, as4, as4_aggregator].concat();
    let d = decode(ctx(), &body(&[], &attrs, NLRI));
    let v = AttrView::new(d.block());
    assert_eq!(v.as_path().to_string(), "65001 70000 70001");
    assert_eq!(v.as_path().segments().count(), 1);
    assert_eq!(v.aggregator().unwrap().0, Asn(70000));
    assert_eq!(v.iter().map(|a| a.code).collect::<Vec<_>>(), [1, 2, 7]);
    // An old speaker wrote AGGREGATOR last: both AS4 attributes are stale.
    let plain: &[u8] = &[0xc0, 7, 6, 0, 9, 192, 0, 2, 5];
    let attrs = [ORIGIN, path, NEXT_HOP, plain, as4, as4_aggregator].concat();
    let d = decode(ctx(), &body(&[], &attrs, NLRI));
    let v = AttrView::new(d.block());
    assert_eq!(v.as_path().to_string(), "65001 23456 23456");
    assert_eq!(v.aggregator().unwrap().0, Asn(9));
    // AS4_PATH longer than AS_PATH is ignored.
    let short: &[u8] = &[0x40, 2, 4, 2, 1, 0xfd, 0xe9];
    let d = decode(ctx(), &body(&[], &[ORIGIN, short, NEXT_HOP, as4].concat(), NLRI));
    assert_eq!(AttrView::new(d.block()).as_path().to_string(), "65001");
    // With four-octet peers they mean nothing.
    let d = decode(context(), &body(&[], &with(&[as4, as4_aggregator]), NLRI));
    assert_eq!(AttrView::new(d.block()).as_path().to_string(), "65001 65002");
}

#[test]
fn prefixes_of_multicast_and_link_local_are_skipped() {
    let d = decode(context(), &body(&[], &with(&[]), &[4, 0xe0, 8, 239, 3, 0xe0, 0, 24, 198, 51, 100]));
    assert_eq!(d.announced(), ["224.0.0.0/3", "0.0.0.0/0", "198.51.100.0/24"]);
    assert_eq!(d.decoder.counters().prefixes_ignored, 2);
}

/// Attributes of all kinds, in canonical form, as an external peer may send them.
fn any_block() -> impl Strategy<Value = Vec<u8>> {
    let asns = prop::collection::vec(prop_oneof![1u32..64000, 70000u32..80000].prop_map(Asn), 0..300);
    let communities = prop::collection::vec(any::<u32>(), 0..90);
    let large = prop::collection::vec(any::<(u32, u32, u32)>(), 0..4);
    let aggregator = prop::option::of((1u32..100_000).prop_map(|a| (Asn(a), Ipv4Addr::new(1, 2, 3, 4))));
    let unknown = prop::option::of((41u8..255, prop::collection::vec(any::<u8>(), 0..300)));
    (asns, communities, large, aggregator, unknown, any::<Option<u32>>(), any::<bool>(), 0u8..3).prop_map(
        |(asns, communities, large, aggregator, unknown, med, atomic, origin)| {
            let mut b = AttrBuilder::new();
            let asns: Vec<_> = std::iter::once(Asn(65001)).chain(asns).collect();
            b.origin(Origin::from_code(origin)).set_as_path(&asns).med(med);
            b.communities(communities)
                .large_communities(large)
                .aggregator(aggregator)
                .atomic_aggregate(atomic);
            if let Some((code, value)) = unknown {
                b.raw(code, 0xe0, value);
            }
            b.build()
        },
    )
}

fn any_nlri<A: Addr>(addr: impl Strategy<Value = A>) -> impl Strategy<Value = Vec<Nlri<A>>> {
    let one = (addr, 0..=A::BITS, any::<u32>()).prop_map(|(a, len, path_id)| Nlri {
        addr: a.mask(len),
        path_id,
        len,
    });
    prop::collection::vec(one, 1..1500)
}

fn plain_form(as4: bool) -> ExportForm {
    ExportForm { as4, prepend: Prepend::NONE, ..ExportForm::external(Asn(1)) }
}

/// Writes, cuts into messages, decodes; gives back block, next hop, prefixes and the number of messages.
fn round_trip<A: Addr>(
    block: &[u8],
    next_hop: NextHop,
    form: UpdateForm,
    as4: bool,
    prefixes: &[Nlri<A>],
) -> (UpdateBatch, usize) {
    let classic = match next_hop {
        NextHop::V4(a) => Some(a),
        NextHop::V6 { .. } => None,
    };
    let mut attrs = Vec::new();
    write_attrs(AttrView::new(block), &plain_form(as4), classic, &mut attrs).unwrap();
    let mut out = BytesMut::new();
    let mp = classic.is_none().then_some(next_hop);
    let written = put_announce(form, &attrs, mp, prefixes.iter().copied(), &mut out).unwrap();
    let ctx = UpdateContext {
        as4,
        add_path: [form.add_path; 2],
        extended_next_hop: true,
        own_asns: vec![],
        ..context()
    };
    let mut decoder = UpdateDecoder::new(ctx);
    let (mut batch, mut rest, mut count) = (UpdateBatch::default(), &out[..], 0);
    while let Some(frame) = next_frame(rest, form.max_message()).unwrap() {
        let report = decoder.decode(frame.body, &mut batch).unwrap();
        assert_eq!(report.withdrawn, 0);
        rest = &rest[frame.len()..];
        count += 1;
    }
    assert!(rest.is_empty());
    assert_eq!(written, count);
    (batch, count)
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_to_the_same_v4(
        block in any_block(),
        prefixes in any_nlri(0u32..0xe000_0000),
        extended_message: bool, add_path: bool, as4: bool, over_v6: bool,
    ) {
        let next_hop = if over_v6 {
            NextHop::V6 { global: "2001:db8::1".parse().unwrap(), link_local: Some("fe80::1".parse().unwrap()) }
        } else {
            NextHop::V4(Ipv4Addr::new(192, 0, 2, 1))
        };
        let form = UpdateForm { extended_message, add_path };
        let (batch, _) = round_trip(&block, next_hop, form, as4, &prefixes);
        prop_assert_eq!(batch.attrs.len(), 1);
        prop_assert_eq!(batch.block(&batch.attrs[0]), &block[..]);
        prop_assert_eq!(batch.attrs[0].next_hop, next_hop);
        let expected = prefixes.iter().map(|n| Nlri { path_id: if add_path { n.path_id } else { 0 }, ..*n });
        prop_assert_eq!(batch.v4, expected.collect::<Vec<_>>());
    }

    #[test]
    fn what_is_encoded_decodes_to_the_same_v6(
        block in any_block(),
        prefixes in any_nlri(0u128..0xfe00 << 112),
        extended_message: bool, add_path: bool,
    ) {
        let next_hop = NextHop::V6 { global: "2001:db8::1".parse().unwrap(), link_local: None };
        let form = UpdateForm { extended_message, add_path };
        let (batch, messages) = round_trip(&block, next_hop, form, true, &prefixes);
        prop_assert_eq!(batch.v6.len(), prefixes.len());
        let octets: usize = prefixes.iter().map(|n| 1 + usize::from(n.len.div_ceil(8)) + 4 * usize::from(add_path)).sum();
        prop_assert!(messages <= octets / (form.max_message() - block.len() - 120) + 1);
    }

    #[test]
    fn withdrawals_decode_to_the_same(
        v4 in any_nlri(0u32..0xe000_0000),
        v6 in any_nlri(0u128..0xfe00 << 112),
        mp: bool, extended_message: bool,
    ) {
        let form = UpdateForm { extended_message, add_path: false };
        let mut out = BytesMut::new();
        let count = put_withdraw(form, mp, v4.iter().copied(), &mut out)
            + put_withdraw(form, mp, v6.iter().copied(), &mut out);
        let mut decoder = UpdateDecoder::new(context());
        let (mut batch, mut rest, mut frames) = (UpdateBatch::default(), &out[..], 0);
        while let Some(frame) = next_frame(rest, form.max_message()).unwrap() {
            decoder.decode(frame.body, &mut batch).unwrap();
            rest = &rest[frame.len()..];
            frames += 1;
        }
        prop_assert_eq!(count, frames);
        let strip = |n: &Nlri<u32>| Nlri { path_id: 0, ..*n };
        prop_assert_eq!(&batch.v4, &v4.iter().map(strip).collect::<Vec<_>>());
        prop_assert_eq!(batch.v6.len(), v6.len());
        prop_assert_eq!(batch.ops.len(), 2);
    }

    #[test]
    fn a_canonical_block_decodes_to_itself(block in any_block()) {
        let attrs = [&block[..], NEXT_HOP].concat();
        let ctx = UpdateContext { own_asns: vec![], ..context() };
        let d = decode(ctx, &body(&[], &attrs, NLRI));
        prop_assert_eq!(d.block(), &block[..]);
    }

    #[test]
    fn mutated_messages_never_panic_and_an_error_leaves_nothing(
        block in any_block(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in any::<prop::sample::Index>(), truncate: bool, as4: bool, inside: bool, add_path: bool,
    ) {
        let attrs = [&block[..], NEXT_HOP, &mp_reach(2, &v6("2001:db8::1"), V6_NLRI)].concat();
        let mut bytes = body(&[8, 10], &attrs, NLRI);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if truncate {
            bytes.truncate(cut.index(bytes.len()));
        }
        let ctx = UpdateContext { as4, kind: kind(inside), add_path: [add_path; 2], ..context() };
        let d = decode(ctx, &bytes);
        // No prefix without octets of its own in the message.
        let prefixes = d.batch.v4.len() + d.batch.v6.len();
        prop_assert!(prefixes <= bytes.len());
        if d.result.is_err() {
            prop_assert!(d.batch.is_empty() && prefixes == 0 && d.batch.arena.is_empty());
        }
        for a in &d.batch.attrs {
            // Whatever was accepted is canonical: it decodes to itself.
            let block = d.batch.block(a);
            prop_assert_eq!(&AttrBuilder::from_view(AttrView::new(block)).build(), block);
            let mut out = Vec::new();
            let _ = write_attrs(AttrView::new(block), &ExportForm::external(Asn(70000)), None, &mut out);
        }
    }
}
