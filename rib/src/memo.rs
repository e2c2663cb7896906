//! Filters with a memory: verdicts by attribute set, where they depend on nothing else.

use std::cell::LazyCell;
use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::id::{AttrId, PeerId};
use crate::intern::{Provenance, WeakAttr};
use crate::policy::compile::Filter;
use crate::policy::eval::{Held, Selection, Subject, Verdict};
use crate::shared::Shared;
use crate::weight::Company;

/// A remembered verdict. The sets are not kept alive by it.
#[derive(Clone, Copy, Debug)]
struct Memo {
    input: WeakAttr,
    /// `NONE` is deny.
    output: WeakAttr,
}

/// What of a filter holds for a set, whatever the prefix.
#[derive(Clone, Copy, Debug)]
struct Part {
    input: WeakAttr,
    held: Held,
}

const NO_PART: Part = Part { input: WeakAttr::NONE, held: Held::NOTHING };

const EMPTY: Memo = Memo { input: WeakAttr::NONE, output: WeakAttr::NONE };

/// What a filter works for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Purpose {
    /// Routes that come.
    #[default]
    Import,
    /// Routes that go to internal neighbours.
    Internal,
    /// Routes that go to external neighbours: another AS's MED is not for them, but policy may set ours.
    External,
}

/// A filter and what it said before.
#[derive(Debug, Default)]
pub(crate) struct Evaluator {
    filter: Filter,
    purpose: Purpose,
    by_set: Vec<Memo>,
    /// By set, where the verdict depends on the prefix.
    parts: Vec<Part>,
    by_entry: HashMap<(AttrId, u32), Memo, foldhash::fast::FixedState>,
    /// The multipath members beside the route that is asked about.
    company: Company,
    /// The neighbour that it came from.
    from: Option<PeerId>,
}

impl Evaluator {
    pub fn new(filter: Filter, purpose: Purpose) -> Evaluator {
        Evaluator { filter, purpose, ..Evaluator::default() }
    }

    fn subject<'a>(&self, shared: &'a Shared, id: AttrId, net: IpNet, peer: Option<PeerId>) -> Subject<'a> {
        let Evaluator { purpose, from, company, .. } = *self;
        let asked = Asked { purpose, from, company, long_bandwidth: self.filter.long_bandwidth() };
        subject(shared, id, net, peer, asked)
    }

    /// Whether one verdict serves all prefixes with equal attributes.
    pub fn by_attributes(&self) -> bool {
        !self.filter.prefix_dependent()
    }

    /// Whether the verdict depends on the multipath members beside a route, which [`Self::beside`] tells.
    pub fn counts_company(&self) -> bool {
        self.filter.counts_company()
    }

    /// Where the next route that is asked about comes from, and the multipath members beside it.
    pub fn beside(&mut self, from: PeerId, company: Company) {
        self.from = Some(from);
        self.company = company;
    }

    /// Whether the verdict depends on origin validation.
    pub fn validates(&self) -> bool {
        self.filter.validates()
    }

    /// Whether the verdict depends on the distance of the next hop.
    pub fn measures(&self) -> bool {
        self.filter.measures()
    }

    /// Whether the verdict depends on the round-trip time of the session.
    pub fn times(&self) -> bool {
        self.filter.times()
    }

    /// Whether a route that was refused would pass in another validation state.
    pub fn permits_in_some_state(&self, shared: &Shared, id: AttrId, net: IpNet, peer: PeerId) -> bool {
        self.filter.permits_in_some_state(&self.subject(shared, id, net, Some(peer)))
    }

    /// What the filter makes of a set for a prefix, with a reference for the caller; `None` is deny. `peer` is the
    /// neighbour that policy sees, `address` the one that `peer-address` means.
    pub fn run(
        &mut self,
        shared: &mut Shared,
        id: AttrId,
        net: IpNet,
        peer: Option<PeerId>,
        address: Option<IpAddr>,
    ) -> Option<AttrId> {
        if self.filter.is_open() {
            shared.attrs.retain(id);
            return Some(id);
        }
        if self.filter.is_closed() {
            self.filter.count_refused();
            return None;
        }
        if self.by_attributes() {
            if let Some(memo) = self.by_set.get(id.index()).copied()
                && let Some(known) = recall(shared, id, memo)
            {
                return known;
            }
            let verdict = self.filter.run(&self.subject(shared, id, net, peer));
            let outcome = self.realise(shared, id, verdict, address);
            if self.by_set.len() <= id.index() {
                self.by_set.resize(shared.attrs.bound().max(id.index() + 1), EMPTY);
            }
            self.by_set[id.index()] = note(shared, id, outcome);
            return outcome;
        }
        self.run_for_prefix(shared, id, net, peer, address)
    }

    fn run_for_prefix(
        &mut self,
        shared: &mut Shared,
        id: AttrId,
        net: IpNet,
        peer: Option<PeerId>,
        address: Option<IpAddr>,
    ) -> Option<AttrId> {
        let held = self.held(shared, id, net, peer);
        let subject = LazyCell::new(|| self.subject(shared, id, net, peer));
        match self.filter.select(held, &net, &subject) {
            Selection::Deny => None,
            Selection::Permit => {
                shared.attrs.retain(id);
                Some(id)
            }
            Selection::Entry(entry) => {
                if let Some(memo) = self.by_entry.get(&(id, entry)).copied()
                    && let Some(known) = recall(shared, id, memo)
                {
                    return known;
                }
                let verdict = self.filter.apply(entry, &self.subject(shared, id, net, peer));
                let outcome = self.realise(shared, id, verdict, address);
                if self.by_entry.len() > 4 * shared.attrs.len() + 1024 {
                    // Mostly entries of sets that are gone by now.
                    self.by_entry.clear();
                }
                self.by_entry.insert((id, entry), note(shared, id, outcome));
                outcome
            }
            Selection::Complex => {
                let verdict = self.filter.run(&self.subject(shared, id, net, peer));
                self.realise(shared, id, verdict, address)
            }
        }
    }

    /// What of the filter holds for a set, whatever the prefix.
    fn held(&mut self, shared: &Shared, id: AttrId, net: IpNet, peer: Option<PeerId>) -> Held {
        if let Some(part) = self.parts.get(id.index())
            && shared.attrs.upgrade(part.input) == Some(id)
        {
            return part.held;
        }
        let held = self.filter.hold(&self.subject(shared, id, net, peer));
        if self.parts.len() <= id.index() {
            self.parts.resize(shared.attrs.bound().max(id.index() + 1), NO_PART);
        }
        self.parts[id.index()] = Part { input: shared.attrs.downgrade(id), held };
        held
    }

    fn realise(
        &self,
        shared: &mut Shared,
        id: AttrId,
        verdict: Verdict,
        address: Option<IpAddr>,
    ) -> Option<AttrId> {
        match verdict {
            Verdict::Deny => None,
            Verdict::Permit => {
                shared.attrs.retain(id);
                Some(id)
            }
            Verdict::Change(changed) => Some(shared.intern_changed(id, &changed, address, self.purpose)),
        }
    }

    /// Forgets all verdicts, for their memory.
    pub fn forget(&mut self) {
        self.by_set = Vec::new();
        self.parts = Vec::new();
        self.by_entry = HashMap::default();
    }

    /// Estimated memory in octets.
    pub fn memory(&self) -> usize {
        self.by_set.capacity() * size_of::<Memo>()
            + self.parts.capacity() * size_of::<Part>()
            + self.by_entry.capacity() * (size_of::<Memo>() + 12)
    }
}

/// For what a filter is asked about a route, and what it cannot see by the route's attributes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Asked {
    /// What it works for.
    pub purpose: Purpose,
    /// The neighbour that a route to be told came from.
    pub from: Option<PeerId>,
    /// The multipath members beside it.
    pub company: Company,
    /// Bandwidths are set in the 64-bit form.
    pub long_bandwidth: bool,
}

/// A route as a filter sees it.
pub(crate) fn subject<'a>(
    shared: &'a Shared,
    id: AttrId,
    net: IpNet,
    peer: Option<PeerId>,
    asked: Asked,
) -> Subject<'a> {
    let Asked { purpose, from, company, long_bandwidth } = asked;
    let ours = shared.attrs.get(id).local.origin == Provenance::Local;
    let foreign_med = purpose == Purpose::External && !ours;
    let subject = shared.subject(id, net, peer);
    let (from, from_interface) = match purpose {
        Purpose::Import => (subject.from, subject.from_interface),
        Purpose::Internal | Purpose::External => {
            let config = from.and_then(|from| shared.peer(from)).map(|p| &p.config);
            (config.map(|c| c.addr), config.and_then(|c| c.interface.as_deref()))
        }
    };
    Subject { foreign_med, company, from, from_interface, long_bandwidth, ..subject }
}

/// The remembered outcome, if it still holds, with a reference for the caller.
fn recall(shared: &mut Shared, id: AttrId, memo: Memo) -> Option<Option<AttrId>> {
    if shared.attrs.upgrade(memo.input) != Some(id) {
        return None;
    }
    if memo.output == WeakAttr::NONE {
        return Some(None);
    }
    let output = shared.attrs.upgrade(memo.output)?;
    shared.attrs.retain(output);
    Some(Some(output))
}

fn note(shared: &Shared, input: AttrId, outcome: Option<AttrId>) -> Memo {
    let output = outcome.map_or(WeakAttr::NONE, |o| shared.attrs.downgrade(o));
    Memo { input: shared.attrs.downgrade(input), output }
}
