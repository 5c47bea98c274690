//! CREATE TABLE AS: a node type declared with the columns of a query, and its rows.

use arrow::datatypes::{DataType as ArrowType, SchemaRef};
use futures::StreamExt as _;
use sqlparser::ast::{self, CreateTable, CreateTableOptions, DataType};

use crate::model::{Error, PropertyId, PropertyType, Result, TypeKind};
use crate::storage::{NewProperty, NewType, Transaction};

use super::arrow_value::property_type_of;
use super::ddl::{at_name, table_name};
use super::dml::{CHECK_ROWS, computed, in_column};
use super::error::{from_datafusion_at, quoted, refuse};
use super::literal::{convert, open_type};
use super::rewrite::name_of;
use super::session::{CommandResult, Run};

/// Runs `CREATE TABLE [IF NOT EXISTS] name [(columns)] AS query`.
///
/// # Errors
/// `Constraint` when the name is taken; as a query; `BadInput` for columns without a name of their own.
pub async fn create_table_as(
    run: &Run,
    transaction: &mut Transaction,
    create: &CreateTable,
) -> Result<CommandResult> {
    let Some(query) = &create.query else { return Err(Error::internal("not a CREATE TABLE AS")) };
    refuse_clauses(create)?;
    let view = transaction.view();
    let name = table_name(run, &create.name)?;
    if create.if_not_exists && transaction.catalog().get(&name).is_some() {
        let result = CommandResult::new("CREATE TABLE", 0);
        return Ok(result.with_note(format!("{name} exists, nothing was done")));
    }
    let mut rows = run.rows(ast::Statement::Query(query.clone()), &view).await?;
    let properties = properties(create, &rows.schema())?;
    let types: Vec<PropertyType> = properties.iter().map(|p| p.property_type).collect();
    let id = transaction
        .create_type(NewType { name, kind: TypeKind::Node, open: false, properties })
        .map_err(|e| at_name(run, e, &create.name))?;
    let catalog = transaction.catalog();
    let def = catalog.by_id(id).ok_or_else(|| Error::internal("a type that was made is not there"))?;
    let columns: Vec<(PropertyId, &str, PropertyType)> =
        def.properties.iter().zip(types).map(|(p, t)| (p.id, p.name.as_str(), t)).collect();
    let mut count = 0;
    while let Some(batch) = rows.next().await {
        let batch = batch.map_err(|e| from_datafusion_at(&e, &run.sql))?;
        for row in 0..batch.num_rows() {
            if row.is_multiple_of(CHECK_ROWS) {
                run.cancel.check()?;
            }
            let mut values = Vec::with_capacity(columns.len());
            for (index, (property, column, target)) in columns.iter().enumerate() {
                let value = computed(&batch, index, row)
                    .and_then(|value| convert(value, *target))
                    .map_err(|e| in_column(e, def, column))?;
                values.push((*property, value));
            }
            transaction.insert_node(id, None, values)?;
            count += 1;
        }
    }
    let s = if count == 1 { "" } else { "s" };
    Ok(CommandResult::new("CREATE TABLE", count).with_note(format!("{count} row{s} inserted")))
}

/// The columns: the query's, under the names that are given for the first ones.
fn properties(create: &CreateTable, schema: &SchemaRef) -> Result<Vec<NewProperty>> {
    if create.columns.len() > schema.fields().len() {
        return Err(Error::bad_input(format!(
            "{} columns are named, the query has {}",
            create.columns.len(),
            schema.fields().len()
        )));
    }
    let given =
        create.columns.iter().map(|column| Some(name_of(&column.name))).chain(std::iter::repeat(None));
    let computed = create.query.as_deref().map(computed_columns).unwrap_or_default();
    let mut properties: Vec<NewProperty> = Vec::with_capacity(schema.fields().len());
    for (field, given) in schema.fields().iter().zip(given) {
        let name = given.unwrap_or_else(|| field.name().clone());
        if properties.iter().any(|known| known.name == name) {
            return Err(Error::bad_input(format!("two columns are named {}", quoted(&name)))
                .with_hint("give one of them another name with AS"));
        }
        // NULL alone has no type: PostgreSQL makes such a column text.
        let property_type = if *field.data_type() == ArrowType::Null {
            PropertyType::String
        } else {
            let property_type = property_type_of(field);
            if computed.get(properties.len()) == Some(&true) {
                open_type(property_type)
            } else {
                property_type
            }
        };
        properties.push(NewProperty { name, property_type, not_null: false, default: None });
    }
    Ok(properties)
}

/// Which columns of a query are neither columns of a table nor casts, whose type the user chose.
fn computed_columns(query: &ast::Query) -> Vec<bool> {
    let mut body = query.body.as_ref();
    while let ast::SetExpr::SetOperation { left, .. } = body {
        body = left;
    }
    let ast::SetExpr::Select(select) = body else { return Vec::new() };
    let mut computed = Vec::new();
    for item in &select.projection {
        let (ast::SelectItem::UnnamedExpr(expr) | ast::SelectItem::ExprWithAlias { expr, .. }) = item else {
            return Vec::new();
        };
        computed.push(!matches!(
            expr,
            ast::Expr::Identifier(_) | ast::Expr::CompoundIdentifier(_) | ast::Expr::Cast { .. }
        ));
    }
    computed
}

fn refuse_clauses(create: &CreateTable) -> Result<()> {
    let refused =
        || refuse("this form of CREATE TABLE AS", "use CREATE TABLE name [(columns)] AS SELECT ...");
    let plain_columns =
        create.columns.iter().all(|c| c.options.is_empty() && c.data_type == DataType::Unspecified);
    if !plain_columns || create.table_options != CreateTableOptions::None {
        return Err(refused());
    }
    // Whatever else the parser may have read: the statement written back without it must be the same.
    let plain = CreateTable {
        columns: create.columns.clone(),
        table_options: create.table_options.clone(),
        if_not_exists: create.if_not_exists,
        query: create.query.clone(),
        ..ast::helpers::stmt_create_table::CreateTableBuilder::new(create.name.clone()).build()
    };
    if plain.to_string() == create.to_string() { Ok(()) } else { Err(refused()) }
}
