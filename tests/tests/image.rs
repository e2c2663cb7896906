//! The container image with the local Docker engine: three containers without privileges on private networks.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use router_tests::netns::output;
use router_tests::peers::router_binary;
use router_tests::wait::wait_ok;
use serde_json::Value;

/// Health is looked at every ten seconds.
const PATIENCE: Duration = Duration::from_secs(60);

const COUNT: usize = 3;

fn docker(args: &[&str]) -> Result<String, String> {
    let out = output("docker", args);
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let errors = String::from_utf8_lossy(&out.stderr);
    if out.status.success() { Ok(text) } else { Err(format!("docker {args:?}: {text}{errors}")) }
}

/// Why the image cannot be tried here.
fn missing() -> Option<String> {
    match Command::new("docker").args(["info", "--format", "{{.ServerVersion}}"]).output() {
        Err(error) => Some(format!("no docker: {error}")),
        Ok(out) if !out.status.success() => {
            Some(format!("no engine: {}", String::from_utf8_lossy(&out.stderr).trim()))
        }
        Ok(out) => {
            println!("engine {}", String::from_utf8_lossy(&out.stdout).trim());
            None
        }
    }
}

/// An image, a network and containers, which go with this value.
struct Engine {
    name: String,
    tag: String,
    folder: PathBuf,
    subnet: u8,
    containers: Vec<String>,
}

impl Engine {
    fn new() -> Engine {
        let pid = std::process::id();
        let name = format!("router-test-{pid}");
        let folder = std::env::temp_dir().join(&name);
        std::fs::create_dir_all(&folder).expect("a scratch folder");
        let engine = Engine {
            tag: format!("router-test:{pid}"),
            subnet: (pid % 200) as u8,
            containers: Vec::new(),
            name,
            folder,
        };
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/image");
        let built = Command::new(script).arg(&engine.tag).env("ROUTER_BIN", router_binary()).output();
        let built = built.expect("bash");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let (four, six) = (format!("10.213.{}.0/24", engine.subnet), engine.six("/64"));
        docker(&[
            "network",
            "create",
            "--internal",
            "--ipv6",
            "--subnet",
            &four,
            "--subnet",
            &six,
            &engine.name,
        ])
        .expect("a network");
        engine
    }

    fn four(&self, host: usize) -> String {
        format!("10.213.{}.{}", self.subnet, host + 10)
    }

    fn six(&self, host: &str) -> String {
        format!("fd00:213:{:x}::{host}", self.subnet)
    }

    /// A router that speaks to all others, over both families.
    fn config(&self, own: usize) -> String {
        let asn = 65001 + own;
        let mut text = format!(
            "hostname edge{own}\nlog stdout debugging\nip route 198.51.{own}.0/24 blackhole\n\
             ipv6 route 2001:db8:10{own}::/48 blackhole\ninterface eth0\n vrrp 10 version 3\n \
             vrrp 10 priority {}\n vrrp 10 advertisement-interval 100\n vrrp 10 ip {}\n \
             vrrp 10 ipv6 fe80::1\n vrrp 10 ipv6 {}\nrouter bgp {asn}\n bgp router-id {}\n \
             no bgp ebgp-requires-policy\n",
            200 - 50 * own,
            self.four(100),
            self.six("100"),
            self.four(own)
        );
        let mut active = String::new();
        for other in (0..COUNT).filter(|o| *o != own) {
            let six = self.six(&format!("{}", other + 10));
            for neighbor in [&self.four(other), &six] {
                text += &format!(
                    " neighbor {neighbor} remote-as {}\n neighbor {neighbor} timers connect 1\n",
                    65001 + other
                );
            }
            text += &format!(" no neighbor {six} activate\n");
            active += &format!("  neighbor {six} activate\n");
        }
        text + &format!(
            " address-family ipv4 unicast\n  network 198.51.{own}.0/24\n exit-address-family\n \
             address-family ipv6 unicast\n  network 2001:db8:10{own}::/48\n{active} exit-address-family\n"
        )
    }

    fn run(&mut self, own: usize, forwarding: bool) {
        let file = self.folder.join(format!("{own}.conf"));
        std::fs::write(&file, self.config(own)).expect("a configuration");
        let name = format!("{}-{own}", self.name);
        self.containers.push(name.clone());
        let (four, six) = (self.four(own), self.six(&format!("{}", own + 10)));
        let mount = format!("{}:/etc/frr/frr.conf:ro", file.display());
        let mut args =
            vec!["run", "-d", "--name", &name, "--network", &self.name, "--ip", &four, "--ip6", &six];
        args.extend(["--cap-drop", "ALL", "--cap-add", "NET_ADMIN", "--cap-add", "NET_RAW"]);
        args.extend(["--cap-add", "NET_BIND_SERVICE"]);
        if forwarding {
            args.extend(["--sysctl", "net.ipv6.conf.all.forwarding=1", "--sysctl", "net.ipv4.ip_forward=1"]);
        }
        args.extend(["-v", &mount, &self.tag]);
        docker(&args).expect("a container");
    }

    /// What its shell answers, as JSON.
    fn json(&self, own: usize, command: &str) -> Result<Value, String> {
        let text = docker(&["exec", &self.containers[own], "vtysh", "-c", command])?;
        serde_json::from_str(&text).map_err(|e| format!("{e}: {text}"))
    }

    fn is_gateway(&self, own: usize) -> Result<(), String> {
        let groups = self.json(own, "show vrrp json")?;
        let both = ["v4", "v6"].iter().all(|f| groups[0][f]["status"] == "Master");
        if both { Ok(()) } else { Err(groups.to_string()) }
    }

    fn log(&self, own: usize) -> String {
        let out = output("docker", &["logs", &self.containers[own]]);
        format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        for own in 0..self.containers.len() {
            if std::thread::panicking() {
                eprintln!("--- container {own}\n{}", self.log(own));
            }
            let _ = docker(&["rm", "-f", &self.containers[own]]);
        }
        let _ = docker(&["network", "rm", &self.name]);
        let _ = docker(&["rmi", "-f", &self.tag]);
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Whether a binary needs no other file to run. The image holds nothing else.
fn is_static(binary: &Path) -> bool {
    let bytes = std::fs::read(binary).expect("the binary");
    !bytes.windows(17).any(|w| w == b"/lib64/ld-linux-x")
        && !bytes.windows(14).any(|w| w == b"/lib/ld-linux-")
}

#[test]
fn three_containers_of_the_image_without_privileges_exchange_routes() {
    let missing =
        missing().or_else(|| (!is_static(&router_binary())).then(|| "the binary is not static".to_owned()));
    if let Some(why) = missing {
        println!("skipped: {why}");
        return;
    }
    let mut engine = Engine::new();
    // The last one is started without the settings of forwarding: it runs and says what is lost.
    for own in 0..COUNT {
        engine.run(own, own + 1 < COUNT);
    }
    for own in 0..COUNT {
        wait_ok(PATIENCE, &format!("four sessions of container {own}"), || {
            let summary = engine.json(own, "show bgp summary json")?;
            let up = |family: &str| {
                let peers = summary[family]["peers"].as_object();
                peers.map_or(0, |p| p.values().filter(|p| p["state"] == "Established").count())
            };
            let up = (up("ipv4Unicast"), up("ipv6Unicast"));
            if up == (2, 2) { Ok(()) } else { Err(format!("{up:?}")) }
        });
    }
    for own in 0..COUNT {
        for other in (0..COUNT).filter(|o| *o != own) {
            for (family, prefix) in
                [("ip", format!("198.51.{other}.0/24")), ("ipv6", format!("2001:db8:10{other}::/48"))]
            {
                wait_ok(PATIENCE, &format!("{prefix} in the kernel of container {own}"), || {
                    let routes = engine.json(own, &format!("show {family} route json"))?;
                    let list = routes[&prefix].as_array().cloned().unwrap_or_default();
                    let bgp = list.iter().any(|r| r["protocol"] == "bgp" && r["installed"] == true);
                    if bgp { Ok(()) } else { Err(routes.to_string()) }
                });
            }
        }
    }
    wait_ok(PATIENCE, "the first container to be the gateway", || engine.is_gateway(0));
    for (own, container) in engine.containers.iter().enumerate() {
        wait_ok(PATIENCE, &format!("container {own} to be healthy"), || {
            let health = docker(&["inspect", "-f", "{{.State.Health.Status}}", container])?;
            if health.trim() == "healthy" { Ok(()) } else { Err(health) }
        });
        let line = "{{.State.Running}} {{.RestartCount}} {{.HostConfig.Privileged}}";
        assert_eq!(docker(&["inspect", "-f", line, container]).expect("it is there").trim(), "true 0 false");
    }
    // The engine mounts the kernel's settings read-only.
    let log = engine.log(COUNT - 1);
    println!("{}", log.lines().filter(|l| l.contains("WARN")).collect::<Vec<_>>().join("\n"));
    assert!(log.lines().any(|l| l.contains("WARN") && l.contains("forward")), "{log}");
    // An end in order.
    for (own, container) in engine.containers.iter().enumerate() {
        wait_ok(PATIENCE, &format!("container {own} to be the gateway"), || engine.is_gateway(own));
        docker(&["stop", "-t", "15", container]).expect("it stops");
        let code = docker(&["inspect", "-f", "{{.State.ExitCode}}", container]).expect("it is there");
        assert_eq!(code.trim(), "0");
    }
}
