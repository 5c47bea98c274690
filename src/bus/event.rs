//! What the engine answers.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{CheckDef, Edge, EdgeId, Error, Node, NodeId, PropertyType, ReferenceAction, Value};

use super::command::Command;
use super::copy::Copied;
use super::workspace::WorkspaceEvent;
use super::{LogSegment, LogTransaction, Page, Verification};

/// The version of commands and events; raised when old recordings no longer fit.
pub const PROTOCOL_VERSION: u16 = 1;

/// Which client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SessionId(pub u64);

/// Which command of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RequestId(pub u64);

/// Which held result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CursorId(pub u64);

/// A command on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// See [`PROTOCOL_VERSION`].
    pub protocol: u16,
    /// Who asks.
    pub session: SessionId,
    /// Which of its commands this is.
    pub request: RequestId,
    /// What is asked.
    pub command: Command,
}

/// An answer, or a part of one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Event {
    /// See [`PROTOCOL_VERSION`].
    pub protocol: u16,
    /// Whose command it answers.
    pub session: SessionId,
    /// Which command it answers.
    pub request: RequestId,
    /// What it says.
    pub body: EventBody,
}

/// What an event says.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "event", content = "data", rename_all = "snake_case")]
pub enum EventBody {
    /// The database is open.
    Opened {
        /// Its name.
        name: String,
        /// Its folder, or `:memory:`.
        path: String,
        /// Writes are refused.
        read_only: bool,
        /// It was made just now.
        created: bool,
        /// What was found that a user should know: data that is missing, a torn end of the log.
        #[serde(default)]
        notices: Vec<String>,
    },
    /// A statement's result has these columns.
    Schema {
        /// Which statement of the script, from 0.
        statement: u32,
        /// The columns in order.
        columns: Vec<ResultColumn>,
    },
    /// A statement's result is held.
    Cursor {
        /// Which statement of the script, from 0.
        statement: u32,
        /// Its name for `FetchPage`.
        cursor: CursorId,
        /// The columns in order.
        columns: Vec<ResultColumn>,
    },
    /// Rows of a result.
    Rows {
        /// The held result they belong to, if it is held.
        cursor: Option<CursorId>,
        /// The rows.
        page: Page,
    },
    /// A held result has grown, or is whole.
    Counted {
        /// Which result.
        cursor: CursorId,
        /// The rows produced so far.
        rows: u64,
        /// Whether that is all.
        complete: bool,
    },
    /// A statement of a script is done.
    StatementDone {
        /// Which statement of the script, from 0.
        statement: u32,
        /// What it did.
        summary: Summary,
        /// How long it took, until its last row was produced.
        elapsed: Duration,
    },
    /// The session's transaction was opened or ended, by this command or statement.
    Transaction {
        /// Whether one is open now.
        open: bool,
    },
    /// Long work goes on.
    Progress(Progress),
    /// The schema.
    Catalog(CatalogInfo),
    /// The indexes, by type and name.
    Indexes(Vec<IndexInfo>),
    /// A record.
    Inspected(Box<Inspection>),
    /// A page of edges.
    Edges(EdgePage),
    /// The nodes around a node.
    Neighbourhood(Neighbourhood),
    /// A level of a traversal.
    Level(TraverseLevel),
    /// The next cell with a text, or none in all rows.
    Found(Option<Found>),
    /// Rows were copied.
    Copied(Copied),
    /// A shortest path, or none.
    Path(Option<PathFound>),
    /// Figures.
    Stats(StatsInfo),
    /// What was verified, and what is wrong with it.
    Verified(Box<Verification>),
    /// Settings by their names.
    Settings(Vec<(String, Value)>),
    /// Segments of the log.
    Segments(Vec<LogSegment>),
    /// A transaction of the log, or a part of one.
    Logged(Box<LogTransaction>),
    /// What the user's desk keeps.
    Workspace(WorkspaceEvent),
    /// The command is done.
    Done {
        /// What it did.
        summary: Summary,
        /// How long it took.
        elapsed: Duration,
    },
    /// The command failed; nothing follows.
    Failed {
        /// Why.
        error: Error,
        /// Which statement of a script failed, from 0.
        statement: Option<u32>,
    },
}

impl EventBody {
    /// Whether no event follows for the same request.
    #[must_use]
    pub fn is_last(&self) -> bool {
        matches!(self, EventBody::Done { .. } | EventBody::Failed { .. })
    }
}

/// A column of a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultColumn {
    /// Its name.
    pub name: String,
    /// What its values are.
    pub property_type: PropertyType,
}

/// What a statement or command did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Summary {
    /// `SELECT`, `INSERT`, `CREATE TABLE`, `IMPORT`, ...
    pub verb: String,
    /// Rows returned or changed.
    pub rows: u64,
    /// Rows were left out because of a limit.
    pub truncated: bool,
    /// More to tell a user, a sentence without a full stop, such as `12 edges deleted with them`.
    pub note: Option<String>,
}

/// How far long work is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// What is going on, such as `import package`.
    pub what: String,
    /// Items done.
    pub done: u64,
    /// What items are: `rows`, `bytes`.
    pub unit: String,
    /// From 0 to 1, where it can be told.
    pub fraction: Option<f64>,
    /// Since the start.
    pub elapsed: Duration,
}

/// A cell that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Its row in the result or view, from 0.
    pub row: u64,
    /// Its column in the result.
    pub column: u32,
    /// The search went on at the other end.
    pub wrapped: bool,
}

/// The schema as programs show it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CatalogInfo {
    /// Node types, then edge types, each by name.
    pub types: Vec<TypeInfo>,
    /// Views, by name.
    #[serde(default)]
    pub views: Vec<ViewInfo>,
    /// Property graphs, by name.
    #[serde(default)]
    pub graphs: Vec<GraphInfo>,
    /// Raised by each change of the schema.
    pub version: u64,
}

/// A type as programs show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TypeInfo {
    /// Its name.
    pub name: String,
    /// Its rows are edges.
    pub is_edge: bool,
    /// The declared node type an edge leaves.
    pub from_type: Option<String>,
    /// The declared node type an edge enters.
    pub to_type: Option<String>,
    /// Declared, or made by its first insert.
    pub declared: bool,
    /// Declared, and open to properties that are not.
    #[serde(default)]
    pub open: bool,
    /// Live rows.
    pub rows: u64,
    /// Its properties.
    pub properties: Vec<PropertyInfo>,
    /// Its checks.
    #[serde(default)]
    pub checks: Vec<CheckDef>,
    /// What its rows refer to.
    #[serde(default)]
    pub references: Vec<ReferenceInfo>,
}

/// A reference as programs show it: `FOREIGN KEY (properties) REFERENCES target (keys)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReferenceInfo {
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// What becomes of the row when the one it refers to is deleted.
    #[serde(default)]
    pub on_delete: ReferenceAction,
    /// What becomes of the row when the key it refers to changes.
    #[serde(default)]
    pub on_update: ReferenceAction,
    /// The properties that refer, in order.
    pub properties: Vec<String>,
    /// The type they refer to.
    pub target: String,
    /// Its properties that are referred to, in the same order.
    pub keys: Vec<String>,
}

/// A view as programs show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ViewInfo {
    /// Its name.
    pub name: String,
    /// Its columns.
    pub columns: Vec<PropertyInfo>,
    /// The query it stands for.
    pub query: String,
}

/// A property graph as programs show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GraphInfo {
    /// Its name.
    pub name: String,
    /// Its nodes, then its edges.
    pub elements: Vec<GraphElementInfo>,
    /// The statement that makes it.
    pub definition: String,
}

/// A type in a property graph as programs show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GraphElementInfo {
    /// Its name in the graph.
    pub name: String,
    /// Its rows are edges.
    pub is_edge: bool,
    /// Its labels.
    pub labels: Vec<String>,
    /// Its properties.
    pub properties: Vec<PropertyInfo>,
}

/// A property as programs show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PropertyInfo {
    /// Its name.
    pub name: String,
    /// What its values are.
    pub property_type: PropertyType,
    /// Declared, or seen in data.
    pub declared: bool,
    /// NULL is refused.
    pub not_null: bool,
    /// The SQL of its default.
    pub default: Option<String>,
}

/// An index as programs show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexInfo {
    /// Its name.
    pub name: String,
    /// The type it belongs to.
    pub type_name: String,
    /// What it is ordered by, the first one first.
    pub properties: Vec<String>,
    /// No two rows have the same values.
    pub unique: bool,
    /// The constraint it belongs to and goes with, such as `primary key`.
    pub constraint: Option<String>,
}

/// Everything about one record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inspection {
    /// The record.
    pub record: RecordBody,
    /// A node's edges, counted by type and direction: outgoing first, then by name.
    pub edges: Vec<EdgeGroup>,
    /// An edge's ends as people know them: the node it leaves, then the one it enters.
    pub ends: Option<(GraphNode, GraphNode)>,
    /// Where it lies.
    pub storage: StorageFacts,
}

/// A node or an edge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordBody {
    /// A node.
    Node(Node),
    /// An edge.
    Edge(Edge),
}

/// A node's edges of one type and direction, counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeGroup {
    /// The type.
    pub edge_type: String,
    /// They leave the node; otherwise they enter it.
    pub outgoing: bool,
    /// How many.
    pub count: u64,
}

/// Where a record lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageFacts {
    /// Its row handle.
    pub row: u64,
    /// Its sequence within the type.
    pub sequence: u64,
    /// The chunk of 8,192 rows it belongs to.
    pub chunk: u64,
    /// The bytes of its stored record.
    pub bytes: u64,
    /// The log position of its last change; 0 while that is not committed.
    pub lsn: u64,
    /// The stored bytes, at most the first 64 KiB of them.
    pub raw: Vec<u8>,
}

/// A page of a node's edges.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EdgePage {
    /// The node.
    pub node: NodeId,
    /// They leave the node.
    pub outgoing: bool,
    /// Their type.
    pub edge_type: String,
    /// How many were passed over.
    pub offset: u64,
    /// All there are.
    pub total: u64,
    /// The page.
    pub items: Vec<EdgeItem>,
}

/// An edge with its other end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EdgeItem {
    /// The edge.
    pub edge: EdgeId,
    /// The node at its other end.
    pub other: GraphNode,
}

/// A node as it is drawn.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GraphNode {
    /// Its identity.
    pub id: NodeId,
    /// Its type.
    pub node_type: String,
    /// What people know it by: the first of `name`, `title`, `label`, ... that it has, or its id.
    pub label: String,
}

/// An edge as it is drawn; ends are places in the list of nodes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GraphEdge {
    /// Its identity.
    pub id: EdgeId,
    /// Its type.
    pub edge_type: String,
    /// The node it leaves, by place in the list.
    pub from: u32,
    /// The node it enters, by place in the list.
    pub to: u32,
}

/// The nodes around a node, at most as many as were asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Neighbourhood {
    /// The middle first, then by step and edge type.
    pub nodes: Vec<GraphNode>,
    /// For each node, how many steps from the middle.
    pub depth: Vec<u32>,
    /// The edges among them.
    pub edges: Vec<GraphEdge>,
    /// What was left out, by node, edge type and direction.
    pub stubs: Vec<NeighbourhoodStub>,
    /// Edge types with edges at the middle, counted in both directions: for the edge filter.
    pub edge_types: BTreeMap<String, u64>,
}

/// Edges of a node that are not drawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NeighbourhoodStub {
    /// The node, by place in the list.
    pub node: u32,
    /// Their type.
    pub edge_type: String,
    /// They leave the node.
    pub outgoing: bool,
    /// How many are not drawn.
    pub count: u64,
}

/// A level of a traversal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TraverseLevel {
    /// Steps from the start; 1 is the first.
    pub depth: u32,
    /// Nodes not reached in fewer steps, in order of their discovery.
    pub nodes: Vec<GraphNode>,
    /// Some node had more edges than the cap, so nodes may be missing.
    pub capped: bool,
}

/// A path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PathFound {
    /// Its nodes from start to end.
    pub nodes: Vec<GraphNode>,
    /// The edges between them, one fewer; ends are places in `nodes`.
    pub edges: Vec<GraphEdge>,
}

/// Figures in groups: group, then name, then value.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct StatsInfo {
    /// In the order they are shown.
    pub figures: Vec<Figure>,
}

/// A figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// `database`, `storage`, `cache`, ...
    pub group: String,
    /// What it is.
    pub name: String,
    /// Its value.
    pub value: Value,
    /// `bytes`, `rows`, ...; empty for a plain number or text.
    pub unit: String,
}
