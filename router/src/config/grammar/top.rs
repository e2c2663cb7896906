//! The top level: header lines, global switches, and the lines that open nodes.

use bgp::types::{Asn, Family};
use rib::nexthop::Resilient;
use rib::policy::ast::RouteMapEntry;

use super::instance::session_dscp;
use super::kept::kept;
use super::{Args, BlockKind, Command, Editor, Fail, Instance, Lines, Node, Outcome, Render, command, value};
use crate::config::model::{
    Bgp, Config, FRR_VERSION, LineVty, LogLevel, LogTarget, Profile, ProtocolMaps, Release, VrrpGroup,
};

const fn quiet(syntax: &'static str, help: &'static str) -> Command {
    kept(syntax, help).harmless()
}

/// How `show running-config` starts.
pub const HEADER: &[Command] = &[
    command("frr version VERSION...", "The release whose defaults the file relies on", |e, a| {
        e.config.release = Release::parse(a.word("VERSION")?);
        Ok(())
    })
    .without_no()
    .render(Render::Top(|_, out| out.line(format_args!("frr version {FRR_VERSION}")))),
    command("frr defaults PROFILE...", "The set of defaults", |e, a| {
        e.config.profile = match a.word("PROFILE")? {
            "traditional" => Profile::Traditional,
            "datacenter" => Profile::Datacenter,
            other => return Err(Fail::refuse(format!("% Profile {other} is not known"))),
        };
        let profile = e.config.profile;
        let instances = e.config.bgp.iter_mut().chain(e.config.other_bgp.values_mut());
        instances.for_each(|b| b.profile = profile);
        Ok(())
    })
    .without_no()
    .render(Render::Top(|c, out| out.line(format_args!("frr defaults {}", c.profile.name())))),
    command("hostname ![WORD]", "The name of this router", |e, a| {
        e.config.hostname = if a.no { None } else { a.opt_string("WORD") };
        Ok(())
    })
    .render(Render::Top(|c, out| {
        if let Some(name) = &c.hostname {
            out.line(format_args!("hostname {name}"));
        }
    })),
    command("domainname ![WORD]", "The domain of this router", |e, a| {
        e.config.domainname = if a.no { None } else { a.opt_string("WORD") };
        Ok(())
    })
    .render(Render::Top(|c, out| {
        if let Some(name) = &c.domainname {
            out.line(format_args!("domainname {name}"));
        }
    })),
    command(
        "log file ![FILENAME [<emergencies|alerts|critical|errors|warnings|notifications|informational|debugging>$level]]",
        "Log to a file",
        |e, a| {
            let path = a.opt_string("FILENAME");
            e.config.logging.file = path.filter(|_| !a.no).map(|path| (path, target(a)));
            Ok(())
        },
    )
    .render(Render::Top(|c, out| {
        if let Some((path, target)) = &c.logging.file {
            out.line(format_args!("log file {path}{}", level(target)));
        }
    })),
    command(
        "log syslog [<emergencies|alerts|critical|errors|warnings|notifications|informational|debugging>$level]",
        "Log to the system's log",
        |e, a| {
            e.config.logging.syslog = (!a.no).then(|| target(a));
            Ok(())
        },
    )
    .render(Render::Top(|c, out| {
        if let Some(target) = &c.logging.syslog {
            out.line(format_args!("log syslog{}", level(target)));
        }
    })),
    command(
        "log stdout [<emergencies|alerts|critical|errors|warnings|notifications|informational|debugging>$level]",
        "Log to standard output",
        |e, a| {
            e.config.logging.stdout = (!a.no).then(|| target(a));
            Ok(())
        },
    )
    .render(Render::Top(|c, out| {
        if let Some(target) = &c.logging.stdout {
            out.line(format_args!("log stdout{}", level(target)));
        }
    })),
    command(
        "log monitor [<emergencies|alerts|critical|errors|warnings|notifications|informational|debugging>$level]",
        "Log to terminals",
        |e, a| {
            e.config.logging.monitor = (!a.no).then(|| target(a));
            Ok(())
        },
    )
    .render(Render::Top(|c, out| {
        if let Some(target) = &c.logging.monitor {
            out.line(format_args!("log monitor{}", level(target)));
        }
    })),
    command("log facility ![WORD]", "The facility of the system's log", |e, a| {
        e.config.logging.facility = if a.no { None } else { a.opt_string("WORD") };
        e.config.logging.facility.take_if(|f| f == "daemon");
        Ok(())
    })
    .render(Render::Top(|c, out| {
        if let Some(facility) = &c.logging.facility {
            out.line(format_args!("log facility {facility}"));
        }
    })),
    command("log record-priority", "Write the severity into each message", |e, a| {
        e.config.logging.record_priority = !a.no;
        Ok(())
    })
    .render(Render::Top(|c, out| {
        if c.logging.record_priority {
            out.line(format_args!("log record-priority"));
        }
    })),
    command("log timestamp precision ![(0-6)$digits]", "Digits of a second in timestamps", |e, a| {
        e.config.logging.timestamp_precision = if a.no { 0 } else { a.parse("digits")? };
        Ok(())
    })
    .render(Render::Top(|c, out| match c.logging.timestamp_precision {
        0 => {}
        digits => out.line(format_args!("log timestamp precision {digits}")),
    })),
    command("log commands", "Log every command", |e, a| {
        e.config.logging.commands = !a.no;
        Ok(())
    })
    .render(Render::Top(|c, out| {
        if c.logging.commands {
            out.line(format_args!("log commands"));
        }
    })),
    quiet("log extended-syslog WORD", "Log to the system in another format"),
    quiet("log filtered-file ![LINE...]", "Log to a file what the filter passes"),
    quiet("log filter-text WORD", "What the filter passes"),
    command("clear log filter-text", "Forget what the filter passes", |e, _| {
        e.config.kept.remove_prefix("log filter-text");
        Ok(())
    })
    .without_no(),
    command("terminal paginate", "A detail of the terminal", |_, _| Ok(())),
    command("no log facility WORD LINE...", "The default facility", |e, _| {
        e.config.logging.facility = None;
        Ok(())
    })
    .without_no(),
    command("no log syslog LINE...", "Do not log to the system's log", |e, _| {
        e.config.logging.syslog = None;
        Ok(())
    })
    .without_no(),
    quiet("log <error-category|record-severity|unique-id|immediate-mode>", "A detail of log messages"),
    command("service integrated-vtysh-config", "One file for everything, which is always so", |_, _| Ok(())),
    quiet(
        "service <password-encryption|advanced-vty|cputime-stats|cputime-warning|walltime-warning>$s [LINE...]",
        "A service of the daemons",
    ),
    quiet("service terminal-length ![(0-512)]", "Lines of a terminal"),
    quiet("password ![LINE...]", "The password of terminals"),
    quiet("enable password ![LINE...]", "The password of the privileged mode"),
    quiet("username WORD nopassword", "A user without a password"),
    quiet("banner motd ![LINE...]", "What is shown at login"),
    quiet("allow-external-route-update", "Let others change our routes in the kernel"),
    quiet("<ip|ipv6> ssmpingd [LINE...]", "A multicast tool"),
    quiet("allow-reserved-ranges", "Accept reserved addresses"),
    command("debug LINE...", "Log details", debug).render(Render::Top(|c, out| {
        for line in c.kept.of(DEBUG) {
            out.line(format_args!("{}", line.text));
        }
    })),
];

/// The notation of `debug`, under which its lines are kept.
pub const DEBUG: &str = "debug LINE...";

fn debug(editor: &mut Editor, args: &Args<'_>) -> Outcome {
    let what = args.word("LINE")?.split_whitespace().collect::<Vec<_>>().join(" ");
    let kept = &mut editor.config.kept;
    match (args.no, what.as_str()) {
        (true, "all") => kept.remove_prefix("debug"),
        (true, what) => kept.remove_prefix(&format!("debug {what}")),
        (false, what) => {
            let text = format!("debug {what}");
            kept.set(crate::config::model::KeptLine { command: DEBUG, key: text.clone(), text });
        }
    }
    Ok(())
}

fn target(args: &Args<'_>) -> LogTarget {
    LogTarget { level: args.get("level").and_then(LogLevel::from_name) }
}

fn level(target: &LogTarget) -> String {
    target.level.map(|l| format!(" {}", l.name())).unwrap_or_default()
}

/// Global switches.
pub const GLOBAL: &[Command] = &[
    command("bgp no-rib", "Choose paths, but install nothing", |e, a| {
        e.config.no_rib = !a.no;
        Ok(())
    })
    .render(Render::Top(|c, out| {
        if c.no_rib {
            out.line(format_args!("bgp no-rib"));
        }
    })),
    kept("bgp graceful-restart", "Restart without losing routes, all instances"),
    kept("bgp graceful-restart-disable", "No graceful restart, all instances"),
    kept("bgp graceful-restart preserve-fw-state", "Announce that forwarding goes on"),
    kept("bgp graceful-restart restart-time ![(0-4095)]", "Seconds that neighbors wait"),
    kept("bgp graceful-restart rib-stale-time ![(1-3600)]", "Seconds that stale routes stay"),
    kept("bgp graceful-restart select-defer-time ![(0-3600)]", "Seconds before paths are chosen"),
    kept("bgp graceful-restart stalepath-time ![(1-4095)]", "Seconds that stale paths stay"),
    command("bgp graceful-shutdown", "Ask neighbors to route around us, all instances", |e, a| {
        e.config.graceful_shutdown = !a.no;
        Ok(())
    })
    .render(Render::Top(|c, out| {
        if c.graceful_shutdown {
            out.line(format_args!("bgp graceful-shutdown"));
        }
    })),
    command("bgp suppress-fib-pending [(0-10000)$delay]", "Announce only what the kernel has", |e, a| {
        e.config.suppress_fib_pending = if a.no { None } else { Some(a.opt("delay")?) };
        Ok(())
    })
    .render(Render::Top(|c, out| match c.suppress_fib_pending {
        Some(Some(delay)) => out.line(format_args!("bgp suppress-fib-pending {delay}")),
        Some(None) => out.line(format_args!("bgp suppress-fib-pending")),
        None => {}
    })),
    command(
        "bgp update-delay ![(0-3600)$max [(1-3600)$establish]]",
        "Seconds before the first announcements",
        |e, a| {
            e.config.update_delay = super::instance::update_delay(a)?;
            Ok(())
        },
    )
    .render(Render::Top(|c, out| match c.update_delay {
        Some((max, Some(establish))) => out.line(format_args!("bgp update-delay {max} {establish}")),
        Some((max, None)) => out.line(format_args!("bgp update-delay {max}")),
        None => {}
    })),
    command("bgp advertisement-delay ![(1-3600)$n]", "Seconds before announcements", |e, a| {
        e.config.advertisement_delay = if a.no { None } else { Some(a.parse("n")?) };
        Ok(())
    })
    .render(Render::Top(|c, out| {
        if let Some(n) = c.advertisement_delay {
            out.line(format_args!("bgp advertisement-delay {n}"));
        }
    })),
    kept("bgp route-map delay-timer ![(0-600)]", "Seconds before a changed policy is applied"),
    command("bgp session-dscp ![(0-63)$n]", "Traffic class of sessions", session_dscp).render(Render::Top(
        |c, out| {
            if let Some(n) = c.session_dscp {
                out.line(format_args!("bgp session-dscp {n}"));
            }
        },
    )),
    kept("bgp input-queue-limit ![(1-4294967295)]", "Messages that may wait inbound").harmless(),
    kept("bgp output-queue-limit ![(1-4294967295)]", "Messages that may wait outbound").harmless(),
    quiet("bgp ipv6-auto-ra", "Announce routers for interface neighbors").default("bgp ipv6-auto-ra"),
    quiet("bgp send-extra-data zebra", "Tell the kernel side more"),
    kept("bgp community alias WORD ALIAS_NAME", "A name for a community"),
    quiet("agentx", "SNMP"),
    quiet("fpm LINE...", "Forwarding plane manager"),
    quiet("mpls LINE...", "MPLS"),
    quiet("zebra LINE...", "A detail of the kernel side"),
    command(
        "zebra nexthop resilient ![buckets (1-65535)$buckets idle-timer (1-86400)$idle unbalanced-timer (0-86400)$unbalanced]",
        "Keep flows on their next hop while others come and go",
        |e, a| {
            e.config.resilient = match a.no {
                true => None,
                false => Some(Resilient {
                    buckets: a.parse("buckets")?,
                    idle: a.parse("idle")?,
                    unbalanced: a.parse("unbalanced")?,
                }),
            };
            Ok(())
        },
    )
    .render(Render::Top(|c, out| {
        if let Some(Resilient { buckets, idle, unbalanced }) = c.resilient {
            out.line(format_args!(
                "zebra nexthop resilient buckets {buckets} idle-timer {idle} unbalanced-timer {unbalanced}"
            ));
        }
    })),
    quiet("dump bgp LINE...", "Write an MRT file").later(),
    quiet("ip import-table LINE...", "Take routes from a kernel table").later(),
    quiet("ipv6 import-table LINE...", "Take routes from a kernel table").later(),
    quiet("ip table range ![LINE...]", "Kernel tables to use"),
    command(
        "ip protocol <any|babel|bgp|connected|eigrp|isis|kernel|local|nhrp|ospf|rip|sharp|static|table>$protocol ![route-map RMAP_NAME]",
        "A policy between protocol and kernel",
        |e, a| protocol_map(&mut e.config.install_maps, a, Family::Ipv4Unicast),
    )
    .render(Render::Top(|c, out| protocol_maps(&c.install_maps, out, Family::Ipv4Unicast, "ip protocol"))),
    command(
        "ipv6 protocol <any|babel|bgp|connected|isis|kernel|local|nhrp|ospf6|ripng|sharp|static|table>$protocol ![route-map RMAP_NAME]",
        "A policy between protocol and kernel",
        |e, a| protocol_map(&mut e.config.install_maps, a, Family::Ipv6Unicast),
    )
    .render(Render::Top(|c, out| protocol_maps(&c.install_maps, out, Family::Ipv6Unicast, "ipv6 protocol"))),
    command(
        "ip nht <any|babel|bgp|connected|eigrp|isis|kernel|local|nhrp|ospf|rip|sharp|static|table>$protocol ![route-map RMAP_NAME]",
        "A policy between a protocol's next hops and the routes to them",
        |e, a| protocol_map(&mut e.config.nht_maps, a, Family::Ipv4Unicast),
    )
    .render(Render::Top(|c, out| protocol_maps(&c.nht_maps, out, Family::Ipv4Unicast, "ip nht"))),
    command(
        "ipv6 nht <any|babel|bgp|connected|isis|kernel|local|nhrp|ospf6|ripng|sharp|static|table>$protocol ![route-map RMAP_NAME]",
        "A policy between a protocol's next hops and the routes to them",
        |e, a| protocol_map(&mut e.config.nht_maps, a, Family::Ipv6Unicast),
    )
    .render(Render::Top(|c, out| protocol_maps(&c.nht_maps, out, Family::Ipv6Unicast, "ipv6 nht"))),
    command("ip nht resolve-via-default", "Resolve next hops over the default route", |e, a| {
        e.config.nht_resolve_via_default = Some(!a.no);
        Ok(())
    })
    .render(Render::Top(|c, out| {
        if let Some(on) = c.nht_resolve_via_default.filter(|on| !on || c.profile != Profile::Traditional) {
            out.switch(on, format_args!("ip nht resolve-via-default"));
        }
    })),
    command("ipv6 nht resolve-via-default", "Resolve next hops over the default route", |e, a| {
        e.config.nht_resolve_via_default_v6 = Some(!a.no);
        Ok(())
    })
    .render(Render::Top(|c, out| {
        if let Some(on) = c.nht_resolve_via_default_v6.filter(|on| !on || c.profile != Profile::Traditional) {
            out.switch(on, format_args!("ipv6 nht resolve-via-default"));
        }
    })),
    command("ip forwarding", "Forward IPv4 packets", |e, a| {
        e.config.ipv4_forwarding = Some(!a.no);
        Ok(())
    })
    .render(Render::Top(|c, out| {
        if let Some(on) = c.ipv4_forwarding {
            out.switch(on, format_args!("ip forwarding"));
        }
    })),
    command("ipv6 forwarding", "Forward IPv6 packets", |e, a| {
        e.config.ipv6_forwarding = Some(!a.no);
        Ok(())
    })
    .render(Render::Top(|c, out| {
        if let Some(on) = c.ipv6_forwarding {
            out.switch(on, format_args!("ipv6 forwarding"));
        }
    })),
    command("ip router-id ![A.B.C.D]", "The identifier of this router", router_id).render(Render::Top(
        |c, out| {
            if let Some(id) = c.router_id {
                out.line(format_args!("ip router-id {id}"));
            }
        },
    )),
    command("router-id ![A.B.C.D]", "The identifier of this router", router_id),
    command("ipv6 router-id ![X:X::X:X]", "The IPv6 identifier of this router", |e, a| {
        e.config.router_id_v6 = if a.no { None } else { Some(a.ipv6("X:X::X:X")?) };
        Ok(())
    })
    .render(Render::Top(|c, out| {
        if let Some(id) = c.router_id_v6 {
            out.line(format_args!("ipv6 router-id {id}"));
        }
    })),
    quiet("[<ip|ipv6>] router-id <A.B.C.D|X:X::X:X> vrf NAME", "The identifier in a VRF").later(),
    quiet("vrrp autoconfigure [version (2-3)]", "Make groups of existing interfaces").later(),
    kept("vrrp default advertisement-interval ![(10-40950)]", "Milliseconds, for new groups")
        .works()
        .default("vrrp default advertisement-interval 1000"),
    kept("vrrp default priority ![(1-254)]", "Priority, for new groups")
        .works()
        .default("vrrp default priority 100"),
    kept("vrrp default preempt", "Preemption, for new groups").works().default("vrrp default preempt"),
    kept("vrrp default checksum-with-ipv4-pseudoheader", "Checksum, for new groups")
        .works()
        .default("vrrp default checksum-with-ipv4-pseudoheader"),
    kept("vrrp default shutdown", "New groups start shut down").works(),
    quiet("route-map RMAP_NAME optimization", "Look up prefixes in a tree"),
];

/// A new group with what `vrrp default` lines say.
pub fn new_vrrp_group(config: &Config, version: u8) -> VrrpGroup {
    let mut group = VrrpGroup::new(version);
    let number = |what: &str| {
        let line = config.kept.find(&format!("vrrp default {what}"))?;
        line.rsplit(' ').next()?.parse::<u32>().ok()
    };
    if let Some(interval) = number("advertisement-interval") {
        group.advertisement_interval = (interval / 10).max(1) * 10;
    }
    if let Some(priority) = number("priority").and_then(|p| u8::try_from(p).ok()) {
        group.priority = priority;
    }
    group.preempt = config.kept.find("no vrrp default preempt").is_none();
    group.checksum_with_ipv4_pseudoheader =
        config.kept.find("no vrrp default checksum-with-ipv4-pseudoheader").is_none();
    group.shutdown = config.kept.find("vrrp default shutdown").is_some();
    group
}

fn router_id(editor: &mut Editor, args: &Args<'_>) -> Outcome {
    editor.config.router_id = if args.no { None } else { Some(args.router_id("A.B.C.D")?) };
    Ok(())
}

/// Lines that open nodes.
pub const NODES: &[Command] = &[
    command("vrf NAME", "A routing domain", |e, a| {
        let name = a.string("NAME")?;
        if a.no {
            e.config.vrfs.remove(&name);
            return Ok(());
        }
        e.config.vrfs.entry(name.clone()).or_default();
        e.node = Node::Vrf(name);
        Ok(())
    }),
    command("interface IFNAME [vrf NAME]", "An interface", |e, a| {
        let name = a.string("IFNAME")?;
        if a.no {
            e.config.interfaces.remove(&name);
            return Ok(());
        }
        let interface = e.config.interfaces.entry(name.clone()).or_default();
        if let Some(vrf) = a.opt_string("NAME") {
            interface.vrf = (vrf != "default").then_some(vrf);
        }
        e.node = Node::Interface(name);
        Ok(())
    }),
    command(
        "router bgp [ASNUM [<view|vrf>$kind VIEWVRFNAME] [as-notation <dot|dot+|plain>$notation]]",
        "A BGP instance",
        router_bgp,
    ),
    command("route-map RMAP_NAME <deny|permit>$action (1-65535)$seq", "An entry of a policy", route_map),
    command("no route-map RMAP_NAME", "Remove a policy", |e, a| {
        let name = a.word("RMAP_NAME")?;
        e.config.policies.route_maps.remove(name);
        e.config.route_map_kept.retain(|(n, _), _| n != name);
        Ok(())
    })
    .without_no(),
    command("line vty", "Terminals", |e, _| {
        e.config.line_vty.get_or_insert_default();
        e.node = Node::LineVty;
        Ok(())
    })
    .without_no(),
    command("bfd", "Bidirectional forwarding detection", |e, a| block(e, a, BlockKind::Bfd)),
    command("rpki", "Origin validation", super::rpki::enter),
    command("nexthop-group NHGNAME", "A group of next hops", |e, a| block(e, a, BlockKind::NexthopGroup))
        .later(),
    command("key chain WORD", "A chain of keys", |e, a| block(e, a, BlockKind::KeyChain)).harmless(),
];

fn block(editor: &mut Editor, args: &Args<'_>, kind: BlockKind) -> Outcome {
    let name = args.canonical(0);
    if args.no {
        editor.config.blocks.remove(&name);
        return Ok(());
    }
    editor.config.blocks.entry(name.clone()).or_default();
    editor.node = Node::Block(kind, vec![name]);
    Ok(())
}

fn router_bgp(editor: &mut Editor, args: &Args<'_>) -> Outcome {
    let asn = args.opt_asn("ASNUM")?.map(Asn);
    let instance: Instance = match (args.get("kind"), args.get("VIEWVRFNAME")) {
        (Some("vrf"), Some("default")) | (None, _) | (_, None) => None,
        (Some(kind), Some(name)) => Some(format!("{kind} {name}")),
    };
    let (profile, release) = (editor.config.profile, editor.config.release);
    let existing = match &instance {
        None => editor.config.bgp.as_ref(),
        Some(name) => editor.config.other_bgp.get(name),
    };
    let current = existing.map(|b| b.asn);
    if args.no {
        if current.is_none() || asn.is_some_and(|a| Some(a) != current) {
            return Err(Fail::refuse("% Can't find BGP instance"));
        }
        match &instance {
            None => editor.config.bgp = None,
            Some(name) => drop(editor.config.other_bgp.remove(name)),
        }
        return Ok(());
    }
    match (current, asn) {
        (None, None) => return Err(Fail::refuse("% No BGP process is configured")),
        (Some(current), Some(asn)) if current != asn => {
            return Err(Fail::refuse(format!(
                "BGP instance name and AS number mismatch\nBGP instance is already running; AS is {current}"
            )));
        }
        (None, Some(asn)) => {
            let mut bgp = Bgp::new(asn, profile, release);
            bgp.as_notation = args.opt_string("notation");
            match &instance {
                None => editor.config.bgp = Some(bgp),
                Some(name) => {
                    editor.notices.push(format!("kept, but not in effect yet: router bgp {asn} {name}"));
                    editor.config.other_bgp.insert(name.clone(), bgp);
                }
            }
        }
        (Some(_), _) => {}
    }
    editor.node = Node::Bgp(instance);
    Ok(())
}

fn route_map(editor: &mut Editor, args: &Args<'_>) -> Outcome {
    let name = args.string("RMAP_NAME")?;
    let sequence: u16 = args.parse("seq")?;
    if args.no {
        if let Some(map) = editor.config.policies.route_maps.get_mut(&name) {
            map.remove(&sequence);
            if map.is_empty() {
                editor.config.policies.route_maps.remove(&name);
            }
        }
        editor.config.route_map_kept.remove(&(name, sequence));
        return Ok(());
    }
    let action = value::action(args.word("action")?);
    let map = editor.config.policies.route_maps.entry(name.clone()).or_default();
    map.entry(sequence).or_insert_with(|| RouteMapEntry::new(action)).action = action;
    editor.node = Node::RouteMap(name, sequence);
    Ok(())
}

/// `line vty`.
pub const LINE_VTY: &[Command] = &[
    command(
        "exec-timeout ![(0-35791)$minutes] [(0-2147483)$seconds]",
        "How long a terminal may be idle",
        |e, a| {
            let seconds = match a.no {
                true => None,
                false => Some(a.parse::<u64>("minutes")? * 60 + a.opt("seconds")?.unwrap_or(0)),
            };
            e.config.line_vty.get_or_insert_default().exec_timeout = seconds;
            Ok(())
        },
    )
    .render(Render::Top(|c, out| {
        if let Some(seconds) = c.line_vty.as_ref().and_then(|l: &LineVty| l.exec_timeout) {
            out.line(format_args!("exec-timeout {} {}", seconds / 60, seconds % 60));
        }
    })),
    kept("access-class ![WORD]", "Who may connect").harmless(),
    kept("ipv6 access-class ![WORD]", "Who may connect").harmless(),
    kept("login", "Ask for a password").harmless().default("login"),
];

fn protocol_map(maps: &mut ProtocolMaps, a: &Args<'_>, family: Family) -> Outcome {
    let key = (family, a.word("protocol")?.to_owned());
    match (a.no, a.opt_string("RMAP_NAME")) {
        (false, Some(map)) => drop(maps.insert(key, map)),
        (false, None) => return Err(Fail::refuse("% Command incomplete: route-map NAME is missing")),
        (true, None) => drop(maps.remove(&key)),
        (true, Some(map)) => {
            if maps.get(&key) == Some(&map) {
                maps.remove(&key);
            }
        }
    }
    Ok(())
}

fn protocol_maps(maps: &ProtocolMaps, out: &mut Lines, family: Family, words: &str) {
    for ((_, protocol), map) in maps.iter().filter(|((f, _), _)| *f == family) {
        out.line(format_args!("{words} {protocol} route-map {map}"));
    }
}
