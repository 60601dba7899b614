//! Repeatable chance: every made-up fact comes from one of these streams.
//!
//! ChaCha8 is fixed by its paper, and the numbers are cut down here by our own arithmetic, so a
//! seed means the same world on every machine and after every dependency update. Never seeded
//! from a clock.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use sha2::{Digest, Sha256};

/// What a stream of chance is used for; two purposes never share numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The properties, one stream each.
    Property = 1,
    /// Where second listings and bad records stand.
    Listings = 2,
    /// Which requests a fault strikes.
    Fault = 3,
    /// Order of answers, request ids, and other noise.
    Noise = 4,
}

/// One stream of chance.
#[derive(Clone, Debug)]
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// The stream of `purpose` number `index` under `seed`.
    #[must_use]
    pub fn new(seed: u64, purpose: Purpose, index: u64) -> Self {
        let mut key = [0_u8; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8] = purpose as u8;
        let mut stream = ChaCha8Rng::from_seed(key);
        stream.set_stream(index);
        Self(stream)
    }

    /// A number below `bound`; 0 for a bound of 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.0.next_u64()) * u128::from(bound);
        (wide >> 64) as u64
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// True in `percent` of 100 throws.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// True in `permille` of 1,000 throws.
    pub fn permille(&mut self, permille: u64) -> bool {
        self.below(1000) < permille
    }

    /// One of `choices`, which must not be empty (a constant table everywhere it is called).
    pub fn pick<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len() as u64) as usize]
    }

    /// Puts `items` in random order (Fisher-Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last as u64 + 1) as usize;
            items.swap(last, other);
        }
    }
}

/// Lower-case hex of the first `bytes` bytes of a SHA-256: a stable made-up identifier.
#[must_use]
pub fn fingerprint(text: &str, bytes: usize) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .take(bytes)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A stable number from 0 to 99 for `text`: which share of all texts it falls in.
#[must_use]
pub fn share(text: &str) -> u8 {
    let digest = Sha256::digest(text.as_bytes());
    (u16::from_le_bytes([digest[0], digest[1]]) % 100) as u8
}

/// A request id as BatchData gives it: a ULID, 26 characters of Crockford's base 32.
pub fn ulid(dice: &mut Dice) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let tail = (0..23).map(|_| char::from(ALPHABET[dice.below(32) as usize]));
    "01J".chars().chain(tail).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_means_the_same_numbers_for_ever() {
        let mut dice = Dice::new(42, Purpose::Property, 7);
        let drawn: Vec<u64> = (0..4).map(|_| dice.below(1_000_000)).collect();
        assert_eq!(drawn, PINNED);
    }

    const PINNED: [u64; 4] = [735_143, 135_430, 860_903, 381_572];

    #[test]
    fn purposes_and_indexes_do_not_share_numbers() {
        let first = Dice::new(1, Purpose::Property, 1).below(u64::MAX);
        assert_ne!(first, Dice::new(1, Purpose::Property, 2).below(u64::MAX));
        assert_ne!(first, Dice::new(1, Purpose::Listings, 1).below(u64::MAX));
        assert_ne!(first, Dice::new(2, Purpose::Property, 1).below(u64::MAX));
    }

    #[test]
    fn a_ulid_has_the_documented_alphabet_and_length() {
        let id = ulid(&mut Dice::new(1, Purpose::Noise, 0));
        assert_eq!(id.len(), 26);
        assert!(
            id.bytes()
                .all(|byte| b"0123456789ABCDEFGHJKMNPQRSTVWXYZ".contains(&byte))
        );
    }
}
