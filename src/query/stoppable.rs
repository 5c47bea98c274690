//! Joins that stop when their statement does.
//!
//! A task is stopped where it gives way to others. The planner sees to that at the leaves of a plan; a join makes
//! millions of rows of a few thousand, and what reads them (an aggregate, a filter) asks for the next batch without
//! ever giving way. So every join gives way behind some of its batches.
//!
//! A join whose condition few pairs fulfil looks at pairs for minutes before it has a batch. Its condition is
//! evaluated every few thousand pairs: there the statement's token is looked at, and a raised one ends the join
//! with an error.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, FieldRef, Schema};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Result as PlannerResult, internal_err};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{
    CrossJoinExec, HashJoinExec, NestedLoopJoinExec, NestedLoopJoinExecBuilder, SortMergeJoinExec,
};

use crate::model::CancelToken;

use super::error::to_datafusion;
use super::provider::StatementState;

/// Makes joins give way, and puts the look at the token into their conditions. To stand behind all rules that
/// read those.
pub struct StoppableJoins(Arc<StatementState>);

impl StoppableJoins {
    /// A rule for the statements of a session.
    #[must_use]
    pub fn new(state: &Arc<StatementState>) -> Self {
        Self(Arc::clone(state))
    }
}

impl fmt::Debug for StoppableJoins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoppableJoins")
    }
}

impl PhysicalOptimizerRule for StoppableJoins {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> PlannerResult<Arc<dyn ExecutionPlan>> {
        let Some(cancel) = self.0.cancel() else { return Ok(plan) };
        plan.transform_up(|plan| {
            let join: Arc<dyn ExecutionPlan> = if let Some(join) = plan.downcast_ref::<NestedLoopJoinExec>() {
                match join.filter() {
                    Some(filter) => {
                        let filter = looking(filter, &cancel);
                        Arc::new(NestedLoopJoinExecBuilder::from(join).with_filter(Some(filter)).build()?)
                    }
                    None => plan,
                }
            } else if let Some(join) = plan.downcast_ref::<HashJoinExec>() {
                match join.filter() {
                    Some(filter) => {
                        let filter = looking(filter, &cancel);
                        Arc::new(join.builder().with_filter(Some(filter)).build()?)
                    }
                    None => plan,
                }
            } else if plan.is::<CrossJoinExec>() || plan.is::<SortMergeJoinExec>() {
                plan
            } else {
                return Ok(Transformed::no(plan));
            };
            Ok(Transformed::yes(Arc::new(CooperativeExec::new(join)) as _))
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "stoppable_joins"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn looking(filter: &JoinFilter, cancel: &CancelToken) -> JoinFilter {
    let condition = Looking { condition: Arc::clone(filter.expression()), cancel: cancel.clone() };
    JoinFilter::new(Arc::new(condition), filter.column_indices().to_vec(), Arc::clone(filter.schema()))
}

/// A condition that is an error once the statement is to stop.
#[derive(Debug)]
struct Looking {
    condition: Arc<dyn PhysicalExpr>,
    cancel: CancelToken,
}

impl PartialEq for Looking {
    fn eq(&self, other: &Self) -> bool {
        self.condition.eq(&other.condition)
    }
}

impl Eq for Looking {}

impl Hash for Looking {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.condition.hash(state);
    }
}

impl fmt::Display for Looking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.condition.fmt(f)
    }
}

impl PhysicalExpr for Looking {
    fn data_type(&self, input_schema: &Schema) -> PlannerResult<DataType> {
        self.condition.data_type(input_schema)
    }

    fn nullable(&self, input_schema: &Schema) -> PlannerResult<bool> {
        self.condition.nullable(input_schema)
    }

    fn return_field(&self, input_schema: &Schema) -> PlannerResult<FieldRef> {
        self.condition.return_field(input_schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> PlannerResult<ColumnarValue> {
        self.cancel.check().map_err(to_datafusion)?;
        self.condition.evaluate(batch)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.condition]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> PlannerResult<Arc<dyn PhysicalExpr>> {
        match (children.pop(), children.is_empty()) {
            (Some(condition), true) => Ok(Arc::new(Self { condition, cancel: self.cancel.clone() })),
            _ => internal_err!("a condition with another number of parts"),
        }
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.condition.fmt_sql(f)
    }
}
