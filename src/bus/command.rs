//! What can be asked of the engine.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::model::{Direction, NodeId, Properties, Value};
use crate::transfer::{ExportSource, FileFormat, GraphFormat, GraphSource, ImportOptions};

use super::copy::CopyFormat;
use super::event::{CursorId, RequestId};
use super::workspace::WorkspaceCommand;

/// A request to the engine. Each is answered by events that carry its request id, the last of
/// which is `Done` or `Failed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Opens a database folder, or `:memory:`. Answers `Opened`.
    Open {
        /// The folder that holds `.aresadb`.
        path: PathBuf,
        /// Make it when it does not exist; otherwise that is `NotFound`.
        create: bool,
        /// The name in `config.toml` when it is made; the folder's name otherwise.
        name: Option<String>,
        /// Refuse every write.
        read_only: bool,
        /// Open a database whose log is damaged, to read what is before the damage.
        #[serde(default)]
        salvage: bool,
    },
    /// Runs every statement of an SQL script in order and stops at the first error.
    /// Answers, for each statement: `Schema` and `Rows`... (or `Cursor`), then `StatementDone`.
    Run {
        /// The script: one statement or several.
        sql: String,
        /// What `$1`, `$2`, ... stand for, in every statement.
        params: Vec<Value>,
        /// How rows are delivered.
        delivery: Delivery,
    },
    /// Rows of a result that is held. Answers `Rows` with at most `rows` rows from `first_row`;
    /// waits until they were produced or the end is known; fewer rows than asked for mean the end.
    FetchPage {
        /// Which result.
        cursor: CursorId,
        /// The first row wanted, from 0.
        first_row: u64,
        /// How many.
        rows: u32,
    },
    /// Lets a held result go (stops the statement if it still runs).
    CloseCursor {
        /// Which result.
        cursor: CursorId,
    },
    /// Rows of a held result in another order, some left out. Answers `Cursor` with the name of this
    /// view at once, `Counted` while a filter finds rows, `Progress` now and then. A sort has its rows
    /// at the end only. The view goes with its result, or with a `CloseCursor` of its own.
    Shape {
        /// Which result, or a view of it: the result counts.
        cursor: CursorId,
        /// Which rows, in which order.
        shape: RowShape,
    },
    /// Looks for a text in all rows of a held result or view. Answers `Progress` and `Found`.
    Find {
        /// Which result or view.
        cursor: CursorId,
        /// What, from where.
        find: FindRequest,
    },
    /// Turns rows of a held result or view into text. Answers `Progress` and `Copied`.
    CopyRows {
        /// Which result or view.
        cursor: CursorId,
        /// Which rows, in which form.
        copy: CopyRequest,
    },
    /// Writes the rows of a held result or view to a file. Answers `Progress`.
    ExportRows {
        /// Which result or view.
        cursor: CursorId,
        /// Where to; it appears once it is whole.
        file: PathBuf,
        /// How; from the file's extension when absent.
        format: Option<FileFormat>,
        /// Only these columns, in this order; all when empty.
        columns: Vec<u32>,
        /// Replace a file that exists; otherwise that is `Conflict`.
        replace: bool,
    },
    /// Runs edits in one transaction, or as a part of the open one: all or none. The failure names the
    /// edit that failed.
    ApplyEdits {
        /// In order.
        edits: Vec<RowEdit>,
    },
    /// Stops another request: it ends with `Failed` of kind `Cancelled`.
    Cancel {
        /// Which request.
        request: RequestId,
    },
    /// Types, properties, and row counts as the store keeps them (no scan). Answers `Catalog`.
    Catalog,
    /// The indexes of all types. Answers `Indexes`.
    Indexes,
    /// One record by id, node or edge. Answers `Inspected`.
    Inspect {
        /// The node's or edge's id.
        id: Uuid,
    },
    /// A page of a node's edges of one type and direction. Answers `Edges`.
    Edges {
        /// The node.
        node: NodeId,
        /// `Out` or `In`; `Both` is refused.
        direction: Direction,
        /// The edge type's name.
        edge_type: String,
        /// How many edges to pass over.
        offset: u64,
        /// How many to give at most.
        limit: u32,
    },
    /// The nodes around a node. Answers `Neighbourhood`.
    Neighbourhood {
        /// The node in the middle.
        node: NodeId,
        /// Which way edges are followed.
        direction: Direction,
        /// How many steps out.
        depth: u32,
        /// Only these edge types; all when empty.
        edge_types: Vec<String>,
        /// At most this many nodes in all, the rest is counted in stubs.
        max_nodes: u32,
    },
    /// Breadth-first levels from a node. Answers `Level` for each level.
    Traverse {
        /// Where to start.
        node: NodeId,
        /// Which way edges are followed.
        direction: Direction,
        /// How many levels at most.
        depth: u32,
        /// Only these edge types; all when empty.
        edge_types: Vec<String>,
        /// At most this many edges are followed from one node.
        max_fan_out: Option<u64>,
    },
    /// A shortest path by number of edges. Answers `Path`.
    Path {
        /// Where it starts.
        from: NodeId,
        /// Where it ends.
        to: NodeId,
        /// Which way edges are followed.
        direction: Direction,
        /// Only these edge types; all when empty.
        edge_types: Vec<String>,
    },
    /// Inserts a node. Answers `Inspected` with the new node.
    InsertNode {
        /// The type; made when it does not exist.
        node_type: String,
        /// The id; a new one when absent.
        id: Option<NodeId>,
        /// Its properties.
        properties: Properties,
    },
    /// Inserts an edge. Answers `Inspected` with the new edge.
    InsertEdge {
        /// The type; made when it does not exist.
        edge_type: String,
        /// The node it leaves.
        from: NodeId,
        /// The node it enters.
        to: NodeId,
        /// Its properties.
        properties: Properties,
    },
    /// Sets properties of a node or edge; NULL removes one; others stay. Answers `Inspected`.
    UpdateRecord {
        /// The node's or edge's id.
        id: Uuid,
        /// What is set.
        properties: Properties,
    },
    /// Deletes a node with its edges, or an edge. The closing summary counts what went.
    DeleteRecord {
        /// The node's or edge's id.
        id: Uuid,
        /// Only an edge will do: `unlink`.
        edge_only: bool,
    },
    /// Reads a file into a type. Answers `Progress` now and then.
    Import(ImportOptions),
    /// Writes a type or a query's result to a file. Answers `Progress` now and then.
    Export {
        /// What is written.
        source: ExportSource,
        /// Where to. An existing file is replaced only once the new one is whole.
        file: PathBuf,
        /// How; from the file's extension when absent.
        format: Option<FileFormat>,
    },
    /// Writes nodes with the edges between them to a file. Answers `Progress` now and then.
    ExportGraph {
        /// Which.
        source: GraphSource,
        /// Where to. An existing file is replaced only once the new one is whole.
        file: PathBuf,
        /// How.
        format: GraphFormat,
        /// Replace a file that exists; otherwise that is `Conflict`.
        replace: bool,
    },
    /// Loads the built-in example graph: this program's own dependencies.
    LoadDemo,
    /// Opens a transaction: until `Commit` or `Rollback` the session's statements and commands read
    /// one snapshot and its own writes, which nobody else sees. Answers `Transaction`.
    Begin {
        /// Refuse to write in it.
        read_only: bool,
    },
    /// Commits the open transaction. Answers `Transaction`, also where it fails with `Conflict`.
    Commit,
    /// Rolls the open transaction back. Answers `Transaction`.
    Rollback,
    /// Sizes, counts, cache and storage figures. Answers `Stats`.
    Stats,
    /// Writes all that is committed to the tables. The closing summary says what was done.
    Checkpoint,
    /// Reads everything and holds it against itself. Answers `Progress` now and then, and `Verified`.
    Verify,
    /// Copies the open database into a new one. Answers `Progress` now and then; the closing summary
    /// counts the rows.
    Backup {
        /// A folder that does not exist or is empty.
        folder: PathBuf,
    },
    /// Makes the database of a backup, and verifies it; none need be open. Answers `Progress` now and
    /// then, and `Verified`.
    Restore {
        /// The folder of the backup.
        backup: PathBuf,
        /// The folder of the new database, which does not exist or is empty.
        path: PathBuf,
    },
    /// Gives the free space of a database's files back; it must not be open. The closing summary says
    /// how much that was.
    Compact {
        /// The folder that holds `.aresadb`.
        path: PathBuf,
    },
    /// The settings of the open database, after a change if one is asked for. Answers `Settings`.
    Config {
        /// A setting and its new value, which holds from the next opening on.
        set: Option<(String, String)>,
    },
    /// The segments of a database's log; it need not be open. Answers `Segments`.
    WalList {
        /// The folder that holds `.aresadb`.
        path: PathBuf,
    },
    /// Transactions of a database's log; it need not be open. Answers `Logged` for each.
    WalTail {
        /// The folder that holds `.aresadb`.
        path: PathBuf,
        /// The first transaction; the last ones otherwise.
        from: Option<u64>,
        /// How many of the last ones.
        transactions: u64,
        /// Wait for more, until cancelled.
        follow: bool,
    },
    /// Reads a database's whole log and checks it; it need not be open. Answers `Verified`.
    WalVerify {
        /// The folder that holds `.aresadb`.
        path: PathBuf,
    },
    /// What a user's desk keeps between two starts; no database need be open. Answers `Workspace`.
    Workspace(WorkspaceCommand),
}

impl Command {
    /// The registry's name of the command, for messages.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Command::Open { .. } => "open",
            Command::Run { .. } => "query",
            Command::FetchPage { .. } => "fetch",
            Command::CloseCursor { .. } => "close",
            Command::Shape { .. } => "shape",
            Command::Find { .. } => "find",
            Command::CopyRows { .. } => "copy",
            Command::ExportRows { .. } => "export",
            Command::ApplyEdits { .. } => "edit",
            Command::Cancel { .. } => "cancel",
            Command::Catalog => "schema",
            Command::Indexes => "index",
            Command::Inspect { .. } => "get",
            Command::Edges { .. } => "edges",
            Command::Neighbourhood { .. } => "neighbors",
            Command::Traverse { .. } => "traverse",
            Command::Path { .. } => "path",
            Command::InsertNode { .. } => "insert",
            Command::InsertEdge { .. } => "link",
            Command::UpdateRecord { .. } => "update",
            Command::DeleteRecord { edge_only: false, .. } => "delete",
            Command::DeleteRecord { edge_only: true, .. } => "unlink",
            Command::Import(_) => "import",
            Command::Export { .. } | Command::ExportGraph { .. } => "export",
            Command::LoadDemo => "demo",
            Command::Begin { .. } => "begin",
            Command::Commit => "commit",
            Command::Rollback => "rollback",
            Command::Stats => "stats",
            Command::Checkpoint => "checkpoint",
            Command::Verify => "verify",
            Command::Backup { .. } => "backup",
            Command::Restore { .. } => "restore",
            Command::Compact { .. } => "compact",
            Command::Config { .. } => "config",
            Command::WalList { .. } | Command::WalTail { .. } | Command::WalVerify { .. } => "wal",
            Command::Workspace(_) => "workspace",
        }
    }
}

/// How a query's rows reach the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// As they come, in `Rows` events; the producer waits for a slow reader.
    Stream {
        /// Stop after this many rows of each statement; `StatementDone` says so.
        limit: Option<u64>,
    },
    /// Held behind a cursor: `Cursor` at once, a first page as `Rows`, growth as `Counted`; the
    /// rest by `FetchPage`. Memory is bounded, the rest of a large result lies in a file.
    Cursor {
        /// Rows in the first page.
        page_rows: u32,
    },
}

/// Which rows of a result, in which order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RowShape {
    /// Rows that pass all of these stay.
    pub filters: Vec<RowFilter>,
    /// What they are ordered by, the first one first; NULL comes last in either direction.
    pub sort: Vec<SortKey>,
}

/// A column that rows are ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SortKey {
    /// Its place in the result.
    pub column: u32,
    /// The greatest first.
    pub descending: bool,
}

/// What rows must be to stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowFilter {
    /// A cell's text holds this; in any case where it has no capitals.
    Contains {
        /// The text.
        text: String,
        /// Only these columns; all when empty.
        columns: Vec<u32>,
        /// No cell holds it.
        not: bool,
    },
    /// A cell compares so; numbers compare as numbers. NULL never does.
    Compare {
        /// The column's place in the result.
        column: u32,
        /// How.
        comparison: Comparison,
        /// With what, as it is shown.
        text: String,
    },
    /// A cell is NULL.
    IsNull {
        /// The column's place in the result.
        column: u32,
        /// It is not.
        not: bool,
    },
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Comparison {
    /// Whether it holds for what stands so to what it is compared with.
    #[must_use]
    pub fn holds(self, found: std::cmp::Ordering) -> bool {
        match self {
            Comparison::Equal => found.is_eq(),
            Comparison::NotEqual => found.is_ne(),
            Comparison::Less => found.is_lt(),
            Comparison::LessOrEqual => found.is_le(),
            Comparison::Greater => found.is_gt(),
            Comparison::GreaterOrEqual => found.is_ge(),
        }
    }

    /// Its sign.
    #[must_use]
    pub fn sign(self) -> &'static str {
        match self {
            Comparison::Equal => "=",
            Comparison::NotEqual => "!=",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
        }
    }
}

/// A text to find, and where to start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindRequest {
    /// The text; in any case where it has no capitals.
    pub text: String,
    /// The columns that are looked at, in the order they are shown; all when empty.
    pub columns: Vec<u32>,
    /// The row to start at.
    pub from_row: u64,
    /// The column to start at.
    pub from_column: u32,
    /// The cell itself counts.
    pub inclusive: bool,
    /// Towards the first row.
    pub backwards: bool,
}

/// Rows of a result or view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowChoice {
    /// All of them, once they were produced.
    All,
    /// These, from 0.
    Numbers(Vec<u64>),
}

/// Rows to copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyRequest {
    /// Which.
    pub rows: RowChoice,
    /// Only these columns, in this order; all when empty.
    pub columns: Vec<u32>,
    /// In which form.
    pub format: CopyFormat,
    /// The table that INSERT statements name.
    pub table: String,
    /// Longer text goes to a file.
    pub most_bytes: u64,
}

/// A statement that changes rows, and how many it must change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowEdit {
    /// The statement.
    pub sql: String,
    /// Rows it was made for.
    pub rows: u64,
}
