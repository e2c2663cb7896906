//! What the benchmarks share: streams of UPDATEs, and a table with neighbours to feed them to.

use std::net::{IpAddr, Ipv4Addr};

use bgp::batch::UpdateBatch;
use bgp::types::{Asn, NextHop, Nlri};
use bgp::wire::{AllowOwnAs, AttrCodes, MessageKind, UpdateContext, UpdateDecoder, next_frame};
use rib::peer::{PeerConfig, PeerFamily, PeerKind, PeerSession};
use rib::{Core, Input, PeerId};

/// Hash seed of the benchmarks.
pub const SEED: u64 = 7;

/// The context of a session with an external neighbour.
pub fn context(remote_as: u32) -> UpdateContext {
    UpdateContext {
        as4: true,
        add_path: [false; 2],
        families: [true; 2],
        extended_next_hop: false,
        kind: PeerKind::External,
        confederation: false,
        remote_as: Asn(remote_as),
        own_asns: vec![Asn(65000)],
        allow_own_as: [AllowOwnAs::No; 2],
        prepend: None,
        enforce_first_as: false,
        reject_as_sets: false,
        allow_martian_next_hop: false,
        aigp: false,
        router_id: Ipv4Addr::new(198, 18, 0, 1),
        cluster_id: Ipv4Addr::new(198, 18, 0, 1),
        relation: None,
        discard: AttrCodes::NONE,
        withdraw_on: AttrCodes::NONE,
        hash_seed: SEED,
    }
}

/// Decodes a stream of messages into batches of about 64 KiB of input each.
pub fn decode(stream: &[u8], mut each: impl FnMut(&mut UpdateBatch)) -> usize {
    let mut decoder = UpdateDecoder::new(context(64501));
    let mut batch = UpdateBatch::default();
    let (mut at, mut start, mut messages) = (0, 0, 0);
    while let Ok(Some(frame)) = next_frame(&stream[at..], 65535) {
        if frame.kind == MessageKind::Update && decoder.decode(frame.body, &mut batch).is_ok() {
            messages += 1;
        }
        at += frame.len();
        if at - start > 64 << 10 {
            each(&mut batch);
            batch.clear();
            start = at;
        }
    }
    each(&mut batch);
    messages
}

/// A table with one connected network, `peers` external neighbours on it and their sessions up. Only the last
/// neighbour is told anything.
pub fn table(peers: u8) -> Core {
    let mut core = Core::new(SEED);
    let settings = rib::Settings { no_rib: true, import_check: false, ..rib::Settings::default() };
    core.handle(0, Input::Settings(settings));
    core.handle(0, Input::Link { ifindex: 1, name: "d0", up: true });
    core.handle(0, Input::Address(1, "198.18.0.1/16".parse().expect("a literal")));
    for n in 1..=peers {
        core.handle(0, Input::Peer(PeerId(u16::from(n)), neighbor(n, peers)));
        core.handle(0, Input::Up(PeerId(u16::from(n)), session(n)));
    }
    core
}

/// The neighbour of a number in [`table`].
pub fn neighbor(n: u8, peers: u8) -> PeerConfig {
    let mut family = PeerFamily::default();
    family.export.default_deny = n < peers;
    PeerConfig {
        addr: IpAddr::V4(Ipv4Addr::new(198, 18, 0, n + 1)),
        interface: None,
        kind: PeerKind::External,
        local_as: Asn(65000),
        own_as: None,
        remote_as: Asn(64500 + u32::from(n)),
        aigp: false,
        require_connected: true,
        graceful_shutdown: false,
        integer_bandwidth: false,
        families: [Some(family.clone()), Some(family)],
    }
}

/// What the session with a neighbour of [`table`] agreed on.
pub fn session(n: u8) -> PeerSession {
    PeerSession {
        router_id: Ipv4Addr::new(198, 18, 0, n + 1),
        as4: true,
        enhanced_refresh: false,
        relation: None,
        extended_next_hop: false,
        extended_message: false,
        families: [true; 2],
        add_path_send: [false; 2],
        paths_limit: [0; 2],
        local_v4: Some(Ipv4Addr::new(198, 18, 0, 1)),
        local_v6: None,
        local_link: None,
        shared_net: [None; 2],
    }
}

/// Runs a table until it has nothing left to do, taking what it sends at once; returns octets and messages sent.
pub fn drain(core: &mut Core) -> (usize, u32) {
    let (mut octets, mut sent) = (0, 0);
    loop {
        let more = core.work();
        let mut quiet = true;
        while let Some(output) = core.poll() {
            if let rib::Output::Transmit { peers, bytes, messages } = output {
                quiet = false;
                octets += bytes.len();
                sent += messages;
                for peer in peers {
                    core.handle(0, Input::Written(peer, bytes.len()));
                }
            }
        }
        if !more && quiet {
            return (octets, sent);
        }
    }
}

/// A stream of UPDATEs like a full table: `prefixes` in sets of about six.
pub fn stream(prefixes: u32) -> Vec<u8> {
    let mut out = bytes::BytesMut::new();
    let mut at = 0;
    let mut set = 0u32;
    while at < prefixes {
        let size = (set.wrapping_mul(2_654_435_761) >> 28).max(1).min(prefixes - at);
        let path: Vec<Asn> = (0..3 + set % 5).map(|i| Asn(64501 + (set / 7 + i * 31) % 400_000)).collect();
        let mut builder = bgp::attrs::AttrBuilder::new();
        builder.origin(bgp::attrs::Origin::Igp).set_as_path(&path);
        if !set.is_multiple_of(4) {
            builder.communities((0..1 + set % 6).map(|i| (64501 << 16) | ((set + i) % 65000)).collect());
        }
        if set % 4 == 1 {
            builder.med(Some(set % 100));
        }
        let block = builder.build();
        let form = bgp::attrs::ExportForm::internal();
        let form = bgp::attrs::ExportForm { local_pref: bgp::attrs::LocalPrefForm::Strip, ..form };
        let mut attrs = Vec::new();
        let next_hop = Ipv4Addr::new(198, 18, 0, 2);
        bgp::attrs::write_attrs(bgp::attrs::AttrView::new(&block), &form, Some(next_hop), &mut attrs)
            .expect("short attributes");
        let nlri = (at..at + size).map(|i| Nlri { addr: 0x0100_0000 + (i << 8), path_id: 0, len: 24 });
        let update = bgp::wire::UpdateForm { extended_message: false, add_path: false };
        let none: Option<NextHop> = None;
        bgp::wire::put_announce(update, &attrs, none, nlri, &mut out).expect("room");
        at += size;
        set += 1;
    }
    out.to_vec()
}

/// Resident memory of this process in MB.
pub fn resident_mb() -> f64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: f64 = text.split_whitespace().nth(1).and_then(|t| t.parse().ok()).unwrap_or(0.0);
    pages * 4096.0 / 1e6
}

/// Seconds for which this thread had a processor.
pub fn cpu() -> f64 {
    let now = nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID.now().expect("Linux has this clock");
    std::time::Duration::from(now).as_secs_f64()
}
