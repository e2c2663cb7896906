//! Origin validation: states, what policies make of them, and that no order of events leaves another table.

use proptest::prelude::*;

use super::*;
use crate::policy::ast::RpkiState;
use crate::rpki::{Vrp, VrpUpdate};

fn vrp(prefix: &str, max_len: u8, asn: u32) -> Vrp {
    Vrp { prefix: prefix.parse().unwrap(), max_len, asn: Asn(asn) }
}

/// Tells the table that payloads went and others came.
fn change(lab: &mut Lab, removed: &[Vrp], added: &[Vrp]) {
    let mut update = match lab.core.shared.rpki {
        None => VrpUpdate::all(added),
        Some(_) => VrpUpdate::parts(removed.to_vec(), added.to_vec()),
    };
    lab.tell(Input::Rpki(&mut update));
}

fn entry(action: Action, state: Option<RpkiState>, local_pref: Option<u32>) -> RouteMapEntry {
    let mut entry = RouteMapEntry::new(action);
    entry.matches.extend(state.map(Match::Rpki));
    entry.sets.extend(local_pref.map(|v| Set::LocalPreference(Arith::Set(v))));
    entry
}

/// `DROP` refuses what is invalid, `PREFER` prefers what is valid, `KNOWN` refuses what no payload covers.
fn policies() -> Policies {
    let open = || entry(Action::Permit, None, None);
    let mut policies = Policies::default();
    let mut map = |name: &str, first| {
        policies.route_maps.insert(name.into(), BTreeMap::from([(10, first), (20, open())]));
    };
    map("DROP", entry(Action::Deny, Some(RpkiState::Invalid), None));
    map("PREFER", entry(Action::Permit, Some(RpkiState::Valid), Some(200)));
    map("KNOWN", entry(Action::Deny, Some(RpkiState::NotFound), None));
    policies
}

fn with(import: Option<&str>, export: Option<&str>) -> PeerFamily {
    let mut family = PeerFamily::default();
    family.import.route_map = import.map(Into::into);
    family.export.route_map = export.map(Into::into);
    family
}

/// Neighbours 1 and 2 send, under different policies; 3 gets what is known, 4 gets all.
fn lab() -> Lab {
    let mut lab = Lab::new();
    let mut settings = Settings { asn: Asn(OUR_AS), import_check: false, ..Settings::default() };
    // The age of a path depends on the order of events.
    settings.best.iter_mut().for_each(|b| b.compare_router_id = true);
    lab.tell(Input::Settings(settings));
    lab.tell(Input::Policies(policies()));
    lab.add_with(1, PeerKind::External, with(Some("DROP"), None));
    lab.add_with(2, PeerKind::External, with(Some("PREFER"), None));
    lab.add_with(3, PeerKind::External, with(None, Some("KNOWN")));
    lab.add_with(4, PeerKind::External, with(None, None));
    lab
}

fn state(lab: &Lab, prefix: &str) -> Vec<Option<RpkiState>> {
    let view = lab.core.prefix(prefix.parse().unwrap());
    view.map(|v| v.paths.iter().map(|p| p.rpki).collect()).unwrap_or_default()
}

#[test]
fn states_are_those_of_rfc_6811() {
    let mut lab = lab();
    lab.announce(4, &["192.0.2.0/24", "192.0.2.0/25", "198.51.100.0/24", "203.0.113.0/24"], |_| {});
    lab.settle();
    assert_eq!(state(&lab, "192.0.2.0/24"), [None], "nothing is validated yet");
    change(
        &mut lab,
        &[],
        &[
            vrp("192.0.2.0/24", 24, 104),
            vrp("192.0.0.0/16", 16, 7),
            vrp("198.51.100.0/24", 24, 7),
            vrp("2001:db8::/32", 48, 7),
        ],
    );
    assert_eq!(state(&lab, "192.0.2.0/24"), [Some(RpkiState::Valid)]);
    assert_eq!(state(&lab, "192.0.2.0/25"), [Some(RpkiState::Invalid)], "longer than the maximum");
    assert_eq!(state(&lab, "198.51.100.0/24"), [Some(RpkiState::Invalid)], "another origin");
    assert_eq!(state(&lab, "203.0.113.0/24"), [Some(RpkiState::NotFound)]);
    change(&mut lab, &[], &[vrp("203.0.113.0/24", 24, 0)]);
    assert_eq!(state(&lab, "203.0.113.0/24"), [Some(RpkiState::Invalid)], "AS 0 is nobody");
    lab.tell(Input::Rpki(&mut VrpUpdate::off()));
    assert_eq!(state(&lab, "192.0.2.0/24"), [None], "validation is off");
}

#[test]
fn a_path_that_ends_in_a_set_matches_nothing_and_our_own_comes_from_our_as() {
    let mut lab = lab();
    change(&mut lab, &[], &[vrp("192.0.2.0/24", 24, 104), vrp("198.51.100.0/24", 24, OUR_AS)]);
    // AS_PATH: a sequence of 104, then a set of 104.
    let block = [0x40, 2, 12, 2, 1, 0, 0, 0, 104, 1, 1, 0, 0, 0, 104];
    let table = lab.core.shared.rpki.clone().unwrap();
    let of = |net: &str| table.state(net.parse().unwrap(), AttrView::new(&block), Asn(OUR_AS));
    assert_eq!(AttrView::new(&block).as_path().to_string(), "104 {104}");
    assert_eq!(of("192.0.2.0/24"), RpkiState::Invalid);
    assert_eq!(of("203.0.113.0/24"), RpkiState::NotFound);
    let networks = BTreeMap::from([("198.51.100.0/24".parse().unwrap(), None)]);
    let local = LocalRoutes { networks, ..LocalRoutes::default() };
    lab.tell(Input::Local(Family::Ipv4Unicast, local));
    assert_eq!(state(&lab, "198.51.100.0/24"), [Some(RpkiState::Valid)]);
}

#[test]
fn import_policy_follows_the_payloads_without_a_refresh() {
    let mut lab = lab();
    lab.announce(1, &["192.0.2.0/24"], |_| {});
    lab.settle();
    assert_eq!(lab.told(4), ["192.0.2.0/24"]);
    change(&mut lab, &[], &[vrp("192.0.2.0/24", 24, 7)]);
    lab.settle();
    assert!(lab.told(4).is_empty(), "it is invalid now");
    assert!(lab.ways("192.0.2.0/24").is_empty());
    change(&mut lab, &[], &[vrp("192.0.2.0/24", 24, 101)]);
    lab.settle();
    assert_eq!(lab.told(4), ["192.0.2.0/24"]);
    assert_eq!(lab.ways("192.0.2.0/24"), [address(1).to_string()]);
    assert!(
        !lab.events.iter().any(|e| matches!(e, Event::RefreshNeeded { .. })),
        "RFC 9324: neighbours are not asked again"
    );
}

#[test]
fn a_route_that_policy_refuses_in_any_state_is_not_kept() {
    let mut lab = lab();
    let mut policies = policies();
    policies.route_maps.insert(
        "DROP".into(),
        BTreeMap::from([
            (10, entry(Action::Deny, Some(RpkiState::Invalid), None)),
            (20, entry(Action::Deny, None, None)),
        ]),
    );
    lab.tell(Input::Policies(policies));
    lab.announce(1, &["192.0.2.0/24"], |_| {});
    lab.settle();
    assert_eq!(lab.core.v4.table.path_count(), 0);
}

#[test]
fn export_policy_and_preference_follow_the_payloads() {
    let mut lab = lab();
    lab.announce(1, &["192.0.2.0/24", "198.51.100.0/24"], |_| {});
    lab.announce(2, &["192.0.2.0/24"], |b| {
        b.prepend(Asn(102), 3);
    });
    change(&mut lab, &[], &[]);
    lab.settle();
    assert!(lab.told(3).is_empty(), "no payload covers anything");
    change(&mut lab, &[], &[vrp("192.0.2.0/24", 24, 102), vrp("192.0.2.0/24", 24, 101)]);
    lab.settle();
    assert_eq!(lab.told(3), ["192.0.2.0/24"]);
    assert!(lab.path(4, "192.0.2.0/24").starts_with("65000 102 "), "the longer path is preferred as valid");
    change(&mut lab, &[vrp("192.0.2.0/24", 24, 102)], &[]);
    lab.settle();
    assert!(lab.path(4, "192.0.2.0/24").starts_with("65000 101"), "it is invalid and not preferred any more");
}

#[test]
fn payloads_that_no_policy_asks_for_cost_no_walk_and_many_changes_one() {
    let mut lab = Lab::new();
    lab.add(1, PeerKind::External);
    change(&mut lab, &[], &[vrp("192.0.2.0/24", 24, 101)]);
    assert!(lab.core.tasks.is_empty());
    let mut lab = self::lab();
    lab.announce(1, &["192.0.2.0/24"], |_| {});
    lab.settle();
    for asn in 1..100 {
        change(&mut lab, &[], &[vrp("192.0.2.0/24", 24, asn)]);
    }
    assert!(lab.core.tasks.len() <= 2, "one walk of each family: {}", lab.core.tasks.len());
}

#[test]
fn a_change_of_few_payloads_costs_what_they_cover_and_one_of_many_a_walk_in_slices() {
    let mut lab = lab();
    let all: Vec<String> = (0..20_000u32).map(|n| format!("10.{}.{}.0/24", n >> 8, n & 255)).collect();
    let nets: Vec<&str> = all.iter().map(String::as_str).collect();
    lab.announce(1, &nets, |_| {});
    lab.announce(1, &["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32"], |_| {});
    change(&mut lab, &[], &[vrp("192.0.2.0/24", 24, 7)]);
    lab.settle();
    let mut turns = |removed: &[Vrp], added: &[Vrp]| {
        change(&mut lab, removed, added);
        let turns = std::iter::from_fn(|| lab.core.walk().then_some(())).count();
        lab.settle();
        (turns, lab.told(4).len())
    };
    let (own, foreign) = (vrp("10.1.2.0/24", 32, 101), vrp("10.1.2.0/24", 32, 7));
    assert_eq!(turns(&[], &[foreign]), (1, 20_001), "a /24 and a /32 are invalid");
    assert_eq!(turns(&[foreign], &[own]), (1, 20_003));
    let (turns, told) = turns(&[own], &[vrp("10.0.0.0/8", 8, 7)]);
    assert_eq!(told, 0);
    assert!(turns >= 20_003 / 256, "{turns} slices");
}

/// RFC 6811 section 2.1 in the plainest words.
fn naive(vrps: &BTreeSet<Vrp>, net: IpNet, origin: u32) -> RpkiState {
    let covering = || vrps.iter().filter(|v| v.prefix.contains(&net));
    let matches = |v: &Vrp| net.prefix_len() <= v.max_len && v.asn == Asn(origin);
    match (covering().next(), covering().any(matches)) {
        (None, _) => RpkiState::NotFound,
        (_, true) => RpkiState::Valid,
        _ => RpkiState::Invalid,
    }
}

#[derive(Clone, Debug)]
enum Step {
    Announce(u16, usize, u8),
    Withdraw(u16, usize),
    Vrps(Vec<(bool, usize, u8, u32)>),
    Work,
}

const PREFIXES: [&str; 4] = ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "192.0.2.0/24"];

fn step() -> impl Strategy<Value = Step> {
    let vrp = (any::<bool>(), 0..PREFIXES.len(), 0u8..3, 101u32..=103);
    prop_oneof![
        4 => (1u16..=2, 0..PREFIXES.len(), 0u8..3).prop_map(|(n, p, v)| Step::Announce(n, p, v)),
        1 => (1u16..=2, 0..PREFIXES.len()).prop_map(|(n, p)| Step::Withdraw(n, p)),
        4 => prop::collection::vec(vrp, 1..4).prop_map(Step::Vrps),
        2 => Just(Step::Work),
    ]
}

fn announce(lab: &mut Lab, n: u16, prefix: usize, variant: u8) {
    lab.announce(n, &[PREFIXES[prefix]], |b| {
        b.prepend(Asn(100 + u32::from(n)), usize::from(variant));
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn any_order_of_payloads_and_routes_gives_the_table_that_comes_from_scratch(
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let mut lab = lab();
        change(&mut lab, &[], &[]);
        let mut sent: BTreeMap<(u16, usize), u8> = BTreeMap::new();
        let mut vrps: BTreeSet<Vrp> = BTreeSet::new();
        for step in &steps {
            match step {
                Step::Announce(n, p, variant) => {
                    announce(&mut lab, *n, *p, *variant);
                    sent.insert((*n, *p), *variant);
                }
                Step::Withdraw(n, p) => {
                    lab.withdraw(*n, &[PREFIXES[*p]]);
                    sent.remove(&(*n, *p));
                }
                Step::Vrps(changes) => {
                    let before = vrps.clone();
                    for (add, p, longer, asn) in changes {
                        let net: IpNet = PREFIXES[*p].parse().unwrap();
                        let v = Vrp { prefix: net, max_len: net.prefix_len() + longer * 4, asn: Asn(*asn) };
                        if *add { vrps.insert(v); } else { vrps.remove(&v); }
                    }
                    let gone: Vec<Vrp> = before.difference(&vrps).copied().collect();
                    let new: Vec<Vrp> = vrps.difference(&before).copied().collect();
                    change(&mut lab, &gone, &new);
                }
                Step::Work => {
                    lab.core.work();
                    lab.deliver();
                }
            }
        }
        lab.settle();
        let mut scratch = self::lab();
        change(&mut scratch, &[], &vrps.iter().copied().collect::<Vec<_>>());
        for ((n, p), variant) in &sent {
            announce(&mut scratch, *n, *p, *variant);
        }
        scratch.settle();
        for n in 1..=4 {
            prop_assert_eq!(&lab.peers[&n].1, &scratch.peers[&n].1, "what neighbour {} was told", n);
        }
        for (p, prefix) in PREFIXES.iter().enumerate() {
            let net: IpNet = prefix.parse().unwrap();
            prop_assert_eq!(lab.ways(prefix), scratch.ways(prefix));
            let paths = lab.core.prefix(net).map(|v| v.paths).unwrap_or_default();
            prop_assert_eq!(paths.len(), sent.keys().filter(|(_, q)| *q == p).count());
            for path in paths {
                let expected = naive(&vrps, net, 100 + u32::from(path.peer.0));
                prop_assert_eq!(path.rpki, Some(expected));
                prop_assert_eq!(path.filtered, path.peer.0 == 1 && expected == RpkiState::Invalid);
            }
        }
    }
}
