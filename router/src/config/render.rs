//! The configuration as text: `show running-config` and the file that `write` makes.

use bgp::types::Family;
use rib::policy::ast::RouteMapEntry;

use super::grammar::{
    self, BlockKind, Command, EntryView, Instance, Lines, NodeKind, PeerFamilyView, PeerView, Render, tables,
};
use super::model::{Bgp, Block, Config, Interface, Kept, PeerFamily, PeerOptions, Vrf};

/// What part of the configuration is wanted: FRR spreads it over its daemons.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Part {
    /// Everything.
    #[default]
    All,
    /// `zebra`: lists, policies, interfaces.
    Zebra,
    /// `bgpd`: lists, policies, BGP.
    Bgp,
    /// `staticd`: static routes.
    Static,
    /// `bfdd`: BFD.
    Bfd,
    /// Only what all have.
    Header,
}

/// The whole configuration, from `frr version` to `end`.
pub fn render(config: &Config) -> String {
    render_part(config, Part::All)
}

/// A part of the configuration, from `frr version` to `end`.
pub fn render_part(config: &Config, part: Part) -> String {
    let has = |parts: &[Part]| part == Part::All || parts.contains(&part);
    let mut out = Lines::default();
    header(config, &mut out);
    if has(&[Part::Zebra]) {
        section(&mut out, |out| grammar::globals().iter().for_each(|command| top(config, command, out)));
    }
    if has(&[Part::Zebra, Part::Bgp]) {
        prefix_lists(config, &mut out);
        route_maps(config, &mut out);
    }
    if has(&[Part::Static]) {
        statics(config, &mut out);
    }
    if has(&[Part::Zebra]) {
        for (name, interface) in config.interfaces.iter().filter(|(_, i)| !i.is_empty()) {
            render_interface(config, name, interface, &mut out);
        }
    }
    if has(&[Part::Bgp]) {
        if let Some(bgp) = &config.bgp {
            render_bgp(bgp, &None, &mut out);
        }
        for (name, bgp) in &config.other_bgp {
            render_bgp(bgp, &Some(name.clone()), &mut out);
        }
        for command in grammar::path_lists() {
            section(&mut out, |out| top(config, command, out));
        }
    }
    if config.line_vty.as_ref().is_some_and(|l| *l != Default::default()) {
        line_vty(config, &mut out);
    }
    if has(&[Part::Bfd]) {
        for (name, block) in config.blocks.iter().filter(|(n, _)| part == Part::All || n.as_str() == "bfd") {
            render_block(name, block, &mut out);
            out.line(format_args!("!"));
        }
    }
    if has(&[Part::Bgp]) && config.rpki.as_ref().is_some_and(|r| *r != Default::default()) {
        rpki(config, &mut out);
    }
    out.line(format_args!("end"));
    out.finish()
}

/// What `show running-config` prints: [`render`] behind its preamble.
pub fn running_config(config: &Config, with_header: bool) -> String {
    running_config_of(config, Part::All, with_header)
}

/// The same of a part.
pub fn running_config_of(config: &Config, part: Part, with_header: bool) -> String {
    let body = render_part(config, part);
    match with_header {
        true => format!("Building configuration...\n\nCurrent configuration:\n!\n{body}"),
        false => body,
    }
}

/// Writes a group of lines and a `!` behind it, or nothing.
fn section(out: &mut Lines, write: impl FnOnce(&mut Lines)) {
    let before = out.len();
    write(out);
    if out.len() > before {
        out.line(format_args!("!"));
    }
}

fn top(config: &Config, command: &'static Command, out: &mut Lines) {
    match command.render {
        Render::Top(write) => write(config, out),
        Render::Kept => grammar::render_kept(&config.kept, command, "", out),
        _ => {}
    }
}

fn header(config: &Config, out: &mut Lines) {
    section(out, |out| grammar::header().iter().for_each(|command| top(config, command, out)));
}

fn prefix_lists(config: &Config, out: &mut Lines) {
    for command in grammar::prefix_lists() {
        section(out, |out| top(config, command, out));
    }
}

fn route_maps(config: &Config, out: &mut Lines) {
    for (name, map) in &config.policies.route_maps {
        for (sequence, entry) in map {
            let action = grammar::action_name(entry.action);
            out.line(format_args!("route-map {name} {action} {sequence}"));
            out.indent(1);
            entry_lines(config, name, *sequence, entry, out);
            out.indent(-1);
            out.line(format_args!("exit"));
            out.line(format_args!("!"));
        }
    }
}

fn entry_lines(config: &Config, name: &str, sequence: u16, entry: &RouteMapEntry, out: &mut Lines) {
    let kept = config.route_map_kept.get(&(name.to_owned(), sequence));
    let view = EntryView { entry, kept };
    for command in tables(NodeKind::RouteMap).into_iter().flatten() {
        match (command.render, kept) {
            (Render::Entry(write), _) => write(&view, out),
            (Render::Kept, Some(kept)) => grammar::render_kept(kept, command, "", out),
            _ => {}
        }
    }
}

/// The lines inside a route-map entry, one by one.
pub fn route_map_entry(config: &Config, name: &str, sequence: u16, entry: &RouteMapEntry) -> Vec<String> {
    let mut out = Lines::default();
    entry_lines(config, name, sequence, entry, &mut out);
    out.finish().lines().map(str::to_owned).collect()
}

/// The lines of a route-map entry that is nobody's.
pub fn clause_lines(entry: &RouteMapEntry) -> Vec<String> {
    let mut out = Lines::default();
    let view = EntryView { entry, kept: None };
    for command in tables(NodeKind::RouteMap).into_iter().flatten() {
        if let Render::Entry(write) = command.render {
            write(&view, &mut out);
        }
    }
    out.finish().lines().map(str::to_owned).collect()
}

fn statics(config: &Config, out: &mut Lines) {
    section(out, |out| vrf_lines(&config.default_vrf, out));
    for (name, vrf) in &config.vrfs {
        out.line(format_args!("vrf {name}"));
        out.indent(1);
        vrf_lines(vrf, out);
        out.indent(-1);
        out.line(format_args!("exit-vrf"));
        out.line(format_args!("!"));
    }
}

fn vrf_lines(vrf: &Vrf, out: &mut Lines) {
    for command in tables(NodeKind::Vrf).into_iter().flatten() {
        match command.render {
            Render::Vrf(write) => write(vrf, out),
            Render::Kept => grammar::render_kept(&vrf.kept, command, "", out),
            _ => {}
        }
    }
}

fn render_interface(config: &Config, name: &str, interface: &Interface, out: &mut Lines) {
    match &interface.vrf {
        Some(vrf) => out.line(format_args!("interface {name} vrf {vrf}")),
        None => out.line(format_args!("interface {name}")),
    }
    out.indent(1);
    let [head, vrrp, nd] = grammar::interface_tables();
    interface_lines(interface, head, out);
    interface_lines(interface, nd, out);
    for (vrid, group) in &interface.vrrp {
        let default = grammar::new_vrrp_group(config, group.version);
        for command in vrrp {
            if let Render::Vrrp(write) = command.render {
                write(*vrid, group, &default, out);
            }
        }
    }
    out.indent(-1);
    out.line(format_args!("exit"));
    out.line(format_args!("!"));
}

fn interface_lines(interface: &Interface, commands: &'static [Command], out: &mut Lines) {
    for command in commands {
        match command.render {
            Render::Interface(write) => write(interface, out),
            Render::Kept => grammar::render_kept(&interface.kept, command, "", out),
            _ => {}
        }
    }
}

fn render_bgp(bgp: &Bgp, instance: &Instance, out: &mut Lines) {
    let notation = bgp.as_notation.as_ref().map(|n| format!(" as-notation {n}")).unwrap_or_default();
    match instance {
        Some(instance) => out.line(format_args!("router bgp {} {instance}{notation}", bgp.asn)),
        None => out.line(format_args!("router bgp {}{notation}", bgp.asn)),
    }
    out.indent(1);
    bgp_lines(bgp, grammar::bgp_globals(), out);
    peers(bgp, out);
    bgp_lines(bgp, grammar::bgp_tail(), out);
    for (name, block) in bgp.blocks.iter().filter(|(n, _)| !n.starts_with("address-family")) {
        out.line(format_args!("!"));
        render_block(name, block, out);
    }
    for family in Family::ALL {
        render_family(bgp, family, out);
    }
    for (name, block) in bgp.blocks.iter().filter(|(n, _)| n.starts_with("address-family")) {
        out.line(format_args!("!"));
        out.line(format_args!("{name}"));
        kept_lines(&block.kept, BlockKind::OtherFamily, out);
        out.line(format_args!("exit-address-family"));
    }
    out.indent(-1);
    out.line(format_args!("exit"));
    out.line(format_args!("!"));
}

fn bgp_lines(bgp: &Bgp, commands: &'static [Command], out: &mut Lines) {
    for command in commands {
        match command.render {
            Render::Bgp(write) => write(bgp, out),
            Render::Kept => grammar::render_kept(&bgp.kept, command, "", out),
            _ => {}
        }
    }
}

/// Groups, each followed by its members; then interfaces, IPv4, IPv6.
fn peers(bgp: &Bgp, out: &mut Lines) {
    for (name, group) in &bgp.peer_groups {
        grammar::render_group(name, group, out);
        peer_lines(name, &group.options, None, &group.kept, bgp, out);
        for (id, neighbor) in bgp.neighbors.iter().filter(|(_, n)| n.peer_group.as_ref() == Some(name)) {
            grammar::render_peer(id, neighbor, out);
            peer_lines(&id.to_string(), &neighbor.options, Some(&group.options), &neighbor.kept, bgp, out);
        }
    }
    for (id, neighbor) in &bgp.neighbors {
        let group = neighbor.peer_group.as_ref().filter(|g| bgp.peer_groups.contains_key(*g));
        if group.is_none() {
            grammar::render_peer(id, neighbor, out);
            peer_lines(&id.to_string(), &neighbor.options, None, &neighbor.kept, bgp, out);
        }
    }
}

fn peer_lines(
    name: &str,
    options: &PeerOptions,
    inherited: Option<&PeerOptions>,
    kept: &Kept,
    bgp: &Bgp,
    out: &mut Lines,
) {
    let view = PeerView { name, options, inherited, kept, bgp };
    for command in grammar::peer_options() {
        match command.render {
            Render::Peer(write) => write(&view, out),
            Render::KeptPeer => grammar::render_kept(kept, command, &format!("neighbor {name} "), out),
            _ => {}
        }
    }
}

fn render_family(bgp: &Bgp, family: Family, out: &mut Lines) {
    let mut body = Lines::default();
    body.indent(2);
    family_lines(bgp, family, grammar::family_head(), &mut body);
    for (name, group) in &bgp.peer_groups {
        family_peer(name, group.family(family), None, bgp, family, &mut body);
    }
    for (id, neighbor) in &bgp.neighbors {
        let group = neighbor.peer_group.as_ref().and_then(|g| bgp.peer_groups.get(g));
        let inherited = group.map(|g| g.family(family));
        family_peer(&id.to_string(), neighbor.family(family), inherited, bgp, family, &mut body);
    }
    family_lines(bgp, family, grammar::family_tail(), &mut body);
    if body.is_empty() {
        return;
    }
    let word = match family {
        Family::Ipv4Unicast => "ipv4",
        Family::Ipv6Unicast => "ipv6",
    };
    out.line(format_args!("!"));
    out.line(format_args!("address-family {word} unicast"));
    out.append(&body.finish());
    out.line(format_args!("exit-address-family"));
}

fn family_lines(bgp: &Bgp, family: Family, commands: &'static [Command], out: &mut Lines) {
    let part = bgp.family(family);
    for command in commands {
        match command.render {
            Render::Family(write) => write(part, out),
            Render::Kept => grammar::render_kept(&part.kept, command, "", out),
            _ => {}
        }
    }
}

fn family_peer(
    name: &str,
    options: &PeerFamily,
    inherited: Option<&PeerFamily>,
    bgp: &Bgp,
    family: Family,
    out: &mut Lines,
) {
    let view = PeerFamilyView { name, family, options, inherited, bgp };
    for command in grammar::family_options() {
        match command.render {
            Render::PeerFamily(write) => write(&view, out),
            Render::KeptPeerFamily => {
                grammar::render_kept(&options.kept, command, &format!("neighbor {name} "), out);
            }
            _ => {}
        }
    }
}

fn rpki(config: &Config, out: &mut Lines) {
    out.line(format_args!("rpki"));
    out.indent(1);
    tables(NodeKind::Rpki).into_iter().flatten().for_each(|command| top(config, command, out));
    out.indent(-1);
    out.line(format_args!("exit"));
    out.line(format_args!("!"));
}

fn line_vty(config: &Config, out: &mut Lines) {
    out.line(format_args!("line vty"));
    out.indent(1);
    for command in tables(NodeKind::LineVty).into_iter().flatten() {
        match (command.render, &config.line_vty) {
            (Render::Top(write), _) => write(config, out),
            (Render::Kept, Some(line)) => grammar::render_kept(&line.kept, command, "", out),
            _ => {}
        }
    }
    out.indent(-1);
    out.line(format_args!("exit"));
    out.line(format_args!("!"));
}

fn render_block(name: &str, block: &Block, out: &mut Lines) {
    out.line(format_args!("{name}"));
    if let Some(kind) = grammar::block_kind(name) {
        kept_lines(&block.kept, kind, out);
    }
    out.indent(1);
    for (name, inner) in &block.blocks {
        render_block(name, inner, out);
        out.line(format_args!("!"));
    }
    out.indent(-1);
    out.line(format_args!("exit"));
}

fn kept_lines(kept: &Kept, kind: BlockKind, out: &mut Lines) {
    out.indent(1);
    for command in tables(NodeKind::Block(kind)).into_iter().flatten() {
        grammar::render_kept(kept, command, "", out);
    }
    out.indent(-1);
}
