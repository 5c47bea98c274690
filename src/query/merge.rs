//! MERGE: each row of a source joined to a table changes the row it meets there, or is inserted.
//!
//! ```text
//!  FROM source LEFT JOIN table ON ...  ─▶  handle or NULL | which WHEN | the values it sets
//! ```
//!
//! The first WHEN that fits decides; values are computed only for the rows whose WHEN sets them. A row
//! that is met a second time is an error, as in PostgreSQL.

use std::collections::HashSet;

use arrow::array::{Array as _, AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, UInt64Type};
use futures::StreamExt as _;
use sqlparser::ast::{
    self, BinaryOperator, CaseWhen, Expr, Join, JoinConstraint, JoinOperator, Merge, MergeAction,
    MergeClause, MergeClauseKind, Query, SetExpr, TableWithJoins, With,
};

use crate::model::{Error, Result, RowId, TypeDef, sqlstate};
use crate::storage::{Transaction, View};

use super::change::Applied;
use super::columns::ROW;
use super::dml::{Assigned, CHECK_ROWS, Changed, Gone, assigned, definition, new_values, numbered, table_as};
use super::error::{from_datafusion_at, refuse};
use super::insert::MergeInsert;
use super::provider::ROWS_SCHEMA;
use super::returning::{Returning, Scope};
use super::rewrite::{ident, object_name, parse_query};
use super::session::{CommandResult, Run};
use super::statement::is_do_nothing;

/// What a WHEN does.
enum Action<'r> {
    Nothing,
    Update(Vec<Assigned>),
    Delete,
    Insert(Box<MergeInsert<'r>>),
}

/// A MERGE, made ready to run.
struct Merging<'r> {
    actions: Vec<Action<'r>>,
    query: Query,
    returning: Option<Returning>,
    /// The first column of the query that RETURNING asked for.
    first_asked: usize,
}

/// What was written so far.
#[derive(Default)]
struct Written {
    count: u64,
    went: Gone,
    /// The rows that were met and changed.
    changed: HashSet<u64>,
    deleted: HashSet<RowId>,
}

/// Runs a MERGE.
///
/// # Errors
/// As [`super::SqlSession::run`]; `Constraint` for a row that is met a second time.
pub async fn merge(
    run: &Run,
    transaction: &mut Transaction,
    merge: &Merge,
    with: Option<&With>,
) -> Result<Applied> {
    let view = transaction.view();
    let changed = Changed::of_factor(&merge.table)?;
    let def = definition(run, view.catalog(), changed.name)?;
    let mut merging = Merging::of(run, def, &changed, merge, with, &view)?;
    let statement = ast::Statement::Query(Box::new(merging.query.clone()));
    let mut rows = run.rows_of_each(statement, &view, Vec::new()).await?;
    run.cancel.check()?;
    let mut written = Written::default();
    while let Some(batch) = rows.next().await {
        let batch = batch.map_err(|e| from_datafusion_at(&e, &run.sql))?;
        for action in &mut merging.actions {
            if let Action::Insert(insert) = action {
                insert.prepare(transaction, &batch).await?;
            }
        }
        merging.batch(run, transaction, def, &batch, &mut written)?;
    }
    let returned = match merging.returning {
        None => None,
        Some(mut returning) => {
            let catalog = transaction.catalog();
            let now = catalog.by_id(def.id).ok_or_else(|| Error::internal("the type is gone"))?;
            let rows = returning.gather(now, |row, read| match written.deleted.contains(&row) {
                true => view.read(row, read),
                false => transaction.read_current(row, read),
            })?;
            Some(returning.select(run, &view, rows).await?)
        }
    };
    let result = written.went.told(def, CommandResult::new("MERGE", written.count));
    Ok(Applied { result, returned })
}

impl<'r> Merging<'r> {
    fn of(
        run: &'r Run,
        def: &TypeDef,
        changed: &Changed<'_>,
        merge: &Merge,
        with: Option<&With>,
        view: &View,
    ) -> Result<Self> {
        let row = Expr::CompoundIdentifier(vec![changed.qualifier(), ident(ROW)]);
        let chosen = chosen(&merge.clauses, &row)?;
        // Behind the handle; the first one says which WHEN it is.
        let mut values = vec![chosen.clone()];
        let mut actions = Vec::with_capacity(merge.clauses.len());
        for (number, clause) in merge.clauses.iter().enumerate() {
            let first = values.len();
            actions.push(action(run, def, changed, clause, &mut values, view)?);
            for value in values.iter_mut().skip(first) {
                let inner = std::mem::replace(value, Expr::Value(ast::Value::Null.into()));
                *value = only_for(number, &chosen, inner);
            }
        }
        let inserts = actions.iter().any(|action| matches!(action, Action::Insert(_)));
        let scope = Scope { qualifier: changed.qualifier(), def, joined: true, with };
        let returning = Returning::of(None, merge.output.as_ref(), scope)?;
        if returning.as_ref().is_some_and(Returning::has_star) {
            return Err(refuse("* in MERGE's RETURNING", "name the table: t.*, or the columns"));
        }
        let first_asked = 1 + values.len();
        let mut query = parse_query("SELECT 1")?;
        query.with = with.cloned();
        let SetExpr::Select(select) = query.body.as_mut() else {
            return Err(Error::internal("not a SELECT"));
        };
        select.projection = numbered(std::iter::once(row).chain(values));
        select.projection.extend(returning.as_ref().map(Returning::asked).unwrap_or_default());
        let on = JoinConstraint::On(merge.on.as_ref().clone());
        let own = table_as(object_name(&[ROWS_SCHEMA, &def.name]), changed.qualifier());
        let join = Join {
            relation: own.relation,
            global: false,
            join_operator: if inserts { JoinOperator::LeftOuter(on) } else { JoinOperator::Inner(on) },
        };
        select.from = vec![TableWithJoins { relation: merge.source.clone(), joins: vec![join] }];
        Ok(Self { actions, query, returning, first_asked })
    }

    /// Does what a batch of the query says.
    fn batch(
        &mut self,
        run: &Run,
        transaction: &mut Transaction,
        def: &TypeDef,
        batch: &RecordBatch,
        written: &mut Written,
    ) -> Result<()> {
        let wrong = || Error::internal("a MERGE without handles");
        let column = |index: usize| batch.columns().get(index).ok_or_else(wrong);
        let met = column(0)?.as_primitive_opt::<UInt64Type>().ok_or_else(wrong)?;
        let chosen = column(1)?.as_primitive_opt::<Int64Type>();
        let mut done = Vec::new();
        for (number, row) in (0u32..).zip(met.iter()) {
            let at = number as usize;
            if at.is_multiple_of(CHECK_ROWS) {
                run.cancel.check()?;
            }
            let which = chosen.filter(|c| c.is_valid(at)).map(|c| c.value(at));
            let which = which.and_then(|which| usize::try_from(which).ok());
            let Some(action) = which.and_then(|which| self.actions.get_mut(which)) else { continue };
            if matches!(action, Action::Update(_) | Action::Delete)
                && row.is_some_and(|row| !written.changed.insert(row))
            {
                return Err(Error::constraint("MERGE cannot affect row a second time")
                    .with_hint("a row of the table is met by several rows of the source: group them")
                    .with_sqlstate(sqlstate::CARDINALITY_VIOLATION));
            }
            let touched = match (action, row.map(RowId)) {
                (Action::Update(assigned), Some(row)) => {
                    let values = new_values(assigned, transaction, def, batch, at)?;
                    transaction.update(row, values)?.then_some(row)
                }
                (Action::Delete, Some(row)) => {
                    written.went.add(transaction.delete(row)?);
                    written.deleted.insert(row);
                    Some(row)
                }
                (Action::Insert(insert), None) => Some(insert.row(transaction, batch, at)?),
                _ => None,
            };
            if let Some(row) = touched {
                written.count += 1;
                if let Some(returning) = &mut self.returning {
                    returning.note(row);
                    done.push(number);
                }
            }
        }
        match &mut self.returning {
            Some(returning) => returning.note_others(batch, self.first_asked, done),
            None => Ok(()),
        }
    }
}

fn action<'r>(
    run: &'r Run,
    def: &TypeDef,
    changed: &Changed<'_>,
    clause: &MergeClause,
    values: &mut Vec<Expr>,
    view: &View,
) -> Result<Action<'r>> {
    Ok(match &clause.action {
        MergeAction::Delete { .. } => Action::Delete,
        MergeAction::Update(update) => {
            if update.update_predicate.is_some() || update.delete_predicate.is_some() {
                return Err(refuse("WHERE behind SET in MERGE", "write WHEN MATCHED AND ... THEN"));
            }
            if is_do_nothing(&update.assignments) {
                Action::Nothing
            } else {
                Action::Update(assigned(run, def, &update.assignments, values)?)
            }
        }
        MergeAction::Insert(insert) => {
            if insert.insert_predicate.is_some() {
                return Err(refuse("WHERE behind INSERT in MERGE", "write WHEN NOT MATCHED AND ... THEN"));
            }
            if super::statement::is_insert_nothing(insert) {
                Action::Nothing
            } else {
                Action::Insert(Box::new(MergeInsert::of(run, def, changed.name, insert, values, view)?))
            }
        }
    })
}

/// The number of the first WHEN that fits: `CASE WHEN row IS NOT NULL AND ... THEN 0 ... END`.
fn chosen(clauses: &[MergeClause], row: &Expr) -> Result<Expr> {
    let mut conditions = Vec::with_capacity(clauses.len());
    for (number, clause) in clauses.iter().enumerate() {
        let kind = match clause.clause_kind {
            MergeClauseKind::Matched => Expr::IsNotNull(Box::new(row.clone())),
            MergeClauseKind::NotMatched | MergeClauseKind::NotMatchedByTarget => {
                Expr::IsNull(Box::new(row.clone()))
            }
            MergeClauseKind::NotMatchedBySource => {
                return Err(refuse(
                    "WHEN NOT MATCHED BY SOURCE",
                    "use UPDATE or DELETE with WHERE NOT EXISTS (SELECT ... FROM source)",
                ));
            }
        };
        let condition = match &clause.predicate {
            None => kind,
            Some(predicate) => Expr::BinaryOp {
                left: Box::new(kind),
                op: BinaryOperator::And,
                right: Box::new(Expr::Nested(Box::new(predicate.clone()))),
            },
        };
        conditions.push(CaseWhen { condition, result: integer(number) });
    }
    Ok(case(None, conditions))
}

/// A value for the rows that a WHEN was chosen for.
fn only_for(number: usize, chosen: &Expr, value: Expr) -> Expr {
    case(Some(chosen.clone()), vec![CaseWhen { condition: integer(number), result: value }])
}

fn case(operand: Option<Expr>, conditions: Vec<CaseWhen>) -> Expr {
    Expr::Case {
        case_token: ast::helpers::attached_token::AttachedToken::empty(),
        end_token: ast::helpers::attached_token::AttachedToken::empty(),
        operand: operand.map(Box::new),
        conditions,
        else_result: None,
    }
}

fn integer(number: usize) -> Expr {
    Expr::Value(ast::Value::Number(number.to_string(), false).into())
}
