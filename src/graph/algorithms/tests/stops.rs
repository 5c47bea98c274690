//! Cancelling, progress, empty graphs, and larger graphs with more threads.

use std::sync::atomic::{AtomicU64, Ordering};

use super::super::*;
use super::both;
use crate::graph::csr::tests::Sample;
use crate::graph::csr::{Csr, Directions, EdgeNumbers, Graph, NodeSet, Overlay};
use crate::model::{CancelToken, Result};

/// Every algorithm, its result as text.
fn all<G: Graph>(graph: Directions<'_, G>, run: Run<'_>) -> Vec<(&'static str, Result<String>)> {
    fn shown<T: std::fmt::Debug>(result: Result<T>) -> Result<String> {
        result.map(|value| format!("{value:?}"))
    }
    let far = graph.out.bound() - 1;
    let paths = |mode| {
        k_shortest_paths(graph, 0, far, mode, run).and_then(|paths| paths.take(4).collect::<Result<Vec<_>>>())
    };
    let between = BetweennessOptions { sources: Sources::Sample { count: 40, seed: 1 }, normalized: false };
    vec![
        ("levels", shown(levels(graph.out, Some(graph.incoming), &[0], Limits::default(), run))),
        ("plain levels", shown(levels(graph.out, None, &[0], Limits::default(), run))),
        ("multi-source", shown(level_sizes(graph.out, &[0; 130], None, run))),
        ("shortest", shown(shortest_path(graph, 0, far, None, run))),
        ("all shortest", shown(all_shortest_paths(graph, 0, far, None, run))),
        ("walks", shown(paths(PathMode::Walk))),
        ("trails", shown(paths(PathMode::Trail))),
        ("simple", shown(paths(PathMode::Simple))),
        ("cheapest", shown(cheapest_paths(graph.out, 0, |edge| f64::from(edge % 7), Goal::default(), run))),
        ("mutual", shown(mutual_pairs(graph, run))),
        ("walk count", shown(walk_count(&[graph; 4], &[None, Some(&NodeSet::full(far))], far + 1, run))),
        ("triangles", shown(triangles(graph, run))),
        ("cores", shown(core_numbers(graph, run))),
        ("pagerank", shown(pagerank(graph, PageRankOptions::default(), run))),
        ("betweenness", shown(betweenness(graph.out, between, run))),
        ("components", shown(connected_components(graph, run))),
        ("strong", shown(strong_components(graph.out, run))),
        ("labels", shown(label_propagation(graph, 5, run))),
        ("louvain", shown(louvain(graph, LouvainOptions::default(), run))),
    ]
}

/// Some nodes have many edges, as in most graphs there are.
fn skewed(nodes: u32, edges: u64) -> Sample {
    let mixed = |seed: u64| (seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 11) as f64 / (1u64 << 53) as f64;
    let node = |chance: f64| (chance.powi(3) * f64::from(nodes)) as u32;
    let edge = |seed: u64| (node(mixed(2 * seed + 1)), (mixed(2 * seed + 2) * f64::from(nodes)) as u32);
    let edges: Vec<_> = (0..edges)
        .map(|seed| {
            if seed % 2 == 0 {
                edge(seed)
            } else {
                let (a, b) = edge(seed);
                (b, a)
            }
        })
        .collect();
    Sample::new(nodes, &edges)
}

#[test]
fn threads_make_no_difference() {
    let csr = skewed(5000, 60_000).csr();
    let cancel = CancelToken::new();
    let one = all(csr.directions(), Run::new(&cancel));
    for threads in [2, 5] {
        for (one, more) in one.iter().zip(all(csr.directions(), Run::new(&cancel).with_threads(threads))) {
            assert_eq!(one.1.as_ref().unwrap(), &more.1.unwrap(), "{}", one.0);
        }
    }
}

#[test]
fn changes_on_top_make_no_difference() {
    let whole = skewed(3000, 30_000);
    let mut base = whole.clone();
    // Some edges are not in the base, and some of the base are taken away.
    let (mut from_base, mut on_top) = (Vec::new(), Vec::new());
    for (edge, ends) in (0u32..).zip(&whole.edges) {
        if edge % 50 == 7 { on_top.push((edge, *ends)) } else { from_base.push((edge, *ends)) }
    }
    let numbers: Vec<u32> = from_base.iter().map(|(edge, _)| *edge).chain([90_000, 90_001]).collect();
    base.edges = from_base.iter().map(|(_, ends)| *ends).chain([(5, 9), (2, 2)]).collect();
    let (from, to): (Vec<u32>, Vec<u32>) = base.edges.iter().copied().unzip();
    let cancel = CancelToken::new();
    let base = Csr::build(3000, &from, &to, EdgeNumbers::Given(&numbers), 2, &cancel).unwrap();
    let (mut out, mut incoming) = (Overlay::new(&base.out, 0), Overlay::new(&base.incoming, 0));
    for (edge, (from, to)) in on_top {
        out.add(from, to, edge);
        incoming.add(to, from, edge);
    }
    for (edge, (from, to)) in [(90_000, (5, 9)), (90_001, (2, 2))] {
        out.remove(from, edge);
        incoming.remove(to, edge);
    }
    let run = Run::new(&cancel).with_threads(2);
    let expected = all(whole.csr().directions(), run);
    for (expected, found) in expected.iter().zip(all(Directions::new(&out, &incoming), run)) {
        assert_eq!(expected.1.as_ref().unwrap(), &found.1.unwrap(), "{}", found.0);
    }
}

#[test]
fn a_cancelled_token_stops_every_algorithm() {
    let csr = skewed(5000, 200_000).csr();
    let cancel = CancelToken::new();
    cancel.cancel();
    for threads in [1, 2] {
        for (name, result) in all(csr.directions(), Run::new(&cancel).with_threads(threads)) {
            // The shortest path is found before the first look.
            assert!(result.is_err() || name.ends_with("shortest"), "{name}");
        }
    }
}

#[test]
fn progress_ends_within_its_total_and_can_cancel() {
    let csr = skewed(5000, 60_000).csr();
    let (cancel, calls) = (CancelToken::new(), AtomicU64::new(0));
    let progress = |done, total| {
        assert!(done <= total, "{done} of {total}");
        if calls.fetch_add(1, Ordering::Relaxed) == 3 {
            cancel.cancel();
        }
    };
    let run = Run::new(&cancel).with_threads(2).with_progress(&progress);
    let options = PageRankOptions { tolerance: 0.0, max_iterations: 1_000_000, ..PageRankOptions::default() };
    assert!(pagerank(csr.directions(), options, run).is_err());
    assert!(calls.load(Ordering::Relaxed) < 10);
}

#[test]
fn an_empty_graph_has_an_empty_result() {
    let empty = Sample::new(0, &[]);
    both(&empty, |graph, run| {
        let ranks = pagerank(graph, PageRankOptions::default(), run).unwrap();
        assert!(ranks.ranks.is_empty());
        let exact = BetweennessOptions { sources: Sources::All, normalized: true };
        assert!(betweenness(graph.out, exact, run).unwrap().is_empty());
        assert_eq!(connected_components(graph, run).unwrap().count(), 0);
        assert_eq!(strong_components(graph.out, run).unwrap().count(), 0);
        assert!(label_propagation(graph, 3, run).unwrap().is_empty());
        assert_eq!(louvain(graph, LouvainOptions::default(), run).unwrap().groups.count(), 0);
        assert_eq!(triangles(graph, run).unwrap(), Triangles::default());
        assert!(core_numbers(graph, run).unwrap().is_empty());
        assert!(levels(graph.out, Some(graph.incoming), &[], Limits::default(), run).unwrap().is_empty());
        assert!(level_sizes(graph.out, &[], None, run).unwrap().is_empty());
        assert_eq!(walk_count(&[graph; 3], &[], 0, run).unwrap(), 0);
        assert!(degrees(graph, DegreeKind::Both).is_empty());
        assert!(shortest_path(graph, 0, 0, None, run).is_err());
    });
}
