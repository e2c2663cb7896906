//! The whole scene: a provider (BIRD), three edges of ours with the sample configuration, two hosts (BIRD and ours)
//! with one anycast address, a client behind the gateway; and what happens when parts of it go.
//!
//! ```text
//!                    provider AS 64500
//!                        │ wan 192.0.2.0/24
//!            ┌───────────┼───────────┐
//!          edge1       edge2       edge3       AS 65000, VRRP group 10
//!            └───────────┼───────────┘
//!     lan 203.0.113.0/27 │ gateway 203.0.113.1
//!            ┌───────────┼───────────┐
//!           h1          h2        client       anycast 203.0.113.30/32 on h1 and h2
//! ```

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use router_tests::kernel;
use router_tests::lab::{Lab, Node};
use router_tests::peers::{Bird, Router};
use router_tests::probe::{self, Packet, Probe, Sink, Tap};
use router_tests::wait::{stays, wait_for, wait_ok};

/// The whole scene takes longer than one session.
const PATIENCE: Duration = Duration::from_secs(40);

const ANYCAST: &str = "203.0.113.30";
const ANYCAST6: &str = "2001:db8:20:ffff::30";

/// Addresses of the wide world, at the provider.
const WORLD: [&str; 2] = ["198.51.100.1", "2001:db8:100::1"];
/// So many others: each is a flow of its own.
const FLOWS: usize = 32;

const SAMPLE: &str = include_str!("../../deploy/edge.conf");

/// The sample configuration of the first edge made that of number `n`, with the quick timers of a test.
fn edge(n: usize) -> String {
    let replace = |text: String, from: &str, to: &str| {
        assert!(text.contains(from), "the sample has no '{from}' any more");
        text.replace(from, to)
    };
    let others: Vec<usize> = (1..=3).filter(|o| *o != n).collect();
    let mut text = SAMPLE.to_owned();
    for (from, to) in [
        ("hostname edge1", format!("hostname edge{n}\nlog stdout debugging")),
        ("ip address 192.0.2.11/24", format!("ip address 192.0.2.1{n}/24")),
        ("ipv6 address 2001:db8:2::11/64", format!("ipv6 address 2001:db8:2::1{n}/64")),
        ("ip address 203.0.113.2/27", format!("ip address 203.0.113.{}/27", n + 1)),
        ("ipv6 address 2001:db8:20::2/64", format!("ipv6 address 2001:db8:20::{}/64", n + 1)),
        ("vrrp 10 priority 200", format!("vrrp 10 priority {}", 250 - 50 * n)),
        ("preempt delay 10", "preempt delay 1".to_owned()),
        ("bgp router-id 203.0.113.2", format!("bgp router-id 203.0.113.{}", n + 1)),
        ("neighbor 203.0.113.3 peer-group", format!("neighbor 203.0.113.{} peer-group", others[0] + 1)),
        ("neighbor 203.0.113.4 peer-group", format!("neighbor 203.0.113.{} peer-group", others[1] + 1)),
        ("timers 3 9", "timers 1 3".to_owned()),
        ("timers 10 30", "timers 1 3".to_owned()),
    ] {
        text = replace(text, from, &to);
    }
    text
}

fn provider() -> String {
    let mut text = "router id 192.0.2.1;\nlog stderr all;\nprotocol device {}\n\
         protocol static s4 { ipv4; route 0.0.0.0/0 unreachable; }\n\
         protocol static s6 { ipv6; route ::/0 unreachable; }\n\
         protocol kernel { ipv4 { import none; export where source = RTS_BGP; }; }\n\
         protocol kernel { ipv6 { import none; export where source = RTS_BGP; }; }\n"
        .to_owned();
    let timers = "connect retry time 1; connect delay time 1; error wait time 1, 2;";
    for n in 1..=3 {
        text += &format!(
            "protocol bgp e{n}v4 {{ local 192.0.2.1 as 64500; neighbor 192.0.2.1{n} as 65000; {timers} \
             ipv4 {{ import all; export where proto = \"s4\"; next hop self; }}; }}\n\
             protocol bgp e{n}v6 {{ local 2001:db8:2::1 as 64500; neighbor 2001:db8:2::1{n} as 65000; {timers} \
             ipv6 {{ import all; export where proto = \"s6\"; next hop self; }}; }}\n"
        );
    }
    text
}

/// What a host announces beside its anycast address, and nobody should believe.
const RUBBISH: [&str; 3] = ["10.0.0.0/8", "203.0.113.16/28", "203.0.113.0/27"];
const RUBBISH6: [&str; 3] = ["2001:db8:99::/48", "2001:db8:20::/48", "::/0"];

/// A host that runs BIRD, at .11.
fn host1() -> String {
    let list = |routes: &[&str]| routes.iter().map(|r| format!("route {r} blackhole; ")).collect::<String>();
    let mut text = format!(
        "router id 203.0.113.11;\nlog stderr all;\nprotocol device {{}}\n\
         protocol static {{ ipv4; route {ANYCAST}/32 blackhole; {} }}\n\
         protocol static {{ ipv6; route {ANYCAST6}/128 blackhole; {} }}\n",
        list(&RUBBISH),
        list(&RUBBISH6)
    );
    for n in 1..=3 {
        text += &format!(
            "protocol bgp e{n} {{ local 203.0.113.11 as 65101; neighbor 203.0.113.{} as 65000; \
             connect retry time 1; connect delay time 1; error wait time 1, 2; \
             ipv4 {{ import none; export where source = RTS_STATIC; next hop self; }}; \
             ipv6 {{ import none; export where source = RTS_STATIC; next hop address 2001:db8:20::11; }}; }}\n",
            n + 1
        );
    }
    text
}

/// A host that runs our router, at .12.
fn host2() -> String {
    let edges: String = (2..=4)
        .map(|e| {
            format!(" neighbor 203.0.113.{e} remote-as 65000\n neighbor 203.0.113.{e} timers connect 1\n")
        })
        .collect();
    let activate: String = (2..=4).map(|e| format!("  neighbor 203.0.113.{e} activate\n")).collect();
    let networks = |list: &[&str]| list.iter().map(|p| format!("  network {p}\n")).collect::<String>();
    format!(
        "hostname h2\nlog stdout debugging\nrouter bgp 65101\n bgp router-id 203.0.113.12\n timers bgp 1 3\n \
         no bgp ebgp-requires-policy\n no bgp network import-check\n{edges} \
         address-family ipv4 unicast\n  network {ANYCAST}/32\n{} exit-address-family\n \
         address-family ipv6 unicast\n  network {ANYCAST6}/128\n{}{activate} exit-address-family\nexit\n",
        networks(&RUBBISH),
        networks(&RUBBISH6)
    )
}

struct Scene {
    h1: Option<Bird>,
    h2: Option<Router>,
    provider: Bird,
    edges: Vec<Router>,
    h1_node: Node,
    h2_node: Node,
    provider_node: Node,
    edge_nodes: Vec<Node>,
    client: Node,
    wan: Node,
    lan: Node,
    sources: [Vec<IpAddr>; 2],
    // The namespaces go with it: last.
    _lab: Lab,
}

fn is_master(edge: &Router) -> bool {
    let shown = edge.vtysh("show vrrp json").unwrap_or_default();
    let groups: serde_json::Value = serde_json::from_str(&shown).unwrap_or_default();
    ["v4", "v6"].iter().all(|f| groups[0][f]["status"] == "Master")
}

fn addr(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

impl Scene {
    fn start() -> Scene {
        let lab = Lab::new();
        let [provider_node, h1_node, h2_node, client] = ["isp", "h1", "h2", "client"].map(|n| lab.node(n));
        let edge_nodes: Vec<Node> = (1..=3).map(|n| lab.node(&format!("e{n}"))).collect();
        let wan_ends: Vec<_> = edge_nodes.iter().map(|e| (e, "eth-isp", &[][..])).collect();
        let mut ends = wan_ends.clone();
        ends.push((&provider_node, "eth-wan", &["192.0.2.1/24", "2001:db8:2::1/64"]));
        let wan = lab.bridge("wan", &ends);
        let mut ends: Vec<_> = edge_nodes.iter().map(|e| (e, "eth-lan", &[][..])).collect();
        ends.push((&h1_node, "eth-lan", &["203.0.113.11/27", "2001:db8:20::11/64"]));
        ends.push((&h2_node, "eth-lan", &["203.0.113.12/27", "2001:db8:20::12/64"]));
        ends.push((&client, "eth-lan", &["203.0.113.20/27", "2001:db8:20::20/64"]));
        let lan = lab.bridge("lan", &ends);
        provider_node.enter(|| {
            for key in ["ipv4/conf/all/forwarding", "ipv6/conf/all/forwarding"] {
                std::fs::write(format!("/proc/sys/net/{key}"), "1").expect("forwarding");
            }
        });
        provider_node.address("lo", &["198.51.100.1/32", "2001:db8:100::1/128"]);
        let mut sources = [Vec::new(), Vec::new()];
        for n in 0..FLOWS {
            let (four, six) = (format!("198.51.100.{}", 100 + n), format!("2001:db8:100::{:x}", 0x100 + n));
            provider_node.address("lo", &[&format!("{four}/32"), &format!("{six}/128")]);
            sources[0].push(addr(&four));
            sources[1].push(addr(&six));
        }
        for host in [&h1_node, &h2_node] {
            host.address("lo", &[&format!("{ANYCAST}/32"), &format!("{ANYCAST6}/128")]);
        }
        for node in [&client, &h1_node, &h2_node] {
            node.ip("route add default via 203.0.113.1");
            node.ip("-6 route add default via 2001:db8:20::1");
        }
        let provider = Bird::start(&provider_node, &provider());
        let edges: Vec<Router> =
            edge_nodes.iter().enumerate().map(|(at, node)| Router::start(node, &edge(at + 1))).collect();
        let h1 = Some(Bird::start(&h1_node, &host1()));
        let h2 = Some(Router::start(&h2_node, &host2()));
        let scene = Scene {
            h1,
            h2,
            provider,
            edges,
            h1_node,
            h2_node,
            provider_node,
            edge_nodes,
            client,
            wan,
            lan,
            sources,
            _lab: lab,
        };
        wait_ok(PATIENCE, "the provider to have our prefixes from all edges", || scene.provider_has_ours(3));
        wait_for(PATIENCE, "the first edge to be the gateway", || is_master(&scene.edges[0]));
        scene
    }

    /// The provider has our two prefixes from so many edges, and no others. BIRD tells them from its own by BGP.
    fn provider_has_ours(&self, edges: usize) -> Result<(), String> {
        let text = self.provider.birdc("show route where source = RTS_BGP").unwrap_or_default();
        let (mut prefixes, mut paths) = (Vec::new(), 0);
        for line in text.lines().filter(|l| l.contains(" [e")) {
            prefixes.extend(line.split_whitespace().next().filter(|w| w.contains('/')));
            paths += 1;
        }
        prefixes.sort_unstable();
        if prefixes == ["2001:db8:20::/48", "203.0.113.0/27"] && paths == 2 * edges {
            Ok(())
        } else {
            Err(text)
        }
    }

    /// Waits until each of these edges forwards the anycast addresses over so many hosts.
    #[track_caller]
    fn wait_hops(&self, edges: &[usize], hops: usize) {
        for (at, prefix) in edges.iter().flat_map(|e| [(*e, ANYCAST), (*e, ANYCAST6)]) {
            wait_ok(PATIENCE, &format!("{hops} ways to {prefix} at edge {}", at + 1), || {
                let found = kernel::gateways(&self.edge_nodes[at], prefix, kernel::BGP);
                if found.len() == hops { Ok(()) } else { Err(format!("{found:?}")) }
            });
        }
    }

    fn sinks(&self, node: &Node) -> [Sink; 2] {
        [ANYCAST, ANYCAST6].map(|a| Sink::at(node, SocketAddr::new(addr(a), 7010)))
    }

    fn burst(&self) {
        for (sources, to) in self.sources.iter().zip([ANYCAST, ANYCAST6]) {
            probe::burst(&self.provider_node, sources, SocketAddr::new(addr(to), 7010));
        }
    }

    /// Waits until a burst of flows arrives as a whole: all at the first sinks, or at both.
    #[track_caller]
    fn wait_used(&self, what: &str, first: &[Sink; 2], second: &[Sink; 2], both: bool) {
        wait_ok(PATIENCE, what, || {
            for sink in first.iter().chain(second) {
                sink.count();
            }
            self.burst();
            let mut got = [[0; 2]; 2];
            for _ in 0..20 {
                for family in 0..2 {
                    got[family][0] += first[family].count();
                    got[family][1] += second[family].count();
                }
                if got.iter().all(|g| g[0] + g[1] == FLOWS) {
                    break;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            let fine = got.iter().all(|g| g[0] + g[1] == FLOWS && g[0] > 0 && (g[1] > 0) == both);
            println!("{what}: of {FLOWS} flows each, IPv4 {:?}, IPv6 {:?}", got[0], got[1]);
            if fine { Ok(()) } else { Err(format!("{got:?}")) }
        });
    }

    /// Cuts an edge off without a word, seen from everybody else, and stops it.
    fn kill_edge(&mut self, at: usize) {
        for switch in [&self.wan, &self.lan] {
            switch.ip(&format!("link set port{at} nomaster"));
        }
        self.edges[at].kill();
    }

    fn probe(&self) -> Probe {
        Probe::start(&self.client, &self.provider_node, WORLD.map(addr))
    }
}

#[test]
fn both_anycast_hosts_are_used_and_traffic_moves_when_one_dies() {
    let mut scene = Scene::start();
    let all = [0, 1, 2];
    let (one, two) = (scene.sinks(&scene.h1_node), scene.sinks(&scene.h2_node));
    scene.wait_hops(&all, 2);
    scene.wait_used("both hosts live", &one, &two, true);
    scene.h1.take().expect("it runs").kill();
    scene.wait_hops(&all, 1);
    scene.wait_used("the host with BIRD dead", &two, &one, false);
    scene.h1 = Some(Bird::start(&scene.h1_node, &host1()));
    scene.wait_hops(&all, 2);
    scene.wait_used("both hosts live again", &one, &two, true);
    scene.h2.take().expect("it runs").kill();
    scene.wait_hops(&all, 1);
    scene.wait_used("our host dead", &one, &two, false);
    scene.h2 = Some(Router::start(&scene.h2_node, &host2()));
    scene.wait_hops(&all, 2);
    scene.wait_used("both hosts live once more", &one, &two, true);
    scene.provider_has_ours(3).expect("nothing but ours at the provider");
}

#[test]
fn the_third_edge_carries_everything_when_two_are_dead() {
    let mut scene = Scene::start();
    scene.wait_hops(&[0, 1, 2], 2);
    scene.kill_edge(0);
    wait_for(PATIENCE, "the second edge to be the gateway", || is_master(&scene.edges[1]));
    scene.kill_edge(1);
    wait_for(PATIENCE, "the third edge to be the gateway", || is_master(&scene.edges[2]));
    wait_ok(PATIENCE, "the provider to know the third edge alone", || scene.provider_has_ours(1));
    scene.wait_hops(&[2], 2);
    let (one, two) = (scene.sinks(&scene.h1_node), scene.sinks(&scene.h2_node));
    scene.wait_used("from the provider over the third edge", &one, &two, true);
    let mut probe = scene.probe();
    let losses = probe.during("from the client over the third edge", || {}, || true);
    assert!(losses.iter().all(|l| l.lost == 0), "{losses:?}");
}

#[test]
fn an_unused_address_of_ours_is_never_sent_back_to_the_provider() {
    let scene = Scene::start();
    scene.wait_hops(&[0, 1, 2], 2);
    // In the uplink's own subnet, and beyond it.
    let unused = ["203.0.113.25", "2001:db8:20::dead", "2001:db8:20:5::1"].map(addr);
    let (mut provider, mut client) = (Tap::new(&scene.provider_node), Tap::new(&scene.client));
    for to in unused {
        let sources: &[IpAddr] = &scene.sources[usize::from(to.is_ipv6())][..1];
        probe::burst(&scene.provider_node, sources, SocketAddr::new(to, 7011));
        let any = if to.is_ipv4() { "0.0.0.0" } else { "::" };
        probe::burst(&scene.client, &[addr(any)], SocketAddr::new(to, 7011));
    }
    let (mut at_provider, mut at_client) = (Vec::new(), Vec::new());
    // Long enough for the edges to find that nobody answers in the subnet.
    stays(Duration::from_secs(5), "no packet for our addresses at the provider", || {
        at_provider.extend(provider.seen());
        at_client.extend(client.seen());
        unused.iter().all(|to| !at_provider.contains(&Packet::To(*to)))
    });
    for to in unused {
        let (there, here) = (Packet::Unreachable(to), Packet::Unreachable(to));
        let (there, here) = (at_provider.contains(&there), at_client.contains(&here));
        println!("{to}: answered unreachable to the provider: {there}, to the client: {here}");
        // In the subnet because nobody answers, beyond it by the sample's route.
        assert!(there, "{to}");
    }
    for edge in &scene.edge_nodes {
        let routes = edge.ip("-6 route show 2001:db8:20::/48");
        assert!(routes.starts_with("unreachable"), "{}: {routes}", edge.name());
    }
    // Without the subnet's interface its addresses are unreachable, too.
    scene.edge_nodes[2].set_link("eth-lan", false);
    wait_for(PATIENCE, "the subnet to be unreachable without its interface", || {
        scene.edge_nodes[2].ip("route show 203.0.113.0/27").starts_with("unreachable")
    });
}

#[test]
fn the_provider_has_our_two_prefixes_whatever_hosts_announce() {
    let mut scene = Scene::start();
    scene.wait_hops(&[0, 1, 2], 2);
    stays(Duration::from_secs(2), "just our prefixes at the provider", || scene.provider_has_ours(3).is_ok());
    // The provider gets nothing more from a host that comes and goes, either.
    scene.h2.take().expect("it runs").kill();
    scene.wait_hops(&[0, 1, 2], 1);
    scene.h2 = Some(Router::start(&scene.h2_node, &host2()));
    scene.wait_hops(&[0, 1, 2], 2);
    scene.provider_has_ours(3).expect("just our prefixes at the provider");
    for edge in &scene.edge_nodes {
        for rubbish in RUBBISH.iter().chain(&RUBBISH6).filter(|r| **r != "::/0") {
            assert_eq!(kernel::of(edge, rubbish, kernel::BGP), None, "{}", edge.name());
        }
        let default = kernel::gateways(edge, "default", kernel::BGP);
        assert_eq!(default, ["192.0.2.1"], "{}", edge.name());
    }
}

#[test]
fn an_edge_that_loses_its_provider_session_hands_the_gateway_over() {
    let scene = Scene::start();
    let mut probe = scene.probe();
    let one = || scene.provider.birdc("disable e1v4").expect("BIRD takes it");
    let losses = probe.during(
        "the provider's session with the gateway ends",
        || drop(one()),
        || is_master(&scene.edges[1]) && !is_master(&scene.edges[0]),
    );
    // The first edge reaches the provider over the others meanwhile.
    assert!(losses.iter().all(|l| l.longest < Duration::from_millis(450)), "{losses:?}");
    let back = || scene.provider.birdc("enable e1v4").expect("BIRD takes it");
    let losses = probe.during(
        "the session is back",
        || drop(back()),
        || is_master(&scene.edges[0]) && !is_master(&scene.edges[1]),
    );
    assert!(losses.iter().all(|l| l.longest < Duration::from_millis(450)), "{losses:?}");
}
