//! Origin validation (RFC 6811): the validated ROA payloads and what they say of a route.
//!
//! A route's state is worked out when somebody asks for it, never kept: a path has no room for it, a look-up costs
//! less than a microsecond, and who validates nothing pays nothing. When payloads change, only what they cover is
//! looked at again, and only where a policy asks for the state.

use std::sync::Arc;

use bgp::attrs::AttrView;
use bgp::types::{Asn, Family};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use prefix_trie::{Prefix, PrefixMap, PrefixSet};
use smallvec::SmallVec;

use crate::policy::ast::RpkiState;

/// A validated ROA payload: an AS that may originate a prefix and what is more specific, up to a length.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Vrp {
    /// The prefix; host bits are clear.
    pub prefix: IpNet,
    /// Length of the longest prefix that may be originated.
    pub max_len: u8,
    /// Who may; 0 is nobody (RFC 6483 section 4).
    pub asn: Asn,
}

type Authorizations = SmallVec<[(u8, Asn); 1]>;

/// The payloads in force. They are changed on a copy that then takes their place: half of a change could make a good
/// route invalid for a moment, and the table's thread has no time to build it.
#[derive(Clone, Debug, Default)]
pub struct VrpTable {
    v4: PrefixMap<Ipv4Net, Authorizations>,
    v6: PrefixMap<Ipv6Net, Authorizations>,
}

fn insert<P: Prefix>(map: &mut PrefixMap<P, Authorizations>, prefix: P, vrp: &Vrp) {
    let all = map.entry(prefix).or_default();
    if !all.contains(&(vrp.max_len, vrp.asn)) {
        all.push((vrp.max_len, vrp.asn));
    }
}

fn remove<P: Prefix>(map: &mut PrefixMap<P, Authorizations>, prefix: P, vrp: &Vrp) {
    let Some(all) = map.get_mut(&prefix) else { return };
    all.retain(|a| *a != (vrp.max_len, vrp.asn));
    if all.is_empty() {
        map.remove(&prefix);
    }
}

/// RFC 6811 section 2.1. A path that ends in an AS_SET has no origin (`None`), which matches nothing.
fn validate<P: Prefix>(
    map: &PrefixMap<P, Authorizations>,
    prefix: P,
    len: u8,
    origin: Option<Asn>,
) -> RpkiState {
    let mut covered = false;
    for authorizations in map.cover_values(&prefix) {
        covered = true;
        let allows = |(max_len, asn): &(u8, Asn)| len <= *max_len && Some(*asn) == origin && asn.0 != 0;
        if authorizations.iter().any(allows) {
            return RpkiState::Valid;
        }
    }
    if covered { RpkiState::Invalid } else { RpkiState::NotFound }
}

impl VrpTable {
    fn insert(&mut self, vrp: &Vrp) {
        match vrp.prefix {
            IpNet::V4(net) => insert(&mut self.v4, net, vrp),
            IpNet::V6(net) => insert(&mut self.v6, net, vrp),
        }
    }

    fn remove(&mut self, vrp: &Vrp) {
        match vrp.prefix {
            IpNet::V4(net) => remove(&mut self.v4, net, vrp),
            IpNet::V6(net) => remove(&mut self.v6, net, vrp),
        }
    }

    /// The state of a route with these attributes. `own` is the origin of a route whose path names no AS outside of
    /// our confederation: it is from our AS, as FRR has it.
    pub(crate) fn state(&self, net: IpNet, view: AttrView<'_>, own: Asn) -> RpkiState {
        let path = view.as_path();
        let internal = path.segments().all(|s| s.kind.is_confed());
        let origin = if internal { Some(own) } else { path.origin_as() };
        match net {
            IpNet::V4(net) => validate(&self.v4, net, net.prefix_len(), origin),
            IpNet::V6(net) => validate(&self.v6, net, net.prefix_len(), origin),
        }
    }
}

/// A change of the payloads for the table, made elsewhere.
#[derive(Clone, Debug)]
pub struct VrpUpdate {
    pub(crate) table: Option<Arc<VrpTable>>,
    pub(crate) covered: Covered,
}

impl VrpUpdate {
    /// From these payloads, some of which go and others come; from `None` when nothing was validated before.
    pub fn new(before: Option<&VrpTable>, removed: &[Vrp], added: &[Vrp]) -> VrpUpdate {
        let mut table = before.cloned().unwrap_or_default();
        removed.iter().for_each(|v| table.remove(v));
        added.iter().for_each(|v| table.insert(v));
        let covered = match before {
            None => Covered::everything(),
            Some(_) => {
                let mut covered = Covered::default();
                removed.iter().chain(added).for_each(|v| covered.add(v.prefix));
                covered
            }
        };
        VrpUpdate { table: Some(Arc::new(table)), covered }
    }

    /// Nothing is validated any more.
    pub fn off() -> VrpUpdate {
        VrpUpdate { table: None, covered: Covered::everything() }
    }

    /// The payloads that are in force afterwards.
    pub fn table(&self) -> Option<&Arc<VrpTable>> {
        self.table.as_ref()
    }
}

/// The prefixes of payloads that changed: what is in one of them may have another state now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Covered {
    v4: PrefixSet<Ipv4Net>,
    v6: PrefixSet<Ipv6Net>,
}

impl Covered {
    pub fn everything() -> Covered {
        let mut all = Covered::default();
        all.v4.insert(Ipv4Net::default());
        all.v6.insert(Ipv6Net::default());
        all
    }

    fn add(&mut self, prefix: IpNet) {
        match prefix {
            IpNet::V4(net) => self.v4.insert(net),
            IpNet::V6(net) => self.v6.insert(net),
        };
    }

    /// The part of a family.
    pub fn take(&mut self, family: Family) -> Covered {
        let mut part = Covered::default();
        match family {
            Family::Ipv4Unicast => std::mem::swap(&mut part.v4, &mut self.v4),
            Family::Ipv6Unicast => std::mem::swap(&mut part.v6, &mut self.v6),
        }
        part
    }

    pub fn merge(&mut self, other: Covered) {
        other.v4.into_iter().for_each(|net| self.add(net.into()));
        other.v6.into_iter().for_each(|net| self.add(net.into()));
    }

    pub fn is_empty(&self, family: Family) -> bool {
        match family {
            Family::Ipv4Unicast => self.v4.is_empty(),
            Family::Ipv6Unicast => self.v6.is_empty(),
        }
    }

    pub fn covers(&self, net: &IpNet) -> bool {
        match net {
            IpNet::V4(net) => self.v4.is_covered(net),
            IpNet::V6(net) => self.v6.is_covered(net),
        }
    }
}

/// The state of a route as a policy may ask for it.
#[derive(Clone, Copy, Debug)]
pub enum Validation<'a> {
    /// This one, whatever the payloads say.
    Assumed(Option<RpkiState>),
    /// As the payloads say.
    Asked(Payloads<'a>),
}

/// The table's payloads and its AS.
#[derive(Clone, Copy, Debug)]
pub struct Payloads<'a> {
    pub(crate) table: Option<&'a VrpTable>,
    pub(crate) own: Asn,
}

impl Validation<'_> {
    /// All answers that there are.
    pub(crate) const ANSWERS: [Option<RpkiState>; 4] =
        [None, Some(RpkiState::Valid), Some(RpkiState::Invalid), Some(RpkiState::NotFound)];

    pub(crate) fn state(&self, net: IpNet, view: AttrView<'_>) -> Option<RpkiState> {
        match self {
            Validation::Assumed(state) => *state,
            Validation::Asked(of) => of.table.map(|t| t.state(net, view, of.own)),
        }
    }
}
