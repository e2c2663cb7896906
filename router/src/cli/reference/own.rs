//! Our own commands, node by node.

use std::fmt::Write as _;

use super::{code, head};
use crate::cli::session::plain_notation;
use crate::cli::{candidate, exec};
use crate::config::grammar::{BlockKind, NodeKind, Status, node_kinds, table};

/// The title of a node, and how it is entered.
pub fn title(kind: NodeKind) -> (&'static str, &'static str) {
    use BlockKind as B;
    match kind {
        NodeKind::Top => ("Configuration", "configure terminal"),
        NodeKind::Interface => ("Interface", "interface NAME"),
        NodeKind::Vrf => ("VRF", "vrf NAME"),
        NodeKind::Bgp => ("BGP", "router bgp ASN"),
        NodeKind::BgpFamily => ("Address family", "address-family ipv4|ipv6 unicast"),
        NodeKind::RouteMap => ("Route-map", "route-map NAME permit|deny SEQ"),
        NodeKind::LineVty => ("Terminals", "line vty"),
        NodeKind::Rpki => ("Origin validation", "rpki"),
        NodeKind::Block(B::Bfd) => ("BFD", "bfd"),
        NodeKind::Block(B::BfdProfile) => ("BFD profile", "profile NAME"),
        NodeKind::Block(B::BfdPeer) => ("BFD peer", "peer ADDRESS"),
        NodeKind::Block(B::NexthopGroup) => ("Nexthop-group", "nexthop-group NAME"),
        NodeKind::Block(B::KeyChain) => ("Key chain", "key chain NAME"),
        NodeKind::Block(B::Key) => ("Key", "key ID"),
        NodeKind::Block(B::BmpTargets) => ("BMP", "bmp targets NAME"),
        NodeKind::Block(B::OtherFamily) => ("Other address families", "address-family ..."),
    }
}

/// Whether the lines of a node are only kept, without a notice for each.
pub fn is_kept(kind: NodeKind) -> bool {
    matches!(kind, NodeKind::Block(_))
}

const NOTATION: &str = "
| notation | meaning |
| --- | --- |
| `word` | a keyword, or the beginning of one that means no other |
| `A.B.C.D`, `A.B.C.D/M`, `X:X::X:X`, `X:X::X:X/M` | an address, a prefix |
| `(1-255)` | a number |
| `ASNUM` | an AS number, plain or dotted |
| `NAME` | a word |
| `LINE...` | the rest of the line |
| `<a\\|b>` | one of these |
| `[a]` | may be left out |
| `![a]` | may be left out behind `no` |
| `{a\\|b}` | any of these, each once, in any order |

Besides, everywhere: `list` and `find REGEX` for the commands of a node, `do` for those of the enable node, `| include REGEX`
behind a command for some of its lines; and `ping` and `traceroute`, which the shell runs if the system has them.

In the last column: `no`, whether that may stand in front; *kept*, a line that is kept and written back, but not in effect
yet, with a notice that says so; *nothing to do*, a line about something that does not exist here, which is kept and
written back.
";

/// `docs/commands.md`.
pub fn text() -> String {
    let mut out = head("Commands");
    out += NOTATION;
    out += "\n## Enable\n\nThose with a star are not in the view node.\n\n| command | | |\n| --- | --- | --- |\n";
    for pattern in exec::table(true) {
        let command = pattern.command;
        let star = if command.privileged { "*" } else { "" };
        let no = if command.no { "`no`" } else { "" };
        row(&mut out, command.syntax, star, command.help, no);
    }
    out += "\n## Candidate\n\nIn any node of `configure candidate`, besides its own; see [shell.md](shell.md).\n\n";
    out += "| command | | |\n| --- | --- | --- |\n";
    for pattern in candidate::table() {
        row(&mut out, pattern.syntax, "", pattern.command.help, "");
    }
    for kind in node_kinds() {
        let (title, way) = title(kind);
        let _ = write!(out, "\n## {title}\n\n`{way}`\n\n| command | | |\n| --- | --- | --- |\n");
        for pattern in table(kind) {
            let command = pattern.command;
            let status = match command.status {
                Status::Works => "",
                Status::Later => "*kept*",
                Status::Harmless if is_kept(kind) => "*kept*",
                Status::Harmless => "*nothing to do*",
            };
            let no = if command.no { "`no`" } else { "" };
            let note = if no.is_empty() || status.is_empty() { "" } else { ", " };
            row(&mut out, command.syntax, "", command.help, &format!("{no}{note}{status}"));
        }
    }
    out
}

fn row(out: &mut String, syntax: &str, star: &str, help: &str, note: &str) {
    let star = if star.is_empty() { String::new() } else { format!(" {star}").replace('*', "\\*") };
    let _ = writeln!(out, "| {}{star} | {help} | {note} |", code(&plain_notation(syntax)));
}
