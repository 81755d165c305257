//! Random numbers that can be repeated, however the work is shared out.

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;

/// A generator for one request, or for one other thing that draws.
///
/// Xoshiro256++, whose numbers are the same on every platform and in every
/// release of rand.
pub type Stream = Xoshiro256PlusPlus;

/// A seed's endless supply of independent generators, one for each index.
///
/// The `n`-th request draws from stream `n`, so what it draws depends on the
/// seed and on `n` alone: not on which worker serves it, nor on what other
/// requests drew before. That is what makes a seeded run repeatable although
/// it is served in parallel; and there is nothing to lock.
///
/// ```
/// use simulation::Streams;
/// use rand::Rng;
///
/// let streams = Streams::new(42);
/// assert_eq!(streams.stream(7).next_u64(), Streams::new(42).stream(7).next_u64());
/// assert_ne!(streams.stream(7).next_u64(), streams.stream(8).next_u64());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Streams {
    key: u64,
}

impl Streams {
    /// The streams of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            key: mix(seed.wrapping_add(GOLDEN)),
        }
    }

    /// Streams of a seed that nobody knows.
    #[must_use]
    pub fn from_entropy() -> Self {
        Self::new(rand::random())
    }

    /// The generator of `index`. Costs a few nanoseconds and no memory.
    #[must_use]
    pub fn stream(&self, index: u64) -> Stream {
        // `mix` is a bijection, so no two indices share a start. It stands
        // between the index and the seeding because the latter expands one
        // word into four by steps of the same constant: neighbouring starts
        // would give generators that share three quarters of their state.
        Stream::seed_from_u64(mix(self.key ^ mix(index.wrapping_add(GOLDEN))))
    }

    /// The generator for arrivals, apart from those of the requests: that of
    /// the last index, which no count of requests reaches.
    #[must_use]
    pub fn arrivals(&self) -> Stream {
        self.stream(u64::MAX)
    }
}

/// 2^64 divided by the golden ratio, made odd: the step of SplitMix64.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finalizer of SplitMix64: a bijection in which every bit of the input
/// reaches every bit of the output (Steele, Lea, Flood: *Fast splittable
/// pseudorandom number generators*, 2014, with Stafford's constants).
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
