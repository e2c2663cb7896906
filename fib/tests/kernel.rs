//! Against the running kernel, each test in a network namespace of its own. Skipped without the
//! privilege to make one.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use fib::linux::{self, FromKernel, Handle, InterfaceConfig, Options, SystemConfig, router_defaults};
use fib::{Event, GroupId, Hop, Intent, Report, Resilient, Route, Target};
use ipnet::IpNet;

/// Runs `body` in a new namespace by starting this test again inside one.
fn in_namespace(test: &str, body: fn()) {
    if std::env::var_os("FIB_TEST_INSIDE").is_some() {
        return body();
    }
    if !Command::new("unshare").args(["-n", "true"]).status().is_ok_and(|s| s.success()) {
        println!("skipped: no permission to make a network namespace");
        return;
    }
    let me = std::env::current_exe().unwrap();
    let status = Command::new("unshare")
        .arg("-n")
        .arg(me)
        .args(["--exact", test, "--nocapture"])
        .env("FIB_TEST_INSIDE", "1")
        .status()
        .unwrap();
    assert!(status.success());
}

fn ip(arguments: &str) -> String {
    let output = Command::new("ip").args(arguments.split_whitespace()).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "ip {arguments}: {error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Two pairs of interfaces with an address on each of the first ends; returns their indices.
fn pairs() -> [u32; 2] {
    ip("link set lo up");
    [1, 2].map(|n| {
        ip(&format!("link add a{n} type veth peer name b{n}"));
        ip(&format!("link set a{n} up"));
        ip(&format!("link set b{n} up"));
        ip(&format!("addr add 10.0.{n}.2/24 dev a{n}"));
        ip(&format!("addr add 2001:db8:{n}::2/64 dev a{n} nodad"));
        let line = ip(&format!("-o link show dev a{n}"));
        line.split(':').next().unwrap().parse().unwrap()
    })
}

struct Lab {
    handle: Handle,
    told: Receiver<FromKernel>,
}

fn start() -> Lab {
    start_with(true)
}

fn start_with(objects: bool) -> Lab {
    let (sender, told) = channel();
    let core = fib::core::Config { objects, ..fib::core::Config::default() };
    let handle = linux::spawn(Options { core, ..Options::default() }, move |message| {
        let _ = sender.send(message);
    });
    Lab { handle: handle.unwrap(), told }
}

fn until(what: &str, mut check: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !check() {
        assert!(Instant::now() < end, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(10));
    }
}

impl Lab {
    fn say(&self, intents: Vec<Intent>) {
        self.handle.send(intents).unwrap();
    }

    fn until_installed(&self, number: u64) {
        until("installation", || {
            let counts = self.handle.counts(Duration::from_secs(5)).unwrap_or_default();
            let total: u64 = counts.iter().map(|(_, _, c)| c.installed).sum();
            let wanted: u64 = counts.iter().map(|(_, _, c)| c.wanted).sum();
            total == number && wanted == number
        });
    }
}

fn hop(gateway: &str, ifindex: u32) -> Hop {
    Hop { gateway: Some(gateway.parse().unwrap()), ifindex, weight: 1, onlink: false }
}

fn group(id: u32, hops: &[Hop]) -> Intent {
    Intent::Group { id: GroupId(id), hops: hops.to_vec(), resilient: None }
}

fn on(prefix: &str, group: u32) -> Intent {
    let target = Target::Group(GroupId(group));
    to(prefix, target)
}

fn to(prefix: &str, target: Target) -> Intent {
    let route = Some(Route { protocol: 186, metric: 20, target, source: None });
    Intent::Route { prefix: prefix.parse().unwrap(), table: 254, route }
}

fn word_after(text: &str, word: &str) -> Option<String> {
    let mut words = text.split_whitespace().skip_while(|w| *w != word).skip(1);
    words.find(|w| *w != "inet6").map(str::to_owned)
}

/// The gateways of a route, or the interfaces where there is none.
fn goes_via(prefix: &str) -> BTreeSet<String> {
    let family = if prefix.contains(':') { "-6" } else { "-4" };
    let text = ip(&format!("{family} -d route show {prefix} proto bgp"));
    let Some(id) = word_after(&text, "nhid") else { return BTreeSet::new() };
    // The object may go between two looks.
    let look = |id: &str| {
        let output = Command::new("ip").args(["nexthop", "show", "id", id]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let group = word_after(&look(&id), "group").unwrap_or(id);
    let way = |member: &str| {
        let id = member.split(',').next().unwrap();
        let text = look(id);
        word_after(&text, "via").or_else(|| word_after(&text, "dev"))
    };
    group.split('/').filter_map(way).collect()
}

fn names(hops: &[&str]) -> BTreeSet<String> {
    hops.iter().map(|hop| (*hop).to_owned()).collect()
}

#[test]
fn routes_of_every_kind_arrive_and_go() {
    in_namespace("routes_of_every_kind_arrive_and_go", || {
        let [a1, a2] = pairs();
        let lab = start();
        lab.say(vec![
            group(1, &[hop("10.0.1.1", a1), hop("10.0.2.1", a2)]),
            group(2, &[hop("2001:db8:1::1", a1)]),
            group(3, &[Hop { gateway: None, ifindex: a2, weight: 1, onlink: false }]),
            group(4, &[hop("fe80::77", a1), hop("10.0.2.1", a2)]),
            group(5, &[Hop { onlink: true, ..hop("192.0.2.200", a1) }]),
            on("172.16.0.0/16", 1),
            on("172.17.0.0/16", 2),
            on("2001:db8:100::/48", 2),
            on("172.18.0.0/16", 3),
            on("2001:db8:101::/48", 3),
            on("172.19.0.0/16", 4),
            on("172.22.0.0/16", 5),
            to("172.20.0.0/16", Target::Blackhole),
            to("2001:db8:102::/48", Target::Unreachable),
            to("172.21.0.0/16", Target::Prohibit),
            Intent::Synced,
        ]);
        lab.until_installed(10);
        assert_eq!(goes_via("172.16.0.0/16"), names(&["10.0.1.1", "10.0.2.1"]));
        assert_eq!(goes_via("172.17.0.0/16"), names(&["2001:db8:1::1"]));
        assert_eq!(goes_via("2001:db8:100::/48"), names(&["2001:db8:1::1"]));
        assert_eq!(goes_via("172.19.0.0/16"), names(&["10.0.2.1", "fe80::77"]));
        assert_eq!(goes_via("172.18.0.0/16"), names(&["a2"]));
        assert_eq!(goes_via("2001:db8:101::/48"), names(&["a2"]));
        assert!(ip("-4 route show type blackhole").contains("172.20.0.0/16"));
        assert!(ip("-6 route show type unreachable").contains("2001:db8:102::/48"));
        // A dropping route turns into one with a way, and back.
        lab.say(vec![on("2001:db8:102::/48", 2), to("172.16.0.0/16", Target::Blackhole)]);
        until("change of kind", || {
            goes_via("2001:db8:102::/48") == names(&["2001:db8:1::1"])
                && ip("-4 route show type blackhole").contains("172.16.0.0/16")
        });
        let gone = |prefix: &str| Intent::Route { prefix: prefix.parse().unwrap(), table: 254, route: None };
        let prefixes =
            ["172.16.0.0/16", "172.17.0.0/16", "2001:db8:100::/48", "172.18.0.0/16", "172.22.0.0/16"];
        let more =
            ["2001:db8:101::/48", "172.19.0.0/16", "172.20.0.0/16", "2001:db8:102::/48", "172.21.0.0/16"];
        lab.say(prefixes.iter().chain(&more).map(|prefix| gone(prefix)).collect());
        until("removal", || {
            ip("-4 route show proto bgp").is_empty()
                && ip("-6 route show proto bgp").is_empty()
                && ip("nexthop show").is_empty()
        });
    });
}

/// The gateway of each bucket of the one resilient group.
fn buckets() -> BTreeMap<String, String> {
    let text = ip("nexthop bucket show");
    let gateway = |id: String| word_after(&ip(&format!("nexthop show id {id}")), "via");
    text.lines().filter_map(|l| Some((word_after(l, "index")?, gateway(word_after(l, "nhid")?)?))).collect()
}

#[test]
fn buckets_of_a_resilient_group_stay_with_members_that_stay() {
    in_namespace("buckets_of_a_resilient_group_stay_with_members_that_stay", || {
        let [a1, a2] = pairs();
        let lab = start();
        let resilient = Some(Resilient { buckets: 64, idle: 60, unbalanced: 0 });
        let all = [hop("10.0.1.1", a1), Hop { weight: 2, ..hop("10.0.1.9", a1) }, hop("10.0.2.1", a2)];
        let keeping = |hops: &[Hop]| Intent::Group { id: GroupId(1), hops: hops.to_vec(), resilient };
        lab.say(vec![keeping(&all), on("172.16.0.0/16", 1), Intent::Synced]);
        lab.until_installed(1);
        assert!(ip("nexthop show").contains("type resilient buckets 64 idle_timer 60 unbalanced_timer 0"));
        let before = buckets();
        let of = |gateway: &str| before.values().filter(|g| *g == gateway).count();
        assert_eq!([of("10.0.1.1"), of("10.0.1.9"), of("10.0.2.1")], [16, 32, 16]);
        let stayed = |gone: &str| {
            let now = buckets();
            before.iter().filter(|(_, g)| *g != gone).all(|(bucket, g)| now.get(bucket) == Some(g))
                && !now.values().any(|g| g == gone)
        };
        lab.say(vec![keeping(&all[1..])]);
        until("a member to go", || goes_via("172.16.0.0/16") == names(&["10.0.1.9", "10.0.2.1"]));
        assert!(stayed("10.0.1.1"), "{before:?} {:?}", buckets());
        let without = buckets();
        lab.say(vec![keeping(&all)]);
        until("a member to return", || goes_via("172.16.0.0/16").len() == 3);
        // It gets buckets that no packet uses, which are all here; none goes from one that stayed to another.
        let with = buckets();
        assert!(with.iter().all(|(bucket, g)| g == "10.0.1.1" || without.get(bucket) == Some(g)), "{with:?}");
        // A link that goes takes its member along.
        ip("link set b2 down");
        until("a link to go", || goes_via("172.16.0.0/16") == names(&["10.0.1.1", "10.0.1.9"]));
        let now = buckets();
        assert!(with.iter().filter(|(_, g)| *g != "10.0.2.1").all(|(b, g)| now.get(b) == Some(g)));
        ip("link set b2 up");
        until("a link to return", || goes_via("172.16.0.0/16").len() == 3);
        assert_eq!(ip("nexthop show").matches("type resilient").count(), 1);
        // A group without buckets takes its place, and nothing of it is left.
        lab.say(vec![group(2, &all), on("172.16.0.0/16", 2), Intent::GroupGone(GroupId(1))]);
        until("the other kind", || !ip("nexthop show").contains("resilient"));
        assert_eq!(goes_via("172.16.0.0/16").len(), 3);
    });
}

#[test]
fn a_lost_link_moves_routes_and_its_return_brings_them_back() {
    in_namespace("a_lost_link_moves_routes_and_its_return_brings_them_back", || {
        let [a1, a2] = pairs();
        let lab = start();
        lab.say(vec![
            group(1, &[hop("10.0.1.1", a1), hop("10.0.2.1", a2)]),
            group(2, &[hop("10.0.1.1", a1)]),
            group(3, &[hop("2001:db8:1::1", a1)]),
            on("172.16.0.0/16", 1),
            on("172.17.0.0/16", 2),
            on("2001:db8:100::/48", 3),
        ]);
        lab.until_installed(3);
        for (down, back) in [("link set b1 down", "link set b1 up"), ("link set a1 down", "link set a1 up")] {
            ip(down);
            until("loss", || {
                goes_via("172.16.0.0/16") == names(&["10.0.2.1"]) && goes_via("172.17.0.0/16").is_empty()
            });
            ip(back);
            if back.contains("a1") {
                // The kernel forgets IPv6 addresses of an interface that is taken down.
                ip("addr add 2001:db8:1::2/64 dev a1 nodad");
            }
            lab.until_installed(3);
            assert_eq!(goes_via("172.16.0.0/16"), names(&["10.0.1.1", "10.0.2.1"]));
            assert_eq!(goes_via("172.17.0.0/16"), names(&["10.0.1.1"]));
            assert_eq!(goes_via("2001:db8:100::/48"), names(&["2001:db8:1::1"]));
        }
        // Faster than anybody reads notifications.
        for _ in 0..20 {
            ip("link set b1 down");
            ip("link set b1 up");
            lab.say(vec![group(2, &[hop("10.0.2.1", a2)]), group(2, &[hop("10.0.1.1", a1)])]);
        }
        until("calm", || {
            goes_via("172.16.0.0/16") == names(&["10.0.1.1", "10.0.2.1"])
                && goes_via("172.17.0.0/16") == names(&["10.0.1.1"])
                && goes_via("2001:db8:100::/48") == names(&["2001:db8:1::1"])
        });
    });
}

#[test]
fn gateways_in_routes_serve_where_there_are_no_objects() {
    in_namespace("gateways_in_routes_serve_where_there_are_no_objects", || {
        let [a1, a2] = pairs();
        let lab = start_with(false);
        let both6 = [hop("2001:db8:1::1", a1), hop("2001:db8:2::1", a2)];
        let intents = vec![
            group(1, &[hop("10.0.1.1", a1), Hop { weight: 3, ..hop("10.0.2.1", a2) }]),
            group(2, &both6),
            group(3, &[hop("fe80::77", a1)]),
            group(4, &[Hop { onlink: true, ..hop("192.0.2.200", a1) }]),
            group(5, &[Hop { gateway: None, ifindex: a2, weight: 1, onlink: false }]),
            on("172.16.0.0/16", 1),
            on("2001:db8:100::/48", 2),
            on("172.17.0.0/16", 3),
            on("172.18.0.0/16", 4),
            on("172.19.0.0/16", 5),
            to("172.20.0.0/16", Target::Blackhole),
            Intent::Synced,
        ];
        lab.say(intents.clone());
        lab.until_installed(6);
        let has = |prefix: &str, words: &[&str]| {
            let family = if prefix.contains(':') { "-6" } else { "-4" };
            let text = ip(&format!("{family} route show {prefix} proto bgp"));
            words.iter().all(|word| text.contains(word))
        };
        assert!(has("172.16.0.0/16", &["via 10.0.1.1 dev a1 weight 1", "via 10.0.2.1 dev a2 weight 3"]));
        assert!(has("2001:db8:100::/48", &["via 2001:db8:1::1 dev a1", "via 2001:db8:2::1 dev a2"]));
        assert!(has("172.17.0.0/16", &["via inet6 fe80::77"]));
        assert!(has("172.18.0.0/16", &["192.0.2.200", "onlink"]));
        assert!(has("172.19.0.0/16", &["dev a2 scope link"]));
        ip("link set a2 down");
        until("loss", || {
            has("172.16.0.0/16", &["via 10.0.1.1 dev a1"])
                && !has("172.16.0.0/16", &["10.0.2.1"])
                && has("2001:db8:100::/48", &["via 2001:db8:1::1"])
                && !has("172.19.0.0/16", &["a2"])
        });
        ip("link set a2 up");
        ip("addr replace 2001:db8:2::2/64 dev a2 nodad");
        lab.until_installed(6);
        assert!(has("2001:db8:100::/48", &["via 2001:db8:1::1 dev a1", "via 2001:db8:2::1 dev a2"]));
        lab.say(vec![group(2, &both6[1..])]);
        until("change of hops", || !has("2001:db8:100::/48", &["2001:db8:1::1"]));
        drop(lab);
        let lab = start_with(false);
        lab.say(intents[..intents.len() - 3].to_vec());
        lab.say(vec![Intent::Synced]);
        until("sweep", || !has("172.19.0.0/16", &["a2"]) && !has("172.20.0.0/16", &["172.20"]));
        lab.until_installed(4);
    });
}

#[test]
fn a_restart_adopts_and_sweeps_and_leaves_others_alone() {
    in_namespace("a_restart_adopts_and_sweeps_and_leaves_others_alone", || {
        let [a1, _] = pairs();
        ip("route add 172.30.0.0/16 via 10.0.1.9 proto 3 metric 20");
        let lab = start();
        lab.say(vec![group(1, &[hop("10.0.1.1", a1)]), on("172.16.0.0/16", 1), on("172.17.0.0/16", 1)]);
        lab.until_installed(2);
        drop(lab);
        assert_eq!(goes_via("172.16.0.0/16"), names(&["10.0.1.1"]), "routes outlive the process");
        ip("route add 172.18.0.0/16 via 10.0.1.7 proto 186 metric 20");
        let before = ip("nexthop show");
        let lab = start();
        lab.say(vec![group(5, &[hop("10.0.1.1", a1)]), on("172.16.0.0/16", 5), on("172.30.0.0/16", 5)]);
        until("adoption", || {
            lab.handle.counts(Duration::from_secs(1)).is_some_and(|c| c.iter().any(|c| c.2.installed == 1))
        });
        assert_eq!(ip("nexthop show"), before, "the objects of the earlier run serve");
        assert_eq!(goes_via("172.17.0.0/16"), names(&["10.0.1.1"]));
        lab.say(vec![Intent::Synced]);
        until("sweep", || goes_via("172.17.0.0/16").is_empty() && goes_via("172.18.0.0/16").is_empty());
        assert_eq!(goes_via("172.16.0.0/16"), names(&["10.0.1.1"]));
        assert!(ip("route show 172.30.0.0/16").contains("via 10.0.1.9"), "not ours, not touched");
        let failed = |m: FromKernel| matches!(m, FromKernel::Report(Report::RouteFailed { errno: 17, .. }));
        assert!(lab.told.try_iter().any(failed));
        ip("route del 172.30.0.0/16 via 10.0.1.9");
        until("its turn", || goes_via("172.30.0.0/16") == names(&["10.0.1.1"]));
        // What somebody takes away comes back.
        ip("route del 172.16.0.0/16 proto 186");
        until("return", || goes_via("172.16.0.0/16") == names(&["10.0.1.1"]));
        ip("nexthop flush");
        until("return of objects", || goes_via("172.16.0.0/16") == names(&["10.0.1.1"]));
    });
}

#[test]
fn interfaces_are_set_as_configured_also_those_that_appear_later() {
    in_namespace("interfaces_are_set_as_configured_also_those_that_appear_later", || {
        pairs();
        let lab = start();
        let net = |text: &str| text.parse::<IpNet>().unwrap();
        let config = |addresses: &[&str]| SystemConfig {
            settings: vec![("net.ipv4.ip_forward".into(), "1".into())],
            every_interface: router_defaults(),
            interfaces: ["a1", "late"]
                .iter()
                .enumerate()
                .map(|(i, name)| InterfaceConfig {
                    name: (*name).to_owned(),
                    addresses: addresses.iter().map(|a| net(&a.replace('N', &(i + 1).to_string()))).collect(),
                    mtu: Some(1400),
                    up: Some(true),
                    settings: Vec::new(),
                })
                .collect(),
        };
        lab.handle.configure(config(&["192.0.2.N/31", "2001:db8:f::N/64"])).unwrap();
        until("addresses", || ip("addr show dev a1").contains("192.0.2.1/31"));
        ip("link add late type veth peer name other");
        until("late addresses", || {
            let text = ip("addr show dev late");
            text.contains("2001:db8:f::2/64") && text.contains("mtu 1400") && text.contains(",UP")
        });
        let value = std::fs::read_to_string("/proc/sys/net/ipv6/conf/late/forwarding").unwrap();
        assert_eq!(value.trim(), "1");
        lab.handle.configure(config(&["192.0.2.N/31"])).unwrap();
        until("removal", || !ip("addr show dev a1").contains("2001:db8:f::1"));
        assert!(ip("addr show dev a1").contains("10.0.1.2/24"), "set by others, left alone");
        let seen = |m: FromKernel| matches!(m, FromKernel::Event(Event::LinkChanged(l)) if l.name == "late");
        assert!(lab.told.try_iter().any(seen));
    });
}

#[test]
fn a_hundred_thousand_routes_take_their_time_and_turn_at_once() {
    in_namespace("a_hundred_thousand_routes_take_their_time_and_turn_at_once", || {
        let [a1, a2] = pairs();
        let lab = start();
        let number: u32 =
            std::env::var("FIB_TEST_ROUTES").ok().and_then(|n| n.parse().ok()).unwrap_or(100_000);
        let mut intents = vec![group(1, &[hop("10.0.1.1", a1)])];
        intents.extend((0..number).map(|i| {
            let address = std::net::Ipv4Addr::from(0x1600_0000 + (i << 6));
            on(&format!("{address}/26"), 1)
        }));
        let began = Instant::now();
        for part in intents.chunks(1000) {
            lab.say(part.to_vec());
        }
        lab.until_installed(u64::from(number));
        println!("{number} routes installed in {:?}", began.elapsed());
        let began = Instant::now();
        lab.say(vec![group(1, &[hop("10.0.2.1", a2)])]);
        while goes_via("22.0.5.0/26") != names(&["10.0.2.1"]) {
            assert!(began.elapsed() < Duration::from_secs(5));
        }
        println!("turned in {:?}, the look included", began.elapsed());
        ip("link set b2 down");
        lab.say(vec![group(1, &[hop("10.0.1.1", a1)])]);
        let began = Instant::now();
        until("look", || goes_via("22.0.5.0/26") == names(&["10.0.1.1"]));
        lab.until_installed(u64::from(number));
        println!("moved off a dead link in {:?}", began.elapsed());
        drop(lab);
        let lab = start();
        let began = Instant::now();
        for part in intents.chunks(1000) {
            lab.say(part.to_vec());
        }
        lab.say(vec![Intent::Synced]);
        lab.until_installed(u64::from(number));
        println!("adopted after a restart in {:?}", began.elapsed());
    });
}
