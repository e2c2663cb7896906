//! From the canonical block to the wire, with what eBGP, iBGP and reflection change, in one pass.

use std::net::Ipv4Addr;

use super::builder::{VALUE_MAX, put_header};
use super::view::{RawAttr, known_flags};
use super::{AsPath, AttrView, Origin, SegmentKind};
use crate::types::{AS_TRANS, Asn};
use crate::wire::iana::{attr, attr_flag};

/// What becomes of LOCAL_PREF (RFC 4271 section 5.1.5).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LocalPrefForm {
    /// As it is, or none.
    Keep,
    /// None: to other ASes.
    Strip,
    /// As it is, or this where there is none: within the AS, where it is mandatory.
    Default(u32),
}

/// What becomes of MULTI_EXIT_DISC (RFC 4271 section 5.1.4).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MedForm {
    /// As it is, or none.
    Keep,
    /// None.
    Strip,
    /// This, whatever it is (`bgp max-med`).
    Set(u32),
}

/// AS numbers that go before a path: none, ours, or the one that we pretend to be and ours behind it (`local-as`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Prepend {
    asns: [Asn; 2],
    count: u8,
    kind: SegmentKind,
}

impl Prepend {
    /// Nothing.
    pub const NONE: Prepend = Prepend { asns: [Asn(0); 2], count: 0, kind: SegmentKind::Sequence };

    /// One number.
    pub const fn one(asn: Asn) -> Prepend {
        Prepend { asns: [asn, Asn(0)], count: 1, ..Prepend::NONE }
    }

    /// Two numbers; the first comes to stand first.
    pub const fn two(first: Asn, second: Asn) -> Prepend {
        Prepend { asns: [first, second], count: 2, ..Prepend::NONE }
    }

    /// Our member AS, towards another one of our confederation (RFC 5065 section 4.1 (b)).
    pub const fn member(asn: Asn) -> Prepend {
        Prepend { kind: SegmentKind::ConfedSequence, ..Prepend::one(asn) }
    }

    fn asns(&self) -> &[Asn] {
        self.asns.get(..usize::from(self.count)).unwrap_or(&[])
    }
}

/// Appends a path with a number in front, in four octets each.
pub(crate) fn put_prepended(path: AsPath<'_>, asn: Asn, out: &mut Vec<u8>) {
    PathShape::new(path, Prepend::one(asn), false).write(4, out);
}

/// How a kind of peer wants its attributes. It is the part of an update group's key that changes bytes here.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ExportForm {
    /// The peer has four-octet AS numbers (RFC 6793).
    pub as4: bool,
    /// The peer is outside of our AS and confederation: what must not leave is taken out, which is
    /// confederation segments (RFC 5065 section 4), ORIGINATOR_ID and CLUSTER_LIST (RFC 4456 section 8),
    /// and non-transitive extended communities (RFC 4360 section 6).
    pub external: bool,
    /// What to put before the path (RFC 4271 section 5.1.2).
    pub prepend: Prepend,
    /// LOCAL_PREF.
    pub local_pref: LocalPrefForm,
    /// MULTI_EXIT_DISC.
    pub med: MedForm,
    /// Reflection: ORIGINATOR_ID to set where there is none, and our cluster (RFC 4456 section 8).
    pub reflect: Option<(Ipv4Addr, Ipv4Addr)>,
    /// Only to Customer to set where there is none (RFC 9234 section 5).
    pub otc: Option<Asn>,
    /// AIGP goes along (RFC 7311 section 3.4).
    pub aigp: bool,
    /// COMMUNITIES go along.
    pub communities: bool,
    /// EXTENDED COMMUNITIES go along, the IPv6 address specific ones, too.
    pub ext_communities: bool,
    /// Those that are not transitive go along even outside, as the route is our own.
    pub non_transitive: bool,
    /// LARGE_COMMUNITY goes along.
    pub large_communities: bool,
}

impl ExportForm {
    /// To a four-octet peer of our own AS.
    pub const fn internal() -> ExportForm {
        ExportForm {
            as4: true,
            external: false,
            prepend: Prepend::NONE,
            local_pref: LocalPrefForm::Default(100),
            med: MedForm::Keep,
            reflect: None,
            otc: None,
            aigp: true,
            communities: true,
            ext_communities: true,
            non_transitive: false,
            large_communities: true,
        }
    }

    /// To a four-octet peer of another AS, from `local_as`.
    pub const fn external(local_as: Asn) -> ExportForm {
        ExportForm {
            external: true,
            prepend: Prepend::one(local_as),
            local_pref: LocalPrefForm::Strip,
            aigp: false,
            ..ExportForm::internal()
        }
    }

    /// To a four-octet peer of another member AS of our confederation, from member AS `local_as`.
    pub const fn confederation(local_as: Asn) -> ExportForm {
        ExportForm { prepend: Prepend::member(local_as), ..ExportForm::internal() }
    }

    /// Communities that are not transitive stay here.
    const fn strips(&self) -> bool {
        self.external && !self.non_transitive
    }

    /// The peer is in our own AS, so that what concerns reflection goes along (RFC 4456 section 8).
    const fn reflects(&self) -> bool {
        !self.external && !self.prepend.kind.is_confed()
    }
}

/// Types that may be written although the block lacks them, ascending.
const INSERTED: [u8; 10] = [
    attr::ORIGIN,
    attr::AS_PATH,
    attr::NEXT_HOP,
    attr::MED,
    attr::LOCAL_PREF,
    attr::ORIGINATOR_ID,
    attr::CLUSTER_LIST,
    attr::AS4_PATH,
    attr::AS4_AGGREGATOR,
    attr::OTC,
];

/// The attributes got too long for their length field; the route cannot be sent to this kind of peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("attribute {code} takes {len} octets, more than its header can say")]
pub struct AttrTooLong {
    /// Type code.
    pub code: u8,
    /// Octets it would need.
    pub len: usize,
}

/// Appends the attributes of a canonical block in the wire form for a kind of peer, without allocating beyond
/// `out`. `next_hop` is the NEXT_HOP attribute, `None` when MP_REACH_NLRI will carry it. Nothing is appended on
/// error.
pub fn write_attrs(
    view: AttrView<'_>,
    form: &ExportForm,
    next_hop: Option<Ipv4Addr>,
    out: &mut Vec<u8>,
) -> Result<(), AttrTooLong> {
    let start = out.len();
    let mut writer = Writer { form, next_hop, view, out };
    let result = writer.run();
    if result.is_err() {
        out.truncate(start);
    }
    result
}

struct Writer<'a, 'o> {
    form: &'a ExportForm,
    next_hop: Option<Ipv4Addr>,
    view: AttrView<'a>,
    out: &'o mut Vec<u8>,
}

impl Writer<'_, '_> {
    fn run(&mut self) -> Result<(), AttrTooLong> {
        let mut inserted = INSERTED.iter().copied().peekable();
        for a in self.view.iter() {
            while let Some(code) = inserted.next_if(|&c| c < a.code) {
                self.absent(code)?;
            }
            inserted.next_if(|&c| c == a.code);
            self.present(a)?;
        }
        inserted.try_for_each(|code| self.absent(code))
    }

    /// An attribute that the block has.
    fn present(&mut self, a: RawAttr<'_>) -> Result<(), AttrTooLong> {
        match a.code {
            attr::AS_PATH => self.as_path(AsPath::new(a.value)),
            attr::NEXT_HOP | attr::AS4_PATH | attr::AS4_AGGREGATOR => self.absent(a.code),
            attr::MED => match self.form.med {
                MedForm::Keep => self.copy(a.flags, a.code, a.value),
                MedForm::Strip | MedForm::Set(_) => self.absent(a.code),
            },
            attr::LOCAL_PREF if self.form.local_pref == LocalPrefForm::Strip => Ok(()),
            attr::AGGREGATOR if !self.form.as4 => self.aggregator2(a),
            attr::COMMUNITIES if !self.form.communities => Ok(()),
            attr::LARGE_COMMUNITIES if !self.form.large_communities => Ok(()),
            attr::EXT_COMMUNITIES | attr::IPV6_EXT_COMMUNITIES if !self.form.ext_communities => Ok(()),
            attr::EXT_COMMUNITIES if self.form.strips() => self.transitive_communities::<8>(a),
            attr::IPV6_EXT_COMMUNITIES if self.form.strips() => self.transitive_communities::<20>(a),
            attr::ORIGINATOR_ID if !self.form.reflects() => Ok(()),
            attr::AIGP if !self.form.aigp => Ok(()),
            attr::CLUSTER_LIST => self.cluster_list(a.value),
            _ => self.copy(a.flags, a.code, a.value),
        }
    }

    /// An attribute that the block lacks, or that never comes from it.
    fn absent(&mut self, code: u8) -> Result<(), AttrTooLong> {
        match code {
            attr::ORIGIN => self.known(code, &[Origin::Incomplete as u8]),
            attr::AS_PATH => self.as_path(AsPath::default()),
            attr::NEXT_HOP => self.next_hop.map_or(Ok(()), |nh| self.known(code, &nh.octets())),
            attr::MED => match self.form.med {
                MedForm::Set(med) => self.known(code, &med.to_be_bytes()),
                MedForm::Keep | MedForm::Strip => Ok(()),
            },
            attr::LOCAL_PREF => match self.form.local_pref {
                LocalPrefForm::Default(v) => self.known(code, &v.to_be_bytes()),
                LocalPrefForm::Keep | LocalPrefForm::Strip => Ok(()),
            },
            attr::ORIGINATOR_ID => match self.form.reflect {
                Some((originator, _)) if self.form.reflects() => self.known(code, &originator.octets()),
                _ => Ok(()),
            },
            attr::CLUSTER_LIST => self.cluster_list(&[]),
            attr::AS4_PATH if !self.form.as4 => self.as4_path(),
            attr::AS4_AGGREGATOR if !self.form.as4 => match self.view.aggregator() {
                Some((asn, id)) if asn.0 > 0xffff => {
                    self.known(code, [asn.0.to_be_bytes(), id.octets()].as_flattened())
                }
                _ => Ok(()),
            },
            attr::OTC => self.form.otc.map_or(Ok(()), |asn| self.known(code, &asn.0.to_be_bytes())),
            _ => Ok(()),
        }
    }

    fn known(&mut self, code: u8, value: &[u8]) -> Result<(), AttrTooLong> {
        self.copy(known_flags(code).unwrap_or(attr_flag::OPTIONAL), code, value)
    }

    fn copy(&mut self, flags: u8, code: u8, value: &[u8]) -> Result<(), AttrTooLong> {
        self.header(flags, code, value.len())?;
        self.out.extend_from_slice(value);
        Ok(())
    }

    fn header(&mut self, flags: u8, code: u8, len: usize) -> Result<(), AttrTooLong> {
        if len > VALUE_MAX {
            return Err(AttrTooLong { code, len });
        }
        put_header(self.out, flags, code, len);
        Ok(())
    }

    fn cluster_list(&mut self, value: &[u8]) -> Result<(), AttrTooLong> {
        match self.form.reflect {
            _ if !self.form.reflects() => Ok(()),
            None if value.is_empty() => Ok(()),
            None => self.known(attr::CLUSTER_LIST, value),
            Some((_, cluster)) => {
                self.header(attr_flag::OPTIONAL, attr::CLUSTER_LIST, value.len() + 4)?;
                self.out.extend_from_slice(&cluster.octets());
                self.out.extend_from_slice(value);
                Ok(())
            }
        }
    }

    fn transitive_communities<const N: usize>(&mut self, a: RawAttr<'_>) -> Result<(), AttrTooLong> {
        // Bit 0x40 of the type says non-transitive (RFC 4360 section 2).
        let goes = |c: &&[u8; N]| c.first().is_some_and(|kind| kind & 0x40 == 0);
        let all = a.value.as_chunks::<N>().0;
        let count = all.iter().filter(goes).count();
        if count == 0 {
            return Ok(());
        }
        self.header(a.flags, a.code, count * N)?;
        for c in all.iter().filter(goes) {
            self.out.extend_from_slice(c);
        }
        Ok(())
    }

    fn aggregator2(&mut self, a: RawAttr<'_>) -> Result<(), AttrTooLong> {
        match self.view.aggregator() {
            None => Ok(()),
            Some((asn, id)) => {
                self.header(a.flags, a.code, 6)?;
                self.out.extend_from_slice(&two_octets(asn));
                self.out.extend_from_slice(&id.octets());
                Ok(())
            }
        }
    }

    fn as_path(&mut self, path: AsPath<'_>) -> Result<(), AttrTooLong> {
        let width = if self.form.as4 { 4 } else { 2 };
        let shape = PathShape::new(path, self.form.prepend, self.form.external);
        self.header(attr_flag::TRANSITIVE, attr::AS_PATH, shape.len(width))?;
        shape.write(width, self.out);
        Ok(())
    }

    /// AS4_PATH, if the path has a number that two octets cannot hold (RFC 6793 section 4.2.2).
    fn as4_path(&mut self) -> Result<(), AttrTooLong> {
        // Confederation segments are none of its business (RFC 6793 section 4.2.2).
        let prepend = if self.form.prepend.kind.is_confed() { Prepend::NONE } else { self.form.prepend };
        let shape = PathShape::new(self.view.as_path(), prepend, true);
        if !shape.asns().any(|a| a.0 > 0xffff) {
            return Ok(());
        }
        self.header(attr_flag::OPTIONAL | attr_flag::TRANSITIVE, attr::AS4_PATH, shape.len(4))?;
        shape.write(4, self.out);
        Ok(())
    }
}

fn two_octets(asn: Asn) -> [u8; 2] {
    u16::try_from(asn.0).unwrap_or(AS_TRANS.0 as u16).to_be_bytes()
}

/// A path with something in front of it and maybe without its confederation segments.
#[derive(Clone, Copy)]
struct PathShape<'a> {
    path: AsPath<'a>,
    prepend: Prepend,
    /// The prepended numbers go into the first segment.
    merge: bool,
    strip_confed: bool,
}

impl<'a> PathShape<'a> {
    fn new(path: AsPath<'a>, prepend: Prepend, strip_confed: bool) -> PathShape<'a> {
        let first = path.segments().find(|s| !(strip_confed && s.kind.is_confed()));
        let merge = first.is_some_and(|s| {
            s.kind == prepend.kind && s.asns().len() + usize::from(prepend.count) <= usize::from(u8::MAX)
        });
        PathShape { path, prepend, merge, strip_confed }
    }

    fn segments(&self) -> impl Iterator<Item = super::Segment<'a>> + use<'a> {
        let strip = self.strip_confed;
        self.path.segments().filter(move |s| !(strip && s.kind.is_confed()))
    }

    fn asns(&self) -> impl Iterator<Item = Asn> {
        self.prepend.asns().iter().copied().chain(self.segments().flat_map(|s| s.asns()))
    }

    fn len(&self, width: usize) -> usize {
        let old: usize = self.segments().map(|s| 2 + s.asns().len() * width).sum();
        let times = usize::from(self.prepend.count);
        old + times * width + if times > 0 && !self.merge { 2 } else { 0 }
    }

    fn write(&self, width: usize, out: &mut Vec<u8>) {
        let prepend = self.prepend.asns();
        if !prepend.is_empty() && !self.merge {
            out.extend_from_slice(&[self.prepend.kind as u8, self.prepend.count]);
            put_asns(prepend, width, out);
        }
        for (i, s) in self.segments().enumerate() {
            let merged = if i == 0 && self.merge { prepend } else { &[] };
            let count = u8::try_from(s.asns.len() + merged.len()).unwrap_or(u8::MAX);
            out.extend_from_slice(&[s.kind as u8, count]);
            put_asns(merged, width, out);
            if width == 4 {
                out.extend_from_slice(s.asns.as_flattened());
            } else {
                s.asns().for_each(|a| out.extend_from_slice(&two_octets(a)));
            }
        }
    }
}

fn put_asns(asns: &[Asn], width: usize, out: &mut Vec<u8>) {
    for &asn in asns {
        match width {
            4 => out.extend_from_slice(&asn.0.to_be_bytes()),
            _ => out.extend_from_slice(&two_octets(asn)),
        }
    }
}
