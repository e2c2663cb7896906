//! Interfaces as configured: addresses, MTU, up or down, settings. Rare changes, so typed messages
//! of rtnetlink one by one; its runtime lives on this thread only.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use ipnet::IpNet;
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_sys::Socket;
use rtnetlink::LinkUnspec;

use super::socket;
use super::sysctl::{self, Setting};
use super::thread::Command;
use crate::intent::Link;

/// What one interface should be like. What is `None` or absent is left as it is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct InterfaceConfig {
    /// Name; the interface may appear later.
    pub name: String,
    /// Addresses with the length of their subnets, beside those that others set.
    pub addresses: Vec<IpNet>,
    /// MTU.
    pub mtu: Option<u32>,
    /// Administratively up or down.
    pub up: Option<bool>,
    /// Kernel settings.
    pub settings: Vec<Setting>,
}

/// What the system should be like.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SystemConfig {
    /// Settings by dotted name, for example `net.ipv4.ip_forward`.
    pub settings: Vec<(String, String)>,
    /// Settings for each interface, also those that appear later and those not named below;
    /// interfaces of the kinds that we make ourselves (macvlan) and the loopback left out.
    pub every_interface: Vec<Setting>,
    /// Interfaces by name.
    pub interfaces: Vec<InterfaceConfig>,
}

pub(super) enum ColdCommand {
    Configure(Box<SystemConfig>),
    Link(Link),
    LinkGone(u32),
    Stop,
}

/// Starts the thread.
pub(super) fn spawn(losses: SyncSender<Command>) -> io::Result<(SyncSender<ColdCommand>, JoinHandle<()>)> {
    let (sender, receiver) = sync_channel::<ColdCommand>(1024);
    let (socket, _) = socket::command(1 << 16, None)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let handle = {
        // The connection opens its socket here, in the caller's network namespace.
        let _inside = runtime.enter();
        let (connection, handle, _) = rtnetlink::new_connection()?;
        runtime.spawn(connection);
        handle
    };
    let thread = std::thread::Builder::new().name("fib-cold".into()).spawn(move || {
        let mut cold = Cold {
            config: SystemConfig::default(),
            links: BTreeMap::new(),
            ours: BTreeSet::new(),
            told: BTreeSet::new(),
            socket,
            handle,
            losses,
        };
        while let Ok(command) = receiver.recv() {
            match command {
                ColdCommand::Stop => return,
                command => runtime.block_on(cold.take(command)),
            }
        }
    })?;
    Ok((sender, thread))
}

struct Cold {
    config: SystemConfig,
    links: BTreeMap<u32, Link>,
    /// Addresses that we added.
    ours: BTreeSet<(u32, IpNet)>,
    /// Losses told since the last change of the configuration.
    told: BTreeSet<(String, String)>,
    socket: Socket,
    handle: rtnetlink::Handle,
    losses: SyncSender<Command>,
}

impl Cold {
    async fn take(&mut self, command: ColdCommand) {
        match command {
            ColdCommand::Configure(config) => self.configure(*config).await,
            ColdCommand::Link(link) => {
                let old = self.links.insert(link.index, link.clone());
                let appeared = old.as_ref().is_none_or(|old| old.name != link.name);
                let rose = old.as_ref().is_some_and(|old| !old.up) && link.up;
                if appeared || rose {
                    self.apply(&link, appeared).await;
                }
            }
            ColdCommand::LinkGone(index) => {
                self.links.remove(&index);
                self.ours.retain(|(i, _)| *i != index);
            }
            ColdCommand::Stop => {}
        }
    }

    async fn configure(&mut self, config: SystemConfig) {
        self.config = config;
        self.told.clear();
        for (name, value) in self.config.settings.clone() {
            let outcome = sysctl::apply_global(&name, &value);
            self.note(name, outcome.map_err(|e| e.to_string()));
        }
        self.remove_addresses().await;
        let links: Vec<Link> = self.links.values().cloned().collect();
        for link in links {
            self.apply(&link, true).await;
        }
    }

    fn wanted(&self, name: &str) -> Option<&InterfaceConfig> {
        self.config.interfaces.iter().find(|interface| interface.name == name)
    }

    /// Removes addresses that we added and that are no longer configured.
    async fn remove_addresses(&mut self) {
        let keep = |index: &u32, net: &IpNet| {
            let interface = self.links.get(index).and_then(|link| self.wanted(&link.name));
            interface.is_some_and(|interface| interface.addresses.contains(net))
        };
        let gone: Vec<(u32, IpNet)> =
            self.ours.iter().filter(|(index, net)| !keep(index, net)).copied().collect();
        for (index, net) in gone {
            self.ours.remove(&(index, net));
            let outcome = self.remove_address(index, net).await;
            self.note(format!("address {net} of interface {index}"), outcome);
        }
    }

    async fn remove_address(&self, index: u32, net: IpNet) -> Result<(), String> {
        let mut message = AddressMessage::default();
        message.header.index = index;
        message.header.prefix_len = net.prefix_len();
        message.header.family = match net {
            IpNet::V4(_) => netlink_packet_route::AddressFamily::Inet,
            IpNet::V6(_) => netlink_packet_route::AddressFamily::Inet6,
        };
        message.attributes.push(AddressAttribute::Local(net.addr()));
        match self.handle.address().del(message).execute().await {
            Err(rtnetlink::Error::NetlinkError(e)) if e.raw_code() == -99 => Ok(()),
            other => other.map_err(|e| e.to_string()),
        }
    }

    /// Sets an interface as wanted; `all` includes what outlives a change of its state.
    async fn apply(&mut self, link: &Link, all: bool) {
        if all {
            self.apply_settings(link);
        }
        let Some(wanted) = self.wanted(&link.name).cloned() else { return };
        if all {
            self.apply_link(link, &wanted).await;
        }
        for net in &wanted.addresses {
            self.add_address(link, *net).await;
        }
    }

    fn apply_settings(&mut self, link: &Link) {
        const LOOPBACK: u16 = 772;
        let mut settings = Vec::new();
        if link.hardware != LOOPBACK && link.kind.as_deref() != Some("macvlan") {
            settings.extend(self.config.every_interface.iter().cloned());
        }
        settings.extend(self.wanted(&link.name).into_iter().flat_map(|w| w.settings.iter().cloned()));
        for setting in settings {
            let outcome = sysctl::apply(&self.socket, &link.name, link.index, &setting);
            self.note(setting.dotted(&link.name), outcome.map_err(|e| e.to_string()));
        }
    }

    async fn apply_link(&mut self, link: &Link, wanted: &InterfaceConfig) {
        if let Some(mtu) = wanted.mtu.filter(|mtu| *mtu != link.mtu) {
            let message = LinkUnspec::new_with_index(link.index).mtu(mtu).build();
            let outcome = self.handle.link().set(message).execute().await.map_err(|e| e.to_string());
            self.note(format!("MTU of {}", link.name), outcome);
        }
        if let Some(up) = wanted.up.filter(|up| *up != link.up) {
            let message = LinkUnspec::new_with_index(link.index);
            let message = if up { message.up() } else { message.down() };
            let outcome = self.handle.link().set(message.build()).execute().await.map_err(|e| e.to_string());
            self.note(format!("state of {}", link.name), outcome);
        }
    }

    async fn add_address(&mut self, link: &Link, net: IpNet) {
        let request = self.handle.address().add(link.index, net.addr(), net.prefix_len());
        match request.execute().await {
            Ok(()) => {
                self.ours.insert((link.index, net));
            }
            Err(rtnetlink::Error::NetlinkError(e)) if e.raw_code() == -17 => {}
            Err(e) => self.note(format!("address {net} of {}", link.name), Err(e.to_string())),
        }
    }

    /// Tells a loss once.
    fn note(&mut self, what: String, outcome: Result<(), String>) {
        let Err(reason) = outcome else { return };
        if self.told.insert((what.clone(), reason.clone())) {
            // Never blocks: the other thread may be waiting to hand us a command.
            let _ = self.losses.try_send(Command::Loss { what, reason });
        }
    }
}
