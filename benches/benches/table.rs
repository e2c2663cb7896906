//! The routing table: decision, loads, churn, export, loss of a neighbour.

use bgp::attrs::{AttrView, Summary, flag};
use bgp::batch::UpdateBatch;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use rib::best::{Candidate, Options, decide};
use rib::id::PathIdx;
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
