//! What the expressions of a GRAPH_TABLE ask of its variables.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use sqlparser::ast::{
    AccessExpr, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, Query, SetExpr,
    TableFactor, Value, Visit, VisitMut, Visitor, VisitorMut,
};

use crate::model::{Error, PropertyType, Result, sqlstate};
use crate::query::rewrite::ident;
use crate::query::statement::parse_expression;

use super::ast::folded;
use super::candidates::{Labels, Types, common};
use super::traversal::{self, Kind, Traversal};
use crate::query::traverse::Output;

/// The column of handles, which only the queries of traversals ask for.
pub(super) const ROW: &str = crate::query::columns::ROW;

/// Columns that every node and edge has beside its properties.
const SYSTEM: [&str; 11] = [
    "_id",
    ROW,
    "_from_id",
    "_to_id",
    "_created_at",
    "_updated_at",
    "created_at",
    "updated_at",
    "id",
    "from_id",
    "to_id",
];

/// Whether a name is that of a column that elements have beside their properties.
pub fn is_system(name: &str) -> bool {
    SYSTEM.contains(&name)
}

/// An element of a path: its place, its table's name, and whether it is an edge.
type PathElement = (usize, String, bool);

/// See the module's head.
pub(super) struct Used {
    pub(super) elements: BTreeMap<String, (usize, bool)>,
    paths: BTreeMap<String, Vec<PathElement>>,
    /// By the element's place.
    columns: BTreeMap<usize, BTreeSet<String>>,
    /// Whether the columns of the elements have names of their own in the query.
    renamed: bool,
    /// The paths that are walked.
    pub(super) traversals: Vec<Traversal>,
    /// Whether handles may be asked for.
    rows: bool,
}

impl Used {
    pub(super) fn new(
        elements: &BTreeMap<String, (usize, bool)>,
        paths: &BTreeMap<String, Vec<PathElement>>,
        renamed: bool,
        traversals: Vec<Traversal>,
        rows: bool,
    ) -> Self {
        let (elements, paths) = (elements.clone(), paths.clone());
        Self { elements, paths, columns: BTreeMap::new(), renamed, traversals, rows }
    }

    /// The walked path with a repeated or optional element of a name, and the element's place there.
    pub(super) fn repeated(&self, name: &str) -> Option<(usize, usize, Kind)> {
        self.traversals.iter().enumerate().find_map(|(traversal, own)| {
            let (slot, found) = own.slot(name)?;
            (found.kind != Kind::Single).then_some((traversal, slot, found.kind))
        })
    }

    /// Takes in what an expression asks for, and writes functions of elements and paths as what they mean.
    ///
    /// # Errors
    /// `BadInput` and `Unsupported` for what cannot be asked of a variable, and for another variable than the one whose
    /// element an expression stands in.
    pub(super) fn look(&mut self, expr: &mut Expr, own: Option<usize>) -> Result<()> {
        let mut looker = Looker { used: self, own, hidden: Vec::new() };
        match VisitMut::visit(expr, &mut looker) {
            ControlFlow::Break(failed) => Err(failed),
            ControlFlow::Continue(()) => Ok(()),
        }
    }

    /// Whether the columns of the elements have names of their own in the query.
    pub(super) fn is_renamed(&self) -> bool {
        self.renamed
    }

    /// What a column of an element is called in the query.
    pub(super) fn written(&self, place: usize, name: &str) -> String {
        if self.renamed { format!(" {place} {name}") } else { name.to_owned() }
    }

    /// What is asked of an element.
    pub(super) fn asked(&self, place: usize) -> impl Iterator<Item = &String> {
        self.columns.get(&place).into_iter().flatten()
    }

    pub(super) fn property(&mut self, place: usize, name: &str) {
        self.columns.entry(place).or_default().insert(name.to_owned());
    }

    /// Whether anything is asked of an element.
    pub(super) fn needs(&self, place: usize) -> bool {
        self.columns.contains_key(&place)
    }

    /// The system columns that are asked for; ids, which every element has, where they have other names.
    pub(super) fn system(&self, place: usize) -> impl Iterator<Item = &str> {
        let own = |name: &&String| {
            is_system(name) && (self.renamed || !matches!(name.as_str(), "_id" | "_from_id" | "_to_id"))
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

pub(super) struct Looker<'u> {
    pub(super) used: &'u mut Used,
    /// The element that the expression stands in.
    pub(super) own: Option<usize>,
    /// Of the queries around: tables whose names hide variables.
    hidden: Vec<Vec<String>>,
}

impl VisitorMut for Looker<'_> {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        let mut hidden = Vec::new();
        tables(&query.body, &mut hidden);
        self.hidden.push(hidden);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<Error> {
        self.hidden.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        match self.expr(expr) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }
}

impl Looker<'_> {
    fn expr(&mut self, expr: &mut Expr) -> Result<()> {
        match expr {
            Expr::CompoundIdentifier(parts) if self.is_repeated(parts.first()) => {
                if let Some(value) = self.optional(expr)? {
                    *expr = value;
                }
            }
            Expr::CompoundFieldAccess { root, .. } if matches!(root.as_ref(), Expr::Identifier(name) if self.is_repeated(Some(name))) => {
                if let Some(value) = self.optional(expr)? {
                    *expr = value;
                }
            }
            Expr::CompoundIdentifier(parts) => {
                if let [variable, property, ..] = parts.as_mut_slice() {
                    self.uses(variable, property)?;
                }
            }
            // `v.list[1]`.
            Expr::CompoundFieldAccess { root, access_chain } => {
                if let (Expr::Identifier(variable), Some(AccessExpr::Dot(Expr::Identifier(property)))) =
                    (root.as_ref(), access_chain.first_mut())
                {
                    self.uses(variable, property)?;
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

    pub(super) fn is_hidden(&self, name: &str) -> bool {
        self.hidden.iter().flatten().any(|hidden| hidden == name)
    }

    /// Whether a name is that of a repeated or optional element.
    fn is_repeated(&self, name: Option<&Ident>) -> bool {
        name.map(folded).is_some_and(|name| !self.is_hidden(&name) && self.used.repeated(&name).is_some())
    }

    /// Takes note of a property, and writes it by its name in the query.
    fn uses(&mut self, variable: &Ident, property: &mut Ident) -> Result<()> {
        let name = folded(variable);
        if self.is_hidden(&name) {
            return Ok(());
        }
        let Some((place, _)) = self.used.elements.get(&name) else { return Ok(()) };
        if self.own.is_some_and(|own| own != *place) {
            return Err(sees_itself(&variable.to_string()));
        }
        let (place, name) = (*place, folded(property));
        if name == ROW && !self.used.rows {
            return Err(Error::not_found(format!("no column {variable}.{name}"))
                .with_sqlstate(sqlstate::UNDEFINED_COLUMN));
        }
        self.used.property(place, &name);
        if self.used.renamed {
            *property =
                Ident { value: self.used.written(place, &name), quote_style: Some('"'), span: property.span };
        }
        Ok(())
    }

    /// What a function of elements and paths means; nothing for others.
    fn function(&mut self, function: &Function) -> Result<Option<Expr>> {
        let [name] = function.name.0.as_slice() else { return Ok(None) };
        let Some(name) = name.as_ident().map(|name| name.value.to_ascii_lowercase()) else { return Ok(None) };
        let FunctionArguments::List(list) = &function.args else { return Ok(None) };
        if name == "listagg" || crate::query::functions::is_aggregate(&name) {
            return self.aggregate(&name, function);
        }
        let variable = |argument: &FunctionArg| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Identifier(name))) => Some(folded(name)),
            _ => None,
        };
        let arguments: Option<Vec<String>> = list.args.iter().map(variable).collect();
        let Some(arguments) = arguments else { return Ok(None) };
        match (name.as_str(), arguments.as_slice()) {
            ("element_id" | "vertex_id" | "edge_id", [element])
                if !self.is_hidden(element) && self.used.repeated(element).is_some() =>
            {
                let Some((traversal, slot, kind)) = self.used.repeated(element) else { return Ok(None) };
                if kind == Kind::List {
                    return Err(is_list(element));
                }
                let Some(own) = self.used.traversals.get_mut(traversal) else { return Ok(None) };
                let output = own.output(Output::Id(slot));
                Ok(Some(traversal::column(&own.name, &output)))
            }
            ("element_id" | "vertex_id" | "edge_id", [element]) => {
                let id = self.id(element).ok_or_else(|| no_element(&name, element))?;
                parse_expression(&id).map(Some)
            }
            ("path_length" | "path_cost" | "nodes" | "vertices" | "edges" | "elements", [path]) => {
                if let Some(meaning) = self.walked(&name, path) {
                    return Ok(Some(meaning));
                }
                if name == "path_cost" {
                    return match self.used.paths.contains_key(path) {
                        true => Err(Error::unsupported("path_cost of a path without a search")
                            .with_hint("write ANY CHEAPEST in front of the path pattern")),
                        false => Err(no_path(&name, path)),
                    };
                }
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
                        ids.push(format!("{}.{}", ident(&table), ident(&self.used.written(place, "_id"))));
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
        Some(format!("{}.{}", ident(element), ident(&self.used.written(place, "_id"))))
    }
}

/// The names of the tables of a query's FROM.
fn tables(body: &SetExpr, names: &mut Vec<String>) {
    match body {
        SetExpr::Select(select) => {
            for table in &select.from {
                let joined = table.joins.iter().map(|join| &join.relation);
                for factor in std::iter::once(&table.relation).chain(joined) {
                    match factor {
                        TableFactor::Table { alias: Some(alias), .. }
                        | TableFactor::Derived { alias: Some(alias), .. }
                        | TableFactor::Function { alias: Some(alias), .. } => names.push(folded(&alias.name)),
                        TableFactor::Table { name, .. } => {
                            names.extend(name.0.last().and_then(|part| part.as_ident()).map(folded));
                        }
                        _ => {}
                    }
                }
            }
        }
        SetExpr::SetOperation { left, right, .. } => {
            tables(left, names);
            tables(right, names);
        }
        _ => {}
    }
}

/// The error of a repeated element in the place of a single one.
pub(super) fn is_list(name: &str) -> Error {
    Error::bad_input(format!("{name} stands in a repeated part, and is a list"))
        .with_sqlstate(sqlstate::DATATYPE_MISMATCH)
        .with_hint(format!("take an aggregate, as in count({name}) or sum({name}.property)"))
}

/// The error of another variable in an element's condition.
pub(super) fn sees_itself(name: &str) -> Error {
    Error::unsupported(format!("a condition within an element sees its own variable alone, not {name}"))
        .with_hint("put the condition behind the whole pattern: MATCH ... WHERE ...")
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

/// Functions that give rows.
const SETS: [&str; 3] = ["unnest", "generate_series", "range"];

/// Refuses aggregates, window functions and those that give rows among the columns, as PostgreSQL does: a match is a row.
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
            } else if SETS.contains(&name.as_str()) {
                "set-returning"
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
                .with_hint(format!("use {name} outside: SELECT {name}(...) FROM GRAPH_TABLE (...)")),
            )
        }
    }
    match expr.visit(&mut Finder { depth: 0 }) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// Whether there is a query in some expressions: a name in it may mean a column of any table.
pub(super) fn asks(expressions: &[&Expr]) -> bool {
    struct Finder;
    impl Visitor for Finder {
        type Break = ();

        fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
            ControlFlow::Break(())
        }
    }
    expressions.iter().any(|expr| expr.visit(&mut Finder).is_break())
}
