//! keepalived, for VRRP.

use std::path::Path;

use crate::Node;
use crate::process::Process;

/// keepalived in a node.
pub struct Keepalived {
    process: Process,
}

impl Keepalived {
    /// Starts it with a configuration.
    #[track_caller]
    pub fn start(node: &Node, config: &str) -> Keepalived {
        let file = node.write("keepalived.conf", config);
        let text = |name: &str| node.file(name).to_string_lossy().into_owned();
        let args = [
            "--dont-fork",
            "--log-console",
            "--log-detail",
            "--use-file",
            &file.to_string_lossy(),
            "--pid",
            &text("keepalived.pid"),
            "--vrrp_pid",
            &text("vrrp.pid"),
        ];
        let program = Path::new("/usr/sbin/keepalived");
        let process = Process::start(node.name(), program, &args, node.file("keepalived.log"));
        Keepalived { process }
    }

    /// Ends it by SIGTERM: it gives up its addresses and says so.
    pub fn stop(&mut self) {
        self.process.signal("TERM");
        self.process.wait_end(crate::wait::PATIENCE);
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        self.process.log()
    }
}
