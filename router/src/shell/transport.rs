//! TCP sockets of BGP sessions: made, marked and protected as the neighbour's configuration says.

use std::io;
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::os::fd::AsFd;
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::sys;

/// DSCP CS6, network control (RFC 4594 section 3.2), as FRR sets it.
pub const CONTROL: u8 = 0xc0;

/// TTL and hop limit of what a listener says. A SYN is answered before anyone looks whose it is, and a neighbour that
/// guards its end by the TTL (RFC 5082) takes nothing else.
const FARTHEST: u32 = 255;

/// How to reach a neighbour and how to guard the connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transport {
    /// The neighbour, with the scope of a link-local address.
    pub peer: SocketAddr,
    /// Our end; `None` leaves it to the kernel.
    pub local: Option<IpAddr>,
    /// TTL or hop limit of what we send.
    pub ttl: u8,
    /// Least TTL or hop limit of what we take (RFC 5082).
    pub min_ttl: Option<u8>,
    /// TCP MD5 key (RFC 2385).
    pub password: Option<String>,
    /// Maximum segment size.
    pub mss: Option<u16>,
    /// Traffic class, of new connections.
    pub class: u8,
}

impl Transport {
    /// Whether connections of the one need not make way for those of the other.
    pub fn serves(&self, other: &Transport) -> bool {
        *self == Transport { class: self.class, ..other.clone() }
    }
}

fn mark(socket: &SockRef<'_>, v6: bool, transport: &Transport) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    if v6 {
        socket.set_tclass_v6(u32::from(transport.class))?;
        socket.set_unicast_hops_v6(u32::from(transport.ttl))?;
    } else {
        socket.set_tos_v4(u32::from(transport.class))?;
        socket.set_ttl_v4(u32::from(transport.ttl))?;
    }
    if let Some(least) = transport.min_ttl {
        sys::tcp::set_min_ttl(socket.as_fd(), v6, least)?;
    }
    Ok(())
}

/// What TCP knows of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TcpFacts {
    /// Largest segment that is sent.
    pub mss: u32,
    /// Estimated round trip time.
    pub round_trip: Duration,
}

/// What TCP knows of a connection; `None` when it is gone.
pub fn facts(stream: &TcpStream) -> Option<TcpFacts> {
    let mss = SockRef::from(stream).tcp_mss().ok()?;
    let round_trip = sys::tcp::round_trip(stream.as_fd()).ok()?;
    Some(TcpFacts { mss, round_trip })
}

/// How soon a neighbour that cannot be reached for want of a route is tried again within one attempt of the session.
const UNREACHABLE: Duration = Duration::from_millis(250);

/// How long a SYN may go unanswered. TCP asks again after 1, 3, 7, 15, 31 seconds; a new socket starts over, so that
/// a neighbour that comes back is found within four.
const UNANSWERED: Duration = Duration::from_secs(8);

/// Connects to a neighbour, as often as it takes: interfaces that are still coming up and neighbours that are silent
/// for a while cost a moment, not a whole connect retry time. The session gives the attempt up when that has passed.
/// Fails when the neighbour refuses.
pub async fn dial(transport: Transport) -> io::Result<TcpStream> {
    loop {
        match tokio::time::timeout(UNANSWERED, try_dial(&transport)).await {
            Err(_) => {}
            Ok(Err(error))
                if matches!(
                    error.kind(),
                    io::ErrorKind::NetworkUnreachable
                        | io::ErrorKind::HostUnreachable
                        | io::ErrorKind::AddrNotAvailable
                ) =>
            {
                tokio::time::sleep(UNREACHABLE).await;
            }
            Ok(done) => return done,
        }
    }
}

async fn try_dial(transport: &Transport) -> io::Result<TcpStream> {
    let v6 = transport.peer.is_ipv6();
    let socket = if v6 { TcpSocket::new_v6()? } else { TcpSocket::new_v4()? };
    {
        let sock = SockRef::from(&socket);
        mark(&sock, v6, transport)?;
        if let Some(mss) = transport.mss {
            sock.set_tcp_mss(u32::from(mss))?;
        }
        if let Some(key) = &transport.password {
            sys::tcp::set_md5(socket.as_fd(), transport.peer.ip(), None, key.as_bytes())?;
        }
    }
    if let Some(local) = transport.local {
        let scope = match transport.peer {
            SocketAddr::V6(p) => p.scope_id(),
            SocketAddr::V4(_) => 0,
        };
        let local = match local {
            IpAddr::V4(_) => SocketAddr::new(local, 0),
            IpAddr::V6(v6) => SocketAddrV6::new(v6, 0, 0, scope).into(),
        };
        socket.bind(local)?;
    } else if let SocketAddr::V6(peer) = transport.peer
        && !peer.ip().is_unicast_link_local()
        && source_towards(peer)?.is_unicast_link_local()
    {
        return Err(io::ErrorKind::AddrNotAvailable.into());
    }
    socket.connect(transport.peer).await
}

/// The address that the kernel would speak from. A link-local one, towards a neighbour that is named by a global
/// address, means that ours is still being looked at for duplicates (RFC 4862 section 5.4): it would not know us.
fn source_towards(peer: SocketAddrV6) -> io::Result<Ipv6Addr> {
    // Nothing is sent by this.
    let socket = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0))?;
    socket.connect(peer)?;
    match socket.local_addr()?.ip() {
        IpAddr::V6(addr) => Ok(addr),
        IpAddr::V4(addr) => Ok(addr.to_ipv6_mapped()),
    }
}

/// Marks a connection that a neighbour made.
pub fn adopt(stream: &TcpStream, transport: &Transport) -> io::Result<()> {
    mark(&SockRef::from(stream), transport.peer.is_ipv6(), transport)
}

/// Whether bytes have come that nobody has read yet. Asks the socket itself, not the runtime, which may not have looked.
pub fn unread(stream: &TcpStream) -> bool {
    SockRef::from(stream).peek(&mut [MaybeUninit::uninit()]).is_ok_and(|octets| octets > 0)
}

/// Ends a connection after what was written to it has gone out; the socket waits for that no longer than a second.
pub fn linger(stream: &TcpStream) {
    let _ = SockRef::from(stream).set_linger(Some(Duration::from_secs(1)));
}

/// A listener for one family.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
        socket.set_tclass_v6(u32::from(CONTROL))?;
        socket.set_unicast_hops_v6(FARTHEST)?;
    } else {
        socket.set_tos_v4(u32::from(CONTROL))?;
        socket.set_ttl_v4(FARTHEST)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(256)?;
    TcpListener::from_std(socket.into())
}

/// Sets or removes (`None`) the key for an address or prefix on a listener.
pub fn listener_key(
    listener: &impl AsFd,
    addr: IpAddr,
    len: Option<u8>,
    key: Option<&str>,
) -> io::Result<()> {
    let done = sys::tcp::set_md5(listener.as_fd(), addr, len, key.unwrap_or("").as_bytes());
    match done {
        // Nothing to remove.
        Err(error) if key.is_none() && error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_neighbour_that_takes_nothing_but_the_highest_ttl_reaches_a_listener() {
        for any in ["127.0.0.1:0", "[::1]:0"] {
            let listener = listen(any.parse().unwrap()).unwrap();
            let peer = listener.local_addr().unwrap();
            let transport = Transport {
                peer,
                local: None,
                ttl: 255,
                min_ttl: Some(255),
                password: None,
                mss: None,
                class: CONTROL,
            };
            let dialled = tokio::time::timeout(Duration::from_secs(20), try_dial(&transport)).await;
            assert_eq!(dialled.unwrap().unwrap().peer_addr().unwrap(), peer);
        }
    }
}
