//! Prefix-lists, access-lists, AS-path and community lists.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use bgp::attrs::text::ExtKind;
use ipnet::IpNet;
use rib::policy::ast::{
    AccessList, AccessMatch, CommunityList, CommunityMatch, ExtCommunity, ListEntry, Policies, PrefixList,
    PrefixListEntry, Wildcard,
};

use super::kept::kept;
use super::value::action;
use super::{Args, Command, Editor, Fail, Lines, Outcome, Render, command, value};

/// `ip prefix-list`, `ipv6 prefix-list`.
pub const PREFIX_LISTS: &[Command] = &[
    command(
        "ip prefix-list PREFIXLIST4_NAME$name [seq (1-4294967295)$seq] <deny|permit>$action <any|A.B.C.D/M$net [{ge (0-32)$ge|le (0-32)$le}]>",
        "A list of IPv4 prefixes",
        |e, a| prefix_entry(e, false, a),
    )
    .render(Render::Top(|c, out| render_prefix_lists("ip", &c.policies.prefix_lists_v4, out))),
    command("ip prefix-list PREFIXLIST4_NAME$name description ![LINE...]", "What the list is for", |e, a| {
        describe(&mut e.config.policies.prefix_lists_v4, a)
    }),
    command("no ip prefix-list PREFIXLIST4_NAME$name [seq (1-4294967295)$seq]", "Remove a list or an entry", |e, a| {
        e.seen.clear();
            remove_prefixes(&mut e.config.policies.prefix_lists_v4, a)
    })
    .without_no(),
    command("ip prefix-list sequence-number", "Show sequence numbers", |_, _| Ok(())),
    command(
        "ipv6 prefix-list PREFIXLIST6_NAME$name [seq (1-4294967295)$seq] <deny|permit>$action <any|X:X::X:X/M$net [{ge (0-128)$ge|le (0-128)$le}]>",
        "A list of IPv6 prefixes",
        |e, a| prefix_entry(e, true, a),
    )
    .render(Render::Top(|c, out| render_prefix_lists("ipv6", &c.policies.prefix_lists_v6, out))),
    command("ipv6 prefix-list PREFIXLIST6_NAME$name description ![LINE...]", "What the list is for", |e, a| {
        describe(&mut e.config.policies.prefix_lists_v6, a)
    }),
    command("no ipv6 prefix-list PREFIXLIST6_NAME$name [seq (1-4294967295)$seq]", "Remove a list or an entry", |e, a| {
        e.seen.clear();
        remove_prefixes(&mut e.config.policies.prefix_lists_v6, a)
    })
    .without_no(),
    command("ipv6 prefix-list sequence-number", "Show sequence numbers", |_, _| Ok(())),
];

type PrefixLists = BTreeMap<String, PrefixList>;

fn prefix_entry(editor: &mut Editor, v6: bool, args: &Args<'_>) -> Outcome {
    let prefix = args.opt::<IpNet>("net")?.map(|n| n.trunc());
    let entry = PrefixListEntry {
        action: action(args.word("action")?),
        prefix,
        ge: args.opt("ge")?,
        le: args.opt("le")?,
    };
    let sequence = args.opt("seq")?;
    let policies = &mut editor.config.policies;
    let lists = if v6 { &mut policies.prefix_lists_v6 } else { &mut policies.prefix_lists_v4 };
    let name = args.string("name")?;
    if args.no {
        editor.seen.remove(&(v6, name.clone()));
        remove_entry(lists, &name, |s, e| *e == entry && sequence.is_none_or(|q| q == s));
        return Ok(());
    }
    if let Some(prefix) = prefix {
        let low = entry.ge.unwrap_or(prefix.prefix_len());
        let high = entry.le.unwrap_or(prefix.max_prefix_len());
        if low < prefix.prefix_len() || high < low {
            return Err(Fail::refuse(format!(
                "% Configuration failed.\n\nInvalid prefix range for {prefix}: mask length <= ge <= le must hold"
            )));
        }
    }
    let list = lists.entry(name.clone()).or_default();
    match sequence {
        Some(sequence) => {
            editor.seen.remove(&(v6, name));
            list.entries.insert(sequence, entry);
        }
        None => {
            let known = || list.entries.values().map(prefix_entry_text).collect();
            let seen = editor.seen.entry((v6, name)).or_insert_with(known);
            if seen.insert(prefix_entry_text(&entry)) {
                list.entries.insert(next_sequence(&list.entries), entry);
            }
        }
    }
    Ok(())
}

/// The number behind the last, in steps of five.
fn next_sequence<T>(entries: &BTreeMap<u32, T>) -> u32 {
    let last = entries.last_key_value().map_or(0, |(s, _)| *s);
    (last / 5).saturating_mul(5).saturating_add(5)
}

/// Adds an entry under its number, or behind the last in steps of five; one that is there already stays.
fn insert<T: PartialEq>(entries: &mut BTreeMap<u32, T>, sequence: Option<u32>, entry: T) {
    match sequence {
        Some(sequence) => drop(entries.insert(sequence, entry)),
        None if entries.values().any(|e| *e == entry) => {}
        None => {
            let sequence = next_sequence(entries);
            entries.insert(sequence, entry);
        }
    }
}

fn remove_entry(lists: &mut PrefixLists, name: &str, which: impl Fn(u32, &PrefixListEntry) -> bool) {
    if let Some(list) = lists.get_mut(name) {
        list.entries.retain(|s, e| !which(*s, e));
        if list.entries.is_empty() && list.description.is_none() {
            lists.remove(name);
        }
    }
}

fn describe(lists: &mut PrefixLists, args: &Args<'_>) -> Outcome {
    let name = args.string("name")?;
    if args.no {
        if let Some(list) = lists.get_mut(&name) {
            list.description = None;
        }
        remove_entry(lists, &name, |_, _| false);
        return Ok(());
    }
    lists.entry(name).or_default().description = args.opt_string("LINE");
    Ok(())
}

fn remove_prefixes(lists: &mut PrefixLists, args: &Args<'_>) -> Outcome {
    let name = args.word("name")?;
    match args.opt::<u32>("seq")? {
        Some(sequence) => remove_entry(lists, name, |s, _| s == sequence),
        None => drop(lists.remove(name)),
    }
    Ok(())
}

fn render_prefix_lists(family: &str, lists: &PrefixLists, out: &mut Lines) {
    for (name, list) in lists {
        if let Some(text) = &list.description {
            out.line(format_args!("{family} prefix-list {name} description {text}"));
        }
        for (sequence, entry) in &list.entries {
            let text = prefix_entry_text(entry);
            out.line(format_args!("{family} prefix-list {name} seq {sequence} {text}"));
        }
    }
}

/// An entry as a line has it: `permit 10.0.0.0/8 ge 16`.
pub fn prefix_entry_text(entry: &PrefixListEntry) -> String {
    let mut out = value::action_name(entry.action).to_owned();
    match entry.prefix {
        Some(prefix) => out.push_str(&format!(" {prefix}")),
        None => out.push_str(" any"),
    }
    if let Some(ge) = entry.ge {
        out.push_str(&format!(" ge {ge}"));
    }
    if let Some(le) = entry.le {
        out.push_str(&format!(" le {le}"));
    }
    out
}

/// `access-list`, `ipv6 access-list`: without `exact-match` an entry holds for all prefixes inside.
pub const ACCESS_LISTS: &[Command] = &[
    command(
        "access-list ACCESSLIST4_NAME$name [seq (1-4294967295)$seq] <deny|permit>$action \
         <A.B.C.D/M$net [exact-match]|any|[host] A.B.C.D$host|A.B.C.D$addr A.B.C.D$wild>",
        "A list of IPv4 addresses",
        |e, a| access_entry(&mut e.config.policies.access_lists_v4, a, access_match(a)?),
    )
    .render(Render::Top(|c, out| render_access_lists("", &c.policies.access_lists_v4, out))),
    command(
        "access-list ACCESSLIST4_NAME$name [seq (1-4294967295)$seq] <deny|permit>$action ip \
         <A.B.C.D$addr A.B.C.D$wild|host A.B.C.D$host|any> <A.B.C.D$to A.B.C.D$to_wild|host A.B.C.D$to_host|any>",
        "A list of IPv4 addresses and netmasks",
        |e, a| {
            let source = wildcard(a, ["host", "addr", "wild"])?;
            let destination = wildcard(a, ["to_host", "to", "to_wild"])?;
            let extended = AccessMatch::Extended(source, destination);
            access_entry(&mut e.config.policies.access_lists_v4, a, extended)
        },
    ),
    kept("access-list ACCESSLIST4_NAME remark ![LINE...]", "What the list is for").harmless(),
    command("no access-list ACCESSLIST4_NAME$name [seq (1-4294967295)$seq]", "Remove a list or an entry", |e, a| {
        let name = a.word("name")?;
        e.config.kept.remove_prefix(&format!("access-list {name}"));
        remove_access(&mut e.config.policies.access_lists_v4, a)
    })
    .without_no(),
    command(
        "ipv6 access-list ACCESSLIST6_NAME$name [seq (1-4294967295)$seq] <deny|permit>$action <X:X::X:X/M$net [exact-match]|any|[host] X:X::X:X$addr>",
        "A list of IPv6 addresses",
        |e, a| access_entry(&mut e.config.policies.access_lists_v6, a, access_match_v6(a)?),
    )
    .render(Render::Top(|c, out| render_access_lists("ipv6 ", &c.policies.access_lists_v6, out))),
    kept(
        "ipv6 access-list ACCESSLIST6_NAME [seq (1-4294967295)] <deny|permit> ipv6 <X:X::X:X X:X::X:X|host X:X::X:X|any> <X:X::X:X X:X::X:X|host X:X::X:X|any>",
        "A list of IPv6 addresses and netmasks",
    ),
    kept(
        "ipv6 access-list ACCESSLIST6_NAME [seq (1-4294967295)] <deny|permit> X:X::X:X X:X::X:X",
        "A list of IPv6 addresses with wildcards",
    ),
    kept("ipv6 access-list ACCESSLIST6_NAME remark ![LINE...]", "What the list is for").harmless(),
    command("no ipv6 access-list ACCESSLIST6_NAME$name [seq (1-4294967295)$seq]", "Remove a list or an entry", |e, a| {
        let name = a.word("name")?;
        e.config.kept.remove_prefix(&format!("ipv6 access-list {name}"));
        remove_access(&mut e.config.policies.access_lists_v6, a)
    })
    .without_no(),
    kept("mac access-list LINE...", "A list of MAC addresses").harmless(),
];

type AccessLists = BTreeMap<String, AccessList>;

fn access_entry(lists: &mut AccessLists, args: &Args<'_>, value: AccessMatch) -> Outcome {
    let entry = ListEntry { action: action(args.word("action")?), value };
    let sequence: Option<u32> = args.opt("seq")?;
    let name = args.string("name")?;
    if !args.no {
        insert(lists.entry(name).or_default(), sequence, entry);
    } else if let Some(list) = lists.get_mut(&name) {
        list.retain(|s, e| *e != entry || sequence.is_some_and(|q| q != *s));
        lists.retain(|_, list| !list.is_empty());
    }
    Ok(())
}

fn remove_access(lists: &mut AccessLists, args: &Args<'_>) -> Outcome {
    let name = args.word("name")?;
    match (args.opt::<u32>("seq")?, lists.get_mut(name)) {
        (Some(sequence), Some(list)) => drop(list.remove(&sequence)),
        _ => drop(lists.remove(name)),
    }
    lists.retain(|_, list| !list.is_empty());
    Ok(())
}

fn access_match(args: &Args<'_>) -> Result<AccessMatch, Fail> {
    Ok(match (args.opt::<IpNet>("net")?, wildcard(args, ["host", "addr", "wild"])?) {
        (Some(net), _) => AccessMatch::Prefix(net.trunc(), args.has("exact-match")),
        (None, Wildcard::Any) => AccessMatch::Any,
        (None, address) => AccessMatch::Standard(address),
    })
}

fn access_match_v6(args: &Args<'_>) -> Result<AccessMatch, Fail> {
    Ok(match (args.opt::<IpNet>("net")?, args.opt::<Ipv6Addr>("addr")?) {
        (Some(net), _) => AccessMatch::Prefix(net.trunc(), args.has("exact-match")),
        (None, Some(addr)) => AccessMatch::Prefix(IpAddr::V6(addr).into(), false),
        (None, None) => AccessMatch::Any,
    })
}

/// An address alone or with a wildcard, by the names of their words; without either it is `any`.
fn wildcard(args: &Args<'_>, [host, addr, wild]: [&str; 3]) -> Result<Wildcard, Fail> {
    Ok(match (args.opt(host)?, args.opt(addr)?, args.opt(wild)?) {
        (Some(host), ..) => Wildcard::Host(host),
        (None, Some(addr), Some(wild)) => Wildcard::Masked(addr, wild),
        _ => Wildcard::Any,
    })
}

fn render_access_lists(family: &str, lists: &AccessLists, out: &mut Lines) {
    let wildcard = |w: &Wildcard| match w {
        Wildcard::Any => "any".to_owned(),
        Wildcard::Host(addr) => format!("host {addr}"),
        Wildcard::Masked(addr, wild) => format!("{addr} {wild}"),
    };
    for (name, list) in lists {
        for (sequence, entry) in list {
            let text = match &entry.value {
                AccessMatch::Any => "any".to_owned(),
                AccessMatch::Prefix(net, exact) => {
                    format!("{net}{}", if *exact { " exact-match" } else { "" })
                }
                AccessMatch::Standard(Wildcard::Host(addr)) => addr.to_string(),
                AccessMatch::Standard(address) => wildcard(address),
                AccessMatch::Extended(from, to) => format!("ip {} {}", wildcard(from), wildcard(to)),
            };
            let action = value::action_name(entry.action);
            out.line(format_args!("{family}access-list {name} seq {sequence} {action} {text}"));
        }
    }
}

/// AS-path and community lists, which `show running-config` has behind BGP.
pub const PATH_LISTS: &[Command] = &[
    command(
        "<bgp|ip> as-path access-list AS_PATH_FILTER_NAME$name [seq (0-4294967295)$seq] <deny|permit>$action LINE...",
        "A list of AS paths",
        as_path_entry,
    )
    .render(Render::Top(|c, out| {
        for (name, list) in &c.policies.as_path_lists {
            for (sequence, entry) in list {
                let action = value::action_name(entry.action);
                out.line(format_args!("bgp as-path access-list {name} seq {sequence} {action} {}", entry.value));
            }
        }
    })),
    command("no <bgp|ip> as-path access-list AS_PATH_FILTER_NAME$name", "Remove a list", |e, a| {
        e.config.policies.as_path_lists.remove(a.word("name")?);
        Ok(())
    })
    .without_no(),
    command(
        "<bgp|ip> community-list <(1-99)$name|standard COMMUNITY_LIST_NAME$name> [seq (0-4294967295)$seq] <deny|permit>$action AA:NN...$line",
        "A list of communities",
        |e, a| {
            let (values, _) = value::parse_communities(a.word("line")?)?;
            let any = values == [0];
            let standard = CommunityMatch::Standard(if any { Vec::new() } else { values });
            list_entry(&mut e.config.policies.community_lists, a, false, standard)
        },
    )
    .render(Render::Top(|c, out| render_communities(&c.policies, out))),
    command(
        "<bgp|ip> community-list <(100-500)$name|expanded COMMUNITY_LIST_NAME$name> [seq (0-4294967295)$seq] <deny|permit>$action AA:NN...$line",
        "A list of expressions over communities",
        |e, a| {
            let expression = checked_regex(a)?;
            list_entry(&mut e.config.policies.community_lists, a, true, CommunityMatch::Expanded(expression))
        },
    ),
    command("no <bgp|ip> community-list <(1-500)$name|<standard|expanded> COMMUNITY_LIST_NAME$name|COMMUNITY_LIST_NAME$name>", "Remove a list", |e, a| {
        e.config.policies.community_lists.remove(a.word("name")?);
        Ok(())
    })
    .without_no(),
    command(
        "<bgp|ip> large-community-list <(1-99)$name|standard LCOMMUNITY_LIST_NAME$name> [seq (0-4294967295)$seq] <deny|permit>$action AA:BB:CC...$line",
        "A list of large communities",
        |e, a| {
            let (values, _) = value::parse_large_communities(a.word("line")?)?;
            let standard = CommunityMatch::Standard(values);
            list_entry(&mut e.config.policies.large_community_lists, a, false, standard)
        },
    ),
    command(
        "<bgp|ip> large-community-list <(100-500)$name|expanded LCOMMUNITY_LIST_NAME$name> [seq (0-4294967295)$seq] <deny|permit>$action LINE...$line",
        "A list of expressions over large communities",
        |e, a| {
            let expression = checked_regex(a)?;
            list_entry(&mut e.config.policies.large_community_lists, a, true, CommunityMatch::Expanded(expression))
        },
    ),
    command("no <bgp|ip> large-community-list <(1-500)$name|<standard|expanded> LCOMMUNITY_LIST_NAME$name|LCOMMUNITY_LIST_NAME$name>", "Remove a list", |e, a| {
        e.config.policies.large_community_lists.remove(a.word("name")?);
        Ok(())
    })
    .without_no(),
    command(
        "<bgp|ip> extcommunity-list <(1-99)$name|standard EXTCOMMUNITY_LIST_NAME$name> [seq (0-4294967295)$seq] <deny|permit>$action AA:NN...$line",
        "A list of extended communities",
        |e, a| {
            let values = value::parse_ext_communities(a.word("line")?, ExtKind::RouteTarget)?;
            let standard = CommunityMatch::Standard(values);
            list_entry(&mut e.config.policies.ext_community_lists, a, false, standard)
        },
    ),
    command(
        "<bgp|ip> extcommunity-list <(100-500)$name|expanded EXTCOMMUNITY_LIST_NAME$name> [seq (0-4294967295)$seq] <deny|permit>$action LINE...$line",
        "A list of expressions over extended communities",
        |e, a| {
            let expression = checked_regex(a)?;
            list_entry(&mut e.config.policies.ext_community_lists, a, true, CommunityMatch::Expanded(expression))
        },
    ),
    command("no <bgp|ip> extcommunity-list <(1-500)$name|<standard|expanded> EXTCOMMUNITY_LIST_NAME$name|EXTCOMMUNITY_LIST_NAME$name>", "Remove a list", |e, a| {
        e.config.policies.ext_community_lists.remove(a.word("name")?);
        Ok(())
    })
    .without_no(),
];

fn as_path_entry(editor: &mut Editor, args: &Args<'_>) -> Outcome {
    let regex = args.word("LINE")?;
    check_regex(regex)?;
    let entry = ListEntry { action: action(args.word("action")?), value: regex.to_owned() };
    let sequence = args.opt("seq")?;
    let lists = &mut editor.config.policies.as_path_lists;
    let name = args.string("name")?;
    let list = lists.entry(name.clone()).or_default();
    if args.no {
        list.retain(|s, e| *e != entry || sequence.is_some_and(|q| q != *s));
        if list.is_empty() {
            lists.remove(&name);
        }
    } else {
        insert(list, sequence, entry);
    }
    Ok(())
}

fn checked_regex(args: &Args<'_>) -> Result<String, Fail> {
    let text = args.string("line")?;
    check_regex(&text)?;
    Ok(text)
}

/// Refuses what cannot be an expression; `_` stands for a delimiter.
fn check_regex(text: &str) -> Outcome {
    let expanded = text.replace('_', "(?:^|[,{}() ]|$)");
    match regex_automata::meta::Regex::new(&expanded) {
        Ok(_) => Ok(()),
        Err(_) => Err(Fail::refuse(format!("% Can't compile regular expression: {text}"))),
    }
}

fn list_entry<T: PartialEq>(
    lists: &mut BTreeMap<String, CommunityList<T>>,
    args: &Args<'_>,
    expanded: bool,
    value: CommunityMatch<T>,
) -> Outcome {
    let name = args.string("name")?;
    let sequence = args.opt("seq")?;
    let entry = ListEntry { action: action(args.word("action")?), value };
    if args.no {
        if let Some(list) = lists.get_mut(&name) {
            list.entries.retain(|s, e| *e != entry || sequence.is_some_and(|q| q != *s));
            if list.entries.is_empty() {
                lists.remove(&name);
            }
        }
        return Ok(());
    }
    let list = lists.entry(name).or_insert_with(|| CommunityList { expanded, entries: BTreeMap::new() });
    if list.expanded != expanded {
        return Err(Fail::refuse("% Community name conflict, previously defined as another kind of list"));
    }
    insert(&mut list.entries, sequence, entry);
    Ok(())
}

fn render_communities(policies: &Policies, out: &mut Lines) {
    render_lists("community-list", &policies.community_lists, out, |values| match values {
        [] => "internet".to_owned(),
        values => value::communities_text(values),
    });
    render_lists("large-community-list", &policies.large_community_lists, out, value::large_communities_text);
    render_lists("extcommunity-list", &policies.ext_community_lists, out, ext_communities_text);
}

/// Values of an extended community list, as they are written.
pub fn ext_communities_text(values: &[ExtCommunity]) -> String {
    value::join(values.iter().filter_map(value::ext_community_words).map(|(word, v)| format!("{word} {v}")))
}

fn render_lists<T>(
    word: &str,
    lists: &BTreeMap<String, CommunityList<T>>,
    out: &mut Lines,
    text: impl Fn(&[T]) -> String,
) {
    for (name, list) in lists {
        let numbered = name.bytes().all(|b| b.is_ascii_digit());
        let kind = match (numbered, list.expanded) {
            (true, _) => "",
            (false, true) => "expanded ",
            (false, false) => "standard ",
        };
        for (sequence, entry) in &list.entries {
            let action = value::action_name(entry.action);
            let values = match &entry.value {
                CommunityMatch::Standard(values) => text(values),
                CommunityMatch::Expanded(expression) => expression.clone(),
            };
            out.line(format_args!("bgp {word} {kind}{name} seq {sequence} {action} {values}"));
        }
    }
}
