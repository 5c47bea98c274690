//! What a table declares, and what it takes from the tables around it.
//!
//! PostgreSQL lets GRAPH_TABLE see the tables before it in FROM without LATERAL. The planner sees them
//! for LATERAL alone, and plans that worse: so it is written where a name may need it, and only there.

use std::collections::HashSet;
use std::ops::ControlFlow;

use sqlparser::ast::{
    AccessExpr, Expr, FunctionArg, FunctionArgExpr, Ident, ObjectName, ObjectNamePart, Query, TableFactor,
    Value, Visit, Visitor,
};

use super::ast::{GraphTable, OutputColumn, PathFactor, Primary, folded};
use super::cut::PLACEHOLDER;

impl GraphTable {
    /// All expressions: conditions, costs and columns, in the order of the text.
    #[must_use]
    pub fn expressions(&self) -> Vec<&Expr> {
        let mut found = Vec::new();
        for path in &self.paths {
            expressions(&path.factors, &mut found);
        }
        found.extend(&self.filter);
        found.extend(self.columns.iter().filter_map(|column| match column {
            OutputColumn::Expr { expr, .. } => Some(expr.as_ref()),
            OutputColumn::All { .. } => None,
        }));
        found
    }

    /// All variables, of paths, nodes and edges, in the order of the text; the same one as often as it
    /// stands there.
    #[must_use]
    pub fn variables(&self) -> Vec<&Ident> {
        let mut found = Vec::new();
        for path in &self.paths {
            found.extend(&path.variable);
            variables(&path.factors, &mut found);
        }
        found
    }

    /// Names in the expressions that are none of its variables: of tables, or columns of tables, that
    /// stand before it in FROM or around it. `tables` are the statement's, for the ones in subqueries.
    /// Bare names in subqueries are left out: they are taken for columns there.
    #[must_use]
    pub fn outer_names(&self, tables: &[GraphTable]) -> Vec<Ident> {
        let mut names =
            Names { tables, depth: 0, used: Vec::new(), relations: HashSet::new(), fields: Vec::new() };
        for expr in self.expressions() {
            let _: ControlFlow<()> = expr.visit(&mut names);
        }
        let Names { used, relations, .. } = names;
        let known: HashSet<String> = self.variables().into_iter().map(folded).collect();
        let outer = |name: &Ident| {
            let name = folded(name);
            !known.contains(&name) && !relations.contains(&name)
        };
        used.into_iter().filter(outer).collect()
    }
}

fn expressions<'t>(factors: &'t [PathFactor], found: &mut Vec<&'t Expr>) {
    for factor in factors {
        match &factor.primary {
            Primary::Node(node) => found.extend(&node.filter),
            Primary::Edge(edge) => found.extend(edge.filter.iter().chain(&edge.cost)),
            Primary::Group(group) => {
                expressions(&group.factors, found);
                found.extend(group.filter.iter().chain(&group.cost));
            }
        }
    }
}

fn variables<'t>(factors: &'t [PathFactor], found: &mut Vec<&'t Ident>) {
    for factor in factors {
        match &factor.primary {
            Primary::Node(node) => found.extend(&node.variable),
            Primary::Edge(edge) => found.extend(&edge.variable),
            Primary::Group(group) => {
                found.extend(&group.variable);
                variables(&group.factors, found);
            }
        }
    }
}

struct Names<'t> {
    tables: &'t [GraphTable],
    /// How many queries are around.
    depth: usize,
    /// First names of columns, and bare names outside of queries.
    used: Vec<Ident>,
    /// Names of tables within queries.
    relations: HashSet<String>,
    /// Names behind a dot, which are visited like names of columns.
    fields: Vec<Ident>,
}

impl Visitor for Names<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.depth = self.depth.saturating_sub(1);
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        let (name, arguments, alias) = match factor {
            TableFactor::Table { name, args, alias, .. } => {
                (Some(name), args.as_ref().map(|args| args.args.as_slice()), alias)
            }
            TableFactor::Function { name, args, alias, .. } => (Some(name), Some(args.as_slice()), alias),
            TableFactor::Derived { alias, .. } | TableFactor::NestedJoin { alias, .. } => (None, None, alias),
            _ => return ControlFlow::Continue(()),
        };
        if let Some(name) = alias.as_ref().map(|alias| &alias.name).or_else(|| name.and_then(last)) {
            self.relations.insert(folded(name));
        }
        if let Some(table) = name.zip(arguments).and_then(|(name, arguments)| self.table(name, arguments)) {
            let outer = table.outer_names(self.tables);
            self.used.extend(outer);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::CompoundIdentifier(names) => self.used.extend(names.first().cloned()),
            Expr::Identifier(name) => match self.fields.iter().position(|field| field == name) {
                Some(at) => drop(self.fields.swap_remove(at)),
                None if self.depth == 0 => self.used.push(name.clone()),
                None => {}
            },
            Expr::CompoundFieldAccess { root, access_chain } => {
                if let (Expr::Identifier(name), Some(AccessExpr::Dot(_))) =
                    (root.as_ref(), access_chain.first())
                    && self.depth > 0
                {
                    self.used.push(name.clone());
                }
                self.fields.extend(access_chain.iter().filter_map(|access| match access {
                    AccessExpr::Dot(Expr::Identifier(field)) => Some(field.clone()),
                    _ => None,
                }));
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

impl<'t> Names<'t> {
    /// The table that a call stands for.
    fn table(&self, name: &ObjectName, arguments: &[FunctionArg]) -> Option<&'t GraphTable> {
        let [FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value)))] = arguments else {
            return None;
        };
        match (&value.value, last(name)) {
            (Value::Number(number, _), Some(name)) if folded(name) == PLACEHOLDER => {
                self.tables.get(number.to_string().parse::<usize>().ok()?)
            }
            _ => None,
        }
    }
}

fn last(name: &ObjectName) -> Option<&Ident> {
    name.0.last().and_then(ObjectNamePart::as_ident)
}
