//! Multipath in proportion to bandwidth, what neighbours hear of it, and groups that keep flows where they are.

use bgp::attrs::LinkBandwidth;

use super::*;
use crate::best;
use crate::policy::ast::BandwidthSet;
use crate::policy::compile::FilterSpec;
use crate::weight::Bandwidth;

const ANY: &str = "192.0.2.0/24";
const MEGABIT: u64 = 125_000;

fn relaxed(bandwidth: Bandwidth) -> Settings {
    let options = best::Options { multipath_relax: true, bandwidth, ..best::Options::default() };
    Settings { best: [options; 2], asn: Asn(OUR_AS), ..Settings::default() }
}

/// Three external neighbours, 1 to 3, that all announce one prefix, and others that hear of it.
fn lab(bandwidth: Bandwidth) -> Lab {
    let mut lab = Lab::new();
    lab.tell(Input::Settings(relaxed(bandwidth)));
    (1..=3).for_each(|n| lab.add(n, PeerKind::External));
    lab
}

fn announce(lab: &mut Lab, n: u16, megabits: Option<u64>) {
    announce_as(lab, n, megabits, false);
}

fn announce_as(lab: &mut Lab, n: u16, megabits: Option<u64>, long: bool) {
    lab.announce(n, &[ANY], |b| {
        if let Some(megabits) = megabits {
            let octets = megabits * MEGABIT;
            b.link_bandwidth(LinkBandwidth { asn: Asn(7), octets, transitive: true }, long);
        }
    });
    lab.settle();
}

fn weights(lab: &Lab) -> Vec<(String, u8)> {
    let route = lab.kernel.get(&ANY.parse::<IpNet>().unwrap());
    match route.map(|r| r.target) {
        Some(crate::FibTarget::Hops(id)) => {
            let hop = |h: &SetHop| (h.hop.gateway.unwrap().to_string(), h.weight);
            lab.hop_sets[&id].iter().map(hop).collect()
        }
        _ => Vec::new(),
    }
}

fn hops(list: &[(u16, u8)]) -> Vec<(String, u8)> {
    list.iter().map(|(n, w)| (address(*n).to_string(), *w)).collect()
}

/// What a neighbour was told, in megabits, with the AS that states it.
fn told(lab: &Lab, n: u16) -> Option<(u32, f64)> {
    let (block, _) = lab.peers[&n].1.get(&ANY.parse::<IpNet>().unwrap())?;
    let bandwidth = LinkBandwidth::of(AttrView::new(block))?;
    Some((bandwidth.asn.0, bandwidth.octets as f64 / MEGABIT as f64))
}

#[test]
fn shares_follow_bandwidth_and_its_changes_in_both_encodings() {
    let mut lab = lab(Bandwidth::All);
    announce(&mut lab, 1, Some(100));
    assert_eq!(weights(&lab), hops(&[(1, 1)]), "alone it has everything");
    announce_as(&mut lab, 2, Some(300), true);
    assert_eq!(weights(&lab), hops(&[(1, 85), (2, 255)]));
    announce(&mut lab, 1, Some(600));
    assert_eq!(weights(&lab), hops(&[(1, 255), (2, 127)]));
    announce(&mut lab, 3, None);
    assert_eq!(weights(&lab), hops(&[(1, 1), (2, 1), (3, 1)]), "one says nothing");
    lab.withdraw(3, &[ANY]);
    lab.settle();
    assert_eq!(weights(&lab), hops(&[(1, 255), (2, 127)]));
}

#[test]
fn what_lacks_a_bandwidth_fares_as_the_operator_says() {
    for (handling, expected) in [
        (Bandwidth::All, hops(&[(1, 1), (2, 1), (3, 1)])),
        (Bandwidth::Ignore, hops(&[(1, 1), (2, 1), (3, 1)])),
        (Bandwidth::SkipMissing, hops(&[(1, 255), (3, 127)])),
        (Bandwidth::DefaultWeight, hops(&[(1, 255), (2, 1), (3, 127)])),
    ] {
        let mut lab = lab(Bandwidth::All);
        announce(&mut lab, 1, Some(100));
        announce(&mut lab, 2, None);
        announce(&mut lab, 3, Some(50));
        lab.tell(Input::Settings(relaxed(handling)));
        lab.settle();
        assert_eq!(weights(&lab), expected, "{handling:?}");
    }
}

#[test]
fn who_comes_by_way_of_us_hears_of_all_that_is_behind_us() {
    let mut lab = lab(Bandwidth::All);
    lab.add(4, PeerKind::External);
    lab.add(5, PeerKind::Internal);
    announce(&mut lab, 1, Some(100));
    assert_eq!((told(&lab, 4), told(&lab, 5)), (Some((7, 100.0)), Some((7, 100.0))));
    announce(&mut lab, 2, Some(300));
    // The internal one goes to the next hop by itself.
    assert_eq!((told(&lab, 4), told(&lab, 5)), (Some((OUR_AS, 400.0)), Some((7, 100.0))));
    // The best path is as it was.
    announce(&mut lab, 2, Some(200));
    assert_eq!(told(&lab, 4), Some((OUR_AS, 300.0)));
    announce(&mut lab, 3, None);
    assert_eq!(told(&lab, 4), Some((7, 100.0)), "not all of them have one");
    lab.withdraw(3, &[ANY]);
    lab.settle();
    assert_eq!(told(&lab, 4), Some((OUR_AS, 300.0)));
    lab.tell(Input::Settings(relaxed(Bandwidth::Ignore)));
    lab.settle();
    assert_eq!(told(&lab, 4), Some((7, 100.0)));
}

fn map(amount: BandwidthSet, transitive: bool) -> Policies {
    let sets = vec![Set::Bandwidth { amount, transitive }];
    let entry = RouteMapEntry { sets, ..RouteMapEntry::new(Action::Permit) };
    let mut policies = Policies::default();
    policies.route_maps.insert("BW".to_owned(), [(10, entry)].into());
    policies
}

fn through_map(long: bool) -> PeerFamily {
    let export =
        FilterSpec { route_map: Some("BW".to_owned()), long_bandwidth: long, ..FilterSpec::default() };
    PeerFamily { export, ..PeerFamily::default() }
}

#[test]
fn policy_states_a_bandwidth_that_stands_for_the_multipath_members() {
    for (amount, alone, both) in [
        (BandwidthSet::Megabits(40), Some((OUR_AS, 40.0)), Some((OUR_AS, 40.0))),
        (BandwidthSet::Cumulative, Some((7, 100.0)), Some((OUR_AS, 400.0))),
        (BandwidthSet::Multipaths, Some((OUR_AS, 1.0)), Some((OUR_AS, 2.0))),
    ] {
        let mut lab = lab(Bandwidth::All);
        lab.tell(Input::Policies(map(amount, true)));
        lab.add_with(4, PeerKind::External, through_map(false));
        lab.add_with(5, PeerKind::Internal, through_map(true));
        announce(&mut lab, 1, Some(100));
        assert_eq!((told(&lab, 4), told(&lab, 5)), (alone, alone), "{amount:?}");
        announce(&mut lab, 2, Some(300));
        assert_eq!((told(&lab, 4), told(&lab, 5)), (both, both), "{amount:?}");
        let (block, _) = &lab.peers[&5].1[&ANY.parse::<IpNet>().unwrap()];
        let long = AttrView::new(block).ipv6_ext_communities().count();
        assert_eq!((long, AttrView::new(block).ext_communities().count()), (1, 0), "{amount:?}");
        lab.withdraw(2, &[ANY]);
        lab.settle();
        assert_eq!((told(&lab, 4), told(&lab, 5)), (alone, alone), "{amount:?}");
    }
}

#[test]
fn what_is_told_on_a_condition_counts_the_multipath_members_as_well() {
    let mut lab = lab(Bandwidth::All);
    let mut policies = map(BandwidthSet::Multipaths, true);
    policies.route_maps.insert("ASKED".to_owned(), [(10, RouteMapEntry::new(Action::Permit))].into());
    lab.tell(Input::Policies(policies));
    let conditional = Some(crate::condition::Conditional {
        advertise_map: "BW".to_owned(),
        condition_map: "ASKED".to_owned(),
        exist: true,
    });
    lab.add_with(4, PeerKind::External, PeerFamily { conditional, ..PeerFamily::default() });
    announce(&mut lab, 1, Some(100));
    assert_eq!(told(&lab, 4), Some((OUR_AS, 1.0)));
    announce(&mut lab, 2, Some(300));
    assert_eq!(told(&lab, 4), Some((OUR_AS, 2.0)));
    lab.withdraw(2, &[ANY]);
    lab.settle();
    assert_eq!(told(&lab, 4), Some((OUR_AS, 1.0)));
}

#[test]
fn what_is_not_transitive_goes_out_with_our_own_routes_alone() {
    let mut lab = lab(Bandwidth::All);
    lab.tell(Input::Policies(map(BandwidthSet::Megabits(8), false)));
    lab.add_with(4, PeerKind::External, through_map(false));
    lab.add_with(5, PeerKind::Internal, through_map(false));
    announce(&mut lab, 1, None);
    assert_eq!((told(&lab, 4), told(&lab, 5)), (None, Some((OUR_AS, 8.0))));
    lab.withdraw(1, &[ANY]);
    let networks = [(ANY.parse().unwrap(), None)].into();
    lab.tell(Input::Settings(Settings { import_check: false, ..relaxed(Bandwidth::All) }));
    let local = LocalRoutes { networks, ..Default::default() };
    lab.tell(Input::Local(Family::Ipv4Unicast, local));
    lab.settle();
    assert_eq!(told(&lab, 4), Some((OUR_AS, 8.0)));
}

#[test]
fn integers_are_read_and_written_for_a_neighbour_that_has_them() {
    let mut lab = lab(Bandwidth::All);
    lab.add(4, PeerKind::External);
    for n in [1, 4] {
        let config = Lab::config(n, PeerKind::External, PeerFamily::default());
        lab.tell(Input::Peer(PeerId(n), PeerConfig { integer_bandwidth: true, ..config }));
        lab.deliver();
        let asked = Event::RefreshNeeded { peer: PeerId(n), family: Family::Ipv4Unicast };
        assert!(lab.events.contains(&asked), "what came before was read as floats");
    }
    let [a, b, c, d] = (100 * MEGABIT as u32).to_be_bytes();
    lab.announce(1, &[ANY], |attrs| {
        attrs.ext_communities(vec![[0, 4, 0, 7, a, b, c, d]]);
    });
    announce(&mut lab, 2, Some(300));
    assert_eq!(weights(&lab), hops(&[(1, 85), (2, 255)]));
    let (block, _) = &lab.peers[&4].1[&ANY.parse::<IpNet>().unwrap()];
    let [a, b, c, d] = (400 * MEGABIT as u32).to_be_bytes();
    let [high, low] = (OUR_AS as u16).to_be_bytes();
    let expected = [0, 4, high, low, a, b, c, d];
    assert_eq!(AttrView::new(block).ext_communities().collect::<Vec<_>>(), [expected]);
}

const KIND: Resilient = Resilient { buckets: 128, idle: 60, unbalanced: 0 };

fn set_of(lab: &Lab, prefix: &str) -> HopSetId {
    match lab.kernel[&prefix.parse::<IpNet>().unwrap()].target {
        crate::FibTarget::Hops(id) => id,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_group_that_keeps_flows_stays_while_members_come_and_go() {
    let mut lab = lab(Bandwidth::All);
    let settings = Settings { resilient: Some(KIND), ..relaxed(Bandwidth::All) };
    lab.tell(Input::Settings(settings.clone()));
    const OTHER: &str = "198.51.100.0/24";
    (1..=3).for_each(|n| lab.announce(n, &[ANY, OTHER], |_| {}));
    lab.settle();
    let (one, other) = (set_of(&lab, ANY), set_of(&lab, OTHER));
    assert_ne!(one, other, "each has its own");
    assert_eq!((lab.kinds[&one], lab.kinds[&other]), (Some(KIND), Some(KIND)));
    assert_eq!(lab.ways(ANY), ["10.0.0.2", "10.0.0.3", "10.0.0.4"]);
    for n in [2, 1] {
        lab.withdraw(n, &[ANY]);
        lab.settle();
    }
    assert_eq!((set_of(&lab, ANY), lab.ways(ANY)), (one, vec!["10.0.0.4".to_owned()]));
    assert_eq!(lab.ways(OTHER).len(), 3, "who has not lost it still goes there");
    for n in [1, 2] {
        lab.announce(n, &[ANY], |_| {});
        lab.settle();
    }
    assert_eq!((set_of(&lab, ANY), lab.ways(ANY).len()), (one, 3));
    // A session that ends, and comes back.
    lab.down(1);
    lab.settle();
    assert_eq!((set_of(&lab, ANY), lab.ways(ANY)), (one, vec!["10.0.0.3".to_owned(), "10.0.0.4".to_owned()]));
    lab.up(1);
    lab.announce(1, &[ANY, OTHER], |_| {});
    lab.settle();
    assert_eq!((set_of(&lab, ANY), lab.ways(ANY).len()), (one, 3));
    assert_eq!((set_of(&lab, OTHER), lab.ways(OTHER).len()), (other, 3));
    // Another kind has another name, whichever way.
    let kinds = [Some(Resilient { buckets: 256, ..KIND }), None, Some(KIND)];
    for kind in kinds {
        let before = set_of(&lab, ANY);
        lab.tell(Input::Settings(Settings { resilient: kind, ..settings.clone() }));
        lab.settle();
        assert_ne!(set_of(&lab, ANY), before);
        assert_eq!((lab.kinds[&set_of(&lab, ANY)], lab.ways(ANY).len()), (kind, 3));
    }
    (1..=3).for_each(|n| lab.withdraw(n, &[ANY, OTHER]));
    lab.settle();
    assert!(lab.kernel.is_empty() && lab.hop_sets.is_empty());
    assert_eq!(lab.core.shared.hop_sets.iter().count(), 0);
}

#[test]
fn a_route_with_one_way_needs_no_group_of_its_own() {
    let mut lab = lab(Bandwidth::All);
    lab.tell(Input::Settings(Settings { resilient: Some(KIND), ..relaxed(Bandwidth::All) }));
    lab.announce(1, &[ANY, "198.51.100.0/24"], |_| {});
    lab.settle();
    assert_eq!(set_of(&lab, ANY), set_of(&lab, "198.51.100.0/24"));
    assert_eq!(lab.kinds[&set_of(&lab, ANY)], None);
}

#[test]
fn beyond_so_many_groups_of_their_own_prefixes_share_them() {
    let mut lab = lab(Bandwidth::All);
    lab.tell(Input::Settings(Settings { resilient: Some(KIND), ..relaxed(Bandwidth::All) }));
    let most = crate::nexthop::MOST_OWN;
    let prefixes: Vec<String> =
        (0..most as u32 + 10).map(|n| format!("{}/32", Ipv4Addr::from(0xac10_0000 + n))).collect();
    let prefixes: Vec<&str> = prefixes.iter().map(String::as_str).collect();
    for n in 1..=2 {
        prefixes.chunks(500).for_each(|some| lab.announce(n, some, |_| {}));
    }
    lab.settle();
    assert_eq!(lab.hop_sets.len(), most + 1);
    let shared = set_of(&lab, prefixes[most + 5]);
    assert_eq!((lab.kinds[&shared], lab.hop_sets[&shared].len()), (Some(KIND), 2));
    for n in 1..=2 {
        prefixes.chunks(500).for_each(|some| lab.withdraw(n, some));
    }
    lab.settle();
    assert!(lab.hop_sets.is_empty());
}

#[test]
fn static_routes_go_over_to_groups_of_another_kind() {
    let mut lab = Lab::new();
    let key = |n: u16| NextHopKey { addr: Some(IpAddr::V4(address(n))), ..NextHopKey::default() };
    let target = StaticTarget::Hops(vec![key(1), key(2)]);
    let prefix = ANY.parse().unwrap();
    lab.tell(Input::Statics(vec![StaticRoute { prefix, target, distance: 1, tag: 0 }]));
    lab.settle();
    let plain = set_of(&lab, ANY);
    lab.tell(Input::Settings(Settings { resilient: Some(KIND), ..Settings::default() }));
    lab.settle();
    assert_ne!(set_of(&lab, ANY), plain);
    assert_eq!((lab.kinds[&set_of(&lab, ANY)], lab.ways(ANY).len()), (Some(KIND), 2));
    assert!(!lab.hop_sets.contains_key(&plain));
}
