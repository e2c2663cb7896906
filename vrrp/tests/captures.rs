//! Advertisements and announcements of other implementations, as captured. Skipped where the
//! captures are not at hand.

use std::net::IpAddr;
use std::path::PathBuf;

use vrrp::wire::{self, Advert, Checksum, Packet};
use vrrp::{Discard, Family, announce};

/// The frames of a capture in the classic format with microseconds, little-endian, Ethernet.
fn frames(name: &str) -> Option<Vec<Vec<u8>>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/captures/vrrp-ours");
    let Ok(bytes) = std::fs::read(folder.join(name)) else {
        println!("skipped: no capture {name}");
        return None;
    };
    let mut frames = Vec::new();
    let mut rest = &bytes[24..];
    while rest.len() >= 16 {
        let length = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
        frames.push(rest[16..16 + length].to_vec());
        rest = &rest[16 + length..];
    }
    Some(frames)
}

fn packet(frame: &[u8]) -> Option<Packet<'_>> {
    match (frame[12], frame[13]) {
        (0x08, 0x00) if frame[23] == wire::PROTOCOL => {
            let at = |from: usize| IpAddr::from(<[u8; 4]>::try_from(&frame[from..from + 4]).unwrap());
            let end = 14 + usize::from(u16::from_be_bytes([frame[16], frame[17]]));
            let payload = &frame[34..end];
            Some(Packet { source: at(26), destination: at(30), hop_limit: frame[22], payload })
        }
        (0x86, 0xdd) if frame[20] == wire::PROTOCOL => {
            let at = |from: usize| IpAddr::from(<[u8; 16]>::try_from(&frame[from..from + 16]).unwrap());
            let end = 54 + usize::from(u16::from_be_bytes([frame[18], frame[19]]));
            let payload = &frame[54..end];
            Some(Packet { source: at(22), destination: at(38), hop_limit: frame[21], payload })
        }
        _ => None,
    }
}

type Verdict = Result<(Advert, Checksum), Discard>;

fn adverts(name: &str) -> Vec<(Verdict, Vec<u8>)> {
    let frames = frames(name).unwrap_or_default();
    frames.iter().filter_map(|f| Some((wire::decode(&packet(f)?), f.clone()))).collect()
}

#[test]
fn version_3_of_others_is_understood_and_written_alike() {
    let captures = [
        ("keepalived-v3.pcap", Checksum::PseudoHeader),
        ("keepalived-v3-multi.pcap", Checksum::PseudoHeader),
        ("keepalived-v3-10ms.pcap", Checksum::PseudoHeader),
        ("keepalived-v3-physmac.pcap", Checksum::PseudoHeader),
        ("frr-v3.pcap", Checksum::PseudoHeader),
        ("frr-v3-multi.pcap", Checksum::PseudoHeader),
        ("keepalived2.4-v3-cksum-rfc9568.pcap", Checksum::MessageOnly),
    ];
    for (name, expected) in captures {
        for (advert, frame) in adverts(name) {
            let (advert, form) = advert.unwrap_or_else(|e| panic!("{name}: {e}"));
            let packet = packet(&frame).unwrap();
            if packet.source.is_ipv4() {
                assert_eq!(form, expected, "{name}");
            }
            let ours = wire::encode(&advert, &packet.source, form);
            assert_eq!(ours, packet.payload, "{name}");
            let mac = Family::of(&packet.source).virtual_mac(advert.vrid);
            let frame_of_ours = announce::advertisement(mac, &packet.source, &ours);
            let sent_alike = frame_of_ours.len() <= frame.len();
            assert!(sent_alike, "{name}");
        }
    }
}

#[test]
fn version_2_is_told_apart() {
    for name in ["keepalived-v2.pcap", "keepalived-v2-auth.pcap", "frr-v2.pcap"] {
        for (advert, _) in adverts(name) {
            assert_eq!(advert, Err(Discard::Version(2)), "{name}");
        }
    }
}

#[test]
fn announcements_are_as_those_of_others() {
    for name in ["keepalived-v3.pcap", "frr-v3.pcap"] {
        let Some(frames) = frames(name) else { return };
        let arp = announce::gratuitous_arp([0, 0, 0x5e, 0, 1, 51], "172.31.1.254".parse().unwrap());
        // The target hardware address of a request is ignored; the others put something there.
        let alike = |f: &Vec<u8>| f.len() >= 42 && f[..32] == arp[..32] && f[38..42] == arp[38..];
        assert!(frames.iter().any(alike), "{name}");
    }
}
