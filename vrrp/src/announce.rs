//! Frames that an Active router sends: advertisements, gratuitous ARP, unsolicited neighbour advertisements, router
//! advertisements. Written into arrays of exact size. The MAC is the virtual one, or the interface's own where a group
//! does without (RFC 9568 knows only the first; hosts then learn another MAC at each change of roles).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use pnet_base::MacAddr;
use pnet_packet::MutablePacket;
use pnet_packet::arp::{ArpHardwareTypes, ArpOperations, MutableArpPacket};
use pnet_packet::ethernet::{EtherTypes, MutableEthernetPacket};
use pnet_packet::icmpv6::{self, Icmpv6Packet};
use pnet_packet::ip::IpNextHeaderProtocol;
use pnet_packet::ipv4::{self, MutableIpv4Packet};
use pnet_packet::ipv6::MutableIpv6Packet;

use crate::config::{Family, RouterAdvertisement};
use crate::wire::PROTOCOL;

/// Length of a gratuitous ARP frame.
pub const ARP_LENGTH: usize = 42;
/// Length of a neighbour advertisement frame.
pub const NA_LENGTH: usize = 86;

const ETHERNET: usize = 14;
const IPV4: usize = 20;
const IPV6: usize = 40;
const ICMPV6: u8 = 58;
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// CS6: network control.
const DSCP: u8 = 48;

fn mac(bytes: [u8; 6]) -> MacAddr {
    MacAddr::from(bytes)
}

fn ethernet(frame: &mut [u8], source: [u8; 6], destination: MacAddr, v6: bool) {
    if let Some(mut packet) = MutableEthernetPacket::new(frame) {
        packet.set_source(mac(source));
        packet.set_destination(destination);
        packet.set_ethertype(if v6 { EtherTypes::Ipv6 } else { EtherTypes::Ipv4 });
    }
}

/// The MAC of an IPv6 multicast group (RFC 2464 section 7).
fn group_mac(group: &Ipv6Addr) -> MacAddr {
    let [.., a, b, c, d] = group.octets();
    MacAddr::new(0x33, 0x33, a, b, c, d)
}

/// One gratuitous ARP request, broadcast: sender and target protocol address are the virtual one
/// (RFC 9568 section 6.4.1 with errata 7947 and 7949).
pub fn gratuitous_arp(own: [u8; 6], address: Ipv4Addr) -> [u8; ARP_LENGTH] {
    let mut frame = [0; ARP_LENGTH];
    if let Some(mut packet) = MutableEthernetPacket::new(&mut frame) {
        packet.set_source(mac(own));
        packet.set_destination(MacAddr::broadcast());
        packet.set_ethertype(EtherTypes::Arp);
        if let Some(mut arp) = MutableArpPacket::new(packet.payload_mut()) {
            arp.set_hardware_type(ArpHardwareTypes::Ethernet);
            arp.set_protocol_type(EtherTypes::Ipv4);
            arp.set_hw_addr_len(6);
            arp.set_proto_addr_len(4);
            arp.set_operation(ArpOperations::Request);
            arp.set_sender_hw_addr(mac(own));
            arp.set_sender_proto_addr(address);
            arp.set_target_hw_addr(MacAddr::zero());
            arp.set_target_proto_addr(address);
        }
    }
    frame
}

fn ipv6_header(frame: &mut [u8], source: Ipv6Addr, destination: Ipv6Addr, next: u8, length: usize) {
    if let Some(mut packet) = frame.get_mut(ETHERNET..).and_then(MutableIpv6Packet::new) {
        packet.set_version(6);
        packet.set_traffic_class(if next == PROTOCOL { DSCP << 2 } else { 0 });
        packet.set_payload_length(u16::try_from(length).unwrap_or(0));
        packet.set_next_header(IpNextHeaderProtocol::new(next));
        packet.set_hop_limit(255);
        packet.set_source(source);
        packet.set_destination(destination);
    }
}

fn icmpv6(frame: &mut [u8], own: [u8; 6], source: Ipv6Addr, message: &[u8]) {
    ethernet(frame, own, group_mac(&ALL_NODES), true);
    ipv6_header(frame, source, ALL_NODES, ICMPV6, message.len());
    let Some(body) = frame.get_mut(ETHERNET + IPV6..) else { return };
    if body.len() != message.len() {
        return;
    }
    body.copy_from_slice(message);
    let sum = Icmpv6Packet::new(message).map(|packet| icmpv6::checksum(&packet, &source, &ALL_NODES));
    if let (Some(field), Some(sum)) = (body.get_mut(2..4), sum) {
        field.copy_from_slice(&sum.to_be_bytes());
    }
}

/// One unsolicited neighbour advertisement to all nodes: router, not solicited, override, with `own`
/// as target link-layer address (RFC 9568 section 6.4.1, RFC 4861 section 4.4).
pub fn neighbour_advertisement(own: [u8; 6], address: Ipv6Addr) -> [u8; NA_LENGTH] {
    let mut message = [0u8; NA_LENGTH - ETHERNET - IPV6];
    message[0] = 136;
    message[4] = 0xa0;
    message[8..24].copy_from_slice(&address.octets());
    message[24..26].copy_from_slice(&[2, 1]);
    message[26..32].copy_from_slice(&own);
    let mut frame = [0; NA_LENGTH];
    icmpv6(&mut frame, own, address, &message);
    frame
}

/// A router advertisement of the virtual router (RFC 4861 section 4.2): source is the virtual
/// link-local address, source link-layer address `own`.
pub fn router_advertisement(own: [u8; 6], source: Ipv6Addr, config: &RouterAdvertisement) -> Vec<u8> {
    let flags = u8::from(config.managed) << 7 | u8::from(config.other) << 6;
    let [high, low] = config.lifetime.to_be_bytes();
    let mut message = vec![134, 0, 0, 0, config.hop_limit, flags, high, low, 0, 0, 0, 0, 0, 0, 0, 0];
    message.extend_from_slice(&[1, 1]);
    message.extend_from_slice(&own);
    if let Some(mtu) = config.mtu {
        message.extend_from_slice(&[5, 1, 0, 0]);
        message.extend_from_slice(&mtu.to_be_bytes());
    }
    for prefix in &config.prefixes {
        const DAY: u32 = 86_400;
        message.extend_from_slice(&[3, 4, prefix.prefix_len(), 0xc0]);
        message.extend_from_slice(&(30 * DAY).to_be_bytes());
        message.extend_from_slice(&(7 * DAY).to_be_bytes());
        message.extend_from_slice(&[0; 4]);
        message.extend_from_slice(&prefix.network().octets());
    }
    let mut frame = vec![0; ETHERNET + IPV6 + message.len()];
    icmpv6(&mut frame, own, source, &message);
    frame
}

/// A whole frame with an advertisement, from `own` and the router's own address
/// (RFC 9568 sections 5.1 and 7.2), ready for a packet socket on the interface.
pub fn advertisement(own: [u8; 6], source: &IpAddr, message: &[u8]) -> Vec<u8> {
    match source {
        IpAddr::V4(source) => {
            let mut frame = vec![0; ETHERNET + IPV4 + message.len()];
            ethernet(&mut frame, own, MacAddr::new(0x01, 0x00, 0x5e, 0x00, 0x00, 0x12), false);
            ipv4_header(&mut frame, *source, message.len());
            if let Some(body) = frame.get_mut(ETHERNET + IPV4..) {
                body.copy_from_slice(message);
            }
            frame
        }
        IpAddr::V6(source) => {
            let mut frame = vec![0; ETHERNET + IPV6 + message.len()];
            let IpAddr::V6(group) = Family::V6.destination() else { return frame };
            ethernet(&mut frame, own, group_mac(&group), true);
            ipv6_header(&mut frame, *source, group, PROTOCOL, message.len());
            if let Some(body) = frame.get_mut(ETHERNET + IPV6..) {
                body.copy_from_slice(message);
            }
            frame
        }
    }
}

fn ipv4_header(frame: &mut [u8], source: Ipv4Addr, length: usize) {
    let IpAddr::V4(group) = Family::V4.destination() else { return };
    if let Some(mut packet) = frame.get_mut(ETHERNET..).and_then(MutableIpv4Packet::new) {
        packet.set_version(4);
        packet.set_header_length(5);
        packet.set_dscp(DSCP);
        packet.set_total_length(u16::try_from(IPV4 + length).unwrap_or(0));
        packet.set_flags(ipv4::Ipv4Flags::DontFragment);
        packet.set_ttl(255);
        packet.set_next_level_protocol(IpNextHeaderProtocol::new(PROTOCOL));
        packet.set_source(source);
        packet.set_destination(group);
        let sum = ipv4::checksum(&packet.to_immutable());
        packet.set_checksum(sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: [u8; 6] = [0, 0, 0x5e, 0, 1, 51];

    #[test]
    fn gratuitous_arp_names_the_address_twice() {
        let frame = gratuitous_arp(MAC, Ipv4Addr::new(172, 31, 1, 254));
        assert_eq!(frame[..14], [255, 255, 255, 255, 255, 255, 0, 0, 0x5e, 0, 1, 51, 8, 6]);
        assert_eq!(frame[14..22], [0, 1, 8, 0, 6, 4, 0, 1]);
        assert_eq!(frame[22..], [0, 0, 0x5e, 0, 1, 51, 172, 31, 1, 254, 0, 0, 0, 0, 0, 0, 172, 31, 1, 254]);
    }

    #[test]
    fn neighbour_advertisement_has_router_and_override() {
        let address: Ipv6Addr = "fe80::254".parse().unwrap();
        let frame = neighbour_advertisement(MAC, address);
        assert_eq!(frame[..6], [0x33, 0x33, 0, 0, 0, 1]);
        assert_eq!((frame[20], frame[21]), (58, 255));
        assert_eq!((frame[54], frame[58]), (136, 0xa0));
        assert_eq!(frame[62..78], address.octets());
        assert_eq!(frame[78..86], [2, 1, 0, 0, 0x5e, 0, 1, 51]);
        let packet = Icmpv6Packet::new(&frame[54..]).unwrap();
        assert_eq!(packet.get_checksum(), icmpv6::checksum(&packet, &address, &ALL_NODES));
    }

    #[test]
    fn router_advertisement_is_complete() {
        let config = RouterAdvertisement {
            prefixes: vec!["2001:db8::/64".parse().unwrap()],
            mtu: Some(1400),
            ..RouterAdvertisement::default()
        };
        let frame = router_advertisement(MAC, "fe80::254".parse().unwrap(), &config);
        assert_eq!(frame.len(), 54 + 16 + 8 + 8 + 32);
        assert_eq!(usize::from(u16::from_be_bytes([frame[18], frame[19]])), frame.len() - 54);
    }

    #[test]
    fn an_advertisement_frame_has_a_valid_header() {
        let frame = advertisement(MAC, &"10.0.0.1".parse().unwrap(), &[1, 2, 3, 4]);
        assert_eq!(frame.len(), 38);
        assert_eq!((frame[14], frame[15], frame[22], frame[23]), (0x45, 0xc0, 255, 112));
        let frame = advertisement(MAC, &"fe80::1".parse().unwrap(), &[1, 2, 3, 4]);
        assert_eq!(frame[..6], [0x33, 0x33, 0, 0, 0, 0x12]);
        assert_eq!((frame[14], frame[20], frame[21]), (0x6c, 112, 255));
    }
}
