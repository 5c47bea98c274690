//! EXPLAIN: which query is explained, and `FORMAT JSON`, the plan as a tree that a program can read.
//!
//! It is spelled as in PostgreSQL. One row with one column, `QUERY PLAN`: an array of one object with the root step under `Plan`,
//! and times in milliseconds. A step has `Node Type`, `Details`, `Plan Rows` where the planner
//! expects a number, and its inputs under `Plans`; after ANALYZE also `Actual Rows`, `Self Time`
//! (processor time of the step itself over all its threads) and `Metrics` with all that it counted.
//!
//! Must never: run a statement that writes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::stats::Precision;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use datafusion::physical_plan::{ExecutionPlan, displayable};
use futures::StreamExt;
use serde_json::{Map, Value as Json, json};
use sqlparser::ast;

use crate::model::{Error, Result};
use crate::storage::{Catalog, View};

use super::dml::{delete_query, update_query};
use super::error::{from_datafusion_at, refuse};
use super::session::{Outcome, Run};

/// An EXPLAIN that can be carried out.
pub(super) enum Explained {
    /// One that the planner answers with text.
    Text(ast::Statement),
    /// The query whose plan is told as a tree.
    Json {
        /// The query.
        query: ast::Statement,
        /// Run it too.
        analyze: bool,
    },
}

/// What is to be explained: of a statement that writes, the query that finds its rows.
///
/// # Errors
/// `Unsupported` for EXPLAIN ANALYZE of a statement that writes, and for options.
pub(super) fn explained(run: &Run, statement: ast::Statement, catalog: &Catalog) -> Result<Explained> {
    let ast::Statement::Explain {
        describe_alias,
        analyze,
        verbose,
        query_plan,
        estimate,
        statement,
        format,
        options,
    } = statement
    else {
        return Err(Error::internal("not an EXPLAIN"));
    };
    let (mut analyze, mut json) = (analyze, false);
    for option in options.iter().flatten() {
        let argument = option.arg.as_ref().map(|arg| arg.to_string().to_lowercase());
        match (option.name.value.to_lowercase().as_str(), argument.as_deref()) {
            ("analyze", None | Some("true" | "on" | "1")) => analyze = true,
            ("analyze", Some("false" | "off" | "0")) => analyze = false,
            ("format", Some("json")) => json = true,
            ("format", Some("text")) => json = false,
            _ => {
                return Err(refuse(
                    &format!("the option {option}"),
                    "use ANALYZE, FORMAT JSON or FORMAT TEXT",
                ));
            }
        }
    }
    if query_plan || estimate || format.is_some() {
        return Err(refuse("this form of EXPLAIN", "use EXPLAIN or EXPLAIN ANALYZE"));
    }
    let writes = !matches!(*statement, ast::Statement::Query(_));
    if writes && analyze {
        return Err(refuse("EXPLAIN ANALYZE of a statement that writes", "use EXPLAIN, which runs nothing"));
    }
    let query = match *statement {
        ast::Statement::Query(query) => query,
        ast::Statement::Delete(delete) => Box::new(delete_query(run, catalog, &delete, None)?.1),
        ast::Statement::Update(update) => Box::new(update_query(run, catalog, &update)?),
        ast::Statement::Insert(ast::Insert { source: Some(query), .. }) => query,
        other => return Err(super::ddl::unsupported(&other)),
    };
    let statement = Box::new(ast::Statement::Query(query));
    if json {
        return Ok(Explained::Json { query: *statement, analyze });
    }
    Ok(Explained::Text(ast::Statement::Explain {
        describe_alias,
        analyze,
        verbose,
        query_plan,
        estimate,
        statement,
        format: None,
        options: None,
    }))
}

/// The plan of a query as one JSON text; with `analyze` it runs, and its rows are counted.
///
/// # Errors
/// As planning and running the query.
pub(super) async fn as_json(run: &Run, query: ast::Statement, analyze: bool, view: &View) -> Result<Outcome> {
    let began = Instant::now();
    let planned = run.physical(query, view).await?;
    let plan = Arc::clone(planned.plan());
    let planning = began.elapsed();
    let mut whole = Map::new();
    let mut execution = None;
    if analyze {
        let began = Instant::now();
        let mut rows = run.started(planned, view)?;
        while let Some(batch) = rows.next().await {
            batch.map_err(|e| from_datafusion_at(&e, &run.sql))?;
        }
        execution = Some(began.elapsed());
    } else {
        run.let_go(&planned);
    }
    whole.insert("Plan".to_owned(), step(plan.as_ref(), &StatisticsContext::new(), analyze));
    whole.insert("Planning Time".to_owned(), millis(planning));
    if let Some(execution) = execution {
        whole.insert("Execution Time".to_owned(), millis(execution));
    }
    let text = serde_json::to_string_pretty(&json!([whole]))
        .map_err(|e| Error::internal(format!("the plan is no JSON: {e}")))?;
    let schema = Arc::new(Schema::new(vec![Field::new("QUERY PLAN", DataType::Utf8, false)]));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(StringArray::from(vec![text]))])
        .map_err(|e| Error::internal(e.to_string()))?;
    Outcome::of_batches(schema, vec![batch], None)
}

fn step(plan: &dyn ExecutionPlan, figures: &StatisticsContext, analyze: bool) -> Json {
    // It only passes on what its input gives.
    if let Some(cooperative) = plan.downcast_ref::<CooperativeExec>() {
        return step(cooperative.input().as_ref(), figures, analyze);
    }
    let line = displayable(plan).one_line().to_string();
    let line = line.trim();
    let (name, details) = match line.split_once(": ") {
        Some((name, details)) => (name, details),
        // `CoalescePartitionsExec, fetch=3`
        None => line.split_once(", ").unwrap_or((line, "")),
    };
    let mut own = Map::new();
    own.insert("Node Type".to_owned(), json!(name.trim_end_matches("Exec")));
    own.insert("Details".to_owned(), json!(details));
    if let Some(rows) = expected_rows(plan, figures) {
        own.insert("Plan Rows".to_owned(), json!(rows));
    }
    if analyze && let Some(metrics) = plan.metrics().map(|m| m.aggregate_by_name()) {
        if let Some(rows) = metrics.output_rows() {
            own.insert("Actual Rows".to_owned(), json!(rows));
        }
        if let Some(nanos) = metrics.elapsed_compute() {
            own.insert("Self Time".to_owned(), millis(Duration::from_nanos(nanos as u64)));
        }
        own.insert("Metrics".to_owned(), others(&metrics));
    }
    let inputs: Vec<Json> =
        plan.children().into_iter().map(|input| step(input.as_ref(), figures, analyze)).collect();
    if !inputs.is_empty() {
        own.insert("Plans".to_owned(), Json::Array(inputs));
    }
    Json::Object(own)
}

/// The rows the planner expects of a step; nothing where it does not know.
fn expected_rows(plan: &dyn ExecutionPlan, figures: &StatisticsContext) -> Option<usize> {
    match figures.compute(plan, &StatisticsArgs::new()).ok()?.num_rows {
        Precision::Exact(rows) | Precision::Inexact(rows) => Some(rows),
        Precision::Absent => None,
    }
}

/// What a step counted beside its rows and its time.
fn others(metrics: &MetricsSet) -> Json {
    let shown = metrics.iter().filter(|m| !["output_rows", "elapsed_compute"].contains(&m.value().name()));
    let pairs = shown.map(|m| (m.value().name().to_owned(), json!(m.value().to_string())));
    Json::Object(pairs.collect())
}

#[allow(clippy::cast_precision_loss)]
fn millis(time: Duration) -> Json {
    json!(time.as_micros() as f64 / 1e3)
}
