//! Command line of the daemon.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::daemon::{self, Options};

/// The port of the well-known exporter, so that existing scrape jobs find us.
const METRICS_PORT: u16 = 9342;

fn command() -> Command {
    let path = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).value_parser(clap::value_parser!(PathBuf)).help(help)
    };
    Command::new("router")
        .version(env!("CARGO_PKG_VERSION"))
        .about("BGP and VRRP router: one process in the place of FRR")
        .disable_version_flag(true)
        .arg(
            Arg::new("version")
                .long("version")
                .short('V')
                .action(ArgAction::SetTrue)
                .help("Print the version"),
        )
        .arg(path("config", "FILE", "Configuration in FRR's language").default_value("/etc/frr/frr.conf"))
        .arg(path("state-dir", "DIR", "Where state is kept over restarts").default_value("/var/lib/router"))
        .arg(path("socket", "DIR", "Where vtysh finds us").default_value("/run/frr"))
        .arg(path("check", "FILE", "Check a configuration and exit"))
        .arg(
            Arg::new("metrics")
                .long("metrics")
                .value_name("ADDR:PORT|off")
                .help("Where Prometheus scrapes [default: 127.0.0.1:9342 and [::1]:9342]"),
        )
        .subcommand(
            Command::new("demo").about("Build a small network in namespaces and show what the router does"),
        )
        .subcommand(
            Command::new("healthcheck")
                .about("Ask a running router whether it is ready")
                .arg(Arg::new("address").value_name("ADDR:PORT").help("Its metrics address")),
        )
        .subcommand(
            Command::new("vtysh")
                .about("The shell, as if called by the name vtysh")
                .disable_help_flag(true)
                .arg(Arg::new("rest").num_args(0..).trailing_var_arg(true).allow_hyphen_values(true)),
        )
}

/// Where metrics are served; a container image sets it by the environment.
fn metrics(matches: &ArgMatches) -> Result<Vec<SocketAddr>, String> {
    let given =
        matches.get_one::<String>("metrics").cloned().or_else(|| std::env::var("ROUTER_METRICS").ok());
    match given.as_deref() {
        None => Ok(vec![
            SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), METRICS_PORT),
            SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), METRICS_PORT),
        ]),
        Some("off") => Ok(Vec::new()),
        Some(text) => match text.parse() {
            Ok(address) => Ok(vec![address]),
            Err(_) => {
                Err(format!("--metrics {text}: give an address with a port, such as 127.0.0.1:9342, or off"))
            }
        },
    }
}

/// FRR's programs that we stand in for: links by these names tell a version to who asks for one.
const DAEMONS: [&str; 6] = ["zebra", "bgpd", "staticd", "bfdd", "vrrpd", "watchfrr"];

/// A daemon of FRR by name: it says its version, and nothing else is done by that name.
fn daemon_of_frr(name: &str, args: &[OsString]) -> ExitCode {
    if args.iter().any(|a| a == "-v" || a == "--version") {
        println!("{name} version {}", crate::config::model::FRR_VERSION);
        println!("Spoken by router {}.", env!("CARGO_PKG_VERSION"));
        return ExitCode::SUCCESS;
    }
    eprintln!("{name}: this is router, which does its work; start `router` instead (see router --help)");
    ExitCode::FAILURE
}

/// Runs whatever the command line asks for.
pub fn run(args: Vec<OsString>) -> ExitCode {
    let name =
        args.first().and_then(|a| Path::new(a).file_name()).and_then(|n| n.to_str()).unwrap_or("router");
    if name == "vtysh" {
        return vtysh(args);
    }
    if DAEMONS.contains(&name) {
        return daemon_of_frr(name, &args);
    }
    if args.get(1).is_some_and(|a| a == "vtysh") {
        return vtysh(args.into_iter().skip(1).collect());
    }
    let matches = match command().try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    if matches.get_flag("version") {
        println!("router {}", env!("CARGO_PKG_VERSION"));
        return ExitCode::SUCCESS;
    }
    let metrics = match metrics(&matches) {
        Ok(metrics) => metrics,
        Err(error) => {
            eprintln!("router: {error}");
            return ExitCode::from(2);
        }
    };
    match matches.subcommand() {
        Some(("demo", _)) => return crate::demo::run(),
        Some(("healthcheck", sub)) => {
            let given = sub.get_one::<String>("address").and_then(|a| a.parse().ok());
            return crate::healthcheck::run(given.or_else(|| metrics.first().copied()));
        }
        _ => {}
    }
    if let Some(file) = matches.get_one::<PathBuf>("check") {
        return daemon::check(file);
    }
    let path = |name: &str| matches.get_one::<PathBuf>(name).cloned().unwrap_or_default();
    daemon::run(Options {
        config: path("config"),
        state_dir: path("state-dir"),
        sockets: path("socket"),
        metrics,
    })
}

fn vtysh(args: Vec<OsString>) -> ExitCode {
    crate::cli::vtysh::run(args)
}
