//! The words in which a group tells a route: whether it may go there at all, with which attributes and next hop.

use std::net::{IpAddr, Ipv4Addr};

use bgp::attrs::{AttrBuilder, AttrView, ExportForm, LinkBandwidth, MedForm, flag, hash_block, write_attrs};
use bgp::types::{Addr, Asn, Family, NextHop};
use bgp::wire::iana::community;

use super::Group;
use super::told::Route;
use crate::id::{AttrId, PeerId};
use crate::intern::{AttrSet, Provenance};
use crate::peer::{NextHopSelf, PeerKind, RemovePrivate};
use crate::shared::{Shared, add_community};
use crate::weight::Company;

/// What keeps a route from a kind of neighbour, whatever policy says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kept {
    /// It is of the neighbour's own site (RFC 4364 section 7).
    Site,
    /// NO_ADVERTISE (RFC 1997).
    NoAdvertise,
    /// NO_EXPORT (RFC 1997).
    NoExport,
    /// NO_EXPORT_SUBCONFED (RFC 1997).
    LocalAs,
    /// Only to Customer, and the neighbour is none (RFC 9234 section 5).
    OnlyToCustomer,
    /// From an internal neighbour to another, and neither is a client (RFC 4456 section 6).
    NotReflected,
    /// From a client to another, and clients tell each other (`no bgp client-to-client reflection`).
    BetweenClients,
}

impl<A: Addr> Group<A> {
    /// A reflected route says where it entered the AS (RFC 4456 section 8). Trades the reference.
    pub(super) fn with_originator(&self, shared: &mut Shared, id: AttrId, peer: PeerId) -> AttrId {
        let set = shared.attrs.get(id);
        if !self.reflects(&set) || set.summary.has(flag::ORIGINATOR_ID) {
            return id;
        }
        let local = set.local;
        let originator = shared.peer(peer).and_then(|p| p.session.as_ref()).map(|s| s.router_id);
        let block = AttrBuilder::from_view(set.view()).originator_id(originator).build();
        let out = shared.intern(&block, hash_block(shared.seed, &block), local);
        shared.release(id);
        out
    }

    /// Where members are to come by way of us, the way from here on counts as well (RFC 7311 section 3.4). Trades the
    /// reference.
    pub(super) fn accumulated(&self, shared: &mut Shared, id: AttrId, source: PeerId) -> AttrId {
        let set = shared.attrs.get(id);
        if !self.key.form.aigp || !set.summary.has(flag::AIGP) {
            return id;
        }
        let distance = shared.next_hops.resolution(set.local.next_hop).metric();
        let kept = self.keeps_next_hop(shared, &set, source);
        let Some(metric) = set.view().aigp().filter(|_| !kept && distance != 0) else { return id };
        let local = set.local;
        let total = metric.saturating_add(u64::from(distance));
        let block = AttrBuilder::from_view(set.view()).aigp(Some(total)).build();
        let out = shared.intern(&block, hash_block(shared.seed, &block), local);
        shared.release(id);
        out
    }

    /// Where members are to come by way of us and we share the load by bandwidth, they hear of all that there is behind
    /// us, unless policy said otherwise than `received`. Trades the reference.
    pub(super) fn summed(
        &self,
        shared: &mut Shared,
        id: AttrId,
        received: AttrId,
        source: PeerId,
        company: Company,
    ) -> AttrId {
        let set = shared.attrs.get(id);
        let handling = shared.settings.best[A::FAMILY.index()].bandwidth;
        if !set.summary.has(flag::LINK_BANDWIDTH) || !company.is_weighted(handling) {
            return id;
        }
        let stated = LinkBandwidth::of(set.view());
        let chosen = stated != LinkBandwidth::of(shared.attrs.get(received).view());
        let leaves = stated.is_some_and(|b| b.transitive);
        if chosen || !leaves || self.keeps_next_hop(shared, &set, source) {
            return id;
        }
        let local = set.local;
        let mut builder = AttrBuilder::from_view(set.view());
        let block = builder.replace_link_bandwidth(shared.settings.asn, company.octets).build();
        let out = shared.intern(&block, hash_block(shared.seed, &block), local);
        shared.release(id);
        out
    }

    /// Whether members are told the next hop that we heard of, not us.
    fn keeps_next_hop(&self, shared: &Shared, set: &AttrSet<'_>, source: PeerId) -> bool {
        let received = shared.next_hops.get(set.local.next_hop).and_then(|e| e.key.addr);
        self.next_hop(shared, set, self.others(source)).is_some_and(|n| Some(n.addr()) == received)
    }

    /// Whether telling a set is reflection: from our AS, to our AS (RFC 4456).
    fn reflects(&self, set: &AttrSet<'_>) -> bool {
        self.key.kind == PeerKind::Internal
            && matches!(set.local.origin, Provenance::Internal | Provenance::Client)
    }

    /// What keeps routes with these attributes from this kind of neighbour altogether; `None` lets them go.
    pub(super) fn kept_by(&self, shared: &Shared, attr: AttrId) -> Option<Kept> {
        let set = shared.attrs.get(attr);
        if self.key.site.is_some_and(|site| set.view().ext_communities().any(|c| c == site)) {
            return Some(Kept::Site);
        }
        if set.summary.flags == 0 && self.key.kind != PeerKind::Internal {
            return None;
        }
        if set.summary.has(flag::NO_ADVERTISE) {
            return Some(Kept::NoAdvertise);
        }
        if self.key.no_otc && set.summary.has(flag::OTC) {
            return Some(Kept::OnlyToCustomer);
        }
        match (self.key.kind, set.local.origin) {
            (PeerKind::External, _) if set.summary.has(flag::NO_EXPORT) => Some(Kept::NoExport),
            (PeerKind::External | PeerKind::Confederation, _) if set.summary.has(flag::LOCAL_AS) => {
                Some(Kept::LocalAs)
            }
            (PeerKind::External | PeerKind::Confederation, _) => None,
            (_, Provenance::External | Provenance::Confederation | Provenance::Local) => None,
            (_, Provenance::Client) if self.key.client && !shared.settings.client_reflection => {
                Some(Kept::BetweenClients)
            }
            (_, Provenance::Internal) if !self.key.client => Some(Kept::NotReflected),
            (_, Provenance::Client | Provenance::Internal) => None,
        }
    }

    /// Appends the wire form of a set for some members and returns the next hop; `None` if the set cannot be told.
    pub(super) fn write(
        &self,
        shared: &Shared,
        set: &AttrSet<'_>,
        hearers: impl Iterator<Item = PeerId>,
        out: &mut Vec<u8>,
    ) -> Option<NextHop> {
        self.write_in(self.key.form, shared, set, hearers, out)
    }

    /// As [`Self::write`], in another form than members get.
    pub(super) fn write_in(
        &self,
        mut form: ExportForm,
        shared: &Shared,
        set: &AttrSet<'_>,
        hearers: impl Iterator<Item = PeerId>,
        out: &mut Vec<u8>,
    ) -> Option<NextHop> {
        let next_hop = self.next_hop(shared, set, hearers)?;
        let local = set.local.origin == Provenance::Local;
        if self.key.external() && !local && !set.local.med_set && form.med == MedForm::Keep {
            form.med = MedForm::Strip;
        }
        // What policy or a redistributed route says of our own routes is meant for whoever hears it.
        form.non_transitive = local;
        if self.reflects(set) {
            let originator = Ipv4Addr::from(set.summary.originator_id);
            form.reflect = Some((originator, Ipv4Addr::from(shared.settings.cluster_id)));
        }
        let classic = match (A::FAMILY, next_hop) {
            (Family::Ipv4Unicast, NextHop::V4(addr)) => Some(addr),
            _ => None,
        };
        let edited = self.count_in_octets(self.shut_down(self.edit_path(set), set), set);
        let view = edited.as_deref().map_or(set.view(), AttrView::new);
        write_attrs(view, &form, classic, out).ok().map(|()| next_hop)
    }

    /// Marks what is told as the last resort: for external neighbours by community, for internal ones by LOCAL_PREF.
    fn shut_down(&self, edited: Option<Vec<u8>>, set: &AttrSet<'_>) -> Option<Vec<u8>> {
        if !self.key.graceful_shutdown {
            return edited;
        }
        let mut builder = AttrBuilder::from_view(edited.as_deref().map_or(set.view(), AttrView::new));
        if self.key.external() {
            add_community(&mut builder, community::GRACEFUL_SHUTDOWN);
        } else {
            builder.local_pref(Some(0));
        }
        Some(builder.build())
    }

    /// Puts bandwidth as an integer, for neighbours that read it so.
    fn count_in_octets(&self, edited: Option<Vec<u8>>, set: &AttrSet<'_>) -> Option<Vec<u8>> {
        if !self.key.integer_bandwidth || !set.summary.has(flag::LINK_BANDWIDTH) {
            return edited;
        }
        let mut builder = AttrBuilder::from_view(edited.as_deref().map_or(set.view(), AttrView::new));
        Some(builder.link_bandwidth_to_integer().build())
    }

    /// `remove-private-AS` and `as-override`.
    fn edit_path(&self, set: &AttrSet<'_>) -> Option<Vec<u8>> {
        let private =
            |a: Asn| (64512..=65534).contains(&a.0) || (4_200_000_000..=4_294_967_294).contains(&a.0);
        let path = set.view().as_path();
        if let Some(RemovePrivate { all, replace }) = self.key.remove_private.filter(|_| self.key.external())
        {
            let mut asns = path.asns();
            let applies = if all { asns.any(private) } else { !path.is_empty() && asns.all(private) };
            if applies {
                let mut builder = AttrBuilder::from_view(set.view());
                let ours = self.key.local_as;
                builder.edit_as_path(|a| match (private(a), replace) {
                    (false, _) => Some(a),
                    (true, true) => Some(ours),
                    (true, false) => None,
                });
                return Some(builder.build());
            }
        }
        let theirs = self.key.as_override.filter(|theirs| path.contains(*theirs))?;
        let mut builder = AttrBuilder::from_view(set.view());
        builder.replace_asns(&[theirs], self.key.local_as);
        Some(builder.build())
    }

    /// Members but the source of a route, who hears nothing of it.
    pub(super) fn others(&self, source: PeerId) -> impl Iterator<Item = PeerId> {
        self.members.iter().copied().filter(move |m| *m != source)
    }

    /// The next hop to tell (RFC 4271 section 5.1.3, RFC 2545 section 3, RFC 8950).
    fn next_hop(
        &self,
        shared: &Shared,
        set: &AttrSet<'_>,
        mut hearers: impl Iterator<Item = PeerId>,
    ) -> Option<NextHop> {
        let rule = &self.key.next_hop;
        let key = shared.next_hops.get(set.local.next_hop).map(|e| &e.key);
        let received = key.and_then(|k| k.addr);
        let keep = match (received, set.local.origin) {
            (None, _) => false,
            (Some(_), _) if set.local.next_hop_set => true,
            (Some(_), _) if rule.mode == NextHopSelf::Force => false,
            (Some(_), Provenance::Internal | Provenance::Client) if self.key.kind == PeerKind::Internal => {
                true
            }
            (Some(addr), _) => {
                let third_party = rule.shared_net.is_some_and(|n| n.contains(&addr));
                rule.mode == NextHopSelf::Off && (!self.key.external() || third_party)
            }
        };
        // RFC 4271 section 5.1.3: never a neighbour's own address towards it.
        let mut theirs =
            |addr: &IpAddr| hearers.any(|m| shared.peer(m).is_some_and(|p| p.config.addr == *addr));
        let keep = keep && (set.local.next_hop_set || !received.as_ref().is_some_and(&mut theirs));
        let own_v6 = || {
            rule.v6
                .map(|global| NextHop::V6 { global, link_local: rule.link })
                .or(rule.link.map(|link| NextHop::V6 { global: link, link_local: None }))
        };
        match (A::FAMILY, received.filter(|_| keep)) {
            (Family::Ipv4Unicast, Some(IpAddr::V4(addr))) => Some(NextHop::V4(addr)),
            (Family::Ipv4Unicast, Some(IpAddr::V6(global))) if rule.extended => {
                Some(NextHop::V6 { global, link_local: None })
            }
            // What was agreed on is used, as FRR does, even where we have an IPv4 address as well.
            (Family::Ipv4Unicast, _) => own_v6().filter(|_| rule.extended).or(rule.v4.map(NextHop::V4)),
            (Family::Ipv6Unicast, Some(IpAddr::V6(global))) => {
                // RFC 2545 section 3: a link-local address is of use only to those on the link.
                let on_link =
                    !self.key.external() && rule.shared_net.is_some_and(|n| n.contains(&IpAddr::V6(global)));
                let link_local = key.and_then(|k| k.link_local).filter(|_| on_link);
                Some(NextHop::V6 { global, link_local })
            }
            (Family::Ipv6Unicast, _) => {
                own_v6().or(rule.v4.map(|v4| NextHop::V6 { global: v4.to_ipv6_mapped(), link_local: None }))
            }
        }
    }

    /// What members are told of a set, as FRR shows it: before our AS is put in front, and `None` where the next hop
    /// becomes our own address.
    pub(crate) fn as_told(&self, shared: &Shared, route: Route) -> (Vec<u8>, Option<NextHop>) {
        let set = shared.attrs.get(route.attr);
        let edited = self.shut_down(None, &set);
        let mut builder = AttrBuilder::from_view(edited.as_deref().map_or(set.view(), AttrView::new));
        if self.key.external() {
            builder.local_pref(None);
            if set.local.origin != Provenance::Local && !set.local.med_set {
                builder.med(None);
            }
        }
        let received = shared.next_hops.get(set.local.next_hop).and_then(|e| e.key.addr);
        let kept =
            self.next_hop(shared, &set, self.others(route.source)).filter(|nh| Some(nh.addr()) == received);
        (builder.build(), kept)
    }
}
