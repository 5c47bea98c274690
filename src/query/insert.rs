//! INSERT: rows from VALUES or from a query, written as nodes or edges.
//!
//! Literals of VALUES are read without the planner; what has to be computed is computed in one
//! query. A table that does not exist is made when the columns are named: an edge type when
//! `from_id` and `to_id` are among them, a node type otherwise.

use arrow::array::RecordBatch;
use futures::StreamExt as _;
use sqlparser::ast::{self, Expr, Ident, ObjectName, Query, SetExpr, TableObject, With};
use uuid::Uuid;

use crate::model::{
    EdgeEnds, EdgeId, Error, NodeId, PropertyId, PropertyType, Result, RowId, TypeDef, TypeKind, Value,
    sqlstate,
};
use crate::storage::{Transaction, View};

use super::arrow_value::property_type_of;
use super::change::Applied;
use super::columns::{Columns, Source, system_source};
use super::conflict::{Conflict, Decision, Proposed};
use super::ddl::{at_name, no_table, table_name};
use super::dml::{CHECK_ROWS, column_name, computed, in_column, new_rows, numbered, one_name};
use super::error::{from_datafusion_at, quoted, refuse};
use super::literal::{Literal, convert, literal, open_type};
use super::returning::{Returning, Scope};
use super::rewrite::{ident, parse_query};
use super::session::{CommandResult, Run};
use super::statement::parse_expression;

/// How many values one query computes.
const COMPUTED_AT_ONCE: usize = 500;

/// Where a column of the rows goes.
#[derive(Debug, Clone)]
enum Slot {
    Property(PropertyId, PropertyType),
    /// A property that its first value makes.
    New,
    Id,
    From,
    To,
}

struct Column {
    name: String,
    slot: Slot,
}

/// What a row of VALUES has in a column.
enum Cell {
    Literal(Literal),
    /// The number of a computed value.
    Computed(usize),
}

/// Runs an INSERT.
///
/// # Errors
/// As [`super::SqlSession::run`].
pub async fn insert(
    run: &Run,
    transaction: &mut Transaction,
    insert: &ast::Insert,
    with: Option<&With>,
) -> Result<Applied> {
    refuse_clauses(insert)?;
    let TableObject::TableName(name) = &insert.table else {
        return Err(refuse("inserting into anything but a table", "name a table"));
    };
    // Before the type may be made: the statement reads the state before it.
    let view = transaction.view();
    let (def, made) = target_type(run, transaction, name, &insert.columns)?;
    let columns = match &insert.source {
        Some(_) => columns(run, &def, name, &insert.columns)?,
        None => Vec::new(),
    };
    let mut inserter = Inserter::new(run, &def, columns, view.clone());
    inserter.named = !insert.columns.is_empty();
    inserter.with = with.cloned();
    let qualifier = qualifier(insert, name);
    inserter.conflict = Conflict::of(run, &view, &def, insert.on.as_ref(), &qualifier, with)?;
    inserter.returning = returning(insert, &def, qualifier, with)?;
    match insert.source.as_deref() {
        None => {
            inserter.prepare_defaults(transaction, 1).await?;
            inserter.put(transaction, Vec::new(), 0).await?;
        }
        Some(query) => match plain_values(query) {
            Some(rows) => inserter.values(transaction, rows).await?,
            None => inserter.query(transaction, &under(query, with)).await?,
        },
    }
    inserter.end_conflict(transaction).await?;
    let result = CommandResult::new("INSERT", inserter.count);
    let result =
        if made { result.with_note(format!("table {} was made", quoted(&def.name))) } else { result };
    let returning = inserter.returning.take();
    let returned = new_rows(run, transaction, &view, def.id, returning).await?;
    Ok(Applied { result, returned })
}

/// The name the statement knows its table by.
fn qualifier(insert: &ast::Insert, name: &ObjectName) -> Ident {
    let alias = insert.table_alias.as_ref().map(|alias| alias.alias.clone());
    let last = || name.0.last().and_then(|part| part.as_ident()).cloned();
    alias.or_else(last).unwrap_or_else(|| ident(""))
}

fn returning(
    insert: &ast::Insert,
    def: &TypeDef,
    qualifier: Ident,
    with: Option<&With>,
) -> Result<Option<Returning>> {
    let scope = Scope { qualifier, def, joined: false, with };
    Returning::of(insert.returning.as_deref(), insert.output.as_ref(), scope)
}

/// The query with the statement's WITH around it.
fn under(query: &Query, with: Option<&With>) -> Query {
    let mut query = query.clone();
    if let Some(outer) = with {
        query.with = Some(match query.with.take() {
            None => outer.clone(),
            Some(inner) => {
                let mut both = outer.clone();
                both.recursive |= inner.recursive;
                both.cte_tables.extend(inner.cte_tables);
                both
            }
        });
    }
    query
}

fn refuse_clauses(insert: &ast::Insert) -> Result<()> {
    if insert.or.is_some() || insert.ignore || insert.replace_into {
        return Err(refuse("this form of INSERT", "use INSERT ... ON CONFLICT DO NOTHING or DO UPDATE"));
    }
    let others = insert.overwrite
        || insert.partitioned.is_some()
        || !insert.after_columns.is_empty()
        || !insert.assignments.is_empty()
        || insert.insert_alias.is_some()
        || insert.settings.is_some()
        || insert.format_clause.is_some()
        || insert.priority.is_some()
        || insert.multi_table_insert_type.is_some();
    if others {
        Err(refuse("this form of INSERT", "use INSERT INTO t (columns) VALUES (...)"))
    } else {
        Ok(())
    }
}

/// The type that is written to, made when it does not exist.
fn target_type(
    run: &Run,
    transaction: &mut Transaction,
    name: &ObjectName,
    columns: &[ObjectName],
) -> Result<(TypeDef, bool)> {
    let wanted = table_name(run, name)?;
    let catalog = transaction.catalog();
    if let Some(def) = catalog.get(&wanted) {
        return Ok((TypeDef::clone(def), false));
    }
    if columns.is_empty() || catalog.named(&wanted).is_some() {
        let error = no_table(run, name, &wanted, &catalog);
        return Err(match error.hint() {
            Some(_) => error,
            None => error.with_hint(format!(
                "name the columns and it is made: INSERT INTO {} (a, b) ...",
                quoted(&wanted)
            )),
        });
    }
    let named = |column: &str| {
        columns.iter().any(|c| {
            c.0.last().and_then(|p| p.as_ident()).is_some_and(|i| {
                let name = super::rewrite::name_of(i);
                name == column || name.strip_prefix('_') == Some(column)
            })
        })
    };
    let kind =
        if named("from_id") && named("to_id") { TypeKind::Edge(EdgeEnds::default()) } else { TypeKind::Node };
    let id = transaction.ensure_type(&wanted, kind).map_err(|e| at_name(run, e, name))?;
    let catalog = transaction.catalog();
    let def = catalog.by_id(id).ok_or_else(|| Error::internal("a type that was made is not there"))?;
    Ok((TypeDef::clone(def), true))
}

fn columns(run: &Run, def: &TypeDef, table: &ObjectName, named: &[ObjectName]) -> Result<Vec<Column>> {
    let slot_of = |source: Source| match source {
        Source::Property(id, property_type) => Some(Slot::Property(id, property_type)),
        Source::Id => Some(Slot::Id),
        Source::FromId => Some(Slot::From),
        Source::ToId => Some(Slot::To),
        _ => None,
    };
    if named.is_empty() {
        if !def.declared {
            let error =
                Error::bad_input(format!("{} is not declared: its columns have no order", quoted(&def.name)));
            return Err(at_name(run, error.with_hint("name the columns: INSERT INTO t (a, b) ..."), table));
        }
        let all = Columns::of(def, false);
        return Ok(all
            .visible()
            .iter()
            .filter_map(|field| {
                let slot = all.source_of(field.name()).and_then(slot_of)?;
                Some(Column { name: field.name().clone(), slot })
            })
            .collect());
    }
    let mut columns: Vec<Column> = Vec::new();
    for target in named {
        one_name(run, target)?;
        let plain =
            target.0.last().and_then(|p| p.as_ident()).map(super::rewrite::name_of).unwrap_or_default();
        let column = match system_source(def, &plain).and_then(slot_of) {
            Some(slot) => Column { name: plain, slot },
            None => {
                let name = column_name(run, def, target)?;
                let slot = def.property(&name).map_or(Slot::New, |p| Slot::Property(p.id, p.property_type));
                Column { name, slot }
            }
        };
        if columns.iter().any(|c| c.name == column.name) {
            return Err(at_name(
                run,
                Error::bad_input(format!("{} is named twice", quoted(&column.name))),
                target,
            ));
        }
        columns.push(column);
    }
    Ok(columns)
}

/// The rows of a source that is VALUES and nothing else.
fn plain_values(query: &Query) -> Option<Vec<&[Expr]>> {
    let bare = query.with.is_none()
        && query.order_by.is_none()
        && query.limit_clause.is_none()
        && query.fetch.is_none();
    match query.body.as_ref() {
        SetExpr::Values(values) if bare => {
            Some(values.rows.iter().map(|row| row.content.as_slice()).collect())
        }
        _ => None,
    }
}

/// A property with a declared default that the statement leaves to it.
struct Default {
    id: PropertyId,
    property_type: PropertyType,
    name: String,
    value: DefaultValue,
}

enum DefaultValue {
    Literal(Literal),
    /// Computed anew for each row; the values of the rows at hand.
    Computed(Box<Expr>, Vec<Value>),
}

struct Inserter<'r> {
    run: &'r Run,
    def: TypeDef,
    columns: Vec<Column>,
    view: View,
    defaults: Vec<Default>,
    count: u64,
    returning: Option<Returning>,
    conflict: Option<Conflict<'r>>,
    /// The statement's WITH.
    with: Option<With>,
    /// The statement names its columns.
    named: bool,
}

impl<'r> Inserter<'r> {
    fn new(run: &'r Run, def: &TypeDef, columns: Vec<Column>, view: View) -> Self {
        Self {
            run,
            def: def.clone(),
            columns,
            view,
            defaults: Vec::new(),
            count: 0,
            returning: None,
            conflict: None,
            with: None,
            named: true,
        }
    }

    /// Reads the defaults of properties, and computes those that are no literals for `rows` rows.
    async fn prepare_defaults(&mut self, transaction: &Transaction, rows: usize) -> Result<()> {
        let view = transaction.view();
        if self.defaults.is_empty() {
            for property in &self.def.properties {
                let Some(text) = &property.default else { continue };
                let expr = parse_expression(text)?;
                let value = match literal(&expr, &[])? {
                    Some(literal) => DefaultValue::Literal(literal),
                    None => DefaultValue::Computed(Box::new(expr), Vec::new()),
                };
                self.defaults.push(Default {
                    id: property.id,
                    property_type: property.property_type,
                    name: property.name.clone(),
                    value,
                });
            }
        }
        for default in &mut self.defaults {
            if let DefaultValue::Computed(expr, values) = &mut default.value {
                let mut query = parse_query(&format!("SELECT 1 FROM generate_series(1, {rows}) AS s"))?;
                set_projection(&mut query, vec![expr.as_ref().clone()])?;
                values.clear();
                for batch in collect(self.run, query, &view).await? {
                    for row in 0..batch.num_rows() {
                        values.push(computed(&batch, 0, row)?);
                    }
                }
            }
        }
        Ok(())
    }

    fn default_of(&self, id: PropertyId, row: usize) -> Result<Value> {
        let Some(default) = self.defaults.iter().find(|d| d.id == id) else { return Ok(Value::Null) };
        let value = match &default.value {
            DefaultValue::Literal(literal) => literal.value_for(default.property_type),
            DefaultValue::Computed(_, values) => {
                let value =
                    values.get(row).cloned().ok_or_else(|| Error::internal("a default was not computed"));
                value.and_then(|value| convert(value, default.property_type))
            }
        };
        value.map_err(|e| in_column(e, &self.def, &default.name))
    }

    // ------------------------------------------------------------- VALUES

    async fn values(&mut self, transaction: &mut Transaction, rows: Vec<&[Expr]>) -> Result<()> {
        let (cells, expressions) = self.cells(&rows)?;
        let computed = self.compute(expressions).await?;
        self.run.cancel.check()?;
        self.prepare_defaults(transaction, cells.len()).await?;
        self.make_properties(transaction, &cells, &computed)?;
        for (number, row) in cells.into_iter().enumerate() {
            if number.is_multiple_of(CHECK_ROWS) {
                self.run.cancel.check()?;
            }
            let mut values = Vec::with_capacity(row.len());
            for (column, cell) in self.columns.iter().zip(row) {
                values.push(self.cell_value(column, cell, &computed, number)?);
            }
            self.put(transaction, values, number).await?;
        }
        Ok(())
    }

    fn cells(&mut self, rows: &[&[Expr]]) -> Result<(Vec<Vec<Cell>>, Vec<Expr>)> {
        let mut expressions = Vec::new();
        let mut cells = Vec::with_capacity(rows.len());
        let width = rows.first().map_or(0, |row| row.len());
        self.check_width(width)?;
        for row in rows {
            if row.len() != width {
                return Err(Error::bad_input("rows of VALUES have different numbers of values"));
            }
            let mut out = Vec::with_capacity(width);
            for expr in *row {
                out.push(match literal(expr, &self.run.params)? {
                    Some(literal) => Cell::Literal(literal),
                    None => {
                        expressions.push(expr.clone());
                        Cell::Computed(expressions.len() - 1)
                    }
                });
            }
            cells.push(out);
        }
        Ok((cells, expressions))
    }

    /// A declared table takes fewer values than it has columns; the rest get their defaults.
    fn check_width(&mut self, width: usize) -> Result<()> {
        let named = self.columns.len();
        if width > named || (width < named && self.named) {
            let s = |count| if count == 1 { "" } else { "s" };
            return Err(Error::bad_input(format!(
                "{width} value{} for {named} column{}",
                s(width),
                s(named)
            )));
        }
        self.columns.truncate(width);
        Ok(())
    }

    async fn compute(&self, expressions: Vec<Expr>) -> Result<Vec<Value>> {
        let mut values = Vec::with_capacity(expressions.len());
        for chunk in expressions.chunks(COMPUTED_AT_ONCE) {
            let mut query = parse_query("SELECT 1")?;
            query.with.clone_from(&self.with);
            set_projection(&mut query, chunk.to_vec())?;
            let batches = collect(self.run, query, &self.view).await?;
            let batch = batches.iter().find(|b| b.num_rows() > 0);
            let batch = batch.ok_or_else(|| Error::internal("values were not computed"))?;
            for column in 0..chunk.len() {
                values.push(computed(batch, column, 0)?);
            }
        }
        Ok(values)
    }

    /// Makes the properties that do not exist yet: of the type of their values, FLOAT where
    /// integers and floats are mixed.
    fn make_properties(
        &mut self,
        transaction: &mut Transaction,
        cells: &[Vec<Cell>],
        computed: &[Value],
    ) -> Result<()> {
        for index in 0..self.columns.len() {
            let Some(column) = self.columns.get(index).filter(|c| matches!(c.slot, Slot::New)) else {
                continue;
            };
            let mut found: Option<PropertyType> = None;
            for cell in cells.iter().filter_map(|row| row.get(index)) {
                let value = match cell {
                    Cell::Literal(literal) => literal.value()?,
                    Cell::Computed(number) => computed.get(*number).cloned().unwrap_or_default(),
                };
                found = match (found, value.property_type().map(open_type)) {
                    (Some(PropertyType::Integer), Some(PropertyType::Float)) => Some(PropertyType::Float),
                    (None, new) => new,
                    (known, _) => known,
                };
            }
            if let Some(property_type) = found {
                let id = transaction.ensure_property(self.def.id, &column.name, property_type)?;
                if let Some(column) = self.columns.get_mut(index) {
                    column.slot = Slot::Property(id, property_type);
                }
            }
        }
        Ok(())
    }

    fn cell_value(&self, column: &Column, cell: Cell, computed: &[Value], row: usize) -> Result<Value> {
        let named = |e: Error| in_column(e, &self.def, &column.name);
        match (&column.slot, cell) {
            (Slot::Property(id, _), Cell::Literal(Literal::Default)) => self.default_of(*id, row),
            (Slot::Property(_, target), Cell::Literal(literal)) => literal.value_for(*target).map_err(named),
            (Slot::New, Cell::Literal(literal)) => literal.value().map_err(named),
            (_, Cell::Literal(literal)) => literal.value_for(PropertyType::Uuid).map_err(named),
            (slot, Cell::Computed(number)) => {
                let value = computed.get(number).cloned().unwrap_or_default();
                convert(value, slot_type(slot)).map_err(named)
            }
        }
    }

    // -------------------------------------------------------------- SELECT

    async fn query(&mut self, transaction: &mut Transaction, query: &Query) -> Result<()> {
        let statement = ast::Statement::Query(Box::new(query.clone()));
        let view = self.view.clone();
        let mut rows = self.run.rows(statement, &view).await?;
        let fields = rows.schema();
        self.check_width(fields.fields().len())?;
        self.run.cancel.check()?;
        for (index, field) in fields.fields().iter().enumerate() {
            if let Some(column) = self.columns.get_mut(index)
                && matches!(column.slot, Slot::New)
                && *field.data_type() != arrow::datatypes::DataType::Null
            {
                let property_type = property_type_of(field);
                let id = transaction.ensure_property(self.def.id, &column.name, property_type)?;
                column.slot = Slot::Property(id, property_type);
            }
        }
        while let Some(batch) = rows.next().await {
            let batch = batch.map_err(|e| from_datafusion_at(&e, &self.run.sql))?;
            self.prepare_defaults(transaction, batch.num_rows()).await?;
            for row in 0..batch.num_rows() {
                if row.is_multiple_of(CHECK_ROWS) {
                    self.run.cancel.check()?;
                }
                let mut values = Vec::with_capacity(self.columns.len());
                for (index, column) in self.columns.iter().enumerate() {
                    let value = computed(&batch, index, row)
                        .and_then(|value| convert(value, slot_type(&column.slot)))
                        .map_err(|e| in_column(e, &self.def, &column.name))?;
                    values.push(value);
                }
                self.put(transaction, values, row).await?;
            }
        }
        Ok(())
    }

    // ---------------------------------------------------------------- rows

    /// Writes one row, or does what ON CONFLICT says; `number` is its number among those the defaults
    /// were computed for.
    async fn put(&mut self, transaction: &mut Transaction, values: Vec<Value>, number: usize) -> Result<()> {
        let proposed = self.proposed(values, number)?;
        let Some(mut conflict) = self.conflict.take() else {
            return self.write(transaction, proposed).map(|_| ());
        };
        let decision = loop {
            match conflict.decide(transaction, &proposed)? {
                Decision::FlushFirst => conflict.flush(transaction).await?,
                other => break other,
            }
        };
        match decision {
            Decision::Insert => conflict.inserted(self.write(transaction, proposed)?),
            Decision::Keep(row, values) => {
                if conflict.keep(row, proposed, values) {
                    conflict.flush(transaction).await?;
                }
            }
            Decision::Skip | Decision::FlushFirst => {}
        }
        self.conflict = Some(conflict);
        Ok(())
    }

    /// Ends what ON CONFLICT keeps back, and notes all rows in the order in which they were proposed.
    async fn end_conflict(&mut self, transaction: &mut Transaction) -> Result<()> {
        let Some(mut conflict) = self.conflict.take() else { return Ok(()) };
        conflict.flush(transaction).await?;
        let written = conflict.into_written();
        self.count = written.len() as u64;
        if let Some(returning) = &mut self.returning {
            returning.note_only(written);
        }
        Ok(())
    }

    /// Writes one row.
    fn row(&mut self, transaction: &mut Transaction, values: Vec<Value>, number: usize) -> Result<RowId> {
        let proposed = self.proposed(values, number)?;
        self.write(transaction, proposed)
    }

    /// A row as it is to be written, with the defaults of what is not given.
    fn proposed(&self, values: Vec<Value>, number: usize) -> Result<Proposed> {
        let mut properties = Vec::with_capacity(values.len() + self.defaults.len());
        for default in &self.defaults {
            let given = |c: &Column| matches!(c.slot, Slot::Property(id, _) if id == default.id);
            if !self.columns.iter().any(given) {
                properties.push((default.id, self.default_of(default.id, number)?));
            }
        }
        let mut proposed = Proposed { id: None, from: None, to: None, values: properties };
        for (column, value) in self.columns.iter().zip(values) {
            match &column.slot {
                Slot::Property(id, _) => proposed.values.push((*id, value)),
                // Every value of it is NULL.
                Slot::New => {}
                Slot::Id => proposed.id = self.uuid(column, value)?,
                Slot::From => proposed.from = self.uuid(column, value)?,
                Slot::To => proposed.to = self.uuid(column, value)?,
            }
        }
        Ok(proposed)
    }

    fn write(&mut self, transaction: &mut Transaction, proposed: Proposed) -> Result<RowId> {
        let Proposed { id, from, to, values } = proposed;
        let row = if self.def.is_edge() {
            let from = self.end(from, "from_id")?;
            let to = self.end(to, "to_id")?;
            transaction.insert_edge(self.def.id, id.map(EdgeId), from, to, values)?.0
        } else {
            transaction.insert_node(self.def.id, id.map(NodeId), values)?.0
        };
        if let Some(returning) = &mut self.returning {
            returning.note(row);
        }
        self.count += 1;
        Ok(row)
    }

    fn uuid(&self, column: &Column, value: Value) -> Result<Option<Uuid>> {
        match value {
            Value::Null => Ok(None),
            Value::Uuid(id) => Ok(Some(id)),
            other => Err(Error::bad_input(format!(
                "{}.{}: '{}' is not an id",
                self.def.name,
                column.name,
                crate::model::escape_control(&other.to_text())
            ))
            .with_hint("ids look like 0198c5f2-7d3a-7c41-9d5e-2b8f6a1c0e47")),
        }
    }

    fn end(&self, id: Option<Uuid>, which: &str) -> Result<RowId> {
        let id = id.ok_or_else(|| {
            Error::constraint(format!(
                "{}.{which} must not be NULL: an edge needs both its ends",
                self.def.name
            ))
            .with_sqlstate(sqlstate::NOT_NULL_VIOLATION)
        })?;
        self.view.row_of(id)?.ok_or_else(|| {
            Error::not_found(format!("{}.{which}: there is no node with the id {id}", self.def.name))
                .with_sqlstate(sqlstate::FOREIGN_KEY_VIOLATION)
                .with_hint("insert the node first")
        })
    }
}

/// The INSERT of a MERGE: one row of VALUES over the rows of a query.
pub(super) struct MergeInsert<'r> {
    inserter: Inserter<'r>,
    /// For each column a literal, or the column of the query that computes it.
    cells: Vec<Cell>,
}

impl<'r> MergeInsert<'r> {
    /// Reads it; what has to be computed goes behind `values`, which stand behind a handle.
    pub(super) fn of(
        run: &'r Run,
        def: &TypeDef,
        table: &ObjectName,
        insert: &ast::MergeInsertExpr,
        values: &mut Vec<Expr>,
        view: &View,
    ) -> Result<Self> {
        let ast::MergeInsertKind::Values(rows) = &insert.kind else {
            return Err(refuse("this form of INSERT in MERGE", "use INSERT (columns) VALUES (...)"));
        };
        let [row] = rows.rows.as_slice() else {
            return Err(Error::bad_input("MERGE inserts one row for each row of the source"));
        };
        let columns = columns(run, def, table, &insert.columns)?;
        let mut inserter = Inserter::new(run, def, columns, view.clone());
        inserter.named = !insert.columns.is_empty();
        inserter.check_width(row.content.len())?;
        let mut cells = Vec::with_capacity(row.content.len());
        for expr in &row.content {
            cells.push(match literal(expr, &run.params)? {
                Some(literal) => Cell::Literal(literal),
                None => {
                    values.push(expr.clone());
                    Cell::Computed(values.len())
                }
            });
        }
        Ok(Self { inserter, cells })
    }

    /// Gets ready for the rows of a batch: properties that are not there yet, defaults.
    pub(super) async fn prepare(&mut self, transaction: &mut Transaction, batch: &RecordBatch) -> Result<()> {
        for (column, cell) in self.inserter.columns.iter_mut().zip(&self.cells) {
            if !matches!(column.slot, Slot::New) {
                continue;
            }
            let property_type = match cell {
                Cell::Literal(literal) => literal.value()?.property_type(),
                Cell::Computed(number) => {
                    let schema = batch.schema();
                    let field = schema.fields().get(*number);
                    field
                        .filter(|f| *f.data_type() != arrow::datatypes::DataType::Null)
                        .map(|f| open_type(property_type_of(f)))
                }
            };
            if let Some(property_type) = property_type {
                let id = transaction.ensure_property(self.inserter.def.id, &column.name, property_type)?;
                column.slot = Slot::Property(id, property_type);
            }
        }
        self.inserter.prepare_defaults(transaction, batch.num_rows()).await
    }

    /// Inserts the row that a row of the batch makes.
    pub(super) fn row(
        &mut self,
        transaction: &mut Transaction,
        batch: &RecordBatch,
        row: usize,
    ) -> Result<RowId> {
        let mut values = Vec::with_capacity(self.cells.len());
        for (column, cell) in self.inserter.columns.iter().zip(&self.cells) {
            let (cell, found) = match cell {
                Cell::Literal(literal) => (Cell::Literal(literal.clone()), Vec::new()),
                Cell::Computed(number) => (Cell::Computed(0), vec![computed(batch, *number, row)?]),
            };
            values.push(self.inserter.cell_value(column, cell, &found, row)?);
        }
        self.inserter.row(transaction, values, row)
    }
}

fn slot_type(slot: &Slot) -> PropertyType {
    match slot {
        Slot::Property(_, property_type) => *property_type,
        // Takes every value as it is.
        Slot::New => PropertyType::Json,
        Slot::Id | Slot::From | Slot::To => PropertyType::Uuid,
    }
}

fn set_projection(query: &mut Query, expressions: Vec<Expr>) -> Result<()> {
    let SetExpr::Select(select) = query.body.as_mut() else { return Err(Error::internal("not a SELECT")) };
    select.projection = numbered(expressions.into_iter());
    Ok(())
}

async fn collect(run: &Run, query: Query, view: &View) -> Result<Vec<RecordBatch>> {
    let mut rows = run.rows(ast::Statement::Query(Box::new(query)), view).await?;
    let mut batches = Vec::new();
    while let Some(batch) = rows.next().await {
        batches.push(batch.map_err(|e| from_datafusion_at(&e, &run.sql))?);
    }
    Ok(batches)
}
