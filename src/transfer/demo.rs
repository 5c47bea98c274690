//! The built-in example graph: this program's own dependencies, from the lock file it was built with.
//!
//! `package` nodes (name, version, source, checksum) and `depends_on` edges.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::Deserialize;

use crate::model::{EdgeEnds, Error, PropertyType, Result, RowId, TypeKind, Value};
use crate::storage::Store;

const LOCK_FILE: &str = include_str!("../../Cargo.lock");

/// What the example consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DemoCounts {
    /// Nodes of type `package`.
    pub packages: u64,
    /// Edges of type `depends_on`.
    pub dependencies: u64,
}

#[derive(Deserialize)]
struct LockFile {
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    source: Option<String>,
    checksum: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

/// Loads the example in one commit.
///
/// # Errors
/// `Constraint` when the types `package` or `depends_on` exist already and have rows; what the store
/// fails with.
pub fn load_demo(store: &Arc<Store>) -> Result<DemoCounts> {
    let lock: LockFile = toml::from_str(LOCK_FILE)
        .map_err(|e| Error::internal(format!("the built-in lock file cannot be read: {}", e.message())))?;
    let view = store.view();
    for name in ["package", "depends_on"] {
        if let Some(found) = view.catalog().get(name)
            && view.live_rows(found.id)? > 0
        {
            return Err(Error::constraint(format!("type '{name}' has rows already"))
                .with_hint("load the example into an empty database"));
        }
    }
    let mut tx = store.begin()?;
    tx.begin_statement();
    let node_type = tx.ensure_type("package", TypeKind::Node)?;
    let mut property = |name| tx.ensure_property(node_type, name, PropertyType::String);
    let (name, version) = (property("name")?, property("version")?);
    let (source, checksum) = (property("source")?, property("checksum")?);
    let mut rows: BTreeMap<(&str, &str), RowId> = BTreeMap::new();
    let mut versions: HashMap<&str, Vec<&str>> = HashMap::new();
    for package in &lock.package {
        let mut values = vec![
            (name, Value::from(package.name.as_str())),
            (version, Value::from(package.version.as_str())),
        ];
        if let Some(text) = &package.source {
            values.push((source, Value::from(source_kind(text))));
        }
        if let Some(text) = &package.checksum {
            values.push((checksum, Value::from(text.as_str())));
        }
        let (row, _) = tx.insert_node(node_type, None, values)?;
        rows.insert((&package.name, &package.version), row);
        versions.entry(&package.name).or_default().push(&package.version);
    }
    let edge_type = tx.ensure_type("depends_on", TypeKind::Edge(EdgeEnds::default()))?;
    let mut dependencies = 0;
    for package in &lock.package {
        let Some(from) = rows.get(&(package.name.as_str(), package.version.as_str())) else { continue };
        for dependency in &package.dependencies {
            let to = find(dependency, &rows, &versions).ok_or_else(|| {
                Error::internal(format!("the built-in lock file does not list '{dependency}'"))
            })?;
            tx.insert_edge(edge_type, None, *from, to, Vec::new())?;
            dependencies += 1;
        }
    }
    tx.end_statement();
    store.commit(tx)?;
    Ok(DemoCounts { packages: lock.package.len() as u64, dependencies })
}

/// The kind of a source, such as `registry` or `git`: what stands before the plus sign.
fn source_kind(source: &str) -> &str {
    source.split_once('+').map_or(source, |(kind, _)| kind)
}

/// A dependency is `name`, or `name version` where several versions are locked.
fn find(
    dependency: &str,
    rows: &BTreeMap<(&str, &str), RowId>,
    versions: &HashMap<&str, Vec<&str>>,
) -> Option<RowId> {
    let mut words = dependency.split(' ');
    let name = words.next()?;
    let version = match words.next() {
        Some(version) => version,
        None => versions.get(name)?.first()?,
    };
    rows.get(&(name, version)).copied()
}
