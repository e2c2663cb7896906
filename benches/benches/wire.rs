//! Decoding a full table's stream and writing it back.

use bgp::attrs::{AttrView, ExportForm, write_attrs};
use bgp::batch::{Op, UpdateBatch};
use bgp::types::Asn;
use bgp::wire::{UpdateForm, put_announce};
use bytes::BytesMut;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const PREFIXES: u32 = 200_000;

fn decode(c: &mut Criterion) {
    let stream = router_benches::stream(PREFIXES);
    let mut group = c.benchmark_group("wire");
    group.throughput(Throughput::Elements(u64::from(PREFIXES)));
    group.bench_function("decode", |b| {
        b.iter(|| router_benches::decode(&stream, |_| {}));
    });
    let mut batches: Vec<UpdateBatch> = Vec::new();
    router_benches::decode(&stream, |batch| batches.push(std::mem::take(batch)));
    let form = ExportForm::external(Asn(65000));
    group.bench_function("encode", |b| {
        let (mut attrs, mut out) = (Vec::new(), BytesMut::new());
        b.iter(|| {
            for batch in &batches {
                for op in &batch.ops {
                    let Op::Announce { attrs: at, nlri, .. } = op else { continue };
                    let block = batch.block(&batch.attrs[*at as usize]);
                    attrs.clear();
                    write_attrs(AttrView::new(block), &form, Some([198, 18, 0, 1].into()), &mut attrs)
                        .expect("short attributes");
                    let update = UpdateForm { extended_message: false, add_path: false };
                    let nlri = batch.v4[nlri.start as usize..nlri.end as usize].iter().copied();
                    put_announce(update, &attrs, None, nlri, &mut out).expect("room");
                }
                out.clear();
            }
        });
    });
    group.finish();
}

criterion_group!(benches, decode);
criterion_main!(benches);
