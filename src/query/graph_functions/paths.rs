//! Neighbours, traversals and paths from given nodes.

use std::ops::ControlFlow;

use crate::graph::algorithms::{self as algorithms, Limits, Path, cheapest_path, levels};
use crate::graph::csr::Undirected;
use crate::graph::{Both, Network};
use crate::model::{Direction, Error, PropertyType, Result, RowId, TypeId, Value, sqlstate};

use super::Call;

type Rows = Vec<Vec<Value>>;
type ColumnList = &'static [(&'static str, PropertyType)];

pub(super) const NEIGHBOR_COLUMNS: ColumnList = &[
    ("id", PropertyType::Uuid),
    ("type", PropertyType::String),
    ("edge_id", PropertyType::Uuid),
    ("edge_type", PropertyType::String),
    ("direction", PropertyType::String),
];
pub(super) const TRAVERSE_COLUMNS: ColumnList =
    &[("id", PropertyType::Uuid), ("type", PropertyType::String), ("depth", PropertyType::Integer)];
pub(super) const PATH_COLUMNS: ColumnList = &[
    ("step", PropertyType::Integer),
    ("id", PropertyType::Uuid),
    ("type", PropertyType::String),
    ("edge_id", PropertyType::Uuid),
    ("edge_type", PropertyType::String),
];
pub(super) const PATHS_COLUMNS: ColumnList = &[
    ("path", PropertyType::Integer),
    ("step", PropertyType::Integer),
    ("id", PropertyType::Uuid),
    ("type", PropertyType::String),
    ("edge_id", PropertyType::Uuid),
    ("edge_type", PropertyType::String),
];
pub(super) const COST_COLUMNS: ColumnList = &[
    ("step", PropertyType::Integer),
    ("id", PropertyType::Uuid),
    ("type", PropertyType::String),
    ("edge_id", PropertyType::Uuid),
    ("edge_type", PropertyType::String),
    ("cost", PropertyType::Float),
];

/// So many rows of paths are made at most: there may be more shortest paths than anybody can count.
const PATH_ROWS_MAX: usize = 1_000_000;

impl Call<'_> {
    /// The handle of the node that an argument names.
    fn row(&self, place: usize) -> Result<RowId> {
        let id = self.arguments.node(place)?;
        let function = self.arguments.function();
        let row = self
            .view
            .row_of(id)?
            .ok_or_else(|| Error::not_found(format!("{function}: there is no node {id}")))?;
        match self.view.catalog().by_id(row.type_id()) {
            Some(definition) if definition.is_edge() => {
                Err(Error::bad_input(format!("{function}: {id} is an edge, a node is needed")))
            }
            _ => Ok(row),
        }
    }

    /// The number of the node that an argument names; nothing where no edge of the types can join it.
    fn number(&self, network: &Network, place: usize) -> Result<Option<u32>> {
        Ok(network.number(self.row(place)?))
    }

    fn edge_cells(&self, network: &Network, edge: Option<u32>) -> Result<[Value; 2]> {
        Ok(match edge.and_then(|edge| network.edge(edge)) {
            None => [Value::Null, Value::Null],
            Some(row) => [self.id(row)?, self.type_name(row)],
        })
    }

    /// The nodes of a path, with the edges that lead to them.
    fn path_rows(&self, network: &Network, path: &Path, before: &[Value], rows: &mut Rows) -> Result<()> {
        for (step, node) in path.nodes.iter().enumerate() {
            let edge = step.checked_sub(1).and_then(|before| path.edges.get(before)).copied();
            let row = network
                .node(*node)
                .ok_or_else(|| Error::internal("a path through a node that is not there"))?;
            let mut cells = before.to_vec();
            cells.extend([Value::Integer(step as i64), self.id(row)?, self.type_name(row)]);
            cells.extend(self.edge_cells(network, edge)?);
            rows.push(cells);
        }
        Ok(())
    }
}

/// Runs over the edges in a direction.
fn directed<R>(
    network: &Network,
    direction: Direction,
    one_way: impl FnOnce(Both<'_>) -> Result<R>,
    both_ways: impl FnOnce(&Undirected<'_, crate::graph::LiveEdges<'_>>) -> Result<R>,
) -> Result<R> {
    network.run(|graph| match direction {
        Direction::Out => one_way(graph),
        Direction::In => one_way(graph.reversed()),
        Direction::Both => both_ways(&Undirected(graph)),
    })
}

pub(super) fn neighbors(call: &Call<'_>) -> Result<Rows> {
    let (node, edge_types) = (call.row(0)?, call.edge_types(1)?);
    let ways: &[bool] = match call.arguments.direction(2)? {
        Direction::Out => &[true],
        Direction::In => &[false],
        Direction::Both => &[true, false],
    };
    let mut rows = Rows::new();
    for outgoing in ways {
        for edge_type in &edge_types {
            let mut found = Vec::new();
            call.view.adjacent(node, *outgoing, Some(*edge_type), &mut |edge, other| {
                // An edge from the node to itself leaves it; it enters it too, and is told once.
                if *outgoing || ways.len() == 1 || other != node {
                    found.push((edge, other));
                }
                Ok(ControlFlow::Continue(()))
            })?;
            for (edge, other) in found {
                call.cancel.check()?;
                let direction = if *outgoing { "out" } else { "in" };
                rows.push(vec![
                    call.id(other)?,
                    call.type_name(other),
                    call.id(edge)?,
                    call.type_name(edge),
                    Value::from(direction),
                ]);
            }
        }
    }
    Ok(rows)
}

pub(super) fn traverse(call: &Call<'_>) -> Result<Rows> {
    let network = call.network(1)?;
    let Some(start) = call.number(&network, 0)? else { return Ok(Rows::new()) };
    let small = |count: Option<u64>| count.map(|count| u32::try_from(count).unwrap_or(u32::MAX));
    let limits =
        Limits { max_depth: small(call.arguments.count(2)?), max_fan_out: small(call.arguments.count(4)?) };
    let reached = directed(
        &network,
        call.arguments.direction(3)?,
        |graph| levels(graph.out, Some(graph.incoming), &[start], limits, call.run()),
        |graph| levels(graph, None, &[start], limits, call.run()),
    )?;
    let mut rows = Rows::new();
    // The start is level 0.
    for depth in 1..reached.len() {
        for node in reached.level(depth) {
            call.cancel.check()?;
            let Some(row) = network.node(*node) else { continue };
            rows.push(vec![call.id(row)?, call.type_name(row), Value::Integer(depth as i64)]);
        }
    }
    Ok(rows)
}

pub(super) fn shortest_path(call: &Call<'_>) -> Result<Rows> {
    let network = call.network(2)?;
    let (Some(from), Some(to)) = (call.number(&network, 0)?, call.number(&network, 1)?) else {
        return Ok(Rows::new());
    };
    let found = directed(
        &network,
        call.arguments.direction(3)?,
        |graph| algorithms::shortest_path(graph, from, to, None, call.run()),
        |graph| {
            algorithms::shortest_path(
                crate::graph::csr::Directions::symmetric(graph),
                from,
                to,
                None,
                call.run(),
            )
        },
    )?;
    let mut rows = Rows::new();
    if let Some(path) = found {
        call.path_rows(&network, &path, &[], &mut rows)?;
    }
    Ok(rows)
}

pub(super) fn all_shortest_paths(call: &Call<'_>) -> Result<Rows> {
    let network = call.network(2)?;
    let (Some(from), Some(to)) = (call.number(&network, 0)?, call.number(&network, 1)?) else {
        return Ok(Rows::new());
    };
    let found = directed(
        &network,
        call.arguments.direction(3)?,
        |graph| algorithms::all_shortest_paths(graph, from, to, None, call.run()),
        |graph| {
            let graph = crate::graph::csr::Directions::symmetric(graph);
            algorithms::all_shortest_paths(graph, from, to, None, call.run())
        },
    )?;
    let mut rows = Rows::new();
    for (number, path) in found.paths().enumerate() {
        call.cancel.check()?;
        if rows.len() > PATH_ROWS_MAX {
            return Err(Error::unsupported(format!(
                "there are {} shortest paths: more than {PATH_ROWS_MAX} rows of them are not made",
                found.count()
            ))
            .with_hint("ask for shortest_path, which is one of them"));
        }
        call.path_rows(&network, &path, &[Value::Integer(number as i64 + 1)], &mut rows)?;
    }
    Ok(rows)
}

pub(super) fn dijkstra(call: &Call<'_>) -> Result<Rows> {
    let network = call.network(2)?;
    let (Some(from), Some(to)) = (call.number(&network, 0)?, call.number(&network, 1)?) else {
        return Ok(Rows::new());
    };
    let weights = weights(call, &call.edge_types(2)?)?;
    // Edges are numbered type by type; a look-up by handle is what both sides know.
    let weight =
        |edge: u32| network.edge(edge).and_then(|row| weights.get(&row).copied()).unwrap_or(f64::NAN);
    let found = directed(
        &network,
        call.arguments.direction(4)?,
        |graph| cheapest_path(graph.out, from, to, weight, call.run()),
        |graph| cheapest_path(graph, from, to, weight, call.run()),
    )?;
    let mut rows = Rows::new();
    if let Some((path, _)) = found {
        call.path_rows(&network, &path, &[], &mut rows)?;
        let mut cost = 0.0;
        for (step, row) in rows.iter_mut().enumerate() {
            if let Some(edge) = step.checked_sub(1).and_then(|before| path.edges.get(before)) {
                cost += weight(*edge);
            }
            row.push(Value::Float(cost));
        }
    }
    Ok(rows)
}

/// The weights of all edges of some types, from a property.
fn weights(call: &Call<'_>, edge_types: &[TypeId]) -> Result<std::collections::HashMap<RowId, f64>> {
    let name = call.arguments.text(3).unwrap_or_default();
    let mut weights = std::collections::HashMap::new();
    for edge_type in edge_types {
        let Some(definition) = call.view.catalog().by_id(*edge_type) else { continue };
        let property = definition.property(name).ok_or_else(|| {
            Error::not_found(format!("dijkstra: {} has no property \"{name}\"", definition.name))
                .with_sqlstate(sqlstate::UNDEFINED_COLUMN)
        })?;
        if !matches!(
            property.property_type,
            PropertyType::Integer | PropertyType::Float | PropertyType::Decimal { .. }
        ) {
            return Err(Error::bad_input(format!(
                "dijkstra: \"{name}\" of {} is {}: weights are numbers",
                definition.name, property.property_type
            ))
            .with_sqlstate(sqlstate::DATATYPE_MISMATCH));
        }
        let (id, mut rows) = (property.id, 0_usize);
        call.view.scan(*edge_type, 0, u64::MAX, &mut |row, record| {
            rows += 1;
            if rows.is_multiple_of(1024) {
                call.cancel.check()?;
            }
            let value = record.property(id)?.to_value();
            let weight = match value {
                Value::Null => None,
                other => other.to_text().parse::<f64>().ok(),
            };
            let weight = weight.filter(|weight| *weight >= 0.0).ok_or_else(|| {
                Error::bad_input(format!(
                    "dijkstra: \"{name}\" of the edge {} is no number from zero on",
                    record.id()
                ))
            })?;
            weights.insert(row, weight);
            Ok(ControlFlow::Continue(()))
        })?;
    }
    Ok(weights)
}
