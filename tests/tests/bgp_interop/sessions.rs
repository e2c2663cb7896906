//! Sessions of both families, within and between ASes, with each of the peers: routes both ways, seen in the
//! peer's own words and in our kernel.

use router_tests::peers::{Bird, ExaBgp, Frr, GoBgp, OpenBgpd, Router};

use crate::common::*;

/// Both of P's prefixes are in R's kernel over P. Where IPv6 next hops lead depends on the peer: the global address
/// or the link-local one.
fn installed(lab: &Two) {
    wait_gateways(&lab.r, THEIRS, &["10.0.0.2"]);
    until("P's IPv6 prefix in the kernel", || {
        let via = router_tests::kernel::gateways(&lab.r, THEIRS6, router_tests::kernel::BGP);
        matches!(&via[..], [one] if one == "2001:db8::2" || one.starts_with("fe80:"))
    });
}

fn frr(asns: [u32; 2]) {
    let lab = two();
    let router = Router::start(&lab.r, &ours(asns[0], asns[1], &[]));
    let frr = Frr::start(&lab.p, &theirs(asns[1], asns[0], &[]));
    until("both sessions, by FRR", || frr.established("10.0.0.1") && frr.established("2001:db8::1"));
    until("both sessions, by us", || router.established("10.0.0.2") && router.established("2001:db8::2"));
    let path = if asns[0] == asns[1] { String::new() } else { asns[0].to_string() };
    for (prefix, hop) in [(OURS, "10.0.0.1"), (OURS6, "2001:db8::1")] {
        until("our prefix at FRR", || frr.path(prefix).is_some_and(|p| p["valid"] == true));
        let route = frr.path(prefix).unwrap();
        assert_eq!(
            route["aspath"]["string"].as_str().unwrap_or(""),
            if path.is_empty() { "Local" } else { &path }
        );
        assert_eq!(route["origin"], "IGP");
        let hops: Vec<&str> =
            route["nexthops"].as_array().unwrap().iter().filter_map(|h| h["ip"].as_str()).collect();
        assert!(hops.contains(&hop), "{hops:?}");
    }
    installed(&lab);
}

#[test]
fn frr_of_another_as_exchanges_routes_of_both_families() {
    frr([65001, 65002]);
}

#[test]
fn frr_of_our_as_exchanges_routes_of_both_families() {
    frr([65001, 65001]);
}

#[test]
fn frr_and_we_have_as_numbers_of_four_octets() {
    frr([4200000001, 4200000002]);
}

pub fn bird_conf(asns: [u32; 2], options: &str) -> String {
    let [us, them] = asns;
    format!(
        "router id 10.0.0.2;\nlog stderr all;\nprotocol device {{}}\n\
         protocol static s4 {{ ipv4; route {THEIRS} blackhole; }}\n\
         protocol static s6 {{ ipv6; route {THEIRS6} blackhole; }}\n\
         template bgp ours {{ connect delay time 1; connect retry time 1; error wait time 1, 2; {options} }}\n\
         protocol bgp v4 from ours {{ local 10.0.0.2 as {them}; neighbor 10.0.0.1 as {us}; \
         ipv4 {{ import all; export all; next hop self; }}; }}\n\
         protocol bgp v6 from ours {{ local 2001:db8::2 as {them}; neighbor 2001:db8::1 as {us}; \
         ipv6 {{ import all; export all; next hop self; }}; }}\n"
    )
}

fn bird(asns: [u32; 2]) {
    let lab = two();
    let router = Router::start(&lab.r, &ours(asns[0], asns[1], &[]));
    let bird = Bird::start(&lab.p, &bird_conf(asns, ""));
    until("both sessions, by BIRD", || bird.established("v4") && bird.established("v6"));
    until("both sessions, by us", || router.established("10.0.0.2") && router.established("2001:db8::2"));
    for (prefix, hop) in [(OURS, "10.0.0.1"), (OURS6, "2001:db8::1")] {
        until("our prefix at BIRD", || !bird.route(prefix).is_empty());
        let route = bird.route(prefix);
        let path = if asns[0] == asns[1] { String::new() } else { asns[0].to_string() };
        assert!(route.contains(&format!("BGP.as_path: {path}\n")), "{route}");
        assert!(route.contains(&format!("BGP.next_hop: {hop}")), "{route}");
        assert!(route.contains("BGP.origin: IGP"), "{route}");
    }
    installed(&lab);
}

#[test]
fn bird_of_another_as_exchanges_routes_of_both_families() {
    bird([65001, 65002]);
}

#[test]
fn bird_of_our_as_exchanges_routes_of_both_families() {
    bird([65001, 65001]);
}

pub fn gobgp_conf(asns: [u32; 2]) -> String {
    let mut text = format!("[global.config]\nas = {}\nrouter-id = \"10.0.0.2\"\n", asns[1]);
    for (addr, family) in [("10.0.0.1", "ipv4-unicast"), ("2001:db8::1", "ipv6-unicast")] {
        text += &format!(
            "[[neighbors]]\n[neighbors.config]\nneighbor-address = \"{addr}\"\npeer-as = {}\n\
             [neighbors.timers.config]\nconnect-retry = 1\nidle-hold-time-after-reset = 1\n\
             [[neighbors.afi-safis]]\n[neighbors.afi-safis.config]\nafi-safi-name = \"{family}\"\n",
            asns[0]
        );
    }
    text
}

fn gobgp(asns: [u32; 2]) {
    let lab = two();
    let router = Router::start(&lab.r, &ours(asns[0], asns[1], &[]));
    let gobgp = GoBgp::start(&lab.p, &gobgp_conf(asns));
    gobgp.gobgp(&format!("global rib add -a ipv4 {THEIRS} origin igp")).unwrap();
    gobgp.gobgp(&format!("global rib add -a ipv6 {THEIRS6} origin igp")).unwrap();
    until("both sessions, by GoBGP", || gobgp.established("10.0.0.1") && gobgp.established("2001:db8::1"));
    until("both sessions, by us", || router.established("10.0.0.2") && router.established("2001:db8::2"));
    for (prefix, hop) in [(OURS, "10.0.0.1"), (OURS6, "2001:db8::1")] {
        until("our prefix at GoBGP", || !gobgp.paths(prefix).is_empty());
        let attrs = gobgp.paths(prefix)[0]["attrs"].clone();
        let of = |kind: u64| attrs.as_array().unwrap().iter().find(|a| a["type"] == kind).cloned();
        let next_hop = of(3).or(of(14)).unwrap()["nexthop"].clone();
        assert_eq!(next_hop, hop, "{attrs}");
        let path = of(2).unwrap()["as_paths"][0]["asns"].clone();
        if asns[0] == asns[1] {
            assert!(path.is_null())
        } else {
            assert_eq!(path[0], asns[0])
        };
    }
    installed(&lab);
}

#[test]
fn gobgp_of_another_as_exchanges_routes_of_both_families() {
    gobgp([65001, 65002]);
}

#[test]
fn gobgp_of_our_as_exchanges_routes_of_both_families() {
    gobgp([65001, 65001]);
}

pub fn exabgp_conf(asns: [u32; 2], extra: &str) -> String {
    let neighbor = |us: &str, them: &str, family: &str, route: &str| {
        format!(
            "neighbor {us} {{ router-id 10.0.0.2; local-address {them}; local-as {}; peer-as {}; \
             family {{ {family} unicast; }} {extra} \
             api {{ processes [ ear, mouth ]; neighbor-changes; receive {{ parsed; update; notification; }} }} \
             static {{ route {route} next-hop self; }} }}\n",
            asns[1], asns[0]
        )
    };
    neighbor("10.0.0.1", "10.0.0.2", "ipv4", THEIRS)
        + &neighbor("2001:db8::1", "2001:db8::2", "ipv6", THEIRS6)
}

fn exabgp(asns: [u32; 2]) {
    let lab = two();
    let router = Router::start(&lab.r, &ours(asns[0], asns[1], &[]));
    let exabgp = ExaBgp::start(&lab.p, &exabgp_conf(asns, ""));
    until("both sessions, by us", || router.established("10.0.0.2") && router.established("2001:db8::2"));
    for (prefix, hop) in [(OURS, "10.0.0.1"), (OURS6, "2001:db8::1")] {
        until("our prefix at ExaBGP", || exabgp.heard_of(prefix));
        let message = exabgp.heard().into_iter().find(|m| m.to_string().contains(prefix)).unwrap();
        let update = &message["neighbor"]["message"]["update"];
        assert_eq!(update["attribute"]["origin"], "igp", "{message}");
        assert!(update["announce"].to_string().contains(&format!("\"{hop}\"")), "{message}");
        match asns[0] == asns[1] {
            true => assert_eq!(update["attribute"]["local-preference"], 100, "{message}"),
            false => assert_eq!(update["attribute"]["as-path"], serde_json::json!([asns[0]]), "{message}"),
        }
    }
    installed(&lab);
}

#[test]
fn exabgp_of_another_as_exchanges_routes_of_both_families() {
    exabgp([65001, 65002]);
}

#[test]
fn exabgp_of_our_as_exchanges_routes_of_both_families() {
    exabgp([65001, 65001]);
}

fn openbgpd_conf(asns: [u32; 2], options: &str) -> String {
    let neighbor = |us: &str, them: &str, family: &str, other: &str| {
        format!(
            "neighbor {us} {{\n remote-as {}\n local-address {them}\n announce {family} unicast\n announce {other} none\n \
             {options}\n}}\n",
            asns[0]
        )
    };
    format!(
        "AS {}\nrouter-id 10.0.0.2\nfib-update no\nconnect-retry 1\nnetwork {THEIRS}\nnetwork {THEIRS6}\n",
        asns[1]
    ) + &neighbor("10.0.0.1", "10.0.0.2", "IPv4", "IPv6")
        + &neighbor("2001:db8::1", "2001:db8::2", "IPv6", "IPv4")
        + "allow from any\nallow to any\n"
}

fn openbgpd(asns: [u32; 2]) {
    let lab = two();
    let router = Router::start(&lab.r, &ours(asns[0], asns[1], &[]));
    let openbgpd = OpenBgpd::start(&lab.p, &openbgpd_conf(asns, ""));
    until("both sessions, by OpenBGPD", || {
        openbgpd.established("10.0.0.1") && openbgpd.established("2001:db8::1")
    });
    until("both sessions, by us", || router.established("10.0.0.2") && router.established("2001:db8::2"));
    for (prefix, hop) in [(OURS, "10.0.0.1"), (OURS6, "2001:db8::1")] {
        until("our prefix at OpenBGPD", || openbgpd.path(prefix).is_some());
        let path = openbgpd.path(prefix).unwrap();
        let expected = if asns[0] == asns[1] { String::new() } else { asns[0].to_string() };
        assert_eq!(path["aspath"], expected.as_str(), "{path}");
        assert_eq!(path["exit_nexthop"], hop, "{path}");
    }
    installed(&lab);
}

#[test]
fn openbgpd_of_another_as_exchanges_routes_of_both_families() {
    openbgpd([65001, 65002]);
}

#[test]
fn openbgpd_of_our_as_exchanges_routes_of_both_families() {
    openbgpd([65001, 65001]);
}

#[test]
fn openbgpd_shares_a_key_with_us_asks_for_our_routes_again_and_goes_in_order() {
    let lab = two();
    let router = Router::start(&lab.r, &ours(65001, 65002, &["password hidden"]));
    let openbgpd = OpenBgpd::start(&lab.p, &openbgpd_conf([65001, 65002], "tcp md5sig password hidden"));
    until("the sessions", || openbgpd.established("10.0.0.1") && router.established("10.0.0.2"));
    until("our prefix at OpenBGPD", || openbgpd.path(OURS).is_some());
    let refreshes = || {
        let shown = router.vtysh("show bgp neighbors 10.0.0.2 json").unwrap_or_default();
        let shown: serde_json::Value = serde_json::from_str(&shown).unwrap_or_default();
        shown["10.0.0.2"]["messageStats"]["routeRefreshRecv"].as_u64().unwrap_or(0)
    };
    openbgpd.bgpctl("neighbor 10.0.0.1 refresh").unwrap();
    until("its request", || refreshes() >= 1);
    openbgpd.bgpctl("neighbor 10.0.0.1 down maintenance").unwrap();
    wait_gone(&lab.r, THEIRS);
    openbgpd.bgpctl("neighbor 10.0.0.1 up").unwrap();
    wait_gateways(&lab.r, THEIRS, &["10.0.0.2"]);
}
