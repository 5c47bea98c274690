//! Nodes and edges as text of a graph format, into a buffer.
//!
//! * DOT, Graphviz's language (<https://graphviz.org/doc/info/lang.html>): for drawing. A node has its label and its
//!   type as its class, an edge the name of its type. Properties are left out: names such as `color` or `width` would
//!   change the drawing.
//! * GraphML (<http://graphml.graphdrawing.org/specification.html>): each property of each type is a declared key;
//!   `_type` is the type's name. What XML cannot hold (most control characters) is written as U+FFFD and counted.
//! * JSON Graph Format 2 (<https://jsongraphformat.info>): `metadata` holds the type and the properties.

use std::collections::HashMap;
use std::fmt::Write;

use uuid::Uuid;

use crate::model::{PropertyId, PropertyType, TypeDef, TypeId, Value};

use super::options::GraphFormat;

/// A node of the graph that is written.
pub(super) struct NodeText<'a> {
    pub(super) id: Uuid,
    pub(super) definition: &'a TypeDef,
    pub(super) label: &'a str,
    /// Those that are not NULL.
    pub(super) properties: Vec<(PropertyId, Value)>,
}

/// An edge of the graph that is written.
pub(super) struct EdgeText<'a> {
    pub(super) id: Uuid,
    pub(super) from: Uuid,
    pub(super) to: Uuid,
    pub(super) definition: &'a TypeDef,
    /// Those that are not NULL.
    pub(super) properties: Vec<(PropertyId, Value)>,
}

/// Turns nodes, then edges, into text of a format. The caller owns the buffer and empties it as it likes.
pub(super) struct GraphEncoder {
    format: GraphFormat,
    /// GraphML's keys of the properties, and whether a property holds JSON.
    keys: HashMap<(TypeId, PropertyId), (String, bool)>,
    nodes: u64,
    edges: u64,
    /// Characters that the format cannot hold.
    replaced: u64,
}

/// How the type's name is called among the properties: like the columns that every table has.
const TYPE_KEY: &str = "_type";

impl GraphEncoder {
    pub(super) fn new(format: GraphFormat) -> Self {
        Self { format, keys: HashMap::new(), nodes: 0, edges: 0, replaced: 0 }
    }

    pub(super) fn counts(&self) -> (u64, u64) {
        (self.nodes, self.edges)
    }

    /// Whether properties are written at all.
    pub(super) fn has_properties(&self) -> bool {
        self.format != GraphFormat::Dot
    }

    /// What whoever reads the file should know.
    pub(super) fn note(&self) -> Option<String> {
        match self.format {
            GraphFormat::Dot => Some("DOT draws types and labels, without properties".to_owned()),
            _ if self.replaced > 0 => {
                Some(format!("{} characters that XML cannot hold were replaced", self.replaced))
            }
            _ => None,
        }
    }

    /// Writes what stands before the nodes.
    pub(super) fn start<'t>(&mut self, out: &mut String, types: impl Iterator<Item = &'t TypeDef>) {
        match self.format {
            GraphFormat::Dot => out.push_str("digraph {\n"),
            GraphFormat::Jgf => out.push_str("{\"graph\":{\"directed\":true,\"nodes\":{"),
            GraphFormat::Graphml => self.start_graphml(out, types),
        }
    }

    fn start_graphml<'t>(&mut self, out: &mut String, types: impl Iterator<Item = &'t TypeDef>) {
        out.push_str(concat!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
            "<graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\">\n"
        ));
        for (key, of) in [("n", "node"), ("e", "edge")] {
            let _ = writeln!(
                out,
                "<key id=\"{key}\" for=\"{of}\" attr.name=\"{TYPE_KEY}\" attr.type=\"string\"/>"
            );
        }
        // A property that several types have in the same form is one key.
        let mut shared: HashMap<(bool, &str, &str), String> = HashMap::new();
        for definition in types {
            for property in &definition.properties {
                let form = graphml_type(property.property_type);
                let same = (definition.is_edge(), property.name.as_str(), form);
                let next = shared.len();
                let key = shared.entry(same).or_insert_with(|| {
                    let key = format!("p{next}");
                    let of = if definition.is_edge() { "edge" } else { "node" };
                    let _ = write!(out, "<key id=\"{key}\" for=\"{of}\" attr.name=\"");
                    self.replaced += push_xml(out, &property.name);
                    let _ = writeln!(out, "\" attr.type=\"{form}\"/>");
                    key
                });
                let is_json = property.property_type == PropertyType::Json;
                self.keys.insert((definition.id, property.id), (key.clone(), is_json));
            }
        }
        out.push_str("<graph edgedefault=\"directed\">\n");
    }

    pub(super) fn node(&mut self, out: &mut String, node: &NodeText<'_>) {
        let NodeText { id, definition, label, properties } = node;
        match self.format {
            GraphFormat::Dot => {
                let _ = write!(out, "  \"{id}\" [label=");
                push_dot(out, label);
                out.push_str(", class=");
                push_dot(out, &definition.name);
                out.push_str("];\n");
            }
            GraphFormat::Graphml => {
                let _ = write!(out, "<node id=\"{id}\">");
                self.graphml_data(out, "n", definition, properties);
                out.push_str("</node>\n");
            }
            GraphFormat::Jgf => {
                out.push_str(if self.nodes == 0 { "\n" } else { ",\n" });
                let _ = write!(out, "\"{id}\":{{\"label\":{},", json(label));
                push_metadata(out, definition, properties);
                out.push('}');
            }
        }
        self.nodes += 1;
    }

    pub(super) fn edge(&mut self, out: &mut String, edge: &EdgeText<'_>) {
        let EdgeText { id, from, to, definition, properties } = edge;
        match self.format {
            GraphFormat::Dot => {
                let _ = write!(out, "  \"{from}\" -> \"{to}\" [label=");
                push_dot(out, &definition.name);
                out.push_str("];\n");
            }
            GraphFormat::Graphml => {
                let _ = write!(out, "<edge id=\"{id}\" source=\"{from}\" target=\"{to}\">");
                self.graphml_data(out, "e", definition, properties);
                out.push_str("</edge>\n");
            }
            GraphFormat::Jgf => {
                out.push_str(match (self.edges, self.nodes) {
                    (0, 0) => "},\"edges\":[\n",
                    (0, _) => "\n},\"edges\":[\n",
                    _ => ",\n",
                });
                let _ = write!(
                    out,
                    "{{\"id\":\"{id}\",\"source\":\"{from}\",\"target\":\"{to}\",\"relation\":{},",
                    json(&definition.name)
                );
                push_metadata(out, definition, properties);
                out.push('}');
            }
        }
        self.edges += 1;
    }

    /// Writes what stands behind the edges.
    pub(super) fn finish(&self, out: &mut String) {
        out.push_str(match (self.format, self.edges) {
            (GraphFormat::Dot, _) => "}\n",
            (GraphFormat::Graphml, _) => "</graph>\n</graphml>\n",
            (GraphFormat::Jgf, 0) => "\n},\"edges\":[]}}\n",
            (GraphFormat::Jgf, _) => "\n]}}\n",
        });
    }

    fn graphml_data(
        &mut self,
        out: &mut String,
        type_key: &str,
        definition: &TypeDef,
        properties: &[(PropertyId, Value)],
    ) {
        let _ = write!(out, "<data key=\"{type_key}\">");
        self.replaced += push_xml(out, &definition.name);
        out.push_str("</data>");
        for (id, value) in properties {
            let Some((key, is_json)) = self.keys.get(&(definition.id, *id)) else { continue };
            let _ = write!(out, "<data key=\"{key}\">");
            self.replaced += match value {
                // As XML Schema writes a double.
                Value::Float(f) if f.is_infinite() && !is_json => {
                    push_xml(out, if *f > 0.0 { "INF" } else { "-INF" })
                }
                // Of anything: "1" is not 1.
                value if *is_json => push_xml(out, &value.to_json().to_string()),
                value => push_xml(out, &value.to_text()),
            };
            out.push_str("</data>");
        }
    }
}

/// GraphML's types: what has none among them is text, in the form that a CSV export has.
fn graphml_type(property_type: PropertyType) -> &'static str {
    match property_type {
        PropertyType::Boolean => "boolean",
        PropertyType::Integer => "long",
        PropertyType::Float => "double",
        _ => "string",
    }
}

fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// `"metadata":{"type":...,"properties":{...}}`
fn push_metadata(out: &mut String, definition: &TypeDef, properties: &[(PropertyId, Value)]) {
    let _ = write!(out, "\"metadata\":{{\"type\":{},\"properties\":{{", json(&definition.name));
    let mut first = true;
    for (id, value) in properties {
        let Some(property) = definition.property_by_id(*id) else { continue };
        let comma = if std::mem::take(&mut first) { "" } else { "," };
        let _ = write!(out, "{comma}{}:{}", json(&property.name), value.to_json());
    }
    out.push_str("}}");
}

/// Text for XML content and attributes. Returns how many characters XML 1.0 cannot hold.
fn push_xml(out: &mut String, text: &str) -> u64 {
    let mut replaced = 0;
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // A reader would make a blank of them in an attribute, and "\n" of "\r".
            '\t' | '\n' | '\r' => {
                let _ = write!(out, "&#{};", u32::from(c));
            }
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {
                out.push('\u{fffd}');
                replaced += 1;
            }
            c => out.push(c),
        }
    }
    replaced
}

/// A quoted string of DOT. A backslash would begin an escape such as `\N`, a control character garble the drawing.
fn push_dot(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out.push('"');
}
