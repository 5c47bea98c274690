//! PREPARE, EXECUTE, DEALLOCATE: statements a session keeps under names.
//!
//! A prepared statement is kept as text and read anew by EXECUTE, with the values in the place of
//! `$1`, ... They belong to the session, not to its transaction, as in PostgreSQL. Errors of running
//! one name no place: the text the user sees is EXECUTE's.

use std::collections::BTreeMap;

use futures::StreamExt as _;
use parking_lot::Mutex;
use sqlparser::ast::{self, Expr, Ident, SetExpr};

use crate::model::{Error, PropertyType, Result, Value, escape_control, sqlstate};
use crate::storage::View;

use super::dml::{computed, numbered};
use super::error::{from_datafusion_at, quoted, refuse};
use super::literal::{Literal, convert, literal};
use super::rewrite::{name_of, parse_query};
use super::session::{CommandResult, Run};
use super::statement::{Statement, behind_as, highest_parameter, parse_without_places};
use super::types::property_type;

/// The prepared statements of a session.
#[derive(Default)]
pub struct Prepared {
    statements: Mutex<BTreeMap<String, Kept>>,
}

#[derive(Clone)]
struct Kept {
    text: String,
    /// The declared types of `$1`, ...
    types: Vec<PropertyType>,
    /// How many values it takes.
    values: usize,
}

impl Prepared {
    /// Keeps a statement.
    ///
    /// # Errors
    /// `Constraint` when the name is taken; `Unsupported` for statements that take no values.
    pub fn prepare(&self, sql: &str, prepare: &ast::Statement) -> Result<CommandResult> {
        let ast::Statement::Prepare { name, data_types, statement } = prepare else {
            return Err(Error::internal("not a PREPARE"));
        };
        if !matches!(
            statement.as_ref(),
            ast::Statement::Query(_)
                | ast::Statement::Insert(_)
                | ast::Statement::Update(_)
                | ast::Statement::Delete(_)
                | ast::Statement::Merge(_)
        ) {
            return Err(refuse(
                "preparing this statement",
                "SELECT, VALUES, INSERT, UPDATE, DELETE and MERGE can be prepared",
            ));
        }
        let text = behind_as(sql).ok_or_else(|| Error::internal("a PREPARE without AS"))?.to_owned();
        let types = data_types.iter().map(property_type).collect::<Result<Vec<_>>>()?;
        let values = highest_parameter(&text).max(types.len());
        let name = name_of(name);
        let mut statements = self.statements.lock();
        if statements.contains_key(&name) {
            return Err(Error::constraint(format!(
                "there is a prepared statement {} already",
                quoted(&name)
            ))
            .with_hint(format!("DEALLOCATE {} removes it", quoted(&name))));
        }
        statements.insert(name, Kept { text, types, values });
        Ok(CommandResult::new("PREPARE", 0))
    }

    /// Removes a statement, or all of them.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn deallocate(&self, deallocate: &ast::Statement) -> Result<CommandResult> {
        let ast::Statement::Deallocate { name, .. } = deallocate else {
            return Err(Error::internal("not a DEALLOCATE"));
        };
        let mut statements = self.statements.lock();
        if name.quote_style.is_none() && name.value.eq_ignore_ascii_case("all") {
            statements.clear();
            return Ok(CommandResult::new("DEALLOCATE ALL", 0));
        }
        match statements.remove(&name_of(name)) {
            Some(_) => Ok(CommandResult::new("DEALLOCATE", 0)),
            None => Err(unknown(name, statements.keys())),
        }
    }

    /// The statement that EXECUTE runs, and the values of its parameters.
    ///
    /// # Errors
    /// `NotFound`; `BadInput` for another number of values, or values of other types.
    pub async fn execute(
        &self,
        run: &Run,
        execute: ast::Statement,
        view: &View,
    ) -> Result<(Statement, Vec<Value>)> {
        let ast::Statement::Execute {
            name: Some(name),
            parameters,
            immediate,
            into,
            using,
            output,
            default,
            ..
        } = execute
        else {
            return Err(refuse("this form of EXECUTE", "use EXECUTE name(value, ...)"));
        };
        if immediate || !into.is_empty() || !using.is_empty() || output || default {
            return Err(refuse("this form of EXECUTE", "use EXECUTE name(value, ...)"));
        }
        let [ast::ObjectNamePart::Identifier(name)] = name.0.as_slice() else {
            return Err(Error::bad_input(format!("{name} is not the name of a prepared statement")));
        };
        let kept = {
            let statements = self.statements.lock();
            match statements.get(&name_of(name)) {
                Some(kept) => kept.clone(),
                None => return Err(unknown(name, statements.keys())),
            }
        };
        if parameters.len() != kept.values {
            return Err(Error::bad_input(format!(
                "the prepared statement {} takes {} value{}, {} {} given",
                quoted(&name_of(name)),
                kept.values,
                if kept.values == 1 { "" } else { "s" },
                parameters.len(),
                if parameters.len() == 1 { "is" } else { "are" },
            )));
        }
        let values = values(run, &parameters, &kept.types, view).await?;
        Ok((parse_without_places(&kept.text)?, values))
    }
}

fn unknown<'k>(name: &Ident, known: impl Iterator<Item = &'k String>) -> Error {
    let name = name_of(name);
    let error = Error::not_found(format!("there is no prepared statement {}", quoted(&name)))
        .with_sqlstate(sqlstate::INVALID_SQL_STATEMENT_NAME);
    match crate::storage::closest(&name, known.map(String::as_str)) {
        Some(near) => error.with_hint(format!("did you mean {}?", quoted(near))),
        None => error.with_hint("PREPARE name AS ... makes one, for this session"),
    }
}

/// The values EXECUTE gives; those that are no literals are computed.
async fn values(run: &Run, given: &[Expr], types: &[PropertyType], view: &View) -> Result<Vec<Value>> {
    let mut literals = Vec::with_capacity(given.len());
    let mut expressions = Vec::new();
    for expr in given {
        let found = literal(expr, &run.params)?;
        if found.is_none() {
            expressions.push(expr.clone());
        }
        literals.push(found);
    }
    let mut rest = compute(run, expressions, view).await?.into_iter();
    let mut values = Vec::with_capacity(given.len());
    for (number, found) in (1..).zip(literals) {
        let target = types.get(number - 1).copied();
        let value = match (found, target) {
            (Some(Literal::Default), _) => {
                return Err(Error::bad_input("DEFAULT is no value of a parameter"));
            }
            (Some(literal), Some(target)) => literal.value_for(target),
            (Some(literal), None) => literal.value(),
            (None, target) => {
                let value = rest.next().ok_or_else(|| Error::internal("a value was not computed"))?;
                target.map_or(Ok(value.clone()), |target| convert(value, target))
            }
        };
        let value = value.map_err(|e| in_parameter(number, &e))?;
        if let Some(target) = target
            && !target.holds(&value)
            && !(target == PropertyType::Float && matches!(value, Value::Integer(_)))
        {
            let is = value.property_type().map_or_else(|| "NULL".to_owned(), |t| t.to_string());
            return Err(Error::bad_input(format!(
                "${number} is {target}, the value given is {is}: {}",
                escape_control(&value.to_text())
            )));
        }
        values.push(value);
    }
    Ok(values)
}

/// The error with the number of the parameter it arose in.
pub(super) fn in_parameter(number: usize, error: &Error) -> Error {
    let renamed =
        Error::new(error.kind(), format!("${number}: {}", error.message())).with_sqlstate(error.sqlstate());
    match error.hint() {
        Some(hint) => renamed.with_hint(hint),
        None => renamed,
    }
}

async fn compute(run: &Run, expressions: Vec<Expr>, view: &View) -> Result<Vec<Value>> {
    let wanted = expressions.len();
    let mut values = Vec::with_capacity(wanted);
    if wanted == 0 {
        return Ok(values);
    }
    let mut query = parse_query("SELECT 1")?;
    if let SetExpr::Select(select) = query.body.as_mut() {
        select.projection = numbered(expressions.into_iter());
    }
    let mut rows = run.rows_of_each(ast::Statement::Query(Box::new(query)), view, Vec::new()).await?;
    while let Some(batch) = rows.next().await {
        let batch = batch.map_err(|e| from_datafusion_at(&e, &run.sql))?;
        if batch.num_rows() > 0 {
            for column in 0..wanted {
                values.push(computed(&batch, column, 0)?);
            }
        }
    }
    Ok(values)
}
