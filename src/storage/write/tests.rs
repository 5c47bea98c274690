//! Transactions against a plain model that clones a map: statements that end and fail, savepoints
//! set, shadowed, rolled back to and released, views held meanwhile, commits and rollbacks.

use proptest::prelude::*;

use super::*;
use crate::model::{ErrorKind, NodeId, Properties, TypeKind, Value};
use crate::storage::model_tests::{Model, Step, any_step, memory_store, people, read_all};

#[derive(Debug, Clone)]
enum Action {
    Write(Step),
    End,
    Fail,
    Savepoint(u8),
    RollbackTo(u8),
    Release(u8),
    /// A reader keeps the view of this moment.
    Hold,
    Commit,
    Rollback,
}

fn any_action() -> impl Strategy<Value = Action> {
    prop_oneof![
        12 => any_step().prop_map(Action::Write),
        5 => Just(Action::End),
        2 => Just(Action::Fail),
        3 => (0u8..3).prop_map(Action::Savepoint),
        2 => (0u8..3).prop_map(Action::RollbackTo),
        2 => (0u8..3).prop_map(Action::Release),
        2 => Just(Action::Hold),
        1 => Just(Action::Commit),
        1 => Just(Action::Rollback),
    ]
}

/// What a transaction should give: every state is a copy.
#[derive(Default)]
struct Expected {
    committed: Model,
    /// After the last finished statement.
    kept: Model,
    /// With the running statement.
    working: Model,
    savepoints: Vec<(u8, Model)>,
}

impl Expected {
    fn find(&self, name: u8) -> Option<usize> {
        self.savepoints.iter().rposition(|(own, _)| *own == name)
    }

    fn restart(&mut self) {
        self.savepoints.clear();
        self.kept = self.committed.clone();
        self.working = self.committed.clone();
    }
}

fn run(actions: &[Action]) {
    let store = memory_store();
    let mut expected = Expected::default();
    let mut held: Vec<(View, Model)> = Vec::new();
    let mut tx = store.begin().unwrap();
    for action in actions {
        match action {
            Action::Write(step) => expected.working.apply(&mut tx, step),
            Action::End => {
                tx.end_statement();
                expected.kept = expected.working.clone();
            }
            Action::Fail => {
                tx.abort_statement();
                expected.working = expected.kept.clone();
            }
            Action::Savepoint(name) => {
                tx.savepoint(&name.to_string()).unwrap();
                expected.kept = expected.working.clone();
                expected.savepoints.push((*name, expected.kept.clone()));
            }
            Action::RollbackTo(name) => match (expected.find(*name), tx.rollback_to(&name.to_string())) {
                (Some(at), Ok(())) => {
                    expected.savepoints.truncate(at + 1);
                    expected.kept = expected.savepoints[at].1.clone();
                    expected.working = expected.kept.clone();
                }
                (at, result) => assert_eq!((at, result.unwrap_err().kind()), (None, ErrorKind::NotFound)),
            },
            Action::Release(name) => match (expected.find(*name), tx.release(&name.to_string())) {
                (Some(at), Ok(())) => {
                    expected.savepoints.truncate(at);
                    expected.kept = expected.working.clone();
                }
                (at, result) => assert_eq!((at, result.unwrap_err().kind()), (None, ErrorKind::NotFound)),
            },
            Action::Hold => held.push((tx.view(), expected.kept.clone())),
            Action::Commit => {
                store.commit(tx).unwrap();
                expected.committed = expected.working.clone();
                tx = store.begin().unwrap();
                expected.restart();
            }
            Action::Rollback => {
                drop(tx);
                tx = store.begin().unwrap();
                expected.restart();
            }
        }
        assert_eq!(read_all(&tx.view()), expected.kept);
        let names: Vec<String> = expected.savepoints.iter().map(|(name, _)| name.to_string()).collect();
        assert!(tx.savepoints().eq(names.iter().map(String::as_str)));
        let layers: u64 = tx.frames().flat_map(|f| &f.layers).map(|layer| bytes_of(layer)).sum();
        assert_eq!(tx.finished_bytes, layers);
    }
    for (view, model) in held {
        assert_eq!(read_all(&view), model);
    }
    assert_eq!(read_all(&store.view()), expected.committed);
}

fn bytes_of(layer: &Layer) -> u64 {
    layer.tables.iter().flatten().map(|(key, value)| layers::entry_bytes(key, value.as_deref())).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn a_transaction_agrees_with_a_plain_model(actions in proptest::collection::vec(any_action(), 1..80)) {
        run(&actions);
    }
}

fn insert(tx: &mut Transaction, n: i64) -> NodeId {
    let person = tx.ensure_type("person", TypeKind::Node).unwrap();
    let values = tx.resolve_properties(person, Properties::from([("n".into(), Value::Integer(n))])).unwrap();
    tx.insert_node(person, None, values).unwrap().1
}

/// Half as long, a fifth of the rounds of what a shell script may send; with a layer per statement
/// it would take minutes.
#[test]
fn a_transaction_of_many_statements_keeps_few_layers() {
    let store = memory_store();
    let mut tx = store.begin().unwrap();
    let mut ids = Vec::new();
    for n in 0..20_000 {
        tx.begin_statement();
        ids.push(insert(&mut tx, n));
        tx.end_statement();
        assert_eq!(tx.top().layers.len(), 1);
        assert!(tx.view().node(ids[ids.len() / 2]).unwrap().is_some());
    }
    for n in 0..1000 {
        tx.savepoint("s").unwrap();
        ids.push(insert(&mut tx, n));
        tx.release("s").unwrap();
        assert_eq!(tx.top().layers.len(), 1);
    }
    store.commit(tx).unwrap();
    assert_eq!(read_all(&store.view()).nodes.len(), ids.len());
}

#[test]
fn writing_one_row_again_and_again_takes_no_more_memory() {
    let store = memory_store();
    let row = people(&store, 1)[0];
    let mut tx = store.begin().unwrap();
    let mut first = None;
    for n in 0..100 {
        tx.begin_statement();
        let given = Properties::from([("n".into(), Value::Integer(n))]);
        let values = tx.resolve_properties(row.type_id(), given).unwrap();
        assert!(tx.update(row, values).unwrap());
        tx.end_statement();
        assert_eq!(*first.get_or_insert(tx.changes_bytes()), tx.changes_bytes());
    }
}

#[test]
fn a_rollback_to_a_savepoint_takes_back_types_counts_and_what_the_commit_would_check() {
    let store = memory_store();
    let row = people(&store, 2)[0];
    let mut tx = store.begin().unwrap();
    insert(&mut tx, 1);
    tx.savepoint("a").unwrap();
    tx.delete(row).unwrap().unwrap();
    tx.ensure_type("other", TypeKind::Node).unwrap();
    tx.savepoint("b").unwrap();
    tx.drop_type(row.type_id()).unwrap();
    tx.end_statement();
    assert!(tx.view().catalog().get("person").is_none());
    tx.rollback_to("a").unwrap();
    assert_eq!(tx.rollback_to("b").unwrap_err().kind(), ErrorKind::NotFound);
    assert!(tx.view().catalog().get("other").is_none());
    assert_eq!(tx.view().live_rows(row.type_id()).unwrap(), 3);
    // Another deletes the row meanwhile: what was taken back does not conflict with it.
    let mut other = store.begin().unwrap();
    other.delete(row).unwrap().unwrap();
    store.commit(other).unwrap();
    store.commit(tx).unwrap();
    assert_eq!(store.view().live_rows(row.type_id()).unwrap(), 2);
}

#[test]
fn a_newer_savepoint_hides_an_older_one_of_its_name_until_it_is_released() {
    let store = memory_store();
    let mut tx = store.begin().unwrap();
    let count = |tx: &Transaction| read_all(&tx.view()).nodes.len();
    tx.savepoint("s").unwrap();
    insert(&mut tx, 1);
    tx.savepoint("s").unwrap();
    insert(&mut tx, 2);
    tx.rollback_to("s").unwrap();
    assert_eq!(count(&tx), 1);
    tx.rollback_to("s").unwrap();
    assert_eq!((count(&tx), tx.savepoints().count()), (1, 2));
    tx.release("s").unwrap();
    tx.rollback_to("s").unwrap();
    assert_eq!((count(&tx), tx.savepoints().count()), (0, 1));
}

#[test]
fn savepoints_have_an_end() {
    let store = memory_store();
    let mut tx = store.begin().unwrap();
    let error = (0..10_000).find_map(|n| tx.savepoint(&n.to_string()).err()).unwrap();
    assert_eq!(error.kind(), ErrorKind::OutOfSpace);
    tx.release("0").unwrap();
    assert!(tx.savepoint("again").is_ok());
}
