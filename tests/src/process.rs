//! Programs that run in a namespace until the value is dropped.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::netns::{output, package};
use crate::wait::wait_ok;

/// A program in a namespace, in a process group of its own.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `program` in the namespace `netns`; its output goes to the file `log`, behind what is there.
    ///
    /// # Panics
    /// When the program is missing, naming its package.
    pub fn start(netns: &str, program: &Path, args: &[&str], log: PathBuf) -> Process {
        assert!(
            program.exists(),
            "{} is missing: install the package {}",
            program.display(),
            package(&program.to_string_lossy())
        );
        let out = File::options().create(true).append(true).open(&log).expect("a log file");
        let err = out.try_clone().expect("a second handle of the log file");
        let mut command = Command::new("ip");
        command.args(["netns", "exec", netns]).arg(program).args(args);
        command.stdin(Stdio::null()).stdout(out).stderr(err).process_group(0);
        let child = command.spawn().expect("ip from the package iproute2");
        Process { child, log }
    }

    /// Its process id, which is also that of its group: `ip netns exec` becomes the program.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name, to the program alone.
    pub fn signal(&self, name: &str) {
        let done = output("kill", &[&format!("-{name}"), &self.pid().to_string()]);
        assert!(done.status.success(), "cannot send {name} to process {}", self.pid());
    }

    /// Sends a signal by its name, to the program and the processes that it has started.
    pub fn signal_all(&self, name: &str) {
        let done = output("kill", &[&format!("-{name}"), "--", &format!("-{}", self.pid())]);
        assert!(done.status.success(), "cannot send {name} to the group of process {}", self.pid());
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Waits for its end.
    #[track_caller]
    pub fn wait_end(&mut self, deadline: Duration) -> ExitStatus {
        wait_ok(deadline, "a program to end", || self.ended().ok_or("it still runs"))
    }

    /// Ends it at once and for sure.
    pub fn kill(&mut self) {
        if self.ended().is_none() {
            let _ = output("kill", &["-KILL", "--", &format!("-{}", self.pid())]);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// What it has printed.
    pub fn log(&self) -> String {
        std::fs::read(&self.log).map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default()
    }
}

/// The threads of a process that have a name, by their folders below `/proc`.
///
/// # Panics
/// When there is no such process.
#[track_caller]
pub fn threads(pid: u32, name: &str) -> impl Iterator<Item = PathBuf> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("the process runs");
    let named =
        move |task: &PathBuf| std::fs::read_to_string(task.join("comm")).is_ok_and(|c| c.trim_end() == name);
    tasks.flatten().map(|t| t.path()).filter(named)
}

/// How long the threads of a name in a process have waited for a processor, all in all (`schedstat` of proc(5)).
///
/// # Panics
/// When there is none: then the kernel keeps no account.
#[track_caller]
pub fn withheld(pid: u32, name: &str) -> Duration {
    let waited = threads(pid, name).map(|task| {
        let account = std::fs::read_to_string(task.join("schedstat")).unwrap_or_default();
        account.split_whitespace().nth(1).and_then(|ns| ns.parse().ok()).map(Duration::from_nanos)
    });
    let waited: Option<Vec<Duration>> = waited.collect();
    let waited = waited.filter(|w| !w.is_empty());
    waited.unwrap_or_else(|| panic!("process {pid} has no thread {name} with a schedstat")).into_iter().sum()
}

/// Resident memory of a process in kB; 0 if there is no such process.
pub fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmRSS:"));
    line.and_then(|l| l.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}

/// Seconds for which the threads that a process has now had a processor.
pub fn cpu(pid: u32) -> f64 {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let of = |thread: std::fs::DirEntry| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
        text.split_whitespace().next().and_then(|t| t.parse::<f64>().ok()).unwrap_or(0.0)
    };
    threads.map(of).sum::<f64>() / 1e9
}

/// Seconds for which a process had a processor, to a hundredth, threads that have ended included (`utime` and `stime` of
/// proc(5)).
pub fn cpu_with_ended(pid: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // Behind the name, which may have blanks, `utime` is the twelfth field.
    let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    fields.filter_map(|f| f.parse::<f64>().ok()).sum::<f64>() / 100.0
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
