//! All neighbours: who is configured, who connected from a listen range, and what each is told.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use bgp::fsm::{Confederation, FsmState, Negotiated, Refusal, RemoteAs, Role, SessionConfig, StopReason};
use bgp::types::{Asn, Family, PeerKind, SECOND, Time, is_link_local};
use bgp::wire::AllowOwnAs;
use ipnet::IpNet;
use rib::PeerId;
use rib::peer::PeerConfig;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};

use super::discovery::Discovery;
use super::guard::Rule;
use super::listener::Listeners;
use super::netdevs::{LocalEnd, Netdevs};
use super::peer::{self, Command, Settings, Status, Surroundings};
use super::rib_thread::RibHandle;
use super::translate;
use super::transport::{CONTROL, Transport};
use crate::config::model::{self, Bgp, Config, NeighborSettings, UpdateSource};
use crate::events::Events;
use crate::show::views::EventKind;

/// How long a neighbour's task may take to answer a question.
const PATIENCE: Duration = Duration::from_millis(500);

/// Called when a session comes up or goes down.
pub type SessionWatch = Box<dyn Fn(IpAddr, bool) + Send + Sync>;

/// A neighbour.
#[derive(Clone)]
pub struct Entry {
    /// Its number in the table.
    pub id: PeerId,
    /// What it is called: its address, or the interface that it is on.
    pub name: model::PeerId,
    /// Its address; that of a neighbour on an interface has to be heard first.
    pub addr: Option<IpAddr>,
    /// The interface that it is on, or the scope of its link-local address.
    pub interface: Option<String>,
    /// Its configuration with everything inherited.
    pub neighbor: NeighborSettings,
    /// From a listen range rather than configured.
    pub dynamic: bool,
    /// State of its session.
    pub state: FsmState,
    /// Its AS, once an OPEN told it.
    pub remote_as: Option<Asn>,
    /// Our AS in its eyes, as of the last session.
    pub local_as: Asn,
    /// Since when it is a neighbour.
    pub since: Time,
    settings: Settings,
    running: bool,
    commands: mpsc::Sender<Command>,
}

impl Entry {
    /// Whether nothing is tried because there is no way to the neighbour.
    pub fn has_no_path(&self) -> bool {
        !self.running && !self.neighbor.shutdown
    }
}

#[derive(Default)]
struct State {
    config: Arc<Config>,
    router_id: Option<Ipv4Addr>,
    entries: BTreeMap<model::PeerId, Entry>,
    by_id: HashMap<PeerId, model::PeerId>,
    free: Vec<PeerId>,
    next: u16,
    keys: BTreeMap<(IpAddr, Option<u8>), String>,
    guards: Vec<Rule>,
    closing: bool,
}

struct Inner {
    state: Mutex<State>,
    netdevs: Arc<RwLock<Netdevs>>,
    listeners: Listeners,
    discovery: Discovery,
    rib: RibHandle,
    runtime: tokio::runtime::Handle,
    seed: u64,
    watch: SessionWatch,
    events: Arc<Events>,
}

/// The neighbours, shared by all who deal with them.
#[derive(Clone)]
pub struct Peers {
    inner: Arc<Inner>,
}

impl Peers {
    /// No neighbours yet.
    pub fn new(
        rib: RibHandle,
        netdevs: Arc<RwLock<Netdevs>>,
        runtime: tokio::runtime::Handle,
        seed: u64,
        watch: SessionWatch,
        events: Arc<Events>,
    ) -> Peers {
        let inner = Inner {
            state: Mutex::default(),
            netdevs,
            listeners: Listeners::default(),
            discovery: Discovery::default(),
            rib,
            runtime,
            seed,
            watch,
            events,
        };
        Peers { inner: Arc::new(inner) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the neighbours those of a configuration. `router_id` is the one in force; without one nobody starts.
    pub fn configure(&self, config: &Arc<Config>, router_id: Option<Ipv4Addr>) {
        let _runtime = self.inner.runtime.enter();
        let mut state = self.lock();
        if state.closing {
            return;
        }
        state.config = config.clone();
        state.router_id = router_id;
        if config.bgp.is_some()
            && let Err(error) = self.inner.listeners.open(self)
        {
            tracing::error!(%error, "cannot listen on the BGP port: sessions are only dialled");
        }
        let gone: Vec<model::PeerId> = state
            .entries
            .iter()
            .filter(|(_, e)| self.wanted(&state, e).is_none())
            .map(|(name, _)| name.clone())
            .collect();
        for name in gone {
            self.remove(&mut state, &name, StopReason::Deconfigured);
        }
        self.inner.discovery.configure(self, config, &self.netdevs());
        if let Some(bgp) = &config.bgp {
            for id in bgp.neighbors.keys() {
                let Some(neighbor) = bgp.effective(id) else { continue };
                let addr = match id {
                    model::PeerId::Address(addr) => Some(*addr),
                    model::PeerId::Interface(name) => self.address_on(&state, id, name, neighbor.v6only),
                };
                self.put(&mut state, id, addr, neighbor, false);
            }
        }
        let dynamic: Vec<(model::PeerId, Option<IpAddr>, NeighborSettings)> = state
            .entries
            .values()
            .filter(|e| e.dynamic)
            .filter_map(|e| Some((e.name.clone(), e.addr, self.wanted(&state, e)?)))
            .collect();
        for (name, addr, neighbor) in dynamic {
            self.put(&mut state, &name, addr, neighbor, true);
        }
        self.set_keys(&mut state);
        self.set_guards(&mut state);
    }

    fn netdevs(&self) -> RwLockReadGuard<'_, Netdevs> {
        self.inner.netdevs.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The address of the neighbour on an interface: the other one of a network of two, or the one that was heard.
    fn address_on(&self, state: &State, id: &model::PeerId, name: &str, v6only: bool) -> Option<IpAddr> {
        let other = if v6only { None } else { self.netdevs().other_end(name) };
        let heard = || state.entries.get(id).and_then(|e| e.addr).filter(IpAddr::is_ipv6);
        other.map(IpAddr::V4).or_else(heard)
    }

    /// A router was heard on an interface. If a neighbour is expected there, this is its address; while there is a
    /// session with another one, that goes on.
    pub fn heard(&self, interface: &str, addr: Ipv6Addr) {
        let _runtime = self.inner.runtime.enter();
        let mut state = self.lock();
        let name = model::PeerId::Interface(interface.to_owned());
        let Some(entry) = state.entries.get(&name) else { return };
        let addr = IpAddr::V6(addr);
        let taken = entry.addr.is_some_and(|a| a.is_ipv4() || a == addr || entry.state >= FsmState::OpenSent);
        if taken || state.closing {
            return;
        }
        tracing::debug!(peer = interface, %addr, "a router is on the link");
        let neighbor = entry.neighbor.clone();
        self.put(&mut state, &name, Some(addr), neighbor, false);
        self.set_keys(&mut state);
        self.set_guards(&mut state);
    }

    /// What the configuration says of a neighbour that is there.
    fn wanted(&self, state: &State, entry: &Entry) -> Option<NeighborSettings> {
        let bgp = state.config.bgp.as_ref()?;
        if entry.dynamic {
            return bgp.effective_dynamic(&listen_range(bgp, entry.addr?)?.peer_group);
        }
        bgp.effective(&entry.name)
    }

    /// Adds a neighbour or changes it.
    fn put(
        &self,
        state: &mut State,
        name: &model::PeerId,
        addr: Option<IpAddr>,
        neighbor: NeighborSettings,
        dynamic: bool,
    ) {
        let interface = match name {
            model::PeerId::Interface(name) => Some(name.clone()),
            model::PeerId::Address(_) => neighbor.scope().map(str::to_owned),
        };
        let Some(settings) = self.settings(state, name, addr, interface.as_deref(), &neighbor) else {
            return;
        };
        let wanted =
            !neighbor.shutdown && settings.session.families.contains(&true) && state.router_id.is_some();
        let running = state.entries.get(name).is_some_and(|e| e.running);
        let run = wanted
            && match (addr, settings.transport.peer) {
                (None, _) => false,
                (_, SocketAddr::V6(peer)) if is_link_local(peer.ip()) => peer.scope_id() != 0,
                // A neighbour on the link is dialled when its network is there: a try before that is in vain.
                (Some(addr), _) => {
                    running
                        || settings.transport.ttl != 1
                        || neighbor.disable_connected_check
                        || self.netdevs().connected(addr).is_some()
                }
            };
        if let Some(entry) = state.entries.get_mut(name) {
            (entry.addr, entry.interface) = (addr, interface);
            if entry.running && !run {
                // First, so that the neighbour hears the operator's reason and not that a setting changed as well.
                entry.running = false;
                let message = neighbor.shutdown_message.clone();
                let _ = entry.commands.try_send(Command::Stop(StopReason::AdminShutdown, message));
            }
            if entry.settings != settings {
                entry.settings = settings.clone();
                let _ = entry.commands.try_send(Command::Configure(Box::new(settings)));
            }
            if entry.neighbor != neighbor {
                entry.neighbor = neighbor;
                if let Some(config) = state.config.bgp.as_ref().and_then(|bgp| entry.in_table(bgp)) {
                    let id = entry.id;
                    let _ = self.inner.rib.tell(move |core| {
                        core.handle(super::clock::now(), rib::Input::Peer(id, config));
                    });
                }
            }
            if run && !entry.running {
                entry.running = true;
                let _ = entry.commands.try_send(Command::Start);
            }
            return;
        }
        let id = match state.free.pop() {
            Some(id) => id,
            None if state.next < u16::MAX - 1 => {
                state.next += 1;
                PeerId(state.next - 1)
            }
            None => {
                tracing::error!(peer = %name, "too many neighbours");
                return;
            }
        };
        let commands = peer::spawn(id, settings.clone(), Arc::new(self.clone()), self.inner.rib.clone());
        if run {
            let _ = commands.try_send(Command::Start);
        }
        state.by_id.insert(id, name.clone());
        let entry = Entry {
            id,
            name: name.clone(),
            addr,
            interface,
            neighbor,
            dynamic,
            state: FsmState::Idle,
            remote_as: None,
            local_as: settings.session.local_as,
            since: super::clock::now(),
            settings,
            running: run,
            commands,
        };
        state.entries.insert(name.clone(), entry);
    }

    fn remove(&self, state: &mut State, name: &model::PeerId, why: StopReason) {
        let Some(entry) = state.entries.remove(name) else { return };
        state.by_id.remove(&entry.id);
        // The number is free when the table has purged it.
        let _ = entry.commands.try_send(Command::Quit(why));
    }

    /// The table has nothing left of a removed neighbour.
    pub fn purged(&self, id: PeerId) {
        let mut state = self.lock();
        if !state.by_id.contains_key(&id) {
            state.free.push(id);
        }
    }

    fn set_keys(&self, state: &mut State) {
        let mut wanted: BTreeMap<(IpAddr, Option<u8>), String> = BTreeMap::new();
        if let Some(bgp) = &state.config.bgp {
            for entry in state.entries.values().filter(|e| !e.dynamic) {
                if let (Some(addr), Some(key)) = (entry.addr, &entry.neighbor.password) {
                    wanted.insert((addr, None), key.clone());
                }
            }
            for range in &bgp.listen_ranges {
                if let Some(key) = bgp.effective_dynamic(&range.peer_group).and_then(|n| n.password) {
                    wanted.insert((range.prefix.network(), Some(range.prefix.prefix_len())), key);
                }
            }
        }
        let set = |addr: IpAddr, len: Option<u8>, key: Option<&str>| {
            if let Err(error) = self.inner.listeners.key(addr, len, key) {
                tracing::error!(peer = %addr, %error, "cannot set the password on the listener");
            }
        };
        for (addr, len) in state.keys.keys().filter(|k| !wanted.contains_key(k)) {
            set(*addr, *len, None);
        }
        for ((addr, len), key) in &wanted {
            if state.keys.get(&(*addr, *len)) != Some(key) {
                set(*addr, *len, Some(key));
            }
        }
        state.keys = wanted;
    }

    /// TTL security on the listener: neighbours before the ranges that they are in, narrow ranges before wide ones.
    fn set_guards(&self, state: &mut State) {
        let least = |n: &NeighborSettings| n.ttl_security.map(least_ttl);
        let mut rules = Vec::new();
        if let Some(bgp) = &state.config.bgp {
            let of_range = |r: &model::ListenRange| {
                let least = least(&bgp.effective_dynamic(&r.peer_group)?).unwrap_or(0);
                Some(Rule { from: r.prefix, least })
            };
            rules.extend(bgp.listen_ranges.iter().filter_map(of_range));
            for entry in state.entries.values().filter(|e| !e.dynamic) {
                let Some(addr) = entry.addr else { continue };
                rules.push(Rule { from: addr.into(), least: least(&entry.neighbor).unwrap_or(0) });
            }
        }
        // Who is not guarded needs a rule only as an exception.
        let guarded: Vec<IpNet> = rules.iter().filter(|r| r.least > 0).map(|r| r.from).collect();
        rules.retain(|r| guarded.iter().any(|g| g.contains(&r.from)));
        // Of one link-local address on two interfaces the less guarded neighbour counts.
        rules.sort_by_key(|r| (std::cmp::Reverse(r.from.prefix_len()), r.from, r.least));
        if rules.is_empty() && state.guards.is_empty() {
            return;
        }
        if let Err(error) = self.inner.listeners.guard(&rules) {
            tracing::error!(%error, "cannot set the TTL security of the listener: sessions have that of their sockets alone");
        }
        state.guards = rules;
    }

    /// A connection came in.
    pub fn accepted(&self, stream: TcpStream, from: SocketAddr) {
        let mut state = self.lock();
        let addr = from.ip().to_canonical();
        let Some(name) = self.name_of(&state, from).or_else(|| self.admit(&mut state, addr)) else {
            tracing::debug!(peer = %addr, "connection from a stranger refused");
            return;
        };
        if let Some(entry) = state.entries.get(&name) {
            let _ = entry.commands.try_send(Command::Accepted(stream));
        }
    }

    /// The neighbour at an address; a link-local one counts on its link.
    fn name_of(&self, state: &State, from: SocketAddr) -> Option<model::PeerId> {
        let addr = from.ip().to_canonical();
        let on_link = |e: &Entry| match from {
            SocketAddr::V6(from) if is_link_local(from.ip()) => {
                let name = e.interface.as_deref();
                name.and_then(|n| self.netdevs().by_name(n).map(|l| l.index)) == Some(from.scope_id())
            }
            _ => true,
        };
        let named = state.entries.get(&model::PeerId::Address(addr)).filter(|e| on_link(e));
        let found = named.or_else(|| state.entries.values().find(|e| e.addr == Some(addr) && on_link(e)));
        found.map(|e| e.name.clone())
    }

    /// Makes a neighbour of somebody in a listen range.
    fn admit(&self, state: &mut State, from: IpAddr) -> Option<model::PeerId> {
        const DEFAULT_LIMIT: u16 = 100;
        let config = state.config.clone();
        let bgp = config.bgp.as_ref()?;
        let range = listen_range(bgp, from)?;
        let limit = usize::from(bgp.listen_limit.unwrap_or(DEFAULT_LIMIT));
        if state.entries.values().filter(|e| e.dynamic).count() >= limit {
            tracing::warn!(peer = %from, limit, "listen range: the limit is reached");
            return None;
        }
        let neighbor = bgp.effective_dynamic(&range.peer_group)?;
        let _runtime = self.inner.runtime.enter();
        let name = model::PeerId::Address(from);
        self.put(state, &name, Some(from), neighbor, true);
        state.entries.contains_key(&name).then_some(name)
    }

    /// Session and socket settings of a neighbour.
    fn settings(
        &self,
        state: &State,
        name: &model::PeerId,
        addr: Option<IpAddr>,
        interface: Option<&str>,
        n: &NeighborSettings,
    ) -> Option<Settings> {
        let bgp = state.config.bgp.as_ref()?;
        let router_id = state.router_id.unwrap_or(Ipv4Addr::UNSPECIFIED);
        let session = session_config(&state.config, bgp, n, router_id, self.inner.seed, name);
        let netdevs = self.netdevs();
        let internal = session.expected_kind() == PeerKind::Internal;
        let ttl = match (n.ttl_security, n.ebgp_multihop) {
            (Some(_), _) => 255,
            (None, Some(hops)) => hops,
            (None, None) if internal => 255,
            (None, None) => 1,
        };
        let local = match &n.update_source {
            Some(UpdateSource::Address(a)) => Some(*a),
            Some(UpdateSource::Interface(name)) => addr.and_then(|addr| netdevs.source(name, addr)),
            None => None,
        };
        let peer = match addr.unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED)) {
            IpAddr::V6(v6) if is_link_local(&v6) => {
                let scope = interface.and_then(|name| netdevs.by_name(name)).filter(|l| l.usable());
                SocketAddrV6::new(v6, n.port, 0, scope.map_or(0, |l| l.index)).into()
            }
            addr => SocketAddr::new(addr, n.port),
        };
        let transport = Transport {
            peer,
            local,
            ttl,
            min_ttl: n.ttl_security.map(least_ttl),
            password: n.password.clone(),
            mss: n.tcp_mss,
            class: state.config.session_dscp.map_or(CONTROL, |dscp| dscp << 2),
        };
        Some(Settings { name: name.to_string(), session, transport })
    }

    /// An interface went down: external sessions over it end at once (`bgp fast-external-failover`).
    pub fn link_down(&self, interface: &str) {
        let state = self.lock();
        let fast = state.config.bgp.as_ref().is_some_and(|b| b.knobs.fast_external_failover);
        if !fast {
            return;
        }
        let netdevs = self.netdevs();
        for entry in state.entries.values().filter(|e| e.settings.transport.ttl == 1) {
            let over = match (&entry.interface, entry.addr) {
                (Some(name), _) => name == interface,
                (None, Some(addr)) => netdevs.connected(addr).is_some_and(|(link, _)| link.name == interface),
                (None, None) => false,
            };
            if over && entry.state > FsmState::Connect {
                let _ = entry.commands.try_send(Command::Restart(StopReason::InterfaceDown));
            }
        }
    }

    /// All neighbours by name.
    pub fn entries(&self) -> Vec<Entry> {
        self.lock().entries.values().cloned().collect()
    }

    /// A neighbour by name.
    pub fn entry(&self, name: &model::PeerId) -> Option<Entry> {
        self.lock().entries.get(name).cloned()
    }

    /// The name of a neighbour's number.
    pub fn name(&self, id: PeerId) -> Option<model::PeerId> {
        self.lock().by_id.get(&id).cloned()
    }

    /// The router id in force.
    pub fn router_id(&self) -> Option<Ipv4Addr> {
        self.lock().router_id
    }

    /// Tells a neighbour's task something. Returns whether there is one.
    pub fn command(&self, name: &model::PeerId, command: Command) -> bool {
        let state = self.lock();
        state.entries.get(name).is_some_and(|e| e.commands.try_send(command).is_ok())
    }

    /// Tells the task of a neighbour's number something.
    pub fn command_by_id(&self, id: PeerId, command: Command) {
        if let Some(name) = self.name(id) {
            self.command(&name, command);
        }
    }

    /// What happened to sessions and virtual routers.
    pub fn events(&self) -> &Events {
        &self.inner.events
    }

    /// The state of all sessions, by name. Not for async code.
    pub fn statuses(&self) -> Vec<(Entry, Option<Box<Status>>)> {
        self.ask_all(Command::Status)
    }

    /// Why a prefix that was announced is not there, by neighbour, as far as it is remembered. Not for async code.
    pub fn refusals(&self, net: IpNet) -> Vec<(PeerId, Refusal)> {
        let all = self.ask_all(|answer| Command::Refusal(net, answer));
        all.into_iter().filter_map(|(entry, answer)| Some((entry.id, answer??))).collect()
    }

    /// Asks each neighbour's task something.
    fn ask_all<T>(&self, question: impl Fn(oneshot::Sender<T>) -> Command) -> Vec<(Entry, Option<T>)> {
        let asked: Vec<(Entry, Option<oneshot::Receiver<T>>)> = self
            .entries()
            .into_iter()
            .map(|e| {
                let (sender, receiver) = oneshot::channel();
                let asked = e.commands.try_send(question(sender)).is_ok();
                (e, asked.then_some(receiver))
            })
            .collect();
        let deadline = tokio::time::Instant::now() + PATIENCE;
        self.inner.runtime.block_on(async {
            let mut all = Vec::with_capacity(asked.len());
            for (entry, receiver) in asked {
                let status = match receiver {
                    Some(r) => tokio::time::timeout_at(deadline, r).await.ok().and_then(Result::ok),
                    None => None,
                };
                all.push((entry, status));
            }
            all
        })
    }

    /// Ends all sessions with a NOTIFICATION.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closing = true;
        let all: Vec<model::PeerId> = state.entries.keys().cloned().collect();
        for name in all {
            self.remove(&mut state, &name, StopReason::Shutdown);
        }
    }
}

impl Surroundings for Peers {
    fn local_end(&self, local: SocketAddr, peer: IpAddr) -> LocalEnd {
        self.netdevs().local_end(local, peer)
    }

    fn established(&self, id: PeerId, negotiated: &Negotiated) -> Option<PeerConfig> {
        let mut state = self.lock();
        let name = state.by_id.get(&id)?.clone();
        let config = state.config.clone();
        let entry = state.entries.get_mut(&name)?;
        entry.remote_as = Some(negotiated.remote_as);
        entry.local_as = negotiated.local.asn;
        entry.in_table(config.bgp.as_ref()?)
    }

    fn note(&self, name: &str, what: &str, cause: Option<String>) {
        self.inner.events.note(EventKind::Bgp, name.to_owned(), what.to_owned(), cause);
    }

    fn state_changed(&self, id: PeerId, to: FsmState) {
        let mut state = self.lock();
        let Some(name) = state.by_id.get(&id).cloned() else { return };
        let Some(entry) = state.entries.get_mut(&name) else { return };
        let was = std::mem::replace(&mut entry.state, to);
        let (addr, dynamic) = (entry.addr, entry.dynamic);
        if dynamic && to == FsmState::Idle {
            self.remove(&mut state, &name, StopReason::Deconfigured);
        }
        drop(state);
        if let Some(addr) = addr.filter(|_| (was == FsmState::Established) != (to == FsmState::Established)) {
            (self.inner.watch)(addr, to == FsmState::Established);
        }
    }
}

impl Entry {
    /// As the table knows it, once an OPEN told its AS.
    fn in_table(&self, bgp: &Bgp) -> Option<PeerConfig> {
        let interface = self.interface.as_deref();
        Some(translate::peer(bgp, &self.neighbor, self.addr?, interface, self.local_as, self.remote_as?))
    }
}

/// The least TTL that `ttl-security hops` takes (RFC 5082 section 3).
const fn least_ttl(hops: u8) -> u8 {
    255 - hops.saturating_sub(1)
}

/// The narrowest `listen range` around an address.
fn listen_range(bgp: &Bgp, addr: IpAddr) -> Option<&model::ListenRange> {
    bgp.listen_ranges.iter().filter(|r| r.prefix.contains(&addr)).max_by_key(|r| r.prefix.prefix_len())
}

fn session_config(
    config: &Config,
    bgp: &Bgp,
    n: &NeighborSettings,
    router_id: Ipv4Addr,
    seed: u64,
    name: &model::PeerId,
) -> SessionConfig {
    let remote_as = match n.remote_as {
        model::RemoteAs::Number(asn) => RemoteAs::Number(asn),
        model::RemoteAs::Internal => RemoteAs::Internal,
        model::RemoteAs::External => RemoteAs::External,
        model::RemoteAs::Auto => RemoteAs::Any,
    };
    let settings = translate::settings(config, router_id);
    let allow = |f: Family| match n.family(f).allowas_in.as_ref().map(|a| a.place) {
        None => AllowOwnAs::No,
        Some(model::OwnAsPlace::Count(times)) => AllowOwnAs::Times(times),
        Some(model::OwnAsPlace::Origin) => AllowOwnAs::Origin,
    };
    let hostname = config.hostname.clone().or_else(system_hostname);
    SessionConfig {
        // Of a neighbour anywhere only its answer tells whether it is in our confederation.
        alternate_as: n.alternate_as.clone(),
        dual_as: match n.local_as {
            Some(l) => Some(l).filter(|l| l.dual_as).map(|_| bgp.outside_as()),
            None => bgp.confederation_identifier.filter(|_| n.remote_as == model::RemoteAs::Auto),
        },
        prepend_received: n.local_as.filter(|l| !l.no_prepend).map(|l| l.asn),
        other_own_asns: [bgp.asn].into_iter().chain(bgp.confederation_identifier).collect(),
        confederation: bgp.confederation_identifier.map(|identifier| Confederation {
            identifier,
            member_as: bgp.asn,
            others: bgp.confederation_peers.iter().copied().filter(|a| *a != bgp.asn).collect(),
        }),
        cluster_id: settings.cluster_id.into(),
        families: Family::ALL.map(|f| n.family(f).activate),
        add_path_receive: Family::ALL.map(|f| n.family(f).addpath_rx),
        add_path_send: Family::ALL.map(|f| n.family(f).addpath_tx.is_some()),
        paths_limit: Family::ALL.map(|f| n.family(f).addpath_rx_paths_limit.unwrap_or(0)),
        hold_time: n.timers.hold,
        keepalive: n.timers.keepalive,
        minimum_hold_time: bgp.minimum_holdtime.unwrap_or(0),
        connect_retry: u64::from(n.connect_retry.max(1)) * SECOND,
        delay_open: n.delay_open.map(|s| u64::from(s) * SECOND),
        passive: n.passive,
        jitter_seed: jitter(seed, name),
        capabilities: !n.dont_capability_negotiate,
        strict_capability_match: n.strict_capability_match,
        override_capability: n.override_capability,
        // For IPv4 routes a session over IPv4 has a next hop anyway.
        extended_next_hop: n.capability_extended_nexthop
            && !matches!(name, model::PeerId::Address(IpAddr::V4(_))),
        role: n.local_role.map(|r| match r.role {
            model::Role::Provider => Role::Provider,
            model::Role::RsServer => Role::RouteServer,
            model::Role::RsClient => Role::RouteServerClient,
            model::Role::Customer => Role::Customer,
            model::Role::Peer => Role::Peer,
        }),
        strict_role: n.local_role.is_some_and(|r| r.strict),
        end_of_rib: n.graceful_restart != model::GracefulRestartMode::Disable,
        hostname: hostname
            .filter(|_| n.capability_fqdn)
            .map(|h| (h, config.domainname.clone().unwrap_or_default())),
        software_version: n
            .capability_software_version
            .then(|| format!("router/{}", env!("CARGO_PKG_VERSION"))),
        extended_parameters: n.extended_optional_parameters,
        allow_own_as: Family::ALL.map(allow),
        enforce_first_as: n.enforce_first_as,
        reject_as_sets: bgp.knobs.reject_as_sets,
        allow_martian_next_hop: bgp.knobs.allow_martian_nexthop,
        aigp: n.aigp,
        discard: n.discard_attributes.iter().copied().collect(),
        withdraw_on: n.withdraw_attributes.iter().copied().collect(),
        hash_seed: seed,
        ..SessionConfig::new(n.seen_as(bgp), remote_as, router_id)
    }
}

fn jitter(seed: u64, name: &model::PeerId) -> u64 {
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
    BuildHasherDefault::<DefaultHasher>::default().hash_one((seed, name))
}

/// The system's name.
pub fn system_hostname() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned()).filter(|n| !n.is_empty())
}
