//! Attribute sections that came before, and what was made of them: what is announced again with the same attributes is
//! neither checked nor put in canonical form a second time.
//!
//! Only sections without any fault are remembered, and only for as long as the context stays the same.

use super::iana::{attr, attr_flag};
use super::report::Reject;
use super::scan::PathFacts;
use crate::attrs::{RawAttr, Summary, hash_block, split_attr};

/// Sections that are remembered.
const ENTRIES: usize = 256;

/// Places of the index; twice as many, so that few share one.
const PLACES: usize = 2 * ENTRIES;

/// Longer sections are rare, and not worth their memory.
const LONGEST: usize = 512;

/// What stays the same however often a section comes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub facts: PathFacts,
    pub accepted: Result<(), Reject>,
    /// NEXT_HOP.
    pub next_hop: Option<[u8; 4]>,
}

/// A section without MP_REACH_NLRI, which holds the prefixes: what stands before it and what behind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Section<'a> {
    parts: [&'a [u8]; 2],
    pub mp_reach: Option<RawAttr<'a>>,
    hash: u64,
}

impl<'a> Section<'a> {
    /// `None` if the section is not one to be remembered.
    pub fn of(section: &'a [u8], seed: u64) -> Option<Section<'a>> {
        let (mut parts, mut mp_reach) = ([section, &[][..]], None);
        let mut rest = section;
        while !rest.is_empty() {
            let (a, after) = split_attr(rest)?;
            match a.code {
                attr::MP_UNREACH_NLRI => return None,
                // Malformed ones are for those who look closely.
                attr::MP_REACH_NLRI if mp_reach.is_some() || !plain(a.flags) => return None,
                attr::MP_REACH_NLRI => {
                    parts = [section.get(..section.len() - rest.len())?, after];
                    mp_reach = Some(a);
                }
                _ => {}
            }
            rest = after;
        }
        if parts[0].len() + parts[1].len() > LONGEST {
            return None;
        }
        let hash = hash_block(seed, parts[0]) ^ hash_block(!seed, parts[1]).rotate_left(32);
        Some(Section { parts, mp_reach, hash })
    }

    fn is(&self, bytes: &[u8]) -> bool {
        let [before, after] = self.parts;
        bytes.split_at_checked(before.len()).is_some_and(|(a, b)| a == before && b == after)
    }
}

/// A section and what was made of it.
#[derive(Debug)]
pub(super) struct Entry {
    hash: u64,
    /// The section, then its canonical block.
    bytes: Vec<u8>,
    section: usize,
    pub block_hash: u64,
    pub summary: Summary,
    pub known: Known,
}

impl Entry {
    pub fn block(&self) -> &[u8] {
        self.bytes.get(self.section..).unwrap_or(&[])
    }
}

/// Whether flags are those of MP_REACH_NLRI: optional, not transitive.
const fn plain(flags: u8) -> bool {
    flags & (attr_flag::OPTIONAL | attr_flag::TRANSITIVE) == attr_flag::OPTIONAL
}

/// The last sections. Grows with what comes; a session with few routes has few.
#[derive(Default, Debug)]
pub(super) struct Recall {
    entries: Vec<Entry>,
    /// Positions in `entries` by hash; those that lead to another section are as good as none.
    index: Vec<u16>,
    /// The entry that goes next.
    oldest: usize,
}

impl Recall {
    /// What was made of a section when it came before.
    pub fn find(&self, section: &Section<'_>) -> Option<&Entry> {
        let at = *self.index.get(section.hash as usize % PLACES)?;
        let entry = self.entries.get(usize::from(at))?;
        let same = entry.hash == section.hash && section.is(entry.bytes.get(..entry.section)?);
        same.then_some(entry)
    }

    /// Remembers a section, for the price of the oldest one.
    pub fn remember(&mut self, section: &Section<'_>, known: Known, block: (&[u8], u64, Summary)) {
        if self.index.is_empty() {
            self.index.resize(PLACES, 0);
        }
        if let Some(place) = self.index.get_mut(section.hash as usize % PLACES) {
            *place = self.oldest as u16;
        }
        let (block, block_hash, summary) = block;
        let [before, after] = section.parts;
        let mut bytes =
            self.entries.get_mut(self.oldest).map_or_else(Vec::new, |e| std::mem::take(&mut e.bytes));
        bytes.clear();
        bytes.reserve_exact(before.len() + after.len() + block.len());
        [before, after, block].into_iter().for_each(|part| bytes.extend_from_slice(part));
        let section_len = before.len() + after.len();
        let entry = Entry { hash: section.hash, bytes, section: section_len, block_hash, summary, known };
        match self.entries.get_mut(self.oldest) {
            Some(oldest) => *oldest = entry,
            None => self.entries.push(entry),
        }
        self.oldest = (self.oldest + 1) % ENTRIES;
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        *self = Recall::default();
    }
}
