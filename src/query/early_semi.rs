//! Semi joins before the joins they need not wait for.
//!
//! `FROM a JOIN b ON ... WHERE a.k IN (SELECT ...)` becomes a semi join over the whole join. Whether a row stays is a
//! matter of `a.k` alone, so the question may be asked of `a` before it is joined: what it turns away is then never
//! joined. That pays where the join itself keeps about every row of `a`; one that has conditions on `b` may keep far
//! fewer, and is left in front. DataFusion 55 asks as late as the statement was written.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, Result as PlannerResult};
use datafusion::logical_expr::{Expr, Join, JoinType, LogicalPlan};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

/// The name of the rule behind which this one is to run: conditions stand where they belong then.
pub const PLACES_CONDITIONS: &str = "push_down_filter";

/// Moves semi joins below inner joins.
#[derive(Debug)]
pub struct EarlySemiJoins;

impl OptimizerRule for EarlySemiJoins {
    fn name(&self) -> &'static str {
        "early_semi_joins"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        // From below: of two semi joins over one join, the upper one meets the join itself.
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _config: &dyn OptimizerConfig,
    ) -> PlannerResult<Transformed<LogicalPlan>> {
        let LogicalPlan::Join(semi) = &plan else { return Ok(Transformed::no(plan)) };
        Ok(match moved(semi)? {
            Some(join) => Transformed::yes(join),
            None => Transformed::no(plan),
        })
    }
}

/// The join below a semi join, with the semi join in one of its inputs; `None` where that cannot be or does not pay.
fn moved(semi: &Join) -> PlannerResult<Option<LogicalPlan>> {
    if semi.join_type != JoinType::LeftSemi || semi.filter.is_some() {
        return Ok(None);
    }
    // Plain columns alone: an expression may fail for a row that the join leaves out.
    let keys: Option<Vec<&Column>> = semi.on.iter().map(|(key, _)| key.try_as_col()).collect();
    let (Some(keys), LogicalPlan::Join(join)) = (keys.filter(|keys| !keys.is_empty()), semi.left.as_ref())
    else {
        return Ok(None);
    };
    if join.join_type != JoinType::Inner {
        return Ok(None);
    }
    let has_keys = |side: &LogicalPlan| keys.iter().all(|key| side.schema().has_column(key));
    let (into_left, target, other) = match (has_keys(&join.left), has_keys(&join.right)) {
        (true, false) => (true, &join.left, &join.right),
        (false, true) => (false, &join.right, &join.left),
        _ => return Ok(None),
    };
    if selects(other)? {
        return Ok(None);
    }
    let mut lower = semi.clone();
    lower.left = Arc::clone(target);
    lower.schema = Arc::clone(target.schema());
    let lower = match moved(&lower)? {
        Some(further) => further,
        None => LogicalPlan::Join(lower),
    };
    let mut join = join.clone();
    *(if into_left { &mut join.left } else { &mut join.right }) = Arc::new(lower);
    Ok(Some(LogicalPlan::Join(join)))
}

/// Whether a plan gives less than what its tables hold, so that a join with it may turn rows away.
fn selects(plan: &LogicalPlan) -> PlannerResult<bool> {
    plan.exists(|node| {
        Ok(match node {
            LogicalPlan::TableScan(scan) => !scan.filters.is_empty() || scan.fetch.is_some(),
            LogicalPlan::Projection(_) | LogicalPlan::SubqueryAlias(_) => false,
            LogicalPlan::Join(join) => join.join_type != JoinType::Inner || !joins_by_keys(join),
            _ => true,
        })
    })
}

fn joins_by_keys(join: &Join) -> bool {
    join.filter.is_none() && join.on.iter().all(|(a, b)| matches!((a, b), (Expr::Column(_), Expr::Column(_))))
}
