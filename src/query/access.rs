//! Access plans: how the rows of one table reference are reached.
//!
//! A plan is chosen per reference from its filters and the view's figures. The scan runs it and
//! EXPLAIN shows it. A filter that the access itself fulfils exactly is not evaluated again.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::Schema;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, expr::InList};
use datafusion::physical_plan::DisplayFormatType;
use uuid::Uuid;

use super::columns::{Columns, Source};
use super::indexed::Indexed;

/// The steps that lead to the rows of a table reference, and what they are expected to cost.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryPlan {
    /// In the order they are taken.
    pub steps: Vec<PlanStep>,
    /// In rows read.
    pub estimated_cost: f64,
}

/// A step of a plan.
#[derive(Debug, Clone, PartialEq)]
pub enum PlanStep {
    /// Every row of the type.
    TableScan {
        /// The type's name.
        table: String,
        /// Its live rows.
        rows: u64,
    },
    /// The rows under keys of an index.
    IndexLookup {
        /// The type's name.
        table: String,
        /// The column that is looked up.
        column: &'static str,
        /// How many keys.
        keys: usize,
    },
    /// The rows under values of an index over properties.
    IndexKeys {
        /// The type's name.
        table: String,
        /// The index's name.
        index: String,
        /// The columns that are looked up, as `a, b`.
        columns: String,
        /// How many keys.
        keys: usize,
        /// The rows there.
        rows: usize,
    },
    /// The rows of a stretch of an index.
    IndexRange {
        /// The type's name.
        table: String,
        /// The index's name.
        index: String,
        /// The columns that bound it, as `a, b`.
        columns: String,
        /// The rows there.
        rows: usize,
    },
    /// The rows in the order of an index.
    IndexOrder {
        /// The type's name.
        table: String,
        /// The index's name.
        index: String,
        /// The columns that it is walked by, as `a, b`.
        columns: String,
        /// From its end.
        descending: bool,
    },
    /// Only rows that fulfil a predicate.
    Filter {
        /// As SQL.
        predicate: String,
    },
    /// At most this many rows.
    Limit {
        /// How many.
        rows: usize,
    },
}

impl QueryPlan {
    /// As a step of the physical plan shows it: with the columns it gives.
    pub(super) fn fmt_as(
        &self,
        format: DisplayFormatType,
        schema: &Schema,
        f: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        match format {
            DisplayFormatType::TreeRender => self.steps.iter().try_for_each(|step| writeln!(f, "{step}")),
            _ => {
                let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
                write!(f, "{self}, columns=[{}]", names.join(", "))
            }
        }
    }
}

impl fmt::Display for QueryPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, step) in self.steps.iter().enumerate() {
            if number > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{step}")?;
        }
        Ok(())
    }
}

impl fmt::Display for PlanStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PlanStep::TableScan { table, rows } => write!(f, "TableScan: {table} ({rows} rows)"),
            PlanStep::IndexLookup { table, column, keys } => {
                write!(
                    f,
                    "IndexLookup: {table}.{column} ({keys} {})",
                    if *keys == 1 { "key" } else { "keys" }
                )
            }
            PlanStep::IndexKeys { table, index, columns, keys, rows } => write!(
                f,
                "IndexLookup: {table}.{index} on {columns} ({keys} {}, {rows} {})",
                if *keys == 1 { "key" } else { "keys" },
                if *rows == 1 { "row" } else { "rows" }
            ),
            PlanStep::IndexRange { table, index, columns, rows } => write!(
                f,
                "IndexRange: {table}.{index} on {columns} ({rows} {})",
                if *rows == 1 { "row" } else { "rows" }
            ),
            PlanStep::IndexOrder { table, index, columns, descending } => {
                let back = if *descending { " descending" } else { "" };
                write!(f, "IndexOrder: {table}.{index} on {columns}{back}")
            }
            PlanStep::Filter { predicate } => write!(f, "Filter: {predicate}"),
            PlanStep::Limit { rows } => write!(f, "Limit: {rows}"),
        }
    }
}

/// Which rows are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// All rows of the type, by ranges of sequence numbers.
    Scan,
    /// The records of these ids.
    Ids(Vec<Uuid>),
    /// The edges at these nodes.
    EdgesAt {
        /// Edges that leave the nodes; otherwise those that enter them.
        outgoing: bool,
        /// The nodes' ids.
        nodes: Vec<Uuid>,
    },
    /// The rows that an index leads to.
    Index(Arc<Indexed>),
}

impl Access {
    /// The access for filters that all must hold, and which of them (by position) it fulfils.
    #[must_use]
    pub fn choose(columns: &Columns, filters: &[Expr]) -> (Access, Option<usize>) {
        let mut best: Option<(Access, usize)> = None;
        for (position, filter) in filters.iter().enumerate() {
            let Some((source, keys)) = keys_of(columns, filter) else { continue };
            let access = match source {
                Source::Id => Access::Ids(keys),
                Source::FromId => Access::EdgesAt { outgoing: true, nodes: keys },
                Source::ToId => Access::EdgesAt { outgoing: false, nodes: keys },
                _ => continue,
            };
            if best.as_ref().is_none_or(|(known, _)| access.rank() < known.rank()) {
                best = Some((access, position));
            }
        }
        match best {
            Some((access, position)) => (access, Some(position)),
            None => (Access::Scan, None),
        }
    }

    /// Lower is better.
    fn rank(&self) -> (u8, usize) {
        match self {
            Access::Ids(ids) => (0, ids.len()),
            Access::Index(found) => (1, found.rows.len()),
            Access::EdgesAt { nodes, .. } => (2, nodes.len()),
            Access::Scan => (3, 0),
        }
    }

    /// The step that stands for it.
    #[must_use]
    pub fn step(&self, table: &str, live_rows: u64) -> PlanStep {
        let table = table.to_owned();
        match self {
            Access::Scan => PlanStep::TableScan { table, rows: live_rows },
            Access::Ids(ids) => PlanStep::IndexLookup { table, column: "id", keys: ids.len() },
            Access::EdgesAt { outgoing, nodes } => PlanStep::IndexLookup {
                table,
                column: if *outgoing { "from_id" } else { "to_id" },
                keys: nodes.len(),
            },
            Access::Index(found) => {
                let (index, columns, rows) = (found.name.clone(), found.columns.join(", "), found.rows.len());
                match found.lookup {
                    true => PlanStep::IndexKeys { table, index, columns, keys: found.keys, rows },
                    false => PlanStep::IndexRange { table, index, columns, rows },
                }
            }
        }
    }
}

/// The id column and the ids it must equal one of, when a filter says just that. Text that is no
/// UUID equals no id and is left out.
fn keys_of(columns: &Columns, filter: &Expr) -> Option<(Source, Vec<Uuid>)> {
    let mut keys = Vec::new();
    let source = collect_keys(columns, filter, &mut keys)?;
    keys.sort_unstable();
    keys.dedup();
    Some((source, keys))
}

fn collect_keys(columns: &Columns, filter: &Expr, keys: &mut Vec<Uuid>) -> Option<Source> {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            let (source, literal) = match (id_column(columns, left), id_column(columns, right)) {
                (Some(source), None) => (source, right),
                (None, Some(source)) => (source, left),
                _ => return None,
            };
            keys.extend(literal_key(literal)?);
            Some(source)
        }
        // Short IN lists arrive as chains of OR.
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            let source = collect_keys(columns, left, keys)?;
            (collect_keys(columns, right, keys)? == source).then_some(source)
        }
        Expr::InList(InList { expr, list, negated: false }) => {
            let source = id_column(columns, expr)?;
            for item in list {
                keys.extend(literal_key(item)?);
            }
            Some(source)
        }
        _ => None,
    }
}

fn id_column(columns: &Columns, expr: &Expr) -> Option<Source> {
    match expr {
        Expr::Column(column) => columns
            .source_of(&column.name)
            .filter(|source| matches!(source, Source::Id | Source::FromId | Source::ToId)),
        _ => None,
    }
}

/// `None` when it is no text literal; `Some(None)` for NULL and for text that is no UUID.
fn literal_key(expr: &Expr) -> Option<Option<Uuid>> {
    match expr {
        Expr::Literal(ScalarValue::Null, _) => Some(None),
        Expr::Literal(scalar, _) => Some(scalar.try_as_str()?.and_then(|text| Uuid::parse_str(text).ok())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::logical_expr::{col, lit};

    use crate::model::{EdgeEnds, TypeDef, TypeId, TypeKind};

    use super::*;

    fn edge_columns() -> Columns {
        Columns::of(&TypeDef::new(TypeId(1), "e", TypeKind::Edge(EdgeEnds::default())), false)
    }

    #[test]
    fn equality_with_ids_is_a_look_up_and_ids_beat_ends() {
        let id = Uuid::from_u128(5).to_string();
        let other = Uuid::from_u128(6).to_string();
        let columns = edge_columns();
        let (access, used) = Access::choose(&columns, &[col("to_id").eq(lit(id.clone()))]);
        assert_eq!(access, Access::EdgesAt { outgoing: false, nodes: vec![Uuid::from_u128(5)] });
        assert_eq!(used, Some(0));
        let filters = [
            col("from_id").eq(lit(id.clone())),
            lit(other.clone()).eq(col("_id")).or(col("id").eq(lit(id.clone()))),
        ];
        let (access, used) = Access::choose(&columns, &filters);
        assert_eq!(access, Access::Ids(vec![Uuid::from_u128(5), Uuid::from_u128(6)]));
        assert_eq!(used, Some(1));
    }

    #[test]
    fn other_filters_are_no_look_up() {
        let id = Uuid::from_u128(5).to_string();
        let columns = edge_columns();
        for filter in [
            col("id").not_eq(lit(id.clone())),
            col("id").eq(col("from_id")),
            col("id").eq(lit(id.clone())).or(col("from_id").eq(lit(id.clone()))),
            col("id").in_list(vec![lit(id.clone())], true),
            col("created_at").eq(lit(id.clone())),
        ] {
            assert_eq!(Access::choose(&columns, &[filter]), (Access::Scan, None));
        }
        let (access, _) = Access::choose(&columns, &[col("id").eq(lit("no id"))]);
        assert_eq!(access, Access::Ids(Vec::new()));
    }
}
