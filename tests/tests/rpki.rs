//! Origin validation with Debian's stayrtr as the cache, ExaBGP as the neighbour, and caches that mean no good.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use router_tests::lab::{Lab, Node};
use router_tests::peers::{ExaBgp, Records, Router, StayRtr};
use router_tests::wait::{PATIENCE, wait_for, wait_ok};
use serde_json::Value;

const VALID: &str = "203.0.113.0/24";
const TOO_LONG: &str = "203.0.113.0/25";
const HIJACKED: &str = "198.51.100.0/24";
const UNKNOWN: &str = "192.0.2.0/24";

/// R with the neighbour P at 10.0.0.2 and the caches C and D at 10.1.0.2 and 10.2.0.2.
struct Three {
    r: Node,
    p: Node,
    c: Node,
    d: Node,
    _lab: Lab,
}

fn lab() -> Three {
    let lab = Lab::new();
    let (r, p, c, d) = (lab.node("r"), lab.node("p"), lab.node("c"), lab.node("d"));
    lab.link((&r, "eth0", &["10.0.0.1/24"]), (&p, "eth0", &["10.0.0.2/24"]));
    lab.link((&r, "eth1", &["10.1.0.1/24"]), (&c, "eth0", &["10.1.0.2/24"]));
    lab.link((&r, "eth2", &["10.2.0.1/24"]), (&d, "eth0", &["10.2.0.2/24"]));
    Three { r, p, c, d, _lab: lab }
}

/// R's configuration; `filter` stands under the neighbour's family, `rpki` in the node.
fn config(filter: &str, rpki: &str) -> String {
    format!(
        "log stdout debugging\nip forwarding\nrouter bgp 65001\n bgp router-id 10.0.0.1\n \
         no bgp ebgp-requires-policy\n neighbor 10.0.0.2 remote-as 65002\n neighbor 10.0.0.2 timers connect 1\n \
         address-family ipv4 unicast\n{filter} exit-address-family\nexit\nroute-map DROP deny 10\n \
         match rpki invalid\nexit\nroute-map DROP permit 20\nexit\nrpki\n rpki retry_interval 1\n{rpki}exit\n"
    )
}

const DROP: &str = "  neighbor 10.0.0.2 route-map DROP in\n";
const CACHE: &str = " rpki cache tcp 10.1.0.2 3323 source 10.1.0.1 preference 1\n";
const SECOND: &str = " rpki cache tcp 10.2.0.2 3323 preference 2\n";

fn neighbour(node: &Node) -> ExaBgp {
    let routes: String =
        [VALID, TOO_LONG, HIJACKED, UNKNOWN].iter().map(|p| format!("route {p} next-hop self; ")).collect();
    ExaBgp::start(
        node,
        &format!(
            "neighbor 10.0.0.1 {{ router-id 10.0.0.2; local-address 10.0.0.2; local-as 65002; peer-as 65001; \
             family {{ ipv4 unicast; }} static {{ {routes} }} }}\n"
        ),
    )
}

const USUAL: Records<'static> =
    &[(VALID, 24, 65002), (HIJACKED, 24, 64999), ("2001:db8::/32", 48, 65002), ("10.99.0.0/16", 20, 0)];

fn json(router: &Router, command: &str) -> Value {
    let text = router.vtysh(command).unwrap_or_else(|e| panic!("{command}: {e}"));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{command}: {e}: {text}"))
}

/// The state of the one path of a prefix; `None` if there is no path or no state.
fn state(router: &Router, prefix: &str) -> Option<String> {
    let all = json(router, &format!("show bgp ipv4 unicast {prefix} json"));
    all["paths"][0]["rpkiValidationState"].as_str().map(str::to_owned)
}

#[track_caller]
fn wait_states(router: &Router, expected: [Option<&str>; 4]) {
    let prefixes = [VALID, TOO_LONG, HIJACKED, UNKNOWN];
    wait_ok(PATIENCE, &format!("states {expected:?}"), || {
        let found = prefixes.map(|p| state(router, p));
        let same = found.iter().map(Option::as_deref).eq(expected);
        if same { Ok(()) } else { Err(format!("{found:?}")) }
    });
}

const STATES: [Option<&str>; 4] = [Some("valid"), Some("invalid"), Some("invalid"), Some("not found")];
/// The same when what is invalid is refused.
const DROPPED: [Option<&str>; 4] = [Some("valid"), None, None, Some("not found")];

/// The session came up once and never went down.
#[track_caller]
fn assert_undisturbed(router: &Router) {
    let all = json(router, "show bgp neighbors 10.0.0.2 json");
    let peer = &all["10.0.0.2"];
    assert_eq!(peer["bgpState"], "Established");
    assert_eq!((&peer["connectionsEstablished"], &peer["connectionsDropped"]), (&1.into(), &0.into()));
}

/// The records of `show rpki prefix-table`, sorted.
fn shown(router: &Router) -> Vec<(String, u64, u64, u64)> {
    let all = json(router, "show rpki prefix-table json");
    let rows = all["prefixes"].as_array().cloned().unwrap_or_default();
    let number = |v: &Value| v.as_u64().expect("a number");
    let mut rows: Vec<_> = rows
        .iter()
        .map(|r| {
            let prefix = r["prefix"].as_str().expect("a prefix").to_owned();
            (prefix, number(&r["prefixLenMin"]), number(&r["prefixLenMax"]), number(&r["asn"]))
        })
        .collect();
    rows.sort();
    rows
}

#[test]
fn routes_have_the_states_that_the_records_of_stayrtr_give_them() {
    let lab = lab();
    let _cache = StayRtr::start(&lab.c, USUAL);
    let router = Router::start(&lab.r, &config("", CACHE));
    let _peer = neighbour(&lab.p);
    wait_states(&router, STATES);

    let table = router.vtysh("show bgp ipv4 unicast").unwrap();
    for row in ["V*>  203.0.113.0/24", "I*>  203.0.113.0/25", "I*>  198.51.100.0/24", "N*>  192.0.2.0/24"] {
        assert!(table.lines().any(|l| l.starts_with(row)), "{row} in:\n{table}");
    }
    let one = router.vtysh(&format!("show bgp ipv4 unicast {VALID}")).unwrap();
    assert!(one.contains(", rpki validation-state: valid\n"), "{one}");
    let invalid = json(&router, "show bgp ipv4 unicast rpki invalid json");
    let keys: Vec<&String> = invalid["routes"].as_object().unwrap().keys().collect();
    assert_eq!(keys, [HIJACKED, TOO_LONG]);

    // RTRlib, which FRR uses, has the same records.
    let out = lab.r.file("rtrclient.csv").to_string_lossy().into_owned();
    lab.r.run("rtrclient", &["-e", "-t", "csv", "-o", &out, "tcp", "10.1.0.2", "3323"]).unwrap();
    let text = std::fs::read_to_string(&out).unwrap();
    let mut theirs: Vec<(String, u64, u64, u64)> = text
        .lines()
        .filter_map(|l| {
            let words: Vec<&str> = l.split([',', ' ', '"']).filter(|w| !w.is_empty()).collect();
            let [prefix, min, max, asn] = words[..] else { return None };
            Some((prefix.to_owned(), min.parse().ok()?, max.parse().ok()?, asn.parse().ok()?))
        })
        .collect();
    theirs.sort();
    assert_eq!(shown(&router), theirs, "{text}");
    assert_eq!(theirs.len(), USUAL.len());

    let servers = router.vtysh("show rpki cache-server").unwrap();
    assert_eq!(servers, "host: 10.1.0.2 port: 3323, preference: 1, protocol: tcp, source: 10.1.0.1\n");
    let connection = router.vtysh("show rpki cache-connection").unwrap();
    assert_eq!(connection, "Connected to group 1\nrpki tcp cache 10.1.0.2 3323 pref 1 (connected)\n");
    let covering = router.vtysh("show rpki prefix 203.0.113.0/24 65002").unwrap();
    assert!(
        covering.ends_with("203.0.113.0                                 24 -  24   65002\n"),
        "{covering}"
    );
    assert!(router.vtysh("show rpki as-number 65002").unwrap().contains("Number of IPv6 Prefixes: 1"));
    assert_eq!(router.metric("frr_rpki_prefix_count", &["afi=\"ipv4\""]), Some(3.0));
    assert_eq!(router.metric("frr_rpki_cache_state", &["host=\"10.1.0.2\""]), Some(1.0));

    router.vtysh("rpki stop").unwrap();
    wait_states(&router, [None; 4]);
    router.vtysh("rpki start").unwrap();
    wait_states(&router, STATES);
    assert_undisturbed(&router);
}

#[test]
fn policy_follows_the_records_and_caches_stand_in_for_each_other() {
    let lab = lab();
    let mut first = StayRtr::start(&lab.c, USUAL);
    let mut second = StayRtr::start(&lab.d, USUAL);
    let router = Router::start(&lab.r, &config(DROP, &format!("{CACHE}{SECOND}")));
    let _peer = neighbour(&lab.p);
    wait_states(&router, DROPPED);

    // Other records: what was refused comes back, what was good goes, by the cache's notice.
    first.records(&[(VALID, 25, 64999), (HIJACKED, 24, 65002)]);
    wait_states(&router, [None, None, Some("valid"), Some("not found")]);
    first.records(USUAL);
    wait_states(&router, DROPPED);

    let group = |router: &Router| json(router, "show rpki cache-connection json")["connectedGroup"].as_u64();
    assert_eq!(group(&router), Some(1));
    first.kill();
    wait_for(PATIENCE, "the second cache to take over", || group(&router) == Some(2));
    wait_states(&router, DROPPED);
    let _first = StayRtr::start(&lab.c, USUAL);
    wait_for(PATIENCE, "the first cache to be back", || group(&router) == Some(1));
    drop(_first);
    wait_for(PATIENCE, "the second cache again", || group(&router) == Some(2));
    second.kill();
    wait_for(PATIENCE, "both caches to be gone", || {
        let all = json(&router, "show rpki cache-connection json");
        all["connections"].as_array().is_some_and(|c| c.iter().all(|c| c["state"] == "disconnected"))
    });
    assert_eq!(shown(&router).len(), USUAL.len(), "records stay until they expire");
    wait_states(&router, DROPPED);
    assert_undisturbed(&router);

    // Without caches nothing is validated, and what was refused for its state is there at once.
    router.reload(&config(DROP, ""));
    let all = "show bgp ipv4 unicast json";
    wait_for(PATIENCE, "all four routes", || json(&router, all)["routes"].as_object().unwrap().len() == 4);
    wait_states(&router, [None; 4]);
    assert_undisturbed(&router);
}

/// A cache played by hand: answers the first query with a record, then sends `flaw`.
struct Hostile {
    listener: TcpListener,
}

impl Hostile {
    fn new(node: &Node) -> Hostile {
        Hostile { listener: node.enter(|| TcpListener::bind("10.1.0.2:3323").expect("the cache's port")) }
    }

    /// Waits for a connection with its query, whose PDU type is returned.
    fn accept(&self) -> (TcpStream, u8) {
        let (mut stream, _) = self.listener.accept().expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let mut header = [0; 8];
        stream.read_exact(&mut header).expect("a query");
        let rest = if header[1] == 1 { 4 } else { 0 };
        stream.read_exact(&mut vec![0; rest]).expect("the rest of the query");
        (stream, header[1])
    }
}

/// Cache Response, one record for 203.0.113.0/24 of AS 65002, End of Data.
fn one_record() -> Vec<u8> {
    let mut octets = vec![1, 3, 0, 9, 0, 0, 0, 8];
    octets.extend([1, 4, 0, 0, 0, 0, 0, 20, 1, 24, 24, 0, 203, 0, 113, 0, 0, 0, 0xfd, 0xea]);
    octets.extend([1, 7, 0, 9, 0, 0, 0, 24, 0, 0, 0, 1]);
    [3600u32, 600, 7200].iter().for_each(|t| octets.extend(t.to_be_bytes()));
    octets
}

#[test]
fn a_malformed_message_of_a_cache_ends_its_session_and_nothing_else() {
    // What is sent, and whether the records that the cache told before are still believed.
    let flaws: [(&str, &[u8], bool); 8] = [
        ("length 0", &[1, 0, 0, 9, 0, 0, 0, 0], true),
        ("length 7", &[1, 3, 0, 9, 0, 0, 0, 7], true),
        ("4 GiB", &[1, 9, 0, 9, 0xff, 0xff, 0xff, 0xff], true),
        ("End of Data of version 0", &[1, 7, 0, 9, 0, 0, 0, 12, 0, 0, 0, 1], true),
        (
            "an Error Report's inner length",
            &[1, 10, 0, 0, 0, 0, 0, 16, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0],
            true,
        ),
        ("an unknown type", &[1, 77, 0, 0, 0, 0, 0, 8], true),
        (
            "maximum length below the prefix length",
            &[1, 4, 0, 0, 0, 0, 0, 20, 1, 24, 23, 0, 192, 0, 2, 0, 0, 0, 0, 1],
            false,
        ),
        (
            "maximum length above 32",
            &[1, 4, 0, 0, 0, 0, 0, 20, 1, 24, 33, 0, 192, 0, 2, 0, 0, 0, 0, 1],
            false,
        ),
    ];
    let lab = lab();
    let cache = Hostile::new(&lab.c);
    let router = Router::start(&lab.r, &config("", CACHE));
    let _peer = neighbour(&lab.p);
    let (mut stream, _) = cache.accept();
    stream.write_all(&one_record()).expect("a response");
    wait_states(&router, [Some("valid"), Some("invalid"), Some("not found"), Some("not found")]);
    for (what, octets, believed) in flaws {
        stream.write_all(octets).expect("the flaw");
        let mut answer = Vec::new();
        // An Error Report, or nothing, and then the end.
        match stream.read_to_end(&mut answer) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{what}"),
        }
        let expected = if believed { 1 } else { 0 };
        wait_for(PATIENCE, &format!("{what}: {expected} records"), || shown(&router).len() == expected);
        let (next, kind) = cache.accept();
        assert_eq!(kind, 2, "{what}: everything is asked for again");
        stream = next;
        stream.write_all(&one_record()).expect("a response");
        wait_for(PATIENCE, "the record again", || shown(&router).len() == 1);
    }
    // A cache that goes silent in the midst of a message keeps nothing from working either.
    stream.write_all(&[1, 4, 0, 0]).expect("half a header");
    wait_states(&router, [Some("valid"), Some("invalid"), Some("not found"), Some("not found")]);
    assert_undisturbed(&router);
}
