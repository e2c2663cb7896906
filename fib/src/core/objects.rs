//! Next-hop objects: single ones per way out, and one group per set and family.
//!
//! Routes hang on groups only, of one member if need be, because the kernel refuses to turn a
//! single object into a group. A loss of carrier makes the kernel delete the device's single
//! objects silently, and with a group's last member the group and its routes
//! (`nexthop_flush_dev` in `net/ipv4/nexthop.c`); [`Objects::link`] repeats that here.

mod shown;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::net::IpAddr;

use crate::Time;
use crate::intent::{GroupId, Hop, Resilient};
use crate::netlink::constants::ENOENT;
use crate::netlink::{KernelNexthop, Request, Way};

/// A single object is the same for all groups.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MemberKey {
    pub gateway: Option<IpAddr>,
    pub ifindex: u32,
    pub onlink: bool,
    pub v6: bool,
}

impl MemberKey {
    pub fn of(hop: &Hop, v6: bool) -> MemberKey {
        let v6 = hop.gateway.map_or(v6, |gateway| gateway.is_ipv6());
        MemberKey { gateway: hop.gateway, ifindex: hop.ifindex, onlink: hop.onlink, v6 }
    }

    pub fn hop(&self, weight: u8) -> Hop {
        Hop { gateway: self.gateway, ifindex: self.ifindex, weight, onlink: self.onlink }
    }
}

#[derive(Debug)]
struct Member {
    id: u32,
    present: bool,
    /// A reply was lost: it may be there though it is not known to be.
    unsure: bool,
    users: u32,
    /// Why it was refused, 0 if it was not.
    errno: i32,
    /// Refused: not again before this time.
    retry: Option<Time>,
    tries: u8,
}

/// A set of hops for routes of one family.
pub type SetKey = (GroupId, bool);

#[derive(Debug, Default)]
struct Set {
    id: u32,
    /// As of a member.
    unsure: bool,
    specs: u32,
    /// Content that the kernel acknowledged; empty means that there is no object.
    actual: Vec<(u32, u8)>,
    /// Kind of the object, chosen when it is made: the kernel changes that of none.
    kind: Option<Resilient>,
    /// Members that this set holds a reference on.
    held: Vec<(MemberKey, u8)>,
    queued: bool,
    /// The kernel refused the group itself; not before this time again.
    retry: Option<Time>,
    tries: u8,
}

/// What an intent said of a group.
#[derive(PartialEq, Eq, Debug)]
struct Group {
    hops: Vec<Hop>,
    resilient: Option<Resilient>,
}

/// Content and kind of a group that is there.
#[derive(Debug)]
struct Spare {
    members: Vec<(u32, u8)>,
    kind: Option<Resilient>,
}

/// What an operation in flight was about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ObjectOp {
    Member(MemberKey),
    Set(SetKey),
    /// Deletes a set's object; its routes go with it.
    Unset(SetKey),
    /// Deletes an object that nothing names any more.
    Drop(u32),
}

/// Wanted and acknowledged next-hop objects.
pub struct Objects {
    base: u32,
    next: u32,
    free: Vec<u32>,
    protocol: u8,
    /// The kernel has next-hop objects.
    pub supported: bool,
    /// The kernel has resilient groups.
    pub resilient_supported: bool,
    groups: HashMap<GroupId, Group>,
    /// Groups that no intent names any more, kept until their last route has moved.
    gone: HashSet<GroupId>,
    sets: BTreeMap<SetKey, Set>,
    members: BTreeMap<MemberKey, Member>,
    links: HashMap<u32, bool>,
    dirty: VecDeque<SetKey>,
    /// Groups of an earlier run that serve no set. Routes of that run may hang on them.
    spare: BTreeMap<u32, Spare>,
    /// Objects of ours to delete once no route can hang on them.
    trash: BTreeSet<u32>,
    /// Sets that got an object without a message of ours.
    pub gained: Vec<SetKey>,
    /// Sets that gave their object up because routes of an earlier run hang on it.
    pub detached: Vec<SetKey>,
    seen: Option<BTreeMap<u32, KernelNexthop>>,
}

fn back_off(tries: u8) -> Time {
    (100 * crate::MILLISECOND) << tries.min(8)
}

fn sorted(members: &[(u32, u8)]) -> Vec<(u32, u8)> {
    let mut members = members.to_vec();
    members.sort_unstable();
    members
}

fn merge(content: &mut Vec<(MemberKey, u8)>, key: MemberKey, weight: u8) {
    match content.iter_mut().find(|(k, _)| *k == key) {
        Some((_, w)) => *w = w.saturating_add(weight),
        None => content.push((key, weight)),
    }
}

impl Objects {
    pub fn new(base: u32, protocol: u8) -> Objects {
        Objects {
            base,
            next: base,
            free: Vec::new(),
            protocol,
            supported: true,
            resilient_supported: true,
            groups: HashMap::new(),
            gone: HashSet::new(),
            sets: BTreeMap::new(),
            members: BTreeMap::new(),
            links: HashMap::new(),
            dirty: VecDeque::new(),
            spare: BTreeMap::new(),
            trash: BTreeSet::new(),
            gained: Vec::new(),
            detached: Vec::new(),
            seen: None,
        }
    }

    fn allocate(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.next += 1;
            self.next
        })
    }

    /// Is this an id that we give out?
    pub fn owns(&self, id: u32) -> bool {
        (self.base..self.base.saturating_add(1 << 28)).contains(&id)
    }

    fn mark(&mut self, key: SetKey) {
        if let Some(set) = self.sets.get_mut(&key)
            && !set.queued
        {
            set.queued = true;
            self.dirty.push_back(key);
        }
    }

    /// States the hops of a group. In inline mode the caller re-sends the routes of the sets returned.
    pub fn define(&mut self, id: GroupId, hops: Vec<Hop>, resilient: Option<Resilient>) -> Vec<SetKey> {
        let group = Group { hops, resilient };
        if self.groups.get(&id) == Some(&group) {
            self.gone.remove(&id);
            return Vec::new();
        }
        self.groups.insert(id, group);
        self.gone.remove(&id);
        let keys: Vec<SetKey> =
            [(id, false), (id, true)].into_iter().filter(|key| self.sets.contains_key(key)).collect();
        for key in &keys {
            if let Some(set) = self.sets.get_mut(key) {
                set.retry = None;
            }
            self.mark(*key);
        }
        keys
    }

    /// Forgets the definition once no set uses it.
    pub fn undefine(&mut self, id: GroupId) {
        if self.sets.contains_key(&(id, false)) || self.sets.contains_key(&(id, true)) {
            self.gone.insert(id);
        } else {
            self.groups.remove(&id);
        }
    }

    /// A spec that leads to this set came into being or went.
    pub fn count(&mut self, key: SetKey, more: bool) {
        let set = self.sets.entry(key).or_default();
        set.specs = if more { set.specs + 1 } else { set.specs.saturating_sub(1) };
        self.mark(key);
    }

    /// Whether resilient groups can be made.
    pub fn keeps_flows(&self) -> bool {
        self.supported && self.resilient_supported
    }

    /// The kind that an object made now should have.
    fn wanted_kind(&self, key: SetKey) -> Option<Resilient> {
        self.groups.get(&key.0).and_then(|g| g.resilient).filter(|_| self.keeps_flows())
    }

    /// Has the group been stated at all?
    pub fn defined(&self, id: GroupId) -> bool {
        self.groups.contains_key(&id)
    }

    fn usable(&self, ifindex: u32) -> bool {
        self.links.get(&ifindex).copied().unwrap_or(false)
    }

    /// The hops that can be used now.
    fn effective(&self, key: SetKey) -> Vec<(MemberKey, u8)> {
        let mut content = Vec::new();
        for hop in self.groups.get(&key.0).into_iter().flat_map(|g| &g.hops) {
            if self.usable(hop.ifindex) {
                merge(&mut content, MemberKey::of(hop, key.1), hop.weight.max(1));
            }
        }
        content
    }

    /// The way to give to a route on this set; `None` while it has none.
    pub fn way(&self, key: SetKey) -> Option<Way> {
        if !self.supported {
            let hops: Vec<Hop> = self.effective(key).iter().map(|(k, w)| k.hop(*w)).collect();
            return (!hops.is_empty()).then_some(Way::Hops(hops));
        }
        let set = self.sets.get(&key)?;
        (!set.actual.is_empty()).then_some(Way::Object(set.id))
    }

    /// The id of a set's object and what is in it, with the members' own ids; `None` while there is none.
    pub fn members(&self, key: SetKey) -> Option<(u32, Vec<(u32, Hop)>)> {
        let set = self.sets.get(&key).filter(|set| !set.actual.is_empty())?;
        let member = |(id, weight): &(u32, u8)| {
            let (key, _) = self.members.iter().find(|(_, m)| m.id == *id)?;
            Some((*id, key.hop(*weight)))
        };
        Some((set.id, set.actual.iter().filter_map(member).collect()))
    }

    /// The id that a set's object has or will have.
    pub fn planned_id(&self, key: SetKey) -> Option<u32> {
        self.sets.get(&key).map(|set| set.id).filter(|id| *id != 0)
    }

    /// Does any set wait for its turn?
    pub fn busy(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Writes what the dirty sets need. `left` are objects that routes of an earlier run hang on.
    pub fn plan(
        &mut self,
        now: Time,
        limit: usize,
        left: &BTreeSet<u32>,
        out: &mut Vec<(ObjectOp, Request)>,
    ) {
        while out.len() < limit {
            let Some(key) = self.dirty.pop_front() else { break };
            if let Some(set) = self.sets.get_mut(&key) {
                set.queued = false;
                if set.retry.is_some_and(|at| at > now) {
                    continue;
                }
            }
            self.plan_set(now, key, left, out);
        }
    }

    fn plan_set(&mut self, now: Time, key: SetKey, left: &BTreeSet<u32>, out: &mut Vec<(ObjectOp, Request)>) {
        let Some(specs) = self.sets.get(&key).map(|set| set.specs) else { return };
        let content = if specs == 0 || !self.supported { Vec::new() } else { self.effective(key) };
        self.hold(key, content.clone());
        let mut members = Vec::new();
        for (member, weight) in content {
            let Some(state) = self.members.get(&member) else { continue };
            if state.retry.is_some_and(|at| at > now) {
                continue;
            }
            let (id, present) = (state.id, state.present);
            let sending = out.iter().any(|(op, _)| *op == ObjectOp::Member(member));
            if !present && !sending {
                let request =
                    Request::NexthopSet { id, protocol: self.protocol, v6: member.v6, hop: member.hop(1) };
                out.push((ObjectOp::Member(member), request));
            }
            members.push((id, weight));
        }
        let kind = self.wanted_kind(key);
        if self.adopt_spare(key, &members, kind) {
            self.gained.push(key);
        }
        let Some(set) = self.sets.get_mut(&key) else { return };
        if members.is_empty() {
            if set.actual.is_empty() {
                if set.specs == 0 {
                    self.forget(key);
                }
            } else if left.contains(&set.id) {
                self.detach(key);
            } else {
                out.push((ObjectOp::Unset(key), Request::NexthopDel { id: set.id }));
            }
        } else if set.actual != members {
            // Not created anew if it vanished unnoticed: its routes went with it.
            let (id, create) = (set.id, set.actual.is_empty());
            if create {
                set.kind = kind;
            }
            let (protocol, resilient) = (self.protocol, set.kind);
            let request = Request::GroupSet { id, protocol, members, resilient, create };
            out.push((ObjectOp::Set(key), request));
        }
    }

    /// A group that an earlier run left with the same content serves as it is.
    fn adopt_spare(&mut self, key: SetKey, members: &[(u32, u8)], kind: Option<Resilient>) -> bool {
        if members.is_empty() || self.sets.get(&key).is_none_or(|set| set.id != 0) {
            return false;
        }
        let wanted = sorted(members);
        let serves = |spare: &Spare| spare.kind == kind && sorted(&spare.members) == wanted;
        let spare = self.spare.iter().find(|(_, spare)| serves(spare)).map(|(id, _)| *id);
        let id = spare.unwrap_or_else(|| self.allocate());
        let found = self.spare.remove(&id);
        if let Some(set) = self.sets.get_mut(&key) {
            set.id = id;
            if let Some(found) = found {
                // In the order that it has there: another one is corrected.
                (set.actual, set.kind) = (found.members, found.kind);
            }
        }
        spare.is_some()
    }

    /// The set has no use for its object, but deleting it would take an earlier run's routes along.
    fn detach(&mut self, key: SetKey) {
        let Some(set) = self.sets.get_mut(&key) else { return };
        let members = std::mem::take(&mut set.actual);
        self.spare.insert(std::mem::take(&mut set.id), Spare { members, kind: set.kind });
        self.detached.push(key);
        if set.specs == 0 {
            self.forget(key);
        }
    }

    fn forget(&mut self, key: SetKey) {
        if let Some(set) = self.sets.remove(&key)
            && set.id != 0
        {
            self.give_up(set.id, set.unsure);
        }
        if self.gone.contains(&key.0) && !self.sets.contains_key(&(key.0, !key.1)) {
            self.gone.remove(&key.0);
            self.groups.remove(&key.0);
        }
    }

    /// An id is used no more. What may be there under it goes first: nobody could make a group of a single object.
    fn give_up(&mut self, id: u32, may_be_there: bool) {
        if may_be_there {
            self.trash.insert(id);
        } else {
            self.free.push(id);
        }
    }

    fn hold(&mut self, key: SetKey, content: Vec<(MemberKey, u8)>) {
        for (member, _) in &content {
            if !self.members.contains_key(member) {
                let id = self.allocate();
                let fresh =
                    Member { id, present: false, unsure: false, users: 0, errno: 0, retry: None, tries: 0 };
                self.members.insert(*member, fresh);
            }
            if let Some(state) = self.members.get_mut(member) {
                state.users += 1;
            }
        }
        let Some(set) = self.sets.get_mut(&key) else { return };
        let old = std::mem::replace(&mut set.held, content);
        for (member, _) in old {
            if let Some(state) = self.members.get_mut(&member) {
                state.users = state.users.saturating_sub(1);
            }
        }
    }

    /// Deletes what nothing uses; called when no set is dirty. `sweep` includes an earlier run's.
    pub fn garbage(&mut self, limit: usize, sweep: bool, out: &mut Vec<(ObjectOp, Request)>) {
        if !sweep {
            return;
        }
        self.trash.extend(std::mem::take(&mut self.spare).into_keys());
        for id in self.trash.iter().take(limit) {
            out.push((ObjectOp::Drop(*id), Request::NexthopDel { id: *id }));
        }
        // Members of an earlier run are held by its groups; those go first.
        if !self.trash.is_empty() {
            return;
        }
        // Nor may a group that could not be deleted yet: it would go unnoticed with its last member.
        let grouped: BTreeSet<u32> =
            self.sets.values().flat_map(|set| &set.actual).map(|(member, _)| *member).collect();
        let idle = |m: &Member| m.users == 0 && !grouped.contains(&m.id);
        let unused: Vec<MemberKey> =
            self.members.iter().filter(|(_, m)| idle(m)).map(|(key, _)| *key).collect();
        for key in unused {
            if let Some(member) = self.members.remove(&key) {
                self.give_up(member.id, member.present || member.unsure);
            }
        }
        for id in self.trash.iter().take(limit) {
            out.push((ObjectOp::Drop(*id), Request::NexthopDel { id: *id }));
        }
    }

    /// A set gained or lost its way: true if its routes must be looked at.
    pub fn finished(&mut self, now: Time, op: ObjectOp, request: &Request, errno: i32) -> Finished {
        match op {
            ObjectOp::Member(key) => self.member_finished(now, key, errno),
            ObjectOp::Set(key) => {
                let Request::GroupSet { members, create, .. } = request else { return Finished::Nothing };
                if errno == ENOENT && !create {
                    self.set_vanished(key);
                    return Finished::Lost(key);
                }
                self.set_finished(now, key, members, errno)
            }
            ObjectOp::Unset(key) if errno != 0 && errno != ENOENT => {
                if let Some(set) = self.sets.get_mut(&key) {
                    set.retry = Some(now + back_off(set.tries));
                    set.tries = set.tries.saturating_add(1);
                }
                Finished::Nothing
            }
            ObjectOp::Unset(key) => {
                let specs = self.sets.get_mut(&key).map(|set| {
                    set.actual.clear();
                    set.unsure = false;
                    set.specs
                });
                match specs {
                    Some(0) => self.forget(key),
                    Some(_) => self.mark(key),
                    None => {}
                }
                Finished::Lost(key)
            }
            ObjectOp::Drop(id) => {
                if errno != 0 && errno != ENOENT {
                    self.trash.remove(&id);
                    return Finished::Remains;
                }
                if self.trash.remove(&id) {
                    self.free.push(id);
                }
                Finished::Nothing
            }
        }
    }

    fn member_finished(&mut self, now: Time, key: MemberKey, errno: i32) -> Finished {
        let Some(member) = self.members.get_mut(&key) else { return Finished::Nothing };
        if errno == 0 {
            member.present = true;
            member.unsure = false;
            member.errno = 0;
            member.retry = None;
            member.tries = 0;
            return Finished::Nothing;
        }
        let news = member.errno != errno;
        member.errno = errno;
        member.retry = Some(now + back_off(member.tries));
        member.tries = member.tries.saturating_add(1);
        self.mark_users(key);
        if news { Finished::HopFailed(key.hop(1)) } else { Finished::Nothing }
    }

    fn mark_users(&mut self, member: MemberKey) {
        let users: Vec<SetKey> = self
            .sets
            .iter()
            .filter(|(_, set)| set.held.iter().any(|(key, _)| *key == member))
            .map(|(key, _)| *key)
            .collect();
        for key in users {
            self.mark(key);
        }
    }

    fn set_vanished(&mut self, key: SetKey) {
        if let Some(set) = self.sets.get_mut(&key) {
            set.actual.clear();
        }
        self.mark(key);
    }

    fn set_finished(&mut self, now: Time, key: SetKey, members: &[(u32, u8)], errno: i32) -> Finished {
        let Some(set) = self.sets.get_mut(&key) else { return Finished::Nothing };
        if errno == 0 {
            let gained = set.actual.is_empty();
            set.actual = members.to_vec();
            set.unsure = false;
            set.retry = None;
            set.tries = 0;
            return if gained { Finished::Gained(key) } else { Finished::Nothing };
        }
        // Most likely a member failed in the same batch or vanished; that one is known by now.
        set.retry = (set.tries > 0).then(|| now + back_off(set.tries));
        set.tries = set.tries.saturating_add(1);
        self.mark(key);
        Finished::Nothing
    }

    /// The outcome of an operation is unknown: do it again.
    pub fn unknown(&mut self, op: ObjectOp) {
        match op {
            ObjectOp::Member(key) => {
                if let Some(member) = self.members.get_mut(&key) {
                    member.unsure = true;
                }
                self.mark_users(key);
            }
            ObjectOp::Set(key) | ObjectOp::Unset(key) => {
                if let Some(set) = self.sets.get_mut(&key) {
                    set.unsure = true;
                }
                self.mark(key);
            }
            ObjectOp::Drop(_) => {}
        }
    }
}

impl Objects {
    /// When refused hops or groups are due again.
    pub fn deadline(&self) -> Option<Time> {
        let members = self.members.values().filter(|m| m.users > 0).filter_map(|m| m.retry);
        members.chain(self.sets.values().filter_map(|set| set.retry)).min()
    }

    /// Marks what is due again.
    pub fn due(&mut self, now: Time) {
        let mut again = Vec::new();
        for (key, member) in &mut self.members {
            if member.retry.is_some_and(|at| at <= now) {
                member.retry = None;
                again.push(*key);
            }
        }
        for key in again {
            self.mark_users(key);
        }
        let sets: Vec<SetKey> =
            self.sets.iter().filter(|(_, s)| s.retry.is_some_and(|at| at <= now)).map(|(k, _)| *k).collect();
        for key in sets {
            if let Some(set) = self.sets.get_mut(&key) {
                set.retry = None;
            }
            self.mark(key);
        }
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.sets.is_empty() && self.members.is_empty() && self.trash.is_empty() && self.spare.is_empty()
    }
}

/// What an outcome means for routes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Finished {
    Nothing,
    /// An object could not be deleted; a dump will find it.
    Remains,
    /// The set has an object now: its waiting routes can be sent.
    Gained(SetKey),
    /// The set's object is gone, and with it its routes.
    Lost(SetKey),
    /// A hop was refused for a new reason.
    HopFailed(Hop),
}
