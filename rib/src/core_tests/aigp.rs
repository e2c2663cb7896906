//! Accumulated IGP metrics (RFC 7311): who is told them, what the way through us adds, and what they decide.

use super::*;
use crate::best;
use crate::nexthop::ResolvedHop;
use crate::policy::ast::AigpSet;
use crate::policy::compile::FilterSpec;

/// The way to neighbour `n` is a route of somebody else with a metric.
fn distance(lab: &mut Lab, n: u16, metric: u32) {
    let gateway = Some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 200)));
    let prefix = IpNet::from(IpAddr::V4(address(n)));
    for old in [20, 30, 40] {
        lab.tell(Input::KernelRouteGone { prefix, metric: old });
    }
    let hops = vec![ResolvedHop { gateway, ifindex: 7, onlink: false }];
    lab.tell(Input::KernelRoute { prefix, metric, hops: hops.into() });
}

fn metric(lab: &Lab, n: u16) -> Option<u64> {
    AttrView::new(&lab.peers[&n].1[&"192.0.2.0/24".parse::<IpNet>().unwrap()].0).aigp()
}

fn compare(lab: &mut Lab) {
    let options = best::Options { aigp: true, ..best::Options::default() };
    lab.tell(Input::Settings(Settings { best: [options; 2], ..Settings::default() }));
}

#[test]
fn the_metric_goes_to_those_who_want_it_with_the_way_through_us_added() {
    let mut lab = Lab::new();
    lab.add(1, PeerKind::Internal);
    lab.add(2, PeerKind::Confederation);
    lab.add(3, PeerKind::External);
    lab.add(4, PeerKind::External);
    let config = PeerConfig { aigp: true, ..Lab::config(4, PeerKind::External, PeerFamily::default()) };
    lab.tell(Input::Peer(PeerId(4), config));
    let mut context = context(PeerKind::External);
    context.aigp = true;
    for n in [2, 4] {
        let kind = lab.peers[&n].0;
        lab.peers.get_mut(&n).unwrap().2.set_context(UpdateContext { kind, ..context.clone() });
    }
    lab.peers.get_mut(&2).unwrap().2.set_context(UpdateContext {
        kind: PeerKind::Confederation,
        confederation: true,
        ..context
    });
    distance(&mut lab, 1, 20);
    lab.announce(1, &["192.0.2.0/24"], |b| {
        b.aigp(Some(71));
    });
    lab.settle();
    // The other member goes there by itself, the external ones by way of us.
    assert_eq!((metric(&lab, 2), metric(&lab, 3), metric(&lab, 4)), (Some(71), None, Some(91)));
    distance(&mut lab, 1, 30);
    lab.settle();
    assert_eq!((metric(&lab, 2), metric(&lab, 3), metric(&lab, 4)), (Some(71), None, Some(101)));
}

#[test]
fn it_decides_before_the_length_of_the_path_where_that_is_asked_for() {
    let mut lab = Lab::new();
    lab.add(1, PeerKind::Internal);
    lab.add(2, PeerKind::Internal);
    lab.add(3, PeerKind::External);
    distance(&mut lab, 1, 20);
    distance(&mut lab, 2, 30);
    lab.announce(1, &["192.0.2.0/24"], |b| {
        b.set_as_path(&[Asn(7)]).aigp(Some(50));
    });
    lab.announce(2, &["192.0.2.0/24"], |b| {
        b.set_as_path(&[Asn(8), Asn(9)]).aigp(Some(30));
    });
    lab.settle();
    assert_eq!(lab.path(3, "192.0.2.0/24"), "65000 7 via 10.0.0.1");
    compare(&mut lab);
    lab.settle();
    assert_eq!(lab.path(3, "192.0.2.0/24"), "65000 8 9 via 10.0.0.1");
    distance(&mut lab, 2, 40);
    lab.announce(1, &["192.0.2.0/24"], |b| {
        b.set_as_path(&[Asn(7)]).aigp(Some(49));
    });
    lab.settle();
    assert_eq!(lab.path(3, "192.0.2.0/24"), "65000 7 via 10.0.0.1");
    // Without any metric there is nothing to say for a path.
    lab.announce(1, &["192.0.2.0/24"], |b| {
        b.set_as_path(&[Asn(7)]);
    });
    lab.settle();
    assert_eq!(lab.path(3, "192.0.2.0/24"), "65000 8 9 via 10.0.0.1");
}

#[test]
fn policy_sets_it_and_makes_a_med_of_it() {
    let mut lab = Lab::new();
    let entry = |sets| RouteMapEntry { sets, ..RouteMapEntry::new(Action::Permit) };
    let mut policies = Policies::default();
    let mut map = |name: &str, sets| policies.route_maps.insert(name.to_owned(), [(10, entry(sets))].into());
    map("IN", vec![Set::Aigp(AigpSet::Value(5))]);
    map("OUT", vec![Set::Metric(MetricSet::Aigp)]);
    map("IGP", vec![Set::Aigp(AigpSet::Igp)]);
    lab.tell(Input::Policies(policies));
    let filter = |name: &str| FilterSpec { route_map: Some(name.to_owned()), ..FilterSpec::default() };
    lab.add_with(1, PeerKind::Internal, PeerFamily { import: filter("IN"), ..PeerFamily::default() });
    lab.add_with(2, PeerKind::External, PeerFamily { export: filter("OUT"), ..PeerFamily::default() });
    distance(&mut lab, 1, 20);
    lab.announce(1, &["192.0.2.0/24"], |_| {});
    lab.settle();
    let (block, _) = &lab.peers[&2].1[&"192.0.2.0/24".parse::<IpNet>().unwrap()];
    assert_eq!((AttrView::new(block).med(), AttrView::new(block).aigp()), (Some(25), None));
    let config =
        Lab::config(1, PeerKind::Internal, PeerFamily { import: filter("IGP"), ..PeerFamily::default() });
    lab.tell(Input::Peer(PeerId(1), config));
    lab.announce(1, &["192.0.2.0/24"], |_| {});
    lab.settle();
    let (block, _) = &lab.peers[&2].1[&"192.0.2.0/24".parse::<IpNet>().unwrap()];
    assert_eq!(AttrView::new(block).med(), Some(40));
}

#[test]
fn policy_that_measures_the_way_is_asked_anew_when_it_changes() {
    let mut lab = Lab::new();
    let mut entry = RouteMapEntry::new(Action::Permit);
    entry.sets.push(Set::Metric(MetricSet::Igp));
    let mut policies = Policies::default();
    policies.route_maps.insert("IGP".into(), BTreeMap::from([(10, entry)]));
    lab.tell(Input::Policies(policies));
    let by_map = || FilterSpec { route_map: Some("IGP".into()), ..FilterSpec::default() };
    let import = PeerFamily { import: by_map(), ..PeerFamily::default() };
    lab.add_with(1, PeerKind::Internal, import);
    lab.add(2, PeerKind::Internal);
    lab.add(3, PeerKind::External);
    let export = PeerFamily { export: by_map(), ..PeerFamily::default() };
    lab.add_with(4, PeerKind::External, export);
    let med = |lab: &Lab, n: u16, prefix: &str| {
        AttrView::new(&lab.peers[&n].1[&prefix.parse::<IpNet>().unwrap()].0).med()
    };
    for (n, net) in [(1, "192.0.2.0/24"), (2, "198.51.100.0/24")] {
        distance(&mut lab, n, 20);
        lab.announce(n, &[net], |_| {});
    }
    lab.settle();
    let stored = |lab: &Lab| {
        let id = lab.core.v4.table.find(0xc000_0200, 24).unwrap();
        lab.core.shared.attrs.get(lab.core.v4.table.best(id).unwrap().attr).view().med()
    };
    assert_eq!((stored(&lab), med(&lab, 4, "198.51.100.0/24")), (Some(20), Some(20)));
    (1..=2).for_each(|n| distance(&mut lab, n, 30));
    lab.settle();
    assert_eq!((stored(&lab), med(&lab, 4, "198.51.100.0/24")), (Some(30), Some(30)));
    assert_eq!(med(&lab, 3, "198.51.100.0/24"), None);
}
