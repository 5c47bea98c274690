//! What expressions ask of repeated and optional elements, and of walked paths: columns of the path's relation.

use std::collections::BTreeSet;

use sqlparser::ast::{DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments};

use crate::model::{Error, Result};
use crate::query::traverse::Output;

use super::ast::folded;
use super::traversal::{self, Kind, mentioned};
use super::used::{Looker, is_list, sees_itself};

impl Looker<'_> {
    /// What a property of an optional element is in the query.
    pub(super) fn optional(&mut self, expr: &Expr) -> Result<Option<Expr>> {
        let name = mentioned(expr).into_iter().find(|name| self.used.repeated(name).is_some());
        let Some((name, (traversal, slot, kind))) = name.and_then(|name| {
            let found = self.used.repeated(&name)?;
            Some((name, found))
        }) else {
            return Ok(None);
        };
        if kind == Kind::List {
            return Err(is_list(&name));
        }
        if self.own.is_some() {
            return Err(sees_itself(&name));
        }
        let Some(own) = self.used.traversals.get_mut(traversal) else { return Ok(None) };
        let column = own.value(slot, expr);
        let output = own.output(Output::First { element: slot, column });
        Ok(Some(traversal::column(&own.name, &output)))
    }

    /// What an aggregate over a repeated element is in the query; nothing where it is over none.
    pub(super) fn aggregate(&mut self, name: &str, function: &Function) -> Result<Option<Expr>> {
        let FunctionArguments::List(list) = &function.args else { return Ok(None) };
        let mut names = BTreeSet::new();
        for argument in &list.args {
            match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => names.extend(mentioned(expr)),
                FunctionArg::Unnamed(FunctionArgExpr::QualifiedWildcard(of)) => {
                    names.extend(of.0.first().and_then(|part| part.as_ident()).map(folded));
                }
                _ => {}
            }
        }
        names.retain(|name| !self.is_hidden(name));
        let lists = |name: &&String| self.used.repeated(name).is_some_and(|(.., kind)| kind == Kind::List);
        let Some(variable) = names.iter().find(lists).cloned() else { return Ok(None) };
        let others = names.iter().find(|name| {
            **name != variable
                && (self.used.elements.contains_key(*name) || self.used.repeated(name).is_some())
        });
        if let Some(other) = others {
            let error = Error::unsupported(format!("{name} over {variable} and {other} at once"));
            return Err(error.with_hint("an aggregate in a pattern is over one repeated element"));
        }
        let is_plain = function.filter.is_none()
            && function.over.is_none()
            && function.null_treatment.is_none()
            && function.within_group.is_empty()
            && list.clauses.is_empty();
        if !is_plain {
            let error = Error::unsupported(format!("{name} over a repeated element with further clauses"));
            return Err(
                error.with_hint("values come in the order of the path; conditions stand in the element")
            );
        }
        let distinct = list.duplicate_treatment == Some(DuplicateTreatment::Distinct);
        let Some((traversal, slot, _)) = self.used.repeated(&variable) else { return Ok(None) };
        let Some(own) = self.used.traversals.get_mut(traversal) else { return Ok(None) };
        let output = match list.args.as_slice() {
            [
                FunctionArg::Unnamed(
                    FunctionArgExpr::QualifiedWildcard(_) | FunctionArgExpr::Expr(Expr::Identifier(_)),
                ),
            ] => {
                if name != "count" || distinct {
                    let error = Error::bad_input(format!("{name}: {variable} is an element, and no value"));
                    return Err(error.with_hint(format!(
                        "name a property, as in {variable}.name, or its id: element_id({variable})"
                    )));
                }
                Output::Count(slot)
            }
            [FunctionArg::Unnamed(FunctionArgExpr::Expr(value)), rest @ ..] => {
                let between = match rest {
                    [] => None,
                    [FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(text)))] => {
                        text.value.clone().into_string()
                    }
                    _ => {
                        let error = Error::unsupported(format!(
                            "{name} over a repeated element with these arguments"
                        ));
                        return Err(
                            error.with_hint("the second argument is a text, as in string_agg(e.name, ', ')")
                        );
                    }
                };
                let function = if name == "listagg" { "string_agg" } else { name }.to_owned();
                let column = own.value(slot, value);
                Output::Aggregate { function, distinct, element: slot, column, between }
            }
            _ => return Ok(None),
        };
        let output = own.output(output);
        Ok(Some(traversal::column(&own.name, &output)))
    }

    /// What a function of a walked path means.
    pub(super) fn walked(&mut self, name: &str, path: &str) -> Option<Expr> {
        let output = match name {
            "path_length" => Output::Length,
            "path_cost" => Output::Cost,
            "edges" => Output::Ids { nodes: false, edges: true },
            "elements" => Output::Ids { nodes: true, edges: true },
            "nodes" | "vertices" => Output::Ids { nodes: true, edges: false },
            _ => return None,
        };
        let own = self.used.traversals.iter_mut().find(|own| own.variable.as_deref() == Some(path))?;
        let output = own.output(output);
        Some(traversal::column(&own.name, &output))
    }
}
