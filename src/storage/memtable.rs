//! The memtable: committed writes that are not in the tables yet.
//!
//! Two forms behind one type. **Lists**: concurrent skip lists, one per table, of key and version,
//! the newest version of a key first: many small transactions, read while others are added. **A run**:
//! the sorted writes of one large transaction, or of a recovery, taken as they are.
//!
//! A reader at lsn *n* sees the newest version of a key that is at most *n*; versions above are of
//! transactions that are not durable yet, or later. Nothing is removed, except by
//! [`Memtable::forget_after`], which takes back what was never visible to anybody.
//!
//! Invariant: no key of a table is the beginning of another key of that table (all have one length), so
//! that key and version in one byte string sort as the pair does. `meta`, whose keys are names, never
//! stands in a memtable.

use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use crossbeam_epoch::{Collector, Guard, LocalHandle};
use crossbeam_skiplist::SkipList;
use crossbeam_skiplist::base::Entry;

use super::backend::Table;
use super::merge::Layer;

const VERSION_BYTES: usize = 8;
/// What an entry takes besides its bytes, roughly: two boxes, a tower, allocator slack.
const ENTRY_BYTES: u64 = 96;
/// Keys up to this length are probed for without an allocation.
const PROBE_BYTES: usize = 40;

type List = SkipList<Box<[u8]>, Option<Box<[u8]>>>;
type ListEntry<'g> = Entry<'g, 'g, Box<[u8]>, Option<Box<[u8]>>>;

// Of our own, so that a long scan holds up no other library's garbage.
static COLLECTOR: LazyLock<Collector> = LazyLock::new(Collector::new);

thread_local! {
    static HANDLE: LocalHandle = COLLECTOR.register();
}

/// Keeps entries alive while they are read.
pub(crate) fn pin() -> Guard {
    // A thread that ends while it still reads has no handle left.
    HANDLE.try_with(LocalHandle::pin).unwrap_or_else(|_| COLLECTOR.register().pin())
}

/// See the module's head.
pub(crate) struct Memtable {
    content: Content,
    bytes: AtomicU64,
    /// The first and the last transaction in it; `u64::MAX` and 0 while it is empty.
    first_lsn: AtomicU64,
    last_lsn: AtomicU64,
}

enum Content {
    Lists(Box<[List; Table::ALL.len()]>),
    Run(Arc<Layer>),
}

impl Memtable {
    /// An empty one, to be added to.
    pub(crate) fn new() -> Self {
        let lists = Box::new(std::array::from_fn(|_| SkipList::new(COLLECTOR.clone())));
        Memtable {
            content: Content::Lists(lists),
            bytes: AtomicU64::new(0),
            first_lsn: AtomicU64::new(u64::MAX),
            last_lsn: AtomicU64::new(0),
        }
    }

    /// The writes of transactions `first..=last`, of which the last is the first that shows them.
    pub(crate) fn run(layer: Arc<Layer>, first: u64, last: u64) -> Self {
        let bytes = layer.bytes();
        Memtable {
            content: Content::Run(layer),
            bytes: AtomicU64::new(bytes),
            first_lsn: AtomicU64::new(first),
            last_lsn: AtomicU64::new(last),
        }
    }

    /// Adds a transaction's writes.
    pub(crate) fn insert(&self, layer: Layer, lsn: u64) {
        let Content::Lists(lists) = &self.content else {
            debug_assert!(false, "a run takes nothing more");
            return;
        };
        let guard = pin();
        let mut bytes = 0;
        for (list, changes) in lists.iter().zip(layer.tables) {
            for (key, value) in changes {
                bytes += entry_bytes(key.len(), value.as_deref());
                list.insert(versioned(key, lsn), value.map(Vec::into_boxed_slice), &guard).release(&guard);
            }
        }
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.first_lsn.fetch_min(lsn, Ordering::Relaxed);
        self.last_lsn.fetch_max(lsn, Ordering::Release);
    }

    /// The memory it takes, roughly.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Whether nothing was added.
    pub(crate) fn is_empty(&self) -> bool {
        self.last_lsn() == 0
    }

    /// Whether it is a run.
    pub(crate) fn is_run(&self) -> bool {
        matches!(self.content, Content::Run(_))
    }

    /// The last transaction in it.
    pub(crate) fn last_lsn(&self) -> u64 {
        self.last_lsn.load(Ordering::Acquire)
    }

    /// Whether a reader at `lsn` may see anything of it.
    pub(crate) fn concerns(&self, lsn: u64) -> bool {
        match self.content {
            Content::Lists(_) => self.first_lsn.load(Ordering::Relaxed) <= lsn,
            Content::Run(_) => self.last_lsn() <= lsn,
        }
    }

    /// The value of a key at `lsn`: `None` where it does not say, `Some(None)` where it was deleted.
    pub(crate) fn get<'g>(
        &'g self,
        table: Table,
        key: &[u8],
        lsn: u64,
        guard: &'g Guard,
    ) -> Option<Option<&'g [u8]>> {
        if !self.concerns(lsn) {
            return None;
        }
        match &self.content {
            Content::Run(layer) => layer.table(table).get(key).map(Option::as_deref),
            Content::Lists(lists) => {
                let list = list_of(lists, table);
                if list.is_empty() {
                    return None;
                }
                let entry = with_probe(key, !lsn, |probe| list.lower_bound(Bound::Included(probe), guard))?;
                let found = entry.key();
                let is_it = found.len() == key.len() + VERSION_BYTES && found.starts_with(key);
                is_it.then(|| entry.value().as_deref())
            }
        }
    }

    /// Takes back the writes of transactions after `lsn`, which no view has shown.
    pub(crate) fn forget_after(&self, lsn: u64) {
        let Content::Lists(lists) = &self.content else { return };
        let guard = pin();
        let (mut taken, mut left) = (0, 0);
        for list in lists.iter() {
            for entry in list.iter(&guard) {
                let (key, version) = version_of(entry.key());
                if version > lsn && entry.remove() {
                    taken += entry_bytes(key.len(), entry.value().as_deref());
                } else {
                    left += 1;
                }
            }
        }
        self.bytes.fetch_sub(taken, Ordering::Relaxed);
        if left == 0 {
            self.first_lsn.store(u64::MAX, Ordering::Relaxed);
            self.last_lsn.store(0, Ordering::Release);
        } else {
            self.last_lsn.fetch_min(lsn, Ordering::AcqRel);
        }
    }

    /// Its entries of a key range as a reader at `lsn` sees them, in ascending order.
    pub(crate) fn range<'g>(
        &'g self,
        table: Table,
        range: (Bound<&'g [u8]>, Bound<&'g [u8]>),
        lsn: u64,
        guard: &'g Guard,
    ) -> Range<'g> {
        if !self.concerns(lsn) {
            return Range::Nothing;
        }
        match &self.content {
            Content::Run(layer) => Range::Run(layer.table(table).range::<[u8], _>(range)),
            Content::Lists(lists) => {
                let list = list_of(lists, table);
                let next = match range.0 {
                    Bound::Unbounded => list.front(guard),
                    // All versions of the key come before the one with the lsn 0, which nobody has.
                    Bound::Included(low) => {
                        with_probe(low, 0, |probe| list.lower_bound(Bound::Included(probe), guard))
                    }
                    Bound::Excluded(low) => {
                        with_probe(low, u64::MAX, |probe| list.lower_bound(Bound::Excluded(probe), guard))
                    }
                };
                Range::List { next, end: range.1, lsn }
            }
        }
    }
}

impl Memtable {
    /// As [`Memtable::range`], in descending order.
    pub(crate) fn range_back<'g>(
        &'g self,
        table: Table,
        range: (Bound<&'g [u8]>, Bound<&'g [u8]>),
        lsn: u64,
        guard: &'g Guard,
    ) -> RangeBack<'g> {
        if !self.concerns(lsn) {
            return RangeBack::Nothing;
        }
        match &self.content {
            Content::Run(layer) => RangeBack::Run(layer.table(table).range::<[u8], _>(range)),
            Content::Lists(lists) => {
                let list = list_of(lists, table);
                let next = match range.1 {
                    Bound::Unbounded => list.back(guard),
                    // The oldest version of the key there could be is the last one.
                    Bound::Included(high) => {
                        with_probe(high, u64::MAX, |probe| list.upper_bound(Bound::Included(probe), guard))
                    }
                    Bound::Excluded(high) => {
                        with_probe(high, 0, |probe| list.upper_bound(Bound::Excluded(probe), guard))
                    }
                };
                RangeBack::List { next, start: range.0, lsn }
            }
        }
    }
}

/// A walk over a memtable's entries of a range, from its end.
pub(crate) enum RangeBack<'g> {
    Nothing,
    Run(std::collections::btree_map::Range<'g, Vec<u8>, Option<Vec<u8>>>),
    List { next: Option<ListEntry<'g>>, start: Bound<&'g [u8]>, lsn: u64 },
}

impl<'g> Iterator for RangeBack<'g> {
    type Item = (&'g [u8], Option<&'g [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            RangeBack::Nothing => None,
            RangeBack::Run(entries) => {
                entries.next_back().map(|(key, value)| (key.as_slice(), value.as_deref()))
            }
            RangeBack::List { next, start, lsn } => loop {
                let last = next.take()?;
                let (key, _) = version_of(last.key());
                let before = match start {
                    Bound::Included(start) => key < *start,
                    Bound::Excluded(start) => key <= *start,
                    Bound::Unbounded => false,
                };
                if before {
                    return None;
                }
                // Its versions come the oldest first; the newest one that is seen counts.
                let mut seen = None;
                let mut entry = Some(last);
                while let Some(version) = &entry
                    && version_of(version.key()).0 == key
                {
                    let earlier = version.prev();
                    if version_of(version.key()).1 <= *lsn {
                        seen = entry.take();
                    }
                    entry = earlier;
                }
                *next = entry;
                if let Some(seen) = seen {
                    return Some((key, seen.value().as_deref()));
                }
            },
        }
    }
}

/// A walk over a memtable's entries of a range.
pub(crate) enum Range<'g> {
    Nothing,
    Run(std::collections::btree_map::Range<'g, Vec<u8>, Option<Vec<u8>>>),
    List { next: Option<ListEntry<'g>>, end: Bound<&'g [u8]>, lsn: u64 },
}

impl<'g> Iterator for Range<'g> {
    type Item = (&'g [u8], Option<&'g [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Range::Nothing => None,
            Range::Run(entries) => entries.next().map(|(key, value)| (key.as_slice(), value.as_deref())),
            Range::List { next, end, lsn } => loop {
                let entry = next.take()?;
                let (key, version) = version_of(entry.key());
                let beyond = match end {
                    Bound::Included(end) => key > *end,
                    Bound::Excluded(end) => key >= *end,
                    Bound::Unbounded => false,
                };
                if beyond {
                    return None;
                }
                if version > *lsn {
                    *next = entry.next();
                    continue;
                }
                // The older versions of the key are behind this one.
                let mut following = entry.next();
                while let Some(older) = &following
                    && version_of(older.key()).0 == key
                {
                    following = older.next();
                }
                *next = following;
                return Some((key, entry.value().as_deref()));
            },
        }
    }
}

fn entry_bytes(key: usize, value: Option<&[u8]>) -> u64 {
    ENTRY_BYTES + (key + value.map_or(0, <[u8]>::len)) as u64
}

fn list_of(lists: &[List; Table::ALL.len()], table: Table) -> &List {
    // A table's number is its place in `Table::ALL`, which gives the array its length.
    #[allow(clippy::indexing_slicing)]
    &lists[table as usize]
}

/// A key with its version behind it; later versions sort first.
fn versioned(mut key: Vec<u8>, lsn: u64) -> Box<[u8]> {
    key.reserve_exact(VERSION_BYTES);
    key.extend_from_slice(&(!lsn).to_be_bytes());
    key.into_boxed_slice()
}

fn version_of(versioned: &[u8]) -> (&[u8], u64) {
    versioned
        .split_last_chunk::<VERSION_BYTES>()
        .map_or((versioned, 0), |(key, version)| (key, !u64::from_be_bytes(*version)))
}

fn with_probe<T>(key: &[u8], version: u64, look: impl FnOnce(&[u8]) -> T) -> T {
    let end = key.len() + VERSION_BYTES;
    let mut short = [0; PROBE_BYTES];
    if let Some(probe) = short.get_mut(..end) {
        let (left, right) = probe.split_at_mut(key.len());
        left.copy_from_slice(key);
        right.copy_from_slice(&version.to_be_bytes());
        return look(probe);
    }
    look(&[key, &version.to_be_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn layer(changes: &BTreeMap<Vec<u8>, Option<Vec<u8>>>) -> Layer {
        let mut layer = Layer::default();
        *layer.table_mut(Table::Nodes) = changes.clone();
        layer
    }

    #[test]
    fn a_version_is_seen_from_its_lsn_on_and_can_be_taken_back() {
        let memtable = Memtable::new();
        for (lsn, value) in [(3, Some(b"three".to_vec())), (5, None), (9, Some(b"nine".to_vec()))] {
            memtable.insert(layer(&BTreeMap::from([(b"key".to_vec(), value)])), lsn);
        }
        let guard = pin();
        let at = |lsn| memtable.get(Table::Nodes, b"key", lsn, &guard);
        assert_eq!([at(2), at(3), at(4)], [None, Some(Some(&b"three"[..])), Some(Some(&b"three"[..]))]);
        assert_eq!([at(5), at(8), at(9)], [Some(None), Some(None), Some(Some(&b"nine"[..]))]);
        assert_eq!(memtable.get(Table::Nodes, b"kez", 9, &guard), None);
        assert_eq!(memtable.get(Table::Edges, b"key", 9, &guard), None);
        memtable.forget_after(5);
        assert_eq!((at(9), memtable.last_lsn()), (Some(None), 5));
        memtable.insert(layer(&BTreeMap::from([(b"key".to_vec(), Some(b"six".to_vec()))])), 6);
        assert_eq!(at(9), Some(Some(&b"six"[..])));
    }

    proptest! {
        #[test]
        fn a_reader_sees_what_its_transactions_wrote(
            transactions in prop::collection::vec(
                prop::collection::btree_map([0u8..3, 0u8..3], prop::option::of(any::<u8>()), 0..6), 0..8),
            low in prop::option::of([0u8..3, 0u8..3]),
            high in prop::option::of([0u8..3, 0u8..3]),
        ) {
            let lists = Memtable::new();
            let mut model = BTreeMap::new();
            let bounds = (
                low.as_ref().map_or(Bound::Unbounded, |b| if b[1] == 0 { Bound::Excluded(&b[..]) } else { Bound::Included(&b[..]) }),
                high.as_ref().map_or(Bound::Unbounded, |b| if b[1] == 0 { Bound::Excluded(&b[..]) } else { Bound::Included(&b[..]) }),
            );
            let mut expected = vec![model.clone()];
            for (lsn, changes) in (1..).zip(&transactions) {
                let changes: BTreeMap<Vec<u8>, Option<Vec<u8>>> =
                    changes.iter().map(|(k, v)| (k.to_vec(), v.map(|v| vec![v]))).collect();
                model.extend(changes.clone());
                expected.push(model.clone());
                lists.insert(layer(&changes), lsn);
            }
            let guard = pin();
            let run = Memtable::run(Arc::new(layer(&model)), 1, transactions.len() as u64);
            for (lsn, model) in expected.iter().enumerate() {
                use std::ops::RangeBounds;
                let want: Vec<_> = model.iter().filter(|(k, _)| RangeBounds::<[u8]>::contains(&bounds, k.as_slice()))
                    .map(|(k, v)| (k.as_slice(), v.as_deref())).collect();
                if crate::storage::merge::is_empty_range(bounds) { continue; }
                let found: Vec<_> = lists.range(Table::Nodes, bounds, lsn as u64, &guard).collect();
                prop_assert_eq!(&found, &want);
                let mut back: Vec<_> = lists.range_back(Table::Nodes, bounds, lsn as u64, &guard).collect();
                back.reverse();
                prop_assert_eq!(&back, &want);
                if lsn == transactions.len() {
                    let found: Vec<_> = run.range(Table::Nodes, bounds, lsn as u64, &guard).collect();
                    prop_assert_eq!(&found, &want);
                    let back: Vec<_> = run.range_back(Table::Nodes, bounds, lsn as u64, &guard).collect();
                    prop_assert!(back.iter().rev().eq(&want));
                }
                for key in model.keys() {
                    prop_assert_eq!(lists.get(Table::Nodes, key, lsn as u64, &guard), model.get(key).map(Option::as_deref));
                }
            }
        }
    }
}
