//! A router on the segment: a process with the cores in it, and a kernel that outlives the process.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

use vrrp::{Config, Family, Input, Instance, Output, Packet, State, Time, announce};

use super::frame::{self, Advert, Seen};
use super::planted::Planted;

/// Frames that wait for the process at most; the kernel drops the others.
const INBOX: usize = 64;

/// One virtual router of the process.
struct Slot {
    instance: Instance,
    source: IpAddr,
    stopped: bool,
}

/// A router.
pub struct Node {
    slots: Vec<Slot>,
    /// The kernel forwards for the group's virtual address.
    pub datapath: Vec<bool>,
    /// The process runs.
    pub alive: bool,
    /// The machine runs; without, the kernel has forgotten everything.
    pub powered: bool,
    /// The process does not run before that.
    pub frozen: Time,
    /// When the process is to be woken.
    pub wake: Option<Time>,
    inbox: VecDeque<Arc<[u8]>>,
    heard: u64,
    planted: Option<Planted>,
}

/// What went in and came out while the process ran once, for one group.
#[derive(Debug)]
pub struct Turn {
    /// Valid advertisements for the group, in order.
    pub heard: Vec<Advert>,
    /// What the core wanted done, in order.
    pub outputs: Vec<Output>,
    /// Frames that left, in order.
    pub sent: Vec<Arc<[u8]>>,
    /// State of the core before.
    pub before: State,
    /// State of the core afterwards.
    pub state: State,
}

impl Node {
    /// A machine without a process.
    pub fn new(groups: usize, planted: Option<Planted>) -> Node {
        Node {
            slots: Vec::new(),
            datapath: vec![false; groups],
            alive: false,
            powered: true,
            frozen: 0,
            wake: None,
            inbox: VecDeque::new(),
            heard: 0,
            planted,
        }
    }

    /// The process starts; its groups are told of the interface one by one by [`Node::tell`].
    pub fn start(&mut self, configs: Vec<Config>, sources: Vec<IpAddr>) {
        (self.alive, self.powered, self.frozen, self.wake) = (true, true, 0, None);
        self.inbox.clear();
        let slot = |(mut config, source): (Config, IpAddr)| {
            self.planted.inspect(|p| p.config(&mut config));
            Slot { instance: Instance::new(config), source, stopped: false }
        };
        self.slots = configs.into_iter().zip(sources).map(slot).collect();
    }

    /// The process ends without a word.
    pub fn kill(&mut self) {
        self.alive = false;
        self.slots.clear();
        self.inbox.clear();
    }

    /// So does the machine.
    pub fn crash(&mut self) {
        self.kill();
        self.powered = false;
        self.datapath.fill(false);
    }

    /// The state of a group's core.
    pub fn state(&self, group: usize) -> State {
        self.slots.get(group).map_or(State::Initialize, |slot| slot.instance.state())
    }

    /// All groups have left.
    pub fn stopped(&self) -> bool {
        self.slots.iter().all(|slot| slot.stopped)
    }

    /// A frame arrives. False if there was no room for it.
    pub fn arrives(&mut self, frame: Arc<[u8]>) -> bool {
        let room = self.inbox.len() < INBOX;
        if room {
            self.inbox.push_back(frame);
        }
        room
    }

    /// When the process wants to be woken for its timers.
    pub fn deadline(&self) -> Option<Time> {
        self.slots.iter().filter_map(|slot| self.due(slot)).min()
    }

    fn due(&self, slot: &Slot) -> Option<Time> {
        match (self.planted, slot.instance.state()) {
            (Some(Planted::Comatose), State::Backup) => None,
            _ => Some(slot.instance.deadline()? + self.sleep(slot)),
        }
    }

    fn sleep(&self, slot: &Slot) -> Time {
        match self.planted {
            Some(Planted::SleepyTimers) => slot.instance.config().interval_time(),
            _ => 0,
        }
    }

    /// The process runs: first what was heard, then the timers.
    pub fn run(&mut self, now: Time) -> Vec<Turn> {
        let mut turns: Vec<Turn> = (0..self.slots.len()).map(|group| self.turn(group)).collect();
        while let Some(frame) = self.inbox.pop_front() {
            let Some((at, source, destination, hop_limit, 112)) = frame::ip(&frame) else { continue };
            let family = Family::of(&source);
            let mine = |slot: &Slot| {
                let config = slot.instance.config();
                config.family == family && Some(&config.vrid) == frame.get(at + 1)
            };
            let Some(group) = self.slots.iter().position(mine) else { continue };
            let seen = frame::read(&frame);
            self.heard += 1;
            let swallowed = self.planted.is_some_and(|p| p.swallows(&seen, self.heard));
            if let Seen::Advert(advert) = seen
                && advert.source != self.slots[group].source
            {
                turns[group].heard.push(advert);
            }
            if !swallowed {
                let own = self.slots[group].instance.config().interval;
                let frame = self.planted.map_or(frame.clone(), |p| p.hears(&frame, own));
                let packet = Packet { source, destination, hop_limit, payload: &frame[at..] };
                self.slots[group].instance.handle(now, Input::Packet(packet));
                self.perform(group, &mut turns[group]);
            }
        }
        for (group, turn) in turns.iter_mut().enumerate() {
            if self.due(&self.slots[group]).is_some_and(|at| at <= now) {
                self.slots[group].instance.handle(now, Input::Timeout);
                self.perform(group, turn);
            }
            turn.state = self.state(group);
        }
        turns
    }

    /// Tells one group something.
    pub fn tell(&mut self, now: Time, group: usize, input: Input<'_>) -> Turn {
        let mut turn = self.turn(group);
        let input = match (input, self.planted) {
            (Input::Configure(mut config), Some(planted)) => {
                planted.config(&mut config);
                Input::Configure(config)
            }
            (Input::Up { source, own_mac, adopted }, Some(planted)) => {
                Input::Up { source: planted.source(source), own_mac, adopted }
            }
            (input, _) => input,
        };
        self.slots[group].instance.handle(now, input);
        self.perform(group, &mut turn);
        turn.state = self.state(group);
        turn
    }

    fn turn(&self, group: usize) -> Turn {
        let state = self.state(group);
        Turn { heard: Vec::new(), outputs: Vec::new(), sent: Vec::new(), before: state, state }
    }

    fn perform(&mut self, group: usize, turn: &mut Turn) {
        let slot = &mut self.slots[group];
        while let Some(output) = slot.instance.poll() {
            if self.planted.is_some_and(|p| p.forgets(&output, slot.instance.state())) {
                continue;
            }
            let config = slot.instance.config();
            let mac = config.family.virtual_mac(config.vrid);
            match &output {
                Output::Send(frame) => turn.sent.push(Arc::clone(frame)),
                Output::Acquire => self.datapath[group] = true,
                Output::Release => self.datapath[group] = false,
                Output::Announce => turn.sent.extend(config.addresses.iter().map(|address| match address {
                    IpAddr::V4(v4) => Arc::from(&announce::gratuitous_arp(mac, *v4)[..]),
                    IpAddr::V6(v6) => Arc::from(&announce::neighbour_advertisement(mac, *v6)[..]),
                })),
                Output::Advertise => {
                    if let (Some(ra), Some(IpAddr::V6(source))) =
                        (&config.router_advertisement, config.addresses.first())
                    {
                        turn.sent.push(announce::router_advertisement(mac, *source, ra).into());
                    }
                }
                Output::Changed { from: State::Active, to: State::Backup, .. }
                    if self.planted == Some(Planted::LastWord) =>
                {
                    let priority = config.priority;
                    let Config { vrid, interval, addresses, .. } = config.clone();
                    let advert = vrrp::Advert { vrid, priority, interval, addresses };
                    let message = vrrp::wire::encode(&advert, &slot.source, config.checksum);
                    turn.sent.push(announce::advertisement(mac, &slot.source, &message).into());
                }
                Output::Changed { .. } | Output::Notice(_) => {}
                Output::Stopped => slot.stopped = true,
            }
            turn.outputs.push(output);
        }
        if let Some(planted) = self.planted {
            turn.sent.iter_mut().for_each(|frame| planted.alter(frame, slot.source));
        }
    }
}
