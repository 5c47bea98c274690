//! CHECK conditions: compiled once for each definition, judged for each row that is written.
//!
//! A condition goes the way of any expression of a query (rewriting, checked arithmetic), so that
//! it means what it would mean in WHERE. A row meets it unless it is false.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::DataType;
use datafusion::common::DataFusionError;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_expr::{PhysicalExpr, create_physical_expr};
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement as PlannerStatement;
use futures::FutureExt as _;
use parking_lot::Mutex;
use sqlparser::ast;

use crate::model::{CancelToken, Error, Result, TypeDef, TypeId, Value};
use crate::storage::{Catalog, RowChecks, Store, ValueRef, Values};

use super::columns::{Columns, Source};
use super::error::{from_datafusion, quoted};
use super::provider::{Reading, StatementState};
use super::rewrite::{parse_query, rewrite};
use super::session::{SqlOptions, context};

/// The judge of CHECK conditions of a store.
pub struct Conditions {
    store: Weak<Store>,
    planner: Mutex<Option<Planner>>,
    compiled: Mutex<HashMap<TypeId, Arc<Compiled>>>,
}

struct Planner {
    state: Arc<StatementState>,
    context: SessionContext,
}

/// The conditions of a definition.
struct Compiled {
    definition: Arc<TypeDef>,
    columns: Columns,
    conditions: Vec<(String, Arc<dyn PhysicalExpr>)>,
}

impl Conditions {
    /// The judge of a store's conditions.
    #[must_use]
    pub fn new(store: &Arc<Store>) -> Self {
        Self { store: Arc::downgrade(store), planner: Mutex::default(), compiled: Mutex::default() }
    }

    fn compiled(&self, definition: &Arc<TypeDef>) -> Result<Arc<Compiled>> {
        if let Some(known) = self.compiled.lock().get(&definition.id)
            && (Arc::ptr_eq(&known.definition, definition) || known.definition == *definition)
        {
            return Ok(Arc::clone(known));
        }
        let compiled = Arc::new(self.compile(definition)?);
        self.compiled.lock().insert(definition.id, Arc::clone(&compiled));
        Ok(compiled)
    }

    fn compile(&self, definition: &Arc<TypeDef>) -> Result<Compiled> {
        let store = self.store.upgrade().ok_or_else(|| Error::internal("the store is closed"))?;
        let mut planner = self.planner.lock();
        let planner = match &mut *planner {
            Some(planner) => planner,
            empty => {
                let state = Arc::new(StatementState::default());
                let context = context(&state, &SqlOptions::default()).map_err(|e| from_datafusion(&e))?;
                empty.insert(Planner { state, context })
            }
        };
        let catalog = Arc::new(Catalog::of(TypeDef::clone(definition)));
        let columns = Columns::of(definition, false);
        let mut conditions = Vec::with_capacity(definition.checks.len());
        for check in &definition.checks {
            let view = store.view().with_layers(Arc::from([]), Arc::clone(&catalog), Arc::default());
            let reading = Reading { view, cancel: CancelToken::new(), ordered: false, scratch: Vec::new() };
            let number = planner.state.set(reading)?;
            let compiled = planner.condition(definition, &catalog, &check.expression, &columns);
            planner.state.clear(number);
            conditions.push((check.name.clone(), compiled?));
        }
        Ok(Compiled { definition: Arc::clone(definition), columns, conditions })
    }
}

impl Planner {
    fn condition(
        &self,
        definition: &TypeDef,
        catalog: &Arc<Catalog>,
        text: &str,
        columns: &Columns,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        let query = parse_query(&format!("SELECT ({text}) AS c FROM {}", quoted(&definition.name)))?;
        let mut statement = ast::Statement::Query(Box::new(query));
        super::exact::write_numbers(&mut statement)?;
        rewrite(&mut statement, catalog)?;
        let session = self.context.state();
        let failed = |e: DataFusionError| from_datafusion(&e);
        let plan = session
            .statement_to_plan(PlannerStatement::Statement(Box::new(statement)))
            .now_or_never()
            .ok_or_else(|| Error::internal("a condition that has to wait"))?
            .map_err(failed)?;
        let plan = super::exact::checked(plan).map_err(failed)?;
        let plan = session
            .analyzer()
            .execute_and_check(plan, session.config_options(), |_, _| {})
            .map_err(failed)?;
        let refused = || {
            Error::unsupported("this CHECK condition")
                .with_hint("a condition is an expression over the row's own columns")
        };
        let LogicalPlan::Projection(projection) = &plan else { return Err(refused()) };
        let ([expr], LogicalPlan::TableScan(_)) = (projection.expr.as_slice(), projection.input.as_ref())
        else {
            return Err(refused());
        };
        let own = |column: &&datafusion::common::Column| {
            matches!(columns.source_of(&column.name), Some(Source::Property(..)))
        };
        if let Some(other) = expr.column_refs().iter().find(|column| !own(column)) {
            return Err(Error::unsupported(format!("CHECK over the system column {}", other.name))
                .with_hint("a condition is an expression over the row's own columns"));
        }
        let schema = projection.input.schema();
        let expr = match expr {
            Expr::Alias(alias) => alias.expr.as_ref(),
            expr => expr,
        };
        let compiled = create_physical_expr(
            expr,
            schema,
            session.execution_props(),
            &PhysicalPlanningContext::default(),
        )
        .map_err(failed)?;
        let given = compiled.data_type(schema.as_arrow()).map_err(failed)?;
        if given != DataType::Boolean && given != DataType::Null {
            return Err(Error::bad_input(format!("a CHECK condition is true or false, ({text}) is {given}")));
        }
        Ok(compiled)
    }
}

impl RowChecks for Conditions {
    fn prepare(&self, definition: &Arc<TypeDef>) -> Result<()> {
        self.compile(definition).map(|_| ())
    }

    fn check(&self, definition: &Arc<TypeDef>, values: &Values) -> Result<()> {
        let compiled = self.compiled(definition)?;
        let row = compiled.row(values)?;
        for (name, condition) in &compiled.conditions {
            let result = condition.evaluate(&row).and_then(|value| value.into_array(1));
            let result = result.map_err(|e| from_datafusion(&e))?;
            let is_false = result.as_boolean_opt().is_some_and(|b| b.is_valid(0) && !b.value(0));
            if is_false {
                let check = definition.checks.iter().find(|check| check.name == *name);
                return Err(Error::constraint(format!(
                    "a row of {} does not meet CHECK ({}) (constraint {name})",
                    definition.name,
                    check.map_or("", |check| check.expression.as_str())
                ))
                .with_sqlstate(crate::model::sqlstate::CHECK_VIOLATION));
            }
        }
        Ok(())
    }
}

impl Compiled {
    /// A batch of one row. The conditions read no system column: those are filled with anything.
    fn row(&self, values: &Values) -> Result<RecordBatch> {
        let schema = self.columns.schema();
        let mut arrays = Vec::with_capacity(schema.fields().len());
        for index in 0..schema.fields().len() {
            let source =
                self.columns.source(index).ok_or_else(|| Error::internal("a column without source"))?;
            let mut builder = source.builder(1);
            match source {
                Source::Property(id, _) => {
                    builder.push(&ValueRef::from(values.get(&id).unwrap_or(&Value::Null)))?;
                }
                Source::Id | Source::FromId | Source::ToId => builder.push_uuid(uuid::Uuid::nil()),
                Source::CreatedAt | Source::UpdatedAt => builder.push(&ValueRef::Timestamp(0))?,
                Source::Row | Source::FromRow | Source::ToRow => builder.push_row(0),
            }
            arrays.push(builder.finish());
        }
        // NOT NULL is judged elsewhere; a row that lacks a value is still a batch.
        let fields: Vec<_> =
            schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true)).collect();
        RecordBatch::try_new(Arc::new(arrow::datatypes::Schema::new(fields)), arrays)
            .map_err(|e| Error::internal(format!("a row for CHECK: {e}")))
    }
}
