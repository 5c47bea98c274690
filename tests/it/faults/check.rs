//! What a database holds, read through the public surface; whether its parts agree with each other
//! and with the model.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use aresadb::model::{CancelToken, Error, RowId, TypeDef, TypeId};
use aresadb::storage::{Fault, View};
use uuid::Uuid;

use super::model::{Row, State};

/// What is wrong, in words.
pub type Checked<T = ()> = std::result::Result<T, Wrong>;

/// Something that must not be.
#[derive(Debug, Clone, PartialEq)]
pub enum Wrong {
    /// The database said that it failed.
    Failed(Error),
    /// It did not, and is wrong.
    Lied(String),
}

impl From<Error> for Wrong {
    fn from(error: Error) -> Self {
        Wrong::Failed(error)
    }
}

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Wrong::Failed(error) => write!(f, "{:?}: {error} (at {:?})", error.kind(), error.place()),
            Wrong::Lied(what) => f.write_str(what),
        }
    }
}

pub fn lied<T>(what: impl Into<String>) -> Checked<T> {
    Err(Wrong::Lied(what.into()))
}

/// A record with all that the store keeps of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    pub at: RowId,
    pub row: Arc<Row>,
    /// Created, updated, last change.
    pub stamps: (i64, i64, u64),
}

/// The content of a database.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Content {
    pub types: BTreeMap<String, Arc<TypeDef>>,
    pub rows: BTreeMap<Uuid, Arc<Stored>>,
    /// Live rows and next sequence.
    pub counts: BTreeMap<TypeId, (u64, u64)>,
}

impl Content {
    /// Shares what is the same as before.
    pub fn share(mut self, before: &Content) -> Self {
        for (id, stored) in &mut self.rows {
            if let Some(same) = before.rows.get(id).filter(|same| *same == stored) {
                *stored = Arc::clone(same);
            }
        }
        self
    }

    /// Whether it is what the model says.
    pub fn agrees(&self, state: &State) -> Checked {
        for (name, shape) in &state.types {
            let Some(found) = self.types.get(name) else { return lied(format!("type {name} is missing")) };
            let properties: BTreeMap<_, _> = found
                .properties
                .iter()
                .map(|p| (p.name.clone(), (p.property_type, p.declared, p.not_null)))
                .collect();
            let same = (found.id, found.kind, found.declared) == (shape.id, shape.kind, shape.declared)
                && properties == shape.properties;
            if !same {
                return lied(format!("type {name} is {found:?}, not {shape:?}"));
            }
        }
        if let Some(name) = self.types.keys().find(|name| !state.types.contains_key(*name)) {
            return lied(format!("type {name} should not be there"));
        }
        for (id, row) in &state.rows {
            match self.rows.get(id) {
                None => return lied(format!("{} {id} is missing", row.type_name)),
                Some(found) if found.row != *row => {
                    return lied(format!("{id} is {:.400?}, not {row:.400?}", found.row));
                }
                Some(_) => {}
            }
        }
        match self.rows.keys().find(|id| !state.rows.contains_key(*id)) {
            Some(id) => lied(format!("row {id} should not be there: {:.400?}", self.rows[id])),
            None => Ok(()),
        }
    }

    /// The first difference, in words.
    pub fn difference(&self, other: &Content) -> Option<String> {
        for (name, found) in &self.types {
            if other.types.get(name) != Some(found) {
                return Some(format!("type {name} is {found:?}, not {:?}", other.types.get(name)));
            }
        }
        for (id, found) in &self.rows {
            if other.rows.get(id) != Some(found) {
                return Some(format!("row {id} is {found:.400?}, not {:.400?}", other.rows.get(id)));
            }
        }
        if let Some(id) = other.rows.keys().find(|id| !self.rows.contains_key(*id)) {
            return Some(format!("row {id} is missing: {:.400?}", other.rows[id]));
        }
        if let Some(name) = other.types.keys().find(|name| !self.types.contains_key(*name)) {
            return Some(format!("type {name} is missing"));
        }
        (self.counts != other.counts).then(|| format!("counts are {:?}, not {:?}", self.counts, other.counts))
    }
}

/// Reads everything, and checks that records, ids, adjacency in both directions, counts and catalog
/// agree.
pub fn read(view: &View) -> Checked<Content> {
    look(view, None)
}

/// As [`read`], and looks where nothing should be: at `known` ids, which were there at some time, and
/// at every handle that a row ever had.
pub fn read_thoroughly(view: &View, known: &[Uuid]) -> Checked<Content> {
    look(view, Some(known))
}

/// Every row stands in each index of its type, and nothing else does.
fn check_indexes(view: &View) -> Checked {
    let verified = view.verify(&CancelToken::new(), &mut |_| {})?;
    match verified.findings.first() {
        None => Ok(()),
        // Damage that names itself is no lie.
        Some(finding) if finding.fault == Fault::Unreadable => {
            Err(Wrong::Failed(Error::corrupt(finding.message.clone())))
        }
        Some(finding) => lied(format!("{finding:?}")),
    }
}

fn look(view: &View, known: Option<&[Uuid]>) -> Checked<Content> {
    let mut content = Content::default();
    let mut handles = BTreeMap::new();
    let mut expected = BTreeSet::new();
    for definition in view.catalog().types() {
        let next = view.next_sequence(definition.id)?;
        let mut live = 0;
        let mut wrong = None;
        view.scan(definition.id, 0, u64::MAX, &mut |at, record| {
            live += 1;
            let id = record.id();
            let (ends, properties) = match (record.to_node(definition)?, record.to_edge(definition)?) {
                (Some(node), None) => (None, node.properties),
                (None, Some(edge)) => (Some((edge.from.0, edge.to.0)), edge.properties),
                _ => {
                    wrong = Some(format!("{id} is neither a node nor an edge"));
                    return Ok(ControlFlow::Break(()));
                }
            };
            if let Some(ends) = record.ends() {
                expected.insert((true, ends.from_row, at, ends.to_row));
                expected.insert((false, ends.to_row, at, ends.from_row));
            }
            if at.sequence() >= next || record.lsn() == 0 || record.lsn() > view.lsn() {
                wrong = Some(format!("{id} at {at:?} of lsn {} with next sequence {next}", record.lsn()));
            }
            let row = Arc::new(Row { type_name: definition.name.clone(), ends, properties });
            let stamps = (record.created_at(), record.updated_at(), record.lsn());
            if content.rows.insert(id, Arc::new(Stored { at, row, stamps })).is_some() {
                wrong = Some(format!("{id} is there twice"));
            }
            handles.insert(at, id);
            Ok(ControlFlow::Continue(()))
        })?;
        if let Some(wrong) = wrong {
            return lied(wrong);
        }
        let counted = view.live_rows(definition.id)?;
        if counted != live {
            return lied(format!("{} has {live} rows and says {counted}", definition.name));
        }
        content.types.insert(definition.name.clone(), Arc::clone(definition));
        content.counts.insert(definition.id, (live, next));
    }
    check_ids(view, &content, known.unwrap_or_default())?;
    if content.types.values().any(|definition| !definition.indexes.is_empty()) {
        check_indexes(view)?;
    }
    let mut nodes: BTreeSet<RowId> = content.rows.values().map(|stored| stored.at).collect();
    if known.is_some() {
        for (type_id, (_, next)) in &content.counts {
            nodes.extend((0..*next).map(|sequence| RowId::new(*type_id, sequence)));
        }
    }
    check_adjacency(view, &nodes, &handles, &expected)?;
    Ok(content)
}

fn check_ids(view: &View, content: &Content, known: &[Uuid]) -> Checked {
    for (id, stored) in &content.rows {
        let found = view.row_of(*id)?;
        if found != Some(stored.at) {
            return lied(format!("id {id} leads to {found:?} and not to {:?}", stored.at));
        }
        for end in stored.row.ends.into_iter().flat_map(|(from, to)| [from, to]) {
            if content.rows.get(&end).is_none_or(|node| node.row.ends.is_some()) {
                return lied(format!("edge {id} hangs on {end}, which is no node"));
            }
        }
    }
    for id in known.iter().filter(|id| !content.rows.contains_key(*id)) {
        if let Some(at) = view.row_of(*id)? {
            return lied(format!("id {id} leads to {at:?}, where nothing is"));
        }
    }
    Ok(())
}

fn check_adjacency(
    view: &View,
    nodes: &BTreeSet<RowId>,
    handles: &BTreeMap<RowId, Uuid>,
    expected: &BTreeSet<(bool, RowId, RowId, RowId)>,
) -> Checked {
    let mut found = BTreeSet::new();
    for node in nodes {
        for outgoing in [true, false] {
            view.adjacent(*node, outgoing, None, &mut |edge, other| {
                found.insert((outgoing, *node, edge, other));
                Ok(ControlFlow::Continue(()))
            })?;
        }
    }
    if let Some((outgoing, node, edge, _)) = expected.difference(&found).next() {
        let edge = handles.get(edge);
        return lied(format!("edge {edge:?} is missing at {node:?}, outgoing: {outgoing}"));
    }
    match found.difference(expected).next() {
        Some(extra) => lied(format!("an edge is at a node that it does not hang on: {extra:?}")),
        None => Ok(()),
    }
}
