//! Subcommands about the graph: neighbours, traversal, paths.

use crate::bus::{Command, EventBody, GraphNode, GraphSource, PathFound, RecordBody, ResultColumn};
use crate::model::{Direction, Error, NodeId, PropertyType, Value};

use super::args::Follow;
use super::commands::{column, integer, print};
use super::find::node_id;
use super::graph_files::{graph_format, print_graph};
use super::io::Outcome;
use super::session::Session;

const EDGES_PER_PAGE: u32 = 1000;

fn node_cells(node: GraphNode) -> [Value; 3] {
    [Value::String(node.node_type), Value::Uuid(node.id.0), Value::String(node.label)]
}

/// `neighbors ID`: every edge, page by page.
pub fn neighbors(session: &mut Session<'_>, id: &str, follow: &Follow) -> Outcome {
    let node = node_id(session, id)?;
    let (mut groups, mut is_node) = (Vec::new(), false);
    session.request(Command::Inspect { id: node.0 }, &mut |_, _, body| {
        if let EventBody::Inspected(inspection) = body {
            is_node = matches!(inspection.record, RecordBody::Node(_));
            groups = inspection.edges;
        }
        Ok(())
    })?;
    if !is_node {
        return Err(Error::bad_input(format!("{node} is an edge, a node is needed")).into());
    }
    let limit = session.settings.limit.unwrap_or(u64::MAX);
    let mut rows: Vec<Vec<Value>> = Vec::new();
    // A type this node has no edges of may not exist at all: the engine says so.
    for name in follow.edges.iter().filter(|name| !groups.iter().any(|g| g.edge_type == **name)) {
        edge_page(session, node, Direction::Out, name, 0, &mut rows)?;
    }
    for group in groups {
        let direction = if group.outgoing { Direction::Out } else { Direction::In };
        let wanted = follow.direction() == Direction::Both || follow.direction() == direction;
        if !wanted || !(follow.edges.is_empty() || follow.edges.contains(&group.edge_type)) {
            continue;
        }
        let mut offset = 0;
        // One row past the limit shows that there are more.
        while offset < group.count && rows.len() as u64 <= limit {
            let read = edge_page(session, node, direction, &group.edge_type, offset, &mut rows)?;
            if read == 0 {
                break;
            }
            offset += read;
        }
    }
    let columns = vec![
        column("direction", PropertyType::String),
        column("edge_type", PropertyType::String),
        column("edge_id", PropertyType::Uuid),
        column("type", PropertyType::String),
        column("id", PropertyType::Uuid),
        column("label", PropertyType::String),
    ];
    if rows.len() as u64 > limit {
        rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        show(session, Some(node), columns, rows)?;
        session.io.note(&format!("more rows were left out: --limit {limit}"));
        return Ok(());
    }
    show(session, Some(node), columns, rows)
}

/// Prints what was found: as rows, or in a format for graphs the nodes and edges whose ids are in them.
fn show(
    session: &mut Session<'_>,
    middle: Option<NodeId>,
    columns: Vec<ResultColumn>,
    rows: Vec<Vec<Value>>,
) -> Outcome {
    let Some(format) = graph_format(session.settings.format) else { return print(session, columns, rows) };
    let found = rows.iter().flatten().filter_map(|cell| match cell {
        Value::Uuid(id) => Some(*id),
        _ => None,
    });
    let ids = middle.map(|node| node.0).into_iter().chain(found).collect();
    print_graph(session, GraphSource::Records(ids), format)
}

fn edge_page(
    session: &mut Session<'_>,
    node: NodeId,
    direction: Direction,
    edge_type: &str,
    offset: u64,
    rows: &mut Vec<Vec<Value>>,
) -> Outcome<u64> {
    let command =
        Command::Edges { node, direction, edge_type: edge_type.to_owned(), offset, limit: EDGES_PER_PAGE };
    let mut read = 0;
    session.request(command, &mut |_, _, body| {
        if let EventBody::Edges(page) = body {
            read += page.items.len() as u64;
            let word = if direction == Direction::Out { "out" } else { "in" };
            rows.extend(page.items.into_iter().map(|item| {
                let mut row = vec![Value::from(word), Value::from(edge_type), Value::Uuid(item.edge.0)];
                row.extend(node_cells(item.other));
                row
            }));
        }
        Ok(())
    })?;
    Ok(read)
}

/// `traverse ID`
pub fn traverse(session: &mut Session<'_>, id: &str, depth: u32, follow: &Follow) -> Outcome {
    let node = node_id(session, id)?;
    let command = Command::Traverse {
        node,
        direction: follow.direction(),
        depth,
        edge_types: follow.edges.clone(),
        max_fan_out: None,
    };
    let (mut rows, mut notes) = (Vec::new(), Vec::new());
    session.request(command, &mut |_, _, body| {
        if let EventBody::Level(level) = body {
            let count = level.nodes.len();
            if count > 0 {
                notes.push(format!(
                    "depth {}: {count} node{}",
                    level.depth,
                    if count == 1 { "" } else { "s" }
                ));
            }
            if level.capped {
                notes.push("nodes may be missing: a node had more edges than are followed".to_owned());
            }
            rows.extend(level.nodes.into_iter().map(|node| {
                let mut row = vec![integer(u64::from(level.depth))];
                row.extend(node_cells(node));
                row
            }));
        }
        Ok(())
    })?;
    let columns = vec![
        column("depth", PropertyType::Integer),
        column("type", PropertyType::String),
        column("id", PropertyType::Uuid),
        column("label", PropertyType::String),
    ];
    show(session, Some(node), columns, rows)?;
    notes.iter().for_each(|note| session.io.note(note));
    Ok(())
}

/// `path FROM TO`
pub fn path(session: &mut Session<'_>, from: &str, to: &str, follow: &Follow) -> Outcome {
    let command = Command::Path {
        from: node_id(session, from)?,
        to: node_id(session, to)?,
        direction: follow.direction(),
        edge_types: follow.edges.clone(),
    };
    let mut found: Option<PathFound> = None;
    session.request(command, &mut |_, _, body| {
        if let EventBody::Path(path) = body {
            found = path;
        }
        Ok(())
    })?;
    let (mut rows, mut note) = (Vec::new(), "there is no path".to_owned());
    if let Some(path) = found {
        note = format!("{} edge{}", path.edges.len(), if path.edges.len() == 1 { "" } else { "s" });
        let mut edges = path.edges.into_iter();
        for (step, node) in path.nodes.into_iter().enumerate() {
            let edge = if step == 0 { None } else { edges.next() };
            let mut row = vec![integer(step as u64)];
            row.extend(node_cells(node));
            row.push(Value::from(edge.as_ref().map(|e| e.edge_type.clone())));
            row.push(Value::from(edge.map(|e| e.id.0)));
            rows.push(row);
        }
    }
    let columns = vec![
        column("step", PropertyType::Integer),
        column("type", PropertyType::String),
        column("id", PropertyType::Uuid),
        column("label", PropertyType::String),
        column("edge_type", PropertyType::String),
        column("edge_id", PropertyType::Uuid),
    ];
    show(session, None, columns, rows)?;
    session.io.note(&note);
    Ok(())
}
