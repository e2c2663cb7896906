//! Debian's `vtysh` (FRR 8.4) at the sockets that stand in the place of FRR's daemons: what it shows is what our own
//! shell shows.

use router_tests::peers::Router;
use serde_json::Value;

use super::commands;
use super::scene::Scene;
use super::steady::steady;

/// Commands of FRR 8.4's stored answers beyond those of 10.8.
const OLDER: &[&str] = &[
    "show bfd",
    "show bfd peer 10.10.0.100",
    "show bfd peers",
    "show bfd peers brief",
    "show bfd peers counters",
    "show bgp ipv4 unicast statistics",
    "show bgp ipv4 unicast update-groups",
    "show bgp listeners",
    "show bgp memory",
    "show bgp statistics-all",
    "show bgp update-groups",
    "show ip access-list",
    "show ip import-check",
    "show ip route nexthop-group",
    "show logging",
    "show debugging",
    "show modules",
    "show running-config bgpd",
];

/// What FRR's shell asks several daemons. It prints the answers one after another, our own shell prints that of one.
const SEVERAL: &[(&str, &[&str])] = &[
    ("show ip access-list", &["zebra", "bgpd", "bfdd", "vrrpd"]),
    ("show ip prefix-list", &["zebra", "bgpd"]),
    ("show ipv6 prefix-list", &["zebra", "bgpd"]),
    ("show route-map", &["zebra", "bgpd"]),
];

/// What FRR's shell answers by itself, or puts together in a way of its own: its version, the merged configuration
/// (`doors` compares that), headings of modules where there are none.
const ITS_OWN: &[&str] = &["show version", "show running-config", "show modules"];

/// FRR 8.4's shell has no such command and refuses it before we are asked.
const UNKNOWN: &[&str] = &[
    "show bgp import-check-table json",
    "show bgp ipv4 unicast detail",
    "show bgp ipv4 unicast neighbors 192.0.2.2 advertised-routes detail",
    "show bgp ipv4 unicast self-originate",
    "show bgp nexthop json",
    "show bgp router",
    "show bgp self-originate",
    "show ip nht json",
    "show ip nht 10.255.0.2 json",
    "show ip nht vrf all json",
    "show ipv6 nht json",
];

/// Clocks and counters move from one question to the next.
fn comparable(text: &str) -> String {
    match serde_json::from_str::<Value>(text) {
        Ok(json) => steady(&format!("{json:#}"), true),
        Err(_) => steady(text, true),
    }
}

/// What FRR's shell should print.
fn expected(router: &Router, command: &str) -> String {
    let several = SEVERAL.iter().find(|(start, _)| command.starts_with(start));
    match several {
        Some((_, doors)) => doors.iter().map(|d| answer(router.door(d, command))).collect(),
        None => {
            // FRR 8.4 has no mgmtd.
            let text = answer(router.vtysh(command));
            let managed = ["Logging configuration for zebra:", "Zebra debugging status:"];
            let start = managed.iter().find_map(|first| text.find(first)).unwrap_or(0);
            text[start..].to_owned()
        }
    }
}

/// What was printed, or what was said against the command behind the program's name.
fn answer(given: Result<String, String>) -> String {
    given
        .unwrap_or_else(|refused| refused.split_once(": ").map_or(refused.clone(), |(_, why)| why.to_owned()))
}

#[test]
fn the_shell_of_frr_shows_what_ours_shows() {
    let scene = Scene::start(Some("edge1"));
    scene.wait_up();
    let router = scene.ours("edge1");
    let (both, text) = commands::of("edge1");
    let all = both.iter().flat_map(|c| [c.to_string(), format!("{c} json")]);
    let all = all.chain(text.iter().chain(OLDER).map(|c| c.to_string()));
    let mut wrong = Vec::new();
    let (mut alike, mut unknown) = (0, 0);
    for command in all.filter(|c| !ITS_OWN.iter().any(|own| c.starts_with(own))) {
        if UNKNOWN.contains(&command.as_str()) || UNKNOWN.contains(&command.trim_end_matches(" json")) {
            let theirs = answer(router.frr_vtysh(&command));
            assert!(theirs.starts_with("% Unknown command"), "{command} is known to FRR 8.4: {theirs}");
            unknown += 1;
            continue;
        }
        // An age may have grown between the two questions.
        let mut asked = (String::new(), String::new());
        let same = (0..5).any(|_| {
            asked = (answer(router.frr_vtysh(&command)), expected(router, &command));
            comparable(&asked.0) == comparable(&asked.1)
        });
        if same {
            alike += 1;
        } else {
            wrong.push(format!("=== {command}\n--- FRR's shell\n{}\n--- ours\n{}", asked.0, asked.1));
        }
    }
    println!("{alike} answers alike, {unknown} unknown to FRR 8.4");
    assert!(wrong.is_empty(), "{} answers differ:\n{}", wrong.len(), wrong.join("\n"));
}
