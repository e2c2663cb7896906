//! Netlink sockets set up for commands and for watching.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use socket2::{SockFilter, SockRef};

use crate::netlink::constants::*;

/// Enlarges a receive buffer beyond the system's limit (`SO_RCVBUFFORCE`); needs a privilege and a
/// system call that this crate does not make itself.
pub type ForceBuffer = fn(BorrowedFd<'_>, usize) -> io::Result<()>;

/// A route socket with acknowledgements that do not quote, words with errors, strict dumps.
pub fn open(buffer: usize, force: Option<ForceBuffer>) -> io::Result<(Socket, u32)> {
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    let port = socket.bind_auto()?.port_number();
    socket.set_cap_ack(true)?;
    socket.set_ext_ack(true)?;
    socket.set_netlink_get_strict_chk(true)?;
    let size = i32::try_from(buffer).unwrap_or(i32::MAX);
    let forced = force.is_some_and(|force| force(socket.as_fd(), buffer).is_ok());
    if !forced {
        socket.set_rx_buf_sz(size)?;
    }
    Ok((socket, port))
}

/// The command socket: connected to the kernel, with a bound on the wait for a reply.
pub fn command(buffer: usize, force: Option<ForceBuffer>) -> io::Result<(Socket, u32)> {
    let (socket, port) = open(buffer, force)?;
    socket.connect(&SocketAddr::new(0, 0))?;
    SockRef::from(&socket).set_read_timeout(Some(Duration::from_secs(5)))?;
    Ok((socket, port))
}

/// The watching socket: every group that matters, without what `own_port` caused.
pub fn monitor(buffer: usize, force: Option<ForceBuffer>, own_port: u32) -> io::Result<Socket> {
    let (socket, _) = open(buffer, force)?;
    let sock = SockRef::from(&socket);
    sock.attach_filter(&not_from(own_port))?;
    sock.set_read_timeout(Some(Duration::from_millis(300)))?;
    for group in [
        RTNLGRP_LINK,
        RTNLGRP_IPV4_IFADDR,
        RTNLGRP_IPV6_IFADDR,
        RTNLGRP_IPV4_ROUTE,
        RTNLGRP_IPV6_ROUTE,
        RTNLGRP_NEXTHOP,
    ] {
        match socket.add_membership(group) {
            // A kernel without next-hop objects does not know the last group.
            Err(_) if group == RTNLGRP_NEXTHOP => {}
            other => other?,
        }
    }
    Ok(socket)
}

/// Classic BPF: drop messages whose `nlmsg_pid` (offset 12) is `port`. A filter loads words in
/// network order, the header has host order.
fn not_from(port: u32) -> [SockFilter; 4] {
    const LOAD_WORD: u16 = 0x20;
    const JUMP_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    [
        SockFilter::new(LOAD_WORD, 0, 0, 12),
        SockFilter::new(JUMP_EQUAL, 0, 1, port.to_be()),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ]
}
