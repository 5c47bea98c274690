//! INSERT ... ON CONFLICT: what becomes of a row whose unique key is taken.
//!
//! ```text
//!  proposed row ─▶ checked ─▶ key free: inserted
//!                             key taken: DO NOTHING, or kept back ─▶ SET and WHERE over the rows that
//!                                                                    are there and `excluded`
//! ```
//!
//! Rows that are kept back are updated many at a time, in the order in which they were proposed; one
//! by one where SET may change a unique key, because the next proposed row must see that. A row that the
//! statement itself inserted or updated cannot be updated again, as in PostgreSQL.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema};
use futures::StreamExt as _;
use sqlparser::ast::{
    self, BinaryOperator, ConflictTarget, DoUpdate, Expr, Ident, OnConflict, OnConflictAction, OnInsert,
    Query, SetExpr, With,
};
use uuid::Uuid;

use crate::model::{Error, PropertyId, Result, RowId, TypeDef, Value, sqlstate};
use crate::storage::{Transaction, ValueRef, Values, View};

use super::columns::{Columns, Source};
use super::dml::{Assigned, assigned, handles, new_values, numbered, table_as};
use super::error::{from_datafusion, from_datafusion_at, quoted, refuse};
use super::rewrite::{ident, name_of, object_name, parse_query};
use super::scratch::{Gathered, SCRATCH_SCHEMA, ScratchTable, beside};
use super::session::Run;

/// The most rows that are kept back.
const MOST_KEPT: usize = 4096;
/// The scratch tables: the rows that are there, the rows that were proposed.
const EXISTING: &str = "existing";
const EXCLUDED: &str = "excluded";
/// What joins them.
const NUMBER: &str = "row number";

/// A row that was proposed, with its id and the ids of its ends where they are given.
pub(super) struct Proposed {
    pub(super) id: Option<Uuid>,
    pub(super) from: Option<Uuid>,
    pub(super) to: Option<Uuid>,
    pub(super) values: Vec<(PropertyId, Value)>,
}

/// What is done about a proposed row.
pub(super) enum Decision {
    /// Its keys are free: it is inserted.
    Insert,
    /// It is left out.
    Skip,
    /// It is kept back, for the row in its way to be updated; with its values as they would be stored.
    Keep(RowId, Values),
    /// The row in its way is to be updated for an earlier one: that comes first.
    FlushFirst,
}

/// An ON CONFLICT clause at work.
pub(super) struct Conflict<'r> {
    run: &'r Run,
    view: View,
    def: TypeDef,
    /// The indexes that are looked at.
    arbiters: Vec<u16>,
    /// Ids that are taken are looked at.
    by_id: bool,
    update: Option<Updating>,
    /// Inserted or updated by the statement.
    touched: HashSet<RowId>,
    kept: Vec<Kept>,
    kept_rows: HashSet<RowId>,
    proposed: u64,
    /// What was written, with the number of the proposed row.
    written: Vec<(u64, RowId)>,
}

struct Updating {
    assigned: Vec<Assigned>,
    query: Query,
    /// One row at a time.
    each: bool,
}

struct Kept {
    number: u64,
    row: RowId,
    proposed: Proposed,
    values: Values,
}

impl<'r> Conflict<'r> {
    /// The clause of an INSERT, if it has one.
    ///
    /// # Errors
    /// `BadInput` when no unique key is meant; as UPDATE for what is set.
    pub(super) fn of(
        run: &'r Run,
        view: &View,
        def: &TypeDef,
        on: Option<&OnInsert>,
        qualifier: &Ident,
        with: Option<&With>,
    ) -> Result<Option<Self>> {
        let OnConflict { conflict_target, action } = match on {
            None => return Ok(None),
            Some(OnInsert::OnConflict(on)) => on,
            Some(_) => {
                return Err(refuse("ON DUPLICATE KEY UPDATE", "use ON CONFLICT (...) DO UPDATE SET ..."));
            }
        };
        let (arbiters, by_id) = arbiters(def, conflict_target.as_ref())?;
        let update = match action {
            OnConflictAction::DoNothing => None,
            OnConflictAction::DoUpdate(_) if conflict_target.is_none() => {
                return Err(Error::bad_input("ON CONFLICT DO UPDATE must say which key is meant")
                    .with_hint("ON CONFLICT (column, ...) DO UPDATE, or ON CONFLICT ON CONSTRAINT name")
                    .with_sqlstate(sqlstate::SYNTAX_ERROR));
            }
            OnConflictAction::DoUpdate(update) => Some(Updating::of(run, def, update, qualifier, with)?),
        };
        Ok(Some(Self {
            run,
            view: view.clone(),
            def: def.clone(),
            arbiters,
            by_id,
            update,
            touched: HashSet::new(),
            kept: Vec::new(),
            kept_rows: HashSet::new(),
            proposed: 0,
            written: Vec::new(),
        }))
    }

    /// Decides about a proposed row.
    ///
    /// # Errors
    /// `Constraint` for a row that could not be inserted anyway, and when the row in its way was
    /// written by the statement itself.
    pub(super) fn decide(&self, transaction: &mut Transaction, proposed: &Proposed) -> Result<Decision> {
        let values = transaction.admitted(self.def.id, proposed.values.clone())?;
        let mut taken = None;
        if let (true, Some(id)) = (self.by_id, proposed.id) {
            taken = transaction.current_row_of(id)?.filter(|row| row.type_id() == self.def.id);
        }
        for number in &self.arbiters {
            if taken.is_some() {
                break;
            }
            let Some(index) = self.def.index(*number) else { continue };
            taken = transaction.row_of_key(self.def.id, index, &values)?;
        }
        match taken {
            None => Ok(Decision::Insert),
            Some(_) if self.update.is_none() => Ok(Decision::Skip),
            Some(row) if self.kept_rows.contains(&row) => Ok(Decision::FlushFirst),
            Some(row) if self.touched.contains(&row) => {
                Err(Error::constraint("ON CONFLICT DO UPDATE cannot affect row a second time")
                    .with_hint("two of the rows that are inserted have the same key: leave one out")
                    .with_sqlstate(sqlstate::CARDINALITY_VIOLATION))
            }
            Some(row) => Ok(Decision::Keep(row, values)),
        }
    }

    /// Keeps a proposed row back; says whether a flush is due.
    pub(super) fn keep(&mut self, row: RowId, proposed: Proposed, values: Values) -> bool {
        self.kept.push(Kept { number: self.proposed, row, proposed, values });
        self.kept_rows.insert(row);
        self.proposed += 1;
        self.kept.len() >= MOST_KEPT || self.update.as_ref().is_some_and(|update| update.each)
    }

    /// Notes a row that was inserted.
    pub(super) fn inserted(&mut self, row: RowId) {
        self.touched.insert(row);
        self.written.push((self.proposed, row));
        self.proposed += 1;
    }

    /// The rows that were written, in the order in which they were proposed.
    pub(super) fn into_written(mut self) -> Vec<RowId> {
        self.written.sort_unstable();
        self.written.into_iter().map(|(_, row)| row).collect()
    }

    /// Updates the rows that were kept back.
    ///
    /// # Errors
    /// As UPDATE.
    pub(super) async fn flush(&mut self, transaction: &mut Transaction) -> Result<()> {
        let kept = std::mem::take(&mut self.kept);
        self.kept_rows.clear();
        let Some(update) = self.update.as_mut().filter(|_| !kept.is_empty()) else { return Ok(()) };
        let catalog = transaction.catalog();
        let def = catalog.by_id(self.def.id).ok_or_else(|| Error::internal("the type is gone"))?;
        let tables = vec![existing(transaction, def, &kept)?, excluded(def, &kept)?];
        let statement = ast::Statement::Query(Box::new(update.query.clone()));
        let mut rows = self.run.rows_of_each(statement, &self.view, tables).await?;
        let mut batches = Vec::new();
        while let Some(batch) = rows.next().await {
            batches.push(batch.map_err(|e| from_datafusion_at(&e, &self.run.sql))?);
        }
        drop(rows);
        let mut found = Vec::new();
        for (number, batch) in batches.iter().enumerate() {
            found.extend(handles(batch)?.into_iter().zip(0usize..).map(|(kept, at)| (kept, number, at)));
        }
        found.sort_unstable();
        self.run.cancel.check()?;
        for (at_kept, number, at) in found {
            let one = usize::try_from(at_kept).ok().and_then(|n| kept.get(n));
            let (Some(one), Some(batch)) = (one, batches.get(number)) else {
                return Err(Error::internal("a row that was not kept back"));
            };
            let values = new_values(&mut update.assigned, transaction, def, batch, at)?;
            if transaction.update(one.row, values)? {
                self.touched.insert(one.row);
                self.written.push((one.number, one.row));
            }
        }
        Ok(())
    }
}

impl Updating {
    fn of(
        run: &Run,
        def: &TypeDef,
        update: &DoUpdate,
        qualifier: &Ident,
        with: Option<&With>,
    ) -> Result<Self> {
        let mut values = Vec::new();
        let assigned = assigned(run, def, &update.assignments, &mut values)?;
        let keys = def.indexes.iter().filter(|index| index.unique).flat_map(|index| &index.properties);
        let each = keys.into_iter().any(|key| assigned.iter().any(|a| a.property() == Some(*key)));
        let column = |table: &Ident| Expr::CompoundIdentifier(vec![table.clone(), ident(NUMBER)]);
        let excluded = ident(EXCLUDED);
        let mut query = parse_query("SELECT 1")?;
        query.with = with.cloned();
        let SetExpr::Select(select) = query.body.as_mut() else {
            return Err(Error::internal("not a SELECT"));
        };
        let joined = Expr::BinaryOp {
            left: Box::new(column(qualifier)),
            op: BinaryOperator::Eq,
            right: Box::new(column(&excluded)),
        };
        select.selection = Some(match &update.selection {
            None => joined,
            Some(condition) => Expr::BinaryOp {
                left: Box::new(joined),
                op: BinaryOperator::And,
                right: Box::new(Expr::Nested(Box::new(condition.clone()))),
            },
        });
        select.projection = numbered(std::iter::once(column(&excluded)).chain(values));
        select.from = vec![
            table_as(object_name(&[SCRATCH_SCHEMA, EXISTING]), qualifier.clone()),
            table_as(object_name(&[SCRATCH_SCHEMA, EXCLUDED]), excluded),
        ];
        Ok(Self { assigned, query, each })
    }
}

/// The unique indexes that a conflict target means, and whether it means the id.
fn arbiters(def: &TypeDef, target: Option<&ConflictTarget>) -> Result<(Vec<u16>, bool)> {
    let unique = || def.indexes.iter().filter(|index| index.unique);
    match target {
        None => Ok((unique().map(|index| index.number).collect(), true)),
        Some(ConflictTarget::OnConstraint(name)) => {
            let wanted = name.0.last().and_then(|part| part.as_ident()).map(name_of).unwrap_or_default();
            match unique().find(|index| index.name == wanted) {
                Some(index) => Ok((vec![index.number], false)),
                None => Err(Error::not_found(format!(
                    "{} has no unique constraint {}",
                    quoted(&def.name),
                    quoted(&wanted)
                ))
                .with_sqlstate(sqlstate::UNDEFINED_OBJECT)),
            }
        }
        Some(ConflictTarget::Columns(columns)) => {
            let names: Vec<String> = columns.iter().map(name_of).collect();
            if let [name] = names.as_slice()
                && super::columns::system_source(def, name) == Some(Source::Id)
            {
                return Ok((Vec::new(), true));
            }
            let mut wanted = Vec::with_capacity(names.len());
            for name in &names {
                match def.property(name) {
                    Some(property) => wanted.push(property.id),
                    None => {
                        return Err(Error::not_found(format!(
                            "{} has no column {}",
                            quoted(&def.name),
                            quoted(name)
                        ))
                        .with_sqlstate(sqlstate::UNDEFINED_COLUMN));
                    }
                }
            }
            wanted.sort_unstable();
            wanted.dedup();
            let meant = |properties: &[PropertyId]| {
                let mut own = properties.to_vec();
                own.sort_unstable();
                own == wanted
            };
            let found: Vec<u16> =
                unique().filter(|index| meant(&index.properties)).map(|index| index.number).collect();
            if found.is_empty() {
                return Err(Error::bad_input(format!(
                    "{} has no unique key over ({})",
                    quoted(&def.name),
                    names.join(", ")
                ))
                .with_hint(
                    "ON CONFLICT needs a PRIMARY KEY, UNIQUE or a unique index over just these columns",
                )
                .with_sqlstate(sqlstate::INVALID_COLUMN_REFERENCE));
            }
            Ok((found, false))
        }
    }
}

/// The rows that are there.
fn existing(transaction: &Transaction, def: &TypeDef, kept: &[Kept]) -> Result<ScratchTable> {
    let mut gathered = Gathered::new(def);
    for one in kept {
        if !transaction.read_current(one.row, &mut |record| gathered.push(one.row, record))? {
            return Err(Error::internal("the row in the way is not there"));
        }
    }
    let schema = Arc::clone(gathered.columns().schema());
    numbered_table(EXISTING, &schema, &gathered.finish()?, kept.len())
}

/// The rows that were proposed.
fn excluded(def: &TypeDef, kept: &[Kept]) -> Result<ScratchTable> {
    let columns = Columns::of(def, false);
    let mut arrays: Vec<ArrayRef> = Vec::with_capacity(columns.sources().len());
    for source in columns.sources() {
        let mut builder = source.builder(kept.len());
        for one in kept {
            let id = match source {
                Source::Id => one.proposed.id,
                Source::FromId => one.proposed.from,
                Source::ToId => one.proposed.to,
                Source::Property(property, _) => {
                    builder.push(&one.values.get(property).map_or(ValueRef::Null, value_ref))?;
                    continue;
                }
                // Not known before the row is inserted.
                Source::CreatedAt | Source::UpdatedAt | Source::Row | Source::FromRow | Source::ToRow => None,
            };
            match id {
                Some(id) => builder.push_uuid(id),
                None => builder.push(&ValueRef::Null)?,
            }
        }
        arrays.push(builder.finish());
    }
    let fields = columns.schema().fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays).map_err(|e| from_datafusion(&e.into()))?;
    numbered_table(EXCLUDED, &schema, &[batch], kept.len())
}

fn numbered_table(
    name: &'static str,
    schema: &Arc<Schema>,
    batches: &[RecordBatch],
    rows: usize,
) -> Result<ScratchTable> {
    let field = Field::new(NUMBER, DataType::UInt64, false);
    let numbers: ArrayRef = Arc::new(UInt64Array::from_iter_values(0..rows as u64));
    let further = RecordBatch::try_new(Arc::new(Schema::new(vec![field.clone()])), vec![numbers])
        .map_err(|e| from_datafusion(&e.into()))?;
    let (schema, batches) = beside(schema, batches, &[field], &[further])?;
    ScratchTable::new(name, schema, batches)
}

fn value_ref(value: &Value) -> ValueRef<'_> {
    use std::borrow::Cow;
    match value {
        Value::Null => ValueRef::Null,
        Value::Bool(b) => ValueRef::Bool(*b),
        Value::Integer(i) => ValueRef::Integer(*i),
        Value::Float(f) => ValueRef::Float(*f),
        Value::String(s) => ValueRef::String(Cow::Borrowed(s)),
        Value::Bytes(b) => ValueRef::Bytes(Cow::Borrowed(b)),
        Value::Timestamp(us) => ValueRef::Timestamp(*us),
        Value::Date(days) => ValueRef::Date(*days),
        Value::Time(us) => ValueRef::Time(*us),
        Value::Interval(i) => ValueRef::Interval(*i),
        Value::Decimal(d) => ValueRef::Decimal(*d),
        Value::Uuid(id) => ValueRef::Uuid(*id),
        other => ValueRef::Other(other.clone()),
    }
}
