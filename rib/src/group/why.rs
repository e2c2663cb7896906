//! Why the members of a group are told a path, or not: the same questions in the same order as when they are told.

use bgp::attrs::{AttrView, ExportForm, summarize};
use bgp::types::{Addr, NextHop};
use smallvec::SmallVec;

use super::Group;
use super::choice::chosen;
use super::told::Route;
use super::words::Kept;
use crate::id::{PeerId, PrefixId};
use crate::memo::{Asked, subject};
use crate::policy::eval::{Subject, Verdict};
use crate::policy::trace::Trace;
use crate::rules::GroupKey;
use crate::shared::Shared;
use crate::table::{Path, Table, path_flag};

/// What keeps a path from a neighbour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hindrance {
    /// The path is its own (split horizon).
    Source,
    /// An attribute, or where the path is from.
    Kept(Kept),
    /// An aggregate suppresses it, and no `unsuppress-map` is there.
    Suppressed,
    /// It is told on a condition that does not hold (`advertise-map`).
    OnCondition,
    /// Policy.
    Denied,
    /// There is no next hop that it could be told with, or it is too long for a message.
    Unsayable,
    /// The kernel does not have it yet (`bgp suppress-fib-pending`).
    AwaitsKernel,
    /// It has as many as it may have (`maximum-prefix-out`).
    Limit,
    /// Not among the paths that `addpath-tx-...` asks for, or not the best one.
    NotChosen,
}

/// What is made of a path for a member.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Judged {
    /// What keeps it back; `None` lets it go.
    pub hindrance: Option<Hindrance>,
    /// Policy that it met on the way.
    pub trace: Option<Trace>,
}

impl Judged {
    fn kept(hindrance: Hindrance, trace: Option<Trace>) -> Judged {
        Judged { hindrance: Some(hindrance), trace }
    }
}

impl<A: Addr> Group<A> {
    /// The paths of a prefix of which members are told, policy permitting.
    pub(crate) fn considered(&self, shared: &Shared, table: &Table<A>, id: PrefixId) -> SmallVec<[Path; 4]> {
        if let Some(several) = self.key.add_paths {
            return chosen(several, shared, table, id);
        }
        table.best(id).into_iter().collect()
    }

    /// What is made of a path that is considered.
    pub(crate) fn judge(
        &self,
        shared: &Shared,
        table: &Table<A>,
        id: PrefixId,
        path: &Path,
        member: PeerId,
    ) -> Judged {
        if path.peer == member {
            return Judged::kept(Hindrance::Source, None);
        }
        if let Some(kept) = self.kept_by(shared, path.attr) {
            return Judged::kept(Hindrance::Kept(kept), None);
        }
        let spec = match (path.has(path_flag::SUPPRESSED), self.key.unsuppress()) {
            (true, None) => return Judged::kept(Hindrance::Suppressed, None),
            (true, Some(spec)) => spec,
            (false, _) => self.key.filter.clone(),
        };
        let entry = table.prefix(id);
        let net = entry.net();
        let company = self.company(shared, table, id, path);
        let seen = |long_bandwidth: bool| {
            let asked = Asked { purpose: self.key.purpose(), from: Some(path.peer), company, long_bandwidth };
            subject(shared, path.attr, net, self.key.solo, asked)
        };
        let (mut block, mut tag) = (None, None);
        if let Some(conditional) = &self.key.conditional {
            let advertise = GroupKey::advertise(conditional);
            let traced = shared.policies.trace_filter(A::FAMILY, &advertise, &seen(false));
            if traced.verdict != Verdict::Deny && self.withheld {
                return Judged::kept(Hindrance::OnCondition, Some(traced.trace));
            }
            if let Verdict::Change(changed) = traced.verdict {
                (block, tag) = (changed.block, changed.tag);
            }
        }
        let summary = block.as_deref().map(summarize);
        let subject = seen(spec.long_bandwidth);
        let subject = Subject { tag: tag.unwrap_or(subject.tag), ..subject };
        let subject = match (&block, &summary) {
            (Some(block), Some(summary)) => {
                Subject { view: AttrView::new(block), summary, foreign_med: false, ..subject }
            }
            _ => subject,
        };
        let traced = shared.policies.trace_filter(A::FAMILY, &spec, &subject);
        let trace = Some(traced.trace);
        let hindrance = if traced.verdict == Verdict::Deny {
            Some(Hindrance::Denied)
        } else if entry.waits {
            Some(Hindrance::AwaitsKernel)
        } else if self.left_out && self.key.limit.is_some() {
            Some(Hindrance::Limit)
        } else if self.words(shared, path.attr, path.peer).is_none() {
            Some(Hindrance::Unsayable)
        } else {
            None
        };
        Judged { hindrance, trace }
    }

    /// The attributes and the next hop that members are told of a set, with AS numbers in four octets.
    fn words(&self, shared: &Shared, attr: crate::id::AttrId, source: PeerId) -> Option<(Vec<u8>, NextHop)> {
        let mut block = Vec::new();
        let form = ExportForm { as4: true, ..self.key.form };
        let next_hop =
            self.write_in(form, shared, &shared.attrs.get(attr), self.others(source), &mut block)?;
        Some((block, next_hop))
    }

    /// The same for a route that they were told.
    pub(crate) fn told_words(&self, shared: &Shared, route: Route) -> Option<(Vec<u8>, NextHop)> {
        self.words(shared, route.attr, route.source)
    }

    /// Whether members may be about to be told something else of a prefix. With ADD-PATH that is so while anything is
    /// planned: a plan can be long.
    pub(crate) fn is_about_to_tell(&self, id: PrefixId) -> bool {
        self.is_pending(id) || self.several() && !self.plan.is_done()
    }
}
