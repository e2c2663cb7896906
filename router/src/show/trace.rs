//! What a route met on its way through policy, and `test route-map`.

use std::io::{self, Write};

use rib::policy::ast::{Action, Match, RouteMapEntry, Set};
use rib::policy::trace::{Clause, ListKind, Met, Trace};
use serde_json::Value;

use super::json::{Object, ObjectExt, pretty};
use super::path::{communities_json, communities_text, origin_word};
use super::views::{Attributes, PathView, RouteMapTest};
use crate::config::clause_lines;

/// A `match` line as the configuration has it.
fn match_text(clause: &Match) -> String {
    line(RouteMapEntry { matches: vec![clause.clone()], ..RouteMapEntry::new(Action::Permit) })
}

/// A `set` line as the configuration has it.
fn set_text(set: &Set) -> String {
    line(RouteMapEntry { sets: vec![set.clone()], ..RouteMapEntry::new(Action::Permit) })
}

fn line(entry: RouteMapEntry) -> String {
    clause_lines(&entry).join(", ")
}

const fn list_word(kind: ListKind) -> &'static str {
    match kind {
        ListKind::DistributeList => "distribute-list",
        ListKind::PrefixList => "prefix-list",
        ListKind::FilterList => "filter-list",
    }
}

const fn verdict_word(permits: bool) -> &'static str {
    if permits { "permit" } else { "deny" }
}

/// Something that a route met, in a line.
pub fn met_text(met: &Met) -> String {
    match met {
        Met::NoPolicy => "no policy, which denies (bgp ebgp-requires-policy, RFC 8212)".to_owned(),
        Met::List { kind, name, verdict: None } => {
            format!("{} {name} is not defined, which denies", list_word(*kind))
        }
        Met::List { kind, name, verdict: Some(verdict) } => {
            let (kind, says) = (list_word(*kind), verdict_word(verdict.permits));
            match verdict.seq {
                Some(seq) => format!("{kind} {name} seq {seq}: {says}"),
                None => format!("{kind} {name}, no entry fits: {says}"),
            }
        }
        Met::Clause(Clause { map, seq, permit, matched, .. }) => {
            let matched = if *matched { "matched" } else { "not matched" };
            format!("route-map {map} {} {seq}: {matched}", verdict_word(*permit))
        }
        Met::End(name) => format!("route-map {name}, no clause matched: deny"),
        Met::Undefined(name) => format!("route-map {name} is not defined, which denies"),
        Met::OwnAs { route_map, permits } => {
            format!("our own AS is in the path, allowas-in route-map {route_map}: {}", verdict_word(*permits))
        }
    }
}

/// The way of a route through a policy.
pub fn text(trace: &Trace, indent: usize, out: &mut dyn Write) -> io::Result<()> {
    for met in &trace.met {
        let depth = if let Met::Clause(clause) = met { usize::from(clause.depth) } else { 0 };
        let indent = indent + 2 * depth;
        writeln!(out, "{:indent$}{}", "", met_text(met))?;
        let Met::Clause(clause) = met else { continue };
        for (condition, holds) in &clause.matches {
            let holds = if *holds { "yes" } else { "no" };
            writeln!(out, "{:indent$}  {}: {holds}", "", match_text(condition))?;
        }
        for set in &clause.sets {
            writeln!(out, "{:indent$}  {}", "", set_text(set))?;
        }
        if let Some((name, permits)) = &clause.call {
            writeln!(out, "{:indent$}  call {name}: {}", "", verdict_word(*permits))?;
        }
    }
    if trace.passed > 0 {
        writeln!(out, "{:indent$}({} clauses that did not match are not shown)", "", trace.passed)?;
    }
    Ok(())
}

/// Something that a route met.
pub fn met_value(met: &Met) -> Value {
    let mut o = Object::new();
    match met {
        Met::NoPolicy => {
            o.put("type", "noPolicy");
            o.put("verdict", "deny");
        }
        Met::List { kind, name, verdict } => {
            o.put("type", list_word(*kind));
            o.put("name", name.as_str());
            o.put_true("undefined", verdict.is_none());
            o.put_some("sequence", verdict.and_then(|v| v.seq));
            o.put("verdict", verdict_word(verdict.is_some_and(|v| v.permits)));
        }
        Met::Clause(clause) => {
            o.put("type", "route-map");
            o.put("name", clause.map.as_str());
            o.put("sequence", clause.seq);
            o.put("action", verdict_word(clause.permit));
            o.put("matched", clause.matched);
            let condition = |(clause, holds): &(Match, bool)| {
                let mut o = Object::new();
                o.put("clause", match_text(clause));
                o.put("holds", *holds);
                Value::Object(o)
            };
            o.put("matches", Value::Array(clause.matches.iter().map(condition).collect()));
            o.put("sets", clause.sets.iter().map(set_text).collect::<Vec<_>>());
            if let Some((name, permits)) = &clause.call {
                let mut call = Object::new();
                call.put("name", name.as_str());
                call.put("verdict", verdict_word(*permits));
                o.put("call", call);
            }
        }
        Met::End(name) => {
            o.put("type", "route-map");
            o.put("name", name.as_str());
            o.put("noMatch", true);
            o.put("verdict", "deny");
        }
        Met::Undefined(name) => {
            o.put("type", "route-map");
            o.put("name", name.as_str());
            o.put("undefined", true);
            o.put("verdict", "deny");
        }
        Met::OwnAs { route_map, permits } => {
            o.put("type", "allowas-in");
            o.put("name", route_map.as_str());
            o.put("verdict", verdict_word(*permits));
        }
    }
    Value::Object(o)
}

/// The way of a route through a policy.
pub fn value(trace: &Trace) -> Value {
    Value::Array(trace.met.iter().map(met_value).collect())
}

/// What a route says, in one line and one for each kind of communities.
pub fn path_text(path: &PathView, indent: usize, out: &mut dyn Write) -> io::Result<()> {
    let as_path = path.as_path_text();
    let as_path = if as_path.is_empty() { "empty" } else { &as_path };
    write!(out, "{:indent$}AS path {as_path}, next hop {}", "", path.nexthop.address)?;
    write!(out, ", origin {}", origin_word(path))?;
    for (name, value) in [("metric", path.med), ("localpref", path.local_pref)] {
        if let Some(value) = value {
            write!(out, ", {name} {value}")?;
        }
    }
    if path.weight != 0 {
        write!(out, ", weight {}", path.weight)?;
    }
    writeln!(out)?;
    communities_text(path, out)
}

/// What a route says.
pub fn path_value(path: &PathView) -> Object {
    let mut o = Object::new();
    o.put("asPath", path.as_path_text());
    o.put("nextHop", path.nexthop.address.to_string());
    o.put("origin", origin_word(path));
    o.put_some("metric", path.med);
    o.put_some("locPrf", path.local_pref);
    o.put_some("weight", Some(path.weight).filter(|w| *w != 0));
    communities_json(path, &mut o);
    o
}

/// `test route-map`, as text.
pub fn test_text(test: &RouteMapTest, out: &mut dyn Write) -> io::Result<()> {
    text(&test.trace, 0, out)?;
    let Some(after) = &test.after else { return writeln!(out, "Denied") };
    writeln!(out, "Permitted:")?;
    path_text(&after.path, 2, out)?;
    for (name, value) in others(after) {
        writeln!(out, "  {name} {value}")?;
    }
    Ok(())
}

/// What of a route never goes on the wire, by name.
fn others(after: &Attributes) -> Vec<(&'static str, String)> {
    let mut others = Vec::new();
    others.extend(after.next_hop.map(|n| ("next-hop", n.to_owned())));
    others.extend((after.tag != 0).then(|| ("tag", after.tag.to_string())));
    others.extend(after.distance.map(|d| ("distance", d.to_string())));
    others.extend(after.source.map(|s| ("src", s.to_string())));
    others
}

/// `test route-map`, as JSON.
pub fn test_json(test: &RouteMapTest, out: &mut dyn Write) -> io::Result<()> {
    let mut o = Object::new();
    o.put("clauses", value(&test.trace));
    o.put("verdict", verdict_word(test.after.is_some()));
    if let Some(after) = &test.after {
        let mut attributes = path_value(&after.path);
        for (name, value) in others(after) {
            attributes.put(if name == "next-hop" { "nextHopBy" } else { name }, value);
        }
        o.put("attributes", attributes);
    }
    pretty(&Value::Object(o), out)
}
