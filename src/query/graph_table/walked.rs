//! Paths that are walked, among the tables of a pattern.

use sqlparser::ast::{Expr, FunctionArg, FunctionArgExpr, Query, SetExpr, TableFactor, Value as Literal};

use crate::query::rewrite::ident;

use super::ast::PathPattern;
use super::expand::{Pattern, Placed};
use super::traversal::{Kind, Traversal, conjuncts};
use super::used::{self, Used};

impl Pattern<'_, '_> {
    /// Takes in a path that is walked.
    pub(super) fn walk(&mut self, path: &PathPattern) -> Placed<()> {
        let number = self.traversals.len();
        let mut traversal = Traversal::of(number, path, self.table, &self.labels)?;
        for (place, slot) in traversal.slots.iter().enumerate().filter(|(_, slot)| slot.kind == Kind::Single)
        {
            let Some(name) = &slot.name else { continue };
            let own = self.element(Some(&ident(name)), slot.is_edge, slot.types.clone(), slot.at)?;
            self.walked.push((own, number, place));
        }
        self.filters.extend(std::mem::take(&mut traversal.filters).into_iter().map(|filter| (filter, None)));
        self.traversals.push(traversal);
        Ok(())
    }

    /// The conditions behind the pattern, but for those that paths take that are walked.
    pub(super) fn filters_behind(&mut self) -> Vec<Expr> {
        let Some(filter) = self.table.filter.clone() else { return Vec::new() };
        if self.traversals.is_empty() {
            return vec![filter];
        }
        let mut left = Vec::new();
        for condition in conjuncts(filter) {
            if used::asks(&[&condition]) || !self.traversals.iter_mut().any(|own| own.takes(&condition)) {
                left.push(condition);
            }
        }
        left
    }

    /// Writes the calls of the walked paths.
    pub(super) fn calls(&self, query: &mut Query, used: &mut Used) -> Placed<()> {
        let at = self.table.at.0;
        let SetExpr::Select(select) = query.body.as_mut() else { return Ok(()) };
        for table in &mut select.from {
            let TableFactor::Table { alias: Some(alias), args: Some(args), .. } = &mut table.relation else {
                continue;
            };
            let name = alias.name.value.clone();
            let Some(own) = used.traversals.iter_mut().find(|own| own.name == name) else { continue };
            let (text, queries) = own.call(self.catalog, at)?;
            let text = Expr::Value(Literal::SingleQuotedString(text).into());
            let queries = queries.into_iter().map(|query| Expr::Subquery(Box::new(query)));
            let arguments = std::iter::once(text).chain(queries);
            args.args = arguments.map(|expr| FunctionArg::Unnamed(FunctionArgExpr::Expr(expr))).collect();
        }
        Ok(())
    }

    /// Whether an element is a table of the query.
    pub(super) fn is_table(&self, place: usize, used: &Used) -> bool {
        let Some((element, types)) = self.elements.get(place).zip(self.types.get(place)) else {
            return false;
        };
        let is_walked = self.walked.iter().any(|(own, traversal, slot)| {
            let slot = used.traversals.get(*traversal).and_then(|own| own.slots.get(*slot));
            *own == place && slot.is_some_and(|slot| slot.types.is_subset(types))
        });
        if is_walked && !used.needs(place) {
            return false;
        }
        element.is_edge || !self.is_implied(place, used)
    }

    /// Whether an element stands in a path that is walked.
    pub(super) fn is_walked(&self, place: usize) -> bool {
        self.walked.iter().any(|(own, ..)| *own == place)
    }
}
