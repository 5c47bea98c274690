//! What the queries of a traversal say of its elements.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, UInt64Type};

use crate::graph::Network;
use crate::graph::regular::Element;
use crate::model::{Error, Result, RowId, TypeId};
use crate::query::output::arrow_error;

use super::{ElementSpec, Spec};

/// The rows of an element's query.
pub(super) struct Rows {
    pub(super) batch: RecordBatch,
    /// By handle: the row of an edge along its direction, or of a node; and the one of an edge against it.
    places: [HashMap<u64, u64>; 2],
    sided: bool,
}

impl Rows {
    /// The row of what an element is bound to.
    pub(super) fn place(&self, row: RowId, forward: bool) -> Option<u64> {
        let side = usize::from(self.sided && !forward);
        self.places.get(side).and_then(|places| places.get(&row.0)).copied()
    }

    pub(super) fn column(&self, number: usize) -> Result<&ArrayRef> {
        self.batch.columns().get(number).ok_or_else(|| Error::internal("a query without its column"))
    }
}

/// The elements of a pattern, and the rows of their queries.
pub(super) struct Elements {
    pub(super) passing: Vec<Element>,
    pub(super) rows: Vec<Option<Rows>>,
}

impl Elements {
    /// Reads what the queries gave; one batch for each.
    pub(super) fn read(spec: &Spec, network: &Network, batches: &[RecordBatch]) -> Result<Self> {
        let (mut passing, mut rows) = (Vec::new(), Vec::new());
        for element in &spec.elements {
            let Some(input) = &element.input else {
                passing.push(Element { passing: by_type(element, network), ..Element::default() });
                rows.push(None);
                continue;
            };
            let batch =
                batches.get(input.place).ok_or_else(|| Error::internal("a query that was not run"))?;
            let own = rows_of(batch, input.sided)?;
            passing.push(element_of(element, network, &own, input.sided, input.cost)?);
            rows.push(Some(own));
        }
        Ok(Self { passing, rows })
    }
}

/// What passes of the types of an element; nothing where all does.
fn by_type(element: &ElementSpec, network: &Network) -> Option<crate::graph::csr::NodeSet> {
    let all: &[TypeId] = if element.is_edge { network.edge_types() } else { network.node_types() };
    if all.iter().all(|id| element.types.contains(id)) {
        return None;
    }
    Some(if element.is_edge {
        network.edges_of_types(&element.types)
    } else {
        network.nodes_of(&element.types)
    })
}

fn rows_of(batch: &RecordBatch, sided: bool) -> Result<Rows> {
    let lost = || Error::internal("a query of a traversal without handles");
    let handles = batch.columns().first().and_then(|column| column.as_primitive_opt::<UInt64Type>());
    let handles = handles.ok_or_else(lost)?;
    let sides = match sided {
        true => Some(batch.columns().get(1).and_then(|column| column.as_boolean_opt()).ok_or_else(lost)?),
        false => None,
    };
    let mut places = [HashMap::with_capacity(handles.len()), HashMap::new()];
    for (place, handle) in (0_u64..).zip(handles.values()) {
        let row = usize::try_from(place).unwrap_or(usize::MAX);
        let forward = sides.is_none_or(|sides| sides.is_valid(row) && sides.value(row));
        if let Some(side) = places.get_mut(usize::from(!forward)) {
            side.insert(*handle, place);
        }
    }
    Ok(Rows { batch: batch.clone(), places, sided })
}

fn element_of(
    element: &ElementSpec,
    network: &Network,
    rows: &Rows,
    sided: bool,
    cost: Option<usize>,
) -> Result<Element> {
    let [along, against] = &rows.places;
    let handles = |side: &HashMap<u64, u64>| side.keys().map(|handle| RowId(*handle)).collect::<Vec<_>>();
    if !element.is_edge {
        // Sets of handles are made fast where neighbours come together.
        let mut own = handles(along);
        own.sort_unstable();
        return Ok(Element { passing: Some(network.set_of(own.into_iter())), ..Element::default() });
    }
    let costs = match cost {
        None => None,
        Some(column) => {
            let values = costs_of(rows, column)?;
            let bound = network.edge_bound() as usize;
            let made = [along, if sided { against } else { along }].map(|side| {
                let mut costs = vec![0.0; bound];
                for (handle, place) in side {
                    let number = network.edge_number(RowId(*handle)).map(|number| number as usize);
                    let value = usize::try_from(*place).ok().and_then(|place| values.get(place));
                    if let Some((own, value)) = number.and_then(|number| costs.get_mut(number)).zip(value) {
                        *own = *value;
                    }
                }
                costs
            });
            Some(made)
        }
    };
    Ok(Element {
        passing: Some(network.edge_set(handles(along).into_iter())),
        backward: sided.then(|| network.edge_set(handles(against).into_iter())),
        costs,
    })
}

/// The costs of a column.
fn costs_of(rows: &Rows, column: usize) -> Result<Vec<f64>> {
    let given = rows.column(column)?;
    if !given.data_type().is_numeric() {
        return Err(Error::bad_input("COST is no number")
            .with_sqlstate(crate::model::sqlstate::DATATYPE_MISMATCH)
            .with_hint("a cost is a number from zero on, such as e.length"));
    }
    // The digits of a decimal are read: its units divided by a power of ten would not be the nearest float.
    let text = match given.data_type() {
        DataType::Decimal128(..) => arrow::compute::cast(given, &DataType::Utf8).map_err(arrow_error)?,
        _ => Arc::clone(given),
    };
    let values = arrow::compute::cast(&text, &DataType::Float64).map_err(arrow_error)?;
    let values = values.as_primitive::<Float64Type>();
    if values.null_count() > 0 {
        return Err(Error::bad_input("COST is NULL for an edge")
            .with_hint("leave such edges out with WHERE, or write coalesce(e.property, 0)"));
    }
    if let Some(wrong) = values.values().iter().find(|cost| !(**cost >= 0.0 && cost.is_finite())) {
        return Err(Error::bad_input(format!("COST is {wrong} for an edge"))
            .with_hint("a cost is a number from zero on"));
    }
    Ok(values.values().iter().map(|cost| cost + 0.0).collect())
}
