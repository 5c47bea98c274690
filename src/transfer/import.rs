//! Import: two passes over a file, the second of which writes in batches.
//!
//! The first pass reads the whole file to infer the types of columns that have none yet (it is left
//! out where every column's type is known) and finds broken lines before anything is written. The
//! second converts each row, looks up ends and keys, and commits batch by batch; a batch is applied
//! whole or not at all. Memory: one batch, and one map entry for each node that can be an end.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::model::{
    CancelToken, EdgeEnds, EdgeId, Error, ErrorKind, NodeId, PropertyId, PropertyType, Result, RowId,
    TypeDef, TypeId, TypeKind, Value, sqlstate,
};
use crate::storage::{Store, Transaction, View};

use super::convert::{value_from_json_cell, value_from_text};
use super::ends::{ID, KeyMap, utf8};
use super::infer::Guess;
use super::options::{EndLookup, FileFormat, ImportOptions, ImportTarget, OnError};
use super::reject::Rejects;
use super::rows::{Bad, Cell, Next, Rows};

/// Rows between two looks at the cancel token and the clock.
const ROWS_PER_LOOK: u64 = 1024;
/// At most so often is progress reported between commits.
const REPORT_INTERVAL: Duration = Duration::from_millis(100);

/// What an import is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportPhase {
    /// Reading the file for the types of its columns.
    Inferring,
    /// Writing rows.
    Writing,
}

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ImportProgress {
    /// What it is doing.
    pub phase: ImportPhase,
    /// Rows read in this phase.
    pub rows: u64,
    /// Rows that are durable.
    pub committed: u64,
    /// How much of the file this phase has read, from 0 to 1.
    pub fraction: Option<f64>,
    /// Since the import began.
    pub elapsed: Duration,
}

/// What an import did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImportReport {
    /// Rows inserted.
    pub rows: u64,
    /// Rows that existed (by `--key`) and were updated.
    pub updated: u64,
    /// Rows left out because they were wrong.
    pub skipped: u64,
    /// Where the rows left out stand.
    pub rejected_file: Option<PathBuf>,
}

/// Reads a file into a type.
///
/// # Errors
/// `NotFound` for a file, end type or property that does not exist; `BadInput` and `Constraint` with
/// file, line and column for a row that is wrong (batches before it stay, unless `atomic`);
/// `Cancelled`; and what the store fails with.
pub fn import(
    store: &Arc<Store>,
    options: &ImportOptions,
    progress: &mut dyn FnMut(ImportProgress),
    cancel: &CancelToken,
) -> Result<ImportReport> {
    read_into(store, options, progress, cancel).map_err(|error| {
        // What concerns the file as a whole (cut off, no header) names it at least.
        if error.kind() == ErrorKind::BadInput && error.place().is_none() {
            error.at_file(options.file.display().to_string(), None, None)
        } else {
            error
        }
    })
}

fn read_into(
    store: &Arc<Store>,
    options: &ImportOptions,
    progress: &mut dyn FnMut(ImportProgress),
    cancel: &CancelToken,
) -> Result<ImportReport> {
    let format = match options.format {
        Some(format) => format,
        None => FileFormat::of_path(&options.file)?,
    };
    let view = store.view();
    let (name, is_edge) = match &options.target {
        ImportTarget::Nodes { node_type } => (node_type.as_str(), false),
        ImportTarget::Edges { edge_type, .. } => (edge_type.as_str(), true),
    };
    if is_edge && options.key.is_some() {
        return Err(Error::unsupported("--key updates nodes, not edges")
            .with_hint("delete the edges that are to be replaced, then import without --key"));
    }
    let existing = view.catalog().get(name).cloned();
    if let Some(found) = &existing
        && found.is_edge() != is_edge
    {
        let (is, wanted) = if is_edge { ("a node type", "edges") } else { ("an edge type", "nodes") };
        return Err(Error::constraint(format!("'{name}' is {is}, it cannot take {wanted}")));
    }
    let mut watch = Watch { progress, cancel, started: Instant::now(), reported: None, committed: 0 };
    let plan = Plan::make(&view, options, format, name, existing.as_deref(), &mut watch)?;
    let writer = Writer {
        store,
        options,
        plan,
        batch: Batch::default(),
        report: ImportReport::default(),
        rejects: Rejects::new(&options.file),
        view,
    };
    writer.run(format, &mut watch)
}

/// Progress and cancelling.
struct Watch<'a> {
    progress: &'a mut dyn FnMut(ImportProgress),
    cancel: &'a CancelToken,
    started: Instant,
    reported: Option<Instant>,
    committed: u64,
}

impl Watch<'_> {
    /// Called for each row; looks up only now and then.
    fn row(&mut self, phase: ImportPhase, rows: u64, file: &Rows) -> Result<()> {
        if rows.is_multiple_of(ROWS_PER_LOOK) {
            self.cancel.check()?;
            if self.reported.is_none_or(|at| at.elapsed() >= REPORT_INTERVAL) {
                self.report(phase, rows, file);
            }
        }
        Ok(())
    }

    fn report(&mut self, phase: ImportPhase, rows: u64, file: &Rows) {
        self.reported = Some(Instant::now());
        (self.progress)(ImportProgress {
            phase,
            rows,
            committed: self.committed,
            fraction: file.position().fraction(),
            elapsed: self.started.elapsed(),
        });
    }
}

/// What becomes of each column.
struct Plan {
    type_name: String,
    kind: TypeKind,
    columns: Vec<PlannedColumn>,
    /// The file's column that holds the records' own ids.
    id_column: Option<usize>,
    key: Option<(KeyMap, KeyPlace)>,
    ends: Option<(End, End)>,
    quotes_everything: bool,
    /// Each row is a statement of its own: one that breaks a rule of its type is left out whole, with
    /// the entries of its keys.
    alone: bool,
}

struct PlannedColumn {
    /// Its place in the file.
    place: usize,
    name: String,
    property_type: PropertyType,
}

enum KeyPlace {
    /// The key is a property: its place in [`Plan::columns`].
    Property(usize),
    /// The key is the id.
    Id,
}

struct End {
    place: usize,
    column: String,
    type_id: TypeId,
    /// Both ends share a map when they are looked up alike.
    map: Arc<KeyMap>,
}

impl Plan {
    fn make(
        view: &View,
        options: &ImportOptions,
        format: FileFormat,
        name: &str,
        existing: Option<&TypeDef>,
        watch: &mut Watch<'_>,
    ) -> Result<Self> {
        let mut file = Rows::open(&options.file, format)?;
        let end_columns: Vec<&str> = match &options.target {
            ImportTarget::Nodes { .. } => Vec::new(),
            ImportTarget::Edges { from, to, .. } => vec![&from.column, &to.column],
        };
        // Ends first: a missing type or property is told before the file is read.
        let maps = match &options.target {
            ImportTarget::Nodes { .. } => None,
            ImportTarget::Edges { from, to, .. } => Some(end_maps(view, from, to, watch.cancel)?),
        };
        if matches!(format, FileFormat::Csv | FileFormat::Tsv) {
            for column in &end_columns {
                column_place(&file, column, options)?;
            }
        }
        let own_id = existing.is_none_or(|d| d.property(ID).is_none());
        let known = |column: &str| {
            end_columns.contains(&column) || existing.is_some_and(|d| d.property(column).is_some())
        };
        // A file of typed columns says what they are; only whether `id` is ids must be looked up.
        let says = |place: usize, column: &str| {
            file.type_of(place).is_some_and(|t| column != ID || t != PropertyType::String)
        };
        let all_said = matches!(format, FileFormat::Csv | FileFormat::Tsv) || format.is_columnar();
        let mut named = file.columns().names().iter().enumerate();
        let all_known = all_said && named.all(|(place, column)| known(column) || says(place, column));
        let guesses = if all_known { Guesses::default() } else { Guesses::read(&mut file, options, watch)? };

        let mut columns = Vec::new();
        let mut id_column = None;
        for (place, column) in file.columns().names().iter().enumerate() {
            if end_columns.contains(&column.as_str()) {
                continue;
            }
            let ids = guesses.ids || file.type_of(place) == Some(PropertyType::Uuid);
            if column == ID && own_id && (ids || options.key.as_deref() == Some(ID)) {
                id_column = Some(place);
                continue;
            }
            let guess = || guesses.columns.get(place).map_or(PropertyType::String, Guess::property_type);
            let guessed = file.type_of(place).unwrap_or_else(guess);
            let property_type =
                existing.and_then(|d| d.property(column)).map_or(guessed, |p| p.property_type);
            columns.push(PlannedColumn { place, name: column.clone(), property_type });
        }
        let ends = match (&options.target, maps) {
            (ImportTarget::Edges { from, to, .. }, Some((from_map, to_map))) => {
                let end = |lookup: &EndLookup, map| -> Result<End> {
                    let place = column_place(&file, &lookup.column, options)?;
                    let type_id = view.catalog().require(&lookup.node_type)?.id;
                    Ok(End { place, column: lookup.column.clone(), type_id, map })
                };
                Some((end(from, from_map)?, end(to, to_map)?))
            }
            _ => None,
        };
        let kind = existing.map_or(
            if end_columns.is_empty() { TypeKind::Node } else { TypeKind::Edge(EdgeEnds::default()) },
            |d| d.kind,
        );
        let mut plan = Plan {
            type_name: name.to_owned(),
            kind,
            columns,
            id_column,
            key: None,
            ends,
            quotes_everything: file.quotes_everything,
            alone: options.on_error == OnError::Skip
                && existing.is_some_and(|d| !d.indexes.is_empty() || !d.references.is_empty()),
        };
        if let Some(key) = &options.key {
            plan.key = Some(plan.key_lookup((view, watch.cancel), existing, key, &file, options)?);
        }
        Ok(plan)
    }

    fn key_lookup(
        &self,
        (view, cancel): (&View, &CancelToken),
        existing: Option<&TypeDef>,
        key: &str,
        file: &Rows,
        options: &ImportOptions,
    ) -> Result<(KeyMap, KeyPlace)> {
        column_place(file, key, options)?;
        let place = match self.columns.iter().position(|c| c.name == key) {
            Some(place) => KeyPlace::Property(place),
            None => KeyPlace::Id,
        };
        let new_type = match place {
            KeyPlace::Property(place) => self.columns.get(place).map(|c| c.property_type),
            KeyPlace::Id => None,
        };
        Ok((KeyMap::build(view, existing, (&self.type_name, key), new_type, cancel)?, place))
    }
}

fn end_maps(
    view: &View,
    from: &EndLookup,
    to: &EndLookup,
    cancel: &CancelToken,
) -> Result<(Arc<KeyMap>, Arc<KeyMap>)> {
    let build = |end: &EndLookup| -> Result<Arc<KeyMap>> {
        let definition = view.catalog().require(&end.node_type)?;
        if definition.is_edge() {
            return Err(Error::constraint(format!("'{}' is an edge type, an end is a node", end.node_type)));
        }
        let names = (end.node_type.as_str(), end.property.as_str());
        Ok(Arc::new(KeyMap::build(view, Some(definition), names, None, cancel)?))
    };
    let from_map = build(from)?;
    let alike = (&from.node_type, &from.property) == (&to.node_type, &to.property);
    let to_map = if alike { Arc::clone(&from_map) } else { build(to)? };
    Ok((from_map, to_map))
}

fn column_place(file: &Rows, column: &str, options: &ImportOptions) -> Result<usize> {
    file.columns().place(column).ok_or_else(|| {
        let names = file.columns().names();
        let shown: Vec<&str> = names.iter().take(20).map(String::as_str).collect();
        let more = if names.len() > shown.len() { ", ..." } else { "" };
        Error::bad_input(format!("the file has no column '{column}'"))
            .with_hint(format!("its columns are {}{more}", shown.join(", ")))
            .at_file(options.file.display().to_string(), None, None)
    })
}

/// What the first pass finds out.
#[derive(Default)]
struct Guesses {
    columns: Vec<Guess>,
    /// There is a column `id` and every value in it is a UUID.
    ids: bool,
}

impl Guesses {
    fn read(file: &mut Rows, options: &ImportOptions, watch: &mut Watch<'_>) -> Result<Self> {
        let mut found = Guesses { columns: Vec::new(), ids: true };
        let mut rows = 0;
        let quotes_everything = file.quotes_everything;
        loop {
            match file.next()? {
                Next::End => break,
                Next::Bad(bad) if options.on_error == OnError::Stop => {
                    return Err(bad.into_error(&options.file));
                }
                Next::Bad(_) => continue,
                Next::Row => {}
            }
            found.columns.resize(file.columns().names().len(), Guess::default());
            for (place, guess) in found.columns.iter_mut().enumerate() {
                match file.cell(place) {
                    Cell::Text { bytes, quoted } => guess.see_text(bytes, quoted, quotes_everything),
                    Cell::Json(value) => guess.see_value(value),
                    Cell::Absent => {}
                }
            }
            if found.ids {
                found.ids = match file.columns().place(ID).map(|place| file.cell(place)) {
                    Some(Cell::Text { bytes, .. }) => uuid::Uuid::try_parse_ascii(bytes).is_ok(),
                    Some(Cell::Json(Value::String(text))) => uuid::Uuid::try_parse(text).is_ok(),
                    Some(Cell::Json(Value::Uuid(_))) => true,
                    _ => false,
                };
            }
            rows += 1;
            watch.row(ImportPhase::Inferring, rows, file)?;
        }
        found.columns.resize(file.columns().names().len(), Guess::default());
        found.ids &= rows > 0;
        Ok(found)
    }
}

/// The open transaction and what it needs.
#[derive(Default)]
struct Batch {
    open: Option<OpenBatch>,
    rows: u64,
    updated: u64,
}

struct OpenBatch {
    transaction: Transaction,
    type_id: TypeId,
    /// Nobody has written to the types of the ends since they were read.
    ends_stand: bool,
    /// By place in [`Plan::columns`].
    properties: Vec<PropertyId>,
}

struct Writer<'a> {
    store: &'a Arc<Store>,
    options: &'a ImportOptions,
    plan: Plan,
    batch: Batch,
    report: ImportReport,
    rejects: Rejects,
    view: View,
}

impl Writer<'_> {
    fn run(mut self, format: FileFormat, watch: &mut Watch<'_>) -> Result<ImportReport> {
        let result = self.write_rows(format, watch);
        self.rejects.flush()?;
        self.report.skipped = self.rejects.rows();
        self.report.rejected_file = self.rejects.path();
        result.map(|()| self.report.clone()).map_err(|e| self.with_what_stays(e))
    }

    /// Says what of a stopped import is in the database.
    fn with_what_stays(&self, error: Error) -> Error {
        let stays = self.report.rows + self.report.updated;
        let what = if stays == 0 {
            "nothing was imported".to_owned()
        } else {
            format!("the {stays} rows before this batch are imported; go on with --key, or delete them first")
        };
        match error.hint() {
            _ if error.kind() == ErrorKind::Cancelled && stays == 0 => error,
            Some(hint) => {
                let hint = format!("{hint}; {what}");
                error.with_hint(hint)
            }
            None => error.with_hint(what),
        }
    }

    fn write_rows(&mut self, format: FileFormat, watch: &mut Watch<'_>) -> Result<()> {
        let mut file = Rows::open(&self.options.file, format)?;
        let batch_rows = u64::from(self.options.batch.max(1));
        let mut rows = 0;
        loop {
            let outcome = match file.next()? {
                Next::End => break,
                Next::Bad(bad) => Err(bad),
                Next::Row => self.row(&file),
            };
            if let Err(bad) = outcome {
                self.reject(bad, &file)?;
            }
            rows += 1;
            watch.row(ImportPhase::Writing, rows, &file)?;
            if !self.options.atomic && self.batch.rows + self.batch.updated >= batch_rows {
                self.commit(watch)?;
                watch.report(ImportPhase::Writing, rows, &file);
            }
        }
        watch.cancel.check()?;
        // An empty file still makes its type.
        self.open_batch()?;
        self.commit(watch)?;
        watch.report(ImportPhase::Writing, rows, &file);
        Ok(())
    }

    /// A wrong row stops the import or is put aside; what is not the row's fault always stops it.
    fn reject(&mut self, bad: Bad, file: &Rows) -> Result<()> {
        let rows_fault =
            matches!(bad.error.kind(), ErrorKind::BadInput | ErrorKind::NotFound | ErrorKind::Constraint);
        if rows_fault && self.options.on_error == OnError::Skip {
            return self.rejects.add(&bad, &file.raw());
        }
        Err(if rows_fault { bad.into_error(&self.options.file) } else { bad.error })
    }

    fn open_batch(&mut self) -> Result<&mut OpenBatch> {
        if self.batch.open.is_none() {
            let mut transaction = self.store.begin()?;
            transaction.begin_statement();
            let type_id = transaction.ensure_type(&self.plan.type_name, self.plan.kind)?;
            let properties = (self.plan.columns.iter())
                .map(|c| transaction.ensure_property(type_id, &c.name, c.property_type))
                .collect::<Result<_>>()?;
            let ends_stand = self.ends_stand(&transaction);
            self.batch.open = Some(OpenBatch { transaction, type_id, ends_stand, properties });
        }
        self.batch.open.as_mut().ok_or_else(|| Error::internal("no batch is open"))
    }

    /// Whether the nodes that were read for the ends are those that a transaction finds.
    fn ends_stand(&self, transaction: &Transaction) -> bool {
        let catalog = transaction.catalog();
        let stands = |end: &End| {
            catalog.by_id(end.type_id).is_some() && self.store.last_write(end.type_id) <= self.view.lsn()
        };
        self.plan.ends.as_ref().is_some_and(|(from, to)| stands(from) && stands(to))
    }

    fn commit(&mut self, watch: &mut Watch<'_>) -> Result<()> {
        let Some(mut open) = self.batch.open.take() else { return Ok(()) };
        self.rejects.flush()?;
        open.transaction.end_statement();
        self.store.commit(open.transaction)?;
        self.report.rows += std::mem::take(&mut self.batch.rows);
        self.report.updated += std::mem::take(&mut self.batch.updated);
        watch.committed = self.report.rows + self.report.updated;
        Ok(())
    }

    fn row(&mut self, file: &Rows) -> std::result::Result<(), Bad> {
        let line = file.line();
        let at_row = |error| Bad::row(line, error);
        let alone = self.plan.alone;
        if alone {
            self.open_batch().map_err(at_row)?.transaction.begin_statement();
        }
        let mut written = self.write_row(file);
        if alone && let Some(open) = &mut self.batch.open {
            if written.is_ok()
                && let Err(error) = open.transaction.check_statement()
            {
                written = Err(at_row(error));
            }
            match written {
                Ok(_) => open.transaction.end_statement(),
                Err(_) => open.transaction.abort_statement(),
            }
        }
        match written? {
            None => self.batch.updated += 1,
            Some((row, key)) => {
                self.batch.rows += 1;
                if let (Some(key), Some((map, _))) = (key, &mut self.plan.key) {
                    map.inserted(&key, row);
                }
            }
        }
        Ok(())
    }

    /// Writes a row. Gives the handle and the key of a new one, nothing for one that existed.
    #[allow(clippy::type_complexity)]
    fn write_row(&mut self, file: &Rows) -> std::result::Result<Option<(RowId, Option<Value>)>, Bad> {
        let line = file.line();
        let at_row = |error| Bad::row(line, error);
        let (id, values) = self.values(file)?;
        let ends = match &self.plan.ends {
            Some((from, to)) => Some((end_node(from, file)?, end_node(to, file)?)),
            None => None,
        };
        let existing = self.claim_key(id, &values).map_err(at_row)?;
        let key = match &self.plan.key {
            Some((_, KeyPlace::Property(key))) => {
                values.iter().find(|(place, _)| place == key).map(|(_, value)| value.clone())
            }
            _ => None,
        };
        let open = self.open_batch().map_err(at_row)?;
        let place =
            |(place, value): (usize, Value)| open.properties.get(place).map(|property| (*property, value));
        if let Some(row) = existing {
            let values = values.into_iter().filter_map(place).collect();
            open.transaction.update(row, values).map_err(at_row)?;
            return Ok(None);
        }
        let values: Vec<_> =
            (values.into_iter().filter(|(_, value)| !value.is_null())).filter_map(place).collect();
        let row = match ends {
            Some((from, to)) => {
                let id = id.map(EdgeId);
                let inserted = if open.ends_stand {
                    open.transaction.insert_edge_between(open.type_id, id, from, to, values)
                } else {
                    open.transaction.insert_edge(open.type_id, id, from.0, to.0, values)
                };
                inserted.map_err(at_row)?.0
            }
            None => {
                let id = id.map(NodeId);
                open.transaction.insert_node(open.type_id, id, values).map_err(at_row)?.0
            }
        };
        Ok(Some((row, key)))
    }

    /// The row's own id, and its values by place in [`Plan::columns`].
    #[allow(clippy::type_complexity)]
    fn values(&self, file: &Rows) -> std::result::Result<(Option<uuid::Uuid>, Vec<(usize, Value)>), Bad> {
        let line = file.line();
        let mut values = Vec::with_capacity(self.plan.columns.len());
        for (place, column) in self.plan.columns.iter().enumerate() {
            let converted = match file.cell(column.place) {
                // A column the row does not have is left alone; one that is NULL is set to NULL.
                Cell::Absent => continue,
                Cell::Text { bytes: b"", quoted } if !quoted || self.empty_is_null(column) => Ok(Value::Null),
                Cell::Text { bytes, .. } => {
                    utf8(bytes).and_then(|text| value_from_text(text, column.property_type))
                }
                Cell::Json(value) => value_from_json_cell(value, column.property_type),
            };
            let at_column = |error| Bad { line, column: Some(column.name.clone()), error };
            values.push((place, converted.map_err(at_column)?));
        }
        let id = match self.plan.id_column.map(|place| file.cell(place)) {
            None | Some(Cell::Absent | Cell::Text { bytes: b"", .. } | Cell::Json(Value::Null)) => None,
            Some(Cell::Text { bytes, .. }) => Some(bytes),
            Some(Cell::Json(Value::String(text))) => Some(text.as_bytes()),
            Some(Cell::Json(Value::Uuid(id))) => return Ok((Some(*id), values)),
            Some(Cell::Json(_)) => Some(b"?".as_slice()),
        };
        let id = match id {
            None => None,
            Some(bytes) => Some(uuid::Uuid::try_parse_ascii(bytes).map_err(|_| Bad {
                line,
                column: Some(ID.to_owned()),
                error: Error::bad_input("the id is not a UUID"),
            })?),
        };
        Ok((id, values))
    }

    /// In a file that quotes every field, `""` is no text for a column that does not hold text.
    fn empty_is_null(&self, column: &PlannedColumn) -> bool {
        self.plan.quotes_everything && column.property_type != PropertyType::String
    }

    /// The row of an id, which must not be another type's: ids are one for all types.
    fn own_row(&self, id: uuid::Uuid) -> Result<Option<RowId>> {
        let Some(row) = self.view.row_of(id)? else { return Ok(None) };
        match self.view.catalog().by_id(row.type_id()) {
            Some(owner) if owner.name != self.plan.type_name => {
                Err(Error::constraint(format!("the id {id} belongs to a row of '{}'", owner.name))
                    .with_sqlstate(sqlstate::UNIQUE_VIOLATION)
                    .with_hint("leave the ids out of the file, or import it into that type"))
            }
            _ => Ok(Some(row)),
        }
    }

    fn claim_key(&mut self, id: Option<uuid::Uuid>, values: &[(usize, Value)]) -> Result<Option<RowId>> {
        match &mut self.plan.key {
            None => Ok(None),
            Some((map, KeyPlace::Property(key))) => {
                let value = values.iter().find(|(place, _)| place == key).map(|(_, value)| value);
                map.claim(value.unwrap_or(&Value::Null))
            }
            Some((_, KeyPlace::Id)) => match id {
                Some(id) => self.own_row(id),
                None => Err(Error::bad_input("the key id is missing")),
            },
        }
    }
}

fn end_node(end: &End, file: &Rows) -> std::result::Result<(RowId, NodeId), Bad> {
    end.map.node(file.cell(end.place)).map_err(|error| Bad {
        line: file.line(),
        column: Some(end.column.clone()),
        error,
    })
}
