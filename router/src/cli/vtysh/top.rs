//! `top`: the router at a glance, each second, until somebody has seen enough.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use super::connection::Connection;
use crate::show::pulse::picture;
use crate::show::views::Pulse;
use crate::sys::terminal::{self, Raw};

/// How often the router is asked.
const PERIOD: Duration = Duration::from_secs(1);

/// How soon a terminal of another size is drawn anew.
const GLANCE: Duration = Duration::from_millis(100);

/// Another screen, without a cursor; and back.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// Whether a line asks for it.
pub fn is_top(line: &str) -> bool {
    line.split_whitespace().skip_while(|w| *w == "do").eq(["top"])
}

/// Another screen that is left whatever happens.
struct Screen<'a>(&'a mut dyn Write);

impl Screen<'_> {
    fn draw(&mut self, lines: &[String]) -> io::Result<()> {
        // Line by line over what is there, so that nothing flickers.
        write!(self.0, "\x1b[H")?;
        for (at, line) in lines.iter().enumerate() {
            let end = if at == 0 { "" } else { "\r\n" };
            write!(self.0, "{end}{line}\x1b[K")?;
        }
        write!(self.0, "\x1b[J")?;
        self.0.flush()
    }
}

impl Drop for Screen<'_> {
    fn drop(&mut self) {
        let _ = write!(self.0, "{LEAVE}");
        let _ = self.0.flush();
    }
}

fn ask(connection: &mut Connection) -> io::Result<Pulse> {
    let text = connection.execute_own("pulse")?;
    serde_json::from_str(&text).map_err(io::Error::from)
}

/// Shows it until `q` or ^C.
pub fn run(connection: &mut Connection, out: &mut dyn Write) -> io::Result<()> {
    let mut now = ask(connection)?;
    let mut before: Option<Pulse> = None;
    let raw = Raw::new()?;
    write!(out, "{ENTER}")?;
    let mut screen = Screen(out);
    let mut asked = Instant::now();
    let mut drawn = None;
    loop {
        let size = terminal::size();
        if drawn != Some(size) {
            screen.draw(&picture(&now, before.as_ref(), size))?;
            drawn = Some(size);
        }
        match raw.key_within(GLANCE)? {
            // ^C, ^D
            Some(b'q' | b'Q' | 3 | 4) => return Ok(()),
            Some(_) => drawn = None,
            None => {}
        }
        if asked.elapsed() >= PERIOD {
            asked = Instant::now();
            before = Some(std::mem::replace(&mut now, ask(connection)?));
            drawn = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_top;

    #[test]
    fn the_line_is_known_in_every_node() {
        assert!(is_top("top") && is_top(" do top "));
        assert!(!is_top("top x") && !is_top("stop") && !is_top(""));
    }
}
