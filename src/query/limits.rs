//! Limits of counts: the rounds of a recursive query, the rows that a query gives.
//!
//! A recursion without end is stopped by its rounds, and at each of them by the cancel token: the planner's
//! own operator looks at neither.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::common::Result as PlannerResult;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::recursive_query::RecursiveQueryExec;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};

use crate::model::{CancelToken, Error, Result, sqlstate};

use super::error::to_datafusion;
use super::provider::StatementState;
use super::settings::{Name, Settings};

/// The rows that a query may still give.
#[derive(Debug)]
pub struct RowLimit {
    limit: u64,
    given: u64,
}

impl RowLimit {
    /// The limit of a session, if it has one.
    #[must_use]
    pub fn of(settings: &Settings) -> Option<Self> {
        settings.limit(Name::RowLimit).map(|limit| Self { limit, given: 0 })
    }

    /// Counts rows that are given.
    ///
    /// # Errors
    /// `BadInput` past the limit.
    pub fn take(&mut self, rows: usize) -> Result<()> {
        self.given = self.given.saturating_add(rows as u64);
        if self.given <= self.limit {
            return Ok(());
        }
        Err(Error::bad_input(format!("the query gives more than {} rows, its row_limit", self.limit))
            .with_sqlstate(sqlstate::CONFIGURATION_LIMIT_EXCEEDED)
            .with_hint("ask for fewer with LIMIT, or raise it: SET row_limit = 0 is no limit"))
    }
}

/// Puts the limit of rounds into plans with recursive queries.
pub struct Rounds(Arc<StatementState>);

impl Rounds {
    /// A rule for the statements of a session.
    #[must_use]
    pub fn new(state: &Arc<StatementState>) -> Self {
        Self(Arc::clone(state))
    }
}

impl fmt::Debug for Rounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rounds")
    }
}

impl PhysicalOptimizerRule for Rounds {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> PlannerResult<Arc<dyn ExecutionPlan>> {
        let cancel = self.0.cancel().unwrap_or_default();
        let limit = self.0.around().and_then(|around| around.settings.limit(Name::RecursionLimit));
        plan.transform_up(|plan| {
            let Some(query) = plan.downcast_ref::<RecursiveQueryExec>() else {
                return Ok(Transformed::no(plan));
            };
            let counter = Counter { rounds: Arc::default(), limit, cancel: cancel.clone() };
            let first = RoundExec::over(query.static_term(), &counter, true);
            let further = RoundExec::over(query.recursive_term(), &counter, false);
            replace_children_if_necessary(plan, vec![first, further]).map(Transformed::yes)
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "rounds"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// What the two terms of a recursive query share.
#[derive(Debug, Clone)]
struct Counter {
    rounds: Arc<AtomicU64>,
    limit: Option<u64>,
    cancel: CancelToken,
}

/// One of the two terms of a recursive query.
#[derive(Debug)]
struct RoundExec {
    input: Arc<dyn ExecutionPlan>,
    counter: Counter,
    /// Running it begins the recursion; otherwise it is a round.
    begins: bool,
}

impl RoundExec {
    fn over(input: &Arc<dyn ExecutionPlan>, counter: &Counter, begins: bool) -> Arc<dyn ExecutionPlan> {
        Arc::new(Self { input: Arc::clone(input), counter: counter.clone(), begins })
    }

    fn count(&self) -> Result<()> {
        let counter = &self.counter;
        counter.cancel.check()?;
        if self.begins {
            counter.rounds.store(0, Ordering::Relaxed);
            return Ok(());
        }
        let round = counter.rounds.fetch_add(1, Ordering::Relaxed) + 1;
        match counter.limit {
            Some(limit) if round > limit => Err(Error::bad_input(format!(
                "WITH RECURSIVE took more than {limit} rounds, its recursion_limit"
            ))
            .with_sqlstate(sqlstate::CONFIGURATION_LIMIT_EXCEEDED)
            .with_hint(
                "let the recursive term come to an end, or raise it: SET recursion_limit = 0 is no limit",
            )),
            _ => Ok(()),
        }
    }
}

impl DisplayAs for RoundExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.begins, self.counter.limit) {
            (true, _) => f.write_str("First round"),
            (false, Some(limit)) => write!(f, "Further rounds: at most {limit}"),
            (false, None) => f.write_str("Further rounds"),
        }
    }
}

impl ExecutionPlan for RoundExec {
    fn name(&self) -> &'static str {
        "Round"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> PlannerResult<TreeNodeRecursion>,
    ) -> PlannerResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> PlannerResult<Arc<dyn ExecutionPlan>> {
        let input = children.first().unwrap_or(&self.input);
        Ok(Self::over(input, &self.counter, self.begins))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> PlannerResult<SendableRecordBatchStream> {
        self.count().map_err(to_datafusion)?;
        self.input.execute(partition, context)
    }
}
