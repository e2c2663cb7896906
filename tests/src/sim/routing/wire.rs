//! Transport connections: bytes in order, cut anywhere, as many under way as the window allows.

use std::collections::{BTreeMap, VecDeque};

use bgp::fsm::ConnId;
use bgp::types::Time;
use bytes::Bytes;

use crate::rng::Rng;

/// Octets of the table's messages that wait behind those of the session.
pub const OUT_LIMIT: usize = 64 << 10;

/// Octets that may be under way or unread.
const WINDOW: usize = 32 << 10;

/// One end of a connection.
#[derive(Debug)]
pub struct End {
    /// The router.
    pub node: usize,
    /// Its side of the session.
    pub side: usize,
    /// Life and name of the socket; none before there is one, and after.
    pub socket: Option<(u32, ConnId)>,
    /// What waits for the window, each with the octets that the table gets credit for.
    out: VecDeque<(Bytes, usize)>,
    /// Octets in `out`.
    pub waiting: usize,
    /// Octets sent and not yet read by the other end.
    network: usize,
    /// What has come and was not read.
    pub inbox: Vec<u8>,
    /// There was a socket: the other end may send.
    pub connected: bool,
    /// When the last thing comes here: all comes in order.
    pub last: Time,
}

/// A connection.
#[derive(Debug)]
pub struct Connection {
    /// The segment that it is on.
    pub segment: usize,
    /// Both ends, in the order of the session's.
    pub ends: [End; 2],
    /// Which end dialled.
    pub dialler: usize,
    /// Neither end has ended it.
    pub open: bool,
}

/// All connections there ever were.
#[derive(Default)]
pub struct Wire {
    /// By number.
    pub connections: Vec<Connection>,
    /// Connections and ends by router, life, side and name.
    by_id: BTreeMap<(usize, u32, usize, u64), (usize, usize)>,
}

impl Wire {
    /// A connection that one end dials.
    pub fn dial(&mut self, segment: usize, ends: [(usize, usize); 2], dialler: usize) -> usize {
        let end = |(node, side)| End {
            node,
            side,
            socket: None,
            out: VecDeque::new(),
            waiting: 0,
            network: 0,
            inbox: Vec::new(),
            connected: false,
            last: 0,
        };
        self.connections.push(Connection { segment, ends: ends.map(end), dialler, open: true });
        self.connections.len() - 1
    }

    /// An end gets a socket.
    pub fn open(&mut self, c: usize, end: usize, life: u32, id: ConnId) {
        let e = &mut self.connections[c].ends[end];
        (e.socket, e.connected) = (Some((life, id)), true);
        self.by_id.insert((e.node, life, e.side, id.0), (c, end));
    }

    /// The connection and end of a socket.
    pub fn find(&self, node: usize, life: u32, side: usize, id: ConnId) -> Option<(usize, usize)> {
        self.by_id.get(&(node, life, side, id.0)).copied()
    }

    /// An end is closed, or dead.
    pub fn close(&mut self, c: usize, end: usize) {
        let e = &mut self.connections[c].ends[end];
        if let Some((life, id)) = e.socket.take() {
            self.by_id.remove(&(e.node, life, e.side, id.0));
        }
        e.out.clear();
        e.waiting = 0;
    }

    /// All sockets of a side, as connections and ends.
    pub fn of(&self, node: usize, life: u32, side: usize) -> Vec<(usize, usize)> {
        self.by_id.range((node, life, side, 0)..=(node, life, side, u64::MAX)).map(|(_, at)| *at).collect()
    }

    /// Something to send.
    pub fn push(&mut self, c: usize, end: usize, bytes: Bytes, credit: usize) {
        let e = &mut self.connections[c].ends[end];
        e.waiting += bytes.len();
        e.out.push_back((bytes, credit));
    }

    /// Takes as much as the window allows: pieces for the other end, and the credit for the table.
    pub fn pump(&mut self, c: usize, end: usize, rng: &mut Rng) -> (Vec<Bytes>, usize) {
        let e = &mut self.connections[c].ends[end];
        let (mut pieces, mut credit) = (Vec::new(), 0);
        while let Some((bytes, _)) = e.out.front_mut() {
            let room = WINDOW.saturating_sub(e.network).min(bytes.len());
            if room == 0 {
                break;
            }
            let size = if rng.once_in(2) { room } else { 1 + rng.index(room) };
            pieces.push(bytes.split_to(size));
            e.waiting -= size;
            e.network += size;
            if bytes.is_empty()
                && let Some((_, granted)) = e.out.pop_front()
            {
                credit += granted;
            }
        }
        (pieces, credit)
    }

    /// An end has read what had come. True if the other end waits for that.
    pub fn read(&mut self, c: usize, end: usize) -> (Vec<u8>, bool) {
        let ends = &mut self.connections[c].ends;
        let bytes = std::mem::take(&mut ends[end].inbox);
        let other = &mut ends[1 - end];
        other.network = other.network.saturating_sub(bytes.len());
        (bytes, other.waiting > 0)
    }
}
