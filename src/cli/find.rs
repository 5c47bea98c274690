//! Nodes and edges as they are named on the command line: by id, or as `TYPE:VALUE`.

use uuid::Uuid;

use crate::bus::{CatalogInfo, Command, EventBody, TypeInfo};
use crate::model::{Error, NodeId, PropertyType, Value, escape_control};

use super::io::{Outcome, Stop};
use super::session::Session;

/// What people know a node by: the first of these that its type has.
const NATURAL_KEYS: [&str; 6] = ["name", "title", "label", "key", "code", "email"];

/// The id that a word of the command line means: a UUID, or `TYPE:VALUE` (by the type's `name` or the
/// like), or `TYPE.PROPERTY:VALUE`.
///
/// # Errors
/// `BadInput` for other text, `NotFound` for nothing that has the value, `Constraint` for several.
pub fn record_id(session: &mut Session<'_>, text: &str) -> Outcome<Uuid> {
    if let Ok(id) = Uuid::parse_str(text.trim()) {
        return Ok(id);
    }
    let Some((name, value)) = text.split_once(':') else {
        let error = Error::bad_input(format!("'{}' names no record", escape_control(text)))
            .with_hint("give an id, or TYPE:NAME such as package:tmux");
        return Err(Stop::usage(error));
    };
    let catalog = catalog(session)?;
    let (found, property) = key_of(&catalog, name)?;
    let column = found.properties.iter().find(|p| p.name == property);
    let parameter = typed(value, column.map_or(PropertyType::String, |p| p.property_type));
    let sql = format!("SELECT _id FROM {} WHERE {} = $1", quoted(&found.name), quoted(property));
    let rows = session.query(sql, vec![parameter], 2)?;
    let told = format!("{} '{}'", found.name, escape_control(value));
    let mut ids = rows.iter().filter_map(|row| row.first());
    match (ids.next(), ids.next()) {
        (None, _) => Err(Error::not_found(format!("there is no {told}"))
            .with_hint(format!(
                "it was looked for by {property}; give an id, or {}.PROPERTY:VALUE",
                found.name
            ))
            .into()),
        (Some(_), Some(_)) => Err(Error::constraint(format!("several rows are {told}"))
            .with_hint(format!("several have that {property}: give an id"))
            .into()),
        (Some(Value::Uuid(id)), None) => Ok(*id),
        (Some(other), None) => Uuid::parse_str(&other.to_text())
            .map_err(|_| Error::internal(format!("the id of {told} is not a UUID")).into()),
    }
}

/// As [`record_id`], for a node.
pub fn node_id(session: &mut Session<'_>, text: &str) -> Outcome<NodeId> {
    record_id(session, text).map(NodeId)
}

/// The schema.
pub fn catalog(session: &mut Session<'_>) -> Outcome<CatalogInfo> {
    let mut found = CatalogInfo::default();
    session.request(Command::Catalog, &mut |_, _, body| {
        if let EventBody::Catalog(catalog) = body {
            found = catalog;
        }
        Ok(())
    })?;
    Ok(found)
}

/// The type of a name.
pub fn type_named<'c>(catalog: &'c CatalogInfo, name: &str) -> Outcome<&'c TypeInfo> {
    catalog.types.iter().find(|t| t.name == name).ok_or_else(|| {
        Error::not_found(format!("there is no type '{}'", escape_control(name)))
            .with_hint("aresadb schema lists the types")
            .into()
    })
}

/// The type and property that `TYPE` or `TYPE.PROPERTY` mean.
fn key_of<'c>(catalog: &'c CatalogInfo, name: &'c str) -> Outcome<(&'c TypeInfo, &'c str)> {
    if let Some(found) = catalog.types.iter().find(|t| t.name == name) {
        let has = |key: &&&str| found.properties.iter().any(|p| p.name == **key);
        return match NATURAL_KEYS.iter().find(has) {
            Some(key) => Ok((found, key)),
            None => Err(Error::not_found(format!("type {name} has none of {}", NATURAL_KEYS.join(", ")))
                .with_hint(format!("name the property: {name}.PROPERTY:VALUE"))
                .into()),
        };
    }
    if let Some((type_name, property)) = name.rsplit_once('.') {
        let found = type_named(catalog, type_name)?;
        if !found.properties.iter().any(|p| p.name == property) {
            let error = Error::not_found(format!("type {type_name} has no property '{property}'"))
                .with_hint(format!("aresadb schema {type_name} lists its properties"));
            return Err(error.into());
        }
        return Ok((found, property));
    }
    type_named(catalog, name).map(|found| (found, ""))
}

/// A word as a value of a property's type; text where it does not fit, which then equals nothing.
fn typed(text: &str, property_type: PropertyType) -> Value {
    match property_type {
        PropertyType::Integer => text.parse().map_or_else(|_| Value::from(text), Value::Integer),
        PropertyType::Float => text.parse().map_or_else(|_| Value::from(text), Value::Float),
        PropertyType::Boolean => text.parse().map_or_else(|_| Value::from(text), Value::Bool),
        _ => Value::from(text),
    }
}

/// A name as an SQL identifier.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
