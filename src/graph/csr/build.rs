//! Building both directions by counting sort.
//!
//! Edges are scattered by the node they leave (counting sort), and each row is sorted; rows are short.
//! The reverse needs no sort: scattering what is in order by its other end leaves it in order. With several
//! threads each takes a range of the rows that are written, and reads all that is scattered: the writes go
//! all over memory, the reads do not.

use crate::model::{CancelToken, Error, Result};

use super::adjacency::{add, beyond, put, too_many};
use super::{Adjacency, Directions, Graph, parallel};

/// Below this many edges further threads cost more than they bring.
const PARALLEL_EDGES: usize = if cfg!(test) { 1 } else { 200_000 };

/// What numbers the edges have.
#[derive(Debug, Clone, Copy)]
pub enum EdgeNumbers<'a> {
    /// None are kept: 8 bytes an edge less.
    None,
    /// The place of the edge in the input.
    Position,
    /// Those given, beside the ends.
    Given(&'a [u32]),
}

/// Both directions of one set of edges.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Csr {
    /// From each node along its edges.
    pub out: Adjacency,
    /// From each node against the edges that lead to it.
    pub incoming: Adjacency,
}

impl Csr {
    /// Both directions of the edges `from[i] -> to[i]`, in any order, over the nodes `0..bound`. Needs
    /// 8 bytes an edge while it works, besides what it makes.
    ///
    /// # Errors
    /// `BadInput` for a node beyond the bound and for lists of different lengths; `Unsupported` past
    /// 4,294,967,295 edges; `Cancelled`.
    pub fn build(
        bound: u32,
        from: &[u32],
        to: &[u32],
        numbers: EdgeNumbers<'_>,
        threads: usize,
        cancel: &CancelToken,
    ) -> Result<Self> {
        let given = if let EdgeNumbers::Given(given) = numbers { given.len() } else { from.len() };
        if from.len() != to.len() || given != from.len() {
            return Err(Error::bad_input("the lists of the ends and numbers of edges differ in length"));
        }
        if u32::try_from(from.len()).is_err() {
            return Err(too_many());
        }
        if let Some(node) = from.iter().chain(to).copied().max().filter(|node| *node >= bound) {
            return Err(beyond(node, bound));
        }
        cancel.check()?;
        let offsets = offsets(bound, from);
        let ends = from.iter().zip(to);
        let mut packed = match numbers {
            EdgeNumbers::Given(given) => {
                let edges = || ends.clone().zip(given).map(|((from, to), edge)| (*from, pack(*to, *edge)));
                scatter(&offsets, edges, threads)?
            }
            EdgeNumbers::Position => {
                let edges = || ends.clone().zip(0u32..).map(|((from, to), edge)| (*from, pack(*to, edge)));
                scatter(&offsets, edges, threads)?
            }
            EdgeNumbers::None => {
                scatter(&offsets, || ends.clone().map(|(from, to)| (*from, pack(*to, 0))), threads)?
            }
        };
        cancel.check()?;
        sort_rows(&offsets, &mut packed, threads)?;
        let out = unpack(offsets, &packed, !matches!(numbers, EdgeNumbers::None));
        drop(packed);
        cancel.check()?;
        let incoming = reverse(&out, threads)?;
        Ok(Self { out, incoming })
    }

    /// Both directions, where the forward one is there already.
    ///
    /// # Errors
    /// None but `Internal`.
    pub fn from_out(out: Adjacency, threads: usize) -> Result<Self> {
        let incoming = reverse(&out, threads)?;
        Ok(Self { out, incoming })
    }

    /// Both directions, as algorithms take them.
    #[must_use]
    pub fn directions(&self) -> Directions<'_, Adjacency> {
        Directions::new(&self.out, &self.incoming)
    }

    /// The memory it takes, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.out.bytes() + self.incoming.bytes()
    }
}

/// A neighbour and an edge number, ordered as a pair of them.
fn pack(neighbour: u32, edge: u32) -> u64 {
    u64::from(neighbour) << 32 | u64::from(edge)
}

fn unpack(offsets: Vec<u32>, packed: &[u64], numbered: bool) -> Adjacency {
    let neighbours = packed.iter().map(|pair| (pair >> 32) as u32).collect();
    let edges = numbered.then(|| packed.iter().map(|pair| *pair as u32).collect());
    Adjacency::from_trusted(offsets, neighbours, edges)
}

/// The same edges from their other end. They come in order of the node they leave, and so they go into
/// each row.
fn reverse(forward: &Adjacency, threads: usize) -> Result<Adjacency> {
    let bound = forward.bound();
    let offsets = offsets(bound, forward.all_neighbours());
    let packed = if let Some(edges) = forward.all_edges() {
        let row = |node| forward.range(node).zip(std::iter::repeat(node));
        let ends = || (0..bound).flat_map(row).zip(forward.all_neighbours().iter().zip(edges));
        scatter(&offsets, || ends().map(|((_, from), (to, edge))| (*to, pack(from, *edge))), threads)?
    } else {
        let row = |node| forward.neighbours(node).iter().map(move |to| (*to, pack(node, 0)));
        scatter(&offsets, || (0..bound).flat_map(row), threads)?
    };
    Ok(unpack(offsets, &packed, forward.is_numbered()))
}

/// Where each row begins, and where the last ends.
fn offsets(bound: u32, keys: &[u32]) -> Vec<u32> {
    let mut offsets = vec![0u32; bound as usize + 1];
    for key in keys {
        add(&mut offsets, *key + 1, 1);
    }
    let mut end = 0;
    for offset in &mut offsets {
        end += *offset;
        *offset = end;
    }
    offsets
}

/// Puts each value into the row that its key names, in order of the input.
fn scatter<I: Iterator<Item = (u32, u64)>>(
    offsets: &[u32],
    edges: impl Fn() -> I + Sync,
    threads: usize,
) -> Result<Vec<u64>> {
    let mut values = vec![0u64; offsets.last().map_or(0, |end| *end as usize)];
    let parts = cut(offsets, &mut values, threads);
    parallel::map(threads, parts, |(first, starts, values)| {
        let start = starts.first().copied().unwrap_or(0);
        // Where the next value of each row goes.
        let mut next = starts.to_vec();
        next.pop();
        edges().for_each(|(key, value)| {
            if let Some(place) = next.get_mut(key.wrapping_sub(first) as usize) {
                put(values, *place - start, value);
                *place += 1;
            }
        });
        Ok(())
    })?;
    Ok(values)
}

fn sort_rows(offsets: &[u32], values: &mut [u64], threads: usize) -> Result<()> {
    // More parts than threads: sorting takes longer for some rows than for others.
    let parts = cut(offsets, values, if threads > 1 { threads * 4 } else { 1 });
    parallel::map(threads, parts, |(_, starts, values)| {
        let mut rest = values;
        for (start, end) in starts.iter().zip(starts.iter().skip(1)) {
            let (row, after) = rest.split_at_mut((end - start) as usize);
            if !row.is_sorted() {
                row.sort_unstable();
            }
            rest = after;
        }
        Ok(())
    })?;
    Ok(())
}

/// Some rows: the number of the first, where each begins and the last ends, and their values.
type Rows<'a> = (u32, &'a [u32], &'a mut [u64]);

/// The rows in parts with about as many values each.
fn cut<'a>(offsets: &'a [u32], values: &'a mut [u64], parts: usize) -> Vec<Rows<'a>> {
    let total = values.len() as u64;
    let parts = if values.len() < PARALLEL_EDGES { 1 } else { parts.clamp(1, 256) };
    let bound = offsets.len().saturating_sub(1);
    let mut made = Vec::with_capacity(parts);
    let (mut rest, mut row) = (values, 0);
    for part in 1..=parts {
        let goal = total * part as u64 / parts as u64;
        let found = offsets.partition_point(|offset| u64::from(*offset) < goal);
        let end = if part == parts { bound } else { found.clamp(row, bound) };
        let starts = offsets.get(row..=end).unwrap_or_default();
        let length = starts.last().zip(starts.first()).map_or(0, |(end, start)| end - start);
        let (values, after) = rest.split_at_mut(length as usize);
        made.push((row as u32, starts, values));
        (rest, row) = (after, end);
    }
    made
}
