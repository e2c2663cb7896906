//! Plays a recorded update stream into a router, or says what is in it.
//!
//! ```text
//! replay FILE                 neighbours, prefixes, what is left out
//! replay FILE NETNS ROUTER    plays each neighbour from its own address in a namespace, and stays
//! ```

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use router_tests::replay::{Recording, read_mrt};
use router_tests::speaker::{Identity, Speaker};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (file, target) = match args.as_slice() {
        [file] => (file, None),
        [file, netns, router] => (file, Some((netns, router))),
        _ => {
            eprintln!("usage: replay FILE [NETNS ROUTER]");
            return ExitCode::from(2);
        }
    };
    let recording = match read_mrt(Path::new(file)) {
        Ok(recording) => recording,
        Err(error) => {
            eprintln!("replay: {file}: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    describe(&recording);
    if let Some((netns, router)) = target {
        play(&recording, netns, router);
    }
    ExitCode::SUCCESS
}

fn describe(recording: &Recording) {
    for from in recording.neighbors.keys() {
        println!("{} AS{}: {} prefixes at the end", from.0, from.1, recording.table(from).len());
    }
    println!("{} prefixes of all neighbours", recording.prefixes().len());
    let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (prefix, why) in &recording.forbidden {
        reasons.entry(why).or_default().push(prefix.to_string());
    }
    for (path, why) in &recording.bad_paths {
        reasons.entry(why).or_default().push(format!("path {path}"));
    }
    for (why, list) in reasons {
        println!("left out, {why}: {}", list.join(", "));
    }
}

/// Plays until standard input ends.
fn play(recording: &Recording, netns: &str, router: &str) {
    let speakers: Vec<Speaker> = recording
        .neighbors
        .keys()
        .map(|from| {
            let speaker = Speaker::start_in(netns, Identity::of(*from, 0, router));
            recording.messages(from).into_iter().for_each(|piece| speaker.send(piece));
            speaker
        })
        .collect();
    println!("{} neighbours play; end of input ends them", speakers.len());
    let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
}
