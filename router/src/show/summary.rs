//! `show bgp summary`.

use std::io::{self, Write};

use serde_json::Value;

use super::format::{family_key, family_name, memory, timestamp, uptime_or_never};
use super::json::{Object, ObjectExt, pretty};
use super::views::{PeerState, SummaryPeer, SummaryView};
use crate::config::model::PeerId;

/// Which neighbours, by state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum StateFilter {
    /// All.
    #[default]
    All,
    /// `established`
    Established,
    /// `failed`: another table.
    Failed,
}

/// Which neighbours, by AS.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AsFilter {
    /// This AS.
    Number(u32),
    /// Ours.
    Internal,
    /// Any other.
    External,
}

/// What the command line asked for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SummaryOptions {
    /// By state.
    pub state: StateFilter,
    /// By name.
    pub neighbor: Option<PeerId>,
    /// By AS.
    pub remote_as: Option<AsFilter>,
    /// `terse`
    pub terse: bool,
    /// `wide`
    pub wide: bool,
    /// A heading names the family: it was not given.
    pub heading: bool,
}

impl SummaryOptions {
    fn filtered(&self) -> bool {
        self.state != StateFilter::All || self.neighbor.is_some() || self.remote_as.is_some()
    }

    fn wants(&self, peer: &SummaryPeer) -> bool {
        let state = match self.state {
            StateFilter::All => true,
            StateFilter::Established => !failed(peer),
            StateFilter::Failed => failed(peer),
        };
        self.covers(peer) && state
    }

    /// Whether a neighbour is meant, whatever its state.
    fn covers(&self, peer: &SummaryPeer) -> bool {
        let asn = match self.remote_as {
            None => true,
            Some(AsFilter::Number(asn)) => peer.remote_as == asn,
            Some(AsFilter::Internal) => peer.internal,
            Some(AsFilter::External) => !peer.internal,
        };
        asn && self.neighbor.as_ref().is_none_or(|id| *id == peer.id)
    }
}

/// Down, or up without the family.
fn failed(peer: &SummaryPeer) -> bool {
    peer.state != PeerState::Established || !peer.negotiated
}

fn display_name(view: &SummaryView, peer: &SummaryPeer) -> String {
    let star = if peer.dynamic { "*" } else { "" };
    match peer.hostname.as_ref().filter(|_| view.show_hostname) {
        Some(hostname) => format!("{star}{hostname}({})", peer.id),
        None => format!("{star}{}", peer.id),
    }
}

/// As text.
pub fn text(view: &SummaryView, options: &SummaryOptions, out: &mut dyn Write) -> io::Result<()> {
    if options.heading {
        writeln!(out, "\n{} Summary:", family_name(view.family))?;
    }
    if view.peers.is_empty() {
        return writeln!(out, "% No BGP neighbors found in VRF default");
    }
    let (id, asn) = (view.router_id, view.local_as);
    writeln!(out, "BGP router identifier {id}, local AS number {asn} VRF default vrf-id 0")?;
    if view.max_med_on_startup {
        writeln!(out, "Max-med on-startup active")?;
    }
    if view.max_med {
        writeln!(out, "Max-med administrative active")?;
    }
    if !options.terse {
        memory_lines(view, out)?;
    }
    writeln!(out)?;
    let shown: Vec<&SummaryPeer> = view.peers.iter().filter(|p| options.wants(p)).collect();
    if shown.is_empty() {
        return writeln!(out, "% No matching neighbor");
    }
    let names: Vec<String> = shown.iter().map(|p| display_name(view, p)).collect();
    let width = names.iter().map(|n| n.chars().count()).max().unwrap_or(0).max(8);
    if options.state == StateFilter::Failed {
        // This table is as wide as that of all neighbours would be.
        let all = view.peers.iter().map(|p| display_name(view, p).chars().count());
        let width = all.max().unwrap_or(0).max(width);
        writeln!(out, "{:width$} {:>7} {:>7} {:>9} Reason", "Neighbor", "EstdCnt", "DropCnt", "ResetTime")?;
        for (peer, name) in shown.iter().zip(&names) {
            failed_row(peer, name, width, out)?;
        }
    } else {
        title(options, width, out)?;
        for (peer, name) in shown.iter().zip(&names) {
            row(peer, name, width, options, out)?;
        }
    }
    writeln!(out)?;
    if options.filtered() {
        writeln!(out, "Displayed neighbors {}", shown.len())?;
    }
    writeln!(out, "Total number of neighbors {}", view.peers.len())?;
    match view.peers.iter().filter(|p| p.dynamic).count() {
        0 => Ok(()),
        dynamic => writeln!(out, "* - dynamic neighbor\n{dynamic} dynamic neighbor(s)"),
    }
}

/// `2026/11/26 13:07:38.492` of milliseconds.
fn moment(epoch: u64) -> String {
    let seconds = timestamp(epoch / 1000, 0);
    format!("{}.{:03}", seconds.strip_suffix(".00").unwrap_or(&seconds), epoch % 1000)
}

fn memory_lines(view: &SummaryView, out: &mut dyn Write) -> io::Result<()> {
    if let Some(delay) = &view.update_delay {
        writeln!(out, "Read-only mode update-delay limit: {} seconds", delay.limit)?;
        if delay.establish != delay.limit {
            writeln!(out, "                   Establish wait: {} seconds", delay.establish)?;
        }
        if let Some(began) = delay.began {
            writeln!(out, "  First neighbor established: {}", moment(began))?;
        }
        match delay.over.map(moment) {
            Some(over) => {
                writeln!(out, "          Best-paths resumed: {over}")?;
                writeln!(out, "        zebra update resumed: {over}")?;
                writeln!(out, "        peers update resumed: {over}")?;
            }
            None if delay.began.is_some() => writeln!(out, "  Delay in progress")?,
            None => {}
        }
    }
    writeln!(out, "BGP table version {}", view.table_version)?;
    writeln!(out, "RIB entries {}, using {} of memory", view.rib_entries, memory(view.rib_memory))?;
    writeln!(out, "Peers {}, using {} of memory", view.peers.len(), memory(view.peer_memory))?;
    if view.peer_groups > 0 {
        let octets = memory(view.peer_group_memory);
        writeln!(out, "Peer groups {}, using {octets} of memory", view.peer_groups)?;
    }
    if view.dampening {
        writeln!(out, "Dampening enabled.")?;
    }
    Ok(())
}

fn title(options: &SummaryOptions, width: usize, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "{:width$} V {:>10}", "Neighbor", "AS")?;
    if options.wide {
        write!(out, " {:>10}", "LocalAS")?;
    }
    write!(out, " {:>9} {:>9} {:>8} {:>4} {:>4}", "MsgRcvd", "MsgSent", "TblVer", "InQ", "OutQ")?;
    writeln!(out, " {:>8} {:>12} {:>8} Desc", "Up/Down", "State/PfxRcd", "PfxSnt")
}

fn row(
    peer: &SummaryPeer,
    name: &str,
    width: usize,
    options: &SummaryOptions,
    out: &mut dyn Write,
) -> io::Result<()> {
    write!(out, "{name:width$} 4 {:>10}", peer.remote_as)?;
    if options.wide {
        write!(out, " {:>10}", peer.local_as)?;
    }
    write!(out, " {:>9} {:>9}", peer.messages_received, peer.messages_sent)?;
    write!(out, " {:>8} {:>4} {:>4}", peer.table_version, peer.in_queue, peer.out_queue)?;
    let (received, sent) = match peer.state {
        PeerState::Established if !peer.negotiated => ("NoNeg".to_owned(), "NoNeg".to_owned()),
        PeerState::Established => (
            policy_or_count(peer.policy_missing_in, peer.prefixes_received),
            policy_or_count(peer.policy_missing_out, peer.prefixes_sent),
        ),
        _ => (state_text(peer), peer.prefixes_sent.to_string()),
    };
    write!(out, " {:>8} {received:>12} {sent:>8}", uptime_or_never(peer.uptime))?;
    let limit = if options.wide { 64 } else { 20 };
    let about = peer.description.as_ref().or(peer.software_version.as_ref());
    let about = about.map_or_else(|| "N/A".to_owned(), |t| t.chars().take(limit).collect());
    writeln!(out, " {about}")
}

fn policy_or_count(missing: bool, count: u32) -> String {
    if missing { "(Policy)".to_owned() } else { count.to_string() }
}

fn failed_row(peer: &SummaryPeer, name: &str, width: usize, out: &mut dyn Write) -> io::Result<()> {
    let software = peer.software_version.as_deref().unwrap_or("n/a");
    writeln!(
        out,
        "{name:width$} {:>7} {:>7} {:>9} {} ({software})",
        peer.connections_established,
        peer.connections_dropped,
        uptime_or_never(peer.uptime),
        peer.last_reset_reason
    )
}

fn state_text(peer: &SummaryPeer) -> String {
    match (peer.admin_shutdown, peer.prefix_overflow) {
        (true, _) => "Idle (Admin)".to_owned(),
        (false, true) => "Idle (PfxCt)".to_owned(),
        (false, false) => peer.state.name().to_owned(),
    }
}

/// As a JSON object.
pub fn json(view: &SummaryView, options: &SummaryOptions) -> Value {
    let mut object = Object::new();
    object.put("routerId", view.router_id.to_string());
    object.put("as", view.local_as);
    object.put("vrfId", 0);
    object.put("vrfName", "default");
    object.put_true("maxMedOnStartup", view.max_med_on_startup);
    object.put_true("maxMedAdministrative", view.max_med);
    if let Some(delay) = &view.update_delay {
        object.put("updateDelayLimit", delay.limit);
        object.put_some("updateDelayEstablishWait", Some(delay.establish).filter(|e| *e != delay.limit));
        object.put_some("updateDelayFirstNeighbor", delay.began.map(moment));
        object.put_true("updateDelayInProgress", delay.began.is_some() && delay.over.is_none());
        object.put_some("updateDelayBestpathResumed", delay.over.map(moment));
        object.put_some("updateDelayZebraUpdateResume", delay.over.map(moment));
        object.put_some("updateDelayPeerUpdateResume", delay.over.map(moment));
    }
    object.put("tableVersion", view.table_version);
    object.put("ribCount", view.rib_entries);
    object.put("ribMemory", view.rib_memory);
    object.put("peerCount", view.peers.len());
    object.put("peerMemory", view.peer_memory);
    if view.peer_groups > 0 {
        object.put("peerGroupCount", view.peer_groups);
        object.put("peerGroupMemory", view.peer_group_memory);
    }
    object.put_true("dampeningEnabled", view.dampening);
    let failed_only = options.state == StateFilter::Failed;
    let mut peers = Object::new();
    for peer in view.peers.iter().filter(|p| options.wants(p)) {
        let value = if failed_only { failed_json(peer) } else { peer_json(peer) };
        peers.put(&peer.id.to_string(), value);
    }
    let failed = view.peers.iter().filter(|p| options.covers(p) && failed(p)).count();
    let displayed = if failed_only { view.peers.len() } else { peers.len() };
    object.put("peers", peers);
    object.put("failedPeers", failed);
    object.put("displayedPeers", displayed);
    object.put("totalPeers", view.peers.len());
    object.put("dynamicPeers", view.peers.iter().filter(|p| p.dynamic).count());
    if !failed_only {
        let mut best = Object::new();
        best.put("multiPathRelax", if view.multipath_relax { "true" } else { "false" });
        object.put("bestPath", best);
    }
    Value::Object(object)
}

fn peer_json(peer: &SummaryPeer) -> Value {
    let mut object = Object::new();
    object.put_some("hostname", peer.hostname.clone());
    object.put("softwareVersion", software(peer));
    object.put("remoteAs", peer.remote_as);
    object.put("localAs", peer.local_as);
    object.put("version", 4);
    object.put("msgRcvd", peer.messages_received);
    object.put("msgSent", peer.messages_sent);
    object.put("tableVersion", peer.table_version);
    object.put("outq", peer.out_queue);
    object.put("inq", peer.in_queue);
    object.put("peerUptime", uptime_or_never(peer.uptime));
    object.put("peerUptimeMsec", peer.uptime.unwrap_or(0) * 1000);
    object.put_some("peerUptimeEstablishedEpoch", peer.established_epoch);
    object.put("pfxRcd", if peer.policy_missing_in { 0 } else { peer.prefixes_received });
    object.put("pfxSnt", if peer.policy_missing_out { 0 } else { peer.prefixes_sent });
    object.put_true("dynamicPeer", peer.dynamic);
    object.put("state", state_text(peer));
    let missing = peer.policy_missing_in || peer.policy_missing_out;
    let state = match (peer.admin_shutdown, peer.prefix_overflow, missing) {
        (true, ..) => "Admin",
        (false, true, _) => "PfxCt",
        (false, false, true) => "Policy",
        (false, false, false) => "OK",
    };
    object.put("peerState", state);
    object.put("connectionsEstablished", peer.connections_established);
    object.put("connectionsDropped", peer.connections_dropped);
    object.put_some("desc", peer.description.clone());
    object.put("idType", id_type(&peer.id));
    Value::Object(object)
}

fn failed_json(peer: &SummaryPeer) -> Value {
    let mut object = Object::new();
    object.put("connectionsEstablished", peer.connections_established);
    object.put("connectionsDropped", peer.connections_dropped);
    object.put("peerUptime", uptime_or_never(peer.uptime));
    object.put("peerUptimeMsec", peer.uptime.unwrap_or(0) * 1000);
    object.put("lastResetDueTo", peer.last_reset_reason.clone());
    object.put("lastResetCode", peer.last_reset_code);
    object.put("softwareVersion", software(peer));
    object.put("idType", id_type(&peer.id));
    Value::Object(object)
}

fn software(peer: &SummaryPeer) -> String {
    peer.software_version.clone().unwrap_or_else(|| "n/a".to_owned())
}

fn id_type(id: &PeerId) -> &'static str {
    match id {
        PeerId::Interface(_) => "interface",
        PeerId::Address(std::net::IpAddr::V4(_)) => "ipv4",
        PeerId::Address(std::net::IpAddr::V6(_)) => "ipv6",
    }
}

/// Writes one family's object, or one key per family.
pub fn write_json(views: &[SummaryView], options: &SummaryOptions, out: &mut dyn Write) -> io::Result<()> {
    if !options.heading {
        return pretty(
            &views.first().map_or_else(|| Value::Object(Object::new()), |v| json(v, options)),
            out,
        );
    }
    let mut object = Object::new();
    for view in views {
        object.put(family_key(view.family), json(view, options));
    }
    pretty(&Value::Object(object), out)
}
