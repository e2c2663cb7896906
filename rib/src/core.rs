//! The routing table as a machine: changes go in with the time, messages for neighbours and the kernel come out.

use std::collections::VecDeque;

use bgp::batch::UpdateBatch;
use bgp::types::{Family, SECOND, Time};
use ipnet::IpNet;
use smallvec::SmallVec;

use crate::base::Discard;
use crate::damping::Damping;
use crate::event::{Event, FibChange, Output};
use crate::family::FamilyRib;
use crate::group::Group;
use crate::hold::{Hold, HoldView, Sessions};
use crate::id::PeerId;
use crate::local::LocalRoutes;
use crate::membership::{assign, flush_family};
use crate::nexthop::{NextHopKey, ResolvedHop};
use crate::nht::NhtMaps;
use crate::peer::{Peer, PeerConfig, PeerSession};
use crate::policy::ast::Policies;
use crate::policy::compile::Compiled;
use crate::revalidate::Revalidation;
use crate::rpki::{Covered, VrpUpdate};
use crate::rules::GroupKey;
use crate::shared::{Settings, Shared};
use crate::table::path_flag;
use crate::turn::Turned;
use crate::walk::{Task, Walk, walk_slice};

/// Where a static route leads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StaticTarget {
    /// To the first reachable of these, or over all of them together.
    Hops(Vec<NextHopKey>),
    /// Nowhere.
    Discard(Discard),
}

/// A static route: all lines of one prefix, distance and tag together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StaticRoute {
    /// The prefix.
    pub prefix: IpNet,
    /// Where to.
    pub target: StaticTarget,
    /// Administrative distance.
    pub distance: u8,
    /// Tag.
    pub tag: u32,
}

/// What the table is told.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "a neighbour's configuration comes seldom, and is not kept here"
)]
pub enum Input<'a> {
    /// Router-wide settings.
    Settings(Settings),
    /// Lists and route-maps.
    Policies(Policies),
    /// Validated ROA payloads came or went. What was in force is in the update afterwards, for others to give back.
    Rpki(&'a mut VrpUpdate),
    /// Networks, redistribution and aggregates of a family.
    Local(Family, LocalRoutes),
    /// All static routes.
    Statics(Vec<StaticRoute>),
    /// A neighbour is new or configured differently.
    Peer(PeerId, PeerConfig),
    /// A neighbour is no longer configured. Its number is free after [`Event::Purged`].
    PeerRemoved(PeerId),
    /// A session came up.
    Up(PeerId, PeerSession),
    /// A session went down.
    Down(PeerId),
    /// Routes from a neighbour.
    Updates(PeerId, &'a UpdateBatch),
    /// A neighbour asks for all routes again (RFC 2918), or the operator for it to be told.
    Refresh(PeerId, Family),
    /// Import policy of a neighbour is to be applied again to the paths that are kept.
    Reimport(PeerId, Family),
    /// Octets of [`Output::Transmit`] that a neighbour's socket took.
    Written(PeerId, usize),
    /// The round-trip time of a neighbour's session, milliseconds: what policy puts into routes from now on.
    RoundTrip(PeerId, u32),
    /// An interface is new or changed.
    Link {
        /// Kernel's index.
        ifindex: u32,
        /// Name.
        name: &'a str,
        /// Up and with carrier.
        up: bool,
    },
    /// An interface is gone.
    LinkGone(u32),
    /// An address with the length of its network came to an interface.
    Address(u32, IpNet),
    /// An address left an interface.
    AddressGone(u32, IpNet),
    /// A route of somebody else is in the kernel.
    KernelRoute {
        /// The prefix.
        prefix: IpNet,
        /// Kernel's metric.
        metric: u32,
        /// Ways out; none for a discard route.
        hops: SmallVec<[ResolvedHop; 2]>,
    },
    /// The kernel has our routes to these prefixes as it was last told.
    Installed(&'a [IpNet]),
    /// That route is gone.
    KernelRouteGone {
        /// The prefix.
        prefix: IpNet,
        /// Kernel's metric.
        metric: u32,
    },
}

/// The routing table of both families.
pub struct Core {
    pub(crate) shared: Shared,
    pub(crate) v4: FamilyRib<u32>,
    pub(crate) v6: FamilyRib<u128>,
    pub(crate) tasks: VecDeque<Task>,
    pub(crate) statics: Vec<StaticRoute>,
    hold: Hold,
    /// Telling neighbours waits for a walk, for once.
    deferred: bool,
    now: Time,
}

impl Core {
    /// An empty table. `seed` is for hashing; peers must not know it.
    pub fn new(seed: u64) -> Core {
        Core {
            shared: Shared::new(seed),
            v4: FamilyRib::new(seed),
            v6: FamilyRib::new(seed),
            tasks: VecDeque::new(),
            statics: Vec::new(),
            hold: Hold::default(),
            deferred: false,
            now: 0,
        }
    }

    /// Takes in one change. `now` is the shell's clock.
    pub fn handle(&mut self, now: Time, input: Input<'_>) {
        self.tick(now);
        match input {
            Input::Settings(settings) => self.settings(settings),
            Input::Policies(policies) => self.policies(policies),
            Input::Rpki(update) => {
                let covered = update.apply(&mut self.shared.rpki);
                self.revalidate(covered);
            }
            Input::Local(family, local) => family!(self, family, |rib, shared| {
                let aggregates = local.aggregates.clone();
                rib.local = local;
                rib.sync_local_all(shared);
                rib.configure_aggregates(shared, &aggregates);
            }),
            Input::Statics(statics) => self.set_statics(statics),
            Input::Peer(id, config) => self.peer(id, config),
            Input::PeerRemoved(id) => self.peer_removed(id),
            Input::Up(id, session) => self.up(id, session),
            Input::Down(id) => self.down(id),
            Input::Updates(id, batch) => self.updates(id, batch),
            Input::Refresh(id, family) => self.refresh(id, family),
            Input::Reimport(id, family) => self.task(family, Walk::Reimport(id)),
            Input::Written(id, octets) => {
                if let Some(peer) = self.shared.peer_mut(id) {
                    peer.in_flight = peer.in_flight.saturating_sub(octets);
                }
            }
            Input::RoundTrip(id, milliseconds) => self.round_trip(id, milliseconds),
            Input::Link { ifindex, name, up } => self.link(ifindex, name, up),
            Input::LinkGone(ifindex) => self.link_gone(ifindex),
            Input::Address(ifindex, net) => self.address(ifindex, net),
            Input::AddressGone(ifindex, net) => self.address_gone(ifindex, net),
            Input::KernelRoute { prefix, metric, hops } => self.kernel_route(prefix, metric, hops),
            Input::Installed(prefixes) => self.installed(prefixes),
            Input::KernelRouteGone { prefix, metric } => self.kernel_route_gone(prefix, metric),
        }
        self.settle();
    }

    /// Lets time pass.
    pub fn tick(&mut self, now: Time) {
        self.now = now;
        self.shared.now = (now / SECOND) as u32;
        self.shared.clock = now;
    }

    /// When neighbours may have to be told something though nothing happens before.
    pub fn deadline(&self) -> Option<Time> {
        let v4 = self.v4.groups.iter().filter_map(Group::deadline);
        let laggards = v4.chain(self.v6.groups.iter().filter_map(Group::deadline));
        let damping = [self.v4.damping.as_ref(), self.v6.damping.as_ref()].into_iter().flatten();
        let reuse = damping.filter_map(|d| d.next_due()).map(|second| Time::from(second) * SECOND);
        let med = self.shared.settings.max_med_on_startup.and_then(|(s, _)| self.hold.first(s, self.now));
        laggards.chain(reuse).chain(self.hold.deadline(self.now)).chain(med).min()
    }

    /// Whether neighbours are told the MED of the time after a start (`bgp max-med on-startup`).
    pub fn max_med_on_startup(&self) -> bool {
        let settings = &self.shared.settings;
        let begun = self.hold.view().began.is_some();
        settings.max_med_on_startup.is_some_and(|(s, _)| !begun || self.hold.first(s, self.now).is_some())
    }

    /// Finds out which MED neighbours are told now. Returns whether it is another than before.
    fn renew_max_med(&mut self) -> bool {
        let settings = &self.shared.settings;
        let first = settings.max_med_on_startup.filter(|_| self.max_med_on_startup());
        let med = settings.max_med.or(first.map(|(_, med)| med));
        std::mem::replace(&mut self.shared.max_med, med) != med
    }

    /// How far holding back after the start has come.
    pub fn hold_view(&self) -> HoldView {
        self.hold.view()
    }

    /// Something for the neighbours or the rest of the router, in order.
    pub fn poll(&mut self) -> Option<Output> {
        self.shared.out.pop_front()
    }

    /// The changes for the kernel since the last call, in order.
    pub fn take_fib(&mut self) -> Vec<FibChange> {
        std::mem::take(&mut self.shared.fib)
    }

    /// Says that the table is as complete as it gets after a start: see [`FibChange::Complete`].
    pub fn complete(&mut self) {
        self.shared.fib.push(FibChange::Complete);
    }

    /// Decides on a prefix anew and tells neighbours again if anything differs (`clear bgp prefix`).
    pub fn tell_again(&mut self, net: IpNet) {
        prefix!(self, net, |rib, shared, addr, len| {
            if let Some(id) = rib.table.find(addr, len) {
                rib.decide(shared, id, None);
                rib.groups.iter_mut().for_each(|g| g.mark(id));
            }
        });
    }

    /// Does one slice of walking through tables, if a walk is due. Returns whether one was.
    pub fn walk(&mut self) -> bool {
        let Some(mut task) = self.tasks.pop_front() else { return self.reuse() };
        if self.slice(&mut task) {
            self.finish(&task);
        } else {
            self.tasks.push_front(task);
        }
        self.settle();
        true
    }

    /// Whether the next slice is of a walk that gives the kernel nothing to do, and that neighbours wait for.
    pub fn walks_apart(&self) -> bool {
        self.tasks.front().is_some_and(|t| t.walk.comes_before_telling())
    }

    /// Lets routes in that are suppressed no more, a slice of them. Returns whether there were any.
    fn reuse(&mut self) -> bool {
        let any = Family::ALL.map(|f| family!(self, f, |rib, shared| rib.reuse_slice(shared)));
        self.settle();
        any.contains(&true)
    }

    /// Does one piece of the work that is left: a slice of a walk, else telling neighbours. Returns whether it was
    /// a walk, or walks have to follow.
    pub fn work(&mut self) -> bool {
        if self.walk() {
            return true;
        }
        self.flush();
        self.has_walks()
    }

    /// Paths of both families.
    pub fn path_count(&self) -> usize {
        self.v4.table.path_count() + self.v6.table.path_count()
    }

    /// Whether walks are left to do.
    pub fn has_walks(&self) -> bool {
        let due = |d: Option<&Damping>| d.is_some_and(|d| d.due(self.shared.now).is_some());
        !self.tasks.is_empty() || due(self.v4.damping.as_deref()) || due(self.v6.damping.as_deref())
    }

    /// Tells neighbours what changed, as far as their sockets take it. May order walks.
    pub fn flush(&mut self) {
        if self.must_walk_first() {
            return;
        }
        self.v4.renew_aggregates(&mut self.shared);
        self.v6.renew_aggregates(&mut self.shared);
        self.v4.apply_conditions(&mut self.shared);
        self.v6.apply_conditions(&mut self.shared);
        if self.renew_max_med() {
            self.regroup();
        }
        self.settle();
        // Neighbours are not told what the walk may take back that was just ordered; but aggregates that never come to
        // rest must not keep everything else from them.
        if self.must_walk_first() && !std::mem::replace(&mut self.deferred, true) {
            return;
        }
        self.deferred = false;
        let up = || self.shared.peers.iter().flatten().filter(|p| p.session.is_some());
        let sessions = Sessions { up: up().count(), telling: up().filter(|p| p.tells_still()).count() };
        if self.hold.holds(self.now, sessions) {
            return;
        }
        flush_family(&mut self.shared, &mut self.v4, self.now);
        flush_family(&mut self.shared, &mut self.v6, self.now);
    }

    /// Whether a walk is due before neighbours are told anything.
    fn must_walk_first(&self) -> bool {
        self.tasks.iter().any(|t| t.walk.comes_before_telling())
    }

    /// Forgets the flaps of a prefix, or of all of a family (`clear ip bgp dampening`): what was suppressed is used. An
    /// address means its longest match.
    pub fn clear_damping(&mut self, family: Family, net: Option<IpNet>) {
        match net {
            None => self.task(family, Walk::Undamp(None)),
            Some(net) => prefix!(self, net, |rib, shared, addr, len| {
                let id = if len == net.max_prefix_len() {
                    rib.table.longest_match(addr, len, |_| true)
                } else {
                    rib.table.find(addr, len)
                };
                if let Some(id) = id {
                    rib.undamp(shared, id);
                }
            }),
        }
        self.settle();
    }

    fn installed(&mut self, prefixes: &[IpNet]) {
        for net in prefixes {
            prefix!(self, *net, |rib, _shared, addr, len| {
                if let Some(id) = rib.table.find(addr, len) {
                    rib.wait_for_kernel(id, false);
                }
            });
        }
    }

    /// Neighbours are told of routes without waiting for the kernel any more.
    fn wait_no_more(&mut self) {
        for f in Family::ALL {
            family!(self, f, |rib, _shared| {
                for slot in 0..rib.table.bound() {
                    if let Some(id) = rib.table.live(slot) {
                        rib.wait_for_kernel(id, false);
                    }
                }
            });
        }
    }

    fn settings(&mut self, settings: Settings) {
        if self.shared.settings == settings {
            return;
        }
        let asn = self.shared.settings.asn != settings.asn;
        self.hold.configure(settings.hold, self.now);
        let awaited = settings.suppress_fib_pending;
        if self.shared.settings.suppress_fib_pending != awaited {
            self.shared.fib.push(FibChange::Acknowledge(awaited));
            if !awaited {
                self.wait_no_more();
            }
        }
        let identity = asn || self.shared.settings.router_id != settings.router_id;
        let shutdown = self.shared.settings.graceful_shutdown != settings.graceful_shutdown;
        let import_check = self.shared.settings.import_check != settings.import_check;
        let decide = self.shared.settings.best != settings.best
            || self.shared.settings.distance != settings.distance
            || self.shared.settings.no_rib != settings.no_rib;
        self.shared.next_hops_dirty |= self.shared.settings.resolve_via_default
            != settings.resolve_via_default
            || self.shared.settings.nht != settings.nht;
        let resilient = self.shared.settings.resilient != settings.resilient;
        let install =
            Family::ALL.map(|f| self.shared.settings.install[f.index()] != settings.install[f.index()]);
        self.shared.settings = settings;
        self.renew_max_med();
        if resilient {
            self.renew_static_sets();
        }
        for f in Family::ALL {
            if decide || resilient {
                self.task(f, Walk::DecideAll);
            }
            if install[f.index()] {
                self.install_anew(f);
            }
            family!(self, f, |rib, shared| {
                if import_check || shutdown {
                    rib.sync_local_all(shared);
                }
                if identity || shutdown {
                    rib.reload_aggregates();
                }
                rib.groups.iter_mut().for_each(|g| g.reload(shared, &rib.table));
            });
        }
        for id in self.peer_ids().into_iter().filter(|_| shutdown) {
            if self.shared.peer(id).is_some_and(|p| p.config.kind == crate::peer::PeerKind::External) {
                Family::ALL.into_iter().for_each(|f| self.task(f, Walk::Reimport(id)));
            }
        }
        self.regroup();
        if asn && self.shared.rpki.is_some() {
            self.revalidate(Covered::everything());
        }
    }

    /// Has policies look again at what these prefixes cover. Nobody else keeps a validation state.
    fn revalidate(&mut self, mut covered: Covered) {
        for f in Family::ALL {
            let covered = covered.take(f);
            if covered.is_empty(f) {
                continue;
            }
            let asked = family!(self, f, |rib, shared| {
                if rib.local_validates(shared) {
                    rib.sync_local_in(shared, &covered);
                }
                if rib.aggregates_validate(shared) {
                    rib.reload_aggregates();
                }
                if rib.conditions_validate(shared) {
                    rib.search_again();
                }
                rib.validates(shared)
            });
            // A walk that has not begun takes more along: however fast payloads change, two walks wait at most.
            let waiting = self.tasks.iter_mut().find_map(|t| match &mut t.walk {
                Walk::Revalidate(waiting) if t.family == f && t.cursor == 0 => Some(&mut waiting.covered),
                _ => None,
            });
            match waiting {
                _ if !asked => {}
                Some(waiting) => waiting.merge(covered),
                None => self.task(f, Walk::Revalidate(Box::new(Revalidation::new(covered)))),
            }
        }
    }

    /// Asks policy anew which routes go into the kernel, and how.
    fn install_anew(&mut self, family: Family) {
        self.task(family, Walk::Install);
        family!(self, family, |rib, shared| rib.install_base_anew(shared));
    }

    /// New policies: compile, start all memories over, tell what changes by them.
    fn policies(&mut self, policies: Policies) {
        if *self.shared.policies.source() == policies {
            return;
        }
        let compiled = Compiled::new(policies);
        compiled.continue_counts(&self.shared.policies);
        self.shared.policies = compiled;
        self.shared.next_hops_dirty |= self.shared.settings.nht != <[NhtMaps; 2]>::default();
        for f in Family::ALL {
            family!(self, f, |rib, shared| {
                rib.imports.clear();
                rib.sync_local_all(shared);
                rib.reload_aggregates();
                rib.search_again();
                rib.groups.iter_mut().for_each(|g| g.reload(shared, &rib.table));
            });
            if self.shared.settings.install[f.index()] != Default::default() {
                self.install_anew(f);
            }
            for id in self.peer_ids() {
                let filtered = self
                    .shared
                    .peer(id)
                    .and_then(|p| p.family(f))
                    .is_some_and(|c| c.import != Default::default());
                if filtered {
                    self.reimport(id, f);
                }
            }
        }
        self.regroup();
    }

    /// Applies import policy to what is kept, and asks for the rest.
    fn reimport(&mut self, id: PeerId, family: Family) {
        let Some(peer) = self.shared.peer(id) else { return };
        let soft = peer.family(family).is_some_and(|c| c.soft_reconfiguration);
        if peer.session.is_some() && !soft {
            self.shared.event(Event::RefreshNeeded { peer: id, family });
        }
        self.task(family, Walk::Reimport(id));
    }

    fn peer_ids(&self) -> Vec<PeerId> {
        let ids = self.shared.peers.iter().enumerate().filter(|(_, p)| p.is_some());
        ids.map(|(i, _)| PeerId(i as u16)).collect()
    }

    fn peer(&mut self, id: PeerId, config: PeerConfig) {
        if self.shared.peers.len() <= id.index() {
            self.shared.peers.resize_with(id.index() + 1, || None);
        }
        let Some(peer) = self.shared.peer_mut(id) else {
            self.shared.peers[id.index()] = Some(Peer::new(config));
            return;
        };
        peer.removed = false;
        if peer.config == config {
            return;
        }
        let old = std::mem::replace(&mut peer.config, config.clone());
        for f in Family::ALL {
            let (was, is) = (&old.families[f.index()], &config.families[f.index()]);
            if old.damping(f) != config.damping(f) {
                self.undamp(f, id);
            }
            if old.graceful_shutdown != config.graceful_shutdown {
                self.task(f, Walk::Reimport(id));
            }
            let up = self.shared.peer(id).is_some_and(|p| p.session.is_some());
            if old.integer_bandwidth != config.integer_bandwidth && config.families[f.index()].is_some() && up
            {
                // What it sent was read as it comes.
                self.shared.event(Event::RefreshNeeded { peer: id, family: f });
            }
            if let (Some(was), Some(is)) = (was, is)
                && (was.import != is.import || was.weight != is.weight || was.site != is.site)
            {
                self.reimport(id, f);
            }
        }
        self.regroup();
    }

    /// Has the flaps of a neighbour's routes forgotten; joins a walk that has not begun.
    fn undamp(&mut self, family: Family, id: PeerId) {
        let waiting = self.tasks.iter_mut().find_map(|t| match &mut t.walk {
            Walk::Undamp(Some(peers)) if t.family == family && t.cursor == 0 => Some(peers),
            _ => None,
        });
        match waiting {
            Some(peers) => peers.push(id),
            None => self.task(family, Walk::Undamp(Some(vec![id]))),
        }
    }

    fn peer_removed(&mut self, id: PeerId) {
        let was_up = self.shared.peer(id).is_some_and(|p| p.session.is_some());
        self.down(id);
        // Records of flaps outlive sessions; the end of one orders a walk already.
        for f in Family::ALL.into_iter().filter(|_| !was_up) {
            if family!(self, f, |rib, _shared| rib.damping.is_some())
                && let Some(peer) = self.shared.peer_mut(id)
            {
                peer.purging += 1;
                self.task(f, Walk::Purge { peer: id, turned: Turned::new() });
            }
        }
        match self.shared.peer_mut(id) {
            Some(peer) if peer.purging > 0 => peer.removed = true,
            _ => self.forget(id),
        }
    }

    fn forget(&mut self, id: PeerId) {
        if let Some(slot) = self.shared.peers.get_mut(id.index()) {
            *slot = None;
        }
        self.v4.imports.retain(|(_, peer), _| *peer != Some(id));
        self.v6.imports.retain(|(_, peer), _| *peer != Some(id));
        self.v4.changes.forget(id);
        self.v6.changes.forget(id);
        self.shared.event(Event::Purged(id));
    }

    fn up(&mut self, id: PeerId, session: PeerSession) {
        let Some(peer) = self.shared.peer_mut(id) else { return };
        if peer.session.is_some() {
            self.down(id);
        }
        if let Some(peer) = self.shared.peer_mut(id) {
            peer.session = Some(session);
            peer.in_flight = 0;
            peer.crossed = Default::default();
            // What was worked out with that of the last session counts no more.
            peer.round_trip = 0;
            peer.refresh.iter_mut().for_each(|r| r.begun = false);
            peer.end_of_rib = [false; 2];
            peer.counts.iter_mut().for_each(|c| c.refused = 0);
            self.shared.sessions += 1;
        }
        self.v4.time_anew(id);
        self.v6.time_anew(id);
        self.hold.session(self.now);
        self.regroup();
    }

    /// A session ended: its paths count no more from now on, and go in slices.
    fn down(&mut self, id: PeerId) {
        let Some(peer) = self.shared.peer_mut(id) else { return };
        if peer.session.take().is_none() {
            return;
        }
        peer.generation = peer.generation.wrapping_add(1);
        peer.in_flight = 0;
        peer.purging += 2;
        self.shared.sessions -= 1;
        let turned = self.turn();
        self.regroup();
        for f in Family::ALL {
            self.task(f, Walk::Purge { peer: id, turned: turned.clone() });
        }
    }

    pub(crate) fn task(&mut self, family: Family, walk: Walk) {
        self.tasks.push_back(Task { family, cursor: 0, walk });
    }

    /// Puts every neighbour into the group that its rules now ask for.
    fn regroup(&mut self) {
        for f in Family::ALL {
            for id in self.peer_ids() {
                let key = self.shared.peer(id).and_then(|p| GroupKey::of(p, id, f, &self.shared));
                family!(self, f, |rib, shared| assign(rib, shared, id, key));
            }
        }
    }

    fn refresh(&mut self, id: PeerId, family: Family) {
        family!(self, family, |rib, shared| {
            let Some(at) = rib.groups.iter().position(|g| g.members().contains(&id)) else { return };
            if rib.groups[at].members().len() > 1 {
                let own = rib.groups[at].split(shared, &[id]);
                rib.groups.push(own);
            }
            if let Some(group) = rib.groups.iter_mut().find(|g| g.members().contains(&id)) {
                group.tell_again(shared, &rib.table);
            }
        });
    }

    /// A neighbour begins to answer a refresh. While it begins anew, or what its last answer left stale is still being
    /// taken out, the round stays: what it announced since counts as fresh.
    pub(crate) fn refresh_begins(&mut self, id: PeerId, family: Family) {
        let Some(peer) = self.shared.peer_mut(id) else { return };
        let refresh = &mut peer.refresh[family.index()];
        if !refresh.begun && !refresh.sweeping {
            refresh.round ^= path_flag::ROUND;
            refresh.begun = true;
        }
    }

    pub(crate) fn refresh_ends(&mut self, id: PeerId, family: Family) {
        let Some(peer) = self.shared.peer_mut(id) else { return };
        let refresh = &mut peer.refresh[family.index()];
        if std::mem::take(&mut refresh.begun) {
            refresh.sweeping = true;
            peer.purging += 1;
            self.task(family, Walk::Sweep(id));
        }
    }

    /// One slice of a walk. Returns whether it is complete.
    fn slice(&mut self, task: &mut Task) -> bool {
        family!(self, task.family, |rib, shared| walk_slice(rib, shared, task))
    }

    fn finish(&mut self, task: &Task) {
        if let Walk::Count = task.walk {
            family!(self, task.family, |rib, shared| rib.all_counted(shared));
        }
        if let Walk::Search(number) = task.walk {
            family!(self, task.family, |rib, shared| rib.searched(shared, number));
        }
        if let Walk::Purge { peer: id, .. } | Walk::Sweep(id) = task.walk
            && let Some(peer) = self.shared.peer_mut(id)
        {
            if let Walk::Sweep(_) = task.walk {
                peer.refresh[task.family.index()].sweeping = false;
            }
            peer.purging -= 1;
            if peer.purging == 0 && peer.removed && peer.session.is_none() {
                self.forget(id);
            }
        }
    }
}

#[cfg(test)]
#[path = "core_tests/mod.rs"]
mod tests;
