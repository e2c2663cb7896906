//! VRRP packets: what is taken is what stands there, and the machine behind stays in order.

use std::net::IpAddr;

use vrrp::wire::{checksum, decode, encode, vrid};
use vrrp::{Advert, Checksum, Config, Discard, Family, Input, Instance, MILLISECOND, Output, Packet, State};

/// The highest address of those on the segment, and ours.
const PEERS: [[&str; 2]; 2] = [["10.0.0.9", "10.0.0.1"], ["fe80::9", "fe80::1"]];

/// Packets, each behind an octet of circumstances and two of length.
pub(super) fn packet(data: &[u8]) {
    let mut rest = data;
    let v6 = data.first().is_some_and(|o| o & 1 == 1);
    let family = if v6 { Family::V6 } else { Family::V4 };
    let [peer, own] = PEERS[usize::from(v6)].map(|a| a.parse::<IpAddr>().expect("an address"));
    let addresses = vec![if v6 { "fe80::fe" } else { "10.0.0.254" }.parse().expect("an address")];
    let mut instance = Instance::new(Config::new(7, family, addresses));
    let mut machine = Machine { state: State::Initialize, forwarding: false };
    let mut now = MILLISECOND;
    instance.handle(now, Input::Up { source: own, own_mac: None, adopted: false });
    machine.drain(&mut instance);
    for _ in 0..8 {
        let [how, high, low, after @ ..] = rest else { break };
        let len = usize::from(u16::from_be_bytes([*high, *low])).min(after.len());
        let (payload, after) = after.split_at(len);
        rest = after;
        let mut payload = payload.to_vec();
        let source = if how & 2 == 0 { peer } else { own };
        let destination = family.destination();
        // Most changes break the checksum; then nothing else is looked at.
        if how & 4 == 0 && payload.len() >= 8 {
            let form = if how & 8 == 0 { Checksum::PseudoHeader } else { Checksum::MessageOnly };
            let message = 8 + usize::from(payload[3]) * if v6 { 16 } else { 4 };
            payload[6..8].fill(0);
            if let Some(message) = payload.get(..message) {
                let sum = checksum(message, &source, &destination, form).to_be_bytes();
                payload[6..8].copy_from_slice(&sum);
            }
        }
        let hop_limit = if how & 0x30 == 0x30 { how >> 6 } else { 255 };
        let packet = Packet { source, destination, hop_limit, payload: &payload };
        verdict(&packet, decode(&packet));
        now += u64::from(how >> 4) * 500 * MILLISECOND;
        while let Some(at) = instance.deadline().filter(|at| *at <= now) {
            instance.handle(at, Input::Timeout);
            machine.drain(&mut instance);
        }
        instance.handle(now, Input::Packet(packet));
        machine.drain(&mut instance);
    }
    // Left alone it takes over, and it stops when it is told to.
    for _ in 0..200 {
        let Some(at) = instance.deadline().filter(|_| machine.state != State::Active) else { break };
        now = now.max(at);
        instance.handle(now, Input::Timeout);
        machine.drain(&mut instance);
    }
    assert!(machine.state == State::Active && machine.forwarding, "nobody forwards");
    instance.handle(now, Input::Down);
    machine.drain(&mut instance);
    assert!(machine.state == State::Initialize && !machine.forwarding);
}

/// What the machine has said so far.
struct Machine {
    state: State,
    forwarding: bool,
}

impl Machine {
    fn drain(&mut self, instance: &mut Instance) {
        while let Some(output) = instance.poll() {
            match output {
                Output::Changed { from, to, .. } => {
                    assert!(self.state == from && from != to);
                    self.state = to;
                }
                // Also while the datapath is kept after a resignation.
                Output::Acquire => self.forwarding = true,
                Output::Release => assert!(std::mem::replace(&mut self.forwarding, false)),
                Output::Send(frame) => assert!(frame.len() <= 14 + 40 + 8 + 16 * 255),
                Output::Announce | Output::Advertise | Output::Notice(_) | Output::Stopped => {}
            }
        }
    }
}

fn verdict(packet: &Packet<'_>, result: Result<(Advert, Checksum), Discard>) {
    let (advert, form) = match result {
        Ok(read) => read,
        Err(why) => return assert!(!why.name().is_empty() && !why.to_string().is_empty()),
    };
    assert_eq!(packet.hop_limit, 255);
    assert_eq!(vrid(packet.payload), Some(advert.vrid));
    let mut written = encode(&advert, &packet.source, form);
    // Reserved bits are nothing to us; with them goes the checksum.
    let message = &packet.payload[..written.len()];
    written[4] |= message[4] & 0xf0;
    written[6..8].copy_from_slice(&message[6..8]);
    assert_eq!(written, message);
    assert!(packet.payload.len() >= 8 + advert.addresses.len() * 4);
}
