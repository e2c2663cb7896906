//! Routes from neighbours, interfaces and the operator: who is told, and where the kernel leads.

use super::*;

#[test]
fn a_route_goes_to_the_others_and_not_back() {
    let mut lab = Lab::new();
    (1..=3).for_each(|n| lab.add(n, PeerKind::External));
    lab.announce(1, &["192.0.2.0/24"], |_| {});
    lab.settle();
    assert_eq!(lab.told(1), Vec::<String>::new());
    assert_eq!(lab.path(2, "192.0.2.0/24"), "65000 101 via 10.0.0.1");
    lab.announce(2, &["192.0.2.0/24"], |b| {
        b.set_as_path(&[]);
    });
    lab.settle();
    assert_eq!(lab.path(1, "192.0.2.0/24"), "65000 via 10.0.0.1");
    assert_eq!(lab.told(2), Vec::<String>::new());
    assert_eq!(lab.path(3, "192.0.2.0/24"), "65000 via 10.0.0.1");
    lab.withdraw(2, &["192.0.2.0/24"]);
    lab.settle();
    assert_eq!(lab.told(1), Vec::<String>::new());
    assert_eq!(lab.path(2, "192.0.2.0/24"), "65000 101 via 10.0.0.1");
}

#[test]
fn internal_routes_do_not_go_to_internal_neighbours() {
    let mut lab = Lab::new();
    lab.add(1, PeerKind::Internal);
    lab.add(2, PeerKind::Internal);
    lab.add(3, PeerKind::External);
    lab.announce(1, &["192.0.2.0/24"], |_| {});
    lab.announce(3, &["198.51.100.0/24"], |_| {});
    lab.settle();
    assert_eq!(lab.told(2), ["198.51.100.0/24"]);
    assert_eq!(lab.path(2, "198.51.100.0/24"), "103 via 10.0.0.4");
    assert_eq!(lab.told(3), ["192.0.2.0/24"]);
}

#[test]
fn a_client_s_route_is_reflected_with_originator_and_cluster() {
    let mut lab = Lab::new();
    let client = PeerFamily { reflector_client: true, ..PeerFamily::default() };
    lab.tell(Input::Settings(Settings { cluster_id: 77, ..Settings::default() }));
    lab.add_with(1, PeerKind::Internal, client);
    lab.add(2, PeerKind::Internal);
    lab.announce(1, &["192.0.2.0/24"], |_| {});
    lab.settle();
    let (block, _) = &lab.peers[&2].1[&"192.0.2.0/24".parse::<IpNet>().unwrap()];
    let view = AttrView::new(block);
    assert_eq!(view.originator_id(), Some(address(1)));
    assert_eq!(view.cluster_list().collect::<Vec<_>>(), [Ipv4Addr::from(77)]);
}

#[test]
fn equal_paths_share_the_load_in_address_order_and_a_loss_is_one_group_message() {
    let mut lab = Lab::new();
    lab.tell(Input::Settings(Settings {
        best: [crate::best::Options { multipath_relax: true, ..Default::default() }; 2],
        ..Settings::default()
    }));
    [3, 1, 2].into_iter().for_each(|n| lab.add(n, PeerKind::External));
    for n in [2, 3, 1] {
        lab.announce(n, &["192.0.2.1/32"], |_| {});
    }
    lab.settle();
    assert_eq!(lab.ways("192.0.2.1/32"), ["10.0.0.2", "10.0.0.3", "10.0.0.4"]);
    lab.down(3);
    lab.settle();
    assert_eq!(lab.ways("192.0.2.1/32"), ["10.0.0.2", "10.0.0.3"]);
}

#[test]
fn routes_follow_their_link() {
    let mut lab = Lab::new();
    lab.add(1, PeerKind::External);
    lab.announce(1, &["192.0.2.0/24"], |_| {});
    lab.settle();
    assert_eq!(lab.ways("192.0.2.0/24"), ["10.0.0.2"]);
    lab.tell(Input::Link { ifindex: 7, name: "eth0", up: false });
    lab.settle();
    assert_eq!(lab.ways("192.0.2.0/24"), Vec::<String>::new());
    assert!(lab.kernel.is_empty());
    lab.tell(Input::Link { ifindex: 7, name: "eth0", up: true });
    lab.settle();
    assert_eq!(lab.ways("192.0.2.0/24"), ["10.0.0.2"]);
}

#[test]
fn the_lowest_distance_holds_the_kernel_s_route() {
    let mut lab = Lab::new();
    lab.add(1, PeerKind::External);
    lab.announce(1, &["192.0.2.0/24"], |_| {});
    lab.tell(Input::Statics(vec![static_route("192.0.2.0/24", Some("10.0.0.9"), 1)]));
    lab.settle();
    assert_eq!(lab.ways("192.0.2.0/24"), ["10.0.0.9"]);
    lab.tell(Input::Statics(vec![static_route("192.0.2.0/24", Some("10.0.0.9"), 250)]));
    lab.settle();
    assert_eq!(lab.ways("192.0.2.0/24"), ["10.0.0.2"]);
    lab.withdraw(1, &["192.0.2.0/24"]);
    lab.settle();
    assert_eq!(lab.ways("192.0.2.0/24"), ["10.0.0.9"]);
    lab.tell(Input::Statics(Vec::new()));
    lab.settle();
    assert!(lab.kernel.is_empty() && lab.hop_sets.is_empty());
}

#[test]
fn a_static_route_to_a_next_hop_behind_another_static_route_resolves() {
    let mut lab = Lab::new();
    lab.tell(Input::Statics(vec![
        static_route("172.16.0.0/16", Some("10.0.0.5"), 1),
        static_route("192.0.2.0/24", Some("172.16.1.1"), 1),
        static_route("198.51.100.0/24", Some("203.0.113.1"), 1),
    ]));
    lab.settle();
    assert_eq!(lab.ways("192.0.2.0/24"), ["10.0.0.5"]);
    assert!(!lab.kernel.contains_key(&"198.51.100.0/24".parse::<IpNet>().unwrap()));
}

#[test]
fn a_route_leads_to_its_own_next_hop_only_where_another_one_does() {
    let mut lab = Lab::new();
    lab.add(1, PeerKind::Internal);
    lab.add(2, PeerKind::External);
    let announce = |lab: &mut Lab, prefix: &str, next_hop: &str| {
        lab.announce_to(1, 0, &[prefix], next_hop.parse().unwrap(), |_| {});
        lab.settle();
    };
    // By itself, by a shorter one with the same next hop, and each by the other: nothing of it leads anywhere.
    announce(&mut lab, "172.16.1.1/32", "172.16.1.1");
    announce(&mut lab, "172.16.1.0/24", "172.16.1.1");
    announce(&mut lab, "172.16.2.2/32", "172.16.3.3");
    announce(&mut lab, "172.16.3.3/32", "172.16.2.2");
    assert!(lab.told(2).is_empty() && lab.kernel.is_empty());
    let shown = lab.core.prefix("172.16.1.1/32".parse().unwrap()).unwrap();
    assert!(!shown.paths[0].valid && !shown.paths[0].best);
    // A connected network leads to the next hop of one, a static route to those of the others.
    announce(&mut lab, "10.0.0.77/32", "10.0.0.77");
    assert_eq!(lab.ways("10.0.0.77/32"), ["10.0.0.77"]);
    lab.tell(Input::Statics(vec![static_route("172.16.0.0/16", Some("10.0.0.5"), 1)]));
    lab.settle();
    for prefix in ["172.16.1.1/32", "172.16.1.0/24", "172.16.2.2/32", "172.16.3.3/32"] {
        assert_eq!(lab.ways(prefix), ["10.0.0.5"], "{prefix}");
    }
    assert_eq!(lab.told(2).len(), 5);
    lab.tell(Input::Statics(Vec::new()));
    lab.settle();
    assert_eq!(lab.told(2), ["10.0.0.77/32"]);
}

#[test]
fn a_network_is_announced_while_its_route_is_there() {
    let mut lab = Lab::new();
    lab.add(1, PeerKind::External);
    let net: IpNet = "203.0.113.0/27".parse().unwrap();
    let local = LocalRoutes { networks: BTreeMap::from([(net, None)]), ..LocalRoutes::default() };
    lab.tell(Input::Local(Family::Ipv4Unicast, local));
    lab.settle();
    assert!(lab.told(1).is_empty());
    lab.tell(Input::Statics(vec![static_route("203.0.113.0/27", None, 1)]));
    lab.settle();
    assert_eq!(lab.path(1, "203.0.113.0/27"), "65000 via 10.0.0.1");
    assert_eq!(lab.ways("203.0.113.0/27"), ["discard"]);
    lab.tell(Input::Statics(Vec::new()));
    lab.settle();
    assert!(lab.told(1).is_empty());
}

#[test]
fn a_reflected_route_keeps_its_next_hop_among_clients_of_one_group() {
    let mut lab = Lab::new();
    let client = PeerFamily { reflector_client: true, ..PeerFamily::default() };
    (1..=3).for_each(|n| lab.add_with(n, PeerKind::Internal, client.clone()));
    lab.announce(1, &["192.0.2.0/24"], |_| {});
    lab.settle();
    assert_eq!(lab.path(2, "192.0.2.0/24"), " via 10.0.0.2");
    assert_eq!(lab.path(3, "192.0.2.0/24"), " via 10.0.0.2");
}
