//! The table against a naive model: whatever happens in whatever order, at rest every neighbour holds what the
//! best paths say, the kernel leads where they lead, and no reference is left over.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use bgp::attrs::{AttrBuilder, AttrView, Origin, hash_block, summarize};
use bgp::batch::{BatchAttrs, Op, UpdateBatch};
use bgp::types::{Asn, Family, NextHop, Nlri};
use bgp::wire::{
    AllowOwnAs, AttrCodes, MessageKind, RefreshKind, RouteRefresh, UpdateContext, UpdateDecoder, next_frame,
};
use ipnet::IpNet;
use proptest::prelude::*;

use super::*;
use crate::HopSetId;

use crate::peer::{NextHopSelf, PeerFamily, PeerKind};
use crate::policy::ast::{
    self, Action, AddressMatch, Arith, Match, MetricSet, PrefixListEntry, RouteMapEntry, Set,
};

mod sessions;

const SEED: u64 = 11;
const OUR_AS: u32 = 65000;

/// What a neighbour or the kernel holds.
type Rib = BTreeMap<IpNet, (Vec<u8>, NextHop)>;

struct Lab {
    core: Core,
    now: Time,
    peers: BTreeMap<u16, (PeerKind, Rib, UpdateDecoder)>,
    kernel: BTreeMap<IpNet, FibRouteSeen>,
    hop_sets: BTreeMap<HopSetId, Vec<ResolvedHop>>,
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
        external: kind == PeerKind::External,
        confederation: false,
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
    fn new() -> Lab {
        let mut lab = Lab {
            core: Core::new(SEED),
            now: 0,
            peers: BTreeMap::new(),
            kernel: BTreeMap::new(),
            hop_sets: BTreeMap::new(),
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
            remote_as: if kind == PeerKind::External { Asn(100 + u32::from(n)) } else { Asn(OUR_AS) },
            require_connected: kind == PeerKind::External,
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
            local_v4: Some(Ipv4Addr::new(10, 0, 0, 1)),
            local_v6: None,
            local_link: None,
            shared_net: [None; 2],
        }
    }

    fn up_with(&mut self, n: u16, session: PeerSession) {
        self.peers.get_mut(&n).unwrap().1.clear();
        self.stuck.remove(&n);
        self.tell(Input::Up(PeerId(n), session));
    }

    fn down(&mut self, n: u16) {
        self.tell(Input::Down(PeerId(n)));
        self.deliver();
        self.peers.get_mut(&n).unwrap().1.clear();
        self.stuck.remove(&n);
    }

    fn announce(&mut self, n: u16, prefixes: &[&str], edit: impl FnOnce(&mut AttrBuilder<'_>)) {
        let mut builder = AttrBuilder::new();
        builder.origin(Origin::Igp).set_as_path(&[Asn(100 + u32::from(n))]);
        if self.peers[&n].0 == PeerKind::Internal {
            builder.set_as_path(&[]).local_pref(Some(100));
        }
        edit(&mut builder);
        let block = builder.build();
        let mut batch = UpdateBatch::default();
        batch.arena.extend_from_slice(&block);
        batch.attrs.push(BatchAttrs {
            block: 0..block.len() as u32,
            hash: hash_block(SEED, &block),
            summary: summarize(&block),
            next_hop: NextHop::V4(address(n)),
        });
        batch.v4 = nlri(prefixes);
        batch.ops.push(Op::Announce {
            family: Family::Ipv4Unicast,
            attrs: 0,
            nlri: 0..prefixes.len() as u32,
        });
        self.tell(Input::Updates(PeerId(n), &batch));
    }

    fn withdraw(&mut self, n: u16, prefixes: &[&str]) {
        let nlri_range = 0..prefixes.len() as u32;
        let op = Op::Withdraw { family: Family::Ipv4Unicast, nlri: nlri_range };
        let batch = UpdateBatch { v4: nlri(prefixes), ops: vec![op], ..UpdateBatch::default() };
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
                        receive(rib, decoder, &bytes, |kind, held| self.marks.push((id.0, kind, held)));
                    }
                }
            }
        }
        for change in self.core.take_fib() {
            match change {
                FibChange::HopSet { id, hops } => {
                    self.hop_sets.insert(id, hops);
                }
                FibChange::Complete => {}
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
                .map(|h| h.gateway.map_or("link".to_owned(), |g| g.to_string()))
                .collect(),
            Some(crate::FibTarget::Discard(_)) => vec!["discard".to_owned()],
            None => Vec::new(),
        }
    }
}

fn nlri(prefixes: &[&str]) -> Vec<Nlri<u32>> {
    let one = |p: &&str| {
        let net: ipnet::Ipv4Net = p.parse().unwrap();
        Nlri { addr: net.network().into(), path_id: 0, len: net.prefix_len() }
    };
    prefixes.iter().map(one).collect()
}

fn nets(batch: &UpdateBatch, family: Family, range: &Range<u32>) -> Vec<IpNet> {
    let range = range.start as usize..range.end as usize;
    match family {
        Family::Ipv4Unicast => batch.v4[range].iter().map(Nlri::net).collect(),
        Family::Ipv6Unicast => batch.v6[range].iter().map(Nlri::net).collect(),
    }
}

fn receive(
    rib: &mut Rib,
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
                    for net in nets(&batch, *family, nlri) {
                        rib.insert(net, (batch.block(attrs).to_vec(), attrs.next_hop));
                    }
                }
                Op::Withdraw { family, nlri } => {
                    for net in nets(&batch, *family, nlri) {
                        assert!(rib.remove(&net).is_some(), "only what was announced is withdrawn");
                    }
                }
                Op::EndOfRib(_) | Op::RefreshBegin(_) | Op::RefreshEnd(_) => {}
            }
        }
        bytes = &bytes[frame.len()..];
    }
}

#[test]
fn a_route_goes_to_the_others_and_not_back() {
    let mut lab = Lab::new();
    (1..=3).for_each(|n| lab.add(n, PeerKind::External));
    lab.announce(1, &["192.0.2.0/24"], |_| {});
    lab.settle();
    assert_eq!(lab.told(1), Vec::<String>::new());
    assert_eq!(lab.path(2, "192.0.2.0/24"), "65000 101 via 10.0.0.1");
    lab.announce(2, &["192.0.2.0/24"], |b| {
        b.set_as_path(&[]);
    });
    lab.settle();
    assert_eq!(lab.path(1, "192.0.2.0/24"), "65000 via 10.0.0.1");
    assert_eq!(lab.told(2), Vec::<String>::new());
    assert_eq!(lab.path(3, "192.0.2.0/24"), "65000 via 10.0.0.1");
    lab.withdraw(2, &["192.0.2.0/24"]);
    lab.settle();
    assert_eq!(lab.told(1), Vec::<String>::new());
    assert_eq!(lab.path(2, "192.0.2.0/24"), "65000 101 via 10.0.0.1");
}

#[test]
fn internal_routes_do_not_go_to_internal_neighbours() {
    let mut lab = Lab::new();
    lab.add(1, PeerKind::Internal);
    lab.add(2, PeerKind::Internal);
    lab.add(3, PeerKind::External);
    lab.announce(1, &["192.0.2.0/24"], |_| {});
    lab.announce(3, &["198.51.100.0/24"], |_| {});
    lab.settle();
    assert_eq!(lab.told(2), ["198.51.100.0/24"]);
    assert_eq!(lab.path(2, "198.51.100.0/24"), "103 via 10.0.0.4");
    assert_eq!(lab.told(3), ["192.0.2.0/24"]);
}

#[test]
fn a_client_s_route_is_reflected_with_originator_and_cluster() {
    let mut lab = Lab::new();
    let client = PeerFamily { reflector_client: true, ..PeerFamily::default() };
    lab.tell(Input::Settings(Settings { cluster_id: 77, ..Settings::default() }));
    lab.add_with(1, PeerKind::Internal, client);
    lab.add(2, PeerKind::Internal);
    lab.announce(1, &["192.0.2.0/24"], |_| {});
    lab.settle();
    let (block, _) = &lab.peers[&2].1[&"192.0.2.0/24".parse::<IpNet>().unwrap()];
    let view = AttrView::new(block);
    assert_eq!(view.originator_id(), Some(address(1)));
    assert_eq!(view.cluster_list().collect::<Vec<_>>(), [Ipv4Addr::from(77)]);
}

#[test]
fn equal_paths_share_the_load_in_address_order_and_a_loss_is_one_group_message() {
    let mut lab = Lab::new();
    lab.tell(Input::Settings(Settings {
        best: [crate::best::Options { multipath_relax: true, ..Default::default() }; 2],
        ..Settings::default()
    }));
    [3, 1, 2].into_iter().for_each(|n| lab.add(n, PeerKind::External));
    for n in [2, 3, 1] {
        lab.announce(n, &["192.0.2.1/32"], |_| {});
    }
    lab.settle();
    assert_eq!(lab.ways("192.0.2.1/32"), ["10.0.0.2", "10.0.0.3", "10.0.0.4"]);
    lab.down(3);
    lab.settle();
    assert_eq!(lab.ways("192.0.2.1/32"), ["10.0.0.2", "10.0.0.3"]);
}

#[test]
fn routes_follow_their_link() {
    let mut lab = Lab::new();
    lab.add(1, PeerKind::External);
    lab.announce(1, &["192.0.2.0/24"], |_| {});
    lab.settle();
    assert_eq!(lab.ways("192.0.2.0/24"), ["10.0.0.2"]);
    lab.tell(Input::Link { ifindex: 7, name: "eth0", up: false });
    lab.settle();
    assert_eq!(lab.ways("192.0.2.0/24"), Vec::<String>::new());
    assert!(lab.kernel.is_empty());
    lab.tell(Input::Link { ifindex: 7, name: "eth0", up: true });
    lab.settle();
    assert_eq!(lab.ways("192.0.2.0/24"), ["10.0.0.2"]);
}

fn static_route(prefix: &str, via: Option<&str>, distance: u8) -> StaticRoute {
    let key = |v: &str| NextHopKey { addr: Some(v.parse().unwrap()), ..NextHopKey::default() };
    StaticRoute {
        prefix: prefix.parse().unwrap(),
        target: via.map_or(StaticTarget::Discard(Discard::Blackhole), |v| StaticTarget::Hops(vec![key(v)])),
        distance,
        tag: 0,
    }
}

#[test]
fn the_lowest_distance_holds_the_kernel_s_route() {
    let mut lab = Lab::new();
    lab.add(1, PeerKind::External);
    lab.announce(1, &["192.0.2.0/24"], |_| {});
    lab.tell(Input::Statics(vec![static_route("192.0.2.0/24", Some("10.0.0.9"), 1)]));
    lab.settle();
    assert_eq!(lab.ways("192.0.2.0/24"), ["10.0.0.9"]);
    lab.tell(Input::Statics(vec![static_route("192.0.2.0/24", Some("10.0.0.9"), 250)]));
    lab.settle();
    assert_eq!(lab.ways("192.0.2.0/24"), ["10.0.0.2"]);
    lab.withdraw(1, &["192.0.2.0/24"]);
    lab.settle();
    assert_eq!(lab.ways("192.0.2.0/24"), ["10.0.0.9"]);
    lab.tell(Input::Statics(Vec::new()));
    lab.settle();
    assert!(lab.kernel.is_empty() && lab.hop_sets.is_empty());
}

#[test]
fn a_static_route_to_a_next_hop_behind_another_static_route_resolves() {
    let mut lab = Lab::new();
    lab.tell(Input::Statics(vec![
        static_route("172.16.0.0/16", Some("10.0.0.5"), 1),
        static_route("192.0.2.0/24", Some("172.16.1.1"), 1),
        static_route("198.51.100.0/24", Some("203.0.113.1"), 1),
    ]));
    lab.settle();
    assert_eq!(lab.ways("192.0.2.0/24"), ["10.0.0.5"]);
    assert!(!lab.kernel.contains_key(&"198.51.100.0/24".parse::<IpNet>().unwrap()));
}

#[test]
fn a_network_is_announced_while_its_route_is_there() {
    let mut lab = Lab::new();
    lab.add(1, PeerKind::External);
    let net: IpNet = "203.0.113.0/27".parse().unwrap();
    let local = LocalRoutes { networks: BTreeMap::from([(net, None)]), ..LocalRoutes::default() };
    lab.tell(Input::Local(Family::Ipv4Unicast, local));
    lab.settle();
    assert!(lab.told(1).is_empty());
    lab.tell(Input::Statics(vec![static_route("203.0.113.0/27", None, 1)]));
    lab.settle();
    assert_eq!(lab.path(1, "203.0.113.0/27"), "65000 via 10.0.0.1");
    assert_eq!(lab.ways("203.0.113.0/27"), ["discard"]);
    lab.tell(Input::Statics(Vec::new()));
    lab.settle();
    assert!(lab.told(1).is_empty());
}

fn ours_only() -> Policies {
    let entry = PrefixListEntry {
        action: Action::Permit,
        prefix: Some("192.0.2.0/24".parse().unwrap()),
        ge: None,
        le: Some(32),
    };
    let list = ast::PrefixList { description: None, entries: BTreeMap::from([(5, entry)]) };
    let mut permit = RouteMapEntry::new(Action::Permit);
    permit.matches.push(Match::Ipv4Address(AddressMatch::PrefixList("OURS".into())));
    permit.sets.push(Set::Community { values: vec![1, 2], additive: true });
    let mut policies = Policies::default();
    policies.prefix_lists_v4.insert("OURS".into(), list);
    policies.route_maps.insert("OUT".into(), BTreeMap::from([(10, permit)]));
    policies
}

#[test]
fn export_policy_filters_and_changes_and_a_new_policy_is_told_by_difference() {
    let mut lab = Lab::new();
    let mut family = PeerFamily::default();
    family.export.route_map = Some("OUT".into());
    lab.add(1, PeerKind::External);
    lab.add_with(2, PeerKind::External, family);
    lab.announce(1, &["192.0.2.0/25", "198.51.100.0/24"], |_| {});
    lab.settle();
    assert!(lab.told(2).is_empty(), "an undefined route-map denies");
    lab.tell(Input::Policies(ours_only()));
    lab.settle();
    assert_eq!(lab.told(2), ["192.0.2.0/25"]);
    let (block, _) = &lab.peers[&2].1[&"192.0.2.0/25".parse::<IpNet>().unwrap()];
    assert_eq!(AttrView::new(block).communities().collect::<Vec<_>>(), [1, 2]);
    lab.tell(Input::Policies(Policies::default()));
    lab.settle();
    assert!(lab.told(2).is_empty());
}

#[test]
fn export_policy_sets_the_med_as_if_another_as_had_sent_none() {
    let mut lab = Lab::new();
    let mut policies = Policies::default();
    for (name, change) in [("SET", Arith::Set(10)), ("ADD", Arith::Add(5))] {
        let mut entry = RouteMapEntry::new(Action::Permit);
        entry.sets.push(Set::Metric(MetricSet::Value(change)));
        policies.route_maps.insert(name.into(), BTreeMap::from([(10, entry)]));
    }
    let mut blind = RouteMapEntry::new(Action::Deny);
    blind.matches.push(Match::Metric(10));
    let open = RouteMapEntry::new(Action::Permit);
    policies.route_maps.insert("DENY".into(), BTreeMap::from([(10, blind), (20, open)]));
    lab.tell(Input::Policies(policies));
    lab.add(1, PeerKind::External);
    for (n, kind, map) in [
        (2, PeerKind::External, "SET"),
        (3, PeerKind::External, "ADD"),
        (4, PeerKind::External, "DENY"),
        (5, PeerKind::Internal, "ADD"),
    ] {
        let mut family = PeerFamily::default();
        family.export.route_map = Some(map.into());
        lab.add_with(n, kind, family);
    }
    lab.announce(1, &["192.0.2.0/24"], |b| {
        b.med(Some(10));
    });
    lab.settle();
    let med = |n: u16| {
        let (block, _) = &lab.peers[&n].1[&"192.0.2.0/24".parse::<IpNet>().unwrap()];
        AttrView::new(block).med()
    };
    assert_eq!([med(2), med(3), med(4), med(5)], [Some(10), Some(5), None, Some(15)]);
}

#[test]
fn a_neighbour_under_other_export_rules_is_told_the_difference() {
    let mut lab = Lab::new();
    lab.tell(Input::Policies(ours_only()));
    lab.add(1, PeerKind::External);
    lab.add(2, PeerKind::External);
    lab.add(3, PeerKind::External);
    lab.announce(1, &["192.0.2.0/25", "198.51.100.0/24"], |_| {});
    lab.settle();
    assert_eq!(lab.told(2), ["192.0.2.0/25", "198.51.100.0/24"]);
    // Another filter, and a route that goes at the same moment.
    let mut family = PeerFamily::default();
    family.export.route_map = Some("OUT".into());
    lab.tell(Input::Peer(PeerId(2), Lab::config(2, PeerKind::External, family)));
    lab.announce(1, &["203.0.113.0/24"], |_| {});
    lab.settle();
    assert_eq!(lab.told(2), ["192.0.2.0/25"]);
    assert_eq!(lab.told(3), ["192.0.2.0/25", "198.51.100.0/24", "203.0.113.0/24"]);
    // Another form of the same routes, and a withdrawal at the same moment.
    let path = lab.path(2, "192.0.2.0/25");
    let family = PeerFamily { next_hop_self: NextHopSelf::Force, ..PeerFamily::default() };
    lab.tell(Input::Peer(PeerId(2), Lab::config(2, PeerKind::External, family)));
    lab.withdraw(1, &["192.0.2.0/25"]);
    lab.settle();
    assert_eq!(lab.told(2), ["198.51.100.0/24", "203.0.113.0/24"]);
    assert_eq!(lab.path(2, "203.0.113.0/24"), path);
    assert!(lab.core.groups().iter().all(|g| g.idle));
}

#[test]
fn import_policy_refuses_and_soft_reconfiguration_keeps() {
    let mut lab = Lab::new();
    let mut family = PeerFamily { soft_reconfiguration: true, ..PeerFamily::default() };
    family.import.prefix_list = Some("OURS".into());
    lab.tell(Input::Policies(ours_only()));
    lab.add_with(1, PeerKind::External, family);
    lab.add(2, PeerKind::External);
    lab.announce(1, &["192.0.2.0/25", "198.51.100.0/24"], |_| {});
    lab.settle();
    assert_eq!(lab.told(2), ["192.0.2.0/25"]);
    let counts = lab.core.shared.peer(PeerId(1)).unwrap().counts[0];
    assert_eq!((counts.accepted, counts.filtered), (1, 1));
    lab.tell(Input::Peer(
        PeerId(1),
        Lab::config(
            1,
            PeerKind::External,
            PeerFamily { soft_reconfiguration: true, ..PeerFamily::default() },
        ),
    ));
    lab.settle();
    assert_eq!(lab.told(2).len(), 2);
}

#[test]
fn policies_count_how_often_they_are_asked() {
    let mut lab = Lab::new();
    let mut family = PeerFamily::default();
    family.import.prefix_list = Some("OURS".into());
    lab.tell(Input::Policies(ours_only()));
    lab.add_with(1, PeerKind::External, family);
    lab.announce(1, &["192.0.2.0/25", "198.51.100.0/24"], |_| {});
    let hits = |lab: &Lab| lab.core.policy_counts().prefix_lists[0].values().sum::<u64>();
    assert_eq!(hits(&lab), 1);
    let mut more = ours_only();
    more.prefix_lists_v4.insert("OTHER".into(), Default::default());
    lab.tell(Input::Policies(more));
    lab.settle();
    assert!(hits(&lab) > 1, "other lists changed: the count goes on, and the routes were looked at again");
    lab.core.clear_policy_counts();
    assert_eq!(hits(&lab), 0);
}

#[test]
fn what_a_neighbour_sent_is_shown_without_the_changes_of_policy() {
    let mut lab = Lab::new();
    let mut family = PeerFamily { soft_reconfiguration: true, ..PeerFamily::default() };
    family.import.route_map = Some("PREFER".into());
    let mut entry = RouteMapEntry::new(Action::Permit);
    entry.sets.push(Set::LocalPreference(Arith::Set(200)));
    let mut policies = Policies::default();
    policies.route_maps.insert("PREFER".into(), BTreeMap::from([(10, entry)]));
    lab.tell(Input::Policies(policies));
    lab.add_with(1, PeerKind::External, family);
    lab.announce(1, &["192.0.2.0/24"], |_| {});
    let net: IpNet = "192.0.2.0/24".parse().unwrap();
    let slot = lab.core.keys(Family::Ipv4Unicast)[0].1;
    assert_eq!(lab.core.prefix_at(net, slot).unwrap().paths[0].local_pref, 200);
    let received = lab.core.received_at(net, slot, PeerId(1)).unwrap();
    assert_eq!(AttrView::new(&received.paths[0].block).local_pref(), None);
    assert!(lab.core.received_at(net, slot, PeerId(2)).is_none());
}

#[test]
fn what_is_told_in_one_go_is_told_once() {
    let mut lab = Lab::new();
    lab.add(1, PeerKind::External);
    lab.add(2, PeerKind::External);
    lab.settle();
    for _ in 0..3 {
        lab.announce(1, &["192.0.2.0/24"], |_| {});
        lab.withdraw(1, &["192.0.2.0/24"]);
    }
    lab.core.flush();
    assert!(lab.core.poll().is_none(), "nothing changed in the end");
}

#[test]
fn a_neighbour_that_takes_nothing_does_not_hold_up_the_others() {
    let mut lab = Lab::new();
    (1..=3).for_each(|n| lab.add(n, PeerKind::External));
    lab.settle();
    lab.stick(3);
    for i in 0..20u8 {
        lab.announce(1, &[&format!("192.0.{i}.0/24")], |_| {});
        lab.settle();
    }
    assert_eq!(lab.told(2).len(), 20);
    assert!(lab.told(3).is_empty());
    lab.unstick(3);
    assert_eq!(lab.told(3).len(), 20);
    lab.settle();
    assert_eq!(lab.core.v4.groups.len(), 1, "one group again");
}

impl Lab {
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
}

#[test]
fn other_words_are_not_forgotten_while_a_neighbour_takes_nothing() {
    let mut lab = Lab::new();
    let mut policies = Policies::default();
    policies.route_maps.insert("ALL".into(), BTreeMap::from([(10, RouteMapEntry::new(Action::Permit))]));
    lab.tell(Input::Policies(policies));
    (1..=2).for_each(|n| lab.add(n, PeerKind::External));
    lab.announce(1, &["192.0.2.0/24"], |b| {
        b.communities(vec![7]);
    });
    lab.settle();
    let communities = |lab: &Lab| {
        AttrView::new(&lab.peers[&2].1[&"192.0.2.0/24".parse::<IpNet>().unwrap()].0).communities().count()
    };
    assert_eq!(communities(&lab), 1);
    lab.stick(2);
    // First other words, then another filter, before anything could be said.
    let mut family = PeerFamily::default();
    family.send_community.standard = false;
    lab.tell(Input::Peer(PeerId(2), Lab::config(2, PeerKind::External, family.clone())));
    lab.settle();
    family.export.route_map = Some("ALL".into());
    lab.tell(Input::Peer(PeerId(2), Lab::config(2, PeerKind::External, family)));
    lab.settle();
    lab.unstick(2);
    assert_eq!(communities(&lab), 0);
}

#[test]
fn what_changes_while_a_refresh_is_answered_is_told_though_it_looks_the_same() {
    let mut lab = Lab::new();
    (1..=2).for_each(|n| lab.add(n, PeerKind::External));
    lab.announce(1, &["192.0.2.0/24", "198.51.100.0/24"], |_| {});
    lab.settle();
    lab.stick(2);
    lab.tell(Input::Refresh(PeerId(2), Family::Ipv4Unicast));
    lab.settle();
    // Whoever asks again forgets what is not said again.
    lab.peers.get_mut(&2).unwrap().1.clear();
    // Another AS's MED is not told.
    lab.announce(1, &["192.0.2.0/24"], |b| {
        b.med(Some(5));
    });
    lab.unstick(2);
    assert_eq!(lab.told(2), ["192.0.2.0/24", "198.51.100.0/24"]);
}

#[derive(Clone, Debug)]
enum Step {
    Announce(u16, u8, u8),
    Withdraw(u16, u8),
    Down(u16),
    Up(u16),
    Link(bool),
    Static(bool),
    Refresh(u16),
    Work,
}

fn step() -> impl Strategy<Value = Step> {
    let peer = || 1u16..=4;
    prop_oneof![
        8 => (peer(), 0u8..5, 0u8..4).prop_map(|(n, p, a)| Step::Announce(n, p, a)),
        4 => (peer(), 0u8..5).prop_map(|(n, p)| Step::Withdraw(n, p)),
        1 => peer().prop_map(Step::Down),
        2 => peer().prop_map(Step::Up),
        1 => any::<bool>().prop_map(Step::Link),
        1 => any::<bool>().prop_map(Step::Static),
        1 => peer().prop_map(Step::Refresh),
        3 => Just(Step::Work),
    ]
}

fn prefix_of(p: u8) -> String {
    format!("192.0.{p}.0/24")
}

/// What each peer sent, in the naive model: the attribute variant and when.
#[derive(Default)]
struct Model {
    sent: BTreeMap<(u16, u8), (u8, u64)>,
    up: BTreeSet<u16>,
    link: bool,
}

impl Model {
    /// The peer whose path must be best: shorter paths first, external first, then the older, then the address.
    fn best(&self, lab: &Lab, p: u8) -> Option<u16> {
        let all = self.sent.iter().filter(|((n, q), _)| *q == p && self.up.contains(n) && self.link);
        all.min_by_key(|((n, _), (variant, since))| {
            let external = lab.peers[n].0 == PeerKind::External;
            let length = u32::from(*variant) + u32::from(external);
            (length, !external, if external { *since } else { 0 }, *n)
        })
        .map(|((n, _), _)| *n)
    }
}

fn play(steps: &[Step]) {
    let mut lab = Lab::new();
    let mut model = Model { link: true, ..Model::default() };
    for n in 1..=4 {
        lab.add(n, if n == 4 { PeerKind::Internal } else { PeerKind::External });
        model.up.insert(n);
    }
    for step in steps {
        match step {
            Step::Announce(n, p, variant) if model.up.contains(n) => {
                lab.announce(*n, &[&prefix_of(*p)], |b| {
                    b.prepend(Asn(1), usize::from(*variant));
                });
                let now = lab.now / SECOND;
                let entry = model.sent.entry((*n, *p)).or_insert((*variant, now));
                if entry.0 != *variant {
                    *entry = (*variant, now);
                }
            }
            Step::Withdraw(n, p) if model.up.contains(n) => {
                lab.withdraw(*n, &[&prefix_of(*p)]);
                model.sent.remove(&(*n, *p));
            }
            Step::Down(n) => {
                lab.down(*n);
                model.up.remove(n);
                model.sent.retain(|(m, _), _| m != n);
            }
            Step::Up(n) if !model.up.contains(n) => {
                lab.up(*n);
                model.up.insert(*n);
            }
            Step::Link(up) => {
                lab.tell(Input::Link { ifindex: 7, name: "eth0", up: *up });
                model.link = *up;
            }
            Step::Static(on) => {
                let route = static_route("10.9.0.0/16", Some("10.0.0.77"), 1);
                lab.tell(Input::Statics(if *on { vec![route] } else { Vec::new() }));
            }
            Step::Refresh(n) => lab.tell(Input::Refresh(PeerId(*n), Family::Ipv4Unicast)),
            Step::Work => {
                lab.core.work();
                lab.deliver();
            }
            _ => {}
        }
    }
    lab.settle();
    check(&lab, &model);
    // Nothing may be left when all sessions are gone.
    lab.tell(Input::Statics(Vec::new()));
    for n in 1..=4 {
        lab.down(n);
    }
    lab.settle();
    assert_eq!((lab.core.v4.table.len(), lab.core.v4.table.path_count()), (0, 0));
    assert_eq!(lab.core.shared.attrs.len(), 0);
    assert_eq!(lab.core.shared.next_hops.iter().count(), 0);
    assert_eq!(lab.core.shared.hop_sets.iter().count(), 0);
    assert!(lab.kernel.is_empty() && lab.hop_sets.is_empty());
}

fn check(lab: &Lab, model: &Model) {
    for p in 0..5u8 {
        let net: IpNet = prefix_of(p).parse().unwrap();
        let best = model.best(lab, p);
        for n in 1..=4u16 {
            if !model.up.contains(&n) {
                continue;
            }
            let held = lab.peers[&n].1.get(&net);
            let wanted = best.filter(|b| *b != n);
            assert_eq!(held.is_some(), wanted.is_some(), "{net} at {n}, best {best:?}");
            if let (Some((block, _)), Some(b)) = (held, wanted) {
                let ours = if n == 4 { 0 } else { 1 };
                let theirs = u32::from(lab.peers[&b].0 == PeerKind::External);
                let variant = model.sent[&(b, p)].0;
                let length = AttrView::new(block).as_path().len();
                assert_eq!(length as u32, ours + theirs + u32::from(variant), "{net} at {n} from {b}");
            }
        }
        let ways = lab.ways(&prefix_of(p));
        match best {
            None => assert!(ways.is_empty(), "{net} leads {ways:?}"),
            Some(b) => assert!(ways.contains(&address(b).to_string()), "{net} leads {ways:?}, best {b}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn at_rest_everybody_holds_what_the_best_paths_say(steps in proptest::collection::vec(step(), 1..60)) {
        play(&steps);
    }
}
