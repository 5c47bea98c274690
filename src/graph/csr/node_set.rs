//! A set of node numbers, one bit each.

/// A set of numbers below a bound: nodes that live, nodes that pass a filter, nodes that were seen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NodeSet {
    words: Vec<u64>,
    bound: u32,
}

impl NodeSet {
    /// None of the numbers below the bound.
    #[must_use]
    pub fn new(bound: u32) -> Self {
        Self { words: vec![0; bound.div_ceil(64) as usize], bound }
    }

    /// All numbers below the bound.
    #[must_use]
    pub fn full(bound: u32) -> Self {
        let mut words = vec![u64::MAX; bound.div_ceil(64) as usize];
        if let (Some(last), 1..) = (words.last_mut(), bound % 64) {
            *last = (1 << (bound % 64)) - 1;
        }
        Self { words, bound }
    }

    /// Those of the given numbers that are below the bound.
    #[must_use]
    pub fn from_nodes(bound: u32, nodes: impl IntoIterator<Item = u32>) -> Self {
        let mut set = Self::new(bound);
        for node in nodes {
            set.insert(node);
        }
        set
    }

    /// One past the largest number it can hold.
    #[must_use]
    pub fn bound(&self) -> u32 {
        self.bound
    }

    /// Whether the number is in it.
    #[inline]
    #[must_use]
    pub fn contains(&self, node: u32) -> bool {
        self.words.get((node / 64) as usize).is_some_and(|word| word >> (node % 64) & 1 == 1)
    }

    /// Adds a number; whether it was new. One beyond the bound is not added.
    #[inline]
    pub fn insert(&mut self, node: u32) -> bool {
        if node >= self.bound {
            return false;
        }
        let Some(word) = self.words.get_mut((node / 64) as usize) else { return false };
        let new = *word >> (node % 64) & 1 == 0;
        *word |= 1 << (node % 64);
        new
    }

    /// Takes a number out; whether it was there.
    pub fn remove(&mut self, node: u32) -> bool {
        let there = self.contains(node);
        if let (Some(word), true) = (self.words.get_mut((node / 64) as usize), there) {
            *word &= !(1 << (node % 64));
        }
        there
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.words.iter().map(|word| word.count_ones()).sum()
    }

    /// The numbers in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.words.iter().zip((0u32..).step_by(64)).flat_map(|(word, first)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                let bit = (rest != 0).then(|| rest.trailing_zeros())?;
                rest &= rest - 1;
                Some(first + bit)
            })
        })
    }

    /// The bits, 64 numbers to a word, the smallest lowest.
    pub(in crate::graph) fn words_mut(&mut self) -> &mut [u64] {
        &mut self.words
    }

    /// Adds every number of another set that is below the bound of this one.
    pub fn extend(&mut self, other: &NodeSet) {
        for (word, more) in self.words.iter_mut().zip(&other.words) {
            *word |= more;
        }
        if let (Some(last), 1..) = (self.words.last_mut(), self.bound % 64) {
            *last &= (1 << (self.bound % 64)) - 1;
        }
    }

    /// Takes everything out.
    pub fn clear(&mut self) {
        self.words.fill(0);
    }
}
