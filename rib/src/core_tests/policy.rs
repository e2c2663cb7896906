//! Policies in both directions, and what changes when they do.

use proptest::prelude::*;

use super::*;
use crate::policy::ast::{CommunityList, CommunityMatch, ListEntry, PrefixList, SourceProtocol};
use crate::policy::eval::Verdict;
use crate::why::TestRoute;

/// 192.0.2.0/24 and what is inside.
fn ours() -> PrefixList {
    let entry = PrefixListEntry {
        action: Action::Permit,
        prefix: Some("192.0.2.0/24".parse().unwrap()),
        ge: None,
        le: Some(32),
    };
    PrefixList { description: None, entries: BTreeMap::from([(5, entry)]) }
}

fn ours_only() -> Policies {
    let mut permit = RouteMapEntry::new(Action::Permit);
    permit.matches.push(Match::Ipv4Address(AddressMatch::PrefixList("OURS".into())));
    permit.sets.push(Set::Community { values: vec![1, 2], additive: true });
    let mut policies = Policies::default();
    policies.prefix_lists_v4.insert("OURS".into(), ours());
    policies.route_maps.insert("OUT".into(), BTreeMap::from([(10, permit)]));
    policies
}

#[test]
fn export_policy_filters_and_changes_and_a_new_policy_is_told_by_difference() {
    let mut lab = Lab::new();
    let mut family = PeerFamily::default();
    family.export.route_map = Some("OUT".into());
    lab.add(1, PeerKind::External);
    lab.add_with(2, PeerKind::External, family);
    lab.announce(1, &["192.0.2.0/25", "198.51.100.0/24"], |_| {});
    lab.settle();
    assert!(lab.told(2).is_empty(), "an undefined route-map denies");
    lab.tell(Input::Policies(ours_only()));
    lab.settle();
    assert_eq!(lab.told(2), ["192.0.2.0/25"]);
    let (block, _) = &lab.peers[&2].1[&"192.0.2.0/25".parse::<IpNet>().unwrap()];
    assert_eq!(AttrView::new(block).communities().collect::<Vec<_>>(), [1, 2]);
    lab.tell(Input::Policies(Policies::default()));
    lab.settle();
    assert!(lab.told(2).is_empty());
}

#[test]
fn export_policy_sets_the_med_as_if_another_as_had_sent_none() {
    let mut lab = Lab::new();
    let mut policies = Policies::default();
    for (name, change) in [("SET", Arith::Set(10)), ("ADD", Arith::Add(5))] {
        let mut entry = RouteMapEntry::new(Action::Permit);
        entry.sets.push(Set::Metric(MetricSet::Value(change)));
        policies.route_maps.insert(name.into(), BTreeMap::from([(10, entry)]));
    }
    let mut blind = RouteMapEntry::new(Action::Deny);
    blind.matches.push(Match::Metric(10));
    let open = RouteMapEntry::new(Action::Permit);
    policies.route_maps.insert("DENY".into(), BTreeMap::from([(10, blind), (20, open)]));
    lab.tell(Input::Policies(policies));
    lab.add(1, PeerKind::External);
    for (n, kind, map) in [
        (2, PeerKind::External, "SET"),
        (3, PeerKind::External, "ADD"),
        (4, PeerKind::External, "DENY"),
        (5, PeerKind::Internal, "ADD"),
    ] {
        let mut family = PeerFamily::default();
        family.export.route_map = Some(map.into());
        lab.add_with(n, kind, family);
    }
    lab.announce(1, &["192.0.2.0/24"], |b| {
        b.med(Some(10));
    });
    lab.settle();
    let med = |n: u16| {
        let (block, _) = &lab.peers[&n].1[&"192.0.2.0/24".parse::<IpNet>().unwrap()];
        AttrView::new(block).med()
    };
    assert_eq!([med(2), med(3), med(4), med(5)], [Some(10), Some(5), None, Some(15)]);
}

#[test]
fn a_neighbour_under_other_export_rules_is_told_the_difference() {
    let mut lab = Lab::new();
    lab.tell(Input::Policies(ours_only()));
    lab.add(1, PeerKind::External);
    lab.add(2, PeerKind::External);
    lab.add(3, PeerKind::External);
    lab.announce(1, &["192.0.2.0/25", "198.51.100.0/24"], |_| {});
    lab.settle();
    assert_eq!(lab.told(2), ["192.0.2.0/25", "198.51.100.0/24"]);
    // Another filter, and a route that goes at the same moment.
    let mut family = PeerFamily::default();
    family.export.route_map = Some("OUT".into());
    lab.tell(Input::Peer(PeerId(2), Lab::config(2, PeerKind::External, family)));
    lab.announce(1, &["203.0.113.0/24"], |_| {});
    lab.settle();
    assert_eq!(lab.told(2), ["192.0.2.0/25"]);
    assert_eq!(lab.told(3), ["192.0.2.0/25", "198.51.100.0/24", "203.0.113.0/24"]);
    // Another form of the same routes, and a withdrawal at the same moment.
    let path = lab.path(2, "192.0.2.0/25");
    let family = PeerFamily { next_hop_self: NextHopSelf::Force, ..PeerFamily::default() };
    lab.tell(Input::Peer(PeerId(2), Lab::config(2, PeerKind::External, family)));
    lab.withdraw(1, &["192.0.2.0/25"]);
    lab.settle();
    assert_eq!(lab.told(2), ["198.51.100.0/24", "203.0.113.0/24"]);
    assert_eq!(lab.path(2, "203.0.113.0/24"), path);
    assert!(lab.core.groups().iter().all(|g| g.idle));
}

#[test]
fn import_policy_refuses_and_soft_reconfiguration_keeps() {
    let mut lab = Lab::new();
    let mut family = PeerFamily { soft_reconfiguration: true, ..PeerFamily::default() };
    family.import.prefix_list = Some("OURS".into());
    lab.tell(Input::Policies(ours_only()));
    lab.add_with(1, PeerKind::External, family);
    lab.add(2, PeerKind::External);
    lab.announce(1, &["192.0.2.0/25", "198.51.100.0/24"], |_| {});
    lab.settle();
    assert_eq!(lab.told(2), ["192.0.2.0/25"]);
    let counts = lab.core.shared.peer(PeerId(1)).unwrap().counts[0];
    assert_eq!((counts.accepted, counts.filtered), (1, 1));
    lab.tell(Input::Peer(
        PeerId(1),
        Lab::config(
            1,
            PeerKind::External,
            PeerFamily { soft_reconfiguration: true, ..PeerFamily::default() },
        ),
    ));
    lab.settle();
    assert_eq!(lab.told(2).len(), 2);
}

#[test]
fn policies_count_how_often_they_are_asked() {
    let mut lab = Lab::new();
    let mut family = PeerFamily::default();
    family.import.prefix_list = Some("OURS".into());
    lab.tell(Input::Policies(ours_only()));
    lab.add_with(1, PeerKind::External, family);
    lab.announce(1, &["192.0.2.0/25", "198.51.100.0/24"], |_| {});
    let hits = |lab: &Lab| lab.core.policy_counts().prefix_lists[0].values().sum::<u64>();
    assert_eq!(hits(&lab), 1);
    let mut more = ours_only();
    more.prefix_lists_v4.insert("OTHER".into(), Default::default());
    lab.tell(Input::Policies(more));
    lab.settle();
    assert!(hits(&lab) > 1, "other lists changed: the count goes on, and the routes were looked at again");
    lab.core.clear_policy_counts();
    assert_eq!(hits(&lab), 0);
}

#[test]
fn a_map_that_refuses_all_counts_each_time_that_it_is_asked() {
    let mut lab = Lab::new();
    let mut family = PeerFamily::default();
    family.import.route_map = Some("NONE".into());
    let mut policies = Policies::default();
    let entries = [(10, RouteMapEntry::new(Action::Deny)), (20, RouteMapEntry::new(Action::Permit))];
    policies.route_maps.insert("NONE".into(), BTreeMap::from(entries));
    lab.tell(Input::Policies(policies));
    lab.add_with(1, PeerKind::External, family);
    for net in ["192.0.2.0/25", "198.51.100.0/24"] {
        lab.announce(1, &[net], |_| {});
    }
    assert!(lab.listed().is_empty());
    let (asked, matched) = lab.core.policy_counts().route_maps["NONE"].clone();
    assert_eq!((asked, matched), (2, BTreeMap::from([(10, 2), (20, 0)])));
}

#[test]
fn what_a_neighbour_sent_is_shown_without_the_changes_of_policy() {
    let mut lab = Lab::new();
    let mut family = PeerFamily { soft_reconfiguration: true, ..PeerFamily::default() };
    family.import.route_map = Some("PREFER".into());
    let mut entry = RouteMapEntry::new(Action::Permit);
    entry.sets.push(Set::LocalPreference(Arith::Set(200)));
    let mut policies = Policies::default();
    policies.route_maps.insert("PREFER".into(), BTreeMap::from([(10, entry)]));
    lab.tell(Input::Policies(policies));
    lab.add_with(1, PeerKind::External, family);
    lab.announce(1, &["192.0.2.0/24"], |_| {});
    let net: IpNet = "192.0.2.0/24".parse().unwrap();
    let slot = lab.listed()[0].1;
    assert_eq!(lab.core.prefix_at(net, slot).unwrap().paths[0].local_pref, 200);
    let received = lab.core.received_at(net, slot, PeerId(1)).unwrap();
    assert_eq!(AttrView::new(&received.paths[0].block).local_pref(), None);
    assert!(lab.core.received_at(net, slot, PeerId(2)).is_none());
}

#[test]
fn a_limit_and_what_is_near_it_are_told_when_they_are_crossed() {
    use crate::peer::PrefixLimit;
    let mut lab = Lab::new();
    let family =
        PeerFamily { maximum_prefix: Some(PrefixLimit { most: 3, warn: 2 }), ..PeerFamily::default() };
    lab.add_with(1, PeerKind::External, family);
    let nets = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "192.88.99.0/24"];
    let (peer, family) = (PeerId(1), Family::Ipv4Unicast);
    let near = Event::PrefixThreshold { peer, family, count: 3, limit: 3 };
    lab.announce(1, &nets[..2], |_| {});
    lab.deliver();
    assert_eq!(lab.events, []);
    for _ in 0..2 {
        lab.announce(1, &nets[2..3], |_| {});
        lab.deliver();
        assert_eq!(std::mem::take(&mut lab.events), std::slice::from_ref(&near));
        lab.announce(1, &nets[..3], |_| {});
        lab.deliver();
        assert_eq!(lab.events, [], "it was told");
        lab.withdraw(1, &nets[1..3]);
        lab.announce(1, &nets[1..2], |_| {});
    }
    lab.announce(1, &nets, |_| {});
    lab.deliver();
    assert_eq!(lab.events, [Event::MaxPrefix { peer, family, limit: 3 }]);
}

#[test]
fn policy_between_the_table_and_the_kernel_chooses_the_source_and_keeps_routes_out() {
    let mut lab = Lab::new();
    let install = |bgp: &[&str]| {
        let maps = InstallMaps {
            bgp: bgp.iter().map(|name| (*name).to_owned()).collect(),
            fixed: Some("SOURCE".into()),
        };
        Input::Settings(Settings { install: [maps, InstallMaps::default()], ..Settings::default() })
    };
    let with_source = |n: u8| {
        let mut policies = ours_only();
        let mut entry = RouteMapEntry::new(Action::Permit);
        entry.sets.push(Set::Source(Ipv4Addr::new(10, 0, 0, n).into()));
        policies.route_maps.insert("SOURCE".into(), BTreeMap::from([(10, entry)]));
        Input::Policies(policies)
    };
    let source = |lab: &Lab, prefix: &str| {
        lab.kernel.get(&prefix.parse::<IpNet>().unwrap()).map(|r| r.prefer.map(|p| p.to_string()))
    };
    let (ours, other, fixed) = ("192.0.2.0/25", "198.51.100.0/24", "203.0.113.0/24");
    lab.add(1, PeerKind::External);
    lab.add(2, PeerKind::External);
    lab.announce(1, &[ours, other], |_| {});
    lab.tell(Input::Statics(vec![static_route(fixed, Some("10.0.0.9"), 1)]));
    lab.settle();
    assert_eq!(source(&lab, ours), Some(None));
    lab.tell(install(&["SOURCE"]));
    lab.settle();
    assert_eq!(source(&lab, ours), Some(None), "a route-map that is not there permits");
    lab.tell(with_source(7));
    lab.settle();
    for prefix in [ours, other, fixed] {
        assert_eq!(source(&lab, prefix), Some(Some("10.0.0.7".to_owned())), "{prefix}");
    }
    lab.tell(with_source(8));
    lab.settle();
    for prefix in [ours, other, fixed] {
        assert_eq!(source(&lab, prefix), Some(Some("10.0.0.8".to_owned())), "{prefix}");
    }
    lab.tell(install(&["OUT", "SOURCE"]));
    lab.settle();
    assert_eq!(source(&lab, ours), Some(Some("10.0.0.8".to_owned())));
    assert_eq!(source(&lab, other), None, "refused by one of the two");
    assert_eq!(lab.told(2), [ours, other], "neighbours hear of it all the same");
    let route = lab.core.routes(other.parse().unwrap()).remove(0);
    assert!(!route.active && !route.selected);
    lab.tell(Input::Settings(Settings::default()));
    lab.settle();
    for prefix in [ours, other, fixed] {
        assert_eq!(source(&lab, prefix), Some(None), "{prefix}");
    }
}

/// Route-maps whose clauses look at prefixes and at attributes in any order, some of them longer than what is remembered
/// of a set tells of.
fn long_map() -> impl Strategy<Value = BTreeMap<u16, RouteMapEntry>> {
    let clause = || {
        prop_oneof![
            Just(Match::Ipv4Address(AddressMatch::PrefixList("OURS".into()))),
            Just(Match::Ipv4Address(AddressMatch::PrefixLen(24))),
            (0u32..3).prop_map(Match::Metric),
            (0u32..3).prop_map(|n| Match::Community { list: n.to_string(), exact: false, any: false }),
        ]
    };
    // Mostly entries that seldom hold, so that those far behind are asked.
    let entry = (any::<bool>(), proptest::collection::vec(clause(), 0..4), any::<bool>());
    let entries = prop_oneof![1usize..6, 60usize..70]
        .prop_flat_map(move |n| proptest::collection::vec(entry.clone(), n));
    entries.prop_map(|entries| {
        let last = entries.len();
        let entry = |(at, (permit, mut matches, sets)): (usize, (bool, Vec<Match>, bool))| {
            let mut entry = RouteMapEntry::new(if permit { Action::Permit } else { Action::Deny });
            if at + 1 < last && matches.len() < 2 {
                matches.push(Match::Tag(7));
            }
            entry.matches = matches;
            if sets {
                entry.sets.push(Set::Community { values: vec![at as u32 + 100], additive: false });
            }
            (at as u16 + 1, entry)
        };
        entries.into_iter().enumerate().map(entry).collect()
    })
}

proptest! {
    /// What is remembered of equal attributes makes no difference.
    #[test]
    fn a_policy_with_a_memory_says_what_it_says_without(map in long_map()) {
        let prefixes = ["192.0.2.0/24", "192.0.3.0/24", "192.0.2.0/25", "192.0.3.128/25"];
        let mut policies = Policies::default();
        policies.prefix_lists_v4.insert("OURS".into(), ours());
        for n in 0..3 {
            let value = CommunityMatch::Standard(vec![n]);
            let entries = BTreeMap::from([(5, ListEntry { action: Action::Permit, value })]);
            policies.community_lists.insert(n.to_string(), CommunityList { expanded: false, entries });
        }
        policies.route_maps.insert("IN".into(), map);
        let mut lab = Lab::new();
        lab.tell(Input::Policies(policies));
        let mut family = PeerFamily::default();
        family.import.route_map = Some("IN".into());
        lab.add_with(1, PeerKind::External, family);
        lab.add(2, PeerKind::External);
        for med in 0..3 {
            for community in 0..3 {
                let mut block = Vec::new();
                lab.announce(1, &prefixes, |b| {
                    b.med(Some(med)).communities(vec![community]);
                    block = b.build();
                });
                lab.settle();
                for prefix in prefixes {
                    let net: IpNet = prefix.parse().unwrap();
                    let route = TestRoute {
                        net,
                        block: block.clone(),
                        next_hop: Some(address(1).into()),
                        peer: Some(address(1).into()),
                        peer_interface: None,
                        tag: 0,
                        interface: None,
                        source: SourceProtocol::Bgp,
                        igp_metric: 0,
                    };
                    let communities = |block: &[u8]| AttrView::new(block).communities().collect::<Vec<_>>();
                    let expected = match lab.core.test_route_map("IN", &route).unwrap().verdict {
                        Verdict::Deny => None,
                        Verdict::Permit => Some(vec![community]),
                        Verdict::Change(changed) => Some(communities(&changed.block.unwrap())),
                    };
                    let told = lab.peers[&2].1.get(&net).map(|(block, _)| communities(block));
                    prop_assert_eq!(told, expected, "{} {} {}", prefix, med, community);
                }
            }
        }
    }
}
