//! The `interface` node.

use ipnet::IpNet;

use super::kept::kept;
use super::{Args, Command, Editor, Fail, Outcome, Render, command};
use crate::config::model::InterfaceAddress;

/// Description, addresses, link.
pub const INTERFACE: &[Command] = &[
    command("description ![LINE...]", "What the interface is for", |e, a| {
        e.interface()?.description = if a.no { None } else { a.opt_string("LINE") };
        Ok(())
    })
    .render(Render::Interface(|i, out| {
        if let Some(text) = &i.description {
            out.line(format_args!("description {text}"));
        }
    })),
    kept("bandwidth ![(1-1000000)]", "Megabits a second").harmless(),
    kept("delay ![(1-16777215)]", "Microseconds").harmless(),
    kept("link-detect", "Watch the link").harmless().default("link-detect"),
    kept("<ip|ipv6> <ospf|ospf6|pim|igmp|mld|rip|ripng> LINE...", "A protocol that is not here").harmless(),
    kept("<mpls <enable|disable|bandwidth>|evpn mh|isis> [LINE...]", "A protocol that is not here")
        .harmless(),
    kept("<multicast|no-multicast>", "Multicast on the link").harmless(),
    command("shutdown", "Take the interface down", |e, a| {
        e.interface()?.shutdown = !a.no;
        Ok(())
    })
    .render(Render::Interface(|i, out| {
        if i.shutdown {
            out.line(format_args!("shutdown"));
        }
    })),
    command("mtu ![(68-65535)$mtu]", "Largest packet", |e, a| {
        e.interface()?.mtu = if a.no { None } else { Some(a.parse("mtu")?) };
        Ok(())
    })
    .render(Render::Interface(|i, out| {
        if let Some(mtu) = i.mtu {
            out.line(format_args!("mtu {mtu}"));
        }
    })),
    command("ip address A.B.C.D/M$net [label LINE...]", "An IPv4 address", address).render(
        Render::Interface(|i, out| {
            for address in i.addresses.iter().filter(|a| matches!(a.net, IpNet::V4(_))) {
                let label = address.label.as_ref().map(|l| format!(" label {l}")).unwrap_or_default();
                match address.peer {
                    Some(peer) => {
                        out.line(format_args!("ip address {} peer {peer}{label}", address.net.addr()))
                    }
                    None => out.line(format_args!("ip address {}{label}", address.net)),
                }
            }
        }),
    ),
    command("ip address A.B.C.D peer A.B.C.D/M$far [label LINE...]", "A point-to-point address", address),
    command("ipv6 address X:X::X:X/M$net", "An IPv6 address", address).render(Render::Interface(|i, out| {
        for address in i.addresses.iter().filter(|a| matches!(a.net, IpNet::V6(_))) {
            out.line(format_args!("ipv6 address {}", address.net));
        }
    })),
];

fn address(editor: &mut Editor, args: &Args<'_>) -> Outcome {
    let peer = args.opt::<IpNet>("far")?;
    let net = match peer {
        None => args.net("net")?,
        Some(_) => IpNet::new(args.ip("A.B.C.D")?, 32).map_err(|_| Fail::Internal("length"))?,
    };
    let addresses = &mut editor.interface()?.addresses;
    let known = addresses.iter().position(|a| a.net == net && a.peer == peer);
    match (args.no, known) {
        (true, Some(at)) => drop(addresses.remove(at)),
        (true, None) => {}
        (false, Some(at)) => {
            if let Some(known) = addresses.get_mut(at) {
                known.label = args.opt_string("LINE");
            }
        }
        (false, None) => addresses.push(InterfaceAddress { net, peer, label: args.opt_string("LINE") }),
    }
    Ok(())
}

/// Router advertisements.
pub const ND: &[Command] = &[
    nd("ipv6 nd adv-interval-option", "Announce the interval"),
    nd("ipv6 nd dnssl SUFFIX [<(0-4294967295)|infinite>]", "Announce search domains"),
    nd("ipv6 nd home-agent-config-flag", "Announce a home agent"),
    nd("ipv6 nd home-agent-lifetime ![(0-65520)]", "Lifetime of the home agent"),
    nd("ipv6 nd home-agent-preference ![(0-65535)]", "Preference of the home agent"),
    nd("ipv6 nd managed-config-flag", "Tell hosts to use DHCPv6"),
    nd("ipv6 nd mtu ![(1-65535)]", "Announce an MTU"),
    nd("ipv6 nd nat64 [X:X::X:X/M] [lifetime <(0-65535)|auto>]", "Announce a NAT64 prefix"),
    nd("ipv6 nd other-config-flag", "Tell hosts to ask DHCPv6 for the rest"),
    nd(
        "ipv6 nd prefix X:X::X:X/M [<(0-4294967295)|infinite> <(0-4294967295)|infinite>] [{router-address|off-link|no-autoconfig}]",
        "Announce a prefix",
    ),
    nd("ipv6 nd ra-fast-retrans", "Answer solicitations at once").default("ipv6 nd ra-fast-retrans"),
    nd("ipv6 nd ra-hop-limit ![(0-255)]", "Announce a hop limit").default("ipv6 nd ra-hop-limit 64"),
    command(
        "ipv6 nd ra-interval ![<(1-1800)$seconds|msec (1-1800000)$ms>]",
        "How often to announce",
        |e, a| {
            e.interface()?.nd.interval_ms = match (a.no, a.opt::<u32>("seconds")?, a.opt::<u32>("ms")?) {
                (false, Some(seconds), _) => Some(seconds.saturating_mul(1000)),
                (false, None, Some(ms)) => Some(ms),
                _ => None,
            };
            Ok(())
        },
    )
    .render(Render::Interface(|i, out| match i.nd.interval_ms {
        Some(ms) if ms % 1000 == 0 => out.line(format_args!("ipv6 nd ra-interval {}", ms / 1000)),
        Some(ms) => out.line(format_args!("ipv6 nd ra-interval msec {ms}")),
        None => {}
    })),
    command("ipv6 nd ra-lifetime ![(0-9000)$seconds]", "Lifetime of the default router", |e, a| {
        e.interface()?.nd.lifetime = if a.no { None } else { Some(a.parse("seconds")?) };
        Ok(())
    })
    .render(Render::Interface(|i, out| {
        if let Some(seconds) = i.nd.lifetime {
            out.line(format_args!("ipv6 nd ra-lifetime {seconds}"));
        }
    })),
    nd("ipv6 nd ra-retrans-interval ![(0-4294967295)]", "Announce a retransmission interval"),
    nd("ipv6 nd rdnss X:X::X:X [<(0-4294967295)|infinite>]", "Announce name servers"),
    nd("ipv6 nd reachable-time ![(1-3600000)]", "Announce a reachable time"),
    nd("ipv6 nd router-preference ![<high|medium|low>]", "Announce a preference")
        .default("ipv6 nd router-preference medium"),
    command("ipv6 nd suppress-ra", "Announce nothing", |e, a| {
        e.interface()?.nd.advertise = a.no;
        Ok(())
    })
    .render(Render::Interface(|i, out| {
        if i.nd.advertise {
            out.line(format_args!("no ipv6 nd suppress-ra"));
        }
    })),
];

const fn nd(syntax: &'static str, help: &'static str) -> Command {
    kept(syntax, help)
}
