//! The one pass over the attributes of an UPDATE: what is there, and what is wrong with it.

use super::action::{Action, Fault, action};
use super::context::UpdateContext;
use super::iana::{attr, attr_flag};
use crate::attrs::{RawAttr, SegmentKind, aigp_metric, be32, known_flags, split_attr};
use crate::types::{Asn, PeerKind};

/// One attribute that is kept: where its value stands in the attribute section.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub code: u8,
    pub flags: u8,
    pub start: u32,
    pub len: u32,
}

/// What the pass found.
#[derive(Default)]
pub(super) struct Scan<'a> {
    pub mp_reach: Option<RawAttr<'a>>,
    pub mp_unreach: Option<RawAttr<'a>>,
    pub as_path: Option<&'a [u8]>,
    pub as4_path: Option<&'a [u8]>,
    pub aggregator: Option<&'a [u8]>,
    pub as4_aggregator: Option<&'a [u8]>,
    pub cluster_list: Option<&'a [u8]>,
    pub next_hop: Option<[u8; 4]>,
    pub originator: Option<u32>,
    pub otc: Option<Asn>,
    pub origin: bool,
    /// Slots are not in ascending type order.
    pub unsorted: bool,
    /// Anything at all but MP_UNREACH_NLRI was there.
    pub other_attributes: bool,
    /// The first fault that makes the routes withdrawn.
    pub withdraw: Option<(u8, Fault)>,
    /// The worst fault, for the report.
    pub worst: Option<(u8, Fault, Action)>,
}

/// A reset that an attribute calls for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reset<'a> {
    pub subcode: u8,
    /// The attribute from its flags on, as far as it is there.
    pub data: &'a [u8],
}

/// What a path says about loops and its first AS.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct PathFacts {
    /// How often our own numbers are in it.
    pub own: u32,
    /// It has an AS_SET or AS_CONFED_SET.
    pub set: bool,
    /// It has a confederation segment.
    pub confed: bool,
    /// It begins with one.
    pub confed_first: bool,
    /// The leftmost AS, if the first segment is a sequence.
    pub first: Option<Asn>,
    /// The rightmost AS.
    pub last: Option<Asn>,
}

impl<'a> Scan<'a> {
    /// Walks over the attribute section; `fault` hears of every fault.
    pub fn run(
        ctx: &UpdateContext,
        section: &'a [u8],
        slots: &mut Vec<Slot>,
        mut fault: impl FnMut(u8, Action),
    ) -> Result<Scan<'a>, Reset<'a>> {
        slots.clear();
        let mut scan = Scan::default();
        let mut seen = [0u64; 4];
        let mut last = 0;
        let mut rest = section;
        while !rest.is_empty() {
            let here = rest;
            let Some((a, after)) = split_attr(rest) else {
                scan.broken(here.get(1).copied().unwrap_or(0), Fault::Overrun, ctx, here, &mut fault)?;
                scan.other_attributes = true;
                break;
            };
            rest = after;
            let raw = here.get(..here.len() - after.len()).unwrap_or(here);
            let bit = 1u64 << (a.code & 63);
            let word = seen.get_mut(usize::from(a.code >> 6));
            let repeated = word.is_some_and(|w| std::mem::replace(w, *w | bit) & bit != 0);
            scan.other_attributes |= a.code != attr::MP_UNREACH_NLRI;
            let checked = if repeated { Err(Fault::Repeated) } else { check(ctx, &a) };
            match checked {
                Err(what) => {
                    scan.broken(a.code, what, ctx, raw, &mut fault)?;
                    // Its routes can be told all the same, and have to be withdrawn.
                    if what == Fault::Flags && matches!(a.code, attr::MP_REACH_NLRI | attr::MP_UNREACH_NLRI) {
                        scan.note(a);
                    }
                }
                Ok(false) => scan.note(a),
                Ok(true) => {
                    scan.note(a);
                    scan.unsorted |= a.code < last;
                    last = a.code;
                    let start = section.len() - after.len() - a.value.len();
                    slots.push(Slot {
                        code: a.code,
                        flags: a.flags,
                        start: start as u32,
                        len: a.value.len() as u32,
                    });
                }
            }
        }
        Ok(scan)
    }

    fn broken(
        &mut self,
        code: u8,
        what: Fault,
        ctx: &UpdateContext,
        data: &'a [u8],
        fault: &mut impl FnMut(u8, Action),
    ) -> Result<(), Reset<'a>> {
        let act = action(code, what, ctx.external());
        fault(code, act);
        if self.worst.is_none_or(|(.., worst)| act > worst) {
            self.worst = Some((code, what, act));
        }
        match act {
            Action::SessionReset(subcode) => return Err(Reset { subcode, data }),
            Action::TreatAsWithdraw if self.withdraw.is_none() => self.withdraw = Some((code, what)),
            Action::TreatAsWithdraw | Action::AttributeDiscard => {}
        }
        Ok(())
    }

    /// Remembers what later steps need by name.
    #[inline]
    fn note(&mut self, a: RawAttr<'a>) {
        match a.code {
            attr::ORIGIN => self.origin = true,
            attr::AS_PATH => self.as_path = Some(a.value),
            attr::NEXT_HOP => self.next_hop = a.value.try_into().ok(),
            attr::MP_REACH_NLRI => self.mp_reach = Some(a),
            attr::MP_UNREACH_NLRI => self.mp_unreach = Some(a),
            attr::AS4_PATH => self.as4_path = Some(a.value),
            attr::AGGREGATOR => self.aggregator = Some(a.value),
            attr::AS4_AGGREGATOR => self.as4_aggregator = Some(a.value),
            attr::ORIGINATOR_ID => self.originator = be32(a.value),
            attr::CLUSTER_LIST => self.cluster_list = Some(a.value),
            attr::OTC => self.otc = be32(a.value).map(Asn),
            _ => {}
        }
    }
}

/// Checks one attribute by itself; `Ok(false)` says that it is no part of the canonical block.
#[inline]
fn check(ctx: &UpdateContext, a: &RawAttr<'_>) -> Result<bool, Fault> {
    if ctx.withdraw_on.has(a.code) {
        return Err(Fault::Unwanted);
    }
    match known_flags(a.code) {
        Some(expected) if (a.flags ^ expected) & (attr_flag::OPTIONAL | attr_flag::TRANSITIVE) != 0 => {
            return Err(Fault::Flags);
        }
        Some(_) => {}
        None if a.flags & attr_flag::OPTIONAL == 0 => return Err(Fault::Unrecognized),
        // Unrecognised: on with it if it is transitive (RFC 4271 section 5).
        None => return Ok(a.flags & attr_flag::TRANSITIVE != 0 && !ctx.discard.has(a.code)),
    }
    let len = a.value.len();
    let multiple = |of: usize| if len != 0 && len.is_multiple_of(of) { Ok(true) } else { Err(Fault::Length) };
    let exactly = |n: usize| if len == n { Ok(true) } else { Err(Fault::Length) };
    let kept = match a.code {
        attr::ORIGIN => exactly(1).and(if a.value <= &[2][..] { Ok(true) } else { Err(Fault::Value) }),
        attr::NEXT_HOP => exactly(4).and(Ok(false)),
        attr::MED => exactly(4),
        attr::OTC => exactly(4),
        attr::LOCAL_PREF => exactly(4).and(Ok(!ctx.external())),
        // Of reflection within one AS, be it a member of a confederation (RFC 4456 section 8).
        attr::ORIGINATOR_ID => exactly(4).and(Ok(ctx.kind == PeerKind::Internal)),
        attr::CLUSTER_LIST => multiple(4).and(Ok(ctx.kind == PeerKind::Internal)),
        attr::ATOMIC_AGGREGATE => exactly(0),
        attr::AGGREGATOR => exactly(if ctx.as4 { 8 } else { 6 }).and(nonzero_as(a.value, ctx.as4)),
        attr::COMMUNITIES => multiple(4),
        attr::EXT_COMMUNITIES => multiple(8),
        attr::IPV6_EXT_COMMUNITIES => multiple(20),
        attr::LARGE_COMMUNITIES => multiple(12),
        attr::AS4_AGGREGATOR => exactly(8).and(nonzero_as(a.value, true)).and(Ok(false)),
        attr::AS4_PATH if ctx.as4 => Ok(false),
        attr::AS4_PATH => path_facts(a.value, &[]).map(|_| false),
        // As if it were not known, where it is not wanted (RFC 7311 section 3.3).
        attr::AIGP if !ctx.aigp => Ok(false),
        attr::AIGP => aigp_metric(a.value).map(|_| true).ok_or(Fault::Value),
        attr::PREFIX_SID => prefix_sid(a.value),
        attr::MP_REACH_NLRI | attr::MP_UNREACH_NLRI => Ok(false),
        // AS_PATH is checked with its loops, after widening.
        _ => Ok(true),
    }?;
    Ok(kept && !ctx.discard.has(a.code))
}

/// Of no use to us, but others reset sessions when it is malformed: its TLVs have to fill it, and a Label-Index has 7
/// octets (RFC 8669 sections 3 and 6).
fn prefix_sid(value: &[u8]) -> Result<bool, Fault> {
    const LABEL_INDEX: u8 = 1;
    let mut rest = value;
    while let Some((&[kind, high, low], after)) = rest.split_first_chunk() {
        let len = usize::from(u16::from_be_bytes([high, low]));
        if kind == LABEL_INDEX && len != 7 {
            return Err(Fault::Length);
        }
        rest = after.get(len..).ok_or(Fault::Length)?;
    }
    if rest.is_empty() && !value.is_empty() { Ok(true) } else { Err(Fault::Length) }
}

/// AS 0 must not stand in AGGREGATOR (RFC 7607 section 2).
fn nonzero_as(value: &[u8], as4: bool) -> Result<bool, Fault> {
    let asn = value.get(..if as4 { 4 } else { 2 }).unwrap_or(&[]);
    if asn.iter().any(|&b| b != 0) { Ok(true) } else { Err(Fault::Value) }
}

/// Walks over a path of four-octet numbers: form, AS 0 (RFC 7607 section 2), our own numbers, ends.
pub(super) fn path_facts(value: &[u8], own: &[Asn]) -> Result<PathFacts, Fault> {
    let mut facts = PathFacts::default();
    let mut rest = value;
    while !rest.is_empty() {
        let (&[kind, count], after) = rest.split_first_chunk().ok_or(Fault::Value)?;
        let (asns, after) = after.split_at_checked(usize::from(count) * 4).ok_or(Fault::Value)?;
        let kind = SegmentKind::from_code(kind).ok_or(Fault::Value)?;
        let asns = asns.as_chunks::<4>().0;
        // A segment of none is malformed (RFC 7606 section 7.2).
        let (Some(first), Some(last)) = (asns.first(), asns.last()) else {
            return Err(Fault::Value);
        };
        let leftmost = rest.len() == value.len();
        facts.confed_first |= leftmost && kind.is_confed();
        if leftmost && !kind.is_set() {
            facts.first = Some(Asn(u32::from_be_bytes(*first)));
        }
        facts.last = Some(Asn(u32::from_be_bytes(*last)));
        facts.set |= kind.is_set();
        facts.confed |= kind.is_confed();
        let mut zero = false;
        for asn in asns {
            let asn = Asn(u32::from_be_bytes(*asn));
            zero |= asn.0 == 0;
            facts.own += u32::from(own.contains(&asn));
        }
        if zero {
            return Err(Fault::Value);
        }
        rest = after;
    }
    Ok(facts)
}
