//! What origin validation costs beside a full table: `vrps [RECORDS [PREFIXES]]` (500000, 1000000), with the binary
//! of `ROUTER_BIN` and stayrtr as the cache.
//!
//! A neighbour's routes come in through a route-map that refuses what is invalid. Every other prefix has a record, one in
//! a hundred of them of an AS without routes.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use bgp::attrs::{AttrBuilder, Origin};
use bgp::types::{Asn, NextHop};
use bytes::BytesMut;
use ipnet::{IpNet, Ipv4Net};
use router_tests::lab::Lab;
use router_tests::peers::{Router, StayRtr};
use router_tests::process::{cpu_with_ended as cpu, resident};
use router_tests::speaker::{Identity, Speaker, encode};
use router_tests::wait::wait_for;

const LONG: Duration = Duration::from_secs(300);
const SELDOM: Duration = Duration::from_secs(5);

/// Prefixes of a set of attributes.
const SET: u32 = 6;

/// An AS without routes.
const NOBODY: u32 = 4_200_000_000;

fn prefix(n: u32) -> IpNet {
    Ipv4Net::new_assert((0x0100_0000 + (n << 8)).into(), 24).into()
}

/// The AS that a prefix is from.
fn origin(n: u32) -> u32 {
    70_000 + n / SET % 60_000
}

/// The AS of a record, which is for every other prefix.
fn authorized(n: u32) -> u32 {
    if n.is_multiple_of(100) { NOBODY } else { origin(2 * n) }
}

/// UPDATEs of all routes.
fn stream(prefixes: u32) -> BytesMut {
    let mut out = BytesMut::new();
    for first in (0..prefixes).step_by(SET as usize) {
        let mut builder = AttrBuilder::new();
        let path = [65002, 3000 + first % 50_000, origin(first)].map(Asn);
        builder.origin(Origin::Igp).set_as_path(&path).communities(vec![(65002 << 16) | (first % 500)]);
        let set: Vec<IpNet> = (first..prefixes.min(first + SET)).map(prefix).collect();
        encode(&builder.build(), false, NextHop::V4([10, 0, 0, 2].into()), &set, &mut out);
    }
    out
}

fn config(cache: &str) -> String {
    format!(
        "router bgp 65001\n bgp router-id 10.0.0.1\n no bgp ebgp-requires-policy\n \
         neighbor 10.0.0.2 remote-as 65002\n neighbor 10.0.0.2 passive\n address-family ipv4 unicast\n  \
         neighbor 10.0.0.2 route-map DROP in\n exit-address-family\nexit\nroute-map DROP deny 10\n \
         match rpki invalid\nexit\nroute-map DROP permit 20\nexit\nbgp no-rib\n{cache}"
    )
}

fn main() -> ExitCode {
    let args: Result<Vec<u32>, _> = std::env::args().skip(1).map(|a| a.parse()).collect();
    let (count, prefixes) = match args.as_deref() {
        Ok([]) => (500_000, 1_000_000),
        Ok([count]) if *count <= 500_000 => (*count, 1_000_000),
        Ok([count, prefixes]) if *prefixes <= 8_000_000 && *count <= prefixes / 2 => (*count, *prefixes),
        _ => {
            eprintln!("usage: vrps [RECORDS [PREFIXES]], with half as many records as prefixes at most");
            return ExitCode::from(2);
        }
    };
    let lab = Lab::new();
    let (r, p) = (lab.node("r"), lab.node("p"));
    lab.link((&r, "eth0", &["10.0.0.1/24"]), (&p, "eth0", &["10.0.0.2/24"]));
    let names: Vec<String> = (0..count).map(|n| prefix(2 * n).to_string()).collect();
    let mut records: Vec<(&str, u8, u32)> =
        names.iter().zip(0..).map(|(name, n)| (name.as_str(), 24, authorized(n))).collect();
    let cache = StayRtr::start(&p, &records);
    let router = Router::start(&r, &config(""));
    let pid = router.pid();
    let step = |what: &str, start: Instant, used: f64| {
        println!(
            "{what:36} {:6.2} CPU s, {:6.1} s, {:6.1} MB",
            cpu(pid) - used,
            start.elapsed().as_secs_f64(),
            resident(pid) as f64 / 1e3
        );
    };
    let count_of = |name: &str, part: &str| router.metric(name, &[part]).unwrap_or(0.0) as u32;
    let accepted = || count_of("frr_bgp_peer_prefixes_accepted_count_total", "peer=\"10.0.0.2\"");

    // Asked seldom: answers are work, too.
    let wait = |what: &str, done: &dyn Fn() -> bool| {
        let mut next = Instant::now();
        wait_for(LONG, what, || {
            let due = next <= Instant::now();
            if due {
                next = Instant::now() + SELDOM;
            }
            due && done()
        });
    };

    let (start, used) = (Instant::now(), cpu(pid));
    let speaker = Speaker::established(&p, Identity::new(65002, "10.0.0.2", "10.0.0.2", 65001, "10.0.0.1"));
    speaker.send(stream(prefixes).to_vec());
    wait("all routes", &|| accepted() == prefixes);
    step("routes, nothing validated", start, used);

    let (start, used) = (Instant::now(), cpu(pid));
    router.reload(&config(
        "rpki\n rpki polling_period 3600\n rpki cache tcp 10.0.0.2 3323 preference 1\nexit\n",
    ));
    wait("all records", &|| count_of("frr_rpki_prefix_count", "afi=\"ipv4\"") == count);
    step("records, until they are told", start, used);
    let invalid = count.div_ceil(100);
    wait("policy", &|| accepted() == prefixes - invalid);
    step("records, until policy is done", start, used);

    let (start, used) = (Instant::now(), cpu(pid));
    records[1].2 = NOBODY;
    cache.records(&records);
    wait("the change", &|| accepted() == prefixes - invalid - 1);
    step("one record changes", start, used);
    assert!(speaker.is_established() && speaker.heard().sessions == 1, "the session was lost");
    ExitCode::SUCCESS
}
