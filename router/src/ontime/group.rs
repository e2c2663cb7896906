//! One virtual router: its state machine, its device, its ear.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};

use vrrp::{Input, Instance, Output, Time, announce};

use super::device::{Device, Found};
use super::handle::{Event, GroupConfig, GroupKey, GroupStatus};
use super::link::{Model, Requests};
use super::lower::{Lowering, Wanted};
use super::receive::Receiver;
use crate::sys::ontime::FrameSocket;

/// What the groups share.
pub struct Tools {
    pub requests: Requests,
    pub lowering: Lowering,
    pub model: Model,
    pub frames: FrameSocket,
    pub events: Box<dyn FnMut(Event) + Send>,
}

/// The interface while it is there.
struct Attached {
    ifindex: u32,
    device: Device,
    /// Virtual addresses that we have put there.
    held: Vec<IpAddr>,
    wanted: Wanted,
    receiver: Receiver,
}

/// A virtual router.
pub struct Group {
    pub key: GroupKey,
    instance: Instance,
    /// Frames come from the virtual MAC, not the interface's own.
    virtual_mac: bool,
    /// What it is to be once it has given the role away.
    pub next: Option<GroupConfig>,
    attached: Option<Attached>,
    /// Said to the machine: the interface is usable, with this address and this MAC of its own to send from.
    up: Option<(IpAddr, Option<[u8; 6]>)>,
    /// An earlier run's device forwards.
    adopted: bool,
    /// The device could not be made; not before this time again.
    retry: Option<Time>,
    /// No longer configured, or the thread ends: waits for the successor.
    pub leaving: bool,
    pub stopped: bool,
    /// Something changed that a snapshot shows at once.
    pub changed: bool,
    failing: Option<String>,
}

/// Pause before the device or the socket is tried again.
const RETRY: Time = 2 * vrrp::SECOND;

impl Group {
    pub fn new(config: GroupConfig) -> Group {
        Group {
            key: config.key(),
            virtual_mac: config.virtual_mac,
            instance: Instance::new(config.vrrp),
            next: None,
            attached: None,
            up: None,
            adopted: false,
            retry: None,
            leaving: false,
            stopped: false,
            changed: true,
            failing: None,
        }
    }

    /// What the group is to be after it has given the role away, with what tracking said of it.
    pub fn successor(&mut self, now: Time, tools: &mut Tools) -> Option<Group> {
        let mut group = Group::new(self.next.take()?);
        let (healthy, drained) = self.instance.wishes();
        group.tell(now, Input::Health(healthy), tools);
        group.tell(now, Input::Drain(drained), tools);
        group.look(now, tools);
        Some(group)
    }

    /// The group configured again while it was leaving: starts anew on the device that is there.
    pub fn again(&mut self, config: GroupConfig) {
        if config.virtual_mac != self.virtual_mac {
            self.next = Some(config);
            return;
        }
        let (attached, adopted) = (self.attached.take(), self.instance.status().datapath);
        *self = Group { attached, adopted, ..Group::new(config) };
    }

    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.attached.as_ref().map(|a| a.receiver.as_fd())
    }

    pub fn deadline(&self) -> Option<Time> {
        [self.instance.deadline(), self.retry].into_iter().flatten().min()
    }

    /// Parent and MAC of its device, if it has one of its own.
    pub fn device_key(&self, model: &Model) -> Option<(u32, [u8; 6])> {
        let parent = model.by_name(&self.key.interface).filter(|_| self.virtual_mac)?;
        Some((parent.index, self.key.family.virtual_mac(self.key.vrid)))
    }

    /// The addresses that it has on the interface itself while it is Active.
    pub fn on_parent(&self, model: &Model) -> Vec<(u32, IpAddr)> {
        let parent = model.by_name(&self.key.interface).filter(|_| !self.virtual_mac);
        let addresses = &self.instance.config().addresses;
        parent.iter().flat_map(|link| addresses.iter().map(|a| (link.index, *a))).collect()
    }

    /// The interface, its carrier or its addresses may have changed.
    pub fn look(&mut self, now: Time, tools: &mut Tools) {
        let link = tools.model.by_name(&self.key.interface).cloned();
        let moved = self.attached.as_ref().is_some_and(|a| {
            link.as_ref().is_none_or(|l| l.index != a.ifindex)
                || tools.model.by_index(a.device.index).is_none()
        });
        if moved {
            self.up = None;
            self.tell(now, Input::Down, tools);
            self.attached = None;
        }
        let Some(link) = link else { return };
        let config = self.instance.config();
        let (owner, virtuals) = (config.owner(), config.addresses.clone());
        let source = link
            .usable()
            .then(|| tools.model.source(link.index, self.key.family, &virtuals, owner))
            .flatten();
        if source.is_some() && self.attached.is_none() && !self.leaving && !self.attach(now, &link, tools) {
            return;
        }
        let up = source.map(|source| (source, link.mac.filter(|_| !self.virtual_mac)));
        if up == self.up {
            return;
        }
        self.up = up;
        self.changed = true;
        match up {
            Some((source, own_mac)) => {
                let adopted = std::mem::take(&mut self.adopted);
                self.tell(now, Input::Up { source, own_mac, adopted }, tools);
            }
            None => self.tell(now, Input::Down, tools),
        }
    }

    fn attach(&mut self, now: Time, link: &fib::Link, tools: &mut Tools) -> bool {
        if self.retry.is_some_and(|at| at > now) {
            return false;
        }
        match self.try_attach(link, tools) {
            Ok((attached, forwards)) => {
                self.retry = None;
                self.failing = None;
                self.adopted = forwards;
                self.attached = Some(attached);
                true
            }
            Err(e) => {
                self.retry = Some(now + RETRY);
                self.failed(tools, "virtual device", &e);
                false
            }
        }
    }

    fn try_attach(&self, link: &fib::Link, tools: &mut Tools) -> io::Result<(Attached, bool)> {
        if let Err(e) = Device::prepare_parent(&mut tools.requests, link) {
            let (group, what) = (Some(self.key.clone()), format!("settings of {}", link.name));
            (tools.events)(Event::Failed { group, what, reason: e.to_string() });
        }
        if self.virtual_mac && link.kind.as_deref() == Some("macvlan") {
            let (group, what) = (Some(self.key.clone()), "the virtual MAC".to_owned());
            let vrid = self.key.vrid;
            let reason = format!(
                "{} is a macvlan itself, and the kernel keeps other routers' advertisements from it: say `no vrrp {vrid} \
                 virtual-mac`",
                link.name
            );
            (tools.events)(Event::Failed { group, what, reason });
        }
        let (family, vrid) = (self.key.family, self.key.vrid);
        let Found { device, held, forwards } = if self.virtual_mac {
            Device::prepare(&mut tools.requests, &mut tools.model, link, family, vrid)?
        } else {
            Device::on_parent(&tools.model, link, family, vrid, &self.instance.config().addresses)
        };
        let receiver = Receiver::open(family, &link.name, link.index)?;
        Ok((Attached { ifindex: link.index, device, held, wanted: Wanted::default(), receiver }, forwards))
    }

    /// Tells of a failure once until another or success.
    pub fn failed(&mut self, tools: &mut Tools, what: &str, error: &io::Error) {
        let reason = error.to_string();
        let told = format!("{what}: {reason}");
        if self.failing.as_ref() != Some(&told) {
            self.failing = Some(told);
            let group = Some(self.key.clone());
            (tools.events)(Event::Failed { group, what: what.to_owned(), reason });
        }
    }

    /// Hands waiting packets over.
    pub fn receive(&mut self, now: Time, tools: &mut Tools) {
        // Bounded, so that a flood on one group does not starve the others.
        for _ in 0..64 {
            let Some(attached) = &mut self.attached else { return };
            let Some(packet) = attached.receiver.next() else { return };
            if vrrp::wire::vrid(packet.payload) != Some(self.key.vrid) {
                continue;
            }
            self.instance.handle(now, Input::Packet(packet));
            self.perform(tools);
        }
    }

    pub fn configure(&mut self, now: Time, config: GroupConfig, tools: &mut Tools) {
        if config.virtual_mac != self.virtual_mac {
            // Hosts learn another MAC: whoever can have the role meanwhile gets it.
            self.next = Some(config);
            self.leave(now, tools);
            return;
        }
        if *self.instance.config() == config.vrrp {
            return;
        }
        let gone: Vec<IpAddr> = {
            let old = &self.instance.config().addresses;
            old.iter().filter(|a| !config.vrrp.addresses.contains(a)).copied().collect()
        };
        self.changed = true;
        self.tell(now, Input::Configure(config.vrrp), tools);
        if !gone.is_empty() {
            self.look(now, tools);
        }
    }

    pub fn timeout(&mut self, now: Time, tools: &mut Tools) {
        if self.retry.is_some_and(|at| at <= now) {
            self.retry = None;
            self.look(now, tools);
        }
        if self.instance.deadline().is_some_and(|at| at <= now) {
            self.tell(now, Input::Timeout, tools);
        }
    }

    pub fn tell(&mut self, now: Time, input: Input<'_>, tools: &mut Tools) {
        self.instance.handle(now, input);
        self.perform(tools);
    }

    /// Starts to leave; the group is over when `stopped`.
    pub fn leave(&mut self, now: Time, tools: &mut Tools) {
        if !std::mem::replace(&mut self.leaving, true) {
            self.tell(now, Input::Shutdown, tools);
        }
    }

    /// Removes the device.
    pub fn remove(&mut self, tools: &Tools) {
        if let Some(attached) = self.attached.take() {
            tools.lowering.delete(&self.key, &attached.device);
        }
    }

    fn perform(&mut self, tools: &mut Tools) {
        while let Some(output) = self.instance.poll() {
            match output {
                Output::Send(frame) => self.send(&frame, tools),
                Output::Acquire => self.acquire(tools),
                Output::Release => self.release(tools),
                Output::Announce => self.announce(tools),
                Output::Advertise => self.router_advertisement(tools),
                Output::Changed { from, to, reason } => {
                    self.changed = true;
                    let group = self.key.clone();
                    (tools.events)(Event::Changed { group, from, to, reason });
                }
                Output::Notice(notice) => {
                    (tools.events)(Event::Notice { group: self.key.clone(), notice });
                }
                Output::Stopped => self.stopped = true,
            }
        }
    }

    fn send(&mut self, frame: &[u8], tools: &mut Tools) {
        let Some(attached) = &self.attached else { return };
        if let Err(e) = tools.frames.send(attached.ifindex, frame) {
            self.failed(tools, "sending", &e);
        }
    }

    fn acquire(&mut self, tools: &mut Tools) {
        let addresses = self.instance.config().addresses.clone();
        let Some(attached) = &mut self.attached else { return };
        let mut wanted = attached.wanted.lock();
        *wanted = true;
        let done = attached.device.acquire(&mut tools.requests, &tools.model, &attached.held, &addresses);
        drop(wanted);
        let (held, done) = done;
        attached.held = held;
        if let Err(e) = done {
            self.failed(tools, "raising the virtual device", &e);
        }
    }

    fn release(&mut self, tools: &Tools) {
        if let Some(attached) = &mut self.attached {
            let held = std::mem::take(&mut attached.held);
            tools.lowering.lower(&self.key, &attached.device, &attached.wanted, held);
        }
    }

    fn announce(&mut self, tools: &mut Tools) {
        let mac = self.instance.mac();
        for address in self.instance.config().addresses.clone() {
            match address {
                IpAddr::V4(v4) => self.send(&announce::gratuitous_arp(mac, v4), tools),
                IpAddr::V6(v6) => self.send(&announce::neighbour_advertisement(mac, v6), tools),
            }
        }
    }

    fn router_advertisement(&mut self, tools: &mut Tools) {
        let config = self.instance.config();
        let (Some(ra), Some(IpAddr::V6(source))) = (&config.router_advertisement, config.addresses.first())
        else {
            return;
        };
        let frame = announce::router_advertisement(self.instance.mac(), *source, ra);
        self.send(&frame, tools);
    }

    pub fn status(&self) -> GroupStatus {
        GroupStatus {
            key: self.key.clone(),
            ifindex: self.attached.as_ref().map(|a| a.ifindex),
            device: self.attached.as_ref().map(|a| a.device.name.clone()),
            mac: self.instance.mac(),
            status: self.instance.status(),
        }
    }
}
