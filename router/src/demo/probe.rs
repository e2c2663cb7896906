//! A packet every millisecond, and an account of those that did not arrive.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::sys::namespace;

const INTERVAL: Duration = Duration::from_millis(1);
/// One a family: an IPv6 socket for all addresses takes IPv4, too.
const PORTS: [u16; 2] = [7007, 7008];

/// Packets that still travel when counting ends get this long.
const GRACE: Duration = Duration::from_millis(300);

/// What was lost of one family.
pub struct Loss {
    /// `IPv4` or `IPv6`.
    pub family: &'static str,
    /// Packets sent.
    pub sent: usize,
    /// Packets that did not arrive.
    pub lost: usize,
    /// The longest time without an arrival, by the sender's clock.
    pub longest: Duration,
}

struct Flow {
    family: &'static str,
    sent: Arc<AtomicU64>,
    seen: Arc<Mutex<Vec<bool>>>,
    first: u64,
}

/// Senders and receivers for both families.
pub struct Probe {
    flows: Vec<Flow>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Probe {
    /// Sends from the namespace of one process to that of another.
    pub fn start(from: u32, to: u32) -> io::Result<Probe> {
        let mut probe = Probe { flows: Vec::new(), stop: Arc::default(), threads: Vec::new() };
        let v4 = (IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1)), IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let v6 = (
            IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0x100, 0, 0, 0, 0, 1)),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        );
        for ((family, (target, any)), port) in [("IPv4", v4), ("IPv6", v6)].into_iter().zip(PORTS) {
            let receiver = namespace::udp_socket(to, SocketAddr::new(any, port))?;
            let sender = namespace::udp_socket(from, SocketAddr::new(any, 0))?;
            probe.add(family, sender, receiver, SocketAddr::new(target, port))?;
        }
        Ok(probe)
    }

    fn add(
        &mut self,
        family: &'static str,
        sender: UdpSocket,
        receiver: UdpSocket,
        to: SocketAddr,
    ) -> io::Result<()> {
        let flow = Flow { family, sent: Arc::default(), seen: Arc::default(), first: 0 };
        let (sent, stop) = (flow.sent.clone(), self.stop.clone());
        self.threads.push(std::thread::spawn(move || send(&sender, to, &sent, &stop)));
        let (seen, stop) = (flow.seen.clone(), self.stop.clone());
        receiver.set_read_timeout(Some(Duration::from_millis(50)))?;
        self.threads.push(std::thread::spawn(move || receive(&receiver, &seen, &stop)));
        self.flows.push(flow);
        Ok(())
    }

    /// Whether the last packets of all flows arrived.
    pub fn arrives(&self) -> bool {
        self.flows.iter().all(|f| {
            let sent = f.sent.load(Ordering::Relaxed) as usize;
            let seen = f.seen.lock().unwrap_or_else(PoisonError::into_inner);
            sent > 200 && seen.get(sent - 150..sent - 50).is_some_and(|s| s.iter().all(|x| *x))
        })
    }

    /// Begins to count.
    pub fn begin(&mut self) {
        for flow in &mut self.flows {
            flow.first = flow.sent.load(Ordering::Relaxed);
        }
        std::thread::sleep(GRACE);
    }

    /// Ends counting.
    pub fn end(&mut self) -> Vec<Loss> {
        std::thread::sleep(GRACE);
        let ends: Vec<u64> = self.flows.iter().map(|f| f.sent.load(Ordering::Relaxed)).collect();
        std::thread::sleep(GRACE);
        self.flows
            .iter()
            .zip(ends)
            .map(|(flow, end)| {
                let seen = flow.seen.lock().unwrap_or_else(PoisonError::into_inner);
                let arrived = |n: u64| seen.get(n as usize).copied().unwrap_or(false);
                let (mut lost, mut run, mut longest) = (0, 0, 0);
                for n in flow.first..end {
                    run = if arrived(n) { 0 } else { run + 1 };
                    lost += usize::from(!arrived(n));
                    longest = longest.max(run);
                }
                Loss {
                    family: flow.family,
                    sent: (end - flow.first) as usize,
                    lost,
                    longest: INTERVAL * longest,
                }
            })
            .collect()
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn send(socket: &UdpSocket, to: SocketAddr, sent: &AtomicU64, stop: &AtomicBool) {
    let start = Instant::now();
    for n in 0u64.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        // A packet that the kernel refuses for want of a route is lost like any other.
        let _ = socket.send_to(&n.to_be_bytes(), to);
        sent.store(n + 1, Ordering::Relaxed);
        let due = start + INTERVAL * (n as u32).wrapping_add(1);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}

fn receive(socket: &UdpSocket, seen: &Mutex<Vec<bool>>, stop: &AtomicBool) {
    let mut buffer = [0; 8];
    while !stop.load(Ordering::Relaxed) {
        if let Ok((8, _)) = socket.recv_from(&mut buffer) {
            let n = u64::from_be_bytes(buffer) as usize;
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            // Nobody sends for longer than some hours.
            if n < 100_000_000 {
                if seen.len() <= n {
                    seen.resize(n + 1, false);
                }
                seen[n] = true;
            }
        }
    }
}
