//! Arithmetic of decimals as PostgreSQL's NUMERIC has it, within 38 digits.
//!
//! Sums, differences and products are exact, a product as long as its digits fit. A quotient has the
//! digits PostgreSQL would compute (16 or more that count), with 20 places behind the point: what is
//! shown behind them is zero. Whatever needs more than 38 digits is an error, never another number.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Float64Array};
use datafusion::arrow::compute::kernels::arity::{binary, try_binary};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Float64Type, i256};
use datafusion::arrow::error::ArrowError;
use datafusion::common::{Result, ScalarValue, exec_err, internal_err};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, Expr, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::literal::parse_text;
use crate::model::{Decimal, PropertyType, Value};

/// The most digits.
const DIGITS: u8 = 38;
/// Places behind the point that a quotient has.
pub const QUOTIENT_SCALE: i8 = 20;
/// Digits of a quotient that count, at least.
const QUOTIENT_DIGITS: i32 = 16;
/// PostgreSQL counts in groups of so many digits.
const GROUP: i32 = 4;

/// A decimal type: digits, and how many of them stand behind the point.
pub type Digits = (u8, i8);

/// The Arrow type.
pub fn decimal_type((precision, scale): Digits) -> DataType {
    DataType::Decimal128(precision, scale)
}

fn power_of_ten(exponent: i32) -> Option<i128> {
    10i128.checked_pow(u32::try_from(exponent).ok()?)
}

fn too_large() -> ArrowError {
    ArrowError::ArithmeticOverflow("a decimal has at most 38 digits".to_owned())
}

/// A number of digits as a precision.
fn precision(whole: i16, scale: i8) -> u8 {
    u8::try_from((whole.max(0) + i16::from(scale)).clamp(1, i16::from(DIGITS))).unwrap_or(DIGITS)
}

/// The type of an operation's result.
fn result_type(operator: Operator, (p1, s1): Digits, (p2, s2): Digits) -> Digits {
    let (w1, w2) = (i16::from(p1) - i16::from(s1), i16::from(p2) - i16::from(s2));
    let scale = s1.max(s2);
    match operator {
        Operator::Plus | Operator::Minus => (precision(w1.max(w2) + 1, scale), scale),
        Operator::Multiply => {
            let (whole, exact) = (w1 + w2, i16::from(s1) + i16::from(s2));
            let most = i16::from(DIGITS) - whole;
            let floor = exact.min(i16::from(QUOTIENT_SCALE));
            let scale = i8::try_from(exact.min(most.max(floor))).unwrap_or(QUOTIENT_SCALE);
            (precision(whole, scale), scale)
        }
        Operator::Divide => (DIGITS, scale.max(QUOTIENT_SCALE)),
        _ => (precision(w1.max(w2), scale), scale),
    }
}

/// An operation on two decimals. Users cannot call it: its name is no identifier.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Arithmetic {
    operator: Operator,
    left: Digits,
    right: Digits,
    result: Digits,
    name: String,
    signature: Signature,
}

impl Arithmetic {
    /// The call; `None` for other operators.
    pub fn call(operator: Operator, left: (Expr, Digits), right: (Expr, Digits)) -> Option<Expr> {
        use Operator::{Divide, Minus, Modulo, Multiply, Plus};
        if !matches!(operator, Plus | Minus | Multiply | Divide | Modulo) {
            return None;
        }
        let result = result_type(operator, left.1, right.1);
        let name = format!("decimal {operator}");
        let signature = Signature::any(2, Volatility::Immutable);
        let function = Self { operator, left: left.1, right: right.1, result, name, signature };
        Some(call(function, vec![left.0, right.0]))
    }

    /// The type of the result.
    pub fn result(&self) -> DataType {
        decimal_type(self.result)
    }

    /// What the operation gives where its type says that no digit can be lost; `None` where that is to be looked
    /// at for each pair.
    fn exact(&self) -> Option<impl Fn(i128, i128) -> i128 + use<>> {
        let ((p1, s1), (p2, s2), scale) = (self.left, self.right, self.result.1);
        let operator = self.operator;
        let fits = match operator {
            Operator::Plus | Operator::Minus => {
                let whole = (i16::from(p1) - i16::from(s1)).max(i16::from(p2) - i16::from(s2));
                whole + 1 + i16::from(scale) <= i16::from(DIGITS)
            }
            Operator::Multiply => p1 + p2 <= DIGITS && i16::from(s1) + i16::from(s2) == i16::from(scale),
            _ => false,
        };
        let unit = |own: i8| power_of_ten(i32::from(scale) - i32::from(own));
        let (left, right) = match operator {
            Operator::Multiply => (1, 1),
            _ => unit(s1).zip(unit(s2))?,
        };
        // Within the digits of the types nothing of it wraps.
        fits.then_some(move |a: i128, b: i128| match operator {
            Operator::Plus => a.wrapping_mul(left).wrapping_add(b.wrapping_mul(right)),
            Operator::Minus => a.wrapping_mul(left).wrapping_sub(b.wrapping_mul(right)),
            _ => a.wrapping_mul(b),
        })
    }

    fn apply(&self, a: i128, b: i128) -> std::result::Result<i128, ArrowError> {
        let (s1, s2, scale) = (self.left.1, self.right.1, self.result.1);
        let at_scale = |value: i128, own: i8| {
            power_of_ten(i32::from(scale - own)).and_then(|unit| value.checked_mul(unit))
        };
        let found = match self.operator {
            Operator::Plus => at_scale(a, s1).zip(at_scale(b, s2)).and_then(|(a, b)| a.checked_add(b)),
            Operator::Minus => at_scale(a, s1).zip(at_scale(b, s2)).and_then(|(a, b)| a.checked_sub(b)),
            Operator::Multiply => product(a, b, i32::from(s1) + i32::from(s2) - i32::from(scale)),
            _ if b == 0 => return Err(ArrowError::DivideByZero),
            Operator::Divide => quotient((a, s1), (b, s2), scale),
            _ => at_scale(a, s1).zip(at_scale(b, s2)).and_then(|(a, b)| a.checked_rem(b)),
        };
        found.filter(|value| value.unsigned_abs() < 10u128.pow(DIGITS.into())).ok_or_else(too_large)
    }

    /// The operation on all rows; on one row if both sides are one value.
    fn of(&self, left: &Operand, right: &Operand) -> Result<Decimal128Array> {
        if let Some(exact) = self.exact() {
            return Ok(match (left, right) {
                (Operand::Many(a), Operand::Many(b)) => binary(a, b, exact)?,
                (Operand::Many(a), Operand::One(b)) => a.unary(|a| exact(a, *b)),
                (Operand::One(a), Operand::Many(b)) => b.unary(|b| exact(*a, b)),
                (Operand::One(a), Operand::One(b)) => Decimal128Array::from_value(exact(*a, *b), 1),
            });
        }
        Ok(match (left, right) {
            (Operand::Many(a), Operand::Many(b)) => try_binary(a, b, |a, b| self.apply(a, b))?,
            (Operand::Many(a), Operand::One(b)) => a.try_unary(|a| self.apply(a, *b))?,
            (Operand::One(a), Operand::Many(b)) => b.try_unary(|b| self.apply(*a, b))?,
            (Operand::One(a), Operand::One(b)) => Decimal128Array::from_value(self.apply(*a, *b)?, 1),
        })
    }
}

/// A side of an operation: one value for all rows, or one for each.
enum Operand {
    One(i128),
    Many(Decimal128Array),
}

impl Operand {
    /// A side as decimals of its type; `None` where it is NULL in all rows.
    fn new(side: &ColumnarValue, digits: Digits) -> Result<Option<Self>> {
        Ok(match side {
            ColumnarValue::Array(array) => Some(Operand::Many(at(array, digits)?)),
            ColumnarValue::Scalar(scalar) => {
                let one = at(&scalar.to_array()?, digits)?;
                one.iter().next().flatten().map(Operand::One)
            }
        })
    }
}

/// `a * b / 10^dropped`, rounded half away from zero.
fn product(a: i128, b: i128, dropped: i32) -> Option<i128> {
    if dropped <= 0 {
        // Of two short numbers it fits; to look is dear.
        return match (i64::try_from(a), i64::try_from(b)) {
            (Ok(_), Ok(_)) => Some(a.wrapping_mul(b)),
            _ => a.checked_mul(b),
        };
    }
    let whole = i256::from_i128(a).checked_mul(i256::from_i128(b))?;
    divided(whole, i256::from_i128(power_of_ten(dropped)?))
}

/// `a / b`, rounded half away from zero.
fn divided(a: i256, b: i256) -> Option<i128> {
    let (quotient, rest) = (a.checked_div(b)?, a.checked_rem(b)?);
    let (rest, half) = (rest.wrapping_abs(), b.wrapping_abs());
    let up = rest.checked_add(rest)? >= half;
    let away = if a.is_negative() == b.is_negative() { i256::ONE } else { i256::MINUS_ONE };
    let rounded = if up { quotient.checked_add(away)? } else { quotient };
    rounded.to_i128()
}

/// The group of digits a number begins with: its place, counted from the point, and its value.
fn leading_group(value: i128, scale: i8) -> (i32, u128) {
    let mut digits = value.unsigned_abs();
    if digits == 0 {
        return (0, 0);
    }
    let length = i32::try_from(digits.ilog10()).unwrap_or(0) + 1;
    // The power of ten of the first digit.
    let first = length - 1 - i32::from(scale);
    let group = first.div_euclid(GROUP);
    // How many digits the group has, with those that are zero in front left out.
    let wide = first - group * GROUP + 1;
    if length > wide {
        digits /= 10u128.pow(u32::try_from(length - wide).unwrap_or(0));
    } else {
        digits *= 10u128.pow(u32::try_from(wide - length).unwrap_or(0));
    }
    (group, digits)
}

/// A quotient with the digits PostgreSQL computes (`select_div_scale` in its `numeric.c`), at a scale.
pub fn quotient((a, s1): (i128, i8), (b, s2): (i128, i8), scale: i8) -> Option<i128> {
    let ((w1, first1), (w2, first2)) = (leading_group(a, s1), leading_group(b, s2));
    let weight = w1 - w2 - i32::from(first1 <= first2);
    let places = (QUOTIENT_DIGITS - weight * GROUP).max(shown(a, s1)).max(shown(b, s2)).max(0);
    let places = places.min(i32::from(scale));
    let shift = i32::from(s2) - i32::from(s1) + places;
    let unit = |exponent: i32| Some(i256::from_i128(power_of_ten(exponent)?));
    let (mut above, mut below) = (i256::from_i128(a), i256::from_i128(b));
    if shift >= 0 {
        let half = shift / 2;
        above = above.checked_mul(unit(half)?)?.checked_mul(unit(shift - half)?)?;
    } else {
        below = below.checked_mul(unit(-shift)?)?;
    }
    divided(above, below)?.checked_mul(power_of_ten(i32::from(scale) - places)?)
}

/// The places behind the point that count for a quotient: a quotient's own zeros do not.
fn shown(value: i128, scale: i8) -> i32 {
    let (mut value, mut scale) = (value, i32::from(scale));
    while scale > QUOTIENT_DIGITS && value % 10 == 0 {
        value /= 10;
        scale -= 1;
    }
    scale
}

impl ScalarUDFImpl for Arithmetic {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn display_name(&self, args: &[Expr]) -> Result<String> {
        match args {
            [left, right] => {
                Ok(format!("{} {} {}", left.human_display(), self.operator, right.human_display()))
            }
            _ => Ok(self.name.clone()),
        }
    }

    /// See `semantics`: text made of the arguments' names would grow too fast.
    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        super::semantics::hashed_name(&self.name, args)
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(self.result())
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = call.number_rows;
        let [left, right] = call.args.as_slice() else {
            return internal_err!("{} takes two arguments", self.name);
        };
        let scalar = matches!((left, right), (ColumnarValue::Scalar(_), ColumnarValue::Scalar(_)));
        let made = match (Operand::new(left, self.left)?, Operand::new(right, self.right)?) {
            (Some(left), Some(right)) => self.of(&left, &right)?,
            _ => Decimal128Array::new_null(if scalar { 1 } else { rows }),
        };
        let made: ArrayRef = Arc::new(made.with_data_type(self.result()));
        if scalar {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&made, 0)?));
        }
        Ok(ColumnarValue::Array(made))
    }
}

/// An operand as decimals of its type.
fn at(array: &ArrayRef, digits: Digits) -> Result<Decimal128Array> {
    let wanted = decimal_type(digits);
    let array = if *array.data_type() == wanted {
        Arc::clone(array)
    } else {
        datafusion::arrow::compute::cast(array, &wanted)?
    };
    match array.as_primitive_opt::<Decimal128Type>() {
        Some(decimals) => Ok(decimals.clone()),
        None => internal_err!("decimals as {}", array.data_type()),
    }
}

/// How a decimal loses digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rounding {
    /// To the nearest, half away from zero.
    Nearest,
    /// Towards zero.
    Truncate,
    /// Upwards.
    Up,
    /// Downwards.
    Down,
}

/// `round`, `trunc`, `ceil` and `floor` of decimals; the second argument, if there is one, says how many
/// places stay.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Rounded {
    how: Rounding,
    from: Digits,
    to: Digits,
    signature: Signature,
}

impl Rounded {
    /// The call. `places`: where they are known.
    pub fn call(how: Rounding, from: Digits, arguments: Vec<Expr>, places: Option<i64>) -> Expr {
        let scale = match places {
            Some(places) => i8::try_from(places.clamp(0, 30)).unwrap_or(0),
            None => from.1,
        };
        let whole = i16::from(from.0) - i16::from(from.1) + 1;
        let to = (precision(whole, scale), scale);
        let signature = Signature::any(arguments.len(), Volatility::Immutable);
        call(Self { how, from, to, signature }, arguments)
    }

    fn apply(&self, value: i128, places: i64) -> Result<i128> {
        let from = i64::from(self.from.1);
        let dropped = i32::try_from((from - places).clamp(0, 40)).unwrap_or(0);
        let kept = match power_of_ten(dropped) {
            // More digits go than there are.
            None => return Ok(0),
            Some(unit) => {
                let (whole, rest) = (value / unit, value % unit);
                let away = match self.how {
                    Rounding::Nearest => rest.unsigned_abs() * 2 >= unit.unsigned_abs(),
                    Rounding::Truncate => false,
                    Rounding::Up => rest > 0,
                    Rounding::Down => rest < 0,
                };
                whole + if away { value.signum() } else { 0 }
            }
        };
        let scale = i32::from(self.to.1) - (i32::from(self.from.1) - dropped);
        let found = if scale >= 0 {
            power_of_ten(scale).and_then(|unit| kept.checked_mul(unit))
        } else {
            power_of_ten(-scale).map(|unit| kept / unit)
        };
        let fits = found.filter(|value| value.unsigned_abs() < 10u128.pow(DIGITS.into()));
        Ok(fits.ok_or_else(too_large)?)
    }
}

impl ScalarUDFImpl for Rounded {
    fn name(&self) -> &'static str {
        "rounded decimal"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(decimal_type(self.to))
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = call.number_rows;
        let scalar = call.args.iter().all(|a| matches!(a, ColumnarValue::Scalar(_)));
        let rows = if scalar { 1 } else { rows };
        let mut arguments = call.args.into_iter().map(|a| a.into_array(rows));
        let Some(values) = arguments.next().transpose()? else {
            return internal_err!("a decimal to round is missing");
        };
        let places = arguments.next().transpose()?;
        let places =
            places.map(|places| datafusion::arrow::compute::cast(&places, &DataType::Int64)).transpose()?;
        let values = at(&values, self.from)?;
        let places =
            places.as_ref().and_then(|p| p.as_primitive_opt::<datafusion::arrow::datatypes::Int64Type>());
        let made = values.iter().enumerate().map(|(row, value)| {
            let places = match places {
                Some(places) if places.is_null(row) => None,
                Some(places) => Some(places.value(row)),
                None => Some(0),
            };
            value.zip(places).map(|(value, places)| self.apply(value, places)).transpose()
        });
        let made = made.collect::<Result<Decimal128Array>>()?.with_data_type(decimal_type(self.to));
        let made: ArrayRef = Arc::new(made);
        if scalar {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&made, 0)?));
        }
        Ok(ColumnarValue::Array(made))
    }
}

/// A decimal as the nearest float.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct ToFloat {
    signature: Signature,
}

impl ToFloat {
    /// The call.
    pub fn plain(expr: Expr) -> Expr {
        call(Self { signature: Signature::any(1, Volatility::Immutable) }, vec![expr])
    }

    /// The call; a literal becomes one, which beside a decimal would be taken for a parameter.
    pub fn call(expr: Expr) -> Expr {
        if let Expr::Literal(ScalarValue::Decimal128(Some(value), _, scale), metadata) = &expr {
            return Expr::Literal(ScalarValue::Float64(Some(float(*value, *scale))), metadata.clone());
        }
        Self::plain(expr)
    }
}

/// The float nearest to a decimal.
fn float(unscaled: i128, scale: i8) -> f64 {
    const EXACT: u128 = 1 << 53;
    if unscaled.unsigned_abs() <= EXACT && (0..=22).contains(&scale) {
        // Both are exact as floats, and division rounds to the nearest.
        #[allow(clippy::cast_precision_loss)]
        return unscaled as f64 / 10f64.powi(scale.into());
    }
    Value::Decimal(Decimal { unscaled, scale }).to_text().parse().unwrap_or(f64::NAN)
}

impl ScalarUDFImpl for ToFloat {
    fn name(&self) -> &'static str {
        "decimal as float"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        super::coerce::mapped(&call, |array| {
            let Some(decimals) = array.as_primitive_opt::<Decimal128Type>() else {
                return internal_err!("{} as a float", array.data_type());
            };
            let scale = decimals.scale();
            let floats: Float64Array = decimals.iter().map(|v| v.map(|v| float(v, scale))).collect();
            Ok(Arc::new(floats))
        })
    }
}

/// A float as a decimal: its first 15 digits, as in PostgreSQL.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct FromFloat {
    to: Digits,
    signature: Signature,
}

impl FromFloat {
    /// The call.
    pub fn call(expr: Expr, to: Digits) -> Expr {
        call(Self { to, signature: Signature::any(1, Volatility::Immutable) }, vec![expr])
    }
}

impl ScalarUDFImpl for FromFloat {
    fn name(&self) -> &'static str {
        "float as decimal"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(decimal_type(self.to))
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let (precision, scale) = self.to;
        super::coerce::mapped(&call, |array| {
            let Some(floats) = array.as_primitive_opt::<Float64Type>() else {
                return internal_err!("{} as a decimal", array.data_type());
            };
            let values = floats.iter().map(|value| {
                let Some(value) = value else { return Ok(None) };
                if !value.is_finite() {
                    return exec_err!("number out of range: {value} is no decimal");
                }
                let target = PropertyType::Decimal { precision, scale };
                match parse_text(target, &format!("{value:.14e}")) {
                    Ok(Value::Decimal(decimal)) => Ok(Some(decimal.unscaled)),
                    Ok(_) => internal_err!("a decimal that is none"),
                    Err(e) => Err(super::error::to_datafusion(e)),
                }
            });
            let made = values.collect::<Result<Decimal128Array>>()?;
            Ok(Arc::new(made.with_data_type(decimal_type((precision, scale)))))
        })
    }
}

fn call(function: impl ScalarUDFImpl + 'static, arguments: Vec<Expr>) -> Expr {
    let udf = Arc::new(ScalarUDF::new_from_impl(function));
    Expr::ScalarFunction(ScalarFunction::new_udf(udf, arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown_quotient(a: i128, s1: i8, b: i128, s2: i8) -> String {
        let unscaled = quotient((a, s1), (b, s2), QUOTIENT_SCALE).unwrap();
        Value::Decimal(Decimal { unscaled, scale: QUOTIENT_SCALE }).to_text()
    }

    #[test]
    fn quotients_have_postgresqls_digits() {
        // SELECT 1/3.0, 100/3.0, 10000/3.0, 2/3.0, 1/7.0, 0.01/3, 123456789/7.0
        assert_eq!(shown_quotient(1, 0, 30, 1), "0.33333333333333333333");
        assert_eq!(shown_quotient(100, 0, 30, 1), "33.33333333333333330000");
        assert_eq!(shown_quotient(10_000, 0, 30, 1), "3333.33333333333333330000");
        assert_eq!(shown_quotient(2, 0, 30, 1), "0.66666666666666666667");
        assert_eq!(shown_quotient(1, 2, 3, 0), "0.00333333333333333333");
        assert_eq!(shown_quotient(123_456_789, 0, 70, 1), "17636684.14285714285700000000");
        assert_eq!(shown_quotient(-1, 0, 30, 1), "-0.33333333333333333333");
    }

    #[test]
    fn products_are_exact_while_they_fit() {
        assert_eq!(result_type(Operator::Multiply, (2, 1), (2, 1)), (4, 2));
        assert_eq!(result_type(Operator::Multiply, (38, 20), (38, 20)), (38, 20));
        assert_eq!(result_type(Operator::Multiply, (38, 10), (38, 10)), (38, 20));
        assert_eq!(product(15, 15, 1), Some(23));
        assert_eq!(product(-15, 15, 1), Some(-23));
    }

    #[test]
    fn floats_are_the_nearest() {
        assert!((float(1, 1) - 0.1).abs() < f64::EPSILON * 0.01);
        assert_eq!(float(123_456_789_012_345_678_901_234_567, 10).to_string(), "12345678901234568");
    }
}
