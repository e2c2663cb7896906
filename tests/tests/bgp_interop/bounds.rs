//! Settings at their ends: a neighbour that is shut down, a limit of 32 bits, an identifier of zero.

use std::io::Write;

use serde_json::Value;

use crate::common::*;
use crate::hostile::shown_the_door;
use crate::malformed::{message, open, update_with};
use crate::security::{GOOD, GOOD_PREFIX, attrs, dial_from, scene_with};

#[test]
fn a_neighbor_that_is_shut_down_here_is_turned_away() {
    let shutdown = " neighbor 10.0.0.5 shutdown\n";
    let scene = scene_with(&format!(" neighbor 10.0.0.5 remote-as 65002\n{shutdown}"), "");
    let opening = open(4, 65002, 180, [10, 0, 0, 5]);
    let first = [
        vec![],
        opening.clone(),
        [opening, message(4, &[]), update_with(&attrs(&[]), GOOD)].concat(),
        message(3, &[6, 2]),
        vec![0; 4096],
    ];
    for bytes in first.iter().cycle().take(50) {
        let refused = scene.bad.enter(|| {
            let mut stream = dial_from("10.0.0.5");
            // What is written after the end is lost.
            let _ = stream.write_all(bytes);
            shown_the_door(&mut stream)
        });
        assert!(refused, "{bytes:?}");
    }
    scene.undisturbed();
    wait_gone(&scene.r, GOOD_PREFIX);
    scene.router.reload(&scene.config.replace(shutdown, " neighbor 10.0.0.5 passive\n"));
    let speaker = scene.speaker(65002, "10.0.0.5");
    speaker.send(update_with(&attrs(&[]), GOOD));
    wait_gateways(&scene.r, GOOD_PREFIX, &["10.0.0.2"]);
    scene.undisturbed();
}

#[test]
fn a_limit_of_prefixes_may_have_all_its_32_bits() {
    let line = |limit: &str| format!("  neighbor 10.0.0.5 maximum-prefix {limit}\n");
    // A limit times its percentage: beyond 32 bits, or a little beyond.
    let limits = [(u32::MAX, 100), (u32::MAX, 1), (42_949_673, 100), (171_798_692, 25)];
    let of = |(limit, percent): (u32, u32)| line(&format!("{limit} {percent}"));
    let scene = scene_with(
        &format!(
            " neighbor 10.0.0.5 remote-as 65002\n neighbor 10.0.0.5 passive\n address-family ipv4 unicast\n{} \
             exit-address-family\n",
            of(limits[0])
        ),
        "",
    );
    let speaker = scene.speaker(65002, "10.0.0.5");
    let prefixes: Vec<String> = (0..100).map(|n| format!("198.18.{n}.0/24")).collect();
    speaker.announce(&prefixes.iter().map(String::as_str).collect::<Vec<_>>(), &[65002]);
    wait_gateways(&scene.r, &prefixes[99], &["10.0.0.5"]);
    let shown = || {
        let shown = scene.router.vtysh("show bgp neighbors 10.0.0.5 json").unwrap();
        let shown: Value = serde_json::from_str(&shown).unwrap();
        let family = &shown["10.0.0.5"]["addressFamilyInfo"]["ipv4Unicast"];
        (family["prefixAllowedMax"].as_u64(), family["prefixAllowedWarningThresh"].as_u64())
    };
    let with = |now: &str| scene.config.replace(&of(limits[0]), now);
    let crossed = || scene.router.log().contains("maximum-prefix crossed");
    let near = || scene.router.log().contains("maximum-prefix is near");
    for (n, limit) in limits.into_iter().enumerate() {
        scene.router.reload(&with(&of(limit)));
        until("the limit", || shown() == (Some(limit.0.into()), Some(limit.1.into())));
        let prefix = format!("198.18.{}.0/24", 100 + n);
        speaker.announce(&[&prefix], &[65002]);
        wait_gateways(&scene.r, &prefix, &["10.0.0.5"]);
        assert!(!crossed() && !near(), "{limit:?}: {}", scene.router.log());
    }
    // A percentage that is reached is told, so silence meant something; so is a limit.
    scene.router.reload(&with(&line("130 80")));
    until("the limit of 130", || shown() == (Some(130), Some(80)));
    speaker.announce(&["198.18.200.0/24"], &[65002]);
    until("the warning", near);
    assert!(!crossed(), "{}", scene.router.log());
    scene.router.reload(&with(&line("50 warning-only")));
    until("the new limit", || shown().0 == Some(50));
    speaker.send(update_with(&attrs(&[]), GOOD));
    wait_gateways(&scene.r, GOOD_PREFIX, &["10.0.0.2"]);
    until("the warning", crossed);
    assert_eq!(speaker.heard().sessions, 1, "{:?}", speaker.heard().downs);
    scene.undisturbed();
}

#[test]
fn an_identifier_of_zero_is_refused_with_its_place_and_changes_nothing() {
    let scene = scene_with("", "");
    let speaker = scene.speaker(65002, "10.0.0.2");
    let loaded = || scene.router.metric("router_config_last_load_successful", &[]);
    let binary = router_tests::peers::router_binary();
    let id = " bgp router-id 10.0.0.1\n";
    assert!(scene.config.contains(id));
    let cases = [
        (scene.config.replace(id, " bgp router-id 0.0.0.0\n"), "5:2:"),
        (format!("ip router-id 0.0.0.0\n{}", scene.config), "1:1:"),
    ];
    for (bad, place) in cases {
        let file = scene.r.write("zero.conf", &bad);
        let out = scene.r.output(&binary.to_string_lossy(), &["--check", &file.to_string_lossy()]);
        let error = String::from_utf8_lossy(&out.stderr);
        assert!(!out.status.success(), "{error}");
        assert!(error.contains(&format!("zero.conf:{place}")) && error.contains("0.0.0.0"), "{error}");
        scene.router.reload(&bad);
        until("the failed load", || loaded() == Some(0.0));
        assert!(scene.router.log().contains(&format!("frr.conf:{place}")), "{}", scene.router.log());
        scene.undisturbed();
        scene.router.reload(&scene.config);
        until("the good file", || loaded() == Some(1.0));
    }
    speaker.send(update_with(&attrs(&[]), GOOD));
    wait_gateways(&scene.r, GOOD_PREFIX, &["10.0.0.2"]);
    assert_eq!(speaker.heard().sessions, 1);
    scene.undisturbed();
}
