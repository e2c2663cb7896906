//! The table against a naive model: whatever happens in whatever order, at rest every neighbour holds what the
//! best paths say, the kernel leads where they lead, and no reference is left over.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;

use bgp::attrs::{AttrBuilder, AttrView, Origin, SegmentKind, hash_block, summarize};
use bgp::batch::{BatchAttrs, Op, UpdateBatch};
use bgp::types::{Asn, Family, NextHop, Nlri};
use bgp::wire::{
    AllowOwnAs, AttrCodes, MessageKind, RefreshKind, RouteRefresh, UpdateContext, UpdateDecoder, next_frame,
};
use ipnet::IpNet;

use super::*;
use crate::HopSetId;

use crate::install::InstallMaps;
use crate::listing::{Listed, Part};
use crate::nexthop::{Resilient, SetHop};
use crate::peer::{NextHopSelf, PeerFamily, PeerKind};
use crate::policy::ast::{
    self, Action, AddressMatch, Arith, Match, MetricSet, PrefixListEntry, RouteMapEntry, Set,
};

mod add_path;
mod aggregates;
mod aigp;
mod bandwidth;
mod conditions;
mod confederation;
mod damping;
mod edges;
mod model;
mod nht;
mod policy;
mod routes;
mod rpki;
mod sessions;
mod shutdown;
mod telling;
mod turning;
mod why;

const SEED: u64 = 11;
const OUR_AS: u32 = 65000;

/// What a neighbour holds.
type Rib = BTreeMap<IpNet, (Vec<u8>, NextHop)>;

/// What a neighbour holds that takes several paths of a prefix, by path identifier.
type Several = BTreeMap<(IpNet, u32), (Vec<u8>, NextHop)>;

struct Lab {
    core: Core,
    now: Time,
    peers: BTreeMap<u16, (PeerKind, Rib, UpdateDecoder)>,
    several: BTreeMap<u16, Several>,
    kernel: BTreeMap<IpNet, FibRouteSeen>,
    hop_sets: BTreeMap<HopSetId, Vec<SetHop>>,
    kinds: BTreeMap<HopSetId, Option<Resilient>>,
    events: Vec<Event>,
    /// Octets that a stuck neighbour has not taken.
    stuck: BTreeMap<u16, usize>,
    is_stuck: BTreeSet<u16>,
    /// Marks of refreshes, with the number of prefixes held then.
    marks: Vec<(u16, RefreshKind, usize)>,
}

type FibRouteSeen = crate::event::FibRoute;

fn context(kind: PeerKind) -> UpdateContext {
    UpdateContext {
        as4: true,
        add_path: [false; 2],
        families: [true; 2],
        extended_next_hop: false,
        kind,
        confederation: kind != PeerKind::External,
        remote_as: Asn(OUR_AS),
        own_asns: Vec::new(),
        allow_own_as: [AllowOwnAs::No; 2],
        prepend: None,
        enforce_first_as: false,
        reject_as_sets: false,
        allow_martian_next_hop: true,
        aigp: false,
        router_id: Ipv4Addr::new(9, 9, 9, 9),
        cluster_id: Ipv4Addr::new(9, 9, 9, 9),
        relation: None,
        discard: AttrCodes::NONE,
        withdraw_on: AttrCodes::NONE,
        hash_seed: SEED,
    }
}

fn address(n: u16) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, n as u8 + 1)
}

impl Lab {
    /// IPv4 prefixes with paths, and their slots.
    fn listed(&self) -> Vec<(IpNet, u32)> {
        self.core.listed(Family::Ipv4Unicast, Listed::Paths, Part::default(), 0..usize::MAX).0
    }

    fn new() -> Lab {
        let mut lab = Lab {
            core: Core::new(SEED),
            now: 0,
            peers: BTreeMap::new(),
            several: BTreeMap::new(),
            kernel: BTreeMap::new(),
            hop_sets: BTreeMap::new(),
            kinds: BTreeMap::new(),
            events: Vec::new(),
            stuck: BTreeMap::new(),
            is_stuck: BTreeSet::new(),
            marks: Vec::new(),
        };
        lab.tell(Input::Link { ifindex: 7, name: "eth0", up: true });
        lab.tell(Input::Address(7, "10.0.0.1/24".parse().unwrap()));
        lab
    }

    fn tell(&mut self, input: Input<'_>) {
        self.now += SECOND;
        self.core.handle(self.now, input);
    }

    fn config(n: u16, kind: PeerKind, family: PeerFamily) -> PeerConfig {
        PeerConfig {
            addr: IpAddr::V4(address(n)),
            interface: None,
            kind,
            local_as: Asn(OUR_AS),
            own_as: None,
            aigp: kind != PeerKind::External,
            remote_as: if kind == PeerKind::Internal { Asn(OUR_AS) } else { Asn(100 + u32::from(n)) },
            require_connected: kind == PeerKind::External,
            graceful_shutdown: false,
            integer_bandwidth: false,
            families: [Some(family), None],
        }
    }

    fn add(&mut self, n: u16, kind: PeerKind) {
        self.add_with(n, kind, PeerFamily::default());
    }

    fn add_with(&mut self, n: u16, kind: PeerKind, family: PeerFamily) {
        self.tell(Input::Peer(PeerId(n), Lab::config(n, kind, family)));
        self.peers.insert(n, (kind, Rib::new(), UpdateDecoder::new(context(kind))));
        self.up(n);
    }

    fn up(&mut self, n: u16) {
        self.up_with(n, Lab::session(n));
    }

    fn session(n: u16) -> PeerSession {
        PeerSession {
            router_id: address(n),
            as4: true,
            enhanced_refresh: false,
            relation: None,
            extended_next_hop: false,
            extended_message: false,
            families: [true, false],
            add_path_send: [false; 2],
            paths_limit: [0; 2],
            local_v4: Some(Ipv4Addr::new(10, 0, 0, 1)),
            local_v6: None,
            local_link: None,
            shared_net: [None; 2],
        }
    }

    fn up_with(&mut self, n: u16, session: PeerSession) {
        let (kind, rib, decoder) = self.peers.get_mut(&n).unwrap();
        rib.clear();
        let extended_next_hop = session.extended_next_hop;
        let add_path = session.add_path_send;
        decoder.set_context(UpdateContext { add_path, extended_next_hop, ..context(*kind) });
        self.several.remove(&n);
        self.stuck.remove(&n);
        self.tell(Input::Up(PeerId(n), session));
    }

    fn down(&mut self, n: u16) {
        self.tell(Input::Down(PeerId(n)));
        self.deliver();
        self.peers.get_mut(&n).unwrap().1.clear();
        self.several.remove(&n);
        self.stuck.remove(&n);
    }

    fn announce(&mut self, n: u16, prefixes: &[&str], edit: impl FnOnce(&mut AttrBuilder<'_>)) {
        self.announce_path(n, 0, prefixes, edit);
    }

    /// As [`Self::announce`], with a path identifier.
    fn announce_path(
        &mut self,
        n: u16,
        path_id: u32,
        prefixes: &[&str],
        edit: impl FnOnce(&mut AttrBuilder<'_>),
    ) {
        self.announce_to(n, path_id, prefixes, address(n), edit);
    }

    /// As [`Self::announce_path`], with a next hop.
    fn announce_to(
        &mut self,
        n: u16,
        path_id: u32,
        prefixes: &[&str],
        next_hop: Ipv4Addr,
        edit: impl FnOnce(&mut AttrBuilder<'_>),
    ) {
        let mut builder = AttrBuilder::new();
        builder.origin(Origin::Igp).set_as_path(&[Asn(100 + u32::from(n))]);
        match self.peers[&n].0 {
            PeerKind::External => {}
            PeerKind::Internal => drop(builder.set_as_path(&[]).local_pref(Some(100))),
            PeerKind::Confederation => {
                let member = [Asn(100 + u32::from(n))];
                builder.set_segments(&[(SegmentKind::ConfedSequence, &member)]).local_pref(Some(100));
            }
        }
        edit(&mut builder);
        let block = builder.build();
        let mut batch = UpdateBatch::default();
        batch.arena.extend_from_slice(&block);
        batch.attrs.push(BatchAttrs {
            block: 0..block.len() as u32,
            hash: hash_block(SEED, &block),
            summary: summarize(&block),
            next_hop: NextHop::V4(next_hop),
        });
        batch.v4 = nlri(prefixes, path_id);
        batch.ops.push(Op::Announce {
            family: Family::Ipv4Unicast,
            attrs: 0,
            nlri: 0..prefixes.len() as u32,
        });
        self.tell(Input::Updates(PeerId(n), &batch));
    }

    fn withdraw(&mut self, n: u16, prefixes: &[&str]) {
        self.withdraw_path(n, 0, prefixes);
    }

    /// As [`Self::withdraw`], with a path identifier.
    fn withdraw_path(&mut self, n: u16, path_id: u32, prefixes: &[&str]) {
        let nlri_range = 0..prefixes.len() as u32;
        let op = Op::Withdraw { family: Family::Ipv4Unicast, nlri: nlri_range };
        let batch = UpdateBatch { v4: nlri(prefixes, path_id), ops: vec![op], ..UpdateBatch::default() };
        self.tell(Input::Updates(PeerId(n), &batch));
    }

    /// Takes what came out so far.
    fn deliver(&mut self) {
        while let Some(output) = self.core.poll() {
            match output {
                Output::Event(event) => self.events.push(event),
                Output::Transmit { peers, bytes, .. } => {
                    for id in peers {
                        if self.is_stuck.contains(&id.0) {
                            *self.stuck.entry(id.0).or_default() += bytes.len();
                        } else {
                            self.core.handle(self.now, Input::Written(id, bytes.len()));
                        }
                        let (_, rib, decoder) = self.peers.get_mut(&id.0).unwrap();
                        let several = self.several.entry(id.0).or_default();
                        let mark = |kind, held| self.marks.push((id.0, kind, held));
                        receive(rib, several, decoder, &bytes, mark);
                    }
                }
            }
        }
        for change in self.core.take_fib() {
            match change {
                FibChange::HopSet { id, hops, resilient } => {
                    let kind = self.kinds.insert(id, resilient);
                    assert!(kind.is_none_or(|k| k == resilient), "a set of another kind has another name");
                    self.hop_sets.insert(id, hops);
                }
                FibChange::Complete | FibChange::Acknowledge(_) => {}
                FibChange::HopSetGone(id) => {
                    assert!(self.hop_sets.remove(&id).is_some(), "a hop set goes once");
                }
                FibChange::Route { prefix, route: Some(route) } => {
                    self.kernel.insert(prefix, route);
                }
                FibChange::Route { prefix, route: None } => {
                    self.kernel.remove(&prefix);
                }
            }
        }
    }

    fn settle(&mut self) {
        for _ in 0..100_000 {
            let more = self.core.work();
            self.deliver();
            if !more && !self.core.work() {
                self.deliver();
                return;
            }
        }
        panic!("the table never rests");
    }

    /// The neighbour's socket takes nothing until [`Lab::unstick`].
    fn stick(&mut self, n: u16) {
        self.is_stuck.insert(n);
        self.core.shared.peer_mut(PeerId(n)).unwrap().in_flight = crate::group::WRITER_LIMIT;
        self.stuck.insert(n, crate::group::WRITER_LIMIT);
    }

    fn unstick(&mut self, n: u16) {
        self.is_stuck.remove(&n);
        let octets = self.stuck.remove(&n).unwrap();
        self.tell(Input::Written(PeerId(n), octets));
        self.settle();
    }

    fn told(&self, n: u16) -> Vec<String> {
        self.peers[&n].1.keys().map(ToString::to_string).collect()
    }

    fn path(&self, n: u16, prefix: &str) -> String {
        let (block, next_hop) = &self.peers[&n].1[&prefix.parse::<IpNet>().unwrap()];
        format!("{} via {}", AttrView::new(block).as_path(), next_hop.addr())
    }

    fn ways(&self, prefix: &str) -> Vec<String> {
        match self.kernel.get(&prefix.parse::<IpNet>().unwrap()).map(|r| r.target) {
            Some(crate::FibTarget::Hops(id)) => self.hop_sets[&id]
                .iter()
                .map(|h| h.hop.gateway.map_or("link".to_owned(), |g| g.to_string()))
                .collect(),
            Some(crate::FibTarget::Discard(_)) => vec!["discard".to_owned()],
            None => Vec::new(),
        }
    }
}

fn nlri(prefixes: &[&str], path_id: u32) -> Vec<Nlri<u32>> {
    let one = |p: &&str| {
        let net: ipnet::Ipv4Net = p.parse().unwrap();
        Nlri { addr: net.network().into(), path_id, len: net.prefix_len() }
    };
    prefixes.iter().map(one).collect()
}

fn nets(batch: &UpdateBatch, family: Family, range: &Range<u32>) -> Vec<(IpNet, u32)> {
    let range = range.start as usize..range.end as usize;
    match family {
        Family::Ipv4Unicast => batch.v4[range].iter().map(|n| (n.net(), n.path_id)).collect(),
        Family::Ipv6Unicast => batch.v6[range].iter().map(|n| (n.net(), n.path_id)).collect(),
    }
}

fn receive(
    rib: &mut Rib,
    several: &mut Several,
    decoder: &mut UpdateDecoder,
    mut bytes: &[u8],
    mut mark: impl FnMut(RefreshKind, usize),
) {
    while let Ok(Some(frame)) = next_frame(bytes, 65535) {
        if frame.kind == MessageKind::RouteRefresh {
            let kind = RouteRefresh::decode(frame.body).unwrap().kind.unwrap();
            mark(kind, rib.len());
            bytes = &bytes[frame.len()..];
            continue;
        }
        let mut batch = UpdateBatch::default();
        decoder.decode(frame.body, &mut batch).expect("we send what can be read");
        for op in &batch.ops {
            match op {
                Op::Announce { family, attrs, nlri } => {
                    let attrs = &batch.attrs[*attrs as usize];
                    let numbered = decoder.context().add_path[family.index()];
                    for (net, id) in nets(&batch, *family, nlri) {
                        let route = (batch.block(attrs).to_vec(), attrs.next_hop);
                        if numbered {
                            several.insert((net, id), route);
                        } else {
                            rib.insert(net, route);
                        }
                    }
                }
                Op::Withdraw { family, nlri } => {
                    let numbered = decoder.context().add_path[family.index()];
                    for key in nets(&batch, *family, nlri) {
                        let held = if numbered { several.remove(&key) } else { rib.remove(&key.0) };
                        assert!(held.is_some(), "only what was announced is withdrawn");
                    }
                }
                Op::EndOfRib(_) | Op::RefreshBegin(_) | Op::RefreshEnd(_) => {}
            }
        }
        bytes = &bytes[frame.len()..];
    }
}

fn static_route(prefix: &str, via: Option<&str>, distance: u8) -> StaticRoute {
    let key = |v: &str| NextHopKey {
        addr: Some(v.parse().unwrap()),
        user: crate::nexthop::NextHopUser::Static,
        ..NextHopKey::default()
    };
    StaticRoute {
        prefix: prefix.parse().unwrap(),
        target: via.map_or(StaticTarget::Discard(Discard::Blackhole), |v| StaticTarget::Hops(vec![key(v)])),
        distance,
        tag: 0,
    }
}
