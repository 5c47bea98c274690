//! `config.toml`: what a database is set to.
//!
//! The engine reads no environment variable and no home folder; programs do, and hand over a
//! [`Config`]. Unknown keys are errors that name the line, so that a typing mistake is not ignored.

use serde::{Deserialize, Serialize};

use super::{Error, Result, Value};

/// The newest format of the database folder that this program writes and reads.
///
/// 1: no log. 2: the log, `wal/`. 3: indexes.
pub const FORMAT_VERSION: u32 = 3;

/// The settings of a database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What the database is called.
    pub name: String,
    /// The format of the folder; see [`FORMAT_VERSION`].
    pub version: u32,
    /// When it was made, RFC 3339 in UTC.
    pub created_at: String,
    /// Where it is synced to: `s3://...`, `gs://...`, `file:///...`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket_url: Option<String>,
    /// Memory for caches.
    #[serde(default)]
    pub cache: CacheConfig,
    /// Compression of large values.
    #[serde(default)]
    pub compression: CompressionConfig,
    /// Durability.
    #[serde(default)]
    pub wal: WalConfig,
    /// Limits of statements.
    #[serde(default, skip_serializing_if = "is_default")]
    pub query: QueryConfig,
}

fn is_default(query: &QueryConfig) -> bool {
    *query == QueryConfig::default()
}

/// `[cache]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CacheConfig {
    /// The memory all caches together may take, in MiB.
    pub max_size_mb: u64,
    /// How long an entry that is not used stays, in seconds.
    pub ttl_seconds: u64,
    /// How much of it may hold results of queries, in MiB; at most half. 0: each query is run.
    #[serde(skip_serializing_if = "is_zero")]
    pub query_cache_mb: u64,
    /// What the folder `cache` may take on the disk, in MiB: columns of rows that the next opening need not make
    /// again. 0 keeps none.
    pub spill_max_size_mb: u64,
}

// The serializer hands over a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self { max_size_mb: 256, ttl_seconds: 3600, query_cache_mb: 0, spill_max_size_mb: 2048 }
    }
}

/// `[compression]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CompressionConfig {
    /// Whether long text and bytes are stored compressed.
    pub enabled: bool,
    /// How.
    pub algorithm: Compression,
}

impl Default for CompressionConfig {
    fn default() -> Self {
        Self { enabled: true, algorithm: Compression::Lz4 }
    }
}

/// A compression algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// LZ4, block format.
    Lz4,
}

/// `[wal]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WalConfig {
    /// When a commit is acknowledged.
    pub sync: SyncMode,
    /// With `sync = "interval"`: how often the log is put on the disk, in milliseconds.
    pub interval_ms: u64,
}

impl Default for WalConfig {
    fn default() -> Self {
        Self { sync: SyncMode::default(), interval_ms: 100 }
    }
}

/// `[query]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QueryConfig {
    /// The memory that sorting, grouping and joining may take in one session, in MiB; past it they
    /// use files.
    pub memory_mb: u64,
    /// How long a statement may take, in milliseconds; 0 is for ever. A session can say otherwise:
    /// `SET statement_timeout`.
    pub timeout_ms: u64,
    /// How many rounds a recursive query may take; 0 is for ever. `SET recursion_limit` in a session.
    pub recursion_limit: u64,
    /// How many rows a query may give; past it it fails. 0 is any number. `SET row_limit` in a session.
    pub row_limit: u64,
}

impl Default for QueryConfig {
    fn default() -> Self {
        Self { memory_mb: 2048, timeout_ms: 0, recursion_limit: 10_000, row_limit: 0 }
    }
}

/// When a commit is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SyncMode {
    /// Once it is on the disk: neither a crash nor a power loss takes what was acknowledged.
    #[default]
    Full,
    /// Once it is written; it is put on the disk every `interval_ms` milliseconds. A crash of the
    /// program takes nothing; a power loss or a crash of the system may take what was acknowledged in the
    /// last interval, and the time a sync takes. What is left is a whole state of some moment.
    Interval,
    /// Once it is written; it is put on the disk at checkpoints (every 30 s while there are changes, and at the
    /// close), or when the system does it. A crash of the program takes nothing; a power loss may take what was
    /// acknowledged since. What is left is a whole state of some moment.
    Off,
}

impl Config {
    /// The settings of a new database.
    #[must_use]
    pub fn new(name: impl Into<String>, created_at_micros: i64) -> Self {
        Self {
            name: name.into(),
            version: FORMAT_VERSION,
            created_at: super::format_timestamp(created_at_micros),
            bucket_url: None,
            cache: CacheConfig::default(),
            compression: CompressionConfig::default(),
            wal: WalConfig::default(),
            query: QueryConfig::default(),
        }
    }

    /// Reads the text of a `config.toml`; `path` is for messages.
    ///
    /// # Errors
    /// `BadInput` with the line, for text that is not TOML, an unknown key, or a value that does
    /// not fit; `Unsupported` for a database of a newer format.
    pub fn parse(text: &str, path: &str) -> Result<Self> {
        // The version first: a newer format may well have keys this program does not know.
        if let Ok(table) = text.parse::<toml::Table>()
            && let Some(version) = table.get("version").and_then(toml::Value::as_integer)
            && version > i64::from(FORMAT_VERSION)
        {
            return Err(Error::unsupported(format!(
                "the database has format {version}, this program knows up to {FORMAT_VERSION}"
            ))
            .at_file(path, None, None)
            .with_hint("open it with a newer aresadb; nothing was changed"));
        }
        let config: Config = toml::from_str(text).map_err(|e| {
            let line = e.span().map(|s| {
                text.get(..s.start).unwrap_or_default().bytes().filter(|b| *b == b'\n').count() as u64 + 1
            });
            Error::bad_input(e.message().trim().replace('\n', " "))
                .at_file(path, line, None)
                .with_hint("correct the line; nothing was changed")
        })?;
        if config.cache.max_size_mb == 0 {
            return Err(Error::bad_input("cache.max_size_mb must be at least 1").at_file(path, None, None));
        }
        if config.cache.query_cache_mb > config.cache.max_size_mb / 2 {
            return Err(Error::bad_input("cache.query_cache_mb must be at most half of cache.max_size_mb")
                .at_file(path, None, None));
        }
        if config.query.memory_mb == 0 {
            return Err(Error::bad_input("query.memory_mb must be at least 1").at_file(path, None, None));
        }
        if !(1..=60_000).contains(&config.wal.interval_ms) {
            return Err(Error::bad_input("wal.interval_ms must be from 1 to 60000").at_file(path, None, None));
        }
        Ok(config)
    }

    /// The settings by their names, such as `wal.sync`, in the order of the file.
    ///
    /// # Errors
    /// `Internal` if the settings cannot be written as TOML.
    pub fn settings(&self) -> Result<Vec<(String, Value)>> {
        let mut found = Vec::new();
        for (name, value) in self.as_table()? {
            match value {
                toml::Value::Table(table) => {
                    let inner = table.into_iter();
                    found.extend(inner.map(|(inner, value)| (format!("{name}.{inner}"), value_of(value))));
                }
                value => found.push((name, value_of(value))),
            }
        }
        Ok(found)
    }

    /// The part of the cache budget that goes to the pages of the tables' file, in bytes.
    #[must_use]
    pub fn page_cache_bytes(&self) -> u64 {
        self.cache_bytes() / Self::PAGES_SHARE
    }

    /// The part of the cache budget that goes to records looked up by id, in bytes.
    #[must_use]
    pub fn node_cache_bytes(&self) -> u64 {
        self.cache_bytes() / Self::NODES_SHARE
    }

    /// The part of the cache budget that goes to the filter of ids, in bytes.
    #[must_use]
    pub fn id_filter_bytes(&self) -> u64 {
        self.cache_bytes() / Self::ID_FILTER_SHARE
    }

    /// The part of the cache budget that goes to the columns of chunks, in bytes: what the others leave.
    #[must_use]
    pub fn chunk_cache_bytes(&self) -> u64 {
        self.cache_bytes()
            - self.page_cache_bytes()
            - self.node_cache_bytes()
            - self.id_filter_bytes()
            - self.query_cache_bytes()
    }

    /// The part of the cache budget that goes to results of queries, in bytes; never more than half of it.
    #[must_use]
    pub fn query_cache_bytes(&self) -> u64 {
        self.cache.query_cache_mb.saturating_mul(1 << 20).min(self.cache_bytes() / 2)
    }

    /// What columns of chunks may take on the disk, in bytes.
    #[must_use]
    pub fn spill_max_bytes(&self) -> u64 {
        self.cache.spill_max_size_mb.saturating_mul(1 << 20)
    }

    /// One part in so many of the cache budget is for pages.
    const PAGES_SHARE: u64 = 5;
    /// One part in so many is for records looked up by id: a few hot ones pay, more of them are no faster than the
    /// tables.
    const NODES_SHARE: u64 = 16;
    /// One part in so many is for the filter of ids, of which each takes about 20 bits at first.
    const ID_FILTER_SHARE: u64 = 32;

    fn cache_bytes(&self) -> u64 {
        self.cache.max_size_mb.saturating_mul(1 << 20)
    }

    /// What a setting is for; nothing for a name that there is not.
    #[must_use]
    pub fn description(name: &str) -> &'static str {
        match name {
            "name" => "what the database is called",
            "version" => "the format of its folder",
            "created_at" => "when it was made",
            "bucket_url" => "where it is synced to",
            "cache.max_size_mb" => "the memory all caches together may take, in MiB",
            "cache.ttl_seconds" => "how long a cached entry that is not used stays, in seconds",
            "cache.query_cache_mb" => "how much of it may hold results of queries, in MiB; 0 runs each query",
            "cache.spill_max_size_mb" => "the disk that kept columns of rows may take, in MiB; 0 keeps none",
            "compression.enabled" => "whether long text and bytes are stored compressed",
            "compression.algorithm" => "how they are compressed",
            "wal.sync" => "when a commit is acknowledged: full, interval or off",
            "wal.interval_ms" => "with wal.sync = interval: how often the log is synced, in milliseconds",
            "query.memory_mb" => "the memory sorts, groups and joins of a session may take, in MiB",
            "query.timeout_ms" => "how long a statement may take, in milliseconds; 0 is no limit",
            "query.recursion_limit" => "the most rounds of WITH RECURSIVE; 0 is no limit",
            "query.row_limit" => "the most rows a query may give; 0 is no limit",
            _ => "",
        }
    }

    /// The settings with one of them changed. `null` takes an optional one away.
    ///
    /// # Errors
    /// `NotFound` for a name that there is not, `BadInput` for one that cannot be changed and for a value
    /// that does not fit.
    pub fn with_setting(&self, name: &str, value: &str) -> Result<Self> {
        const FIXED: [&str; 2] = ["version", "created_at"];
        if FIXED.contains(&name) {
            return Err(Error::bad_input(format!("{name} is set when the database is made, and stays")));
        }
        let mut table = self.as_table()?;
        let (section, key) = name.split_once('.').unwrap_or(("", name));
        let known = self.settings()?.iter().any(|(known, _)| known == name) || name == "bucket_url";
        if !known {
            let names: Vec<String> = self.settings()?.into_iter().map(|(name, _)| name).collect();
            return Err(Error::not_found(format!("there is no setting '{}'", super::escape_control(name)))
                .with_hint(format!("the settings are {}, bucket_url", names.join(", "))));
        }
        let within = match section {
            "" => &mut table,
            section => match table.get_mut(section).and_then(toml::Value::as_table_mut) {
                Some(within) => within,
                None => return Err(Error::internal(format!("the section {section} is missing"))),
            },
        };
        let parsed = match within.get(key) {
            Some(toml::Value::Integer(_)) => value.parse().ok().map(toml::Value::Integer),
            Some(toml::Value::Boolean(_)) => value.parse().ok().map(toml::Value::Boolean),
            _ if value == "null" && key == "bucket_url" => None,
            _ => Some(toml::Value::String(value.to_owned())),
        };
        match parsed {
            Some(parsed) => drop(within.insert(key.to_owned(), parsed)),
            None if key == "bucket_url" => drop(within.remove(key)),
            None => {
                let kind = if within.get(key).is_some_and(toml::Value::is_bool) {
                    "true or false"
                } else {
                    "a whole number"
                };
                return Err(Error::bad_input(format!(
                    "{name} is {kind}, not '{}'",
                    super::escape_control(value)
                )));
            }
        }
        let text = toml::to_string_pretty(&table)
            .map_err(|e| Error::internal(format!("config.toml cannot be written: {e}")))?;
        Self::parse(&text, name).map_err(|error| {
            Error::bad_input(format!(
                "{name} cannot be '{}': {}",
                super::escape_control(value),
                error.message()
            ))
        })
    }

    fn as_table(&self) -> Result<toml::Table> {
        let mut whole = toml::Table::try_from(self)
            .map_err(|e| Error::internal(format!("the settings cannot be listed: {e}")))?;
        // Left out of the file while they are as they were, they can be set all the same.
        let query = toml::Table::try_from(&self.query)
            .map_err(|e| Error::internal(format!("the settings cannot be listed: {e}")))?;
        whole.insert("query".to_owned(), toml::Value::Table(query));
        if let Some(cache) = whole.get_mut("cache").and_then(toml::Value::as_table_mut) {
            let megabytes = i64::try_from(self.cache.query_cache_mb).unwrap_or(i64::MAX);
            cache.insert("query_cache_mb".to_owned(), toml::Value::Integer(megabytes));
        }
        Ok(whole)
    }

    /// The text of the file.
    ///
    /// # Errors
    /// `Internal` if the settings cannot be written as TOML.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string_pretty(self)
            .map_err(|e| Error::internal(format!("config.toml cannot be written: {e}")))
    }
}

fn value_of(value: toml::Value) -> Value {
    match value {
        toml::Value::Integer(n) => Value::Integer(n),
        toml::Value::Boolean(b) => Value::Bool(b),
        toml::Value::Float(f) => Value::Float(f),
        toml::Value::String(text) => Value::String(text),
        other => Value::String(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_changed_by_name_and_checked() {
        let config = Config::new("mydb", 0);
        let set = |name: &str, value: &str| config.with_setting(name, value);
        assert_eq!(set("wal.sync", "interval").unwrap().wal.sync, SyncMode::Interval);
        assert_eq!(set("query.timeout_ms", "250").unwrap().query.timeout_ms, 250);
        assert!(!set("compression.enabled", "false").unwrap().compression.enabled);
        let bucket = set("bucket_url", "s3://b").unwrap();
        assert_eq!(bucket.bucket_url.as_deref(), Some("s3://b"));
        assert_eq!(bucket.with_setting("bucket_url", "null").unwrap(), config);
        for (name, value) in [
            ("wal.sync", "never"),
            ("cache.query_cache_mb", "129"),
            ("cache.max_size_mb", "x"),
            ("cache.max_size_mb", "0"),
            ("version", "1"),
        ] {
            assert_eq!(set(name, value).unwrap_err().kind(), crate::model::ErrorKind::BadInput, "{name}");
        }
        let error = set("wal.snyc", "full").unwrap_err();
        assert!(error.hint().unwrap().contains("wal.sync"), "{error}");
        let names: Vec<String> = config.settings().unwrap().into_iter().map(|(name, _)| name).collect();
        assert!(names.contains(&"query.memory_mb".to_owned()), "{names:?}");
        assert!(names.iter().all(|name| !Config::description(name).is_empty()), "{names:?}");
    }

    #[test]
    fn a_config_survives_its_file() {
        let config = Config::new("mydb", 1_700_000_000_000_000);
        let text = config.to_toml().unwrap();
        assert_eq!(Config::parse(&text, "config.toml").unwrap(), config);
    }

    #[test]
    fn an_unknown_key_is_an_error_with_its_line() {
        let text = "name = \"x\"\nversion = 1\ncreated_at = \"now\"\n[cache]\nmax_size = 3\n";
        let error = Config::parse(text, "config.toml").unwrap_err();
        assert_eq!(error.place().unwrap().to_string(), "config.toml, line 5");
        assert!(error.message().contains("max_size"), "{error}");
    }

    #[test]
    fn a_newer_format_is_refused_even_with_unknown_keys() {
        let error = Config::parse("name = \"x\"\nversion = 99\nfuture = true\n", "config.toml").unwrap_err();
        assert_eq!(error.kind(), crate::model::ErrorKind::Unsupported);
    }
}
