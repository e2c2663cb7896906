//! `show bgp neighbors X errors`: what a neighbour sent that was not as it should be, and what was done about it.

use std::fmt::Write as _;
use std::io::{self, Write};

use serde_json::Value;

use super::format::age;
use super::json::{Object, ObjectExt, pretty};
use super::views::{ErrorView, NeighborView};

/// Octets in a line of a dump.
const LINE: usize = 32;

/// As text.
pub fn text(views: &[NeighborView], out: &mut dyn Write) -> io::Result<()> {
    for view in views {
        let errors = &view.errors;
        writeln!(out, "BGP neighbor {}", view.id)?;
        if errors.counts.is_empty() && errors.recent.is_empty() {
            writeln!(out, "  No malformed messages")?;
        }
        for count in &errors.counts {
            let (code, action) = (attribute(count.attribute), count.action);
            writeln!(out, "  Attribute {code}: {action}, {} times", count.times)?;
        }
        for error in errors.recent.iter().rev() {
            let cut = if error.bytes.len() < error.len { ", cut" } else { "" };
            writeln!(out, "  {} ago: {} ({} octets{cut})", age(error.age), error.text, error.len)?;
            for line in error.bytes.chunks(LINE) {
                writeln!(out, "    {}", hex(line))?;
            }
        }
        writeln!(out)?;
    }
    Ok(())
}

/// As JSON.
pub fn json(views: &[NeighborView], out: &mut dyn Write) -> io::Result<()> {
    let mut all = Object::new();
    for view in views {
        let counts = view.errors.counts.iter().map(|count| {
            let mut o = Object::new();
            o.put("attribute", count.attribute);
            o.put("name", bgp::wire::iana::attr::name(count.attribute).unwrap_or("unknown"));
            o.put("action", count.action);
            o.put("count", count.times);
            Value::Object(o)
        });
        let recent = view.errors.recent.iter().rev().map(|error: &ErrorView| {
            let mut o = Object::new();
            o.put("secondsAgo", error.age);
            o.put("error", error.text.as_str());
            o.put("length", error.len);
            o.put("bytes", hex(&error.bytes));
            Value::Object(o)
        });
        let mut o = Object::new();
        o.insert("attributes".into(), counts.collect());
        o.insert("messages".into(), recent.collect());
        all.insert(view.id.to_string(), Value::Object(o));
    }
    pretty(&Value::Object(all), out)
}

fn attribute(code: u8) -> String {
    match bgp::wire::iana::attr::name(code) {
        Some(name) => format!("{name} ({code})"),
        None => code.to_string(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
