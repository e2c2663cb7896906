//! TCP options of BGP sessions: MD5 signatures (RFC 2385), the least TTL (RFC 5082).

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

/// Longest key (`TCP_MD5SIG_MAXKEYLEN` in linux/tcp.h).
pub const MD5_KEY_MAX: usize = 80;

/// `struct tcp_md5sig` of linux/tcp.h.
#[repr(C)]
struct TcpMd5Sig {
    addr: libc::sockaddr_storage,
    flags: u8,
    prefix_len: u8,
    key_len: u16,
    ifindex: i32,
    key: [u8; MD5_KEY_MAX],
}

const _: () = assert!(size_of::<TcpMd5Sig>() == 216);

/// `TCP_MD5SIG_FLAG_PREFIX`: the key serves all addresses of a prefix.
const FLAG_PREFIX: u8 = 1;
const TCP_MD5SIG_EXT: libc::c_int = 32;

fn set<T>(fd: BorrowedFd<'_>, level: libc::c_int, name: libc::c_int, value: &T) -> io::Result<()> {
    // SAFETY: `value` is a live reference to a T, and its size is passed with it.
    let done = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            level,
            name,
            std::ptr::from_ref(value).cast(),
            size_of::<T>() as libc::socklen_t,
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn address(addr: IpAddr) -> libc::sockaddr_storage {
    // SAFETY: sockaddr_storage is plain data for which all zeroes is a value.
    let mut storage: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
    let target = std::ptr::from_mut(&mut storage);
    match addr {
        IpAddr::V4(v4) => {
            let sin = libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: 0,
                sin_addr: libc::in_addr { s_addr: u32::from(v4).to_be() },
                sin_zero: [0; 8],
            };
            // SAFETY: sockaddr_storage is at least as large as and aligned for any sockaddr.
            unsafe { target.cast::<libc::sockaddr_in>().write(sin) };
        }
        IpAddr::V6(v6) => {
            let sin6 = libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: 0,
                sin6_flowinfo: 0,
                sin6_addr: libc::in6_addr { s6_addr: v6.octets() },
                sin6_scope_id: 0,
            };
            // SAFETY: as above.
            unsafe { target.cast::<libc::sockaddr_in6>().write(sin6) };
        }
    }
    storage
}

/// Signs segments to and from an address or prefix with a key; an empty key removes it. The socket is of the
/// address's family. Keys longer than [`MD5_KEY_MAX`] are refused.
pub fn set_md5(fd: BorrowedFd<'_>, addr: IpAddr, prefix_len: Option<u8>, key: &[u8]) -> io::Result<()> {
    let mut sig = TcpMd5Sig {
        addr: address(addr),
        flags: if prefix_len.is_some() { FLAG_PREFIX } else { 0 },
        prefix_len: prefix_len.unwrap_or(0),
        key_len: key.len() as u16,
        ifindex: 0,
        key: [0; MD5_KEY_MAX],
    };
    match sig.key.get_mut(..key.len()) {
        Some(room) => room.copy_from_slice(key),
        None => return Err(io::Error::new(io::ErrorKind::InvalidInput, "the key is longer than 80 octets")),
    }
    set(fd, libc::IPPROTO_TCP, TCP_MD5SIG_EXT, &sig)
}

/// How long the other end of a connection takes to answer, as TCP estimates it (`TCP_INFO`).
pub fn round_trip(fd: BorrowedFd<'_>) -> io::Result<Duration> {
    // SAFETY: tcp_info is plain data for which all zeroes is a value.
    let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
    let mut length = size_of::<libc::tcp_info>() as libc::socklen_t;
    // SAFETY: `info` is live and writable for the `length` octets that are passed with it.
    let done = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            std::ptr::from_mut(&mut info).cast(),
            &raw mut length,
        )
    };
    if done == 0 {
        Ok(Duration::from_micros(u64::from(info.tcpi_rtt)))
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Drops segments whose TTL or hop limit is below `least` (RFC 5082).
pub fn set_min_ttl(fd: BorrowedFd<'_>, v6: bool, least: u8) -> io::Result<()> {
    let value = libc::c_int::from(least);
    if v6 {
        set(fd, libc::IPPROTO_IPV6, libc::IPV6_MINHOPCOUNT, &value)
    } else {
        set(fd, libc::IPPROTO_IP, libc::IP_MINTTL, &value)
    }
}
