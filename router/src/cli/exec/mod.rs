//! The commands of the enable and view nodes: `show`, `clear`, `write` and the like.
//!
//! The table is of the same kind as that of the configuration, so help and completion come from it as well.

mod bgp;
mod bgp_filter;
mod bgp_tables;
mod general;
mod policy;
mod routes;
mod rpki;
#[cfg(test)]
mod tests;
mod why;

pub use why::lists_as_words;

use std::io::{self, Write};
use std::sync::{Arc, LazyLock};

use super::backend::{ActionError, Backend, ViewError};
use crate::config::grammar::{Args, Fail, Pattern, syntax};
use crate::config::model::Config;
use crate::show::table::ListError;

/// FRR's result of a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Status {
    /// Done.
    Success = 0,
    /// Done, but there was something to say.
    Warning = 1,
    /// No such command.
    NoMatch = 2,
    /// Several commands begin like this.
    Ambiguous = 3,
    /// Words are missing.
    Incomplete = 4,
    /// A configuration line was refused.
    ConfigFailed = 13,
    /// The daemon that the command belongs to is not there.
    NoDaemon = 16,
}

impl Status {
    /// From its number.
    pub const fn from_u8(n: u8) -> Status {
        match n {
            0 | 10 => Status::Success,
            2 => Status::NoMatch,
            3 => Status::Ambiguous,
            4 => Status::Incomplete,
            13 => Status::ConfigFailed,
            16 => Status::NoDaemon,
            _ => Status::Warning,
        }
    }
}

/// The daemon of FRR that a command belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Daemon {
    /// Routing table, interfaces, kernel.
    Zebra,
    /// BGP.
    Bgpd,
    /// Static routes.
    Staticd,
    /// BFD.
    Bfdd,
    /// VRRP.
    Vrrpd,
}

impl Daemon {
    /// All of them, in FRR's order.
    pub const ALL: [Daemon; 5] = [Daemon::Zebra, Daemon::Bgpd, Daemon::Staticd, Daemon::Bfdd, Daemon::Vrrpd];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Daemon::Zebra => "zebra",
            Daemon::Bgpd => "bgpd",
            Daemon::Staticd => "staticd",
            Daemon::Bfdd => "bfdd",
            Daemon::Vrrpd => "vrrpd",
        }
    }
}

/// Why a command ended early.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// The client is gone.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// There is nothing to show; the text says why.
    #[error("{0}")]
    View(#[from] ViewError),
    /// The action was not done.
    #[error("{0}")]
    Action(#[from] ActionError),
    /// A word is no good.
    #[error("{0}")]
    Fail(#[from] Fail),
    /// It was not done, and whoever asked must not go on as if it were.
    #[error("% {0}")]
    Refused(String),
}

impl From<ListError> for ExecError {
    fn from(error: ListError) -> ExecError {
        match error {
            ListError::Io(error) => ExecError::Io(error),
            ListError::View(error) => ExecError::View(error),
        }
    }
}

/// What running a command gives.
pub type Ran = Result<(), ExecError>;

/// What happens to the session besides output.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Move {
    /// To the enable node.
    Enable,
    /// Back to the view node.
    Disable,
    /// To the configuration node.
    Configure,
    /// To the configuration node of a candidate.
    Candidate,
    /// To the enable node, from anywhere.
    End,
    /// Out of the node; out of the session from here.
    Exit,
}

/// What a command works with.
pub struct Context<'a> {
    /// The running program.
    pub backend: &'a dyn Backend,
    /// Its configuration.
    pub config: Arc<Config>,
    /// The daemon whose socket the client is on.
    pub daemon: Option<Daemon>,
    /// The client is FRR's shell, which adds what is around a configuration by itself.
    pub bare: bool,
    /// Lines typed so far.
    pub history: &'a [String],
    /// Where to write.
    pub out: &'a mut dyn Write,
    /// Where the session goes.
    pub go: Option<Move>,
}

/// A command of the enable node.
#[derive(Clone, Copy)]
pub struct ExecCommand {
    /// Its notation.
    pub syntax: &'static str,
    /// What it does.
    pub help: &'static str,
    /// Not for the view node.
    pub privileged: bool,
    /// Whether `no` may stand in front.
    pub no: bool,
    /// Whose it is; none: everybody's.
    pub daemon: Option<Daemon>,
    /// Does it.
    pub run: fn(&mut Context<'_>, &Args<'_>) -> Ran,
}

const fn exec(
    syntax: &'static str,
    help: &'static str,
    daemon: Option<Daemon>,
    run: fn(&mut Context<'_>, &Args<'_>) -> Ran,
) -> ExecCommand {
    ExecCommand { syntax, help, privileged: false, no: false, daemon, run }
}

impl ExecCommand {
    const fn privileged(self) -> ExecCommand {
        ExecCommand { privileged: true, ..self }
    }

    const fn with_no(self) -> ExecCommand {
        ExecCommand { no: true, ..self }
    }
}

impl std::fmt::Debug for ExecCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.syntax)
    }
}

/// The table of a node, ready for matching.
pub type ExecTable = Vec<Pattern<&'static ExecCommand>>;

fn compile(privileged: bool) -> ExecTable {
    let tables = [
        general::COMMANDS,
        bgp::COMMANDS,
        bgp_tables::COMMANDS,
        rpki::COMMANDS,
        routes::COMMANDS,
        policy::COMMANDS,
        why::COMMANDS,
    ];
    let commands = tables.into_iter().flatten().filter(|c| privileged || !c.privileged);
    commands
        .map(|c| Pattern { syntax: c.syntax, elements: syntax::compile(c.syntax), no: c.no, command: c })
        .collect()
}

static ENABLE: LazyLock<ExecTable> = LazyLock::new(|| compile(true));
static VIEW: LazyLock<ExecTable> = LazyLock::new(|| compile(false));

/// The commands of the enable node, or of the view node.
pub fn table(enabled: bool) -> &'static [Pattern<&'static ExecCommand>] {
    if enabled { &ENABLE } else { &VIEW }
}
