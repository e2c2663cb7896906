//! Routes in the kernel: there while they should be, gone when they should not, and nobody else's touched.

use router_tests::kernel;
use router_tests::lab::{Lab, Node};
use router_tests::peers::{Bird, Frr, Router};
use router_tests::process::Process;
use router_tests::speaker::{Identity, Speaker};
use router_tests::wait::{PATIENCE, wait_ok};

use crate::common::*;
use crate::sessions::bird_conf;

const TWO: &str = "10.0.0.2";

#[test]
fn a_killed_peer_takes_its_routes_with_it_and_brings_them_back() {
    let lab = two();
    let router = Router::start(&lab.r, &ours(65001, 65002, &[]));
    let mut frr = Frr::start(&lab.p, &theirs(65002, 65001, &[]));
    wait_gateways(&lab.r, THEIRS, &[TWO]);
    let route = kernel::of(&lab.r, THEIRS, kernel::BGP).unwrap();
    assert_eq!((route.kind.as_str(), route.hops[0].1.as_str()), ("unicast", "eth0"));
    frr.kill("bgpd");
    wait_gone(&lab.r, THEIRS);
    wait_gone(&lab.r, THEIRS6);
    assert!(!router.established(TWO));
    frr.restart("bgpd");
    wait_gateways(&lab.r, THEIRS, &[TWO]);
    until("the IPv6 prefix", || kernel::of(&lab.r, THEIRS6, kernel::BGP).is_some());
}

#[test]
fn a_killed_bird_takes_its_routes_with_it_and_brings_them_back() {
    let lab = two();
    let _router = Router::start(&lab.r, &ours(65001, 65002, &[]));
    let mut bird = Bird::start(&lab.p, &bird_conf([65001, 65002], ""));
    wait_gateways(&lab.r, THEIRS, &[TWO]);
    bird.kill();
    wait_gone(&lab.r, THEIRS);
    let _bird = Bird::start(&lab.p, &bird_conf([65001, 65002], ""));
    wait_gateways(&lab.r, THEIRS, &[TWO]);
}

#[test]
fn routes_follow_a_link_that_goes_down_and_up() {
    let lab = two();
    let config = ours(65001, 65002, &["timers 1 3"])
        + "ip route 192.0.2.0/24 10.0.0.2\nipv6 route 2001:db8:77::/48 2001:db8::2\n\
           interface eth0\n ip address 10.0.0.1/24\n ipv6 address 2001:db8::1/64\nexit\n";
    let router = Router::start(&lab.r, &config);
    let _frr = Frr::start(&lab.p, &theirs(65002, 65001, &["timers 1 3"]));
    let both = |there: bool| {
        let has = |prefix: &str, protocol: &str| kernel::of(&lab.r, prefix, protocol).is_some() == there;
        has(THEIRS, kernel::BGP)
            && has(THEIRS6, kernel::BGP)
            && has("192.0.2.0/24", kernel::STATIC)
            && has("2001:db8:77::/48", kernel::STATIC)
    };
    until("all routes", || both(true));
    // The other end: our carrier goes.
    lab.p.set_link("eth0", false);
    until("no route over a dead link", || both(false));
    until("the session to end", || !router.established(TWO));
    lab.p.set_link("eth0", true);
    lab.p.ip("addr replace 2001:db8::2/64 dev eth0 nodad");
    until("all routes again", || both(true));
    // Our end, administratively: the kernel drops IPv4 routes and IPv6 addresses without a word.
    lab.r.set_link("eth0", false);
    until("no route over our dead link", || both(false));
    lab.r.set_link("eth0", true);
    until("all routes once more", || both(true));
}

#[test]
fn static_routes_lead_where_they_say_and_recurse_over_other_routes() {
    let lab = two();
    let statics = "ip route 192.0.2.0/24 10.0.0.2\nip route 192.0.3.0/24 blackhole\nip route 192.0.4.0/24 reject\n\
                   ip route 192.0.5.0/24 eth0\nip route 192.0.6.0/24 203.0.113.9\n\
                   ip route 192.0.7.0/24 192.0.2.77\nip route 192.0.8.0/24 10.0.0.2 250\nip route 192.0.8.0/24 10.0.0.3\n\
                   ipv6 route 2001:db8:70::/48 2001:db8::2\nipv6 route 2001:db8:71::/48 blackhole\n\
                   ipv6 route 2001:db8:72::/48 2001:db8:b::9\n";
    let router = Router::start(&lab.r, &(ours(65001, 65002, &[]) + statics));
    let mut frr = Frr::start(&lab.p, &theirs(65002, 65001, &[]));
    let leads = |prefix: &str, kind: &str, hops: &[(&str, &str)]| {
        wait_ok(PATIENCE, prefix, || {
            let route = kernel::of(&lab.r, prefix, kernel::STATIC).ok_or("not there".to_owned())?;
            let found: Vec<(&str, &str)> = route.hops.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
            if route.kind == kind && (found == hops || kind != "unicast") {
                Ok(())
            } else {
                Err(format!("{route:?}"))
            }
        });
    };
    leads("192.0.2.0/24", "unicast", &[(TWO, "eth0")]);
    leads("192.0.3.0/24", "blackhole", &[]);
    leads("192.0.4.0/24", "unreachable", &[]);
    leads("192.0.5.0/24", "unicast", &[("", "eth0")]);
    leads("192.0.7.0/24", "unicast", &[(TWO, "eth0")]);
    leads("192.0.8.0/24", "unicast", &[("10.0.0.3", "eth0")]);
    leads("2001:db8:70::/48", "unicast", &[("2001:db8::2", "eth0")]);
    leads("2001:db8:71::/48", "blackhole", &[]);
    // Over a prefix of BGP: it comes and goes with it.
    leads("192.0.6.0/24", "unicast", &[(TWO, "eth0")]);
    until("an IPv6 route over BGP", || kernel::of(&lab.r, "2001:db8:72::/48", kernel::STATIC).is_some());
    frr.kill("bgpd");
    until("the routes over BGP to go", || {
        kernel::of(&lab.r, "192.0.6.0/24", kernel::STATIC).is_none()
            && kernel::of(&lab.r, "2001:db8:72::/48", kernel::STATIC).is_none()
    });
    // What the file no longer says goes.
    router.reload(&ours(65001, 65002, &[]));
    until("no static route", || kernel::count(&lab.r, kernel::STATIC) == 0);
}

/// Routes of somebody else; P announces one of the prefixes, too.
fn add_foreign(node: &Node) -> Vec<String> {
    node.ip("route add 203.0.121.0/24 via 10.0.0.9 metric 5000 proto 99");
    node.ip("route add 192.0.2.0/24 via 10.0.0.9 proto 4");
    node.ip("-6 route add 2001:db8:cc::/48 via 2001:db8::9 proto 99");
    foreign(node)
}

fn foreign(node: &Node) -> Vec<String> {
    let mut lines: Vec<String> = ["-4", "-6"]
        .iter()
        .flat_map(|f| node.ip(&format!("-N {f} route show")).lines().map(str::to_owned).collect::<Vec<_>>())
        .filter(|l| l.contains("proto 99") || l.contains("proto 4"))
        .collect();
    lines.sort();
    lines
}

#[test]
fn routes_of_others_are_never_touched() {
    let lab = two();
    let before = add_foreign(&lab.r);
    assert_eq!(before.len(), 3);
    let mut router = Router::start(&lab.r, &ours(65001, 65002, &[]));
    let same = theirs(65002, 65001, &[])
        .replace("  network 203.0.113.0/24\n", "  network 203.0.113.0/24\n  network 203.0.121.0/24\n");
    let mut frr = Frr::start(&lab.p, &same);
    wait_gateways(&lab.r, THEIRS, &[TWO]);
    assert_eq!(foreign(&lab.r), before);
    // As with FRR, what somebody put into the kernel is preferred to BGP.
    assert_eq!(kernel::of(&lab.r, "203.0.121.0/24", kernel::BGP), None);
    frr.kill("bgpd");
    wait_gone(&lab.r, THEIRS);
    assert_eq!(foreign(&lab.r), before);
    frr.restart("bgpd");
    wait_gateways(&lab.r, THEIRS, &[TWO]);
    lab.r.ip("route del 203.0.121.0/24 proto 99");
    wait_gateways(&lab.r, "203.0.121.0/24", &[TWO]);
    lab.r.ip("route add 203.0.121.0/24 via 10.0.0.9 metric 5000 proto 99");
    wait_gone(&lab.r, "203.0.121.0/24");
    assert!(router.stop().success());
    assert_eq!(foreign(&lab.r), before);
    assert_eq!(kernel::count(&lab.r, kernel::BGP), 0);
}

#[test]
fn sigterm_takes_all_our_routes_out() {
    let lab = two();
    let config =
        ours(65001, 65002, &[]) + "ip route 192.0.2.0/24 10.0.0.2\nip route 192.0.3.0/24 blackhole\n";
    let mut router = Router::start(&lab.r, &config);
    let _frr = Frr::start(&lab.p, &theirs(65002, 65001, &[]));
    wait_gateways(&lab.r, THEIRS, &[TWO]);
    until("static routes", || kernel::count(&lab.r, kernel::STATIC) == 2);
    assert!(router.stop().success());
    let left: Vec<_> = kernel::routes(&lab.r)
        .into_iter()
        .filter(|r| [kernel::BGP, kernel::STATIC].contains(&r.protocol.as_str()))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(lab.r.ip("nexthop show").trim(), "", "next-hop objects are left");
}

#[test]
fn a_killed_router_finds_its_routes_again_and_removes_only_what_is_no_longer_true() {
    let lab = two();
    let config =
        ours(65001, 65002, &[]) + "ip route 192.0.2.0/24 10.0.0.2\nip route 192.0.3.0/24 blackhole\n";
    let mut router = Router::start(&lab.r, &config);
    let frr = Frr::start(&lab.p, &theirs(65002, 65001, &[]));
    frr.vtysh("configure terminal\nrouter bgp 65002\naddress-family ipv4 unicast\nnetwork 203.0.120.0/24")
        .unwrap();
    wait_gateways(&lab.r, THEIRS, &[TWO]);
    wait_gateways(&lab.r, "203.0.120.0/24", &[TWO]);
    until("IPv6 and static routes", || {
        kernel::of(&lab.r, THEIRS6, kernel::BGP).is_some() && kernel::count(&lab.r, kernel::STATIC) == 2
    });
    router.kill();
    // While we are dead one prefix goes away.
    frr.vtysh("configure terminal\nrouter bgp 65002\naddress-family ipv4 unicast\nno network 203.0.120.0/24")
        .unwrap();
    assert_eq!(kernel::count(&lab.r, kernel::BGP), 3);
    let log = lab.r.file("monitor.txt");
    let mut monitor =
        Process::start(lab.r.name(), std::path::Path::new("/usr/sbin/ip"), &["monitor", "route"], log);
    let router = Router::again(&lab.r);
    until("what is no longer true to go", || kernel::of(&lab.r, "203.0.120.0/24", kernel::BGP).is_none());
    until("the router to be ready", || router.get("/readyz").is_ok());
    monitor.kill();
    let changes = monitor.log();
    let gone: Vec<&str> = changes.lines().filter(|l| l.starts_with("Deleted")).collect();
    assert!(gone.iter().all(|l| l.contains("203.0.120.0/24")), "{changes}");
    wait_gateways(&lab.r, THEIRS, &[TWO]);
    assert!(kernel::of(&lab.r, THEIRS6, kernel::BGP).is_some());
    assert_eq!(kernel::count(&lab.r, kernel::STATIC), 2);
}

#[test]
fn a_route_of_ours_that_somebody_removes_comes_back() {
    let lab = two();
    let _router = Router::start(&lab.r, &ours(65001, 65002, &[]));
    let _frr = Frr::start(&lab.p, &theirs(65002, 65001, &[]));
    wait_gateways(&lab.r, THEIRS, &[TWO]);
    lab.r.ip(&format!("route del {THEIRS} proto 186"));
    wait_gateways(&lab.r, THEIRS, &[TWO]);
    lab.r.ip("route flush proto 186");
    wait_gateways(&lab.r, THEIRS, &[TWO]);
}

#[test]
fn no_rib_keeps_bgp_out_of_the_kernel() {
    let lab = two();
    let router = Router::start(&lab.r, &format!("bgp no-rib\n{}", ours(65001, 65002, &[])));
    let _speaker = Speaker::established(&lab.p, Identity::new(65002, TWO, TWO, 65001, "10.0.0.1"));
    _speaker.announce(&[THEIRS], &[65002]);
    until("the path in the table", || {
        router.metric("frr_bgp_peer_prefixes_received_count_total", &["peer=\"10.0.0.2\""]) == Some(1.0)
    });
    until("our prefix at the speaker", || _speaker.route(OURS).is_some());
    assert_eq!(kernel::count(&lab.r, kernel::BGP), 0);
}

#[test]
fn interfaces_get_the_addresses_and_mtu_of_the_file() {
    let lab = Lab::new();
    let (r, p) = (lab.node("r"), lab.node("p"));
    lab.link((&r, "eth0", &[]), (&p, "eth0", &["10.0.0.2/24", "2001:db8::2/64"]));
    r.set_link("eth0", false);
    let config = ours(65001, 65002, &[])
        + "interface eth0\n ip address 10.0.0.1/24\n ipv6 address 2001:db8::1/64\n mtu 1400\nexit\n\
           interface lo\n ip address 10.255.0.1/32\nexit\n";
    let router = Router::start(&r, &config);
    let _frr = Frr::start(&p, &theirs(65002, 65001, &[]));
    wait_gateways(&r, THEIRS, &[TWO]);
    assert!(router.established(TWO));
    assert!(r.ip("link show eth0").contains("mtu 1400"));
    assert!(r.ip("addr show lo").contains("10.255.0.1/32"));
    let forwarding = r.enter(|| std::fs::read_to_string("/proc/sys/net/ipv6/conf/all/forwarding").unwrap());
    assert_eq!(forwarding.trim(), "1");
}

/// Lines that FRR takes as they are: what BGP brings goes into the kernel with our loopback's address as its source,
/// but for one network, which stays out.
const BY_POLICY: &str = "interface lo\n ip address 192.0.2.77/32\n ipv6 address 2001:db8:77::1/128\nexit\n\
    ip prefix-list LEFT seq 5 permit 203.0.113.128/25\n\
    route-map SOURCE deny 5\n match ip address prefix-list LEFT\nexit\n\
    route-map SOURCE permit 10\n set src 192.0.2.77\nexit\n\
    route-map SOURCE6 permit 10\n set src 2001:db8:77::1\nexit\n\
    ip protocol bgp route-map SOURCE\nipv6 protocol bgp route-map SOURCE6\n";

#[test]
fn policy_chooses_the_source_address_of_routes_and_keeps_some_out_as_frr_does() {
    const LEFT: &str = "203.0.113.128/25";
    let source = |node: &Node, prefix: &str| -> Option<String> {
        let family = if prefix.contains(':') { "-6" } else { "-4" };
        let shown = node.run("ip", &[family, "route", "show", prefix]).unwrap_or_default();
        let mut words = shown.split_whitespace().skip_while(|w| *w != "src");
        words.nth(1).map(str::to_owned)
    };
    let described = |routes: serde_json::Value, prefix: &str| {
        let route = &routes[prefix][0];
        let hop = &route["nexthops"][0];
        (route["selected"].clone(), route["installed"].clone(), hop["fib"].clone())
    };
    let announcing = theirs(65002, 65001, &[])
        .replace(&format!("network {THEIRS}\n"), &format!("network {THEIRS}\n  network {LEFT}\n"));
    let lab = two();
    let router = Router::start(&lab.r, &(BY_POLICY.to_owned() + &ours(65001, 65002, &[])));
    let _frr = Frr::start(&lab.p, &announcing);
    let beside = two();
    let reference = Frr::start(&beside.r, &(BY_POLICY.to_owned() + &ours(65001, 65002, &[])));
    let _frr = Frr::start(&beside.p, &announcing);
    for node in [&lab.r, &beside.r] {
        until("the source addresses", || {
            source(node, THEIRS).as_deref() == Some("192.0.2.77")
                && source(node, THEIRS6).as_deref() == Some("2001:db8:77::1")
        });
        let kept_out = node.run("ip", &["route", "show", LEFT]).unwrap_or_default();
        assert!(kept_out.is_empty(), "{kept_out}");
    }
    let json = |text: String| serde_json::from_str::<serde_json::Value>(&text).expect("JSON");
    for (show, prefix) in [
        ("show ip route 203.0.113.0/24 json", THEIRS),
        ("show ip route 203.0.113.128/25 json", LEFT),
        ("show ipv6 route 2001:db8:b::/48 json", THEIRS6),
    ] {
        let here = json(router.vtysh(show).expect("the route"));
        let there = json(reference.vtysh(show).expect("the route"));
        assert_eq!(described(here.clone(), prefix), described(there.clone(), prefix), "{here:#}\n{there:#}");
    }
    let shown = router.vtysh("show ip route 203.0.113.0/24").expect("the route");
    assert!(shown.contains("src 192.0.2.77"), "{shown}");
    let running = router.vtysh("show running-config").expect("the configuration");
    assert!(running.contains("\nip protocol bgp route-map SOURCE\n"), "{running}");
    assert!(running.contains("\nipv6 protocol bgp route-map SOURCE6\n"), "{running}");
    // Without the policy the routes are plain again, and the one that was left out is there.
    router.vtysh("configure terminal\nno ip protocol bgp\nend").expect("the line is taken");
    until("plain routes", || {
        source(&lab.r, THEIRS).is_none()
            && kernel::of(&lab.r, THEIRS, kernel::BGP).is_some()
            && kernel::of(&lab.r, LEFT, kernel::BGP).is_some()
    });
}
