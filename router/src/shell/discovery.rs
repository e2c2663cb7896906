//! Router advertisements of the interfaces themselves, sent and heard (RFC 4861): hosts find us by them, and
//! neighbours that are configured by interface find each other. Those of virtual routers are sent by the thread of
//! VRRP instead.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv6Addr, SocketAddrV6};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bgp::types::is_link_local;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use vrrp::{RouterAdvertisement, announce};

use super::netdevs::Netdevs;
use super::peers::Peers;
use crate::config::model::{Config, PeerId};
use crate::gateway;
use crate::sys::ontime::{self, FrameSocket};

const ROUTER_SOLICITATION: u8 = 133;
const ROUTER_ADVERTISEMENT: u8 = 134;
const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);

/// The first advertisements follow each other quickly, so that neighbours find each other at once.
const INITIAL: Duration = Duration::from_secs(1);
const INITIAL_COUNT: u32 = 3;

/// The least time between two advertisements, however many ask (RFC 4861 section 10, MIN_DELAY_BETWEEN_RAS).
const LEAST: Duration = Duration::from_secs(1);

/// What is said on an interface.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Link {
    ifindex: u32,
    mac: [u8; 6],
    source: Ipv6Addr,
    advertisement: RouterAdvertisement,
}

/// The interfaces that advertise, each with a task of its own.
#[derive(Default)]
pub struct Discovery {
    links: Mutex<BTreeMap<String, (Link, JoinHandle<()>)>>,
}

impl Discovery {
    /// Starts and stops tasks as configuration and interfaces ask for. Must be called on the runtime.
    pub fn configure(&self, peers: &Peers, config: &Config, netdevs: &Netdevs) {
        let wanted = wanted(config, netdevs);
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        links.retain(|name, (link, task)| {
            let stays = wanted.get(name) == Some(link) && !task.is_finished();
            if !stays {
                task.abort();
            }
            stays
        });
        for (name, link) in wanted {
            links.entry(name).or_insert_with_key(|name| {
                let task = tokio::spawn(attend(name.clone(), link.clone(), peers.clone()));
                (link, task)
            });
        }
    }
}

/// Interfaces with a neighbour on them, or with `no ipv6 nd suppress-ra` and no virtual router that speaks for them.
fn wanted(config: &Config, netdevs: &Netdevs) -> BTreeMap<String, Link> {
    let neighbors = config.bgp.iter().flat_map(|bgp| bgp.neighbors.keys()).filter_map(|id| match id {
        PeerId::Interface(name) => Some(name),
        PeerId::Address(_) => None,
    });
    let told = config.interfaces.iter().filter(|(_, interface)| {
        interface.nd.advertise && interface.vrrp.values().all(|group| group.ipv6.is_empty())
    });
    neighbors
        .chain(told.map(|(name, _)| name))
        .filter_map(|name| {
            let link = netdevs.by_name(name).filter(|l| l.usable())?;
            let options = config.interfaces.get(name).cloned().unwrap_or_default();
            let advertisement = gateway::advertisement(&options);
            let source = netdevs.link_local(link.index)?;
            Some((name.clone(), Link { ifindex: link.index, mac: link.mac?, source, advertisement }))
        })
        .collect()
}

async fn attend(name: String, link: Link, peers: Peers) {
    if let Err(error) = converse(&name, &link, &peers).await {
        tracing::warn!(interface = name, %error, "cannot send or hear router advertisements");
    }
}

/// Asks who is there, says that we are, and tells of routers that are heard. Ends by an error only.
async fn converse(name: &str, link: &Link, peers: &Peers) -> io::Result<()> {
    // Any datagram socket does for waiting.
    let socket = UdpSocket::from_std(open(name, link)?.into())?;
    let frames = FrameSocket::open()?;
    let frame = announce::router_advertisement(link.mac, link.source, &link.advertisement);
    solicit(&SockRef::from(&socket), link.ifindex);
    let (mut sent, mut last) = (0, None::<Instant>);
    let mut next = Instant::now();
    loop {
        let heard = tokio::select! {
            ready = socket.readable() => {
                ready?;
                match socket.try_io(Interest::READABLE, || receive(socket.as_fd())) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                    heard => heard?,
                }
            }
            () = tokio::time::sleep_until(next) => {
                if let Err(error) = frames.send(link.ifindex, &frame) {
                    tracing::debug!(interface = name, %error, "a router advertisement was not sent");
                }
                sent += 1;
                let now = Instant::now();
                last = Some(now);
                let interval = Duration::from_nanos(link.advertisement.interval).max(LEAST);
                next = now + if sent < INITIAL_COUNT { INITIAL.min(interval) } else { interval };
                continue;
            }
        };
        match heard {
            Heard::Router(source) if source != link.source => peers.heard(name, source),
            Heard::Question => next = next.min(last.map_or(next, |at| at + LEAST).max(Instant::now())),
            Heard::Router(_) | Heard::Other => {}
        }
    }
}

/// What came.
enum Heard {
    /// An advertisement of a router.
    Router(Ipv6Addr),
    /// A solicitation.
    Question,
    /// Nothing that concerns us.
    Other,
}

/// A raw socket for neighbour discovery on one interface.
fn open(name: &str, link: &Link) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::ICMPV6))?;
    ontime::only_icmpv6(socket.as_fd(), &[ROUTER_SOLICITATION, ROUTER_ADVERTISEMENT])?;
    socket.set_nonblocking(true)?;
    socket.bind_device(Some(name.as_bytes()))?;
    socket.set_multicast_hops_v6(255)?;
    socket.set_multicast_loop_v6(false)?;
    ontime::want_ipv6_header(socket.as_fd())?;
    socket.join_multicast_v6(&ALL_ROUTERS, link.ifindex)?;
    Ok(socket)
}

/// Asks routers to advertise. That they do so by themselves in a while is enough if this is lost.
fn solicit(socket: &Socket, ifindex: u32) {
    let to = SocketAddrV6::new(ALL_ROUTERS, 0, 0, ifindex);
    if let Err(error) = socket.send_to(&[ROUTER_SOLICITATION, 0, 0, 0, 0, 0, 0, 0], &to.into()) {
        tracing::debug!(%error, "a router solicitation was not sent");
    }
}

/// The next message. Both kinds must come from the link (RFC 4861 sections 6.1.1 and 6.1.2).
fn receive(socket: BorrowedFd<'_>) -> io::Result<Heard> {
    let mut buffer = [0; 1500];
    let received = ontime::receive_v6(socket, &mut buffer)?;
    let message = buffer.get(..received.length).unwrap_or(&[]);
    Ok(match message {
        _ if received.hop_limit != Some(255) => Heard::Other,
        [ROUTER_ADVERTISEMENT, 0, ..] if message.len() >= 16 && is_link_local(&received.source) => {
            Heard::Router(received.source)
        }
        [ROUTER_SOLICITATION, 0, ..] if message.len() >= 8 => Heard::Question,
        _ => Heard::Other,
    })
}
