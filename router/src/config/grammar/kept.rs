//! Lines that are only kept, and the nodes that consist of them.

use super::{Args, BlockKind, Command, Editor, Fail, Lines, Outcome, Render, command};
use crate::config::model::{Kept, KeptLine};

/// A command whose lines are kept in their node.
pub const fn kept(syntax: &'static str, help: &'static str) -> Command {
    command(syntax, help, unreachable_apply).render(Render::Kept).later()
}

/// The same for a neighbour; the notation starts with `neighbor PEER`.
pub const fn kept_peer(syntax: &'static str, help: &'static str) -> Command {
    command(syntax, help, unreachable_apply).render(Render::KeptPeer).later()
}

/// The same for a neighbour in a family.
pub const fn kept_peer_family(syntax: &'static str, help: &'static str) -> Command {
    command(syntax, help, unreachable_apply).render(Render::KeptPeerFamily).later()
}

fn unreachable_apply(_: &mut Editor, _: &Args<'_>) -> Outcome {
    Err(Fail::Internal("kept lines are not applied"))
}

/// Carries out a line that is kept.
pub fn keep(editor: &mut Editor, command: &'static Command, args: &Args<'_>) -> Outcome {
    let (kept, skip) = match command.render {
        Render::KeptPeer => (editor.peer(args)?.kept, 2),
        Render::KeptPeerFamily => (&mut editor.peer(args)?.family.kept, 2),
        _ => (editor.kept()?, 0),
    };
    let text = args.canonical(skip);
    let key = args.key(skip);
    let is_default = command.default == Some(text.as_str());
    kept.remove(command.syntax, &key);
    let line = match (args.no, is_default) {
        // What holds anyway needs no line; saying no to it does.
        (true, true) if text == key => format!("no {text}"),
        (false, false) => text,
        _ => return Ok(()),
    };
    kept.set(KeptLine { command: command.syntax, key, text: line });
    Ok(())
}

/// Writes the kept lines of a command.
pub fn render(kept: &Kept, command: &Command, prefix: &str, out: &mut Lines) {
    for line in kept.of(command.syntax) {
        match line.text.strip_prefix("no ") {
            Some(rest) => out.line(format_args!("no {prefix}{rest}")),
            None => out.line(format_args!("{prefix}{}", line.text)),
        }
    }
}

/// The table of a node that is only kept.
pub const fn block_table(kind: BlockKind) -> &'static [Command] {
    match kind {
        BlockKind::Bfd => BFD,
        BlockKind::BfdProfile => BFD_SESSION,
        BlockKind::BfdPeer => BFD_PEER,
        BlockKind::NexthopGroup => NEXTHOP_GROUP,
        BlockKind::KeyChain => KEY_CHAIN,
        BlockKind::Key => KEY,
        BlockKind::BmpTargets => BMP,
        BlockKind::OtherFamily => OTHER_FAMILY,
    }
}

const fn quiet(syntax: &'static str, help: &'static str) -> Command {
    kept(syntax, help).harmless()
}

const BFD: &[Command] = &[
    command("profile BFDPROF", "Timers that sessions can share", |e, a| {
        enter(e, a, BlockKind::BfdProfile, format!("profile {}", a.word("BFDPROF")?))
    }),
    command(
        "peer <A.B.C.D|X:X::X:X> [{multihop|local-address <A.B.C.D|X:X::X:X>|interface IFNAME|vrf NAME}]",
        "A session",
        |e, a| enter(e, a, BlockKind::BfdPeer, a.canonical(0)),
    )
    .later(),
];

/// Opens a node inside the one that the editor is in, or removes it.
pub fn enter(editor: &mut Editor, args: &Args<'_>, kind: BlockKind, name: String) -> Outcome {
    if args.no {
        editor.block()?.blocks.remove(&name);
        return Ok(());
    }
    let super::Node::Block(_, path) = &editor.node else { return Err(Fail::Internal("not in a block")) };
    let mut path = path.clone();
    path.push(name);
    editor.node = super::Node::Block(kind, path);
    editor.block().map(|_| ())
}

const BFD_SESSION: &[Command] = BFD_COMMON;

const BFD_PEER: &[Command] = &[
    BFD_COMMON[0],
    BFD_COMMON[1],
    BFD_COMMON[2],
    BFD_COMMON[3],
    BFD_COMMON[4],
    BFD_COMMON[5],
    BFD_COMMON[6],
    BFD_COMMON[7],
    BFD_COMMON[8],
    BFD_COMMON[9],
    BFD_COMMON[10],
    BFD_COMMON[11],
    quiet("profile BFDPROF", "Take the timers of a profile"),
    quiet("label WORD", "A name for the session"),
];

/// Lines of a profile and of a peer. The engine's progress is told at `neighbor X bfd` and `peer`.
const BFD_COMMON: &[Command] = &[
    quiet("detect-multiplier ![(1-255)]", "Packets that may be missing").default("detect-multiplier 3"),
    quiet("receive-interval ![(10-4294967)]", "Milliseconds between received packets")
        .default("receive-interval 300"),
    quiet("transmit-interval ![(10-4294967)]", "Milliseconds between sent packets")
        .default("transmit-interval 300"),
    quiet("echo-interval ![(10-4294967)]", "Milliseconds between echo packets").default("echo-interval 50"),
    quiet("echo receive-interval ![<disabled|(10-4294967)>]", "Milliseconds between received echo packets")
        .default("echo receive-interval 50"),
    quiet("echo transmit-interval ![(10-4294967)]", "Milliseconds between sent echo packets")
        .default("echo transmit-interval 50"),
    quiet("echo-mode", "Let the other side return our packets"),
    quiet("minimum-ttl ![(1-254)]", "Least hop limit of received packets").default("minimum-ttl 254"),
    quiet("passive-mode", "Wait for the other side to begin"),
    quiet("log-session-changes", "Log when the session changes"),
    quiet("authentication LINE...", "Authenticate packets"),
    quiet("shutdown", "Hold the session down"),
];

const NEXTHOP_GROUP: &[Command] = &[
    quiet("backup-group ![WORD]", "Another group to fall back to"),
    quiet("allow-recursion", "Resolve next hops through other routes"),
    quiet("resilient ![LINE...]", "Keep flows on their next hop"),
    quiet("nexthop LINE...", "A member"),
];

const KEY_CHAIN: &[Command] =
    &[command("key (0-2147483647)", "A key", |e, a| enter(e, a, BlockKind::Key, a.canonical(0)))];

const KEY: &[Command] = &[
    quiet("key-string ![LINE...]", "The secret"),
    quiet("cryptographic-algorithm ![WORD]", "How the secret is used"),
    quiet("accept-lifetime ![LINE...]", "When the key is accepted"),
    quiet("send-lifetime ![LINE...]", "When the key is used"),
];

const BMP: &[Command] = &[
    quiet("bmp mirror", "Send received messages as they are"),
    quiet("bmp stats [interval (100-86400000)]", "Send statistics"),
    quiet("bmp stats send-experimental", "Send experimental statistics"),
    quiet(
        "bmp monitor <ipv4|ipv6> unicast <pre-policy|post-policy|loc-rib|rib-out-pre-policy|rib-out-post-policy>",
        "Send routes",
    ),
    quiet("bmp import-vrf-view WORD", "Send another instance's routes too"),
    quiet("bmp listener LINE...", "Let stations connect"),
    quiet("bmp connect LINE...", "Connect to a station"),
    quiet("ip access-list WORD", "Which IPv4 stations may connect"),
    quiet("ipv6 access-list WORD", "Which IPv6 stations may connect"),
];

const OTHER_FAMILY: &[Command] = &[
    quiet("neighbor LINE...", "A neighbor's option in this family"),
    quiet("network LINE...", "Originate a route"),
    quiet("redistribute LINE...", "Take routes from another protocol"),
    quiet("aggregate-address LINE...", "Originate an aggregate"),
    quiet("maximum-paths LINE...", "Multipath"),
    quiet("import LINE...", "Import from another table"),
    quiet("export LINE...", "Export to another table"),
    quiet("distance LINE...", "Administrative distance"),
    quiet("advertise LINE...", "Announce other routes"),
    quiet("advertise-all-vni", "Announce all local VNIs"),
    quiet("advertise-default-gw", "Announce the default gateway"),
    quiet("advertise-svi-ip", "Announce bridge addresses"),
    quiet("local-install LINE...", "Install rules on an interface"),
    quiet("rd WORD", "Route distinguisher"),
    quiet("rt LINE...", "Route targets"),
    quiet("route-target LINE...", "Route targets"),
    quiet("default-originate LINE...", "Originate a default route"),
    quiet("label LINE...", "Labels"),
    quiet("bgp dampening LINE...", "Hold back flapping routes"),
    quiet("flooding LINE...", "How to flood"),
    quiet("dup-addr-detection LINE...", "Duplicate addresses"),
];
