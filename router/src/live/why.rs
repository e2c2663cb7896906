//! Why a prefix is as it is, what route-maps do, what happened.

use std::net::IpAddr;
use std::sync::PoisonError;
use std::time::Duration;

use bgp::attrs::AttrView;
use bgp::fsm::{Refusal, RefusalReason};
use bgp::types::Family;
use bgp::wire::{Reject, iana};
use ipnet::IpNet;
use rib::best::Measure;
use rib::changes::{Cause, ChangeView};
use rib::nexthop::Resolution;
use rib::policy::ast::SourceProtocol;
use rib::policy::eval::{NextHopChange, Verdict};
use rib::why::{Kernel, NeighborWhy, Standing, TestRoute, Why};

use super::bgp::{Naming, fill_attributes, unspecified};
use super::routes::protocol_of;
use super::{Live, age_of_second, epoch_ms_of, gone};
use crate::cli::backend::{Lookup, ViewError};
use crate::shell::netdevs::Netdevs;
use crate::show::views::{
    Attributes, EventKind, EventView, KernelRouteView, KernelView, NeighborWhyView, NexthopMember,
    NotToldView, PathView, PathWhyView, RouteMapTest, ToldView, WayView, WhyView,
};

/// Changes of a prefix that are shown.
const CHANGES: usize = 16;

/// How long the kernel's thread may take to answer.
const PATIENCE: Duration = Duration::from_millis(500);

/// Kernel table of all routes.
const MAIN_TABLE: u32 = 254;

/// A protocol in a word.
const fn protocol_name(source: SourceProtocol) -> &'static str {
    protocol_of(source).name()
}

impl Live {
    pub(super) fn explain(&self, lookup: Lookup) -> Result<WhyView, ViewError> {
        self.instance()?;
        let found = self.control.rib.ask(move |core| {
            let net = match lookup {
                Lookup::Exact(net) => net,
                Lookup::Longest(addr) => core.longest(addr).map_or(IpNet::from(addr), |view| view.net),
            };
            core.why(net, CHANGES)
        });
        let why = found.map_err(gone)?;
        let net = why.view.net;
        let mut asked = Vec::new();
        // One at a time: each is a turn of the table's thread, which is not to be held up.
        for id in &why.neighbors {
            let id = *id;
            asked.extend(self.control.rib.ask(move |core| core.why_neighbor(net, id)).map_err(gone)?);
        }
        let naming = self.naming();
        let refusals = self.control.peers.refusals(net);
        let entries = self.control.peers.entries();
        let netdevs = self.control.netdevs.read().unwrap_or_else(PoisonError::into_inner).clone();
        let mut neighbors = Vec::new();
        let family = Family::of(&net);
        for entry in entries.iter().filter(|e| e.neighbor.family(family).activate) {
            // The table knows of a neighbour from its first session on.
            let view = asked.iter().find(|n| n.peer == entry.id).map(neighbor_view);
            let refusal = refusals.iter().find(|(id, _)| *id == entry.id).map(|(_, r)| r);
            neighbors.push(NeighborWhyView {
                id: entry.name.clone(),
                state: entry.state.name(),
                kept: entry.neighbor.family(family).soft_reconfiguration,
                refusal: refusal.map(refusal_text),
                ..view.unwrap_or_default()
            });
        }
        neighbors.sort_by(|a, b| a.id.cmp(&b.id));
        let paths = why.paths.iter().zip(&why.view.paths);
        Ok(WhyView {
            prefix: naming.prefix(&why.view, |_| true),
            paths: paths
                .map(|(path, view)| PathWhyView {
                    standing: with_ages(path.standing.clone()),
                    way: way(&path.resolution, &netdevs),
                    import: path.import.clone(),
                    received: path.received.as_ref().map(|block| {
                        said(block, view.next_hop.addr.unwrap_or(unspecified(Family::of(&net))))
                    }),
                })
                .collect(),
            neighbors,
            kernel: self.kernel(&why, &netdevs),
            changes: why.changes.iter().map(|c| change_event(c, &naming)).collect(),
        })
    }

    fn kernel(&self, why: &Why, netdevs: &Netdevs) -> KernelView {
        let status = self.control.fib.route(why.view.net, MAIN_TABLE, PATIENCE).unwrap_or_default();
        let route = status.wanted.map(|wanted| {
            let member = |(id, hop): &(u32, fib::Hop)| NexthopMember {
                id: *id,
                gateway: hop.gateway,
                interface: interface(hop.ifindex, netdevs),
                weight: hop.weight,
            };
            let object = status.object.as_ref();
            let error = |errno: i32| (errno, std::io::Error::from_raw_os_error(errno).to_string());
            KernelRouteView {
                protocol: if wanted.protocol == 186 { "bgp" } else { "static" },
                installed: status.installed,
                error: status.errno.map(error),
                no_way: status.no_way,
                object: object.map(|(id, _)| *id),
                members: object.iter().flat_map(|(_, members)| members.iter().map(member)).collect(),
            }
        });
        let selected = why.routes.iter().find(|r| r.selected);
        let by = match why.kernel {
            Kernel::Beaten { by, .. } => Some(protocol_name(by)),
            _ => None,
        };
        KernelView {
            verdict: why.kernel.clone(),
            by,
            install: why.install.clone(),
            route,
            selected: selected.map(|r| (protocol_name(r.source), r.distance)),
            waits: why.view.waits,
        }
    }

    pub(super) fn tested(&self, name: &str, route: TestRoute) -> Result<Option<RouteMapTest>, ViewError> {
        let (name, tested) = (name.to_owned(), route.clone());
        let traced = self.control.rib.ask(move |core| core.test_route_map(&name, &tested)).map_err(gone)?;
        Ok(traced.map(|traced| RouteMapTest { after: after(&route, &traced.verdict), trace: traced.trace }))
    }

    pub(super) fn happened(&self, kind: Option<EventKind>, most: usize) -> Result<Vec<EventView>, ViewError> {
        let wanted = |k: EventKind| kind.is_none_or(|kind| kind == k);
        let mut all = self.control.peers.events().last(most, wanted);
        if wanted(EventKind::Route) {
            let naming = self.naming();
            for family in Family::ALL {
                let changes = self.control.rib.ask(move |core| core.changes(family, most)).map_err(gone)?;
                all.extend(changes.iter().map(|c| change_event(c, &naming)));
            }
        }
        all.sort_by_key(|e| std::cmp::Reverse(e.epoch_ms));
        all.truncate(most);
        Ok(all)
    }
}

/// Puts how old paths are in the place of when they came.
fn with_ages(mut standing: Standing) -> Standing {
    if let Standing::Lost { steps, .. } = &mut standing {
        for measure in steps.iter_mut().flat_map(|s| [&mut s.winner, &mut s.loser]) {
            if let Measure::Since(second) = measure {
                *second = u32::try_from(age_of_second(*second)).unwrap_or(u32::MAX);
            }
        }
    }
    standing
}

/// A route as its attributes say.
fn said(block: &[u8], next_hop: IpAddr) -> PathView {
    let mut view = PathView::new(next_hop);
    fill_attributes(&mut view, AttrView::new(block));
    view
}

fn after(route: &TestRoute, verdict: &Verdict) -> Option<Attributes> {
    let unchanged = rib::policy::eval::Changed::default();
    let changed = match verdict {
        Verdict::Deny => return None,
        Verdict::Permit => &unchanged,
        Verdict::Change(changed) => changed,
    };
    let (address, next_hop) = match changed.next_hop {
        Some(NextHopChange::Address(address)) => (Some(address), None),
        Some(NextHopChange::LinkLocal(address)) => (Some(IpAddr::V6(address)), None),
        Some(NextHopChange::PeerAddress) => (None, Some("peer-address")),
        Some(NextHopChange::Unchanged) => (None, Some("unchanged")),
        Some(NextHopChange::PreferGlobal) => (None, Some("prefer-global")),
        None => (None, None),
    };
    let address = address.or(route.next_hop).unwrap_or(unspecified(Family::of(&route.net)));
    let mut path = said(changed.block.as_deref().unwrap_or(&route.block), address);
    path.weight = changed.weight.unwrap_or(0);
    Some(Attributes {
        path,
        next_hop,
        tag: changed.tag.unwrap_or(route.tag),
        distance: changed.distance,
        source: changed.source,
    })
}

fn neighbor_view(why: &NeighborWhy) -> NeighborWhyView {
    let words = |(block, next_hop): &(Vec<u8>, bgp::types::NextHop)| said(block, next_hop.addr());
    NeighborWhyView {
        up: why.up,
        session: why.session,
        has_path: why.has_path,
        refused: why.refused,
        would_refuse: why.would_refuse.clone(),
        told: why
            .told
            .iter()
            .map(|told| ToldView {
                path: told.path,
                path_id: told.path_id,
                words: told.words.as_ref().map(words),
                export: told.export.clone(),
            })
            .collect(),
        not_told: why
            .not_told
            .iter()
            .map(|not| NotToldView { path: not.path, why: not.why, export: not.export.clone() })
            .collect(),
        pending: why.pending,
        held: why.held,
        ..NeighborWhyView::default()
    }
}

const fn reject_text(reject: Reject) -> &'static str {
    match reject {
        Reject::AsPathLoop => "our own AS is in the path (allowas-in would take it)",
        Reject::OriginatorLoop => "we are its ORIGINATOR_ID",
        Reject::ClusterLoop => "our cluster is in its CLUSTER_LIST",
        Reject::FirstAs => "the path does not begin with the neighbor's AS (enforce-first-as)",
        Reject::AsSet => "the path has an AS_SET (bgp reject-as-sets)",
        Reject::RouteLeak => "a route leak by Only to Customer (local-role)",
        Reject::NextHop => "its next hop can be no router's address",
    }
}

fn refusal_text(refusal: &Refusal) -> (String, u64) {
    let why = match refusal.reason {
        RefusalReason::Rejected(reject) => reject_text(reject).to_owned(),
        RefusalReason::Malformed(code, fault) => {
            let name = iana::attr::name(code).map_or_else(|| format!("attribute {code}"), str::to_owned);
            format!("treated as withdrawn (RFC 7606), {name}: {}", super::neighbor::fault_words(fault))
        }
    };
    (why, epoch_ms_of(refusal.at) / 1000)
}

fn interface(index: u32, netdevs: &Netdevs) -> String {
    netdevs.by_index(index).map_or_else(|| format!("interface {index}"), |l| l.name.clone())
}

fn way(resolution: &Resolution, netdevs: &Netdevs) -> WayView {
    match resolution {
        Resolution::Unresolved => WayView::default(),
        Resolution::Ours => WayView { usable: true, ours: true, ..WayView::default() },
        Resolution::Discard { via } => {
            WayView { usable: true, discard: true, via: Some(*via), ..WayView::default() }
        }
        Resolution::Resolved { hops, connected, via, protocol, .. } => WayView {
            usable: true,
            connected: *connected,
            via: *via,
            protocol: protocol.map(protocol_name),
            hops: hops.iter().map(|h| (h.gateway, interface(h.ifindex, netdevs))).collect(),
            ..WayView::default()
        },
    }
}

fn change_event(change: &ChangeView, naming: &Naming) -> EventView {
    let name = |peer: rib::PeerId| naming.name(peer);
    let what = match (change.from, change.to) {
        (None, Some(to)) => format!("best path from {}", name(to)),
        (Some(from), None) => format!("no path any more, the last was from {}", name(from)),
        (Some(from), Some(to)) if from == to => format!("best path from {} changed", name(to)),
        (Some(from), Some(to)) => format!("best path from {}, before from {}", name(to), name(from)),
        (None, None) => "no path".to_owned(),
    };
    let cause = match change.cause {
        Cause::Announced => "announced",
        Cause::Withdrawn => "withdrawn",
        Cause::Decided => "decided again",
    };
    let by = change.to.map(|_| format!(", {}", change.reason.text())).unwrap_or_default();
    EventView {
        epoch_ms: epoch_ms_of(change.at),
        kind: EventKind::Route,
        subject: change.net.to_string(),
        what,
        cause: Some(format!("{cause}{by}")),
    }
}
