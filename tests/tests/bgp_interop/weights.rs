//! Multipath in proportion to bandwidth, as FRR beside us has it, and groups that keep flows on their next hops.
//!
//! ```text
//!   A 10.0.0.3 FRR ──┐ one prefix, with        ┌── R 10.0.0.1, F 10.0.0.2: FRR with the same lines
//!   B 10.0.0.4 BIRD ─┤ different bandwidths    │
//!   C 10.0.0.5 BIRD ─┘                         └── D 10.0.0.6 FRR hears of it from both
//! ```

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::time::Duration;

use router_tests::lab::{Lab, Node};
use router_tests::peers::{Bird, Frr, Router};
use router_tests::process::Process;
use router_tests::wait::{PATIENCE, wait_ok};
use serde_json::Value;

use crate::common::*;

const ASNS: [u32; 6] = [65001, 65002, 65003, 65004, 65005, 65006];

struct Scene {
    nodes: [Node; 6],
    _lab: Lab,
}

fn address(n: usize) -> String {
    format!("10.0.0.{}", n + 1)
}

fn scene() -> Scene {
    let (lab, nodes) = lan(["r", "f", "a", "b", "c", "d"]);
    Scene { nodes, _lab: lab }
}

/// R's configuration or F's: sessions with A, B, C and D. `how` stands under `router bgp`, `out` in D's route-map.
fn shares(me: usize, how: &str, out: &str) -> String {
    // Not the oldest of equal paths: which that is, is chance.
    let mut lines = " bgp bestpath as-path multipath-relax\n bgp bestpath compare-routerid\n".to_owned();
    for (n, asn) in ASNS.iter().enumerate().skip(2) {
        let peer = address(n);
        lines += &format!(" neighbor {peer} remote-as {asn}\n neighbor {peer} timers connect 1\n");
    }
    lines += &format!(
        "{how} address-family ipv4 unicast\n  maximum-paths 8\n  neighbor 10.0.0.6 route-map OUT out\n \
         exit-address-family"
    );
    bgp(ASNS[me], &address(me), &lines) + "route-map OUT permit 10\n" + out + "exit\n"
}

/// An FRR that announces [`THEIRS`] with a bandwidth, or only listens.
fn frr(me: usize, megabits: Option<u32>, neighbor: &str) -> String {
    let mut lines = String::new();
    for (n, asn) in ASNS.iter().enumerate().take(2) {
        let peer = address(n);
        lines += &format!(" neighbor {peer} remote-as {asn}\n neighbor {peer} timers connect 1\n");
        lines += &neighbor.replace("PEER", &peer);
    }
    let mut map = String::new();
    if let Some(megabits) = megabits {
        lines += &format!(
            " address-family ipv4 unicast\n  network {THEIRS}\n  neighbor 10.0.0.1 route-map BW out\n  \
             neighbor 10.0.0.2 route-map BW out\n exit-address-family"
        );
        map = format!("route-map BW permit 10\n set extcommunity bandwidth {megabits}\nexit\n");
    }
    bgp(ASNS[me], &address(me), &lines) + &map
}

/// A BIRD that announces a prefix to R and F, with a bandwidth if there is one.
fn bird(me: usize, prefix: &str, megabits: Option<u32>) -> String {
    let bandwidth = megabits.map_or(String::new(), |megabits| {
        let float = (megabits as f32 * 125_000.0).to_bits();
        let head = 0x0004_0000 | ASNS[me];
        format!("bgp_ext_community.add((generic, {head:#x}, {float:#x}));")
    });
    let session = |n: usize| {
        format!(
            "protocol bgp p{n} {{ local {} as {}; neighbor {} as {}; connect retry time 1; connect delay time 1; \
             error wait time 1, 2; ipv4 {{ import none; export filter {{ {bandwidth} accept; }}; }}; }}\n",
            address(me),
            ASNS[me],
            address(n),
            ASNS[n]
        )
    };
    format!(
        "router id {};\nprotocol device {{}}\nprotocol static {{ ipv4; route {prefix} blackhole; }}\n{}{}",
        address(me),
        session(0),
        session(1)
    )
}

/// R, F and D, and A with 100 Mbit/s and B with 300.
fn started(scene: &Scene) -> (Router, Frr, Frr, (Frr, Bird)) {
    let [r, f, a, b, _, d] = &scene.nodes;
    let router = Router::start(r, &shares(0, "", ""));
    let beside = Frr::start(f, &shares(1, "", ""));
    let announcing = (Frr::start(a, &frr(2, Some(100), "")), Bird::start(b, &bird(3, THEIRS, Some(300))));
    (router, beside, Frr::start(d, &frr(5, None, "")), announcing)
}

/// The next-hop object that a route hangs on, with its members resolved to gateways and weights.
fn group(node: &Node, prefix: &str) -> Option<(Value, Vec<(String, u64)>)> {
    let parse = |text: String| serde_json::from_str::<Vec<Value>>(text.trim()).unwrap_or_default();
    let route = parse(node.ip(&format!("-j route show {prefix}"))).into_iter().next()?;
    let id = route["nhid"].as_u64()?;
    let objects = parse(node.ip("-j -d nexthop show"));
    let object = |id: u64| objects.iter().find(|o| o["id"] == id).cloned();
    let group = object(id)?;
    let mut members: Vec<(String, u64)> = Vec::new();
    for member in group["group"].as_array()? {
        let gateway = object(member["id"].as_u64()?)?["gateway"].as_str()?.to_owned();
        members.push((gateway, member["weight"].as_u64().unwrap_or(1)));
    }
    Some((group, members))
}

fn weights(node: &Node, prefix: &str) -> Vec<(String, u64)> {
    group(node, prefix).map(|(_, members)| members).unwrap_or_default()
}

#[track_caller]
fn wait_weights(node: &Node, expected: &[(usize, u64)]) {
    let expected: Vec<(String, u64)> = expected.iter().map(|(n, w)| (address(*n), *w)).collect();
    wait_ok(PATIENCE, &format!("weights {expected:?}"), || {
        let found = weights(node, THEIRS);
        if found == expected { Ok(()) } else { Err(format!("found {found:?}")) }
    });
}

/// FRR 8.4 scales to hundredths of the sum, where later ones and we scale to the greatest: the shares are the same.
#[track_caller]
fn same_shares(ours: &Node, theirs: &Node) {
    let share = |node: &Node| -> BTreeMap<String, f64> {
        let weights = weights(node, THEIRS);
        let sum: u64 = weights.iter().map(|(_, w)| w).sum();
        weights.into_iter().map(|(gateway, w)| (gateway, w as f64 / sum as f64)).collect()
    };
    wait_ok(PATIENCE, "the shares of FRR beside us", || {
        let (ours, theirs) = (share(ours), share(theirs));
        let near = |(gateway, share): (&String, &f64)| {
            theirs.get(gateway).is_some_and(|other| (share - other).abs() < 0.011)
        };
        if ours.len() == theirs.len() && ours.len() > 1 && ours.iter().all(near) {
            Ok(())
        } else {
            Err(format!("{ours:?} {theirs:?}"))
        }
    });
}

/// What D heard from R and from F, as FRR writes it.
fn heard(d: &Frr) -> BTreeMap<String, String> {
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let one = |p: Value| (text(&p["peer"]["peerId"]), text(&p["extendedCommunity"]["string"]));
    d.paths(THEIRS).into_iter().map(one).collect()
}

#[track_caller]
fn wait_heard(d: &Frr, expected: [&str; 2]) {
    wait_ok(PATIENCE, &format!("D to hear {expected:?}"), || {
        let found = heard(d);
        let of = |n: usize| found.get(&address(n)).map(String::as_str);
        if (of(0), of(1)) == (Some(expected[0]), Some(expected[1])) {
            Ok(())
        } else {
            Err(format!("{found:?}"))
        }
    });
}

const BY_WAY_OF_US: &str = "  neighbor 10.0.0.6 next-hop-self\n";

#[test]
fn the_kernel_shares_by_bandwidth_as_frr_beside_us_and_neighbours_hear_the_same() {
    let scene = scene();
    let [r, f, _, _, c, _] = &scene.nodes;
    let (router, beside, d, _announcing) = started(&scene);
    wait_weights(r, &[(2, 85), (3, 255)]);
    same_shares(r, f);
    // D is on the same link and goes to A, the best, by itself; whoever comes by way of us hears of both together.
    wait_heard(&d, ["LB:65003:12500000 (100.000 Mbps)"; 2]);
    router.reload(
        &shares(0, "", "").replace("route-map OUT out\n", &format!("route-map OUT out\n{BY_WAY_OF_US}")),
    );
    beside
        .vtysh(&format!(
            "configure terminal\nrouter bgp 65002\naddress-family ipv4 unicast\n{}",
            BY_WAY_OF_US.trim()
        ))
        .unwrap();
    wait_heard(&d, ["LB:65001:50000000 (400.000 Mbps)", "LB:65002:50000000 (400.000 Mbps)"]);
    let shown: Value =
        serde_json::from_str(&router.vtysh(&format!("show ip route {THEIRS} json")).unwrap()).unwrap();
    let hops = shown[THEIRS][0]["nexthops"].as_array().unwrap();
    let by_gateway: BTreeMap<&str, u64> =
        hops.iter().filter_map(|h| Some((h["ip"].as_str()?, h["weight"].as_u64()?))).collect();
    assert_eq!(by_gateway, [("10.0.0.3", 85), ("10.0.0.4", 255)].into());
    let text = router.vtysh("show ip route").unwrap();
    assert!(text.contains("via 10.0.0.3, eth0, weight 85,"), "{text}");
    let text = router.vtysh(&format!("show bgp ipv4 unicast {THEIRS}")).unwrap();
    assert!(text.contains("Extended Community: LB:65003:12500000 (100.000 Mbps)"), "{text}");
    // A third one without bandwidth, and what each of the settings makes of it.
    let _c = Bird::start(c, &bird(4, THEIRS, None));
    wait_weights(r, &[(2, 1), (3, 1), (4, 1)]);
    same_shares(r, f);
    for (how, expected) in [
        ("skip-missing", &[(2, 85), (3, 255)][..]),
        ("default-weight-for-missing", &[(2, 85), (3, 255), (4, 1)]),
        ("ignore", &[(2, 1), (3, 1), (4, 1)]),
    ] {
        let line = format!(" bgp bestpath bandwidth {how}\n");
        router.reload(&shares(0, &line, ""));
        beside.vtysh(&format!("configure terminal\nrouter bgp 65002\n{}", line.trim())).unwrap();
        wait_weights(r, expected);
        same_shares(r, f);
    }
}

#[test]
fn policy_states_what_the_multipath_members_have_as_that_of_frr_does() {
    let scene = scene();
    let (router, beside, d, _announcing) = started(&scene);
    for (amount, expected) in [
        ("num-multipaths", ["LB:65001:250000 (2.000 Mbps)", "LB:65002:250000 (2.000 Mbps)"]),
        ("cumulative", ["LB:65001:50000000 (400.000 Mbps)", "LB:65002:50000000 (400.000 Mbps)"]),
        ("70", ["LB:65001:8750000 (70.000 Mbps)", "LB:65002:8750000 (70.000 Mbps)"]),
    ] {
        let line = format!(" set extcommunity bandwidth {amount}\n");
        router.reload(&shares(0, "", &line));
        beside.vtysh(&format!("configure terminal\nroute-map OUT permit 10\n{}", line.trim())).unwrap();
        wait_heard(&d, expected);
    }
}

#[test]
fn integers_of_frr_are_understood_and_both_encodings_weigh_alike() {
    let scene = scene();
    let [r, _, a, b, c, _] = &scene.nodes;
    let integers = " neighbor PEER disable-link-bw-encoding-ieee\n";
    let router = Router::start(r, &shares(0, &integers.replace("PEER", "10.0.0.3"), ""));
    let _a = Frr::start(a, &frr(2, Some(100), integers));
    let _b = Bird::start(b, &bird(3, THEIRS, Some(300)));
    wait_weights(r, &[(2, 85), (3, 255)]);
    // Another router of ours states it in 64 bits.
    let lines = " neighbor 10.0.0.1 remote-as 65001\n neighbor 10.0.0.1 timers connect 1\n \
                 neighbor 10.0.0.1 extended-link-bandwidth\n address-family ipv4 unicast\n  \
                 network 203.0.113.0/24\n  neighbor 10.0.0.1 route-map BW out\n exit-address-family";
    let map = "route-map BW permit 10\n set extcommunity bandwidth 100000\nexit\n";
    let _c = Router::start(c, &(bgp(65005, "10.0.0.5", lines) + map));
    wait_weights(r, &[(2, 1), (3, 1), (4, 255)]);
    let shown = router.vtysh(&format!("show bgp ipv4 unicast {THEIRS} json")).unwrap();
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let strings: Vec<&str> = shown["paths"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|p| p["extendedIpv6Community"]["string"].as_str())
        .collect();
    assert_eq!(strings, ["LB:65005:12500000000 (100.000 Gbps)"]);
}

/// A prefix of one address that all hosts have.
const SERVICE: &str = "203.0.113.9/32";
const TO: &str = "203.0.113.9:9000";
const FLOWS: u16 = 240;

/// Three hosts with the same address behind R, and a client in front of it.
struct Anycast {
    scene: Scene,
    client: Node,
    sinks: Vec<UdpSocket>,
    birds: Vec<Bird>,
}

impl Anycast {
    fn new() -> Anycast {
        let scene = scene();
        let client = scene._lab.node("s");
        let r = &scene.nodes[0];
        scene._lab.link((r, "eth1", &["10.9.0.1/24"]), (&client, "eth0", &["10.9.0.2/24"]));
        client.ip("route add default via 10.9.0.1");
        // The ports count, too: each flow finds its own way.
        r.enter(|| std::fs::write("/proc/sys/net/ipv4/fib_multipath_hash_policy", "1").unwrap());
        let hosts = &scene.nodes[2..5];
        let sinks = hosts.iter().map(|host| {
            host.ip("link set lo up");
            host.address("lo", &[SERVICE]);
            host.ip("route add 10.9.0.0/24 via 10.0.0.1");
            let to: SocketAddr = TO.parse().unwrap();
            let socket = host.enter(|| UdpSocket::bind(to).unwrap());
            socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
            socket
        });
        let sinks = sinks.collect();
        Anycast { client, sinks, birds: Vec::new(), scene }
    }

    fn router(&self) -> &Node {
        &self.scene.nodes[0]
    }

    fn announce(&mut self, host: usize) {
        let bird = Bird::start(&self.scene.nodes[host + 2], &bird(host + 2, SERVICE, None));
        self.birds.insert(host.min(self.birds.len()), bird);
    }

    /// One packet of each flow, and the host that each comes to. Those that wait for a neighbour's address are
    /// sent again.
    fn flows(&self) -> BTreeMap<u16, usize> {
        let mut found = BTreeMap::new();
        wait_ok(PATIENCE, "all flows to arrive", || {
            self.client.enter(|| {
                for port in (0..FLOWS).map(|n| 20_000 + n).filter(|port| !found.contains_key(port)) {
                    let socket = UdpSocket::bind(("10.9.0.2", port)).unwrap();
                    socket.send_to(b"x", TO).unwrap();
                }
            });
            let mut buffer = [0; 8];
            for (host, sink) in self.sinks.iter().enumerate() {
                while let Ok((_, from)) = sink.recv_from(&mut buffer) {
                    found.insert(from.port(), host);
                }
            }
            if found.len() == usize::from(FLOWS) { Ok(()) } else { Err(format!("{} of them", found.len())) }
        });
        found
    }

    fn wait_members(&self, hosts: &[usize]) {
        let expected: Vec<String> = hosts.iter().map(|h| address(h + 2)).collect();
        wait_ok(PATIENCE, &format!("{expected:?} in the group"), || {
            let found: Vec<String> = weights(self.router(), SERVICE).into_iter().map(|(g, _)| g).collect();
            if found == expected { Ok(()) } else { Err(format!("found {found:?}")) }
        });
    }

    /// The first host goes and comes back. Flows on the others that moved when it went, and when it came back.
    fn moved(&mut self) -> [usize; 2] {
        (0..3).for_each(|host| self.announce(host));
        self.wait_members(&[0, 1, 2]);
        let before = self.flows();
        let on = |host: usize| before.values().filter(|h| **h == host).count();
        assert!((0..3).all(|host| on(host) > 20), "all hosts have flows: {:?}", [on(0), on(1), on(2)]);
        self.birds.remove(0).kill();
        self.wait_members(&[1, 2]);
        let without = self.flows();
        self.announce(0);
        self.wait_members(&[0, 1, 2]);
        let again = self.flows();
        let survivors: Vec<u16> = before.iter().filter(|(_, h)| **h != 0).map(|(port, _)| *port).collect();
        let moved = |a: &BTreeMap<u16, usize>, b: &BTreeMap<u16, usize>| {
            survivors.iter().filter(|port| a.get(port) != b.get(port)).count()
        };
        [moved(&before, &without), moved(&without, &again)]
    }
}

#[test]
fn flows_stay_on_the_hosts_that_stay_when_one_goes_and_comes_back() {
    const LINE: &str = "zebra nexthop resilient buckets 256 idle-timer 60 unbalanced-timer 0\n";
    let mut lab = Anycast::new();
    let _router = Router::start(lab.router(), &(LINE.to_owned() + &shares(0, "", "")));
    assert_eq!(lab.moved(), [0, 0], "flows on hosts that stayed");
    let (group, _) = group(lab.router(), SERVICE).unwrap();
    assert_eq!(group["type"], "resilient", "{group}");
    assert_eq!(group["resilient_args"]["buckets"], 256, "{group}");
}

#[test]
fn without_buckets_flows_move_and_the_setting_moves_routes_without_loss() {
    const LINE: &str = "zebra nexthop resilient buckets 128 idle-timer 30 unbalanced-timer 0\n";
    let mut lab = Anycast::new();
    let plain = shares(0, "", "");
    let router = Router::start(lab.router(), &plain);
    let [went, came] = lab.moved();
    assert!(went > 0 && came > 0, "{went} and {came}: else the test beside proves nothing");
    let r = lab.router();
    let (before, _) = group(r, SERVICE).unwrap();
    assert_ne!(before["type"], "resilient");
    let mut monitor =
        Process::start(r.name(), Path::new("/usr/sbin/ip"), &["monitor", "route"], r.file("monitor.txt"));
    let kind = |resilient: bool| {
        group(r, SERVICE)
            .is_some_and(|(g, members)| (g["type"] == "resilient") == resilient && members.len() == 3)
    };
    router.reload(&(LINE.to_owned() + &plain));
    until("a resilient group", || kind(true));
    router.reload(&plain);
    until("a plain group again", || kind(false));
    monitor.kill();
    let deleted = monitor.log().lines().filter(|l| l.starts_with("Deleted")).count();
    assert_eq!(deleted, 0, "{}", monitor.log());
    until("what was left to be gone", || !r.ip("nexthop show").contains("resilient"));
}
