//! keepalived and FRR's vrrpd beside ours, in both roles.

use router_tests::peers::{Frr, Keepalived, Router};

use crate::scene::{FOREIGN, INTERVAL, Scene, at_most, config, is, none_lost, silent, until};

/// Both families at the usual interval, on virtual devices or with the interface's own MAC.
pub fn keepalived_config(priority: u8, vmac: bool) -> String {
    let seconds = INTERVAL as f64 / 1000.0;
    let instance = |name: &str, addresses: &str| {
        let device = if vmac { format!(" use_vmac {name}\n") } else { String::new() };
        format!(
            "vrrp_instance {name} {{\n interface eth-lan\n{device} virtual_router_id 10\n priority {priority}\n \
             advert_int {seconds}\n state BACKUP\n virtual_ipaddress {{\n{addresses} }}\n}}\n"
        )
    };
    let [four, six] = if vmac { ["/27", "/64"] } else { ["/32", "/128"] };
    format!(
        "global_defs {{\n vrrp_version 3\n}}\n{}{}",
        instance("vmac4", &format!("  203.0.113.1{four}\n")),
        instance("vmac6", &format!("  fe80::1{six}\n  2001:db8:20::1{six}\n"))
    )
}

#[test]
fn keepalived_takes_over_from_us_and_gives_back() {
    let scene = Scene::new();
    let mut one = Router::start(&scene.nodes[0], &config(200, INTERVAL));
    scene.prepare(1);
    let mut two = Keepalived::start(&scene.nodes[1], &keepalived_config(150, true));
    until("us to be the gateway", || is(&one, "Master") && scene.leads_to(0));
    until("keepalived to be the backup", || two.log().contains("Entering BACKUP STATE"));
    let mut probe = scene.probe();
    probe.begin();
    assert!(one.stop().success());
    none_lost(&probe.settle("we stop, keepalived takes over", || scene.leads_to(1)));
    probe.begin();
    let mut one = Router::again(&scene.nodes[0]);
    none_lost(&probe.settle("we return, keepalived gives back", || is(&one, "Master") && scene.leads_to(0)));
    none_lost(&probe.during("we are killed, keepalived takes over", || one.kill(), || scene.leads_to(1)));
    probe.begin();
    let one = Router::again(&scene.nodes[0]);
    none_lost(&probe.settle("we return over what we left", || is(&one, "Master") && scene.leads_to(0)));
    let losses =
        probe.during("our links cut, keepalived takes over", || scene.plug(0, false), || scene.leads_to(1));
    at_most(&losses, silent(INTERVAL, 150) + FOREIGN);
    two.stop();
}

#[test]
fn we_take_over_from_keepalived_and_give_back() {
    let scene = Scene::new();
    scene.prepare(0);
    let mut one = Keepalived::start(&scene.nodes[0], &keepalived_config(200, true));
    let two = Router::start(&scene.nodes[1], &config(150, INTERVAL));
    until("keepalived to be the gateway", || is(&two, "Backup") && scene.leads_to(0));
    let mut probe = scene.probe();
    let losses = probe.during(
        "keepalived stops, we take over",
        || one.stop(),
        || is(&two, "Master") && scene.leads_to(1),
    );
    none_lost(&losses);
    probe.begin();
    let _one = Keepalived::start(&scene.nodes[0], &keepalived_config(200, true));
    let losses = probe.settle("keepalived returns, we give back", || is(&two, "Backup") && scene.leads_to(0));
    none_lost(&losses);
    let losses = probe.during(
        "keepalived's links cut, we take over",
        || scene.plug(0, false),
        || is(&two, "Master") && scene.leads_to(1),
    );
    at_most(&losses, silent(INTERVAL, 150) + FOREIGN);
}

/// FRR wants its virtual devices made by hand, with the addresses on them.
fn frr(scene: &Scene, router: usize, priority: u8) -> Frr {
    let node = &scene.nodes[router];
    for (device, mac, addresses) in [
        ("vrrp4", "00:00:5e:00:01:0a", &["203.0.113.1/32"][..]),
        ("vrrp6", "00:00:5e:00:02:0a", &["fe80::1/64", "2001:db8:20::1/128"][..]),
    ] {
        if node.run("ip", &["link", "show", device]).is_err() {
            node.ip(&format!("link add {device} link eth-lan type macvlan mode bridge"));
            node.ip(&format!("link set {device} address {mac} addrgenmode none"));
            node.address(device, addresses);
            node.ip(&format!("link set {device} up"));
        }
    }
    let config = format!(
        "interface eth-lan\n vrrp 10 version 3\n vrrp 10 priority {priority}\n \
         vrrp 10 advertisement-interval {INTERVAL}\n vrrp 10 ip 203.0.113.1\n vrrp 10 ipv6 fe80::1\n \
         vrrp 10 ipv6 2001:db8:20::1\nexit\n"
    );
    Frr::with(node, &config, &["zebra", "vrrpd"])
}

fn frr_is(frr: &Frr, state: &str) -> bool {
    let groups = frr.json("show vrrp json");
    ["v4", "v6"].iter().all(|f| groups[0][f]["status"] == state)
}

#[test]
fn vrrpd_of_frr_takes_over_from_us_and_gives_back() {
    let scene = Scene::new();
    let mut one = Router::start(&scene.nodes[0], &config(200, INTERVAL));
    scene.prepare(1);
    let two = frr(&scene, 1, 150);
    until("us to be the gateway", || is(&one, "Master") && frr_is(&two, "Backup") && scene.leads_to(0));
    let mut probe = scene.probe();
    probe.begin();
    assert!(one.stop().success());
    none_lost(&probe.settle("we stop, FRR takes over", || frr_is(&two, "Master") && scene.leads_to(1)));
    probe.begin();
    let mut one = Router::again(&scene.nodes[0]);
    let back = |one: &Router| is(one, "Master") && frr_is(&two, "Backup") && scene.leads_to(0);
    none_lost(&probe.settle("we return, FRR gives back", || back(&one)));
    let over = || frr_is(&two, "Master") && scene.leads_to(1);
    none_lost(&probe.during("we are killed, FRR takes over", || one.kill(), over));
    probe.begin();
    let one = Router::again(&scene.nodes[0]);
    none_lost(&probe.settle("we return over what we left", || back(&one)));
    let losses = probe.during("our links cut, FRR takes over", || scene.plug(0, false), || scene.leads_to(1));
    at_most(&losses, silent(INTERVAL, 150) + FOREIGN);
}

#[test]
fn we_take_over_from_vrrpd_of_frr_and_give_back() {
    let scene = Scene::new();
    scene.prepare(0);
    let one = frr(&scene, 0, 200);
    let two = Router::start(&scene.nodes[1], &config(150, INTERVAL));
    until("FRR to be the gateway", || is(&two, "Backup") && frr_is(&one, "Master") && scene.leads_to(0));
    let mut probe = scene.probe();
    let losses = probe.during(
        "FRR's links cut, we take over",
        || scene.plug(0, false),
        || is(&two, "Master") && scene.leads_to(1),
    );
    at_most(&losses, silent(INTERVAL, 150) + FOREIGN);
    let losses = probe.during(
        "FRR returns, we give back",
        || scene.plug(0, true),
        || is(&two, "Backup") && scene.leads_to(0),
    );
    at_most(&losses, silent(INTERVAL, 150) + FOREIGN);
    let losses = probe.during(
        "FRR stops, we take over",
        || one.signal("vrrpd", "TERM"),
        || is(&two, "Master") && scene.leads_to(1),
    );
    none_lost(&losses);
}
