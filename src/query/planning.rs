//! From a query's syntax tree to its rows: views, rewriting, DataFusion's plan, parameters.

use std::sync::Arc;

use arrow::datatypes::{Field, SchemaRef};
use datafusion::common::{DataFusionError, ParamValues};
use datafusion::execution::session_state::SessionState;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::common::spawn_buffered;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::SQLOptions;
use datafusion::sql::parser::Statement as PlannerStatement;
use futures::TryStreamExt;
use sqlparser::ast;

use crate::model::{Error, ErrorKind, PropertyType, Result, TypeId, Value};
use crate::storage::{Catalog, View, closest};

use super::arrow_value::{property_type_of, scalar_of, value_at};
use super::error::{from_datafusion_at, quoted, some_of};
use super::limits::RowLimit;
use super::literal::{parameter_value, parse_text};
use super::plans::{is_fixed, reads};
use super::provider::Reading;
use super::results::Key;
use super::rewrite::rewrite;
use super::rows::{Guarded, shown_schema};
use super::scratch::ScratchTable;
use super::session::Run;
use super::settings::Name;
use super::{graph_functions, graph_table, views};

/// A plan that is ready to run.
pub(super) struct Planned {
    session: SessionState,
    plan: Arc<dyn ExecutionPlan>,
    number: u64,
}

impl Planned {
    pub(super) fn plan(&self) -> &Arc<dyn ExecutionPlan> {
        &self.plan
    }
}

impl Run {
    /// The rows that a statement gives its caller.
    pub(super) async fn shown_rows(
        &self,
        statement: ast::Statement,
        view: &View,
    ) -> Result<SendableRecordBatchStream> {
        self.shown(self.physical(statement, view).await?, view)
    }

    /// The rows of the query that the statement's text is; its plan is kept for the next time.
    pub(super) async fn rows_of_text(
        &self,
        statement: ast::Statement,
        view: &View,
    ) -> Result<SendableRecordBatchStream> {
        let (session, plan, number) = self.plan(statement, view, Vec::new()).await?;
        // Values stand in the plan already.
        let fixed = is_fixed(&plan);
        let reads = fixed.then(|| reads(&plan)).flatten();
        let planned = if self.params.is_empty() && fixed {
            let ordered = keeps_order(&plan);
            let plan = session.optimize(&plan).map_err(|e| self.located(&e, view.catalog()))?;
            self.shared.plans.keep(&self.sql, view.catalog(), plan.clone(), ordered, reads.clone());
            self.of_optimized(session, &plan, number, view).await?
        } else {
            self.ready(session, &plan, number, view).await?
        };
        self.kept(planned, view, reads.as_deref())
    }

    /// The rows of the query that the statement's text is, where a result of the same data was kept.
    pub(super) fn rows_as_kept(&self, view: &View) -> Result<Option<SendableRecordBatchStream>> {
        let Some(results) = self.shared.results() else { return Ok(None) };
        let Some(inner) = results.get(&self.result_key(), &self.shared.store, view)? else { return Ok(None) };
        // It reads nothing that there would be to clear.
        let (sql, cancel) = (self.sql.clone(), self.cancel.clone());
        let rows = Guarded::new(inner, Arc::clone(&self.shared.state), 0, sql, cancel);
        let limit = RowLimit::of(&self.shared.settings);
        Ok(Some(Box::pin(rows.shown(limit, Arc::clone(&self.running)))))
    }

    /// What the statement's result is kept by.
    pub(super) fn result_key(&self) -> Key {
        Key::new(&self.sql, &self.params, self.shared.settings.get(Name::RecursionLimit))
    }

    /// As [`Run::shown`]; the rows of a query that reads nothing but the types are kept, if the session keeps any.
    fn kept(
        &self,
        planned: Planned,
        view: &View,
        reads: Option<&[TypeId]>,
    ) -> Result<SendableRecordBatchStream> {
        let Some((results, reads)) = self.shared.results().zip(reads) else {
            return self.shown(planned, view);
        };
        let rows = self.started_with(planned, view, |rows| {
            results.keeping(self.result_key(), &self.shared.store, view, reads, rows)
        })?;
        let limit = RowLimit::of(&self.shared.settings);
        Ok(Box::pin(rows.shown(limit, Arc::clone(&self.running))))
    }

    /// The rows of the query that the statement's text is, where its plan was kept and still holds.
    pub(super) async fn rows_as_planned(&self, view: &View) -> Result<Option<SendableRecordBatchStream>> {
        let Some(kept) = self.shared.plans.get(&self.sql, view.catalog()) else { return Ok(None) };
        let (view_read, cancel, ordered) = (view.clone(), self.cancel.clone(), kept.ordered);
        let reading = Reading { view: view_read, cancel, ordered, scratch: Vec::new() };
        let number = self.shared.state.set(reading)?;
        let session = self.shared.context.state();
        let planned = self.of_optimized(session, &kept.plan, number, view).await?;
        self.kept(planned, view, kept.reads.as_deref()).map(Some)
    }

    async fn of_optimized(
        &self,
        session: SessionState,
        plan: &LogicalPlan,
        number: u64,
        view: &View,
    ) -> Result<Planned> {
        let planner = Arc::clone(session.query_planner());
        let made = match planner.create_physical_plan(plan, &session).await {
            // DataFusion sorts the parts of UNION ALL on their own and merges them; where a part has constant or
            // equal columns among the keys, it does not find its own order again. It does sort them together.
            Err(error) if error.to_string().contains("does not satisfy order requirements") => {
                let mut session = session.clone();
                session.config_mut().options_mut().optimizer.repartition_sorts = false;
                planner.create_physical_plan(plan, &session).await
            }
            made => made,
        };
        let plan = made.map_err(|e| self.located(&e, view.catalog()))?;
        self.cancel.check()?;
        Ok(Planned { session, plan, number })
    }

    fn shown(&self, planned: Planned, view: &View) -> Result<SendableRecordBatchStream> {
        let rows = self.started(planned, view)?;
        let limit = RowLimit::of(&self.shared.settings);
        Ok(Box::pin(rows.shown(limit, Arc::clone(&self.running))))
    }

    /// The rows of a query over a view.
    pub(super) async fn rows(
        &self,
        statement: ast::Statement,
        view: &View,
    ) -> Result<SendableRecordBatchStream> {
        Ok(Box::pin(self.started(self.physical(statement, view).await?, view)?))
    }

    /// The plan of a query, ready to run.
    pub(super) async fn physical(&self, statement: ast::Statement, view: &View) -> Result<Planned> {
        let (session, plan, number) = self.plan(statement, view, Vec::new()).await?;
        self.ready(session, &plan, number, view).await
    }

    /// The rows of a query that gives one row for each row of its FROM, as the clauses of statements
    /// that write do; with tables of the statement's own.
    pub(super) async fn rows_of_each(
        &self,
        statement: ast::Statement,
        view: &View,
        scratch: Vec<ScratchTable>,
    ) -> Result<SendableRecordBatchStream> {
        let refused = |what: &str| {
            Error::bad_input(format!("{what} cannot stand here")).with_hint("compute it in a subquery")
        };
        let in_order = !scratch.is_empty();
        let (mut session, plan, number) = self.plan(statement, view, scratch).await.map_err(|e| {
            // The handle beside it stands in no GROUP BY.
            let grouped = e.message().contains("must appear in the GROUP BY");
            if grouped { refused("an aggregate function") } else { e }
        })?;
        if let Some(what) = not_of_each(&plan) {
            return Err(refused(what));
        }
        if in_order {
            // Rows that were written come back in the order in which they were.
            session.config_mut().options_mut().execution.target_partitions = 1;
        }
        Ok(Box::pin(self.started(self.ready(session, &plan, number, view).await?, view)?))
    }

    /// The columns of a query.
    pub(super) async fn schema_of(&self, query: ast::Query, view: &View) -> Result<SchemaRef> {
        let statement = ast::Statement::Query(Box::new(query));
        let (_, plan, number) = self.plan(statement, view, Vec::new()).await?;
        self.shared.state.clear(number);
        Ok(shown_schema(&Arc::clone(plan.schema().inner())))
    }

    async fn ready(
        &self,
        session: SessionState,
        plan: &LogicalPlan,
        number: u64,
        view: &View,
    ) -> Result<Planned> {
        let plan = session.optimize(plan).map_err(|e| self.located(&e, view.catalog()))?;
        self.of_optimized(session, &plan, number, view).await
    }

    /// Lets a plan go that does not run.
    pub(super) fn let_go(&self, planned: &Planned) {
        self.shared.state.clear(planned.number);
    }

    /// The rows of a plan, as they come.
    pub(super) fn started(&self, planned: Planned, view: &View) -> Result<Guarded> {
        self.started_with(planned, view, |rows| rows)
    }

    fn started_with(
        &self,
        planned: Planned,
        view: &View,
        around: impl FnOnce(SendableRecordBatchStream) -> SendableRecordBatchStream,
    ) -> Result<Guarded> {
        let Planned { session, plan, number } = planned;
        let failed = |e: DataFusionError| self.located(&e, view.catalog());
        let inner = execute_stream(plan, Arc::new(TaskContext::from(&session))).map_err(failed)?;
        // In a task of its own: what it computes between two batches keeps nobody from hearing of a stop.
        let inner = around(spawn_buffered(inner, 1));
        let (sql, cancel) = (self.sql.clone(), self.cancel.clone());
        Ok(Guarded::new(inner, Arc::clone(&self.shared.state), number, sql, cancel))
    }

    async fn plan(
        &self,
        mut statement: ast::Statement,
        view: &View,
        scratch: Vec<ScratchTable>,
    ) -> Result<(SessionState, LogicalPlan, u64)> {
        // Views may read graphs, and conditions in patterns may read views.
        views::expand(&mut statement, view.catalog())?;
        while graph_table::expand(&mut statement, &self.sql, view.catalog())? {
            views::expand(&mut statement, view.catalog())?;
        }
        self.compute_arguments(&mut statement, view).await?;
        super::exact::write_numbers(&mut statement)?;
        rewrite(&mut statement, view.catalog())?;
        super::chains::tame(&mut statement)?;
        let state = &self.shared.state;
        let reading = Reading { view: view.clone(), cancel: self.cancel.clone(), ordered: false, scratch };
        let number = state.set(reading)?;
        let session = self.shared.context.state();
        let failed = |e: DataFusionError| self.located(&e, view.catalog());
        let plan = session
            .statement_to_plan(PlannerStatement::Statement(Box::new(statement)))
            .await
            .map_err(failed)?;
        let plan = super::exact::checked(self.bind(plan)?).map_err(failed)?;
        SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false)
            .verify_plan(&plan)
            .map_err(failed)?;
        self.cancel.check()?;
        state.set_ordered(keeps_order(&plan));
        Ok((session, plan, number))
    }

    /// Computes the arguments of graph functions that are no literals: the planner wants to know them.
    async fn compute_arguments(&self, statement: &mut ast::Statement, view: &View) -> Result<()> {
        let waiting = graph_functions::take_out(statement)?;
        if waiting.is_empty() {
            return Ok(());
        }
        let mut values = Vec::with_capacity(waiting.len());
        for argument in waiting {
            let query = graph_functions::query_of(argument)?;
            // It is planned as this statement is, which is what calls this.
            let mut rows = Box::pin(self.rows(query, view)).await?;
            let mut value = Value::Null;
            while let Some(batch) = rows.try_next().await.map_err(|e| self.located(&e, view.catalog()))? {
                if let (Some(column), Some(field), true) =
                    (batch.columns().first(), batch.schema().fields().first(), batch.num_rows() > 0)
                {
                    value = value_at(column, field, 0);
                }
            }
            values.push(value);
        }
        graph_functions::put_in(statement, values)
    }

    fn bind(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        let internal = |e: DataFusionError| from_datafusion_at(&e, &self.sql);
        let names = plan.get_parameter_names().map_err(internal)?;
        if names.is_empty() {
            return Ok(plan);
        }
        for name in &names {
            parameter_value(name, &self.params).map_err(|e| match self.sql.find(name.as_str()) {
                Some(at) => e.at_sql(&self.sql, at..at + name.len()),
                None => e,
            })?;
        }
        // A text is read as the type that its place asks for, as a quoted literal is.
        let types = plan.get_parameter_types().map_err(internal)?;
        let mut values = Vec::with_capacity(self.params.len());
        for (number, value) in (1..).zip(&self.params) {
            let asked = types.get(&format!("${number}")).cloned().flatten();
            let value = match (value, asked.map(|asked| property_type_of(&Field::new("", asked, true)))) {
                (Value::String(text), Some(target)) if target != PropertyType::String => {
                    let read = parse_text(target, text);
                    read.map_err(|e| super::prepared::in_parameter(number, &e))?
                }
                // There is one zero.
                (Value::Float(float), _) => Value::Float(float + 0.0),
                (value, _) => value.clone(),
            };
            values.push(scalar_of(&value).into());
        }
        plan.with_param_values(ParamValues::List(values)).map_err(internal)
    }

    /// An error of planning or running, with its place and the names that may have been meant.
    pub(super) fn located(&self, error: &DataFusionError, catalog: &Catalog) -> Error {
        let error = from_datafusion_at(error, &self.sql);
        match error.message().strip_prefix("no table ") {
            Some(name) if error.kind() == ErrorKind::NotFound => match near_type(name, catalog) {
                Some(hint) => error.with_hint(hint),
                None => error,
            },
            _ => error,
        }
    }
}

/// A hint for a table that is not there.
pub(super) fn near_type(name: &str, catalog: &Catalog) -> Option<String> {
    if catalog.graph(name).is_some() {
        return Some(format!("it is a property graph: FROM GRAPH_TABLE ({} MATCH ...)", quoted(name)));
    }
    let names = || catalog.types().chain(catalog.views()).map(|t| t.name.as_str());
    let exact = names().find(|known| known.eq_ignore_ascii_case(name));
    if let Some(found) = exact {
        return Some(format!("write {}: names in quotes keep their capitals", quoted(found)));
    }
    if let Some(near) = closest(name, names()) {
        return Some(format!("did you mean {}?", quoted(near)));
    }
    some_of(names()).map(|names| format!("the tables are {names}"))
}

/// What stands in a list that must give one row for each row, and does not.
fn not_of_each(plan: &LogicalPlan) -> Option<&'static str> {
    match plan {
        LogicalPlan::Aggregate(_) => Some("an aggregate function"),
        LogicalPlan::Window(_) => Some("a window function"),
        LogicalPlan::Unnest(_) => Some("a function that returns several rows"),
        LogicalPlan::Projection(projection) => not_of_each(&projection.input),
        LogicalPlan::Filter(filter) => not_of_each(&filter.input),
        _ => None,
    }
}

/// Whether rows come out in the order in which one partition reads them.
fn keeps_order(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::SubqueryAlias(_) => plan.inputs().into_iter().all(keeps_order),
        LogicalPlan::TableScan(_) => true,
        _ => false,
    }
}
