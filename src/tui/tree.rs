//! The tree of types: node types and edge types with their counts, unfolding to properties.

use std::collections::BTreeSet;

pub(super) use crate::bus::complete::quote_name;
use crate::bus::{CatalogInfo, QueryName, TypeInfo};

/// A line of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TreeRow {
    /// `nodes`, or `edges`.
    Section { edges: bool },
    /// A type, by its place in the catalog.
    Type(usize),
    /// A property of a type.
    Property(usize, usize),
    /// A section without types.
    Empty,
    /// `saved queries`.
    Queries,
    /// A saved query, by its place in the list.
    Query(usize),
}

/// The tree and where its cursor is.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) catalog: Option<CatalogInfo>,
    folded: BTreeSet<bool>,
    unfolded: BTreeSet<String>,
    queries: Vec<QueryName>,
    queries_folded: bool,
    /// Grows when something is folded or unfolded.
    folds: u64,
    pub(super) cursor: usize,
    pub(super) top: usize,
    height: usize,
}

impl Tree {
    /// Takes a catalog; the cursor stays with its type.
    pub(super) fn load(&mut self, catalog: CatalogInfo) {
        // The first types there are take the cursor.
        let first = self.catalog.as_ref().is_none_or(|c| c.types.is_empty());
        let name = self.selected_type().map(|t| t.name.clone());
        self.catalog = Some(catalog);
        if let Some(row) = self.rows().iter().position(|row| match (row, &name) {
            (TreeRow::Type(_), None) => first,
            (TreeRow::Type(t), Some(name)) => self.type_at(*t).is_some_and(|t| t.name == *name),
            _ => false,
        }) && (first || name.is_some())
        {
            self.cursor = row;
        }
        self.move_by(0);
    }

    /// The lines from top to bottom.
    pub(super) fn rows(&self) -> Vec<TreeRow> {
        let types = self.catalog.as_ref().map_or(&[] as &[TypeInfo], |c| &c.types);
        let mut rows = Vec::new();
        for edges in [false, true] {
            rows.push(TreeRow::Section { edges });
            if self.folded.contains(&edges) {
                continue;
            }
            let mut any = false;
            for (i, info) in types.iter().enumerate().filter(|(_, t)| t.is_edge == edges) {
                any = true;
                rows.push(TreeRow::Type(i));
                if self.unfolded.contains(&info.name) {
                    rows.extend((0..info.properties.len()).map(|p| TreeRow::Property(i, p)));
                }
            }
            if !any {
                rows.push(TreeRow::Empty);
            }
        }
        if !self.queries.is_empty() {
            rows.push(TreeRow::Queries);
            if !self.queries_folded {
                rows.extend((0..self.queries.len()).map(TreeRow::Query));
            }
        }
        rows
    }

    pub(super) fn type_at(&self, index: usize) -> Option<&TypeInfo> {
        self.catalog.as_ref()?.types.get(index)
    }

    pub(super) fn selected(&self) -> Option<TreeRow> {
        self.rows().get(self.cursor).copied()
    }

    /// The type under the cursor, or whose property is.
    pub(super) fn selected_type(&self) -> Option<&TypeInfo> {
        match self.selected()? {
            TreeRow::Type(t) | TreeRow::Property(t, _) => self.type_at(t),
            _ => None,
        }
    }

    pub(super) fn is_unfolded(&self, row: TreeRow) -> bool {
        match row {
            TreeRow::Section { edges } => !self.folded.contains(&edges),
            TreeRow::Queries => !self.queries_folded,
            TreeRow::Type(t) => self.type_at(t).is_some_and(|t| self.unfolded.contains(&t.name)),
            _ => false,
        }
    }

    /// Unfolds or folds the line; a property folds its type.
    pub(super) fn unfold(&mut self, unfold: bool) {
        self.folds += 1;
        match self.selected() {
            Some(TreeRow::Queries) => self.queries_folded = !unfold,
            Some(TreeRow::Section { edges }) => {
                if unfold {
                    self.folded.remove(&edges);
                } else {
                    self.folded.insert(edges);
                }
            }
            Some(row @ TreeRow::Type(t)) => {
                let was = self.is_unfolded(row);
                if let Some(name) = self.type_at(t).map(|t| t.name.clone()) {
                    if unfold {
                        self.unfolded.insert(name);
                    } else if was {
                        self.unfolded.remove(&name);
                    } else {
                        self.go_to_parent();
                    }
                }
            }
            Some(TreeRow::Property(..) | TreeRow::Empty | TreeRow::Query(_)) if !unfold => {
                self.go_to_parent()
            }
            _ => {}
        }
        self.move_by(0);
    }

    fn go_to_parent(&mut self) {
        let rows = self.rows();
        let here = rows.get(self.cursor).copied();
        let parent = rows.iter().take(self.cursor).rposition(|row| match here {
            Some(TreeRow::Property(..)) => matches!(row, TreeRow::Type(_)),
            Some(TreeRow::Query(_)) => *row == TreeRow::Queries,
            _ => matches!(row, TreeRow::Section { .. }),
        });
        if let Some(parent) = parent {
            self.cursor = parent;
        }
    }

    /// The saved queries as they are now.
    pub(super) fn set_queries(&mut self, queries: &[QueryName]) {
        self.queries = queries.to_vec();
        self.move_by(0);
    }

    pub(super) fn query_at(&self, index: usize) -> Option<&QueryName> {
        self.queries.get(index)
    }

    /// The saved query under the cursor.
    pub(super) fn selected_query(&self) -> Option<&QueryName> {
        match self.selected()? {
            TreeRow::Query(at) => self.query_at(at),
            _ => None,
        }
    }

    /// Changes when something is folded or unfolded.
    pub(super) fn folding_version(&self) -> u64 {
        self.folds
    }

    /// The sections that are folded and the types that are not, by name.
    pub(super) fn folding(&self) -> (Vec<String>, Vec<String>) {
        let sections = self.folded.iter().map(|edges| if *edges { "edges" } else { "nodes" });
        let queries = self.queries_folded.then_some("queries");
        (sections.chain(queries).map(str::to_owned).collect(), self.unfolded.iter().cloned().collect())
    }

    /// Folds and unfolds as [`Tree::folding`] said.
    pub(super) fn set_folding(&mut self, folded: Vec<String>, unfolded: Vec<String>) {
        let is = |name: &str| folded.iter().any(|f| f == name);
        self.folded = [false, true].into_iter().filter(|e| is(if *e { "edges" } else { "nodes" })).collect();
        self.queries_folded = is("queries");
        self.unfolded = unfolded.into_iter().collect();
        self.move_by(0);
    }

    pub(super) fn toggle(&mut self) {
        if let Some(row) = self.selected() {
            self.unfold(!self.is_unfolded(row));
        }
    }

    pub(super) fn move_by(&mut self, by: i64) {
        let last = self.rows().len().saturating_sub(1);
        let by = isize::try_from(by).unwrap_or(if by < 0 { isize::MIN } else { isize::MAX });
        self.cursor = self.cursor.saturating_add_signed(by).min(last);
        self.top = self.top.min(self.cursor).max((self.cursor + 1).saturating_sub(self.height.max(1)));
    }

    pub(super) fn fit(&mut self, height: u16) {
        self.height = usize::from(height);
        self.move_by(0);
    }

    pub(super) fn height(&self) -> usize {
        self.height
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(name: &str, is_edge: bool) -> TypeInfo {
        TypeInfo {
            name: name.into(),
            is_edge,
            from_type: None,
            to_type: None,
            declared: false,
            open: false,
            rows: 1,
            properties: vec![],
            checks: vec![],
            references: vec![],
        }
    }

    #[test]
    fn the_cursor_starts_at_the_first_type_and_stays_with_it() {
        let mut tree = Tree::default();
        tree.fit(20);
        tree.load(CatalogInfo::default());
        tree.load(CatalogInfo { types: vec![info("b", false)], version: 1, ..CatalogInfo::default() });
        assert_eq!(tree.selected_type().unwrap().name, "b");
        tree.load(CatalogInfo {
            types: vec![info("a", false), info("b", false)],
            version: 2,
            ..CatalogInfo::default()
        });
        assert_eq!(tree.selected_type().unwrap().name, "b");
        tree.unfold(false);
        assert_eq!(tree.selected(), Some(TreeRow::Section { edges: false }));
        tree.unfold(false);
        assert_eq!(
            tree.rows(),
            [TreeRow::Section { edges: false }, TreeRow::Section { edges: true }, TreeRow::Empty]
        );
    }

    #[test]
    fn names_are_quoted_where_sql_needs_it() {
        assert_eq!(quote_name("package"), "package");
        assert_eq!(quote_name("Package"), "\"Package\"");
        assert_eq!(quote_name("order"), "\"order\"");
        assert_eq!(quote_name("a\"b"), "\"a\"\"b\"");
        assert_eq!(quote_name(""), "\"\"");
    }
}
