//! What idle sessions cost: `idle [SESSIONS [SECONDS]]` (1000, 60), with the binary of `ROUTER_BIN`.
//!
//! All neighbours are of one listen range, with hold and keepalive times of 180 and 60 s, and say nothing but KEEPALIVE.

use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use router_tests::lab::Lab;
use router_tests::peers::Router;
use router_tests::process::{cpu, resident};
use router_tests::speaker::{Identity, Speaker};
use router_tests::wait::wait_for;

/// Addresses that the link's network has for them.
const MOST: u32 = 60_000;

fn main() -> ExitCode {
    let args: Result<Vec<u32>, _> = std::env::args().skip(1).map(|a| a.parse()).collect();
    let (sessions, seconds) = match args.as_deref() {
        Ok([]) => (1000, 60),
        Ok([sessions]) if *sessions <= MOST => (*sessions, 60),
        Ok([sessions, seconds]) if *sessions <= MOST => (*sessions, *seconds),
        _ => {
            eprintln!("usage: idle [SESSIONS [SECONDS]], with {MOST} sessions at most");
            return ExitCode::from(2);
        }
    };
    let lab = Lab::new();
    let (r, p) = (lab.node("r"), lab.node("p"));
    lab.link((&r, "eth0", &["10.1.255.254/16"]), (&p, "eth0", &["10.1.0.0/16"]));
    let address = |n: u32| Ipv4Addr::from(0x0a01_0001 + n);
    let addresses: Vec<String> = (0..sessions).map(|n| format!("{}/16", address(n))).collect();
    p.address("eth0", &addresses.iter().map(String::as_str).collect::<Vec<_>>());
    let router = Router::start(
        &r,
        &format!(
            "router bgp 65000\n bgp router-id 10.1.255.254\n no bgp ebgp-requires-policy\n \
             bgp listen limit {sessions}\n neighbor G peer-group\n neighbor G remote-as external\n \
             bgp listen range 10.1.0.0/16 peer-group G\nexit\n"
        ),
    );
    let before = resident(router.pid());
    let speakers: Vec<Speaker> = (0..sessions)
        .map(|n| {
            let me = address(n).to_string();
            Speaker::start(&p, Identity::new(65001, &me, &me, 65000, "10.1.255.254"))
        })
        .collect();
    wait_for(Duration::from_secs(120), "all sessions", || speakers.iter().all(Speaker::is_established));
    let (start, used) = (Instant::now(), cpu(router.pid()));
    wait_for(Duration::from_secs(u64::from(seconds) + 5), "the time to pass", || {
        start.elapsed() >= Duration::from_secs(seconds.into())
    });
    assert!(speakers.iter().all(|s| s.heard().sessions == 1), "a session was lost");
    let after = resident(router.pid());
    let share = (cpu(router.pid()) - used) / start.elapsed().as_secs_f64();
    println!("{sessions} sessions: {before} kB before, {after} kB now, {:.1} kB each", {
        (after.saturating_sub(before)) as f64 / f64::from(sessions)
    });
    println!("{:.2} % of a core while idle", share * 100.0);
    ExitCode::SUCCESS
}
