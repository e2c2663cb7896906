//! Selecting paths of a BGP listing.

use std::collections::BTreeMap;

use bgp::attrs::text::{Community, LargeCommunity as LargeText, parse_community, parse_large_community};
use ipnet::IpNet;
use regex_automata::meta::Regex;
use rib::policy::ast::{Action, CommunityList, CommunityMatch, LargeCommunity, RpkiState};
use rib::policy::sets::PrefixSet;

use crate::config::grammar::{Args, Fail};
use crate::config::model::Config;
use crate::show::dampening::Kind;
use crate::show::table::PathFilter;
use crate::show::views::PathView;

/// The words that ask for a part of the table.
const SELECTORS: [&str; 13] = [
    "regexp",
    "access-list",
    "version",
    "community-list",
    "large-community-list",
    "large-community",
    "community",
    "prefix-list",
    "filter-list",
    "cidr-only",
    "route-map",
    "rpki",
    "self-originate",
];

/// Whether a part of the table is asked for, which may well be empty.
pub fn selects(args: &Args<'_>) -> bool {
    SELECTORS.iter().any(|word| args.has(word)) || flapping(args).is_some()
}

/// Builds the filter of `show bgp ... SELECTOR`; none of the selectors means all paths.
pub fn filter<'a>(config: &'a Config, args: &Args<'_>) -> Result<Box<PathFilter<'a>>, Fail> {
    if args.has("regexp") {
        let line = args.word("REGEX")?;
        let regex = compile(line.strip_suffix(" json").unwrap_or(line))?;
        return Ok(Box::new(move |_, path| regex.is_match(&path.as_path_text())));
    }
    if args.has("community-list") {
        let lists = &config.policies.community_lists;
        return community_list(lists, args, |p| p.communities.clone(), |c| Community(*c).to_string());
    }
    if args.has("large-community-list") {
        let lists = &config.policies.large_community_lists;
        return community_list(lists, args, large_of, |c| {
            LargeText((c.global, c.local1, c.local2)).to_string()
        });
    }
    if let Some(version) = args.opt::<u64>("version")? {
        return Ok(Box::new(move |prefix, _| prefix.version >= version));
    }
    if args.has("access-list") {
        let name = args.word("list")?;
        let policies = &config.policies;
        let lists = [policies.access_lists_v4.get(name), policies.access_lists_v6.get(name)];
        return by_lists(
            lists.map(|list| list.map(PrefixSet::of_access_list)),
            format!("% {name} access-list not found"),
        );
    }
    if args.has("large-community") {
        return large_communities(args);
    }
    if args.has("community") {
        return communities(args);
    }
    if args.has("prefix-list") {
        let name = args.word("list")?;
        let policies = &config.policies;
        let lists = [policies.prefix_lists_v4.get(name), policies.prefix_lists_v6.get(name)];
        return by_lists(
            lists.map(|list| list.map(PrefixSet::new)),
            format!("% {name} is not a valid prefix-list name"),
        );
    }
    if args.has("filter-list") {
        return as_path_list(config, args);
    }
    if args.has("cidr-only") {
        return Ok(Box::new(|prefix, _| !is_classful(&prefix.prefix)));
    }
    if args.has("route-map") {
        let name = args.word("list")?;
        if !config.policies.route_maps.contains_key(name) {
            return Err(Fail::refuse(format!("% {name} is not a valid route-map name")));
        }
    }
    if let Some(state) = validation(args) {
        return Ok(Box::new(move |_, path| path.rpki == Some(state)));
    }
    if let Some(kind) = flapping(args) {
        return Ok(Box::new(move |_, path| kind.wants(path)));
    }
    if args.has("self-originate") {
        return Ok(Box::new(|_, path| path.is_local()));
    }
    Ok(Box::new(|_, _| true))
}

/// The prefixes that the list of their family permits; `unknown` is said if neither family has it.
fn by_lists<'a>(lists: [Option<PrefixSet>; 2], unknown: String) -> Result<Box<PathFilter<'a>>, Fail> {
    let [v4, v6] = lists;
    if v4.is_none() && v6.is_none() {
        return Err(Fail::refuse(unknown));
    }
    Ok(Box::new(move |prefix, _| {
        let list = if matches!(prefix.prefix, IpNet::V4(_)) { &v4 } else { &v6 };
        list.as_ref().is_some_and(|list| list.verdict(&prefix.prefix).permits)
    }))
}

/// The listing of routes that flap which a line asks for.
pub fn flapping(args: &Args<'_>) -> Option<Kind> {
    Some(match args.get("flapping")? {
        "flap-statistics" => Kind::Flaps,
        _ => Kind::Damped,
    })
}

/// The state that `rpki STATE` asks for.
pub fn validation(args: &Args<'_>) -> Option<RpkiState> {
    Some(match args.get("validation")? {
        "valid" => RpkiState::Valid,
        "invalid" => RpkiState::Invalid,
        _ => RpkiState::NotFound,
    })
}

/// A POSIX expression in which `_` is a delimiter.
fn compile(text: &str) -> Result<Regex, Fail> {
    let expanded = text.trim().replace('_', "(?:^|[,{}() ]|$)");
    Regex::new(&expanded).map_err(|_| Fail::refuse(format!("Can't compile regexp {text}")))
}

fn communities<'a>(args: &Args<'_>) -> Result<Box<PathFilter<'a>>, Fail> {
    let mut wanted = Vec::new();
    let mut exact = false;
    for word in args.get("AA:NN").unwrap_or("").split_whitespace() {
        match word {
            "json" => {}
            "exact-match" => exact = true,
            _ => wanted.push(parse_community(word).ok_or_else(|| Fail::refuse("% Community malformed"))?),
        }
    }
    wanted.sort_unstable();
    Ok(Box::new(move |_, path: &PathView| match (wanted.is_empty(), exact) {
        (true, _) => !path.communities.is_empty(),
        (false, true) => path.communities == wanted,
        (false, false) => wanted.iter().all(|c| path.communities.contains(c)),
    }))
}

fn large_communities<'a>(args: &Args<'_>) -> Result<Box<PathFilter<'a>>, Fail> {
    let words = args.get("AA:BB:CC").unwrap_or("").split_whitespace();
    let exact = words.clone().any(|w| w == "exact-match");
    let mut wanted = words
        .filter(|w| !["json", "exact-match"].contains(w))
        .map(|w| parse_large_community(w).ok_or_else(|| Fail::refuse("% Large-community malformed")))
        .collect::<Result<Vec<_>, _>>()?;
    wanted.sort_unstable();
    Ok(Box::new(move |_, path: &PathView| match (wanted.is_empty(), exact) {
        (true, _) => !path.large_communities.is_empty(),
        (false, true) => path.large_communities == wanted,
        (false, false) => wanted.iter().all(|c| path.large_communities.contains(c)),
    }))
}

fn large_of(path: &PathView) -> Vec<LargeCommunity> {
    let values = path.large_communities.iter();
    values.map(|&(global, local1, local2)| LargeCommunity { global, local1, local2 }).collect()
}

/// The paths whose communities of a kind a list permits; with `exact-match` an entry has to name all of them.
fn community_list<'a, T: PartialEq>(
    lists: &'a BTreeMap<String, CommunityList<T>>,
    args: &Args<'_>,
    of: fn(&PathView) -> Vec<T>,
    text: fn(&T) -> String,
) -> Result<Box<PathFilter<'a>>, Fail> {
    let (name, exact) = (args.word("list")?, args.has("exact-match"));
    let kind = if args.has("large-community-list") { "large-community-list" } else { "community-list" };
    let list = lists.get(name);
    let list = list.ok_or_else(|| Fail::refuse(format!("% {name} is not a valid {kind} name")))?;
    let mut rules = Vec::new();
    for entry in list.entries.values() {
        let regex = match &entry.value {
            CommunityMatch::Expanded(text) => Some(compile(text)?),
            CommunityMatch::Standard(_) => None,
        };
        rules.push((entry.action == Action::Permit, regex));
    }
    Ok(Box::new(move |_, path: &PathView| {
        let own = of(path);
        let words = own.iter().map(text).collect::<Vec<_>>().join(" ");
        let holds = |value: &CommunityMatch<T>, regex: &Option<Regex>| match (value, regex) {
            (CommunityMatch::Standard(values), _) => {
                values.iter().all(|v| own.contains(v)) && !(exact && own.iter().any(|v| !values.contains(v)))
            }
            (CommunityMatch::Expanded(_), Some(regex)) => regex.is_match(&words),
            (CommunityMatch::Expanded(_), None) => false,
        };
        let mut entries = list.entries.values().zip(&rules);
        let first = entries.find(|(entry, (_, regex))| holds(&entry.value, regex));
        first.is_some_and(|(_, (permit, _))| *permit)
    }))
}

fn as_path_list<'a>(config: &'a Config, args: &Args<'_>) -> Result<Box<PathFilter<'a>>, Fail> {
    let name = args.word("list")?;
    let list = config.policies.as_path_lists.get(name);
    let list =
        list.ok_or_else(|| Fail::refuse(format!("% {name} is not a valid AS-path access-list name")))?;
    let mut rules = Vec::new();
    for entry in list.values() {
        rules.push((entry.action == Action::Permit, compile(&entry.value)?));
    }
    Ok(Box::new(move |_, path: &PathView| {
        let text = path.as_path_text();
        rules.iter().find(|(_, regex)| regex.is_match(&text)).is_some_and(|(permit, _)| *permit)
    }))
}

/// Whether a prefix has the length that its class would give it.
fn is_classful(prefix: &IpNet) -> bool {
    let IpNet::V4(net) = prefix else { return false };
    let class = match net.addr().octets()[0] {
        0..=127 => 8,
        128..=191 => 16,
        _ => 24,
    };
    net.prefix_len() == class
}
