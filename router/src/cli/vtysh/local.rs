//! Commands that the shell runs by itself: `ping` and `traceroute`, if the system has them.

use std::io::{self, Write};
use std::process::{Command, Stdio};

/// The program and its arguments, if the line is such a command.
pub fn program(line: &str) -> Option<(&'static str, Vec<String>)> {
    let mut words = line.split_whitespace().skip_while(|w| *w == "do");
    let first = words.next().filter(|w| w.len() >= 3)?;
    let name = ["ping", "traceroute"].into_iter().find(|name| name.starts_with(first))?;
    let mut args = Vec::new();
    let mut host = words.next()?;
    if host == "ip" || host == "ipv6" {
        args.push(if host == "ip" { "-4" } else { "-6" }.to_owned());
        host = words.next()?;
    }
    let mut count = Some("5".to_owned()).filter(|_| name == "ping");
    while let Some(option) = words.next() {
        match option {
            "source" => args.extend(["-I".to_owned(), words.next()?.to_owned()]),
            "count" => count = Some(words.next()?.to_owned()),
            "dontfragment" => args.extend(["-M".to_owned(), "do".to_owned()]),
            _ => return None,
        }
    }
    args.extend(count.into_iter().flat_map(|n| ["-c".to_owned(), n]));
    // What follows is no option, whatever it begins with.
    args.extend(["--".to_owned(), host.to_owned()]);
    Some((name, args))
}

/// Runs the line if it is a command of the shell; says whether it was.
pub fn run(line: &str, out: &mut dyn Write) -> io::Result<bool> {
    let Some((name, args)) = program(line) else { return Ok(false) };
    out.flush()?;
    match Command::new(name).args(args).stdin(Stdio::null()).output() {
        Ok(result) => {
            out.write_all(&result.stdout)?;
            out.write_all(&result.stderr)?;
        }
        Err(error) => writeln!(out, "% {name}: {error}")?,
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::program;

    #[test]
    fn lines_become_programs_with_arguments() {
        let (name, args) = program("ping 192.0.2.1").unwrap();
        assert_eq!((name, args.join(" ").as_str()), ("ping", "-c 5 -- 192.0.2.1"));
        let (name, args) = program("do ping ipv6 2001:db8::1 source lo count 2").unwrap();
        assert_eq!((name, args.join(" ").as_str()), ("ping", "-6 -I lo -c 2 -- 2001:db8::1"));
        assert_eq!(program("trace 10.0.0.1").unwrap().0, "traceroute");
        assert_eq!(program("show version"), None);
        assert_eq!(program("ping"), None);
        assert_eq!(program("p x"), None);
    }
}
