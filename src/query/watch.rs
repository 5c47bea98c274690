//! Planning looks whether its statement was cancelled: between the planner's rules, at each node that a
//! rule comes to, and at each operator of an expression. Planning blocks its thread, and nothing else can
//! stop it; with it the work of a statement that was cancelled or is out of time ends soon.

use std::fmt;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result as PlannerResult};
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult as Planned, RawBinaryExpr};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{Analyzer, AnalyzerRule, Optimizer, OptimizerConfig, OptimizerRule};
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_optimizer::{PhysicalOptimizerContext, PhysicalOptimizerRule};
use datafusion::physical_plan::ExecutionPlan;

use super::early_semi::{EarlySemiJoins, PLACES_CONDITIONS};
use super::error::to_datafusion;
use super::path_counts::PathCounts;
use super::plain_filter::{MOVES_PROJECTIONS, PlainFilters};
use super::provider::StatementState;
use super::row_joins::RowJoins;

/// Puts the looks into a session's planner: its rules are the default ones, watched, and ours beside
/// those they belong to.
pub fn watched(builder: SessionStateBuilder, state: &Arc<StatementState>) -> SessionStateBuilder {
    let analyzer = Analyzer::new().rules.into_iter().map(|rule| {
        let rule: Arc<dyn AnalyzerRule + Send + Sync> = Arc::new(Watched { rule, state: Arc::clone(state) });
        rule
    });
    let optimizer = Optimizer::new().rules.into_iter().flat_map(|rule| {
        let ours: [Arc<dyn OptimizerRule + Send + Sync>; 2] = [Arc::new(EarlySemiJoins), Arc::new(RowJoins)];
        let after = (rule.name() == PLACES_CONDITIONS).then_some(ours).into_iter().flatten();
        let rule: Arc<dyn OptimizerRule + Send + Sync> = Arc::new(Watched { rule, state: Arc::clone(state) });
        [rule].into_iter().chain(after)
    });
    // Behind all others: it looks for what they leave.
    let counts: Arc<dyn OptimizerRule + Send + Sync> = Arc::new(PathCounts);
    let optimizer = optimizer.chain(std::iter::once(counts));
    let physical = PhysicalOptimizer::new().rules.into_iter().flat_map(|rule| {
        let plain = rule.name() == MOVES_PROJECTIONS;
        let before: Option<Arc<dyn PhysicalOptimizerRule + Send + Sync>> =
            plain.then(|| Arc::new(PlainFilters) as _);
        let rule: Arc<dyn PhysicalOptimizerRule + Send + Sync> =
            Arc::new(Watched { rule, state: Arc::clone(state) });
        before.into_iter().chain([rule])
    });
    builder
        .with_analyzer_rules(analyzer.collect())
        .with_optimizer_rules(optimizer.collect())
        .with_physical_optimizer_rules(physical.collect())
        .with_expr_planners(vec![Arc::new(Operators(Arc::clone(state)))])
}

/// A rule that first looks.
struct Watched<R: ?Sized> {
    rule: Arc<R>,
    state: Arc<StatementState>,
}

impl<R: fmt::Debug + ?Sized> fmt::Debug for Watched<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rule.fmt(f)
    }
}

fn look(state: &StatementState) -> PlannerResult<()> {
    state.cancel().map_or(Ok(()), |cancel| cancel.check().map_err(to_datafusion))
}

impl AnalyzerRule for Watched<dyn AnalyzerRule + Send + Sync> {
    fn analyze(&self, plan: LogicalPlan, config: &ConfigOptions) -> PlannerResult<LogicalPlan> {
        look(&self.state)?;
        self.rule.analyze(plan, config)
    }

    fn name(&self) -> &str {
        self.rule.name()
    }
}

impl OptimizerRule for Watched<dyn OptimizerRule + Send + Sync> {
    fn name(&self) -> &str {
        self.rule.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.rule.apply_order()
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> PlannerResult<Transformed<LogicalPlan>> {
        look(&self.state)?;
        self.rule.rewrite(plan, config)
    }
}

impl PhysicalOptimizerRule for Watched<dyn PhysicalOptimizerRule + Send + Sync> {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> PlannerResult<Arc<dyn ExecutionPlan>> {
        look(&self.state)?;
        self.rule.optimize(plan, config)
    }

    fn optimize_with_context(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        context: &dyn PhysicalOptimizerContext,
    ) -> PlannerResult<Arc<dyn ExecutionPlan>> {
        look(&self.state)?;
        self.rule.optimize_with_context(plan, context)
    }

    fn name(&self) -> &str {
        self.rule.name()
    }

    fn schema_check(&self) -> bool {
        self.rule.schema_check()
    }
}

/// Looks at each operator that becomes an expression of the plan.
#[derive(Debug)]
struct Operators(Arc<StatementState>);

impl ExprPlanner for Operators {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        _schema: &DFSchema,
    ) -> PlannerResult<Planned<RawBinaryExpr>> {
        look(&self.0)?;
        Ok(Planned::Original(expr))
    }
}
