//! Peers and strangers who mean no good: established sessions notice nothing, and memory stays bounded.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use router_tests::lab::Lab;
use router_tests::peers::{Frr, Router};
use router_tests::speaker::{Identity, Speaker};

use crate::common::*;
use crate::malformed::{message, open};

/// How long strangers connect, one after another without a pause, and the least that this must come to.
const RAID: Duration = Duration::from_secs(5);
const STRANGERS: usize = 2_000;

/// Routes that a peer is told who does not read them.
const ROUTES: u32 = 50_000;

/// What the attacks may cost in memory, kB.
const MEMORY: u64 = 40_000;

fn resident(router: &Router) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", router.pid())).unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Something that comes to pass once.
#[derive(Default)]
struct Once {
    passed: Mutex<bool>,
    told: Condvar,
}

impl Once {
    fn pass(&self) {
        *self.passed.lock().unwrap() = true;
        self.told.notify_all();
    }

    /// Waits for it, but no longer than this; whether it came.
    fn within(&self, limit: Duration) -> bool {
        let passed = self.passed.lock().unwrap();
        *self.told.wait_timeout_while(passed, limit, |passed| !*passed).unwrap().0
    }
}

/// Whether the other side ends a connection.
pub fn shown_the_door(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    match stream.read(&mut [0; 64]) {
        Ok(octets) => octets == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

fn dial(to: &str) -> std::io::Result<TcpStream> {
    let to: SocketAddr = to.parse().unwrap();
    TcpStream::connect_timeout(&to, Duration::from_secs(5))
}

#[test]
fn strangers_half_open_sessions_and_peers_that_do_not_read_harm_nobody() {
    let lab = Lab::new();
    let (r, good, feeder) = (lab.node("r"), lab.node("good"), lab.node("feeder"));
    let (stranger, slow, deaf) = (lab.node("stranger"), lab.node("slow"), lab.node("deaf"));
    lab.bridge(
        "sw",
        &[
            (&r, "eth0", &["10.0.0.1/24"]),
            (&good, "eth0", &["10.0.0.2/24"]),
            (&feeder, "eth0", &["10.0.0.3/24"]),
            (&stranger, "eth0", &["10.0.0.9/24"]),
            (&slow, "eth0", &["10.0.0.4/24"]),
            (&deaf, "eth0", &["10.0.0.5/24"]),
        ],
    );
    let mut neighbors = String::new();
    for (n, asn) in [(2, 65002), (3, 65003), (4, 65004), (5, 65005)] {
        neighbors +=
            &format!(" neighbor 10.0.0.{n} remote-as {asn}\n neighbor 10.0.0.{n} timers connect 1\n");
    }
    neighbors += " neighbor 10.0.0.2 timers 3 9\n neighbor 10.0.0.4 passive\n neighbor 10.0.0.5 passive";
    let router = Router::start(&r, &bgp(65001, "10.0.0.1", &neighbors));
    let theirs = " neighbor 10.0.0.1 remote-as 65001\n neighbor 10.0.0.1 timers connect 1\n \
                  neighbor 10.0.0.1 timers 3 9\n address-family ipv4 unicast\n  network 203.0.120.0/24\n \
                  exit-address-family";
    let frr = Frr::start(&good, &bgp(65002, "10.0.0.2", theirs));
    let feed = Speaker::established(&feeder, Identity::new(65003, "10.0.0.3", "10.0.0.3", 65001, "10.0.0.1"));
    let prefixes: Vec<String> =
        (0..ROUTES).map(|n| format!("{}/24", Ipv4Addr::from(0x1400_0000 + (n << 8)))).collect();
    let prefixes: Vec<&str> = prefixes.iter().map(String::as_str).collect();
    feed.announce(&prefixes, &[65003]);
    until("the last prefix at FRR", || frr.path(prefixes[prefixes.len() - 1]).is_some());
    let before = resident(&router);

    let over = Once::default();
    std::thread::scope(|scope| {
        // Each connection says that it is from somebody who is no neighbour.
        let strangers = scope.spawn(|| {
            let made = stranger.enter(|| {
                let start = Instant::now();
                let mut made = 0;
                while start.elapsed() < RAID {
                    let mut stream = dial("10.0.0.1:179").unwrap();
                    let _ = stream.write_all(&open(4, 65009, 180, [10, 0, 0, 9]));
                    if made % 100 == 0 {
                        assert!(shown_the_door(&mut stream), "a stranger was let in");
                    }
                    made += 1;
                }
                made
            });
            over.pass();
            made
        });
        // An OPEN that comes an octet at a time.
        scope.spawn(|| {
            slow.enter(|| {
                let mut stream = dial("10.0.0.1:179").unwrap();
                for octet in open(4, 65004, 180, [10, 0, 0, 4]) {
                    if stream.write_all(&[octet]).is_err() || over.within(Duration::from_secs(1)) {
                        break;
                    }
                }
            });
        });
        // A session that takes nothing of what it is told.
        scope.spawn(|| {
            deaf.enter(|| {
                let mut stream = dial("10.0.0.1:179").unwrap();
                stream.write_all(&open(4, 65005, 180, [10, 0, 0, 5])).unwrap();
                stream.write_all(&message(4, &[])).unwrap();
                assert!(over.within(10 * RAID), "the strangers do not end");
            });
        });
        until("the session of the deaf", || router.established("10.0.0.5"));
        let mut number = 0u8;
        while !over.within(Duration::ZERO) && !strangers.is_finished() {
            number = number.wrapping_add(1);
            let prefix = format!("203.0.{number}.0/24");
            feed.announce(&[&prefix], &[65003]);
            until("a new prefix at FRR", || frr.path(&prefix).is_some());
            assert!(router.vtysh("show bgp summary").is_ok(), "the shell does not answer");
        }
        let made = strangers.join().expect("strangers that are turned away");
        println!("{made} strangers in {} s", RAID.as_secs());
        assert!(made >= STRANGERS, "{made} strangers are no raid");
    });
    assert_eq!(frr.neighbor("10.0.0.1")["connectionsEstablished"], 1, "the good session was disturbed");
    assert!(feed.is_established() && feed.heard().sessions == 1, "the feeder's session was disturbed");
    let after = resident(&router);
    println!("{before} kB before, {after} kB after");
    assert!(after < before + MEMORY, "{before} kB grew to {after} kB");
}
