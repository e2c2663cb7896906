//! The table of configuration commands.
//!
//! One [`Command`] is one kind of line: its notation, its help, what it does to the model with and without
//! `no`, and how the model is written back with it. Reading files, `configure terminal`, `?`, completion,
//! `no` forms and `show running-config` all come from this table. Within a node, commands stand in the order
//! in which `show running-config` prints them.

pub mod args;
mod dampening;
mod edit;
mod help;
mod instance;
mod interface;
mod kept;
mod lists;
pub mod matcher;
mod neighbor;
mod neighbor_family;
mod node;
mod route_map;
mod route_map_set;
mod rpki;
mod statics;
pub mod syntax;
#[cfg(test)]
mod tests;
mod top;
pub mod value;
mod vrrp;

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::LazyLock;

pub use args::Args;
pub use edit::{Editor, PeerMut, Verdict};
pub use help::help_for;
pub use kept::render as render_kept;
pub use lists::{ext_communities_text, prefix_entry_text};
pub use matcher::{Completions, Expected, Lookup, Pattern, Word};
pub use neighbor::{render_group, render_peer};
pub use node::{BlockKind, Instance, Node, NodeKind};
pub use top::{DEBUG, new_vrrp_group};
pub use value::{action_name, communities_text, large_communities_text};

use super::model::{Bgp, BgpFamily, Config, Interface, Kept, PeerFamily, PeerOptions, Vrf, VrrpGroup};
use bgp::types::Family;
use rib::policy::ast::RouteMapEntry;

/// Why a line that is well-formed was not carried out.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Fail {
    /// The line asks for something that is not allowed; the text is shown as it is.
    #[error("{0}")]
    Refused(String),
    /// A word has no meaning where it stands.
    #[error("% Malformed value: {0}")]
    Value(String),
    /// Nothing was done, which is no error; the text is shown.
    #[error("{0}")]
    Note(String),
    /// The table contradicts itself.
    #[error("% Internal error: {0}")]
    Internal(&'static str),
}

impl Fail {
    /// A refusal.
    pub fn refuse(text: impl Into<String>) -> Fail {
        Fail::Refused(text.into())
    }
}

/// What carrying out a line gives.
pub type Outcome = Result<(), Fail>;

/// How far the engine is with a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// In effect.
    Works,
    /// Kept and rendered, but without effect yet: the operator gets a notice.
    Later,
    /// Concerns something that does not exist here: kept and rendered, nothing to say.
    Harmless,
}

/// A neighbour or peer-group, to render.
pub struct PeerView<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its options.
    pub options: &'a PeerOptions,
    /// Those of its peer-group.
    pub inherited: Option<&'a PeerOptions>,
    /// Its kept lines.
    pub kept: &'a Kept,
    /// Its instance.
    pub bgp: &'a Bgp,
}

/// A neighbour or peer-group in a family, to render.
pub struct PeerFamilyView<'a> {
    /// Its name.
    pub name: &'a str,
    /// The family.
    pub family: Family,
    /// Its options.
    pub options: &'a PeerFamily,
    /// Those of its peer-group.
    pub inherited: Option<&'a PeerFamily>,
    /// Its instance.
    pub bgp: &'a Bgp,
}

/// A route-map entry, to render.
pub struct EntryView<'a> {
    /// The entry.
    pub entry: &'a RouteMapEntry,
    /// Its kept lines.
    pub kept: Option<&'a Kept>,
}

/// How the part of the model that a command sets is written back; the variant says from where.
#[derive(Clone, Copy)]
#[expect(missing_docs, reason = "the type of each function says it")]
pub enum Render {
    Nothing,
    Top(fn(&Config, &mut Lines)),
    Interface(fn(&Interface, &mut Lines)),
    /// With the identifier, the group, and a group as `vrrp default` lines make it.
    Vrrp(fn(u8, &VrrpGroup, &VrrpGroup, &mut Lines)),
    Vrf(fn(&Vrf, &mut Lines)),
    Bgp(fn(&Bgp, &mut Lines)),
    Peer(fn(&PeerView<'_>, &mut Lines)),
    Family(fn(&BgpFamily, &mut Lines)),
    PeerFamily(fn(&PeerFamilyView<'_>, &mut Lines)),
    Entry(fn(&EntryView<'_>, &mut Lines)),
    /// The kept lines of this command in the node.
    Kept,
    /// The same for a neighbour.
    KeptPeer,
    /// The same for a neighbour in a family.
    KeptPeerFamily,
}

/// One kind of configuration line.
#[derive(Clone, Copy)]
pub struct Command {
    /// Its notation, see [`syntax`].
    pub syntax: &'static str,
    /// What it does, in a few words.
    pub help: &'static str,
    /// Whether `no` may stand in front.
    pub no: bool,
    /// How far the engine is with it.
    pub status: Status,
    /// Changes the model; looks at [`Args::no`] itself.
    pub apply: fn(&mut Editor, &Args<'_>) -> Outcome,
    /// Writes the model.
    pub render: Render,
    /// For kept lines: the line that says what is so anyway, and is therefore not kept.
    pub default: Option<&'static str>,
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.syntax)
    }
}

/// A command that works, with a `no` form and without rendering.
const fn command(
    syntax: &'static str,
    help: &'static str,
    apply: fn(&mut Editor, &Args<'_>) -> Outcome,
) -> Command {
    Command { syntax, help, no: true, status: Status::Works, apply, render: Render::Nothing, default: None }
}

impl Command {
    const fn render(self, render: Render) -> Command {
        Command { render, ..self }
    }

    const fn without_no(self) -> Command {
        Command { no: false, ..self }
    }

    const fn later(self) -> Command {
        Command { status: Status::Later, ..self }
    }

    const fn works(self) -> Command {
        Command { status: Status::Works, ..self }
    }

    const fn harmless(self) -> Command {
        Command { status: Status::Harmless, ..self }
    }

    const fn default(self, default: &'static str) -> Command {
        Command { default: Some(default), ..self }
    }
}

/// Rendered lines.
#[derive(Debug, Default)]
pub struct Lines {
    text: String,
    indent: usize,
}

impl Lines {
    /// Adds a line.
    pub fn line(&mut self, args: fmt::Arguments<'_>) {
        for _ in 0..self.indent {
            self.text.push(' ');
        }
        let _ = self.text.write_fmt(args);
        self.text.push('\n');
    }

    /// Adds a line, or the same behind `no`.
    pub fn switch(&mut self, on: bool, args: fmt::Arguments<'_>) {
        if on {
            self.line(args);
        } else {
            self.line(format_args!("no {args}"));
        }
    }

    /// Indents what follows by one more (`1`) or one less (`-1`).
    pub fn indent(&mut self, by: isize) {
        self.indent = self.indent.saturating_add_signed(by);
    }

    /// Whether nothing has been written.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// How many octets have been written.
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// Adds finished lines as they are.
    pub fn append(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// The text.
    pub fn finish(self) -> String {
        self.text
    }
}

/// The tables that make up a node, in rendering order.
pub fn tables(kind: NodeKind) -> Vec<&'static [Command]> {
    match kind {
        NodeKind::Top => vec![
            top::HEADER,
            top::GLOBAL,
            lists::PREFIX_LISTS,
            lists::ACCESS_LISTS,
            lists::PATH_LISTS,
            statics::ROUTES,
            top::NODES,
        ],
        NodeKind::Interface => vec![interface::INTERFACE, vrrp::VRRP, interface::ND],
        NodeKind::Vrf => vec![statics::VRF, statics::ROUTES],
        NodeKind::Bgp => vec![
            instance::GLOBAL,
            neighbor::PEERS,
            neighbor::OPTIONS,
            instance::TAIL,
            instance::FAMILY,
            neighbor_family::OPTIONS,
            instance::FAMILY_TAIL,
            instance::NODES,
        ],
        NodeKind::BgpFamily => vec![instance::FAMILY, neighbor_family::OPTIONS, instance::FAMILY_TAIL],
        NodeKind::RouteMap => vec![route_map::HEAD, route_map::MATCH, route_map::ACTION, route_map_set::SET],
        NodeKind::LineVty => vec![top::LINE_VTY],
        NodeKind::Rpki => vec![rpki::LINES],
        NodeKind::Block(kind) => vec![kept::block_table(kind)],
    }
}

/// The commands of a node, ready for matching.
pub type Table = Vec<Pattern<&'static Command>>;

static GRAMMAR: LazyLock<BTreeMap<NodeKind, Table>> = LazyLock::new(|| {
    let compile = |kind: NodeKind| {
        let commands = tables(kind).into_iter().flatten();
        let patterns = commands.map(|c| Pattern {
            syntax: c.syntax,
            elements: syntax::compile(c.syntax),
            no: c.no,
            command: c,
        });
        (kind, patterns.collect())
    };
    node_kinds().map(compile).collect()
});

/// All kinds of nodes.
pub fn node_kinds() -> impl Iterator<Item = NodeKind> {
    use BlockKind as B;
    let plain = [
        NodeKind::Top,
        NodeKind::Interface,
        NodeKind::Vrf,
        NodeKind::Bgp,
        NodeKind::BgpFamily,
        NodeKind::RouteMap,
        NodeKind::LineVty,
        NodeKind::Rpki,
    ];
    let blocks = [
        B::Bfd,
        B::BfdProfile,
        B::BfdPeer,
        B::NexthopGroup,
        B::KeyChain,
        B::Key,
        B::BmpTargets,
        B::OtherFamily,
    ];
    plain.into_iter().chain(blocks.map(NodeKind::Block))
}

/// The commands of a node.
pub fn table(kind: NodeKind) -> &'static [Pattern<&'static Command>] {
    GRAMMAR.get(&kind).map_or(&[], Vec::as_slice)
}

/// Lines of the top level before everything else.
pub const fn header() -> &'static [Command] {
    top::HEADER
}

/// Global switches.
pub const fn globals() -> &'static [Command] {
    top::GLOBAL
}

/// Prefix-lists and access-lists.
pub fn prefix_lists() -> impl Iterator<Item = &'static Command> {
    lists::PREFIX_LISTS.iter().chain(lists::ACCESS_LISTS)
}

/// AS-path and community lists.
pub const fn path_lists() -> &'static [Command] {
    lists::PATH_LISTS
}

/// Description and addresses; VRRP; router advertisements.
pub const fn interface_tables() -> [&'static [Command]; 3] {
    [interface::INTERFACE, vrrp::VRRP, interface::ND]
}

/// Lines of `router bgp` before the neighbours.
pub const fn bgp_globals() -> &'static [Command] {
    instance::GLOBAL
}

/// Lines of `router bgp` behind the neighbours.
pub const fn bgp_tail() -> &'static [Command] {
    instance::TAIL
}

/// Options of neighbours.
pub const fn peer_options() -> &'static [Command] {
    neighbor::OPTIONS
}

/// Lines of a family before the neighbours.
pub const fn family_head() -> &'static [Command] {
    instance::FAMILY
}

/// Lines of a family behind the neighbours.
pub const fn family_tail() -> &'static [Command] {
    instance::FAMILY_TAIL
}

/// Options of neighbours in a family.
pub const fn family_options() -> &'static [Command] {
    neighbor_family::OPTIONS
}

/// The kind of node that a line opens, for nodes that are only kept.
pub fn block_kind(line: &str) -> Option<BlockKind> {
    let first = line.split(' ').next()?;
    Some(match first {
        "bfd" => BlockKind::Bfd,
        "profile" => BlockKind::BfdProfile,
        "peer" => BlockKind::BfdPeer,
        "nexthop-group" => BlockKind::NexthopGroup,
        "key" if line.starts_with("key chain") => BlockKind::KeyChain,
        "key" => BlockKind::Key,
        "bmp" => BlockKind::BmpTargets,
        "address-family" => BlockKind::OtherFamily,
        _ => return None,
    })
}
