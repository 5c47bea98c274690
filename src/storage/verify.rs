//! Verification: everything a view shows is read, and each table held against the others.
//!
//! | walked | held against |
//! |---|---|
//! | `types` | the catalog; names and numbers; the ends that edge types are declared for |
//! | `nodes`, `edges` | the type's definition, the view's lsn, `ids`; an edge's adjacency and both its ends |
//! | `ids` | the records they lead to |
//! | `edge_from`, `edge_to` | the edges' records |
//! | `index_entries` | the values of the rows they lead to; each row's own entries with its record |
//! | `chunks` | nothing: the shape of its entries |
//! | `counters` | the rows that were counted |
//!
//! What is wrong is told once, where it is seen first: an entry that leads to a record whose own
//! walk tells of the damage says nothing more. A table that cannot be read to its end (a block that
//! does not match its checksum) is a finding too, and what depends on its whole is not judged.
//!
//! Memory is bounded by the number of types: rows are looked up, never collected, and of the
//! findings the first [`FINDINGS_KEPT`] are kept and the rest counted. Must never: change anything,
//! or report damage as an error of the walk.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::model::{CancelToken, Error, ErrorKind, Place, Result, RowId, TypeDef, TypeId};

use super::backend::Table;
use super::keys;
use super::record::RecordView;
use super::view::View;

mod definitions;
mod rows;
#[cfg(test)]
mod tests;

/// How many findings are kept; all are counted.
pub const FINDINGS_KEPT: usize = 1000;
/// How often the walk tells how far it is.
const REPORT_INTERVAL: Duration = Duration::from_millis(100);
/// Entries between two looks at the clock and at the cancel token.
const ENTRIES_PER_LOOK: u64 = 256;

/// What kind of damage a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// A table or a file cannot be read.
    Unreadable,
    /// A key or a value does not have the shape its table gives it.
    Entry,
    /// A definition contradicts itself or another.
    Definition,
    /// A record is not one.
    Record,
    /// A row belongs to a type that does not exist.
    Orphan,
    /// A node stands where an edge belongs, or the other way round.
    Kind,
    /// A record's lsn is not that of a commit that happened.
    Lsn,
    /// A record has a property that its type does not have, or has one twice.
    Property,
    /// A value cannot be read, or is not of its property's type.
    Value,
    /// A property that must have a value has none.
    MissingValue,
    /// A record's id does not lead to it.
    Id,
    /// An id leads to no record, or to another one's.
    StrayId,
    /// An edge is missing at one of its ends, or leads to the wrong node there.
    Adjacency,
    /// A node has an edge that does not exist, or that is not at that node.
    StrayAdjacency,
    /// An edge's end is not the living node that the edge names.
    End,
    /// An edge's end is not of the type that its own type is declared for.
    EndType,
    /// A row is missing in an index, or another one stands for it there.
    Index,
    /// An index leads to no row, or to one with other values.
    StrayIndex,
    /// A type's count of rows is wrong.
    Count,
    /// A type would give a row handle a second time.
    Sequence,
    /// A record of the log does not match its checksum, its place or the record before it.
    Log,
}

impl Fault {
    /// Its name, in lower case: what programs match on.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Fault::Unreadable => "unreadable",
            Fault::Entry => "entry",
            Fault::Definition => "definition",
            Fault::Record => "record",
            Fault::Orphan => "orphan",
            Fault::Kind => "kind",
            Fault::Lsn => "lsn",
            Fault::Property => "property",
            Fault::Value => "value",
            Fault::MissingValue => "missing_value",
            Fault::Id => "id",
            Fault::StrayId => "stray_id",
            Fault::Adjacency => "adjacency",
            Fault::StrayAdjacency => "stray_adjacency",
            Fault::End => "end",
            Fault::EndType => "end_type",
            Fault::Index => "index",
            Fault::StrayIndex => "stray_index",
            Fault::Count => "count",
            Fault::Sequence => "sequence",
            Fault::Log => "log",
        }
    }
}

/// Something that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What kind of damage it is.
    pub fault: Fault,
    /// The table it was seen in, or `log`.
    pub table: String,
    /// The type's name, where the type is known.
    pub type_name: Option<String>,
    /// The row's handle.
    pub row: Option<RowId>,
    /// The node's or edge's id.
    pub id: Option<Uuid>,
    /// The commit it belongs to.
    pub lsn: Option<u64>,
    /// The file, and the byte where it is known.
    pub place: Option<Place>,
    /// What is wrong, for a user.
    pub message: String,
}

impl Finding {
    /// A finding without a place.
    #[must_use]
    pub fn new(fault: Fault, table: &str, message: impl Into<String>) -> Self {
        Self {
            fault,
            table: table.to_owned(),
            type_name: None,
            row: None,
            id: None,
            lsn: None,
            place: None,
            message: message.into(),
        }
    }
}

/// What was walked, in entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Checked {
    /// Types.
    pub definitions: u64,
    /// Node records.
    pub nodes: u64,
    /// Edge records.
    pub edges: u64,
    /// Ids.
    pub ids: u64,
    /// Edges at nodes, in both directions.
    pub adjacency: u64,
    /// Counters of types.
    pub counters: u64,
    /// Entries of indexes.
    #[serde(default)]
    pub index_entries: u64,
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verified {
    /// What was walked.
    pub checked: Checked,
    /// The first [`FINDINGS_KEPT`] findings.
    pub findings: Vec<Finding>,
    /// All findings, counted.
    pub found: u64,
}

/// How far a verification is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifyProgress {
    /// The table that is walked.
    pub table: Table,
    /// Entries walked.
    pub done: u64,
    /// Entries there are, by the counters.
    pub expected: u64,
}

impl View {
    /// Reads everything the view shows and holds it against itself. See the module's head.
    ///
    /// # Errors
    /// `Cancelled`, and `Io` where the operating system refuses; damage is a finding.
    pub fn verify(&self, cancel: &CancelToken, progress: &mut dyn FnMut(VerifyProgress)) -> Result<Verified> {
        let mut walk = Walk {
            view: self,
            cancel,
            progress,
            report: Verified::default(),
            rows: BTreeMap::new(),
            unread: BTreeSet::new(),
            last_unreadable: None,
            done: 0,
            expected: expected_entries(self),
            told: Instant::now(),
        };
        walk.definitions()?;
        for table in [Table::Nodes, Table::Edges] {
            walk.table(table, |walk, key, value| walk.record(table, key, value))?;
        }
        walk.table(Table::Ids, Walk::id)?;
        for table in [Table::EdgeFrom, Table::EdgeTo] {
            walk.table(table, |walk, key, value| walk.adjacency(table, key, value))?;
        }
        walk.table(Table::IndexEntries, Walk::index_entry)?;
        walk.table(Table::Chunks, Walk::chunk)?;
        walk.counters()?;
        Ok(walk.report)
    }
}

/// A row and two more entries for each node, four for each edge.
fn expected_entries(view: &View) -> u64 {
    let entries = |t: &Arc<TypeDef>| {
        let rows = view.live_rows(t.id).unwrap_or(0);
        rows.saturating_mul(if t.is_edge() { 4 } else { 2 } + t.indexes.len() as u64)
    };
    view.catalog().types().map(entries).fold(0, u64::saturating_add)
}

/// The rows of a type that were seen.
#[derive(Debug, Clone, Copy, Default)]
struct RowsSeen {
    live: u64,
    /// One past the highest sequence.
    next_sequence: u64,
}

/// What a key leads to.
enum Found<T> {
    Yes(T),
    No,
    /// It is there or not: it cannot be read, which the walk of its own table tells.
    Unknown,
}

/// A verification under way.
struct Walk<'w> {
    view: &'w View,
    cancel: &'w CancelToken,
    progress: &'w mut dyn FnMut(VerifyProgress),
    report: Verified,
    rows: BTreeMap<TypeId, RowsSeen>,
    /// Tables whose end was not reached.
    unread: BTreeSet<Table>,
    last_unreadable: Option<Error>,
    done: u64,
    expected: u64,
    told: Instant,
}

impl Walk<'_> {
    /// Visits all entries of a table.
    fn table(
        &mut self,
        table: Table,
        mut visit: impl FnMut(&mut Self, &[u8], &[u8]) -> Result<()>,
    ) -> Result<()> {
        let view = self.view;
        // An error of the visitor is no damage: it comes out beside the scan's own.
        let mut stopped = Ok(());
        let scanned = view.scan_raw(table, (Bound::Unbounded, Bound::Unbounded), &mut |key, value| {
            stopped = self.step(table).and_then(|()| visit(self, key, value));
            Ok(if stopped.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        });
        stopped?;
        scanned.or_else(|error| {
            self.unread.insert(table);
            self.unreadable(table, error)
        })
    }

    fn step(&mut self, table: Table) -> Result<()> {
        let checked = &mut self.report.checked;
        match table {
            Table::Types => checked.definitions += 1,
            Table::Nodes => checked.nodes += 1,
            Table::Edges => checked.edges += 1,
            Table::Ids => checked.ids += 1,
            Table::EdgeFrom | Table::EdgeTo => checked.adjacency += 1,
            Table::Counters => checked.counters += 1,
            Table::IndexEntries => checked.index_entries += 1,
            Table::Meta | Table::Chunks => {}
        }
        self.done += 1;
        if self.done.is_multiple_of(ENTRIES_PER_LOOK) {
            self.cancel.check()?;
            if self.told.elapsed() >= REPORT_INTERVAL {
                self.told = Instant::now();
                (self.progress)(VerifyProgress { table, done: self.done, expected: self.expected });
            }
        }
        Ok(())
    }

    /// Damage of the files below the tables: told once, although every later read meets it again.
    fn unreadable(&mut self, table: Table, error: Error) -> Result<()> {
        if error.kind() != ErrorKind::Corrupt {
            return Err(error);
        }
        if self.last_unreadable.as_ref() != Some(&error) {
            let message = format!("it cannot be read to its end: {}", error.message());
            self.found(Finding {
                place: error.place().cloned(),
                ..Finding::new(Fault::Unreadable, table.name(), message)
            });
            self.last_unreadable = Some(error);
        }
        Ok(())
    }

    fn found(&mut self, finding: Finding) {
        self.report.found += 1;
        if self.report.findings.len() < FINDINGS_KEPT {
            self.report.findings.push(finding);
        }
    }

    /// What stands at a key; `read` gives `None` for bytes of the wrong shape.
    fn look_up<T>(
        &mut self,
        table: Table,
        key: &[u8],
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Found<T>> {
        let mut value = None;
        let there = self.view.get_raw(table, key, &mut |bytes| {
            value = read(bytes);
            Ok(())
        });
        Ok(match there {
            Ok(false) => Found::No,
            Ok(true) => value.map_or(Found::Unknown, Found::Yes),
            Err(error) => {
                self.unreadable(table, error)?;
                Found::Unknown
            }
        })
    }

    /// The id in the record at a handle.
    fn id_at(&mut self, table: Table, row: RowId) -> Result<Found<Uuid>> {
        self.look_up(table, &row.to_bytes(), |bytes| RecordView::new(bytes).ok().map(|record| record.id()))
    }

    /// The row that an id leads to.
    fn row_of(&mut self, id: Uuid) -> Result<Found<RowId>> {
        self.look_up(Table::Ids, id.as_bytes(), |bytes| keys::row_from(bytes).ok())
    }

    fn type_name(&self, row: RowId) -> Option<String> {
        self.view.catalog().by_id(row.type_id()).map(|t| t.name.clone())
    }
}

/// The table that a type's records belong to.
fn table_of(definition: &TypeDef) -> Table {
    if definition.is_edge() { Table::Edges } else { Table::Nodes }
}
