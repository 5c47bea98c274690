//! A node as people know it: its type and a label.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::model::{EdgeId, Error, NodeId, PropertyId, Result, RowId, TypeId};
use crate::storage::{RecordView, ValueRef, View};

use super::Link;

/// What a node is called by, in this order, whatever the case.
const LABELS: [&str; 10] =
    ["name", "title", "label", "username", "login", "email", "key", "code", "slug", "path"];
/// A label is a line on a screen: what is longer is cut.
const LABEL_MAX_CHARS: usize = 120;

/// A node with what it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// Where it lives.
    pub row: RowId,
    /// Its identity.
    pub id: NodeId,
    /// The name of its type.
    pub node_type: String,
    /// The first of `name`, `title`, `label`, ... that has text; otherwise the end of its id.
    pub label: String,
}

/// The node at a handle with what it is called.
///
/// # Errors
/// `Corrupt` if there is no node; `Io`.
pub fn describe(view: &View, row: RowId) -> Result<Described> {
    Describer::new(view).node(row)
}

/// Describes many nodes: what is the same for a type is looked up once.
pub struct Describer<'v> {
    view: &'v View,
    types: HashMap<TypeId, (String, Vec<PropertyId>)>,
}

impl<'v> Describer<'v> {
    /// One for the nodes of a view.
    #[must_use]
    pub fn new(view: &'v View) -> Self {
        Describer { view, types: HashMap::new() }
    }

    pub(super) fn node(&mut self, row: RowId) -> Result<Described> {
        let view = self.view;
        let (node_type, properties) = self.type_of(row)?;
        let mut described = None;
        view.read(row, &mut |record| {
            let label = label(record, properties)?;
            described = Some(Described { row, id: NodeId(record.id()), node_type: node_type.clone(), label });
            Ok(())
        })?;
        described.ok_or_else(|| dangling(row))
    }

    /// What the node of a record is called.
    ///
    /// # Errors
    /// `Corrupt` for a record of no type.
    pub fn label(&mut self, row: RowId, record: &RecordView<'_>) -> Result<String> {
        label(record, &self.type_of(row)?.1)
    }

    pub(super) fn nodes(&mut self, rows: impl IntoIterator<Item = RowId>) -> Result<Vec<Described>> {
        rows.into_iter().map(|row| self.node(row)).collect()
    }

    pub(super) fn type_name(&mut self, row: RowId) -> Result<&str> {
        Ok(&self.type_of(row)?.0)
    }

    pub(super) fn edge_id(&self, row: RowId) -> Result<EdgeId> {
        let mut id = None;
        self.view.read(row, &mut |record| {
            id = Some(EdgeId(record.id()));
            Ok(())
        })?;
        id.ok_or_else(|| dangling(row))
    }

    /// The edge between two nodes of a result, given by their places.
    pub(super) fn link(&mut self, row: RowId, from: usize, to: usize) -> Result<Link> {
        let place = |at| u32::try_from(at).map_err(|_| Error::out_of_space("the result has too many nodes"));
        Ok(Link {
            row,
            id: self.edge_id(row)?,
            edge_type: self.type_name(row)?.to_owned(),
            from: place(from)?,
            to: place(to)?,
        })
    }

    fn type_of(&mut self, row: RowId) -> Result<&(String, Vec<PropertyId>)> {
        match self.types.entry(row.type_id()) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => {
                let definition = self.view.catalog().by_id(row.type_id()).ok_or_else(|| dangling(row))?;
                let properties = LABELS
                    .iter()
                    .filter_map(|label| {
                        definition.properties.iter().find(|p| p.name.eq_ignore_ascii_case(label))
                    })
                    .map(|property| property.id)
                    .collect();
                Ok(entry.insert((definition.name.clone(), properties)))
            }
        }
    }
}

fn label(record: &RecordView<'_>, properties: &[PropertyId]) -> Result<String> {
    for property in properties {
        let text = match record.property(*property)? {
            ValueRef::Null | ValueRef::Bytes(_) | ValueRef::Other(_) => continue,
            ValueRef::String(text) => text.trim().chars().take(LABEL_MAX_CHARS).collect(),
            value => value.to_value().to_text(),
        };
        if !text.is_empty() {
            return Ok(text);
        }
    }
    // Ids made close in time start alike: their ends tell them apart.
    let id = record.id().simple().to_string();
    Ok(format!("…{}", id.get(24..).unwrap_or_default()))
}

fn dangling(row: RowId) -> Error {
    Error::corrupt(format!(
        "an edge refers to row {} of type {}, which is not there",
        row.sequence(),
        row.type_id().0
    ))
    .with_hint("restore the database from a backup")
}
