//! What a simulated disk holds: for each file and folder what is durable, what readers see, and the
//! changes between the two in their order; and what a loss of power makes of that.
//!
//! Contents are pages behind `Arc`, so a copy of a whole disk costs a few counters.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Rng;

/// What the disk writes as a whole.
pub(super) const SECTOR: usize = 512;
const PAGE: usize = 4096;

pub(super) type FileId = u32;

/// One step that changes a disk.
#[derive(Debug, Clone)]
pub(super) enum Op {
    Write { file: FileId, at: u64, data: Arc<[u8]> },
    SetLen { file: FileId, len: u64 },
    Sync { file: FileId },
    Create { folder: Arc<str>, name: Arc<str>, file: FileId },
    Rename { folder: Arc<str>, from: Arc<str>, to: Arc<str> },
    Remove { folder: Arc<str>, name: Arc<str> },
    SyncFolder { folder: Arc<str> },
}

/// The bytes of a file. A page that is not there is zeros.
#[derive(Debug, Clone, Default)]
pub(super) struct Content {
    pages: Vec<Option<Arc<[u8; PAGE]>>>,
    pub(super) len: u64,
}

impl Content {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut content = Content::default();
        content.put(0, bytes);
        content.len = bytes.len() as u64;
        content
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.len as usize];
        self.get(0, &mut bytes);
        bytes
    }

    /// Fills `out` from `at`; `false` past the end.
    pub(super) fn get(&self, at: u64, out: &mut [u8]) -> bool {
        if at.checked_add(out.len() as u64).is_none_or(|end| end > self.len) {
            return false;
        }
        for (page, start, target) in spans(at, out.len()) {
            let out = &mut out[target.clone()];
            match self.pages.get(page).and_then(Option::as_ref) {
                Some(bytes) => out.copy_from_slice(&bytes[start..start + target.len()]),
                None => out.fill(0),
            }
        }
        true
    }

    /// Puts bytes in place; the length stays.
    fn put(&mut self, at: u64, data: &[u8]) {
        for (page, start, source) in spans(at, data.len()) {
            if self.pages.len() <= page {
                self.pages.resize(page + 1, None);
            }
            let bytes = Arc::make_mut(self.pages[page].get_or_insert_with(|| Arc::new([0; PAGE])));
            bytes[start..start + source.len()].copy_from_slice(&data[source]);
        }
    }

    /// A new length. What was cut off does not come back.
    fn set_len(&mut self, len: u64) {
        if len < self.len {
            self.clear_from(len);
        }
        self.len = len;
    }

    fn clear_from(&mut self, len: u64) {
        let whole = (len as usize).div_ceil(PAGE);
        self.pages.truncate(whole);
        let tail = len as usize % PAGE;
        if tail > 0
            && let Some(Some(page)) = self.pages.get_mut(whole - 1)
        {
            Arc::make_mut(page)[tail..].fill(0);
        }
    }
}

/// A range by pages: the page, where it starts in it, and which part of the range that is.
fn spans(at: u64, len: usize) -> impl Iterator<Item = (usize, usize, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        if done == len {
            return None;
        }
        let position = at as usize + done;
        let start = position % PAGE;
        let part = (len - done).min(PAGE - start);
        done += part;
        Some((position / PAGE, start, done - part..done))
    })
}

#[derive(Debug, Clone)]
enum Change {
    Write {
        at: u64,
        data: Arc<[u8]>,
    },
    /// By a write past the end or on purpose.
    Length(u64),
}

#[derive(Debug, Clone, Default)]
pub(super) struct FileState {
    durable: Content,
    pub(super) current: Content,
    pending: Vec<Change>,
    /// Readers see what a failed sync has lost.
    lost: bool,
}

impl FileState {
    fn write(&mut self, at: u64, data: &Arc<[u8]>) {
        self.current.put(at, data);
        self.pending.push(Change::Write { at, data: Arc::clone(data) });
        let end = at + data.len() as u64;
        if end > self.current.len {
            self.current.len = end;
            self.pending.push(Change::Length(end));
        } else if self.lost && end > self.length_under_way() {
            // Writing a page back also makes the length durable that it lies in.
            self.pending.push(Change::Length(end));
        }
    }

    /// The length that the next sync makes durable.
    fn length_under_way(&self) -> u64 {
        let last = self.pending.iter().rev().find_map(|change| match change {
            Change::Length(len) => Some(*len),
            Change::Write { .. } => None,
        });
        last.unwrap_or(self.durable.len)
    }

    fn set_len(&mut self, len: u64) {
        self.current.set_len(len);
        self.pending.push(Change::Length(len));
    }

    fn sync(&mut self) {
        if self.lost {
            for change in self.pending.drain(..) {
                match change {
                    Change::Write { at, data } => self.durable.put(at, &data),
                    Change::Length(len) => self.durable.set_len(len),
                }
            }
        } else {
            self.durable = self.current.clone();
            self.pending.clear();
        }
    }

    /// Other content, durably.
    pub(super) fn replace(&mut self, content: Content) {
        *self = FileState { durable: content.clone(), current: content, ..FileState::default() };
    }

    /// Other bytes at a place within the length, durably.
    pub(super) fn overwrite(&mut self, at: u64, data: &[u8]) {
        self.current.put(at, data);
        self.durable.put(at, data);
    }

    /// Some of the pending changes reach the disk, in their order. Sectors of a write go each their
    /// own way; lengths are kept up to some point, as a journal of metadata does.
    fn settle(&mut self, rng: &mut Rng) {
        let pending = std::mem::take(&mut self.pending);
        if pending.is_empty() {
            return;
        }
        let keep = Keep::choose(rng, pending.len());
        let lengths = pending.iter().filter(|change| matches!(change, Change::Length(_))).count();
        let mut lengths_kept = match keep {
            Keep::Nothing => 0,
            Keep::Everything => lengths,
            _ => rng.below(lengths + 1),
        };
        for (index, change) in pending.iter().enumerate() {
            match change {
                Change::Write { at, data } => {
                    for (position, sector) in sectors(*at, data) {
                        if keep.keeps(rng, index) {
                            self.durable.put(position, sector);
                        }
                    }
                }
                Change::Length(len) if lengths_kept > 0 => {
                    lengths_kept -= 1;
                    self.durable.set_len(*len);
                }
                Change::Length(_) => {}
            }
        }
        // Sectors past the end belong to no file.
        self.durable.clear_from(self.durable.len);
    }
}

/// A write cut at the borders of sectors.
pub(super) fn sectors(at: u64, data: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    let first = (SECTOR - at as usize % SECTOR).min(data.len());
    let (head, rest) = data.split_at(first);
    let mut position = at;
    std::iter::once(head).chain(rest.chunks(SECTOR)).map(move |sector| {
        position += sector.len() as u64;
        (position - sector.len() as u64, sector)
    })
}

/// Which of the pending changes of a file remain: each way finds other mistakes.
#[derive(Debug, Clone, Copy)]
enum Keep {
    Nothing,
    Everything,
    /// So many of eight sectors.
    Some(usize),
    /// What came before one change, and a part of that.
    Until(usize),
    /// What came after one change, and a part of that.
    From(usize),
    /// All but a part of one change.
    AllBut(usize),
}

impl Keep {
    fn choose(rng: &mut Rng, changes: usize) -> Self {
        let index = rng.below(changes);
        match rng.below(9) {
            0 => Keep::Nothing,
            1 => Keep::Everything,
            2 | 3 => Keep::Until(index),
            4 => Keep::From(index),
            5 => Keep::AllBut(index),
            _ => Keep::Some(rng.below(7) + 1),
        }
    }

    fn keeps(self, rng: &mut Rng, index: usize) -> bool {
        let toss = rng.below(8);
        match self {
            Keep::Nothing => false,
            Keep::Everything => true,
            Keep::Some(of_8) => toss < of_8,
            Keep::Until(cut) => index < cut || index == cut && toss < 4,
            Keep::From(cut) => index > cut || index == cut && toss < 4,
            Keep::AllBut(one) => index != one || toss < 4,
        }
    }
}

#[derive(Debug, Clone)]
enum NameChange {
    Create { name: Arc<str>, file: FileId },
    Rename { from: Arc<str>, to: Arc<str>, file: FileId },
    Remove { name: Arc<str>, file: FileId },
}

type Names = BTreeMap<Arc<str>, FileId>;

#[derive(Debug, Clone, Default)]
pub(super) struct FolderState {
    durable: Names,
    pub(super) current: Names,
    pending: Vec<NameChange>,
}

impl FolderState {
    fn change(names: &mut Names, change: &NameChange) {
        match change {
            NameChange::Create { name, file } => {
                names.insert(Arc::clone(name), *file);
            }
            NameChange::Rename { from, to, file } => {
                // Its old name may be unknown here, where its making was lost and this was not.
                if names.get(from) == Some(file) {
                    names.remove(from);
                }
                names.insert(Arc::clone(to), *file);
            }
            NameChange::Remove { name, file } => {
                if names.get(name) == Some(file) {
                    names.remove(name);
                }
            }
        }
    }

    fn push(&mut self, change: NameChange) {
        Self::change(&mut self.current, &change);
        self.pending.push(change);
    }

    /// Names up to some point are kept, or any of them.
    fn settle(&mut self, rng: &mut Rng) {
        let pending = std::mem::take(&mut self.pending);
        let (ordered, until) = (rng.below(2) == 0, rng.below(pending.len() + 1));
        for (index, change) in pending.iter().enumerate() {
            let kept = if ordered { index < until } else { rng.below(2) == 0 };
            if kept {
                Self::change(&mut self.durable, change);
            }
        }
        self.current = self.durable.clone();
    }
}

/// All files and folders.
#[derive(Debug, Clone, Default)]
pub(super) struct Image {
    pub(super) files: BTreeMap<FileId, Arc<FileState>>,
    pub(super) folders: BTreeMap<Arc<str>, FolderState>,
}

impl Image {
    pub(super) fn file(&mut self, file: FileId) -> Option<&mut FileState> {
        self.files.get_mut(&file).map(Arc::make_mut)
    }

    pub(super) fn folder(&mut self, folder: &Arc<str>) -> &mut FolderState {
        self.folders.entry(Arc::clone(folder)).or_default()
    }

    /// Makes a step. Steps on files and names that are gone do nothing.
    pub(super) fn apply(&mut self, op: &Op) {
        match op {
            Op::Write { file, at, data } => {
                if let Some(state) = self.file(*file) {
                    state.write(*at, data);
                }
            }
            Op::SetLen { file, len } => {
                if let Some(state) = self.file(*file) {
                    state.set_len(*len);
                }
            }
            Op::Sync { file } => {
                if let Some(state) = self.file(*file) {
                    state.sync();
                }
            }
            Op::Create { folder, name, file } => {
                self.files.insert(*file, Arc::default());
                self.folder(folder).push(NameChange::Create { name: Arc::clone(name), file: *file });
            }
            Op::Rename { folder, from, to } => {
                let folder = self.folder(folder);
                if let Some(file) = folder.current.get(from).copied() {
                    folder.push(NameChange::Rename { from: Arc::clone(from), to: Arc::clone(to), file });
                }
            }
            Op::Remove { folder, name } => {
                let folder = self.folder(folder);
                if let Some(file) = folder.current.get(name).copied() {
                    folder.push(NameChange::Remove { name: Arc::clone(name), file });
                }
            }
            Op::SyncFolder { folder } => {
                let folder = self.folder(folder);
                folder.durable = folder.current.clone();
                folder.pending.clear();
            }
        }
    }

    /// A sync that fails: a part of what was pending is durable, the rest counts as written and is
    /// not. Readers go on seeing it, or no longer.
    pub(super) fn lose(&mut self, file: FileId, rng: &mut Rng) {
        let Some(state) = self.file(file) else { return };
        state.settle(rng);
        if rng.below(2) == 0 {
            state.lost = true;
        } else {
            state.current = state.durable.clone();
        }
    }

    /// The power goes: of what was not synced, any part remains.
    pub(super) fn crash(&mut self, rng: &mut Rng) {
        for file in self.files.values_mut() {
            if !file.pending.is_empty() || file.lost {
                let file = Arc::make_mut(file);
                file.settle(rng);
                file.lost = false;
                file.current = file.durable.clone();
            }
        }
        for folder in self.folders.values_mut() {
            folder.settle(rng);
        }
        self.forget_nameless();
    }

    /// Everything that readers see becomes durable.
    pub(super) fn sync_all(&mut self) {
        for file in self.files.values_mut() {
            let file = Arc::make_mut(file);
            file.lost = false;
            file.sync();
        }
        for folder in self.folders.values_mut() {
            folder.durable = folder.current.clone();
            folder.pending.clear();
        }
        self.forget_nameless();
    }

    /// Files without any name, now or after a crash, are gone with their last handle; a copy has none.
    pub(super) fn forget_nameless(&mut self) {
        let mut named = BTreeSet::new();
        for folder in self.folders.values() {
            named.extend(folder.durable.values().chain(folder.current.values()));
            named.extend(folder.pending.iter().map(|change| match change {
                NameChange::Create { file, .. }
                | NameChange::Rename { file, .. }
                | NameChange::Remove { file, .. } => file,
            }));
        }
        let named: BTreeSet<FileId> = named.into_iter().copied().collect();
        self.files.retain(|file, _| named.contains(file));
    }
}
