//! Network namespaces and the `ip` program.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Once;

use nix::sched::{CloneFlags, setns};

/// What names of our namespaces and scratch folders begin with; the process id follows.
const PREFIX: &str = "rt-";

/// Runs a program and returns what it printed.
///
/// # Panics
/// When it cannot be started or fails.
#[track_caller]
pub fn run(program: &str, args: &[&str]) -> String {
    let output = output(program, args);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{program} {}: {}{}",
        args.join(" "),
        text,
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

/// Runs a program and returns how it ended.
///
/// # Panics
/// When it cannot be started.
#[track_caller]
pub fn output(program: &str, args: &[&str]) -> Output {
    match Command::new(program).args(args).output() {
        Ok(output) => output,
        Err(error) => panic!("cannot run {program}: {error}; install the package {}", package(program)),
    }
}

/// The Debian package that a program is in.
pub fn package(program: &str) -> &'static str {
    match Path::new(program).file_name().and_then(|n| n.to_str()).unwrap_or(program) {
        "ip" => "iproute2",
        "zebra" | "staticd" | "bgpd" | "vrrpd" | "vtysh" => "frr",
        "frr-reload.py" => "frr-pythontools",
        "prometheus-frr-exporter" => "prometheus-frr-exporter",
        "bird" | "birdc" => "bird2",
        "gobgpd" | "gobgp" => "gobgpd",
        "bgpctl" => "openbgpd",
        "exabgp" => "exabgp",
        "keepalived" => "keepalived",
        "setpriv" => "util-linux",
        "kill" => "procps",
        "rtrclient" => "rtr-tools",
        "bgpd_rpki.so" => "frr-rpki-rtrlib",
        _ => "of that name",
    }
}

/// `ip ARGS`, split at spaces.
#[track_caller]
pub fn ip(args: &str) -> String {
    run("ip", &args.split_whitespace().collect::<Vec<_>>())
}

/// A namespace that goes with this value.
#[derive(Debug)]
pub struct Netns {
    name: String,
}

impl Netns {
    /// Makes a namespace with the loopback interface up and without duplicate address detection.
    pub fn new(lab: u64, node: &str) -> Netns {
        let netns = Netns { name: format!("{PREFIX}{}-{lab}-{node}", std::process::id()) };
        ip(&format!("netns add {}", netns.name));
        ip(&format!("-n {} link set lo up", netns.name));
        netns.enter(|| {
            for (key, value) in [
                ("net/ipv6/conf/default/accept_dad", "0"),
                ("net/ipv6/conf/all/accept_dad", "0"),
                ("net/ipv4/conf/all/rp_filter", "0"),
                ("net/ipv4/conf/default/rp_filter", "0"),
            ] {
                let _ = std::fs::write(Path::new("/proc/sys").join(key), value);
            }
        });
        netns
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `work` on a thread inside the namespace: sockets that it makes belong there.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let file = File::open(handle(&self.name)).expect("the namespace is there");
        let done = std::thread::scope(|scope| {
            let inside = scope.spawn(|| {
                setns(&file, CloneFlags::CLONE_NEWNET).expect("entering a namespace needs root");
                work()
            });
            inside.join()
        });
        match done {
            Ok(value) => value,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        remove(&self.name);
    }
}

/// Moves the calling thread into a namespace, for good.
pub fn join(name: &str) {
    let file = File::open(handle(name)).expect("the namespace is there");
    setns(&file, CloneFlags::CLONE_NEWNET).expect("entering a namespace needs root");
}

fn handle(name: &str) -> PathBuf {
    Path::new("/run/netns").join(name)
}

/// Ends all processes of a namespace and removes it.
fn remove(name: &str) {
    let pids = output("ip", &["netns", "pids", name]);
    for pid in String::from_utf8_lossy(&pids.stdout).split_whitespace() {
        // Threads of this process may be inside, too.
        if pid.parse() != Ok(std::process::id()) {
            let _ = output("kill", &["-KILL", pid]);
        }
    }
    let _ = output("ip", &["netns", "del", name]);
}

/// A scratch folder of a laboratory.
pub fn scratch(lab: u64) -> PathBuf {
    std::env::temp_dir().join(format!("{PREFIX}{}-{lab}", std::process::id()))
}

/// Once a process: says what is missing to make laboratories, and removes what dead test processes left behind.
pub fn prepare() {
    static ONCE: Once = Once::new();
    assert!(
        nix::unistd::Uid::effective().is_root(),
        "this test makes network namespaces: run it as root (sudo -E cargo test -p router-tests)"
    );
    ONCE.call_once(|| {
        let list = ip("netns list");
        for name in list.lines().filter_map(|l| l.split_whitespace().next()) {
            if is_orphan(name) {
                remove(name);
            }
        }
        let Ok(folders) = std::fs::read_dir(std::env::temp_dir()) else { return };
        for folder in folders.flatten() {
            if folder.file_name().to_str().is_some_and(is_orphan) {
                let _ = std::fs::remove_dir_all(folder.path());
            }
        }
    });
}

/// Whether the process that made this is gone.
fn is_orphan(name: &str) -> bool {
    let pid = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
    let pid: Option<u32> = pid.and_then(|p| p.parse().ok());
    pid.is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists())
}
