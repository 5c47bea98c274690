//! The surroundings of a node as a picture: few nodes, the edges among them, and counts of the rest.
//!
//! At most `max_nodes` nodes whatever the graph looks like. The room of a level is shared out in
//! turns: each group (a node of the level before, an edge type, a direction) names its next node until
//! the room is gone, so a hub's 20,000 edges of one type leave room for its three of another.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::ControlFlow;

use crate::model::{CancelToken, NodeId, Result, RowId, TypeId};
use crate::storage::View;

use super::Link;
use super::describe::{Described, Describer};
use super::edges::groups_of;
use super::filter::{EdgeFilter, Ticker, node_row};

/// Edges drawn per node at most: two nodes may have any number of parallel ones.
const EDGES_PER_NODE: usize = 50;

/// The nodes around a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbourhood {
    /// The middle first, then by step, direction and edge type.
    pub nodes: Vec<Described>,
    /// For each node, how many steps from the middle.
    pub depth: Vec<u32>,
    /// The edges among them that pass the filter's types, in whichever direction.
    pub edges: Vec<Link>,
    /// What is followed but not drawn.
    pub stubs: Vec<Stub>,
    /// Edge types with edges at the middle, counted in both directions, whatever the filter.
    pub edge_types: BTreeMap<String, u64>,
}

/// Edges of a node that are not drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stub {
    /// The node, by place in the list.
    pub node: u32,
    /// The name of their type.
    pub edge_type: String,
    /// They leave the node.
    pub outgoing: bool,
    /// How many are not drawn.
    pub count: u64,
}

/// The nodes up to `depth` steps around `middle`, at most `max_nodes` of them (at least the middle).
///
/// # Errors
/// `NotFound` for an unknown node, `BadInput` for an edge; `Cancelled`, `Corrupt`, `Io`.
pub fn neighbourhood(
    view: &View,
    middle: NodeId,
    filter: &EdgeFilter,
    depth: u32,
    max_nodes: u32,
    cancel: &CancelToken,
) -> Result<Neighbourhood> {
    let middle = node_row(view, middle)?;
    let mut ticker = Ticker::new(cancel);
    let mut drawing = Drawing {
        view,
        filter,
        max_nodes: (max_nodes as usize).max(1),
        describer: Describer::new(view),
        places: HashMap::from([(middle, 0)]),
        rows: vec![(middle, 0)],
        surveys: Vec::new(),
    };
    drawing.grow(depth, &mut ticker)?;
    let (edges, drawn) = drawing.edges(&mut ticker)?;
    let stubs = drawing.stubs(&drawn);
    let mut edge_types = BTreeMap::new();
    for group in groups_of(view, middle, &mut ticker)? {
        *edge_types.entry(group.edge_type).or_default() += group.count;
    }
    let nodes = drawing.describer.nodes(drawing.rows.iter().map(|(row, _)| *row))?;
    let depth = drawing.rows.iter().map(|(_, depth)| *depth).collect();
    Ok(Neighbourhood { nodes, depth, edges, stubs, edge_types })
}

/// A node's edges of one type and direction.
struct Survey {
    /// The node, by place.
    node: usize,
    type_id: TypeId,
    edge_type: String,
    outgoing: bool,
    count: u64,
    /// Other ends, each once, as many as could be drawn.
    others: Vec<RowId>,
}

struct Drawing<'a> {
    view: &'a View,
    filter: &'a EdgeFilter,
    max_nodes: usize,
    describer: Describer<'a>,
    places: HashMap<RowId, usize>,
    /// The nodes with their depth, by place.
    rows: Vec<(RowId, u32)>,
    /// By node, then outgoing first, then by type name.
    surveys: Vec<Survey>,
}

type DrawnCounts = HashMap<(usize, TypeId, bool), u64>;

impl Drawing<'_> {
    /// Adds the nodes of each level, and surveys every node for its stubs.
    fn grow(&mut self, depth: u32, ticker: &mut Ticker<'_>) -> Result<()> {
        let mut level = 0..1;
        for step in 0.. {
            let first = self.surveys.len();
            for place in level.clone() {
                self.survey(place, step < depth, ticker)?;
            }
            if step >= depth || level.is_empty() {
                break;
            }
            let found = share_out(
                self.surveys.get(first..).unwrap_or_default(),
                &self.places,
                self.max_nodes - self.rows.len(),
            );
            level = self.rows.len()..self.rows.len() + found.len();
            for row in found {
                self.places.insert(row, self.rows.len());
                self.rows.push((row, step + 1));
            }
        }
        Ok(())
    }

    /// Counts the edges of a node by group; collects the other ends where nodes may be added.
    fn survey(&mut self, place: usize, collect: bool, ticker: &mut Ticker<'_>) -> Result<()> {
        let Some((node, _)) = self.rows.get(place).copied() else { return Ok(()) };
        let room = if collect { self.max_nodes - self.rows.len() } else { 0 };
        for outgoing in self.filter.ways() {
            let mut groups: Vec<(TypeId, u64, Vec<RowId>)> = Vec::new();
            let mut seen = HashSet::new();
            let places = &self.places;
            self.filter.visit_way(self.view, node, *outgoing, ticker, &mut |edge, other| {
                if groups.last().is_none_or(|(type_id, ..)| *type_id != edge.type_id()) {
                    groups.push((edge.type_id(), 0, Vec::new()));
                    seen.clear();
                }
                if let Some((_, count, others)) = groups.last_mut() {
                    *count += 1;
                    if others.len() < room && !places.contains_key(&other) && seen.insert(other) {
                        others.push(other);
                    }
                }
                Ok(ControlFlow::Continue(()))
            })?;
            let mut surveys = Vec::with_capacity(groups.len());
            for (type_id, count, others) in groups {
                let edge_type = self.describer.type_name(RowId::new(type_id, 0))?.to_owned();
                surveys.push(Survey { node: place, type_id, edge_type, outgoing: *outgoing, count, others });
            }
            surveys.sort_by(|a, b| a.edge_type.cmp(&b.edge_type));
            self.surveys.append(&mut surveys);
        }
        Ok(())
    }

    /// The edges among the drawn nodes, and how many of each group that is.
    fn edges(&mut self, ticker: &mut Ticker<'_>) -> Result<(Vec<Link>, DrawnCounts)> {
        let most = self.max_nodes.saturating_mul(EDGES_PER_NODE);
        let mut found = Vec::new();
        let mut drawn = DrawnCounts::new();
        for (from, (row, _)) in self.rows.iter().enumerate() {
            let places = &self.places;
            self.filter.visit_way(self.view, *row, true, ticker, &mut |edge, other| {
                if let Some(to) = places.get(&other) {
                    if found.len() >= most {
                        return Ok(ControlFlow::Break(()));
                    }
                    found.push((edge, from, *to));
                    *drawn.entry((from, edge.type_id(), true)).or_default() += 1;
                    *drawn.entry((*to, edge.type_id(), false)).or_default() += 1;
                }
                Ok(ControlFlow::Continue(()))
            })?;
        }
        let edges = found
            .into_iter()
            .map(|(edge, from, to)| {
                ticker.tick()?;
                self.describer.link(edge, from, to)
            })
            .collect::<Result<_>>()?;
        Ok((edges, drawn))
    }

    fn stubs(&self, drawn: &DrawnCounts) -> Vec<Stub> {
        self.surveys
            .iter()
            .filter_map(|survey| {
                let shown = drawn.get(&(survey.node, survey.type_id, survey.outgoing)).copied().unwrap_or(0);
                let count = survey.count.saturating_sub(shown);
                let node = u32::try_from(survey.node).ok()?;
                let (edge_type, outgoing) = (survey.edge_type.clone(), survey.outgoing);
                (count > 0).then_some(Stub { node, edge_type, outgoing, count })
            })
            .collect()
    }
}

/// The nodes that get the room of a level, ordered by direction, edge type, and who named them.
fn share_out(surveys: &[Survey], known: &HashMap<RowId, usize>, room: usize) -> Vec<RowId> {
    let mut found: Vec<(usize, RowId)> = Vec::new();
    let mut taken: HashSet<RowId> = HashSet::new();
    let mut lists: Vec<_> = surveys.iter().map(|survey| survey.others.iter()).collect();
    let mut progress = true;
    while progress && found.len() < room {
        progress = false;
        for (group, others) in lists.iter_mut().enumerate() {
            if found.len() == room {
                break;
            }
            if let Some(row) = others.find(|row| !known.contains_key(row) && taken.insert(**row)) {
                found.push((group, *row));
                progress = true;
            }
        }
    }
    // Stable: within a group the order of insertion stays.
    let order = |group: usize| surveys.get(group).map(|s| (!s.outgoing, s.edge_type.as_str(), s.node));
    found.sort_by(|a, b| order(a.0).cmp(&order(b.0)));
    found.into_iter().map(|(_, row)| row).collect()
}
