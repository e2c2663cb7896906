//! Differences of answers, field by field and line by line.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::steady::steady;

/// What is different.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum What {
    /// FRR 10.8 has this field, we do not.
    Missing,
    /// We have this field, FRR 10.8 does not.
    Extra,
    /// The running FRR has another value in a field that both have.
    Value,
    /// The running FRR has another value, and FRR 10.8 has ours.
    Newer,
    /// FRR 10.8 prints this line, we do not.
    NoLine,
    /// We print this line, FRR 10.8 does not.
    NewLine,
}

/// A difference: of what kind, where, and what is there.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Seen {
    pub what: What,
    pub place: String,
    pub detail: String,
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    text.chars().take(90).collect()
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), |s| steady(s, false))
}

/// What an entry of a list is known by: entries of two lists are compared by that, not by order.
fn identity(value: &Value) -> String {
    const KEYS: [&str; 9] = [
        "protocol",
        "peerId",
        "ip",
        "interfaceName",
        "sequenceNumber",
        "type",
        "vrid",
        "interface",
        "prefix",
    ];
    let of = |v: &Value| text_of(v);
    let mut parts: Vec<String> = KEYS.iter().filter_map(|k| value.get(k)).map(of).collect();
    parts.extend(value.get("peer").and_then(|p| p.get("peerId")).map(of));
    parts.join(" ")
}

/// Fields by their names, list entries by what they are known by and their number among those alike.
fn fields(value: &Value) -> Option<BTreeMap<String, &Value>> {
    match value {
        Value::Object(map) => Some(map.iter().map(|(k, v)| (format!(".{}", steady(k, false)), v)).collect()),
        Value::Array(list) => {
            let mut alike: BTreeMap<String, usize> = BTreeMap::new();
            let named = list.iter().map(|entry| {
                let name = identity(entry);
                let number = alike.entry(name.clone()).or_default();
                *number += 1;
                let number = if *number > 1 { format!("#{number}") } else { String::new() };
                (format!("[{name}{number}]"), entry)
            });
            Some(named.collect())
        }
        _ => None,
    }
}

/// Fields that only one of both has, against FRR 10.8.
pub fn structure(ours: &Value, theirs: &Value, place: &str, out: &mut Vec<Seen>) {
    match (fields(ours), fields(theirs)) {
        (Some(ours), Some(theirs)) => {
            for (name, value) in &theirs {
                match ours.get(name) {
                    Some(mine) => structure(mine, value, &format!("{place}{name}"), out),
                    None => out.push(Seen {
                        what: What::Missing,
                        place: format!("{place}{name}"),
                        detail: short(value),
                    }),
                }
            }
            for (name, value) in ours.iter().filter(|(name, _)| !theirs.contains_key(*name)) {
                out.push(Seen { what: What::Extra, place: format!("{place}{name}"), detail: short(value) });
            }
        }
        (None, None) if kind(ours) == kind(theirs) => {}
        _ => out.push(Seen {
            what: What::Missing,
            place: place.into(),
            detail: format!("{} instead of {}", short(ours), short(theirs)),
        }),
    }
}

fn kind(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) | Value::Object(_) => 4,
    }
}

/// Values that differ in fields that both have.
pub fn values(ours: &Value, theirs: &Value, place: &str, out: &mut Vec<Seen>) {
    match (fields(ours), fields(theirs)) {
        (Some(ours), Some(theirs)) => {
            for (name, value) in &ours {
                if let Some(other) = theirs.get(name) {
                    values(value, other, &format!("{place}{name}"), out);
                }
            }
        }
        (None, None) if text_of(ours) == text_of(theirs) => {}
        _ => out.push(Seen {
            what: What::Value,
            place: place.into(),
            detail: format!("{} instead of {}", short(ours), short(theirs)),
        }),
    }
}

/// The value at a place, as the places of differences are written.
pub fn at<'a>(value: &'a Value, place: &str) -> Option<&'a Value> {
    if place.is_empty() {
        return Some(value);
    }
    fields(value)?.into_iter().find_map(|(name, inner)| {
        let rest = place.strip_prefix(&name)?;
        (rest.is_empty() || rest.starts_with(['.', '['])).then(|| at(inner, rest)).flatten()
    })
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(|l| steady(l, true).trim_end().to_owned()).collect()
}

/// Lines that only one of both prints.
pub fn text(ours: &str, theirs: &str, out: &mut Vec<Seen>) {
    let (ours, theirs) = (lines(ours), lines(theirs));
    // How long the longest common sequence of what is behind is.
    let mut common = vec![vec![0_usize; theirs.len() + 1]; ours.len() + 1];
    for i in (0..ours.len()).rev() {
        for j in (0..theirs.len()).rev() {
            common[i][j] = match ours[i] == theirs[j] {
                true => common[i + 1][j + 1] + 1,
                false => common[i + 1][j].max(common[i][j + 1]),
            };
        }
    }
    let seen = |what, line: &String| Seen { what, place: line.clone(), detail: String::new() };
    let (mut i, mut j) = (0, 0);
    while i < ours.len() || j < theirs.len() {
        if i < ours.len() && j < theirs.len() && ours[i] == theirs[j] {
            (i, j) = (i + 1, j + 1);
        } else if j == theirs.len() || (i < ours.len() && common[i + 1][j] >= common[i][j + 1]) {
            out.push(seen(What::NewLine, &ours[i]));
            i += 1;
        } else {
            out.push(seen(What::NoLine, &theirs[j]));
            j += 1;
        }
    }
}
