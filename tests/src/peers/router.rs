//! Our own router.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use crate::Node;
use crate::process::{self, Process};
use crate::wait::{PATIENCE, wait_ok};

/// Where every router of a laboratory serves its metrics: each has its own loopback.
const METRICS: &str = "127.0.0.1:9342";

/// The capabilities that the README asks for; above all not that of real-time priority.
const CAPABILITIES: &str = "-all,+net_admin,+net_raw,+net_bind_service";

/// Our router in a node, with the capabilities that it asks for and no others.
pub struct Router {
    node: Node,
    process: Process,
}

/// The binary: `ROUTER_BIN`, else the one that was built beside this test.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("ROUTER_BIN") {
        return PathBuf::from(path);
    }
    let test = std::env::current_exe().expect("the path of this test");
    let found = test.ancestors().skip(1).map(|folder| folder.join("router")).find(|p| p.is_file());
    found.unwrap_or_else(|| {
        panic!(
            "no router beside {}: build it first (cargo build -p router) or name it by ROUTER_BIN",
            test.display()
        )
    })
}

impl Router {
    /// Starts it with a configuration and waits until it serves.
    #[track_caller]
    pub fn start(node: &Node, config: &str) -> Router {
        node.write("frr.conf", config);
        Router::again(node)
    }

    /// Starts it with the configuration and state that are there.
    #[track_caller]
    pub fn again(node: &Node) -> Router {
        Router::serving(node, node.file("router.log"))
    }

    /// Starts it with its output going to a file of this name, which may be a pipe.
    #[track_caller]
    pub fn with_output(node: &Node, config: &str, output: &str) -> Router {
        node.write("frr.conf", config);
        Router::serving(node, node.file(output))
    }

    #[track_caller]
    fn serving(node: &Node, output: PathBuf) -> Router {
        let mut router = Router { process: Router::spawn(node, output), node: node.clone() };
        wait_ok(PATIENCE, "our router to serve metrics", || {
            if let Some(status) = router.process.ended() {
                panic!("our router ended with {status}:\n{}", router.process.log());
            }
            router.get("/livez")
        });
        router
    }

    fn spawn(node: &Node, output: PathBuf) -> Process {
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        let config = text(node.file("frr.conf"));
        let (state, sockets) = (text(node.folder("state")), text(node.folder("run")));
        let (binary, only) = (text(binary()), format!("--bounding-set={CAPABILITIES}"));
        let confined = ["--inh-caps=-all", &only, "--", &binary];
        let args = ["--config", &config, "--state-dir", &state, "--socket", &sockets, "--metrics", METRICS];
        let args = [&confined[..], &args].concat();
        Process::start(node.name(), Path::new("/usr/bin/setpriv"), &args, output)
    }

    /// Another configuration takes effect by SIGHUP. Returns before it is read.
    pub fn reload(&self, config: &str) {
        self.node.write("frr.conf", config);
        self.process.signal("HUP");
    }

    /// Sends a signal.
    pub fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// Ends it by SIGTERM and waits.
    #[track_caller]
    pub fn stop(&mut self) -> ExitStatus {
        self.process.signal("TERM");
        self.process.wait_end(PATIENCE)
    }

    /// Ends it by SIGKILL.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// How long its thread of VRRP has waited for a processor since the start, by the kernel's account: what the
    /// machine did, not the program.
    pub fn withheld(&self) -> Duration {
        process::withheld(self.pid(), "on-time")
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// A page of its metrics server.
    pub fn get(&self, path: &str) -> Result<String, String> {
        crate::http::get(&self.node, METRICS, path)
    }

    /// The value of the first metric whose name and labels contain all of `parts`.
    pub fn metric(&self, name: &str, parts: &[&str]) -> Option<f64> {
        let page = self.get("/metrics").ok()?;
        let line = page.lines().find(|l| {
            let of_name = l.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
            of_name && parts.iter().all(|p| l.contains(p))
        })?;
        line.rsplit(' ').next()?.parse().ok()
    }

    /// Whether the session with a neighbour is up.
    pub fn established(&self, peer: &str) -> bool {
        self.metric("frr_bgp_peer_state", &[&format!("peer=\"{peer}\"")]) == Some(1.0)
    }

    /// A command of its shell, given through its own `vtysh`; each line is one.
    #[track_caller]
    pub fn vtysh(&self, command: &str) -> Result<String, String> {
        self.shell(&binary(), &["vtysh"], command)
    }

    /// The same at the socket that it has in the place of one of FRR's daemons.
    #[track_caller]
    pub fn door(&self, daemon: &str, command: &str) -> Result<String, String> {
        self.shell(&binary(), &["vtysh", "-d", daemon], command)
    }

    /// The same given through FRR's `vtysh`, which talks to all those sockets.
    #[track_caller]
    pub fn frr_vtysh(&self, command: &str) -> Result<String, String> {
        let etc = self.node.folder("etc").to_string_lossy().into_owned();
        // It complains where there is none.
        if !self.node.file("etc/vtysh.conf").exists() {
            self.node.write("etc/vtysh.conf", "!\n");
        }
        self.shell(Path::new("/usr/bin/vtysh"), &["--config_dir", &etc], command)
    }

    #[track_caller]
    fn shell(&self, program: &Path, options: &[&str], command: &str) -> Result<String, String> {
        let sockets = self.node.file("run");
        let sockets = sockets.to_string_lossy();
        let mut args = [options, &["--vty_socket", &sockets]].concat();
        command.lines().for_each(|line| args.extend(["-c", line]));
        self.node.run(&program.to_string_lossy(), &args)
    }
}
