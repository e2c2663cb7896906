//! `ip nht PROTO route-map`: over which routes next hops may be reached.

use super::*;
use crate::nexthop::NextHopUser;
use crate::nht::NhtMaps;
use crate::policy::ast::SourceProtocol;

const PREFIX: &str = "192.0.2.0/24";
const NEAR: &str = "198.51.100.0/24";
const FAR: &str = "203.0.113.0/24";

/// One route-map: what is of this protocol is refused.
fn without(protocol: SourceProtocol) -> Policies {
    let mut refuse = RouteMapEntry::new(Action::Deny);
    refuse.matches = vec![Match::SourceProtocol(protocol)];
    let mut policies = Policies::default();
    let map = [(10, refuse), (20, RouteMapEntry::new(Action::Permit))].into();
    policies.route_maps.insert("NHT".to_owned(), map);
    policies
}

fn settings(bgp: Option<&str>, fixed: Option<&str>) -> Input<'static> {
    let maps = NhtMaps { bgp: bgp.map(str::to_owned), fixed: fixed.map(str::to_owned) };
    Input::Settings(Settings { nht: [maps, NhtMaps::default()], ..Settings::default() })
}

fn valid(lab: &Lab) -> bool {
    lab.core.prefix(PREFIX.parse().unwrap()).unwrap().paths[0].valid
}

fn lab() -> Lab {
    let mut lab = Lab::new();
    let near = static_route(NEAR, Some("10.0.0.9"), 1);
    let far = static_route(FAR, Some("198.51.100.1"), 1);
    lab.tell(Input::Statics(vec![near, far]));
    lab.add(1, PeerKind::Internal);
    lab.announce_to(1, 0, &[PREFIX], Ipv4Addr::new(198, 51, 100, 7), |_| {});
    lab.settle();
    assert!(valid(&lab));
    assert_eq!(lab.ways(PREFIX), ["10.0.0.9"]);
    lab
}

#[test]
fn a_policy_keeps_bgp_from_routes_that_static_routes_may_lean_on() {
    let mut lab = lab();
    lab.tell(settings(Some("NHT"), None));
    lab.settle();
    assert!(valid(&lab), "a route-map that is not there permits");
    lab.tell(Input::Policies(without(SourceProtocol::Static)));
    lab.settle();
    assert!(!valid(&lab));
    assert_eq!(lab.ways(PREFIX), [""; 0]);
    assert_eq!(lab.ways(FAR), ["10.0.0.9"]);
    let of = |user| lab.core.next_hops().into_iter().find(|v| v.key.user == user && v.withheld);
    let held = of(NextHopUser::Bgp).unwrap();
    assert!(held.resolution.usable(), "what it would be is shown");
    assert!(of(NextHopUser::Static).is_none());
    let addresses = ["198.51.100.9", "10.0.0.9"].map(|a| a.parse().unwrap());
    assert_eq!(lab.core.withheld(&addresses), [true, false]);
    lab.tell(Input::Policies(without(SourceProtocol::Kernel)));
    lab.settle();
    assert!(valid(&lab));
    assert_eq!(lab.ways(PREFIX), ["10.0.0.9"]);
    lab.tell(Input::Policies(without(SourceProtocol::Connected)));
    lab.settle();
    assert!(valid(&lab), "the static route is asked about, not what it leans on");
}

#[test]
fn a_policy_keeps_static_routes_from_each_other_and_what_leans_on_them_follows() {
    let mut lab = lab();
    lab.tell(Input::Policies(without(SourceProtocol::Static)));
    lab.tell(settings(None, Some("NHT")));
    lab.settle();
    assert_eq!(lab.ways(NEAR), ["10.0.0.9"]);
    assert_eq!(lab.ways(FAR), [""; 0]);
    assert!(valid(&lab));
    lab.tell(Input::Policies(without(SourceProtocol::Connected)));
    lab.settle();
    assert_eq!(lab.ways(NEAR), [""; 0]);
    assert!(!valid(&lab), "its next hop lost the route that it had");
    lab.tell(settings(None, None));
    lab.settle();
    assert_eq!((lab.ways(NEAR), lab.ways(FAR)), (vec!["10.0.0.9".to_owned()], vec!["10.0.0.9".to_owned()]));
    assert!(valid(&lab));
}

#[test]
fn the_longest_match_alone_is_asked_about() {
    let mut lab = lab();
    lab.tell(Input::KernelRoute {
        prefix: "198.51.0.0/16".parse().unwrap(),
        metric: 0,
        hops: smallvec::smallvec![ResolvedHop {
            gateway: Some("10.0.0.8".parse().unwrap()),
            ifindex: 7,
            onlink: false
        }],
    });
    lab.tell(Input::Policies(without(SourceProtocol::Static)));
    lab.tell(settings(Some("NHT"), None));
    lab.settle();
    assert!(!valid(&lab), "a shorter one is no substitute");
    lab.tell(Input::Statics(Vec::new()));
    lab.settle();
    assert_eq!(lab.ways(PREFIX), ["10.0.0.8"]);
}
