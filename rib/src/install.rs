//! `ip protocol P route-map R`: what policy makes of a route on its way into the kernel.

use std::net::IpAddr;

use bgp::attrs::{AttrBuilder, AttrView, Origin, summarize};
use bgp::types::Addr;
use ipnet::IpNet;

use crate::base::{BaseRoute, BaseTarget};
use crate::family::FamilyRib;
use crate::id::{PeerId, PrefixId};
use crate::nexthop::{Resolution, ResolvedHop};
use crate::policy::ast::SourceProtocol;
use crate::policy::eval::{Subject, Verdict};
use crate::shared::Shared;
use crate::table::Path;

/// Route-maps of one family between its routes and the kernel.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct InstallMaps {
    /// Of BGP routes: `table-map` and that of the protocol, each of which has to permit.
    pub bgp: Vec<String>,
    /// Of static routes.
    pub fixed: Option<String>,
}

/// How a route goes into the kernel: with this source address, if policy names one (`set src`).
pub(crate) type Preferred = Option<IpAddr>;

impl<A: Addr> FamilyRib<A> {
    /// Whether policy has a say about any route.
    pub(crate) fn install_filtered(&self, shared: &Shared) -> bool {
        shared.settings.install[A::FAMILY.index()] != InstallMaps::default()
    }

    /// What policy makes of BGP's route to a prefix; `None` keeps it out of the kernel.
    pub(crate) fn install_path(&self, shared: &Shared, id: PrefixId, best: &Path) -> Option<Preferred> {
        let maps = &shared.settings.install[A::FAMILY.index()].bgp;
        if maps.is_empty() {
            return Some(None);
        }
        let subject = self.install_subject(shared, id, best);
        maps.iter().try_fold(None, |preferred, map| Some(ask(shared, map, &subject)?.or(preferred)))
    }

    /// BGP's route to a prefix as these policies see it.
    pub(crate) fn install_subject<'a>(&self, shared: &'a Shared, id: PrefixId, best: &Path) -> Subject<'a> {
        let net = self.table.prefix(id).net();
        let peer = Some(best.peer).filter(|p| *p != PeerId::LOCAL);
        let ways = match shared.next_hops.resolution(shared.attrs.get(best.attr).local.next_hop) {
            Resolution::Resolved { hops, .. } => hops.first(),
            _ => None,
        };
        let interface = ways.and_then(|hop| shared.links.get(hop.ifindex)).map(|link| &*link.name);
        Subject { interface, ..shared.subject(best.attr, net, peer) }
    }

    /// What policy makes of a static route.
    pub(crate) fn install_base(
        &self,
        shared: &Shared,
        addr: A,
        len: u8,
        route: &BaseRoute,
    ) -> Option<Preferred> {
        let maps = &shared.settings.install[A::FAMILY.index()];
        let Some(map) = maps.fixed.as_ref().filter(|_| route.source == SourceProtocol::Static) else {
            return Some(None);
        };
        let first = match &route.target {
            BaseTarget::Direct(hops) => hops.first().copied(),
            BaseTarget::Hops(id) => shared.hop_sets.get(*id).and_then(|set| set.hops.first().map(|h| h.hop)),
            BaseTarget::Discard(_) => None,
        };
        let marks =
            Marks { net: addr.to_net(len), metric: route.metric, tag: route.tag, source: route.source };
        ask_of(shared, map, marks, first)
    }

    /// Brings static routes of prefixes that BGP does not know in line with policy.
    pub(crate) fn install_base_anew(&mut self, shared: &mut Shared) {
        let fixed: Vec<(A, u8)> = self
            .base
            .iter()
            .filter(|(addr, len, _)| self.table.find(*addr, *len).is_none())
            .map(|(addr, len, _)| (addr, len))
            .collect();
        for (addr, len) in fixed {
            self.sync_prefix(shared, addr, len, None);
        }
    }
}

/// A route of the routing table, whoever it is from, as its route-maps see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Marks {
    pub net: IpNet,
    pub metric: u32,
    pub tag: u32,
    pub source: SourceProtocol,
}

/// What a route-map says of a route of the routing table that leads over this hop.
pub(crate) fn ask_of(
    shared: &Shared,
    map: &str,
    marks: Marks,
    hop: Option<ResolvedHop>,
) -> Option<Preferred> {
    let block =
        AttrBuilder::new().origin(Origin::Incomplete).set_as_path(&[]).med(Some(marks.metric)).build();
    let summary = summarize(&block);
    let interface = hop.and_then(|hop| shared.links.get(hop.ifindex));
    let subject = Subject {
        tag: marks.tag,
        next_hop: hop.and_then(|hop| hop.gateway),
        source: marks.source,
        interface: interface.map(|link| &*link.name),
        ..shared.plain_subject(marks.net, AttrView::new(&block), &summary)
    };
    ask(shared, map, &subject)
}

/// A route-map that is not there permits, as FRR's zebra has it.
fn ask(shared: &Shared, map: &str, subject: &Subject<'_>) -> Option<Preferred> {
    let Some(program) = shared.policies.route_map(map) else { return Some(None) };
    match program.run(subject) {
        Verdict::Deny => None,
        Verdict::Permit => Some(None),
        Verdict::Change(changed) => {
            Some(changed.source.filter(|source| source.is_ipv4() == subject.net.addr().is_ipv4()))
        }
    }
}
