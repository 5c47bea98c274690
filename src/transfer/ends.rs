//! Nodes by a natural key: a map built with one scan of their type.

use std::collections::HashMap;
use std::ops::ControlFlow;

use uuid::Uuid;

use crate::model::{CancelToken, Error, NodeId, PropertyType, Result, RowId, TypeDef, Value, escape_control};
use crate::storage::{ValueRef, View, closest};

use super::convert::value_from_text;
use super::rows::Cell;

/// The property name that stands for the record's own id.
pub const ID: &str = "id";
/// Rows between two looks at the cancel token.
const ROWS_PER_LOOK: u64 = 1024;

/// Finds the rows of a type by the value of a property.
pub struct KeyMap {
    type_name: String,
    property: String,
    lookup: Lookup,
}

enum Lookup {
    /// The id itself: asked of the view each time.
    Id(View),
    /// Values as text; the property's type makes equal values equal text.
    Values { property_type: PropertyType, rows: KeyRows },
}

/// By the value's text.
type KeyRows = HashMap<Box<str>, Found>;

#[derive(Clone, Copy)]
struct Found {
    row: RowId,
    /// Nil for a row that the file brought.
    id: Uuid,
    /// Another row has the same value.
    several: bool,
    /// The file has set this row already.
    used: bool,
}

impl KeyMap {
    /// Scans a type for the values of a property. A type that does not have the property takes part
    /// only if `may_be_new`, as an empty map for values of `new_type`.
    ///
    /// # Errors
    /// `NotFound` for a property that the type does not have; `Cancelled`.
    pub fn build(
        view: &View,
        definition: Option<&TypeDef>,
        (type_name, property): (&str, &str),
        new_type: Option<PropertyType>,
        cancel: &CancelToken,
    ) -> Result<Self> {
        let named =
            |lookup| KeyMap { type_name: type_name.to_owned(), property: property.to_owned(), lookup };
        let found = definition.and_then(|d| d.property(property));
        let (Some(definition), Some(found)) = (definition, found) else {
            if property == ID {
                return Ok(named(Lookup::Id(view.clone())));
            }
            return match new_type {
                Some(property_type) => Ok(named(Lookup::Values { property_type, rows: KeyRows::default() })),
                None => Err(unknown_property(definition, type_name, property)),
            };
        };
        let mut rows = KeyRows::default();
        rows.reserve(usize::try_from(view.live_rows(definition.id)?.min(1 << 24)).unwrap_or(0));
        let mut seen = 0u64;
        view.scan(definition.id, 0, RowId::MAX_SEQUENCE, &mut |row, record| {
            seen += 1;
            if seen.is_multiple_of(ROWS_PER_LOOK) {
                cancel.check()?;
            }
            let id = record.id();
            let insert = |text: &str, rows: &mut KeyRows| match rows.get_mut(text) {
                Some(first) => first.several = true,
                None => {
                    rows.insert(text.into(), Found { row, id, several: false, used: false });
                }
            };
            match record.property(found.id)? {
                ValueRef::Null => {}
                ValueRef::String(text) => insert(&text, &mut rows),
                other => insert(&other.to_value().to_text(), &mut rows),
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(named(Lookup::Values { property_type: found.property_type, rows }))
    }

    /// The one node whose property has the cell's value: its handle and its id.
    ///
    /// # Errors
    /// `NotFound` for none, `Constraint` for several, `BadInput` for a cell that is empty or not of the type.
    pub fn node(&self, cell: Cell<'_>) -> Result<(RowId, NodeId)> {
        let (type_name, property) = (&self.type_name, &self.property);
        let missing = |shown: &str| {
            Error::not_found(format!("there is no {type_name} with {property} '{}'", preview(shown)))
                .with_hint("import the nodes before the edges, or leave such rows out with --on-error skip")
        };
        match &self.lookup {
            Lookup::Id(view) => {
                let text = cell_text(cell)?
                    .ok_or_else(|| Error::bad_input(format!("the id of the {type_name} is missing")))?;
                let id = parse_id(&text)?;
                let row = view.row_of(id)?.ok_or_else(|| missing(&text))?;
                let is = view.catalog().by_id(row.type_id()).map_or("", |d| d.name.as_str());
                if is == type_name {
                    Ok((row, NodeId(id)))
                } else {
                    Err(Error::constraint(format!("{id} is a {is}, a {type_name} is needed")))
                }
            }
            Lookup::Values { property_type, rows } => {
                let Some(found) = find(rows, *property_type, cell)? else {
                    let text = cell_text(cell)?.ok_or_else(|| {
                        Error::bad_input(format!("the {property} of the {type_name} is missing"))
                    })?;
                    return Err(missing(&text));
                };
                if found.several {
                    let text = cell_text(cell)?.unwrap_or_default();
                    return Err(Error::constraint(format!(
                        "several nodes of type {type_name} have the {property} '{}'",
                        preview(&text)
                    ))
                    .with_hint("look ends up by a property whose values are unique, or by id"));
                }
                Ok((found.row, NodeId(found.id)))
            }
        }
    }

    /// For `--key`: the row that has this value already; the value counts as set from now on.
    ///
    /// # Errors
    /// `Constraint` when several rows have it or the file has set it before; `BadInput` for NULL.
    pub fn claim(&mut self, value: &Value) -> Result<Option<RowId>> {
        let property = &self.property;
        let type_name = &self.type_name;
        if value.is_null() {
            return Err(Error::bad_input(format!("the key {property} is missing")));
        }
        match &mut self.lookup {
            Lookup::Id(view) => {
                let id = parse_id(&value.to_text())?;
                match view.row_of(id)? {
                    Some(row) => {
                        let is = view.catalog().by_id(row.type_id()).map_or("", |d| d.name.as_str());
                        if is == type_name {
                            Ok(Some(row))
                        } else {
                            Err(Error::constraint(format!("{id} is a {is}, a {type_name} is needed")))
                        }
                    }
                    None => Ok(None),
                }
            }
            Lookup::Values { rows, .. } => {
                let text = value.to_text();
                let Some(found) = rows.get_mut(text.as_str()) else { return Ok(None) };
                if found.several || found.used {
                    let what = if found.several { "in the database" } else { "in the file" };
                    return Err(Error::constraint(format!(
                        "the key {property} '{}' stands several times {what}",
                        preview(&text)
                    )));
                }
                found.used = true;
                Ok(Some(found.row))
            }
        }
    }

    /// For `--key`: a row with this value was inserted.
    pub fn inserted(&mut self, value: &Value, row: RowId) {
        if let Lookup::Values { rows, .. } = &mut self.lookup {
            let found = Found { row, id: Uuid::nil(), several: false, used: true };
            rows.insert(value.to_text().into(), found);
        }
    }
}

fn find(rows: &KeyRows, property_type: PropertyType, cell: Cell<'_>) -> Result<Option<Found>> {
    let by = |text: &str| rows.get(text).copied();
    match cell {
        Cell::Text { bytes: b"", quoted: false } | Cell::Absent | Cell::Json(Value::Null) => Ok(None),
        Cell::Text { bytes, .. } => {
            let text = utf8(bytes)?;
            if property_type == PropertyType::String {
                return Ok(by(text));
            }
            Ok(by(&value_from_text(text, property_type)?.to_text()))
        }
        Cell::Json(Value::String(text)) => Ok(by(text)),
        Cell::Json(value) => Ok(by(&value.to_text())),
    }
}

/// A cell's text; `None` for NULL.
fn cell_text(cell: Cell<'_>) -> Result<Option<String>> {
    Ok(match cell {
        Cell::Text { bytes: b"", quoted: false } | Cell::Absent | Cell::Json(Value::Null) => None,
        Cell::Text { bytes, .. } => Some(utf8(bytes)?.to_owned()),
        Cell::Json(value) => Some(value.to_text()),
    })
}

/// A field's bytes as text.
///
/// # Errors
/// `BadInput` for bytes that are not UTF-8.
pub fn utf8(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|e| {
        Error::bad_input(format!("byte {} of the field is not UTF-8", e.valid_up_to() + 1))
            .with_hint("convert the file, for example with iconv -f latin1 -t utf8")
    })
}

fn parse_id(text: &str) -> Result<Uuid> {
    Uuid::parse_str(text.trim())
        .map_err(|_| Error::bad_input(format!("'{}' is not an id: a UUID is needed", preview(text))))
}

fn preview(text: &str) -> String {
    escape_control(&text.chars().take(80).collect::<String>()).into_owned()
}

fn unknown_property(definition: Option<&TypeDef>, type_name: &str, property: &str) -> Error {
    let error = Error::not_found(format!("type {type_name} has no property '{property}'"));
    let names =
        definition.map(|d| d.properties.as_slice()).unwrap_or_default().iter().map(|p| p.name.as_str());
    match closest(property, names) {
        Some(close) => error.with_hint(format!("did you mean {close}?")),
        None => error.with_hint(format!("aresadb schema {type_name} lists its properties")),
    }
}
