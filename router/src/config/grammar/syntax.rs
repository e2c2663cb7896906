//! The notation in which commands are written down, and its compiled form.
//!
//! | notation | meaning |
//! | --- | --- |
//! | `word` | a keyword; any unique prefix of it is accepted |
//! | `A.B.C.D`, `A.B.C.D/M`, `X:X::X:X`, `X:X::X:X/M` | an address, a prefix |
//! | `(1-255)` | a number in this range |
//! | `ASNUM` | an AS number, plain or dotted |
//! | `NAME` | any single word |
//! | `LINE...` | the rest of the line, as it stands |
//! | `<a\|b>` | one of these |
//! | `[a]` | may be left out |
//! | `![a]` | may be left out behind `no` |
//! | `{a\|b}` | any of these, each once, in any order; possibly none |
//! | `x$name` | captured under this name |
//! | `PEER` | a neighbour: `<A.B.C.D\|X:X::X:X\|WORD>$peer` |

/// What a token accepts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TokenKind {
    /// This word or a prefix of it.
    Keyword,
    /// An IPv4 address.
    Ipv4,
    /// An IPv4 prefix.
    Ipv4Prefix,
    /// An IPv6 address.
    Ipv6,
    /// An IPv6 prefix.
    Ipv6Prefix,
    /// A number between two bounds.
    Range(i64, i64),
    /// An AS number.
    Asn,
    /// Any word.
    Word,
    /// The rest of the line.
    Rest,
}

/// One token of a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Token {
    /// What it accepts.
    pub kind: TokenKind,
    /// As written in the notation, without the capture name.
    pub text: &'static str,
    /// Under which name the word is captured; keywords have none unless they are given one.
    pub name: &'static str,
    /// Whether it stands in `![...]`: a value, not part of what identifies the line.
    pub value: bool,
}

/// A piece of a compiled command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Element {
    /// A single token.
    Token(Token),
    /// One of these sequences.
    Choice(Vec<Vec<Element>>),
    /// This sequence or nothing.
    Optional(Vec<Element>),
    /// This sequence; behind `no` also nothing.
    OptionalIfNo(Vec<Element>),
    /// These sequences in any order, each at most once.
    AnyOrder(Vec<Vec<Element>>),
}

const PEER: &str = "<A.B.C.D|X:X::X:X|WORD>$peer";

/// Compiles a command. The notation is our own constant text, so a mistake in it shows in the tests, which
/// compile all tables; here the rest of a malformed text is read as far as possible.
pub fn compile(syntax: &'static str) -> Vec<Element> {
    let mut compiler = Compiler { rest: syntax };
    compiler.sequence(false)
}

struct Compiler {
    rest: &'static str,
}

impl Compiler {
    fn sequence(&mut self, value: bool) -> Vec<Element> {
        let mut out = Vec::new();
        loop {
            self.rest = self.rest.trim_start();
            let Some(first) = self.rest.chars().next() else { break };
            match first {
                '>' | ']' | '}' | '|' => break,
                '<' => {
                    let mut alternatives = self.alternatives('>', value);
                    if let Some(name) = self.capture_name() {
                        rename(&mut alternatives, name);
                    }
                    out.push(Element::Choice(alternatives));
                }
                '{' => out.push(Element::AnyOrder(self.alternatives('}', value))),
                '[' => out.push(Element::Optional(self.bracket(value))),
                '!' => {
                    self.rest = &self.rest[1..];
                    out.push(Element::OptionalIfNo(self.bracket(true)));
                }
                _ => out.push(self.token(value)),
            }
        }
        // Most have one element; a vector begins with room for four, and there are thousands.
        out.shrink_to_fit();
        out
    }

    /// `[a]`, or `[a|b]` which means `[<a|b>]`.
    fn bracket(&mut self, value: bool) -> Vec<Element> {
        let mut alternatives = self.alternatives(']', value);
        if alternatives.len() == 1 {
            alternatives.pop().unwrap_or_default()
        } else {
            vec![Element::Choice(alternatives)]
        }
    }

    fn alternatives(&mut self, close: char, value: bool) -> Vec<Vec<Element>> {
        let mut out = Vec::new();
        self.rest = self.rest.get(1..).unwrap_or("");
        loop {
            out.push(self.sequence(value));
            let next = self.rest.chars().next();
            self.rest = self.rest.get(1..).unwrap_or("");
            if next != Some('|') {
                debug_assert!(next.is_none_or(|next| next == close));
                out.shrink_to_fit();
                return out;
            }
        }
    }

    fn capture_name(&mut self) -> Option<&'static str> {
        let after = self.rest.strip_prefix('$')?;
        let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
        let (name, rest) = after.split_at(end);
        self.rest = rest;
        Some(name)
    }

    fn token(&mut self, value: bool) -> Element {
        let end = match self.rest.strip_prefix('(') {
            Some(inner) => inner.find(')').map_or(self.rest.len(), |i| i + 2),
            None => self.rest.find([' ', '<', '>', '[', ']', '{', '}', '|', '$']).unwrap_or(self.rest.len()),
        };
        let (text, rest) = self.rest.split_at(end.max(1));
        self.rest = rest;
        if text == "PEER" {
            return compile(PEER).pop().unwrap_or(Element::Choice(Vec::new()));
        }
        let kind = kind_of(text);
        let unnamed = if kind == TokenKind::Keyword { "" } else { text.trim_end_matches("...") };
        let name = self.capture_name().unwrap_or(unnamed);
        Element::Token(Token { kind, text, name, value })
    }
}

/// Names the tokens that have no name of their own.
fn rename(alternatives: &mut [Vec<Element>], name: &'static str) {
    for element in alternatives.iter_mut().flatten() {
        match element {
            Element::Token(token) => {
                if token.name.is_empty() || token.name == token.text.trim_end_matches("...") {
                    token.name = name;
                }
            }
            Element::Choice(inner) | Element::AnyOrder(inner) => rename(inner, name),
            Element::Optional(inner) | Element::OptionalIfNo(inner) => {
                rename(std::slice::from_mut(inner), name);
            }
        }
    }
}

fn kind_of(text: &str) -> TokenKind {
    match text {
        "A.B.C.D" => TokenKind::Ipv4,
        "A.B.C.D/M" => TokenKind::Ipv4Prefix,
        "X:X::X:X" => TokenKind::Ipv6,
        "X:X::X:X/M" => TokenKind::Ipv6Prefix,
        "ASNUM" => TokenKind::Asn,
        _ if text.starts_with('(') => range_of(text),
        _ if text.ends_with("...") => TokenKind::Rest,
        _ if text.starts_with(|c: char| c.is_ascii_uppercase()) && !text.contains(is_lower) => {
            TokenKind::Word
        }
        _ => TokenKind::Keyword,
    }
}

fn is_lower(c: char) -> bool {
    c.is_ascii_lowercase()
}

/// `(1-255)`, and with a negative lower bound `(-5-5)`.
fn range_of(text: &str) -> TokenKind {
    let inner = text.trim_start_matches('(').trim_end_matches(')');
    let split = inner.char_indices().skip(1).find(|(_, c)| *c == '-').map(|(i, _)| i);
    let bounds = split.map(|i| (inner[..i].parse(), inner[i + 1..].parse()));
    match bounds {
        Some((Ok(low), Ok(high))) => TokenKind::Range(low, high),
        _ => TokenKind::Word,
    }
}
