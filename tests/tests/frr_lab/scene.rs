//! The laboratory: two edges of one AS, a provider, and a hypervisor behind the edges.
//!
//! ```text
//!              isp (AS 64500)
//!       eth-e1  │        │  eth-e2       addresses and MD5 to edge1, no addresses to edge2
//!      eth-isp  │        │  eth-isp
//!            edge1 ═════ edge2           AS 65001, iBGP between loopbacks, VRRP on lan0
//!        lan0   └────┬────┘   lan0
//!              hv (AS 65101)             announces host routes to both
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use router_tests::lab::{Lab, Node};
use router_tests::peers::{Frr, Router};
use router_tests::wait::wait_ok;
use serde_json::Value;

/// The nodes in the order of their start: who waits two minutes between attempts starts last.
pub const NODES: [&str; 4] = ["isp", "hv", "edge2", "edge1"];

/// How long four routers may take to find each other and to tell everything.
pub const SETTLED: Duration = Duration::from_secs(60);

/// The configuration of a node.
pub fn config(node: &str) -> &'static str {
    match node {
        "edge1" => include_str!("conf/edge1.conf"),
        "edge2" => include_str!("conf/edge2.conf"),
        "hv" => include_str!("conf/hv.conf"),
        _ => include_str!("conf/isp.conf"),
    }
}

/// Whatever runs in a node.
enum Program {
    Frr(Frr),
    Ours(Router),
}

/// One laboratory.
pub struct Scene {
    programs: Vec<(&'static str, Program)>,
    _lab: Lab,
}

impl Scene {
    /// FRR everywhere but in the node `ours`.
    pub fn start(ours: Option<&str>) -> Scene {
        let lab = Lab::new();
        let node = |name: &str| NODES.iter().position(|n| *n == name).expect("a node");
        let nodes = NODES.map(|name| lab.node(name));
        let [isp, hv, edge2, edge1] = ["isp", "hv", "edge2", "edge1"].map(|n| &nodes[node(n)]);
        lab.link((edge1, "eth-isp", &[]), (isp, "eth-e1", &[]));
        lab.link((edge2, "eth-isp", &[]), (isp, "eth-e2", &[]));
        lab.bridge("lan", &[(edge1, "lan0", &[]), (edge2, "lan0", &[]), (hv, "lan0", &[])]);
        let programs = NODES.iter().zip(&nodes).map(|(&name, node)| {
            let log = node.file("frr.log").to_string_lossy().into_owned();
            let text = config(name).replace("/var/log/frr.log", &log);
            let program = if ours == Some(name) {
                Program::Ours(Router::start(node, &text))
            } else {
                virtual_devices(node, name);
                // Without BFD, which on a busy machine takes down what is well.
                Program::Frr(Frr::with(node, &text, &["zebra", "staticd", "bgpd", "vrrpd"]))
            };
            (name, program)
        });
        Scene { programs: programs.collect(), _lab: lab }
    }

    /// What a node answers to a command; what it says against it counts as well.
    pub fn ask(&self, node: &str, command: &str) -> String {
        let program = self.programs.iter().find(|(name, _)| *name == node).map(|(_, p)| p).expect("a node");
        let answer = match program {
            Program::Frr(frr) => frr.vtysh(command),
            Program::Ours(router) => router.vtysh(command),
        };
        answer.unwrap_or_else(|refused| refused)
    }

    /// Our router in a node.
    pub fn ours(&self, node: &str) -> &Router {
        match self.programs.iter().find(|(name, _)| *name == node) {
            Some((_, Program::Ours(router))) => router,
            _ => panic!("{node} is not ours"),
        }
    }

    /// A command's JSON; null when there is none.
    pub fn json(&self, node: &str, command: &str) -> Value {
        serde_json::from_str(self.ask(node, command).trim()).unwrap_or(Value::Null)
    }

    /// Which sessions are not up that should be.
    fn missing_sessions(&self) -> Vec<String> {
        let mut missing = Vec::new();
        for node in NODES {
            let shown = self.json(node, "show bgp summary json");
            let peers = ["ipv4Unicast", "ipv6Unicast"].map(|f| shown[f]["peers"].as_object());
            if peers.iter().any(Option::is_none) {
                missing.push(format!("{node} has no BGP"));
            }
            for (peer, state) in peers.into_iter().flatten().flatten() {
                // These two are not there.
                if !peer.starts_with("10.10.0.25") && state["state"] != "Established" {
                    missing.push(format!("{node} with {peer}: {}", state["state"]));
                }
            }
        }
        missing
    }

    /// Waits until all sessions are up.
    #[track_caller]
    pub fn wait_up(&self) {
        wait_ok(SETTLED, "all sessions of the laboratory", || {
            let missing = self.missing_sessions();
            if missing.is_empty() { Ok(()) } else { Err(missing.join(", ")) }
        });
    }

    /// Waits until all sessions are up, and `node` has the same best paths as in the laboratory beside.
    #[track_caller]
    pub fn wait_alike(&self, other: &Scene, node: &str, but: &[&str]) {
        wait_ok(SETTLED, "the sessions of both laboratories", || {
            let missing = [self, other].map(Scene::missing_sessions).concat();
            if missing.is_empty() { Ok(()) } else { Err(missing.join(", ")) }
        });
        wait_ok(SETTLED, &format!("the same best paths at {node}"), || {
            let [a, b] = [self, other].map(|s| s.best_paths(node));
            let differ: BTreeSet<_> =
                a.symmetric_difference(&b).filter(|(p, _)| !but.contains(&&**p)).collect();
            if differ.is_empty() { Ok(()) } else { Err(format!("{differ:?}")) }
        });
    }

    /// Has a node hear once more of all that it has from other neighbours than one, when it has it from that one. Of equal
    /// paths FRR stays with the one that it has chosen, and we prefer the older: what came first is chance else.
    #[track_caller]
    pub fn hears_first_from(
        &self,
        node: &str,
        first: &str,
        others: &[&str],
        all: &BTreeSet<(String, String)>,
    ) {
        let came_up = || -> Vec<u64> {
            let shown = self.json(node, "show bgp neighbors json");
            others.iter().map(|o| shown[*o]["connectionsEstablished"].as_u64().unwrap_or(0)).collect()
        };
        let before = came_up();
        for other in others {
            let answer = self.ask(node, &format!("clear bgp {other}"));
            assert!(answer.is_empty(), "{answer}");
        }
        wait_ok(SETTLED, &format!("new sessions of {node} with others than {first}"), || {
            let now = came_up();
            if now.iter().zip(&before).all(|(now, before)| now > before) {
                Ok(())
            } else {
                Err(format!("{now:?}"))
            }
        });
        wait_ok(SETTLED, &format!("all that {node} had before"), || {
            let missing: BTreeSet<_> = all.difference(&self.paths(node)).cloned().collect();
            if missing.is_empty() { Ok(()) } else { Err(format!("{missing:?}")) }
        });
    }

    /// All paths of a node: prefixes with where they come from.
    pub fn paths(&self, node: &str) -> BTreeSet<(String, String)> {
        let mut found = BTreeSet::new();
        for family in ["ipv4", "ipv6"] {
            let shown = self.json(node, &format!("show bgp {family} unicast json"));
            for (prefix, paths) in shown["routes"].as_object().into_iter().flatten() {
                let from = |p: &Value| (prefix.clone(), p["peerId"].as_str().unwrap_or("?").to_owned());
                found.extend(paths.as_array().into_iter().flatten().map(from));
            }
        }
        found
    }

    /// Prefixes with where their best paths come from, and what the routes of BGP in use are.
    fn best_paths(&self, node: &str) -> BTreeSet<(String, String)> {
        let mut found = BTreeSet::new();
        for family in ["ipv4", "ipv6"] {
            let shown = self.json(node, &format!("show bgp {family} unicast json"));
            for (prefix, paths) in shown["routes"].as_object().into_iter().flatten() {
                let best = paths.as_array().into_iter().flatten().find(|p| p["bestpath"] == true);
                let from = best.map_or("none", |p| p["peerId"].as_str().unwrap_or("?"));
                // The hypervisor tells the same over both families: the first to come is the best of equals.
                let from = if from.ends_with("::100") { "10.10.0.100" } else { from };
                // Link-local addresses are of the kernel's choice, and FRR 10.8 names no address of such a neighbour.
                let from = if from.starts_with("fe80::") { "(unspec)" } else { from };
                found.insert((prefix.clone(), from.into()));
            }
        }
        for family in ["ip", "ipv6"] {
            let shown: BTreeMap<String, Value> =
                serde_json::from_value(self.json(node, &format!("show {family} route json")))
                    .unwrap_or_default();
            for (prefix, routes) in shown {
                // FRR 8.4 has no local routes.
                let of_tables = |r: &&Value| r["protocol"] == "bgp" || r["protocol"] == "static";
                let used = routes.as_array().into_iter().flatten().filter(|r| r["selected"] == true);
                found.extend(
                    used.filter(of_tables).map(|r| (prefix.clone(), format!("{} in use", r["protocol"]))),
                );
            }
        }
        found
    }
}

/// FRR has virtual devices made by hand.
fn virtual_devices(node: &Node, name: &str) {
    if !name.starts_with("edge") {
        return;
    }
    for (device, mac, addresses) in [
        ("vrrp4-lan0", "00:00:5e:00:01:0a", &["10.10.0.1/32"][..]),
        ("vrrp6-lan0", "00:00:5e:00:02:0a", &["2001:db8:10::1/128", "fe80::1/64"][..]),
    ] {
        node.ip(&format!("link add {device} link lan0 type macvlan mode bridge"));
        node.ip(&format!("link set {device} address {mac}"));
        node.address(device, addresses);
        node.ip(&format!("link set {device} up"));
    }
}
