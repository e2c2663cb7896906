//! The `vrrp` lines of an interface.

use super::top::new_vrrp_group;
use super::{Args, Command, Editor, Fail, Node, Outcome, Render, command};
use crate::config::model::{Track, TrackKind, VrrpGroup};

/// Virtual routers.
pub const VRRP: &[Command] = &[
    command("vrrp (1-255)$vrid [version (2-3)$version]", "A virtual router", |e, a| {
        let vrid: u8 = a.parse("vrid")?;
        if a.no {
            e.interface()?.vrrp.remove(&vrid);
            return Ok(());
        }
        let version: u8 = a.opt("version")?.unwrap_or(3);
        let group = new_vrrp_group(&e.config, version);
        let group = e.interface()?.vrrp.entry(vrid).or_insert(group);
        if version == 2 && !group.ipv6.is_empty() {
            return Err(Fail::refuse("% Version 2 does not carry IPv6 addresses"));
        }
        group.version = version;
        Ok(())
    })
    .render(Render::Vrrp(|vrid, g, _, out| out.line(format_args!("vrrp {vrid} version {}", g.version)))),
    command("vrrp (1-255)$vrid shutdown", "Hold the virtual router down", |e, a| {
        group(e, a)?.shutdown = !a.no;
        Ok(())
    })
    .render(Render::Vrrp(|vrid, g, d, out| {
        if g.shutdown != d.shutdown {
            out.switch(g.shutdown, format_args!("vrrp {vrid} shutdown"));
        }
    })),
    command("vrrp (1-255)$vrid priority ![(1-254)$priority]", "Who is master: the highest", |e, a| {
        let default = new_vrrp_group(&e.config, 3).priority;
        group(e, a)?.priority = a.opt("priority")?.filter(|_| !a.no).unwrap_or(default);
        Ok(())
    })
    .render(Render::Vrrp(|vrid, g, d, out| {
        if g.priority != d.priority {
            out.line(format_args!("vrrp {vrid} priority {}", g.priority));
        }
    })),
    command("vrrp (1-255)$vrid advertisement-interval ![(10-40950)$ms]", "Milliseconds", |e, a| {
        let default = new_vrrp_group(&e.config, 3).advertisement_interval;
        let ms = a.opt::<u32>("ms")?.filter(|_| !a.no).unwrap_or(default);
        if ms % 10 != 0 {
            return Err(Fail::refuse("% Advertisement interval must be a multiple of 10 milliseconds"));
        }
        group(e, a)?.advertisement_interval = ms;
        Ok(())
    })
    .render(Render::Vrrp(|vrid, g, d, out| {
        if g.advertisement_interval != d.advertisement_interval {
            out.line(format_args!("vrrp {vrid} advertisement-interval {}", g.advertisement_interval));
        }
    })),
    command("vrrp (1-255)$vrid preempt [delay (0-3600)$seconds]", "Take over from a lower master", |e, a| {
        let delay = a.opt("seconds")?.unwrap_or(0);
        let group = group(e, a)?;
        group.preempt = !a.no || a.has("delay");
        group.preempt_delay = if a.no { 0 } else { delay };
        Ok(())
    })
    .render(Render::Vrrp(|vrid, g, d, out| match g.preempt_delay {
        0 if g.preempt == d.preempt => {}
        0 => out.switch(g.preempt, format_args!("vrrp {vrid} preempt")),
        delay => out.line(format_args!("vrrp {vrid} preempt delay {delay}")),
    })),
    command("vrrp (1-255)$vrid accept", "Answer to the virtual addresses as master", |e, a| {
        group(e, a)?.accept = !a.no;
        Ok(())
    })
    .render(Render::Vrrp(|vrid, g, _, out| {
        if !g.accept {
            out.line(format_args!("no vrrp {vrid} accept"));
        }
    })),
    command(
        "vrrp (1-255)$vrid checksum-with-ipv4-pseudoheader",
        "Version 3 over IPv4: cover a pseudo-header",
        |e, a| {
            group(e, a)?.checksum_with_ipv4_pseudoheader = !a.no;
            Ok(())
        },
    )
    .render(Render::Vrrp(|vrid, g, d, out| {
        if g.checksum_with_ipv4_pseudoheader != d.checksum_with_ipv4_pseudoheader {
            let on = g.checksum_with_ipv4_pseudoheader;
            out.switch(on, format_args!("vrrp {vrid} checksum-with-ipv4-pseudoheader"));
        }
    })),
    command("vrrp (1-255)$vrid virtual-mac", "Use the virtual MAC address", |e, a| {
        group(e, a)?.virtual_mac = !a.no;
        Ok(())
    })
    .render(Render::Vrrp(|vrid, g, _, out| {
        if !g.virtual_mac {
            out.line(format_args!("no vrrp {vrid} virtual-mac"));
        }
    })),
    command("vrrp (1-255)$vrid ip A.B.C.D", "A virtual IPv4 address", |e, a| {
        let address = a.ipv4("A.B.C.D")?;
        let group = group(e, a)?;
        match a.no {
            true => group.ipv4.remove(&address),
            false => group.ipv4.insert(address),
        };
        Ok(())
    })
    .render(Render::Vrrp(|vrid, g, _, out| {
        for address in &g.ipv4 {
            out.line(format_args!("vrrp {vrid} ip {address}"));
        }
    })),
    command("vrrp (1-255)$vrid ipv6 X:X::X:X", "A virtual IPv6 address", |e, a| {
        let address = a.ipv6("X:X::X:X")?;
        let group = group(e, a)?;
        if group.version == 2 && !a.no {
            return Err(Fail::refuse("% Version 2 does not carry IPv6 addresses"));
        }
        match a.no {
            true => group.ipv6.remove(&address),
            false => group.ipv6.insert(address),
        };
        Ok(())
    })
    .render(Render::Vrrp(|vrid, g, _, out| {
        for address in &g.ipv6 {
            out.line(format_args!("vrrp {vrid} ipv6 {address}"));
        }
    })),
    command(
        "vrrp (1-255)$vrid track interface IFNAME [decrement (1-254)$decrement]",
        "Lower the priority while an interface is down",
        |e, a| track(e, a, TrackKind::Interface(a.string("IFNAME")?)),
    )
    .render(Render::Vrrp(|vrid, g, _, out| {
        for track in &g.tracks {
            let by = track.decrement.map(|d| format!(" decrement {d}")).unwrap_or_default();
            match &track.kind {
                TrackKind::Interface(name) => {
                    out.line(format_args!("vrrp {vrid} track interface {name}{by}"))
                }
                TrackKind::BgpNeighbor(peer) => {
                    out.line(format_args!("vrrp {vrid} track bgp neighbor {peer}{by}"));
                }
            }
        }
    })),
    command(
        "vrrp (1-255)$vrid track bgp neighbor <A.B.C.D|X:X::X:X>$peer [decrement (1-254)$decrement]",
        "Lower the priority while a BGP session is down",
        |e, a| track(e, a, TrackKind::BgpNeighbor(a.ip("peer")?)),
    ),
];

/// The group that the line names. FRR makes one of any line; so do we, except for `no`.
fn group<'e>(editor: &'e mut Editor, args: &Args<'_>) -> Result<&'e mut VrrpGroup, Fail> {
    let vrid: u8 = args.parse("vrid")?;
    let Node::Interface(name) = &editor.node else { return Err(Fail::Internal("not in an interface")) };
    let exists = editor.config.interfaces.get(name).is_some_and(|i| i.vrrp.contains_key(&vrid));
    if !exists && args.no {
        return Err(Fail::Note(format!("% No VRRP group {vrid} on {name}")));
    }
    let new = new_vrrp_group(&editor.config, 3);
    Ok(editor.interface()?.vrrp.entry(vrid).or_insert(new))
}

fn track(editor: &mut Editor, args: &Args<'_>, kind: TrackKind) -> Outcome {
    let decrement = args.opt("decrement")?;
    let tracks = &mut group(editor, args)?.tracks;
    tracks.retain(|t| t.kind != kind);
    if !args.no {
        tracks.push(Track { kind, decrement });
        tracks.sort_by(|a, b| a.kind.cmp(&b.kind));
    }
    Ok(())
}
