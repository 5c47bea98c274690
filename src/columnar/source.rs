//! Where the cells of a column come from: the properties and the system's facts of a record.

use arrow::datatypes::DataType;

use crate::model::{PropertyId, PropertyType, Result, RowId};
use crate::storage::{RecordView, ValueRef};

use super::value::{ColumnBuilder, data_type_of};

/// Where a column's cells come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// A property.
    Property(PropertyId, PropertyType),
    /// The record's id.
    Id,
    /// When it was inserted.
    CreatedAt,
    /// When it was last changed.
    UpdatedAt,
    /// The id of the node an edge leaves.
    FromId,
    /// The id of the node an edge enters.
    ToId,
    /// The record's handle.
    Row,
    /// The handle of the node an edge leaves.
    FromRow,
    /// The handle of the node an edge enters.
    ToRow,
}

impl Source {
    /// The type of its cells; handles have none of their own.
    #[must_use]
    pub fn property_type(self) -> PropertyType {
        match self {
            Source::Property(_, property_type) => property_type,
            Source::Id | Source::FromId | Source::ToId => PropertyType::Uuid,
            Source::CreatedAt | Source::UpdatedAt => PropertyType::Timestamp,
            Source::Row | Source::FromRow | Source::ToRow => PropertyType::Integer,
        }
    }

    /// The Arrow type of its cells.
    #[must_use]
    pub fn data_type(self) -> DataType {
        match self {
            Source::Row | Source::FromRow | Source::ToRow => DataType::UInt64,
            other => data_type_of(other.property_type()),
        }
    }

    /// What it is called among the columns of a chunk that are kept on the disk: all that decides what its cells are
    /// beside the records.
    #[must_use]
    pub fn spilled_name(self) -> String {
        match self {
            Source::Property(id, property_type) => format!("{} {property_type}", id.0),
            Source::Id => "id".to_owned(),
            Source::CreatedAt => "created_at".to_owned(),
            Source::UpdatedAt => "updated_at".to_owned(),
            Source::FromId => "from_id".to_owned(),
            Source::ToId => "to_id".to_owned(),
            Source::Row => "row".to_owned(),
            Source::FromRow => "from_row".to_owned(),
            Source::ToRow => "to_row".to_owned(),
        }
    }

    /// A builder for its cells.
    #[must_use]
    pub fn builder(self, rows: usize) -> ColumnBuilder {
        match self {
            Source::Row | Source::FromRow | Source::ToRow => ColumnBuilder::rows(rows),
            other => ColumnBuilder::new(other.property_type(), rows),
        }
    }

    /// Appends a record's cell.
    ///
    /// # Errors
    /// `Corrupt` for a damaged record.
    pub fn append(self, builder: &mut ColumnBuilder, row: RowId, record: &RecordView<'_>) -> Result<()> {
        match self {
            Source::Property(id, _) => return builder.push(&record.property(id)?),
            Source::Id => builder.push_uuid(record.id()),
            Source::CreatedAt => return builder.push(&ValueRef::Timestamp(record.created_at())),
            Source::UpdatedAt => return builder.push(&ValueRef::Timestamp(record.updated_at())),
            Source::FromId | Source::ToId => match record.ends() {
                Some(ends) if self == Source::FromId => builder.push_uuid(ends.from.0),
                Some(ends) => builder.push_uuid(ends.to.0),
                None => return builder.push(&ValueRef::Null),
            },
            Source::Row => builder.push_row(row.0),
            // Only edges have these columns.
            Source::FromRow => builder.push_row(record.ends().map_or(0, |ends| ends.from_row.0)),
            Source::ToRow => builder.push_row(record.ends().map_or(0, |ends| ends.to_row.0)),
        }
        Ok(())
    }
}
