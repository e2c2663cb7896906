//! The way to next hops: over connected networks, static routes, the kernel's routes and BGP's own.

use std::net::IpAddr;

use bgp::types::{Addr, Family, is_link_local};
use smallvec::SmallVec;

use crate::base::{BaseRoute, BaseTarget};
use crate::family::FamilyRib;
use crate::id::{HopSetId, NhId};
use crate::nexthop::{Member, NextHopKey, NextHopUser, Resolution, ResolvedHop};
use crate::nht::NhtMaps;
use crate::policy::ast::SourceProtocol;
use crate::shared::Shared;

/// Next hops that lean on each other settle within as many rounds as the chain is long; longer chains stay unresolved.
const ROUNDS: usize = 8;

type Hops = SmallVec<[ResolvedHop; 2]>;

/// Resolutions of all next hops by handle, worked out from nothing, so that no two can hold each other up.
pub(crate) fn resolve_all(shared: &Shared, v4: &FamilyRib<u32>, v6: &FamilyRib<u128>) -> Vec<Resolution> {
    let mut now: Vec<Resolution> = vec![Resolution::Unresolved; shared.next_hops.bound()];
    for (id, entry) in shared.next_hops.iter() {
        if entry.key == NextHopKey::default() {
            now[id.index()] = Resolution::Ours;
        }
    }
    for _ in 0..ROUNDS {
        let mut changed = false;
        for (id, entry) in shared.next_hops.iter() {
            let found = resolve(shared, v4, v6, id, &entry.key, &now);
            if found != now[id.index()] {
                now[id.index()] = found;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    now
}

/// Resolutions of all next hops by handle, as they stand.
pub(crate) fn present(shared: &Shared) -> Vec<Resolution> {
    let mut now = vec![Resolution::Unresolved; shared.next_hops.bound()];
    for (id, entry) in shared.next_hops.iter() {
        now[id.index()] = entry.resolution.clone();
    }
    now
}

/// The way that a next hop would have if no policy kept it from that (`ip nht PROTO route-map`); `None` if none does.
/// A handle of none is that of no next hop; `now` is what [`present`] says.
pub(crate) fn withheld(
    shared: &Shared,
    v4: &FamilyRib<u32>,
    v6: &FamilyRib<u128>,
    id: Option<NhId>,
    key: &NextHopKey,
    now: &[Resolution],
) -> Option<Resolution> {
    if shared.settings.nht == <[NhtMaps; 2]>::default() {
        return None;
    }
    let id = id.unwrap_or(NhId(u32::MAX));
    let open = NextHopKey { user: NextHopUser::Redistributed, ..key.clone() };
    let usable = |key: &NextHopKey| Some(resolve(shared, v4, v6, id, key, now)).filter(Resolution::usable);
    usable(&open).filter(|_| usable(key).is_none())
}

fn resolve(
    shared: &Shared,
    v4: &FamilyRib<u32>,
    v6: &FamilyRib<u128>,
    id: NhId,
    key: &NextHopKey,
    now: &[Resolution],
) -> Resolution {
    let link = key.interface.as_ref().map(|name| shared.links.by_name(name).filter(|(_, l)| l.up));
    let direct = |gateway: Option<IpAddr>, ifindex: u32| Resolution::Resolved {
        hops: SmallVec::from_slice(&[ResolvedHop { gateway, ifindex, onlink: key.onlink }]),
        metric: 0,
        connected: true,
        via: None,
        protocol: Some(SourceProtocol::Connected),
    };
    let scoped = key.link_local.map(IpAddr::V6).or(key.addr.filter(|a| is_scoped(*a)));
    match (key.addr, scoped, link) {
        (None, _, None) => Resolution::Ours,
        (None, _, Some(Some((ifindex, _)))) => direct(None, ifindex),
        (Some(_), Some(gateway), Some(Some((ifindex, _)))) => direct(Some(gateway), ifindex),
        (Some(gateway), None, Some(Some((ifindex, _)))) if key.onlink => direct(Some(gateway), ifindex),
        (_, _, Some(None)) => Resolution::Unresolved,
        (Some(addr), None, link) => {
            let found = look_up(shared, v4, v6, (id, key.user), addr, now);
            match (link.flatten(), found) {
                (None, found) => found,
                (
                    Some((wanted, _)),
                    Resolution::Resolved { hops, connected: true, metric, via, protocol },
                ) if hops.iter().all(|h| h.ifindex == wanted) => {
                    Resolution::Resolved { hops, connected: true, metric, via, protocol }
                }
                (Some(_), _) => Resolution::Unresolved,
            }
        }
        // A link-local address without an interface leads nowhere; a global one beside it may.
        (Some(addr), Some(_), None) if !is_scoped(addr) => look_up(shared, v4, v6, (id, key.user), addr, now),
        (Some(_), Some(_), None) => Resolution::Unresolved,
    }
}

fn is_scoped(addr: IpAddr) -> bool {
    matches!(addr, IpAddr::V6(a) if is_link_local(&a))
}

fn look_up(
    shared: &Shared,
    v4: &FamilyRib<u32>,
    v6: &FamilyRib<u128>,
    whose: (NhId, NextHopUser),
    addr: IpAddr,
    now: &[Resolution],
) -> Resolution {
    let ours = |link: &crate::base::Link| link.addresses.iter().any(|n| n.addr() == addr);
    if shared.links.iter().any(|(_, l)| ours(l)) {
        return Resolution::Unresolved;
    }
    match addr {
        IpAddr::V4(a) => longest(shared, v4, whose, u32::from(a), now),
        IpAddr::V6(a) if a.to_ipv4_mapped().is_some() => Resolution::Unresolved,
        IpAddr::V6(a) => longest(shared, v6, whose, u128::from(a), now),
    }
}

/// The longest match that leads somewhere, if policy lets it be used.
fn longest<A: Addr>(
    shared: &Shared,
    rib: &FamilyRib<A>,
    (id, user): (NhId, NextHopUser),
    addr: A,
    now: &[Resolution],
) -> Resolution {
    let lengths: SmallVec<[u8; 32]> = rib.base.lengths().collect();
    for len in (0..=A::BITS).rev() {
        if len == 0 && !shared.settings.resolve_via_default {
            break;
        }
        let net = addr.mask(len);
        let base = if lengths.contains(&len) { rib.base.get(net, len) } else { &[] };
        let base = base.iter().find(|r| usable(shared, r, now));
        let bgp = rib.table.find_length(net, len).and_then(|p| rib.forwarding(shared, p));
        let bgp = bgp.filter(|(members, distance)| {
            members.iter().all(|m| m.next_hop != id)
                && base.is_none_or(|b| *distance < b.distance)
                && !shared.settings.no_rib
        });
        let found = match (bgp, base) {
            (Some((members, _)), _) => over_members(&members, now).map(|hops| Resolution::Resolved {
                hops,
                metric: 0,
                connected: false,
                via: Some(net.to_net(len)),
                protocol: Some(SourceProtocol::Bgp),
            }),
            (None, Some(route)) => over_base(shared, route, addr, len, now),
            (None, None) => None,
        };
        if let Some(found) = found {
            return if rib.may_lead(shared, user, &found) { found } else { Resolution::Unresolved };
        }
    }
    Resolution::Unresolved
}

/// Whether a base route leads somewhere, given the resolutions so far.
pub(crate) fn usable(shared: &Shared, route: &BaseRoute, now: &[Resolution]) -> bool {
    match &route.target {
        BaseTarget::Direct(hops) => hops.iter().any(|h| shared.links.get(h.ifindex).is_some_and(|l| l.up)),
        BaseTarget::Hops(id) => set_members(shared, *id).iter().any(|m| leads(now, m.next_hop)),
        BaseTarget::Discard(_) => true,
    }
}

fn leads(now: &[Resolution], id: NhId) -> bool {
    now.get(id.index()).is_some_and(Resolution::usable)
}

fn set_members(shared: &Shared, id: HopSetId) -> &[Member] {
    shared.hop_sets.get(id).map_or(&[], |s| s.members.as_slice())
}

fn over_members(members: &[Member], now: &[Resolution]) -> Option<Hops> {
    let mut all = Hops::new();
    for member in members {
        if let Some(Resolution::Resolved { hops, .. }) = now.get(member.next_hop.index()) {
            all.extend(hops.iter().copied());
        }
    }
    all.sort_unstable();
    all.dedup();
    (!all.is_empty()).then_some(all)
}

fn over_base<A: Addr>(
    shared: &Shared,
    route: &BaseRoute,
    addr: A,
    len: u8,
    now: &[Resolution],
) -> Option<Resolution> {
    let via = addr.to_net(len);
    let protocol = Some(route.source);
    let towards = |h: &ResolvedHop| ResolvedHop { gateway: h.gateway.or(Some(addr.to_ip())), ..*h };
    match &route.target {
        BaseTarget::Direct(hops) => Some(Resolution::Resolved {
            hops: hops.iter().map(towards).collect(),
            metric: route.metric,
            connected: hops.iter().all(|h| h.gateway.is_none()),
            via: Some(via),
            protocol,
        }),
        BaseTarget::Hops(id) => {
            let members = set_members(shared, *id);
            let connected = false;
            match over_members(members, now) {
                Some(hops) => {
                    // Behind a route to an interface any address is on the link, though no network of ours covers
                    // it: the kernel has to be told, or it refuses the gateway.
                    let onlink = |h: &ResolvedHop| ResolvedHop {
                        onlink: h.onlink || h.gateway.is_none(),
                        ..towards(h)
                    };
                    let hops = hops.iter().map(onlink).collect();
                    Some(Resolution::Resolved {
                        hops,
                        metric: route.metric,
                        connected,
                        via: Some(via),
                        protocol,
                    })
                }
                None => members
                    .iter()
                    .any(|m| matches!(now.get(m.next_hop.index()), Some(Resolution::Discard { .. })))
                    .then_some(Resolution::Discard { via }),
            }
        }
        BaseTarget::Discard(_) => Some(Resolution::Discard { via }),
    }
}

/// The family that a next hop is looked up in.
pub(crate) fn family_of(key: &NextHopKey) -> Option<Family> {
    match key.addr? {
        IpAddr::V4(_) => Some(Family::Ipv4Unicast),
        IpAddr::V6(_) => Some(Family::Ipv6Unicast),
    }
}
