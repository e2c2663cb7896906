//! Who is in which update group.

use bgp::types::{Addr, Time};

use crate::family::FamilyRib;
use crate::group::Group;
use crate::id::{PeerId, PrefixId};
use crate::rules::GroupKey;
use crate::shared::Shared;
use crate::table::TOGETHER;

/// Puts a neighbour into the group of its rules; `None` takes it out of the one that it is in.
pub(crate) fn assign<A: Addr>(
    rib: &mut FamilyRib<A>,
    shared: &mut Shared,
    id: PeerId,
    key: Option<GroupKey>,
) {
    let current = rib.groups.iter().position(|g| g.members().contains(&id));
    if current.is_some_and(|at| Some(rib.groups[at].key()) == key.as_ref()) {
        return;
    }
    if let Some(key) = &key
        && key.originates_default()
    {
        rib.table.find_or_insert(A::from_be_slice(&[]), 0);
    }
    match (current, key) {
        (None, None) => {}
        (None, Some(key)) => match rib.groups.iter_mut().find(|g| g.fresh() && *g.key() == key) {
            Some(group) => group.join(id),
            None => {
                let mut group = Group::new(key, shared, &rib.table);
                group.join(id);
                rib.groups.push(group);
            }
        },
        (Some(at), None) => {
            rib.groups[at].leave(id);
            if rib.groups[at].members().is_empty() {
                let mut gone = rib.groups.swap_remove(at);
                for prefix in gone.dissolve(shared) {
                    if rib.table.live(prefix.index()).is_some() {
                        rib.remove_if_unused(prefix);
                    }
                }
            }
        }
        // It still holds what it was told, which the new rules may not tell any more.
        (Some(at), Some(key)) => {
            let mut own = match rib.groups[at].members().len() {
                1 => rib.groups.swap_remove(at),
                _ => rib.groups[at].split(shared, &[id]),
            };
            own.rekey(key, shared, &rib.table);
            rib.groups.push(own);
        }
    }
}

/// Tells the members of all groups what changed, parts laggards from the others and brings twins together.
pub(crate) fn flush_family<A: Addr>(shared: &mut Shared, rib: &mut FamilyRib<A>, now: Time) {
    let mut unused: Vec<PrefixId> = Vec::new();
    // Who waits for a condition that was never looked at is not told that it does not hold.
    let waits = |group: &Group<A>| rib.conditions.as_ref().is_some_and(|c| c.unknown_to(group.key()));
    for group in rib.groups.iter_mut().filter(|g| !waits(g)) {
        unused.append(&mut group.flush(shared, &rib.table));
    }
    for at in 0..rib.groups.len() {
        if waits(&rib.groups[at]) {
            continue;
        }
        let slow = rib.groups[at].laggards(shared, now);
        if !slow.is_empty() {
            let own = rib.groups[at].split(shared, &slow);
            rib.groups.push(own);
            // Those who are left have waited for them; nothing else would tell that there is room now.
            unused.append(&mut rib.groups[at].flush(shared, &rib.table));
        }
    }
    let mut at = 0;
    while at < rib.groups.len() {
        let twin = (at + 1..rib.groups.len()).find(|other| {
            let (a, b) = (&rib.groups[at], &rib.groups[*other]);
            a.key() == b.key() && a.idle() && b.idle()
        });
        match twin {
            Some(other) => {
                let other = rib.groups.swap_remove(other);
                rib.groups[at].absorb(shared, other);
            }
            None => at += 1,
        }
    }
    for some in unused.chunks(TOGETHER) {
        rib.table.warm_keys(some);
        for &id in some {
            if rib.table.live(id.index()).is_some() {
                rib.remove_if_unused(id);
            }
        }
    }
    rib.give_back();
}
