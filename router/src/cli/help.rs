//! `?` and Tab, from the tables of commands.

use std::collections::BTreeMap;

use super::{candidate, exec};
use crate::config::grammar::matcher::{self, Completions, Expected};
use crate::config::grammar::syntax::TokenKind;
use crate::config::grammar::{self, Node, help_for};

/// Whose commands are meant.
pub enum Tables {
    /// The enable node (`true`) or the view node.
    Exec(bool),
    /// A configuration node; that of a candidate has commands of its own besides.
    Config(Node, bool),
}

impl Tables {
    fn complete(&self, line: &str, words: &[matcher::Word<'_>]) -> Completions {
        match self {
            Tables::Exec(enabled) => matcher::complete(exec::table(*enabled), line, words),
            Tables::Config(node, candidate) => {
                let mut all = matcher::complete(grammar::table(node.kind()), line, words);
                if *candidate {
                    let own = matcher::complete(candidate::table(), line, words);
                    all.next.extend(own.next);
                    all.complete |= own.complete;
                }
                all
            }
        }
    }

    fn command_help(&self, expected: &Expected) -> &'static str {
        let found = match self {
            Tables::Exec(enabled) => {
                exec::table(*enabled).iter().find(|p| p.syntax == expected.syntax).map(|p| p.command.help)
            }
            Tables::Config(node, _) => {
                let own = || candidate::table().iter().find(|p| p.syntax == expected.syntax);
                let table = grammar::table(node.kind());
                let of_node = table.iter().find(|p| p.syntax == expected.syntax).map(|p| p.command.help);
                of_node.or_else(|| own().map(|p| p.command.help))
            }
        };
        found.unwrap_or("")
    }

    /// Words that are understood everywhere in the place, with their help.
    fn everywhere(&self) -> &'static [(&'static str, &'static str)] {
        match self {
            Tables::Exec(_) => {
                &[("find", "Search the commands of this node"), ("list", "All commands of this node")]
            }
            Tables::Config(..) => &[
                ("do", "Run a command of the enable node"),
                ("end", "Back to the enable node"),
                ("exit", "Leave this node"),
                ("find", "Search the commands of this node"),
                ("list", "All commands of this node"),
                ("quit", "Leave this node"),
            ],
        }
    }
}

/// Splits a line into the words before the cursor's word, and that word.
fn at_cursor(line: &str) -> (Vec<matcher::Word<'_>>, &str) {
    let mut words = matcher::split(line);
    let fresh = line.is_empty() || line.ends_with(char::is_whitespace);
    match (fresh, words.pop()) {
        (false, Some(last)) => (words, last.text),
        (true, Some(last)) => {
            words.push(last);
            (words, "")
        }
        (_, None) => (words, ""),
    }
}

fn fits(expected: &Expected, partial: &str) -> bool {
    match expected.token.kind {
        TokenKind::Keyword => expected.token.text.starts_with(partial),
        TokenKind::Ipv4 | TokenKind::Ipv4Prefix => {
            partial.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'/'))
        }
        TokenKind::Ipv6 | TokenKind::Ipv6Prefix => {
            partial.bytes().all(|b| b.is_ascii_hexdigit() || matches!(b, b'.' | b':' | b'/'))
        }
        TokenKind::Range(..) => partial.bytes().all(|b| b.is_ascii_digit() || b == b'-'),
        TokenKind::Asn => partial.bytes().all(|b| b.is_ascii_digit() || b == b'.'),
        TokenKind::Word | TokenKind::Rest => true,
    }
}

/// The lines that `?` shows.
pub fn help(tables: &Tables, line: &str) -> String {
    let (words, partial) = at_cursor(line);
    let completions = tables.complete(line, &words);
    let mut rows: BTreeMap<(u8, String), String> = BTreeMap::new();
    if completions.complete && partial.is_empty() {
        rows.insert((0, "<cr>".to_owned()), String::new());
    }
    if completions.no && "no".starts_with(partial) {
        rows.insert((1, "no".to_owned()), "Undo or switch off".to_owned());
    }
    for expected in completions.next.iter().filter(|e| fits(e, partial)) {
        let text = help_for(&expected.token, tables.command_help(expected));
        rows.insert((1, expected.token.text.to_owned()), text);
    }
    if words.is_empty() {
        for (word, text) in tables.everywhere().iter().filter(|(w, _)| w.starts_with(partial)) {
            rows.insert((1, (*word).to_owned()), (*text).to_owned());
        }
    }
    if rows.is_empty() {
        return "% There is no matched command.\n".to_owned();
    }
    let width = rows.keys().map(|(_, word)| word.len()).max().unwrap_or(0);
    let rows =
        rows.iter().map(|((_, word), text)| format!("  {word:width$}  {text}").trim_end().to_owned() + "\n");
    rows.collect()
}

/// Whole keywords that may stand in place of the last word.
pub fn completions(tables: &Tables, line: &str) -> Vec<String> {
    let (words, partial) = at_cursor(line);
    let completions = tables.complete(line, &words);
    let keywords = completions.next.iter().filter(|e| e.token.kind == TokenKind::Keyword && fits(e, partial));
    let mut out: Vec<String> = keywords.map(|e| e.token.text.to_owned()).collect();
    if completions.no && "no".starts_with(partial) {
        out.push("no".to_owned());
    }
    if words.is_empty() {
        let everywhere = tables.everywhere().iter().map(|(word, _)| *word);
        out.extend(everywhere.filter(|w| w.starts_with(partial)).map(str::to_owned));
    }
    out.sort();
    out.dedup();
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_lists_what_may_come_next() {
        let text = help(&Tables::Exec(true), "show bgp ipv4 unicast sum");
        assert_eq!(text, "  summary  Overview\n");
        let text = help(&Tables::Exec(true), "show ip route ");
        assert!(text.starts_with("  <cr>\n  A.B.C.D "), "{text}");
        assert!(text.contains("  json "), "{text}");
        let text = help(&Tables::Config(Node::Bgp(None), false), "neighbor 192.0.2.2 remote-as ");
        assert!(text.contains("ASNUM") && text.contains("external"), "{text}");
        assert_eq!(help(&Tables::Exec(true), "bogus "), "% There is no matched command.\n");
    }

    #[test]
    fn tab_completes_keywords_only() {
        assert_eq!(completions(&Tables::Exec(true), "conf"), ["configure"]);
        assert_eq!(completions(&Tables::Exec(true), "show ip ro"), ["route", "router-id"]);
        assert!(completions(&Tables::Exec(true), "show interface br").contains(&"brief".to_owned()));
        assert_eq!(
            completions(&Tables::Config(Node::Top, false), "rout"),
            ["route-map", "router", "router-id"]
        );
        assert_eq!(
            completions(&Tables::Config(Node::Top, false), "no rou"),
            ["route-map", "router", "router-id"]
        );
        assert!(completions(&Tables::Exec(false), "conf").is_empty());
    }
}
