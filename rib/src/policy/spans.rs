//! Which of a fixed set of prefixes cover an address, for lists that are asked about every route.
//!
//! ```text
//!   addresses   0 ─────────┬──── 10.1.0.0/16 ────┬─────────────── 10.0.0.0/8 ──┬──── ... last
//!   spans       nothing    │ the /16 ──► the /8  │  the /8                     │  nothing
//! ```
//!
//! The prefixes cut the addresses into spans. A span knows the most specific prefix around it, and each prefix the next
//! less specific one. So a look-up is a search among the spans, of which an index by the first bits leaves few, and a
//! walk along what covers it.

use std::collections::BTreeMap;

use bgp::types::Addr;

/// No prefix.
const NONE: u32 = u32::MAX;

#[derive(Debug)]
struct Node<T> {
    /// The next less specific prefix.
    parent: u32,
    value: T,
}

/// Prefixes of one family, each with a value.
#[derive(Debug)]
pub(super) struct Spans<A, T> {
    /// First address of each span, ascending from 0, and the most specific prefix around it; none without prefixes.
    spans: Vec<(A, u32)>,
    /// By the first `bits` bits of an address, the span that the lowest such address is in; and the last span.
    index: Vec<u32>,
    bits: u8,
    nodes: Vec<Node<T>>,
}

impl<A, T> Default for Spans<A, T> {
    fn default() -> Spans<A, T> {
        Spans { spans: Vec::new(), index: Vec::new(), bits: 0, nodes: Vec::new() }
    }
}

/// The first `bits` bits, at most 16, as a number.
fn first_bits<A: Addr>(addr: A, bits: u8) -> usize {
    let [a, b, ..] = addr.to_be_bytes();
    usize::from(u16::from_be_bytes([a, b])) >> (16 - bits)
}

impl<A: Addr, T> Spans<A, T> {
    /// Arranges prefixes, given by network address and length.
    pub fn new(prefixes: BTreeMap<(A, u8), T>) -> Spans<A, T> {
        let mut spans = Spans::default();
        if prefixes.is_empty() {
            return spans;
        }
        spans.begin(A::from_be_slice(&[]), NONE);
        // Those around the address that was come to, by their last address, the most specific one last.
        let mut around: Vec<(A, u32)> = Vec::new();
        // A prefix comes after those that cover it.
        for ((addr, len), value) in prefixes {
            spans.end_before(Some(addr), &mut around);
            let parent = around.last().map_or(NONE, |(_, node)| *node);
            let node = spans.nodes.len() as u32;
            spans.nodes.push(Node { parent, value });
            spans.begin(addr, node);
            around.push((addr.last(len), node));
        }
        spans.end_before(None, &mut around);
        spans.bits = (spans.spans.len().ilog2() as u8).min(16);
        spans.index = (0..1usize << spans.bits)
            .map(|first| {
                let addr = A::from_be_slice(&((first << (16 - spans.bits)) as u16).to_be_bytes());
                spans.spans.partition_point(|(start, _)| *start <= addr) as u32 - 1
            })
            .collect();
        spans.index.push(spans.spans.len() as u32 - 1);
        spans
    }

    /// Begins a span; one that would begin there already is empty.
    fn begin(&mut self, at: A, inner: u32) {
        self.spans.pop_if(|(start, _)| *start == at);
        self.spans.push((at, inner));
    }

    /// Leaves the prefixes that end before an address, all without one.
    fn end_before(&mut self, addr: Option<A>, around: &mut Vec<(A, u32)>) {
        while let Some((last, _)) = around.pop_if(|(last, _)| addr.is_none_or(|addr| *last < addr)) {
            if let Some(next) = last.next() {
                self.begin(next, around.last().map_or(NONE, |(_, node)| *node));
            }
        }
    }

    /// The values of all prefixes that an address is in, the most specific one first.
    pub fn around(&self, addr: A) -> impl Iterator<Item = &T> {
        let mut at = self.innermost(addr);
        std::iter::from_fn(move || {
            let node = self.nodes.get(at as usize)?;
            at = node.parent;
            Some(&node.value)
        })
    }

    fn innermost(&self, addr: A) -> u32 {
        let first = first_bits(addr, self.bits);
        let Some([from, to]) = self.index.get(first..first + 2) else { return NONE };
        let (from, to) = (*from as usize, *to as usize);
        let found = from + self.spans[from..=to].partition_point(|(start, _)| *start <= addr);
        self.spans[found - 1].1
    }

    /// All values, by address and length of their prefixes.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.nodes.iter().map(|node| &node.value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is around an address, worked out from nothing.
    fn naive<A: Addr>(prefixes: &BTreeMap<(A, u8), u8>, addr: A) -> Vec<u8> {
        let around = prefixes.keys().filter(|(net, len)| addr.mask(*len) == *net);
        let mut around: Vec<_> = around.collect();
        around.sort_by_key(|(_, len)| std::cmp::Reverse(*len));
        around.into_iter().map(|(_, len)| *len).collect()
    }

    fn check<A: Addr>(prefixes: &[(A, u8)], asked: &[A]) {
        let prefixes: BTreeMap<(A, u8), u8> =
            prefixes.iter().map(|(addr, len)| ((addr.mask(*len), *len), *len)).collect();
        let spans = Spans::new(prefixes.clone());
        assert!(spans.values().eq(prefixes.values()));
        let edges = prefixes.keys().flat_map(|(net, len)| [*net, net.last(*len)]);
        let beyond = prefixes.keys().filter_map(|(net, len)| net.last(*len).next());
        for addr in edges.chain(beyond).take(400).chain(asked.iter().copied()) {
            let found: Vec<u8> = spans.around(addr).copied().collect();
            assert_eq!(found, naive(&prefixes, addr), "{addr:?} of {prefixes:?}");
        }
    }

    /// Addresses that differ in few bits, so that prefixes contain and touch each other.
    fn v4() -> impl Strategy<Value = u32> {
        (0u32..4, 0u32..4, 0u32..4).prop_map(|(a, b, c)| a << 30 | b << 15 | c)
    }

    fn v6() -> impl Strategy<Value = u128> {
        (v4(), v4()).prop_map(|(a, b)| u128::from(a) << 96 | u128::from(b))
    }

    proptest! {
        #[test]
        fn a_look_up_finds_what_covers_an_address(
            prefixes in proptest::collection::vec((v4(), 0u8..=32), 0..40),
            asked in proptest::collection::vec(v4(), 0..20),
        ) {
            check(&prefixes, &asked);
        }

        #[test]
        fn so_it_does_in_the_other_family(
            prefixes in proptest::collection::vec((v6(), 0u8..=128), 0..40),
            asked in proptest::collection::vec(v6(), 0..20),
        ) {
            check(&prefixes, &asked);
        }
    }

    #[test]
    fn more_prefixes_than_the_index_has_places() {
        let prefixes: Vec<(u32, u8)> = (0..100_000u32).map(|n| (n << 9, 24)).chain([(0, 0)]).collect();
        let asked: Vec<u32> = (0..400).map(|n: u32| n.wrapping_mul(0x9e37_79b9)).collect();
        check(&prefixes, &asked);
    }
}
