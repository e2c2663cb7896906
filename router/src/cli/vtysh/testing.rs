//! Running the shell inside a test.

use std::path::Path;

use super::options::{Parsed, parse};
use super::{Streams, unattended};

/// What a run of the shell gave.
pub struct Program {
    /// Exit status.
    pub status: u8,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Program {
    /// Runs the shell with these arguments and this input.
    pub fn run(args: &[&str], input: &str) -> Program {
        let Parsed::Run(options) = parse(args.iter().map(|a| (*a).to_owned())) else { panic!("{args:?}") };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut input = input.as_bytes();
        let mut streams = Streams { input: &mut input, out: &mut out, err: &mut err };
        let status = unattended(&options, &mut streams);
        Program { status, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
    }
}

/// `-C -f FILE`
pub fn dry_run(file: &Path) -> Program {
    Program::run(&["-C", "-f", &file.to_string_lossy()], "")
}

/// `-m -f FILE`
pub fn mark(file: &Path) -> Program {
    Program::run(&["-m", "-f", &file.to_string_lossy()], "")
}
