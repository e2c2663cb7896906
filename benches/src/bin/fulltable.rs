//! CPU time and memory of one or two full tables in one process, without sockets: `fulltable [STREAM]`. Decoded are the
//! messages with every check, made canonical and hashed; encoded is what was decoded, as it is told to others.
//!
//! STREAM is a file of BGP messages (`bgpbench stream --file`); without it a generated table is used.

use std::collections::HashSet;

use bgp::attrs::{AttrView, ExportForm, write_attrs};
use bgp::batch::{Op, UpdateBatch};
use bgp::types::{Asn, Family, Nlri};
use bgp::wire::{UpdateForm, put_announce};
use bytes::BytesMut;
use rib::{Input, PeerId};
use router_benches::{cpu, resident_mb};

/// Writes a batch's announcements as an external neighbour gets them; the number of messages. What does not fit into
/// one is left out.
fn encode(batch: &UpdateBatch, attrs: &mut Vec<u8>, out: &mut BytesMut) -> usize {
    let form = ExportForm::external(Asn(65000));
    let update = UpdateForm { extended_message: false, add_path: false };
    let mut messages = 0;
    for op in &batch.ops {
        let Op::Announce { attrs: at, nlri, .. } = op else { continue };
        let view = AttrView::new(batch.block(&batch.attrs[*at as usize]));
        attrs.clear();
        if write_attrs(view, &form, Some([198, 18, 0, 1].into()), attrs).is_ok() {
            let nlri = batch.v4[nlri.start as usize..nlri.end as usize].iter().copied();
            messages += put_announce(update, attrs, None, nlri, out).unwrap_or(0);
        }
    }
    out.clear();
    messages
}

/// Every fifth prefix of a stream: its withdrawal, in order of address, ten a message, and its announcement, as before.
fn flap(stream: &[u8]) -> (Vec<UpdateBatch>, Vec<UpdateBatch>) {
    let mut all = Vec::new();
    router_benches::decode(stream, |batch| all.extend_from_slice(&batch.v4));
    all.sort_unstable_by_key(|n| (n.addr, n.len));
    let chosen: Vec<Nlri<u32>> = all.into_iter().step_by(5).collect();
    let withdrawal = |prefixes: &[Nlri<u32>]| UpdateBatch {
        ops: (0..prefixes.len() as u32)
            .step_by(10)
            .map(|at| Op::Withdraw {
                family: Family::Ipv4Unicast,
                nlri: at..(at + 10).min(prefixes.len() as u32),
            })
            .collect(),
        v4: prefixes.to_vec(),
        ..UpdateBatch::default()
    };
    let withdrawals = chosen.chunks(10_000).map(withdrawal).collect();
    let set: HashSet<(u32, u8)> = chosen.iter().map(|n| (n.addr, n.len)).collect();
    let mut announcements = Vec::new();
    router_benches::decode(stream, |batch| {
        let mut some = UpdateBatch { v4: Vec::new(), ops: Vec::new(), ..batch.clone() };
        for op in &batch.ops {
            let Op::Announce { family, attrs, nlri } = op else { continue };
            let from = some.v4.len() as u32;
            let nlri = &batch.v4[nlri.start as usize..nlri.end as usize];
            some.v4.extend(nlri.iter().filter(|n| set.contains(&(n.addr, n.len))));
            let nlri = from..some.v4.len() as u32;
            if !nlri.is_empty() {
                some.ops.push(Op::Announce { family: *family, attrs: *attrs, nlri });
            }
        }
        announcements.push(some);
    });
    (withdrawals, announcements)
}

fn main() -> Result<(), String> {
    let stream = match std::env::args().nth(1) {
        Some(path) => std::fs::read(&path).map_err(|error| format!("{path}: {error}"))?,
        None => router_benches::stream(1_000_000),
    };
    let (withdrawals, announcements) = flap(&stream);
    let base = resident_mb();
    let timed = |what: &str, start: f64| {
        println!("{what:32} {:7.3} CPU s   {:7.1} MB over the start", cpu() - start, resident_mb() - base);
    };
    let start = cpu();
    let messages = router_benches::decode(&stream, |_| {});
    timed(&format!("decode {messages} messages"), start);
    let (mut attrs, mut out, mut written, mut encoding) = (Vec::new(), BytesMut::new(), 0, 0.0);
    router_benches::decode(&stream, |batch| {
        let start = cpu();
        written += encode(batch, &mut attrs, &mut out);
        encoding += cpu() - start;
    });
    timed(&format!("encode {written} messages"), cpu() - encoding);
    let mut core = router_benches::table(3);
    router_benches::drain(&mut core);
    for peer in 1..=2 {
        let start = cpu();
        let mut flushed = (0, 0);
        router_benches::decode(&stream, |batch| {
            core.handle(1_000_000_000 * u64::from(peer), Input::Updates(PeerId(peer), batch));
            let (a, b) = router_benches::drain(&mut core);
            flushed = (flushed.0 + a, flushed.1 + b);
        });
        timed(&format!("feed {peer}: {} messages out", flushed.1), start);
        if peer == 1 {
            for (what, batches) in [("go", &withdrawals), ("come back", &announcements)] {
                let start = cpu();
                let mut messages = 0;
                for batch in batches {
                    core.handle(1_000_000_000, Input::Updates(PeerId(1), batch));
                    messages += router_benches::drain(&mut core).1;
                }
                timed(&format!("a fifth {what}: {messages} messages out"), start);
            }
        }
    }
    for peer in 1..=2 {
        let start = cpu();
        core.handle(9_000_000_000, Input::Down(PeerId(peer)));
        let (_, messages) = router_benches::drain(&mut core);
        timed(&format!("feed {peer} lost: {messages} messages out"), start);
    }
    Ok(())
}
