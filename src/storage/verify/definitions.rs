//! The schema and the counters: what stands in `types` and `counters`, against the catalog and the
//! rows that were counted.

use std::collections::{BTreeMap, BTreeSet};

use super::{Fault, Finding, Walk, table_of};
use crate::model::{ErrorKind, Result, TypeDef, TypeId, TypeKind};
use crate::storage::backend::Table;
use crate::storage::keys::{self, Counter};

impl Walk<'_> {
    /// `types`, one by one and then as a whole.
    pub(super) fn definitions(&mut self) -> Result<()> {
        let mut names: BTreeMap<String, TypeId> = BTreeMap::new();
        let mut stored: BTreeSet<TypeId> = BTreeSet::new();
        self.table(Table::Types, |walk, key, value| {
            let Ok(id) = keys::u32_from(key).map(TypeId) else {
                walk.found(Finding::new(Fault::Entry, "types", "a key has the wrong length"));
                return Ok(());
            };
            stored.insert(id);
            match serde_json::from_slice::<TypeDef>(value) {
                Ok(definition) => {
                    for wrong in walk.wrong_with(id, &definition, &mut names) {
                        walk.found_in_type(&definition, Fault::Definition, wrong);
                    }
                }
                Err(error) => {
                    let message = format!("the definition of type {} is damaged: {error}", id.0);
                    walk.found(Finding::new(Fault::Definition, "types", message));
                }
            }
            Ok(())
        })?;
        if self.unread.contains(&Table::Types) {
            return Ok(());
        }
        let view = self.view;
        let catalog = view.catalog();
        for definition in
            catalog.types().chain(catalog.views()).chain(catalog.graphs()).filter(|t| !stored.contains(&t.id))
        {
            self.found_in_type(definition, Fault::Definition, "its definition is not stored".to_owned());
        }
        Ok(())
    }

    fn wrong_with(
        &self,
        id: TypeId,
        definition: &TypeDef,
        names: &mut BTreeMap<String, TypeId>,
    ) -> Vec<String> {
        let catalog = self.view.catalog();
        let mut wrong = Vec::new();
        if definition.id != id {
            wrong.push(format!("it stands at type {} and says it is type {}", id.0, definition.id.0));
        } else if let Some(first) = names.insert(definition.name.clone(), id) {
            wrong.push(format!("the types {} and {} have the same name", first.0, id.0));
        } else if catalog.by_id(id).is_none_or(|known| **known != *definition) {
            wrong.push("its stored definition is not the one in use".to_owned());
        }
        let (mut ids, mut property_names) = (BTreeSet::new(), BTreeSet::new());
        for property in &definition.properties {
            if !ids.insert(property.id) {
                wrong.push(format!("two of its properties have the number {}", property.id.0));
            }
            if !property_names.insert(&property.name) {
                wrong.push(format!("two of its properties have the name '{}'", property.name));
            }
        }
        for read in definition.graph.iter().flat_map(|graph| graph.elements()) {
            match catalog.by_id(read.type_id) {
                Some(known) if known.has_rows() => {}
                _ => wrong.push(format!("its element '{}' is of a type that does not exist", read.name)),
            }
        }
        if let TypeKind::Edge(ends) = definition.kind {
            for end in [ends.from, ends.to].into_iter().flatten() {
                match catalog.by_id(end) {
                    None => {
                        wrong.push(format!(
                            "it is declared for nodes of type {}, which does not exist",
                            end.0
                        ));
                    }
                    Some(end) if end.is_edge() => {
                        wrong.push(format!(
                            "it is declared for nodes of '{}', which is an edge type",
                            end.name
                        ));
                    }
                    Some(_) => {}
                }
            }
        }
        wrong
    }

    /// `counters`, against the rows that were counted on the way.
    pub(super) fn counters(&mut self) -> Result<()> {
        let view = self.view;
        self.table(Table::Counters, |walk, key, value| {
            let id = keys::u32_from(key).map(TypeId);
            if id.is_err() || Counter::decode(value).is_err() {
                let message = "a counter has the wrong length";
                let name = id.ok().and_then(|id| view.catalog().by_id(id)).map(|t| t.name.clone());
                walk.found(Finding { type_name: name, ..Finding::new(Fault::Entry, "counters", message) });
            }
            Ok(())
        })?;
        for definition in view.catalog().types() {
            let counter =
                view.live_rows(definition.id).and_then(|live| Ok((live, view.next_sequence(definition.id)?)));
            let (live, next_sequence) = match counter {
                Ok(counter) => counter,
                // Its entry has the wrong shape, which the walk has told.
                Err(error) if error.kind() == ErrorKind::Corrupt => continue,
                Err(error) => return Err(error),
            };
            let seen = self.rows.get(&definition.id).copied().unwrap_or_default();
            // Rows that could not be reached are not known to be missing.
            if live != seen.live && !self.unread.contains(&table_of(definition)) {
                let message = format!("{live} rows are counted, {} are there", seen.live);
                self.found_count(definition, Fault::Count, message);
            }
            if next_sequence < seen.next_sequence {
                let message = format!(
                    "the next row would get the number {next_sequence}, a row has {} already",
                    seen.next_sequence - 1
                );
                self.found_count(definition, Fault::Sequence, message);
            }
        }
        Ok(())
    }

    fn found_in_type(&mut self, definition: &TypeDef, fault: Fault, message: String) {
        let type_name = Some(definition.name.clone());
        self.found(Finding { type_name, ..Finding::new(fault, "types", message) });
    }

    fn found_count(&mut self, definition: &TypeDef, fault: Fault, message: String) {
        let type_name = Some(definition.name.clone());
        self.found(Finding { type_name, ..Finding::new(fault, "counters", message) });
    }
}
