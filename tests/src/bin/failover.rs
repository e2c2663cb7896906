//! How soon forwarding is right when the better of two full feeds is lost, all routes in the kernel, beside what the kernel
//! takes for the one message that it needs: `failover 4|6 [PREFIXES]` (250000), with the binary of `ROUTER_BIN`.
//!
//! The kernel is asked for the way to addresses, not for routes: of an IPv6 route by nexthop object it names another one
//! on the same object (seen with Linux 6.18).

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use bgp::attrs::{AttrBuilder, Origin};
use bgp::types::Asn;
use bytes::BytesMut;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use router_tests::lab::{Lab, Node};
use router_tests::peers::Router;
use router_tests::speaker::{Identity, Speaker, encode, next_hop};
use router_tests::wait::wait_for;

const LONG: Duration = Duration::from_secs(300);

/// Prefixes of a set of attributes.
const SET: u32 = 6;

/// Prefixes whose ways are asked for.
const SAMPLES: u32 = 200;

/// Addresses of the segment by their last number.
struct Segment {
    six: bool,
    prefixes: u32,
}

impl Segment {
    fn address(&self, n: u32) -> String {
        if self.six { format!("fd00::{n}") } else { format!("10.0.0.{n}") }
    }

    fn interface(&self, n: u32) -> String {
        format!("{}/{}", self.address(n), if self.six { 64 } else { 24 })
    }

    fn prefix(&self, n: u32) -> IpNet {
        if self.six {
            Ipv6Net::new_assert(((0x2a00_0000 + u128::from(n)) << 80).into(), 48).into()
        } else {
            Ipv4Net::new_assert((0x0b00_0000 + (n << 8)).into(), 24).into()
        }
    }

    /// UPDATEs of all routes, from a neighbour whose paths are so much longer.
    fn stream(&self, neighbor: u32, longer: usize) -> Vec<u8> {
        let mut out = BytesMut::new();
        let from = next_hop(self.address(neighbor).parse().expect("an address"));
        for first in (0..self.prefixes).step_by(SET as usize) {
            let mut path = vec![Asn(65000 + neighbor); 1 + longer];
            path.push(Asn(70_000 + first % 50_000));
            let block = AttrBuilder::new().origin(Origin::Igp).set_as_path(&path).build();
            let set: Vec<IpNet> = (first..self.prefixes.min(first + SET)).map(|n| self.prefix(n)).collect();
            encode(&block, false, from, &set, &mut out);
        }
        out.to_vec()
    }

    /// What `ip -batch` is to ask.
    fn questions(&self) -> String {
        let every = (self.prefixes / SAMPLES).max(1);
        (0..self.prefixes).step_by(every as usize).fold(String::new(), |mut all, n| {
            let _ = writeln!(all, "route get {}", self.prefix(n).addr());
            all
        })
    }

    /// Whether all samples are reached by way of a neighbour.
    fn leads_to(&self, node: &Node, questions: &str, neighbor: u32) -> bool {
        let answers = node.run("ip", &["-force", "-batch", questions]).unwrap_or_default();
        let via = format!(" via {} ", self.address(neighbor));
        let (right, all) = (answers.matches(&via).count(), answers.matches(" dev ").count());
        right > 0 && right == all && right >= SAMPLES.min(self.prefixes) as usize
    }

    fn routes(&self, node: &Node) -> usize {
        let family = if self.six { "-6" } else { "-4" };
        node.run("ip", &[family, "route", "show"]).map_or(0, |all| all.matches("nhid").count())
    }

    /// Seconds that the kernel takes to turn a group under all the routes by itself, with the setting that we ask for.
    fn alone(&self, node: &Node) -> f64 {
        node.run("sysctl", &["-qw", "net.ipv4.nexthop_compat_mode=0"]).expect("a setting of the namespace");
        let mut all = String::new();
        for (id, neighbor) in [(1, 2), (2, 3)] {
            let _ = writeln!(all, "nexthop add id {id} via {} dev eth0", self.address(neighbor));
        }
        all.push_str("nexthop add id 10 group 1\n");
        for n in 0..self.prefixes {
            let _ = writeln!(all, "route add {} nhid 10", self.prefix(n));
        }
        let file = node.write("routes", &all);
        node.run("ip", &["-batch", &file.to_string_lossy()]).expect("the kernel takes routes");
        let start = Instant::now();
        node.ip("nexthop replace id 10 group 2");
        start.elapsed().as_secs_f64()
    }
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let six = match args.first().map(String::as_str) {
        Some("4") => Some(false),
        Some("6") => Some(true),
        _ => None,
    };
    let prefixes = args.get(1).map_or(Ok(250_000), |n| n.parse());
    let (Some(six), Ok(prefixes @ SAMPLES..=1_000_000), 1..=2) = (six, prefixes, args.len()) else {
        eprintln!("usage: failover 4|6 [PREFIXES], {SAMPLES} to 1000000");
        return ExitCode::from(2);
    };
    let segment = Segment { six, prefixes };
    let lab = Lab::new();
    let (r, p) = (lab.node("r"), lab.node("p"));
    let [ours, better, other] = [1, 2, 3].map(|n| segment.interface(n));
    lab.link((&r, "eth0", &[&ours]), (&p, "eth0", &[&better, &other]));
    let family = if six { "ipv6" } else { "ipv4" };
    let mut config = "router bgp 65001\n bgp router-id 10.0.0.1\n no bgp ebgp-requires-policy\n".to_owned();
    for n in [2, 3] {
        let _ = writeln!(config, " neighbor {} remote-as {}", segment.address(n), 65000 + n);
    }
    let _ = writeln!(config, " address-family {family} unicast");
    for n in [2, 3] {
        let _ = writeln!(config, "  neighbor {} activate", segment.address(n));
    }
    config.push_str(" exit-address-family\nexit\n");
    let _router = Router::start(&r, &config);
    let [better, other] = [(2, 0), (3, 2)].map(|(n, longer)| {
        let (asn, id) = (65000 + n, format!("10.0.0.{n}"));
        let identity = Identity::new(asn, &id, &segment.address(n), 65001, &segment.address(1));
        let speaker = Speaker::established(&p, identity);
        speaker.send(segment.stream(n, longer));
        speaker
    });
    let questions = r.write("questions", &segment.questions()).to_string_lossy().into_owned();
    wait_for(LONG, "all routes in the kernel", || segment.routes(&r) >= prefixes as usize);
    wait_for(LONG, "the better way", || segment.leads_to(&r, &questions, 2));
    let start = Instant::now();
    segment.leads_to(&r, &questions, 2);
    println!(
        "{family}, {prefixes} routes; to ask for all samples takes {:.3} s",
        start.elapsed().as_secs_f64()
    );

    let start = Instant::now();
    better.stop();
    wait_for(LONG, "the other way", || segment.leads_to(&r, &questions, 3));
    println!("the better feed is lost, forwarding is right after {:.3} s", start.elapsed().as_secs_f64());
    assert!(other.is_established(), "the other session was lost");
    assert!(segment.routes(&r) >= prefixes as usize, "routes were lost");

    let alone = lab.node("alone");
    let far = lab.node("far");
    lab.link((&alone, "eth0", &[&ours]), (&far, "eth0", &[]));
    println!("the kernel alone takes {:.3} s for the message", segment.alone(&alone));
    ExitCode::SUCCESS
}
