//! Origin validation (RFC 6811): the validated ROA payloads and what they say of a route.
//!
//! A route's state is worked out when somebody asks for it, never kept: a path has no room for it, a look-up costs
//! less than a microsecond, and who validates nothing pays nothing. When payloads change, only what they cover is
//! looked at again, and only where a policy asks for the state.

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

/// A change of the payloads: first some go, then others come.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct VrpChange {
    /// Validate routes from now on. Without it all payloads go, and no route has a state.
    pub active: bool,
    /// These go.
    pub removed: Vec<Vrp>,
    /// These come.
    pub added: Vec<Vrp>,
}

type Authorizations = SmallVec<[(u8, Asn); 1]>;

/// The payloads in force.
#[derive(Debug, Default)]
pub(crate) struct Rpki {
    active: bool,
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

impl Rpki {
    pub fn active(&self) -> bool {
        self.active
    }

    /// Takes in a change and says what it covers; `None` if that is nothing.
    pub fn apply(&mut self, change: &VrpChange) -> Option<Covered> {
        if change.active != self.active {
            *self = Rpki { active: change.active, ..Rpki::default() };
            change.added.iter().filter(|_| change.active).for_each(|v| self.insert(v));
            return Some(Covered::everything());
        }
        if !change.active || (change.removed.is_empty() && change.added.is_empty()) {
            return None;
        }
        let mut covered = Covered::default();
        for vrp in &change.removed {
            match vrp.prefix {
                IpNet::V4(net) => remove(&mut self.v4, net, vrp),
                IpNet::V6(net) => remove(&mut self.v6, net, vrp),
            }
            covered.add(vrp.prefix);
        }
        for vrp in &change.added {
            self.insert(vrp);
            covered.add(vrp.prefix);
        }
        Some(covered)
    }

    fn insert(&mut self, vrp: &Vrp) {
        match vrp.prefix {
            IpNet::V4(net) => insert(&mut self.v4, net, vrp),
            IpNet::V6(net) => insert(&mut self.v6, net, vrp),
        }
    }

    /// The state of a route with these attributes; `None` while nothing is validated. `own` is the origin of a route
    /// whose path names no AS outside of our confederation: it is from our AS, as FRR has it.
    pub fn state(&self, net: IpNet, view: AttrView<'_>, own: Asn) -> Option<RpkiState> {
        if !self.active {
            return None;
        }
        let path = view.as_path();
        let internal = path.segments().all(|s| s.kind.is_confed());
        let origin = if internal { Some(own) } else { path.origin_as() };
        Some(match net {
            IpNet::V4(net) => validate(&self.v4, net, net.prefix_len(), origin),
            IpNet::V6(net) => validate(&self.v6, net, net.prefix_len(), origin),
        })
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
    pub(crate) rpki: &'a Rpki,
    pub(crate) own: Asn,
}

impl Validation<'_> {
    /// All answers that there are.
    pub(crate) const ANSWERS: [Option<RpkiState>; 4] =
        [None, Some(RpkiState::Valid), Some(RpkiState::Invalid), Some(RpkiState::NotFound)];

    pub(crate) fn state(&self, net: IpNet, view: AttrView<'_>) -> Option<RpkiState> {
        match self {
            Validation::Assumed(state) => *state,
            Validation::Asked(payloads) => payloads.rpki.state(net, view, payloads.own),
        }
    }
}
