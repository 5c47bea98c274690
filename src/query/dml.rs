//! INSERT, UPDATE, DELETE: a query finds the rows and their new values, the transaction takes them.
//!
//! DataFusion's own hooks for changing tables are never used: they lose the filters of subqueries
//! (apache/datafusion#24654). The query reads the view at the statement's start, so a statement
//! never sees its own writes.

use std::collections::HashSet;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::UInt64Type;
use futures::StreamExt as _;
use sqlparser::ast::{
    self, Assignment, AssignmentTarget, Delete, Expr, FromTable, Ident, ObjectName, Query, SelectItem,
    SetExpr, TableAlias, TableFactor, TableWithJoins, Update, UpdateTableFromKind, With,
};

use crate::model::{Error, PropertyId, PropertyType, Result, RowId, TypeDef, TypeId, Value, sqlstate};
use crate::storage::{Catalog, Deleted, Transaction, View};

use super::arrow_value::value_at;
use super::change::Applied;
use super::columns::{ROW, system_source};
use super::ddl::{at_name, no_table, table_name};
use super::error::{from_datafusion_at, quoted, refuse};
use super::literal::{Literal, convert, literal, open_type};
use super::provider::ROWS_SCHEMA;
use super::returning::{Returned, Returning, Scope};
use super::rewrite::{ident, name_of, object_name, parse_query};
use super::session::{CommandResult, Run};

pub use super::insert::insert;

/// How often a loop over rows looks whether it should stop.
pub(super) const CHECK_ROWS: usize = 256;

/// The table a statement changes.
pub(super) struct Changed<'s> {
    pub(super) name: &'s ObjectName,
    alias: Option<Ident>,
}

impl<'s> Changed<'s> {
    fn of(table: &'s TableWithJoins) -> Result<Self> {
        if table.joins.is_empty() { Self::of_factor(&table.relation) } else { Err(not_one_table()) }
    }

    pub(super) fn of_factor(table: &'s TableFactor) -> Result<Self> {
        match table {
            TableFactor::Table { name, alias, args: None, sample: None, .. } => {
                if alias.as_ref().is_some_and(|a| !a.columns.is_empty()) {
                    return Err(refuse("an alias with columns here", "name the table alone"));
                }
                // Read as an alias where DELETE is not the first word: it would do nothing.
                let meant = |a: &TableAlias| {
                    let word = a.name.value.to_ascii_lowercase();
                    !a.explicit
                        && a.name.quote_style.is_none()
                        && ["restrict", "cascade"].contains(&word.as_str())
                };
                if let Some(alias) = alias.as_ref().filter(|a| meant(a)) {
                    return Err(refuse(
                        &format!("{} here", alias.name),
                        "it stands at the end of a DELETE that begins with DELETE and has no RETURNING",
                    ));
                }
                Ok(Self { name, alias: alias.as_ref().map(|a| a.name.clone()) })
            }
            _ => Err(not_one_table()),
        }
    }

    pub(super) fn qualifier(&self) -> Ident {
        let last = || self.name.0.last().and_then(|part| part.as_ident()).cloned();
        self.alias.clone().or_else(last).unwrap_or_else(|| ident(""))
    }

    /// The query that finds its rows: handles first, then the values, then what RETURNING asks.
    fn select(&self, def: &TypeDef, find: Find<'_>) -> Result<Query> {
        let mut query = parse_query("SELECT 1")?;
        query.with = find.with.cloned();
        let SetExpr::Select(select) = query.body.as_mut() else {
            return Err(Error::internal("not a SELECT"));
        };
        let row = Expr::CompoundIdentifier(vec![self.qualifier(), ident(ROW)]);
        select.projection = numbered(std::iter::once(row).chain(find.values));
        select.projection.extend(find.asked);
        let own = table_as(object_name(&[ROWS_SCHEMA, &def.name]), self.qualifier());
        select.from = std::iter::once(own).chain(find.others.iter().cloned()).collect();
        select.selection = find.selection.cloned();
        Ok(query)
    }
}

fn not_one_table() -> Error {
    refuse("changing anything but one table", "name one table; put others behind FROM or USING")
}

/// The query for handles and values of all rows of a type.
pub(super) fn values_query(def: &TypeDef, values: Vec<Expr>) -> Result<Query> {
    let name = object_name(&[&def.name]);
    Changed { name: &name, alias: None }.select(def, Find { values, ..Find::default() })
}

/// What the query that finds rows is made of.
#[derive(Default)]
struct Find<'s> {
    with: Option<&'s With>,
    values: Vec<Expr>,
    asked: Vec<SelectItem>,
    others: &'s [TableWithJoins],
    selection: Option<&'s Expr>,
}

/// Expressions as the columns of a query, under names that cannot be equal.
pub(super) fn numbered(expressions: impl Iterator<Item = Expr>) -> Vec<SelectItem> {
    expressions
        .zip(0..)
        .map(|(expr, number)| SelectItem::ExprWithAlias { expr, alias: ident(&format!("value {number}")) })
        .collect()
}

/// A table in FROM, under a name.
pub(super) fn table_as(name: ObjectName, alias: Ident) -> TableWithJoins {
    let relation = TableFactor::Table {
        name,
        alias: Some(TableAlias { explicit: true, name: alias, columns: Vec::new(), at: None }),
        args: None,
        with_hints: Vec::new(),
        version: None,
        with_ordinality: false,
        partitions: Vec::new(),
        json_path: None,
        sample: None,
        index_hints: Vec::new(),
    };
    TableWithJoins { relation, joins: Vec::new() }
}

/// The statement that writes which a query consists of, with the WITH before it; or the query.
///
/// # Errors
/// `Unsupported` for clauses behind it.
pub(super) fn written_by(query: Query) -> Result<std::result::Result<Written, Box<Query>>> {
    if !matches!(
        query.body.as_ref(),
        SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_)
    ) {
        return Ok(Err(Box::new(query)));
    }
    if query.order_by.is_some() || query.limit_clause.is_some() || query.fetch.is_some() {
        return Err(refuse("a clause behind a statement that writes", "leave it out"));
    }
    match *query.body {
        SetExpr::Insert(statement)
        | SetExpr::Update(statement)
        | SetExpr::Delete(statement)
        | SetExpr::Merge(statement) => Ok(Ok((query.with, statement))),
        _ => Err(Error::internal("not a statement that writes")),
    }
}

/// A statement that writes, and the WITH before it.
pub(super) type Written = (Option<With>, ast::Statement);

/// What RETURNING asks of rows that were inserted or updated.
pub(super) async fn new_rows(
    run: &Run,
    transaction: &mut Transaction,
    view: &View,
    type_id: TypeId,
    returning: Option<Returning>,
) -> Result<Option<Returned>> {
    let Some(mut returning) = returning else { return Ok(None) };
    let catalog = transaction.catalog();
    let def = catalog.by_id(type_id).ok_or_else(|| Error::internal("the type is gone"))?;
    let rows = returning.gather(def, |row, read| transaction.read_current(row, read))?;
    returning.select(run, view, rows).await.map(Some)
}

pub(super) fn definition<'c>(run: &Run, catalog: &'c Catalog, name: &ObjectName) -> Result<&'c TypeDef> {
    let wanted = table_name(run, name)?;
    match catalog.get(&wanted) {
        Some(def) => Ok(def),
        None => Err(no_table(run, name, &wanted, catalog)),
    }
}

// -------------------------------------------------------------------- UPDATE

/// A property that is set.
pub(super) struct Assigned {
    name: String,
    known: Option<(PropertyId, PropertyType)>,
    to: NewValue,
}

enum NewValue {
    /// The same for every row.
    Literal(Literal),
    /// A column of the query, counted from 0.
    Computed(usize),
}

/// Runs an UPDATE.
///
/// # Errors
/// As [`super::SqlSession::run`].
pub async fn update(
    run: &Run,
    transaction: &mut Transaction,
    update: &Update,
    with: Option<&With>,
) -> Result<Applied> {
    let view = transaction.view();
    let changed = Changed::of(&update.table)?;
    let def = definition(run, view.catalog(), changed.name)?;
    let Updating { mut assigned, query, mut returning, first_asked } =
        Updating::of(run, def, &changed, update, with)?;
    let mut rows = run.rows_of_each(ast::Statement::Query(Box::new(query)), &view, Vec::new()).await?;
    run.cancel.check()?;
    let mut seen: HashSet<u64> = HashSet::new();
    let joined = update.from.is_some();
    let mut count = 0;
    while let Some(batch) = rows.next().await {
        let batch = batch.map_err(|e| from_datafusion_at(&e, &run.sql))?;
        let mut done = Vec::new();
        for (row, number) in handles(&batch)?.into_iter().zip(0u32..) {
            if (number as usize).is_multiple_of(CHECK_ROWS) {
                run.cancel.check()?;
            }
            // With FROM a row may be found several times; the first one counts.
            if joined && !seen.insert(row) {
                continue;
            }
            let values = new_values(&mut assigned, transaction, def, &batch, number as usize)?;
            if transaction.update(RowId(row), values)? {
                count += 1;
                if let Some(returning) = &mut returning {
                    returning.note(RowId(row));
                    done.push(number);
                }
            }
        }
        if let Some(returning) = &mut returning {
            returning.note_others(&batch, first_asked, done)?;
        }
    }
    let returned = new_rows(run, transaction, &view, def.id, returning).await?;
    Ok(Applied { result: CommandResult::new("UPDATE", count), returned })
}

/// An UPDATE, made ready to run.
struct Updating {
    assigned: Vec<Assigned>,
    query: Query,
    returning: Option<Returning>,
    /// The first column of the query that RETURNING asked for.
    first_asked: usize,
}

impl Updating {
    fn of(
        run: &Run,
        def: &TypeDef,
        changed: &Changed<'_>,
        update: &Update,
        with: Option<&With>,
    ) -> Result<Self> {
        if update.or.is_some() || !update.order_by.is_empty() || update.limit.is_some() {
            return Err(refuse("this clause of UPDATE", "choose the rows with WHERE id IN (SELECT ...)"));
        }
        let others: &[TableWithJoins] = match &update.from {
            None => &[],
            Some(UpdateTableFromKind::AfterSet(others)) => others,
            Some(UpdateTableFromKind::BeforeSet(_)) => {
                return Err(refuse("FROM before SET", "write it behind SET"));
            }
        };
        let scope = Scope { qualifier: changed.qualifier(), def, joined: !others.is_empty(), with };
        let returning = Returning::of(update.returning.as_deref(), update.output.as_ref(), scope)?;
        let mut values = Vec::new();
        let assigned = assigned(run, def, &update.assignments, &mut values)?;
        let first_asked = 1 + values.len();
        let asked = returning.as_ref().map(Returning::asked).unwrap_or_default();
        let find = Find { with, values, asked, others, selection: update.selection.as_ref() };
        let query = changed.select(def, find)?;
        Ok(Self { assigned, query, returning, first_asked })
    }
}

/// What SET sets, with the expressions a query has to compute.
pub(super) fn assigned(
    run: &Run,
    def: &TypeDef,
    assignments: &[Assignment],
    computed: &mut Vec<Expr>,
) -> Result<Vec<Assigned>> {
    let mut assigned: Vec<Assigned> = Vec::new();
    for (target, value) in pairs(assignments)? {
        let new = assign(run, def, target, &value, computed)?;
        if assigned.iter().any(|a| a.name == new.name) {
            let error = Error::bad_input(format!("{} is set twice", quoted(&new.name)));
            return Err(at_name(run, error, target));
        }
        assigned.push(new);
    }
    Ok(assigned)
}

/// The properties' new values for one row.
pub(super) fn new_values(
    assigned: &mut [Assigned],
    transaction: &mut Transaction,
    def: &TypeDef,
    batch: &RecordBatch,
    row: usize,
) -> Result<Vec<(PropertyId, Value)>> {
    let values =
        assigned.iter_mut().map(|a| a.value(transaction, def, batch, row)).collect::<Result<Vec<_>>>()?;
    Ok(values.into_iter().flatten().collect())
}

/// Each column with its value; several at once are taken apart.
fn pairs(list: &[Assignment]) -> Result<Vec<(&ObjectName, Expr)>> {
    let mut pairs = Vec::new();
    for assignment in list {
        match (&assignment.target, &assignment.value) {
            (AssignmentTarget::ColumnName(name), value) => pairs.push((name, value.clone())),
            (AssignmentTarget::Tuple(names), value) => {
                let values = taken_apart(value)?;
                if values.len() != names.len() {
                    return Err(Error::bad_input(format!(
                        "{} value{} for {} columns",
                        values.len(),
                        if values.len() == 1 { "" } else { "s" },
                        names.len()
                    )));
                }
                pairs.extend(names.iter().zip(values));
            }
        }
    }
    Ok(pairs)
}

/// The values of `(a, b) = ...`: a list, `ROW(...)`, or one scalar subquery for each column of a
/// subquery.
fn taken_apart(value: &Expr) -> Result<Vec<Expr>> {
    match value {
        Expr::Tuple(values) => Ok(values.clone()),
        Expr::Nested(inner) => Ok(vec![inner.as_ref().clone()]),
        Expr::Function(function) if function.name.to_string().eq_ignore_ascii_case("row") => {
            let ast::FunctionArguments::List(list) = &function.args else { return Ok(Vec::new()) };
            let values = list.args.iter().map(|argument| match argument {
                ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(expr)) => Ok(expr.clone()),
                other => Err(refuse(&format!("{other} here"), "write the values out")),
            });
            values.collect()
        }
        Expr::Subquery(query) => columns_apart(query),
        _ => Err(refuse("setting several columns at once from this", "set them one by one")),
    }
}

fn columns_apart(query: &Query) -> Result<Vec<Expr>> {
    let refused = || refuse("setting several columns from this subquery", "set them one by one");
    let SetExpr::Select(select) = query.body.as_ref() else { return Err(refused()) };
    if select.distinct.is_some() || select.projection.iter().any(is_volatile) {
        return Err(refused());
    }
    let items = select.projection.iter().map(|item| match item {
        SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. } => {
            let mut one = query.clone();
            if let SetExpr::Select(select) = one.body.as_mut() {
                select.projection = vec![item.clone()];
            }
            Ok(Expr::Subquery(Box::new(one)))
        }
        _ => Err(refused()),
    });
    items.collect()
}

/// Whether a value may differ when it is computed twice: each column gets a subquery of its own.
fn is_volatile(item: &SelectItem) -> bool {
    let text = item.to_string().to_lowercase();
    ["random(", "uuid(", "gen_random_uuid("].iter().any(|name| text.contains(name))
}

fn assign(
    run: &Run,
    def: &TypeDef,
    target: &ObjectName,
    value: &Expr,
    computed: &mut Vec<Expr>,
) -> Result<Assigned> {
    let name = column_name(run, def, target)?;
    let known = def.property(&name).map(|p| (p.id, p.property_type));
    let to = match literal(value, &run.params)? {
        Some(Literal::Default) => match def.property(&name).and_then(|p| p.default.as_deref()) {
            None => NewValue::Literal(Literal::Typed(Value::Null)),
            Some(text) => {
                let default = super::statement::parse_expression(text)?;
                match literal(&default, &[])? {
                    Some(literal) => NewValue::Literal(literal),
                    None => NewValue::compute(default, computed),
                }
            }
        },
        Some(literal) => NewValue::Literal(literal),
        None => NewValue::compute(value.clone(), computed),
    };
    Ok(Assigned { name, known, to })
}

impl Assigned {
    /// The property that is set, where the type has it already.
    pub(super) fn property(&self) -> Option<PropertyId> {
        self.known.map(|(id, _)| id)
    }
}

impl NewValue {
    fn compute(expr: Expr, computed: &mut Vec<Expr>) -> Self {
        computed.push(expr);
        NewValue::Computed(computed.len())
    }
}

/// A column that is written stands alone, without its table.
pub(super) fn one_name(run: &Run, target: &ObjectName) -> Result<()> {
    if target.0.len() == 1 {
        return Ok(());
    }
    let error = Error::bad_input(format!("{target} cannot be written to"))
        .with_hint("write the column without its table")
        .with_sqlstate(sqlstate::UNDEFINED_COLUMN);
    Err(at_name(run, error, target))
}

/// The name of a column that is written: no system column, and one the type has or may get.
pub(super) fn column_name(run: &Run, def: &TypeDef, target: &ObjectName) -> Result<String> {
    one_name(run, target)?;
    let name = target.0.last().and_then(|part| part.as_ident()).map(name_of).unwrap_or_default();
    if system_source(def, &name).is_some() {
        let error = Error::constraint(format!("{name} is a system column: it is set by the database"));
        let hint = if name.contains("from") || name.contains("to_") {
            "delete the edge and insert another"
        } else {
            "it cannot be changed"
        };
        return Err(at_name(run, error.with_hint(hint), target));
    }
    if def.property(&name).is_none() && !def.takes_new_properties() {
        return Err(unknown_column(run, def, target, &name));
    }
    Ok(name)
}

/// The error for a column that a declared type does not have.
pub(super) fn unknown_column(run: &Run, def: &TypeDef, target: &ObjectName, name: &str) -> Error {
    let error = Error::not_found(format!("{} has no column {}", quoted(&def.name), quoted(name)))
        .with_sqlstate(sqlstate::UNDEFINED_COLUMN);
    let names = def.properties.iter().map(|p| p.name.as_str());
    let error = match crate::storage::closest(name, names) {
        Some(near) => error.with_hint(format!("did you mean {}?", quoted(near))),
        None => error.with_hint("it is a declared table: its columns are fixed"),
    };
    at_name(run, error, target)
}

impl Assigned {
    /// The property's new value for one row; `None` for NULL where there is no such property.
    fn value(
        &mut self,
        transaction: &mut Transaction,
        def: &TypeDef,
        batch: &RecordBatch,
        row: usize,
    ) -> Result<Option<(PropertyId, Value)>> {
        let given = match &self.to {
            NewValue::Literal(literal) => match self.known {
                Some((_, target)) => literal.value_for(target),
                None => literal.value(),
            },
            NewValue::Computed(column) => computed(batch, *column, row).and_then(|value| match self.known {
                Some((_, target)) => convert(value, target),
                None => Ok(value),
            }),
        };
        let value = given.map_err(|e| in_column(e, def, &self.name))?;
        let id = match (self.known, value.property_type().map(open_type)) {
            (Some((id, _)), _) => id,
            (None, None) => return Ok(None),
            (None, Some(property_type)) => {
                let id = transaction.ensure_property(def.id, &self.name, property_type)?;
                self.known = Some((id, property_type));
                id
            }
        };
        let value = match self.known {
            Some((_, target)) => convert(value, target)?,
            None => value,
        };
        Ok(Some((id, value)))
    }
}

/// A value of a query's result.
pub(super) fn computed(batch: &RecordBatch, column: usize, row: usize) -> Result<Value> {
    let array =
        batch.columns().get(column).ok_or_else(|| Error::internal("a column that was not computed"))?;
    Ok(value_at(array, batch.schema_ref().field(column), row))
}

/// The error with the column it arose in.
pub(super) fn in_column(error: Error, def: &TypeDef, column: &str) -> Error {
    let message = format!("{}.{}: {}", def.name, column, error.message());
    let renamed = Error::new(error.kind(), message).with_sqlstate(error.sqlstate());
    match error.hint() {
        Some(hint) => renamed.with_hint(hint),
        None => renamed,
    }
}

pub(super) fn handles(batch: &RecordBatch) -> Result<Vec<u64>> {
    let rows = batch.columns().first().and_then(|array| array.as_primitive_opt::<UInt64Type>());
    let rows = rows.ok_or_else(|| Error::internal("a query without row handles"))?;
    if rows.null_count() > 0 {
        return Err(Error::internal("a row without a handle"));
    }
    Ok(rows.values().to_vec())
}

// -------------------------------------------------------------------- DELETE

/// Runs a DELETE; with `restrict` it is refused where edges would go with the nodes.
///
/// # Errors
/// As [`super::SqlSession::run`].
pub async fn delete(
    run: &Run,
    transaction: &mut Transaction,
    delete: &Delete,
    restrict: bool,
    with: Option<&With>,
) -> Result<Applied> {
    let view = transaction.view();
    let (def, query, mut returning) = delete_query(run, view.catalog(), delete, with)?;
    let mut found = run.rows_of_each(ast::Statement::Query(Box::new(query)), &view, Vec::new()).await?;
    run.cancel.check()?;
    let (mut count, mut went) = (0, Gone::default());
    let mut seen: HashSet<u64> = HashSet::new();
    let joined = delete.using.is_some();
    while let Some(batch) = found.next().await {
        let batch = batch.map_err(|e| from_datafusion_at(&e, &run.sql))?;
        let mut done = Vec::new();
        for (row, number) in handles(&batch)?.into_iter().zip(0u32..) {
            if (number as usize).is_multiple_of(CHECK_ROWS) {
                run.cancel.check()?;
            }
            // With USING a row may be found several times.
            if joined && !seen.insert(row) {
                continue;
            }
            // A row that went with another one that it references was found all the same.
            went.add(transaction.delete(RowId(row))?);
            count += 1;
            if let Some(returning) = &mut returning {
                returning.note(RowId(row));
                done.push(number);
            }
        }
        if let Some(returning) = &mut returning {
            returning.note_others(&batch, 1, done)?;
        }
    }
    if restrict && went.edges(def) > 0 {
        return Err(
            hanging_edges(went.edges(def)).with_hint("without RESTRICT they are deleted with the nodes")
        );
    }
    let returned = match returning {
        None => None,
        Some(mut returning) => {
            let rows = returning.gather(def, |row, read| view.read(row, read))?;
            Some(returning.select(run, &view, rows).await?)
        }
    };
    let result = went.told(def, CommandResult::new("DELETE", count));
    Ok(Applied { result, returned })
}

/// The error for nodes that are not deleted because edges hang on them.
pub(super) fn hanging_edges(edges: u64) -> Error {
    let (s, verb) = if edges == 1 { ("", "hangs") } else { ("s", "hang") };
    Error::constraint(format!("{edges} edge{s} {verb} on the nodes, which are not deleted"))
        .with_sqlstate(sqlstate::RESTRICT_VIOLATION)
}

/// What deletes took, besides the rows they were meant for.
#[derive(Default)]
pub(super) struct Gone {
    /// The rows that were meant.
    own: u64,
    all: Deleted,
}

impl Gone {
    /// Adds what the delete of one row took; `None` when it had gone along with another one.
    pub(super) fn add(&mut self, deleted: Option<Deleted>) {
        self.own += 1;
        let Some(deleted) = deleted else { return };
        self.all.nodes += deleted.nodes;
        self.all.edges += deleted.edges;
    }

    /// The edges that went with nodes.
    pub(super) fn edges(&self, def: &TypeDef) -> u64 {
        if def.is_edge() { 0 } else { self.all.edges }
    }

    /// The result, with what went along.
    pub(super) fn told(&self, def: &TypeDef, result: CommandResult) -> CommandResult {
        let s = |count| if count == 1 { "" } else { "s" };
        let edges = self.edges(def);
        let others = if def.is_edge() { self.all.nodes + self.all.edges } else { self.all.nodes };
        let others = others.saturating_sub(self.own);
        let mut notes = Vec::new();
        if edges > 0 {
            notes.push(format!("{edges} edge{} deleted with the nodes", s(edges)));
        }
        if others > 0 {
            notes.push(format!("{others} row{} deleted that referenced them", s(others)));
        }
        if notes.is_empty() { result } else { result.with_note(notes.join(", ")) }
    }
}

type Deleting<'c> = (&'c TypeDef, Query, Option<Returning>);

pub(super) fn delete_query<'c>(
    run: &Run,
    catalog: &'c Catalog,
    delete: &Delete,
    with: Option<&With>,
) -> Result<Deleting<'c>> {
    if !delete.tables.is_empty() || !delete.order_by.is_empty() || delete.limit.is_some() {
        return Err(refuse("this clause of DELETE", "choose the rows with WHERE id IN (SELECT ...)"));
    }
    let (FromTable::WithFromKeyword(tables) | FromTable::WithoutKeyword(tables)) = &delete.from;
    let [table] = tables.as_slice() else {
        return Err(refuse("DELETE from several tables", "name one table; put others behind USING"));
    };
    let changed = Changed::of(table)?;
    let def = definition(run, catalog, changed.name)?;
    let others = delete.using.as_deref().unwrap_or_default();
    let scope = Scope { qualifier: changed.qualifier(), def, joined: !others.is_empty(), with };
    let returning = Returning::of(delete.returning.as_deref(), delete.output.as_ref(), scope)?;
    let asked = returning.as_ref().map(Returning::asked).unwrap_or_default();
    let find = Find { with, asked, others, selection: delete.selection.as_ref(), ..Find::default() };
    let query = changed.select(def, find)?;
    Ok((def, query, returning))
}

/// The query that finds the rows an UPDATE changes, with their new values.
pub(super) fn update_query(run: &Run, catalog: &Catalog, update: &ast::Update) -> Result<Query> {
    let changed = Changed::of(&update.table)?;
    let def = definition(run, catalog, changed.name)?;
    Ok(Updating::of(run, def, &changed, update, None)?.query)
}
