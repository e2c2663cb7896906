//! Routing table, interfaces, VRRP, static routes.

use bgp::types::Family;
use ipnet::IpNet;

use super::super::backend::{Lookup, Range};
use super::{Context, Daemon, ExecCommand, Ran, exec};
use crate::config::grammar::{Args, Fail};
use crate::show::route::{self, RouteOptions};
use crate::show::views::{RouteProtocol, VrrpView};
use crate::show::{interface, misc, vrrp};

const ZEBRA: Option<Daemon> = Some(Daemon::Zebra);

/// Commands of zebra, staticd and vrrpd.
pub const COMMANDS: &[ExecCommand] = &[
    exec(
        "show ip <route|fib>$table [<vrf NAME|table (1-4294967295)$number>] [<A.B.C.D/M$net longer-prefixes|supernets-only|failed|tag (1-4294967295)$tag|<bgp|connected|kernel|local|static>$protocol>] [nexthop-group] [json]",
        "The IPv4 routing table",
        ZEBRA,
        |c, a| list(c, a, Family::Ipv4Unicast),
    ),
    exec(
        "show ipv6 <route|fib>$table [<vrf NAME|table (1-4294967295)$number>] [<X:X::X:X/M$net longer-prefixes|failed|tag (1-4294967295)$tag|<bgp|connected|kernel|local|static>$protocol>] [nexthop-group] [json]",
        "The IPv6 routing table",
        ZEBRA,
        |c, a| list(c, a, Family::Ipv6Unicast),
    ),
    exec(
        "show ip <route|fib>$table [<vrf NAME|table (1-4294967295)$number>] <A.B.C.D|A.B.C.D/M>$prefix [nexthop-group] [json]",
        "One prefix of the IPv4 routing table",
        ZEBRA,
        detail,
    ),
    exec(
        "show ipv6 <route|fib>$table [<vrf NAME|table (1-4294967295)$number>] <X:X::X:X|X:X::X:X/M>$prefix [nexthop-group] [json]",
        "One prefix of the IPv6 routing table",
        ZEBRA,
        detail,
    ),
    exec(
        "show <ip|ipv6>$afi route [vrf NAME] summary [prefix] [json]",
        "Numbers of routes",
        ZEBRA,
        |c, a| {
            let family = family(a);
            let summary = c.backend.route_summary(family)?;
            match a.has("json") {
                true => Ok(route::summary_json(&summary, c.out)?),
                false => Ok(route::summary_text(&summary, c.out)?),
            }
        },
    ),
    exec(
        "show <ip|ipv6>$afi <nht|import-check> [<A.B.C.D$address|X:X::X:X$address|vrf NAME [<A.B.C.D|X:X::X:X>$address]>] [json]",
        "Tracked next hops",
        ZEBRA,
        nht,
    ),
    exec(
        "show <ip|ipv6>$afi protocol [vrf NAME]",
        "Route-maps between protocols and the kernel",
        ZEBRA,
        |c, a| match only_vrf(c, a)? {
            true => Ok(misc::install_maps(&c.config.install_maps, family(a), c.out)?),
            false => Ok(()),
        },
    ),
    exec("show ip forwarding", "Whether IPv4 packets are forwarded", ZEBRA, |c, _| {
        let on = c.backend.forwarding(Family::Ipv4Unicast);
        Ok(writeln!(c.out, "IP forwarding is {}", if on { "on" } else { "off" })?)
    }),
    exec("show ipv6 forwarding", "Whether IPv6 packets are forwarded", ZEBRA, |c, _| {
        let on = c.backend.forwarding(Family::Ipv6Unicast);
        Ok(writeln!(c.out, "ipv6 forwarding is {}", if on { "on" } else { "off" })?)
    }),
    exec("show interface [<IFNAME [vrf <NAME|all>]|vrf <NAME|all>>] [json]", "Interfaces", ZEBRA, |c, a| {
        let mut views = c.backend.interfaces();
        if let Some(name) = a.get("IFNAME") {
            views.retain(|v| v.name == name);
            if views.is_empty() && !a.has("json") {
                return Ok(writeln!(c.out, "% Can't find interface {name}")?);
            }
        }
        match a.has("json") {
            true => Ok(interface::json(&views, c.out)?),
            false => Ok(interface::text(&views, c.out)?),
        }
    }),
    exec("show interface [vrf <NAME|all>] brief [json]", "Interfaces, a line each", ZEBRA, |c, a| {
        let views = c.backend.interfaces();
        match a.has("json") {
            true => Ok(interface::brief_json(&views, c.out)?),
            false => Ok(interface::brief(&views, c.out)?),
        }
    }),
    exec(
        "show interface <[vrf <NAME|all>] description|description vrf <NAME|all>> [json]",
        "Interfaces with their descriptions",
        ZEBRA,
        |c, a| match a.has("json") {
            true => Ok(interface::description_json(&c.backend.interfaces(), c.out)?),
            false => Ok(interface::description(&c.backend.interfaces(), c.out)?),
        },
    ),
    exec("show [<ip|ipv6>$afi] router-id [vrf NAME]", "The identifier of this router", ZEBRA, |c, a| {
        let text = match family(a) {
            Family::Ipv6Unicast => c.config.router_id_v6.map(|id| id.to_string()),
            Family::Ipv4Unicast => match c.config.router_id {
                Some(id) => Some(id.to_string()),
                None => c.backend.bgp_header(Family::Ipv4Unicast).ok().map(|h| h.router_id.to_string()),
            },
        };
        let text = text.unwrap_or_else(|| "not set".to_owned());
        Ok(writeln!(c.out, "zebra:\n     router-id {text} vrf default")?)
    }),
    exec("show vrf", "Routing domains", ZEBRA, |c, _| {
        for name in c.config.vrfs.keys() {
            writeln!(c.out, "vrf {name} inactive (configured)")?;
        }
        Ok(())
    }),
    exec(
        "show vrrp [interface INTERFACE] [(1-255)$vrid] [json]",
        "Virtual routers",
        Some(Daemon::Vrrpd),
        |c, a| {
            let views = vrrp_views(c, a)?;
            match a.has("json") {
                true => Ok(vrrp::json(&views, c.out)?),
                false => Ok(vrrp::text(&views, c.out)?),
            }
        },
    ),
    exec(
        "show vrrp [interface INTERFACE] [(1-255)$vrid] summary",
        "Virtual routers, a line each",
        Some(Daemon::Vrrpd),
        |c, a| {
            let views = vrrp_views(c, a)?;
            Ok(vrrp::summary(&views, c.out)?)
        },
    ),
];

fn family(args: &Args<'_>) -> Family {
    if args.get("afi") == Some("ipv6") { Family::Ipv6Unicast } else { Family::Ipv4Unicast }
}

/// Whether the VRF that the line names, if any, is the only one there is. Says so if not.
fn only_vrf(context: &mut Context<'_>, args: &Args<'_>) -> Result<bool, super::ExecError> {
    match args.get("NAME") {
        None | Some("default" | "all") => Ok(true),
        Some(_) if args.has("json") => {
            writeln!(context.out, "{{}}")?;
            Ok(false)
        }
        Some(name) => {
            writeln!(context.out, "% VRF {name} not found")?;
            Ok(false)
        }
    }
}

fn options(args: &Args<'_>) -> Result<RouteOptions, Fail> {
    let protocol = args.get("protocol").and_then(|name| {
        use RouteProtocol as P;
        [P::Bgp, P::Connected, P::Kernel, P::Local, P::Static].into_iter().find(|p| p.name() == name)
    });
    Ok(RouteOptions {
        protocol,
        tag: args.opt("tag")?,
        fib: args.get("table") == Some("fib"),
        supernets_only: args.has("supernets-only"),
        failed: args.has("failed"),
        group: args.has("nexthop-group"),
        table: args.opt("number")?,
    })
}

fn list(context: &mut Context<'_>, args: &Args<'_>, family: Family) -> Ran {
    if !only_vrf(context, args)? {
        return Ok(());
    }
    let options = options(args)?;
    let range = match args.get("net") {
        Some(_) => Range::Within(args.prefix("net")?),
        None => Range::All,
    };
    let mut cursor = context.backend.routes(family, range)?;
    match args.has("json") {
        true if args.get("NAME") == Some("all") => {
            write!(context.out, "{{\"default\":")?;
            route::list_json(&mut *cursor, &options, context.out)?;
            writeln!(context.out, "}}")?;
        }
        true => route::list_json(&mut *cursor, &options, context.out)?,
        false => route::list_text(family, &mut *cursor, &options, context.out)?,
    }
    Ok(())
}

fn detail(context: &mut Context<'_>, args: &Args<'_>) -> Ran {
    if !only_vrf(context, args)? {
        return Ok(());
    }
    let word = args.word("prefix")?;
    let lookup = match word.parse::<IpNet>() {
        Ok(net) => Lookup::Exact(net.trunc()),
        Err(_) => Lookup::Longest(args.ip("prefix")?),
    };
    let mut routes = context.backend.route(lookup)?;
    if args.get("table") == Some("fib") {
        routes.retain(|r| r.selected);
    }
    match args.has("json") {
        true => Ok(route::detail_json(&routes, context.out)?),
        false if routes.is_empty() => Ok(writeln!(context.out, "% Network not in table")?),
        false => Ok(route::detail_text(&routes, context.out)?),
    }
}

fn nht(context: &mut Context<'_>, args: &Args<'_>) -> Ran {
    if !only_vrf(context, args)? {
        return Ok(());
    }
    let family = family(args);
    let mut views = context.backend.nht(family)?;
    if args.get("address").is_some() {
        let address = args.ip("address")?;
        views.retain(|v| v.address == address);
    }
    let via_default = match family {
        Family::Ipv4Unicast => context.config.resolve_via_default_v4(),
        Family::Ipv6Unicast => context.config.resolve_via_default_v6(),
    };
    match args.has("json") {
        true => Ok(route::nht_json(family, &views, via_default, context.out)?),
        false => Ok(route::nht_text(&views, via_default, context.out)?),
    }
}

fn vrrp_views(context: &mut Context<'_>, args: &Args<'_>) -> Result<Vec<VrrpView>, Fail> {
    let vrid: Option<u8> = args.opt("vrid")?;
    let mut views = context.backend.vrrp();
    views.retain(|v| vrid.is_none_or(|id| id == v.vrid));
    views.retain(|v| args.get("INTERFACE").is_none_or(|name| name == v.interface));
    Ok(views)
}
