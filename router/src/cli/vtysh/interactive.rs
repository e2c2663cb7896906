//! The shell at a terminal: editing, history, `?`, Tab.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{
    Cmd, CompletionType, ConditionalEventHandler, Config, Editor, Event, EventContext, EventHandler, Helper,
    KeyEvent, RepeatCount,
};

use super::super::exec::Status;
use super::connection::Connection;
use super::options::Options;
use super::pager::{self, Pager, Paging};
use super::top;
use crate::sys::terminal;

type Shared = Arc<Mutex<Connection>>;

/// A panic elsewhere while the lock was held leaves the connection as usable as it was.
fn lock(connection: &Shared) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Shell(Shared);

impl Completer for Shell {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &rustyline::Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let typed = line.get(..position).unwrap_or(line);
        let start = typed.rfind(char::is_whitespace).map_or(0, |at| at + 1);
        let words = lock(&self.0).execute_own(&format!("complete {typed}")).unwrap_or_default();
        let pair = |word: &str| Pair { display: word.to_owned(), replacement: format!("{word} ") };
        Ok((start, words.lines().map(pair).collect()))
    }
}

impl Hinter for Shell {
    type Hint = String;
}

impl Highlighter for Shell {}
impl Validator for Shell {}
impl Helper for Shell {}

/// `?`: shows what may come next and keeps the line.
struct Question(Shared);

impl ConditionalEventHandler for Question {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, context: &EventContext<'_>) -> Option<Cmd> {
        let typed = context.line().get(..context.pos()).unwrap_or("");
        let text = lock(&self.0).execute_own(&format!("help {typed}")).ok()?;
        let mut out = io::stdout().lock();
        // The terminal is raw while a line is edited.
        let _ = write!(out, "?\r\n{}", text.replace('\n', "\r\n"));
        let _ = out.flush();
        Some(Cmd::Repaint)
    }
}

/// ^Z: leaves the configuration. The editor has no command for that, so the line is given up and a sign left.
struct Leave(Arc<AtomicBool>);

impl ConditionalEventHandler for Leave {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, _: &EventContext<'_>) -> Option<Cmd> {
        self.0.store(true, Ordering::Relaxed);
        Some(Cmd::Interrupt)
    }
}

fn history_file(options: &Options) -> Option<PathBuf> {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".history_frr"));
    options.history.clone().or_else(home)
}

/// Talks to a person until they leave.
pub fn run(connection: Connection, options: &Options) -> u8 {
    let config = Config::builder().completion_type(CompletionType::List).max_history_size(1000);
    let config = config.map(|c| c.auto_add_history(true).build()).unwrap_or_default();
    let Ok(mut editor) = Editor::<Shell, FileHistory>::with_config(config) else {
        eprintln!("vtysh: the terminal cannot be used");
        return 1;
    };
    let connection = Arc::new(Mutex::new(connection));
    editor.set_helper(Some(Shell(connection.clone())));
    let question = Box::new(Question(connection.clone()));
    editor.bind_sequence(KeyEvent::from('?'), EventHandler::Conditional(question));
    let leave = Arc::new(AtomicBool::new(false));
    editor.bind_sequence(KeyEvent::ctrl('Z'), EventHandler::Conditional(Box::new(Leave(leave.clone()))));
    let history = history_file(options);
    if let Some(file) = &history {
        let _ = editor.load_history(file);
    }
    print!("{}", super::banner());
    let status = converse(&connection, &mut editor, &leave, options);
    if let Some(file) = &history {
        let _ = editor.append_history(file);
    }
    status
}

fn converse(
    connection: &Shared,
    editor: &mut Editor<Shell, FileHistory>,
    leave: &AtomicBool,
    options: &Options,
) -> u8 {
    let mut paging = Paging::from_environment();
    terminal::catch_interrupts();
    loop {
        let Ok(prompt) = lock(connection).prompt() else {
            if reconnect(connection, options) {
                continue;
            }
            return super::lost();
        };
        let line = match editor.readline(&prompt) {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) if leave.swap(false, Ordering::Relaxed) => "end".to_owned(),
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => "exit".to_owned(),
            Err(_) => return 1,
        };
        let mut connected = lock(connection);
        let mut out = io::stdout().lock();
        // ^C stops what this line prints, not what was typed before.
        terminal::take_interrupt();
        let result = match paging.page() {
            _ if top::is_top(&line) => top::run(&mut connected, &mut out).map(|()| Status::Success),
            Some(size) => {
                super::execute(&mut connected, &line, &mut Pager::new(size, &mut out, &mut pager::ask))
            }
            None => super::execute(&mut connected, &line, &mut out),
        };
        match result {
            Ok(_) if connected.is_closed() => return 0,
            Ok(Status::Success) => paging.line(&line),
            Ok(_) => {}
            Err(_) => {
                drop(connected);
                if !reconnect(connection, options) {
                    return super::lost();
                }
            }
        }
    }
}

/// The router may have been restarted.
fn reconnect(connection: &Shared, options: &Options) -> bool {
    let Ok(mut fresh) = Connection::open(options) else { return false };
    if !options.user && fresh.execute("enable", &mut io::sink()).is_err() {
        return false;
    }
    *lock(connection) = fresh;
    println!("The connection to the router was made again.");
    true
}
