//! What a session agreed on: marks of refreshes, roles, other AS numbers.

use bgp::wire::PeerRelation;

use super::*;

impl Lab {
    fn op(&mut self, n: u16, op: Op) {
        self.tell(Input::Updates(PeerId(n), &UpdateBatch { ops: vec![op], ..UpdateBatch::default() }));
    }

    /// A neighbour with something else than usual agreed on.
    fn add_session(&mut self, n: u16, edit: impl FnOnce(&mut PeerSession)) {
        self.add(n, PeerKind::External);
        let mut session = Lab::session(n);
        edit(&mut session);
        self.up_with(n, session);
    }
}

#[test]
fn what_a_refresh_leaves_out_is_stale_when_it_is_complete() {
    let mut lab = Lab::new();
    (1..=2).for_each(|n| lab.add(n, PeerKind::External));
    for _ in 0..2 {
        lab.announce(1, &["192.0.2.0/24", "198.51.100.0/24"], |_| {});
        lab.settle();
        lab.op(1, Op::RefreshBegin(Family::Ipv4Unicast));
        lab.announce(1, &["192.0.2.0/24"], |_| {});
        lab.settle();
        assert_eq!(lab.told(2).len(), 2, "nothing goes before the end");
        lab.op(1, Op::RefreshEnd(Family::Ipv4Unicast));
        lab.settle();
        assert_eq!(lab.told(2), ["192.0.2.0/24"]);
    }
    // An end without a beginning means nothing.
    lab.op(1, Op::RefreshEnd(Family::Ipv4Unicast));
    lab.settle();
    assert_eq!(lab.told(2), ["192.0.2.0/24"]);
}

#[test]
fn a_refresh_that_begins_twice_keeps_what_either_brought() {
    let mut lab = Lab::new();
    (1..=2).for_each(|n| lab.add(n, PeerKind::External));
    lab.announce(1, &["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"], |_| {});
    lab.op(1, Op::RefreshBegin(Family::Ipv4Unicast));
    lab.announce(1, &["192.0.2.0/24"], |_| {});
    lab.op(1, Op::RefreshBegin(Family::Ipv4Unicast));
    lab.announce(1, &["198.51.100.0/24"], |b| {
        b.med(Some(5));
    });
    lab.op(1, Op::RefreshEnd(Family::Ipv4Unicast));
    lab.settle();
    assert_eq!(lab.told(2), ["192.0.2.0/24", "198.51.100.0/24"]);
}

#[test]
fn a_session_that_ends_in_a_refresh_starts_over() {
    let mut lab = Lab::new();
    (1..=2).for_each(|n| lab.add(n, PeerKind::External));
    lab.announce(1, &["192.0.2.0/24"], |_| {});
    lab.op(1, Op::RefreshBegin(Family::Ipv4Unicast));
    lab.down(1);
    lab.up(1);
    lab.announce(1, &["198.51.100.0/24"], |_| {});
    lab.op(1, Op::RefreshEnd(Family::Ipv4Unicast));
    lab.settle();
    assert_eq!(lab.told(2), ["198.51.100.0/24"]);
}

#[test]
fn policy_that_is_applied_again_revives_no_path_of_an_ended_session() {
    let mut lab = Lab::new();
    (1..=2).for_each(|n| lab.add(n, PeerKind::External));
    lab.announce(1, &["192.0.2.0/24"], |_| {});
    lab.settle();
    // The walk is due, but the session ends before its turn.
    lab.core.handle(lab.now, Input::Reimport(PeerId(1), Family::Ipv4Unicast));
    lab.down(1);
    lab.settle();
    assert_eq!(lab.told(2), Vec::<String>::new());
    assert!(lab.core.v4.table.is_empty());
}

#[test]
fn an_answer_to_a_refresh_stands_between_marks_where_they_were_agreed_on() {
    let mut lab = Lab::new();
    lab.add(1, PeerKind::External);
    lab.add(2, PeerKind::External);
    lab.add_session(3, |s| s.enhanced_refresh = true);
    lab.announce(1, &["192.0.2.0/24", "198.51.100.0/24"], |_| {});
    lab.settle();
    for n in [2, 3] {
        lab.peers.get_mut(&n).unwrap().1.clear();
        lab.tell(Input::Refresh(PeerId(n), Family::Ipv4Unicast));
        lab.settle();
        assert_eq!(lab.told(n).len(), 2);
    }
    assert_eq!(lab.marks, [(3, RefreshKind::Begin, 0), (3, RefreshKind::End, 2)]);
}

#[test]
fn routes_go_up_and_sideways_only_if_they_came_from_below() {
    let mut lab = Lab::new();
    let relations = [
        (1, PeerRelation::Provider, false),
        (2, PeerRelation::Peer, false),
        (3, PeerRelation::RouteServer, false),
        (4, PeerRelation::Customer, true),
        (5, PeerRelation::RouteServerClient, true),
    ];
    for (n, relation, _) in relations {
        lab.add_session(n, |s| s.relation = Some(relation));
    }
    lab.add(9, PeerKind::External);
    // As the session marks what comes from a provider.
    lab.announce(9, &["192.0.2.0/24"], |b| {
        b.otc(Some(Asn(109)));
    });
    lab.announce(9, &["198.51.100.0/24"], |_| {});
    lab.settle();
    for (n, relation, gets_marked) in relations {
        assert_eq!(lab.told(n).len(), if gets_marked { 2 } else { 1 }, "{relation:?}");
        let (block, _) = &lab.peers[&n].1[&"198.51.100.0/24".parse::<IpNet>().unwrap()];
        let ours = relation.gets_otc().then_some(Asn(OUR_AS));
        assert_eq!(AttrView::new(block).otc(), ours, "{relation:?}");
    }
    let (block, _) = &lab.peers[&4].1[&"192.0.2.0/24".parse::<IpNet>().unwrap()];
    assert_eq!(AttrView::new(block).otc(), Some(Asn(109)), "a mark stays as it is");
}

#[test]
fn a_neighbour_that_knows_us_by_another_number_sees_both_or_only_that() {
    let mut lab = Lab::new();
    lab.add(1, PeerKind::External);
    for (n, own_as) in [(2, Some(Asn(OUR_AS))), (3, None)] {
        lab.add(n, PeerKind::External);
        let config = PeerConfig {
            local_as: Asn(64999),
            own_as,
            ..Lab::config(n, PeerKind::External, PeerFamily::default())
        };
        lab.tell(Input::Peer(PeerId(n), config));
    }
    lab.announce(1, &["192.0.2.0/24"], |_| {});
    lab.settle();
    assert_eq!(lab.path(2, "192.0.2.0/24"), "64999 65000 101 via 10.0.0.1");
    assert_eq!(lab.path(3, "192.0.2.0/24"), "64999 101 via 10.0.0.1");
}

#[test]
fn a_link_local_next_hop_goes_to_those_on_the_link_only() {
    let mut lab = Lab::new();
    let near: IpNet = "2001:db8:1::/64".parse().unwrap();
    let far: IpNet = "2001:db8:2::/64".parse().unwrap();
    lab.tell(Input::Address(7, "2001:db8:1::f/64".parse().unwrap()));
    for (n, kind, shared) in
        [(1, PeerKind::External, near), (2, PeerKind::Internal, near), (3, PeerKind::Internal, far)]
    {
        lab.add(n, kind);
        let mut config = Lab::config(n, kind, PeerFamily::default());
        config.families[1] = Some(PeerFamily::default());
        lab.tell(Input::Peer(PeerId(n), config));
        let session = PeerSession {
            families: [false, true],
            local_v6: Some("2001:db8:1::f".parse().unwrap()),
            local_link: Some("fe80::f".parse().unwrap()),
            shared_net: [None, Some(shared)],
            ..Lab::session(n)
        };
        lab.up_with(n, session);
    }
    let next_hop = NextHop::V6 {
        global: "2001:db8:1::1".parse().unwrap(),
        link_local: Some("fe80::1".parse().unwrap()),
    };
    let block = AttrBuilder::new().origin(Origin::Igp).set_as_path(&[Asn(101)]).build();
    let mut batch = UpdateBatch::default();
    batch.arena.extend_from_slice(&block);
    let (hash, summary) = (hash_block(SEED, &block), summarize(&block));
    batch.attrs.push(BatchAttrs { block: 0..block.len() as u32, hash, summary, next_hop });
    let addr = u128::from("2001:db8:100::".parse::<std::net::Ipv6Addr>().unwrap());
    batch.v6.push(Nlri { addr, path_id: 0, len: 48 });
    batch.ops.push(Op::Announce { family: Family::Ipv6Unicast, attrs: 0, nlri: 0..1 });
    lab.tell(Input::Updates(PeerId(1), &batch));
    lab.settle();
    let told = |n: u16| lab.peers[&n].1[&"2001:db8:100::/48".parse::<IpNet>().unwrap()].1;
    assert_eq!(told(2), next_hop);
    assert_eq!(told(3), NextHop::V6 { global: "2001:db8:1::1".parse().unwrap(), link_local: None });
}

#[test]
fn ipv4_routes_go_over_our_ipv6_address_where_that_was_agreed_on() {
    let mut lab = Lab::new();
    lab.tell(Input::Address(7, "2001:db8:1::f/64".parse().unwrap()));
    for n in [1, 2, 3] {
        lab.add(n, PeerKind::External);
    }
    let session = PeerSession { local_v6: Some("2001:db8:1::f".parse().unwrap()), ..Lab::session(2) };
    lab.up_with(2, PeerSession { extended_next_hop: true, ..session.clone() });
    lab.up_with(3, PeerSession { router_id: address(3), ..session });
    lab.announce(1, &["192.0.2.0/24"], |_| {});
    lab.settle();
    assert_eq!(lab.path(2, "192.0.2.0/24"), "65000 101 via 2001:db8:1::f");
    assert_eq!(lab.path(3, "192.0.2.0/24"), "65000 101 via 10.0.0.1");
}
