//! Text read as another type: quoted literals take the type of what they stand beside, casts of text
//! read it as the same text is read when it is stored.

use std::sync::Arc;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, ScalarValue, internal_err};
use datafusion::logical_expr::expr::{Between, Case, Cast, InList, ScalarFunction};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, Operator, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};

use super::arrow_value::{is_uuid, property_type_of, scalar_of};
use super::coerce::{compares, is_text};
use super::error::to_datafusion;
use super::literal::parse_text;
use crate::model::{PropertyType, Value};

/// An expression with its quoted literals read as the types they stand beside; its parts are done.
///
/// # Errors
/// `BadInput` for text that is not of the type.
pub fn typed(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    match expr {
        Expr::Cast(Cast { expr, field }) => typed_cast(*expr, field, schema),
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let unchanged = |left, right| Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right }));
            if text_of(&left).is_some() == text_of(&right).is_some() {
                return Ok(unchanged(left, right));
            }
            let (text, other) = if text_of(&left).is_some() { (&left, &right) } else { (&right, &left) };
            let Some(read) = beside(text, other, op, schema)? else { return Ok(unchanged(left, right)) };
            let (left, right) =
                if text_of(&left).is_some() { (Box::new(read), right) } else { (left, Box::new(read)) };
            Ok(Transformed::yes(Expr::BinaryExpr(BinaryExpr { left, op, right })))
        }
        Expr::InList(InList { expr, list, negated }) if list.iter().any(|e| text_of(e).is_some()) => {
            let list = list
                .into_iter()
                .map(|item| Ok(beside(&item, &expr, Operator::Eq, schema)?.unwrap_or(item)))
                .collect::<Result<Vec<_>>>()?;
            Ok(Transformed::yes(Expr::InList(InList { expr, list, negated })))
        }
        Expr::Between(Between { expr, negated, low, high })
            if text_of(&low).is_some() || text_of(&high).is_some() =>
        {
            let read = |bound: Box<Expr>| -> Result<Box<Expr>> {
                Ok(beside(&bound, &expr, Operator::Eq, schema)?.map_or(bound, Box::new))
            };
            let (low, high) = (read(low)?, read(high)?);
            Ok(Transformed::yes(Expr::Between(Between { expr, negated, low, high })))
        }
        Expr::Case(case) => typed_case(case, schema),
        Expr::ScalarFunction(ScalarFunction { func, args })
            if ["coalesce", "nullif", "greatest", "least"].contains(&func.name()) =>
        {
            let typed = args.iter().find(|e| text_of(e).is_none() && !is_null(e, schema)).cloned();
            let Some(typed) = typed.filter(|_| args.iter().any(|e| text_of(e).is_some())) else {
                return Ok(Transformed::no(Expr::ScalarFunction(ScalarFunction { func, args })));
            };
            let args = args
                .into_iter()
                .map(|item| Ok(beside(&item, &typed, Operator::Eq, schema)?.unwrap_or(item)))
                .collect::<Result<Vec<_>>>()?;
            Ok(Transformed::yes(Expr::ScalarFunction(ScalarFunction { func, args })))
        }
        other => Ok(Transformed::no(other)),
    }
}

/// Reads quoted literals beside other types already while a statement is planned: the planner would
/// find no operator.
#[derive(Debug)]
pub struct Literals;

impl ExprPlanner for Literals {
    fn plan_binary_op(&self, expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        use sqlparser::ast::BinaryOperator as Sql;
        let op = match expr.op {
            Sql::Plus => Operator::Plus,
            Sql::Minus => Operator::Minus,
            Sql::Multiply => Operator::Multiply,
            Sql::Divide => Operator::Divide,
            Sql::Modulo => Operator::Modulo,
            Sql::Eq | Sql::NotEq | Sql::Lt | Sql::LtEq | Sql::Gt | Sql::GtEq => Operator::Eq,
            _ => return Ok(PlannerResult::Original(expr)),
        };
        if let Some(planned) = super::interval::planned(op, &expr.left, &expr.right, schema)? {
            return Ok(PlannerResult::Planned(planned));
        }
        let RawBinaryExpr { op: sql, mut left, mut right } = expr;
        if text_of(&left).is_none() {
            right = beside(&right, &left, op, schema)?.unwrap_or(right);
        } else {
            left = beside(&left, &right, op, schema)?.unwrap_or(left);
        }
        Ok(PlannerResult::Original(RawBinaryExpr { op: sql, left, right }))
    }
}

fn is_null(expr: &Expr, schema: &DFSchema) -> bool {
    matches!(expr.get_type(schema), Ok(DataType::Null))
}

fn typed_case(case: Case, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let Case { expr, mut when_then_expr, mut else_expr } = case;
    let mut changed = false;
    let results = || when_then_expr.iter().map(|(_, then)| &**then).chain(else_expr.as_deref());
    let typed = results().find(|e| text_of(e).is_none() && !is_null(e, schema)).cloned();
    if let Some(typed) = typed.filter(|_| results().any(|e| text_of(e).is_some())) {
        let read = |item: Box<Expr>| -> Result<Box<Expr>> {
            Ok(beside(&item, &typed, Operator::Eq, schema)?.map_or(item, Box::new))
        };
        when_then_expr = when_then_expr
            .into_iter()
            .map(|(when, then)| Ok((when, read(then)?)))
            .collect::<Result<Vec<_>>>()?;
        else_expr = else_expr.map(read).transpose()?;
        changed = true;
    }
    if let Some(base) = &expr
        && when_then_expr.iter().any(|(when, _)| text_of(when).is_some())
    {
        when_then_expr = when_then_expr
            .into_iter()
            .map(|(when, then)| Ok((beside(&when, base, Operator::Eq, schema)?.map_or(when, Box::new), then)))
            .collect::<Result<Vec<_>>>()?;
        changed = true;
    }
    Ok(Transformed::new_transformed(Expr::Case(Case { expr, when_then_expr, else_expr }), changed))
}

/// The text of a quoted literal.
fn text_of(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Literal(value, _) => value.try_as_str().flatten(),
        _ => None,
    }
}

/// A quoted literal as the type of what it stands beside; `None` where it stays text.
fn beside(text: &Expr, other: &Expr, op: Operator, schema: &DFSchema) -> Result<Option<Expr>> {
    use Operator::{Divide, Minus, Modulo, Multiply, Plus};
    let Some(text) = text_of(text) else { return Ok(None) };
    let arithmetic = matches!(op, Plus | Minus | Multiply | Divide | Modulo);
    if !arithmetic && !compares(op) {
        return Ok(None);
    }
    let Some(data_type) = super::numeric::type_of(other, schema) else { return Ok(None) };
    let target = match &data_type {
        DataType::Int64 => PropertyType::Integer,
        DataType::Float64 => PropertyType::Float,
        // Its own digits: not rounded to those of the other.
        DataType::Decimal128(..) => return decimal(text).map(Some),
        _ if arithmetic => return Ok(None),
        DataType::Boolean => PropertyType::Boolean,
        DataType::Timestamp(..) => PropertyType::Timestamp,
        DataType::Date32 => PropertyType::Date,
        DataType::Time64(_) => PropertyType::Time,
        DataType::Interval(_) => PropertyType::Interval,
        _ => return Ok(None),
    };
    let value = parse_text(target, text).map_err(to_datafusion)?;
    Ok(Some(Expr::Literal(scalar_of(&value), None)))
}

/// A decimal with the digits its text has.
fn decimal(text: &str) -> Result<Expr> {
    let places = text.split_once('.').map_or(0, |(_, fraction)| fraction.trim_end().len()).min(30);
    let scale = i8::try_from(places).unwrap_or(30);
    let target = PropertyType::Decimal { precision: 38, scale };
    let value = parse_text(target, text).map_err(to_datafusion)?;
    Ok(Expr::Literal(scalar_of(&value), None))
}

/// A cast of text: a literal becomes the value, what is computed is read row by row.
fn typed_cast(inner: Expr, field: FieldRef, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let from = inner.get_type(schema).unwrap_or(DataType::Null);
    let target = property_type_of(&field);
    let plain_text = is_text(field.data_type()) && target == PropertyType::String;
    let known = matches!(
        field.data_type(),
        DataType::Int64
            | DataType::Float64
            | DataType::Decimal128(..)
            | DataType::Boolean
            | DataType::Timestamp(..)
            | DataType::Date32
            | DataType::Time64(_)
            | DataType::Interval(_)
            | DataType::Binary
    ) || target == PropertyType::Uuid;
    if !is_text(&from) || plain_text || !known || of_json(&inner, schema) {
        return Ok(Transformed::no(Expr::Cast(Cast { expr: Box::new(inner), field })));
    }
    if let Some(text) = text_of(&inner) {
        let value = parse_text(target, text).map_err(to_datafusion)?;
        if is_uuid(&field) {
            let text = Box::new(Expr::Literal(scalar_of(&value), None));
            return Ok(Transformed::yes(Expr::Cast(Cast { expr: text, field })));
        }
        return Ok(Transformed::yes(Expr::Literal(typed_scalar(&value, &field)?, None)));
    }
    let read = Read { target, field, signature: Signature::any(1, Volatility::Immutable) };
    let udf = Arc::new(ScalarUDF::new_from_impl(read));
    Ok(Transformed::yes(Expr::ScalarFunction(ScalarFunction::new_udf(udf, vec![inner]))))
}

fn typed_scalar(value: &Value, field: &FieldRef) -> Result<ScalarValue> {
    let scalar = scalar_of(value);
    if scalar.data_type() == *field.data_type() { Ok(scalar) } else { scalar.cast_to(field.data_type()) }
}

/// Whether text is JSON, whose numbers and truth values are cast by the planner.
fn of_json(expr: &Expr, schema: &DFSchema) -> bool {
    expr.to_field(schema).is_ok_and(|(_, field)| property_type_of(&field) == PropertyType::Json)
}

/// Text as values of a type.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Read {
    target: PropertyType,
    field: FieldRef,
    signature: Signature,
}

impl ScalarUDFImpl for Read {
    fn name(&self) -> &'static str {
        "text as value"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(self.field.data_type().clone())
    }

    fn return_field_from_args(&self, _arguments: ReturnFieldArgs) -> Result<FieldRef> {
        Ok(Arc::new(self.field.as_ref().clone().with_name(self.name()).with_nullable(true)))
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        super::coerce::mapped(&call, |array| {
            let texts = cast(array, &DataType::Utf8)?;
            let Some(texts) = texts.as_string_opt::<i32>() else {
                return internal_err!("text of {}", array.data_type());
            };
            let null = || ScalarValue::try_from(self.field.data_type());
            let values = texts.iter().map(|text| match text {
                None => null(),
                Some(text) => {
                    typed_scalar(&parse_text(self.target, text).map_err(to_datafusion)?, &self.field)
                }
            });
            let values = values.collect::<Result<Vec<_>>>()?;
            if values.is_empty() {
                return Ok(datafusion::arrow::array::new_empty_array(self.field.data_type()));
            }
            ScalarValue::iter_to_array(values)
        })
    }
}
