//! Raw sockets for VRRP packets, one per interface and family.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsFd, BorrowedFd};

use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};
use vrrp::wire::PROTOCOL;
use vrrp::{Family, Packet};

use crate::sys::ontime;

/// A socket that hears the group of its family on one interface.
#[derive(Debug)]
pub struct Receiver {
    socket: Socket,
    family: Family,
    buffer: Vec<u8>,
}

impl Receiver {
    /// Opens it, bound to the interface, and joins the group there.
    pub fn open(family: Family, name: &str, index: u32) -> io::Result<Receiver> {
        let domain = match family {
            Family::V4 => Domain::IPV4,
            Family::V6 => Domain::IPV6,
        };
        let socket = Socket::new(domain, Type::RAW, Some(Protocol::from(i32::from(PROTOCOL))))?;
        socket.set_nonblocking(true)?;
        socket.bind_device(Some(name.as_bytes()))?;
        match family.destination() {
            IpAddr::V4(group) => {
                socket.set_multicast_all_v4(false)?;
                socket.join_multicast_v4_n(&group, &InterfaceIndexOrAddress::Index(index))?;
            }
            IpAddr::V6(group) => {
                // Since Linux 4.20; without it other groups are told apart by the destination.
                let _ = ontime::only_own_groups_v6(socket.as_fd());
                ontime::want_ipv6_header(socket.as_fd())?;
                socket.join_multicast_v6(&group, index)?;
            }
        }
        Ok(Receiver { socket, family, buffer: vec![0; 2048] })
    }

    /// The next packet, or `None` if there is none now.
    pub fn next(&mut self) -> Option<Packet<'_>> {
        match self.family {
            Family::V4 => self.next_v4(),
            Family::V6 => self.next_v6(),
        }
    }

    fn next_v4(&mut self) -> Option<Packet<'_>> {
        use std::io::Read;
        let length = loop {
            match (&self.socket).read(&mut self.buffer) {
                Ok(length) => break length,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        };
        let bytes = self.buffer.get(..length)?;
        let head: &[u8; 20] = bytes.first_chunk()?;
        let [first, ..] = *head;
        let address = |at: usize| -> Option<IpAddr> {
            let octets: [u8; 4] = head.get(at..at + 4)?.try_into().ok()?;
            Some(IpAddr::V4(Ipv4Addr::from(octets)))
        };
        Some(Packet {
            source: address(12)?,
            destination: address(16)?,
            hop_limit: *head.get(8)?,
            payload: bytes.get(usize::from(first & 0x0f) * 4..).unwrap_or_default(),
        })
    }

    fn next_v6(&mut self) -> Option<Packet<'_>> {
        let received = loop {
            match ontime::receive_v6(self.socket.as_fd(), &mut self.buffer) {
                Ok(received) => break received,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        };
        Some(Packet {
            source: IpAddr::V6(received.source),
            destination: received.destination.map_or(Family::V6.destination(), IpAddr::V6),
            hop_limit: received.hop_limit.unwrap_or(0),
            payload: self.buffer.get(..received.length).unwrap_or_default(),
        })
    }
}

impl AsFd for Receiver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
