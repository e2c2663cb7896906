//! What is said about a prefix is what happened to it.

use proptest::prelude::*;

use super::*;
use crate::best::{Measure, Reason};
use crate::changes::Cause;
use crate::peer::AddPaths;
use crate::policy::trace::{Met, Trace};
use crate::why::{Hindrance, Kept, Kernel, NeighborWhy, Obstacle, Standing, Why};

const NET: &str = "192.0.2.0/24";

fn why(lab: &Lab) -> Why {
    lab.core.why(NET.parse().unwrap(), 16)
}

fn neighbor(lab: &Lab, n: u16) -> NeighborWhy {
    lab.core.why_neighbor(NET.parse().unwrap(), PeerId(n)).unwrap()
}

/// Who lost to the best, by which step, with both values.
fn lost(why: &Why, n: u16) -> (Reason, Measure, Measure) {
    let at = why.view.paths.iter().position(|p| p.peer == PeerId(n)).unwrap();
    let Standing::Lost { steps, .. } = &why.paths[at].standing else { panic!("{:?}", why.paths[at]) };
    let last = steps.last().unwrap();
    (last.reason, last.winner, last.loser)
}

fn standing(why: &Why, n: u16) -> &Standing {
    let at = why.view.paths.iter().position(|p| p.peer == PeerId(n)).unwrap();
    &why.paths[at].standing
}

#[test]
fn the_loser_is_told_the_values_of_the_step() {
    let mut lab = Lab::new();
    (1..=3).for_each(|n| lab.add(n, PeerKind::External));
    lab.announce(1, &[NET], |_| {});
    lab.announce(2, &[NET], |b| _ = b.local_pref(Some(200)));
    lab.announce(3, &[NET], |b| _ = b.local_pref(Some(200)).prepend(Asn(7), 2));
    lab.settle();
    let why = why(&lab);
    assert_eq!(*standing(&why, 2), Standing::Best);
    assert_eq!(lost(&why, 1), (Reason::LocalPref, Measure::Number(200), Measure::Number(100)));
    assert_eq!(lost(&why, 3), (Reason::AsPath, Measure::Number(1), Measure::Number(3)));
    assert!(matches!(why.kernel, Kernel::Told(_)));
    let cause = why.changes.iter().map(|c| (c.from, c.to, c.reason, c.cause)).collect::<Vec<_>>();
    assert_eq!(
        cause,
        [
            (Some(PeerId(1)), Some(PeerId(2)), Reason::LocalPref, Cause::Announced),
            (None, Some(PeerId(1)), Reason::Only, Cause::Announced),
        ]
    );
    lab.withdraw(2, &[NET]);
    let last = self::why(&lab).changes[0];
    assert_eq!((last.from, last.to, last.cause), (Some(PeerId(2)), Some(PeerId(3)), Cause::Withdrawn));
}

#[test]
fn who_takes_no_part_is_told_why() {
    let mut lab = Lab::new();
    let mut policies = Policies::default();
    let deny =
        RouteMapEntry { matches: vec![Match::Origin(Origin::Egp)], ..RouteMapEntry::new(Action::Deny) };
    let map = BTreeMap::from([(10, deny), (20, RouteMapEntry::new(Action::Permit))]);
    policies.route_maps.insert("IN".into(), map);
    lab.tell(Input::Policies(policies));
    let mut family = PeerFamily { soft_reconfiguration: true, ..PeerFamily::default() };
    family.import.route_map = Some("IN".into());
    lab.add_with(1, PeerKind::External, family);
    lab.add(2, PeerKind::External);
    lab.announce(1, &[NET], |b| _ = b.origin(Origin::Egp));
    lab.announce_to(2, 0, &[NET], Ipv4Addr::new(203, 0, 113, 9), |_| {});
    lab.settle();
    let seen = why(&lab);
    assert_eq!(*standing(&seen, 1), Standing::Out(Obstacle::Filtered));
    let Some(Trace { met, .. }) = &seen.paths[0].import else { panic!("it was received") };
    assert!(matches!(met.as_slice(), [Met::Clause(c)] if c.seq == 10 && !c.permit && c.matched));
    assert_eq!(*standing(&seen, 2), Standing::Out(Obstacle::Unreachable));
    assert_eq!(seen.kernel, Kernel::NoBest);
    lab.tell(Input::Statics(vec![static_route("203.0.113.0/24", Some("10.0.0.77"), 1)]));
    lab.settle();
    assert_eq!(*standing(&why(&lab), 2), Standing::Out(Obstacle::NotConnected));
}

#[test]
fn a_static_route_of_lower_distance_beats_it_in_the_kernel() {
    let mut lab = Lab::new();
    lab.add(1, PeerKind::External);
    lab.announce(1, &[NET], |_| {});
    lab.tell(Input::Statics(vec![static_route(NET, Some("10.0.0.77"), 1)]));
    lab.settle();
    let beaten = Kernel::Beaten { by: ast::SourceProtocol::Static, distance: 1, ours: 20 };
    assert_eq!(why(&lab).kernel, beaten);
    lab.tell(Input::Statics(vec![static_route(NET, Some("10.0.0.77"), 21)]));
    lab.settle();
    assert!(matches!(why(&lab).kernel, Kernel::Told(_)));
}

#[test]
fn who_hears_nothing_is_told_what_keeps_it_back() {
    let mut lab = Lab::new();
    lab.add(1, PeerKind::External);
    lab.add(2, PeerKind::Internal);
    lab.add(3, PeerKind::Internal);
    let mut family = PeerFamily::default();
    family.export.default_deny = true;
    lab.add_with(4, PeerKind::External, family);
    lab.announce(2, &[NET], |b| _ = b.communities(vec![0xffff_ff01]));
    lab.settle();
    let kept = |n| neighbor(&lab, n).not_told.iter().map(|n| n.why).collect::<Vec<_>>();
    assert_eq!(kept(1), [Some(Hindrance::Kept(Kept::NoExport))]);
    assert_eq!(kept(2), [Some(Hindrance::Source)]);
    assert_eq!(kept(3), [Some(Hindrance::Kept(Kept::NotReflected))]);
    assert_eq!(kept(4), [Some(Hindrance::Kept(Kept::NoExport))]);
    lab.announce(2, &[NET], |_| {});
    lab.settle();
    let closed = neighbor(&lab, 4);
    assert_eq!(closed.not_told[0].why, Some(Hindrance::Denied));
    assert_eq!(closed.not_told[0].export.as_ref().unwrap().met, [Met::NoPolicy]);
    let told = &neighbor(&lab, 1).told[0];
    let (block, next_hop) = told.words.as_ref().unwrap();
    assert_eq!(AttrView::new(block).as_path().to_string(), OUR_AS.to_string());
    assert_eq!(next_hop.addr(), IpAddr::from([10, 0, 0, 1]));
}

/// What a neighbour is like.
#[derive(Clone, Copy, Debug)]
struct Kind {
    internal: bool,
    client: bool,
    filtered: bool,
    several: bool,
    closed: bool,
}

fn kinds() -> impl Strategy<Value = Vec<Kind>> {
    let kind = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), 0u8..6).prop_map(
        |(internal, client, filtered, several, closed)| Kind {
            internal,
            client: internal && client,
            filtered,
            several,
            closed: closed == 0,
        },
    );
    proptest::collection::vec(kind, 4)
}

fn policy() -> Policies {
    let mut map = BTreeMap::new();
    let deny = RouteMapEntry { matches: vec![Match::Metric(1)], ..RouteMapEntry::new(Action::Deny) };
    map.insert(10, deny);
    let set = RouteMapEntry {
        matches: vec![Match::Metric(2)],
        sets: vec![Set::Prepend(ast::Prepend::Asns(vec![4, 5]))],
        on_match: Some(ast::OnMatch::Next),
        ..RouteMapEntry::new(Action::Permit)
    };
    map.insert(20, set);
    let prefix_len = Match::Ipv4Address(AddressMatch::PrefixLen(25));
    map.insert(30, RouteMapEntry { matches: vec![prefix_len], ..RouteMapEntry::new(Action::Deny) });
    map.insert(40, RouteMapEntry::new(Action::Permit));
    let mut policies = Policies::default();
    policies.route_maps.insert("OUT".into(), map);
    policies
}

type Announcement = (u16, u8, u32, u8, bool);

fn play(kinds: &[Kind], announcements: &[Announcement], limit: Option<u32>) {
    let mut lab = Lab::new();
    lab.tell(Input::Policies(policy()));
    for (n, kind) in (1u16..).zip(kinds) {
        let mut family = PeerFamily {
            reflector_client: kind.client,
            add_paths: kind.several.then_some(AddPaths::All),
            maximum_prefix_out: limit.filter(|_| n == 1),
            ..PeerFamily::default()
        };
        family.export.route_map = kind.filtered.then(|| "OUT".to_owned());
        family.export.default_deny = kind.closed;
        let of = if kind.internal { PeerKind::Internal } else { PeerKind::External };
        lab.tell(Input::Peer(PeerId(n), Lab::config(n, of, family)));
        lab.peers.insert(n, (of, Rib::new(), UpdateDecoder::new(context(of))));
        lab.up_with(n, PeerSession { add_path_send: [kind.several, false], ..Lab::session(n) });
    }
    let nets = ["192.0.2.0/24", "198.51.100.0/25", "203.0.113.0/24"];
    for (n, net, med, community, there) in announcements {
        let net = nets[usize::from(*net) % nets.len()];
        if !there {
            lab.withdraw(*n, &[net]);
            continue;
        }
        let community =
            [None, Some(0xffff_ff01), Some(0xffff_ff02), Some(0xffff_ff03)][usize::from(*community % 4)];
        lab.announce(*n, &[net], |b| {
            b.med(Some(*med)).communities(community.into_iter().collect());
        });
    }
    lab.settle();
    for net in nets.map(|n| n.parse::<IpNet>().unwrap()) {
        for n in 1..=kinds.len() as u16 {
            let said = lab.core.why_neighbor(net, PeerId(n)).unwrap();
            let told = said.told.iter().map(|t| {
                let (block, next_hop) = t.words.clone().expect("it was told");
                ((net, t.path_id), (AttrView::new(&block).as_path().to_string(), next_hop))
            });
            let words = |(block, next_hop): &(Vec<u8>, NextHop)| {
                (AttrView::new(block).as_path().to_string(), *next_hop)
            };
            let held: BTreeMap<_, _> = match kinds[usize::from(n) - 1].several {
                true => {
                    let held = lab.several.get(&n).into_iter().flatten();
                    held.filter(|((p, _), _)| *p == net).map(|(key, r)| (*key, words(r))).collect()
                }
                false => lab.peers[&n].1.get(&net).map(|r| ((net, 0), words(r))).into_iter().collect(),
            };
            assert_eq!(told.collect::<BTreeMap<_, _>>(), held, "{net} at {n}");
            assert!(!said.pending, "at rest nothing is about to be told");
            for not in &said.not_told {
                assert!(not.why.is_some(), "{net} at {n}: {not:?} is not told, and there is no reason");
            }
            for told in said.told.iter().filter_map(|t| t.path) {
                assert!(said.not_told.iter().all(|n| n.path != told), "{net} at {n}: told and not told");
            }
        }
        let view = lab.core.prefix(net);
        let why = lab.core.why(net, 0);
        let bests = why.paths.iter().filter(|p| p.standing == Standing::Best).count();
        assert_eq!(bests, usize::from(view.is_some_and(|v| v.paths.iter().any(|p| p.best))));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn what_is_said_to_be_told_is_what_neighbours_hold(
        kinds in kinds(),
        announcements in proptest::collection::vec(
            (1u16..5, 0u8..3, 0u32..4, 0u8..12, prop::bool::weighted(0.8)), 1..24),
        limit in proptest::option::of(1u32..3),
    ) {
        play(&kinds, &announcements, limit);
    }
}
