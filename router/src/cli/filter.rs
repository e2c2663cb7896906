//! `| include REGEX`.

use std::io::{self, Write};

use regex_automata::meta::Regex;

/// Passes on the lines that match.
pub struct LineFilter<'a> {
    regex: Regex,
    out: &'a mut dyn Write,
    line: Vec<u8>,
}

impl<'a> LineFilter<'a> {
    /// A filter before `out`.
    pub fn new(regex: Regex, out: &'a mut dyn Write) -> LineFilter<'a> {
        LineFilter { regex, out, line: Vec::new() }
    }

    /// Passes on a last line without an end.
    pub fn finish(mut self) -> io::Result<()> {
        if self.line.is_empty() { Ok(()) } else { self.pass() }
    }

    fn pass(&mut self) -> io::Result<()> {
        if self.regex.is_match(self.line.as_slice()) {
            self.out.write_all(&self.line)?;
            self.out.write_all(b"\n")?;
        }
        self.line.clear();
        Ok(())
    }
}

impl Write for LineFilter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|b| *b == b'\n') {
            let (line, after) = rest.split_at(end);
            self.line.extend_from_slice(line);
            self.pass()?;
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
        let mut filter = LineFilter::new(Regex::new("^B").unwrap(), &mut out);
        for piece in ["B o", "ne\nA two\nB", " three\nB four"] {
            filter.write_all(piece.as_bytes()).unwrap();
        }
        filter.finish().unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "B one\nB three\nB four\n");
    }
}
