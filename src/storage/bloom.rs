//! A Bloom filter: says for sure that a key was never added, or that it may have been.
//!
//! Keys are hashed once (xxh3, 128 bits); the positions of a key are `h1 + i * h2` of the two halves (Kirsch and
//! Mitzenmacher, "Less Hashing, Same Performance", 2006), scaled to the number of bits. Adding and asking take no
//! lock: bits are only ever set. Invariant: a key whose adding happened before the asking is never denied. The order
//! is the caller's: whatever hands a key from one thread to another orders its bits too.
//!
//! It does not grow: one that is full says "maybe" too often, and is replaced by a larger one made from the keys.

use std::sync::atomic::{AtomicU64, Ordering};

use xxhash_rust::xxh3::xxh3_128;

/// With fewer bits a key a filter says "maybe" to more than a sixth of all keys: it is not worth its memory.
const FEWEST_BITS_A_KEY: u64 = 4;
/// More positions a key cost more than they deny.
const MOST_POSITIONS: u32 = 16;

/// See the module's head.
#[derive(Debug)]
pub(crate) struct Bloom {
    words: Box<[AtomicU64]>,
    positions: u32,
    capacity: u64,
    len: AtomicU64,
}

impl Bloom {
    /// An empty filter that holds `capacity` keys with `false_positives` (a part of 1) at most, in no more than
    /// `max_bytes`; there it takes more false positives. `None` where so little memory would make it useless.
    pub(crate) fn new(capacity: u64, false_positives: f64, max_bytes: u64) -> Option<Self> {
        let capacity = capacity.max(1);
        let words = (bits_for(capacity, false_positives) / 64 + 1).min(max_bytes / 8);
        let bits = words * 64;
        if bits / capacity < FEWEST_BITS_A_KEY {
            return None;
        }
        // The best number of positions is ln 2 times the bits a key.
        let positions = u32::try_from(bits.saturating_mul(693) / capacity / 1000).unwrap_or(MOST_POSITIONS);
        Some(Self {
            words: (0..words).map(|_| AtomicU64::new(0)).collect(),
            positions: positions.clamp(1, MOST_POSITIONS),
            capacity,
            len: AtomicU64::new(0),
        })
    }

    /// Adds a key.
    pub(crate) fn add(&self, key: &[u8]) {
        let mut new = false;
        for (word, bit) in self.places(key) {
            // Read first: most bits of a key that comes again are set, and a read leaves the line shared.
            new |=
                word.load(Ordering::Relaxed) & bit == 0 && word.fetch_or(bit, Ordering::Relaxed) & bit == 0;
        }
        if new {
            self.len.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether a key may have been added; `false` is certain.
    pub(crate) fn may_contain(&self, key: &[u8]) -> bool {
        self.places(key).all(|(word, bit)| word.load(Ordering::Relaxed) & bit != 0)
    }

    /// Keys in it, roughly: those that changed nothing when they were added are not counted.
    pub(crate) fn len(&self) -> u64 {
        self.len.load(Ordering::Relaxed)
    }

    /// How many keys it is made for.
    pub(crate) fn capacity(&self) -> u64 {
        self.capacity
    }

    /// The memory it takes.
    pub(crate) fn bytes(&self) -> u64 {
        self.words.len() as u64 * 8
    }

    // The halves of the hash, and a place within the words, are what the casts are to keep.
    #[allow(clippy::cast_possible_truncation)]
    fn places(&self, key: &[u8]) -> impl Iterator<Item = (&AtomicU64, u64)> {
        let hash = xxh3_128(key);
        let (first, step) = (hash as u64, (hash >> 64) as u64 | 1);
        let bits = self.words.len() as u128 * 64;
        (0..self.positions).filter_map(move |number| {
            let hash = first.wrapping_add(step.wrapping_mul(u64::from(number)));
            let place = (u128::from(hash) * bits) >> 64;
            Some((self.words.get((place / 64) as usize)?, 1 << (place % 64)))
        })
    }
}

/// Bits that hold `capacity` keys with a part of `false_positives`: -n ln p / (ln 2)^2.
// A size need not be exact.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn bits_for(capacity: u64, false_positives: f64) -> u64 {
    let bits_a_key = -false_positives.clamp(1e-6, 0.5).ln() / std::f64::consts::LN_2.powi(2);
    (capacity as f64 * bits_a_key).ceil() as u64
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    /// Keys of the length of an id, all different.
    fn key(number: u64) -> [u8; 16] {
        (u128::from(number) << 64 | u128::from(number.wrapping_mul(0x9e37_79b9_7f4a_7c15))).to_be_bytes()
    }

    fn false_positives(filter: &Bloom, from: u64, count: u64) -> f64 {
        (from..from + count).filter(|number| filter.may_contain(&key(*number))).count() as f64 / count as f64
    }

    #[test]
    fn false_positives_are_as_many_as_was_asked_for() {
        for (target, keys) in [(0.01, 100_000), (0.001, 50_000), (0.05, 1_000)] {
            let filter = Bloom::new(keys, target, u64::MAX).unwrap();
            (0..keys).for_each(|number| filter.add(&key(number)));
            assert!((0..keys).all(|number| filter.may_contain(&key(number))));
            let found = false_positives(&filter, keys, 200_000);
            assert!(found < target * 1.3 && found > target * 0.5, "{found} instead of {target}");
            assert!(filter.len() > keys * 98 / 100 && filter.len() <= keys, "{} of {keys}", filter.len());
        }
    }

    #[test]
    fn one_that_may_take_little_memory_says_maybe_more_often_and_one_that_may_take_none_is_not_made() {
        let filter = Bloom::new(10_000, 0.01, 6_400).unwrap();
        assert!(filter.bytes() <= 6_400);
        (0..10_000).for_each(|number| filter.add(&key(number)));
        let found = false_positives(&filter, 10_000, 100_000);
        assert!((0.01..0.2).contains(&found), "{found}");
        assert!(Bloom::new(10_000, 0.01, 4_000).is_none());
        assert!(Bloom::new(0, 0.01, 0).is_none());
    }

    #[test]
    fn what_was_added_by_any_thread_is_never_denied() {
        let filter = Arc::new(Bloom::new(40_000, 0.01, u64::MAX).unwrap());
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                let filter = Arc::clone(&filter);
                std::thread::spawn(move || {
                    for number in thread * 10_000..(thread + 1) * 10_000 {
                        filter.add(&key(number));
                        assert!(filter.may_contain(&key(number)));
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!((0..40_000).all(|number| filter.may_contain(&key(number))));
    }

    proptest! {
        #[test]
        fn no_key_is_denied_whatever_the_size(
            keys in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..200),
            capacity in 0u64..300,
            target in 0.0f64..0.1,
        ) {
            let filter = Bloom::new(capacity, target, 1 << 20).unwrap();
            for key in &keys {
                filter.add(key);
            }
            prop_assert!(keys.iter().all(|key| filter.may_contain(key)));
        }
    }
}
