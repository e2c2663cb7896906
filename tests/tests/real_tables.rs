//! Whole tables through the router: all prefixes arrive, none extra, each in the kernel and at a neighbour beyond;
//! then withdrawn: none is left. Recorded tables where there are any, a generated one always.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use ipnet::IpNet;
use router_tests::lab::{Lab, Node};
use router_tests::peers::Router;
use router_tests::replay::{Recording, generated, prefix_list, read_mrt, shared};
use router_tests::speaker::{Identity, Speaker};
use router_tests::wait::wait_ok;

/// Our AS: in no recorded path.
const ASN: u32 = 4_200_000_001;

/// A whole table takes its time on a small machine.
const LONG: Duration = Duration::from_secs(240);

/// The router between the recorded neighbours and a monitor that collects what it announces.
struct Replay {
    router: Router,
    speakers: Vec<(router_tests::replay::Neighbor, Speaker)>,
    monitor: Speaker,
    r: Node,
    _lab: Lab,
}

fn config(recording: &Recording) -> String {
    let mut neighbors = String::new();
    let mut families = [String::new(), String::new()];
    let mut ways = String::new();
    for (addr, asn) in recording.neighbors.keys() {
        neighbors += &format!(
            " neighbor {addr} remote-as {asn}\n neighbor {addr} passive\n neighbor {addr} ebgp-multihop 255\n \
             no neighbor {addr} enforce-first-as\n"
        );
        if addr.is_ipv6() {
            // One of the recorded neighbours tells IPv4 prefixes over IPv6.
            neighbors += &format!(" neighbor {addr} capability extended-nexthop\n");
        }
        for family in &mut families {
            *family += &format!("  neighbor {addr} activate\n  neighbor {addr} route-map NOTHING out\n");
        }
        ways += &match addr {
            IpAddr::V4(a) => format!("ip route {a}/32 eth0\n"),
            IpAddr::V6(a) => format!("ipv6 route {a}/128 eth0\n"),
        };
    }
    format!(
        "log stdout\nrouter bgp {ASN}\n bgp router-id 10.98.0.1\n no bgp ebgp-requires-policy\n \
         no bgp default ipv4-unicast\n{neighbors} neighbor 10.99.0.2 remote-as 64999\n neighbor 10.99.0.2 passive\n \
         address-family ipv4 unicast\n{}  neighbor 10.99.0.2 activate\n exit-address-family\n \
         address-family ipv6 unicast\n{}  neighbor 10.99.0.2 activate\n exit-address-family\nexit\n{ways}\
         route-map NOTHING deny 10\nexit\n",
        families[0], families[1]
    )
}

impl Replay {
    fn start(recording: &Recording) -> Replay {
        let lab = Lab::new();
        let (r, p, m) = (lab.node("r"), lab.node("p"), lab.node("m"));
        lab.link(
            (&r, "eth0", &["10.98.0.1/24", "3fff:98::1/64"]),
            (&p, "eth0", &["10.98.0.2/24", "3fff:98::2/64"]),
        );
        lab.link(
            (&r, "eth1", &["10.99.0.1/24", "3fff:99::1/64"]),
            (&m, "eth0", &["10.99.0.2/24", "3fff:99::2/64"]),
        );
        for (addr, _) in recording.neighbors.keys() {
            p.address("eth0", &[&format!("{addr}/{}", if addr.is_ipv4() { 32 } else { 128 })]);
        }
        let router = Router::start(&r, &config(recording));
        let monitor =
            Speaker::established(&m, Identity::new(64999, "10.99.0.2", "10.99.0.2", ASN, "10.99.0.1"));
        let speakers: Vec<_> = recording
            .neighbors
            .keys()
            .map(|from| {
                let remote = if from.0.is_ipv4() { "10.98.0.1" } else { "3fff:98::1" };
                (*from, Speaker::start(&p, Identity::of(*from, ASN, remote)))
            })
            .collect();
        speakers.iter().for_each(|(_, s)| s.wait_established());
        Replay { router, speakers, monitor, r, _lab: lab }
    }

    /// Prefixes of our BGP routes in the kernel.
    fn kernel(&self) -> BTreeSet<IpNet> {
        let mut found = BTreeSet::new();
        for (family, any, host) in [("-4", "0.0.0.0/0", 32), ("-6", "::/0", 128)] {
            let text = self.r.ip(&format!("-N {family} route show table main proto 186"));
            for line in text.lines().filter(|l| !l.starts_with([' ', '\t'])) {
                let word = line.split_whitespace().next().unwrap_or_default();
                let prefix = match word {
                    "default" => any.to_owned(),
                    w if w.contains('/') => w.to_owned(),
                    w => format!("{w}/{host}"),
                };
                found.insert(prefix.parse().expect("a prefix"));
            }
        }
        found
    }

    /// Waits until the monitor and then the kernel have just these prefixes.
    fn wait_exactly(&self, expected: &BTreeSet<IpNet>) {
        wait_ok(LONG, "just the expected prefixes at the monitor", || {
            let heard = self.monitor.heard();
            if heard.routes.len() == expected.len() {
                return Ok(());
            }
            let first: Vec<&IpNet> =
                expected.iter().filter(|p| !heard.routes.contains_key(p)).take(5).collect();
            let extra: Vec<&IpNet> = heard.routes.keys().filter(|p| !expected.contains(p)).take(5).collect();
            Err(format!("{} of {}, missing {first:?}, extra {extra:?}", heard.routes.len(), expected.len()))
        });
        let heard: BTreeSet<IpNet> = self.monitor.heard().routes.keys().copied().collect();
        assert!(heard == *expected, "the monitor has other prefixes than expected, as many");
        wait_ok(LONG, "just the expected prefixes in the kernel", || {
            let found = self.kernel();
            let missing: Vec<&IpNet> = expected.difference(&found).take(5).collect();
            let extra: Vec<&IpNet> = found.difference(expected).take(5).collect();
            if missing.is_empty() && extra.is_empty() {
                return Ok(());
            }
            Err(format!("{} of {}: missing {missing:?}, extra {extra:?}", found.len(), expected.len()))
        });
    }
}

fn run(name: &str, recording: &Recording) {
    let expected = recording.prefixes();
    println!(
        "{name}: {} neighbours, {} prefixes; left out {:?} {:?}",
        recording.neighbors.len(),
        expected.len(),
        recording.forbidden,
        recording.bad_paths
    );
    let replay = Replay::start(recording);
    let start = Instant::now();
    for (from, speaker) in &replay.speakers {
        recording.messages(from).into_iter().for_each(|piece| speaker.send(piece));
    }
    replay.wait_exactly(&expected);
    println!("{name}: at the monitor and in the kernel after {:.1} s", start.elapsed().as_secs_f32());
    paths_are_as_recorded(recording, &replay.monitor);
    for (_, speaker) in &replay.speakers {
        assert_eq!(speaker.heard().sessions, 1, "a session was reset");
        assert!(
            speaker.heard().routes.is_empty(),
            "a neighbour with a policy that denies all was told something"
        );
    }
    let start = Instant::now();
    for (from, speaker) in &replay.speakers {
        recording.withdrawals(from).into_iter().for_each(|piece| speaker.send(piece));
    }
    replay.wait_exactly(&BTreeSet::new());
    println!("{name}: all gone after {:.1} s", start.elapsed().as_secs_f32());
    assert_eq!(replay.monitor.heard().sessions, 1);
    let left = replay.router.metric("frr_route_total_fib", &["afi=\"ipv4\""]).unwrap_or(-1.0);
    println!("{name}: {left} IPv4 routes of ours are left, the static ones to the neighbours");
}

/// What the monitor was told of a prefix is one of the recorded announcements, with our AS in front.
fn paths_are_as_recorded(recording: &Recording, monitor: &Speaker) {
    let tables: Vec<HashMap<IpNet, std::sync::Arc<[u8]>>> =
        recording.neighbors.keys().map(|n| recording.table(n)).collect();
    let heard = monitor.heard();
    for (prefix, route) in &heard.routes {
        let path = route.as_path();
        let same = tables.iter().filter_map(|t| t.get(prefix)).any(|block| {
            let view = bgp::attrs::AttrView::new(block);
            let recorded = view.as_path();
            let origin = route.view().origin() == view.origin();
            let communities = route.view().communities().eq(view.communities());
            origin && communities && path == format!("{ASN} {recorded}")
        });
        assert!(same, "{prefix}: {path} was never announced to us like that");
    }
}

#[test]
fn a_generated_table_passes_through_whole_and_leaves_nothing_behind() {
    run("generated", &generated(7, 20_000, 6_000));
}

/// A recording of the folder with facts, or a generated table of about its size.
fn recorded(path: &str, instead: (usize, usize)) {
    match shared(path) {
        Some(file) => run(path, &read_mrt(&file).expect("a readable recording")),
        None => run("generated", &generated(instead.0 as u64, instead.0, instead.1)),
    }
}

#[test]
fn the_internet_table_of_one_neighbour_passes_through_whole() {
    recorded("data/mrt/full-table-2015-as3856.updates.et.gz", (100_000, 0));
}

#[test]
fn five_minutes_of_forty_neighbours_pass_through_whole() {
    recorded("data/mrt/updates.20160811.1600.gz", (10_000, 3_000));
}

#[test]
fn fifteen_minutes_of_thirty_neighbours_pass_through_whole() {
    recorded("data/mrt/csu-20130101-arch0.mrt.gz", (12_000, 0));
}

#[test]
fn the_ipv6_internet_passes_through_whole() {
    match shared("data/prefixes/bart-prefixes-2024.txt.gz") {
        Some(file) => run("bart, IPv6", &prefix_list(&file, 11).expect("a readable list")),
        None => run("generated", &generated(13, 1_000, 40_000)),
    }
}
