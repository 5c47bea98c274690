//! Walks over the graph, as the bus tells them: the graph's own results in the bus's words.

use std::ops::ControlFlow;

use crate::graph::{self, Described, EdgeFilter, Link};
use crate::model::{CancelToken, Direction, Error, NodeId, Result};
use crate::storage::View;

use super::records::Answer;
use super::{
    Command, EdgeGroup, EdgeItem, EdgePage, EventBody, GraphEdge, GraphNode, Neighbourhood,
    NeighbourhoodStub, PathFound, TraverseLevel,
};

pub(super) fn perform(view: &View, command: Command, cancel: &CancelToken) -> Result<Answer> {
    let filter = |direction, names: &[String]| EdgeFilter::named(view.catalog(), direction, names);
    match command {
        Command::Edges { node, direction, edge_type, offset, limit } => {
            let outgoing = match direction {
                Direction::Out => true,
                Direction::In => false,
                Direction::Both => {
                    return Err(
                        Error::bad_input("a page of edges has one direction").with_hint("ask for out or in")
                    );
                }
            };
            let page = graph::edge_page(view, node, &edge_type, outgoing, offset, limit, cancel)?;
            let rows = page.items.len();
            Answer::one(EventBody::Edges(edge_page(page)), rows)
        }
        Command::Neighbourhood { node, direction, depth, edge_types, max_nodes } => {
            let filter = filter(direction, &edge_types)?;
            let found = graph::neighbourhood(view, node, &filter, depth, max_nodes, cancel)?;
            let rows = found.nodes.len();
            Answer::one(EventBody::Neighbourhood(neighbourhood(found)), rows)
        }
        Command::Traverse { node, direction, depth, edge_types, max_fan_out } => {
            let filter = filter(direction, &edge_types)?;
            let mut answer = Answer::default();
            graph::traverse(view, node, &filter, depth, max_fan_out, cancel, &mut |level| {
                answer.rows += level.nodes.len() as u64;
                let nodes = level.nodes.into_iter().map(node_of).collect();
                answer.bodies.push(EventBody::Level(TraverseLevel {
                    depth: level.depth,
                    nodes,
                    capped: level.capped,
                }));
                Ok(ControlFlow::Continue(()))
            })?;
            Ok(answer)
        }
        Command::Path { from, to, direction, edge_types } => {
            let path = graph::shortest_path(view, from, to, &filter(direction, &edge_types)?, cancel)?;
            let rows = path.as_ref().map_or(0, |p| p.edges.len());
            let path = path.map(|path| PathFound {
                nodes: path.nodes.into_iter().map(node_of).collect(),
                edges: path.edges.into_iter().map(edge_of).collect(),
            });
            Answer::one(EventBody::Path(path), rows)
        }
        other => Err(Error::internal(format!("'{}' has no place to be carried out", other.name()))),
    }
}

/// A node's edges, counted.
pub(super) fn edge_groups(view: &View, node: NodeId, cancel: &CancelToken) -> Result<Vec<EdgeGroup>> {
    let groups = graph::edge_groups(view, node, cancel)?;
    Ok(groups
        .into_iter()
        .map(|g| EdgeGroup { edge_type: g.edge_type, outgoing: g.outgoing, count: g.count })
        .collect())
}

pub(super) fn node_of(node: Described) -> GraphNode {
    GraphNode { id: node.id, node_type: node.node_type, label: node.label }
}

fn edge_of(edge: Link) -> GraphEdge {
    GraphEdge { id: edge.id, edge_type: edge.edge_type, from: edge.from, to: edge.to }
}

fn edge_page(page: graph::EdgePage) -> EdgePage {
    EdgePage {
        node: page.node,
        outgoing: page.outgoing,
        edge_type: page.edge_type,
        offset: page.offset,
        total: page.total,
        items: page
            .items
            .into_iter()
            .map(|item| EdgeItem { edge: item.edge, other: node_of(item.other) })
            .collect(),
    }
}

fn neighbourhood(found: graph::Neighbourhood) -> Neighbourhood {
    let stub = |s: graph::Stub| NeighbourhoodStub {
        node: s.node,
        edge_type: s.edge_type,
        outgoing: s.outgoing,
        count: s.count,
    };
    Neighbourhood {
        nodes: found.nodes.into_iter().map(node_of).collect(),
        depth: found.depth,
        edges: found.edges.into_iter().map(edge_of).collect(),
        stubs: found.stubs.into_iter().map(stub).collect(),
        edge_types: found.edge_types,
    }
}
