//! The gateway as a client sees it: a packet every millisecond, IPv4 and IPv6, while routers come and go. The
//! routers are processes of ours, and keepalived and FRR's vrrpd beside ours in both roles.

mod own_mac;
mod peers;
mod scene;

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use router_tests::peers::Router;
use router_tests::process::Process;

use scene::{MARGIN, Scene, at_most, config, is, none_lost, silent, until};

/// Two routers of ours with this interval: the better one stops in order, is killed, and dies silently so many
/// times, and returns each time.
fn stories(interval: u64, deaths: usize) {
    let scene = Scene::new();
    let mut one = Router::start(&scene.nodes[0], &config(200, interval));
    let two = Router::start(&scene.nodes[1], &config(150, interval));
    let back = |one: &Router| is(one, "Master") && is(&two, "Backup") && scene.leads_to(0);
    until("the better router to be the gateway", || back(&one));
    let mut probe = scene.probe();

    probe.begin();
    assert!(one.stop().success());
    none_lost(&probe.settle("stopped by SIGTERM", || is(&two, "Master") && scene.leads_to(1)));
    probe.begin();
    one = Router::again(&scene.nodes[0]);
    none_lost(&probe.settle("the better router returns", || back(&one)));

    none_lost(&probe.during("the daemon alone killed", || one.kill(), || is(&two, "Master")));
    probe.begin();
    one = Router::again(&scene.nodes[0]);
    none_lost(&probe.settle("its return over what it left", || back(&one)));

    probe.begin();
    one.kill();
    one = Router::again(&scene.nodes[0]);
    none_lost(&probe.settle("killed and started again at once", || back(&one)));

    for _ in 0..deaths {
        let before = two.withheld();
        let losses = probe.during(
            "both links of the gateway cut",
            || scene.plug(0, false),
            || is(&two, "Master") && scene.leads_to(1),
        );
        // On a busy machine the successor waits for a processor; the kernel says how long.
        let withheld = two.withheld() - before;
        let bound = silent(interval, 150) + MARGIN + withheld;
        println!(
            "at most {} us, of these {} us withheld by the machine",
            bound.as_micros(),
            withheld.as_micros()
        );
        at_most(&losses, bound);
        none_lost(&probe.during("both links whole again", || scene.plug(0, true), || back(&one)));
    }
}

#[test]
fn at_one_second_nothing_is_lost_in_order_and_a_silent_death_costs_three_intervals_and_the_skew() {
    stories(1000, 1);
}

#[test]
fn at_a_hundred_milliseconds_nothing_is_lost_in_order_and_a_silent_death_costs_three_intervals_and_the_skew()
{
    stories(100, 3);
}

#[test]
fn at_ten_milliseconds_nothing_is_lost_in_order_and_a_silent_death_costs_three_intervals_and_the_skew() {
    stories(10, 5);
}

#[test]
fn an_interface_that_appears_later_is_served_and_a_dead_one_left() {
    let scene = Scene::new();
    let node = &scene.nodes[0];
    node.ip("link set eth-lan down");
    node.ip("link set eth-lan name hidden");
    let router = Router::start(node, &config(200, 100));
    until("to wait for the interface", || is(&router, "Initialize"));
    node.ip("link set hidden name eth-lan");
    node.ip("link set eth-lan up");
    until("to be the gateway on it", || is(&router, "Master"));
    let addresses = node.ip("addr");
    assert!(["203.0.113.1/32", "fe80::1/128"].iter().all(|a| addresses.contains(a)), "{addresses}");
    scene.switches[1].ip("link set port0 down");
    until("to leave the dead interface", || is(&router, "Initialize"));
    scene.switches[1].ip("link set port0 up");
    until("to be the gateway again", || is(&router, "Master"));
}

#[test]
fn a_gateway_whose_log_nobody_reads_does_its_work() {
    let scene = Scene::new();
    let node = &scene.nodes[0];
    let pipe = node.file("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    let options = std::fs::File::options()
        .read(true)
        .write(true)
        .custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits())
        .open(&pipe);
    let mut pipe = options.expect("both ends of the pipe");
    while pipe.write(&[b'.'; 512]).is_ok() {}
    let mut router = Router::with_output(node, &config(200, 100), "pipe");
    until("to be the gateway", || is(&router, "Master") && scene.leads_to(0));
    assert!(router.stop().success());
}

#[test]
fn at_ten_milliseconds_on_a_busy_machine_roles_may_move_but_nothing_is_lost() {
    const LOOPS: usize = 4;
    let scene = Scene::new();
    let one = Router::start(&scene.nodes[0], &config(200, 10));
    let two = Router::start(&scene.nodes[1], &config(150, 10));
    let back = || is(&one, "Master") && is(&two, "Backup") && scene.leads_to(0);
    until("the better router to be the gateway", back);
    let mut probe = scene.probe();
    let spin = |n| {
        let log = scene.nodes[0].file(&format!("loop{n}.log"));
        Process::start(scene.nodes[0].name(), Path::new("/bin/sh"), &["-c", "while :; do :; done"], log)
    };
    probe.begin();
    let loops: Vec<Process> = (0..LOOPS).map(spin).collect();
    let before = [one.withheld(), two.withheld()];
    std::thread::sleep(Duration::from_secs(8));
    let withheld = [one.withheld() - before[0], two.withheld() - before[1]];
    assert!(withheld[0] > Duration::from_millis(5), "the machine was not busy: {withheld:?}");
    drop(loops);
    println!("withheld by the machine: {withheld:?}");
    none_lost(&probe.settle("busy for 8 s", back));
    let changes = two.log().matches("VRRP state changed").count();
    println!("the backup changed its state {} times", changes);
}
