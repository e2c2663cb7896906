//! Fail-over of many kernel routes by one message: groups turn first, the table is put right afterwards.

use super::*;

/// Enough that not every prefix is asked where it will lead.
const MANY: usize = 3000;

fn many(lab: &mut Lab, n: u16, range: Range<usize>, med: u32) {
    let prefixes: Vec<String> = range.map(|i| format!("100.{}.{}.0/24", i / 256, i % 256)).collect();
    let prefixes: Vec<&str> = prefixes.iter().map(String::as_str).collect();
    lab.announce_to(n, 0, &prefixes, address(n), |b| {
        b.med(Some(med)).set_as_path(&[Asn(500)]);
    });
}

fn internal(n: u16) -> Lab {
    let mut lab = Lab::new();
    (1..=n).for_each(|n| lab.add(n, PeerKind::Internal));
    lab
}

/// Counts the messages about single routes from here on until the table rests.
fn routes_told(lab: &mut Lab) -> usize {
    let mut count = 0;
    loop {
        let more = lab.core.work();
        let changes = lab.core.take_fib();
        count += changes.iter().filter(|c| matches!(c, FibChange::Route { .. })).count();
        for change in changes {
            lab.core.shared.fib.push(change);
        }
        lab.deliver();
        if !more {
            return count;
        }
    }
}

#[test]
fn a_lost_session_turns_all_its_routes_at_once() {
    let mut lab = internal(2);
    many(&mut lab, 1, 0..MANY, 0);
    many(&mut lab, 2, 0..MANY, 10);
    lab.settle();
    assert_eq!(lab.ways("100.1.7.0/24"), ["10.0.0.2"]);
    lab.down(1);
    // No route was looked at yet.
    assert_eq!(lab.ways("100.0.0.0/24"), ["10.0.0.3"]);
    assert_eq!(lab.ways("100.11.183.0/24"), ["10.0.0.3"]);
    assert_eq!(routes_told(&mut lab), 0);
    assert_eq!(lab.kernel.len(), MANY);
    // When it comes back its routes hang on a group of their own again, and the turned one serves the other.
    lab.up(1);
    many(&mut lab, 1, 0..1, 0);
    lab.settle();
    assert_eq!(lab.ways("100.0.0.0/24"), ["10.0.0.2"]);
    assert_eq!(lab.ways("100.0.1.0/24"), ["10.0.0.3"]);
    lab.down(2);
    lab.settle();
    assert_eq!(lab.kernel.len(), 1);
    lab.down(1);
    lab.settle();
    assert!(lab.kernel.is_empty() && lab.hop_sets.is_empty());
}

#[test]
fn routes_that_lead_elsewhere_or_nowhere_are_put_right() {
    let mut lab = internal(4);
    many(&mut lab, 1, 0..MANY, 0);
    many(&mut lab, 2, 0..MANY - 200, 10);
    many(&mut lab, 3, MANY - 200..MANY - 100, 20);
    // What had its own route over the second all along.
    many(&mut lab, 2, MANY..MANY + 1, 10);
    // As much from another neighbour over the same next hop stays as it is.
    lab.announce_to(4, 0, &["203.0.113.0/24"], address(1), |_| {});
    lab.settle();
    lab.down(1);
    assert_eq!(lab.ways("100.0.0.0/24"), ["10.0.0.3"]);
    lab.settle();
    let name = |i: usize| format!("100.{}.{}.0/24", i / 256, i % 256);
    assert_eq!(lab.ways(&name(MANY - 201)), ["10.0.0.3"]);
    assert_eq!(lab.ways(&name(MANY - 200)), ["10.0.0.4"]);
    assert_eq!(lab.ways(&name(MANY - 101)), ["10.0.0.4"]);
    assert_eq!(lab.ways(&name(MANY - 100)), Vec::<String>::new());
    assert_eq!(lab.ways(&name(MANY)), ["10.0.0.3"]);
    assert_eq!(lab.ways("203.0.113.0/24"), ["10.0.0.2"]);
}

#[test]
fn a_lost_next_hop_turns_all_its_routes_at_once() {
    let mut lab = Lab::new();
    lab.tell(Input::Link { ifindex: 8, name: "eth1", up: true });
    lab.tell(Input::Address(8, "10.9.0.1/24".parse().unwrap()));
    (1..=2).for_each(|n| lab.add(n, PeerKind::Internal));
    let prefixes: Vec<String> = (0..MANY).map(|i| format!("100.{}.{}.0/24", i / 256, i % 256)).collect();
    let prefixes: Vec<&str> = prefixes.iter().map(String::as_str).collect();
    lab.announce_to(1, 0, &prefixes, Ipv4Addr::new(10, 9, 0, 2), |_| {});
    lab.announce_to(2, 0, &prefixes, address(2), |b| {
        b.med(Some(10));
    });
    lab.settle();
    assert_eq!(lab.ways("100.1.7.0/24"), ["10.9.0.2"]);
    lab.tell(Input::Link { ifindex: 8, name: "eth1", up: false });
    lab.deliver();
    assert_eq!(lab.ways("100.1.7.0/24"), ["10.0.0.3"]);
    lab.settle();
    assert_eq!((lab.ways("100.0.0.0/24"), lab.kernel.len()), (vec!["10.0.0.3".to_owned()], MANY));
}

#[test]
fn static_routes_over_the_same_next_hop_stay() {
    let mut lab = internal(2);
    lab.tell(Input::Statics(vec![static_route("198.51.100.0/24", Some("10.0.0.2"), 1)]));
    many(&mut lab, 1, 0..100, 0);
    many(&mut lab, 2, 0..100, 10);
    lab.settle();
    lab.down(1);
    assert_eq!(lab.ways("100.0.0.0/24"), ["10.0.0.3"]);
    assert_eq!(lab.ways("198.51.100.0/24"), ["10.0.0.2"]);
    lab.settle();
    assert_eq!(lab.ways("198.51.100.0/24"), ["10.0.0.2"]);
}
