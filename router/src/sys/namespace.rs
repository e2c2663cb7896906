//! Network namespaces for the demonstration: children that start in one of their own or in somebody else's, and
//! that end with their parent.

use std::fs::File;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Which namespace a child starts in.
#[derive(Debug)]
pub enum Namespace {
    /// A new one.
    New,
    /// That of a process.
    Of(u32),
}

fn check(done: libc::c_int) -> io::Result<()> {
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Makes a command start in a network namespace, and die when the thread that spawns it dies.
pub fn place(command: &mut Command, namespace: Namespace) -> io::Result<()> {
    let target = match namespace {
        Namespace::New => None,
        Namespace::Of(pid) => Some(File::open(format!("/proc/{pid}/ns/net"))?),
    };
    let enter = move || {
        // SAFETY: prctl, unshare and setns with these arguments touch no memory of ours; all three may be called
        // between fork and exec.
        unsafe {
            check(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL))?;
            match &target {
                None => check(libc::unshare(libc::CLONE_NEWNET)),
                Some(file) => check(libc::setns(file.as_raw_fd(), libc::CLONE_NEWNET)),
            }
        }
    };
    // SAFETY: the closure makes system calls only: no allocation, no locks.
    unsafe { command.pre_exec(enter) };
    Ok(())
}

/// Opens a UDP socket in the network namespace of a process. A thread goes there for it; the socket stays.
pub fn udp_socket(pid: u32, bind: SocketAddr) -> io::Result<UdpSocket> {
    let target = File::open(format!("/proc/{pid}/ns/net"))?;
    let opened = std::thread::spawn(move || {
        // SAFETY: setns touches no memory of ours and moves this thread only, which ends right after.
        check(unsafe { libc::setns(target.as_raw_fd(), libc::CLONE_NEWNET) })?;
        UdpSocket::bind(bind)
    });
    opened.join().unwrap_or_else(|_| Err(io::Error::other("the thread that opens the socket ended")))
}

/// Sends a signal to a process.
pub fn kill(pid: u32, signal: i32) -> io::Result<()> {
    // SAFETY: kill touches no memory.
    check(unsafe { libc::kill(pid as libc::pid_t, signal) })
}

/// Whether we are root, as far as the kernel's own checks go.
pub fn is_root() -> bool {
    // SAFETY: geteuid cannot fail and touches no memory.
    unsafe { libc::geteuid() == 0 }
}
