//! Nodes with the edges between them into a file that appears whole or not at all.
//!
//! Records are read and written one after the other: in memory is one batch of text, and the handles of those that
//! were chosen where not all of a type are.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use uuid::Uuid;

use crate::graph::Describer;
use crate::model::{CancelToken, Error, Result, RowId, TypeDef, TypeId, TypeKind};
use crate::storage::{RecordView, View};

use super::graph_encode::{EdgeText, GraphEncoder, NodeText};
use super::options::{GraphFormat, GraphSource};
use super::whole_file::{BUFFER_BYTES, Output, WholeFile};

/// Progress is told, and the cancel token looked at, each time that so many records are written.
const REPORT_EVERY: u64 = 4096;

/// Told how many nodes and edges were written, and of how many where that is known.
pub type Tell<'t> = dyn FnMut(u64, Option<u64>) + 't;

/// What was exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedGraph {
    /// Nodes.
    pub nodes: u64,
    /// Edges.
    pub edges: u64,
    /// What whoever reads the file should know.
    pub note: Option<String>,
}

/// Writes nodes and edges to a file; compressed when its name ends with `.gz` or `.zst`. The file is replaced once
/// the new one is whole.
///
/// # Errors
/// `NotFound` for a type that is not there; `Unsupported` for [`GraphSource::Sql`], whose ids the caller finds;
/// `Cancelled`; `Corrupt`; `Io`, `OutOfSpace`.
pub fn export_graph(
    view: &View,
    source: &GraphSource,
    (file, format): (&Path, GraphFormat),
    tell: &mut Tell<'_>,
    cancel: &CancelToken,
) -> Result<ExportedGraph> {
    let (chosen, unknown) = Chosen::of(view, source)?;
    let (file, output) = WholeFile::create(file)?;
    let expected = chosen.expected(view)?;
    let mut writer = Writer {
        view,
        describer: Describer::new(view),
        encoder: GraphEncoder::new(format),
        text: String::with_capacity(BUFFER_BYTES),
        file: &file,
        output,
        expected,
        tell,
        cancel,
    };
    let types: Vec<Arc<TypeDef>> = view.catalog().types().filter(|t| chosen.touches(t)).cloned().collect();
    writer.encoder.start(&mut writer.text, types.iter().map(Arc::as_ref));
    writer.nodes(&chosen.nodes, &types)?;
    writer.edges(&chosen, &types)?;
    writer.encoder.finish(&mut writer.text);
    let (output, encoder) = writer.end()?;
    file.finish(output)?;
    let (nodes, edges) = encoder.counts();
    let mut notes: Vec<String> = encoder.note().into_iter().collect();
    if unknown > 0 {
        notes.push(format!("{unknown} ids are those of no node or edge"));
    }
    Ok(ExportedGraph { nodes, edges, note: (!notes.is_empty()).then(|| notes.join("; ")) })
}

/// The nodes of an export.
enum Nodes {
    /// Those of all types.
    All,
    OfType(TypeId),
    Rows(BTreeSet<RowId>),
}

/// The edges of an export.
enum Edges {
    /// All with both ends among the nodes.
    AmongNodes,
    OfType(TypeId),
    Rows(BTreeSet<RowId>),
}

struct Chosen {
    nodes: Nodes,
    edges: Edges,
}

impl Nodes {
    fn contains(&self, row: RowId) -> bool {
        match self {
            Nodes::All => true,
            Nodes::OfType(id) => row.type_id() == *id,
            Nodes::Rows(rows) => rows.contains(&row),
        }
    }
}

impl Chosen {
    /// What a source chooses, and how many of its ids are unknown.
    fn of(view: &View, source: &GraphSource) -> Result<(Self, u64)> {
        Ok(match source {
            GraphSource::Whole => (Chosen { nodes: Nodes::All, edges: Edges::AmongNodes }, 0),
            GraphSource::Type(name) => (Self::of_type(view, name)?, 0),
            GraphSource::Records(ids) => Self::of_records(view, ids)?,
            GraphSource::Sql(_) => {
                return Err(Error::unsupported("a query's ids are found before its graph is exported"));
            }
        })
    }

    fn of_type(view: &View, name: &str) -> Result<Self> {
        let definition = view.catalog().require(name)?;
        let id = definition.id;
        if !definition.is_edge() {
            return Ok(Chosen { nodes: Nodes::OfType(id), edges: Edges::AmongNodes });
        }
        let mut ends = BTreeSet::new();
        each(view, definition, &mut |_, record| {
            ends.extend(record.ends().iter().flat_map(|ends| [ends.from_row, ends.to_row]));
            Ok(())
        })?;
        Ok(Chosen { nodes: Nodes::Rows(ends), edges: Edges::OfType(id) })
    }

    fn of_records(view: &View, ids: &[Uuid]) -> Result<(Self, u64)> {
        let (mut nodes, mut edges, mut unknown) = (BTreeSet::new(), BTreeSet::new(), 0);
        for id in ids {
            let known = view.read_id(*id, &mut |row, record| {
                match record.ends() {
                    None => drop(nodes.insert(row)),
                    Some(ends) => {
                        edges.insert(row);
                        nodes.extend([ends.from_row, ends.to_row]);
                    }
                }
                Ok(())
            })?;
            unknown += u64::from(!known);
        }
        let edges = if edges.is_empty() { Edges::AmongNodes } else { Edges::Rows(edges) };
        Ok((Chosen { nodes: Nodes::Rows(nodes), edges }, unknown))
    }

    /// Whether records of a type may be among those chosen.
    fn touches(&self, definition: &TypeDef) -> bool {
        let of_type = |rows: &BTreeSet<RowId>| {
            let first = RowId::new(definition.id, 0);
            rows.range(first..).next().is_some_and(|row| row.type_id() == definition.id)
        };
        let TypeKind::Edge(ends) = definition.kind else {
            return match &self.nodes {
                Nodes::All => true,
                Nodes::OfType(id) => *id == definition.id,
                Nodes::Rows(rows) => of_type(rows),
            };
        };
        match (&self.edges, &self.nodes) {
            (Edges::OfType(id), _) => *id == definition.id,
            (Edges::Rows(rows), _) => of_type(rows),
            (Edges::AmongNodes, Nodes::OfType(id)) => {
                [ends.from, ends.to].iter().all(|end| end.is_none_or(|end| end == *id))
            }
            (Edges::AmongNodes, _) => true,
        }
    }

    /// How many records there will be, where that is known.
    fn expected(&self, view: &View) -> Result<Option<u64>> {
        let rows = |rows: &BTreeSet<RowId>| rows.len() as u64;
        Ok(match (&self.nodes, &self.edges) {
            (Nodes::All, Edges::AmongNodes) => {
                let all: Result<Vec<u64>> = view.catalog().types().map(|t| view.live_rows(t.id)).collect();
                Some(all?.iter().sum())
            }
            (Nodes::Rows(nodes), Edges::Rows(edges)) => Some(rows(nodes) + rows(edges)),
            (Nodes::Rows(nodes), Edges::OfType(id)) => Some(rows(nodes) + view.live_rows(*id)?),
            _ => None,
        })
    }
}

/// Visits the records of a type.
fn each(
    view: &View,
    definition: &TypeDef,
    visit: &mut dyn FnMut(RowId, &RecordView<'_>) -> Result<()>,
) -> Result<()> {
    view.scan(definition.id, 0, u64::MAX, &mut |row, record| {
        visit(row, record)?;
        Ok(ControlFlow::Continue(()))
    })
}

struct Writer<'w> {
    view: &'w View,
    describer: Describer<'w>,
    encoder: GraphEncoder,
    text: String,
    file: &'w WholeFile,
    output: Output,
    expected: Option<u64>,
    tell: &'w mut Tell<'w>,
    cancel: &'w CancelToken,
}

impl<'w> Writer<'w> {
    fn nodes(&mut self, nodes: &Nodes, types: &[Arc<TypeDef>]) -> Result<()> {
        let view = self.view;
        if let Nodes::Rows(rows) = nodes {
            return rows.iter().try_for_each(|row| {
                let Some(definition) = view.catalog().by_id(row.type_id()) else { return Ok(()) };
                view.read(*row, &mut |record| self.node(definition, *row, record)).map(drop)
            });
        }
        for definition in types.iter().filter(|t| !t.is_edge()) {
            each(view, definition, &mut |row, record| self.node(definition, row, record))?;
        }
        Ok(())
    }

    fn edges(&mut self, chosen: &Chosen, types: &[Arc<TypeDef>]) -> Result<()> {
        let view = self.view;
        match (&chosen.edges, &chosen.nodes) {
            (Edges::Rows(rows), _) => rows.iter().try_for_each(|row| self.edge_at(*row)),
            (Edges::AmongNodes, Nodes::Rows(nodes)) => {
                for node in nodes {
                    let mut among = Vec::new();
                    let mut seen = 0;
                    view.adjacent(*node, true, None, &mut |edge, other| {
                        seen += 1;
                        if seen % REPORT_EVERY == 0 {
                            self.cancel.check()?;
                        }
                        if nodes.contains(&other) {
                            among.push(edge);
                        }
                        Ok(ControlFlow::Continue(()))
                    })?;
                    among.into_iter().try_for_each(|edge| self.edge_at(edge))?;
                }
                Ok(())
            }
            (Edges::AmongNodes | Edges::OfType(_), nodes) => {
                for definition in types.iter().filter(|t| t.is_edge()) {
                    each(view, definition, &mut |_, record| {
                        let among = record
                            .ends()
                            .is_some_and(|e| nodes.contains(e.from_row) && nodes.contains(e.to_row));
                        if among { self.edge(definition, record) } else { Ok(()) }
                    })?;
                }
                Ok(())
            }
        }
    }

    fn node(&mut self, definition: &TypeDef, row: RowId, record: &RecordView<'_>) -> Result<()> {
        let label = self.describer.label(row, record)?;
        let properties = if self.encoder.has_properties() { record.properties()? } else { Vec::new() };
        let node = NodeText { id: record.id(), definition, label: &label, properties };
        self.encoder.node(&mut self.text, &node);
        self.written()
    }

    fn edge_at(&mut self, row: RowId) -> Result<()> {
        let view = self.view;
        let Some(definition) = view.catalog().by_id(row.type_id()) else { return Ok(()) };
        view.read(row, &mut |record| self.edge(definition, record)).map(drop)
    }

    fn edge(&mut self, definition: &TypeDef, record: &RecordView<'_>) -> Result<()> {
        let Some(ends) = record.ends() else { return Ok(()) };
        let properties = if self.encoder.has_properties() { record.properties()? } else { Vec::new() };
        let (id, from, to) = (record.id(), ends.from.0, ends.to.0);
        self.encoder.edge(&mut self.text, &EdgeText { id, from, to, definition, properties });
        self.written()
    }

    /// After a record: what is gathered is written, and how far it is told.
    fn written(&mut self) -> Result<()> {
        if self.text.len() >= BUFFER_BYTES {
            self.drain()?;
        }
        let (nodes, edges) = self.encoder.counts();
        let records = nodes + edges;
        if records.is_multiple_of(REPORT_EVERY) {
            self.cancel.check()?;
            (self.tell)(records, self.expected);
        }
        Ok(())
    }

    fn drain(&mut self) -> Result<()> {
        let mut bytes = std::mem::take(&mut self.text).into_bytes();
        self.file.drain(&mut self.output, &mut bytes)?;
        self.text = String::from_utf8(bytes).unwrap_or_default();
        Ok(())
    }

    fn end(mut self) -> Result<(Output, GraphEncoder)> {
        self.drain()?;
        Ok((self.output, self.encoder))
    }
}
