//! The traversal as it is run.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result as PlannerResult};
use datafusion::execution::context::QueryPlanner;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{LogicalPlan, UserDefinedLogicalNode};
use datafusion::physical_expr::{Distribution, EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::common::collect;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};
use tokio::sync::mpsc::Sender;

use crate::graph::node_types;
use crate::graph::regular::{Limits, matches};
use crate::model::{CancelToken, Result, TypeId};
use crate::query::error::to_datafusion;
use crate::query::ids::Ids;
use crate::query::provider::StatementState;
use crate::query::system::Surroundings;
use crate::storage::View;

use super::Spec;
use super::inputs::Elements;
use super::logical::Traverse;
use super::output::{Aggregate, Gatherer, flow};

/// Plans traversals, and all else as DataFusion does.
#[derive(Debug)]
pub struct TraversePlanner;

#[async_trait]
impl QueryPlanner for TraversePlanner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> PlannerResult<Arc<dyn ExecutionPlan>> {
        let planner = DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(Self)]);
        planner.create_physical_plan(plan, session).await
    }
}

#[async_trait]
impl ExtensionPlanner for TraversePlanner {
    async fn plan_extension(
        &self,
        _planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _logical_inputs: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        _context: &datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext,
    ) -> PlannerResult<Option<Arc<dyn ExecutionPlan>>> {
        let Some(traverse) = node.as_any().downcast_ref::<Traverse>() else { return Ok(None) };
        let outside = || DataFusionError::Internal("a traversal outside a session".to_owned());
        let statement = session.config().get_extension::<StatementState>().ok_or_else(outside)?;
        let schema: SchemaRef = Arc::clone(node.schema().inner());
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Ok(Some(Arc::new(TraverseExec {
            traverse: traverse.clone(),
            inputs: physical_inputs.to_vec(),
            around: Around {
                view: statement.current_view().ok_or_else(outside)?,
                cancel: statement.cancel().ok_or_else(outside)?,
                around: statement.around().ok_or_else(outside)?,
                threads: session.config().target_partitions(),
            },
            schema,
            properties: Arc::new(properties),
        })))
    }
}

/// What a traversal runs over.
#[derive(Clone)]
struct Around {
    view: View,
    cancel: CancelToken,
    around: Arc<Surroundings>,
    threads: usize,
}

/// A traversal as it is run.
struct TraverseExec {
    traverse: Traverse,
    inputs: Vec<Arc<dyn ExecutionPlan>>,
    around: Around,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
}

impl fmt::Debug for TraverseExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.traverse.fmt(f)
    }
}

impl DisplayAs for TraverseExec {
    fn fmt_as(&self, _t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Traverse: {}", self.traverse.spec.about)
    }
}

impl ExecutionPlan for TraverseExec {
    fn name(&self) -> &'static str {
        "Traverse"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        vec![Distribution::SinglePartition; self.inputs.len()]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false; self.inputs.len()]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.inputs.iter().collect()
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> PlannerResult<TreeNodeRecursion>,
    ) -> PlannerResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        inputs: Vec<Arc<dyn ExecutionPlan>>,
    ) -> PlannerResult<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self {
            traverse: self.traverse.clone(),
            inputs,
            around: self.around.clone(),
            schema: Arc::clone(&self.schema),
            properties: Arc::clone(&self.properties),
        }))
    }

    fn execute(
        &self,
        _partition: usize,
        context: Arc<TaskContext>,
    ) -> PlannerResult<SendableRecordBatchStream> {
        let mut streams = Vec::with_capacity(self.inputs.len());
        for input in &self.inputs {
            streams.push((input.schema(), input.execute(0, Arc::clone(&context))?));
        }
        let mut builder = RecordBatchReceiverStream::builder(Arc::clone(&self.schema), 2);
        let (sender, around, traverse) = (builder.tx(), self.around.clone(), self.traverse.clone());
        let schema = Arc::clone(&self.schema);
        builder.spawn(async move {
            let mut batches = Vec::with_capacity(streams.len());
            for (schema, stream) in streams {
                let found = collect(stream).await?;
                batches.push(concat_batches(&schema, &found)?);
            }
            let run = move || run(&traverse, &around, &batches, schema, &sender);
            let made = tokio::task::spawn_blocking(run).await;
            made.map_err(|e| DataFusionError::External(Box::new(e)))?.map_err(to_datafusion)
        });
        Ok(builder.build())
    }
}

fn types_of(spec: &Spec, edges: bool) -> Vec<TypeId> {
    let own = spec.elements.iter().filter(|element| element.is_edge == edges);
    let mut types: Vec<TypeId> = own.flat_map(|element| element.types.iter().copied()).collect();
    types.sort_unstable();
    types.dedup();
    types
}

/// Walks, and sends what is found.
fn run(
    traverse: &Traverse,
    around: &Around,
    batches: &[RecordBatch],
    schema: SchemaRef,
    sender: &Sender<PlannerResult<RecordBatch>>,
) -> Result<()> {
    let spec = &traverse.spec;
    let (store, system) = (&around.around.store, &around.around.system);
    let edges = types_of(spec, true);
    // A node that no edge joins is a path, too.
    let mut nodes = node_types(&around.view, &edges);
    nodes.extend(types_of(spec, false));
    nodes.sort_unstable();
    nodes.dedup();
    let network = system.graphs.network_of(
        store,
        &system.chunks,
        &around.view,
        (&edges, &nodes),
        around.threads,
        &around.cancel,
    )?;
    let elements = Elements::read(spec, &network, batches)?;
    let mut aggregates = Vec::with_capacity(spec.outputs.len());
    for ((_, output), function) in spec.outputs.iter().zip(&traverse.functions) {
        aggregates.push(match function {
            Some((udaf, cast)) => Aggregate::of(output, udaf, cast)?,
            None => None,
        });
    }
    let mut gatherer = Gatherer {
        spec,
        schema,
        network: &network,
        elements: &elements,
        aggregates: &aggregates,
        ids: Ids::new(&system.chunks, &around.view, &around.cancel),
        held: Vec::new(),
        nodes: 0,
    };
    let mut is_wanted = true;
    network.run(|graph| {
        matches(&spec.pattern, graph, &elements.passing, Limits::default(), &around.cancel, &mut |found| {
            match gatherer.add(found)? {
                None => Ok(ControlFlow::Continue(())),
                Some(batch) => {
                    is_wanted = sender.blocking_send(Ok(batch)).is_ok();
                    Ok(flow(is_wanted))
                }
            }
        })
    })?;
    if is_wanted && !gatherer.held.is_empty() {
        let last = gatherer.batch()?;
        // Nobody waits for it where this fails.
        drop(sender.blocking_send(Ok(last)));
    }
    Ok(())
}
