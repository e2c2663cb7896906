//! Seeded mutation: what a fuzzer without coverage does.

use crate::rng::Rng;

/// Values at which decoders go wrong.
const ODD: [u8; 10] = [0, 1, 2, 4, 0x10, 0x20, 0x7f, 0x80, 0xfe, 0xff];

/// Changes an input in a few places. `others` are inputs from which pieces may come.
pub fn mutate(rng: &mut Rng, input: &mut Vec<u8>, others: &[Vec<u8>], longest: usize) {
    for _ in 0..=rng.index(4) {
        let at = rng.index(input.len() + 1);
        let Some(octet) = input.get_mut(at) else {
            input.push(rng.number() as u8);
            continue;
        };
        match rng.index(8) {
            0 => *octet = rng.number() as u8,
            1 => *octet ^= 1 << rng.index(8),
            2 => *octet = *rng.pick(&ODD),
            3 => *octet = octet.wrapping_add_signed(rng.index(9) as i8 - 4),
            4 => input.truncate(at),
            5 => {
                let end = (at + 1 + rng.index(8)).min(input.len());
                input.drain(at..end);
            }
            6 => {
                let end = (at + 1 + rng.index(16)).min(input.len());
                let piece = input[at..end].to_vec();
                input.splice(at..at, piece);
            }
            _ => {
                let other = rng.pick(others);
                let start = rng.index(other.len() + 1);
                let end = (start + rng.index(24)).min(other.len());
                input.splice(at..at, other[start..end].iter().copied());
            }
        }
    }
    input.truncate(longest);
}
