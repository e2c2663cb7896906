//! Intents, notifications and dumps.

use super::*;

impl Core {
    pub(super) fn intent(&mut self, intent: Intent) {
        match intent {
            Intent::Group { id, hops, resilient } => {
                let sets = self.objects.define(id, hops, resilient);
                self.hops_changed(sets);
                if resilient.is_some() && !self.objects.keeps_flows() && !self.told_no_resilient {
                    self.told_no_resilient = true;
                    let what = "resilient next-hop groups".to_owned();
                    let reason =
                        "the kernel has none: flows may move when a next hop comes or goes".to_owned();
                    self.outputs.push_back(Output::Report(Report::Loss { what, reason }));
                }
            }
            Intent::GroupGone(id) => self.objects.undefine(id),
            Intent::Route { prefix, table, route } => {
                let key = Key { prefix: prefix.trunc(), table };
                self.want(key, route);
            }
            Intent::Synced => {
                self.synced = true;
                self.told_synced = false;
                self.sweep();
            }
            Intent::Acknowledge(on) => self.config.acknowledge = on,
        }
    }

    /// Says that the kernel has a route as wanted without anything being sent.
    pub(super) fn acknowledge(&mut self, key: &Key) {
        if self.config.acknowledge {
            self.acknowledged.push((key.prefix, key.table));
        }
    }

    fn want(&mut self, key: Key, route: Option<Route>) {
        let mut entry = self.table.get(&key);
        let wanted = match route {
            Some(mut route) => {
                if key.v6() && route.metric == 0 {
                    // IP6_RT_PRIO_USER: the kernel's own reading of "no metric".
                    route.metric = 1024;
                }
                self.table.specs.acquire(Spec::Ours { v6: key.v6(), route })
            }
            None => NONE,
        };
        if wanted == entry.wanted {
            if wanted == entry.actual && !entry.has(flag::FORCE) {
                self.acknowledge(&key);
            }
            self.table.specs.release(wanted);
            return;
        }
        if let Some(set) = self.table.specs.get(entry.wanted).and_then(|spec| spec.group()) {
            self.waiting.remove(&(set, key));
        }
        let metric = |id| self.table.specs.get(id).map(|spec: Spec| spec.metric());
        if entry.actual == NONE && metric(entry.wanted) != metric(wanted) {
            entry.set(flag::OURS, false);
        }
        self.table.set_wanted(&mut entry, wanted);
        self.put_touched(entry);
        self.counts_changed = true;
        self.settle();
    }

    /// Everything of an earlier run that nobody named goes.
    fn sweep(&mut self) {
        let specs = &self.table.specs;
        let left: BTreeSet<SpecId> = (1..=specs.capacity()).filter(|id| is_left(specs.get(*id))).collect();
        let keys = self.table.scan(|_, e, _| e.wanted == NONE && left.contains(&e.actual));
        let waiting = std::mem::take(&mut self.waiting).into_iter().map(|(_, key)| key);
        for key in keys.into_iter().chain(waiting) {
            self.touch(key);
        }
    }

    /// Routes that name their gateways themselves must be told of new ones.
    fn hops_changed(&mut self, sets: Vec<SetKey>) {
        if sets.is_empty() || self.objects.supported {
            return;
        }
        let specs = &self.table.specs;
        let on: BTreeSet<SpecId> = (1..=specs.capacity())
            .filter(|id| specs.get(*id).and_then(|s| s.group()).is_some_and(|set| sets.contains(&set)))
            .collect();
        let keys = self.table.scan(|_, entry, _| {
            let hit = on.contains(&entry.wanted) || on.contains(&entry.actual);
            if hit {
                entry.set(flag::FORCE, true);
            }
            hit
        });
        for key in keys {
            self.touch(key);
        }
        for set in sets {
            self.wake(set);
        }
    }

    /// The kernel dropped the routes of these sets with their object, and an earlier run's with these objects.
    pub(super) fn routes_lost(&mut self, sets: &[SetKey], objects: &[u32]) {
        if sets.is_empty() && objects.is_empty() {
            return;
        }
        let specs = &self.table.specs;
        let hangs = |spec: Spec| match spec {
            Spec::Ours { .. } => spec.group().is_some_and(|set| sets.contains(&set)),
            Spec::Left(left) => left.object.is_some_and(|id| objects.contains(&id)),
        };
        let on: BTreeSet<SpecId> =
            (1..=specs.capacity()).filter(|id| specs.get(*id).is_some_and(hangs)).collect();
        self.actual_gone(&on);
    }

    /// Objects that routes of an earlier run hang on.
    pub(super) fn left_objects(&self) -> BTreeSet<u32> {
        let object = |spec: Spec| match spec {
            Spec::Left(left) => left.object,
            Spec::Ours { .. } => None,
        };
        self.table.specs.iter().filter_map(object).collect()
    }

    /// Routes that the kernel has on these sets.
    pub(super) fn routes_on(&mut self, sets: &[SetKey]) -> Vec<Key> {
        if sets.is_empty() {
            return Vec::new();
        }
        let specs = &self.table.specs;
        let on: BTreeSet<SpecId> = (1..=specs.capacity())
            .filter(|id| specs.get(*id).and_then(|s| s.group()).is_some_and(|set| sets.contains(&set)))
            .collect();
        self.table.scan(|_, entry, _| on.contains(&entry.actual))
    }

    fn actual_gone(&mut self, specs: &BTreeSet<SpecId>) {
        if specs.is_empty() {
            return;
        }
        let keys = self.table.scan(|_, entry, retired| {
            let hit = specs.contains(&entry.actual);
            if hit {
                retired.push(std::mem::replace(&mut entry.actual, NONE));
            }
            hit
        });
        self.counts_changed |= !keys.is_empty();
        for key in keys {
            self.touch(key);
        }
        self.settle();
    }

    pub(super) fn shown(&mut self, object: Object, replaced: bool) {
        match object {
            Object::Link(link) => self.link(link),
            Object::Address(address) => {
                if let Some(event) = self.observed.address(address) {
                    self.outputs.push_back(Output::Event(event));
                    self.objects.retry_link(address.ifindex);
                    self.retry_all();
                }
            }
            Object::Nexthop(object) => self.objects.shown(object),
            Object::Route(route) if self.owned(route.protocol) => self.own_shown(&route),
            Object::Route(route) => {
                let key = Key { prefix: route.prefix, table: route.table };
                if replaced && !self.dumping {
                    self.stolen(key, route.metric, None);
                }
                if let Some(event) = self.observed.route(observe::foreign(route)) {
                    self.outputs.push_back(Output::Event(event));
                }
            }
        }
    }

    pub(super) fn removed(&mut self, object: Object) {
        match object {
            Object::Link(link) => {
                let gone = Link { up: false, lower_up: false, ..link };
                self.link_state(&gone);
                let event = self.observed.link_gone(gone.index);
                self.outputs.extend(event.map(Output::Event));
            }
            Object::Address(address) => self.address_gone(&address),
            Object::Nexthop(object) => {
                if self.objects.owns(object.id) {
                    let effect = self.objects.removed(object.id);
                    self.routes_lost(&effect.lost, &effect.vanished);
                }
            }
            Object::Route(route) if self.owned(route.protocol) => {
                let key = Key { prefix: route.prefix, table: route.table };
                self.stolen(key, route.metric, Some(route.protocol));
            }
            Object::Route(route) => {
                let key = Key { prefix: route.prefix, table: route.table };
                if let Some(event) = self.observed.route_gone(&observe::foreign(route)) {
                    self.outputs.push_back(Output::Event(event));
                }
                let entry = self.table.get(&key);
                if entry.has(flag::FAILED) {
                    self.touch(key);
                }
            }
        }
    }

    fn link(&mut self, link: Link) {
        self.link_state(&link);
        if let Some(event) = self.observed.link(link) {
            self.outputs.push_back(Output::Event(event));
        }
    }

    fn link_state(&mut self, link: &Link) {
        let effect = self.objects.link(link.index, link.usable());
        self.routes_lost(&effect.lost, &effect.vanished);
        if link.usable() && !effect.changed.is_empty() {
            self.retry_all();
        }
        self.hops_changed(effect.changed);
        if !link.up {
            let events = self.observed.link_down(link.index);
            self.outputs.extend(events.into_iter().map(Output::Event));
        }
    }

    fn address_gone(&mut self, address: &Address) {
        let event = self.observed.address_gone(address);
        self.outputs.extend(event.map(Output::Event));
        // The kernel drops IPv4 routes whose preferred source has gone (`fib_sync_down_addr`).
        let source = address.net.addr();
        let specs = &self.table.specs;
        let on: BTreeSet<SpecId> = (1..=specs.capacity())
            .filter(|id| source.is_ipv4() && specs.get(*id).is_some_and(|s| s.source() == Some(source)))
            .collect();
        self.actual_gone(&on);
    }

    /// Refused routes are worth another try.
    fn retry_all(&mut self) {
        let waiting = std::mem::take(&mut self.retry);
        for Reverse((_, key)) in waiting {
            self.touch(key);
        }
    }

    /// A route of our protocols is in the kernel: from a dump, or somebody uses our number.
    fn own_shown(&mut self, route: &KernelRoute) {
        let key = Key { prefix: route.prefix, table: route.table };
        let mut entry = self.table.get(&key);
        let left = Left {
            protocol: route.protocol,
            metric: route.metric,
            kind: route.kind,
            object: route.object,
            source: route.source,
        };
        let wanted = self.table.specs.get(entry.wanted);
        if let Some(actual) = self.table.specs.get(entry.actual)
            && actual.metric() != left.metric
        {
            // Two of ours for one prefix: the one with the wanted metric counts.
            if wanted.is_none_or(|wanted| wanted.metric() != left.metric) {
                self.extra.push((key, left.metric, left.protocol));
                return;
            }
            self.extra.push((key, actual.metric(), actual.protocol()));
        } else if let Some(actual) = self.table.specs.get(entry.actual) {
            entry.set(flag::UNSEEN, false);
            if self.matches(&actual, &left) {
                self.table.put(entry);
                return;
            }
        }
        let spec = self.table.specs.acquire(Spec::Left(left));
        self.table.set_actual(&mut entry, spec);
        entry.set(flag::OURS, true);
        entry.set(flag::UNSEEN | flag::FAILED, false);
        self.put_touched(entry);
    }

    fn matches(&self, actual: &Spec, left: &Left) -> bool {
        match actual {
            Spec::Left(known) => known == left,
            Spec::Ours { v6, route } => {
                let way = match route.target {
                    Target::Blackhole => Some(Way::Blackhole),
                    Target::Unreachable => Some(Way::Unreachable),
                    Target::Prohibit => Some(Way::Prohibit),
                    Target::Group(group) => self.objects.way((group, *v6)),
                };
                let inline = matches!(way, Some(Way::Hops(_))) && left.object.is_none();
                let equal =
                    (left.protocol, left.metric, left.source) == (route.protocol, route.metric, route.source);
                match (way, left.object) {
                    // The object is compared on its own; before the dump ends its id decides.
                    (Some(Way::Object(id)), object) => equal && object == Some(id),
                    (None, Some(id)) => {
                        let set = (group_of(route), *v6);
                        equal && set.0.is_some_and(|g| self.objects.planned_id((g, set.1)) == Some(id))
                    }
                    (Some(Way::Blackhole), _) => equal && left.kind == RouteKind::Blackhole,
                    (Some(Way::Unreachable), _) => equal && left.kind == RouteKind::Unreachable,
                    (Some(Way::Prohibit), _) => equal && left.kind == RouteKind::Prohibit,
                    _ => equal && inline,
                }
            }
        }
    }

    /// Somebody removed a route of ours, or put theirs in its place (no protocol given).
    fn stolen(&mut self, key: Key, metric: u32, protocol: Option<u8>) {
        let mut entry = self.table.get(&key);
        let Some(actual) = self.table.specs.get(entry.actual) else { return };
        if actual.metric() != metric || protocol.is_some_and(|p| p != actual.protocol()) {
            return;
        }
        if protocol.is_some() {
            // Perhaps we have written it again since: only writing or removing it once more tells.
            entry.set(flag::FORCE, true);
        } else {
            self.table.set_actual(&mut entry, NONE);
            entry.set(flag::OURS, false);
            // Perhaps we wrote over theirs before we heard of it.
            self.look_again();
        }
        self.counts_changed = true;
        if entry.wanted == NONE {
            self.put_touched(entry);
            return;
        }
        let delay = (20 * MILLISECOND) << entry.tries.min(8);
        self.retry.push(Reverse((self.now + delay, key)));
        let report = Report::Stolen { prefix: key.prefix, table: key.table };
        self.outputs.push_back(Output::Report(report));
        self.table.put(entry);
    }

    pub(super) fn dump_done(&mut self) {
        if !self.dumping {
            return;
        }
        self.dumping = false;
        let (events, links) = self.observed.dump_ends();
        self.outputs.extend(events.into_iter().map(Output::Event));
        for index in links {
            let effect = self.objects.link(index, false);
            self.routes_lost(&effect.lost, &effect.vanished);
            self.hops_changed(effect.changed);
        }
        let lost = self.objects.dump_ends();
        self.routes_lost(&lost, &[]);
        let keys = self.table.scan(|_, entry, retired| {
            let gone = entry.has(flag::UNSEEN);
            if gone {
                // Perhaps somebody took its place while notifications were lost.
                entry.set(flag::UNSEEN | flag::OURS, false);
                retired.push(std::mem::replace(&mut entry.actual, NONE));
            }
            gone
        });
        for key in keys {
            self.touch(key);
        }
        self.ready = true;
        self.retry_all();
        self.outputs.push_back(Output::Event(Event::Resynced));
    }
}

fn is_left(spec: Option<Spec>) -> bool {
    matches!(spec, Some(Spec::Left(_)))
}

fn group_of(route: &Route) -> Option<GroupId> {
    match route.target {
        Target::Group(group) => Some(group),
        _ => None,
    }
}
