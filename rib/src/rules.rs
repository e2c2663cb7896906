//! The export rules of an update group: all that changes what its members are told.

use std::net::{Ipv4Addr, Ipv6Addr};

use bgp::attrs::{ExportForm, LocalPrefForm, MedForm, Prepend};
use bgp::types::{Asn, Family};
use ipnet::IpNet;

use crate::condition::Conditional;
use crate::id::PeerId;
use crate::memo::Purpose;
use crate::peer::{AddPaths, NextHopSelf, Peer, PeerKind, RemovePrivate, Several};
use crate::policy::compile::FilterSpec;
use crate::shared::Shared;

/// How the next hop towards members is chosen.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct NextHopRule {
    /// `next-hop-self`.
    pub mode: NextHopSelf,
    /// Our addresses towards them.
    pub v4: Option<Ipv4Addr>,
    pub v6: Option<Ipv6Addr>,
    pub link: Option<Ipv6Addr>,
    /// Next hops in this network may stay.
    pub shared_net: Option<IpNet>,
    /// RFC 8950.
    pub extended: bool,
}

/// Everything that changes what members are told; members of a group agree on all of it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct GroupKey {
    pub(crate) filter: FilterSpec,
    /// `unsuppress-map R`.
    pub(crate) unsuppress_map: Option<String>,
    /// Some routes are told on a condition.
    pub(crate) conditional: Option<Conditional>,
    pub(crate) form: ExportForm,
    pub(crate) kind: PeerKind,
    pub(crate) client: bool,
    pub(crate) next_hop: NextHopRule,
    pub(crate) extended_message: bool,
    pub(crate) remove_private: Option<RemovePrivate>,
    /// Routes of this site do not go back to it.
    pub(crate) site: Option<[u8; 8]>,
    /// Routes marked Only to Customer stay away from it (RFC 9234 section 5).
    pub(crate) no_otc: bool,
    pub(crate) as_override: Option<Asn>,
    pub(crate) local_as: Asn,
    /// What is told is the last resort (RFC 8326).
    pub(crate) graceful_shutdown: bool,
    /// Bandwidth is told as an integer.
    pub(crate) integer_bandwidth: bool,
    pub(crate) default_originate: Option<Option<String>>,
    /// No more routes than that are told.
    pub(crate) limit: Option<u32>,
    /// Routes have path identifiers (RFC 7911), and these are told.
    pub(crate) add_paths: Option<Several>,
    /// Policy tells neighbours apart, so this one is alone.
    pub(crate) solo: Option<PeerId>,
}

impl GroupKey {
    /// Whether messages may have up to 65535 octets (RFC 8654).
    pub fn extended_message(&self) -> bool {
        self.extended_message
    }

    /// Whether a default route is told whatever the table has.
    pub fn originates_default(&self) -> bool {
        self.default_originate.is_some()
    }

    /// Whether members are outside of our AS and confederation.
    pub(crate) fn external(&self) -> bool {
        self.kind == PeerKind::External
    }

    /// The filter for what aggregates suppress: the lists stay, the route-map is another.
    pub(crate) fn unsuppress(&self) -> Option<FilterSpec> {
        let route_map = Some(self.unsuppress_map.clone()?);
        Some(FilterSpec { route_map, ..self.filter.clone() })
    }

    /// The filter that says which routes are told on a condition.
    pub(crate) fn advertise(conditional: &Conditional) -> FilterSpec {
        FilterSpec { route_map: Some(conditional.advertise_map.clone()), ..FilterSpec::default() }
    }

    /// The route-maps that ask for a route of the table.
    pub(crate) fn condition_maps(&self) -> impl Iterator<Item = &str> {
        let conditional = self.conditional.as_ref().map(|c| c.condition_map.as_str());
        conditional.into_iter().chain(self.default_originate.iter().flatten().map(String::as_str))
    }

    /// What the export filter works for.
    pub(crate) fn purpose(&self) -> Purpose {
        if self.external() { Purpose::External } else { Purpose::Internal }
    }

    /// Whether a set may be told in other words than by `other`: more than the choice of routes differs.
    pub(crate) fn form_differs(&self, other: &GroupKey) -> bool {
        let chosen = GroupKey {
            filter: other.filter.clone(),
            unsuppress_map: other.unsuppress_map.clone(),
            conditional: other.conditional.clone(),
            solo: other.solo,
            add_paths: other.add_paths,
            limit: other.limit,
            ..self.clone()
        };
        chosen != *other
    }

    /// The rules towards a neighbour whose session is up, if the session has the family.
    pub(crate) fn of(peer: &Peer, id: PeerId, family: Family, shared: &Shared) -> Option<GroupKey> {
        let session = peer.session.as_ref().filter(|s| s.families[family.index()])?;
        let config = peer.family(family)?;
        let kind = peer.config.kind;
        let external = kind == PeerKind::External;
        let form = ExportForm {
            as4: session.as4,
            aigp: peer.config.aigp,
            med: shared.max_med.map_or(MedForm::Keep, MedForm::Set),
            communities: config.send_community.standard,
            ext_communities: config.send_community.extended,
            large_communities: config.send_community.large,
            local_pref: if external {
                LocalPrefForm::Strip
            } else {
                LocalPrefForm::Default(shared.settings.best[family.index()].default_local_pref)
            },
            prepend: match (kind, peer.config.own_as) {
                (PeerKind::Internal, _) => Prepend::NONE,
                (PeerKind::Confederation, _) => Prepend::member(peer.config.local_as),
                (PeerKind::External, None) => Prepend::one(peer.config.local_as),
                (PeerKind::External, Some(own)) => Prepend::two(peer.config.local_as, own),
            },
            // RFC 9234 section 5: what goes to those below or beside us goes no further up.
            otc: session.relation.filter(|r| r.gets_otc()).map(|_| peer.config.local_as),
            ..if external { ExportForm::external(peer.config.local_as) } else { ExportForm::internal() }
        };
        let filter = config.export.clone();
        // Which routes fit below a limit depends on what was told before, so nobody else can be told the same.
        let limited = config.maximum_prefix_out.is_some();
        let unsuppress_map = config.unsuppress_map.clone();
        let unsuppress = unsuppress_map.clone().map(|m| FilterSpec { route_map: Some(m), ..filter.clone() });
        let conditional = config.conditional.clone();
        let advertise_map = conditional.as_ref().map(GroupKey::advertise);
        let tells_apart = |spec: &FilterSpec| shared.policies.filter(family, spec).peer_dependent();
        let alone =
            limited || tells_apart(&filter) || [unsuppress, advertise_map].iter().flatten().any(tells_apart);
        Some(GroupKey {
            filter,
            unsuppress_map,
            conditional,
            form,
            kind,
            client: config.reflector_client,
            next_hop: NextHopRule {
                mode: config.next_hop_self,
                v4: session.local_v4,
                v6: session.local_v6,
                link: session.local_link,
                shared_net: session.shared_net[family.index()],
                extended: session.extended_next_hop,
            },
            extended_message: session.extended_message,
            remove_private: config.remove_private,
            site: config.site,
            no_otc: session.relation.is_some_and(|r| r.refuses_otc()),
            as_override: (config.as_override && external).then_some(peer.config.remote_as),
            local_as: peer.config.local_as,
            graceful_shutdown: peer.config.graceful_shutdown || shared.settings.graceful_shutdown,
            integer_bandwidth: peer.config.integer_bandwidth,
            default_originate: config.default_originate.clone(),
            limit: config.maximum_prefix_out,
            add_paths: session.add_path_send[family.index()].then(|| Several {
                which: config.add_paths.unwrap_or(AddPaths::Best(1)),
                most: Some(session.paths_limit[family.index()]).filter(|most| *most > 0),
            }),
            solo: alone.then_some(id),
        })
    }
}
