//! The routing table: decision, loads, churn, export, loss of a neighbour.

use std::collections::BTreeMap;

use bgp::attrs::{AttrView, Summary, flag};
use bgp::batch::UpdateBatch;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ipnet::{IpNet, Ipv4Net};
use rib::best::{Candidate, Options, decide};
use rib::id::PathIdx;
use rib::policy::ast::{
    Action, AddressMatch, CommunityList, CommunityMatch, ListEntry, Match, Policies, PrefixList,
    PrefixListEntry, RouteMapEntry, Set,
};
use rib::{Core, Input, PeerId};

const PREFIXES: u32 = 100_000;

fn best_path(c: &mut Criterion) {
    let summaries: Vec<Summary> = (0..8)
        .map(|i| Summary {
            path_len: 3 + i % 3,
            med: u32::from(i),
            neighbor_as: u32::from(i % 4),
            flags: flag::MED,
            ..Summary::default()
        })
        .collect();
    let mut group = c.benchmark_group("best path");
    for n in [2usize, 8] {
        let candidates: Vec<Candidate<'_>> = summaries[..n]
            .iter()
            .enumerate()
            .map(|(i, summary)| Candidate {
                path: PathIdx(i as u32),
                summary,
                view: AttrView::new(&[]),
                weight: 0,
                local: false,
                external: true,
                internal: false,
                igp_metric: 0,
                since: 0,
                router_id: i as u32,
                neighbor: None,
                path_id: 0,
            })
            .collect();
        group.bench_function(format!("{n} candidates"), |b| {
            b.iter(|| decide(&candidates, &Options::default()))
        });
    }
    group.finish();
}

fn batches(stream: &[u8]) -> Vec<UpdateBatch> {
    let mut out = Vec::new();
    router_benches::decode(stream, |batch| out.push(std::mem::take(batch)));
    out
}

fn feed(core: &mut Core, peer: u16, batches: &[UpdateBatch]) {
    for batch in batches {
        core.handle(0, Input::Updates(PeerId(peer), batch));
        router_benches::drain(core);
    }
}

/// What an operator filters by: a list of 10,000 prefixes, whose lengths refuse none of the stream, and communities.
fn policies() -> Policies {
    let line = |n: u32| {
        // About one in six around a prefix of the stream.
        let addr = 0x0100_0000 + n.wrapping_mul(0x9e37_79b9) % ((6 * PREFIXES) << 8);
        let net = Ipv4Net::new_assert(addr.into(), 18 + (n % 7) as u8).trunc();
        (n, PrefixListEntry { action: Action::Permit, prefix: Some(IpNet::V4(net)), ge: Some(25), le: None })
    };
    let list = |value| CommunityList {
        expanded: matches!(value, CommunityMatch::Expanded(_)),
        entries: BTreeMap::from([(5, ListEntry { action: Action::Permit, value })]),
    };
    let community = |name: &str| Match::Community { list: name.into(), exact: false, any: false };
    let mut map = [Action::Deny, Action::Deny, Action::Permit, Action::Permit].map(RouteMapEntry::new);
    map[0].matches.push(Match::Ipv4Address(AddressMatch::PrefixList("REFUSED".into())));
    map[1].matches.push(community("STANDARD"));
    map[2].matches.push(community("EXPANDED"));
    map[2].sets.push(Set::Weight(50));
    Policies {
        prefix_lists_v4: BTreeMap::from([(
            "REFUSED".into(),
            PrefixList { description: None, entries: (1..=10_000).map(line).collect() },
        )]),
        community_lists: BTreeMap::from([
            ("STANDARD".into(), list(CommunityMatch::Standard(vec![64500 << 16 | 1]))),
            ("EXPANDED".into(), list(CommunityMatch::Expanded("6450[0-9]:7$".into()))),
        ]),
        route_maps: BTreeMap::from([("IN".into(), (10..).step_by(10).zip(map).collect())]),
        ..Policies::default()
    }
}

fn table(c: &mut Criterion) {
    let batches = batches(&router_benches::stream(PREFIXES));
    let empty = || {
        let mut core = router_benches::table(3);
        router_benches::drain(&mut core);
        core
    };
    let loaded = |feeds: u16| {
        let mut core = empty();
        (1..=feeds).for_each(|peer| feed(&mut core, peer, &batches));
        core
    };
    let mut group = c.benchmark_group("table");
    group.sample_size(10);
    group.throughput(Throughput::Elements(u64::from(PREFIXES)));
    group.bench_function("load and export, first feed", |b| {
        b.iter_batched_ref(empty, |core| feed(core, 1, &batches), BatchSize::PerIteration);
    });
    let filtering = || {
        let mut core = empty();
        core.handle(0, Input::Policies(policies()));
        let mut neighbor = router_benches::neighbor(1, 3);
        for family in neighbor.families.iter_mut().flatten() {
            family.import.route_map = Some("IN".into());
        }
        core.handle(0, Input::Peer(PeerId(1), neighbor));
        router_benches::drain(&mut core);
        core
    };
    group.bench_function("load and export, policy on import", |b| {
        b.iter_batched_ref(filtering, |core| feed(core, 1, &batches), BatchSize::PerIteration);
    });
    group.bench_function("load, second feed", |b| {
        b.iter_batched_ref(|| loaded(1), |core| feed(core, 2, &batches), BatchSize::PerIteration);
    });
    group.bench_function("refresh, nothing changed", |b| {
        b.iter_batched_ref(|| loaded(1), |core| feed(core, 1, &batches), BatchSize::PerIteration);
    });
    group.bench_function("churn: lose the better of two feeds and get it back", |b| {
        let turn = |core: &mut Core| {
            core.handle(0, Input::Down(PeerId(1)));
            router_benches::drain(core);
            core.handle(0, Input::Up(PeerId(1), router_benches::session(1)));
            feed(core, 1, &batches);
        };
        b.iter_batched_ref(|| loaded(2), turn, BatchSize::PerIteration);
    });
    group.bench_function("lose the only feed", |b| {
        let lose = |core: &mut Core| {
            core.handle(0, Input::Down(PeerId(1)));
            router_benches::drain(core);
        };
        b.iter_batched_ref(|| loaded(1), lose, BatchSize::PerIteration);
    });
    group.finish();
}

criterion_group!(benches, best_path, table);
criterion_main!(benches);
