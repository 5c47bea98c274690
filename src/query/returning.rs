//! RETURNING: a row for each row that was written.
//!
//! ```text
//!  the statement writes, noting handles ─▶ the rows' columns, gathered ─▶ SELECT <list> over them
//!                                          (new values; the old ones of a DELETE)
//! ```
//!
//! The list is computed inside the transaction: an error in it fails the statement, and rows are
//! shown only after they are committed. Columns of tables behind FROM and USING are asked of the
//! query that finds the rows. Subqueries in the list read the state before the statement.

use std::ops::ControlFlow;

use arrow::array::{RecordBatch, UInt32Array};
use arrow::datatypes::{Field, SchemaRef};
use futures::StreamExt as _;
use sqlparser::ast::{
    self, Expr, Ident, OutputClause, Query, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, Visit,
    VisitMut, Visitor, VisitorMut, With,
};

use crate::model::{Error, Result, RowId, TypeDef, sqlstate};
use crate::storage::{RecordView, View};

use super::columns::Columns;
use super::dml::table_as;
use super::error::{from_datafusion_at, refuse};
use super::rewrite::{ident, name_of, object_name, parse_query};
use super::scratch::{Gathered, SCRATCH_SCHEMA, ScratchTable, beside};
use super::session::Run;

/// The most memory that the rows of one statement may take: they are shown after the commit.
const MOST_BYTES: usize = 256 << 20;
/// The scratch table of the rows that were written.
const RETURNED: &str = "returned";

/// Rows that a statement which writes gives back.
pub struct Returned {
    /// Their columns.
    pub schema: SchemaRef,
    /// The rows.
    pub batches: Vec<RecordBatch>,
}

/// A RETURNING clause, and the rows noted for it.
pub struct Returning {
    items: Vec<SelectItem>,
    /// The name the list knows the table by.
    qualifier: Ident,
    with: Option<With>,
    /// Expressions over other tables that the query which finds the rows computes.
    further: Vec<Expr>,
    /// Columns of other tables that `*` stands for, and how many columns of the changed table come
    /// first in it.
    star: Option<(SelectItem, usize)>,
    rows: Vec<RowId>,
    others: Vec<RecordBatch>,
    other_fields: Vec<Field>,
}

/// What a RETURNING clause can see.
pub struct Scope<'s> {
    /// The name of the table that is changed.
    pub qualifier: Ident,
    /// The table's type, before the statement.
    pub def: &'s TypeDef,
    /// Other tables stand beside it.
    pub joined: bool,
    /// The statement's WITH.
    pub with: Option<&'s With>,
}

impl Returning {
    /// The clause of a statement, if it has one.
    ///
    /// # Errors
    /// `Unsupported` for OUTPUT, and for subqueries and several `*` where other tables stand beside
    /// the changed one.
    pub fn of(
        items: Option<&[SelectItem]>,
        output: Option<&OutputClause>,
        scope: Scope<'_>,
    ) -> Result<Option<Self>> {
        let items = match (items, output) {
            (Some(items), None) => items,
            (None, Some(OutputClause::Returning { select_items, .. })) => select_items,
            (None, None) => return Ok(None),
            _ => return Err(refuse("OUTPUT", "use RETURNING")),
        };
        let mut returning = Self {
            items: items.to_vec(),
            qualifier: scope.qualifier.clone(),
            with: scope.with.cloned(),
            further: Vec::new(),
            star: None,
            rows: Vec::new(),
            others: Vec::new(),
            other_fields: Vec::new(),
        };
        if scope.joined {
            returning.ask_others(&Columns::of(scope.def, false))?;
        }
        Ok(Some(returning))
    }

    /// What the query that finds the rows computes besides, behind everything else.
    pub fn asked(&self) -> Vec<SelectItem> {
        let further = self.further.iter().cloned().zip(0..);
        let mut items: Vec<SelectItem> = further
            .map(|(expr, n)| SelectItem::ExprWithAlias { expr, alias: ident(&format!("further {n}")) })
            .collect();
        items.extend(self.star.iter().map(|(star, _)| star.clone()));
        items
    }

    /// Whether it asks for `*` of all tables.
    pub fn has_star(&self) -> bool {
        self.items.iter().any(|item| matches!(item, SelectItem::Wildcard(_)))
    }

    /// Notes a row that was written.
    pub fn note(&mut self, row: RowId) {
        self.rows.push(row);
    }

    /// Notes these rows in the place of those that were noted.
    pub fn note_only(&mut self, rows: Vec<RowId>) {
        self.rows = rows;
    }

    /// Notes what was asked of the query, which begins at `first`, for the rows of a batch with
    /// these numbers.
    ///
    /// # Errors
    /// `Internal` when the columns are not there.
    pub fn note_others(&mut self, batch: &RecordBatch, first: usize, numbers: Vec<u32>) -> Result<()> {
        if self.further.is_empty() && self.star.is_none() {
            return Ok(());
        }
        let skipped = self.star.as_ref().map_or(0, |(_, skipped)| *skipped);
        let asked: Vec<usize> = (first..first + self.further.len())
            .chain(first + self.further.len() + skipped..batch.num_columns())
            .collect();
        let failed = |e: arrow::error::ArrowError| super::error::from_datafusion(&e.into());
        let part = batch.project(&asked).map_err(failed)?;
        let part = arrow::compute::take_record_batch(&part, &UInt32Array::from(numbers)).map_err(failed)?;
        if self.other_fields.is_empty() {
            // NULL where the statement that finds the rows joins outward.
            self.other_fields = part
                .schema_ref()
                .fields()
                .iter()
                .map(|field| field.as_ref().clone().with_nullable(true))
                .collect();
        }
        self.others.push(part);
        Ok(())
    }

    /// The rows' columns as `read` finds them.
    ///
    /// # Errors
    /// What `read` fails with; `Internal` for a row that is not there.
    pub fn gather(
        &mut self,
        def: &TypeDef,
        mut read: impl FnMut(RowId, &mut dyn FnMut(&RecordView<'_>) -> Result<()>) -> Result<bool>,
    ) -> Result<ScratchTable> {
        let mut gathered = Gathered::new(def);
        for row in std::mem::take(&mut self.rows) {
            if !read(row, &mut |record| gathered.push(row, record))? {
                return Err(Error::internal("a row to be returned is not there"));
            }
        }
        let further: Vec<Field> = self
            .other_fields
            .iter()
            .zip(0..)
            .map(|(field, number)| field.clone().with_name(other(number)))
            .collect();
        self.items = self.projection(gathered.columns())?;
        let schema = gathered.columns().schema().clone();
        let others = self.renamed_others(&further)?;
        let (schema, batches) = beside(&schema, &gathered.finish()?, &further, &others)?;
        ScratchTable::new(RETURNED, schema, batches)
    }

    fn renamed_others(&mut self, fields: &[Field]) -> Result<Vec<RecordBatch>> {
        let schema = std::sync::Arc::new(arrow::datatypes::Schema::new(fields.to_vec()));
        std::mem::take(&mut self.others)
            .into_iter()
            .map(|batch| {
                RecordBatch::try_new(schema.clone(), batch.columns().to_vec())
                    .map_err(|e| super::error::from_datafusion(&e.into()))
            })
            .collect()
    }

    /// Computes the list over the rows.
    ///
    /// # Errors
    /// As a query.
    pub async fn select(self, run: &Run, view: &View, rows: ScratchTable) -> Result<Returned> {
        let query = self.query()?;
        let statement = ast::Statement::Query(Box::new(query));
        let mut stream = run.rows_of_each(statement, view, vec![rows]).await?;
        let schema = stream.schema();
        let (mut batches, mut bytes) = (Vec::new(), 0);
        while let Some(batch) = stream.next().await {
            let batch = batch.map_err(|e| from_datafusion_at(&e, &run.sql))?;
            bytes += batch.get_array_memory_size();
            if bytes > MOST_BYTES {
                return Err(Error::out_of_space(format!(
                    "RETURNING gives more than {} MiB",
                    MOST_BYTES >> 20
                ))
                .with_hint("write fewer rows at once, or return fewer columns")
                .with_sqlstate(sqlstate::OUT_OF_MEMORY));
            }
            batches.push(batch);
        }
        Ok(Returned { schema, batches })
    }

    fn query(self) -> Result<Query> {
        let mut query = parse_query("SELECT 1")?;
        query.with = self.with;
        let SetExpr::Select(select) = query.body.as_mut() else {
            return Err(Error::internal("not a SELECT"));
        };
        select.projection = self.items;
        select.from = vec![table_as(object_name(&[SCRATCH_SCHEMA, RETURNED]), self.qualifier)];
        Ok(query)
    }

    /// The list with `*` written out.
    fn projection(&self, columns: &Columns) -> Result<Vec<SelectItem>> {
        let mut projection = Vec::with_capacity(self.items.len());
        for item in &self.items {
            match item {
                SelectItem::Wildcard(_) => {
                    self.own_columns(columns, &mut projection);
                    self.star_columns(&mut projection);
                }
                SelectItem::QualifiedWildcard(kind, _) if self.is_own(kind) => {
                    self.own_columns(columns, &mut projection);
                }
                SelectItem::QualifiedWildcard(..) if self.star.is_some() => {
                    self.star_columns(&mut projection);
                }
                SelectItem::UnnamedExpr(expr) => projection.push(named_column(expr)),
                other => projection.push(other.clone()),
            }
        }
        if projection.is_empty() {
            return Err(Error::bad_input("the table has no columns to return")
                .with_hint("name what to return: RETURNING id"));
        }
        Ok(projection)
    }

    fn own_columns(&self, columns: &Columns, projection: &mut Vec<SelectItem>) {
        projection.extend(columns.visible().iter().map(|field| {
            named_column(&Expr::CompoundIdentifier(vec![self.qualifier.clone(), ident(field.name())]))
        }));
    }

    fn star_columns(&self, projection: &mut Vec<SelectItem>) {
        let star = self.other_fields.iter().enumerate().skip(self.further.len());
        projection.extend(star.map(|(number, field)| SelectItem::ExprWithAlias {
            expr: self.other_column(number),
            alias: ident(field.name()),
        }));
    }

    fn other_column(&self, number: usize) -> Expr {
        Expr::CompoundIdentifier(vec![self.qualifier.clone(), ident(&other(number))])
    }

    fn is_own(&self, kind: &SelectItemQualifiedWildcardKind) -> bool {
        matches!(kind, SelectItemQualifiedWildcardKind::ObjectName(name)
            if name.0.len() == 1
                && name.0.last().and_then(|part| part.as_ident()).map(name_of) == Some(name_of(&self.qualifier)))
    }

    // ------------------------------------------------------ other tables

    /// Takes what the list says of other tables out of it.
    fn ask_others(&mut self, columns: &Columns) -> Result<()> {
        let mut items = std::mem::take(&mut self.items);
        for item in &mut items {
            match item {
                SelectItem::Wildcard(_) => self.ask_star(item.clone(), columns.visible().len())?,
                SelectItem::QualifiedWildcard(kind, _) if !self.is_own(kind) => {
                    self.ask_star(item.clone(), 0)?;
                }
                SelectItem::QualifiedWildcard(..) => {}
                SelectItem::UnnamedExpr(expr) => {
                    let name = match &*expr {
                        Expr::Identifier(name) => name_of(name),
                        Expr::CompoundIdentifier(parts) => parts.last().map(name_of).unwrap_or_default(),
                        other => other.to_string().chars().take(64).collect(),
                    };
                    if self.ask(expr, columns)? {
                        *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias: ident(&name) };
                    }
                }
                SelectItem::ExprWithAlias { expr, .. } => {
                    self.ask(expr, columns)?;
                }
                other => return Err(refuse(&format!("{other} in RETURNING"), "name the columns")),
            }
        }
        self.items = items;
        Ok(())
    }

    fn ask_star(&mut self, star: SelectItem, skipped: usize) -> Result<()> {
        if self.star.is_some() {
            return Err(refuse("a second * in RETURNING beside FROM or USING", "name the columns"));
        }
        self.star = Some((star, skipped));
        Ok(())
    }

    /// Puts a column of the query in the place of every column of another table; says whether there
    /// was one.
    fn ask(&mut self, expr: &mut Expr, columns: &Columns) -> Result<bool> {
        if let ControlFlow::Break(()) = Visit::visit(&*expr, &mut FindQuery) {
            return Err(refuse(
                "a subquery in RETURNING beside FROM or USING",
                "join what it reads in FROM or USING",
            ));
        }
        let before = self.further.len();
        let mut replace = Others { returning: self, columns };
        let _ = VisitMut::visit(expr, &mut replace);
        Ok(self.further.len() > before)
    }
}

/// A column under its own name, so that the same name may come again.
fn named_column(expr: &Expr) -> SelectItem {
    let name = match expr {
        Expr::Identifier(name) => name_of(name),
        Expr::CompoundIdentifier(parts) => parts.last().map(name_of).unwrap_or_default(),
        other => return SelectItem::UnnamedExpr(other.clone()),
    };
    SelectItem::ExprWithAlias { expr: expr.clone(), alias: ident(&name) }
}

/// The name of a column of another table in the scratch table.
fn other(number: usize) -> String {
    format!("other {number}")
}

struct FindQuery;

impl Visitor for FindQuery {
    type Break = ();

    fn pre_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
        ControlFlow::Break(())
    }
}

struct Others<'r> {
    returning: &'r mut Returning,
    columns: &'r Columns,
}

impl VisitorMut for Others<'_> {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let own = match expr {
            Expr::Identifier(name) if self.columns.source_of(&name_of(name)).is_some() => {
                // Asked as well: where another table has the column too, the planner refuses it.
                let own = Expr::CompoundIdentifier(vec![self.returning.qualifier.clone(), name.clone()]);
                self.returning.further.push(std::mem::replace(expr, own));
                return ControlFlow::Continue(());
            }
            Expr::CompoundIdentifier(parts) => {
                parts.len() == 2 && parts.first().map(name_of) == Some(name_of(&self.returning.qualifier))
            }
            Expr::Identifier(_) => false,
            _ => true,
        };
        if !own {
            let column = self.returning.other_column(self.returning.further.len());
            self.returning.further.push(std::mem::replace(expr, column));
        }
        ControlFlow::Continue(())
    }
}
