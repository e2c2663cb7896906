//! Prefixes in order, for those who list them: a piece of the table at a time, so that nobody waits for a reader.

use std::ops::Range;

use bgp::types::{Addr, Family};
use ipnet::IpNet;

use crate::core::Core;
use crate::family::FamilyRib;
use crate::id::PrefixId;
use crate::prefixes::PrefixEntry;
use crate::query::remembered;

/// Which prefixes a list has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Listed {
    /// Those with BGP paths, also remembered ones.
    Paths,
    /// Those that may have been told: also those whose paths are gone, or that are default-originated.
    Told,
    /// Those of the routing table, BGP's and others'.
    Routes,
}

/// What part of a list is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Part {
    /// Prefixes behind this one, in order of address and length.
    pub after: Option<IpNet>,
    /// A prefix and those inside.
    pub within: Option<IpNet>,
}

/// A prefix that is no slot's.
pub const NO_SLOT: u32 = u32::MAX;

impl Core {
    /// The prefixes of some slots that are listed, in no order, with the slots by which [`Core::prefix_at`] finds them
    /// again; those of the routing table that are not BGP's come with [`NO_SLOT`], some twice. And whether there are slots
    /// behind those.
    pub fn listed(
        &self,
        family: Family,
        what: Listed,
        part: Part,
        slots: Range<usize>,
    ) -> (Vec<(IpNet, u32)>, bool) {
        let no_rib = self.shared.settings.no_rib;
        by_family!(self, family, |rib| piece(rib, what, part, slots, no_rib))
    }

    /// Brings prefixes that will be looked at near the processor.
    pub fn warm(&self, family: Family, slots: &[(IpNet, u32)]) {
        let ids: Vec<PrefixId> = slots.iter().map(|(_, slot)| PrefixId(*slot)).collect();
        by_family!(self, family, |rib| {
            rib.table.warm_ids(&ids, &self.shared.attrs);
            rib.groups.iter().for_each(|g| g.warm(&ids));
        });
    }
}

fn piece<A: Addr>(
    rib: &FamilyRib<A>,
    what: Listed,
    part: Part,
    slots: Range<usize>,
    no_rib: bool,
) -> (Vec<(IpNet, u32)>, bool) {
    let key = |net: IpNet| A::from_ip(net.network()).map(|addr| (addr, net.prefix_len()));
    let after = part.after.and_then(key);
    let within = part.within.and_then(key);
    if part.within.is_some() && within.is_none() || part.after.is_some() && after.is_none() {
        // Of the other family.
        return (Vec::new(), false);
    }
    let asked = |addr: A, len: u8| {
        after.is_none_or(|after| (addr, len) > after)
            && within.is_none_or(|(outer, bits)| len >= bits && addr.mask(bits) == outer)
    };
    let has = |id: PrefixId, entry: PrefixEntry<A>| match what {
        Listed::Paths => !entry.head.is_none() || remembered(rib, id),
        Listed::Told => true,
        Listed::Routes => !no_rib && rib.table.best(id).is_some(),
    };
    let mut found = Vec::new();
    if what == Listed::Routes && slots.start == 0 {
        let others = rib.base.iter().filter(|(addr, len, _)| asked(*addr, *len));
        found.extend(others.map(|(addr, len, _)| (addr.to_net(len), NO_SLOT)));
    }
    for (id, entry) in rib.table.some(slots.clone()) {
        if asked(entry.addr, entry.len) && has(id, entry) {
            found.push((entry.net(), id.0));
        }
    }
    (found, slots.end < rib.table.bound())
}
