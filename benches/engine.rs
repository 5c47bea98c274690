//! What the store costs: inserting, getting, scanning, expanding two hops. `cargo bench`.
//!
//! The data is synthetic and the same each time: 100,000 nodes of one type with five properties, and
//! four edges a node, most of them to nodes close by. On disk, in a temporary folder.

use std::hint::black_box;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use aresadb::graph::{EdgeFilter, traverse};
use aresadb::model::{
    CancelToken, Direction, EdgeEnds, IdGenerator, NodeId, Properties, PropertyId, Result, RowId,
    SystemClock, TypeId, TypeKind, Value,
};
use aresadb::storage::{Disk, OsDisk, RedbBackend, Store, StoreOptions, Transaction, ValueRef};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const NODES: u64 = 100_000;
const EDGES_PER_NODE: u64 = 4;
const NODES_PER_COMMIT: u64 = 20_000;
const CACHE_BYTES: usize = 256 << 20;

/// A store with the data in it, and what the benches look up.
struct Data {
    store: Arc<Store>,
    ids: Vec<NodeId>,
    node_type: TypeId,
    age: PropertyId,
    _folder: tempfile::TempDir,
}

fn empty_store() -> Result<(Arc<Store>, tempfile::TempDir)> {
    let folder = tempfile::tempdir().map_err(|e| aresadb::model::Error::io("make a folder", &e))?;
    let options =
        StoreOptions { ..StoreOptions::new(Arc::new(SystemClock), Arc::new(IdGenerator::seeded(1))) };
    let backend = RedbBackend::create(folder.path(), CACHE_BYTES)?;
    let log: Arc<dyn Disk> = Arc::new(OsDisk::new(folder.path().join("wal"), false));
    Ok((Store::open(Box::new(backend), Some(log), options)?, folder))
}

fn properties(number: u64) -> Properties {
    Properties::from([
        ("name".to_owned(), Value::from(format!("user {number}"))),
        ("email".to_owned(), Value::from(format!("user{number}@example.org"))),
        ("age".to_owned(), Value::Integer((number % 90) as i64)),
        ("score".to_owned(), Value::Float(number as f64 / 7.0)),
        ("active".to_owned(), Value::Bool(number.is_multiple_of(3))),
    ])
}

fn insert_node(tx: &mut Transaction, number: u64) -> Result<(RowId, NodeId)> {
    let node_type = tx.ensure_type("user", TypeKind::Node)?;
    let values = tx.resolve_properties(node_type, properties(number))?;
    tx.insert_node(node_type, None, values)
}

/// Where an edge goes: mostly near, sometimes anywhere.
fn target(number: u64, edge: u64) -> u64 {
    let mixed = (number * EDGES_PER_NODE + edge).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    if edge == 0 { mixed % NODES } else { (number + 1 + mixed % 100) % NODES }
}

fn data() -> Result<Data> {
    let (store, folder) = empty_store()?;
    let mut nodes = Vec::with_capacity(NODES as usize);
    for start in (0..NODES).step_by(NODES_PER_COMMIT as usize) {
        let mut tx = store.begin()?;
        for number in start..start + NODES_PER_COMMIT {
            nodes.push(insert_node(&mut tx, number)?);
        }
        store.commit(tx)?;
    }
    for start in (0..NODES).step_by(NODES_PER_COMMIT as usize) {
        let mut tx = store.begin()?;
        let follows = tx.ensure_type("follows", TypeKind::Edge(EdgeEnds::default()))?;
        for number in start..start + NODES_PER_COMMIT {
            for edge in 0..EDGES_PER_NODE {
                let ends = (nodes.get(number as usize), nodes.get(target(number, edge) as usize));
                let (Some((from, _)), Some((to, _))) = ends else { continue };
                tx.insert_edge(follows, None, *from, *to, Vec::new())?;
            }
        }
        store.commit(tx)?;
    }
    let view = store.view();
    let definition = view.catalog().require("user")?;
    let age = definition.property("age").map_or(PropertyId(0), |p| p.id);
    let (node_type, ids) = (definition.id, nodes.into_iter().map(|(_, id)| id).collect());
    Ok(Data { store, ids, node_type, age, _folder: folder })
}

/// Unwraps without a panic's noise: a bench that cannot run stops.
fn ready<T>(result: Result<T>) -> T {
    result.unwrap_or_else(|error| {
        eprintln!("the bench cannot run: {error}");
        std::process::exit(1);
    })
}

fn insert(c: &mut Criterion) {
    let (store, _folder) = ready(empty_store());
    let mut group = c.benchmark_group("insert");
    let mut number = 0;
    for nodes in [1u64, 1_000] {
        group.throughput(Throughput::Elements(nodes));
        group.bench_function(format!("{nodes} nodes a commit"), |b| {
            b.iter(|| {
                let mut tx = ready(store.begin());
                for _ in 0..nodes {
                    number += 1;
                    ready(insert_node(&mut tx, number));
                }
                ready(store.commit(tx))
            });
        });
    }
    group.finish();
}

fn read(c: &mut Criterion) {
    let data = ready(data());
    let view = data.store.view();
    let mut ids = data.ids.iter().copied().cycle().step_by(7_919);
    let mut next = || ids.next().unwrap_or(NodeId(uuid::Uuid::nil()));

    c.bench_function("get a node by id", |b| b.iter(|| ready(view.node(black_box(next())))));

    let mut group = c.benchmark_group("scan");
    group.throughput(Throughput::Elements(NODES));
    group.sample_size(20);
    group.bench_function("one property of 100,000 nodes", |b| {
        b.iter(|| {
            let mut sum = 0;
            ready(view.scan(data.node_type, 0, u64::MAX, &mut |_, record| {
                if let ValueRef::Integer(age) = record.property(data.age)? {
                    sum += age;
                }
                Ok(ControlFlow::Continue(()))
            }));
            sum
        });
    });
    group.finish();

    let cancel = CancelToken::new();
    let out = EdgeFilter::all(Direction::Out);
    let mut group = c.benchmark_group("two hops");
    group.bench_function("handles", |b| {
        b.iter(|| {
            let mut reached = 0u64;
            let Some(start) = ready(view.row_of(next().0)) else { return 0 };
            ready(view.adjacent(start, true, None, &mut |_, near| {
                view.adjacent(near, true, None, &mut |_, far| {
                    reached ^= far.0;
                    Ok(ControlFlow::Continue(()))
                })?;
                Ok(ControlFlow::Continue(()))
            }));
            reached
        });
    });
    group.bench_function("described nodes", |b| {
        b.iter(|| {
            let mut reached = 0;
            ready(traverse(&view, next(), &out, 2, None, &cancel, &mut |level| {
                reached += level.nodes.len();
                Ok(ControlFlow::Continue(()))
            }));
            reached
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    targets = insert, read
}
criterion_main!(benches);
