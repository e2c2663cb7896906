//! BIRD 2.

use std::path::Path;

use crate::Node;
use crate::process::Process;
use crate::wait::{PATIENCE, wait_ok};

/// BIRD in a node.
pub struct Bird {
    node: Node,
    process: Process,
}

impl Bird {
    /// Starts it and waits until its client connects.
    #[track_caller]
    pub fn start(node: &Node, config: &str) -> Bird {
        node.write("bird.conf", config);
        let text = |name: &str| node.file(name).to_string_lossy().into_owned();
        let args = ["-f", "-c", &text("bird.conf"), "-s", &text("bird.ctl"), "-P", &text("bird.pid")];
        let process = Process::start(node.name(), Path::new("/usr/sbin/bird"), &args, node.file("bird.log"));
        let mut bird = Bird { node: node.clone(), process };
        wait_ok(PATIENCE, "BIRD to answer", || {
            if let Some(status) = bird.process.ended() {
                panic!("BIRD ended with {status}:\n{}", bird.process.log());
            }
            bird.birdc("show status")
        });
        bird
    }

    /// A command of its client.
    #[track_caller]
    pub fn birdc(&self, command: &str) -> Result<String, String> {
        let socket = self.node.file("bird.ctl");
        let mut args = vec!["-s", socket.to_str().unwrap_or_default()];
        args.extend(command.split_whitespace());
        self.node.run("/usr/sbin/birdc", &args)
    }

    /// Whether a BGP protocol is up.
    pub fn established(&self, protocol: &str) -> bool {
        self.birdc(&format!("show protocols {protocol}")).is_ok_and(|t| t.contains("Established"))
    }

    /// Everything that it knows of a prefix; empty when nothing.
    pub fn route(&self, prefix: &str) -> String {
        let text = self.birdc(&format!("show route all for {prefix}")).unwrap_or_default();
        if text.contains(prefix) { text } else { String::new() }
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Sends a signal.
    pub fn signal(&self, name: &str) {
        self.process.signal(name);
    }
}
