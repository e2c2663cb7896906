//! `configure candidate` with a real router: what a commit does to sessions, and how it is taken back.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use router_tests::peers::Router;
use router_tests::process::threads;
use router_tests::wait::{PATIENCE, wait_for};

use super::scene::{Scene, config};

/// A client of our socket that stays, as a person at a terminal does.
struct Person(UnixStream);

impl Person {
    #[track_caller]
    fn new(scene: &Scene) -> Person {
        let stream = UnixStream::connect(scene.r.file("run/router.vty")).expect("our socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let mut person = Person(stream);
        person.ok("enable");
        person
    }

    /// What a line prints, and its status.
    #[track_caller]
    fn say(&mut self, line: &str) -> (String, u8) {
        self.0.write_all(format!("{line}\0").as_bytes()).expect("the router reads");
        let mut bytes = Vec::new();
        let mut octet = [0];
        while bytes.len() < 4 || bytes[bytes.len() - 4..bytes.len() - 1] != [0, 0, 0] {
            self.0.read_exact(&mut octet).unwrap_or_else(|e| panic!("{line}: {e}"));
            bytes.push(octet[0]);
        }
        let status = bytes[bytes.len() - 1];
        bytes.truncate(bytes.len() - 4);
        (String::from_utf8_lossy(&bytes).into_owned(), status)
    }

    /// What lines print, the last of which is told; all have to succeed.
    #[track_caller]
    fn ok(&mut self, lines: &str) -> String {
        let mut last = String::new();
        for line in lines.lines() {
            let (text, status) = self.say(line);
            assert_eq!(status, 0, "{line}: {text}");
            last = text;
        }
        last
    }

    /// A line is refused with these words.
    #[track_caller]
    fn refused(&mut self, line: &str, words: &str) {
        let (text, status) = self.say(line);
        assert!(status != 0 && text.contains(words), "{line}: {status} {text}");
    }
}

const CHANGE: &str = "configure candidate
ip route 203.0.112.0/24 blackhole
ip prefix-list OURS seq 15 permit 203.0.112.0/24
router bgp 65001
neighbor 10.0.0.2 description by candidate
address-family ipv4 unicast
network 203.0.112.0/24";

const DIFF: &str = "+ip prefix-list OURS seq 15 permit 203.0.112.0/24
+ip route 203.0.112.0/24 blackhole
 router bgp 65001
- neighbor 10.0.0.2 description the provider
+ neighbor 10.0.0.2 description by candidate
  address-family ipv4 unicast
+  network 203.0.112.0/24
";

const BACK: &str = "-ip prefix-list OURS seq 15 permit 203.0.112.0/24
-ip route 203.0.112.0/24 blackhole
 router bgp 65001
- neighbor 10.0.0.2 description by candidate
+ neighbor 10.0.0.2 description the provider
  address-family ipv4 unicast
-  network 203.0.112.0/24
";

#[test]
fn a_commit_applies_the_difference_as_a_whole_and_a_rollback_takes_it_back() {
    let scene = Scene::start();
    let (before, sessions) = (scene.running(), scene.sessions());
    let mut person = Person::new(&scene);
    person.ok(CHANGE);
    assert_eq!(person.ok("show diff"), DIFF);
    assert_eq!(scene.running(), before, "nothing is in force before the commit");
    assert!(person.ok("commit").starts_with("Committed."));
    assert_eq!(person.ok("show diff"), "");
    assert_eq!(person.ok("commit"), "Nothing to commit.\n");
    let after = scene.running();
    assert!(after.contains(" neighbor 10.0.0.2 description by candidate\n"), "{after}");
    wait_for(PATIENCE, "the peer to hear of the network", || !scene.peer.route("203.0.112.0/24").is_empty());
    // The past is on disk, and comes back by a commit of its own.
    person.ok("rollback 1");
    assert_eq!(person.ok("show diff"), BACK);
    person.ok("commit\nend");
    assert_eq!(scene.running(), before);
    wait_for(PATIENCE, "the peer to hear that it is gone", || scene.peer.route("203.0.112.0/24").is_empty());
    assert_eq!(scene.sessions(), sessions, "sessions stay up");
    let listed = person.ok("show configuration transaction");
    assert_eq!(listed.lines().filter(|l| l.contains("ended by a commit")).count(), 2, "{listed}");
    assert_eq!(std::fs::read_dir(scene.r.file("frr.conf.history")).expect("the history").count(), 2);
}

#[test]
fn a_bad_candidate_changes_nothing() {
    let scene = Scene::start();
    let (before, sessions) = (scene.running(), scene.sessions());
    // The shell stops at the first line that is refused, and the candidate goes with the session.
    let lines = format!("{CHANGE}\nneighbor 10.0.0.77 activate\ncommit");
    let refused = scene.router.vtysh(&lines).expect_err("a neighbour that is not there");
    assert!(refused.contains("Specify remote-as or peer-group commands first"), "{refused}");
    assert_eq!(scene.running(), before);
    let mut person = Person::new(&scene);
    person.ok(CHANGE);
    person.refused("bogus", "Unknown command");
    person.refused("commit bogus", "Unknown command");
    person.refused("rollback 7", "there is no configuration 7");
    assert_eq!(person.ok("show diff"), DIFF, "what is refused leaves the candidate as it was");
    person.refused("do configure terminal", "A candidate is open");
    assert_eq!(person.ok("rollback 0\nshow diff"), "");
    person.ok("hostname other");
    assert!(person.ok("end").contains("its changes are dropped"));
    assert_eq!(scene.running(), before);
    assert_eq!(scene.sessions(), sessions);
}

#[test]
fn who_commits_last_takes_the_change_of_the_first_in() {
    let scene = Scene::start();
    let (mut first, mut last) = (Person::new(&scene), Person::new(&scene));
    first.ok("configure candidate\nip route 198.18.1.0/24 blackhole");
    last.ok("configure candidate\nip route 198.18.2.0/24 blackhole\nno ip route 198.51.100.0/24 blackhole");
    first.ok("commit");
    last.refused("commit", "has changed since this candidate was opened");
    assert!(!scene.running().contains("198.18.2.0"));
    let diff = last.ok("commit update\nshow diff");
    assert_eq!(diff, "-ip route 198.51.100.0/24 blackhole\n+ip route 198.18.2.0/24 blackhole\n");
    last.ok("commit");
    let running = scene.running();
    assert!(running.contains("198.18.1.0") && running.contains("198.18.2.0"), "{running}");
    // A change that is in force at once is a change, too.
    last.ok("ip route 198.18.3.0/24 blackhole");
    scene.router.vtysh("configure terminal\nip route 198.18.4.0/24 blackhole").expect("our shell");
    last.refused("commit", "has changed since this candidate was opened");
    last.ok("commit update\ncommit");
    let running = scene.running();
    assert!(running.contains("198.18.3.0") && running.contains("198.18.4.0"), "{running}");
}

#[test]
fn what_nobody_confirms_is_taken_back() {
    let scene = Scene::start();
    let (before, sessions) = (scene.running(), scene.sessions());
    // The session ends with the commit: that is what the rollback is for.
    scene.router.vtysh(&format!("{CHANGE}\ncommit confirmed 1")).expect("our shell");
    assert_ne!(scene.running(), before, "in force at once");
    let refused = scene.router.vtysh("write").expect_err("it must not be kept over a restart");
    assert!(refused.contains("waits to be confirmed"), "{refused}");
    let waits = scene.router.vtysh("show configuration transaction").expect("our shell");
    assert!(waits.contains("A commit is taken back in"), "{waits}");
    wait_for(Duration::from_secs(80), "the commit to be taken back", || scene.running() == before);
    assert_eq!(scene.sessions(), sessions, "sessions stay up");
    wait_for(PATIENCE, "the peer to hear that it is gone", || scene.peer.route("203.0.112.0/24").is_empty());
    // What was taken back is in the history, for another try.
    assert_eq!(scene.router.vtysh("configure candidate\nrollback 1\nshow diff").expect("our shell"), DIFF);
}

#[test]
fn what_is_confirmed_stays_and_a_restart_in_between_takes_it_back() {
    let mut scene = Scene::start();
    let before = scene.running();
    scene.router.vtysh(&format!("{CHANGE}\ncommit confirmed 5")).expect("our shell");
    // However many commits wait, one thread watches their time.
    let mut person = Person::new(&scene);
    person.ok("configure candidate");
    for n in 0..5 {
        person.ok(&format!("ip route 198.18.{n}.0/24 blackhole\ncommit confirmed 5"));
    }
    let watching = || threads(scene.router.pid(), "unconfirmed").count();
    assert_eq!(watching(), 1);
    // Another session may confirm.
    let said = scene.router.vtysh("configure candidate\ncommit").expect("our shell");
    assert_eq!(said, "Confirmed.\n");
    wait_for(PATIENCE, "the thread to end", || watching() == 0);
    let waits = scene.router.vtysh("show configuration transaction").expect("our shell");
    assert!(!waits.contains("A commit is taken back in"), "{waits}");
    let confirmed = scene.running();
    scene.router.vtysh("write").expect("our shell");
    scene.router.vtysh("configure candidate\nrollback 6\ncommit confirmed 5").expect("our shell");
    assert_eq!(scene.running(), before);
    scene.router.kill();
    scene.router = Router::again(&scene.r);
    assert_eq!(scene.running(), confirmed, "the file has what was confirmed");
}

#[test]
fn a_client_that_does_not_read_holds_up_neither_a_reload_nor_the_end() {
    let mut scene = Scene::start();
    let mut stuck = Person::new(&scene);
    stuck.ok("XROUTER_hello\nconfigure terminal");
    // Refusals come with the line, until nothing fits on the way to the client and back.
    stuck.0.set_write_timeout(Some(Duration::from_millis(500))).expect("a timeout");
    let line = format!("bogus {}\0", "x".repeat(60_000));
    while stuck.0.write_all(line.as_bytes()).is_ok() {}
    scene.load(&config().replace(" description the segment\n", " description another segment\n"));
    assert!(scene.running().contains(" description another segment\n"));
    assert!(scene.router.stop().success());
}
