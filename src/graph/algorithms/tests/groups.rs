//! Components and communities.

use std::collections::HashMap;

use proptest::prelude::*;

use super::super::*;
use super::{both, naive};
use crate::graph::csr::tests::{Sample, karate_club, samples};

proptest! {
    #[test]
    fn components(sample in samples(24, 30)) {
        let mut undirected = sample.clone();
        undirected.edges.extend(sample.reversed().edges);
        let (steps, either) = (naive::steps(&sample), naive::steps(&undirected));
        let weak = naive::groups(&sample, |one, other| either[one as usize][other as usize].is_some());
        let strong = naive::groups(&sample, |one, other| {
            steps[one as usize][other as usize].is_some() && steps[other as usize][one as usize].is_some()
        });
        let found = both(&sample, |graph, run| connected_components(graph, run).unwrap());
        prop_assert_eq!(&found.of, &weak);
        prop_assert_eq!(found.sizes().len(), found.count());
        prop_assert_eq!(found.sizes().iter().map(|(_, nodes)| *nodes).sum::<u32>(), sample.live.count());
        prop_assert_eq!(both(&sample, |graph, run| strong_components(graph.out, run).unwrap().of), strong);
    }

    #[test]
    fn components_of_larger_graphs(sample in samples(3000, 4000)) {
        let mut labels: Vec<u32> = (0..sample.bound).collect();
        let mut changed = true;
        while changed {
            changed = false;
            for (from, to) in &sample.edges {
                let least = labels[*from as usize].min(labels[*to as usize]);
                changed |= labels[*from as usize] != labels[*to as usize];
                labels[*from as usize] = least;
                labels[*to as usize] = least;
            }
        }
        let found = both(&sample, |graph, run| connected_components(graph, run).unwrap());
        for node in sample.nodes() {
            prop_assert_eq!(found.of[node as usize], labels[node as usize]);
        }
    }

    #[test]
    fn labels_spread(sample in samples(100, 200), rounds in 0u32..5) {
        let mut labels: Vec<u32> = (0..sample.bound).map(|node| if sample.live.contains(node) { node } else { NO_GROUP }).collect();
        for _ in 0..rounds {
            let mut around: Vec<HashMap<u32, u32>> = vec![HashMap::new(); sample.bound as usize];
            for (from, to) in &sample.edges {
                *around[*from as usize].entry(labels[*to as usize]).or_default() += 1;
                *around[*to as usize].entry(labels[*from as usize]).or_default() += 1;
            }
            for (label, around) in labels.iter_mut().zip(around) {
                let best = around.into_iter().max_by_key(|(label, count)| (*count, std::cmp::Reverse(*label)));
                *label = best.map_or(*label, |(label, _)| label);
            }
        }
        prop_assert_eq!(both(&sample, |graph, run| label_propagation(graph, rounds, run).unwrap()), labels);
    }

    /// The modularity is that of the groups, by its definition over all pairs, and no less than without.
    #[test]
    fn communities(sample in samples(14, 40), weights in prop::collection::vec(0u8..4, 41), resolution in 0.5f64..2.0) {
        let weight = |edge: u32| f64::from(weights[edge as usize]);
        let options = LouvainOptions { resolution, weights: Some(&weight) };
        let found = both(&sample, |graph, run| louvain(graph, options, run).unwrap());
        let size = sample.bound as usize;
        let mut matrix = vec![vec![0.0; size]; size];
        for ((from, to), edge) in sample.edges.iter().zip(0u32..) {
            matrix[*from as usize][*to as usize] += weight(edge);
            matrix[*to as usize][*from as usize] += weight(edge);
        }
        let degrees: Vec<f64> = matrix.iter().map(|row| row.iter().sum()).collect();
        let all: f64 = degrees.iter().sum();
        let modularity = |of: &dyn Fn(usize) -> u32| {
            let mut sum = 0.0;
            for one in 0..size {
                for other in 0..size {
                    if of(one) == of(other) && all > 0.0 {
                        sum += (matrix[one][other] - resolution * degrees[one] * degrees[other] / all) / all;
                    }
                }
            }
            sum
        };
        prop_assert!((found.modularity - modularity(&|node| found.groups.of[node])).abs() < 1e-9);
        prop_assert!(found.modularity >= modularity(&|node| node as u32) - 1e-9);
        for (node, group) in (0u32..).zip(&found.groups.of) {
            prop_assert_eq!(*group == NO_GROUP, !sample.live.contains(node));
            prop_assert!(*group == NO_GROUP || (*group <= node && found.groups.of[*group as usize] == *group));
        }
    }
}

#[test]
fn the_karate_club() {
    let club = karate_club();
    let components = both(&club, |graph, run| connected_components(graph, run).unwrap());
    assert_eq!(components.sizes(), [(0, 34)]);
    assert_eq!(both(&club, |graph, run| strong_components(graph.out, run).unwrap().count()), 34);
    let found = both(&club, |graph, run| louvain(graph, LouvainOptions::default(), run).unwrap());
    // The best there is has 0.4198 and four communities.
    assert!((0.40..0.4199).contains(&found.modularity), "{}", found.modularity);
    assert!((3..=5).contains(&found.groups.count()), "{}", found.groups.count());
    // The two who fell out.
    assert_ne!(found.groups.of[0], found.groups.of[33]);
}

#[test]
fn cliques_in_a_ring_are_communities() {
    let mut edges = Vec::new();
    for clique in 0..10u32 {
        let node = |place: u32| clique * 5 + place;
        edges.extend((0..5).flat_map(|one| (0..one).map(move |other| (node(one), node(other)))));
        edges.push((node(0), (node(0) + 6) % 50));
    }
    let sample = Sample::new(50, &edges);
    let found = both(&sample, |graph, run| louvain(graph, LouvainOptions::default(), run).unwrap());
    assert_eq!(found.groups.of, (0..50).map(|node| node / 5 * 5).collect::<Vec<_>>());
    let labels = both(&sample, |graph, run| label_propagation(graph, 20, run).unwrap());
    assert!((0..50).all(|node| labels[node] == labels[node / 5 * 5]));
    let options = LouvainOptions { resolution: -1.0, weights: None };
    assert!(both(&sample, |graph, run| louvain(graph, options, run).is_err()));
    let options = LouvainOptions { resolution: 1.0, weights: Some(&|_| f64::NAN) };
    assert!(both(&sample, |graph, run| louvain(graph, options, run).is_err()));
}
