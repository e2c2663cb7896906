//! The gateway as a client sees it: a packet every millisecond, IPv4 and IPv6, while routers come and go. The
//! routers are processes of ours, and keepalived and FRR's vrrpd beside ours in both roles.

use std::net::IpAddr;
use std::time::Duration;

use router_tests::lab::{Lab, Node};
use router_tests::peers::{Frr, Keepalived, Router};
use router_tests::probe::{Loss, Probe};
use router_tests::wait::wait_for;

const PATIENCE: Duration = Duration::from_secs(20);

/// The advertisement interval in milliseconds.
const INTERVAL: u64 = 100;
/// What a loaded machine may add to theory.
const MARGIN: Duration = Duration::from_millis(150);

const WORLD: [&str; 2] = ["198.51.100.1", "2001:db8:100::1"];

/// How long a silent death lasts for a backup of this priority: three intervals and its skew.
fn silent(priority: u64) -> Duration {
    Duration::from_micros(1000 * 3 * INTERVAL + 1000 * INTERVAL * (256 - priority) / 256)
}

fn config(priority: u8) -> String {
    format!(
        "log stdout debugging\nip forwarding\nipv6 forwarding\n\
         ip route 198.51.100.0/24 192.0.2.1\nipv6 route 2001:db8:100::/48 2001:db8:2::1\n\
         interface eth-lan\n vrrp 10 version 3\n vrrp 10 priority {priority}\n \
         vrrp 10 advertisement-interval {INTERVAL}\n vrrp 10 ip 203.0.113.1\n vrrp 10 ipv6 fe80::1\n \
         vrrp 10 ipv6 2001:db8:20::1\nexit\n"
    )
}

/// An address of the wide world behind two routers, and a client before them.
struct Scene {
    nodes: [Node; 2],
    switches: [Node; 2],
    client: Node,
    world: Node,
    _lab: Lab,
}

impl Scene {
    fn new() -> Scene {
        let lab = Lab::new();
        let [one, two, world, client] = ["r1", "r2", "world", "client"].map(|n| lab.node(n));
        let wan = lab.bridge(
            "wan",
            &[
                (&one, "eth-wan", &["192.0.2.11/24", "2001:db8:2::11/64"]),
                (&two, "eth-wan", &["192.0.2.12/24", "2001:db8:2::12/64"]),
                (&world, "eth-wan", &["192.0.2.1/24", "2001:db8:2::1/64"]),
            ],
        );
        let lan = lab.bridge(
            "lan",
            &[
                (&one, "eth-lan", &["203.0.113.2/27", "2001:db8:20::2/64"]),
                (&two, "eth-lan", &["203.0.113.3/27", "2001:db8:20::3/64"]),
                (&client, "eth-lan", &["203.0.113.20/27", "2001:db8:20::20/64"]),
            ],
        );
        world.address("lo", &["198.51.100.1/32", "2001:db8:100::1/128"]);
        client.ip("route add default via 203.0.113.1");
        client.ip("-6 route add default via 2001:db8:20::1");
        Scene { nodes: [one, two], switches: [wan, lan], client, world, _lab: lab }
    }

    fn probe(&self) -> Probe {
        Probe::start(&self.client, &self.world, WORLD.map(|a| a.parse::<IpAddr>().expect("an address")))
    }

    /// Both links of a router pass nothing from now on, or something again; it sees no loss of carrier.
    fn plug(&self, router: usize, plugged: bool) {
        for switch in &self.switches {
            let bridge = if plugged { "master br0" } else { "nomaster" };
            switch.ip(&format!("link set port{router} {bridge}"));
        }
    }

    /// What a router of another project needs, which leaves addresses, routes and forwarding to the operator.
    fn prepare(&self, router: usize) {
        let node = &self.nodes[router];
        node.enter(|| {
            for (key, value) in [
                ("ipv4/conf/all/forwarding", "1"),
                ("ipv6/conf/all/forwarding", "1"),
                ("ipv4/conf/eth-lan/arp_ignore", "1"),
                ("ipv4/conf/eth-lan/arp_announce", "2"),
            ] {
                std::fs::write(format!("/proc/sys/net/{key}"), value).expect("a setting of the kernel");
            }
        });
        node.ip("route add 198.51.100.0/24 via 192.0.2.1");
        node.ip("-6 route add 2001:db8:100::/48 via 2001:db8:2::1");
    }

    /// Whether the switch of the gateway sends frames for both virtual MACs to a router.
    fn leads_to(&self, router: usize) -> bool {
        let table = self.switches[1].run("bridge", &["fdb", "show", "br", "br0"]).unwrap_or_default();
        ["00:00:5e:00:01:0a", "00:00:5e:00:02:0a"]
            .iter()
            .all(|mac| table.lines().any(|l| l.starts_with(mac) && l.contains(&format!("port{router} "))))
    }
}

fn is(router: &Router, state: &str) -> bool {
    let shown = router.vtysh("show vrrp json").unwrap_or_default();
    let groups: serde_json::Value = serde_json::from_str(&shown).unwrap_or_default();
    ["v4", "v6"].iter().all(|f| groups[0][f]["status"] == state)
}

#[track_caller]
fn until(what: &str, condition: impl FnMut() -> bool) {
    wait_for(PATIENCE, what, condition);
}

#[track_caller]
fn none_lost(losses: &[Loss]) {
    assert!(losses.iter().all(|l| l.lost == 0), "{losses:?}");
}

#[track_caller]
fn at_most(losses: &[Loss], bound: Duration) {
    println!("bound: {} ms and {} ms for the machine", bound.as_millis(), MARGIN.as_millis());
    assert!(losses.iter().all(|l| l.longest <= bound + MARGIN), "{losses:?}");
}

/// Both routers ours, the first of them the gateway.
fn ours(scene: &Scene) -> [Router; 2] {
    let one = Router::start(&scene.nodes[0], &config(200));
    let two = Router::start(&scene.nodes[1], &config(150));
    until("the better router to be the gateway", || is(&one, "Master") && is(&two, "Backup"));
    [one, two]
}

#[test]
fn nothing_is_lost_when_the_gateway_stops_in_order_and_comes_back() {
    let scene = Scene::new();
    let [mut one, two] = ours(&scene);
    let mut probe = scene.probe();
    probe.begin();
    assert!(one.stop().success());
    none_lost(&probe.settle("stopped by SIGTERM", || is(&two, "Master") && scene.leads_to(1)));
    probe.begin();
    let one = Router::again(&scene.nodes[0]);
    let losses = probe.settle("the better router returns", || {
        is(&one, "Master") && is(&two, "Backup") && scene.leads_to(0)
    });
    none_lost(&losses);
}

#[test]
fn nothing_is_lost_when_the_daemon_of_the_gateway_is_killed_and_comes_back() {
    let scene = Scene::new();
    let [mut one, two] = ours(&scene);
    let mut probe = scene.probe();
    let losses = probe.during("the daemon alone killed", || one.kill(), || is(&two, "Master"));
    none_lost(&losses);
    probe.begin();
    let one = Router::again(&scene.nodes[0]);
    let losses = probe.settle("its return over what it left", || {
        is(&one, "Master") && is(&two, "Backup") && scene.leads_to(0)
    });
    none_lost(&losses);
}

#[test]
fn a_silent_death_of_the_gateway_costs_three_intervals_and_the_skew() {
    let scene = Scene::new();
    let [one, two] = ours(&scene);
    let mut probe = scene.probe();
    let losses = probe.during(
        "both links of the gateway cut",
        || scene.plug(0, false),
        || is(&two, "Master") && scene.leads_to(1),
    );
    at_most(&losses, silent(150));
    let losses = probe.during(
        "both links whole again",
        || scene.plug(0, true),
        || is(&one, "Master") && is(&two, "Backup") && scene.leads_to(0),
    );
    at_most(&losses, silent(150));
}

fn keepalived_config(priority: u8) -> String {
    let seconds = INTERVAL as f64 / 1000.0;
    let instance = |name: &str, addresses: &str| {
        format!(
            "vrrp_instance {name} {{\n interface eth-lan\n use_vmac {name}\n virtual_router_id 10\n \
             priority {priority}\n advert_int {seconds}\n state BACKUP\n virtual_ipaddress {{\n{addresses} }}\n}}\n"
        )
    };
    format!(
        "global_defs {{\n vrrp_version 3\n}}\n{}{}",
        instance("vmac4", "  203.0.113.1/27\n"),
        instance("vmac6", "  fe80::1/64\n  2001:db8:20::1/64\n")
    )
}

#[test]
fn keepalived_takes_over_from_us_and_gives_back() {
    let scene = Scene::new();
    let mut one = Router::start(&scene.nodes[0], &config(200));
    scene.prepare(1);
    let mut two = Keepalived::start(&scene.nodes[1], &keepalived_config(150));
    until("us to be the gateway", || is(&one, "Master") && scene.leads_to(0));
    until("keepalived to be the backup", || two.log().contains("Entering BACKUP STATE"));
    let mut probe = scene.probe();
    probe.begin();
    assert!(one.stop().success());
    none_lost(&probe.settle("we stop, keepalived takes over", || scene.leads_to(1)));
    probe.begin();
    let one = Router::again(&scene.nodes[0]);
    none_lost(&probe.settle("we return, keepalived gives back", || is(&one, "Master") && scene.leads_to(0)));
    let losses =
        probe.during("our links cut, keepalived takes over", || scene.plug(0, false), || scene.leads_to(1));
    at_most(&losses, silent(150));
    two.stop();
}

#[test]
fn we_take_over_from_keepalived_and_give_back() {
    let scene = Scene::new();
    scene.prepare(0);
    let mut one = Keepalived::start(&scene.nodes[0], &keepalived_config(200));
    let two = Router::start(&scene.nodes[1], &config(150));
    until("keepalived to be the gateway", || is(&two, "Backup") && scene.leads_to(0));
    let mut probe = scene.probe();
    let losses = probe.during(
        "keepalived stops, we take over",
        || one.stop(),
        || is(&two, "Master") && scene.leads_to(1),
    );
    none_lost(&losses);
    probe.begin();
    let _one = Keepalived::start(&scene.nodes[0], &keepalived_config(200));
    let losses = probe.settle("keepalived returns, we give back", || is(&two, "Backup") && scene.leads_to(0));
    none_lost(&losses);
    let losses = probe.during(
        "keepalived's links cut, we take over",
        || scene.plug(0, false),
        || is(&two, "Master") && scene.leads_to(1),
    );
    at_most(&losses, silent(150));
}

/// FRR wants its virtual devices made by hand, with the addresses on them.
fn frr(scene: &Scene, router: usize, priority: u8) -> Frr {
    let node = &scene.nodes[router];
    for (device, mac, addresses) in [
        ("vrrp4", "00:00:5e:00:01:0a", &["203.0.113.1/32"][..]),
        ("vrrp6", "00:00:5e:00:02:0a", &["fe80::1/64", "2001:db8:20::1/128"][..]),
    ] {
        if node.run("ip", &["link", "show", device]).is_err() {
            node.ip(&format!("link add {device} link eth-lan type macvlan mode bridge"));
            node.ip(&format!("link set {device} address {mac} addrgenmode none"));
            node.address(device, addresses);
            node.ip(&format!("link set {device} up"));
        }
    }
    let config = format!(
        "interface eth-lan\n vrrp 10 version 3\n vrrp 10 priority {priority}\n \
         vrrp 10 advertisement-interval {INTERVAL}\n vrrp 10 ip 203.0.113.1\n vrrp 10 ipv6 fe80::1\n \
         vrrp 10 ipv6 2001:db8:20::1\nexit\n"
    );
    Frr::with(node, &config, &["zebra", "vrrpd"])
}

fn frr_is(frr: &Frr, state: &str) -> bool {
    let groups = frr.json("show vrrp json");
    ["v4", "v6"].iter().all(|f| groups[0][f]["status"] == state)
}

#[test]
fn vrrpd_of_frr_takes_over_from_us_and_gives_back() {
    let scene = Scene::new();
    let mut one = Router::start(&scene.nodes[0], &config(200));
    scene.prepare(1);
    let two = frr(&scene, 1, 150);
    until("us to be the gateway", || is(&one, "Master") && frr_is(&two, "Backup") && scene.leads_to(0));
    let mut probe = scene.probe();
    probe.begin();
    assert!(one.stop().success());
    none_lost(&probe.settle("we stop, FRR takes over", || frr_is(&two, "Master") && scene.leads_to(1)));
    probe.begin();
    let one = Router::again(&scene.nodes[0]);
    let losses = probe.settle("we return, FRR gives back", || {
        is(&one, "Master") && frr_is(&two, "Backup") && scene.leads_to(0)
    });
    none_lost(&losses);
    let losses = probe.during("our links cut, FRR takes over", || scene.plug(0, false), || scene.leads_to(1));
    at_most(&losses, silent(150));
}

#[test]
fn we_take_over_from_vrrpd_of_frr_and_give_back() {
    let scene = Scene::new();
    scene.prepare(0);
    let one = frr(&scene, 0, 200);
    let two = Router::start(&scene.nodes[1], &config(150));
    until("FRR to be the gateway", || is(&two, "Backup") && frr_is(&one, "Master") && scene.leads_to(0));
    let mut probe = scene.probe();
    let losses = probe.during(
        "FRR's links cut, we take over",
        || scene.plug(0, false),
        || is(&two, "Master") && scene.leads_to(1),
    );
    at_most(&losses, silent(150));
    let losses = probe.during(
        "FRR returns, we give back",
        || scene.plug(0, true),
        || is(&two, "Backup") && scene.leads_to(0),
    );
    at_most(&losses, silent(150));
    let losses = probe.during(
        "FRR stops, we take over",
        || one.signal("vrrpd", "TERM"),
        || is(&two, "Master") && scene.leads_to(1),
    );
    none_lost(&losses);
}
