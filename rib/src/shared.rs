//! What both families' tables share: attribute sets, next hops, neighbours, policies, and what goes out.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

use bgp::attrs::{AttrBuilder, AttrView, Origin, flag, hash_block, summarize};
use bgp::types::{Asn, Family, NextHop, Time};
use bgp::wire::iana::{attr, community};
use ipnet::IpNet;

use crate::base::Links;
use crate::best;
use crate::event::{Event, FibChange, Output};
use crate::hold::HoldSettings;
use crate::id::{AttrId, HopSetId, NhId, PeerId};
use crate::install::InstallMaps;
use crate::intern::{Interner, Local, Provenance};
use crate::local::WEIGHT;
use crate::memo::Purpose;
use crate::nexthop::{HopSets, Member, Members, NextHopKey, NextHops, Resilient, union};
use crate::nht::NhtMaps;
use crate::peer::Peer;
use crate::policy::ast::RpkiState;
use crate::policy::ast::SourceProtocol;
use crate::policy::compile::Compiled;
use crate::policy::eval::{Changed, NextHopChange, Subject};
use crate::rpki::{Payloads, Validation, VrpTable};
use crate::weight::Company;

/// Router-wide settings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Our router id; ORIGINATOR_ID and CLUSTER_LIST of reflected routes.
    pub router_id: u32,
    /// Our AS: the origin of routes whose path names none.
    pub asn: Asn,
    /// `bgp cluster-id`, else the router id.
    pub cluster_id: u32,
    /// Decision process, by family (`maximum-paths` differs).
    pub best: [best::Options; 2],
    /// `bgp no-rib`: nothing of BGP goes to the kernel.
    pub no_rib: bool,
    /// `ip nht resolve-via-default`.
    pub resolve_via_default: bool,
    /// `bgp network import-check`.
    pub import_check: bool,
    /// `bgp client-to-client reflection`.
    pub client_reflection: bool,
    /// `bgp max-med`: the MED that everybody is told.
    pub max_med: Option<u32>,
    /// `bgp max-med on-startup`: for how many seconds after the first session came up, and the MED.
    pub max_med_on_startup: Option<(u32, u32)>,
    /// `bgp graceful-shutdown` (RFC 8326): all that we tell is the last resort.
    pub graceful_shutdown: bool,
    /// `bgp suppress-fib-pending`: neighbours are told of a route when the kernel has it.
    pub suppress_fib_pending: bool,
    /// What is waited for before neighbours are told anything.
    pub hold: HoldSettings,
    /// `ip protocol P route-map R`, by family.
    pub install: [InstallMaps; 2],
    /// `ip nht P route-map R`, by family.
    pub nht: [NhtMaps; 2],
    /// Flows stay on their next hops while others come and go.
    pub resilient: Option<Resilient>,
    /// Distances of external, internal and our own routes, by family.
    pub distance: [[u8; 3]; 2],
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            router_id: 0,
            asn: Asn(0),
            cluster_id: 0,
            best: [best::Options::default(); 2],
            no_rib: false,
            resolve_via_default: true,
            import_check: true,
            client_reflection: true,
            max_med: None,
            max_med_on_startup: None,
            graceful_shutdown: false,
            suppress_fib_pending: false,
            hold: HoldSettings::default(),
            install: [InstallMaps::default(), InstallMaps::default()],
            nht: [NhtMaps::default(), NhtMaps::default()],
            resilient: None,
            distance: [[20, 200, 200]; 2],
        }
    }
}

pub(crate) struct Shared {
    pub seed: u64,
    pub settings: Settings,
    /// The MED that everybody is told now.
    pub max_med: Option<u32>,
    pub attrs: Interner,
    pub next_hops: NextHops,
    pub hop_sets: HopSets,
    pub links: Links,
    pub peers: Vec<Option<Peer>>,
    /// Neighbours whose session is up.
    pub sessions: usize,
    pub policies: Compiled,
    /// Validated ROA payloads, if routes are validated.
    pub rpki: Option<Box<VrpTable>>,
    pub out: VecDeque<Output>,
    pub fib: Vec<FibChange>,
    /// Seconds of the shell's clock.
    pub now: u32,
    /// The shell's clock.
    pub clock: Time,
    /// Something that next hops depend on changed, or a next hop is new.
    pub next_hops_dirty: bool,
}

impl Shared {
    pub fn new(seed: u64) -> Shared {
        Shared {
            seed,
            settings: Settings::default(),
            max_med: None,
            attrs: Interner::default(),
            next_hops: NextHops::new(seed),
            hop_sets: HopSets::new(seed),
            links: Links::default(),
            peers: Vec::new(),
            sessions: 0,
            policies: Compiled::default(),
            rpki: None,
            out: VecDeque::new(),
            fib: Vec::new(),
            now: 0,
            clock: 0,
            next_hops_dirty: false,
        }
    }

    pub fn peer(&self, id: PeerId) -> Option<&Peer> {
        self.peers.get(id.index()).and_then(Option::as_ref)
    }

    pub fn peer_mut(&mut self, id: PeerId) -> Option<&mut Peer> {
        self.peers.get_mut(id.index()).and_then(Option::as_mut)
    }

    pub fn event(&mut self, event: Event) {
        self.out.push_back(Output::Event(event));
    }

    /// One reference less to a set, and to its next hop with the last.
    pub fn release(&mut self, id: AttrId) {
        if id.is_none() {
            return;
        }
        if let Some(next_hop) = self.attrs.release(id) {
            self.next_hops.release(next_hop);
        }
    }

    /// Interns a set. `local.next_hop` is borrowed from the caller, who keeps its reference.
    pub fn intern(&mut self, block: &[u8], hash: u64, local: Local) -> AttrId {
        self.intern_summarised(block, hash, &summarize(block), local)
    }

    /// As [`Self::intern`], with the decision fields already read.
    pub fn intern_summarised(
        &mut self,
        block: &[u8],
        hash: u64,
        summary: &bgp::attrs::Summary,
        local: Local,
    ) -> AttrId {
        let before = self.attrs.len();
        let id = self.attrs.intern(hash, block, summary, local);
        if self.attrs.len() > before {
            self.next_hops.retain(local.next_hop);
        }
        id
    }

    /// The handle of a next hop, with a reference for the caller.
    pub fn next_hop(&mut self, key: &NextHopKey) -> NhId {
        let (id, new) = self.next_hops.intern(key);
        self.next_hops_dirty |= new;
        id
    }

    /// Members in the order that all routers give them, each once.
    pub fn canonical(&self, mut members: Members) -> Members {
        let key = |m: &Member| self.next_hops.get(m.next_hop).map(|e| &e.key);
        members.sort_by(|a, b| key(a).cmp(&key(b)));
        // Who hears of one next hop twice, knows of one way to it all the same.
        members.dedup_by(|next, kept| {
            let same = next.next_hop == kept.next_hop;
            kept.weight = if same { kept.weight.max(next.weight) } else { kept.weight };
            same
        });
        members
    }

    /// The hop set of a BGP route with these next hops, with a reference for the caller; the kernel hears of a new one.
    /// `now` is the set that the route has: it stays there if that leads the same way. Where flows are to stay on their
    /// members, a set that once had several is the prefix's own and changes in place, so that the kernel's group
    /// remembers the flows.
    pub fn hop_set(&mut self, members: Members, now: HopSetId) -> HopSetId {
        let members = self.canonical(members);
        let resilient = self.settings.resilient;
        let kind = resilient.filter(|_| members.len() > 1);
        if let Some(set) = self.hop_sets.get(now) {
            let own = set.own && set.resilient == resilient;
            if own || !set.own && set.resilient == kind && set.members == members {
                self.hop_sets.retain(now);
                self.change_hop_set(now, members);
                return now;
            }
        }
        match kind.and_then(|kind| self.hop_sets.make_own(members.clone(), kind)) {
            Some(id) => {
                self.begin_hop_set(id);
                id
            }
            None => self.intern_hop_set(members, false),
        }
    }

    /// The hop set of a static route, with a reference for the caller.
    pub fn static_hop_set(&mut self, members: Members) -> HopSetId {
        let members = self.canonical(members);
        self.intern_hop_set(members, true)
    }

    fn intern_hop_set(&mut self, members: Members, fixed: bool) -> HopSetId {
        let resilient = self.settings.resilient.filter(|_| members.len() > 1);
        let (id, new) = self.hop_sets.intern(members, resilient, fixed);
        if new {
            self.begin_hop_set(id);
        }
        id
    }

    fn begin_hop_set(&mut self, id: HopSetId) {
        let members = self.hop_sets.get(id).map_or(&[][..], |s| s.members.as_slice());
        members.iter().for_each(|m| self.next_hops.retain(m.next_hop));
        self.refresh_hop_set(id, true);
    }

    /// Turns a hop set to other next hops, which are in canonical order, and with it all routes that hang on it. Returns
    /// whether they are others. One that discards, or would, is left to those who tell its routes.
    pub fn turn_hop_set(&mut self, id: HopSetId, members: Members) -> bool {
        let discards = self.hop_sets.get(id).is_none_or(|set| set.discard);
        if discards || union(&members, &self.next_hops).1 {
            return false;
        }
        self.change_hop_set(id, members)
    }

    fn change_hop_set(&mut self, id: HopSetId, members: Members) -> bool {
        let Some(old) = self.hop_sets.turn(id, &members) else { return false };
        members.iter().for_each(|m| self.next_hops.retain(m.next_hop));
        old.iter().for_each(|m| self.next_hops.release(m.next_hop));
        self.refresh_hop_set(id, false);
        true
    }

    /// One reference less to a hop set.
    pub fn release_hop_set(&mut self, id: HopSetId) {
        if id.is_none() {
            return;
        }
        if let Some(members) = self.hop_sets.release(id) {
            for member in members {
                self.next_hops.release(member.next_hop);
            }
            self.fib.push(FibChange::HopSetGone(id));
        }
    }

    /// Computes the ways out of a hop set anew; tells the kernel when they changed, or always when `tell`. Returns
    /// whether its routes begin or cease to be discarded, which each of them has to be told.
    pub fn refresh_hop_set(&mut self, id: HopSetId, tell: bool) -> bool {
        let Some(set) = self.hop_sets.get(id) else { return false };
        let (resilient, discarded) = (set.resilient, set.discard);
        let (hops, discard) = union(&set.members, &self.next_hops);
        if !tell && set.hops == hops && set.discard == discard {
            return false;
        }
        if let Some(set) = self.hop_sets.get_mut(id) {
            set.hops = hops.clone();
            set.discard = discard;
        }
        self.fib.push(FibChange::HopSet { id, hops: hops.into_vec(), resilient });
        discard != discarded
    }

    /// The key of a received next hop.
    pub fn received_key(&self, peer: PeerId, next_hop: &NextHop) -> NextHopKey {
        let interface = self.peer(peer).and_then(|p| p.config.interface.clone());
        match next_hop {
            NextHop::V4(addr) => NextHopKey { addr: Some(IpAddr::V4(*addr)), ..NextHopKey::default() },
            NextHop::V6 { global, link_local } => {
                let scoped = link_local.is_some() || bgp::types::is_link_local(global);
                NextHopKey {
                    addr: Some(IpAddr::V6(*global)),
                    link_local: *link_local,
                    interface: if scoped { interface.or_else(|| self.interface_of(peer)) } else { None },
                    ..NextHopKey::default()
                }
            }
        }
    }

    /// The interface whose network holds a neighbour's address.
    fn interface_of(&self, peer: PeerId) -> Option<Arc<str>> {
        let addr = self.peer(peer)?.config.addr;
        let holds = |net: &IpNet| net.contains(&addr);
        self.links.iter().find(|(_, l)| l.addresses.iter().any(holds)).map(|(_, l)| l.name.clone())
    }

    /// A set as policy changed it, with a reference for the caller. Export rules ask whether *export* policy chose
    /// next hop and MED, so that is noted then only.
    pub fn intern_changed(
        &mut self,
        id: AttrId,
        changed: &Changed,
        peer: Option<IpAddr>,
        purpose: Purpose,
    ) -> AttrId {
        let set = self.attrs.get(id);
        let mut local = set.local;
        let summary = set.summary;
        local.weight = changed.weight.unwrap_or(local.weight);
        local.tag = changed.tag.unwrap_or(local.tag);
        local.distance = changed.distance.unwrap_or(local.distance);
        let (block, hash): (Vec<u8>, u64) = match &changed.block {
            Some(block) => (block.clone(), hash_block(self.seed, block)),
            None => (set.view().bytes().to_vec(), hash_block(self.seed, set.view().bytes())),
        };
        let after = summarize(&block);
        let exporting = purpose != Purpose::Import;
        let foreign = purpose == Purpose::External && local.origin != Provenance::Local;
        let chosen = match changed.block {
            // The other AS's MED was taken out before.
            Some(_) if foreign => after.has(flag::MED),
            _ => after.has(flag::MED) && (!summary.has(flag::MED) || after.med != summary.med),
        };
        local.med_set |= exporting && chosen;
        let old_next_hop = local.next_hop;
        let key = self.next_hops.get(old_next_hop).map(|e| e.key.clone()).unwrap_or_default();
        let new_key = match changed.next_hop {
            None => None,
            Some(NextHopChange::Address(addr)) => {
                Some(NextHopKey { addr: Some(addr), ..NextHopKey::default() })
            }
            Some(NextHopChange::LinkLocal(addr)) => Some(NextHopKey { link_local: Some(addr), ..key }),
            Some(NextHopChange::PeerAddress) => {
                peer.map(|p| NextHopKey { addr: Some(p), ..NextHopKey::default() })
            }
            Some(NextHopChange::PreferGlobal) => {
                (!is_link_local_key(&key)).then_some(NextHopKey { link_local: None, interface: None, ..key })
            }
            Some(NextHopChange::Unchanged) => None,
        };
        local.next_hop_set |=
            exporting && changed.next_hop.is_some() && changed.next_hop != Some(NextHopChange::PreferGlobal);
        match new_key {
            Some(key) => {
                local.next_hop = self.next_hop(&key);
                let id = self.intern_summarised(&block, hash, &after, local);
                self.next_hops.release(local.next_hop);
                id
            }
            None => self.intern_summarised(&block, hash, &after, local),
        }
    }

    /// The set of a route of our own, with a reference for the caller.
    pub fn intern_local(&mut self, origin: Origin, med: Option<u32>, key: &NextHopKey, tag: u32) -> AttrId {
        let mut builder = AttrBuilder::new();
        builder.origin(origin).set_as_path(&[]).med(med);
        if self.settings.graceful_shutdown {
            last_resort(&mut builder);
        }
        let block = builder.build();
        let next_hop = self.next_hop(key);
        let local = Local { weight: WEIGHT, tag, med_set: true, ..Local::new(next_hop, Provenance::Local) };
        let id = self.intern(&block, hash_block(self.seed, &block), local);
        self.next_hops.release(next_hop);
        id
    }

    /// A route as policy sees it.
    pub fn subject(&self, id: AttrId, net: IpNet, peer: Option<PeerId>) -> Subject<'_> {
        let set = self.attrs.get(id);
        let entry = self.next_hops.get(set.local.next_hop);
        let peer = peer.and_then(|p| self.peer(p));
        Subject {
            tag: set.local.tag,
            next_hop: entry.and_then(|e| e.key.addr),
            peer: peer.map(|p| p.config.addr),
            peer_interface: peer.and_then(|p| p.config.interface.as_deref()),
            from: peer.map(|p| p.config.addr),
            from_interface: peer.and_then(|p| p.config.interface.as_deref()),
            round_trip: peer.map_or(0, |p| p.round_trip),
            igp_metric: entry.map_or(0, |e| e.resolution.metric()),
            ..self.plain_subject(net, set.view(), set.summary)
        }
    }

    /// A route of ours that is in no table of paths, as policy sees it.
    pub fn plain_subject<'a>(
        &'a self,
        net: IpNet,
        view: AttrView<'a>,
        summary: &'a bgp::attrs::Summary,
    ) -> Subject<'a> {
        Subject {
            net,
            view,
            summary,
            foreign_med: false,
            tag: 0,
            next_hop: None,
            peer: None,
            peer_interface: None,
            from: None,
            from_interface: None,
            source: SourceProtocol::Bgp,
            interface: None,
            igp_metric: 0,
            round_trip: 0,
            default_local_pref: self.settings.best[Family::of(&net).index()].default_local_pref,
            own_as: self.settings.asn,
            rpki: Validation::Asked(Payloads { table: self.rpki.as_deref(), own: self.settings.asn }),
            dice: dice(self.seed, &net),
            company: Company::default(),
            long_bandwidth: false,
        }
    }

    /// The validation state of a route; `None` while nothing is validated.
    pub fn rpki_state(&self, id: AttrId, net: IpNet) -> Option<RpkiState> {
        self.rpki.as_ref().map(|t| t.state(net, self.attrs.get(id).view(), self.settings.asn))
    }

    /// The bytes of a set, copied for a reader on another thread.
    pub fn block(&self, id: AttrId) -> Box<[u8]> {
        AttrView::bytes(&self.attrs.get(id).view()).into()
    }
}

/// Marks a route as one that is about to go (RFC 8326 section 4).
pub(crate) fn last_resort(builder: &mut AttrBuilder<'_>) {
    add_community(builder, community::GRACEFUL_SHUTDOWN);
    builder.local_pref(Some(0));
}

/// Adds one community to the others.
pub(crate) fn add_community(builder: &mut AttrBuilder<'_>, community: u32) {
    let old = builder.get(attr::COMMUNITIES).unwrap_or_default();
    let mut all: Vec<u32> = old.as_chunks::<4>().0.iter().map(|c| u32::from_be_bytes(*c)).collect();
    all.push(community);
    builder.communities(all);
}

fn is_link_local_key(key: &NextHopKey) -> bool {
    matches!(key.addr, Some(IpAddr::V6(a)) if bgp::types::is_link_local(&a))
}

/// A number for `match probability` that stays the same for a prefix.
fn dice(seed: u64, net: &IpNet) -> u32 {
    use std::hash::BuildHasher;
    (foldhash::quality::FixedState::with_seed(seed).hash_one(net) >> 32) as u32
}
