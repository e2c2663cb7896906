//! Files: loading, checking and marking.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use super::super::exec::Status;
use super::Streams;
use super::connection::Connection;
use crate::config::grammar::{BlockKind, Editor, Fail, Node, NodeKind, Verdict};

/// The number that FRR gives a node, where it is known.
fn node_number(node: &Node) -> u8 {
    match node.kind() {
        NodeKind::Interface => 21,
        NodeKind::Bgp => 28,
        _ => 4,
    }
}

/// Reads a file, or standard input for `-`.
fn read(file: &Path, streams: &mut Streams<'_>) -> Option<String> {
    let mut text = String::new();
    let result = match file.as_os_str() == "-" {
        true => streams.input.read_to_string(&mut text).map(|_| text),
        false => fs::read_to_string(file),
    };
    match result {
        Ok(text) => Some(text),
        Err(error) => {
            let _ = writeln!(streams.err, "% Can't open configuration file {}: {error}", file.display());
            None
        }
    }
}

fn failure(file: &Path, status: u8, err: &mut dyn Write) {
    if status != 0 {
        let _ = writeln!(err, "Configuration file[{}] processing failure: {status}", file.display());
    }
}

/// The status and the words of a verdict.
fn judge(verdict: &Verdict) -> (u8, &'static str) {
    match verdict {
        Verdict::Done => (0, ""),
        Verdict::Unknown => (2, "Unknown command"),
        Verdict::Ambiguous => (3, "Ambiguous command"),
        Verdict::Incomplete => (4, "Command incomplete"),
        Verdict::Failed(_) => (13, "Refused"),
    }
}

/// `-C`: reads a file and changes nothing.
pub fn check(file: &Path, streams: &mut Streams<'_>) -> u8 {
    let Some(text) = read(file, streams) else { return 1 };
    let err = &mut *streams.err;
    let mut editor = Editor::default();
    let mut last = 0;
    for (index, line) in text.lines().enumerate() {
        let node = editor.node.clone();
        let verdict = editor.line(line);
        let (status, words) = judge(&verdict);
        let number = index + 1;
        let _ = match &verdict {
            Verdict::Done => continue,
            Verdict::Failed(fail) => writeln!(err, "line {number}: {fail}: {}", line.trim()),
            _ => writeln!(err, "line {number}: % {words}[{}]: {line}", node_number(&node)),
        };
        last = status;
    }
    failure(file, last, err);
    last
}

/// `-f`, `-b`: sends a file to the router, which puts it in force as a whole. Lines with mistakes are told and
/// left out.
pub fn load(connection: &mut Connection, file: &Path, streams: &mut Streams<'_>) -> io::Result<u8> {
    let Some(text) = read(file, streams) else { return Ok(1) };
    let (out, err) = (&mut *streams.out, &mut *streams.err);
    // The nodes are followed here too: messages name them.
    let mut editor = Editor::default();
    let mut last = 0;
    connection.execute("XFRR_start_configuration", out)?;
    for (index, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['!', '#']) {
            continue;
        }
        let node = editor.node.clone();
        editor.line(line);
        let shows = trimmed.starts_with("show ");
        let request = if shows { format!("do {trimmed}") } else { trimmed.to_owned() };
        let mut printed = Vec::new();
        let status = connection.execute(&request, &mut printed)?;
        let number = index + 1;
        match status {
            Status::Success | Status::Warning => {
                out.write_all(&printed)?;
                continue;
            }
            Status::ConfigFailed => {
                out.write_all(&printed)?;
                let _ = writeln!(err, "line {number}: Failure to communicate[13] to router, line: {line}");
            }
            other => {
                let words = judge(&match other {
                    Status::Ambiguous => Verdict::Ambiguous,
                    Status::Incomplete => Verdict::Incomplete,
                    _ => Verdict::Unknown,
                });
                let _ = writeln!(err, "line {number}: % {}[{}]: {line}", words.1, node_number(&node));
            }
        }
        last = status as u8;
    }
    let end = connection.execute("XFRR_end_configuration", out)?;
    if end == Status::ConfigFailed {
        last = end as u8;
    }
    failure(file, last, err);
    Ok(last)
}

/// `-m`: prints a file with a line for each node that a line leaves without saying so.
pub fn mark(file: &Path, streams: &mut Streams<'_>) -> u8 {
    let Some(text) = read(file, streams) else { return 1 };
    let (out, err) = (&mut *streams.out, &mut *streams.err);
    let mut editor = Editor::default();
    let mut last = 0;
    for (index, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['!', '#']) {
            let _ = writeln!(out, "{line}");
            continue;
        }
        let before = editor.node.clone();
        let verdict = editor.line(line);
        match &verdict {
            Verdict::Done => {}
            // What is refused for its meaning is still a line of its node.
            Verdict::Failed(Fail::Refused(_) | Fail::Note(_)) => {}
            other => {
                let (status, words) = judge(other);
                let _ = writeln!(err, "line {}: % {words}: {line}", index + 1);
                last = status;
                continue;
            }
        }
        for node in left_silently(&before, &editor.node, trimmed) {
            let _ = writeln!(out, "{}", closing(&node));
        }
        let _ = writeln!(out, "{line}");
        if trimmed == "end" {
            editor.node = Node::Top;
        }
    }
    last
}

/// The nodes that a line left without `exit`, innermost first.
fn left_silently(before: &Node, after: &Node, line: &str) -> Vec<Node> {
    if ["exit", "quit", "end", "exit-address-family", "exit-vrf"].contains(&line) {
        return Vec::new();
    }
    let mut left = Vec::new();
    let mut node = Some(before.clone());
    while let Some(here) = node {
        if here == *after || after.parent().as_ref() == Some(&here) {
            return left;
        }
        node = here.parent();
        left.push(here);
    }
    Vec::new()
}

/// The line that leaves a node.
fn closing(node: &Node) -> &'static str {
    match node {
        Node::BgpFamily(..) | Node::BgpBlock(_, BlockKind::OtherFamily, _) => "exit-address-family",
        Node::Vrf(_) => "exit-vrf",
        _ => "exit",
    }
}
