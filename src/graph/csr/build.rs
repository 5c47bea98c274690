//! Building both directions by counting sort.
//!
//! Edges are scattered by their end, then from there by their start: a counting sort is stable, so the
//! forward direction comes out in order of (from, to) without a comparison (radix sort from the less
//! significant digit; Knuth, The Art of Computer Programming 3, 5.2.5). Scattering that by its end
//! makes the reverse, in order as well. With several threads each takes a range of the rows that are
//! written, and reads all that is scattered: the writes go all over memory, the reads do not.

use crate::model::{CancelToken, Error, Result};

use super::adjacency::{at, beyond, put, too_many};
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
    /// 12 bytes an edge while it works, besides what it makes.
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
        let by_end = match numbers {
            EdgeNumbers::Given(given) => scatter(bound, to, from, Some(given), threads)?,
            EdgeNumbers::Position => {
                let positions: Vec<u32> = (0..from.len() as u32).collect();
                scatter(bound, to, from, Some(&positions), threads)?
            }
            EdgeNumbers::None => scatter(bound, to, from, None, threads)?,
        };
        cancel.check()?;
        let mut out = reverse(&by_end, threads)?;
        drop(by_end);
        if let EdgeNumbers::Given(given) = numbers
            && !given.is_sorted()
        {
            order_parallel_edges(&mut out);
        }
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

/// The same edges from their other end; the order within a node is that of the nodes they come from.
fn reverse(forward: &Adjacency, threads: usize) -> Result<Adjacency> {
    let mut from = Vec::with_capacity(forward.all_neighbours().len());
    for node in 0..forward.bound() {
        from.resize(from.len() + forward.degree(node) as usize, node);
    }
    scatter(forward.bound(), forward.all_neighbours(), &from, forward.all_edges(), threads)
}

/// Puts each value, and its number, into the row that its key names, in order of the input.
fn scatter(
    bound: u32,
    keys: &[u32],
    values: &[u32],
    numbers: Option<&[u32]>,
    threads: usize,
) -> Result<Adjacency> {
    let mut offsets = vec![0u32; bound as usize + 1];
    for key in keys {
        if let Some(count) = offsets.get_mut(*key as usize + 1) {
            *count += 1;
        }
    }
    let mut end = 0;
    for offset in &mut offsets {
        end += *offset;
        *offset = end;
    }
    let mut neighbours = vec![0u32; keys.len()];
    let mut edges = numbers.map(|numbers| vec![0u32; numbers.len()]);
    let threads = if keys.len() < PARALLEL_EDGES { 1 } else { threads.clamp(1, 64) };
    let mut parts = Vec::with_capacity(threads);
    let mut rest = neighbours.as_mut_slice();
    let mut rest_edges = edges.as_deref_mut();
    let mut row = 0;
    for part in 1..=threads {
        // Rows with about as many edges for each; the last takes what is left.
        let goal = (keys.len() as u64 * part as u64 / threads as u64) as u32;
        let cut = (offsets.partition_point(|offset| *offset < goal) as u32).clamp(row, bound);
        let end = if part == threads { bound } else { cut };
        let start = at(&offsets, row);
        let length = (at(&offsets, end) - start) as usize;
        let (neighbours, after) = rest.split_at_mut(length);
        rest = after;
        let edges = rest_edges.take().map(|edges| {
            let (edges, after) = edges.split_at_mut(length);
            rest_edges = Some(after);
            edges
        });
        let cursors = offsets.get(row as usize..end as usize).unwrap_or_default().to_vec();
        parts.push(Rows { first: row, start, cursors, neighbours, edges });
        row = end;
    }
    parallel::map(threads, parts, |rows| {
        rows.fill(keys, values, numbers);
        Ok(())
    })?;
    Ok(Adjacency::from_trusted(offsets, neighbours, edges))
}

/// Rows that one thread writes, from the first on.
struct Rows<'a> {
    first: u32,
    /// The place of the first among all.
    start: u32,
    /// Where the next value of each row goes.
    cursors: Vec<u32>,
    neighbours: &'a mut [u32],
    edges: Option<&'a mut [u32]>,
}

impl Rows<'_> {
    fn fill(mut self, keys: &[u32], values: &[u32], numbers: Option<&[u32]>) {
        let mut place_of = |key: u32| {
            let cursor = self.cursors.get_mut(key.wrapping_sub(self.first) as usize)?;
            let place = *cursor - self.start;
            *cursor += 1;
            Some(place)
        };
        if let (Some(edges), Some(numbers)) = (self.edges, numbers) {
            for ((key, value), number) in keys.iter().zip(values).zip(numbers) {
                if let Some(place) = place_of(*key) {
                    put(self.neighbours, place, *value);
                    put(edges, place, *number);
                }
            }
        } else {
            for (key, value) in keys.iter().zip(values) {
                if let Some(place) = place_of(*key) {
                    put(self.neighbours, place, *value);
                }
            }
        }
    }
}

/// Parallel edges came in the order of the input: sorts them by number.
fn order_parallel_edges(out: &mut Adjacency) {
    for node in 0..out.bound() {
        let Some((neighbours, edges)) = out.row_mut(node) else { return };
        let mut rest = edges;
        for run in neighbours.chunk_by(|one, other| one == other) {
            let (equal, after) = rest.split_at_mut(run.len().min(rest.len()));
            equal.sort_unstable();
            rest = after;
        }
    }
}
