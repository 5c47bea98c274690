//! The store against a plain model: whatever is inserted, changed, deleted, rolled back or
//! reopened, records, ids, adjacency in both directions, counters and catalog agree with it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::model::{
    EdgeEnds, EdgeId, ErrorKind, FixedClock, IdGenerator, NodeId, Properties, PropertyType, RowId, TypeKind,
    Value,
};

pub(super) fn memory_store() -> Arc<Store> {
    open(Box::new(RedbBackend::memory().unwrap()), None)
}

fn open(backend: Box<dyn StorageBackend>, log: Option<Arc<dyn Disk>>) -> Arc<Store> {
    let options = StoreOptions {
        // Random: a store that is opened again must not give the same ids again.
        transaction_max_bytes: 1 << 26,
        ..StoreOptions::new(
            Arc::new(FixedClock::new(1_700_000_000_000_000, 1)),
            Arc::new(IdGenerator::random()),
        )
    };
    Store::open(backend, log, options).unwrap()
}

fn open_in(dir: &Path) -> Arc<Store> {
    let log = Arc::new(OsDisk::new(dir.join("wal"), false));
    open(Box::new(RedbBackend::open(dir, 1 << 20).unwrap()), Some(log))
}

#[derive(Debug, Clone)]
pub(super) enum Step {
    Node { kind: u8, value: i64 },
    Edge { kind: u8, from: usize, to: usize },
    Update { at: usize, property: u8, value: Option<i64> },
    DeleteNode { at: usize },
    DeleteEdge { at: usize },
    EndStatement,
    AbortStatement,
    Commit,
    Rollback,
}

pub(super) fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (0u8..3, any::<i64>()).prop_map(|(kind, value)| Step::Node { kind, value }),
        6 => (0u8..2, any::<usize>(), any::<usize>()).prop_map(|(kind, from, to)| Step::Edge { kind, from, to }),
        3 => (any::<usize>(), 0u8..3, any::<Option<i64>>()).prop_map(|(at, property, value)| Step::Update { at, property, value }),
        2 => any::<usize>().prop_map(|at| Step::DeleteNode { at }),
        1 => any::<usize>().prop_map(|at| Step::DeleteEdge { at }),
        3 => Just(Step::EndStatement),
        1 => Just(Step::AbortStatement),
        3 => Just(Step::Commit),
        1 => Just(Step::Rollback),
    ]
}

/// What the database should hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Model {
    pub(super) nodes: BTreeMap<NodeId, (String, Properties)>,
    edges: BTreeMap<EdgeId, (String, NodeId, NodeId, Properties)>,
}

impl Model {
    pub(super) fn apply(&mut self, tx: &mut Transaction, step: &Step) {
        match step {
            Step::Node { kind, value } => {
                let name = format!("node{kind}");
                let properties = Properties::from([("value".to_owned(), Value::Integer(*value))]);
                let type_id = tx.ensure_type(&name, TypeKind::Node).unwrap();
                let values = tx.resolve_properties(type_id, properties.clone()).unwrap();
                let (_, id) = tx.insert_node(type_id, None, values).unwrap();
                self.nodes.insert(id, (name, properties));
            }
            Step::Edge { kind, from, to } => {
                let (Some(from), Some(to)) = (pick(&self.nodes, *from), pick(&self.nodes, *to)) else {
                    return;
                };
                let name = format!("edge{kind}");
                let type_id = tx.ensure_type(&name, TypeKind::Edge(EdgeEnds::default())).unwrap();
                let (from_row, to_row) = (row_in(tx, from.0), row_in(tx, to.0));
                let (_, id) = tx.insert_edge(type_id, None, from_row, to_row, Vec::new()).unwrap();
                self.edges.insert(id, (name, from, to, Properties::new()));
            }
            Step::Update { at, property, value } => {
                let Some(id) = pick(&self.nodes, *at) else { return };
                let row = row_in(tx, id.0);
                let name = format!("p{property}");
                let given = Properties::from([(name.clone(), Value::from(*value))]);
                let values = tx.resolve_properties(row.type_id(), given).unwrap();
                assert!(tx.update(row, values).unwrap());
                let properties = &mut self.nodes.get_mut(&id).unwrap().1;
                match value {
                    Some(value) => properties.insert(name, Value::Integer(*value)),
                    None => properties.remove(&name),
                };
            }
            Step::DeleteNode { at } => {
                let Some(id) = pick(&self.nodes, *at) else { return };
                let row = row_in(tx, id.0);
                let before = self.edges.len();
                self.edges.retain(|_, (_, from, to, _)| *from != id && *to != id);
                self.nodes.remove(&id);
                let gone = (before - self.edges.len()) as u64;
                assert_eq!(tx.delete(row).unwrap(), Some(Deleted { nodes: 1, edges: gone }));
                assert_eq!(tx.delete(row).unwrap(), None);
            }
            Step::DeleteEdge { at } => {
                let Some(id) = pick(&self.edges, *at) else { return };
                let row = row_in(tx, id.0);
                self.edges.remove(&id);
                assert_eq!(tx.delete(row).unwrap(), Some(Deleted { nodes: 0, edges: 1 }));
            }
            Step::EndStatement | Step::AbortStatement | Step::Commit | Step::Rollback => {}
        }
    }
}

fn pick<K: Copy, V>(map: &BTreeMap<K, V>, at: usize) -> Option<K> {
    map.keys().nth(at.checked_rem(map.len())?).copied()
}

/// Where a record lives, own unfinished statement included.
fn row_in(tx: &mut Transaction, id: uuid::Uuid) -> RowId {
    tx.current_row_of(id).unwrap().unwrap()
}

/// Reads everything there is through the public reading surface and checks that the tables agree
/// with each other.
pub(super) fn read_all(view: &View) -> Model {
    let mut model = Model::default();
    let mut rows = BTreeMap::new();
    let mut adjacency = BTreeSet::new();
    for definition in view.catalog().types() {
        let mut live = 0;
        view.scan(definition.id, 0, u64::MAX, &mut |row, record| {
            live += 1;
            assert!(row.sequence() < view.next_sequence(definition.id)?);
            assert_eq!(view.row_of(record.id())?, Some(row));
            rows.insert(record.id(), row);
            match (record.to_node(definition)?, record.to_edge(definition)?) {
                (Some(node), None) => drop(model.nodes.insert(node.id, (node.node_type, node.properties))),
                (None, Some(edge)) => {
                    let ends = record.ends().unwrap();
                    adjacency.insert((true, ends.from_row, row, ends.to_row));
                    adjacency.insert((false, ends.to_row, row, ends.from_row));
                    model.edges.insert(edge.id, (edge.edge_type, edge.from, edge.to, edge.properties));
                }
                _ => unreachable!("a record is a node or an edge"),
            }
            Ok(ControlFlow::Continue(()))
        })
        .unwrap();
        assert_eq!(view.live_rows(definition.id).unwrap(), live, "{}", definition.name);
    }
    let mut found = BTreeSet::new();
    for id in model.nodes.keys() {
        for outgoing in [true, false] {
            view.adjacent(rows[&id.0], outgoing, None, &mut |edge, other| {
                found.insert((outgoing, rows[&id.0], edge, other));
                Ok(ControlFlow::Continue(()))
            })
            .unwrap();
        }
    }
    assert_eq!(found, adjacency);
    let mut ids = 0;
    view.scan_raw(Table::Ids, (std::ops::Bound::Unbounded, std::ops::Bound::Unbounded), &mut |_, _| {
        ids += 1;
        Ok(ControlFlow::Continue(()))
    })
    .unwrap();
    assert_eq!(ids, rows.len());
    model
}

fn run(steps: &[Step], dir: Option<&std::path::Path>) {
    let reopen = |_: Option<Arc<Store>>| match dir {
        None => memory_store(),
        Some(dir) => open_in(dir),
    };
    let mut store = reopen(None);
    let (mut committed, mut kept) = (Model::default(), Model::default());
    let mut working = Model::default();
    let mut tx = store.begin().unwrap();
    for step in steps {
        working.apply(&mut tx, step);
        match step {
            Step::EndStatement => {
                tx.end_statement();
                kept = working.clone();
                assert_eq!(read_all(&tx.view()), kept);
            }
            Step::AbortStatement => {
                tx.abort_statement();
                working = kept.clone();
            }
            Step::Commit | Step::Rollback => {
                if matches!(step, Step::Commit) {
                    store.commit(tx).unwrap();
                    committed = working.clone();
                } else {
                    drop(tx);
                    working = committed.clone();
                }
                kept = committed.clone();
                assert_eq!(read_all(&store.view()), committed);
                if dir.is_some() {
                    drop(store);
                    store = reopen(None);
                    assert_eq!(read_all(&store.view()), committed);
                }
                tx = store.begin().unwrap();
            }
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn the_store_agrees_with_a_plain_model(steps in proptest::collection::vec(any_step(), 1..80)) {
        run(&steps, None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]
    #[test]
    fn the_store_agrees_with_a_plain_model_over_reopening(steps in proptest::collection::vec(any_step(), 1..40)) {
        let dir = tempfile::tempdir().unwrap();
        drop(RedbBackend::create(dir.path(), 1 << 20).unwrap());
        run(&steps, Some(dir.path()));
    }
}

pub(super) fn people(store: &Arc<Store>, count: usize) -> Vec<RowId> {
    let mut tx = store.begin().unwrap();
    let person = tx.ensure_type("person", TypeKind::Node).unwrap();
    let rows = (0..count)
        .map(|n| {
            let values = tx
                .resolve_properties(person, Properties::from([("n".to_owned(), Value::Integer(n as i64))]))
                .unwrap();
            tx.insert_node(person, None, values).unwrap().0
        })
        .collect();
    store.commit(tx).unwrap();
    rows
}

fn knows(tx: &mut Transaction, from: RowId, to: RowId) -> crate::model::Result<()> {
    let type_id = tx.ensure_type("knows", TypeKind::Edge(EdgeEnds::default()))?;
    tx.insert_edge(type_id, None, from, to, Vec::new()).map(|_| ())
}

fn assert_conflict(result: crate::model::Result<Lsn>) {
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Conflict);
}

#[test]
fn the_first_of_two_that_change_one_row_wins() {
    let store = memory_store();
    let row = people(&store, 1)[0];
    let (mut a, mut b) = (store.begin().unwrap(), store.begin().unwrap());
    for (tx, n) in [(&mut a, 10), (&mut b, 20)] {
        let values = tx
            .resolve_properties(row.type_id(), Properties::from([("n".to_owned(), Value::Integer(n))]))
            .unwrap();
        tx.update(row, values).unwrap();
    }
    store.commit(b).unwrap();
    assert_conflict(store.commit(a));
    assert_eq!(store.view().node_at(row).unwrap().unwrap().properties["n"], Value::Integer(20));
}

#[test]
fn an_edge_never_hangs_on_a_node_that_another_deleted() {
    for edge_first in [true, false] {
        let store = memory_store();
        let rows = people(&store, 2);
        let (mut adds, mut deletes) = (store.begin().unwrap(), store.begin().unwrap());
        knows(&mut adds, rows[0], rows[1]).unwrap();
        deletes.delete(rows[1]).unwrap().unwrap();
        let (first, second) = if edge_first { (adds, deletes) } else { (deletes, adds) };
        store.commit(first).unwrap();
        assert_conflict(store.commit(second));
        read_all(&store.view());
    }
}

#[test]
fn two_may_insert_into_one_new_type_and_meet_one_new_property() {
    let store = memory_store();
    let (mut a, mut b) = (store.begin().unwrap(), store.begin().unwrap());
    for (tx, own) in [(&mut a, "left"), (&mut b, "right")] {
        let id = tx.ensure_type("thing", TypeKind::Node).unwrap();
        let properties =
            Properties::from([("shared".to_owned(), Value::Integer(1)), (own.to_owned(), Value::from("x"))]);
        let values = tx.resolve_properties(id, properties).unwrap();
        tx.insert_node(id, None, values).unwrap();
    }
    store.commit(a).unwrap();
    store.commit(b).unwrap();
    let view = store.view();
    let thing = view.catalog().get("thing").unwrap();
    let mut names: Vec<&str> = thing.properties.iter().map(|p| p.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["left", "right", "shared"]);
    assert_eq!(read_all(&view).nodes.len(), 2);
}

#[test]
fn two_that_fix_one_new_property_to_different_types_conflict() {
    let store = memory_store();
    people(&store, 1);
    let (mut a, mut b) = (store.begin().unwrap(), store.begin().unwrap());
    for (tx, value) in [(&mut a, Value::Integer(1)), (&mut b, Value::from("one"))] {
        let id = tx.ensure_type("person", TypeKind::Node).unwrap();
        let values = tx.resolve_properties(id, Properties::from([("new".to_owned(), value)])).unwrap();
        tx.insert_node(id, None, values).unwrap();
    }
    store.commit(a).unwrap();
    assert_conflict(store.commit(b));
}

#[test]
fn a_type_dropped_by_one_is_not_written_by_another() {
    for drop_first in [true, false] {
        let store = memory_store();
        let person = people(&store, 2)[0].type_id();
        let (mut drops, mut inserts) = (store.begin().unwrap(), store.begin().unwrap());
        assert_eq!(drops.drop_type(person).unwrap(), 2);
        inserts.insert_node(person, None, Vec::new()).unwrap();
        let (first, second) = if drop_first { (drops, inserts) } else { (inserts, drops) };
        store.commit(first).unwrap();
        assert_conflict(store.commit(second));
    }
}

#[test]
fn a_dropped_type_leaves_nothing_and_its_name_may_be_used_again() {
    let store = memory_store();
    let person = people(&store, 3)[0].type_id();
    let mut tx = store.begin().unwrap();
    tx.drop_type(person).unwrap();
    store.commit(tx).unwrap();
    assert_eq!(read_all(&store.view()), Model::default());
    let again = people(&store, 1)[0].type_id();
    assert_ne!(again, person, "a type number is never used twice");
}

#[test]
fn a_node_type_with_edges_is_not_dropped() {
    let store = memory_store();
    let rows = people(&store, 2);
    let mut tx = store.begin().unwrap();
    knows(&mut tx, rows[0], rows[1]).unwrap();
    let error = tx.drop_type(rows[0].type_id()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Constraint);
    assert!(error.message().contains("knows"), "{error}");
}

#[test]
fn a_chosen_id_is_taken_once() {
    let store = memory_store();
    let id = Some(NodeId(uuid::Uuid::from_u128(42)));
    let person = people(&store, 1)[0].type_id();
    let (mut a, mut b) = (store.begin().unwrap(), store.begin().unwrap());
    a.insert_node(person, id, Vec::new()).unwrap();
    b.insert_node(person, id, Vec::new()).unwrap();
    assert_eq!(a.insert_node(person, id, Vec::new()).unwrap_err().kind(), ErrorKind::Constraint);
    store.commit(a).unwrap();
    assert_conflict(store.commit(b));
}

#[test]
fn declared_types_refuse_what_they_do_not_declare() {
    let store = memory_store();
    let mut tx = store.begin().unwrap();
    let property = |name: &str, property_type, not_null| NewProperty {
        name: name.to_owned(),
        property_type,
        not_null,
        default: None,
    };
    let id = tx
        .create_type(NewType {
            name: "city".to_owned(),
            kind: TypeKind::Node,
            open: false,
            properties: vec![
                property("name", PropertyType::String, true),
                property("people", PropertyType::Float, false),
            ],
        })
        .unwrap();
    let given = |pairs: &[(&str, Value)]| {
        pairs.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect::<Properties>()
    };
    assert_eq!(
        tx.resolve_properties(id, given(&[("mayor", Value::from("x"))])).unwrap_err().kind(),
        ErrorKind::Constraint
    );
    let values = tx.resolve_properties(id, given(&[("people", Value::Integer(3))])).unwrap();
    assert!(tx.insert_node(id, None, values).unwrap_err().message().contains("city.name must not be NULL"));
    let values = tx
        .resolve_properties(id, given(&[("name", Value::from("Rome")), ("people", Value::Integer(3))]))
        .unwrap();
    let (row, _) = tx.insert_node(id, None, values).unwrap();
    store.commit(tx).unwrap();
    assert_eq!(store.view().node_at(row).unwrap().unwrap().properties["people"], Value::Float(3.0));
}

#[test]
fn a_transaction_that_grows_too_large_says_so() {
    let store = memory_store();
    let mut tx = store.begin().unwrap();
    let id = tx.ensure_type("blob", TypeKind::Node).unwrap();
    let property = tx.ensure_property(id, "bytes", PropertyType::Bytes).unwrap();
    // Xorshift, so that compression finds nothing.
    let mut state = 88_172_645_463_325_252u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    let noise: Vec<u8> = (0..1 << 20).map(|_| next()).collect();
    let error = (0..100)
        .find_map(|_| tx.insert_node(id, None, vec![(property, Value::Bytes(noise.clone()))]).err())
        .unwrap();
    assert_eq!(error.kind(), ErrorKind::OutOfSpace);
}

#[test]
fn new_nodes_with_edges_on_them_commit_beside_another_transaction() {
    let store = memory_store();
    let rows = people(&store, 1);
    let (mut ours, mut other) = (store.begin().unwrap(), store.begin().unwrap());
    let (own, _) = ours.insert_node(rows[0].type_id(), None, Vec::new()).unwrap();
    knows(&mut ours, own, rows[0]).unwrap();
    other.insert_node(rows[0].type_id(), None, Vec::new()).unwrap();
    store.commit(other).unwrap();
    store.commit(ours).unwrap();
    assert_eq!(read_all(&store.view()).edges.len(), 1);
}

#[test]
fn a_type_dropped_and_made_again_in_one_transaction_is_another_type() {
    let dir = tempfile::tempdir().unwrap();
    drop(RedbBackend::create(dir.path(), 1 << 20).unwrap());
    let store = open_in(dir.path());
    let old = people(&store, 2)[0].type_id();
    let mut tx = store.begin().unwrap();
    tx.drop_type(old).unwrap();
    let new = tx.ensure_type("person", TypeKind::Node).unwrap();
    assert_ne!(new, old);
    tx.insert_node(new, None, Vec::new()).unwrap();
    store.commit(tx).unwrap();
    assert_eq!(people(&store, 1)[0].type_id(), new);
    let before = read_all(&store.view());
    assert_eq!(before.nodes.len(), 2);
    drop(store);
    let store = open_in(dir.path());
    assert_eq!(read_all(&store.view()), before);
}

#[test]
fn an_edge_type_is_not_declared_over_a_type_that_another_dropped() {
    for drop_first in [true, false] {
        let store = memory_store();
        let person = people(&store, 1)[0].type_id();
        let (mut drops, mut declares) = (store.begin().unwrap(), store.begin().unwrap());
        drops.drop_type(person).unwrap();
        let kind = TypeKind::Edge(EdgeEnds { from: Some(person), to: None });
        let new = NewType { name: "likes".to_owned(), kind, open: false, properties: Vec::new() };
        declares.create_type(new).unwrap();
        let (first, second) = if drop_first { (drops, declares) } else { (declares, drops) };
        store.commit(first).unwrap();
        assert_conflict(store.commit(second));
    }
}

#[test]
fn the_systems_names_cannot_name_a_property() {
    let store = memory_store();
    let mut tx = store.begin().unwrap();
    let id = tx.ensure_type("t", TypeKind::Node).unwrap();
    assert_eq!(
        tx.ensure_property(id, "_row", PropertyType::Integer).unwrap_err().kind(),
        ErrorKind::BadInput
    );
}
