//! A member of a confederation (RFC 5065): what the other members and those outside are told.

use super::*;
use crate::best;

const NO_EXPORT: u32 = 0xffff_ff01;
const LOCAL_AS: u32 = 0xffff_ff03;

/// 1 is outside, 2 of our member AS, 3 and 4 of other members.
fn lab() -> Lab {
    let mut lab = Lab::new();
    lab.add(1, PeerKind::External);
    lab.add(2, PeerKind::Internal);
    lab.add(3, PeerKind::Confederation);
    lab.add(4, PeerKind::Confederation);
    lab
}

fn block(lab: &Lab, n: u16, prefix: &str) -> Vec<u8> {
    lab.peers[&n].1[&prefix.parse::<IpNet>().unwrap()].0.clone()
}

#[test]
fn a_route_from_outside_keeps_all_but_its_path_inside() {
    let mut lab = lab();
    lab.announce(1, &["192.0.2.0/24"], |b| {
        b.med(Some(7));
    });
    lab.settle();
    assert_eq!(lab.path(2, "192.0.2.0/24"), "101 via 10.0.0.2");
    assert_eq!(lab.path(3, "192.0.2.0/24"), "(65000) 101 via 10.0.0.2");
    let block = block(&lab, 3, "192.0.2.0/24");
    let view = AttrView::new(&block);
    assert_eq!((view.local_pref(), view.med()), (Some(100), Some(7)));
}

#[test]
fn a_route_of_another_member_goes_to_all_and_shows_outside_only_our_number() {
    let mut lab = lab();
    lab.announce(3, &["192.0.2.0/24"], |b| {
        b.local_pref(Some(150)).med(Some(7));
    });
    lab.settle();
    assert_eq!(lab.path(1, "192.0.2.0/24"), "65000 via 10.0.0.1");
    assert_eq!(lab.path(2, "192.0.2.0/24"), "(103) via 10.0.0.4");
    assert_eq!(lab.path(4, "192.0.2.0/24"), "(65000 103) via 10.0.0.4");
    assert_eq!(lab.told(3), Vec::<String>::new());
    let block = block(&lab, 4, "192.0.2.0/24");
    let view = AttrView::new(&block);
    assert_eq!((view.local_pref(), view.med()), (Some(150), Some(7)));
}

#[test]
fn internal_routes_go_to_other_members_without_what_reflection_left() {
    let mut lab = lab();
    lab.announce(2, &["192.0.2.0/24"], |b| {
        b.originator_id(Some(address(9))).push_cluster(Ipv4Addr::new(7, 7, 7, 7));
    });
    lab.settle();
    assert_eq!(lab.path(3, "192.0.2.0/24"), "(65000) via 10.0.0.3");
    let block = block(&lab, 3, "192.0.2.0/24");
    let view = AttrView::new(&block);
    assert_eq!((view.originator_id(), view.cluster_list().count()), (None, 0));
}

#[test]
fn next_hop_self_holds_towards_other_members_for_internal_routes_too() {
    let mut lab = Lab::new();
    let family = PeerFamily { next_hop_self: NextHopSelf::On, ..PeerFamily::default() };
    lab.add(2, PeerKind::Internal);
    lab.add_with(3, PeerKind::Confederation, family);
    lab.announce(2, &["192.0.2.0/24"], |_| {});
    lab.settle();
    assert_eq!(lab.path(3, "192.0.2.0/24"), "(65000) via 10.0.0.1");
}

#[test]
fn communities_keep_routes_in_the_confederation_or_in_our_member_as() {
    let mut lab = lab();
    lab.announce(2, &["192.0.2.0/24"], |b| {
        b.communities(vec![NO_EXPORT]);
    });
    lab.announce(2, &["198.51.100.0/24"], |b| {
        b.communities(vec![LOCAL_AS]);
    });
    lab.announce(3, &["203.0.113.0/24"], |b| {
        b.communities(vec![LOCAL_AS]);
    });
    lab.settle();
    assert_eq!(lab.told(1), Vec::<String>::new());
    assert_eq!(lab.told(2), ["203.0.113.0/24"]);
    assert_eq!(lab.told(3), ["192.0.2.0/24"]);
    assert_eq!(lab.told(4), ["192.0.2.0/24"]);
}

#[test]
fn confederation_segments_count_only_when_asked_for_and_external_paths_win() {
    let mut lab = lab();
    let both = |lab: &mut Lab| {
        lab.announce(3, &["192.0.2.0/24"], |b| {
            b.set_segments(&[(SegmentKind::ConfedSequence, &[Asn(103), Asn(99), Asn(98)])]);
        });
        lab.announce(4, &["192.0.2.0/24"], |_| {});
        lab.settle();
    };
    both(&mut lab);
    // Equal but for the router id.
    assert_eq!(lab.path(2, "192.0.2.0/24"), "(103 99 98) via 10.0.0.4");
    let options = best::Options { as_path_confed: true, ..best::Options::default() };
    lab.tell(Input::Settings(Settings { best: [options; 2], ..Settings::default() }));
    lab.settle();
    assert_eq!(lab.path(2, "192.0.2.0/24"), "(104) via 10.0.0.5");
    lab.tell(Input::Settings(Settings::default()));
    lab.announce(1, &["192.0.2.0/24"], |b| {
        b.set_as_path(&[]);
    });
    lab.settle();
    assert_eq!(lab.path(3, "192.0.2.0/24"), "(65000) via 10.0.0.2");
}
