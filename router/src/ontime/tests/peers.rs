//! With keepalived and FRR in both roles. Skipped where they are not installed.

use std::path::{Path, PathBuf};

use super::*;

/// Another implementation in a namespace; killed when dropped.
struct Peer {
    children: Vec<Child>,
    folder: PathBuf,
}

impl Drop for Peer {
    fn drop(&mut self) {
        for child in &mut self.children {
            // The child is keepalived's parent process; its own child ends with it.
            let _ = Command::new("kill").arg(child.id().to_string()).status();
            let _ = child.wait();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("vrrpt-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn run(space: &str, program: &str, arguments: &[&str], log: &Path) -> Child {
    let log = std::fs::File::create(log).unwrap();
    Command::new("ip")
        .args(["netns", "exec", space, program])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

fn keepalived(space: &str, priority: u8) -> Peer {
    let folder = folder("keepalived");
    let instance = |name: &str, family: &str, device: &str, addresses: &str| {
        format!(
            "vrrp_instance {name} {{\n interface lan\n state BACKUP\n {family}\n virtual_router_id 77\n \
             priority {priority}\n advert_int 0.1\n use_vmac {device}\n virtual_ipaddress {{\n {addresses}\n }}\n}}\n"
        )
    };
    let text = format!(
        "global_defs {{\n vrrp_version 3\n vrrp_garp_master_delay 1\n}}\n{}{}",
        instance("four", "", "kv4", "10.77.1.254/32"),
        instance("six", "native_ipv6", "kv6", "fe80::254/64\n fd77:1::254/64"),
    );
    let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
    std::fs::write(path("conf"), text).unwrap();
    let (conf, pid, pid2) = (path("conf"), path("pid"), path("pid2"));
    let arguments = ["-n", "-l", "-D", "-P", "-f", &conf, "-p", &pid, "-r", &pid2];
    let child = run(space, "/usr/sbin/keepalived", &arguments, &folder.join("log"));
    Peer { children: vec![child], folder }
}

fn frr(space: &str, priority: u8) -> Peer {
    let folder = folder("frr");
    for (device, mac, addresses) in [
        ("fv4", "00:00:5e:00:01:4d", vec!["10.77.1.254/32"]),
        ("fv6", "00:00:5e:00:02:4d", vec!["fe80::254/64", "fd77:1::254/128"]),
    ] {
        if !try_ip(&format!("-n {space} link add {device} link lan address {mac} type macvlan mode bridge")) {
            continue;
        }
        let generate = if device == "fv6" { "random" } else { "none" };
        try_ip(&format!("-n {space} link set {device} addrgenmode {generate}"));
        ip(&format!("-n {space} link set {device} up"));
        std::thread::sleep(Duration::from_millis(300));
        for address in addresses {
            let nodad = if address.contains(':') { "nodad" } else { "" };
            ip(&format!("-n {space} addr add {address} dev {device} {nodad}"));
        }
    }
    let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let text = format!(
        "interface lan\n vrrp 77 version 3\n vrrp 77 priority {priority}\n \
         vrrp 77 advertisement-interval 100\n vrrp 77 ip 10.77.1.254\n vrrp 77 ipv6 fe80::254\n \
         vrrp 77 ipv6 fd77:1::254\n"
    );
    std::fs::write(path("conf"), text).unwrap();
    std::fs::write(path("zconf"), "").unwrap();
    let owned = Command::new("chown").arg("-R").arg("frr:frr").arg(&folder).status().unwrap();
    assert!(owned.success());
    let mut children = Vec::new();
    for (program, conf) in [("zebra", path("zconf")), ("vrrpd", path("conf"))] {
        let (pid, socket, vty) = (path(&format!("{program}.pid")), path("zserv"), path(""));
        let arguments = ["-i", &pid, "-z", &socket, "--vty_socket", &vty, "-f", &conf];
        let log = folder.join(format!("{program}.log"));
        children.push(run(space, &format!("/usr/lib/frr/{program}"), &arguments, &log));
        std::thread::sleep(Duration::from_millis(700));
    }
    assert!(children.iter_mut().all(|child| matches!(child.try_wait(), Ok(None))), "FRR has ended");
    Peer { children, folder }
}

fn missing(program: &str) -> bool {
    let missing = !Path::new(program).exists();
    if missing {
        println!("skipped: no {program}");
    }
    missing
}

fn lost(counts: [Count; 2]) -> u64 {
    counts.iter().map(|count| count.lost).sum()
}

/// Ours Active, the other one its backup.
fn ours_leads(name: &str, peer: fn(&str, u8) -> Peer) {
    let Some(_net) = Net::new() else { return };
    let r1 = Router::start("vrrpt-r1", 200, 10);
    r1.until(State::Active);
    let _peer = peer("vrrpt-r2", 150);
    std::thread::sleep(Duration::from_secs(3));
    let mut ours = Some(r1);
    let mut results = Vec::new();
    let mut note = |what: &str, counts: [Count; 2]| {
        println!("{name}, ours leads, {what}: {counts:?}");
        results.push(lost(counts));
    };
    note(
        "stop",
        probe(Duration::from_secs(3), || {
            ours.take().map(Router::stop);
        }),
    );
    note("return", probe(Duration::from_secs(4), || ours = Some(Router::start("vrrpt-r1", 200, 10))));
    ours.as_ref().unwrap().until(State::Active);
    note("kill", probe(Duration::from_secs(3), || ours.take().unwrap().kill()));
    note(
        "return after kill",
        probe(Duration::from_secs(4), || ours = Some(Router::start("vrrpt-r1", 200, 10))),
    );
    ours.as_ref().unwrap().until(State::Active);
    let silent = probe(Duration::from_secs(3), || ip("-n vrrpt-sw link set r1lan nomaster"));
    println!("{name}, ours leads, silent: {silent:?}");
    assert_eq!(results, [0, 0, 0, 0]);
}

/// The other one Active, ours its backup.
fn ours_follows(name: &str, peer: fn(&str, u8) -> Peer) {
    let Some(_net) = Net::new() else { return };
    let mut other = Some(peer("vrrpt-r1", 200));
    std::thread::sleep(Duration::from_secs(3));
    let r2 = Router::start("vrrpt-r2", 150, 10);
    r2.until(State::Backup);
    let stop = probe(Duration::from_secs(3), || drop(other.take()));
    println!("{name}, ours follows, stop: {stop:?}");
    r2.until(State::Active);
    let back = probe(Duration::from_secs(6), || other = Some(peer("vrrpt-r1", 200)));
    println!("{name}, ours follows, return: {back:?}");
    r2.until(State::Backup);
    let silent = probe(Duration::from_secs(3), || ip("-n vrrpt-sw link set r1lan nomaster"));
    println!("{name}, ours follows, silent: {silent:?}");
    r2.until(State::Active);
    assert!(silent.iter().all(|count| count.gap <= 341 + 60), "{silent:?}");
}

#[test]
fn keepalived_follows() {
    let _one = lock();
    if !missing("/usr/sbin/keepalived") {
        ours_leads("keepalived", keepalived);
    }
}

#[test]
fn keepalived_leads() {
    let _one = lock();
    if !missing("/usr/sbin/keepalived") {
        ours_follows("keepalived", keepalived);
    }
}

#[test]
fn frr_follows() {
    let _one = lock();
    if !missing("/usr/lib/frr/vrrpd") {
        ours_leads("FRR", frr);
    }
}

#[test]
fn frr_leads() {
    let _one = lock();
    if !missing("/usr/lib/frr/vrrpd") {
        ours_follows("FRR", frr);
    }
}
