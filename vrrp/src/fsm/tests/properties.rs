//! Whatever happened: a healed segment has exactly one Active router soon, and it forwards.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Run(u16),
    Cut(usize, bool),
    Die(usize),
    Born(usize, bool),
    Health(usize, bool),
    Drain(usize, bool),
    Link(usize, bool),
    Priority(usize, u8),
    Interval(usize, u16),
    Late(u16),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let router = 0usize..3;
    let one = prop_oneof![
        6 => (1u16..6000).prop_map(Step::Run),
        2 => (router.clone(), any::<bool>()).prop_map(|(r, b)| Step::Cut(r, b)),
        1 => router.clone().prop_map(Step::Die),
        2 => (router.clone(), any::<bool>()).prop_map(|(r, b)| Step::Born(r, b)),
        2 => (router.clone(), any::<bool>()).prop_map(|(r, b)| Step::Health(r, b)),
        1 => (router.clone(), any::<bool>()).prop_map(|(r, b)| Step::Drain(r, b)),
        2 => (router.clone(), any::<bool>()).prop_map(|(r, b)| Step::Link(r, b)),
        1 => (router.clone(), 1u8..=255).prop_map(|(r, p)| Step::Priority(r, p)),
        1 => (router, 1u16..200).prop_map(|(r, i)| Step::Interval(r, i)),
        1 => (1u16..3000).prop_map(Step::Late),
    ];
    prop::collection::vec(one, 1..40)
}

fn take(lab: &mut Segment, step: &Step) {
    match step {
        Step::Run(ms) => lab.run(Time::from(*ms) * MILLISECOND),
        Step::Cut(r, cut) => lab.routers[*r].cut = *cut,
        Step::Die(r) => lab.routers[*r].dead = true,
        Step::Born(r, adopted) => born(lab, *r, *adopted),
        Step::Health(r, healthy) => tell(lab, *r, Input::Health(*healthy)),
        Step::Drain(r, drained) => tell(lab, *r, Input::Drain(*drained)),
        Step::Link(r, true) => {
            let source = lab.routers[*r].source;
            tell(lab, *r, Input::Up { source, own_mac: None, adopted: false });
        }
        Step::Link(r, false) => tell(lab, *r, Input::Down),
        Step::Priority(r, priority) => {
            // Two owners are a configuration error.
            let priority = if *r == 0 { *priority } else { (*priority).min(254) };
            let config = Config { priority, ..lab.routers[*r].instance.config().clone() };
            tell(lab, *r, Input::Configure(config));
        }
        Step::Interval(r, interval) => {
            let config = Config { interval: *interval, ..lab.routers[*r].instance.config().clone() };
            tell(lab, *r, Input::Configure(config));
        }
        // Nobody runs for a while.
        Step::Late(ms) => lab.now += Time::from(*ms) * MILLISECOND,
    }
}

fn tell(lab: &mut Segment, r: usize, input: Input<'_>) {
    if !lab.routers[r].dead {
        lab.tell(r, input);
    }
}

fn born(lab: &mut Segment, r: usize, keeps: bool) {
    if !lab.routers[r].dead {
        return;
    }
    let config = lab.routers[r].instance.config().clone();
    lab.routers[r].instance = Instance::new(config);
    lab.routers[r].dead = false;
    let adopted = keeps && lab.routers[r].forwarding;
    lab.routers[r].forwarding = adopted;
    let source = lab.routers[r].source;
    lab.tell(r, Input::Up { source, own_mac: None, adopted });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn a_healed_segment_has_exactly_one_active_router(steps in steps()) {
        let mut lab = Segment::new(vec![config(200, 100), config(150, 100), config(150, 100)]);
        for step in &steps {
            take(&mut lab, step);
        }
        for r in 0..3 {
            born(&mut lab, r, true);
            lab.routers[r].cut = false;
            let source = lab.routers[r].source;
            lab.tell(r, Input::Up { source, own_mac: None, adopted: false });
        }
        let longest = lab.routers.iter().map(|r| r.instance.status().down_interval).max().unwrap();
        let interval = lab.routers.iter().map(|r| r.instance.config().interval_time()).max().unwrap();
        // One down interval, with one more interval of patience after own lateness, and an
        // advertisement of each to settle it; then the kept datapaths run out.
        lab.run(longest + 3 * interval);
        let active = |lab: &Segment| lab.states().iter().filter(|s| **s == Active).count();
        prop_assert_eq!(active(&lab), 1, "{:?}", lab.states());
        lab.run(20 * SECOND);
        prop_assert_eq!(active(&lab), 1, "{:?}", lab.states());
        for router in &lab.routers {
            prop_assert_eq!(router.forwarding, router.instance.state() == Active);
        }
    }
}
