//! Functions that fail outside their domain, as PostgreSQL's do: DataFusion gives NaN or infinity for
//! `ln(0)`, `sqrt(-1)` or `exp(1000)`, a character for `chr(0)`. `round` takes a half to the even number,
//! `upper` keeps letters that have no single upper case.
//!
//! Invariant: where every argument is finite, so is the result, or the statement fails. NaN and
//! infinities that stand in the data pass through.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, FieldRef, Float64Type, Int64Type};
use datafusion::common::{Result, exec_err, internal_err};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};

use super::coerce::{is_text, mapped};

const CHECKED: [&str; 15] = [
    "acos", "acosh", "asin", "atanh", "cosh", "cot", "exp", "ln", "log", "log10", "log2", "power", "round",
    "sinh", "sqrt",
];

/// The functions, ready to take the place of DataFusion's own.
pub fn checked_functions() -> Vec<ScalarUDF> {
    datafusion::functions::math::functions()
        .into_iter()
        .filter(|function| CHECKED.contains(&function.name()))
        .map(|inner| ScalarUDF::new_from_impl(Checked { inner }))
        .chain(datafusion::functions::string::functions().into_iter().filter_map(|inner| {
            ["chr", "upper"].contains(&inner.name()).then(|| ScalarUDF::new_from_impl(Checked { inner }))
        }))
        .collect()
}

/// Letters with a single upper case as that; the others stay.
fn upper(array: &dyn Array) -> Result<ArrayRef> {
    let single = |c: char| {
        let mut upper = c.to_uppercase();
        match (upper.next(), upper.next()) {
            (Some(upper), None) => upper,
            _ => c,
        }
    };
    let texts = cast(array, &DataType::Utf8)?;
    let made: StringArray = texts
        .as_string::<i32>()
        .iter()
        .map(|text| text.map(|text| text.chars().map(single).collect::<String>()))
        .collect();
    Ok(cast(&made, array.data_type())?)
}

/// The nearest whole number, the even one of two.
fn half_even(array: &dyn Array) -> Result<ArrayRef> {
    match array.as_primitive_opt::<Float64Type>() {
        Some(floats) => Ok(Arc::new(floats.unary::<_, Float64Type>(f64::round_ties_even))),
        None => internal_err!("round of {}", array.data_type()),
    }
}

fn no_zero(array: &dyn Array) -> Result<()> {
    let zero =
        array.as_primitive_opt::<Int64Type>().is_some_and(|codes| codes.iter().flatten().any(|c| c == 0));
    if zero { exec_err!("the null character is not permitted") } else { Ok(()) }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Checked {
    inner: Arc<ScalarUDF>,
}

impl ScalarUDFImpl for Checked {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.inner().coerce_types(arguments)
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.inner.inner().return_type(arguments)
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs) -> Result<FieldRef> {
        self.inner.inner().return_field_from_args(arguments)
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_float = call.args.first().is_some_and(|a| a.data_type() == DataType::Float64);
        match (self.name(), call.args.len()) {
            ("round", 1) if is_float => return mapped(&call, half_even),
            ("upper", 1) if call.args.first().is_some_and(|a| is_text(&a.data_type())) => {
                return mapped(&call, upper);
            }
            ("chr", _) => {
                for argument in &call.args {
                    no_zero(argument.clone().into_array(1)?.as_ref())?;
                }
            }
            _ => {}
        }
        let (arguments, rows) = (call.args.clone(), call.number_rows);
        let result = self.inner.invoke_with_args(call)?;
        let produced = match &result {
            ColumnarValue::Array(array) => Arc::clone(array),
            ColumnarValue::Scalar(scalar) => scalar.to_array()?,
        };
        let Some(floats) = produced.as_primitive_opt::<Float64Type>() else { return Ok(result) };
        if floats.iter().flatten().all(f64::is_finite) {
            return Ok(result);
        }
        let given: Vec<_> = arguments.into_iter().map(|a| a.into_array(rows)).collect::<Result<_>>()?;
        for (row, value) in floats.iter().enumerate() {
            if value.is_some_and(|v| !v.is_finite()) && given.iter().all(|a| finite_at(a.as_ref(), row)) {
                return exec_err!(
                    "{} is not defined for its argument, or its result is out of range",
                    self.name()
                );
            }
        }
        Ok(result)
    }
}

/// Whether an argument is not NaN or infinite. One value stands for all rows of a scalar call.
fn finite_at(array: &dyn Array, row: usize) -> bool {
    let row = row.min(array.len().saturating_sub(1));
    match array.as_primitive_opt::<Float64Type>() {
        Some(floats) if row < floats.len() => floats.is_null(row) || floats.value(row).is_finite(),
        _ => true,
    }
}
