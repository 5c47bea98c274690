//! The point path: a few rows by id or through an index, without the planner.
//!
//! `SELECT <columns> FROM t WHERE <key> = <literal or parameter>` is answered by one look-up, and bounds on the
//! next column of an index, with or without `ORDER BY` it and `LIMIT`, by a walk over a stretch of it. Everything
//! else, every value that is not of the key's own type, and every stretch that turns out to be long, goes to the
//! planner, which means the same by it; so does a statement with any clause this module does not know. Plans are
//! kept by the statement's text and hold as long as the type's definition does.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use parking_lot::Mutex;
use sqlparser::ast::{
    self, BinaryOperator, Expr, LimitClause, OrderByKind, Query, Select, SelectItem, SetExpr, TableFactor,
    Value as Sql,
};
use uuid::Uuid;

use crate::model::{Error, IndexDef, PropertyId, PropertyType, Result, RowId, TypeDef, Value};
use crate::storage::{Catalog, IndexRange, RecordView, View};

use super::arrow_value::ColumnBuilder;
use super::columns::{Columns, Source};
use super::rewrite::{name_of, parse_query, type_name};
use super::statement::{self, Statement};

/// How many plans are kept.
const MOST_PLANS: usize = 512;
/// Longer statements are not looked at.
const MOST_BYTES: usize = 4096;
/// With more rows than this the planner's way is no slower.
const MOST_ROWS: usize = 1000;

/// The plans of a session.
#[derive(Default)]
pub struct PointPlans {
    plans: Mutex<HashMap<String, Known>>,
}

#[derive(Clone)]
enum Known {
    Point(Arc<PointPlan>),
    /// The planner's, as long as the catalog has this version.
    Other(u64),
}

/// How rows are found and shown.
struct PointPlan {
    definition: Arc<TypeDef>,
    path: Path,
    shown: Vec<Source>,
    schema: SchemaRef,
    /// In the index's order; otherwise in that of insertion.
    ordered: bool,
    limit: Option<usize>,
}

/// A value, and the type it must have as it stands.
type Key = (KeyValue, PropertyType);

#[derive(Debug, PartialEq)]
enum Path {
    /// By the id.
    Id(Key),
    /// By all columns of a unique index, of this number.
    Unique(u16, Vec<Key>),
    /// By the first columns of an index, and bounds of the next one.
    Stretch { index: u16, equal: Vec<Key>, low: Option<Bounding>, high: Option<Bounding> },
}

/// A bound, and whether the value itself is within.
#[derive(Debug, PartialEq)]
struct Bounding {
    key: Key,
    included: bool,
}

#[derive(Debug, Clone, PartialEq)]
enum KeyValue {
    Fixed(Value),
    /// Counted from 0.
    Parameter(usize),
}

/// The columns, and the rows if there are any.
pub type PointRows = (SchemaRef, Option<RecordBatch>);

impl PointPlans {
    /// Answers a statement that is a look-up; `None`: it is the planner's.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub fn run(&self, sql: &str, params: &[Value], view: &View) -> Result<Option<PointRows>> {
        if sql.len() > MOST_BYTES {
            return Ok(None);
        }
        let catalog = view.catalog();
        let known = self.plans.lock().get(sql).cloned();
        let plan = match known {
            Some(Known::Point(plan)) if plan.holds(catalog) => plan,
            Some(Known::Other(version)) if version == catalog.version() => return Ok(None),
            _ => {
                let plan = plan(sql, catalog).map(Arc::new);
                let known = plan.clone().map_or(Known::Other(catalog.version()), Known::Point);
                let mut plans = self.plans.lock();
                if plans.len() >= MOST_PLANS {
                    plans.clear();
                }
                plans.insert(sql.to_owned(), known);
                match plan {
                    Some(plan) => plan,
                    None => return Ok(None),
                }
            }
        };
        plan.run(params, view)
    }
}

impl PointPlan {
    fn holds(&self, catalog: &Catalog) -> bool {
        catalog
            .by_id(self.definition.id)
            .is_some_and(|now| Arc::ptr_eq(now, &self.definition) || *now == self.definition)
    }

    fn run(&self, params: &[Value], view: &View) -> Result<Option<PointRows>> {
        let most = self.limit.unwrap_or(usize::MAX);
        let mut builders: Vec<_>;
        let mut found = false;
        let mut add = |builders: &mut [ColumnBuilder], row: RowId, record: &RecordView<'_>| {
            found = true;
            let cells = self.shown.iter().zip(builders);
            cells.into_iter().try_for_each(|(source, builder)| source.append(builder, row, record))
        };
        if let Path::Id(key) = &self.path {
            let Some(Value::Uuid(id)) = given(key, params) else { return Ok(None) };
            builders = self.shown.iter().map(|source| source.builder(1)).collect();
            view.read_id(id, &mut |row, record| match row.type_id() == self.definition.id && most > 0 {
                true => add(&mut builders, row, record),
                false => Ok(()),
            })?;
        } else {
            let Some(mut rows) = self.rows(params, view)? else { return Ok(None) };
            rows.truncate(most);
            builders = self.shown.iter().map(|source| source.builder(rows.len())).collect();
            for row in rows {
                view.read(row, &mut |record| add(&mut builders, row, record))?;
            }
        }
        if !found {
            return Ok(Some((Arc::clone(&self.schema), None)));
        }
        let arrays = builders.iter_mut().map(ColumnBuilder::finish).collect();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays)
            .map_err(|e| Error::internal(format!("rows that were looked up: {e}")))?;
        Ok(Some((Arc::clone(&self.schema), Some(batch))))
    }

    /// The rows of an index; `None` where the planner has to find them.
    fn rows(&self, params: &[Value], view: &View) -> Result<Option<Vec<RowId>>> {
        let id = self.definition.id;
        let (index, equal, low, high) = match &self.path {
            Path::Id(_) => return Ok(None),
            Path::Unique(number, keys) => {
                let Some(values) = all_given(keys, params) else { return Ok(None) };
                return Ok(Some(view.row_of_key(id, *number, &values)?.into_iter().collect()));
            }
            Path::Stretch { index, equal, low, high } => (*index, equal, low, high),
        };
        let Some(equal) = all_given(equal, params) else { return Ok(None) };
        let (low, high) = match (bound(low.as_ref(), params, 1), bound(high.as_ref(), params, -1)) {
            (Some(Edge::Nothing), _) | (_, Some(Edge::Nothing)) => return Ok(Some(Vec::new())),
            (Some(Edge::At(low)), Some(Edge::At(high))) => (low, high),
            _ => return Ok(None),
        };
        let range = match (&low, &high) {
            (None, None) => IndexRange::equal(id, index, &equal),
            _ => IndexRange::between(id, index, &equal, low.as_ref(), high.as_ref()),
        };
        // A value too long for an index: the planner says so.
        let Ok(range) = range else { return Ok(None) };
        let wanted = self.limit.filter(|_| self.ordered).unwrap_or(usize::MAX);
        let mut rows = Vec::new();
        if wanted > 0 {
            view.indexed(&range, &mut |row| {
                rows.push(row);
                let enough = rows.len() >= wanted || rows.len() > MOST_ROWS;
                Ok(if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            })?;
        }
        if rows.len() > MOST_ROWS {
            return Ok(None);
        }
        if !self.ordered {
            rows.sort_unstable();
        }
        Ok(Some(rows))
    }
}

fn given((value, target): &Key, params: &[Value]) -> Option<Value> {
    match value {
        KeyValue::Fixed(value) => Some(value.clone()),
        KeyValue::Parameter(number) => params.get(*number).and_then(|p| exact(p, *target)),
    }
}

fn all_given(keys: &[Key], params: &[Value]) -> Option<Vec<Value>> {
    keys.iter().map(|key| given(key, params)).collect()
}

/// Where a stretch ends.
enum Edge {
    /// At a value, which is within; `None`: nowhere.
    At(Option<Value>),
    /// No value is within.
    Nothing,
}

/// The last value within a bound; `inwards` leads into the stretch. `None`: it is the planner's.
fn bound(bound: Option<&Bounding>, params: &[Value], inwards: i64) -> Option<Edge> {
    let Some(bound) = bound else { return Some(Edge::At(None)) };
    Some(match (given(&bound.key, params)?, bound.included) {
        (value, true) => Edge::At(Some(value)),
        (Value::Integer(i), false) => match i.checked_add(inwards) {
            Some(next) => Edge::At(Some(Value::Integer(next))),
            None => Edge::Nothing,
        },
        _ => return None,
    })
}

/// A value as the key holds it, where it is of the key's type as it stands.
fn exact(value: &Value, target: PropertyType) -> Option<Value> {
    match (target, value) {
        (PropertyType::Uuid, Value::String(text)) => Uuid::parse_str(text).ok().map(Value::Uuid),
        (PropertyType::Integer | PropertyType::String | PropertyType::Uuid, value)
            if !value.is_null() && target.holds(value) =>
        {
            Some(value.clone())
        }
        _ => None,
    }
}

fn plan(sql: &str, catalog: &Catalog) -> Option<PointPlan> {
    // On the caller's thread, whose stack may be small.
    let Some(Statement::Sql(statement)) = statement::parse_plain(sql) else { return None };
    let ast::Statement::Query(query) = *statement else { return None };
    let SetExpr::Select(select) = query.body.as_ref() else { return None };
    let [table] = select.from.as_slice() else { return None };
    let TableFactor::Table { name, alias, .. } = &table.relation else { return None };
    // With any clause that is not written back it is the planner's.
    if plain(name, alias.as_ref(), &query, select).is_none_or(|plain| plain.to_string() != query.to_string())
    {
        return None;
    }
    let definition = catalog.get(&type_name(name)?)?;
    let qualifier = alias.as_ref().map_or_else(|| name_of_table(name), |alias| Some(name_of(&alias.name)))?;
    let columns = Columns::of(definition, false);
    let mut conditions = Conditions::default();
    conditions.add(&columns, &qualifier, select.selection.as_ref()?)?;
    let order = order(&query, &select.projection, &columns, &qualifier)?;
    let path = path(definition, conditions, order)?;
    let (shown, schema) = shown(&columns, &qualifier, &select.projection)?;
    let limit = limit(&query)?;
    Some(PointPlan {
        definition: Arc::clone(definition),
        path,
        shown,
        schema,
        ordered: order.is_some(),
        limit,
    })
}

/// The statement with nothing but the table, its alias, the columns, the condition, order and limit.
fn plain(
    name: &ast::ObjectName,
    alias: Option<&ast::TableAlias>,
    query: &Query,
    select: &Select,
) -> Option<Query> {
    let mut plain = parse_query("SELECT 1 FROM t WHERE TRUE").ok()?;
    plain.order_by.clone_from(&query.order_by);
    plain.limit_clause.clone_from(&query.limit_clause);
    let SetExpr::Select(target) = plain.body.as_mut() else { return None };
    target.projection.clone_from(&select.projection);
    target.selection.clone_from(&select.selection);
    if let Some(TableFactor::Table { name: own, alias: own_alias, .. }) =
        target.from.first_mut().map(|table| &mut table.relation)
    {
        own.clone_from(name);
        *own_alias = alias.cloned();
    }
    Some(plain)
}

/// The property that ORDER BY names; `Some(None)` without ORDER BY, `None` for any other one.
fn order(
    query: &Query,
    items: &[SelectItem],
    columns: &Columns,
    qualifier: &str,
) -> Option<Option<PropertyId>> {
    let Some(order) = &query.order_by else { return Some(None) };
    let OrderByKind::Expressions(expressions) = &order.kind else { return None };
    let [only] = expressions.as_slice() else { return None };
    let plain = only.options.asc != Some(false) && only.options.nulls_first != Some(true);
    if !plain || only.with_fill.is_some() || order.interpolate.is_some() {
        return None;
    }
    let name = column(&only.expr, qualifier)?;
    // A name that the result gives to another column means that one.
    let renamed = |item: &SelectItem| match item {
        SelectItem::ExprWithAlias { alias, .. } => name_of(alias) == name,
        _ => false,
    };
    if items.iter().any(renamed) {
        return None;
    }
    match columns.source_of(&name)? {
        Source::Property(id, _) => Some(Some(id)),
        _ => None,
    }
}

/// The number of LIMIT; `Some(None)` without one, `None` for what is more than a number.
fn limit(query: &Query) -> Option<Option<usize>> {
    match &query.limit_clause {
        None => Some(None),
        Some(LimitClause::LimitOffset { limit: Some(Expr::Value(value)), offset: None, limit_by })
            if limit_by.is_empty() =>
        {
            match &value.value {
                Sql::Number(digits, _) => digits.parse().ok().map(Some),
                _ => None,
            }
        }
        Some(_) => None,
    }
}

fn name_of_table(name: &ast::ObjectName) -> Option<String> {
    name.0.last().and_then(|part| part.as_ident()).map(name_of)
}

/// The name of a column of the table.
fn column(expr: &Expr, qualifier: &str) -> Option<String> {
    match expr {
        Expr::Identifier(name) => Some(name_of(name)),
        Expr::CompoundIdentifier(parts) => match parts.as_slice() {
            [table, name] if name_of(table) == qualifier => Some(name_of(name)),
            _ => None,
        },
        _ => None,
    }
}

/// What must hold of a row: each a column, how it compares, and with what.
#[derive(Default)]
struct Conditions(Vec<(Source, BinaryOperator, Key)>);

impl Conditions {
    /// Takes a condition apart; `None` for one that is more than comparisons that all must hold.
    fn add(&mut self, columns: &Columns, qualifier: &str, condition: &Expr) -> Option<()> {
        match condition {
            Expr::Nested(inner) => self.add(columns, qualifier, inner),
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                self.add(columns, qualifier, left)?;
                self.add(columns, qualifier, right)
            }
            Expr::Between { expr, negated: false, low, high } => {
                self.compare(columns, column(expr, qualifier)?, BinaryOperator::GtEq, low)?;
                self.compare(columns, column(expr, qualifier)?, BinaryOperator::LtEq, high)
            }
            Expr::BinaryOp { left, op, right } => match column(left, qualifier) {
                Some(name) => self.compare(columns, name, op.clone(), right),
                None => self.compare(columns, column(right, qualifier)?, swapped(op)?, left),
            },
            _ => None,
        }
    }

    fn compare(&mut self, columns: &Columns, name: String, op: BinaryOperator, value: &Expr) -> Option<()> {
        let source = columns.source_of(&name)?;
        let target = match source {
            Source::Property(_, target) => target,
            Source::Id => PropertyType::Uuid,
            _ => return None,
        };
        let bound = matches!(
            op,
            BinaryOperator::Lt | BinaryOperator::LtEq | BinaryOperator::Gt | BinaryOperator::GtEq
        );
        if op != BinaryOperator::Eq && !(bound && target == PropertyType::Integer) {
            return None;
        }
        self.0.push((source, op, (key_value(value, target)?, target)));
        Some(())
    }

    /// Takes out the only condition of a property with one of some operators; `Some(None)` where there is none,
    /// `None` where there are several.
    fn take(&mut self, id: PropertyId, ops: &[BinaryOperator]) -> Option<Option<(BinaryOperator, Key)>> {
        let fits = |(source, op, _): &(Source, BinaryOperator, Key)| {
            matches!(source, Source::Property(own, _) if *own == id) && ops.contains(op)
        };
        let Some(at) = self.0.iter().position(fits) else { return Some(None) };
        let (_, op, key) = self.0.swap_remove(at);
        (!self.0.iter().any(fits)).then_some(Some((op, key)))
    }
}

fn swapped(op: &BinaryOperator) -> Option<BinaryOperator> {
    Some(match op {
        BinaryOperator::Eq => BinaryOperator::Eq,
        BinaryOperator::Lt => BinaryOperator::Gt,
        BinaryOperator::LtEq => BinaryOperator::GtEq,
        BinaryOperator::Gt => BinaryOperator::Lt,
        BinaryOperator::GtEq => BinaryOperator::LtEq,
        _ => return None,
    })
}

/// The way to the rows that meets every condition, and the order.
fn path(definition: &TypeDef, mut conditions: Conditions, order: Option<PropertyId>) -> Option<Path> {
    if let [(Source::Id, BinaryOperator::Eq, _)] = conditions.0.as_slice() {
        let (_, _, key) = conditions.0.pop()?;
        return order.is_none().then_some(Path::Id(key));
    }
    let all = conditions.0;
    let try_index = |index: &IndexDef| stretch(index, Conditions(all.clone()), order);
    let unique = |path: &Path| matches!(path, Path::Unique(..));
    let mut paths: Vec<Path> = definition.indexes.iter().filter_map(try_index).collect();
    let best = paths.iter().position(unique).unwrap_or(0);
    (best < paths.len()).then(|| paths.swap_remove(best))
}

fn stretch(index: &IndexDef, mut conditions: Conditions, order: Option<PropertyId>) -> Option<Path> {
    let mut equal = Vec::new();
    let mut next = None;
    for id in &index.properties {
        match conditions.take(*id, &[BinaryOperator::Eq])? {
            Some((_, key)) => equal.push(key),
            None => {
                next = Some(*id);
                break;
            }
        }
    }
    let (mut low, mut high) = (None, None);
    if let Some(next) = next {
        let bounding = |(op, key): (BinaryOperator, Key)| Bounding {
            key,
            included: matches!(op, BinaryOperator::GtEq | BinaryOperator::LtEq),
        };
        low = conditions.take(next, &[BinaryOperator::Gt, BinaryOperator::GtEq])?.map(bounding);
        high = conditions.take(next, &[BinaryOperator::Lt, BinaryOperator::LtEq])?.map(bounding);
    }
    let bounded = low.is_some() || high.is_some();
    if !conditions.0.is_empty() || (equal.is_empty() && !bounded) {
        return None;
    }
    match order {
        None if index.unique && next.is_none() => Some(Path::Unique(index.number, equal)),
        // Rows come in the order of the column that is not fixed.
        Some(by) if next != Some(by) => None,
        _ => Some(Path::Stretch { index: index.number, equal, low, high }),
    }
}

fn key_value(expr: &Expr, target: PropertyType) -> Option<KeyValue> {
    let Expr::Value(value) = expr else { return None };
    let fixed = match (&value.value, target) {
        (Sql::Placeholder(name), _) => {
            let number: usize = name.strip_prefix('$')?.parse().ok()?;
            return Some(KeyValue::Parameter(number.checked_sub(1)?));
        }
        (Sql::Number(digits, _), PropertyType::Integer) => Value::Integer(digits.parse().ok()?),
        (Sql::SingleQuotedString(text), PropertyType::String) => Value::from(text.as_str()),
        (Sql::SingleQuotedString(text), PropertyType::Uuid) => Value::Uuid(Uuid::parse_str(text).ok()?),
        _ => return None,
    };
    Some(KeyValue::Fixed(fixed))
}

fn shown(columns: &Columns, qualifier: &str, items: &[SelectItem]) -> Option<(Vec<Source>, SchemaRef)> {
    let mut sources = Vec::new();
    let mut fields: Vec<Arc<Field>> = Vec::new();
    let schema = columns.schema();
    let mut add = |name: &str, shown: &str| -> Option<()> {
        let at = schema.index_of(name).ok()?;
        sources.push(columns.source(at)?);
        // Two columns of one name: the planner tells them apart.
        if fields.iter().any(|field| field.name() == shown) {
            return None;
        }
        fields.push(Arc::new(schema.field(at).clone().with_name(shown)));
        Some(())
    };
    for item in items {
        match item {
            SelectItem::Wildcard(options) if options.to_string().is_empty() => {
                for field in columns.visible() {
                    add(field.name(), field.name())?;
                }
            }
            SelectItem::UnnamedExpr(expr) => {
                let name = column(expr, qualifier)?;
                add(&name, &name)?;
            }
            SelectItem::ExprWithAlias { expr, alias } => add(&column(expr, qualifier)?, &name_of(alias))?,
            _ => return None,
        }
    }
    (!fields.is_empty()).then(|| (sources, Arc::new(Schema::new(fields))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{IndexDef, IndexOrigin, PropertyDef, PropertyId, TypeId, TypeKind};

    fn catalog() -> Catalog {
        let property = |id: u32, name: &str, property_type| PropertyDef {
            id: PropertyId(id),
            name: name.to_owned(),
            property_type,
            declared: true,
            not_null: false,
            default: None,
        };
        let index = |number, properties: &[u32]| IndexDef {
            number,
            name: format!("i{number}"),
            properties: properties.iter().map(|id| PropertyId(*id)).collect(),
            unique: true,
            origin: IndexOrigin::Unique,
        };
        Catalog::of(TypeDef {
            declared: true,
            properties: vec![
                property(0, "k", PropertyType::Integer),
                property(1, "name", PropertyType::String),
                property(2, "v", PropertyType::Float),
            ],
            indexes: vec![index(0, &[0]), index(1, &[1, 0])],
            ..TypeDef::new(TypeId(1), "t", TypeKind::Node)
        })
    }

    #[test]
    fn only_comparisons_with_the_beginning_of_an_index_are_points() {
        let is = |sql: &str| {
            plan(sql, &catalog()).map(|plan| match plan.path {
                Path::Id(_) => "id".to_owned(),
                Path::Unique(number, _) => format!("unique {number}"),
                Path::Stretch { index, equal, low, high } => {
                    let bound = |b: Option<Bounding>| b.map_or("-", |b| if b.included { "=" } else { "<" });
                    format!("stretch {index} {} {} {}", equal.len(), bound(low), bound(high))
                }
            })
        };
        for (sql, path) in [
            ("SELECT * FROM t WHERE k = 5", "unique 0"),
            ("SELECT v AS w, name FROM t AS x WHERE 5 = x.k", "unique 0"),
            ("SELECT v FROM public.t WHERE (t.name = $2) AND k = $1", "unique 1"),
            ("SELECT v FROM t WHERE id = '0198c5f2-7d3a-7c41-9d5e-2b8f6a1c0e47'", "id"),
            ("SELECT * FROM t WHERE k = 5 LIMIT 0", "unique 0"),
            ("SELECT * FROM t WHERE k BETWEEN 1 AND $1", "stretch 0 0 = ="),
            ("SELECT * FROM t WHERE 7 > k AND k >= 3 ORDER BY k LIMIT 3", "stretch 0 0 = <"),
            ("SELECT * FROM t WHERE k > $1 ORDER BY t.k LIMIT 10", "stretch 0 0 < -"),
            ("SELECT * FROM t WHERE name = 'a'", "stretch 1 1 - -"),
            ("SELECT * FROM t WHERE name = 'a' ORDER BY k", "stretch 1 1 - -"),
            ("SELECT * FROM t WHERE k < 5 AND name = 'a'", "stretch 1 1 - <"),
        ] {
            assert_eq!(is(sql).as_deref(), Some(path), "{sql}");
        }
        for sql in [
            "SELECT * FROM t WHERE k = 5 ORDER BY v",
            "SELECT * FROM t WHERE k > 5 ORDER BY k DESC",
            "SELECT * FROM t WHERE k > 5 ORDER BY k NULLS FIRST",
            "SELECT * FROM t WHERE k > 5 ORDER BY k, v",
            "SELECT * FROM t WHERE k > 5 ORDER BY k + 1",
            "SELECT * FROM t WHERE k > 5 ORDER BY 1",
            "SELECT * FROM t WHERE k > 5 LIMIT 1 OFFSET 1",
            "SELECT * FROM t WHERE k > 5 LIMIT $1",
            "SELECT * FROM t WHERE k > 5 FETCH FIRST 1 ROW ONLY",
            "SELECT * FROM t WHERE k > 5 AND k > 6",
            "SELECT * FROM t WHERE k > 5.5",
            "SELECT * FROM t WHERE k NOT BETWEEN 1 AND 2",
            "SELECT * FROM t WHERE v > 1",
            "SELECT v AS k FROM t WHERE k > 1 ORDER BY k",
            "SELECT * FROM t WHERE name > 'a'",
            "SELECT * FROM t ORDER BY k LIMIT 1",
            "SELECT DISTINCT v FROM t WHERE k = 5",
            "SELECT v + 1 FROM t WHERE k = 5",
            "SELECT count(*) FROM t WHERE k = 5",
            "SELECT v FROM t WHERE k = 5 GROUP BY v",
            "SELECT v FROM t WHERE k = 5.0",
            "SELECT v FROM t WHERE k = '5'",
            "SELECT v FROM t WHERE k = NULL",
            "SELECT v FROM t WHERE k = 5 AND k = 6",
            "SELECT v FROM t WHERE k = 5 OR k = 6",
            "SELECT v FROM t WHERE NOT k = 5",
            "SELECT v FROM t WHERE k = 5 AND v = 1",
            "SELECT v FROM t, t AS u WHERE t.k = 5",
            "SELECT v FROM t AS x WHERE t.k = 5",
            "SELECT v, v FROM t WHERE k = 5",
            "SELECT nothing FROM t WHERE k = 5",
            "SELECT v FROM u WHERE k = 5",
            "SELECT v FROM t WHERE id = 'x'",
            "WITH t AS (SELECT 1 AS k) SELECT * FROM t WHERE k = 5",
            "SELECT v FROM t WHERE k = 5 FOR UPDATE",
            "SELECT v FROM t TABLESAMPLE SYSTEM (10) WHERE k = 5",
            "SELECT * EXCLUDE (v) FROM t WHERE k = 5",
            "SELECT v FROM t WHERE k = 99999999999999999999",
            "EXPLAIN SELECT v FROM t WHERE k = 5",
            "SELECT v FROM t WHERE k = 5 UNION SELECT 1",
        ] {
            assert_eq!(is(sql), None, "{sql}");
        }
    }
}
