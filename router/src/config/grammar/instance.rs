//! `router bgp`: what concerns the whole instance, and its families.

use bgp::types::{Asn, Family};
use ipnet::IpNet;
use rib::weight::Bandwidth;

use super::dampening;
use super::kept::kept;
use super::{Args, BlockKind, Command, Editor, Fail, Instance, Node, Outcome, Render, command, value};
use crate::config::model::{
    Aggregate, Bgp, ClusterId, Distances, Knobs, ListenRange, MAX_MED, Network, Redistribute,
    RedistributeFrom, Release, Timers,
};

/// A switch in [`Knobs`]: rendered where it differs from what the profile says.
macro_rules! knob {
    ($field:ident, $syntax:literal, $help:literal) => {
        command($syntax, $help, |e, a| {
            e.bgp()?.knobs.$field = !a.no;
            Ok(())
        })
        .render(Render::Bgp(|b, out| {
            if b.knobs.$field != defaults(b).$field {
                out.switch(b.knobs.$field, format_args!($syntax));
            }
        }))
    };
}

/// A switch that is off by default.
macro_rules! switch {
    ($($field:ident).+, $syntax:literal, $help:literal) => {
        command($syntax, $help, |e, a| {
            e.bgp()?.$($field).+ = !a.no;
            Ok(())
        })
        .render(Render::Bgp(|b, out| {
            if b.$($field).+ {
                out.line(format_args!($syntax));
            }
        }))
    };
}

/// A number that may be missing.
macro_rules! number {
    ($field:ident, $words:literal, $range:literal, $help:literal) => {
        command(concat!($words, " ![", $range, "$n]"), $help, |e, a| {
            e.bgp()?.$field = if a.no { None } else { Some(a.parse("n")?) };
            Ok(())
        })
        .render(Render::Bgp(|b, out| {
            if let Some(n) = b.$field {
                out.line(format_args!(concat!($words, " {}"), n));
            }
        }))
    };
}

fn defaults(bgp: &Bgp) -> Knobs {
    Knobs::defaults(bgp.profile, Release::CURRENT)
}

/// Before the neighbours.
pub const GLOBAL: &[Command] = &[
    command("bgp router-id ![A.B.C.D]", "The identifier in this instance", |e, a| {
        e.bgp()?.router_id = if a.no { None } else { Some(a.router_id("A.B.C.D")?) };
        Ok(())
    })
    .render(Render::Bgp(|b, out| {
        if let Some(id) = b.router_id {
            out.line(format_args!("bgp router-id {id}"));
        }
    })),
    knob!(fast_external_failover, "bgp fast-external-failover", "End a session when its link fails"),
    knob!(fast_convergence, "bgp fast-convergence", "The same for multihop sessions"),
    knob!(suppress_duplicates, "bgp suppress-duplicates", "Send no update that says nothing new"),
    knob!(hard_administrative_reset, "bgp hard-administrative-reset", "Resets by hand end graceful restart too"),
    knob!(log_neighbor_changes, "bgp log-neighbor-changes", "Log when sessions come and go"),
    knob!(default_ipv4_unicast, "bgp default ipv4-unicast", "New neighbors exchange IPv4 routes"),
    knob!(default_ipv6_unicast, "bgp default ipv6-unicast", "New neighbors exchange IPv6 routes"),
    knob!(show_hostname, "bgp default show-hostname", "Show neighbors' names"),
    knob!(show_nexthop_hostname, "bgp default show-nexthop-hostname", "Show next hops' names"),
    knob!(default_shutdown, "bgp default shutdown", "New neighbors start shut down"),
    knob!(dynamic_capability, "bgp default dynamic-capability", "Announce dynamic capabilities"),
    command(
        "bgp default software-version-capability [latest-encoding]",
        "Announce our version",
        |e, a| {
            e.bgp()?.knobs.software_version_capability = !a.no;
            Ok(())
        },
    )
    .render(Render::Bgp(|b, out| {
        let on = b.knobs.software_version_capability;
        if on != defaults(b).software_version_capability {
            out.switch(on, format_args!("bgp default software-version-capability"));
        }
    })),
    knob!(link_local_capability, "bgp default link-local-capability", "Announce link-local next hops"),
    kept("bgp default <ipv4-vpn|ipv4-labeled-unicast|ipv4-multicast|ipv4-flowspec|ipv6-vpn|ipv6-labeled-unicast|ipv6-multicast|ipv6-flowspec|l2vpn-evpn>$f", "A family that is not here").harmless(),
    command("bgp default local-preference ![(0-4294967295)$n]", "LOCAL_PREF of routes without one", |e, a| {
        e.bgp()?.knobs.local_preference = if a.no { 100 } else { a.parse("n")? };
        Ok(())
    })
    .render(Render::Bgp(|b, out| {
        if b.knobs.local_preference != 100 {
            out.line(format_args!("bgp default local-preference {}", b.knobs.local_preference));
        }
    })),
    kept("bgp default subgroup-pkt-queue-max ![(20-100)]", "Packets that a group may queue").harmless(),
    switch!(knobs.always_compare_med, "bgp always-compare-med", "Compare MED across neighbor ASes"),
    knob!(ebgp_requires_policy, "bgp ebgp-requires-policy", "Nothing passes eBGP without a policy"),
    knob!(enforce_first_as, "bgp enforce-first-as", "Paths must start with the neighbor's AS"),
    knob!(deterministic_med, "bgp deterministic-med", "Compare MED group by group"),
    command("bgp cluster-id ![<A.B.C.D$id|(1-4294967295)$n>]", "The identifier of the cluster", |e, a| {
        e.bgp()?.cluster_id = match (a.no, a.opt("id")?, a.opt("n")?) {
            (false, Some(id), _) => Some(ClusterId::Address(id)),
            (false, None, Some(n)) => Some(ClusterId::Number(n)),
            _ => None,
        };
        Ok(())
    })
    .render(Render::Bgp(|b, out| match b.cluster_id {
        Some(ClusterId::Address(id)) => out.line(format_args!("bgp cluster-id {id}")),
        Some(ClusterId::Number(n)) => out.line(format_args!("bgp cluster-id {n}")),
        None => {}
    })),
    knob!(client_to_client_reflection, "bgp client-to-client reflection", "Reflect between clients"),
    switch!(
        knobs.rr_allow_outbound_policy,
        "bgp route-reflector allow-outbound-policy",
        "Outbound policy may change reflected routes"
    ),
    command("bgp confederation identifier ![ASNUM]", "The AS that others see", |e, a| {
        e.bgp()?.confederation_identifier = if a.no { None } else { a.opt_asn("ASNUM")?.map(Asn) };
        Ok(())
    })
    .render(Render::Bgp(|b, out| {
        if let Some(asn) = b.confederation_identifier {
            out.line(format_args!("bgp confederation identifier {asn}"));
        }
    })),
    command("bgp confederation peers ASNUM...", "The ASes inside", |e, a| {
        let words = a.word("ASNUM")?.to_owned();
        let bgp = e.bgp()?;
        for word in words.split_whitespace() {
            let asn = Asn(super::matcher::parse_asn(word).ok_or_else(|| Fail::Value(word.to_owned()))?);
            if a.no {
                bgp.confederation_peers.remove(&asn);
            } else if asn == bgp.asn {
                return Err(Fail::refuse("% Local member-AS not allowed in confed peer list"));
            } else {
                bgp.confederation_peers.insert(asn);
            }
        }
        Ok(())
    })
    .render(Render::Bgp(|b, out| {
        if !b.confederation_peers.is_empty() {
            out.line(format_args!("bgp confederation peers {}", value::join(b.confederation_peers.iter())));
        }
    })),
    command("bgp max-med administrative [(0-4294967295)$n]", "Announce a high MED", |e, a| {
        e.bgp()?.max_med = if a.no { None } else { Some(a.opt("n")?.unwrap_or(MAX_MED)) };
        Ok(())
    })
    .render(Render::Bgp(|b, out| match b.max_med {
        Some(MAX_MED) => out.line(format_args!("bgp max-med administrative")),
        Some(n) => out.line(format_args!("bgp max-med administrative {n}")),
        None => {}
    })),
    command(
        "bgp max-med on-startup ![(5-86400)$seconds [(0-4294967295)$n]]",
        "Announce a high MED at first",
        |e, a| {
            e.bgp()?.max_med_on_startup = match a.no {
                true => None,
                false => Some((a.parse("seconds")?, a.opt("n")?.unwrap_or(MAX_MED))),
            };
            Ok(())
        },
    )
    .render(Render::Bgp(|b, out| match b.max_med_on_startup {
        Some((seconds, MAX_MED)) => out.line(format_args!("bgp max-med on-startup {seconds}")),
        Some((seconds, n)) => out.line(format_args!("bgp max-med on-startup {seconds} {n}")),
        None => {}
    })),
    switch!(
        knobs.disable_ebgp_connected_check,
        "bgp disable-ebgp-connected-route-check",
        "eBGP neighbors need not be directly connected"
    ),
    knob!(reject_as_sets, "bgp reject-as-sets", "Refuse paths with AS_SETs"),
    switch!(knobs.allow_martian_nexthop, "bgp allow-martian-nexthop", "Accept odd next hops"),
    command("bgp shutdown [message MSG...]", "Hold all sessions down", |e, a| {
        e.bgp()?.shutdown = (!a.no).then(|| a.opt_string("MSG"));
        Ok(())
    })
    .render(Render::Bgp(|b, out| match &b.shutdown {
        Some(Some(message)) => out.line(format_args!("bgp shutdown message {message}")),
        Some(None) => out.line(format_args!("bgp shutdown")),
        None => {}
    })),
    command("bgp suppress-fib-pending [(0-10000)$delay]", "Announce only what the kernel has", |e, a| {
        e.bgp()?.suppress_fib_pending = if a.no { None } else { Some(a.opt("delay")?) };
        Ok(())
    })
    .render(Render::Bgp(|b, out| match b.suppress_fib_pending {
        Some(Some(delay)) => out.line(format_args!("bgp suppress-fib-pending {delay}")),
        Some(None) => out.line(format_args!("bgp suppress-fib-pending")),
        None => {}
    })),
    number!(advertisement_delay, "advertisement-delay", "(1-3600)", "Seconds before announcements"),
    command("bgp session-dscp ![(0-63)$n]", "Traffic class of sessions", session_dscp),
    command("update-delay ![(0-3600)$max [(1-3600)$establish]]", "Seconds before the first announcements", |e, a| {
        let delay = update_delay(a)?;
        e.bgp()?.update_delay = delay;
        Ok(())
    })
    .render(Render::Bgp(|b, out| match b.update_delay {
        Some((max, Some(establish))) => out.line(format_args!("update-delay {max} {establish}")),
        Some((max, None)) => out.line(format_args!("update-delay {max}")),
        None => {}
    })),
    number!(coalesce_time, "coalesce-time", "(0-4294967295)", "Milliseconds to gather changes"),
    kept("read-quanta ![(1-10)]", "Packets read at a time").harmless(),
    kept("write-quanta ![(1-64)]", "Packets written at a time").harmless(),
    kept("bgp route-map delay-timer ![(0-600)]", "Seconds before a changed policy is applied"),
    number!(conditional_timer, "bgp conditional-advertisement timer", "(5-240)", "Seconds between evaluations"),
    kept("bgp default-originate timer ![(0-65535)]", "Seconds between evaluations").harmless(),
    kept("bgp ipv6-auto-ra", "Announce routers for interface neighbors").harmless().default("bgp ipv6-auto-ra"),
    kept("use-underlays-nexthop-weight", "Weights of the underlay").harmless(),
    command("bgp graceful-restart", "Restart without losing routes", |e, a| {
        e.bgp()?.graceful_restart = (!a.no).then_some(true);
        Ok(())
    })
    .later()
    .render(Render::Bgp(|b, out| {
        if b.graceful_restart == Some(true) {
            out.line(format_args!("bgp graceful-restart"));
        }
    })),
    command("bgp graceful-restart-disable", "Do not even help others restart", |e, a| {
        e.bgp()?.graceful_restart = (!a.no).then_some(false);
        Ok(())
    })
    .render(Render::Bgp(|b, out| {
        if b.graceful_restart == Some(false) {
            out.line(format_args!("bgp graceful-restart-disable"));
        }
    })),
    knob!(
        graceful_restart_notification,
        "bgp graceful-restart notification",
        "Keep routes when a notification ends the session"
    )
    .later(),
    switch!(
        graceful_preserve_fw_state,
        "bgp graceful-restart preserve-fw-state",
        "Announce that forwarding goes on"
    )
    .later(),
    number!(graceful_restart_time, "bgp graceful-restart restart-time", "(0-4095)", "Seconds that neighbors wait").later(),
    number!(graceful_stalepath_time, "bgp graceful-restart stalepath-time", "(1-4095)", "Seconds that stale paths stay").later(),
    number!(graceful_select_defer_time, "bgp graceful-restart select-defer-time", "(0-3600)", "Seconds before paths are chosen").later(),
    number!(graceful_rib_stale_time, "bgp graceful-restart rib-stale-time", "(1-3600)", "Seconds that stale routes stay").later(),
    number!(long_lived_stale_time, "bgp long-lived-graceful-restart stale-time", "(1-16777215)", "Seconds that long-lived stale paths stay").later(),
    knob!(graceful_shutdown, "bgp graceful-shutdown", "Ask neighbors to route around us"),
    switch!(bestpath.as_path_ignore, "bgp bestpath as-path ignore", "Do not compare path lengths"),
    switch!(bestpath.as_path_confed, "bgp bestpath as-path confed", "Count confederation segments"),
    command("bgp bestpath as-path multipath-relax [<as-set|no-as-set>]", "Multipath over different paths", |e, a| {
        let bestpath = &mut e.bgp()?.bestpath;
        bestpath.multipath_relax = !a.no;
        bestpath.multipath_relax_as_set = !a.no && a.has("as-set");
        Ok(())
    })
    .render(Render::Bgp(|b, out| match (b.bestpath.multipath_relax, b.bestpath.multipath_relax_as_set) {
        (true, true) => out.line(format_args!("bgp bestpath as-path multipath-relax as-set")),
        (true, false) => out.line(format_args!("bgp bestpath as-path multipath-relax")),
        _ => {}
    })),
    switch!(bestpath.compare_routerid, "bgp bestpath compare-routerid", "Compare identifiers before age"),
    command(
        "bgp bestpath med <confed [missing-as-worst]|missing-as-worst [confed]>",
        "How to compare MED",
        |e, a| {
            let med = &mut e.bgp()?.bestpath.med;
            if a.has("confed") {
                med.confed = !a.no;
            }
            if a.has("missing-as-worst") {
                med.missing_as_worst = !a.no;
            }
            Ok(())
        },
    )
    .render(Render::Bgp(|b, out| match (b.bestpath.med.confed, b.bestpath.med.missing_as_worst) {
        (true, true) => out.line(format_args!("bgp bestpath med confed missing-as-worst")),
        (true, false) => out.line(format_args!("bgp bestpath med confed")),
        (false, true) => out.line(format_args!("bgp bestpath med missing-as-worst")),
        (false, false) => {}
    })),
    switch!(
        bestpath.peer_type_relax,
        "bgp bestpath peer-type multipath-relax",
        "Multipath over eBGP and iBGP together"
    ),
    command(
        "bgp bestpath bandwidth ![<ignore|skip-missing|default-weight-for-missing>$how]",
        "Weights from bandwidth",
        |e, a| {
            e.bgp()?.bestpath.bandwidth = match a.get("how").filter(|_| !a.no) {
                Some("ignore") => Bandwidth::Ignore,
                Some("skip-missing") => Bandwidth::SkipMissing,
                Some("default-weight-for-missing") => Bandwidth::DefaultWeight,
                _ => Bandwidth::All,
            };
            Ok(())
        },
    )
    .render(Render::Bgp(|b, out| {
        let how = match b.bestpath.bandwidth {
            Bandwidth::All => return,
            Bandwidth::Ignore => "ignore",
            Bandwidth::SkipMissing => "skip-missing",
            Bandwidth::DefaultWeight => "default-weight-for-missing",
        };
        out.line(format_args!("bgp bestpath bandwidth {how}"));
    })),
    switch!(bestpath.aigp, "bgp bestpath aigp", "Compare accumulated metrics"),
    kept("bgp bestpath use-imported-attributes", "Attributes of imported routes").harmless(),
    knob!(network_import_check, "bgp network import-check", "Originate only what the routing table has"),
    number!(minimum_holdtime, "bgp minimum-holdtime", "(1-65535)", "Least hold time to accept"),
    command("bgp tcp-keepalive ![(1-65535)$idle (1-65535)$interval (1-30)$probes]", "TCP's own keepalives", |e, a| {
        e.bgp()?.tcp_keepalive = match a.no {
            true => None,
            false => Some((a.parse("idle")?, a.parse("interval")?, a.parse("probes")?)),
        };
        Ok(())
    })
    .render(Render::Bgp(|b, out| {
        if let Some((idle, interval, probes)) = b.tcp_keepalive {
            out.line(format_args!("bgp tcp-keepalive {idle} {interval} {probes}"));
        }
    })),
    command("timers bgp ![(0-65535)$keepalive (0-65535)$hold]", "Keepalive and hold time", |e, a| {
        let timers = if a.no { None } else { Some(read_timers(a)?) };
        e.bgp()?.timers = timers;
        Ok(())
    })
    .render(Render::Bgp(|b, out| {
        if let Some(t) = b.timers.filter(|t| *t != Timers::of(b.profile)) {
            out.line(format_args!("timers bgp {} {}", t.keepalive, t.hold));
        }
    })),
    command("no <auto-summary|synchronization|rd>", "As it is anyway", |_, _| Ok(())).without_no(),
    kept("bmp mirror buffer-limit ![(0-4294967294)]", "Octets that mirroring may hold").harmless(),
];

/// Of the whole router, wherever it is typed.
pub fn session_dscp(editor: &mut Editor, args: &Args<'_>) -> Outcome {
    editor.config.session_dscp = if args.no { None } else { Some(args.parse("n")?) };
    Ok(())
}

/// Keepalive and hold time of a line.
pub fn read_timers(args: &Args<'_>) -> Result<Timers, Fail> {
    let timers = Timers { keepalive: args.parse("keepalive")?, hold: args.parse("hold")? };
    match timers.hold {
        1 | 2 => Err(Fail::refuse("% hold time value must be either 0 or greater than 3")),
        _ => Ok(timers),
    }
}

/// Behind the neighbours.
pub const TAIL: &[Command] = &[
    command("bgp listen limit ![(1-65535)$n]", "Neighbors that may connect from listen ranges", |e, a| {
        e.bgp()?.listen_limit = if a.no { None } else { Some(a.parse("n")?) };
        Ok(())
    })
    .render(Render::Bgp(|b, out| {
        if let Some(n) = b.listen_limit.filter(|n| *n != 100) {
            out.line(format_args!("bgp listen limit {n}"));
        }
    })),
    command(
        "bgp listen range <A.B.C.D/M|X:X::X:X/M>$net peer-group PGNAME",
        "Accept neighbors from a prefix",
        listen_range,
    )
    .render(Render::Bgp(|b, out| {
        let mut ranges: Vec<&ListenRange> = b.listen_ranges.iter().collect();
        ranges.sort_by_key(|r| (r.peer_group.as_str(), r.prefix));
        for range in ranges {
            out.line(format_args!("bgp listen range {} peer-group {}", range.prefix, range.peer_group));
        }
    })),
];

fn listen_range(editor: &mut Editor, args: &Args<'_>) -> Outcome {
    let range = ListenRange { prefix: args.prefix("net")?, peer_group: args.string("PGNAME")? };
    let bgp = editor.bgp()?;
    if args.no {
        bgp.listen_ranges.retain(|r| *r != range);
        return Ok(());
    }
    if !bgp.peer_groups.contains_key(&range.peer_group) {
        return Err(Fail::refuse("% Configure the peer-group first"));
    }
    if let Some(other) = bgp.listen_ranges.iter().find(|r| r.prefix == range.prefix) {
        return match other.peer_group == range.peer_group {
            true => Ok(()),
            false => Err(Fail::refuse("% Same listen range is attached to another peer-group")),
        };
    }
    bgp.listen_ranges.push(range);
    Ok(())
}

/// What a family originates.
pub const FAMILY: &[Command] = &[
    command(
        "bgp dampening [(1-45)$half [(1-20000)$reuse (1-50000)$suppress (1-255)$max]]",
        "Hold back flapping routes",
        |e, a| {
            e.bgp_family()?.dampening = dampening::read(a)?;
            Ok(())
        },
    )
    .render(Render::Family(|f, out| {
        if let Some(parameters) = &f.dampening {
            out.line(format_args!("bgp dampening{}", dampening::words(parameters)));
        }
    })),
    command(
        "network <A.B.C.D/M$net|X:X::X:X/M$net|A.B.C.D$addr [mask A.B.C.D$mask]> [{route-map RMAP_NAME|label-index (0-1048560)$label|backdoor}]",
        "Originate a route",
        network,
    )
    .render(Render::Family(|f, out| {
        for (prefix, network) in &f.networks {
            let label = network.label_index.map(|l| format!(" label-index {l}")).unwrap_or_default();
            let map = network.route_map.as_ref().map(|m| format!(" route-map {m}")).unwrap_or_default();
            let backdoor = if network.backdoor { " backdoor" } else { "" };
            out.line(format_args!("network {prefix}{label}{map}{backdoor}"));
        }
    })),
    command(
        "aggregate-address <A.B.C.D/M$net|X:X::X:X/M$net|A.B.C.D$addr A.B.C.D$mask> [{as-set|summary-only|route-map RMAP_NAME|origin <egp|igp|incomplete>$origin|matching-MED-only|suppress-map SMAP_NAME}]",
        "Originate an aggregate",
        aggregate,
    )
    .render(Render::Family(|f, out| {
        for (prefix, aggregate) in &f.aggregates {
            out.line(format_args!("aggregate-address {prefix}{}", aggregate_text(aggregate)));
        }
    })),
    command(
        "redistribute <connected|kernel|static|local|table (1-65535)$table|table-direct (1-65535)$table|ospf [(1-65535)$table]|ospf6|rip|ripng|isis|eigrp|babel|nhrp|openfabric|sharp|vnc|vnc-direct>$from [{metric (0-4294967295)$metric|route-map RMAP_NAME}]",
        "Take routes from another protocol",
        redistribute,
    )
    .render(Render::Family(|f, out| {
        for (from, options) in &f.redistribute {
            let metric = options.metric.map(|m| format!(" metric {m}")).unwrap_or_default();
            let map = options.route_map.as_ref().map(|m| format!(" route-map {m}")).unwrap_or_default();
            out.line(format_args!("redistribute {}{metric}{map}", from_text(from)));
        }
    })),
];

/// The delays of `update-delay`; none with `no`.
pub fn update_delay(args: &Args<'_>) -> Result<Option<(u16, Option<u16>)>, Fail> {
    if args.no {
        return Ok(None);
    }
    let (max, establish): (u16, Option<u16>) = (args.parse("max")?, args.opt("establish")?);
    if establish.is_some_and(|e| e > max) {
        return Err(Fail::refuse("%Failed: update-delay less than the establish-wait!"));
    }
    Ok(Some((max, establish)))
}

fn network(editor: &mut Editor, args: &Args<'_>) -> Outcome {
    let prefix = family_prefix(editor, args)?;
    let map = args.opt_string("RMAP_NAME");
    let options =
        Network { route_map: map.clone(), backdoor: args.has("backdoor"), label_index: args.opt("label")? };
    let networks = &mut editor.bgp_family()?.networks;
    if args.no {
        return match networks.remove(&prefix) {
            Some(_) => Ok(()),
            None => Err(Fail::refuse("% Can't find static route specified")),
        };
    }
    networks.insert(prefix, options);
    if let Some(map) = map {
        editor.note_route_map(&map);
    }
    Ok(())
}

/// The prefix of a line, which must be of the node's family.
fn family_prefix(editor: &Editor, args: &Args<'_>) -> Result<IpNet, Fail> {
    let prefix = match args.get("addr") {
        Some(_) => args.ipv4_prefix("net", "addr", "mask")?,
        None => args.prefix("net")?,
    };
    if Family::of(&prefix) != editor.family() {
        return Err(Fail::refuse("% Malformed prefix"));
    }
    Ok(prefix)
}

fn aggregate(editor: &mut Editor, args: &Args<'_>) -> Outcome {
    let prefix = family_prefix(editor, args)?;
    let aggregate = Aggregate {
        as_set: args.has("as-set"),
        summary_only: args.has("summary-only"),
        route_map: args.opt_string("RMAP_NAME"),
        origin: args.get("origin").map(value::origin),
        matching_med_only: args.has("matching-MED-only"),
        suppress_map: args.opt_string("SMAP_NAME"),
    };
    if !args.no && prefix.prefix_len() == prefix.max_prefix_len() {
        return Err(Fail::refuse(format!(
            "Specified prefix: {prefix} will not result in any useful aggregation, disallowing"
        )));
    }
    if !args.no && aggregate.summary_only && aggregate.suppress_map.is_some() {
        return Err(Fail::refuse("'summary-only' and 'suppress-map' can't be used at the same time"));
    }
    for map in [&aggregate.route_map, &aggregate.suppress_map].into_iter().flatten().filter(|_| !args.no) {
        editor.note_route_map(map);
    }
    let aggregates = &mut editor.bgp_family()?.aggregates;
    if !args.no {
        aggregates.insert(prefix, aggregate);
    } else if aggregates.remove(&prefix).is_none() {
        return Err(Fail::refuse("% There is no aggregate-address configuration."));
    }
    Ok(())
}

fn aggregate_text(aggregate: &Aggregate) -> String {
    let mut out = String::new();
    if aggregate.as_set {
        out.push_str(" as-set");
    }
    if aggregate.summary_only {
        out.push_str(" summary-only");
    }
    if let Some(map) = &aggregate.route_map {
        out.push_str(&format!(" route-map {map}"));
    }
    if let Some(origin) = aggregate.origin {
        out.push_str(&format!(" origin {}", value::origin_name(origin)));
    }
    if aggregate.matching_med_only {
        out.push_str(" matching-MED-only");
    }
    if let Some(map) = &aggregate.suppress_map {
        out.push_str(&format!(" suppress-map {map}"));
    }
    out
}

fn redistribute(editor: &mut Editor, args: &Args<'_>) -> Outcome {
    let table = args.opt::<u32>("table")?;
    let from = match (args.word("from")?, table) {
        ("connected", _) => RedistributeFrom::Connected,
        ("kernel", _) => RedistributeFrom::Kernel,
        ("static", _) => RedistributeFrom::Static,
        ("local", _) => RedistributeFrom::Local,
        ("table", Some(table)) => RedistributeFrom::Table(table),
        ("table-direct", Some(table)) => RedistributeFrom::TableDirect(table),
        (other, Some(instance)) => RedistributeFrom::Other(format!("{other} {instance}")),
        (other, None) => RedistributeFrom::Other(other.to_owned()),
    };
    let map = args.opt_string("RMAP_NAME");
    let options = Redistribute { metric: args.opt("metric")?, route_map: map.clone() };
    let known = &mut editor.bgp_family()?.redistribute;
    if args.no {
        known.remove(&from);
        return Ok(());
    }
    let foreign = matches!(
        from,
        RedistributeFrom::Other(_) | RedistributeFrom::Table(_) | RedistributeFrom::TableDirect(_)
    );
    known.insert(from, options);
    if foreign {
        editor.notices.push(format!("kept, but not in effect yet: {}", args.canonical(0)));
    }
    if let Some(map) = map {
        editor.note_route_map(&map);
    }
    Ok(())
}

fn from_text(from: &RedistributeFrom) -> String {
    match from {
        RedistributeFrom::Connected => "connected".into(),
        RedistributeFrom::Kernel => "kernel".into(),
        RedistributeFrom::Static => "static".into(),
        RedistributeFrom::Local => "local".into(),
        RedistributeFrom::Table(n) => format!("table {n}"),
        RedistributeFrom::TableDirect(n) => format!("table-direct {n}"),
        RedistributeFrom::Other(name) => name.clone(),
    }
}

/// Behind the neighbours of a family.
pub const FAMILY_TAIL: &[Command] = &[
    command("maximum-paths ![(1-256)$n]", "Paths in an eBGP multipath route", |e, a| {
        e.bgp_family()?.maximum_paths = if a.no { None } else { Some(a.parse("n")?) };
        Ok(())
    })
    .render(Render::Family(|f, out| {
        if let Some(n) = f.maximum_paths {
            out.line(format_args!("maximum-paths {n}"));
        }
    })),
    command(
        "maximum-paths ibgp ![(1-256)$n] [equal-cluster-length]",
        "Paths in an iBGP multipath route",
        |e, a| {
            let family = e.bgp_family()?;
            family.maximum_paths_ibgp = if a.no { None } else { Some(a.parse("n")?) };
            family.equal_cluster_length = !a.no && a.has("equal-cluster-length");
            Ok(())
        },
    )
    .render(Render::Family(|f, out| {
        if let Some(n) = f.maximum_paths_ibgp {
            let equal = if f.equal_cluster_length { " equal-cluster-length" } else { "" };
            out.line(format_args!("maximum-paths ibgp {n}{equal}"));
        }
    })),
    command("distance bgp ![(1-255)$e (1-255)$i (1-255)$l]", "Administrative distances", |e, a| {
        e.bgp_family()?.distance = match a.no {
            true => None,
            false => {
                Some(Distances { external: a.parse("e")?, internal: a.parse("i")?, local: a.parse("l")? })
            }
        };
        Ok(())
    })
    .render(Render::Family(|f, out| {
        if let Some(d) = f.distance.filter(|d| *d != Distances::default()) {
            out.line(format_args!("distance bgp {} {} {}", d.external, d.internal, d.local));
        }
    })),
    command(
        "distance (1-255)$n <A.B.C.D/M|X:X::X:X/M>$net [ACCESS_LIST]",
        "Distance of routes from a prefix",
        |e, a| {
            let (prefix, entry) = (a.prefix("net")?, (a.parse("n")?, a.opt_string("ACCESS_LIST")));
            let known = &mut e.bgp_family()?.distance_prefixes;
            if a.no {
                known.remove(&prefix)
            } else {
                known.insert(prefix, entry)
            };
            Ok(())
        },
    )
    .render(Render::Family(|f, out| {
        for (prefix, (distance, list)) in &f.distance_prefixes {
            let list = list.as_ref().map(|l| format!(" {l}")).unwrap_or_default();
            out.line(format_args!("distance {distance} {prefix}{list}"));
        }
    })),
    command("table-map ![WORD]", "A policy between BGP and the kernel", |e, a| {
        e.bgp_family()?.table_map = if a.no { None } else { a.opt_string("WORD") };
        Ok(())
    })
    .render(Render::Family(|f, out| {
        if let Some(map) = &f.table_map {
            out.line(format_args!("table-map {map}"));
        }
    })),
    kept("<rd|rt|label|sid|import|export|nexthop>$vpn LINE...", "VPN routes"),
    kept("upa <drop|max-routes (1-4294967295)|originate-all>", "Unreachability announcements").harmless(),
];

/// Lines that open nodes.
pub const NODES: &[Command] = &[
    command("address-family <ipv4|ipv6>$afi [unicast]", "A family", |e, a| {
        let family = if a.has("ipv4") { Family::Ipv4Unicast } else { Family::Ipv6Unicast };
        e.node = Node::BgpFamily(instance_of(&e.node), family);
        Ok(())
    })
    .without_no(),
    command(
        "address-family <<ipv4|ipv6> <multicast|vpn|labeled-unicast|flowspec|unreachability|rtfilter|rtc>|l2vpn evpn|link-state link-state>",
        "A family that is not carried",
        |e, a| open(e, a, BlockKind::OtherFamily),
    )
    .without_no()
    .later(),
    command("bmp targets BMPTARGETS", "Stations to monitor this instance", |e, a| {
        open(e, a, BlockKind::BmpTargets)
    })
    .later(),
];

fn instance_of(node: &Node) -> Instance {
    match node {
        Node::Bgp(instance) => instance.clone(),
        _ => None,
    }
}

fn open(editor: &mut Editor, args: &Args<'_>, kind: BlockKind) -> Outcome {
    let name = args.canonical(0);
    if args.no {
        editor.bgp()?.blocks.remove(&name);
        return Ok(());
    }
    editor.bgp()?.blocks.entry(name.clone()).or_default();
    editor.node = Node::BgpBlock(instance_of(&editor.node), kind, name);
    Ok(())
}
