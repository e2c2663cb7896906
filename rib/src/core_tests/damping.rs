//! Route flap damping: which routes are used, told and remembered.

use proptest::prelude::*;

use super::*;
use crate::damping::Parameters;
use crate::query::{FlapsView, PathView};

const P: Parameters = Parameters { half_life: 100, reuse: 750, suppress: 2000, max_suppress: 200 };

const NET: &str = "192.0.2.0/24";

/// A neighbour whose routes are damped, 1, and one that hears of them, 2.
fn lab_with(family: PeerFamily) -> Lab {
    let mut lab = Lab::new();
    lab.add_with(1, PeerKind::External, PeerFamily { damping: Some(P), ..family });
    lab.add(2, PeerKind::External);
    lab
}

fn damped() -> Lab {
    lab_with(PeerFamily::default())
}

impl Lab {
    fn sleep(&mut self, seconds: u32) {
        self.now += Time::from(seconds) * SECOND;
        self.core.tick(self.now);
        self.settle();
    }

    fn flap(&mut self, times: usize) {
        for _ in 0..times {
            self.announce(1, &[NET], |_| {});
            self.withdraw(1, &[NET]);
        }
        self.settle();
    }

    fn of_first(&self, net: &str) -> Option<PathView> {
        let view = self.core.prefix(net.parse().unwrap())?;
        view.paths.into_iter().find(|p| p.peer == PeerId(1))
    }

    fn flaps(&self, net: &str) -> Option<FlapsView> {
        self.of_first(net)?.flaps
    }

    fn accepted(&self) -> u32 {
        self.core.counts(PeerId(1), Family::Ipv4Unicast).accepted
    }
}

#[test]
fn a_route_that_flaps_is_held_and_used_again_in_time() {
    let mut lab = damped();
    lab.flap(1);
    let seen = lab.flaps(NET).unwrap();
    assert_eq!((seen.flaps, seen.suppressed, seen.withdrawn), (1, false, true));
    lab.announce(1, &[NET], |_| {});
    lab.settle();
    assert_eq!(lab.told(2), [NET], "once is not enough");
    lab.flap(2);
    assert!(lab.told(2).is_empty());
    lab.announce(1, &[NET], |_| {});
    lab.settle();
    let seen = lab.flaps(NET).unwrap();
    assert_eq!((seen.flaps, seen.suppressed, seen.withdrawn), (3, true, false));
    assert!(lab.told(2).is_empty() && lab.ways(NET).is_empty(), "held");
    assert_eq!((lab.accepted(), lab.core.totals(Family::Ipv4Unicast).damped), (1, 1));
    let due = Time::from(lab.core.shared.now + seen.reuse) * SECOND;
    assert_eq!(lab.core.deadline(), Some(due));
    lab.sleep(seen.reuse - 1);
    assert!(lab.told(2).is_empty());
    lab.sleep(1);
    assert_eq!((lab.told(2), lab.accepted()), (vec![NET.to_owned()], 1));
    let seen = lab.flaps(NET).unwrap();
    assert!(!seen.suppressed && seen.penalty < P.reuse, "{seen:?}");
    lab.sleep(P.half_life);
    assert_eq!(lab.flaps(NET), None, "forgotten");
    assert_eq!((lab.told(2), lab.core.deadline()), (vec![NET.to_owned()], None));
}

#[test]
fn a_withdrawn_route_is_remembered_and_then_gone() {
    let mut lab = damped();
    lab.flap(3);
    assert!(lab.of_first(NET).is_some_and(|p| !p.best && p.flaps.is_some_and(|f| f.suppressed)));
    assert_eq!(lab.listed().len(), 1, "listed");
    assert_eq!((lab.accepted(), lab.core.totals(Family::Ipv4Unicast).history), (0, 1));
    lab.withdraw(1, &[NET]);
    lab.withdraw(1, &["198.51.100.0/24"]);
    lab.settle();
    assert_eq!(lab.flaps(NET).unwrap().flaps, 3, "what is not there cannot be withdrawn");
    lab.sleep(2 * P.max_suppress);
    assert_eq!((lab.core.prefix(NET.parse().unwrap()).is_none(), lab.core.v4.table.len()), (true, 0));
    assert_eq!(lab.core.shared.attrs.len(), 0);
}

#[test]
fn other_attributes_count_half_and_the_path_leaves_when_they_are_too_many() {
    let mut lab = damped();
    for n in 0..4 {
        lab.announce(1, &[NET], |b| _ = b.med(Some(n)));
        lab.settle();
        assert_eq!(lab.told(2), [NET]);
    }
    assert_eq!(lab.flaps(NET).unwrap().flaps, 3);
    lab.announce(1, &[NET], |b| _ = b.med(Some(3)));
    assert_eq!(lab.flaps(NET).unwrap().flaps, 3, "the same again");
    lab.announce(1, &[NET], |b| _ = b.med(Some(4)));
    lab.announce(1, &[NET], |b| _ = b.med(Some(5)));
    lab.settle();
    let path = lab.of_first(NET).unwrap();
    assert_eq!((path.summary.med, path.flaps.unwrap().suppressed), (5, true));
    assert!(lab.told(2).is_empty());
    lab.announce(1, &[NET], |b| _ = b.med(Some(6)));
    assert_eq!(lab.flaps(NET).unwrap().flaps, 6, "counted while it is held");
    lab.sleep(P.max_suppress);
    assert_eq!(lab.told(2), [NET]);
    assert_eq!(lab.of_first(NET).unwrap().summary.med, 6, "the latest");
}

#[test]
fn the_end_of_a_session_is_no_flap_and_no_way_out() {
    let mut lab = damped();
    lab.announce(1, &[NET, "198.51.100.0/24"], |_| {});
    lab.flap(3);
    lab.announce(1, &[NET], |_| {});
    lab.settle();
    assert!(lab.flaps(NET).unwrap().suppressed);
    lab.down(1);
    lab.settle();
    let seen = lab.flaps(NET).unwrap();
    assert_eq!((seen.flaps, seen.withdrawn, lab.accepted()), (3, true, 0));
    assert!(lab.of_first("198.51.100.0/24").is_none());
    lab.up(1);
    lab.announce(1, &[NET, "198.51.100.0/24"], |b| _ = b.med(Some(9)));
    lab.settle();
    assert_eq!((lab.told(2), lab.accepted()), (vec!["198.51.100.0/24".to_owned()], 2));
    assert_eq!(lab.flaps(NET).unwrap().flaps, 3, "nor are other attributes in another session");
    lab.down(1);
    lab.sleep(2 * P.max_suppress);
    assert!(lab.told(2).is_empty(), "a path of an ended session does not come back");
    assert_eq!(lab.core.v4.table.len(), 0);
}

#[test]
fn only_external_neighbours_are_damped() {
    let mut lab = Lab::new();
    lab.add_with(1, PeerKind::Internal, PeerFamily { damping: Some(P), ..PeerFamily::default() });
    lab.flap(5);
    assert!(lab.core.v4.damping.is_none() && lab.core.v4.table.is_empty());
}

#[test]
fn our_own_policy_is_no_flap_and_asked_again_at_reuse() {
    let mut lab = damped();
    let with_map = |name: Option<&str>| {
        let import =
            crate::policy::compile::FilterSpec { route_map: name.map(str::to_owned), ..Default::default() };
        Lab::config(1, PeerKind::External, PeerFamily { damping: Some(P), import, ..PeerFamily::default() })
    };
    let entry = |action, sets| RouteMapEntry { sets, ..RouteMapEntry::new(action) };
    let mut policies = Policies::default();
    let prefer = entry(Action::Permit, vec![Set::LocalPreference(Arith::Set(200))]);
    policies.route_maps.insert("PREFER".to_owned(), BTreeMap::from([(10, prefer)]));
    policies.route_maps.insert("NONE".to_owned(), BTreeMap::from([(10, entry(Action::Deny, Vec::new()))]));
    lab.tell(Input::Policies(policies));
    lab.announce(1, &[NET], |_| {});
    lab.tell(Input::Peer(PeerId(1), with_map(Some("PREFER"))));
    lab.announce(1, &[NET], |_| {});
    lab.settle();
    assert_eq!(lab.flaps(NET), None);
    lab.flap(3);
    lab.announce(1, &[NET], |_| {});
    lab.settle();
    let held =
        |lab: &Lab| lab.of_first(NET).filter(|p| p.flaps.is_some_and(|f| f.suppressed && !f.withdrawn));
    assert_eq!(held(&lab).unwrap().local_pref, 200);
    lab.tell(Input::Peer(PeerId(1), with_map(None)));
    lab.settle();
    assert_eq!((held(&lab).unwrap().local_pref, lab.flaps(NET).unwrap().flaps), (100, 3));
    lab.tell(Input::Peer(PeerId(1), with_map(Some("NONE"))));
    lab.settle();
    assert!(lab.flaps(NET).unwrap().withdrawn && lab.accepted() == 0, "refused");
    lab.sleep(2 * P.max_suppress);
    assert_eq!((lab.told(2).len(), lab.core.v4.table.len(), lab.core.shared.attrs.len()), (0, 0, 0));
}

#[test]
fn with_soft_reconfiguration_a_refused_route_is_kept_without_flaps() {
    let mut lab = lab_with(PeerFamily { soft_reconfiguration: true, ..PeerFamily::default() });
    let refuse = |lab: &mut Lab, yes: bool| {
        let action = if yes { Action::Deny } else { Action::Permit };
        let mut policies = Policies::default();
        let entry = RouteMapEntry::new(action);
        policies.route_maps.insert("M".to_owned(), BTreeMap::from([(10, entry)]));
        lab.tell(Input::Policies(policies));
    };
    let import = crate::policy::compile::FilterSpec { route_map: Some("M".to_owned()), ..Default::default() };
    let family = PeerFamily { soft_reconfiguration: true, damping: Some(P), import, ..PeerFamily::default() };
    refuse(&mut lab, false);
    lab.tell(Input::Peer(PeerId(1), Lab::config(1, PeerKind::External, family)));
    lab.flap(3);
    lab.announce(1, &[NET], |_| {});
    lab.settle();
    assert!(lab.flaps(NET).unwrap().suppressed && lab.told(2).is_empty());
    refuse(&mut lab, true);
    lab.settle();
    let counts = lab.core.counts(PeerId(1), Family::Ipv4Unicast);
    assert_eq!((counts.accepted, counts.filtered), (0, 1));
    lab.withdraw(1, &[NET]);
    lab.announce(1, &[NET], |_| {});
    lab.settle();
    assert_eq!(lab.flaps(NET).unwrap().flaps, 3, "what policy refuses does not flap");
    refuse(&mut lab, false);
    lab.settle();
    let counts = lab.core.counts(PeerId(1), Family::Ipv4Unicast);
    assert_eq!((counts.accepted, counts.filtered, lab.told(2).len()), (1, 0, 0), "held again");
    lab.sleep(P.max_suppress);
    assert_eq!(lab.told(2), [NET]);
}

#[test]
fn without_damping_or_when_it_is_cleared_all_is_as_it_was() {
    for off in [false, true] {
        let mut lab = damped();
        lab.flap(3);
        lab.announce(1, &[NET], |_| {});
        lab.announce(1, &["198.51.100.0/24"], |_| {});
        lab.withdraw(1, &["198.51.100.0/24"]);
        lab.settle();
        assert!(lab.told(2).is_empty());
        if off {
            let config = Lab::config(1, PeerKind::External, PeerFamily::default());
            lab.tell(Input::Peer(PeerId(1), config));
        } else {
            lab.core.clear_damping(Family::Ipv4Unicast, None);
        }
        lab.settle();
        assert_eq!((lab.told(2), lab.flaps(NET), lab.accepted()), (vec![NET.to_owned()], None, 1));
        assert!(lab.of_first("198.51.100.0/24").is_none());
        assert_eq!((lab.core.v4.table.len(), lab.core.deadline()), (1, None));
    }
    let mut lab = damped();
    lab.flap(3);
    lab.announce(1, &[NET], |_| {});
    lab.core.clear_damping(Family::Ipv4Unicast, Some("198.51.100.0/24".parse().unwrap()));
    assert!(lab.flaps(NET).is_some());
    lab.core.clear_damping(Family::Ipv4Unicast, Some(NET.parse().unwrap()));
    lab.settle();
    assert_eq!((lab.told(2), lab.flaps(NET)), (vec![NET.to_owned()], None));
}

#[test]
fn other_parameters_start_anew() {
    let mut lab = damped();
    lab.flap(3);
    lab.announce(1, &[NET], |_| {});
    let damping = Some(Parameters { suppress: 1500, ..P });
    let family = PeerFamily { damping, ..PeerFamily::default() };
    lab.tell(Input::Peer(PeerId(1), Lab::config(1, PeerKind::External, family)));
    lab.settle();
    assert_eq!((lab.told(2), lab.flaps(NET)), (vec![NET.to_owned()], None));
    lab.flap(2);
    assert!(lab.flaps(NET).unwrap().suppressed, "two are too many now");
}

#[test]
fn nothing_is_left_of_a_neighbour_that_is_removed() {
    for down_before in [false, true] {
        let mut lab = damped();
        lab.announce(1, &["198.51.100.0/24"], |_| {});
        lab.flap(3);
        lab.announce(1, &[NET], |_| {});
        if down_before {
            lab.down(1);
            lab.settle();
        }
        lab.tell(Input::PeerRemoved(PeerId(1)));
        lab.settle();
        assert!(lab.events.contains(&Event::Purged(PeerId(1))));
        assert_eq!((lab.core.v4.table.len(), lab.core.shared.attrs.len()), (0, 0));
        assert_eq!(lab.core.deadline(), None);
    }
}

#[test]
fn a_held_path_that_a_refresh_leaves_out_is_not_announced_any_more() {
    let mut lab = damped();
    lab.flap(3);
    lab.announce(1, &[NET], |_| {});
    let mark = |lab: &mut Lab, op| {
        let batch = UpdateBatch { ops: vec![op], ..UpdateBatch::default() };
        lab.tell(Input::Updates(PeerId(1), &batch));
    };
    mark(&mut lab, Op::RefreshBegin(Family::Ipv4Unicast));
    lab.announce(1, &[NET], |_| {});
    mark(&mut lab, Op::RefreshEnd(Family::Ipv4Unicast));
    lab.settle();
    assert!(!lab.flaps(NET).unwrap().withdrawn);
    mark(&mut lab, Op::RefreshBegin(Family::Ipv4Unicast));
    mark(&mut lab, Op::RefreshEnd(Family::Ipv4Unicast));
    lab.settle();
    let seen = lab.flaps(NET).unwrap();
    assert_eq!((seen.flaps, seen.withdrawn), (3, true));
}

#[test]
fn many_routes_come_back_in_slices() {
    let mut lab = damped();
    let nets: Vec<String> = (0..1000).map(|n| format!("10.{}.{}.0/24", n / 256, n % 256)).collect();
    let nets: Vec<&str> = nets.iter().map(String::as_str).collect();
    for _ in 0..3 {
        lab.announce(1, &nets, |_| {});
        lab.withdraw(1, &nets);
    }
    lab.announce(1, &nets, |_| {});
    lab.settle();
    assert!(lab.told(2).is_empty());
    lab.now += Time::from(P.max_suppress) * SECOND;
    lab.core.tick(lab.now);
    let mut held = vec![1000];
    while lab.core.walk() {
        held.push(lab.core.totals(Family::Ipv4Unicast).damped);
    }
    assert_eq!(held, [1000, 744, 488, 232, 0]);
    assert!(!lab.core.has_walks());
    lab.settle();
    assert_eq!(lab.told(2).len(), 1000);
}

#[derive(Clone, Debug)]
enum Step {
    Announce(u8, u8),
    Withdraw(u8),
    Sleep(u32),
    Down,
    Work,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0u8..3, 0u8..3).prop_map(|(p, a)| Step::Announce(p, a)),
        6 => (0u8..3).prop_map(Step::Withdraw),
        3 => (0u32..150).prop_map(Step::Sleep),
        1 => Just(Step::Down),
        2 => Just(Step::Work),
    ]
}

/// What the naive model knows of a route's flaps: all of it, second by second.
#[derive(Clone, Copy, Default)]
struct Flapped {
    penalty: f64,
    flaps: u32,
    suppressed: bool,
}

#[derive(Default)]
struct Model {
    announced: BTreeMap<u8, u8>,
    flapped: BTreeMap<u8, Flapped>,
}

impl Model {
    fn second(&mut self) {
        for flapped in self.flapped.values_mut() {
            flapped.penalty *= 0.5_f64.powf(1.0 / f64::from(P.half_life));
            flapped.suppressed &= flapped.penalty >= f64::from(P.reuse);
        }
        self.flapped.retain(|_, f| f.suppressed || f.penalty >= f64::from(P.reuse) / 2.0);
    }

    fn flap(&mut self, p: u8, penalty: f64) {
        let flapped = self.flapped.entry(p).or_default();
        flapped.penalty = (flapped.penalty + penalty).min(f64::from(P.reuse) * 4.0);
        flapped.flaps += 1;
        flapped.suppressed |= flapped.penalty >= f64::from(P.suppress);
    }

    fn check(&self, lab: &Lab) {
        for p in 0..3u8 {
            let net = format!("192.0.{p}.0/24");
            let flapped = self.flapped.get(&p);
            let announced = self.announced.get(&p);
            let used = announced.is_some() && flapped.is_none_or(|f| !f.suppressed);
            assert_eq!(lab.told(2).contains(&net), used, "{net}");
            let path = lab.of_first(&net);
            assert_eq!(path.as_ref().map(|p| p.best).unwrap_or_default(), used);
            assert_eq!(path.is_some(), announced.is_some() || flapped.is_some(), "{net} is shown");
            if let Some(path) = &path {
                let seen = path.flaps.map(|f| (f.flaps, f.suppressed, f.withdrawn));
                assert_eq!(seen, flapped.map(|f| (f.flaps, f.suppressed, announced.is_none())), "{net}");
                if let (Some(f), Some(wanted)) = (path.flaps, flapped) {
                    assert!((f64::from(f.penalty) - wanted.penalty).abs() < 1.5, "{f:?}");
                }
                if let Some(variant) = announced {
                    assert_eq!(path.summary.med, u32::from(*variant));
                }
            }
        }
        assert_eq!(lab.accepted() as usize, self.announced.len());
        let held = self.announced.keys().filter(|p| self.flapped.get(p).is_some_and(|f| f.suppressed));
        assert_eq!(lab.core.totals(Family::Ipv4Unicast).damped, held.count());
    }
}

fn play(steps: &[Step]) {
    let mut lab = damped();
    let mut model = Model::default();
    let mut modelled = lab.now;
    let mut catch_up = |model: &mut Model, now: Time| {
        while modelled < now {
            modelled += SECOND;
            model.second();
        }
    };
    for step in steps {
        let net = |p: &u8| format!("192.0.{p}.0/24");
        match step {
            Step::Announce(p, variant) => {
                lab.announce(1, &[&net(p)], |b| _ = b.med(Some(u32::from(*variant))));
                catch_up(&mut model, lab.now);
                if model.announced.insert(*p, *variant).is_some_and(|old| old != *variant) {
                    model.flap(*p, 500.0);
                }
            }
            Step::Withdraw(p) => {
                lab.withdraw(1, &[&net(p)]);
                catch_up(&mut model, lab.now);
                if model.announced.remove(p).is_some() {
                    model.flap(*p, 1000.0);
                }
            }
            Step::Sleep(seconds) => {
                lab.now += Time::from(*seconds) * SECOND;
                catch_up(&mut model, lab.now);
            }
            Step::Down => {
                lab.down(1);
                lab.up(1);
                catch_up(&mut model, lab.now);
                model.announced.clear();
            }
            Step::Work => {
                lab.sleep(0);
                model.check(&lab);
            }
        }
    }
    lab.sleep(0);
    model.check(&lab);
    lab.down(1);
    lab.sleep(10 * P.max_suppress);
    assert_eq!((lab.core.v4.table.len(), lab.core.shared.attrs.len()), (0, 0), "nothing is left");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_routes_fare_as_their_penalties_say(
        steps in proptest::collection::vec(step(), 1..80),
    ) {
        play(&steps);
    }
}
