//! Policy that says what it does: the lists and clauses that a route meets on its way, with what each makes of it.
//!
//! The programs are those that routes really run through ([`super::eval`]); nothing is counted for it.

use bgp::types::Family;
use ipnet::IpNet;

use super::ast::{Action, Match, Policies, RouteMapEntry, Set};
use super::compile::{Compiled, Cond, Entry, FilterSpec, Program, Then};
use super::eval::{Changed, Follow, Subject, Verdict, finish};
use super::sets::ListVerdict;

/// Notes after which clauses that do not match are only counted: a route-map has thousands at times.
const MOST: usize = 256;

/// A kind of list that a neighbour's filter names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ListKind {
    /// `distribute-list`, an access-list.
    DistributeList,
    /// `prefix-list`.
    PrefixList,
    /// `filter-list`, an AS-path list.
    FilterList,
}

/// A clause of a route-map.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Clause {
    /// The route-map.
    pub map: String,
    /// Sequence number.
    pub seq: u16,
    /// How deep in `call`s; 0 is the route-map that was asked.
    pub depth: u8,
    /// It permits rather than denies.
    pub permit: bool,
    /// All of its conditions hold.
    pub matched: bool,
    /// Each of its conditions and whether it holds.
    pub matches: Vec<(Match, bool)>,
    /// What it sets, if it matched.
    pub sets: Vec<Set>,
    /// The route-map that it calls, and whether that one permits.
    pub call: Option<(String, bool)>,
}

/// Something that a route met.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Met {
    /// An external neighbour without policy (RFC 8212), which denies.
    NoPolicy,
    /// A list.
    List {
        /// Which kind.
        kind: ListKind,
        /// Its name.
        name: String,
        /// What it says; `None` where nothing of that name is defined, which denies.
        verdict: Option<ListVerdict>,
    },
    /// A clause of a route-map.
    Clause(Clause),
    /// No clause of the route-map held, which denies.
    End(String),
    /// A route-map that is not defined, which denies.
    Undefined(String),
    /// What the route-map of `allowas-in`, which a path with our own AS has to pass, said in the end.
    OwnAs {
        /// Its name.
        route_map: String,
        /// Whether it permits.
        permits: bool,
    },
}

/// The way of a route through a policy.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Trace {
    /// What it met, in order.
    pub met: Vec<Met>,
    /// Clauses that did not match and were not noted.
    pub passed: usize,
}

/// A trace and what came out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Traced {
    /// The way.
    pub trace: Trace,
    /// The outcome.
    pub verdict: Verdict,
}

/// Which clauses are noted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Detail {
    /// Those that matched.
    Matched,
    /// All that were asked.
    All,
}

/// Takes notes of a run.
struct Notes<'a> {
    policies: &'a Policies,
    detail: Detail,
    /// Names of the route-maps under way, the outermost first.
    maps: Vec<&'a str>,
    /// For each of them, the place of the clause in the notes that held last.
    held: Vec<Option<usize>>,
    trace: Trace,
}

impl<'a> Notes<'a> {
    fn entry(&self, seq: u16) -> Option<&'a RouteMapEntry> {
        self.policies.route_maps.get(*self.maps.last()?)?.get(&seq)
    }

    fn last_held(&mut self) -> Option<&mut Clause> {
        match self.trace.met.get_mut((*self.held.last()?)?) {
            Some(Met::Clause(clause)) => Some(clause),
            _ => None,
        }
    }
}

impl Follow for Notes<'_> {
    fn asked(&mut self, _: &Program) {
        self.held.push(None);
    }

    fn holds(&mut self, entry: &Entry, s: &Subject<'_>) -> bool {
        let outcomes: Vec<bool> = entry.conds.iter().map(|c| c.holds(s, false)).collect();
        let matched = outcomes.iter().all(|o| *o);
        let noted = matched || self.detail == Detail::All && self.trace.met.len() < MOST;
        let Some(source) = self.entry(entry.seq).filter(|_| noted) else {
            self.trace.passed += 1;
            return matched;
        };
        if matched && let Some(held) = self.held.last_mut() {
            *held = Some(self.trace.met.len());
        }
        self.trace.met.push(Met::Clause(Clause {
            map: self.maps.last().map(|m| (*m).to_owned()).unwrap_or_default(),
            seq: entry.seq,
            depth: u8::try_from(self.maps.len().saturating_sub(1)).unwrap_or(u8::MAX),
            permit: entry.permit,
            matched,
            matches: source.matches.iter().cloned().zip(outcomes).collect(),
            sets: if matched && entry.permit { source.sets.clone() } else { Vec::new() },
            call: None,
        }));
        matched
    }

    fn calls(&mut self) {
        let clause = self.last_held().map(|c| c.seq);
        let name = clause.and_then(|seq| self.entry(seq)).and_then(|e| e.call.as_deref());
        self.maps.push(name.unwrap_or_default());
    }

    fn called(&mut self, permits: bool) {
        let name = self.maps.pop().unwrap_or_default().to_owned();
        // One that is not defined was not asked.
        self.held.truncate(self.maps.len());
        if let Some(clause) = self.last_held() {
            clause.call = Some((name, permits));
        }
    }
}

impl Compiled {
    /// Runs a route-map on a route and says what happened. `None` if there is no such route-map.
    pub fn trace_map(&self, name: &str, s: &Subject<'_>, detail: Detail) -> Option<Traced> {
        let mut trace = Trace::default();
        let verdict = self.follow_map(name, s, detail, &mut trace)?;
        Some(Traced { trace, verdict })
    }

    fn follow_map(&self, name: &str, s: &Subject<'_>, detail: Detail, trace: &mut Trace) -> Option<Verdict> {
        let program = self.route_map(name)?;
        let mut notes = Notes {
            policies: self.source(),
            detail,
            maps: vec![name],
            held: Vec::new(),
            trace: std::mem::take(trace),
        };
        let mut changed = Changed::default();
        let permits = program.run_into(None, s, &mut changed, &mut notes);
        *trace = notes.trace;
        let denied = |met: &Met| match met {
            Met::Clause(c) => {
                c.depth == 0 && c.matched && (!c.permit || c.call.as_ref().is_some_and(|c| !c.1))
            }
            _ => false,
        };
        if !permits && !trace.met.iter().any(denied) {
            trace.met.push(Met::End(name.to_owned()));
        }
        Some(if permits { finish(changed) } else { Verdict::Deny })
    }

    /// Runs the filters of a neighbour on a route and says what happened.
    pub fn trace_filter(&self, family: Family, spec: &FilterSpec, s: &Subject<'_>) -> Traced {
        let mut trace = Trace::default();
        if !self.lists_permit(family, spec, s, &mut trace.met) {
            return Traced { trace, verdict: Verdict::Deny };
        }
        let looped = |ours: &[u32]| s.view.as_path().asns().any(|asn| ours.contains(&asn.0));
        if let Some(own) = spec.own_as.as_ref().filter(|own| looped(&own.asns)) {
            let run = self.follow_map(&own.route_map, s, Detail::Matched, &mut trace);
            let permits = run.is_some_and(|verdict| verdict != Verdict::Deny);
            trace.met.push(Met::OwnAs { route_map: own.route_map.clone(), permits });
            if !permits {
                return Traced { trace, verdict: Verdict::Deny };
            }
        }
        let Some(name) = &spec.route_map else { return Traced { trace, verdict: Verdict::Permit } };
        let verdict = self.follow_map(name, s, Detail::Matched, &mut trace).unwrap_or_else(|| {
            trace.met.push(Met::Undefined(name.clone()));
            Verdict::Deny
        });
        Traced { trace, verdict }
    }

    /// The lists of a filter, up to the first that denies.
    fn lists_permit(&self, family: Family, spec: &FilterSpec, s: &Subject<'_>, met: &mut Vec<Met>) -> bool {
        if spec.default_deny {
            met.push(Met::NoPolicy);
            return false;
        }
        // One name that is not defined closes the whole filter.
        if let Some(name) = spec.route_map.as_ref().filter(|name| self.route_map(name).is_none()) {
            met.push(Met::Undefined(name.clone()));
            return false;
        }
        let path = |name: &str| self.as_path_list(name).map(|l| l.verdict(s.view));
        let asked = [
            self.prefix_verdict(ListKind::DistributeList, family, spec.distribute_list.as_ref(), &s.net),
            self.prefix_verdict(ListKind::PrefixList, family, spec.prefix_list.as_ref(), &s.net),
            spec.as_path_list.as_ref().map(|name| Met::List {
                kind: ListKind::FilterList,
                name: name.clone(),
                verdict: path(name),
            }),
        ];
        for list in asked.into_iter().flatten() {
            let permits = list_permits(&list);
            met.push(list);
            if !permits {
                return false;
            }
        }
        true
    }

    fn prefix_verdict(
        &self,
        kind: ListKind,
        family: Family,
        name: Option<&String>,
        net: &IpNet,
    ) -> Option<Met> {
        let name = name?;
        let list = match kind {
            ListKind::DistributeList => self.access_list(family, name),
            ListKind::PrefixList | ListKind::FilterList => self.prefix_list(family, name),
        };
        Some(Met::List { kind, name: name.clone(), verdict: list.map(|l| l.verdict(net)) })
    }

    /// What refuses a prefix whatever its attributes are; `None` if that depends on them, or it is not refused.
    pub fn refuses(&self, family: Family, spec: &FilterSpec, net: &IpNet) -> Option<Met> {
        if spec.default_deny {
            return Some(Met::NoPolicy);
        }
        let undefined = |name: &&String| self.route_map(name).is_none();
        if let Some(name) = spec.route_map.as_ref().filter(undefined) {
            return Some(Met::Undefined(name.clone()));
        }
        let lists = [
            self.prefix_verdict(ListKind::DistributeList, family, spec.distribute_list.as_ref(), net),
            self.prefix_verdict(ListKind::PrefixList, family, spec.prefix_list.as_ref(), net),
            spec.as_path_list
                .as_ref()
                .filter(|name| self.as_path_list(name).is_none())
                .map(|name| Met::List { kind: ListKind::FilterList, name: name.clone(), verdict: None }),
        ];
        if let Some(list) = lists.into_iter().flatten().find(|l| !list_permits(l)) {
            return Some(list);
        }
        let name = spec.route_map.as_ref()?;
        let (program, source) = (self.route_map(name)?, self.source().route_maps.get(name)?);
        for entry in &program.entries {
            let by_prefix = |c: &Cond| matches!(c, Cond::Prefix(..) | Cond::PrefixLen(..) | Cond::Never);
            if entry.conds.iter().filter(|c| by_prefix(c)).any(|c| !c.holds_for(net)) {
                continue;
            }
            let goes_on = entry.call.is_some() || entry.then != Then::Stop;
            if !entry.conds.iter().all(by_prefix) || entry.permit || goes_on {
                return None;
            }
            let matches = source.get(&entry.seq)?.matches.iter().cloned().map(|m| (m, true)).collect();
            return Some(Met::Clause(Clause {
                map: name.clone(),
                seq: entry.seq,
                depth: 0,
                permit: source.get(&entry.seq)?.action == Action::Permit,
                matched: true,
                matches,
                sets: Vec::new(),
                call: None,
            }));
        }
        Some(Met::End(name.clone()))
    }
}

impl Cond {
    /// Whether a condition that asks for nothing but the prefix holds.
    fn holds_for(&self, net: &IpNet) -> bool {
        let family = Family::of(net);
        match self {
            Cond::Prefix(f, set) => *f == family && set.verdict(net).permits,
            Cond::PrefixLen(f, len) => *f == family && net.prefix_len() == *len,
            _ => false,
        }
    }
}

fn list_permits(list: &Met) -> bool {
    matches!(list, Met::List { verdict: Some(verdict), .. } if verdict.permits)
}

#[cfg(test)]
mod tests {
    use super::super::ast::{AddressMatch, Arith, MetricSet, OnMatch, PrefixList, PrefixListEntry, RouteMap};
    use super::*;
    use crate::policy::compile::OwnAsFilter;
    use crate::shared::Shared;
    use bgp::attrs::{AttrBuilder, AttrView, Origin, summarize};
    use bgp::types::Asn;

    fn policies() -> Compiled {
        let mut policies = Policies::default();
        let line = |action, prefix: &str| PrefixListEntry {
            action,
            prefix: Some(prefix.parse().unwrap()),
            ge: None,
            le: Some(32),
        };
        let list =
            PrefixList { description: None, entries: [(10, line(Action::Permit, "10.0.0.0/8"))].into() };
        policies.prefix_lists_v4.insert("TEN".into(), list);
        let ten = || Match::Ipv4Address(AddressMatch::PrefixList("TEN".into()));
        let mut called = RouteMap::new();
        called.insert(
            5,
            RouteMapEntry {
                matches: vec![Match::Origin(Origin::Igp)],
                sets: vec![Set::LocalPreference(Arith::Set(50))],
                ..RouteMapEntry::new(Action::Permit)
            },
        );
        policies.route_maps.insert("SUB".into(), called);
        let mut map = RouteMap::new();
        map.insert(10, RouteMapEntry { matches: vec![ten()], ..RouteMapEntry::new(Action::Deny) });
        map.insert(
            20,
            RouteMapEntry {
                sets: vec![Set::Metric(MetricSet::Value(Arith::Set(7)))],
                on_match: Some(OnMatch::Next),
                ..RouteMapEntry::new(Action::Permit)
            },
        );
        map.insert(
            30,
            RouteMapEntry {
                matches: vec![Match::Metric(7)],
                call: Some("SUB".into()),
                ..RouteMapEntry::new(Action::Permit)
            },
        );
        policies.route_maps.insert("M".into(), map);
        Compiled::new(policies)
    }

    fn trace(compiled: &Compiled, net: &str, origin: Origin) -> Traced {
        let block = AttrBuilder::new().origin(origin).set_as_path(&[Asn(1)]).build();
        let summary = summarize(&block);
        let shared = Shared::new(7);
        let subject = shared.plain_subject(net.parse().unwrap(), AttrView::new(&block), &summary);
        let traced = compiled.trace_map("M", &subject, Detail::All).unwrap();
        assert_eq!(traced.verdict, compiled.route_map("M").unwrap().run(&subject));
        traced
    }

    fn clauses(traced: &Traced) -> Vec<(&str, u16, bool, Option<bool>)> {
        let of = |met: &'_ Met| match met {
            Met::Clause(c) => Some((c.map.clone(), c.seq, c.matched, c.call.as_ref().map(|c| c.1))),
            _ => None,
        };
        let names = |(map, seq, matched, call): (String, u16, bool, Option<bool>)| {
            (if map == "M" { "M" } else { "SUB" }, seq, matched, call)
        };
        traced.trace.met.iter().filter_map(of).map(names).collect()
    }

    #[test]
    fn each_clause_is_noted_with_what_it_calls() {
        let compiled = policies();
        let traced = trace(&compiled, "192.0.2.0/24", Origin::Igp);
        assert_eq!(
            clauses(&traced),
            [
                ("M", 10, false, None),
                ("M", 20, true, None),
                ("M", 30, true, Some(true)),
                ("SUB", 5, true, None)
            ]
        );
        let traced = trace(&compiled, "192.0.2.0/24", Origin::Egp);
        assert_eq!(clauses(&traced)[2..], [("M", 30, true, Some(false)), ("SUB", 5, false, None)]);
        assert_eq!(traced.verdict, Verdict::Deny);
        let traced = trace(&compiled, "10.1.0.0/16", Origin::Igp);
        assert_eq!(clauses(&traced), [("M", 10, true, None)]);
        let counts = compiled.counts();
        assert_eq!(counts.route_maps["M"].0, 3, "only what was really asked counts");
        assert_eq!(counts.prefix_lists[0][&("TEN".to_owned(), 10)], 1);
    }

    #[test]
    fn what_is_refused_by_its_prefix_is_known_without_attributes() {
        let compiled = policies();
        let spec = |list: Option<&str>, map: Option<&str>| FilterSpec {
            prefix_list: list.map(str::to_owned),
            route_map: map.map(str::to_owned),
            ..FilterSpec::default()
        };
        let ask = |spec, net: &str| compiled.refuses(Family::Ipv4Unicast, &spec, &net.parse().unwrap());
        assert!(matches!(ask(spec(None, Some("M")), "10.1.0.0/16"), Some(Met::Clause(c)) if c.seq == 10));
        assert_eq!(ask(spec(None, Some("M")), "192.0.2.0/24"), None);
        assert!(matches!(ask(spec(Some("TEN"), None), "192.0.2.0/24"), Some(Met::List { .. })));
        assert_eq!(ask(spec(Some("TEN"), None), "10.0.0.0/8"), None);
        assert_eq!(ask(spec(None, Some("NONE")), "10.0.0.0/8"), Some(Met::Undefined("NONE".into())));
    }

    #[test]
    fn a_traced_filter_says_what_the_filter_does() {
        let compiled = policies();
        let shared = Shared::new(7);
        let names = |names: &[&str]| -> Vec<Option<String>> {
            names.iter().map(|n| Some((*n).to_owned())).chain([None]).collect()
        };
        for prefix_list in names(&["TEN", "NONE"]) {
            for route_map in names(&["M", "SUB", "NONE"]) {
                for own in names(&["M", "SUB", "NONE"]) {
                    let own_as = own.map(|route_map| OwnAsFilter { route_map, asns: vec![1] });
                    let (prefix_list, route_map) = (prefix_list.clone(), route_map.clone());
                    let spec = FilterSpec { prefix_list, route_map, own_as, ..FilterSpec::default() };
                    for (net, origin, asn) in [
                        ("10.1.0.0/16", Origin::Igp, 1),
                        ("10.0.0.0/8", Origin::Igp, 2),
                        ("10.0.0.0/8", Origin::Egp, 1),
                        ("192.0.2.0/24", Origin::Igp, 1),
                        ("192.0.2.0/24", Origin::Egp, 2),
                    ] {
                        let block = AttrBuilder::new().origin(origin).set_as_path(&[Asn(asn)]).build();
                        let summary = summarize(&block);
                        let net = net.parse().unwrap();
                        let subject = shared.plain_subject(net, AttrView::new(&block), &summary);
                        let does = compiled.filter(Family::Ipv4Unicast, &spec).run(&subject);
                        let traced = compiled.trace_filter(Family::Ipv4Unicast, &spec, &subject);
                        assert_eq!(
                            traced.verdict, does,
                            "{spec:?} {net} {origin:?} {asn}: {:?}",
                            traced.trace
                        );
                    }
                }
            }
        }
    }
}
