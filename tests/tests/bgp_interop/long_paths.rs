//! Paths as long as a message can hold: through every filter in a time that grows with their length, and on to a peer
//! that knows two octets of an AS (RFC 6793).

use std::time::{Duration, Instant};

use router_tests::speaker::Speaker;

use crate::common::*;
use crate::malformed::{NEXT_HOP, ORIGIN, update_with};
use crate::security::{CASE, CASE_PREFIX, GOOD, GOOD_PREFIX, identity, path, scene_with};

const NEIGHBORS: &str = " neighbor 10.0.0.5 remote-as 65005\n neighbor 10.0.0.5 passive\n \
     neighbor 10.0.0.6 remote-as 65006\n neighbor 10.0.0.6 passive\n";

/// A path of that many ASes, first our neighbour, last this one, and those between with four octets.
fn long(count: u32, last: u32) -> Vec<u32> {
    std::iter::once(65005).chain(100_000..100_000 + count - 2).chain([last]).collect()
}

fn update(asns: &[u32]) -> Vec<u8> {
    update_with(&[ORIGIN, &path(asns.iter().copied()), NEXT_HOP].concat(), CASE)
}

fn good() -> Vec<u8> {
    update_with(&[ORIGIN, &path([65005].into_iter()), NEXT_HOP].concat(), GOOD)
}

/// The path as text, our AS in front.
fn passed_on(asns: &[u32]) -> String {
    let numbers: Vec<String> =
        std::iter::once(65001).chain(asns.iter().copied()).map(|a| a.to_string()).collect();
    numbers.join(" ")
}

#[test]
fn an_expression_over_a_path_of_2100_takes_linear_time() {
    // A matcher that goes back and tries again does so for ever here.
    let list = "bgp as-path access-list HARD deny ^(([0-9]+_)*)*64999$\n\
                bgp as-path access-list HARD permit ^(([0-9]+_?)+)+$\n";
    let family = " address-family ipv4 unicast\n  neighbor 10.0.0.5 filter-list HARD in\n  \
                  neighbor 10.0.0.6 filter-list HARD out\n exit-address-family\n";
    let scene = scene_with(&format!("{NEIGHBORS}{family}"), list);
    let (speaker, watcher) = (scene.speaker(65005, "10.0.0.5"), scene.speaker(65006, "10.0.0.6"));
    let (permitted, denied) = (long(2100, 65000), long(2100, 64999));
    for round in 0..5 {
        let start = Instant::now();
        speaker.send(update(&permitted));
        until("the path that is permitted", || watcher.route(CASE_PREFIX).is_some());
        let there = start.elapsed();
        assert_eq!(watcher.route(CASE_PREFIX).unwrap().as_path(), passed_on(&permitted));
        let start = Instant::now();
        speaker.send(update(&denied));
        until("the path that is denied", || watcher.route(CASE_PREFIX).is_none());
        let gone = start.elapsed();
        println!("round {round}: permitted after {there:?}, denied after {gone:?}");
        assert!(there.max(gone) < Duration::from_secs(1), "permitted after {there:?}, denied after {gone:?}");
        wait_gone(&scene.r, CASE_PREFIX);
    }
    speaker.send(good());
    wait_gateways(&scene.r, GOOD_PREFIX, &["10.0.0.2"]);
    assert_eq!((speaker.heard().sessions, watcher.heard().sessions), (1, 1));
    scene.undisturbed();
}

#[test]
fn long_paths_go_to_a_peer_of_two_octets_if_they_fit() {
    let scene = scene_with(NEIGHBORS, "");
    let speaker = scene.speaker(65005, "10.0.0.5");
    let wide = scene.speaker(65004, "10.0.0.4");
    let mut identity = identity(65006, "10.0.0.6");
    identity.session.capabilities = false;
    let narrow = Speaker::established(&scene.bad, identity);
    let heard = |watcher: &Speaker| watcher.route(CASE_PREFIX).map(|r| r.as_path());
    // AS_PATH has two octets for each AS and AS4_PATH four, in a message of 4,096; the wide one has extended messages.
    for (count, fits) in
        [(255, true), (256, true), (600, true), (751, false), (300, true), (2100, false), (2, true)]
    {
        let asns = long(count, 4_200_000_000 + count);
        speaker.send(update(&asns));
        until(&format!("a path of {count}"), || heard(&wide) == Some(passed_on(&asns)));
        let expected = fits.then(|| passed_on(&asns));
        until(&format!("a path of {count}, two octets each"), || heard(&narrow) == expected);
        wait_gateways(&scene.r, CASE_PREFIX, &["10.0.0.2"]);
    }
    speaker.send(good());
    until("the next prefix", || narrow.route(GOOD_PREFIX).is_some());
    assert_eq!((speaker.heard().sessions, narrow.heard().sessions, wide.heard().sessions), (1, 1, 1));
    scene.undisturbed();
}
