//! `show bgp PREFIX why`.

use std::io::{self, Write};

use rib::best::{Measure, Step};
use rib::policy::trace::Trace;
use rib::why::{Hindrance, Kept, Kernel, Obstacle, Standing};
use serde_json::Value;

use super::json::{Object, ObjectExt, pretty};
use super::path::peer_address;
use super::views::{
    KernelRouteView, KernelView, NeighborWhyView, NotToldView, PathOrigin, PathView, PathWhyView, ToldView,
    WayView, WhyView,
};
use super::{events, trace};

/// From whom a path is.
fn source(path: &PathView) -> String {
    match (&path.peer, path.origin_kind) {
        (Some(peer), _) => peer.id.to_string(),
        (None, PathOrigin::Network) => "our own network".to_owned(),
        (None, PathOrigin::Aggregate) => "our own aggregate".to_owned(),
        (None, _) => "redistributed".to_owned(),
    }
}

const fn obstacle_text(obstacle: Obstacle) -> &'static str {
    match obstacle {
        Obstacle::Filtered => "refused by import policy, and kept",
        Obstacle::Stale => "its session ended",
        Obstacle::Unreachable => "next hop unreachable",
        Obstacle::NotConnected => {
            "next hop is not on a network of ours (ebgp-multihop or disable-connected-check would do without)"
        }
        Obstacle::Damped => "suppressed due to dampening",
        Obstacle::Withdrawn => "withdrawn, only its flaps are remembered",
    }
}

const fn obstacle_key(obstacle: Obstacle) -> &'static str {
    match obstacle {
        Obstacle::Filtered => "filtered",
        Obstacle::Stale => "stale",
        Obstacle::Unreachable => "nextHopUnreachable",
        Obstacle::NotConnected => "nextHopNotConnected",
        Obstacle::Damped => "damped",
        Obstacle::Withdrawn => "withdrawn",
    }
}

/// What keeps a path from a neighbour, in words.
const fn hindrance_text(hindrance: Hindrance) -> &'static str {
    match hindrance {
        Hindrance::Source => "the path is its own (split horizon)",
        Hindrance::Kept(Kept::Site) => "the path is of its own site (soo)",
        Hindrance::Kept(Kept::NoAdvertise) => "community no-advertise",
        Hindrance::Kept(Kept::NoExport) => "community no-export",
        Hindrance::Kept(Kept::LocalAs) => "community local-AS",
        Hindrance::Kept(Kept::OnlyToCustomer) => "Only to Customer, and it is none (local-role)",
        Hindrance::Kept(Kept::NotReflected) => {
            "from an internal neighbor to another, of which neither is a route-reflector-client"
        }
        Hindrance::Kept(Kept::BetweenClients) => "from client to client (no bgp client-to-client reflection)",
        Hindrance::Suppressed => "an aggregate suppresses it, and there is no unsuppress-map",
        Hindrance::OnCondition => "advertise-map: the condition does not hold",
        Hindrance::Denied => "denied by policy",
        Hindrance::Unsayable => "no next hop that it could be told with, or too long for a message",
        Hindrance::AwaitsKernel => "the kernel does not have it yet (bgp suppress-fib-pending)",
        Hindrance::Limit => "it has as many routes as it may have (maximum-prefix-out)",
        Hindrance::NotChosen => "not among the paths that addpath-tx asks for",
    }
}

/// The same for programs.
const fn hindrance_key(hindrance: Hindrance) -> &'static str {
    match hindrance {
        Hindrance::Source => "splitHorizon",
        Hindrance::Kept(Kept::Site) => "siteOfOrigin",
        Hindrance::Kept(Kept::NoAdvertise) => "noAdvertise",
        Hindrance::Kept(Kept::NoExport) => "noExport",
        Hindrance::Kept(Kept::LocalAs) => "localAs",
        Hindrance::Kept(Kept::OnlyToCustomer) => "onlyToCustomer",
        Hindrance::Kept(Kept::NotReflected) => "notReflected",
        Hindrance::Kept(Kept::BetweenClients) => "betweenClients",
        Hindrance::Suppressed => "aggregateSuppressed",
        Hindrance::OnCondition => "condition",
        Hindrance::Denied => "denied",
        Hindrance::Unsayable => "noNextHop",
        Hindrance::AwaitsKernel => "awaitsKernel",
        Hindrance::Limit => "maximumPrefixOut",
        Hindrance::NotChosen => "notChosen",
    }
}

fn measure(measure: Measure) -> String {
    match measure {
        Measure::Number(n) => n.to_string(),
        Measure::Missing => "none".to_owned(),
        Measure::Own(own) => if own { "own" } else { "received" }.to_owned(),
        Measure::Origin(bgp::attrs::Origin::Igp) => "IGP".to_owned(),
        Measure::Origin(bgp::attrs::Origin::Egp) => "EGP".to_owned(),
        Measure::Origin(bgp::attrs::Origin::Incomplete) => "incomplete".to_owned(),
        Measure::External(external) => if external { "external" } else { "internal" }.to_owned(),
        Measure::Since(seconds) => format!("{seconds} s old"),
        Measure::Id(id) => id.to_string(),
        Measure::Neighbor(address) => address.map_or_else(|| "none".to_owned(), |a| a.to_string()),
    }
}

fn steps_text(steps: &[Step], out: &mut dyn Write) -> io::Result<()> {
    for step in steps {
        let (winner, loser) = (measure(step.winner), measure(step.loser));
        let name = step.reason.text();
        match step.decided {
            true => writeln!(out, "    {name}: {winner} is better than {loser}")?,
            false => writeln!(out, "    {name}: {winner}, equal")?,
        }
    }
    Ok(())
}

fn way_text(path: &PathView, way: &WayView, out: &mut dyn Write) -> io::Result<()> {
    if way.ours {
        return Ok(());
    }
    write!(out, "  Next hop {}: ", path.nexthop.address)?;
    match (way.usable, way.discard, way.via) {
        (false, ..) => return writeln!(out, "no route to it"),
        (true, true, via) => {
            let via = via.map(|v| v.to_string()).unwrap_or_default();
            return writeln!(out, "discarded by {via}");
        }
        (true, false, Some(via)) => {
            write!(out, "by {} route {via}", way.protocol.unwrap_or("unknown"))?;
        }
        (true, false, None) => write!(out, "{}", if way.connected { "connected" } else { "reachable" })?,
    }
    for (gateway, interface) in &way.hops {
        match gateway {
            Some(gateway) => write!(out, ", via {gateway}, {interface}")?,
            None => write!(out, ", {interface}")?,
        }
    }
    writeln!(out)
}

fn path_text(at: usize, path: &PathView, why: &PathWhyView, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "Path #{} from {}", at + 1, source(path))?;
    if path.path_id != 0 {
        write!(out, " (path identifier {})", path.path_id)?;
    }
    match &why.standing {
        Standing::Best => writeln!(out, ": best")?,
        Standing::Lost { to, steps } => {
            let by = steps.iter().find(|s| s.decided).map_or("", |s| s.reason.text());
            let shares = if path.multipath { ", but shares the load (multipath)" } else { "" };
            writeln!(out, ": lost to path #{} by {by}{shares}", to + 1)?;
        }
        Standing::Out(obstacle) => writeln!(out, ": not used: {}", obstacle_text(*obstacle))?,
    }
    trace::path_text(path, 2, out)?;
    if let Standing::Lost { to, steps } = &why.standing {
        writeln!(out, "  Decision, path #{} against this one:", to + 1)?;
        steps_text(steps, out)?;
    }
    way_text(path, &why.way, out)?;
    if let Some(state) = path.rpki {
        writeln!(out, "  Origin validation: {}", super::rpki::state_name(state))?;
    }
    if let Some(reuse) = path.flaps.as_ref().and_then(|f| f.reuse) {
        writeln!(out, "  Reused in {reuse} s")?;
    }
    if let Some(received) = &why.received {
        writeln!(out, "  As it was received:")?;
        trace::path_text(received, 4, out)?;
    }
    if let Some(import) = &why.import {
        policy_text("Policy in", import, 2, out)?;
    }
    Ok(())
}

fn policy_text(title: &str, policy: &Trace, indent: usize, out: &mut dyn Write) -> io::Result<()> {
    if policy.met.is_empty() && policy.passed == 0 {
        return Ok(());
    }
    writeln!(out, "{:indent$}{title}:", "")?;
    trace::text(policy, indent + 2, out)
}

fn told_text(told: &ToldView, paths: usize, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "    told ")?;
    match told.path {
        Some(path) if path < paths => write!(out, "path #{}", path + 1)?,
        Some(_) | None => write!(out, "a default route (default-originate)")?,
    }
    if told.path_id != 0 {
        write!(out, " as path identifier {}", told.path_id)?;
    }
    writeln!(out, ":")?;
    if let Some(words) = &told.words {
        trace::path_text(words, 6, out)?;
    }
    match &told.export {
        Some(export) => policy_text("Policy out", export, 6, out),
        None => Ok(()),
    }
}

fn not_told_text(not: &NotToldView, out: &mut dyn Write) -> io::Result<()> {
    let why = not.why.map_or("about to be told", hindrance_text);
    writeln!(out, "    not told path #{}: {why}", not.path + 1)?;
    match &not.export {
        Some(export) => policy_text("Policy out", export, 6, out),
        None => Ok(()),
    }
}

/// Why the table has no path of a neighbour, in lines.
fn absent(view: &NeighborWhyView) -> Vec<String> {
    let mut lines = Vec::new();
    if view.has_path || !view.session {
        return lines;
    }
    if let Some((why, epoch)) = &view.refusal {
        lines.push(format!(
            "it announced the prefix, which was refused: {why}, {}",
            super::format::date(*epoch)
        ));
    }
    if let Some(met) = &view.would_refuse {
        let attributes = "whatever the attributes are";
        lines.push(format!("import policy refuses the prefix, {attributes}: {}", trace::met_text(met)));
    }
    if !view.kept && view.refused > 0 {
        let refused = view.refused;
        lines.push(format!(
            "import policy refused {refused} of its routes, which are not kept: if this is one of them, \
             soft-reconfiguration inbound would show it"
        ));
    }
    if lines.is_empty() {
        lines.push(
            "the table has no path of it, and its session remembers no refusal of it (the last 256 are)"
                .to_owned(),
        );
    }
    lines
}

fn neighbor_text(view: &NeighborWhyView, paths: usize, out: &mut dyn Write) -> io::Result<()> {
    match (view.up, view.session) {
        (false, _) => return writeln!(out, "  {}: no session ({})", view.id, view.state),
        (true, false) => return writeln!(out, "  {}: the session does not carry the family", view.id),
        (true, true) => writeln!(out, "  {}:", view.id)?,
    }
    for line in absent(view) {
        writeln!(out, "    {line}")?;
    }
    if view.held {
        writeln!(out, "    nobody is told anything yet (update-delay, advertisement-delay)")?;
    }
    if view.pending {
        writeln!(out, "    about to be told something else")?;
    }
    view.told.iter().try_for_each(|told| told_text(told, paths, out))?;
    view.not_told.iter().try_for_each(|not| not_told_text(not, out))?;
    if view.told.is_empty() && view.not_told.is_empty() {
        writeln!(out, "    told nothing: there is no best path")?;
    }
    Ok(())
}

/// The table's word on the kernel's route.
fn verdict_text(kernel: &KernelView) -> String {
    match &kernel.verdict {
        Kernel::NoBest => "nothing of BGP: no path is the best".to_owned(),
        Kernel::Off => "nothing of BGP: bgp no-rib".to_owned(),
        Kernel::Ours => "nothing of BGP: the best path is our own, others have the route to it".to_owned(),
        Kernel::Denied => "nothing of BGP: denied by policy".to_owned(),
        Kernel::Beaten { distance, ours, .. } => {
            let by = kernel.by.unwrap_or("better");
            format!("nothing of BGP: a {by} route has distance {distance}, BGP's has {ours}")
        }
        Kernel::Discard => "BGP's route, which discards".to_owned(),
        Kernel::Told(_) => "BGP's route".to_owned(),
    }
}

const fn verdict_key(kernel: &Kernel) -> &'static str {
    match kernel {
        Kernel::NoBest => "noBest",
        Kernel::Off => "noRib",
        Kernel::Ours => "ownRoute",
        Kernel::Denied => "denied",
        Kernel::Beaten { .. } => "distance",
        Kernel::Discard => "discard",
        Kernel::Told(_) => "wanted",
    }
}

fn route_text(route: &KernelRouteView, out: &mut dyn Write) -> io::Result<()> {
    let KernelRouteView { protocol, installed, error, no_way, object, members } = route;
    match (installed, error) {
        (true, _) => write!(out, "  {protocol}: installed")?,
        (false, Some((errno, text))) => {
            write!(out, "  {protocol}: refused by the kernel, errno {errno} ({text}), tried again")?;
        }
        (false, None) if *no_way => write!(out, "  {protocol}: waits, none of its ways out can be used")?,
        (false, None) => write!(out, "  {protocol}: on its way")?,
    }
    if let Some(object) = object {
        write!(out, ", nexthop group {object}")?;
    }
    writeln!(out)?;
    for member in members {
        write!(out, "    nexthop {}", member.id)?;
        if let Some(gateway) = member.gateway {
            write!(out, " via {gateway}")?;
        }
        writeln!(out, ", {}, weight {}", member.interface, member.weight.max(1))?;
    }
    Ok(())
}

fn kernel_text(kernel: &KernelView, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "Kernel: {}", verdict_text(kernel))?;
    for (name, policy) in &kernel.install {
        policy_text(&format!("Policy {name} to the kernel"), policy, 2, out)?;
    }
    if let Some((protocol, distance)) = kernel.selected {
        writeln!(out, "  In use: {protocol}, distance {distance}")?;
    }
    if kernel.waits {
        writeln!(out, "  Neighbors wait for the kernel's word (bgp suppress-fib-pending)")?;
    }
    kernel.route.iter().try_for_each(|route| route_text(route, out))
}

/// As text.
pub fn text(view: &WhyView, out: &mut dyn Write) -> io::Result<()> {
    let prefix = &view.prefix;
    match prefix.paths.is_empty() {
        true => writeln!(out, "BGP routing table entry for {}: there is none", prefix.prefix)?,
        false => super::path::entry_line(prefix, out)?,
    }
    for (at, (path, why)) in prefix.paths.iter().zip(&view.paths).enumerate() {
        path_text(at, path, why, out)?;
    }
    writeln!(out, "Neighbors:")?;
    view.neighbors.iter().try_for_each(|n| neighbor_text(n, prefix.paths.len(), out))?;
    kernel_text(&view.kernel, out)?;
    if !view.changes.is_empty() {
        writeln!(out, "Last changes of the best path:")?;
    }
    view.changes.iter().try_for_each(|event| events::line(event, 2, out))
}

fn steps_value(steps: &[Step]) -> Value {
    let value = |step: &Step| {
        let mut o = Object::new();
        o.put("step", step.reason.text());
        o.put("winner", measure(step.winner));
        o.put("this", measure(step.loser));
        o.put("decided", step.decided);
        Value::Object(o)
    };
    Value::Array(steps.iter().map(value).collect())
}

fn way_value(way: &WayView) -> Object {
    let mut o = Object::new();
    o.put("accessible", way.usable);
    o.put_true("connected", way.connected);
    o.put_true("discard", way.discard);
    o.put_some("via", way.via.map(|v| v.to_string()));
    o.put_some("protocol", way.protocol);
    let hops = way.hops.iter().map(|(gateway, interface)| {
        let mut o = Object::new();
        o.put_some("ip", gateway.map(|g| g.to_string()));
        o.put("interfaceName", interface.as_str());
        Value::Object(o)
    });
    o.put("hops", Value::Array(hops.collect()));
    o
}

fn path_value(path: &PathView, why: &PathWhyView) -> Value {
    let mut o = Object::new();
    o.put("from", source(path));
    o.put_some("peer", peer_address(path).map(|a| a.to_string()));
    o.put_some("pathId", Some(path.path_id).filter(|id| *id != 0));
    match &why.standing {
        Standing::Best => o.put("standing", "best"),
        Standing::Lost { to, steps } => {
            o.put("standing", "lost");
            o.put("lostTo", to + 1);
            o.put_some("reason", steps.iter().find(|s| s.decided).map(|s| s.reason.text()));
            o.put("steps", steps_value(steps));
        }
        Standing::Out(obstacle) => {
            o.put("standing", "unused");
            o.put("reason", obstacle_key(*obstacle));
            o.put("reasonText", obstacle_text(*obstacle));
        }
    }
    o.put_true("multipath", path.multipath);
    o.put("attributes", trace::path_value(path));
    o.put("nextHop", way_value(&why.way));
    o.put_some("rpkiValidationState", path.rpki.map(super::rpki::state_name));
    o.put_some("received", why.received.as_ref().map(trace::path_value));
    o.put_some("policyIn", why.import.as_ref().map(trace::value));
    Value::Object(o)
}

fn told_value(told: &ToldView) -> Value {
    let mut o = Object::new();
    o.put_some("path", told.path.map(|p| p + 1));
    o.put_some("pathId", Some(told.path_id).filter(|id| *id != 0));
    o.put_some("attributes", told.words.as_ref().map(trace::path_value));
    o.put_some("policyOut", told.export.as_ref().map(trace::value));
    Value::Object(o)
}

fn not_told_value(not: &NotToldView) -> Value {
    let mut o = Object::new();
    o.put("path", not.path + 1);
    o.put("reason", not.why.map_or("pending", hindrance_key));
    o.put("reasonText", not.why.map_or("about to be told", hindrance_text));
    o.put_some("policyOut", not.export.as_ref().map(trace::value));
    Value::Object(o)
}

fn neighbor_value(view: &NeighborWhyView) -> Value {
    let mut o = Object::new();
    o.put("neighbor", view.id.to_string());
    o.put("state", view.state);
    o.put("session", view.session);
    o.put("hasPath", view.has_path);
    let absent = absent(view);
    if !absent.is_empty() {
        o.put("absent", absent);
    }
    if let Some((why, epoch)) = view.refusal.as_ref().filter(|_| !view.has_path) {
        o.put("refused", why.as_str());
        o.put("refusedEpoch", *epoch);
    }
    o.put_some("wouldRefuse", view.would_refuse.as_ref().map(trace::met_value));
    o.put_true("held", view.held);
    o.put_true("pending", view.pending);
    o.put("told", Value::Array(view.told.iter().map(told_value).collect()));
    o.put("notTold", Value::Array(view.not_told.iter().map(not_told_value).collect()));
    Value::Object(o)
}

fn kernel_value(kernel: &KernelView) -> Object {
    let mut o = Object::new();
    o.put("verdict", verdict_key(&kernel.verdict));
    o.put("verdictText", verdict_text(kernel));
    if let Kernel::Beaten { distance, ours, .. } = kernel.verdict {
        o.put_some("protocol", kernel.by);
        o.put("distance", distance);
        o.put("bgpDistance", ours);
    }
    if !kernel.install.is_empty() {
        let mut policy = Object::new();
        kernel.install.iter().for_each(|(name, trace)| policy.put(name, trace::value(trace)));
        o.put("policy", policy);
    }
    if let Some((protocol, distance)) = kernel.selected {
        let mut selected = Object::new();
        selected.put("protocol", protocol);
        selected.put("distance", distance);
        o.put("selected", selected);
    }
    o.put_true("waits", kernel.waits);
    let Some(route) = &kernel.route else { return o };
    let mut r = Object::new();
    r.put("protocol", route.protocol);
    r.put("installed", route.installed);
    if let Some((errno, text)) = &route.error {
        r.put("errno", *errno);
        r.put("error", text.as_str());
    }
    r.put_true("noWay", route.no_way);
    r.put_some("nexthopGroupId", route.object);
    let members = route.members.iter().map(|member| {
        let mut m = Object::new();
        m.put("id", member.id);
        m.put_some("ip", member.gateway.map(|g| g.to_string()));
        m.put("interfaceName", member.interface.as_str());
        m.put("weight", member.weight.max(1));
        Value::Object(m)
    });
    r.put("nexthops", Value::Array(members.collect()));
    o.put("route", r);
    o
}

/// As JSON.
pub fn json(view: &WhyView, out: &mut dyn Write) -> io::Result<()> {
    let mut o = Object::new();
    o.put("prefix", view.prefix.prefix.to_string());
    o.put("version", view.prefix.version);
    let paths = view.prefix.paths.iter().zip(&view.paths).map(|(path, why)| path_value(path, why));
    o.put("paths", Value::Array(paths.collect()));
    o.put("neighbors", Value::Array(view.neighbors.iter().map(neighbor_value).collect()));
    o.put("kernel", kernel_value(&view.kernel));
    o.put("changes", Value::Array(view.changes.iter().map(events::value).collect()));
    pretty(&Value::Object(o), out)
}
