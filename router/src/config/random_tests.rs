//! Random lines drawn from the command table itself: whatever they make, it must be rendered in a form that
//! reads back to the same text.

use super::grammar::syntax::{Element, Token, TokenKind};
use super::grammar::{Editor, NodeKind, table};
use super::parse::parse;
use super::render::render;

/// A small linear congruential generator: the same everywhere, and no dependency.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 33) as usize) % n.max(1)
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

fn line(random: &mut Random, elements: &[Element], no: bool, out: &mut Vec<String>) {
    for element in elements {
        match element {
            Element::Token(token) => out.push(word(random, token)),
            Element::Choice(alternatives) => line(random, random_of(random, alternatives), no, out),
            Element::Optional(inner) if random.below(2) == 0 => line(random, inner, no, out),
            Element::OptionalIfNo(inner) if !no || random.below(2) == 0 => line(random, inner, no, out),
            Element::AnyOrder(alternatives) => {
                for alternative in alternatives.iter().filter(|_| random.below(2) == 0).collect::<Vec<_>>() {
                    line(random, alternative, no, out);
                }
            }
            _ => {}
        }
    }
}

fn random_of<'a>(random: &Random, alternatives: &'a [Vec<Element>]) -> &'a [Element] {
    &alternatives[Random(random.0).below(alternatives.len())]
}

fn word(random: &mut Random, token: &Token) -> String {
    let fixed: &[&str] = match (token.kind, token.name) {
        (TokenKind::Keyword, _) => return token.text.to_owned(),
        (TokenKind::Range(low, high), _) => {
            let span = (high - low).min(6) + 1;
            return (low + random.below(span as usize) as i64).to_string();
        }
        (TokenKind::Ipv4, "mask") => &["255.255.0.0", "255.255.255.0"],
        (TokenKind::Ipv4, "wild") => &["0.0.255.255", "0.0.0.255"],
        (TokenKind::Ipv4, _) => &["10.0.0.1", "10.0.0.2", "192.0.2.1"],
        (TokenKind::Ipv4Prefix, _) => &["10.0.0.0/8", "10.1.2.3/24", "0.0.0.0/0", "192.0.2.1/32"],
        (TokenKind::Ipv6, _) => &["2001:db8::1", "fe80::1", "2001:db8::2"],
        (TokenKind::Ipv6Prefix, _) => &["2001:db8::/32", "2001:db8::1/64", "::/0"],
        (TokenKind::Asn, _) => &["1", "65001", "4200000000", "1.5"],
        (TokenKind::Word, "peer" | "group") => &["G", "H", "eth0", "eth1"],
        (TokenKind::Word, "value") => &["5", "+5", "-5"],
        (TokenKind::Word, "PROFILE") => &["traditional", "datacenter"],
        (TokenKind::Word, "ASN:NN_OR_IP-ADDRESS:NN") => &["1:1", "10.0.0.1:5"],
        (TokenKind::Word, _) => &["A", "B", "eth0", "x1"],
        (TokenKind::Rest, "AA:NN" | "line") => &["1:1", "1:1 2:2", "no-export", "65001:1:1", "^1_"],
        (TokenKind::Rest, "ASNUM") => &["1 2", "65001"],
        (TokenKind::Rest, _) => &["one", "two words", "10.8", "5 6"],
    };
    (*random.pick(fixed)).to_owned()
}

const NODES: &[(NodeKind, &str)] = &[
    (NodeKind::Top, "end"),
    (NodeKind::Interface, "end\ninterface eth0"),
    (NodeKind::Interface, "end\ninterface lan0"),
    (NodeKind::Vrf, "end\nvrf blue"),
    (NodeKind::Bgp, "end\nrouter bgp"),
    (NodeKind::BgpFamily, "end\nrouter bgp\naddress-family ipv4"),
    (NodeKind::BgpFamily, "end\nrouter bgp\naddress-family ipv6"),
    (NodeKind::RouteMap, "end\nroute-map A permit 5"),
    (NodeKind::RouteMap, "end\nroute-map B deny 7"),
    (NodeKind::LineVty, "end\nline vty"),
    (NodeKind::Rpki, "end\nrpki"),
];

fn random_config(seed: u64) -> (Editor, String) {
    let mut random = Random(seed);
    let mut editor = Editor::default();
    let mut script = String::new();
    let mut feed = |editor: &mut Editor, text: &str| {
        for line in text.lines() {
            editor.line(line);
            script.push_str(line);
            script.push('\n');
        }
    };
    feed(
        &mut editor,
        "router bgp 65001\nneighbor G peer-group\nneighbor G remote-as 5\nneighbor H peer-group",
    );
    feed(&mut editor, "neighbor eth0 interface remote-as external\nneighbor 10.0.0.1 remote-as 7");
    feed(&mut editor, "neighbor 2001:db8::1 peer-group G\nneighbor 10.0.0.2 peer-group G");
    for _ in 0..120 {
        let (kind, enter) = random.pick(NODES);
        feed(&mut editor, enter);
        let commands = table(*kind);
        let pattern = &commands[random.below(commands.len())];
        let no = pattern.no && random.below(4) == 0;
        let mut words = Vec::new();
        line(&mut random, &pattern.elements, no, &mut words);
        let text = words.join(" ");
        feed(&mut editor, &if no { format!("no {text}") } else { text });
    }
    (editor, script)
}

/// A line of the top level read inside another node must leave that node, whatever it begins like.
#[test]
fn no_inner_node_swallows_a_line_of_the_top_level() {
    use super::grammar::BlockKind as B;
    use super::grammar::matcher::{Lookup, lookup, split};
    let inner = [
        NodeKind::Interface,
        NodeKind::RouteMap,
        NodeKind::LineVty,
        NodeKind::Rpki,
        NodeKind::Block(B::Bfd),
        NodeKind::Block(B::BfdPeer),
        NodeKind::Block(B::KeyChain),
        NodeKind::Block(B::NexthopGroup),
    ];
    let mut random = Random(7);
    for pattern in table(NodeKind::Top) {
        for _ in 0..20 {
            let mut words = Vec::new();
            line(&mut random, &pattern.elements, false, &mut words);
            let text = words.join(" ");
            for kind in inner {
                let found = lookup(table(kind), &text, &split(&text));
                assert!(!matches!(found, Lookup::Found(..)), "{kind:?} takes {text}");
            }
        }
    }
}

/// The laboratory lists its commands in the notation that we use too: instances of each must mean something
/// here, but for what is out of scope.
#[test]
fn commands_of_the_reference_are_understood() {
    use super::grammar::BlockKind as B;
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let candidates = [Some(root.to_owned()), root.canonicalize().ok()].into_iter().flatten();
    let folder = candidates.map(|r| r.join("../../shared/frr/outputs")).find(|p| p.exists());
    let Some(folder) = folder else {
        println!("skipped: no outputs here");
        return;
    };
    let files = [
        ("list-config.txt", NodeKind::Top),
        ("list-interface.txt", NodeKind::Interface),
        ("list-bgp.txt", NodeKind::Bgp),
        ("list-bgp_ipv4u.txt", NodeKind::BgpFamily),
        ("list-bgp_ipv6u.txt", NodeKind::BgpFamily),
        ("list-routemap.txt", NodeKind::RouteMap),
        ("list-linevty.txt", NodeKind::LineVty),
        ("list-bfd.txt", NodeKind::Block(B::Bfd)),
        ("list-bfdprofile.txt", NodeKind::Block(B::BfdProfile)),
        ("list-bfdpeer.txt", NodeKind::Block(B::BfdPeer)),
        ("list-vrf.txt", NodeKind::Vrf),
        ("list-nhg.txt", NodeKind::Block(B::NexthopGroup)),
    ];
    let mut missing = Vec::new();
    for version in ["10.8-dev", "8.4.4"] {
        for (file, kind) in files {
            let text = std::fs::read_to_string(folder.join(version).join("cli").join(file)).unwrap();
            for notation in text.lines().filter(|l| !out_of_scope(l)) {
                if !understood(notation, kind) {
                    missing.push(format!("{version} {file}: {notation}"));
                }
            }
        }
    }
    assert!(missing.is_empty(), "{}\n{}", missing.len(), missing.join("\n"));
}

fn out_of_scope(notation: &str) -> bool {
    const WORDS: &str = "HALF (0-1000000) babel eigrp evpn flowspec igmp import_vrf isis label l2vpn ldp link-params link-state mgmt mpls mroute \
        msdp multicast nhrp northbound ospf pbr pcep pim pseudowire redirect rfp rip segment sharp sid spf-delay srv6 ssmpingd \
        tunnel traffic-eng unique-id upa unreachability vnc vni vpn vrf-policy";
    const SHELL: [&str; 8] =
        ["exit", "quit", "end", "list [permutations]", "find ", "clear", "exit-", "output file"];
    let own = notation.trim_start_matches("no ");
    let shell = SHELL.iter().any(|s| own == *s || (own.starts_with(s) && s.ends_with([' ', '-', 'e'])));
    let word = |w: &str| notation.contains(&w.replace('_', " "));
    notation.is_empty() || shell || WORDS.split_whitespace().any(word)
}

/// Whether random lines of a notation of the reference are understood in a node, alone and behind `no`.
fn understood(notation: &str, kind: NodeKind) -> bool {
    use super::grammar::matcher::{Lookup, lookup, split};
    use super::grammar::syntax::compile;
    let (notation, no) = match notation.strip_prefix("[no] ") {
        Some(rest) => (rest, true),
        None => (notation, false),
    };
    let notation: &'static str = Box::leak(notation.to_owned().into_boxed_str());
    let elements = compile(notation);
    let mut random = Random(11);
    (0..12).all(|round| {
        let no = no && round % 2 == 1;
        let mut words = Vec::new();
        line(&mut random, &elements, no || notation.starts_with("no "), &mut words);
        let text = if no { format!("no {}", words.join(" ")) } else { words.join(" ") };
        let kinds = [kind, NodeKind::Bgp, NodeKind::Top];
        let known = |k: NodeKind| matches!(lookup(table(k), &text, &split(&text)), Lookup::Found(..));
        known(kind) || (kind == NodeKind::BgpFamily && kinds.into_iter().any(known))
    })
}

#[test]
fn whatever_lines_make_reads_back_to_the_same_text() {
    for seed in 0..500 {
        let (editor, script) = random_config(seed);
        let first = render(&editor.config);
        let again = parse("again", &first).unwrap_or_else(|errors| {
            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            panic!("seed {seed}\n{script}\n---\n{first}\n---\n{}", errors.join("\n"))
        });
        let second = render(&again.config);
        if first != second {
            let differing = first.lines().zip(second.lines()).find(|(a, b)| a != b);
            panic!("seed {seed}: {differing:?}\n--- script\n{script}\n--- first\n{first}");
        }
    }
}
