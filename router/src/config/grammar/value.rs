//! Words that stand for values of several kinds: communities, origins, peers.

use bgp::attrs::Origin;
use bgp::attrs::text::{self, ExtKind};
use rib::policy::ast::{Action, Arith, ExtCommunity, LargeCommunity};

use super::Fail;

/// Reads communities up to the end of the line; `additive` may be last.
pub fn parse_communities(line: &str) -> Result<(Vec<u32>, bool), Fail> {
    values(line, text::parse_community)
}

/// Reads large communities; `additive` may be last.
pub fn parse_large_communities(line: &str) -> Result<(Vec<LargeCommunity>, bool), Fail> {
    values(line, |word| {
        text::parse_large_community(word).map(|(global, local1, local2)| LargeCommunity {
            global,
            local1,
            local2,
        })
    })
}

fn values<T: Ord>(line: &str, parse: impl Fn(&str) -> Option<T>) -> Result<(Vec<T>, bool), Fail> {
    let mut out = Vec::new();
    let mut additive = false;
    for word in line.split_whitespace() {
        if word.len() >= 2 && "additive".starts_with(word) {
            additive = true;
        } else {
            out.push(parse(word).ok_or_else(|| Fail::refuse("% Malformed communities attribute"))?);
        }
    }
    out.sort();
    out.dedup();
    Ok((out, additive))
}

/// Reads route targets or origins: `rt X`, `soo X`, or bare values of `kind`.
pub fn parse_ext_communities(line: &str, kind: ExtKind) -> Result<Vec<ExtCommunity>, Fail> {
    let mut kind = kind;
    let mut out = Vec::new();
    for word in line.split_whitespace() {
        match word {
            "rt" => kind = ExtKind::RouteTarget,
            "soo" => kind = ExtKind::RouteOrigin,
            _ => {
                let value = text::ExtCommunity::parse(kind, word);
                out.push(ExtCommunity(value.ok_or_else(|| Fail::refuse("% Malformed extcommunity"))?.0));
            }
        }
    }
    Ok(out)
}

/// Communities as a line has them.
pub fn communities_text(values: &[u32]) -> String {
    join(values.iter().map(|c| text::Community(*c)))
}

/// Large communities as a line has them.
pub fn large_communities_text(values: &[LargeCommunity]) -> String {
    join(values.iter().map(|c| format!("{}:{}:{}", c.global, c.local1, c.local2)))
}

/// An extended community as `(keyword, value)`: `rt`, `soo`; others have no notation.
pub fn ext_community_words(value: &ExtCommunity) -> Option<(&'static str, String)> {
    let shown = text::ExtCommunity(value.0).to_string();
    let (word, rest) = shown.split_once(':')?;
    match word {
        "RT" => Some(("rt", rest.to_owned())),
        "SoO" => Some(("soo", rest.to_owned())),
        _ => None,
    }
}

/// Items separated by blanks.
pub fn join<T: std::fmt::Display>(items: impl Iterator<Item = T>) -> String {
    let mut out = String::new();
    for item in items {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(&item.to_string());
    }
    out
}

/// `permit` or `deny`.
pub fn action(word: &str) -> Action {
    if word == "permit" { Action::Permit } else { Action::Deny }
}

/// The word for it.
pub const fn action_name(action: Action) -> &'static str {
    match action {
        Action::Permit => "permit",
        Action::Deny => "deny",
    }
}

/// `igp`, `egp` or `incomplete`.
pub fn origin(word: &str) -> Origin {
    match word {
        "igp" => Origin::Igp,
        "egp" => Origin::Egp,
        _ => Origin::Incomplete,
    }
}

/// The word for it.
pub const fn origin_name(origin: Origin) -> &'static str {
    match origin {
        Origin::Igp => "igp",
        Origin::Egp => "egp",
        Origin::Incomplete => "incomplete",
    }
}

/// A number, or one behind `+` or `-`.
pub fn arith(word: &str) -> Option<Arith> {
    let number = |s: &str| s.parse::<u32>().ok().filter(|_| s.bytes().all(|b| b.is_ascii_digit()));
    match word.split_at_checked(1) {
        Some(("+", rest)) => number(rest).map(Arith::Add),
        Some(("-", rest)) => number(rest).map(Arith::Sub),
        _ => number(word).map(Arith::Set),
    }
}

/// The word for it.
pub fn arith_text(value: Arith) -> String {
    match value {
        Arith::Set(n) => n.to_string(),
        Arith::Add(n) => format!("+{n}"),
        Arith::Sub(n) => format!("-{n}"),
    }
}
