//! Damping at the door of the table: what comes from a neighbour is put in or held, and let in when its time has come.

use bgp::types::{Addr, Nlri};

use super::{CHANGE, Kept, Key, Parameters, Place, Record, SLICE, WITHDRAWAL};
use crate::family::{Arrival, FamilyRib, count};
use crate::id::{AttrId, PathIdx, PeerId, PrefixId};
use crate::shared::Shared;
use crate::table::{Path, path_flag};

impl<A: Addr> FamilyRib<A> {
    /// Looks at an announcement that import policy let through (`out`) or refused, before it comes into the table.
    /// Returns whether it is held instead.
    pub(crate) fn holds_back(
        &mut self,
        shared: &mut Shared,
        arrival: &Arrival,
        nlri: &Nlri<A>,
        attr_in: AttrId,
        out: Option<AttrId>,
    ) -> bool {
        let Arrival { peer, generation, round, damping, .. } = *arrival;
        let Some(id) = self.table.find(nlri.addr, nlri.len) else { return false };
        let key = Key { id, peer, path_id: nlri.path_id };
        let idx = self.table.find_path(id, peer, nlri.path_id);
        let path = idx.map(|idx| self.table.path(idx)).filter(|p| !p.has(path_flag::FILTERED));
        let Some(attr) = out else {
            if let Some(path) = path {
                self.leaves_table(shared, id, &path);
            }
            self.withdraw_held(shared, key);
            return false;
        };
        let Some(parameters) = damping else {
            self.forget(shared, key);
            return false;
        };
        let held = self.record(key).and_then(Record::held);
        let known = path.map(|p| (p.attr, p.attr_in, p.generation));
        let known = known.or(held.map(|k| (k.attr, k.attr_in, k.generation)));
        // A set that differs by our policy alone, or in another session, is no flap.
        let flaps = known.is_some_and(|(old, old_in, session)| {
            session == generation && old != attr && !same_announcement(shared, old_in, attr_in)
        });
        if flaps {
            self.damping.get_or_insert_default().flap(key, &parameters, shared.now, CHANGE);
        }
        let Some(record) = self.record(key) else { return false };
        if record.suppressed
            && record.due <= shared.now
            && let Some(damping) = &mut self.damping
        {
            damping.reuse(key, &parameters);
        }
        if !self.record(key).is_some_and(|r| r.suppressed) {
            self.put(shared, key, Place::Table);
            return false;
        }
        let since = match held {
            Some(kept) if kept.generation == generation && kept.attr == attr => kept.since,
            _ => shared.now,
        };
        shared.attrs.retain(attr);
        shared.attrs.retain(attr_in);
        self.put(shared, key, Place::Held(Kept { attr, attr_in, since, round, generation }));
        if let Some(idx) = idx {
            self.drop_path(shared, id, idx);
        }
        true
    }

    /// A neighbour withdraws a route, or import policy refuses it; that is no flap, and comes without `parameters`.
    pub(crate) fn note_withdrawal(
        &mut self,
        shared: &mut Shared,
        key: Key,
        idx: Option<PathIdx>,
        parameters: Option<Parameters>,
    ) {
        let session = shared.peer(key.peer).map(|p| p.generation);
        let path = idx.map(|idx| self.table.path(idx)).filter(|p| !p.has(path_flag::FILTERED));
        let held = self.record(key).and_then(Record::held);
        let announced = path.map(|p| p.generation).or(held.map(|k| k.generation));
        if let Some(parameters) = parameters.filter(|_| announced.is_some() && announced == session) {
            self.damping.get_or_insert_default().flap(key, &parameters, shared.now, WITHDRAWAL);
        }
        self.withdraw_held(shared, key);
    }

    /// A path goes out of the table, for whatever reason: its record remembers what it was.
    pub(crate) fn leaves_table(&mut self, shared: &mut Shared, id: PrefixId, path: &Path) {
        let key = Key { id, peer: path.peer, path_id: path.path_id };
        if !self.record(key).is_some_and(|r| matches!(r.place, Place::Table)) {
            return;
        }
        let Path { attr, attr_in, since, generation, flags, .. } = *path;
        shared.attrs.retain(attr);
        shared.attrs.retain(attr_in);
        let round = flags & path_flag::ROUND;
        self.put(shared, key, Place::Withdrawn(Kept { attr, attr_in, since, round, generation }));
    }

    /// A held path is not announced any more.
    fn withdraw_held(&mut self, shared: &mut Shared, key: Key) {
        if let Some(kept) = self.record(key).and_then(Record::held) {
            shared.attrs.retain(kept.attr);
            shared.attrs.retain(kept.attr_in);
            self.put(shared, key, Place::Withdrawn(kept));
        }
    }

    /// Ends those held paths of a neighbour that are stale: of an ended session, or left out of a refresh.
    pub(crate) fn end_held(
        &mut self,
        shared: &mut Shared,
        id: PrefixId,
        peer: PeerId,
        stale: impl Fn(&Kept) -> bool,
    ) {
        for key in self.keys_of(id, |key, r| key.peer == peer && r.held().is_some_and(|k| stale(&k))) {
            self.withdraw_held(shared, key);
        }
    }

    /// Forgets what a neighbour did to a prefix; it is not configured any more.
    pub(crate) fn forget_peer(&mut self, shared: &mut Shared, id: PrefixId, peer: PeerId) {
        let keys = self.keys_of(id, |key, _| key.peer == peer);
        if keys.is_empty() {
            return;
        }
        for key in keys {
            self.forget(shared, key);
        }
        self.remove_if_unused(id);
    }

    /// Forgets records, of some neighbours or of all, from a handle on: a slice of them. Returns where to go on.
    pub(crate) fn undamp_slice(
        &mut self,
        shared: &mut Shared,
        from: PrefixId,
        peers: Option<&[PeerId]>,
    ) -> Option<PrefixId> {
        let damping = self.damping.as_ref()?;
        let seen: Vec<Key> = damping.from(from).take(SLICE).map(|(key, _)| key).collect();
        let last = seen.last()?.id;
        let whole = damping.of(last).map(|(key, _)| key).filter(|key| !seen.contains(key));
        let keys: Vec<Key> = seen.iter().copied().chain(whole).collect();
        for key in keys.into_iter().filter(|key| peers.is_none_or(|p| p.contains(&key.peer))) {
            self.let_in(shared, key);
        }
        Some(PrefixId(last.0 + 1))
    }

    /// Forgets what is known of a prefix (`clear ip bgp dampening PREFIX`).
    pub(crate) fn undamp(&mut self, shared: &mut Shared, id: PrefixId) {
        for key in self.keys_of(id, |_, _| true) {
            self.let_in(shared, key);
        }
    }

    /// Does what the time has come for, a slice of it. Returns whether there was anything.
    pub(crate) fn reuse_slice(&mut self, shared: &mut Shared) -> bool {
        for done in 0..SLICE {
            let Some(key) = self.damping.as_ref().and_then(|d| d.due(shared.now)) else { return done > 0 };
            let suppressed = self.record(key).is_some_and(|r| r.suppressed);
            let parameters = shared.peer(key.peer).and_then(|p| p.config.damping(A::FAMILY));
            match (&mut self.damping, parameters) {
                (Some(damping), Some(parameters)) if suppressed => {
                    damping.reuse(key, &parameters);
                    if let Some(kept) = self.record(key).and_then(Record::held) {
                        shared.attrs.retain(kept.attr_in);
                        self.withdraw_held(shared, key);
                        self.announce_kept(shared, key, &kept);
                        shared.release(kept.attr_in);
                    }
                }
                _ => self.let_in(shared, key),
            }
        }
        true
    }

    /// Forgets a record. If its path is held, it comes into the table.
    fn let_in(&mut self, shared: &mut Shared, key: Key) {
        let held = self.record(key).and_then(Record::held);
        if let Some(kept) = held {
            shared.attrs.retain(kept.attr_in);
        }
        self.forget(shared, key);
        if let Some(kept) = held {
            self.announce_kept(shared, key, &kept);
            shared.release(kept.attr_in);
        }
        if self.table.live(key.id.index()).is_some() {
            self.remove_if_unused(key.id);
        }
    }

    /// As if a neighbour announced what was held, unless that was in another session.
    fn announce_kept(&mut self, shared: &mut Shared, key: Key, kept: &Kept) {
        if shared.peer(key.peer).is_some_and(|p| p.generation == kept.generation) {
            let (addr, len) = self.table.key(key.id);
            let nlri = Nlri { addr, path_id: key.path_id, len };
            self.take_in(shared, key.peer, kept.attr_in, &[nlri], kept.round);
        }
    }

    fn record(&self, key: Key) -> Option<&Record> {
        self.damping.as_ref()?.get(key)
    }

    fn keys_of(&self, id: PrefixId, wanted: impl Fn(&Key, &Record) -> bool) -> Vec<Key> {
        let records = self.damping.iter().flat_map(|d| d.of(id));
        records.filter(|(key, record)| wanted(key, record)).map(|(key, _)| key).collect()
    }

    /// Says where a path is now. A neighbour's paths are counted where they are held, too.
    fn put(&mut self, shared: &mut Shared, key: Key, place: Place) {
        let Some(was) = self.damping.as_mut().and_then(|d| d.put(key, place)) else { return };
        if let Place::Held(_) = place {
            count(shared, key.peer, A::FAMILY.index(), 0, 1);
        }
        leave(shared, key.peer, A::FAMILY.index(), &was);
    }

    fn forget(&mut self, shared: &mut Shared, key: Key) {
        if let Some(record) = self.damping.as_mut().and_then(|d| d.remove(key)) {
            leave(shared, key.peer, A::FAMILY.index(), &record.place);
            // Who damps nothing pays nothing.
            self.damping = self.damping.take().filter(|d| !d.is_empty());
        }
    }
}

/// Gives back what a record had of a path.
fn leave(shared: &mut Shared, peer: PeerId, family: usize, was: &Place) {
    if let Place::Held(_) = was {
        count(shared, peer, family, 0, -1);
    }
    if let Place::Held(kept) | Place::Withdrawn(kept) = was {
        shared.release(kept.attr);
        shared.release(kept.attr_in);
    }
}

/// Whether a neighbour said the same twice, whatever else is put into its sets.
fn same_announcement(shared: &Shared, a: AttrId, b: AttrId) -> bool {
    let (x, y) = (shared.attrs.get(a), shared.attrs.get(b));
    a == b || x.local.next_hop == y.local.next_hop && x.view().bytes() == y.view().bytes()
}
