//! UPDATE: what is taken is what the message says, what is refused leaves no trace, what is passed on is sound.

use std::net::Ipv4Addr;

use bgp::attrs::{
    AttrBuilder, AttrView, ExportForm, LocalPrefForm, Prepend, hash_block, summarize, write_attrs,
};
use bgp::batch::{BatchAttrs, Op, UpdateBatch};
use bgp::types::{Addr, Asn, Family, NextHop, Nlri, PeerKind};
use bgp::wire::iana::attr;
use bgp::wire::{
    AllowOwnAs, AttrCodes, Notification, PeerRelation, UpdateContext, UpdateDecoder, UpdateError, UpdateForm,
    UpdateReport, next_frame, put_announce,
};
use bytes::BytesMut;

use super::named::{Named, named};

/// Octets of an input that choose the context.
pub(super) const HEAD: usize = 3;

/// The context that the first octets choose.
fn context([a, b, c]: [u8; HEAD]) -> UpdateContext {
    let bit = |octet: u8, n: u8| octet >> n & 1 == 1;
    let codes = |on: bool, list: [u8; 2]| {
        if on { list.into_iter().collect() } else { AttrCodes::NONE }
    };
    let relation = match b & 7 {
        1 => Some(PeerRelation::Provider),
        2 => Some(PeerRelation::RouteServer),
        3 => Some(PeerRelation::Customer),
        4 => Some(PeerRelation::RouteServerClient),
        5 => Some(PeerRelation::Peer),
        _ => None,
    };
    let allow = match b >> 3 & 3 {
        0 | 1 => AllowOwnAs::No,
        2 => AllowOwnAs::Times(1),
        _ => AllowOwnAs::Origin,
    };
    UpdateContext {
        as4: !bit(a, 0),
        add_path: [bit(a, 1), bit(a, 2)],
        families: [!bit(a, 3), !bit(a, 4)],
        extended_next_hop: bit(a, 5),
        kind: match (bit(a, 6), bit(a, 7)) {
            (true, _) => PeerKind::Internal,
            (false, true) => PeerKind::Confederation,
            (false, false) => PeerKind::External,
        },
        confederation: bit(a, 7),
        remote_as: Asn(65001),
        own_asns: vec![Asn(65000)],
        allow_own_as: [allow; 2],
        prepend: bit(c, 1).then_some(Asn(64999)),
        enforce_first_as: bit(b, 5),
        reject_as_sets: bit(b, 6),
        allow_martian_next_hop: bit(b, 7),
        aigp: bit(c, 0),
        router_id: Ipv4Addr::new(10, 0, 0, 1),
        cluster_id: Ipv4Addr::new(10, 0, 0, 2),
        relation,
        discard: codes(bit(c, 2), [4, 99]),
        withdraw_on: codes(bit(c, 3), [8, 98]),
        hash_seed: 7,
    }
}

/// Who reads what we wrote.
const READER: Ipv4Addr = Ipv4Addr::BROADCAST;

/// Takes whatever a session of our own can carry, but for what names the reader.
fn lenient(as4: bool, add_path: bool) -> UpdateContext {
    UpdateContext {
        as4,
        add_path: [add_path; 2],
        own_asns: Vec::new(),
        router_id: READER,
        cluster_id: READER,
        ..context([0b1110_0000, 0x80, 1])
    }
}

/// An UPDATE.
pub(super) fn update(data: &[u8]) {
    let Some((head, body)) = data.split_first_chunk::<HEAD>() else { return };
    let ctx = context(*head);
    let mut decoder = UpdateDecoder::new(ctx.clone());
    // What an earlier message left is there already: one route with attributes, and one withdrawn.
    let mut batch = UpdateBatch::default();
    let earlier = [
        &[0, 2, 8, 11, 0, 20][..],
        &[0x40, 1, 1, 0, 0x40, 2, 6, 2, 1, 0, 0, 0xfd, 0xe9, 0x40, 3, 4, 192, 0, 2, 1, 8, 10],
    ];
    let _ = decoder.decode(&earlier.concat(), &mut batch);
    let before = batch.clone();
    let result = decoder.decode(body, &mut batch);

    let mut fresh = UpdateBatch::default();
    let again = UpdateDecoder::new(ctx.clone()).decode(body, &mut fresh);
    assert_eq!(result, again, "what came before changes the verdict");
    match &result {
        Err(error) => refused(error, &before, &batch, &fresh),
        Ok(report) => {
            assert_eq!(routes(&batch, &before), routes(&fresh, &UpdateBatch::default()));
            taken(&ctx, body, report, &fresh);
        }
    }
}

/// A message that ends the session: nothing of it is in the batch, and the reason can be told to the peer.
fn refused(error: &UpdateError, before: &UpdateBatch, after: &UpdateBatch, fresh: &UpdateBatch) {
    assert_eq!(before.ops, after.ops);
    assert_eq!((&before.v4, &before.v6), (&after.v4, &after.v6));
    assert_eq!((&before.arena, before.attrs.len()), (&after.arena, after.attrs.len()));
    assert_eq!(fresh.bytes(), 0);
    let n = Notification::from(error.clone());
    assert_eq!(n.code, 3);
    assert!(n.data.len() <= 4096 - 21);
}

fn slice<'a, A>(list: &'a [Nlri<A>], range: &std::ops::Range<u32>) -> &'a [Nlri<A>] {
    &list[range.start as usize..range.end as usize]
}

/// A prefix, its family, and attributes and next hop if it is announced.
type Route = (Named, usize, Option<(Vec<u8>, NextHop)>);

/// Everything that a batch says beyond `before`, in words that do not depend on where it stands.
fn routes(batch: &UpdateBatch, before: &UpdateBatch) -> Vec<Route> {
    let known = [before.v4.len(), before.v6.len()];
    let mut out = Vec::new();
    for op in &batch.ops {
        let (family, nlri, attrs) = match op {
            Op::Announce { family, attrs, nlri } => (family, nlri, Some(&batch.attrs[*attrs as usize])),
            Op::Withdraw { family, nlri } => (family, nlri, None),
            Op::EndOfRib(_) | Op::RefreshBegin(_) | Op::RefreshEnd(_) => continue,
        };
        assert!(nlri.start < nlri.end, "an operation on nothing");
        let attrs = attrs.map(|a| (batch.block(a).to_vec(), a.next_hop));
        let index = family.index();
        let end = nlri.end as usize;
        let new = (nlri.start as usize).max(known[index]).min(end)..end;
        match family {
            Family::Ipv4Unicast => out.extend(batch.v4[new].iter().map(|n| (name(n), index, attrs.clone()))),
            Family::Ipv6Unicast => out.extend(batch.v6[new].iter().map(|n| (name(n), index, attrs.clone()))),
        }
    }
    out
}

fn name<A: Addr>(n: &Nlri<A>) -> Named {
    assert!(n.len <= A::BITS && n.addr == n.addr.mask(n.len), "host bits");
    (n.path_id, n.len, n.addr.to_be_bytes())
}

/// A message that was taken.
fn taken(ctx: &UpdateContext, body: &[u8], report: &UpdateReport, batch: &UpdateBatch) {
    let all = routes(batch, &UpdateBatch::default());
    // Each prefix that the message names is announced or withdrawn, and no other.
    for (family, expected) in named(ctx, body).into_iter().enumerate() {
        let mut found: Vec<Named> = all.iter().filter(|r| r.1 == family).map(|r| r.0).collect();
        found.sort_unstable();
        assert_eq!(found, expected, "prefixes of family {family}");
    }
    let announced = all.iter().filter(|r| r.2.is_some()).count();
    assert_eq!((report.announced as usize, report.withdrawn as usize), (announced, all.len() - announced));
    assert_eq!(batch.v4.len() + batch.v6.len(), all.len(), "prefixes that no operation has");
    // A prefix takes an octet at least, and attributes stand once, wider and with an OTC more at most.
    assert!(all.len() <= body.len());
    assert!(batch.arena.len() <= 2 * body.len() + 300);
    assert!(batch.bytes() <= 300 + 64 * body.len(), "{} octets of {}", batch.bytes(), body.len());
    for attrs in &batch.attrs {
        canonical(ctx, batch, attrs);
    }
    for op in &batch.ops {
        if let Op::Announce { family, attrs, nlri } = op {
            let attrs = &batch.attrs[*attrs as usize];
            match family {
                Family::Ipv4Unicast => {
                    passed_on(ctx, batch.block(attrs), attrs.next_hop, slice(&batch.v4, nlri))
                }
                Family::Ipv6Unicast => {
                    passed_on(ctx, batch.block(attrs), attrs.next_hop, slice(&batch.v6, nlri))
                }
            }
        }
    }
}

/// A block is in order, each type once, and builds and reads to itself.
fn canonical(ctx: &UpdateContext, batch: &UpdateBatch, attrs: &BatchAttrs) {
    let block = batch.block(attrs);
    let view = AttrView::new(block);
    assert!(view.iter().is_sorted_by(|a, b| a.code < b.code), "order of types");
    assert_eq!(AttrBuilder::from_view(view).build(), block);
    assert_eq!(attrs.hash, hash_block(ctx.hash_seed, block));
    assert_eq!(attrs.summary, summarize(block));
    assert_eq!(view.as_path().to_string().is_empty(), view.as_path().is_empty());
}

/// Writes a route as for a peer and reads it back.
fn reread<A: Addr>(
    form: &ExportForm,
    ctx: UpdateContext,
    block: &[u8],
    next_hop: NextHop,
    prefixes: &[Nlri<A>],
) -> Option<(UpdateBatch, Vec<UpdateReport>)> {
    let classic = match next_hop {
        NextHop::V4(a) => Some(a),
        NextHop::V6 { .. } => None,
    };
    let mut attrs = Vec::new();
    write_attrs(AttrView::new(block), form, classic, &mut attrs).ok()?;
    let mut out = BytesMut::new();
    let shape = UpdateForm { extended_message: true, add_path: ctx.add_path[A::FAMILY.index()] };
    let mp = classic.is_none().then_some(next_hop);
    let written = put_announce(shape, &attrs, mp, prefixes.iter().copied(), &mut out).ok()?;
    let mut decoder = UpdateDecoder::new(ctx);
    let (mut batch, mut reports, mut rest) = (UpdateBatch::default(), Vec::new(), &out[..]);
    while let Some(frame) = next_frame(rest, shape.max_message()).expect("a header of ours") {
        reports.push(decoder.decode(frame.body, &mut batch).expect("a message of ours"));
        rest = &rest[frame.len()..];
    }
    assert!(rest.is_empty() && written == reports.len());
    Some((batch, reports))
}

/// What a block says: its octets, but for the path where AS4_PATH was merged into it. That joins sequences.
fn said(block: &[u8], exact: bool) -> (Option<String>, Vec<u8>) {
    let view = AttrView::new(block);
    if exact {
        return (None, block.to_vec());
    }
    let path = view.as_path().to_string();
    (Some(path), AttrBuilder::from_view(view).remove(attr::AS_PATH).build())
}

/// What was taken can be passed on: as it is among ourselves, and without a fault to others.
fn passed_on<A: Addr>(ctx: &UpdateContext, block: &[u8], next_hop: NextHop, prefixes: &[Nlri<A>]) {
    let view = AttrView::new(block);
    if view.originator_id() == Some(READER) || view.cluster_list().any(|id| id == READER) {
        return;
    }
    let confed = view.as_path().segments().any(|s| s.kind.is_confed());
    let add_path = ctx.add_path[A::FAMILY.index()];
    for as4 in [true, false] {
        let form = ExportForm { as4, local_pref: LocalPrefForm::Keep, ..ExportForm::internal() };
        let Some((batch, reports)) = reread(&form, lenient(as4, add_path), block, next_hop, prefixes) else {
            continue;
        };
        assert!(reports.iter().all(|r| r.fault.is_none() && r.rejected.is_none()), "{reports:?}");
        // AS4_PATH has no confederation segments (RFC 6793 section 3): wide numbers of theirs are lost.
        if as4 || !confed {
            let expected: Vec<Named> = prefixes.iter().map(name).collect();
            let found = routes(&batch, &UpdateBatch::default());
            assert_eq!(found.iter().map(|r| r.0).collect::<Vec<_>>(), expected);
            for (_, _, attrs) in found {
                let (again, hop) = attrs.expect("an announcement");
                assert_eq!(
                    (said(&again, as4), hop),
                    (said(block, as4), next_hop),
                    "as read again, and as it was"
                );
            }
        }
        let form = ExportForm { as4, prepend: Prepend::one(Asn(64500)), ..ExportForm::external(Asn(64500)) };
        let strict = UpdateContext {
            kind: PeerKind::External,
            confederation: false,
            remote_as: Asn(64500),
            enforce_first_as: true,
            ..lenient(as4, add_path)
        };
        if let Some((_, reports)) = reread(&form, strict, block, next_hop, prefixes) {
            assert!(reports.iter().all(|r| r.fault.is_none() && r.rejected.is_none()), "{reports:?}");
        }
        let form = ExportForm { as4, ..ExportForm::confederation(Asn(64501)) };
        let member = UpdateContext {
            kind: PeerKind::Confederation,
            confederation: true,
            remote_as: Asn(64501),
            ..lenient(as4, add_path)
        };
        if let Some((_, reports)) = reread(&form, member, block, next_hop, prefixes) {
            assert!(reports.iter().all(|r| r.fault.is_none() && r.rejected.is_none()), "{reports:?}");
        }
    }
}
