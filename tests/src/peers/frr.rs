//! FRR: zebra, staticd, bgpd and vrrpd.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::Node;
use crate::netns::package;
use crate::process::Process;
use crate::wait::{PATIENCE, wait_ok};

/// The module of bgpd for origin validation.
const RPKI: &str = "/usr/lib/x86_64-linux-gnu/frr/modules/bgpd_rpki.so";

/// FRR in a node.
pub struct Frr {
    node: Node,
    daemons: Vec<(&'static str, Process)>,
    /// Modules of bgpd.
    modules: &'static [&'static str],
}

impl Frr {
    /// Starts it with a configuration and waits until its shell answers.
    #[track_caller]
    pub fn start(node: &Node, config: &str) -> Frr {
        Frr::with(node, config, &["zebra", "staticd", "bgpd"])
    }

    /// Starts some of its daemons; `zebra` has to be the first.
    #[track_caller]
    pub fn with(node: &Node, config: &str, daemons: &[&'static str]) -> Frr {
        Frr::run(Frr { node: node.clone(), daemons: Vec::new(), modules: &[] }, config, daemons)
    }

    /// Starts it with its module for origin validation.
    #[track_caller]
    pub fn with_rpki(node: &Node, config: &str) -> Frr {
        let frr = Frr { node: node.clone(), daemons: Vec::new(), modules: &["rpki"] };
        Frr::run(frr, config, &["zebra", "staticd", "bgpd"])
    }

    /// Starts all of its daemons that we stand for, with all modules.
    #[track_caller]
    pub fn whole(node: &Node) -> Frr {
        let frr = Frr { node: node.clone(), daemons: Vec::new(), modules: &["rpki", "bmp"] };
        Frr::run(frr, "", &["zebra", "staticd", "bgpd", "bfdd", "vrrpd"])
    }

    #[track_caller]
    fn run(mut frr: Frr, config: &str, daemons: &[&'static str]) -> Frr {
        let node = frr.node.clone();
        // The shell splits one file among the daemons; a daemon reads only what is its own.
        node.write("empty.conf", "");
        for name in daemons {
            frr.launch(name);
        }
        node.write("frr.conf", config);
        wait_ok(PATIENCE, "FRR to take its configuration", || {
            let file = node.file("frr.conf");
            node.run("vtysh", &["--vty_socket", &frr.sockets(), "-f", &file.to_string_lossy()])
        });
        frr
    }

    /// The folder of its daemons' sockets.
    pub fn sockets(&self) -> String {
        self.node.folder("frr").to_string_lossy().into_owned()
    }

    fn launch(&mut self, name: &'static str) {
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        let sockets = self.sockets();
        let (empty, pid) = (text(self.node.file("empty.conf")), format!("{sockets}/{name}.pid"));
        let zserv = format!("{sockets}/zserv.api");
        let mut args = vec!["-f", &empty, "-i", &pid, "-z", &zserv, "--vty_socket", &sockets, "-P", "0"];
        for module in self.modules.iter().filter(|_| name == "bgpd") {
            assert!(
                *module != "rpki" || Path::new(RPKI).exists(),
                "{RPKI} is missing: install the package {}",
                package(RPKI)
            );
            args.extend(["-M", module]);
        }
        let program = Path::new("/usr/lib/frr").join(name);
        let log = self.node.file(&format!("{name}.log"));
        self.daemons.push((name, Process::start(self.node.name(), &program, &args, log)));
        wait_ok(PATIENCE, &format!("FRR's {name}"), || {
            let socket = Path::new(&sockets).join(format!("{name}.vty"));
            if socket.exists() { Ok(()) } else { Err("no socket") }
        });
    }

    /// A command of its shell.
    #[track_caller]
    pub fn vtysh(&self, command: &str) -> Result<String, String> {
        let sockets = self.sockets();
        let mut args = vec!["--vty_socket", &sockets];
        for line in command.lines() {
            args.extend(["-c", line]);
        }
        self.node.run("vtysh", &args)
    }

    /// A `show` command's JSON; null when there is none.
    #[track_caller]
    pub fn json(&self, command: &str) -> Value {
        let text = self.vtysh(command).unwrap_or_default();
        serde_json::from_str(text.trim()).unwrap_or(Value::Null)
    }

    /// A neighbour as it sees it.
    pub fn neighbor(&self, addr: &str) -> Value {
        self.json(&format!("show bgp neighbors {addr} json"))[addr].clone()
    }

    /// Whether the session with a neighbour is up.
    pub fn established(&self, addr: &str) -> bool {
        self.neighbor(addr)["bgpState"] == "Established"
    }

    /// The paths to a prefix; empty when there is none.
    pub fn paths(&self, prefix: &str) -> Vec<Value> {
        let family = if prefix.contains(':') { "ipv6" } else { "ipv4" };
        let shown = self.json(&format!("show bgp {family} unicast {prefix} json"));
        shown["paths"].as_array().cloned().unwrap_or_default()
    }

    /// The one path to a prefix.
    pub fn path(&self, prefix: &str) -> Option<Value> {
        self.paths(prefix).into_iter().next()
    }

    /// Kills one of its daemons.
    pub fn kill(&mut self, name: &str) {
        for (_, process) in self.daemons.iter_mut().filter(|(n, _)| *n == name) {
            process.kill();
        }
        let _ = std::fs::remove_file(Path::new(&self.sockets()).join(format!("{name}.vty")));
        self.daemons.retain(|(n, _)| *n != name);
    }

    /// Sends a signal to one of its daemons.
    pub fn signal(&self, name: &str, signal: &str) {
        self.daemons.iter().filter(|(n, _)| *n == name).for_each(|(_, p)| p.signal(signal));
    }

    /// Starts a daemon that was killed again, with the configuration from the start.
    #[track_caller]
    pub fn restart(&mut self, name: &'static str) {
        self.launch(name);
        let file = self.node.file("frr.conf");
        wait_ok(PATIENCE, "FRR to take its configuration again", || {
            let sockets = self.sockets();
            self.node.run("vtysh", &["--vty_socket", &sockets, "-f", &file.to_string_lossy(), "-d", name])
        });
    }
}
