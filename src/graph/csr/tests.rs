//! The representation against lists of edges, and graphs for the tests of the algorithms.

use proptest::prelude::*;

use super::*;
use crate::model::CancelToken;

/// A graph as a list of edges (from, to); the number of an edge is its place.
#[derive(Debug, Clone)]
pub(in crate::graph) struct Sample {
    pub(in crate::graph) bound: u32,
    pub(in crate::graph) edges: Vec<(u32, u32)>,
    /// No edge touches another node.
    pub(in crate::graph) live: NodeSet,
}

impl Sample {
    pub(in crate::graph) fn new(bound: u32, edges: &[(u32, u32)]) -> Self {
        Self { bound, edges: edges.to_vec(), live: NodeSet::full(bound) }
    }

    pub(in crate::graph) fn csr(&self) -> Csr {
        self.csr_with(1)
    }

    pub(in crate::graph) fn csr_with(&self, threads: usize) -> Csr {
        let (from, to): (Vec<u32>, Vec<u32>) = self.edges.iter().copied().unzip();
        Csr::build(self.bound, &from, &to, EdgeNumbers::Position, threads, &CancelToken::new()).unwrap()
    }

    pub(in crate::graph) fn nodes(&self) -> impl Iterator<Item = u32> + '_ {
        self.live.iter()
    }

    /// As (neighbour, edge) in order.
    pub(in crate::graph) fn out(&self, node: u32) -> Vec<(u32, u32)> {
        let all = self.edges.iter().zip(0u32..);
        let mut own: Vec<_> =
            all.filter(|((from, _), _)| *from == node).map(|((_, to), e)| (*to, e)).collect();
        own.sort_unstable();
        own
    }

    pub(in crate::graph) fn reversed(&self) -> Self {
        Self { edges: self.edges.iter().map(|(from, to)| (*to, *from)).collect(), ..self.clone() }
    }
}

/// Random graphs with loops, parallel edges, nodes without edges, and holes; some of them empty.
pub(in crate::graph) fn samples(max_bound: u32, max_edges: usize) -> impl Strategy<Value = Sample> {
    (0..=max_bound, any::<u64>(), prop::collection::vec((any::<u32>(), any::<u32>()), 0..=max_edges))
        .prop_map(|(bound, holes, ends)| {
            let holes = if holes % 3 == 0 { holes } else { 0 };
            let live = NodeSet::from_nodes(bound, (0..bound).filter(|n| holes >> (8 + n % 50) & 3 != 3));
            let mut edges: Vec<_> =
                ends.into_iter().map(|(from, to)| (from % bound.max(1), to % bound.max(1))).collect();
            edges.retain(|(from, to)| live.contains(*from) && live.contains(*to));
            Sample { bound, edges, live }
        })
}

/// Zachary, "An Information Flow Model for Conflict and Fission in Small Groups", 1977: 34 members of a
/// club, 78 pairs.
pub(in crate::graph) fn karate_club() -> Sample {
    let rows: &[(u32, &[u32])] = &[
        (0, &[1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 17, 19, 21, 31]),
        (1, &[2, 3, 7, 13, 17, 19, 21, 30]),
        (2, &[3, 7, 8, 9, 13, 27, 28, 32]),
        (3, &[7, 12, 13]),
        (4, &[6, 10]),
        (5, &[6, 10, 16]),
        (6, &[16]),
        (8, &[30, 32, 33]),
        (9, &[33]),
        (13, &[33]),
        (14, &[32, 33]),
        (15, &[32, 33]),
        (18, &[32, 33]),
        (19, &[33]),
        (20, &[32, 33]),
        (22, &[32, 33]),
        (23, &[25, 27, 29, 32, 33]),
        (24, &[25, 27, 31]),
        (25, &[31]),
        (26, &[29, 33]),
        (27, &[33]),
        (28, &[31, 33]),
        (29, &[32, 33]),
        (30, &[32, 33]),
        (31, &[32, 33]),
        (32, &[33]),
    ];
    let edges: Vec<_> = rows.iter().flat_map(|(from, to)| to.iter().map(|to| (*from, *to))).collect();
    Sample::new(34, &edges)
}

pub(in crate::graph) fn neighbours(graph: &impl Graph, node: u32) -> Vec<(u32, u32)> {
    let mut list = Vec::new();
    graph.for_each_neighbour(node, |other, edge| list.push((other, edge)));
    list
}

fn same(one: &impl Graph, sample: &Sample) {
    assert_eq!(one.bound(), sample.bound);
    for node in 0..sample.bound {
        let expected = sample.out(node);
        assert_eq!(neighbours(one, node), expected);
        assert_eq!(one.degree(node) as usize, expected.len());
        if let Some(slice) = one.slice(node) {
            assert_eq!(slice, expected.iter().map(|(to, _)| *to).collect::<Vec<_>>());
        }
        for other in 0..sample.bound {
            assert_eq!(one.has_edge(node, other), expected.iter().any(|(to, _)| *to == other));
        }
    }
    assert_eq!(one.edge_count(), sample.edges.len() as u64);
}

proptest! {
    #[test]
    fn both_directions_have_the_edges_in_order(sample in samples(12, 60), threads in 1usize..4) {
        let csr = sample.csr_with(threads);
        same(&csr.out, &sample);
        same(&csr.incoming, &sample.reversed());
        prop_assert_eq!(&Csr::from_out(csr.out.clone(), 1).unwrap(), &csr);
        let mut sorted: Vec<_> = sample.edges.iter().zip(0..).map(|((from, to), e)| (*from, *to, e)).collect();
        sorted.sort_unstable();
        prop_assert_eq!(&Adjacency::from_sorted(sample.bound, sorted.clone(), true).unwrap(), &csr.out);
        let (offsets, neighbours, edges) = csr.out.clone().into_parts();
        prop_assert_eq!(&Adjacency::from_parts(offsets, neighbours, edges).unwrap(), &csr.out);
        for (from, to, edge) in sorted {
            prop_assert!(csr.out.edges_between(from, to).any(|other| other == edge));
            prop_assert!(csr.incoming.edges_between(to, from).all(|other| csr.out.edges_between(from, to).any(|e| e == other)));
        }
    }

    #[test]
    fn given_numbers_order_parallel_edges(sample in samples(5, 30)) {
        let (from, to): (Vec<u32>, Vec<u32>) = sample.edges.iter().copied().unzip();
        let numbers: Vec<u32> = (0..from.len() as u32).rev().map(|edge| edge * 7).collect();
        let cancel = CancelToken::new();
        let csr = Csr::build(sample.bound, &from, &to, EdgeNumbers::Given(&numbers), 2, &cancel).unwrap();
        for node in 0..sample.bound {
            let mut expected: Vec<_> = sample.out(node);
            expected.iter_mut().for_each(|(_, edge)| *edge = numbers[*edge as usize]);
            expected.sort_unstable();
            prop_assert_eq!(neighbours(&csr.out, node), expected);
            prop_assert!(neighbours(&csr.incoming, node).is_sorted());
        }
        let plain = Csr::build(sample.bound, &from, &to, EdgeNumbers::None, 2, &cancel).unwrap();
        prop_assert_eq!(plain.out.all_neighbours(), csr.out.all_neighbours());
        prop_assert_eq!(plain.incoming.all_neighbours(), csr.incoming.all_neighbours());
        prop_assert!(plain.out.all_edges().is_none() && plain.bytes() <= csr.bytes());
    }

    /// Some edges are in the base only and removed, some added on top, some nodes too.
    #[test]
    fn an_overlay_is_what_would_be_built(sample in samples(10, 40), extra in prop::collection::vec((0u32..14, 0u32..14), 0..10), kept in any::<u64>()) {
        let csr = sample.csr();
        let top = extra.iter().map(|(from, to)| from.max(to) + 1).max().unwrap_or(0).max(sample.bound);
        let (mut out, mut incoming) = (Overlay::new(&csr.out, 0), Overlay::new(&csr.incoming, top));
        let is_kept = |edge: usize| kept >> (edge % 64) & 1 == 1;
        for ((from, to), edge) in extra.iter().zip(sample.edges.len() as u32..) {
            out.add(*from, *to, edge);
            incoming.add(*to, *from, edge);
        }
        let all: Vec<_> = sample.edges.iter().chain(&extra).copied().collect();
        for (edge, (from, to)) in all.iter().enumerate().filter(|(edge, _)| !is_kept(*edge)) {
            out.remove(*from, edge as u32);
            incoming.remove(*to, edge as u32);
        }
        let expect = |sample: &Sample, graph: &Overlay<'_, Adjacency>| {
            for node in 0..top {
                let expected: Vec<_> = sample.out(node).into_iter().filter(|(_, e)| is_kept(*e as usize)).collect();
                assert_eq!(neighbours(graph, node), expected);
                assert_eq!(graph.degree(node) as usize, expected.len());
                for other in 0..top {
                    assert_eq!(graph.has_edge(node, other), expected.iter().any(|(to, _)| *to == other));
                }
            }
        };
        let whole = Sample::new(top, &all);
        expect(&whole, &out);
        expect(&whole.reversed(), &incoming);
        prop_assert_eq!(out.bound(), top);
    }

    #[test]
    fn parts_combine_and_live_nodes_make_a_graph(one in samples(9, 30), two in samples(9, 30), live in any::<u16>()) {
        let (first, second) = (one.csr(), two.csr());
        let limits = [one.edges.len() as u32, two.edges.len() as u32];
        let combined = Combined::new(&[&first.out, &second.out], &limits).unwrap();
        prop_assert_eq!(combined.bound(), one.bound.max(two.bound));
        let set = NodeSet::from_nodes(combined.bound(), (0..16).filter(|node| live >> node & 1 == 1));
        let part = Live::new(&combined, &set);
        prop_assert_eq!(part.live_count() as usize, set.iter().count());
        for node in 0..combined.bound() {
            let mut expected = one.out(node);
            expected.extend(two.out(node).into_iter().map(|(to, edge)| (to, edge + limits[0])));
            prop_assert_eq!(&neighbours(&combined, node), &expected);
            prop_assert_eq!(combined.degree(node) as usize, expected.len());
            for (_, edge) in &expected {
                let place = usize::from(*edge >= limits[0]);
                prop_assert_eq!(combined.part_of(*edge), Some((place, edge - [0, limits[0]][place])));
            }
            expected.retain(|(to, _)| set.contains(*to) && set.contains(node));
            prop_assert_eq!(&neighbours(&part, node), &expected);
            prop_assert_eq!(part.degree(node) as usize, expected.len());
            prop_assert_eq!(part.is_live(node), set.contains(node));
        }
    }

    #[test]
    fn undirected_has_each_edge_at_both_ends_and_a_loop_once(sample in samples(9, 30)) {
        let csr = sample.csr();
        let graph = Undirected(csr.directions());
        let mut times = vec![0; sample.edges.len()];
        for node in 0..sample.bound {
            let list = neighbours(&graph, node);
            prop_assert_eq!(graph.degree(node) as usize, list.len());
            for (other, edge) in list {
                times[edge as usize] += 1;
                let (from, to) = sample.edges[edge as usize];
                prop_assert!((from, to) == (node, other) || (from, to) == (other, node));
                prop_assert!(graph.has_edge(other, node));
            }
        }
        for (times, (from, to)) in times.iter().zip(&sample.edges) {
            prop_assert_eq!(*times, if from == to { 1 } else { 2 });
        }
    }
}

#[test]
fn wrong_input_is_an_error() {
    let cancel = CancelToken::new();
    let build = |from: &[u32], to: &[u32], numbers| Csr::build(3, from, to, numbers, 1, &cancel);
    assert!(build(&[0, 3], &[1, 1], EdgeNumbers::None).is_err());
    assert!(build(&[0], &[1, 1], EdgeNumbers::None).is_err());
    assert!(build(&[0], &[1], EdgeNumbers::Given(&[])).is_err());
    assert!(Adjacency::from_sorted(3, [(1, 0, 0), (0, 1, 1)], true).is_err());
    assert!(Adjacency::from_sorted(3, [(0, 3, 0)], true).is_err());
    assert!(Adjacency::from_parts(vec![], vec![], None).is_err());
    assert!(Adjacency::from_parts(vec![0, 2, 1], vec![0], None).is_err());
    assert!(Adjacency::from_parts(vec![0, 2], vec![0, 1], None).is_err());
    assert!(Adjacency::from_parts(vec![0, 2, 2], vec![1, 0], None).is_err());
    assert!(Adjacency::from_parts(vec![0, 1], vec![0], Some(vec![])).is_err());
    let one = Adjacency::default();
    assert!(Combined::new(&[&one, &one], &[u32::MAX, 1]).is_err());
    cancel.cancel();
    assert!(build(&[0], &[1], EdgeNumbers::None).is_err());
}

#[test]
fn two_directions_with_numbers_take_16_bytes_an_edge() {
    let edges: Vec<_> = (0..10_000u32).map(|edge| (edge % 100, edge * 31 % 100)).collect();
    let csr = Sample::new(100, &edges).csr();
    assert_eq!(csr.bytes(), 16 * 10_000 + 2 * 4 * 101);
    assert_eq!((Csr::default().bytes() <= 8, Csr::default().out.bound()), (true, 0));
}

#[test]
fn sets_of_nodes() {
    let mut set = NodeSet::full(130);
    assert_eq!((set.count(), set.iter().count()), (130, 130));
    assert!(set.remove(64) && !set.remove(64) && !set.contains(64) && !set.remove(1000));
    assert!(set.insert(64) && !set.insert(64) && !set.insert(130));
    set.clear();
    assert_eq!(set.count(), 0);
    set.extend(&NodeSet::full(500));
    assert_eq!(set, NodeSet::full(130));
    assert_eq!(NodeSet::full(0).iter().count(), 0);
    assert_eq!(NodeSet::from_nodes(200, [199, 3, 64, 500]).iter().collect::<Vec<_>>(), [3, 64, 199]);
}

#[test]
fn a_failing_item_stops_the_others() {
    let work = |item: u32| if item == 3 { Err(crate::model::Error::cancelled()) } else { Ok(item) };
    for threads in [1, 3] {
        assert!(parallel::map(threads, (0..100).collect(), work).is_err());
        assert_eq!(parallel::map(threads, vec![9, 8, 7], work).unwrap(), [9, 8, 7]);
    }
    assert_eq!(parallel::map(4, Vec::new(), work).unwrap(), Vec::<u32>::new());
}
