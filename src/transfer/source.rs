//! A file as a stream of bytes: decompressed by its first bytes, whatever its name says, with a
//! count of the bytes read from the disk for progress.

use std::cell::Cell;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::rc::Rc;

use crate::model::{Error, Result};

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const BUFFER_BYTES: usize = 256 << 10;

/// An open file.
pub struct Source {
    /// The decompressed bytes.
    pub reader: Box<dyn BufRead>,
    /// How far the file itself is read.
    pub position: Position,
    /// Whether it is unpacked on the way.
    pub packed: bool,
}

/// How far a file is read.
#[derive(Clone)]
pub struct Position {
    read: Rc<Cell<u64>>,
    total: u64,
}

impl Position {
    /// Counts what is not bytes: the rows of a file that has `total`.
    pub fn of_rows(total: u64) -> Self {
        Self { read: Rc::new(Cell::new(0)), total }
    }

    /// Goes on by `count`.
    pub fn advance(&self, count: u64) {
        self.read.set(self.read.get() + count);
    }

    /// From 0 to 1; `None` for an empty file or one whose length is not known.
    #[allow(clippy::cast_precision_loss)]
    pub fn fraction(&self) -> Option<f64> {
        (self.total > 0).then(|| (self.read.get() as f64 / self.total as f64).min(1.0))
    }
}

struct Counting {
    file: File,
    read: Rc<Cell<u64>>,
}

impl Read for Counting {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.file.read(buffer)?;
        self.read.set(self.read.get() + n as u64);
        Ok(n)
    }
}

/// Opens a file; gzip (of one or several members) and Zstandard are unpacked on the way.
///
/// # Errors
/// `NotFound`, `Io`.
pub fn open(path: &Path) -> Result<Source> {
    let shown = path.display();
    let file = File::open(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => Error::not_found(format!("there is no file {shown}")),
        _ => Error::io(format!("open {shown}"), &e),
    })?;
    let metadata = file.metadata().map_err(|e| Error::io(format!("open {shown}"), &e))?;
    if metadata.is_dir() {
        return Err(Error::bad_input(format!("{shown} is a folder"))
            .with_hint("name a file; several can be given one after the other"));
    }
    let position = Position { read: Rc::new(Cell::new(0)), total: metadata.len() };
    let counting = Counting { file, read: Rc::clone(&position.read) };
    let mut raw = BufReader::with_capacity(BUFFER_BYTES, counting);
    let start = raw.fill_buf().map_err(|e| Error::io(format!("read {shown}"), &e))?;
    let (gzip, zstandard) = (start.starts_with(&GZIP), start.starts_with(&ZSTD));
    let reader: Box<dyn BufRead> = if gzip {
        Box::new(BufReader::with_capacity(BUFFER_BYTES, flate2::bufread::MultiGzDecoder::new(raw)))
    } else if zstandard {
        let decoder = zstd::stream::read::Decoder::with_buffer(raw)
            .map_err(|e| Error::io(format!("unpack {shown}"), &e))?;
        Box::new(BufReader::with_capacity(BUFFER_BYTES, decoder))
    } else {
        Box::new(raw)
    };
    Ok(Source { reader, position, packed: gzip || zstandard })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn compressed_files_are_known_by_their_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let text = b"name\nab\n".repeat(1000);
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(&text).unwrap();
        let stored =
            [text.clone(), gz.finish().unwrap(), zstd::stream::encode_all(text.as_slice(), 1).unwrap()];
        for bytes in stored {
            let path = folder.path().join("data.csv");
            std::fs::write(&path, &bytes).unwrap();
            let mut source = open(&path).unwrap();
            let mut read = Vec::new();
            source.reader.read_to_end(&mut read).unwrap();
            assert_eq!(read, text);
            assert_eq!(source.position.fraction(), Some(1.0));
        }
        assert_eq!(open(folder.path()).err().unwrap().kind(), crate::model::ErrorKind::BadInput);
    }
}
