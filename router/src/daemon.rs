//! The daemon: starts the parts, waits for signals, ends them in the order that loses nothing.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock, RwLock};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bgp::fsm::FsmState;
use bgp::types::Family;
use fib::Report;
use rib::Event;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::{JoinError, JoinHandle};

use crate::cli::server::{Server, ServerOptions};
use crate::control::{self, Control};
use crate::events::Events;
use crate::gateway::Gateways;
use crate::shell::kernel;
use crate::shell::netdevs::Netdevs;
use crate::shell::peer::Command;
use crate::shell::peers::Peers;
use crate::shell::rib_thread::{self, FibSlot};
use crate::shell::rtr::Rtr;

/// How long after the start leftovers of an earlier run stay in the kernel at most, for neighbours to come up.
const ADOPTION: Duration = Duration::from_secs(60);

/// A session that is up as long as this has told its routes, whether it sends End-of-RIB or not.
const SETTLED: Duration = Duration::from_secs(5);

/// How long routes stay after the sessions ended, for neighbours to turn away.
const FAREWELL: Duration = Duration::from_millis(1000);

/// How long the end waits for a reload that has begun.
const LAST_RELOAD: Duration = Duration::from_secs(2);

/// How the daemon was started.
#[derive(Clone, Debug)]
pub struct Options {
    /// Configuration file.
    pub config: PathBuf,
    /// State over restarts.
    pub state_dir: PathBuf,
    /// Where the shell finds us.
    pub sockets: PathBuf,
    /// Where metrics are served; empty is nowhere.
    pub metrics: Vec<SocketAddr>,
}

/// `router --check FILE`: exit code 0 if every line is accepted; mistakes are printed one a line.
pub fn check(file: &Path) -> ExitCode {
    match control::read(&file.to_path_buf()) {
        Ok(parsed) => {
            for notice in &parsed.notices {
                println!("{}: {notice}", file.display());
            }
            ExitCode::SUCCESS
        }
        Err(errors) => {
            eprintln!("{errors}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the daemon until a signal ends it.
pub fn run(options: Options) -> ExitCode {
    crate::sys::process::share_heap();
    let parsed = match control::read(&options.config) {
        Ok(parsed) => parsed,
        Err(errors) => {
            eprintln!("{errors}");
            return ExitCode::FAILURE;
        }
    };
    crate::logs::init();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name("net").enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("router: cannot start the runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    match start(options, runtime.handle().clone()) {
        Ok(mut parts) => {
            for notice in &parsed.notices {
                tracing::info!("{}: {notice}", parts.control.options.config.display());
            }
            tracing::info!(version = env!("CARGO_PKG_VERSION"), "router starts");
            parts.control.apply(parsed.config);
            runtime.spawn(adopt(parts.control.clone()));
            // Not before there is a configuration: a change would start from nothing.
            let live = Arc::new(crate::live::Live::new(parts.control.clone()));
            let code = match parts.server.serve(live) {
                Ok(()) => {
                    runtime.block_on(signals(&parts.control));
                    ExitCode::SUCCESS
                }
                Err(error) => {
                    tracing::error!(%error, "the shell's sockets cannot be served");
                    ExitCode::FAILURE
                }
            };
            stop(parts);
            // Nothing that still waits for anything holds up the end.
            runtime.shutdown_background();
            crate::logs::flush();
            code
        }
        Err(error) => {
            crate::logs::flush();
            eprintln!("router: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What runs.
struct Parts {
    control: Arc<Control>,
    rib_thread: std::thread::JoinHandle<()>,
    /// Takes its sockets away when dropped.
    server: Server,
}

/// A number that neighbours cannot know, for the hashes of what they choose.
fn seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id())
}

fn start(options: Options, runtime: tokio::runtime::Handle) -> anyhow::Result<Parts> {
    let seed = seed();
    let netdevs: Arc<RwLock<Netdevs>> = Arc::default();
    let fib_slot: FibSlot = Arc::default();
    // The parts call each other; what comes later is reached through this.
    let whole: Arc<OnceLock<Arc<Control>>> = Arc::default();
    let events = {
        let whole = whole.clone();
        move |event| {
            if let Some(control) = whole.get() {
                table_event(control, event);
            }
        }
    };
    let (rib, rib_thread) = rib_thread::spawn(seed, fib_slot.clone(), events)?;
    let sink = {
        let (listener, reports) = (whole.clone(), whole.clone());
        kernel::sink(
            netdevs.clone(),
            rib.clone(),
            Box::new(move |event| {
                if let Some(control) = listener.get() {
                    kernel_event(control, event);
                }
            }),
            Box::new(move |report| {
                if report == Report::Synced
                    && let Some(control) = reports.get()
                {
                    control.synced.store(true, Ordering::Release);
                }
            }),
        )
    };
    let core = fib::core::Config { seed, ..Default::default() };
    let begin = Some(crate::sys::schedule::be_preferred as fn());
    let fib = fib::linux::spawn(fib::linux::Options { core, begin, ..Default::default() }, sink)?;
    let fib = Arc::new(fib);
    let _ = fib_slot.set(fib.clone());
    let happened: Arc<Events> = Arc::default();
    let gateways = start_gateways(happened.clone());
    let watch = {
        let gateways = gateways.clone();
        Box::new(move |addr, up| {
            if let Some(gateways) = &gateways {
                gateways.session(addr, up);
            }
        })
    };
    let peers = Peers::new(rib.clone(), netdevs.clone(), runtime.clone(), seed, watch, happened);
    let rtr = Rtr::start(rib.clone(), &runtime);
    let control = Arc::new(Control::new(options, rib, fib, peers, rtr, gateways, netdevs));
    let _ = whole.set(control.clone());
    let sockets = ServerOptions::new(&control.options.sockets);
    let server = Server::bind(sockets).with_context(|| {
        format!("cannot make the shell's sockets in {}", control.options.sockets.display())
    })?;
    for address in control.options.metrics.clone() {
        let source = Arc::new(crate::collect::Collect::new(control.clone()));
        runtime.spawn(async move {
            if let Err(error) = crate::metrics::server::serve(address, source).await {
                tracing::error!(%address, %error, "metrics are not served");
            }
        });
    }
    Ok(Parts { control, rib_thread, server })
}

/// The on-time thread, if the sockets that it needs can be had.
fn start_gateways(events: Arc<Events>) -> Option<Arc<Gateways>> {
    let options = crate::ontime::Options { clock: crate::shell::clock::now, real_time: true };
    match crate::ontime::spawn(options, move |event| crate::gateway::note(&event, &events)) {
        Ok(thread) => Some(Arc::new(Gateways::new(thread))),
        Err(error) => {
            tracing::warn!(%error, "VRRP cannot run here");
            None
        }
    }
}

fn table_event(control: &Arc<Control>, event: Event) {
    match event {
        Event::MaxPrefix { peer, family, limit } => max_prefix(control, peer, family, limit),
        Event::PrefixThreshold { peer, family, count, limit } => {
            if let Some(name) = control.peers.name(peer) {
                tracing::warn!(peer = %name, ?family, count, limit, "maximum-prefix is near");
            }
        }
        Event::RefreshNeeded { peer, family } => control.peers.command_by_id(peer, Command::SoftIn(family)),
        Event::Purged(peer) => control.peers.purged(peer),
        Event::EndOfRib { peer, family } => control.end_of_rib(peer, family),
    }
}

fn max_prefix(control: &Arc<Control>, peer: rib::PeerId, family: Family, limit: u32) {
    use crate::config::model::MaximumPrefixAction;
    let entry = control.peers.name(peer).and_then(|name| control.peers.entry(&name));
    let Some(entry) = entry else { return };
    let Some(maximum) = entry.neighbor.family(family).maximum_prefix else { return };
    tracing::warn!(peer = %entry.name, ?family, limit, "maximum-prefix crossed");
    let restart = match maximum.action {
        MaximumPrefixAction::Warn => return,
        MaximumPrefixAction::Shutdown => None,
        MaximumPrefixAction::Restart(minutes) => Some(u64::from(minutes) * 60 * bgp::types::SECOND),
    };
    control.peers.command_by_id(peer, Command::MaxPrefix(family, limit, restart));
}

fn kernel_event(control: &Arc<Control>, event: &fib::Event) {
    match event {
        fib::Event::AddressAdded(_) | fib::Event::AddressRemoved(_) => control.addresses_changed(),
        fib::Event::LinkChanged(link) => {
            if let Some(gateways) = &control.gateways {
                gateways.link(&link.name, link.usable());
            }
            if !link.usable() {
                control.peers.link_down(&link.name);
            }
            control.addresses_changed();
        }
        fib::Event::LinkGone { name, .. } => {
            if let Some(gateways) = &control.gateways {
                gateways.link(name, false);
            }
            control.peers.link_down(name);
        }
        fib::Event::RouteAdded(_) | fib::Event::RouteRemoved(_) | fib::Event::Resynced => {}
    }
}

/// Waits until neighbours have told their routes, then lets the kernel's leftovers go.
async fn adopt(control: Arc<Control>) {
    let deadline = Instant::now() + ADOPTION;
    let mut settled: Option<Instant> = None;
    while Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let entries = control.peers.entries();
        let waiting = entries.iter().filter(|e| !e.dynamic && !e.neighbor.shutdown && !e.neighbor.passive);
        let mut up = waiting.clone().filter(|e| e.state == FsmState::Established);
        if waiting.clone().count() > up.clone().count() {
            settled = None;
            continue;
        }
        let told = up.all(|e| {
            let families = Family::ALL.iter().filter(|f| e.neighbor.family(**f).activate);
            families.clone().all(|f| control.has_end_of_rib(e.id, *f))
        });
        let since = *settled.get_or_insert_with(Instant::now);
        if told || since.elapsed() >= SETTLED {
            break;
        }
    }
    let _ = control.rib.tell(|core| core.complete());
}

/// The signals that mean something: those of init systems and container engines, too.
async fn signals(control: &Arc<Control>) {
    let on = |kind: SignalKind| signal(kind);
    // LXD and Incus stop a container by SIGPWR, systemd-like init by SIGRTMIN+3.
    let kinds = [
        on(SignalKind::terminate()),
        on(SignalKind::interrupt()),
        on(SignalKind::from_raw(libc::SIGPWR)),
        on(SignalKind::from_raw(libc::SIGRTMIN() + 3)),
    ];
    let mut ends: Vec<Signal> = kinds.into_iter().filter_map(Result::ok).collect();
    let mut reload = on(SignalKind::hangup()).ok();
    let mut child = on(SignalKind::child()).ok();
    // A reload waits for whoever changes the configuration at the moment; the other signals do not.
    let mut reloading: Option<JoinHandle<Result<(), String>>> = None;
    loop {
        let end = std::future::poll_fn(|cx| {
            if ends.iter_mut().any(|s| s.poll_recv(cx).is_ready()) {
                std::task::Poll::Ready(())
            } else {
                std::task::Poll::Pending
            }
        });
        tokio::select! {
            () = end => break,
            Some(()) = next(&mut reload), if reloading.is_none() => {
                let control = control.clone();
                reloading = Some(tokio::task::spawn_blocking(move || control.reload()));
            }
            done = finished(&mut reloading) => {
                reloading = None;
                if let Ok(Err(errors)) = done {
                    tracing::error!("the configuration stays as it was:\n{errors}");
                }
            }
            Some(()) = next(&mut child) => reap(),
        }
    }
    // It must not start again what is about to be ended.
    if reloading.is_some() {
        let _ = tokio::time::timeout(LAST_RELOAD, finished(&mut reloading)).await;
    }
}

/// The end of a task, if there is one.
async fn finished<T>(task: &mut Option<JoinHandle<T>>) -> Result<T, JoinError> {
    match task {
        Some(task) => task.await,
        None => std::future::pending().await,
    }
}

async fn next(signal: &mut Option<Signal>) -> Option<()> {
    match signal {
        Some(signal) => signal.recv().await,
        None => std::future::pending().await,
    }
}

/// As process 1 we inherit the orphans of the container.
fn reap() {
    if std::process::id() == 1 {
        crate::sys::process::reap();
    }
}

/// Ends everything: the gateway goes first, then the sessions; routes stay until neighbours have turned away.
fn stop(parts: Parts) {
    let Parts { control, rib_thread, server } = parts;
    tracing::info!("router stops");
    // First the hosts behind us: the gateway goes to its successor, and we forward until it has taken over.
    if let Some(gateways) = &control.gateways
        && !gateways.shutdown(Duration::from_secs(3))
    {
        tracing::warn!("the virtual devices could not be removed in time");
    }
    control.rib.hold(true);
    control.peers.close();
    std::thread::sleep(FAREWELL);
    control.rib.hold(false);
    let _ = control.rib.tell(|core| {
        core.handle(crate::shell::clock::now(), rib::Input::Statics(Vec::new()));
    });
    // The kernel gets some time to take the routes out; what is left is adopted by the next start.
    let deadline = Instant::now() + Duration::from_secs(5);
    while Instant::now() < deadline {
        let left = control.rib.ask(|core| Family::ALL.iter().map(|f| core.totals(*f).paths).sum::<usize>());
        let wanted = control.fib.counts(Duration::from_millis(200));
        let gone = wanted.is_some_and(|c| c.iter().all(|(_, _, c)| c.wanted == 0 && c.pending == 0));
        if left.is_err() || gone {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    drop(server);
    control.rib.close();
    let _ = rib_thread.join();
}
