//! The point path: one row by its id or a unique key, without the planner.
//!
//! `SELECT <columns> FROM t WHERE <unique key> = <literal or parameter>` is answered by one look-up. Everything
//! else, and every value that is not of the key's own type, goes to the planner, which means the same
//! by it; so does a statement with any clause this module does not know. Plans are kept by the
//! statement's text and hold as long as the type's definition does.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use parking_lot::Mutex;
use sqlparser::ast::{
    self, BinaryOperator, Expr, Query, Select, SelectItem, SetExpr, TableFactor, Value as Sql,
};
use uuid::Uuid;

use crate::model::{Error, PropertyType, Result, TypeDef, Value};
use crate::storage::{Catalog, View};

use super::columns::{Columns, Source};
use super::rewrite::{name_of, parse_query, type_name};
use super::statement::{self, Statement};

/// How many plans are kept.
const MOST_PLANS: usize = 512;
/// Longer statements are not looked at.
const MOST_BYTES: usize = 4096;

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

/// How one row is found and shown.
struct PointPlan {
    definition: Arc<TypeDef>,
    /// The number of the unique index; `None`: the id.
    index: Option<u16>,
    key: Vec<(KeyValue, PropertyType)>,
    shown: Vec<Source>,
    schema: SchemaRef,
}

enum KeyValue {
    Fixed(Value),
    /// Counted from 0.
    Parameter(usize),
}

/// The columns, and the row if there is one.
pub type PointRow = (SchemaRef, Option<RecordBatch>);

impl PointPlans {
    /// Answers a statement that is a look-up; `None`: it is the planner's.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub fn run(&self, sql: &str, params: &[Value], view: &View) -> Result<Option<PointRow>> {
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

    fn run(&self, params: &[Value], view: &View) -> Result<Option<PointRow>> {
        let mut key = Vec::with_capacity(self.key.len());
        for (value, target) in &self.key {
            let value = match value {
                KeyValue::Fixed(value) => value.clone(),
                KeyValue::Parameter(number) => match params.get(*number).and_then(|p| exact(p, *target)) {
                    Some(value) => value,
                    None => return Ok(None),
                },
            };
            key.push(value);
        }
        let row = match (self.index, key.as_slice()) {
            (Some(number), key) => view.row_of_key(self.definition.id, number, key)?,
            (None, [Value::Uuid(id)]) => view.row_of(*id)?.filter(|row| row.type_id() == self.definition.id),
            (None, _) => return Ok(None),
        };
        let mut builders: Vec<_> = self.shown.iter().map(|source| source.builder(1)).collect();
        let mut found = false;
        if let Some(row) = row {
            found = view.read(row, &mut |record| {
                let cells = self.shown.iter().zip(&mut builders);
                cells.into_iter().try_for_each(|(source, builder)| source.append(builder, row, record))
            })?;
        }
        if !found {
            return Ok(Some((Arc::clone(&self.schema), None)));
        }
        let arrays = builders.iter_mut().map(super::arrow_value::ColumnBuilder::finish).collect();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays)
            .map_err(|e| Error::internal(format!("a row that was looked up: {e}")))?;
        Ok(Some((Arc::clone(&self.schema), Some(batch))))
    }
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
    let Ok(Statement::Sql(statement)) = statement::parse(sql) else { return None };
    let ast::Statement::Query(query) = *statement else { return None };
    let SetExpr::Select(select) = query.body.as_ref() else { return None };
    let [table] = select.from.as_slice() else { return None };
    let TableFactor::Table { name, alias, .. } = &table.relation else { return None };
    // With any clause that is not written back it is the planner's.
    if plain(name, alias.as_ref(), select).is_none_or(|plain| plain.to_string() != query.to_string()) {
        return None;
    }
    let definition = catalog.get(&type_name(name)?)?;
    let qualifier = alias.as_ref().map_or_else(|| name_of_table(name), |alias| Some(name_of(&alias.name)))?;
    let columns = Columns::of(definition, false);
    let (index, key) = key(definition, &columns, &qualifier, select.selection.as_ref()?)?;
    let (shown, schema) = shown(&columns, &qualifier, &select.projection)?;
    Some(PointPlan { definition: Arc::clone(definition), index, key, shown, schema })
}

/// The statement with nothing but the table, its alias, the columns and the condition.
fn plain(name: &ast::ObjectName, alias: Option<&ast::TableAlias>, select: &Select) -> Option<Query> {
    let mut plain = parse_query("SELECT 1 FROM t WHERE TRUE").ok()?;
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

type Key = (Option<u16>, Vec<(KeyValue, PropertyType)>);

/// The unique key that a condition fixes whole, and nothing else.
fn key(definition: &TypeDef, columns: &Columns, qualifier: &str, condition: &Expr) -> Option<Key> {
    let mut equal = Vec::new();
    equalities(columns, qualifier, condition, &mut equal)?;
    if let [(Source::Id, _)] = equal.as_slice() {
        let (_, value) = equal.pop()?;
        return Some((None, vec![(value, PropertyType::Uuid)]));
    }
    let index = definition.indexes.iter().find(|index| {
        let has =
            |id| equal.iter().any(|(source, _)| matches!(source, Source::Property(own, _) if own == id));
        index.unique && index.properties.len() == equal.len() && index.properties.iter().all(has)
    })?;
    let mut key = Vec::with_capacity(equal.len());
    for id in &index.properties {
        let at =
            equal.iter().position(|(source, _)| matches!(source, Source::Property(own, _) if own == id))?;
        let (Source::Property(_, target), value) = equal.swap_remove(at) else { return None };
        key.push((value, target));
    }
    Some((Some(index.number), key))
}

fn equalities(
    columns: &Columns,
    qualifier: &str,
    condition: &Expr,
    found: &mut Vec<(Source, KeyValue)>,
) -> Option<()> {
    match condition {
        Expr::Nested(inner) => equalities(columns, qualifier, inner, found),
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            equalities(columns, qualifier, left, found)?;
            equalities(columns, qualifier, right, found)
        }
        Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => {
            let (name, value) = match column(left, qualifier) {
                Some(name) => (name, right),
                None => (column(right, qualifier)?, left),
            };
            let source = columns.source_of(&name)?;
            let target = match source {
                Source::Property(_, target) => target,
                Source::Id => PropertyType::Uuid,
                _ => return None,
            };
            if found.iter().any(|(known, _)| *known == source) {
                return None;
            }
            found.push((source, key_value(value, target)?));
            Some(())
        }
        _ => None,
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
    fn only_whole_unique_keys_and_ids_are_points() {
        let is = |sql: &str| plan(sql, &catalog()).map(|plan| plan.index);
        for (sql, index) in [
            ("SELECT * FROM t WHERE k = 5", Some(0)),
            ("SELECT v AS w, name FROM t AS x WHERE 5 = x.k", Some(0)),
            ("SELECT v FROM public.t WHERE (t.name = $2) AND k = $1;", Some(1)),
            ("SELECT v FROM t WHERE id = '0198c5f2-7d3a-7c41-9d5e-2b8f6a1c0e47'", None),
        ] {
            assert_eq!(is(sql), Some(index), "{sql}");
        }
        for sql in [
            "SELECT * FROM t WHERE k = 5 LIMIT 0",
            "SELECT * FROM t WHERE k = 5 ORDER BY v",
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
            "SELECT v FROM t WHERE name = 'a'",
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
