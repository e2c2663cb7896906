//! What decoding has to make of good, odd and hostile messages.

mod damage;
mod hostile;
mod messages;
mod recall;
mod update;

use std::net::Ipv4Addr;

use super::*;
use crate::batch::{Op, UpdateBatch};
use crate::types::{Asn, Nlri, PeerKind};

/// A session with AS 65001 in AS 65000, both families, everything strict.
pub(super) fn context() -> UpdateContext {
    UpdateContext {
        as4: true,
        add_path: [false; 2],
        families: [true; 2],
        extended_next_hop: false,
        kind: PeerKind::External,
        confederation: false,
        remote_as: Asn(65001),
        own_asns: vec![Asn(65000)],
        allow_own_as: [AllowOwnAs::No; 2],
        prepend: None,
        enforce_first_as: true,
        reject_as_sets: false,
        allow_martian_next_hop: false,
        aigp: false,
        router_id: Ipv4Addr::new(10, 0, 0, 1),
        cluster_id: Ipv4Addr::new(10, 0, 0, 1),
        relation: None,
        discard: AttrCodes::NONE,
        withdraw_on: AttrCodes::NONE,
        hash_seed: 1,
    }
}

/// The same with an internal peer.
pub(super) fn internal() -> UpdateContext {
    UpdateContext { kind: PeerKind::Internal, remote_as: Asn(65000), ..context() }
}

/// A neighbour outside or inside of our AS.
pub(super) fn kind(inside: bool) -> PeerKind {
    if inside { PeerKind::Internal } else { PeerKind::External }
}

/// Body of an UPDATE from its three parts.
pub(super) fn body(withdrawn: &[u8], attrs: &[u8], nlri: &[u8]) -> Vec<u8> {
    let mut out = (withdrawn.len() as u16).to_be_bytes().to_vec();
    out.extend_from_slice(withdrawn);
    out.extend_from_slice(&(attrs.len() as u16).to_be_bytes());
    out.extend_from_slice(attrs);
    out.extend_from_slice(nlri);
    out
}

pub(super) const ORIGIN: &[u8] = &[0x40, 1, 1, 0];
pub(super) const PATH: &[u8] = &[0x40, 2, 10, 2, 2, 0, 0, 0xfd, 0xe9, 0, 0, 0xfd, 0xea];
pub(super) const NEXT_HOP: &[u8] = &[0x40, 3, 4, 192, 0, 2, 1];
pub(super) const MED: &[u8] = &[0x80, 4, 4, 0, 0, 0, 5];
/// 198.51.100.0/24.
pub(super) const NLRI: &[u8] = &[24, 198, 51, 100];

/// The mandatory attributes and then some.
pub(super) fn with(more: &[&[u8]]) -> Vec<u8> {
    [&[ORIGIN, PATH, NEXT_HOP], more].concat().concat()
}

pub(super) struct Decoded {
    pub batch: UpdateBatch,
    pub decoder: UpdateDecoder,
    pub result: Result<UpdateReport, UpdateError>,
}

impl Decoded {
    pub fn v4(&self) -> (Vec<String>, Vec<String>) {
        let (mut announced, mut withdrawn) = (Vec::new(), Vec::new());
        for op in &self.batch.ops {
            let (list, range, v4) = match op {
                Op::Announce { family, nlri, .. } => (&mut announced, nlri, family.index() == 0),
                Op::Withdraw { family, nlri } => (&mut withdrawn, nlri, family.index() == 0),
                Op::EndOfRib(_) | Op::RefreshBegin(_) | Op::RefreshEnd(_) => continue,
            };
            let range = range.start as usize..range.end as usize;
            let text = |n: String| list.push(n);
            if v4 {
                self.batch.v4[range].iter().map(|n: &Nlri<u32>| n.net().to_string()).for_each(text);
            } else {
                self.batch.v6[range].iter().map(|n: &Nlri<u128>| n.net().to_string()).for_each(text);
            }
        }
        (announced, withdrawn)
    }

    pub fn announced(&self) -> Vec<String> {
        self.v4().0
    }

    pub fn withdrawn(&self) -> Vec<String> {
        self.v4().1
    }

    pub fn block(&self) -> &[u8] {
        self.batch.block(self.batch.attrs.last().unwrap())
    }

    /// Code and subcode of the NOTIFICATION.
    pub fn reset(&self) -> (u8, u8) {
        let n = Notification::from(self.result.clone().unwrap_err());
        (n.code, n.subcode)
    }
}

pub(super) fn decode(ctx: UpdateContext, body: &[u8]) -> Decoded {
    let mut decoder = UpdateDecoder::new(ctx);
    let mut batch = UpdateBatch::default();
    let result = decoder.decode(body, &mut batch);
    Decoded { batch, decoder, result }
}
