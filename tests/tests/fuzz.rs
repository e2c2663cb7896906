//! The laws of the decoders on stable: the committed corpus, inputs that once broke something, and seeded mutation.
//! The same laws run under libFuzzer in `tests/fuzz`.

use std::alloc::System;
use std::collections::BTreeMap;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;

use router_tests::fuzz::{TARGETS, Target, mutate, seeds, target};
use router_tests::rng::Rng;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What is allocated is counted for the process: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// Mutations of each target, unless FUZZ_RUNS says otherwise; the slow ones get a tenth.
const RUNS: u32 = 100_000;

fn root(what: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(what)
}

/// Files of one target in a directory, by name.
fn files(what: &str, target: Target) -> BTreeMap<String, Vec<u8>> {
    let Ok(directory) = fs::read_dir(root(what).join(target.name)) else { return BTreeMap::new() };
    let entries = directory.map(|entry| entry.unwrap());
    entries.map(|e| (e.file_name().into_string().unwrap(), fs::read(e.path()).unwrap())).collect()
}

/// Runs one input; on failure it is shown in a form to make a regression of.
fn run(target: Target, what: &str, input: &[u8]) {
    let outcome = catch_unwind(|| target.measured(input, || ALLOCATOR.stats().bytes_allocated));
    if outcome.is_err() {
        let hex: String = input.iter().map(|b| format!("{b:02x}")).collect();
        panic!("{} does not hold for {what}: {hex}", target.name);
    }
}

#[test]
fn the_corpus_is_what_our_encoders_write_and_holds() {
    let _alone = ALONE.lock();
    let mut octets = 0;
    for target in TARGETS {
        let written: BTreeMap<_, _> = seeds::seeds(target.name).into_iter().collect();
        let committed = files("corpus", target);
        assert!(written.len() >= 8, "{}: {} seeds", target.name, written.len());
        assert!(written == committed, "{}: write the corpus again, with `corpus seeds`", target.name);
        for (name, input) in &committed {
            run(target, name, input);
            octets += input.len();
        }
    }
    assert!(octets < 200_000, "{octets} octets are too many to commit");
}

#[test]
fn what_once_broke_holds_now() {
    let _alone = ALONE.lock();
    let mut names: Vec<String> = fs::read_dir(root("regressions"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    for name in names {
        let target = target(&name).unwrap_or_else(|| panic!("regressions of {name}, which is no target"));
        for (what, input) in files("regressions", target) {
            run(target, &what, &input);
        }
    }
}

#[test]
fn mutations_of_the_corpus_hold() {
    let _alone = ALONE.lock();
    let runs = std::env::var("FUZZ_RUNS").map_or(RUNS, |runs| runs.parse().expect("FUZZ_RUNS is a number"));
    for (number, target) in TARGETS.into_iter().enumerate() {
        let mut rng = Rng(number as u64);
        let inputs: Vec<Vec<u8>> = files("corpus", target).into_values().collect();
        let runs = if target.slow { runs / 10 } else { runs };
        let start = Instant::now();
        for _ in 0..runs {
            let mut input = rng.pick(&inputs).clone();
            mutate(&mut rng, &mut input, &inputs, target.longest);
            run(target, "a mutation", &input);
        }
        println!("{}: {runs} mutations in {:.1?}", target.name, start.elapsed());
    }
}
