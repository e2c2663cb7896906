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

/// Two internal neighbours, and 10.9.0.0/24 behind `eth1`.
fn with_another_link() -> Lab {
    let mut lab = internal(2);
    lab.tell(Input::Link { ifindex: 8, name: "eth1", up: true });
    lab.tell(Input::Address(8, "10.9.0.1/24".parse().unwrap()));
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
    let mut lab = with_another_link();
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

#[test]
fn a_next_hop_that_comes_back_before_anything_was_done_has_its_routes_again() {
    let mut lab = with_another_link();
    let prefixes = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"];
    lab.announce_to(1, 0, &prefixes, Ipv4Addr::new(10, 9, 0, 2), |_| {});
    lab.announce_to(2, 0, &prefixes[..2], address(2), |b| {
        b.med(Some(10));
    });
    lab.settle();
    for up in [false, true] {
        lab.tell(Input::Link { ifindex: 8, name: "eth1", up });
    }
    lab.settle();
    for prefix in prefixes {
        assert_eq!(lab.ways(prefix), ["10.9.0.2"], "{prefix}");
    }
    // The session goes with the link, and both are back before anything was done.
    lab.tell(Input::Link { ifindex: 8, name: "eth1", up: false });
    lab.down(1);
    lab.tell(Input::Link { ifindex: 8, name: "eth1", up: true });
    lab.up(1);
    lab.announce_to(1, 0, &prefixes, Ipv4Addr::new(10, 9, 0, 2), |_| {});
    lab.settle();
    for prefix in prefixes {
        assert_eq!(lab.ways(prefix), ["10.9.0.2"], "{prefix}");
    }
}

#[test]
fn what_was_discarded_is_forwarded_when_the_one_who_asked_for_it_goes() {
    let mut lab = internal(2);
    lab.tell(Input::Statics(vec![static_route("198.51.100.1/32", None, 1)]));
    let prefixes = ["192.0.2.0/24", "203.0.113.0/24"];
    lab.announce_to(1, 0, &prefixes, Ipv4Addr::new(198, 51, 100, 1), |_| {});
    lab.announce_to(2, 0, &prefixes, address(2), |b| {
        b.med(Some(10));
    });
    lab.settle();
    assert_eq!(lab.ways(prefixes[0]), ["discard"]);
    lab.down(1);
    lab.settle();
    assert_eq!(prefixes.map(|p| lab.ways(p)), [["10.0.0.3"], ["10.0.0.3"]]);
    // And the other way round.
    lab.up(1);
    lab.announce_to(1, 0, &prefixes, Ipv4Addr::new(198, 51, 100, 1), |b| {
        b.med(Some(20));
    });
    lab.settle();
    lab.down(2);
    lab.settle();
    assert_eq!(prefixes.map(|p| lab.ways(p)), [["discard"], ["discard"]]);
}

/// Anything may happen between two slices of walks; in the end each route leads where its best paths do.
#[test]
fn whatever_happens_while_walks_are_under_way_routes_lead_where_their_best_paths_do() {
    for seed in 0..400u64 {
        let mut dice = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut roll = |sides: u64| {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            dice % sides
        };
        let mut lab = Lab::new();
        for (ifindex, name, net) in [(8, "eth1", "10.8.0.1/24"), (9, "eth2", "10.9.0.1/24")] {
            lab.tell(Input::Link { ifindex, name, up: true });
            lab.tell(Input::Address(ifindex, net.parse().unwrap()));
        }
        (1..=3).for_each(|n| lab.add(n, PeerKind::Internal));
        let mut up = [true; 3];
        let names: Vec<String> = (0..12).map(|i| format!("192.0.2.{}/32", i)).collect();
        for _ in 0..30 {
            let n = roll(3) as u16 + 1;
            match roll(9) {
                0 => {
                    let (ifindex, name) = [(8, "eth1"), (9, "eth2")][roll(2) as usize];
                    let first = roll(2) == 0;
                    lab.tell(Input::Link { ifindex, name, up: first });
                    if roll(2) == 0 {
                        lab.tell(Input::Link { ifindex, name, up: !first });
                    }
                }
                1 if up[n as usize - 1] => {
                    lab.down(n);
                    up[n as usize - 1] = false;
                }
                1 => {
                    lab.up(n);
                    up[n as usize - 1] = true;
                }
                2 if roll(5) == 0 => {
                    let max = [1, 256][roll(2) as usize];
                    let best = crate::best::Options { max_paths_ibgp: max, ..Default::default() };
                    lab.tell(Input::Settings(Settings { best: [best; 2], ..Settings::default() }));
                }
                3 | 4 => drop(lab.core.walk()),
                _ if up[n as usize - 1] => {
                    let hop = [address(n), Ipv4Addr::new(10, 8, 0, 2), Ipv4Addr::new(10, 9, 0, 2)];
                    let hop = hop[roll(3) as usize];
                    let some: Vec<&str> = names.iter().filter(|_| roll(2) == 0).map(String::as_str).collect();
                    let med = roll(3) as u32;
                    lab.announce_to(n, 0, &some, hop, |b| {
                        b.med(Some(med)).set_as_path(&[Asn(500)]);
                    });
                }
                _ => {}
            }
        }
        lab.settle();
        for name in &names {
            let net: ipnet::Ipv4Net = name.parse().unwrap();
            let id = lab.core.v4.table.find(net.network().into(), 32);
            let wanted = id.and_then(|id| lab.core.v4.forwarding(&lab.core.shared, id));
            let hops = |(members, _): (crate::nexthop::Members, u8)| -> BTreeSet<String> {
                let of = |m: &crate::nexthop::Member| match lab.core.shared.next_hops.resolution(m.next_hop) {
                    crate::nexthop::Resolution::Resolved { hops, .. } => hops[0].gateway.unwrap().to_string(),
                    other => panic!("seed {seed}: {name} leads over {other:?}"),
                };
                members.iter().map(of).collect()
            };
            let wanted = wanted.map(hops).unwrap_or_default();
            assert_eq!(lab.ways(name).into_iter().collect::<BTreeSet<_>>(), wanted, "seed {seed}, {name}");
        }
        (1..=3).filter(|n| up[*n as usize - 1]).for_each(|n| lab.down(n));
        lab.settle();
        assert!(lab.kernel.is_empty() && lab.hop_sets.is_empty(), "seed {seed}");
        assert_eq!(lab.core.shared.hop_sets.iter().count(), 0);
    }
}
