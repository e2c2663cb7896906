//! What the attributes of many routes make together (RFC 4271 section 9.2.2.2), kept up to date one route at a time.

use std::collections::{BTreeMap, HashMap};

use bgp::attrs::{AttrBuilder, AttrView, SegmentKind};
use bgp::types::Asn;
use bgp::wire::iana::community;

use crate::id::AttrId;
use crate::shared::Shared;

/// Octets of merged attributes that are told at most: a message of 4096 octets has room for a prefix beside them.
const MOST: usize = 3800;

/// How often something occurs.
type Counts<T> = BTreeMap<T, u32>;

/// One element of an AS_PATH: a number of a sequence, or a whole set.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Hop {
    Asn(Asn),
    Set(SegmentKind, Vec<Asn>),
}

/// The attributes of the routes that an aggregate with `as-set` is made of.
#[derive(Debug, Default)]
pub(super) struct Merged {
    /// Routes with each attribute set. The routes hold the references.
    sets: HashMap<AttrId, u32, foldhash::quality::FixedState>,
    /// Attribute sets with each AS_PATH; in order, so that the first and the last have in common what all have.
    paths: Counts<Vec<Hop>>,
    /// Occurrences of each AS over the distinct paths.
    asns: Counts<Asn>,
    communities: Counts<u32>,
    ext_communities: Counts<[u8; 8]>,
    large_communities: Counts<(u32, u32, u32)>,
    /// Attribute sets with ATOMIC_AGGREGATE.
    atomic: u32,
}

/// Adds to or takes from a count. Returns whether the key came or went.
fn tally<T: Ord>(counts: &mut Counts<T>, key: T, add: bool) -> bool {
    if add {
        let count = counts.entry(key).or_insert(0);
        *count += 1;
        return *count == 1;
    }
    let Some(count) = counts.get_mut(&key) else { return false };
    *count -= 1;
    let gone = *count == 0;
    if gone {
        counts.remove(&key);
    }
    gone
}

fn hops(view: AttrView<'_>) -> Vec<Hop> {
    let mut hops = Vec::new();
    for segment in view.as_path().segments() {
        match segment.kind {
            SegmentKind::Sequence => hops.extend(segment.asns().map(Hop::Asn)),
            // The members of a confederation are nobody's business outside (RFC 5065 section 4).
            SegmentKind::ConfedSequence | SegmentKind::ConfedSet => {}
            kind => hops.push(Hop::Set(kind, segment.asns().collect())),
        }
    }
    hops
}

fn asns(hops: &[Hop]) -> impl Iterator<Item = Asn> {
    hops.iter()
        .flat_map(|hop| match hop {
            Hop::Asn(asn) => std::slice::from_ref(asn),
            Hop::Set(_, asns) => asns,
        })
        .copied()
}

impl Merged {
    /// A route came or went. Returns whether the attributes together may be others by it.
    pub fn count(&mut self, shared: &Shared, attr: AttrId, add: bool) -> bool {
        if add {
            let routes = self.sets.entry(attr).or_insert(0);
            *routes += 1;
            if *routes > 1 {
                return false;
            }
        } else {
            let Some(routes) = self.sets.get_mut(&attr) else { return false };
            *routes -= 1;
            if *routes > 0 {
                return false;
            }
            self.sets.remove(&attr);
        }
        let view = shared.attrs.get(attr).view();
        let path = hops(view);
        if tally(&mut self.paths, path.clone(), add) {
            for asn in asns(&path) {
                // A path may name an AS more than once.
                tally(&mut self.asns, asn, add);
            }
        }
        view.communities().for_each(|c| _ = tally(&mut self.communities, c, add));
        view.ext_communities().for_each(|c| _ = tally(&mut self.ext_communities, c, add));
        view.large_communities().for_each(|c| _ = tally(&mut self.large_communities, c, add));
        if view.atomic_aggregate() {
            self.atomic = if add { self.atomic + 1 } else { self.atomic - 1 };
        }
        true
    }

    /// Puts AS_PATH, communities and ATOMIC_AGGREGATE into a set of attributes. What is too long to be told gives way,
    /// the communities last.
    pub fn put(&self, builder: &mut AttrBuilder<'_>) {
        let (sequence, rest) = self.path();
        let set: Vec<Asn> = rest.into_iter().collect();
        let told = |c: &u32| *c != community::GRACEFUL_SHUTDOWN;
        builder.communities(self.communities.keys().copied().filter(told).collect());
        builder.ext_communities(self.ext_communities.keys().copied().collect());
        builder.large_communities(self.large_communities.keys().copied().collect());
        put_path(builder, &sequence, &set);
        let mut atomic = self.atomic > 0;
        if builder.build().len() > MOST {
            put_path(builder, &sequence, &[]);
            atomic = true;
        }
        if builder.build().len() > MOST {
            builder.communities(Vec::new()).ext_communities(Vec::new()).large_communities(Vec::new());
        }
        if builder.build().len() > MOST {
            builder.set_as_path(&[]);
        }
        builder.atomic_aggregate(atomic);
    }

    /// What all paths begin with, and the other ASes that they name.
    fn path(&self) -> (Vec<Hop>, Vec<Asn>) {
        let (Some((first, _)), Some((last, _))) = (self.paths.first_key_value(), self.paths.last_key_value())
        else {
            return (Vec::new(), Vec::new());
        };
        let common = first.iter().zip(last).take_while(|(a, b)| a == b).count();
        let common = &first[..common];
        let mut begun: Counts<Asn> = BTreeMap::new();
        asns(common).for_each(|asn| _ = tally(&mut begun, asn, true));
        let paths = self.paths.len() as u32;
        let beyond = |asn: &Asn, count: u32| count > begun.get(asn).map_or(0, |n| n.saturating_mul(paths));
        let rest = self.asns.iter().filter(|(asn, count)| beyond(asn, **count)).map(|(asn, _)| *asn);
        (common.to_vec(), rest.collect())
    }
}

fn put_path(builder: &mut AttrBuilder<'_>, sequence: &[Hop], set: &[Asn]) {
    let mut segments: Vec<(SegmentKind, Vec<Asn>)> = Vec::new();
    for hop in sequence {
        match (hop, segments.last_mut()) {
            (Hop::Asn(asn), Some((SegmentKind::Sequence, asns))) => asns.push(*asn),
            (Hop::Asn(asn), _) => segments.push((SegmentKind::Sequence, vec![*asn])),
            (Hop::Set(kind, asns), _) => segments.push((*kind, asns.clone())),
        }
    }
    segments.push((SegmentKind::Set, set.to_vec()));
    let borrowed: Vec<(SegmentKind, &[Asn])> = segments.iter().map(|(k, a)| (*k, a.as_slice())).collect();
    builder.set_segments(&borrowed);
}
