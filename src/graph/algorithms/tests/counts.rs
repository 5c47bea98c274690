//! Degrees, walks, triangles and cores.

use proptest::prelude::*;

use super::super::*;
use super::{both, naive};
use crate::graph::csr::NodeSet;
use crate::graph::csr::tests::{Sample, karate_club, samples};

proptest! {
    #[test]
    fn degrees_and_mutual_pairs(sample in samples(90, 200)) {
        let has = |edge: (u32, u32)| sample.edges.contains(&edge);
        for node in 0..sample.bound {
            let leaving = sample.edges.iter().filter(|edge| edge.0 == node).count() as u64;
            let entering = sample.edges.iter().filter(|edge| edge.1 == node).count() as u64;
            let degree = |kind| both(&sample, |graph, _| degrees(graph, kind)[node as usize]);
            if node % 16 == 0 {
                prop_assert_eq!(degree(DegreeKind::Out), leaving);
                prop_assert_eq!(degree(DegreeKind::In), entering);
                prop_assert_eq!(degree(DegreeKind::Both), leaving + entering);
            }
        }
        let pairs = (0..sample.bound).flat_map(|one| (0..one).map(move |other| (one, other)));
        let expected = pairs.filter(|(one, other)| has((*one, *other)) && has((*other, *one))).count() as u64;
        prop_assert_eq!(both(&sample, |graph, run| mutual_pairs(graph, run).unwrap()), expected);
    }

    #[test]
    fn walks_are_counted_as_if_enumerated(
        sample in samples(9, 18), other in samples(9, 18), hops in 0usize..5, sets in prop::collection::vec(prop::option::of(any::<u16>()), 6),
    ) {
        // The hops take turns between two edge types over the same nodes.
        let mut sample = sample;
        sample.bound = 10;
        sample.live = NodeSet::full(10);
        let second = Sample { edges: other.edges, ..sample.clone() };
        let sets: Vec<Option<NodeSet>> = sets.into_iter().map(|set| {
            set.map(|set| NodeSet::from_nodes(10, (0..10).filter(|node| set >> node & 1 == 1)))
        }).collect();
        let passes = |place: usize, node: u32| sets[place].as_ref().is_none_or(|set| set.contains(node));
        let mut ways: Vec<u128> = (0..10).map(|node| u128::from(passes(0, node))).collect();
        for hop in 0..hops {
            let mut next = vec![0; 10];
            for (from, to) in if hop % 2 == 0 { &sample.edges } else { &second.edges } {
                next[*to as usize] += ways[*from as usize] * u128::from(passes(hop + 1, *to));
            }
            ways = next;
        }
        let filters: Vec<Option<&NodeSet>> = sets.iter().map(Option::as_ref).collect();
        let second = second.csr();
        let first = sample.csr();
        let cancel = crate::model::CancelToken::new();
        for threads in 1..3 {
            let turns: Vec<_> = [first.directions(), second.directions()].into_iter().cycle().take(hops).collect();
            let run = Run::new(&cancel).with_threads(threads);
            prop_assert_eq!(walk_count(&turns, &filters, 10, run).unwrap(), ways.iter().sum::<u128>());
        }
    }

    #[test]
    fn triangles_and_clustering(sample in samples(14, 60)) {
        let pairs = naive::pairs(&sample);
        let size = sample.bound as usize;
        let mut of_node = vec![0u64; size];
        let mut total = 0;
        for one in 0..size {
            for other in 0..one {
                for third in 0..other {
                    if pairs[one][other] && pairs[other][third] && pairs[one][third] {
                        total += 1;
                        [one, other, third].iter().for_each(|node| of_node[*node] += 1);
                    }
                }
            }
        }
        let found = both(&sample, |graph, run| triangles(graph, run).unwrap());
        prop_assert_eq!((found.total, &found.of_node), (total, &of_node));
        for (node, value) in found.clustering().iter().enumerate() {
            let degree = pairs[node].iter().filter(|pair| **pair).count();
            let possible = degree * degree.saturating_sub(1) / 2;
            let expected = if possible == 0 { 0.0 } else { of_node[node] as f64 / possible as f64 };
            prop_assert!((value - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn cores_are_what_peeling_leaves(sample in samples(14, 60)) {
        let pairs = naive::pairs(&sample);
        let size = sample.bound as usize;
        let mut expected = vec![0u32; size];
        for core in 1..size as u32 {
            let mut left = vec![true; size];
            loop {
                let degree = |node: usize| (0..size).filter(|other| left[*other] && pairs[node][*other]).count() as u32;
                let Some(next) = (0..size).find(|node| left[*node] && degree(*node) < core) else { break };
                left[next] = false;
            }
            (0..size).filter(|node| left[*node]).for_each(|node| expected[node] = core);
        }
        prop_assert_eq!(both(&sample, |graph, run| core_numbers(graph, run).unwrap()), expected);
    }

    #[test]
    fn the_simple_view_is_symmetric_and_has_no_loops(sample in samples(100, 250)) {
        let pairs = naive::pairs(&sample);
        let simple = both(&sample, |graph, run| simple_undirected(graph, run).unwrap());
        for (node, row) in (0u32..).zip(&pairs) {
            let expected: Vec<u32> = (0u32..).zip(row).filter(|(_, there)| **there).map(|(other, _)| other).collect();
            prop_assert_eq!(simple.neighbours(node), &expected[..]);
        }
    }
}

#[test]
fn the_karate_club() {
    let club = karate_club();
    let found = both(&club, |graph, run| triangles(graph, run).unwrap());
    assert_eq!((found.total, found.of_node[0], found.of_node[33]), (45, 18, 15));
    let average = found.clustering().iter().sum::<f64>() / 34.0;
    assert!((average - 0.570_638).abs() < 1e-6 && (found.transitivity() - 0.255_682).abs() < 1e-6);
    let cores = both(&club, |graph, run| core_numbers(graph, run).unwrap());
    let of = |core| cores.iter().filter(|own| **own == core).count();
    assert_eq!([of(4), of(3), of(2), of(1)], [10, 12, 11, 1]);
    assert_eq!(both(&club, |graph, run| mutual_pairs(graph, run).unwrap()), 0);
}

#[test]
fn too_many_walks_are_an_error() {
    let edges: Vec<_> = (0..16).flat_map(|one| (0..16).map(move |other| (one, other))).collect();
    let sample = Sample::new(16, &edges);
    let count = |hops: usize| both(&sample, |graph, run| walk_count(&vec![graph; hops], &[], 16, run).ok());
    assert_eq!((count(1), count(2), count(30)), (Some(256), Some(4096), Some(1 << 124)));
    assert_eq!((count(31), count(40)), (None, None));
}
