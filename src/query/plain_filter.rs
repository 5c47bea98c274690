//! Filters without columns of their own choice, wherever DataFusion moves projections below filters.
//!
//! A filter may give only some of its input's columns, in an order of its own. DataFusion 55 forgets that when it
//! moves a projection below such a filter (`FilterExec::try_swapping_with_projection`): it looks for the condition's
//! columns, which are the input's, among those that the filter gives. Where names and places agree by chance, the
//! condition then reads other columns; where they do not, planning fails. So before that rule runs, what a filter
//! chooses becomes a projection above it; the rule joins the two again.

use std::sync::Arc;

use datafusion::common::Result as PlannerResult;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::projection::ProjectionExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::{FilterExec, FilterExecBuilder};
use datafusion::physical_plan::projection::ProjectionExec;

/// The name of the rule before which this one is to run.
pub const MOVES_PROJECTIONS: &str = "ProjectionPushdown";

/// Takes the choice of columns out of filters.
#[derive(Debug)]
pub struct PlainFilters;

impl PhysicalOptimizerRule for PlainFilters {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> PlannerResult<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|plan| {
            let Some(filter) = plan.downcast_ref::<FilterExec>() else { return Ok(Transformed::no(plan)) };
            let Some(chosen) = filter.projection() else { return Ok(Transformed::no(plan)) };
            let schema = filter.input().schema();
            let column = |index: &usize| {
                let name = schema.field(*index).name();
                ProjectionExpr::new(Arc::new(Column::new(name, *index)), name.clone())
            };
            let columns: Vec<ProjectionExpr> = chosen.iter().map(column).collect();
            let plain = FilterExecBuilder::from(filter).apply_projection(None)?.build()?;
            Ok(Transformed::yes(Arc::new(ProjectionExec::try_new(columns, Arc::new(plain))?) as _))
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "plain_filters"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
