//! The thread's own netlink sockets: one for its few requests, one that watches links and addresses.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use fib::netlink::constants::{
    NLM_F_ACK, NLM_F_REQUEST, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_LINK,
};
use fib::netlink::{Dump, Encoder, Incoming, Object, decode, encode_dump, messages};
use fib::{Address, Link};
use netlink_sys::Socket;
use netlink_sys::protocols::NETLINK_ROUTE;
use socket2::SockRef;
use vrrp::Family;

/// `IFA_F_*` (`linux/if_addr.h`).
const IFA_F_SECONDARY: u32 = 0x01;
const IFA_F_DADFAILED: u32 = 0x08;
const IFA_F_TENTATIVE: u32 = 0x40;

/// A blocking socket for requests, each acknowledged.
pub struct Requests {
    socket: Socket,
    encoder: Encoder,
    seq: u32,
    /// Sequence numbers of the requests not yet sent.
    pending: Vec<u32>,
}

impl Requests {
    /// Opens it.
    pub fn open() -> io::Result<Requests> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&netlink_sys::SocketAddr::new(0, 0))?;
        socket.set_cap_ack(true)?;
        socket.set_netlink_get_strict_chk(true)?;
        SockRef::from(&socket).set_read_timeout(Some(Duration::from_secs(2)))?;
        Ok(Requests { socket, encoder: Encoder::default(), seq: 0, pending: Vec::new() })
    }

    /// Adds a request to the batch; `body` writes what follows the header.
    pub fn add(&mut self, kind: u16, flags: u16, body: impl FnOnce(&mut Encoder)) {
        self.seq = self.seq.wrapping_add(1);
        self.pending.push(self.seq);
        self.encoder.begin(kind, NLM_F_REQUEST | NLM_F_ACK | flags, self.seq);
        body(&mut self.encoder);
        self.encoder.end();
    }

    /// Sends the batch and gives the error numbers in order, 0 for success.
    pub fn send(&mut self) -> io::Result<Vec<i32>> {
        let pending = std::mem::take(&mut self.pending);
        if pending.is_empty() {
            return Ok(Vec::new());
        }
        let sent = self.socket.send(self.encoder.bytes(), 0);
        self.encoder.clear();
        sent?;
        let mut verdicts: BTreeMap<u32, i32> = BTreeMap::new();
        let mut buffer = Vec::with_capacity(1 << 15);
        while verdicts.len() < pending.len() {
            buffer.clear();
            self.socket.recv(&mut buffer, 0)?;
            for raw in messages(&buffer) {
                if let Incoming::Outcome { seq, errno, .. } = decode(&raw)
                    && pending.contains(&seq)
                {
                    verdicts.insert(seq, errno);
                }
            }
        }
        Ok(verdicts.into_values().collect())
    }

    /// Sends the batch; the first error that is not in `fine`.
    pub fn run(&mut self, fine: &[i32]) -> io::Result<()> {
        match self.send()?.into_iter().find(|errno| *errno != 0 && !fine.contains(errno)) {
            Some(errno) => Err(io::Error::from_raw_os_error(errno)),
            None => Ok(()),
        }
    }

    fn dump(&mut self, what: Dump, model: &mut Model) -> io::Result<()> {
        self.seq = self.seq.wrapping_add(1);
        self.encoder.clear();
        encode_dump(&mut self.encoder, self.seq, what);
        let sent = self.socket.send(self.encoder.bytes(), 0);
        self.encoder.clear();
        sent?;
        let mut buffer = Vec::with_capacity(1 << 16);
        loop {
            buffer.clear();
            self.socket.recv(&mut buffer, 0)?;
            for raw in messages(&buffer) {
                match decode(&raw) {
                    Incoming::Done { .. } => return Ok(()),
                    Incoming::Outcome { errno, .. } if errno != 0 => {
                        return Err(io::Error::from_raw_os_error(errno));
                    }
                    message => model.take(message),
                }
            }
        }
    }

    /// Lists links and addresses anew.
    pub fn fill(&mut self, model: &mut Model) -> io::Result<()> {
        *model = Model::default();
        self.dump(Dump::Links, model)?;
        self.dump(Dump::Addresses, model)
    }
}

/// The socket that watches.
pub struct Monitor {
    socket: Socket,
    buffer: Vec<u8>,
}

impl Monitor {
    /// Opens it.
    pub fn open() -> io::Result<Monitor> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.set_non_blocking(true)?;
        socket.set_rx_buf_sz(1i32 << 20)?;
        for group in [RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR] {
            socket.add_membership(group)?;
        }
        Ok(Monitor { socket, buffer: Vec::with_capacity(1 << 16) })
    }

    /// Takes what has arrived. An error means that something was lost.
    pub fn read(&mut self, model: &mut Model) -> io::Result<bool> {
        let mut any = false;
        loop {
            self.buffer.clear();
            match self.socket.recv(&mut self.buffer, 0) {
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(any),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            }
            any = true;
            for raw in messages(&self.buffer) {
                model.take(decode(&raw));
            }
        }
    }
}

impl AsFd for Monitor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Links and addresses as last seen.
#[derive(Default)]
pub struct Model {
    links: BTreeMap<u32, Link>,
    addresses: Vec<Address>,
}

impl Model {
    fn take(&mut self, message: Incoming) {
        let Incoming::Object { removed, object, .. } = message else { return };
        match object {
            Object::Link(link) if removed => {
                self.links.remove(&link.index);
                self.addresses.retain(|a| a.ifindex != link.index);
            }
            Object::Link(link) => {
                self.links.insert(link.index, link);
            }
            Object::Address(address) => {
                self.addresses.retain(|a| (a.ifindex, a.net) != (address.ifindex, address.net));
                if !removed {
                    self.addresses.push(address);
                }
            }
            Object::Route(_) | Object::Nexthop(_) => {}
        }
    }

    /// The link of this name.
    pub fn by_name(&self, name: &str) -> Option<&Link> {
        self.links.values().find(|link| link.name == name)
    }

    /// The link of this index.
    pub fn by_index(&self, index: u32) -> Option<&Link> {
        self.links.get(&index)
    }

    /// The macvlan with this address on this parent.
    pub fn macvlan(&self, parent: u32, mac: [u8; 6]) -> Option<&Link> {
        self.links.values().find(|link| {
            link.parent == Some(parent) && link.mac == Some(mac) && link.kind.as_deref() == Some("macvlan")
        })
    }

    /// All links.
    pub fn links(&self) -> impl Iterator<Item = &Link> {
        self.links.values()
    }

    /// The addresses of an interface.
    pub fn addresses(&self, index: u32) -> impl Iterator<Item = &Address> {
        self.addresses.iter().filter(move |a| a.ifindex == index)
    }

    /// The interface's own address for advertisements: the link-local one for IPv6; for IPv4 a
    /// primary one, best in the subnet of a virtual address. Never a virtual address, of whichever group, unless we own it.
    pub fn source(&self, index: u32, family: Family, virtuals: &[IpAddr], owner: bool) -> Option<IpAddr> {
        let usable = |a: &&Address| {
            let ip = a.net.addr();
            Family::of(&ip) == family
                && (owner || !virtuals.contains(&ip))
                && !a.is_virtual()
                && match ip {
                    IpAddr::V4(_) => a.flags & IFA_F_SECONDARY == 0,
                    IpAddr::V6(v6) => {
                        v6.is_unicast_link_local() && a.flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED) == 0
                    }
                }
        };
        let near = |a: &&Address| virtuals.iter().any(|v| a.net.contains(v));
        let mut candidates = self.addresses(index).filter(usable);
        let first = candidates.next()?;
        let best = if near(&first) { first } else { candidates.find(near).unwrap_or(first) };
        Some(best.net.addr())
    }
}
