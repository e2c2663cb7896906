//! Reading a configuration file as a whole.
//!
//! All lines are read into a fresh [`Config`]; every mistake is reported, and nothing is applied if there is
//! one.

use std::fmt;

use super::check::check;
use super::grammar::{self, Editor, Fail, Node, Verdict, matcher};
use super::model::Config;

/// A mistake in a file.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub struct ParseError {
    /// Name of the file.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1, in characters.
    pub column: usize,
    /// What is wrong.
    pub kind: ParseErrorKind,
    /// The line.
    pub text: String,
    /// A word that may have been meant.
    pub nearest: Option<String>,
}

/// What is wrong with a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ParseErrorKind {
    /// No such command.
    Unknown,
    /// Several commands begin like this.
    Ambiguous,
    /// Words are missing.
    Incomplete,
    /// Understood, and refused.
    Refused(String),
}

impl ParseErrorKind {
    /// FRR's status for it.
    pub const fn status(&self) -> u8 {
        match self {
            ParseErrorKind::Unknown => 2,
            ParseErrorKind::Ambiguous => 3,
            ParseErrorKind::Incomplete => 4,
            ParseErrorKind::Refused(_) => 13,
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
        match &self.kind {
            ParseErrorKind::Unknown => write!(f, "unknown command: {}", self.text)?,
            ParseErrorKind::Ambiguous => write!(f, "ambiguous command: {}", self.text)?,
            ParseErrorKind::Incomplete => write!(f, "incomplete command: {}", self.text)?,
            ParseErrorKind::Refused(why) => {
                let why = why.trim_start_matches("% ").replace('\n', " ");
                write!(f, "{why}: {}", self.text)?;
            }
        }
        match &self.nearest {
            Some(word) => write!(f, "; nearest valid word: {word}"),
            None => Ok(()),
        }
    }
}

/// Something that the operator should know about a line that was accepted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notice {
    /// Line, from 1; `None` concerns the whole.
    pub line: Option<usize>,
    /// What there is to know.
    pub text: String,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}

/// A file that was read without mistakes.
#[derive(Clone, PartialEq, Debug)]
pub struct Parsed {
    /// The configuration.
    pub config: Config,
    /// What there is to know about it.
    pub notices: Vec<Notice>,
}

/// Reads a file. `name` is what error messages call it.
pub fn parse(name: &str, text: &str) -> Result<Parsed, Vec<ParseError>> {
    let mut editor = Editor::default();
    let mut errors = Vec::new();
    let mut notices = Vec::new();
    for (index, raw) in text.lines().enumerate() {
        let line = raw.trim_end_matches('\r');
        let number = index + 1;
        let verdict = editor.line(line);
        // What a file refers to may stand further down: such notices come from the check at the end.
        let told = editor.notices.drain(..).filter(|n| !n.ends_with("does not exist."));
        notices.extend(told.map(|text| Notice { line: Some(number), text }));
        let kind = match verdict {
            Verdict::Done => continue,
            Verdict::Unknown => ParseErrorKind::Unknown,
            Verdict::Ambiguous => ParseErrorKind::Ambiguous,
            Verdict::Incomplete => ParseErrorKind::Incomplete,
            Verdict::Failed(fail) => ParseErrorKind::Refused(fail.to_string()),
        };
        errors.push(locate(name, number, line, kind, &editor.node));
    }
    let (problems, remarks) = check(&editor.config);
    notices.extend(remarks.into_iter().map(|text| Notice { line: None, text }));
    let last = text.lines().count();
    errors.extend(problems.into_iter().map(|why| ParseError {
        file: name.to_owned(),
        line: last,
        column: 1,
        kind: ParseErrorKind::Refused(why),
        text: "end of file".to_owned(),
        nearest: None,
    }));
    match errors.is_empty() {
        true => Ok(Parsed { config: editor.config, notices }),
        false => Err(errors),
    }
}

/// Finds the word that is wrong and one that may have been meant.
fn locate(file: &str, line: usize, raw: &str, kind: ParseErrorKind, node: &Node) -> ParseError {
    let words = matcher::split(raw);
    let mut at = 0;
    let mut nearest = None;
    if !matches!(kind, ParseErrorKind::Refused(_)) {
        (at, nearest) = explain(raw, &words, node);
    }
    let byte = words.get(at).map_or(raw.trim_end().len(), |w| w.start);
    let column = raw.get(..byte).map_or(0, |s| s.chars().count()) + 1;
    let text = raw.trim().to_owned();
    ParseError { file: file.to_owned(), line, column, kind, text, nearest }
}

/// Looks for the longest beginning that some node knows, from the inside out.
fn explain(raw: &str, words: &[matcher::Word<'_>], node: &Node) -> (usize, Option<String>) {
    let mut best = (0, Vec::new());
    let mut here = Some(node.clone());
    while let Some(node) = here {
        let (at, expected) = matcher::explain(grammar::table(node.kind()), raw, words);
        let expected = expected.into_iter().filter(|e| e.token.kind == grammar::syntax::TokenKind::Keyword);
        let mut keywords: Vec<&'static str> = expected.map(|e| e.token.text).collect();
        match at.cmp(&best.0) {
            std::cmp::Ordering::Greater => best = (at, keywords),
            std::cmp::Ordering::Equal => best.1.append(&mut keywords),
            std::cmp::Ordering::Less => {}
        }
        here = node.parent();
    }
    let typed = words.get(best.0).map_or("", |w| w.text);
    (best.0, nearest(typed, &best.1))
}

/// The word that is fewest edits away, if that is not too many.
fn nearest(typed: &str, candidates: &[&'static str]) -> Option<String> {
    let limit = typed.chars().count().max(3) / 2 + 1;
    let scored = candidates.iter().map(|c| (distance(typed, c), *c));
    let best = scored.filter(|(d, _)| *d <= limit && !typed.is_empty()).min();
    best.map(|(_, word)| word.to_owned())
}

/// Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (y, slot) in b.iter().zip(row.iter_mut().skip(1)) {
            let above = *slot;
            left = (diagonal + usize::from(x != *y)).min(above + 1).min(left + 1);
            diagonal = above;
            *slot = left;
        }
    }
    row.last().copied().unwrap_or(0)
}

/// Reads lines into an existing configuration, as `vtysh -f` does; stops at nothing.
pub fn parse_into(editor: &mut Editor, line: &str) -> Result<Vec<String>, Fail> {
    match editor.line(line) {
        Verdict::Done => Ok(std::mem::take(&mut editor.notices)),
        Verdict::Unknown => Err(Fail::refuse(format!("% Unknown command: {}", line.trim()))),
        Verdict::Ambiguous => Err(Fail::refuse(format!("% Ambiguous command: {}", line.trim()))),
        Verdict::Incomplete => Err(Fail::refuse(format!("% Command incomplete: {}", line.trim()))),
        Verdict::Failed(fail) => Err(fail),
    }
}
