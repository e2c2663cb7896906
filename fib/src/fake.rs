//! A kernel in memory, with the rules of the real one as far as the reconciler can meet them.
//!
//! Used by property tests and by the simulator: it takes the same requests as the sockets do,
//! refuses what the kernel refuses, and forgets silently what the kernel forgets silently.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;

use ipnet::IpNet;

use crate::Time;
use crate::core::{Core, Input, Output};
use crate::intent::{Address, Event, Hop, Link, Report, Resilient, RouteKind};
use crate::netlink::constants::*;
use crate::netlink::{KernelNexthop, KernelRoute, Object, Request, Way};

/// Identifies a route in a table: the kernel keeps one per prefix and metric.
pub type RouteKey = (IpNet, u32, u32);

/// The kernel's tables.
#[derive(Clone, Debug, Default)]
pub struct Kernel {
    /// Interfaces by index.
    pub links: BTreeMap<u32, Link>,
    /// Addresses.
    pub addresses: BTreeSet<Address>,
    /// Next-hop objects by id.
    pub objects: BTreeMap<u32, KernelNexthop>,
    /// Routes by prefix, table and metric.
    pub routes: BTreeMap<RouteKey, KernelRoute>,
    /// It has no next-hop objects.
    pub old: bool,
    /// It has no resilient groups.
    pub forgetful: bool,
    /// Verdicts for the next requests, 0 meaning the usual rules.
    pub refuse: VecDeque<i32>,
    /// Requests applied, for tests that count messages.
    pub applied: u64,
    notifications: VecDeque<Notification>,
}

/// What the monitor shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Notification {
    /// New or changed.
    Shown {
        /// The thing.
        object: Object,
        /// In place of another with the same key.
        replaced: bool,
    },
    /// Gone.
    Removed(Object),
}

impl Kernel {
    /// Takes one request of ours: the monitor stays silent, as the filter makes it.
    pub fn apply(&mut self, request: &Request) -> Result<(), i32> {
        self.applied += 1;
        match self.refuse.pop_front() {
            Some(errno) if errno != 0 => return Err(errno),
            _ => {}
        }
        match request {
            Request::NexthopSet { id, protocol, v6, hop } => self.set_single(*id, *protocol, *v6, *hop),
            Request::GroupSet { id, create: false, .. } if !self.old && !self.objects.contains_key(id) => {
                Err(ENOENT)
            }
            Request::GroupSet { id, protocol, members, resilient, .. } => {
                self.set_group(*id, *protocol, members, *resilient)
            }
            Request::NexthopDel { id } => {
                if !self.objects.contains_key(id) {
                    return Err(ENOENT);
                }
                self.drop_object(*id);
                Ok(())
            }
            Request::RouteSet { prefix, table, protocol, metric, way, source, exclusive } => {
                let route = self.route(*prefix, *table, *protocol, *metric, way, *source)?;
                let key = (*prefix, *table, *metric);
                if *exclusive && self.routes.contains_key(&key) {
                    return Err(EEXIST);
                }
                self.routes.insert(key, route);
                Ok(())
            }
            Request::RouteDel { prefix, table, protocol, metric } => {
                let key = (*prefix, *table, *metric);
                match self.routes.get(&key) {
                    Some(route) if route.protocol == *protocol => {
                        self.routes.remove(&key);
                        Ok(())
                    }
                    _ => Err(ESRCH),
                }
            }
        }
    }

    fn can_send(&self, ifindex: u32) -> Result<(), i32> {
        match self.links.get(&ifindex) {
            None => Err(ENODEV),
            Some(link) if !link.usable() => Err(ENETDOWN),
            Some(_) => Ok(()),
        }
    }

    fn set_single(&mut self, id: u32, protocol: u8, v6: bool, hop: Hop) -> Result<(), i32> {
        if self.old {
            return Err(EOPNOTSUPP);
        }
        self.can_send(hop.ifindex)?;
        let group = self.objects.get(&id).is_some_and(|object| !object.members.is_empty());
        if group || hop.gateway.is_some_and(|gateway| gateway.is_ipv6() != v6) {
            return Err(EINVAL);
        }
        let hop = Some(Hop { weight: 1, ..hop });
        let (members, resilient) = (Vec::new(), None);
        self.objects.insert(id, KernelNexthop { id, protocol, v6, hop, members, resilient });
        Ok(())
    }

    fn set_group(
        &mut self,
        id: u32,
        protocol: u8,
        members: &[(u32, u8)],
        resilient: Option<Resilient>,
    ) -> Result<(), i32> {
        if self.old {
            return Err(EOPNOTSUPP);
        }
        let ids: BTreeSet<u32> = members.iter().map(|(id, _)| *id).collect();
        let single = |id: &u32| self.objects.get(id).is_some_and(|object| object.hop.is_some());
        // Neither can a group take the place of a single one, nor one with buckets that of one without, or with others.
        let fits = |old: &KernelNexthop| {
            old.hop.is_none() && old.resilient.map(|r| r.buckets) == resilient.map(|r| r.buckets)
        };
        let replaces_another_kind = self.objects.get(&id).is_some_and(|old| !fits(old));
        let impossible = resilient.is_some_and(|r| self.forgetful || r.buckets == 0);
        if ids.is_empty() || ids.len() != members.len() || !ids.iter().all(single) {
            return Err(EINVAL);
        }
        if replaces_another_kind || impossible {
            return Err(EINVAL);
        }
        let members = members.to_vec();
        self.objects.insert(id, KernelNexthop { id, protocol, v6: false, hop: None, members, resilient });
        Ok(())
    }

    /// Removes an object, shrinks its groups, and drops the routes of what became empty.
    fn drop_object(&mut self, id: u32) {
        self.objects.remove(&id);
        let mut emptied = Vec::new();
        for (group, object) in &mut self.objects {
            let before = object.members.len();
            object.members.retain(|(member, _)| *member != id);
            if before > 0 && object.members.is_empty() {
                emptied.push(*group);
            }
        }
        self.routes.retain(|_, route| route.object != Some(id));
        for group in emptied {
            self.drop_object(group);
        }
    }

    fn is_v4_object(&self, id: u32) -> bool {
        self.objects.get(&id).is_some_and(|object| {
            (object.hop.is_some() && !object.v6)
                || object.members.iter().any(|(member, _)| self.is_v4_object(*member))
        })
    }

    fn route(
        &self,
        prefix: IpNet,
        table: u32,
        protocol: u8,
        metric: u32,
        way: &Way,
        source: Option<IpAddr>,
    ) -> Result<KernelRoute, i32> {
        let v6 = matches!(prefix, IpNet::V6(_));
        let (kind, object, hops) = match way {
            Way::Object(id) => {
                if !self.objects.contains_key(id) || (v6 && self.is_v4_object(*id)) {
                    return Err(EINVAL);
                }
                (RouteKind::Unicast, Some(*id), Vec::new())
            }
            Way::Hops(hops) => {
                for hop in hops {
                    self.can_send(hop.ifindex)?;
                }
                (RouteKind::Unicast, None, hops.clone())
            }
            Way::Blackhole => (RouteKind::Blackhole, None, Vec::new()),
            Way::Unreachable => (RouteKind::Unreachable, None, Vec::new()),
            Way::Prohibit => (RouteKind::Prohibit, None, Vec::new()),
        };
        if let Some(source) = source
            && !self.addresses.iter().any(|address| address.net.addr() == source)
        {
            return Err(EINVAL);
        }
        Ok(KernelRoute { prefix, table, protocol, metric, kind, object, hops, source })
    }

    /// Creates or changes an interface. Without carrier its next-hop objects go silently; down, so
    /// do the routes that name it.
    pub fn set_link(&mut self, index: u32, up: bool, lower_up: bool) {
        let link = Link { index, name: format!("eth{index}"), up, lower_up, ..Link::default() };
        self.links.insert(index, link.clone());
        if !link.usable() {
            self.flush(index);
        }
        if !up {
            self.routes.retain(|_, route| !route.hops.iter().any(|hop| hop.ifindex == index));
        }
        self.notifications.push_back(Notification::Shown { object: Object::Link(link), replaced: false });
    }

    /// Removes an interface.
    pub fn remove_link(&mut self, index: u32) {
        if let Some(link) = self.links.remove(&index) {
            self.flush(index);
            self.routes.retain(|_, route| !route.hops.iter().any(|hop| hop.ifindex == index));
            self.notifications.push_back(Notification::Removed(Object::Link(link)));
        }
    }

    fn flush(&mut self, index: u32) {
        let on = |object: &KernelNexthop| object.hop.is_some_and(|hop| hop.ifindex == index);
        let dead: Vec<u32> = self.objects.values().filter(|o| on(o)).map(|o| o.id).collect();
        for id in dead {
            self.drop_object(id);
        }
    }

    /// Adds an address.
    pub fn add_address(&mut self, address: Address) {
        self.addresses.insert(address);
        let object = Object::Address(address);
        self.notifications.push_back(Notification::Shown { object, replaced: false });
    }

    /// Removes an address, and silently the IPv4 routes that prefer it as their source.
    pub fn remove_address(&mut self, address: &Address) {
        if self.addresses.remove(address) {
            let source = address.net.addr();
            if source.is_ipv4() {
                self.routes.retain(|_, route| route.source != Some(source));
            }
            self.notifications.push_back(Notification::Removed(Object::Address(*address)));
        }
    }

    /// Somebody else sets a route, replacing what has the same prefix and metric.
    pub fn foreign_set(&mut self, route: KernelRoute) {
        let key = (route.prefix, route.table, route.metric);
        let replaced = self.routes.insert(key, route.clone()).is_some();
        self.notifications.push_back(Notification::Shown { object: Object::Route(route), replaced });
    }

    /// Somebody else deletes a route.
    pub fn foreign_remove(&mut self, key: &RouteKey) {
        if let Some(route) = self.routes.remove(key) {
            self.notifications.push_back(Notification::Removed(Object::Route(route)));
        }
    }

    /// Somebody else deletes a next-hop object.
    pub fn foreign_drop(&mut self, id: u32) {
        if let Some(object) = self.objects.get(&id).cloned() {
            let before: Vec<KernelNexthop> = self.objects.values().cloned().collect();
            self.drop_object(id);
            self.notifications.push_back(Notification::Removed(Object::Nexthop(object)));
            for old in before {
                match self.objects.get(&old.id) {
                    Some(new) if *new != old => {
                        let object = Object::Nexthop(new.clone());
                        self.notifications.push_back(Notification::Shown { object, replaced: true });
                    }
                    None if old.id != id => {
                        self.notifications.push_back(Notification::Removed(Object::Nexthop(old)));
                    }
                    _ => {}
                }
            }
        }
    }

    /// What the monitor shows next.
    pub fn notification(&mut self) -> Option<Notification> {
        self.notifications.pop_front()
    }

    /// The monitor's queue overflows. True if anything was lost.
    pub fn lose_notifications(&mut self) -> bool {
        let any = !self.notifications.is_empty();
        self.notifications.clear();
        any
    }

    /// Everything, in the order that the core wants.
    pub fn dump(&self) -> Vec<Object> {
        let links = self.links.values().cloned().map(Object::Link);
        let addresses = self.addresses.iter().copied().map(Object::Address);
        let objects = self.objects.values().cloned().map(Object::Nexthop);
        let routes = self.routes.values().cloned().map(Object::Route);
        links.chain(addresses).chain(objects).chain(routes).collect()
    }

    /// The hops that packets to this route take, in no particular order.
    pub fn hops(&self, route: &KernelRoute) -> Vec<Hop> {
        let Some(id) = route.object else { return route.hops.clone() };
        let Some(object) = self.objects.get(&id) else { return Vec::new() };
        let of = |(member, weight): &(u32, u8)| {
            let hop = self.objects.get(member)?.hop?;
            Some(Hop { weight: *weight, ..hop })
        };
        object.hop.into_iter().chain(object.members.iter().filter_map(of)).collect()
    }
}

/// What came out of [`drive`].
#[derive(Default, Debug)]
pub struct Told {
    /// Reports in order.
    pub reports: Vec<Report>,
    /// Events in order.
    pub events: Vec<Event>,
}

/// Carries messages between a core and a kernel until neither has more to say at `now`.
/// `lose` is asked once per batch whether the replies get lost.
///
/// # Panics
/// If the two never come to rest, which is an error of the core.
pub fn drive(core: &mut Core, kernel: &mut Kernel, now: Time, mut lose: impl FnMut() -> bool) -> Told {
    let mut told = Told::default();
    core.handle(now, Input::Timeout);
    for turn in 0u32.. {
        assert!(turn < 1_000_000, "the core does not come to rest");
        if let Some(notification) = kernel.notification() {
            let input = match notification {
                Notification::Shown { object, replaced } => Input::Shown { object, replaced },
                Notification::Removed(object) => Input::Removed(object),
            };
            core.handle(now, input);
        }
        let Some(output) = core.poll() else {
            if kernel.notifications.is_empty() {
                break;
            }
            continue;
        };
        match output {
            Output::Send { first_seq, requests } => {
                send(core, kernel, now, first_seq, &requests, lose());
            }
            Output::Dump => {
                if kernel.old {
                    core.handle(now, Input::NoObjects);
                }
                if kernel.old || kernel.forgetful {
                    core.handle(now, Input::NoResilient);
                }
                for object in kernel.dump() {
                    core.handle(now, Input::Shown { object, replaced: false });
                }
                core.handle(now, Input::DumpDone);
            }
            Output::Report(report) => told.reports.push(report),
            Output::Event(event) => told.events.push(event),
        }
    }
    told
}

fn send(core: &mut Core, kernel: &mut Kernel, now: Time, first: u32, requests: &[Request], lost: bool) {
    let verdicts: Vec<i32> = requests.iter().map(|r| kernel.apply(r).err().unwrap_or(0)).collect();
    if lost {
        core.handle(now, Input::Lost);
        return;
    }
    let mut seq = first;
    for (i, errno) in verdicts.iter().enumerate() {
        if *errno != 0 || i + 1 == verdicts.len() {
            core.handle(now, Input::Outcome { seq, errno: *errno, message: None });
        }
        seq = seq.wrapping_add(1);
    }
}
