//! Static routes and the VRFs that they may be in.

use std::collections::BTreeSet;

use ipnet::IpNet;

use super::kept::kept;
use super::{Args, Command, Editor, Fail, Lines, Outcome, Render, command};
use crate::config::model::{StaticRoute, StaticTarget, Vrf};

/// Static routes. The BFD and VRF parts are kept.
pub const ROUTES: &[Command] = &[
    command(
        "ip route <A.B.C.D/M$net|A.B.C.D$addr A.B.C.D$mask> <<reject|blackhole|Null0>$drop|A.B.C.D$gw [<IFNAME$if|Null0$drop>]|IFNAME$if> \
         [{tag (1-4294967295)$tag|(1-255)$distance|metric (0-4294967295)$metric|weight (1-65535)$weight|table (1-4294967295)$table\
         |nexthop-vrf NAME$nhvrf|vrf NAME$vrf|onlink|label WORD$label|color (1-4294967295)$color|segments WORD$segments\
         |bfd [{multi-hop|source A.B.C.D|profile BFDPROF}]}]",
        "A static route",
        route,
    )
    .render(Render::Vrf(|vrf, out| render(vrf, false, out))),
    command(
        "ipv6 route X:X::X:X/M$net [from X:X::X:X/M$from] <<reject|blackhole|Null0>$drop|X:X::X:X$gw [<IFNAME$if|Null0$drop>]|IFNAME$if> \
         [{tag (1-4294967295)$tag|(1-255)$distance|metric (0-4294967295)$metric|weight (1-65535)$weight|table (1-4294967295)$table\
         |nexthop-vrf NAME$nhvrf|vrf NAME$vrf|onlink|label WORD$label|color (1-4294967295)$color|segments WORD$segments\
         |bfd [{multi-hop|source X:X::X:X|profile BFDPROF}]}]",
        "A static route",
        route,
    )
    .render(Render::Vrf(|vrf, out| render(vrf, true, out))),
];

/// Other lines of the `vrf` node.
pub const VRF: &[Command] = &[
    kept("ip router-id ![A.B.C.D]", "The identifier in this VRF"),
    kept("router-id ![A.B.C.D]", "The identifier in this VRF"),
    kept("ipv6 router-id ![X:X::X:X]", "The IPv6 identifier in this VRF"),
    kept("netns ![WORD]", "The network namespace of the VRF"),
    kept("<ip|ipv6> <table|ssmpingd>$w [LINE...]", "Kernel tables and tools").harmless(),
    kept("vni ![LINE...]", "The VNI of the VRF").harmless(),
    kept("<ip|ipv6> nht LINE...", "Next-hop resolution in this VRF"),
    kept("<ip|ipv6> protocol WORD route-map RMAP_NAME", "A policy between protocol and kernel"),
    kept("rpki", "Origin validation in this VRF"),
];

fn route(editor: &mut Editor, args: &Args<'_>) -> Outcome {
    let prefix = match args.get("mask") {
        Some(_) => args.ipv4_prefix("net", "addr", "mask")?,
        None => args.prefix("net")?,
    };
    for unsupported in ["from", "label", "color", "segments"] {
        if args.get(unsupported).is_some() {
            return Err(Fail::refuse(format!("% {unsupported} is not supported in static routes")));
        }
    }
    let route = read(args)?;
    let in_vrf =
        args.get("vrf").is_some_and(|v| v != "default") || matches!(editor.node, super::Node::Vrf(_));
    let statics = &mut editor.vrf(args).statics;
    if args.no {
        let found = remove(statics.entry(prefix).or_default(), &route, args);
        if statics.get(&prefix).is_some_and(BTreeSet::is_empty) {
            statics.remove(&prefix);
        }
        return match found {
            true => Ok(()),
            false => Err(Fail::Note("% Refusing to remove a non-existent route".to_owned())),
        };
    }
    let routes = statics.entry(prefix).or_default();
    routes.retain(|r| !r.same_route(&route));
    if route.bfd.is_some() || route.table.is_some() || route.nexthop_vrf.is_some() || in_vrf {
        editor.notices.push(format!("kept, but not fully in effect yet: {}", args.canonical(0)));
    }
    editor.vrf(args).statics.entry(prefix).or_default().insert(route);
    Ok(())
}

fn read(args: &Args<'_>) -> Result<StaticRoute, Fail> {
    let target = match (args.get("drop"), args.opt("gw")?, args.opt_string("if")) {
        (Some("reject"), ..) => StaticTarget::Reject,
        (Some("blackhole"), ..) => StaticTarget::Blackhole,
        (Some(_), ..) => StaticTarget::Null0,
        (None, Some(gateway), Some(interface)) => StaticTarget::GatewayInterface(gateway, interface),
        (None, Some(gateway), None) => StaticTarget::Gateway(gateway),
        (None, None, Some(interface)) => StaticTarget::Interface(interface),
        (None, None, None) => return Err(Fail::Internal("route without a target")),
    };
    let bfd = args.has("bfd").then(|| {
        let mut words = Vec::new();
        if args.has("multi-hop") {
            words.push("multi-hop".to_owned());
        }
        if let Some(source) = args.get("A.B.C.D").or(args.get("X:X::X:X")) {
            words.push(format!("source {source}"));
        }
        if let Some(profile) = args.get("BFDPROF") {
            words.push(format!("profile {profile}"));
        }
        words.join(" ")
    });
    Ok(StaticRoute {
        onlink: args.has("onlink"),
        tag: args.opt("tag")?,
        distance: args.opt("distance")?.unwrap_or(1),
        metric: args.opt("metric")?,
        weight: args.opt::<u16>("weight")?.map(|w| u8::try_from(w).unwrap_or(u8::MAX)),
        table: args.opt("table")?,
        nexthop_vrf: args.opt_string("nhvrf"),
        bfd,
        ..StaticRoute::new(target)
    })
}

/// Removes the routes that a `no` line means: distance and the rest count only where they are given.
fn remove(routes: &mut BTreeSet<StaticRoute>, route: &StaticRoute, args: &Args<'_>) -> bool {
    let before = routes.len();
    let distance_given = args.get("distance").is_some();
    routes.retain(|r| {
        r.target != route.target
            || (distance_given && r.distance != route.distance)
            || (route.table.is_some() && r.table != route.table)
            || (route.tag.is_some() && r.tag != route.tag)
    });
    routes.len() < before
}

fn render(vrf: &Vrf, v6: bool, out: &mut Lines) {
    let mut prefixes: Vec<_> = vrf.statics.iter().filter(|(p, _)| matches!(p, IpNet::V6(_)) == v6).collect();
    prefixes.sort_by_key(|(p, _)| (p.prefix_len(), **p));
    let word = if v6 { "ipv6" } else { "ip" };
    for (prefix, routes) in prefixes {
        for route in routes {
            out.line(format_args!("{word} route {prefix} {}", text(route)));
        }
    }
}

/// A static route without its prefix, as a line has it.
fn text(route: &StaticRoute) -> String {
    let mut out = match &route.target {
        StaticTarget::Blackhole => "blackhole".to_owned(),
        StaticTarget::Null0 => "Null0".to_owned(),
        StaticTarget::Reject => "reject".to_owned(),
        StaticTarget::Gateway(gateway) => gateway.to_string(),
        StaticTarget::Interface(interface) => interface.clone(),
        StaticTarget::GatewayInterface(gateway, interface) => format!("{gateway} {interface}"),
    };
    let mut add = |word: &str, value: Option<String>| {
        if let Some(value) = value {
            out.push(' ');
            out.push_str(word);
            out.push_str(&value);
        }
    };
    add("onlink", route.onlink.then(String::new));
    add("tag ", route.tag.map(|t| t.to_string()));
    add("", (route.distance != 1).then(|| route.distance.to_string()));
    add("metric ", route.metric.map(|m| m.to_string()));
    add("weight ", route.weight.map(|w| w.to_string()));
    add("table ", route.table.map(|t| t.to_string()));
    add("nexthop-vrf ", route.nexthop_vrf.clone());
    add("bfd", route.bfd.as_ref().map(|b| if b.is_empty() { String::new() } else { format!(" {b}") }));
    out
}
