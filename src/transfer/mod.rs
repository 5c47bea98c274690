//! Transfer: files in and out.
//!
//! ```text
//!  file ─▶ source (gz, zst) ─▶ delimited | json | columnar_in ─▶ rows ─▶ infer (first pass, whole file)
//!                                                                   └──▶ import (second pass) ─▶ storage::Transaction
//!  batches ─▶ encode (csv, tsv, json, jsonl) | columnar_out (parquet, arrow) ─▶ temporary file ─▶ fsync ─▶ rename
//!  View ─▶ graph_export (which nodes and edges) ─▶ graph_encode (dot, graphml, jgf) ───────┘
//! ```
//!
//! CSV is lossless both ways: NULL is an empty unquoted field and the empty string is `""`; text that
//! looks like a number, a truth value or a time is quoted when written, and a quoted field is text
//! when read. A batch is imported whole or not at all.
//!
//! Must never: read a whole file into memory, guess a type from a part of the file, leave out a row
//! without saying so, or replace an existing file before the new one is whole.

mod columnar_in;
mod columnar_out;
mod convert;
mod delimited;
mod demo;
mod encode;
mod ends;
mod export;
mod graph_encode;
mod graph_export;
mod import;
mod infer;
mod json;
mod options;
mod reject;
mod rows;
mod source;
mod whole_file;

pub use columnar_out::ColumnarEncoder;
pub use demo::{DemoCounts, load_demo};
pub use encode::{ExportColumn, RowEncoder};
pub use export::ExportWriter;
pub use graph_export::{ExportedGraph, export_graph};
pub use import::{ImportPhase, ImportProgress, ImportReport, import};
pub use options::{
    EndLookup, ExportSource, FileFormat, GraphFormat, GraphSource, ImportOptions, ImportTarget, OnError,
};
