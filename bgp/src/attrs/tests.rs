use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::text::*;
use super::*;
use crate::types::Asn;
use crate::wire::iana::attr;

fn asns(list: &[u32]) -> Vec<Asn> {
    list.iter().map(|&a| Asn(a)).collect()
}

fn typical() -> Vec<u8> {
    let mut b = AttrBuilder::new();
    b.origin(Origin::Igp).set_as_path(&asns(&[64500, 64501])).med(Some(7)).local_pref(Some(200));
    b.communities(vec![0xffff_ff01, 65001 << 16 | 100, 0xffff_ff01]).large_communities(vec![(1, 2, 3)]);
    b.build()
}

#[test]
fn a_built_block_reads_back() {
    let block = typical();
    let view = AttrView::new(&block);
    assert_eq!(view.origin(), Origin::Igp);
    assert_eq!(view.as_path().to_string(), "64500 64501");
    assert_eq!((view.med(), view.local_pref()), (Some(7), Some(200)));
    assert_eq!(view.communities().collect::<Vec<_>>(), [65001 << 16 | 100, 0xffff_ff01]);
    assert_eq!(view.large_communities().collect::<Vec<_>>(), [(1, 2, 3)]);
    let s = summarize(&block);
    assert_eq!((s.path_len, s.neighbor_as, s.med, s.local_pref), (2, 64500, 7, 200));
    assert!(s.has(flag::NO_EXPORT) && s.has(flag::MED) && !s.has(flag::AS_SET));
    assert_eq!(AttrBuilder::from_view(view).build(), block);
}

#[test]
fn every_setter_is_read_by_its_getter() {
    let mut b = AttrBuilder::new();
    b.aggregator(Some((Asn(70000), Ipv4Addr::new(192, 0, 2, 1)))).atomic_aggregate(true);
    b.originator_id(Some(Ipv4Addr::new(10, 0, 0, 1))).aigp(Some(77)).otc(Some(Asn(5)));
    b.push_cluster(Ipv4Addr::new(1, 1, 1, 1)).push_cluster(Ipv4Addr::new(2, 2, 2, 2));
    b.ext_communities(vec![[0, 2, 0, 1, 0, 0, 0, 1]]).raw(200, 0xe0, vec![1, 2, 3]);
    let block = b.build();
    let v = AttrView::new(&block);
    assert_eq!(v.aggregator(), Some((Asn(70000), Ipv4Addr::new(192, 0, 2, 1))));
    assert!(v.atomic_aggregate());
    assert_eq!(
        (v.originator_id(), v.aigp(), v.otc()),
        (Some(Ipv4Addr::new(10, 0, 0, 1)), Some(77), Some(Asn(5)))
    );
    let clusters: Vec<_> = v.cluster_list().map(|c| c.to_string()).collect();
    assert_eq!(clusters, ["2.2.2.2", "1.1.1.1"]);
    assert_eq!(v.ext_communities().count(), 1);
    assert_eq!(v.unknown().map(|a| (a.code, a.flags)).collect::<Vec<_>>(), [(200, 0xe0)]);
    let s = summarize(&block);
    assert_eq!((s.cluster_len, s.originator_id), (2, 0x0a00_0001));
    b.aggregator(None).atomic_aggregate(false).originator_id(None).aigp(None).otc(None);
    b.remove(attr::CLUSTER_LIST).ext_communities(vec![]).remove(200);
    assert!(b.build().is_empty());
}

#[test]
fn paths_have_the_text_and_the_length_of_the_decision_process() {
    let mut b = AttrBuilder::new();
    b.set_segments(&[
        (SegmentKind::ConfedSequence, &asns(&[65100, 65101])),
        (SegmentKind::ConfedSet, &asns(&[65102, 65103])),
        (SegmentKind::Sequence, &asns(&[1, 2, 1])),
        (SegmentKind::Set, &asns(&[3, 4])),
    ]);
    let block = b.build();
    let path = AttrView::new(&block).as_path();
    assert_eq!(path.to_string(), "(65100 65101) [65102,65103] 1 2 1 {3,4}");
    assert_eq!((path.len(), path.count(Asn(1)), path.contains(Asn(9))), (4, 2, false));
    assert_eq!((path.first_as(), path.origin_as()), (Some(Asn(1)), None));
    assert!(path.has_set() && !path.is_empty());
    let s = summarize(&block);
    assert_eq!((s.path_len, s.neighbor_as), (4, 1));
    assert!(s.has(flag::AS_SET));
}

#[test]
fn prepending_fills_a_segment_and_then_opens_another() {
    let mut b = AttrBuilder::new();
    b.set_as_path(&asns(&[9; 254])).prepend(Asn(1), 3);
    let block = b.build();
    let path = AttrView::new(&block).as_path();
    assert_eq!(path.len(), 257);
    assert_eq!(path.segments().map(|s| s.len()).collect::<Vec<_>>(), [255, 2]);
    assert_eq!((path.first_as(), path.origin_as(), path.count(Asn(1))), (Some(Asn(1)), Some(Asn(9)), 3));
    b.exclude_asns(&[Asn(9)]);
    assert_eq!(AttrView::new(&b.build()).as_path().to_string(), "1 1 1");
    b.replace_asns(&[Asn(1)], Asn(2)).prepend(Asn(5), 1);
    assert_eq!(AttrView::new(&b.build()).as_path().to_string(), "5 2 2 2");
}

#[test]
fn external_export_strips_what_must_stay_inside() {
    let mut b = AttrBuilder::from_view(AttrView::new(&[]));
    b.origin(Origin::Egp).local_pref(Some(5)).med(Some(6)).aigp(Some(9));
    b.set_segments(&[(SegmentKind::ConfedSequence, &asns(&[65100])), (SegmentKind::Sequence, &asns(&[7]))]);
    b.originator_id(Some(Ipv4Addr::new(1, 1, 1, 1))).push_cluster(Ipv4Addr::new(2, 2, 2, 2));
    b.ext_communities(vec![[0x40, 4, 0, 0, 0, 0, 0, 0], [0, 2, 0, 1, 0, 0, 0, 1]]);
    let block = b.build();
    let mut out = Vec::new();
    let form = ExportForm { med: MedForm::Strip, ..ExportForm::external(Asn(64496)) };
    write_attrs(AttrView::new(&block), &form, Some(Ipv4Addr::new(192, 0, 2, 9)), &mut out).unwrap();
    let v = AttrView::new(&out);
    assert_eq!(v.iter().map(|a| a.code).collect::<Vec<_>>(), [1, 2, 3, 16]);
    assert_eq!(v.as_path().to_string(), "64496 7");
    assert_eq!(v.raw(attr::NEXT_HOP), Some(&[192, 0, 2, 9][..]));
    assert_eq!(v.ext_communities().collect::<Vec<_>>(), [[0, 2, 0, 1, 0, 0, 0, 1]]);
}

#[test]
fn another_member_as_gets_everything_behind_our_number_but_what_reflection_left() {
    let mut b = AttrBuilder::from_view(AttrView::new(&[]));
    b.origin(Origin::Egp).local_pref(Some(5)).med(Some(6)).aigp(Some(9));
    b.originator_id(Some(Ipv4Addr::new(1, 1, 1, 1))).push_cluster(Ipv4Addr::new(2, 2, 2, 2));
    b.ext_communities(vec![[0x40, 4, 0, 0, 0, 0, 0, 0]]);
    let told = |b: &AttrBuilder<'_>, as4| {
        let mut out = Vec::new();
        let form = ExportForm { as4, ..ExportForm::confederation(Asn(65001)) };
        write_attrs(AttrView::new(&b.build()), &form, None, &mut out).unwrap();
        out
    };
    let out = told(b.set_segments(&[(SegmentKind::Sequence, &asns(&[7]))]), true);
    let v = AttrView::new(&out);
    assert_eq!(v.iter().map(|a| a.code).collect::<Vec<_>>(), [1, 2, 4, 5, 16, 26]);
    assert_eq!((v.as_path().to_string().as_str(), v.local_pref(), v.med()), ("(65001) 7", Some(5), Some(6)));
    let out = told(
        b.set_segments(&[
            (SegmentKind::ConfedSequence, &asns(&[65002])),
            (SegmentKind::Sequence, &asns(&[7])),
        ]),
        true,
    );
    assert_eq!(AttrView::new(&out).as_path().to_string(), "(65001 65002) 7");
    let summary = summarize(&out);
    assert_eq!((summary.path_len, summary.confed_len, summary.neighbor_as), (1, 2, 7));
    let out = told(b.set_segments(&[(SegmentKind::ConfedSequence, &asns(&[65002; 255]))]), true);
    assert_eq!(
        AttrView::new(&out).as_path().segments().map(|s| s.asns().len()).collect::<Vec<_>>(),
        [1, 255]
    );
    // Confederation segments have no place in AS4_PATH (RFC 6793 section 4.2.2).
    let out = told(b.set_segments(&[(SegmentKind::Sequence, &asns(&[70000]))]), false);
    let as4 = AsPath::new(AttrView::new(&out).raw(attr::AS4_PATH).unwrap());
    assert_eq!(as4.to_string(), "70000");
}

#[test]
fn a_med_for_all_takes_the_place_of_any_other() {
    for med in [None, Some(7)] {
        let block = AttrBuilder::new().origin(Origin::Igp).set_as_path(&asns(&[7])).med(med).build();
        let mut out = Vec::new();
        let form = ExportForm { med: MedForm::Set(4_294_967_294), ..ExportForm::internal() };
        write_attrs(AttrView::new(&block), &form, None, &mut out).unwrap();
        assert_eq!(AttrView::new(&out).iter().map(|a| a.code).collect::<Vec<_>>(), [1, 2, 4, 5]);
        assert_eq!(AttrView::new(&out).med(), Some(4_294_967_294));
    }
}

#[test]
fn reflection_sets_the_originator_once_and_grows_the_cluster_list() {
    let reflect = Some((Ipv4Addr::new(1, 1, 1, 1), Ipv4Addr::new(9, 9, 9, 9)));
    let form = ExportForm { reflect, ..ExportForm::internal() };
    let (mut once, mut twice) = (Vec::new(), Vec::new());
    let block = AttrBuilder::new().origin(Origin::Igp).build();
    write_attrs(AttrView::new(&block), &form, None, &mut once).unwrap();
    let other = Some((Ipv4Addr::new(3, 3, 3, 3), Ipv4Addr::new(8, 8, 8, 8)));
    write_attrs(AttrView::new(&once), &ExportForm { reflect: other, ..form }, None, &mut twice).unwrap();
    let v = AttrView::new(&twice);
    assert_eq!(v.originator_id(), Some(Ipv4Addr::new(1, 1, 1, 1)));
    assert_eq!(v.cluster_list().map(|c| c.to_string()).collect::<Vec<_>>(), ["8.8.8.8", "9.9.9.9"]);
    assert_eq!(v.local_pref(), Some(100));
    assert_eq!(v.raw(attr::AS_PATH), Some(&[][..]));
}

#[test]
fn two_octet_peers_get_as_trans_and_the_as4_attributes() {
    let mut b = AttrBuilder::new();
    b.origin(Origin::Igp).set_as_path(&asns(&[70000, 3])).otc(Some(Asn(70000)));
    b.aggregator(Some((Asn(70000), Ipv4Addr::new(1, 2, 3, 4))));
    let block = b.build();
    let mut out = Vec::new();
    let form = ExportForm { as4: false, ..ExportForm::external(Asn(64496)) };
    write_attrs(AttrView::new(&block), &form, None, &mut out).unwrap();
    let v = AttrView::new(&out);
    assert_eq!(v.raw(attr::AS_PATH), Some(&[2, 3, 0xfb, 0xf0, 0x5b, 0xa0, 0, 3][..]));
    assert_eq!(v.raw(attr::AGGREGATOR), Some(&[0x5b, 0xa0, 1, 2, 3, 4][..]));
    assert_eq!(AsPath::new(v.raw(attr::AS4_PATH).unwrap()).to_string(), "64496 70000 3");
    assert_eq!(v.raw(attr::AS4_AGGREGATOR), Some(&[0, 1, 0x11, 0x70, 1, 2, 3, 4][..]));
    let small = AttrBuilder::new().set_as_path(&asns(&[3])).build();
    out.clear();
    write_attrs(AttrView::new(&small), &form, None, &mut out).unwrap();
    assert_eq!(AttrView::new(&out).raw(attr::AS4_PATH), None);
}

#[test]
fn a_full_segment_gets_a_new_one_in_front_when_exported() {
    let block = AttrBuilder::new().set_as_path(&asns(&[9; 255])).build();
    let mut out = Vec::new();
    write_attrs(AttrView::new(&block), &ExportForm::external(Asn(1)), None, &mut out).unwrap();
    let path = AttrView::new(&out).as_path();
    assert_eq!(path.segments().map(|s| s.len()).collect::<Vec<_>>(), [1, 255]);
}

#[test]
fn otc_is_set_only_where_it_is_missing() {
    let form = ExportForm { otc: Some(Asn(1)), ..ExportForm::internal() };
    for (had, expected) in [(None, Asn(1)), (Some(Asn(2)), Asn(2))] {
        let block = AttrBuilder::new().otc(had).build();
        let mut out = Vec::new();
        write_attrs(AttrView::new(&block), &form, None, &mut out).unwrap();
        assert_eq!(AttrView::new(&out).otc(), Some(expected));
    }
}

#[test]
fn communities_have_the_names_of_frr() {
    for (text, number) in [("no-export", 0xffff_ff01), ("local-AS", 0xffff_ff03), ("65001:100", 0xfde9_0064)]
    {
        assert_eq!(parse_community(text), Some(number));
        assert_eq!(Community(number).to_string(), text);
    }
    assert_eq!(CommunityJson(0xffff_0000).to_string(), "gracefulShutdown");
    assert_eq!(parse_community("4294967295"), Some(u32::MAX));
    for bad in ["", "1:", ":1", "65536:1", "1:65536", "+1:1", "nonsense", "1:1:1"] {
        assert_eq!(parse_community(bad), None, "{bad}");
    }
    assert_eq!(parse_large_community("1:2:4294967295"), Some((1, 2, u32::MAX)));
    assert_eq!(parse_large_community("1:2"), None);
    assert_eq!(LargeCommunity((1, 2, 3)).to_string(), "1:2:3");
}

#[test]
fn extended_communities_have_the_notation_of_frr() {
    for (kind, text, shown) in [
        (ExtKind::RouteTarget, "65000:70000", "RT:65000:70000"),
        (ExtKind::RouteTarget, "70000:100", "RT:70000:100"),
        (ExtKind::RouteOrigin, "192.0.2.1:5", "SoO:192.0.2.1:5"),
    ] {
        assert_eq!(ExtCommunity::parse(kind, text).unwrap().to_string(), shown);
    }
    assert_eq!(ExtCommunity::parse(ExtKind::RouteTarget, "70000:70000"), None);
    let lb = LinkBandwidth { asn: Asn(65000), octets: 1_250_000, transitive: false };
    assert_eq!(ExtCommunity(lb.short()).to_string(), "LB:65000:1250000 (10.000 Mbps)");
    assert_eq!(ExtCommunity([0x43, 0, 0, 0, 0, 0, 0, 2]).to_string(), "OVS:invalid");
    assert_eq!(ExtCommunity([0x80, 9, 0, 0, 0, 0, 0, 2]).to_string(), "UNK:128, 9");
}

proptest! {
    #[test]
    fn no_bytes_make_a_view_panic(block in prop::collection::vec(any::<u8>(), 0..200)) {
        let v = AttrView::new(&block);
        let _ = (v.origin(), v.med(), v.local_pref(), v.aggregator(), v.originator_id(), v.aigp(), v.otc());
        let path = v.as_path();
        let _ = (path.to_string(), path.len(), path.first_as(), path.origin_as(), path.count(Asn(1)));
        let _ = v.communities().count() + v.ext_communities().count() + v.large_communities().count();
        let _ = v.ipv6_ext_communities().count() + LinkBandwidth::of(v).map_or(0, |b| b.short().len());
        let _ = v.cluster_list().count() + v.unknown().count() + v.iter().count();
        summarize(&block);
        let mut b = AttrBuilder::from_view(v);
        b.prepend(Asn(1), 2);
        b.build();
        let mut out = Vec::new();
        let _ = write_attrs(v, &ExportForm { as4: false, ..ExportForm::external(Asn(1)) }, None, &mut out);
    }
}
