//! The list of FRR's commands from which `docs/frr-compatibility.md` is made is what the FRR that is installed lists.
//! With `UPDATE_DOCS` in the environment it is written anew.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use router_tests::lab::Lab;
use router_tests::peers::Frr;

/// FRR's nodes with the lines that lead to them, in the order of the list.
const NODES: [(&str, &[&str]); 14] = [
    ("enable", &[]),
    ("config", &["configure terminal"]),
    ("interface", &["configure terminal", "interface eth0"]),
    ("vrf", &["configure terminal", "vrf blue"]),
    ("router bgp", &["configure terminal", "router bgp 65000"]),
    (
        "address-family ipv4 unicast",
        &["configure terminal", "router bgp 65000", "address-family ipv4 unicast"],
    ),
    (
        "address-family ipv6 unicast",
        &["configure terminal", "router bgp 65000", "address-family ipv6 unicast"],
    ),
    ("bmp targets", &["configure terminal", "router bgp 65000", "bmp targets T"]),
    ("route-map", &["configure terminal", "route-map R permit 10"]),
    ("rpki", &["configure terminal", "rpki"]),
    ("line vty", &["configure terminal", "line vty"]),
    ("bfd", &["configure terminal", "bfd"]),
    ("profile", &["configure terminal", "bfd", "profile P"]),
    ("peer", &["configure terminal", "bfd", "peer 192.0.2.1"]),
];

/// What every node has.
const EVERYWHERE: [&str; 9] = [
    "exit",
    "quit",
    "end",
    "help",
    "list [permutations]",
    "find REGEX...",
    "write [<file|memory|terminal>]",
    "show running-config",
    "show",
];

/// A daemon's answer to a line, with its status.
fn ask(socket: &mut UnixStream, line: &str) -> (String, u8) {
    socket.write_all(format!("{line}\0").as_bytes()).expect("FRR's socket");
    let mut answer = Vec::new();
    loop {
        let mut buffer = [0; 65536];
        let length = socket.read(&mut buffer).expect("FRR's socket");
        assert!(length > 0, "FRR closes its socket at {line}");
        answer.extend(&buffer[..length]);
        if let [text @ .., 0, 0, 0, status] = answer.as_slice() {
            return (String::from_utf8_lossy(text).into_owned(), *status);
        }
    }
}

/// What a daemon lists in a node; nothing if it does not have it.
fn list(frr: &Frr, daemon: &str, way: &[&str]) -> Vec<String> {
    let path = Path::new(&frr.sockets()).join(format!("{daemon}.vty"));
    let mut socket = UnixStream::connect(path).expect("FRR's socket");
    for line in ["enable"].iter().chain(way) {
        if ask(&mut socket, line).1 != 0 {
            return Vec::new();
        }
    }
    let (listed, _) = ask(&mut socket, "list");
    let blanks = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    listed.lines().map(blanks).filter(|l| !l.is_empty()).collect()
}

/// The words of a command outside of brackets.
fn bare(command: &str) -> Vec<String> {
    let mut depth = 0;
    let mut out = String::new();
    for c in command.chars() {
        match c {
            '<' | '[' | '{' => depth += 1,
            '>' | ']' | '}' => {
                depth -= 1;
                out.push(' ');
            }
            _ if depth == 0 => out.push(c),
            _ => {}
        }
    }
    out.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn the_list_of_commands_is_that_of_frr() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../router/testdata/frr-8.4.4-commands.txt");
    let stored = std::fs::read_to_string(&path).expect("the list beside the code");
    let head: Vec<&str> = stored.lines().filter(|l| l.starts_with('!')).collect();
    let words: BTreeSet<&str> =
        head.iter().filter_map(|l| l.strip_prefix("! words:")).flat_map(str::split_whitespace).collect();
    let lab = Lab::new();
    let node = lab.node("frr");
    let frr = Frr::whole(&node);
    let nodes = NODES.map(|(name, way)| {
        let daemons = ["zebra", "bgpd", "staticd", "bfdd", "vrrpd"];
        (name, daemons.iter().flat_map(|d| list(&frr, d, way)).collect::<BTreeSet<String>>())
    });
    let of = |name: &str| nodes.iter().find(|(n, _)| *n == name).map(|(_, all)| all).expect("a node");
    let mut text = head.join("\n") + "\n";
    for (name, all) in &nodes {
        text += &format!("[{name}]\n");
        let besides = match *name {
            "config" => Some(of("enable")),
            "address-family ipv6 unicast" => Some(of("address-family ipv4 unicast")),
            _ => None,
        };
        for command in all {
            let everywhere = *name != "enable" && EVERYWHERE.contains(&command.as_str());
            let not_carried = bare(command).iter().any(|w| words.contains(w.as_str()));
            if !everywhere && !not_carried && besides.is_none_or(|b| !b.contains(command)) {
                text += &format!("{command}\n");
            }
        }
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, text).expect("the list beside the code");
        return;
    }
    let [there, due] = [&stored, &text].map(|t| t.lines().collect::<BTreeSet<_>>());
    let differ: Vec<_> = there.symmetric_difference(&due).collect();
    assert!(differ.is_empty(), "FRR lists something else: {differ:#?}");
}
