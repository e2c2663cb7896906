//! Making canonical blocks: for local routes and for what policy changes.

use std::borrow::Cow;
use std::net::Ipv4Addr;

use super::view::known_flags;
use super::{AsPath, AttrView, Ipv6ExtCommunity, Origin, SegmentKind};
use crate::types::Asn;
use crate::wire::iana::{attr, attr_flag};

/// Most AS numbers of one segment: its count is one octet.
const SEGMENT_MAX: usize = 255;

/// Longest attribute value: its length is two octets at most.
pub(crate) const VALUE_MAX: usize = 65535;

struct Item<'a> {
    code: u8,
    flags: u8,
    value: Cow<'a, [u8]>,
}

/// Edits a set of attributes. What is not touched stays borrowed from the view it came from.
///
/// ```
/// use bgp::attrs::{AttrBuilder, AttrView, Origin};
/// use bgp::types::Asn;
///
/// let mut builder = AttrBuilder::new();
/// builder.origin(Origin::Igp).set_as_path(&[Asn(64500)]).local_pref(Some(200));
/// let block = builder.build();
/// let mut builder = AttrBuilder::from_view(AttrView::new(&block));
/// builder.prepend(Asn(64501), 2);
/// assert_eq!(AttrView::new(&builder.build()).as_path().to_string(), "64501 64501 64500");
/// ```
#[derive(Default)]
pub struct AttrBuilder<'a> {
    /// Sorted by code, each once.
    items: Vec<Item<'a>>,
}

impl<'a> AttrBuilder<'a> {
    /// Without any attribute.
    pub fn new() -> AttrBuilder<'a> {
        AttrBuilder::default()
    }

    /// With the attributes of a canonical block.
    pub fn from_view(view: AttrView<'a>) -> AttrBuilder<'a> {
        let items = view.iter().map(|a| Item { code: a.code, flags: a.flags, value: Cow::Borrowed(a.value) });
        AttrBuilder { items: items.collect() }
    }

    /// The value of an attribute as it stands now.
    pub fn get(&self, code: u8) -> Option<&[u8]> {
        let at = self.items.binary_search_by_key(&code, |i| i.code).ok()?;
        self.items.get(at).map(|i| &*i.value)
    }

    /// Sets any attribute. `flags` counts for types that we do not know; the known have theirs by their RFC, with
    /// the partial bit taken over.
    pub fn raw(&mut self, code: u8, flags: u8, value: Vec<u8>) -> &mut Self {
        let keep = attr_flag::OPTIONAL | attr_flag::TRANSITIVE | attr_flag::PARTIAL;
        let flags = known_flags(code).map_or(flags & keep, |known| known | (flags & attr_flag::PARTIAL));
        self.put(Item { code, flags, value: Cow::Owned(value) })
    }

    /// Removes an attribute.
    pub fn remove(&mut self, code: u8) -> &mut Self {
        self.items.retain(|i| i.code != code);
        self
    }

    /// ORIGIN.
    pub fn origin(&mut self, origin: Origin) -> &mut Self {
        self.raw(attr::ORIGIN, 0, vec![origin as u8])
    }

    /// MULTI_EXIT_DISC; `None` removes it.
    pub fn med(&mut self, med: Option<u32>) -> &mut Self {
        self.number(attr::MED, med)
    }

    /// LOCAL_PREF; `None` removes it.
    pub fn local_pref(&mut self, local_pref: Option<u32>) -> &mut Self {
        self.number(attr::LOCAL_PREF, local_pref)
    }

    /// ATOMIC_AGGREGATE.
    pub fn atomic_aggregate(&mut self, present: bool) -> &mut Self {
        if present {
            self.raw(attr::ATOMIC_AGGREGATE, 0, Vec::new())
        } else {
            self.remove(attr::ATOMIC_AGGREGATE)
        }
    }

    /// AGGREGATOR; `None` removes it.
    pub fn aggregator(&mut self, aggregator: Option<(Asn, Ipv4Addr)>) -> &mut Self {
        match aggregator {
            None => self.remove(attr::AGGREGATOR),
            Some((asn, id)) => {
                self.raw(attr::AGGREGATOR, 0, [asn.0.to_be_bytes(), id.octets()].as_flattened().to_vec())
            }
        }
    }

    /// ORIGINATOR_ID; `None` removes it.
    pub fn originator_id(&mut self, id: Option<Ipv4Addr>) -> &mut Self {
        self.number(attr::ORIGINATOR_ID, id.map(u32::from))
    }

    /// Puts a cluster before the others of CLUSTER_LIST (RFC 4456 section 8).
    pub fn push_cluster(&mut self, cluster: Ipv4Addr) -> &mut Self {
        let mut value = cluster.octets().to_vec();
        value.extend_from_slice(self.get(attr::CLUSTER_LIST).unwrap_or(&[]));
        self.raw(attr::CLUSTER_LIST, 0, value)
    }

    /// AIGP with one metric TLV (RFC 7311 section 3); `None` removes it.
    pub fn aigp(&mut self, metric: Option<u64>) -> &mut Self {
        match metric {
            None => self.remove(attr::AIGP),
            Some(metric) => {
                let mut value = vec![1, 0, 11];
                value.extend_from_slice(&metric.to_be_bytes());
                self.raw(attr::AIGP, 0, value)
            }
        }
    }

    /// Only to Customer (RFC 9234 section 5); `None` removes it.
    pub fn otc(&mut self, asn: Option<Asn>) -> &mut Self {
        self.number(attr::OTC, asn.map(|a| a.0))
    }

    /// COMMUNITIES, sorted and each once; none removes the attribute.
    pub fn communities(&mut self, mut list: Vec<u32>) -> &mut Self {
        list.sort_unstable();
        list.dedup();
        self.list(attr::COMMUNITIES, list.iter().flat_map(|c| c.to_be_bytes()).collect())
    }

    /// EXTENDED COMMUNITIES, sorted and each once; none removes the attribute.
    pub fn ext_communities(&mut self, mut list: Vec<[u8; 8]>) -> &mut Self {
        list.sort_unstable();
        list.dedup();
        self.list(attr::EXT_COMMUNITIES, list.into_flattened())
    }

    /// IPv6 address specific EXTENDED COMMUNITIES, sorted and each once; none removes the attribute.
    pub fn ipv6_ext_communities(&mut self, mut list: Vec<Ipv6ExtCommunity>) -> &mut Self {
        list.sort_unstable();
        list.dedup();
        self.list(attr::IPV6_EXT_COMMUNITIES, list.into_flattened())
    }

    /// LARGE_COMMUNITY, sorted and each once; none removes the attribute.
    pub fn large_communities(&mut self, mut list: Vec<(u32, u32, u32)>) -> &mut Self {
        list.sort_unstable();
        list.dedup();
        let value = list.iter().flat_map(|&(a, b, c)| [a, b, c]).flat_map(u32::to_be_bytes);
        self.list(attr::LARGE_COMMUNITIES, value.collect())
    }

    /// Replaces the AS_PATH by one sequence; empty gives an empty AS_PATH.
    pub fn set_as_path(&mut self, asns: &[Asn]) -> &mut Self {
        self.set_segments(&[(SegmentKind::Sequence, asns)])
    }

    /// Replaces the AS_PATH; segments of more than 255 numbers are parted, empty ones left out.
    pub fn set_segments(&mut self, segments: &[(SegmentKind, &[Asn])]) -> &mut Self {
        let mut value = Vec::new();
        for &(kind, asns) in segments {
            put_segment(&mut value, kind, asns.iter().copied());
        }
        self.raw(attr::AS_PATH, 0, value)
    }

    /// Puts an AS in front of the AS_PATH, `times` times (RFC 4271 section 5.1.2).
    pub fn prepend(&mut self, asn: Asn, times: usize) -> &mut Self {
        let path = AsPath::new(self.get(attr::AS_PATH).unwrap_or(&[]));
        let mut segments = path.segments();
        let (head, rest) = match segments.clone().next() {
            Some(s) if s.kind == SegmentKind::Sequence => {
                segments.next();
                (Some(s), segments)
            }
            _ => (None, segments),
        };
        let mut value = Vec::with_capacity(path.bytes().len() + times * 4 + 2);
        let head = std::iter::repeat_n(asn, times).chain(head.iter().flat_map(|s| s.asns()));
        put_segment(&mut value, SegmentKind::Sequence, head);
        for s in rest {
            put_segment(&mut value, s.kind, s.asns());
        }
        self.raw(attr::AS_PATH, 0, value)
    }

    /// Passes every AS of the AS_PATH through `edit`: `None` takes it out. Segments that get empty go.
    pub fn edit_as_path(&mut self, mut edit: impl FnMut(Asn) -> Option<Asn>) -> &mut Self {
        let path = AsPath::new(self.get(attr::AS_PATH).unwrap_or(&[]));
        let mut value = Vec::with_capacity(path.bytes().len());
        for s in path.segments() {
            put_segment(&mut value, s.kind, s.asns().filter_map(&mut edit));
        }
        self.raw(attr::AS_PATH, 0, value)
    }

    /// Takes ASes out of the AS_PATH.
    pub fn exclude_asns(&mut self, excluded: &[Asn]) -> &mut Self {
        self.edit_as_path(|a| (!excluded.contains(&a)).then_some(a))
    }

    /// Puts `by` in the place of the given ASes of the AS_PATH.
    pub fn replace_asns(&mut self, replaced: &[Asn], by: Asn) -> &mut Self {
        self.edit_as_path(|a| Some(if replaced.contains(&a) { by } else { a }))
    }

    /// The canonical block.
    pub fn build(&self) -> Vec<u8> {
        let mut block = Vec::with_capacity(self.items.iter().map(|i| i.value.len() + 4).sum());
        self.build_into(&mut block);
        block
    }

    /// Appends the canonical block. A value of more than 65535 octets, which no header can carry, is cut.
    pub fn build_into(&self, block: &mut Vec<u8>) {
        for item in &self.items {
            let value = item.value.get(..VALUE_MAX).unwrap_or(&item.value);
            put_header(block, item.flags, item.code, value.len());
            block.extend_from_slice(value);
        }
    }

    fn number(&mut self, code: u8, value: Option<u32>) -> &mut Self {
        match value {
            Some(v) => self.raw(code, 0, v.to_be_bytes().to_vec()),
            None => self.remove(code),
        }
    }

    fn list(&mut self, code: u8, value: Vec<u8>) -> &mut Self {
        let partial = self.items.iter().find(|i| i.code == code).map_or(0, |i| i.flags);
        if value.is_empty() { self.remove(code) } else { self.raw(code, partial, value) }
    }

    fn put(&mut self, item: Item<'a>) -> &mut Self {
        match self.items.binary_search_by_key(&item.code, |i| i.code) {
            Ok(at) => {
                if let Some(old) = self.items.get_mut(at) {
                    *old = item;
                }
            }
            Err(at) => self.items.insert(at, item),
        }
        self
    }
}

/// Appends one segment, or several where one cannot count that many.
fn put_segment(value: &mut Vec<u8>, kind: SegmentKind, asns: impl Iterator<Item = Asn>) {
    let mut asns = asns.peekable();
    while asns.peek().is_some() {
        let header = value.len();
        value.extend_from_slice(&[kind as u8, 0]);
        let mut count = 0;
        for asn in asns.by_ref().take(SEGMENT_MAX) {
            value.extend_from_slice(&asn.0.to_be_bytes());
            count += 1;
        }
        if let Some(slot) = value.get_mut(header + 1) {
            *slot = count;
        }
    }
}

/// Appends an attribute header with as short a length as the value allows.
#[inline]
pub(crate) fn put_header(out: &mut Vec<u8>, flags: u8, code: u8, len: usize) {
    let flags = flags & !attr_flag::EXTENDED;
    match u8::try_from(len) {
        Ok(len) => out.extend_from_slice(&[flags, code, len]),
        Err(_) => {
            let [hi, lo] = u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes();
            out.extend_from_slice(&[flags | attr_flag::EXTENDED, code, hi, lo]);
        }
    }
}
