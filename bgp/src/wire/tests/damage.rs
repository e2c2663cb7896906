//! A damaged message never touches a route that it was not about, and what follows a message is no part of it.

use std::collections::BTreeSet;

use bytes::BytesMut;
use proptest::prelude::*;

use super::*;
use crate::attrs::AttrBuilder;

/// Attributes with much to break.
fn attributes() -> Vec<u8> {
    let mut b = AttrBuilder::new();
    b.set_as_path(&[Asn(65001), Asn(65002), Asn(70000)])
        .med(Some(5))
        .aggregator(Some((Asn(70000), Ipv4Addr::new(192, 0, 2, 5))))
        .communities(vec![1, 2, 3])
        .large_communities(vec![(1, 2, 3)])
        .raw(99, 0xe0, vec![7; 9]);
    [&b.build()[..], NEXT_HOP].concat()
}

fn touched(d: &Decoded) -> BTreeSet<String> {
    d.announced().into_iter().chain(d.withdrawn()).collect()
}

/// Prefixes from 203.0.0.0/24 on, as they stand in a message and as they are written.
fn prefixes(count: u8) -> (Vec<u8>, BTreeSet<String>) {
    let octets = (0..count).flat_map(|n| [24, 203, 0, n]).collect();
    (octets, (0..count).map(|n| format!("203.0.{n}.0/24")).collect())
}

proptest! {
    #[test]
    fn damage_among_attributes_touches_the_routes_of_the_message_alone(
        count in 1u8..20, as4: bool, inside: bool,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let (nlri, named) = prefixes(count);
        let mut attrs = attributes();
        for (at, value) in changes {
            let at = at.index(attrs.len());
            attrs[at] = value;
        }
        // Those that carry prefixes of their own may name others.
        prop_assume!(crate::attrs::AttrView::new(&attrs).iter().all(|a| !matches!(a.code, 14 | 15)));
        let d = decode(UpdateContext { as4, kind: kind(inside), ..context() }, &body(&[8, 10], &attrs, &nlri));
        let found = touched(&d);
        if d.result.is_ok() {
            let all: BTreeSet<_> = named.into_iter().chain(["10.0.0.0/8".to_owned()]).collect();
            prop_assert_eq!(found, all);
        } else {
            prop_assert!(found.is_empty());
        }
    }

    #[test]
    fn a_message_cut_short_touches_no_other_routes(count in 1u8..20, cut in any::<prop::sample::Index>()) {
        let (nlri, named) = prefixes(count);
        let whole = body(&[8, 10], &attributes(), &nlri);
        let d = decode(context(), &whole[..cut.index(whole.len())]);
        let mut found = touched(&d);
        found.remove("10.0.0.0/8");
        prop_assert!(found.is_subset(&named), "{found:?}");
    }

    #[test]
    fn what_follows_a_message_is_no_part_of_it(
        kind in 1u8..6, octets in prop::collection::vec(any::<u8>(), 0..200),
        garbage in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let mut out = BytesMut::new();
        encode::put_message(kind, &mut out, |out| out.extend_from_slice(&octets));
        let alone = next_frame(&out, 4096);
        let longer = [&out[..], &garbage].concat();
        prop_assert_eq!(next_frame(&longer, 4096), alone);
        if let Ok(Some(frame)) = alone {
            prop_assert_eq!(frame.body, &octets[..]);
        }
    }
}
