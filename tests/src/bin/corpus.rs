//! Writes what fuzzing starts from.
//!
//! ```text
//! corpus seeds          tests/fuzz/corpus, by our own encoders; to be committed
//! corpus wide DATA      tests/fuzz/corpus-wide, from recorded messages of others; never committed
//! ```

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bgp::wire::{Frame, MessageKind, next_frame};
use router_tests::fuzz::{TARGETS, seeds};
use serde_json::Value;

/// Messages that are taken from each recording: they are much alike.
const FROM_RECORDING: usize = 400;

fn main() -> anyhow::Result<ExitCode> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    match args[..] {
        ["seeds"] => {
            for target in TARGETS {
                let directory = root.join("corpus").join(target.name);
                // Without those that are written no more.
                if directory.exists() {
                    fs::remove_dir_all(&directory)?;
                }
                fs::create_dir_all(&directory)?;
                for (name, bytes) in seeds::seeds(target.name) {
                    fs::write(directory.join(name), bytes)?;
                }
            }
        }
        ["wide", data] => wide(Path::new(data), &root.join("corpus-wide"))?,
        _ => {
            eprintln!("usage: corpus seeds | corpus wide DATA");
            return Ok(ExitCode::from(2));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn wide(data: &Path, to: &Path) -> anyhow::Result<()> {
    let mut messages = BTreeSet::new();
    let files = [
        "captures/bgp-messages.jsonl",
        "vectors/exabgp/messages.jsonl",
        "vectors/bgp-messages-from-tests.jsonl",
    ];
    for file in files {
        messages.extend(hex_rows(&data.join(file), "hex")?);
    }
    for entry in fs::read_dir(data.join("mrt"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "gz") {
            let mut bytes = Vec::new();
            // Some are cut in the middle.
            let _ = flate2::read::MultiGzDecoder::new(fs::File::open(&path)?)
                .take(8 << 20)
                .read_to_end(&mut bytes);
            messages.extend(frames(&bytes).take(FROM_RECORDING));
        }
    }
    let mut count = 0;
    let mut put = |target: &str, bytes: &[u8]| -> anyhow::Result<()> {
        let directory = to.join(target);
        fs::create_dir_all(&directory)?;
        fs::write(directory.join(format!("{count:05}")), bytes)?;
        count += 1;
        Ok(())
    };
    for message in &messages {
        put("stream", &[&[0, 0, 0x20], &message[..]].concat())?;
        let Ok(Some(Frame { kind, body })) = next_frame(message, 65535) else { continue };
        match kind {
            MessageKind::Open => put("open", &[&[1], body].concat())?,
            MessageKind::Update => {
                put("update", &[&[0xe0, 0x80, 1], body].concat())?;
                put("update", &[&[0xe1, 0x80, 1], body].concat())?;
            }
            MessageKind::Notification => put("notification", body)?,
            MessageKind::RouteRefresh => put("route_refresh", body)?,
            MessageKind::Keepalive => {}
        }
    }
    for payload in hex_rows(&data.join("captures/vrrp-frames.jsonl"), "hex")? {
        let [high, low] = (payload.len() as u16).to_be_bytes();
        put("vrrp", &[&[0x20, high, low], &payload[..]].concat())?;
    }
    println!("{count} inputs from {} messages", messages.len());
    Ok(())
}

fn hex_rows(file: &Path, key: &str) -> anyhow::Result<Vec<Vec<u8>>> {
    let text = fs::read_to_string(file)?;
    let mut out = Vec::new();
    for line in text.lines() {
        let row: Value = serde_json::from_str(line)?;
        if let Some(hex) = row[key].as_str() {
            out.push(
                (0..hex.len() / 2)
                    .map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16))
                    .collect::<Result<_, _>>()?,
            );
        }
    }
    Ok(out)
}

/// Everything in a recording that begins like a message of BGP and is one, each once.
fn frames(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let mut seen = BTreeSet::new();
    let starts = bytes.windows(16).enumerate().filter(|(_, w)| w.iter().all(|b| *b == 0xff));
    starts.filter_map(move |(at, _)| {
        let frame = next_frame(&bytes[at..], 65535).ok()??;
        let message = bytes[at..at + frame.len()].to_vec();
        seen.insert(message.clone()).then_some(message)
    })
}
