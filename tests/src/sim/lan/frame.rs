//! Frames read without help of the core's own code.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use vrrp::Family;

use super::switch::Mac;

/// A frame, in so far as it matters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Seen {
    /// A VRRP message that is valid as a receiver sees it.
    Advert(Advert),
    /// A gratuitous ARP request or an unsolicited neighbour advertisement for this address.
    Announcement(IpAddr),
    /// A router advertisement.
    RouterAdvertisement,
    /// Anything else, and what is wrong with it.
    Other(&'static str),
}

/// A VRRP message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Advert {
    /// Family.
    pub family: Family,
    /// Virtual router.
    pub vrid: u8,
    /// Sender.
    pub source: IpAddr,
    /// 0 resigns.
    pub priority: u8,
    /// Centiseconds.
    pub interval: u16,
    /// Virtual addresses.
    pub addresses: Vec<IpAddr>,
}

/// Source of a frame.
pub fn source_mac(frame: &[u8]) -> Mac {
    frame[6..12].try_into().expect("a frame has a source")
}

/// Offset of what follows the IP header, with sender, receiver, hop limit and protocol.
pub fn ip(frame: &[u8]) -> Option<(usize, IpAddr, IpAddr, u8, u8)> {
    let v4 = |at: usize| {
        let octets: [u8; 4] = frame.get(at..at + 4)?.try_into().ok()?;
        Some(IpAddr::V4(Ipv4Addr::from(octets)))
    };
    let v6 = |at: usize| {
        let octets: [u8; 16] = frame.get(at..at + 16)?.try_into().ok()?;
        Some(IpAddr::V6(Ipv6Addr::from(octets)))
    };
    match frame.get(12..14)? {
        [0x08, 0x00] => Some((34, v4(26)?, v4(30)?, *frame.get(22)?, *frame.get(23)?)),
        [0x86, 0xdd] => Some((54, v6(22)?, v6(38)?, *frame.get(21)?, *frame.get(20)?)),
        _ => None,
    }
}

/// Ones' complement sum of a message behind an optional pseudo-header: zero if the message carries its checksum.
fn sum(message: &[u8], pseudo: Option<(IpAddr, IpAddr)>) -> u16 {
    let mut bytes = Vec::new();
    if let Some((source, destination)) = pseudo {
        for address in [source, destination] {
            match address {
                IpAddr::V4(a) => bytes.extend(a.octets()),
                IpAddr::V6(a) => bytes.extend(a.octets()),
            }
        }
        // Zero and protocol, length: in the order of either family the sum is the same.
        bytes.extend([0, 112]);
        bytes.extend((message.len() as u16).to_be_bytes());
    }
    bytes.extend(message);
    let total: u32 =
        bytes.chunks(2).map(|w| u32::from(w[0]) << 8 | w.get(1).map_or(0, |b| u32::from(*b))).sum();
    let folded = (total & 0xffff) + (total >> 16);
    !((folded & 0xffff) + (folded >> 16)) as u16
}

/// Reads a frame.
pub fn read(frame: &[u8]) -> Seen {
    if frame.get(12..14) == Some(&[0x08, 0x06]) {
        let arp = &frame[14..];
        let gratuitous = arp.get(14..18) == arp.get(24..28) && arp.get(6..8) == Some(&[0, 1]);
        let honest = arp.get(8..14) == Some(&frame[6..12]) && frame[..6] == [0xff; 6];
        return match <[u8; 4]>::try_from(arp.get(14..18).unwrap_or_default()) {
            Ok(address) if gratuitous && honest => Seen::Announcement(Ipv4Addr::from(address).into()),
            _ => Seen::Other("not a gratuitous ARP request"),
        };
    }
    let Some((at, source, destination, hops, protocol)) = ip(frame) else { return Seen::Other("no IP") };
    let message = &frame[at..];
    match (protocol, message.first()) {
        (112, _) => advert(message, source, destination, hops),
        (58, Some(136)) => match <[u8; 16]>::try_from(message.get(8..24).unwrap_or_default()) {
            Ok(target) if message.get(26..32) == Some(&frame[6..12]) && hops == 255 => {
                Seen::Announcement(Ipv6Addr::from(target).into())
            }
            _ => Seen::Other("a strange neighbour advertisement"),
        },
        (58, Some(134)) => Seen::RouterAdvertisement,
        _ => Seen::Other("another protocol"),
    }
}

fn advert(message: &[u8], source: IpAddr, destination: IpAddr, hops: u8) -> Seen {
    let (family, group, width): (Family, IpAddr, usize) = match source {
        IpAddr::V4(_) => (Family::V4, Ipv4Addr::new(224, 0, 0, 18).into(), 4),
        IpAddr::V6(_) => (Family::V6, Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12).into(), 16),
    };
    let Some(&[kind, vrid, priority, count, high, low, _, _]) = message.get(..8) else {
        return Seen::Other("too short");
    };
    let length = 8 + usize::from(count) * width;
    let Some(message) = message.get(..length) else { return Seen::Other("shorter than its count says") };
    let interval = u16::from(high & 0x0f) << 8 | u16::from(low);
    let plain = family == Family::V4 && sum(message, None) == 0;
    let wrong = [
        (kind != 0x31, "not an advertisement of version 3"),
        (hops != 255, "hop limit"),
        (destination != group, "destination"),
        (!plain && sum(message, Some((source, destination))) != 0, "checksum"),
        (count == 0, "no address"),
        (interval == 0, "no interval"),
    ];
    if let Some((_, what)) = wrong.iter().find(|(wrong, _)| *wrong) {
        return Seen::Other(what);
    }
    let address = |bytes: &[u8]| -> Option<IpAddr> {
        match width {
            4 => <[u8; 4]>::try_from(bytes).ok().map(|o| Ipv4Addr::from(o).into()),
            _ => <[u8; 16]>::try_from(bytes).ok().map(|o| Ipv6Addr::from(o).into()),
        }
    };
    let addresses = message[8..].chunks(width).filter_map(address).collect();
    Seen::Advert(Advert { family, vrid, source, priority, interval, addresses })
}
