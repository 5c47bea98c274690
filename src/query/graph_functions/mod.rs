//! Traversals and algorithms as functions in FROM: `SELECT * FROM pagerank('depends')`.
//!
//! ```text
//!  FROM traverse((SELECT id FROM package WHERE name = 'bash'), 'depends', 2)
//!    ─▶ arguments: what is no literal is computed once, before the statement is planned
//!    ─▶ a table with the function's columns ─▶ computed when it is scanned, over the statement's view
//! ```
//!
//! An edge type is named as in `'depends'`, several as in `'depends,recommends'`; NULL is all of them.

mod arguments;
mod compute;
mod paths;

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::{DataFusionError, Result as PlannerResult};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::prelude::SessionContext;

use crate::columnar::batch_of;
use crate::model::{CancelToken, PropertyType, Result, Value};
use crate::storage::View;

use super::arrow_value::field_of;
use super::error::to_datafusion;
use super::provider::StatementState;
use super::system::Surroundings;

use arguments::Arguments;
pub use arguments::{put_in, query_of, take_out};

/// What an argument is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The id of a node.
    Node,
    /// Names of edge types, or NULL.
    Edges,
    /// `'out'`, `'in'` or `'both'`.
    Direction,
    /// The name of a property.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Float,
}

/// A parameter of a function.
#[derive(Debug)]
struct Parameter {
    name: &'static str,
    kind: Kind,
    /// Whether it may be left out.
    optional: bool,
}

/// A function.
struct Function {
    name: &'static str,
    about: &'static str,
    parameters: &'static [Parameter],
    columns: &'static [(&'static str, PropertyType)],
    rows: fn(&Call<'_>) -> Result<Vec<Vec<Value>>>,
}

/// A function as it is run.
struct Call<'a> {
    arguments: &'a Arguments,
    view: &'a View,
    cancel: &'a CancelToken,
    around: &'a Surroundings,
    threads: usize,
}

const fn required(name: &'static str, kind: Kind) -> Parameter {
    Parameter { name, kind, optional: false }
}

const fn optional(name: &'static str, kind: Kind) -> Parameter {
    Parameter { name, kind, optional: true }
}

const EDGES: Parameter = optional("edge types", Kind::Edges);
const DIRECTION: Parameter = optional("direction", Kind::Direction);

/// All of them.
static FUNCTIONS: &[Function] = &[
    Function {
        name: "neighbors",
        about: "The edges of a node, with the nodes at their other ends.",
        parameters: &[required("node", Kind::Node), EDGES, DIRECTION],
        columns: paths::NEIGHBOR_COLUMNS,
        rows: paths::neighbors,
    },
    Function {
        name: "traverse",
        about: "The nodes that are reached from one, each with the least number of steps; breadth first.",
        parameters: &[
            required("start", Kind::Node),
            EDGES,
            optional("depth", Kind::Integer),
            DIRECTION,
            optional("max fan-out", Kind::Integer),
        ],
        columns: paths::TRAVERSE_COLUMNS,
        rows: paths::traverse,
    },
    Function {
        name: "shortest_path",
        about: "One of the paths with the fewest edges, node by node; no rows where there is none.",
        parameters: &[required("from", Kind::Node), required("to", Kind::Node), EDGES, DIRECTION],
        columns: paths::PATH_COLUMNS,
        rows: paths::shortest_path,
    },
    Function {
        name: "all_shortest_paths",
        about: "All paths with the fewest edges, node by node.",
        parameters: &[required("from", Kind::Node), required("to", Kind::Node), EDGES, DIRECTION],
        columns: paths::PATHS_COLUMNS,
        rows: paths::all_shortest_paths,
    },
    Function {
        name: "dijkstra",
        about: "A path whose edges have the lowest sum of a property, node by node with the cost up to it.",
        parameters: &[
            required("from", Kind::Node),
            required("to", Kind::Node),
            required("edge type", Kind::Edges),
            required("weight", Kind::Text),
            DIRECTION,
        ],
        columns: paths::COST_COLUMNS,
        rows: paths::dijkstra,
    },
    Function {
        name: "pagerank",
        about: "How likely a walk along edges at random is at each node; all ranks sum to 1.",
        parameters: &[
            EDGES,
            optional("damping", Kind::Float),
            optional("iterations", Kind::Integer),
            optional("tolerance", Kind::Float),
        ],
        columns: compute::RANK_COLUMNS,
        rows: compute::pagerank,
    },
    Function {
        name: "connected_components",
        about: "The nodes that edges join, whichever way they go; named by one of them.",
        parameters: &[EDGES],
        columns: compute::COMPONENT_COLUMNS,
        rows: compute::connected_components,
    },
    Function {
        name: "strongly_connected_components",
        about: "The nodes that reach each other along edges; named by one of them.",
        parameters: &[EDGES],
        columns: compute::COMPONENT_COLUMNS,
        rows: compute::strongly_connected_components,
    },
    Function {
        name: "louvain",
        about: "Communities with more edges within than chance would give; named by one of their nodes.",
        parameters: &[EDGES, optional("resolution", Kind::Float)],
        columns: compute::COMMUNITY_COLUMNS,
        rows: compute::louvain,
    },
    Function {
        name: "label_propagation",
        about: "Communities by the commonest label among neighbours; named by one of their nodes.",
        parameters: &[EDGES, optional("rounds", Kind::Integer)],
        columns: compute::COMMUNITY_COLUMNS,
        rows: compute::label_propagation,
    },
    Function {
        name: "triangle_count",
        about: "In how many triangles each node is; directions, loops and parallel edges do not count.",
        parameters: &[EDGES],
        columns: compute::TRIANGLE_COLUMNS,
        rows: compute::triangle_count,
    },
    Function {
        name: "local_clustering",
        about: "Which part of the pairs of a node's neighbours are neighbours themselves.",
        parameters: &[EDGES],
        columns: compute::CLUSTERING_COLUMNS,
        rows: compute::local_clustering,
    },
    Function {
        name: "k_core",
        about: "The greatest k for which each node is in a part of the graph where all have k neighbours.",
        parameters: &[EDGES],
        columns: compute::CORE_COLUMNS,
        rows: compute::k_core,
    },
    Function {
        name: "betweenness",
        about: "How many shortest paths go through each node; from all nodes, or from a sample of them.",
        parameters: &[EDGES, optional("samples", Kind::Integer), optional("seed", Kind::Integer)],
        columns: compute::BETWEENNESS_COLUMNS,
        rows: compute::betweenness,
    },
    Function {
        name: "degree",
        about: "How many edges enter and leave each node.",
        parameters: &[EDGES],
        columns: compute::DEGREE_COLUMNS,
        rows: compute::degree,
    },
];

/// Makes the functions known to a session.
pub fn register(context: &SessionContext) {
    for function in FUNCTIONS {
        context.register_udtf(function.name, Arc::new(Planned(function)));
    }
}

/// Whether a function in FROM is one of these.
#[must_use]
pub fn is_known(name: &str) -> bool {
    FUNCTIONS.iter().any(|function| function.name == name)
}

/// The names of the functions.
pub fn names() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().map(|function| function.name)
}

/// The functions, for programs that complete them: the name, how it is called, what it gives.
pub fn described() -> impl Iterator<Item = (&'static str, String, &'static str)> {
    FUNCTIONS.iter().map(|function| (function.name, function.syntax(), function.about))
}

impl Function {
    /// How it is called.
    fn syntax(&self) -> String {
        let names = self.parameters.iter().map(|parameter| {
            if parameter.optional { format!("[{}]", parameter.name) } else { parameter.name.to_owned() }
        });
        format!("{}({})", self.name, names.collect::<Vec<_>>().join(", "))
    }

    fn schema(&self) -> SchemaRef {
        let fields: Vec<_> = self.columns.iter().map(|(name, of)| field_of(name, *of, true)).collect();
        Arc::new(Schema::new(fields))
    }
}

/// A function as the planner calls it.
struct Planned(&'static Function);

impl fmt::Debug for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GraphFunction").field(&self.0.name).finish()
    }
}

impl TableFunctionImpl for Planned {
    fn call_with_args(&self, args: TableFunctionArgs<'_, '_>) -> PlannerResult<Arc<dyn TableProvider>> {
        let arguments = Arguments::read(self.0, args.exprs()).map_err(to_datafusion)?;
        let statement = args.session().config().get_extension::<StatementState>();
        if let Some(view) = statement.and_then(|statement| statement.current_view()) {
            arguments.check(self.0, view.catalog()).map_err(to_datafusion)?;
        }
        let (function, schema) = (self.0, self.0.schema());
        Ok(Arc::new(Provider { function, arguments: Arc::new(arguments), schema }))
    }
}

/// A call as a table.
struct Provider {
    function: &'static Function,
    arguments: Arc<Arguments>,
    schema: SchemaRef,
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GraphFunction").field(&self.function.name).finish()
    }
}

#[async_trait]
impl TableProvider for Provider {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> PlannerResult<Arc<dyn ExecutionPlan>> {
        let outside = || DataFusionError::Internal("a graph function outside a session".to_owned());
        let statement = state.config().get_extension::<StatementState>().ok_or_else(outside)?;
        let view = statement.current_view().ok_or_else(outside)?;
        let cancel = statement.cancel().ok_or_else(outside)?;
        let around = statement.around().ok_or_else(outside)?;
        let run = Run {
            function: self.function,
            arguments: Arc::clone(&self.arguments),
            schema: self.schema(),
            view,
            cancel,
            around,
            threads: state.config().target_partitions(),
        };
        let partitions = vec![Arc::new(run) as Arc<dyn PartitionStream>];
        let exec =
            StreamingTableExec::try_new(self.schema(), partitions, projection, Vec::new(), false, limit)?;
        Ok(Arc::new(exec))
    }
}

/// A call that is computed when its rows are asked for.
#[derive(Clone)]
struct Run {
    function: &'static Function,
    arguments: Arc<Arguments>,
    schema: SchemaRef,
    view: View,
    cancel: CancelToken,
    around: Arc<Surroundings>,
    threads: usize,
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GraphFunction").field(&self.function.name).finish()
    }
}

impl Run {
    fn batch(&self) -> Result<RecordBatch> {
        let call = Call {
            arguments: &self.arguments,
            view: &self.view,
            cancel: &self.cancel,
            around: &self.around,
            threads: self.threads,
        };
        let columns: Vec<_> =
            self.function.columns.iter().map(|(name, of)| ((*name).to_owned(), *of)).collect();
        batch_of(&columns, &(self.function.rows)(&call)?)
    }
}

impl PartitionStream for Run {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let run = self.clone();
        let made = async move {
            let made = tokio::task::spawn_blocking(move || run.batch()).await;
            made.map_err(|e| DataFusionError::External(Box::new(e)))?.map_err(to_datafusion)
        };
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), futures::stream::once(made)))
    }
}
