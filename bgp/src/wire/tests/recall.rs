//! Attributes that came before have to come out as they did the first time.

use proptest::prelude::*;

use super::*;
use crate::attrs::Summary;
use crate::types::NextHop;

/// One announcement or withdrawal, with its attributes in full.
type Step = (Option<(Vec<u8>, u64, Summary, NextHop)>, Vec<Nlri<u32>>, Vec<Nlri<u128>>);

/// What a batch says, wherever its blocks stand.
fn said(batch: &UpdateBatch) -> Vec<Step> {
    let mut steps = Vec::new();
    for op in &batch.ops {
        let (attrs, family, nlri) = match op {
            Op::Announce { attrs, family, nlri } => (Some(*attrs), *family, nlri),
            Op::Withdraw { family, nlri } => (None, *family, nlri),
            _ => continue,
        };
        let attrs = attrs.map(|at| {
            let a = &batch.attrs[at as usize];
            (batch.block(a).to_vec(), a.hash, a.summary, a.next_hop)
        });
        let range = nlri.start as usize..nlri.end as usize;
        steps.push(match family {
            crate::types::Family::Ipv4Unicast => (attrs, batch.v4[range].to_vec(), Vec::new()),
            crate::types::Family::Ipv6Unicast => (attrs, Vec::new(), batch.v6[range].to_vec()),
        });
    }
    steps
}

fn attributes() -> impl Strategy<Value = Vec<u8>> {
    let mp = {
        let mut value = vec![0, 2, 1, 16];
        value.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        value.extend([0, 32, 0x20, 1, 0xd, 0xb9]);
        [&[0x80, 14, value.len() as u8][..], &value].concat()
    };
    let unreach = vec![0x80, 15, 8, 0, 2, 1, 32, 0x20, 1, 0xd, 0xba];
    let looped = vec![0x40, 2, 10, 2, 2, 0, 0, 0xfd, 0xe9, 0, 0, 0xfd, 0xe8];
    let communities = vec![0xc0, 8, 8, 0, 2, 0, 1, 0, 1, 0, 1];
    let pieces = vec![
        ORIGIN.to_vec(),
        PATH.to_vec(),
        NEXT_HOP.to_vec(),
        MED.to_vec(),
        communities,
        mp,
        unreach,
        looped,
        vec![0xc0, 99, 1, 7],
    ];
    let usual = [ORIGIN.to_vec(), PATH.to_vec(), NEXT_HOP.to_vec()];
    prop_oneof![
        3 => Just(usual.concat()),
        4 => proptest::sample::subsequence(pieces, 0..9).prop_shuffle().prop_map(|p| p.concat()),
    ]
}

fn message() -> impl Strategy<Value = Vec<u8>> {
    let nlri = prop_oneof![Just(NLRI.to_vec()), Just(Vec::new()), Just(vec![8, 10])];
    (attributes(), nlri, proptest::option::weighted(0.2, any::<(prop::sample::Index, u8)>())).prop_map(
        |(attrs, nlri, wrong)| {
            let mut body = body(&[], &attrs, &nlri);
            if let Some((at, octet)) = wrong {
                let at = at.index(body.len());
                body[at] = octet;
            }
            body
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn what_came_before_comes_out_the_same(
        messages in proptest::collection::vec(message(), 1..6),
        order in proptest::collection::vec(any::<prop::sample::Index>(), 1..30),
        which in 0usize..4,
    ) {
        let ctx = match which {
            0 => context(),
            1 => internal(),
            2 => UpdateContext { as4: false, ..context() },
            _ => UpdateContext { withdraw_on: [14, 99].into_iter().collect(), ..context() },
        };
        let mut warm = UpdateDecoder::new(ctx.clone());
        let mut counters = UpdateCounters::default();
        for at in order {
            let message = &messages[at.index(messages.len())];
            let mut cold = UpdateDecoder::new(ctx.clone());
            let (mut expected, mut found) = (UpdateBatch::default(), UpdateBatch::default());
            prop_assert_eq!(warm.decode(message, &mut found), cold.decode(message, &mut expected));
            prop_assert_eq!(said(&found), said(&expected));
            counters.announced += cold.counters().announced;
            counters.withdrawn += cold.counters().withdrawn;
            counters.treated_as_withdraw += cold.counters().treated_as_withdraw;
            for (reason, times) in &cold.counters().rejected {
                *counters.rejected.entry(*reason).or_default() += times;
            }
        }
        let seen = warm.counters();
        prop_assert_eq!((seen.announced, seen.withdrawn), (counters.announced, counters.withdrawn));
        prop_assert_eq!(seen.treated_as_withdraw, counters.treated_as_withdraw);
        prop_assert_eq!(&seen.rejected, &counters.rejected);
    }
}
