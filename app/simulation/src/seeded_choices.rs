//! Choices that depend on a name and a salt, and on nothing else.
//!
//! What a name stands for must be the same on every machine and in every later
//! release: a teacher prepares at home what students meet in class. So neither
//! std's hasher nor rand's ranges have a part in it, which both reserve the
//! right to change: the seed is a SHA-256, the generator one whose numbers are
//! fixed, and the choice among `n` the top of a product. Tests pin the results.

use std::fmt;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

/// A sequence of choices. `Debug` does not show which.
pub struct SeededChoices {
    rng: Xoshiro256PlusPlus,
}

impl fmt::Debug for SeededChoices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeededChoices").finish_non_exhaustive()
    }
}

impl SeededChoices {
    /// The choices for `name` under `salt`; those for another `purpose` are
    /// others.
    ///
    /// # Panics
    ///
    /// Not for any text that fits into memory.
    #[must_use]
    pub fn new(purpose: &str, name: &str, salt: &str) -> Self {
        let mut hash = Sha256::new();
        for part in [purpose, name, salt] {
            // With its length, so that no two triples run into the same bytes.
            let length = u64::try_from(part.len()).expect("no text is that long");
            hash.update(length.to_le_bytes());
            hash.update(part);
        }
        Self {
            rng: Xoshiro256PlusPlus::from_seed(hash.finalize().into()),
        }
    }

    /// A whole number from `low` to `high`, both included, each as likely. `low` must not
    /// be above `high`.
    ///
    /// # Panics
    ///
    /// If `low` is above `high` by two or more.
    pub fn between(&mut self, low: u32, high: u32) -> u32 {
        let count = u64::from(high - low) + 1;
        let product = u128::from(self.rng.next_u64()) * u128::from(count);
        low + u32::try_from(product >> 64).expect("below the count")
    }

    /// An index below `length`, which is from 1 to 2^32, each as likely.
    ///
    /// # Panics
    ///
    /// If the length is beyond.
    pub fn index(&mut self, length: usize) -> usize {
        let last = u32::try_from(length - 1).expect("written out by hand");
        self.between(0, last) as usize
    }

    /// One of `choices`, of which there are some, each as likely.
    ///
    /// # Panics
    ///
    /// If there are none.
    pub fn one_of<T: Copy, const N: usize>(&mut self, choices: [T; N]) -> T {
        choices[self.index(N)]
    }
}

/// The SHA-256 of a text, in hexadecimal.
pub(super) fn sha256_hex(text: &str) -> String {
    Sha256::digest(text)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
