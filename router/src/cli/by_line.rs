//! Output by lines, however it is cut: `| include REGEX`, and what hides secrets.

use std::borrow::Cow;
use std::io::{self, Write};

use regex_automata::meta::Regex;

/// What becomes of a line, which has no end; `None` if it is left out.
type Pass = dyn for<'l> Fn(&'l [u8]) -> Option<Cow<'l, [u8]>>;

/// Passes lines on as they are to be.
pub struct ByLine<'a> {
    pass: Box<Pass>,
    out: &'a mut dyn Write,
    line: Vec<u8>,
}

impl<'a> ByLine<'a> {
    /// Before `out`.
    pub fn new(
        out: &'a mut dyn Write,
        pass: impl for<'l> Fn(&'l [u8]) -> Option<Cow<'l, [u8]>> + 'static,
    ) -> ByLine<'a> {
        ByLine { pass: Box::new(pass), out, line: Vec::new() }
    }

    /// Passes on the lines that match.
    pub fn matching(out: &'a mut dyn Write, regex: Regex) -> ByLine<'a> {
        ByLine::new(out, move |line| regex.is_match(line).then_some(Cow::Borrowed(line)))
    }

    /// Passes on a last line without an end.
    pub fn finish(mut self) -> io::Result<()> {
        if self.line.is_empty() { Ok(()) } else { self.end_line() }
    }

    fn end_line(&mut self) -> io::Result<()> {
        if let Some(line) = (self.pass)(&self.line) {
            self.out.write_all(&line)?;
            self.out.write_all(b"\n")?;
        }
        self.line.clear();
        Ok(())
    }
}

impl Write for ByLine<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|b| *b == b'\n') {
            let (line, after) = rest.split_at(end);
            self.line.extend_from_slice(line);
            self.end_line()?;
            rest = after.get(1..).unwrap_or_default();
        }
        self.line.extend_from_slice(rest);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_matching_lines_pass_however_they_are_cut() {
        let mut out = Vec::new();
        let mut lines = ByLine::matching(&mut out, Regex::new("^B").unwrap());
        for piece in ["B o", "ne\nA two\nB", " three\nB four"] {
            lines.write_all(piece.as_bytes()).unwrap();
        }
        lines.finish().unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "B one\nB three\nB four\n");
    }
}
