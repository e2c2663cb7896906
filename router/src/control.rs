//! The configuration in force and how a new one takes effect.

use std::net::Ipv4Addr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, TryLockError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bgp::types::Family;
use fib::linux::{InterfaceConfig, SystemConfig, router_defaults};
use rib::{Input, PeerId};

use crate::commits::{History, Past, Unconfirmed};
use crate::config::model::Config;
use crate::config::render;
use crate::daemon::Options;
use crate::gateway::Gateways;
use crate::ontime::Snapshot;
use crate::shell::netdevs::Netdevs;
use crate::shell::peers::Peers;
use crate::shell::rib_thread::RibHandle;
use crate::shell::rtr::{Request, Rtr};
use crate::shell::{clock, translate};

/// How the last load of the configuration went.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Load {
    /// It worked.
    pub ok: bool,
    /// Unix time, seconds.
    pub at: f64,
}

/// The parts of a running router, and its configuration.
pub struct Control {
    /// As started.
    pub options: Options,
    /// The routing table.
    pub rib: RibHandle,
    /// The kernel.
    pub fib: Arc<fib::linux::Handle>,
    /// The neighbours.
    pub peers: Peers,
    /// Caches of validated ROA payloads.
    pub rtr: Rtr,
    /// The gateways; `None` where the sockets that VRRP needs cannot be had.
    pub gateways: Option<Arc<Gateways>>,
    /// Interfaces.
    pub netdevs: Arc<RwLock<Netdevs>>,
    /// When the process started.
    pub started: Instant,
    /// The same as Unix time, seconds.
    pub started_at: f64,
    /// The kernel holds what it should, for the first time since the start.
    pub synced: AtomicBool,
    running: RwLock<Arc<Config>>,
    applying: Mutex<()>,
    /// Held while the configuration is read, changed and put in force.
    changing: Mutex<()>,
    /// A commit that waits to be confirmed, and who waits for its end.
    unconfirmed: (Mutex<Unconfirmed>, Condvar),
    /// That one is there; changed under the lock of what it watches.
    watched: AtomicBool,
    /// Addresses changed, and neighbours have not been looked at since.
    moved: AtomicBool,
    revision: AtomicU64,
    load: Mutex<Load>,
    /// Neighbours and families whose End-of-RIB came.
    end_of_rib: Mutex<Vec<(PeerId, Family)>>,
}

/// Seconds since 1970.
pub fn unix_time() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64())
}

impl Control {
    /// Puts the parts together; nothing is configured yet.
    pub fn new(
        options: Options,
        rib: RibHandle,
        fib: Arc<fib::linux::Handle>,
        peers: Peers,
        rtr: Rtr,
        gateways: Option<Arc<Gateways>>,
        netdevs: Arc<RwLock<Netdevs>>,
    ) -> Control {
        Control {
            options,
            rib,
            fib,
            peers,
            rtr,
            gateways,
            netdevs,
            started: Instant::now(),
            started_at: unix_time(),
            synced: AtomicBool::new(false),
            running: RwLock::new(Arc::new(Config::default())),
            applying: Mutex::new(()),
            changing: Mutex::new(()),
            unconfirmed: Default::default(),
            watched: AtomicBool::new(false),
            moved: AtomicBool::new(false),
            revision: AtomicU64::new(0),
            load: Mutex::new(Load { ok: true, at: unix_time() }),
            end_of_rib: Mutex::default(),
        }
    }

    /// The configuration in force.
    pub fn running(&self) -> Arc<Config> {
        self.running.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Configurations applied so far.
    pub fn revision(&self) -> u64 {
        self.revision.load(Ordering::Relaxed)
    }

    /// How the last load went.
    pub fn load(&self) -> Load {
        *self.load.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_load(&self, ok: bool) {
        *self.load.lock().unwrap_or_else(PoisonError::into_inner) = Load { ok, at: unix_time() };
    }

    /// The router id in force: configured, or found on an interface.
    pub fn router_id(&self, config: &Config) -> Option<Ipv4Addr> {
        let found = || self.netdevs.read().unwrap_or_else(PoisonError::into_inner).router_id();
        config.bgp.as_ref().and_then(|b| b.router_id).or(config.router_id).or_else(found)
    }

    /// Makes a configuration the one in force. It is valid: nothing can fail any more.
    pub fn apply(&self, config: Config) {
        self.put_in_force(config);
        self.follow_addresses();
    }

    fn put_in_force(&self, config: Config) {
        let _one_at_a_time = self.applying.lock().unwrap_or_else(PoisonError::into_inner);
        let config = Arc::new(config);
        *self.running.write().unwrap_or_else(PoisonError::into_inner) = config.clone();
        self.revision.fetch_add(1, Ordering::Relaxed);
        self.note_load(true);
        crate::logs::set_level(&config.logging);
        // Interfaces first: routes and sessions need them.
        if self.fib.configure(system(&config)).is_err() {
            tracing::error!("the kernel's thread has ended: interfaces are not configured");
        }
        if let Some(gateways) = &self.gateways {
            gateways.configure(&config);
        } else if config.interfaces.values().any(|i| !i.vrrp.is_empty()) {
            tracing::error!("VRRP is configured and cannot run: it needs CAP_NET_RAW and CAP_NET_ADMIN");
        }
        self.rtr.request(Request::Configure(translate::rpki(&config)));
        self.distribute(&config);
    }

    /// The virtual routers as they run.
    pub fn vrrp_snapshot(&self) -> Snapshot {
        self.gateways.as_ref().map(|g| g.snapshot()).unwrap_or_default()
    }

    /// Tells the table and the neighbours; done again when addresses change.
    fn distribute(&self, config: &Arc<Config>) {
        let router_id = self.router_id(config);
        let told = config.clone();
        let _ = self.rib.tell(move |core| {
            let now = clock::now();
            core.handle(now, Input::Policies(told.engine_policies()));
            core.handle(
                now,
                Input::Settings(translate::settings(&told, router_id.unwrap_or(Ipv4Addr::UNSPECIFIED))),
            );
            core.handle(now, Input::Statics(translate::statics(&told)));
            for family in Family::ALL {
                core.handle(now, Input::Local(family, translate::local_routes(&told, family)));
            }
        });
        self.peers.configure(config, router_id);
    }

    /// Addresses changed: the router id or our end of a session may be another.
    pub fn addresses_changed(&self) {
        self.moved.store(true, Ordering::SeqCst);
        self.follow_addresses();
    }

    /// Looks at the neighbours again if addresses changed. The kernel's events must not wait for a configuration that
    /// is being applied; who applies one looks when it is done, so that no change is lost.
    fn follow_addresses(&self) {
        while self.moved.load(Ordering::SeqCst) {
            let _one_at_a_time = match self.applying.try_lock() {
                Ok(guard) => guard,
                Err(TryLockError::Poisoned(guard)) => guard.into_inner(),
                Err(TryLockError::WouldBlock) => return,
            };
            self.moved.store(false, Ordering::SeqCst);
            let config = self.running();
            if config.bgp.is_some() {
                self.peers.configure(&config, self.router_id(&config));
            }
        }
    }

    /// Whoever changes the configuration holds this from looking at it until the change is in force.
    pub fn changing(&self) -> MutexGuard<'_, ()> {
        // A panic of another while it held the lock has changed nothing.
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unconfirmed(&self) -> MutexGuard<'_, Unconfirmed> {
        self.unconfirmed.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The configurations that were in force before.
    pub fn history(&self) -> History {
        History::of(&self.options.config)
    }

    /// Remembers what is in force, before something else takes its place. The error is no reason not to go on.
    fn remember(&self, by: &str) -> Result<(), String> {
        let history = self.history();
        let past = Past { at: unix_time() as u64, by: by.to_owned() };
        history.push(&render(&self.running()), &past).map_err(|error| {
            let why = format!("the history is not kept: {}: {error}", history.folder().display());
            tracing::warn!("{why}");
            why
        })
    }

    /// Puts a valid configuration in force as a commit, which is taken back unless it is confirmed `within` a time.
    /// The caller holds [`Control::changing`]. What is returned is there to be told; after an error nothing has changed.
    pub fn commit(self: &Arc<Self>, config: Config, within: Option<Duration>) -> Result<Vec<String>, String> {
        self.wait_for_confirmation(within)?;
        let told = self.remember("by a commit").err();
        self.apply(config);
        if within.is_some() {
            tracing::info!(?within, "a commit waits to be confirmed");
        }
        Ok(told.into_iter().collect())
    }

    /// From now on the configuration in force comes back unless a commit is confirmed `within` a time; without one,
    /// nothing waits any more.
    fn wait_for_confirmation(self: &Arc<Self>, within: Option<Duration>) -> Result<(), String> {
        let mut unconfirmed = self.unconfirmed();
        if within.is_some() && !self.watched.load(Ordering::Relaxed) {
            let control = self.clone();
            let watch = std::thread::Builder::new().name("unconfirmed".to_owned());
            watch
                .spawn(move || control.watch_unconfirmed())
                .map_err(|error| format!("no thread that would take the commit back in time: {error}"))?;
            self.watched.store(true, Ordering::Relaxed);
        }
        unconfirmed.committed(self.running(), within, Instant::now());
        self.unconfirmed.1.notify_all();
        Ok(())
    }

    /// Confirms a commit that waits; whether there was one.
    pub fn confirm(&self) -> bool {
        let waited = self.unconfirmed().confirm();
        self.unconfirmed.1.notify_all();
        if waited {
            tracing::info!("the commit is confirmed");
        }
        waited
    }

    /// How long a commit still waits to be confirmed.
    pub fn waits(&self) -> Option<Duration> {
        self.unconfirmed().until().map(|until| until.saturating_duration_since(Instant::now()))
    }

    /// Takes a commit back when its time is over; ends when none waits.
    fn watch_unconfirmed(&self) {
        let mut unconfirmed = self.unconfirmed();
        while let Some(until) = unconfirmed.until() {
            let now = Instant::now();
            if until > now {
                let waited = self.unconfirmed.1.wait_timeout(unconfirmed, until - now);
                unconfirmed = waited.unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            drop(unconfirmed);
            // Whatever goes wrong there, the next commit that waits has to find somebody who watches it.
            let taken_back = catch_unwind(AssertUnwindSafe(|| {
                let _changing = self.changing();
                self.take_back(Instant::now());
            }));
            if taken_back.is_err() {
                tracing::error!(
                    "taking an unconfirmed commit back failed half-way: load the configuration again"
                );
            }
            unconfirmed = self.unconfirmed();
        }
        self.watched.store(false, Ordering::Relaxed);
    }

    /// Puts the configuration before an unconfirmed commit in force again if the commit's time is over at `now`.
    fn take_back(&self, now: Instant) {
        let Some(before) = self.unconfirmed().expired(now) else { return };
        tracing::warn!("the commit was not confirmed in time: the configuration before it is in force again");
        let _ = self.remember("by a rollback, unconfirmed");
        self.apply((*before).clone());
    }

    /// Reads the configuration file again and applies it if all of it is valid. The error says what is not.
    pub fn reload(&self) -> Result<(), String> {
        let _changing = self.changing();
        let file = &self.options.config;
        let outcome = read(file);
        match outcome {
            Ok(parsed) => {
                // The file says what is to be in force; it has no commit that waits.
                if self.unconfirmed().confirm() {
                    self.unconfirmed.1.notify_all();
                    tracing::info!("the file takes the place of a commit that waited to be confirmed");
                }
                for notice in &parsed.notices {
                    tracing::info!("{}: {notice}", file.display());
                }
                self.apply(parsed.config);
                tracing::info!("configuration loaded from {}", file.display());
                Ok(())
            }
            Err(error) => {
                self.note_load(false);
                Err(error)
            }
        }
    }

    /// A neighbour's End-of-RIB came.
    pub fn end_of_rib(&self, peer: PeerId, family: Family) {
        let mut seen = self.end_of_rib.lock().unwrap_or_else(PoisonError::into_inner);
        if !seen.contains(&(peer, family)) {
            seen.push((peer, family));
        }
    }

    /// Whether a neighbour's End-of-RIB came in a family of its session.
    pub fn has_end_of_rib(&self, peer: PeerId, family: Family) -> bool {
        self.end_of_rib.lock().unwrap_or_else(PoisonError::into_inner).contains(&(peer, family))
    }

    /// What is missing before the router does its job.
    pub fn ready(&self) -> Result<(), String> {
        if !self.load().ok {
            return Err("the configuration file has errors; an older one is in force".into());
        }
        if !self.synced.load(Ordering::Acquire) {
            return Err("the kernel does not hold all routes yet".into());
        }
        Ok(())
    }
}

/// Reads and parses a configuration file. The error is ready to be printed: one line a mistake.
pub fn read(file: &PathBuf) -> Result<crate::config::Parsed, String> {
    let text = std::fs::read_to_string(file)
        .map_err(|e| format!("{}: {e}: give a readable file with --config", file.display()))?;
    crate::config::parse(&file.display().to_string(), &text)
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

/// What the kernel's interfaces and settings should be.
fn system(config: &Config) -> SystemConfig {
    let forwarding = |given: Option<bool>| match given {
        Some(on) => on,
        // A router forwards; one that only listens to BGP leaves the host alone.
        None => !config.no_rib,
    };
    let (v4, v6) = (forwarding(config.ipv4_forwarding), forwarding(config.ipv6_forwarding));
    let value = |on: bool| if on { "1" } else { "0" }.to_owned();
    let mut settings = Vec::new();
    if config.ipv4_forwarding.is_some() || v4 {
        settings.push(("net.ipv4.ip_forward".to_owned(), value(v4)));
    }
    if config.ipv6_forwarding.is_some() || v6 {
        settings.push(("net.ipv6.conf.all.forwarding".to_owned(), value(v6)));
    }
    if v4 {
        settings.push(("net.ipv4.conf.all.rp_filter".to_owned(), "0".to_owned()));
        settings.push(("net.ipv4.fib_multipath_hash_policy".to_owned(), "1".to_owned()));
    }
    if v6 {
        settings.push(("net.ipv6.fib_multipath_hash_policy".to_owned(), "1".to_owned()));
    }
    let every_interface = if v4 && v6 { router_defaults() } else { Vec::new() };
    let interfaces = config
        .interfaces
        .iter()
        .filter(|(_, i)| !i.is_empty())
        .map(|(name, i)| InterfaceConfig {
            name: name.clone(),
            addresses: i.addresses.iter().map(|a| a.net).collect(),
            mtu: i.mtu,
            up: (i.shutdown || !i.addresses.is_empty() || !i.vrrp.is_empty()).then_some(!i.shutdown),
            settings: Vec::new(),
        })
        .collect();
    SystemConfig { settings, every_interface, interfaces }
}
