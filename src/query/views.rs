//! Views: a query under a name, put in the place of the name before planning.
//!
//! ```text
//!  FROM v AS x   ─▶   FROM (SELECT "source" AS "column", ... FROM (<the view's query>) AS "v") AS x
//! ```
//!
//! The text of the query is kept, and the names of the columns it had when the view was made: columns
//! that its tables get later do not show. Names inside a view mean tables and views, whatever WITH
//! clauses stand around the place where it is used: its tables are written with their schema, its own
//! WITH clauses get names that nobody else has.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{
    self, CreateTableOptions, CreateView, Expr, Ident, ObjectName, ObjectType, Query, SelectItem, SetExpr,
    TableAlias, TableFactor, VisitMut, VisitorMut,
};

use crate::model::{Error, PropertyType, Result, TypeDef, TypeId, sqlstate};
use crate::storage::{Catalog, NewView, Transaction};

use super::arrow_value::property_type_of;
use super::ddl::{at_name, no_table, table_name};
use super::error::{quoted, refuse};
use super::provider::SCHEMA;
use super::rewrite::{ident, name_columns, name_of, object_name, parse_query, type_name};
use super::session::{CommandResult, Run};
use super::statement::{Statement, behind_as, highest_parameter, parse_without_places};

/// The longest chain of views that read each other.
const MAX_CHAIN: usize = 32;
/// The most views that one statement may be made of.
const MAX_VIEWS: usize = 1000;

/// Puts the queries of views in the place of their names.
///
/// # Errors
/// `BadInput` for chains and numbers of views past the limits; what parsing a view's query fails with.
pub fn expand(statement: &mut ast::Statement, catalog: &Catalog) -> Result<()> {
    if catalog.views().next().is_none() {
        return Ok(());
    }
    let mut count = 0;
    let mut expander = Expander::new(catalog, Vec::new(), &mut count);
    match VisitMut::visit(statement, &mut expander) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// The types and views that the query of a view names.
///
/// # Errors
/// As [`expand`] of a statement that names the view.
fn reads<'c>(name: &'c str, query: &Query, catalog: &'c Catalog) -> Result<BTreeSet<TypeId>> {
    let mut count = 1;
    let mut expander = Expander::new(catalog, vec![name], &mut count);
    let mut query = query.clone();
    let mut graphs = BTreeSet::new();
    while super::graph_table::expand_noting(&mut query, "", catalog, &mut graphs)? {}
    match VisitMut::visit(&mut query, &mut expander) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => {
            graphs.append(&mut expander.read);
            Ok(graphs)
        }
    }
}

struct Expander<'c> {
    catalog: &'c Catalog,
    /// The views around the query, the outermost first; none for the statement itself.
    around: Vec<&'c str>,
    /// How many views were put in so far.
    count: &'c mut usize,
    /// The names of WITH clauses that can be seen, and what they are called here.
    scopes: Vec<Vec<(String, Ident)>>,
    /// The bodies of WITH clauses, which were visited in their own scope.
    taken: Vec<Vec<Query>>,
    /// What is read directly.
    read: BTreeSet<TypeId>,
}

impl<'c> Expander<'c> {
    fn new(catalog: &'c Catalog, around: Vec<&'c str>, count: &'c mut usize) -> Self {
        Self { catalog, around, count, scopes: Vec::new(), taken: Vec::new(), read: BTreeSet::new() }
    }

    fn enter(&mut self, query: &mut Query) -> Result<()> {
        table_as_select(&mut query.body)?;
        let (mut names, mut bodies) = (Vec::new(), Vec::new());
        let number = *self.count;
        if let Some(with) = &mut query.with {
            let named: Vec<(String, Ident)> = with
                .cte_tables
                .iter()
                .map(|cte| {
                    let name = name_of(&cte.alias.name);
                    let called = match self.around.last() {
                        None => cte.alias.name.clone(),
                        Some(view) => ident(&format!("{name} of {view} {number}")),
                    };
                    (name, called)
                })
                .collect();
            if with.recursive {
                names.clone_from(&named);
            }
            for (cte, named) in with.cte_tables.iter_mut().zip(named) {
                self.scopes.push(names.clone());
                let visited = VisitMut::visit(&mut cte.query, self);
                self.scopes.pop();
                if let ControlFlow::Break(error) = visited {
                    return Err(error);
                }
                cte.alias.name = named.1.clone();
                names.push(named);
                bodies.push(std::mem::replace(cte.query.as_mut(), parse_query("SELECT 1")?));
            }
        }
        self.scopes.push(names);
        self.taken.push(bodies);
        Ok(())
    }

    fn replace(&mut self, factor: &mut TableFactor) -> Result<()> {
        let TableFactor::Table { name, alias, args: None, .. } = factor else { return Ok(()) };
        if let [ast::ObjectNamePart::Identifier(only)] = name.0.as_slice() {
            let wanted = name_of(only);
            let scopes = self.scopes.iter().rev();
            if let Some((_, called)) = scopes.flat_map(|s| s.iter().rev()).find(|(n, _)| *n == wanted) {
                if !self.around.is_empty() {
                    alias.get_or_insert_with(|| plain_alias(only.clone()));
                    *name = ObjectName(vec![ast::ObjectNamePart::Identifier(called.clone())]);
                }
                return Ok(());
            }
        }
        let Some(wanted) = type_name(name) else { return Ok(()) };
        if let Some(def) = self.catalog.view(&wanted) {
            self.read.insert(def.id);
            let subquery = Box::new(self.query_of(def)?);
            let alias = Some(alias.take().unwrap_or_else(|| plain_alias(ident(&wanted))));
            *factor = TableFactor::Derived { lateral: false, subquery, alias, sample: None };
        } else if let Some(def) = self.catalog.get(&wanted) {
            self.read.insert(def.id);
            if !self.around.is_empty() && name.0.len() == 1 {
                alias.get_or_insert_with(|| plain_alias(ident(&wanted)));
                *name = object_name(&[SCHEMA, &wanted]);
            }
        }
        Ok(())
    }

    /// What stands for a view: its columns over its query.
    fn query_of(&mut self, def: &'c TypeDef) -> Result<Query> {
        let Some(view) = &def.view else { return Err(Error::internal("not a view")) };
        *self.count += 1;
        if self.around.contains(&def.name.as_str()) {
            return Err(Error::constraint(format!("the view {} would read itself", quoted(&def.name))));
        }
        if self.around.len() >= MAX_CHAIN {
            return Err(Error::bad_input(format!(
                "the view {} reads views that read views, more than {MAX_CHAIN} deep",
                quoted(&def.name)
            )));
        }
        if *self.count > MAX_VIEWS {
            return Err(Error::bad_input(format!("the statement is made of more than {MAX_VIEWS} views")));
        }
        let mut inner = query_text(&view.query)?;
        name_columns(&mut inner);
        let around = self.around.iter().copied().chain([def.name.as_str()]).collect();
        let mut expander = Expander::new(self.catalog, around, self.count);
        if let ControlFlow::Break(error) = VisitMut::visit(&mut inner, &mut expander) {
            return Err(error);
        }
        let mut outer = parse_query("SELECT 1")?;
        let SetExpr::Select(select) = outer.body.as_mut() else {
            return Err(Error::internal("not a SELECT"));
        };
        let columns = view.sources.iter().zip(&def.properties);
        select.projection = columns
            .map(|(source, column)| SelectItem::ExprWithAlias {
                expr: Expr::Identifier(ident(source)),
                alias: ident(&column.name),
            })
            .collect();
        let relation = TableFactor::Derived {
            lateral: false,
            subquery: Box::new(inner),
            alias: Some(plain_alias(ident(&def.name))),
            sample: None,
        };
        select.from = vec![ast::TableWithJoins { relation, joins: Vec::new() }];
        Ok(outer)
    }
}

impl VisitorMut for Expander<'_> {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        flow(self.enter(query))
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        self.scopes.pop();
        if let (Some(bodies), Some(with)) = (self.taken.pop(), query.with.as_mut()) {
            for (cte, body) in with.cte_tables.iter_mut().zip(bodies) {
                *cte.query = body;
            }
        }
        ControlFlow::Continue(())
    }

    // Behind the visit: what is put in was visited on its own.
    fn post_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Error> {
        flow(self.replace(factor))
    }
}

fn flow(result: Result<()>) -> ControlFlow<Error> {
    match result {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(error),
    }
}

/// `TABLE v` as the SELECT it stands for.
fn table_as_select(body: &mut SetExpr) -> Result<()> {
    let mut open = vec![body];
    while let Some(body) = open.pop() {
        if let SetExpr::Table(table) = body {
            let parts = [&table.schema_name, &table.table_name];
            let parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
            *body = *parse_query(&format!("SELECT * FROM {}", parts.join(".")))?.body;
        }
        if let SetExpr::SetOperation { left, right, .. } = body {
            open.push(left);
            open.push(right);
        }
    }
    Ok(())
}

fn plain_alias(name: Ident) -> TableAlias {
    TableAlias { explicit: true, name, columns: Vec::new(), at: None }
}

fn query_text(text: &str) -> Result<Query> {
    match parse_without_places(text)? {
        Statement::Sql(statement) => match *statement {
            ast::Statement::Query(query) => Ok(*query),
            _ => Err(Error::internal("a view that is no query")),
        },
        _ => Err(Error::internal("a view that is no query")),
    }
}

// ------------------------------------------------------------------ statements

/// `CREATE [OR REPLACE] VIEW name [(columns)] AS query`.
///
/// # Errors
/// `Constraint` when the name is taken, or a view that is replaced has other columns; as a query.
pub async fn create_view(
    run: &Run,
    transaction: &mut Transaction,
    create: &CreateView,
) -> Result<CommandResult> {
    refuse_clauses(create)?;
    let name = table_name(run, &create.name)?;
    let view = transaction.view();
    let catalog = transaction.catalog();
    if create.if_not_exists && catalog.named(&name).is_some() {
        let result = CommandResult::new("CREATE VIEW", 0);
        return Ok(result.with_note(format!("{name} exists, nothing was done")));
    }
    let text = behind_as(&run.sql).ok_or_else(|| Error::internal("a CREATE VIEW without AS"))?;
    if highest_parameter(text) > 0 {
        return Err(Error::bad_input("a view takes no parameters")
            .with_hint("leave the condition out, and put it into the queries of the view"));
    }
    // Names in it are known as the statement reads them, tables made in the same statement are not.
    let schema = run.schema_of((*create.query).clone(), &view).await?;
    let sources: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
    let types = schema.fields().iter().map(|field| column_type(field));
    let columns = column_names(run, create, &sources)?.into_iter().zip(types).collect();
    let query = text.to_owned();
    let reads = reads(&name, &query_text(text)?, &catalog)?.into_iter().collect();
    transaction
        .create_view(NewView { name, columns, sources, query, reads }, create.or_replace)
        .map_err(|e| at_name(run, e, &create.name))?;
    Ok(CommandResult::new("CREATE VIEW", 0))
}

/// The views and property graphs over types and property graphs that a statement altered still give what they gave.
///
/// # Errors
/// `Constraint` naming the one that would not.
pub async fn check_altered(run: &Run, transaction: &Transaction) -> Result<()> {
    let (before, now) = (transaction.view(), transaction.planning_view());
    let catalog = now.catalog();
    let altered = |def: &TypeDef| {
        let same = |old: &TypeDef| (&old.properties, &old.graph) == (&def.properties, &def.graph);
        before.catalog().by_id(def.id).is_some_and(|old| !same(old))
    };
    let types = catalog.types().chain(catalog.graphs());
    let mut read: BTreeSet<TypeId> = types.filter(|t| altered(t)).map(|t| t.id).collect();
    if read.is_empty() {
        return Ok(());
    }
    for graph in catalog.graphs() {
        super::property_graph::check_altered(run, graph, &read, &now).await?;
    }
    // Views that read views that read an altered type, too.
    let mut left: Vec<&TypeDef> = catalog.views().map(AsRef::as_ref).collect();
    loop {
        let reads = |t: &&TypeDef| t.reads().iter().any(|id| read.contains(id));
        let (found, rest): (Vec<_>, Vec<_>) = left.into_iter().partition(reads);
        if found.is_empty() {
            return Ok(());
        }
        for def in found {
            read.insert(def.id);
            check_view(run, def, &now).await?;
        }
        left = rest;
    }
}

async fn check_view(run: &Run, def: &TypeDef, now: &crate::storage::View) -> Result<()> {
    let query = parse_query(&format!("SELECT * FROM \"{}\"", def.name.replace('"', "\"\"")))?;
    let broken = |why: &str| {
        Error::constraint(format!("the view {} reads what would change: {why}", quoted(&def.name)))
            .with_hint(format!("DROP VIEW {} first", quoted(&def.name)))
            .with_sqlstate(sqlstate::DEPENDENT_OBJECTS_STILL_EXIST)
    };
    let schema = run.schema_of(query, now).await.map_err(|e| broken(e.message()))?;
    for (field, column) in schema.fields().iter().zip(&def.properties) {
        let now = column_type(field);
        if now != column.property_type {
            return Err(broken(&format!("{} would be {now}", quoted(&column.name))));
        }
    }
    Ok(())
}

pub(super) fn column_type(field: &arrow::datatypes::Field) -> PropertyType {
    match field.data_type() {
        arrow::datatypes::DataType::Null => PropertyType::String,
        _ => property_type_of(field),
    }
}

/// The view's columns: the names that are given, then those of the query.
fn column_names(run: &Run, create: &CreateView, sources: &[String]) -> Result<Vec<String>> {
    let located = |error: Error| at_name(run, error, &create.name);
    if create.columns.len() > sources.len() {
        return Err(located(Error::bad_input(format!(
            "{} columns are named, the query has {}",
            create.columns.len(),
            sources.len()
        ))));
    }
    let mut names: Vec<String> = create.columns.iter().map(|column| name_of(&column.name)).collect();
    names.extend(sources.iter().skip(names.len()).cloned());
    for list in [sources, &names] {
        let mut seen = BTreeSet::new();
        if let Some(twice) = list.iter().find(|name| !seen.insert(name.as_str())) {
            return Err(located(
                Error::bad_input(format!("two columns are named {}", quoted(twice)))
                    .with_hint("give one of them another name with AS"),
            ));
        }
    }
    Ok(names)
}

fn refuse_clauses(create: &CreateView) -> Result<()> {
    let CreateView {
        or_alter: false,
        or_replace: _,
        materialized: false,
        secure: false,
        name: _,
        name_before_not_exists: false,
        columns,
        query: _,
        options: CreateTableOptions::None,
        cluster_by,
        comment: None,
        with_no_schema_binding: false,
        if_not_exists: _,
        temporary: false,
        copy_grants: false,
        to: None,
        params: None,
    } = create
    else {
        return Err(refused());
    };
    let plain = columns.iter().all(|column| column.data_type.is_none() && column.options.is_none());
    if plain && cluster_by.is_empty() { Ok(()) } else { Err(refused()) }
}

fn refused() -> Error {
    refuse("this form of CREATE VIEW", "use CREATE [OR REPLACE] VIEW name [(columns)] AS SELECT ...")
}

/// `DROP VIEW [IF EXISTS] a, b`.
///
/// # Errors
/// `NotFound`; `Constraint` while another view reads it.
pub fn drop_view(
    run: &Run,
    transaction: &mut Transaction,
    statement: &ast::Statement,
) -> Result<CommandResult> {
    let ast::Statement::Drop {
        object_type: ObjectType::View,
        if_exists,
        names,
        cascade,
        purge,
        temporary,
        ..
    } = statement
    else {
        return Err(Error::internal("not a DROP VIEW"));
    };
    if *cascade || *purge || *temporary {
        return Err(refuse("this form of DROP VIEW", "drop the views that read it first"));
    }
    let (mut ids, mut missing) = (Vec::new(), Vec::new());
    for name in names {
        let wanted = table_name(run, name)?;
        let catalog = transaction.catalog();
        match (catalog.view(&wanted), catalog.named(&wanted)) {
            (Some(view), _) => ids.push((view.id, name)),
            (None, Some(other)) => {
                let what = other.what();
                let error = Error::bad_input(format!("{} is a {what}, not a view", quoted(&wanted)))
                    .with_sqlstate(sqlstate::WRONG_OBJECT_TYPE);
                let hint = format!("DROP {} {} removes it", what.to_uppercase(), quoted(&wanted));
                return Err(at_name(run, error.with_hint(hint), name));
            }
            (None, None) if *if_exists => missing.push(wanted),
            (None, None) => {
                let error = no_table(run, name, &wanted, &catalog);
                let renamed = Error::not_found(format!("no view {}", quoted(&wanted)))
                    .with_sqlstate(sqlstate::UNDEFINED_TABLE);
                return Err(match error.place() {
                    Some(place) => renamed.at(place.clone()),
                    None => renamed,
                });
            }
        }
    }
    // One that reads another of the list goes first, whatever the order of the names.
    let mut left = ids;
    while !left.is_empty() {
        let before = left.len();
        let mut failed = None;
        left.retain(|(id, name)| match transaction.drop_view(*id) {
            Ok(()) => false,
            Err(error) => {
                failed = Some(at_name(run, error, name));
                true
            }
        });
        if let (true, Some(error)) = (left.len() == before, failed) {
            return Err(error);
        }
    }
    let result = CommandResult::new("DROP VIEW", 0);
    Ok(if missing.is_empty() {
        result
    } else {
        result.with_note(format!("{} did not exist", missing.join(", ")))
    })
}
