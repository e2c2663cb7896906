//! What FRR does not have: why a prefix is as it is, route-maps on trial, what happened, a bundle for a colleague.

use std::io::Write;

use bgp::attrs::AttrBuilder;
use bgp::types::Asn;
use ipnet::IpNet;
use rib::policy::ast::SourceProtocol;
use rib::why::TestRoute;

use super::super::backend::Lookup as Prefix;
use super::super::secrets::hiding;
use super::bgp::only_instance;
use super::{Context, Daemon, ExecCommand, ExecError, Ran, exec};
use crate::config::grammar::{Args, Fail, Lookup, matcher, value};
use crate::config::model::PeerId;
use crate::show::views::EventKind;
use crate::show::{events, pulse, trace, why};

/// Events that are shown unless the line says how many.
const EVENTS: usize = 50;

/// The commands.
pub const COMMANDS: &[ExecCommand] = &[
    exec(
        "show [ip$ip] bgp [<view|vrf> VIEWVRFNAME] [<ipv4|ipv6>$afi [unicast]] <A.B.C.D|A.B.C.D/M|X:X::X:X|X:X::X:X/M>$prefix why [json]",
        "One prefix, and why it is as it is",
        Some(Daemon::Bgpd),
        |c, a| {
            if !only_instance(c, a)? {
                return Ok(());
            }
            let lookup = match a.word("prefix")?.parse::<IpNet>() {
                Ok(net) => Prefix::Exact(net.trunc()),
                Err(_) => Prefix::Longest(a.ip("prefix")?),
            };
            let view = c.backend.why(lookup)?;
            match a.has("json") {
                true => Ok(why::json(&view, c.out)?),
                false => Ok(why::text(&view, c.out)?),
            }
        },
    ),
    exec(
        "test route-map RMAP_NAME prefix <A.B.C.D/M|X:X::X:X/M>$prefix [{as-path AS_PATH|community COMMUNITIES|large-community LARGE_COMMUNITIES|extcommunity RT_COMMUNITIES|origin <igp|egp|incomplete>$origin|med (0-4294967295)$med|local-preference (0-4294967295)$local_pref|aigp-metric (0-4294967295)$aigp|next-hop <A.B.C.D|X:X::X:X>$next_hop|igp-metric (0-4294967295)$igp|peer <A.B.C.D|X:X::X:X|WORD>$peer|interface IFNAME|tag (0-4294967295)$tag|source-protocol <bgp|connected|static|kernel>$protocol|json}]",
        "What a route-map would make of a route; several values are written with commas or in quotes",
        None,
        test_route_map,
    ),
    exec(
        "show history [(1-4096)$count] [<bgp|vrrp|routes>$kind] [json]",
        "What happened to sessions, virtual routers and best paths",
        None,
        |c, a| {
            let kind = match a.get("kind") {
                Some("bgp") => Some(EventKind::Bgp),
                Some("vrrp") => Some(EventKind::Vrrp),
                Some(_) => Some(EventKind::Route),
                None => None,
            };
            let all = c.backend.last_events(kind, a.opt("count")?.unwrap_or(EVENTS))?;
            match a.has("json") {
                true => Ok(events::json(&all, c.out)?),
                false => Ok(events::text(&all, c.out)?),
            }
        },
    ),
    exec("top", "The router at a glance; at a terminal each second, until `q`", None, |c, _| {
        let lines = pulse::picture(&c.backend.pulse(), None, None);
        lines.iter().try_for_each(|line| writeln!(c.out, "{line}"))?;
        Ok(())
    }),
    exec("show tech-support", "All that a colleague needs to help, without passwords", None, tech_support)
        .privileged(),
];

/// A list of values in one word.
fn list(args: &Args<'_>, name: &str) -> Option<String> {
    args.get(name).map(|word| word.replace(',', " "))
}

fn test_route_map(context: &mut Context<'_>, args: &Args<'_>) -> Ran {
    let name = args.word("RMAP_NAME")?;
    let mut builder = AttrBuilder::new();
    let path: Vec<Asn> = match list(args, "AS_PATH") {
        None => Vec::new(),
        Some(words) => {
            let asn =
                |word: &str| matcher::parse_asn(word).map(Asn).ok_or_else(|| Fail::Value(word.to_owned()));
            words.split_whitespace().map(asn).collect::<Result<_, _>>()?
        }
    };
    builder.origin(args.get("origin").map_or(bgp::attrs::Origin::Igp, value::origin)).set_as_path(&path);
    builder.med(args.opt("med")?).local_pref(args.opt("local_pref")?).aigp(args.opt("aigp")?);
    if let Some(words) = list(args, "COMMUNITIES") {
        builder.communities(value::parse_communities(&words)?.0);
    }
    if let Some(words) = list(args, "LARGE_COMMUNITIES") {
        let values = value::parse_large_communities(&words)?.0;
        builder.large_communities(values.iter().map(|c| (c.global, c.local1, c.local2)).collect());
    }
    if let Some(words) = list(args, "RT_COMMUNITIES") {
        let values = value::parse_ext_communities(&words, bgp::attrs::text::ExtKind::RouteTarget)?;
        builder.ext_communities(values.iter().map(|c| c.0).collect());
    }
    let peer = args.get("peer").map(PeerId::from_word);
    let route = TestRoute {
        net: args.prefix("prefix")?,
        block: builder.build(),
        next_hop: args.opt("next_hop")?,
        peer: match &peer {
            Some(PeerId::Address(address)) => Some(*address),
            Some(PeerId::Interface(_)) | None => None,
        },
        peer_interface: match peer {
            Some(PeerId::Interface(name)) => Some(name),
            Some(PeerId::Address(_)) | None => None,
        },
        tag: args.opt("tag")?.unwrap_or(0),
        interface: args.opt_string("IFNAME"),
        source: match args.get("protocol") {
            Some("connected") => SourceProtocol::Connected,
            Some("static") => SourceProtocol::Static,
            Some("kernel") => SourceProtocol::Kernel,
            _ => SourceProtocol::Bgp,
        },
        igp_metric: args.opt("igp")?.unwrap_or(0),
    };
    let Some(test) = context.backend.test_route_map(name, route)? else {
        let known = "`show route-map` lists those that are defined";
        return Err(ExecError::Fail(Fail::refuse(format!("% There is no route-map {name}: {known}"))));
    };
    match args.has("json") {
        true => Ok(trace::test_json(&test, context.out)?),
        false => Ok(trace::test_text(&test, context.out)?),
    }
}

/// What goes into the bundle, one output after the other.
pub const BUNDLE: &[&str] = &[
    "show version",
    "show running-config",
    "show configuration transaction",
    "show logging",
    "show debugging",
    "show interface",
    "show ip router-id",
    "show ip forwarding",
    "show ipv6 forwarding",
    "show ip route summary",
    "show ipv6 route summary",
    "show ip nht",
    "show ipv6 nht",
    "show bgp summary",
    "show bgp neighbors",
    "show bgp neighbors errors",
    "show bgp ipv4 update-groups",
    "show bgp ipv6 update-groups",
    "show bgp nexthop",
    "show bgp import-check-table",
    "show bgp peer-group",
    "show bgp statistics-all",
    "show bgp memory",
    "show route-map",
    "show ip prefix-list summary",
    "show ipv6 prefix-list summary",
    "show vrrp",
    "show rpki configuration",
    "show rpki cache-connection",
    "show rpki prefix-count",
    "show history 1000",
];

fn tech_support(context: &mut Context<'_>, _: &Args<'_>) -> Ran {
    let mut out = hiding(context.out);
    for line in BUNDLE {
        writeln!(out, "------------------ {line} ------------------\n")?;
        let words = matcher::split(line);
        let Lookup::Found(pattern, args) = matcher::lookup(super::table(true), line, &words) else {
            continue;
        };
        let mut own = Context {
            backend: context.backend,
            config: context.config.clone(),
            daemon: None,
            bare: false,
            history: &[],
            out: &mut out,
            go: None,
        };
        match (pattern.command.run)(&mut own, &args) {
            Ok(()) => {}
            Err(ExecError::Io(error)) => return Err(error.into()),
            Err(error) => writeln!(out, "{error}")?,
        }
        writeln!(out)?;
    }
    Ok(out.finish()?)
}

/// Lists in quotes are single words for the table of commands: `as-path "1 2"` is `as-path 1,2`. `None` where there is
/// nothing to change, or a quote has no end.
pub fn lists_as_words(line: &str) -> Option<String> {
    let first = line.split_whitespace().next().unwrap_or("");
    let parts: Vec<&str> = line.split('"').collect();
    if first.len() < 3 || !"test".starts_with(first) || parts.len() < 3 || parts.len().is_multiple_of(2) {
        return None;
    }
    if parts.iter().skip(1).step_by(2).any(|quoted| quoted.trim().is_empty()) {
        return None;
    }
    let mut out = String::with_capacity(line.len());
    for (at, part) in parts.iter().enumerate() {
        match at % 2 {
            0 => out.push_str(part),
            _ => out.push_str(&part.split_whitespace().collect::<Vec<_>>().join(",")),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_in_quotes_become_words() {
        let words = |line| lists_as_words(line);
        assert_eq!(
            words("test route-map A prefix 10.0.0.0/8 as-path \"1 2  3\" community \"1:2 no-export\"")
                .as_deref(),
            Some("test route-map A prefix 10.0.0.0/8 as-path 1,2,3 community 1:2,no-export")
        );
        assert_eq!(words("test route-map A prefix 10.0.0.0/8 as-path \"1 2"), None);
        assert_eq!(words("test route-map A prefix 10.0.0.0/8 as-path \"\" med 5"), None);
        assert_eq!(words("show route-map \"A B\""), None);
    }

    #[test]
    fn the_bundle_is_made_of_commands_that_there_are() {
        for line in BUNDLE {
            let found = matcher::lookup(super::super::table(true), line, &matcher::split(line));
            assert!(matches!(found, Lookup::Found(..)), "{line}");
        }
    }
}
