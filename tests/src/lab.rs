//! A laboratory: namespaces joined by links, and a scratch folder.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::netns::{self, Netns, ip, output};

/// Namespaces with links. Everything in it goes when it is dropped, also after a panic.
pub struct Lab {
    number: u64,
    folder: PathBuf,
    nodes: std::cell::RefCell<Vec<Node>>,
}

/// One namespace of a laboratory, with a folder for the files of what runs there.
#[derive(Clone)]
pub struct Node {
    netns: Arc<Netns>,
    folder: PathBuf,
}

/// A node, the name of its interface, and the addresses there.
pub type End<'a> = (&'a Node, &'a str, &'a [&'a str]);

impl Default for Lab {
    fn default() -> Lab {
        Lab::new()
    }
}

impl Lab {
    /// An empty laboratory.
    ///
    /// # Panics
    /// Without root.
    pub fn new() -> Lab {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        netns::prepare();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = netns::scratch(number);
        std::fs::create_dir_all(&folder).expect("a scratch folder");
        open_to_all(&folder);
        Lab { number, folder, nodes: Default::default() }
    }

    /// A new namespace.
    pub fn node(&self, name: &str) -> Node {
        let folder = self.folder.join(name);
        std::fs::create_dir_all(&folder).expect("a scratch folder");
        open_to_all(&folder);
        let node = Node { netns: Arc::new(Netns::new(self.number, name)), folder };
        self.nodes.borrow_mut().push(node.clone());
        node
    }

    /// Joins two nodes.
    pub fn link(&self, a: End<'_>, b: End<'_>) {
        let (an, bn) = (a.0.netns.name(), b.0.netns.name());
        ip(&format!("link add name {} netns {an} type veth peer name {} netns {bn}", a.1, b.1));
        for (node, name, addresses) in [a, b] {
            node.address(name, addresses);
            node.ip(&format!("link set {name} up"));
        }
        for (node, name, _) in [a, b] {
            node.has_link_local(name);
        }
    }

    /// Joins many nodes by a bridge, which stands in a node of its own.
    pub fn bridge(&self, name: &str, ends: &[End<'_>]) -> Node {
        let switch = self.node(name);
        switch.ip("link add br0 type bridge");
        switch.ip("link set br0 up");
        for (number, (node, interface, addresses)) in ends.iter().enumerate() {
            let port = format!("port{number}");
            self.link((&switch, &port, &[]), (node, interface, addresses));
            switch.ip(&format!("link set {port} master br0"));
        }
        switch
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for node in self.nodes.borrow().iter() {
                node.show_logs();
            }
            eprintln!("files of this laboratory: {} (removed by the next run)", self.folder.display());
        } else {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

/// Some programs drop their privileges before they write.
fn open_to_all(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let _ = std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o777));
}

impl Node {
    /// The namespace's name.
    pub fn name(&self) -> &str {
        self.netns.name()
    }

    /// A file of this node.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Writes a file of this node.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.file(name);
        std::fs::write(&path, text).expect("writing into the scratch folder");
        path
    }

    /// A folder of this node.
    pub fn folder(&self, name: &str) -> PathBuf {
        let path = self.file(name);
        std::fs::create_dir_all(&path).expect("a scratch folder");
        open_to_all(&path);
        path
    }

    /// `ip -n NODE ARGS`.
    #[track_caller]
    pub fn ip(&self, args: &str) -> String {
        ip(&format!("-n {} {args}", self.name()))
    }

    /// Adds addresses to an interface.
    pub fn address(&self, interface: &str, addresses: &[&str]) {
        for address in addresses {
            let nodad = if address.contains(':') { "nodad" } else { "" };
            self.ip(&format!("addr add {address} dev {interface} {nodad}"));
        }
    }

    /// Waits until the kernel has made the link-local address of an interface: peers want it for IPv6 next hops.
    fn has_link_local(&self, interface: &str) {
        crate::wait_for(crate::wait::PATIENCE, "a link-local address", || {
            self.ip(&format!("-6 -o addr show dev {interface} scope link")).contains("fe80")
        });
    }

    /// Runs a program inside to its end.
    #[track_caller]
    pub fn output(&self, program: &str, args: &[&str]) -> Output {
        let mut all = vec!["netns", "exec", self.name(), program];
        all.extend_from_slice(args);
        output("ip", &all)
    }

    /// Runs a program inside and returns what it printed; the error is what it said.
    #[track_caller]
    pub fn run(&self, program: &str, args: &[&str]) -> Result<String, String> {
        let out = self.output(program, args);
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        if out.status.success() {
            Ok(text)
        } else {
            Err(format!("{program}: {text}{}", String::from_utf8_lossy(&out.stderr)))
        }
    }

    /// Runs `work` on a thread inside.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.netns.enter(work)
    }

    /// Takes an interface down or brings it up again.
    pub fn set_link(&self, interface: &str, up: bool) {
        self.ip(&format!("link set {interface} {}", if up { "up" } else { "down" }));
    }

    /// Prints the ends of all log files.
    fn show_logs(&self) {
        const LINES: usize = 60;
        let Ok(files) = std::fs::read_dir(&self.folder) else { return };
        for file in files.flatten().map(|f| f.path()).filter(|p| p.extension().is_some_and(|e| e == "log")) {
            let Ok(bytes) = std::fs::read(&file) else { continue };
            let text = String::from_utf8_lossy(&bytes);
            let lines: Vec<&str> = text.lines().collect();
            eprintln!("--- {} ({} lines)", file.display(), lines.len());
            for line in &lines[lines.len().saturating_sub(LINES)..] {
                eprintln!("{line}");
            }
        }
    }
}
