//! Packets through a laboratory: one every millisecond with an account of those that did not arrive, and counts of
//! what reaches a node.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

use crate::Node;
use crate::wait::{PATIENCE, wait_for, wait_ok};

const INTERVAL: Duration = Duration::from_millis(1);

/// This many packets in a row have to arrive before counting begins and after it ends.
const STEADY: u64 = 200;

/// What was lost of one family.
#[derive(Clone, Copy, Debug)]
pub struct Loss {
    /// `IPv4` or `IPv6`.
    pub family: &'static str,
    /// Packets sent.
    pub sent: usize,
    /// Packets that did not arrive.
    pub lost: usize,
    /// The longest time in which every packet was lost, from the sending of the first of them to that of the last
    /// and a packet's interval more. A sender that the machine holds up makes it no longer.
    pub longest: Duration,
}

struct Flow {
    family: &'static str,
    sent: Arc<Mutex<Vec<Instant>>>,
    seen: Arc<Mutex<Vec<bool>>>,
    first: u64,
}

impl Flow {
    /// How many packets have been sent.
    fn sent(&self) -> u64 {
        self.sent.lock().expect("no panic in the sender").len() as u64
    }

    /// Whether the packets from `first` on up to `STEADY` of them have arrived.
    fn arrived(&self, first: u64) -> bool {
        let seen = self.seen.lock().expect("no panic in the receiver");
        let range = first as usize..(first + STEADY) as usize;
        seen.get(range).is_some_and(|s| s.iter().all(|x| *x))
    }
}

/// Senders and receivers of both families.
pub struct Probe {
    flows: Vec<Flow>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Probe {
    /// Sends from one node to addresses of another.
    pub fn start(from: &Node, to: &Node, targets: [IpAddr; 2]) -> Probe {
        let mut probe = Probe { flows: Vec::new(), stop: Arc::default(), threads: Vec::new() };
        for target in targets {
            let receiver = to.enter(|| udp(SocketAddr::new(target, 0)));
            let target = receiver.local_addr().expect("the address of a bound socket");
            let any = if target.is_ipv4() {
                IpAddr::V4(Ipv4Addr::UNSPECIFIED)
            } else {
                IpAddr::V6(Ipv6Addr::UNSPECIFIED)
            };
            let sender = from.enter(|| udp(SocketAddr::new(any, 0)));
            let family = if target.is_ipv4() { "IPv4" } else { "IPv6" };
            let flow = Flow { family, sent: Arc::default(), seen: Arc::default(), first: 0 };
            let (sent, stop) = (flow.sent.clone(), probe.stop.clone());
            probe.threads.push(std::thread::spawn(move || send(&sender, target, &sent, &stop)));
            let (seen, stop) = (flow.seen.clone(), probe.stop.clone());
            probe.threads.push(std::thread::spawn(move || receive(&receiver, &seen, &stop)));
            probe.flows.push(flow);
        }
        probe
    }

    /// Waits until a row of packets of every flow arrives without a gap, and begins to count at its first.
    #[track_caller]
    pub fn begin(&mut self) {
        for flow in &mut self.flows {
            let mut first = flow.sent();
            wait_for(PATIENCE, &format!("{} to flow", flow.family), || {
                let done = flow.arrived(first);
                if !done && flow.sent() > first + 4 * STEADY {
                    first = flow.sent();
                }
                done
            });
            flow.first = first;
        }
    }

    /// Waits until packets flow again and tells what was lost since `begin`.
    #[track_caller]
    pub fn end(&mut self) -> Vec<Loss> {
        let before: Vec<u64> = self.flows.iter().map(|f| f.first).collect();
        self.begin();
        let count = |(flow, first): (&Flow, u64)| {
            let seen = flow.seen.lock().expect("no panic in the receiver");
            let sent = flow.sent.lock().expect("no panic in the sender");
            let range = first as usize..flow.first as usize;
            let lost: Vec<usize> =
                range.clone().filter(|n| !seen.get(*n).copied().unwrap_or(false)).collect();
            let runs = lost.chunk_by(|a, b| a + 1 == *b);
            let long = |run: &[usize]| Some(sent[*run.last()?] - sent[*run.first()?] + INTERVAL);
            let longest = runs.filter_map(long).max().unwrap_or_default();
            Loss { family: flow.family, sent: range.len(), lost: lost.len(), longest }
        };
        self.flows.iter().zip(before).map(count).collect()
    }

    /// What an event costs: counts from before it until `settled` holds and packets flow again. Prints the figures.
    #[track_caller]
    pub fn during(&mut self, what: &str, event: impl FnOnce(), settled: impl FnMut() -> bool) -> Vec<Loss> {
        self.begin();
        event();
        self.settle(what, settled)
    }

    /// What was lost since `begin` until `settled` holds and packets flow again. Prints the figures.
    #[track_caller]
    pub fn settle(&mut self, what: &str, settled: impl FnMut() -> bool) -> Vec<Loss> {
        wait_for(PATIENCE, what, settled);
        let losses = self.end();
        for l in &losses {
            let longest = l.longest.as_millis();
            println!("{what}: {}: {} of {} packets lost, {longest} ms without", l.family, l.lost, l.sent);
        }
        losses
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

fn udp(address: SocketAddr) -> UdpSocket {
    // The node may get its address a little later.
    let socket = wait_ok(PATIENCE, &format!("a socket at {address}"), || UdpSocket::bind(address));
    let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(4 << 20);
    socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a deadline for reading");
    socket
}

fn send(socket: &UdpSocket, to: SocketAddr, sent: &Mutex<Vec<Instant>>, stop: &AtomicBool) {
    let start = Instant::now();
    for n in 0u64.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        sent.lock().expect("nobody panics with it").push(Instant::now());
        // A packet that the kernel refuses for want of a route is lost like any other.
        let _ = socket.send_to(&n.to_be_bytes(), to);
        let due = start + INTERVAL * (n as u32).wrapping_add(1);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}

fn receive(socket: &UdpSocket, seen: &Mutex<Vec<bool>>, stop: &AtomicBool) {
    let mut buffer = [0; 8];
    while !stop.load(Ordering::Relaxed) {
        if let Ok((8, _)) = socket.recv_from(&mut buffer) {
            let n = u64::from_be_bytes(buffer) as usize;
            let mut seen = seen.lock().expect("nobody panics with it");
            if seen.len() <= n {
                seen.resize(n + 1, false);
            }
            seen[n] = true;
        }
    }
}

/// Counts datagrams that arrive for an address of a node.
pub struct Sink {
    socket: UdpSocket,
}

impl Sink {
    /// Listens at an address.
    pub fn at(node: &Node, address: SocketAddr) -> Sink {
        let socket = node.enter(|| udp(address));
        socket.set_nonblocking(true).expect("a socket that does not wait");
        Sink { socket }
    }

    /// How many came since the last call.
    pub fn count(&self) -> usize {
        let mut buffer = [0; 64];
        std::iter::from_fn(|| self.socket.recv_from(&mut buffer).ok()).count()
    }
}

/// Sends one datagram from each of these addresses of a node; each is a flow of its own for the kernels on the way.
pub fn burst(node: &Node, sources: &[IpAddr], to: SocketAddr) {
    node.enter(|| {
        for source in sources {
            let socket = UdpSocket::bind(SocketAddr::new(*source, 0)).expect("an address of the node");
            // What comes back for an earlier one may be an error here.
            let _ = socket.send_to(b"flow", to);
        }
    });
}

/// A packet that came into a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Packet {
    /// To this address.
    To(IpAddr),
    /// ICMP says that a packet to this address cannot be delivered.
    Unreachable(IpAddr),
}

fn destination(packet: &[u8]) -> Option<IpAddr> {
    match packet.first()? >> 4 {
        4 => Some(<[u8; 4]>::try_from(packet.get(16..20)?).ok()?.into()),
        6 => Some(<[u8; 16]>::try_from(packet.get(24..40)?).ok()?.into()),
        _ => None,
    }
}

/// What an ICMP message that something is unreachable is about.
fn refused(packet: &[u8]) -> Option<IpAddr> {
    match packet.first()? >> 4 {
        4 if packet.get(9) == Some(&1) && packet.get(20) == Some(&3) => destination(packet.get(28..)?),
        6 if packet.get(6) == Some(&58) && packet.get(40) == Some(&1) => destination(packet.get(48..)?),
        _ => None,
    }
}

/// Sees the IP packets that come into a node on any interface.
pub struct Tap {
    sockets: Vec<Socket>,
}

impl Tap {
    /// Begins to listen. A socket of one protocol sees nothing of what goes out.
    pub fn new(node: &Node) -> Tap {
        const PROTOCOLS: [u16; 2] = [0x0800, 0x86dd];
        let open = |protocol: u16| {
            let protocol = Protocol::from(i32::from(protocol.to_be()));
            let socket = Socket::new(Domain::PACKET, Type::DGRAM, Some(protocol)).expect("a packet socket");
            socket.set_nonblocking(true).expect("a socket that does not wait");
            socket
        };
        Tap { sockets: node.enter(|| PROTOCOLS.into_iter().map(open).collect()) }
    }

    /// What came in since the last call.
    pub fn seen(&mut self) -> Vec<Packet> {
        let mut buffer = [0; 2048];
        let mut found = Vec::new();
        for socket in &mut self.sockets {
            while let Ok(length) = socket.read(&mut buffer) {
                let packet = &buffer[..length];
                match refused(packet) {
                    Some(address) => found.push(Packet::Unreachable(address)),
                    None => found.extend(destination(packet).map(Packet::To)),
                }
            }
        }
        found
    }
}
