//! No wrong answer passes through: what DataFusion 55 would answer silently wrong is corrected or
//! refused here, and only here.
//!
//! | statement | DataFusion alone | here |
//! |---|---|---|
//! | `a IS DISTINCT FROM b OR c` | the operand takes the OR | corrected (`dialect`) |
//! | `EXCEPT ALL`, `INTERSECT ALL` | all or none of the duplicates | the duplicates are numbered (`set_operation`) |
//! | `FULL JOIN ... USING` | the left side's column alone | both sides' first (`rewrite`, `joined`) |
//! | `x >= ALL (SELECT ...)`, `ANY` other than `=`, over arrays too | empty or wrong | three-valued (`subquery`, `quantified`) |
//! | `OVER (w ORDER BY ...)` | the window's partition is lost | written out (`windows`) |
//! | `(a, b) < (c, d)` with NULL; `a[-1]`; `->`; patterns of `to_char` | wrong | PostgreSQL's (`forms`) |
//! | `-2 ^ 2` | -4 | 4 (`dialect`) |
//! | `'a'` and `'b'` on the next line | `'b'` is a name | one text (`statement`) |
//! | CAST of a fraction to an integer; DATE + INTERVAL; intervals compared; bytes and text | cut, a date, by field, unequal | PostgreSQL's (`coerce`) |
//! | a recursive term of another type, UNION of text and numbers | cut, text | refused (`coerce`) |
//! | `FOR UPDATE`, `TABLESAMPLE`, `SELECT INTO` and other clauses | ignored | refused |
//! | IN (SELECT) and EXISTS where NULL counts, or correlated with aggregates | true or false | refused (`exact`) |
//! | UUID literals in another spelling | as text | exact (`exact`) |
//! | `0.1 + 0.2`; a float beside a decimal; quotients, averages, `round` of decimals | floats; decimals with 15 places; cut | PostgreSQL's (`numeric`, `decimal`, `sum`) |
//! | quoted literals beside other types, casts of text | text, or not known | read as the type, or an error (`untyped`) |
//! | intervals as keys; timestamps subtracted; intervals times numbers | by field; hours; not known | PostgreSQL's (`interval`) |
//! | `.`, `\y`, `\b` in patterns; `\&` and `$` in replacements; the first of several alternatives | otherwise | PostgreSQL's, or refused (`regex`) |
//! | `CASE WHEN 1`, `nth_value(v, 0)`, EXTRACT(HOUR FROM date), aggregates in a recursive term | something | refused (`strict`) |
//! | sums of floats over moving frames, sums past the range | rounding errors stay, infinity | exact, error (`sum`) |
//! | integers past 64 bits in `+ - *`, unary minus | wrap around | error |
//! | floats divided by zero; `+ - * /` past their range | infinity, NaN | error |
//! | `ln(0)`, `sqrt(-1)`, `exp(1000)` and the like | infinity, NaN | error (`domain`) |
//! | `upper('ß')`, `round(2.5::float)`, `chr(0)` | SS, 3, a character | ß, 2, error (`domain`) |
//! | a projection over a filter over an outer join | other columns, or an error of the planner | corrected (`plain_filter`) |
//! | filters pushed from joins at run time (apache/datafusion#25244) | may hit the wrong column | switched off (`session`) |
//!
//! What stays different, knowingly: a decimal has at most 38 digits and its column one number of places
//! (`10 / 4.0` shows 20 of them, PostgreSQL 16); a product of more than 38 digits is rounded at 20 places;
//! averages of integers, and roots, powers and logarithms of decimals, are floats; a sum of integers past
//! 64 bits is an error; a JSON null that is stored is NULL; greedy matches that begin alike are Perl's.

use std::any::Any;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::compute::kernels::numeric;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result as DataFusionResult, ScalarValue};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr as PlanExpr, ExprSchemable, LogicalPlan, Operator, ScalarFunctionArgs,
    ScalarUDF, ScalarUDFImpl, Signature, Volatility, lit,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion::physical_expr_common::datum::apply;
use sqlparser::ast::{
    BinaryOperator, Expr, Function, GroupByExpr, JoinConstraint, JoinOperator, Query, Select, SelectItem,
    SetExpr, TableFactor, TableWithJoins, Value, Visit, Visitor, WindowType,
};

use super::error::refuse;
use crate::model::{Error, Result};

/// The error for FULL JOIN with USING or NATURAL.
pub fn full_join_using() -> Error {
    refuse(
        "FULL JOIN with USING",
        "write FULL JOIN ... ON a.k = b.k and coalesce(a.k, b.k) for the joined column",
    )
}

/// Refuses clauses of a query that would be ignored or answered wrongly.
///
/// # Errors
/// `Unsupported` with the way round.
pub fn check_query(query: &Query) -> Result<()> {
    if !query.locks.is_empty() {
        return Err(refuse("FOR UPDATE", "leave it out: a statement reads one consistent state"));
    }
    if query.for_clause.is_some()
        || query.settings.is_some()
        || query.format_clause.is_some()
        || !query.pipe_operators.is_empty()
    {
        return Err(refuse("this clause behind a query", "PostgreSQL's SELECT is the reference"));
    }
    check_set_expression(&query.body)
}

fn check_set_expression(body: &SetExpr) -> Result<()> {
    let mut open = vec![body];
    while let Some(body) = open.pop() {
        match body {
            SetExpr::SetOperation { left, right, .. } => {
                open.push(left);
                open.push(right);
            }
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
                return Err(refuse("a statement that writes inside a query", "run it on its own"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Refuses clauses of a SELECT that would be ignored or answered wrongly.
///
/// # Errors
/// `Unsupported` with the way round.
pub fn check_select(select: &Select) -> Result<()> {
    if select.into.is_some() {
        return Err(refuse("SELECT INTO", "use INSERT INTO ... SELECT"));
    }
    if select.top.is_some() {
        return Err(refuse("TOP", "use LIMIT"));
    }
    let others = !select.lateral_views.is_empty()
        || select.prewhere.is_some()
        || !select.connect_by.is_empty()
        || !select.cluster_by.is_empty()
        || !select.distribute_by.is_empty()
        || !select.sort_by.is_empty()
        || select.value_table_mode.is_some()
        || select.exclude.is_some();
    if others {
        return Err(refuse("this clause of SELECT", "PostgreSQL's SELECT is the reference"));
    }
    if let GroupByExpr::Expressions(_, modifiers) | GroupByExpr::All(modifiers) = &select.group_by
        && !modifiers.is_empty()
    {
        return Err(refuse("this form of GROUP BY", "use GROUPING SETS, ROLLUP (...) or CUBE (...)"));
    }
    for item in &select.projection {
        if let SelectItem::ExprWithAlias { alias, .. } = item
            && alias.quote_style == Some('\'')
        {
            return Err(Error::bad_input(format!("the text '{}' stands where a name may", alias.value))
                .with_hint("names are written without quotes or in double quotes; || joins texts"));
        }
    }
    for item in &select.from {
        check_from(item)?;
    }
    Ok(())
}

fn check_from(item: &TableWithJoins) -> Result<()> {
    for join in &item.joins {
        use JoinOperator::{FullOuter, Inner, Join, Left, LeftOuter, Right, RightOuter};
        if let Join(JoinConstraint::None)
        | Inner(JoinConstraint::None)
        | Left(JoinConstraint::None)
        | LeftOuter(JoinConstraint::None)
        | Right(JoinConstraint::None)
        | RightOuter(JoinConstraint::None)
        | FullOuter(JoinConstraint::None) = &join.join_operator
        {
            return Err(Error::bad_input(format!("the join with {} has no condition", join.relation))
                .with_hint("add ON or USING, or write CROSS JOIN"));
        }
    }
    for factor in std::iter::once(&item.relation).chain(item.joins.iter().map(|join| &join.relation)) {
        match factor {
            TableFactor::Table { sample: Some(_), .. } | TableFactor::Derived { sample: Some(_), .. } => {
                return Err(refuse("TABLESAMPLE", "filter with random() < 0.1 instead"));
            }
            TableFactor::Table { version: Some(_), .. } => {
                return Err(refuse("reading a past state", "leave the clause out"));
            }
            // The planner joins first and computes the window over all rows at once.
            TableFactor::Derived { lateral: true, subquery, .. } if has_window(subquery) => {
                return Err(refuse(
                    "a window function in LATERAL",
                    "partition the window by what joins the rows",
                ));
            }
            TableFactor::NestedJoin { table_with_joins, .. } => check_from(table_with_joins)?,
            _ => {}
        }
    }
    Ok(())
}

fn has_window(query: &Query) -> bool {
    struct Windows;
    impl Visitor for Windows {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::Function(function) if function.over.is_some() => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        }
    }
    query.visit(&mut Windows).is_break()
}

/// Refuses expressions that stand where nothing corrects them.
///
/// # Errors
/// `Unsupported` with the way round.
pub fn correct_expression(expr: &mut Expr) -> Result<()> {
    match expr {
        Expr::AnyOp { compare_op, .. } => Err(quantified(compare_op, "ANY")),
        Expr::AllOp { compare_op, .. } => Err(quantified(compare_op, "ALL")),
        Expr::Function(function) => check_function(function),
        // The planner changes nothing.
        Expr::AtTimeZone { time_zone, .. } if !is_utc(time_zone) => {
            Err(refuse("AT TIME ZONE", "times are kept and shown in UTC"))
        }
        _ => Ok(()),
    }
}

fn is_utc(zone: &Expr) -> bool {
    match zone {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(name) => name.eq_ignore_ascii_case("utc"),
            _ => false,
        },
        _ => false,
    }
}

fn quantified(operator: &BinaryOperator, quantifier: &str) -> Error {
    refuse(
        &format!("{operator} {quantifier} here"),
        "compare with (SELECT min(...)) or (SELECT max(...)), or use EXISTS",
    )
}

fn check_function(function: &Function) -> Result<()> {
    if let Some(WindowType::WindowSpec(spec)) = &function.over
        && spec.window_name.is_some()
    {
        return Err(extended_window());
    }
    Ok(())
}

fn extended_window() -> Error {
    refuse("a window that extends a named one", "write its PARTITION BY and ORDER BY out")
}

/// A name for a call that is no longer than its function's.
pub(super) fn hashed_name(function: &str, args: &[PlanExpr]) -> DataFusionResult<String> {
    let mut hasher = DefaultHasher::new();
    args.hash(&mut hasher);
    Ok(format!("{function} {:016x}", hasher.finish()))
}

/// An arithmetic operation that fails where DataFusion's own operator would wrap around or give
/// infinity. Users cannot call it: its name is no identifier.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Checked {
    operator: Operator,
    name: String,
    signature: Signature,
}

impl Checked {
    fn udf(operator: Operator) -> Arc<ScalarUDF> {
        Arc::new(ScalarUDF::new_from_impl(Checked {
            operator,
            name: format!("checked {operator}"),
            signature: Signature::any(2, Volatility::Immutable),
        }))
    }
}

impl ScalarUDFImpl for Checked {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn display_name(&self, args: &[PlanExpr]) -> DataFusionResult<String> {
        match args {
            [left, right] => {
                Ok(format!("{} {} {}", left.human_display(), self.operator, right.human_display()))
            }
            _ => Ok(self.name.clone()),
        }
    }

    /// The planner asks for this name at every level of an expression, again and again: text made
    /// of the arguments' names would grow with the cube of a chain's length.
    fn schema_name(&self, args: &[PlanExpr]) -> DataFusionResult<String> {
        hashed_name(&self.name, args)
    }

    fn return_type(&self, arguments: &[DataType]) -> DataFusionResult<DataType> {
        Ok(arguments.first().cloned().unwrap_or(DataType::Null))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let rows = arguments.number_rows;
        let [left, right] = arguments.args.as_slice() else {
            return datafusion::common::internal_err!("{} takes two arguments", self.name);
        };
        let result = match self.operator {
            Operator::Plus => apply(left, right, numeric::add),
            Operator::Minus => apply(left, right, numeric::sub),
            Operator::Multiply => apply(left, right, numeric::mul),
            other => {
                check_divisor(left, right, rows)?;
                if other == Operator::Divide {
                    apply(left, right, numeric::div)
                } else {
                    apply(left, right, numeric::rem)
                }
            }
        }?;
        check_range(&result, left, right)?;
        check_underflow(self.operator, &result, [left, right], rows)?;
        positive_zeros(result)
    }
}

/// Refuses a float result that is infinite though its operands are not.
fn check_range(result: &ColumnarValue, left: &ColumnarValue, right: &ColumnarValue) -> DataFusionResult<()> {
    use datafusion::arrow::array::{Array, AsArray};
    use datafusion::arrow::datatypes::Float64Type;
    let infinite = |value: &ColumnarValue| -> DataFusionResult<Vec<usize>> {
        let array = match value {
            ColumnarValue::Array(array) => Arc::clone(array),
            ColumnarValue::Scalar(scalar) => scalar.to_array()?,
        };
        let Some(floats) = array.as_primitive_opt::<Float64Type>() else { return Ok(Vec::new()) };
        let wrong = |row: &usize| floats.is_valid(*row) && !floats.value(*row).is_finite();
        Ok((0..floats.len()).filter(wrong).collect())
    };
    let found = infinite(result)?;
    if found.is_empty() {
        return Ok(());
    }
    let (left_rows, right_rows) = (infinite(left)?, infinite(right)?);
    let given = |operand: &ColumnarValue, rows: &[usize], row: usize| match operand {
        ColumnarValue::Scalar(_) => !rows.is_empty(),
        // They are in ascending order.
        ColumnarValue::Array(_) => rows.binary_search(&row).is_ok(),
    };
    if found.iter().all(|row| given(left, &left_rows, *row) || given(right, &right_rows, *row)) {
        return Ok(());
    }
    let why = "a float is at most 1.8e308".to_owned();
    Err(datafusion::arrow::error::ArrowError::ArithmeticOverflow(why).into())
}

/// Refuses a float divisor of zero where the dividend is not NULL.
fn check_divisor(dividend: &ColumnarValue, divisor: &ColumnarValue, rows: usize) -> DataFusionResult<()> {
    use datafusion::arrow::array::{Array, AsArray};
    use datafusion::arrow::datatypes::Float64Type;
    if divisor.data_type() != DataType::Float64 {
        return Ok(());
    }
    let divisors = divisor.clone().into_array(rows)?;
    let Some(floats) = divisors.as_primitive_opt::<Float64Type>() else { return Ok(()) };
    if !floats.iter().flatten().any(|divisor| divisor == 0.0) {
        return Ok(());
    }
    let dividends = dividend.clone().into_array(rows)?;
    let mut pairs = floats.iter().enumerate();
    if pairs.any(|(row, divisor)| divisor == Some(0.0) && dividends.is_valid(row)) {
        return Err(datafusion::arrow::error::ArrowError::DivideByZero.into());
    }
    Ok(())
}

/// Refuses a product or quotient that is too small for a float and would be zero.
fn check_underflow(
    operator: Operator,
    result: &ColumnarValue,
    sides: [&ColumnarValue; 2],
    rows: usize,
) -> DataFusionResult<()> {
    use datafusion::arrow::array::AsArray;
    use datafusion::arrow::datatypes::Float64Type;
    if !matches!(operator, Operator::Multiply | Operator::Divide) || result.data_type() != DataType::Float64 {
        return Ok(());
    }
    let results = result.clone().into_array(rows)?;
    let Some(floats) = results.as_primitive_opt::<Float64Type>() else { return Ok(()) };
    if !floats.iter().flatten().any(|value| value == 0.0) {
        return Ok(());
    }
    let [left, right] = sides;
    let (left, right) = (left.clone().into_array(rows)?, right.clone().into_array(rows)?);
    let (Some(left), Some(right)) =
        (left.as_primitive_opt::<Float64Type>(), right.as_primitive_opt::<Float64Type>())
    else {
        return Ok(());
    };
    let lost = floats.iter().zip(left.iter().zip(right.iter())).any(|(result, (a, b))| {
        let Some(((0.0, a), b)) = result.zip(a).zip(b) else { return false };
        a != 0.0 && if operator == Operator::Multiply { b != 0.0 } else { b.is_finite() }
    });
    if lost {
        let why = "a float is at least 4.9e-324".to_owned();
        return Err(datafusion::arrow::error::ArrowError::ArithmeticOverflow(why).into());
    }
    Ok(())
}

/// A result in which zero has no sign. Arrow orders floats by IEEE 754's total order, in which -0.0 is less than
/// 0.0, for people and in SQL they are one number: computed floats have the one zero, as stored ones do.
fn positive_zeros(result: ColumnarValue) -> DataFusionResult<ColumnarValue> {
    use datafusion::arrow::array::AsArray;
    use datafusion::arrow::datatypes::Float64Type;
    let negative = |value: f64| value == 0.0 && value.is_sign_negative();
    Ok(match result {
        ColumnarValue::Scalar(ScalarValue::Float64(Some(value))) if negative(value) => {
            ColumnarValue::Scalar(ScalarValue::Float64(Some(0.0)))
        }
        ColumnarValue::Array(array) => match array.as_primitive_opt::<Float64Type>() {
            Some(floats) if floats.values().iter().any(|value| negative(*value)) => {
                // -0.0 + 0.0 is 0.0; every other number stays as it is.
                ColumnarValue::Array(Arc::new(floats.unary::<_, Float64Type>(|value| value + 0.0)))
            }
            _ => ColumnarValue::Array(array),
        },
        other => other,
    })
}

/// Functions of floats that never give -0.0 where none went in. Others may: `power(-1e-200, 3)` and the like.
const POSITIVE_ZEROS: [&str; 17] = [
    "abs", "acos", "acosh", "coalesce", "cosh", "exp", "greatest", "least", "ln", "log10", "log2", "nullif",
    "nvl", "pi", "random", "signum", "sqrt",
];

/// Whether a float may be -0.0 though no float below it is.
fn may_be_negative_zero(expr: &PlanExpr, schema: &DFSchema) -> bool {
    let made = match expr {
        PlanExpr::Cast(cast) => type_of(&cast.expr, schema).is_ok_and(|t| t.is_string()),
        PlanExpr::TryCast(cast) => type_of(&cast.expr, schema).is_ok_and(|t| t.is_string()),
        PlanExpr::ScalarFunction(call) => {
            let function: &dyn Any = call.func.inner().as_ref();
            !function.is::<Checked>() && !POSITIVE_ZEROS.contains(&call.func.name())
        }
        _ => false,
    };
    made && expr.get_type(schema).is_ok_and(|t| t == DataType::Float64)
}

/// The type of an expression whose parts were made checked already: a checked operation has the
/// type of its left side, which need not be derived level by level.
fn type_of(expr: &PlanExpr, schema: &DFSchema) -> DataFusionResult<DataType> {
    let mut expr = expr;
    while let PlanExpr::ScalarFunction(call) = expr
        && {
            let function: &dyn Any = call.func.inner().as_ref();
            function.is::<Checked>()
        }
        && let Some(left) = call.args.first()
    {
        expr = left;
    }
    expr.get_type(schema)
}

/// Puts checked operations in the place of those that wrap around or give infinity.
#[derive(Debug)]
pub struct CheckedArithmetic {
    add: Arc<ScalarUDF>,
    subtract: Arc<ScalarUDF>,
    multiply: Arc<ScalarUDF>,
    divide: Arc<ScalarUDF>,
    remainder: Arc<ScalarUDF>,
}

impl Default for CheckedArithmetic {
    fn default() -> Self {
        Self {
            add: Checked::udf(Operator::Plus),
            subtract: Checked::udf(Operator::Minus),
            multiply: Checked::udf(Operator::Multiply),
            divide: Checked::udf(Operator::Divide),
            remainder: Checked::udf(Operator::Modulo),
        }
    }
}

impl AnalyzerRule for CheckedArithmetic {
    fn name(&self) -> &'static str {
        "checked_arithmetic"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> DataFusionResult<LogicalPlan> {
        plan.transform_up_with_subqueries(|plan| self.check_node(plan)).map(|transformed| transformed.data)
    }
}

impl CheckedArithmetic {
    fn check_node(&self, plan: LogicalPlan) -> DataFusionResult<Transformed<LogicalPlan>> {
        let schema = merge_schema(&plan.inputs());
        let names = NamePreserver::new(&plan);
        plan.map_expressions(|expr| {
            let name = names.save(&expr);
            let checked = expr.transform_up(|expr| self.check(expr, &schema))?;
            Ok(checked.update_data(|expr| name.restore(expr)))
        })
    }

    fn check(&self, expr: PlanExpr, schema: &DFSchema) -> DataFusionResult<Transformed<PlanExpr>> {
        let PlanExpr::BinaryExpr(BinaryExpr { left, op, right }) = expr else {
            let call = |function: &Arc<ScalarUDF>, left: PlanExpr, right: PlanExpr| {
                let call = ScalarFunction::new_udf(Arc::clone(function), vec![left, right]);
                Ok(Transformed::yes(PlanExpr::ScalarFunction(call)))
            };
            if let PlanExpr::Negative(inner) = &expr
                && !matches!(inner.as_ref(), PlanExpr::Literal(value, _) if *value != ScalarValue::Float64(Some(0.0)))
            {
                match type_of(inner, schema) {
                    Ok(DataType::Int64) => return call(&self.subtract, lit(0_i64), inner.as_ref().clone()),
                    Ok(DataType::Float64) => return call(&self.subtract, lit(0.0), inner.as_ref().clone()),
                    _ => {}
                }
            }
            if may_be_negative_zero(&expr, schema) {
                return call(&self.add, expr, lit(0.0));
            }
            return Ok(Transformed::no(expr));
        };
        let types = (type_of(&left, schema), type_of(&right, schema));
        let udf = match (op, types) {
            (Operator::Plus, (Ok(l), Ok(r))) if l.is_integer() && l == r => Some(&self.add),
            (Operator::Minus, (Ok(l), Ok(r))) if l.is_integer() && l == r => Some(&self.subtract),
            (Operator::Multiply, (Ok(l), Ok(r))) if l.is_integer() && l == r => Some(&self.multiply),
            (Operator::Plus, (Ok(DataType::Float64), Ok(DataType::Float64))) => Some(&self.add),
            (Operator::Minus, (Ok(DataType::Float64), Ok(DataType::Float64))) => Some(&self.subtract),
            (Operator::Multiply, (Ok(DataType::Float64), Ok(DataType::Float64))) => Some(&self.multiply),
            (Operator::Divide, (Ok(DataType::Float64), Ok(DataType::Float64))) => Some(&self.divide),
            (Operator::Modulo, (Ok(DataType::Float64), Ok(DataType::Float64))) => Some(&self.remainder),
            _ => None,
        };
        Ok(match udf {
            Some(udf) => Transformed::yes(PlanExpr::ScalarFunction(ScalarFunction::new_udf(
                Arc::clone(udf),
                vec![*left, *right],
            ))),
            None => Transformed::no(PlanExpr::BinaryExpr(BinaryExpr { left, op, right })),
        })
    }
}
