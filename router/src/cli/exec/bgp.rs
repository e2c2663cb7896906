//! BGP: sessions, next hops, groups, and resetting them.

use std::net::IpAddr;

use bgp::types::Family;

use super::super::backend::{Action, ActionError, ClearKind, ClearTarget};
use super::{Context, Daemon, ExecCommand, ExecError, Ran, exec};
use crate::config::grammar::Args;
use crate::config::model::PeerId;
use crate::show::format::afi_of;
use crate::show::instances::RouterFacts;
use crate::show::json::pretty;
use crate::show::misc;
use crate::show::nexthop::{self, Cache};
use crate::show::summary::{self, AsFilter, StateFilter, SummaryOptions};
use crate::show::{neighbor_errors, neighbor_json, neighbor_text};

const BGPD: Option<Daemon> = Some(Daemon::Bgpd);

/// Commands about sessions.
pub const COMMANDS: &[ExecCommand] = &[
    exec(
        "show [ip$ip] bgp [<view|vrf> VIEWVRFNAME] [<ipv4|ipv6>$afi [unicast]] [all] summary [<established|failed>$state] [<neighbor <A.B.C.D|X:X::X:X|WORD>$peer|remote-as <ASNUM$asn|<internal|external>$kind>>] [terse] [wide] [json]",
        "Sessions, a line each",
        BGPD,
        summary,
    ),
    exec(
        "show [ip$ip] bgp [<view|vrf> VIEWVRFNAME] [<ipv4|ipv6>$afi [unicast]] neighbors [<A.B.C.D|X:X::X:X|WORD>$peer] [graceful-restart] [json]",
        "Sessions in detail",
        BGPD,
        neighbors,
    ),
    exec(
        "show [ip$ip] bgp [<view|vrf> VIEWVRFNAME] [<ipv4|ipv6>$afi [unicast]] neighbors [<A.B.C.D|X:X::X:X|WORD>$peer] errors [json]",
        "Malformed messages",
        BGPD,
        neighbors,
    ),
    exec(
        "show [ip$ip] bgp [<view|vrf> VIEWVRFNAME] nexthop [<A.B.C.D$address|X:X::X:X$address|ipv4$only [A.B.C.D$address]|ipv6$only [X:X::X:X$address]>] [detail] [json]",
        "Next hops of routes",
        BGPD,
        |c, a| {
            let mut views = c.backend.bgp_nexthops()?;
            if a.get("address").is_some() {
                let address = a.ip("address")?;
                views.retain(|v| v.address == address);
            }
            if let Some(only) = a.get("only") {
                views.retain(|v| afi_of(v.address) == only);
            }
            match a.has("json") {
                true => Ok(nexthop::json(&views, a.has("detail"), c.out)?),
                false => Ok(nexthop::text(Cache::Nexthop, &views, c.out)?),
            }
        },
    ),
    exec("show [ip] bgp [<view|vrf> VIEWVRFNAME] import-check-table [detail] [json]", "Networks that are announced when they are there", BGPD, |c, a| {
        if !only_instance(c, a)? {
            return Ok(());
        }
        let views = c.backend.bgp_import_checks()?;
        match a.has("json") {
            true => Ok(nexthop::json(&views, a.has("detail"), c.out)?),
            false => Ok(nexthop::text(Cache::ImportCheck, &views, c.out)?),
        }
    }),
    exec("show [ip] bgp [<view|vrf> VIEWVRFNAME] peer-group [PGNAME] [json]", "Groups of neighbors", BGPD, |c, a| {
        let Some(bgp) = &c.config.bgp else { return Ok(()) };
        let name = a.get("PGNAME");
        if let Some(name) = name.filter(|n| !bgp.peer_groups.contains_key(*n)) {
            return match a.has("json") {
                true => Ok(writeln!(c.out, "{{}}")?),
                false => Ok(writeln!(c.out, "% No such peer-group {name}")?),
            };
        }
        let neighbors = c.backend.bgp_neighbors(None)?;
        match a.has("json") {
            true => Ok(misc::peer_groups_json(bgp, name, &neighbors, c.out)?),
            false => Ok(misc::peer_groups(bgp, name, &neighbors, c.out)?),
        }
    }),
    exec(
        "show [ip$ip] bgp [<view|vrf> VIEWVRFNAME] [<ipv4|ipv6>$afi [unicast]] update-groups [(1-4294967295)$group] [json]",
        "Neighbors that are told the same",
        BGPD,
        |c, a| {
            let mut views = c.backend.bgp_update_groups()?;
            if let Some(family) = given_family(a) {
                views.retain(|v| v.family == family);
            }
            if let Some(id) = a.opt::<u64>("group")? {
                views.retain(|v| v.id == id);
            }
            match a.has("json") {
                true => Ok(misc::update_groups_json(&views, c.out)?),
                false => Ok(misc::update_groups(&views, c.out)?),
            }
        },
    ),
    exec("show [ip] bgp memory", "Memory", BGPD, |c, _| Ok(misc::memory_rows(&c.backend.bgp_memory()?, c.out)?)),
    exec("show bgp router [json]", "The whole of BGP", BGPD, |c, a| {
        router(c, |facts, out| facts.router(a.has("json"), out))
    }),
    exec("show [ip] bgp vrfs [VRFNAME] [json]", "Instances", BGPD, |c, a| {
        router(c, |facts, out| facts.vrfs(a.has("json"), out))
    }),
    exec("show [ip] bgp views", "Instances that are views", BGPD, |c, _| Ok(writeln!(c.out, "Defined BGP views:")?)),
    exec("show bgp listeners", "Where neighbors may connect", BGPD, |c, _| {
        writeln!(c.out, "Name             fd Address\n---------------------------")?;
        if c.config.bgp.is_some() {
            writeln!(c.out, "default          -1 0.0.0.0\ndefault          -1 ::")?;
        }
        Ok(())
    }),
    exec(
        "clear [ip$ip] bgp [<view|vrf> VIEWVRFNAME] [<ipv4|ipv6>$afi [unicast]] <*$all|A.B.C.D$peer|X:X::X:X$peer|ASNUM$asn|external|peer-group PGNAME|WORD$peer> [<soft [<in|out>]|in [prefix-filter]|out|message-stats|capabilities>]",
        "Reset sessions",
        BGPD,
        clear,
    )
    .privileged(),
    exec("clear [ip] bgp [<view|vrf> VIEWVRFNAME] [<ipv4|ipv6> [unicast]] prefix <A.B.C.D/M|X:X::X:X/M>$net", "Decide a prefix again", BGPD, |c, a| {
        Ok(c.backend.act(Action::ClearBgpPrefix(a.prefix("net")?))?)
    })
    .privileged(),
];

/// The family that the line names, by itself or by `ip`.
pub fn given_family(args: &Args<'_>) -> Option<Family> {
    match (args.get("afi"), args.get("ip")) {
        (Some("ipv6"), _) => Some(Family::Ipv6Unicast),
        (Some(_), _) | (None, Some(_)) => Some(Family::Ipv4Unicast),
        (None, None) => None,
    }
}

/// Whether the instance that the line names, if any, is the only one there is. Says so if not.
pub fn only_instance(context: &mut Context<'_>, args: &Args<'_>) -> Result<bool, ExecError> {
    match args.get("VIEWVRFNAME") {
        None | Some("default" | "all") => Ok(true),
        Some(_) if args.has("json") => {
            writeln!(context.out, "{{}}")?;
            Ok(false)
        }
        Some(_) => {
            writeln!(context.out, "% BGP instance not found")?;
            Ok(false)
        }
    }
}

fn summary(context: &mut Context<'_>, args: &Args<'_>) -> Ran {
    if !only_instance(context, args)? {
        return Ok(());
    }
    let remote_as = match (args.opt_asn("asn")?, args.get("kind")) {
        (Some(asn), _) => Some(AsFilter::Number(asn)),
        (None, Some("internal")) => Some(AsFilter::Internal),
        (None, Some(_)) => Some(AsFilter::External),
        (None, None) => None,
    };
    let options = SummaryOptions {
        state: match args.get("state") {
            Some("established") => StateFilter::Established,
            Some(_) => StateFilter::Failed,
            None => StateFilter::All,
        },
        neighbor: args.get("peer").map(PeerId::from_word),
        remote_as,
        terse: args.has("terse"),
        wide: args.has("wide"),
        heading: args.get("afi").is_none(),
    };
    let mut views = Vec::new();
    for family in Family::ALL {
        if given_family(args).is_none_or(|f| f == family) {
            views.push(context.backend.bgp_summary(family)?);
        }
    }
    if given_family(args).is_none() {
        views.retain(|v| !v.peers.is_empty());
    }
    if args.has("json") && args.get("VIEWVRFNAME") == Some("all") {
        write!(context.out, "{{\n\"default\":")?;
        summary::write_json(&views, &options, context.out)?;
        return Ok(writeln!(context.out, "}}")?);
    }
    if args.has("json") {
        return Ok(summary::write_json(&views, &options, context.out)?);
    }
    if views.is_empty() {
        return Ok(writeln!(context.out, "% No BGP neighbors found in VRF default")?);
    }
    views.iter().try_for_each(|view| summary::text(view, &options, context.out))?;
    Ok(())
}

fn neighbors(context: &mut Context<'_>, args: &Args<'_>) -> Ran {
    if !only_instance(context, args)? {
        return Ok(());
    }
    let id = args.get("peer").map(PeerId::from_word);
    let mut views = match context.backend.bgp_neighbors(id.as_ref()) {
        Err(super::super::backend::ViewError::NoNeighbor) => Vec::new(),
        other => other?,
    };
    let family = args.get("afi").and_then(|_| given_family(args));
    views.retain(|v| neighbor_text::has_family(v, family));
    let json = args.has("json");
    if id.is_some() && views.is_empty() {
        return match json {
            true => Ok(writeln!(context.out, "{{\n  \"bgpNoSuchNeighbor\":true\n}}")?),
            false => Ok(writeln!(context.out, "% No such neighbor in this view/vrf\n")?),
        };
    }
    if args.has("errors") {
        return match json {
            true => Ok(neighbor_errors::json(&views, context.out)?),
            false => Ok(neighbor_errors::text(&views, context.out)?),
        };
    }
    match (json, args.has("graceful-restart")) {
        (true, true) => Ok(pretty(&neighbor_json::graceful_restart_only(&views), context.out)?),
        (false, true) => Ok(neighbor_text::graceful_restart_only(&views, context.out)?),
        (true, false) => Ok(pretty(&neighbor_json::all(&views), context.out)?),
        (false, false) => Ok(neighbor_text::all(&views, context.out)?),
    }
}

fn router(
    context: &mut Context<'_>,
    write: impl FnOnce(&RouterFacts<'_>, &mut dyn std::io::Write) -> std::io::Result<()>,
) -> Ran {
    let summaries: Vec<_> = match context.config.bgp {
        Some(_) => Family::ALL.iter().filter_map(|f| context.backend.bgp_summary(*f).ok()).collect(),
        None => Vec::new(),
    };
    let started = context.backend.started_epoch();
    let facts = RouterFacts { started, config: &context.config, summaries: &summaries };
    Ok(write(&facts, context.out)?)
}

fn clear(context: &mut Context<'_>, args: &Args<'_>) -> Ran {
    if !only_instance(context, args)? {
        return Ok(());
    }
    let target = match (args.get("peer"), args.opt_asn("asn")?, args.opt_string("PGNAME")) {
        (Some(word), ..) => neighbor_target(context, word)?,
        (None, Some(asn), _) => ClearTarget::Asn(asn),
        (None, None, Some(group)) => ClearTarget::PeerGroup(group),
        (None, None, None) if args.has("external") => ClearTarget::External,
        (None, None, None) => ClearTarget::All,
    };
    let kind = match (args.has("soft"), args.has("in"), args.has("out")) {
        (_, true, _) => ClearKind::SoftIn,
        (_, _, true) => ClearKind::SoftOut,
        (true, false, false) => ClearKind::Soft,
        (false, false, false) if args.has("message-stats") => ClearKind::MessageStats,
        (false, false, false) => ClearKind::Hard,
    };
    let family = args.get("afi").and_then(|_| given_family(args));
    match context.backend.act(Action::ClearBgp { target, family, kind }) {
        Ok(()) => Ok(()),
        // Not finding anything is no failure of the command.
        Err(error) => Ok(writeln!(context.out, "{error}")?),
    }
}

/// A neighbour by address or interface; a name may also be that of a host.
fn neighbor_target(context: &Context<'_>, word: &str) -> Result<ClearTarget, ActionError> {
    let id = PeerId::from_word(word);
    if word.parse::<IpAddr>().is_ok() {
        return Ok(ClearTarget::Neighbor(id));
    }
    let Some(bgp) = &context.config.bgp else { return Err(ActionError::NoInstance) };
    if bgp.neighbors.contains_key(&id) {
        return Ok(ClearTarget::Neighbor(id));
    }
    let named = context.backend.bgp_neighbors(None).unwrap_or_default();
    let host = named.into_iter().find(|n| n.hostname.as_deref() == Some(word));
    host.map(|n| ClearTarget::Neighbor(n.id)).ok_or_else(|| ActionError::UnknownNeighbor(word.to_owned()))
}
