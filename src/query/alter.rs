//! ALTER TABLE, CREATE INDEX and DROP INDEX.

use arrow::array::Array as _;
use futures::StreamExt as _;
use sqlparser::ast::{
    self, AlterColumnOperation, AlterTable, AlterTableOperation, ColumnDef, CreateIndex, DataType, Expr,
    Ident, IndexType, ObjectName, RenameTableNameKind,
};

use crate::model::{Error, IndexOrigin, Result, RowId, TypeId, Value};
use crate::storage::{NewIndex, Transaction};

use super::ddl::{self, at_name, no_table, table_name};
use super::dml;
use super::error::{from_datafusion_at, quoted, refuse};
use super::literal::convert;
use super::rewrite::{name_of, parse_query};
use super::rules;
use super::session::{CommandResult, Run};
use super::statement::span_of;
use super::types::property_type;

/// Runs an ALTER TABLE.
///
/// # Errors
/// As [`super::SqlSession::run`].
pub async fn alter_table(
    run: &Run,
    transaction: &mut Transaction,
    alter: &AlterTable,
) -> Result<CommandResult> {
    if alter.location.is_some() || alter.on_cluster.is_some() || alter.table_type.is_some() {
        return Err(refuse("this form of ALTER TABLE", "use ALTER TABLE name ADD, DROP, ALTER, RENAME"));
    }
    let name = table_name(run, &alter.name)?;
    let catalog = transaction.catalog();
    let Some(definition) = catalog.get(&name) else {
        if alter.if_exists {
            return Ok(CommandResult::new("ALTER TABLE", 0).with_note(format!("{name} did not exist")));
        }
        return Err(no_table(run, &alter.name, &name, &catalog));
    };
    let type_id = definition.id;
    let mut note = None;
    for (number, operation) in alter.operations.iter().enumerate() {
        let told = operate(run, transaction, type_id, operation, number == 0)
            .await
            .map_err(|e| at_name(run, e, &alter.name))?;
        note = note.or(told);
    }
    let result = CommandResult::new("ALTER TABLE", 0);
    Ok(match note {
        Some(note) => result.with_note(note),
        None => result,
    })
}

/// One operation; `first` where it sees the table as the statement found it. Returns a note.
async fn operate(
    run: &Run,
    transaction: &mut Transaction,
    type_id: TypeId,
    operation: &AlterTableOperation,
    first: bool,
) -> Result<Option<String>> {
    let has = |transaction: &Transaction, name: &str| {
        transaction.catalog().by_id(type_id).is_some_and(|t| t.property(name).is_some())
    };
    match operation {
        AlterTableOperation::AddColumn { if_not_exists, column_def, column_position: None, .. } => {
            let name = name_of(&column_def.name);
            if *if_not_exists && has(transaction, &name) {
                return Ok(Some(format!("{name} exists, nothing was done")));
            }
            add_column(run, transaction, type_id, column_def).await?;
        }
        AlterTableOperation::DropColumn { column_names, if_exists, drop_behavior, .. } => {
            if matches!(drop_behavior, Some(ast::DropBehavior::Cascade)) {
                return Err(refuse("CASCADE", "drop what depends on the column first"));
            }
            for column in column_names {
                let name = name_of(column);
                if *if_exists && !has(transaction, &name) {
                    return Ok(Some(format!("{name} did not exist")));
                }
                let dropped = transaction.drop_property(type_id, &name, &rules::names_column);
                dropped.map_err(|e| located(run, e, column))?;
            }
        }
        AlterTableOperation::RenameColumn { old_column_name, new_column_name } => {
            let (old, new) = (name_of(old_column_name), name_of(new_column_name));
            let rewrite = |text: &str| rules::renamed(text, &old, &new);
            let renamed = transaction.rename_property(type_id, &old, &new, &rewrite);
            renamed.map_err(|e| located(run, e, old_column_name))?;
        }
        AlterTableOperation::RenameTable {
            table_name: RenameTableNameKind::To(name) | RenameTableNameKind::As(name),
        } => {
            let new = table_name(run, name)?;
            transaction.rename_type(type_id, &new).map_err(|e| at_name(run, e, name))?;
        }
        AlterTableOperation::AlterColumn { column_name, op } => {
            alter_column(run, transaction, type_id, column_name, op, first)
                .await
                .map_err(|e| located(run, e, column_name))?;
        }
        AlterTableOperation::AddConstraint { constraint, not_valid: false } => {
            rules::add(run, transaction, type_id, constraint)?;
        }
        AlterTableOperation::DropConstraint { if_exists, name, drop_behavior } => {
            if matches!(drop_behavior, Some(ast::DropBehavior::Cascade)) {
                return Err(refuse("CASCADE", "drop the foreign keys that reference it first"));
            }
            return drop_constraint(run, transaction, type_id, *if_exists, name);
        }
        AlterTableOperation::SetOptionsParens { options } => {
            transaction.set_open(type_id, ddl::open_option(options)?)?;
        }
        other => {
            return Err(refuse(
                &format!("ALTER TABLE ... {other}"),
                "there are ADD, DROP, RENAME and ALTER COLUMN, ADD and DROP CONSTRAINT, RENAME TO, SET (open = true)",
            ));
        }
    }
    Ok(None)
}

fn located(run: &Run, error: Error, name: &Ident) -> Error {
    match error.place() {
        None if name.span.start.line > 0 => {
            let span = span_of(&run.sql, name);
            error.at_sql(&run.sql, span)
        }
        _ => error,
    }
}

fn drop_constraint(
    run: &Run,
    transaction: &mut Transaction,
    type_id: TypeId,
    if_exists: bool,
    name: &Ident,
) -> Result<Option<String>> {
    let wanted = name_of(name);
    let catalog = transaction.catalog();
    let definition = catalog.by_id(type_id).ok_or_else(|| Error::not_found("the type was dropped"))?;
    let keys = definition
        .indexes
        .iter()
        .filter(|i| matches!(i.origin, IndexOrigin::PrimaryKey | IndexOrigin::Unique));
    let names: Vec<String> = keys
        .map(|i| i.name.clone())
        .chain(definition.checks.iter().map(|c| c.name.clone()))
        .chain(definition.references.iter().map(|r| r.name.clone()))
        .collect();
    if !names.contains(&wanted) {
        if if_exists {
            return Ok(Some(format!("{wanted} did not exist")));
        }
        let error = Error::not_found(format!("{} has no constraint {}", definition.name, quoted(&wanted)));
        return Err(located(run, rules::known_constraint(error, names.into_iter()), name));
    }
    transaction.drop_constraint(type_id, &wanted).map_err(|e| located(run, e, name))?;
    Ok(None)
}

async fn add_column(
    run: &Run,
    transaction: &mut Transaction,
    type_id: TypeId,
    column: &ColumnDef,
) -> Result<()> {
    let new = ddl::property(run, column)?;
    let fill = match &new.default {
        None => Value::Null,
        Some(text) => constant(run, transaction, text, new.property_type).await?,
    };
    transaction.add_property(type_id, new, &fill)?;
    for constraint in rules::of_column(column)? {
        rules::add(run, transaction, type_id, &constraint)?;
    }
    Ok(())
}

/// The value of an expression that is the same for every row.
async fn constant(
    run: &Run,
    transaction: &Transaction,
    text: &str,
    target: crate::model::PropertyType,
) -> Result<Value> {
    let lower = text.to_lowercase();
    if ["random", "uuid", "nextval"].iter().any(|word| lower.contains(word)) {
        return Err(refuse(
            "a DEFAULT that differs from row to row here",
            "add the column, UPDATE the rows, then SET DEFAULT",
        ));
    }
    let query = parse_query(&format!("SELECT ({text})"))?;
    let view = transaction.view();
    let mut rows = run.rows(ast::Statement::Query(Box::new(query)), &view).await?;
    let mut value = Value::Null;
    while let Some(batch) = rows.next().await {
        let batch = batch.map_err(|e| from_datafusion_at(&e, &run.sql))?;
        if batch.num_rows() > 0 {
            value = dml::computed(&batch, 0, 0)?;
        }
    }
    convert(value, target)
}

async fn alter_column(
    run: &Run,
    transaction: &mut Transaction,
    type_id: TypeId,
    column: &Ident,
    operation: &AlterColumnOperation,
    first: bool,
) -> Result<()> {
    let name = name_of(column);
    match operation {
        AlterColumnOperation::SetNotNull => {
            transaction.change_property(type_id, &name, &mut |p| p.not_null = true)
        }
        AlterColumnOperation::DropNotNull => {
            transaction.change_property(type_id, &name, &mut |p| p.not_null = false)
        }
        AlterColumnOperation::SetDefault { value } => {
            let text = value.to_string();
            super::statement::parse_expression(&text)?;
            transaction.change_property(type_id, &name, &mut |p| p.default = Some(text.clone()))
        }
        AlterColumnOperation::DropDefault => {
            transaction.change_property(type_id, &name, &mut |p| p.default = None)
        }
        AlterColumnOperation::SetDataType { data_type, using, .. } => {
            if !first {
                return Err(refuse(
                    "TYPE behind another change in one statement",
                    "change the type in a statement of its own",
                ));
            }
            retype(run, transaction, type_id, column, data_type, using.as_ref()).await
        }
        other => Err(refuse(
            &format!("ALTER COLUMN ... {other}"),
            "there are TYPE, SET and DROP of NOT NULL and DEFAULT",
        )),
    }
}

async fn retype(
    run: &Run,
    transaction: &mut Transaction,
    type_id: TypeId,
    column: &Ident,
    data_type: &DataType,
    using: Option<&Expr>,
) -> Result<()> {
    let target = property_type(data_type)?;
    let view = transaction.view();
    let catalog = view.catalog();
    let definition = catalog.by_id(type_id).ok_or_else(|| Error::not_found("the type was dropped"))?;
    let name = name_of(column);
    if definition.property(&name).is_none() {
        return Err(Error::not_found(format!("{} has no column {}", definition.name, quoted(&name))));
    }
    let json = target == crate::model::PropertyType::Json;
    let value = match using {
        Some(expr) => expr.clone(),
        // Any value is JSON as it stands.
        None if json => Expr::Identifier(super::rewrite::ident(&name)),
        None => super::statement::parse_expression(&format!("CAST({} AS {data_type})", quoted(&name)))?,
    };
    let query = dml::values_query(definition, vec![value])?;
    let mut rows = run.rows(ast::Statement::Query(Box::new(query)), &view).await?;
    let mut values = Vec::new();
    while let Some(batch) = rows.next().await {
        let batch = batch.map_err(|e| from_datafusion_at(&e, &run.sql))?;
        for (number, row) in dml::handles(&batch)?.into_iter().enumerate() {
            let value = dml::computed(&batch, 1, number)?;
            if batch.column(1).is_null(number) {
                continue;
            }
            let value = convert(value, target)
                .map_err(|e| e.with_hint("say how with USING: ALTER COLUMN ... TYPE ... USING expression"))?;
            values.push((RowId(row), value));
        }
    }
    drop(rows);
    transaction.retype_property(type_id, &name, target, values)
}

/// Runs a CREATE INDEX.
///
/// # Errors
/// As [`super::SqlSession::run`].
pub fn create_index(run: &Run, transaction: &mut Transaction, create: &CreateIndex) -> Result<CommandResult> {
    let plain = matches!(create.using, None | Some(IndexType::BTree));
    if !plain {
        return Err(refuse("this kind of index", "btree is the one there is"));
    }
    if create.predicate.is_some() || !create.include.is_empty() || create.nulls_distinct == Some(false) {
        return Err(refuse(
            "WHERE, INCLUDE and NULLS NOT DISTINCT in CREATE INDEX",
            "use CREATE [UNIQUE] INDEX name ON t (a, b)",
        ));
    }
    if create.concurrently
        || !create.with.is_empty()
        || !create.index_options.is_empty()
        || !create.alter_options.is_empty()
    {
        return Err(refuse("an option of CREATE INDEX", "use CREATE [UNIQUE] INDEX name ON t (a, b)"));
    }
    let name = create.name.as_ref().map(|name| table_name(run, name)).transpose()?;
    let catalog = transaction.catalog();
    if let Some(name) = name.as_ref().filter(|_| create.if_not_exists)
        && catalog.index(name).is_some()
    {
        let note = format!("{name} exists, nothing was done");
        return Ok(CommandResult::new("CREATE INDEX", 0).with_note(note));
    }
    let table = table_name(run, &create.table_name)?;
    let Some(definition) = catalog.get(&table) else {
        return Err(no_table(run, &create.table_name, &table, &catalog));
    };
    let new = NewIndex {
        name,
        properties: rules::columns(&create.columns)?,
        unique: create.unique,
        origin: IndexOrigin::Index,
    };
    let made =
        transaction.create_index(definition.id, new).map_err(|e| at_name(run, e, &create.table_name))?;
    let result = CommandResult::new("CREATE INDEX", 0);
    Ok(if create.name.is_none() { result.with_note(format!("its name is {made}")) } else { result })
}

/// Runs a DROP INDEX.
///
/// # Errors
/// `NotFound`; `Constraint` for an index of a constraint.
pub fn drop_index(
    run: &Run,
    transaction: &mut Transaction,
    names: &[ObjectName],
    if_exists: bool,
) -> Result<CommandResult> {
    let mut missing = Vec::new();
    for name in names {
        let wanted = table_name(run, name)?;
        if if_exists && transaction.catalog().index(&wanted).is_none() {
            missing.push(wanted);
            continue;
        }
        transaction.drop_index(&wanted).map_err(|e| at_name(run, e, name))?;
    }
    let result = CommandResult::new("DROP INDEX", 0);
    Ok(match missing.is_empty() {
        true => result,
        false => result.with_note(format!("{} did not exist", missing.join(", "))),
    })
}
