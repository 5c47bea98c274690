//! Windows that extend a named one, `OVER (w ORDER BY ...)`, written out: the planner would lose what
//! `w` says.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, Ident, NamedWindowDefinition, NamedWindowExpr, Query, Select, VisitMut, VisitorMut, WindowSpec,
    WindowType,
};

use super::rewrite::name_of;
use crate::model::{Error, Result};

/// Writes the windows of a SELECT out.
///
/// # Errors
/// `BadInput` for a window that is not there, and for one that says again what the named one says.
pub fn write_out(select: &mut Select) -> Result<()> {
    if select.named_window.is_empty() {
        return Ok(());
    }
    let mut known: Vec<(String, WindowSpec)> = Vec::new();
    for NamedWindowDefinition(name, window) in &mut select.named_window {
        let spec = match window {
            NamedWindowExpr::NamedWindow(other) => find(&known, other)?.clone(),
            NamedWindowExpr::WindowSpec(spec) => match &spec.window_name {
                Some(base) => extended(find(&known, base)?, spec)?,
                None => spec.clone(),
            },
        };
        *window = NamedWindowExpr::WindowSpec(spec.clone());
        known.push((name_of(name), spec));
    }
    match VisitMut::visit(select, &mut Extended { depth: 0, known: &known }) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

fn find<'k>(known: &'k [(String, WindowSpec)], name: &Ident) -> Result<&'k WindowSpec> {
    let wanted = name_of(name);
    let found = known.iter().find(|(name, _)| *name == wanted).map(|(_, spec)| spec);
    found.ok_or_else(|| Error::not_found(format!("no window {wanted}")))
}

fn extended(base: &WindowSpec, own: &WindowSpec) -> Result<WindowSpec> {
    let twice =
        |what: &str| Error::bad_input(format!("a window cannot change the {what} of the one it extends"));
    if !own.partition_by.is_empty() {
        return Err(twice("PARTITION BY"));
    }
    if !base.order_by.is_empty() && !own.order_by.is_empty() {
        return Err(twice("ORDER BY"));
    }
    if base.window_frame.is_some() {
        return Err(twice("frame"));
    }
    let order_by = if own.order_by.is_empty() { base.order_by.clone() } else { own.order_by.clone() };
    Ok(WindowSpec {
        window_name: None,
        partition_by: base.partition_by.clone(),
        order_by,
        window_frame: own.window_frame.clone(),
    })
}

struct Extended<'k> {
    depth: usize,
    known: &'k [(String, WindowSpec)],
}

impl VisitorMut for Extended<'_> {
    type Break = Error;

    fn pre_visit_query(&mut self, _query: &mut Query) -> ControlFlow<Error> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<Error> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        if self.depth == 0
            && let Expr::Function(function) = expr
            && let Some(WindowType::WindowSpec(spec)) = &mut function.over
            && let Some(base) = &spec.window_name
        {
            match find(self.known, base).and_then(|base| extended(base, spec)) {
                Ok(whole) => *spec = whole,
                Err(error) => return ControlFlow::Break(error),
            }
        }
        ControlFlow::Continue(())
    }
}
