//! Caches played by hand, in virtual time; flaws that broke others; and octets of any kind.

use std::collections::{BTreeMap, BTreeSet};

use bgp::types::{Asn, SECOND, Time};
use proptest::prelude::*;
use rib::Vrp;

use super::pdu::{self, Fault, MAX_PDU, Pdu, decode};
use super::*;

fn vrp(prefix: &str, max_len: u8, asn: u32) -> Vrp {
    Vrp { prefix: prefix.parse().unwrap(), max_len, asn: Asn(asn) }
}

fn frame(version: u8, kind: u8, field: u16, body: &[u8]) -> Vec<u8> {
    let mut pdu = vec![version, kind];
    pdu.extend(field.to_be_bytes());
    pdu.extend((8 + body.len() as u32).to_be_bytes());
    pdu.extend(body);
    pdu
}

fn prefix(version: u8, announce: bool, v: &Vrp) -> Vec<u8> {
    let mut body = vec![u8::from(announce), v.prefix.prefix_len(), v.max_len, 0];
    let kind = match v.prefix {
        ipnet::IpNet::V4(net) => {
            body.extend(net.addr().octets());
            4
        }
        ipnet::IpNet::V6(net) => {
            body.extend(net.addr().octets());
            6
        }
    };
    body.extend(v.asn.0.to_be_bytes());
    frame(version, kind, 0, &body)
}

fn end_of_data(version: u8, session: u16, serial: u32, timing: [u32; 3]) -> Vec<u8> {
    let mut body = serial.to_be_bytes().to_vec();
    if version > 0 {
        timing.iter().for_each(|t| body.extend(t.to_be_bytes()));
    }
    frame(version, 7, session, &body)
}

const TIMING: [u32; 3] = [3600, 600, 7200];

/// A complete response: records that come, then records that go.
fn response(version: u8, serial: u32, come: &[Vrp], go: &[Vrp]) -> Vec<u8> {
    let mut all = frame(version, 3, 9, &[]);
    come.iter().for_each(|v| all.extend(prefix(version, true, v)));
    go.iter().for_each(|v| all.extend(prefix(version, false, v)));
    all.extend(end_of_data(version, 9, serial, TIMING));
    all
}

fn endpoint(host: &str) -> Endpoint {
    Endpoint { host: host.into(), port: 323, source: None }
}

/// The caches, and what the shell would have made of their outputs.
struct Shell {
    caches: Caches,
    now: Time,
    /// Connections that are made or asked for, by host.
    open: BTreeMap<String, Connection>,
    sent: BTreeMap<String, Vec<u8>>,
    /// What the table was told.
    table: Option<BTreeSet<Vrp>>,
    tells: usize,
    log: Vec<Event>,
}

impl Shell {
    fn new(hosts: &[(u8, &str)]) -> Shell {
        let mut shell = Shell {
            caches: Caches::new(),
            now: 100 * SECOND,
            open: BTreeMap::new(),
            sent: BTreeMap::new(),
            table: None,
            tells: 0,
            log: Vec::new(),
        };
        shell.configure(hosts);
        shell
    }

    fn configure(&mut self, hosts: &[(u8, &str)]) {
        let timing = Timing { refresh: 3600, retry: 600, expire: 7200 };
        let caches = hosts.iter().map(|(p, host)| (*p, endpoint(host))).collect();
        self.tell(Input::Configure(Settings { timing, caches }));
    }

    fn tell(&mut self, input: Input<'_>) {
        self.caches.handle(self.now, input);
        while let Some(output) = self.caches.poll() {
            match output {
                Output::Connect(connection, to) => {
                    assert!(self.open.insert(to.host, connection).is_none(), "one connection a cache");
                }
                Output::Send(connection, octets) => {
                    let host = self.host(connection).expect("only to who is connected");
                    self.sent.entry(host).or_default().extend(octets);
                }
                Output::Close(connection) => {
                    let host = self.host(connection).expect("closed once");
                    self.open.remove(&host);
                }
                Output::Records { removed, added } => {
                    self.tells += 1;
                    let table = self.table.get_or_insert_default();
                    removed.iter().for_each(|r| assert!(table.remove(r), "{r:?} was there"));
                    added.iter().for_each(|r| assert!(table.insert(*r), "{r:?} is new"));
                }
                Output::Off => self.table = None,
                Output::Log(_, event) => self.log.push(event),
            }
        }
        if let Some(table) = &self.table {
            assert_eq!(table, self.caches.records());
            let v4 = table.iter().filter(|r| r.prefix.addr().is_ipv4()).count();
            assert_eq!(self.caches.counts(), [v4, table.len() - v4]);
        }
        assert_eq!(self.table.is_some(), self.caches.active());
    }

    fn host(&self, connection: Connection) -> Option<String> {
        self.open.iter().find(|(_, c)| **c == connection).map(|(host, _)| host.clone())
    }

    fn up(&mut self, host: &str) {
        let connection = self.open[host];
        self.tell(Input::Connected(connection));
    }

    fn says(&mut self, host: &str, octets: &[u8]) {
        let connection = self.open[host];
        self.tell(Input::Received(connection, octets));
    }

    fn lose(&mut self, host: &str) {
        let connection = self.open.remove(host).unwrap();
        self.tell(Input::Closed(connection));
    }

    /// Lets time pass until the deadlines up to then are over.
    fn pass(&mut self, seconds: u64) {
        let end = self.now + seconds * SECOND;
        while let Some(at) = self.caches.deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.tell(Input::Tick);
        }
        self.now = end;
    }

    fn take_sent(&mut self, host: &str) -> Vec<u8> {
        self.sent.remove(host).unwrap_or_default()
    }

    fn holds(&self) -> Vec<String> {
        self.table.iter().flatten().map(|v| format!("{}-{} {}", v.prefix, v.max_len, v.asn)).collect()
    }

    fn connected(&self) -> Vec<&str> {
        self.open.keys().map(String::as_str).collect()
    }
}

fn a() -> Vrp {
    vrp("192.0.2.0/24", 24, 64500)
}

fn b() -> Vrp {
    vrp("2001:db8::/32", 48, 64501)
}

#[test]
fn everything_is_asked_for_first_and_then_what_changed() {
    let mut shell = Shell::new(&[(1, "one")]);
    shell.up("one");
    assert_eq!(shell.take_sent("one"), pdu::reset_query(1));
    let all = response(1, 5, &[a(), b()], &[]);
    let (first, rest) = all.split_at(30);
    shell.says("one", first);
    assert_eq!(shell.table, None, "half a response is nothing");
    shell.says("one", rest);
    assert_eq!(shell.holds(), ["192.0.2.0/24-24 64500", "2001:db8::/32-48 64501"]);
    shell.pass(3600);
    assert_eq!(shell.take_sent("one"), pdu::serial_query(1, 9, 5), "the cache's refresh interval is over");
    shell.says("one", &response(1, 6, &[vrp("10.0.0.0/8", 8, 1)], &[a()]));
    assert_eq!(shell.holds(), ["10.0.0.0/8-8 1", "2001:db8::/32-48 64501"]);
    assert_eq!(shell.tells, 2);
    shell.pass(1);
    shell.says("one", &frame(1, 0, 9, &7u32.to_be_bytes()));
    shell.pass(1);
    assert_eq!(shell.take_sent("one"), pdu::serial_query(1, 9, 6), "it has news");
    shell.says("one", &frame(1, 8, 0, &[]));
    assert_eq!(shell.take_sent("one"), pdu::reset_query(1), "it knows no difference");
    shell.says("one", &response(1, 7, &[b()], &[]));
    assert_eq!(shell.holds(), ["2001:db8::/32-48 64501"]);
}

#[test]
fn an_old_cache_is_spoken_to_in_version_0() {
    let mut shell = Shell::new(&[(1, "one")]);
    shell.up("one");
    shell.says("one", &response(0, 5, &[a()], &[]));
    assert_eq!(shell.holds(), ["192.0.2.0/24-24 64500"], "it answers in its own version");
    shell.pass(3600);
    assert!(shell.take_sent("one").ends_with(&pdu::serial_query(0, 9, 5)));

    let mut shell = Shell::new(&[(1, "one")]);
    shell.up("one");
    let first = shell.open["one"];
    let refusal = pdu::error_report_for(0, 4, &pdu::reset_query(1), "");
    shell.says("one", &refusal);
    assert_ne!(shell.open["one"], first, "it refuses: another connection");
    shell.take_sent("one");
    shell.up("one");
    assert_eq!(shell.take_sent("one"), pdu::reset_query(0));
}

#[test]
fn the_next_cache_takes_over_and_the_better_one_comes_back() {
    let mut shell = Shell::new(&[(1, "one"), (2, "two"), (3, "three")]);
    assert_eq!(shell.connected(), ["one"], "the others are not bothered");
    shell.up("one");
    shell.says("one", &response(1, 5, &[a(), b()], &[]));
    shell.lose("one");
    assert_eq!(shell.connected(), ["two"]);
    assert_eq!(shell.holds().len(), 2, "what is there stays");
    shell.up("two");
    shell.says("two", &response(1, 70, &[b(), vrp("10.0.0.0/8", 8, 1)], &[]));
    assert_eq!(shell.holds(), ["10.0.0.0/8-8 1", "2001:db8::/32-48 64501"]);
    assert_eq!(shell.tells, 2, "only the difference is told");
    assert_eq!(shell.caches.in_use(), Some(2));
    shell.pass(1);
    assert_eq!(shell.connected(), ["one", "two"], "it is tried again a second later");
    shell.take_sent("one");
    shell.up("one");
    assert_eq!(shell.take_sent("one"), pdu::reset_query(1), "what it told is gone");
    shell.says("one", &response(1, 6, &[a()], &[]));
    assert_eq!(shell.connected(), ["one"]);
    assert_eq!(shell.holds(), ["192.0.2.0/24-24 64500"]);
}

#[test]
fn a_cache_that_comes_back_alone_is_asked_for_what_changed() {
    let mut shell = Shell::new(&[(1, "one")]);
    shell.up("one");
    shell.says("one", &response(1, 5, &[a(), b()], &[]));
    shell.take_sent("one");
    shell.lose("one");
    shell.pass(1);
    shell.up("one");
    assert_eq!(shell.take_sent("one"), pdu::serial_query(1, 9, 5));
    shell.says("one", &response(1, 6, &[], &[a()]));
    assert_eq!(shell.holds(), ["2001:db8::/32-48 64501"]);
}

#[test]
fn records_of_lost_caches_stay_until_they_expire() {
    let mut shell = Shell::new(&[(1, "one"), (2, "two")]);
    shell.up("one");
    shell.says("one", &response(1, 5, &[a()], &[]));
    shell.lose("one");
    // Nobody is there any more: each attempt is refused at once.
    for _ in 0..7199 {
        shell.pass(1);
        for host in ["one", "two"] {
            if shell.open.contains_key(host) {
                shell.lose(host);
            }
        }
        assert_eq!(shell.holds().len(), 1);
    }
    shell.pass(1);
    assert!(shell.holds().is_empty(), "two hours are over");
    assert!(shell.caches.active(), "routes are validated, and none is found");
    let attempts = shell.log.iter().filter(|e| **e == Event::Lost).count();
    assert!(attempts < 60, "attempts grow rare: {attempts}");
}

#[test]
fn who_does_not_answer_is_given_up() {
    let mut shell = Shell::new(&[(1, "one"), (2, "two")]);
    shell.pass(29);
    assert_eq!(shell.connected(), ["one"]);
    shell.pass(1);
    assert!(shell.connected().contains(&"two"), "the connection did not come up");
    shell.up("two");
    shell.says("two", &frame(1, 3, 9, &[]));
    shell.pass(59);
    shell.says("two", &prefix(1, true, &a()));
    shell.pass(59);
    assert!(!shell.log.contains(&Event::Silent), "it goes on all the time");
    shell.pass(2);
    assert!(shell.log.contains(&Event::Silent));
    assert_eq!(shell.table, None);
}

#[test]
fn a_cache_without_data_is_asked_again_and_others_meanwhile() {
    let mut shell = Shell::new(&[(1, "one"), (2, "two")]);
    shell.up("one");
    shell.take_sent("one");
    shell.says("one", &pdu::error_report_for(1, 2, &pdu::reset_query(1), "not yet"));
    assert_eq!(shell.connected(), ["one", "two"]);
    shell.pass(600);
    assert_eq!(shell.take_sent("one"), pdu::reset_query(1));
}

#[test]
fn configuration_stop_and_reset() {
    let mut shell = Shell::new(&[(1, "one"), (2, "two")]);
    shell.up("one");
    shell.says("one", &response(1, 5, &[a()], &[]));
    shell.configure(&[(1, "other"), (2, "two")]);
    assert_eq!(shell.holds().len(), 1, "until the other one has told its own");
    assert_eq!(shell.connected(), ["other"]);
    shell.up("other");
    shell.says("other", &response(1, 5, &[b()], &[]));
    assert_eq!(shell.holds(), ["2001:db8::/32-48 64501"]);
    let before = shell.open["other"];
    shell.configure(&[(1, "other"), (3, "two")]);
    assert_eq!(shell.open["other"], before, "only differences are applied");
    shell.tell(Input::Reset);
    assert_eq!(shell.holds().len(), 1);
    shell.take_sent("other");
    shell.up("other");
    assert_eq!(shell.take_sent("other"), pdu::reset_query(1));
    shell.says("other", &response(1, 5, &[a()], &[]));
    assert_eq!(shell.holds(), ["192.0.2.0/24-24 64500"]);
    shell.tell(Input::Stop);
    assert_eq!((shell.table.clone(), shell.connected().len()), (None, 0));
    shell.pass(100_000);
    shell.tell(Input::Start);
    assert_eq!(shell.connected(), ["other"]);
    shell.configure(&[]);
    assert!(shell.connected().is_empty());
}

#[test]
fn a_cache_that_wants_no_queries_before_its_data_expire_is_asked_all_the_same() {
    let mut shell = Shell::new(&[(1, "one")]);
    shell.up("one");
    let mut all = frame(1, 3, 9, &[]);
    all.extend(prefix(1, true, &a()));
    all.extend(end_of_data(1, 9, 5, [86_400, 600, 10]));
    shell.says("one", &all);
    shell.take_sent("one");
    shell.pass(540);
    assert_eq!(
        shell.take_sent("one"),
        pdu::serial_query(1, 9, 5),
        "600 seconds is the least that is allowed"
    );
    shell.pass(59);
    assert_eq!(shell.holds().len(), 1);
    shell.pass(1);
    assert!(shell.holds().is_empty());
}

/// Flaws that broke others, and what each must come to.
fn flaws() -> Vec<(&'static str, Vec<u8>, Fault)> {
    let with_length = |kind: u8, length: u32, body: &[u8]| {
        let mut pdu = frame(1, kind, 9, body);
        pdu[4..8].copy_from_slice(&length.to_be_bytes());
        pdu
    };
    let max_len = |len, max_len| frame(1, 4, 0, &[1, len, max_len, 0, 192, 0, 2, 0, 0, 0, 0, 1]);
    let mut long6 = prefix(1, true, &b());
    long6[10] = 129;
    let mut report = pdu::error_report_for(1, 0, &[], "text");
    report[8..12].copy_from_slice(&u32::MAX.to_be_bytes());
    let mut text = pdu::error_report_for(1, 0, &[1, 2], "text");
    text[14..18].copy_from_slice(&5u32.to_be_bytes());
    vec![
        ("length 0", with_length(4, 0, &[]), Fault::Length { kind: 4, length: 0 }),
        ("length 7", with_length(3, 7, &[]), Fault::Length { kind: 3, length: 7 }),
        ("a prefix of 4 GiB", with_length(4, u32::MAX, &[]), Fault::Length { kind: 4, length: u32::MAX }),
        ("a key of 4 GiB", with_length(9, u32::MAX, &[]), Fault::Length { kind: 9, length: u32::MAX }),
        ("a report of 4 GiB", with_length(10, u32::MAX, &[]), Fault::ErrorReport),
        ("maximum below the length", max_len(24, 23), Fault::MaxLength { len: 24, max_len: 23 }),
        ("maximum above 32", max_len(24, 33), Fault::MaxLength { len: 24, max_len: 33 }),
        ("maximum above 128", long6, Fault::MaxLength { len: 32, max_len: 129 }),
        ("length above 32", max_len(33, 33), Fault::PrefixLength(33)),
        ("version 0's End of Data", frame(1, 7, 9, &[0; 4]), Fault::Length { kind: 7, length: 12 }),
        ("a report in a report's place", report, Fault::ErrorReport),
        ("a report's text beyond its end", text, Fault::ErrorReport),
        ("a query", pdu::reset_query(1), Fault::Type(2)),
        ("type 255", frame(1, 255, 0, &[]), Fault::Type(255)),
        ("version 9", frame(9, 3, 0, &[]), Fault::Version(9)),
    ]
}

#[test]
fn flaws_are_seen_at_once_and_end_the_session() {
    for (what, octets, fault) in flaws() {
        assert_eq!(decode(&octets), Err(fault), "{what}");
        let mut shell = Shell::new(&[(1, "one")]);
        shell.up("one");
        shell.says("one", &response(1, 5, &[a()], &[]));
        shell.pass(3600);
        shell.take_sent("one");
        let mut transfer = frame(1, 3, 9, &[]);
        transfer.extend(prefix(1, true, &b()));
        shell.says("one", &transfer);
        let connection = shell.open["one"];
        shell.caches.handle(shell.now, Input::Received(connection, &octets));
        let outputs: Vec<Output> = std::iter::from_fn(|| shell.caches.poll()).collect();
        let report = outputs.iter().find_map(|o| match o {
            Output::Send(_, octets) => decode(octets).unwrap().map(|(_, pdu, _)| pdu),
            _ => None,
        });
        assert_eq!(report, fault.code().map(|code| Pdu::ErrorReport { code }), "{what}");
        assert!(outputs.contains(&Output::Close(connection)), "{what}");
        // What was complete stays, but for a cache that tells what cannot be.
        let left = if fault.discredits() { 0 } else { 1 };
        assert_eq!(shell.caches.records().len(), left, "{what}");
        assert!(!shell.caches.records().contains(&b()), "{what}");
    }
}

#[test]
fn records_are_announced_once_and_withdrawn_when_they_are_there() {
    let held = BTreeSet::from([a()]);
    let fault = |after, octets: &[u8]| {
        let mut session = Session::new(1);
        session.ask(after);
        session.receive(&frame(1, 3, 9, &[]));
        session.receive(octets);
        session.next(&held)
    };
    let twice = [prefix(1, true, &b()), prefix(1, true, &b())].concat();
    assert_eq!(fault(None, &twice), Err(End::Fault(Fault::Duplicate)));
    assert_eq!(fault(Some((9, 1)), &prefix(1, true, &a())), Err(End::Fault(Fault::Duplicate)));
    assert_eq!(fault(Some((9, 1)), &prefix(1, false, &b())), Err(End::Fault(Fault::UnknownRecord)));
    assert_eq!(fault(Some((9, 1)), &prefix(1, false, &a())), Ok(None));
    assert_eq!(fault(Some((8, 1)), &[]), Err(End::Fault(Fault::Session(9))), "another session");
    assert_eq!(fault(None, &end_of_data(1, 8, 1, TIMING)), Err(End::Fault(Fault::Session(8))));
    assert_eq!(fault(None, &prefix(0, true, &a())), Err(End::Fault(Fault::VersionChanged(0))));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn any_octets_are_survived_and_not_hoarded(
        octets in prop::collection::vec(any::<u8>(), 0..300),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cuts in prop::collection::vec(1usize..40, 1..10),
        noise in any::<bool>(),
    ) {
        let mut stream = if noise { octets } else { response(1, 5, &[a(), b()], &[a()]) };
        for (at, with) in &flips {
            if !stream.is_empty() {
                let at = at.index(stream.len());
                stream[at] = *with;
            }
        }
        let mut session = Session::new(1);
        session.ask(None);
        let mut rest = stream.as_slice();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (now, later) = rest.split_at((*cut).min(rest.len()));
            rest = later;
            session.receive(now);
            loop {
                match session.next(&BTreeSet::new()) {
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(_) => return Ok(()),
                }
            }
            prop_assert!(session.pending() < MAX_PDU);
        }
    }

    #[test]
    fn what_is_encoded_is_read_back(
        addr in any::<u32>(), len in 0u8..=32, longer in 0u8..=32, asn in any::<u32>(), announce in any::<bool>(),
    ) {
        let net = ipnet::Ipv4Net::new(addr.into(), len).unwrap().trunc();
        let v = Vrp { prefix: net.into(), max_len: (len + longer).min(32), asn: Asn(asn) };
        let octets = prefix(1, announce, &v);
        prop_assert_eq!(decode(&octets), Ok(Some((1, Pdu::Prefix { announce, vrp: v }, 20))));
        for cut in 0..octets.len() {
            prop_assert_eq!(decode(&octets[..cut]), Ok(None));
        }
    }
}
