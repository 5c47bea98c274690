//! Pages as a stream of Arrow IPC, or as a Parquet file: bytes that a program hands on as they come.

use std::io::Write;
use std::sync::Arc;

use arrow::datatypes::Schema;
use parking_lot::Mutex;

use crate::columnar::field_of;
use crate::model::{Error, Result};
use crate::transfer::{ColumnarEncoder, FileFormat};

use super::{Page, ResultColumn};

/// Encodes the pages of one result.
pub struct PageEncoder {
    format: FileFormat,
    columns: Vec<ResultColumn>,
    encoder: Option<ColumnarEncoder<Bytes>>,
    bytes: Bytes,
}

/// What was encoded and not yet handed on.
#[derive(Clone, Default)]
struct Bytes(Arc<Mutex<Vec<u8>>>);

impl Write for Bytes {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl PageEncoder {
    /// An encoder for a result with these columns.
    ///
    /// # Errors
    /// `BadInput` for a format whose columns have no types.
    pub fn new(format: FileFormat, columns: Vec<ResultColumn>) -> Result<Self> {
        if !format.is_columnar() {
            return Err(Error::bad_input("pages are encoded as arrow or parquet"));
        }
        Ok(Self { format, columns, encoder: None, bytes: Bytes::default() })
    }

    /// Encodes a page. Returns bytes for whoever reads.
    ///
    /// # Errors
    /// `Unsupported` for a column the format has no type for.
    pub fn page(&mut self, page: &Page) -> Result<Vec<u8>> {
        let encoder = match &mut self.encoder {
            Some(encoder) => encoder,
            None => {
                let schema = page.batch().schema_ref();
                self.encoder.insert(ColumnarEncoder::new(self.format, true, schema, self.bytes.clone())?)
            }
        };
        encoder.write(page.batch())?;
        Ok(std::mem::take(&mut *self.bytes.0.lock()))
    }

    /// The bytes at the end; a result without rows has its columns all the same.
    ///
    /// # Errors
    /// As [`PageEncoder::page`].
    pub fn finish(mut self) -> Result<Vec<u8>> {
        let encoder = match self.encoder.take() {
            Some(encoder) => encoder,
            None => {
                let fields = self.columns.iter().map(|c| field_of(&c.name, c.property_type, true));
                let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
                ColumnarEncoder::new(self.format, true, &schema, self.bytes.clone())?
            }
        };
        encoder.finish()?;
        Ok(std::mem::take(&mut *self.bytes.0.lock()))
    }
}

#[cfg(test)]
mod tests {
    use arrow::ipc::reader::StreamReader;

    use super::*;
    use crate::model::{PropertyType, Value};

    #[test]
    fn pages_become_one_stream_and_no_pages_an_empty_one() {
        let columns = vec![ResultColumn { name: "n".to_owned(), property_type: PropertyType::Date }];
        let mut encoder = PageEncoder::new(FileFormat::Arrow, columns.clone()).unwrap();
        let mut bytes = Vec::new();
        for n in 0..3 {
            let page = Page::of_values(n, &columns, &[vec![Value::Date(n as i32)]]).unwrap();
            bytes.extend(encoder.page(&page).unwrap());
        }
        bytes.extend(encoder.finish().unwrap());
        let rows: usize =
            StreamReader::try_new(bytes.as_slice(), None).unwrap().map(|b| b.unwrap().num_rows()).sum();
        assert_eq!(rows, 3);
        let empty = PageEncoder::new(FileFormat::Arrow, columns.clone()).unwrap().finish().unwrap();
        let reader = StreamReader::try_new(empty.as_slice(), None).unwrap();
        assert_eq!(reader.schema().field(0).name(), "n");
        let parquet = PageEncoder::new(FileFormat::Parquet, columns).unwrap().finish().unwrap();
        assert!(parquet.starts_with(b"PAR1") && parquet.ends_with(b"PAR1"));
    }
}
