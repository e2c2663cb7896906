//! Lines that are instances of a command in its notation: one with as little as possible, and for each alternative and
//! each part that may be left out one that has it.

use crate::config::grammar::syntax::{Element, Token, TokenKind, compile};

/// An instance of a command.
#[derive(Clone, Default)]
pub struct Instance {
    /// The line.
    pub line: String,
    /// Its keywords.
    pub keywords: Vec<&'static str>,
    /// What it has that the first instance does not have, in the notation.
    pub with: String,
}

/// A command of FRR in its notation, without the alternatives that are not carried here; none if nothing is left.
pub fn pruned(syntax: &str, not_carried: &[&str]) -> Option<Vec<Element>> {
    // Our notation has no repeated numbers: one of them is a sample of them all.
    let syntax = syntax.replace(")...", ")").replace("[vrf<", "[vrf <").replace("]]<", "]] <");
    // The tokens of the notation are constants elsewhere; the few of a test may as well stay.
    prune(&compile(Box::leak(syntax.into_boxed_str())), not_carried)
}

fn prune(elements: &[Element], not_carried: &[&str]) -> Option<Vec<Element>> {
    let alternatives = |all: &[Vec<Element>]| -> Vec<Vec<Element>> {
        all.iter().filter_map(|a| prune(a, not_carried)).filter(|a| !a.is_empty()).collect()
    };
    let mut out = Vec::new();
    for element in elements {
        match element {
            Element::Token(token) if not_carried.contains(&token.text) => return None,
            Element::Token(_) => out.push(element.clone()),
            Element::Choice(all) => match alternatives(all) {
                left if left.is_empty() => return None,
                left => out.push(Element::Choice(left)),
            },
            Element::AnyOrder(all) => match alternatives(all) {
                left if left.is_empty() => {}
                left => out.push(Element::AnyOrder(left)),
            },
            Element::Optional(inner) => {
                if let Some(inner) = prune(inner, not_carried).filter(|i| !i.is_empty()) {
                    out.push(Element::Optional(inner));
                }
            }
            Element::OptionalIfNo(inner) => out.push(Element::OptionalIfNo(prune(inner, not_carried)?)),
        }
    }
    Some(out)
}

/// The notation of a command.
pub fn notation(elements: &[Element]) -> String {
    let alternatives = |all: &[Vec<Element>]| all.iter().map(|a| notation(a)).collect::<Vec<_>>().join("|");
    let bracket = |inner: &[Element]| match inner {
        [Element::Choice(all)] => alternatives(all),
        _ => notation(inner),
    };
    let parts = elements.iter().map(|element| match element {
        Element::Token(token) => token.text.to_owned(),
        Element::Choice(all) if all.len() == 1 => alternatives(all),
        Element::Choice(all) => format!("<{}>", alternatives(all)),
        Element::AnyOrder(all) => format!("{{{}}}", alternatives(all)),
        Element::Optional(inner) => format!("[{}]", bracket(inner)),
        Element::OptionalIfNo(inner) => format!("![{}]", bracket(inner)),
    });
    parts.collect::<Vec<_>>().join(" ")
}

/// The instances of a command; `sample` is a word for a token.
pub fn instances(elements: &[Element], sample: &dyn Fn(&Token) -> String) -> Vec<Instance> {
    sequence(elements, sample)
}

fn join(parts: &[&Instance], with: &str) -> Instance {
    let lines = parts.iter().map(|p| p.line.as_str()).filter(|l| !l.is_empty());
    Instance {
        line: lines.collect::<Vec<_>>().join(" "),
        keywords: parts.iter().flat_map(|p| p.keywords.iter().copied()).collect(),
        with: with.to_owned(),
    }
}

/// The first instances of all parts, and each other instance of each of them among the first ones of the others.
fn sequence(elements: &[Element], sample: &dyn Fn(&Token) -> String) -> Vec<Instance> {
    let parts: Vec<Vec<Instance>> = elements.iter().map(|e| element(e, sample)).collect();
    let first: Vec<&Instance> = parts.iter().filter_map(|part| part.first()).collect();
    let mut out = vec![join(&first, "")];
    for (at, part) in parts.iter().enumerate() {
        for other in part.iter().skip(1) {
            let mut all = first.clone();
            all[at] = other;
            out.push(join(&all, &other.with));
        }
    }
    out
}

fn element(element: &Element, sample: &dyn Fn(&Token) -> String) -> Vec<Instance> {
    let with = |inner: &[Element]| {
        // What is first among several is by itself what is there, not the choice.
        let name = match inner {
            [Element::Choice(all)] => all.first().map_or_else(String::new, |a| notation(a)),
            _ => notation(inner),
        };
        let mut all = sequence(inner, sample);
        all.iter_mut().filter(|i| i.with.is_empty()).for_each(|i| i.with.clone_from(&name));
        all
    };
    match element {
        Element::Token(token) => {
            let keyword = (token.kind == TokenKind::Keyword).then_some(token.text);
            vec![Instance {
                line: sample(token),
                keywords: keyword.into_iter().collect(),
                with: String::new(),
            }]
        }
        Element::Choice(all) | Element::AnyOrder(all) => all.iter().flat_map(|a| with(a)).collect(),
        Element::Optional(inner) => std::iter::once(Instance::default()).chain(with(inner)).collect(),
        Element::OptionalIfNo(inner) => with(inner),
    }
}

/// A number in a range: not a bound of it, where that can be.
pub fn number(token: &Token) -> Option<i64> {
    match token.kind {
        TokenKind::Range(low, high) => Some(30.clamp(low, high)),
        _ => None,
    }
}

#[test]
fn each_alternative_and_each_option_has_an_instance() {
    let elements =
        pruned("show [ip] bgp [<ipv4|ipv6|l2vpn> [vpn]] <A.B.C.D|WORD> [json]", &["l2vpn", "vpn"]).unwrap();
    assert_eq!(notation(&elements), "show [ip] bgp [ipv4|ipv6] <A.B.C.D|WORD> [json]");
    let sample = |token: &Token| match token.text {
        "A.B.C.D" => "192.0.2.1".to_owned(),
        other => other.to_owned(),
    };
    let all: Vec<(String, String)> =
        instances(&elements, &sample).into_iter().map(|i| (i.line, i.with)).collect();
    let due = [
        ("show bgp 192.0.2.1", ""),
        ("show ip bgp 192.0.2.1", "ip"),
        ("show bgp ipv4 192.0.2.1", "ipv4"),
        ("show bgp ipv6 192.0.2.1", "ipv6"),
        ("show bgp WORD", "WORD"),
        ("show bgp 192.0.2.1 json", "json"),
    ];
    assert_eq!(all, due.map(|(line, with)| (line.to_owned(), with.to_owned())));
    assert!(pruned("show evpn vni", &["evpn"]).is_none());
}
