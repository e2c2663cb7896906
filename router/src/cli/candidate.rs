//! `configure candidate`, which FRR does not have: lines gather in a candidate that takes effect as a whole.
//!
//! Each session has a candidate of its own. Who commits last finds that the configuration in force is no longer the one
//! that the candidate came from, is refused, and takes the change in by `commit update`: the lines are read again.

use std::io::{self, Write};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use super::backend::{self, Action, Backend, RpkiAction};
use super::exec::Status;
use crate::config::grammar::matcher::{self, Word};
use crate::config::grammar::{Args, Editor, Lookup, Node, Pattern, Verdict, syntax};
use crate::config::model::Config;
use crate::config::{check, diff, parse, render};

/// Octets of lines that a candidate remembers at most, whatever a client sends: a hundred thousand lines are far less.
const MOST: usize = 16 << 20;

/// Lines of a client that are read again later.
#[derive(Default)]
pub struct Lines {
    lines: Vec<String>,
    octets: usize,
}

impl Lines {
    /// Remembers one more.
    pub fn push(&mut self, line: &str) {
        self.octets += line.len() + size_of::<String>();
        self.lines.push(line.to_owned());
    }

    /// Octets that they take.
    pub fn octets(&self) -> usize {
        self.octets
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }
}

/// What belongs to a candidate besides the editor.
pub struct Candidate {
    /// What was in force when it was opened, or when it last took changes in.
    base: Arc<Config>,
    /// Where its first line was read.
    start: Node,
    /// All of it was replaced by a configuration of the past.
    loaded: bool,
    /// What was typed since.
    lines: Lines,
}

impl Candidate {
    /// A candidate of the configuration in force, whose next line is read in `start`.
    pub fn new(base: Arc<Config>, start: Node) -> Candidate {
        Candidate { base, start, loaded: false, lines: Lines::default() }
    }

    /// Whether it takes no more lines.
    pub fn is_full(&self) -> bool {
        self.lines.octets() > MOST
    }

    /// Whether anything was done in it that is not committed.
    pub fn is_changed(&self) -> bool {
        self.loaded || self.lines.octets() > 0
    }

    /// Remembers a line that the editor has carried out.
    pub fn line(&mut self, line: &str) {
        self.lines.push(line);
    }
}

/// What a command of the candidate works with.
pub struct Work<'a> {
    /// The running program.
    pub backend: &'a dyn Backend,
    /// The candidate's lines.
    pub candidate: &'a mut Candidate,
    /// The candidate's configuration.
    pub editor: &'a mut Editor,
    /// Where to write.
    pub out: &'a mut dyn Write,
    /// The command leaves the candidate.
    pub leave: bool,
}

type Ran = io::Result<Status>;

/// A command of every node of a candidate.
pub struct CandidateCommand {
    syntax: &'static str,
    /// What it does.
    pub help: &'static str,
    /// Does it.
    pub run: fn(&mut Work<'_>, &Args<'_>) -> Ran,
}

const COMMANDS: &[CandidateCommand] = &[
    CandidateCommand { syntax: "abort", help: "Leave, and drop what is not committed", run: abort },
    CandidateCommand {
        syntax: "commit",
        help: "Put the candidate in force, or confirm",
        run: |w, _| commit(w, None),
    },
    CandidateCommand {
        syntax: "commit check",
        help: "Say what is wrong with the candidate",
        run: |w, _| verify(w),
    },
    CandidateCommand {
        syntax: "commit confirmed (1-60)$minutes",
        help: "Put it in force, and take it back unless `commit` follows in time",
        run: |w, a| match a.parse::<u64>("minutes") {
            Ok(minutes) => commit(w, Some(Duration::from_secs(minutes * 60))),
            Err(fail) => refuse(w, &fail.to_string()),
        },
    },
    CandidateCommand {
        syntax: "commit update",
        help: "Take in what others changed meanwhile",
        run: |w, _| update(w),
    },
    CandidateCommand {
        syntax: "rollback (0-20)$back",
        help: "Drop all changes, or load what was in force so many commits ago",
        run: rollback,
    },
    CandidateCommand {
        syntax: "show diff",
        help: "What a commit would change",
        run: |w, _| {
            let running = w.backend.running_config();
            w.out.write_all(diff(&render(&running), &render(&w.editor.config)).as_bytes())?;
            Ok(Status::Success)
        },
    },
];

static TABLE: LazyLock<Vec<Pattern<&'static CandidateCommand>>> = LazyLock::new(|| {
    let pattern = |command: &'static CandidateCommand| Pattern {
        syntax: command.syntax,
        elements: syntax::compile(command.syntax),
        no: false,
        command,
    };
    COMMANDS.iter().map(pattern).collect()
});

/// The commands that every node of a candidate has besides its own.
pub fn table() -> &'static [Pattern<&'static CandidateCommand>] {
    &TABLE
}

/// Words of which nothing may be left out: a line that a node would take for another command must not do what they do.
const IN_FULL: [&str; 3] = ["abort", "commit", "rollback"];

/// Looks a line up among the commands of a candidate.
pub fn lookup<'l>(line: &'l str, words: &[Word<'l>]) -> Lookup<'static, 'l, &'static CandidateCommand> {
    let short = |first: &Word<'_>| IN_FULL.iter().any(|w| w.starts_with(first.text) && *w != first.text);
    match words.first().is_some_and(short) {
        true => Lookup::Unknown,
        false => matcher::lookup(table(), line, words),
    }
}

fn refuse(work: &mut Work<'_>, why: &str) -> Ran {
    refuse_all(work, &[why.to_owned()])
}

fn refuse_all(work: &mut Work<'_>, why: &[String]) -> Ran {
    why.iter().try_for_each(|why| writeln!(work.out, "% {}", why.trim_start_matches("% ")))?;
    Ok(Status::ConfigFailed)
}

fn abort(work: &mut Work<'_>, _: &Args<'_>) -> Ran {
    work.leave = true;
    Ok(Status::Success)
}

fn verify(work: &mut Work<'_>) -> Ran {
    let (problems, remarks) = check(&work.editor.config);
    if !problems.is_empty() {
        return refuse_all(work, &problems);
    }
    remarks.iter().try_for_each(|r| writeln!(work.out, "{r}"))?;
    Ok(Status::Success)
}

/// Puts the candidate in force; `within` is the time in which that has to be confirmed.
fn commit(work: &mut Work<'_>, within: Option<Duration>) -> Ran {
    let Work { backend, candidate, editor, out, .. } = work;
    backend::change(*backend, *out, |out| {
        commit_held(&mut Work { backend: *backend, candidate, editor, out, leave: false }, within)
    })
}

fn commit_held(work: &mut Work<'_>, within: Option<Duration>) -> Ran {
    let backend = work.backend;
    let running = backend.running_config();
    if work.editor.config == *running {
        // What others changed meanwhile is the same, or nothing.
        *work.candidate = Candidate::new(running, work.editor.node.clone());
        let said = if within.is_none() && backend.confirm() { "Confirmed." } else { "Nothing to commit." };
        writeln!(work.out, "{said}")?;
        return reset(work);
    }
    if !Arc::ptr_eq(&running, &work.candidate.base) && *running != *work.candidate.base {
        let way_out = match work.candidate.loaded {
            true => "`rollback 0` drops the candidate.",
            false => "`commit update` takes the change in, `rollback 0` drops the candidate.",
        };
        let why = "The configuration in force has changed since this candidate was opened.";
        return refuse_all(work, &[why.to_owned(), way_out.to_owned()]);
    }
    match backend.commit(work.editor.config.clone(), within) {
        Ok(notices) => {
            notices.iter().try_for_each(|n| writeln!(work.out, "{n}"))?;
            *work.candidate = Candidate::new(backend.running_config(), work.editor.node.clone());
            match within {
                Some(within) => {
                    let minutes = within.as_secs() / 60;
                    writeln!(work.out, "Committed. Without `commit` it is taken back in {minutes} min.")?;
                }
                None => writeln!(work.out, "Committed. `write` keeps it over a restart.")?,
            }
            reset(work)
        }
        Err(problems) => refuse_all(work, &problems),
    }
}

fn reset(work: &mut Work<'_>) -> Ran {
    if std::mem::take(&mut work.editor.rpki_reset)
        && let Err(error) = work.backend.act(Action::Rpki(RpkiAction::Reset))
    {
        writeln!(work.out, "{error}")?;
    }
    Ok(Status::Success)
}

/// Reads the lines again, on the configuration that is in force now.
fn update(work: &mut Work<'_>) -> Ran {
    if work.candidate.loaded {
        // There are no lines that make it of another configuration: others' changes would be undone without a word.
        return refuse(
            work,
            "A configuration of the past takes nothing in: `rollback 0`, and load it again.",
        );
    }
    let running = work.backend.running_config();
    let mut fresh = Editor::new((*running).clone());
    fresh.node = work.candidate.start.clone();
    let mut problems = Vec::new();
    for line in work.candidate.lines.iter() {
        match fresh.line(line) {
            Verdict::Done => {}
            Verdict::Failed(fail) => {
                problems.push(format!("{line}: {}", fail.to_string().trim_start_matches("% ")))
            }
            _ => problems.push(format!("{line}: no longer understood here")),
        }
    }
    if !problems.is_empty() {
        return refuse_all(work, &problems);
    }
    fresh.notices.clear();
    *work.editor = fresh;
    work.candidate.base = running;
    Ok(Status::Success)
}

fn rollback(work: &mut Work<'_>, args: &Args<'_>) -> Ran {
    let back = match args.parse::<usize>("back") {
        Ok(back) => back,
        Err(fail) => return refuse(work, &fail.to_string()),
    };
    if back == 0 {
        let running = work.backend.running_config();
        *work.editor = Editor::new((*running).clone());
        *work.candidate = Candidate::new(running, Node::Top);
        return Ok(Status::Success);
    }
    let text = match work.backend.past(back) {
        Ok(text) => text,
        Err(why) => return refuse(work, &why),
    };
    match parse(&format!("rollback {back}"), &text) {
        Ok(parsed) => {
            *work.editor = Editor::new(parsed.config);
            let base = work.candidate.base.clone();
            *work.candidate = Candidate { loaded: true, ..Candidate::new(base, Node::Top) };
            Ok(Status::Success)
        }
        Err(errors) => refuse_all(work, &errors.iter().map(ToString::to_string).collect::<Vec<_>>()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::fake::Fake;
    use super::super::session::{Next, Session};
    use super::*;

    struct Shell(Session);

    impl Shell {
        fn on(fake: &Arc<Fake>) -> Shell {
            let mut shell = Shell(Session::new(fake.clone(), None));
            shell.ok("enable");
            shell
        }

        fn say(&mut self, line: &str) -> (Status, String) {
            let mut out = Vec::new();
            let (status, _) = self.0.execute(line, &mut out).unwrap();
            (status, String::from_utf8(out).unwrap())
        }

        fn ok(&mut self, line: &str) -> String {
            let (status, text) = self.say(line);
            assert_eq!(status, Status::Success, "{line}: {text}");
            text
        }
    }

    #[test]
    fn lines_gather_and_take_effect_together() {
        let fake = Arc::new(Fake::new());
        let mut shell = Shell::on(&fake);
        shell.ok("configure candidate");
        assert_eq!(shell.0.prompt(), "edge-a(candidate)# ");
        shell.ok("interface lan0");
        shell.ok("description here");
        assert_eq!(shell.0.prompt(), "edge-a(candidate-if)# ");
        shell.ok("ip route 5.6.7.0/24 blackhole");
        assert_eq!(*fake.applied.lock().unwrap(), 0);
        assert!(shell.ok("show diff").contains("+ description here\n"));
        assert!(shell.ok("sh d | include blackhole").starts_with("+ip route 5.6.7.0/24"));
        assert!(!shell.ok("do show running-config").contains("5.6.7.0"));
        shell.ok("commit");
        assert_eq!(*fake.applied.lock().unwrap(), 1);
        assert_eq!(shell.ok("commit"), "Nothing to commit.\n");
        assert_eq!(shell.ok("end"), "", "nothing is lost");
        assert_eq!(shell.0.prompt(), "edge-a# ");
        assert!(shell.ok("show running-config").contains("5.6.7.0"));
    }

    #[test]
    fn a_candidate_that_contradicts_itself_is_refused_as_a_whole() {
        let fake = Arc::new(Fake::new());
        let before = fake.running_config();
        let mut shell = Shell::on(&fake);
        let candidate = |shell: &mut Session| {
            let mut config = (*before).clone();
            let bgp = config.bgp.as_mut().unwrap();
            let (id, mut neighbor) =
                bgp.neighbors.iter().next().map(|(i, n)| (i.clone(), n.clone())).unwrap();
            neighbor.peer_group = Some("NOWHERE".into());
            bgp.neighbors.insert(id, neighbor);
            shell.replace_candidate(config);
        };
        shell.ok("configure candidate");
        candidate(&mut shell.0);
        for line in ["commit check", "commit", "commit confirmed 5"] {
            let (status, text) = shell.say(line);
            assert_eq!(status, Status::ConfigFailed, "{line}");
            assert!(text.contains("peer-group NOWHERE does not exist"), "{line}: {text}");
        }
        assert_eq!(*fake.running_config(), *before);
        assert_eq!(fake.waits(), None);
    }

    #[test]
    fn a_commit_waits_until_it_is_confirmed() {
        let fake = Arc::new(Fake::new());
        let mut shell = Shell::on(&fake);
        shell.ok("configure candidate");
        shell.ok("hostname other");
        assert!(shell.ok("commit confirmed 10").contains("in 10 min"));
        assert!(fake.waits().is_some_and(|left| left <= Duration::from_secs(600)));
        assert_eq!(shell.ok("commit confirmed 10"), "Nothing to commit.\n");
        assert!(fake.waits().is_some());
        let refused = (Status::ConfigFailed, "% a commit waits to be confirmed\n".to_owned());
        assert_eq!(shell.say("do write"), refused);
        assert_eq!(shell.say("do copy running-config startup-config"), refused);
        assert_eq!(shell.ok("commit"), "Confirmed.\n");
        assert_eq!(fake.waits(), None);
        shell.ok("do write");
        shell.ok("rollback 1");
        shell.ok("commit");
        assert_eq!(shell.ok("do show configuration transaction").lines().count(), 2);
        assert_eq!(shell.say("commit confirmed 0").0, Status::NoMatch);
        assert_eq!(shell.say("commit confirmed").0, Status::Incomplete);
        assert_eq!(shell.say("rollback").0, Status::Incomplete);
    }

    #[test]
    fn lines_that_no_longer_fit_stop_an_update() {
        let fake = Arc::new(Fake::new());
        let (mut one, mut two) = (Shell::on(&fake), Shell::on(&fake));
        one.ok("configure candidate");
        for line in ["router bgp", "neighbor 192.0.2.1 description x", "exit", "hostname mine"] {
            one.ok(line);
        }
        for line in ["configure terminal", "router bgp", "no neighbor 192.0.2.1", "end"] {
            two.ok(line);
        }
        assert_eq!(one.say("commit").0, Status::ConfigFailed);
        let (status, text) = one.say("commit update");
        assert_eq!(status, Status::ConfigFailed);
        assert!(text.contains("neighbor 192.0.2.1 description x: Specify remote-as"), "{text}");
        assert_eq!(one.say("commit").0, Status::ConfigFailed, "nothing is taken in by halves");
        one.ok("rollback 0");
        one.ok("hostname mine");
        one.ok("commit");
    }

    #[test]
    fn an_update_reads_the_lines_where_they_were_typed() {
        let fake = Arc::new(Fake::new());
        let (mut one, mut two) = (Shell::on(&fake), Shell::on(&fake));
        two.ok("configure terminal");
        one.ok("configure candidate");
        for line in ["router bgp", "neighbor 192.0.2.1 description a", "commit"] {
            one.ok(line);
        }
        one.ok("neighbor 192.0.2.1 description b");
        two.ok("hostname theirs");
        assert_eq!(one.say("commit").0, Status::ConfigFailed);
        one.ok("commit update");
        assert_eq!(one.0.prompt(), "theirs(candidate-router)# ");
        one.ok("commit");
        // A route belongs to the VRF of the node.
        for line in ["exit", "vrf RED", "ip route 198.18.0.0/24 blackhole", "commit"] {
            one.ok(line);
        }
        one.ok("ip route 198.18.1.0/24 blackhole");
        two.ok("hostname again");
        assert_eq!(one.say("commit").0, Status::ConfigFailed);
        one.ok("commit update");
        one.ok("commit");
        let running = render(&fake.running_config());
        assert!(running.contains(" neighbor 192.0.2.1 description b\n"), "{running}");
        assert!(running.contains("\n ip route 198.18.1.0/24 blackhole\n"), "{running}");
        assert!(running.contains("hostname again\n"), "{running}");
        // Without lines the place stays.
        two.ok("hostname edge");
        one.ok("commit update");
        assert_eq!(one.0.prompt(), "edge(candidate-vrf)# ");
    }

    #[test]
    fn a_configuration_of_the_past_takes_nothing_in() {
        let fake = Arc::new(Fake::new());
        let (mut one, mut two) = (Shell::on(&fake), Shell::on(&fake));
        one.ok("configure candidate");
        for line in ["hostname mine", "commit", "rollback 1", "log syslog"] {
            one.ok(line);
        }
        two.ok("configure terminal");
        two.ok("ip route 198.18.0.0/24 blackhole");
        for line in ["commit", "commit update", "commit"] {
            let (status, text) = one.say(line);
            assert_eq!(status, Status::ConfigFailed, "{line}");
            assert!(text.contains("`rollback 0`"), "{line}: {text}");
        }
        assert!(render(&fake.running_config()).contains("ip route 198.18.0.0/24 blackhole\n"));
        // Loaded again, the difference tells what it undoes.
        one.ok("rollback 0");
        one.ok("rollback 1");
        assert!(one.ok("show diff").contains("-ip route 198.18.0.0/24 blackhole\n"));
        one.ok("commit");
    }

    #[test]
    fn short_words_are_left_to_the_node() {
        let fake = Arc::new(Fake::new());
        let mut shell = Shell::on(&fake);
        shell.ok("configure candidate");
        shell.ok("hostname other");
        for line in ["c", "commi", "a", "abor", "r 0", "rollbac 0", "commi check"] {
            assert!(
                matches!(shell.say(line).0, Status::NoMatch | Status::Ambiguous | Status::Incomplete),
                "{line}"
            );
        }
        assert_eq!(*fake.applied.lock().unwrap(), 0);
        shell.ok("route-map SHORT permit 10");
        shell.ok("co");
        shell.ok("cal SHORT");
        assert!(shell.ok("sh di").contains("+ on-match next\n"), "{}", shell.ok("show diff"));
        shell.ok("commit ch");
        assert_eq!(*fake.applied.lock().unwrap(), 0);
    }

    #[test]
    fn leaving_says_what_is_lost() {
        let fake = Arc::new(Fake::new());
        let mut shell = Shell::on(&fake);
        for (leave, prompt) in
            [("end", "edge-a# "), ("exit", "edge-a# "), ("do exit", "edge-a# "), ("do disable", "edge-a> ")]
        {
            shell.ok("enable");
            shell.ok("configure candidate");
            shell.ok("hostname other");
            let mut out = Vec::new();
            assert_eq!(shell.0.execute(leave, &mut out).unwrap(), (Status::Success, Next::Go), "{leave}");
            assert!(String::from_utf8(out).unwrap().contains("its changes are dropped"), "{leave}");
            assert_eq!(shell.0.prompt(), prompt, "{leave}");
        }
        shell.ok("enable");
        shell.ok("configure candidate");
        shell.ok("hostname other");
        assert_eq!(shell.say("XFRR_start_configuration").0, Status::ConfigFailed);
        assert_eq!(shell.say("do configure candidate").0, Status::ConfigFailed);
        assert_eq!(shell.ok("abort"), "");
        assert_eq!(shell.0.prompt(), "edge-a# ");
        assert_eq!(*fake.applied.lock().unwrap(), 0);
    }

    #[test]
    fn help_and_completion_know_the_commands_of_a_candidate() {
        let fake = Arc::new(Fake::new());
        let mut shell = Shell::on(&fake);
        shell.ok("configure candidate");
        assert_eq!(shell.0.completions("com"), ["commit"]);
        assert_eq!(shell.0.completions("commit c"), ["check", "confirmed"]);
        assert!(shell.0.help("").contains("rollback") && shell.0.help("").contains("router"));
        assert!(shell.0.help("commit ").starts_with("  <cr>\n"));
        assert!(shell.ok("find rollback").contains("rollback (0-20)"));
        shell.ok("end");
        shell.ok("configure terminal");
        assert!(shell.0.completions("com").is_empty());
    }
}
