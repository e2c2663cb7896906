//! AS_PATH in its four-octet form.

use std::fmt;

use crate::types::Asn;
use crate::wire::iana::segment;

/// Kind of an AS_PATH segment (RFC 4271 section 4.3, RFC 5065 section 3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum SegmentKind {
    /// AS_SET: unordered.
    Set = segment::AS_SET,
    /// AS_SEQUENCE: ordered.
    Sequence = segment::AS_SEQUENCE,
    /// AS_CONFED_SEQUENCE: ordered, member ASes of our confederation.
    ConfedSequence = segment::AS_CONFED_SEQUENCE,
    /// AS_CONFED_SET: unordered, member ASes of our confederation.
    ConfedSet = segment::AS_CONFED_SET,
}

impl SegmentKind {
    /// From the segment type octet.
    pub const fn from_code(code: u8) -> Option<SegmentKind> {
        match code {
            segment::AS_SET => Some(SegmentKind::Set),
            segment::AS_SEQUENCE => Some(SegmentKind::Sequence),
            segment::AS_CONFED_SEQUENCE => Some(SegmentKind::ConfedSequence),
            segment::AS_CONFED_SET => Some(SegmentKind::ConfedSet),
            _ => None,
        }
    }

    /// Whether the segment is of a confederation (RFC 5065).
    pub const fn is_confed(self) -> bool {
        matches!(self, SegmentKind::ConfedSequence | SegmentKind::ConfedSet)
    }

    /// Whether the order of the numbers has no meaning.
    pub const fn is_set(self) -> bool {
        matches!(self, SegmentKind::Set | SegmentKind::ConfedSet)
    }

    /// FRR's name of the segment in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            SegmentKind::Set => "as-set",
            SegmentKind::Sequence => "as-sequence",
            SegmentKind::ConfedSequence => "as-confed-sequence",
            SegmentKind::ConfedSet => "as-confed-set",
        }
    }
}

/// One segment of an AS_PATH.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment<'a> {
    /// What the numbers mean.
    pub kind: SegmentKind,
    pub(crate) asns: &'a [[u8; 4]],
}

impl<'a> Segment<'a> {
    /// The AS numbers in wire order.
    pub fn asns(&self) -> impl DoubleEndedIterator<Item = Asn> + ExactSizeIterator + Clone + use<'a> {
        self.asns.iter().map(|a| Asn(u32::from_be_bytes(*a)))
    }

    /// What the segment adds to the length of the path (RFC 4271 section 9.1.2.2 (a), RFC 5065 section 5.3).
    pub const fn len(&self) -> usize {
        match self.kind {
            SegmentKind::Sequence => self.asns.len(),
            SegmentKind::Set => 1,
            SegmentKind::ConfedSequence | SegmentKind::ConfedSet => 0,
        }
    }

    /// What a confederation segment would add if it counted: a set is one, as outside.
    pub const fn confed_len(&self) -> usize {
        match self.kind {
            SegmentKind::ConfedSequence => self.asns.len(),
            SegmentKind::ConfedSet => 1,
            SegmentKind::Sequence | SegmentKind::Set => 0,
        }
    }

    /// Whether there is no AS number in it.
    pub const fn is_empty(&self) -> bool {
        self.asns.is_empty()
    }
}

/// The segments of a path; ends early at malformed bytes.
#[derive(Clone, Debug)]
pub struct Segments<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    #[inline]
    fn next(&mut self) -> Option<Segment<'a>> {
        let (&[kind, count], rest) = self.rest.split_first_chunk()?;
        let (asns, rest) = rest.split_at_checked(usize::from(count) * 4)?;
        self.rest = rest;
        Some(Segment { kind: SegmentKind::from_code(kind)?, asns: asns.as_chunks().0 })
    }
}

/// A view of an AS_PATH value with four-octet numbers. [`fmt::Display`] gives FRR's text: numbers parted by
/// spaces, sets as `{1,2}`, confederation sequences as `(1 2)` and confederation sets as `[1,2]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct AsPath<'a> {
    value: &'a [u8],
}

impl<'a> AsPath<'a> {
    /// A view of an attribute value.
    pub const fn new(value: &'a [u8]) -> AsPath<'a> {
        AsPath { value }
    }

    /// The attribute value.
    pub const fn bytes(&self) -> &'a [u8] {
        self.value
    }

    /// Its segments, nearest first.
    pub const fn segments(&self) -> Segments<'a> {
        Segments { rest: self.value }
    }

    /// All AS numbers of all segments in wire order.
    pub fn asns(&self) -> impl Iterator<Item = Asn> + Clone + use<'a> {
        self.segments().flat_map(|s| s.asns())
    }

    /// Length in the decision process (RFC 4271 section 9.1.2.2 (a)): a set is one, confederation segments none.
    pub fn len(&self) -> usize {
        self.segments().map(|s| s.len()).sum()
    }

    /// Whether the path names no AS, as that of a route of our own AS.
    pub fn is_empty(&self) -> bool {
        self.segments().all(|s| s.is_empty())
    }

    /// How often an AS is named, in whatever segment.
    pub fn count(&self, asn: Asn) -> usize {
        let wanted = asn.0.to_be_bytes();
        self.segments().map(|s| s.asns.iter().filter(|a| **a == wanted).count()).sum()
    }

    /// Whether an AS is named, in whatever segment.
    pub fn contains(&self, asn: Asn) -> bool {
        self.count(asn) != 0
    }

    /// The neighbouring AS: the leftmost one, if the first segment outside of the confederation is a sequence.
    pub fn first_as(&self) -> Option<Asn> {
        let first = self.segments().find(|s| !s.kind.is_confed())?;
        if first.kind == SegmentKind::Sequence { first.asns().next() } else { None }
    }

    /// The AS where the route comes from: the rightmost one, if the last segment outside of the confederation is a
    /// sequence (RFC 6811 section 2).
    pub fn origin_as(&self) -> Option<Asn> {
        let last = self.segments().filter(|s| !s.kind.is_confed()).last()?;
        if last.kind == SegmentKind::Sequence { last.asns().next_back() } else { None }
    }

    /// Whether there is an AS_SET or AS_CONFED_SET (RFC 9774).
    pub fn has_set(&self) -> bool {
        self.segments().any(|s| s.kind.is_set())
    }
}

impl fmt::Display for AsPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, segment) in self.segments().enumerate() {
            let (open, separator, close) = match segment.kind {
                SegmentKind::Sequence => ("", " ", ""),
                SegmentKind::Set => ("{", ",", "}"),
                SegmentKind::ConfedSequence => ("(", " ", ")"),
                SegmentKind::ConfedSet => ("[", ",", "]"),
            };
            if i > 0 {
                f.write_str(" ")?;
            }
            f.write_str(open)?;
            for (j, asn) in segment.asns().enumerate() {
                if j > 0 {
                    f.write_str(separator)?;
                }
                fmt::Display::fmt(&asn, f)?;
            }
            f.write_str(close)?;
        }
        Ok(())
    }
}
