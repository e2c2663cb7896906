//! Aggregates against a naive model: whatever routes come and go, and whatever is configured meanwhile.

use bgp::attrs::SegmentKind;
use bgp::types::Addr;
use proptest::prelude::*;

use super::*;
use crate::aggregate::Aggregate;

/// Prefixes that neighbours announce, some inside others and some the same as aggregates.
const PREFIXES: [&str; 7] = [
    "10.0.0.0/8",
    "10.1.0.0/16",
    "10.1.1.0/24",
    "10.1.1.128/25",
    "10.2.0.0/16",
    "10.2.3.0/24",
    "172.16.0.0/16",
];

const AGGREGATES: [&str; 5] = ["0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.1.0/24", "10.2.0.0/15"];

/// A neighbour that only listens, and one that gets what is suppressed, too.
const LISTENER: u16 = 4;
const UNSUPPRESSED: u16 = 5;

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

/// An aggregate by number: all combinations that can be configured.
fn aggregate(n: u8) -> Aggregate {
    Aggregate {
        as_set: n & 1 != 0,
        summary_only: n & 2 != 0,
        matching_med_only: n & 4 != 0,
        origin: (n & 8 != 0).then_some(Origin::Egp),
        suppress_map: (n & 2 == 0 && n & 16 != 0).then(|| "SOME".to_owned()),
        route_map: (n & 32 != 0).then(|| "MAP".to_owned()),
    }
}

/// `MAP` refuses or permits all aggregates, `SOME` permits 10.1.1.0/24 and what is inside.
fn policies(deny: bool) -> Policies {
    let mut policies = Policies::default();
    let list =
        PrefixListEntry { action: Action::Permit, prefix: Some(net("10.1.1.0/24")), ge: None, le: Some(32) };
    policies.prefix_lists_v4.insert(
        "INNER".into(),
        ast::PrefixList { entries: BTreeMap::from([(5, list)]), ..ast::PrefixList::default() },
    );
    let mut some = RouteMapEntry::new(Action::Permit);
    some.matches.push(Match::Ipv4Address(AddressMatch::PrefixList("INNER".into())));
    let all = RouteMapEntry::new(if deny { Action::Deny } else { Action::Permit });
    policies.route_maps.insert("SOME".into(), BTreeMap::from([(10, some)]));
    policies.route_maps.insert("MAP".into(), BTreeMap::from([(10, all)]));
    policies.route_maps.insert("ALL".into(), BTreeMap::from([(10, RouteMapEntry::new(Action::Permit))]));
    policies
}

/// The attributes of a route by number: AS_PATH behind the neighbour's AS, communities, ORIGIN, MED, ATOMIC_AGGREGATE.
fn variant(n: u8) -> (Vec<Asn>, Vec<u32>, Origin, Option<u32>, bool) {
    let path: &[u32] = [&[][..], &[7], &[7, 8], &[7, 7, 9]][usize::from(n & 3)];
    let origin = Origin::from_code(n >> 2 & 3);
    let med = [None, Some(0), Some(9)][usize::from(n >> 4) % 3];
    (path.iter().copied().map(Asn).collect(), vec![u32::from(n & 3), 5], origin, med, n & 7 == 7)
}

/// The first AS of paths: the same for two of the neighbours.
fn first_as(peer: u16) -> Asn {
    Asn(if peer == 3 { 200 } else { 100 })
}

#[derive(Clone, Debug)]
enum Step {
    Announce(u16, usize, u8),
    Withdraw(u16, usize),
    Down(u16),
    Up(u16),
    Configure(usize, Option<u8>),
    Deny(bool),
    Work,
}

fn step() -> impl Strategy<Value = Step> {
    let peer = || 1u16..=3;
    prop_oneof![
        8 => (peer(), 0..PREFIXES.len(), 0u8..48).prop_map(|(n, p, v)| Step::Announce(n, p, v)),
        5 => (peer(), 0..PREFIXES.len()).prop_map(|(n, p)| Step::Withdraw(n, p)),
        1 => peer().prop_map(Step::Down),
        2 => peer().prop_map(Step::Up),
        3 => (0..AGGREGATES.len(), proptest::option::weighted(0.8, 0u8..64))
            .prop_map(|(a, c)| Step::Configure(a, c)),
        1 => any::<bool>().prop_map(Step::Deny),
        3 => Just(Step::Work),
    ]
}

#[derive(Default)]
struct Model {
    sent: BTreeMap<(u16, usize), u8>,
    up: BTreeSet<u16>,
    aggregates: BTreeMap<IpNet, Aggregate>,
    deny: bool,
}

/// What a neighbour is told of an aggregate.
#[derive(PartialEq, Eq, Debug)]
struct Expected {
    path: String,
    origin: Origin,
    communities: Vec<u32>,
    atomic: bool,
}

impl Model {
    fn parts(&self, of: IpNet) -> Vec<(Vec<Asn>, u8)> {
        let inside = |p: usize| of.contains(&net(PREFIXES[p])) && net(PREFIXES[p]) != of;
        let sent = self.sent.iter().filter(|((_, p), _)| inside(*p));
        sent.map(|((n, _), v)| ([vec![first_as(*n)], variant(*v).0].concat(), *v)).collect()
    }

    fn expected(&self, of: IpNet) -> Option<Expected> {
        let config = self.aggregates.get(&of)?;
        let parts = self.parts(of);
        let meds: BTreeSet<u32> = parts.iter().map(|(_, v)| variant(*v).3.unwrap_or(0)).collect();
        let mismatch = config.matching_med_only && meds.len() > 1;
        if parts.is_empty() || mismatch || (config.route_map.is_some() && self.deny) {
            return None;
        }
        let worst = parts.iter().map(|(_, v)| variant(*v).2).max_by_key(|o| *o as u8).unwrap();
        let origin = config.origin.unwrap_or(worst);
        if !config.as_set {
            let path = OUR_AS.to_string();
            return Some(Expected { path, origin, communities: Vec::new(), atomic: true });
        }
        let longest = parts.iter().map(|(p, _)| p.len()).max().unwrap();
        let alike = |i: usize| parts.iter().all(|(p, _)| p.get(i).is_some() && p.get(i) == parts[0].0.get(i));
        let common = (0..longest).find(|i| !alike(*i)).unwrap_or(longest);
        let rest: BTreeSet<u32> = parts.iter().flat_map(|(p, _)| &p[common..]).map(|a| a.0).collect();
        let mut path = OUR_AS.to_string();
        parts[0].0[..common].iter().for_each(|a| path += &format!(" {}", a.0));
        if !rest.is_empty() {
            let rest: Vec<String> = rest.iter().map(ToString::to_string).collect();
            path += &format!(" {{{}}}", rest.join(","));
        }
        let communities: BTreeSet<u32> = parts.iter().flat_map(|(_, v)| variant(*v).1).collect();
        let atomic = parts.iter().any(|(_, v)| variant(*v).4);
        Some(Expected { path, origin, communities: communities.into_iter().collect(), atomic })
    }

    fn suppressed(&self, p: IpNet) -> bool {
        let covering = self.aggregates.iter().filter(|(a, _)| a.contains(&p) && **a != p);
        let mut active = covering.filter(|(a, _)| self.expected(**a).is_some());
        active.any(|(_, c)| c.summary_only || (c.suppress_map.is_some() && net("10.1.1.0/24").contains(&p)))
    }

    fn check(&self, lab: &Lab) {
        let told = |n: u16, p: &IpNet| lab.peers[&n].1.get(p);
        for a in AGGREGATES.map(net) {
            let expected = self.expected(a);
            for n in [LISTENER, UNSUPPRESSED].into_iter().filter(|_| expected.is_some()) {
                let (block, _) = told(n, &a).unwrap_or_else(|| panic!("{a} is not told: {expected:?}"));
                let view = AttrView::new(block);
                let found = Expected {
                    path: view.as_path().to_string(),
                    origin: view.origin(),
                    communities: view.communities().collect(),
                    atomic: view.atomic_aggregate(),
                };
                assert_eq!(Some(&found), expected.as_ref(), "{a}");
                assert_eq!(view.aggregator(), Some((Asn(OUR_AS), Ipv4Addr::new(9, 9, 9, 9))), "{a}");
                assert_eq!(lab.ways(&a.to_string()), ["discard"], "{a}");
            }
            let configured = lab.core.v4.aggregated(u32::from_ip(a.network()).unwrap(), a.prefix_len());
            let count = self.aggregates.contains_key(&a).then(|| self.parts(a).len() as u32);
            assert_eq!(configured, count, "{a}");
            let announced = PREFIXES.iter().any(|p| net(p) == a);
            if expected.is_none() && !announced {
                assert!(told(LISTENER, &a).is_none() && lab.ways(&a.to_string()).is_empty(), "{a} stays");
            }
        }
        for (at, p) in PREFIXES.iter().enumerate().filter(|(_, p)| self.expected(net(p)).is_none()) {
            let p = net(p);
            let known = (1..=3).any(|n| self.sent.contains_key(&(n, at)));
            assert_eq!(told(LISTENER, &p).is_some(), known && !self.suppressed(p), "{p} at the listener");
            assert_eq!(told(UNSUPPRESSED, &p).is_some(), known, "{p} where it is not suppressed");
            assert_eq!(!lab.ways(&p.to_string()).is_empty(), known, "{p} in the kernel");
        }
    }
}

fn lab() -> Lab {
    let mut lab = Lab::new();
    let router_id = Ipv4Addr::new(9, 9, 9, 9).into();
    lab.tell(Input::Settings(Settings { asn: Asn(OUR_AS), router_id, ..Settings::default() }));
    lab.tell(Input::Policies(policies(false)));
    (1..=4).for_each(|n| lab.add(n, PeerKind::External));
    let family = PeerFamily { unsuppress_map: Some("ALL".into()), ..PeerFamily::default() };
    lab.add_with(UNSUPPRESSED, PeerKind::External, family);
    lab
}

fn configure(lab: &mut Lab, aggregates: &BTreeMap<IpNet, Aggregate>) {
    let local = LocalRoutes { aggregates: aggregates.clone(), ..LocalRoutes::default() };
    lab.tell(Input::Local(Family::Ipv4Unicast, local));
}

fn announce(lab: &mut Lab, n: u16, prefix: &str, v: u8) {
    let (path, communities, origin, med, atomic) = variant(v);
    lab.announce(n, &[prefix], |b| {
        b.set_as_path(&[vec![first_as(n)], path].concat()).communities(communities);
        b.origin(origin).med(med).atomic_aggregate(atomic);
    });
}

fn play(steps: &[Step]) {
    let mut lab = lab();
    let mut model = Model { up: (1..=3).collect(), ..Model::default() };
    for step in steps {
        match step {
            Step::Announce(n, p, v) if model.up.contains(n) => {
                announce(&mut lab, *n, PREFIXES[*p], *v);
                model.sent.insert((*n, *p), *v);
            }
            Step::Withdraw(n, p) if model.up.contains(n) => {
                lab.withdraw(*n, &[PREFIXES[*p]]);
                model.sent.remove(&(*n, *p));
            }
            Step::Down(n) => {
                lab.down(*n);
                model.up.remove(n);
                model.sent.retain(|(m, _), _| m != n);
            }
            Step::Up(n) if !model.up.contains(n) => {
                lab.up(*n);
                model.up.insert(*n);
            }
            Step::Configure(at, config) => {
                let at = net(AGGREGATES[*at]);
                match config {
                    Some(n) => _ = model.aggregates.insert(at, aggregate(*n)),
                    None => _ = model.aggregates.remove(&at),
                }
                configure(&mut lab, &model.aggregates);
            }
            Step::Deny(deny) => {
                model.deny = *deny;
                lab.tell(Input::Policies(policies(*deny)));
            }
            Step::Work => {
                lab.core.work();
                lab.deliver();
            }
            _ => {}
        }
    }
    lab.settle();
    model.check(&lab);
    for n in 1..=3 {
        lab.down(n);
    }
    lab.settle();
    assert_eq!(lab.told(LISTENER).len(), 0, "aggregates of nothing are gone");
    assert_eq!(lab.core.shared.attrs.len(), 0);
    assert_eq!(lab.core.shared.next_hops.iter().count(), 0);
    assert!(lab.kernel.is_empty() && lab.hop_sets.is_empty() && lab.core.v4.table.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn aggregates_stand_for_what_is_there(steps in proptest::collection::vec(step(), 1..60)) {
        play(&steps);
    }
}

#[test]
fn a_table_in_motion_costs_an_aggregate_one_look_up_a_change() {
    let mut lab = lab();
    let all = Aggregate { summary_only: true, ..Aggregate::default() };
    configure(&mut lab, &BTreeMap::from([(net("0.0.0.0/0"), all.clone()), (net("10.0.0.0/8"), all)]));
    let prefixes: Vec<String> =
        (0..4000u32).map(|i| format!("{}/32", Ipv4Addr::from(0x0a00_0000 + i))).collect();
    let prefixes: Vec<&str> = prefixes.iter().map(String::as_str).collect();
    let looked_up = |lab: &Lab| lab.core.v4.aggregates.as_ref().unwrap().looked_up;
    lab.announce(1, &prefixes, |_| {});
    lab.settle();
    assert_eq!(looked_up(&lab), 2 * 4000);
    assert_eq!(lab.told(LISTENER), ["0.0.0.0/0", "10.0.0.0/8"]);
    for round in 0..3 {
        lab.announce(1, &prefixes, |b| {
            b.communities(vec![round]);
        });
        lab.settle();
    }
    assert_eq!(looked_up(&lab), 2 * 4000 * (1 + 2 * 3));
    lab.withdraw(1, &prefixes);
    lab.settle();
    assert_eq!(looked_up(&lab), 2 * 4000 * (2 + 2 * 3));
    assert!(lab.told(LISTENER).is_empty());
}

#[test]
fn an_aggregate_is_there_before_what_it_suppresses_goes_and_stays_until_it_is_back() {
    let mut lab = lab();
    let config = |summary_only| {
        BTreeMap::from([(net("10.1.0.0/16"), Aggregate { summary_only, ..Aggregate::default() })])
    };
    announce(&mut lab, 1, "10.1.1.0/24", 0);
    lab.settle();
    assert_eq!(lab.told(LISTENER), ["10.1.1.0/24"]);
    configure(&mut lab, &config(true));
    lab.settle();
    assert_eq!(lab.told(LISTENER), ["10.1.0.0/16"]);
    configure(&mut lab, &config(false));
    lab.settle();
    assert_eq!(lab.told(LISTENER), ["10.1.0.0/16", "10.1.1.0/24"]);
    configure(&mut lab, &BTreeMap::new());
    lab.settle();
    assert_eq!(lab.told(LISTENER), ["10.1.1.0/24"]);
}

#[test]
fn what_no_message_can_carry_gives_way_and_the_aggregate_stays() {
    let mut lab = lab();
    let as_set = Aggregate { as_set: true, ..Aggregate::default() };
    configure(&mut lab, &BTreeMap::from([(net("10.0.0.0/8"), as_set)]));
    for i in 0..40u32 {
        let path: Vec<Asn> = [vec![Asn(100)], (0..50).map(|j| Asn(100_000 + i * 50 + j)).collect()].concat();
        lab.announce(1, &[&format!("10.1.{i}.0/24")], |b| {
            b.set_as_path(&path).communities(vec![i]);
        });
    }
    lab.settle();
    let (block, _) = &lab.peers[&LISTENER].1[&net("10.0.0.0/8")];
    let view = AttrView::new(block);
    assert_eq!(view.as_path().to_string(), "65000 100");
    assert!(view.atomic_aggregate());
    assert_eq!(view.communities().count(), 40);
}

#[test]
fn graceful_shutdown_of_one_part_is_not_that_of_the_whole() {
    let mut lab = lab();
    let as_set = Aggregate { as_set: true, ..Aggregate::default() };
    configure(&mut lab, &BTreeMap::from([(net("10.0.0.0/8"), as_set)]));
    lab.announce(1, &["10.1.0.0/16"], |b| {
        b.communities(vec![7, bgp::wire::iana::community::GRACEFUL_SHUTDOWN]);
    });
    lab.settle();
    let (block, _) = &lab.peers[&LISTENER].1[&net("10.0.0.0/8")];
    assert_eq!(AttrView::new(block).communities().collect::<Vec<_>>(), [7]);
}

#[test]
fn an_aggregate_of_our_own_network_stays_when_the_network_gets_other_attributes() {
    let mut lab = lab();
    let aggregate = Aggregate { summary_only: true, ..Aggregate::default() };
    let mut tagged = policies(false);
    let mut entry = RouteMapEntry::new(Action::Permit);
    entry.sets.push(Set::Community { values: vec![77], additive: true });
    tagged.route_maps.insert("TAGGED".into(), BTreeMap::from([(10, entry)]));
    let settings = lab.core.shared.settings.clone();
    lab.tell(Input::Settings(Settings { import_check: false, ..settings }));
    lab.tell(Input::Policies(tagged));
    let mut network = |map: Option<&str>| {
        let networks = BTreeMap::from([(net("10.1.1.0/24"), map.map(str::to_owned))]);
        let aggregates = BTreeMap::from([(net("10.1.0.0/16"), aggregate.clone())]);
        let local = LocalRoutes { networks, aggregates, ..LocalRoutes::default() };
        lab.tell(Input::Local(Family::Ipv4Unicast, local));
        lab.settle();
        lab.told(LISTENER)
    };
    for map in [None, Some("TAGGED"), None] {
        assert_eq!(network(map), ["10.1.0.0/16"], "{map:?}");
    }
}

#[test]
fn members_of_our_confederation_are_no_part_of_an_aggregate() {
    let mut lab = lab();
    let aggregate = Aggregate { as_set: true, ..Aggregate::default() };
    configure(&mut lab, &BTreeMap::from([(net("10.0.0.0/8"), aggregate)]));
    for (n, prefix, member) in [(1, "10.1.0.0/16", 64701), (2, "10.2.0.0/16", 64702)] {
        lab.announce(n, &[prefix], |b| {
            b.set_segments(&[
                (SegmentKind::ConfedSequence, &[Asn(member)]),
                (SegmentKind::Sequence, &[Asn(100)]),
            ]);
        });
    }
    lab.settle();
    assert!(!lab.path(LISTENER, "10.0.0.0/8").contains("6470"), "{}", lab.path(LISTENER, "10.0.0.0/8"));
}

#[test]
fn what_an_aggregate_suppresses_is_looked_at_in_slices_before_neighbours_hear_of_it() {
    let mut lab = Lab::new();
    lab.tell(Input::Policies(policies(false)));
    lab.add(1, PeerKind::External);
    lab.add(2, PeerKind::Internal);
    let outer = net("10.0.0.0/8");
    configure(&mut lab, &BTreeMap::from([(outer, aggregate(2 | 32))]));
    let nets: Vec<String> = (0..20_000u32).map(|n| format!("10.{}.{}.0/24", n >> 8, n & 255)).collect();
    let nets: Vec<&str> = nets.iter().map(String::as_str).collect();
    lab.announce(1, &nets, |_| {});
    lab.settle();
    assert_eq!(lab.told(2), ["10.0.0.0/8"]);
    for deny in [true, false] {
        lab.tell(Input::Policies(policies(deny)));
        lab.deliver();
        let (held, mut slices) = (lab.told(2).len(), 0);
        lab.core.flush();
        while lab.core.walk() {
            slices += 1;
            lab.deliver();
            assert_eq!(lab.told(2).len(), held, "nothing is told in between");
            lab.core.flush();
        }
        assert!(slices > 2, "{slices}");
        lab.settle();
        assert_eq!(lab.told(2).len(), if deny { nets.len() } else { 1 });
    }
}
