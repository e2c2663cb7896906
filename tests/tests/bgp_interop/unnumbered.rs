//! Neighbours without addresses: named by interface and found by router advertisements, or by a link-local address
//! with its interface.

use router_tests::lab::{Lab, Node};
use router_tests::peers::{Bird, Frr, Router};

use crate::common::*;

/// Two nodes whose link has link-local addresses only.
pub fn bare() -> (Node, Node, Lab) {
    let lab = Lab::new();
    let (r, p) = (lab.node("r"), lab.node("p"));
    lab.link((&r, "eth0", &[]), (&p, "eth0", &[]));
    (r, p, lab)
}

fn conf(me: u8, asn: u32, networks: [&str; 2]) -> String {
    format!(
        "log stdout debugging\nip forwarding\nipv6 forwarding\nrouter bgp {asn}\n bgp router-id 10.0.0.{me}\n \
         no bgp ebgp-requires-policy\n no bgp network import-check\n neighbor eth0 interface remote-as external\n \
         neighbor eth0 timers connect 1\n address-family ipv4 unicast\n  network {}\n exit-address-family\n \
         address-family ipv6 unicast\n  network {}\n  neighbor eth0 activate\n exit-address-family\nexit\n",
        networks[0], networks[1]
    )
}

fn link_local(node: &Node) -> String {
    let shown = node.run("ip", &["-6", "-o", "addr", "show", "dev", "eth0", "scope", "link"]).unwrap();
    let net = shown.split_whitespace().find(|w| w.starts_with("fe80::")).unwrap();
    net.split('/').next().unwrap().to_owned()
}

/// The summary's state of a neighbour.
fn up(router: &Router, neighbor: &str) -> bool {
    let shown = router.vtysh("show bgp summary json").unwrap_or_default();
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap_or_default();
    ["ipv4Unicast", "ipv6Unicast"].iter().all(|f| shown[f]["peers"][neighbor]["state"] == "Established")
}

#[test]
fn frr_and_we_find_each_other_on_a_link_without_addresses() {
    let (r, p, _lab) = bare();
    let router = Router::start(&r, &conf(1, 65001, [OURS, OURS6]));
    let frr = Frr::start(&p, &conf(2, 65002, [THEIRS, THEIRS6]));
    until("the session, by us", || up(&router, "eth0"));
    until("our prefixes at FRR", || frr.path(OURS).is_some() && frr.path(OURS6).is_some());
    wait_gateways(&r, THEIRS, &[&link_local(&p)]);
    wait_gateways(&r, THEIRS6, &[&link_local(&p)]);
    wait_gateways(&p, OURS6, &[&link_local(&r)]);
    let shown = router.vtysh("show bgp neighbors eth0").unwrap();
    let first =
        format!("BGP neighbor on eth0: {}, remote AS 65002, local AS 65001, external link", link_local(&p));
    assert!(shown.starts_with(&first), "{shown}");
    let table = router.vtysh("show bgp ipv4 unicast").unwrap();
    assert!(table.contains(" *>  203.0.113.0/24   eth0 "), "{table}");
    // A session that is reset finds its way again.
    router.vtysh("clear bgp eth0").unwrap();
    until("the session to end", || router.log().contains("neighbor Down"));
    until("the session again", || up(&router, "eth0"));
    wait_gateways(&r, THEIRS, &[&link_local(&p)]);
}

#[test]
fn two_of_ours_find_each_other_and_a_router_that_comes_back_with_another_address() {
    let (r, p, _lab) = bare();
    let one = Router::start(&r, &conf(1, 65001, [OURS, OURS6]));
    let mut two = Router::start(&p, &conf(2, 65002, [THEIRS, THEIRS6]));
    until("the session", || up(&one, "eth0") && up(&two, "eth0"));
    wait_gateways(&r, THEIRS, &[&link_local(&p)]);
    wait_gateways(&p, OURS, &[&link_local(&r)]);
    two.kill();
    p.ip("addr flush dev eth0");
    p.address("eth0", &["fe80::77/64"]);
    let _two = Router::again(&p);
    until("the session with the new address", || up(&one, "eth0"));
    wait_gateways(&r, THEIRS, &["fe80::77"]);
}

#[test]
fn a_network_of_two_addresses_tells_the_neighbour_s() {
    let (r, p, _lab) = bare();
    r.address("eth0", &["192.0.2.0/31"]);
    p.address("eth0", &["192.0.2.1/31"]);
    let router = Router::start(&r, &conf(1, 65001, [OURS, OURS6]));
    let frr = Frr::start(&p, &conf(2, 65002, [THEIRS, THEIRS6]));
    until("the session, by us", || up(&router, "eth0"));
    until("our prefix at FRR", || frr.path(OURS).is_some());
    wait_gateways(&r, THEIRS, &["192.0.2.1"]);
}

#[test]
fn bird_at_a_link_local_address_is_a_neighbour_like_others() {
    let (r, p, _lab) = bare();
    r.address("eth0", &["fe80::1/64"]);
    p.address("eth0", &["fe80::2/64"]);
    let ours = "log stdout debugging\nipv6 forwarding\nrouter bgp 65001\n bgp router-id 10.0.0.1\n \
                no bgp ebgp-requires-policy\n no bgp network import-check\n no bgp default ipv4-unicast\n \
                neighbor fe80::2 remote-as 65002\n neighbor fe80::2 interface eth0\n \
                neighbor fe80::2 timers connect 1\n address-family ipv6 unicast\n  network 2001:db8:a::/48\n  \
                neighbor fe80::2 activate\n exit-address-family\nexit\n";
    let router = Router::start(&r, ours);
    let bird = format!(
        "router id 10.0.0.2;\nprotocol device {{}}\nprotocol static {{ ipv6; route {THEIRS6} unreachable; }}\n\
         protocol bgp v6 {{ local fe80::2 as 65002; neighbor fe80::1%'eth0' as 65001; connect retry time 1; \
         connect delay time 1; ipv6 {{ import all; export all; }}; }}\n"
    );
    let bird = Bird::start(&p, &bird);
    until("the session", || bird.established("v6"));
    wait_gateways(&r, THEIRS6, &["fe80::2"]);
    until("our prefix at BIRD", || bird.route(OURS6).contains("fe80::1"));
    let shown = router.vtysh("show running-config").unwrap();
    assert!(shown.contains(" neighbor fe80::2 interface eth0\n"), "{shown}");
}
