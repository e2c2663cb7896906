//! Our router in the laboratory that FRR's stored answers come from, in the place of one FRR. Beside it runs the same
//! laboratory with FRR 8.4 alone, so that each value has one of the same moment to be compared with. The stored
//! answers of FRR 10.8, where a machine has them beside the checkout, say which fields and lines there are.
//!
//! A difference that is not listed fails, and so does one that is listed and not seen.

mod commands;
mod compare;
mod doors;
mod known;
mod scene;
mod steady;

use std::collections::BTreeSet;
use std::path::PathBuf;

use router_tests::replay::shared;
use router_tests::wait::{PATIENCE, wait_ok};
use serde_json::Value;

use compare::{Seen, What};
use known::{BY_NATURE, DIFFERENCES, Mark, NEWER};
use scene::{SETTLED, Scene};
use steady::like;

/// The answers to one command.
struct Answers {
    command: &'static str,
    text: String,
    /// As JSON: ours, and that of the FRR in the same place of the laboratory beside.
    json: Option<[String; 2]>,
}

/// The laboratory of FRR alone, and that with us at a node.
fn both(node: &str) -> (Scene, Scene) {
    std::thread::scope(|scope| {
        let frr = scope.spawn(|| Scene::start(None));
        let ours = scope.spawn(|| Scene::start(Some(node)));
        (frr.join().expect("the laboratory of FRR"), ours.join().expect("the laboratory with us"))
    })
}

/// Both edges tell the hypervisor the same, each in two sessions.
fn settle_hypervisor(ours: &Scene, frr: &Scene) {
    for scene in [ours, frr] {
        scene.wait_up();
    }
    let all = wait_ok(PATIENCE, "the same paths at hv in both laboratories", || {
        let [a, b] = [ours, frr].map(|s| s.paths("hv"));
        let both = ["10.10.0.2", "10.10.0.3"].map(|edge| ("1.1.1.0/24".to_owned(), edge.to_owned()));
        let there = both.iter().all(|path| a.contains(path));
        let differ: BTreeSet<_> = a.symmetric_difference(&b).cloned().collect();
        if there && differ.is_empty() { Ok(a) } else { Err(format!("{differ:?}")) }
    });
    let others = ["2001:db8:10::2", "10.10.0.3", "2001:db8:10::3"];
    for scene in [ours, frr] {
        scene.hears_first_from("hv", "10.10.0.2", &others, &all);
    }
}

/// The other edge has told what it has: its session is up before that, and without it both laboratories are alike, too.
fn settle_edge(node: &str, other: &str, ours: &Scene, frr: &Scene) {
    for scene in [ours, frr] {
        scene.wait_up();
        wait_ok(PATIENCE, "paths of both families from the other edge", || {
            let paths = scene.paths(node);
            let has = |mark: char| paths.iter().any(|(p, from)| p.contains(mark) && from == other);
            if has('.') && has(':') { Ok(()) } else { Err(format!("{paths:?}")) }
        });
    }
}

/// Both laboratories, alike at a node.
fn settled(node: &str) -> (Scene, Scene) {
    let (frr, ours) = both(node);
    match node {
        "hv" => settle_hypervisor(&ours, &frr),
        "edge1" => settle_edge(node, "10.255.0.2", &ours, &frr),
        _ => settle_edge(node, "10.255.0.1", &ours, &frr),
    }
    ours.wait_alike(&frr, node, known::WITHOUT_BEST);
    (frr, ours)
}

/// What both answer at a node.
fn answers(node: &str, ours: &Scene, frr: &Scene) -> Vec<Answers> {
    let asked = |&command: &&'static str, json: bool| Answers {
        command,
        text: ours.ask(node, command),
        json: json.then(|| [ours, frr].map(|scene| scene.ask(node, &format!("{command} json")))),
    };
    let (both, text) = commands::of(node);
    both.iter().map(|c| asked(c, true)).chain(text.iter().map(|c| asked(c, false))).collect()
}

/// The answers of FRR 10.8 at a node.
struct Stored(Option<PathBuf>);

impl Stored {
    fn read(&self, command: &str, form: &str) -> Option<String> {
        let folder = self.0.as_ref()?;
        std::fs::read_to_string(folder.join(format!("{}.{form}", commands::file(command)))).ok()
    }
}

fn parsed(text: &str) -> Option<Value> {
    serde_json::from_str(text.trim()).ok()
}

/// What is different in the answers to a command.
fn differences(answers: &Answers, stored: &Stored) -> Vec<Seen> {
    let mut seen = Vec::new();
    if let Some([ours, frr]) = &answers.json {
        let (ours, frr) = (parsed(ours).unwrap_or(Value::String(ours.clone())), parsed(frr));
        let stored = stored.read(answers.command, "json").as_deref().and_then(parsed);
        if let Some(frr) = frr {
            compare::values(&ours, &frr, "", &mut seen);
            for s in seen.iter_mut().filter(|s| NEWER.iter().any(|place| like(place, &s.place))) {
                let same = |stored| compare::at(&ours, &s.place) == compare::at(stored, &s.place);
                if stored.as_ref().is_none_or(same) {
                    s.what = What::Newer;
                }
            }
        }
        if let Some(stored) = &stored {
            compare::structure(&ours, stored, "", &mut seen);
        }
        seen.retain(|s| !BY_NATURE.iter().any(|(place, _)| like(place, &s.place)));
    }
    let lines = !commands::JSON_ONLY.iter().any(|c| like(c, answers.command));
    if let Some(stored) = stored.read(answers.command, "txt").filter(|_| lines) {
        compare::text(&answers.text, &stored, &mut seen);
    }
    seen
}

/// All answers at a node held against each other, and what is seen against what is listed.
fn compare(node: &str, answers: &[Answers], stored: &Stored) -> Result<(), String> {
    let seen: BTreeSet<(&str, Seen)> =
        answers.iter().flat_map(|a| differences(a, stored).into_iter().map(|s| (a.command, s))).collect();
    let marks = || DIFFERENCES.iter().flat_map(|d| d.marks);
    let unlisted =
        |(command, s): &&(&str, Seen)| s.what != What::Newer && !marks().any(|m| m.is(node, command, s));
    let mut wrong: Vec<String> = seen
        .iter()
        .filter(unlisted)
        .map(|(command, s)| format!("{:?} in {command:?} at {}: {}", s.what, s.place, s.detail))
        .collect();
    let due = |m: &&Mark| m.at(node) && !m.sometimes && (stored.0.is_some() || m.what == What::Value);
    for mark in marks().filter(due).filter(|m| !seen.iter().any(|(command, s)| m.is(node, command, s))) {
        wrong
            .push(format!("listed, but not seen: {:?} in {:?} at {:?}", mark.what, mark.command, mark.place));
    }
    let number = answers.len() + answers.iter().filter(|a| a.json.is_some()).count();
    println!("{node}: {number} answers compared, {} differences, all but {} listed", seen.len(), wrong.len());
    wrong.iter().for_each(|line| println!("{line}"));
    if wrong.is_empty() { Ok(()) } else { Err(format!("{} differences:\n{}", wrong.len(), wrong.join("\n"))) }
}

/// Both answer alike at a node. They are asked again while they do not: a session may have gone while they were asked,
/// FRR may have something to send, an update may be on its way. What is different for good stays so.
fn compare_at(node: &str) {
    let stored = Stored(shared(&format!("frr/outputs/10.8-dev/{node}")));
    if stored.0.is_none() {
        println!("skipped: fields and lines of FRR 10.8; only values are compared, with the FRR that runs");
    }
    let (frr, ours) = settled(node);
    for command in commands::REFUSED {
        let answer = ours.ask(node, command);
        assert!(answer.contains("% Unknown command"), "{command} is answered now: compare it\n{answer}");
    }
    wait_ok(SETTLED, "the same answers", || compare(node, &answers(node, &ours, &frr), &stored));
}

#[test]
fn edge1_answers_like_frr() {
    compare_at("edge1");
}

#[test]
fn edge2_answers_like_frr() {
    compare_at("edge2");
}

#[test]
fn the_hypervisor_answers_like_frr() {
    compare_at("hv");
}

#[test]
fn the_document_lists_the_same() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/differences.md");
    let document = std::fs::read_to_string(path).expect("the document beside the code");
    for d in DIFFERENCES {
        let row = format!("| {} | {} | {} | {} |", d.output, d.frr, d.here, d.why);
        assert!(document.contains(&row), "docs/differences.md lacks this row:\n{row}");
    }
}

#[test]
fn each_line_of_the_configurations_is_accepted() {
    for node in scene::NODES {
        let file = format!("{}/tests/frr_lab/conf/{node}.conf", env!("CARGO_MANIFEST_DIR"));
        let program = router_tests::peers::router_binary();
        let output =
            std::process::Command::new(program).args(["--check", &file]).output().expect("our router");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(output.status.success(), "{node}: {said}");
        // What is not refused may be kept for later, and says so.
        assert!(said.lines().all(|l| l.contains("kept, but not in effect yet")), "{node}: {said}");
    }
}
