//! What is set for a neighbour: who dials, keys, TTL, distance, groups and ranges, timers.

use std::time::Duration;

use router_tests::kernel;
use router_tests::lab::{Lab, Node};
use router_tests::peers::{Bird, Frr, GoBgp, Router};
use router_tests::wait::{PATIENCE, stays, wait_for};

use crate::common::*;
use crate::sessions::{bird_conf, gobgp_conf};

const ONE: &str = "10.0.0.1";
const TWO: &str = "10.0.0.2";

#[test]
fn a_passive_router_waits_for_frr_bird_and_gobgp_to_dial() {
    for peer in ["frr", "bird", "gobgp"] {
        let lab = two();
        let router = Router::start(&lab.r, &ours(65001, 65002, &["passive"]));
        let (_frr, _bird, _gobgp);
        match peer {
            "frr" => _frr = Frr::start(&lab.p, &theirs(65002, 65001, &[])),
            "bird" => _bird = Bird::start(&lab.p, &bird_conf([65001, 65002], "")),
            _ => _gobgp = GoBgp::start(&lab.p, &gobgp_conf([65001, 65002])),
        }
        until(peer, || router.established(TWO) && router.established("2001:db8::2"));
        assert!(!router.log().contains("to=Connect"), "a passive session dialled {peer}");
    }
}

#[test]
fn we_dial_a_frr_that_only_waits() {
    let lab = two();
    let router = Router::start(&lab.r, &ours(65001, 65002, &[]));
    let frr = Frr::start(&lab.p, &theirs(65002, 65001, &["passive"]));
    until("both sessions", || frr.established(ONE) && frr.established("2001:db8::1"));
    until("both sessions, by us", || router.established(TWO) && router.established("2001:db8::2"));
    wait_gateways(&lab.r, THEIRS, &[TWO]);
}

#[test]
fn a_password_protects_sessions_that_we_dial_and_sessions_that_we_wait_for() {
    for (us, them) in [("passive", "port 179"), ("port 179", "passive")] {
        let lab = two();
        let router = Router::start(&lab.r, &ours(65001, 65002, &["password s3cret", us]));
        let frr = Frr::start(&lab.p, &theirs(65002, 65001, &["password s3cret", them]));
        until("sessions with a key", || frr.established(ONE) && frr.established("2001:db8::1"));
        until("sessions with a key, by us", || router.established(TWO));
    }
}

#[test]
fn bird_shares_a_password_with_us() {
    let lab = two();
    let router = Router::start(&lab.r, &ours(65001, 65002, &["password hidden"]));
    let bird = Bird::start(&lab.p, &bird_conf([65001, 65002], "password \"hidden\";"));
    until("sessions with a key", || bird.established("v4") && bird.established("v6"));
    until("sessions with a key, by us", || router.established(TWO));
}

#[test]
fn another_password_or_none_gives_no_session() {
    for line in ["password other", "port 179"] {
        let lab = two();
        let router = Router::start(&lab.r, &ours(65001, 65002, &["password right"]));
        let frr = Frr::start(&lab.p, &theirs(65002, 65001, &[line]));
        stays(Duration::from_secs(4), "no session", || !frr.established(ONE) && !router.established(TWO));
    }
}

#[test]
fn a_password_given_at_reload_ends_the_session_and_one_given_back_restores_it() {
    let lab = two();
    let router = Router::start(&lab.r, &ours(65001, 65002, &[]));
    let frr = Frr::start(&lab.p, &theirs(65002, 65001, &[]));
    until("a session", || frr.established(ONE));
    router.reload(&ours(65001, 65002, &["password new"]));
    until("the session to end", || !frr.established(ONE));
    frr.vtysh("configure terminal\nrouter bgp 65002\nneighbor 10.0.0.1 password new").unwrap();
    until("a session with a key", || frr.established(ONE) && router.established(TWO));
}

#[test]
fn ttl_security_lets_direct_neighbours_in_and_others_not() {
    let lab = two();
    let router = Router::start(&lab.r, &ours(65001, 65002, &["ttl-security hops 1"]));
    let frr = Frr::start(&lab.p, &theirs(65002, 65001, &["ttl-security hops 1"]));
    until("sessions with TTL 255", || frr.established(ONE) && frr.established("2001:db8::1"));
    drop((router, frr));

    let lab = two();
    let router = Router::start(&lab.r, &ours(65001, 65002, &["ttl-security hops 1"]));
    let frr = Frr::start(&lab.p, &theirs(65002, 65001, &[]));
    stays(Duration::from_secs(4), "no session with TTL 1", || {
        !frr.established(ONE) && !router.established(TWO)
    });
}

#[test]
fn multihop_sessions_run_between_loopbacks() {
    let Two { r, p, .. } = &routed();
    let conf = |me: u8, asn: u32, remote: u32, network: &str, multihop: &str| {
        let you = 3 - me;
        bgp(
            asn,
            &format!("10.255.0.{me}"),
            &format!(
                " neighbor 10.255.0.{you} remote-as {remote}\n neighbor 10.255.0.{you} timers connect 1\n{multihop} \
                 neighbor 10.255.0.{you} update-source lo\n address-family ipv4 unicast\n  network {network}\n \
                 exit-address-family"
            ),
        )
    };
    let with = " neighbor 10.255.0.2 ebgp-multihop 3\n";
    let router = Router::start(r, &(conf(1, 65001, 65002, OURS, with) + ROUTED));
    let frr = Frr::start(p, &conf(2, 65002, 65001, THEIRS, " neighbor 10.255.0.1 ebgp-multihop 3\n"));
    until("the multihop session", || frr.established("10.255.0.1") && router.established("10.255.0.2"));
    // P's loopback is the next hop; it resolves over the static route.
    wait_gateways(r, THEIRS, &["10.1.0.9"]);
    until("our prefix at FRR", || frr.path(OURS).is_some_and(|p| p["nexthops"][0]["ip"] == "10.255.0.1"));
}

#[test]
fn neighbours_of_a_listen_range_share_a_peer_group() {
    let lab = two();
    let group = " neighbor HOSTS peer-group\n neighbor HOSTS remote-as external\n neighbor HOSTS password ranged\n \
                 bgp listen range 10.0.0.0/24 peer-group HOSTS\n bgp listen limit 5\n \
                 neighbor 2001:db8::2 peer-group SIX\n";
    let group = group.replace(" neighbor 2001:db8::2 peer-group SIX\n", "");
    let config = bgp(
        65001,
        ONE,
        &(group + &format!(" address-family ipv4 unicast\n  network {OURS}\n exit-address-family")),
    );
    let router = Router::start(&lab.r, &config);
    let frr = Frr::start(&lab.p, &theirs(65002, 65001, &["password ranged"]));
    until("a session from the range", || frr.established(ONE) && router.established(TWO));
    wait_gateways(&lab.r, THEIRS, &[TWO]);
    until("our prefix at FRR", || frr.path(OURS).is_some());
    drop(frr);
    until("the routes of the range to go", || kernel::of(&lab.r, THEIRS, kernel::BGP).is_none());
}

/// Three hosts of one range, each of another AS; those of two of them are named.
#[test]
fn members_of_a_listen_range_may_have_any_of_the_ases_that_are_named() {
    let (_lab, [r, a, b, c]) = lan(["r", "a", "b", "c"]);
    let config = |named: &str| {
        let group = format!(
            " neighbor HOSTS peer-group\n neighbor HOSTS remote-as 65002 alternate-as {named}\n \
             bgp listen range 10.0.0.0/24 peer-group HOSTS\n"
        );
        bgp(
            65001,
            ONE,
            &(group + &format!(" address-family ipv4 unicast\n  network {OURS}\n exit-address-family")),
        )
    };
    let router = Router::start(&r, &config("65010-65020"));
    let host = |node: &Node, n: u8, asn: u32| {
        let lines = " neighbor 10.0.0.1 remote-as 65001\n neighbor 10.0.0.1 timers connect 1";
        Frr::start(node, &bgp(asn, &format!("10.0.0.{n}"), lines))
    };
    let [a, b, c] = [(&a, 2, 65002), (&b, 3, 65015), (&c, 4, 65021)].map(|(node, n, asn)| host(node, n, asn));
    until("sessions with those that are named", || a.path(OURS).is_some() && b.path(OURS).is_some());
    until("the other one to be refused", || {
        c.neighbor(ONE)["lastNotificationReason"] == "OPEN Message Error/Bad Peer AS"
    });
    assert!(!c.established(ONE));
    let shown = router.vtysh("show running-config").unwrap();
    assert!(shown.contains(" neighbor HOSTS remote-as 65002 alternate-as 65010-65020\n"), "{shown}");
    // One more is named: nobody's session ends for it.
    router.reload(&config("65010-65020 65021"));
    until("a session with it, too", || c.path(OURS).is_some());
    assert_eq!(b.neighbor(ONE)["connectionsEstablished"], 1);
    router.reload(&config("65021"));
    until("the session with one that is named no more to end", || !b.established(ONE));
    until("the others to stay or come back", || a.established(ONE) && c.established(ONE));
}

#[test]
fn a_peer_group_gives_its_members_what_they_do_not_say_themselves() {
    let lab = two();
    let lines = " neighbor PEERS peer-group\n neighbor PEERS remote-as 65002\n neighbor PEERS timers 3 9\n \
                 neighbor PEERS timers connect 1\n neighbor 10.0.0.2 peer-group PEERS\n \
                 address-family ipv4 unicast\n  neighbor PEERS route-map TAG out\n";
    let config = bgp(65001, ONE, &format!("{lines}  network {OURS}\n exit-address-family"))
        + "route-map TAG permit 10\n set community 65001:77\nexit\n";
    let router = Router::start(&lab.r, &config);
    let frr = Frr::start(&lab.p, &theirs(65002, 65001, &[]));
    until("a session", || router.established(TWO) && frr.established(ONE));
    assert_eq!(frr.neighbor(ONE)["bgpTimerHoldTimeMsecs"], 9000);
    until("the group's policy", || frr.path(OURS).is_some_and(|p| p["community"]["string"] == "65001:77"));
}

#[test]
fn a_frozen_peer_loses_its_session_and_routes_after_the_hold_time_and_comes_back() {
    let lab = two();
    let timers = ["timers 1 3"];
    let router = Router::start(&lab.r, &ours(65001, 65002, &timers));
    let frr = Frr::start(&lab.p, &theirs(65002, 65001, &timers));
    wait_gateways(&lab.r, THEIRS, &[TWO]);
    frr.signal("bgpd", "STOP");
    let start = std::time::Instant::now();
    wait_for(Duration::from_secs(12), "the hold timer", || !router.established(TWO));
    assert!(start.elapsed() > Duration::from_millis(1500), "the session ended before its hold time");
    wait_gone(&lab.r, THEIRS);
    assert!(router.log().contains("neighbor Down"), "no word of it in the log");
    frr.signal("bgpd", "CONT");
    until("the session to come back", || router.established(TWO) && frr.established(ONE));
    wait_gateways(&lab.r, THEIRS, &[TWO]);
}

#[test]
fn frr_sees_our_hold_timer_expire_when_we_freeze() {
    let lab = two();
    let timers = ["timers 1 3"];
    let router = Router::start(&lab.r, &ours(65001, 65002, &timers));
    let frr = Frr::start(&lab.p, &theirs(65002, 65001, &timers));
    until("a session", || frr.established(ONE) && router.established(TWO));
    router.signal("STOP");
    until("FRR to miss us", || !frr.established(ONE));
    router.signal("CONT");
    until("the session to come back", || frr.established(ONE) && router.established(TWO));
    wait_gateways(&lab.r, THEIRS, &[TWO]);
}

#[test]
fn a_wrong_as_number_is_refused_with_bad_peer_as() {
    let lab = two();
    let router = Router::start(&lab.r, &ours(65001, 65009, &[]));
    let frr = Frr::start(&lab.p, &theirs(65002, 65001, &[]));
    wait_for(PATIENCE, "FRR to hear of its mistake", || {
        let neighbor = frr.neighbor(ONE).to_string();
        neighbor.contains("Bad Peer AS") || neighbor.contains("\"lastErrorCodeSubcode\":\"0202\"")
    });
    assert!(!router.established(TWO));
}

#[test]
fn frr_hears_why_we_end_a_session() {
    let lab = two();
    let mut router = Router::start(&lab.r, &ours(65001, 65002, &[]));
    let frr = Frr::start(&lab.p, &theirs(65002, 65001, &[]));
    until("a session", || frr.established(ONE) && router.established(TWO));
    router.reload(&ours(65001, 65002, &["shutdown message maintenance until noon"]));
    // FRR 8.4 does not show the message; `malformed` looks at it on the wire.
    until("the shutdown at FRR", || {
        let neighbor = frr.vtysh(&format!("show bgp neighbors {ONE}")).unwrap_or_default();
        neighbor.contains("Notification received (Cease/Administrative Shutdown)")
    });
    router.reload(&ours(65001, 65002, &[]));
    until("the session to come back", || frr.established(ONE) && router.established(TWO));
    assert!(router.stop().success());
    until("the end at FRR", || !frr.established(ONE));
    let neighbor = frr.vtysh(&format!("show bgp neighbors {ONE}")).unwrap();
    assert!(neighbor.contains("Cease/Administrative Shutdown"), "{neighbor}");
}

#[test]
fn we_hear_why_frr_ends_a_session_and_dial_again() {
    let lab = two();
    let router = Router::start(&lab.r, &ours(65001, 65002, &[]));
    let frr = Frr::start(&lab.p, &theirs(65002, 65001, &[]));
    until("a session", || frr.established(ONE) && router.established(TWO));
    frr.vtysh(&format!("clear bgp {ONE}")).unwrap();
    until("the reset in our log", || {
        let log = router.log();
        log.contains("Cease") && log.contains("neighbor Down")
    });
    until("the session to come back", || frr.established(ONE) && router.established(TWO));
}

#[test]
fn ipv4_routes_have_ipv6_next_hops_over_an_ipv6_session() {
    let lab = Lab::new();
    let (r, p) = (lab.node("r"), lab.node("p"));
    lab.link((&r, "eth0", &["2001:db8::1/64"]), (&p, "eth0", &["2001:db8::2/64"]));
    let conf = |me: u8, asn: u32, remote: u32, network: &str| {
        let you = 3 - me;
        bgp(
            asn,
            &format!("10.0.0.{me}"),
            &format!(
                " neighbor 2001:db8::{you} remote-as {remote}\n neighbor 2001:db8::{you} timers connect 1\n \
                 neighbor 2001:db8::{you} capability extended-nexthop\n address-family ipv4 unicast\n  \
                 network {network}\n  neighbor 2001:db8::{you} activate\n exit-address-family"
            ),
        )
    };
    let router = Router::start(&r, &conf(1, 65001, 65002, OURS));
    let frr = Frr::start(&p, &conf(2, 65002, 65001, THEIRS));
    until("the session", || frr.established("2001:db8::1") && router.established("2001:db8::2"));
    until("an IPv4 prefix over IPv6 in our kernel", || {
        kernel::gateways(&r, THEIRS, kernel::BGP).iter().any(|via| via.contains(':'))
    });
    until("an IPv4 prefix over IPv6 in FRR's kernel", || {
        let hops = kernel::to(&p, OURS);
        hops.iter().any(|route| route.hops.iter().any(|(via, _)| via.contains(':')))
    });
}

#[test]
fn bird_takes_and_gives_ipv4_over_an_ipv6_session() {
    let lab = Lab::new();
    let (r, p) = (lab.node("r"), lab.node("p"));
    lab.link((&r, "eth0", &["2001:db8::1/64"]), (&p, "eth0", &["2001:db8::2/64"]));
    let neighbor = " neighbor 2001:db8::2 remote-as 65002\n neighbor 2001:db8::2 timers connect 1\n \
                    neighbor 2001:db8::2 capability extended-nexthop\n address-family ipv4 unicast\n  \
                    neighbor 2001:db8::2 activate\n";
    let router = Router::start(
        &r,
        &bgp(65001, "10.0.0.1", &format!("{neighbor}  network {OURS}\n exit-address-family")),
    );
    let conf = format!(
        "router id 10.0.0.2;\nlog stderr all;\nprotocol device {{}}\n\
         protocol static s4 {{ ipv4; route {THEIRS} blackhole; }}\n\
         protocol bgp v6 {{ local 2001:db8::2 as 65002; neighbor 2001:db8::1 as 65001; connect delay time 1; \
         connect retry time 1; ipv4 {{ import all; export all; next hop self; extended next hop; }}; }}\n"
    );
    let bird = Bird::start(&p, &conf);
    until("the session", || bird.established("v6") && router.established("2001:db8::2"));
    until("an IPv4 prefix over IPv6 in our kernel", || {
        kernel::gateways(&r, THEIRS, kernel::BGP).iter().any(|via| via.contains(':'))
    });
    until("our prefix at BIRD", || bird.route(OURS).contains("BGP.next_hop: 2001:db8::1"));
}

/// The AS path to a prefix as we have it.
fn our_path(router: &Router, prefix: &str) -> Option<String> {
    let shown = router.vtysh(&format!("show bgp ipv4 unicast {prefix} json")).ok()?;
    let shown: serde_json::Value = serde_json::from_str(&shown).ok()?;
    shown["paths"][0]["aspath"]["string"].as_str().map(str::to_owned)
}

fn frr_path(frr: &Frr, prefix: &str) -> Option<String> {
    frr.path(prefix)?["aspath"]["string"].as_str().map(str::to_owned)
}

#[test]
fn frr_that_knows_us_by_another_as_number_sees_what_the_form_of_local_as_says() {
    for (form, theirs_in_ours, ours_in_theirs) in [
        ("local-as 64999", "64999 65002", "64999 65001"),
        ("local-as 64999 no-prepend", "65002", "64999 65001"),
        ("local-as 64999 no-prepend replace-as", "65002", "64999"),
        ("local-as 64998 no-prepend replace-as dual-as", "65002", "65001"),
    ] {
        let known = if form.contains("dual-as") { 65001 } else { 64999 };
        let lab = two();
        let router = Router::start(&lab.r, &ours(65001, 65002, &[form]));
        let frr = Frr::start(&lab.p, &theirs(65002, known, &[]));
        until("the paths of both", || {
            our_path(&router, THEIRS).as_deref() == Some(theirs_in_ours)
                && frr_path(&frr, OURS).as_deref() == Some(ours_in_theirs)
        });
    }
}

#[test]
fn frr_and_we_mark_routes_by_our_roles_and_refuse_roles_that_do_not_fit() {
    // As its customer we get marked routes from FRR, and would mark what we give to it if it were below us.
    for (ours_role, theirs_role, mark_in_ours, mark_in_theirs) in [
        ("customer", "provider", Some(65002), None),
        ("provider", "customer", None, Some(65001)),
        ("peer", "peer", Some(65002), Some(65001)),
        ("rs-client", "rs-server", Some(65002), None),
    ] {
        let lab = two();
        let router = Router::start(&lab.r, &ours(65001, 65002, &[&format!("local-role {ours_role}")]));
        let frr = Frr::start(&lab.p, &theirs(65002, 65001, &[&format!("local-role {theirs_role}")]));
        until("routes of both", || our_path(&router, THEIRS).is_some() && frr.path(OURS).is_some());
        let shown = router.vtysh(&format!("show bgp ipv4 unicast {THEIRS} json")).unwrap();
        let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(shown["paths"][0]["otc"].as_u64(), mark_in_ours, "{ours_role}: {shown}");
        let path = frr.path(OURS).unwrap();
        assert_eq!(path["otc"].as_u64(), mark_in_theirs, "{theirs_role}: {path}");
    }
    let lab = two();
    let router = Router::start(&lab.r, &ours(65001, 65002, &["local-role customer"]));
    let frr = Frr::start(&lab.p, &theirs(65002, 65001, &["local-role customer"]));
    until("the refusal", || router.log().contains("role that does not fit"));
    assert!(!frr.established(ONE) && !router.established(TWO));
}

#[test]
fn a_neighbour_of_any_as_is_taken_with_remote_as_auto() {
    for asn in [65001, 65002] {
        let lab = two();
        let config = ours(65001, 65002, &[]).replace("remote-as 65002", "remote-as auto");
        let router = Router::start(&lab.r, &config);
        let frr = Frr::start(&lab.p, &theirs(asn, 65001, &[]));
        until("a session", || frr.established(ONE) && router.established(TWO));
        let expected = if asn == 65001 { "Local" } else { "65002" };
        until("its route", || our_path(&router, THEIRS).as_deref() == Some(expected));
    }
}

#[test]
fn refreshes_of_frr_and_of_us_go_between_marks_and_lose_nothing() {
    let lab = two();
    let router = Router::start(&lab.r, &ours(65001, 65002, &[]));
    let frr = Frr::start(&lab.p, &theirs(65002, 65001, &[]));
    until("routes of both", || our_path(&router, THEIRS).is_some() && frr.path(OURS).is_some());
    let ours = || {
        let all = router.vtysh(&format!("show bgp neighbors {TWO} json")).unwrap_or_default();
        let all: serde_json::Value = serde_json::from_str(&all).unwrap_or_default();
        all[TWO]["messageStats"]["routeRefreshRecv"].as_u64().unwrap_or(0)
    };
    let theirs = || frr.neighbor(ONE)["messageStats"]["routeRefreshRecv"].as_u64().unwrap_or(0);
    router.vtysh(&format!("clear bgp ipv4 unicast {TWO} soft in")).unwrap();
    until("our request and the two marks of FRR's answer", || theirs() == 1 && ours() == 2);
    frr.vtysh(&format!("clear bgp ipv4 unicast {ONE} soft in")).unwrap();
    until("its request and the two marks of our answer", || ours() == 3 && theirs() == 3);
    assert_eq!(our_path(&router, THEIRS).as_deref(), Some("65002"));
    assert_eq!(frr_path(&frr, OURS).as_deref(), Some("65001"));
}
