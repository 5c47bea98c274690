//! Matching against an enumeration of all paths by their definition.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::graph::csr::tests::{Sample, samples};
use crate::graph::csr::{Combined, Part};
use crate::model::Direction;

/// A hop as it is made up.
#[derive(Debug, Clone)]
struct Drawn {
    direction: Direction,
    min: u32,
    max: Option<u32>,
    /// One in so many edges is left out; none at 0.
    without: u32,
    left: u32,
    right: u32,
}

#[derive(Debug, Clone)]
struct Case {
    sample: Sample,
    hops: Vec<Drawn>,
    nodes: Vec<u32>,
    restrictor: Restrictor,
    search: Option<Search>,
}

impl Case {
    fn set(&self, without: u32) -> Option<NodeSet> {
        let bound = self.sample.bound;
        (without > 0).then(|| NodeSet::from_nodes(bound, (0..bound).filter(|n| n % (without + 1) != 1)))
    }

    fn edges(&self, without: u32) -> Option<NodeSet> {
        let bound = self.sample.edges.len() as u32;
        (without > 0).then(|| NodeSet::from_nodes(bound, (0..bound).filter(|n| n % (without + 2) != 0)))
    }

    fn costs(&self) -> Option<HashMap<u32, f64>> {
        let by_cost = self.search.is_some_and(|search| search.by_cost);
        by_cost.then(|| {
            (0..self.sample.edges.len() as u32).map(|edge| (edge, f64::from(edge * 7 % 4 + 1))).collect()
        })
    }

    fn found(&self) -> Vec<Match> {
        let csr = self.sample.csr();
        let side = |adjacency| Some(Combined::from_parts(vec![Part { adjacency, base: 0 }]));
        let hops = self.hops.iter().map(|hop| Hop {
            steps: Steps::of(
                if hop.direction == Direction::In { None } else { side(&csr.out) },
                if hop.direction == Direction::Out { None } else { side(&csr.incoming) },
                &self.sample.live,
            ),
            min: hop.min,
            max: hop.max,
            left: self.set(hop.left),
            right: self.set(hop.right),
            edges: self.edges(hop.without),
            costs: self.costs(),
        });
        let pattern = PathPattern {
            nodes: self.nodes.iter().map(|without| self.set(*without)).collect(),
            hops: hops.collect(),
            restrictor: self.restrictor,
            search: self.search,
        };
        let mut found = Vec::new();
        matches(&pattern, self.sample.live.iter(), &CancelToken::new(), &mut |path| {
            found.push(path.clone());
            Ok(ControlFlow::Continue(()))
        })
        .unwrap();
        found
    }

    /// All paths by their definition, none longer than `longest`.
    fn all(&self, longest: usize) -> Vec<Match> {
        let mut found = Vec::new();
        for start in self.sample.live.iter() {
            if self.set(self.nodes[0]).is_none_or(|set| set.contains(start)) {
                let path = Match { start, steps: Vec::new(), cost: 0.0 };
                self.extend(path, 0, 0, longest, &mut found);
            }
        }
        found
    }

    fn extend(&self, path: Match, hop: usize, taken: u32, longest: usize, found: &mut Vec<Match>) {
        let Some(at) = self.hops.get(hop) else { return found.push(path) };
        let node = path.end();
        if taken >= at.min && self.set(self.nodes[hop + 1]).is_none_or(|set| set.contains(node)) {
            self.extend(path.clone(), hop + 1, 0, longest, found);
        }
        if path.steps.len() >= longest || at.max.is_some_and(|max| taken >= max) {
            return;
        }
        for (edge, (from, to)) in (0u32..).zip(&self.sample.edges) {
            let mut ways = Vec::new();
            if at.direction != Direction::In && *from == node {
                ways.push(*to);
            }
            if at.direction != Direction::Out && *to == node && !(from == to && !ways.is_empty()) {
                ways.push(*from);
            }
            for other in ways {
                let counts = self.set(at.left).is_none_or(|set| set.contains(node))
                    && self.set(at.right).is_none_or(|set| set.contains(other))
                    && self.edges(at.without).is_none_or(|set| set.contains(edge));
                if counts {
                    let mut longer = path.clone();
                    longer.steps.push(Step { hop, edge, node: other });
                    longer.cost += self.costs().map_or(0.0, |costs| costs[&edge]);
                    if self.counts(&longer) {
                        self.extend(longer, hop, taken + 1, longest, found);
                    }
                }
            }
        }
    }

    /// What a restrictor asks for, of a path and so of all its beginnings.
    fn counts(&self, path: &Match) -> bool {
        let nodes: Vec<u32> = std::iter::once(path.start).chain(path.steps.iter().map(|s| s.node)).collect();
        let distinct = |nodes: &[u32]| nodes.iter().collect::<BTreeSet<_>>().len() == nodes.len();
        match self.restrictor {
            Restrictor::Walk => true,
            Restrictor::Trail => {
                path.steps.iter().map(|s| s.edge).collect::<BTreeSet<_>>().len() == path.steps.len()
            }
            Restrictor::Acyclic => distinct(&nodes),
            Restrictor::Simple => distinct(&nodes[1..]) && distinct(&nodes[..nodes.len() - 1]),
        }
    }

    fn measure(&self, path: &Match) -> u64 {
        match self.search {
            Some(search) if search.by_cost => path.cost as u64,
            _ => path.steps.len() as u64,
        }
    }
}

type Key = (u32, Vec<(usize, u32, u32)>);

fn key(path: &Match) -> Key {
    (path.start, path.steps.iter().map(|step| (step.hop, step.edge, step.node)).collect())
}

fn check(case: &Case, longest: usize) -> std::result::Result<(), TestCaseError> {
    let (all, found) = (case.all(longest), case.found());
    let known: BTreeSet<Key> = all.iter().map(key).collect();
    let told: BTreeSet<Key> = found.iter().map(key).collect();
    prop_assert_eq!(told.len(), found.len(), "no path is told twice");
    prop_assert!(told.is_subset(&known), "{:?}", told.difference(&known).next());
    let Some(search) = case.search else {
        prop_assert_eq!(told, known);
        return Ok(());
    };
    let by_ends = |paths: &[Match]| {
        let mut groups: BTreeMap<(u32, u32), Vec<u64>> = BTreeMap::new();
        for path in paths {
            groups.entry((path.start, path.end())).or_default().push(case.measure(path));
        }
        groups.values_mut().for_each(|measures| measures.sort_unstable());
        groups
    };
    let mut wanted = by_ends(&all);
    for measures in wanted.values_mut() {
        let distinct: Vec<u64> = measures.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
        match search.pick {
            Pick::Paths(most) => measures.truncate(most as usize),
            Pick::Ties => measures.retain(|m| *m == distinct[0]),
            Pick::Groups(most) => {
                let last = distinct[(most as usize).min(distinct.len()) - 1];
                measures.retain(|m| *m <= last);
            }
        }
    }
    prop_assert_eq!(by_ends(&found), wanted);
    Ok(())
}

fn direction() -> impl Strategy<Value = Direction> {
    prop_oneof![Just(Direction::Out), Just(Direction::In), Just(Direction::Both)]
}

fn hop(max: impl Strategy<Value = Option<u32>>) -> impl Strategy<Value = Drawn> {
    (direction(), 0u32..3, max, 0u32..3, 0u32..3, 0u32..3).prop_map(
        |(direction, min, max, without, left, right)| Drawn {
            direction,
            min,
            max: max.map(|more| (min + more).max(1)),
            without,
            left,
            right,
        },
    )
}

fn restrictors() -> impl Strategy<Value = Restrictor> {
    prop_oneof![Just(Restrictor::Trail), Just(Restrictor::Acyclic), Just(Restrictor::Simple)]
}

fn picks() -> impl Strategy<Value = Pick> {
    prop_oneof![(1u64..4).prop_map(Pick::Paths), Just(Pick::Ties), (1u64..3).prop_map(Pick::Groups),]
}

fn case(
    sample: Sample,
    hops: Vec<Drawn>,
    nodes: Vec<u32>,
    restrictor: Restrictor,
    search: Option<Search>,
) -> Case {
    let nodes = nodes.into_iter().take(hops.len() + 1).collect();
    Case { sample, hops, nodes, restrictor, search }
}

fn nodes() -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(0u32..3, 4)
}

proptest! {
    #[test]
    fn all_paths_of_bounded_patterns(
        sample in samples(5, 7),
        hops in prop::collection::vec(hop((0u32..3).prop_map(Some)), 1..3),
        nodes in nodes(),
    ) {
        check(&case(sample, hops, nodes, Restrictor::Walk, None), 12)?;
    }

    #[test]
    fn all_paths_that_repeat_nothing(
        sample in samples(5, 6),
        hops in prop::collection::vec(hop(prop::option::of(0u32..3)), 1..3),
        nodes in nodes(),
        restrictor in restrictors(),
    ) {
        check(&case(sample, hops, nodes, restrictor, None), 8)?;
    }

    #[test]
    fn the_best_of_bounded_patterns(
        sample in samples(5, 6),
        hops in prop::collection::vec(hop((0u32..3).prop_map(Some)), 1..3),
        nodes in nodes(),
        by_cost in any::<bool>(),
        pick in picks(),
    ) {
        check(&case(sample, hops, nodes, Restrictor::Walk, Some(Search { by_cost, pick })), 12)?;
    }

    #[test]
    fn the_shortest_without_bounds(
        sample in samples(4, 5),
        hops in prop::collection::vec(hop(Just(None)), 1..2),
        nodes in nodes(),
        ties in any::<bool>(),
    ) {
        let pick = if ties { Pick::Ties } else { Pick::Paths(1) };
        // No shortest walk is longer than twice the nodes with what the quantifier asks for.
        check(&case(sample, hops, nodes, Restrictor::Walk, Some(Search { by_cost: false, pick })), 7)?;
    }

    #[test]
    fn the_best_that_repeat_nothing(
        sample in samples(5, 6),
        hops in prop::collection::vec(hop(prop::option::of(0u32..3)), 1..3),
        nodes in nodes(),
        restrictor in restrictors(),
        by_cost in any::<bool>(),
        pick in picks(),
    ) {
        check(&case(sample, hops, nodes, restrictor, Some(Search { by_cost, pick })), 8)?;
    }
}

#[test]
fn a_search_stops_where_it_is_told_to_and_where_all_ends_are_found() {
    let sample = Sample::new(1000, &(0..999).map(|n| (n, n + 1)).collect::<Vec<_>>());
    let drawn = Drawn { direction: Direction::Out, min: 1, max: None, without: 0, left: 0, right: 0 };
    let search = Some(Search { by_cost: false, pick: Pick::Paths(1) });
    let case = Case { sample, hops: vec![drawn], nodes: vec![0, 0], restrictor: Restrictor::Walk, search };
    assert_eq!(case.found().len(), 999 * 1000 / 2);
    let csr = case.sample.csr();
    let side = Combined::from_parts(vec![Part { adjacency: &csr.out, base: 0 }]);
    let hop = Hop {
        steps: Steps::of(Some(side), None, &case.sample.live),
        min: 1,
        max: None,
        left: None,
        right: None,
        edges: None,
        costs: None,
    };
    let ends = NodeSet::from_nodes(1000, [3]);
    let pattern =
        PathPattern { nodes: vec![None, Some(ends)], hops: vec![hop], restrictor: Restrictor::Walk, search };
    let mut lengths = Vec::new();
    matches(&pattern, [0, 1, 2].into_iter(), &CancelToken::new(), &mut |path| {
        lengths.push(path.steps.len());
        Ok(if lengths.len() == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })
    .unwrap();
    assert_eq!(lengths, [3, 2]);
    let cancelled = CancelToken::new();
    cancelled.cancel();
    assert!(matches(&pattern, [0].into_iter(), &cancelled, &mut |_| Ok(ControlFlow::Continue(()))).is_err());
}
