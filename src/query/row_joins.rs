//! Joins of ids on row handles.
//!
//! An id is equal to another one where their row handles are: a live record has one handle, and no other record gets
//! it. An edge's record holds the handles of its ends beside their ids. So `d.to_id = p.id` is answered by comparing
//! numbers, and the texts of ids are made only where they are shown.
//!
//! The rule follows each key of a join down to the scan that it comes from. Where both sides end at a system column,
//! the scans' sources are changed to ones with the hidden columns of handles, which are passed up beside the ids. No other schema has them; what is above the join sees what it saw before.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::catalog::default_table_source::{provider_as_source, source_as_provider};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema, DataFusionError, Result as PlannerResult};
use datafusion::logical_expr::{
    Expr, Filter, Join, JoinType, Limit, LogicalPlan, Projection, Sort, SubqueryAlias, TableScan,
    TableScanBuilder, Union,
};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

use super::columns::HANDLE;
use super::provider::TypeTable;

/// Compares handles where joins compare ids.
#[derive(Debug)]
pub struct RowJoins;

impl OptimizerRule for RowJoins {
    fn name(&self) -> &'static str {
        "row_joins"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> PlannerResult<Transformed<LogicalPlan>> {
        let LogicalPlan::Join(join) = &plan else { return Ok(Transformed::no(plan)) };
        Ok(match on_handles(join, config)? {
            Some(join) => Transformed::yes(join),
            None => Transformed::no(plan),
        })
    }
}

/// The join on handles, with the columns of the one on ids; `None` where it compares no ids.
fn on_handles(join: &Join, config: &dyn OptimizerConfig) -> PlannerResult<Option<LogicalPlan>> {
    if matches!(join.join_type, JoinType::LeftMark | JoinType::RightMark) {
        return Ok(None);
    }
    let (mut left, mut right) = (Arc::clone(&join.left), Arc::clone(&join.right));
    let (mut on, mut found) = (Vec::with_capacity(join.on.len()), false);
    for (l, r) in &join.on {
        let ids = match (l, r) {
            (Expr::Column(a), Expr::Column(b)) if is_id(&left, a) && is_id(&right, b) => Some((a, b)),
            _ => None,
        };
        on.push(match ids {
            None => (l.clone(), r.clone()),
            Some((a, b)) => {
                found = true;
                let (plan, a) = with_handle(&left, a, config)?;
                left = plan;
                let (plan, b) = with_handle(&right, b, config)?;
                right = plan;
                (Expr::Column(a), Expr::Column(b))
            }
        });
    }
    if !found {
        return Ok(None);
    }
    let wanted: Vec<Expr> = join.schema.columns().into_iter().map(Expr::Column).collect();
    let join = Join::try_new(
        left,
        right,
        on,
        join.filter.clone(),
        join.join_type,
        join.join_constraint,
        join.null_equality,
        join.null_aware,
    )?;
    Ok(Some(LogicalPlan::Projection(Projection::try_new(wanted, Arc::new(LogicalPlan::Join(join)))?)))
}

/// Whether a column is an id of a record or of an edge's end, as a scan gives it.
fn is_id(plan: &LogicalPlan, column: &Column) -> bool {
    match plan {
        LogicalPlan::TableScan(scan) => {
            table_of(scan).is_some_and(|table| table.handle_of(&column.name).is_some())
        }
        LogicalPlan::SubqueryAlias(alias) => {
            inner_of(alias, column).is_some_and(|inner| is_id(&alias.input, &inner))
        }
        LogicalPlan::Filter(filter) => is_id(&filter.input, column),
        LogicalPlan::Sort(sort) => is_id(&sort.input, column),
        LogicalPlan::Limit(limit) => is_id(&limit.input, column),
        LogicalPlan::Projection(projection) => {
            shown(projection, column).is_some_and(|inner| is_id(&projection.input, inner))
        }
        LogicalPlan::Union(union) => union.schema.maybe_index_of_column(column).is_some_and(|place| {
            let own = |input: &Arc<LogicalPlan>| {
                input.schema().columns().get(place).is_some_and(|column| is_id(input, column))
            };
            union.inputs.iter().all(own)
        }),
        LogicalPlan::Join(join) => side_of(join, column)
            .is_some_and(|is_left| is_id(if is_left { &join.left } else { &join.right }, column)),
        _ => false,
    }
}

/// A plan that gives the handle beside an id for which [`is_id`] holds, and the handle's column.
fn with_handle(
    plan: &Arc<LogicalPlan>,
    column: &Column,
    config: &dyn OptimizerConfig,
) -> PlannerResult<(Arc<LogicalPlan>, Column)> {
    let (plan, handle) = match plan.as_ref() {
        LogicalPlan::TableScan(scan) => {
            let (scan, handle) = scan_with_handle(scan, column)?;
            (LogicalPlan::TableScan(scan), handle)
        }
        LogicalPlan::SubqueryAlias(alias) => {
            let inner = inner_of(alias, column).ok_or_else(|| lost(column))?;
            let (input, handle) = with_handle(&alias.input, &inner, config)?;
            let outer = Column::new(Some(alias.alias.clone()), handle.name);
            (LogicalPlan::SubqueryAlias(SubqueryAlias::try_new(input, alias.alias.clone())?), outer)
        }
        LogicalPlan::Filter(filter) => {
            let (input, handle) = with_handle(&filter.input, column, config)?;
            (LogicalPlan::Filter(Filter::try_new(filter.predicate.clone(), input)?), handle)
        }
        LogicalPlan::Sort(sort) => {
            let (input, handle) = with_handle(&sort.input, column, config)?;
            (LogicalPlan::Sort(Sort { expr: sort.expr.clone(), input, fetch: sort.fetch }), handle)
        }
        LogicalPlan::Limit(limit) => {
            let (input, handle) = with_handle(&limit.input, column, config)?;
            let (skip, fetch) = (limit.skip.clone(), limit.fetch.clone());
            (LogicalPlan::Limit(Limit { skip, fetch, input }), handle)
        }
        LogicalPlan::Projection(projection) => {
            let inner = shown(projection, column).ok_or_else(|| lost(column))?.clone();
            let (input, handle) = with_handle(&projection.input, &inner, config)?;
            // A name of its own: two tables of the projection may both have handles.
            let name = config.alias_generator().next(HANDLE);
            let mut expr = projection.expr.clone();
            expr.push(Expr::Column(handle).alias(&name));
            (LogicalPlan::Projection(Projection::try_new(expr, input)?), Column::new_unqualified(name))
        }
        LogicalPlan::Union(union) => union_with_handle(union, column, config)?,
        LogicalPlan::Join(join) => {
            let is_left = side_of(join, column).ok_or_else(|| lost(column))?;
            let (mut left, mut right) = (Arc::clone(&join.left), Arc::clone(&join.right));
            let side = if is_left { &mut left } else { &mut right };
            let (plan, handle) = with_handle(side, column, config)?;
            *side = plan;
            let join = Join::try_new(
                left,
                right,
                join.on.clone(),
                join.filter.clone(),
                join.join_type,
                join.join_constraint,
                join.null_equality,
                join.null_aware,
            )?;
            (LogicalPlan::Join(join), handle)
        }
        _ => return Err(lost(column)),
    };
    Ok((Arc::new(plan), handle))
}

/// The union with the handle behind the columns of each part.
fn union_with_handle(
    union: &Union,
    column: &Column,
    config: &dyn OptimizerConfig,
) -> PlannerResult<(LogicalPlan, Column)> {
    let place = union.schema.maybe_index_of_column(column).ok_or_else(|| lost(column))?;
    let name = config.alias_generator().next(HANDLE);
    let mut inputs = Vec::with_capacity(union.inputs.len());
    for input in &union.inputs {
        let columns = input.schema().columns();
        let inner = columns.get(place).ok_or_else(|| lost(column))?.clone();
        let (plan, handle) = with_handle(input, &inner, config)?;
        let mut expr: Vec<Expr> = columns.into_iter().map(Expr::Column).collect();
        expr.push(Expr::Column(handle).alias(&name));
        inputs.push(Arc::new(LogicalPlan::Projection(Projection::try_new(expr, plan)?)));
    }
    let own = union.schema.iter().map(|(table, field)| (table.cloned(), Arc::clone(field)));
    let handle = (None, Arc::new(Field::new(&name, DataType::UInt64, false)));
    let fields = own.chain(std::iter::once(handle)).collect();
    let schema = Arc::new(DFSchema::new_with_metadata(fields, union.schema.metadata().clone())?);
    Ok((LogicalPlan::Union(Union { inputs, schema }), Column::new_unqualified(name)))
}

/// The scan with a table that has handles, and the handle beside an id.
fn scan_with_handle(scan: &TableScan, column: &Column) -> PlannerResult<(TableScan, Column)> {
    let provider = source_as_provider(&scan.source)?;
    let table = provider.downcast_ref::<TypeTable>().ok_or_else(|| lost(column))?;
    let name = table.handle_of(&column.name).ok_or_else(|| lost(column))?;
    let with_handles = table.with_handles();
    let place = with_handles.place_of(name).ok_or_else(|| lost(column))?;
    // The columns of before stand at their places.
    let projection = scan.projection.clone().map(|mut places| {
        if !places.contains(&place) {
            places.push(place);
        }
        places
    });
    let scan = TableScanBuilder::new(scan.table_name.clone(), provider_as_source(with_handles))
        .with_projection(projection)
        .with_filters(scan.filters.clone())
        .with_fetch(scan.fetch)
        .build()?;
    let handle = Column::new(Some(scan.table_name.clone()), name);
    Ok((scan, handle))
}

fn table_of(scan: &TableScan) -> Option<Arc<TypeTable>> {
    let provider = source_as_provider(&scan.source).ok()?;
    Arc::downcast::<TypeTable>(provider).ok()
}

/// The column under an alias.
fn inner_of(alias: &SubqueryAlias, column: &Column) -> Option<Column> {
    let place = alias.schema.maybe_index_of_column(column)?;
    alias.input.schema().columns().into_iter().nth(place)
}

/// The column that a projection shows as another one.
fn shown<'a>(projection: &'a Projection, column: &Column) -> Option<&'a Column> {
    let place = projection.schema.maybe_index_of_column(column)?;
    let mut expression = projection.expr.get(place)?;
    while let Expr::Alias(alias) = expression {
        expression = &alias.expr;
    }
    expression.try_as_col()
}

/// Whether a column of a join comes from its left side; `None` where it comes from none alone.
fn side_of(join: &Join, column: &Column) -> Option<bool> {
    let (left, right) = match join.join_type {
        JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full => (true, true),
        JoinType::LeftSemi | JoinType::LeftAnti => (true, false),
        JoinType::RightSemi | JoinType::RightAnti => (false, true),
        JoinType::LeftMark | JoinType::RightMark => (false, false),
    };
    match (left && join.left.schema().has_column(column), right && join.right.schema().has_column(column)) {
        (true, false) => Some(true),
        (false, true) => Some(false),
        _ => None,
    }
}

/// What cannot be, where [`is_id`] held.
fn lost(column: &Column) -> DataFusionError {
    DataFusionError::Internal(format!("no handle beside the id {column}"))
}
