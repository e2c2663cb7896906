//! CPU time and memory of one or two full tables in one process, without sockets: `fulltable [STREAM]`.
//!
//! STREAM is a file of BGP messages (`bgpbench stream --file`); without it a generated table is used.

use std::time::Instant;

use rib::{Input, PeerId};

fn resident_mb() -> f64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: f64 = text.split_whitespace().nth(1).and_then(|t| t.parse().ok()).unwrap_or(0.0);
    pages * 4096.0 / 1e6
}

fn main() {
    let stream = match std::env::args().nth(1) {
        Some(path) => std::fs::read(path).expect("the stream file"),
        None => router_benches::stream(1_000_000),
    };
    let base = resident_mb();
    let timed = |what: &str, start: Instant| {
        println!(
            "{what:32} {:7.3} s   {:7.1} MB over the start",
            start.elapsed().as_secs_f64(),
            resident_mb() - base
        );
    };
    let start = Instant::now();
    let messages = router_benches::decode(&stream, |_| {});
    timed(&format!("decode {messages} messages"), start);
    let mut core = router_benches::table(3);
    router_benches::drain(&mut core);
    for peer in 1..=2 {
        let start = Instant::now();
        let mut flushed = (0, 0);
        router_benches::decode(&stream, |batch| {
            core.handle(1_000_000_000 * u64::from(peer), Input::Updates(PeerId(peer), batch));
            let (a, b) = router_benches::drain(&mut core);
            flushed = (flushed.0 + a, flushed.1 + b);
        });
        timed(&format!("feed {peer}: {} messages out", flushed.1), start);
    }
    for peer in 1..=2 {
        let start = Instant::now();
        core.handle(9_000_000_000, Input::Down(PeerId(peer)));
        let (_, messages) = router_benches::drain(&mut core);
        timed(&format!("feed {peer} lost: {messages} messages out"), start);
    }
}
