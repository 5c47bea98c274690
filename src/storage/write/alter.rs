//! Changes of a type that has rows: properties added, dropped, renamed, retyped; the type renamed.

use crate::model::{Error, PropertyDef, PropertyType, Result, RowId, TypeDef, TypeId, Value};

use super::Transaction;
use super::rules::{has_nulls, required};
use super::schema::NewProperty;

/// Changes the text of a condition, or says that it stays.
pub type Rewrite<'r> = &'r dyn Fn(&str) -> Result<String>;

/// Whether the text of a condition names a property.
pub type Names<'n> = &'n dyn Fn(&str, &str) -> bool;

impl Transaction {
    /// Adds a property; rows that exist get `fill`, unless it is NULL.
    ///
    /// # Errors
    /// `Constraint` when it exists, or must not be NULL and rows have nothing for it.
    pub fn add_property(&mut self, type_id: TypeId, new: NewProperty, fill: &Value) -> Result<()> {
        Self::check_property_name(&new.name)?;
        let mut definition = self.reshaped(type_id)?;
        if definition.property(&new.name).is_some() {
            return Err(Error::constraint(format!(
                "{} has a column '{}' already",
                definition.name, new.name
            )));
        }
        let id = self.new_property_id(&definition, &new.name);
        let not_null = new.not_null;
        definition.properties.push(PropertyDef {
            id,
            name: new.name.clone(),
            property_type: new.property_type,
            declared: true,
            not_null: false,
            default: new.default,
        });
        self.redefine(definition.clone());
        let rows = self.rows(type_id)?;
        if fill.is_null() {
            if not_null && !rows.is_empty() {
                return Err(has_nulls(&definition, &new.name).with_hint(format!(
                    "add it with a DEFAULT: ADD COLUMN {} ... NOT NULL DEFAULT ...",
                    new.name
                )));
            }
        } else {
            for row in rows {
                self.update(row, vec![(id, fill.clone())])?;
            }
        }
        if not_null && let Some(property) = definition.properties.last_mut() {
            property.not_null = true;
            self.redefine(definition);
        }
        Ok(())
    }

    fn rows(&mut self, type_id: TypeId) -> Result<Vec<RowId>> {
        let mut rows = Vec::new();
        self.each_row(type_id, &mut |row, _| {
            rows.push(row);
            Ok(())
        })?;
        Ok(rows)
    }

    /// Drops a property with its values, and the indexes and conditions that name it.
    ///
    /// # Errors
    /// `NotFound`; `Constraint` when rows of another type reference a key with it.
    pub fn drop_property(&mut self, type_id: TypeId, name: &str, names: Names<'_>) -> Result<()> {
        let mut definition = self.reshaped(type_id)?;
        let id = required(&definition, name)?.id;
        let references = definition.references.iter().filter(|r| r.properties.contains(&id));
        for name in references.map(|r| r.name.clone()).collect::<Vec<_>>() {
            self.drop_constraint(type_id, &name)?;
        }
        definition = self.reshaped(type_id)?;
        for index in definition.indexes.clone().iter().filter(|index| index.properties.contains(&id)) {
            if let Some(child) = self.referencing(type_id, index.number) {
                return Err(Error::constraint(format!("rows of '{child}' reference a key with '{name}'"))
                    .with_hint(format!("drop the foreign key of '{child}' first")));
            }
            self.remove_index(&mut definition, index.number)?;
        }
        definition.checks.retain(|check| !names(&check.expression, name));
        self.redefine(definition.clone());
        // The values go first, while the property still stands: each change is one the log can tell.
        if let Some(property) = definition.properties.iter_mut().find(|p| p.id == id) {
            property.not_null = false;
        }
        self.redefine(definition.clone());
        for row in self.rows(type_id)? {
            self.update(row, vec![(id, Value::Null)])?;
        }
        definition.properties.retain(|p| p.id != id);
        self.redefine(definition);
        Ok(())
    }

    /// Renames a property; `rewrite` gives conditions the new name.
    ///
    /// # Errors
    /// `NotFound`; `Constraint` when the name is taken.
    pub fn rename_property(
        &mut self,
        type_id: TypeId,
        old: &str,
        new: &str,
        rewrite: Rewrite<'_>,
    ) -> Result<()> {
        Self::check_property_name(new)?;
        let mut definition = self.reshaped(type_id)?;
        let id = required(&definition, old)?.id;
        if definition.property(new).is_some() {
            return Err(Error::constraint(format!("{} has a column '{new}' already", definition.name)));
        }
        for check in &mut definition.checks {
            check.expression = rewrite(&check.expression)?;
        }
        if let Some(property) = definition.properties.iter_mut().find(|p| p.id == id) {
            new.clone_into(&mut property.name);
        }
        self.redefine(definition);
        Ok(())
    }

    /// Changes what is declared of a property.
    ///
    /// # Errors
    /// `NotFound`; `Constraint` when it must not be NULL and is, in some row.
    pub fn change_property(
        &mut self,
        type_id: TypeId,
        name: &str,
        change: &mut dyn FnMut(&mut PropertyDef),
    ) -> Result<()> {
        let mut definition = self.reshaped(type_id)?;
        let before = required(&definition, name)?.clone();
        let mut after = before.clone();
        change(&mut after);
        after.declared = true;
        if before.not_null
            && !after.not_null
            && definition.primary_key().is_some_and(|key| key.properties.contains(&before.id))
        {
            return Err(Error::constraint(format!("{}.{name} belongs to the primary key", definition.name)));
        }
        if after.not_null && !before.not_null {
            let mut missing = false;
            self.each_row(type_id, &mut |_, values| {
                missing |= values.get(&before.id).is_none_or(Value::is_null);
                Ok(())
            })?;
            if missing {
                return Err(has_nulls(&definition, name));
            }
        }
        if let Some(property) = definition.properties.iter_mut().find(|p| p.id == before.id) {
            *property = after;
        }
        self.redefine(definition);
        Ok(())
    }

    /// Gives a property another type, and all rows the values they have in it.
    ///
    /// # Errors
    /// `NotFound`; `Constraint` where a value does not fit, or the property is indexed or referenced.
    pub fn retype_property(
        &mut self,
        type_id: TypeId,
        name: &str,
        property_type: PropertyType,
        values: Vec<(RowId, Value)>,
    ) -> Result<()> {
        let mut definition = self.reshaped(type_id)?;
        let id = required(&definition, name)?.id;
        if let Some(index) = definition.indexes.iter().find(|index| index.properties.contains(&id)) {
            return Err(Error::constraint(format!(
                "{}.{name} is in the index '{}'",
                definition.name, index.name
            ))
            .with_hint("drop the index or constraint, change the type, and make it again"));
        }
        let (not_null, default) = {
            let property = required(&definition, name)?;
            (property.not_null, property.default.clone())
        };
        // Between the types every row is without a value.
        set_property(&mut definition, name, |p| {
            p.not_null = false;
            p.default = None;
        });
        let checks = std::mem::take(&mut definition.checks);
        self.redefine(definition.clone());
        for (row, _) in &values {
            self.update(*row, vec![(id, Value::Null)])?;
        }
        set_property(&mut definition, name, |p| {
            p.property_type = property_type;
            p.default = default;
            p.declared = true;
        });
        definition.checks = checks;
        self.redefine(definition.clone());
        for (row, value) in values {
            self.update(row, vec![(id, value)])?;
        }
        set_property(&mut definition, name, |p| p.not_null = not_null);
        self.redefine(definition);
        Ok(())
    }

    /// Renames a type.
    ///
    /// # Errors
    /// `Constraint` when the name is taken.
    pub fn rename_type(&mut self, type_id: TypeId, new: &str) -> Result<()> {
        Self::check_name("type", new)?;
        if self.catalog.get(new).is_some() {
            return Err(Error::constraint(format!("there is already a type '{new}'")));
        }
        self.check_no_view(new)?;
        if let Some(definition) = self.catalog.by_id(type_id).cloned() {
            // Its query names the type.
            self.check_not_viewed(&definition)?;
        }
        let mut definition = self.reshaped(type_id)?;
        new.clone_into(&mut definition.name);
        self.redefine(definition);
        Ok(())
    }

    /// Declares that a type takes properties it does not declare, or that it does not.
    ///
    /// # Errors
    /// `NotFound` when the type was dropped.
    pub fn set_open(&mut self, type_id: TypeId, open: bool) -> Result<()> {
        let mut definition = self.reshaped(type_id)?;
        definition.declared = true;
        definition.open = open;
        self.redefine(definition);
        Ok(())
    }
}

fn set_property(definition: &mut TypeDef, name: &str, change: impl FnOnce(&mut PropertyDef)) {
    if let Some(property) = definition.properties.iter_mut().find(|p| p.name == name) {
        change(property);
    }
}
