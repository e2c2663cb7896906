//! Lines that are accepted and rendered back, but that nothing acts on yet.

/// One kept line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeptLine {
    /// The syntax of the command that the line is an instance of.
    pub command: &'static str,
    /// What identifies the line among those of its command: giving the same again replaces it.
    pub key: String,
    /// The line in canonical spelling, without indentation.
    pub text: String,
}

/// Lines in the order in which they were first given.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Kept {
    lines: Vec<KeptLine>,
}

impl Kept {
    /// Adds a line, or replaces the one with the same command and key.
    pub fn set(&mut self, line: KeptLine) {
        match self.lines.iter_mut().find(|l| l.command == line.command && l.key == line.key) {
            Some(old) => *old = line,
            None => self.lines.push(line),
        }
    }

    /// Removes the lines of this command whose key is, or starts with, these words.
    pub fn remove(&mut self, command: &str, key: &str) {
        self.lines.retain(|l| l.command != command || !starts_with_words(&l.key, key));
    }

    /// Removes all lines whose text starts with the given words.
    pub fn remove_prefix(&mut self, prefix: &str) {
        self.lines.retain(|l| !starts_with_words(&l.text, prefix));
    }

    /// All lines.
    pub fn lines(&self) -> impl Iterator<Item = &KeptLine> {
        self.lines.iter()
    }

    /// The lines of one command.
    pub fn of<'a>(&'a self, command: &'a str) -> impl Iterator<Item = &'a KeptLine> {
        self.lines.iter().filter(move |l| l.command == command)
    }

    /// The first line that starts with these words.
    pub fn find(&self, prefix: &str) -> Option<&str> {
        self.lines.iter().map(|l| l.text.as_str()).find(|t| starts_with_words(t, prefix))
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}

fn starts_with_words(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}
