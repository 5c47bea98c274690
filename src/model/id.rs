//! Identities: public ids, internal row handles, interned names.
//!
//! [`NodeId`] and [`EdgeId`] are the only names the outside sees. They are UUIDs; any version is
//! accepted and kept, and new ones are **version 7** (RFC 9562): time-ordered ids keep inserts into
//! id-keyed B-trees sequential, and rows list in insertion order.
//!
//! [`RowId`] is where a record lives: type id in the upper 24 bits, sequence in the lower 40. It is
//! never reused, and it is not stable across replicas, so it never leaves the engine as an identity.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Error, Result};

macro_rules! public_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0.hyphenated())
            }
        }
        impl FromStr for $name {
            type Err = Error;
            /// # Errors
            /// `BadInput` when the text is not a UUID.
            fn from_str(text: &str) -> Result<Self> {
                Uuid::parse_str(text.trim()).map($name).map_err(|_| {
                    Error::bad_input(format!("'{text}' is not {}: a UUID is needed", $what))
                        .with_hint("ids look like 0198c5f2-7d3a-7c41-9d5e-2b8f6a1c0e47")
                })
            }
        }
        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self { $name(id) }
        }
    };
}
public_id!(
    /// The identity of a node.
    NodeId, "a node id");
public_id!(
    /// The identity of an edge.
    EdgeId, "an edge id");

/// The number of a node type or edge type; at most 2^24 - 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TypeId(pub u32);

impl TypeId {
    /// The largest number a type can have: type ids take 24 bits of a row handle.
    pub const MAX: TypeId = TypeId((1 << 24) - 1);
}

/// The number of a property within its type: what records hold in place of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PropertyId(pub u32);

/// Where a record lives: type id (24 bits), then sequence (40 bits). Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RowId(pub u64);

impl RowId {
    /// The largest sequence number.
    pub const MAX_SEQUENCE: u64 = (1 << 40) - 1;

    /// Puts a handle together. `sequence` above [`RowId::MAX_SEQUENCE`] is cut to its lower 40 bits.
    #[must_use]
    pub fn new(type_id: TypeId, sequence: u64) -> Self {
        RowId((u64::from(type_id.0) << 40) | (sequence & Self::MAX_SEQUENCE))
    }

    /// The type the row belongs to.
    #[must_use]
    pub fn type_id(self) -> TypeId {
        TypeId((self.0 >> 40) as u32)
    }

    /// The row's number within its type.
    #[must_use]
    pub fn sequence(self) -> u64 {
        self.0 & Self::MAX_SEQUENCE
    }

    /// The key bytes: big-endian, so that byte order is number order.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }
}

/// Makes version 7 ids that increase strictly within one generator.
///
/// The 74 bits below the timestamp start at random for each millisecond and count up within it
/// (RFC 9562, section 6.2, method 2: monotonic random).
pub struct IdGenerator {
    state: Mutex<State>,
    seed: Seed,
}

struct State {
    millis: u64,
    low: u128,
}

enum Seed {
    Os,
    Fixed(AtomicU64),
}

const LOW_BITS: u32 = 74;

impl IdGenerator {
    /// A generator seeded by the operating system.
    #[must_use]
    pub fn random() -> Self {
        Self { state: Mutex::new(State { millis: 0, low: 0 }), seed: Seed::Os }
    }

    /// A generator whose ids depend on the seed and the times given alone: for tests.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self { state: Mutex::new(State { millis: 0, low: 0 }), seed: Seed::Fixed(AtomicU64::new(seed)) }
    }

    /// The next id, for a time in microseconds since 1970.
    #[must_use]
    pub fn next(&self, now_micros: i64) -> Uuid {
        let millis = u64::try_from(now_micros / 1000).unwrap_or(0) & ((1 << 48) - 1);
        let mut state = self.state.lock();
        if millis > state.millis {
            state.millis = millis;
            // The top bit starts clear: room to count up within the millisecond.
            state.low = self.random_bits() & ((1 << (LOW_BITS - 1)) - 1);
        } else if state.low + 1 >= (1 << LOW_BITS) {
            state.millis += 1;
            state.low = self.random_bits() & ((1 << (LOW_BITS - 1)) - 1);
        } else {
            state.low += 1;
        }
        let rand_a = (state.low >> 62) & 0xfff;
        let rand_b = state.low & ((1 << 62) - 1);
        Uuid::from_u128((u128::from(state.millis) << 80) | (7 << 76) | (rand_a << 64) | (2 << 62) | rand_b)
    }

    fn random_bits(&self) -> u128 {
        match &self.seed {
            Seed::Os => {
                let mut bytes = [0u8; 16];
                // Without randomness the counter still keeps ids of one process apart.
                if getrandom::fill(&mut bytes).is_err() {
                    return 0;
                }
                u128::from_le_bytes(bytes)
            }
            Seed::Fixed(state) => {
                // SplitMix64 (Steele, Lea, Flood 2014).
                let next = || {
                    let mut z = state
                        .fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed)
                        .wrapping_add(0x9e37_79b9_7f4a_7c15);
                    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                    z ^ (z >> 31)
                };
                (u128::from(next()) << 64) | u128::from(next())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_handle_is_type_then_sequence() {
        let row = RowId::new(TypeId(5), 77);
        assert_eq!((row.type_id(), row.sequence()), (TypeId(5), 77));
        assert!(RowId::new(TypeId(5), RowId::MAX_SEQUENCE) < RowId::new(TypeId(6), 0));
        assert_eq!(row.to_bytes(), [0, 0, 5, 0, 0, 0, 0, 77]);
    }

    #[test]
    fn ids_are_version_7_and_increase_even_when_the_clock_stands_or_steps_back() {
        let ids = IdGenerator::seeded(1);
        let mut last = Uuid::nil();
        for now in [1_000_000i64, 1_000_000, 1_000_400, 999_000, 2_000_000, 2_000_000] {
            let id = ids.next(now);
            assert_eq!(id.get_version_num(), 7);
            assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
            assert!(id > last, "{id} after {last}");
            last = id;
        }
    }
}
