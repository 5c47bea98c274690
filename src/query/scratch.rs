//! A statement's own tables in memory: rows it has written or is about to write, for queries over
//! them (`RETURNING`, `ON CONFLICT`).
//!
//! They stand in a schema whose name no user writes by accident, are seen by the query they were
//! made for alone, and are never listed.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::common::Result as DataFusionResult;
use datafusion::datasource::MemTable;

use crate::model::{Result, RowId, TypeDef};
use crate::storage::RecordView;

use super::arrow_value::ColumnBuilder;
use super::columns::Columns;
use super::error::from_datafusion;
use super::provider::StatementState;
use super::scan::BATCH_ROWS;

/// The schema of a statement's own tables.
pub const SCRATCH_SCHEMA: &str = "$scratch";

/// A table of a statement's own.
#[derive(Debug, Clone)]
pub struct ScratchTable {
    /// Its name in the schema.
    pub name: &'static str,
    /// Its rows.
    pub rows: Arc<MemTable>,
}

impl ScratchTable {
    /// A table of these rows.
    ///
    /// # Errors
    /// `Internal` for batches that are not of the schema.
    pub fn new(name: &'static str, schema: SchemaRef, batches: Vec<RecordBatch>) -> Result<Self> {
        let rows = MemTable::try_new(schema, vec![batches]).map_err(|e| from_datafusion(&e))?;
        Ok(Self { name, rows: Arc::new(rows) })
    }
}

/// The tables of the statement that runs.
#[derive(Debug)]
pub struct ScratchSchema(pub Arc<StatementState>);

#[async_trait]
impl SchemaProvider for ScratchSchema {
    fn table_names(&self) -> Vec<String> {
        Vec::new()
    }

    async fn table(&self, name: &str) -> DataFusionResult<Option<Arc<dyn TableProvider>>> {
        Ok(self.0.scratch(name).map(|table| table.rows as Arc<dyn TableProvider>))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.0.scratch(name).is_some()
    }
}

/// Records of one type gathered into batches with the columns SQL gives the type.
pub struct Gathered {
    columns: Columns,
    builders: Vec<ColumnBuilder>,
    rows: usize,
    batches: Vec<RecordBatch>,
}

impl Gathered {
    /// Nothing gathered yet.
    #[must_use]
    pub fn new(def: &TypeDef) -> Self {
        let columns = Columns::of(def, false);
        let builders = columns.sources().iter().map(|source| source.builder(0)).collect();
        Self { columns, builders, rows: 0, batches: Vec::new() }
    }

    /// The columns, those of `*` first.
    #[must_use]
    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// Adds a record.
    ///
    /// # Errors
    /// `Corrupt` for a damaged record; `Internal` for a value that is not of its column's type.
    pub fn push(&mut self, row: RowId, record: &RecordView<'_>) -> Result<()> {
        for (source, builder) in self.columns.sources().iter().zip(&mut self.builders) {
            source.append(builder, row, record)?;
        }
        self.rows += 1;
        if self.rows == BATCH_ROWS {
            self.end_batch()?;
        }
        Ok(())
    }

    fn end_batch(&mut self) -> Result<()> {
        let arrays = self.builders.iter_mut().map(ColumnBuilder::finish).collect();
        let batch = RecordBatch::try_new(Arc::clone(self.columns.schema()), arrays)
            .map_err(|e| from_datafusion(&e.into()))?;
        self.batches.push(batch);
        self.rows = 0;
        Ok(())
    }

    /// The batches; each but the last has [`BATCH_ROWS`] rows.
    ///
    /// # Errors
    /// `Internal` for arrays that do not fit the columns.
    pub fn finish(mut self) -> Result<Vec<RecordBatch>> {
        if self.rows > 0 {
            self.end_batch()?;
        }
        Ok(self.batches)
    }
}

/// Batches with further columns beside them: both have the same rows in the same order.
///
/// # Errors
/// `Internal` when they have not.
pub fn beside(
    left: &SchemaRef,
    batches: &[RecordBatch],
    further: &[Field],
    others: &[RecordBatch],
) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let failed = |e: arrow::error::ArrowError| from_datafusion(&e.into());
    let mut fields: Vec<Field> = left.fields().iter().map(|field| field.as_ref().clone()).collect();
    fields.extend(further.iter().cloned());
    let schema = Arc::new(Schema::new(fields));
    if further.is_empty() {
        return Ok((schema, batches.to_vec()));
    }
    let left = arrow::compute::concat_batches(left, batches).map_err(failed)?;
    let right_schema = Arc::new(Schema::new(further.to_vec()));
    let right = arrow::compute::concat_batches(&right_schema, others).map_err(failed)?;
    let arrays = left.columns().iter().chain(right.columns()).cloned().collect();
    let both = RecordBatch::try_new(Arc::clone(&schema), arrays).map_err(failed)?;
    Ok((schema, vec![both]))
}
