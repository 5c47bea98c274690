//! Which edges are followed, and the one loop that follows them.

use std::ops::ControlFlow;

use crate::model::{CancelToken, Direction, Error, NodeId, Result, RowId, TypeId};
use crate::storage::{Catalog, View};

/// Looking at the token costs less than nothing at this rate, and a hub still stops at once.
const CHECK_EVERY: u32 = 1024;

/// A cancel token that is looked at now and then.
pub(super) struct Ticker<'c> {
    cancel: &'c CancelToken,
    left: u32,
}

impl<'c> Ticker<'c> {
    pub(super) fn new(cancel: &'c CancelToken) -> Self {
        Ticker { cancel, left: 0 }
    }

    pub(super) fn tick(&mut self) -> Result<()> {
        if self.left == 0 {
            self.left = CHECK_EVERY;
            self.cancel.check()?;
        }
        self.left -= 1;
        Ok(())
    }
}

/// Which edges are followed: a direction, and all types or some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeFilter {
    direction: Direction,
    /// Sorted, each once; `None` is all.
    types: Option<Vec<TypeId>>,
}

impl EdgeFilter {
    /// Edges of every type.
    #[must_use]
    pub fn all(direction: Direction) -> Self {
        EdgeFilter { direction, types: None }
    }

    /// Edges of the named types; of every type when there is no name.
    ///
    /// # Errors
    /// `NotFound` for a name that is no type; `BadInput` for a node type.
    pub fn named(catalog: &Catalog, direction: Direction, names: &[String]) -> Result<Self> {
        if names.is_empty() {
            return Ok(Self::all(direction));
        }
        let mut types = names.iter().map(|name| edge_type(catalog, name)).collect::<Result<Vec<_>>>()?;
        types.sort_unstable();
        types.dedup();
        Ok(EdgeFilter { direction, types: Some(types) })
    }

    /// The same edges, followed the other way.
    #[must_use]
    pub fn reversed(&self) -> Self {
        let direction = match self.direction {
            Direction::Out => Direction::In,
            Direction::In => Direction::Out,
            Direction::Both => Direction::Both,
        };
        EdgeFilter { direction, types: self.types.clone() }
    }

    /// Whether edges are followed that leave a node (`true`), or enter it.
    pub(super) fn ways(&self) -> &'static [bool] {
        match self.direction {
            Direction::Out => &[true],
            Direction::In => &[false],
            Direction::Both => &[true, false],
        }
    }

    /// Visits the edges of a node in one of the ways: the edge, then its other end. Whatever
    /// direction the filter has. Returns whether `visit` ended it.
    pub(super) fn visit_way(
        &self,
        view: &View,
        node: RowId,
        outgoing: bool,
        ticker: &mut Ticker<'_>,
        visit: &mut dyn FnMut(RowId, RowId) -> Result<ControlFlow<()>>,
    ) -> Result<bool> {
        let mut ended = false;
        let mut each = |edge, other| {
            ticker.tick()?;
            let flow = visit(edge, other)?;
            ended = flow.is_break();
            Ok(flow)
        };
        match &self.types {
            None => view.adjacent(node, outgoing, None, &mut each)?,
            Some(types) => {
                for edge_type in types {
                    let mut stop = false;
                    view.adjacent(node, outgoing, Some(*edge_type), &mut |edge, other| {
                        let flow = each(edge, other)?;
                        stop = flow.is_break();
                        Ok(flow)
                    })?;
                    if stop {
                        break;
                    }
                }
            }
        }
        Ok(ended)
    }

    /// Visits the edges of a node that are followed: the edge, its other end, whether it leaves the
    /// node. A loop that is followed both ways comes once, as leaving.
    pub(super) fn visit(
        &self,
        view: &View,
        node: RowId,
        ticker: &mut Ticker<'_>,
        visit: &mut dyn FnMut(RowId, RowId, bool) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        for outgoing in self.ways() {
            let seen_loops = !outgoing && self.direction == Direction::Both;
            let ended = self.visit_way(view, node, *outgoing, ticker, &mut |edge, other| {
                if seen_loops && other == node {
                    return Ok(ControlFlow::Continue(()));
                }
                visit(edge, other, *outgoing)
            })?;
            if ended {
                break;
            }
        }
        Ok(())
    }
}

/// The edge type of a name.
pub(super) fn edge_type(catalog: &Catalog, name: &str) -> Result<TypeId> {
    let definition = catalog.require(name)?;
    if definition.is_edge() {
        return Ok(definition.id);
    }
    Err(Error::bad_input(format!("'{name}' is a node type, an edge type is needed")))
}

/// Where the node of an id lives.
pub(super) fn node_row(view: &View, id: NodeId) -> Result<RowId> {
    let row = view.row_of(id.0)?.ok_or_else(|| Error::not_found(format!("there is no node {id}")))?;
    match view.catalog().by_id(row.type_id()) {
        Some(definition) if definition.is_edge() => {
            Err(Error::bad_input(format!("{id} is an edge, a node is needed"))
                .with_hint("use the id of one of its ends"))
        }
        _ => Ok(row),
    }
}
