//! The shell from end to end, over a backend of samples.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bgp::types::Family;

use super::backend::{Action, Backend, ClearKind, ClearTarget, RpkiAction};
use super::exec::{Daemon, Status};
use super::fake::Fake;
use super::server::{SOCKET, STOP, Server, ServerOptions};
use super::session::{Next, Session, plain_notation};
use crate::show::samples;

/// A session in the enable node.
struct Shell {
    session: Session,
    fake: Arc<Fake>,
}

impl Shell {
    fn new() -> Shell {
        Shell::over(Fake::new(), None)
    }

    fn over(fake: Fake, daemon: Option<Daemon>) -> Shell {
        let fake = Arc::new(fake);
        let mut shell = Shell { session: Session::new(fake.clone(), daemon), fake };
        shell.run("enable");
        shell
    }

    fn run(&mut self, line: &str) -> (Status, String) {
        let mut out = Vec::new();
        let (status, _) = self.session.execute(line, &mut out).unwrap();
        (status, String::from_utf8(out).unwrap())
    }

    fn ok(&mut self, line: &str) -> String {
        let (status, text) = self.run(line);
        assert_eq!(status, Status::Success, "{line}: {text}");
        text
    }
}

#[test]
fn refusals_have_the_reference_s_words_and_statuses() {
    let mut shell = Shell::new();
    assert_eq!(shell.run("show foo"), (Status::NoMatch, "% Unknown command: show foo\n".into()));
    assert_eq!(shell.run("show ip"), (Status::Incomplete, "% Command incomplete: show ip\n".into()));
    assert_eq!(shell.run("show d").0, Status::Ambiguous);
    shell.ok("conf t");
    assert_eq!(shell.run("bogus"), (Status::NoMatch, "% Unknown command: bogus\n".into()));
    assert_eq!(
        shell.run("route-map RM"),
        (Status::Incomplete, "% Command incomplete: route-map RM\n".into())
    );
    let (status, text) = shell.run("router bgp 65002");
    assert_eq!(status, Status::ConfigFailed);
    assert!(
        text.contains("BGP is already running; AS is") || text.contains("instance is already running"),
        "{text}"
    );
    shell.ok("router bgp 64496");
    let (status, text) = shell.run("neighbor 1.2.3.4 description x");
    assert_eq!(
        (status, text.as_str()),
        (Status::ConfigFailed, "% Specify remote-as or peer-group commands first\n")
    );
    assert_eq!(shell.run("neighbor 1.2.3.4 remote-as 0").0, Status::NoMatch);
    shell.ok("no neighbor 1.2.3.4");
}

#[test]
fn not_finding_anything_is_no_failure() {
    let mut shell = Shell::new();
    assert_eq!(shell.ok("show bgp neighbors 9.9.9.9"), "% No such neighbor in this view/vrf\n\n");
    assert_eq!(shell.ok("show bgp neighbors 9.9.9.9 json"), "{\n  \"bgpNoSuchNeighbor\":true\n}\n");
    assert_eq!(shell.ok("clear bgp 9.9.9.9"), "% BGP: Unknown neighbor - \"9.9.9.9\"\n");
    assert_eq!(shell.ok("show bgp vrf NOPE summary"), "% BGP instance not found\n");
    assert_eq!(shell.ok("show bgp vrf NOPE summary json"), "{}\n");
    assert_eq!(shell.ok("show ip route vrf NOPE"), "% VRF NOPE not found\n");
    assert_eq!(shell.ok("show ip route vrf NOPE json"), "{}\n");
    assert_eq!(shell.ok("show interface nope"), "% Can't find interface nope\n");
    assert_eq!(shell.ok("show ip prefix-list NOPE"), "% Can't find specified prefix-list\n");
    assert_eq!(shell.ok("show route-map NOPE"), "BGP:\nBGP: 'route-map NOPE' not found\n");
    assert_eq!(shell.ok("show bgp ipv4 unicast 2001:db8::/32 json"), "{\n}\n");
    assert_eq!(shell.ok("show bgp ipv6 unicast 2001:db8::/32"), "% Network not in table\n");
}

#[test]
fn commands_may_be_shortened() {
    let mut shell = Shell::new();
    let full = shell.ok("show ip bgp summary");
    assert!(full.starts_with("\nIPv4 Unicast Summary:\nBGP router identifier 10.255.0.1"), "{full}");
    assert_eq!(shell.ok("sh ip bg su"), full);
    assert!(!shell.ok("show bgp ipv4 unicast summary").contains("Unicast Summary"));
    let both = shell.ok("show bgp summary json");
    let both: serde_json::Value = serde_json::from_str(&both).unwrap();
    assert!(both["ipv4Unicast"]["peers"]["192.0.2.2"]["pfxRcd"] == 3 && both["ipv6Unicast"].is_object());
    assert!(shell.ok("show ip bgp neighbor 192.0.2.2").starts_with("BGP neighbor is 192.0.2.2"));
    assert!(
        shell.ok("show bgp nei 192.0.2.2 adv").starts_with("% IPv6 Unicast is not enabled for this neighbor")
    );
}

#[test]
fn every_command_of_the_tables_runs() {
    let lines = "show version|show version json|show daemons|show history|show history commands|top|show history 3 bgp|show tech\
        |show bgp ipv4 unicast 1.1.1.0/24 why|show ip bgp 1.1.1.1 why json|test route-map HOST-IN prefix 10.0.0.0/8|show logging|show debugging|show memory\
        |show bfd peers json|show running-config|show running-config bgpd no-header|write terminal|show startup-config\
        |show ip route|show ip route json|show ip route bgp|show ip route 1.1.1.0/24|show ip route 1.1.1.1 json\
        |show ip route 10.0.0.0/8 longer-prefixes json|show ip route supernets-only|show ip fib|show ipv6 route\
        |show ip route summary|show ip route summary json|show ip nht|show ip nht json|show ipv6 nht|show ip forwarding\
        |show ipv6 forwarding|show interface|show interface lan0 json|show interface brief|show interface brief json\
        |show interface description|show vrrp|show vrrp 10 json|show vrrp interface lan0 summary|show ip prefix-list\
        |show ip prefix-list json|show ip prefix-list detail|show ip prefix-list OWN seq 5|show ipv6 prefix-list\
        |show route-map|show route-map HOST-IN json|show bgp as-path-access-list json|show bgp community-list\
        |show ip access-list|show bgp ipv4 unicast|show bgp ipv4 unicast json|show bgp ipv4 unicast json detail\
        |show bgp ipv4 unicast detail json|show bgp ipv4 unicast wide|show ip bgp|show bgp|show bgp ipv4 unicast cidr-only\
        |show bgp ipv4 unicast self-originate|show bgp ipv4 unicast regexp _64502|show bgp ipv4 unicast community\
        |show bgp ipv4 unicast community 65001:100 json|show bgp ipv4 unicast large-community|show bgp ipv4 unicast prefix-list OWN\
        |show bgp ipv4 unicast 10.200.0.0/16 longer-prefixes|show ip bgp 1.1.1.0/24 json|show bgp ipv4 unicast 1.1.1.1 bestpath\
        |show bgp ipv4 unicast neighbors 192.0.2.2 routes|show bgp ipv4 unicast neighbors 192.0.2.2 advertised-routes json\
        |show bgp ipv4 unicast neighbors 192.0.2.2 received-routes|show bgp ipv4 unicast neighbors 192.0.2.2 filtered-routes json\
        |show bgp neighbors json|show bgp ipv6 neighbors|show bgp ipv4 unicast neighbors 192.0.2.2 graceful-restart\
        |show bgp neighbors graceful-restart json|show bgp ipv4 unicast neighbors 192.0.2.2 prefix-counts json\
        |show bgp ipv4 unicast neighbors 192.0.2.2 prefix-counts|show ip router-id|show vrf|show bgp views|show bgp listeners\
        |show interface lan0 vrf default json|show bgp nexthop ipv4 json|show modules|show route-map-unused|show bgp nexthop json|show bgp peer-group|show bgp peer-group HOSTS json\
        |show bgp update-groups json|show bgp memory|show bgp router json|show bgp vrfs json|clear bgp *|clear ip bgp 192.0.2.2 soft in\
        |clear bgp 64500|clear bgp external|clear bgp peer-group HOSTS|clear bgp prefix 1.1.1.0/24|clear route-map counters\
        |debug bgp updates|no debug all|send log hello|write memory|copy running-config startup-config|terminal length 0\
        |no terminal paginate|list|find summary";
    let mut shell = Shell::new();
    for line in lines.split('|') {
        shell.ok(line.trim());
    }
}

#[test]
fn json_of_every_command_is_json() {
    let mut shell = Shell::new();
    for line in [
        "show version json",
        "show bgp summary json",
        "show bgp ipv4 unicast json",
        "show bgp ipv4 unicast json detail",
        "show bgp ipv4 unicast detail json",
        "show bgp ipv4 unicast regexp ^64500 json",
        "show bgp ipv4 unicast 1.1.1.0/24 json",
        "show bgp neighbors json",
        "show bgp ipv4 unicast neighbors 192.0.2.2 advertised-routes json",
        "show bgp ipv4 unicast neighbors 10.255.0.2 received-routes json",
        "show bgp ipv4 unicast 1.1.1.0/24 why json",
        "show history json",
        "test route-map HOST-IN prefix 10.0.0.0/8 as-path \"1 2\" med 5 json",
        "show bgp nexthop json",
        "show bgp peer-group json",
        "show bgp update-groups json",
        "show bgp router json",
        "show bgp vrfs json",
        "show ip route json",
        "show ip route summary json",
        "show ip nht json",
        "show interface json",
        "show vrrp json",
        "show ip prefix-list json",
        "show route-map json",
        "show bfd peers json",
    ] {
        let text = shell.ok(line);
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{line}: {text}");
    }
}

#[test]
fn listings_are_selected_by_what_they_show() {
    let mut shell = Shell::new();
    let text = shell.ok("show bgp ipv4 unicast regexp _64502$");
    assert!(text.contains("1.1.1.0/24") && !text.contains("0.0.0.0/0"), "{text}");
    let text = shell.ok("show bgp ipv4 unicast community 65001:100");
    assert!(text.contains("Displayed 2 routes"), "{text}");
    let text = shell.ok("show bgp ipv4 unicast self-originate");
    assert!(text.contains("Displayed 2 routes"), "{text}");
    let text = shell.ok("show bgp ipv4 unicast neighbors 192.0.2.2 routes");
    assert!(text.contains("Displayed 2 routes"), "{text}");
    assert_eq!(shell.run("show bgp ipv4 unicast prefix-list NOPE").0, Status::Warning);
}

#[test]
fn clearing_reaches_the_backend_as_it_was_meant() {
    let mut shell = Shell::new();
    shell.ok("clear ip bgp 192.0.2.1 soft in");
    shell.ok("clear bgp ipv6 unicast * soft");
    shell.ok("clear bgp peer-group HOSTS out");
    let all = |target, family, kind| Action::ClearBgp { target, family, kind };
    let expected = [
        all(ClearTarget::Neighbor(samples::id("192.0.2.1")), None, ClearKind::SoftIn),
        all(ClearTarget::All, Some(Family::Ipv6Unicast), ClearKind::Soft),
        all(ClearTarget::PeerGroup("HOSTS".into()), None, ClearKind::SoftOut),
    ];
    assert_eq!(*shell.fake.actions.lock().unwrap(), expected);
}

#[test]
fn caches_are_asked_again_from_the_node_of_rpki_and_from_a_file() {
    let mut shell = Shell::new();
    for line in ["configure terminal", "rpki", "rpki reset", "rpki polling_period 100", "end"] {
        shell.ok(line);
    }
    let reset = || Action::Rpki(RpkiAction::Reset);
    assert_eq!(*shell.fake.actions.lock().unwrap(), [reset()]);
    for line in ["XFRR_start_configuration", "rpki", "rpki reset", "rpki polling_period 200"] {
        shell.ok(line);
    }
    assert_eq!(shell.fake.actions.lock().unwrap().len(), 1, "a file takes effect as a whole");
    shell.ok("XFRR_end_configuration");
    assert_eq!(*shell.fake.actions.lock().unwrap(), [reset(), reset()]);
}

#[test]
fn configuration_lines_take_effect_one_by_one() {
    let mut shell = Shell::new();
    shell.ok("configure terminal");
    shell.ok("interface lan0");
    shell.ok("description here");
    assert_eq!(shell.session.prompt(), "edge-a(config-if)# ");
    assert_eq!(*shell.fake.applied.lock().unwrap(), 1);
    assert_eq!(shell.ok("do show ip forwarding"), "IP forwarding is on\n");
    // A line of the node outside leaves the inner one.
    shell.ok("ip route 5.6.7.0/24 blackhole");
    assert_eq!(shell.session.prompt(), "edge-a(config)# ");
    shell.ok("hostname foo");
    assert_eq!(shell.session.prompt(), "foo(config)# ");
    shell.ok("end");
    assert_eq!(shell.session.prompt(), "foo# ");
    let text = shell.ok("show running-config");
    assert!(text.starts_with("Building configuration...\n\nCurrent configuration:\n!\nfrr version"));
    assert!(text.contains(" description here\n") && text.contains("ip route 5.6.7.0/24 blackhole\n"));
}

#[test]
fn two_sessions_see_each_other_s_changes() {
    let mut one = Shell::new();
    let mut two = Shell { session: Session::new(one.fake.clone(), None), fake: one.fake.clone() };
    two.run("enable");
    for shell in [&mut one, &mut two] {
        shell.ok("configure terminal");
    }
    one.ok("ip route 10.1.0.0/16 blackhole");
    two.ok("ip route 10.2.0.0/16 blackhole");
    let text = one.ok("do show running-config");
    assert!(text.contains("10.1.0.0/16") && text.contains("10.2.0.0/16"));
}

#[test]
fn a_refused_candidate_leaves_everything_as_it_was() {
    let mut shell = Shell::new();
    shell.ok("configure terminal");
    shell.ok("router bgp 64496");
    let before = shell.fake.running_config();
    // The group goes, and with it what refers to it.
    shell.ok("no neighbor HOSTS peer-group");
    assert_ne!(*before, *shell.fake.running_config());
    assert_eq!(shell.run("neighbor 10.0.0.77 peer-group HOSTS").0, Status::ConfigFailed);
    assert_eq!(shell.session.prompt(), "edge-a(config-router)# ");
}

#[test]
fn a_file_between_marks_takes_effect_as_a_whole() {
    let mut shell = Shell::new();
    shell.ok("XFRR_start_configuration");
    for line in ["interface x", "description one", "ip route 10.9.0.0/16 Null0", "end", "ip forwarding"] {
        shell.ok(line);
        assert_eq!(*shell.fake.applied.lock().unwrap(), 0);
    }
    assert_eq!(shell.run("bogus").0, Status::NoMatch);
    shell.ok("XFRR_end_configuration");
    assert_eq!(*shell.fake.applied.lock().unwrap(), 1);
    assert!(shell.fake.running_config().interfaces.contains_key("x"));
}

#[test]
fn the_pipe_includes_and_nothing_else() {
    let mut shell = Shell::new();
    let text = shell.ok("show ip route | include B>");
    assert!(!text.is_empty() && text.lines().all(|l| l.starts_with("B>")), "{text}");
    assert_eq!(shell.ok("show ip route | count"), "% Unknown action 'count'\n");
    shell.ok("configure terminal");
    shell.ok("bgp as-path access-list P seq 5 permit (1 | 2)");
    assert!(shell.ok("do show running-config | include P seq").contains("(1 | 2)"));
}

#[test]
fn the_view_node_keeps_its_secrets() {
    let mut shell = Shell::new();
    shell.ok("disable");
    assert_eq!(shell.session.prompt(), "edge-a> ");
    assert_eq!(shell.run("show running-config").0, Status::NoMatch);
    assert_eq!(shell.run("configure terminal").0, Status::NoMatch);
    assert_eq!(shell.run("clear bgp *").0, Status::NoMatch);
    shell.ok("show bgp summary");
    let mut out = Vec::new();
    assert_eq!(shell.session.execute("exit", &mut out).unwrap().1, Next::Close);
}

#[test]
fn a_daemon_s_socket_only_knows_its_own() {
    let mut shell = Shell::over(Fake::new(), Some(Daemon::Bgpd));
    assert_eq!(shell.run("show ip route"), (Status::NoDaemon, "zebra is not running\n".into()));
    shell.ok("show bgp summary");
    let text = shell.ok("show running-config");
    assert!(text.contains("router bgp") && !text.contains("interface lan0"));
    // FRR's shell puts the parts together and adds the rest; ours does not.
    assert!(!text.contains("Building") && !text.ends_with("end\n"));
    shell.ok("XROUTER_hello");
    let text = shell.ok("show running-config");
    assert!(text.starts_with("Building") && text.ends_with("end\n"));
    assert_eq!(shell.ok("show logging").matches("Logging configuration for").count(), 1);
}

#[test]
fn a_file_read_over_several_sessions_at_once_loses_nothing() {
    let mut one = Shell::over(Fake::new(), Some(Daemon::Staticd));
    let mut two =
        Shell { session: Session::new(one.fake.clone(), Some(Daemon::Bgpd)), fake: one.fake.clone() };
    for shell in [&mut one, &mut two] {
        shell.ok("enable");
        shell.ok("configure terminal");
        shell.ok("XFRR_start_configuration");
    }
    one.ok("ip route 10.7.0.0/16 blackhole");
    two.ok("router bgp 64496");
    two.ok("neighbor 10.0.0.99 remote-as 7");
    one.ok("XFRR_end_configuration");
    two.ok("XFRR_end_configuration");
    let text = crate::config::render(&one.fake.running_config());
    assert!(text.contains("10.7.0.0/16") && text.contains("neighbor 10.0.0.99 remote-as 7"), "{text}");
}

#[test]
fn help_and_completion_come_from_the_tables() {
    let mut shell = Shell::new();
    assert_eq!(shell.session.help("show bgp ipv4 unicast sum"), "  summary  Overview\n");
    assert_eq!(shell.session.completions("conf"), ["configure"]);
    shell.ok("configure terminal");
    shell.ok("router bgp");
    let help = shell.session.help("neighbor 192.0.2.1 ");
    assert!(
        help.contains("remote-as ") && help.contains("description ") && help.contains("activate"),
        "{help}"
    );
    assert!(shell.session.help("do show ver").starts_with("  version"));
    assert_eq!(shell.session.completions("no neighbor 192.0.2.1 descr"), ["description"]);
    assert!(
        shell.ok("find listen range").contains("bgp listen range <A.B.C.D/M|X:X::X:X/M> peer-group PGNAME")
    );
}

#[test]
fn notations_are_shown_without_names() {
    assert_eq!(plain_notation("a <B$c|(1-5)$n> PEER x"), "a <B|(1-5)> <A.B.C.D|X:X::X:X|WORD> x");
}

/// Lines that are nearly right, and nonsense: whatever they are, there is an answer and the next line works.
#[test]
fn no_line_upsets_a_session() {
    let mut state = 12345u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((state >> 33) as usize) % below.max(1)
    };
    let good = [
        "show bgp ipv4 unicast 1.1.1.0/24 json",
        "show ip route 10.0.0.0/8 longer-prefixes | include B",
        "show bgp ipv4 unicast regexp ^64500_(1|2)",
        "show ip prefix-list OWN seq 5 json",
        "configure terminal",
        "router bgp 64496",
        "neighbor 192.0.2.1 maximum-prefix 5 80 restart 9",
        "address-family ipv6 unicast",
        "network 2001:db8::/32 route-map X",
        "interface lan0",
        "vrrp 10 track bgp neighbor 192.0.2.1 decrement 5",
        "route-map A permit 10",
        "set community 1:1 additive no-export",
        "set extcommunity bandwidth 100",
        "ip route 10.0.0.0 255.0.0.0 Null0 tag 5 20",
        "bgp community-list 10 permit 1:1",
        "no neighbor 192.0.2.1 password x",
        "find ^show",
        "do show vrrp",
        "XFRR_start_configuration",
        "XFRR_end_configuration",
        "XROUTER_help show bgp ",
        "XROUTER_complete no nei",
        "end",
        "exit",
    ];
    let odd = [
        "\u{0}",
        "é",
        "\u{1F600}",
        " ",
        "\t",
        "|",
        "?",
        "(",
        "[",
        "*",
        "99999999999999999999",
        "-",
        "::",
        "/",
        "!",
        "no ",
    ];
    let mut shell = Shell::new();
    for _ in 0..6000 {
        let mut line: Vec<char> = good[random(good.len())].chars().collect();
        for _ in 0..random(4) {
            let at = random(line.len() + 1);
            match random(3) {
                0 if at < line.len() => drop(line.remove(at)),
                1 => line.truncate(at),
                _ => {
                    let insert: Vec<char> = odd[random(odd.len())].chars().collect();
                    line.splice(at..at, insert);
                }
            }
        }
        let line: String = line.into_iter().collect();
        let _ = shell.run(&line);
        let _ = shell.session.help(&line);
        let _ = shell.session.completions(&line);
    }
    for line in ["XFRR_end_configuration", "end", "enable"] {
        shell.run(line);
    }
    shell.ok("show running-config");
}

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A folder of its own for each test.
fn folder() -> PathBuf {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("router-vty-{}-{number}", std::process::id()))
}

struct Running {
    options: ServerOptions,
    _server: Server,
}

fn served(fake: Fake, options: ServerOptions) -> Server {
    let mut server = Server::bind(options).unwrap();
    server.serve(Arc::new(fake)).unwrap();
    server
}

impl Running {
    fn start(fake: Fake, change: impl FnOnce(&mut ServerOptions)) -> Running {
        let mut options = ServerOptions::new(folder());
        change(&mut options);
        let server = served(fake, options.clone());
        Running { options, _server: server }
    }

    fn connect(&self, name: &str) -> UnixStream {
        let stream = UnixStream::connect(self.options.directory.join(name)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.options.directory);
    }
}

/// One request in FRR's protocol.
fn ask(stream: &mut UnixStream, line: &str) -> io::Result<(String, u8)> {
    stream.write_all(line.as_bytes())?;
    stream.write_all(&[0])?;
    answer(stream)
}

fn answer(stream: &mut UnixStream) -> io::Result<(String, u8)> {
    answers(stream, 1).map(|mut all| all.remove(0))
}

/// The answers to so many requests, which may come in one piece.
fn answers(stream: &mut UnixStream, count: usize) -> io::Result<Vec<(String, u8)>> {
    let mut found = Vec::new();
    let mut bytes = Vec::new();
    let mut seen: usize = 0;
    let mut buffer = [0; 8192];
    loop {
        let mark = bytes[seen..].windows(3).position(|w| w == [0; 3]).map(|at| at + seen);
        if let Some((mark, status)) = mark.and_then(|at| Some((at, *bytes.get(at + 3)?))) {
            let rest = bytes.split_off(mark + 4);
            bytes.truncate(mark);
            found.push((String::from_utf8(std::mem::replace(&mut bytes, rest)).unwrap(), status));
            seen = 0;
        } else if found.len() >= count {
            assert!(bytes.is_empty(), "an answer that nobody asked for");
            return Ok(found);
        } else {
            seen = bytes.len().saturating_sub(3);
            let read = stream.read(&mut buffer)?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            bytes.extend_from_slice(&buffer[..read]);
        }
    }
}

#[test]
fn the_server_speaks_the_reference_s_protocol() {
    let running = Running::start(Fake::new(), |_| {});
    for name in ["bgpd.vty", "zebra.vty", "staticd.vty", "vrrpd.vty", "bfdd.vty", SOCKET] {
        let mut stream = running.connect(name);
        assert_eq!(ask(&mut stream, "enable").unwrap(), (String::new(), 0), "{name}");
        assert_eq!(ask(&mut stream, "show foo").unwrap(), ("% Unknown command: show foo\n".into(), 2));
        assert_eq!(ask(&mut stream, "configure terminal").unwrap(), (String::new(), 0));
        assert_eq!(ask(&mut stream, "frr defaults weird").unwrap().1, 13);
        assert_eq!(ask(&mut stream, "end").unwrap(), (String::new(), 0));
    }
    // Several requests at once are answered in order.
    let mut stream = running.connect("zebra.vty");
    stream.write_all(b"enable\0show ip forwarding\0show ipv6 forwarding\0").unwrap();
    let expected = b"\0\0\0\0IP forwarding is on\n\0\0\0\0ipv6 forwarding is on\n\0\0\0\0";
    let mut all = vec![0; expected.len()];
    stream.read_exact(&mut all).unwrap();
    assert_eq!(all, expected);
}

#[test]
fn there_are_only_so_many_clients_and_seats_become_free() {
    let running = Running::start(Fake::new(), |o| o.clients = 2);
    let mut first = running.connect(SOCKET);
    let mut second = running.connect(SOCKET);
    ask(&mut first, "enable").unwrap();
    ask(&mut second, "enable").unwrap();
    let mut third = running.connect(SOCKET);
    assert_eq!(answer(&mut third).unwrap(), ("% Too many clients\n".into(), 1));
    drop(first);
    for _ in 0..200 {
        let mut again = running.connect(SOCKET);
        if ask(&mut again, "enable").is_ok_and(|(text, _)| text.is_empty()) {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("the seat did not become free");
}

#[test]
fn a_client_that_does_not_read_is_let_go() {
    let mut fake = Fake::new();
    fake.flood = Some(1_000_000);
    let running = Running::start(fake, |o| {
        o.clients = 1;
        o.stalled = Duration::from_millis(200);
    });
    let mut stuck = running.connect(SOCKET);
    stuck.write_all(b"enable\0show bgp ipv4 unicast\0").unwrap();
    for _ in 0..500 {
        std::thread::sleep(Duration::from_millis(20));
        let mut other = running.connect(SOCKET);
        if ask(&mut other, "show ip forwarding").is_ok_and(|(text, _)| text.starts_with("IP forwarding")) {
            return;
        }
    }
    panic!("the client was not let go");
}

#[test]
fn a_client_that_does_not_read_keeps_nobody_from_changing_anything() {
    let running = Running::start(Fake::new(), |_| {});
    let mut stuck = running.connect(SOCKET);
    for line in ["XROUTER_hello", "enable", "configure terminal"] {
        ask(&mut stuck, line).unwrap();
    }
    // Refusals come with the line, until nothing fits on the way to the client and back.
    stuck.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let line = format!("bogus {}\0", "x".repeat(60_000));
    while stuck.write_all(line.as_bytes()).is_ok() {}
    let mut other = running.connect(SOCKET);
    for line in ["enable", "configure terminal", "hostname other"] {
        assert_eq!(ask(&mut other, line).unwrap(), (String::new(), 0), "{line}");
    }
}

#[test]
fn a_large_table_goes_out_as_it_is_made() {
    let mut fake = Fake::new();
    fake.flood = Some(20_000);
    let running = Running::start(fake, |_| {});
    let mut stream = running.connect("bgpd.vty");
    let (text, status) = ask(&mut stream, "show bgp ipv4 unicast").unwrap();
    assert_eq!(status, 0);
    assert!(text.ends_with("\nDisplayed 20000 routes and 19 total paths\n"));
    let (text, _) = ask(&mut stream, "show bgp ipv4 unicast json").unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["routes"].as_object().unwrap().len(), 20_000);
}

#[test]
fn a_client_that_wants_no_more_of_a_reply_gets_the_next_one() {
    let mut fake = Fake::new();
    fake.flood = Some(5_000_000);
    let running = Running::start(fake, |_| {});
    let mut stream = running.connect(SOCKET);
    ask(&mut stream, "enable").unwrap();
    stream.write_all(b"show bgp ipv4 unicast\0").unwrap();
    let mut begin = [0; 1000];
    stream.read_exact(&mut begin).unwrap();
    // A request behind it is not lost.
    stream.write_all(&[STOP]).unwrap();
    stream.write_all(b"show ip forwarding\0").unwrap();
    let replies = answers(&mut stream, 2).unwrap();
    assert!(replies[0].1 == Status::Warning as u8 && !replies[0].0.contains("Displayed"), "{}", replies[0].1);
    assert_eq!(replies[1], ("IP forwarding is on\n".into(), 0));
    // Too late, it means nothing.
    stream.write_all(&[STOP]).unwrap();
    assert_eq!(ask(&mut stream, "show ip forwarding").unwrap(), ("IP forwarding is on\n".into(), 0));
}

#[test]
fn overlong_requests_end_the_session() {
    let running = Running::start(Fake::new(), |_| {});
    let mut stream = running.connect(SOCKET);
    let _ = stream.write_all(&vec![b'x'; 200 << 10]);
    let mut rest = Vec::new();
    assert!(matches!(stream.read_to_end(&mut rest), Ok(0) | Err(_)));
}

#[test]
fn a_socket_left_by_a_crash_is_taken_over_and_a_live_one_is_not() {
    let directory = folder();
    std::fs::create_dir_all(&directory).unwrap();
    drop(std::os::unix::net::UnixListener::bind(directory.join(SOCKET)).unwrap());
    let server = served(Fake::new(), ServerOptions::new(&directory));
    let second = Server::bind(ServerOptions::new(&directory));
    assert_eq!(second.unwrap_err().kind(), io::ErrorKind::AddrInUse);
    drop(server);
    assert!(!directory.join(SOCKET).exists());
    let _ = std::fs::remove_dir_all(&directory);
}

#[test]
fn a_file_that_does_not_end_takes_no_effect_at_all() {
    let mut shell = Shell::new();
    shell.ok("XFRR_start_configuration");
    shell.ok("hostname other");
    shell.ok("interface lan0");
    let line = format!("description {}", "x".repeat(8 << 20));
    let taken = (0..100).take_while(|_| shell.run(&line).0 == Status::Success).count();
    assert!((16..20).contains(&taken), "{taken}");
    let (status, text) = shell.run("XFRR_end_configuration");
    assert_eq!(status, Status::ConfigFailed);
    assert!(text.contains("too many lines"), "{text}");
    assert_eq!(shell.session.prompt(), "edge-a# ");
    assert_eq!(*shell.fake.applied.lock().unwrap(), 0);
    // The next one is another.
    shell.ok("XFRR_start_configuration");
    shell.ok("hostname other");
    shell.ok("XFRR_end_configuration");
    assert_eq!(*shell.fake.applied.lock().unwrap(), 1);
}

#[test]
fn who_connects_before_there_is_a_configuration_waits_for_it() {
    let options = ServerOptions::new(folder());
    let mut server = Server::bind(options.clone()).unwrap();
    let mut early = UnixStream::connect(options.directory.join(SOCKET)).unwrap();
    early.write_all(b"show ip forwarding\0").unwrap();
    early.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    assert_eq!(early.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    // The sockets are taken already.
    assert_eq!(Server::bind(options.clone()).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    server.serve(Arc::new(Fake::new())).unwrap();
    early.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    assert_eq!(answer(&mut early).unwrap(), ("IP forwarding is on\n".into(), 0));
    drop(server);
    let _ = std::fs::remove_dir_all(&options.directory);
}

/// The shell program against the server.
mod program {
    use super::*;
    use crate::cli::vtysh::testing::{Program, dry_run, mark};

    fn shell(running: &Running, args: &[&str], input: &str) -> Program {
        let directory = running.options.directory.to_string_lossy().into_owned();
        let mut all = vec!["--vty_socket", &directory];
        all.extend_from_slice(args);
        Program::run(&all, input)
    }

    #[test]
    fn commands_stop_at_the_first_failure() {
        let running = Running::start(Fake::new(), |_| {});
        let p = shell(&running, &["-c", "show ip forwarding", "-c", "show ipv6 forwarding"], "");
        assert_eq!((p.status, p.out.as_str()), (0, "IP forwarding is on\nipv6 forwarding is on\n"));
        let p = shell(&running, &["-c", "show ip forwarding\nshow ipv6 forwarding"], "");
        assert_eq!(p.out.lines().count(), 2);
        let p = shell(&running, &["-c", "conf t", "-c", "bogus", "-c", "do show ip forwarding"], "");
        assert_eq!((p.status, p.out.as_str()), (1, "% Unknown command: bogus\n"));
        let p = shell(&running, &["-d", "bgpd", "-c", "show ip route"], "");
        assert_eq!((p.status, p.out.as_str()), (1, "zebra is not running\n"));
        let p = shell(&running, &["-u", "-c", "show running-config"], "");
        assert_eq!(p.status, 1);
        let p = shell(&running, &["-w"], "");
        assert_eq!(
            p.out,
            "Building Configuration...\nIntegrated configuration saved to /etc/frr/frr.conf\n[OK]\n"
        );
    }

    #[test]
    fn echo_shows_prompts() {
        let running = Running::start(Fake::new(), |_| {});
        let p = shell(
            &running,
            &["-E", "-c", "show ip forwarding", "-c", "conf t", "-c", "route-map Z permit 10"],
            "",
        );
        let expected = "edge-a# show ip forwarding\nIP forwarding is on\nedge-a# conf t\nedge-a(config)# route-map Z permit 10\n";
        assert_eq!((p.status, p.out.as_str()), (0, expected));
    }

    #[test]
    fn lines_from_a_pipe_are_shown_with_prompts_and_answers() {
        let running = Running::start(Fake::new(), |_| {});
        let input = "conf t\nhostname foo\ndo show ip forwarding\nexit\nshow bgp ipv4 unicast sum?\nexit\nnot reached\n";
        let p = shell(&running, &[], input);
        let (_, rest) = p.out.split_once("\n\n").unwrap();
        assert!(rest.starts_with(
            "edge-a# conf t\nedge-a(config)# hostname foo\nfoo(config)# do show ip forwarding\nIP forwarding is on\nfoo(config)# exit\nfoo# show bgp ipv4 unicast sum\n  summary  Overview\nfoo# show bgp ipv4 unicast sum\nBGP router identifier"
        ), "{rest}");
        assert!(rest.ends_with("foo# exit\n"), "{rest}");
    }

    #[test]
    fn nobody_listening_is_told() {
        let directory = folder();
        let p = Program::run(&["--vty_socket", &directory.to_string_lossy(), "-c", "show version"], "");
        assert_eq!((p.status, p.err.as_str()), (1, "Exiting: failed to connect to any daemons.\n"));
        let p = Program::run(&["-d", "nope", "-c", "x"], "");
        assert!(p.err.starts_with("Error: no daemons match name nope!\n") && p.status == 1);
    }

    #[test]
    fn files_are_loaded_past_their_mistakes() {
        let running = Running::start(Fake::new(), |_| {});
        let file = running.options.directory.join("x.conf");
        std::fs::write(
            &file,
            "interface n1\n description one\n bogus\nip route 10.9.0.0/16 Null0\nshow ip forwarding\n",
        )
        .unwrap();
        let p = shell(&running, &["-f", &file.to_string_lossy()], "");
        assert_eq!(p.status, 2);
        assert_eq!(p.out, "IP forwarding is on\n");
        assert!(p.err.starts_with("line 3: % Unknown command[21]:  bogus\n"), "{}", p.err);
        assert!(p.err.contains("processing failure: 2"));
        let p = shell(&running, &["-c", "show running-config"], "");
        assert!(p.out.contains(" description one\n") && p.out.contains("ip route 10.9.0.0/16 Null0"));
    }

    #[test]
    fn files_are_checked_and_marked_without_a_router() {
        let directory = folder();
        std::fs::create_dir_all(&directory).unwrap();
        let file = directory.join("x.conf");
        let text = "interface lan0\n ip address 10.10.0.2/24\nrouter bgp 65001\n address-family ipv4\n  network 10.0.0.0/8\n neighbor bogus thing\nroute-map X permit 5\n";
        std::fs::write(&file, text).unwrap();
        let p = dry_run(&file);
        assert_eq!(p.status, 2);
        assert!(p.err.starts_with("line 6: % Unknown command["), "{}", p.err);
        let p = mark(&file);
        assert_eq!(
            p.out,
            "interface lan0\n ip address 10.10.0.2/24\nexit\nrouter bgp 65001\n address-family ipv4\n  network 10.0.0.0/8\nexit-address-family\nexit\nroute-map X permit 5\n"
        );
        assert_eq!(p.status, 2);
        let piped = Program::run(&["-m", "-f", "-"], text);
        assert_eq!((piped.status, piped.out), (p.status, p.out));
        let _ = std::fs::remove_dir_all(&directory);
    }
}
