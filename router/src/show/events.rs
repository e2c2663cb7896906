//! `show history`: what happened, the newest first.

use std::io::{self, Write};

use serde_json::Value;

use super::format::timestamp;
use super::json::{Object, ObjectExt, pretty};
use super::views::EventView;

/// When, as text.
fn when(event: &EventView) -> String {
    timestamp(event.epoch_ms / 1000, (event.epoch_ms % 1000 / 10) as u8)
}

/// An event on a line of its own, behind some blanks.
pub fn line(event: &EventView, indent: usize, out: &mut dyn Write) -> io::Result<()> {
    let (when, kind) = (when(event), event.kind.name());
    write!(out, "{:indent$}{when} {kind:5} {}: {}", "", event.subject, event.what)?;
    match &event.cause {
        Some(cause) => writeln!(out, " ({cause})"),
        None => writeln!(out),
    }
}

/// As text.
pub fn text(events: &[EventView], out: &mut dyn Write) -> io::Result<()> {
    events.iter().try_for_each(|event| line(event, 0, out))
}

/// One event.
pub fn value(event: &EventView) -> Value {
    let mut o = Object::new();
    o.put("time", when(event));
    o.put("epochMilliseconds", event.epoch_ms);
    o.put("kind", event.kind.name());
    o.put("subject", event.subject.as_str());
    o.put("event", event.what.as_str());
    o.put_some("cause", event.cause.clone());
    Value::Object(o)
}

/// As JSON.
pub fn json(events: &[EventView], out: &mut dyn Write) -> io::Result<()> {
    let mut o = Object::new();
    o.put("events", Value::Array(events.iter().map(value).collect()));
    pretty(&Value::Object(o), out)
}
