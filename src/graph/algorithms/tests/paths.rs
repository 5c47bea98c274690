//! Searches and paths.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::super::*;
use super::{both, naive};
use crate::graph::csr::tests::{Sample, karate_club, neighbours, samples};
use crate::graph::csr::{Directions, Graph, Undirected};
use crate::model::CancelToken;

/// Two nodes of the sample, if it has any.
fn ends(sample: &Sample, picks: (usize, usize)) -> Option<(u32, u32)> {
    let nodes: Vec<u32> = sample.nodes().collect();
    (!nodes.is_empty()).then(|| (nodes[picks.0 % nodes.len()], nodes[picks.1 % nodes.len()]))
}

const MODES: [PathMode; 4] = [PathMode::Walk, PathMode::Trail, PathMode::Acyclic, PathMode::Simple];

fn is_way(graph: &impl Graph, path: &Path, from: u32, to: u32) -> bool {
    let steps = path.nodes.windows(2).zip(&path.edges);
    path.nodes.len() == path.edges.len() + 1
        && (path.nodes.first(), path.nodes.last()) == (Some(&from), Some(&to))
        && steps.into_iter().all(|(ends, edge)| neighbours(graph, ends[0]).contains(&(ends[1], *edge)))
}

proptest! {
    #[test]
    fn levels_are_by_steps(sample in samples(20, 40), pick in any::<(usize, usize)>(), depth in prop::option::of(0u32..4)) {
        let Some((start, other)) = ends(&sample, pick) else { return Ok(()) };
        let steps = naive::steps(&sample);
        let starts = if pick.0 % 2 == 0 { vec![start] } else { vec![other, start, other] };
        let limits = Limits { max_depth: depth, max_fan_out: None };
        let found = both(&sample, |graph, run| levels(graph.out, Some(graph.incoming), &starts, limits, run).unwrap());
        let plain = both(&sample, |graph, run| levels(graph.out, None, &starts, limits, run).unwrap());
        prop_assert_eq!(&found, &plain);
        let nearest = |node: u32| starts.iter().filter_map(|s| steps[*s as usize][node as usize]).min();
        for level in 0..sample.bound + 1 {
            let within = depth.is_none_or(|depth| level <= depth);
            let expected: Vec<u32> = sample.nodes().filter(|n| within && nearest(*n) == Some(level)).collect();
            prop_assert_eq!(found.level(level as usize), &expected[..]);
        }
        let all = both(&sample, |graph, run| distances(graph.out, Some(graph.incoming), start, run).unwrap());
        for node in 0..sample.bound {
            prop_assert_eq!(all[node as usize], steps[start as usize][node as usize].unwrap_or(UNREACHED));
        }
        let sizes = both(&sample, |graph, run| level_sizes(graph.out, &[start, other], depth, run).unwrap());
        let one = both(&sample, |graph, run| levels(graph.out, None, &[start], limits, run).unwrap());
        prop_assert_eq!(&sizes[0], &(0..one.len()).map(|level| one.level(level).len() as u64).collect::<Vec<_>>());
    }

    #[test]
    fn many_sources_at_once_find_what_each_finds(sample in samples(90, 200)) {
        let sources: Vec<u32> = sample.nodes().chain(sample.nodes().take(3)).collect();
        let sizes = both(&sample, |graph, run| level_sizes(graph.out, &sources, None, run).unwrap());
        prop_assert_eq!(sizes.len(), sources.len());
        for (source, sizes) in sources.iter().zip(&sizes) {
            let one = both(&sample, |graph, run| levels(graph.out, None, &[*source], Limits::default(), run).unwrap());
            prop_assert_eq!(sizes, &(0..one.len()).map(|level| one.level(level).len() as u64).collect::<Vec<_>>());
        }
    }

    #[test]
    fn shortest_and_all_shortest(sample in samples(7, 14), pick in any::<(usize, usize)>(), max in prop::option::of(0u32..6)) {
        let Some((from, to)) = ends(&sample, pick) else { return Ok(()) };
        let expected = naive::steps(&sample)[from as usize][to as usize].filter(|steps| max.is_none_or(|max| *steps <= max));
        let path = both(&sample, |graph, run| shortest_path(graph, from, to, max, run).unwrap());
        prop_assert_eq!(path.as_ref().map(|path| path.len() as u32), expected);
        prop_assert!(path.is_none_or(|path| is_way(&sample.csr().out, &path, from, to)));
        let all = both(&sample, |graph, run| {
            let all = all_shortest_paths(graph, from, to, max, run).unwrap();
            (all.length(), all.count(), all.paths().collect::<Vec<_>>())
        });
        prop_assert_eq!(all.0, expected);
        let mut naive = naive::all_paths(&sample, from, to, PathMode::Walk, expected.unwrap_or(0) as usize);
        naive.retain(|path| Some(path.len() as u32) == expected);
        prop_assert_eq!(all.1, naive.len() as u128);
        prop_assert_eq!(all.2.into_iter().collect::<BTreeSet<_>>(), naive.into_iter().collect::<BTreeSet<_>>());
    }

    #[test]
    fn paths_come_one_after_another(sample in samples(6, 7), pick in any::<(usize, usize)>()) {
        let Some((from, to)) = ends(&sample, pick) else { return Ok(()) };
        for mode in MODES {
            let longest = if mode == PathMode::Walk { 4 } else { 7 };
            let found = both(&sample, |graph, run| {
                let paths = k_shortest_paths(graph, from, to, mode, run).unwrap().map(Result::unwrap);
                paths.take_while(|path| path.len() <= longest).collect::<Vec<_>>()
            });
            prop_assert!(found.is_sorted_by_key(Path::len), "{:?}", mode);
            let expected = naive::all_paths(&sample, from, to, mode, longest);
            prop_assert_eq!(found.len(), expected.len(), "{:?}", mode);
            prop_assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected.into_iter().collect::<BTreeSet<_>>());
        }
    }

    /// In the undirected view a trail may take an edge in one direction only.
    #[test]
    fn undirected_paths_come_one_after_another(sample in samples(5, 6), pick in any::<(usize, usize)>()) {
        let Some((from, to)) = ends(&sample, pick) else { return Ok(()) };
        let csr = sample.csr();
        let graph = Undirected(csr.directions());
        let cancel = CancelToken::new();
        for mode in MODES {
            let longest = if mode == PathMode::Walk { 4 } else { 7 };
            let paths = k_shortest_paths(Directions::symmetric(&graph), from, to, mode, Run::new(&cancel)).unwrap();
            let found: Vec<Path> = paths.map(Result::unwrap).take_while(|path| path.len() <= longest).collect();
            let count = found.len();
            let expected = naive::undirected_paths(&sample, from, to, mode, longest);
            let expected: BTreeSet<_> = expected.into_iter().collect();
            prop_assert!(found.is_sorted_by_key(Path::len));
            let found: BTreeSet<_> = found.into_iter().collect();
            prop_assert_eq!(found.len(), count, "{:?}", mode);
            prop_assert_eq!(found, expected, "{:?}", mode);
        }
    }

    #[test]
    fn cheapest_ways_are_those_of_bellman_and_ford(sample in samples(12, 40), pick in any::<(usize, usize)>(), costs in prop::collection::vec(0u8..6, 41)) {
        let Some((from, to)) = ends(&sample, pick) else { return Ok(()) };
        let weight = |edge: u32| match costs[edge as usize] {
            5 => f64::INFINITY,
            cost => f64::from(cost) / 2.0,
        };
        let mut expected = vec![f64::INFINITY; sample.bound as usize];
        expected[from as usize] = 0.0;
        for _ in 0..sample.bound {
            for ((one, other), edge) in sample.edges.iter().zip(0u32..) {
                expected[*other as usize] = expected[*other as usize].min(expected[*one as usize] + weight(edge));
            }
        }
        let whole = both(&sample, |graph, run| cheapest_paths(graph.out, from, weight, Goal::default(), run).unwrap());
        prop_assert_eq!(whole.costs(), &expected[..]);
        let single = both(&sample, |graph, run| cheapest_path(graph.out, from, to, weight, run).unwrap());
        prop_assert_eq!(single.as_ref().map(|(_, cost)| *cost), whole.cost(to));
        for node in sample.nodes() {
            let Some(path) = whole.path(node) else { continue };
            prop_assert!(is_way(&sample.csr().out, &path, from, node));
            prop_assert_eq!(path.edges.iter().map(|edge| weight(*edge)).sum::<f64>(), expected[node as usize]);
        }
        let near = Goal { target: None, max_cost: Some(1.0) };
        let near = both(&sample, |graph, run| cheapest_paths(graph.out, from, weight, near, run).unwrap());
        for node in sample.nodes() {
            prop_assert_eq!(near.cost(node), whole.cost(node).filter(|cost| *cost <= 1.0));
        }
    }
}

#[test]
fn a_fan_out_is_the_first_edges_and_is_told() {
    let sample = Sample::new(6, &[(0, 5), (0, 1), (0, 3), (1, 2), (3, 4)]);
    let limits = Limits { max_depth: None, max_fan_out: Some(2) };
    let found =
        both(&sample, |graph, run| levels(graph.out, Some(graph.incoming), &[0], limits, run).unwrap());
    assert_eq!((found.level(1), found.level(2), found.is_truncated()), (&[1, 3][..], &[2, 4][..], true));
    let limits = Limits { max_fan_out: Some(3), ..limits };
    let found = both(&sample, |graph, run| levels(graph.out, None, &[0], limits, run).unwrap());
    assert_eq!((found.nodes().len(), found.len(), found.is_truncated()), (6, 3, false));
}

#[test]
fn wrong_weights_and_nodes_are_errors() {
    let sample = Sample::new(3, &[(0, 1), (1, 2)]);
    for wrong in [-1.0, f64::NAN] {
        let weight = |edge| if edge == 1 { wrong } else { 1.0 };
        let error = both(&sample, |graph, run| cheapest_path(graph.out, 0, 2, weight, run).unwrap_err());
        assert!(error.message().starts_with("the weight of edge 1 is"), "{error}");
    }
    both(&sample, |graph, run| {
        assert!(shortest_path(graph, 0, 3, None, run).is_err());
        assert!(all_shortest_paths(graph, 3, 0, None, run).is_err());
        assert!(k_shortest_paths(graph, 0, 3, PathMode::Trail, run).is_err());
        assert!(levels(graph.out, None, &[3], Limits::default(), run).is_err());
        assert!(cheapest_path(graph.out, 3, 0, |_| 1.0, run).is_err());
        assert!(level_sizes(graph.out, &[7], None, run).is_err());
    });
}

#[test]
fn more_shortest_paths_than_can_be_enumerated_are_counted() {
    // 200 diamonds in a row: 2^200 paths, and the first few at once.
    let edges: Vec<_> = (0..200u32)
        .flat_map(|at| {
            [(3 * at, 3 * at + 1), (3 * at, 3 * at + 2), (3 * at + 1, 3 * at + 3), (3 * at + 2, 3 * at + 3)]
        })
        .collect();
    let all = |sample: &Sample, to| {
        both(sample, |graph, run| {
            let all = all_shortest_paths(graph, 0, to, None, run).unwrap();
            (all.count(), all.length(), all.paths().take(3).collect::<Vec<_>>())
        })
    };
    let sample = Sample::new(601, &edges);
    let (count, length, first) = all(&sample, 600);
    assert_eq!((count, length, first.len()), (u128::MAX, Some(400), 3));
    assert_eq!(all(&sample, 300).0, 1 << 100);
    let shortest = both(&sample, |graph, run| {
        k_shortest_paths(graph, 0, 600, PathMode::Simple, run)
            .unwrap()
            .take(40)
            .map(|path| path.unwrap().len())
            .collect::<Vec<_>>()
    });
    assert_eq!(shortest, [400; 40]);
}

#[test]
fn long_chains_are_no_matter() {
    let size = 200_000;
    let edges: Vec<_> = (1..size).map(|node| (node - 1, node)).collect();
    let sample = Sample::new(size, &edges);
    let csr = sample.csr();
    let cancel = CancelToken::new();
    let (graph, run) = (csr.directions(), Run::new(&cancel));
    let last = size - 1;
    assert_eq!(shortest_path(graph, 0, last, None, run).unwrap().unwrap().len(), last as usize);
    assert_eq!(all_shortest_paths(graph, 0, last, None, run).unwrap().count(), 1);
    assert_eq!(
        levels(graph.out, Some(graph.incoming), &[0], Limits::default(), run).unwrap().len(),
        size as usize
    );
    for mode in MODES {
        assert_eq!(k_shortest_paths(graph, 0, last, mode, run).unwrap().count(), 1);
    }
    assert_eq!(cheapest_path(graph.out, 0, last, |_| 1.0, run).unwrap().unwrap().1, f64::from(last));
    assert_eq!(strong_components(graph.out, run).unwrap().count(), size as usize);
    assert_eq!(connected_components(graph, run).unwrap().count(), 1);
    assert_eq!(core_numbers(graph, run).unwrap().iter().max(), Some(&1));
}

#[test]
fn the_karate_club_is_near() {
    let club = karate_club();
    let csr = club.csr();
    let graph = Undirected(csr.directions());
    let cancel = CancelToken::new();
    let graph = Directions::symmetric(&graph);
    let farthest = |node| *distances(graph.out, None, node, Run::new(&cancel)).unwrap().iter().max().unwrap();
    assert_eq!((0..34).map(farthest).max(), Some(5));
    assert_eq!(all_shortest_paths(graph, 0, 33, None, Run::new(&cancel)).unwrap().count(), 4);
}
