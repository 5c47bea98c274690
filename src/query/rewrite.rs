//! What is changed on the syntax tree before DataFusion plans it.
//!
//! * `*` becomes the columns it stands for: the tables' schemas hold system columns that `*` must
//!   not show.
//! * NATURAL joins become USING over the columns that `*` would show on both sides; the column that
//!   FULL JOIN ... USING makes of two is `coalesce` of both.
//! * FETCH FIRST becomes LIMIT; columns of equal names get names that differ (see [`shown_name`]).
//! * What DataFusion would answer wrongly is rewritten or refused (`semantics`).
//!
//! Names of WITH clauses hide types; scopes are followed so that `WITH user AS (SELECT * FROM user)`
//! reads the type inside and the clause outside. Places of names stay as parsed, so errors of the
//! planner point into the text.

use std::ops::ControlFlow;
use std::sync::Arc;

use sqlparser::ast::{
    self, Expr, Ident, Join, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart, Query, Select,
    SelectItem, SelectItemQualifiedWildcardKind, SetExpr, TableAlias, TableFactor, TableWithJoins, VisitMut,
    VisitorMut,
};

use crate::model::{Error, Result};
use crate::storage::Catalog;

use super::columns::Columns;
use super::provider::{CATALOG, ROWS_SCHEMA, SCHEMA};
use super::semantics;
use super::statement::{self, Statement};
use super::{forms, joined, set_operation, subquery, windows};

/// Rewrites a statement for planning.
///
/// # Errors
/// `Unsupported` with a hint for what cannot be answered rightly.
pub fn rewrite(statement: &mut ast::Statement, catalog: &Arc<Catalog>) -> Result<()> {
    let mut rewriter = Rewriter { catalog, scopes: Vec::new(), taken: Vec::new(), renamed: 0 };
    if let ControlFlow::Break(error) = VisitMut::visit(statement, &mut rewriter) {
        return Err(error);
    }
    if let ast::Statement::Query(query) = statement {
        name_columns(query);
    }
    Ok(())
}

/// What stands between a result column's name and the number that keeps it apart from an equal one.
pub(super) const REPEATED: char = '\u{1}';

/// Names the result columns of a query: an expression by its text. DataFusion refuses equal names,
/// PostgreSQL does not: repeated ones get a number that [`shown_name`] takes away again.
pub(super) fn name_columns(query: &mut Query) {
    name_items(query, true);
}

/// Names the expressions among the columns of a query in FROM or WITH as [`name_columns`] does. Equal columns
/// stay equal: what reads one of them is refused as ambiguous.
fn name_expressions(query: &mut Query) {
    name_items(query, false);
}

fn name_items(query: &mut Query, all: bool) {
    const LONGEST: usize = 64;
    // The first of the queries that UNION and the like put together gives the names.
    let mut body = query.body.as_mut();
    while let SetExpr::SetOperation { left, .. } = body {
        body = left;
    }
    let select = match body {
        SetExpr::Select(select) => select,
        SetExpr::Query(inner) => return name_items(inner, all),
        _ => return,
    };
    // The planner would not know the expression of ORDER BY again under its new name.
    let keep = select.distinct.is_some() && !order_by_number(query.order_by.as_mut(), select);
    let mut names: Vec<String> = Vec::new();
    for item in &mut select.projection {
        let (expr, name, plain) = match item {
            SelectItem::UnnamedExpr(expr @ (Expr::Identifier(_) | Expr::CompoundIdentifier(_))) => {
                // Equal names of different tables are told apart by their tables.
                (expr.clone(), expr.to_string().to_lowercase(), true)
            }
            SelectItem::UnnamedExpr(expr) => {
                (expr.clone(), expr.to_string().chars().take(LONGEST).collect(), false)
            }
            SelectItem::ExprWithAlias { expr, alias } => (expr.clone(), name_of(alias), true),
            _ => continue,
        };
        let repeated = names.iter().filter(|known| **known == name).count();
        let shown = match &expr {
            Expr::Identifier(column) if plain && matches!(item, SelectItem::UnnamedExpr(_)) => {
                name_of(column)
            }
            Expr::CompoundIdentifier(parts) if matches!(item, SelectItem::UnnamedExpr(_)) => {
                parts.last().map(name_of).unwrap_or_default()
            }
            _ => name.clone(),
        };
        if repeated > 0 && (all || !plain) {
            *item = SelectItem::ExprWithAlias { expr, alias: ident(&format!("{shown}{REPEATED}{repeated}")) };
        } else if !plain && !keep {
            *item = SelectItem::ExprWithAlias { expr, alias: ident(&shown) };
        }
        names.push(name);
    }
}

/// Replaces expressions of ORDER BY that are those of a SELECT DISTINCT by their numbers; false where one is left.
fn order_by_number(order: Option<&mut ast::OrderBy>, select: &Select) -> bool {
    let Some(order) = order else { return true };
    let ast::OrderByKind::Expressions(orders) = &mut order.kind else { return true };
    let item =
        |item: &SelectItem| matches!(item, SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. });
    if !matches!(select.distinct, Some(ast::Distinct::Distinct)) || !select.projection.iter().all(item) {
        return orders.is_empty();
    }
    for order in orders.iter_mut() {
        let same = |item: &SelectItem| matches!(item, SelectItem::UnnamedExpr(expr) if *expr == order.expr);
        if matches!(order.expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_)) {
            continue;
        }
        let Some(place) = select.projection.iter().position(same) else { return false };
        order.expr = Expr::value(ast::Value::Number((place + 1).to_string(), false));
    }
    true
}

/// A result column's name without the number [`name_columns`] may have added.
#[must_use]
pub fn shown_name(name: &str) -> &str {
    name.split_once(REPEATED).map_or(name, |(shown, _)| shown)
}

/// The name an identifier means: as it is when quoted, in small letters otherwise.
#[must_use]
pub fn name_of(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

/// The type a table name means, when it has no schema or the one schema there is.
#[must_use]
pub fn type_name(name: &ObjectName) -> Option<String> {
    let parts: Option<Vec<String>> = name.0.iter().map(|part| part.as_ident().map(name_of)).collect();
    match parts?.as_slice() {
        [table] => Some(table.clone()),
        [schema, table] if [SCHEMA, ROWS_SCHEMA].contains(&schema.as_str()) => Some(table.clone()),
        [catalog, schema, table] if catalog == CATALOG && schema == SCHEMA => Some(table.clone()),
        _ => None,
    }
}

/// A quoted identifier.
#[must_use]
pub fn ident(name: &str) -> Ident {
    Ident::with_quote('"', name)
}

/// A name of one quoted identifier.
#[must_use]
pub fn object_name(parts: &[&str]) -> ObjectName {
    ObjectName(parts.iter().map(|part| ObjectNamePart::Identifier(ident(part))).collect())
}

struct Rewriter<'c> {
    catalog: &'c Arc<Catalog>,
    /// The names of WITH clauses that can be seen, and the names the planner knows them by: it takes
    /// no name twice.
    scopes: Vec<Vec<(String, String)>>,
    /// How many got another name.
    renamed: usize,
    /// The bodies of WITH clauses, taken out while the query around them is visited: they were
    /// rewritten in their own scope.
    taken: Vec<Vec<Query>>,
}

/// What `*` shows of one item of FROM.
struct Shown {
    qualifier: Ident,
    /// The columns; `None` where only the planner knows them.
    columns: Option<Vec<String>>,
    /// Columns that USING merged into another item's.
    merged: Vec<String>,
}

impl VisitorMut for Rewriter<'_> {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        flow(self.enter(query))
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        self.scopes.pop();
        if let Err(error) = set_operation::count_duplicates(&mut query.body) {
            return ControlFlow::Break(error);
        }
        if let (Some(bodies), Some(with)) = (self.taken.pop(), query.with.as_mut()) {
            for (cte, body) in with.cte_tables.iter_mut().zip(bodies) {
                *cte.query = body;
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Error> {
        let TableFactor::Table { name, alias, args: None, .. } = factor else {
            return ControlFlow::Continue(());
        };
        let ([_], Some(wanted)) = (name.0.as_slice(), type_name(name)) else {
            return ControlFlow::Continue(());
        };
        let found = self.scopes.iter().rev().flat_map(|names| names.iter().rev()).find(|(n, _)| *n == wanted);
        if let Some((own, written)) = found
            && own != written
        {
            let shown = TableAlias { explicit: true, name: ident(own), columns: Vec::new(), at: None };
            alias.get_or_insert(shown);
            *name = object_name(&[written.as_str()]);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Error> {
        if let TableFactor::Derived { subquery, .. } = factor {
            name_expressions(subquery);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        flow(semantics::correct_expression(expr).and_then(|()| {
            if let Some(corrected) = forms::corrected(expr)? {
                *expr = corrected;
            }
            Ok(())
        }))
    }
}

fn flow(result: Result<()>) -> ControlFlow<Error> {
    match result {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(error),
    }
}

impl Rewriter<'_> {
    fn another_name(&mut self, name: &str) -> String {
        self.renamed += 1;
        format!("{name}{REPEATED}{}", self.renamed)
    }

    fn enter(&mut self, query: &mut Query) -> Result<()> {
        semantics::check_query(query)?;
        let mut names = Vec::new();
        let mut bodies = Vec::new();
        if let Some(with) = &mut query.with {
            let mut own: Vec<(String, String)> = Vec::new();
            for cte in &with.cte_tables {
                let name = name_of(&cte.alias.name);
                let known = self.scopes.iter().flatten().any(|(known, _)| *known == name);
                let written = if known { self.another_name(&name) } else { name.clone() };
                own.push((name, written));
            }
            if with.recursive {
                names.clone_from(&own);
            }
            for (cte, own) in with.cte_tables.iter_mut().zip(own) {
                if with.recursive {
                    mark_casts(&mut cte.query.body);
                }
                self.scopes.push(names.clone());
                let visited = VisitMut::visit(&mut cte.query, self);
                self.scopes.pop();
                if let ControlFlow::Break(error) = visited {
                    return Err(error);
                }
                name_expressions(&mut cte.query);
                if own.0 != own.1 {
                    cte.alias.name = ident(&own.1);
                }
                names.push(own);
                bodies.push(std::mem::replace(cte.query.as_mut(), empty_query()?));
            }
        }
        self.scopes.push(names);
        self.taken.push(bodies);
        fetch_as_limit(query)?;
        let coalesced = self.enter_body(&mut query.body)?;
        if let Some(ast::OrderBy { kind: ast::OrderByKind::Expressions(orders), .. }) = &mut query.order_by {
            for order in orders {
                no_constant(&order.expr, "ORDER BY")?;
                joined::replace_in_order(&mut order.expr, &query.body, &coalesced);
                subquery::correct_value(&mut order.expr, true)?;
            }
        }
        Ok(())
    }

    /// The SELECTs of a query; those in parentheses are queries of their own and visited as such.
    ///
    /// Gives the columns that FULL JOIN ... USING made, where the whole body is one SELECT.
    fn enter_body(&mut self, body: &mut SetExpr) -> Result<Vec<joined::Coalesced>> {
        if let SetExpr::Select(select) = body {
            return self.enter_select(select);
        }
        let mut open = vec![body];
        while let Some(body) = open.pop() {
            if let SetExpr::Table(table) = body {
                let name = [&table.schema_name, &table.table_name].into_iter().flatten().cloned();
                let name = name.collect::<Vec<_>>().join(".");
                *body = *parse_query(&format!("SELECT * FROM {name}"))?.body;
            }
            match body {
                SetExpr::Select(select) => {
                    self.enter_select(select)?;
                }
                SetExpr::SetOperation { left, right, .. } => {
                    open.push(left);
                    open.push(right);
                }
                _ => {}
            }
        }
        Ok(Vec::new())
    }

    fn columns(&self, name: &ObjectName) -> Option<Columns> {
        let name_parts = name.0.len();
        let type_name = type_name(name)?;
        if name_parts == 1 && self.scopes.iter().flatten().any(|(name, _)| *name == type_name) {
            return None;
        }
        self.catalog.get(&type_name).map(|def| Columns::of(def, false))
    }

    fn enter_select(&mut self, select: &mut Select) -> Result<Vec<joined::Coalesced>> {
        semantics::check_select(select)?;
        if let ast::GroupByExpr::Expressions(keys, _) = &select.group_by {
            keys.iter().try_for_each(|key| no_constant(key, "GROUP BY"))?;
        }
        windows::write_out(select)?;
        lists_as_selects(select);
        subquery::correct_select(select)?;
        one_group(select)?;
        on_columns(select)?;
        for item in &mut select.from {
            self.rename_columns(&mut item.relation)?;
            for join in &mut item.joins {
                self.rename_columns(&mut join.relation)?;
            }
        }
        let mut shown = Vec::new();
        let mut own = false;
        for item in &mut select.from {
            let (items, merged) = self.shown_by(item, &mut own)?;
            shown.push((items, merged));
        }
        let all_merged = shown.iter().flat_map(|(_, merged)| merged);
        let coalesced: Vec<_> = all_merged.filter_map(Merged::coalesced).collect();
        joined::replace(select, &coalesced);
        if own {
            self.expand(select, &shown)?;
        }
        if select.distinct.is_none() {
            tell_apart(&mut select.projection);
        }
        Ok(coalesced)
    }

    /// `t AS u(a, b)` names the columns that `*` shows, not the hidden ones.
    fn rename_columns(&self, factor: &mut TableFactor) -> Result<()> {
        if let TableFactor::NestedJoin { table_with_joins, .. } = factor {
            self.rename_columns(&mut table_with_joins.relation)?;
            for join in &mut table_with_joins.joins {
                self.rename_columns(&mut join.relation)?;
            }
            return Ok(());
        }
        // A function of one column names it like its rows, and both like itself where there is no name.
        let named = |alias: &mut Option<TableAlias>, function: &str| {
            let own = || TableAlias { explicit: true, name: ident(function), columns: Vec::new(), at: None };
            let alias = alias.get_or_insert_with(own);
            if alias.columns.is_empty() {
                alias.columns.push(ast::TableAliasColumnDef { name: alias.name.clone(), data_type: None });
            }
        };
        match factor {
            TableFactor::Table { name, alias, args: Some(_), .. } => {
                let function = name.to_string().to_lowercase();
                if ["generate_series", "range"].contains(&function.as_str()) {
                    named(alias, &function);
                }
            }
            TableFactor::UNNEST {
                alias, array_exprs, with_offset: false, with_ordinality: false, ..
            } if array_exprs.len() == 1 => {
                named(alias, "unnest");
            }
            _ => {}
        }
        if let TableFactor::Table { name, alias: Some(alias), args: None, .. } = factor
            && !alias.columns.is_empty()
            && self.columns(name).is_some()
        {
            let subquery = Box::new(parse_query(&format!("SELECT * FROM {name}"))?);
            let alias = Some(alias.clone());
            *factor = TableFactor::Derived { lateral: false, subquery, alias, sample: None };
        }
        Ok(())
    }

    /// What `*` shows of an item of FROM with its joins, and the columns that USING put in front.
    fn shown_by(&self, item: &mut TableWithJoins, own: &mut bool) -> Result<(Vec<Shown>, Vec<Merged>)> {
        let (mut shown, mut merged) = self.shown_of(&mut item.relation, own)?;
        let mut done: Vec<Join> = Vec::new();
        for mut join in std::mem::take(&mut item.joins) {
            let (right, right_merged) = self.shown_of(&mut join.relation, own)?;
            let Some((constraint, side)) = constraint_of(&mut join.join_operator) else {
                shown.extend(right);
                done.push(join);
                continue;
            };
            if matches!(constraint, JoinConstraint::Natural) {
                *constraint = natural(&shown, &merged, &right, *own)?;
                if matches!(constraint, JoinConstraint::Natural) && matches!(side, Side::Both | Side::Right) {
                    return Err(semantics::full_join_using());
                }
            }
            if let JoinConstraint::Using(names) = constraint {
                let columns: Vec<String> = names.iter().filter_map(type_name_part).collect();
                let made_of_two = |m: &Merged| m.qualifiers.len() > 1 && columns.contains(&m.name);
                if side == Side::Both || merged.iter().any(made_of_two) {
                    *constraint = coalesce(&mut shown, &mut merged, right, &columns, side)?;
                    // `*` has columns that no table has.
                    *own = true;
                    done.push(join);
                    continue;
                }
                let before = merge(&mut shown, right, &columns, side);
                merged.retain(|m| !columns.contains(&m.name));
                merged.splice(0..0, before);
                if side == Side::Right {
                    // The planner takes the joined column from the left: put the other table there.
                    let constraint = JoinConstraint::Using(std::mem::take(names));
                    let outer = std::mem::replace(&mut item.relation, join.relation);
                    let inner = if done.is_empty() {
                        outer
                    } else {
                        let table_with_joins =
                            Box::new(TableWithJoins { relation: outer, joins: std::mem::take(&mut done) });
                        TableFactor::NestedJoin { table_with_joins, alias: None }
                    };
                    let join_operator = JoinOperator::LeftOuter(constraint);
                    done.push(Join { relation: inner, global: false, join_operator });
                    // `*` would follow the new order: write it out.
                    *own = true;
                    continue;
                }
            } else if side != Side::Semi {
                shown.extend(right);
                merged.extend(right_merged);
            }
            done.push(join);
        }
        item.joins = done;
        Ok((shown, merged))
    }

    fn shown_of(&self, factor: &mut TableFactor, own: &mut bool) -> Result<(Vec<Shown>, Vec<Merged>)> {
        let shown = |qualifier: Ident, columns| {
            Ok((vec![Shown { qualifier, columns, merged: Vec::new() }], Vec::new()))
        };
        let alias_name = |alias: &Option<TableAlias>| alias.as_ref().map(|a| a.name.clone());
        match factor {
            TableFactor::Table { name, alias, args: None, .. } => {
                let last = name.0.last().and_then(ObjectNamePart::as_ident).cloned();
                let qualifier = alias_name(alias).or(last).unwrap_or_else(|| ident(""));
                let columns = self
                    .columns(name)
                    .map(|columns| columns.visible().iter().map(|f| f.name().clone()).collect::<Vec<_>>());
                *own |= columns.is_some();
                shown(qualifier, columns)
            }
            TableFactor::NestedJoin { table_with_joins, alias: None } => self.shown_by(table_with_joins, own),
            TableFactor::NestedJoin { .. } => {
                Err(Error::unsupported("a join in parentheses with a name of its own")
                    .with_hint("write it as a subquery: (SELECT ... FROM ... JOIN ...) AS name"))
            }
            TableFactor::Table { alias, .. }
            | TableFactor::Derived { alias, .. }
            | TableFactor::TableFunction { alias, .. }
            | TableFactor::Function { alias, .. }
            | TableFactor::UNNEST { alias, .. } => {
                shown(alias_name(alias).unwrap_or_else(|| ident("")), None)
            }
            other => Err(Error::unsupported(format!("{other} in FROM"))),
        }
    }

    fn expand(&self, select: &mut Select, shown: &[(Vec<Shown>, Vec<Merged>)]) -> Result<()> {
        let mut projection = Vec::with_capacity(select.projection.len());
        for item in std::mem::take(&mut select.projection) {
            match item {
                SelectItem::Wildcard(options) => {
                    refuse_options(&options)?;
                    for (items, merged) in shown {
                        projection.extend(merged.iter().map(Merged::item));
                        for shown in items {
                            shown.items(&mut projection)?;
                        }
                    }
                }
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options) => {
                    let wanted = type_name_part(&name);
                    let found = shown
                        .iter()
                        .flat_map(|(items, _)| items)
                        .find(|shown| shown.columns.is_some() && Some(name_of(&shown.qualifier)) == wanted);
                    match found {
                        Some(found) => {
                            refuse_options(&options)?;
                            let all = Shown {
                                qualifier: found.qualifier.clone(),
                                columns: found.columns.clone(),
                                merged: Vec::new(),
                            };
                            all.items(&mut projection)?;
                        }
                        None => projection.push(SelectItem::QualifiedWildcard(
                            SelectItemQualifiedWildcardKind::ObjectName(name),
                            options,
                        )),
                    }
                }
                other => projection.push(other),
            }
        }
        select.projection = projection;
        Ok(())
    }
}

/// A column that USING made of two: where its value comes from.
struct Merged {
    /// The tables: none where the planner knows better, several where the first that is not NULL counts.
    qualifiers: Vec<Ident>,
    name: String,
}

impl Merged {
    fn value(&self) -> Expr {
        let column = |qualifier: &Ident| Expr::CompoundIdentifier(vec![qualifier.clone(), ident(&self.name)]);
        match self.qualifiers.as_slice() {
            [] => Expr::Identifier(ident(&self.name)),
            [only] => column(only),
            several => subquery::call("coalesce", several.iter().map(column).collect()),
        }
    }

    fn item(&self) -> SelectItem {
        match self.coalesced() {
            Some(coalesced) => SelectItem::ExprWithAlias { expr: coalesced.value, alias: ident(&self.name) },
            None => SelectItem::UnnamedExpr(self.value()),
        }
    }

    fn coalesced(&self) -> Option<joined::Coalesced> {
        (!self.qualifiers.is_empty())
            .then(|| joined::Coalesced { name: self.name.clone(), value: self.value() })
    }
}

/// The condition that FULL JOIN ... USING means, and that a further USING over its column means.
fn coalesce(
    shown: &mut Vec<Shown>,
    merged: &mut Vec<Merged>,
    right: Vec<Shown>,
    names: &[String],
    side: Side,
) -> Result<JoinConstraint> {
    let mut condition: Option<Expr> = None;
    let mut made = Vec::new();
    for name in names {
        let known = merged.iter().find(|m| m.name == *name && !m.qualifiers.is_empty());
        let mut left = match known {
            Some(merged) => merged.qualifiers.clone(),
            None => vec![holder(shown, name).ok_or_else(semantics::full_join_using)?],
        };
        let from_right = holder(&right, name).ok_or_else(semantics::full_join_using)?;
        let value = |qualifiers: Vec<Ident>| Merged { qualifiers, name: name.clone() }.value();
        let equal = Expr::BinaryOp {
            left: Box::new(value(left.clone())),
            op: ast::BinaryOperator::Eq,
            right: Box::new(value(vec![from_right.clone()])),
        };
        condition = Some(match condition {
            Some(before) => Expr::BinaryOp {
                left: Box::new(before),
                op: ast::BinaryOperator::And,
                right: Box::new(equal),
            },
            None => equal,
        });
        match side {
            Side::Both => left.push(from_right),
            Side::Right => left = vec![from_right],
            Side::Left | Side::Semi => {}
        }
        made.push(Merged { qualifiers: left, name: name.clone() });
    }
    merge(shown, right, names, side);
    merged.retain(|m| !names.contains(&m.name));
    merged.splice(0..0, made);
    condition.map(JoinConstraint::On).ok_or_else(semantics::full_join_using)
}

/// Gives a repeated column of a SELECT a name of its own, which [`shown_name`] takes away again.
fn tell_apart(projection: &mut [SelectItem]) {
    let mut names: Vec<String> = Vec::new();
    for item in projection {
        let (expr, name) = match item {
            SelectItem::UnnamedExpr(expr) => {
                let name = match &*expr {
                    Expr::Identifier(column) => name_of(column),
                    Expr::CompoundIdentifier(parts) => parts.last().map(name_of).unwrap_or_default(),
                    other => other.to_string(),
                };
                (expr, name)
            }
            SelectItem::ExprWithAlias { expr, alias } => (expr, name_of(alias)),
            _ => continue,
        };
        let repeated = names.iter().filter(|known| **known == name).count();
        if repeated > 0 {
            let alias = ident(&format!("{name}{REPEATED}{repeated}"));
            *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
        }
        names.push(name);
    }
}

/// Puts casts that are columns of a recursive term below a function: the planner adds casts of its own,
/// which `coerce` has to tell from those of the statement.
fn mark_casts(body: &mut SetExpr) {
    match body {
        SetExpr::SetOperation { left, right, .. } => {
            widen_decimals(left);
            mark_casts(right);
        }
        SetExpr::Query(query) => mark_casts(&mut query.body),
        SetExpr::Select(select) => {
            for item in &mut select.projection {
                if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item
                    && matches!(expr, Expr::Cast { .. })
                {
                    *expr = subquery::call("coalesce", vec![expr.clone()]);
                }
            }
        }
        _ => {}
    }
}

/// Numbers with a point in a first term as decimals with room for what the next terms make of them.
fn widen_decimals(body: &mut SetExpr) {
    let SetExpr::Select(select) = body else { return };
    for item in &mut select.projection {
        let (SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) = item else { continue };
        let Expr::Value(value) = &*expr else { continue };
        if matches!(&value.value, ast::Value::Number(digits, _) if digits.contains('.')) {
            *expr = Expr::Cast {
                kind: ast::CastKind::Cast,
                expr: Box::new(expr.clone()),
                data_type: ast::DataType::Decimal(ast::ExactNumberInfo::PrecisionAndScale(38, 20)),
                array: false,
                format: None,
            };
        }
    }
}

/// Refuses a constant as a key that is neither a column nor the place of one.
/// Among keys an integer is a column's number; another constant says nothing about the rows.
fn no_constant(key: &Expr, clause: &str) -> Result<()> {
    let Expr::Value(value) = key else { return Ok(()) };
    let what = match &value.value {
        ast::Value::SingleQuotedString(_) => {
            return Err(Error::bad_input(format!("a text in {clause} means no column"))
                .with_hint("names are written without quotes or in double quotes"));
        }
        ast::Value::Boolean(_) | ast::Value::Null => value.value.to_string().to_uppercase(),
        ast::Value::Number(digits, _) if digits.parse::<u64>().is_err() => digits.clone(),
        _ => return Ok(()),
    };
    Err(Error::bad_input(format!("{what} in {clause} means no column"))
        .with_hint("name a column, or give its number in the list of columns"))
}

/// HAVING without GROUP BY makes one group of all rows.
fn one_group(select: &mut Select) -> Result<()> {
    let no_keys = matches!(&select.group_by, ast::GroupByExpr::Expressions(keys, _) if keys.is_empty());
    if let Some(having) = select.having.take_if(|_| no_keys) {
        let count = parse_query("SELECT 1 HAVING count(*) >= 0")?;
        let SetExpr::Select(counted) = *count.body else { return Err(Error::internal("no SELECT")) };
        select.having = counted.having.map(|group| Expr::BinaryOp {
            left: Box::new(Expr::Nested(Box::new(having))),
            op: ast::BinaryOperator::And,
            right: Box::new(group),
        });
    }
    Ok(())
}

/// Numbers in DISTINCT ON are places in the list.
fn on_columns(select: &mut Select) -> Result<()> {
    let Some(ast::Distinct::On(keys)) = &mut select.distinct else { return Ok(()) };
    for key in keys {
        let Expr::Value(value) = &*key else { continue };
        let ast::Value::Number(number, _) = &value.value else { continue };
        let place = number.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
        match place.and_then(|place| select.projection.get(place)) {
            Some(SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) => {
                *key = expr.clone()
            }
            _ => {
                return Err(Error::bad_input(format!(
                    "DISTINCT ON ({number}) is no place of the SELECT list"
                )));
            }
        }
    }
    Ok(())
}

/// `IN (VALUES ...)` in the form that the planner knows.
fn values_as_select(query: &mut Query) {
    if !matches!(query.body.as_ref(), SetExpr::Values(_)) {
        return;
    }
    let Ok(wrapped) = parse_query("SELECT * FROM (SELECT 1) AS \"values\"") else { return };
    let outer = std::mem::replace(query, wrapped);
    if let SetExpr::Select(select) = query.body.as_mut()
        && let Some(TableWithJoins { relation: TableFactor::Derived { subquery, .. }, .. }) =
            select.from.first_mut()
    {
        **subquery = outer;
    }
}

fn lists_as_selects(select: &mut Select) {
    struct Lists;
    impl VisitorMut for Lists {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            if let Expr::InSubquery { subquery, .. } | Expr::Subquery(subquery) = expr {
                values_as_select(subquery);
            }
            ControlFlow::Continue(())
        }
    }
    let _ = VisitMut::visit(select, &mut Lists);
}

/// FETCH FIRST as the LIMIT it means.
fn fetch_as_limit(query: &mut Query) -> Result<()> {
    let Some(fetch) = query.fetch.take() else { return Ok(()) };
    if fetch.with_ties || fetch.percent {
        return Err(super::error::refuse(
            "FETCH FIRST with PERCENT or WITH TIES",
            "number the rows with rank() OVER (ORDER BY ...) in a subquery",
        ));
    }
    let one = || Expr::Value(ast::Value::Number("1".to_owned(), false).into());
    let rows = fetch.quantity.unwrap_or_else(one);
    match &mut query.limit_clause {
        None => {
            query.limit_clause =
                Some(ast::LimitClause::LimitOffset { limit: Some(rows), offset: None, limit_by: Vec::new() });
            Ok(())
        }
        Some(ast::LimitClause::LimitOffset { limit: limit @ None, .. }) => {
            *limit = Some(rows);
            Ok(())
        }
        Some(_) => Err(Error::bad_input("LIMIT and FETCH FIRST say the same thing twice")),
    }
}

/// The ON condition of a join.
pub fn condition_of(operator: &mut JoinOperator) -> Option<&mut Expr> {
    match constraint_of(operator) {
        Some((JoinConstraint::On(condition), _)) => Some(condition),
        _ => None,
    }
}

impl Shown {
    fn items(&self, projection: &mut Vec<SelectItem>) -> Result<()> {
        match &self.columns {
            Some(columns) => {
                for name in columns.iter().filter(|name| !self.merged.contains(name)) {
                    let column = Expr::CompoundIdentifier(vec![self.qualifier.clone(), ident(name)]);
                    projection.push(SelectItem::UnnamedExpr(column));
                }
            }
            None if self.qualifier.value.is_empty() => {
                return Err(Error::unsupported("* over a function or subquery without a name")
                    .with_hint("give it one with AS"));
            }
            None => {
                let opt_exclude = (!self.merged.is_empty()).then(|| {
                    ast::ExcludeSelectItem::Multiple(
                        self.merged.iter().map(|name| object_name(&[name.as_str()])).collect(),
                    )
                });
                let options = ast::WildcardAdditionalOptions { opt_exclude, ..Default::default() };
                let name = ObjectName(vec![ObjectNamePart::Identifier(self.qualifier.clone())]);
                projection.push(SelectItem::QualifiedWildcard(
                    SelectItemQualifiedWildcardKind::ObjectName(name),
                    options,
                ));
            }
        }
        Ok(())
    }
}

fn type_name_part(name: &ObjectName) -> Option<String> {
    name.0.last().and_then(ObjectNamePart::as_ident).map(name_of)
}

fn refuse_options(options: &ast::WildcardAdditionalOptions) -> Result<()> {
    let none = ast::WildcardAdditionalOptions {
        wildcard_token: options.wildcard_token.clone(),
        ..Default::default()
    };
    if *options == none {
        Ok(())
    } else {
        Err(Error::unsupported("* with options").with_hint("name the columns"))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
    Both,
    Semi,
}

/// A join's constraint, and the side a merged column takes its value from.
fn constraint_of(operator: &mut JoinOperator) -> Option<(&mut JoinConstraint, Side)> {
    match operator {
        JoinOperator::Join(c)
        | JoinOperator::Inner(c)
        | JoinOperator::Left(c)
        | JoinOperator::LeftOuter(c)
        | JoinOperator::CrossJoin(c) => Some((c, Side::Left)),
        JoinOperator::Right(c) | JoinOperator::RightOuter(c) => Some((c, Side::Right)),
        JoinOperator::FullOuter(c) => Some((c, Side::Both)),
        JoinOperator::Semi(c)
        | JoinOperator::LeftSemi(c)
        | JoinOperator::Anti(c)
        | JoinOperator::LeftAnti(c) => Some((c, Side::Semi)),
        _ => None,
    }
}

/// The USING clause a NATURAL join means.
fn natural(left: &[Shown], merged: &[Merged], right: &[Shown], own: bool) -> Result<JoinConstraint> {
    if !own {
        return Ok(JoinConstraint::Natural);
    }
    let unknown =
        || Error::unsupported("NATURAL JOIN with a subquery").with_hint("name the columns with USING (...)");
    let names = |items: &[Shown]| -> Result<Vec<String>> {
        let mut names: Vec<String> = Vec::new();
        for item in items {
            let columns = item.columns.as_ref().ok_or_else(unknown)?;
            names.extend(columns.iter().filter(|c| !item.merged.contains(c)).cloned());
        }
        Ok(names)
    };
    let right = names(right)?;
    // System columns say nothing about what two types have in common.
    let system = ["id", "from_id", "to_id"];
    let mut left_names = names(left)?;
    left_names.splice(0..0, merged.iter().map(|m| m.name.clone()));
    let repeated = |name: &String| left_names.iter().filter(|known| *known == name).count() > 1;
    if let Some(name) = left_names.iter().find(|name| right.contains(name) && repeated(name)) {
        return Err(Error::bad_input(format!("the column {name} of NATURAL JOIN is ambiguous"))
            .with_hint("name the columns with USING (...)"));
    }
    let common: Vec<ObjectName> = left_names
        .iter()
        .filter(|name| right.contains(name) && !system.contains(&name.as_str()))
        .map(|name| object_name(&[name.as_str()]))
        .collect();
    if common.is_empty() {
        // Declared columns may be named like the system's: do not guess which is meant.
        if system.iter().any(|name| right.iter().any(|r| r == name) && left_names.iter().any(|l| l == name)) {
            return Err(Error::unsupported("NATURAL JOIN over id columns is not supported")
                .with_hint("name the columns with USING (...), or use CROSS JOIN"));
        }
        return Ok(JoinConstraint::On(Expr::Value(ast::Value::Boolean(true).into())));
    }
    Ok(JoinConstraint::Using(common))
}

/// Joins `right` to what is shown, with columns merged by USING. Returns the merged columns.
fn merge(shown: &mut Vec<Shown>, mut right: Vec<Shown>, names: &[String], side: Side) -> Vec<Merged> {
    let merged = names
        .iter()
        .map(|name| {
            let from = if side == Side::Right { &right } else { &*shown };
            Merged { qualifiers: holder(from, name).into_iter().collect(), name: name.clone() }
        })
        .collect();
    for item in shown.iter_mut().chain(right.iter_mut()) {
        let known = |name: &&String| item.columns.as_ref().is_none_or(|columns| columns.contains(name));
        let add: Vec<String> = names.iter().filter(known).cloned().collect();
        item.merged.extend(add);
    }
    if side != Side::Semi {
        shown.extend(right);
    }
    merged
}

/// The item that has a column, as far as that can be told.
fn holder(items: &[Shown], name: &str) -> Option<Ident> {
    let has = |item: &&Shown| item.columns.as_ref().is_some_and(|columns| columns.iter().any(|c| c == name));
    match (items.iter().find(has), items) {
        (Some(item), _) => Some(item.qualifier.clone()),
        (None, [only]) => Some(only.qualifier.clone()),
        _ => None,
    }
}

/// Parses a query of our own making.
pub fn parse_query(sql: &str) -> Result<Query> {
    match statement::parse(sql)? {
        Statement::Sql(statement) => match *statement {
            ast::Statement::Query(query) => Ok(*query),
            other => Err(Error::internal(format!("not a query: {other}"))),
        },
        other => Err(Error::internal(format!("not a query: {other:?}"))),
    }
}

fn empty_query() -> Result<Query> {
    parse_query("SELECT 1")
}
