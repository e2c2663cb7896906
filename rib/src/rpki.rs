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

type Authorizations = SmallVec<[(u8, Asn); 1]>;

/// The payloads in force. They change at once: half of a change could make a good route invalid for a moment.
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

/// A change of the payloads. Large ones are made elsewhere; with a small one the table's thread is done sooner than
/// with a copy of all.
#[derive(Clone, Debug)]
pub struct VrpUpdate {
    change: Change,
    covered: Covered,
}

#[derive(Clone, Debug)]
enum Change {
    /// This table comes in the place of what was in force.
    Whole(Option<Box<VrpTable>>),
    /// These go and come.
    Parts { removed: Vec<Vrp>, added: Vec<Vrp> },
}

impl VrpUpdate {
    /// How many payloads go and come as parts at most: a table of its own is the better way for more.
    pub const MOST_PARTS: usize = 256;

    /// These are in force from now on, whatever was before.
    pub fn all<'a>(records: impl IntoIterator<Item = &'a Vrp>) -> VrpUpdate {
        let mut table = VrpTable::default();
        records.into_iter().for_each(|v| table.insert(v));
        VrpUpdate { change: Change::Whole(Some(Box::new(table))), covered: Covered::everything() }
    }

    /// The same, where no more than these went and came.
    pub fn all_after<'a>(
        records: impl IntoIterator<Item = &'a Vrp>,
        removed: &[Vrp],
        added: &[Vrp],
    ) -> VrpUpdate {
        VrpUpdate { covered: Covered::of(removed, added), ..VrpUpdate::all(records) }
    }

    /// Some go and others come, [`Self::MOST_PARTS`] in all. There have to be payloads in force.
    pub fn parts(removed: Vec<Vrp>, added: Vec<Vrp>) -> VrpUpdate {
        let covered = Covered::of(&removed, &added);
        VrpUpdate { change: Change::Parts { removed, added }, covered }
    }

    /// Nothing is validated any more.
    pub fn off() -> VrpUpdate {
        VrpUpdate { change: Change::Whole(None), covered: Covered::everything() }
    }

    /// Brings the payloads in force up to date, takes in their place what was in force, and says what to look at again.
    pub(crate) fn apply(&mut self, table: &mut Option<Box<VrpTable>>) -> Covered {
        let idle = table.is_none();
        match &mut self.change {
            Change::Whole(new) => std::mem::swap(new, table),
            Change::Parts { removed, added } => {
                if let Some(table) = table {
                    removed.iter().for_each(|v| table.remove(v));
                    added.iter().for_each(|v| table.insert(v));
                }
            }
        }
        if idle && table.is_none() { Covered::default() } else { std::mem::take(&mut self.covered) }
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

    fn of(removed: &[Vrp], added: &[Vrp]) -> Covered {
        let mut covered = Covered::default();
        removed.iter().chain(added).for_each(|v| covered.add(v.prefix));
        covered
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

    /// The prefixes, without those that others of them cover.
    pub fn roots(&self) -> Vec<IpNet> {
        let mut roots: Vec<IpNet> = self.v4.iter().map(IpNet::V4).collect();
        roots.extend(self.v6.iter().map(IpNet::V6));
        // In this order a prefix comes before what is in it.
        roots.sort_unstable();
        roots.dedup_by(|inner, outer| outer.contains(&*inner));
        roots
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
