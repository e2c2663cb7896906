//! Link bandwidth: what a way bears, for multipath in proportion.
//!
//! Two encodings: an extended community with a float (draft-ietf-idr-link-bandwidth), which some neighbours read as an
//! integer, and an IPv6 address specific one with 64 bits (draft-li-idr-link-bandwidth-ext, as FRR has it).

use std::fmt;

use super::{AttrBuilder, AttrView};
use crate::types::{AS_TRANS, Asn};
use crate::wire::iana::attr;

/// Bit of the first octet of an extended community (RFC 4360 section 2).
const NON_TRANSITIVE: u8 = 0x40;
/// First two octets of the short form, when transitive.
const SHORT: [u8; 2] = [0x00, 0x04];
/// First two octets of the long form, when transitive.
const LONG: [u8; 2] = [0x02, 0x06];

/// An IPv6 address specific extended community (RFC 5701).
pub type Ipv6ExtCommunity = [u8; 20];

/// A link bandwidth community.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LinkBandwidth {
    /// The AS that states it.
    pub asn: Asn,
    /// Octets a second.
    pub octets: u64,
    /// It may leave the AS.
    pub transitive: bool,
}

impl LinkBandwidth {
    /// The one of a set of attributes, the short form before the long one.
    pub fn of(view: AttrView<'_>) -> Option<LinkBandwidth> {
        let short = view.ext_communities().find_map(|c| LinkBandwidth::from_short(&c));
        short.or_else(|| view.ipv6_ext_communities().find_map(|c| LinkBandwidth::from_long(&c)))
    }

    /// Reads the short form.
    pub fn from_short(community: &[u8; 8]) -> Option<LinkBandwidth> {
        let [kind, subtype, high, low, value @ ..] = *community;
        let octets = f32::from_be_bytes(value);
        ([kind & !NON_TRANSITIVE, subtype] == SHORT).then(|| LinkBandwidth {
            asn: Asn(u32::from(u16::from_be_bytes([high, low]))),
            // Saturating: negative and not-a-number give 0.
            octets: octets as u64,
            transitive: kind & NON_TRANSITIVE == 0,
        })
    }

    /// Reads the long form.
    pub fn from_long(community: &Ipv6ExtCommunity) -> Option<LinkBandwidth> {
        let [kind, subtype, _, _, a, b, c, d, e, f, g, h, i, j, k, l, ..] = *community;
        ([kind & !NON_TRANSITIVE, subtype] == LONG).then(|| LinkBandwidth {
            asn: Asn(u32::from_be_bytes([i, j, k, l])),
            octets: u64::from_be_bytes([a, b, c, d, e, f, g, h]),
            transitive: kind & NON_TRANSITIVE == 0,
        })
    }

    fn kind(&self, of: [u8; 2]) -> [u8; 2] {
        let [kind, subtype] = of;
        [if self.transitive { kind } else { kind | NON_TRANSITIVE }, subtype]
    }

    /// The short form.
    pub fn short(&self) -> [u8; 8] {
        let [kind, subtype] = self.kind(SHORT);
        let [a, b] = u16::try_from(self.asn.0).unwrap_or(AS_TRANS.0 as u16).to_be_bytes();
        let [c, d, e, f] = (self.octets as f32).to_be_bytes();
        [kind, subtype, a, b, c, d, e, f]
    }

    /// The long form.
    pub fn long(&self) -> Ipv6ExtCommunity {
        let mut community = [0; 20];
        let parts = [&self.kind(LONG)[..], &[0; 2], &self.octets.to_be_bytes(), &self.asn.0.to_be_bytes()];
        let octets = parts.into_iter().flatten();
        community.iter_mut().zip(octets).for_each(|(to, from)| *to = *from);
        community
    }
}

/// Octets a second, then bits a second in a unit of whole steps, as FRR writes it.
impl fmt::Display for LinkBandwidth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const KBPS: u64 = 1000 / 8;
        const MBPS: u64 = 1_000_000 / 8;
        const GBPS: u64 = 1_000_000_000 / 8;
        let octets = self.octets;
        write!(f, "LB:{}:{octets} ", self.asn.0)?;
        match octets {
            GBPS.. => write!(f, "({}.000 Gbps)", octets / GBPS),
            MBPS.. => write!(f, "({}.000 Mbps)", octets / MBPS),
            KBPS.. => write!(f, "({}.000 Kbps)", octets / KBPS),
            _ => write!(f, "({} bps)", octets * 8),
        }
    }
}

/// An IPv6 address specific extended community in text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ipv6ExtText(pub Ipv6ExtCommunity);

impl fmt::Display for Ipv6ExtText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match LinkBandwidth::from_long(&self.0) {
            Some(bandwidth) => bandwidth.fmt(f),
            None => {
                let [kind, subtype, ..] = self.0;
                write!(f, "UNK:{kind}, {subtype}")
            }
        }
    }
}

impl AttrBuilder<'_> {
    /// Puts a link bandwidth in the place of those that are there, in the long form or the short one.
    pub fn link_bandwidth(&mut self, bandwidth: LinkBandwidth, long: bool) -> &mut Self {
        let mut short_ones = self.short_communities();
        short_ones.retain(|c| LinkBandwidth::from_short(c).is_none());
        let mut long_ones = self.long_communities();
        long_ones.retain(|c| LinkBandwidth::from_long(c).is_none());
        match long {
            true => long_ones.push(bandwidth.long()),
            false => short_ones.push(bandwidth.short()),
        }
        self.ext_communities(short_ones).ipv6_ext_communities(long_ones)
    }

    /// States another bandwidth wherever one stands that may leave the AS, in its encoding.
    pub fn replace_link_bandwidth(&mut self, asn: Asn, octets: u64) -> &mut Self {
        let new = LinkBandwidth { asn, octets, transitive: true };
        let mut short_ones = self.short_communities();
        for c in &mut short_ones {
            if LinkBandwidth::from_short(c).is_some_and(|b| b.transitive) {
                *c = new.short();
            }
        }
        let mut long_ones = self.long_communities();
        for c in &mut long_ones {
            if LinkBandwidth::from_long(c).is_some_and(|b| b.transitive) {
                *c = new.long();
            }
        }
        self.ext_communities(short_ones).ipv6_ext_communities(long_ones)
    }

    /// Reads the short form's value as an integer, which a neighbour has put there, and puts a float in its place.
    pub fn link_bandwidth_from_integer(&mut self) -> &mut Self {
        self.edit_value(|value| (u32::from_be_bytes(value) as f32).to_be_bytes())
    }

    /// Puts an integer in the place of the short form's float, for a neighbour that wants it so.
    pub fn link_bandwidth_to_integer(&mut self) -> &mut Self {
        self.edit_value(|value| (f32::from_be_bytes(value) as u32).to_be_bytes())
    }

    fn edit_value(&mut self, edit: impl Fn([u8; 4]) -> [u8; 4]) -> &mut Self {
        let mut list = self.short_communities();
        for c in &mut list {
            if LinkBandwidth::from_short(c).is_some() {
                let [kind, subtype, a, b, value @ ..] = *c;
                let [c0, c1, c2, c3] = edit(value);
                *c = [kind, subtype, a, b, c0, c1, c2, c3];
            }
        }
        self.ext_communities(list)
    }

    fn short_communities(&self) -> Vec<[u8; 8]> {
        self.get(attr::EXT_COMMUNITIES).unwrap_or(&[]).as_chunks().0.to_vec()
    }

    fn long_communities(&self) -> Vec<Ipv6ExtCommunity> {
        self.get(attr::IPV6_EXT_COMMUNITIES).unwrap_or(&[]).as_chunks().0.to_vec()
    }
}

/// Whether a value of EXTENDED COMMUNITIES has a bandwidth.
pub(super) fn in_short(value: &[u8]) -> bool {
    value.as_chunks().0.iter().any(|c| LinkBandwidth::from_short(c).is_some())
}

/// Whether a value of the IPv6 address specific ones has a bandwidth.
pub(super) fn in_long(value: &[u8]) -> bool {
    value.as_chunks().0.iter().any(|c| LinkBandwidth::from_long(c).is_some())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{flag, summarize};
    use super::*;

    const HALF: LinkBandwidth = LinkBandwidth { asn: Asn(65000), octets: 62_500_000, transitive: true };

    #[test]
    fn both_forms_are_what_others_write() {
        // 500 Mbit/s: 62,500,000 octets a second are the float 0x4c6e6b28.
        assert_eq!(HALF.short(), [0, 4, 0xfd, 0xe8, 0x4c, 0x6e, 0x6b, 0x28]);
        let inside = LinkBandwidth { transitive: false, ..HALF };
        assert_eq!(inside.short()[..2], [0x40, 4]);
        let wide = LinkBandwidth { asn: Asn(400_000), octets: 12_500_000_000, transitive: true };
        let expected = [2, 6, 0, 0, 0, 0, 0, 2, 0xe9, 0x0e, 0xdd, 0, 0, 6, 0x1a, 0x80, 0, 0, 0, 0];
        assert_eq!(wide.long(), expected);
        assert_eq!(wide.to_string(), "LB:400000:12500000000 (100.000 Gbps)");
        assert_eq!(LinkBandwidth::from_short(&wide.short()).map(|b| b.asn), Some(AS_TRANS));
        assert_eq!(Ipv6ExtText([0; 20]).to_string(), "UNK:0, 0");
    }

    #[test]
    fn a_bandwidth_takes_the_place_of_another_and_leaves_the_rest() {
        let target = [0, 2, 0, 1, 0, 0, 0, 1];
        let mut builder = AttrBuilder::new();
        builder.ext_communities(vec![target, LinkBandwidth { octets: 1, ..HALF }.short()]);
        let block = builder.link_bandwidth(HALF, false).build();
        let view = AttrView::new(&block);
        assert_eq!(view.ext_communities().collect::<Vec<_>>(), [target, HALF.short()]);
        assert!(summarize(&block).has(flag::LINK_BANDWIDTH));
        let mut builder = AttrBuilder::from_view(view);
        let block = builder.link_bandwidth(HALF, true).build();
        let view = AttrView::new(&block);
        assert_eq!(view.ext_communities().collect::<Vec<_>>(), [target]);
        assert_eq!(view.ipv6_ext_communities().collect::<Vec<_>>(), [HALF.long()]);
        assert!(summarize(&block).has(flag::LINK_BANDWIDTH));
        assert_eq!(LinkBandwidth::of(view), Some(HALF));
        let mut builder = AttrBuilder::from_view(view);
        let block = builder.replace_link_bandwidth(Asn(7), 9).build();
        let expected = LinkBandwidth { asn: Asn(7), octets: 9, transitive: true };
        assert_eq!(LinkBandwidth::of(AttrView::new(&block)), Some(expected));
    }

    #[test]
    fn what_does_not_leave_the_as_is_not_replaced() {
        let inside = LinkBandwidth { transitive: false, ..HALF };
        let mut builder = AttrBuilder::new();
        let block = builder.link_bandwidth(inside, false).replace_link_bandwidth(Asn(7), 9).build();
        assert_eq!(LinkBandwidth::of(AttrView::new(&block)), Some(inside));
        assert!(
            !summarize(&AttrBuilder::new().ext_communities(vec![[3, 4, 0, 0, 0, 0, 0, 0]]).build())
                .has(flag::LINK_BANDWIDTH)
        );
    }

    proptest! {
        #[test]
        fn forms_read_back(asn in any::<u32>(), octets in any::<u64>(), transitive: bool) {
            let bandwidth = LinkBandwidth { asn: Asn(asn), octets, transitive };
            prop_assert_eq!(LinkBandwidth::from_long(&bandwidth.long()), Some(bandwidth));
            let short = LinkBandwidth::from_short(&bandwidth.short()).unwrap();
            prop_assert_eq!(short.transitive, transitive);
            // Twenty-four bits are kept.
            prop_assert!(short.octets.abs_diff(octets) <= octets >> 23);
        }

        #[test]
        fn an_integer_reads_back_but_for_what_a_float_loses(value: u32) {
            let [a, b, c, d] = value.to_be_bytes();
            let mut builder = AttrBuilder::new();
            builder.ext_communities(vec![[0, 4, 0, 1, a, b, c, d]]).link_bandwidth_from_integer();
            let read = LinkBandwidth::of(AttrView::new(&builder.build())).unwrap().octets;
            prop_assert!(read.abs_diff(u64::from(value)) <= u64::from(value) >> 23);
            let back = builder.link_bandwidth_to_integer().short_communities()[0];
            let back = u32::from_be_bytes([back[4], back[5], back[6], back[7]]);
            prop_assert!(u64::from(back).abs_diff(read) <= 1);
        }
    }
}
