//! Matches as columns.

use std::fmt::Write;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, RecordBatchOptions, StringViewBuilder, UInt64Array,
};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::AggregateUDF;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::{AggregateExprBuilder, AggregateFunctionExpr};
use datafusion::physical_expr::expressions::{Column, Literal};

use crate::graph::Network;
use crate::graph::regular::Match;
use crate::model::{Error, Result, RowId};
use crate::query::error::from_datafusion;
use crate::query::ids::Ids;
use crate::query::output::arrow_error;

use super::inputs::Elements;
use super::{Output, Spec};

/// So many rows are given at once.
const ROWS: usize = 4096;
/// Or fewer, with so many nodes on their paths.
const NODES: usize = 65_536;

/// An aggregate that is computed for each match.
pub(super) struct Aggregate {
    expr: AggregateFunctionExpr,
    cast: DataType,
    between: Option<ScalarValue>,
}

impl Aggregate {
    /// The aggregate of an output.
    pub(super) fn of(output: &Output, udaf: &Arc<AggregateUDF>, cast: &DataType) -> Result<Option<Self>> {
        let Output::Aggregate { distinct, between, .. } = output else { return Ok(None) };
        let schema = Arc::new(Schema::new(vec![Field::new("value", cast.clone(), true)]));
        let mut arguments: Vec<Arc<dyn PhysicalExpr>> = vec![Arc::new(Column::new("value", 0))];
        let between = between.clone().map(|text| ScalarValue::Utf8(Some(text)));
        if let Some(between) = &between {
            arguments.push(Arc::new(Literal::new(between.clone())));
        }
        let made = AggregateExprBuilder::new(Arc::clone(udaf), arguments)
            .schema(schema)
            .alias("value")
            .with_distinct(*distinct)
            .build();
        Ok(Some(Self { expr: made.map_err(|e| from_datafusion(&e))?, cast: cast.clone(), between }))
    }

    fn value(&self, values: ArrayRef) -> Result<ScalarValue> {
        let failed = |e| from_datafusion(&e);
        let mut accumulator = self.expr.create_accumulator().map_err(failed)?;
        let length = values.len();
        let mut arguments = vec![cast(&values, &self.cast).map_err(arrow_error)?];
        if let Some(between) = &self.between {
            arguments.push(between.to_array_of_size(length).map_err(failed)?);
        }
        if length > 0 {
            accumulator.update_batch(&arguments).map_err(failed)?;
        }
        accumulator.evaluate().map_err(failed)
    }
}

/// Gathers matches, and gives them as batches.
pub(super) struct Gatherer<'a> {
    pub(super) spec: &'a Spec,
    pub(super) schema: SchemaRef,
    pub(super) network: &'a Network,
    pub(super) elements: &'a Elements,
    pub(super) aggregates: &'a [Option<Aggregate>],
    pub(super) ids: Ids<'a>,
    pub(super) held: Vec<Match>,
    pub(super) nodes: usize,
}

impl Gatherer<'_> {
    /// Takes a match in; a batch where there are enough.
    pub(super) fn add(&mut self, found: &Match) -> Result<Option<RecordBatch>> {
        self.nodes += found.nodes.len();
        self.held.push(found.clone());
        if self.held.len() >= ROWS || self.nodes >= NODES { self.batch().map(Some) } else { Ok(None) }
    }

    /// What is held as a batch.
    pub(super) fn batch(&mut self) -> Result<RecordBatch> {
        let held = std::mem::take(&mut self.held);
        self.nodes = 0;
        let mut columns = Vec::with_capacity(self.spec.outputs.len());
        for (place, (_, output)) in self.spec.outputs.iter().enumerate() {
            columns.push(self.column(&held, output, place)?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(held.len()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options).map_err(arrow_error)
    }

    fn column(&mut self, held: &[Match], output: &Output, place: usize) -> Result<ArrayRef> {
        Ok(match output {
            Output::Length => {
                Arc::new(Int64Array::from_iter_values(held.iter().map(|found| found.edges.len() as i64)))
            }
            Output::Cost => Arc::new(Float64Array::from_iter_values(held.iter().map(|found| found.cost))),
            Output::Count(element) => {
                let counts = held.iter().map(|found| self.bound(found, *element).len() as i64);
                Arc::new(Int64Array::from_iter_values(counts))
            }
            Output::Id(element) => {
                let mut made = StringViewBuilder::with_capacity(held.len());
                for found in held {
                    match self.bound(found, *element).first() {
                        Some((row, _)) => made.append_value(self.ids.of(*row)?.to_string()),
                        None => made.append_null(),
                    }
                }
                Arc::new(made.finish())
            }
            Output::Ids { nodes, edges } => {
                let mut made = StringViewBuilder::with_capacity(held.len());
                for found in held {
                    made.append_value(self.path(found, *nodes, *edges)?);
                }
                Arc::new(made.finish())
            }
            Output::First { element, column } => {
                let rows = self.rows(*element)?;
                let places = held.iter().map(|found| {
                    let (row, forward) = self.bound(found, *element).first().copied()?;
                    rows.place(row, forward)
                });
                let places: UInt64Array = places.collect();
                take(rows.column(*column)?, &places, None).map_err(arrow_error)?
            }
            Output::Aggregate { element, column, .. } => {
                let aggregate = self.aggregates.get(place).and_then(Option::as_ref);
                let aggregate =
                    aggregate.ok_or_else(|| Error::internal("an aggregate without its function"))?;
                let rows = self.rows(*element)?;
                let values = rows.column(*column)?;
                let mut made = Vec::with_capacity(held.len());
                for found in held {
                    let places = self.bound(found, *element).into_iter();
                    let places: UInt64Array = places.map(|(row, forward)| rows.place(row, forward)).collect();
                    made.push(aggregate.value(take(values, &places, None).map_err(arrow_error)?)?);
                }
                let array = ScalarValue::iter_to_array(made).map_err(|e| from_datafusion(&e))?;
                let wanted = self.schema.fields().get(place).map(|field| field.data_type());
                match wanted {
                    Some(wanted) if wanted != array.data_type() => {
                        cast(&array, wanted).map_err(arrow_error)?
                    }
                    _ => array,
                }
            }
        })
    }

    fn rows(&self, element: usize) -> Result<&super::inputs::Rows> {
        let rows = self.elements.rows.get(element).and_then(Option::as_ref);
        rows.ok_or_else(|| Error::internal("an element of a traversal without its query"))
    }

    /// What an element is bound to, in the order of the path.
    fn bound(&self, found: &Match, element: usize) -> Vec<(RowId, bool)> {
        if self.spec.elements.get(element).is_some_and(|own| own.is_edge) {
            let edges = found.edges.iter().zip(&found.edge_elements).zip(&found.forward);
            let own = edges.filter(|((_, bound), _)| **bound == element);
            return own
                .filter_map(|((edge, _), forward)| Some((self.network.edge(*edge)?, *forward)))
                .collect();
        }
        let nodes = found.nodes.iter().zip(&found.node_elements);
        let own = nodes.filter(|(_, bound)| bound.contains(&element));
        own.filter_map(|(node, _)| Some((self.network.node(*node)?, true))).collect()
    }

    /// The ids of a path as a list in JSON.
    fn path(&mut self, found: &Match, nodes: bool, edges: bool) -> Result<String> {
        let lost = || Error::internal("a path through what is not there");
        let mut text = String::from("[");
        let mut write = |id: uuid::Uuid| {
            let before = if text.len() > 1 { "," } else { "" };
            // Writing to a text does not fail.
            let _ = write!(text, "{before}\"{id}\"");
        };
        for (place, node) in found.nodes.iter().enumerate() {
            if nodes {
                write(self.ids.of(self.network.node(*node).ok_or_else(lost)?)?);
            }
            if let Some(edge) = found.edges.get(place).filter(|_| edges) {
                write(self.ids.of(self.network.edge(*edge).ok_or_else(lost)?)?);
            }
        }
        text.push(']');
        Ok(text)
    }
}

/// What becomes of the work when nobody waits for a batch any more.
pub(super) fn flow(is_wanted: bool) -> ControlFlow<()> {
    if is_wanted { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
}
