//! Constraints as CREATE TABLE and ALTER TABLE write them: keys, conditions, references.

use sqlparser::ast::{
    self, CheckConstraint, ColumnDef, ColumnOption, ConstraintCharacteristics, Expr, ForeignKeyConstraint,
    Ident, IndexColumn, ReferentialAction, TableConstraint, Visit, Visitor,
};

use crate::model::{Error, IndexOrigin, ReferenceAction, Result, TypeId};
use crate::storage::{NewCheck, NewIndex, NewReference, Transaction};

use super::ddl::{at_name, no_table, table_name};
use super::error::refuse;
use super::rewrite::name_of;
use super::session::Run;

/// The constraints of a column, written as those of its table.
///
/// # Errors
/// `Unsupported` for options that are not supported.
pub fn of_column(column: &ColumnDef) -> Result<Vec<TableConstraint>> {
    let mut constraints = Vec::new();
    let own = || vec![IndexColumn::from(column.name.clone())];
    for option in &column.options {
        let name = option.name.clone();
        match &option.option {
            ColumnOption::PrimaryKey(key) => {
                let mut key = key.clone();
                (key.name, key.columns) = (name, own());
                constraints.push(TableConstraint::PrimaryKey(key));
            }
            ColumnOption::Unique(key) => {
                let mut key = key.clone();
                (key.name, key.columns) = (name, own());
                constraints.push(TableConstraint::Unique(key));
            }
            ColumnOption::Check(check) => {
                constraints.push(TableConstraint::Check(CheckConstraint { name, ..check.clone() }));
            }
            ColumnOption::ForeignKey(key) => {
                constraints.push(TableConstraint::ForeignKey(ForeignKeyConstraint {
                    name,
                    columns: vec![column.name.clone()],
                    ..key.clone()
                }))
            }
            _ => {}
        }
    }
    Ok(constraints)
}

/// Adds a constraint to a type.
///
/// # Errors
/// `Constraint` where a row does not meet it; `Unsupported` for forms that are not supported.
pub fn add(
    run: &Run,
    transaction: &mut Transaction,
    type_id: TypeId,
    constraint: &TableConstraint,
) -> Result<()> {
    match constraint {
        TableConstraint::PrimaryKey(key) => {
            immediate(key.characteristics.as_ref())?;
            if !key.index_options.is_empty() || key.index_type.is_some() {
                return Err(refuse("an option of PRIMARY KEY", "write PRIMARY KEY (a, b)"));
            }
            let new = NewIndex {
                name: key.name.as_ref().map(name_of),
                properties: columns(&key.columns)?,
                unique: true,
                origin: IndexOrigin::PrimaryKey,
            };
            transaction.create_index(type_id, new)?;
        }
        TableConstraint::Unique(key) => {
            immediate(key.characteristics.as_ref())?;
            if key.nulls_distinct == ast::NullsDistinctOption::NotDistinct {
                return Err(refuse("NULLS NOT DISTINCT", "rows with NULL in a unique key are not compared"));
            }
            if !key.index_options.is_empty() || key.index_type.is_some() {
                return Err(refuse("an option of UNIQUE", "write UNIQUE (a, b)"));
            }
            let new = NewIndex {
                name: key.name.as_ref().map(name_of),
                properties: columns(&key.columns)?,
                unique: true,
                origin: IndexOrigin::Unique,
            };
            transaction.create_index(type_id, new)?;
        }
        TableConstraint::Check(check) => {
            if check.enforced == Some(false) {
                return Err(refuse("NOT ENFORCED", "a condition that is not enforced says nothing"));
            }
            let expression = condition(&check.expr)?;
            transaction
                .add_check(type_id, NewCheck { name: check.name.as_ref().map(name_of), expression })?;
        }
        TableConstraint::ForeignKey(key) => add_reference(run, transaction, type_id, key)?,
        other => return Err(refuse(&other.to_string(), "use PRIMARY KEY, UNIQUE, CHECK, FOREIGN KEY")),
    }
    Ok(())
}

fn add_reference(
    run: &Run,
    transaction: &mut Transaction,
    type_id: TypeId,
    key: &ForeignKeyConstraint,
) -> Result<()> {
    immediate(key.characteristics.as_ref())?;
    if key.match_kind.is_some_and(|kind| kind != ast::ConstraintReferenceMatchKind::Simple)
        || key.index_name.is_some()
    {
        return Err(refuse("an option of FOREIGN KEY", "MATCH SIMPLE is what there is"));
    }
    let target = table_name(run, &key.foreign_table)?;
    let catalog = transaction.catalog();
    let target = match catalog.get(&target) {
        Some(definition) => definition.id,
        None => return Err(no_table(run, &key.foreign_table, &target, &catalog)),
    };
    let new = NewReference {
        name: key.name.as_ref().map(name_of),
        properties: key.columns.iter().map(name_of).collect(),
        target,
        target_properties: key.referred_columns.iter().map(name_of).collect(),
        on_delete: action(key.on_delete.as_ref())?,
        on_update: action(key.on_update.as_ref())?,
    };
    transaction.add_reference(type_id, new).map_err(|e| at_name(run, e, &key.foreign_table))?;
    Ok(())
}

fn action(action: Option<&ReferentialAction>) -> Result<ReferenceAction> {
    Ok(match action {
        None | Some(ReferentialAction::NoAction | ReferentialAction::Restrict) => ReferenceAction::Restrict,
        Some(ReferentialAction::Cascade) => ReferenceAction::Cascade,
        Some(ReferentialAction::SetNull) => ReferenceAction::SetNull,
        Some(ReferentialAction::SetDefault) => {
            return Err(refuse("SET DEFAULT", "use CASCADE, SET NULL or RESTRICT"));
        }
    })
}

fn immediate(given: Option<&ConstraintCharacteristics>) -> Result<()> {
    match given {
        Some(given) if given.deferrable == Some(true) => {
            Err(refuse("DEFERRABLE", "constraints are judged with each statement"))
        }
        _ => Ok(()),
    }
}

/// The names of an index's columns.
///
/// # Errors
/// `Unsupported` for expressions and for orders other than the ascending one.
pub fn columns(columns: &[IndexColumn]) -> Result<Vec<String>> {
    columns
        .iter()
        .map(|column| {
            if column.operator_class.is_some() || column.column.with_fill.is_some() {
                return Err(refuse("an operator class", "name the column alone"));
            }
            let options = &column.column.options;
            if options.asc == Some(false) || options.nulls_first == Some(true) {
                return Err(refuse(
                    "DESC or NULLS FIRST in an index",
                    "an index is ascending with NULLs last, and read in both directions",
                ));
            }
            match &column.column.expr {
                Expr::Identifier(name) => Ok(name_of(name)),
                other => Err(refuse(&format!("an index over the expression {other}"), "index plain columns")),
            }
        })
        .collect()
}

/// The text of a condition: one that depends on the row alone.
fn condition(expr: &Expr) -> Result<String> {
    struct Queries;
    impl Visitor for Queries {
        type Break = ();
        fn pre_visit_query(&mut self, _: &ast::Query) -> std::ops::ControlFlow<()> {
            std::ops::ControlFlow::Break(())
        }
    }
    if expr.visit(&mut Queries).is_break() {
        return Err(refuse("a subquery in CHECK", "a condition is an expression over the row's own columns"));
    }
    Ok(expr.to_string())
}

/// Whether an expression names a column.
#[must_use]
pub fn names_column(text: &str, column: &str) -> bool {
    let Ok(expr) = super::statement::parse_expression(text) else { return true };
    let mut found = false;
    each_name(&expr, &mut |name| found |= name_of(name) == column);
    found
}

fn each_name(expr: &Expr, visit: &mut dyn FnMut(&Ident)) {
    struct Names<'v>(&'v mut dyn FnMut(&Ident));
    impl Visitor for Names<'_> {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &Expr) -> std::ops::ControlFlow<()> {
            match expr {
                Expr::Identifier(name) => (self.0)(name),
                Expr::CompoundIdentifier(parts) => parts.last().into_iter().for_each(|name| (self.0)(name)),
                _ => {}
            }
            std::ops::ControlFlow::Continue(())
        }
    }
    let _ = expr.visit(&mut Names(visit));
}

/// A condition in which a column has another name.
///
/// # Errors
/// `BadInput` for text that is no expression.
pub fn renamed(text: &str, old: &str, new: &str) -> Result<String> {
    use sqlparser::ast::VisitorMut;
    struct Rename<'n>(&'n str, &'n str);
    impl VisitorMut for Rename<'_> {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &mut Expr) -> std::ops::ControlFlow<()> {
            let name = match expr {
                Expr::Identifier(name) => Some(name),
                Expr::CompoundIdentifier(parts) => parts.last_mut(),
                _ => None,
            };
            if let Some(name) = name
                && name_of(name) == self.0
            {
                *name = super::rewrite::ident(self.1);
            }
            std::ops::ControlFlow::Continue(())
        }
    }
    let mut expr = super::statement::parse_expression(text)?;
    let _ = sqlparser::ast::VisitMut::visit(&mut expr, &mut Rename(old, new));
    Ok(expr.to_string())
}

/// The error with the name of a table's constraint, for ALTER.
pub fn known_constraint(error: Error, names: impl Iterator<Item = String>) -> Error {
    let names: Vec<String> = names.collect();
    if names.is_empty() { error } else { error.with_hint(format!("there are {}", names.join(", "))) }
}
