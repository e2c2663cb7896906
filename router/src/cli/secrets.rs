//! Hides what must not leave the router with a bundle of output for somebody else.

use std::borrow::Cow;
use std::io::Write;

use super::by_line::ByLine;

/// What stands in the place of a secret.
const HIDDEN: &str = "<hidden>";

/// Words of the configuration behind which the rest of the line is a secret.
const WORDS: [&str; 4] = ["password", "key-string", "authentication-key", "message-digest-key"];

/// Protocols that are not here: their lines are kept as they were typed, maybe with shortened words, and may have keys.
const FOREIGN: [&str; 5] = ["isis", "ospf", "ospf6", "rip", "ripng"];

/// A line without its secrets.
fn hide(line: &str) -> String {
    let mut end = 0;
    let mut before = ["", ""];
    for word in line.split_inclusive(char::is_whitespace) {
        end += word.len();
        let word = word.trim_end();
        let foreign = FOREIGN.contains(&word) && matches!(before, [_, "" | "no" | "ip" | "ipv6"]);
        if !word.is_empty() {
            before = [before[1], word];
        }
        let secret = foreign || WORDS.contains(&word);
        if secret && !line.get(end..).unwrap_or("").trim().is_empty() {
            return format!("{}{HIDDEN}", line.get(..end).unwrap_or(""));
        }
    }
    line.to_owned()
}

/// Passes on lines without the secrets in them.
pub fn hiding(out: &mut dyn Write) -> ByLine<'_> {
    ByLine::new(out, |line| Some(Cow::Owned(hide(&String::from_utf8_lossy(line)).into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_behind_the_word_is_hidden_and_nothing_else() {
        let mut out = Vec::new();
        let mut hiding = hiding(&mut out);
        let lines = " neighbor 192.0.2.1 password s3 cret\n neighbor password-less remote-as 1\npass";
        for piece in [lines, "word 8 x\nenable password y\n  key-string z\nservice password-encryption\n"] {
            hiding.write_all(piece.as_bytes()).unwrap();
        }
        hiding.write_all(b" ip rip auth string k\n isis passw clear k\n description isis here\nend").unwrap();
        hiding.finish().unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            " neighbor 192.0.2.1 password <hidden>\n neighbor password-less remote-as 1\npassword <hidden>\n\
             enable password <hidden>\n  key-string <hidden>\nservice password-encryption\n ip rip <hidden>\n isis <hidden>\n \
             description isis here\nend\n"
        );
    }
}
