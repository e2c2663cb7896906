//! All neighbours: who is configured, who connected from a listen range, and what each is told.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use bgp::fsm::{FsmState, Negotiated, RemoteAs, Role, SessionConfig, StopReason};
use bgp::types::{Asn, Family, SECOND};
use bgp::wire::AllowOwnAs;
use rib::PeerId;
use rib::peer::PeerConfig;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};

use super::listener::Listeners;
use super::netdevs::{LocalEnd, Netdevs};
use super::peer::{self, Command, Settings, Status, Surroundings};
use super::rib_thread::RibHandle;
use super::translate;
use super::transport::Transport;
use crate::config::model::{self, Bgp, Config, NeighborSettings, UpdateSource};

/// How long a neighbour's task may take to answer a question.
const PATIENCE: Duration = Duration::from_millis(500);

/// Called when a session comes up or goes down.
pub type SessionWatch = Box<dyn Fn(IpAddr, bool) + Send + Sync>;

/// A neighbour.
#[derive(Clone)]
pub struct Entry {
    /// Its number in the table.
    pub id: PeerId,
    /// Its address.
    pub addr: IpAddr,
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
    settings: Settings,
    running: bool,
    commands: mpsc::Sender<Command>,
}

#[derive(Default)]
struct State {
    config: Arc<Config>,
    router_id: Option<Ipv4Addr>,
    entries: BTreeMap<IpAddr, Entry>,
    by_id: HashMap<PeerId, IpAddr>,
    free: Vec<PeerId>,
    next: u16,
    keys: BTreeMap<(IpAddr, Option<u8>), String>,
    closing: bool,
}

struct Inner {
    state: Mutex<State>,
    netdevs: Arc<RwLock<Netdevs>>,
    listeners: Listeners,
    rib: RibHandle,
    runtime: tokio::runtime::Handle,
    seed: u64,
    watch: SessionWatch,
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
    ) -> Peers {
        let inner = Inner {
            state: Mutex::default(),
            netdevs,
            listeners: Listeners::default(),
            rib,
            runtime,
            seed,
            watch,
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
        self.set_keys(&mut state);
        let gone: Vec<IpAddr> =
            state.entries.iter().filter(|(_, e)| self.wanted(&state, e).is_none()).map(|(a, _)| *a).collect();
        for addr in gone {
            self.remove(&mut state, addr, StopReason::Deconfigured);
        }
        let Some(bgp) = &config.bgp else { return };
        for id in bgp.neighbors.keys() {
            let model::PeerId::Address(addr) = id else {
                tracing::warn!(peer = %id, "interface neighbors are not supported yet: it stays down");
                continue;
            };
            let Some(neighbor) = bgp.effective(id) else { continue };
            self.put(&mut state, *addr, neighbor, false);
        }
        let dynamic: Vec<(IpAddr, NeighborSettings)> = state
            .entries
            .values()
            .filter(|e| e.dynamic)
            .filter_map(|e| Some((e.addr, self.wanted(&state, e)?)))
            .collect();
        for (addr, neighbor) in dynamic {
            self.put(&mut state, addr, neighbor, true);
        }
    }

    /// What the configuration says of a neighbour that is there.
    fn wanted(&self, state: &State, entry: &Entry) -> Option<NeighborSettings> {
        let bgp = state.config.bgp.as_ref()?;
        if entry.dynamic {
            let range = bgp.listen_ranges.iter().find(|r| r.prefix.contains(&entry.addr))?;
            return bgp.effective_dynamic(&range.peer_group);
        }
        bgp.effective(&model::PeerId::Address(entry.addr))
    }

    /// Adds a neighbour or changes it.
    fn put(&self, state: &mut State, addr: IpAddr, neighbor: NeighborSettings, dynamic: bool) {
        let Some(settings) = self.settings(state, addr, &neighbor) else { return };
        let wanted =
            !neighbor.shutdown && settings.session.families.contains(&true) && state.router_id.is_some();
        // A neighbour on the link is dialled when its network is there: a try before that costs a whole retry time.
        let reachable = settings.transport.ttl != 1
            || neighbor.disable_connected_check
            || self.inner.netdevs.read().unwrap_or_else(PoisonError::into_inner).connected(addr).is_some();
        let running = state.entries.get(&addr).is_some_and(|e| e.running);
        let run = wanted && (reachable || running);
        if let Some(entry) = state.entries.get_mut(&addr) {
            let message = neighbor.shutdown_message.clone();
            if entry.settings != settings {
                entry.settings = settings.clone();
                let _ = entry.commands.try_send(Command::Configure(Box::new(settings)));
            }
            if entry.neighbor != neighbor {
                entry.neighbor = neighbor;
                if let (Some(asn), Some(bgp)) = (entry.remote_as, &state.config.bgp) {
                    let config = translate::peer(bgp, &entry.neighbor, addr, None, entry.local_as, asn);
                    let id = entry.id;
                    let _ = self.inner.rib.tell(move |core| {
                        core.handle(super::clock::now(), rib::Input::Peer(id, config));
                    });
                }
            }
            if entry.running != run {
                entry.running = run;
                let command =
                    if run { Command::Start } else { Command::Stop(StopReason::AdminShutdown, message) };
                let _ = entry.commands.try_send(command);
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
                tracing::error!(peer = %addr, "too many neighbours");
                return;
            }
        };
        let commands = peer::spawn(id, settings.clone(), Arc::new(self.clone()), self.inner.rib.clone());
        if run {
            let _ = commands.try_send(Command::Start);
        }
        state.by_id.insert(id, addr);
        let entry = Entry {
            id,
            addr,
            neighbor,
            dynamic,
            state: FsmState::Idle,
            remote_as: None,
            local_as: settings.session.local_as,
            settings,
            running: run,
            commands,
        };
        state.entries.insert(addr, entry);
    }

    fn remove(&self, state: &mut State, addr: IpAddr, why: StopReason) {
        let Some(entry) = state.entries.remove(&addr) else { return };
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
            for id in bgp.neighbors.keys() {
                if let (model::PeerId::Address(addr), Some(n)) = (id, bgp.effective(id))
                    && let Some(key) = n.password
                {
                    wanted.insert((*addr, None), key);
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

    /// A connection came in.
    pub fn accepted(&self, stream: TcpStream, from: IpAddr) {
        let mut state = self.lock();
        if !state.entries.contains_key(&from) && !self.admit(&mut state, from) {
            tracing::debug!(peer = %from, "connection from a stranger refused");
            return;
        }
        if let Some(entry) = state.entries.get(&from) {
            let _ = entry.commands.try_send(Command::Accepted(stream));
        }
    }

    /// Makes a neighbour of somebody in a listen range.
    fn admit(&self, state: &mut State, from: IpAddr) -> bool {
        const DEFAULT_LIMIT: u16 = 100;
        let config = state.config.clone();
        let Some(bgp) = &config.bgp else { return false };
        let ranges = bgp.listen_ranges.iter().filter(|r| r.prefix.contains(&from));
        let Some(range) = ranges.max_by_key(|r| r.prefix.prefix_len()) else { return false };
        let limit = usize::from(bgp.listen_limit.unwrap_or(DEFAULT_LIMIT));
        if state.entries.values().filter(|e| e.dynamic).count() >= limit {
            tracing::warn!(peer = %from, limit, "listen range: the limit is reached");
            return false;
        }
        let Some(neighbor) = bgp.effective_dynamic(&range.peer_group) else { return false };
        let _runtime = self.inner.runtime.enter();
        self.put(state, from, neighbor, true);
        state.entries.contains_key(&from)
    }

    /// Session and socket settings of a neighbour.
    fn settings(&self, state: &State, addr: IpAddr, n: &NeighborSettings) -> Option<Settings> {
        let bgp = state.config.bgp.as_ref()?;
        let router_id = state.router_id.unwrap_or(Ipv4Addr::UNSPECIFIED);
        let session = session_config(&state.config, bgp, n, router_id, self.inner.seed, addr);
        let netdevs = self.inner.netdevs.read().unwrap_or_else(PoisonError::into_inner);
        let internal = matches!(session.remote_as, RemoteAs::Internal)
            || session.remote_as == RemoteAs::Number(session.local_as);
        let ttl = match (n.ttl_security, n.ebgp_multihop) {
            (Some(_), _) => 255,
            (None, Some(hops)) => hops,
            (None, None) if internal => 255,
            (None, None) => 1,
        };
        let local = match &n.update_source {
            Some(UpdateSource::Address(a)) => Some(*a),
            Some(UpdateSource::Interface(name)) => netdevs.source(name, addr),
            None => None,
        };
        let transport = Transport {
            peer: SocketAddr::new(addr, n.port),
            local,
            ttl,
            min_ttl: n.ttl_security.map(|hops| 255 - hops.saturating_sub(1)),
            password: n.password.clone(),
            mss: n.tcp_mss,
        };
        Some(Settings { name: addr.to_string(), session, transport })
    }

    /// An interface went down: external sessions over it end at once (`bgp fast-external-failover`).
    pub fn link_down(&self, interface: &str) {
        let state = self.lock();
        let fast = state.config.bgp.as_ref().is_some_and(|b| b.knobs.fast_external_failover);
        if !fast {
            return;
        }
        let netdevs = self.inner.netdevs.read().unwrap_or_else(PoisonError::into_inner);
        for entry in state.entries.values().filter(|e| e.settings.transport.ttl == 1) {
            let over = netdevs.connected(entry.addr).is_some_and(|(link, _)| link.name == interface);
            if over && entry.state > FsmState::Connect {
                let _ = entry.commands.try_send(Command::Restart(StopReason::InterfaceDown));
            }
        }
    }

    /// All neighbours by address.
    pub fn entries(&self) -> Vec<Entry> {
        self.lock().entries.values().cloned().collect()
    }

    /// A neighbour by address.
    pub fn entry(&self, addr: IpAddr) -> Option<Entry> {
        self.lock().entries.get(&addr).cloned()
    }

    /// The address of a neighbour's number.
    pub fn address(&self, id: PeerId) -> Option<IpAddr> {
        self.lock().by_id.get(&id).copied()
    }

    /// The router id in force.
    pub fn router_id(&self) -> Option<Ipv4Addr> {
        self.lock().router_id
    }

    /// Tells a neighbour's task something. Returns whether there is one.
    pub fn command(&self, addr: IpAddr, command: Command) -> bool {
        let state = self.lock();
        state.entries.get(&addr).is_some_and(|e| e.commands.try_send(command).is_ok())
    }

    /// Tells the task of a neighbour's number something.
    pub fn command_by_id(&self, id: PeerId, command: Command) {
        if let Some(addr) = self.address(id) {
            self.command(addr, command);
        }
    }

    /// The state of all sessions, by address. Not for async code.
    pub fn statuses(&self) -> Vec<(Entry, Option<Box<Status>>)> {
        let asked: Vec<(Entry, Option<oneshot::Receiver<Box<Status>>>)> = self
            .entries()
            .into_iter()
            .map(|e| {
                let (sender, receiver) = oneshot::channel();
                let asked = e.commands.try_send(Command::Status(sender)).is_ok();
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
        let all: Vec<IpAddr> = state.entries.keys().copied().collect();
        for addr in all {
            self.remove(&mut state, addr, StopReason::Shutdown);
        }
    }
}

impl Surroundings for Peers {
    fn local_end(&self, local: IpAddr, peer: IpAddr) -> LocalEnd {
        self.inner.netdevs.read().unwrap_or_else(PoisonError::into_inner).local_end(local, peer)
    }

    fn established(&self, id: PeerId, negotiated: &Negotiated) -> Option<PeerConfig> {
        let mut state = self.lock();
        let addr = *state.by_id.get(&id)?;
        let config = state.config.clone();
        let entry = state.entries.get_mut(&addr)?;
        entry.remote_as = Some(negotiated.remote_as);
        entry.local_as = negotiated.local.asn;
        let bgp = config.bgp.as_ref()?;
        Some(translate::peer(bgp, &entry.neighbor, addr, None, entry.local_as, negotiated.remote_as))
    }

    fn state_changed(&self, id: PeerId, to: FsmState) {
        let mut state = self.lock();
        let Some(addr) = state.by_id.get(&id).copied() else { return };
        let Some(entry) = state.entries.get_mut(&addr) else { return };
        let was = std::mem::replace(&mut entry.state, to);
        let dynamic = entry.dynamic;
        if dynamic && to == FsmState::Idle {
            self.remove(&mut state, addr, StopReason::Deconfigured);
        }
        drop(state);
        if (was == FsmState::Established) != (to == FsmState::Established) {
            (self.inner.watch)(addr, to == FsmState::Established);
        }
    }
}

fn session_config(
    config: &Config,
    bgp: &Bgp,
    n: &NeighborSettings,
    router_id: Ipv4Addr,
    seed: u64,
    addr: IpAddr,
) -> SessionConfig {
    let local_as = n.local_as.map_or(bgp.asn, |l| l.asn);
    let remote_as = match n.remote_as {
        model::RemoteAs::Number(asn) => RemoteAs::Number(asn),
        model::RemoteAs::Internal => RemoteAs::Internal,
        model::RemoteAs::External => RemoteAs::External,
        model::RemoteAs::Auto => RemoteAs::Any,
    };
    let settings = translate::settings(config, router_id);
    let allow = |f: Family| match n.family(f).allowas_in {
        None => AllowOwnAs::No,
        Some(model::AllowAsIn::Count(times)) => AllowOwnAs::Times(times),
        Some(model::AllowAsIn::Origin) => AllowOwnAs::Origin,
    };
    let hostname = config.hostname.clone().or_else(system_hostname);
    SessionConfig {
        dual_as: n.local_as.filter(|l| l.dual_as).map(|_| bgp.asn),
        prepend_received: n.local_as.filter(|l| !l.no_prepend).map(|l| l.asn),
        other_own_asns: vec![bgp.asn],
        cluster_id: settings.cluster_id.into(),
        families: Family::ALL.map(|f| n.family(f).activate),
        hold_time: n.timers.hold,
        keepalive: n.timers.keepalive,
        minimum_hold_time: bgp.minimum_holdtime.unwrap_or(0),
        connect_retry: u64::from(n.connect_retry.max(1)) * SECOND,
        delay_open: n.delay_open.map(|s| u64::from(s) * SECOND),
        passive: n.passive,
        jitter_seed: jitter(seed, addr),
        capabilities: !n.dont_capability_negotiate,
        strict_capability_match: n.strict_capability_match,
        override_capability: n.override_capability,
        extended_next_hop: n.capability_extended_nexthop,
        role: n.local_role.map(|r| match r.role {
            model::Role::Provider => Role::Provider,
            model::Role::RsServer => Role::RouteServer,
            model::Role::RsClient => Role::RouteServerClient,
            model::Role::Customer => Role::Customer,
            model::Role::Peer => Role::Peer,
        }),
        strict_role: n.local_role.is_some_and(|r| r.strict),
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
        discard: n.discard_attributes.iter().copied().collect(),
        withdraw_on: n.withdraw_attributes.iter().copied().collect(),
        hash_seed: seed,
        ..SessionConfig::new(local_as, remote_as, router_id)
    }
}

fn jitter(seed: u64, addr: IpAddr) -> u64 {
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
    BuildHasherDefault::<DefaultHasher>::default().hash_one((seed, addr))
}

/// The system's name.
pub fn system_hostname() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned()).filter(|n| !n.is_empty())
}
