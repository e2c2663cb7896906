//! `router demo`: a small network on one machine, all of it this binary, and what happens when routers go.
//!
//! ```text
//!                    provider AS 64500
//!                        │ wan 192.0.2.0/24
//!            ┌───────────┼───────────┐
//!           r1          r2          r3          AS 65000, VRRP group 10
//!            └───────────┼───────────┘
//!     lan 203.0.113.0/27 │ gateway 203.0.113.1
//!            ┌───────────┼───────────┐
//!           h1          h2        client        anycast 203.0.113.30/32 on h1 and h2
//! ```
//!
//! Everything lives in network namespaces that processes of the demonstration hold, and these end with their parent:
//! nothing is left behind, however it ends.

mod links;
mod nodes;
mod probe;

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use crate::sys::namespace::{self, Namespace};
use nodes::Node;
use probe::{Loss, Probe};

/// Set for the process that does the work, inside its own namespace.
const INSIDE: &str = "ROUTER_DEMO_DIR";

/// How long the network may take to come up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the demonstration; exit code 0 if everything that it shows came true.
pub fn run() -> ExitCode {
    let done = match std::env::var_os(INSIDE) {
        Some(dir) => conduct(Path::new(&dir)),
        None => guard(),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Starts the conductor in a namespace of its own and clears up behind it.
fn guard() -> anyhow::Result<ExitCode> {
    if !namespace::is_root() {
        anyhow::bail!(
            "network namespaces need root: run it as root, or in a user namespace: unshare -Urn router demo"
        );
    }
    let dir = std::env::temp_dir().join(format!("router-demo-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("demo").env(INSIDE, &dir);
    namespace::place(&mut command, Namespace::New)?;
    // An interrupt from the terminal reaches the conductor, too: it ends, and we clear up.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let status = runtime.block_on(async {
        let mut interrupt = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?;
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        let mut child = command.spawn().map_err(|e| {
            io::Error::new(
                e.kind(),
                format!("cannot make a network namespace (CAP_SYS_ADMIN is needed): {e}"),
            )
        })?;
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok::<_, io::Error>(status);
            }
            tokio::select! {
                _ = interrupt.recv() => { let _ = child.kill(); }
                _ = terminate.recv() => { let _ = child.kill(); }
                () = tokio::time::sleep(Duration::from_millis(50)) => {}
            }
        }
    });
    let _ = std::fs::remove_dir_all(&dir);
    Ok(ExitCode::from(status?.code().map_or(1, |c| c as u8)))
}

/// A node that runs.
struct Running {
    node: Node,
    child: Child,
    dir: PathBuf,
}

impl Running {
    /// What its shell answers.
    fn ask(&self, command: &str) -> String {
        let answer = std::env::current_exe().and_then(|exe| {
            Command::new(exe).arg("vtysh").arg("--vty_socket").arg(&self.dir).arg("-c").arg(command).output()
        });
        match answer {
            Ok(output) => String::from_utf8_lossy(&output.stdout).into_owned(),
            Err(error) => error.to_string(),
        }
    }

    fn json(&self, command: &str) -> serde_json::Value {
        serde_json::from_str(&self.ask(command)).unwrap_or_default()
    }

    fn is_master(&self) -> bool {
        let groups = self.json("show vrrp json");
        let state = |family: &str| groups.get(0).map(|g| g[family]["status"] == "Master");
        state("v4") == Some(true) && state("v6") == Some(true)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(node: Node, dir: &Path) -> anyhow::Result<Running> {
    let home = dir.join(node.name);
    std::fs::create_dir_all(&home)?;
    let config = home.join("frr.conf");
    std::fs::write(&config, &node.config)?;
    let log = std::fs::File::create(home.join("log"))?;
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg("--config")
        .arg(&config)
        .arg("--state-dir")
        .arg(&home)
        .arg("--socket")
        .arg(&home)
        .args(["--metrics", "off"])
        .env_remove(INSIDE)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    namespace::place(&mut command, Namespace::New)?;
    let child = command.spawn()?;
    Ok(Running { node, child, dir: home })
}

/// Waits for something to come true.
fn wait(what: &str, mut condition: impl FnMut() -> bool) -> anyhow::Result<()> {
    let start = Instant::now();
    while !condition() {
        if start.elapsed() > PATIENCE {
            anyhow::bail!("{what}: not within {} s", PATIENCE.as_secs());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    println!("  {what}: after {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}

fn conduct(dir: &Path) -> anyhow::Result<ExitCode> {
    println!(
        "A provider, three edges, two hosts with one anycast address, a client. All of them are this binary."
    );
    let mut net = links::Links::new()?;
    net.bridge("wan")?;
    net.bridge("lan")?;
    let mut running = Vec::new();
    for node in nodes::all() {
        let r = start(node, dir)?;
        for (at, interface) in r.node.interfaces.iter().enumerate() {
            net.connect(&format!("{}-{at}", r.node.name), interface.bridge, interface.name, r.child.id())?;
        }
        running.push(r);
    }
    let at = |name: &str| running.iter().position(|r| r.node.name == name).unwrap_or(0);
    let (provider, client) = (at("provider"), at("client"));
    println!("\nSessions and gateway");
    let edges = ["r1", "r2", "r3"].map(at);
    wait("each edge has its six sessions", || edges.iter().all(|e| established(&running[*e]) == 6))?;
    wait("r1 is the gateway, IPv4 and IPv6", || running[edges[0]].is_master())?;
    wait("the provider has our /27 and our /48", || {
        let four = running[provider].json("show bgp ipv4 unicast json");
        let six = running[provider].json("show bgp ipv6 unicast json");
        four["routes"].get("203.0.113.0/27").is_some() && six["routes"].get("2001:db8:20::/48").is_some()
    })?;
    show(&running[edges[0]], &["show bgp summary", "show ip route", "show vrrp summary"]);
    show(&running[provider], &["show bgp ipv4 unicast"]);
    println!(
        "\nA packet every millisecond from the client through the gateway to the provider, IPv4 and IPv6"
    );
    let mut probe = Probe::start(running[client].child.id(), running[provider].child.id())?;
    wait("packets arrive", || probe.arrives())?;
    let ok = failures(&mut running, edges, &mut probe)?;
    drop(probe);
    println!("\n{}", if ok { "All of it came true." } else { "Not all of it came true." });
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Kills the gateway, then stops its successor in order.
fn failures(running: &mut [Running], edges: [usize; 3], probe: &mut Probe) -> anyhow::Result<bool> {
    println!("\nr1, the gateway, dies without a word (interval 100 ms: 352 ms at most, in theory)");
    probe.begin();
    let victim = &mut running[edges[0]];
    let _ = victim.child.kill();
    let _ = victim.child.wait();
    wait("r2 is the gateway", || running[edges[1]].is_master())?;
    let died = probe.end();
    print_losses(&died);
    show(&running[edges[1]], &["show vrrp summary"]);
    println!("\nr2, now the gateway, is stopped in order (SIGTERM)");
    probe.begin();
    namespace::kill(running[edges[1]].child.id(), libc::SIGTERM)?;
    wait("r3 is the gateway", || running[edges[2]].is_master())?;
    wait("r2 has ended", || matches!(running[edges[1]].child.try_wait(), Ok(Some(_))))?;
    let stopped = probe.end();
    print_losses(&stopped);
    println!("\nWith two of three edges gone");
    show(&running[edges[2]], &["show bgp summary", "show ip route"]);
    let theory = Duration::from_millis(352);
    Ok(died.iter().all(|l| l.longest <= theory * 2) && stopped.iter().all(|l| l.lost == 0))
}

fn print_losses(losses: &[Loss]) {
    for l in losses {
        println!(
            "  {}: {} of {} packets lost, {} ms without",
            l.family,
            l.lost,
            l.sent,
            l.longest.as_millis()
        );
    }
}

fn established(router: &Running) -> usize {
    let summary = router.json("show bgp summary json");
    let count = |family: &str| {
        let peers = summary[family]["peers"].as_object();
        peers.map_or(0, |p| p.values().filter(|p| p["state"] == "Established").count())
    };
    count("ipv4Unicast") + count("ipv6Unicast")
}

fn show(router: &Running, commands: &[&str]) {
    for command in commands {
        println!("\n{}# {command}", router.node.name);
        print!("{}", router.ask(command));
    }
}
