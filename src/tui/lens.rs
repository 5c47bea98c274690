//! The inspector's other views of a record: as a row, as bytes, as a vector.
//!
//! Lines are made for the part that is seen alone: a record of 64 KiB has thousands of them.

use crate::bus::{Inspection, RecordBody, TypeInfo};
use crate::model::{Value, escape_control};

use super::text;

/// How a record is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Lens {
    /// Properties, edges, facts: the tree.
    #[default]
    Node,
    /// The columns of its type, those without a value too.
    Row,
    /// What is stored, byte by byte.
    Bytes,
    /// Its vectors, number by number.
    Vector,
}

impl Lens {
    pub(super) fn next(self) -> Self {
        match self {
            Lens::Node => Lens::Row,
            Lens::Row => Lens::Bytes,
            Lens::Bytes => Lens::Vector,
            Lens::Vector => Lens::Node,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Lens::Node => "record",
            Lens::Row => "row",
            Lens::Bytes => "bytes",
            Lens::Vector => "vector",
        }
    }
}

/// A safe line in pieces, each with its scope.
pub(super) type Pieces = Vec<(String, &'static str)>;

/// How many lines there are.
pub(super) fn count(
    lens: Lens,
    inspection: &Inspection,
    definition: Option<&TypeInfo>,
    columns: usize,
) -> usize {
    match lens {
        Lens::Node => 0,
        Lens::Row => row(inspection, definition).len(),
        Lens::Bytes => inspection.storage.raw.len().div_ceil(bytes_a_line(columns)) + 1,
        Lens::Vector => vectors(inspection).iter().map(|(_, v)| v.len() + 3).sum::<usize>().max(1),
    }
}

/// The lines from `top` on, at most `most`.
pub(super) fn lines(
    lens: Lens,
    inspection: &Inspection,
    definition: Option<&TypeInfo>,
    columns: usize,
    (top, most): (usize, usize),
) -> Vec<Pieces> {
    match lens {
        Lens::Node => Vec::new(),
        Lens::Row => row(inspection, definition).into_iter().skip(top).take(most).collect(),
        Lens::Bytes => bytes(inspection, columns, top, most),
        Lens::Vector => vector_lines(inspection, columns).into_iter().skip(top).take(most).collect(),
    }
}

fn row(inspection: &Inspection, definition: Option<&TypeInfo>) -> Vec<Pieces> {
    let mut cells: Vec<(String, String, Value)> = Vec::new();
    let id = |name: &str, id: uuid::Uuid| (name.to_owned(), "UUID".to_owned(), Value::Uuid(id));
    let properties = match &inspection.record {
        RecordBody::Node(node) => {
            cells.push(id("id", node.id.0));
            &node.properties
        }
        RecordBody::Edge(edge) => {
            cells.extend([id("id", edge.id.0), id("from_id", edge.from.0), id("to_id", edge.to.0)]);
            &edge.properties
        }
    };
    let known = definition.map_or(&[] as &[_], |d| d.properties.as_slice());
    cells.extend(known.iter().map(|p| {
        let value = properties.get(&p.name).cloned().unwrap_or_default();
        (p.name.clone(), p.property_type.to_string(), value)
    }));
    // What came since the schema was read.
    cells.extend(properties.iter().filter(|(name, _)| !known.iter().any(|p| p.name == **name)).map(
        |(name, value)| {
            let kind = value.property_type().map_or_else(|| "JSON".to_owned(), |t| t.to_string());
            (name.clone(), kind, value.clone())
        },
    ));
    let names =
        cells.iter().map(|(name, _, _)| text::width(&escape_control(name))).max().unwrap_or(0).min(24);
    cells
        .into_iter()
        .map(|(name, kind, value)| {
            let scope = if matches!(value, Value::Null) { "ui.null" } else { "ui.text" };
            vec![
                (format!(" {} ", text::fit(&escape_control(&name), names, false)), "ui.text.muted"),
                (text::fit(&kind.to_lowercase(), 10, false), "syntax.type"),
                (format!(" {}", text::one_line(&value)), scope),
            ]
        })
        .collect()
}

fn bytes_a_line(columns: usize) -> usize {
    // An offset, three columns of hex and one of text for each byte.
    match columns {
        c if c >= 75 => 16,
        c if c >= 42 => 8,
        _ => 4,
    }
}

fn bytes(inspection: &Inspection, columns: usize, top: usize, most: usize) -> Vec<Pieces> {
    let (raw, each) = (&inspection.storage.raw, bytes_a_line(columns));
    let last = raw.len().div_ceil(each);
    let line = |n: usize| -> Pieces {
        let at = n * each;
        if n == last {
            let whole = inspection.storage.bytes;
            let cut = whole.saturating_sub(raw.len() as u64);
            let more = if cut > 0 { format!(", {} not shown", text::count(cut)) } else { String::new() };
            return vec![(format!(" {} bytes{more}", text::count(whole)), "ui.text.muted")];
        }
        let part = raw.get(at..raw.len().min(at + each)).unwrap_or_default();
        let hex: String = part.iter().map(|b| format!("{b:02x} ")).collect();
        let shown = part.iter().map(|b| if (0x20..0x7f).contains(b) { char::from(*b) } else { '·' });
        vec![
            (format!(" {at:05x}  "), "ui.line-number.active"),
            (text::fit(&hex, each * 3, false), "ui.number"),
            (format!(" {}", shown.collect::<String>()), "ui.string"),
        ]
    };
    (top..(last + 1).min(top + most)).map(line).collect()
}

fn vectors(inspection: &Inspection) -> Vec<(&str, &[f32])> {
    let properties = match &inspection.record {
        RecordBody::Node(node) => &node.properties,
        RecordBody::Edge(edge) => &edge.properties,
    };
    properties
        .iter()
        .filter_map(|(name, value)| match value {
            Value::Vector(v) => Some((name.as_str(), v.as_slice())),
            _ => None,
        })
        .collect()
}

fn vector_lines(inspection: &Inspection, columns: usize) -> Vec<Pieces> {
    let vectors = vectors(inspection);
    if vectors.is_empty() {
        return vec![vec![(" no property is a vector".to_owned(), "ui.null")]];
    }
    let mut lines = Vec::new();
    for (name, vector) in vectors {
        let norm = vector.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
        let most = vector.iter().map(|x| x.abs()).fold(0.0_f32, f32::max);
        lines.push(vec![(format!(" {}", escape_control(name)), "ui.text.strong")]);
        lines.push(vec![
            (" dimension ".to_owned(), "ui.text.muted"),
            (text::count(vector.len() as u64), "ui.number"),
            ("  length ".to_owned(), "ui.text.muted"),
            (format!("{norm:.4}"), "ui.number"),
        ]);
        lines.extend(vector.iter().enumerate().map(|(i, x)| {
            let bar = bar(*x, most, columns.saturating_sub(24).min(30));
            vec![
                (format!(" {i:>5} "), "ui.line-number.active"),
                (format!("{x:>12.6} "), "ui.number"),
                (bar, if *x < 0.0 { "ui.warning" } else { "ui.ok" }),
            ]
        }));
        lines.push(Vec::new());
    }
    lines
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
fn bar(x: f32, most: f32, columns: usize) -> String {
    if most <= 0.0 || !x.is_finite() {
        return String::new();
    }
    "▆".repeat((x.abs() / most * columns as f32).round() as usize)
}
