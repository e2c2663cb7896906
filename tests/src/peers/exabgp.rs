//! ExaBGP: says what its file and its commands tell it, and writes down what it hears.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use crate::Node;
use crate::process::Process;

/// ExaBGP in a node.
pub struct ExaBgp {
    node: Node,
    process: Process,
}

impl ExaBgp {
    /// Starts it. In `neighbors` each `neighbor` block may say `api { processes [ ear, mouth ]; ... }`: the ear
    /// writes messages to a file, the mouth reads commands.
    #[track_caller]
    pub fn start(node: &Node, neighbors: &str) -> ExaBgp {
        let text = |name: &str| node.file(name).to_string_lossy().into_owned();
        node.write("commands", "");
        // ExaBGP takes a helper that closes its standard output for dead: it stays open as another number.
        let ear = script(node, "ear", &format!("exec cat 3>&1 >> {}\n", text("heard")));
        let mouth = script(node, "mouth", &format!("exec tail -n +1 -f {}\n", text("commands")));
        let config = format!(
            "process ear {{ run {ear}; encoder json; }}\nprocess mouth {{ run {mouth}; encoder text; }}\n{neighbors}"
        );
        let file = node.write("exabgp.conf", &config);
        let env = [
            "exabgp.daemon.user=root",
            "exabgp.api.cli=false",
            "exabgp.api.ack=false",
            "exabgp.tcp.delay=0",
            "exabgp.log.enable=true",
            "exabgp.log.level=INFO",
        ];
        let mut args: Vec<&str> = env.to_vec();
        let file = file.to_string_lossy();
        args.extend(["/usr/sbin/exabgp", &file]);
        assert!(Path::new("/usr/sbin/exabgp").exists(), "exabgp is missing: install the package exabgp");
        let process = Process::start(node.name(), Path::new("/usr/bin/env"), &args, node.file("exabgp.log"));
        ExaBgp { node: node.clone(), process }
    }

    /// Gives it a command, such as `announce route 10.0.0.0/8 next-hop self`.
    pub fn say(&self, command: &str) {
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .open(self.node.file("commands"))
            .expect("the file of commands");
        writeln!(file, "{command}").expect("writing a command");
    }

    /// What it heard, in JSON, one value a message.
    pub fn heard(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.node.file("heard")).unwrap_or_default();
        text.lines().filter_map(|l| serde_json::from_str(l).ok()).collect()
    }

    /// Whether it heard a message that contains `text`.
    pub fn heard_of(&self, text: &str) -> bool {
        std::fs::read_to_string(self.node.file("heard")).is_ok_and(|t| t.contains(text))
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

fn script(node: &Node, name: &str, line: &str) -> String {
    let path = node.write(name, &format!("#!/bin/sh\n{line}"));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("permissions");
    path.to_string_lossy().into_owned()
}
