//! `ip nht PROTO route-map R`: over which routes a protocol's next hops may be reached.

use bgp::types::Addr;

use crate::family::FamilyRib;
use crate::install::{Marks, ask_of};
use crate::nexthop::{NextHopUser, Resolution};
use crate::policy::ast::SourceProtocol;
use crate::shared::Shared;

/// Route-maps of one family between next hops and the routes that they resolve over.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NhtMaps {
    /// For next hops of BGP.
    pub bgp: Option<String>,
    /// For next hops of static routes.
    pub fixed: Option<String>,
}

impl<A: Addr> FamilyRib<A> {
    /// Whether policy lets next hops of a protocol take this way, which leads over a route of this family. As in FRR,
    /// the longest match alone is asked about, and it is enough that one of its ways is permitted.
    pub(crate) fn may_lead(&self, shared: &Shared, user: NextHopUser, way: &Resolution) -> bool {
        let maps = &shared.settings.nht[A::FAMILY.index()];
        let map = match user {
            NextHopUser::Bgp => maps.bgp.as_ref(),
            NextHopUser::Static => maps.fixed.as_ref(),
            NextHopUser::Redistributed => None,
        };
        let Some(map) = map else { return true };
        let (net, hops, metric, protocol) = match way {
            Resolution::Resolved { hops, via: Some(via), metric, protocol, .. } => {
                (*via, hops.as_slice(), *metric, *protocol)
            }
            Resolution::Discard { via } => (*via, &[][..], 0, None),
            _ => return true,
        };
        let Some(addr) = A::from_ip(net.network()) else { return true };
        let routes = self.base.get(addr, net.prefix_len());
        let base = routes.iter().find(|r| protocol.is_none_or(|p| p == r.source));
        let best = || self.table.best(self.table.find(addr, net.prefix_len())?);
        let tag = base.map(|r| r.tag).or_else(|| Some(shared.attrs.get(best()?.attr).local.tag));
        let marks = Marks {
            net,
            metric,
            tag: tag.unwrap_or(0),
            source: protocol.or(base.map(|r| r.source)).unwrap_or(SourceProtocol::Static),
        };
        let permits = |hop| ask_of(shared, map, marks, hop).is_some();
        if hops.is_empty() { permits(None) } else { hops.iter().any(|hop| permits(Some(*hop))) }
    }
}
