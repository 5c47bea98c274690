//! What the expressions of a GRAPH_TABLE ask of its variables.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, Value, Visit, VisitMut, Visitor,
    VisitorMut,
};

use crate::model::{Error, PropertyType, Result, Span, sqlstate};
use crate::query::rewrite::ident;
use crate::query::statement::parse_expression;

use super::ast::folded;
use super::candidates::{Labels, Types, common};

/// Columns that every node and edge has beside its properties.
const SYSTEM: [&str; 8] =
    ["_id", "_from_id", "_to_id", "_created_at", "_updated_at", "created_at", "updated_at", "id"];

/// An element of a path: its place, its table's name, and whether it is an edge.
type PathElement = (usize, String, bool);

/// See the module's head.
pub(super) struct Used {
    elements: BTreeMap<String, (usize, bool)>,
    paths: BTreeMap<String, Vec<PathElement>>,
    /// By the element's place.
    columns: BTreeMap<usize, BTreeSet<String>>,
}

impl Used {
    pub(super) fn new(
        elements: &BTreeMap<String, (usize, bool)>,
        paths: &BTreeMap<String, Vec<PathElement>>,
    ) -> Self {
        Self { elements: elements.clone(), paths: paths.clone(), columns: BTreeMap::new() }
    }

    /// Takes in what an expression asks for, and writes functions of elements and paths as what they mean.
    ///
    /// # Errors
    /// `BadInput` and `Unsupported` for what cannot be asked of a variable; with the bytes of nothing, where the place
    /// is not known.
    pub(super) fn look(&mut self, expr: &mut Expr) -> std::result::Result<(), (Error, Span)> {
        let mut looker = Looker { used: self };
        match VisitMut::visit(expr, &mut looker) {
            ControlFlow::Break(failed) => Err(failed),
            ControlFlow::Continue(()) => Ok(()),
        }
    }

    pub(super) fn property(&mut self, place: usize, name: &str) {
        self.columns.entry(place).or_default().insert(name.to_owned());
    }

    /// Whether anything is asked of an element.
    pub(super) fn needs(&self, place: usize) -> bool {
        self.columns.contains_key(&place)
    }

    /// The system columns that are asked for beside ids.
    pub(super) fn system(&self, place: usize) -> impl Iterator<Item = &str> {
        let own = |name: &&String| {
            SYSTEM.contains(&name.as_str()) && !matches!(name.as_str(), "_id" | "_from_id" | "_to_id")
        };
        self.columns.get(&place).into_iter().flatten().filter(own).map(String::as_str)
    }

    /// The properties that are asked for, with the type that holds the values of all types of the element.
    pub(super) fn typed(
        &self,
        place: usize,
        types: &Types,
        labels: &Labels<'_>,
    ) -> Result<Vec<(String, PropertyType)>> {
        let mut found = Vec::new();
        for name in self.columns.get(&place).into_iter().flatten() {
            let mut property_type: Option<(PropertyType, String)> = None;
            for id in types {
                let definition = labels.definition(*id)?;
                let Some(property) = definition.property(name) else { continue };
                let own = property.property_type;
                property_type = Some(match property_type {
                    None => (own, definition.name.clone()),
                    Some((known, other)) => match common(known, own) {
                        Some(both) => (both, other),
                        None => {
                            return Err(Error::bad_input(format!(
                                "\"{name}\" is {known} in {other} and {own} in {}",
                                definition.name
                            ))
                            .with_sqlstate(sqlstate::DATATYPE_MISMATCH)
                            .with_hint("name the label that is meant, as in (v IS label)"));
                        }
                    },
                });
            }
            found.extend(property_type.map(|(property_type, _)| (name.clone(), property_type)));
        }
        Ok(found)
    }
}

struct Looker<'u> {
    used: &'u mut Used,
}

impl VisitorMut for Looker<'_> {
    type Break = (Error, Span);

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        match self.expr(expr) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break((error, Span { start: 0, end: 0 })),
        }
    }
}

impl Looker<'_> {
    fn expr(&mut self, expr: &mut Expr) -> Result<()> {
        match expr {
            Expr::CompoundIdentifier(parts) => {
                if let [variable, property] = parts.as_slice()
                    && let Some((place, _)) = self.used.elements.get(&folded(variable))
                {
                    let (place, name) = (*place, folded(property));
                    self.used.property(place, &name);
                }
            }
            Expr::Function(function) => {
                if let Some(meaning) = self.function(function)? {
                    *expr = meaning;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// What a function of elements and paths means; nothing for others.
    fn function(&mut self, function: &Function) -> Result<Option<Expr>> {
        let [name] = function.name.0.as_slice() else { return Ok(None) };
        let Some(name) = name.as_ident().map(|name| name.value.to_ascii_lowercase()) else { return Ok(None) };
        let FunctionArguments::List(list) = &function.args else { return Ok(None) };
        let variable = |argument: &FunctionArg| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Identifier(name))) => Some(folded(name)),
            _ => None,
        };
        let arguments: Option<Vec<String>> = list.args.iter().map(variable).collect();
        let Some(arguments) = arguments else { return Ok(None) };
        match (name.as_str(), arguments.as_slice()) {
            ("element_id" | "vertex_id" | "edge_id", [element]) => {
                let id = self.id(element).ok_or_else(|| no_element(&name, element))?;
                parse_expression(&id).map(Some)
            }
            ("path_length" | "nodes" | "vertices" | "edges" | "elements", [path]) => {
                let Some(elements) = self.used.paths.get(path).cloned() else {
                    return Err(no_path(&name, path));
                };
                if name == "path_length" {
                    let length = elements.iter().filter(|(_, _, is_edge)| *is_edge).count();
                    return Ok(Some(Expr::Value(Value::Number(length.to_string(), false).into())));
                }
                let mut ids = Vec::new();
                for (place, table, is_edge) in elements {
                    let wanted = match name.as_str() {
                        "edges" => is_edge,
                        "elements" => true,
                        _ => !is_edge,
                    };
                    if wanted {
                        self.used.property(place, "_id");
                        ids.push(format!("{}.\"_id\"", ident(&table)));
                    }
                }
                let text = if ids.is_empty() {
                    "'[]'".to_owned()
                } else {
                    format!("concat('[\"', {}, '\"]')", ids.join(", '\",\"', "))
                };
                parse_expression(&text).map(Some)
            }
            ("same" | "all_different", elements) if elements.len() > 1 => {
                let ids: Option<Vec<String>> = elements.iter().map(|element| self.id(element)).collect();
                let ids = ids.ok_or_else(|| no_element(&name, &elements.join(", ")))?;
                let mut pairs = Vec::new();
                for (number, first) in ids.iter().enumerate() {
                    let others = ids.get(number + 1..).unwrap_or_default();
                    let sign = if name == "same" { "=" } else { "<>" };
                    pairs.extend(others.iter().map(|second| format!("{first} {sign} {second}")));
                }
                parse_expression(&format!("({})", pairs.join(" AND "))).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// The id of an element, which it needs its table for.
    fn id(&mut self, element: &str) -> Option<String> {
        let (place, _) = *self.used.elements.get(element)?;
        self.used.property(place, "_id");
        Some(format!("{}.\"_id\"", ident(element)))
    }
}

/// The error of a variable that is in no pattern.
pub(super) fn unknown(variable: &Ident) -> Error {
    Error::bad_input(format!("no element of the pattern is called {variable}"))
        .with_sqlstate(sqlstate::UNDEFINED_TABLE)
}

fn no_element(function: &str, name: &str) -> Error {
    Error::bad_input(format!("{function}: no node or edge of the pattern is called {name}"))
        .with_sqlstate(sqlstate::UNDEFINED_TABLE)
}

fn no_path(function: &str, name: &str) -> Error {
    Error::bad_input(format!("{function}: no path of the pattern is called {name}"))
        .with_sqlstate(sqlstate::UNDEFINED_TABLE)
        .with_hint("name the path: MATCH p = (a)-[e]->(b)")
}

/// Refuses aggregates and window functions among the columns, as PostgreSQL does: a match is a row.
///
/// # Errors
/// `Unsupported`.
pub(super) fn refuse_aggregates(expr: &Expr) -> Result<()> {
    struct Finder {
        depth: usize,
    }
    impl Visitor for Finder {
        type Break = Error;

        fn pre_visit_query(&mut self, _: &sqlparser::ast::Query) -> ControlFlow<Error> {
            self.depth += 1;
            ControlFlow::Continue(())
        }

        fn post_visit_query(&mut self, _: &sqlparser::ast::Query) -> ControlFlow<Error> {
            self.depth -= 1;
            ControlFlow::Continue(())
        }

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Error> {
            let Expr::Function(function) = expr else { return ControlFlow::Continue(()) };
            let name = function.name.to_string().to_ascii_lowercase();
            let kind = if function.over.is_some() {
                "window"
            } else if crate::query::functions::is_aggregate(&name) {
                "aggregate"
            } else {
                return ControlFlow::Continue(());
            };
            if self.depth > 0 {
                return ControlFlow::Continue(());
            }
            ControlFlow::Break(
                Error::unsupported(format!(
                    "{kind} functions among the COLUMNS of GRAPH_TABLE are not supported"
                ))
                .with_hint(format!("select {name}(...) FROM GRAPH_TABLE (...)")),
            )
        }
    }
    match expr.visit(&mut Finder { depth: 0 }) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}
