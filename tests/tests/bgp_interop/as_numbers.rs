//! By which AS number a peer knows us, and which of its own we take: `docs/interop.md` points here.

use router_tests::peers::{Frr, Router};
use router_tests::wait::{PATIENCE, wait_ok};
use serde_json::Value;

use crate::common::*;
use crate::matrix::{ONE, TWO, neighbor, path};
use crate::plans::*;

/// R with one neighbour, `lines` said of it.
fn with(lines: &[&str]) -> String {
    let lines: String = lines.iter().map(|line| format!(" neighbor {TWO} {line}\n")).collect();
    bgp(
        65001,
        ONE,
        &format!(
            "{lines} neighbor {TWO} timers connect 1\n address-family ipv4 unicast\n  network {OURS}\n \
             exit-address-family"
        ),
    )
}

/// The AS path to P's route as we have it.
fn our_path(router: &Router) -> Option<String> {
    path(router, THEIRS)["aspath"]["string"].as_str().map(str::to_owned)
}

/// A form of `local-as`; the number that P has for us; what we make of P's path, and P sees of ours.
const FORMS: [(&str, u32, &str, &str); 5] = [
    ("local-as 64999", 64999, "64999 65002", "64999 65001"),
    ("local-as 64999 no-prepend", 64999, "65002", "64999 65001"),
    ("local-as 64999 no-prepend replace-as", 64999, "65002", "64999"),
    ("local-as 64999 no-prepend replace-as dual-as", 65001, "65002", "65001"),
    ("local-as 64999 no-prepend replace-as dual-as", 64999, "65002", "64999"),
];

fn knows_us_by_another_number((name, start): (&str, Start)) {
    for (form, known, theirs, ours) in FORMS {
        let lab = two();
        let router = Router::start(&lab.r, &with(&["remote-as 65002", form]));
        let peer = start(&lab.p, &Plan { asns: [known, 65002], ..USUAL });
        wait_ok(PATIENCE, &format!("{name}, {form}"), || {
            let found = (our_path(&router), peer.as_path(OURS));
            let same = (found.0.as_deref(), found.1.as_deref()) == (Some(theirs), Some(ours));
            if same { Ok(()) } else { Err(format!("{found:?}")) }
        });
    }
}

#[test]
fn bird_that_knows_us_by_another_as_number_sees_what_the_form_of_local_as_says() {
    knows_us_by_another_number(PEERS[0]);
}

#[test]
fn gobgp_that_knows_us_by_another_as_number_sees_what_the_form_of_local_as_says() {
    knows_us_by_another_number(PEERS[1]);
}

#[test]
fn openbgpd_that_knows_us_by_another_as_number_sees_what_the_form_of_local_as_says() {
    knows_us_by_another_number(PEERS[2]);
}

#[test]
fn exabgp_that_knows_us_by_another_as_number_sees_what_the_form_of_local_as_says() {
    knows_us_by_another_number(PEERS[3]);
}

#[test]
fn bird_gobgp_openbgpd_and_exabgp_of_any_as_are_taken_with_remote_as_auto() {
    for (name, start) in PEERS {
        // Each with a router that has not seen a session end over and over, which it would be slow to try again.
        let lab = two();
        let router = Router::start(&lab.r, &with(&["remote-as auto"]));
        for (asn, expected) in [(65001, ["Local", ""]), (65002, ["65002", "65001"])] {
            let peer = start(&lab.p, &Plan { asns: [65001, asn], ..USUAL });
            until(&format!("{name} of AS {asn}"), || {
                peer.up(ONE) && neighbor(&router, TWO)["remoteAs"] == asn
            });
            let paths = || (our_path(&router), peer.as_path(OURS));
            until(&format!("the paths of {name} of AS {asn}"), || {
                paths() == (Some(expected[0].to_owned()), Some(expected[1].to_owned()))
            });
            wait_gateways(&lab.r, THEIRS, &[TWO]);
            drop(peer);
            wait_gone(&lab.r, THEIRS);
        }
    }
}

/// We ended its attempt with Bad Peer AS.
fn refused(neighbor: &Value) -> bool {
    neighbor["lastErrorCodeSubcode"] == "0202" && neighbor["bgpState"] != "Established"
}

#[test]
fn with_remote_as_external_or_internal_only_such_a_bird_gobgp_openbgpd_or_exabgp_is_taken() {
    for (word, taken, not) in [("external", 65002, 65001), ("internal", 65001, 65002)] {
        for (name, start) in PEERS {
            let lab = two();
            let router = Router::start(&lab.r, &with(&[&format!("remote-as {word}")]));
            let peer = start(&lab.p, &Plan { asns: [65001, not], ..USUAL });
            until(&format!("{name} to be refused by {word}"), || refused(&neighbor(&router, TWO)));
            assert!(!peer.up(ONE) && path(&router, THEIRS).is_null());
            drop(peer);
            let peer = start(&lab.p, &Plan { asns: [65001, taken], ..USUAL });
            until(&format!("{name} to be taken by {word}"), || peer.up(ONE) && our_path(&router).is_some());
            wait_gateways(&lab.r, THEIRS, &[TWO]);
        }
    }
}

#[test]
fn with_remote_as_external_or_internal_only_such_a_frr_is_taken() {
    for (word, taken, not) in [("external", 65002, 65001), ("internal", 65001, 65002)] {
        let lab = two();
        let router = Router::start(&lab.r, &with(&[&format!("remote-as {word}")]));
        let frr = Frr::start(&lab.p, &theirs(not, 65001, &[]));
        until(&format!("a refusal by {word}"), || refused(&neighbor(&router, TWO)));
        assert!(!frr.established(ONE) && path(&router, THEIRS).is_null());
        let lab = two();
        let router = Router::start(&lab.r, &with(&[&format!("remote-as {word}")]));
        let frr = Frr::start(&lab.p, &theirs(taken, 65001, &[]));
        until(&format!("a session by {word}"), || frr.established(ONE) && our_path(&router).is_some());
        wait_gateways(&lab.r, THEIRS, &[TWO]);
    }
}
