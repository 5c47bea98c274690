//! Statements that write: which there are, and what each one gives.

use sqlparser::ast::{self, With};

use crate::model::Result;
use crate::storage::Transaction;

use super::graph_table::GraphStatement;
use super::returning::Returned;
use super::session::{CommandResult, Outcome, Run};
use super::statement::{CreateEdgeTable, Deletion};
use super::{alter, create_as, ddl, dml, merge, property_graph, truncate, views};

/// A statement that writes.
pub(super) enum Change {
    CreateTable(ast::CreateTable),
    AlterTable(ast::AlterTable),
    CreateIndex(ast::CreateIndex),
    CreateEdgeTable(CreateEdgeTable),
    Drop(ast::Statement),
    CreateTableAs(ast::CreateTable),
    CreateView(ast::CreateView),
    DropView(ast::Statement),
    Graph(Box<GraphStatement>),
    Truncate(ast::Truncate),
    Insert(ast::Insert, Option<With>),
    Update(ast::Update, Option<With>),
    Delete(Deletion, Option<With>),
    Merge(ast::Merge, Option<With>),
}

/// What a statement that writes did, and the rows it returns.
pub(super) struct Applied {
    pub(super) result: CommandResult,
    pub(super) returned: Option<Returned>,
}

impl From<CommandResult> for Applied {
    fn from(result: CommandResult) -> Self {
        Self { result, returned: None }
    }
}

impl Applied {
    /// The statement's outcome: its rows, or what it did.
    pub(super) fn outcome(self) -> Result<Outcome> {
        match self.returned {
            None => Ok(Outcome::Done(self.result)),
            Some(Returned { schema, batches }) => Outcome::of_batches(schema, batches, Some(self.result)),
        }
    }
}

impl Change {
    /// Makes the change in a transaction.
    ///
    /// # Errors
    /// What the statement fails with; the transaction takes back what it wrote.
    pub(super) async fn apply(&self, run: &Run, transaction: &mut Transaction) -> Result<Applied> {
        match self {
            Change::CreateTable(create) => ddl::create_table(run, transaction, create).map(Applied::from),
            Change::AlterTable(alter) => {
                let result = alter::alter_table(run, transaction, alter).await?;
                views::check_altered(run, transaction).await?;
                Ok(Applied::from(result))
            }
            Change::CreateIndex(create) => alter::create_index(run, transaction, create).map(Applied::from),
            Change::CreateEdgeTable(create) => {
                ddl::create_edge_table(run, transaction, create).map(Applied::from)
            }
            Change::Drop(drop) => ddl::drop_table(run, transaction, drop).map(Applied::from),
            Change::CreateTableAs(create) => {
                create_as::create_table_as(run, transaction, create).await.map(Applied::from)
            }
            Change::CreateView(create) => {
                views::create_view(run, transaction, create).await.map(Applied::from)
            }
            Change::DropView(drop) => views::drop_view(run, transaction, drop).map(Applied::from),
            Change::Graph(statement) => {
                let result = property_graph::run(run, transaction, statement).await?;
                views::check_altered(run, transaction).await?;
                Ok(Applied::from(result))
            }
            Change::Truncate(truncate) => truncate::truncate(run, transaction, truncate).map(Applied::from),
            Change::Insert(insert, with) => dml::insert(run, transaction, insert, with.as_ref()).await,
            Change::Update(update, with) => dml::update(run, transaction, update, with.as_ref()).await,
            Change::Delete(Deletion { delete, restrict }, with) => {
                dml::delete(run, transaction, delete, *restrict, with.as_ref()).await
            }
            Change::Merge(merge, with) => merge::merge(run, transaction, merge, with.as_ref()).await,
        }
    }

    /// The change that a statement inside a query makes.
    pub(super) fn under(with: Option<With>, statement: ast::Statement) -> Result<Self> {
        match statement {
            ast::Statement::Insert(insert) => Ok(Change::Insert(insert, with)),
            ast::Statement::Update(update) => Ok(Change::Update(update, with)),
            ast::Statement::Merge(merge) => Ok(Change::Merge(merge, with)),
            ast::Statement::Delete(delete) => {
                Ok(Change::Delete(Deletion { delete: Box::new(delete), restrict: false }, with))
            }
            other => Err(ddl::unsupported(&other)),
        }
    }
}
