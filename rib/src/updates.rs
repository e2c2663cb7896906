//! Batches of routes go into the tables.

use std::ops::Range;

use bgp::attrs::{AttrBuilder, AttrView, flag, hash_block};
use bgp::batch::{Op, UpdateBatch};
use bgp::types::Family;
use smallvec::SmallVec;

use crate::core::Core;
use crate::event::Event;
use crate::id::{AttrId, NhId, PeerId};
use crate::intern::Local;
use crate::table::TOGETHER;

impl Core {
    /// Takes in what a neighbour sent.
    pub(crate) fn updates(&mut self, id: PeerId, batch: &UpdateBatch) {
        let Some(peer) = self.shared.peer(id) else { return };
        if peer.session.is_none() {
            return;
        }
        let integers = peer.config.integer_bandwidth;
        let mut sets: SmallVec<[[AttrId; 2]; 16]> = SmallVec::new();
        let mut last: Option<(bgp::types::NextHop, NhId)> = None;
        for attrs in &batch.attrs {
            let next_hop = match last {
                Some((known, nh)) if known == attrs.next_hop => nh,
                _ => {
                    let key = self.shared.received_key(id, &attrs.next_hop);
                    let nh = self.shared.next_hop(&key);
                    if let Some((_, old)) = last.replace((attrs.next_hop, nh)) {
                        self.shared.next_hops.release(old);
                    }
                    nh
                }
            };
            // A set may serve both families, whose neighbour settings may differ in weight.
            let mut ids = [AttrId::NONE; 2];
            for f in Family::ALL {
                let Some((weight, origin)) =
                    self.shared.peer(id).and_then(|p| p.family(f).map(|c| (c.weight, p.provenance(f))))
                else {
                    continue;
                };
                let same_as_v4 = f == Family::Ipv6Unicast
                    && self.shared.peer(id).is_some_and(|p| {
                        let family = |f| p.family(f).map(|c| (c.weight, c.reflector_client));
                        family(Family::Ipv4Unicast) == family(f)
                    });
                if same_as_v4 && !ids[0].is_none() {
                    ids[1] = ids[0];
                    continue;
                }
                let local = Local { weight, ..Local::new(next_hop, origin) };
                let block = batch.block(attrs);
                if integers && attrs.summary.has(flag::LINK_BANDWIDTH) {
                    let mut builder = AttrBuilder::from_view(AttrView::new(block));
                    let block = builder.link_bandwidth_from_integer().build();
                    let hash = hash_block(self.shared.seed, &block);
                    ids[f.index()] = self.shared.intern_summarised(&block, hash, &attrs.summary, local);
                    continue;
                }
                ids[f.index()] = self.shared.intern_summarised(block, attrs.hash, &attrs.summary, local);
            }
            sets.push(ids);
        }
        if self.shared.next_hops_dirty {
            self.resolve();
        }
        // How far the prefixes are warm.
        let mut warm = [0; 2];
        for op in &batch.ops {
            if let Op::Announce { family, nlri, .. } | Op::Withdraw { family, nlri } = op {
                let warm = &mut warm[family.index()];
                if nlri.end as usize > *warm {
                    let until = (nlri.end as usize).max(nlri.start as usize + TOGETHER);
                    let next = nlri.start as usize..until;
                    let attrs = &self.shared.attrs;
                    match family {
                        Family::Ipv4Unicast => self.v4.table.warm(up_to(&batch.v4, next), attrs),
                        Family::Ipv6Unicast => self.v6.table.warm(up_to(&batch.v6, next), attrs),
                    }
                    *warm = until;
                }
            }
            self.apply(id, batch, op, &sets);
        }
        for [v4, v6] in sets {
            self.shared.release(v4);
            if v6 != v4 {
                self.shared.release(v6);
            }
        }
        if let Some((_, nh)) = last {
            self.shared.next_hops.release(nh);
        }
    }

    fn apply(&mut self, id: PeerId, batch: &UpdateBatch, op: &Op, sets: &[[AttrId; 2]]) {
        fn part<'a, T>(all: &'a [T], range: &Range<u32>) -> &'a [T] {
            all.get(range.start as usize..range.end as usize).unwrap_or(&[])
        }
        match op {
            Op::Announce { family, attrs, nlri } => {
                let Some(attr) =
                    sets.get(*attrs as usize).map(|s| s[family.index()]).filter(|a| !a.is_none())
                else {
                    return;
                };
                match family {
                    Family::Ipv4Unicast => {
                        self.v4.announce(&mut self.shared, id, attr, part(&batch.v4, nlri))
                    }
                    Family::Ipv6Unicast => {
                        self.v6.announce(&mut self.shared, id, attr, part(&batch.v6, nlri))
                    }
                }
            }
            Op::Withdraw { family: Family::Ipv4Unicast, nlri } => {
                self.v4.withdraw(&mut self.shared, id, part(&batch.v4, nlri));
            }
            Op::Withdraw { family: Family::Ipv6Unicast, nlri } => {
                self.v6.withdraw(&mut self.shared, id, part(&batch.v6, nlri));
            }
            Op::EndOfRib(family) => {
                if let Some(peer) = self.shared.peer_mut(id) {
                    peer.end_of_rib[family.index()] = true;
                }
                self.shared.event(Event::EndOfRib { peer: id, family: *family });
            }
            Op::RefreshBegin(family) => self.refresh_begins(id, *family),
            Op::RefreshEnd(family) => self.refresh_ends(id, *family),
        }
    }
}

/// A part of a list, or as much of it as there is.
fn up_to<T>(all: &[T], part: Range<usize>) -> &[T] {
    all.get(part.start..part.end.min(all.len())).unwrap_or(&[])
}
