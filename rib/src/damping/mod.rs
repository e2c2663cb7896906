//! Route flap damping (RFC 2439): what the table remembers of routes that flap.
//!
//! A route has a record from its first flap on, until its penalty has fallen to half of the reuse threshold; routes
//! that keep still have none. A route that is suppressed is not in the table: its record holds the attributes, and
//! import policy looks at them when it is used again. So neither decision nor export know of damping.
//!
//! ```text
//!               flap, penalty >= suppress                 time, penalty < reuse
//!   in the table ──────────────────────► held or withdrawn ─────────────────► in the table or withdrawn
//!                                        (suppressed)                                   │
//!                                                          penalty < reuse / 2: forgotten ◄┘
//! ```
//!
//! The penalty decays exactly, by the second, when somebody asks for it. When a record's state changes by time alone
//! is known beforehand, and records stand in that order, too.

mod held;

use std::collections::{BTreeMap, BTreeSet};

use crate::id::{AttrId, PeerId, PrefixId};

/// Penalty of a withdrawal.
pub(crate) const WITHDRAWAL: u32 = 1000;

/// Penalty of other attributes.
pub(crate) const CHANGE: u32 = 500;

/// Records of a family at most, 40 to 50 MB: further routes flap without being noticed until there is room again.
pub(crate) const RECORDS: usize = 1 << 18;

/// Records whose time has come that are looked at before other work gets its turn, a microsecond or two each.
pub(crate) const SLICE: usize = 256;

/// `bgp dampening HALF REUSE SUPPRESS MAX`; times in seconds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Parameters {
    /// In which time a penalty falls by half.
    pub half_life: u32,
    /// Below this penalty a suppressed route is used again.
    pub reuse: u32,
    /// From this penalty on a route is suppressed.
    pub suppress: u32,
    /// How long a route that flaps no more can stay suppressed.
    pub max_suppress: u32,
}

impl Default for Parameters {
    fn default() -> Parameters {
        Parameters { half_life: 15 * 60, reuse: 750, suppress: 2000, max_suppress: 60 * 60 }
    }
}

impl Parameters {
    /// The greatest penalty there can be: what falls to the reuse threshold in the longest time.
    pub fn ceiling(&self) -> u32 {
        (f64::from(self.reuse) * self.half_lives(self.max_suppress).exp2()) as u32
    }

    fn half_lives(&self, seconds: u32) -> f64 {
        f64::from(seconds) / f64::from(self.half_life.max(1))
    }

    fn decayed(&self, penalty: f64, seconds: u32) -> f64 {
        penalty * (-self.half_lives(seconds)).exp2()
    }

    /// The first whole second after which a penalty is below a bound.
    fn seconds_to(&self, penalty: f64, bound: f64) -> u32 {
        let exact = f64::from(self.half_life.max(1)) * (penalty / bound).log2();
        (exact.max(0.0) as u32).saturating_add(1)
    }
}

/// Which route: a neighbour's path of a prefix.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Key {
    pub id: PrefixId,
    pub peer: PeerId,
    pub path_id: u32,
}

impl Key {
    const fn first(id: PrefixId) -> Key {
        Key { id, peer: PeerId(0), path_id: 0 }
    }
}

/// A path that is not in the table. Its sets are referenced.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept {
    /// After import policy, when it was last asked.
    pub attr: AttrId,
    /// As the neighbour sent it.
    pub attr_in: AttrId,
    /// When it last changed, in seconds.
    pub since: u32,
    /// As [`crate::table::path_flag::ROUND`] of a path.
    pub round: u8,
    /// The neighbour's session count.
    pub generation: u8,
}

/// Where the path of a record is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// In the table.
    Table,
    /// Announced, but suppressed.
    Held(Kept),
    /// Withdrawn, remembered as it was.
    Withdrawn(Kept),
}

/// What is known of a route that flapped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    penalty: f64,
    /// When the penalty was that.
    updated: u32,
    /// When the first flap was.
    pub started: u32,
    pub flaps: u32,
    /// When it is to be used again, or if it is not suppressed, forgotten.
    pub due: u32,
    pub suppressed: bool,
    pub place: Place,
}

impl Record {
    pub fn penalty(&self, parameters: &Parameters, now: u32) -> f64 {
        parameters.decayed(self.penalty, now.saturating_sub(self.updated))
    }

    /// When it changes by time alone: falls below the reuse threshold, or below half of it.
    fn next_due(&self, parameters: &Parameters) -> u32 {
        let bound = f64::from(parameters.reuse.max(1)) * if self.suppressed { 1.0 } else { 0.5 };
        self.updated.saturating_add(parameters.seconds_to(self.penalty, bound))
    }

    pub fn held(&self) -> Option<Kept> {
        match self.place {
            Place::Held(kept) => Some(kept),
            Place::Table | Place::Withdrawn(_) => None,
        }
    }
}

/// The records of a family.
#[derive(Debug, Default)]
pub(crate) struct Damping {
    records: BTreeMap<Key, Record>,
    /// The same by the time at which they are due.
    order: BTreeSet<(u32, Key)>,
    held: usize,
    withdrawn: usize,
}

impl Damping {
    /// A flap of a route; it has a record then, unless there are too many.
    pub fn flap(&mut self, key: Key, parameters: &Parameters, now: u32, penalty: u32) {
        if self.records.len() >= RECORDS && !self.records.contains_key(&key) {
            return;
        }
        let record = self.records.entry(key).or_insert(Record {
            penalty: 0.0,
            updated: now,
            started: now,
            flaps: 0,
            due: now,
            suppressed: false,
            place: Place::Table,
        });
        let was = record.due;
        // What the time has come for counts as done, even if nobody had a turn to do it.
        if record.suppressed && record.due <= now {
            record.suppressed = false;
            record.due = record.next_due(parameters);
        }
        if !record.suppressed && record.due <= now {
            (record.penalty, record.flaps, record.started) = (0.0, 0, now);
        }
        let sum = record.penalty(parameters, now) + f64::from(penalty);
        record.penalty = sum.min(f64::from(parameters.ceiling()));
        record.updated = now;
        record.flaps = record.flaps.saturating_add(1);
        record.suppressed |= record.penalty >= f64::from(parameters.suppress);
        self.reorder(key, was, parameters);
    }

    /// A route is suppressed no more.
    pub fn reuse(&mut self, key: Key, parameters: &Parameters) {
        if let Some(record) = self.records.get_mut(&key) {
            record.suppressed = false;
            let was = record.due;
            self.reorder(key, was, parameters);
        }
    }

    /// Finds a record its place among the others; it was due at `was` so far.
    fn reorder(&mut self, key: Key, was: u32, parameters: &Parameters) {
        let Some(record) = self.records.get_mut(&key) else { return };
        record.due = record.next_due(parameters);
        self.order.remove(&(was, key));
        self.order.insert((record.due, key));
    }

    pub fn get(&self, key: Key) -> Option<&Record> {
        self.records.get(&key)
    }

    /// Says where the path of a record is now, and returns where it was.
    pub fn put(&mut self, key: Key, place: Place) -> Option<Place> {
        let record = self.records.get_mut(&key)?;
        let old = std::mem::replace(&mut record.place, place);
        self.count(&old, &place);
        Some(old)
    }

    pub fn remove(&mut self, key: Key) -> Option<Record> {
        let record = self.records.remove(&key)?;
        self.order.remove(&(record.due, key));
        self.count(&record.place, &Place::Table);
        Some(record)
    }

    fn count(&mut self, was: &Place, is: &Place) {
        let held = |place: &Place| usize::from(matches!(place, Place::Held(_)));
        let withdrawn = |place: &Place| usize::from(matches!(place, Place::Withdrawn(_)));
        self.held = self.held + held(is) - held(was);
        self.withdrawn = self.withdrawn + withdrawn(is) - withdrawn(was);
    }

    /// The records of a prefix.
    pub fn of(&self, id: PrefixId) -> impl Iterator<Item = (Key, &Record)> {
        self.from(id).take_while(move |(key, _)| key.id == id)
    }

    /// The records of a prefix and of those with greater handles.
    pub fn from(&self, id: PrefixId) -> impl Iterator<Item = (Key, &Record)> {
        self.records.range(Key::first(id)..).map(|(key, record)| (*key, record))
    }

    /// Whether a prefix has a record.
    pub fn knows(&self, id: PrefixId) -> bool {
        self.of(id).next().is_some()
    }

    /// No route flapped.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// When the first record is due.
    pub fn next_due(&self) -> Option<u32> {
        self.order.first().map(|(due, _)| *due)
    }

    /// A record that is due.
    pub fn due(&self, now: u32) -> Option<Key> {
        self.order.first().filter(|(due, _)| *due <= now).map(|(_, key)| *key)
    }

    /// Routes that are held, and that are remembered though withdrawn.
    pub fn counts(&self) -> (usize, usize) {
        (self.held, self.withdrawn)
    }

    /// Estimated memory in octets.
    pub fn memory(&self) -> usize {
        // Nodes of the two trees are about three quarters full.
        self.records.len() * (size_of::<(Key, Record)>() + size_of::<(u32, Key)>()) * 4 / 3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = Key { id: PrefixId(1), peer: PeerId(2), path_id: 0 };
    const P: Parameters = Parameters { half_life: 900, reuse: 750, suppress: 2000, max_suppress: 3600 };

    fn flapped(times: &[u32]) -> Damping {
        let mut damping = Damping::default();
        times.iter().for_each(|at| damping.flap(KEY, &P, *at, WITHDRAWAL));
        damping
    }

    #[test]
    fn a_penalty_falls_by_half_in_each_half_life() {
        let damping = flapped(&[100]);
        let record = damping.get(KEY).unwrap();
        let after = |s: u32| record.penalty(&P, 100 + s);
        assert_eq!((after(0), after(900), after(1800)), (1000.0, 500.0, 250.0));
        assert!((after(450) - 707.106).abs() < 0.01);
    }

    #[test]
    fn a_route_is_suppressed_from_the_threshold_on_and_reused_below_the_other() {
        let mut damping = flapped(&[0, 0]);
        assert!(damping.get(KEY).unwrap().suppressed, "2000 is the threshold");
        let due = damping.get(KEY).unwrap().due;
        // 900 * log2(2000 / 750) is 1273.5.
        assert_eq!((due, damping.next_due(), damping.due(due - 1)), (1274, Some(1274), None));
        assert!(damping.get(KEY).unwrap().penalty(&P, due) < 750.0);
        assert!(damping.get(KEY).unwrap().penalty(&P, due - 1) >= 750.0);
        damping.reuse(KEY, &P);
        assert!(!damping.get(KEY).unwrap().suppressed);
        assert_eq!(damping.next_due(), Some(2174), "a half-life later");

        let spread = flapped(&[0, 1]);
        assert!(!spread.get(KEY).unwrap().suppressed, "a second's decay keeps it below");
        assert_eq!(spread.get(KEY).unwrap().flaps, 2);
    }

    #[test]
    fn however_often_a_route_flaps_it_is_back_after_the_longest_time() {
        let damping = flapped(&[7; 50]);
        assert_eq!(P.ceiling(), 12000);
        assert_eq!(damping.get(KEY).unwrap().penalty(&P, 7), 12000.0);
        assert_eq!(damping.next_due(), Some(7 + 3600 + 1));
        let endless = Parameters { half_life: 60, max_suppress: 255 * 60, ..P };
        assert_eq!(endless.ceiling(), u32::MAX);
    }

    #[test]
    fn records_are_bounded_and_the_order_has_each_of_them_once() {
        let mut damping = Damping::default();
        let key = |n: usize| Key { id: PrefixId(n as u32), ..KEY };
        for n in 0..RECORDS + 10 {
            damping.flap(key(n), &P, 0, CHANGE);
        }
        assert_eq!((damping.records.len(), damping.order.len()), (RECORDS, RECORDS));
        damping.flap(key(5), &P, 3, CHANGE);
        assert_eq!(damping.get(key(5)).unwrap().flaps, 2, "who is known is counted on");
        assert!(damping.get(key(RECORDS)).is_none());
        damping.remove(key(0));
        damping.flap(key(RECORDS), &P, 3, CHANGE);
        assert_eq!((damping.records.len(), damping.order.len()), (RECORDS, RECORDS));
    }
}
