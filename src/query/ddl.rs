//! Statements that define types, and those that only show something.
//!
//! Whatever is not done is refused by name: a clause that is parsed and then ignored would be a lie.

use sqlparser::ast::{
    self, ColumnDef, ColumnOption, CreateTable, CreateTableOptions, Expr, ObjectName, ObjectType, SqlOption,
    TableConstraint, Value,
};

use crate::model::{EdgeEnds, Error, Result, TypeId, TypeKind, sqlstate};
use crate::storage::{NewProperty, NewType, Transaction};

use super::error::refuse;
use super::planning::near_type;
use super::rewrite::{name_of, type_name};
use super::rules;
use super::session::{CommandResult, Run};
use super::statement::{CreateEdgeTable, span_of};
use super::system::is_system_schema;
use super::types::property_type;

/// `CREATE TABLE`: declares a node type.
///
/// # Errors
/// `Constraint` when the name is taken; `Unsupported` for clauses that are not supported.
pub fn create_table(run: &Run, transaction: &mut Transaction, create: &CreateTable) -> Result<CommandResult> {
    refuse_clauses(create)?;
    let name = table_name(run, &create.name)?;
    if create.if_not_exists && transaction.catalog().get(&name).is_some() {
        return Ok(
            CommandResult::new("CREATE TABLE", 0).with_note(format!("{name} exists, nothing was done"))
        );
    }
    let open = match &create.table_options {
        CreateTableOptions::None => false,
        CreateTableOptions::With(options) => open_option(options)?,
        _ => return Err(refuse("this option", "WITH (open = true) is the one there is")),
    };
    let properties = properties(run, &create.columns)?;
    let type_id = transaction
        .create_type(NewType { name, kind: TypeKind::Node, open, properties })
        .map_err(|e| at_name(run, e, &create.name))?;
    constrain(run, transaction, type_id, &create.columns, &create.constraints)?;
    Ok(CommandResult::new("CREATE TABLE", 0))
}

/// `CREATE EDGE TABLE`: declares an edge type.
///
/// # Errors
/// As [`create_table`]; `NotFound` for ends that are no types.
pub fn create_edge_table(
    run: &Run,
    transaction: &mut Transaction,
    create: &CreateEdgeTable,
) -> Result<CommandResult> {
    let name = table_name(run, &create.name)?;
    if create.if_not_exists && transaction.catalog().get(&name).is_some() {
        return Ok(
            CommandResult::new("CREATE EDGE TABLE", 0).with_note(format!("{name} exists, nothing was done"))
        );
    }
    let open = open_option(&create.options)?;
    let properties = properties(run, &create.columns)?;
    let from = create.from.as_ref().map(|end| node_type(run, transaction, end)).transpose()?;
    let to = create.to.as_ref().map(|end| node_type(run, transaction, end)).transpose()?;
    let kind = TypeKind::Edge(EdgeEnds { from, to });
    let type_id = transaction
        .create_type(NewType { name, kind, open, properties })
        .map_err(|e| at_name(run, e, &create.name))?;
    constrain(run, transaction, type_id, &create.columns, &[])?;
    Ok(CommandResult::new("CREATE EDGE TABLE", 0))
}

/// Adds the constraints of the columns, then those of the table.
fn constrain(
    run: &Run,
    transaction: &mut Transaction,
    type_id: TypeId,
    columns: &[ColumnDef],
    constraints: &[TableConstraint],
) -> Result<()> {
    for column in columns {
        for constraint in rules::of_column(column)? {
            rules::add(run, transaction, type_id, &constraint)?;
        }
    }
    constraints.iter().try_for_each(|constraint| rules::add(run, transaction, type_id, constraint))
}

fn node_type(run: &Run, transaction: &Transaction, name: &ObjectName) -> Result<TypeId> {
    let wanted = table_name(run, name)?;
    let catalog = transaction.catalog();
    match catalog.get(&wanted) {
        Some(def) if !def.is_edge() => Ok(def.id),
        Some(_) => {
            Err(at_name(run, Error::constraint(format!("{wanted} is an edge type, edges join nodes")), name))
        }
        None => Err(no_table(run, name, &wanted, &catalog)),
    }
}

/// The error for a type that is not there.
pub(super) fn no_table(
    run: &Run,
    name: &ObjectName,
    wanted: &str,
    catalog: &crate::storage::Catalog,
) -> Error {
    if catalog.view(wanted).is_some() {
        let error = Error::bad_input(format!("{} is a view, not a table", super::error::quoted(wanted)))
            .with_hint("write to the tables behind it; DROP VIEW removes it")
            .with_sqlstate(sqlstate::WRONG_OBJECT_TYPE);
        return at_name(run, error, name);
    }
    if catalog.graph(wanted).is_some() {
        let hint = "match it with GRAPH_TABLE; DROP PROPERTY GRAPH removes it";
        let error =
            Error::bad_input(format!("{} is a property graph, not a table", super::error::quoted(wanted)))
                .with_hint(hint)
                .with_sqlstate(sqlstate::WRONG_OBJECT_TYPE);
        return at_name(run, error, name);
    }
    let error = at_name(
        run,
        Error::not_found(format!("no table {}", super::error::quoted(wanted)))
            .with_sqlstate(sqlstate::UNDEFINED_TABLE),
        name,
    );
    match near_type(wanted, catalog) {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

/// The error with the place of a name, unless it has one.
pub(super) fn at_name(run: &Run, error: Error, name: &ObjectName) -> Error {
    match name.0.last().and_then(|part| part.as_ident()) {
        Some(ident) if error.place().is_none() && ident.span.start.line > 0 => {
            let span = span_of(&run.sql, ident);
            error.at_sql(&run.sql, span)
        }
        _ => error,
    }
}

/// The name of a table that is written to.
pub(super) fn table_name(run: &Run, name: &ObjectName) -> Result<String> {
    let Some(found) = type_name(name) else {
        let schema = name.0.iter().rev().nth(1).and_then(|part| part.as_ident()).map(name_of);
        let error = match schema {
            Some(schema) if is_system_schema(&schema) => {
                Error::bad_input(format!("{name} is a system table, which is only read"))
                    .with_sqlstate(sqlstate::WRONG_OBJECT_TYPE)
                    .with_hint("own tables have no schema, or the schema public")
            }
            _ => Error::not_found(format!("no table {name}"))
                .with_sqlstate(sqlstate::UNDEFINED_TABLE)
                .with_hint("tables have no schema, or the schema public"),
        };
        return Err(at_name(run, error, name));
    };
    Ok(found)
}

/// `DROP TABLE [IF EXISTS] a, b`.
///
/// # Errors
/// `NotFound`; `Constraint` when edges hang on the nodes.
pub fn drop_table(
    run: &Run,
    transaction: &mut Transaction,
    statement: &ast::Statement,
) -> Result<CommandResult> {
    let ast::Statement::Drop { object_type, if_exists, names, cascade, purge, temporary, .. } = statement
    else {
        return Err(Error::internal("not a DROP"));
    };
    if !matches!(object_type, ObjectType::Table | ObjectType::Index) || *purge || *temporary {
        return Err(unsupported(statement));
    }
    if *cascade {
        return Err(refuse("CASCADE", "drop what depends on it first"));
    }
    if *object_type == ObjectType::Index {
        return super::alter::drop_index(run, transaction, names, *if_exists);
    }
    let (mut rows, mut missing) = (0, Vec::new());
    for name in names {
        let wanted = table_name(run, name)?;
        let catalog = transaction.catalog();
        match catalog.get(&wanted) {
            Some(def) => rows += transaction.drop_type(def.id).map_err(|e| at_name(run, e, name))?,
            None if *if_exists => missing.push(wanted),
            None => return Err(no_table(run, name, &wanted, &catalog)),
        }
    }
    let result = CommandResult::new("DROP TABLE", rows);
    Ok(if missing.is_empty() {
        result
    } else {
        result.with_note(format!("{} did not exist", missing.join(", ")))
    })
}

fn refuse_clauses(create: &CreateTable) -> Result<()> {
    if create.temporary || create.external || create.like.is_some() || create.or_replace {
        return Err(refuse("this form of CREATE TABLE", "use CREATE TABLE [IF NOT EXISTS] name (...)"));
    }
    // Whatever else the parser may have read: the statement written back without it must be the same.
    let plain = CreateTable {
        name: create.name.clone(),
        columns: create.columns.clone(),
        constraints: create.constraints.clone(),
        if_not_exists: create.if_not_exists,
        table_options: create.table_options.clone(),
        ..ast::helpers::stmt_create_table::CreateTableBuilder::new(create.name.clone()).build()
    };
    if plain.to_string() == create.to_string() {
        Ok(())
    } else {
        Err(refuse("a clause of this CREATE TABLE", "use CREATE TABLE [IF NOT EXISTS] name (...)"))
    }
}

pub(super) fn open_option(options: &[SqlOption]) -> Result<bool> {
    let mut open = false;
    for option in options {
        match option {
            SqlOption::KeyValue { key, value: Expr::Value(value) } if name_of(key) == "open" => {
                let Value::Boolean(wanted) = value.value else {
                    return Err(Error::bad_input("the option open is true or false"));
                };
                open = wanted;
            }
            other => {
                return Err(refuse(&format!("the option {other}"), "WITH (open = true) is the one there is"));
            }
        }
    }
    Ok(open)
}

fn properties(run: &Run, columns: &[ColumnDef]) -> Result<Vec<NewProperty>> {
    columns.iter().map(|column| property(run, column)).collect()
}

pub(super) fn property(run: &Run, column: &ColumnDef) -> Result<NewProperty> {
    let name = name_of(&column.name);
    let located = |error: Error| error.at_sql(&run.sql, span_of(&run.sql, &column.name));
    if name.starts_with('_')
        && ["_id", "_created_at", "_updated_at", "_from_id", "_to_id", "_row"].contains(&name.as_str())
    {
        return Err(located(Error::bad_input(format!("the name {name} belongs to a system column"))));
    }
    let mut property = NewProperty {
        property_type: property_type(&column.data_type).map_err(located)?,
        name,
        not_null: false,
        default: None,
    };
    for option in &column.options {
        match &option.option {
            ColumnOption::NotNull => property.not_null = true,
            ColumnOption::Null => {}
            // Made once the type is there.
            ColumnOption::PrimaryKey(_)
            | ColumnOption::Unique(_)
            | ColumnOption::Check(_)
            | ColumnOption::ForeignKey(_) => {}
            ColumnOption::Default(expr) => {
                let text = expr.to_string();
                super::statement::parse_expression(&text).map_err(located)?;
                if let Some(literal) = super::literal::literal(expr, &[]).map_err(located)? {
                    literal.value_for(property.property_type).map_err(located)?;
                }
                property.default = Some(text);
            }
            other => {
                return Err(located(refuse(
                    &format!("{other}"),
                    "there are NOT NULL, DEFAULT, PRIMARY KEY, UNIQUE, CHECK and REFERENCES",
                )));
            }
        }
    }
    Ok(property)
}

/// The query that answers a statement that shows something.
///
/// # Errors
/// `BadInput` for a table name with too many parts.
pub fn as_query(statement: &ast::Statement) -> Result<Option<String>> {
    let text = |value: &str| value.replace('\'', "''");
    Ok(match statement {
        ast::Statement::ShowTables { .. } => Some(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY table_name"
                .to_owned(),
        ),
        ast::Statement::ExplainTable { table_name, .. } => {
            let name = type_name(table_name)
                .ok_or_else(|| Error::bad_input(format!("{table_name} is not the name of a table")))?;
            Some(format!(
                "SELECT column_name, data_type, is_nullable FROM information_schema.columns \
                 WHERE table_schema = 'public' AND table_name = '{}' ORDER BY ordinal_position",
                text(&name)
            ))
        }
        _ => None,
    })
}

/// The error for a statement that is not supported.
#[must_use]
pub fn unsupported(statement: &ast::Statement) -> Error {
    let shown = statement.to_string();
    let words: Vec<&str> = shown.split_whitespace().take(2).collect();
    let what = words.join(" ").chars().take(40).collect::<String>();
    let hint = match statement {
        ast::Statement::Set(ast::Set::SetTransaction { .. }) => {
            "BEGIN takes the options: BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
        }
        ast::Statement::Copy { .. } => "use the import and export commands",
        ast::Statement::Set(_) | ast::Statement::ShowVariable { .. } => {
            "SET and SHOW know statement_timeout, recursion_limit and row_limit; SHOW ALL tells them all"
        }
        _ => {
            "statements are SELECT, INSERT, UPDATE, DELETE, MERGE, TRUNCATE, CREATE, ALTER and DROP TABLE, CREATE EDGE TABLE, CREATE and DROP INDEX, CREATE and DROP VIEW, CREATE, ALTER and DROP PROPERTY GRAPH, PREPARE, EXECUTE, DEALLOCATE, BEGIN, COMMIT, ROLLBACK, SAVEPOINT, RELEASE, EXPLAIN, SHOW TABLES, DESCRIBE"
        }
    };
    Error::unsupported(format!("{what} is not supported")).with_hint(hint)
}
