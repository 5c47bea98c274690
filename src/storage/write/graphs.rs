//! Property graphs made, changed and dropped. Like a view, one is a definition among the types, without rows.

use std::sync::Arc;

use crate::model::{Error, GraphDef, Result, TypeDef, TypeId, TypeKind};

use super::Transaction;
use super::views::is_taken;

impl Transaction {
    /// Makes a property graph; with `replace` in the place of an older one.
    ///
    /// # Errors
    /// `Constraint` when the name is taken.
    pub fn create_graph(&mut self, name: &str, graph: GraphDef, replace: bool) -> Result<TypeId> {
        Self::check_name("property graph", name)?;
        let before = match self.catalog.named(name).cloned() {
            Some(old) if replace && old.graph.is_some() => Some(old),
            Some(taken) => return Err(is_taken(&taken)),
            None => None,
        };
        let id = match &before {
            Some(old) => old.id,
            None => self.new_type_id(name)?,
        };
        self.define_graph(TypeDef {
            declared: true,
            graph: Some(graph),
            version: before.map_or(1, |old| old.version + 1),
            ..TypeDef::new(id, name, TypeKind::Node)
        });
        Ok(id)
    }

    /// Gives a property graph another definition, and another name.
    ///
    /// # Errors
    /// `NotFound`; `Constraint` when the name is taken, or a view reads it under its name.
    pub fn change_graph(&mut self, id: TypeId, name: &str, graph: GraphDef) -> Result<()> {
        let definition = self.graph_of(id)?;
        if definition.name != name {
            Self::check_name("property graph", name)?;
            if let Some(taken) = self.catalog.named(name) {
                return Err(is_taken(taken));
            }
            self.check_not_viewed(&definition)?;
        }
        self.rely_on(id);
        self.define_graph(TypeDef {
            name: name.to_owned(),
            graph: Some(graph),
            version: definition.version + 1,
            ..TypeDef::clone(&definition)
        });
        Ok(())
    }

    /// Drops a property graph.
    ///
    /// # Errors
    /// `NotFound`; `Constraint` while a view reads it.
    pub fn drop_graph(&mut self, id: TypeId) -> Result<()> {
        let definition = self.graph_of(id)?;
        self.check_not_viewed(&definition)?;
        self.rely_on(id);
        self.statement().effects.dropped.insert(id, (definition.name.clone(), 0));
        Arc::make_mut(&mut self.catalog).remove(id);
        Ok(())
    }

    fn graph_of(&self, id: TypeId) -> Result<Arc<TypeDef>> {
        let found = self.catalog.by_id(id).filter(|t| t.graph.is_some()).cloned();
        found.ok_or_else(|| Error::not_found("the property graph was dropped"))
    }

    fn define_graph(&mut self, definition: TypeDef) {
        for read in definition.reads() {
            // The commit checks that they are still there.
            self.rely_on(read);
        }
        self.redefine(definition);
    }
}
