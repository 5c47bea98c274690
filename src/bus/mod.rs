//! The command bus: [`Command`] in, [`Event`] out. The programs' only way to the engine.
//!
//! ```text
//!  cli, tui ── Client::send(Command) ──▶ bounded queue ──▶ worker ──▶ engine
//!      ▲                                                     │
//!      └────────── Event { session, request, body } ◀────────┘  bounded queue: a slow reader
//!                                                               slows the producer
//! ```
//!
//! Commands and events are data (serde), so a session can be recorded and replayed. Every command
//! gets exactly one closing event: [`EventBody::Done`] or [`EventBody::Failed`]. Results of queries are
//! either streamed (scripts) or held behind a paging cursor (the grid); see [`Delivery`].
//!
//! Must never: block the caller in `send`, grow a queue without bound, or swallow a failure.

pub mod complete;
pub mod registry;

mod client;
mod command;
mod copy;
mod cursor;
mod edits;
mod event;
mod figures;
mod files;
mod logs;
mod page;
mod page_encoder;
mod reach;
mod recording;
mod records;
mod report;
mod script;
mod server;
mod upkeep;
mod walks;
mod workspace;

pub use crate::engine::quiet_contained_panics;
pub use crate::query::{
    EditSource, Intent, Loss, Lost, edit_source, format_statement, split_statements, statement_at,
    statement_intents,
};
pub use crate::storage::{Fault, Finding, panic_is_contained};
pub use crate::transfer::{
    EndLookup, ExportColumn, ExportSource, FileFormat, GraphFormat, GraphSource, ImportOptions, ImportTarget,
    OnError, RowEncoder,
};
pub use client::{Client, Events};
pub use command::{
    Command, Comparison, CopyRequest, Delivery, FindRequest, RowChoice, RowEdit, RowFilter, RowShape, SortKey,
};
pub use copy::{Copied, CopyFormat, sql_literal, sql_name};
pub use cursor::contains_text;
pub use event::{
    CatalogInfo, CursorId, EdgeGroup, EdgeItem, EdgePage, Envelope, Event, EventBody, Figure, Found,
    GraphEdge, GraphElementInfo, GraphInfo, GraphNode, IndexInfo, Inspection, Neighbourhood,
    NeighbourhoodStub, PROTOCOL_VERSION, PathFound, Progress, PropertyInfo, RecordBody, ReferenceInfo,
    RequestId, ResultColumn, SessionId, StatsInfo, StorageFacts, Summary, TraverseLevel, TypeInfo, ViewInfo,
};
pub use logs::{LogAction, LogOperation, LogSegment, LogTransaction};
pub use page::Page;
pub use page_encoder::PageEncoder;
pub use recording::{RECORDING_START, Recorder, recorded_commands};
pub use server::{Bus, BusOptions};
pub use upkeep::{CheckedPart, Verification};
pub use workspace::{
    HistoryEntry, Over, QueryName, QueryPlace, WorkspaceCommand, WorkspaceEvent, check_query_name,
};
