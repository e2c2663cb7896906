//! `no vrrp N virtual-mac`: the addresses are on the interface itself and hosts learn its own MAC, as keepalived does
//! it without `use_vmac`.

use router_tests::peers::{Keepalived, Router};

use crate::peers::keepalived_config;
use crate::scene::{FOREIGN, INTERVAL, MARGIN, Scene, at_most, config, is, none_lost, silent, until};

const WITHOUT: &str = "interface eth-lan\n no vrrp 10 virtual-mac\nexit\n";

fn own_mac(priority: u8) -> String {
    config(priority, INTERVAL) + WITHOUT
}

fn holds(scene: &Scene, router: usize) -> bool {
    let addresses = scene.nodes[router].ip("addr show dev eth-lan");
    ["203.0.113.1/32", "fe80::1/128", "2001:db8:20::1/128"].iter().all(|a| addresses.contains(a))
}

fn holds_none(scene: &Scene, router: usize) -> bool {
    let addresses = scene.nodes[router].ip("addr show dev eth-lan");
    ["203.0.113.1/32", "fe80::1/128", "2001:db8:20::1/128"].iter().all(|a| !addresses.contains(a))
}

#[test]
fn two_of_ours_without_a_virtual_mac_lose_nothing_in_order() {
    let scene = Scene::new();
    let mut one = Router::start(&scene.nodes[0], &own_mac(200));
    let two = Router::start(&scene.nodes[1], &own_mac(150));
    let back = |one: &Router| is(one, "Master") && is(&two, "Backup") && scene.learned(0);
    let over = || is(&two, "Master") && scene.learned(1);
    scene.greet();
    until("the better router to be the gateway", || back(&one));
    assert!(holds(&scene, 0) && holds_none(&scene, 1));
    for node in &scene.nodes {
        assert!(
            !node.ip("link").contains("macvlan") && !node.ip("link").contains("vrrp"),
            "no device is made"
        );
    }
    let shown = one.vtysh("show vrrp json").expect("the groups");
    let groups: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(groups[0]["v4"]["interface"], "eth-lan");
    assert_eq!(groups[0]["v4"]["vmac"], scene.mac(0));

    let mut probe = scene.probe();
    probe.begin();
    assert!(one.stop().success());
    none_lost(&probe.settle("stopped by SIGTERM", over));
    until("nothing to be left of the one that stopped", || holds_none(&scene, 0));
    probe.begin();
    one = Router::again(&scene.nodes[0]);
    none_lost(&probe.settle("the better router returns", || back(&one)));
    until("the lesser one to let go", || holds_none(&scene, 1));

    none_lost(&probe.during("the daemon alone killed", || one.kill(), over));
    assert!(holds(&scene, 0), "what it left forwards");
    probe.begin();
    one = Router::again(&scene.nodes[0]);
    none_lost(&probe.settle("its return over what it left", || back(&one)));
    probe.begin();
    one.kill();
    one = Router::again(&scene.nodes[0]);
    none_lost(&probe.settle("killed and started again at once", || back(&one)));

    let before = two.withheld();
    let losses = probe.during("both links of the gateway cut", || scene.plug(0, false), over);
    at_most(&losses, silent(INTERVAL, 150) + MARGIN + (two.withheld() - before));
    let losses = probe.during("both links whole again", || scene.plug(0, true), || back(&one));
    none_lost(&losses);
    until("the lesser one to let go again", || holds_none(&scene, 1));
}

#[test]
fn a_group_changes_between_the_virtual_mac_and_its_own_without_loss() {
    let scene = Scene::new();
    let one = Router::start(&scene.nodes[0], &config(200, INTERVAL));
    let two = Router::start(&scene.nodes[1], &config(150, INTERVAL));
    scene.greet();
    until("the better router to be the gateway", || {
        is(&one, "Master") && is(&two, "Backup") && scene.leads_to(0)
    });
    let mut probe = scene.probe();
    for (line, own) in [("no vrrp 10 virtual-mac", true), ("vrrp 10 virtual-mac", false)] {
        for router in [&two, &one] {
            probe.begin();
            router
                .vtysh(&format!("configure terminal\ninterface eth-lan\n{line}\nend"))
                .expect("the line is taken");
            let settled = || is(&one, "Master") && is(&two, "Backup");
            none_lost(&probe.settle(line, settled));
        }
        until("the client to know the right MAC, and the addresses to be where they belong", || {
            scene.learned(0) == own && holds(&scene, 0) == own && holds_none(&scene, 1)
        });
    }
    assert!(scene.leads_to(0));
}

#[test]
fn addresses_that_a_killed_router_left_go_when_nobody_wants_them() {
    let scene = Scene::new();
    let mut one = Router::start(&scene.nodes[0], &own_mac(200));
    until("to be the gateway", || is(&one, "Master"));
    one.kill();
    assert!(holds(&scene, 0));
    let _one = Router::start(&scene.nodes[0], "ip forwarding\n");
    until("the addresses to be removed", || holds_none(&scene, 0));
    assert!(scene.nodes[0].ip("addr show dev eth-lan").contains("203.0.113.2/27"), "and no others");
}

#[test]
fn an_address_that_the_interface_has_anyway_stays_as_it_is() {
    let scene = Scene::new();
    let node = &scene.nodes[0];
    node.ip("addr add 203.0.113.1/27 dev eth-lan");
    let mut one = Router::start(node, &own_mac(200));
    until("to be the gateway", || is(&one, "Master"));
    let addresses = node.ip("addr show dev eth-lan");
    assert!(addresses.contains("203.0.113.1/27") && !addresses.contains("203.0.113.1/32"), "{addresses}");
    assert!(one.stop().success());
    assert!(node.ip("addr show dev eth-lan").contains("203.0.113.1/27"));
}

#[test]
fn keepalived_without_a_virtual_mac_takes_over_from_us_and_gives_back() {
    let scene = Scene::new();
    let mut one = Router::start(&scene.nodes[0], &own_mac(200));
    scene.prepare(1);
    let mut two = Keepalived::start(&scene.nodes[1], &keepalived_config(150, false));
    scene.greet();
    until("us to be the gateway", || is(&one, "Master") && scene.learned(0));
    until("keepalived to be the backup", || two.log().contains("Entering BACKUP STATE"));
    let mut probe = scene.probe();
    probe.begin();
    assert!(one.stop().success());
    none_lost(&probe.settle("we stop, keepalived takes over", || scene.learned(1)));
    probe.begin();
    let one = Router::again(&scene.nodes[0]);
    none_lost(&probe.settle("we return, keepalived gives back", || is(&one, "Master") && scene.learned(0)));
    let losses =
        probe.during("our links cut, keepalived takes over", || scene.plug(0, false), || scene.learned(1));
    at_most(&losses, silent(INTERVAL, 150) + FOREIGN);
    two.stop();
}

#[test]
fn we_take_over_from_keepalived_without_a_virtual_mac_and_give_back() {
    let scene = Scene::new();
    scene.prepare(0);
    let mut one = Keepalived::start(&scene.nodes[0], &keepalived_config(200, false));
    let two = Router::start(&scene.nodes[1], &own_mac(150));
    scene.greet();
    until("keepalived to be the gateway", || is(&two, "Backup") && scene.learned(0));
    let mut probe = scene.probe();
    let over = || is(&two, "Master") && scene.learned(1);
    none_lost(&probe.during("keepalived stops, we take over", || one.stop(), over));
    probe.begin();
    let _one = Keepalived::start(&scene.nodes[0], &keepalived_config(200, false));
    let losses = probe.settle("keepalived returns, we give back", || is(&two, "Backup") && scene.learned(0));
    none_lost(&losses);
    let losses = probe.during("keepalived's links cut, we take over", || scene.plug(0, false), over);
    at_most(&losses, silent(INTERVAL, 150) + FOREIGN);
}

#[test]
fn on_a_macvlan_two_of_ours_share_the_gateway_by_their_own_macs() {
    let scene = Scene::new();
    for (node, addresses) in scene
        .nodes
        .iter()
        .zip([["203.0.113.2/27", "2001:db8:20::2/64"], ["203.0.113.3/27", "2001:db8:20::3/64"]])
    {
        node.ip("addr flush dev eth-lan");
        node.ip("link set eth-lan name lower");
        node.ip("link add eth-lan link lower type macvlan mode bridge");
        node.ip("link set lower up");
        node.ip("link set eth-lan up");
        node.address("eth-lan", &addresses);
    }
    let mut one = Router::start(&scene.nodes[0], &own_mac(200));
    let two = Router::start(&scene.nodes[1], &own_mac(150));
    scene.greet();
    let back = |one: &Router| is(one, "Master") && is(&two, "Backup") && scene.learned(0);
    until("the better router to be the gateway", || back(&one));
    let mut probe = scene.probe();
    probe.begin();
    assert!(one.stop().success());
    none_lost(&probe.settle("stopped by SIGTERM", || is(&two, "Master") && scene.learned(1)));
    probe.begin();
    one = Router::again(&scene.nodes[0]);
    none_lost(&probe.settle("the better router returns", || back(&one)));
}
