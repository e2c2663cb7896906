//! The BGP port: takes connections and hands each to the neighbour that it is from.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;

use socket2::SockRef;

use super::guard::{self, Rule};
use super::peers::Peers;
use super::transport;

/// The BGP port.
pub const PORT: u16 = 179;

/// The listeners, one a family, and the keys and filters set on them.
#[derive(Default)]
pub struct Listeners {
    sockets: Mutex<Vec<Arc<TcpListener>>>,
}

impl Listeners {
    /// Opens the listeners that are not open yet. Must be called on the runtime.
    pub fn open(&self, peers: &Peers) -> io::Result<()> {
        let mut sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        for address in [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)] {
            let open = |l: &Arc<TcpListener>| l.local_addr().is_ok_and(|a| a.is_ipv4() == address.is_ipv4());
            if sockets.iter().any(open) {
                continue;
            }
            let listener = match transport::listen(SocketAddr::new(address, PORT)) {
                Ok(listener) => Arc::new(listener),
                // A kernel without IPv6 still runs IPv4 sessions.
                Err(error) if address.is_ipv6() && error.raw_os_error() == Some(libc::EAFNOSUPPORT) => {
                    continue;
                }
                Err(error) => return Err(error),
            };
            sockets.push(listener.clone());
            tokio::spawn(accept(listener, peers.clone()));
        }
        Ok(())
    }

    /// Sets or removes a neighbour's or range's key.
    pub fn key(&self, addr: IpAddr, len: Option<u8>, key: Option<&str>) -> io::Result<()> {
        let sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        for listener in sockets.iter() {
            if listener.local_addr()?.is_ipv4() == addr.is_ipv4() {
                transport::listener_key(listener.as_ref(), addr, len, key)?;
            }
        }
        Ok(())
    }

    /// Sets who may be how far away; the first rule that fits counts.
    pub fn guard(&self, rules: &[Rule]) -> io::Result<()> {
        let sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        for listener in sockets.iter() {
            let v6 = listener.local_addr()?.is_ipv6();
            let filter = guard::program(rules, v6).ok_or(io::ErrorKind::ArgumentListTooLong)?;
            SockRef::from(listener.as_ref()).attach_filter(&filter)?;
        }
        Ok(())
    }
}

async fn accept(listener: Arc<TcpListener>, peers: Peers) {
    loop {
        match listener.accept().await {
            Ok((stream, remote)) => peers.accepted(stream, remote),
            Err(error) => {
                // Out of descriptors, most likely: give the others a moment, do not spin.
                tracing::warn!(%error, "BGP: cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}
