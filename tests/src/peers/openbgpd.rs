//! OpenBGPD.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use crate::Node;
use crate::process::Process;
use crate::wait::{PATIENCE, wait_ok};

/// OpenBGPD in a node.
pub struct OpenBgpd {
    node: Node,
    process: Process,
}

impl OpenBgpd {
    /// Starts it and waits until its client connects. The control socket's place is put before the configuration.
    #[track_caller]
    pub fn start(node: &Node, config: &str) -> OpenBgpd {
        let socket = node.file("openbgpd.sock");
        node.write("openbgpd.conf", &format!("socket \"{}\"\n{config}", socket.display()));
        let file = node.file("openbgpd.conf");
        // It does not take a file that others may write.
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("own file");
        // It locks itself in there; its service would make the folder.
        std::fs::create_dir_all("/run/openbgpd").expect("the run directory");
        let args = ["-d", "-f", &file.to_string_lossy()];
        let log = node.file("openbgpd.log");
        let process = Process::start(node.name(), Path::new("/usr/sbin/bgpd"), &args, log);
        let mut openbgpd = OpenBgpd { node: node.clone(), process };
        wait_ok(PATIENCE, "OpenBGPD to answer", || {
            if let Some(status) = openbgpd.process.ended() {
                panic!("OpenBGPD ended with {status}:\n{}", openbgpd.process.log());
            }
            openbgpd.bgpctl("show")
        });
        openbgpd
    }

    /// A command of its client.
    #[track_caller]
    pub fn bgpctl(&self, command: &str) -> Result<String, String> {
        let socket = self.node.file("openbgpd.sock");
        let mut args = vec!["-j", "-s", socket.to_str().unwrap_or_default()];
        args.extend(command.split_whitespace());
        self.node.run("/usr/sbin/bgpctl", &args)
    }

    /// A neighbour as it sees it; null when it cannot say.
    pub fn neighbor(&self, addr: &str) -> Value {
        let shown = self.bgpctl(&format!("show neighbor {addr}")).unwrap_or_default();
        let shown: Value = serde_json::from_str(&shown).unwrap_or_default();
        shown["neighbors"][0].clone()
    }

    /// Whether the session with a neighbour is up.
    pub fn established(&self, addr: &str) -> bool {
        self.neighbor(addr)["state"] == "Established"
    }

    /// The best path to a prefix.
    pub fn path(&self, prefix: &str) -> Option<Value> {
        let shown = self.bgpctl(&format!("show rib detail {prefix}")).ok()?;
        let shown: Value = serde_json::from_str(&shown).ok()?;
        shown["rib"].as_array()?.iter().find(|p| p["prefix"] == prefix).cloned()
    }

    /// Sends a signal to it and its children.
    pub fn signal(&self, name: &str) {
        self.process.signal_all(name);
    }

    /// Ends it and its children at once.
    pub fn kill(&mut self) {
        self.process.kill();
    }
}

impl Drop for OpenBgpd {
    /// It ends its three children and waits for them, if it is asked to.
    fn drop(&mut self) {
        if self.process.ended().is_none() {
            self.process.signal("TERM");
            self.process.wait_end(PATIENCE);
        }
    }
}
