//! Room for attribute blocks: many, short, coming and going. One stretch of memory, handed out in units of eight
//! octets, with a list of what is free for each length.

const UNIT: usize = 8;

/// Where a block stands.
#[derive(Clone, Copy, Debug, Default)]
pub struct Place {
    unit: u32,
    len: u32,
}

impl Place {
    /// Length of the block in octets.
    pub fn len(self) -> usize {
        self.len as usize
    }

    fn units(self) -> usize {
        self.len().div_ceil(UNIT)
    }
}

/// The blocks.
#[derive(Debug, Default)]
pub struct Blocks {
    bytes: Vec<u8>,
    /// First units of free stretches, by length in units.
    free: Vec<Vec<u32>>,
    free_units: usize,
}

impl Blocks {
    /// Keeps a copy of a block.
    pub fn put(&mut self, block: &[u8]) -> Place {
        let len = block.len() as u32;
        let place = Place { unit: (self.bytes.len() / UNIT) as u32, len };
        let units = place.units();
        if let Some(unit) = self.free.get_mut(units).and_then(Vec::pop) {
            self.free_units -= units;
            let at = unit as usize * UNIT;
            self.bytes[at..at + place.len()].copy_from_slice(block);
            return Place { unit, len };
        }
        self.bytes.extend_from_slice(block);
        self.bytes.resize(self.bytes.len().next_multiple_of(UNIT), 0);
        place
    }

    /// The block of a place.
    pub fn get(&self, place: Place) -> &[u8] {
        let at = place.unit as usize * UNIT;
        &self.bytes[at..at + place.len()]
    }

    /// Gives up the block of a place.
    pub fn remove(&mut self, place: Place) {
        let units = place.units();
        if units == 0 {
            return;
        }
        if self.free.len() <= units {
            self.free.resize(units + 1, Vec::new());
        }
        self.free[units].push(place.unit);
        self.free_units += units;
    }

    /// Whether most of the memory is free, so that copying what is left is worth it.
    pub fn sparse(&self) -> bool {
        let free = self.free_units * UNIT;
        free > (1 << 20) && free > self.bytes.len() / 2
    }

    /// Puts the blocks of these places, which are all that there are, side by side.
    pub fn compact<'a>(&mut self, places: impl Iterator<Item = &'a mut Place>) {
        let old = std::mem::take(self);
        self.bytes.reserve_exact(old.bytes.len() - old.free_units * UNIT);
        for place in places {
            *place = self.put(old.get(*place));
        }
    }

    /// Memory in octets.
    pub fn memory(&self) -> usize {
        let lists: usize = self.free.iter().map(|list| list.capacity() * size_of::<u32>()).sum();
        self.bytes.capacity() + lists
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn blocks_stay_what_they_are(steps in prop::collection::vec((any::<bool>(), 0usize..90, any::<u8>()), 0..400)) {
            let mut blocks = Blocks::default();
            let mut kept: Vec<(Place, Vec<u8>)> = Vec::new();
            for (put, n, fill) in steps {
                if put || kept.is_empty() {
                    let block = vec![fill; n];
                    kept.push((blocks.put(&block), block));
                } else {
                    let (place, _) = kept.swap_remove(n % kept.len());
                    blocks.remove(place);
                }
                if fill == 0 {
                    blocks.compact(kept.iter_mut().map(|(place, _)| place));
                }
                for (place, block) in &kept {
                    prop_assert_eq!(blocks.get(*place), &block[..]);
                }
            }
            let wanted: usize = kept.iter().map(|(place, _)| place.units() * UNIT).sum();
            prop_assert_eq!(blocks.bytes.len() - blocks.free_units * UNIT, wanted);
        }
    }
}
