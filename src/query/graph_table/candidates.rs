//! Which node and edge types the variables of a pattern may be of.
//!
//! A label is the name of a type; the graph `graph` has them all. An edge type whose ends are declared joins nodes of
//! those types alone, so that what stands beside an edge narrows the edge, and the other way round.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::{Error, Result, Span, TypeDef, TypeId, TypeKind, sqlstate};
use crate::storage::{Catalog, closest};

use super::ast::{Direction, LabelExpr, LabelKind, folded};

/// The types a variable may be of.
pub(super) type Types = BTreeSet<TypeId>;

/// The types of the graph.
pub(super) struct Labels<'c> {
    catalog: &'c Catalog,
}

/// An edge of a pattern, between two nodes of it.
pub(super) struct Joined {
    /// The edge's place among the variables.
    pub(super) edge: usize,
    /// The node on its left, and the one on its right.
    pub(super) ends: (usize, usize),
    pub(super) direction: Direction,
}

impl<'c> Labels<'c> {
    pub(super) fn new(catalog: &'c Catalog) -> Self {
        Self { catalog }
    }

    /// All types of nodes, or of edges.
    pub(super) fn all(&self, edges: bool) -> Types {
        self.types(edges).map(|definition| definition.id).collect()
    }

    pub(super) fn definition(&self, id: TypeId) -> Result<&'c Arc<TypeDef>> {
        self.catalog.by_id(id).ok_or_else(|| Error::internal("a type that is not there"))
    }

    fn types(&self, edges: bool) -> impl Iterator<Item = &'c Arc<TypeDef>> {
        self.catalog.types().filter(move |definition| definition.is_edge() == edges)
    }

    /// The types that fulfil a condition on labels.
    ///
    /// # Errors
    /// `NotFound` for a label that there is not, `BadInput` for one of the other kind; with their bytes.
    pub(super) fn matching(
        &self,
        label: Option<&LabelExpr>,
        edges: bool,
    ) -> std::result::Result<Types, (Error, Span)> {
        let Some(label) = label else { return Ok(self.all(edges)) };
        Ok(match &label.kind {
            LabelKind::Any => self.all(edges),
            LabelKind::Not(inner) => &self.all(edges) - &self.matching(Some(inner), edges)?,
            LabelKind::Or(labels) => {
                let mut types = Types::new();
                for label in labels {
                    types.extend(self.matching(Some(label), edges)?);
                }
                types
            }
            LabelKind::And(labels) => {
                let mut types = self.all(edges);
                for label in labels {
                    types = &types & &self.matching(Some(label), edges)?;
                }
                types
            }
            LabelKind::Name(name) => {
                let name = folded(name);
                let definition =
                    self.catalog.get(&name).ok_or_else(|| (self.unknown(&name, edges), label.at.0))?;
                if definition.is_edge() != edges {
                    let (is, wanted) = if edges { ("node", "edge") } else { ("edge", "node") };
                    let error = Error::bad_input(
                        format!("\"{name}\" is a type of {is}s, and stands in a pattern of an {wanted}")
                            .replace("an node", "a node"),
                    )
                    .with_sqlstate(sqlstate::UNDEFINED_OBJECT);
                    return Err((error, label.at.0));
                }
                Types::from([definition.id])
            }
        })
    }

    fn unknown(&self, name: &str, edges: bool) -> Error {
        let error = Error::not_found(format!("the graph has no label \"{name}\""))
            .with_sqlstate(sqlstate::UNDEFINED_OBJECT);
        let names = || self.types(edges).map(|definition| definition.name.as_str());
        match closest(name, names()) {
            Some(near) => error.with_hint(format!("did you mean {near}?")),
            None => {
                let known: Vec<&str> = names().take(12).collect();
                let kind = if edges { "edges" } else { "nodes" };
                error.with_hint(format!("the types of {kind} are {}", known.join(", ")))
            }
        }
    }

    /// Which types the ends of an edge type are of: of each pair one of the first and one of the second.
    fn ends(&self, id: TypeId) -> (Types, Types) {
        let of = |end: Option<TypeId>| end.map_or_else(|| self.all(false), |id| Types::from([id]));
        match self.catalog.by_id(id).map(|definition| definition.kind) {
            Some(TypeKind::Edge(ends)) => (of(ends.from), of(ends.to)),
            _ => (Types::new(), Types::new()),
        }
    }

    /// The types of the nodes that an edge type leads to at one side of its pattern.
    pub(super) fn leads_to(&self, edge: TypeId, left: bool, direction: Direction) -> Types {
        let (from, to) = self.ends(edge);
        match direction {
            Direction::Either => &from | &to,
            Direction::Right if left => from,
            Direction::Left if !left => from,
            _ => to,
        }
    }

    /// Takes away the types that no edge of the pattern can join. `false` where nothing is left of a variable: there is
    /// no match then.
    pub(super) fn narrow(&self, types: &mut [Types], joined: &[Joined]) -> bool {
        loop {
            let mut changed = false;
            for Joined { edge, ends: (left, right), direction } in joined {
                let (mut lefts, mut rights, mut edges) = (Types::new(), Types::new(), Types::new());
                for id in types.get(*edge).into_iter().flatten() {
                    let (from, to) = self.ends(*id);
                    let ways = match direction {
                        Direction::Right => vec![(from, to)],
                        Direction::Left => vec![(to, from)],
                        Direction::Either => vec![(from.clone(), to.clone()), (to, from)],
                    };
                    for (l, r) in ways {
                        let (l, r) = (cut(types, *left, &l), cut(types, *right, &r));
                        if !l.is_empty() && !r.is_empty() {
                            edges.insert(*id);
                            lefts.extend(l);
                            rights.extend(r);
                        }
                    }
                }
                // A node that is both ends keeps what it may be as both.
                if left == right {
                    lefts = &lefts & &rights;
                    rights.clone_from(&lefts);
                }
                for (place, new) in [(*edge, edges), (*left, lefts), (*right, rights)] {
                    if let Some(own) = types.get_mut(place)
                        && *own != new
                    {
                        *own = &*own & &new;
                        changed = true;
                    }
                }
            }
            if types.iter().any(Types::is_empty) {
                return false;
            }
            if !changed {
                return true;
            }
        }
    }

    /// The properties of some types by name, and of which type each is; in the order of the types' definitions.
    ///
    /// # Errors
    /// `BadInput` for one that has two types which are not numbers.
    pub(super) fn properties(&self, types: &Types) -> Result<Vec<(String, crate::model::PropertyType)>> {
        let mut found: Vec<(String, crate::model::PropertyType)> = Vec::new();
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        for id in types {
            for property in &self.definition(*id)?.properties {
                match places.get(property.name.as_str()) {
                    None => {
                        places.insert(&property.name, found.len());
                        found.push((property.name.clone(), property.property_type));
                    }
                    Some(place) => {
                        if let Some((_, known)) = found.get_mut(*place) {
                            *known = common(*known, property.property_type).unwrap_or(*known);
                        }
                    }
                }
            }
        }
        Ok(found)
    }
}

fn cut(types: &[Types], place: usize, with: &Types) -> Types {
    types.get(place).map(|own| own & with).unwrap_or_default()
}

/// The type that holds the values of both.
pub(super) fn common(
    a: crate::model::PropertyType,
    b: crate::model::PropertyType,
) -> Option<crate::model::PropertyType> {
    use crate::model::PropertyType::{Float, Integer};
    match (a, b) {
        _ if a == b => Some(a),
        (Integer, Float) | (Float, Integer) => Some(Float),
        _ => None,
    }
}
