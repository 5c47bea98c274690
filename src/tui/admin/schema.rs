//! The schema: each type with its properties, constraints and indexes.

use crate::bus::{CatalogInfo, GraphElementInfo, IndexInfo, PropertyInfo, ReferenceInfo, TypeInfo};
use crate::model::{CheckDef, ReferenceAction, escape_control};

use super::super::text;
use super::{Line, Target};

pub(super) fn lines(catalog: &CatalogInfo, indexes: &[IndexInfo]) -> Vec<Line> {
    let mut lines = Vec::new();
    for info in &catalog.types {
        lines.push(head(info));
        lines.extend(info.properties.iter().map(property));
        lines.extend(info.checks.iter().map(check));
        lines.extend(info.references.iter().map(reference));
        lines.extend(indexes.iter().filter(|index| index.type_name == info.name).map(index));
        lines.push(Line::default());
    }
    for view in &catalog.views {
        lines.push(written(&view.name, "view", &view.query));
        lines.extend(view.columns.iter().map(property));
        lines.push(Line::default());
    }
    for graph in &catalog.graphs {
        lines.push(written(&graph.name, "property graph", &graph.definition));
        lines.extend(graph.elements.iter().map(element));
        lines.push(Line::default());
    }
    lines
}

/// The heading of what is defined by a text, which it leads to.
fn written(name: &str, kind: &str, text: &str) -> Line {
    let name = escape_control(name).into_owned();
    let target = Target::Text(name.clone(), text.to_owned());
    let head = vec![(name, "ui.text.strong"), (format!("  {kind}"), "ui.text.muted")];
    Line { heading: true, ..Line::new(head) }.to(target)
}

fn element(info: &GraphElementInfo) -> Line {
    let labels = info.labels.iter().map(|label| escape_control(label).into_owned()).collect::<Vec<_>>();
    let kind = if info.is_edge { "edges" } else { "nodes" };
    Line::new(vec![
        (format!("    {} ", text::fit(&escape_control(&info.name), 24, false)), "ui.text"),
        (kind.to_owned(), "syntax.type"),
        (format!(" labelled {}", labels.join(", ")), "ui.text.muted"),
    ])
}

fn head(info: &TypeInfo) -> Line {
    let safe = |name: &str| escape_control(name).into_owned();
    let mut kind = if info.is_edge { "  edges".to_owned() } else { "  nodes".to_owned() };
    if info.is_edge {
        let end = |name: &Option<String>| name.as_deref().map_or_else(|| "any".to_owned(), safe);
        if info.from_type.is_some() || info.to_type.is_some() {
            kind.push_str(&format!(" from {} to {}", end(&info.from_type), end(&info.to_type)));
        }
    }
    let how = match (info.declared, info.open) {
        (false, _) => ", made by its data",
        (true, true) => ", declared open",
        (true, false) => ", declared",
    };
    let pieces = vec![
        (safe(&info.name), "ui.text.strong"),
        (kind, "ui.text.muted"),
        (how.to_owned(), "ui.text.muted"),
        (format!("  {} rows", text::count(info.rows)), "ui.number"),
    ];
    Line { heading: true, ..Line::new(pieces) }.to(Target::Type(info.name.clone()))
}

fn property(info: &PropertyInfo) -> Line {
    let mut pieces = vec![
        (format!("    {} ", text::fit(&escape_control(&info.name), 24, false)), "ui.text"),
        (text::fit(&info.property_type.to_string(), 16, false), "syntax.type"),
    ];
    if info.not_null {
        pieces.push((" NOT NULL".to_owned(), "syntax.keyword"));
    }
    if let Some(default) = &info.default {
        pieces.push((" DEFAULT ".to_owned(), "syntax.keyword"));
        pieces.push((escape_control(default).into_owned(), "ui.string"));
    }
    if !info.declared {
        pieces.push((" seen in data".to_owned(), "ui.text.muted"));
    }
    Line::new(pieces)
}

fn check(check: &CheckDef) -> Line {
    Line::new(vec![
        ("    CHECK ".to_owned(), "syntax.keyword"),
        (escape_control(&check.name).into_owned(), "ui.text"),
        (format!(" ({})", escape_control(&check.expression)), "ui.text.muted"),
    ])
}

fn reference(info: &ReferenceInfo) -> Line {
    let list =
        |names: &[String]| names.iter().map(|name| escape_control(name)).collect::<Vec<_>>().join(", ");
    let action = |event: &str, action: ReferenceAction| match action {
        ReferenceAction::Restrict => String::new(),
        ReferenceAction::Cascade => format!(" ON {event} CASCADE"),
        ReferenceAction::SetNull => format!(" ON {event} SET NULL"),
    };
    let (target, keys) = (escape_control(&info.target), list(&info.keys));
    let actions = format!("{}{}", action("DELETE", info.on_delete), action("UPDATE", info.on_update));
    Line::new(vec![
        ("    FOREIGN KEY ".to_owned(), "syntax.keyword"),
        (escape_control(&info.name).into_owned(), "ui.text"),
        (format!(" ({}) → {target} ({keys}){actions}", list(&info.properties)), "ui.text.muted"),
    ])
    .to(Target::Type(info.target.clone()))
}

fn index(info: &IndexInfo) -> Line {
    let columns: Vec<String> = info.properties.iter().map(|name| escape_control(name).into_owned()).collect();
    let what = match (&info.constraint, info.unique) {
        (Some(constraint), _) => constraint.to_uppercase(),
        (None, true) => "UNIQUE INDEX".to_owned(),
        (None, false) => "INDEX".to_owned(),
    };
    Line::new(vec![
        (format!("    {what} "), "syntax.keyword"),
        (escape_control(&info.name).into_owned(), "ui.text"),
        (format!(" ({})", columns.join(", ")), "ui.text.muted"),
    ])
}
