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
    SetExpr, TableAlias, TableFactor, TableWithJoins, Update, UpdateTableFromKind,
};

use crate::model::{Error, PropertyId, PropertyType, Result, RowId, TypeDef, Value, sqlstate};
use crate::storage::{Catalog, Deleted, Transaction};

use super::arrow_value::value_at;
use super::columns::{ROW, system_source};
use super::ddl::{at_name, no_table, table_name};
use super::error::{from_datafusion_at, quoted, refuse};
use super::literal::{Literal, convert, literal};
use super::provider::ROWS_SCHEMA;
use super::rewrite::{ident, name_of, object_name, parse_query};
use super::session::{CommandResult, Run};

pub use super::insert::insert;

/// How often a loop over rows looks whether it should stop.
pub(super) const CHECK_ROWS: usize = 256;

/// The table a statement changes.
struct Changed<'s> {
    name: &'s ObjectName,
    alias: Option<Ident>,
}

impl<'s> Changed<'s> {
    fn of(table: &'s TableWithJoins) -> Result<Self> {
        match &table.relation {
            TableFactor::Table { name, alias, args: None, sample: None, .. } if table.joins.is_empty() => {
                if alias.as_ref().is_some_and(|a| !a.columns.is_empty()) {
                    return Err(refuse("an alias with columns here", "name the table alone"));
                }
                Ok(Self { name, alias: alias.as_ref().map(|a| a.name.clone()) })
            }
            _ => Err(refuse(
                "changing anything but one table",
                "name one table; put others behind FROM or USING",
            )),
        }
    }

    fn qualifier(&self) -> Ident {
        let last = || self.name.0.last().and_then(|part| part.as_ident()).cloned();
        self.alias.clone().or_else(last).unwrap_or_else(|| ident(""))
    }

    /// The query that finds its rows: handles first, then `values`.
    fn select(
        &self,
        type_name: &str,
        values: Vec<Expr>,
        others: &[TableWithJoins],
        selection: Option<&Expr>,
    ) -> Result<Query> {
        let mut query = parse_query("SELECT 1")?;
        let SetExpr::Select(select) = query.body.as_mut() else {
            return Err(Error::internal("not a SELECT"));
        };
        let row = Expr::CompoundIdentifier(vec![self.qualifier(), ident(ROW)]);
        select.projection = std::iter::once(row)
            .chain(values)
            .zip(0..)
            .map(|(expr, number)| SelectItem::ExprWithAlias {
                expr,
                alias: ident(&format!("value {number}")),
            })
            .collect();
        let relation = TableFactor::Table {
            name: object_name(&[ROWS_SCHEMA, type_name]),
            alias: Some(TableAlias { explicit: true, name: self.qualifier(), columns: Vec::new(), at: None }),
            args: None,
            with_hints: Vec::new(),
            version: None,
            with_ordinality: false,
            partitions: Vec::new(),
            json_path: None,
            sample: None,
            index_hints: Vec::new(),
        };
        select.from = std::iter::once(TableWithJoins { relation, joins: Vec::new() })
            .chain(others.iter().cloned())
            .collect();
        select.selection = selection.cloned();
        Ok(query)
    }
}

/// The query for handles and values of all rows of a type.
pub(super) fn values_query(type_name: &str, values: Vec<Expr>) -> Result<Query> {
    let name = object_name(&[type_name]);
    Changed { name: &name, alias: None }.select(type_name, values, &[], None)
}

fn definition<'c>(run: &Run, catalog: &'c Catalog, name: &ObjectName) -> Result<&'c TypeDef> {
    let wanted = table_name(run, name)?;
    match catalog.get(&wanted) {
        Some(def) => Ok(def),
        None => Err(no_table(run, name, &wanted, catalog)),
    }
}

// -------------------------------------------------------------------- UPDATE

/// A property that is set.
struct Assigned {
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
pub async fn update(run: &Run, transaction: &mut Transaction, update: &Update) -> Result<CommandResult> {
    let view = transaction.view();
    let changed = Changed::of(&update.table)?;
    let def = definition(run, view.catalog(), changed.name)?;
    let (mut assigned, query) = update_query(run, def, &changed, update)?;
    let mut rows = run.rows(ast::Statement::Query(Box::new(query)), &view).await?;
    run.cancel.check()?;
    let mut seen: HashSet<u64> = HashSet::new();
    let joined = update.from.is_some();
    let mut count = 0;
    while let Some(batch) = rows.next().await {
        let batch = batch.map_err(|e| from_datafusion_at(&e, &run.sql))?;
        let handles = handles(&batch)?;
        for (number, row) in handles.into_iter().enumerate() {
            if number.is_multiple_of(CHECK_ROWS) {
                run.cancel.check()?;
            }
            // With FROM a row may be found several times; the first one counts.
            if joined && !seen.insert(row) {
                continue;
            }
            let values = assigned
                .iter_mut()
                .map(|a| a.value(transaction, def, &batch, number))
                .collect::<Result<Vec<_>>>()?;
            let values = values.into_iter().flatten().collect();
            count += u64::from(transaction.update(RowId(row), values)?);
        }
    }
    Ok(CommandResult::new("UPDATE", count))
}

fn update_query(
    run: &Run,
    def: &TypeDef,
    changed: &Changed<'_>,
    update: &Update,
) -> Result<(Vec<Assigned>, Query)> {
    if update.returning.is_some() || update.output.is_some() {
        return Err(refuse("RETURNING", "read the rows with SELECT"));
    }
    if update.or.is_some() || !update.order_by.is_empty() || update.limit.is_some() {
        return Err(refuse("this clause of UPDATE", "choose the rows with WHERE id IN (SELECT ...)"));
    }
    let others = match &update.from {
        None => Vec::new(),
        Some(UpdateTableFromKind::AfterSet(others)) => others.clone(),
        Some(UpdateTableFromKind::BeforeSet(_)) => {
            return Err(refuse("FROM before SET", "write it behind SET"));
        }
    };
    let mut assigned: Vec<Assigned> = Vec::new();
    let mut computed = Vec::new();
    for (target, value) in assignments(&update.assignments)? {
        let new = assign(run, def, target, value, &mut computed)?;
        if assigned.iter().any(|a| a.name == new.name) {
            return Err(at_name(
                run,
                Error::bad_input(format!("{} is set twice", quoted(&new.name))),
                target,
            ));
        }
        assigned.push(new);
    }
    let query = changed.select(&def.name, computed, &others, update.selection.as_ref())?;
    Ok((assigned, query))
}

fn assignments(list: &[Assignment]) -> Result<Vec<(&ObjectName, &Expr)>> {
    let mut pairs = Vec::new();
    for assignment in list {
        match (&assignment.target, &assignment.value) {
            (AssignmentTarget::ColumnName(name), value) => pairs.push((name, value)),
            (AssignmentTarget::Tuple(names), Expr::Tuple(values)) if names.len() == values.len() => {
                pairs.extend(names.iter().zip(values));
            }
            (AssignmentTarget::Tuple(_), _) => {
                return Err(refuse("setting several columns at once from this", "set them one by one"));
            }
        }
    }
    Ok(pairs)
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

impl NewValue {
    fn compute(expr: Expr, computed: &mut Vec<Expr>) -> Self {
        computed.push(expr);
        NewValue::Computed(computed.len())
    }
}

/// The name of a column that is written: no system column, and one the type has or may get.
pub(super) fn column_name(run: &Run, def: &TypeDef, target: &ObjectName) -> Result<String> {
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
        let id = match (self.known, value.property_type()) {
            (Some((id, _)), _) => id,
            (None, None) => return Ok(None),
            (None, Some(property_type)) => {
                let id = transaction.ensure_property(def.id, &self.name, property_type)?;
                self.known = Some((id, property_type));
                id
            }
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
    let renamed = Error::new(error.kind(), message);
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

/// Runs a DELETE.
///
/// # Errors
/// As [`super::SqlSession::run`].
pub async fn delete(run: &Run, transaction: &mut Transaction, delete: &Delete) -> Result<CommandResult> {
    let view = transaction.view();
    let (def, query) = delete_query(run, view.catalog(), delete)?;
    let mut found = run.rows(ast::Statement::Query(Box::new(query)), &view).await?;
    run.cancel.check()?;
    let (mut count, mut went) = (0, Deleted::default());
    while let Some(batch) = found.next().await {
        let batch = batch.map_err(|e| from_datafusion_at(&e, &run.sql))?;
        for (number, row) in handles(&batch)?.into_iter().enumerate() {
            if number.is_multiple_of(CHECK_ROWS) {
                run.cancel.check()?;
            }
            // A row found twice, or an edge that went with its node, is gone already.
            if let Some(deleted) = transaction.delete(RowId(row))? {
                count += 1;
                went.nodes += deleted.nodes;
                went.edges += deleted.edges;
            }
        }
    }
    let result = CommandResult::new("DELETE", count);
    Ok(if def.is_edge() || went.edges == 0 {
        result
    } else {
        let s = if went.edges == 1 { "" } else { "s" };
        result.with_note(format!("{} edge{s} deleted with the nodes", went.edges))
    })
}

fn delete_query<'c>(run: &Run, catalog: &'c Catalog, delete: &Delete) -> Result<(&'c TypeDef, Query)> {
    if delete.returning.is_some() || delete.output.is_some() {
        return Err(refuse("RETURNING", "read the rows with SELECT first"));
    }
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
    let query = changed.select(&def.name, Vec::new(), others, delete.selection.as_ref())?;
    Ok((def, query))
}

// ------------------------------------------------------------------- EXPLAIN

/// The EXPLAIN that is planned: of a statement that writes, the query that finds its rows.
///
/// # Errors
/// `Unsupported` for EXPLAIN ANALYZE of a statement that writes, and for options.
pub fn explained(run: &Run, statement: ast::Statement, catalog: &Catalog) -> Result<ast::Statement> {
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
    let mut analyze = analyze;
    for option in options.iter().flatten() {
        if option.name.value.eq_ignore_ascii_case("analyze") && option.arg.is_none() {
            analyze = true;
        } else {
            return Err(refuse(&format!("the option {option}"), "use EXPLAIN or EXPLAIN ANALYZE"));
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
        ast::Statement::Delete(delete) => Box::new(delete_query(run, catalog, &delete)?.1),
        ast::Statement::Update(update) => {
            let changed = Changed::of(&update.table)?;
            let def = definition(run, catalog, changed.name)?;
            Box::new(update_query(run, def, &changed, &update)?.1)
        }
        ast::Statement::Insert(ast::Insert { source: Some(query), .. }) => query,
        other => return Err(super::ddl::unsupported(&other)),
    };
    let statement = Box::new(ast::Statement::Query(query));
    Ok(ast::Statement::Explain {
        describe_alias,
        analyze,
        verbose,
        query_plan,
        estimate,
        statement,
        format: None,
        options: None,
    })
}
