//! Tables without a recording: generated from a seed, or around a list of real prefixes.

use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use bgp::attrs::{AttrBuilder, Origin};
use bgp::types::Asn;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::{Neighbor, Recording};
use crate::rng::Rng;

fn attributes(rng: &mut Rng, first: u32) -> Vec<u8> {
    let mut path = vec![Asn(first)];
    for _ in 0..1 + rng.below(5) {
        path.push(Asn(3_000 + rng.below(60_000) as u32));
    }
    let mut builder = AttrBuilder::new();
    builder.origin(if rng.below(8) == 0 { Origin::Incomplete } else { Origin::Igp }).set_as_path(&path);
    if rng.below(4) == 0 {
        builder.med(Some(rng.below(200) as u32));
    }
    if rng.below(3) == 0 {
        builder.communities((0..1 + rng.below(6)).map(|_| first << 16 | rng.below(1000) as u32).collect());
    }
    builder.build()
}

/// Two neighbours with about `v4` and `v6` prefixes each, most of them the same; some are announced twice, and some
/// withdrawn again.
pub fn generated(seed: u64, v4: usize, v6: usize) -> Recording {
    let mut rng = Rng(seed);
    let mut recording = Recording::default();
    let neighbors: [Neighbor; 2] = [
        (IpAddr::V4(Ipv4Addr::new(192, 0, 2, 11)), 64601),
        (IpAddr::V4(Ipv4Addr::new(192, 0, 2, 12)), 64602),
    ];
    let six: Neighbor = (IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 0x11)), 64603);
    let mut block = attributes(&mut rng, neighbors[0].1);
    for number in 0..v4 {
        let len = [24, 24, 24, 24, 24, 23, 22, 22, 21, 20, 19, 16][rng.below(12) as usize];
        // 1.0.0.0 to 255.255.255.0: with multicast, which has to be left out.
        let addr = Ipv4Addr::from((1 + rng.below(254) as u32) << 24 | (rng.number() as u32 & 0x00ff_ff00));
        let prefix = IpNet::V4(Ipv4Net::new_assert(addr, len).trunc());
        if matches!(addr.octets()[0], 10 | 127 | 192) {
            continue;
        }
        for from in neighbors {
            if number % 4 == 0 {
                block = attributes(&mut rng, from.1);
            }
            if rng.below(10) > 0 {
                recording.announce(from, &first(&block, from.1), prefix);
            }
            match rng.below(50) {
                0 => recording.withdraw(from, prefix),
                1 => recording.announce(from, &attributes(&mut rng, from.1), prefix),
                _ => {}
            }
        }
    }
    for number in 0..v6 {
        let len = [48, 48, 48, 44, 40, 36, 32, 32, 29][rng.below(9) as usize];
        let addr = Ipv6Addr::from(0x2000_u128 << 112 | u128::from(rng.number()) << 52 & !(0xe_u128 << 124));
        let addr = Ipv6Addr::from(u128::from(addr) | 0x2000_u128 << 112);
        if number % 3 == 0 {
            block = attributes(&mut rng, six.1);
        }
        recording.announce(six, &first(&block, six.1), IpNet::V6(Ipv6Net::new_assert(addr, len).trunc()));
    }
    recording
}

/// The block with another first AS.
fn first(block: &[u8], asn: u32) -> Vec<u8> {
    let view = bgp::attrs::AttrView::new(block);
    let mut path: Vec<Asn> = view.as_path().asns().collect();
    if let Some(head) = path.first_mut() {
        *head = Asn(asn);
    }
    AttrBuilder::from_view(view).set_as_path(&path).build()
}

/// A neighbour that announces the IPv6 prefixes of a compressed list, one a line, with generated attributes.
pub fn prefix_list(file: &Path, seed: u64) -> anyhow::Result<Recording> {
    let mut rng = Rng(seed);
    let mut recording = Recording::default();
    let from: Neighbor = (IpAddr::V6(Ipv6Addr::new(0x3fff, 0xfff, 0, 0, 0, 0, 0, 0x11)), 64603);
    let reader = BufReader::new(flate2::read::GzDecoder::new(std::fs::File::open(file)?));
    let mut block = attributes(&mut rng, from.1);
    for line in reader.lines() {
        let line = line?;
        let Some(word) = line.split_whitespace().next().filter(|w| w.contains(':')) else { continue };
        let prefix: IpNet = word.parse()?;
        if rng.below(3) == 0 {
            block = attributes(&mut rng, from.1);
        }
        recording.announce(from, &block, prefix.trunc());
    }
    Ok(recording)
}
