//! Random small graphs against a plain list of edges, and the cases that matter by name.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::model::{
    CancelToken, Direction, EdgeEnds, EdgeId, ErrorKind, FixedClock, IdGenerator, NodeId, Properties, RowId,
    TypeKind, Value,
};
use crate::storage::{RedbBackend, Store, StoreOptions, Transaction, View};

const TYPES: [&str; 3] = ["knows", "likes", "follows"];

fn store() -> Arc<Store> {
    let options = StoreOptions {
        transaction_max_bytes: 1 << 26,
        ..StoreOptions::new(
            Arc::new(FixedClock::new(1_700_000_000_000_000, 1)),
            Arc::new(IdGenerator::seeded(5)),
        )
    };
    Store::open(Box::new(RedbBackend::memory().unwrap()), None, options).unwrap()
}

fn add_node(tx: &mut Transaction, node_type: &str, properties: &[(&str, Value)]) -> (RowId, NodeId) {
    let type_id = tx.ensure_type(node_type, TypeKind::Node).unwrap();
    let properties: Properties = properties.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
    let values = tx.resolve_properties(type_id, properties).unwrap();
    tx.insert_node(type_id, None, values).unwrap()
}

fn add_edge(tx: &mut Transaction, edge_type: &str, from: RowId, to: RowId) -> EdgeId {
    let type_id = tx.ensure_type(edge_type, TypeKind::Edge(EdgeEnds::default())).unwrap();
    tx.insert_edge(type_id, None, from, to, Vec::new()).unwrap().1
}

/// Edges as (id, type, from, to), by place in the list of nodes.
struct Model {
    /// A view ends with its store.
    _store: Arc<Store>,
    ids: Vec<NodeId>,
    edges: Vec<(EdgeId, usize, usize, usize)>,
}

impl Model {
    /// A graph of which the first edges are committed and the rest are a transaction's own.
    fn build(nodes: usize, edges: &[(usize, usize, usize)], committed: usize) -> (Model, View) {
        let store = store();
        let mut tx = store.begin().unwrap();
        let nodes: Vec<_> = (0..nodes)
            .map(|i| {
                add_node(
                    &mut tx,
                    if i % 2 == 0 { "even" } else { "odd" },
                    &[("name", Value::from(format!("n{i}")))],
                )
            })
            .collect();
        let ids = nodes.iter().map(|(_, id)| *id).collect();
        let mut model = Model { _store: Arc::clone(&store), ids, edges: Vec::new() };
        for edge_type in TYPES {
            tx.ensure_type(edge_type, TypeKind::Edge(EdgeEnds::default())).unwrap();
        }
        for (at, (edge_type, from, to)) in edges.iter().enumerate() {
            if at == committed {
                store.commit(tx).unwrap();
                tx = store.begin().unwrap();
            }
            let (from, to) = (from % nodes.len(), to % nodes.len());
            let id = add_edge(&mut tx, TYPES[*edge_type], nodes[from].0, nodes[to].0);
            model.edges.push((id, *edge_type, from, to));
        }
        tx.end_statement();
        let view = tx.view();
        (model, view)
    }

    /// The edges that are followed from a node: the edge and the other end.
    fn followed(&self, node: usize, direction: Direction, types: &[usize]) -> Vec<(EdgeId, usize)> {
        let (out, back) = (direction != Direction::In, direction != Direction::Out);
        self.edges
            .iter()
            .filter(|(_, edge_type, ..)| types.is_empty() || types.contains(edge_type))
            .filter_map(|(id, _, from, to)| match () {
                () if out && *from == node => Some((*id, *to)),
                () if back && *to == node => Some((*id, *from)),
                () => None,
            })
            .collect()
    }

    /// Steps from a node to each node that can be reached.
    fn distances(&self, start: usize, direction: Direction, types: &[usize]) -> BTreeMap<usize, u32> {
        let mut distances = BTreeMap::from([(start, 0)]);
        let mut queue = std::collections::VecDeque::from([start]);
        while let Some(node) = queue.pop_front() {
            for (_, other) in self.followed(node, direction, types) {
                if !distances.contains_key(&other) {
                    distances.insert(other, distances[&node] + 1);
                    queue.push_back(other);
                }
            }
        }
        distances
    }

    fn place(&self, node: &Described) -> usize {
        let place = self.ids.iter().position(|id| *id == node.id).unwrap();
        assert_eq!(node.label, format!("n{place}"));
        assert_eq!(node.node_type, if place.is_multiple_of(2) { "even" } else { "odd" });
        place
    }

    fn check_link(&self, link: &Link, nodes: &[Described]) {
        let (_, edge_type, from, to) = *self.edges.iter().find(|(id, ..)| *id == link.id).unwrap();
        assert_eq!(link.edge_type, TYPES[edge_type]);
        assert_eq!(self.place(&nodes[link.from as usize]), from);
        assert_eq!(self.place(&nodes[link.to as usize]), to);
    }
}

fn levels(view: &View, start: NodeId, filter: &EdgeFilter, depth: u32, cap: Option<u64>) -> Vec<Level> {
    let mut levels = Vec::new();
    traverse(view, start, filter, depth, cap, &CancelToken::new(), &mut |level| {
        levels.push(level);
        Ok(ControlFlow::Continue(()))
    })
    .unwrap();
    levels
}

fn directions() -> impl Strategy<Value = Direction> {
    prop_oneof![Just(Direction::Out), Just(Direction::In), Just(Direction::Both)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_answer_agrees_with_a_list_of_edges(
        nodes in 1usize..14,
        edges in prop::collection::vec((0usize..3, any::<usize>(), any::<usize>()), 0..40),
        committed in 0usize..40,
        start in any::<prop::sample::Index>(),
        end in any::<prop::sample::Index>(),
        direction in directions(),
        types in prop::collection::btree_set(0usize..3, 0..3),
        depth in 0u32..5,
        max_nodes in 1u32..16,
        cap in prop::option::of(0u64..6),
    ) {
        let cancel = CancelToken::new();
        let (model, view) = Model::build(nodes, &edges, committed);
        let (start, end) = (start.index(nodes), end.index(nodes));
        let start_id = model.ids[start];
        let types: Vec<usize> = types.into_iter().collect();
        let names: Vec<String> = types.iter().map(|t| TYPES[*t].to_owned()).collect();
        let filter = EdgeFilter::named(view.catalog(), direction, &names).unwrap();
        let distances = model.distances(start, direction, &types);

        // Counts and pages.
        let mut groups = Vec::new();
        for outgoing in [true, false] {
            let mut by_name: Vec<(usize, &str)> = TYPES.iter().copied().enumerate().collect();
            by_name.sort_by_key(|(_, name)| *name);
            for (edge_type, name) in by_name {
                let all: Vec<_> = model.edges.iter()
                    .filter(|(_, t, from, to)| *t == edge_type && start == if outgoing { *from } else { *to })
                    .map(|(id, _, from, to)| (*id, if outgoing { *to } else { *from }))
                    .collect();
                if !all.is_empty() {
                    groups.push((name.to_owned(), outgoing, all.len() as u64));
                }
                let mut paged = Vec::new();
                for offset in (0..=all.len() as u64).step_by(3) {
                    let page = edge_page(&view, start_id, name, outgoing, offset, 3, &cancel).unwrap();
                    prop_assert_eq!((page.total, page.offset), (all.len() as u64, offset));
                    paged.extend(page.items.iter().map(|item| (item.edge, model.place(&item.other))));
                }
                prop_assert_eq!(paged, all);
            }
        }
        let counted: Vec<_> = edge_groups(&view, start_id, &cancel).unwrap()
            .into_iter().map(|g| (g.edge_type, g.outgoing, g.count)).collect();
        prop_assert_eq!(&counted, &groups);

        // Neighbours.
        let near = neighbours(&view, start_id, &filter, usize::MAX, &cancel).unwrap();
        let mut found: Vec<_> = near.iter().map(|n| (n.edge, model.place(&n.other))).collect();
        let mut expected = model.followed(start, direction, &types);
        found.sort();
        expected.sort();
        prop_assert_eq!(found, expected);
        prop_assert_eq!(&neighbours(&view, start_id, &filter, 2, &cancel).unwrap()[..], &near[..near.len().min(2)]);

        // Levels.
        let reached = levels(&view, start_id, &filter, depth, None);
        for (at, level) in reached.iter().enumerate() {
            prop_assert_eq!((level.depth, level.capped), (at as u32 + 1, false));
            let found: BTreeSet<usize> = level.nodes.iter().map(|n| model.place(n)).collect();
            prop_assert_eq!(found.len(), level.nodes.len());
            let expected: BTreeSet<usize> =
                distances.iter().filter(|(_, d)| **d == level.depth).map(|(n, _)| *n).collect();
            prop_assert_eq!(found, expected);
        }
        let furthest = distances.values().copied().max().unwrap_or(0);
        prop_assert_eq!(reached.len() as u32, depth.min(furthest));
        for level in levels(&view, start_id, &filter, depth, cap) {
            for node in &level.nodes {
                prop_assert!(distances[&model.place(node)] <= level.depth);
            }
            if level.depth == 1 {
                let edges = model.followed(start, direction, &types).len() as u64;
                prop_assert_eq!(level.capped, cap.is_some_and(|cap| edges > cap));
            }
        }

        // Paths.
        let path = shortest_path(&view, start_id, model.ids[end], &filter, &cancel).unwrap();
        prop_assert_eq!(path.as_ref().map(|p| p.edges.len() as u32), distances.get(&end).copied());
        if let Some(path) = &path {
            let places: Vec<usize> = path.nodes.iter().map(|n| model.place(n)).collect();
            prop_assert_eq!((places[0], places[places.len() - 1]), (start, end));
            prop_assert_eq!(places.len(), path.edges.len() + 1);
            for (step, link) in path.edges.iter().enumerate() {
                model.check_link(link, &path.nodes);
                prop_assert!(model.followed(places[step], direction, &types).contains(&(link.id, places[step + 1])));
            }
            prop_assert_eq!(&shortest_path(&view, start_id, model.ids[end], &filter, &cancel).unwrap(), &Some(path.clone()));
        }

        // The picture.
        let picture = neighbourhood(&view, start_id, &filter, depth, max_nodes, &cancel).unwrap();
        prop_assert_eq!(&neighbourhood(&view, start_id, &filter, depth, max_nodes, &cancel).unwrap(), &picture);
        let places: Vec<usize> = picture.nodes.iter().map(|n| model.place(n)).collect();
        prop_assert_eq!(places[0], start);
        let drawn: BTreeSet<usize> = places.iter().copied().collect();
        prop_assert_eq!(drawn.len(), places.len());
        let ball: BTreeSet<usize> = distances.iter().filter(|(_, d)| **d <= depth).map(|(n, _)| *n).collect();
        prop_assert!(drawn.is_subset(&ball));
        prop_assert_eq!(drawn.len(), ball.len().min(max_nodes as usize));
        for (node, steps) in places.iter().zip(&picture.depth) {
            prop_assert!(distances[node] <= *steps && *steps <= depth);
        }
        prop_assert!(picture.depth.is_sorted());
        let inner = model.edges.iter().filter(|(_, t, from, to)| {
            (types.is_empty() || types.contains(t)) && drawn.contains(from) && drawn.contains(to)
        });
        prop_assert_eq!(
            picture.edges.iter().map(|e| e.id).collect::<BTreeSet<_>>(),
            inner.map(|(id, ..)| *id).collect::<BTreeSet<_>>()
        );
        picture.edges.iter().for_each(|link| model.check_link(link, &picture.nodes));
        // What is followed is drawn or counted.
        let mut left: BTreeMap<(usize, &str, bool), u64> = BTreeMap::new();
        for (_, t, from, to) in &model.edges {
            for (here, other, outgoing) in [(from, to, true), (to, from, false)] {
                let follows = direction == Direction::Both || (direction == Direction::Out) == outgoing;
                if follows && (types.is_empty() || types.contains(t)) && drawn.contains(here) && !drawn.contains(other) {
                    *left.entry((*here, TYPES[*t], outgoing)).or_default() += 1;
                }
            }
        }
        let stubs: BTreeMap<_, _> = picture.stubs.iter()
            .map(|s| ((places[s.node as usize], s.edge_type.as_str(), s.outgoing), s.count)).collect();
        prop_assert_eq!(stubs.len(), picture.stubs.len());
        prop_assert_eq!(stubs, left);
        prop_assert_eq!(picture.edge_types.values().sum::<u64>(), groups.iter().map(|(_, _, n)| n).sum::<u64>());
    }
}

/// A hub with 5,000 incoming `uses`, 3 outgoing `part_of` and a loop.
fn hub() -> (NodeId, View, Arc<Store>) {
    let store = store();
    let mut tx = store.begin().unwrap();
    let (hub, hub_id) = add_node(&mut tx, "package", &[("name", Value::from("libc6"))]);
    for i in 0..5_000 {
        let (row, _) = add_node(&mut tx, "package", &[("name", Value::from(format!("p{i}")))]);
        add_edge(&mut tx, "uses", row, hub);
    }
    for i in 0..3 {
        let (row, _) = add_node(&mut tx, "set", &[("name", Value::from(format!("s{i}")))]);
        add_edge(&mut tx, "part_of", hub, row);
    }
    add_edge(&mut tx, "uses", hub, hub);
    store.commit(tx).unwrap();
    (hub_id, store.view(), store)
}

#[test]
fn a_hub_is_counted_and_drawn_with_a_fair_share_for_its_small_groups() {
    let (hub, view, _store) = hub();
    let cancel = CancelToken::new();
    let groups = edge_groups(&view, hub, &cancel).unwrap();
    let counts: Vec<_> = groups.iter().map(|g| (g.edge_type.as_str(), g.outgoing, g.count)).collect();
    assert_eq!(counts, [("part_of", true, 3), ("uses", true, 1), ("uses", false, 5_001)]);

    let picture = neighbourhood(&view, hub, &EdgeFilter::all(Direction::Both), 3, 20, &cancel).unwrap();
    let labels: Vec<_> = picture.nodes.iter().map(|n| n.label.as_str()).collect();
    assert_eq!(labels[..4], ["libc6", "s0", "s1", "s2"]);
    assert_eq!((labels.len(), labels[4], labels[19]), (20, "p0", "p15"));
    let stub = Stub { node: 0, edge_type: "uses".into(), outgoing: false, count: 4_984 };
    assert_eq!(picture.stubs, [stub]);
    // The loop is drawn, once.
    assert_eq!(picture.edges.iter().filter(|e| e.from == 0 && e.to == 0).count(), 1);

    let page = edge_page(&view, hub, "uses", false, 4_998, 100, &cancel).unwrap();
    let labels: Vec<_> = page.items.iter().map(|i| i.other.label.as_str()).collect();
    assert_eq!((page.total, labels), (5_001, vec!["p4998", "p4999", "libc6"]));
}

#[test]
fn a_cap_on_the_fan_out_is_told() {
    let (hub, view, _store) = hub();
    let levels = levels(&view, hub, &EdgeFilter::all(Direction::In), 5, Some(10));
    assert_eq!((levels.len(), levels[0].nodes.len(), levels[0].capped), (1, 10, true));
}

#[test]
fn a_cancel_stops_every_kind_of_work() {
    let (hub, view, _store) = hub();
    let cancel = CancelToken::new();
    cancel.cancel();
    let all = EdgeFilter::all(Direction::Both);
    let kinds = [
        edge_groups(&view, hub, &cancel).err(),
        edge_page(&view, hub, "uses", false, 0, 1, &cancel).err(),
        neighbours(&view, hub, &all, 10, &cancel).err(),
        neighbourhood(&view, hub, &all, 1, 10, &cancel).err(),
        traverse(&view, hub, &all, 1, None, &cancel, &mut |_| Ok(ControlFlow::Continue(()))).err(),
    ];
    for error in kinds {
        assert_eq!(error.unwrap().kind(), ErrorKind::Cancelled);
    }
}

#[test]
fn what_does_not_exist_and_what_is_something_else_is_said() {
    let store = store();
    let mut tx = store.begin().unwrap();
    let (row, id) = add_node(&mut tx, "user", &[]);
    let edge = add_edge(&mut tx, "knows", row, row);
    store.commit(tx).unwrap();
    let view = store.view();
    let cancel = CancelToken::new();
    let all = EdgeFilter::all(Direction::Both);
    let unknown = NodeId(uuid::Uuid::from_u128(7));
    let kind = |error: Option<crate::model::Error>| error.map(|e| e.kind());
    assert_eq!(kind(edge_groups(&view, unknown, &cancel).err()), Some(ErrorKind::NotFound));
    assert_eq!(kind(shortest_path(&view, id, unknown, &all, &cancel).err()), Some(ErrorKind::NotFound));
    assert_eq!(
        kind(neighbourhood(&view, NodeId(edge.0), &all, 1, 9, &cancel).err()),
        Some(ErrorKind::BadInput)
    );
    let named = |name: &str| EdgeFilter::named(view.catalog(), Direction::Out, &[name.to_owned()]);
    assert_eq!(kind(named("knowz").err()), Some(ErrorKind::NotFound));
    assert_eq!(kind(named("user").err()), Some(ErrorKind::BadInput));
    assert_eq!(named("knows").unwrap().reversed().reversed(), named("knows").unwrap());
}

#[test]
fn a_node_is_called_by_the_first_property_that_has_text() {
    let store = store();
    let mut tx = store.begin().unwrap();
    let text = Value::from;
    let cases = [
        (vec![("email", text("a@b")), ("Name", text("Ann"))], "Ann"),
        (vec![("name", text("  ")), ("title", text(" Sir "))], "Sir"),
        (vec![("code", Value::Integer(42))], "42"),
        (vec![("name", Value::Array(vec![])), ("key", text("k"))], "k"),
    ];
    let rows: Vec<_> = (0..)
        .zip(&cases)
        .map(|(i, (properties, _))| add_node(&mut tx, &format!("t{i}"), properties).0)
        .collect();
    let (bare, bare_id) = add_node(&mut tx, "bare", &[("other", text("x"))]);
    let (long, _) = add_node(&mut tx, "long", &[("name", Value::from("é".repeat(500)))]);
    store.commit(tx).unwrap();
    let view = store.view();
    for (row, (_, label)) in rows.into_iter().zip(cases) {
        assert_eq!(describe(&view, row).unwrap().label, label);
    }
    let id = bare_id.to_string();
    assert_eq!(describe(&view, bare).unwrap().label, format!("…{}", &id[id.len() - 8..]));
    assert_eq!(describe(&view, long).unwrap().label.chars().count(), 120);
    assert_eq!(describe(&view, RowId::new(bare.type_id(), 999)).unwrap_err().kind(), ErrorKind::Corrupt);
}
