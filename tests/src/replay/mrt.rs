//! Recorded update streams (MRT, RFC 6396), read by a library of others.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use bgp::attrs::{AttrBuilder, Origin, SegmentKind};
use bgp::types::Asn;
use bgpkit_parser::BgpkitParser;
use bgpkit_parser::models::{
    AsPathSegment, BgpElem, Community, ElemType, MetaCommunity, Origin as MrtOrigin,
};

use super::Recording;

/// Reads a file, compressed by gzip or not. Well-known communities are taken off: they would stop routes from being
/// announced onward, and that is not what a replay looks at.
pub fn read(file: &Path) -> anyhow::Result<Recording> {
    let plain = File::open(file)?;
    let reader: Box<dyn Read> = if file.extension().is_some_and(|e| e == "gz") {
        Box::new(flate2::read::MultiGzDecoder::new(plain))
    } else {
        Box::new(plain)
    };
    let mut recording = Recording::default();
    for elem in BgpkitParser::from_reader(std::io::BufReader::new(reader)).into_elem_iter() {
        add(&mut recording, &elem);
    }
    Ok(recording)
}

fn add(recording: &mut Recording, elem: &BgpElem) {
    let from = (elem.peer_ip, elem.peer_asn.to_u32());
    let prefix = elem.prefix.prefix.trunc();
    match elem.elem_type {
        ElemType::WITHDRAW => recording.withdraw(from, prefix),
        ElemType::ANNOUNCE => match block(elem) {
            Ok(block) => recording.announce(from, &block, prefix),
            Err(why) => {
                let path = elem.as_path.as_ref().map(ToString::to_string).unwrap_or_default();
                recording.bad_paths.insert(path, why);
                // It takes the place of what the neighbour said before (RFC 7606).
                recording.withdraw(from, prefix);
            }
        },
    }
}

/// The canonical block of an announcement, or why it must not be used.
fn block(elem: &BgpElem) -> Result<Vec<u8>, &'static str> {
    let mut builder = AttrBuilder::new();
    builder.origin(match elem.origin {
        Some(MrtOrigin::IGP) => Origin::Igp,
        Some(MrtOrigin::EGP) => Origin::Egp,
        Some(MrtOrigin::INCOMPLETE) | None => Origin::Incomplete,
    });
    let mut segments: Vec<(SegmentKind, Vec<Asn>)> = Vec::new();
    for segment in elem.as_path.iter().flat_map(|p| p.segments.iter()) {
        let (kind, asns) = match segment {
            AsPathSegment::AsSequence(asns) => (SegmentKind::Sequence, asns),
            AsPathSegment::AsSet(asns) => (SegmentKind::Set, asns),
            AsPathSegment::ConfedSequence(_) | AsPathSegment::ConfedSet(_) => {
                return Err("confederation segments from outside (RFC 5065)");
            }
        };
        let asns: Vec<Asn> = asns.iter().map(|a| Asn(a.to_u32())).collect();
        if asns.contains(&Asn(0)) {
            return Err("AS 0 (RFC 7607)");
        }
        segments.push((kind, asns));
    }
    if segments.is_empty() {
        return Err("an empty path from another AS");
    }
    let borrowed: Vec<(SegmentKind, &[Asn])> = segments.iter().map(|(k, a)| (*k, a.as_slice())).collect();
    builder.set_segments(&borrowed).med(elem.med);
    let (mut plain, mut large) = (Vec::new(), Vec::new());
    for community in elem.communities.iter().flatten() {
        match community {
            MetaCommunity::Plain(Community::Custom(asn, value)) if asn.to_u32() < 0xffff => {
                plain.push(asn.to_u32() << 16 | u32::from(*value));
            }
            MetaCommunity::Large(l) => large.push((l.global_admin, l.local_data[0], l.local_data[1])),
            _ => {}
        }
    }
    builder.communities(plain).large_communities(large);
    Ok(builder.build())
}
