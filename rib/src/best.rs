//! The decision process (RFC 4271 section 9.1.2.2), in the order that FRR's users know.
//!
//! In prose: of the valid paths the one with the greatest weight; the greatest LOCAL_PREF; one of our own; the
//! lowest accumulated metric, where asked for; the
//! shortest AS_PATH; the lowest ORIGIN; the lowest MED among paths of one neighbouring AS; external before
//! internal, and so before those of our confederation; the nearest next hop. Paths equal up to here may share the load. Then the oldest external path; the
//! lowest router id; the shortest CLUSTER_LIST; the lowest neighbour address; the lowest path identifier. Two
//! different paths therefore never tie.
//!
//! MED compares within a neighbouring AS only, so a pairwise order would not be transitive. Paths are grouped by
//! neighbouring AS first (what FRR calls `deterministic-med`), always: the outcome never depends on the order of
//! arrival.

use std::cmp::Ordering;
use std::net::{IpAddr, Ipv4Addr};

use bgp::attrs::{AttrView, Origin, Summary, flag};
use smallvec::SmallVec;

use crate::id::PathIdx;
use crate::weight::Bandwidth;

/// The step that decided between two paths; what FRR prints behind "best".
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// There was no other path.
    Only,
    /// Weight.
    Weight,
    /// LOCAL_PREF.
    LocalPref,
    /// One is our own.
    LocalRoute,
    /// Accumulated IGP metric (RFC 7311).
    Aigp,
    /// AS_PATH length.
    AsPath,
    /// ORIGIN.
    Origin,
    /// MULTI_EXIT_DISC.
    Med,
    /// External before internal.
    PeerType,
    /// Distance to the next hop.
    IgpMetric,
    /// The older external path.
    Older,
    /// Router id or ORIGINATOR_ID.
    RouterId,
    /// CLUSTER_LIST length.
    ClusterLength,
    /// Neighbour address.
    NeighborIp,
    /// Path identifier of one neighbour.
    PathId,
}

impl Reason {
    /// FRR's words.
    pub const fn text(self) -> &'static str {
        match self {
            Reason::Only => "First path received",
            Reason::Weight => "Weight",
            Reason::LocalPref => "Local Pref",
            Reason::LocalRoute => "Local Route",
            Reason::Aigp => "AIGP",
            Reason::AsPath => "AS Path",
            Reason::Origin => "Origin",
            Reason::Med => "MED",
            Reason::PeerType => "Peer Type",
            Reason::IgpMetric => "IGP Metric",
            Reason::Older => "Older Path",
            Reason::RouterId => "Router ID",
            Reason::ClusterLength => "Cluster length",
            Reason::NeighborIp => "Neighbor IP",
            Reason::PathId => "Nothing left to compare",
        }
    }
}

/// The operator's knobs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// LOCAL_PREF of a path that has none (`bgp default local-preference`).
    pub default_local_pref: u32,
    /// `bgp always-compare-med`.
    pub always_compare_med: bool,
    /// `bgp bestpath med missing-as-worst`.
    pub med_missing_as_worst: bool,
    /// `bgp bestpath aigp`: compare accumulated metrics (RFC 7311).
    pub aigp: bool,
    /// `bgp bestpath as-path ignore`.
    pub as_path_ignore: bool,
    /// `bgp bestpath as-path confed`: confederation segments count in the length.
    pub as_path_confed: bool,
    /// `bgp bestpath as-path multipath-relax`: equal length suffices for multipath.
    pub multipath_relax: bool,
    /// `bgp bestpath compare-routerid`: skip the age of external paths.
    pub compare_router_id: bool,
    /// `maximum-paths`: members at most that do not come from our own AS.
    pub max_paths_ebgp: u16,
    /// `maximum-paths ibgp`: internal members at most.
    pub max_paths_ibgp: u16,
    /// `bgp bestpath bandwidth`.
    pub bandwidth: Bandwidth,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            default_local_pref: 100,
            always_compare_med: false,
            med_missing_as_worst: false,
            aigp: false,
            as_path_ignore: false,
            as_path_confed: false,
            multipath_relax: false,
            compare_router_id: false,
            max_paths_ebgp: 256,
            max_paths_ibgp: 256,
            bandwidth: Bandwidth::default(),
        }
    }
}

/// What the decision needs to know of a path.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Which path.
    pub path: PathIdx,
    /// Attributes after policy.
    pub summary: &'a Summary,
    /// All attributes; multipath without `multipath-relax` looks at the AS_PATH.
    pub view: AttrView<'a>,
    /// Weight.
    pub weight: u32,
    /// `network`, `redistribute`: ours.
    pub local: bool,
    /// From an external neighbour.
    pub external: bool,
    /// From a neighbour of our own AS; neither of both from another member AS of our confederation.
    pub internal: bool,
    /// Metric to the next hop.
    pub igp_metric: u32,
    /// When the path came, seconds.
    pub since: u32,
    /// Router id of the neighbour.
    pub router_id: u32,
    /// Address of the neighbour; `None` for our own.
    pub neighbor: Option<IpAddr>,
    /// ADD-PATH identifier.
    pub path_id: u32,
}

impl Candidate<'_> {
    fn local_pref(&self, options: &Options) -> u32 {
        if self.summary.has(flag::LOCAL_PREF) { self.summary.local_pref } else { options.default_local_pref }
    }

    fn med(&self, options: &Options) -> u32 {
        match (self.summary.has(flag::MED), options.med_missing_as_worst) {
            (true, _) => self.summary.med,
            (false, true) => u32::MAX,
            (false, false) => 0,
        }
    }

    /// AIGP and the way to the next hop, if that is compared; paths without lose (RFC 7311 section 4).
    fn accumulated(&self, options: &Options) -> u64 {
        if !options.aigp {
            return 0;
        }
        self.aigp().map_or(u64::MAX, |metric| metric.saturating_add(u64::from(self.igp_metric)))
    }

    fn aigp(&self) -> Option<u64> {
        self.view.aigp().filter(|_| self.summary.has(flag::AIGP))
    }

    fn path_len(&self, options: &Options) -> u32 {
        let confed = if options.as_path_confed { self.summary.confed_len } else { 0 };
        u32::from(self.summary.path_len) + u32::from(confed)
    }

    fn identifier(&self) -> u32 {
        if self.summary.has(flag::ORIGINATOR_ID) { self.summary.originator_id } else { self.router_id }
    }
}

/// `Less` when `a` is preferred, and the step that said so.
type Verdict = (Ordering, Reason);

/// Steps down to the nearest next hop: those that multipath members have in common.
fn first_steps(a: &Candidate<'_>, b: &Candidate<'_>, med: bool, o: &Options) -> [Verdict; 9] {
    let higher = |x: u32, y: u32| y.cmp(&x);
    [
        (higher(a.weight, b.weight), Reason::Weight),
        (higher(a.local_pref(o), b.local_pref(o)), Reason::LocalPref),
        (b.local.cmp(&a.local), Reason::LocalRoute),
        (a.accumulated(o).cmp(&b.accumulated(o)), Reason::Aigp),
        (if o.as_path_ignore { Ordering::Equal } else { a.path_len(o).cmp(&b.path_len(o)) }, Reason::AsPath),
        (a.summary.origin.cmp(&b.summary.origin), Reason::Origin),
        (if med { a.med(o).cmp(&b.med(o)) } else { Ordering::Equal }, Reason::Med),
        (b.external.cmp(&a.external), Reason::PeerType),
        (a.igp_metric.cmp(&b.igp_metric), Reason::IgpMetric),
    ]
}

/// Steps after that, which choose one of paths that are equally good.
fn last_steps(a: &Candidate<'_>, b: &Candidate<'_>, o: &Options) -> [Verdict; 5] {
    let by_age = a.external && b.external && !o.compare_router_id;
    [
        (if by_age { a.since.cmp(&b.since) } else { Ordering::Equal }, Reason::Older),
        (a.identifier().cmp(&b.identifier()), Reason::RouterId),
        (a.summary.cluster_len.cmp(&b.summary.cluster_len), Reason::ClusterLength),
        (a.neighbor.cmp(&b.neighbor), Reason::NeighborIp),
        (a.path_id.cmp(&b.path_id), Reason::PathId),
    ]
}

fn first_difference<const N: usize>(steps: [Verdict; N]) -> Verdict {
    steps.into_iter().find(|(order, _)| order.is_ne()).unwrap_or((Ordering::Equal, Reason::Only))
}

fn compare_to_metric(a: &Candidate<'_>, b: &Candidate<'_>, med: bool, o: &Options) -> Verdict {
    first_difference(first_steps(a, b, med, o))
}

fn compare(a: &Candidate<'_>, b: &Candidate<'_>, med: bool, o: &Options) -> Verdict {
    let first = compare_to_metric(a, b, med, o);
    if first.0.is_ne() { first } else { first_difference(last_steps(a, b, o)) }
}

/// What a step of the decision looks at in one path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Measure {
    /// A number: weight, LOCAL_PREF, a length, a metric, a path identifier.
    Number(u64),
    /// There is none.
    Missing,
    /// Whether the path is our own.
    Own(bool),
    /// ORIGIN.
    Origin(Origin),
    /// Whether the neighbour is external.
    External(bool),
    /// When the path came, seconds of the shell's clock.
    Since(u32),
    /// Router id or ORIGINATOR_ID.
    Id(Ipv4Addr),
    /// Address of the neighbour.
    Neighbor(Option<IpAddr>),
}

/// One step of the decision between two paths.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    /// Which.
    pub reason: Reason,
    /// What the path has that won in the end.
    pub winner: Measure,
    /// What the other one has.
    pub loser: Measure,
    /// This step decided.
    pub decided: bool,
}

impl Candidate<'_> {
    fn measure(&self, reason: Reason, o: &Options) -> Measure {
        let number = |n: u32| Measure::Number(n.into());
        match reason {
            Reason::Weight => number(self.weight),
            Reason::LocalPref => number(self.local_pref(o)),
            Reason::LocalRoute => Measure::Own(self.local),
            Reason::Aigp if self.aigp().is_none() => Measure::Missing,
            Reason::Aigp => Measure::Number(self.accumulated(o)),
            Reason::AsPath => number(self.path_len(o)),
            Reason::Origin => Measure::Origin(self.summary.origin),
            Reason::Med => number(self.med(o)),
            Reason::PeerType => Measure::External(self.external),
            Reason::IgpMetric => number(self.igp_metric),
            Reason::Older => Measure::Since(self.since),
            Reason::RouterId => Measure::Id(self.identifier().into()),
            Reason::ClusterLength => number(self.summary.cluster_len.into()),
            Reason::NeighborIp => Measure::Neighbor(self.neighbor),
            Reason::Only | Reason::PathId => number(self.path_id),
        }
    }
}

/// The steps between a path and another one that lost to it, in order, up to the one that decided. Steps that the
/// settings leave out, or that do not apply to these two, are not among them.
fn steps(winner: &Candidate<'_>, loser: &Candidate<'_>, med: bool, o: &Options) -> Vec<Step> {
    let by_age = winner.external && loser.external && !o.compare_router_id;
    let asked = |reason: Reason| match reason {
        Reason::Aigp => o.aigp,
        Reason::AsPath => !o.as_path_ignore,
        Reason::Med => med,
        Reason::Older => by_age,
        _ => true,
    };
    let mut steps = Vec::new();
    let all = first_steps(winner, loser, med, o).into_iter().chain(last_steps(winner, loser, o));
    for (order, reason) in all.filter(|(_, reason)| asked(*reason)) {
        let decided = order.is_ne();
        steps.push(Step {
            reason,
            winner: winner.measure(reason, o),
            loser: loser.measure(reason, o),
            decided,
        });
        if decided {
            break;
        }
    }
    steps
}

/// To whom a candidate lost, and how.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Loss {
    /// Position of the winner: the best of all, or the best of the neighbouring AS that they share, which comes first.
    pub to: usize,
    /// The steps.
    pub steps: Vec<Step>,
}

/// Why each candidate is not the best; `None` for the best.
pub fn losses(candidates: &[Candidate<'_>], o: &Options) -> Vec<Option<Loss>> {
    if candidates.is_empty() {
        return Vec::new();
    }
    let (winners, best) = tournament(candidates, o);
    let loss = |(i, c): (usize, &Candidate<'_>)| {
        if i == best {
            return None;
        }
        let of_as = winners.iter().copied().find(|w| same_neighbor_as(&candidates[*w], c, o));
        let to = of_as.filter(|w| *w != i).unwrap_or(best);
        let med = same_neighbor_as(&candidates[to], c, o);
        Some(Loss { to, steps: steps(&candidates[to], c, med, o) })
    };
    candidates.iter().enumerate().map(loss).collect()
}

fn same_neighbor_as(a: &Candidate<'_>, b: &Candidate<'_>, o: &Options) -> bool {
    o.always_compare_med || a.summary.neighbor_as == b.summary.neighbor_as
}

/// The decision over some candidates.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decision {
    /// Position of the best candidate.
    pub best: usize,
    /// Positions of the multipath members, the best among them, by neighbour address; empty without multipath.
    pub multipath: SmallVec<[usize; 8]>,
    /// Why the best beat the second.
    pub reason: Reason,
}

/// Decides. `None` without candidates.
pub fn decide(candidates: &[Candidate<'_>], o: &Options) -> Option<Decision> {
    match candidates {
        [] => None,
        [_] => Some(Decision { best: 0, multipath: SmallVec::new(), reason: Reason::Only }),
        _ => {
            let (best, reason) = best_of(candidates, o);
            Some(Decision { best, multipath: multipath(candidates, best, o), reason })
        }
    }
}

/// Whether the best of all others stays so, in the same company, when one more comes to them. Safe to ask because
/// whoever loses to the best can only take the place of others that lost to it.
pub fn stays(best: &Candidate<'_>, new: &Candidate<'_>, o: &Options) -> bool {
    let med = same_neighbor_as(best, new, o);
    match compare_to_metric(best, new, med, o).0 {
        Ordering::Less => true,
        Ordering::Greater => false,
        Ordering::Equal => {
            let joins = max_paths(best, o) > 1 && !best.local && same_path(best, new, o);
            !joins && compare(best, new, med, o).0.is_lt()
        }
    }
}

/// Multipath members that a best path may have.
fn max_paths(best: &Candidate<'_>, o: &Options) -> usize {
    usize::from(if best.internal { o.max_paths_ibgp } else { o.max_paths_ebgp }).max(1)
}

/// Whether the AS_PATHs are alike enough for multipath.
fn same_path(a: &Candidate<'_>, b: &Candidate<'_>, o: &Options) -> bool {
    o.multipath_relax || a.view.as_path().bytes() == b.view.as_path().bytes()
}

/// First the winner of each neighbouring AS, then the best of these.
fn tournament(candidates: &[Candidate<'_>], o: &Options) -> (SmallVec<[usize; 8]>, usize) {
    let mut winners: SmallVec<[usize; 8]> = SmallVec::new();
    for (i, c) in candidates.iter().enumerate() {
        match winners.iter_mut().find(|w| same_neighbor_as(&candidates[**w], c, o)) {
            Some(w) => {
                if compare(c, &candidates[*w], true, o).0.is_lt() {
                    *w = i;
                }
            }
            None => winners.push(i),
        }
    }
    let mut best = winners[0];
    for &w in &winners[1..] {
        if compare(&candidates[w], &candidates[best], false, o).0.is_lt() {
            best = w;
        }
    }
    (winners, best)
}

/// The best of two or more.
fn best_of(candidates: &[Candidate<'_>], o: &Options) -> (usize, Reason) {
    let (_, best) = tournament(candidates, o);
    // The reason to show: the step by which the best beat the hardest of the others.
    let against = |i: &usize| {
        let med = same_neighbor_as(&candidates[best], &candidates[*i], o);
        compare(&candidates[best], &candidates[*i], med, o).1
    };
    let reason = (0..candidates.len())
        .filter(|i| *i != best)
        .map(|i| against(&i))
        .max_by_key(|r| *r as u8)
        .unwrap_or(Reason::Only);
    (best, reason)
}

/// The best of each neighbouring AS, the best of all first.
pub fn best_per_as(candidates: &[Candidate<'_>], o: &Options) -> SmallVec<[PathIdx; 8]> {
    ranked(candidates, o, usize::MAX, |best, c| c.summary.neighbor_as != best.summary.neighbor_as)
}

/// So many candidates, best first: each the best of those that the ones before it leave.
pub fn best_few(candidates: &[Candidate<'_>], limit: usize, o: &Options) -> SmallVec<[PathIdx; 8]> {
    ranked(candidates, o, limit, |best, c| c.path != best.path)
}

/// Takes the best again and again, with all that it does not leave.
fn ranked(
    candidates: &[Candidate<'_>],
    o: &Options,
    limit: usize,
    leaves: impl Fn(&Candidate<'_>, &Candidate<'_>) -> bool,
) -> SmallVec<[PathIdx; 8]> {
    let mut left: SmallVec<[Candidate<'_>; 8]> = candidates.iter().copied().collect();
    let mut chosen = SmallVec::new();
    while chosen.len() < limit
        && let Some(decision) = decide(&left, o)
    {
        let best = left[decision.best];
        chosen.push(best.path);
        left.retain(|c| leaves(&best, c));
    }
    chosen
}

/// All that equal the best up to the metric, cut to the configured number, in canonical order.
fn multipath(candidates: &[Candidate<'_>], best: usize, o: &Options) -> SmallVec<[usize; 8]> {
    let b = &candidates[best];
    let limit = max_paths(b, o);
    let mut members: SmallVec<[usize; 8]> = SmallVec::new();
    if limit == 1 || b.local {
        return members;
    }
    for (i, c) in candidates.iter().enumerate() {
        let med = same_neighbor_as(b, c, o);
        if i == best || (compare_to_metric(c, b, med, o).0.is_eq() && same_path(b, c, o)) {
            members.push(i);
        }
    }
    if members.len() < 2 {
        return SmallVec::new();
    }
    members.sort_by_key(|i| (candidates[*i].neighbor, candidates[*i].path_id));
    if members.len() > limit {
        // The best stays, whatever its address.
        let mut kept: SmallVec<[usize; 8]> =
            members.iter().copied().filter(|i| *i != best).take(limit - 1).collect();
        kept.push(best);
        kept.sort_by_key(|i| (candidates[*i].neighbor, candidates[*i].path_id));
        return kept;
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn candidate(summary: &Summary, n: u8) -> Candidate<'_> {
        Candidate {
            path: PathIdx(u32::from(n)),
            summary,
            view: AttrView::new(&[]),
            weight: 0,
            local: false,
            external: true,
            internal: false,
            igp_metric: 0,
            since: 0,
            router_id: u32::from(n),
            neighbor: Some(IpAddr::from([10, 0, 0, n])),
            path_id: 0,
        }
    }

    #[test]
    fn local_pref_beats_path_length_and_a_missing_one_is_the_default() {
        let short = Summary { path_len: 1, ..Summary::default() };
        let preferred =
            Summary { path_len: 9, local_pref: 101, flags: flag::LOCAL_PREF, ..Summary::default() };
        let c = [candidate(&short, 1), candidate(&preferred, 2)];
        let d = decide(&c, &Options::default()).unwrap();
        assert_eq!((d.best, d.reason), (1, Reason::LocalPref));
    }

    #[test]
    fn med_counts_within_one_neighbouring_as_only() {
        let a = Summary { med: 50, flags: flag::MED, neighbor_as: 1, ..Summary::default() };
        let b = Summary { med: 10, flags: flag::MED, neighbor_as: 2, ..Summary::default() };
        let c = [candidate(&a, 1), candidate(&b, 2)];
        assert_eq!(decide(&c, &Options::default()).unwrap().best, 0);
        let always = Options { always_compare_med: true, ..Options::default() };
        assert_eq!(decide(&c, &always).unwrap().best, 1);
    }

    #[test]
    fn equal_paths_share_in_address_order_and_the_cut_keeps_the_best() {
        let s = Summary::default();
        let mut c = [candidate(&s, 3), candidate(&s, 1), candidate(&s, 2)];
        c[0].since = 0;
        c[1].since = 9;
        c[2].since = 9;
        let d = decide(&c, &Options::default()).unwrap();
        assert_eq!(d.best, 0);
        assert_eq!(d.multipath.as_slice(), [1, 2, 0]);
        let two = Options { max_paths_ebgp: 2, ..Options::default() };
        assert_eq!(decide(&c, &two).unwrap().multipath.as_slice(), [1, 0]);
    }

    fn summary() -> impl Strategy<Value = Summary> {
        (0u32..3, 0u32..3, 0u32..3, 0u16..3, 0u16..4, 0u8..2).prop_map(
            |(lp, med, asn, len, flags, origin)| Summary {
                local_pref: lp,
                med,
                neighbor_as: asn,
                path_len: len,
                flags: flags & (flag::MED | flag::LOCAL_PREF),
                origin: if origin == 0 { Origin::Igp } else { Origin::Incomplete },
                ..Summary::default()
            },
        )
    }

    proptest! {
        #[test]
        fn the_order_of_arrival_never_matters(
            paths in proptest::collection::vec((summary(), 0u32..2, any::<bool>(), 0u32..2), 1..7),
            seed in any::<u64>(),
        ) {
            let all: Vec<Candidate<'_>> = paths.iter().enumerate().map(|(i, (s, w, ext, metric))| Candidate {
                weight: *w, external: *ext, internal: !*ext, igp_metric: *metric, ..candidate(s, i as u8)
            }).collect();
            let mut shuffled: Vec<(u64, Candidate<'_>)> = all.iter().enumerate()
                .map(|(i, c)| ((i as u64 + 1).wrapping_mul(seed | 1).rotate_left(17), *c)).collect();
            shuffled.sort_by_key(|(k, _)| *k);
            let shuffled: Vec<Candidate<'_>> = shuffled.into_iter().map(|(_, c)| c).collect();
            let o = Options::default();
            let a = decide(&all, &o).unwrap();
            let b = decide(&shuffled, &o).unwrap();
            prop_assert_eq!(all[a.best].path, shuffled[b.best].path);
            let ids = |c: &[Candidate<'_>], m: &[usize]| m.iter().map(|i| c[*i].path).collect::<Vec<_>>();
            prop_assert_eq!(ids(&all, &a.multipath), ids(&shuffled, &b.multipath));
        }

        #[test]
        fn a_best_that_stays_is_what_a_full_decision_gives(
            paths in proptest::collection::vec((summary(), 0u32..2, any::<bool>(), 0u32..2), 2..7),
            (relax, always, most) in (any::<bool>(), any::<bool>(), 1u16..4),
        ) {
            let all: Vec<Candidate<'_>> = paths.iter().enumerate().map(|(i, (s, w, ext, metric))| Candidate {
                weight: *w, external: *ext, igp_metric: *metric, ..candidate(s, i as u8)
            }).collect();
            let o = Options {
                multipath_relax: relax,
                always_compare_med: always,
                max_paths_ebgp: most,
                max_paths_ibgp: most,
                ..Options::default()
            };
            let (new, before) = all.split_last().unwrap();
            let decided = decide(before, &o).unwrap();
            if stays(&before[decided.best], new, &o) {
                let after = decide(&all, &o).unwrap();
                prop_assert_eq!((after.best, after.multipath), (decided.best, decided.multipath));
            }
        }

        #[test]
        fn who_lost_is_told_the_step_that_decided(
            paths in proptest::collection::vec((summary(), 0u32..2, any::<bool>(), 0u32..2), 1..7),
            (always, compare_id) in (any::<bool>(), any::<bool>()),
        ) {
            let all: Vec<Candidate<'_>> = paths.iter().enumerate().map(|(i, (s, w, ext, metric))| Candidate {
                weight: *w, external: *ext, internal: !*ext, igp_metric: *metric, ..candidate(s, i as u8)
            }).collect();
            let o = Options {
                always_compare_med: always, compare_router_id: compare_id, ..Options::default()
            };
            let best = decide(&all, &o).unwrap().best;
            for (i, loss) in losses(&all, &o).into_iter().enumerate() {
                prop_assert_eq!(loss.is_none(), i == best);
                let Some(Loss { to, steps }) = loss else { continue };
                let med = same_neighbor_as(&all[to], &all[i], &o);
                let (order, reason) = compare(&all[to], &all[i], med, &o);
                prop_assert!(order.is_lt());
                let (last, before) = steps.split_last().unwrap();
                prop_assert_eq!(last.reason, reason);
                prop_assert!(last.decided && last.winner != last.loser);
                prop_assert!(before.iter().all(|s| !s.decided && s.winner == s.loser));
            }
        }

        #[test]
        fn the_best_is_beaten_by_nobody(paths in proptest::collection::vec(summary(), 2..7)) {
            let all: Vec<Candidate<'_>> = paths.iter().enumerate().map(|(i, s)| candidate(s, i as u8)).collect();
            let o = Options { always_compare_med: true, ..Options::default() };
            let best = decide(&all, &o).unwrap().best;
            for (i, c) in all.iter().enumerate().filter(|(i, _)| *i != best) {
                prop_assert!(compare(c, &all[best], true, &o).0.is_gt(), "{} beats {}", i, best);
            }
        }
    }
}
