//! JSON as a tree of lines that fold.

use crate::bus::contains_text;
use crate::model::{Value, escape_control};

use crate::tui::text;

/// A tree with more lines starts folded below its first level.
const MOST_UNFOLDED: usize = 500;
/// Columns of a leaf's text that are looked at.
const LEAF_COLUMNS: usize = 240;

#[derive(Debug)]
struct Node {
    depth: usize,
    /// Its place among its siblings.
    nth: usize,
    key: String,
    /// `[2]`, `{3}`, or the leaf.
    label: String,
    scope: &'static str,
    folds: bool,
    folded: bool,
    /// One behind the last node below it.
    end: usize,
}

/// A value as a tree.
#[derive(Debug)]
pub(super) struct JsonTree {
    value: Value,
    nodes: Vec<Node>,
    /// The nodes on lines, in order.
    lines: Vec<usize>,
    cursor: usize,
}

impl JsonTree {
    pub(super) fn new(value: Value) -> Self {
        let mut nodes = Vec::new();
        add(&mut nodes, &value, String::new(), 0, 0);
        let fold = nodes.len() > MOST_UNFOLDED;
        for node in nodes.iter_mut().filter(|n| n.folds && n.depth > 0) {
            node.folded = fold;
        }
        let mut tree = Self { value, nodes, lines: Vec::new(), cursor: 0 };
        tree.list();
        tree
    }

    fn list(&mut self) {
        self.lines.clear();
        let mut at = 0;
        while let Some(node) = self.nodes.get(at) {
            self.lines.push(at);
            at = if node.folded { node.end } else { at + 1 };
        }
        self.cursor = self.cursor.min(self.lines.len().saturating_sub(1));
    }

    pub(super) fn lines(&self) -> usize {
        self.lines.len()
    }

    pub(super) fn cursor(&self) -> usize {
        self.cursor
    }

    pub(super) fn move_by(&mut self, by: isize) {
        self.cursor = self.cursor.saturating_add_signed(by).min(self.lines.len().saturating_sub(1));
    }

    fn selected(&self) -> usize {
        self.lines.get(self.cursor).copied().unwrap_or(0)
    }

    fn go_to(&mut self, node: usize) {
        self.cursor = self.lines.partition_point(|own| *own < node);
    }

    /// The node that a node lies in.
    fn parent(&self, node: usize) -> Option<usize> {
        let depth = self.nodes.get(node)?.depth.checked_sub(1)?;
        self.nodes.get(..node)?.iter().rposition(|n| n.depth == depth)
    }

    /// Folds or unfolds what is under the cursor; false for a leaf.
    pub(super) fn toggle(&mut self) -> bool {
        let at = self.selected();
        let Some(node) = self.nodes.get_mut(at).filter(|node| node.folds) else { return false };
        node.folded = !node.folded;
        self.list();
        true
    }

    /// Unfolds; or folds, from a leaf or what is folded what it lies in.
    pub(super) fn unfold(&mut self, unfold: bool) {
        let at = self.selected();
        let Some(node) = self.nodes.get(at) else { return };
        if node.folds && node.folded == unfold {
            self.toggle();
        } else if !unfold && let Some(parent) = self.parent(at) {
            self.go_to(parent);
        } else if unfold && node.folds {
            self.move_by(1);
        }
    }

    pub(super) fn fold_all(&mut self, fold: bool) {
        let here = self.selected();
        for node in self.nodes.iter_mut().filter(|n| n.folds && n.depth > 0) {
            node.folded = fold;
        }
        self.list();
        let visible = self.lines.iter().rposition(|own| *own <= here).unwrap_or(0);
        self.cursor = visible;
    }

    /// Goes to the next node that holds a text, unfolding what it lies in.
    pub(super) fn find(&mut self, wanted: &str, backwards: bool, from_here: bool) -> bool {
        let here = self.selected();
        let all = self.nodes.len();
        let step = |n: usize| if backwards { (here + all - n) % all } else { (here + n) % all };
        let range = if from_here { 0..all } else { 1..all + 1 };
        let found = range.map(step).find(|n| {
            self.nodes.get(*n).is_some_and(|node| {
                contains_text(&node.key, wanted) || !node.folds && contains_text(&node.label, wanted)
            })
        });
        let Some(found) = found else { return false };
        let mut above = self.parent(found);
        while let Some(at) = above {
            if let Some(node) = self.nodes.get_mut(at) {
                node.folded = false;
            }
            above = self.parent(at);
        }
        self.list();
        self.go_to(found);
        true
    }

    /// What is under the cursor, as text.
    pub(super) fn selected_text(&self) -> String {
        let mut path = Vec::new();
        let mut at = Some(self.selected());
        while let Some(node) = at {
            path.push(self.nodes.get(node).map_or(0, |n| n.nth));
            at = self.parent(node);
        }
        // The first step is the root itself.
        path.pop();
        let mut value = &self.value;
        while let Some(nth) = path.pop() {
            let below = match value {
                Value::Array(items) => items.get(nth),
                Value::Object(items) => items.values().nth(nth),
                _ => None,
            };
            match below {
                Some(below) => value = below,
                None => break,
            }
        }
        value.to_text()
    }

    /// A line in pieces with their scopes.
    pub(super) fn line(&self, line: usize) -> Vec<(String, &'static str)> {
        let Some(node) = self.lines.get(line).and_then(|n| self.nodes.get(*n)) else { return Vec::new() };
        let arrow = match (node.folds, node.folded) {
            (false, _) => "  ",
            (true, true) => "▸ ",
            (true, false) => "▾ ",
        };
        let mut pieces = vec![(format!("{}{arrow}", "  ".repeat(node.depth)), "ui.text.muted")];
        if !node.key.is_empty() {
            pieces.push((format!("{}  ", node.key), "ui.header"));
        }
        pieces.push((node.label.clone(), node.scope));
        pieces
    }
}

fn add(nodes: &mut Vec<Node>, value: &Value, key: String, nth: usize, depth: usize) {
    let (label, scope) = match value {
        Value::Array(items) => (format!("[{}]", items.len()), "ui.text.muted"),
        Value::Object(items) => (format!("{{{}}}", items.len()), "ui.text.muted"),
        Value::Null => ("null".to_owned(), "ui.null"),
        Value::String(_) => (format!("\"{}\"", text::cut(&text::one_line(value), LEAF_COLUMNS)), "ui.string"),
        Value::Bool(_) => (value.to_text(), "ui.boolean"),
        other => (text::one_line(other), "ui.number"),
    };
    let folds = match value {
        Value::Array(items) => !items.is_empty(),
        Value::Object(items) => !items.is_empty(),
        _ => false,
    };
    let own = nodes.len();
    nodes.push(Node { depth, nth, key, label, scope, folds, folded: false, end: 0 });
    match value {
        Value::Array(items) => {
            for (nth, item) in items.iter().enumerate() {
                add(nodes, item, nth.to_string(), nth, depth + 1);
            }
        }
        Value::Object(items) => {
            for (nth, (key, item)) in items.iter().enumerate() {
                add(nodes, item, escape_control(key).into_owned(), nth, depth + 1);
            }
        }
        _ => {}
    }
    let end = nodes.len();
    if let Some(node) = nodes.get_mut(own) {
        node.end = end;
    }
}
