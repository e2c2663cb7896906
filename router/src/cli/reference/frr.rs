//! What becomes of FRR's commands here: each one's instances are given to our own grammar, in a configuration that has
//! what they may name.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use super::instances::{instances, notation, number, pruned};
use super::own::is_kept;
use super::{code, head};
use crate::cli::exec;
use crate::cli::fake::Fake;
use crate::cli::session::Session;
use crate::cli::vtysh;
use crate::config::grammar::syntax::{Token, TokenKind};
use crate::config::grammar::{Args, Editor, Fail, Lookup, Node, Status, Verdict, matcher, table};

/// What FRR lists, by release, with what is said behind commands that only that one has.
const RELEASES: [(&str, &str); 2] = [
    (include_str!("../../../testdata/frr-8.4.4-commands.txt"), ""),
    (include_str!("../../../testdata/frr-10.8-commands.txt"), " (10)"),
];

/// What an instance may name. `G` is whatever a name can be the name of.
const AROUND: &str = "
vrf G
interface eth0
ip prefix-list G permit any
bgp as-path access-list G permit .*
bgp community alias 65001:100 G
route-map G permit 10
router bgp 65001
 neighbor G peer-group
 neighbor G remote-as 65002
 neighbor 192.0.2.1 remote-as 65002
 neighbor 2001:db8::1 remote-as 65002
 neighbor eth1 interface remote-as external
bfd
 profile G
";

/// The nodes of FRR's list, and the lines that lead to them here.
const NODES: [(&str, &[&str]); 14] = [
    ("enable", &[]),
    ("config", &[]),
    ("interface", &["interface eth0"]),
    ("vrf", &["vrf G"]),
    ("router bgp", &["router bgp 65001"]),
    ("address-family ipv4 unicast", &["router bgp 65001", "address-family ipv4 unicast"]),
    ("address-family ipv6 unicast", &["router bgp 65001", "address-family ipv6 unicast"]),
    ("bmp targets", &["router bgp 65001", "bmp targets G"]),
    ("route-map", &["route-map G permit 10"]),
    ("rpki", &["rpki"]),
    ("line vty", &["line vty"]),
    ("bfd", &["bfd"]),
    ("profile", &["bfd", "profile G"]),
    ("peer", &["bfd", "peer 192.0.2.1"]),
];

/// Where the words for single tokens do not go together: a part of lines that begin in some way, and what it has to be.
const TOGETHER: &[(&str, &str, &str)] = &[
    ("access-list", "192.0.2.1 192.0.2.1", "192.0.2.0 0.0.0.255"),
    ("ipv6 access-list", "2001:db8::1 2001:db8::1", "2001:db8:: ::ffff"),
    ("", "192.0.2.1 192.0.2.1", "192.0.2.0 255.255.255.0"),
    ("", "mask 192.0.2.1", "mask 255.255.255.0"),
    ("ipv6 prefix-list", "e 30", "e 64"),
    ("router bgp", "bgp 30", "bgp 65001"),
    ("set local-preference", "G", "200"),
    ("rpki expire_interval", "600", "7200"),
    ("neighbor G interface", "G", "eth0"),
    ("neighbor G peer-group G", "neighbor G", "neighbor eth1"),
    ("neighbor 192.0.2.1 interface", "interface G", "interface eth0"),
];

/// Our commands that take any word where FRR lists some.
const ANY_WORD: [&str; 3] = ["log facility", "<ip|ipv6> nht", "<ip|ipv6> protocol WORD"];

/// Commands that do something else here, by their beginnings, with the row of `docs/differences.md` that tells it.
pub const DIFFERENT: &[(&str, &str)] = &[
    ("debug", "`debug ...`"),
    ("undebug", "`debug ...`"),
    ("bgp deterministic-med", "MED without `bgp deterministic-med`"),
    ("router-id", "`router-id 0.0.0.0`, also under `router bgp`"),
    ("ip router-id", "`router-id 0.0.0.0`, also under `router bgp`"),
    ("bgp router-id", "`router-id 0.0.0.0`, also under `router bgp`"),
    ("ip forwarding", "forwarding"),
    ("ipv6 forwarding", "forwarding"),
    ("update-delay", "`update-delay`"),
    ("bgp update-delay", "`update-delay`"),
    ("bgp suppress-fib-pending", "`bgp suppress-fib-pending N`"),
    ("bgp dampening", "damping, penalties"),
    ("clear ip bgp dampening", "`clear ip bgp dampening`"),
    ("bgp bestpath aigp", "`bgp bestpath aigp`, paths with AIGP and without"),
    ("bgp conditional-advertisement", "`advertise-map`, `default-originate route-map`"),
    ("bgp default-originate timer", "`advertise-map`, `default-originate route-map`"),
    ("neighbor * advertise-map", "`advertise-map`, `default-originate route-map`"),
    ("neighbor * default-originate route-map", "`advertise-map`, `default-originate route-map`"),
    ("neighbor * local-as", "`local-as` in a confederation"),
    ("bgp confederation", "`remote-as external` in a confederation"),
    ("aggregate-address", "`summary-only` of an aggregate that its route-map refuses"),
    ("rpki polling_period", "`rpki polling_period` above the `expire_interval`"),
    ("rpki cache", "a lost cache's records"),
    ("set extcommunity bandwidth", "`set extcommunity bandwidth`, beside one of the other scope"),
    ("set ipv6 next-hop prefer-global", "`fe80` next hops after `set ipv6 next-hop prefer-global`"),
    ("neighbor * addpath-tx", "ADD-PATH, `TX advertised`"),
    ("vrrp (1-255) [version", "VRRP devices"),
    ("vrrp (1-255) preempt", "VRRP master that hears a better one"),
    ("vrrp (1-255) advertisement-interval", "VRRP skew and master down interval"),
    ("show vrrp", "VRRP timers"),
    ("show interface", "VRRP devices"),
    ("show rpki prefix-table", "order of `show rpki prefix-table`"),
    ("show rpki <prefix-table", "order of `show rpki prefix-table`"),
    ("show running-config", "`show running-config`"),
    ("show version", "`show version`"),
    ("show bgp router", "`show bgp router`"),
    ("show route-map", "prefix-lists and route-maps"),
    ("show ip prefix-list", "prefix-lists and route-maps"),
    ("show ipv6 prefix-list", "prefix-lists and route-maps"),
    ("show bfd", "BFD"),
    ("clear bfd", "BFD"),
    ("show bgp * neighbors * graceful-restart", "graceful restart in `show bgp neighbors`"),
    (
        "show [ip] bgp * neighbors * <advertised-routes",
        "`show bgp neighbors X received-routes`, `filtered-routes`",
    ),
    (
        "show [ip] bgp * <A.B.C.D|A.B.C.D/M|X:X::X:X|X:X::X:X/M> * rpki",
        "`show bgp ... PREFIX rpki valid\\|invalid`",
    ),
    ("show <ip <fib|route>", "legend of `show ip route`"),
    ("show history", "`show history`"),
    ("bgp max-med on-startup", "`bgp max-med on-startup`, when the time is over"),
    ("ip nht", "`ip nht bgp route-map` that refuses the way to a neighbour that is farther away"),
    ("ipv6 nht", "`ip nht bgp route-map` that refuses the way to a neighbour that is farther away"),
    ("match peer", "`match peer`, `match src-peer` with the name of a peer-group"),
    ("match src-peer", "`match peer`, `match src-peer` with the name of a peer-group"),
    ("neighbor * allowas-in", "a path with our own AS that `allowas-in route-map` refuses"),
    ("clear ip prefix-list", "`clear ip prefix-list`, `clear route-map counters`"),
    ("clear ipv6 prefix-list", "`clear ip prefix-list`, `clear route-map counters`"),
    ("clear route-map counters", "`clear ip prefix-list`, `clear route-map counters`"),
];

/// What becomes of a line.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Fate {
    /// It has its effect.
    Same,
    /// It is about something that does not exist here.
    Idle,
    /// It is kept, and a notice says that it has no effect yet.
    Kept,
    /// It is refused with this answer.
    Refused(String),
}

impl Fate {
    fn name(&self) -> String {
        match self {
            Fate::Same => "same".to_owned(),
            Fate::Idle => "nothing to do".to_owned(),
            Fate::Kept => "kept".to_owned(),
            Fate::Refused(answer) => format!("refused: {}", code(answer)),
        }
    }
}

const UNKNOWN: &str = "% Unknown command";

/// A word that a token of a command accepts.
fn sample(token: &Token) -> String {
    let word = match token.text.trim_end_matches("...") {
        "A.B.C.D" => "192.0.2.1",
        "A.B.C.D/M" => "198.51.100.0/24",
        "X:X::X:X" => "2001:db8::1",
        "X:X::X:X/M" => "2001:db8:1::/48",
        "AA:NN" | "ASN:NN_OR_IP-ADDRESS:NN" => "65001:100",
        "AA:BB:CC" | "AA:AA:NN" => "65001:1:1",
        "IFNAME" | "INTERFACE" => "eth0",
        "REGEX" => "65001",
        "VERSION" => "8.4.4",
        "PROFILE" => "traditional",
        "VIEWVRFNAME" => "default",
        "TCPPORT" => "323",
        "ASNUM" => "30",
        "SUBGROUP-ID" => "1",
        text => match (number(token), token.kind) {
            (Some(number), _) => return number.to_string(),
            (None, TokenKind::Keyword) => text,
            (None, _) => "G",
        },
    };
    word.to_owned()
}

/// What becomes of a line of the enable node.
fn ask(line: &str, keywords: &[&str]) -> Fate {
    if vtysh::runs_by_itself(line) {
        return Fate::Same;
    }
    if let Lookup::Found(pattern, args) = matcher::lookup(exec::table(true), line, &matcher::split(line))
        && swallows(pattern.syntax, &args, keywords)
    {
        return Fate::Refused(UNKNOWN.to_owned());
    }
    let mut session = Session::new(Arc::new(Fake::with(AROUND)), None);
    let mut out = Vec::new();
    session.execute("enable", &mut out).unwrap();
    out.clear();
    let (status, _) = session.execute(line, &mut out).unwrap();
    let known = !matches!(status, exec::Status::NoMatch | exec::Status::Ambiguous | exec::Status::Incomplete);
    if known { Fate::Same } else { Fate::Refused(first_line(&String::from_utf8_lossy(&out), line)) }
}

/// Whether our command takes one of the keywords of FRR's for a name. One that takes the rest of a line as it is may,
/// and where any word is taken.
fn swallows(syntax: &str, args: &Args<'_>, keywords: &[&str]) -> bool {
    let free = syntax.contains("...") || ANY_WORD.iter().any(|start| syntax.starts_with(start));
    // `all` is the name of all instances.
    !free && keywords.iter().any(|k| !["no", "all"].contains(k) && !args.has_as_keyword(k))
}

/// The first line of an answer, without the line that it repeats.
fn first_line(answer: &str, line: &str) -> String {
    let first = answer.lines().next().unwrap_or("");
    first.strip_suffix(line).map_or(first, |f| f.trim_end_matches(": ")).to_owned()
}

/// What becomes of a line in the node of a configuration.
fn configure(editor: &Editor, line: &str, keywords: &[&str]) -> Fate {
    let mut editor = editor.clone();
    let node = editor.node.kind();
    let status = status(&editor.node, line, keywords);
    if status == Some(None) {
        return Fate::Refused(UNKNOWN.to_owned());
    }
    let removes = line.starts_with("no ");
    match editor.line(line) {
        Verdict::Unknown => Fate::Refused(UNKNOWN.to_owned()),
        Verdict::Ambiguous => Fate::Refused("% Ambiguous command".to_owned()),
        Verdict::Incomplete => Fate::Refused("% Command incomplete".to_owned()),
        // That there is nothing to remove says nothing about the command.
        Verdict::Failed(Fail::Refused(why)) if !removes => {
            Fate::Refused(why.lines().next().unwrap_or("").to_owned())
        }
        Verdict::Failed(fail @ (Fail::Value(_) | Fail::Internal(_))) => Fate::Refused(fail.to_string()),
        Verdict::Failed(_) | Verdict::Done => match status {
            Some(Some(Status::Later)) => Fate::Kept,
            Some(Some(Status::Harmless)) if is_kept(node) => Fate::Kept,
            Some(Some(Status::Harmless)) => Fate::Idle,
            Some(Some(Status::Works) | None) | None => Fate::Same,
        },
    }
}

/// How far the engine is with a line that is read in a node: with none of it, where it takes keywords for names.
fn status(node: &Node, line: &str, keywords: &[&str]) -> Option<Option<Status>> {
    let words = matcher::split(line);
    let mut here = Some(node.clone());
    while let Some(node) = here {
        if let Lookup::Found(pattern, args) = matcher::lookup(table(node.kind()), line, &words) {
            let swallows = swallows(pattern.syntax, &args, keywords);
            return Some((!swallows).then_some(pattern.command.status));
        }
        here = node.parent();
    }
    None
}

/// A row of the document.
struct Row {
    command: String,
    /// What is said behind it.
    release: &'static str,
    fate: Fate,
    /// Parts of the command that have another fate.
    parts: BTreeMap<Fate, Vec<String>>,
}

impl Row {
    /// Whether nothing of it is refused.
    fn is_known(&self) -> bool {
        let refused = |fate: &Fate| matches!(fate, Fate::Refused(_));
        !refused(&self.fate) && !self.parts.keys().any(refused)
    }

    /// Whether it begins with the words of a pattern, in which `*` stands for any.
    fn begins(&self, pattern: &str) -> bool {
        let mut rest = self.command.trim_start_matches("[no] ");
        for (at, part) in pattern.split('*').enumerate() {
            match rest.find(part) {
                Some(0) => rest = &rest[part.len()..],
                Some(found) if at > 0 => rest = &rest[found + part.len()..],
                _ => return false,
            }
        }
        true
    }

    /// The row of the document of differences that says how it is different.
    fn difference(&self) -> Option<&'static str> {
        let found = DIFFERENT.iter().find(|(start, _)| self.begins(start));
        found.filter(|_| self.fate == Fate::Same).map(|(_, row)| *row)
    }

    fn text(&self) -> String {
        let mut text = self.difference().map_or_else(|| self.fate.name(), |row| format!("different: {row}"));
        for (fate, parts) in &self.parts {
            let parts: Vec<String> = parts.iter().map(|p| code(p)).collect();
            let fate =
                if *fate == Fate::Refused(UNKNOWN.to_owned()) { "unknown".to_owned() } else { fate.name() };
            let _ = write!(text, "; {}: {fate}", parts.join(", "));
        }
        text
    }
}

fn row(
    (command, release): (&str, &'static str),
    not_carried: &[&str],
    fate: &dyn Fn(&str, &[&str]) -> Fate,
) -> Option<Row> {
    let elements = pruned(command, not_carried)?;
    let all = instances(&elements, &sample);
    let mut fates = all.iter().map(|i| (fate(&together(&i.line), &i.keywords), &i.with));
    let (first, _) = fates.next()?;
    let mut parts: BTreeMap<Fate, Vec<String>> = BTreeMap::new();
    for (fate, with) in fates.filter(|(fate, _)| *fate != first) {
        let names = parts.entry(fate).or_default();
        if !names.contains(with) {
            names.push(with.clone());
        }
    }
    Some(Row { command: notation(&elements), release, fate: first, parts })
}

fn together(line: &str) -> String {
    let plain = line.strip_prefix("no ").unwrap_or(line);
    let wrong = TOGETHER.iter().find(|(start, part, _)| plain.starts_with(start) && line.contains(part));
    wrong.map_or_else(|| line.to_owned(), |(_, part, right)| line.replacen(part, right, 1))
}

/// The rows of a node. What is said with `no` in front has a row of its own only where it is refused.
fn rows(name: &str, commands: &[(&str, &'static str)], not_carried: &[&str]) -> Vec<Row> {
    let mut editor = Editor::default();
    let way = NODES.iter().find(|(node, _)| *node == name).map_or(&[][..], |(_, way)| way);
    for line in AROUND.lines().chain(["end"]).chain(way.iter().copied()) {
        assert_eq!(editor.line(line), Verdict::Done, "{line}");
    }
    let fate = |line: &str, keywords: &[&str]| match name {
        "enable" => ask(line, keywords),
        _ => configure(&editor, line, keywords),
    };
    let all = commands.iter().filter_map(|command| row(*command, not_carried, &fate));
    let mut all: Vec<Row> = all.filter(|row| !row.command.starts_with("no ") || !row.is_known()).collect();
    all.sort_by(|a, b| a.command.trim_start_matches("[no] ").cmp(b.command.trim_start_matches("[no] ")));
    all.dedup_by(|a, b| a.command == b.command);
    all
}

const PREFACE: &str = "
What FRR 8.4.4 lists in the nodes of its daemons zebra, bgpd, staticd, bfdd and vrrpd, and what FRR 10.8 has beyond that,
marked with (10), and what becomes of it here. Each command is given to our grammar with as little as possible, and once
more with each of its alternatives and optional parts, in a configuration that has what it may name. Our own commands are
in [commands.md](commands.md).

| here | meaning |
| --- | --- |
| same | read as FRR reads it, and in effect; what shows answer is compared where [the lab](differences.md) has them |
| different | [differences.md](differences.md) says in the row named how it is different |
| nothing to do | kept and written back; what it is about does not exist here |
| kept | kept and written back, not in effect yet; a notice says so, in a node that is only kept at the line that leads to it |
| refused | with this answer |

What stands behind the first word is about parts of the command only. Lines with `no` in front are listed where they are
refused.
";

/// `docs/frr-compatibility.md`.
pub fn text() -> String {
    let words = RELEASES.iter().flat_map(|(list, _)| list.lines()).filter_map(|l| l.strip_prefix("! words:"));
    let not_carried: Vec<&str> = words.flat_map(str::split_whitespace).collect();
    let mut nodes = NODES.map(|(name, _)| (name, Vec::new()));
    for (list, release) in RELEASES {
        let mut node = 0;
        for line in list.lines().filter(|l| !l.starts_with('!')) {
            let name = line.strip_prefix('[').and_then(|l| l.strip_suffix(']'));
            match name.and_then(|name| NODES.iter().position(|(node, _)| *node == name)) {
                Some(at) => node = at,
                None => nodes[node].1.push((line, release)),
            }
        }
    }
    let mut out = head("Commands of FRR");
    out += PREFACE;
    let _ = write!(
        out,
        "\nLeft out are commands and parts of commands about protocols and families that are not carried here, or about\n\
         FRR's own works, with one of the words {}.\n",
        not_carried.iter().map(|w| code(w)).collect::<Vec<_>>().join(", ")
    );
    let nodes: Vec<(&str, Vec<Row>)> =
        nodes.into_iter().map(|(name, commands)| (name, rows(name, &commands, &not_carried))).collect();
    out += "\n| node | same | different | in part | nothing to do | kept | refused |\n\
            | --- | --- | --- | --- | --- | --- | --- |\n";
    for (name, rows) in &nodes {
        let count = |wanted: &dyn Fn(&Row) -> bool| rows.iter().filter(|r| wanted(r)).count();
        let refused = |r: &Row| matches!(r.fate, Fate::Refused(_));
        let _ = writeln!(
            out,
            "| {name} | {} | {} | {} | {} | {} | {} |",
            count(&|r| r.fate == Fate::Same && r.parts.is_empty() && r.difference().is_none()),
            count(&|r| r.parts.is_empty() && r.difference().is_some()),
            count(&|r| !refused(r) && !r.parts.is_empty()),
            count(&|r| r.fate == Fate::Idle && r.parts.is_empty()),
            count(&|r| r.fate == Fate::Kept && r.parts.is_empty()),
            count(&refused),
        );
    }
    for (name, rows) in &nodes {
        let _ = write!(out, "\n## {name}\n\n| FRR | here |\n| --- | --- |\n");
        for row in rows {
            let _ = writeln!(out, "| {}{} | {} |", code(&row.command), row.release, row.text());
        }
    }
    out
}
