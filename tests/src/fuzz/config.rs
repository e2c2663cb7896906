//! Text from operators: the configuration, and the lines of the shell.

use router::cli::help::{Tables, completions, help};
use router::config::grammar::matcher::{lookup, split};
use router::config::grammar::{Lookup, Node};
use router::config::{parse, render};

/// A configuration: if it is taken, what is written of it is taken too and says the same; if not, each mistake has
/// its place.
pub(super) fn file(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match parse("frr.conf", &text) {
        Ok(parsed) => {
            let first = render(&parsed.config);
            let again = parse("again", &first).unwrap_or_else(|errors| panic!("{errors:?}\n{first}"));
            assert_eq!(render(&again.config), first);
        }
        Err(errors) => {
            let lines: Vec<&str> = text.lines().collect();
            assert!(!errors.is_empty() && errors.len() <= 4 * lines.len() + 16);
            for error in errors {
                assert!(error.line <= lines.len() && error.column >= 1, "{error:?}");
                let width =
                    error.line.checked_sub(1).and_then(|n| lines.get(n)).map_or(0, |l| l.chars().count());
                assert!(error.column <= width + 1, "{error:?}");
                assert!(!error.to_string().contains('\n'));
            }
        }
    }
}

/// A line of the shell, in each place where one may be typed: with Enter, `?` and Tab.
pub(super) fn command(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let line = text.lines().next().unwrap_or("");
    let words = split(line);
    for word in &words {
        assert_eq!(line.get(word.start..word.start + word.text.len()), Some(word.text));
    }
    for enabled in [false, true] {
        let table = router::cli::exec::table(enabled);
        if let Lookup::Found(pattern, _) = lookup(table, line, &words) {
            assert!(!pattern.command.help.is_empty());
        }
    }
    for place in [
        Tables::Exec(false),
        Tables::Exec(true),
        Tables::Config(Node::Top, false),
        Tables::Config(Node::Top, true),
    ] {
        assert!(!help(&place, line).is_empty());
        let typed =
            if line.ends_with(char::is_whitespace) { "" } else { words.last().map_or("", |w| w.text) };
        for word in completions(&place, line) {
            assert!(word.to_lowercase().starts_with(&typed.to_lowercase()), "{typed} became {word}");
        }
    }
}
