//! Carries messages between a reconciler and a kernel in memory, loses some, and watches.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use fib::core::{Core, Input, Output};
use fib::fake::{Kernel, Notification};
use fib::netlink::{KernelRoute, Object, Request};
use fib::{Event, GroupId, Hop, Intent, Target};
use ipnet::IpNet;
use rib::base::Discard;
use rib::event::{FibChange, FibTarget};
use rib::nexthop::SetHop;

use super::planted::Planted;
use crate::rng::Rng;
use crate::sim::agenda;
use bgp::types::{SECOND, Time};

/// The main table.
pub const MAIN: u32 = 254;

/// Metric of our routes.
pub const METRIC: u32 = 20;

/// `rtm_protocol` of our routes.
pub const BGP: u8 = 186;

/// Out of memory: the kernel may refuse anything with it at any time.
const ENOMEM: i32 = 12;

/// How long it takes until what was refused is tried again, at most.
const PATIENCE: Time = 30 * SECOND;

/// Gateways with their interfaces.
pub type Ways = BTreeSet<(u32, Option<IpAddr>)>;

/// Ways of a route of ours in a kernel.
pub fn ways(kernel: &Kernel, net: IpNet) -> Option<Ways> {
    let route = kernel.routes.get(&(net, MAIN, METRIC)).filter(|r| r.protocol == BGP)?;
    Some(kernel.hops(route).into_iter().map(|h| (h.ifindex, h.gateway)).collect())
}

/// What the reconciler was told, kept as plainly as possible, and what it did.
#[derive(Default)]
pub struct Watch {
    /// The router, for the trace.
    router: usize,
    sets: BTreeMap<u32, Ways>,
    routes: BTreeMap<IpNet, u32>,
    /// What a predecessor left, with the ways that it had.
    leftovers: BTreeMap<IpNet, Ways>,
    /// Leftovers that were wanted differently at some time, or were disturbed from outside.
    unsure: BTreeSet<IpNet>,
    /// Leftovers that were deleted, or added as if they were not there.
    touched: BTreeMap<IpNet, u32>,
    /// Links that cannot be used, and since when.
    down: BTreeMap<u32, Time>,
    /// Before that the kernel may differ from what is wanted: something was refused or stolen.
    vague: Time,
    /// The first law that was broken.
    pub broken: Option<String>,
}

impl Watch {
    /// A process that starts on this kernel.
    pub fn new(router: usize, kernel: &Kernel) -> Watch {
        let ours = kernel.routes.values().filter(|r| r.protocol == BGP).map(|r| r.prefix);
        let leftovers = ours.filter_map(|net| Some((net, ways(kernel, net)?))).collect();
        Watch { router, leftovers, ..Watch::default() }
    }

    /// Somebody else interfered: nothing is expected of the leftovers any more, and of the rest not at once.
    pub fn interfered(&mut self, now: Time) {
        self.leftovers.clear();
        self.vague = now + PATIENCE;
    }

    /// For the trace.
    pub fn tell(&self, now: Time, what: impl FnOnce() -> String) {
        agenda::tell(now, || format!("router {}: {}", self.router, what()));
    }

    fn breaks(&mut self, law: String) {
        self.broken.get_or_insert(law);
    }

    /// The table said something.
    pub fn told(&mut self, change: &FibChange) {
        match change {
            FibChange::HopSet { id, hops, .. } => {
                self.sets.insert(id.0, hops.iter().map(|h| (h.hop.ifindex, h.hop.gateway)).collect());
            }
            FibChange::HopSetGone(id) => {
                self.sets.remove(&id.0);
                if self.routes.values().any(|set| *set == id.0) {
                    self.breaks(format!("the table dropped {id:?}, which routes of it use"));
                }
            }
            FibChange::Acknowledge(_) => {}
            FibChange::Complete => {
                // What nobody has spoken of by now goes.
                let unnamed = self.leftovers.keys().filter(|net| !self.routes.contains_key(net));
                self.unsure.extend(unnamed);
            }
            FibChange::Route { prefix, route } => match route.map(|r| r.target) {
                None => {
                    self.unsure.insert(*prefix);
                    self.routes.remove(prefix);
                }
                Some(FibTarget::Hops(id)) => {
                    self.routes.insert(*prefix, id.0);
                }
                Some(FibTarget::Discard(kind)) => self.breaks(format!("{prefix} is {kind:?}")),
            },
        }
    }

    /// The ways that a prefix is wanted to have in this kernel; `None` if it should not be there.
    fn wanted(&self, kernel: &Kernel, net: IpNet) -> Option<Ways> {
        let usable = |ifindex: &u32| kernel.links.get(ifindex).is_some_and(|l| l.usable());
        let all = self.sets.get(self.routes.get(&net)?)?;
        let ways: Ways = all.iter().filter(|(ifindex, _)| usable(ifindex)).copied().collect();
        (!ways.is_empty()).then_some(ways)
    }

    /// Everything was said and done, for now: the kernel has what is wanted, but for what others hold.
    pub fn settled(&mut self, now: Time, kernel: &Kernel, synced: bool) {
        for (net, left) in &self.leftovers {
            let wanted = self.wanted(kernel, *net);
            if wanted.as_ref().is_some_and(|w| w != left)
                || (wanted.is_none() && self.routes.contains_key(net))
            {
                self.unsure.insert(*net);
            }
        }
        self.links(now, kernel);
        if now < self.vague {
            return;
        }
        let held = |net: IpNet| kernel.routes.get(&(net, MAIN, METRIC)).is_some_and(|r| r.protocol != BGP);
        let wanted: Vec<IpNet> = self.routes.keys().copied().filter(|net| !held(*net)).collect();
        for net in wanted {
            let (wanted, found) = (self.wanted(kernel, net), ways(kernel, net));
            if found != wanted {
                self.breaks(format!("the kernel has {net} over {found:?}, wanted {wanted:?}"));
            }
        }
        if synced {
            let mut ours = kernel.routes.values().filter(|r| r.protocol == BGP);
            if let Some(extra) = ours.find(|r| !self.routes.contains_key(&r.prefix)) {
                let law = format!("the kernel has {}, which nobody wants", extra.prefix);
                self.breaks(law);
            }
        }
    }

    /// The table uses no link that has been down for a while.
    fn links(&mut self, now: Time, kernel: &Kernel) {
        self.down.retain(|index, _| kernel.links.get(index).is_some_and(|l| !l.usable()));
        for index in kernel.links.values().filter(|l| !l.usable()).map(|l| l.index) {
            self.down.entry(index).or_insert(now);
        }
        let long_down = |index: &u32| self.down.get(index).is_some_and(|since| now > since + SECOND / 10);
        let used = |set: &u32| self.sets.get(set).is_some_and(|ways| ways.iter().any(|(i, _)| long_down(i)));
        if let Some((net, _)) = self.routes.iter().find(|(_, set)| used(set)) {
            let law = format!("{net} is wanted over a link that is down");
            self.breaks(law);
        }
    }

    /// Leftovers that were right all the time were not touched.
    pub fn adopted(&self, kernel: &Kernel) -> Result<usize, String> {
        let right = |(net, left): &(&IpNet, &Ways)| {
            !self.unsure.contains(*net) && ways(kernel, **net).as_ref() == Some(*left)
        };
        let right: Vec<IpNet> = self.leftovers.iter().filter(right).map(|(net, _)| *net).collect();
        match right.iter().find_map(|net| Some((net, self.touched.get(net)?))) {
            Some((net, times)) => Err(format!("{net} was right at the start and touched {times} times")),
            None => Ok(right.len()),
        }
    }
}

/// What goes wrong on the way.
pub struct Mischief<'a> {
    /// Randomness.
    pub rng: &'a mut Rng,
    /// Replies and notifications are lost, requests refused.
    pub lossy: bool,
    /// A fault in this very code.
    pub planted: Option<Planted>,
}

impl Mischief<'_> {
    fn once_in(&mut self, n: u64) -> bool {
        self.lossy && self.rng.once_in(n)
    }

    /// What the reconciler sees in place of an object.
    fn seen(&self, object: Object) -> Object {
        match object {
            Object::Route(route) if self.planted == Some(Planted::TakenForOurs) => {
                Object::Route(KernelRoute { protocol: BGP, ..route })
            }
            other => other,
        }
    }
}

/// Carries messages until neither side has more to say. Returns what the kernel told.
pub fn drive(
    core: &mut Core,
    kernel: &mut Kernel,
    now: Time,
    mischief: &mut Mischief<'_>,
    watch: &mut Watch,
) -> Vec<Event> {
    let mut events = Vec::new();
    let mut deleted = BTreeSet::new();
    core.handle(now, Input::Timeout);
    if mischief.once_in(60) && kernel.lose_notifications() {
        core.handle(now, Input::MonitorLost);
    }
    for turn in 0.. {
        assert!(turn < 100_000, "the reconciler does not come to rest");
        let notification = kernel.notification();
        let news = notification.is_some();
        if let Some(notification) = notification {
            watch.tell(now, || format!("kernel shows {notification:?}"));
            let input = match notification {
                Notification::Shown { object, replaced } => {
                    Input::Shown { object: mischief.seen(object), replaced }
                }
                Notification::Removed(object) => Input::Removed(object),
            };
            core.handle(now, input);
        }
        match core.poll() {
            Some(Output::Send { first_seq, requests }) => {
                for request in &requests {
                    watch.request(now, request, &mut deleted);
                }
                send(core, kernel, now, first_seq, &requests, mischief, watch);
            }
            Some(Output::Dump) => dump(core, kernel, now, mischief, watch),
            Some(Output::Event(event)) => events.push(event),
            Some(Output::Report(report)) => watch.tell(now, || format!("reconciler reports {report:?}")),
            None if news => {}
            None => return events,
        }
    }
    events
}

impl Watch {
    fn request(&mut self, now: Time, request: &Request, deleted: &mut BTreeSet<IpNet>) {
        let net = match request {
            Request::RouteDel { prefix, .. } => {
                deleted.insert(*prefix);
                *prefix
            }
            Request::RouteSet { prefix, exclusive, .. } => {
                // Unless something was refused a moment ago.
                if deleted.contains(prefix) && now >= self.vague {
                    self.breaks(format!("{prefix} was deleted and added again"));
                }
                if !exclusive {
                    // In place of what is there, without a gap: to another object that leads the same way.
                    return;
                }
                *prefix
            }
            _ => return,
        };
        if self.leftovers.contains_key(&net) {
            *self.touched.entry(net).or_default() += 1;
        }
    }
}

fn dump(core: &mut Core, kernel: &Kernel, now: Time, mischief: &mut Mischief<'_>, watch: &mut Watch) {
    if mischief.once_in(20) {
        watch.vague = watch.vague.max(now + SECOND);
        return core.handle(now, Input::DumpFailed);
    }
    for object in kernel.dump() {
        let hidden = mischief.planted == Some(Planted::NoAdoption) && matches!(object, Object::Route(_));
        if !hidden {
            core.handle(now, Input::Shown { object: mischief.seen(object), replaced: false });
        }
    }
    core.handle(now, Input::DumpDone);
}

fn send(
    core: &mut Core,
    kernel: &mut Kernel,
    now: Time,
    first: u32,
    requests: &[Request],
    mischief: &mut Mischief<'_>,
    watch: &mut Watch,
) {
    let mut verdicts = Vec::new();
    for request in requests {
        let verdict = match (request, mischief.planted) {
            (Request::RouteSet { .. }, Some(Planted::KernelForgets)) if mischief.rng.once_in(20) => 0,
            _ if mischief.once_in(150) => {
                watch.interfered(now);
                ENOMEM
            }
            _ => kernel.apply(request).err().unwrap_or(0),
        };
        watch.tell(now, || format!("kernel is asked {request:?}: {verdict}"));
        verdicts.push(verdict);
    }
    if mischief.once_in(20) {
        // What became of it is seen by a dump, which is made once a second at most.
        watch.vague = watch.vague.max(now + 2 * SECOND);
        watch.tell(now, || "kernel's replies are lost".to_owned());
        return core.handle(now, Input::Lost);
    }
    for (i, errno) in verdicts.iter().enumerate() {
        if *errno != 0 || i + 1 == verdicts.len() {
            let seq = first.wrapping_add(i as u32);
            core.handle(now, Input::Outcome { seq, errno: *errno, message: None });
        }
    }
}

/// A change of the table in the reconciler's words.
pub fn intent(change: FibChange) -> Intent {
    match change {
        FibChange::HopSet { id, hops, resilient } => {
            let hop = |SetHop { hop, weight }| Hop {
                gateway: hop.gateway,
                ifindex: hop.ifindex,
                weight,
                onlink: hop.onlink,
            };
            let resilient = resilient.map(|r| fib::Resilient {
                buckets: r.buckets,
                idle: r.idle,
                unbalanced: r.unbalanced,
            });
            Intent::Group { id: GroupId(id.0), hops: hops.into_iter().map(hop).collect(), resilient }
        }
        FibChange::HopSetGone(id) => Intent::GroupGone(GroupId(id.0)),
        FibChange::Complete => Intent::Synced,
        FibChange::Acknowledge(on) => Intent::Acknowledge(on),
        FibChange::Route { prefix, route } => Intent::Route {
            prefix,
            table: MAIN,
            route: route.map(|r| fib::Route {
                protocol: BGP,
                metric: METRIC,
                target: match r.target {
                    FibTarget::Hops(id) => Target::Group(GroupId(id.0)),
                    FibTarget::Discard(Discard::Blackhole) => Target::Blackhole,
                    FibTarget::Discard(Discard::Unreachable) => Target::Unreachable,
                    FibTarget::Discard(Discard::Prohibit) => Target::Prohibit,
                },
                source: r.prefer,
            }),
        },
    }
}
