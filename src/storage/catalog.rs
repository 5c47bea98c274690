//! The catalog: every node and edge type as one immutable value.
//!
//! Readers hold an `Arc<Catalog>`; a change makes a new one. Ids are interned by the store, so two
//! transactions that meet a new name agree on its number before either commits.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::model::{Error, IndexDef, PropertyDef, Result, TypeDef, TypeId, sqlstate};

/// The types of a database at a point in time.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    version: u64,
    by_name: BTreeMap<String, Arc<TypeDef>>,
    by_id: HashMap<TypeId, Arc<TypeDef>>,
}

impl Catalog {
    /// A catalog of one type.
    pub(crate) fn of(definition: TypeDef) -> Self {
        let mut catalog = Self::default();
        catalog.put(definition);
        catalog
    }

    /// Raised by each change of a definition.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// All types by name; views and property graphs are none.
    pub fn types(&self) -> impl Iterator<Item = &Arc<TypeDef>> {
        self.by_name.values().filter(|t| t.has_rows())
    }

    /// The type of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<TypeDef>> {
        self.named(name).filter(|t| t.has_rows())
    }

    /// All views by name.
    pub fn views(&self) -> impl Iterator<Item = &Arc<TypeDef>> {
        self.by_name.values().filter(|t| t.view.is_some())
    }

    /// The view of a name.
    #[must_use]
    pub fn view(&self, name: &str) -> Option<&Arc<TypeDef>> {
        self.named(name).filter(|t| t.view.is_some())
    }

    /// All property graphs by name.
    pub fn graphs(&self) -> impl Iterator<Item = &Arc<TypeDef>> {
        self.by_name.values().filter(|t| t.graph.is_some())
    }

    /// The property graph of a name.
    #[must_use]
    pub fn graph(&self, name: &str) -> Option<&Arc<TypeDef>> {
        self.named(name).filter(|t| t.graph.is_some())
    }

    /// The type, the view or the property graph of a name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Arc<TypeDef>> {
        self.by_name.get(name)
    }

    /// The views and property graphs that read a type, a view or a property graph.
    pub fn readers_of(&self, id: TypeId) -> impl Iterator<Item = &Arc<TypeDef>> {
        self.by_name.values().filter(move |t| !t.has_rows() && t.reads().contains(&id))
    }

    /// The type that has an index of a name, and the index.
    #[must_use]
    pub fn index(&self, name: &str) -> Option<(&Arc<TypeDef>, &IndexDef)> {
        self.by_name.values().find_map(|t| t.index_named(name).map(|index| (t, index)))
    }

    /// The type of an id.
    #[must_use]
    pub fn by_id(&self, id: TypeId) -> Option<&Arc<TypeDef>> {
        self.by_id.get(&id)
    }

    /// The type of a name, or an error that offers names like it.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn require(&self, name: &str) -> Result<&Arc<TypeDef>> {
        self.get(name).ok_or_else(|| {
            if let Some(other) = self.named(name) {
                let message = format!("'{name}' is a {}, not a node or edge type", other.what());
                return Error::bad_input(message).with_sqlstate(sqlstate::WRONG_OBJECT_TYPE);
            }
            let error = Error::not_found(format!("there is no node or edge type '{name}'"));
            match closest(name, self.by_name.keys().map(String::as_str)) {
                Some(near) => error.with_hint(format!("did you mean '{near}'?")),
                None if self.by_name.is_empty() => error.with_hint("the database is empty"),
                None => error.with_hint("`aresadb schema` lists the types"),
            }
        })
    }

    /// Puts a definition in the place of the one with its id.
    pub(crate) fn put(&mut self, definition: TypeDef) {
        if let Some(old) = self.by_id.get(&definition.id)
            && old.name != definition.name
        {
            let name = old.name.clone();
            self.forget_name(&name, definition.id);
        }
        let definition = Arc::new(definition);
        self.by_name.insert(definition.name.clone(), Arc::clone(&definition));
        self.by_id.insert(definition.id, definition);
        self.version += 1;
    }

    /// Removes a type.
    pub(crate) fn remove(&mut self, id: TypeId) {
        if let Some(old) = self.by_id.remove(&id) {
            self.forget_name(&old.name, id);
            self.version += 1;
        }
    }

    /// Frees a name, unless it is another type's by now.
    fn forget_name(&mut self, name: &str, id: TypeId) {
        if self.by_name.get(name).is_some_and(|known| known.id == id) {
            self.by_name.remove(name);
        }
    }

    /// Continues the count of another process.
    pub(crate) fn set_version(&mut self, version: u64) {
        self.version = version;
    }
}

/// The name nearest to `wanted` by edit distance, if one is near enough to be meant.
#[must_use]
pub fn closest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wanted: Vec<char> = wanted.to_lowercase().chars().take(64).collect();
    let allowed = (wanted.len() / 3).max(1);
    names
        .map(|name| (edit_distance(&wanted, &name.to_lowercase().chars().take(64).collect::<Vec<_>>()), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, name)| name)
}

/// Levenshtein distance, one row at a time (Wagner and Fischer 1974).
fn edit_distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (y, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let cost = (diagonal + usize::from(x != y)).min(left + 1).min(*cell + 1);
            diagonal = *cell;
            *cell = cost;
            left = cost;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

/// Whether `new` is `old` with, at most, further observed properties: rows checked against `old`
/// fit `new` too.
pub(crate) fn is_extension(old: &TypeDef, new: &TypeDef) -> bool {
    (&old.name, old.kind, old.declared, old.open) == (&new.name, new.kind, new.declared, new.open)
        && (&old.indexes, &old.checks) == (&new.indexes, &new.checks)
        && (&old.references, &old.referenced_by) == (&new.references, &new.referenced_by)
        && (&old.view, &old.graph) == (&new.view, &new.graph)
        && old.properties.iter().all(|p| new.property_by_id(p.id) == Some(p))
        && new.properties.iter().all(|p| old.property_by_id(p.id).is_some() || is_observed(p))
}

/// Seen in data alone: no rule stands on it.
pub(crate) fn is_observed(property: &PropertyDef) -> bool {
    !property.declared && !property.not_null && property.default.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered_and_a_far_one_is_not() {
        let names = ["package", "section", "depends"];
        assert_eq!(closest("pakage", names.into_iter()), Some("package"));
        assert_eq!(closest("Depend", names.into_iter()), Some("depends"));
        assert_eq!(closest("user", names.into_iter()), None);
    }

    #[test]
    fn edit_distance_counts_changes() {
        let d =
            |a: &str, b: &str| edit_distance(&a.chars().collect::<Vec<_>>(), &b.chars().collect::<Vec<_>>());
        assert_eq!((d("kitten", "sitting"), d("", "abc"), d("abc", ""), d("same", "same")), (3, 3, 3, 0));
    }
}
