//! Nobody keeps our routes when we are gone, though we announce graceful restart: without families, so that neighbours
//! say when their table is complete (RFC 4724 section 3).

use std::time::Duration;

use router_tests::peers::{Frr, Router};
use router_tests::wait::wait_for;
use serde_json::Value;

use crate::common::*;
use crate::matrix::{ONE, TWO, neighbor};
use crate::plans::*;

/// Far less than the 120 seconds for which a neighbour would keep the routes of one that restarts.
const AT_ONCE: Duration = Duration::from_secs(10);

fn router(lab: &Two, more: &str) -> Router {
    let lines = format!(
        " neighbor {TWO} remote-as 65002\n neighbor {TWO} timers connect 1\n{more} \
         address-family ipv4 unicast\n  network {OURS}\n exit-address-family"
    );
    Router::start(&lab.r, &bgp(65001, ONE, &lines))
}

/// Whether P said that its table is complete.
fn end_of_rib(router: &Router) -> bool {
    neighbor(router, TWO)["gracefulRestartInfo"]["endOfRibRecv"]["ipv4Unicast"] == true
}

#[test]
fn bird_keeps_nothing_of_ours_when_we_are_killed() {
    let lab = two();
    let mut router = router(&lab, "");
    // It plays the helper whoever asks for it ("aware" is its default).
    let bird = bird(&lab.p, &USUAL);
    until("our route at BIRD and its End-of-RIB here", || {
        !bird.route(OURS).is_empty() && end_of_rib(&router)
    });
    router.kill();
    wait_for(AT_ONCE, "our route to be gone from BIRD", || bird.route(OURS).is_empty());
}

#[test]
fn frr_keeps_nothing_of_ours_when_we_are_killed_and_hears_no_word_of_it_where_that_is_forbidden() {
    let lab = two();
    let lines = format!(
        " bgp graceful-restart\n neighbor {ONE} remote-as 65001\n neighbor {ONE} timers connect 1\n \
         address-family ipv4 unicast\n  network {THEIRS}\n exit-address-family"
    );
    let frr = Frr::start(&lab.p, &bgp(65002, TWO, &lines));
    let capability = || {
        let shown = frr.vtysh(&format!("show bgp neighbors {ONE} json")).unwrap_or_default();
        let shown: Value = serde_json::from_str(&shown).unwrap_or_default();
        shown[ONE]["neighborCapabilities"]["gracefulRestart"].clone()
    };
    let mut with = router(&lab, "");
    wait_gateways(&lab.p, OURS, &[ONE]);
    until("FRR's End-of-RIB", || end_of_rib(&with));
    assert_eq!(capability(), "advertisedAndReceived");
    with.kill();
    wait_for(AT_ONCE, "our route to be gone from FRR's kernel", || {
        router_tests::kernel::of(&lab.p, OURS, router_tests::kernel::BGP).is_none()
    });
    drop(with);
    let without = router(&lab, &format!(" neighbor {TWO} graceful-restart-disable\n"));
    wait_gateways(&lab.p, OURS, &[ONE]);
    wait_gateways(&lab.r, THEIRS, &[TWO]);
    assert_ne!(capability(), "advertisedAndReceived");
    assert!(!end_of_rib(&without));
}
