//! FRR's own doors: programs of Debian's FRR that know nothing of us, at the sockets that we have in the place of its
//! daemons. A configuration session through its `vtysh`, `frr-reload.py`, and the Prometheus exporter. Beside them what
//! our own shell has of its own: candidates, and its manners at a terminal.

mod candidate;
mod scene;
mod terminal;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use router_tests::peers::router_binary;
use router_tests::process::Process;
use router_tests::wait::{PATIENCE, wait_for, wait_ok};

use scene::{Scene, config};

/// A configuration without order among its blocks, which FRR's versions print in different orders: the lines that are
/// alone, and each block as a whole.
fn blocks(text: &str) -> BTreeSet<String> {
    let mut blocks = BTreeSet::new();
    let mut block = String::new();
    for line in text.lines().map(str::trim_end) {
        let skipped = ["!", "end", "exit", "Building configuration...", "Current configuration:", ""];
        if skipped.contains(&line) || line.trim() == "!" {
            continue;
        }
        if !line.starts_with(' ') {
            blocks.insert(std::mem::take(&mut block));
        }
        block += line;
        block.push('\n');
    }
    blocks.insert(block);
    blocks.remove("");
    blocks
}

/// A person's session: everything that one changes in an evening.
const SESSION: &[&str] = &[
    "configure terminal",
    "ip prefix-list OURS seq 15 permit 203.0.112.0/24",
    "no ip prefix-list OURS seq 10",
    "ip route 203.0.112.0/24 blackhole",
    "no ip route 198.51.100.0/24 blackhole",
    "route-map OUT permit 10",
    "no set community",
    "set large-community 65001:1:1 additive",
    "exit",
    "route-map IN deny 5",
    "match ip address prefix-list OURS",
    "route-map IN permit 10",
    "set local-preference 200",
    "exit",
    "interface eth0",
    "no description",
    "vrrp 10 priority 150",
    "exit",
    "router bgp 65001",
    "neighbor 10.0.0.2 description another provider",
    "neighbor 10.0.0.77 remote-as 65077",
    "neighbor GROUP peer-group",
    "neighbor GROUP remote-as internal",
    "no neighbor 10.0.0.9",
    "address-family ipv4 unicast",
    "no network 198.51.100.0/24",
    "network 203.0.112.0/24",
    "neighbor 10.0.0.2 route-map IN in",
    "neighbor GROUP next-hop-self",
    "exit-address-family",
    "exit",
    "bgp as-path access-list PATH seq 5 permit ^65002_",
    "bgp community-list standard LIST seq 5 permit 65001:1",
    "do show running-config",
    "end",
];

#[test]
fn a_configuration_session_through_frr_s_shell() {
    let scene = Scene::start();
    let before = scene.running();
    let sessions = scene.sessions();
    let printed = scene.router.frr_vtysh(&SESSION.join("\n")).expect("FRR's shell");
    let theirs = scene.running();
    // What it merges of our parts is what we have as a whole.
    assert_eq!(blocks(&printed), blocks(&theirs), "in the session");
    let merged = scene.router.frr_vtysh("show running-config").expect("FRR's shell");
    assert_eq!(blocks(&merged), blocks(&theirs));
    assert!(theirs.contains("description another provider") && !theirs.contains("10.0.0.9"), "{theirs}");
    wait_for(PATIENCE, "the peer to hear of the change", || {
        let (gone, new) = (scene.peer.route("198.51.100.0/24"), scene.peer.route("203.0.112.0/24"));
        gone.is_empty() && new.contains("65001, 1, 1")
    });

    // It writes the file by itself; started from that file we are the same.
    scene.r.write("etc/frr.conf", "");
    let written = scene.router.frr_vtysh("write").expect("FRR's shell");
    assert!(written.contains("[OK]"), "{written}");
    let file = std::fs::read_to_string(scene.r.file("etc/frr.conf")).expect("the file");
    assert_eq!(blocks(&file), blocks(&theirs), "written");
    scene.load(&file);
    assert_eq!(scene.running(), theirs);
    assert_eq!(scene.sessions(), sessions, "sessions stay up");

    // The same lines through our own shell have the same effect.
    scene.load(&before);
    assert_eq!(scene.running(), before);
    scene.router.vtysh(&SESSION.join("\n")).expect("our shell");
    assert_eq!(scene.running(), theirs);
    assert_eq!(scene.sessions(), sessions, "sessions stay up");
}

#[test]
fn a_file_through_frr_s_shell() {
    let scene = Scene::start();
    let file = scene.r.write("more.conf", "ip route 203.0.112.0/24 blackhole\nrouter bgp 65001\n neighbor 10.0.0.2 description by file\n address-family ipv4\n  network 203.0.112.0/24\nroute-map OUT permit 30\n match ip address prefix-list MORE\nip prefix-list MORE permit 203.0.112.0/24\n");
    let sessions = scene.sessions();
    let (sockets, etc) = (scene.r.file("run"), scene.r.folder("etc"));
    let args =
        ["--vty_socket", sockets.to_str().expect("a path"), "--config_dir", etc.to_str().expect("a path")];
    let out = scene.run("/usr/bin/vtysh", &[&args[..], &["-f", file.to_str().expect("a path")]].concat());
    assert!(out.status.success(), "{out:?}");
    let running = scene.running();
    for line in [
        "ip route 203.0.112.0/24 blackhole",
        " neighbor 10.0.0.2 description by file",
        "  network 203.0.112.0/24",
        "route-map OUT permit 30",
        "ip prefix-list MORE seq 5 permit 203.0.112.0/24",
    ] {
        assert!(running.lines().any(|l| l == line), "no '{line}' in:\n{running}");
    }
    assert_eq!(scene.sessions(), sessions);
}

/// What changes between the configuration and the file that `frr-reload.py` is given.
const CHANGES: &[(&str, &str)] = &[
    (" neighbor 10.0.0.2 description the provider\n", " neighbor 10.0.0.2 description by reload\n"),
    (
        "ip prefix-list OURS seq 10 permit 198.51.100.0/24\n",
        "ip prefix-list OURS seq 15 permit 203.0.112.0/24\n",
    ),
    ("ip route 198.51.100.0/24 blackhole\n", "ip route 203.0.112.0/24 blackhole\n"),
    ("  network 198.51.100.0/24\n", "  network 203.0.112.0/24\n"),
    (" description the segment\n", " description the other segment\n"),
    (" set community 65001:1 additive\n", " set community 65001:2 additive\n"),
    (
        " neighbor 10.0.0.9 remote-as 65009\n neighbor 10.0.0.9 shutdown\n",
        " neighbor 10.0.0.8 remote-as 65008\n neighbor 10.0.0.8 shutdown\n",
    ),
];

/// The file of the reload.
fn changed() -> String {
    CHANGES.iter().fold(config(), |text, (old, new)| {
        assert!(text.contains(old), "no '{old}' in the configuration");
        text.replace(old, new)
    })
}

/// `frr-reload.py` with the shell from the folder `bin`.
fn reloads(bin: fn(&Scene) -> PathBuf) {
    let scene = Scene::start();
    let bin = bin(&scene);
    let sessions = scene.sessions();
    let (etc, run) = (scene.r.folder("etc"), scene.r.file("run"));
    let file = scene.r.write("etc/new.conf", &changed());
    let log = scene.r.file("reload.log");
    let text = |p: &PathBuf| p.to_string_lossy().into_owned();
    let (bin, etc, run, file, log) = (text(&bin), text(&etc), text(&run), text(&file), text(&log));
    let reload = |how: &str| {
        let program = "/usr/lib/frr/frr-reload.py";
        let folders = ["--bindir", &bin, "--confdir", &etc, "--vty_socket", &run, "--rundir", &etc];
        let out =
            scene.run("/usr/bin/python3", &[&[program, how][..], &folders, &["--stdout", &file]].concat());
        let printed =
            format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert!(
            out.status.success(),
            "{how}: {printed}\n{}",
            std::fs::read_to_string(&log).unwrap_or_default()
        );
        printed
    };
    let before = scene.running();
    let told = reload("--test");
    assert_eq!(scene.running(), before, "a test changes nothing");
    for (_, new) in CHANGES {
        for line in new.lines() {
            assert!(told.lines().any(|l| l.trim() == line.trim()), "no '{line}' among what is told:\n{told}");
        }
    }
    // Nothing but the difference.
    for line in ["neighbor 2001:db8::2", "route-map ALL", "vrrp 10", "OURS6", "bgp router-id"] {
        assert!(!told.contains(line), "'{line}' has not changed:\n{told}");
    }
    scene.r.write("etc/frr.conf", "");
    reload("--reload");
    let running = scene.running();
    for (old, new) in CHANGES {
        for line in new.lines() {
            assert!(running.lines().any(|l| l == line), "no '{line}' in force:\n{running}");
        }
        for line in old.lines() {
            assert!(!running.lines().any(|l| l == line), "'{line}' is still in force:\n{running}");
        }
    }
    assert_eq!(scene.sessions(), sessions, "sessions stay up");
    wait_for(PATIENCE, "the peer to hear of the change", || {
        let (gone, new) = (scene.peer.route("198.51.100.0/24"), scene.peer.route("203.0.112.0/24"));
        gone.is_empty() && new.contains("(65001,2)")
    });
    // Nothing is left to do, and our own reading of the file is the same.
    let told = reload("--test");
    assert!(!told.contains("Lines To"), "{told}");
    scene.load(&changed());
    assert_eq!(scene.running(), running);
}

#[test]
fn frr_reload_applies_the_difference_alone_through_frr_s_shell() {
    reloads(|_| "/usr/bin".into());
}

#[test]
fn frr_reload_applies_the_difference_alone_through_our_shell() {
    reloads(|scene| {
        let bin = scene.r.folder("bin");
        std::os::unix::fs::symlink(router_binary(), bin.join("vtysh")).expect("a link");
        bin
    });
}

/// Metrics by name and labels in order, clocks and what is about the exporter itself aside.
fn metrics(page: &str) -> BTreeMap<String, f64> {
    let mut found = BTreeMap::new();
    let own = ["frr_scrape", "frr_exporter_build_info"];
    for line in page.lines().filter(|l| l.starts_with("frr_") && !own.iter().any(|o| l.starts_with(o))) {
        let Some((name, value)) = line.rsplit_once(' ') else { continue };
        let (name, labels) = name.split_once('{').unwrap_or((name, ""));
        let mut labels: Vec<&str> =
            labels.trim_end_matches('}').split(',').filter(|l| !l.is_empty()).collect();
        labels.sort_unstable();
        found.insert(format!("{name}{{{}}}", labels.join(",")), value.parse().expect("a number"));
    }
    found
}

#[test]
fn the_exporter_of_debian_tells_what_our_own_metrics_tell() {
    const EXPORTER: &str = "/usr/bin/prometheus-frr-exporter";
    const ADDRESS: &str = "127.0.0.1:9399";
    let scene = Scene::start();
    let run = scene.r.file("run").to_string_lossy().into_owned();
    let shell =
        format!("--frr.vtysh.options=--vty_socket {run} --config_dir {}", scene.r.file("etc").display());
    let args = [
        "--web.listen-address",
        ADDRESS,
        "--frr.socket.dir-path",
        &run,
        "--collector.bgp6",
        "--collector.vrrp",
        "--no-collector.ospf",
        // It asks for BFD through the shell, whatever else is said.
        &shell,
    ];
    let _exporter = Process::start(scene.r.name(), Path::new(EXPORTER), &args, scene.r.file("exporter.log"));
    let page = || router_tests::http::get(&scene.r, ADDRESS, "/metrics");
    wait_ok(PATIENCE, "the exporter to serve", page);
    // Counters move: both pages have to be of the same moment.
    wait_ok(PATIENCE, "the same metrics on both pages", || {
        let ours = || scene.router.get("/metrics").map(|p| metrics(&p));
        let before = ours()?;
        let theirs = metrics(&page()?);
        if before != ours()? {
            return Err("they change".to_owned());
        }
        let differs = |(name, value): &(&String, &f64)| before.get(*name) != Some(*value);
        let wrong: Vec<String> = theirs
            .iter()
            .filter(differs)
            .map(|(name, value)| format!("{name}: {value}, ours {:?}", before.get(name)))
            .collect();
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
    });
}

#[test]
fn links_by_the_names_of_frr_s_daemons_tell_a_version() {
    let lab = router_tests::Lab::new();
    let bin = lab.node("r").folder("bin");
    for daemon in ["zebra", "bgpd", "staticd", "bfdd", "vrrpd", "watchfrr"] {
        let link = bin.join(daemon);
        std::os::unix::fs::symlink(router_binary(), &link).expect("a link");
        let first = |program: &Path| {
            let out = router_tests::netns::output(&program.to_string_lossy(), &["-v"]);
            assert!(out.status.success(), "{daemon}: {out:?}");
            String::from_utf8_lossy(&out.stdout).lines().next().unwrap_or_default().to_owned()
        };
        // The same words, but for the number.
        let (ours, theirs) = (first(&link), first(&Path::new("/usr/lib/frr").join(daemon)));
        let words = |line: &str| line.rsplit_once(' ').map(|(words, _)| words.to_owned());
        assert_eq!(words(&ours), words(&theirs));
        assert!(ours.rsplit(' ').next().is_some_and(|v| v.starts_with("10.")), "{ours}");
        // Nothing starts by that name.
        let out = router_tests::netns::output(&link.to_string_lossy(), &["-d"]);
        assert!(!out.status.success() && !out.stderr.is_empty(), "{out:?}");
    }
}
