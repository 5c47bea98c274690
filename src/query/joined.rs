//! Columns that FULL JOIN ... USING makes of two: where they stand without a table, they are the first
//! of both that is not NULL.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Query, Select, SelectItem, SetExpr, VisitMut, VisitorMut};

use super::rewrite::{ident, name_of};

/// A merged column and its value.
#[derive(Debug, Clone)]
pub struct Coalesced {
    /// The column.
    pub name: String,
    /// `coalesce` of the joined tables' columns.
    pub value: Expr,
}

/// Puts the values in the place of the columns in every clause of a SELECT.
pub fn replace(select: &mut Select, coalesced: &[Coalesced]) {
    if coalesced.is_empty() {
        return;
    }
    for item in &mut select.projection {
        if let SelectItem::UnnamedExpr(expr @ Expr::Identifier(_)) = item
            && let Expr::Identifier(name) = &*expr
            && coalesced.iter().any(|c| c.name == name_of(name))
        {
            // The column keeps its name.
            let alias = ident(&name_of(name));
            *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
        }
    }
    // FROM holds the joins' own conditions, which name their tables.
    let from = std::mem::take(&mut select.from);
    let _ = VisitMut::visit(select, &mut Unqualified { depth: 0, coalesced });
    select.from = from;
}

/// As [`replace`], in an expression of ORDER BY: a column of the result of that name comes first.
pub fn replace_in_order(expr: &mut Expr, body: &SetExpr, coalesced: &[Coalesced]) {
    let SetExpr::Select(select) = body else { return };
    if let Expr::Identifier(name) = &*expr {
        let shown = select.projection.iter().any(|item| match item {
            SelectItem::ExprWithAlias { alias, .. } => name_of(alias) == name_of(name),
            _ => false,
        });
        if shown {
            return;
        }
    }
    let _ = VisitMut::visit(expr, &mut Unqualified { depth: 0, coalesced });
}

struct Unqualified<'c> {
    depth: usize,
    coalesced: &'c [Coalesced],
}

impl VisitorMut for Unqualified<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if self.depth == 0
            && let Expr::Identifier(name) = &*expr
            && let Some(found) = self.coalesced.iter().find(|c| c.name == name_of(name))
        {
            *expr = found.value.clone();
        }
        ControlFlow::Continue(())
    }
}
