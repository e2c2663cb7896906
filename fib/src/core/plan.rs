//! From dirty prefixes and sets to a batch, and from its outcome to what is acknowledged.

use super::*;

enum Step {
    Nothing,
    /// The kernel has it already.
    Adopt,
    /// No way out at present.
    Wait(SetKey),
    Set(Request),
    Remove,
}

impl Core {
    /// Builds a batch if there is anything to send.
    pub(super) fn batch(&mut self) {
        let limit = self.config.batch.max(8);
        let mut objects = Vec::new();
        let left = self.left_objects();
        self.objects.plan(self.now, limit, &left, &mut objects);
        for set in std::mem::take(&mut self.objects.gained) {
            self.wake(set);
        }
        let detached = std::mem::take(&mut self.objects.detached);
        for key in self.routes_on(&detached) {
            self.touch(key);
        }
        let (mut ops, mut requests) = (Vec::new(), Vec::new());
        for (op, request) in objects {
            ops.push(Op::Object(op));
            requests.push(request);
        }
        let mut removals = Vec::new();
        while ops.len() + removals.len() < limit {
            let Some(row) = self.dirty.pop_front() else { break };
            self.plan_route(row, &mut ops, &mut requests, &mut removals);
        }
        for (op, request) in removals {
            ops.push(op);
            requests.push(request);
        }
        if !self.objects.busy() && self.dirty.is_empty() && ops.len() < limit {
            self.plan_sweep(limit - ops.len(), &mut ops, &mut requests);
        }
        self.settle();
        if requests.is_empty() {
            return;
        }
        let first_seq = self.seq;
        self.seq = self.seq.wrapping_add(u32::try_from(requests.len()).unwrap_or(0));
        self.outputs.push_back(Output::Send { first_seq, requests: requests.clone() });
        let until = self.now + REPLY_TIMEOUT;
        self.flight = Some(Flight { first_seq, ops, requests, errors: Vec::new(), until });
        self.counts_changed = true;
    }

    fn plan_route(
        &mut self,
        row: Row,
        ops: &mut Vec<Op>,
        requests: &mut Vec<Request>,
        removals: &mut Vec<(Op, Request)>,
    ) {
        let Some(mut entry) = self.table.at(row) else { return };
        let key = entry.key;
        let place = Place { key, row };
        entry.set(flag::QUEUED, false);
        let wanted = self.table.specs.get(entry.wanted);
        let actual = self.table.specs.get(entry.actual);
        match self.step(&key, &entry, wanted, actual, requests) {
            Step::Nothing => {
                let settled = entry.wanted == entry.actual;
                if settled {
                    entry.set(flag::FAILED, false);
                    self.acknowledge(&key);
                }
            }
            Step::Adopt => {
                let spec = entry.wanted;
                self.table.specs.hold(spec);
                self.table.set_actual(&mut entry, spec);
                entry.set(flag::OURS, true);
                entry.set(flag::FAILED, false);
                self.counts_changed = true;
                self.acknowledge(&key);
            }
            Step::Wait(set) => {
                self.waiting.insert((set, key));
            }
            Step::Set(request) => {
                let spec = entry.wanted;
                self.table.specs.hold(spec);
                ops.push(Op::Set(place, spec));
                requests.push(request);
                let moved = actual.zip(wanted).is_some_and(|(a, w)| a.metric() != w.metric());
                if moved {
                    self.plan_remove(place, entry.actual, removals);
                }
            }
            Step::Remove => self.plan_remove(place, entry.actual, removals),
        }
        self.table.put(entry);
    }

    fn plan_remove(&mut self, place: Place, actual: SpecId, removals: &mut Vec<(Op, Request)>) {
        let Some(spec) = self.table.specs.get(actual) else { return };
        self.table.specs.hold(actual);
        removals.push((Op::Remove(place, actual), removal(&place.key, spec.metric(), spec.protocol())));
    }

    fn step(
        &self,
        key: &Key,
        entry: &Entry,
        wanted: Option<Spec>,
        actual: Option<Spec>,
        planned: &[Request],
    ) -> Step {
        let Some(Spec::Ours { v6, route }) = wanted else {
            // What an earlier run left stays until the wanted state is complete.
            return match actual {
                None => Step::Nothing,
                Some(Spec::Left(_)) if !self.synced => Step::Nothing,
                Some(_) => Step::Remove,
            };
        };
        let way = match route.target {
            Target::Blackhole => Way::Blackhole,
            Target::Unreachable => Way::Unreachable,
            Target::Prohibit => Way::Prohibit,
            Target::Group(group) => match self.way((group, v6), planned) {
                Some(way) => way,
                None if actual.is_some() && (self.synced || self.objects.defined(group)) => {
                    return Step::Remove;
                }
                None => return Step::Wait((group, v6)),
            },
        };
        if !entry.has(flag::FORCE) {
            if entry.wanted == entry.actual {
                return Step::Nothing;
            }
            if let Some(Spec::Left(left)) = actual
                && same(&left, &route, &way)
            {
                return Step::Adopt;
            }
        }
        let exclusive = match actual {
            None => !entry.has(flag::OURS) || self.observed.holds(key, route.metric),
            Some(actual) => actual.metric() != route.metric && !entry.has(flag::FORCE),
        };
        Step::Set(Request::RouteSet {
            prefix: key.prefix,
            table: key.table,
            protocol: route.protocol,
            metric: route.metric,
            way,
            source: route.source,
            exclusive,
        })
    }

    /// The way of a set, counting an object that this very batch creates.
    fn way(&self, set: SetKey, planned: &[Request]) -> Option<Way> {
        let id = self.objects.planned_id(set);
        self.objects.way(set).or_else(|| {
            let id = id?;
            let created = |r: &Request| matches!(r, Request::GroupSet { id: i, .. } if *i == id);
            planned.iter().take(self.config.batch).any(created).then_some(Way::Object(id))
        })
    }

    fn plan_sweep(&mut self, room: usize, ops: &mut Vec<Op>, requests: &mut Vec<Request>) {
        if self.synced {
            let take = self.extra.len().min(room);
            let extra: Vec<_> = self.extra.drain(..take).collect();
            for (key, metric, protocol) in extra {
                let entry = self.table.get(&key);
                let named = |id| {
                    let spec = self.table.specs.get(id);
                    spec.is_some_and(|s: Spec| (s.metric(), s.protocol()) == (metric, protocol))
                };
                if named(entry.actual) {
                    continue;
                }
                if named(entry.wanted) {
                    // Perhaps about to be replaced by the wanted one; a dump tells.
                    self.look_again();
                    continue;
                }
                ops.push(Op::Remove(Place { key, row: Row::UNKNOWN }, NONE));
                requests.push(removal(&key, metric, protocol));
            }
        }
        let bare = requests.is_empty();
        let left = self.table.specs.iter().any(|spec| matches!(spec, Spec::Left(_)));
        let mut drops = Vec::new();
        self.objects.garbage(room.saturating_sub(ops.len()), bare && self.synced && !left, &mut drops);
        for (op, request) in drops {
            ops.push(Op::Object(op));
            requests.push(request);
        }
    }

    /// The kernel's verdict on a message.
    pub(super) fn outcome(&mut self, seq: u32, errno: i32, message: Option<String>) {
        let Some(flight) = &mut self.flight else { return };
        let at = seq.wrapping_sub(flight.first_seq);
        let count = u32::try_from(flight.ops.len()).unwrap_or(0);
        if at >= count {
            return;
        }
        if errno != 0 {
            flight.errors.push((at, errno, message));
        }
        if at + 1 == count {
            self.complete();
        }
    }

    fn complete(&mut self) {
        let Some(mut flight) = self.flight.take() else { return };
        let mut errors = std::mem::take(&mut flight.errors).into_iter().peekable();
        let mut acknowledged = std::mem::take(&mut self.acknowledged);
        for (at, (op, request)) in flight.ops.iter().zip(&flight.requests).enumerate() {
            let mut verdict = (0, None);
            while let Some((_, errno, message)) = errors.next_if(|(i, _, _)| *i as usize <= at) {
                verdict = (errno, message);
            }
            match *op {
                Op::Object(op) => self.object_done(op, request, verdict.0, verdict.1),
                Op::Set(place @ Place { key, .. }, spec) => {
                    if self.set_done(place, spec, verdict.0, verdict.1) {
                        acknowledged.push((key.prefix, key.table));
                    }
                }
                Op::Remove(place, spec) => self.remove_done(place, spec, verdict.0),
            }
        }
        if self.config.acknowledge && !acknowledged.is_empty() {
            self.outputs.push_back(Output::Report(Report::Acknowledged(acknowledged)));
        }
        self.counts_changed = true;
    }

    fn object_done(&mut self, op: ObjectOp, request: &Request, errno: i32, message: Option<String>) {
        match self.objects.finished(self.now, op, request, errno) {
            Finished::Nothing => {}
            Finished::Remains => self.look_again(),
            Finished::Gained(set) => self.wake(set),
            Finished::Lost(set) => {
                let (Request::NexthopDel { id } | Request::GroupSet { id, .. }) = request else { return };
                self.routes_lost(&[set], &[*id]);
            }
            Finished::HopFailed(hop) => {
                self.outputs.push_back(Output::Report(Report::HopFailed { hop, errno, message }));
            }
        }
    }

    /// Routes that waited for a set can be sent.
    pub(super) fn wake(&mut self, set: SetKey) {
        let lowest = (set, Key { prefix: IpNet::default(), table: 0 });
        let keys: Vec<Key> =
            self.waiting.range(lowest..).take_while(|(s, _)| *s == set).map(|(_, key)| *key).collect();
        for key in keys {
            self.waiting.remove(&(set, key));
            self.touch(key);
        }
    }

    fn set_done(&mut self, place: Place, spec: SpecId, errno: i32, message: Option<String>) -> bool {
        let mut entry = self.table.get_near(place.row, &place.key);
        if errno == 0 {
            // The reference held for the flight becomes the entry's.
            self.table.set_actual(&mut entry, spec);
            let stale = entry.wanted != spec;
            entry.set(flag::OURS, true);
            entry.set(flag::FORCE | flag::FAILED, false);
            entry.tries = 0;
            entry.errno = 0;
            if stale {
                self.put_touched(entry);
            } else {
                self.table.put(entry);
            }
            return !stale;
        }
        let set = self.table.specs.get(spec).and_then(|spec| spec.group());
        let metric = self.table.specs.get(spec).map_or(0, |spec| spec.metric());
        let current = entry.wanted == spec;
        // If its group has gone meanwhile, it is not the route's fault: planned anew.
        let again = !current || set.is_some_and(|set| self.objects.way(set).is_none());
        if !again {
            self.failed(place.key, &mut entry, metric, errno, message);
        }
        self.table.specs.release(spec);
        if again {
            self.put_touched(entry);
        } else {
            self.table.put(entry);
        }
        false
    }

    fn failed(&mut self, key: Key, entry: &mut Entry, metric: u32, errno: i32, message: Option<String>) {
        let short = u16::try_from(errno).unwrap_or(u16::MAX);
        let news = !entry.has(flag::FAILED) || entry.errno != short;
        if news {
            let (prefix, table) = (key.prefix, key.table);
            self.outputs.push_back(Output::Report(Report::RouteFailed { prefix, table, errno, message }));
        }
        entry.errno = short;
        entry.set(flag::FAILED, true);
        let delay = (100 * MILLISECOND) << entry.tries.min(8);
        entry.tries = entry.tries.saturating_add(1);
        self.retry.push(Reverse((self.now + delay, key)));
        let unseen = errno == EEXIST && !self.observed.holds(&key, metric);
        // Perhaps its object is not there after all.
        if unseen || (news && errno == EINVAL) {
            self.want_dump();
        }
    }

    fn remove_done(&mut self, place: Place, spec: SpecId, errno: i32) {
        let gone = matches!(errno, 0 | ESRCH | ENOENT | ENODEV);
        if !gone {
            self.look_again();
        }
        if spec == NONE {
            return;
        }
        let key = place.key;
        let mut entry = self.table.get_near(place.row, &key);
        let (ours, unwanted) = (entry.actual == spec, entry.wanted == NONE);
        if gone && ours {
            self.table.set_actual(&mut entry, NONE);
            entry.set(flag::OURS | flag::FORCE, false);
            if unwanted {
                entry.set(flag::FAILED, false);
                self.table.put(entry);
            } else {
                self.put_touched(entry);
            }
        } else if !gone && ours {
            let delay = (100 * MILLISECOND) << entry.tries.min(8);
            entry.tries = entry.tries.saturating_add(1);
            self.retry.push(Reverse((self.now + delay, key)));
            self.table.put(entry);
        }
        self.table.specs.release(spec);
    }

    /// The outcome of the batch in flight is unknown: everything in it is done again.
    pub(super) fn lost(&mut self) {
        let Some(flight) = self.flight.take() else { return };
        self.outputs.push_back(Output::Report(Report::Resync));
        for (op, request) in flight.ops.into_iter().zip(flight.requests) {
            match op {
                Op::Object(op) => self.objects.unknown(op),
                Op::Set(Place { key, .. }, spec)
                    if matches!(request, Request::RouteSet { exclusive: true, .. }) =>
                {
                    // It is ours, or was refused because somebody else has it: the dump tells.
                    self.retry.push(Reverse((self.now + DUMP_INTERVAL, key)));
                    self.table.specs.release(spec);
                }
                Op::Set(Place { key, row }, spec) => {
                    let mut entry = self.table.get_near(row, &key);
                    // It may be there now; if so, it is ours.
                    if entry.actual == NONE {
                        self.table.specs.hold(spec);
                        self.table.set_actual(&mut entry, spec);
                    }
                    entry.set(flag::FORCE, true);
                    self.put_touched(entry);
                    self.table.specs.release(spec);
                }
                Op::Remove(Place { key, .. }, spec) => {
                    self.touch(key);
                    self.table.specs.release(spec);
                }
            }
        }
        self.want_dump();
    }
}

fn removal(key: &Key, metric: u32, protocol: u8) -> Request {
    Request::RouteDel { prefix: key.prefix, table: key.table, protocol, metric }
}

/// Does a route of an earlier run serve as the wanted one?
fn same(left: &Left, route: &Route, way: &Way) -> bool {
    let leads = match way {
        Way::Object(id) => left.object == Some(*id),
        Way::Hops(_) => false,
        Way::Blackhole => left.kind == RouteKind::Blackhole,
        Way::Unreachable => left.kind == RouteKind::Unreachable,
        Way::Prohibit => left.kind == RouteKind::Prohibit,
    };
    leads && (left.protocol, left.metric, left.source) == (route.protocol, route.metric, route.source)
}
