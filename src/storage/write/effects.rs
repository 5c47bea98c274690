//! What the commit checks again: everything a transaction relied on, and what it does besides its
//! writes. Snapshot isolation alone does not keep edges attached to living nodes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use uuid::Uuid;

use crate::model::{NodeId, RowId, TypeDef, TypeId};
use crate::storage::log::LogEntry;
use crate::storage::view::CountChange;

use super::indexes::Pending;

/// What a transaction relies on and does, besides its writes: the commit checks it again.
#[derive(Default)]
pub(crate) struct Effects {
    pub(crate) counts: BTreeMap<TypeId, CountChange>,
    /// Committed rows that are changed or deleted, with the lsn they had.
    pub(crate) changed: BTreeMap<RowId, u64>,
    /// Rows that are deleted, and what their entries in the log say of them.
    pub(crate) deleted: HashMap<RowId, DeletedRow>,
    /// Nodes that must live because new edges hang on them.
    pub(crate) needed: HashMap<RowId, NeededNode>,
    /// Nodes that are deleted with all their edges.
    pub(crate) deleted_nodes: BTreeSet<RowId>,
    /// Keys of unique indexes that were free, or were freed by this transaction.
    pub(crate) unique_keys: BTreeSet<Vec<u8>>,
    /// Entries that rows reference: key and row.
    pub(crate) referenced: BTreeMap<Vec<u8>, RowId>,
    /// Where no row may stand that references a key which this transaction removes: beginnings of keys.
    pub(crate) unreferenced: BTreeSet<Vec<u8>>,
    /// Types all of whose rows were read to change their rules.
    pub(crate) reshaped: BTreeSet<TypeId>,
    /// Ids that were chosen by the caller and must be free.
    pub(crate) chosen_ids: BTreeSet<Uuid>,
    /// Definitions that rows were checked against.
    pub(crate) relied_on: BTreeMap<TypeId, Arc<TypeDef>>,
    /// Definitions that are new or changed, with the one they replace.
    pub(crate) redefined: BTreeMap<TypeId, Option<Arc<TypeDef>>>,
    /// Types that are dropped, with their name and the sequence that came next.
    pub(crate) dropped: BTreeMap<TypeId, (String, u64)>,
    /// What is judged at the statement's end, or at the latest at the commit.
    pub(super) pending: Vec<Pending>,
    pub(crate) bytes: u64,
}

impl Effects {
    /// Adds what a later statement relied on and did, its counts excepted; what was seen first
    /// stands.
    pub(super) fn absorb(&mut self, later: Effects) {
        add_to_map(&mut self.changed, later.changed);
        if later.needed.len() > self.needed.len() {
            let earlier = std::mem::replace(&mut self.needed, later.needed);
            self.needed.extend(earlier);
        } else {
            self.needed.extend(later.needed);
        }
        self.deleted.extend(later.deleted);
        add_to_set(&mut self.deleted_nodes, later.deleted_nodes);
        add_to_set(&mut self.unique_keys, later.unique_keys);
        self.referenced.extend(later.referenced);
        add_to_set(&mut self.unreferenced, later.unreferenced);
        add_to_set(&mut self.reshaped, later.reshaped);
        add_to_set(&mut self.chosen_ids, later.chosen_ids);
        add_to_map(&mut self.relied_on, later.relied_on);
        add_to_map(&mut self.redefined, later.redefined);
        add_to_map(&mut self.dropped, later.dropped);
        self.pending.extend(later.pending);
        self.bytes += later.bytes;
    }
}

/// Adds later entries; the first of a key stands. The fewer ones are moved.
fn add_to_map<K: Ord, V>(map: &mut BTreeMap<K, V>, later: BTreeMap<K, V>) {
    if later.len() > map.len() {
        let earlier = std::mem::replace(map, later);
        map.extend(earlier);
    } else {
        for (key, value) in later {
            map.entry(key).or_insert(value);
        }
    }
}

fn add_to_set<K: Ord>(set: &mut BTreeSet<K>, mut later: BTreeSet<K>) {
    if later.len() > set.len() {
        std::mem::swap(set, &mut later);
    }
    set.extend(later);
}

/// A row that is deleted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DeletedRow {
    pub(crate) id: Uuid,
    /// Where an edge's ends live: the node it left, the node it entered.
    pub(crate) ends: Option<(RowId, RowId)>,
    /// The lsn it had; 0 for the transaction's own.
    pub(crate) lsn: u64,
}

impl DeletedRow {
    pub(crate) fn entry(&self, row: RowId) -> LogEntry<'static> {
        match self.ends {
            None => LogEntry::DeleteNode { row, id: self.id },
            Some((from, to)) => LogEntry::DeleteEdge { row, id: self.id, from, to },
        }
    }
}

/// A node that a new edge hangs on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NeededNode {
    pub(crate) id: NodeId,
    /// It was committed before this transaction, so another may delete it.
    pub(crate) committed: bool,
}
