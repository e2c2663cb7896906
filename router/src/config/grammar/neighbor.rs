//! `neighbor X ...`: who the neighbours are, and their options outside the families.

use std::collections::BTreeSet;
use std::net::IpAddr;

use bgp::types::Asn;

use super::edit::switch;
use super::instance::read_timers;
use super::kept::kept_peer;
use super::matcher::parse_asn;
use super::{Args, Command, Editor, Fail, Lines, Outcome, PeerView, Render, command, value};
use crate::config::model::{
    Bfd, GracefulRestartMode, LocalAs, LocalRole, Neighbor, PeerGroup, PeerId, RemoteAs, Role, Shutdown,
    UpdateSource,
};

/// Making neighbours and peer-groups. Rendering these needs the whole neighbour, see `render`.
pub const PEERS: &[Command] = &[
    command("neighbor WORD$group peer-group", "A group of neighbors", |e, a| {
        let name = a.string("group")?;
        if name.parse::<IpAddr>().is_ok() {
            return Err(Fail::refuse("% Invalid peer-group name"));
        }
        let bgp = e.bgp()?;
        if a.no {
            bgp.peer_groups.remove(&name);
            bgp.neighbors.retain(|_, n| n.peer_group.as_deref() != Some(name.as_str()));
            bgp.listen_ranges.retain(|r| r.peer_group != name);
        } else if bgp.neighbors.contains_key(&PeerId::Interface(name.clone())) {
            return Err(Fail::refuse("% Name conflict with interface"));
        } else {
            bgp.peer_groups.entry(name).or_default();
        }
        Ok(())
    }),
    command(
        "neighbor PEER remote-as ![<ASNUM$asn|<internal|external|auto>$kind>]",
        "The neighbor's AS",
        |e, a| {
            let remote_as = read_remote_as(a)?;
            set_remote_as(e, a, remote_as)
        },
    ),
    command(
        "neighbor PEER remote-as ASNUM$asn alternate-as LINE...",
        "The ASes that members of a group may have",
        alternate_as,
    ),
    command(
        "neighbor WORD$if interface [v6only] [<peer-group PGNAME|remote-as <ASNUM$asn|<internal|external|auto>$kind>>]",
        "A neighbor on an interface",
        interface_peer,
    ),
    command(
        "no neighbor WORD$if interface [v6only] peer-group PGNAME remote-as <ASNUM|internal|external|auto>",
        "Remove a neighbor",
        |e, a| {
            let id = PeerId::Interface(a.string("if")?);
            e.bgp()?.neighbors.remove(&id);
            Ok(())
        },
    )
    .without_no(),
    command("neighbor PEER peer-group PGNAME", "The group that the neighbor belongs to", join_group),
    command("no neighbor PEER", "Remove a neighbor", |e, a| {
        let id = PeerId::from_word(a.word("peer")?);
        e.bgp()?.neighbors.remove(&id);
        Ok(())
    })
    .without_no(),
];

fn read_remote_as(args: &Args<'_>) -> Result<Option<RemoteAs>, Fail> {
    Ok(match (args.opt_asn("asn")?, args.get("kind")) {
        (Some(asn), _) => Some(RemoteAs::Number(Asn(asn))),
        (None, Some("internal")) => Some(RemoteAs::Internal),
        (None, Some("external")) => Some(RemoteAs::External),
        (None, Some("auto")) => Some(RemoteAs::Auto),
        _ => None,
    })
}

fn remote_as_text(remote_as: RemoteAs) -> String {
    match remote_as {
        RemoteAs::Number(asn) => asn.to_string(),
        RemoteAs::Internal => "internal".into(),
        RemoteAs::External => "external".into(),
        RemoteAs::Auto => "auto".into(),
    }
}

fn set_remote_as(editor: &mut Editor, args: &Args<'_>, remote_as: Option<RemoteAs>) -> Outcome {
    let name = args.string("peer")?;
    let id = PeerId::from_word(&name);
    let bgp = editor.bgp()?;
    if let Some(group) = bgp.peer_groups.get_mut(&name) {
        group.options.remote_as = remote_as.filter(|_| !args.no);
        group.options.alternate_as = None;
        if args.no {
            // Members that had their AS from the group are nothing without it.
            bgp.neighbors.retain(|id, n| {
                n.peer_group.as_ref() != Some(&name)
                    || n.options.remote_as.is_some()
                    || matches!(id, PeerId::Interface(_))
            });
        }
        return Ok(());
    }
    if args.no {
        bgp.neighbors.remove(&id);
        return Ok(());
    }
    match (&id, bgp.neighbors.get_mut(&id)) {
        (_, Some(neighbor)) => {
            let group = neighbor.peer_group.as_ref().and_then(|g| bgp.peer_groups.get(g));
            if group.is_some_and(|g| g.options.remote_as.is_some_and(|r| Some(r) != remote_as)) {
                return Err(Fail::refuse("% Peer-group member cannot override remote-as of peer-group"));
            }
            neighbor.options.remote_as = remote_as;
        }
        (PeerId::Address(_), None) => {
            let mut neighbor = Neighbor::default();
            neighbor.options.remote_as = remote_as;
            bgp.neighbors.insert(id, neighbor);
        }
        (PeerId::Interface(_), None) => {
            return Err(Fail::refuse("% Create the peer-group or interface first"));
        }
    }
    Ok(())
}

/// `alternate-as`: numbers and ranges `LOW-HIGH`, in the order in which they are given.
fn alternate_as(editor: &mut Editor, args: &Args<'_>) -> Outcome {
    let name = args.string("peer")?;
    let first = Asn(args.asn("asn")?);
    let mut ranges = Vec::new();
    for word in args.word("LINE")?.split_whitespace() {
        let (low, high) = word.split_once('-').unwrap_or((word, word));
        let parse = |w: &str| parse_asn(w).map(Asn).ok_or_else(|| Fail::Value(word.to_owned()));
        let range = (parse(low)?, parse(high)?);
        if range.0 > range.1 {
            return Err(Fail::refuse(format!(
                "% {word}: a range goes from the lower AS to the higher, LOW-HIGH"
            )));
        }
        ranges.push(range);
    }
    let bgp = editor.bgp()?;
    let own = bgp.asn;
    let Some(group) = bgp.peer_groups.get_mut(&name) else {
        return Err(Fail::refuse(
            "% alternate-as is for peer-groups: give each neighbor of its own its remote-as, or make a peer-group of a \
             listen range",
        ));
    };
    if args.no {
        let left = group.options.alternate_as.take().unwrap_or_default();
        let left: Vec<(Asn, Asn)> = left.into_iter().filter(|r| !ranges.contains(r)).collect();
        group.options.alternate_as = Some(left).filter(|left| !left.is_empty());
        return Ok(());
    }
    let within = |r: &(Asn, Asn), asn: Asn| (r.0..=r.1).contains(&asn);
    if first == own || ranges.iter().any(|r| within(r, own)) {
        return Err(Fail::refuse(format!(
            "% AS {own} is our own: members of it need a peer-group with remote-as internal"
        )));
    }
    for (at, range) in ranges.iter().enumerate() {
        let mut before = ranges.iter().take(at);
        if within(range, first) || before.any(|b| within(b, range.0) || within(range, b.0)) {
            let range = alternate_as_text(&[*range]);
            return Err(Fail::refuse(format!("% alternate-as {range}: an AS is named twice; name it once")));
        }
    }
    group.options.remote_as = Some(RemoteAs::Number(first));
    group.options.alternate_as = Some(ranges);
    Ok(())
}

fn alternate_as_text(ranges: &[(Asn, Asn)]) -> String {
    value::join(ranges.iter().map(|(low, high)| match low == high {
        true => low.to_string(),
        false => format!("{low}-{high}"),
    }))
}

fn interface_peer(editor: &mut Editor, args: &Args<'_>) -> Outcome {
    let name = args.string("if")?;
    if name.parse::<IpAddr>().is_ok() {
        return Err(Fail::refuse("% Invalid interface name"));
    }
    let id = PeerId::Interface(name.clone());
    let bgp = editor.bgp()?;
    if args.no {
        bgp.neighbors.remove(&id);
        return Ok(());
    }
    if bgp.peer_groups.contains_key(&name) {
        return Err(Fail::refuse("% Name conflict with peer-group"));
    }
    let group = args.opt_string("PGNAME");
    if group.as_ref().is_some_and(|g| !bgp.peer_groups.contains_key(g)) {
        return Err(Fail::refuse("% Configure the peer-group first"));
    }
    let neighbor = bgp.neighbors.entry(id).or_default();
    neighbor.v6only = args.has("v6only");
    if group.is_some() {
        neighbor.peer_group = group;
    }
    if let Some(remote_as) = read_remote_as(args)? {
        neighbor.options.remote_as = Some(remote_as);
    }
    Ok(())
}

fn join_group(editor: &mut Editor, args: &Args<'_>) -> Outcome {
    let name = args.string("peer")?;
    let group = args.string("PGNAME")?;
    let id = PeerId::from_word(&name);
    let bgp = editor.bgp()?;
    let Some(target) = bgp.peer_groups.get(&group) else {
        return Err(Fail::refuse("% Configure the peer-group first"));
    };
    let has_remote_as = target.options.remote_as.is_some();
    let exists = bgp.neighbors.get(&id);
    if args.no {
        let orphan = exists.is_some_and(|n| n.options.remote_as.is_none());
        match bgp.neighbors.get_mut(&id) {
            Some(_) if orphan && matches!(id, PeerId::Address(_)) => drop(bgp.neighbors.remove(&id)),
            Some(neighbor) => neighbor.peer_group = None,
            None => {}
        }
        return Ok(());
    }
    match exists {
        None if matches!(id, PeerId::Interface(_)) => {
            return Err(Fail::refuse("% Create the peer-group or interface first"));
        }
        None if !has_remote_as => {
            return Err(Fail::refuse("% Specify remote-as or peer-group remote AS first"));
        }
        Some(n) if n.peer_group.as_ref().is_some_and(|g| *g != group) => {
            return Err(Fail::refuse("% Cannot change peer-group. Deconfigure first"));
        }
        _ => {}
    }
    let neighbor = bgp.neighbors.entry(id).or_default();
    if has_remote_as {
        neighbor.options.remote_as = None;
    }
    neighbor.peer_group = Some(group);
    Ok(())
}

/// Writes the lines that make a neighbour.
pub fn render_peer(id: &PeerId, neighbor: &Neighbor, out: &mut Lines) {
    let group = neighbor.peer_group.as_ref();
    let own_as = neighbor.options.remote_as.map(remote_as_text);
    if let PeerId::Interface(name) = id {
        let v6only = if neighbor.v6only { " v6only" } else { "" };
        match (group, own_as) {
            (Some(group), own_as) => {
                out.line(format_args!("neighbor {name} interface{v6only} peer-group {group}"));
                if let Some(asn) = own_as {
                    out.line(format_args!("neighbor {name} remote-as {asn}"));
                }
            }
            (None, Some(asn)) => out.line(format_args!("neighbor {name} interface{v6only} remote-as {asn}")),
            (None, None) => out.line(format_args!("neighbor {name} interface{v6only}")),
        }
        return;
    }
    if let Some(asn) = own_as {
        out.line(format_args!("neighbor {id} remote-as {asn}"));
    }
    if let Some(group) = group {
        out.line(format_args!("neighbor {id} peer-group {group}"));
    }
}

/// Writes the lines that make a peer-group.
pub fn render_group(name: &str, group: &PeerGroup, out: &mut Lines) {
    out.line(format_args!("neighbor {name} peer-group"));
    if let Some(remote_as) = group.options.remote_as {
        let alternate = group.options.alternate_as.as_deref().map(alternate_as_text);
        let alternate = alternate.map(|text| format!(" alternate-as {text}")).unwrap_or_default();
        out.line(format_args!("neighbor {name} remote-as {}{alternate}", remote_as_text(remote_as)));
    }
}

/// A switch. `$default` says what holds without it, given the instance's switches `k`.
macro_rules! peer_switch {
    ($field:ident, $words:literal, $help:literal) => {
        peer_switch!($field, $words, $help, |_k| false)
    };
    ($field:ident, $words:literal, $help:literal, |$k:ident| $default:expr) => {
        command(concat!("neighbor PEER ", $words), $help, |e, a| {
            let peer = e.peer(a)?;
            let $k = peer.knobs;
            let inherited = peer.group.and_then(|g| g.options.$field);
            peer.options.$field = switch(a.no, inherited, $default);
            Ok(())
        })
        .render(Render::Peer(|p, out| {
            let $k = &p.bgp.knobs;
            let otherwise = p.inherited.and_then(|i| i.$field).unwrap_or($default);
            if let Some(on) = p.options.$field.filter(|on| *on != otherwise) {
                out.switch(on, format_args!(concat!("neighbor {} ", $words), p.name));
            }
        }))
    };
}

/// A number.
macro_rules! peer_number {
    ($field:ident, $words:literal, $range:literal, $help:literal) => {
        command(concat!("neighbor PEER ", $words, " ![", $range, "$n]"), $help, |e, a| {
            e.peer(a)?.options.$field = if a.no { None } else { Some(a.parse("n")?) };
            Ok(())
        })
        .render(Render::Peer(|p, out| {
            if let Some(n) = p.options.$field {
                out.line(format_args!(concat!("neighbor {} ", $words, " {}"), p.name, n));
            }
        }))
    };
}

/// Options outside the families.
pub const OPTIONS: &[Command] = &[
    command(
        "neighbor PEER local-as ![ASNUM [no-prepend [replace-as [dual-as]]]]",
        "The AS that this neighbor sees us in",
        |e, a| {
            let local_as = match a.no {
                true => None,
                false => Some(LocalAs {
                    asn: Asn(a.asn("ASNUM")?),
                    no_prepend: a.has("no-prepend"),
                    replace_as: a.has("replace-as"),
                    dual_as: a.has("dual-as"),
                }),
            };
            let asn = e.bgp()?.asn;
            if local_as.is_some_and(|l| l.asn == asn) {
                return Err(Fail::refuse("% Cannot have local-as same as BGP AS number"));
            }
            e.peer(a)?.options.local_as = local_as;
            Ok(())
        },
    )
    .render(Render::Peer(|p, out| {
        if let Some(l) = p.options.local_as {
            let no_prepend = if l.no_prepend { " no-prepend" } else { "" };
            let replace = if l.replace_as { " replace-as" } else { "" };
            let dual = if l.dual_as { " dual-as" } else { "" };
            out.line(format_args!("neighbor {} local-as {}{no_prepend}{replace}{dual}", p.name, l.asn));
        }
    })),
    command("neighbor PEER description ![LINE...]", "What the neighbor is", |e, a| {
        e.peer(a)?.options.description = if a.no { None } else { a.opt_string("LINE") };
        Ok(())
    })
    .render(Render::Peer(|p, out| {
        if let Some(text) = &p.options.description {
            out.line(format_args!("neighbor {} description {text}", p.name));
        }
    })),
    command("neighbor PEER shutdown [message MSG...]", "Hold the session down", |e, a| {
        let peer = e.peer(a)?;
        let inherited =
            peer.group.and_then(|g| g.options.shutdown.as_ref()).map(|s| matches!(s, Shutdown::On(_)));
        let on = switch(a.no, inherited, peer.knobs.default_shutdown);
        peer.options.shutdown = on.map(|on| match on {
            true => Shutdown::On(a.opt_string("MSG")),
            false => Shutdown::Off,
        });
        Ok(())
    })
    .render(Render::Peer(|p, out| match &p.options.shutdown {
        Some(Shutdown::On(Some(message))) => {
            out.line(format_args!("neighbor {} shutdown message {message}", p.name));
        }
        Some(Shutdown::On(None)) => out.line(format_args!("neighbor {} shutdown", p.name)),
        Some(Shutdown::Off) => out.line(format_args!("no neighbor {} shutdown", p.name)),
        None => {}
    })),
    kept_peer("neighbor PEER shutdown rtt ![(1-65535)] [count (1-255)]", "Shut down when the path is slow"),
    command("neighbor PEER bfd", "Watch the path with BFD", |e, a| {
        let bfd = &mut e.peer(a)?.options.bfd;
        if a.no {
            *bfd = None;
        } else {
            bfd.get_or_insert_default();
        }
        Ok(())
    })
    .later()
    .render(Render::Peer(render_bfd)),
    command(
        "neighbor PEER bfd (1-255)$mult (50-60000)$rx (50-60000)$tx",
        "Watch the path with these timers",
        |e, a| {
            let timers = (a.parse("mult")?, a.parse("rx")?, a.parse("tx")?);
            edit_bfd(e, a, |bfd, no| bfd.timers = (!no).then_some(timers))
        },
    )
    .later(),
    command("neighbor PEER bfd profile ![BFDPROF]", "Take the timers of a profile", |e, a| {
        let profile = a.opt_string("BFDPROF");
        edit_bfd(e, a, |bfd, no| bfd.profile = profile.filter(|_| !no))
    })
    .later(),
    command(
        "neighbor PEER bfd check-control-plane-failure",
        "Keep routes if only BFD's side fails",
        |e, a| edit_bfd(e, a, |bfd, no| bfd.check_control_plane_failure = !no),
    )
    .later(),
    command("neighbor PEER bfd strict", "No session without BFD", |e, a| {
        edit_bfd(e, a, |bfd, no| bfd.strict = !no)
    })
    .later(),
    command("neighbor PEER bfd strict hold-time ![(1-4294967295)$n]", "Seconds to wait for BFD", |e, a| {
        let seconds = a.opt("n")?;
        edit_bfd(e, a, |bfd, no| bfd.strict_hold_time = seconds.filter(|_| !no))
    })
    .later(),
    command("neighbor PEER password ![LINE...]", "TCP MD5 signatures", |e, a| {
        e.peer(a)?.options.password = if a.no { None } else { a.opt_string("LINE") };
        Ok(())
    })
    .render(Render::Peer(|p, out| {
        if let Some(text) = &p.options.password {
            out.line(format_args!("neighbor {} password {text}", p.name));
        }
    })),
    peer_switch!(solo, "solo", "An update group of its own"),
    peer_number!(port, "port", "(0-65535)", "The neighbor's TCP port"),
    peer_number!(tcp_mss, "tcp-mss", "(1-65535)", "Largest TCP segment"),
    command("neighbor PEER interface WORD", "The interface of a link-local neighbor", |e, a| {
        e.peer(a)?.options.interface = if a.no { None } else { a.opt_string("WORD") };
        Ok(())
    })
    .render(Render::Peer(|p, out| {
        if let Some(name) = &p.options.interface {
            out.line(format_args!("neighbor {} interface {name}", p.name));
        }
    })),
    peer_switch!(passive, "passive", "Wait for the neighbor to connect"),
    command("neighbor PEER ebgp-multihop [(1-255)$n]", "The neighbor may be this many hops away", |e, a| {
        let hops = a.opt("n")?.unwrap_or(255);
        let peer = e.peer(a)?;
        if !a.no && peer.options.ttl_security.is_some() {
            return Err(Fail::refuse("% Can't use ebgp-multihop with ttl-security"));
        }
        peer.options.ebgp_multihop = (!a.no).then_some(hops);
        Ok(())
    })
    .render(Render::Peer(|p, out| match p.options.ebgp_multihop {
        Some(255) => out.line(format_args!("neighbor {} ebgp-multihop", p.name)),
        Some(hops) => out.line(format_args!("neighbor {} ebgp-multihop {hops}", p.name)),
        None => {}
    })),
    command("neighbor PEER ttl-security hops ![(1-254)$n]", "Drop packets from farther away", |e, a| {
        let hops = a.opt("n")?;
        let peer = e.peer(a)?;
        if !a.no && peer.options.ebgp_multihop.is_some() {
            return Err(Fail::refuse("% Can't use ttl-security with ebgp-multihop"));
        }
        peer.options.ttl_security = hops.filter(|_| !a.no);
        Ok(())
    })
    .render(Render::Peer(|p, out| {
        if let Some(hops) = p.options.ttl_security {
            out.line(format_args!("neighbor {} ttl-security hops {hops}", p.name));
        }
    })),
    peer_switch!(
        disable_connected_check,
        "disable-connected-check",
        "The neighbor may have an address of a loopback"
    ),
    command("neighbor PEER enforce-multihop", "As disable-connected-check", |e, a| {
        let peer = e.peer(a)?;
        let inherited = peer.group.and_then(|g| g.options.disable_connected_check);
        peer.options.disable_connected_check = switch(a.no, inherited, false);
        Ok(())
    }),
    peer_switch!(enforce_first_as, "enforce-first-as", "Paths must start with the neighbor's AS", |k| k
        .enforce_first_as),
    command(
        "neighbor PEER update-source ![<<A.B.C.D|X:X::X:X>$address|WORD$if>]",
        "Our address in the session",
        |e, a| {
            let source = match (a.opt("address")?, a.opt_string("if")) {
                (Some(address), _) => Some(UpdateSource::Address(address)),
                (None, Some(name)) => Some(UpdateSource::Interface(name)),
                (None, None) => None,
            };
            e.peer(a)?.options.update_source = source.filter(|_| !a.no);
            Ok(())
        },
    )
    .render(Render::Peer(|p, out| match &p.options.update_source {
        Some(UpdateSource::Address(address)) => {
            out.line(format_args!("neighbor {} update-source {address}", p.name));
        }
        Some(UpdateSource::Interface(name)) => {
            out.line(format_args!("neighbor {} update-source {name}", p.name));
        }
        None => {}
    })),
    peer_number!(advertisement_interval, "advertisement-interval", "(0-600)", "Seconds between updates"),
    command(
        "neighbor PEER timers ![(0-65535)$keepalive (0-65535)$hold]",
        "Keepalive and hold time",
        |e, a| {
            let timers = if a.no { None } else { Some(read_timers(a)?) };
            e.peer(a)?.options.timers = timers;
            Ok(())
        },
    )
    .render(Render::Peer(|p, out| {
        if let Some(t) = p.options.timers {
            out.line(format_args!("neighbor {} timers {} {}", p.name, t.keepalive, t.hold));
        }
    })),
    peer_number!(connect_retry, "timers connect", "(1-65535)", "Seconds between attempts"),
    peer_number!(delay_open, "timers delayopen", "(1-240)", "Seconds before OPEN"),
    peer_switch!(capability_dynamic, "capability dynamic", "Announce dynamic capabilities", |k| k
        .dynamic_capability),
    peer_switch!(
        capability_extended_nexthop,
        "capability extended-nexthop",
        "IPv4 routes over IPv6 next hops"
    ),
    peer_switch!(capability_fqdn, "capability fqdn", "Announce our name", |_k| true),
    command("neighbor PEER capability software-version [latest-encoding]", "Announce our version", |e, a| {
        let peer = e.peer(a)?;
        let inherited = peer.group.and_then(|g| g.options.capability_software_version);
        peer.options.capability_software_version =
            switch(a.no, inherited, peer.knobs.software_version_capability);
        Ok(())
    })
    .render(Render::Peer(|p, out| {
        let default = p.bgp.knobs.software_version_capability;
        let otherwise = p.inherited.and_then(|i| i.capability_software_version).unwrap_or(default);
        if let Some(on) = p.options.capability_software_version.filter(|on| *on != otherwise) {
            out.switch(on, format_args!("neighbor {} capability software-version", p.name));
        }
    })),
    peer_switch!(capability_link_local, "capability link-local", "Announce link-local next hops", |k| k
        .link_local_capability),
    peer_switch!(extended_optional_parameters, "extended-optional-parameters", "Long OPEN parameters"),
    peer_switch!(dont_capability_negotiate, "dont-capability-negotiate", "Announce no capabilities"),
    peer_switch!(override_capability, "override-capability", "Ignore the neighbor's capabilities"),
    peer_switch!(strict_capability_match, "strict-capability-match", "Insist on our capabilities"),
    peer_switch!(
        sender_loop_detection,
        "sender-as-path-loop-detection",
        "Send no path with the neighbor's AS"
    ),
    command(
        "neighbor PEER local-role ![<provider|rs-server|rs-client|customer|peer>$role] [strict-mode]",
        "Our role",
        |e, a| {
            let role = a.get("role").and_then(|w| Role::NAMES.iter().find(|(_, n)| *n == w)).map(|(r, _)| *r);
            let strict = a.has("strict-mode");
            e.peer(a)?.options.local_role = role.filter(|_| !a.no).map(|role| LocalRole { role, strict });
            Ok(())
        },
    )
    .render(Render::Peer(|p, out| {
        if let Some(r) = p.options.local_role {
            let strict = if r.strict { " strict-mode" } else { "" };
            out.line(format_args!("neighbor {} local-role {}{strict}", p.name, r.role.name()));
        }
    })),
    command("neighbor PEER path-attribute discard ![LINE...]", "Drop these attributes", |e, a| {
        let numbers = attribute_numbers(a)?;
        let set = &mut e.peer(a)?.options.discard_attributes;
        edit_attributes(set, numbers, a.no);
        Ok(())
    })
    .render(Render::Peer(|p, out| {
        if let Some(numbers) = &p.options.discard_attributes {
            let numbers = value::join(numbers.iter());
            out.line(format_args!("neighbor {} path-attribute discard {numbers}", p.name));
        }
    })),
    command(
        "neighbor PEER path-attribute treat-as-withdraw ![LINE...]",
        "Withdraw routes with these attributes",
        |e, a| {
            let numbers = attribute_numbers(a)?;
            let set = &mut e.peer(a)?.options.withdraw_attributes;
            edit_attributes(set, numbers, a.no);
            Ok(())
        },
    )
    .render(Render::Peer(|p, out| {
        if let Some(numbers) = &p.options.withdraw_attributes {
            let numbers = value::join(numbers.iter());
            out.line(format_args!("neighbor {} path-attribute treat-as-withdraw {numbers}", p.name));
        }
    })),
    peer_switch!(graceful_shutdown, "graceful-shutdown", "Ask this neighbor to route around us"),
    command(
        "neighbor PEER graceful-restart-disable",
        "Do not announce graceful restart to this neighbor",
        |e, a| {
            e.peer(a)?.options.graceful_restart = (!a.no).then_some(GracefulRestartMode::Disable);
            Ok(())
        },
    )
    .render(Render::Peer(|p, out| {
        if p.options.graceful_restart == Some(GracefulRestartMode::Disable) {
            out.line(format_args!("neighbor {} graceful-restart-disable", p.name));
        }
    })),
    command(
        "neighbor PEER <graceful-restart|graceful-restart-helper>$mode",
        "Graceful restart with this neighbor",
        |e, a| {
            let mode = match a.word("mode")? {
                "graceful-restart" => GracefulRestartMode::Restart,
                _ => GracefulRestartMode::Helper,
            };
            e.peer(a)?.options.graceful_restart = (!a.no).then_some(mode);
            Ok(())
        },
    )
    .later()
    .render(Render::Peer(|p, out| {
        let word = match p.options.graceful_restart {
            Some(GracefulRestartMode::Restart) => "graceful-restart",
            Some(GracefulRestartMode::Helper) => "graceful-restart-helper",
            Some(GracefulRestartMode::Disable) | None => return,
        };
        out.line(format_args!("neighbor {} {word}", p.name));
    })),
    peer_switch!(aigp, "aigp", "Send and accept accumulated metrics"),
    kept_peer("neighbor PEER oad", "An AS of our own"),
    kept_peer("neighbor PEER rpki strict", "No routes without validation"),
    kept_peer("neighbor PEER ip-transparent", "Addresses that are not ours"),
    peer_switch!(integer_bandwidth, "disable-link-bw-encoding-ieee", "Bandwidth as an integer"),
    peer_switch!(long_bandwidth, "extended-link-bandwidth", "Set bandwidth in 64 bits"),
    kept_peer("neighbor PEER send-nexthop-characteristics", "Characteristics of next hops"),
    kept_peer("neighbor PEER <local-link-id|remote-link-id>$w ![(1-4294967295)]", "A link of BGP-LS")
        .harmless(),
];

fn edit_bfd(editor: &mut Editor, args: &Args<'_>, edit: impl FnOnce(&mut Bfd, bool)) -> Outcome {
    let bfd = &mut editor.peer(args)?.options.bfd;
    match (args.no, bfd) {
        (true, None) => {}
        (true, Some(bfd)) => edit(bfd, true),
        (false, bfd) => edit(bfd.get_or_insert_default(), false),
    }
    Ok(())
}

fn render_bfd(p: &PeerView<'_>, out: &mut Lines) {
    let Some(bfd) = &p.options.bfd else { return };
    let name = p.name;
    match bfd.timers {
        Some((multiplier, rx, tx)) => out.line(format_args!("neighbor {name} bfd {multiplier} {rx} {tx}")),
        None => out.line(format_args!("neighbor {name} bfd")),
    }
    if let Some(profile) = &bfd.profile {
        out.line(format_args!("neighbor {name} bfd profile {profile}"));
    }
    if bfd.check_control_plane_failure {
        out.line(format_args!("neighbor {name} bfd check-control-plane-failure"));
    }
    if bfd.strict {
        out.line(format_args!("neighbor {name} bfd strict"));
    }
    if let Some(seconds) = bfd.strict_hold_time {
        out.line(format_args!("neighbor {name} bfd strict hold-time {seconds}"));
    }
}

fn attribute_numbers(args: &Args<'_>) -> Result<BTreeSet<u8>, Fail> {
    let words = args.get("LINE").unwrap_or("").split_whitespace();
    words.map(|w| w.parse().ok().filter(|n| *n != 0).ok_or_else(|| Fail::Value(w.to_owned()))).collect()
}

fn edit_attributes(set: &mut Option<BTreeSet<u8>>, numbers: BTreeSet<u8>, no: bool) {
    if !no {
        *set = Some(numbers);
        return;
    }
    let rest: BTreeSet<u8> = match numbers.is_empty() {
        true => BTreeSet::new(),
        false => set.iter().flatten().copied().filter(|n| !numbers.contains(n)).collect(),
    };
    *set = (!rest.is_empty()).then_some(rest);
}
