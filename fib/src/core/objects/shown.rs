//! What links, other hands and dumps do to objects.

use std::collections::BTreeMap;

use super::{Member, MemberKey, Objects, SetKey, Spare};
use crate::netlink::KernelNexthop;

/// What a change of a link or of an object means for routes.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Effect {
    /// Sets whose object vanished with its routes.
    pub lost: Vec<SetKey>,
    /// Objects that vanished, and with them an earlier run's routes.
    pub vanished: Vec<u32>,
    /// Sets whose usable hops changed; matters to routes that name their gateways themselves.
    pub changed: Vec<SetKey>,
}

impl Objects {
    /// A link came or went.
    pub fn link(&mut self, ifindex: u32, usable: bool) -> Effect {
        let before = self.links.insert(ifindex, usable).unwrap_or(false);
        let mut effect = Effect::default();
        if !usable {
            let on_link: Vec<MemberKey> =
                self.members.keys().filter(|key| key.ifindex == ifindex).copied().collect();
            for key in on_link {
                self.member_lost(key, &mut effect);
            }
        }
        if before != usable {
            effect.changed = self.users_of_link(ifindex);
            self.retry_link(ifindex);
            for key in &effect.changed {
                self.mark(*key);
            }
        }
        effect
    }

    /// Something about a link changed that may make refused hops acceptable.
    pub fn retry_link(&mut self, ifindex: u32) {
        let mut again = Vec::new();
        for (key, member) in &mut self.members {
            if key.ifindex == ifindex && member.retry.take().is_some() {
                again.push(*key);
            }
        }
        for key in again {
            self.mark_users(key);
        }
    }

    fn users_of_link(&self, ifindex: u32) -> Vec<SetKey> {
        let uses = |key: &SetKey| {
            self.groups.get(&key.0).is_some_and(|g| g.hops.iter().any(|h| h.ifindex == ifindex))
        };
        self.sets.keys().filter(|key| uses(key)).copied().collect()
    }

    fn member_lost(&mut self, key: MemberKey, effect: &mut Effect) {
        let Some(member) = self.members.get_mut(&key) else { return };
        member.present = false;
        member.retry = None;
        let id = member.id;
        effect.vanished.push(id);
        self.spare.retain(|group, Spare { members, .. }| {
            let before = members.len();
            members.retain(|(member, _)| *member != id);
            let emptied = before > 0 && members.is_empty();
            if emptied {
                effect.vanished.push(*group);
            }
            !emptied
        });
        let mut touched = Vec::new();
        for (key, set) in &mut self.sets {
            if set.actual.iter().any(|(member, _)| *member == id) {
                set.actual.retain(|(member, _)| *member != id);
                touched.push(*key);
                if set.actual.is_empty() {
                    effect.lost.push(*key);
                    effect.vanished.push(set.id);
                }
            }
        }
        for key in touched {
            self.mark(key);
        }
        self.mark_users(key);
    }

    /// Somebody deleted an object of ours.
    pub fn removed(&mut self, id: u32) -> Effect {
        let mut effect = Effect { vanished: vec![id], ..Effect::default() };
        if let Some(key) = self.members.iter().find(|(_, m)| m.id == id).map(|(key, _)| *key) {
            self.member_lost(key, &mut effect);
        }
        if let Some((key, set)) = self.sets.iter_mut().find(|(_, set)| set.id == id) {
            let key = *key;
            set.actual.clear();
            effect.lost.push(key);
            self.mark(key);
        }
        self.spare.remove(&id);
        self.trash.remove(&id);
        effect
    }

    /// Somebody changed an object, or a dump shows it.
    pub fn shown(&mut self, object: KernelNexthop) {
        if !self.owns(object.id) {
            return;
        }
        if let Some(seen) = &mut self.seen {
            seen.insert(object.id, object);
            return;
        }
        let set = self.sets.iter_mut().find(|(_, set)| set.id == object.id);
        if let Some((key, set)) = set
            && set.actual != object.members
            && !object.members.is_empty()
        {
            let key = *key;
            (set.actual, set.kind) = (object.members, object.resilient);
            self.mark(key);
        }
    }

    /// A dump begins.
    pub fn dump_begins(&mut self) {
        self.seen = Some(BTreeMap::new());
    }

    /// The dump is complete: what it did not show is gone. Returns the sets that lost their routes.
    pub fn dump_ends(&mut self) -> Vec<SetKey> {
        let Some(mut seen) = self.seen.take() else { return Vec::new() };
        let mut effect = Effect::default();
        let mut absent = Vec::new();
        // Objects under the id of one of the other kind, which the kernel does not change.
        let (mut groups, mut singles) = (Vec::new(), Vec::new());
        for (key, member) in &mut self.members {
            member.unsure = false;
            if seen.get(&member.id).is_some_and(|o| !o.members.is_empty()) {
                groups.push(*key);
            }
            let shown = seen.remove(&member.id);
            let same = shown.as_ref().is_some_and(|o| o.hop == Some(key.hop(1)) && o.v6 == key.v6);
            if same {
                member.present = true;
                member.errno = 0;
                member.retry = None;
            } else {
                absent.push(*key);
            }
        }
        let mut dirty = Vec::new();
        for (key, set) in &mut self.sets {
            set.unsure = false;
            let shown = seen.remove(&set.id);
            if shown.as_ref().is_some_and(|object| object.members.is_empty()) {
                singles.push(std::mem::take(&mut set.id));
            }
            let shown = shown.filter(|object| !object.members.is_empty());
            let content = shown.map(|object| {
                set.kind = object.resilient;
                object.members
            });
            let content = content.unwrap_or_default();
            if set.actual != content {
                if content.is_empty() {
                    effect.lost.push(*key);
                } else {
                    self.gained.push(*key);
                }
                set.actual = content;
            }
            dirty.push(*key);
        }
        for key in dirty {
            self.mark(key);
        }
        for key in absent {
            self.member_lost(key, &mut effect);
        }
        self.spare.clear();
        self.trash.clear();
        self.trash.extend(singles);
        for key in groups {
            let id = self.allocate();
            if let Some(member) = self.members.get_mut(&key) {
                self.trash.insert(std::mem::replace(&mut member.id, id));
            }
        }
        for object in seen.into_values() {
            self.adopt(object);
        }
        effect.lost
    }

    fn adopt(&mut self, object: KernelNexthop) {
        self.next = self.next.max(object.id);
        if object.protocol != self.protocol {
            return;
        }
        match object.hop {
            Some(hop) if object.members.is_empty() => {
                let key = MemberKey::of(&hop, object.v6);
                let (id, present) = (object.id, true);
                let fresh = Member { id, present, unsure: false, users: 0, errno: 0, retry: None, tries: 0 };
                let id = self.members.entry(key).or_insert(fresh).id;
                if id != object.id {
                    self.trash.insert(object.id);
                }
            }
            _ => {
                let spare = Spare { members: object.members, kind: object.resilient };
                self.spare.insert(object.id, spare);
            }
        }
    }
}
