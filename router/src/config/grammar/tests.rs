use super::matcher::{Lookup, complete, lookup, parse_asn, split};
use super::syntax::{Element, TokenKind, compile};
use super::*;

fn patterns(syntaxes: &[&'static str]) -> Vec<Pattern<usize>> {
    let numbered = syntaxes.iter().enumerate();
    numbered.map(|(command, s)| Pattern { syntax: s, elements: compile(s), no: true, command }).collect()
}

fn found(patterns: &[Pattern<usize>], line: &str) -> Option<usize> {
    match lookup(patterns, line, &split(line)) {
        Lookup::Found(pattern, _) => Some(pattern.command),
        _ => None,
    }
}

#[test]
fn every_notation_in_the_tables_compiles_to_what_it_says() {
    fn count(elements: &[Element]) -> usize {
        elements
            .iter()
            .map(|e| match e {
                Element::Token(token) => {
                    assert!(!token.text.is_empty());
                    assert!(token.text != "PEER");
                    let odd = token.text.contains(['[', ']', '{', '}', '<', '>', '|', '$', '!']);
                    assert!(!odd, "{}", token.text);
                    1
                }
                Element::Choice(a) | Element::AnyOrder(a) => {
                    assert!(a.iter().all(|s| !s.is_empty()));
                    a.iter().map(|s| count(s)).sum()
                }
                Element::Optional(s) | Element::OptionalIfNo(s) => count(s),
            })
            .sum()
    }
    for kind in node_kinds() {
        for pattern in table(kind) {
            let words = pattern.syntax.split([' ', '<', '>', '[', ']', '{', '}', '|', '!']);
            let tokens = words.filter(|w| !w.is_empty() && !w.starts_with('$')).count();
            let peers =
                pattern.syntax.matches("PEER ").count() + usize::from(pattern.syntax.ends_with("PEER"));
            assert_eq!(count(&pattern.elements), tokens + peers * 2, "{}", pattern.syntax);
            assert!(!pattern.command.help.is_empty(), "{}", pattern.syntax);
        }
    }
}

#[test]
fn no_notation_stands_twice_in_a_node() {
    for kind in node_kinds() {
        let mut seen = std::collections::BTreeSet::new();
        for pattern in table(kind) {
            assert!(seen.insert(pattern.syntax), "{kind:?}: {}", pattern.syntax);
        }
    }
}

#[test]
fn choices_options_and_orders_are_followed() {
    let p = patterns(&["a <b|c (1-5)> [d] {e|f WORD}"]);
    for line in ["a b", "a c 5", "a b d", "a b e", "a b f x e", "a c 1 d e f y"] {
        assert_eq!(found(&p, line), Some(0), "{line}");
    }
    for line in ["a", "a c", "a c 6", "a b e e", "a b f", "a d"] {
        assert_eq!(found(&p, line), None, "{line}");
    }
}

#[test]
fn a_whole_word_wins_over_a_beginning_and_that_over_a_free_word() {
    let p = patterns(&["show ip", "show ipv6", "show interface WORD", "show interface brief"]);
    assert_eq!(found(&p, "show ip"), Some(0));
    assert_eq!(found(&p, "sh ipv"), Some(1));
    assert_eq!(found(&p, "show int br"), Some(3));
    assert_eq!(found(&p, "show int bx"), Some(2));
    assert!(matches!(lookup(&p, "show i", &split("show i")), Lookup::Ambiguous));
    assert!(matches!(lookup(&p, "show int", &split("show int")), Lookup::Incomplete));
    assert!(matches!(lookup(&p, "show x", &split("show x")), Lookup::Unknown));
}

#[test]
fn values_may_be_left_out_only_behind_no() {
    let p = patterns(&["timers ![(1-5) (1-5)]"]);
    assert_eq!(found(&p, "timers"), None);
    assert_eq!(found(&p, "timers 1 2"), Some(0));
    assert_eq!(found(&p, "no timers"), Some(0));
    assert_eq!(found(&p, "no timers 1 2"), Some(0));
}

#[test]
fn the_rest_of_a_line_is_taken_as_it_stands() {
    let line = "description  a  b | c ";
    let p = patterns(&["description LINE..."]);
    let Lookup::Found(_, args) = lookup(&p, line, &split(line)) else { panic!() };
    assert_eq!(args.get("LINE"), Some("a  b | c"));
}

#[test]
fn completions_follow_what_was_typed() {
    let p = patterns(&["show ip route", "show ip bgp [json]", "show ipv6", "router bgp ASNUM"]);
    let next = |line: &str| {
        let c = complete(&p, line, &split(line));
        (c.next.iter().map(|e| e.token.text).collect::<Vec<_>>(), c.complete)
    };
    assert_eq!(next(""), (vec!["router", "show"], false));
    assert_eq!(next("show ip"), (vec!["bgp", "route"], false));
    assert_eq!(next("show ip bgp"), (vec!["json"], true));
    assert_eq!(next("router bgp"), (vec!["ASNUM"], false));
}

#[test]
fn as_numbers_are_plain_or_dotted() {
    assert_eq!(parse_asn("65001"), Some(65001));
    assert_eq!(parse_asn("1.10"), Some(65546));
    for bad in ["0", "0.0", "", "4294967296", "1.65536", "+1", "a"] {
        assert_eq!(parse_asn(bad), None, "{bad}");
    }
}

#[test]
fn ranges_may_begin_below_zero() {
    let [Element::Token(token)] = &compile("(-5-5)")[..] else { panic!() };
    assert_eq!(token.kind, TokenKind::Range(-5, 5));
}

#[test]
fn every_word_has_a_help_text() {
    for kind in node_kinds() {
        for pattern in table(kind) {
            let completions = complete(table(kind), "", &[]);
            for expected in completions.next {
                assert!(!help_for(&expected.token, pattern.command.help).is_empty());
            }
        }
    }
}
