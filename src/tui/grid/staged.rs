//! Edits that wait for their commit: changed cells, deleted rows, new rows.
//!
//! They are kept by the record's id, so that they stay with their rows whatever the order and the
//! filter. Nothing is changed before the commit, which runs exactly the statements that
//! [`Staged::statements`] gives.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::bus::{CatalogInfo, IndexInfo, PropertyInfo, RowEdit, edit_source, sql_literal, sql_name};
use crate::model::{PropertyType, Value, parse_json};

use super::Columns;

/// What a result's column can be set to.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::tui) struct Target {
    pub(in crate::tui) property: String,
    pub(in crate::tui) property_type: PropertyType,
    pub(in crate::tui) not_null: bool,
    /// Only a new row can have it set: the ends of an edge.
    pub(in crate::tui) new_only: bool,
}

/// The type that a result's rows are records of.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::tui) struct Source {
    pub(in crate::tui) type_name: String,
    pub(in crate::tui) is_edge: bool,
    pub(in crate::tui) id_column: usize,
    /// For each column of the result: what it sets.
    pub(in crate::tui) targets: Vec<Option<Target>>,
}

impl Source {
    /// Traces a statement's rows to the records of one type.
    ///
    /// # Errors
    /// Says why they cannot be changed here.
    pub(in crate::tui) fn of(sql: &str, columns: &Columns, catalog: &CatalogInfo) -> Result<Self, String> {
        let source = edit_source(sql.trim().trim_end_matches(';'))?;
        let name = &source.type_name;
        if catalog.views.iter().any(|view| view.name == *name) {
            return Err(format!("{name} is a view: its rows are made of others"));
        }
        if catalog.graphs.iter().any(|graph| graph.name == *name) {
            return Err(format!("{name} is a property graph: it has no rows"));
        }
        let info = (catalog.types.iter().find(|t| t.name == *name))
            .ok_or_else(|| format!("{name} is no type of this database"))?;
        let own = |name: &str| info.properties.iter().find(|p| p.name == name);
        let shows = |n: usize| columns.of.get(n).and_then(|c| source.property(&c.name));
        let is_id = |n: &usize| {
            columns.of.get(*n).is_some_and(|c| c.property_type == PropertyType::Uuid)
                && shows(*n).is_some_and(|p| p == "_id" || (p == "id" && own("id").is_none()))
        };
        let id_column = (0..columns.of.len()).find(is_id).ok_or_else(|| {
            format!("the rows have no id: select it too, SELECT _id, * FROM {}", sql_name(name))
        })?;
        let end = |name: &str| info.is_edge && own(name).is_none() && ["from_id", "to_id"].contains(&name);
        let target = |n: usize| {
            let name = shows(n)?;
            if end(name) {
                let (property, property_type) = (name.to_owned(), PropertyType::Uuid);
                return Some(Target { property, property_type, not_null: true, new_only: true });
            }
            let PropertyInfo { name, property_type, not_null, .. } = own(name)?.clone();
            Some(Target { property: name, property_type, not_null, new_only: false })
        };
        let targets = (0..columns.of.len()).map(target).collect();
        Ok(Self { type_name: info.name.clone(), is_edge: info.is_edge, id_column, targets })
    }
}

/// Reads what was typed for a property. Empty is NULL, except for text.
///
/// # Errors
/// Says what the property takes.
pub(in crate::tui) fn parse_typed(typed: &str, of: PropertyType) -> Result<Value, String> {
    let trimmed = typed.trim();
    let wrong = || format!("'{trimmed}' is no {of}");
    Ok(match of {
        PropertyType::String => Value::String(typed.to_owned()),
        _ if trimmed.is_empty() => Value::Null,
        PropertyType::Integer => {
            Value::Integer(trimmed.replace([',', '_'], "").parse().map_err(|_| wrong())?)
        }
        PropertyType::Float => Value::Float(trimmed.parse().map_err(|_| wrong())?),
        PropertyType::Boolean => match trimmed.to_lowercase().as_str() {
            "true" | "t" | "yes" | "1" => Value::Bool(true),
            "false" | "f" | "no" | "0" => Value::Bool(false),
            _ => return Err(wrong()),
        },
        PropertyType::Uuid => Value::Uuid(Uuid::parse_str(trimmed).map_err(|_| wrong())?),
        PropertyType::Json => match parse_json(trimmed) {
            Ok(value) => value,
            // What is no JSON is text, as it is where nobody declared a type.
            Err(_) if !trimmed.starts_with(['{', '[', '\"']) => Value::String(typed.to_owned()),
            Err(error) => return Err(error.to_string()),
        },
        // The engine reads these, and says what is wrong with them.
        _ => Value::String(trimmed.to_owned()),
    })
}

/// What is staged for a record.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::tui) struct Change {
    /// By column: what it was and what it becomes.
    pub(in crate::tui) cells: BTreeMap<usize, (Value, Value)>,
    pub(in crate::tui) delete: bool,
}

/// What a statement of the review is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tui) enum Subject {
    Record(Uuid),
    New(usize),
}

/// A statement of the review.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::tui) struct Statement {
    pub(in crate::tui) subject: Subject,
    pub(in crate::tui) edit: RowEdit,
    /// `UPDATE`, `DELETE`, `INSERT`.
    pub(in crate::tui) verb: &'static str,
    /// The properties it sets; all where a row comes or goes.
    properties: Option<Vec<String>>,
}

impl Statement {
    /// The names of the indexes it changes.
    pub(in crate::tui) fn indexes<'a>(&self, of_type: &str, all: &'a [IndexInfo]) -> Vec<&'a str> {
        (all.iter())
            .filter(|index| index.type_name == of_type)
            .filter(|index| match &self.properties {
                Some(set) => index.properties.iter().any(|p| set.contains(p)),
                None => true,
            })
            .map(|index| index.name.as_str())
            .collect()
    }
}

/// Edits of one result.
#[derive(Debug, Default)]
pub(in crate::tui) struct Staged {
    /// The type of the rows, once something was to be changed.
    pub(in crate::tui) source: Option<Source>,
    pub(in crate::tui) changes: BTreeMap<Uuid, Change>,
    /// The records in the order they were first changed.
    order: Vec<Uuid>,
    /// New rows: cells by column.
    pub(in crate::tui) inserts: Vec<BTreeMap<usize, Value>>,
}

impl Staged {
    pub(in crate::tui) fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.inserts.is_empty()
    }

    /// How many statements the commit will run.
    pub(in crate::tui) fn len(&self) -> usize {
        self.changes.len() + self.inserts.len()
    }

    /// What is staged for a cell of a record.
    pub(in crate::tui) fn cell(&self, id: Uuid, column: usize) -> Option<&Value> {
        self.changes.get(&id)?.cells.get(&column).map(|(_, new)| new)
    }

    fn change(&mut self, id: Uuid) -> &mut Change {
        if !self.order.contains(&id) {
            self.order.push(id);
        }
        self.changes.entry(id).or_default()
    }

    /// Stages a cell; what it was already is no change.
    pub(in crate::tui) fn set(&mut self, id: Uuid, column: usize, old: Value, new: Value) {
        let change = self.change(id);
        if old == new {
            change.cells.remove(&column);
        } else {
            change.cells.insert(column, (old, new));
        }
        self.tidy(id);
    }

    /// Stages a row's deletion, or takes that back.
    pub(in crate::tui) fn toggle_delete(&mut self, id: Uuid) -> bool {
        let change = self.change(id);
        change.delete = !change.delete;
        let deletes = change.delete;
        self.tidy(id);
        deletes
    }

    /// Takes back what is staged for a cell, or else for its row; whether something was.
    pub(in crate::tui) fn unstage(&mut self, id: Uuid, column: usize) -> bool {
        let Some(change) = self.changes.get_mut(&id) else { return false };
        if change.delete {
            change.delete = false;
        } else if change.cells.remove(&column).is_none() {
            change.cells.clear();
        }
        self.tidy(id);
        true
    }

    /// Takes back what a statement of the review is for.
    pub(in crate::tui) fn drop_subject(&mut self, subject: Subject) {
        match subject {
            Subject::Record(id) => {
                self.changes.remove(&id);
                self.order.retain(|own| *own != id);
            }
            Subject::New(n) if n < self.inserts.len() => drop(self.inserts.remove(n)),
            Subject::New(_) => {}
        }
    }

    fn tidy(&mut self, id: Uuid) {
        if self.changes.get(&id).is_some_and(|c| c.cells.is_empty() && !c.delete) {
            self.drop_subject(Subject::Record(id));
        }
    }

    pub(in crate::tui) fn clear(&mut self) {
        self.changes.clear();
        self.order.clear();
        self.inserts.clear();
    }

    /// The statements of the commit, in the order the edits were made; new rows last.
    pub(in crate::tui) fn statements(&self) -> Vec<Statement> {
        let Some(source) = &self.source else { return Vec::new() };
        let table = sql_name(&source.type_name);
        let records = self.order.iter().filter_map(|id| Some((*id, self.changes.get(id)?)));
        let mut statements: Vec<Statement> =
            records.filter_map(|(id, change)| record_statement(source, &table, id, change)).collect();
        for (n, cells) in self.inserts.iter().enumerate() {
            let set: Vec<(&Target, &Value)> = (cells.iter())
                .filter_map(|(column, value)| Some((source.targets.get(*column)?.as_ref()?, value)))
                .collect();
            let names: Vec<String> = set.iter().map(|(t, _)| sql_name(&t.property)).collect();
            let values: Vec<String> = set.iter().map(|(t, v)| literal(t, v)).collect();
            let sql = if set.is_empty() {
                format!("INSERT INTO {table} DEFAULT VALUES")
            } else {
                format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), values.join(", "))
            };
            let edit = RowEdit { sql, rows: 1 };
            statements.push(Statement { subject: Subject::New(n), edit, verb: "INSERT", properties: None });
        }
        statements
    }
}

fn record_statement(source: &Source, table: &str, id: Uuid, change: &Change) -> Option<Statement> {
    let subject = Subject::Record(id);
    if change.delete {
        let edit = RowEdit { sql: format!("DELETE FROM {table} WHERE _id = '{id}'"), rows: 1 };
        return Some(Statement { subject, edit, verb: "DELETE", properties: None });
    }
    let cells: Vec<(&Target, &Value, &Value)> = (change.cells.iter())
        .filter_map(|(column, (old, new))| Some((source.targets.get(*column)?.as_ref()?, old, new)))
        .collect();
    let set: Vec<String> =
        cells.iter().map(|(t, _, new)| format!("{} = {}", sql_name(&t.property), literal(t, new))).collect();
    // A value that another transaction has changed meanwhile is not written over.
    let still: String = (cells.iter())
        .filter_map(|(t, old, _)| unchanged(t, old).map(|condition| format!(" AND {condition}")))
        .collect();
    let sql = format!("UPDATE {table} SET {} WHERE _id = '{id}'{still}", set.join(", "));
    let properties = Some(cells.iter().map(|(t, ..)| t.property.clone()).collect());
    Some(Statement { subject, edit: RowEdit { sql, rows: 1 }, verb: "UPDATE", properties })
}

fn literal(target: &Target, value: &Value) -> String {
    match (target.property_type, value) {
        // Text in a property of anything needs its quotes as JSON, or '7' would be a number.
        (PropertyType::Json, Value::Null) => "NULL".to_owned(),
        (PropertyType::Json, value) => format!("'{}'", value.to_json().to_string().replace('\'', "''")),
        _ => sql_literal(value),
    }
}

/// That a property still has a value, where SQL can say it.
fn unchanged(target: &Target, old: &Value) -> Option<String> {
    let name = sql_name(&target.property);
    match old {
        Value::Null => Some(format!("{name} IS NULL")),
        Value::Array(_) | Value::Object(_) | Value::Vector(_) | Value::Interval(_) | Value::Bytes(_) => None,
        Value::Float(f) if !f.is_finite() => None,
        _ if target.property_type == PropertyType::Json => None,
        Value::String(text) if text.len() > 1_000 => None,
        old => Some(format!("{name} = {}", sql_literal(old))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::{ResultColumn, TypeInfo};

    fn catalog() -> CatalogInfo {
        let property = |name: &str, property_type| PropertyInfo {
            name: name.into(),
            property_type,
            declared: true,
            not_null: name == "name",
            default: None,
        };
        let of = |name: &str, is_edge| TypeInfo {
            name: name.into(),
            is_edge,
            from_type: None,
            to_type: None,
            declared: true,
            open: false,
            rows: 1,
            checks: vec![],
            references: vec![],
            properties: vec![property("name", PropertyType::String), property("Size", PropertyType::Integer)],
        };
        CatalogInfo { types: vec![of("package", false), of("depends", true)], ..CatalogInfo::default() }
    }

    fn columns(of: &[(&str, PropertyType)]) -> Columns {
        Columns::new(of.iter().map(|(n, t)| ResultColumn { name: (*n).into(), property_type: *t }).collect())
    }

    #[test]
    fn statements_are_exact_and_guard_what_was_read() {
        let columns = columns(&[
            ("id", PropertyType::Uuid),
            ("name", PropertyType::String),
            ("Size", PropertyType::Integer),
        ]);
        let source = Source::of("SELECT * FROM package WHERE name > 'a';", &columns, &catalog()).unwrap();
        let mut staged = Staged { source: Some(source), ..Staged::default() };
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        staged.set(two, 1, Value::from("it's"), Value::from("its"));
        staged.set(two, 2, Value::Null, Value::Integer(7));
        staged.toggle_delete(one);
        staged.inserts.push(BTreeMap::from([(1, Value::from("new"))]));
        staged.inserts.push(BTreeMap::new());
        let sql: Vec<String> = staged.statements().into_iter().map(|s| s.edit.sql).collect();
        assert_eq!(
            sql,
            [
                format!(
                    "UPDATE package SET name = 'its', \"Size\" = 7 WHERE _id = '{two}' AND name = 'it''s' AND \"Size\" IS NULL"
                ),
                format!("DELETE FROM package WHERE _id = '{one}'"),
                "INSERT INTO package (name) VALUES ('new')".to_owned(),
                "INSERT INTO package DEFAULT VALUES".to_owned(),
            ]
        );
        let index = |name: &str, property: &str| IndexInfo {
            name: name.into(),
            type_name: "package".into(),
            properties: vec![property.into()],
            unique: false,
            constraint: None,
        };
        let indexes = [index("by_name", "name"), index("by_other", "other")];
        assert_eq!(staged.statements()[0].indexes("package", &indexes), ["by_name"]);
        assert_eq!(staged.statements()[1].indexes("package", &indexes), ["by_name", "by_other"]);
        assert!(staged.unstage(two, 1) && staged.unstage(two, 1), "the cell, then the row");
        assert!(!staged.unstage(two, 1));
        staged.toggle_delete(one);
        assert_eq!(staged.len(), 2);
    }

    #[test]
    fn what_cannot_be_changed_says_why() {
        let id = columns(&[("id", PropertyType::Uuid), ("name", PropertyType::String)]);
        let without = columns(&[("name", PropertyType::String)]);
        let why = |sql: &str, columns: &Columns| Source::of(sql, columns, &catalog()).unwrap_err();
        assert!(why("SELECT name FROM package", &without).contains("SELECT _id, * FROM package"));
        assert!(why("SELECT * FROM package p JOIN package q ON p.id = q.id", &id).contains("join"));
        assert!(why("SELECT * FROM other", &id).contains("no type"));
        // An alias that looks like the id is none.
        assert!(why("SELECT from_id AS id, name FROM depends", &id).contains("no id"));
        let renamed = columns(&[("_id", PropertyType::Uuid), ("n", PropertyType::String)]);
        let source = Source::of("SELECT _id, name AS n FROM package", &renamed, &catalog()).unwrap();
        assert_eq!(source.targets[1].as_ref().unwrap().property, "name");
        assert!(source.targets[0].is_none());
    }

    #[test]
    fn typed_text_becomes_a_value_of_the_property() {
        assert_eq!(parse_typed(" 1,000 ", PropertyType::Integer), Ok(Value::Integer(1_000)));
        assert_eq!(parse_typed("", PropertyType::Integer), Ok(Value::Null));
        assert_eq!(parse_typed("", PropertyType::String), Ok(Value::from("")));
        assert!(parse_typed("ten", PropertyType::Integer).unwrap_err().contains("is no INTEGER"));
        assert_eq!(parse_typed("{\"a\":1}", PropertyType::Json).unwrap().to_text(), "{\"a\":1}");
        assert_eq!(parse_typed("plain", PropertyType::Json), Ok(Value::from("plain")));
        assert!(parse_typed("{broken", PropertyType::Json).is_err());
    }
}
