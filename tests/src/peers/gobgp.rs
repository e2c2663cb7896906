//! GoBGP.

use std::path::Path;

use serde_json::Value;

use crate::Node;
use crate::process::Process;
use crate::wait::{PATIENCE, wait_ok};

/// GoBGP in a node.
pub struct GoBgp {
    node: Node,
    process: Process,
}

impl GoBgp {
    /// Starts it and waits until its client connects.
    #[track_caller]
    pub fn start(node: &Node, config: &str) -> GoBgp {
        let file = node.write("gobgpd.toml", config);
        let args = ["-f", &file.to_string_lossy(), "--api-hosts", "127.0.0.1:50051", "-p"];
        let process =
            Process::start(node.name(), Path::new("/usr/bin/gobgpd"), &args, node.file("gobgpd.log"));
        let mut gobgp = GoBgp { node: node.clone(), process };
        wait_ok(PATIENCE, "GoBGP to answer", || {
            if let Some(status) = gobgp.process.ended() {
                panic!("GoBGP ended with {status}:\n{}", gobgp.process.log());
            }
            gobgp.gobgp("neighbor")
        });
        gobgp
    }

    /// A command of its client.
    #[track_caller]
    pub fn gobgp(&self, command: &str) -> Result<String, String> {
        self.node.run("/usr/bin/gobgp", &command.split_whitespace().collect::<Vec<_>>())
    }

    /// A command's JSON; null when there is none.
    pub fn json(&self, command: &str) -> Value {
        let text = self.gobgp(&format!("-j {command}")).unwrap_or_default();
        serde_json::from_str(text.trim()).unwrap_or(Value::Null)
    }

    /// Whether the session with a neighbour is up.
    pub fn established(&self, addr: &str) -> bool {
        self.gobgp(&format!("neighbor {addr}")).is_ok_and(|t| t.contains("BGP state = ESTABLISHED"))
    }

    /// Prefixes of a family (`ipv4`, `ipv6`) in its table.
    pub fn prefixes(&self, family: &str) -> Vec<String> {
        let table = self.json(&format!("global rib -a {family}"));
        table.as_object().map(|t| t.keys().cloned().collect()).unwrap_or_default()
    }

    /// The paths to a prefix.
    pub fn paths(&self, prefix: &str) -> Vec<Value> {
        let family = if prefix.contains(':') { "ipv6" } else { "ipv4" };
        let table = self.json(&format!("global rib -a {family}"));
        table[prefix].as_array().cloned().unwrap_or_default()
    }

    /// Sends a signal.
    pub fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        self.process.kill();
    }
}
