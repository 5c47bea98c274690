//! Each kind of damage, done to the tables behind the store's back: exactly that is found.

use std::sync::Arc;

use super::*;
use crate::model::{
    EdgeEnds, FixedClock, IdGenerator, Properties, PropertyDef, PropertyId, PropertyType, TypeKind, Value,
};
use crate::storage::backend::{BackendStats, Batch, Changes, Snapshot, StorageBackend};
use crate::storage::keys::{Counter, adjacency_key, type_key};
use crate::storage::record::{NewRecord, stamp_lsn};
use crate::storage::{Disk, NewProperty, NewType, OsDisk, RedbBackend, Store, StoreOptions};

/// A backend that outlives its store.
#[derive(Clone)]
struct Shared(Arc<RedbBackend>);

impl StorageBackend for Shared {
    fn snapshot(&self) -> Result<Arc<dyn Snapshot>> {
        self.0.snapshot()
    }

    fn apply(&self, changes: &dyn Changes) -> Result<()> {
        self.0.apply(changes)
    }

    fn recover(&self) -> Result<()> {
        self.0.recover()
    }

    fn has_failed(&self) -> bool {
        self.0.has_failed()
    }

    fn sync_failed(&self) -> bool {
        self.0.sync_failed()
    }

    fn stats(&self) -> Result<BackendStats> {
        self.0.stats()
    }
}

fn open(backend: &Shared, folder: &tempfile::TempDir) -> Arc<Store> {
    let (clock, ids) = (FixedClock::new(1_700_000_000_000_000, 1), IdGenerator::random());
    let options = StoreOptions { background: false, ..StoreOptions::new(Arc::new(clock), Arc::new(ids)) };
    let log: Arc<dyn Disk> = Arc::new(OsDisk::new(folder.path().join("wal"), false));
    Store::open(Box::new(backend.clone()), Some(log), options).unwrap()
}

/// Two persons in a city, one of whom knows the other.
struct Town {
    backend: Shared,
    folder: tempfile::TempDir,
    ann: RowId,
    bob: RowId,
    oslo: RowId,
    ann_lives: RowId,
    knows: RowId,
}

type Operation = (Table, Vec<u8>, Option<Vec<u8>>);

impl Town {
    fn new() -> Self {
        let backend = Shared(Arc::new(RedbBackend::memory().unwrap()));
        let folder = tempfile::tempdir().unwrap();
        let store = open(&backend, &folder);
        let mut tx = store.begin().unwrap();
        let property = |name: &str, property_type, not_null| NewProperty {
            name: name.to_owned(),
            property_type,
            not_null,
            default: None,
        };
        let person = NewType {
            name: "person".to_owned(),
            kind: TypeKind::Node,
            open: false,
            properties: vec![
                property("name", PropertyType::String, true),
                property("age", PropertyType::Integer, false),
            ],
        };
        let person = tx.create_type(person).unwrap();
        let city = tx.ensure_type("city", TypeKind::Node).unwrap();
        let lives_in = NewType {
            name: "lives_in".to_owned(),
            kind: TypeKind::Edge(EdgeEnds { from: Some(person), to: Some(city) }),
            open: true,
            properties: Vec::new(),
        };
        let lives_in = tx.create_type(lives_in).unwrap();
        let knows = tx.ensure_type("knows", TypeKind::Edge(EdgeEnds::default())).unwrap();
        let mut node = |type_id, name: &str| {
            let properties = Properties::from([("name".to_owned(), Value::from(name))]);
            let values = tx.resolve_properties(type_id, properties).unwrap();
            tx.insert_node(type_id, None, values).unwrap().0
        };
        // Long enough to be compressed.
        let (ann, bob, oslo) = (node(person, &"ann".repeat(200)), node(person, "bob"), node(city, "oslo"));
        let mut edge = |type_id, from, to| tx.insert_edge(type_id, None, from, to, Vec::new()).unwrap().0;
        let ann_lives = edge(lives_in, ann, oslo);
        edge(lives_in, bob, oslo);
        let knows = edge(knows, ann, bob);
        store.commit(tx).unwrap();
        Town { backend, folder, ann, bob, oslo, ann_lives, knows }
    }

    fn apply(&self, mut operations: Vec<Operation>) {
        operations.sort();
        self.backend.apply(&Batch { operations }).unwrap();
    }

    fn value(&self, table: Table, key: &[u8]) -> Vec<u8> {
        let mut value = None;
        let read = &mut |bytes: &[u8]| {
            value = Some(bytes.to_vec());
            Ok(())
        };
        assert!(self.backend.snapshot().unwrap().get(table, key, read).unwrap());
        value.unwrap()
    }

    fn id(&self, table: Table, row: RowId) -> Uuid {
        RecordView::new(&self.value(table, &row.to_bytes())).unwrap().id()
    }

    /// A record with something changed in it.
    fn changed(&self, table: Table, row: RowId, change: impl FnOnce(&mut NewRecord)) -> Operation {
        let bytes = self.value(table, &row.to_bytes());
        let old = RecordView::new(&bytes).unwrap();
        let mut record = NewRecord {
            id: old.id(),
            ends: old.ends(),
            created_at: old.created_at(),
            updated_at: old.updated_at(),
            properties: old.properties().unwrap(),
        };
        change(&mut record);
        let mut new = record.encode(true).unwrap();
        stamp_lsn(&mut new, old.lsn());
        (table, row.to_bytes().to_vec(), Some(new))
    }

    fn definition(&self, id: TypeId, change: impl FnOnce(&mut TypeDef)) -> Operation {
        let mut definition = serde_json::from_slice(&self.value(Table::Types, &type_key(id))).unwrap();
        change(&mut definition);
        (Table::Types, type_key(id).to_vec(), Some(serde_json::to_vec(&definition).unwrap()))
    }

    fn verify(&self) -> Verified {
        open(&self.backend, &self.folder).view().verify(&CancelToken::new(), &mut |_| {}).unwrap()
    }

    /// What is found, in the order it is found: kind, table, row.
    fn faults(&self) -> Vec<(Fault, String, Option<RowId>)> {
        let report = self.verify();
        assert_eq!(report.found, report.findings.len() as u64);
        report.findings.into_iter().map(|f| (f.fault, f.table, f.row)).collect()
    }

    #[track_caller]
    fn expect(&self, operations: Vec<Operation>, expected: &[(Fault, Table, Option<RowId>)]) {
        assert_eq!(self.faults(), [], "before");
        self.apply(operations);
        let expected: Vec<_> =
            expected.iter().map(|(fault, table, row)| (*fault, table.name().to_owned(), *row)).collect();
        assert_eq!(self.faults(), expected);
    }
}

fn key(row: RowId) -> Vec<u8> {
    row.to_bytes().to_vec()
}

#[test]
fn what_is_whole_is_counted_and_nothing_is_found() {
    let town = Town::new();
    let report = town.verify();
    assert_eq!(report.findings, []);
    let checked =
        Checked { definitions: 4, nodes: 3, edges: 3, ids: 6, adjacency: 6, counters: 4, index_entries: 0 };
    assert_eq!(report.checked, checked);

    // After deletes and a drop too.
    let store = open(&town.backend, &town.folder);
    let mut tx = store.begin().unwrap();
    tx.delete(town.bob).unwrap().unwrap();
    tx.drop_type(town.ann_lives.type_id()).unwrap();
    store.commit(tx).unwrap();
    let report = store.view().verify(&CancelToken::new(), &mut |_| {}).unwrap();
    assert_eq!(report.findings, []);
    let checked =
        Checked { definitions: 3, nodes: 2, edges: 0, ids: 2, adjacency: 0, counters: 3, index_entries: 0 };
    assert_eq!(report.checked, checked);
}

#[test]
fn a_finding_says_where_and_what() {
    let town = Town::new();
    town.apply(vec![(Table::Ids, town.id(Table::Nodes, town.bob).as_bytes().to_vec(), None)]);
    let report = town.verify();
    let finding = Finding {
        type_name: Some("person".to_owned()),
        row: Some(town.bob),
        id: Some(town.id(Table::Nodes, town.bob)),
        lsn: Some(1),
        ..Finding::new(Fault::Id, "nodes", "its id is not in the table of ids")
    };
    assert_eq!(report.findings, [finding]);
}

#[test]
fn damaged_records_are_found() {
    let town = Town::new();
    let mut cut = town.value(Table::Nodes, &key(town.bob));
    cut.truncate(20);
    town.expect(
        vec![(Table::Nodes, key(town.bob), Some(cut))],
        &[(Fault::Record, Table::Nodes, Some(town.bob))],
    );

    let town = Town::new();
    let mut unknown = town.value(Table::Edges, &key(town.knows));
    unknown[0] = 9;
    town.expect(
        vec![(Table::Edges, key(town.knows), Some(unknown))],
        &[(Fault::Record, Table::Edges, Some(town.knows))],
    );

    let town = Town::new();
    town.expect(vec![(Table::Nodes, vec![1, 2, 3], Some(vec![1]))], &[(Fault::Entry, Table::Nodes, None)]);
}

#[test]
fn a_record_of_a_commit_that_never_was_is_found() {
    for lsn in [0, 99, u64::MAX] {
        let town = Town::new();
        let mut record = town.value(Table::Nodes, &key(town.oslo));
        stamp_lsn(&mut record, lsn);
        town.expect(
            vec![(Table::Nodes, key(town.oslo), Some(record))],
            &[(Fault::Lsn, Table::Nodes, Some(town.oslo))],
        );
    }
}

#[test]
fn properties_that_do_not_fit_their_definition_are_found() {
    type Change = fn(&mut NewRecord);
    let cases: [(Change, &[Fault]); 5] = [
        (|r| r.properties.push((PropertyId(7), Value::Integer(1))), &[Fault::Property]),
        (|r| r.properties.push((PropertyId(1), Value::from("old"))), &[Fault::Value]),
        (|r| r.properties.clear(), &[Fault::MissingValue]),
        (|r| r.properties = vec![(PropertyId(0), Value::Null)], &[Fault::MissingValue]),
        (
            |r| r.properties = vec![(PropertyId(1), Value::Integer(1)), (PropertyId(0), Value::from("bob"))],
            &[Fault::Property],
        ),
    ];
    for (change, faults) in cases {
        let town = Town::new();
        let operation = town.changed(Table::Nodes, town.bob, change);
        let expected: Vec<_> = faults.iter().map(|f| (*f, Table::Nodes, Some(town.bob))).collect();
        town.expect(vec![operation], &expected);
    }
}

#[test]
fn a_compressed_value_that_does_not_expand_is_found() {
    let town = Town::new();
    let good = town.value(Table::Nodes, &key(town.ann));
    // Some byte of the block whose change keeps the record valid and the text unreadable.
    let broken = (0..good.len())
        .map(|at| {
            let mut bytes = good.clone();
            bytes[at] ^= 0x80;
            bytes
        })
        .find(|bytes| RecordView::new(bytes).is_ok_and(|r| r.lsn() == 1 && r.properties().is_err()))
        .unwrap();
    town.expect(
        vec![(Table::Nodes, key(town.ann), Some(broken))],
        &[(Fault::Value, Table::Nodes, Some(town.ann))],
    );
}

#[test]
fn ids_that_lead_nowhere_or_elsewhere_are_found() {
    let town = Town::new();
    let stray = Uuid::from_u128(5).as_bytes().to_vec();
    let nowhere = RowId::new(town.ann.type_id(), 99);
    town.expect(
        vec![(Table::Ids, stray.clone(), Some(key(nowhere)))],
        &[(Fault::StrayId, Table::Ids, Some(nowhere))],
    );

    let town = Town::new();
    town.expect(
        vec![(Table::Ids, stray.clone(), Some(key(town.ann)))],
        &[(Fault::StrayId, Table::Ids, Some(town.ann))],
    );

    // Both sides of it are wrong.
    let town = Town::new();
    let bobs = town.id(Table::Nodes, town.bob).as_bytes().to_vec();
    town.expect(
        vec![(Table::Ids, bobs, Some(key(town.ann)))],
        &[(Fault::Id, Table::Nodes, Some(town.bob)), (Fault::StrayId, Table::Ids, Some(town.ann))],
    );

    let town = Town::new();
    town.expect(vec![(Table::Ids, stray, Some(vec![1]))], &[(Fault::Entry, Table::Ids, None)]);
}

#[test]
fn edges_that_their_nodes_do_not_have_are_found() {
    let town = Town::new();
    let (from, to) = (adjacency_key(town.ann, town.knows), adjacency_key(town.bob, town.knows));
    let edge = Some(town.knows);
    for (table, entry) in [(Table::EdgeFrom, from), (Table::EdgeTo, to)] {
        let town = Town::new();
        town.expect(vec![(table, entry.to_vec(), None)], &[(Fault::Adjacency, Table::Edges, edge)]);
        let town = Town::new();
        town.expect(
            vec![(table, entry.to_vec(), Some(key(town.oslo)))],
            &[(Fault::Adjacency, Table::Edges, edge)],
        );
        let town = Town::new();
        town.expect(vec![(table, entry.to_vec(), Some(vec![]))], &[(Fault::Entry, table, None)]);
        // A node that the edge does not hang on, and an edge that is not there.
        let town = Town::new();
        let stray = adjacency_key(town.oslo, town.knows);
        town.expect(
            vec![(table, stray.to_vec(), Some(key(town.bob)))],
            &[(Fault::StrayAdjacency, table, edge)],
        );
        let town = Town::new();
        let nothing = RowId::new(town.knows.type_id(), 7);
        town.expect(
            vec![(table, adjacency_key(town.oslo, nothing).to_vec(), Some(key(town.bob)))],
            &[(Fault::StrayAdjacency, table, Some(nothing))],
        );
    }
}

#[test]
fn edges_whose_ends_do_not_live_are_found() {
    // The node is gone, its id and all that hangs on it is not.
    let town = Town::new();
    let bob_lives = RowId::new(town.ann_lives.type_id(), 1);
    town.expect(
        vec![(Table::Nodes, key(town.bob), None)],
        &[
            (Fault::End, Table::Edges, Some(bob_lives)),
            (Fault::End, Table::Edges, Some(town.knows)),
            (Fault::StrayId, Table::Ids, Some(town.bob)),
            (Fault::Count, Table::Counters, None),
        ],
    );

    // The edge names another node than the one at the handle.
    let town = Town::new();
    let operation = town.changed(Table::Edges, town.knows, |edge| {
        edge.ends.as_mut().unwrap().to.0 = Uuid::from_u128(1);
    });
    town.expect(vec![operation], &[(Fault::End, Table::Edges, Some(town.knows))]);

    // An edge cannot be an end.
    let town = Town::new();
    let operation = town.changed(Table::Edges, town.knows, |edge| {
        edge.ends.as_mut().unwrap().to_row = town.ann_lives;
    });
    let (old, new) = (adjacency_key(town.bob, town.knows), adjacency_key(town.ann_lives, town.knows));
    let moved = vec![
        operation,
        (Table::EdgeTo, old.to_vec(), None),
        (Table::EdgeTo, new.to_vec(), Some(key(town.ann))),
        (Table::EdgeFrom, adjacency_key(town.ann, town.knows).to_vec(), Some(key(town.ann_lives))),
    ];
    town.expect(moved, &[(Fault::End, Table::Edges, Some(town.knows))]);
}

#[test]
fn an_edge_between_types_it_is_not_declared_for_is_found() {
    let town = Town::new();
    // `lives_in` leads from person to city; here ann lives in bob.
    let bob = town.id(Table::Nodes, town.bob);
    let operation = town.changed(Table::Edges, town.ann_lives, |edge| {
        let ends = edge.ends.as_mut().unwrap();
        (ends.to.0, ends.to_row) = (bob, town.bob);
    });
    let moved = vec![
        operation,
        (Table::EdgeTo, adjacency_key(town.oslo, town.ann_lives).to_vec(), None),
        (Table::EdgeTo, adjacency_key(town.bob, town.ann_lives).to_vec(), Some(key(town.ann))),
        (Table::EdgeFrom, adjacency_key(town.ann, town.ann_lives).to_vec(), Some(key(town.bob))),
    ];
    town.expect(moved, &[(Fault::EndType, Table::Edges, Some(town.ann_lives))]);
    let message = &town.verify().findings[0].message;
    assert_eq!(message, "it enters a node of 'person', its type is declared for 'city'");
}

#[test]
fn rows_in_the_wrong_place_are_found() {
    // A whole row, of a type that does not exist.
    let town = Town::new();
    let orphan = RowId::new(TypeId(77), 3);
    let (_, _, record) = town.changed(Table::Nodes, town.oslo, |node| node.id = Uuid::from_u128(8));
    town.expect(
        vec![
            (Table::Nodes, key(orphan), record),
            (Table::Ids, Uuid::from_u128(8).as_bytes().to_vec(), Some(key(orphan))),
        ],
        &[(Fault::Orphan, Table::Nodes, Some(orphan))],
    );

    let town = Town::new();
    let misplaced = RowId::new(town.knows.type_id(), 9);
    let record = town.value(Table::Edges, &key(town.knows));
    town.expect(
        vec![(Table::Nodes, key(misplaced), Some(record))],
        &[(Fault::Kind, Table::Nodes, Some(misplaced))],
    );

    // A node's record at an edge's handle.
    let town = Town::new();
    let operation = town.changed(Table::Edges, town.knows, |edge| edge.ends = None);
    town.expect(vec![operation], &[(Fault::Kind, Table::Edges, Some(town.knows))]);
}

#[test]
fn wrong_counters_are_found() {
    let town = Town::new();
    let counter = |type_id, next_sequence, live_rows| {
        let counter = Counter { next_sequence, live_rows };
        (Table::Counters, type_key(type_id).to_vec(), Some(counter.encode()))
    };
    let person = town.ann.type_id();
    town.expect(vec![counter(person, 2, 3)], &[(Fault::Count, Table::Counters, None)]);
    assert_eq!(town.verify().findings[0].message, "3 rows are counted, 2 are there");
    assert_eq!(town.verify().findings[0].type_name.as_deref(), Some("person"));

    let town = Town::new();
    town.expect(vec![counter(person, 1, 2)], &[(Fault::Sequence, Table::Counters, None)]);
    // Numbers that were given out and not used are no damage.
    let town = Town::new();
    town.expect(vec![counter(person, 50, 2)], &[]);
}

#[test]
fn definitions_that_contradict_each_other_are_found() {
    let town = Town::new();
    let (person, city, lives_in) = (town.ann.type_id(), town.oslo.type_id(), town.ann_lives.type_id());
    let renamed = town.definition(city, |t| t.name = "person".to_owned());
    let damage = |town: &Town, operation: Operation| {
        town.apply(vec![operation]);
        let definitions = town.verify().findings.into_iter().filter(|f| f.fault == Fault::Definition);
        definitions.map(|f| f.message).collect::<Vec<_>>()
    };
    let found = damage(&town, renamed);
    assert_eq!(found, [format!("the types {} and {} have the same name", person.0, city.0)]);

    let town = Town::new();
    let renumbered = town.definition(city, |t| t.id = TypeId(50));
    let found = damage(&town, renumbered);
    assert_eq!(found[0], format!("it stands at type {} and says it is type 50", city.0));

    for (property, expected) in [
        ((0, "other"), "two of its properties have the number 0"),
        ((5, "name"), "two of its properties have the name 'name'"),
    ] {
        let town = Town::new();
        let twice = town.definition(person, |t| {
            t.properties.push(PropertyDef {
                id: PropertyId(property.0),
                name: property.1.to_owned(),
                property_type: PropertyType::String,
                declared: false,
                not_null: false,
                default: None,
            });
        });
        assert_eq!(damage(&town, twice), [expected]);
    }

    for (end, expected) in [
        (TypeId(60), "it is declared for nodes of type 60, which does not exist"),
        (town.knows.type_id(), "it is declared for nodes of 'knows', which is an edge type"),
    ] {
        let town = Town::new();
        let elsewhere = town.definition(lives_in, |t| {
            t.kind = TypeKind::Edge(EdgeEnds { from: Some(person), to: Some(end) });
        });
        assert_eq!(damage(&town, elsewhere), [expected]);
    }
}

#[test]
fn a_definition_that_went_leaves_orphans() {
    let town = Town::new();
    let knows = town.knows.type_id();
    town.expect(
        vec![(Table::Types, type_key(knows).to_vec(), None)],
        &[(Fault::Orphan, Table::Edges, Some(town.knows))],
    );
}

#[test]
fn more_findings_than_are_kept_are_counted() {
    let town = Town::new();
    let many = FINDINGS_KEPT as u128 + 5;
    let stray = |n: u128| (Table::Ids, (n + 1).to_be_bytes().to_vec(), Some(key(town.ann)));
    town.apply((0..many).map(stray).collect());
    let report = town.verify();
    assert_eq!((report.found, report.findings.len()), (many as u64, FINDINGS_KEPT));
}

#[test]
fn a_verification_can_be_cancelled() {
    let town = Town::new();
    let stray = |n: u128| (Table::Ids, (n + 1).to_be_bytes().to_vec(), Some(key(town.ann)));
    town.apply((0..600).map(stray).collect());
    let cancel = CancelToken::new();
    cancel.cancel();
    let stopped = open(&town.backend, &town.folder).view().verify(&cancel, &mut |_| {});
    assert_eq!(stopped.unwrap_err().kind(), ErrorKind::Cancelled);
}

#[test]
fn a_block_that_does_not_match_its_checksum_is_found_with_its_place() {
    use std::os::unix::fs::FileExt as _;

    let dir = tempfile::tempdir().unwrap();
    let backend = Shared(Arc::new(RedbBackend::create(dir.path(), 1 << 20).unwrap()));
    let store = open(&backend, &dir);
    let mut tx = store.begin().unwrap();
    let person = tx.ensure_type("person", TypeKind::Node).unwrap();
    let properties = || Properties::from([("name".to_owned(), Value::from("x".repeat(100)))]);
    for _ in 0..2000 {
        let values = tx.resolve_properties(person, properties()).unwrap();
        tx.insert_node(person, None, values).unwrap();
    }
    store.commit(tx).unwrap();
    drop((store, backend));

    let path = dir.path().join("data.redb");
    let sums = dir.path().join("data.crc");
    let (whole, whole_sums) = (std::fs::read(&path).unwrap(), std::fs::read(&sums).unwrap());
    let mut found = 0;
    for block in (1..whole.len() / 4096).step_by(3) {
        std::fs::write(&path, &whole).unwrap();
        std::fs::write(&sums, &whole_sums).unwrap();
        // Damaged once it is open: in a build with debug assertions redb reads every page at opening.
        // The cache is too small to hide it.
        let store = open(&Shared(Arc::new(RedbBackend::open(dir.path(), 16 << 10).unwrap())), &dir);
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.write_all_at(&[whole[block * 4096 + 77] ^ 1], block as u64 * 4096 + 77).unwrap();
        let report = store.view().verify(&CancelToken::new(), &mut |_| {}).unwrap();
        // A block that nothing reaches is not read.
        let Some(finding) = report.findings.first() else { continue };
        found += 1;
        assert_eq!((finding.fault, report.found), (Fault::Unreadable, 1), "{finding:?}");
        let place = Place::Offset { path: path.display().to_string(), offset: block as u64 * 4096 };
        assert_eq!(finding.place, Some(place));
    }
    assert!(found > 20, "{found}");
}
