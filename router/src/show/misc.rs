//! Small commands.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::Value;

use super::format::{afi_name, age, date, family_name, memory};
use super::json::{Object, ObjectExt, pretty};
use super::views::{MemoryRow, NeighborView, UpdateGroupView, VersionView};
use crate::config::model::{Bgp, Config, LogTarget, PeerId, RemoteAs};
use bgp::types::Family;
use ipnet::IpNet;

/// The parts of FRR whose work this program does, as `show logging` and `show debugging` name them.
pub const PARTS: [(&str, &str, &str); 6] = [
    ("mgmtd", "MGMTD", "MGMT"),
    ("zebra", "ZEBRA", "Zebra"),
    ("bgpd", "BGP", "BGP"),
    ("staticd", "STATIC", "StaticD"),
    ("bfdd", "BFD", "BFD"),
    ("vrrpd", "VRRP", "VRRP"),
];

fn parts(part: Option<&str>) -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    PARTS.into_iter().filter(move |(daemon, ..)| part.is_none_or(|p| p == *daemon))
}

/// `show version`.
pub fn version(view: &VersionView, frr: &str, json: bool, out: &mut dyn Write) -> io::Result<()> {
    if json {
        let mut o = Object::new();
        o.put("hostName", view.hostname.clone());
        o.put("version", frr);
        o.put("name", "FRRouting");
        o.put("copyright", format!("router {}", view.version));
        o.put("gitInformation", "");
        return pretty(&Value::Object(o), out);
    }
    let (host, system, kernel) = (&view.hostname, &view.system, &view.kernel);
    writeln!(out, "FRRouting {frr} ({host}) on {system}({kernel}).")?;
    writeln!(out, "Spoken by router {}.", view.version)
}

/// `show logging`: a block for each part, or for one, of one configuration. FRR's shell writes the headings.
pub fn logging(config: &Config, part: Option<&str>, headings: bool, out: &mut dyn Write) -> io::Result<()> {
    let log = &config.logging;
    let level = |target: &LogTarget| target.level.map_or("debugging", |l| l.name());
    let switch = |target: &Option<LogTarget>| match target {
        Some(target) => format!("level {}", level(target)),
        None => "disabled".to_owned(),
    };
    for (daemon, protocol, _) in parts(part) {
        if headings {
            writeln!(out, "Logging configuration for {daemon}:")?;
        }
        writeln!(out, "Syslog logging: {}", switch(&log.syslog))?;
        writeln!(out, "Stdout logging: {}", switch(&log.stdout))?;
        match &log.file {
            Some((path, target)) => {
                writeln!(out, "File logging: level {}, filename {path}", level(target))?;
            }
            None => writeln!(out, "File logging: disabled")?,
        }
        writeln!(out, "Protocol name: {protocol}")?;
        writeln!(out, "Record priority: {}", if log.record_priority { "enabled" } else { "disabled" })?;
        writeln!(out, "Record severity: disabled")?;
        writeln!(out, "Timestamp precision: {}", log.timestamp_precision)?;
        if headings {
            writeln!(out)?;
        }
    }
    Ok(())
}

/// `show debugging`: a block for each part, or for one. FRR's shell puts blank lines between.
pub fn debugging(
    config: &Config,
    now: &[String],
    part: Option<&str>,
    apart: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let kept = config.kept.of(crate::config::grammar::DEBUG).filter_map(|l| l.text.strip_prefix("debug "));
    let all: Vec<&str> = kept.chain(now.iter().map(String::as_str)).collect();
    for (daemon, protocol, title) in parts(part) {
        writeln!(out, "{title} debugging status:")?;
        let own = [daemon.trim_end_matches('d'), protocol, daemon];
        for what in &all {
            let (first, rest) = what.split_once(' ').unwrap_or((what, ""));
            if own.iter().any(|o| o.eq_ignore_ascii_case(first)) {
                writeln!(out, "  {protocol} {rest} debugging is on")?;
            }
        }
        if apart {
            writeln!(out)?;
        }
    }
    Ok(())
}

/// A peer-group with its members, for both forms.
struct GroupFacts<'a> {
    remote_as: u32,
    kind: Option<&'static str>,
    families: Vec<&'static str>,
    ranges: Vec<IpNet>,
    members: Vec<&'a NeighborView>,
}

fn group_facts<'a>(bgp: &Bgp, name: &str, neighbors: &'a [NeighborView]) -> Option<GroupFacts<'a>> {
    let group = bgp.peer_groups.get(name)?;
    let (remote_as, kind) = match group.options.remote_as {
        None => (0, None),
        Some(RemoteAs::Internal) => (0, Some("internal")),
        Some(RemoteAs::External) => (0, Some("external")),
        Some(RemoteAs::Auto) => (0, Some("auto")),
        Some(RemoteAs::Number(asn)) => (asn.0, Some(if asn == bgp.asn { "internal" } else { "external" })),
    };
    let settings = bgp.effective_dynamic(name);
    let active = |family: Family| match &settings {
        Some(settings) => settings.family(family).activate,
        None => group.family(family).activate.unwrap_or(family == Family::Ipv4Unicast),
    };
    Some(GroupFacts {
        remote_as,
        kind,
        families: Family::ALL.into_iter().filter(|f| active(*f)).map(family_name).collect(),
        ranges: bgp.listen_ranges.iter().filter(|r| r.peer_group == name).map(|r| r.prefix).collect(),
        members: neighbors.iter().filter(|n| n.peer_group.as_deref() == Some(name)).collect(),
    })
}

fn state(view: &NeighborView) -> &'static str {
    if view.admin_shutdown { "Idle (Admin)" } else { view.state.name() }
}

/// `show bgp peer-group`.
pub fn peer_groups(
    bgp: &Bgp,
    name: Option<&str>,
    neighbors: &[NeighborView],
    out: &mut dyn Write,
) -> io::Result<()> {
    for group in bgp.peer_groups.keys().filter(|g| name.is_none_or(|n| n == g.as_str())) {
        let Some(facts) = group_facts(bgp, group, neighbors) else { continue };
        writeln!(out, "\nBGP peer-group {group}, remote AS {}", facts.remote_as)?;
        if let Some(kind) = facts.kind {
            writeln!(out, "  Peer-group type is {kind}")?;
        }
        write!(out, "  Configured address-families:")?;
        for family in &facts.families {
            write!(out, " {family};")?;
        }
        writeln!(out)?;
        for v4 in [true, false] {
            let ranges: Vec<&IpNet> =
                facts.ranges.iter().filter(|r| matches!(r, IpNet::V4(_)) == v4).collect();
            if !ranges.is_empty() {
                writeln!(out, "  {} {} listen range(s)", ranges.len(), if v4 { "IPv4" } else { "IPv6" })?;
                ranges.iter().try_for_each(|r| writeln!(out, "    {r}"))?;
            }
        }
        if !facts.members.is_empty() {
            writeln!(out, "  Peer-group members:")?;
            for member in &facts.members {
                let dynamic = if member.listen_range.is_some() { "(dynamic)" } else { "" };
                writeln!(out, "    {}{dynamic}  {} ", member.id, state(member))?;
            }
        }
    }
    Ok(())
}

/// `show bgp peer-group json`.
pub fn peer_groups_json(
    bgp: &Bgp,
    name: Option<&str>,
    neighbors: &[NeighborView],
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut all = Object::new();
    for group in bgp.peer_groups.keys().filter(|g| name.is_none_or(|n| n == g.as_str())) {
        let Some(facts) = group_facts(bgp, group, neighbors) else { continue };
        let mut o = Object::new();
        o.put("remoteAs", facts.remote_as);
        o.put_some("type", facts.kind);
        o.put("addressFamiliesConfigured", facts.families);
        let mut ranges = Object::new();
        for (key, v4) in [("IPv4", true), ("IPv6", false)] {
            let own = facts.ranges.iter().filter(|r| matches!(r, IpNet::V4(_)) == v4);
            let own: Vec<String> = own.map(ToString::to_string).collect();
            if !own.is_empty() {
                let mut range = Object::new();
                range.put("count", own.len());
                range.put("ranges", own);
                ranges.put(key, range);
            }
        }
        if !ranges.is_empty() {
            o.put("dynamicRanges", ranges);
        }
        if !facts.members.is_empty() {
            o.put("memberCount", facts.members.len());
            let mut members = Object::new();
            for member in facts.members {
                let mut m = Object::new();
                m.put("status", state(member));
                m.put_true("dynamic", member.listen_range.is_some());
                members.put(&member.id.to_string(), m);
            }
            o.put("members", members);
        }
        all.put(group, o);
    }
    pretty(&Value::Object(all), out)
}

/// `show bgp update-groups`.
pub fn update_groups(views: &[UpdateGroupView], out: &mut dyn Write) -> io::Result<()> {
    for v in views {
        let (id, created) = (v.id, date(v.created_epoch));
        writeln!(out, "Update-group {id}:\n  Created: {created}")?;
        if let Some(map) = &v.route_map_out {
            writeln!(out, "  Outgoing route map: {map}")?;
        }
        writeln!(out, "  MRAI value (seconds): {}\n", v.advertisement_interval)?;
        writeln!(out, "  Update-subgroup {id}:\n    Created: {created}")?;
        writeln!(out, "    Join events: {}\n    Prune events: {}", v.joins, v.prunes)?;
        writeln!(out, "    Version: {}\n    Packet queue length: {}", v.version, v.queue)?;
        writeln!(out, "    Total packets enqueued: {}", v.queued_total)?;
        writeln!(out, "    Packet queue high watermark: {}", v.queue_high)?;
        writeln!(out, "    Adj-out list count: {}", v.adj_out)?;
        let pending = if v.queue == 0 { "empty" } else { "not empty" };
        writeln!(out, "    Advertise list: {pending}\n    Flags: \n    Max packet size: {}", v.max_packet)?;
        writeln!(out, "    Peers:")?;
        v.peers.iter().try_for_each(|p| writeln!(out, "      - {p}"))?;
    }
    Ok(())
}

/// The protocols of FRR that a route-map may stand behind, in its order.
const PROTOCOLS: [&str; 32] = [
    "system",
    "kernel",
    "connected",
    "local",
    "static",
    "rip",
    "ripng",
    "ospf",
    "ospf6",
    "isis",
    "bgp",
    "pim",
    "eigrp",
    "nhrp",
    "hsls",
    "olsr",
    "table",
    "ldp",
    "vnc",
    "vnc-direct",
    "vnc-rn",
    "bgp-direct",
    "bgp-direct-to-nve-groups",
    "babel",
    "sharp",
    "pbr",
    "bfd",
    "openfabric",
    "vrrp",
    "zebra",
    "srte",
    "table-direct",
];

/// `show ip protocol`.
pub fn install_maps(
    maps: &BTreeMap<(Family, String), String>,
    family: Family,
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(out, "VRF: default\n{:26}: route-map\n-------------------------------------", "Protocol")?;
    for protocol in PROTOCOLS.into_iter().chain(["any"]) {
        let map = maps.get(&(family, protocol.to_owned()));
        match map {
            Some(map) => writeln!(out, "{protocol:26}: {map:10}")?,
            None => writeln!(out, "{protocol:26}: none")?,
        }
    }
    Ok(())
}

/// `show bgp update-groups json`.
pub fn update_groups_json(views: &[UpdateGroupView], out: &mut dyn Write) -> io::Result<()> {
    let mut groups = Object::new();
    for v in views {
        let created = || {
            let mut o = Object::new();
            o.put("epoch", v.created_epoch);
            o.put("epochString", date(v.created_epoch));
            o
        };
        let mut statistics = Object::new();
        statistics.put("joinEvents", v.joins);
        statistics.put("pruneEvents", v.prunes);
        for key in ["mergeEvents", "splitEvents", "switchEvents", "peerRefreshEvents", "mergeCheckEvents"] {
            statistics.put(key, 0);
        }
        let mut queue = Object::new();
        queue.put("qeueueLen", v.queue);
        queue.put("queuedTotal", v.queued_total);
        queue.put("queueHwmLen", v.queue_high);
        queue.put("totalEnqueued", v.queued_total);
        let mut sub = Object::new();
        sub.put("subGroupId", v.id);
        sub.put("groupCreateTime", created());
        sub.put("subGrpCreateTimeStr", age(v.age));
        sub.put("statistics", statistics);
        sub.put("coalesceTime", v.coalesce_ms);
        sub.put("version", v.version);
        sub.put("packetQueueInfo", queue);
        sub.put("adjListCount", v.adj_out);
        sub.put("needsRefresh", false);
        sub.put("peers", v.peers.iter().map(PeerId::to_string).collect::<Vec<_>>());
        let mut o = Object::new();
        o.put("groupCreateTime", created());
        o.put("afi", afi_name(v.family));
        o.put("safi", "unicast");
        o.put("grpCreateTimeStr", age(v.age));
        o.put_some("outRouteMap", v.route_map_out.clone());
        o.put("minRouteAdvInt", v.advertisement_interval);
        o.put("subGroup", vec![Value::Object(sub)]);
        groups.put(&v.id.to_string(), o);
    }
    let mut all = Object::new();
    all.put("default", groups);
    pretty(&Value::Object(all), out)
}

/// `show bgp memory`.
pub fn memory_rows(rows: &[MemoryRow], out: &mut dyn Write) -> io::Result<()> {
    rows.iter().try_for_each(|r| writeln!(out, "{} {}, using {} of memory", r.count, r.what, memory(r.bytes)))
}
