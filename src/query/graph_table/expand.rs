//! GRAPH_TABLE as joins: a pattern of fixed length becomes a query over the tables of its elements.
//!
//! ```text
//!  (a:person WHERE a.age > 30)-[e:knows]->(b) COLUMNS (a.name, e.since)
//!    ─▶ (SELECT a.name, e.since FROM person AS a, knows AS e WHERE e._from_id = a._id AND (a.age > 30))
//! ```
//!
//! A variable of several types is the union of their tables, with the properties that are asked for; an edge that may
//! go either way is the union of both. A node of which nothing is asked, and that is of the right type because an edge
//! says so, is no table at all: edges meet at its id. What the user wrote keeps its places in the text.
//!
//! A path with repeated parts or a search is a relation of its own beside the tables ([`Traversal`]): it meets them at
//! the ids of its single elements.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, Ident, ObjectName, Query, Select, SelectItem, SetExpr, TableAlias,
    TableFactor, Value as Literal, VisitMut, VisitorMut,
};

use crate::model::{Error, Result, Span, TypeId, sqlstate};
use crate::query::rewrite::{ident, parse_query};
use crate::query::traverse::Output;
use crate::storage::Catalog;

use super::ast::{Direction, GraphTable, MatchMode, OutputColumn, PathPattern, Primary, Restrictor, folded};
use super::candidates::{Joined, Labels, Types};
use super::cut::{PLACEHOLDER, cut};
use super::traversal::{Traversal, is_walked};
use super::used::{self, Used};

/// The graph of all types.
pub const WHOLE: &str = "graph";
/// The ends of an edge that may go either way, as the pattern has them.
const LEFT: &str = " left";
const RIGHT: &str = " right";
/// The rows of one type of several.
const OWN: &str = " own";
/// Of a table that nobody named.
const UNNAMED: &str = "graph_table";

/// Puts the queries that they stand for in the place of the statement's calls of [`PLACEHOLDER`]; whether there was
/// one. `sql` is the text that the numbers of the calls count in.
///
/// # Errors
/// `NotFound` for graphs and labels that there are not, `Unsupported` for what is not answered yet; with the place.
pub fn expand(statement: &mut impl VisitMut, sql: &str, catalog: &Catalog) -> Result<bool> {
    expand_noting(statement, sql, catalog, &mut BTreeSet::new())
}

/// The same, and takes note of the property graphs that are matched.
///
/// # Errors
/// As [`expand`].
pub fn expand_noting(
    statement: &mut impl VisitMut,
    sql: &str,
    catalog: &Catalog,
    graphs: &mut BTreeSet<TypeId>,
) -> Result<bool> {
    let mut expander = Expander { sql, catalog, tables: None, found: false, graphs };
    match VisitMut::visit(statement, &mut expander) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(expander.found),
    }
}

struct Expander<'a> {
    sql: &'a str,
    catalog: &'a Catalog,
    /// Those of the text, once they are needed.
    tables: Option<Vec<GraphTable>>,
    found: bool,
    /// The property graphs that were matched.
    graphs: &'a mut BTreeSet<TypeId>,
}

impl VisitorMut for Expander<'_> {
    type Break = Error;

    // Before what is in it is visited: the tables within it are calls, too.
    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Error> {
        match self.table_factor(factor) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }
}

impl Expander<'_> {
    fn table_factor(&mut self, factor: &mut TableFactor) -> Result<()> {
        let (name, args, alias, lateral, sample) = match factor {
            TableFactor::Table { name, args: Some(args), alias, sample, .. } => {
                (name, &args.args, alias, false, sample.is_some())
            }
            TableFactor::Function { name, args, alias, lateral, .. } => {
                (name, &*args, alias, *lateral, false)
            }
            _ => return Ok(()),
        };
        let [FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(argument)))] = args.as_slice() else {
            return Ok(());
        };
        if !is_call(name) {
            return Ok(());
        }
        if sample {
            return Err(Error::unsupported("TABLESAMPLE is not supported")
                .with_hint("use LIMIT, or a condition on random()"));
        }
        self.found = true;
        let (query, mut alias) = (self.query_of(&argument.value)?, alias.take());
        alias.get_or_insert_with(|| TableAlias {
            explicit: true,
            name: ident(UNNAMED),
            columns: Vec::new(),
            at: None,
        });
        *factor = TableFactor::Derived { lateral, subquery: Box::new(query), alias, sample: None };
        Ok(())
    }

    fn query_of(&mut self, argument: &Literal) -> Result<Query> {
        let lost = || Error::internal("a call that stands for no GRAPH_TABLE");
        match argument {
            Literal::Number(number, _) => {
                if self.tables.is_none() {
                    self.tables = Some(tables_of(self.sql)?);
                }
                let number: usize = number.to_string().parse().map_err(|_| lost())?;
                let table = self.tables.as_ref().and_then(|tables| tables.get(number)).ok_or_else(lost)?;
                let query = Pattern::new(table, self.catalog).and_then(|pattern| {
                    self.graphs.extend(pattern.labels.graph());
                    pattern.query()
                });
                query.map_err(|(error, span)| error.at_sql(self.sql, span))
            }
            // A text that is not the user's last one: a view, a prepared statement.
            Literal::SingleQuotedString(text) => {
                let sql = format!("SELECT 1 FROM {text}");
                let tables = tables_of(&sql)?;
                let table = tables.last().ok_or_else(lost)?;
                let mut query = Pattern::new(table, self.catalog)
                    .and_then(|pattern| {
                        self.graphs.extend(pattern.labels.graph());
                        pattern.query()
                    })
                    .map_err(|(error, _)| error)?;
                // The tables within it are numbered in this text.
                let mut inner = Expander {
                    sql: &sql,
                    catalog: self.catalog,
                    tables: Some(tables),
                    found: false,
                    graphs: &mut *self.graphs,
                };
                match VisitMut::visit(&mut query, &mut inner) {
                    ControlFlow::Break(error) => Err(error),
                    ControlFlow::Continue(()) => Ok(query),
                }
            }
            _ => Err(lost()),
        }
    }
}

fn is_call(name: &ObjectName) -> bool {
    matches!(name.0.as_slice(), [part] if part.as_ident().is_some_and(|name| name.value == PLACEHOLDER))
}

fn tables_of(sql: &str) -> Result<Vec<GraphTable>> {
    let tokens =
        sqlparser::tokenizer::Tokenizer::new(&crate::query::dialect::DIALECT, sql).tokenize_with_location();
    let tokens = tokens.map_err(|e| Error::internal(format!("a text that is no SQL any more: {e}")))?;
    Ok(cut(sql, tokens)?.tables)
}

/// An error, and the bytes that it is about.
pub(super) type Placed<T> = std::result::Result<T, (Error, Span)>;

/// A variable of the pattern, or an element without one.
pub(super) struct Element {
    /// What its table is called in the query.
    pub(super) name: String,
    pub(super) is_edge: bool,
}

/// A pattern, its elements told apart.
pub(super) struct Pattern<'t, 'c> {
    pub(super) table: &'t GraphTable,
    pub(super) catalog: &'c Catalog,
    pub(super) labels: Labels<'c>,
    pub(super) elements: Vec<Element>,
    /// What each may be.
    pub(super) types: Vec<Types>,
    /// What each may be by its labels alone, which say what can be asked of it.
    pub(super) labelled: Vec<Types>,
    pub(super) by_name: BTreeMap<String, usize>,
    pub(super) joined: Vec<Joined>,
    /// Conditions, and the element that one stands in.
    pub(super) filters: Vec<(Expr, Option<usize>)>,
    /// Of each path: its variable, and its elements in order.
    pub(super) paths: Vec<(Option<String>, Vec<usize>)>,
    /// Conditions of restrictors, as SQL.
    pub(super) restrictions: Vec<String>,
    /// Whether there can be a match.
    pub(super) possible: bool,
    /// The paths that are walked, and of each the places of its single elements with their slots.
    pub(super) traversals: Vec<Traversal>,
    pub(super) walked: Vec<(usize, usize, usize)>,
    /// Whether handles may be asked for.
    pub(super) rows: bool,
}

impl<'t, 'c> Pattern<'t, 'c> {
    pub(super) fn new(table: &'t GraphTable, catalog: &'c Catalog) -> Placed<Self> {
        let labels = Labels::of(&table.graph, catalog).map_err(|e| (e, table.at.0))?;
        let mut pattern = Self {
            table,
            catalog,
            labels,
            elements: Vec::new(),
            types: Vec::new(),
            labelled: Vec::new(),
            by_name: BTreeMap::new(),
            joined: Vec::new(),
            filters: Vec::new(),
            paths: Vec::new(),
            restrictions: Vec::new(),
            possible: true,
            traversals: Vec::new(),
            walked: Vec::new(),
            rows: false,
        };
        for path in &table.paths {
            pattern.path(path)?;
        }
        pattern.labelled.clone_from(&pattern.types);
        pattern.possible &= pattern.labels.narrow(&mut pattern.types, &pattern.joined);
        if table.mode == Some(MatchMode::DifferentEdges) {
            let edges: Vec<usize> = pattern.joined.iter().map(|joined| joined.edge).collect();
            pattern.differ(&edges);
        }
        Ok(pattern)
    }

    fn path(&mut self, path: &'t PathPattern) -> Placed<()> {
        if is_walked(path) {
            return self.walk(path);
        }
        let prefix = path.prefix.as_ref();
        let mut places: Vec<usize> = Vec::new();
        // The edge that waits for its right end.
        let mut open: Option<(usize, usize, Direction)> = None;
        for factor in &path.factors {
            match &factor.primary {
                Primary::Group(group) => {
                    return Err((Error::internal("a part of a path that is not walked"), group.at.0));
                }
                Primary::Edge(edge) => {
                    let left = match places.last() {
                        Some(last) if open.is_none() => *last,
                        _ => return Err((Error::internal("an edge without a node before it"), edge.at.0)),
                    };
                    let types = self.labels.matching(edge.label.as_ref(), true)?;
                    let place = self.element(edge.variable.as_ref(), true, types, edge.at.0)?;
                    self.filters.extend(edge.filter.clone().map(|filter| (filter, Some(place))));
                    places.push(place);
                    open = Some((place, left, edge.direction));
                }
                Primary::Node(node) => {
                    let types = self.labels.matching(node.label.as_ref(), false)?;
                    let place = self.element(node.variable.as_ref(), false, types, node.at.0)?;
                    self.filters.extend(node.filter.clone().map(|filter| (filter, Some(place))));
                    if let Some((edge, left, direction)) = open.take() {
                        self.join(Joined { edge, ends: (left, place), direction }, node.at.0)?;
                    }
                    places.push(place);
                }
            }
        }
        let part = |is_edge: bool| -> Vec<usize> {
            let own =
                |place: &&usize| self.elements.get(**place).is_some_and(|found| found.is_edge == is_edge);
            places.iter().filter(own).copied().collect()
        };
        let (nodes, edges) = (part(false), part(true));
        match prefix.and_then(|prefix| prefix.restrictor) {
            None | Some(Restrictor::Walk) => {}
            Some(Restrictor::Trail) => self.differ(&edges),
            Some(Restrictor::Acyclic) => self.differ(&nodes),
            Some(Restrictor::Simple) => {
                self.differ(nodes.get(1..).unwrap_or_default());
                self.differ(nodes.get(..nodes.len().saturating_sub(1)).unwrap_or_default());
            }
        }
        self.paths.push((path.variable.as_ref().map(folded), places));
        Ok(())
    }

    /// The same pattern, whose columns may be handles.
    pub(super) fn with_rows(self) -> Self {
        Self { rows: true, ..self }
    }

    /// The place of a variable, or of an element without one; of one that was there before, its types are cut.
    pub(super) fn element(
        &mut self,
        variable: Option<&Ident>,
        is_edge: bool,
        types: Types,
        span: Span,
    ) -> Placed<usize> {
        let name = variable.map(folded);
        if let Some(place) = name.as_ref().and_then(|name| self.by_name.get(name)) {
            let known = self.elements.get(*place).is_some_and(|element| element.is_edge == is_edge);
            let Some(own) = self.types.get_mut(*place).filter(|_| known) else {
                return Err((Error::internal("a variable of a node and an edge"), span));
            };
            *own = &*own & &types;
            return Ok(*place);
        }
        let place = self.elements.len();
        if let Some(name) = &name {
            self.by_name.insert(name.clone(), place);
        }
        let name = name.unwrap_or_else(|| format!(" {}{place}", if is_edge { "edge" } else { "node" }));
        self.elements.push(Element { name, is_edge });
        self.types.push(types);
        Ok(place)
    }

    fn join(&mut self, new: Joined, span: Span) -> Placed<()> {
        if let Some(known) = self.joined.iter_mut().find(|known| known.edge == new.edge) {
            let turned = Joined {
                edge: new.edge,
                ends: (new.ends.1, new.ends.0),
                direction: match new.direction {
                    Direction::Right => Direction::Left,
                    Direction::Left => Direction::Right,
                    Direction::Either => Direction::Either,
                },
            };
            for new in [new, turned] {
                if new.ends == known.ends {
                    match (known.direction, new.direction) {
                        (known, new) if known == new => return Ok(()),
                        (_, Direction::Either) => return Ok(()),
                        (Direction::Either, _) => {
                            *known = new;
                            return Ok(());
                        }
                        // Both ways: a loop, if anything.
                        _ => {}
                    }
                }
            }
            let error = Error::unsupported(
                "an edge stands twice in the pattern, between nodes that are not the same",
            )
            .with_hint("an edge has two ends: name the same nodes beside it each time");
            return Err((error, span));
        }
        self.joined.push(new);
        Ok(())
    }

    /// No two of some elements are the same.
    fn differ(&mut self, places: &[usize]) {
        for (number, first) in places.iter().enumerate() {
            for second in places.get(number + 1..).unwrap_or_default() {
                if first == second {
                    self.possible = false;
                } else {
                    self.restrictions.push(format!("{{{first}}} <> {{{second}}}"));
                }
            }
        }
    }

    /// The query that gives the matches.
    pub(super) fn query(mut self) -> Placed<Query> {
        let at = self.table.at.0;
        // The planner takes the columns that conditions on other tables name for those of the result, where they have
        // the same name: here they have names that nothing else has.
        let correlated = !self.table.outer_names(&[]).is_empty() || used::asks(&self.table.expressions());
        let mut filters = std::mem::take(&mut self.filters);
        filters.extend(self.filters_behind().into_iter().map(|filter| (filter, None)));
        let traversals = std::mem::take(&mut self.traversals);
        let (elements, paths) = (self.elements_by_name(), self.paths_by_name());
        let mut used = Used::new(&elements, &paths, correlated, traversals, self.rows);
        for (filter, own) in &mut filters {
            used.look(filter, *own).map_err(|e| (e, at))?;
        }
        let mut projection = Vec::new();
        for column in &self.table.columns {
            match column {
                OutputColumn::All { variable, at } => {
                    let place = self.by_name.get(&folded(variable)).copied();
                    let list = used.traversals.iter().any(|own| own.slot(&folded(variable)).is_some());
                    let missing = || match list {
                        true => used::is_list(&folded(variable)),
                        false => used::unknown(variable),
                    };
                    let place = place.ok_or_else(|| (missing(), at.0))?;
                    let types = self.labelled.get(place).cloned().unwrap_or_default();
                    for (property, _) in self.labels.properties(&types).map_err(|e| (e, at.0))? {
                        used.property(place, &property);
                        let parts = vec![variable.clone(), ident(&used.written(place, &property))];
                        let (expr, alias) = (Expr::CompoundIdentifier(parts), ident(&property));
                        projection.push(SelectItem::ExprWithAlias { expr, alias });
                    }
                }
                OutputColumn::Expr { expr, name, at } => {
                    let mut expr = expr.as_ref().clone();
                    let alias = name.clone().or_else(|| column.name().cloned());
                    used.look(&mut expr, None).map_err(|e| (e, at.0))?;
                    used::refuse_aggregates(&expr).map_err(|e| (e, at.0))?;
                    projection.push(match alias {
                        Some(alias) => SelectItem::ExprWithAlias { expr, alias },
                        None => SelectItem::UnnamedExpr(expr),
                    });
                }
            }
        }
        if correlated || self.labels.graph().is_some() {
            self.refuse_unknown(&used).map_err(|e| (e, at))?;
        }
        if !self.possible && correlated {
            // The planner cannot answer conditions on other tables over no rows.
            filters.clear();
        }
        let skeleton = self.skeleton(&mut used).map_err(|e| (e, at))?;
        let mut query = parse_query(&skeleton).map_err(|e| (e, at))?;
        self.calls(&mut query, &mut used)?;
        let SetExpr::Select(select) = query.body.as_mut() else {
            return Err((Error::internal("a query that selects nothing"), at));
        };
        let Select { projection: shown, selection, .. } = select.as_mut();
        *shown = projection;
        for (filter, _) in filters {
            let filter = Expr::Nested(Box::new(filter));
            *selection = Some(match selection.take() {
                None => filter,
                Some(before) => Expr::BinaryOp {
                    left: Box::new(before),
                    op: sqlparser::ast::BinaryOperator::And,
                    right: Box::new(filter),
                },
            });
        }
        Ok(query)
    }

    /// Refuses properties that no type of their variable has, where the planner would tell of them by other names.
    fn refuse_unknown(&self, used: &Used) -> Result<()> {
        for (place, element) in self.elements.iter().enumerate() {
            let types = self.labelled.get(place).cloned().unwrap_or_default();
            let known = self.labels.properties(&types)?;
            if let Some(name) = used
                .asked(place)
                .find(|name| !used::is_system(name) && known.iter().all(|(own, _)| own != *name))
            {
                let error = Error::not_found(format!("no column {}.{name}", element.name));
                let names: Vec<&str> = known.iter().map(|(name, _)| name.as_str()).collect();
                return Err(error
                    .with_sqlstate(sqlstate::UNDEFINED_COLUMN)
                    .with_hint(format!("the columns are {}", names.join(", "))));
            }
        }
        Ok(())
    }

    fn elements_by_name(&self) -> BTreeMap<String, (usize, bool)> {
        let kind = |place: &usize| self.elements.get(*place).is_some_and(|element| element.is_edge);
        self.by_name.iter().map(|(name, place)| (name.clone(), (*place, kind(place)))).collect()
    }

    /// Of each path variable: its elements' names, and whether each is an edge.
    fn paths_by_name(&self) -> BTreeMap<String, Vec<(usize, String, bool)>> {
        let named = self.paths.iter().filter_map(|(name, places)| {
            let elements = places.iter().filter_map(|place| {
                let element = self.elements.get(*place)?;
                Some((*place, element.name.clone(), element.is_edge))
            });
            Some((name.clone()?, elements.collect()))
        });
        named.collect()
    }

    /// `SELECT 1 FROM ... WHERE ...`: the tables, and what joins them.
    fn skeleton(&self, used: &mut Used) -> Result<String> {
        let mut tables = Vec::new();
        let mut conditions: Vec<String> = Vec::new();
        if !self.possible {
            conditions.push("false".to_owned());
        }
        // Ids that are one: of a node, and of the ends of the edges that meet there.
        let mut met: Vec<Vec<String>> = vec![Vec::new(); self.elements.len()];
        for (place, element) in self.elements.iter().enumerate() {
            if !self.is_table(place, used) {
                continue;
            }
            tables.push(format!("{} AS {}", self.relation(place, used)?, ident(&element.name)));
            if let Some(ids) = met.get_mut(place).filter(|_| !element.is_edge || self.is_walked(place)) {
                ids.push(format!("{}.\"_id\"", ident(&element.name)));
            }
        }
        for Joined { edge, ends: (left, right), direction } in &self.joined {
            let name =
                self.elements.get(*edge).map(|element| ident(&element.name).to_string()).unwrap_or_default();
            let (first, second) = match direction {
                Direction::Right => ("_from_id", "_to_id"),
                Direction::Either => (LEFT, RIGHT),
                Direction::Left => ("_to_id", "_from_id"),
            };
            for (place, end) in [(left, first), (right, second)] {
                if let Some(ids) = met.get_mut(*place) {
                    ids.push(format!("{name}.\"{end}\""));
                }
            }
        }
        for traversal in &used.traversals {
            tables.push(format!("{}(0) AS {}", crate::query::traverse::CALL, ident(&traversal.name)));
        }
        for (place, number, slot) in &self.walked {
            let elsewhere = self.walked.iter().filter(|(own, ..)| own == place).count() > 1;
            let Some(ids) = met.get_mut(*place).filter(|ids| elsewhere || !ids.is_empty()) else { continue };
            let Some(own) = used.traversals.get_mut(*number) else { continue };
            let output = own.output(Output::Id(*slot));
            ids.push(format!("{}.{}", ident(&own.name), ident(&output)));
        }
        for ids in &met {
            if let Some((first, others)) = ids.split_first() {
                conditions.extend(others.iter().map(|other| format!("{first} = {other}")));
            }
        }
        for restriction in &self.restrictions {
            let mut condition = restriction.clone();
            for (place, element) in self.elements.iter().enumerate() {
                let id = match met.get(place).and_then(|ids| ids.first()) {
                    Some(id) if !element.is_edge => id.clone(),
                    _ => format!("{}.\"_id\"", ident(&element.name)),
                };
                condition = condition.replace(&format!("{{{place}}}"), &id);
            }
            conditions.push(condition);
        }
        let filter = if conditions.is_empty() {
            String::new()
        } else {
            format!(" WHERE {}", conditions.join(" AND "))
        };
        Ok(format!("SELECT 1 FROM {}{filter}", tables.join(", ")))
    }

    /// Whether a node needs no table: nothing is asked of it, and an edge leads to nodes of its types alone.
    pub(super) fn is_implied(&self, place: usize, used: &Used) -> bool {
        let (Some(element), Some(types)) = (self.elements.get(place), self.types.get(place)) else {
            return false;
        };
        if element.is_edge || used.needs(place) {
            return false;
        }
        let is_all = self.labels.is_everything(types);
        self.joined.iter().any(|joined| {
            let is_left = joined.ends.0 == place;
            if !is_left && joined.ends.1 != place {
                return false;
            }
            if is_all {
                return true;
            }
            let leads = |id: &TypeId| self.labels.leads_to(*id, is_left, joined.direction).is_subset(types);
            self.types.get(joined.edge).is_some_and(|edges| edges.iter().all(leads))
        })
    }

    /// The rows of a variable, as a table or a query in parentheses.
    fn relation(&self, place: usize, used: &Used) -> Result<String> {
        let (Some(element), Some(types)) = (self.elements.get(place), self.types.get(place)) else {
            return Err(Error::internal("an element that is not there"));
        };
        let either =
            self.joined.iter().any(|joined| joined.edge == place && joined.direction == Direction::Either);
        let labelled = self.labelled.get(place).unwrap_or(types);
        let mut ids: Vec<TypeId> = types.iter().copied().collect();
        if ids.is_empty() {
            // A pattern that nothing can match: any table will do.
            ids.extend(labelled.iter().copied().chain(self.labels.all(element.is_edge)).take(1));
        }
        let typed = used.typed(place, labelled, &self.labels)?;
        let has_rows = used.asked(place).any(|name| name == used::ROW);
        if let ([one], false) = (ids.as_slice(), either) {
            let definition = self.labels.definition(*one)?;
            // What other labels have is NULL here.
            if !used.is_renamed() && typed.iter().all(|(name, _)| definition.property(name).is_some()) {
                return self.labels.rows(*one, has_rows);
            }
        }
        if ids.is_empty() {
            let ends =
                ["_id", "_from_id", "_to_id", LEFT, RIGHT].map(|name| format!("'' AS {}", ident(name)));
            let row = format!("arrow_cast(0, 'UInt64') AS {}", ident(&used.written(place, used::ROW)));
            let row = if has_rows { format!(", {row}") } else { String::new() };
            return Ok(format!("(SELECT {}{row} WHERE false)", ends.join(", ")));
        }
        let mut parts = Vec::new();
        for id in &ids {
            let definition = self.labels.definition(*id)?;
            let mut columns = vec!["\"_id\"".to_owned()];
            for (property, property_type) in &typed {
                let (name, shown) = (ident(property), ident(&used.written(place, property)));
                columns.push(match definition.property(property) {
                    Some(own) if own.property_type == *property_type => format!("{name} AS {shown}"),
                    Some(_) => format!("CAST({name} AS {property_type}) AS {shown}"),
                    None => format!("CAST(NULL AS {property_type}) AS {shown}"),
                });
            }
            for system in used.system(place).filter(|name| typed.iter().all(|(own, _)| own != name)) {
                columns.push(format!("{} AS {}", ident(system), ident(&used.written(place, system))));
            }
            let (columns, name) = (columns.join(", "), self.labels.rows(*id, has_rows)?);
            if !element.is_edge {
                parts.push(format!("SELECT {columns} FROM {name} AS \"{OWN}\""));
                continue;
            }
            let columns = format!("{columns}, \"_from_id\", \"_to_id\"");
            if !either {
                parts.push(format!("SELECT {columns} FROM {name} AS \"{OWN}\""));
                continue;
            }
            // From each of its ends; a loop has one.
            let ways =
                [("_from_id", "_to_id", ""), ("_to_id", "_from_id", " WHERE \"_from_id\" <> \"_to_id\"")];
            parts.extend(ways.map(|(left, right, only)| {
                format!(
                    "SELECT {columns}, \"{left}\" AS \"{LEFT}\", \"{right}\" AS \"{RIGHT}\" FROM {name} AS \"{OWN}\"{only}"
                )
            }));
        }
        Ok(format!("({})", parts.join(" UNION ALL ")))
    }
}
