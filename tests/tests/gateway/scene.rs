//! A client and the wide world with two routers between them, and what the tests ask of them.

use std::net::IpAddr;
use std::time::Duration;

use router_tests::lab::{Lab, Node};
use router_tests::peers::Router;
use router_tests::probe::{Loss, Probe};
use router_tests::wait::wait_for;

const PATIENCE: Duration = Duration::from_secs(20);

/// The advertisement interval among different projects, in milliseconds.
pub const INTERVAL: u64 = 100;
/// What anything but the timers may take.
pub const MARGIN: Duration = Duration::from_millis(10);
/// What other projects may take on top of theory, which they hold to less closely.
pub const FOREIGN: Duration = Duration::from_millis(150);

const WORLD: [&str; 2] = ["198.51.100.1", "2001:db8:100::1"];

/// How long a silent death lasts for a backup of this priority: three intervals and its skew.
pub fn silent(interval: u64, priority: u64) -> Duration {
    Duration::from_micros(1000 * 3 * interval + 1000 * interval * (256 - priority) / 256)
}

pub fn config(priority: u8, interval: u64) -> String {
    format!(
        "log stdout debugging\nip forwarding\nipv6 forwarding\n\
         ip route 198.51.100.0/24 192.0.2.1\nipv6 route 2001:db8:100::/48 2001:db8:2::1\n\
         interface eth-lan\n vrrp 10 version 3\n vrrp 10 priority {priority}\n \
         vrrp 10 advertisement-interval {interval}\n vrrp 10 ip 203.0.113.1\n vrrp 10 ipv6 fe80::1\n \
         vrrp 10 ipv6 2001:db8:20::1\nexit\n"
    )
}

/// An address of the wide world behind two routers, and a client before them.
pub struct Scene {
    /// The routers.
    pub nodes: [Node; 2],
    /// Those of the wide world and of the client; each router has the port of its number.
    pub switches: [Node; 2],
    client: Node,
    world: Node,
    _lab: Lab,
}

impl Scene {
    pub fn new() -> Scene {
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

    pub fn probe(&self) -> Probe {
        Probe::start(&self.client, &self.world, WORLD.map(|a| a.parse::<IpAddr>().expect("an address")))
    }

    /// Both links of a router pass nothing from now on, or something again; it sees no loss of carrier.
    pub fn plug(&self, router: usize, plugged: bool) {
        for switch in &self.switches {
            let bridge = if plugged { "master br0" } else { "nomaster" };
            switch.ip(&format!("link set port{router} {bridge}"));
        }
    }

    /// What a router of another project needs, which leaves addresses, routes and forwarding to the operator.
    pub fn prepare(&self, router: usize) {
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
    pub fn leads_to(&self, router: usize) -> bool {
        let table = self.switches[1].run("bridge", &["fdb", "show", "br", "br0"]).unwrap_or_default();
        ["00:00:5e:00:01:0a", "00:00:5e:00:02:0a"]
            .iter()
            .all(|mac| table.lines().any(|l| l.starts_with(mac) && l.contains(&format!("port{router} "))))
    }

    /// The MAC of a router's own interface to the client.
    pub fn mac(&self, router: usize) -> String {
        let shown = self.nodes[router].ip("-br link show dev eth-lan");
        shown.split_whitespace().nth(2).expect("a MAC").to_owned()
    }

    /// Makes the client ask who the gateway is, so that it learns afterwards.
    pub fn greet(&self) {
        for version in ["-4", "-6"] {
            let gateway = if version == "-4" { "203.0.113.1" } else { "2001:db8:20::1" };
            until("the gateway to answer", || {
                self.client.run("ping", &[version, "-c", "1", "-W", "1", gateway]).is_ok()
            });
        }
    }

    /// Whether the client sends to a router's own MAC.
    pub fn learned(&self, router: usize) -> bool {
        let mac = self.mac(router);
        ["203.0.113.1", "2001:db8:20::1"].iter().all(|gateway| {
            let known = self.client.run("ip", &["neigh", "show", gateway]).unwrap_or_default();
            known.contains(&mac)
        })
    }
}

pub fn is(router: &Router, state: &str) -> bool {
    let shown = router.vtysh("show vrrp json").unwrap_or_default();
    let groups: serde_json::Value = serde_json::from_str(&shown).unwrap_or_default();
    ["v4", "v6"].iter().all(|f| groups[0][f]["status"] == state)
}

#[track_caller]
pub fn until(what: &str, condition: impl FnMut() -> bool) {
    wait_for(PATIENCE, what, condition);
}

#[track_caller]
pub fn none_lost(losses: &[Loss]) {
    assert!(losses.iter().all(|l| l.lost == 0), "{losses:?}");
}

#[track_caller]
pub fn at_most(losses: &[Loss], bound: Duration) {
    assert!(losses.iter().all(|l| l.longest <= bound), "more than {bound:?}: {losses:?}");
}
