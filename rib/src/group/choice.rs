//! Which paths of a prefix a group's members should be told, as the table stands.

use std::net::IpAddr;

use bgp::attrs::{Origin, flag};
use bgp::types::{Addr, Family};
use ipnet::IpNet;
use smallvec::SmallVec;

use super::Group;
use super::told::{NOBODY, Route, Routes};
use crate::best::{Candidate, best_few, best_per_as};
use crate::family::candidate;
use crate::id::{AttrId, PathIdx, PeerId, PrefixId};
use crate::nexthop::NextHopKey;
use crate::peer::{AddPaths, Several};
use crate::shared::Shared;
use crate::table::{Path, Table, path_flag};
use crate::weight::{Company, company};

impl<A: Addr> Group<A> {
    /// The one route that members should be told, with a reference for the caller.
    pub(super) fn want(&mut self, shared: &mut Shared, table: &Table<A>, id: PrefixId) -> Route {
        let net = table.prefix(id).net();
        if let Some(default) = self.want_default(shared, net) {
            return default;
        }
        match table.best(id) {
            Some(best) => {
                let company = self.company(shared, table, id, &best);
                self.route_of(shared, net, 0, best, company)
            }
            None => Route::NONE,
        }
    }

    /// The routes that members should be told if they take several, with references for the caller.
    pub(super) fn want_several(&mut self, shared: &mut Shared, table: &Table<A>, id: PrefixId) -> Routes {
        let mut routes = Routes::new();
        let Some(id) = table.live(id.index()) else { return routes };
        let net = table.prefix(id).net();
        if let Some(default) = self.want_default(shared, net) {
            routes.push(Route { id: table.path_number(PeerId::LOCAL, 0), ..default });
        } else {
            let several = self.key.add_paths.unwrap_or(Several { which: AddPaths::All, most: None });
            for path in chosen(several, shared, table, id) {
                let number = table.path_number(path.peer, path.path_id);
                let company = self.company(shared, table, id, &path);
                routes.push(self.route_of(shared, net, number, path, company));
            }
        }
        routes.retain(|r| !r.attr.is_none());
        routes
    }

    /// The default route, if it is told whatever the table has.
    fn want_default(&mut self, shared: &mut Shared, net: IpNet) -> Option<Route> {
        let attr = match self.key.default_originate.as_ref().filter(|_| net.prefix_len() == 0)? {
            None => shared.intern_local(Origin::Igp, Some(0), &NextHopKey::default(), 0),
            Some(_) if self.default.is_none() => return Some(Route::NONE),
            Some(_) => {
                shared.attrs.retain(self.default);
                self.default
            }
        };
        Some(Route { attr, ..Route::NONE })
    }

    /// The multipath members beside a path, where what is told depends on them. As FRR has it, those beside the best.
    pub(super) fn company(&self, shared: &Shared, table: &Table<A>, id: PrefixId, path: &Path) -> Company {
        let asked = path.has(path_flag::BEST)
            && (self.counts_company || shared.attrs.get(path.attr).summary.has(flag::LINK_BANDWIDTH));
        if asked { company(shared, table, id) } else { Company::default() }
    }

    /// What members are told of a path.
    fn route_of(&mut self, shared: &mut Shared, net: IpNet, id: u32, path: Path, company: Company) -> Route {
        let Path { attr, peer, .. } = path;
        let source = if self.members.contains(&peer) { peer } else { NOBODY };
        let nothing = Route { id, ..Route::NONE };
        if self.kept_by(shared, attr).is_some() {
            return nothing;
        }
        let solo = self.key.solo;
        let own = match A::FAMILY {
            Family::Ipv4Unicast => self.key.next_hop.v4.map(IpAddr::V4),
            Family::Ipv6Unicast => self.key.next_hop.v6.map(IpAddr::V6),
        };
        let filter = match (&mut self.unsuppress, path.has(path_flag::SUPPRESSED)) {
            (None, true) => return nothing,
            (Some(unsuppress), true) => unsuppress,
            (_, false) => &mut self.export,
        };
        let chosen = self.advertise.as_mut().and_then(|advertise| {
            advertise.beside(peer, company);
            advertise.run(shared, attr, net, solo, own)
        });
        if let Some(chosen) = chosen.filter(|_| self.withheld) {
            shared.release(chosen);
            return nothing;
        }
        filter.beside(peer, company);
        let told = filter.run(shared, chosen.unwrap_or(attr), net, solo, own);
        shared.release(chosen.unwrap_or(AttrId::NONE));
        match told {
            Some(told) => {
                let told = self.summed(shared, told, attr, source, company);
                let told = self.with_originator(shared, told, peer);
                Route { id, attr: self.accumulated(shared, told, source), source }
            }
            None => nothing,
        }
    }
}

/// The paths that `addpath-tx-...` asks for, of those that may be used, and no more than the neighbour wants.
pub(crate) fn chosen<A: Addr>(
    several: Several,
    shared: &Shared,
    table: &Table<A>,
    id: PrefixId,
) -> SmallVec<[Path; 4]> {
    let valid = || table.paths(id).filter(|(_, p)| p.has(path_flag::VALID));
    let candidates =
        || valid().filter_map(|(i, p)| candidate(shared, &p, i)).collect::<SmallVec<[Candidate<'_>; 8]>>();
    let options = &shared.settings.best[A::FAMILY.index()];
    let most = several.most.map_or(usize::MAX, usize::from);
    let chosen: SmallVec<[PathIdx; 8]> = match several.which {
        AddPaths::All if valid().nth(most).is_none() => return valid().map(|(_, p)| p).collect(),
        AddPaths::All => best_few(&candidates(), most, options),
        AddPaths::BestPerAs => best_per_as(&candidates(), options),
        AddPaths::Best(n) => best_few(&candidates(), usize::from(n).min(most), options),
    };
    chosen.into_iter().take(most).map(|i| table.path(i)).collect()
}
