//! The prefixes of a listing, in order, found as they are needed.

use std::vec;

use bgp::types::Family;
use ipnet::IpNet;
use rib::listing::{Listed, NO_SLOT, Part};

use super::gone;
use crate::cli::backend::{Range, ViewError};
use crate::shell::rib_thread::RibHandle;

/// Prefixes that are put in order at a time: what a listing needs in memory, at the price of a look at the whole table
/// for each.
const WINDOW: usize = 1 << 16;

/// Slots of the table looked at in one turn of its thread, far below a millisecond. Routes that are not BGP's are few, and
/// all looked at in the first one.
const SLICE: usize = 1 << 15;

/// A prefix, and the slot by which the table finds it again.
pub(super) type Key = (IpNet, u32);

/// The prefixes of a table in order. The table is asked for a window of them at a time, by walks in slices, so that its
/// thread does not wait for a reader and no reader needs memory for all of them.
pub(super) struct Keys {
    rib: RibHandle,
    family: Family,
    what: Listed,
    part: Part,
    /// Prefixes that are listed whether the table has them or not, in order.
    others: vec::IntoIter<IpNet>,
    ready: vec::IntoIter<Key>,
    complete: bool,
}

impl Keys {
    /// The prefixes of a part of a table; `others` are listed too, if they are in there.
    pub fn new(rib: RibHandle, family: Family, what: Listed, range: Range, others: Vec<IpNet>) -> Keys {
        let within = match range {
            Range::All => None,
            Range::Within(outer) => Some(outer.trunc()),
        };
        let inside = |net: &IpNet| Family::of(net) == family && within.is_none_or(|w| w.contains(net));
        let mut others: Vec<IpNet> = others.into_iter().filter(inside).collect();
        others.sort_unstable();
        Keys {
            rib,
            family,
            what,
            part: Part { after: None, within },
            others: others.into_iter(),
            ready: Vec::new().into_iter(),
            complete: false,
        }
    }

    /// The next prefixes, `most` at most; none at the end.
    pub fn next(&mut self, most: usize) -> Result<Vec<Key>, ViewError> {
        while self.ready.as_slice().is_empty() && !self.complete {
            self.ready = self.window()?.into_iter();
        }
        Ok(self.ready.by_ref().take(most).collect())
    }

    /// The first prefixes behind those that were asked for.
    fn window(&mut self) -> Result<Vec<Key>, ViewError> {
        let mut window: Vec<Key> = Vec::new();
        let mut cut = false;
        let (mut from, mut more) = (0, true);
        while more {
            let (family, what, part, slots) = (self.family, self.what, self.part, from..from + SLICE);
            let asked = self.rib.ask(move |core| core.listed(family, what, part, slots));
            let (mut found, behind) = asked.map_err(gone)?;
            window.append(&mut found);
            if window.len() > 2 * WINDOW {
                window.select_nth_unstable(WINDOW);
                window.truncate(WINDOW);
                cut = true;
            }
            (from, more) = (from + SLICE, behind);
        }
        window.sort_unstable();
        if window.len() > WINDOW {
            window.truncate(WINDOW);
            cut = true;
        }
        let last = window.last().map(|(net, _)| *net).filter(|_| cut);
        let inside = |net: &IpNet| last.is_none_or(|last| *net <= last);
        let known = window.len();
        while let Some(net) = self.others.as_slice().first().copied().filter(|net| inside(net)) {
            self.others.next();
            if window[..known].binary_search_by_key(&net, |(net, _)| *net).is_err() {
                window.push((net, NO_SLOT));
            }
        }
        window.sort_unstable();
        // A prefix of several sources is listed once, by the slot if it has one.
        window.dedup_by_key(|(net, _)| *net);
        self.part.after = last.or(self.part.after);
        self.complete = !cut;
        Ok(window)
    }
}
