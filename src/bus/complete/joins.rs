//! Proposals for JOIN: an edge type joins the node types at its ends, a reference the type it names.

use std::collections::BTreeSet;

use crate::bus::registry::is_keyword;

use super::parts::Scope;
use super::words::{TypeWords, Words, quote_name};

/// Proposals at most.
const MOST: usize = 80;

/// A table with its condition, or the condition alone.
pub(super) struct Join {
    pub(super) table: String,
    pub(super) text: String,
    pub(super) detail: String,
    /// The schema says so; otherwise an edge without declared ends may lead there.
    pub(super) declared: bool,
}

/// Tables that join those of the statement.
pub(super) fn tables(words: &Words, scope: &[Scope]) -> Vec<Join> {
    let taken: BTreeSet<&str> = scope.iter().map(|s| s.alias.as_str()).collect();
    let mut found = Vec::new();
    for joined in &words.types {
        let alias = alias_of(&joined.name, &taken);
        for own in scope {
            let Some(table) = words.find(&own.table) else { continue };
            for (condition, declared) in links((&own.alias, table), (&alias, joined)) {
                let name = quote_name(&joined.name);
                let text = format!("{name} {alias} ON {condition}");
                let detail = joined.about();
                found.push(Join { table: joined.name.clone(), text, detail, declared });
            }
        }
    }
    // Without declared ends everything joins everything: the nearest stay.
    found.sort_by_key(|join| !join.declared);
    found.truncate(MOST);
    found
}

/// What joins the statement's last table to those before it.
pub(super) fn conditions(words: &Words, scope: &[Scope]) -> Vec<Join> {
    let Some((last, before)) = scope.split_last() else { return Vec::new() };
    let Some(table) = words.find(&last.table) else { return Vec::new() };
    let mut found = Vec::new();
    for own in before {
        let Some(other) = words.find(&own.table) else { continue };
        for (text, declared) in links((&own.alias, other), (&last.alias, table)) {
            let detail = format!("{} – {}", other.name, table.name);
            found.push(Join { table: table.name.clone(), text, detail, declared });
        }
    }
    found
}

/// The conditions that join two tables, and whether the schema declares them.
fn links(one: (&str, &TypeWords), other: (&str, &TypeWords)) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    let column = |alias: &str, name: &str| format!("{}.{}", quote_name(alias), quote_name(name));
    let mut end = |node: (&str, &TypeWords), edge: (&str, &TypeWords), end: &Option<String>, name: &str| {
        if end.as_ref().is_none_or(|end| *end == node.1.name) {
            found.push((format!("{} = {}", column(node.0, "id"), column(edge.0, name)), end.is_some()));
        }
    };
    let is_node = |t: &TypeWords| !t.is_edge && !t.is_view;
    for (node, edge) in [(one, other), (other, one)] {
        if is_node(node.1) && edge.1.is_edge {
            end(node, edge, &edge.1.to, "to_id");
            end(node, edge, &edge.1.from, "from_id");
        }
    }
    if one.1.is_edge && other.1.is_edge {
        // One edge goes on where another one ends.
        for (first, second) in [(one, other), (other, one)] {
            if let (Some(to), Some(from)) = (&first.1.to, &second.1.from)
                && to == from
            {
                found.push((format!("{} = {}", column(second.0, "from_id"), column(first.0, "to_id")), true));
            }
        }
    }
    let mut pairs = vec![(one, other)];
    // A type that refers to itself is joined both ways already.
    if one.1.name != other.1.name {
        pairs.push((other, one));
    }
    for (from, to) in pairs {
        for reference in from.1.references.iter().filter(|r| r.target == to.1.name) {
            let equal = reference.properties.iter().zip(&reference.keys);
            let equal: Vec<String> =
                equal.map(|(own, key)| format!("{} = {}", column(to.0, key), column(from.0, own))).collect();
            found.push((equal.join(" AND "), true));
        }
    }
    found
}

/// A short name for a table that no other has: its first letter, or the first ones.
fn alias_of(name: &str, taken: &BTreeSet<&str>) -> String {
    let letters: String =
        name.to_lowercase().chars().filter(|c| c.is_ascii_lowercase() || *c == '_').collect();
    let letters = letters.trim_start_matches('_');
    let short = (1..=letters.len()).filter_map(|n| letters.get(..n)).map(str::to_owned);
    let numbered = (2..1_000).map(|n| format!("{}{n}", letters.get(..1).unwrap_or("t")));
    let free =
        |alias: &String| !alias.ends_with('_') && !is_keyword(alias) && !taken.contains(alias.as_str());
    short.chain(numbered).find(free).unwrap_or_else(|| "t".to_owned())
}
