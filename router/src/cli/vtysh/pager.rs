//! Output a screen at a time. The image has no `more`, so the shell does it.

use std::io::{self, Write};

use crate::sys::terminal;

const PROMPT: &str = "--More--";

/// Whether and how output is paged: `terminal paginate` and `terminal length N`, as FRR's shell has them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Paging {
    on: bool,
    /// Rows of a page instead of those of the terminal.
    rows: Option<usize>,
}

impl Paging {
    /// On if the environment names a pager, as with FRR's shell.
    pub fn from_environment() -> Paging {
        let named = std::env::var_os("VTYSH_PAGER").is_some_and(|pager| !pager.is_empty() && pager != "cat");
        Paging { on: named, rows: None }
    }

    /// Takes in a line that may be about paging.
    pub fn line(&mut self, line: &str) {
        let mut words = line.split_whitespace().skip_while(|w| *w == "do").peekable();
        let no = words.next_if_eq(&"no").is_some();
        let is = |word: Option<&str>, full: &str, least: usize| {
            word.is_some_and(|w| w.len() >= least && full.starts_with(w))
        };
        if !is(words.next(), "terminal", 2) {
            return;
        }
        let what = words.next();
        if is(what, "paginate", 1) {
            self.on = !no;
        } else if is(what, "length", 1) {
            let rows: Option<usize> = words.next().and_then(|n| n.parse().ok()).filter(|_| !no);
            // 0 means that nothing stops.
            self.on = rows.is_some_and(|n| n > 0);
            self.rows = rows.filter(|n| *n > 0);
        }
    }

    /// Rows and columns of a page, if output is paged.
    pub fn page(&self) -> Option<(usize, usize)> {
        let (rows, columns) = terminal::size()?;
        self.on.then(|| (self.rows.unwrap_or(rows).max(2), columns))
    }
}

/// What happens at the end of a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Another page.
    Page,
    /// Another line.
    Line,
    /// No more.
    Quit,
}

/// Asks at the terminal.
pub fn ask() -> Answer {
    loop {
        match terminal::key() {
            Ok(b' ' | b'f') => return Answer::Page,
            Ok(b'\r' | b'\n') => return Answer::Line,
            // ^C, ^D
            Ok(b'q' | b'Q' | 3 | 4) | Err(_) => return Answer::Quit,
            Ok(_) => {}
        }
    }
}

/// A writer that stops at the end of each page.
pub struct Pager<'a> {
    out: &'a mut dyn Write,
    ask: &'a mut dyn FnMut() -> Answer,
    rows: usize,
    columns: usize,
    /// Rows of this page that are left.
    left: usize,
    column: usize,
    quit: bool,
}

impl<'a> Pager<'a> {
    /// With pages of this size, to `out`.
    pub fn new(
        (rows, columns): (usize, usize),
        out: &'a mut dyn Write,
        ask: &'a mut dyn FnMut() -> Answer,
    ) -> Pager<'a> {
        Pager { out, ask, rows, columns, left: rows - 1, column: 0, quit: false }
    }

    /// A row is full, or a line ends.
    fn row(&mut self) {
        self.column = 0;
        self.left = self.left.saturating_sub(1);
    }

    /// There is more to come behind a full page.
    fn stop(&mut self) -> io::Result<()> {
        write!(self.out, "{PROMPT}")?;
        self.out.flush()?;
        let answer = (self.ask)();
        write!(self.out, "\r{:width$}\r", "", width = PROMPT.len())?;
        self.left = match answer {
            Answer::Page => self.rows - 1,
            Answer::Line => 1,
            Answer::Quit => {
                self.quit = true;
                // Whoever sends is told.
                terminal::interrupt();
                0
            }
        };
        Ok(())
    }
}

impl Write for Pager<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.quit || bytes.is_empty() {
            return Ok(bytes.len());
        }
        if self.left == 0 && self.column == 0 {
            self.stop()?;
            return if self.quit { Ok(bytes.len()) } else { self.write(bytes) };
        }
        // As much as fits on the page.
        let mut end = 0;
        while let Some(octet) = bytes.get(end).filter(|_| self.left > 0 || self.column > 0) {
            end += 1;
            match octet {
                b'\n' => self.row(),
                // The later octets of a character take no place.
                0x80..=0xbf => {}
                _ if self.column == self.columns => {
                    self.row();
                    self.column = 1;
                }
                _ => self.column += 1,
            }
        }
        self.out.write_all(bytes.get(..end).unwrap_or(bytes))?;
        Ok(end)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paged(size: (usize, usize), text: &str, answers: &[Answer]) -> String {
        let mut out = Vec::new();
        let mut answers = answers.iter().copied();
        let mut ask = || answers.next().expect("asked too often");
        Pager::new(size, &mut out, &mut ask).write_all(text.as_bytes()).unwrap();
        assert_eq!(answers.next(), None, "asked too seldom");
        String::from_utf8(out).unwrap().replace("--More--\r        \r", "|")
    }

    #[test]
    fn each_page_waits_for_an_answer() {
        let text: String = (1..=7).map(|n| format!("{n}\n")).collect();
        assert_eq!(paged((4, 80), &text, &[Answer::Page, Answer::Page]), "1\n2\n3\n|4\n5\n6\n|7\n");
        assert_eq!(paged((4, 80), &text, &[Answer::Line, Answer::Page]), "1\n2\n3\n|4\n|5\n6\n7\n");
        assert_eq!(paged((8, 80), &text, &[]), text, "what fits is not stopped");
    }

    #[test]
    fn wide_lines_take_several_rows() {
        assert_eq!(paged((3, 4), "abcdefgh\nx\n", &[Answer::Page]), "abcdefgh\n|x\n");
        assert_eq!(paged((3, 4), "äöüß\nx\ny\n", &[Answer::Page]), "äöüß\nx\n|y\n");
    }

    #[test]
    fn who_quits_sees_no_more() {
        assert_eq!(paged((3, 80), "1\n2\n3\n4\n", &[Answer::Quit]), "1\n2\n|");
        assert!(terminal::take_interrupt());
    }

    #[test]
    fn the_terminal_commands_are_understood() {
        let mut paging = Paging::default();
        for (line, on, rows) in [
            ("terminal paginate", true, None),
            ("no terminal paginate", false, None),
            ("term len 10", true, Some(10)),
            ("do terminal length 0", false, None),
            ("terminal length 5", true, Some(5)),
            ("show version", true, Some(5)),
            ("no terminal length", false, None),
        ] {
            paging.line(line);
            assert_eq!(paging, Paging { on, rows }, "{line}");
        }
    }
}
