//! The command line of `vtysh`.

use std::path::PathBuf;

use super::super::exec::Daemon;

/// What `-h` prints.
pub const USAGE: &str = "\
Usage: vtysh [OPTIONS]

  -c, --command CMD       run a command; may be given several times
  -f, --inputfile FILE    read configuration lines from a file
  -b, --boot              read the startup configuration
  -C, --dryrun            check a configuration file and change nothing
  -m, --markfile          print the file of -f with its nodes closed
  -w, --writeconfig       save the configuration
  -d, --daemon NAME       talk to one daemon
  -E, --echo              print prompts and commands of -c
  -u, --user              stay unprivileged
  -H, --histfile FILE     history of the terminal
  -N, --pathspace NAME    add NAME to the paths
      --config_dir DIR    where the configuration is
      --vty_socket DIR    where the sockets are
  -t, --timestamp, -n, --noerror, --no-fork
                          accepted and ignored
  -h, --help              this text
";

/// What the options ask for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// `-c`
    pub commands: Vec<String>,
    /// `-f`
    pub file: Option<PathBuf>,
    /// `-b`
    pub boot: bool,
    /// `-C`
    pub dry_run: bool,
    /// `-m`
    pub mark: bool,
    /// `-w`
    pub write: bool,
    /// `-d`
    pub daemon: Option<String>,
    /// `-E`
    pub echo: bool,
    /// `-u`
    pub user: bool,
    /// `-H`
    pub history: Option<PathBuf>,
    /// `-N`
    pub pathspace: Option<String>,
    /// `--config_dir`
    pub config_dir: Option<PathBuf>,
    /// `--vty_socket`
    pub socket_dir: Option<PathBuf>,
}

impl Options {
    fn in_space(&self, base: &str) -> PathBuf {
        let base = PathBuf::from(base);
        self.pathspace.as_ref().map_or(base.clone(), |space| base.join(space))
    }

    /// The file that `-f`, `-b` or `-C` is about.
    pub fn config_file(&self) -> PathBuf {
        let folder = self.config_dir.clone().unwrap_or_else(|| self.in_space("/etc/frr"));
        self.file.clone().unwrap_or_else(|| folder.join("frr.conf"))
    }

    /// Where the sockets are.
    pub fn sockets(&self) -> PathBuf {
        self.socket_dir.clone().unwrap_or_else(|| self.in_space("/run/frr"))
    }
}

/// What came of reading the command line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Parsed {
    /// Do this.
    Run(Box<Options>),
    /// Print the usage.
    Help,
    /// Something is wrong with it.
    Wrong(String),
}

/// Reads the command line in the way of getopt: `-cX`, `-c X`, `--command=X`, `--command X`, `-Ed bgpd`.
pub fn parse(args: impl Iterator<Item = String>) -> Parsed {
    let mut options = Options::default();
    let mut args = args.peekable();
    while let Some(arg) = args.next() {
        let result = match arg.strip_prefix("--") {
            Some(long) => {
                let (name, value) = match long.split_once('=') {
                    Some((name, value)) => (name, Some(value.to_owned())),
                    None => (long, None),
                };
                match long_option(name) {
                    Some('h') => return Parsed::Help,
                    Some(flag) => apply(&mut options, flag, value, &mut args),
                    None => Err(format!("unknown option --{name}")),
                }
            }
            None => match arg.strip_prefix('-').filter(|s| !s.is_empty()) {
                Some(short) if short.starts_with('h') => return Parsed::Help,
                Some(short) => short_options(&mut options, short, &mut args),
                None => Err(format!("unexpected argument {arg}")),
            },
        };
        if let Err(why) = result {
            return Parsed::Wrong(why);
        }
    }
    Parsed::Run(Box::new(options))
}

fn long_option(name: &str) -> Option<char> {
    const NAMES: [(&str, char); 17] = [
        ("boot", 'b'),
        ("command", 'c'),
        ("config_dir", '1'),
        ("daemon", 'd'),
        ("dryrun", 'C'),
        ("echo", 'E'),
        ("help", 'h'),
        ("histfile", 'H'),
        ("inputfile", 'f'),
        ("markfile", 'm'),
        ("no-fork", 'X'),
        ("noerror", 'n'),
        ("pathspace", 'N'),
        ("timestamp", 't'),
        ("user", 'u'),
        ("vty_socket", '2'),
        ("writeconfig", 'w'),
    ];
    let exact = NAMES.iter().find(|(n, _)| *n == name);
    let mut begun = NAMES.iter().filter(|(n, _)| n.starts_with(name));
    exact.or_else(|| begun.next().filter(|_| begun.next().is_none())).map(|(_, flag)| *flag)
}

fn short_options(
    options: &mut Options,
    letters: &str,
    args: &mut dyn Iterator<Item = String>,
) -> Result<(), String> {
    for (at, letter) in letters.char_indices() {
        let rest = letters.get(at + letter.len_utf8()..).unwrap_or("");
        if "cfdHN".contains(letter) {
            let value = (!rest.is_empty()).then(|| rest.to_owned());
            return apply(options, letter, value, args);
        }
        apply(options, letter, None, args)?;
    }
    Ok(())
}

fn apply(
    options: &mut Options,
    flag: char,
    value: Option<String>,
    args: &mut dyn Iterator<Item = String>,
) -> Result<(), String> {
    let mut wanted = || value.clone().or_else(|| args.next()).ok_or(format!("option {flag} needs a value"));
    match flag {
        'b' => options.boot = true,
        'C' => options.dry_run = true,
        'm' => options.mark = true,
        'w' => options.write = true,
        'E' => options.echo = true,
        'u' => options.user = true,
        't' | 'n' | 'X' => {}
        'c' => options.commands.push(wanted()?),
        'f' => options.file = Some(PathBuf::from(wanted()?)),
        'd' => options.daemon = Some(wanted()?),
        'H' => options.history = Some(PathBuf::from(wanted()?)),
        'N' => options.pathspace = Some(wanted()?),
        '1' => options.config_dir = Some(PathBuf::from(wanted()?)),
        '2' => options.socket_dir = Some(PathBuf::from(wanted()?)),
        other => return Err(format!("unknown option -{other}")),
    }
    Ok(())
}

/// Whether a name is that of one of FRR's daemons whose work is done here.
pub fn known_daemon(name: &str) -> bool {
    Daemon::ALL.iter().any(|d| d.name() == name)
}
