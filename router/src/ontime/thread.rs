//! The loop: wait, packets, link changes, timers, commands, snapshot.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use vrrp::{Input, MILLISECOND, Time};

use super::device::Device;
use super::group::{Group, Tools};
use super::handle::{Command, Event, GroupConfig, GroupKey, GroupStatus, Handle, Options, Snapshot};
use super::link::{Model, Monitor, Requests};
use super::lower::Lowering;
use crate::sys::ontime::{self, FrameSocket, Waker};
use crate::sys::schedule;

/// Opens the sockets in the caller's network namespace and starts the thread in it. The sink of
/// events is called on the thread and must not block.
pub fn spawn(options: Options, events: impl FnMut(Event) + Send + 'static) -> io::Result<Handle> {
    let monitor = Monitor::open()?;
    let waker = Arc::new(Waker::new()?);
    let snapshot = Arc::new(Mutex::new(Snapshot::default()));
    let (commands, receiver) = channel();
    let tools = Tools {
        requests: Requests::open()?,
        lowering: Lowering::spawn(commands.clone(), Arc::clone(&waker))?,
        model: Model::default(),
        frames: FrameSocket::open()?,
        events: Box::new(events),
    };
    let (alive, done) = channel();
    let mut runner = Runner {
        options,
        tools,
        monitor,
        waker: Arc::clone(&waker),
        commands: receiver,
        snapshot: Arc::clone(&snapshot),
        published: 0,
        real_time: false,
        groups: BTreeMap::new(),
        swept: false,
        ending: false,
        _alive: alive,
    };
    std::thread::Builder::new().name("on-time".into()).spawn(move || runner.run())?;
    Ok(Handle { commands, waker, snapshot, done: Mutex::new(done) })
}

struct Runner {
    options: Options,
    tools: Tools,
    monitor: Monitor,
    waker: Arc<Waker>,
    commands: Receiver<Command>,
    snapshot: Arc<Mutex<Snapshot>>,
    published: Time,
    real_time: bool,
    groups: BTreeMap<GroupKey, Group>,
    /// Devices of an earlier run have been removed.
    swept: bool,
    ending: bool,
    /// Dropped with the thread, which tells that it has ended.
    _alive: Sender<()>,
}

/// Time between two snapshots when nothing of note happens.
const PUBLISH: Time = 200 * MILLISECOND;

impl Runner {
    fn now(&self) -> Time {
        (self.options.clock)()
    }

    fn run(&mut self) {
        self.real_time = schedule::be_punctual(self.options.real_time);
        self.refill();
        loop {
            self.publish();
            if self.ending && self.groups.is_empty() {
                return;
            }
            let ready = match self.wait() {
                Ok(ready) => ready,
                Err(e) => {
                    self.failure("waiting", &e);
                    std::thread::sleep(Duration::from_millis(1));
                    continue;
                }
            };
            // Packets before timers: what was heard in time counts as heard in time.
            self.packets(&ready.groups);
            if ready.monitor {
                self.watched();
            }
            self.timers();
            if ready.commands {
                self.take_commands();
            }
            self.bury();
        }
    }

    fn wait(&self) -> io::Result<Ready> {
        let mut fds = vec![self.waker.as_fd(), self.monitor.as_fd()];
        let listening: Vec<&Group> = self.groups.values().filter(|g| g.fd().is_some()).collect();
        fds.extend(listening.iter().filter_map(|group| group.fd()));
        let next = self.groups.values().filter_map(Group::deadline).min();
        let stale = (!self.groups.is_empty()).then_some(self.published + PUBLISH);
        let next = [next, stale].into_iter().flatten().min();
        let now = self.now();
        let time = next.map(|at| Duration::from_nanos(at.saturating_sub(now)));
        let ready = ontime::wait(&fds, time)?;
        let mut ready = ready.into_iter();
        let (commands, monitor) = (ready.next().unwrap_or(false), ready.next().unwrap_or(false));
        let groups = listening.iter().zip(ready).filter(|(_, r)| *r).map(|(g, _)| g.key.clone()).collect();
        Ok(Ready { commands, monitor, groups })
    }

    fn packets(&mut self, ready: &[GroupKey]) {
        let now = self.now();
        for key in ready {
            if let Some(group) = self.groups.get_mut(key) {
                group.receive(now, &mut self.tools);
            }
        }
    }

    fn watched(&mut self) {
        match self.monitor.read(&mut self.tools.model) {
            Ok(false) => return,
            Ok(true) => {}
            Err(_) => self.refill(),
        }
        self.look();
    }

    fn refill(&mut self) {
        if let Err(e) = self.tools.requests.fill(&mut self.tools.model) {
            self.failure("listing interfaces", &e);
        }
    }

    fn look(&mut self) {
        let now = self.now();
        for group in self.groups.values_mut() {
            group.look(now, &mut self.tools);
        }
    }

    fn timers(&mut self) {
        for group in self.groups.values_mut() {
            let now = (self.options.clock)();
            if group.deadline().is_some_and(|at| at <= now) {
                // Once more, in case a packet came while another group worked.
                group.receive(now, &mut self.tools);
                group.timeout(now, &mut self.tools);
            }
        }
    }

    fn take_commands(&mut self) {
        self.waker.clear();
        while let Ok(command) = self.commands.try_recv() {
            let now = self.now();
            match command {
                Command::Configure(groups) => self.configure(now, groups),
                Command::Health(key, healthy) => {
                    if let Some(group) = self.groups.get_mut(&key) {
                        group.tell(now, Input::Health(healthy), &mut self.tools);
                    }
                }
                Command::Drain(key, drained) => {
                    let chosen = |k: &GroupKey| key.as_ref().is_none_or(|key| key == k);
                    for (_, group) in self.groups.iter_mut().filter(|(k, _)| chosen(k)) {
                        group.tell(now, Input::Drain(drained), &mut self.tools);
                    }
                }
                Command::Failed(key, what, error) => match self.groups.get_mut(&key) {
                    Some(group) => group.failed(&mut self.tools, what, &error),
                    None => self.failure(what, &error),
                },
                Command::Shutdown => {
                    self.ending = true;
                    for group in self.groups.values_mut() {
                        group.leave(now, &mut self.tools);
                    }
                }
            }
        }
    }

    fn configure(&mut self, now: Time, groups: Vec<GroupConfig>) {
        if self.ending {
            return;
        }
        let mut wanted: BTreeMap<GroupKey, GroupConfig> = BTreeMap::new();
        for config in groups {
            match config.vrrp.check() {
                Ok(()) => drop(wanted.insert(config.key(), config)),
                Err(e) => {
                    let (group, what) = (Some(config.key()), "configuration".to_owned());
                    (self.tools.events)(Event::Failed { group, what, reason: e.to_string() });
                }
            }
        }
        for (key, group) in &mut self.groups {
            match wanted.remove(key) {
                Some(config) if !group.leaving => group.configure(now, config, &mut self.tools),
                Some(config) => group.again(config),
                None => {
                    group.next = None;
                    group.leave(now, &mut self.tools);
                }
            }
        }
        self.groups.extend(wanted.into_iter().map(|(key, config)| (key, Group::new(config))));
        self.sweep();
        self.look();
    }

    /// Removes what an earlier run left for virtual routers that are no more.
    fn sweep(&mut self) {
        if std::mem::replace(&mut self.swept, true) {
            return;
        }
        let wanted: Vec<_> = self.groups.values().filter_map(|g| g.device_key(&self.tools.model)).collect();
        for device in Device::leftovers(&self.tools.model, &wanted) {
            if let Err(e) = device.delete(&mut self.tools.requests) {
                self.failure("removing an old virtual device", &e);
            }
        }
        let wanted: Vec<_> = self.groups.values().flat_map(|g| g.on_parent(&self.tools.model)).collect();
        if let Err(e) = Device::sweep_addresses(&mut self.tools.requests, &self.tools.model, &wanted) {
            self.failure("removing old virtual addresses", &e);
        }
    }

    /// Groups that have left are removed with their devices.
    fn bury(&mut self) {
        let gone: Vec<GroupKey> =
            self.groups.iter().filter(|(_, g)| g.leaving && g.stopped).map(|(k, _)| k.clone()).collect();
        for key in gone {
            self.published = 0;
            let Some(mut group) = self.groups.remove(&key) else { continue };
            group.remove(&self.tools);
            if self.ending {
                continue;
            }
            if let Some(next) = group.successor((self.options.clock)(), &mut self.tools) {
                self.groups.insert(key, next);
            }
        }
    }

    fn publish(&mut self) {
        let now = self.now();
        let news = self.groups.values().any(|group| group.changed);
        if !news && now < self.published + PUBLISH {
            return;
        }
        // A reader holds the lock only while it copies; if it does right now, the next turn is ours.
        let Ok(mut snapshot) = self.snapshot.try_lock() else { return };
        let groups: Vec<GroupStatus> = self.groups.values().map(Group::status).collect();
        *snapshot = Snapshot { groups, taken: now, real_time: self.real_time };
        drop(snapshot);
        self.published = now;
        for group in self.groups.values_mut() {
            group.changed = false;
        }
    }

    fn failure(&mut self, what: &str, error: &io::Error) {
        let (what, reason) = (what.to_owned(), error.to_string());
        (self.tools.events)(Event::Failed { group: None, what, reason });
    }
}

struct Ready {
    commands: bool,
    monitor: bool,
    groups: Vec<GroupKey>,
}
