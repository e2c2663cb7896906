//! Lists compiled for matching: prefixes, AS paths, communities.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bgp::attrs::AttrView;
use bgp::types::Addr;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use regex_automata::meta::Regex;
use smallvec::SmallVec;

use super::ast::{
    AccessList, AccessMatch, Action, AsPathList, CommunityList, CommunityMatch, ExtCommunity, LargeCommunity,
    PrefixList, Wildcard,
};
use super::compile::Counter;
use super::spans::Spans;

/// Lengths that one prefix-list entry admits.
#[derive(Debug)]
struct Bounds {
    seq: u32,
    hits: Counter,
    ge: u8,
    le: u8,
    permit: bool,
}

impl Bounds {
    fn new(seq: u32, ge: u8, le: u8, permit: bool) -> Bounds {
        Bounds { seq, hits: Counter::default(), ge, le, permit }
    }
}

type Entries = SmallVec<[Bounds; 1]>;

/// The lines of a list that is being compiled, by prefix.
#[derive(Default)]
struct Lines {
    v4: BTreeMap<(u32, u8), Entries>,
    v6: BTreeMap<(u128, u8), Entries>,
}

impl Lines {
    fn add(&mut self, net: IpNet, bounds: Bounds) {
        let len = net.prefix_len();
        match net.trunc() {
            IpNet::V4(net) => self.v4.entry((net.addr().into(), len)).or_default().push(bounds),
            IpNet::V6(net) => self.v6.entry((net.addr().into(), len)).or_default().push(bounds),
        }
    }

    fn add_any(&mut self, seq: u32, permit: bool) {
        self.add(IpNet::V4(Ipv4Net::default()), Bounds::new(seq, 0, 32, permit));
        self.add(IpNet::V6(Ipv6Net::default()), Bounds::new(seq, 0, 128, permit));
    }
}

/// A line of an access-list with wildcards: what it wants of a route's address and netmask.
#[derive(Debug)]
struct Wild {
    seq: u32,
    address: Wildcard,
    mask: Wildcard,
    permit: bool,
}

/// A prefix-list: of the entries around a route the first by sequence number counts that its length is good for. An
/// access-list is the same, with wildcards beside, which are tried in turn.
#[derive(Debug, Default)]
pub struct PrefixSet {
    v4: Spans<u32, Entries>,
    v6: Spans<u128, Entries>,
    wild: Vec<Wild>,
    empty: bool,
}

impl PrefixSet {
    /// Compiles a list. An `any` entry covers both families.
    pub fn new(list: &PrefixList) -> PrefixSet {
        let mut lines = Lines::default();
        for (&seq, entry) in &list.entries {
            let permit = entry.action == Action::Permit;
            match entry.prefix {
                None => lines.add_any(seq, permit),
                Some(net) => {
                    let (len, max) = (net.prefix_len(), net.max_prefix_len());
                    let (ge, le) = match (entry.ge, entry.le) {
                        (None, None) => (len, len),
                        (Some(ge), None) => (ge, max),
                        (None, Some(le)) => (len, le),
                        (Some(ge), Some(le)) => (ge, le),
                    };
                    lines.add(net, Bounds::new(seq, ge.max(len), le, permit));
                }
            }
        }
        PrefixSet::compiled(lines, Vec::new(), list.entries.is_empty())
    }

    /// Compiles an access-list.
    pub fn of_access_list(list: &AccessList) -> PrefixSet {
        let (mut lines, mut wild) = (Lines::default(), Vec::new());
        for (&seq, entry) in list {
            let permit = entry.action == Action::Permit;
            match entry.value {
                AccessMatch::Any => lines.add_any(seq, permit),
                AccessMatch::Prefix(net, exact) => {
                    let (len, max) = (net.prefix_len(), net.max_prefix_len());
                    lines.add(net, Bounds::new(seq, len, if exact { len } else { max }, permit));
                }
                AccessMatch::Standard(address) => {
                    wild.push(Wild { seq, address, mask: Wildcard::Any, permit });
                }
                AccessMatch::Extended(address, mask) => wild.push(Wild { seq, address, mask, permit }),
            }
        }
        PrefixSet::compiled(lines, wild, list.is_empty())
    }

    fn compiled(lines: Lines, wild: Vec<Wild>, empty: bool) -> PrefixSet {
        PrefixSet { v4: Spans::new(lines.v4), v6: Spans::new(lines.v6), wild, empty }
    }

    /// Whether the list permits a prefix. A list without entries permits all, as in FRR.
    pub fn permits(&self, net: &IpNet) -> bool {
        let Some((_, permit, hits)) = self.entry(net) else { return self.empty };
        if let Some(hits) = hits {
            hits.bump();
        }
        permit
    }

    /// The same, and which entry says so. This is not counted.
    pub fn verdict(&self, net: &IpNet) -> ListVerdict {
        let entry = self.entry(net);
        ListVerdict {
            permits: entry.map_or(self.empty, |(_, permit, _)| permit),
            seq: entry.map(|(seq, ..)| seq),
        }
    }

    /// The entry that counts for a prefix: its number, what it says, and its counter, which wildcards have none of.
    fn entry(&self, net: &IpNet) -> Option<(u32, bool, Option<&Counter>)> {
        // Entries for more specific prefixes, which are around the address, too, are good for longer ones only.
        fn first<A: Addr>(spans: &Spans<A, Entries>, addr: A, len: u8) -> Option<&Bounds> {
            let around = spans.around(addr).flatten();
            around.filter(|b| b.ge <= len && len <= b.le).min_by_key(|b| b.seq)
        }
        let len = net.prefix_len();
        let (plain, wild) = match net {
            IpNet::V4(n) => {
                let holds = |w: &&Wild| w.address.holds(n.addr()) && w.mask.holds(n.netmask());
                (first(&self.v4, n.addr().into(), len), self.wild.iter().find(holds))
            }
            IpNet::V6(n) => (first(&self.v6, n.addr().into(), len), None),
        };
        match (plain, wild) {
            (Some(plain), wild) if wild.is_none_or(|w| plain.seq < w.seq) => {
                Some((plain.seq, plain.permit, Some(&plain.hits)))
            }
            (_, wild) => wild.map(|w| (w.seq, w.permit, None)),
        }
    }
}

/// What a list says, and by which entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ListVerdict {
    /// Whether it permits.
    pub permits: bool,
    /// Sequence number of the entry that counts; `None` if none fits.
    pub seq: Option<u32>,
}

impl PrefixSet {
    /// How often each entry was the one that counted, by sequence number.
    pub fn hits(&self) -> impl Iterator<Item = (u32, u64)> {
        let mut all: BTreeMap<u32, u64> = BTreeMap::new();
        for bounds in self.bounds() {
            *all.entry(bounds.seq).or_default() += bounds.hits.get();
        }
        all.into_iter()
    }

    fn bounds(&self) -> impl Iterator<Item = &Bounds> {
        self.v4.values().chain(self.v6.values()).flatten()
    }

    pub(super) fn clear_hits(&self) {
        self.bounds().for_each(|b| b.hits.set(0));
    }

    /// Takes over the counts of a list whose entries are the same.
    pub(super) fn continue_hits(&self, before: &PrefixSet) {
        let same = |a: &Bounds, b: &Bounds| (a.seq, a.ge, a.le, a.permit) == (b.seq, b.ge, b.le, b.permit);
        if self.bounds().count() == before.bounds().count()
            && self.bounds().zip(before.bounds()).all(|(a, b)| same(a, b))
        {
            self.bounds().zip(before.bounds()).for_each(|(a, b)| a.hits.set(b.hits.get()));
        }
    }
}

/// FRR's `_`: the start, the end, or a delimiter of the text form.
const DELIMITER: &str = "(?:^|[,{}() ]|$)";

/// Compiles one of the operator's expressions; the error says what is wrong with it.
pub fn compile_regex(pattern: &str) -> Result<Regex, String> {
    Regex::new(&pattern.replace('_', DELIMITER)).map_err(|e| e.to_string())
}

/// An AS-path list: expressions over the text form.
#[derive(Debug)]
pub struct AsPathSet {
    entries: Vec<(u32, bool, Regex)>,
}

impl AsPathSet {
    /// Compiles a list. An expression that does not compile matches nothing: the configuration refuses it before.
    pub fn new(list: &AsPathList) -> AsPathSet {
        let entry = |(seq, e): (&u32, &super::ast::ListEntry<String>)| {
            compile_regex(&e.value).ok().map(|r| (*seq, e.action == Action::Permit, r))
        };
        AsPathSet { entries: list.iter().filter_map(entry).collect() }
    }

    /// Whether the list permits the path of these attributes.
    pub fn permits(&self, view: AttrView<'_>) -> bool {
        self.verdict(view).permits
    }

    /// The same, and which entry says so.
    pub fn verdict(&self, view: AttrView<'_>) -> ListVerdict {
        let mut text = String::new();
        let _ = write!(text, "{}", view.as_path());
        let entry = self.entry(&text);
        ListVerdict { permits: entry.is_some_and(|(_, permit, _)| *permit), seq: entry.map(|(seq, ..)| *seq) }
    }

    /// Whether the list permits a path in text form.
    pub fn permits_text(&self, text: &str) -> bool {
        self.entry(text).is_some_and(|(_, permit, _)| *permit)
    }

    fn entry(&self, text: &str) -> Option<&(u32, bool, Regex)> {
        self.entries.iter().find(|(.., r)| r.is_match(text))
    }
}

/// A kind of community that lists can hold.
pub trait CommunityKind: Copy + Ord {
    /// The values of a route.
    fn of(view: AttrView<'_>) -> Vec<Self>;
    /// Writes a value as the expressions of expanded lists see it.
    fn write(self, text: &mut String);
}

impl CommunityKind for u32 {
    fn of(view: AttrView<'_>) -> Vec<u32> {
        view.communities().collect()
    }

    fn write(self, text: &mut String) {
        match bgp::attrs::text::community_name(self) {
            Some(name) => text.push_str(name),
            None => {
                // Asked of every attribute set, and the formatter is slow.
                text.push_str(itoa::Buffer::new().format(self >> 16));
                text.push(':');
                text.push_str(itoa::Buffer::new().format(self & 0xffff));
            }
        }
    }
}

impl CommunityKind for LargeCommunity {
    fn of(view: AttrView<'_>) -> Vec<LargeCommunity> {
        view.large_communities()
            .map(|(global, local1, local2)| LargeCommunity { global, local1, local2 })
            .collect()
    }

    fn write(self, text: &mut String) {
        let _ = write!(text, "{}:{}:{}", self.global, self.local1, self.local2);
    }
}

impl CommunityKind for ExtCommunity {
    fn of(view: AttrView<'_>) -> Vec<ExtCommunity> {
        view.ext_communities().map(ExtCommunity).collect()
    }

    fn write(self, text: &mut String) {
        let _ = write!(text, "{}", bgp::attrs::text::ExtCommunity(self.0));
    }
}

#[derive(Debug)]
enum Pattern<T> {
    All(Vec<T>),
    Text(Regex),
}

/// The values in order, with blanks between, as expressions see them.
fn words<T: CommunityKind>(values: &[T]) -> String {
    let mut sorted: SmallVec<[T; 16]> = SmallVec::from_slice(values);
    sorted.sort_unstable();
    let mut text = String::with_capacity(12 * sorted.len());
    for value in sorted {
        if !text.is_empty() {
            text.push(' ');
        }
        value.write(&mut text);
    }
    text
}

/// A community-list of one kind.
#[derive(Debug)]
pub struct CommunitySet<T> {
    entries: Vec<(bool, Pattern<T>)>,
}

impl<T: CommunityKind> CommunitySet<T> {
    /// Compiles a list; as with AS paths, a broken expression matches nothing.
    pub fn new(list: &CommunityList<T>) -> CommunitySet<T> {
        let entries = list
            .entries
            .values()
            .filter_map(|e| {
                let pattern = match &e.value {
                    CommunityMatch::Standard(values) => {
                        let mut values = values.clone();
                        values.sort_unstable();
                        values.dedup();
                        Pattern::All(values)
                    }
                    CommunityMatch::Expanded(text) => Pattern::Text(compile_regex(text).ok()?),
                };
                Some((e.action == Action::Permit, pattern))
            })
            .collect();
        CommunitySet { entries }
    }

    /// Whether the list permits these values: `exact` wants no others beside, `any` is content with one of them.
    pub fn permits(&self, values: &[T], exact: bool, any: bool) -> bool {
        let text = std::cell::OnceCell::new();
        let hits = |pattern: &Pattern<T>| match pattern {
            Pattern::All(wanted) if any => wanted.iter().any(|w| values.contains(w)),
            Pattern::All(wanted) => {
                wanted.iter().all(|w| values.contains(w)) && (!exact || wanted.len() == values.len())
            }
            Pattern::Text(regex) => regex.is_match(text.get_or_init(|| words(values))),
        };
        self.entries.iter().find(|(_, p)| hits(p)).is_some_and(|(permit, _)| *permit)
    }

    /// Whether one value alone is permitted: what `set comm-list NAME delete` deletes.
    pub fn permits_one(&self, value: T) -> bool {
        self.permits(&[value], false, false)
    }
}

#[cfg(test)]
mod tests {
    use super::super::ast::{ListEntry, PrefixListEntry};
    use super::*;
    use std::collections::BTreeMap;

    type Line<'a> = (u32, Action, &'a str, Option<u8>, Option<u8>);

    fn list(lines: &[Line<'_>]) -> PrefixList {
        let entries = lines
            .iter()
            .map(|(seq, action, net, ge, le)| {
                let prefix = if *net == "any" { None } else { Some(net.parse().unwrap()) };
                (*seq, PrefixListEntry { action: *action, prefix, ge: *ge, le: *le })
            })
            .collect();
        PrefixList { description: None, entries }
    }

    #[test]
    fn a_prefix_list_takes_the_first_matching_sequence_number_not_the_longest_prefix() {
        let set = PrefixSet::new(&list(&[
            (5, Action::Deny, "10.1.0.0/16", None, Some(32)),
            (10, Action::Permit, "10.0.0.0/8", None, Some(24)),
            (1, Action::Permit, "10.1.2.0/24", None, None),
        ]));
        let permits = |net: &str| set.permits(&net.parse().unwrap());
        assert!(permits("10.1.2.0/24"));
        assert!(!permits("10.1.3.0/24"));
        assert!(permits("10.2.0.0/16"));
        assert!(!permits("10.2.0.1/32"));
        assert!(!permits("11.0.0.0/8"));
        assert!(!permits("2001:db8::/32"));
    }

    #[test]
    fn bounds_alone_mean_what_they_mean_in_frr() {
        let set = PrefixSet::new(&list(&[(5, Action::Permit, "10.0.0.0/8", Some(32), None)]));
        assert!(set.permits(&"10.9.9.9/32".parse().unwrap()));
        assert!(!set.permits(&"10.0.0.0/8".parse().unwrap()));
        assert!(PrefixSet::new(&list(&[])).permits(&"10.0.0.0/8".parse().unwrap()));
        assert!(
            PrefixSet::new(&list(&[(5, Action::Permit, "any", None, None)]))
                .permits(&"::/0".parse().unwrap())
        );
    }

    #[test]
    fn access_lists_hold_wildcards_against_address_and_netmask() {
        let addr = |text: &str| text.parse::<std::net::Ipv4Addr>().unwrap();
        let masked = |a, w| Wildcard::Masked(addr(a), addr(w));
        let any_mask = Wildcard::Any;
        let nets =
            ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.1.128.0/25", "10.2.0.0/16", "10.3.5.0/24"];
        let nets = [&nets[..], &["10.4.4.4/30", "10.4.4.4/32"]].concat();
        // What FRR 8.4.4 says of the same lines and prefixes.
        for (value, permitted) in [
            (AccessMatch::Standard(masked("10.3.1.2", "0.0.255.255")), &[][..]),
            (AccessMatch::Standard(Wildcard::Host(addr("10.4.4.4"))), &["10.4.4.4/30", "10.4.4.4/32"]),
            (AccessMatch::Standard(masked("10.0.0.0", "0.0.255.255")), &["10.0.0.0/8"]),
            (
                AccessMatch::Extended(masked("10.1.0.0", "0.0.255.255"), any_mask),
                &["10.1.0.0/16", "10.1.2.0/24", "10.1.128.0/25"],
            ),
            (
                AccessMatch::Extended(
                    masked("10.1.0.0", "0.0.255.255"),
                    masked("255.255.255.0", "0.0.0.255"),
                ),
                &["10.1.2.0/24", "10.1.128.0/25"],
            ),
            (
                AccessMatch::Extended(any_mask, Wildcard::Host(addr("255.255.255.0"))),
                &["10.1.2.0/24", "10.3.5.0/24"],
            ),
            (
                AccessMatch::Extended(
                    masked("10.0.0.0", "0.255.255.255"),
                    masked("255.255.0.0", "0.0.255.0"),
                ),
                &["10.1.0.0/16", "10.1.2.0/24", "10.2.0.0/16", "10.3.5.0/24"],
            ),
            (AccessMatch::Extended(any_mask, masked("255.255.1.1", "0.0.255.255")), &[]),
        ] {
            let set = PrefixSet::of_access_list(&BTreeMap::from([(
                5,
                ListEntry { action: Action::Permit, value },
            )]));
            let found: Vec<&str> =
                nets.iter().copied().filter(|net| set.permits(&net.parse().unwrap())).collect();
            assert_eq!(found, permitted, "{value:?}");
        }
    }

    #[test]
    fn the_first_line_of_an_access_list_counts_whatever_its_kind() {
        let host = |a: &str| Wildcard::Host(a.parse().unwrap());
        let entry = |action, value| ListEntry { action, value };
        let list = AccessList::from([
            (5, entry(Action::Deny, AccessMatch::Standard(host("10.0.0.0")))),
            (10, entry(Action::Permit, AccessMatch::Prefix("10.0.0.0/8".parse().unwrap(), true))),
            (15, entry(Action::Permit, AccessMatch::Prefix("10.1.0.0/16".parse().unwrap(), false))),
            (20, entry(Action::Deny, AccessMatch::Standard(host("10.1.0.0")))),
            (25, entry(Action::Permit, AccessMatch::Any)),
        ]);
        let set = PrefixSet::of_access_list(&list);
        let permits = |net: &str| set.permits(&net.parse().unwrap());
        assert!(!permits("10.0.0.0/8"));
        assert!(permits("10.1.0.0/16") && permits("10.1.2.3/32") && permits("192.0.2.0/24"));
        assert!(permits("2001:db8::/32"), "as any prefix");
    }

    #[test]
    fn underscore_is_a_delimiter_in_as_path_expressions() {
        let entry = |action, text: &str| ListEntry { action, value: text.to_owned() };
        let list: AsPathList =
            BTreeMap::from([(5, entry(Action::Deny, "_65000_")), (10, entry(Action::Permit, "^64500_"))]);
        let set = AsPathSet::new(&list);
        assert!(set.permits_text("64500 64501"));
        assert!(set.permits_text("64500"));
        assert!(!set.permits_text("645001"));
        assert!(!set.permits_text("64500 65000"));
        assert!(!set.permits_text("64500 {65000,1}"));
    }

    #[test]
    fn community_lists_match_all_any_or_exactly() {
        let entry =
            |action, values: &[u32]| ListEntry { action, value: CommunityMatch::Standard(values.to_vec()) };
        let list =
            CommunityList { expanded: false, entries: BTreeMap::from([(5, entry(Action::Permit, &[1, 2]))]) };
        let set = CommunitySet::new(&list);
        assert!(set.permits(&[1, 2, 3], false, false));
        assert!(!set.permits(&[1, 2, 3], true, false));
        assert!(set.permits(&[2, 1], true, false));
        assert!(!set.permits(&[1], false, false));
        assert!(set.permits(&[1], false, true));
    }
}
