//! Several paths of a prefix, from neighbours and to neighbours (RFC 7911).

use proptest::prelude::*;

use super::*;
use crate::peer::AddPaths;

const NET: &str = "192.0.2.0/24";

impl Lab {
    /// A neighbour that takes several paths.
    fn add_several(&mut self, n: u16, kind: PeerKind, which: AddPaths) {
        let family = PeerFamily { add_paths: Some(which), ..PeerFamily::default() };
        self.tell(Input::Peer(PeerId(n), Lab::config(n, kind, family)));
        self.peers.insert(n, (kind, Rib::new(), UpdateDecoder::new(context(kind))));
        self.up_several(n);
    }

    fn up_several(&mut self, n: u16) {
        self.up_with(n, PeerSession { add_path_send: [true, false], ..Lab::session(n) });
    }

    /// The AS paths that a neighbour holds of a prefix, sorted.
    fn paths(&self, n: u16, net: &str) -> Vec<String> {
        let net: IpNet = net.parse().unwrap();
        let of_net = self.several.get(&n).into_iter().flatten().filter(|((held, _), _)| *held == net);
        let mut paths: Vec<String> =
            of_net.map(|(_, (block, _))| AttrView::new(block).as_path().to_string()).collect();
        paths.sort();
        paths
    }
}

#[test]
fn a_neighbour_gets_no_more_paths_than_it_wants_and_those_are_the_best() {
    let mut lab = Lab::new();
    (1..=4).for_each(|n| lab.add(n, PeerKind::External));
    for (n, which) in [(5, AddPaths::All), (6, AddPaths::BestPerAs), (7, AddPaths::Best(3))] {
        lab.add_several(n, PeerKind::Internal, which);
    }
    for n in 1..=4 {
        lab.announce(n, &[NET], |b| {
            b.set_as_path(&vec![Asn(100 + u32::from(n)); 5 - usize::from(n)]);
        });
    }
    lab.settle();
    let counts = |lab: &Lab| [5, 6, 7].map(|n| lab.paths(n, NET).len());
    assert_eq!(counts(&lab), [4, 4, 3]);
    for n in 5..=7 {
        lab.down(n);
        let session = PeerSession { paths_limit: [2, 1], add_path_send: [true, false], ..Lab::session(n) };
        lab.up_with(n, session);
    }
    lab.settle();
    for n in 5..=7 {
        assert_eq!(lab.paths(n, NET), ["103 103", "104"], "{n}");
    }
    lab.withdraw(4, &[NET]);
    lab.settle();
    for n in 5..=7 {
        assert_eq!(lab.paths(n, NET), ["102 102 102", "103 103"], "{n}");
    }
}

#[test]
fn every_path_is_told_and_the_loss_of_one_leaves_the_others() {
    let mut lab = Lab::new();
    (1..=3).for_each(|n| lab.add(n, PeerKind::External));
    lab.add_several(4, PeerKind::Internal, AddPaths::All);
    lab.add_several(5, PeerKind::Internal, AddPaths::BestPerAs);
    lab.add_several(6, PeerKind::Internal, AddPaths::Best(2));
    for n in 1..=3 {
        lab.announce(n, &[NET], |b| {
            // Two of them by way of one AS.
            b.set_as_path(&[Asn(if n == 1 { 101 } else { 102 }), Asn(n.into())]);
        });
    }
    lab.settle();
    assert_eq!(lab.paths(4, NET), ["101 1", "102 2", "102 3"]);
    assert_eq!(lab.paths(5, NET), ["101 1", "102 2"]);
    assert_eq!(lab.paths(6, NET), ["101 1", "102 2"]);
    let before = lab.several[&4].clone();
    lab.withdraw(2, &[NET]);
    lab.settle();
    assert_eq!(lab.paths(4, NET), ["101 1", "102 3"]);
    assert_eq!(lab.paths(5, NET), ["101 1", "102 3"]);
    assert_eq!(lab.paths(6, NET), ["101 1", "102 3"]);
    assert!(lab.several[&4].iter().all(|kept| before.get(kept.0) == Some(kept.1)), "identifiers stay");
    lab.tell(Input::Link { ifindex: 7, name: "eth0", up: false });
    lab.settle();
    assert!(lab.paths(4, NET).is_empty(), "a path that nobody can use is of use to nobody");
}

#[test]
fn a_neighbour_s_paths_are_kept_apart_and_do_not_go_back() {
    let mut lab = Lab::new();
    lab.add_several(1, PeerKind::External, AddPaths::All);
    lab.add_several(2, PeerKind::External, AddPaths::All);
    lab.add(3, PeerKind::External);
    for (id, origin) in [(7, 70), (8, 80)] {
        lab.announce_path(1, id, &[NET], |b| {
            b.set_as_path(&[Asn(101), Asn(origin)]);
        });
    }
    lab.announce_path(2, 7, &[NET], |_| {});
    lab.settle();
    assert_eq!(lab.paths(1, NET), ["65000 102"]);
    assert_eq!(lab.paths(2, NET), ["65000 101 70", "65000 101 80"]);
    assert_eq!(lab.path(3, NET), "65000 102 via 10.0.0.1");
    lab.withdraw_path(1, 7, &[NET]);
    lab.settle();
    assert_eq!(lab.paths(2, NET), ["65000 101 80"]);
    assert_eq!(lab.ways(NET), ["10.0.0.3"]);
}

#[test]
fn another_choice_of_paths_is_told_by_difference() {
    let mut lab = Lab::new();
    (1..=3).for_each(|n| lab.add(n, PeerKind::External));
    lab.add_several(4, PeerKind::Internal, AddPaths::Best(1));
    for n in 1..=3 {
        lab.announce(n, &[NET], |_| {});
    }
    lab.settle();
    assert_eq!(lab.paths(4, NET), ["101"]);
    let family = PeerFamily { add_paths: Some(AddPaths::All), ..PeerFamily::default() };
    lab.tell(Input::Peer(PeerId(4), Lab::config(4, PeerKind::Internal, family)));
    lab.settle();
    assert_eq!(lab.paths(4, NET), ["101", "102", "103"]);
}

#[derive(Clone, Debug)]
enum Step {
    Announce(u16, u32, u8, u8),
    Withdraw(u16, u32, u8),
    Down(u16),
    Up(u16),
    Refresh(u16),
    Stick(u16),
    Work,
}

/// Neighbours 1 to 3 send, 1 and 2 with path identifiers; 2 to 5 hear, 3 of the best paths alone.
const SENDERS: u16 = 3;
const CHOICES: [(u16, AddPaths); 3] = [(2, AddPaths::All), (4, AddPaths::All), (5, AddPaths::BestPerAs)];

fn step() -> impl Strategy<Value = Step> {
    let sender = || 1..=SENDERS;
    prop_oneof![
        8 => (sender(), 0u32..3, 0u8..3, 0u8..4).prop_map(|(n, i, p, a)| Step::Announce(n, i, p, a)),
        5 => (sender(), 0u32..3, 0u8..3).prop_map(|(n, i, p)| Step::Withdraw(n, i, p)),
        1 => (1u16..=5).prop_map(Step::Down),
        2 => (1u16..=5).prop_map(Step::Up),
        1 => (2u16..=5).prop_map(Step::Refresh),
        1 => (4u16..=5).prop_map(Step::Stick),
        3 => Just(Step::Work),
    ]
}

fn net_of(p: u8) -> String {
    format!("192.0.{p}.0/24")
}

/// What senders sent: the first AS and another, by neighbour, identifier and prefix.
type Sent = BTreeMap<(u16, u32, u8), (u32, u32)>;

fn check(lab: &Lab, sent: &Sent, up: &BTreeSet<u16>) {
    for p in 0..3u8 {
        for (n, which) in CHOICES.into_iter().filter(|(n, _)| up.contains(n)) {
            let of_net = || sent.iter().filter(|((.., q), _)| *q == p);
            let mut wanted: Vec<String> = match which {
                // One of each AS: which of them is the decision process's business.
                AddPaths::BestPerAs => {
                    let first: BTreeSet<u32> = of_net().map(|(_, (first, _))| *first).collect();
                    first.into_iter().map(|first| first.to_string()).collect()
                }
                _ => of_net()
                    .filter(|((m, ..), _)| *m != n)
                    .map(|(_, (first, last))| format!("65000 {first} {last}"))
                    .collect(),
            };
            let mut held = lab.paths(n, &net_of(p));
            match which {
                AddPaths::BestPerAs => {
                    for path in &mut held {
                        *path = path.split(' ').next().unwrap_or("").to_owned();
                    }
                }
                _ if n == 4 => wanted.iter_mut().for_each(|w| *w = w.replace("65000 ", "")),
                _ => {}
            }
            wanted.sort();
            held.sort();
            assert_eq!(held, wanted, "{} at {n}", net_of(p));
        }
    }
}

fn play(steps: &[Step]) {
    let mut lab = Lab::new();
    let mut up = BTreeSet::from([1, 2, 3, 4, 5]);
    let mut sent = Sent::new();
    lab.add(1, PeerKind::External);
    lab.add_several(2, PeerKind::External, AddPaths::All);
    lab.add(3, PeerKind::External);
    lab.add_several(4, PeerKind::Internal, AddPaths::All);
    lab.add_several(5, PeerKind::Internal, AddPaths::BestPerAs);
    // The third gives no identifiers.
    let id_of = |n: u16, id: u32| if n == 3 { 0 } else { id };
    for step in steps {
        match *step {
            Step::Announce(n, id, p, variant) if up.contains(&n) => {
                let (id, first) = (id_of(n, id), 100 + u32::from(variant % 2));
                let last = u32::from(n) * 10 + id + 1000 * u32::from(variant / 2);
                lab.announce_path(n, id, &[&net_of(p)], |b| {
                    b.set_as_path(&[Asn(first), Asn(last)]);
                });
                sent.insert((n, id, p), (first, last));
            }
            Step::Withdraw(n, id, p) if up.contains(&n) => {
                lab.withdraw_path(n, id_of(n, id), &[&net_of(p)]);
                sent.remove(&(n, id_of(n, id), p));
            }
            Step::Down(n) if up.remove(&n) => {
                if lab.is_stuck.contains(&n) {
                    lab.unstick(n);
                }
                lab.down(n);
                sent.retain(|(m, ..), _| *m != n);
            }
            Step::Up(n) if up.insert(n) => match CHOICES.iter().any(|(m, _)| *m == n) {
                true => lab.up_several(n),
                false => lab.up(n),
            },
            Step::Refresh(n) if up.contains(&n) => {
                lab.tell(Input::Refresh(PeerId(n), Family::Ipv4Unicast));
            }
            Step::Stick(n) if up.contains(&n) && !lab.is_stuck.contains(&n) => lab.stick(n),
            Step::Work => {
                lab.core.work();
                lab.deliver();
            }
            _ => {}
        }
    }
    for n in lab.is_stuck.clone() {
        lab.unstick(n);
    }
    lab.settle();
    check(&lab, &sent, &up);
    for n in 1..=5 {
        lab.down(n);
    }
    lab.settle();
    assert_eq!((lab.core.v4.table.len(), lab.core.v4.table.path_count()), (0, 0));
    assert_eq!(lab.core.shared.attrs.len(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn at_rest_everybody_holds_the_paths_that_are_meant_for_it(
        steps in proptest::collection::vec(step(), 1..60)
    ) {
        play(&steps);
    }
}
