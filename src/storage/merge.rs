//! The merge of ordered sources: uncommitted layers over memtables over a snapshot of the backend.
//!
//! A [`Layer`] holds the writes of one statement or transaction: per table a key maps to its new
//! value, or to `None` where it was deleted. Layers lie over each other, the newest last, all of them
//! over the memtables, the newest last, and these over a [`Snapshot`]. The newest source that names a
//! key decides about it.
//!
//! Invariants: each key is visited once, in ascending order (or in descending, where that is asked for); a deleted key is never visited. Where
//! no upper source has an entry in the range, the snapshot's own scan runs untouched: no copy, no
//! compare.

use std::cmp::Ordering;
use std::collections::{BTreeMap, btree_map};
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use crossbeam_epoch::Guard;

use super::backend::{Put, Snapshot, Table, Visitor};
use super::memtable::{self, Memtable};
use crate::model::Result;

/// Keys with their new values; `None` stands for a delete.
pub(crate) type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// Writes that lie over older ones, per table.
#[derive(Debug, Clone, Default)]
pub(crate) struct Layer {
    /// By [`Table`] number.
    pub(crate) tables: [Changes; Table::ALL.len()],
}

impl Layer {
    /// The changes of one table.
    pub(crate) fn table(&self, table: Table) -> &Changes {
        // A table's number is its place in `Table::ALL`, which gives the array its length.
        #[allow(clippy::indexing_slicing)]
        &self.tables[table as usize]
    }

    /// The changes of one table, to add to.
    pub(crate) fn table_mut(&mut self, table: Table) -> &mut Changes {
        #[allow(clippy::indexing_slicing)]
        &mut self.tables[table as usize]
    }

    /// Whether nothing was written.
    pub(crate) fn is_empty(&self) -> bool {
        self.tables.iter().all(BTreeMap::is_empty)
    }

    /// How many entries it has.
    pub(crate) fn len(&self) -> usize {
        self.tables.iter().map(BTreeMap::len).sum()
    }

    /// The memory it takes, roughly.
    pub(crate) fn bytes(&self) -> u64 {
        // Two vectors in a node of a B-tree that is two thirds full.
        const ENTRY_BYTES: usize = 80;
        let entries = self.tables.iter().flatten();
        entries
            .map(|(key, value)| ENTRY_BYTES + key.len() + value.as_ref().map_or(0, Vec::len))
            .sum::<usize>() as u64
    }
}

/// Everything a reader reads, lowest first.
#[derive(Clone, Copy)]
pub(crate) struct Sources<'a> {
    pub(crate) base: &'a dyn Snapshot,
    pub(crate) memtables: &'a [Arc<Memtable>],
    /// Which versions of the memtables are seen.
    pub(crate) lsn: u64,
    pub(crate) layers: &'a [Arc<Layer>],
}

/// Calls `read` with the value of a key in the sources over the snapshot. Returns whether the key is there; `None`
/// where they do not say.
///
/// # Errors
/// What `read` fails with.
pub(crate) fn get_upper(
    sources: Sources<'_>,
    table: Table,
    key: &[u8],
    read: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<Option<bool>> {
    for layer in sources.layers.iter().rev() {
        match layer.table(table).get(key) {
            Some(Some(value)) => return read(value).map(|()| Some(true)),
            Some(None) => return Ok(Some(false)),
            None => {}
        }
    }
    let mut memtables =
        sources.memtables.iter().rev().filter(|memtable| memtable.concerns(sources.lsn)).peekable();
    // Mostly all is flushed: then nothing is pinned.
    if memtables.peek().is_some() {
        let guard = memtable::pin();
        for memtable in memtables {
            match memtable.get(table, key, sources.lsn, &guard) {
                Some(Some(value)) => return read(value).map(|()| Some(true)),
                Some(None) => return Ok(Some(false)),
                None => {}
            }
        }
    }
    Ok(None)
}

/// Visits the entries of a key range, ascending.
///
/// # Errors
/// What the visitor and the snapshot fail with.
pub(crate) fn scan(
    sources: Sources<'_>,
    table: Table,
    range: (Bound<&[u8]>, Bound<&[u8]>),
    visit: &mut Visitor<'_>,
) -> Result<()> {
    walk(sources, table, range, Direction::Ascending, visit)
}

/// What a visit of changed entries calls: a key, and its new value or `None` where it was deleted.
pub(crate) type ChangeVisitor<'v> = dyn FnMut(&[u8], Option<&[u8]>) -> Result<ControlFlow<()>> + 'v;

/// Visits the entries of a key range that lie over the snapshot, ascending, deleted ones included.
///
/// # Errors
/// What the visitor fails with.
pub(crate) fn scan_upper(
    sources: Sources<'_>,
    table: Table,
    range: (Bound<&[u8]>, Bound<&[u8]>),
    visit: &mut ChangeVisitor<'_>,
) -> Result<()> {
    if is_empty_range(range) || (sources.layers.is_empty() && sources.memtables.is_empty()) {
        return Ok(());
    }
    let guard = memtable::pin();
    let ascending = Direction::Ascending;
    let mut upper =
        Upper::over(sources.layers, sources.memtables, sources.lsn, table, range, ascending, &guard);
    while let Some((key, change)) = upper.head {
        if visit(key, change)?.is_break() {
            break;
        }
        upper.advance();
    }
    Ok(())
}

/// Visits the entries of a key range, descending.
///
/// # Errors
/// What the visitor and the snapshot fail with.
pub(crate) fn scan_back(
    sources: Sources<'_>,
    table: Table,
    range: (Bound<&[u8]>, Bound<&[u8]>),
    visit: &mut Visitor<'_>,
) -> Result<()> {
    walk(sources, table, range, Direction::Descending, visit)
}

fn walk(
    sources: Sources<'_>,
    table: Table,
    range: (Bound<&[u8]>, Bound<&[u8]>),
    direction: Direction,
    visit: &mut Visitor<'_>,
) -> Result<()> {
    if is_empty_range(range) {
        return Ok(());
    }
    let guard = memtable::pin();
    let mut upper =
        Upper::over(sources.layers, sources.memtables, sources.lsn, table, range, direction, &guard);
    let base = |visit: &mut Visitor<'_>| match direction {
        Direction::Ascending => sources.base.scan(table, range, visit),
        Direction::Descending => sources.base.scan_back(table, range, visit),
    };
    if upper.head.is_none() {
        drop(upper);
        drop(guard);
        return base(visit);
    }
    let mut stopped = false;
    base(&mut |key, value| {
        let mut hidden = false;
        while let Some((upper_key, change)) = upper.head
            && direction.compare(upper_key, key).is_le()
        {
            hidden = upper_key == key;
            upper.advance();
            if let Some(new) = change
                && visit(upper_key, new)?.is_break()
            {
                stopped = true;
                return Ok(ControlFlow::Break(()));
            }
        }
        if hidden {
            return Ok(ControlFlow::Continue(()));
        }
        let flow = visit(key, value)?;
        stopped = flow.is_break();
        Ok(flow)
    })?;
    while !stopped && let Some((key, change)) = upper.head {
        upper.advance();
        if let Some(value) = change {
            stopped = visit(key, value)?.is_break();
        }
    }
    Ok(())
}

/// Visits the newest version of every key of some memtables (newest last), deletes included, by
/// table and in ascending order.
///
/// # Errors
/// What the visitor fails with.
pub(crate) fn newest(memtables: &[Arc<Memtable>], visit: &mut Put<'_>) -> Result<()> {
    let guard = memtable::pin();
    for table in Table::ALL {
        let everything = (Bound::Unbounded, Bound::Unbounded);
        let ascending = Direction::Ascending;
        let mut upper = Upper::over(&[], memtables, u64::MAX, table, everything, ascending, &guard);
        while let Some((key, change)) = upper.head {
            visit(table, key, change)?;
            upper.advance();
        }
    }
    Ok(())
}

/// Whether no key can lie in the range. `BTreeMap::range` panics on such ranges.
pub(crate) fn is_empty_range(range: (Bound<&[u8]>, Bound<&[u8]>)) -> bool {
    match range {
        (Bound::Included(low), Bound::Included(high)) => low > high,
        (Bound::Included(low) | Bound::Excluded(low), Bound::Excluded(high)) => low >= high,
        (Bound::Excluded(low), Bound::Included(high)) => low >= high,
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
    }
}

type Entry<'a> = (&'a [u8], Option<&'a [u8]>);

/// Which end of a range is visited first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Ascending,
    Descending,
}

impl Direction {
    /// Which of two keys is visited first.
    fn compare(self, a: &[u8], b: &[u8]) -> Ordering {
        match self {
            Direction::Ascending => a.cmp(b),
            Direction::Descending => b.cmp(a),
        }
    }
}

/// The entries of one source.
enum Entries<'a> {
    Layer(btree_map::Range<'a, Vec<u8>, Option<Vec<u8>>>),
    Memtable(memtable::Range<'a>),
    MemtableBack(memtable::RangeBack<'a>),
}

impl<'a> Entries<'a> {
    fn next(&mut self, direction: Direction) -> Option<Entry<'a>> {
        match self {
            Entries::Layer(entries) => {
                let next = match direction {
                    Direction::Ascending => entries.next(),
                    Direction::Descending => entries.next_back(),
                };
                next.map(|(key, change)| (key.as_slice(), change.as_deref()))
            }
            Entries::Memtable(entries) => entries.next(),
            Entries::MemtableBack(entries) => entries.next(),
        }
    }
}

/// The upper sources as one ordered source in which the newest wins.
struct Upper<'a> {
    /// A source and its first entry that was not merged yet; newest source first.
    sources: Vec<(Entry<'a>, Entries<'a>)>,
    /// The entry that comes next.
    head: Option<Entry<'a>>,
    direction: Direction,
}

impl<'a> Upper<'a> {
    fn over(
        layers: &'a [Arc<Layer>],
        memtables: &'a [Arc<Memtable>],
        lsn: u64,
        table: Table,
        range: (Bound<&'a [u8]>, Bound<&'a [u8]>),
        direction: Direction,
        guard: &'a Guard,
    ) -> Self {
        let layers =
            layers.iter().rev().map(|layer| Entries::Layer(layer.table(table).range::<[u8], _>(range)));
        let memtables = memtables.iter().rev().map(|memtable| match direction {
            Direction::Ascending => Entries::Memtable(memtable.range(table, range, lsn, guard)),
            Direction::Descending => Entries::MemtableBack(memtable.range_back(table, range, lsn, guard)),
        });
        let sources = layers
            .chain(memtables)
            .filter_map(|mut entries| entries.next(direction).map(|first| (first, entries)))
            .collect();
        let mut upper = Upper { sources, head: None, direction };
        upper.advance();
        upper
    }

    /// Goes on to the next key. A handful of layers: comparing them in turn beats a heap.
    fn advance(&mut self) {
        let direction = self.direction;
        // `min_by` keeps the first of equals, and the newest layer stands first.
        self.head = self.sources.iter().map(|(entry, _)| *entry).min_by(|a, b| direction.compare(a.0, b.0));
        let Some((key, _)) = self.head else { return };
        self.sources.retain_mut(|(entry, entries)| {
            if entry.0 != key {
                return true;
            }
            entries.next(direction).is_some_and(|next| {
                *entry = next;
                true
            })
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Error;

    /// A snapshot that is a map.
    struct Map(BTreeMap<Vec<u8>, Vec<u8>>);

    impl Snapshot for Map {
        fn get(&self, _: Table, key: &[u8], read: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<bool> {
            self.0.get(key).map_or(Ok(false), |value| read(value).map(|()| true))
        }

        fn scan(&self, _: Table, range: (Bound<&[u8]>, Bound<&[u8]>), visit: &mut Visitor<'_>) -> Result<()> {
            for (key, value) in self.0.range::<[u8], _>(range) {
                if visit(key, value)?.is_break() {
                    break;
                }
            }
            Ok(())
        }

        fn scan_back(
            &self,
            _: Table,
            range: (Bound<&[u8]>, Bound<&[u8]>),
            visit: &mut Visitor<'_>,
        ) -> Result<()> {
            for (key, value) in self.0.range::<[u8], _>(range).rev() {
                if visit(key, value)?.is_break() {
                    break;
                }
            }
            Ok(())
        }
    }

    fn layer(entries: &[(&str, Option<&str>)]) -> Arc<Layer> {
        let mut layer = Layer::default();
        for (key, value) in entries {
            layer
                .table_mut(Table::Nodes)
                .insert(key.as_bytes().to_vec(), value.map(|v| v.as_bytes().to_vec()));
        }
        Arc::new(layer)
    }

    fn base(entries: &[(&str, &str)]) -> Map {
        Map(entries.iter().map(|(k, v)| (k.as_bytes().to_vec(), v.as_bytes().to_vec())).collect())
    }

    fn sources<'a>(layers: &'a [Arc<Layer>], base: &'a Map) -> Sources<'a> {
        Sources { base, memtables: &[], lsn: 0, layers }
    }

    fn collect(layers: &[Arc<Layer>], base: &Map, limit: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut found = Vec::new();
        scan(sources(layers, base), Table::Nodes, (Bound::Unbounded, Bound::Unbounded), &mut |key, value| {
            found.push((key.to_vec(), value.to_vec()));
            Ok(if found.len() == limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })
        .unwrap();
        found
    }

    #[test]
    fn the_newest_layer_decides_and_a_break_ends_it_everywhere() {
        let base = base(&[("b", "0"), ("c", "0"), ("d", "0")]);
        let layers = [
            layer(&[("a", Some("1")), ("b", None), ("c", Some("1")), ("z", Some("1"))]),
            layer(&[("b", Some("2")), ("c", None), ("y", None)]),
        ];
        let all = collect(&layers, &base, usize::MAX);
        let text: Vec<_> = all.iter().map(|(k, v)| format!("{}{}", k[0] as char, v[0] as char)).collect();
        assert_eq!(text, ["a1", "b2", "d0", "z1"]);
        for limit in 1..=4 {
            assert_eq!(collect(&layers, &base, limit), all[..limit]);
        }
    }

    #[test]
    fn an_error_of_the_visitor_comes_out_wherever_the_entry_stands() {
        let base = base(&[("b", "0")]);
        let layers = [layer(&[("a", Some("1")), ("c", Some("1"))])];
        for failing in ["a", "b", "c"] {
            let result = scan(
                sources(&layers, &base),
                Table::Nodes,
                (Bound::Unbounded, Bound::Unbounded),
                &mut |key, _| {
                    if key == failing.as_bytes() {
                        Err(Error::cancelled())
                    } else {
                        Ok(ControlFlow::Continue(()))
                    }
                },
            );
            assert_eq!(result, Err(Error::cancelled()), "at {failing}");
        }
    }

    #[test]
    fn ranges_that_hold_nothing_are_empty_rather_than_a_panic() {
        let base = base(&[("b", "0")]);
        let layers = [layer(&[("b", Some("1"))])];
        let (low, high): (&[u8], &[u8]) = (b"a", b"b");
        for range in [
            (Bound::Included(high), Bound::Included(low)),
            (Bound::Excluded(high), Bound::Excluded(high)),
            (Bound::Included(high), Bound::Excluded(high)),
            (Bound::Excluded(high), Bound::Included(high)),
        ] {
            scan(sources(&layers, &base), Table::Nodes, range, &mut |_, _| panic!("nothing is there"))
                .unwrap();
        }
    }

    fn key() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(0u8..4, 0..3)
    }

    fn bound() -> impl Strategy<Value = Bound<Vec<u8>>> {
        prop_oneof![Just(Bound::Unbounded), key().prop_map(Bound::Included), key().prop_map(Bound::Excluded)]
    }

    fn borrowed(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
        bound.as_ref().map(Vec::as_slice)
    }

    proptest! {
        #[test]
        fn reads_what_applying_the_layers_in_order_gives(
            entries in prop::collection::btree_map(key(), prop::collection::vec(any::<u8>(), 0..3), 0..12),
            stack in prop::collection::vec(
                prop::collection::btree_map(key(), prop::option::of(prop::collection::vec(any::<u8>(), 0..3)), 0..12),
                0..4,
            ),
            low in bound(),
            high in bound(),
            probe in key(),
        ) {
            let mut model = entries.clone();
            let mut layers = Vec::new();
            for changes in stack {
                for (key, change) in &changes {
                    match change {
                        Some(value) => model.insert(key.clone(), value.clone()),
                        None => model.remove(key),
                    };
                }
                let mut layer = Layer::default();
                *layer.table_mut(Table::Edges) = changes;
                layers.push(Arc::new(layer));
            }
            let base = Map(entries);
            let range = (borrowed(&low), borrowed(&high));
            let mut found = Vec::new();
            scan(sources(&layers, &base), Table::Edges, range, &mut |key, value| {
                found.push((key.to_vec(), value.to_vec()));
                Ok(ControlFlow::Continue(()))
            }).unwrap();
            use std::ops::RangeBounds;
            let expected: Vec<_> = model
                .iter()
                .filter(|(key, _)| RangeBounds::<[u8]>::contains(&range, key.as_slice()))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            prop_assert_eq!(&found, &expected);
            let mut back = Vec::new();
            scan_back(sources(&layers, &base), Table::Edges, range, &mut |key, value| {
                back.push((key.to_vec(), value.to_vec()));
                Ok(ControlFlow::Continue(()))
            }).unwrap();
            back.reverse();
            prop_assert_eq!(back, expected);

            let mut value = None;
            let there = get_upper(sources(&layers, &base), Table::Edges, &probe, &mut |bytes| {
                value = Some(bytes.to_vec());
                Ok(())
            }).unwrap();
            prop_assert_eq!(there == Some(true), value.is_some());
            match there {
                Some(_) => prop_assert_eq!(value.as_ref(), model.get(&probe)),
                None => prop_assert_eq!(base.0.get(&probe), model.get(&probe)),
            }
        }
    }
}
