//! What is known of the database: the words that completion offers.

use std::sync::OnceLock;

use crate::bus::registry::is_keyword;
use crate::bus::{CatalogInfo, PropertyInfo, ReferenceInfo, TypeInfo};
use crate::query::{Signature, function_signatures};

/// What is known of the database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    /// Types and views.
    pub types: Vec<TypeWords>,
    /// Functions.
    pub functions: Vec<FunctionWords>,
}

/// A type or a view.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TypeWords {
    /// Its name.
    pub name: String,
    /// Its rows are edges.
    pub is_edge: bool,
    /// It is a query under a name.
    pub is_view: bool,
    /// The declared node type an edge leaves.
    pub from: Option<String>,
    /// The declared node type an edge enters.
    pub to: Option<String>,
    /// Its rows.
    pub rows: u64,
    /// Its properties, each with what its values are.
    pub properties: Vec<(String, String)>,
    /// What its rows refer to.
    pub references: Vec<ReferenceInfo>,
}

/// A function.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FunctionWords {
    /// Its name.
    pub name: String,
    /// How it is called: `lpad(str, n[, padding])`.
    pub syntax: String,
    /// What it does.
    pub about: String,
}

/// The functions SQL has here, made once.
#[must_use]
pub fn functions() -> &'static [FunctionWords] {
    static FUNCTIONS: OnceLock<Vec<FunctionWords>> = OnceLock::new();
    FUNCTIONS.get_or_init(|| {
        let signatures = function_signatures().into_iter();
        signatures.map(|Signature { name, syntax, about }| FunctionWords { name, syntax, about }).collect()
    })
}

impl Words {
    /// The words of a schema, without functions.
    #[must_use]
    pub fn of_catalog(catalog: &CatalogInfo) -> Self {
        let views = catalog.views.iter().map(|view| TypeWords {
            name: view.name.clone(),
            is_view: true,
            properties: properties(&view.columns, &[]),
            ..TypeWords::default()
        });
        let types = catalog.types.iter().map(type_words).chain(views).collect();
        Self { types, functions: Vec::new() }
    }

    /// The type or view of a name as SQL reads it: without quotes small letters are meant.
    pub(super) fn find(&self, name: &str) -> Option<&TypeWords> {
        self.types.iter().find(|found| found.name == name)
    }
}

fn type_words(info: &TypeInfo) -> TypeWords {
    let system: &[&str] = if info.is_edge { &["id", "from_id", "to_id"] } else { &["id"] };
    TypeWords {
        name: info.name.clone(),
        is_edge: info.is_edge,
        is_view: false,
        from: info.from_type.clone(),
        to: info.to_type.clone(),
        rows: info.rows,
        properties: properties(&info.properties, system),
        references: info.references.clone(),
    }
}

fn properties(of: &[PropertyInfo], system: &[&str]) -> Vec<(String, String)> {
    let declared = of.iter().map(|p| (p.name.clone(), p.property_type.to_string().to_lowercase()));
    let missing = system.iter().filter(|name| of.iter().all(|p| p.name != **name));
    declared.chain(missing.map(|name| ((*name).to_owned(), "uuid".to_owned()))).collect()
}

impl TypeWords {
    /// What it is, in a few words.
    pub(super) fn about(&self) -> String {
        if self.is_view {
            return "view".to_owned();
        }
        let what = if self.is_edge { "edges" } else { "nodes" };
        match (&self.from, &self.to) {
            (None, None) => what.to_owned(),
            (from, to) => {
                let end = |name: &Option<String>| name.clone().unwrap_or_else(|| "any".to_owned());
                format!("{what}  {} → {}", end(from), end(to))
            }
        }
    }
}

/// Words of SQL that the parser also takes as names.
const NAMES_TOO: &[&str] = &["key", "level", "text", "type"];

/// A name as SQL needs it: in quotes unless it is plain, in small letters and no word of SQL.
#[must_use]
pub fn quote_name(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && (NAMES_TOO.contains(&name) || !is_keyword(name));
    if plain { name.to_owned() } else { in_quotes(name) }
}

pub(super) fn in_quotes(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
