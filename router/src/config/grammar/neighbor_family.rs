//! `neighbor X ...` within a family.

use bgp::attrs::text::ExtKind;
use bgp::types::Family;

use super::dampening;
use super::edit::switch;
use super::kept::kept_peer_family;
use super::{Args, Command, Editor, Lines, Outcome, PeerFamilyView, Render, command, value};
use crate::config::model::{
    AddPathTx, AdvertiseMap, AllowAsIn, AttributeUnchanged, DefaultOriginate, Knobs, MaximumPrefix,
    MaximumPrefixAction, NextHopSelf, OwnAsPlace, RemovePrivateAs, SendCommunity,
};

const DIRECTION_NOTE: &str = "Filter routes in one direction";

/// A switch; `$default` says what holds without it.
macro_rules! family_switch {
    ($field:ident, $words:literal, $help:literal) => {
        command(concat!("neighbor PEER ", $words), $help, |e, a| {
            let family = e.family().index();
            let peer = e.peer(a)?;
            let inherited = peer.group.and_then(|g| g.families.get(family)).and_then(|f| f.$field);
            peer.family.$field = switch(a.no, inherited, false);
            Ok(())
        })
        .render(Render::PeerFamily(|p, out| {
            let otherwise = p.inherited.and_then(|i| i.$field).unwrap_or(false);
            if let Some(on) = p.options.$field.filter(|on| *on != otherwise) {
                out.switch(on, format_args!(concat!("neighbor {} ", $words), p.name));
            }
        }))
    };
}

/// A filter by name, in and out.
macro_rules! filter {
    ($word:literal, $inward:ident, $outward:ident) => {
        command(concat!("neighbor PEER ", $word, " NAME <in|out>$dir"), DIRECTION_NOTE, |e, a| {
            let name = a.string("NAME")?;
            let options = e.peer(a)?.family;
            let slot = if a.has("in") { &mut options.$inward } else { &mut options.$outward };
            if !a.no {
                *slot = Some(name.clone());
                if $word == "route-map" {
                    e.note_route_map(&name);
                }
            } else if slot.as_ref() == Some(&name) {
                *slot = None;
            }
            Ok(())
        })
        .render(Render::PeerFamily(|p, out| {
            if let Some(list) = &p.options.$inward {
                out.line(format_args!(concat!("neighbor {} ", $word, " {} in"), p.name, list));
            }
            if let Some(list) = &p.options.$outward {
                out.line(format_args!(concat!("neighbor {} ", $word, " {} out"), p.name, list));
            }
        }))
    };
}

/// Whether neighbours are active in a family without being told.
pub fn active_by_default(knobs: &Knobs, family: Family) -> bool {
    match family {
        Family::Ipv4Unicast => knobs.default_ipv4_unicast,
        Family::Ipv6Unicast => knobs.default_ipv6_unicast,
    }
}

/// Options within a family.
pub const OPTIONS: &[Command] = &[
    command("neighbor PEER activate", "Exchange routes of this family", |e, a| {
        let family = e.family();
        let peer = e.peer(a)?;
        let inherited = peer.group.and_then(|g| g.family(family).activate);
        let default = active_by_default(peer.knobs, family);
        peer.family.activate = switch(a.no, inherited, default);
        Ok(())
    })
    .render(Render::PeerFamily(|p, out| {
        let default = active_by_default(&p.bgp.knobs, p.family);
        let otherwise = p.inherited.and_then(|i| i.activate).unwrap_or(default);
        if let Some(on) = p.options.activate.filter(|on| *on != otherwise) {
            out.switch(on, format_args!("neighbor {} activate", p.name));
        }
    })),
    command("neighbor PEER addpath-tx-all-paths", "Send all paths", |e, a| {
        e.peer(a)?.family.addpath_tx = (!a.no).then_some(AddPathTx::All);
        Ok(())
    })
    .render(Render::PeerFamily(render_addpath)),
    command("neighbor PEER addpath-tx-bestpath-per-AS", "Send the best path of each neighboring AS", |e, a| {
        e.peer(a)?.family.addpath_tx = (!a.no).then_some(AddPathTx::BestPerAs);
        Ok(())
    }),
    command("neighbor PEER addpath-tx-best-selected ![(1-6)$n]", "Send the best few paths", |e, a| {
        let n = a.opt("n")?;
        e.peer(a)?.family.addpath_tx = n.filter(|_| !a.no).map(AddPathTx::BestSelected);
        Ok(())
    }),
    family_switch!(disable_addpath_rx, "disable-addpath-rx", "Do not accept several paths"),
    command("neighbor PEER addpath-rx-paths-limit ![(1-65535)$n]", "The most paths of a prefix to ask for", |e, a| {
        let n = a.opt("n")?;
        e.peer(a)?.family.addpath_rx_paths_limit = n.filter(|_| !a.no);
        Ok(())
    })
    .render(Render::PeerFamily(|p, out| {
        if let Some(n) = p.options.addpath_rx_paths_limit {
            out.line(format_args!("neighbor {} addpath-rx-paths-limit {n}", p.name));
        }
    })),
    kept_peer_family("neighbor PEER capability orf prefix-list <both|send|receive>", "Outbound route filtering"),
    family_switch!(route_reflector_client, "route-reflector-client", "A client of this route reflector"),
    command("neighbor PEER next-hop-self [force]", "Announce ourselves as next hop", |e, a| {
        let family = e.family();
        let peer = e.peer(a)?;
        let inherited = peer.group.and_then(|g| g.family(family).next_hop_self);
        peer.family.next_hop_self = match (a.no, a.has("force")) {
            (false, true) => Some(NextHopSelf::Force),
            (false, false) => Some(NextHopSelf::On),
            (true, _) => inherited.is_some_and(|i| i != NextHopSelf::Off).then_some(NextHopSelf::Off),
        };
        Ok(())
    })
    .render(Render::PeerFamily(|p, out| match p.options.next_hop_self {
        Some(NextHopSelf::On) => out.line(format_args!("neighbor {} next-hop-self", p.name)),
        Some(NextHopSelf::Force) => out.line(format_args!("neighbor {} next-hop-self force", p.name)),
        Some(NextHopSelf::Off) => out.line(format_args!("no neighbor {} next-hop-self", p.name)),
        None => {}
    })),
    command("neighbor PEER remove-private-AS [all] [replace-AS]", "Take private ASes out of paths", |e, a| {
        let options = RemovePrivateAs { all: a.has("all"), replace: a.has("replace-AS") };
        e.peer(a)?.family.remove_private_as = (!a.no).then_some(options);
        Ok(())
    })
    .render(Render::PeerFamily(|p, out| {
        if let Some(r) = p.options.remove_private_as {
            let all = if r.all { " all" } else { "" };
            let replace = if r.replace { " replace-AS" } else { "" };
            out.line(format_args!("neighbor {} remove-private-AS{all}{replace}", p.name));
        }
    })),
    family_switch!(as_override, "as-override", "Replace the neighbor's AS in paths by ours"),
    command(
        "neighbor PEER send-community [<both|all|extended|standard|large>$kind]",
        "Send community attributes",
        send_community,
    )
    .render(Render::PeerFamily(render_send_community)),
    kept_peer_family("neighbor PEER send-community extended rpki", "Send the validation state"),
    command("neighbor PEER default-originate [route-map RMAP_NAME]", "Announce a default route", |e, a| {
        let route_map = a.opt_string("RMAP_NAME");
        e.peer(a)?.family.default_originate = (!a.no).then(|| DefaultOriginate { route_map: route_map.clone() });
        if let Some(map) = route_map.filter(|_| !a.no) {
            e.note_route_map(&map);
        }
        Ok(())
    })
    .render(Render::PeerFamily(|p, out| match &p.options.default_originate {
        Some(DefaultOriginate { route_map: Some(map) }) => {
            out.line(format_args!("neighbor {} default-originate route-map {map}", p.name));
        }
        Some(DefaultOriginate { route_map: None }) => {
            out.line(format_args!("neighbor {} default-originate", p.name));
        }
        None => {}
    })),
    family_switch!(soft_reconfiguration, "soft-reconfiguration inbound", "Keep received routes before policy"),
    command(
        "neighbor PEER maximum-prefix ![(1-4294967295)$limit] [(1-100)$threshold] [<warning-only|restart (1-65535)$minutes>] [force]",
        "The most routes to accept",
        maximum_prefix,
    )
    .render(Render::PeerFamily(|p, out| {
        if let Some(m) = p.options.maximum_prefix {
            let threshold = if m.threshold == 75 { String::new() } else { format!(" {}", m.threshold) };
            let action = match m.action {
                MaximumPrefixAction::Shutdown => String::new(),
                MaximumPrefixAction::Restart(minutes) => format!(" restart {minutes}"),
                MaximumPrefixAction::Warn => " warning-only".to_owned(),
            };
            let force = if m.force { " force" } else { "" };
            out.line(format_args!("neighbor {} maximum-prefix {}{threshold}{action}{force}", p.name, m.limit));
        }
    })),
    command("neighbor PEER maximum-prefix-out ![(1-4294967295)$n]", "The most routes to send", |e, a| {
        let n = a.opt("n")?;
        e.peer(a)?.family.maximum_prefix_out = n.filter(|_| !a.no);
        Ok(())
    })
    .render(Render::PeerFamily(|p, out| {
        if let Some(n) = p.options.maximum_prefix_out {
            out.line(format_args!("neighbor {} maximum-prefix-out {n}", p.name));
        }
    })),
    family_switch!(route_server_client, "route-server-client", "A client of this route server"),
    family_switch!(nexthop_local_unchanged, "nexthop-local unchanged", "Leave link-local next hops as they are"),
    command("neighbor PEER allowas-in [<(1-10)$n|origin>]", "Accept paths with our AS", allowas_in).render(
        Render::PeerFamily(|p, out| {
            let Some(AllowAsIn { place, route_map }) = &p.options.allowas_in else { return };
            let map = route_map.as_ref().map(|m| format!(" route-map {m}")).unwrap_or_default();
            let place = match place {
                OwnAsPlace::Origin => " origin".to_owned(),
                OwnAsPlace::Count(3) => String::new(),
                OwnAsPlace::Count(n) => format!(" {n}"),
            };
            out.line(format_args!("neighbor {} allowas-in{map}{place}", p.name));
        }),
    ),
    command(
        "neighbor PEER allowas-in route-map ![RMAP_NAME] [<(1-10)$n|origin>]",
        "Accept paths with our AS that a policy permits",
        allowas_in,
    ),
    command("neighbor PEER weight ![(0-65535)$n]", "The weight of routes from here", |e, a| {
        let n = a.opt("n")?;
        e.peer(a)?.family.weight = n.filter(|_| !a.no);
        Ok(())
    })
    .render(Render::PeerFamily(|p, out| {
        if let Some(n) = p.options.weight {
            out.line(format_args!("neighbor {} weight {n}", p.name));
        }
    })),
    filter!("distribute-list", distribute_list_in, distribute_list_out),
    filter!("prefix-list", prefix_list_in, prefix_list_out),
    filter!("filter-list", filter_list_in, filter_list_out),
    filter!("route-map", route_map_in, route_map_out),
    command("neighbor PEER unsuppress-map ![WORD]", "Which suppressed routes to send anyway", |e, a| {
        let name = a.opt_string("WORD");
        e.peer(a)?.family.unsuppress_map = name.filter(|_| !a.no);
        Ok(())
    })
    .render(Render::PeerFamily(|p, out| {
        if let Some(map) = &p.options.unsuppress_map {
            out.line(format_args!("neighbor {} unsuppress-map {map}", p.name));
        }
    })),
    command(
        "neighbor PEER advertise-map RMAP_NAME <exist-map|non-exist-map>$condition CMAP_NAME",
        "Announce routes on a condition",
        |e, a| {
            let map = AdvertiseMap {
                route_map: a.word("RMAP_NAME")?.to_owned(),
                condition: a.word("CMAP_NAME")?.to_owned(),
                exist: a.word("condition")? == "exist-map",
            };
            for name in [&map.route_map, &map.condition].into_iter().filter(|_| !a.no) {
                e.note_route_map(name);
            }
            e.peer(a)?.family.advertise_map = (!a.no).then_some(map);
            Ok(())
        },
    )
    .render(Render::PeerFamily(|p, out| {
        if let Some(AdvertiseMap { route_map, condition, exist }) = &p.options.advertise_map {
            let word = if *exist { "exist-map" } else { "non-exist-map" };
            out.line(format_args!("neighbor {} advertise-map {route_map} {word} {condition}", p.name));
        }
    })),
    command(
        "neighbor PEER attribute-unchanged [{as-path|next-hop|med}]",
        "Attributes that stay as they are",
        attribute_unchanged,
    )
    .render(Render::PeerFamily(render_attribute_unchanged)),
    command(
        "neighbor PEER soo ![ASN:NN_OR_IP-ADDRESS:NN$site]",
        "The site that routes from here belong to",
        |e, a| {
            let site = match a.no {
                true => None,
                false => value::parse_ext_communities(a.word("site")?, ExtKind::RouteOrigin)?.pop(),
            };
            e.peer(a)?.family.site_of_origin = site;
            Ok(())
        },
    )
    .render(Render::PeerFamily(|p, out| {
        if let Some((_, site)) = p.options.site_of_origin.as_ref().and_then(value::ext_community_words) {
            out.line(format_args!("neighbor {} soo {site}", p.name));
        }
    })),
    command(
        "neighbor PEER dampening [(1-45)$half [(1-20000)$reuse (1-20000)$suppress (1-255)$max]]",
        "Hold back flapping routes",
        |e, a| {
            e.peer(a)?.family.dampening = dampening::read(a)?;
            Ok(())
        },
    )
    .render(Render::PeerFamily(|p, out| {
        if let Some(parameters) = &p.options.dampening {
            out.line(format_args!("neighbor {} dampening{}", p.name, dampening::words(parameters)));
        }
    })),
    kept_peer_family("neighbor PEER upa", "Unreachability announcements").harmless(),
    kept_peer_family("neighbor PEER encapsulation LINE...", "Encapsulation").harmless(),
];

fn render_addpath(p: &PeerFamilyView<'_>, out: &mut Lines) {
    match p.options.addpath_tx {
        Some(AddPathTx::All) => out.line(format_args!("neighbor {} addpath-tx-all-paths", p.name)),
        Some(AddPathTx::BestPerAs) => {
            out.line(format_args!("neighbor {} addpath-tx-bestpath-per-AS", p.name))
        }
        Some(AddPathTx::BestSelected(n)) => {
            out.line(format_args!("neighbor {} addpath-tx-best-selected {n}", p.name));
        }
        None => {}
    }
}

fn send_community(editor: &mut Editor, args: &Args<'_>) -> Outcome {
    let family = editor.family();
    let peer = editor.peer(args)?;
    let inherited = peer.group.and_then(|g| g.family(family).send_community).unwrap_or(SendCommunity::ALL);
    let mut value = peer.family.send_community.unwrap_or(inherited);
    let on = !args.no;
    let kind = args.get("kind").unwrap_or("standard");
    if matches!(kind, "standard" | "both" | "all") {
        value.standard = on;
    }
    if matches!(kind, "extended" | "both" | "all") {
        value.extended = on;
    }
    if matches!(kind, "large" | "all") {
        value.large = on;
    }
    peer.family.send_community = (value != inherited).then_some(value);
    Ok(())
}

/// Only what differs from the group, or from everything, is written.
fn render_send_community(p: &PeerFamilyView<'_>, out: &mut Lines) {
    let Some(value) = p.options.send_community else { return };
    let otherwise = p.inherited.and_then(|i| i.send_community).unwrap_or(SendCommunity::ALL);
    if !value.standard && !value.extended && !value.large {
        out.line(format_args!("no neighbor {} send-community all", p.name));
        return;
    }
    for (on, other, kind) in [
        (value.standard, otherwise.standard, "standard"),
        (value.extended, otherwise.extended, "extended"),
        (value.large, otherwise.large, "large"),
    ] {
        if on != other {
            out.switch(on, format_args!("neighbor {} send-community {kind}", p.name));
        }
    }
}

fn maximum_prefix(editor: &mut Editor, args: &Args<'_>) -> Outcome {
    let limit: Option<u32> = args.opt("limit")?;
    let action = match (args.has("warning-only"), args.opt("minutes")?) {
        (true, _) => MaximumPrefixAction::Warn,
        (false, Some(minutes)) => MaximumPrefixAction::Restart(minutes),
        (false, None) => MaximumPrefixAction::Shutdown,
    };
    let threshold = args.opt("threshold")?.unwrap_or(75);
    let force = args.has("force");
    editor.peer(args)?.family.maximum_prefix =
        limit.filter(|_| !args.no).map(|limit| MaximumPrefix { limit, threshold, action, force });
    Ok(())
}

fn attribute_unchanged(editor: &mut Editor, args: &Args<'_>) -> Outcome {
    let any = ["as-path", "next-hop", "med"].iter().any(|w| args.has(w));
    let chosen = AttributeUnchanged {
        as_path: !any || args.has("as-path"),
        next_hop: !any || args.has("next-hop"),
        med: !any || args.has("med"),
    };
    let slot = &mut editor.peer(args)?.family.attribute_unchanged;
    if !args.no {
        *slot = Some(chosen);
        return Ok(());
    }
    let left = slot.unwrap_or_default();
    let left = AttributeUnchanged {
        as_path: left.as_path && !chosen.as_path,
        next_hop: left.next_hop && !chosen.next_hop,
        med: left.med && !chosen.med,
    };
    *slot = (left != AttributeUnchanged::default()).then_some(left);
    Ok(())
}

fn render_attribute_unchanged(p: &PeerFamilyView<'_>, out: &mut Lines) {
    let Some(a) = p.options.attribute_unchanged else { return };
    let mut words = String::new();
    if !(a.as_path && a.next_hop && a.med) {
        for (on, word) in [(a.as_path, " as-path"), (a.next_hop, " next-hop"), (a.med, " med")] {
            if on {
                words.push_str(word);
            }
        }
    }
    out.line(format_args!("neighbor {} attribute-unchanged{words}", p.name));
}

fn allowas_in(e: &mut Editor, a: &Args<'_>) -> Outcome {
    let place = match (a.opt("n")?, a.has("origin")) {
        (_, true) => OwnAsPlace::Origin,
        (n, false) => OwnAsPlace::Count(n.unwrap_or(3)),
    };
    let value = AllowAsIn { place, route_map: a.opt_string("RMAP_NAME") };
    e.peer(a)?.family.allowas_in = (!a.no).then_some(value);
    Ok(())
}
