//! What is told when: bursts, neighbours that take nothing, refreshes in between.

use super::*;

#[test]
fn what_is_told_in_one_go_is_told_once() {
    let mut lab = Lab::new();
    lab.add(1, PeerKind::External);
    lab.add(2, PeerKind::External);
    lab.settle();
    for _ in 0..3 {
        lab.announce(1, &["192.0.2.0/24"], |_| {});
        lab.withdraw(1, &["192.0.2.0/24"]);
    }
    lab.core.flush();
    assert!(lab.core.poll().is_none(), "nothing changed in the end");
}

#[test]
fn a_neighbour_that_takes_nothing_does_not_hold_up_the_others() {
    let mut lab = Lab::new();
    (1..=3).for_each(|n| lab.add(n, PeerKind::External));
    lab.settle();
    lab.stick(3);
    lab.announce(1, &["192.0.0.0/24"], |_| {});
    lab.settle();
    // For a moment they wait for it, which is mostly the end of it.
    assert_eq!((lab.told(2).len(), lab.core.v4.groups.len()), (0, 1));
    let due = lab.core.deadline().expect("an end of the waiting");
    assert_eq!(due, lab.now + 100 * bgp::types::MILLISECOND);
    lab.core.tick(due);
    lab.settle();
    assert_eq!((lab.told(2).len(), lab.core.deadline()), (1, None));
    for i in 1..20u8 {
        lab.announce(1, &[&format!("192.0.{i}.0/24")], |_| {});
        lab.settle();
    }
    assert_eq!(lab.told(2).len(), 20);
    assert!(lab.told(3).is_empty());
    lab.unstick(3);
    assert_eq!(lab.told(3).len(), 20);
    lab.settle();
    assert_eq!(lab.core.v4.groups.len(), 1, "one group again");
}

#[test]
fn other_words_are_not_forgotten_while_a_neighbour_takes_nothing() {
    let mut lab = Lab::new();
    let mut policies = Policies::default();
    policies.route_maps.insert("ALL".into(), BTreeMap::from([(10, RouteMapEntry::new(Action::Permit))]));
    lab.tell(Input::Policies(policies));
    (1..=2).for_each(|n| lab.add(n, PeerKind::External));
    lab.announce(1, &["192.0.2.0/24"], |b| {
        b.communities(vec![7]);
    });
    lab.settle();
    let communities = |lab: &Lab| {
        AttrView::new(&lab.peers[&2].1[&"192.0.2.0/24".parse::<IpNet>().unwrap()].0).communities().count()
    };
    assert_eq!(communities(&lab), 1);
    lab.stick(2);
    // First other words, then another filter, before anything could be said.
    let mut family = PeerFamily::default();
    family.send_community.standard = false;
    lab.tell(Input::Peer(PeerId(2), Lab::config(2, PeerKind::External, family.clone())));
    lab.settle();
    family.export.route_map = Some("ALL".into());
    lab.tell(Input::Peer(PeerId(2), Lab::config(2, PeerKind::External, family)));
    lab.settle();
    lab.unstick(2);
    assert_eq!(communities(&lab), 0);
}

#[test]
fn what_changes_while_a_refresh_is_answered_is_told_though_it_looks_the_same() {
    let mut lab = Lab::new();
    (1..=2).for_each(|n| lab.add(n, PeerKind::External));
    lab.announce(1, &["192.0.2.0/24", "198.51.100.0/24"], |_| {});
    lab.settle();
    lab.stick(2);
    lab.tell(Input::Refresh(PeerId(2), Family::Ipv4Unicast));
    lab.settle();
    // Whoever asks again forgets what is not said again.
    lab.peers.get_mut(&2).unwrap().1.clear();
    // Another AS's MED is not told.
    lab.announce(1, &["192.0.2.0/24"], |b| {
        b.med(Some(5));
    });
    lab.unstick(2);
    assert_eq!(lab.told(2), ["192.0.2.0/24", "198.51.100.0/24"]);
}

#[test]
fn a_neighbour_gets_no_more_than_its_limit_and_the_rest_when_there_is_room() {
    let mut lab = Lab::new();
    lab.add(1, PeerKind::External);
    let family = PeerFamily { maximum_prefix_out: Some(2), ..PeerFamily::default() };
    lab.add_with(2, PeerKind::External, family);
    lab.add(3, PeerKind::External);
    let all = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"];
    lab.announce(1, &all, |_| {});
    lab.settle();
    let told = lab.told(2);
    assert_eq!((told.len(), lab.told(3).len()), (2, 3));
    // What is told already may change.
    lab.announce(1, &[&told[0]], |b| {
        b.communities(vec![7]);
    });
    lab.settle();
    assert_eq!(lab.told(2), told);
    lab.withdraw(1, &[&told[0]]);
    lab.settle();
    let rest: Vec<&str> = all.into_iter().filter(|net| **net != told[0]).collect();
    assert_eq!(lab.told(2), rest);
    lab.withdraw(1, &rest);
    lab.settle();
    assert!(lab.told(2).is_empty() && lab.core.v4.table.is_empty());
}

#[test]
fn after_a_start_nobody_is_told_anything_before_all_have_told_what_they_know() {
    let mut lab = Lab::new();
    let hold =
        crate::hold::HoldSettings { update_delay: Some((100, 100)), neighbors: 2, ..Default::default() };
    lab.tell(Input::Settings(Settings { hold, ..Settings::default() }));
    (1..=2).for_each(|n| lab.add(n, PeerKind::External));
    lab.announce(1, &["192.0.2.0/24"], |_| {});
    lab.settle();
    assert!(lab.told(2).is_empty());
    assert_eq!(lab.ways("192.0.2.0/24"), ["10.0.0.2"], "the kernel need not wait");
    let mut end_of_rib = |n: u16| {
        let ops = vec![Op::EndOfRib(Family::Ipv4Unicast)];
        lab.tell(Input::Updates(PeerId(n), &UpdateBatch { ops, ..UpdateBatch::default() }));
        lab.settle();
        lab.told(2).len()
    };
    assert_eq!(end_of_rib(1), 0);
    assert_eq!(end_of_rib(2), 1);
    // A neighbour that comes later changes nothing.
    lab.add(3, PeerKind::External);
    lab.announce(1, &["198.51.100.0/24"], |_| {});
    lab.settle();
    assert_eq!((lab.told(2).len(), lab.told(3).len()), (2, 2));
}

#[test]
fn a_delay_after_a_start_ends_when_its_time_has_come() {
    let mut lab = Lab::new();
    let hold = crate::hold::HoldSettings { advertisement_delay: Some(60), ..Default::default() };
    lab.tell(Input::Settings(Settings { hold, ..Settings::default() }));
    (1..=2).for_each(|n| lab.add(n, PeerKind::External));
    lab.announce(1, &["192.0.2.0/24"], |_| {});
    lab.settle();
    assert!(lab.told(2).is_empty());
    let deadline = lab.core.deadline().unwrap();
    lab.core.tick(deadline - 1);
    lab.settle();
    assert!(lab.told(2).is_empty());
    lab.core.tick(deadline);
    lab.settle();
    assert_eq!((lab.told(2).len(), lab.core.deadline()), (1, None));
}

#[test]
fn neighbours_hear_of_a_route_when_the_kernel_has_it() {
    let pending =
        |suppress_fib_pending| Input::Settings(Settings { suppress_fib_pending, ..Settings::default() });
    let mut lab = Lab::new();
    lab.tell(pending(true));
    (1..=3).for_each(|n| lab.add(n, PeerKind::External));
    let all = ["192.0.2.0/24", "198.51.100.0/24"];
    lab.announce(1, &all, |_| {});
    lab.settle();
    assert!(lab.told(3).is_empty() && lab.core.prefix(all[0].parse().unwrap()).unwrap().waits);
    lab.tell(Input::Installed(&[all[0].parse().unwrap()]));
    lab.settle();
    assert_eq!(lab.told(3), [all[0]]);
    // A better path: what was told stays until the kernel has turned.
    lab.announce(2, &[all[0]], |b| {
        b.set_as_path(&[]);
    });
    lab.settle();
    assert_eq!(lab.path(3, all[0]), "65000 101 via 10.0.0.1");
    lab.tell(Input::Refresh(PeerId(3), Family::Ipv4Unicast));
    lab.peers.get_mut(&3).unwrap().1.clear();
    lab.settle();
    assert_eq!(lab.told(3), [all[0]], "who asks again gets what it knew");
    lab.tell(Input::Installed(&[all[0].parse().unwrap()]));
    lab.settle();
    assert_eq!(lab.path(3, all[0]), "65000 via 10.0.0.1");
    // What must not be known any more goes at once, whatever the kernel does.
    lab.announce(2, &[all[0]], |b| {
        b.set_as_path(&[]).communities(vec![0xffff_ff01]);
    });
    lab.settle();
    assert!(lab.told(3).is_empty(), "NO_EXPORT");
    lab.tell(Input::Installed(&[all[0].parse().unwrap()]));
    lab.announce(2, &[all[0]], |b| {
        b.set_as_path(&[]);
    });
    lab.tell(Input::Installed(&[all[0].parse().unwrap()]));
    lab.settle();
    assert_eq!(lab.told(3), [all[0]]);
    // What is gone is told at once.
    lab.withdraw(1, &[all[0]]);
    lab.withdraw(2, &[all[0]]);
    lab.settle();
    assert!(lab.told(3).is_empty());
    lab.tell(pending(false));
    lab.settle();
    assert_eq!(lab.told(3), [all[1]], "nothing is waited for any more");
    assert_eq!(lab.told(2), [all[1]]);
}
