//! From the call to a node of the logical plan.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::common::{DFSchema, DFSchemaRef, DataFusionError, Result, internal_err, plan_err};
use datafusion::logical_expr::expr::Expr;
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::type_coercion::functions::fields_with_udf;
use datafusion::logical_expr::{AggregateUDF, Extension, LogicalPlan, UserDefinedLogicalNodeCore};
use sqlparser::ast::{self, FunctionArg, FunctionArgExpr, TableFactor, Value};

use crate::columnar::field_of;
use crate::model::{PropertyType, TypeId};

use super::{CALL, Output, Spec};

/// A traversal in a logical plan.
#[derive(Clone)]
pub(super) struct Traverse {
    pub(super) spec: Arc<Spec>,
    pub(super) inputs: Vec<LogicalPlan>,
    /// Of the outputs that are aggregates: the functions, and the types that their arguments are cast to.
    pub(super) functions: Vec<Option<(Arc<AggregateUDF>, DataType)>>,
    schema: DFSchemaRef,
}

impl fmt::Debug for Traverse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_for_explain(f)
    }
}

impl PartialEq for Traverse {
    fn eq(&self, other: &Self) -> bool {
        self.spec == other.spec && self.inputs == other.inputs
    }
}

impl Eq for Traverse {}

impl Hash for Traverse {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.spec.hash(state);
        self.inputs.hash(state);
    }
}

impl PartialOrd for Traverse {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal)
    }
}

impl UserDefinedLogicalNodeCore for Traverse {
    fn name(&self) -> &str {
        "Traverse"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        self.inputs.iter().collect()
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Traverse: {}", self.spec.about)
    }

    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        Ok(Self { inputs, ..self.clone() })
    }

    fn necessary_children_exprs(&self, _output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        Some(self.inputs.iter().map(|input| (0..input.schema().fields().len()).collect()).collect())
    }
}

/// The types whose rows and edges a node of a plan reads beside its inputs; nothing for other nodes.
#[must_use]
pub fn types_read(extension: &Extension) -> Option<Vec<TypeId>> {
    let traverse = extension.node.as_any().downcast_ref::<Traverse>()?;
    Some(traverse.spec.elements.iter().flat_map(|element| element.types.iter().copied()).collect())
}

/// Plans the calls.
#[derive(Debug)]
pub struct CallPlanner;

impl RelationPlanner for CallPlanner {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        let TableFactor::Table { name, args: Some(args), alias, .. } = &relation else {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        };
        if !matches!(name.0.as_slice(), [part] if part.as_ident().is_some_and(|name| name.value == CALL)) {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        }
        let lost = || DataFusionError::Internal("a traversal without a pattern".to_owned());
        let mut values = args.args.iter().filter_map(|argument| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
            _ => None,
        });
        let Some(ast::Expr::Value(text)) = values.next() else { return plan_err!("{CALL} is reserved") };
        let Value::SingleQuotedString(text) = &text.value else { return plan_err!("{CALL} is reserved") };
        let Ok(spec) = serde_json::from_str::<Spec>(text) else { return plan_err!("{CALL} is reserved") };
        let mut inputs = Vec::new();
        for value in values {
            let ast::Expr::Subquery(query) = value else { return Err(lost()) };
            let derived =
                TableFactor::Derived { lateral: false, subquery: query.clone(), alias: None, sample: None };
            inputs.push(context.plan(derived)?);
        }
        let traverse = Traverse::new(spec, inputs, context)?;
        let plan = LogicalPlan::Extension(Extension { node: Arc::new(traverse) });
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias.clone()))))
    }
}

impl Traverse {
    fn new(spec: Spec, inputs: Vec<LogicalPlan>, context: &dyn RelationPlannerContext) -> Result<Self> {
        let (mut fields, mut functions) = (Vec::new(), Vec::new());
        let column = |element: usize, column: usize| -> Result<FieldRef> {
            let input = spec.elements.get(element).and_then(|element| element.input.as_ref());
            let schema = input.and_then(|input| inputs.get(input.place)).map(LogicalPlan::schema);
            match schema.and_then(|schema| schema.fields().get(column)) {
                Some(field) => Ok(Arc::clone(field)),
                None => internal_err!("a column of a traversal that no query gives"),
            }
        };
        for (name, output) in &spec.outputs {
            let mut function = None;
            fields.push(match output {
                Output::Id(_) => field_of(name, PropertyType::Uuid, true),
                Output::Length | Output::Count(_) => field_of(name, PropertyType::Integer, false),
                Output::Cost => field_of(name, PropertyType::Float, false),
                Output::Ids { .. } => field_of(name, PropertyType::String, false),
                Output::First { element, column: of } => {
                    let field = column(*element, *of)?;
                    field.as_ref().clone().with_name(name).with_nullable(true)
                }
                Output::Aggregate { function: called, element, column: of, between, .. } => {
                    let Some(udaf) = context.context_provider().get_aggregate_meta(called) else {
                        return plan_err!("no aggregate function {called}");
                    };
                    let own = column(*element, *of)?;
                    let mut given: Vec<FieldRef> = vec![own];
                    if between.is_some() {
                        given.push(Arc::new(Field::new("between", DataType::Utf8, false)));
                    }
                    let cast = fields_with_udf(&given, udaf.as_ref())?;
                    let made = udaf.return_field(&cast)?;
                    let Some(first) = cast.first() else { return internal_err!("an aggregate of nothing") };
                    function = Some((udaf, first.data_type().clone()));
                    made.as_ref().clone().with_name(name).with_nullable(true)
                }
            });
            functions.push(function);
        }
        let schema = DFSchema::try_from(Schema::new(fields))?;
        Ok(Self { spec: Arc::new(spec), inputs, functions, schema: Arc::new(schema) })
    }
}
