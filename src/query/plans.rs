//! Plans that are kept: a query whose text comes again is not planned anew.
//!
//! Kept is the optimized logical plan, by the statement's text. It holds as long as the catalog that it was
//! planned with is the very same: any change of a definition, committed or in the session's own transaction,
//! gives another one. It holds no data: its scans take the view of the statement that runs, and paths
//! through indexes are chosen anew each time.
//!
//! Must never: keep a plan that depends on more than text and catalog. One with parameters (they stand in the plan as
//! values), with a function
//! whose value may change (`now()`, `random()`), or over anything but tables and system tables is not kept.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::{Expr, LogicalPlan, Volatility};
use parking_lot::Mutex;

use crate::model::TypeId;
use crate::storage::Catalog;

use super::provider::TypeTable;
use super::system;

/// How many plans a session keeps.
const MOST_PLANS: usize = 256;
/// Longer statements are planned each time.
const MOST_BYTES: usize = 8192;

/// The plans of a session.
#[derive(Default)]
pub struct KeptPlans(Mutex<HashMap<String, Arc<KeptPlan>>>);

/// A plan that is kept.
pub struct KeptPlan {
    catalog: Arc<Catalog>,
    /// The optimized plan.
    pub plan: LogicalPlan,
    /// Its rows shall come in the order of their insertion.
    pub ordered: bool,
    /// The types that it reads; `None` where it reads more than these.
    pub reads: Option<Arc<[TypeId]>>,
}

impl KeptPlans {
    /// Whether a statement may have a plan.
    #[must_use]
    pub fn knows(&self, sql: &str) -> bool {
        sql.len() <= MOST_BYTES && self.0.lock().contains_key(sql)
    }

    /// The plan of a statement, if it still holds.
    #[must_use]
    pub fn get(&self, sql: &str, catalog: &Arc<Catalog>) -> Option<Arc<KeptPlan>> {
        let mut plans = self.0.lock();
        let plan = plans.get(sql)?;
        if Arc::ptr_eq(&plan.catalog, catalog) {
            return Some(Arc::clone(plan));
        }
        plans.remove(sql);
        None
    }

    /// Keeps the plan of a statement.
    pub fn keep(
        &self,
        sql: &str,
        catalog: &Arc<Catalog>,
        plan: LogicalPlan,
        ordered: bool,
        reads: Option<Arc<[TypeId]>>,
    ) {
        if sql.len() > MOST_BYTES {
            return;
        }
        let mut plans = self.0.lock();
        if plans.len() >= MOST_PLANS {
            plans.clear();
        }
        plans.insert(
            sql.to_owned(),
            Arc::new(KeptPlan { catalog: Arc::clone(catalog), plan, ordered, reads }),
        );
    }
}

/// Whether a plan, before it is optimized, depends on nothing but the text and the catalog.
#[must_use]
pub fn is_fixed(plan: &LogicalPlan) -> bool {
    let mut fixed = true;
    let walked = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            fixed &= source_as_provider(&scan.source).is_ok_and(|provider| {
                provider.downcast_ref::<TypeTable>().is_some() || system::is_system_table(provider.as_ref())
            });
        }
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                fixed &= is_fixed_expression(expr);
                Ok(if fixed { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
            })
        })?;
        Ok(if fixed { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    });
    fixed && walked.is_ok()
}

/// The types that a plan reads, before it is optimized; `None` where it reads anything else.
#[must_use]
pub fn reads(plan: &LogicalPlan) -> Option<Arc<[TypeId]>> {
    let (mut types, mut others) = (BTreeSet::new(), false);
    let walked = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            let provider = source_as_provider(&scan.source)?;
            match provider.downcast_ref::<TypeTable>() {
                Some(table) => drop(types.insert(table.type_id())),
                None => others = true,
            }
        }
        if let LogicalPlan::Extension(extension) = node {
            match super::traverse::types_read(extension) {
                Some(read) => types.extend(read),
                None => others = true,
            }
        }
        Ok(TreeNodeRecursion::Continue)
    });
    (walked.is_ok() && !others).then(|| types.into_iter().collect())
}

fn is_fixed_expression(expr: &Expr) -> bool {
    match expr {
        Expr::Placeholder(_) => false,
        Expr::ScalarFunction(call) => call.func.signature().volatility == Volatility::Immutable,
        _ => !expr.is_volatile_node(),
    }
}
