//! Where a peer may be and what it may be to us: behind another router, in a listen range, at a link-local address, twice
//! with equal paths, over IPv6 with IPv4 routes, in a role. `docs/interop.md` points here.

use router_tests::lab::{Lab, Node};
use router_tests::peers::{ExaBgp, Frr, GoBgp, OpenBgpd, Router};
use serde_json::json;

use crate::common::*;
use crate::matrix::{ONE, TWO, both, capable, neighbor, path};
use crate::plans::*;
use crate::unnumbered::bare;

/// R and P with a router between them; each peer in turn has a session from loopback to loopback.
#[test]
fn bird_gobgp_openbgpd_and_exabgp_have_multihop_sessions_with_us() {
    let Two { r, p, .. } = &routed();
    let lines = format!(
        " neighbor 10.255.0.2 remote-as 65002\n neighbor 10.255.0.2 timers connect 1\n \
         neighbor 10.255.0.2 ebgp-multihop 3\n neighbor 10.255.0.2 update-source lo\n \
         address-family ipv4 unicast\n  network {OURS}\n exit-address-family"
    );
    let _router = Router::start(r, &(bgp(65001, "10.255.0.1", &lines) + ROUTED));
    for (name, start) in PEERS {
        let plan = Plan { us: "10.255.0.1", them: "10.255.0.2", far: true, ..USUAL };
        let peer = start(p, &plan);
        until(name, || peer.up("10.255.0.1"));
        wait_gateways(r, THEIRS, &["10.1.0.9"]);
        drop(peer);
        wait_gone(r, THEIRS);
    }
}

#[test]
fn bird_gobgp_openbgpd_and_exabgp_come_in_by_a_listen_range() {
    let lab = two();
    let lines = format!(
        " neighbor HOSTS peer-group\n neighbor HOSTS remote-as external\n neighbor HOSTS password ranged\n \
         bgp listen range 10.0.0.0/24 peer-group HOSTS\n address-family ipv4 unicast\n  network {OURS}\n \
         exit-address-family"
    );
    let _router = Router::start(&lab.r, &bgp(65001, ONE, &lines));
    for (name, start) in PEERS {
        let peer = start(&lab.p, &Plan { password: "ranged", ..USUAL });
        until(name, || peer.up(ONE));
        wait_gateways(&lab.r, THEIRS, &[TWO]);
        drop(peer);
        wait_gone(&lab.r, THEIRS);
    }
}

/// Two of each peer, in one AS, say the same.
#[test]
fn equal_paths_of_two_birds_gobgps_openbgpds_or_exabgps_share_the_load() {
    let lab = Lab::new();
    let [r, a, b] = ["r", "a", "b"].map(|n| lab.node(n));
    let (first, second) = ("10.0.0.2", "10.0.0.3");
    lab.bridge(
        "lan",
        &[(&r, "eth0", &["10.0.0.1/24"]), (&a, "eth0", &["10.0.0.2/24"]), (&b, "eth0", &["10.0.0.3/24"])],
    );
    let of = |peer: &str| format!(" neighbor {peer} remote-as 65002\n neighbor {peer} timers connect 1\n");
    let _router = Router::start(&r, &bgp(65001, ONE, &(of(first) + &of(second))));
    for (_, start) in PEERS {
        let peer = start(&a, &USUAL);
        let other = start(&b, &Plan { them: second, ..USUAL });
        wait_gateways(&r, THEIRS, &[first, second]);
        drop(peer);
        wait_gateways(&r, THEIRS, &[second]);
        drop(other);
        wait_gone(&r, THEIRS);
    }
}

/// R's neighbour P at a link-local address, and what R calls P's route over it.
fn at_link_local(more: &str) -> (Node, Node, Lab, Router) {
    let (r, p, lab) = bare();
    r.address("eth0", &["fe80::1/64"]);
    p.address("eth0", &["fe80::2/64"]);
    let lines = format!(
        " no bgp default ipv4-unicast\n neighbor fe80::2 remote-as 65002\n neighbor fe80::2 interface eth0\n \
         neighbor fe80::2 timers connect 1\n{more} address-family ipv4 unicast\n  network {OURS}\n \
         exit-address-family\n address-family ipv6 unicast\n  network {OURS6}\n  neighbor fe80::2 activate\n \
         exit-address-family"
    );
    let router = Router::start(&r, &bgp(65001, ONE, &lines));
    (r, p, lab, router)
}

#[test]
fn gobgp_at_a_link_local_address_gives_and_takes_both_families_over_it() {
    let ipv4 = " neighbor fe80::2 capability extended-nexthop\n address-family ipv4 unicast\n  \
                neighbor fe80::2 activate\n exit-address-family\n";
    let (r, p, _lab, router) = at_link_local(ipv4);
    let family = |name: &str| {
        format!("[[neighbors.afi-safis]]\n[neighbors.afi-safis.config]\nafi-safi-name = \"{name}-unicast\"\n")
    };
    let config = format!(
        "[global.config]\nas = 65002\nrouter-id = \"{TWO}\"\n[[neighbors]]\n[neighbors.config]\n\
         neighbor-address = \"fe80::1%eth0\"\npeer-as = 65001\n[neighbors.timers.config]\nconnect-retry = 1\n\
         idle-hold-time-after-reset = 1\n{}{}",
        family("ipv4"),
        family("ipv6")
    );
    let gobgp = GoBgp::start(&p, &config);
    for (version, prefix) in [("ipv4", THEIRS), ("ipv6", THEIRS6)] {
        gobgp.gobgp(&format!("global rib add -a {version} {prefix} nexthop fe80::2 origin igp")).unwrap();
    }
    until("the session", || neighbor(&router, "fe80::2")["bgpState"] == "Established");
    capable(&router, "fe80::2", &[("extendedNexthop", both())]);
    wait_gateways(&r, THEIRS, &["fe80::2"]);
    wait_gateways(&r, THEIRS6, &["fe80::2"]);
    until("our prefixes at GoBGP", || !gobgp.paths(OURS).is_empty() && !gobgp.paths(OURS6).is_empty());
    let attrs = gobgp.paths(OURS)[0]["attrs"].to_string();
    assert!(attrs.contains("\"nexthop\":\"fe80::"), "{attrs}");
}

#[test]
fn frr_at_a_link_local_address_is_a_neighbour_like_others() {
    let (r, p, _lab, _router) = at_link_local("");
    let lines = format!(
        " no bgp default ipv4-unicast\n neighbor fe80::1 remote-as 65001\n neighbor fe80::1 interface eth0\n \
         neighbor fe80::1 timers connect 1\n address-family ipv6 unicast\n  network {THEIRS6}\n  \
         neighbor fe80::1 activate\n exit-address-family"
    );
    let frr = Frr::start(&p, &bgp(65002, TWO, &lines));
    wait_gateways(&r, THEIRS6, &["fe80::2"]);
    until("our prefix at FRR", || frr.path(OURS6).is_some_and(|p| p["valid"] == true));
}

#[test]
fn openbgpd_at_a_link_local_address_is_a_neighbour_like_others() {
    let (r, p, _lab, _router) = at_link_local("");
    let config = format!(
        "AS 65002\nrouter-id {TWO}\nfib-update no\nconnect-retry 1\nnetwork {THEIRS6}\n\
         neighbor fe80::1%eth0 {{\n remote-as 65001\n local-address fe80::2%eth0\n announce IPv4 none\n \
         announce IPv6 unicast\n}}\nallow from any\nallow to any\n"
    );
    let openbgpd = OpenBgpd::start(&p, &config);
    wait_gateways(&r, THEIRS6, &["fe80::2"]);
    until("our prefix at OpenBGPD", || openbgpd.path(OURS6).is_some());
}

#[test]
fn exabgp_gives_and_takes_ipv4_over_an_ipv6_session_and_can_restart() {
    let lab = two();
    let lines = format!(
        " neighbor 2001:db8::2 remote-as 65002\n neighbor 2001:db8::2 capability extended-nexthop\n \
         neighbor 2001:db8::2 timers connect 1\n address-family ipv4 unicast\n  network {OURS}\n  \
         neighbor 2001:db8::2 activate\n exit-address-family"
    );
    let router = Router::start(&lab.r, &bgp(65001, ONE, &lines));
    let config = format!(
        "neighbor 2001:db8::1 {{ router-id {TWO}; local-address 2001:db8::2; local-as 65002; peer-as 65001; \
         capability {{ nexthop enable; graceful-restart 77; }} nexthop {{ ipv4 unicast ipv6; }} \
         family {{ ipv4 unicast; ipv6 unicast; }} api {{ processes [ ear, mouth ]; neighbor-changes; \
         receive {{ parsed; update; }} }} static {{ route {THEIRS} next-hop 2001:db8::2; }} }}\n"
    );
    let exabgp = ExaBgp::start(&lab.p, &config);
    until("the session", || router.established("2001:db8::2"));
    capable(
        &router,
        "2001:db8::2",
        &[("gracefulRestart", both()), ("gracefulRestartRemoteTimerSec", json!(77))],
    );
    capable(&router, "2001:db8::2", &[("extendedNexthop", both())]);
    wait_gateways(&lab.r, THEIRS, &["2001:db8::2"]);
    until("our prefix at ExaBGP over IPv6", || {
        exabgp.heard().iter().any(|m| {
            let announced = m["neighbor"]["message"]["update"]["announce"]["ipv4 unicast"].to_string();
            announced.contains(OURS) && announced.contains("2001:db8::1")
        })
    });
}

/// The roles that fit and those that do not, with each peer that knows them besides FRR; `otc` is our mark at P.
fn roles(start: impl Fn(&Node, &Plan<'_>, &str) -> Box<dyn Far>, otc: impl Fn(&Node) -> bool) {
    let ours = |role: &str| {
        let lines = format!(
            " neighbor {TWO} remote-as 65002\n neighbor {TWO} timers connect 1\n neighbor {TWO} local-role {role}\n \
             address-family ipv4 unicast\n  network {OURS}\n exit-address-family"
        );
        bgp(65001, ONE, &lines)
    };
    for (role, theirs, mark) in [("provider", "customer", false), ("peer", "peer", true)] {
        let lab = two();
        let router = Router::start(&lab.r, &ours(role));
        let peer = start(&lab.p, &USUAL, theirs);
        until("the session", || peer.up(ONE) && router.established(TWO));
        until("the route of P", || path(&router, THEIRS)["valid"] == true);
        let found = path(&router, THEIRS);
        assert_eq!(found["otc"].as_u64(), mark.then_some(65002), "{role}: {found}");
        until("our mark at P", || otc(&lab.p));
    }
    let lab = two();
    let router = Router::start(&lab.r, &ours("customer"));
    let peer = start(&lab.p, &USUAL, "customer");
    until("the refusal", || neighbor(&router, TWO)["lastErrorCodeSubcode"] == "020B");
    assert!(!peer.up(ONE) && !router.established(TWO));
}

#[test]
fn bird_and_we_mark_routes_by_our_roles_and_refuse_roles_that_do_not_fit() {
    roles(
        |node, plan, role| Box::new(bird(node, &Plan { more: &format!("local role {role};"), ..*plan })),
        |node| {
            let socket = node.file("bird.ctl");
            let args = ["-s", socket.to_str().unwrap(), "show", "route", "all", "for", OURS];
            node.run("/usr/sbin/birdc", &args).is_ok_and(|t| t.contains("BGP.otc: 65001"))
        },
    );
}

#[test]
fn openbgpd_and_we_mark_routes_by_our_roles_and_refuse_roles_that_do_not_fit() {
    roles(
        |node, plan, role| {
            Box::new(openbgpd(node, &Plan { more: &format!(" announce policy {role}\n"), ..*plan }))
        },
        |node| {
            let socket = node.file("openbgpd.sock");
            let args = ["-s", socket.to_str().unwrap(), "show", "rib", "detail", OURS];
            node.run("/usr/sbin/bgpctl", &args).is_ok_and(|t| t.to_lowercase().contains("otc"))
        },
    );
}
