//! Origin validation beside FRR 8.4 with its module: both have the same neighbour and the same cache, stayrtr, and are
//! asked the same. Each answer of FRR's is held against ours, line by line and field by field.

use std::collections::{BTreeMap, BTreeSet};

use router_tests::lab::{Lab, Node};
use router_tests::peers::{ExaBgp, Frr, Records, Router, StayRtr};
use router_tests::wait::{PATIENCE, wait_for, wait_ok};
use serde_json::Value;

/// The cache's records: one that covers another, one of AS 0, one of each family that none of the routes is in.
const RECORDS: Records<'static> = &[
    ("203.0.113.0/24", 24, 65002),
    ("203.0.0.0/16", 24, 65003),
    ("198.51.100.0/24", 24, 64999),
    ("10.99.0.0/16", 20, 0),
    ("192.0.2.128/25", 32, 65002),
    ("2001:db8::/32", 48, 65002),
    ("2001:db8:dead::/48", 48, 4200000001),
];

/// The neighbour's routes: valid, too long, of another origin, in no record, of AS 0; and two of IPv6.
const ROUTES: [&str; 7] = [
    "203.0.113.0/24",
    "203.0.113.0/25",
    "198.51.100.0/24",
    "192.0.2.0/24",
    "10.99.1.0/24",
    "2001:db8:1::/48",
    "2001:db8:dead::/48",
];

/// What is asked as text and as JSON.
const COMMANDS: &[&str] = &[
    "show rpki cache-server",
    "show rpki cache-connection",
    "show rpki prefix-table",
    "show rpki prefix 203.0.113.0/24",
    "show rpki prefix 203.0.113.0/24 65002",
    "show rpki prefix 203.0.113.0/24 7",
    "show rpki prefix 203.0.113.0/25",
    "show rpki prefix 203.0.113.7/32",
    "show rpki prefix 192.0.2.0/24",
    "show rpki prefix 10.99.1.0/24 0",
    "show rpki prefix 10.99.1.0/20",
    "show rpki prefix 2001:db8:1::/48",
    "show rpki prefix 2001:db8:dead::/48 4200000001",
    "show rpki as-number 65002",
    "show rpki as-number 4200000001",
    "show rpki as-number 1",
    "show bgp ipv4 unicast",
    "show bgp ipv4 unicast rpki valid",
    "show bgp ipv4 unicast rpki invalid",
    "show bgp ipv4 unicast rpki notfound",
    "show bgp ipv4 unicast 203.0.113.0/24",
    "show bgp ipv4 unicast 203.0.113.0/25",
    "show bgp ipv4 unicast 192.0.2.0/24",
    "show bgp ipv4 unicast 203.0.113.0/24 rpki valid",
    "show bgp ipv4 unicast 203.0.113.0/24 rpki invalid",
    "show bgp ipv4 unicast neighbors 10.0.0.2 routes",
    "show bgp ipv6 unicast",
    "show bgp ipv6 unicast rpki invalid",
    "show bgp ipv6 unicast 2001:db8:1::/48",
];

/// R is ours and F is FRR, with the neighbour P at 10.0.0.2 and 2001:db8:f::2 and the cache C at 10.0.0.4.
struct Beside {
    router: Router,
    frr: Frr,
    c: Node,
    _peer: ExaBgp,
    _lab: Lab,
}

fn config(caches: &str) -> String {
    format!(
        "ip forwarding\nipv6 forwarding\nrouter bgp 65001\n bgp router-id 10.0.0.1\n \
         no bgp ebgp-requires-policy\n neighbor 10.0.0.2 remote-as 65002\n neighbor 10.0.0.2 timers connect 1\n \
         neighbor 2001:db8:f::2 remote-as 65002\n neighbor 2001:db8:f::2 timers connect 1\n \
         address-family ipv4 unicast\n  no neighbor 2001:db8:f::2 activate\n exit-address-family\n \
         address-family ipv6 unicast\n  neighbor 2001:db8:f::2 activate\n exit-address-family\nexit\n\
         rpki\n rpki polling_period 100\n rpki retry_interval 1\n{caches}exit\n"
    )
}

fn beside() -> Beside {
    let lab = Lab::new();
    let [r, f, p, c] = ["r", "f", "p", "c"].map(|name| lab.node(name));
    lab.bridge(
        "lan",
        &[
            (&r, "eth0", &["10.0.0.1/24", "2001:db8:f::1/64"]),
            (&f, "eth0", &["10.0.0.3/24", "2001:db8:f::3/64"]),
            (&p, "eth0", &["10.0.0.2/24", "2001:db8:f::2/64"]),
            (&c, "eth0", &["10.0.0.4/24"]),
        ],
    );
    let (v6, v4): (Vec<&str>, Vec<&str>) = ROUTES.iter().partition(|route| route.contains(':'));
    let session = |us: &str, them: &str, family: &str, routes: &[&str]| {
        let routes: String = routes.iter().map(|r| format!("route {r} next-hop self; ")).collect();
        format!(
            "neighbor {us} {{ router-id 10.0.0.2; local-address {them}; local-as 65002; peer-as 65001; \
             family {{ {family} unicast; }} static {{ {routes} }} }}\n"
        )
    };
    let sessions: String = [1, 3]
        .iter()
        .map(|n| {
            session(&format!("10.0.0.{n}"), "10.0.0.2", "ipv4", &v4)
                + &session(&format!("2001:db8:f::{n}"), "2001:db8:f::2", "ipv6", &v6)
        })
        .collect();
    let peer = ExaBgp::start(&p, &sessions);
    let caches = |tcp: &str| {
        format!(" rpki cache {tcp}10.0.0.4 3323 preference 1\n rpki cache {tcp}10.0.0.5 3323 preference 2\n")
    };
    let router = Router::start(&r, &config(&caches("tcp ")));
    let frr = Frr::with_rpki(&f, &config(&caches("")));
    Beside { router, frr, c, _peer: peer, _lab: lab }
}

/// A value's leaves by their places. Entries of lists are known by their numbers; records, which FRR has in the order
/// of an internal tree, by what they are.
fn leaves(value: &Value, place: String, out: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(k, v)| leaves(v, format!("{place}.{k}"), out)),
        Value::Array(list) if place == ".prefixes" => {
            list.iter().for_each(|record| drop(out.insert(format!("{place}[{record}]"), record.clone())));
        }
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(n, v)| leaves(v, format!("{place}[{n}]"), out));
        }
        leaf => drop(out.insert(place, leaf.clone())),
    }
}

/// An answer's lines, columns as wide as they may be.
fn lines(text: &str) -> Vec<String> {
    let narrow = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    text.lines().map(narrow).filter(|line| !line.is_empty()).collect()
}

/// A difference that is meant to be: how the command begins, how what was found begins, and why.
const MEANT: &[(&str, &str, &str)] = &[
    ("show rpki cache-server", "+ host: 10.0.0.", "FRR 10 names the protocol"),
    ("show rpki cache-server", "- host: 10.0.0.", "the same"),
    ("show rpki cache-connection", ".error:", "FRR 10 says why there is none"),
    ("show rpki prefix 10.99.1.0/24 0", "", "FRR 8.4 refuses AS 0"),
    ("show bgp ipv4 unicast 203.0.113.0/24 rpki", "", "FRR shows the path whatever its state"),
    ("show bgp ipv4 unicast rpki notfound", "", "FRR 8.4 shows all states"),
    (
        "show bgp ",
        "+ Status codes: s suppressed, d damped, h history, u unsorted,",
        "FRR 10 has the letter u",
    ),
    ("show bgp ", "- Status codes: s suppressed, d damped, h history, * valid,", "the same"),
    ("show bgp ", ".numRoutes:", "new in FRR 10"),
    ("show bgp ", ".totalRoutes:", "new in FRR 10"),
    ("show bgp ", ".totalPaths:", "new in FRR 10"),
    ("show bgp ", ".pathCount:", "new in FRR 10"),
    ("show bgp ", ".multiPathCount:", "new in FRR 10"),
    ("show bgp ", ".flags.", "new in FRR 10"),
    ("show bgp ", ".paths[0].lastUpdate", "clock"),
    ("show bgp ", "+ Last update:", "clock"),
    ("show bgp ", "- Last update:", "clock"),
    ("show bgp ", "- Advertised to non peer-group peers:", "a route does not go back to where it is from"),
    ("show bgp ipv4 unicast ", "- 10.0.0.2\0", "the same"),
    ("show bgp ipv6 unicast 2", "- 2001:db8:f::2\0", "the same"),
    ("show bgp ipv6 unicast", ".routes.", "FRR 10 has length and linkLocalOnly of next hops"),
    ("show bgp ipv6 unicast 2", ".paths[0].nexthops[0].l", "the same"),
];

impl Beside {
    fn ask(&self, command: &str) -> [String; 2] {
        [self.router.vtysh(command), self.frr.vtysh(command)].map(|a| a.unwrap_or_else(|refused| refused))
    }

    /// What is different in the answers to a command, and not meant to be.
    fn differences(&self, command: &str) -> Vec<String> {
        let mut found = Vec::new();
        let [ours, frr] = self.ask(command).map(|t| lines(&t));
        for (sign, these, those) in [("+", &ours, &frr), ("-", &frr, &ours)] {
            found.extend(these.iter().filter(|l| !those.contains(l)).map(|l| format!("{sign} {l}")));
        }
        let answers = self.ask(&format!("{command} json"));
        // FRR 8.4 has no JSON for what it cannot answer, where FRR 10 has an error.
        if !answers[1].trim().is_empty() {
            let [ours, frr] = answers.map(|text| {
                let mut all = BTreeMap::new();
                leaves(
                    &serde_json::from_str(text.trim()).unwrap_or(Value::String(text)),
                    String::new(),
                    &mut all,
                );
                all
            });
            let places: BTreeSet<&String> = ours.keys().chain(frr.keys()).collect();
            for place in places {
                let (a, b) = (ours.get(place), frr.get(place));
                if a != b {
                    found.push(format!("{place}: {a:?} instead of {b:?}"));
                }
            }
        }
        // A pattern with an end means the whole of what was found.
        let like = |what: &str, found: &str| match what.strip_suffix('\0') {
            Some(whole) => found == whole,
            None => found.starts_with(what),
        };
        let meant = |d: &String| MEANT.iter().any(|(of, what, _)| command.starts_with(of) && like(what, d));
        found.retain(|d| !meant(d));
        found
    }

    /// Waits until both answer alike: one may have to tell its neighbours yet.
    #[track_caller]
    fn compare(&self, stage: &str, commands: &[&str]) {
        wait_ok(PATIENCE, &format!("the same answers {stage}"), || {
            let of =
                |c: &&str| self.differences(c).into_iter().map(|d| format!("{c}: {d}")).collect::<Vec<_>>();
            let all: Vec<String> = commands.iter().flat_map(of).collect();
            all.iter().for_each(|line| println!("{stage}: {line}"));
            if all.is_empty() {
                Ok(())
            } else {
                Err(format!("{} differences:\n{}", all.len(), all.join("\n")))
            }
        });
    }

    /// Waits until both have the routes, and the first with this state.
    #[track_caller]
    fn settle(&self, state: Option<&str>) {
        wait_ok(PATIENCE, &format!("the routes of both, state {state:?}"), || {
            let shown = self.ask("show bgp ipv4 unicast 203.0.113.0/24 json");
            let found = shown.map(|t| {
                let shown: Value = serde_json::from_str(&t).unwrap_or_default();
                let state = shown["paths"][0]["rpkiValidationState"].as_str().map(str::to_owned);
                (shown["paths"][0]["valid"] == true, state)
            });
            let v6 = self.ask("show bgp ipv6 unicast json").iter().all(|t| t.contains("2001:db8:dead::"));
            let done = v6 && found.iter().all(|(valid, s)| *valid && s.as_deref() == state);
            if done { Ok(()) } else { Err(format!("{found:?}")) }
        });
    }
}

#[test]
fn we_answer_like_frr_before_with_and_after_validation() {
    let both = beside();
    both.settle(None);
    both.compare("without a cache", COMMANDS);
    let _cache = StayRtr::start(&both.c, RECORDS);
    both.settle(Some("valid"));
    both.compare("with a cache", COMMANDS);
    // FRR 8.4 dies of `rpki stop` and `rpki reset`, so only we are asked. What was stopped comes again by a reset from the
    // node of the configuration.
    both.router.vtysh("rpki stop").unwrap();
    let state = || {
        let shown = both.router.vtysh("show bgp ipv4 unicast 203.0.113.0/24 json").unwrap();
        serde_json::from_str::<Value>(&shown).unwrap()["paths"][0]["rpkiValidationState"].clone()
    };
    wait_for(PATIENCE, "no state", || state().is_null());
    both.router.vtysh("configure terminal\nrpki\nrpki reset").unwrap();
    both.settle(Some("valid"));
    both.compare("after a reset", COMMANDS);
}
