//! `show bgp neighbors` as text.

use std::fmt::Write as _;
use std::io::{self, Write};

use bgp::types::{Family, PeerKind};

use super::format::{age, family_name, uptime, uptime_or_never};
use super::neighbor_json::policy_words;
use super::views::{
    Capabilities, Direction, GracefulRestartView, MessageStats, NeighborFamilyView, NeighborView, NextTimer,
    PathPolicy, PeerState, PrefixStats,
};
use crate::config::model::{AddPathTx, AdvertiseMap, PeerId, SendCommunity};

/// One neighbour.
pub fn neighbor(view: &NeighborView, out: &mut dyn Write) -> io::Result<()> {
    let mut text = String::new();
    identity(view, &mut text);
    session(view, &mut text);
    if let Some(capabilities) = &view.capabilities {
        capability_lines(capabilities, &mut text);
    }
    graceful_restart(&view.graceful_restart, &mut text);
    messages(&view.messages, &mut text);
    prefixes(&view.prefix_stats, &mut text);
    let runs = view.advertisement_interval;
    let _ = writeln!(text, "  Minimum time between advertisement runs is {runs} seconds");
    text.push_str("  Update delay timer is 0 seconds (remaining: 0)\n");
    if let Some(source) = &view.update_source {
        let _ = writeln!(text, "  Update source is {source}");
    }
    text.push('\n');
    for family in &view.families {
        family_lines(family, &mut text);
    }
    connection(view, &mut text);
    out.write_all(text.as_bytes())
}

/// Writing to a string cannot fail.
fn line(out: &mut String, args: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(args);
    out.push('\n');
}

/// `BGP neighbor is ...` and the roles.
fn title(view: &NeighborView, out: &mut String) {
    let link = match view.kind {
        PeerKind::Internal => "internal",
        PeerKind::Confederation => "confed-external",
        PeerKind::External => "external",
    };
    let dynamic = if view.listen_range.is_some() { "*" } else { "" };
    let _ = match (&view.id, view.address) {
        (PeerId::Interface(name), Some(address)) => write!(out, "BGP neighbor on {name}: {address}, "),
        (PeerId::Interface(name), None) => write!(out, "BGP neighbor on {name}: none, "),
        (PeerId::Address(address), _) => write!(out, "BGP neighbor is {dynamic}{address}, "),
    };
    let _ = write!(out, "remote AS {}, local AS {}", view.remote_as, view.local_as);
    for (on, word) in [
        (view.local_as_no_prepend, " no-prepend"),
        (view.local_as_replace, " replace-as"),
        (view.local_as_dual, " dual-as"),
    ] {
        if on {
            out.push_str(word);
        }
    }
    let _ = writeln!(out, ", {link} link");
    let _ = writeln!(out, "  Local Role: {}", view.local_role.unwrap_or("undefined"));
    let _ = writeln!(out, "  Remote Role: {}", view.remote_role.unwrap_or("undefined"));
}

fn identity(view: &NeighborView, out: &mut String) {
    title(view, out);
    if let Some(text) = &view.description {
        let _ = writeln!(out, " Description: {text}");
    }
    match (&view.hostname, &view.domainname) {
        (Some(host), Some(domain)) => line(out, format_args!("Hostname: {host}.{domain}")),
        (Some(host), None) => line(out, format_args!("Hostname: {host}")),
        _ => {}
    }
    if let Some(group) = &view.peer_group {
        let _ = writeln!(out, " Member of peer-group {group} for session parameters");
    }
    if let Some(range) = &view.listen_range {
        let _ = writeln!(out, " Belongs to the subnet range group: {range}");
    }
    if view.admin_shutdown {
        out.push_str(" Administratively shut down\n");
    }
}

fn state(view: &NeighborView, out: &mut String) {
    let _ = write!(out, "  BGP state = {}", view.state.name());
    if view.state == PeerState::Established {
        let _ = write!(out, ", up for {}", uptime(view.uptime.unwrap_or(0)));
    }
    out.push('\n');
}

fn session(view: &NeighborView, out: &mut String) {
    let (remote, local) = (view.remote_router_id, view.local_router_id);
    let _ = writeln!(out, "  BGP version 4, remote router ID {remote}, local router ID {local}");
    if view.kind == PeerKind::Confederation {
        out.push_str("  Neighbor under common administration\n");
    }
    state(view, out);
    let seconds = |ms: Option<u64>| uptime_or_never(ms.map(|m| m / 1000));
    let _ = writeln!(out, "  Last read {}, Last write {}", seconds(view.last_read), seconds(view.last_write));
    for (word, hold, keepalive) in [
        ("Hold", view.hold_time, view.keepalive),
        ("Configured hold", view.configured_hold_time, view.configured_keepalive),
    ] {
        let _ = writeln!(out, "  {word} time is {hold} seconds, keepalive interval is {keepalive} seconds");
    }
    let (configured, synced) = (view.tcp_mss_configured, view.tcp_mss);
    let _ = writeln!(out, "  Configured tcp-mss is {configured}, synced tcp-mss is {synced}");
    if view.extended_optional_parameters {
        out.push_str("  Extended Optional Parameters Length is enabled\n");
    }
    let interval = view.conditional_advertisement;
    let _ = writeln!(out, "  Configured conditional advertisements interval is {interval} seconds");
}

fn said(direction: Direction) -> &'static str {
    match direction {
        Direction::None => "",
        Direction::Advertised => "advertised",
        Direction::Received => "received",
        Direction::Both => "advertised and received",
    }
}

fn capability_line(out: &mut String, name: &str, direction: Direction) {
    if direction != Direction::None {
        let _ = writeln!(out, "    {name}: {}", said(direction));
    }
}

fn capability_lines(c: &Capabilities, out: &mut String) {
    out.push_str("  Neighbor capabilities:\n");
    capability_line(out, "4 Byte AS", c.four_octet_as);
    capability_line(out, "Extended Message", c.extended_message);
    if !c.add_path.is_empty() {
        out.push_str("    AddPath:\n");
        for capability in &c.add_path {
            let name = family_name(capability.family);
            for (word, who) in [("TX", capability.send), ("RX", capability.receive)] {
                if who != Direction::None {
                    let _ = writeln!(out, "      {name}: {word} {}", said(who));
                }
            }
        }
        let limited = || c.add_path.iter().filter(|a| a.limits != [None; 2]);
        if limited().next().is_some() {
            out.push_str("    Paths-Limit:\n");
        }
        for capability in limited() {
            let name = family_name(capability.family);
            let said = match capability.limits {
                [Some(ours), Some(theirs)] => format!("advertised ({ours}) and received ({theirs})"),
                [Some(ours), None] => format!("advertised ({ours})"),
                [None, theirs] => format!("received ({})", theirs.unwrap_or(0)),
            };
            let _ = writeln!(out, "      {name}: {said}");
        }
    }
    capability_line(out, "Dynamic", c.dynamic);
    capability_line(out, "Extended nexthop", c.extended_nexthop);
    if c.extended_nexthop.received() {
        out.push_str("      Address families by peer:\n");
        for family in &c.extended_nexthop_by_peer {
            let _ = writeln!(out, "                   {}", family_name(*family));
        }
    }
    capability_line(out, "Long-lived Graceful Restart", c.long_lived_graceful_restart);
    if c.long_lived_graceful_restart.received() {
        out.push_str("      Address families by peer:\n");
        for (family, _) in &c.long_lived_by_peer {
            let _ = writeln!(out, "           {}", family_name(*family));
        }
    }
    capability_line(out, "Route refresh", c.route_refresh);
    capability_line(out, "Enhanced Route Refresh", c.enhanced_route_refresh);
    for (family, who) in &c.families {
        capability_line(out, &format!("Address Family {}", family_name(*family)), *who);
    }
    capability_line(out, "Role", c.role);
    names(c, out);
    graceful_restart_capability(c, out);
}

fn names(c: &Capabilities, out: &mut String) {
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "n/a".to_owned());
    let pair = |host: &Option<String>, domain: &Option<String>| {
        format!("(name: {},domain name: {})", or_none(host), or_none(domain))
    };
    let sent = match &c.hostname_sent {
        Some(_) => format!("advertised {}", pair(&c.hostname_sent, &c.domain_sent)),
        None => "not advertised".to_owned(),
    };
    let received = match &c.hostname_received {
        Some(_) => format!("received {}", pair(&c.hostname_received, &c.domain_received)),
        None => "not received".to_owned(),
    };
    let _ = writeln!(out, "    Hostname Capability: {sent} {received}");
    let version = |text: &Option<String>, word: &str| match text {
        Some(text) => format!("{word} software version ({text})"),
        None => format!("not {word}"),
    };
    let sent = version(&c.software_sent, "advertised");
    let received = version(&c.software_received, "received");
    let _ = writeln!(out, "    Version Capability: {sent} {received}");
    let not = |on: bool| if on { "" } else { "not " };
    let (sent, received) = (not(c.link_local_nexthop.advertised()), not(c.link_local_nexthop.received()));
    let _ = writeln!(out, "    Link-Local Next Hop Capability: {sent}advertised {received}received");
}

fn graceful_restart_capability(c: &Capabilities, out: &mut String) {
    capability_line(out, "Graceful Restart Capability", c.graceful_restart);
    let Some(received) = &c.graceful_restart_received else { return };
    let _ = writeln!(out, "      Remote Restart timer is {} seconds", received.time);
    if received.restarted {
        out.push_str("      Peer has restarted (R-bit is set)\n");
    }
    if received.notification {
        out.push_str("      Peer has restarted (N-bit is set)\n");
    }
    out.push_str("      Address families by peer:\n        ");
    let families = received.families.iter().map(|(family, preserved)| {
        format!("{}({})", family_name(*family), if *preserved { "preserved" } else { "not preserved" })
    });
    let families: Vec<String> = families.collect();
    out.push_str(&if families.is_empty() { "none".to_owned() } else { families.join(", ") });
    out.push('\n');
}

fn graceful_restart(view: &GracefulRestartView, out: &mut String) {
    out.push_str("  Graceful restart information:\n");
    if !view.families.is_empty() {
        let names = |wanted: &dyn Fn(usize) -> bool| {
            let chosen = view.families.iter().enumerate().filter(|(i, _)| wanted(*i));
            chosen.map(|(_, f)| family_name(f.family)).collect::<Vec<_>>().join(", ")
        };
        let sent = names(&|i| view.families.get(i).is_some_and(|f| f.eor_sent));
        let received = names(&|i| view.families.get(i).is_some_and(|f| f.eor_received));
        let _ = writeln!(out, "    End-of-RIB send: {sent}\n    End-of-RIB received: {received}");
    }
    let _ =
        writeln!(out, "    Local GR Mode: {}\n    Remote GR Mode: {}\n", view.local_mode, view.remote_mode);
    let bit = |on: bool| if on { "True" } else { "False" };
    let _ = writeln!(out, "    R bit: {}\n    N bit: {}\n    Timers:", bit(view.r_bit), bit(view.n_bit));
    let _ = writeln!(out, "      Configured Restart Time(sec): {}", view.configured_time);
    let _ = writeln!(out, "      Received Restart Time(sec): {}", view.received_time);
    let _ = writeln!(out, "      Configured LLGR Stale Path Time(sec): {}", view.llgr_time);
    let word = |on: bool| if on { "Yes" } else { "No" };
    for f in &view.families {
        let _ = writeln!(out, "    {}:\n      F bit: {}", family_name(f.family), bit(f.forwarding));
        let _ = writeln!(out, "      End-of-RIB sent: {}", word(f.eor_sent));
        let _ = writeln!(out, "      End-of-RIB sent after update: {}", word(f.eor_sent_after_update));
        let _ = writeln!(out, "      End-of-RIB received: {}\n      Timers:", word(f.eor_received));
        let _ = writeln!(out, "        Configured Stale Path Time(sec): {}", f.stalepath_time);
        if let Some(seconds) = f.selection_deferral {
            let _ = writeln!(out, "        Configured Selection Deferral Time(sec): {seconds}");
        }
        let _ = writeln!(out, "        LLGR Stale Path Time(sec): {}", f.llgr_stale_time);
        if let Some(seconds) = f.selection_deferral_remaining {
            let _ = writeln!(out, "        Selection Deferral Time Remaining(sec): {seconds}");
        }
    }
}

fn messages(m: &MessageStats, out: &mut String) {
    let _ = writeln!(
        out,
        "  Message statistics:\n    Inq depth is {}\n    Outq depth is {}",
        m.in_queue, m.out_queue
    );
    out.push_str("                         Sent       Rcvd\n");
    for (name, counts) in [
        ("Opens:", m.opens),
        ("Notifications:", m.notifications),
        ("Updates:", m.updates),
        ("Keepalives:", m.keepalives),
        ("Route Refresh:", m.route_refresh),
        ("Capability:", m.capability),
        ("Total:", m.total()),
    ] {
        let _ = writeln!(out, "    {name:15}{:>10} {:>10}", counts.sent, counts.received);
    }
    out.push('\n');
}

fn prefixes(p: &PrefixStats, out: &mut String) {
    out.push_str("  Prefix statistics:\n");
    for (name, count) in [
        ("Inbound filtered", p.inbound_filtered),
        ("AS-PATH loop", p.as_path_loop),
        ("Originator loop", p.originator_loop),
        ("Cluster loop", p.cluster_loop),
        ("Invalid next-hop", p.invalid_next_hop),
        ("Withdrawn", p.withdrawn),
        ("Attributes discarded", p.attributes_discarded),
    ] {
        let _ = writeln!(out, "    {name}: {count}");
    }
    out.push('\n');
}

fn family_lines(f: &NeighborFamilyView, out: &mut String) {
    let _ = writeln!(out, " For address family: {}", family_name(f.family));
    if let Some(group) = &f.peer_group {
        let _ = writeln!(out, "  {group} peer-group member");
    }
    match f.update_group {
        Some((group, subgroup)) => {
            let _ = writeln!(out, "  Update group {group}, subgroup {subgroup}");
            let _ = writeln!(out, "  Packet Queue length {}", f.packet_queue);
        }
        None => out.push_str("  Not part of any update group\n"),
    }
    match f.addpath_tx {
        Some(AddPathTx::All) => out.push_str("  Advertise all paths via addpath\n"),
        Some(AddPathTx::BestPerAs) => out.push_str("  Advertise bestpath per AS via addpath\n"),
        Some(AddPathTx::BestSelected(n)) => {
            let _ = writeln!(out, "  Advertise best {n} selected paths via addpath");
        }
        None => {}
    }
    for (on, text) in [
        (f.soft_reconfiguration, "Inbound soft reconfiguration allowed"),
        (f.next_hop_self, "NEXT_HOP is always this router"),
        (f.route_reflector_client, "Route-Reflector Client"),
        (f.route_server_client, "Route-Server Client"),
        (f.as_override, "Override ASNs in outbound updates if aspath equals remote-as"),
        (f.remove_private_as, "Private AS numbers removed in updates to this neighbor"),
    ] {
        if on {
            let _ = writeln!(out, "  {text}");
        }
    }
    if let Some(count) = f.allowas_in {
        let _ = writeln!(out, "  Local AS allowed in path, {count} occurrences");
    }
    community_line(f.send_community, out);
    if f.default_originate {
        let not = if f.default_sent { "" } else { "not " };
        let map = f.default_map.as_ref().map(|m| format!(" default route-map *{m},")).unwrap_or_default();
        let _ = writeln!(out, "  Default information originate,{map} default {not}sent");
    }
    family_policy(f, out);
    family_counts(f, out);
    out.push('\n');
}

fn community_line(send: SendCommunity, out: &mut String) {
    let kinds = match (send.standard, send.extended, send.large) {
        (true, true, true) => "all",
        (true, true, false) => "both",
        (true, false, true) => "standard, large",
        (false, true, true) => "extended, large",
        (true, false, false) => "standard",
        (false, true, false) => "extended",
        (false, false, true) => "large",
        (false, false, false) => return,
    };
    let _ = writeln!(out, "  Community attribute sent to this neighbor({kinds})");
}

fn family_policy(f: &NeighborFamilyView, out: &mut String) {
    for (policy, word, direction) in
        [(f.policy_in, "Inbound", "inbound"), (f.policy_out, "Outbound", "outbound")]
    {
        match policy {
            PathPolicy::Configured => line(out, format_args!("  {word} path policy configured")),
            PathPolicy::Missing => line(out, format_args!("  {}", policy_words(direction))),
            PathPolicy::NotNeeded => {}
        }
    }
    for (text, name) in [
        ("Incoming update network filter list is", &f.distribute_list_in),
        ("Outgoing update network filter list is", &f.distribute_list_out),
        ("Incoming update prefix filter list is", &f.prefix_list_in),
        ("Outgoing update prefix filter list is", &f.prefix_list_out),
        ("Incoming update AS path filter list is", &f.filter_list_in),
        ("Outgoing update AS path filter list is", &f.filter_list_out),
        ("Route map for incoming advertisements is", &f.route_map_in),
        ("Route map for outgoing advertisements is", &f.route_map_out),
        ("Route map for selective unsuppress is", &f.unsuppress_map),
    ] {
        if let Some(name) = name {
            let _ = writeln!(out, "  {text} *{name}");
        }
    }
    if let Some(AdvertiseMap { route_map, condition, exist }) = &f.advertise_map {
        let kind = if *exist { "EXIST" } else { "NON_EXIST" };
        let status = if f.advertised { "Advertise" } else { "Withdraw" };
        let maps = format!("Condition-map *{condition}, Advertise-map *{route_map}");
        let _ = writeln!(out, "  Condition {kind}, {maps}, status: {status}");
    }
    if let Some(weight) = f.weight {
        let _ = writeln!(out, "  Default weight {weight}");
    }
}

fn family_counts(f: &NeighborFamilyView, out: &mut String) {
    let (accepted, duplicates) = (f.accepted, f.duplicates);
    let _ = match f.sent {
        Some(sent) => {
            writeln!(out, "  {accepted} accepted, {sent} sent prefixes, {duplicates} received duplicates")
        }
        None => writeln!(out, "  {accepted} accepted prefixes, {duplicates} received duplicates"),
    };
    let Some(limit) = f.maximum_prefix else { return };
    let warning = if f.maximum_prefix_warning_only { " (warning-only)" } else { "" };
    let _ = writeln!(out, "  Maximum prefixes allowed {limit}{warning}");
    let _ = write!(out, "  Threshold for warning message {}%", f.maximum_prefix_threshold);
    if let Some(seconds) = f.maximum_prefix_restart {
        let _ = write!(out, ", restart interval {} min", seconds / 60);
    }
    out.push('\n');
}

fn connection(view: &NeighborView, out: &mut String) {
    let (established, dropped) = (view.connections_established, view.connections_dropped);
    let _ = writeln!(out, "  Connections established {established}; dropped {dropped}");
    reset(view, out);
    let side = if view.kind == PeerKind::Internal { "Internal" } else { "External" };
    match view.ttl_security {
        Some(hops) if hops != 1 => {
            let _ = writeln!(out, "  {side} BGP neighbor may be up to {hops} hops away.");
        }
        _ => line(out, format_args!("  {side} BGP neighbor may be up to {} hops away.", view.max_hops)),
    }
    if let Some(e) = &view.endpoint {
        let _ = writeln!(out, "Local host: {}, Local port: {}", e.local, e.local_port);
        let _ = writeln!(out, "Foreign host: {}, Foreign port: {}", e.remote, e.remote_port);
        let _ = writeln!(out, "Nexthop: {}\nNexthop global: {}", e.nexthop, e.nexthop_global);
        let _ = writeln!(out, "Nexthop local: {}", e.nexthop_local);
        let shared = if e.shared_network { "shared" } else { "non shared" };
        let _ = writeln!(out, "BGP connection: {shared} network");
    }
    let _ = writeln!(out, "BGP Connect Retry Timer in Seconds: {}", view.connect_retry);
    match view.next_timer {
        Some(NextTimer::Start(ms)) => {
            line(out, format_args!("Next start timer due in {} seconds", ms / 1000))
        }
        Some(NextTimer::Connect(ms)) => {
            line(out, format_args!("Next connect timer due in {} seconds", ms / 1000));
        }
        None => {}
    }
    if let Some(ms) = view.rtt_ms {
        let _ = writeln!(out, "Estimated round trip time: {ms} ms");
    }
    if view.authentication {
        out.push_str("Peer Authentication Enabled\n");
    }
    let on = |on: bool| if on { "on" } else { "off" };
    let (read, write, fd) = (on(view.read_on), on(view.write_on), view.fd.unwrap_or(-1));
    let _ = writeln!(out, "Read thread: {read}  Write thread: {write}  FD used: {fd}");
    if let Some(bfd) = &view.bfd {
        let hops = if bfd.multihop { "multi hop" } else { "single hop" };
        let _ = writeln!(out, "\n  BFD: Type: {hops}");
        let (multiplier, rx, tx) = (bfd.multiplier, bfd.rx_interval, bfd.tx_interval);
        let _ =
            writeln!(out, "  Detect Multiplier: {multiplier}, Min Rx interval: {rx}, Min Tx interval: {tx}");
        let _ = writeln!(out, "  Status: {}, Last update: {}", bfd.status, age(bfd.age));
    }
    out.push('\n');
}

fn reset(view: &NeighborView, out: &mut String) {
    let reset = &view.last_reset;
    let Some(seconds) = reset.age else {
        out.push_str("  Last reset never\n");
        return;
    };
    let software = view.software_version.as_deref().unwrap_or("n/a");
    let _ = match &reset.notification {
        Some(text) => writeln!(out, "  Last reset {},  {} ({text})", uptime(seconds), reset.reason),
        None => writeln!(out, "  Last reset {},  {} ({software})", uptime(seconds), reset.reason),
    };
    if let Some(message) = &reset.message {
        let _ =
            writeln!(out, "    Message received that caused BGP to send a NOTIFICATION:\n      {message}");
    }
}

/// All neighbours.
pub fn all(views: &[NeighborView], out: &mut dyn Write) -> io::Result<()> {
    for view in views {
        neighbor(view, out)?;
    }
    writeln!(out)
}

/// Whether a neighbour is shown by `show bgp FAMILY neighbors`.
pub fn has_family(view: &NeighborView, family: Option<Family>) -> bool {
    family.is_none_or(|family| view.families.iter().any(|f| f.family == family))
}

/// `show bgp neighbors graceful-restart`: the part that is about it.
pub fn graceful_restart_only(views: &[NeighborView], out: &mut dyn Write) -> io::Result<()> {
    out.write_all(
        b"\nCodes: GR - Graceful Restart, * -  Inheriting Global GR Config,\n\
          \x20      Restart - GR Mode-Restarting, Helper - GR Mode-Helper,\n\
          \x20      Disable - GR Mode-Disable.\n\n",
    )?;
    for view in views {
        let mut text = String::new();
        title(view, &mut text);
        state(view, &mut text);
        if let Some(capabilities) = &view.capabilities {
            text.push_str("  Neighbor GR capabilities:\n");
            graceful_restart_capability(capabilities, &mut text);
        }
        graceful_restart(&view.graceful_restart, &mut text);
        writeln!(out, "{text}")?;
    }
    Ok(())
}
