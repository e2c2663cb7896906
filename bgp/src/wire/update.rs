//! UPDATE, decoded in one pass into an [`UpdateBatch`] (RFC 4271 sections 4.3 and 6.3, RFC 7606, RFC 4760).
//!
//! ```text
//!   body ─► withdrawn | attributes | NLRI
//!                          │
//!                          ▼
//!              scan: each attribute checked once ──► fault ──► action (one table)
//!                          │
//!          rejections: loops, first AS, OTC, next hop ──► routes become withdrawn
//!                          │
//!                          ▼
//!              canonical block, summary, hash ──► batch
//! ```

use std::ops::Range;

use super::action::{Action, Fault, reset_subcode};
use super::as4;
use super::canonical::{Rewritten, write_block};
use super::context::{AllowOwnAs, PeerRelation, UpdateContext};
use super::iana::{attr, error};
use super::mp::{MpReach, next_hop_of, split_reach, split_unreach};
use super::nlri::{
    BadPrefix, Mark, WireAddr, check_prefixes, end_of_rib, parse_prefixes, push_announce, push_withdraw,
};
use super::reader::Reader;
use super::recall::{Entry, Known, Recall, Section};
use super::report::{PrefixField, Reject, UpdateCounters, UpdateError, UpdateReport};
use super::scan::{PathFacts, Scan, Slot, path_facts};
use crate::attrs::{AsPath, AttrView, RawAttr, hash_block, put_prepended, summarize};
use crate::batch::{BatchAttrs, UpdateBatch};
use crate::types::{Family, NextHop, PeerKind};

/// Decodes the UPDATEs of one session. Keeps buffers, so that a message costs no allocation.
#[derive(Debug)]
pub struct UpdateDecoder {
    ctx: UpdateContext,
    counters: UpdateCounters,
    slots: Vec<Slot>,
    /// AS_PATH with four-octet numbers.
    wide: Vec<u8>,
    /// AS_PATH merged with AS4_PATH, or with a number of ours in front.
    merged: Vec<u8>,
    recall: Recall,
}

impl UpdateDecoder {
    /// For a session with this context.
    pub fn new(ctx: UpdateContext) -> UpdateDecoder {
        UpdateDecoder {
            ctx,
            counters: UpdateCounters::default(),
            slots: Vec::new(),
            wide: Vec::new(),
            merged: Vec::new(),
            recall: Recall::default(),
        }
    }

    /// The context.
    pub const fn context(&self) -> &UpdateContext {
        &self.ctx
    }

    /// Another context, for messages to come.
    pub fn set_context(&mut self, ctx: UpdateContext) {
        self.ctx = ctx;
        self.recall.clear();
    }

    /// Gives back the memory of attributes that came.
    pub fn forget(&mut self) {
        self.recall.clear();
    }

    /// What has happened so far.
    pub const fn counters(&self) -> &UpdateCounters {
        &self.counters
    }

    /// Decodes the body of one UPDATE and appends what it says to `batch`. On error nothing is appended.
    pub fn decode(&mut self, body: &[u8], batch: &mut UpdateBatch) -> Result<UpdateReport, UpdateError> {
        let mark = Mark::of(batch);
        let result = self.run(body, batch);
        match &result {
            Ok(report) => {
                self.counters.announced += u64::from(report.announced);
                self.counters.withdrawn += u64::from(report.withdrawn);
            }
            Err(_) => mark.restore(batch),
        }
        result
    }

    fn run(&mut self, body: &[u8], batch: &mut UpdateBatch) -> Result<UpdateReport, UpdateError> {
        let mut r = Reader::new(body);
        let withdrawn = r.block16()?;
        let section = r.block16()?;
        let nlri = r.rest();
        let mut report = UpdateReport::default();
        if !withdrawn.is_empty() {
            let range = self.prefixes::<u32>(withdrawn, PrefixField::Withdrawn, batch)?;
            report.withdrawn += push_withdraw(batch, Family::Ipv4Unicast, range);
        }
        if section.is_empty() && nlri.is_empty() {
            if withdrawn.is_empty() && self.carries(Family::Ipv4Unicast) {
                end_of_rib(Family::Ipv4Unicast, batch, &mut report);
            }
            return Ok(report);
        }
        let same = Section::of(section, self.ctx.hash_seed)
            .filter(|s| s.mp_reach.is_none() || !self.ctx.withdraw_on.has(attr::MP_REACH_NLRI));
        if let Some(same) = same
            && let Some(entry) = self.recall.find(&same)
            && (nlri.is_empty() || entry.known.next_hop.is_some())
            && let Some(reach) = same.mp_reach.map_or(Some(None), |a| reachable(&self.ctx, &a))
        {
            let mp = reach.filter(|mp| !mp.nlri.is_empty());
            if nlri.is_empty() && mp.is_none() {
                return Ok(report);
            }
            let known = entry.known;
            let block = known.accepted.map(|()| recalled_block(entry, batch));
            return self.announce_all(known, block, mp, nlri, batch, report);
        }
        let counters = &mut self.counters;
        let mut scan = Scan::run(&self.ctx, section, &mut self.slots, |code, act| counters.fault(code, act))?;
        if let Some(a) = scan.mp_unreach {
            let alone = nlri.is_empty() && withdrawn.is_empty() && !scan.other_attributes;
            self.unreachable(a, alone, batch, &mut report)?;
        }
        let reach = match scan.mp_reach {
            Some(a) => Some(reachable(&self.ctx, &a).ok_or_else(|| self.malformed_mp(&a))?),
            None => None,
        };
        let mp = reach.flatten().filter(|mp| !mp.nlri.is_empty());
        let foreign = matches!(reach, Some(None));
        let routes = !nlri.is_empty() || mp.is_some() || foreign;
        let facts = self.path(&mut scan);
        self.mandatory(&mut scan, !nlri.is_empty(), routes);
        report.fault = scan.worst;
        if let Some((code, fault)) = scan.withdraw {
            if !routes && scan.other_attributes && fault != Fault::Unwanted {
                return Err(self.reset_without_routes(code, fault, section));
            }
            self.counters.treated_as_withdraw += 1;
            return self.withdraw_all(mp, nlri, None, batch, report);
        }
        if nlri.is_empty() && mp.is_none() {
            return Ok(report);
        }
        let known = Known { facts, accepted: self.acceptable(&scan, &facts), next_hop: scan.next_hop };
        let block = known.accepted.map(|()| self.block(section, &scan, batch));
        if let Some(same) = same.filter(|_| scan.worst.is_none()) {
            let made = block.as_ref().map(|b| (batch.block(b), b.hash, b.summary));
            self.recall.remember(&same, known, made.unwrap_or_default());
        }
        self.announce_all(known, block, mp, nlri, batch, report)
    }

    /// What RFC 7606 section 5.2 makes of a fault in an UPDATE without reachable routes: there may have been some.
    fn reset_without_routes(&mut self, code: u8, fault: Fault, section: &[u8]) -> UpdateError {
        let subcode = reset_subcode(code, fault);
        self.counters.fault(code, Action::SessionReset(subcode));
        let data = AttrView::new(section).iter().find(|a| a.code == code);
        let data = data.map_or_else(Vec::new, |a| a.to_wire());
        UpdateError::Attribute { code, subcode, data }
    }

    fn carries(&self, family: Family) -> bool {
        self.ctx.families.get(family.index()).copied().unwrap_or(false)
    }

    fn has_path_ids(&self, family: Family) -> bool {
        self.ctx.add_path.get(family.index()).copied().unwrap_or(false)
    }

    /// Parses a prefix list into the batch and gives the range where it stands.
    #[inline]
    fn prefixes<A: WireAddr>(
        &mut self,
        bytes: &[u8],
        field: PrefixField,
        batch: &mut UpdateBatch,
    ) -> Result<Range<u32>, UpdateError> {
        let add_path = self.has_path_ids(A::FAMILY);
        let bad = |_: BadPrefix| UpdateError::Prefix(field);
        let list = A::list(batch);
        let start = list.len() as u32;
        if self.carries(A::FAMILY) {
            let ignored = parse_prefixes(bytes, add_path, list).map_err(bad)?;
            self.counters.prefixes_ignored += u64::from(ignored);
        } else {
            check_prefixes::<A>(bytes, add_path).map_err(bad)?;
        }
        Ok(start..list.len() as u32)
    }

    fn family_prefixes(
        &mut self,
        family: Family,
        bytes: &[u8],
        field: PrefixField,
        batch: &mut UpdateBatch,
    ) -> Result<Range<u32>, UpdateError> {
        match family {
            Family::Ipv4Unicast => self.prefixes::<u32>(bytes, field, batch),
            Family::Ipv6Unicast => self.prefixes::<u128>(bytes, field, batch),
        }
    }

    /// MP_UNREACH_NLRI (RFC 4760 section 4).
    fn unreachable(
        &mut self,
        a: RawAttr<'_>,
        alone: bool,
        batch: &mut UpdateBatch,
        report: &mut UpdateReport,
    ) -> Result<(), UpdateError> {
        let Some((family, nlri)) = split_unreach(a.value) else {
            return Err(self.malformed_mp(&a));
        };
        let Some(family) = family.filter(|f| self.carries(*f)) else {
            return Ok(());
        };
        if nlri.is_empty() {
            if alone {
                end_of_rib(family, batch, report);
            }
            return Ok(());
        }
        let range = self.family_prefixes(family, nlri, PrefixField::MpUnreach, batch)?;
        report.withdrawn += push_withdraw(batch, family, range);
        Ok(())
    }

    fn malformed_mp(&mut self, a: &RawAttr<'_>) -> UpdateError {
        let subcode = error::update::OPTIONAL_ATTRIBUTE;
        self.counters.fault(a.code, Action::SessionReset(subcode));
        UpdateError::Attribute { code: a.code, subcode, data: a.to_wire() }
    }

    /// Widens, merges and checks AS_PATH. The four-octet form, if it is not that of the message, is left in
    /// `self.wide` or `self.merged`.
    fn path(&mut self, scan: &mut Scan<'_>) -> PathFacts {
        let Some(value) = scan.as_path else {
            return PathFacts::default();
        };
        let ctx = &self.ctx;
        let facts = if ctx.as4 {
            path_facts(value, &ctx.own_asns)
        } else {
            as4::widen(value, &mut self.wide).and_then(|()| {
                // Checked before it is merged, and again after: the merge has the numbers that count.
                path_facts(&self.wide, &ctx.own_asns)?;
                self.merged.clear();
                let wide = AsPath::new(&self.wide);
                let as4 = scan
                    .as4_path
                    .filter(|_| as4::counts(scan.aggregator, scan.as4_aggregator))
                    .map(AsPath::new);
                if !as4.is_some_and(|as4| as4::merge(wide, as4, &mut self.merged)) {
                    self.merged.clone_from(&self.wide);
                }
                path_facts(&self.merged, &ctx.own_asns)
            })
        };
        if let Some(asn) = ctx.prepend.filter(|_| facts.is_ok()) {
            if !ctx.as4 {
                std::mem::swap(&mut self.wide, &mut self.merged);
            }
            let path = AsPath::new(if ctx.as4 { value } else { &self.wide });
            self.merged.clear();
            put_prepended(path, asn, &mut self.merged);
        }
        // From outside of a confederation its segments are an error; another member AS puts one in front
        // (RFC 5065 section 5).
        let fits = |f: &PathFacts| match ctx.kind {
            PeerKind::External => !f.confed,
            PeerKind::Confederation => f.confed_first,
            PeerKind::Internal => !f.confed || ctx.confederation,
        };
        match facts.and_then(|f| if fits(&f) { Ok(f) } else { Err(Fault::Value) }) {
            Ok(facts) => facts,
            Err(fault) => {
                self.fault(scan, attr::AS_PATH, fault);
                PathFacts::default()
            }
        }
    }

    /// The well-known mandatory attributes (RFC 7606 section 3(d)). LOCAL_PREF is not asked for: other
    /// implementations leave it out within an AS, and the decision process has a default.
    fn mandatory(&mut self, scan: &mut Scan<'_>, classic: bool, routes: bool) {
        if !routes || scan.withdraw.is_some() {
            return;
        }
        let missing = if !scan.origin {
            attr::ORIGIN
        } else if scan.as_path.is_none() {
            attr::AS_PATH
        } else if classic && scan.next_hop.is_none() {
            attr::NEXT_HOP
        } else {
            return;
        };
        self.fault(scan, missing, Fault::Missing);
    }

    fn fault(&mut self, scan: &mut Scan<'_>, code: u8, fault: Fault) {
        self.counters.fault(code, Action::TreatAsWithdraw);
        scan.withdraw.get_or_insert((code, fault));
        if scan.worst.is_none_or(|(.., worst)| Action::TreatAsWithdraw > worst) {
            scan.worst = Some((code, fault, Action::TreatAsWithdraw));
        }
    }

    /// Takes all announced routes as withdrawn.
    fn withdraw_all(
        &mut self,
        mp: Option<MpReach<'_>>,
        nlri: &[u8],
        reason: Option<Reject>,
        batch: &mut UpdateBatch,
        mut report: UpdateReport,
    ) -> Result<UpdateReport, UpdateError> {
        let before = report.withdrawn;
        if let Some(mp) = mp {
            let range = self.family_prefixes(mp.family, mp.nlri, PrefixField::MpReach, batch)?;
            report.refuse(mp.family, range.end - range.start);
            report.withdrawn += push_withdraw(batch, mp.family, range);
        }
        if !nlri.is_empty() {
            let range = self.prefixes::<u32>(nlri, PrefixField::Nlri, batch)?;
            report.refuse(Family::Ipv4Unicast, range.end - range.start);
            report.withdrawn += push_withdraw(batch, Family::Ipv4Unicast, range);
        }
        if let Some(reason) = reason {
            report.rejected = Some(reason);
            *self.counters.rejected.entry(reason).or_default() += u64::from(report.withdrawn - before);
        }
        Ok(report)
    }

    fn announce_all(
        &mut self,
        known: Known,
        block: Result<BatchAttrs, Reject>,
        mp: Option<MpReach<'_>>,
        nlri: &[u8],
        batch: &mut UpdateBatch,
        mut report: UpdateReport,
    ) -> Result<UpdateReport, UpdateError> {
        let facts = known.facts;
        let block = match block {
            Ok(block) => block,
            Err(reason) => return self.withdraw_all(mp, nlri, Some(reason), batch, report),
        };
        if let Some(mp) = mp {
            match self.usable(mp.family, &facts, mp.next_hop) {
                Ok(next_hop) => {
                    let attrs = push_attrs(BatchAttrs { next_hop, ..block.clone() }, batch);
                    let range = self.family_prefixes(mp.family, mp.nlri, PrefixField::MpReach, batch)?;
                    report.announced += push_announce(batch, mp.family, attrs, range);
                }
                Err(reason) => report = self.withdraw_all(Some(mp), &[], Some(reason), batch, report)?,
            }
        }
        if !nlri.is_empty() {
            let allowed = self.ctx.allow_martian_next_hop;
            let next_hop = known.next_hop.and_then(|nh| next_hop_of(&nh, allowed));
            match self.usable(Family::Ipv4Unicast, &facts, next_hop) {
                Ok(next_hop) => {
                    let attrs = push_attrs(BatchAttrs { next_hop, ..block }, batch);
                    let range = self.prefixes::<u32>(nlri, PrefixField::Nlri, batch)?;
                    report.announced += push_announce(batch, Family::Ipv4Unicast, attrs, range);
                }
                Err(reason) => report = self.withdraw_all(None, nlri, Some(reason), batch, report)?,
            }
        }
        Ok(report)
    }

    /// Reasons that hold for both families.
    fn acceptable(&self, scan: &Scan<'_>, facts: &PathFacts) -> Result<(), Reject> {
        let ctx = &self.ctx;
        if ctx.external() {
            if ctx.enforce_first_as && facts.first != Some(ctx.remote_as) {
                return Err(Reject::FirstAs);
            }
            let leak = match (ctx.relation, scan.otc) {
                (Some(PeerRelation::Customer | PeerRelation::RouteServerClient), Some(_)) => true,
                (Some(PeerRelation::Peer), Some(asn)) => asn != ctx.remote_as,
                _ => false,
            };
            if leak {
                return Err(Reject::RouteLeak);
            }
        } else if ctx.kind == PeerKind::Internal {
            if scan.originator == Some(u32::from(ctx.router_id)) {
                return Err(Reject::OriginatorLoop);
            }
            let cluster = ctx.cluster_id.octets();
            if scan.cluster_list.is_some_and(|l| l.as_chunks::<4>().0.contains(&cluster)) {
                return Err(Reject::ClusterLoop);
            }
        }
        if ctx.reject_as_sets && facts.set { Err(Reject::AsSet) } else { Ok(()) }
    }

    /// Reasons that hold for one family.
    fn usable(
        &self,
        family: Family,
        facts: &PathFacts,
        next_hop: Option<NextHop>,
    ) -> Result<NextHop, Reject> {
        let allowed = match self.ctx.allow_own_as.get(family.index()).copied().unwrap_or_default() {
            _ if facts.own == 0 => true,
            AllowOwnAs::No => false,
            AllowOwnAs::Times(n) => facts.own <= u32::from(n),
            AllowOwnAs::Origin => facts.last.is_some_and(|a| self.ctx.own_asns.contains(&a)),
        };
        if !allowed {
            return Err(Reject::AsPathLoop);
        }
        next_hop.ok_or(Reject::NextHop)
    }

    /// Appends the canonical block to the arena, with what is read off it. Neighbouring messages often have the same
    /// attributes; then the earlier block serves. The next hop is to be filled in.
    fn block(&mut self, section: &[u8], scan: &Scan<'_>, batch: &mut UpdateBatch) -> BatchAttrs {
        if scan.unsorted {
            self.slots.sort_unstable_by_key(|s| s.code);
        }
        let ctx = &self.ctx;
        // RFC 9234 section 5, ingress rule 3: just from those to whom such routes must not go.
        let from_above = ctx.relation.is_some_and(PeerRelation::refuses_otc);
        let rewritten = Rewritten {
            as_path: (!ctx.as4 || ctx.prepend.is_some()).then_some(&self.merged),
            aggregator: if ctx.as4 { None } else { as4::aggregator(scan.aggregator, scan.as4_aggregator) },
            otc: (ctx.external() && from_above && scan.otc.is_none()).then_some(ctx.remote_as),
        };
        let start = batch.arena.len();
        write_block(section, &self.slots, &rewritten, &mut batch.arena);
        let fresh = batch.arena.get(start..).unwrap_or(&[]);
        if let Some(last) = batch.attrs.last().filter(|last| batch.block(last) == fresh) {
            batch.arena.truncate(start);
            return last.clone();
        }
        BatchAttrs {
            block: start as u32..batch.arena.len() as u32,
            hash: hash_block(ctx.hash_seed, fresh),
            summary: summarize(fresh),
            next_hop: NextHop::V4(std::net::Ipv4Addr::UNSPECIFIED),
        }
    }
}

/// MP_REACH_NLRI (RFC 4760 section 3): `Some(None)` for a family that we do not carry, `None` for what cannot be parsed,
/// which is a reset (RFC 7606 section 7.11).
fn reachable<'a>(ctx: &UpdateContext, a: &RawAttr<'a>) -> Option<Option<MpReach<'a>>> {
    let mut reach = split_reach(a.value, ctx.families, ctx.allow_martian_next_hop)?;
    if let Some(mp) = &mut reach
        && mp.family == Family::Ipv4Unicast
        && !ctx.extended_next_hop
    {
        mp.next_hop = mp.next_hop.filter(|nh| matches!(nh, NextHop::V4(_)));
    }
    Some(reach)
}

/// Appends a canonical block that is known, unless it is the last one there.
fn recalled_block(entry: &Entry, batch: &mut UpdateBatch) -> BatchAttrs {
    let known = entry.block();
    if let Some(last) = batch.attrs.last().filter(|last| batch.block(last) == known) {
        return last.clone();
    }
    let start = batch.arena.len() as u32;
    batch.arena.extend_from_slice(known);
    BatchAttrs {
        block: start..batch.arena.len() as u32,
        hash: entry.block_hash,
        summary: entry.summary,
        next_hop: NextHop::V4(std::net::Ipv4Addr::UNSPECIFIED),
    }
}

/// Makes a block with its next hop an attribute set of the batch, unless the last one is just that.
fn push_attrs(attrs: BatchAttrs, batch: &mut UpdateBatch) -> u32 {
    let index = batch.attrs.len() as u32;
    if batch.attrs.last().is_some_and(|l| l.block == attrs.block && l.next_hop == attrs.next_hop) {
        return index - 1;
    }
    batch.attrs.push(attrs);
    index
}
