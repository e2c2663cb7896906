//! Prefix-lists, route-maps and the other lists, as they stand in the configuration, with their counters.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::Ipv4Addr;

use ipnet::IpNet;
use rib::policy::ast::{
    AccessList, AccessMatch, Action, CommunityList, CommunityMatch, OnMatch, PrefixList, RouteMap, Wildcard,
};
use serde_json::Value;

use super::json::{Object, ObjectExt, pretty};
use super::views::PolicyCounters;
use crate::config::grammar::{
    communities_text, ext_communities_text, large_communities_text, prefix_entry_text,
};
use crate::config::model::Config;
use crate::config::route_map_entry;

/// Under which name of FRR's daemons lists are shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Owner {
    /// In text.
    pub name: &'static str,
    /// In JSON.
    pub key: &'static str,
}

impl Owner {
    /// `bgpd`, and what a single daemon calls itself.
    pub const BGP: Owner = Owner { name: "BGP", key: "bgpd" };
    /// `zebra`.
    pub const ZEBRA: Owner = Owner { name: "ZEBRA", key: "zebra" };
}

const fn action(action: Action) -> &'static str {
    match action {
        Action::Permit => "permit",
        Action::Deny => "deny",
    }
}

/// How much of a prefix-list is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ListForm {
    /// Entries.
    #[default]
    Plain,
    /// Entries with counters.
    Detail,
    /// Counts only.
    Summary,
}

/// `show ip|ipv6 prefix-list`.
pub struct PrefixLists<'a> {
    /// The lists.
    pub lists: &'a BTreeMap<String, PrefixList>,
    /// How often entries matched.
    pub hits: &'a BTreeMap<(String, u32), u64>,
    /// IPv6.
    pub v6: bool,
    /// One of them.
    pub name: Option<&'a str>,
    /// One entry of it.
    pub sequence: Option<u32>,
    /// How much.
    pub form: ListForm,
    /// As whose.
    pub owner: Owner,
}

impl PrefixLists<'_> {
    fn chosen(&self) -> impl Iterator<Item = (&String, &PrefixList)> {
        self.lists.iter().filter(|(name, _)| self.name.is_none_or(|n| n == name.as_str()))
    }

    /// As text.
    pub fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.name.is_some() && self.chosen().next().is_none() {
            return writeln!(out, "% Can't find specified prefix-list");
        }
        let family = if self.v6 { "ipv6" } else { "ip" };
        for (name, list) in self.chosen() {
            match self.form {
                ListForm::Plain => {
                    let (owner, entries) = (self.owner.name, list.entries.len());
                    writeln!(out, "{owner}: {family} prefix-list {name}: {entries} entries")?;
                }
                _ => writeln!(out, "{}: {family} prefix-list {name}:", self.owner.name)?,
            }
            if let Some(text) = &list.description {
                writeln!(out, "   Description: {text}")?;
            }
            if self.form != ListForm::Plain {
                let (first, last) = ends(list);
                let count = list.entries.len();
                writeln!(out, "   count: {count}, range entries: 0, sequences: {first} - {last}")?;
            }
            if self.form == ListForm::Summary {
                continue;
            }
            for (sequence, entry) in list.entries.iter().filter(|(s, _)| self.wants(**s)) {
                write!(out, "   seq {sequence} {}", prefix_entry_text(entry))?;
                match self.form {
                    ListForm::Detail => {
                        writeln!(out, " (hit count: {}, refcount: 0)", self.hit(name, *sequence))?;
                    }
                    _ => writeln!(out)?,
                }
            }
        }
        Ok(())
    }

    fn wants(&self, sequence: u32) -> bool {
        self.sequence.is_none_or(|s| s == sequence)
    }

    fn hit(&self, name: &str, sequence: u32) -> u64 {
        self.hits.get(&(name.to_owned(), sequence)).copied().unwrap_or(0)
    }

    /// As JSON.
    pub fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut lists = Object::new();
        for (name, list) in self.chosen() {
            lists.put(name, self.list_json(name, list));
        }
        let mut all = Object::new();
        all.put(self.owner.key, lists);
        pretty(&Value::Object(all), out)
    }

    fn list_json(&self, name: &str, list: &PrefixList) -> Object {
        let mut o = Object::new();
        o.put("addressFamily", if self.v6 { "IPv6" } else { "IPv4" });
        if self.form != ListForm::Plain {
            let (first, last) = ends(list);
            o.put_some("description", list.description.clone());
            o.put("count", list.entries.len());
            o.put("rangeEntries", 0);
            o.put("sequenceStart", first);
            o.put("sequenceEnd", last);
        }
        if self.form != ListForm::Summary {
            let entries = list.entries.iter().filter(|(s, _)| self.wants(**s)).map(|(sequence, entry)| {
                let mut e = Object::new();
                e.put("sequenceNumber", *sequence);
                e.put("type", action(entry.action));
                e.put("prefix", entry.prefix.map_or_else(|| "any".to_owned(), |p| p.to_string()));
                e.put_some("minimumPrefixLength", entry.ge);
                e.put_some("maximumPrefixLength", entry.le);
                if self.form == ListForm::Detail {
                    e.put("hitCount", self.hit(name, *sequence));
                    e.put("referenceCount", 0);
                }
                Value::Object(e)
            });
            o.put("entries", Value::Array(entries.collect()));
        }
        if self.form == ListForm::Plain {
            o.put_some("description", list.description.clone());
        }
        o
    }
}

/// Which entries of a prefix-list are shown for a prefix.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Entries {
    /// Those with the same prefix.
    Same,
    /// Those with a prefix inside of it.
    Inside,
    /// The first whose prefix covers it.
    First,
}

/// `show ip prefix-list NAME PREFIX [longer|first-match]`.
pub fn prefix_entries(
    name: &str,
    list: &PrefixList,
    hits: &BTreeMap<(String, u32), u64>,
    net: IpNet,
    which: Entries,
    out: &mut dyn Write,
) -> io::Result<()> {
    let any = IpNet::new(net.addr(), 0).map_or(net, |n| n.trunc());
    for (sequence, entry) in &list.entries {
        let own = entry.prefix.unwrap_or(any);
        let wanted = match which {
            Entries::Same => own == net,
            Entries::Inside => net.contains(&own),
            Entries::First => own.contains(&net),
        };
        if !wanted {
            continue;
        }
        write!(out, "   seq {sequence} {}", prefix_entry_text(entry))?;
        match which {
            Entries::Inside => writeln!(out)?,
            Entries::Same | Entries::First => {
                let count = hits.get(&(name.to_owned(), *sequence)).copied().unwrap_or(0);
                writeln!(out, " (hit count: {count}, refcount: 0)")?;
            }
        }
        if which == Entries::First {
            break;
        }
    }
    Ok(())
}

fn ends(list: &PrefixList) -> (u32, u32) {
    let first = list.entries.first_key_value().map_or(0, |(s, _)| *s);
    let last = list.entries.last_key_value().map_or(0, |(s, _)| *s);
    (first, last)
}

/// What kind of list FRR calls it, by its first line.
fn access_kind(list: &AccessList) -> &'static str {
    match list.values().next().map(|entry| entry.value) {
        Some(AccessMatch::Standard(_)) => "Standard",
        Some(AccessMatch::Extended(..)) => "Extended",
        _ => "Zebra",
    }
}

fn chosen<'a>(
    lists: &'a BTreeMap<String, AccessList>,
    name: Option<&str>,
) -> impl Iterator<Item = (&'a String, &'a AccessList)> {
    lists.iter().filter(move |(n, _)| name.is_none_or(|name| name == n.as_str()))
}

fn access_text(value: &AccessMatch) -> String {
    let wildcard = |w: &Wildcard| match w.bits() {
        (_, Ipv4Addr::BROADCAST) => "any".to_owned(),
        (addr, Ipv4Addr::UNSPECIFIED) => format!("host {addr}"),
        (addr, wild) => format!("{addr} {wild}"),
    };
    match value {
        AccessMatch::Any => "any".to_owned(),
        AccessMatch::Prefix(net, exact) => format!("{net}{}", if *exact { " exact-match" } else { "" }),
        AccessMatch::Standard(address) => match address.bits() {
            (_, Ipv4Addr::BROADCAST) => "any".to_owned(),
            (addr, Ipv4Addr::UNSPECIFIED) => addr.to_string(),
            (addr, wild) => format!("{addr}, wildcard bits {wild}"),
        },
        AccessMatch::Extended(from, to) => format!("ip {} {}", wildcard(from), wildcard(to)),
    }
}

/// `show ip access-list`.
pub fn access_lists(
    lists: &BTreeMap<String, AccessList>,
    name: Option<&str>,
    v6: bool,
    owner: Owner,
    out: &mut dyn Write,
) -> io::Result<()> {
    let family = if v6 { "IPv6 " } else { "IP" };
    writeln!(out, "{}:", owner.name)?;
    for (list_name, list) in chosen(lists, name) {
        writeln!(out, "{} {family} access list {list_name}", access_kind(list))?;
        for (sequence, entry) in list {
            writeln!(out, "    seq {sequence} {:6} {}", action(entry.action), access_text(&entry.value))?;
        }
    }
    Ok(())
}

/// The same as JSON.
pub fn access_lists_json(
    lists: &BTreeMap<String, AccessList>,
    name: Option<&str>,
    v6: bool,
    owner: Owner,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut all = Object::new();
    for (list_name, list) in chosen(lists, name) {
        let rules = list.iter().map(|(sequence, entry)| {
            let mut rule = Object::new();
            rule.put("sequenceNumber", *sequence);
            rule.put("filterType", action(entry.action));
            match &entry.value {
                AccessMatch::Any => {
                    rule.put("prefix", if v6 { "::/0" } else { "0.0.0.0/0" });
                    rule.put("exact-match", false);
                }
                AccessMatch::Prefix(net, exact) => {
                    rule.put("prefix", net.to_string());
                    rule.put("exact-match", *exact);
                }
                AccessMatch::Standard(address) => {
                    let (addr, wild) = address.bits();
                    rule.put("address", addr.to_string());
                    rule.put("mask", wild.to_string());
                }
                AccessMatch::Extended(from, to) => {
                    rule.put("extended", true);
                    for (key, address) in [("source", from), ("destination", to)] {
                        let (addr, wild) = address.bits();
                        rule.put(&format!("{key}Address"), addr.to_string());
                        rule.put(&format!("{key}Mask"), wild.to_string());
                    }
                }
            }
            Value::Object(rule)
        });
        let mut o = Object::new();
        o.put("type", access_kind(list));
        o.put("addressFamily", if v6 { "IPv6" } else { "IPv4" });
        o.put("rules", Value::Array(rules.collect()));
        all.put(list_name, o);
    }
    let mut owned = Object::new();
    owned.put(owner.key, all);
    pretty(&Value::Object(owned), out)
}

fn clauses(config: &Config, name: &str, sequence: u16, word: &str) -> Vec<String> {
    let entry = config.policies.route_maps.get(name).and_then(|m| m.get(&sequence));
    let lines = entry.map(|e| route_map_entry(config, name, sequence, e)).unwrap_or_default();
    lines.iter().filter_map(|l| l.strip_prefix(word)).map(str::to_owned).collect()
}

fn action_text(on_match: Option<OnMatch>) -> String {
    match on_match {
        None => "Exit routemap".to_owned(),
        Some(OnMatch::Next) => "Continue to next entry".to_owned(),
        Some(OnMatch::Goto(n)) => format!("Goto {n}"),
    }
}

/// `show route-map`.
pub fn route_maps(
    config: &Config,
    counters: &PolicyCounters,
    name: Option<&str>,
    owner: Owner,
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(out, "{}:", owner.name)?;
    let maps = &config.policies.route_maps;
    if let Some(name) = name.filter(|n| !maps.contains_key(*n)) {
        return writeln!(out, "{}: 'route-map {name}' not found", owner.name);
    }
    for (map_name, map) in maps.iter().filter(|(n, _)| name.is_none_or(|name| name == n.as_str())) {
        one_route_map(config, counters, map_name, map, out)?;
    }
    Ok(())
}

fn one_route_map(
    config: &Config,
    counters: &PolicyCounters,
    name: &str,
    map: &RouteMap,
    out: &mut dyn Write,
) -> io::Result<()> {
    let invoked = counters.route_maps.get(name).copied().unwrap_or(0);
    writeln!(
        out,
        "route-map: {name} Invoked: {invoked} (0 milliseconds total) Optimization: enabled Processed Change: false"
    )?;
    for (sequence, entry) in map {
        let count = counters.entries.get(&(name.to_owned(), *sequence)).copied().unwrap_or(0);
        let word = action(entry.action);
        writeln!(out, " {word}, sequence {sequence} Invoked {count} (0 milliseconds total)")?;
        if let Some(text) = &entry.description {
            writeln!(out, "  Description:\n    {text}")?;
        }
        for (title, word) in [("Match", "match "), ("Set", "set ")] {
            writeln!(out, "  {title} clauses:")?;
            for clause in clauses(config, name, *sequence, word) {
                writeln!(out, "    {clause}")?;
            }
        }
        writeln!(out, "  Call clause:")?;
        if let Some(call) = &entry.call {
            writeln!(out, "    Call {call}")?;
        }
        writeln!(out, "  Action:\n    {}", action_text(entry.on_match))?;
    }
    Ok(())
}

/// `show route-map json`.
pub fn route_maps_json(
    config: &Config,
    counters: &PolicyCounters,
    name: Option<&str>,
    owner: Owner,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut maps = Object::new();
    let wanted = |n: &str| name.is_none_or(|name| name == n);
    for (map_name, map) in config.policies.route_maps.iter().filter(|(n, _)| wanted(n)) {
        let rules = map.iter().map(|(sequence, entry)| {
            let mut rule = Object::new();
            rule.put("sequenceNumber", *sequence);
            rule.put("type", action(entry.action));
            let count = counters.entries.get(&(map_name.clone(), *sequence)).copied().unwrap_or(0);
            rule.put("invoked", count);
            rule.put("cpuTimeMS", 0);
            rule.put_some("description", entry.description.clone());
            rule.put("matchClauses", clauses(config, map_name, *sequence, "match "));
            rule.put("setClauses", clauses(config, map_name, *sequence, "set "));
            rule.put_some("callClause", entry.call.clone());
            rule.put("action", action_text(entry.on_match));
            Value::Object(rule)
        });
        let mut o = Object::new();
        o.put("invoked", counters.route_maps.get(map_name).copied().unwrap_or(0));
        o.put("disabledOptimization", false);
        o.put("processedChange", false);
        o.put("rules", Value::Array(rules.collect()));
        o.put("cpuTimeMS", 0);
        maps.put(map_name, o);
    }
    let mut all = Object::new();
    all.put(owner.key, maps);
    pretty(&Value::Object(all), out)
}

/// `show bgp as-path-access-list`.
pub fn as_path_lists(config: &Config, name: Option<&str>, json: bool, out: &mut dyn Write) -> io::Result<()> {
    let lists =
        config.policies.as_path_lists.iter().filter(|(n, _)| name.is_none_or(|name| name == n.as_str()));
    let mut all = Object::new();
    for (list_name, list) in lists {
        if !json {
            writeln!(out, "AS path access list {list_name}")?;
        }
        let mut entries = Vec::new();
        for (sequence, entry) in list {
            if !json {
                writeln!(out, "    {} {}", action(entry.action), entry.value)?;
                continue;
            }
            let mut e = Object::new();
            e.put("sequenceNumber", *sequence);
            e.put("type", action(entry.action));
            e.put("regExp", entry.value.clone());
            entries.push(Value::Object(e));
        }
        all.put(list_name, Value::Array(entries));
    }
    if json { pretty(&Value::Object(all), out) } else { Ok(()) }
}

/// `show bgp community-list`.
pub fn community_lists(config: &Config, name: Option<&str>, out: &mut dyn Write) -> io::Result<()> {
    let text = |values: &[u32]| match values {
        [] => "internet".to_owned(),
        values => communities_text(values),
    };
    lists("Named Community", "community-list", &config.policies.community_lists, name, text, out)
}

/// `show bgp large-community-list`.
pub fn large_community_lists(config: &Config, name: Option<&str>, out: &mut dyn Write) -> io::Result<()> {
    let known = &config.policies.large_community_lists;
    lists("Named large community", "large-community-list", known, name, large_communities_text, out)
}

/// `show bgp extcommunity-list`.
pub fn ext_community_lists(config: &Config, name: Option<&str>, out: &mut dyn Write) -> io::Result<()> {
    let known = &config.policies.ext_community_lists;
    lists("Named extended community", "extcommunity-list", known, name, ext_communities_text, out)
}

fn lists<T>(
    title: &str,
    kind: &str,
    lists: &BTreeMap<String, CommunityList<T>>,
    name: Option<&str>,
    text: impl Fn(&[T]) -> String,
    out: &mut dyn Write,
) -> io::Result<()> {
    if let Some(name) = name.filter(|n| !lists.contains_key(*n)) {
        return writeln!(out, "% {name} {kind} not found");
    }
    for (list_name, list) in lists.iter().filter(|(n, _)| name.is_none_or(|name| name == n.as_str())) {
        let form = if list.expanded { "expanded" } else { "standard" };
        writeln!(out, "{title} {form} list {list_name}")?;
        for entry in list.entries.values() {
            let values = match &entry.value {
                CommunityMatch::Standard(values) => text(values),
                CommunityMatch::Expanded(expression) => expression.clone(),
            };
            writeln!(out, "    {} {values}", action(entry.action))?;
        }
    }
    Ok(())
}
