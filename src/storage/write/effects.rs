//! What the commit checks again: everything a transaction relied on, and what it does besides its
//! writes. Snapshot isolation alone does not keep edges attached to living nodes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use uuid::Uuid;

use crate::model::{NodeId, RowId, TypeDef, TypeId};
use crate::storage::log::LogEntry;
use crate::storage::view::CountChange;

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
    /// Ids that were chosen by the caller and must be free.
    pub(crate) chosen_ids: BTreeSet<Uuid>,
    /// Definitions that rows were checked against.
    pub(crate) relied_on: BTreeMap<TypeId, Arc<TypeDef>>,
    /// Definitions that are new or changed, with the one they replace.
    pub(crate) redefined: BTreeMap<TypeId, Option<Arc<TypeDef>>>,
    /// Types that are dropped, with their name and the sequence that came next.
    pub(crate) dropped: BTreeMap<TypeId, (String, u64)>,
    pub(crate) bytes: u64,
}

impl Effects {
    /// Adds what a later statement relied on and did; what was seen first stands.
    pub(super) fn absorb(&mut self, other: Effects) {
        for (id, change) in other.counts {
            self.counts.entry(id).or_default().add(change);
        }
        for (row, lsn) in other.changed {
            self.changed.entry(row).or_insert(lsn);
        }
        self.deleted.extend(other.deleted);
        self.needed.extend(other.needed);
        self.deleted_nodes.extend(other.deleted_nodes);
        self.chosen_ids.extend(other.chosen_ids);
        for (id, definition) in other.relied_on {
            self.relied_on.entry(id).or_insert(definition);
        }
        for (id, before) in other.redefined {
            self.redefined.entry(id).or_insert(before);
        }
        self.dropped.extend(other.dropped);
        self.bytes += other.bytes;
    }
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
