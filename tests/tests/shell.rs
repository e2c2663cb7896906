//! The shell from outside: our binary as `vtysh`, and the real `vtysh` of FRR at our sockets.

use std::process::Output;

use router_tests::kernel;
use router_tests::lab::{Lab, Node};
use router_tests::peers::{Bird, Router, router_binary};
use router_tests::wait::{PATIENCE, wait_for};
use serde_json::Value;

const CONFIG: &str = "frr version 10.8\nfrr defaults traditional\nhostname edge\nlog stdout debugging
ip route 198.51.100.0/24 blackhole
interface eth0
 vrrp 10 version 3
 vrrp 10 priority 200
 vrrp 10 advertisement-interval 100
 vrrp 10 ip 10.0.0.100
router bgp 65001
 bgp router-id 10.0.0.1
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor 10.0.0.2 remote-as 65002
 neighbor 10.0.0.2 timers connect 1
 address-family ipv4 unicast
  network 192.0.2.0/24
 exit-address-family
";

const PEER: &str = "router id 10.0.0.2;\nlog stderr all;\nprotocol device {}
protocol static { ipv4; route 203.0.113.0/24 blackhole; route 203.0.114.0/24 blackhole; }
protocol bgp r { local 10.0.0.2 as 65002; neighbor 10.0.0.1 as 65001; connect delay time 1; connect retry time 1;
 ipv4 { import all; export all; }; }\n";

/// Which shell asks.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Shell {
    /// Our binary.
    Ours,
    /// Debian's FRR.
    Frr,
}

/// A router with a session, a gateway, and routes.
struct Scene {
    shell: Shell,
    router: Router,
    peer: Bird,
    r: Node,
    _lab: Lab,
}

impl Scene {
    fn start(shell: Shell) -> Scene {
        let lab = Lab::new();
        let (r, p) = (lab.node("r"), lab.node("p"));
        lab.link((&r, "eth0", &["10.0.0.1/24"]), (&p, "eth0", &["10.0.0.2/24"]));
        let router = Router::start(&r, CONFIG);
        let peer = Bird::start(&p, PEER);
        let scene = Scene { shell, router, peer, r, _lab: lab };
        wait_for(PATIENCE, "both prefixes of the peer in the kernel", || {
            ["203.0.113.0/24", "203.0.114.0/24"]
                .iter()
                .all(|p| kernel::of(&scene.r, p, kernel::BGP).is_some())
        });
        scene
    }

    /// Gives commands and returns how the shell ended.
    ///
    /// FRR's shell writes the file itself, into its own folder of configurations.
    #[track_caller]
    fn give(&self, commands: &[&str]) -> Output {
        let sockets = self.r.file("run");
        let sockets = sockets.to_string_lossy();
        let binary = router_binary();
        let folder = self.r.folder("etc");
        let folder = folder.to_string_lossy();
        let mut args = vec!["--vty_socket", &sockets];
        match self.shell {
            Shell::Ours => args.insert(0, "vtysh"),
            Shell::Frr => args.extend(["--config_dir", &folder]),
        }
        args.extend(commands.iter().flat_map(|c| ["-c", c]));
        match self.shell {
            Shell::Ours => self.r.output(&binary.to_string_lossy(), &args),
            Shell::Frr => self.r.output("/usr/bin/vtysh", &args),
        }
    }

    /// What commands print; they have to succeed.
    #[track_caller]
    fn say(&self, commands: &[&str]) -> String {
        let out = self.give(commands);
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        let errors = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{commands:?} by {:?}: {text}{errors}", self.shell);
        text
    }

    #[track_caller]
    fn json(&self, command: &str) -> Value {
        let text = self.say(&[command]);
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{command} by {:?}: {e}: {text}", self.shell))
    }

    /// A command is refused with this code and these words.
    #[track_caller]
    fn refused(&self, commands: &[&str], code: i32, words: &str) {
        let out = self.give(commands);
        let text =
            format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert_eq!(out.status.code(), Some(code), "{commands:?} by {:?}: {text}", self.shell);
        assert!(text.contains(words), "{commands:?} by {:?}: {text}", self.shell);
    }
}

fn shows(shell: Shell) {
    let scene = Scene::start(shell);
    let summary = scene.json("show bgp summary json");
    let peer = &summary["ipv4Unicast"]["peers"]["10.0.0.2"];
    assert_eq!(summary["ipv4Unicast"]["routerId"], "10.0.0.1", "{summary}");
    assert_eq!(summary["ipv4Unicast"]["as"], 65001, "{summary}");
    assert_eq!((&peer["state"], &peer["remoteAs"]), (&"Established".into(), &65002.into()), "{summary}");
    // It agrees with the metrics and with what the peer says.
    assert!(scene.router.established("10.0.0.2"));
    assert_eq!(peer["pfxRcd"], 2, "{summary}");
    let ours = scene.peer.route("192.0.2.0/24");
    assert_eq!(peer["pfxSnt"].as_u64().is_some_and(|n| n >= 1), !ours.is_empty(), "{summary}{ours}");
    let routes = scene.json("show ip route json");
    for (prefix, protocol) in [
        ("203.0.113.0/24", "bgp"),
        ("203.0.114.0/24", "bgp"),
        ("198.51.100.0/24", "static"),
        ("10.0.0.0/24", "connected"),
    ] {
        let list = routes[prefix].as_array().cloned().unwrap_or_default();
        let found = list.iter().find(|r| r["protocol"] == protocol);
        let route = found.unwrap_or_else(|| panic!("no {protocol} route to {prefix}: {routes}"));
        assert_eq!((&route["selected"], &route["installed"]), (&true.into(), &true.into()), "{route}");
    }
    assert_eq!(routes["203.0.113.0/24"][0]["nexthops"][0]["ip"], "10.0.0.2");
    wait_for(PATIENCE, "the gateway", || {
        let groups = scene.json("show vrrp json");
        groups[0]["vrid"] == 10 && groups[0]["v4"]["status"] == "Master"
    });
    let groups = scene.json("show vrrp json");
    assert_eq!(groups[0]["interface"], "eth0", "{groups}");
    assert_eq!(groups[0]["v4"]["addresses"][0], "10.0.0.100", "{groups}");
    let running = scene.say(&["show running-config"]);
    for line in CONFIG.lines().filter(|l| !l.starts_with("frr version")) {
        assert!(running.lines().any(|l| l == line), "no '{line}' in:\n{running}");
    }
    let version = scene.say(&["show version"]);
    assert!(!version.trim().is_empty());
}

fn writes(shell: Shell) {
    let scene = Scene::start(shell);
    scene.say(&["conf t", "router bgp 65001", "neighbor 10.0.0.2 description the provider"]);
    let line = " neighbor 10.0.0.2 description the provider";
    let running = scene.say(&["show running-config"]);
    assert!(running.lines().any(|l| l == line), "{running}");
    let path = scene.r.file(if shell == Shell::Ours { "frr.conf" } else { "etc/frr.conf" });
    let file = || std::fs::read_to_string(&path).unwrap_or_default();
    let in_file = || file().lines().any(|l| l == line);
    assert!(!in_file(), "not before it is written");
    if shell == Shell::Frr {
        scene.r.write("etc/vtysh.conf", "service integrated-vtysh-config\n");
        scene.r.write("etc/frr.conf", "");
    }
    println!("{:?} writes: {}", shell, scene.say(&["write"]));
    assert!(in_file(), "{}", file());
    let check = scene.r.run(&router_binary().to_string_lossy(), &["--check", &path.to_string_lossy()]);
    check.expect("what was written is accepted");
    // The session did not notice.
    assert!(scene.router.established("10.0.0.2"));
    let shown = scene.json("show bgp neighbors 10.0.0.2 json");
    assert_eq!(shown["10.0.0.2"]["nbrDesc"], "the provider", "{shown}");
    scene.say(&["conf t", "router bgp 65001", "no neighbor 10.0.0.2 description"]);
    assert!(!scene.say(&["show running-config"]).contains("description"));
}

fn refuses(shell: Shell) {
    let scene = Scene::start(shell);
    // Whatever is wrong with `-c`, FRR's shell ends with 1.
    scene.refused(&["show nonsense"], 1, "Unknown command");
    scene.refused(&["show v"], 1, "Ambiguous command");
    scene.refused(&["show bgp neighbors 10.0.0.2 routes json more"], 1, "Unknown command");
    scene.refused(&["show"], 1, "Command incomplete");
    scene.refused(&["conf t", "router bgp 65001", "neighbor 10.0.0.9 description nobody"], 1, "");
    let filtered = scene.say(&["show ip route | include 203.0.113"]);
    assert!(filtered.contains("203.0.113.0/24") && !filtered.contains("203.0.114"), "{filtered}");
    let lines = filtered.lines().filter(|l| !l.trim().is_empty());
    assert!(lines.clone().all(|l| l.contains("203.0.113")), "{filtered}");
    let short = scene.say(&["sh ip ro 203.0.113.0/24"]);
    assert!(short.contains("203.0.113.0/24"), "{short}");
}

#[test]
fn our_shell_shows_sessions_routes_gateways_and_the_configuration() {
    shows(Shell::Ours);
}

#[test]
fn the_shell_of_frr_shows_sessions_routes_gateways_and_the_configuration_of_ours() {
    shows(Shell::Frr);
}

#[test]
fn our_shell_changes_the_configuration_and_writes_it() {
    writes(Shell::Ours);
}

#[test]
fn the_shell_of_frr_changes_our_configuration() {
    writes(Shell::Frr);
}

#[test]
fn our_shell_refuses_with_the_codes_of_frr_and_filters() {
    refuses(Shell::Ours);
}

#[test]
fn the_shell_of_frr_refuses_and_filters_at_our_sockets() {
    refuses(Shell::Frr);
}

#[test]
fn a_shell_without_a_router_says_so() {
    let lab = Lab::new();
    let r = lab.node("r");
    let empty = r.folder("run");
    let binary = router_binary();
    let args = ["vtysh", "--vty_socket", &empty.to_string_lossy(), "-c", "show version"];
    let out = r.output(&binary.to_string_lossy(), &args);
    assert_eq!(out.status.code(), Some(1));
    assert!(!out.stderr.is_empty());
}
