//! What is derived from chunks of rows, kept in the folder `cache` for the next opening.
//!
//! A column of a chunk is bytes with a name, made from the chunk's flushed rows at a version. Columns are written many
//! to a file, in the order they come; a file never changes once it has its name. What is newer stands in a later
//! file. Nothing here is needed: a column that is missing, damaged, of another database or of another version is
//! made again from the rows, so files are not synced, and no failure here is one of the database.
//!
//! # A file, `0000000001.columns`; all numbers little-endian
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 8 | magic `aresacol` |
//! | 8 | 4 | version, 2; raised too where the same records make other columns |
//! | 12 | 4 | zeros |
//! | 16 | 16 | the database's UUID |
//! | 32 | | columns, each at a multiple of 64 |
//! | then | | the index: an entry for each column |
//! | end - 24 | 8 | where the index begins |
//! | end - 16 | 8 | xxh3 of bytes 0..32, the index and the 8 bytes before |
//! | end - 8 | 8 | magic `aresacol` |
//!
//! # An entry of the index
//!
//! | bytes | what |
//! |---|---|
//! | 8 | the chunk's first handle |
//! | 16 | its version |
//! | 8 | where the column begins |
//! | 8 | its bytes |
//! | 8 | their xxh3 |
//! | 1 + n | the column's name, its length before it |
//! | 2 + n | what is known without reading it, its length before it |
//!
//! Room: the files take at most a limit. Those without a column that counts go first, then the oldest that nobody has
//! read since the opening. What was read stays: a scan of more than there is room for keeps what it has, and does not
//! write everything anew each time. Small files are joined as larger ones come, so that there are few.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use uuid::Uuid;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::model::RowId;

use super::chunks::ChunkVersion;
use super::disk::{Disk, RawFile, remove_if_there};
use super::view::View;

const MAGIC: [u8; 8] = *b"aresacol";
const VERSION: u32 = 2;
const HEAD_BYTES: usize = 32;
const TAIL_BYTES: usize = 24;
const ALIGNMENT: u64 = 64;
const SUFFIX: &str = ".columns";
const NEW_SUFFIX: &str = ".columns.new";
/// Larger files are not joined with others.
const JOIN_BYTES_MAX: u64 = 8 << 20;
/// An index that takes more is none.
const INDEX_BYTES_MAX: u64 = 64 << 20;
/// So much of the disk is left to the database and others.
const SPARE_BYTES: u64 = 256 << 20;
/// Files that are held open for reading.
const OPEN_MAX: usize = 64;

/// The columns in the folder. See the module's head.
#[derive(Debug)]
pub struct Spill {
    disk: Arc<dyn Disk>,
    database: Uuid,
    max_bytes: u64,
    read_only: bool,
    index: Mutex<Index>,
    reads: AtomicU64,
    bytes_read: AtomicU64,
    writes: AtomicU64,
    bytes_written: AtomicU64,
}

/// What the folder did since the opening, and holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SpillStats {
    /// Columns it holds.
    pub columns: u64,
    /// Bytes of its files.
    pub bytes: u64,
    /// Bytes they may take.
    pub max_bytes: u64,
    /// Columns read.
    pub reads: u64,
    /// Their bytes.
    pub bytes_read: u64,
    /// Columns written.
    pub writes: u64,
    /// Their bytes.
    pub bytes_written: u64,
}

/// A column to write.
#[derive(Debug)]
pub struct SpillColumn {
    /// The chunk's first handle.
    pub first: RowId,
    /// The version of the chunk it was made from; a durable one.
    pub version: ChunkVersion,
    /// Its name, of at most 255 bytes; another one for anything that changes what it is made to.
    pub name: String,
    /// What shall be known without reading it.
    pub note: Vec<u8>,
    /// What it is.
    pub bytes: Vec<u8>,
}

/// Where the columns are. Empty until somebody asks.
#[derive(Debug, Default)]
struct Index {
    loaded: bool,
    files: BTreeMap<u64, SpillFile>,
    chunks: HashMap<RowId, Vec<Place>>,
    open: HashMap<u64, Arc<dyn RawFile>>,
}

#[derive(Debug, Default)]
struct SpillFile {
    bytes: u64,
    /// Columns that no later file has.
    live: u64,
    /// Whether somebody has read or written it since the opening.
    used: bool,
}

/// Where a column is.
#[derive(Debug, Clone)]
struct Place {
    version: ChunkVersion,
    file: u64,
    offset: u64,
    bytes: u64,
    sum: u64,
    name: Box<str>,
    note: Box<[u8]>,
}

impl Spill {
    /// The columns in a folder, of a database. Reads nothing yet; `read_only` changes nothing in it.
    #[must_use]
    pub fn new(disk: Arc<dyn Disk>, database: Uuid, max_bytes: u64, read_only: bool) -> Self {
        Self {
            disk,
            database,
            max_bytes,
            read_only,
            index: Mutex::default(),
            reads: AtomicU64::new(0),
            bytes_read: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            bytes_written: AtomicU64::new(0),
        }
    }

    /// Whether columns can be written.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        !self.read_only
    }

    /// What it did, and holds.
    #[must_use]
    pub fn stats(&self) -> SpillStats {
        let index = self.loaded();
        let get = |number: &AtomicU64| number.load(Ordering::Relaxed);
        SpillStats {
            columns: index.chunks.values().map(|places| places.len() as u64).sum(),
            bytes: index.bytes(),
            max_bytes: self.max_bytes,
            reads: get(&self.reads),
            bytes_read: get(&self.bytes_read),
            writes: get(&self.writes),
            bytes_written: get(&self.bytes_written),
        }
    }

    /// Whether a column is there for the version.
    #[must_use]
    pub fn has(&self, first: RowId, version: ChunkVersion, name: &str) -> bool {
        self.loaded().place(first, version, name).is_some()
    }

    /// What is known of a column without reading it; nothing where it is not there for the version.
    #[must_use]
    pub fn note(&self, first: RowId, version: ChunkVersion, name: &str) -> Option<Box<[u8]>> {
        self.loaded().place(first, version, name).map(|place| place.note.clone())
    }

    /// A column and what is known of it; nothing where it is not there for the version, or is damaged.
    #[must_use]
    pub fn read(&self, first: RowId, version: ChunkVersion, name: &str) -> Option<(Vec<u8>, Box<[u8]>)> {
        let (place, file) = {
            let mut index = self.loaded();
            let place = index.place(first, version, name)?.clone();
            let file = index.open(self.disk.as_ref(), place.file);
            (place, file)
        };
        let bytes = file.ok().and_then(|file| read_checked(file.as_ref(), &place).ok());
        let Some(bytes) = bytes else {
            self.forget(first, name);
            return None;
        };
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.bytes_read.fetch_add(place.bytes, Ordering::Relaxed);
        Some((bytes, place.note))
    }

    /// Drops a column that is not what it should be.
    pub fn forget(&self, first: RowId, name: &str) {
        self.loaded().remove(first, name);
    }

    /// Writes columns into a new file, as many of them as there is room for until `stop` says so; only one thread at a
    /// time may. It has no error: what could not be written is not there.
    pub fn write(&self, columns: impl Iterator<Item = SpillColumn>, stop: &dyn Fn() -> bool) {
        if self.read_only {
            return;
        }
        let number = self.loaded().files.last_key_value().map_or(0, |(last, _)| *last) + 1;
        let temporary = format!("{number:010}{NEW_SUFFIX}");
        let written = self.write_file(number, &temporary, columns, stop);
        let named = written.and_then(|written| match written.places.is_empty() {
            true => Err(io::ErrorKind::InvalidInput.into()),
            false => self.disk.rename(&temporary, &name_of(number)).map(|()| written),
        });
        match named {
            Ok(written) => self.take_in(number, written),
            // There is no more to it than that it was not written.
            Err(_) => drop(remove_if_there(self.disk.as_ref(), &temporary)),
        }
    }

    /// Drops what does not count for a view, the published one, and the files that hold nothing else.
    pub fn sweep(&self, view: &View) {
        if self.read_only {
            return;
        }
        let mut index = self.loaded();
        let index = &mut *index;
        let files = &mut index.files;
        index.chunks.retain(|first, places| {
            let version = view.chunk_version(*first);
            let exists = view.catalog().by_id(first.type_id()).is_some();
            places.retain(|place| {
                let counts = exists && place.version == version;
                if !counts && let Some(file) = files.get_mut(&place.file) {
                    file.live = file.live.saturating_sub(1);
                }
                counts
            });
            !places.is_empty()
        });
        index.remove_dead(self.disk.as_ref());
    }

    /// The index, read from the files at its first use.
    fn loaded(&self) -> parking_lot::MutexGuard<'_, Index> {
        let mut index = self.index.lock();
        if !index.loaded {
            index.loaded = true;
            index.load(self.disk.as_ref(), self.database, self.read_only);
        }
        index
    }

    fn write_file(
        &self,
        number: u64,
        temporary: &str,
        columns: impl Iterator<Item = SpillColumn>,
        stop: &dyn Fn() -> bool,
    ) -> io::Result<Written> {
        remove_if_there(self.disk.as_ref(), temporary)?;
        let mut written = Written {
            file: self.disk.create(temporary)?,
            end: HEAD_BYTES as u64,
            number,
            places: Vec::new(),
            offered: 0,
            joined: Vec::new(),
        };
        let head = head_of(self.database);
        written.file.write_at(&head, 0)?;
        let mut room = self.room(0)?;
        for column in columns {
            let wanted = written.end + column.bytes.len() as u64;
            if wanted > room {
                // Room for some more, so that not each column asks for it.
                room = self.room(wanted + JOIN_BYTES_MAX.min(self.max_bytes / 8))?;
            }
            if stop() || wanted > room {
                break;
            }
            written.add(column)?;
        }
        written.offered = written.places.len();
        if !written.places.is_empty() {
            self.join_small(&mut written, room, stop)?;
            written.finish(&head)?;
        }
        Ok(written)
    }

    /// How many bytes a new file may have; removes files of which nothing is needed where `wanted` is more.
    fn room(&self, wanted: u64) -> io::Result<u64> {
        let disk = self.disk.available()?.map_or(u64::MAX, |left| left.saturating_sub(SPARE_BYTES));
        let mut index = self.loaded();
        index.remove_dead(self.disk.as_ref());
        while wanted <= self.max_bytes && index.bytes().saturating_add(wanted) > self.max_bytes {
            let unused = index.files.iter().find(|(_, file)| !file.used).map(|(number, _)| *number);
            let Some(number) = unused else { break };
            index.remove_file(self.disk.as_ref(), number);
        }
        Ok(disk.min(self.max_bytes.saturating_sub(index.bytes())))
    }

    /// Takes in what small files hold, the smallest first, each at most twice as large as what is there already: files
    /// grow by a factor, so that a column is written again only so often as the logarithm of their size.
    fn join_small(&self, written: &mut Written, room: u64, stop: &dyn Fn() -> bool) -> io::Result<()> {
        let mut small: Vec<(u64, u64)> = {
            let index = self.loaded();
            let sizes = index.files.iter().map(|(number, file)| (file.bytes, *number));
            sizes.filter(|(bytes, _)| *bytes <= JOIN_BYTES_MAX).collect()
        };
        small.sort_unstable();
        let mut there: HashSet<(RowId, Box<str>)> =
            written.places.iter().map(|(first, place)| (*first, place.name.clone())).collect();
        for (bytes, number) in small {
            if bytes > 2 * written.end || written.end + bytes > room || stop() {
                break;
            }
            let (file, places) = {
                let mut index = self.loaded();
                let Ok(file) = index.open(self.disk.as_ref(), number) else { continue };
                (file, index.places_in(number))
            };
            for (first, place) in places {
                // A later one of the same name came with this file.
                if there.contains(&(first, place.name.clone())) {
                    continue;
                }
                let Ok(bytes) = read_checked(file.as_ref(), &place) else { continue };
                there.insert((first, place.name.clone()));
                written.add(SpillColumn {
                    first,
                    version: place.version,
                    name: place.name.into(),
                    note: place.note.into(),
                    bytes,
                })?;
            }
            written.joined.push(number);
        }
        Ok(())
    }

    fn take_in(&self, number: u64, written: Written) {
        let offered = written.places.iter().take(written.offered);
        let bytes = offered.map(|(_, place)| place.bytes).sum();
        self.writes.fetch_add(written.offered as u64, Ordering::Relaxed);
        self.bytes_written.fetch_add(bytes, Ordering::Relaxed);
        let mut index = self.loaded();
        index.files.insert(number, SpillFile { bytes: written.end, live: 0, used: true });
        for (first, place) in written.places {
            index.put(first, place);
        }
        for joined in written.joined {
            index.remove_file(self.disk.as_ref(), joined);
        }
        index.remove_dead(self.disk.as_ref());
    }
}

/// A file under way.
struct Written {
    file: Box<dyn RawFile>,
    number: u64,
    end: u64,
    places: Vec<(RowId, Place)>,
    /// How many of them, the first, are new.
    offered: usize,
    /// Files whose columns it has taken in.
    joined: Vec<u64>,
}

impl Written {
    fn add(&mut self, column: SpillColumn) -> io::Result<()> {
        if !column.version.is_durable() || column.name.len() > 255 || column.note.len() > u16::MAX.into() {
            return Ok(());
        }
        let place = Place {
            version: column.version,
            file: self.number,
            offset: self.end.next_multiple_of(ALIGNMENT),
            bytes: column.bytes.len() as u64,
            sum: xxh3_64(&column.bytes),
            name: column.name.into(),
            note: column.note.into(),
        };
        self.file.write_at(&column.bytes, place.offset)?;
        self.end = place.offset + place.bytes;
        self.places.push((column.first, place));
        Ok(())
    }

    fn finish(&mut self, head: &[u8]) -> io::Result<()> {
        let mut bytes = Vec::new();
        for (first, place) in &self.places {
            bytes.extend(first.0.to_le_bytes());
            bytes.extend(place.version.encode());
            for number in [place.offset, place.bytes, place.sum] {
                bytes.extend(number.to_le_bytes());
            }
            // Both lengths were looked at when the column was added.
            bytes.push(u8::try_from(place.name.len()).unwrap_or(0));
            bytes.extend(place.name.as_bytes());
            bytes.extend(u16::try_from(place.note.len()).unwrap_or(0).to_le_bytes());
            bytes.extend(&place.note);
        }
        bytes.extend(self.end.to_le_bytes());
        let sum = sum_of(head, &bytes);
        bytes.extend(sum.to_le_bytes());
        bytes.extend(MAGIC);
        self.file.write_at(&bytes, self.end)?;
        self.end += bytes.len() as u64;
        Ok(())
    }
}

impl Index {
    fn bytes(&self) -> u64 {
        self.files.values().map(|file| file.bytes).sum()
    }

    fn place(&self, first: RowId, version: ChunkVersion, name: &str) -> Option<&Place> {
        let place = self.chunks.get(&first)?.iter().find(|place| *place.name == *name)?;
        (place.version == version).then_some(place)
    }

    fn places_in(&self, file: u64) -> Vec<(RowId, Place)> {
        let all = self.chunks.iter().flat_map(|(first, places)| places.iter().map(move |p| (*first, p)));
        all.filter(|(_, place)| place.file == file).map(|(first, place)| (first, place.clone())).collect()
    }

    /// Puts a column in the place of an older one.
    fn put(&mut self, first: RowId, place: Place) {
        self.remove(first, &place.name);
        if let Some(file) = self.files.get_mut(&place.file) {
            file.live += 1;
        }
        self.chunks.entry(first).or_default().push(place);
    }

    fn remove(&mut self, first: RowId, name: &str) {
        let Some(places) = self.chunks.get_mut(&first) else { return };
        let Some(at) = places.iter().position(|place| *place.name == *name) else { return };
        let place = places.swap_remove(at);
        if let Some(file) = self.files.get_mut(&place.file) {
            file.live = file.live.saturating_sub(1);
        }
    }

    /// A file to read, which counts as used from now on.
    fn open(&mut self, disk: &dyn Disk, number: u64) -> io::Result<Arc<dyn RawFile>> {
        if let Some(file) = self.files.get_mut(&number) {
            file.used = true;
        }
        if let Some(file) = self.open.get(&number) {
            return Ok(Arc::clone(file));
        }
        let file: Arc<dyn RawFile> = Arc::from(disk.open(&name_of(number))?);
        if self.open.len() >= OPEN_MAX {
            self.open.clear();
        }
        self.open.insert(number, Arc::clone(&file));
        Ok(file)
    }

    fn remove_dead(&mut self, disk: &dyn Disk) {
        let dead: Vec<u64> = self.files.iter().filter(|(_, f)| f.live == 0).map(|(n, _)| *n).collect();
        dead.into_iter().for_each(|number| self.remove_file(disk, number));
    }

    fn remove_file(&mut self, disk: &dyn Disk, number: u64) {
        // One that cannot be removed is found again at the next opening.
        let _ = disk.remove(&name_of(number));
        self.open.remove(&number);
        if self.files.remove(&number).is_some_and(|file| file.live > 0) {
            self.chunks.retain(|_, places| {
                places.retain(|place| place.file != number);
                !places.is_empty()
            });
        }
    }

    /// Reads the indexes of all files. What is no such file, or of another database, is removed.
    fn load(&mut self, disk: &dyn Disk, database: Uuid, read_only: bool) {
        let mut numbers = Vec::new();
        for name in disk.list().unwrap_or_default() {
            if let Some(number) = name.strip_suffix(SUFFIX).and_then(|number| number.parse().ok()) {
                if name == name_of(number) {
                    numbers.push(number);
                }
            } else if !read_only && name.ends_with(NEW_SUFFIX) {
                // A process that ended in the middle left it.
                let _ = disk.remove(&name);
            }
        }
        numbers.sort_unstable();
        for number in numbers {
            let read =
                disk.open(&name_of(number)).and_then(|file| read_index(file.as_ref(), number, database));
            match read {
                Ok((bytes, places)) => {
                    self.files.insert(number, SpillFile { bytes, live: 0, used: false });
                    places.into_iter().for_each(|(first, place)| self.put(first, place));
                }
                Err(_) if read_only => {}
                Err(_) => drop(disk.remove(&name_of(number))),
            }
        }
        if !read_only {
            self.remove_dead(disk);
        }
    }
}

fn name_of(number: u64) -> String {
    format!("{number:010}{SUFFIX}")
}

fn head_of(database: Uuid) -> Vec<u8> {
    let mut head = MAGIC.to_vec();
    head.extend(VERSION.to_le_bytes());
    head.extend([0; 4]);
    head.extend(database.as_bytes());
    head
}

fn sum_of(head: &[u8], index: &[u8]) -> u64 {
    let mut sum = Xxh3::new();
    sum.update(head);
    sum.update(index);
    sum.digest()
}

fn damaged() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

fn read_vec(file: &dyn RawFile, offset: u64, bytes: u64) -> io::Result<Vec<u8>> {
    let mut read = vec![0; usize::try_from(bytes).map_err(|_| damaged())?];
    file.read_at(&mut read, offset)?;
    Ok(read)
}

/// The bytes of a column that are what was written. Its place lies within the file: the index was held against it.
fn read_checked(file: &dyn RawFile, place: &Place) -> io::Result<Vec<u8>> {
    let bytes = read_vec(file, place.offset, place.bytes)?;
    if xxh3_64(&bytes) == place.sum { Ok(bytes) } else { Err(damaged()) }
}

/// A file's size, and the places of its columns.
fn read_index(file: &dyn RawFile, number: u64, database: Uuid) -> io::Result<(u64, Vec<(RowId, Place)>)> {
    let bytes = file.len()?;
    let tail = bytes.checked_sub(TAIL_BYTES as u64).filter(|at| *at >= HEAD_BYTES as u64);
    let tail_at = tail.ok_or_else(damaged)?;
    let head = read_vec(file, 0, HEAD_BYTES as u64)?;
    let mut tail = Bytes(&read_vec(file, tail_at, TAIL_BYTES as u64)?);
    let (start, sum, magic) = (tail.number()?, tail.number()?, tail.take(MAGIC.len())?);
    let within = (HEAD_BYTES as u64..=tail_at).contains(&start) && bytes - start <= INDEX_BYTES_MAX;
    if head != head_of(database) || magic != MAGIC || !within {
        return Err(damaged());
    }
    let index = read_vec(file, start, tail_at + 8 - start)?;
    if sum_of(&head, &index) != sum {
        return Err(damaged());
    }
    let mut rest = Bytes(index.get(..index.len() - 8).ok_or_else(damaged)?);
    let mut places = Vec::new();
    while !rest.0.is_empty() {
        let first = RowId(rest.number()?);
        let version = ChunkVersion::decode(rest.take(16)?).map_err(|_| damaged())?;
        let (offset, bytes, sum) = (rest.number()?, rest.number()?, rest.number()?);
        let name = rest.byte()?;
        let name = std::str::from_utf8(rest.take(name.into())?).map_err(|_| damaged())?.into();
        let note = u16::from_le_bytes([rest.byte()?, rest.byte()?]);
        let note = rest.take(note.into())?.into();
        if offset.checked_add(bytes).is_none_or(|end| end > start) {
            return Err(damaged());
        }
        places.push((first, Place { version, file: number, offset, bytes, sum, name, note }));
    }
    Ok((bytes, places))
}

/// Bytes that are taken from the front.
struct Bytes<'b>(&'b [u8]);

impl<'b> Bytes<'b> {
    fn take(&mut self, count: usize) -> io::Result<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or_else(damaged)?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> io::Result<u8> {
        self.take(1)?.first().copied().ok_or_else(damaged)
    }

    fn number(&mut self) -> io::Result<u64> {
        self.take(8)?.try_into().map(u64::from_le_bytes).map_err(|_| damaged())
    }
}

#[cfg(test)]
mod tests;
