//! PageRank and betweenness.

use proptest::prelude::*;

use super::super::*;
use super::{both, naive};
use crate::graph::csr::tests::{Sample, karate_club, samples};
use crate::graph::csr::{Directions, Undirected};
use crate::model::CancelToken;

/// By the definition, so many times.
fn rank(sample: &Sample, weight: impl Fn(u32) -> f64, shares: &[f64], damping: f64, times: u32) -> Vec<f64> {
    let size = sample.bound as usize;
    let mut sums = vec![0.0; size];
    for ((from, _), edge) in sample.edges.iter().zip(0u32..) {
        sums[*from as usize] += weight(edge);
    }
    let mut ranks = shares.to_vec();
    for _ in 0..times {
        let stuck: f64 = (0..size).filter(|node| sums[*node] == 0.0).map(|node| ranks[node]).sum();
        let mut next: Vec<f64> =
            shares.iter().map(|share| share * (1.0 - damping + damping * stuck)).collect();
        for ((from, to), edge) in sample.edges.iter().zip(0u32..) {
            if sums[*from as usize] > 0.0 {
                next[*to as usize] += damping * ranks[*from as usize] * weight(edge) / sums[*from as usize];
            }
        }
        ranks = next;
    }
    ranks
}

proptest! {
    #[test]
    fn ranks_are_by_definition(sample in samples(100, 250), weights in prop::collection::vec(0u8..4, 251), damping in 0.0f64..0.95, given in any::<bool>()) {
        let live: Vec<f64> = (0..sample.bound).map(|node| f64::from(u8::from(sample.live.contains(node)))).collect();
        let weight = |edge: u32| f64::from(weights[edge as usize]);
        let wishes: Vec<f64> = (0u32..).zip(&live).map(|(node, live)| f64::from(node % 4 + 1) * live).collect();
        let wished = if given { &wishes } else { &live };
        let all: f64 = wished.iter().sum();
        let shares: Vec<f64> = wished.iter().map(|share| if all > 0.0 { share / all } else { 0.0 }).collect();
        let options = PageRankOptions { damping, tolerance: 0.0, max_iterations: 20, ..PageRankOptions::default() };
        if all > 0.0 {
            let weighted = PageRankOptions { weights: Some(&weight), personalization: given.then_some(&wishes), ..options };
            let found = both(&sample, |graph, run| pagerank(graph, weighted, run).unwrap().ranks);
            prop_assert!(naive::close(&found, &rank(&sample, weight, &shares, damping, 20)));
            prop_assert!((found.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        }
        if !given {
            let found = both(&sample, |graph, run| pagerank(graph, options, run).unwrap().ranks);
            prop_assert!(naive::close(&found, &rank(&sample, |_| 1.0, &shares, damping, 20)));
        }
    }

    #[test]
    fn betweenness_is_by_definition(sample in samples(10, 30), picks in prop::collection::vec(any::<usize>(), 0..4)) {
        let mut simple = sample.clone();
        simple.edges.sort_unstable();
        simple.edges.dedup();
        let steps = naive::steps(&simple);
        let size = sample.bound as usize;
        let ways = |from: usize, to: usize| -> f64 {
            let Some(length) = steps[from][to] else { return 0.0 };
            naive::all_paths(&simple, from as u32, to as u32, PathMode::Acyclic, length as usize).len() as f64
        };
        let ways: Vec<Vec<f64>> = (0..size).map(|from| (0..size).map(|to| ways(from, to)).collect()).collect();
        let from_sources = |sources: &[u32]| {
            let mut sums = vec![0.0; size];
            for from in sources.iter().map(|source| *source as usize) {
                for to in 0..size {
                    for (node, sum) in sums.iter_mut().enumerate() {
                        if let (Some(whole), Some(one), Some(two)) = (steps[from][to], steps[from][node], steps[node][to])
                            && node != from && node != to && one + two == whole
                        {
                            *sum += ways[from][node] * ways[node][to] / ways[from][to];
                        }
                    }
                }
            }
            sums
        };
        let nodes: Vec<u32> = sample.nodes().collect();
        let exact = BetweennessOptions { sources: Sources::All, normalized: false };
        let found = both(&sample, |graph, run| betweenness(graph.out, exact, run).unwrap());
        prop_assert!(naive::close(&found, &from_sources(&nodes)));
        if nodes.is_empty() || picks.is_empty() {
            return Ok(());
        }
        let sources: Vec<u32> = picks.iter().map(|pick| nodes[pick % nodes.len()]).collect();
        let some = BetweennessOptions { sources: Sources::Given(&sources), normalized: true };
        let found = both(&sample, |graph, run| betweenness(graph.out, some, run).unwrap());
        let count = nodes.len() as f64;
        let pairs = (count - 1.0) * (count - 2.0);
        let scale = if pairs > 0.0 { count / sources.len() as f64 / pairs } else { 0.0 };
        let expected: Vec<f64> = from_sources(&sources).into_iter().map(|sum| sum * scale).collect();
        prop_assert!(naive::close(&found, &expected));
    }
}

#[test]
fn the_karate_club() {
    let club = karate_club();
    let csr = club.csr();
    let undirected = Undirected(csr.directions());
    let cancel = CancelToken::new();
    let run = Run::new(&cancel);
    let graph = Directions::symmetric(&undirected);
    let ranks =
        pagerank(graph, PageRankOptions { tolerance: 1e-10, ..PageRankOptions::default() }, run).unwrap();
    assert!(ranks.change <= 1e-10 && ranks.iterations < 100);
    assert!((ranks.ranks[33] - 0.100_918).abs() < 1e-5 && (ranks.ranks[0] - 0.096_997).abs() < 1e-5);
    let exact = BetweennessOptions { sources: Sources::All, normalized: true };
    let between = betweenness(graph.out, exact, run).unwrap();
    assert!((between[0] - 0.437_635).abs() < 1e-6 && (between[33] - 0.304_075).abs() < 1e-6);
    let sampled = |count, seed| {
        let options = BetweennessOptions { sources: Sources::Sample { count, seed }, normalized: true };
        betweenness(graph.out, options, run).unwrap()
    };
    assert!(naive::close(&sampled(100, 1), &between));
    assert_eq!(sampled(10, 7), sampled(10, 7));
    assert_ne!(sampled(10, 7), sampled(10, 8));
    assert!((sampled(20, 3)[0] - between[0]).abs() < 0.15);
}

#[test]
fn wrong_options_are_errors() {
    let sample = Sample::new(3, &[(0, 1), (1, 2)]);
    let refused =
        |options: PageRankOptions<'_>| both(&sample, |graph, run| pagerank(graph, options, run).is_err());
    let usual = PageRankOptions::default();
    assert!(!refused(usual));
    assert!(
        refused(PageRankOptions { damping: 1.0, ..usual })
            && refused(PageRankOptions { damping: f64::NAN, ..usual })
    );
    assert!(refused(PageRankOptions { weights: Some(&|_| -1.0), ..usual }));
    for wrong in [&[0.0, 0.0, 0.0][..], &[1.0, 1.0], &[1.0, -1.0, 1.0], &[f64::MAX, f64::MAX, 1.0]] {
        assert!(refused(PageRankOptions { personalization: Some(wrong), ..usual }));
    }
    let sources = BetweennessOptions { sources: Sources::Given(&[3]), normalized: false };
    assert!(both(&sample, |graph, run| betweenness(graph.out, sources, run).is_err()));
}
