//! Algorithms over the edges of some types, with a row for each node.

use std::collections::HashMap;

use uuid::Uuid;

use crate::graph::algorithms::{
    self as algorithms, BetweennessOptions, DegreeKind, LouvainOptions, PageRankOptions, Run, Sources,
    degrees,
};
use crate::graph::{Both, Network};
use crate::model::{Error, PropertyType, Result, RowId, TypeId, Value};
use crate::query::ids::Ids;

use super::Call;

type Rows = Vec<Vec<Value>>;
type ColumnList = &'static [(&'static str, PropertyType)];

const ID: (&str, PropertyType) = ("id", PropertyType::Uuid);
const TYPE: (&str, PropertyType) = ("type", PropertyType::String);

pub(super) const RANK_COLUMNS: ColumnList = &[ID, TYPE, ("rank", PropertyType::Float)];
pub(super) const COMPONENT_COLUMNS: ColumnList = &[ID, TYPE, ("component", PropertyType::Uuid)];
pub(super) const COMMUNITY_COLUMNS: ColumnList = &[ID, TYPE, ("community", PropertyType::Uuid)];
pub(super) const TRIANGLE_COLUMNS: ColumnList = &[ID, TYPE, ("triangles", PropertyType::Integer)];
pub(super) const CLUSTERING_COLUMNS: ColumnList = &[ID, TYPE, ("coefficient", PropertyType::Float)];
pub(super) const CORE_COLUMNS: ColumnList = &[ID, TYPE, ("core", PropertyType::Integer)];
pub(super) const BETWEENNESS_COLUMNS: ColumnList = &[ID, TYPE, ("centrality", PropertyType::Float)];
pub(super) const DEGREE_COLUMNS: ColumnList = &[
    ID,
    TYPE,
    ("in_degree", PropertyType::Integer),
    ("out_degree", PropertyType::Integer),
    ("degree", PropertyType::Integer),
];

/// Iterations of `pagerank` where nothing else is said.
const ITERATIONS: u32 = 100;
/// Rounds of `label_propagation` where nothing else is said.
const ROUNDS: u32 = 100;
/// The seed of samples where nothing else is said.
const SEED: u64 = 1;

impl Call<'_> {
    /// The edge types that an argument names; all where it is absent.
    pub(super) fn edge_types(&self, place: usize) -> Result<Vec<TypeId>> {
        self.arguments.edge_types(place, self.view.catalog())
    }

    /// The edges of the types that an argument names.
    pub(super) fn network(&self, place: usize) -> Result<Network> {
        let (around, edge_types) = (self.around, self.edge_types(place)?);
        let (store, system) = (&around.store, &around.system);
        system.graphs.network(store, &system.chunks, self.view, &edge_types, self.threads, self.cancel)
    }

    pub(super) fn run(&self) -> Run<'_> {
        Run::new(self.cancel).with_threads(self.threads)
    }

    /// The name of a record's type.
    pub(super) fn type_name(&self, row: RowId) -> Value {
        let definition = self.view.catalog().by_id(row.type_id());
        definition.map_or(Value::Null, |definition| Value::String(definition.name.clone()))
    }

    /// The id of a record.
    pub(super) fn id(&self, row: RowId) -> Result<Value> {
        let mut id = None;
        self.view.read(row, &mut |record| {
            id = Some(record.id());
            Ok(())
        })?;
        id.map(Value::Uuid).ok_or_else(|| Error::internal(format!("no record at {row:?}")))
    }

    /// The ids of all nodes of a network, by number.
    fn ids(&self, network: &Network) -> Result<HashMap<u32, Uuid>> {
        let mut ids = HashMap::with_capacity(network.nodes().count() as usize);
        let mut known = Ids::new(&self.around.system.chunks, self.view, self.cancel);
        for number in network.nodes().iter() {
            if let Some(row) = network.node(number) {
                ids.insert(number, known.of(row)?);
            }
        }
        Ok(ids)
    }

    /// A row for each node: its id, its type, and what `cells` says.
    fn each_node(
        &self,
        network: &Network,
        mut cells: impl FnMut(u32, &HashMap<u32, Uuid>) -> Vec<Value>,
    ) -> Result<Rows> {
        let ids = self.ids(network)?;
        let mut rows = Vec::with_capacity(ids.len());
        for number in network.nodes().iter() {
            let (Some(id), Some(row)) = (ids.get(&number), network.node(number)) else { continue };
            let mut made = vec![Value::Uuid(*id), self.type_name(row)];
            made.extend(cells(number, &ids));
            rows.push(made);
        }
        Ok(rows)
    }

    /// A number for each node.
    fn each_number<T: Copy>(
        &self,
        work: impl FnOnce(Both<'_>, Run<'_>) -> Result<Vec<T>>,
        value: impl Fn(T) -> Value,
    ) -> Result<Rows> {
        let network = self.network(0)?;
        let found = network.run(|graph| work(graph, self.run()))?;
        self.each_node(&network, |node, _| {
            vec![found.get(node as usize).map_or(Value::Null, |found| value(*found))]
        })
    }

    /// For each node the id of the one that its group is named by.
    fn each_group(&self, work: impl FnOnce(Both<'_>, Run<'_>) -> Result<Vec<u32>>) -> Result<Rows> {
        let network = self.network(0)?;
        let groups = network.run(|graph| work(graph, self.run()))?;
        self.each_node(&network, |node, ids| {
            let id = groups.get(node as usize).and_then(|group| ids.get(group));
            vec![id.map_or(Value::Null, |id| Value::Uuid(*id))]
        })
    }
}

fn integer(value: impl TryInto<i64>) -> Value {
    Value::Integer(value.try_into().unwrap_or(i64::MAX))
}

fn small(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

pub(super) fn pagerank(call: &Call<'_>) -> Result<Rows> {
    let defaults = PageRankOptions::default();
    let options = PageRankOptions {
        damping: call.arguments.number(1).unwrap_or(defaults.damping),
        max_iterations: call.arguments.count(2)?.map_or(ITERATIONS, small),
        tolerance: call.arguments.number(3).unwrap_or(defaults.tolerance),
        ..defaults
    };
    call.each_number(|graph, run| Ok(algorithms::pagerank(graph, options, run)?.ranks), Value::Float)
}

pub(super) fn connected_components(call: &Call<'_>) -> Result<Rows> {
    call.each_group(|graph, run| Ok(algorithms::connected_components(graph, run)?.of))
}

pub(super) fn strongly_connected_components(call: &Call<'_>) -> Result<Rows> {
    call.each_group(|graph, run| Ok(algorithms::strong_components(graph.out, run)?.of))
}

pub(super) fn louvain(call: &Call<'_>) -> Result<Rows> {
    let defaults = LouvainOptions::default();
    let resolution = call.arguments.number(1).unwrap_or(defaults.resolution);
    call.each_group(|graph, run| {
        Ok(algorithms::louvain(graph, LouvainOptions { resolution, ..defaults }, run)?.groups.of)
    })
}

pub(super) fn label_propagation(call: &Call<'_>) -> Result<Rows> {
    let rounds = call.arguments.count(1)?.map_or(ROUNDS, small);
    call.each_group(|graph, run| algorithms::label_propagation(graph, rounds, run))
}

pub(super) fn triangle_count(call: &Call<'_>) -> Result<Rows> {
    call.each_number(|graph, run| Ok(algorithms::triangles(graph, run)?.of_node), integer)
}

pub(super) fn local_clustering(call: &Call<'_>) -> Result<Rows> {
    call.each_number(|graph, run| Ok(algorithms::triangles(graph, run)?.clustering()), Value::Float)
}

pub(super) fn k_core(call: &Call<'_>) -> Result<Rows> {
    // The function itself is of one lifetime.
    #[allow(clippy::redundant_closure)]
    call.each_number(|graph, run| algorithms::core_numbers(graph, run), integer)
}

pub(super) fn betweenness(call: &Call<'_>) -> Result<Rows> {
    let seed = call.arguments.count(2)?.unwrap_or(SEED);
    let sources = match call.arguments.count(1)? {
        None => Sources::All,
        Some(count) => Sources::Sample { count: small(count), seed },
    };
    let options = BetweennessOptions { sources, normalized: false };
    call.each_number(|graph, run| algorithms::betweenness(graph.out, options, run), Value::Float)
}

pub(super) fn degree(call: &Call<'_>) -> Result<Rows> {
    let network = call.network(0)?;
    let (ins, outs) =
        network.run(|graph| Ok((degrees(graph, DegreeKind::In), degrees(graph, DegreeKind::Out))))?;
    call.each_node(&network, |node, _| {
        let of = |counts: &[u64]| counts.get(node as usize).copied().unwrap_or(0);
        let (ins, outs) = (of(&ins), of(&outs));
        vec![integer(ins), integer(outs), integer(ins.saturating_add(outs))]
    })
}
