use std::path::{Path, PathBuf};

use super::grammar::{Editor, Node, Verdict};
use super::model::*;
use super::parse::{ParseError, ParseErrorKind, Parsed, parse};
use super::render::render;

const EDGE: &str = include_str!("../../testdata/conf/edge.conf");
const KEPT: &str = include_str!("../../testdata/conf/kept.conf");

fn read(text: &str) -> Parsed {
    parse("test.conf", text).unwrap_or_else(|errors| {
        panic!("{}", errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })
}

fn errors(text: &str) -> Vec<ParseError> {
    parse("frr.conf", text).unwrap_err()
}

/// Without the `!` lines, which only separate.
fn lines(text: &str) -> Vec<&str> {
    text.lines().filter(|l| l.trim() != "!").collect()
}

#[track_caller]
fn same_lines(left: &str, right: &str) {
    for (number, (l, r)) in lines(left).iter().zip(lines(right)).enumerate() {
        assert_eq!(*l, r, "line {number}");
    }
    assert_eq!(lines(left).len(), lines(right).len());
}

fn stable(text: &str) -> String {
    let first = render(&read(text).config);
    let second = render(&read(&first).config);
    assert_eq!(first, second);
    first
}

/// A folder of facts beside the checkout, if this machine has it.
fn shared(path: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let candidates = [root.join("../../shared"), root.canonicalize().ok()?.join("../../shared")];
    let found = candidates.into_iter().map(|c| c.join(path)).find(|p| p.exists());
    if found.is_none() {
        println!("skipped: no {path} here");
    }
    found
}

#[test]
fn our_samples_render_as_they_are_written() {
    same_lines(&stable(EDGE), EDGE);
    same_lines(&stable(KEPT), KEPT);
}

#[test]
fn the_lab_files_are_accepted_and_render_stably() {
    let Some(folder) = shared("frr/outputs/lab-conf") else { return };
    for name in ["edge1", "edge2", "hv", "isp"] {
        let text = std::fs::read_to_string(folder.join(format!("{name}.conf"))).unwrap();
        stable(&text);
    }
}

#[test]
fn the_lab_files_render_as_the_reference_does() {
    let Some(folder) = shared("frr/outputs") else { return };
    for name in ["edge1", "edge2", "hv", "isp"] {
        let text = std::fs::read_to_string(folder.join(format!("lab-conf/{name}.conf"))).unwrap();
        let expected = folder.join(format!("10.8-dev/{name}/show_running-config.txt"));
        let expected = std::fs::read_to_string(expected).unwrap();
        let expected = expected.split_once("Current configuration:\n!\n").unwrap().1;
        let expected = expected.replace("frr version 10.8.0-dev", &format!("frr version {FRR_VERSION}"));
        // Forwarding is written out, so that saving what was given loses nothing.
        let ours = render(&read(&text).config);
        let ours: Vec<&str> = ours.lines().filter(|l| !l.ends_with(" forwarding")).collect();
        same_lines(&ours.join("\n"), &expected);
    }
}

#[test]
fn words_may_be_shortened_and_nodes_left_without_exit() {
    let text = "router bgp 64496\n address-f ipv4 uni\n netw 10.0.0.0/8\n neigh 10.1.1.1 remote-a 5\nint lo\n ip addr 10.255.0.1/32\nroute-map A permit 5\n set metric 5\nip ro 5.6.7.0/24 blackhole\n";
    let config = read(text).config;
    let bgp = config.bgp.unwrap();
    assert_eq!(bgp.families[0].networks.len(), 1);
    assert!(bgp.neighbors.contains_key(&PeerId::from_word("10.1.1.1")));
    assert_eq!(config.interfaces["lo"].addresses.len(), 1);
    assert_eq!(config.default_vrf.statics.len(), 1);
}

#[test]
fn every_mistake_is_reported_with_its_place_and_a_guess() {
    let text = "hostname a\nrouter bgp 64496\n neighbor 10.0.0.1 remot-as 5\n neighbor 10.0.0.1 descripton x\n!\ninterface eth0\n bogus\n";
    let found = errors(text);
    assert_eq!(found.len(), 3);
    assert_eq!((found[0].line, found[0].column), (3, 20));
    assert_eq!(found[0].nearest.as_deref(), Some("remote-as"));
    assert_eq!(
        found[1].to_string(),
        "frr.conf:4:20: unknown command: neighbor 10.0.0.1 descripton x; nearest valid word: description"
    );
    assert_eq!((found[2].line, found[2].column, found[2].kind.clone()), (7, 2, ParseErrorKind::Unknown));
}

#[test]
fn statuses_are_those_of_the_reference() {
    let kinds = |text: &str| errors(text).iter().map(|e| e.kind.status()).collect::<Vec<_>>();
    assert_eq!(kinds("bogus"), [2]);
    assert_eq!(kinds("route-map RM"), [4]);
    assert_eq!(kinds("router bgp 1\n neighbor 1.2.3.4 description x"), [13]);
    assert_eq!(kinds("router bgp 1\nrouter bgp 2"), [13]);
    assert_eq!(kinds("no router bgp 2"), [13]);
    assert_eq!(kinds("router bgp 1\n neighbor 1.2.3.4 remote-as 0"), [2]);
    assert_eq!(kinds("ip prefix-list X seq 5 permit 10.0.0.0/8 le 7"), [13]);
    assert_eq!(kinds("frr defaults weird"), [13]);
    assert_eq!(kinds("router bgp 1\n bgp router-id 0.0.0.0"), [13]);
    assert_eq!(kinds("ip router-id 0.0.0.0\nrouter-id 0.0.0.0"), [13, 13]);
}

#[test]
fn what_names_something_unknown_is_told_but_accepted() {
    let text = "router bgp 1\n neighbor 10.0.0.1 remote-as 2\n address-family ipv4\n  neighbor 10.0.0.1 route-map NOPE in\n";
    let notices = read(text).notices;
    assert!(notices.iter().any(|n| n.text == "The route-map 'NOPE' does not exist."), "{notices:?}");
}

#[test]
fn a_map_defined_further_down_is_no_reason_to_complain() {
    let text = "router bgp 1\n neighbor 10.0.0.1 remote-as 2\n neighbor 10.0.0.1 route-map LATER in\nroute-map LATER permit 1\n";
    assert_eq!(read(text).notices, []);
}

#[test]
fn what_the_engine_cannot_do_yet_is_kept_with_a_notice() {
    let text = "router bgp 1\n neighbor 10.0.0.1 remote-as 2\n neighbor 10.0.0.1 bfd\n";
    let parsed = read(text);
    assert_eq!(parsed.notices.len(), 1);
    assert_eq!(parsed.notices[0].line, Some(3));
    assert!(render(&parsed.config).contains(" neighbor 10.0.0.1 bfd\n"));
}

#[test]
fn undefined_peer_groups_are_refused() {
    assert_eq!(errors("router bgp 1\n neighbor 10.0.0.1 peer-group G")[0].kind.status(), 13);
    assert_eq!(errors("router bgp 1\n bgp listen range 10.0.0.0/8 peer-group G")[0].kind.status(), 13);
}

#[test]
fn a_group_may_name_the_ases_of_its_members() {
    let group = "router bgp 1\n neighbor G peer-group\n";
    let line = " neighbor G remote-as 65001 alternate-as 65002 65010-65020\n";
    let parsed = read(&format!("{group}{line}"));
    assert_eq!(parsed.notices, []);
    assert!(render(&parsed.config).contains(line));
    let left =
        read(&format!("{group}{line} no neighbor G remote-as 65001 alternate-as 65010-65020\n")).config;
    assert!(render(&left).contains(" neighbor G remote-as 65001 alternate-as 65002\n"));
    let plain = read(&format!("{group}{line} neighbor G remote-as 65001\n")).config;
    assert!(render(&plain).contains(" neighbor G remote-as 65001\n"));
    for bad in ["65003-65002", "65001", "65002 65002", "65000-65009", "1", "1-4", "x", "65002-", "-"] {
        let errors = errors(&format!("{group} neighbor G remote-as 65001 alternate-as {bad}\n"));
        assert_eq!(errors.len(), 1, "{bad}");
        assert_eq!(errors[0].line, 3, "{bad}");
    }
    let alone =
        "router bgp 1\n neighbor 10.0.0.1 remote-as 2\n neighbor 10.0.0.1 remote-as 2 alternate-as 3\n";
    assert_eq!(errors(alone).len(), 1);
}

#[test]
fn a_confederation_is_read_and_taken_apart() {
    let text =
        "router bgp 65001\n bgp confederation identifier 64500\n bgp confederation peers 65002 65003\n";
    let parsed = read(text);
    assert_eq!(parsed.notices, []);
    assert!(render(&parsed.config).contains(&text["router bgp 65001\n".len()..]));
    let left = render(&read(&format!("{text} no bgp confederation peers 65002\n")).config);
    assert!(left.contains(" bgp confederation peers 65003\n"));
    assert_eq!(errors(&format!("{text} bgp confederation peers 65001\n")).len(), 1);
}

#[test]
fn lines_that_were_only_kept_take_effect() {
    for (node, line) in [
        ("", "bgp session-dscp 16\n"),
        ("router bgp 1\n", " bgp max-med administrative\n"),
        ("router bgp 1\n", " bgp max-med administrative 77\n"),
        ("router bgp 1\n", " bgp max-med on-startup 60\n"),
        ("router bgp 1\n", " bgp max-med on-startup 60 77\n"),
        ("router bgp 1\n", " bgp bestpath aigp\n"),
        ("router bgp 1\n", " bgp bestpath bandwidth ignore\n"),
        ("router bgp 1\n", " bgp bestpath bandwidth skip-missing\n"),
        ("router bgp 1\n", " bgp bestpath bandwidth default-weight-for-missing\n"),
        (
            "router bgp 1\n neighbor 10.0.0.1 remote-as 2\n",
            " neighbor 10.0.0.1 disable-link-bw-encoding-ieee\n",
        ),
        ("router bgp 1\n neighbor 10.0.0.1 remote-as 2\n", " neighbor 10.0.0.1 extended-link-bandwidth\n"),
        ("route-map M permit 10\n", " set extcommunity bandwidth 100\n"),
        ("route-map M permit 10\n", " set extcommunity bandwidth 40 non-transitive\n"),
        ("route-map M permit 10\n", " set extcommunity bandwidth cumulative\n"),
        ("route-map M permit 10\n", " set extcommunity bandwidth num-multipaths non-transitive\n"),
        ("", "zebra nexthop resilient buckets 256 idle-timer 60 unbalanced-timer 0\n"),
        ("router bgp 1\n neighbor 10.0.0.1 remote-as 2\n", " neighbor 10.0.0.1 aigp\n"),
        (
            "router bgp 1\n neighbor 10.0.0.1 remote-as 2\n address-family ipv4 unicast\n",
            "  neighbor 10.0.0.1 soo 65001:9\n",
        ),
        ("route-map M permit 10\n", " match community-limit 5\n"),
        ("route-map M permit 10\n", " match extcommunity-limit 0\n"),
        ("route-map M permit 10\n", " set as-path replace as-path-access-list L 65001\n"),
        ("route-map M permit 10\n", " set as-path replace as-path-access-list L\n"),
        ("route-map M permit 10\n", " set aigp-metric igp-metric\n"),
        ("route-map M permit 10\n", " set aigp-metric 5\n"),
        ("route-map M permit 10\n", " set metric aigp\n"),
        ("route-map M permit 10\n", " set metric rtt\n"),
        ("route-map M permit 10\n", " set metric +rtt\n"),
        ("route-map M permit 10\n", " set metric -rtt\n"),
        ("route-map M permit 10\n", " match as-path-count 3\n"),
        ("route-map M permit 10\n", " match src-peer 10.0.0.1\n"),
        ("route-map M permit 10\n", " match src-peer eth0\n"),
        ("route-map M permit 10\n", " match source-instance 0\n"),
        ("route-map R permit 10\nexit\n", "ip nht bgp route-map R\n"),
        ("route-map R permit 10\nexit\n", "ipv6 nht any route-map R\n"),
        (
            "route-map R permit 10\nexit\nrouter bgp 1\n neighbor 10.0.0.1 remote-as 2\n address-family ipv4 unicast\n",
            "  neighbor 10.0.0.1 allowas-in route-map R\n",
        ),
        (
            "router bgp 1\n neighbor 10.0.0.1 remote-as 2\n address-family ipv4 unicast\n",
            "  neighbor 10.0.0.1 addpath-rx-paths-limit 5\n",
        ),
        (
            "route-map R permit 10\nexit\nrouter bgp 1\n neighbor 10.0.0.1 remote-as 2\n address-family ipv4 unicast\n",
            "  neighbor 10.0.0.1 allowas-in route-map R 5\n",
        ),
        ("", "access-list 100 seq 5 permit ip 10.1.0.0 0.0.255.255 any\n"),
        ("", "access-list 101 seq 5 deny ip host 10.2.0.0 host 255.255.0.0\n"),
        ("", "access-list 101 seq 5 permit ip 10.1.0.0 0.0.255.255 255.255.255.0 0.0.0.255\n"),
        ("", "access-list 10 seq 5 permit 10.1.0.0 0.255.0.255\n"),
        ("", "access-list L seq 5 permit 10.0.0.0/8 exact-match\n"),
    ] {
        let parsed = read(&format!("{node}{line}"));
        assert_eq!(parsed.notices, [], "{line}");
        assert!(render(&parsed.config).contains(line), "{line}");
        let undone = read(&format!("{node}{line}no {}", line.trim_start())).config;
        assert!(!render(&undone).contains(line), "{line}");
    }
}

#[test]
fn the_version_line_selects_old_defaults() {
    let new = read("frr version 10.8\nrouter bgp 1\n").config.bgp.unwrap();
    let old = read("frr version 7.3\nrouter bgp 1\n").config.bgp.unwrap();
    assert!(new.knobs.ebgp_requires_policy && !old.knobs.ebgp_requires_policy);
    assert!(
        render(&read("frr version 7.3\nrouter bgp 1\n").config).contains(" no bgp ebgp-requires-policy\n")
    );
}

#[test]
fn no_undoes() {
    for (line, node) in [
        ("neighbor 10.0.0.1 timers 3 9", "router bgp 1\nneighbor 10.0.0.1 remote-as 2\n"),
        ("neighbor 10.0.0.1 password a b c", "router bgp 1\nneighbor 10.0.0.1 remote-as 2\n"),
        (
            "neighbor 10.0.0.1 route-map X in",
            "router bgp 1\nneighbor 10.0.0.1 remote-as 2\naddress-family ipv4\n",
        ),
        ("neighbor 10.0.0.1 maximum-prefix 5 80 restart 9", "router bgp 1\nneighbor 10.0.0.1 remote-as 2\n"),
        ("network 10.0.0.0/8", "router bgp 1\naddress-family ipv4\n"),
        ("network 2001:db8::/32", "router bgp 1\naddress-family ipv6\n"),
        ("redistribute connected metric 5", "router bgp 1\naddress-family ipv4\n"),
        ("timers bgp 5 15", "router bgp 1\n"),
        ("bgp graceful-restart restart-time 50", "router bgp 1\n"),
        ("ip route 10.0.0.0/8 192.0.2.1 tag 5 20", ""),
        ("ip route 10.0.0.0 255.0.0.0 Null0", ""),
        ("ip prefix-list A seq 5 permit 10.0.0.0/8 ge 9", ""),
        ("access-list A permit 10.0.0.0/8", ""),
        ("bgp as-path access-list A permit ^1_", ""),
        ("bgp community-list standard A permit 1:1", ""),
        ("zebra nexthop-group keep 5", ""),
        ("debug bgp updates", ""),
        ("description x y", "interface e\nmtu 9000\n"),
        ("ip address 10.0.0.1/24", "interface e\nmtu 9000\n"),
        ("ipv6 nd ra-interval 5", "interface e\nmtu 9000\n"),
        ("vrrp 5 ip 10.0.0.1", "interface e\nvrrp 5\n"),
        ("vrrp 5 track interface eth0 decrement 5", "interface e\nvrrp 5\n"),
        ("match community X", "route-map A permit 5\n"),
        ("set community 1:1 additive", "route-map A permit 5\n"),
        ("set extcommunity rt 1:1", "route-map A permit 5\n"),
        ("match source-vrf X", "route-map A permit 5\n"),
    ] {
        let before = read(node).config;
        let after = read(&format!("{node}{line}\nno {line}\n")).config;
        assert_eq!(render(&before), render(&after), "{line}");
        let with = read(&format!("{node}{line}\n")).config;
        assert_ne!(render(&before), render(&with), "{line}");
    }
}

#[test]
fn short_forms_of_no_work() {
    let base = "router bgp 1\nneighbor 10.0.0.1 remote-as 2\n";
    let with = "neighbor 10.0.0.1 timers 3 9\nneighbor 10.0.0.1 description x\nneighbor 10.0.0.1 weight 5\n";
    let without =
        "no neighbor 10.0.0.1 timers\nno neighbor 10.0.0.1 description\nno neighbor 10.0.0.1 weight\n";
    assert_eq!(render(&read(&format!("{base}{with}{without}")).config), render(&read(base).config));
    let lists =
        "ip prefix-list A permit 10.0.0.0/8\nip prefix-list A permit 11.0.0.0/8\nno ip prefix-list A seq 5\n";
    assert!(render(&read(lists).config).contains("ip prefix-list A seq 10 permit 11.0.0.0/8"));
    assert!(!render(&read(lists).config).contains("seq 5"));
}

#[test]
fn removing_what_is_not_there_is_no_error() {
    let text = "no route-map NOPE\nno ip prefix-list NOPE\nno ip route 5.5.5.0/24 10.0.0.1\nrouter bgp 1\n no neighbor 1.2.3.4\n";
    assert_eq!(read(text).notices.len(), 1);
}

#[test]
fn a_member_may_switch_off_what_its_group_switches_on() {
    let text = "router bgp 1\nneighbor G peer-group\nneighbor G remote-as 2\nneighbor G passive\nneighbor 10.0.0.1 peer-group G\nno neighbor 10.0.0.1 passive\n";
    let config = read(text).config;
    assert!(!config.bgp.as_ref().unwrap().effective(&PeerId::from_word("10.0.0.1")).unwrap().passive);
    assert!(render(&config).contains(" no neighbor 10.0.0.1 passive\n"));
}

#[test]
fn a_refused_line_changes_neither_model_nor_node() {
    let mut editor = Editor::default();
    assert_eq!(editor.line("interface lan0"), Verdict::Done);
    let before = editor.clone();
    assert!(matches!(editor.line("frr defaults weird"), Verdict::Failed(_)));
    assert_eq!(editor.config, before.config);
    assert_eq!(editor.node, Node::Interface("lan0".into()));
    assert_eq!(editor.line("bogus"), Verdict::Unknown);
    assert_eq!(editor.node, Node::Interface("lan0".into()));
}

#[test]
fn odd_input_is_only_an_error() {
    for text in
        ["\u{0}", "ü ö ä", "neighbor", "no", "no no no", "ip route 1.2.3.4/99 x", "!", "   #", "vrrp 1"]
    {
        let _ = parse("x", text);
        let _ = parse("x", &format!("router bgp 1\n{text}\n{text}"));
    }
}

#[test]
fn generated_lists_without_numbers_are_read_in_one_go() {
    let mut text = String::new();
    for n in 0..30_000u32 {
        let (a, b) = (n / 250, n % 250);
        text.push_str(&format!("ip prefix-list BIG permit 10.{a}.{b}.0/24\n"));
    }
    // Said again, nothing is added; after a removal, it is.
    text.push_str("ip prefix-list BIG permit 10.0.7.0/24\n");
    text.push_str("no ip prefix-list BIG permit 10.0.9.0/24\nip prefix-list BIG permit 10.0.9.0/24\n");
    let list = &read(&text).config.policies.prefix_lists_v4["BIG"];
    assert_eq!(list.entries.len(), 30_000);
    assert_eq!(list.entries.last_key_value().unwrap().1.prefix.unwrap().to_string(), "10.0.9.0/24");
    let gone = read("ip prefix-list A permit any\nno ip prefix-list A\nip prefix-list A permit any\n").config;
    assert_eq!(gone.policies.prefix_lists_v4["A"].entries.len(), 1);
}

#[test]
fn caches_are_read_in_both_forms_and_written_in_the_newer_one() {
    let text = "rpki\n rpki polling_period 900\n rpki retry_interval 60\n rpki expire_interval 1800\n \
                rpki cache 192.0.2.1 323 preference 2\n \
                rpki cache tcp rtr.example.net 3323 source 10.0.0.1 preference 1\n \
                rpki cache ssh 192.0.2.3 22 me /key /known source 10.0.0.1 preference 3\n \
                rpki cache ssh 192.0.2.4 22 me /key preference 4\nexit\n";
    let parsed = read(text);
    let about = parsed.notices.iter().filter(|n| n.to_string().contains("rpki cache ssh")).count();
    assert_eq!(about, 2, "{:?}", parsed.notices);
    let written = stable(text);
    let written: Vec<&str> = lines(&written).into_iter().skip_while(|l| *l != "rpki").collect();
    assert_eq!(
        written.join("\n"),
        text.replace("cache 192.0.2.1", "cache tcp 192.0.2.1").trim_end().to_owned() + "\nend"
    );

    let mut editor = Editor::new(parsed.config);
    editor.node = Node::Rpki;
    let mut failed = |line: &str| matches!(editor.line(line), Verdict::Failed(_));
    assert!(failed("rpki cache tcp 192.0.2.9 323 preference 2"), "the preference is taken");
    assert!(!failed("rpki cache tcp 192.0.2.1 323 preference 2"), "it is the same cache");
    assert!(failed("rpki expire_interval 899"), "below the polling period");
    assert!(failed("no rpki cache tcp 192.0.2.1 323 preference 9"));
    assert!(!failed("no rpki cache tcp 192.0.2.1 323 preference 2"));
    assert!(!failed("no rpki expire_interval"));
    let rpki = editor.config.rpki.clone().unwrap();
    assert_eq!((rpki.expire_interval, rpki.caches.len()), (1800, 3));
    assert_eq!(editor.line("no rpki"), Verdict::Done);
    assert_eq!(editor.config.rpki, None);
}
