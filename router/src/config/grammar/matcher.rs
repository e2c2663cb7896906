//! Finding the command that a line means.
//!
//! Every word may fit several tokens. A whole keyword is a better fit than an address or a number, that a
//! better one than the beginning of a keyword, and that a better one than a free word; among the commands
//! that fit the whole line, the one with the best fit at the first place where they differ is meant.

use std::cmp::Ordering;

use super::args::{Args, Capture};
use super::syntax::{Element, Token, TokenKind};

/// A word of a line and where it starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Word<'a> {
    /// The word.
    pub text: &'a str,
    /// Byte offset in the line.
    pub start: usize,
}

/// Splits a line at blanks.
pub fn split(line: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut start = None;
    for (at, c) in line.char_indices().chain([(line.len(), ' ')]) {
        match (c.is_whitespace(), start) {
            (false, None) => start = Some(at),
            (true, Some(from)) => {
                words.push(Word { text: &line[from..at], start: from });
                start = None;
            }
            _ => {}
        }
    }
    words
}

/// A compiled command with what it stands for.
#[derive(Debug)]
pub struct Pattern<T> {
    /// The notation it was compiled from.
    pub syntax: &'static str,
    /// The compiled form.
    pub elements: Vec<Element>,
    /// Whether it may stand behind `no`.
    pub no: bool,
    /// What it stands for.
    pub command: T,
}

/// What came of looking a line up.
#[derive(Debug)]
pub enum Lookup<'g, 'l, T> {
    /// This command with these arguments.
    Found(&'g Pattern<T>, Args<'l>),
    /// Words are missing at the end.
    Incomplete,
    /// Several commands begin like this.
    Ambiguous,
    /// No command is like this.
    Unknown,
}

/// How well a word fits a token; higher is better.
mod fit {
    pub const REST: u8 = 1;
    pub const WORD: u8 = 2;
    pub const PREFIX: u8 = 3;
    pub const TYPED: u8 = 4;
    pub const EXACT: u8 = 5;
}

/// Looks up a line that has been split into words.
pub fn lookup<'g, 'l, T>(patterns: &'g [Pattern<T>], line: &'l str, words: &[Word<'l>]) -> Lookup<'g, 'l, T> {
    let mut found: Option<(&Pattern<T>, Trail<'l>, bool)> = None;
    let mut ambiguous = false;
    let mut partial: Option<Trail<'l>> = None;
    let mut partial_ambiguous = false;
    for (pattern, negated) in candidates(patterns, words) {
        let words = if negated { &words[1..] } else { words };
        let mut walk = Walk::new(line, words, negated);
        walk.run(pattern);
        if let Some(trail) = walk.complete {
            match found.as_ref().map_or(Ordering::Greater, |(_, best, _)| trail.compare(best)) {
                Ordering::Greater => {
                    ambiguous = false;
                    found = Some((pattern, trail, negated));
                }
                Ordering::Equal => {
                    ambiguous |= found.as_ref().is_some_and(|(_, best, _)| trail.differs(best))
                }
                Ordering::Less => {}
            }
        }
        if let Some(trail) = walk.partial {
            match partial.as_ref().map_or(Ordering::Greater, |best| trail.compare(best)) {
                Ordering::Greater => {
                    partial_ambiguous = false;
                    partial = Some(trail);
                }
                Ordering::Equal => {
                    partial_ambiguous |= partial.as_ref().is_some_and(|best| trail.differs(best))
                }
                Ordering::Less => {}
            }
        }
    }
    match (found, partial) {
        (Some(_), _) if ambiguous => Lookup::Ambiguous,
        (Some((pattern, trail, negated)), _) => {
            Lookup::Found(pattern, Args::new(line, pattern.syntax, negated, trail.captures))
        }
        (None, Some(_)) if partial_ambiguous => Lookup::Ambiguous,
        (None, Some(_)) => Lookup::Incomplete,
        (None, None) => Lookup::Unknown,
    }
}

/// Patterns to try, each with whether the first word is a `no` in front of it.
fn candidates<'g, T>(
    patterns: &'g [Pattern<T>],
    words: &[Word<'_>],
) -> impl Iterator<Item = (&'g Pattern<T>, bool)> {
    let no = words.first().is_some_and(|w| w.text == "no");
    patterns.iter().flat_map(move |p| {
        let plain = Some((p, false));
        let negated = (no && p.no).then_some((p, true));
        plain.into_iter().chain(negated)
    })
}

/// A possible next word.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expected {
    /// The token.
    pub token: Token,
    /// The notation of the command that it belongs to.
    pub syntax: &'static str,
}

/// What may follow some words.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Completions {
    /// Tokens that may come next, each once, sorted.
    pub next: Vec<Expected>,
    /// Whether the line may end here.
    pub complete: bool,
    /// Whether `no` may come next.
    pub no: bool,
}

/// What may stand behind these words; the word being typed is not among them.
pub fn complete<T>(patterns: &[Pattern<T>], line: &str, words: &[Word<'_>]) -> Completions {
    let mut best: Vec<u8> = Vec::new();
    let mut out = Completions { no: words.is_empty() && patterns.iter().any(|p| p.no), ..Default::default() };
    for (pattern, negated) in candidates(patterns, words) {
        let words = if negated { &words[1..] } else { words };
        let mut walk = Walk::new(line, words, negated);
        walk.collect = true;
        walk.run(pattern);
        let mut ends: Vec<(Vec<u8>, Option<Token>)> = walk.expected;
        if let Some(trail) = walk.complete {
            ends.push((trail.fits, None));
        }
        for (fits, token) in ends {
            match fits.cmp(&best) {
                Ordering::Less => continue,
                Ordering::Greater => {
                    out.next.clear();
                    out.complete = false;
                    best = fits;
                }
                Ordering::Equal => {}
            }
            match token {
                None => out.complete = true,
                Some(token) if out.next.iter().all(|e| e.token.text != token.text) => {
                    out.next.push(Expected { token, syntax: pattern.syntax });
                }
                Some(_) => {}
            }
        }
    }
    out.next.sort_by_key(|e| (e.token.kind != TokenKind::Keyword, e.token.text));
    out
}

/// Where an unknown or incomplete line goes wrong: the index of the first word that fits nowhere, and what
/// could have stood there.
pub fn explain<T>(patterns: &[Pattern<T>], line: &str, words: &[Word<'_>]) -> (usize, Vec<Expected>) {
    for upto in (0..=words.len()).rev() {
        let completions = complete(patterns, line, &words[..upto]);
        if !completions.next.is_empty() || completions.complete {
            return (upto, completions.next);
        }
    }
    (0, Vec::new())
}

/// One way to read a line.
#[derive(Clone, Debug)]
struct Trail<'l> {
    fits: Vec<u8>,
    captures: Vec<Capture<'l>>,
}

impl Trail<'_> {
    fn compare(&self, other: &Trail<'_>) -> Ordering {
        self.fits.cmp(&other.fits)
    }

    /// Whether two readings of equal quality read a shortened keyword differently.
    fn differs(&self, other: &Trail<'_>) -> bool {
        let mut words =
            self.captures.iter().rev().zip(other.captures.iter().rev()).zip(self.fits.iter().rev());
        words.any(|((a, b), fit)| *fit == fit::PREFIX && a.keyword != b.keyword)
    }
}

/// What remains to be matched: a list that lives on the stack of the recursion.
enum Rest<'p> {
    End,
    Sequence(&'p [Element], &'p Rest<'p>),
    AnyOrder(&'p [Vec<Element>], u32, &'p Rest<'p>),
}

struct Walk<'l, 'w> {
    line: &'l str,
    words: &'w [Word<'l>],
    negated: bool,
    trail: Trail<'l>,
    complete: Option<Trail<'l>>,
    partial: Option<Trail<'l>>,
    collect: bool,
    expected: Vec<(Vec<u8>, Option<Token>)>,
}

impl<'l, 'w> Walk<'l, 'w> {
    fn new(line: &'l str, words: &'w [Word<'l>], negated: bool) -> Walk<'l, 'w> {
        let fits = if negated { vec![fit::EXACT] } else { Vec::new() };
        let trail = Trail { fits, captures: Vec::new() };
        let (complete, partial) = (None, None);
        Walk { line, words, negated, trail, complete, partial, collect: false, expected: Vec::new() }
    }

    fn run<T>(&mut self, pattern: &Pattern<T>) {
        self.walk(&Rest::Sequence(&pattern.elements, &Rest::End), 0);
    }

    fn walk(&mut self, rest: &Rest<'_>, at: usize) {
        match rest {
            Rest::End if at >= self.words.len() => {
                if self.complete.as_ref().is_none_or(|best| self.trail.compare(best) == Ordering::Greater) {
                    self.complete = Some(self.trail.clone());
                }
            }
            Rest::End => {}
            Rest::Sequence([], next) => self.walk(next, at),
            Rest::Sequence([first, tail @ ..], next) => self.element(first, &Rest::Sequence(tail, next), at),
            Rest::AnyOrder(alternatives, used, next) => {
                for (i, alternative) in alternatives.iter().enumerate().take(32) {
                    if used & (1 << i) == 0 {
                        let again = Rest::AnyOrder(alternatives, used | (1 << i), next);
                        self.walk(&Rest::Sequence(alternative, &again), at);
                    }
                }
                self.walk(next, at);
            }
        }
    }

    fn element(&mut self, element: &Element, next: &Rest<'_>, at: usize) {
        match element {
            Element::Token(token) => self.token(token, next, at),
            Element::Choice(alternatives) => {
                for alternative in alternatives {
                    self.walk(&Rest::Sequence(alternative, next), at);
                }
            }
            Element::Optional(inner) => {
                self.walk(&Rest::Sequence(inner, next), at);
                self.walk(next, at);
            }
            Element::OptionalIfNo(inner) => {
                self.walk(&Rest::Sequence(inner, next), at);
                if self.negated {
                    self.walk(next, at);
                }
            }
            Element::AnyOrder(alternatives) => self.walk(&Rest::AnyOrder(alternatives, 0, next), at),
        }
    }

    fn token(&mut self, token: &Token, next: &Rest<'_>, at: usize) {
        let Some(word) = self.words.get(at) else {
            self.missing(token);
            return;
        };
        let Some(fit) = fits(token, word.text) else { return };
        let keyword = (token.kind == TokenKind::Keyword).then_some(token.text);
        let text = match token.kind {
            TokenKind::Rest => self.line.get(word.start..).unwrap_or("").trim_end(),
            _ => word.text,
        };
        self.trail.fits.push(fit);
        self.trail.captures.push(Capture { name: token.name, keyword, text, value: token.value });
        let after = if token.kind == TokenKind::Rest { self.words.len() } else { at + 1 };
        self.walk(next, after);
        self.trail.fits.pop();
        self.trail.captures.pop();
    }

    fn missing(&mut self, token: &Token) {
        if self.collect {
            self.expected.push((self.trail.fits.clone(), Some(token.clone())));
        }
        if self.partial.as_ref().is_none_or(|best| self.trail.compare(best) == Ordering::Greater) {
            self.partial = Some(self.trail.clone());
        }
    }
}

fn fits(token: &Token, word: &str) -> Option<u8> {
    let typed = |ok: bool| ok.then_some(fit::TYPED);
    match token.kind {
        TokenKind::Keyword => keyword_fit(token.text, word),
        TokenKind::Ipv4 => typed(word.parse::<std::net::Ipv4Addr>().is_ok()),
        TokenKind::Ipv6 => typed(word.parse::<std::net::Ipv6Addr>().is_ok()),
        TokenKind::Ipv4Prefix => typed(word.parse::<ipnet::Ipv4Net>().is_ok()),
        TokenKind::Ipv6Prefix => typed(word.parse::<ipnet::Ipv6Net>().is_ok()),
        TokenKind::Range(low, high) => {
            let digits = word.strip_prefix('-').unwrap_or(word);
            let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            typed(plain && word.parse::<i64>().is_ok_and(|n| (low..=high).contains(&n)))
        }
        TokenKind::Asn => typed(parse_asn(word).is_some()),
        TokenKind::Word => Some(fit::WORD),
        TokenKind::Rest => Some(fit::REST),
    }
}

/// Case counts, as names may differ from keywords by it alone; only keywords that have capitals themselves may
/// be typed without.
fn keyword_fit(keyword: &str, word: &str) -> Option<u8> {
    let prefix = keyword.get(..word.len())?;
    let same = prefix == word
        || (keyword.bytes().any(|b| b.is_ascii_uppercase()) && prefix.eq_ignore_ascii_case(word));
    same.then_some(if prefix.len() == keyword.len() { fit::EXACT } else { fit::PREFIX })
}

/// An AS number, plain or dotted (RFC 5396); 0 is none.
pub fn parse_asn(text: &str) -> Option<u32> {
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let asn = match text.split_once('.') {
        Some((high, low)) if digits(high) && digits(low) => {
            let (high, low): (u16, u16) = (high.parse().ok()?, low.parse().ok()?);
            u32::from(high) << 16 | u32::from(low)
        }
        None if digits(text) => text.parse().ok()?,
        _ => return None,
    };
    (asn != 0).then_some(asn)
}
