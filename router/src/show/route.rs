//! `show ip route` and its relatives.

use std::io::{self, Write};

use bgp::types::Family;
use ipnet::IpNet;
use serde_json::Value;

use super::format::{afi_name, afi_of, uptime};
use super::json::{Object, ObjectExt, compact, pretty};
use super::table::ListError;
use super::views::{Discard, NhtView, RouteHop, RouteProtocol, RouteState, RouteSummary, RouteView};
use crate::cli::backend::Cursor;

/// Rows asked for at a time.
const SLICE: usize = 1000;

/// Which routes are wanted, and how.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RouteOptions {
    /// Of one protocol.
    pub protocol: Option<RouteProtocol>,
    /// With this tag.
    pub tag: Option<u32>,
    /// `fib`: only what is used.
    pub fib: bool,
    /// `supernets-only`.
    pub supernets_only: bool,
    /// `failed`: only what the kernel refused.
    pub failed: bool,
    /// `nexthop-group`: show its number.
    pub group: bool,
    /// `table N`, as named in the heading.
    pub table: Option<u32>,
}

impl RouteOptions {
    fn wants(&self, route: &RouteView) -> bool {
        self.protocol.is_none_or(|p| p == route.protocol)
            && self.tag.is_none_or(|t| t == route.tag)
            && (!self.fib || route.selected)
            && (!self.failed || route.state == RouteState::Failed)
            && (!self.supernets_only || is_supernet(&route.prefix))
    }
}

/// Shorter than its class would be.
fn is_supernet(prefix: &IpNet) -> bool {
    let IpNet::V4(net) = prefix else { return false };
    let class = match net.addr().octets()[0] {
        0..=127 => 8,
        128..=191 => 16,
        _ => 24,
    };
    net.prefix_len() < class
}

/// Writes what the letters mean, and a heading.
fn legend(family: Family, options: &RouteOptions, out: &mut dyn Write) -> io::Result<()> {
    let table = options.table.map(|t| format!(" table {t}")).unwrap_or_default();
    writeln!(
        out,
        "Codes: K - kernel route, C - connected, L - local, S - static,\n       \
         B - BGP, T - Table, t - Table-Direct,\n       \
         > - selected route, * - FIB route, q - queued, r - rejected, b - backup\n       \
         t - trapped, o - offload failure\n\n\
         {} unicast VRF default{table}:",
        afi_name(family)
    )
}

/// The listing as text.
pub fn list_text(
    family: Family,
    cursor: &mut dyn Cursor<RouteView>,
    options: &RouteOptions,
    out: &mut dyn Write,
) -> Result<(), ListError> {
    let mut first = true;
    loop {
        let slice = cursor.next(SLICE)?;
        if slice.is_empty() {
            return Ok(());
        }
        for route in slice.iter().filter(|r| options.wants(r)) {
            if first {
                legend(family, options, out)?;
                first = false;
            }
            line(route, options, out)?;
        }
    }
}

/// The listing as JSON: routes of one prefix stand together.
pub fn list_json(
    cursor: &mut dyn Cursor<RouteView>,
    options: &RouteOptions,
    out: &mut dyn Write,
) -> Result<(), ListError> {
    let mut open: Option<IpNet> = None;
    out.write_all(b"{")?;
    loop {
        let slice = cursor.next(SLICE)?;
        if slice.is_empty() {
            break;
        }
        for route in slice.iter().filter(|r| options.wants(r)) {
            match open {
                Some(prefix) if prefix == route.prefix => out.write_all(b",")?,
                Some(_) => write!(out, "]\n,\"{}\":[", route.prefix)?,
                None => write!(out, "\"{}\":[", route.prefix)?,
            }
            open = Some(route.prefix);
            compact(&Value::Object(json(route)), out)?;
        }
    }
    if open.is_some() {
        out.write_all(b"]\n")?;
    }
    Ok(out.write_all(b"}\n")?)
}

/// One route with its next hops.
fn line(route: &RouteView, options: &RouteOptions, out: &mut dyn Write) -> io::Result<()> {
    let mut head = format!("{}", route.protocol.letter());
    head.push(if route.selected { '>' } else { ' ' });
    let recursive = route.hops.iter().any(|h| h.recursive);
    let first_in_fib = route.hops.first().is_some_and(|h| h.fib && !h.recursive);
    head.push(state_letter(route, first_in_fib && !recursive));
    head.push_str(&format!(" {}", route.prefix));
    if !matches!(route.protocol, RouteProtocol::Connected | RouteProtocol::Local) {
        head.push_str(&format!(" [{}/{}]", route.distance, route.metric));
    }
    if options.group {
        head.push_str(&format!(" ({})", route.group_id));
    }
    if route.hops.is_empty() {
        return writeln!(out, "{head} unreachable, weight 1, {}", uptime(route.uptime));
    }
    for (i, hop) in route.hops.iter().enumerate() {
        if i == 0 {
            write!(out, "{head}")?;
        } else {
            let mark = if hop.fib { '*' } else { ' ' };
            let deeper = if hop.resolver { 2 } else { 0 };
            write!(out, "  {mark}{:1$}", "", head.chars().count().saturating_sub(3) + deeper)?;
        }
        writeln!(out, "{}, weight {}, {}", hop_text(hop), hop.weight, uptime(route.uptime))?;
    }
    Ok(())
}

fn state_letter(route: &RouteView, in_fib: bool) -> char {
    match route.state {
        RouteState::Queued => 'q',
        RouteState::Failed => 'r',
        RouteState::Installed if in_fib => '*',
        _ => ' ',
    }
}

/// ` via 192.0.2.2, eth0` and the like.
fn hop_text(hop: &RouteHop) -> String {
    let mut out = match (hop.gateway, hop.discard) {
        (_, Some(Discard::Blackhole)) => " unreachable (blackhole)".to_owned(),
        (_, Some(Discard::Reject)) => " unreachable (ICMP unreachable)".to_owned(),
        (_, Some(Discard::Prohibit)) => " unreachable (ICMP admin-prohibited)".to_owned(),
        (Some(gateway), None) => format!(" via {gateway}"),
        (None, None) => " is directly connected".to_owned(),
    };
    if let Some(interface) = hop.interface.as_ref().filter(|_| !hop.recursive) {
        out.push_str(&format!(", {interface}"));
    }
    if !hop.active {
        out.push_str(" inactive");
    }
    if hop.onlink {
        out.push_str(" onlink");
    }
    if hop.recursive {
        out.push_str(" (recursive)");
    }
    if let Some(source) = hop.source {
        out.push_str(&format!(", src {source}"));
    }
    if hop.duplicate {
        out.push_str(" (dup)");
    }
    out
}

/// The detail of one prefix.
pub fn detail_text(routes: &[RouteView], out: &mut dyn Write) -> io::Result<()> {
    for route in routes {
        writeln!(out, "Routing entry for {}", route.prefix)?;
        let name = route.protocol.name();
        write!(out, "  Known via \"{name}\", distance {}, metric {}", route.distance, route.metric)?;
        if route.tag != 0 {
            write!(out, ", tag {}", route.tag)?;
        }
        writeln!(out, "{}", if route.selected { ", best" } else { "" })?;
        writeln!(out, "  Last update {} ago", uptime(route.uptime))?;
        let status = match route.state {
            RouteState::Installed => "Installed ",
            RouteState::Queued => "Queued ",
            RouteState::Failed => "Failed ",
            RouteState::None => "",
        };
        writeln!(out, "  Flags: {}", flag_words(route))?;
        writeln!(out, "  Status: {status}")?;
        for hop in &route.hops {
            detail_hop(hop, out)?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// Names of the flags in FRR's order.
fn flag_words(route: &RouteView) -> String {
    let names = [
        (RouteView::RECURSION, "Recursion "),
        (RouteView::IBGP, "iBGP "),
        (RouteView::SELECTED, "Selected "),
        (RouteView::OWN_DISTANCE, "RR Distance "),
    ];
    names.iter().filter(|(bit, _)| route.internal_flags & bit != 0).map(|(_, name)| *name).collect()
}

fn detail_hop(hop: &RouteHop, out: &mut dyn Write) -> io::Result<()> {
    let mark = if hop.fib && !hop.recursive { '*' } else { ' ' };
    let deeper = if hop.resolver { "  " } else { "" };
    let text = match (hop.gateway, hop.discard) {
        (Some(gateway), None) => format!("{gateway}"),
        (None, None) => "directly connected".to_owned(),
        _ => hop_text(hop).trim_start().to_owned(),
    };
    write!(out, "  {mark} {deeper}{text}")?;
    if hop.discard.is_none() {
        match hop.interface.as_ref().filter(|_| !hop.recursive) {
            Some(interface) if hop.gateway.is_some() => write!(out, ", via {interface}")?,
            Some(interface) => write!(out, ", {interface}")?,
            None => {}
        }
        if !hop.active {
            write!(out, " inactive")?;
        }
        if hop.recursive {
            write!(out, " (recursive)")?;
        }
        if let Some(source) = hop.source {
            write!(out, ", src {source}")?;
        }
        if hop.duplicate {
            write!(out, " (duplicate nexthop removed)")?;
        }
    }
    writeln!(out, ", weight {}", hop.weight)
}

/// The detail of one prefix as JSON: `{}` if there is none.
pub fn detail_json(routes: &[RouteView], out: &mut dyn Write) -> io::Result<()> {
    let mut all = Object::new();
    for route in routes {
        let key = route.prefix.to_string();
        let mut value = json(route);
        value.put("flags", route.internal_flags);
        value.put("status", route.internal_status);
        match all.get_mut(&key) {
            Some(Value::Array(list)) => list.push(Value::Object(value)),
            _ => all.put(&key, vec![Value::Object(value)]),
        }
    }
    pretty(&Value::Object(all), out)
}

fn json(route: &RouteView) -> Object {
    let mut o = Object::new();
    o.put("protocol", route.protocol.name());
    o.put_true("selected", route.selected);
    o.put_true("destSelected", route.selected);
    o.put("distance", route.distance);
    o.put("metric", route.metric);
    o.put_some("tag", Some(route.tag).filter(|t| *t != 0));
    o.put_true("installed", route.state == RouteState::Installed);
    o.put_true("queued", route.state == RouteState::Queued);
    o.put_true("failed", route.state == RouteState::Failed);
    o.put("nexthopGroupId", route.group_id);
    o.put("vrfId", 0);
    o.put("vrfName", "default");
    o.put("uptime", uptime(route.uptime));
    o.put("prefix", route.prefix.to_string());
    o.put("prefixLen", route.prefix.prefix_len());
    o.put("table", route.table);
    o.put("internalStatus", route.internal_status);
    o.put("internalFlags", route.internal_flags);
    o.put("internalNextHopNum", route.hops.len());
    o.put("internalNextHopActiveNum", route.hops.iter().filter(|h| h.active).count());
    o.put("internalNextHopFibInstalledNum", route.hops.iter().filter(|h| h.fib && !h.duplicate).count());
    o.put_some("installedNexthopGroupId", route.installed_group_id);
    o.put("receivedNexthopGroupId", route.group_id);
    o.put("nexthops", Value::Array(route.hops.iter().map(|h| Value::Object(hop_json(h, false))).collect()));
    o
}

/// Flag bits of a next hop as `zebra` numbers them.
fn hop_flags(hop: &RouteHop) -> u32 {
    let bits = [(hop.active, 1), (hop.fib, 2), (hop.recursive, 4), (hop.onlink, 8), (hop.duplicate, 16)];
    bits.iter().filter(|(on, _)| *on).map(|(_, bit)| bit).sum()
}

fn hop_json(hop: &RouteHop, vrf: bool) -> Object {
    let mut o = Object::new();
    o.put("flags", hop_flags(hop));
    o.put_true("duplicate", hop.duplicate);
    o.put_true("fib", hop.fib && !hop.recursive && !hop.duplicate);
    match (hop.gateway, hop.discard) {
        (_, Some(kind)) => {
            o.put("unreachable", true);
            let word = match kind {
                Discard::Blackhole => "blackhole",
                Discard::Reject => "reject",
                Discard::Prohibit => "adminProhibited",
            };
            o.put(word, true);
        }
        (Some(gateway), None) => {
            o.put("ip", gateway.to_string());
            o.put("afi", afi_of(gateway));
        }
        (None, None) => o.put("directlyConnected", true),
    }
    if !hop.recursive {
        o.put_some("interfaceIndex", hop.ifindex);
        o.put_some("interfaceName", hop.interface.clone());
    }
    if vrf && hop.discard.is_none() {
        o.put("vrf", "default");
    }
    o.put_true("resolver", hop.resolver);
    o.put_true("active", hop.active);
    o.put_true("recursive", hop.recursive);
    o.put_true("onLink", hop.onlink);
    o.put_some("source", hop.source.map(|s| s.to_string()));
    o.put("weight", hop.weight);
    o
}

/// `show ip route summary` as text.
pub fn summary_text(summary: &RouteSummary, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{:20} {:20} FIB  (vrf default)", "Route Source", "Routes")?;
    let (mut routes, mut fib) = (0, 0);
    for row in &summary.rows {
        writeln!(out, "{:20} {:<20} {:<20} ", row.source, row.routes, row.fib)?;
        routes += row.routes;
        fib += row.fib;
    }
    writeln!(out, "------\n{:20} {routes:<20} {fib:<20} \n", "Totals")
}

/// The same as JSON.
pub fn summary_json(summary: &RouteSummary, out: &mut dyn Write) -> io::Result<()> {
    let rows = summary.rows.iter().map(|row| {
        let mut o = Object::new();
        o.put("fib", row.fib);
        o.put("rib", row.routes);
        o.put("fibOffLoaded", 0);
        o.put("fibTrapped", 0);
        o.put("type", row.source);
        Value::Object(o)
    });
    let mut o = Object::new();
    o.put("routes", Value::Array(rows.collect()));
    o.put("routesTotal", summary.rows.iter().map(|r| r.routes).sum::<u64>());
    o.put("routesTotalFib", summary.rows.iter().map(|r| r.fib).sum::<u64>());
    pretty(&Value::Object(o), out)
}

/// `show ip nht` as text.
pub fn nht_text(views: &[NhtView], via_default: bool, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "VRF default:\n Resolve via default: {}", if via_default { "on" } else { "off" })?;
    for view in views {
        writeln!(out, "{}", view.address)?;
        match &view.resolved {
            Some((protocol, prefix)) => {
                writeln!(out, " resolved via {}, prefix {prefix}", protocol.name())?;
                for hop in &view.hops {
                    let vrf = if hop.interface.is_some() { " (vrf default)" } else { "" };
                    writeln!(out, "{}{vrf}, weight {}", hop_text(hop), hop.weight)?;
                }
            }
            None => writeln!(out, " unresolved")?,
        }
        write!(out, " Client list:")?;
        for client in &view.clients {
            let filtered = if client.filtered { "(filtered)" } else { "" };
            let connected = if client.connected { "(Connected)" } else { "" };
            let default = if client.resolve_via_default { "(ResolveViaDefault)" } else { "" };
            write!(out, " {}(fd 0){filtered}{connected}{default}", client.protocol)?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// The same as JSON.
pub fn nht_json(family: Family, views: &[NhtView], via_default: bool, out: &mut dyn Write) -> io::Result<()> {
    let mut table = Object::new();
    table.put("resolveViaDefault", via_default);
    for view in views {
        let mut resolution = Object::new();
        let clients = view.clients.iter().map(|client| {
            let mut o = Object::new();
            o.put("protocol", client.protocol);
            o.put("socket", 0);
            o.put("filtered", client.filtered);
            o.put("nhtConnected", client.connected);
            o.put("nhtResolveViaDefault", client.resolve_via_default);
            Value::Object(o)
        });
        resolution.put("clientList", Value::Array(clients.collect()));
        let hops = view.hops.iter().map(|h| Value::Object(hop_json(h, true)));
        resolution.put("nexthops", Value::Array(hops.collect()));
        match &view.resolved {
            Some((protocol, prefix)) => {
                resolution.put("resolvedProtocol", protocol.name());
                resolution.put("prefix", prefix.to_string());
            }
            None => resolution.put("unresolved", true),
        }
        let mut entry = Object::new();
        entry.put("resolutions", vec![Value::Object(resolution)]);
        table.put(&view.address.to_string(), entry);
    }
    let mut vrf = Object::new();
    vrf.put(super::format::family_word(family), table);
    let mut all = Object::new();
    all.put("default", vrf);
    pretty(&Value::Object(all), out)
}
