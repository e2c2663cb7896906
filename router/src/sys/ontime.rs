//! Calls of the thread that must be on time: waiting, packets with their hop limit, raw frames,
//! scheduling; and the forced receive buffer of netlink sockets.

use std::io;
use std::mem::MaybeUninit;
use std::net::Ipv6Addr;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn check_size(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

fn set(fd: BorrowedFd<'_>, level: libc::c_int, name: libc::c_int, value: libc::c_int) -> io::Result<()> {
    // SAFETY: the value is a live local whose size is passed with it.
    let done = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            level,
            name,
            (&raw const value).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    check(done).map(drop)
}

/// `SO_RCVBUFFORCE`: a receive buffer beyond `net.core.rmem_max`; needs CAP_NET_ADMIN in the initial
/// user namespace.
pub fn force_receive_buffer(fd: BorrowedFd<'_>, bytes: usize) -> io::Result<()> {
    let value = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
    set(fd, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, value)
}

/// Asks for the hop limit and the destination with each IPv6 packet (RFC 3542).
pub fn want_ipv6_header(fd: BorrowedFd<'_>) -> io::Result<()> {
    set(fd, libc::IPPROTO_IPV6, libc::IPV6_RECVHOPLIMIT, 1)?;
    set(fd, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1)
}

/// Multicast only of the groups that this socket joined (`IPV6_MULTICAST_ALL` off).
pub fn only_own_groups_v6(fd: BorrowedFd<'_>) -> io::Result<()> {
    const IPV6_MULTICAST_ALL: libc::c_int = 29;
    set(fd, libc::IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0)
}

/// Lets only these types of ICMPv6 messages through to a raw socket (`ICMPV6_FILTER`, RFC 3542 section 3.2).
pub fn only_icmpv6(fd: BorrowedFd<'_>, types: &[u8]) -> io::Result<()> {
    const ICMPV6_FILTER: libc::c_int = 1;
    // A bit that is set blocks its type.
    let mut filter = [u32::MAX; 8];
    for kind in types {
        if let Some(word) = filter.get_mut(usize::from(kind / 32)) {
            *word &= !(1 << (kind % 32));
        }
    }
    // SAFETY: the filter is live and its size is passed with it.
    let done = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::IPPROTO_ICMPV6,
            ICMPV6_FILTER,
            (&raw const filter).cast(),
            size_of_val(&filter) as libc::socklen_t,
        )
    };
    check(done).map(drop)
}

/// Waits until one of the descriptors can be read, or the time is up; `None` waits for ever.
/// Says for each whether it can be read (or has failed, which a read tells).
pub fn wait(fds: &[BorrowedFd<'_>], time: Option<Duration>) -> io::Result<Vec<bool>> {
    let mut list: Vec<libc::pollfd> =
        fds.iter().map(|fd| libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 }).collect();
    let time = time.map(|time| libc::timespec {
        tv_sec: libc::time_t::try_from(time.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: libc::c_long::from(time.subsec_nanos() as i32),
    });
    let time = time.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: the list and its length belong together, the time is null or a live local, and a null
    // signal mask leaves the mask as it is.
    let done = unsafe { libc::ppoll(list.as_mut_ptr(), list.len() as libc::nfds_t, time, std::ptr::null()) };
    match check(done) {
        Ok(_) => Ok(list.iter().map(|entry| entry.revents != 0).collect()),
        Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(vec![false; fds.len()]),
        Err(e) => Err(e),
    }
}

/// A counter that wakes a waiting thread (eventfd).
#[derive(Debug)]
pub struct Waker(OwnedFd);

impl Waker {
    /// Makes one.
    pub fn new() -> io::Result<Waker> {
        // SAFETY: no pointers; a new descriptor is returned.
        let fd = check(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        // SAFETY: the descriptor is new and nobody else's.
        Ok(Waker(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Wakes whoever waits.
    pub fn wake(&self) {
        let one = 1u64.to_ne_bytes();
        // SAFETY: writes eight bytes from a live local. A full counter is as good as a written one.
        let _ = unsafe { libc::write(self.0.as_raw_fd(), one.as_ptr().cast(), one.len()) };
    }

    /// Sets the counter back.
    pub fn clear(&self) {
        let mut value = [0u8; 8];
        // SAFETY: reads at most eight bytes into a live local.
        let _ = unsafe { libc::read(self.0.as_raw_fd(), value.as_mut_ptr().cast(), value.len()) };
    }
}

impl std::os::fd::AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// An IPv6 packet without its header.
#[derive(Clone, Copy, Debug)]
pub struct Received {
    /// Bytes written to the buffer.
    pub length: usize,
    /// Sender.
    pub source: Ipv6Addr,
    /// Receiver, if told.
    pub destination: Option<Ipv6Addr>,
    /// Hop limit, if told.
    pub hop_limit: Option<u8>,
}

/// Aligned room for control messages.
#[repr(C, align(8))]
struct Control([u8; 256]);

/// Receives from a raw IPv6 socket without waiting.
pub fn receive_v6(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<Received> {
    let mut control = Control([0; 256]);
    let mut name = MaybeUninit::<libc::sockaddr_in6>::zeroed();
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: all-zero is a valid msghdr.
    let mut message: libc::msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
    message.msg_name = name.as_mut_ptr().cast();
    message.msg_namelen = size_of::<libc::sockaddr_in6>() as libc::socklen_t;
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.0.as_mut_ptr().cast();
    message.msg_controllen = control.0.len() as _;
    // SAFETY: the message points to live locals and the caller's buffer, with their sizes.
    let length = check_size(unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut message, libc::MSG_DONTWAIT) })?;
    // SAFETY: zeroed before; the kernel wrote a socket address of this family or nothing.
    let name = unsafe { name.assume_init() };
    let source = Ipv6Addr::from(name.sin6_addr.s6_addr);
    let mut received = Received { length, source, destination: None, hop_limit: None };
    // SAFETY: CMSG_* walk the control buffer within the length that the kernel set; each message is
    // read only after its type, and so its size, was checked; unaligned reads are used.
    unsafe {
        let mut header = libc::CMSG_FIRSTHDR(&raw const message);
        while !header.is_null() {
            match ((*header).cmsg_level, (*header).cmsg_type) {
                (libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT) => {
                    let value = libc::CMSG_DATA(header).cast::<libc::c_int>().read_unaligned();
                    received.hop_limit = u8::try_from(value).ok();
                }
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                    let info = libc::CMSG_DATA(header).cast::<libc::in6_pktinfo>().read_unaligned();
                    received.destination = Some(Ipv6Addr::from(info.ipi6_addr.s6_addr));
                }
                _ => {}
            }
            header = libc::CMSG_NXTHDR(&raw const message, header);
        }
    }
    Ok(received)
}

/// A packet socket that only sends: protocol 0 keeps the kernel from copying frames into it.
#[derive(Debug)]
pub struct FrameSocket(OwnedFd);

impl FrameSocket {
    /// Opens it; needs CAP_NET_RAW.
    pub fn open() -> io::Result<FrameSocket> {
        let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        // SAFETY: no pointers; a new descriptor is returned.
        let fd = check(unsafe { libc::socket(libc::AF_PACKET, kind, 0) })?;
        // SAFETY: the descriptor is new and nobody else's.
        Ok(FrameSocket(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Sends a whole Ethernet frame out of an interface.
    pub fn send(&self, ifindex: u32, frame: &[u8]) -> io::Result<()> {
        // SAFETY: all-zero is a valid sockaddr_ll.
        let mut to: libc::sockaddr_ll = unsafe { MaybeUninit::zeroed().assume_init() };
        to.sll_family = libc::AF_PACKET as libc::c_ushort;
        to.sll_ifindex = libc::c_int::try_from(ifindex).unwrap_or(0);
        to.sll_halen = 6;
        to.sll_protocol =
            frame.get(12..14).and_then(|bytes| bytes.try_into().ok()).map_or(0, u16::from_ne_bytes);
        // SAFETY: the frame and the address are live, and their sizes are passed with them.
        let sent = unsafe {
            libc::sendto(
                self.0.as_raw_fd(),
                frame.as_ptr().cast(),
                frame.len(),
                0,
                (&raw const to).cast(),
                size_of::<libc::sockaddr_ll>() as libc::socklen_t,
            )
        };
        check_size(sent).map(drop)
    }
}
