//! The laboratory that most stories share: our router R and one peer P on a link.

use router_tests::kernel;
use router_tests::lab::{Lab, Node};
use router_tests::peers::{Frr, Router};
use router_tests::wait::{PATIENCE, wait_for, wait_ok};

/// R at 10.0.0.1 and 2001:db8::1, P at 10.0.0.2 and 2001:db8::2, both on `eth0`.
pub struct Two {
    pub r: Node,
    pub p: Node,
    // The nodes' namespaces go with it: last.
    _lab: Lab,
}

pub fn two() -> Two {
    let lab = Lab::new();
    let (r, p) = (lab.node("r"), lab.node("p"));
    lab.link(
        (&r, "eth0", &["10.0.0.1/24", "2001:db8::1/64"]),
        (&p, "eth0", &["10.0.0.2/24", "2001:db8::2/64"]),
    );
    Two { r, p, _lab: lab }
}

/// Nodes on one segment, the first at 10.0.0.1, the second at 10.0.0.2 and so on, all on `eth0`.
pub fn lan<const N: usize>(names: [&str; N]) -> (Lab, [Node; N]) {
    let lab = Lab::new();
    let nodes = names.map(|name| lab.node(name));
    let addresses: Vec<String> = (1..=N).map(|n| format!("10.0.0.{n}/24")).collect();
    let addresses: Vec<[&str; 1]> = addresses.iter().map(|a| [a.as_str()]).collect();
    let ends: Vec<_> = nodes.iter().zip(&addresses).map(|(node, a)| (node, "eth0", &a[..])).collect();
    lab.bridge("lan", &ends);
    (lab, nodes)
}

/// R and P with a router between them, at 10.1.0.9 and 10.2.0.9: R is 10.255.0.1 with [`ROUTED`], P 10.255.0.2.
pub fn routed() -> Two {
    let lab = Lab::new();
    let (r, m, p) = (lab.node("r"), lab.node("m"), lab.node("p"));
    lab.link((&r, "eth0", &["10.1.0.1/24"]), (&m, "eth0", &["10.1.0.9/24"]));
    lab.link((&p, "eth0", &["10.2.0.2/24"]), (&m, "eth1", &["10.2.0.9/24"]));
    m.enter(|| std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap());
    m.ip("route add 10.255.0.1/32 via 10.1.0.1");
    m.ip("route add 10.255.0.2/32 via 10.2.0.2");
    p.address("lo", &["10.255.0.2/32"]);
    p.ip("route add 10.255.0.1/32 via 10.2.0.9");
    // The node between them stays with the laboratory.
    Two { r, p, _lab: lab }
}

/// What R needs there.
pub const ROUTED: &str = "ip route 10.255.0.2/32 10.1.0.9\ninterface lo\n ip address 10.255.0.1/32\nexit\n";

/// R announces these.
pub const OURS: &str = "198.51.100.0/24";
pub const OURS6: &str = "2001:db8:a::/48";
/// P announces these.
pub const THEIRS: &str = "203.0.113.0/24";
pub const THEIRS6: &str = "2001:db8:b::/48";

/// A configuration in FRR's language with sessions over both families to the other end of the link.
/// `me` is the last digit of our addresses, `neighbor` stands behind each `neighbor A`.
pub fn conf(me: u8, asn: u32, remote: u32, networks: [&str; 2], neighbor: &[&str]) -> String {
    let you = 3 - me;
    let (v4, v6) = (format!("10.0.0.{you}"), format!("2001:db8::{you}"));
    let mut text = format!(
        "log stdout debugging\nip forwarding\nipv6 forwarding\nrouter bgp {asn}\n bgp router-id 10.0.0.{me}\n \
         no bgp ebgp-requires-policy\n no bgp network import-check\n"
    );
    for addr in [&v4, &v6] {
        text += &format!(" neighbor {addr} remote-as {remote}\n neighbor {addr} timers connect 1\n");
        for line in neighbor {
            text += &format!(" neighbor {addr} {line}\n");
        }
    }
    text + &format!(
        " address-family ipv4 unicast\n  network {}\n  no neighbor {v6} activate\n exit-address-family\n \
         address-family ipv6 unicast\n  network {}\n  neighbor {v6} activate\n exit-address-family\nexit\n",
        networks[0], networks[1]
    )
}

/// R's usual configuration.
pub fn ours(asn: u32, remote: u32, neighbor: &[&str]) -> String {
    conf(1, asn, remote, [OURS, OURS6], neighbor)
}

/// The usual configuration of an FRR at P.
pub fn theirs(asn: u32, remote: u32, neighbor: &[&str]) -> String {
    conf(2, asn, remote, [THEIRS, THEIRS6], neighbor)
}

/// One IPv4 session and whatever else: `lines` stand under `router bgp`.
pub fn bgp(asn: u32, id: &str, lines: &str) -> String {
    format!(
        "log stdout debugging\nip forwarding\nipv6 forwarding\nrouter bgp {asn}\n bgp router-id {id}\n \
         no bgp ebgp-requires-policy\n no bgp network import-check\n{lines}\nexit\n"
    )
}

/// Waits until the kernel of `node` forwards a prefix over just these gateways by a route of BGP.
#[track_caller]
pub fn wait_gateways(node: &Node, prefix: &str, gateways: &[&str]) {
    wait_ok(PATIENCE, &format!("{prefix} over {gateways:?} in the kernel"), || {
        let found = kernel::gateways(node, prefix, kernel::BGP);
        if found == gateways { Ok(()) } else { Err(format!("found {found:?}")) }
    });
}

/// Waits until the kernel of `node` has no route of BGP to a prefix.
#[track_caller]
pub fn wait_gone(node: &Node, prefix: &str) {
    wait_for(PATIENCE, &format!("{prefix} to be gone from the kernel"), || {
        kernel::of(node, prefix, kernel::BGP).is_none()
    });
}

/// Waits until a condition holds, with the usual patience.
#[track_caller]
pub fn until(what: &str, condition: impl FnMut() -> bool) {
    wait_for(PATIENCE, what, condition);
}

/// One of the two that are compared: our router or an FRR.
pub enum Either {
    Ours(Router),
    Frr(Frr),
}

impl Either {
    pub fn start(node: &Node, ours: bool, conf: &str) -> Either {
        if ours { Either::Ours(Router::start(node, conf)) } else { Either::Frr(Frr::start(node, conf)) }
    }

    pub fn reload(&self, conf: &str, lines: &str) {
        match self {
            Either::Ours(router) => router.reload(conf),
            Either::Frr(frr) => _ = frr.vtysh(&format!("configure terminal\n{lines}")).unwrap(),
        }
    }

    pub fn vtysh(&self, command: &str) -> String {
        match self {
            Either::Ours(router) => router.vtysh(command),
            Either::Frr(frr) => frr.vtysh(command),
        }
        .unwrap_or_default()
    }
}
