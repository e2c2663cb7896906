//! Everything about the paths of one prefix.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv6Addr};

use bgp::attrs::text::{Community, CommunityJson, ExtCommunity, LargeCommunity};
use bgp::attrs::{Ipv6ExtText, Origin};
use serde_json::Value;

use super::dampening;
use super::format::{afi_of, age, date};
use super::json::{Object, ObjectExt};
use super::rpki;
use super::views::{
    AddPathIds, AdvertisedTo, NexthopView, PathOrigin, PathView, PrefixView, SegmentKind, TableHeader,
};
use crate::config::model::PeerId;

/// The well-known communities that keep a route from being announced, as the heading names them.
const NOT_ADVERTISED: [(u32, &str); 4] = [
    (0xffff_ff02, "not advertised to any peer"),
    (0xffff_ff01, "not advertised to EBGP peer"),
    (0xffff_ff03, "not advertised outside local AS"),
    (0xffff_029a, "inform peer to blackhole prefix"),
];

/// `i`, `e` or `?`.
pub const fn origin_letter(path: &PathView) -> char {
    match path.origin {
        Origin::Igp => 'i',
        Origin::Egp => 'e',
        Origin::Incomplete => '?',
    }
}

/// ORIGIN in a word.
pub const fn origin_word(path: &PathView) -> &'static str {
    match path.origin {
        Origin::Igp => "IGP",
        Origin::Egp => "EGP",
        Origin::Incomplete => "incomplete",
    }
}

/// The address of the neighbour that sent a path.
pub fn peer_address(path: &PathView) -> Option<IpAddr> {
    let peer = path.peer.as_ref()?;
    match (&peer.id, peer.address) {
        (PeerId::Address(address), _) => Some(*address),
        (PeerId::Interface(_), address) => address,
    }
}

/// `BGP routing table entry for ...`
pub fn entry_line(prefix: &PrefixView, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "BGP routing table entry for {}, version {}", prefix.prefix, prefix.version)
}

/// `Paths: (2 available, best #1, table default)`
pub fn paths_line(prefix: &PrefixView, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "Paths: ({} available", prefix.paths.len())?;
    let best = prefix.paths.iter().position(|p| p.best);
    match best {
        Some(best) => write!(out, ", best #{}, table default", best + 1)?,
        None => write!(out, ", no best path")?,
    }
    if let Some(path) = best.and_then(|i| prefix.paths.get(i)) {
        for (community, words) in NOT_ADVERTISED {
            if path.communities.contains(&community) {
                write!(out, ", {words}")?;
            }
        }
        if path.suppressed {
            write!(out, ", Advertisements suppressed by an aggregate.")?;
        }
    }
    writeln!(out, ")")
}

/// Which paths of a prefix are wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Which {
    /// All.
    #[default]
    All,
    /// `bestpath`
    Best,
    /// `multipath`
    Multipath,
}

impl Which {
    fn wants(self, path: &PathView) -> bool {
        match self {
            Which::All => true,
            Which::Best => path.best,
            Which::Multipath => path.best || path.multipath,
        }
    }
}

/// A prefix as text.
pub fn prefix_text(
    header: &TableHeader,
    prefix: &PrefixView,
    which: Which,
    out: &mut dyn Write,
) -> io::Result<()> {
    entry_line(prefix, out)?;
    paths_line(prefix, out)?;
    match prefix.advertised_to.as_deref() {
        Some([]) => writeln!(out, "  Not advertised to any peer")?,
        Some(peers) => writeln!(out, "  Advertised to peers:\n  {}", names(peers))?,
        None => {}
    }
    for path in prefix.paths.iter().filter(|p| which.wants(p)) {
        text(header, path, out)?;
    }
    Ok(())
}

fn names(peers: &[AdvertisedTo]) -> String {
    let names: Vec<String> = peers.iter().map(|p| p.id.to_string()).collect();
    names.join(" ")
}

/// A path as text.
pub fn text(header: &TableHeader, path: &PathView, out: &mut dyn Write) -> io::Result<()> {
    let as_path = path.as_path_text();
    write!(out, "  {}", if as_path.is_empty() { "Local" } else { as_path.as_str() })?;
    if path.removed {
        write!(out, ", (removed)")?;
    }
    if path.stale {
        write!(out, ", (stale)")?;
    }
    if let Some((asn, id)) = path.aggregator {
        write!(out, ", (aggregated by {asn} {id})")?;
    }
    if path.suppressed {
        write!(out, ", (suppressed)")?;
    }
    match () {
        () if path.history => write!(out, ", (history entry)")?,
        () if path.damped => write!(out, ", (suppressed due to dampening)")?,
        () => {}
    }
    writeln!(out)?;
    from_line(header, path, out)?;
    attributes_line(path, out)?;
    communities_text(path, out)?;
    if let Some(ids) = add_path_ids(path) {
        let rx = path.path_id;
        let (all, best_as, selected) = (ids.all, ids.best_per_as, ids.best_selected);
        writeln!(
            out,
            "      AddPath ID: RX {rx}, TX-All {all} TX-Best-Per-AS {best_as} TX-Best-Selected {selected}"
        )?;
    }
    if !path.advertised_to.is_empty() {
        writeln!(out, "      Advertised to: {}", names(&path.advertised_to))?;
    }
    if let Some(flaps) = &path.flaps {
        dampening::info_text(flaps, out)?;
    }
    writeln!(out, "      Last update: {}", date(path.updated_epoch))
}

/// The identifiers of ADD-PATH that are shown: none where nobody tells several paths.
fn add_path_ids(path: &PathView) -> Option<AddPathIds> {
    path.tx_ids.or((path.path_id != 0).then(AddPathIds::default))
}

/// `192.0.2.2 (metric 5) from 192.0.2.2 (10.255.1.1)`
fn from_line(header: &TableHeader, path: &PathView, out: &mut dyn Write) -> io::Result<()> {
    let hop = &path.nexthop;
    write!(out, "    {}", hop.address)?;
    if let Some(name) = hop.hostname.as_ref().filter(|_| header.show_nexthop_hostname) {
        write!(out, "({name})")?;
    }
    match (path.is_local(), hop.accessible, hop.metric) {
        (false, false, _) if hop.import_check => write!(out, " (inaccessible, import-check enabled)")?,
        (false, false, _) => write!(out, " (inaccessible)")?,
        (false, true, Some(metric)) if metric != 0 => write!(out, " (metric {metric})")?,
        _ => {}
    }
    match &path.peer {
        Some(peer) => {
            write!(out, " from {}", peer.id)?;
            if let Some(name) = peer.hostname.as_ref().filter(|_| header.show_nexthop_hostname) {
                write!(out, "({name})")?;
            }
            match path.originator_id {
                Some(id) => write!(out, " ({id})")?,
                None => write!(out, " ({})", peer.router_id)?,
            }
        }
        None => {
            let own = if hop.address.is_ipv4() { "0.0.0.0" } else { "::" };
            write!(out, " from {own} ({})", header.router_id)?;
        }
    }
    writeln!(out)?;
    match hop.both_link_local() {
        Some((link_local, is_used)) => {
            let used = if is_used { " (used)" } else { "" };
            let prefer = if is_used { "" } else { " (prefer-global)" };
            writeln!(out, "    ({link_local}){used}{prefer}")
        }
        None => Ok(()),
    }
}

/// `Origin IGP, metric 0, localpref 90, valid, external, best (First path received)`
fn attributes_line(path: &PathView, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "      Origin {}", origin_word(path))?;
    if let Some(med) = path.med {
        write!(out, ", metric {med}")?;
    }
    if let Some(local_pref) = path.local_pref {
        write!(out, ", localpref {local_pref}")?;
    }
    if let Some(aigp) = path.aigp {
        write!(out, ", aigp-metric {aigp}")?;
    }
    if path.weight != 0 {
        write!(out, ", weight {}", path.weight)?;
    }
    if !path.history {
        write!(out, ", {}", if path.valid { "valid" } else { "invalid" })?;
    }
    match path.origin_kind {
        PathOrigin::External => write!(out, ", external")?,
        PathOrigin::Internal => write!(out, ", internal")?,
        PathOrigin::Confederation => write!(out, ", confed-external")?,
        PathOrigin::Network => write!(out, ", sourced, local")?,
        PathOrigin::Redistributed => write!(out, ", sourced")?,
        PathOrigin::Aggregate => match path.aggregate_count {
            Some(count) => write!(out, ", aggregated ({count}), local")?,
            None => write!(out, ", aggregated, local")?,
        },
    }
    if path.atomic_aggregate {
        write!(out, ", atomic-aggregate")?;
    }
    if let Some(asn) = path.otc {
        write!(out, ", otc {asn}")?;
    }
    if path.multipath {
        write!(out, ", multipath")?;
    }
    if let Some(asn) = path.best_from_as {
        write!(out, ", bestpath-from-AS {asn}")?;
    }
    if path.best {
        write!(out, ", best")?;
        if let Some(reason) = path.selection_reason {
            write!(out, " ({reason})")?;
        }
    }
    if let Some(state) = path.rpki {
        write!(out, ", rpki validation-state: {}", rpki::state_name(state))?;
    }
    writeln!(out)
}

/// Communities and what reflectors add, a line for each kind.
pub fn communities_text(path: &PathView, out: &mut dyn Write) -> io::Result<()> {
    if !path.communities.is_empty() {
        writeln!(out, "      Community: {}", join(path.communities.iter().map(|c| Community(*c))))?;
    }
    if !path.ext_communities.is_empty() {
        let shown = path.ext_communities.iter().map(|c| ExtCommunity(*c));
        writeln!(out, "      Extended Community: {}", join(shown))?;
    }
    if !path.ipv6_ext_communities.is_empty() {
        let shown = path.ipv6_ext_communities.iter().map(|c| Ipv6ExtText(*c));
        writeln!(out, "      Extended IPv6 Community: {}", join(shown))?;
    }
    if !path.large_communities.is_empty() {
        let shown = path.large_communities.iter().map(|c| LargeCommunity(*c));
        writeln!(out, "      Large Community: {}", join(shown))?;
    }
    if path.originator_id.is_some() || !path.cluster_list.is_empty() {
        write!(out, "      ")?;
        if let Some(id) = path.originator_id {
            write!(out, "Originator: {id}")?;
        }
        if !path.cluster_list.is_empty() {
            let separator = if path.originator_id.is_some() { ", " } else { "" };
            write!(out, "{separator}Cluster list: {}", join(path.cluster_list.iter()))?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn join<T: std::fmt::Display>(items: impl Iterator<Item = T>) -> String {
    items.map(|i| i.to_string()).collect::<Vec<_>>().join(" ")
}

/// A prefix as JSON.
pub fn prefix_json(header: &TableHeader, prefix: &PrefixView) -> Value {
    prefix_json_of(header, prefix, Which::All)
}

/// A prefix as JSON, with some of its paths.
pub fn prefix_json_of(header: &TableHeader, prefix: &PrefixView, which: Which) -> Value {
    let mut o = Object::new();
    o.put("prefix", prefix.prefix.to_string());
    o.put("version", prefix.version);
    if let Some(peers) = prefix.advertised_to.as_deref().filter(|p| !p.is_empty()) {
        o.put("advertisedTo", advertised_json(peers));
    }
    let paths = prefix.paths.iter().filter(|p| which.wants(p)).map(|p| json(header, prefix, p));
    o.put("paths", Value::Array(paths.collect()));
    o.put("pathCount", prefix.paths.len());
    o.put("multiPathCount", prefix.paths.iter().filter(|p| p.best || p.multipath).count());
    let mut flags = Object::new();
    flags.put("bestPathExists", prefix.paths.iter().any(|p| p.best));
    flags.put("fibInstalled", prefix.fib.installed);
    flags.put("fibWaitForInstall", prefix.fib.waiting);
    flags.put("fibSuppress", prefix.fib.suppress);
    flags.put("fibInstallFailed", prefix.fib.failed);
    o.put("flags", flags);
    Value::Object(o)
}

fn advertised_json(peers: &[AdvertisedTo]) -> Object {
    let mut all = Object::new();
    for peer in peers {
        let mut one = Object::new();
        one.put_some("hostname", peer.hostname.clone());
        one.put_some("peerGroup", peer.peer_group.clone());
        all.put(&peer.id.to_string(), one);
    }
    all
}

/// A path as JSON.
pub fn json(header: &TableHeader, prefix: &PrefixView, path: &PathView) -> Value {
    let mut o = Object::new();
    o.put("aspath", as_path_json(path));
    o.put_some("aggregatorAs", path.aggregator.map(|(asn, _)| asn));
    o.put_some("aggregatorId", path.aggregator.map(|(_, id)| id.to_string()));
    o.put_true("removed", path.removed);
    o.put_true("stale", path.stale);
    o.put_true("suppressed", path.suppressed);
    o.put_true("dampeningHistoryEntry", path.history);
    o.put_true("dampeningSuppressed", path.damped && !path.history);
    o.put("origin", origin_word(path));
    o.put_some("metric", path.med);
    o.put_some("locPrf", path.local_pref);
    o.put_some("aigpMetric", path.aigp);
    o.put_some("weight", Some(path.weight).filter(|w| *w != 0));
    o.put_some("valid", Some(path.valid).filter(|_| !path.history));
    o.put("version", prefix.version);
    let own = matches!(path.origin_kind, PathOrigin::Network | PathOrigin::Redistributed);
    o.put_true("sourced", own);
    o.put_true("aggregated", path.origin_kind == PathOrigin::Aggregate);
    o.put_true("local", matches!(path.origin_kind, PathOrigin::Network | PathOrigin::Aggregate));
    o.put_some("aggregateCount", path.aggregate_count);
    o.put_true("atomicAggregate", path.atomic_aggregate);
    o.put_some("otc", path.otc);
    o.put_true("multipath", path.multipath);
    o.put_some("rpkiValidationState", path.rpki.map(rpki::state_name));
    best_json(path, &mut o);
    communities_json(path, &mut o);
    if let Some(ids) = add_path_ids(path) {
        o.put("addpathRxId", path.path_id);
        o.put("addpathTxId", ids.all);
        o.put("addpathTxIdAll", ids.all);
        o.put("addpathTxIdBestPerAS", ids.best_per_as);
        o.put("addpathTxIdBestSelected", ids.best_selected);
    }
    if !path.advertised_to.is_empty() {
        o.put("advertisedTo", advertised_json(&path.advertised_to));
    }
    if let Some(flaps) = &path.flaps {
        dampening::info_json(flaps, &mut o);
    }
    let mut update = Object::new();
    update.put("epoch", path.updated_epoch);
    update.put("string", date(path.updated_epoch));
    o.put("lastUpdate", update);
    o.put("lastUpdateStr", age(path.age));
    o.put_true("fibInstalled", path.fib_installed);
    o.put("nexthops", hops_json(path));
    o.put("peer", peer_json(header, path));
    Value::Object(o)
}

fn best_json(path: &PathView, o: &mut Object) {
    if !path.best && path.best_from_as.is_none() {
        return;
    }
    let mut best = Object::new();
    best.put_some("bestpathFromAs", path.best_from_as);
    best.put_true("overall", path.best);
    best.put_some("selectionReason", path.selection_reason.filter(|_| path.best));
    o.put("bestpath", best);
}

fn as_path_json(path: &PathView) -> Object {
    let text = path.as_path_text();
    let mut o = Object::new();
    o.put("string", if text.is_empty() { "Local".to_owned() } else { text });
    let segments = path.as_path.iter().map(|segment| {
        let mut s = Object::new();
        let kind = match segment.kind {
            SegmentKind::Sequence => "as-sequence",
            SegmentKind::Set => "as-set",
            SegmentKind::ConfedSequence => "as-confed-sequence",
            SegmentKind::ConfedSet => "as-confed-set",
        };
        s.put("type", kind);
        s.put("list", segment.asns.clone());
        Value::Object(s)
    });
    o.put("segments", Value::Array(segments.collect()));
    o.put("length", path.as_path_length());
    o
}

/// Communities and what reflectors add.
pub fn communities_json(path: &PathView, o: &mut Object) {
    if !path.communities.is_empty() {
        let mut c = Object::new();
        c.put("string", join(path.communities.iter().map(|c| Community(*c))));
        let list = path.communities.iter().map(|c| Value::from(CommunityJson(*c).to_string()));
        c.put("list", Value::Array(list.collect()));
        o.put("community", c);
    }
    if !path.ext_communities.is_empty() {
        let mut c = Object::new();
        c.put("string", join(path.ext_communities.iter().map(|c| ExtCommunity(*c))));
        o.put("extendedCommunity", c);
    }
    if !path.ipv6_ext_communities.is_empty() {
        let mut c = Object::new();
        c.put("string", join(path.ipv6_ext_communities.iter().map(|c| Ipv6ExtText(*c))));
        o.put("extendedIpv6Community", c);
    }
    if !path.large_communities.is_empty() {
        let mut c = Object::new();
        let shown = || path.large_communities.iter().map(|c| LargeCommunity(*c).to_string());
        c.put("string", join(shown()));
        c.put("list", shown().collect::<Vec<_>>());
        o.put("largeCommunity", c);
    }
    o.put_some("originatorId", path.originator_id.map(|id| id.to_string()));
    if !path.cluster_list.is_empty() {
        let mut c = Object::new();
        c.put("list", path.cluster_list.iter().map(ToString::to_string).collect::<Vec<_>>());
        o.put("clusterList", c);
    }
}

/// Scope, kind and length of an IPv6 next hop. One that is link-local alone is shown as FRR sends it, twice.
pub fn scope_fields(o: &mut impl ObjectExt, address: &Ipv6Addr, hop: &NexthopView) {
    o.put("scope", if bgp::types::is_link_local(address) { "link-local" } else { "global" });
    o.put("linkLocalOnly", false);
    o.put("length", if hop.both_link_local().is_some() { 32 } else { 16 });
}

fn hops_json(path: &PathView) -> Value {
    let hop = &path.nexthop;
    let mut first = Object::new();
    first.put("ip", hop.address.to_string());
    first.put_some("hostname", hop.hostname.clone());
    first.put("afi", afi_of(hop.address));
    if let IpAddr::V6(address) = hop.address {
        scope_fields(&mut first, &address, hop);
    }
    first.put_some("metric", hop.metric.filter(|_| hop.accessible));
    first.put("accessible", hop.accessible);
    first.put_true("importCheckEnabled", !hop.accessible && hop.import_check);
    let link_local = hop.both_link_local();
    first.put_true("used", link_local.is_none_or(|(_, used)| !used));
    let mut hops = vec![Value::Object(first)];
    if let Some((link_local, used)) = link_local {
        let mut second = Object::new();
        second.put("ip", link_local.to_string());
        second.put_some("hostname", hop.hostname.clone());
        second.put("afi", "ipv6");
        second.put("scope", "link-local");
        second.put("length", 32);
        second.put("accessible", hop.accessible);
        second.put_true("used", used);
        hops.push(Value::Object(second));
    }
    Value::Array(hops)
}

fn peer_json(header: &TableHeader, path: &PathView) -> Object {
    let mut o = Object::new();
    match &path.peer {
        None => {
            o.put("peerId", if path.nexthop.address.is_ipv4() { "0.0.0.0" } else { "::" });
            o.put("routerId", header.router_id.to_string());
        }
        Some(peer) => {
            let address = peer_address(path).map_or_else(|| peer.id.to_string(), |a| a.to_string());
            o.put("peerId", address);
            o.put("routerId", peer.router_id.to_string());
            o.put_some("hostname", peer.hostname.clone());
            if let PeerId::Interface(name) = &peer.id {
                o.put("interface", name.clone());
            }
            let kind = match path.origin_kind {
                PathOrigin::Internal => "internal",
                PathOrigin::Confederation => "confed-external",
                _ => "external",
            };
            o.put("type", kind);
        }
    }
    o
}
