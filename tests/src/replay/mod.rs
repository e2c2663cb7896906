//! Tables and update streams to play into a router: recorded ones, lists of prefixes, and generated ones.

mod generated;
mod mrt;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::BytesMut;
use ipnet::IpNet;

use crate::speaker::{encode, encode_withdraw, next_hop};

pub use generated::{generated, prefix_list};
pub use mrt::read as read_mrt;

/// Octets handed to a session at a time.
const PIECE: usize = 256 << 10;

/// One step of a neighbour.
#[derive(Clone, Debug)]
pub enum Step {
    /// Prefixes with the same attributes (canonical block).
    Announce(Arc<[u8]>, Vec<IpNet>),
    /// Prefixes that go.
    Withdraw(Vec<IpNet>),
}

/// Who spoke: address and AS.
pub type Neighbor = (IpAddr, u32);

/// What some neighbours said, in order.
#[derive(Default, Debug)]
pub struct Recording {
    /// Steps by neighbour.
    pub neighbors: BTreeMap<Neighbor, Vec<Step>>,
    /// Prefixes that were left out, and why.
    pub forbidden: BTreeMap<IpNet, &'static str>,
    /// Announcements that were left out for their path, and why.
    pub bad_paths: BTreeMap<String, &'static str>,
}

impl Recording {
    /// Adds an announcement; prefixes that must not be used are left out.
    pub fn announce(&mut self, from: Neighbor, block: &[u8], prefix: IpNet) {
        if let Some(why) = forbidden(&prefix) {
            self.forbidden.insert(prefix, why);
            return;
        }
        let steps = self.neighbors.entry(from).or_default();
        match steps.last_mut() {
            Some(Step::Announce(last, prefixes)) if **last == *block => prefixes.push(prefix),
            _ => steps.push(Step::Announce(block.into(), vec![prefix])),
        }
    }

    /// Adds a withdrawal.
    pub fn withdraw(&mut self, from: Neighbor, prefix: IpNet) {
        if forbidden(&prefix).is_some() {
            return;
        }
        let steps = self.neighbors.entry(from).or_default();
        match steps.last_mut() {
            Some(Step::Withdraw(prefixes)) => prefixes.push(prefix),
            _ => steps.push(Step::Withdraw(vec![prefix])),
        }
    }

    /// What a neighbour has announced at the end, with the attributes.
    pub fn table(&self, from: &Neighbor) -> HashMap<IpNet, Arc<[u8]>> {
        let mut table = HashMap::new();
        for step in self.neighbors.get(from).into_iter().flatten() {
            match step {
                Step::Announce(block, prefixes) => {
                    table.extend(prefixes.iter().map(|p| (*p, block.clone())));
                }
                Step::Withdraw(prefixes) => prefixes.iter().for_each(|p| {
                    table.remove(p);
                }),
            }
        }
        table
    }

    /// All prefixes that somebody has announced at the end.
    pub fn prefixes(&self) -> BTreeSet<IpNet> {
        self.neighbors.keys().flat_map(|n| self.table(n).into_keys()).collect()
    }

    /// What a neighbour says on the wire, the next hop being its own address, in pieces of whole messages.
    /// Prefixes of a family whose next hop the address cannot be are left to the other family's session.
    pub fn messages(&self, from: &Neighbor) -> Vec<Vec<u8>> {
        let hop = next_hop(from.0);
        let mut pieces = Vec::new();
        let mut out = BytesMut::new();
        for step in self.neighbors.get(from).into_iter().flatten() {
            match step {
                Step::Announce(block, prefixes) => encode(block, false, hop, prefixes, &mut out),
                Step::Withdraw(prefixes) => encode_withdraw(prefixes, &mut out),
            }
            if out.len() >= PIECE {
                pieces.push(std::mem::take(&mut out).to_vec());
            }
        }
        pieces.push(out.to_vec());
        pieces
    }

    /// Takes back everything that a neighbour has announced, on the wire.
    pub fn withdrawals(&self, from: &Neighbor) -> Vec<Vec<u8>> {
        let mut prefixes: Vec<IpNet> = self.table(from).into_keys().collect();
        prefixes.sort_unstable();
        prefixes
            .chunks(20_000)
            .map(|chunk| {
                let mut out = BytesMut::new();
                encode_withdraw(chunk, &mut out);
                out.to_vec()
            })
            .collect()
    }
}

/// Why no route to a prefix may be used, if so (RFC 1112, RFC 4291).
pub fn forbidden(prefix: &IpNet) -> Option<&'static str> {
    match prefix {
        IpNet::V4(n) if n.network().octets()[0] & 0xf0 == 0xe0 => Some("multicast (RFC 1112)"),
        IpNet::V4(_) => None,
        IpNet::V6(n) if n.network().segments()[0] & 0xff00 == 0xff00 => Some("multicast (RFC 4291)"),
        IpNet::V6(n) if n.network().segments()[0] & 0xffc0 == 0xfe80 => Some("link-local (RFC 4291)"),
        IpNet::V6(_) => None,
    }
}

/// A file of the folder with facts beside the checkout; `None` after saying so when it is not there.
pub fn shared(path: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let canonical = root.canonicalize().ok();
    let candidates = [Some(root.to_path_buf()), canonical];
    let found =
        candidates.into_iter().flatten().map(|c| c.join("../../shared").join(path)).find(|p| p.exists());
    if found.is_none() {
        println!("there is no ../shared/{path} here: a generated table takes its place");
    }
    found
}
