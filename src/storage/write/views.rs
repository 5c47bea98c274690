//! Views made and dropped. A view is a definition among the types, without rows.

use std::sync::Arc;

use crate::model::{
    Error, PropertyDef, PropertyId, PropertyType, Result, TypeDef, TypeId, TypeKind, ViewDef,
};

use super::Transaction;

/// A view to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct NewView {
    /// Its name.
    pub name: String,
    /// Its columns.
    pub columns: Vec<(String, PropertyType)>,
    /// The columns of the query that they show.
    pub sources: Vec<String>,
    /// The query.
    pub query: String,
    /// The types and views that the query names.
    pub reads: Vec<TypeId>,
}

impl Transaction {
    /// Makes a view; with `replace` in the place of an older one, which may get further columns.
    ///
    /// # Errors
    /// `Constraint` when the name is taken, when a view that is replaced has other columns, and when
    /// the view would read itself.
    pub fn create_view(&mut self, new: NewView, replace: bool) -> Result<TypeId> {
        Self::check_name("view", &new.name)?;
        let before = match self.catalog.named(&new.name).cloned() {
            None => None,
            Some(old) if replace && old.view.is_some() => {
                check_columns(&old, &new)?;
                Some(old)
            }
            Some(taken) => return Err(is_taken(&taken)),
        };
        let id = match &before {
            Some(old) => old.id,
            None => self.new_type_id(&new.name)?,
        };
        self.check_reads_not(id, &new)?;
        for read in &new.reads {
            // The commit checks that they are still there.
            self.rely_on(*read);
        }
        let properties =
            new.columns.into_iter().zip(0..).map(|((name, property_type), number)| PropertyDef {
                id: PropertyId(number),
                name,
                property_type,
                declared: true,
                not_null: false,
                default: None,
            });
        self.redefine(TypeDef {
            declared: true,
            properties: properties.collect(),
            view: Some(ViewDef { query: new.query, sources: new.sources, reads: new.reads }),
            version: before.map_or(1, |old| old.version + 1),
            ..TypeDef::new(id, &new.name, TypeKind::Node)
        });
        Ok(id)
    }

    /// Drops a view.
    ///
    /// # Errors
    /// `NotFound`; `Constraint` while another view reads it.
    pub fn drop_view(&mut self, id: TypeId) -> Result<()> {
        let definition = self.catalog.by_id(id).filter(|t| t.view.is_some()).cloned();
        let definition = definition.ok_or_else(|| Error::not_found("the view was dropped"))?;
        self.check_not_viewed(&definition)?;
        self.rely_on(id);
        self.statement().effects.dropped.insert(id, (definition.name.clone(), 0));
        Arc::make_mut(&mut self.catalog).remove(id);
        Ok(())
    }

    /// No view and no property graph has the name.
    pub(super) fn check_no_view(&self, name: &str) -> Result<()> {
        match self.catalog.named(name).filter(|taken| !taken.has_rows()) {
            None => Ok(()),
            Some(taken) => Err(is_taken(taken)),
        }
    }

    /// No view and no property graph reads it.
    pub(super) fn check_not_viewed(&self, definition: &TypeDef) -> Result<()> {
        let reader = self.catalog.readers_of(definition.id).next();
        match reader {
            None => Ok(()),
            Some(reader) => Err(Error::constraint(format!(
                "the {} '{}' reads '{}'",
                reader.what(),
                reader.name,
                definition.name
            ))
            .with_sqlstate(crate::model::sqlstate::DEPENDENT_OBJECTS_STILL_EXIST)
            .with_hint(format!(
                "drop it first: DROP {} {}",
                reader.what().to_uppercase(),
                reader.name
            ))),
        }
    }

    /// What a view reads does not lead back to it.
    fn check_reads_not(&self, id: TypeId, new: &NewView) -> Result<()> {
        let mut open = new.reads.clone();
        let mut seen = Vec::new();
        while let Some(next) = open.pop() {
            if next == id {
                return Err(Error::constraint(format!("the view '{}' would read itself", new.name)));
            }
            if seen.contains(&next) {
                continue;
            }
            seen.push(next);
            if let Some(view) = self.catalog.by_id(next).and_then(|t| t.view.as_ref()) {
                open.extend(&view.reads);
            }
        }
        Ok(())
    }
}

/// The error for a name that something else has.
pub(super) fn is_taken(taken: &TypeDef) -> Error {
    Error::constraint(format!("there is already a {} '{}'", taken.what(), taken.name))
        .with_sqlstate(crate::model::sqlstate::DUPLICATE_TABLE)
}

/// A view that is replaced keeps its columns, as PostgreSQL demands: others may read them.
fn check_columns(old: &TypeDef, new: &NewView) -> Result<()> {
    let mut columns = new.columns.iter();
    for column in &old.properties {
        let same =
            columns.next().is_some_and(|(name, kind)| (name, kind) == (&column.name, &column.property_type));
        if !same {
            return Err(Error::constraint(format!(
                "the column '{}' of the view '{}' would go or change",
                column.name, old.name
            ))
            .with_hint(format!(
                "columns can be added behind the old ones; or DROP VIEW {} first",
                old.name
            )));
        }
    }
    Ok(())
}
