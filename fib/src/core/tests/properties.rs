//! After any sequence of intents, failures and link flaps the kernel holds what is wanted.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Group(u32, Vec<(u8, u32, u8)>, bool),
    GroupGone(u32),
    Route(usize, u8, bool),
    Withdraw(usize),
    Link(u32, bool, bool),
    LinkGone(u32),
    Refuse(u8, i32),
    LoseReplies,
    LoseNotifications,
    StealRoute(usize),
    StealObject(usize),
    Foreign(usize),
    ForeignGone(usize),
    Restart,
    Synced,
    Wait(u16),
    Run,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let hops = prop::collection::vec((0u8..4, 1u32..4, 0u8..3), 0..4);
    let one = prop_oneof![
        4 => (0u32..4, hops, any::<bool>()).prop_map(|(id, hops, keep)| Step::Group(id, hops, keep)),
        1 => (0u32..4).prop_map(Step::GroupGone),
        8 => (0usize..PREFIXES.len(), 0u8..6, any::<bool>()).prop_map(|(p, g, m)| Step::Route(p, g, m)),
        3 => (0usize..PREFIXES.len()).prop_map(Step::Withdraw),
        3 => (1u32..4, any::<bool>(), any::<bool>()).prop_map(|(i, u, l)| Step::Link(i, u, l)),
        1 => (1u32..4).prop_map(Step::LinkGone),
        1 => (0u8..6, prop::sample::select(vec![12, 17, 22, 100, 113])).prop_map(|(n, e)| Step::Refuse(n, e)),
        1 => Just(Step::LoseReplies),
        1 => Just(Step::LoseNotifications),
        1 => (0usize..8).prop_map(Step::StealRoute),
        1 => (0usize..8).prop_map(Step::StealObject),
        1 => (0usize..PREFIXES.len()).prop_map(Step::Foreign),
        1 => (0usize..PREFIXES.len()).prop_map(Step::ForeignGone),
        1 => Just(Step::Restart),
        1 => Just(Step::Synced),
        2 => (0u16..2000).prop_map(Step::Wait),
        6 => Just(Step::Run),
    ];
    prop::collection::vec(one, 1..60)
}

const PREFIXES: [&str; 8] = [
    "10.0.0.0/8",
    "10.1.0.0/16",
    "0.0.0.0/0",
    "192.0.2.1/32",
    "2001:db8::/32",
    "2001:db8:1::/48",
    "::/0",
    "2001:db8::1/128",
];

fn gateway(choice: u8, ifindex: u32) -> Option<IpAddr> {
    // Only what both families can use.
    match choice {
        0 => None,
        n => Some(format!("fe80::{ifindex}:{n}").parse().unwrap()),
    }
}

/// What was said, kept in the plainest way.
#[derive(Default)]
struct Model {
    groups: BTreeMap<u32, Vec<Hop>>,
    routes: BTreeMap<usize, (u8, u32)>,
    /// Named no more; others give every group a new name.
    gone: BTreeSet<u32>,
    /// Those that keep flows.
    keeping: BTreeSet<u32>,
    lose: bool,
}

impl Model {
    fn intents(&self) -> Vec<Intent> {
        let mut all: Vec<Intent> =
            self.groups.iter().map(|(id, hops)| either(*id, hops, self.keeping.contains(id))).collect();
        all.extend(self.routes.iter().map(|(prefix, (target, metric))| wanted(*prefix, *target, *metric)));
        all
    }

    fn expected(&self, kernel: &Kernel, prefix: usize) -> Option<(u32, Option<BTreeSet<Hop>>)> {
        let (target, metric) = *self.routes.get(&prefix)?;
        if target >= 4 {
            return Some((metric, None));
        }
        let hops = self.groups.get(&u32::from(target))?;
        let mut merged: BTreeMap<(Option<IpAddr>, u32), u8> = BTreeMap::new();
        for hop in hops {
            if kernel.links.get(&hop.ifindex).is_some_and(|link| link.usable()) {
                *merged.entry((hop.gateway, hop.ifindex)).or_default() += hop.weight.max(1);
            }
        }
        let hops: BTreeSet<Hop> = merged
            .into_iter()
            .map(|((gateway, ifindex), weight)| Hop { gateway, ifindex, weight, onlink: false })
            .collect();
        (!hops.is_empty()).then_some((metric, Some(hops)))
    }
}

fn either(id: u32, hops: &[Hop], keep: bool) -> Intent {
    if keep { keeping(id, hops) } else { group(id, hops) }
}

fn wanted(prefix: usize, target: u8, metric: u32) -> Intent {
    let target = match target {
        4 => Target::Blackhole,
        5 => Target::Unreachable,
        id => Target::Group(GroupId(u32::from(id))),
    };
    route(PREFIXES[prefix], Some(Route { protocol: 186, metric, target, source: None }))
}

fn foreign_key(prefix: usize) -> (IpNet, u32, u32) {
    (net(PREFIXES[prefix]), 254, 20)
}

fn take(lab: &mut Lab, model: &mut Model, step: &Step) {
    let say = |lab: &mut Lab, intent| lab.core.handle(lab.now, Input::Intents(vec![intent]));
    match step {
        Step::Group(id, hops, keep) => {
            let hops: Vec<Hop> = hops
                .iter()
                .map(|(g, i, w)| Hop { gateway: gateway(*g, *i), ifindex: *i, weight: *w, onlink: false })
                .collect();
            model.gone.remove(id);
            model.groups.insert(*id, hops.clone());
            if *keep {
                model.keeping.insert(*id);
            } else {
                model.keeping.remove(id);
            }
            say(lab, either(*id, &hops, *keep));
        }
        Step::GroupGone(id) => {
            // Others drop a group only when no route names it.
            if !model.routes.values().any(|(target, _)| u32::from(*target) == *id) {
                model.groups.remove(id);
                model.gone.insert(*id);
                say(lab, Intent::GroupGone(GroupId(*id)));
            }
        }
        Step::Route(prefix, target, other) => {
            if model.gone.contains(&u32::from(*target)) {
                return;
            }
            let metric = if *other { 30 } else { 20 };
            model.routes.insert(*prefix, (*target, metric));
            say(lab, wanted(*prefix, *target, metric));
        }
        Step::Withdraw(prefix) => {
            model.routes.remove(prefix);
            say(lab, route(PREFIXES[*prefix], None));
        }
        Step::Link(index, up, carrier) => lab.kernel.set_link(*index, *up, *carrier && *up),
        Step::LinkGone(index) => lab.kernel.remove_link(*index),
        Step::Refuse(after, errno) => {
            lab.kernel.refuse.extend(std::iter::repeat_n(0, usize::from(*after)));
            lab.kernel.refuse.push_back(*errno);
        }
        Step::LoseReplies => model.lose = true,
        Step::LoseNotifications => {
            if lab.kernel.lose_notifications() {
                lab.core.handle(lab.now, Input::MonitorLost);
            }
        }
        Step::StealRoute(n) => {
            let key = lab.kernel.routes.iter().filter(|(_, r)| r.protocol == 186).map(|(k, _)| *k).nth(*n);
            key.iter().for_each(|key| lab.kernel.foreign_remove(key));
        }
        Step::StealObject(n) => {
            let id = lab.kernel.objects.keys().copied().nth(*n);
            id.iter().for_each(|id| lab.kernel.foreign_drop(*id));
        }
        Step::Foreign(prefix) => {
            let (prefix, table, metric) = foreign_key(*prefix);
            let (kind, object, hops) = (RouteKind::Prohibit, None, Vec::new());
            let foreign =
                KernelRoute { prefix, table, metric, protocol: 3, kind, object, hops, source: None };
            lab.kernel.foreign_set(foreign);
        }
        Step::ForeignGone(prefix) => {
            let key = foreign_key(*prefix);
            if lab.kernel.routes.get(&key).is_some_and(|r| r.protocol == 3) {
                lab.kernel.foreign_remove(&key);
            }
        }
        Step::Restart => {
            lab.kernel.lose_notifications();
            lab.core = Core::new(Config::default());
            lab.core.handle(lab.now, Input::Intents(model.intents()));
        }
        Step::Synced => say(lab, Intent::Synced),
        Step::Wait(ms) => lab.now += Time::from(*ms) * MILLISECOND,
        Step::Run => {
            let mut lose = std::mem::take(&mut model.lose);
            drive(&mut lab.core, &mut lab.kernel, lab.now, || std::mem::take(&mut lose));
        }
    }
}

fn check(lab: &Lab, model: &Model) -> Result<(), TestCaseError> {
    let mut ours = 0;
    for (i, prefix) in PREFIXES.iter().enumerate() {
        let Some((metric, hops)) = model.expected(&lab.kernel, i) else { continue };
        let key = (net(prefix), 254, metric);
        let actual = lab.kernel.routes.get(&key);
        if actual.is_some_and(|route| route.protocol == 3) {
            continue;
        }
        prop_assert!(actual.is_some(), "{prefix} is missing");
        ours += 1;
        if let (Some(route), Some(hops)) = (actual, hops) {
            let found: BTreeSet<Hop> = lab.kernel.hops(route).into_iter().collect();
            prop_assert_eq!(found, hops, "{}", prefix);
        }
    }
    let held = lab.kernel.routes.values().filter(|route| route.protocol == 186).count();
    prop_assert_eq!(held, ours, "routes that nobody wants: {:?}", &lab.kernel.routes);
    let conflicts = lab.kernel.routes.values().any(|route| route.protocol == 3);
    for object in lab.kernel.objects.values().filter(|object| !object.members.is_empty() && !conflicts) {
        let used = lab.kernel.routes.values().any(|route| route.object == Some(object.id));
        prop_assert!(used, "group {} is not used", object.id);
    }
    Ok(())
}

fn play(steps: &[Step], old: bool, forgetful: bool) -> Result<(), TestCaseError> {
    let mut kernel = Kernel::default();
    (kernel.old, kernel.forgetful) = (old, forgetful);
    for index in 1..=3 {
        kernel.set_link(index, true, true);
    }
    let mut lab = Lab::with(kernel);
    let mut model = Model::default();
    for step in steps {
        take(&mut lab, &mut model, step);
    }
    lab.kernel.refuse.clear();
    lab.say(vec![Intent::Synced]);
    lab.settle();
    check(&lab, &model)?;
    let before = lab.kernel.applied;
    lab.restart();
    lab.say(model.intents());
    lab.say(vec![Intent::Synced]);
    lab.settle();
    check(&lab, &model)?;
    let conflicts = lab.kernel.routes.values().any(|route| route.protocol == 3);
    prop_assert!(conflicts || old || lab.kernel.applied - before < 60);
    Ok(())
}

/// A refusal that nobody heard of, and the group's object after it.
#[test]
fn a_member_whose_refusal_was_lost_is_made_again() {
    use Step::{Group, Link, LoseReplies, Refuse, Route, Run, Synced};
    let steps = [
        Link(1, false, false),
        Route(0, 3, false),
        Refuse(5, 12),
        Group(3, vec![(0, 2, 0)], false),
        Route(1, 3, false),
        LoseReplies,
        Route(2, 3, false),
        Run,
        Synced,
        Group(3, vec![(1, 2, 0)], false),
        Run,
        Route(4, 3, false),
    ];
    play(&steps, false, false).unwrap();
}

/// Somebody puts a route in the place of ours, and ours goes over it before we hear of that.
#[test]
fn a_route_written_over_somebody_else_s_unheard_is_not_forgotten() {
    use Step::{Foreign, Group, Route, Run, Withdraw};
    let steps = [
        Group(2, vec![(0, 1, 0)], false),
        Route(5, 2, false),
        Run,
        Step::Link(1, true, true),
        Foreign(5),
        Route(5, 4, false),
        Run,
        Withdraw(5),
    ];
    play(&steps, false, true).unwrap();
    play(&steps, false, false).unwrap();
}

/// Somebody removes a route, ours is written again before we hear of that, and then it is not wanted any more.
#[test]
fn a_route_written_again_before_its_removal_was_heard_of_is_not_forgotten() {
    use Step::{Group, Route, Run, StealRoute, Withdraw};
    for old in [false, true] {
        for last in [Group(0, Vec::new(), false), Withdraw(0)] {
            let steps = [
                Route(0, 4, false),
                Group(0, vec![(0, 2, 0)], false),
                Run,
                // What is heard before it comes too late.
                Step::Link(1, true, false),
                StealRoute(0),
                Route(0, 0, false),
                Run,
                last.clone(),
            ];
            play(&steps, old, false).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn the_kernel_ends_up_as_wanted(steps in steps()) {
        play(&steps, false, false)?;
    }

    #[test]
    fn a_kernel_without_objects_ends_up_as_wanted(steps in steps()) {
        play(&steps, true, false)?;
    }

    #[test]
    fn a_kernel_without_resilient_groups_ends_up_as_wanted(steps in steps()) {
        play(&steps, false, true)?;
    }
}
