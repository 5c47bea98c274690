//! Against an enumeration that knows nothing of programs and routes.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::csr::tests::{Sample, samples};
use super::*;

/// No path of the enumeration is longer.
const LONGEST: usize = 6;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Naive {
    nodes: Vec<u32>,
    edges: Vec<u32>,
    /// Of each edge: its element.
    taken: Vec<usize>,
    /// At each node: the elements.
    bound: Vec<BTreeSet<usize>>,
    forward: Vec<bool>,
}

fn allowed(path: &Naive, from: usize, restrictor: Restrictor) -> bool {
    let nodes = &path.nodes[from..];
    let edges = &path.edges[from..];
    let differ = |values: &[u32]| values.iter().collect::<BTreeSet<_>>().len() == values.len();
    match restrictor {
        Restrictor::Walk => true,
        Restrictor::Trail => differ(edges),
        Restrictor::Acyclic => differ(nodes),
        Restrictor::Simple => differ(&nodes[1..]) && differ(&nodes[..nodes.len() - 1]),
    }
}

fn passes(elements: &[Element], element: usize, what: u32, forward: bool) -> bool {
    let own = &elements[element];
    let set = if forward { own.passing.as_ref() } else { own.backward.as_ref().or(own.passing.as_ref()) };
    set.is_none_or(|set| set.contains(what))
}

/// All ways on from a path through some parts.
fn go(graph: &Sample, elements: &[Element], parts: &[Part], path: Naive) -> Vec<Naive> {
    let Some((first, rest)) = parts.split_first() else { return vec![path] };
    let next: Vec<Naive> = match first {
        Part::Node(element) => {
            let node = *path.nodes.last().unwrap();
            let mut path = path;
            path.bound.last_mut().unwrap().insert(*element);
            if passes(elements, *element, node, true) { vec![path] } else { Vec::new() }
        }
        Part::Edge { element, direction } => {
            let at = *path.nodes.last().unwrap();
            let mut found = Vec::new();
            for (number, (from, to)) in graph.edges.iter().enumerate() {
                let mut ways = Vec::new();
                if *from == at && *direction != Direction::In {
                    ways.push((*to, true));
                }
                if *to == at && *direction != Direction::Out && !(from == to && *direction == Direction::Both)
                {
                    ways.push((*from, false));
                }
                for (node, forward) in ways {
                    if path.edges.len() < LONGEST && passes(elements, *element, number as u32, forward) {
                        let mut path = path.clone();
                        path.nodes.push(node);
                        path.edges.push(number as u32);
                        path.taken.push(*element);
                        path.bound.push(BTreeSet::new());
                        path.forward.push(forward);
                        found.push(path);
                    }
                }
            }
            found
        }
        Part::Group { parts, restrictor, min, max } => {
            let (mut found, mut last) = (Vec::new(), vec![path]);
            for times in 0.. {
                if times >= *min {
                    found.extend(last.iter().cloned());
                }
                if Some(times) == *max || last.is_empty() {
                    break;
                }
                let mut next = Vec::new();
                for path in last {
                    let from = path.edges.len();
                    let made = go(graph, elements, parts, path);
                    let moved = |path: &Naive| path.edges.len() > from || times < *min || max.is_some();
                    next.extend(
                        made.into_iter().filter(|path| allowed(path, from, *restrictor)).filter(moved),
                    );
                }
                last = next;
            }
            found
        }
    };
    next.into_iter().flat_map(|path| go(graph, elements, rest, path)).collect()
}

fn naive(graph: &Sample, pattern: &Pattern, elements: &[Element]) -> Vec<Naive> {
    let mut found = Vec::new();
    for node in graph.nodes() {
        let start = Naive {
            nodes: vec![node],
            edges: Vec::new(),
            taken: Vec::new(),
            bound: vec![BTreeSet::new()],
            forward: Vec::new(),
        };
        found.extend(go(graph, elements, &pattern.parts, start));
    }
    found.retain(|path| allowed(path, 0, pattern.restrictor));
    found.retain(|path| {
        pattern.same.iter().all(|element| {
            let own = path.nodes.iter().zip(&path.bound).filter(|(_, bound)| bound.contains(element));
            own.map(|(node, _)| node).collect::<BTreeSet<_>>().len() <= 1
        })
    });
    for path in &mut found {
        reduce(path, pattern);
    }
    found.sort();
    found.dedup();
    found
}

/// Takes away what nobody asked for, and what makes no other path: which way a loop is taken.
fn reduce(path: &mut Naive, pattern: &Pattern) {
    for (forward, ends) in path.forward.iter_mut().zip(path.nodes.windows(2)) {
        *forward |= ends[0] == ends[1];
    }
    for bound in &mut path.bound {
        bound.retain(|element| pattern.named[*element]);
    }
    for taken in &mut path.taken {
        if !pattern.named[*taken] {
            *taken = usize::MAX;
        }
    }
}

fn found(graph: &Sample, pattern: &Pattern, elements: &[Element]) -> Vec<Naive> {
    let csr = graph.csr();
    let (out, incoming) = (
        crate::graph::csr::Live::with_holes(&csr.out, &graph.live),
        crate::graph::csr::Live::with_holes(&csr.incoming, &graph.live),
    );
    let mut all = Vec::new();
    matches(
        pattern,
        Directions::new(&out, &incoming),
        elements,
        Limits { entries: 200_000 },
        &CancelToken::new(),
        &mut |made| {
            let mut path = Naive {
                nodes: made.nodes.clone(),
                edges: made.edges.clone(),
                taken: made.edge_elements.clone(),
                bound: made.node_elements.iter().map(|own| own.iter().copied().collect()).collect(),
                forward: made.forward.clone(),
            };
            reduce(&mut path, pattern);
            all.push(path);
            Ok(ControlFlow::Continue(()))
        },
    )
    .unwrap();
    all
}

fn node(element: usize) -> Part {
    Part::Node(element)
}

fn edge(element: usize, direction: Direction) -> Part {
    Part::Edge { element, direction }
}

fn group(parts: Vec<Part>, min: u32, max: Option<u32>) -> Part {
    Part::Group { parts, restrictor: Restrictor::Walk, min, max }
}

/// Shapes of patterns; elements 0, 1, 2 are nodes, 3 and 4 edges.
fn shape(number: usize, direction: Direction, max: Option<u32>) -> Vec<Part> {
    let other = Direction::Out;
    match number {
        0 => vec![node(0), group(vec![edge(3, direction)], 1, max), node(1)],
        1 => vec![node(0), group(vec![edge(3, direction)], 0, max), node(1)],
        2 => vec![node(0), group(vec![edge(3, direction)], 2, Some(3)), node(1)],
        3 => vec![
            node(0),
            group(vec![edge(3, direction)], 0, Some(1)),
            node(2),
            group(vec![edge(4, other)], 0, max),
            node(1),
        ],
        4 => vec![node(0), group(vec![node(2), edge(3, direction), edge(4, other)], 0, max), node(1)],
        5 => vec![node(0), edge(4, other), node(2), group(vec![edge(3, direction)], 1, max), node(1)],
        6 => vec![
            node(0),
            group(vec![group(vec![edge(3, direction)], 0, Some(1)), edge(4, other)], 1, Some(2)),
            node(1),
        ],
        7 => vec![
            node(0),
            group(vec![node(2), group(vec![edge(3, direction)], 0, Some(1)), node(2)], 0, max),
            node(1),
        ],
        8 => vec![
            node(0),
            Part::Group {
                parts: vec![edge(3, direction), node(2), edge(4, other)],
                restrictor: Restrictor::Acyclic,
                min: 1,
                max,
            },
            node(1),
        ],
        9 => vec![
            node(0),
            Part::Group {
                parts: vec![group(vec![edge(3, direction)], 1, max)],
                restrictor: Restrictor::Simple,
                min: 1,
                max: Some(1),
            },
            node(1),
        ],
        10 => vec![node(0), group(vec![edge(3, direction)], 1, max), node(0)],
        _ => vec![node(0), edge(3, direction), node(1)],
    }
}

prop_compose! {
    fn patterns()(
        number in 0..12usize,
        direction in prop_oneof![Just(Direction::Out), Just(Direction::In), Just(Direction::Both)],
        max in prop_oneof![Just(None), Just(Some(2)), Just(Some(4))],
        restrictor in prop_oneof![
            Just(Restrictor::Walk), Just(Restrictor::Trail), Just(Restrictor::Acyclic), Just(Restrictor::Simple)
        ],
        named in prop::collection::vec(any::<bool>(), 5),
    ) -> (usize, Pattern) {
        let same = if number == 10 { vec![0] } else { Vec::new() };
        (number, Pattern { parts: shape(number, direction, max), restrictor, search: None, named, same })
    }
}

fn elements(bits: &[u64]) -> Vec<Element> {
    let set = |bits: u64| NodeSet::from_nodes(64, (0..64).filter(|bit| bits >> bit & 1 == 1));
    let mut made: Vec<Element> = bits
        .iter()
        .map(|bits| Element {
            passing: bits.is_multiple_of(3).then(|| set(bits | bits >> 5)),
            ..Element::default()
        })
        .collect();
    if let Some(own) = made.get_mut(3)
        && bits[3].is_multiple_of(5)
    {
        own.backward = Some(set(bits[4] | bits[3]));
    }
    made
}

/// Whether a pattern has endless paths.
fn is_endless(parts: &[Part]) -> bool {
    parts.iter().any(|part| match part {
        Part::Group { parts, max, .. } => max.is_none() || is_endless(parts),
        _ => false,
    })
}

/// What a search takes, as how many paths of each length between which ends.
fn picked(paths: &[Naive], pick: Pick) -> BTreeMap<(u32, u32), Vec<usize>> {
    let mut by_ends: BTreeMap<(u32, u32), Vec<usize>> = BTreeMap::new();
    for path in paths {
        by_ends.entry((path.nodes[0], *path.nodes.last().unwrap())).or_default().push(path.edges.len());
    }
    for lengths in by_ends.values_mut() {
        lengths.sort_unstable();
        let distinct: BTreeSet<usize> = lengths.iter().copied().collect();
        match pick {
            Pick::One => lengths.truncate(1),
            Pick::Ties => lengths.retain(|length| Some(length) == distinct.first()),
            Pick::Count(count) => lengths.truncate(count as usize),
            Pick::Groups(groups) => {
                let last = distinct.iter().take(groups as usize).max().copied();
                lengths.retain(|length| Some(*length) <= last);
            }
        }
    }
    by_ends
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn all_paths_are_those_of_an_enumeration(
        graph in samples(5, 7),
        (_, pattern) in patterns(),
        bits in prop::collection::vec(any::<u64>(), 5),
    ) {
        prop_assume!(pattern.restrictor != Restrictor::Walk || !is_endless(&pattern.parts));
        let elements = elements(&bits);
        let mut own = found(&graph, &pattern, &elements);
        let expected = naive(&graph, &pattern, &elements);
        own.sort();
        // The enumeration ends before.
        own.retain(|path| path.edges.len() <= LONGEST);
        prop_assert_eq!(own, expected);
    }

    #[test]
    fn searches_take_the_best_of_an_enumeration(
        graph in samples(4, 6),
        (number, mut pattern) in patterns(),
        bits in prop::collection::vec(any::<u64>(), 5),
        pick in prop_oneof![
            Just(Pick::One), Just(Pick::Ties), (1..4u64).prop_map(Pick::Count), (1..3u64).prop_map(Pick::Groups)
        ],
    ) {
        // Restrictors of a part alone leave endless paths to be looked at.
        prop_assume!(!matches!(number, 8 | 9) || !is_endless(&pattern.parts));
        let elements = elements(&bits);
        let all = naive(&graph, &pattern, &elements);
        pattern.search = Some(Search { by_cost: false, pick });
        let mut own = found(&graph, &pattern, &elements);
        own.retain(|path| path.edges.len() <= LONGEST);
        for path in &own {
            prop_assert!(all.contains(path), "{:?}", path);
        }
        let mut once = own.clone();
        once.sort();
        once.dedup();
        prop_assert_eq!(once.len(), own.len());
        let by_ends = |paths: &[Naive]| picked(paths, Pick::Count(u64::MAX));
        prop_assert_eq!(by_ends(&own), picked(&all, pick));
    }

    #[test]
    fn cheapest_paths_cost_least(
        graph in samples(4, 6),
        costs in prop::collection::vec(0..4u32, 8),
        pick in prop_oneof![Just(Pick::One), Just(Pick::Ties), (1..4u64).prop_map(Pick::Count)],
        restrictor in prop_oneof![Just(Restrictor::Walk), Just(Restrictor::Trail)],
    ) {
        let parts = vec![node(0), group(vec![edge(3, Direction::Out)], 1, Some(5)), node(1)];
        let mut pattern = Pattern { parts, restrictor, search: None, named: vec![true; 5], same: Vec::new() };
        let mut elements = vec![Element::default(); 5];
        let costs: Vec<f64> = costs.iter().map(|cost| f64::from(*cost)).collect();
        elements[3].costs = Some([costs.clone(), costs.clone()]);
        let cost = |path: &Naive| path.edges.iter().map(|edge| costs[*edge as usize]).sum::<f64>() as usize;
        let by_ends = |paths: &[Naive]| {
            let mut found: BTreeMap<(u32, u32), Vec<usize>> = BTreeMap::new();
            for path in paths {
                found.entry((path.nodes[0], *path.nodes.last().unwrap())).or_default().push(cost(path));
            }
            found.values_mut().for_each(|costs| costs.sort_unstable());
            found
        };
        let mut expected = by_ends(&naive(&graph, &pattern, &elements));
        for costs in expected.values_mut() {
            let best = costs[0];
            match pick {
                Pick::One => costs.truncate(1),
                Pick::Count(count) => costs.truncate(count as usize),
                _ => costs.retain(|cost| *cost == best),
            }
        }
        pattern.search = Some(Search { by_cost: true, pick });
        prop_assert_eq!(by_ends(&found(&graph, &pattern, &elements)), expected);
    }
}

#[test]
fn more_than_the_limit_is_an_error() {
    let edges: Vec<(u32, u32)> =
        (0..40).flat_map(|node| [(node, (node + 1) % 40), (node, (node + 1) % 40)]).collect();
    let graph = Sample::new(40, &edges);
    let csr = graph.csr();
    let parts = vec![node(0), group(vec![edge(1, Direction::Out)], 0, None), node(2)];
    let pattern = Pattern {
        parts,
        restrictor: Restrictor::Trail,
        search: Some(Search { by_cost: false, pick: Pick::Count(1_000_000) }),
        named: vec![true; 3],
        same: Vec::new(),
    };
    let failed = matches(
        &pattern,
        Directions::new(&csr.out, &csr.incoming),
        &vec![Element::default(); 3],
        Limits { entries: 1000 },
        &CancelToken::new(),
        &mut |_| Ok(ControlFlow::Continue(())),
    );
    assert!(failed.unwrap_err().message().contains("at once"));
}

#[test]
fn a_raised_token_ends_the_work() {
    let graph = Sample::new(2, &[(0, 1), (1, 0)]);
    let csr = graph.csr();
    let parts = vec![node(0), group(vec![edge(1, Direction::Out)], 0, Some(1000)), node(2)];
    let pattern =
        Pattern { parts, restrictor: Restrictor::Walk, search: None, named: vec![true; 3], same: Vec::new() };
    let cancel = CancelToken::new();
    cancel.cancel();
    let failed = matches(
        &pattern,
        Directions::new(&csr.out, &csr.incoming),
        &vec![Element::default(); 3],
        Limits::default(),
        &cancel,
        &mut |_| Ok(ControlFlow::Continue(())),
    );
    assert_eq!(failed.unwrap_err().kind(), crate::model::ErrorKind::Cancelled);
}
