//! One client's session: in which node it is, and what its lines do.

use std::io::{self, Write};
use std::sync::Arc;

use regex_automata::meta::Regex;

use super::backend::{Action, Backend, RpkiAction, ViewError, change};
use super::by_line::ByLine;
use super::candidate::{self, Candidate, Lines, Work};
use super::exec::{self, Context, Daemon, ExecError, Move, Status};
use super::help;
use crate::config::check;
use crate::config::grammar::{Editor, Lookup, Node, Verdict, matcher, table};

/// Lines that `show history commands` remembers.
const HISTORY: usize = 20;

/// Octets of lines of a file that gather at most: generated lists have a million lines.
const FILE: usize = 128 << 20;

/// Where a session is.
enum Place {
    /// `host>`
    View,
    /// `host#`
    Enable,
    /// `host(config)#` and below.
    Config(Box<Editor>),
}

/// Whether the session goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// More lines may come.
    Go,
    /// The client said goodbye.
    Close,
}

/// A client's session.
pub struct Session {
    backend: Arc<dyn Backend>,
    daemon: Option<Daemon>,
    /// The client is our own shell, and leaves all words to us.
    own: bool,
    /// It has said so.
    greeted: bool,
    place: Place,
    /// Between the marks that enclose a file, lines gather here and take effect together. They are read again
    /// then, on the configuration of that moment: FRR's shell reads a file over several sessions at once.
    batch: Option<Lines>,
    /// In a configuration node: the lines change a candidate.
    candidate: Option<Candidate>,
    history: Vec<String>,
}

impl Session {
    /// A session in the view node. `daemon` is whose socket the client is on, if it is one of FRR's.
    pub fn new(backend: Arc<dyn Backend>, daemon: Option<Daemon>) -> Session {
        let own = daemon.is_none();
        Session {
            backend,
            daemon,
            own,
            greeted: false,
            place: Place::View,
            batch: None,
            candidate: None,
            history: Vec::new(),
        }
    }

    /// Whether the client has said that it is our own shell.
    pub fn is_greeted(&self) -> bool {
        self.greeted
    }

    /// What stands before the cursor: `edge1(config-router)# `.
    pub fn prompt(&self) -> String {
        let config = self.backend.running_config();
        let host = config.hostname.clone().unwrap_or_else(|| self.backend.version().hostname);
        match &self.place {
            Place::View => format!("{host}> "),
            Place::Enable => format!("{host}# "),
            Place::Config(editor) if self.candidate.is_some() => {
                format!("{host}({})# ", editor.node.prompt().replacen("config", "candidate", 1))
            }
            Place::Config(editor) => format!("{host}({})# ", editor.node.prompt()),
        }
    }

    /// Carries out a line. What it prints goes to `out` as it comes; an error means that the client is gone.
    pub fn execute(&mut self, line: &str, out: &mut dyn Write) -> io::Result<(Status, Next)> {
        // A blank at the end of what help is asked for means something.
        if let Some(rest) = line.strip_prefix(super::server::OWN) {
            return self.own(rest, out);
        }
        let line = line.trim();
        if line.is_empty() || line.starts_with(['!', '#']) {
            return Ok((Status::Success, Next::Go));
        }
        self.history.push(line.to_owned());
        if self.history.len() > HISTORY {
            self.history.remove(0);
        }
        let (line, filter) = match split_pipe(line) {
            Ok(parts) => parts,
            Err(text) => {
                writeln!(out, "{text}")?;
                return Ok((Status::Success, Next::Go));
            }
        };
        match filter {
            None => self.plain(line, out),
            Some(regex) => {
                let mut filtered = ByLine::matching(out, regex);
                let result = self.plain(line, &mut filtered)?;
                filtered.finish()?;
                Ok(result)
            }
        }
    }

    fn plain(&mut self, line: &str, out: &mut dyn Write) -> io::Result<(Status, Next)> {
        let mut words = line.splitn(2, char::is_whitespace);
        let first = words.next().unwrap_or("");
        let rest = words.next().unwrap_or("").trim_start();
        match (first, &self.place) {
            ("do", Place::View) if !rest.is_empty() => self.run(rest, false, out),
            ("do", _) if !rest.is_empty() => self.run(rest, true, out),
            ("find", _) if !rest.is_empty() => self.find(rest, out).map(|()| (Status::Success, Next::Go)),
            ("list", _) => self.find("", out).map(|()| (Status::Success, Next::Go)),
            ("XFRR_start_configuration", _) if self.candidate.is_some() => in_candidate(out),
            ("XFRR_start_configuration", _) => self.start_batch(),
            ("XFRR_end_configuration", _) => self.end_batch(out),
            (_, Place::View) => self.run(line, false, out),
            (_, Place::Enable) => self.run(line, true, out),
            (_, Place::Config(_)) if self.candidate.is_some() => self.candidate_line(line, out),
            (_, Place::Config(_)) => self.config_line(line, out),
        }
    }

    /// A line of the enable or view node.
    fn run(&mut self, line: &str, enabled: bool, out: &mut dyn Write) -> io::Result<(Status, Next)> {
        let unquoted = exec::lists_as_words(line);
        let line = unquoted.as_deref().unwrap_or(line);
        let words = matcher::split(line);
        let (command, args) = match matcher::lookup(exec::table(enabled), line, &words) {
            Lookup::Found(pattern, args) => (pattern.command, args),
            Lookup::Unknown => return refuse(Status::NoMatch, line, out),
            Lookup::Ambiguous => return refuse(Status::Ambiguous, line, out),
            Lookup::Incomplete => return refuse(Status::Incomplete, line, out),
        };
        if let (Some(here), Some(owner)) = (self.daemon, command.daemon)
            && here != owner
        {
            writeln!(out, "{} is not running", owner.name())?;
            return Ok((Status::NoDaemon, Next::Go));
        }
        let mut context = Context {
            backend: &*self.backend,
            config: self.backend.running_config(),
            daemon: self.daemon,
            bare: !self.own,
            history: &self.history,
            out,
            go: None,
        };
        let result = (command.run)(&mut context, &args);
        let go = context.go;
        match result {
            Ok(()) => match go {
                Some(Move::Configure | Move::Candidate) if self.candidate.is_some() => in_candidate(out),
                Some(to) => Ok((Status::Success, self.go(to, out)?)),
                None => Ok((Status::Success, Next::Go)),
            },
            Err(ExecError::Io(error)) => Err(error),
            // A reader of JSON gets JSON.
            Err(ExecError::View(ViewError::NoInstance)) if args.has("json") => {
                writeln!(out, "{{}}")?;
                Ok((Status::Success, Next::Go))
            }
            Err(error) => {
                writeln!(out, "{error}")?;
                let refused = matches!(error, ExecError::Refused(_));
                Ok((if refused { Status::ConfigFailed } else { Status::Warning }, Next::Go))
            }
        }
    }

    fn go(&mut self, to: Move, out: &mut dyn Write) -> io::Result<Next> {
        let leaves = matches!(to, Move::End | Move::Disable | Move::Exit);
        let left = leaves && self.leave_candidate(out)?;
        if left && to == Move::Exit {
            return Ok(Next::Go);
        }
        match (to, &self.place) {
            (Move::Enable | Move::End, Place::View | Place::Enable) => self.place = Place::Enable,
            (Move::Enable, Place::Config(_)) => {}
            (Move::End, Place::Config(_)) => self.place = Place::Enable,
            (Move::Disable, _) => self.place = Place::View,
            (Move::Configure | Move::Candidate, _) => {
                let running = self.backend.running_config();
                self.place = Place::Config(Box::new(Editor::new((*running).clone())));
                self.candidate = (to == Move::Candidate).then(|| Candidate::new(running, Node::Top));
            }
            (Move::Exit, Place::Config(_)) => self.place = Place::Enable,
            (Move::Exit, _) => return Ok(Next::Close),
        }
        Ok(Next::Go)
    }

    /// Drops the candidate, and says so if it was not committed. Whether there was one.
    fn leave_candidate(&mut self, out: &mut dyn Write) -> io::Result<bool> {
        let Some(candidate) = self.candidate.take() else { return Ok(false) };
        let Place::Config(editor) = std::mem::replace(&mut self.place, Place::Enable) else {
            return Ok(true);
        };
        if candidate.is_changed() && editor.config != *self.backend.running_config() {
            writeln!(out, "The candidate was not committed: its changes are dropped.")?;
        }
        Ok(true)
    }

    /// A line of a candidate, or a command about it.
    fn candidate_line(&mut self, line: &str, out: &mut dyn Write) -> io::Result<(Status, Next)> {
        let (Place::Config(editor), Some(candidate)) = (&mut self.place, &mut self.candidate) else {
            return Ok((Status::Warning, Next::Go));
        };
        if line == "end" || (editor.node == Node::Top && matches!(line, "exit" | "quit")) {
            self.leave_candidate(out)?;
            return Ok((Status::Success, Next::Go));
        }
        let words = matcher::split(line);
        let own = candidate::lookup(line, &words);
        if let Lookup::Found(pattern, args) = &own {
            let mut work = Work { backend: &*self.backend, candidate, editor, out, leave: false };
            let status = (pattern.command.run)(&mut work, args)?;
            if work.leave {
                self.candidate = None;
                self.place = Place::Enable;
            }
            return Ok((status, Next::Go));
        }
        if candidate.is_full() {
            writeln!(out, "% The candidate has too many lines: `commit` or `abort`")?;
            return Ok((Status::ConfigFailed, Next::Go));
        }
        let verdict = editor.line(line);
        let notices = std::mem::take(&mut editor.notices);
        let refused = match (verdict, own) {
            (Verdict::Done, _) => {
                candidate.line(line);
                notices.iter().try_for_each(|notice| writeln!(out, "{notice}"))?;
                return Ok((Status::Success, Next::Go));
            }
            (Verdict::Failed(fail), _) => {
                writeln!(out, "{fail}")?;
                return Ok((Status::ConfigFailed, Next::Go));
            }
            (Verdict::Incomplete, _) | (Verdict::Unknown, Lookup::Incomplete) => Status::Incomplete,
            (Verdict::Ambiguous, _) | (Verdict::Unknown, Lookup::Ambiguous) => Status::Ambiguous,
            (Verdict::Unknown, _) => Status::NoMatch,
        };
        refuse(refused, line, out)
    }

    /// A line of a configuration node: takes effect at once, unless a file is being read.
    fn config_line(&mut self, line: &str, out: &mut dyn Write) -> io::Result<(Status, Next)> {
        let Place::Config(editor) = &mut self.place else { return Ok((Status::Warning, Next::Go)) };
        let leaving = editor.node == Node::Top && matches!(line, "exit" | "quit");
        if leaving || (line == "end" && self.batch.is_none()) {
            self.place = Place::Enable;
            return Ok((Status::Success, Next::Go));
        }
        let backend = self.backend.clone();
        change(&*backend, out, |out| self.change_line(line, out))
    }

    fn change_line(&mut self, line: &str, out: &mut dyn Write) -> io::Result<(Status, Next)> {
        if self.batch.as_ref().is_some_and(|lines| lines.octets() > FILE) {
            return too_long(out);
        }
        let Place::Config(editor) = &mut self.place else { return Ok((Status::Warning, Next::Go)) };
        let running = self.backend.running_config();
        if self.batch.is_none() && editor.config != *running {
            editor.replace((*running).clone());
        }
        let before = editor.node.clone();
        let verdict = editor.line(line);
        let mut notices = std::mem::take(&mut editor.notices);
        let reset = std::mem::take(&mut editor.rpki_reset);
        let fail = match verdict {
            Verdict::Done => None,
            Verdict::Unknown => return refuse(Status::NoMatch, line, out),
            Verdict::Ambiguous => return refuse(Status::Ambiguous, line, out),
            Verdict::Incomplete => return refuse(Status::Incomplete, line, out),
            Verdict::Failed(fail) => Some(fail),
        };
        if let Some(fail) = fail {
            writeln!(out, "{fail}")?;
            return Ok((Status::ConfigFailed, Next::Go));
        }
        let mut status = Status::Success;
        if let Some(lines) = &mut self.batch {
            lines.push(line);
        } else if editor.config != *running {
            match self.backend.apply(editor.config.clone()) {
                Ok(more) => notices.extend(more),
                Err(errors) => {
                    editor.node = before;
                    notices = errors.into_iter().map(|e| format!("% {e}")).collect();
                    status = Status::ConfigFailed;
                }
            }
        } else if reset {
            notices.extend(self.rpki_reset());
        }
        notices.iter().try_for_each(|notice| writeln!(out, "{notice}"))?;
        Ok((status, Next::Go))
    }

    /// What there is to tell when everything that RPKI caches have is asked for again.
    fn rpki_reset(&self) -> Option<String> {
        self.backend.act(Action::Rpki(RpkiAction::Reset)).err().map(|e| e.to_string())
    }

    fn start_batch(&mut self) -> io::Result<(Status, Next)> {
        let running = self.backend.running_config();
        self.place = Place::Config(Box::new(Editor::new((*running).clone())));
        self.batch = Some(Lines::default());
        Ok((Status::Success, Next::Go))
    }

    fn end_batch(&mut self, out: &mut dyn Write) -> io::Result<(Status, Next)> {
        let Some(lines) = self.batch.take() else { return Ok((Status::Success, Next::Go)) };
        if lines.octets() > FILE {
            self.place = Place::Enable;
            return too_long(out);
        }
        let backend = self.backend.clone();
        change(&*backend, out, |out| self.change_all(&lines, out))
    }

    fn change_all(&mut self, lines: &Lines, out: &mut dyn Write) -> io::Result<(Status, Next)> {
        let running = self.backend.running_config();
        let mut editor = Editor::new((*running).clone());
        for line in lines.iter() {
            editor.line(line);
        }
        let (candidate, reset) = (editor.config, editor.rpki_reset);
        self.place = Place::Config(Box::new(Editor::new(candidate.clone())));
        if candidate == *running {
            let notice = if reset { self.rpki_reset() } else { None };
            notice.iter().try_for_each(|n| writeln!(out, "{n}"))?;
            return Ok((Status::Success, Next::Go));
        }
        let (problems, remarks) = check(&candidate);
        remarks.iter().try_for_each(|r| writeln!(out, "{r}"))?;
        let outcome = if problems.is_empty() { self.backend.apply(candidate) } else { Err(problems) };
        match outcome {
            Ok(mut notices) => {
                notices.extend(if reset { self.rpki_reset() } else { None });
                notices.iter().try_for_each(|n| writeln!(out, "{n}"))?;
                Ok((Status::Success, Next::Go))
            }
            Err(errors) => {
                errors.iter().try_for_each(|e| writeln!(out, "% {e}"))?;
                Ok((Status::ConfigFailed, Next::Go))
            }
        }
    }

    /// Lines of our own shell, which are no commands: the prompt, help and completion.
    fn own(&mut self, request: &str, out: &mut dyn Write) -> io::Result<(Status, Next)> {
        let (what, line) = request.split_once(' ').unwrap_or((request, ""));
        match what {
            "hello" => (self.own, self.greeted) = (true, true),
            "prompt" => write!(out, "{}", self.prompt())?,
            "help" => write!(out, "{}", self.help(line))?,
            "complete" => {
                for word in self.completions(line) {
                    writeln!(out, "{word}")?;
                }
            }
            "pulse" => crate::show::json::compact(&serde_json::json!(self.backend.pulse()), out)?,
            "place" => {
                let word = if matches!(self.place, Place::Config(_)) { "config" } else { "enable" };
                write!(out, "{word}")?;
            }
            _ => return Ok((Status::NoMatch, Next::Go)),
        }
        Ok((Status::Success, Next::Go))
    }

    /// Puts another configuration into the candidate, which no lines could.
    #[cfg(test)]
    pub fn replace_candidate(&mut self, config: crate::config::model::Config) {
        if let Place::Config(editor) = &mut self.place {
            editor.replace(config);
        }
    }

    /// What `?` behind `line` shows.
    pub fn help(&self, line: &str) -> String {
        self.with_tables(line, help::help)
    }

    /// Whole words that may stand in place of the last word of `line`.
    pub fn completions(&self, line: &str) -> Vec<String> {
        self.with_tables(line, help::completions)
    }

    fn with_tables<T>(&self, line: &str, ask: fn(&help::Tables, &str) -> T) -> T {
        let unquoted = exec::lists_as_words(line);
        let line = unquoted.as_deref().unwrap_or(line);
        let after_do = line.trim_start().strip_prefix("do ");
        match (&self.place, after_do) {
            (Place::View, _) => ask(&help::Tables::Exec(false), line),
            (Place::Enable, _) => ask(&help::Tables::Exec(true), line),
            (Place::Config(_), Some(rest)) => ask(&help::Tables::Exec(true), rest),
            (Place::Config(editor), None) => {
                ask(&help::Tables::Config(editor.node.clone(), self.candidate.is_some()), line)
            }
        }
    }

    /// `find REGEX` and `list`: the commands of the node.
    fn find(&self, pattern: &str, out: &mut dyn Write) -> io::Result<()> {
        let Ok(regex) = Regex::new(pattern) else { return writeln!(out, "% Can't compile {pattern}") };
        let mut print = |syntax: &str, no: bool| -> io::Result<()> {
            let shown = plain_notation(syntax);
            let shown = if no { format!("[no] {shown}") } else { shown };
            if regex.is_match(&shown) { writeln!(out, "  {shown}") } else { Ok(()) }
        };
        match &self.place {
            Place::View => exec::table(false).iter().try_for_each(|p| print(p.syntax, p.no)),
            Place::Enable => exec::table(true).iter().try_for_each(|p| print(p.syntax, p.no)),
            Place::Config(editor) => {
                let own = candidate::table().iter().filter(|_| self.candidate.is_some());
                own.map(|p| (p.syntax, p.no))
                    .chain(table(editor.node.kind()).iter().map(|p| (p.syntax, p.no)))
                    .try_for_each(|(syntax, no)| print(syntax, no))
            }
        }
    }
}

fn refuse(status: Status, line: &str, out: &mut dyn Write) -> io::Result<(Status, Next)> {
    let why = match status {
        Status::Ambiguous => "Ambiguous command",
        Status::Incomplete => "Command incomplete",
        _ => "Unknown command",
    };
    writeln!(out, "% {why}: {line}")?;
    Ok((status, Next::Go))
}

/// Half of a file must not take effect.
fn too_long(out: &mut dyn Write) -> io::Result<(Status, Next)> {
    writeln!(out, "% The file has too many lines: nothing of it takes effect")?;
    Ok((Status::ConfigFailed, Next::Go))
}

/// What would drop a candidate without a word is refused.
fn in_candidate(out: &mut dyn Write) -> io::Result<(Status, Next)> {
    writeln!(out, "% A candidate is open: `commit` or `abort` first")?;
    Ok((Status::ConfigFailed, Next::Go))
}

/// The notation as it is shown: without the names of captures.
pub fn plain_notation(syntax: &str) -> String {
    let mut out = String::with_capacity(syntax.len());
    let mut name = false;
    for c in syntax.chars() {
        match c {
            '$' => name = true,
            c if name && (c.is_ascii_alphanumeric() || c == '_') => {}
            c => {
                name = false;
                out.push(c);
            }
        }
    }
    out.replace("PEER", "<A.B.C.D|X:X::X:X|WORD>")
}

/// Splits `show ... | include X`. Only commands that show something have a pipe: elsewhere the sign may be
/// part of a value.
fn split_pipe(line: &str) -> Result<(&str, Option<Regex>), String> {
    let shown = line.strip_prefix("do ").unwrap_or(line).trim_start();
    let first = shown.split_whitespace().next().unwrap_or("");
    let shows = first.len() >= 2 && ["show", "write", "list", "find"].iter().any(|w| w.starts_with(first));
    let Some((command, action)) = line.split_once(" | ").filter(|_| shows) else { return Ok((line, None)) };
    let (verb, pattern) = action.trim().split_once(' ').unwrap_or((action.trim(), ""));
    if verb.is_empty() || !"include".starts_with(verb) {
        return Err(format!("% Unknown action '{verb}'"));
    }
    match Regex::new(pattern.trim()) {
        Ok(regex) => Ok((command.trim_end(), Some(regex))),
        Err(_) => Err(format!("% Regex compilation error: {pattern}")),
    }
}
