use super::*;
use bgp::types::{Asn, Family};

fn instance(profile: Profile) -> Bgp {
    Bgp::new(Asn(65001), profile, Release::CURRENT)
}

fn with_member(mut bgp: Bgp, group: PeerGroup, member: Neighbor) -> (Bgp, PeerId) {
    let id = PeerId::from_word("10.0.0.1");
    bgp.peer_groups.insert("G".into(), group);
    bgp.neighbors.insert(id.clone(), Neighbor { peer_group: Some("G".into()), ..member });
    (bgp, id)
}

#[test]
fn a_release_is_read_from_any_version_text() {
    assert_eq!(Release::parse("8.4.4"), Release(8, 4));
    assert_eq!(Release::parse("10.8.0-dev"), Release(10, 8));
    assert_eq!(Release::parse("11"), Release(11, 0));
    assert_eq!(Release::parse("whatever"), Release::CURRENT);
}

#[test]
fn defaults_follow_profile_and_release() {
    assert!(Knobs::defaults(Profile::Traditional, Release::CURRENT).ebgp_requires_policy);
    assert!(!Knobs::defaults(Profile::Traditional, Release(7, 3)).ebgp_requires_policy);
    assert!(!Knobs::defaults(Profile::Datacenter, Release::CURRENT).ebgp_requires_policy);
    assert!(!Knobs::defaults(Profile::Datacenter, Release(8, 4)).enforce_first_as);
    assert!(Knobs::defaults(Profile::Datacenter, Release(9, 1)).enforce_first_as);
}

#[test]
fn a_member_overrides_its_group_and_the_group_the_instance() {
    let group = PeerGroup {
        options: PeerOptions {
            remote_as: Some(RemoteAs::External),
            timers: Some(Timers { keepalive: 1, hold: 3 }),
            passive: Some(true),
            ..PeerOptions::default()
        },
        ..PeerGroup::default()
    };
    let member = Neighbor {
        options: PeerOptions { passive: Some(false), ..PeerOptions::default() },
        ..Neighbor::default()
    };
    let (bgp, id) = with_member(instance(Profile::Datacenter), group, member);
    let settings = bgp.effective(&id).unwrap();
    assert_eq!(settings.remote_as, RemoteAs::External);
    assert_eq!(settings.timers, Timers { keepalive: 1, hold: 3 });
    assert!(!settings.passive);
    assert_eq!(settings.connect_retry, 10);
    assert!(settings.family(Family::Ipv4Unicast).activate);
    assert!(!settings.family(Family::Ipv6Unicast).activate);
}

#[test]
fn a_neighbor_without_remote_as_has_no_settings() {
    let (bgp, id) = with_member(instance(Profile::Traditional), PeerGroup::default(), Neighbor::default());
    assert_eq!(bgp.effective(&id), None);
}

#[test]
fn peers_sort_interfaces_then_ipv4_then_ipv6() {
    let mut ids: Vec<_> =
        ["2001:db8::1", "192.0.2.2", "eth0", "10.0.0.1"].into_iter().map(PeerId::from_word).collect();
    ids.sort();
    let names: Vec<_> = ids.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["eth0", "10.0.0.1", "192.0.2.2", "2001:db8::1"]);
}

#[test]
fn an_entry_with_a_foreign_match_never_matches_in_the_engine() {
    let mut config = Config::default();
    let entry = rib::policy::ast::RouteMapEntry::new(rib::policy::ast::Action::Permit);
    config.policies.route_maps.entry("R".into()).or_default().insert(10, entry);
    let line =
        KeptLine { command: "match alias ALIAS", key: String::new(), text: "match alias X".to_owned() };
    config.route_map_kept.entry(("R".into(), 10)).or_default().set(line);
    assert_eq!(config.engine_policies().route_maps["R"][&10].matches, [Match::Probability(0)]);
    assert!(config.policies.route_maps["R"][&10].matches.is_empty());
}
