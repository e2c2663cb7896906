//! VRRP version 3 messages (RFC 9568 section 5) and the checks on receipt (section 7.1).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::config::Family;

/// Protocol number of IPv4 and next header of IPv6.
pub const PROTOCOL: u8 = 112;

/// What the checksum of an IPv4 message covers. IPv6 always includes the pseudo-header.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Checksum {
    /// Message and pseudo-header, as RFC 5798 was implemented.
    PseudoHeader,
    /// Message only (RFC 9568 section 5.2.8).
    MessageOnly,
}

/// A received message with what its IP header said.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// IP source.
    pub source: IpAddr,
    /// IP destination.
    pub destination: IpAddr,
    /// TTL or hop limit.
    pub hop_limit: u8,
    /// What follows the IP header.
    pub payload: &'a [u8],
}

/// An advertisement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Advert {
    /// Virtual router identifier.
    pub vrid: u8,
    /// 255 owner, 1-254 backup, 0 resigning.
    pub priority: u8,
    /// Maximum advertisement interval in centiseconds, twelve bits.
    pub interval: u16,
    /// Virtual addresses.
    pub addresses: Vec<IpAddr>,
}

/// Why a packet was dropped (RFC 9568 section 7.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, thiserror::Error)]
pub enum Discard {
    /// It may have been routed.
    #[error("TTL or hop limit is {0}, not 255")]
    HopLimit(u8),
    /// Not version 3.
    #[error("version {0}")]
    Version(u8),
    /// Not an advertisement.
    #[error("type {0}")]
    Kind(u8),
    /// Shorter than its own count of addresses says.
    #[error("{0} bytes are too short")]
    Length(usize),
    /// Damaged, or a form of checksum that nobody uses.
    #[error("bad checksum")]
    Checksum,
    /// No address.
    #[error("no address")]
    AddressCount,
    /// Interval 0.
    #[error("interval 0")]
    Interval,
    /// The first IPv6 address is not link-local.
    #[error("the first address is not link-local")]
    LinkLocal,
    /// No such virtual router on the interface.
    #[error("unknown virtual router {0}")]
    Vrid(u8),
    /// We own the addresses, and somebody else says so too.
    #[error("another owner")]
    Owner,
    /// IPv4 and IPv6 mixed.
    #[error("wrong family")]
    Family,
}

impl Discard {
    /// A short name for counters.
    pub fn name(&self) -> &'static str {
        match self {
            Discard::HopLimit(_) => "ttl",
            Discard::Version(_) => "version",
            Discard::Kind(_) => "type",
            Discard::Length(_) => "length",
            Discard::Checksum => "checksum",
            Discard::AddressCount | Discard::LinkLocal => "addresses",
            Discard::Interval => "interval",
            Discard::Vrid(_) => "vrid",
            Discard::Owner => "owner",
            Discard::Family => "family",
        }
    }
}

fn sum(bytes: &[u8], mut total: u32) -> u32 {
    for pair in bytes.chunks(2) {
        let word = match pair {
            [high, low] => u16::from_be_bytes([*high, *low]),
            [high] => u16::from_be_bytes([*high, 0]),
            _ => 0,
        };
        total += u32::from(word);
    }
    total
}

fn fold(mut total: u32) -> u16 {
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    !(total as u16)
}

fn pseudo_header(source: &IpAddr, destination: &IpAddr, length: usize) -> u32 {
    let length = u32::try_from(length).unwrap_or(0);
    let mut total = u32::from(PROTOCOL) + (length >> 16) + (length & 0xffff);
    for address in [source, destination] {
        total = match address {
            IpAddr::V4(v4) => sum(&v4.octets(), total),
            IpAddr::V6(v6) => sum(&v6.octets(), total),
        };
    }
    total
}

/// The checksum of a message whose checksum field is taken as it stands.
pub fn checksum(message: &[u8], source: &IpAddr, destination: &IpAddr, form: Checksum) -> u16 {
    let start = match (form, source) {
        (Checksum::MessageOnly, IpAddr::V4(_)) => 0,
        _ => pseudo_header(source, destination, message.len()),
    };
    fold(sum(message, start))
}

/// The VRID of a message, for finding its virtual router before the checks.
pub fn vrid(payload: &[u8]) -> Option<u8> {
    payload.get(1).copied()
}

/// Checks and reads a message; also says which form of the checksum fits.
pub fn decode(packet: &Packet<'_>) -> Result<(Advert, Checksum), Discard> {
    if packet.hop_limit != 255 {
        return Err(Discard::HopLimit(packet.hop_limit));
    }
    let bytes = packet.payload;
    let Some([first, vrid, priority, count, high, low, _, _]) = bytes.first_chunk::<8>().copied() else {
        return Err(Discard::Length(bytes.len()));
    };
    if first >> 4 != 3 {
        return Err(Discard::Version(first >> 4));
    }
    if first & 0x0f != 1 {
        return Err(Discard::Kind(first & 0x0f));
    }
    let v6 = packet.source.is_ipv6();
    let width = if v6 { 16 } else { 4 };
    let length = 8 + usize::from(count) * width;
    let (Some(message), Some(list)) = (bytes.get(..length), bytes.get(8..length)) else {
        return Err(Discard::Length(bytes.len()));
    };
    let form = [Checksum::PseudoHeader, Checksum::MessageOnly]
        .into_iter()
        .find(|form| checksum(message, &packet.source, &packet.destination, *form) == 0)
        .ok_or(Discard::Checksum)?;
    if count == 0 {
        return Err(Discard::AddressCount);
    }
    let interval = u16::from_be_bytes([high & 0x0f, low]);
    if interval == 0 {
        return Err(Discard::Interval);
    }
    let addresses: Vec<IpAddr> = list.chunks_exact(width).filter_map(address).collect();
    if let Some(IpAddr::V6(first)) = addresses.first()
        && !first.is_unicast_link_local()
    {
        return Err(Discard::LinkLocal);
    }
    Ok((Advert { vrid, priority, interval, addresses }, form))
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(bytes) {
        return Some(IpAddr::V4(Ipv4Addr::from(octets)));
    }
    <[u8; 16]>::try_from(bytes).ok().map(|octets| IpAddr::V6(Ipv6Addr::from(octets)))
}

/// Writes a message with its checksum.
pub fn encode(advert: &Advert, source: &IpAddr, form: Checksum) -> Vec<u8> {
    let destination = Family::of(source).destination();
    let count = u8::try_from(advert.addresses.len()).unwrap_or(u8::MAX);
    let [high, low] = (advert.interval & 0x0fff).to_be_bytes();
    let mut bytes = vec![0x31, advert.vrid, advert.priority, count, high, low, 0, 0];
    for address in advert.addresses.iter().take(usize::from(count)) {
        match address {
            IpAddr::V4(v4) => bytes.extend_from_slice(&v4.octets()),
            IpAddr::V6(v6) => bytes.extend_from_slice(&v6.octets()),
        }
    }
    let value = checksum(&bytes, source, &destination, form).to_be_bytes();
    if let Some(field) = bytes.get_mut(6..8) {
        field.copy_from_slice(&value);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn golden() -> (Advert, IpAddr) {
        let addresses = vec!["172.31.1.254".parse().unwrap()];
        (Advert { vrid: 51, priority: 200, interval: 20, addresses }, "172.31.1.1".parse().unwrap())
    }

    fn packet<'a>(source: &str, payload: &'a [u8]) -> Packet<'a> {
        let source: IpAddr = source.parse().unwrap();
        Packet { source, destination: Family::of(&source).destination(), hop_limit: 255, payload }
    }

    #[test]
    fn both_checksums_of_a_captured_message() {
        let (advert, source) = golden();
        assert_eq!(encode(&advert, &source, Checksum::PseudoHeader)[6..8], [0xca, 0xe9]);
        assert_eq!(encode(&advert, &source, Checksum::MessageOnly)[6..8], [0x58, 0x99]);
        for form in [Checksum::PseudoHeader, Checksum::MessageOnly] {
            let bytes = encode(&advert, &source, form);
            assert_eq!(decode(&packet("172.31.1.1", &bytes)), Ok((advert.clone(), form)));
        }
    }

    #[test]
    fn each_check_has_its_own_verdict() {
        let (advert, source) = golden();
        let good = encode(&advert, &source, Checksum::MessageOnly);
        let verdict = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = good.clone();
            change(&mut bytes);
            bytes[6..8].fill(0);
            let value = fold(sum(&bytes, 0)).to_be_bytes();
            bytes[6..8].copy_from_slice(&value);
            decode(&packet("172.31.1.1", &bytes)).map(|_| ())
        };
        assert_eq!(verdict(&|_| ()), Ok(()));
        assert_eq!(verdict(&|b| b[0] = 0x21), Err(Discard::Version(2)));
        assert_eq!(verdict(&|b| b[0] = 0x32), Err(Discard::Kind(2)));
        assert_eq!(verdict(&|b| b[3] = 2), Err(Discard::Length(12)));
        assert_eq!(
            verdict(&|b| {
                b[3] = 0;
                b.truncate(8)
            }),
            Err(Discard::AddressCount)
        );
        assert_eq!(verdict(&|b| b[5] = 0), Err(Discard::Interval));
        assert_eq!(verdict(&|b| b[4] = 0xf0), Ok(()), "reserved bits are ignored");
        let mut bad = good.clone();
        bad[8] ^= 1;
        assert_eq!(decode(&packet("172.31.1.1", &bad)).map(|_| ()), Err(Discard::Checksum));
        let routed = Packet { hop_limit: 254, ..packet("172.31.1.1", &good) };
        assert_eq!(decode(&routed).map(|_| ()), Err(Discard::HopLimit(254)));
        assert_eq!(decode(&packet("172.31.1.1", &good[..7])).map(|_| ()), Err(Discard::Length(7)));
        let global = Advert { addresses: vec!["2001:db8::1".parse().unwrap()], ..advert };
        let source = "fe80::1".parse().unwrap();
        let bytes = encode(&global, &source, Checksum::PseudoHeader);
        assert_eq!(decode(&packet("fe80::1", &bytes)).map(|_| ()), Err(Discard::LinkLocal));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(bytes in proptest::collection::vec(0u8.., 0..300), v6: bool) {
            let source = if v6 { "fe80::1" } else { "10.0.0.1" };
            let _ = decode(&packet(source, &bytes));
        }

        #[test]
        fn what_is_written_reads_back(vrid: u8, priority: u8, interval in 1u16..4096, hosts in proptest::collection::vec(0u16.., 1..20), v6: bool) {
            let address = |h: &u16| -> IpAddr {
                if v6 { format!("fe80::{h:x}").parse().unwrap() } else { IpAddr::from([10, 0, (h >> 8) as u8, *h as u8]) }
            };
            let advert = Advert { vrid, priority, interval, addresses: hosts.iter().map(address).collect() };
            let source = if v6 { "fe80::1" } else { "10.0.0.1" };
            let bytes = encode(&advert, &source.parse().unwrap(), Checksum::PseudoHeader);
            proptest::prop_assert_eq!(decode(&packet(source, &bytes)).map(|(a, _)| a), Ok(advert));
        }
    }
}
