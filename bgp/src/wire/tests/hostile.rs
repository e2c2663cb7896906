//! Inputs that brought other routers down, and what the RFCs ask for.

use super::*;
use crate::attrs::AttrView;

fn withdraws(ctx: UpdateContext, attrs: &[u8]) -> Decoded {
    let d = decode(ctx, &body(&[], attrs, NLRI));
    assert_eq!((d.announced().len(), d.withdrawn().len()), (0, 1), "{attrs:?}: {:?}", d.result);
    assert_eq!(d.decoder.counters().treated_as_withdraw, 1);
    d
}

fn accepts(ctx: UpdateContext, attrs: &[u8]) -> Decoded {
    let d = decode(ctx, &body(&[], attrs, NLRI));
    assert_eq!((d.announced().len(), d.withdrawn().len()), (1, 0), "{attrs:?}: {:?}", d.result);
    d
}

#[test]
fn missing_mandatory_attributes_withdraw() {
    withdraws(context(), &[]);
    withdraws(context(), &[PATH, NEXT_HOP].concat());
    withdraws(context(), &[ORIGIN, NEXT_HOP].concat());
    withdraws(context(), &[ORIGIN, PATH].concat());
    // Only an unknown transitive attribute of 16 octets.
    withdraws(context(), &[&[0xc0, 31, 16][..], &[0; 16]].concat());
    // MP_UNREACH_NLRI and IPv4 prefixes.
    withdraws(context(), &[0x80, 15, 3, 0, 2, 1]);
}

#[test]
fn malformed_attributes_of_routes_withdraw() {
    for bad in [
        &[0x40, 1, 2, 0, 0][..],               // ORIGIN of two octets
        &[0x40, 1, 1, 3],                      // undefined ORIGIN
        &[0xc0, 1, 1, 0],                      // optional ORIGIN
        &[0x40, 2, 3, 2, 1, 0],                // path that runs over
        &[0x40, 2, 2, 2, 0],                   // segment of none
        &[0x40, 2, 6, 9, 1, 0, 0, 0, 1],       // segment of unknown kind
        &[0x40, 2, 6, 2, 1, 0, 0, 0, 0],       // AS 0
        &[0x40, 2, 6, 3, 1, 0, 0, 0xfd, 0xe9], // confederation from outside
        &[0x40, 3, 3, 1, 2, 3],                // NEXT_HOP of three octets
        &[0x40, 3, 0],
        &[0x80, 4, 3, 0, 0, 0], // MED of three octets
        &[0xc0, 8, 0],          // no communities
        &[0xc0, 8, 5, 0, 0, 0, 0, 0],
        &[0x80, 8, 4, 0, 0, 0, 0], // non-transitive communities
        &[0xc0, 16, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0xc0, 32, 13, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0xc0, 35, 0], // OTC of none
        &[0xd0, 35, 0, 5, 0, 0, 0, 0, 0],
    ] {
        let code = bad[1];
        let rest: Vec<&[u8]> = [ORIGIN, PATH, NEXT_HOP].into_iter().filter(|a| a[1] != code).collect();
        let d = withdraws(context(), &[bad, &rest.concat()].concat());
        assert_eq!(d.result.unwrap().fault.unwrap().0, code);
    }
    for bad in [
        &[0x40, 5, 3, 0, 0, 0][..],
        &[0x80, 9, 5, 0, 0, 0, 0, 0],
        &[0x80, 10, 0],
        &[0x80, 10, 5, 0, 0, 0, 0, 0],
    ] {
        withdraws(internal(), &with(&[bad]));
        accepts(context(), &with(&[bad]));
    }
}

#[test]
fn malformed_attributes_without_influence_are_discarded() {
    for bad in [
        &[0x40, 6, 1, 0][..],                  // ATOMIC_AGGREGATE with a value
        &[0xc0, 7, 6, 0, 1, 1, 1, 1, 1],       // two-octet AGGREGATOR on a four-octet session
        &[0xc0, 7, 8, 0, 0, 0, 0, 1, 1, 1, 1], // AGGREGATOR of AS 0
        &[0xc0, 18, 3, 0, 0, 0],               // AS4_AGGREGATOR too short
        &[0x80, 26, 2, 1, 0],                  // AIGP that ends in its header
        &[0xc0, 26, 11, 1, 0, 11, 0, 0, 0, 0, 0, 0, 0, 1],
    ] {
        let d = accepts(UpdateContext { aigp: true, ..context() }, &with(&[bad]));
        assert_eq!(d.decoder.counters().attributes_discarded, 1, "{bad:?}");
        assert_eq!(AttrView::new(d.block()).iter().count(), 2);
    }
    let as4: &[u8] = &[0xc0, 17, 3, 2, 9, 0];
    let path: &[u8] = &[0x40, 2, 4, 2, 1, 0xfd, 0xe9];
    let ctx = UpdateContext { as4: false, ..context() };
    accepts(ctx, &[as4, ORIGIN, path, NEXT_HOP].concat());
}

#[test]
fn attributes_that_we_do_not_know_pass_with_the_partial_bit() {
    for (code, len) in [(23u8, 1u8), (255, 32), (28, 5), (39, 4), (128, 200)] {
        let attribute = [&[0xc0, code, len][..], &vec![0; usize::from(len)]].concat();
        let d = accepts(context(), &with(&[&attribute]));
        let unknown = AttrView::new(d.block()).unknown().next().unwrap();
        assert_eq!((unknown.code, unknown.flags, unknown.value.len()), (code, 0xe0, usize::from(len)));
    }
    let d = accepts(context(), &with(&[&[0x80, 99, 1, 0]]));
    assert_eq!(AttrView::new(d.block()).unknown().count(), 0);
}

#[test]
fn a_prefix_sid_passes_if_it_is_well_formed_and_is_left_out_if_not() {
    for (value, passes) in [
        (&[1u8, 0, 7, 0, 0, 0, 0, 0, 0, 9][..], true),
        (&[5, 0, 2, 0, 1, 3, 0, 0], true),
        (&[1, 0, 6, 0, 0, 0, 0, 0, 9], false),
        (&[5, 0, 30, 0], false),
        (&[0; 4], false),
        (&[], false),
    ] {
        let attribute = [&[0xc0, 40, value.len() as u8][..], value].concat();
        let d = accepts(context(), &with(&[&attribute]));
        assert_eq!(AttrView::new(d.block()).raw(40), passes.then_some(value));
    }
}

#[test]
fn ipv6_extended_communities_have_twenty_octets_each() {
    for (octets, passes) in [(20, true), (40, true), (8, false), (0, false)] {
        let attribute = [&[0xc0, 25, octets as u8][..], &vec![0; octets]].concat();
        let d = decode(context(), &body(&[], &with(&[&attribute]), NLRI));
        assert_eq!((d.announced().len(), d.withdrawn().len()), if passes { (1, 0) } else { (0, 1) });
    }
}

#[test]
fn two_hundred_and_fifty_attribute_types_pass() {
    let mut attrs = with(&[]);
    let codes = (1..=255u8).filter(|c| crate::attrs::known_flags(*c).is_none()).rev();
    codes.for_each(|c| attrs.extend_from_slice(&[0xc0, c, 1, c]));
    let d = accepts(context(), &attrs);
    let view = AttrView::new(d.block());
    assert!(view.unknown().count() > 230);
    assert!(view.iter().is_sorted_by(|a, b| a.code < b.code));
}

#[test]
fn an_unrecognised_well_known_attribute_ends_the_session_with_its_bytes() {
    let d = decode(context(), &body(&[], &with(&[&[0x40, 99, 1, 7]]), NLRI));
    assert_eq!(d.reset(), (3, 2));
    assert_eq!(Notification::from(d.result.unwrap_err()).data, [0x40, 99, 1, 7]);
    assert!(d.batch.is_empty());
}

#[test]
fn repeats_are_dropped_but_those_of_mp_attributes_reset() {
    let d = accepts(context(), &with(&[MED, &[0x80, 4, 4, 0, 0, 0, 9]]));
    assert_eq!(AttrView::new(d.block()).med(), Some(5));
    let unreach: &[u8] = &[0x80, 15, 3, 0, 2, 1];
    assert_eq!(decode(context(), &body(&[], &[unreach, unreach].concat(), &[])).reset(), (3, 1));
}

#[test]
fn lengths_in_conflict_withdraw_what_the_total_locates() {
    let d = withdraws(context(), &[ORIGIN, PATH, NEXT_HOP, &[0x40, 5]].concat());
    assert_eq!(d.result.unwrap().fault.unwrap().1, Fault::Overrun);
    withdraws(context(), &[ORIGIN, PATH, &[0x40, 3, 200, 1, 1]].concat());
    withdraws(context(), &[0xff]);
}

#[test]
fn faults_without_reachable_routes_reset() {
    assert_eq!(decode(context(), &body(&[], &[0x40, 1, 32, 0], &[])).reset(), (3, 1));
    assert_eq!(decode(context(), &body(&[], &[0x40, 1, 1, 9], &[])).reset(), (3, 6));
    assert_eq!(decode(context(), &body(&[8, 10], &[0xc0, 8, 1, 0], &[])).reset(), (3, 5));
    // A discard is no reason.
    assert!(decode(context(), &body(&[8, 10], &[0x40, 6, 1, 0], &[])).result.is_ok());
}

#[test]
fn what_cannot_be_parsed_at_all_resets() {
    // Withdrawn length 2 around a /32; longer than the message; attributes longer than the message.
    assert_eq!(decode(context(), &body(&[32, 1], &with(&[]), NLRI)).reset(), (3, 10));
    assert_eq!(decode(context(), &[0, 9, 0, 0]).reset(), (3, 1));
    assert_eq!(decode(context(), &[0, 0, 0, 9, 1]).reset(), (3, 1));
    assert_eq!(decode(context(), &[0, 0, 0]).reset(), (3, 1));
    assert_eq!(decode(context(), &body(&[], &with(&[]), &[33, 1, 2, 3, 4, 5])).reset(), (3, 10));
    assert_eq!(decode(context(), &body(&[], &with(&[]), &[24, 1, 2])).reset(), (3, 10));
    // MP_REACH_NLRI cut in the next hop, of a wrong next hop length, with a bad prefix, of nothing.
    for value in
        [&[0, 2, 1, 16, 1, 2][..], &[0, 2, 1, 4, 1, 2, 3, 4, 0], &[0, 2, 1, 0, 0, 8, 1], &[0, 2], &[]]
    {
        let attribute = [&[0x80, 14, value.len() as u8][..], value].concat();
        let d = decode(context(), &body(&[], &[ORIGIN, PATH, &attribute].concat(), &[]));
        assert_eq!(d.reset(), (3, 9), "{value:?}");
    }
    assert_eq!(decode(context(), &body(&[], &[0x80, 15, 2, 0, 2], &[])).reset(), (3, 9));
    assert_eq!(decode(context(), &body(&[], &[0x80, 15, 5, 0, 2, 1, 129, 1], &[])).reset(), (3, 10));
}

#[test]
fn mp_attributes_with_wrong_flags_still_withdraw_their_routes() {
    let nh = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let value = [&[0, 2, 1, 16][..], &nh, &[0, 32, 0x20, 1, 0xd, 0xb8]].concat();
    let attribute = [&[0xc0, 14, value.len() as u8][..], &value].concat();
    let d = decode(context(), &body(&[], &[ORIGIN, PATH, &attribute].concat(), &[]));
    assert_eq!(d.withdrawn(), ["2001:db8::/32"]);
    let d = decode(context(), &body(&[], &[0xc0, 15, 8, 0, 2, 1, 32, 0x20, 1, 0xd, 0xb8], &[]));
    assert_eq!(d.withdrawn(), ["2001:db8::/32"]);
}

#[test]
fn a_path_may_be_as_long_as_a_message_and_no_longer() {
    // 16,000 numbers in segments of 250.
    let mut value = Vec::new();
    for _ in 0..64 {
        value.extend_from_slice(&[2, 250]);
        value.extend_from_slice(&[0, 0, 0xfd, 0xe9].repeat(250));
    }
    let path = [&[0x50, 2][..], &(value.len() as u16).to_be_bytes(), &value].concat();
    let d = accepts(context(), &[ORIGIN, &path, NEXT_HOP].concat());
    assert_eq!(d.batch.attrs[0].summary.path_len, 16000);
    // The same number of two-octet ones and more: wider than a length field can say.
    let mut value = Vec::new();
    for _ in 0..120 {
        value.extend_from_slice(&[2, 250]);
        value.extend_from_slice(&[0xfd, 0xe9].repeat(250));
    }
    let path = [&[0x50, 2][..], &(value.len() as u16).to_be_bytes(), &value].concat();
    withdraws(UpdateContext { as4: false, ..context() }, &[ORIGIN, &path, NEXT_HOP].concat());
}

#[test]
fn an_empty_path_from_our_own_member_as_is_fine() {
    let ctx = UpdateContext { confederation: true, ..internal() };
    accepts(ctx, &[ORIGIN, &[0x40, 2, 0], NEXT_HOP].concat());
    // From outside of our AS it lacks the first AS.
    let d = decode(context(), &body(&[], &[ORIGIN, &[0x40, 2, 0], NEXT_HOP].concat(), NLRI));
    assert_eq!(d.result.unwrap().rejected, Some(Reject::FirstAs));
}

#[test]
fn another_member_as_puts_its_number_into_a_confederation_segment() {
    let ctx = UpdateContext { kind: PeerKind::Confederation, confederation: true, ..context() };
    let path = |value: &[u8]| [ORIGIN, &[0x40, 2, value.len() as u8], value, NEXT_HOP].concat();
    let member = [3, 1, 0, 0, 0xfd, 0xe9];
    let outside = [2, 1, 0, 0, 0xfc, 0x18];
    accepts(ctx.clone(), &path(&member));
    accepts(ctx.clone(), &path(&[member, outside].concat()));
    withdraws(ctx.clone(), &path(&[]));
    withdraws(ctx.clone(), &path(&outside));
    withdraws(ctx.clone(), &path(&[outside, member].concat()));
    // Within our member AS such segments are as good as any, and nowhere else without a confederation.
    accepts(UpdateContext { confederation: true, ..internal() }, &path(&member));
    withdraws(internal(), &path(&member));
    withdraws(context(), &path(&member));
    // Its own loops are found, and what concerns reflection in its AS stays there.
    let own = UpdateContext { own_asns: vec![Asn(65000), Asn(64536)], ..ctx.clone() };
    let d = decode(own, &body(&[], &path(&[member, outside].concat()), NLRI));
    assert_eq!(d.result.unwrap().rejected, Some(Reject::AsPathLoop));
    let more: &[u8] = &[0x40, 5, 4, 0, 0, 0, 150, 0x80, 9, 4, 1, 2, 3, 4, 0x80, 10, 4, 5, 6, 7, 8];
    let d = accepts(ctx, &[&path(&member), more].concat());
    let view = AttrView::new(d.block());
    assert_eq!((view.local_pref(), view.originator_id(), view.cluster_list().count()), (Some(150), None, 0));
}

#[test]
fn configured_attributes_are_dropped_or_withdraw() {
    let unknown: &[u8] = &[0xc0, 99, 1, 0];
    let ctx = UpdateContext { discard: [99, 4].into_iter().collect(), ..context() };
    let d = accepts(ctx, &with(&[MED, unknown]));
    assert_eq!(AttrView::new(d.block()).iter().count(), 2);
    let ctx = UpdateContext { withdraw_on: [99].into_iter().collect(), ..context() };
    withdraws(ctx.clone(), &with(&[unknown]));
    assert!(decode(ctx, &body(&[8, 10], unknown, &[])).result.is_ok());
}
