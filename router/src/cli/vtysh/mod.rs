//! `vtysh`: the shell as a program.

mod batch;
mod connection;
mod interactive;
mod local;
mod options;
mod pager;
#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;
mod top;

use std::ffi::OsString;
use std::io::{self, BufRead, IsTerminal, Write};
use std::process::ExitCode;

use super::exec::Status;
use connection::Connection;
use options::{Options, Parsed};

/// Runs the shell. The first argument is the program's name.
pub fn run(args: Vec<OsString>) -> ExitCode {
    let args = args.into_iter().skip(1).map(|a| a.to_string_lossy().into_owned());
    match options::parse(args) {
        Parsed::Run(options) => ExitCode::from(start(&options)),
        Parsed::Help => {
            print!("{}", options::USAGE);
            ExitCode::SUCCESS
        }
        Parsed::Wrong(why) => {
            eprintln!("vtysh: {why}\n{}", options::USAGE);
            ExitCode::FAILURE
        }
    }
}

/// Whether the shell runs a line by itself, without the router.
#[cfg(test)]
pub fn runs_by_itself(line: &str) -> bool {
    local::program(line).is_some()
}

/// Where the shell reads and writes when it does not talk to a person.
struct Streams<'a> {
    input: &'a mut dyn BufRead,
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
}

/// Does what the options say; the result is the exit status.
fn start(options: &Options) -> u8 {
    let personal = !options.dry_run
        && !options.mark
        && !options.write
        && !options.boot
        && options.file.is_none()
        && options.commands.is_empty()
        && io::stdin().is_terminal();
    if personal {
        return match open(options) {
            Ok(connection) => interactive::run(connection, options),
            Err(why) => {
                eprintln!("{why}");
                1
            }
        };
    }
    let (mut input, mut out, mut err) = (io::stdin().lock(), io::stdout().lock(), io::stderr());
    unattended(options, &mut Streams { input: &mut input, out: &mut out, err: &mut err })
}

/// Connects, and takes the privileges that the options ask for.
fn open(options: &Options) -> Result<Connection, String> {
    let mut connection = Connection::open(options)?;
    if !options.user {
        connection.execute("enable", &mut io::sink()).map_err(|_| LOST.to_owned())?;
    }
    Ok(connection)
}

fn unattended(options: &Options, streams: &mut Streams<'_>) -> u8 {
    if options.dry_run {
        return batch::check(&options.config_file(), streams);
    }
    if options.mark {
        return match &options.file {
            Some(file) => batch::mark(file, streams),
            None => 1,
        };
    }
    let mut connection = match open(options) {
        Ok(connection) => connection,
        Err(why) => {
            let _ = writeln!(streams.err, "{why}");
            return 1;
        }
    };
    let result = if options.write {
        let status = execute(&mut connection, "write integrated", streams.out);
        status.map(|status| u8::from(status != Status::Success))
    } else if !options.commands.is_empty() {
        commands(&mut connection, options, streams.out)
    } else if options.boot || options.file.is_some() {
        batch::load(&mut connection, &options.config_file(), streams)
    } else {
        script(&mut connection, streams.input, streams.out)
    };
    result.unwrap_or_else(|_| {
        let _ = writeln!(streams.err, "{LOST}");
        1
    })
}

const LOST: &str = "Warning: the connection to the router was lost";

fn lost() -> u8 {
    eprintln!("{LOST}");
    1
}

fn execute(connection: &mut Connection, line: &str, out: &mut dyn Write) -> io::Result<Status> {
    if local::run(line, out)? {
        return Ok(Status::Success);
    }
    let status = connection.execute(line, out)?;
    out.flush()?;
    Ok(status)
}

/// `-c`: one after another, up to the first that fails.
fn commands(connection: &mut Connection, options: &Options, out: &mut dyn Write) -> io::Result<u8> {
    for line in options.commands.iter().flat_map(|c| c.split('\n')) {
        if options.echo {
            writeln!(out, "{}{line}", connection.prompt()?)?;
        }
        let status = execute(connection, line, out)?;
        if !matches!(status, Status::Success | Status::Warning) {
            return Ok(1);
        }
        if connection.is_closed() {
            break;
        }
    }
    Ok(0)
}

/// What is said before the first prompt.
fn banner() -> String {
    let version = crate::config::model::FRR_VERSION;
    format!("\nThis is router, in the place of FRRouting (version {version}).\n\n")
}

/// Lines from a pipe or a file, shown with their prompts.
fn script(connection: &mut Connection, input: &mut dyn BufRead, out: &mut dyn Write) -> io::Result<u8> {
    write!(out, "{}", banner())?;
    for line in input.lines() {
        let line = line?;
        let line = line.trim_end();
        let prompt = connection.prompt()?;
        let typed = match line.strip_suffix('?') {
            Some(start) => {
                writeln!(out, "{prompt}{start}")?;
                connection.execute(&format!("{}help {start}", super::server::OWN), out)?;
                start
            }
            None => line,
        };
        writeln!(out, "{prompt}{typed}")?;
        execute(connection, typed, out)?;
        if connection.is_closed() {
            break;
        }
    }
    Ok(0)
}
