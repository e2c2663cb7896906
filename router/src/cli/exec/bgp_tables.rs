//! BGP: listings of routes and single prefixes.

use std::net::{IpAddr, Ipv4Addr};

use bgp::types::Family;
use ipnet::IpNet;

use super::super::backend::{Action, BgpRoutes, Cursor, Lookup, Range, ViewError};
use super::bgp::{given_family, only_instance};
use super::bgp_filter::{filter, flapping, selects, validation};
use super::{Context, Daemon, ExecCommand, ExecError, Ran, exec};
use crate::config::grammar::{Args, Fail};
use crate::config::model::PeerId;
use crate::show::dampening;
use crate::show::format::{family_key, family_name};
use crate::show::json::{Object, ObjectExt, pretty};
use crate::show::neighbor_routes::{self, Around, Kind, PrefixCounts};
use crate::show::path::{self, Which};
use crate::show::statistics::{self, Statistics};
use crate::show::table::{self, Layout};
use crate::show::views::PrefixView;

const BGPD: Option<Daemon> = Some(Daemon::Bgpd);

/// Commands about routes.
pub const COMMANDS: &[ExecCommand] = &[
    exec(
        "show [ip$ip] bgp [<view|vrf> VIEWVRFNAME] [<ipv4|ipv6>$afi [unicast]] [all] [<cidr-only|self-originate|<community-list COMMUNITY_LIST_NAME$list|large-community-list LCOMMUNITY_LIST_NAME$list> [exact-match]|prefix-list NAME$list|access-list ACCESSLIST_NAME$list|filter-list AS_PATH_FILTER_NAME$list|route-map RMAP_NAME$list|version (1-4294967295)$version|rpki <valid|invalid|notfound>$validation>] [{json|detail|wide}]",
        "The table",
        BGPD,
        listing,
    ),
    exec(
        "show [ip$ip] bgp [<view|vrf> VIEWVRFNAME] [<ipv4|ipv6>$afi [unicast]] regexp REGEX...",
        "Routes whose AS path matches",
        BGPD,
        listing,
    ),
    exec(
        "show [ip$ip] bgp [<view|vrf> VIEWVRFNAME] [<ipv4|ipv6>$afi [unicast]] community [AA:NN...]",
        "Routes with communities",
        BGPD,
        listing,
    ),
    exec(
        "show [ip$ip] bgp [<view|vrf> VIEWVRFNAME] [<ipv4|ipv6>$afi [unicast]] large-community [AA:BB:CC...]",
        "Routes with large communities",
        BGPD,
        listing,
    ),
    exec(
        "show [ip$ip] bgp [<view|vrf> VIEWVRFNAME] [<ipv4|ipv6>$afi [unicast]] <A.B.C.D/M|X:X::X:X/M>$net longer-prefixes [{json|detail|wide}]",
        "A prefix and those inside",
        BGPD,
        listing,
    ),
    exec(
        "show [ip$ip] bgp [<view|vrf> VIEWVRFNAME] [<ipv4|ipv6>$afi [unicast]] <A.B.C.D|A.B.C.D/M|X:X::X:X|X:X::X:X/M>$prefix [<bestpath|multipath>$which] [rpki <valid|invalid|notfound>$validation] [json]",
        "One prefix",
        BGPD,
        prefix,
    ),
    exec(
        "show [ip$ip] bgp [<view|vrf> VIEWVRFNAME] [<ipv4|ipv6>$afi [unicast]] neighbors <A.B.C.D|X:X::X:X|WORD>$peer routes [{json|detail|wide}]",
        "Routes in the table from a neighbor",
        BGPD,
        from_neighbor,
    ),
    exec(
        "show [ip$ip] bgp [<view|vrf> VIEWVRFNAME] [<ipv4|ipv6>$afi [unicast]] neighbors <A.B.C.D|X:X::X:X|WORD>$peer <advertised-routes|received-routes|filtered-routes>$kind [{json|detail|wide}]",
        "Routes to and from a neighbor, before and behind policy",
        BGPD,
        neighbor_tables,
    ),
    exec(
        "show [ip$ip] bgp [<view|vrf> VIEWVRFNAME] [<ipv4|ipv6>$afi [unicast]] neighbors <A.B.C.D|X:X::X:X|WORD>$peer bestpath-routes [{json|detail|wide}]",
        "Best routes from a neighbor",
        BGPD,
        best_of_neighbor,
    ),
    exec(
        "show [ip$ip] bgp [<view|vrf> VIEWVRFNAME] [<ipv4|ipv6>$afi [unicast]] statistics [json]",
        "A table in numbers",
        BGPD,
        |c, a| {
            let family = given_family(a).unwrap_or(Family::Ipv4Unicast);
            statistics(c, a, &[family])
        },
    ),
    exec(
        "show [ip] bgp [<view|vrf> VIEWVRFNAME] statistics-all [json]",
        "Both tables in numbers",
        BGPD,
        |c, a| statistics(c, a, &Family::ALL),
    ),
    exec(
        "show [ip$ip] bgp [<view|vrf> VIEWVRFNAME] [<ipv4|ipv6>$afi [unicast]] dampening parameters [json]",
        "Settings of dampening",
        BGPD,
        dampening_parameters,
    ),
    exec(
        "show [ip$ip] bgp [<view|vrf> VIEWVRFNAME] [<ipv4|ipv6>$afi [unicast]] dampening <dampened-paths|flap-statistics>$flapping [json]",
        "Routes that flap",
        BGPD,
        listing,
    ),
    exec(
        "show [ip$ip] bgp [<view|vrf> VIEWVRFNAME] [<ipv4|ipv6>$afi [unicast]] neighbors <A.B.C.D|X:X::X:X|WORD>$peer <dampened-routes|flap-statistics>$flapping [json]",
        "Routes of a neighbor that flap",
        BGPD,
        from_neighbor,
    ),
    exec(
        "show [ip$ip] bgp [<view|vrf> VIEWVRFNAME] [<ipv4|ipv6>$afi [unicast]] neighbors <A.B.C.D|X:X::X:X|WORD>$peer dampening parameters [json]",
        "Settings of dampening for a neighbor",
        BGPD,
        dampening_parameters,
    ),
    exec(
        "clear [ip$ip] bgp [<ipv4|ipv6>$afi [unicast]] dampening [<A.B.C.D/M$net|X:X::X:X/M$net|A.B.C.D$addr [A.B.C.D$mask]>]",
        "Forget flaps",
        BGPD,
        clear_dampening,
    )
    .privileged(),
    exec(
        "show [ip$ip] bgp [<view|vrf> VIEWVRFNAME] [<ipv4|ipv6>$afi [unicast]] neighbors <A.B.C.D|X:X::X:X|WORD>$peer prefix-counts [json]",
        "Numbers of routes from a neighbor",
        BGPD,
        prefix_counts,
    ),
];

fn statistics(context: &mut Context<'_>, args: &Args<'_>, families: &[Family]) -> Ran {
    if !only_instance(context, args)? {
        return Ok(());
    }
    let mut all = Vec::new();
    for family in families {
        let mut cursor = context.backend.bgp_routes(*family, BgpRoutes::Table, Range::All)?;
        all.push(Statistics::of(*family, &mut *cursor)?);
    }
    if args.has("json") {
        return Ok(statistics::json(&all, context.out)?);
    }
    all.iter().try_for_each(|s| s.text(context.out))?;
    Ok(())
}

/// The parameters of a family, or those that a neighbour has for itself.
fn dampening_parameters(context: &mut Context<'_>, args: &Args<'_>) -> Ran {
    if !only_instance(context, args)? {
        return Ok(());
    }
    let family = given_family(args).unwrap_or(Family::Ipv4Unicast);
    let name = family_name(family);
    let mut head = Object::new();
    let (parameters, whose) = match args.get("peer") {
        None => (context.config.bgp.as_ref().and_then(|bgp| bgp.family(family).dampening), ""),
        Some(_) => {
            let Some(id) = neighbor(context, args, family)? else { return Ok(()) };
            head.put("addressFamily", name);
            if !args.has("json") {
                writeln!(context.out, "\nFor address family: {name}")?;
            }
            let settings = context.config.bgp.as_ref().and_then(|bgp| bgp.effective(&id));
            let own = settings.map(|s| s.family(family).clone()).filter(|f| f.has_dampening);
            (own.and_then(|f| f.dampening), "neighbor ")
        }
    };
    match parameters {
        _ if args.has("json") => dampening::parameters_json(parameters.as_ref(), head, context.out)?,
        Some(parameters) => dampening::parameters_text(&parameters, context.out)?,
        None => writeln!(context.out, "{whose}dampening not enabled for {name}")?,
    }
    Ok(())
}

fn clear_dampening(context: &mut Context<'_>, args: &Args<'_>) -> Ran {
    let net = match (args.get("net"), args.get("addr")) {
        (Some(_), _) => Some(args.prefix("net")?),
        (None, Some(_)) => {
            let addr = args.ip("addr")?;
            match args.opt::<Ipv4Addr>("mask")? {
                Some(mask) => {
                    let net = IpNet::with_netmask(addr, IpAddr::V4(mask));
                    Some(net.map_err(|_| Fail::Value(mask.to_string()))?.trunc())
                }
                None => Some(IpNet::from(addr)),
            }
        }
        (None, None) => None,
    };
    let family = net.map_or_else(|| given_family(args).unwrap_or(Family::Ipv4Unicast), |n| Family::of(&n));
    Ok(context.backend.act(Action::ClearDampening(family, net))?)
}

fn prefix_counts(context: &mut Context<'_>, args: &Args<'_>) -> Ran {
    let family = listed_family(args);
    let Some(id) = neighbor(context, args, family)? else { return Ok(()) };
    let views = context.backend.bgp_neighbors(Some(&id))?;
    let own = views.iter().flat_map(|v| &v.families).find(|f| f.family == family);
    let mut counts =
        PrefixCounts { counter: own.map_or(0, |f| u64::from(f.accepted)), ..PrefixCounts::default() };
    let received = context.backend.bgp_routes(family, BgpRoutes::Received(id.clone()), Range::All);
    counts.adj_in = match received {
        Ok(mut cursor) => count(&mut *cursor)?,
        Err(_) => 0,
    };
    counts.count(&mut *context.backend.bgp_routes(family, BgpRoutes::From(id.clone()), Range::All)?)?;
    match args.has("json") {
        true => Ok(counts.json(&id.to_string(), family_key(family), context.out)?),
        false => Ok(counts.text(&id.to_string(), family_name(family), context.out)?),
    }
}

/// The family of a listing. `show bgp` alone means IPv6, as it does in FRR.
fn listed_family(args: &Args<'_>) -> Family {
    given_family(args).unwrap_or(Family::Ipv6Unicast)
}

fn layout(args: &Args<'_>) -> Layout {
    if let Some(kind) = flapping(args) {
        return if args.has("json") { Layout::JsonDampening(kind) } else { Layout::Dampening(kind) };
    }
    let trailing = ["REGEX", "AA:NN", "AA:BB:CC"].iter().filter_map(|n| args.get(n));
    let json = args.has("json") || trailing.into_iter().any(|t| t == "json" || t.ends_with(" json"));
    match (json, args.has("detail"), args.has("wide")) {
        (true, true, _) if args.before("json", "detail") => Layout::JsonDetail,
        (true, true, _) => Layout::JsonDetailList,
        (true, false, _) => Layout::Json,
        (false, true, _) => Layout::Detail,
        (false, false, true) => Layout::Wide,
        (false, false, false) => Layout::Brief,
    }
}

fn listing(context: &mut Context<'_>, args: &Args<'_>) -> Ran {
    if !only_instance(context, args)? {
        return Ok(());
    }
    match args.has("all") {
        true => all_families(context, args),
        false => list_family(context, args, listed_family(args)),
    }
}

/// The table of each family that a neighbour has, or of the one that is named.
fn all_families(context: &mut Context<'_>, args: &Args<'_>) -> Ran {
    // Refused before anything is written.
    drop(filter(&context.config, args)?);
    let json = layout(args).is_json();
    let named = args.get("afi").and_then(|_| given_family(args));
    let mut first = true;
    for family in Family::ALL.into_iter().filter(|f| named.is_none_or(|n| n == *f)) {
        if context.backend.bgp_summary(family)?.peers.is_empty() {
            continue;
        }
        match json {
            true => write!(context.out, "{}\"{}\":", if first { "{\n" } else { "," }, family_key(family))?,
            false => writeln!(context.out, "\nFor address family: {}", family_name(family))?,
        }
        first = false;
        list_family(context, args, family)?;
    }
    match (json, first) {
        (true, true) => Ok(writeln!(context.out, "{{\n}}")?),
        (true, false) => Ok(writeln!(context.out, "}}")?),
        (false, _) => Ok(()),
    }
}

fn list_family(context: &mut Context<'_>, args: &Args<'_>, family: Family) -> Ran {
    let mut family = family;
    let range = match args.get("net") {
        Some(_) => {
            let net = args.prefix("net")?;
            family = Family::of(&net);
            Range::Within(net)
        }
        None => Range::All,
    };
    let config = context.config.clone();
    let keep = filter(&config, args)?;
    let header = context.backend.bgp_header(family)?;
    let which = match args.get("list").filter(|_| args.has("route-map")) {
        Some(name) => BgpRoutes::Permitted(name.to_owned()),
        None => BgpRoutes::Table,
    };
    let mut cursor = context.backend.bgp_routes(family, which, range)?;
    let (layout, whole) = (layout(args), range == Range::All && !selects(args));
    let shown = table::list(&header, &mut *cursor, &*keep, layout, context.out)?;
    if shown == 0 && whole && !layout.is_json() {
        table::empty(&header, context.out)?;
    }
    Ok(())
}

fn prefix(context: &mut Context<'_>, args: &Args<'_>) -> Ran {
    if !only_instance(context, args)? {
        return Ok(());
    }
    let lookup = match args.word("prefix")?.parse::<IpNet>() {
        Ok(net) => Lookup::Exact(net.trunc()),
        Err(_) => Lookup::Longest(args.ip("prefix")?),
    };
    let which = match args.get("which") {
        Some("bestpath") => Which::Best,
        Some(_) => Which::Multipath,
        None => Which::All,
    };
    let header = context.backend.bgp_header(lookup.family())?;
    let mut view = context.backend.bgp_prefix(lookup)?;
    if let Some(state) = validation(args) {
        view.iter_mut().for_each(|v| v.paths.retain(|p| p.rpki == Some(state)));
        view = view.filter(|v| !v.paths.is_empty());
    }
    match (view, args.has("json")) {
        (Some(view), true) => Ok(pretty(&path::prefix_json_of(&header, &view, which), context.out)?),
        (Some(view), false) => Ok(path::prefix_text(&header, &view, which, context.out)?),
        (None, true) => Ok(writeln!(context.out, "{{\n}}")?),
        (None, false) => Ok(writeln!(context.out, "% Network not in table")?),
    }
}

/// The neighbour of the line, if it exists and has the family; says so if not.
fn neighbor(context: &mut Context<'_>, args: &Args<'_>, family: Family) -> Result<Option<PeerId>, ExecError> {
    let id = PeerId::from_word(args.word("peer")?);
    let found = match context.backend.bgp_neighbors(Some(&id)) {
        Err(ViewError::NoNeighbor) => None,
        other => other?.pop(),
    };
    let json = args.has("json");
    let Some(view) = found else {
        let text =
            if json { "{\n  \"bgpNoSuchNeighbor\":true\n}" } else { "% No such neighbor or address family" };
        writeln!(context.out, "{text}")?;
        return Ok(None);
    };
    if !view.families.iter().any(|f| f.family == family) {
        match json {
            true => writeln!(context.out, "{{\n  \"warning\":\"No such neighbor or address family\"\n}}")?,
            false => writeln!(context.out, "% {} is not enabled for this neighbor", family_name(family))?,
        }
        return Ok(None);
    }
    Ok(Some(id))
}

fn from_neighbor(context: &mut Context<'_>, args: &Args<'_>) -> Ran {
    let family = listed_family(args);
    let Some(id) = neighbor(context, args, family)? else { return Ok(()) };
    let header = context.backend.bgp_header(family)?;
    let mut cursor = context.backend.bgp_routes(family, BgpRoutes::From(id), Range::All)?;
    let keep = filter(&context.config, args)?;
    table::list(&header, &mut *cursor, &*keep, layout(args), context.out)?;
    Ok(())
}

/// The paths of prefixes whose best one comes from a neighbour.
struct Best(Box<dyn Cursor<PrefixView>>);

impl Cursor<PrefixView> for Best {
    fn next(&mut self, most: usize) -> Result<Vec<PrefixView>, ViewError> {
        loop {
            let mut rows = self.0.next(most)?;
            let end = rows.is_empty();
            rows.iter_mut().for_each(|row| row.paths.retain(|path| path.best));
            rows.retain(|row| !row.paths.is_empty());
            if end || !rows.is_empty() {
                return Ok(rows);
            }
        }
    }
}

fn best_of_neighbor(context: &mut Context<'_>, args: &Args<'_>) -> Ran {
    let family = listed_family(args);
    let Some(id) = neighbor(context, args, family)? else { return Ok(()) };
    let header = context.backend.bgp_header(family)?;
    let mut best = Best(context.backend.bgp_routes(family, BgpRoutes::From(id), Range::All)?);
    let around = Around { detail: args.has("detail"), ..Around::default() };
    match args.has("json") {
        true => neighbor_routes::json(Kind::Best, &header, &mut best, around, context.out)?,
        false => neighbor_routes::text(Kind::Best, &header, &mut best, around, context.out)?,
    }
    Ok(())
}

fn neighbor_tables(context: &mut Context<'_>, args: &Args<'_>) -> Ran {
    let family = listed_family(args);
    let Some(id) = neighbor(context, args, family)? else { return Ok(()) };
    let (kind, which) = match args.word("kind")? {
        "advertised-routes" => (Kind::Advertised, BgpRoutes::Advertised(id.clone())),
        "received-routes" => (Kind::Received, BgpRoutes::Received(id.clone())),
        _ => (Kind::Filtered, BgpRoutes::Filtered(id.clone())),
    };
    let header = context.backend.bgp_header(family)?;
    let cursor = context.backend.bgp_routes(family, which, Range::All);
    let mut cursor = match cursor {
        Err(ViewError::NoSoftReconfiguration) if args.has("json") => {
            let why = "Inbound soft reconfiguration not enabled";
            return Ok(writeln!(context.out, "{{\n  \"warning\":\"{why}\"\n}}")?);
        }
        other => other?,
    };
    let default = kind == Kind::Advertised && default_sent(context, &id, family)?;
    let filtered = match kind {
        Kind::Received => {
            count(&mut *context.backend.bgp_routes(family, BgpRoutes::Filtered(id), Range::All)?)?
        }
        _ => 0,
    };
    let around = Around { default, filtered, detail: args.has("detail") };
    match args.has("json") {
        true => neighbor_routes::json(kind, &header, &mut *cursor, around, context.out)?,
        false => neighbor_routes::text(kind, &header, &mut *cursor, around, context.out)?,
    }
    Ok(())
}

fn default_sent(context: &Context<'_>, id: &PeerId, family: Family) -> Result<bool, ViewError> {
    let views = context.backend.bgp_neighbors(Some(id))?;
    let families = views.iter().flat_map(|v| &v.families);
    Ok(families.into_iter().any(|f| f.family == family && f.default_originate && f.default_sent))
}

fn count(cursor: &mut dyn Cursor<PrefixView>) -> Result<u64, ViewError> {
    let mut total = 0u64;
    loop {
        let slice = cursor.next(1000)?;
        if slice.is_empty() {
            return Ok(total);
        }
        total += u64::try_from(slice.len()).unwrap_or(0);
    }
}
