//! What an import or export is asked to do: plain data, so that a program can send it as a command.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::model::{Error, Result};

/// What `import` reads and where it goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImportOptions {
    /// The file; `.gz` and `.zst` are read as they are.
    pub file: PathBuf,
    /// Its format; from the extension when absent.
    pub format: Option<FileFormat>,
    /// What its rows become.
    pub target: ImportTarget,
    /// Rows in one commit.
    pub batch: u32,
    /// All rows in one commit, or none.
    pub atomic: bool,
    /// What happens to a row that is wrong.
    pub on_error: OnError,
    /// Rows whose value of this property exists already update that row.
    pub key: Option<String>,
}

/// What imported rows become.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportTarget {
    /// Nodes of a type.
    Nodes {
        /// The type's name.
        node_type: String,
    },
    /// Edges of a type.
    Edges {
        /// The type's name.
        edge_type: String,
        /// How the node it leaves is found.
        from: EndLookup,
        /// How the node it enters is found.
        to: EndLookup,
    },
}

/// Finds an edge's end: `TYPE.PROPERTY=COLUMN`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndLookup {
    /// The node type.
    pub node_type: String,
    /// The property that names a node; `id` is its id.
    pub property: String,
    /// The file's column that holds the value.
    pub column: String,
}

impl EndLookup {
    /// Reads `TYPE.PROPERTY=COLUMN`; the column is the property's name when it is left out.
    ///
    /// # Errors
    /// `BadInput` for other text.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = || {
            Error::bad_input(format!("'{text}' does not say how an end is found"))
                .with_hint("write TYPE.PROPERTY=COLUMN, such as package.name=from")
        };
        let (name, column) = text.split_once('=').map_or((text, None), |(n, c)| (n, Some(c)));
        // The last dot: a type's name may hold one, the property after it rarely does.
        let (node_type, property) = name.rsplit_once('.').ok_or_else(wrong)?;
        let column = column.unwrap_or(property);
        if node_type.is_empty() || property.is_empty() || column.is_empty() {
            return Err(wrong());
        }
        Ok(Self { node_type: node_type.to_owned(), property: property.to_owned(), column: column.to_owned() })
    }
}

/// A file format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileFormat {
    /// Comma-separated values (RFC 4180) with a header.
    Csv,
    /// Tab-separated values with a header.
    Tsv,
    /// One array of objects.
    Json,
    /// One object a line.
    Jsonl,
    /// Apache Parquet.
    Parquet,
    /// Arrow IPC, as a file or as a stream.
    Arrow,
}

impl FileFormat {
    /// The format an extension names, behind `.gz` or `.zst` if there is one.
    ///
    /// # Errors
    /// `BadInput` for an extension that names none.
    pub fn of_path(path: &Path) -> Result<Self> {
        Self::parse(&extension(path)).map_err(|_| {
            Error::bad_input(format!("{}: the extension does not name a format", path.display()))
                .with_hint("give --format csv, tsv, json, jsonl, parquet or arrow")
        })
    }

    /// The format of a name.
    ///
    /// # Errors
    /// `BadInput` for an unknown name.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "csv" => Ok(FileFormat::Csv),
            "tsv" | "tab" => Ok(FileFormat::Tsv),
            "json" => Ok(FileFormat::Json),
            "jsonl" | "ndjson" => Ok(FileFormat::Jsonl),
            "parquet" | "pq" => Ok(FileFormat::Parquet),
            "arrow" | "arrows" | "feather" | "ipc" => Ok(FileFormat::Arrow),
            _ => Err(Error::bad_input(format!("there is no file format '{name}'"))
                .with_hint("csv, tsv, json, jsonl, parquet and arrow are known")),
        }
    }

    /// Whether its values are JSON.
    #[must_use]
    pub fn is_json(self) -> bool {
        matches!(self, FileFormat::Json | FileFormat::Jsonl)
    }

    /// Whether its columns have types of their own.
    #[must_use]
    pub fn is_columnar(self) -> bool {
        matches!(self, FileFormat::Parquet | FileFormat::Arrow)
    }
}

/// The extension of a file in small letters, the one before `.gz` or `.zst` if there is one.
fn extension(path: &Path) -> String {
    let name = path.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
    let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
    name.rsplit_once('.').map_or_else(String::new, |(_, extension)| extension.to_owned())
}

/// A file format for nodes with the edges between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GraphFormat {
    /// Graphviz's language, to draw a graph: types and labels, no properties.
    Dot,
    /// GraphML, with all properties.
    Graphml,
    /// JSON Graph Format, version 2, with all properties.
    Jgf,
}

impl GraphFormat {
    /// All of them.
    pub const ALL: [GraphFormat; 3] = [GraphFormat::Dot, GraphFormat::Graphml, GraphFormat::Jgf];

    /// The format an extension names, behind `.gz` or `.zst` if there is one; `None` for an extension of none.
    #[must_use]
    pub fn of_path(path: &Path) -> Option<Self> {
        match extension(path).as_str() {
            "dot" | "gv" => Some(GraphFormat::Dot),
            "graphml" => Some(GraphFormat::Graphml),
            "jgf" => Some(GraphFormat::Jgf),
            _ => None,
        }
    }
}

/// The nodes and edges that are exported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GraphSource {
    /// Everything.
    Whole,
    /// The nodes of a type with the edges among them, or the edges of a type with the nodes at their ends.
    Type(String),
    /// The nodes and edges whose ids a query gives. Edges have their ends with them; where it gives no edge, all
    /// among its nodes come along.
    Sql(String),
    /// The nodes and edges of these ids, as for a query.
    Records(Vec<Uuid>),
}

/// What happens to a row that is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnError {
    /// The import stops; batches before it stay (unless `atomic`).
    #[default]
    Stop,
    /// It goes to `FILE.rejected`, the import goes on.
    Skip,
}

/// What is exported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportSource {
    /// All rows of a type with all columns.
    Type(String),
    /// A query's rows.
    Sql(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_read_from_their_short_form() {
        let end = EndLookup::parse("package.name=from").unwrap();
        assert_eq!(
            (end.node_type.as_str(), end.property.as_str(), end.column.as_str()),
            ("package", "name", "from")
        );
        assert_eq!(EndLookup::parse("package.name").unwrap().column, "name");
        assert!(EndLookup::parse("name=from").is_err());
        assert!(EndLookup::parse("package.=from").is_err());
    }

    #[test]
    fn formats_come_from_extensions_behind_compression() {
        let of = |name: &str| FileFormat::of_path(Path::new(name));
        assert_eq!(of("a/package.csv.gz").unwrap(), FileFormat::Csv);
        assert_eq!(of("x.JSONL.zst").unwrap(), FileFormat::Jsonl);
        assert_eq!(of("x.parquet").unwrap(), FileFormat::Parquet);
        assert_eq!(of("x.arrow").unwrap(), FileFormat::Arrow);
        assert_eq!(GraphFormat::of_path(Path::new("a.b/x.GV.gz")), Some(GraphFormat::Dot));
        assert_eq!(GraphFormat::of_path(Path::new("x.graphml")), Some(GraphFormat::Graphml));
        assert_eq!(GraphFormat::of_path(Path::new("dot")), None);
        assert_eq!(of("x").unwrap_err().kind(), crate::model::ErrorKind::BadInput);
    }
}
