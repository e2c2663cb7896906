//! What is put on routes at the edge: sites of origin, and a MED for everybody.

use super::*;
use crate::policy::ast::{AsPathList, ListEntry, Replace};
use crate::policy::compile::FilterSpec;

const PREFIX: &str = "192.0.2.0/24";
const SITE: [u8; 8] = [0, 3, 0xfd, 0xe9, 0, 0, 0, 9];

fn told(lab: &Lab, n: u16) -> Option<Vec<u8>> {
    lab.peers[&n].1.get(&PREFIX.parse::<IpNet>().unwrap()).map(|(block, _)| block.clone())
}

#[test]
fn routes_of_a_site_bear_its_mark_and_do_not_go_back_to_it() {
    let mut lab = Lab::new();
    let site = PeerFamily { site: Some(SITE), ..PeerFamily::default() };
    lab.add_with(1, PeerKind::External, site.clone());
    lab.add_with(2, PeerKind::External, site);
    lab.add(3, PeerKind::External);
    lab.announce(1, &[PREFIX], |_| {});
    lab.settle();
    assert_eq!(told(&lab, 2), None);
    let block = told(&lab, 3).unwrap();
    assert_eq!(AttrView::new(&block).ext_communities().collect::<Vec<_>>(), [SITE]);
    // The other way into the site is none any more.
    lab.tell(Input::Peer(PeerId(2), Lab::config(2, PeerKind::External, PeerFamily::default())));
    lab.settle();
    assert!(told(&lab, 2).is_some());
}

#[test]
fn a_med_for_everybody_comes_and_goes() {
    let mut lab = Lab::new();
    lab.add(1, PeerKind::External);
    lab.add(2, PeerKind::External);
    lab.add(3, PeerKind::Internal);
    let med = |lab: &Lab, n: u16| AttrView::new(&told(lab, n).unwrap()).med();
    lab.announce(1, &[PREFIX], |b| {
        b.med(Some(7));
    });
    lab.settle();
    assert_eq!((med(&lab, 2), med(&lab, 3)), (None, Some(7)));
    lab.tell(Input::Settings(Settings { max_med: Some(99), ..Settings::default() }));
    lab.settle();
    assert_eq!((med(&lab, 2), med(&lab, 3)), (Some(99), Some(99)));
    lab.tell(Input::Settings(Settings::default()));
    lab.settle();
    assert_eq!((med(&lab, 2), med(&lab, 3)), (None, Some(7)));
}

#[test]
fn a_med_of_the_time_after_a_start_goes_when_that_is_over() {
    let mut lab = Lab::new();
    let settings = Settings { max_med_on_startup: Some((60, 88)), ..Settings::default() };
    lab.tell(Input::Settings(settings.clone()));
    assert!(lab.core.max_med_on_startup(), "nobody is there yet");
    lab.now += 1000 * SECOND;
    lab.add(1, PeerKind::External);
    let began = lab.now;
    lab.add(2, PeerKind::Internal);
    let med = |lab: &Lab| AttrView::new(&told(lab, 2).unwrap()).med();
    lab.announce(1, &[PREFIX], |b| {
        b.med(Some(7));
    });
    lab.settle();
    assert_eq!(med(&lab), Some(88));
    assert_eq!(lab.core.deadline(), Some(began + 60 * SECOND));
    lab.tell(Input::Settings(Settings { max_med: Some(5), ..settings.clone() }));
    lab.settle();
    assert_eq!(med(&lab), Some(5), "the operator's word goes first");
    lab.tell(Input::Settings(settings.clone()));
    lab.settle();
    assert_eq!(med(&lab), Some(88));
    lab.now = began + 60 * SECOND;
    lab.core.tick(lab.now);
    lab.settle();
    assert_eq!((med(&lab), lab.core.max_med_on_startup(), lab.core.deadline()), (Some(7), false, None));
    lab.tell(Input::Settings(Settings { max_med_on_startup: Some((50, 9)), ..settings }));
    lab.settle();
    assert_eq!(med(&lab), Some(7), "it counts from the first session");
}

#[test]
fn policy_knows_the_length_of_a_path_and_where_a_route_comes_from() {
    let mut lab = Lab::new();
    let mut policies = Policies::default();
    let mut short = RouteMapEntry::new(Action::Permit);
    short.matches = vec![Match::AsPathCount(2)];
    policies.route_maps.insert("SHORT".to_owned(), [(10, short)].into());
    let mut from = RouteMapEntry::new(Action::Deny);
    from.matches = vec![Match::SrcPeer(ast::PeerMatch::Address(address(2).into()))];
    policies
        .route_maps
        .insert("NOT2".to_owned(), [(10, from), (20, RouteMapEntry::new(Action::Permit))].into());
    lab.tell(Input::Policies(policies));
    let filter = |name: &str| FilterSpec { route_map: Some(name.to_owned()), ..FilterSpec::default() };
    lab.add_with(1, PeerKind::External, PeerFamily { import: filter("SHORT"), ..PeerFamily::default() });
    lab.add(2, PeerKind::External);
    lab.add_with(3, PeerKind::External, PeerFamily { export: filter("NOT2"), ..PeerFamily::default() });
    lab.announce(1, &[PREFIX], |b| {
        b.set_as_path(&[Asn(101), Asn(5), Asn(5)]);
    });
    lab.settle();
    assert_eq!(told(&lab, 3), None);
    lab.announce(1, &[PREFIX], |b| {
        b.set_as_path(&[Asn(101), Asn(5)]);
    });
    lab.settle();
    assert!(told(&lab, 3).is_some());
    // A better path of the other neighbour, with attributes that the first one could have sent as well.
    lab.announce_to(2, 0, &[PREFIX], address(1), |b| {
        b.set_as_path(&[Asn(7)]);
    });
    lab.settle();
    assert_eq!(told(&lab, 3), None);
    lab.withdraw(2, &[PREFIX]);
    lab.settle();
    assert_eq!(lab.path(3, PREFIX), "65000 101 5 via 10.0.0.1");
    // On the way in it is the neighbour itself.
    let import = PeerFamily { import: filter("NOT2"), ..PeerFamily::default() };
    lab.tell(Input::Peer(PeerId(2), Lab::config(2, PeerKind::External, import)));
    lab.announce(2, &["198.51.100.0/24"], |_| {});
    lab.settle();
    assert_eq!(lab.told(3), [PREFIX]);
}

#[test]
fn policy_sets_the_round_trip_time_as_it_is_when_a_route_comes() {
    let mut lab = Lab::new();
    let mut policies = Policies::default();
    for (name, how) in [("SET", ast::Measured::Set), ("ADD", ast::Measured::Add), ("SUB", ast::Measured::Sub)]
    {
        let mut entry = RouteMapEntry::new(Action::Permit);
        entry.sets.push(Set::Metric(MetricSet::RoundTrip(how)));
        policies.route_maps.insert(name.to_owned(), [(10, entry)].into());
    }
    lab.tell(Input::Policies(policies));
    let filter = |name: &str| FilterSpec { route_map: Some(name.to_owned()), ..FilterSpec::default() };
    let import = |name: &str| PeerFamily { import: filter(name), ..PeerFamily::default() };
    lab.add_with(1, PeerKind::Internal, import("SET"));
    lab.add_with(2, PeerKind::Internal, import("ADD"));
    lab.add_with(3, PeerKind::Internal, import("SUB"));
    lab.add_with(4, PeerKind::External, PeerFamily { export: filter("SET"), ..PeerFamily::default() });
    lab.add(5, PeerKind::External);
    let announce = |lab: &mut Lab, n: u16| {
        lab.announce(n, &[PREFIX], |b| {
            b.med(Some(10));
        });
        lab.settle();
        let path = &lab.core.prefix(PREFIX.parse().unwrap()).unwrap().paths[0];
        let med = path.summary.med;
        lab.withdraw(n, &[PREFIX]);
        lab.settle();
        med
    };
    for n in 1..=4 {
        lab.tell(Input::RoundTrip(PeerId(n), 7));
    }
    assert_eq!([1, 2, 3].map(|n| announce(&mut lab, n)), [7, 17, 3]);
    for n in 1..=3 {
        lab.tell(Input::RoundTrip(PeerId(n), 12));
    }
    assert_eq!([1, 2, 3].map(|n| announce(&mut lab, n)), [12, 22, 0]);
    // On the way out it is that of the neighbour who is told.
    lab.announce(5, &[PREFIX], |_| {});
    lab.settle();
    assert_eq!(AttrView::new(&told(&lab, 4).unwrap()).med(), Some(7));
}

#[test]
fn paths_with_our_own_as_must_pass_a_policy_of_their_own() {
    let mut lab = Lab::new();
    let mut entry = RouteMapEntry::new(Action::Permit);
    entry.matches = vec![Match::CommunityLimit(0)];
    let mut policies = Policies::default();
    policies.route_maps.insert("LOOPS".to_owned(), [(10, entry)].into());
    lab.tell(Input::Policies(policies.clone()));
    let own_as = crate::policy::compile::OwnAsFilter { route_map: "LOOPS".to_owned(), asns: vec![OUR_AS] };
    let import = FilterSpec { own_as: Some(own_as), ..FilterSpec::default() };
    lab.add_with(1, PeerKind::External, PeerFamily { import, ..PeerFamily::default() });
    lab.add(2, PeerKind::Internal);
    let announce = |lab: &mut Lab, path: &[Asn], communities: Vec<u32>| {
        lab.announce(1, &[PREFIX], |b| {
            b.set_as_path(path).communities(communities);
        });
        lab.settle();
        told(lab, 2).is_some()
    };
    let (looped, other) = ([Asn(101), Asn(OUR_AS)], [Asn(101), Asn(102)]);
    assert!(announce(&mut lab, &looped, Vec::new()));
    assert!(!announce(&mut lab, &looped, vec![1]));
    assert!(announce(&mut lab, &other, vec![1]));
    policies.route_maps.clear();
    lab.tell(Input::Policies(policies));
    assert!(announce(&mut lab, &other, Vec::new()));
    assert!(!announce(&mut lab, &looped, Vec::new()), "a route-map that is not there refuses");
}

#[test]
fn policy_counts_communities_and_replaces_what_a_list_names() {
    let mut lab = Lab::new();
    let mut policies = Policies::default();
    let list: AsPathList = [(5, ListEntry { action: Action::Permit, value: "^64[0-9]+$".to_owned() })].into();
    policies.as_path_lists.insert("PRIVATE".to_owned(), list);
    let with = |matches, set| RouteMapEntry {
        matches,
        sets: vec![Set::Replace(set)],
        ..RouteMapEntry::new(Action::Permit)
    };
    let ours = with(vec![Match::CommunityLimit(0)], Replace::List("PRIVATE".to_owned(), None));
    let other = with(
        vec![Match::CommunityLimit(2), Match::ExtCommunityLimit(0)],
        Replace::List("PRIVATE".to_owned(), Some(7)),
    );
    policies.route_maps.insert("IN".to_owned(), [(10, ours), (20, other)].into());
    lab.tell(Input::Settings(Settings { asn: Asn(OUR_AS), ..Settings::default() }));
    lab.tell(Input::Policies(policies));
    let import = FilterSpec { route_map: Some("IN".to_owned()), ..FilterSpec::default() };
    lab.add_with(1, PeerKind::External, PeerFamily { import, ..PeerFamily::default() });
    lab.add(2, PeerKind::Internal);
    let mut announce = |communities: Vec<u32>, ext: Vec<[u8; 8]>| {
        lab.announce(1, &[PREFIX], |b| {
            b.set_as_path(&[Asn(101), Asn(64512)]).communities(communities).ext_communities(ext);
        });
        lab.settle();
        told(&lab, 2).map(|block| AttrView::new(&block).as_path().to_string())
    };
    assert_eq!(announce(Vec::new(), Vec::new()).as_deref(), Some("101 65000"));
    assert_eq!(announce(vec![1, 2], Vec::new()).as_deref(), Some("101 7"));
    assert_eq!(announce(vec![1, 2], vec![SITE]), None);
    assert_eq!(announce(vec![1, 2, 3], Vec::new()), None);
}
