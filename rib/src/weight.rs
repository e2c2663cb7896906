//! Weighted multipath: shares of the traffic in proportion to link bandwidth (draft-ietf-idr-link-bandwidth).

use bgp::attrs::{LinkBandwidth, flag};
use bgp::types::{Addr, Family};
use smallvec::SmallVec;

use crate::id::{AttrId, PrefixId};
use crate::intern::AttrSet;
use crate::nexthop::{Member, Members};
use crate::shared::Shared;
use crate::table::{Table, path_flag};

/// What to do about bandwidth (`bgp bestpath bandwidth`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Bandwidth {
    /// Weights where all members have one.
    #[default]
    All,
    /// `ignore`: no weights.
    Ignore,
    /// `skip-missing`: members without get nothing where others have one.
    SkipMissing,
    /// `default-weight-for-missing`: members without get the least weight where others have one.
    DefaultWeight,
}

/// The greatest weight that the kernel takes well: the share of the member with the most bandwidth.
pub const FULL: u8 = u8::MAX;

/// Weights of members, in their order; 0 is left out.
pub type Weights = SmallVec<[u8; 8]>;

/// Weights of members by their bandwidths, of which 0 is none; `None` where they share alike.
pub fn weights(bandwidths: &[u64], handling: Bandwidth) -> Option<Weights> {
    let greatest = bandwidths.iter().copied().max().filter(|most| *most > 0)?;
    let missing = match handling {
        Bandwidth::All if bandwidths.contains(&0) => return None,
        Bandwidth::Ignore => return None,
        Bandwidth::All | Bandwidth::SkipMissing => 0,
        Bandwidth::DefaultWeight => 1,
    };
    Some(bandwidths.iter().map(|b| if *b == 0 { missing } else { share(*b, greatest) }).collect())
}

/// A share from 1 to [`FULL`], in proportion to the greatest.
fn share(part: u64, greatest: u64) -> u8 {
    let scaled = u128::from(part) * u128::from(FULL) / u128::from(greatest.max(1));
    u8::try_from(scaled).unwrap_or(FULL).max(1)
}

/// Weights in proportion to these parts, of which none is 0.
pub(crate) fn in_proportion(parts: &[u64]) -> Weights {
    let greatest = parts.iter().copied().max().unwrap_or(1);
    parts.iter().map(|part| share(*part, greatest)).collect()
}

/// The next hops of the chosen paths of a prefix by their sets, with shares by their bandwidth.
pub(crate) fn members(shared: &Shared, family: Family, attrs: impl Iterator<Item = AttrId>) -> Members {
    let mut bandwidths: SmallVec<[u64; 8]> = SmallVec::new();
    let mut members: Members = attrs
        .map(|attr| {
            let set = shared.attrs.get(attr);
            bandwidths.push(bandwidth(&set));
            Member::alike(set.local.next_hop)
        })
        .collect();
    let handling = shared.settings.best[family.index()].bandwidth;
    if members.len() > 1
        && let Some(weights) = weights(&bandwidths, handling)
    {
        members.iter_mut().zip(weights).for_each(|(member, weight)| member.weight = weight);
        members.retain(|member| member.weight > 0);
    }
    members
}

/// What the multipath members of a prefix are together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Company {
    /// How many they are, the best among them.
    pub members: u16,
    /// Octets a second of those that have a bandwidth; 0 without multipath.
    pub octets: u64,
    /// All have one.
    pub complete: bool,
}

impl Company {
    /// Whether traffic is shared by bandwidth.
    pub fn is_weighted(&self, handling: Bandwidth) -> bool {
        match handling {
            Bandwidth::All => self.complete && self.octets > 0,
            Bandwidth::Ignore => false,
            Bandwidth::SkipMissing | Bandwidth::DefaultWeight => self.octets > 0,
        }
    }
}

/// The bandwidth that a set tells, in octets a second; 0 for none.
fn bandwidth(set: &AttrSet<'_>) -> u64 {
    let told = set.summary.has(flag::LINK_BANDWIDTH);
    if told { LinkBandwidth::of(set.view()).map_or(0, |b| b.octets) } else { 0 }
}

/// The company of the best path of a prefix.
pub(crate) fn company<A: Addr>(shared: &Shared, table: &Table<A>, id: PrefixId) -> Company {
    let mut company = Company { members: 0, octets: 0, complete: true };
    for (_, path) in table.paths(id).filter(|(_, p)| p.has(path_flag::BEST | path_flag::MULTIPATH)) {
        let set = shared.attrs.get(path.attr);
        let octets = bandwidth(&set);
        company.members = company.members.saturating_add(1);
        company.octets = company.octets.saturating_add(octets);
        company.complete &= octets > 0;
    }
    if company.members < 2 {
        company.octets = 0;
    }
    company
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn weights_are_those_of_frr() {
        let of = |bandwidths: &[u64], handling| weights(bandwidths, handling).map(|w| w.to_vec());
        // 100 and 300 Mbit/s.
        assert_eq!(of(&[12_500_000, 37_500_000], Bandwidth::All), Some(vec![85, 255]));
        assert_eq!(of(&[5, 5], Bandwidth::All), Some(vec![255, 255]));
        assert_eq!(of(&[1, 1_000_000], Bandwidth::All), Some(vec![1, 255]));
        assert_eq!(of(&[5, 0], Bandwidth::All), None);
        assert_eq!(of(&[5, 10], Bandwidth::Ignore), None);
        assert_eq!(of(&[5, 0, 10], Bandwidth::SkipMissing), Some(vec![127, 0, 255]));
        assert_eq!(of(&[5, 0, 10], Bandwidth::DefaultWeight), Some(vec![127, 1, 255]));
        for handling in [Bandwidth::All, Bandwidth::SkipMissing, Bandwidth::DefaultWeight] {
            assert_eq!(of(&[0, 0], handling), None);
            assert_eq!(of(&[], handling), None);
        }
    }

    fn handling() -> impl Strategy<Value = Bandwidth> {
        prop::sample::select(vec![Bandwidth::All, Bandwidth::SkipMissing, Bandwidth::DefaultWeight])
    }

    proptest! {
        #[test]
        fn weights_grow_with_bandwidth_and_use_the_whole_scale(
            bandwidths in prop::collection::vec(prop_oneof![Just(0u64), 1u64..2000, any::<u64>()], 1..9),
            handling in handling(),
        ) {
            let Some(weights) = weights(&bandwidths, handling) else { return Ok(()) };
            prop_assert_eq!(weights.len(), bandwidths.len());
            prop_assert_eq!(weights.iter().max(), Some(&FULL));
            for (a, x) in bandwidths.iter().zip(&weights) {
                prop_assert!(*a == 0 || *x > 0, "whoever has a bandwidth gets something");
                prop_assert!(*x > 0 || handling == Bandwidth::SkipMissing);
                for (b, y) in bandwidths.iter().zip(&weights) {
                    prop_assert!(a > b || x <= y);
                }
            }
        }

        #[test]
        fn the_order_of_members_and_the_unit_do_not_matter(
            bandwidths in prop::collection::vec(0u64..1_000_000, 1..9),
            factor in 1u64..1000,
            handling in handling(),
        ) {
            let reversed: Vec<u64> = bandwidths.iter().rev().copied().collect();
            let other: Vec<u64> = bandwidths.iter().map(|b| b * factor).collect();
            let straight = weights(&bandwidths, handling);
            let back = weights(&reversed, handling).map(|w| w.into_iter().rev().collect());
            prop_assert_eq!(&straight, &back);
            prop_assert_eq!(straight, weights(&other, handling));
        }

        #[test]
        fn shares_are_right_to_a_255th(bandwidths in prop::collection::vec(1u64..u64::MAX, 2..9)) {
            let weights = weights(&bandwidths, Bandwidth::All).unwrap();
            let most = *bandwidths.iter().max().unwrap() as f64;
            for (b, w) in bandwidths.iter().zip(&weights) {
                let exact = *b as f64 / most * 255.0;
                prop_assert!((exact - f64::from(*w)).abs() <= 1.001, "{exact} {w}");
            }
        }
    }
}
