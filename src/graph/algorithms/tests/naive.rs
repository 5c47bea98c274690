//! The simple algorithms.

use std::collections::BTreeSet;

use super::super::{Path, PathMode};
use crate::graph::csr::tests::Sample;

/// Of each pair the steps between them (Floyd, Warshall).
pub(super) fn steps(sample: &Sample) -> Vec<Vec<Option<u32>>> {
    let size = sample.bound as usize;
    let mut steps = vec![vec![None; size]; size];
    for (from, to) in &sample.edges {
        steps[*from as usize][*to as usize] = Some(1);
    }
    for node in sample.nodes() {
        steps[node as usize][node as usize] = Some(0);
    }
    for middle in 0..size {
        for from in 0..size {
            for to in 0..size {
                if let (Some(one), Some(two)) = (steps[from][middle], steps[middle][to])
                    && steps[from][to].is_none_or(|known| one + two < known)
                {
                    steps[from][to] = Some(one + two);
                }
            }
        }
    }
    steps
}

/// All paths of a mode with at most so many edges, by length.
pub(super) fn all_paths(sample: &Sample, from: u32, to: u32, mode: PathMode, longest: usize) -> Vec<Path> {
    paths_where(sample, from, to, longest, |path| allowed(path, mode))
}

/// The same with each edge in both directions under one number.
pub(super) fn undirected_paths(
    sample: &Sample,
    from: u32,
    to: u32,
    mode: PathMode,
    longest: usize,
) -> Vec<Path> {
    let size = sample.edges.len() as u32;
    let mut doubled = sample.clone();
    doubled.edges.extend(sample.reversed().edges);
    let plain = |path: &Path| {
        let edges = path.edges.iter().map(|edge| edge % size.max(1)).collect();
        Path { nodes: path.nodes.clone(), edges }
    };
    // A loop is there once.
    let is_loop =
        |edge: u32| sample.edges[(edge % size) as usize].0 == sample.edges[(edge % size) as usize].1;
    let found = paths_where(&doubled, from, to, longest, |path| {
        let last = path.edges.last().copied();
        last.is_none_or(|edge| edge < size || !is_loop(edge)) && allowed(&plain(path), mode)
    });
    found.iter().map(plain).collect()
}

fn paths_where(
    sample: &Sample,
    from: u32,
    to: u32,
    longest: usize,
    allowed: impl Fn(&Path) -> bool,
) -> Vec<Path> {
    let mut found = Vec::new();
    let mut unfinished = vec![Path { nodes: vec![from], edges: Vec::new() }];
    for length in 0..=longest {
        let mut next = Vec::new();
        for path in unfinished {
            let last = *path.nodes.last().unwrap();
            if last == to {
                found.push(path.clone());
            }
            for (other, edge) in sample.out(last).into_iter().filter(|_| length < longest) {
                let mut longer = path.clone();
                longer.nodes.push(other);
                longer.edges.push(edge);
                if allowed(&longer) {
                    next.push(longer);
                }
            }
        }
        unfinished = next;
    }
    found
}

fn differ<T: Ord>(list: &[T]) -> bool {
    list.iter().collect::<BTreeSet<_>>().len() == list.len()
}

fn allowed(path: &Path, mode: PathMode) -> bool {
    match mode {
        PathMode::Walk => true,
        PathMode::Trail => differ(&path.edges),
        PathMode::Acyclic => differ(&path.nodes),
        PathMode::Simple => {
            differ(&path.nodes[1..]) && !path.nodes[1..path.nodes.len() - 1].contains(&path.nodes[0])
        }
    }
}

/// The simple undirected view as a matrix.
pub(super) fn pairs(sample: &Sample) -> Vec<Vec<bool>> {
    let size = sample.bound as usize;
    let mut pairs = vec![vec![false; size]; size];
    for (from, to) in &sample.edges {
        if from != to {
            pairs[*from as usize][*to as usize] = true;
            pairs[*to as usize][*from as usize] = true;
        }
    }
    pairs
}

/// Names each group by its smallest node.
pub(super) fn groups(sample: &Sample, together: impl Fn(u32, u32) -> bool) -> Vec<u32> {
    let of = |node| match sample.live.contains(node) {
        true => sample.nodes().find(|other| together(node, *other)).unwrap(),
        false => u32::MAX,
    };
    (0..sample.bound).map(of).collect()
}

pub(super) fn close(one: &[f64], other: &[f64]) -> bool {
    let near = |(one, other): (&f64, &f64)| (one - other).abs() <= 1e-9 * (1.0 + other.abs());
    one.len() == other.len() && one.iter().zip(other).all(near)
}
