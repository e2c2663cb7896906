//! The shell itself: moving between nodes, saving, versions, logging.

use super::super::backend::{Action, ActionError};
use super::{Context, Daemon, ExecCommand, ExecError, Move, Ran, exec};
use crate::config::grammar::Args;
use crate::config::model::FRR_VERSION;
use crate::config::{Part, running_config_of};
use crate::show::format::date;
use crate::show::misc;

/// Commands that belong to every daemon.
pub const COMMANDS: &[ExecCommand] = &[
    exec("enable", "Turn on privileged commands", None, |c, _| go(c, Move::Enable)),
    exec("disable", "Turn off privileged commands", None, |c, _| go(c, Move::Disable)),
    exec("exit", "Leave", None, |c, _| go(c, Move::Exit)),
    exec("quit", "Leave", None, |c, _| go(c, Move::Exit)),
    exec("end", "Back to the enable node", None, |c, _| go(c, Move::End)),
    exec("configure [terminal [file-lock]]", "Change the configuration", None, |c, _| go(c, Move::Configure))
        .privileged(),
    exec("configure candidate", "Change a candidate, which takes effect as a whole", None, |c, _| go(c, Move::Candidate))
        .privileged(),
    exec("show configuration transaction [(1-20)$back]", "Configurations that were in force before commits", None, transactions)
        .privileged(),
    exec("show running-config [<zebra|bgpd|staticd|bfdd|vrrpd|mgmtd>$daemon] [no-header]", "The configuration in force", None, running_config)
        .privileged(),
    exec("write terminal [<zebra|bgpd|staticd|bfdd|vrrpd|mgmtd>$daemon] [no-header]", "The configuration in force", None, running_config)
        .privileged(),
    exec("show startup-config", "The configuration that is read at start", None, |c, _| {
        if let Some(text) = c.backend.startup_config() {
            c.out.write_all(text.as_bytes())?;
        }
        Ok(())
    })
    .privileged(),
    exec("write [<memory|file|integrated>]", "Save the configuration", None, save).privileged(),
    exec("copy running-config startup-config", "Save the configuration", None, save).privileged(),
    exec("show version [json]", "Version", None, |c, a| {
        Ok(misc::version(&c.backend.version(), FRR_VERSION, a.has("json"), c.out)?)
    }),
    exec("show daemons", "The parts that run", None, |c, _| {
        for daemon in Daemon::ALL {
            write!(c.out, " {}", daemon.name())?;
        }
        Ok(writeln!(c.out)?)
    }),
    exec("show modules", "Loadable modules: there are none", None, |_, _| Ok(())),
    exec("show history commands", "Commands typed in this session", None, |c, _| {
        for line in c.history {
            writeln!(c.out, "  {line}")?;
        }
        Ok(())
    }),
    exec("show logging", "Where messages go", None, |c, _| {
        Ok(misc::logging(&c.config, part_name(c), !c.bare, c.out)?)
    }),
    exec("show debugging", "What is logged in detail", None, |c, _| {
        Ok(misc::debugging(&c.config, &c.backend.debugging(), part_name(c), !c.bare, c.out)?)
    }),
    exec("debug LINE...", "Log details until the next restart", None, debug).privileged(),
    exec("no debug LINE...", "Stop logging details", None, debug).privileged(),
    exec("undebug LINE...", "Stop logging details", None, debug).privileged(),
    exec(
        "send log [level <emergencies|alerts|critical|errors|warnings|notifications|informational|debugging>$level] LINE...",
        "Write a message into the log",
        None,
        |c, a| log(c, a, "LINE"),
    )
    .privileged(),
    exec(
        "logmsg <emergencies|alerts|critical|errors|warnings|notifications|informational|debugging>$level MESSAGE...",
        "Write a message into the log",
        None,
        |c, a| log(c, a, "MESSAGE"),
    )
    .privileged(),
    exec("terminal no <length|monitor>", "A detail of the terminal", None, |_, _| Ok(())),
    exec("terminal length (0-4294967295)", "Lines of the terminal", None, |_, _| Ok(())).with_no(),
    exec("terminal <paginate|monitor>", "A detail of the terminal", None, |_, _| Ok(())).with_no(),
    exec("clear log cmdline-targets", "Forget log targets of the command line", None, |_, _| Ok(())).privileged(),
    exec("show memory [LINE...]", "Memory", Some(Daemon::Bgpd), |c, _| {
        Ok(misc::memory_rows(&c.backend.bgp_memory()?, c.out)?)
    }),
    exec("show bfd [vrf NAME] peers [<brief|counters>] [json]", "BFD sessions", Some(Daemon::Bfdd), |c, a| {
        // There are none before the engine is there.
        let text: &[u8] = if a.has("json") { b"[\n]\n" } else { b"BFD Peers:\n" };
        Ok(c.out.write_all(text)?)
    }),
    exec(
        "show bfd [vrf NAME] peer <A.B.C.D|X:X::X:X|WORD>$peer [{multihop|local-address <A.B.C.D|X:X::X:X>|interface IFNAME}] [counters] [json]",
        "One BFD session",
        Some(Daemon::Bfdd),
        no_bfd_peer,
    ),
    exec(
        "clear bfd [vrf NAME] peer <A.B.C.D|X:X::X:X|WORD>$peer [{multihop|local-address <A.B.C.D|X:X::X:X>|interface IFNAME}] counters",
        "Counters of a BFD session",
        Some(Daemon::Bfdd),
        no_bfd_peer,
    )
    .privileged(),
];

/// The one part that the client talks to; ours and nobody in particular means all.
fn part_name(context: &Context<'_>) -> Option<&'static str> {
    context.daemon.map(Daemon::name)
}

fn no_bfd_peer(_: &mut Context<'_>, args: &Args<'_>) -> Ran {
    Err(ActionError::Other(format!("Unable to find 'peer {}'", args.word("peer")?)).into())
}

fn go(context: &mut Context<'_>, to: Move) -> Ran {
    context.go = Some(to);
    Ok(())
}

fn running_config(context: &mut Context<'_>, args: &Args<'_>) -> Ran {
    let named = args.get("daemon").and_then(|name| Daemon::ALL.into_iter().find(|d| d.name() == name));
    let part = match named.or(context.daemon) {
        Some(Daemon::Zebra) => Part::Zebra,
        Some(Daemon::Bgpd) => Part::Bgp,
        Some(Daemon::Staticd) => Part::Static,
        Some(Daemon::Bfdd) => Part::Bfd,
        Some(Daemon::Vrrpd) => Part::Header,
        None if args.get("daemon").is_some() => Part::Header,
        None => Part::All,
    };
    let text = running_config_of(&context.config, part, !context.bare && !args.has("no-header"));
    let text = if context.bare { text.strip_suffix("end\n").unwrap_or(&text) } else { &text };
    Ok(context.out.write_all(text.as_bytes())?)
}

fn transactions(context: &mut Context<'_>, args: &Args<'_>) -> Ran {
    if let Some(back) = args.opt::<usize>("back")? {
        let text = context.backend.past(back).map_err(ActionError::Other)?;
        return Ok(context.out.write_all(text.as_bytes())?);
    }
    if let Some(left) = context.backend.waits() {
        writeln!(context.out, "A commit is taken back in {} s unless it is confirmed.", left.as_secs())?;
    }
    for (index, past) in context.backend.history().iter().enumerate() {
        let (back, until) = (index + 1, date(past.at));
        writeln!(context.out, "{back:>3}  in force until {until}, ended {}", past.by)?;
    }
    Ok(())
}

fn save(context: &mut Context<'_>, args: &Args<'_>) -> Ran {
    match context.backend.save() {
        Ok(path) => {
            if !args.has("integrated") {
                writeln!(context.out, "Note: this version of vtysh never writes vtysh.conf")?;
            }
            writeln!(context.out, "Building Configuration...")?;
            writeln!(context.out, "Integrated configuration saved to {}\n[OK]", path.display())?;
            Ok(())
        }
        Err(why) => Err(ExecError::Refused(why)),
    }
}

fn log(context: &mut Context<'_>, args: &Args<'_>, text: &str) -> Ran {
    let level = args.get("level").map(str::to_owned);
    Ok(context.backend.act(Action::Log { level, text: args.string(text)? })?)
}

fn debug(context: &mut Context<'_>, args: &Args<'_>) -> Ran {
    let what = args.string("LINE")?;
    let on = args.has("debug") && !args.has("no");
    context.backend.act(Action::Debug { on, what })?;
    Ok(())
}
