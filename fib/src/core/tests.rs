use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use super::{Config, Core, Input};
use crate::fake::{Kernel, Told, drive};
use crate::intent::{Counts, Event, GroupId, Hop, Intent, Report, Resilient, Route, RouteKind, Target};
use crate::netlink::KernelRoute;
use crate::{MILLISECOND, SECOND, Time};

mod properties;

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

fn hop(gateway: &str, ifindex: u32) -> Hop {
    Hop { gateway: Some(gateway.parse().unwrap()), ifindex, weight: 1, onlink: false }
}

fn group(id: u32, hops: &[Hop]) -> Intent {
    Intent::Group { id: GroupId(id), hops: hops.to_vec(), resilient: None }
}

const KEEPS: Resilient = Resilient { buckets: 64, idle: 60, unbalanced: 0 };

/// A group that keeps flows on their hops.
fn keeping(id: u32, hops: &[Hop]) -> Intent {
    Intent::Group { id: GroupId(id), hops: hops.to_vec(), resilient: Some(KEEPS) }
}

fn on_group(id: u32) -> Option<Route> {
    Some(Route { protocol: 186, metric: 20, target: Target::Group(GroupId(id)), source: None })
}

fn route(prefix: &str, route: Option<Route>) -> Intent {
    Intent::Route { prefix: net(prefix), table: 254, route }
}

struct Lab {
    core: Core,
    kernel: Kernel,
    now: Time,
    told: Told,
}

impl Lab {
    fn with(kernel: Kernel) -> Lab {
        let core = Core::new(Config::default());
        let mut lab = Lab { core, kernel, now: 0, told: Told::default() };
        lab.run();
        lab
    }

    fn new() -> Lab {
        let mut kernel = Kernel::default();
        for index in 1..=3 {
            kernel.set_link(index, true, true);
        }
        Lab::with(kernel)
    }

    fn run(&mut self) {
        let told = drive(&mut self.core, &mut self.kernel, self.now, || false);
        self.told.reports.extend(told.reports);
        self.told.events.extend(told.events);
    }

    fn say(&mut self, intents: Vec<Intent>) {
        self.core.handle(self.now, Input::Intents(intents));
        self.run();
    }

    /// Lets time pass until nothing is due, at most ten minutes.
    fn settle(&mut self) {
        let end = self.now + 600 * SECOND;
        for turn in 0.. {
            let Some(at) = self.core.deadline().filter(|at| *at <= end) else { break };
            assert!(turn < 20_000, "always something due");
            self.now = self.now.max(at);
            self.run();
        }
    }

    fn restart(&mut self) {
        self.core = Core::new(Config::default());
        self.run();
    }

    fn hops_of(&self, prefix: &str) -> Option<BTreeSet<Hop>> {
        let route = self.kernel.routes.get(&(net(prefix), 254, 20))?;
        Some(self.kernel.hops(route).into_iter().collect())
    }
}

fn set(hops: &[Hop]) -> Option<BTreeSet<Hop>> {
    Some(hops.iter().copied().collect())
}

#[test]
fn one_message_moves_all_routes_of_a_group() {
    let mut lab = Lab::new();
    let mut intents = vec![group(1, &[hop("10.0.1.1", 1)])];
    intents.extend((0..200).map(|i| route(&format!("172.16.{i}.0/24"), on_group(1))));
    lab.say(intents);
    assert_eq!(lab.kernel.routes.len(), 200);
    let before = lab.kernel.applied;
    lab.say(vec![group(1, &[hop("10.0.2.1", 2)])]);
    // The new member, the group, and the old member that nothing uses any more is kept until synced.
    assert_eq!(lab.kernel.applied - before, 2);
    assert_eq!(lab.hops_of("172.16.7.0/24"), set(&[hop("10.0.2.1", 2)]));
}

/// The group that a route hangs on: its id, members and kind.
fn group_of(lab: &Lab, prefix: &str) -> (u32, Vec<(u32, u8)>, Option<Resilient>) {
    let id = lab.kernel.routes[&(net(prefix), 254, 20)].object.unwrap();
    let object = &lab.kernel.objects[&id];
    (id, object.members.clone(), object.resilient)
}

#[test]
fn a_resilient_group_changes_in_place_and_is_found_again() {
    let all = [hop("10.0.1.1", 1), hop("10.0.2.1", 2), hop("10.0.3.1", 3)];
    let mut lab = Lab::new();
    lab.say(vec![keeping(1, &all), route("10.0.0.0/8", on_group(1)), Intent::Synced]);
    let (id, members, kind) = group_of(&lab, "10.0.0.0/8");
    assert_eq!((members.len(), kind), (3, Some(KEEPS)));
    for hops in [&all[1..], &all[2..], &all[..]] {
        lab.say(vec![keeping(1, hops)]);
        assert_eq!((group_of(&lab, "10.0.0.0/8").0, lab.hops_of("10.0.0.0/8")), (id, set(hops)));
    }
    // A link goes and comes: its member with it.
    lab.kernel.set_link(2, true, false);
    lab.run();
    lab.kernel.set_link(2, true, true);
    lab.settle();
    assert_eq!((group_of(&lab, "10.0.0.0/8").0, group_of(&lab, "10.0.0.0/8").2), (id, kind));
    assert_eq!(lab.kernel.hops(&lab.kernel.routes[&(net("10.0.0.0/8"), 254, 20)]), all, "in order");
    let before = lab.kernel.applied;
    lab.restart();
    lab.say(vec![keeping(7, &all), route("10.0.0.0/8", on_group(7)), Intent::Synced]);
    lab.settle();
    assert_eq!((group_of(&lab, "10.0.0.0/8").0, lab.kernel.applied), (id, before));
    // One without buckets does not serve as one with them.
    lab.restart();
    lab.say(vec![group(8, &all), route("10.0.0.0/8", on_group(8)), Intent::Synced]);
    lab.settle();
    let (other, _, kind) = group_of(&lab, "10.0.0.0/8");
    assert!(other != id && kind.is_none() && !lab.kernel.objects.contains_key(&id));
}

#[test]
fn the_kind_of_a_group_is_that_from_its_creation() {
    let hops = [hop("10.0.1.1", 1), hop("10.0.2.1", 2)];
    let mut lab = Lab::new();
    lab.say(vec![group(1, &hops), route("10.0.0.0/8", on_group(1))]);
    // The kernel refuses to change it; the hops count all the same.
    lab.say(vec![keeping(1, &hops[1..])]);
    lab.settle();
    assert_eq!(group_of(&lab, "10.0.0.0/8").2, None);
    assert_eq!(lab.hops_of("10.0.0.0/8"), set(&hops[1..]));
    assert!(lab.told.reports.iter().all(|r| !matches!(r, Report::RouteFailed { .. })));
    // A new name has the new kind: the route goes over to it, and what it leaves goes after it.
    lab.say(vec![keeping(2, &hops), route("10.0.0.0/8", on_group(2)), Intent::GroupGone(GroupId(1))]);
    lab.settle();
    assert_eq!(group_of(&lab, "10.0.0.0/8").2, Some(KEEPS));
}

#[test]
fn a_kernel_without_resilient_groups_gets_others_and_that_is_told_once() {
    let hops = [hop("10.0.1.1", 1), hop("10.0.2.1", 2)];
    let mut kernel = Kernel::default();
    kernel.forgetful = true;
    (1..=2).for_each(|index| kernel.set_link(index, true, true));
    let mut lab = Lab::with(kernel);
    lab.say(vec![keeping(1, &hops), route("10.0.0.0/8", on_group(1)), keeping(2, &hops[1..])]);
    lab.settle();
    assert_eq!((group_of(&lab, "10.0.0.0/8").2, lab.hops_of("10.0.0.0/8")), (None, set(&hops)));
    let losses = lab.told.reports.iter().filter(|r| matches!(r, Report::Loss { .. })).count();
    assert_eq!(losses, 1);
}

#[test]
fn members_left_in_another_order_by_an_earlier_run_are_put_in_order() {
    let hops = [hop("10.0.1.1", 1), hop("10.0.2.1", 2), hop("10.0.3.1", 3)];
    let mut lab = Lab::new();
    let reversed: Vec<Hop> = hops.iter().rev().copied().collect();
    lab.say(vec![group(1, &reversed), route("10.0.0.0/8", on_group(1))]);
    let (id, before, _) = group_of(&lab, "10.0.0.0/8");
    lab.restart();
    lab.say(vec![group(1, &hops), route("10.0.0.0/8", on_group(1)), Intent::Synced]);
    lab.settle();
    let (now, after, _) = group_of(&lab, "10.0.0.0/8");
    assert_eq!((now, after), (id, before.into_iter().rev().collect()));
}

#[test]
fn a_group_serves_ipv4_routes_over_ipv6_gateways() {
    let mut lab = Lab::new();
    let gateway = hop("fe80::1", 1);
    lab.say(vec![
        group(1, &[gateway]),
        route("10.0.0.0/8", on_group(1)),
        route("2001:db8::/32", on_group(1)),
    ]);
    assert_eq!(lab.hops_of("10.0.0.0/8"), set(&[gateway]));
    assert_eq!(lab.hops_of("2001:db8::/32"), set(&[gateway]));
}

#[test]
fn a_route_waits_for_its_group_and_for_its_link() {
    let mut lab = Lab::new();
    lab.say(vec![route("10.0.0.0/8", on_group(1))]);
    assert_eq!(lab.hops_of("10.0.0.0/8"), None);
    lab.say(vec![group(1, &[hop("10.0.9.1", 9)])]);
    assert_eq!(lab.hops_of("10.0.0.0/8"), None);
    lab.kernel.set_link(9, true, true);
    lab.run();
    assert_eq!(lab.hops_of("10.0.0.0/8"), set(&[hop("10.0.9.1", 9)]));
    assert_eq!(lab.told.reports.iter().filter(|r| matches!(r, Report::RouteFailed { .. })).count(), 0);
}

#[test]
fn routes_return_with_the_carrier() {
    let mut lab = Lab::new();
    lab.say(vec![
        group(1, &[hop("10.0.1.1", 1), hop("10.0.2.1", 2)]),
        group(2, &[hop("10.0.1.1", 1)]),
        route("10.0.0.0/8", on_group(1)),
        route("11.0.0.0/8", on_group(2)),
    ]);
    lab.kernel.set_link(1, true, false);
    lab.run();
    assert_eq!(lab.hops_of("10.0.0.0/8"), set(&[hop("10.0.2.1", 2)]));
    assert_eq!(lab.hops_of("11.0.0.0/8"), None);
    assert_eq!(lab.core.counts(), [(false, 186, Counts { wanted: 2, installed: 1, failed: 0, pending: 1 })]);
    lab.kernel.set_link(1, true, true);
    lab.run();
    assert_eq!(lab.hops_of("10.0.0.0/8"), set(&[hop("10.0.1.1", 1), hop("10.0.2.1", 2)]));
    assert_eq!(lab.hops_of("11.0.0.0/8"), set(&[hop("10.0.1.1", 1)]));
}

#[test]
fn a_restart_writes_only_differences_and_sweeps_at_the_end() {
    let mut lab = Lab::new();
    let intents = vec![
        group(1, &[hop("10.0.1.1", 1)]),
        route("10.0.0.0/8", on_group(1)),
        route("11.0.0.0/8", on_group(1)),
    ];
    lab.say(intents.clone());
    lab.restart();
    let before = lab.kernel.applied;
    lab.say(vec![group(7, &[hop("10.0.1.1", 1)]), route("10.0.0.0/8", on_group(7))]);
    assert_eq!(lab.kernel.applied, before, "what an earlier run left serves");
    assert!(lab.hops_of("11.0.0.0/8").is_some(), "nothing is swept before the state is complete");
    lab.say(vec![Intent::Synced]);
    assert_eq!(lab.hops_of("11.0.0.0/8"), None);
    assert_eq!(lab.hops_of("10.0.0.0/8"), set(&[hop("10.0.1.1", 1)]));
    assert!(lab.told.reports.contains(&Report::Synced));
}

#[test]
fn routes_are_acknowledged_also_where_nothing_is_written() {
    let acknowledged = |lab: &mut Lab| {
        let reports = std::mem::take(&mut lab.told.reports);
        let of = |r: Report| if let Report::Acknowledged(routes) = r { routes } else { Vec::new() };
        reports.into_iter().flat_map(of).map(|(prefix, _)| prefix.to_string()).collect::<Vec<_>>()
    };
    let intents = || vec![group(1, &[hop("10.0.1.1", 1)]), route("10.0.0.0/8", on_group(1))];
    let mut lab = Lab::new();
    lab.say(intents());
    assert!(acknowledged(&mut lab).is_empty(), "nobody asked");
    lab.say(vec![Intent::Acknowledge(true), route("11.0.0.0/8", on_group(1))]);
    assert_eq!(acknowledged(&mut lab), ["11.0.0.0/8"]);
    lab.say(vec![route("11.0.0.0/8", on_group(1))]);
    assert_eq!(acknowledged(&mut lab), ["11.0.0.0/8"], "it is there already");
    lab.say(vec![
        group(2, &[hop("10.0.2.1", 2)]),
        route("11.0.0.0/8", on_group(2)),
        route("11.0.0.0/8", on_group(1)),
    ]);
    assert_eq!(acknowledged(&mut lab), ["11.0.0.0/8"], "there and back");
    lab.restart();
    lab.say([vec![Intent::Acknowledge(true)], intents()].concat());
    assert_eq!(acknowledged(&mut lab), ["10.0.0.0/8"], "what an earlier run left serves");
}

#[test]
fn a_route_of_another_with_our_metric_is_not_replaced() {
    let mut lab = Lab::new();
    let foreign = KernelRoute {
        prefix: net("10.0.0.0/8"),
        table: 254,
        protocol: 4,
        metric: 20,
        kind: RouteKind::Unicast,
        object: None,
        hops: vec![hop("10.0.3.1", 3)],
        source: None,
    };
    lab.kernel.foreign_set(foreign.clone());
    lab.say(vec![group(1, &[hop("10.0.1.1", 1)]), route("10.0.0.0/8", on_group(1))]);
    let key = (net("10.0.0.0/8"), 254, 20);
    assert_eq!(lab.kernel.routes.get(&key), Some(&foreign));
    assert!(lab.told.reports.iter().any(|r| matches!(r, Report::RouteFailed { errno: 17, .. })));
    let refused = lab.core.route(key.0, key.1);
    assert_eq!((refused.installed, refused.errno), (false, Some(17)));
    lab.kernel.foreign_remove(&key);
    lab.run();
    assert_eq!(lab.hops_of("10.0.0.0/8"), set(&[hop("10.0.1.1", 1)]));
    let status = lab.core.route(key.0, key.1);
    assert_eq!((status.installed, status.errno, status.no_way), (true, None, false));
    let (_, members) = status.object.unwrap();
    assert_eq!(members.iter().map(|(_, h)| h.gateway).collect::<Vec<_>>(), [hop("10.0.1.1", 1).gateway]);
    assert_eq!(lab.core.route(net("10.0.0.0/9"), 254), crate::RouteStatus::default());
}

#[test]
fn a_stolen_route_is_put_back() {
    let mut lab = Lab::new();
    lab.say(vec![group(1, &[hop("10.0.1.1", 1)]), route("10.0.0.0/8", on_group(1))]);
    lab.kernel.foreign_remove(&(net("10.0.0.0/8"), 254, 20));
    lab.run();
    assert!(lab.told.reports.iter().any(|r| matches!(r, Report::Stolen { .. })));
    lab.now += 100 * MILLISECOND;
    lab.run();
    assert_eq!(lab.hops_of("10.0.0.0/8"), set(&[hop("10.0.1.1", 1)]));
}

#[test]
fn a_refused_hop_does_not_keep_the_others_from_working() {
    let mut lab = Lab::new();
    lab.kernel.refuse.extend([113]);
    lab.say(vec![group(1, &[hop("10.0.1.1", 1), hop("10.0.2.1", 2)]), route("10.0.0.0/8", on_group(1))]);
    assert_eq!(lab.hops_of("10.0.0.0/8"), set(&[hop("10.0.2.1", 2)]));
    assert!(lab.told.reports.iter().any(|r| matches!(r, Report::HopFailed { errno: 113, .. })));
    lab.settle();
    assert_eq!(lab.hops_of("10.0.0.0/8"), set(&[hop("10.0.1.1", 1), hop("10.0.2.1", 2)]));
}

#[test]
fn gateways_go_into_the_routes_of_a_kernel_without_objects() {
    let mut kernel = Kernel::default();
    kernel.old = true;
    kernel.set_link(1, true, true);
    kernel.set_link(2, true, true);
    let mut lab = Lab::with(kernel);
    let both = [hop("10.0.1.1", 1), hop("10.0.2.1", 2)];
    lab.say(vec![group(1, &both), route("10.0.0.0/8", on_group(1))]);
    assert_eq!(lab.hops_of("10.0.0.0/8"), set(&both));
    lab.kernel.set_link(1, false, false);
    lab.run();
    assert_eq!(lab.hops_of("10.0.0.0/8"), set(&both[1..]));
    lab.kernel.set_link(1, true, true);
    lab.run();
    assert_eq!(lab.hops_of("10.0.0.0/8"), set(&both));
    lab.say(vec![group(1, &[])]);
    assert_eq!(lab.hops_of("10.0.0.0/8"), None);
}

#[test]
fn a_change_of_metric_leaves_one_route() {
    let mut lab = Lab::new();
    lab.say(vec![group(1, &[hop("10.0.1.1", 1)]), route("10.0.0.0/8", on_group(1))]);
    let moved = Route { metric: 30, ..on_group(1).unwrap() };
    lab.say(vec![route("10.0.0.0/8", Some(moved))]);
    let keys: Vec<_> = lab.kernel.routes.keys().copied().collect();
    assert_eq!(keys, [(net("10.0.0.0/8"), 254, 30)]);
}

#[test]
fn others_see_links_addresses_and_foreign_routes_with_differences_after_a_loss() {
    let mut lab = Lab::new();
    lab.told.events.clear();
    lab.kernel.set_link(2, false, false);
    lab.kernel.remove_link(3);
    assert!(lab.kernel.lose_notifications());
    lab.core.handle(lab.now, Input::MonitorLost);
    lab.run();
    let events = std::mem::take(&mut lab.told.events);
    assert!(matches!(&events[0], Event::LinkChanged(link) if link.index == 2 && !link.up));
    assert_eq!(events[1], Event::LinkGone { index: 3, name: "eth3".to_owned() });
    assert_eq!(events[2..], [Event::Resynced]);
}

#[test]
fn nothing_remains_when_nothing_is_wanted() {
    let mut lab = Lab::new();
    lab.say(vec![
        group(1, &[hop("10.0.1.1", 1), hop("fe80::1", 2)]),
        route("10.0.0.0/8", on_group(1)),
        Intent::Synced,
    ]);
    lab.say(vec![route("10.0.0.0/8", None), Intent::GroupGone(GroupId(1))]);
    lab.settle();
    assert!(lab.kernel.routes.is_empty() && lab.kernel.objects.is_empty());
    assert!(lab.core.objects.is_empty());
    assert_eq!((lab.core.table.len(), lab.core.table.specs.references()), (0, 0));
}

/// Two routes of an earlier run on one group.
fn leftovers() -> Lab {
    let mut lab = Lab::new();
    let intents = ["10.0.0.0/8", "172.16.0.0/12"].map(|prefix| route(prefix, on_group(1)));
    lab.say([vec![group(1, &[hop("10.0.1.1", 1)])], intents.to_vec()].concat());
    lab.restart();
    lab
}

#[test]
fn routes_of_an_earlier_run_that_go_with_their_link_are_made_anew() {
    let mut lab = leftovers();
    // One is wanted again before the link goes, one only after it is back.
    lab.say(vec![group(7, &[hop("10.0.1.1", 1)]), route("10.0.0.0/8", on_group(7))]);
    lab.kernel.set_link(1, true, false);
    lab.run();
    assert!(lab.kernel.routes.is_empty(), "the kernel drops them silently");
    lab.kernel.set_link(1, true, true);
    lab.run();
    lab.say(vec![route("172.16.0.0/12", on_group(7))]);
    lab.settle();
    for prefix in ["10.0.0.0/8", "172.16.0.0/12"] {
        assert_eq!(lab.hops_of(prefix), set(&[hop("10.0.1.1", 1)]), "{prefix}");
    }
    // The same when nothing was wanted before.
    let mut lab = leftovers();
    lab.kernel.set_link(1, true, false);
    lab.run();
    lab.kernel.set_link(1, true, true);
    lab.say(vec![group(7, &[hop("10.0.1.1", 1)]), route("172.16.0.0/12", on_group(7))]);
    lab.settle();
    assert_eq!(lab.hops_of("172.16.0.0/12"), set(&[hop("10.0.1.1", 1)]));
}

#[test]
fn a_route_of_an_earlier_run_outlives_the_others_of_its_group() {
    let mut lab = leftovers();
    lab.say(vec![group(7, &[hop("10.0.1.1", 1)]), route("10.0.0.0/8", on_group(7))]);
    lab.say(vec![route("10.0.0.0/8", None), Intent::GroupGone(GroupId(7))]);
    lab.settle();
    assert_eq!(lab.hops_of("10.0.0.0/8"), None);
    assert_eq!(lab.hops_of("172.16.0.0/12"), set(&[hop("10.0.1.1", 1)]), "nobody has spoken of it");
    let before = lab.kernel.applied;
    lab.say(vec![group(8, &[hop("10.0.1.1", 1)]), route("172.16.0.0/12", on_group(8))]);
    lab.settle();
    assert_eq!(lab.kernel.applied, before, "it serves as it is");
    lab.say(vec![route("172.16.0.0/12", None), Intent::GroupGone(GroupId(8)), Intent::Synced]);
    lab.settle();
    assert!(lab.kernel.routes.is_empty() && lab.kernel.objects.is_empty());
}

#[test]
fn a_group_that_could_not_be_deleted_is_not_emptied_behind_our_back() {
    let mut lab = Lab::new();
    lab.say(vec![group(1, &[hop("10.0.1.1", 1)]), route("10.0.0.0/8", on_group(1)), Intent::Synced]);
    // The route goes, the group is refused to go.
    lab.kernel.refuse.extend([0, 12]);
    lab.say(vec![route("10.0.0.0/8", None), Intent::GroupGone(GroupId(1))]);
    lab.say(vec![group(1, &[hop("10.0.1.1", 1)]), route("10.0.0.0/8", on_group(1))]);
    lab.settle();
    assert_eq!(lab.hops_of("10.0.0.0/8"), set(&[hop("10.0.1.1", 1)]));
    lab.say(vec![route("10.0.0.0/8", None), Intent::GroupGone(GroupId(1))]);
    lab.settle();
    assert!(lab.kernel.objects.is_empty());
}

#[test]
fn a_group_that_is_not_there_after_all_is_found_out() {
    let mut lab = Lab::new();
    lab.say(vec![group(1, &[hop("10.0.1.1", 1)]), route("10.0.0.0/8", on_group(1))]);
    // It goes without a word.
    lab.kernel.objects.retain(|_, object| object.hop.is_some());
    lab.kernel.routes.clear();
    lab.say(vec![route("172.16.0.0/12", on_group(1))]);
    lab.settle();
    for prefix in ["10.0.0.0/8", "172.16.0.0/12"] {
        assert_eq!(lab.hops_of(prefix), set(&[hop("10.0.1.1", 1)]), "{prefix}");
    }
}

#[test]
fn somebody_else_s_route_in_place_of_ours_stays_also_when_nobody_told_of_it() {
    let mut lab = Lab::new();
    lab.say(vec![group(1, &[hop("10.0.1.1", 1)]), route("10.0.0.0/8", on_group(1))]);
    let (prefix, table, metric) = (net("10.0.0.0/8"), 254, 20);
    let (kind, object, hops) = (RouteKind::Prohibit, None, Vec::new());
    let theirs = KernelRoute { prefix, table, metric, protocol: 4, kind, object, hops, source: None };
    lab.kernel.foreign_set(theirs.clone());
    assert!(lab.kernel.lose_notifications());
    lab.core.handle(lab.now, Input::MonitorLost);
    lab.settle();
    assert_eq!(lab.kernel.routes[&(prefix, table, metric)], theirs);
    lab.kernel.foreign_remove(&(prefix, table, metric));
    lab.settle();
    assert_eq!(lab.hops_of("10.0.0.0/8"), set(&[hop("10.0.1.1", 1)]));
}

#[test]
fn somebody_else_s_route_stays_when_the_kernel_s_refusal_was_lost() {
    let mut lab = Lab::new();
    let (prefix, table, metric) = (net("10.0.0.0/8"), 254, 20);
    let (kind, object, hops) = (RouteKind::Prohibit, None, Vec::new());
    let theirs = KernelRoute { prefix, table, metric, protocol: 4, kind, object, hops, source: None };
    lab.kernel.foreign_set(theirs.clone());
    assert!(lab.kernel.lose_notifications());
    let wanted = ["10.0.0.0/8", "172.16.0.0/12"].map(|prefix| route(prefix, on_group(1)));
    let intents = [vec![group(1, &[hop("10.0.1.1", 1)])], wanted.to_vec()].concat();
    lab.core.handle(lab.now, Input::Intents(intents));
    let mut first = true;
    drive(&mut lab.core, &mut lab.kernel, lab.now, || std::mem::take(&mut first));
    lab.settle();
    assert_eq!(lab.kernel.routes[&(prefix, table, metric)], theirs);
    assert_eq!(lab.hops_of("172.16.0.0/12"), set(&[hop("10.0.1.1", 1)]));
    lab.kernel.foreign_remove(&(prefix, table, metric));
    lab.settle();
    assert_eq!(lab.hops_of("10.0.0.0/8"), set(&[hop("10.0.1.1", 1)]));
}
