//! Routes that are told on a condition, against a naive model.

use proptest::prelude::*;

use super::*;
use crate::condition::Conditional;

/// Those in 10.0.0.0/8 are what is asked for, those in 172.16.0.0/12 what is told on the condition.
const PREFIXES: [&str; 6] =
    ["10.1.0.0/16", "10.1.1.0/24", "10.9.0.0/16", "172.16.0.0/16", "172.17.0.0/16", "192.0.2.0/24"];

const EXIST: u16 = 4;
const NON_EXIST: u16 = 5;
const DEFAULT: u16 = 6;

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

/// `ASKED` permits 10.0.0.0/8 and longer, with the community 1 if `tagged`; a default route gets the length of what was
/// found as its MED.
fn policies(tagged: bool) -> Policies {
    let mut policies = Policies::default();
    let mut map = |name: &str, prefix: &str, least: u8, tagged: bool, seq: u16, metric: Option<u32>| {
        let list = PrefixListEntry {
            action: Action::Permit,
            prefix: Some(net(prefix)),
            ge: Some(least),
            le: Some(32),
        };
        let list = ast::PrefixList { entries: BTreeMap::from([(5, list)]), ..Default::default() };
        policies.prefix_lists_v4.insert(format!("{name}{seq}"), list);
        let mut entry = RouteMapEntry::new(Action::Permit);
        entry.matches.push(Match::Ipv4Address(AddressMatch::PrefixList(format!("{name}{seq}"))));
        if tagged {
            entry.matches.push(Match::Metric(1));
        }
        entry.sets.extend(metric.map(|m| Set::Metric(MetricSet::Value(Arith::Set(m)))));
        policies.route_maps.entry(name.into()).or_default().insert(seq, entry);
    };
    map("ASKED", "10.0.0.0/8", 24, tagged, 10, Some(24));
    map("ASKED", "10.0.0.0/8", 8, tagged, 20, Some(8));
    map("TOLD", "172.16.0.0/12", 12, false, 10, Some(77));
    policies
}

#[derive(Clone, Debug)]
enum Step {
    Announce(u16, usize, bool),
    Withdraw(u16, usize),
    Down(u16),
    Up(u16),
    Policies(bool),
    Work,
}

fn step() -> impl Strategy<Value = Step> {
    let peer = || 1u16..=3;
    prop_oneof![
        8 => (peer(), 0..PREFIXES.len(), any::<bool>()).prop_map(|(n, p, t)| Step::Announce(n, p, t)),
        6 => (peer(), 0..PREFIXES.len()).prop_map(|(n, p)| Step::Withdraw(n, p)),
        1 => peer().prop_map(Step::Down),
        2 => peer().prop_map(Step::Up),
        1 => any::<bool>().prop_map(Step::Policies),
        3 => Just(Step::Work),
    ]
}

fn lab() -> Lab {
    let mut lab = Lab::new();
    lab.tell(Input::Policies(policies(false)));
    (1..=3).for_each(|n| lab.add(n, PeerKind::External));
    for (n, exist) in [(EXIST, true), (NON_EXIST, false)] {
        let conditional =
            Some(Conditional { advertise_map: "TOLD".into(), condition_map: "ASKED".into(), exist });
        lab.add_with(n, PeerKind::External, PeerFamily { conditional, ..PeerFamily::default() });
    }
    let default_originate = Some(Some("ASKED".into()));
    lab.add_with(DEFAULT, PeerKind::External, PeerFamily { default_originate, ..PeerFamily::default() });
    lab
}

fn check(lab: &Lab, sent: &BTreeMap<(u16, usize), bool>, tagged: bool) {
    let asked =
        sent.iter().filter(|((_, p), t)| net("10.0.0.0/8").contains(&net(PREFIXES[*p])) && (**t || !tagged));
    let first = asked.map(|((_, p), _)| net(PREFIXES[*p])).min();
    for (at, p) in PREFIXES.iter().enumerate() {
        let known = (1..=3).any(|n| sent.contains_key(&(n, at)));
        let conditional = net("172.16.0.0/12").contains(&net(p));
        for (n, exist) in [(EXIST, true), (NON_EXIST, false)] {
            let expected = known && (!conditional || first.is_some() == exist);
            let told = lab.peers[&n].1.get(&net(p));
            assert_eq!(told.is_some(), expected, "{p} at {n}");
            let med = told.and_then(|(block, _)| AttrView::new(block).med());
            assert_eq!(med, (told.is_some() && conditional).then_some(77), "{p} at {n}");
        }
    }
    let default = lab.peers[&DEFAULT].1.get(&net("0.0.0.0/0"));
    let med = default.map(|(block, _)| AttrView::new(block).med().unwrap());
    assert_eq!(med, first.map(|f| if f.prefix_len() >= 24 { 24 } else { 8 }), "the first is {first:?}");
}

fn play(steps: &[Step]) {
    let mut lab = lab();
    let (mut sent, mut up, mut tagged) = (BTreeMap::new(), BTreeSet::from([1, 2, 3]), false);
    for step in steps {
        match step {
            Step::Announce(n, p, t) if up.contains(n) => {
                lab.announce(*n, &[PREFIXES[*p]], |b| {
                    b.med(Some(u32::from(*t)));
                });
                sent.insert((*n, *p), *t);
            }
            Step::Withdraw(n, p) if up.contains(n) => {
                lab.withdraw(*n, &[PREFIXES[*p]]);
                sent.remove(&(*n, *p));
            }
            Step::Down(n) => {
                lab.down(*n);
                up.remove(n);
                sent.retain(|(m, _), _| m != n);
            }
            Step::Up(n) if !up.contains(n) => {
                lab.up(*n);
                up.insert(*n);
            }
            Step::Policies(t) => {
                tagged = *t;
                lab.tell(Input::Policies(policies(*t)));
            }
            Step::Work => {
                lab.core.work();
                lab.deliver();
            }
            _ => {}
        }
    }
    lab.settle();
    check(&lab, &sent, tagged);
    (1..=6).for_each(|n| lab.down(n));
    lab.settle();
    assert_eq!(lab.core.shared.attrs.len(), 0);
    assert_eq!(lab.core.shared.next_hops.iter().count(), 0);
    assert!(lab.core.v4.table.is_empty() && lab.core.v4.conditions.is_none());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn what_is_told_on_a_condition_is_told_while_it_holds(steps in proptest::collection::vec(step(), 1..60)) {
        play(&steps);
    }
}

#[test]
fn a_condition_without_its_route_map_lets_nothing_go() {
    let mut lab = Lab::new();
    lab.add(1, PeerKind::External);
    let mut policies = policies(false);
    policies.route_maps.remove("ASKED");
    lab.tell(Input::Policies(policies));
    let conditional =
        Some(Conditional { advertise_map: "TOLD".into(), condition_map: "ASKED".into(), exist: false });
    lab.add_with(2, PeerKind::External, PeerFamily { conditional, ..PeerFamily::default() });
    lab.announce(1, &["172.16.0.0/16", "192.0.2.0/24"], |_| {});
    lab.settle();
    assert_eq!(lab.told(2), ["192.0.2.0/24"]);
}

#[test]
fn another_condition_of_the_default_route_withdraws_nothing_before_it_is_known() {
    let mut lab = Lab::new();
    lab.tell(Input::Policies(policies(false)));
    lab.add(1, PeerKind::External);
    let mut policies = policies(false);
    policies.route_maps.insert("OTHER".into(), policies.route_maps["ASKED"].clone());
    lab.tell(Input::Policies(policies));
    let originate = |map: Option<&str>| PeerFamily {
        default_originate: Some(map.map(str::to_owned)),
        ..PeerFamily::default()
    };
    lab.add_with(2, PeerKind::External, originate(None));
    lab.announce(1, &["10.9.0.0/16"], |_| {});
    lab.settle();
    let default = |lab: &Lab| lab.peers[&2].1.contains_key(&net("0.0.0.0/0"));
    assert!(default(&lab));
    for map in [Some("ASKED"), Some("OTHER"), None, Some("OTHER")] {
        lab.tell(Input::Peer(PeerId(2), Lab::config(2, PeerKind::External, originate(map))));
        // Whatever is told in between, the route is never gone.
        for _ in 0..100 {
            lab.core.flush();
            lab.deliver();
            assert!(default(&lab), "{map:?}");
            if !lab.core.walk() {
                lab.now += SECOND;
                lab.core.tick(lab.now);
            }
            lab.deliver();
            assert!(default(&lab), "{map:?}");
        }
    }
    lab.withdraw(1, &["10.9.0.0/16"]);
    lab.settle();
    assert!(!default(&lab));
}
