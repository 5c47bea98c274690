//! Comparisons with every value of a list: `x > ANY (...)`, `x <> ALL (...)` and IN where NULL counts.
//!
//! The lists are arrays, or what `array_agg` made of a subquery (then NULL is the empty list). The
//! answers are SQL's three: a NULL in the list, or on the left side, makes unknown whatever the other
//! values do not decide.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Scalar, new_null_array};
use datafusion::arrow::compute::kernels::cmp;
use datafusion::arrow::compute::{
    SortOptions, and_kleene, concat, filter, is_not_null, or_kleene, sort_to_indices, take,
};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::{Result, ScalarValue, exec_err, internal_err, plan_err};
use datafusion::logical_expr::type_coercion::binary::comparison_coercion;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// How the left side is compared with each value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Comparison {
    const EVERY: [Self; 6] =
        [Self::Equal, Self::NotEqual, Self::Less, Self::LessOrEqual, Self::Greater, Self::GreaterOrEqual];

    fn text(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    fn of(self, left: &ArrayRef, right: ArrayRef) -> Result<BooleanArray> {
        let right = Scalar::new(right);
        let compared = match self {
            Self::Equal => cmp::eq(left, &right),
            Self::NotEqual => cmp::neq(left, &right),
            Self::Less => cmp::lt(left, &right),
            Self::LessOrEqual => cmp::lt_eq(left, &right),
            Self::Greater => cmp::gt(left, &right),
            Self::GreaterOrEqual => cmp::gt_eq(left, &right),
        };
        Ok(compared?)
    }
}

/// The function of a comparison. Users cannot call it: its name is no identifier.
#[must_use]
pub fn function_name(comparison: Comparison, all: bool, subquery: bool) -> String {
    let list = if subquery { "subquery" } else { "array" };
    format!("{} {} {list}", comparison.text(), if all { "ALL" } else { "ANY" })
}

/// All functions.
pub fn functions() -> Vec<ScalarUDF> {
    let mut functions = Vec::new();
    for comparison in Comparison::EVERY {
        for (all, subquery) in [(false, false), (false, true), (true, false), (true, true)] {
            functions.push(ScalarUDF::new_from_impl(Quantified {
                comparison,
                all,
                subquery,
                name: function_name(comparison, all, subquery),
                signature: Signature::user_defined(Volatility::Immutable),
            }));
        }
    }
    functions
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Quantified {
    comparison: Comparison,
    all: bool,
    /// Whether a NULL list is a subquery without rows.
    subquery: bool,
    name: String,
    signature: Signature,
}

impl ScalarUDFImpl for Quantified {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        let [value, list] = arguments else {
            return plan_err!("{} takes a value and a list", self.name);
        };
        let item = match list {
            DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
                item.data_type()
            }
            DataType::Null => &DataType::Null,
            other => return plan_err!("{} takes a list, not {other}", self.name),
        };
        let common = match (value, item) {
            (DataType::Null, other) | (other, DataType::Null) => Some(other.clone()),
            _ => comparison_coercion(value, item),
        };
        match common {
            Some(common) if !common.is_nested() => {
                let list = DataType::List(Arc::new(Field::new_list_field(common.clone(), true)));
                Ok(vec![common, list])
            }
            _ => plan_err!("{value} cannot be compared with the values of a list of {item}"),
        }
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = call.number_rows;
        let [value, list] = call.args.as_slice() else {
            return internal_err!("{} takes a value and a list", self.name);
        };
        match (value, list) {
            (ColumnarValue::Scalar(value), ColumnarValue::Scalar(list)) => {
                let answer = self.compare(&value.to_array()?, items(&list.to_array()?, 0)?)?;
                Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&answer, 0)?))
            }
            (ColumnarValue::Array(values), ColumnarValue::Scalar(list)) => {
                Ok(ColumnarValue::Array(Arc::new(self.compare(values, items(&list.to_array()?, 0)?)?)))
            }
            (value, ColumnarValue::Array(lists)) => {
                let values = value.to_array(rows)?;
                let answers = (0..rows)
                    .map(|row| self.compare(&values.slice(row, 1), items(lists, row)?))
                    .collect::<Result<Vec<_>>>()?;
                if answers.is_empty() {
                    return Ok(ColumnarValue::Array(Arc::new(BooleanArray::from(Vec::<bool>::new()))));
                }
                let parts: Vec<&dyn Array> = answers.iter().map(|answer| answer as &dyn Array).collect();
                Ok(ColumnarValue::Array(concat(&parts)?))
            }
        }
    }
}

/// The values of a list; `None` for NULL.
fn items(lists: &ArrayRef, row: usize) -> Result<Option<ArrayRef>> {
    match lists.as_list_opt::<i32>() {
        Some(lists) if row < lists.len() => Ok((!lists.is_null(row)).then(|| lists.value(row))),
        _ => exec_err!("a list of {} values cannot be compared with", lists.data_type()),
    }
}

impl Quantified {
    /// The answer for each value, all against one list.
    fn compare(&self, values: &ArrayRef, items: Option<ArrayRef>) -> Result<BooleanArray> {
        let rows = values.len();
        let nothing = || BooleanArray::from(vec![self.all; rows]);
        let items = match items {
            Some(items) => items,
            None if self.subquery => return Ok(nothing()),
            None => return Ok(unknown(rows)),
        };
        if items.is_empty() {
            return Ok(nothing());
        }
        let known = filter(&items, &is_not_null(&items)?)?;
        let mut answer = nothing();
        if known.len() < items.len() {
            answer = self.joined(&answer, &unknown(rows))?;
        }
        if known.is_empty() {
            return Ok(answer);
        }
        for part in self.parts(values, &known)? {
            answer = self.joined(&answer, &part)?;
        }
        Ok(answer)
    }

    fn joined(&self, a: &BooleanArray, b: &BooleanArray) -> Result<BooleanArray> {
        Ok(if self.all { and_kleene(a, b) } else { or_kleene(a, b) }?)
    }

    /// Comparisons that decide the whole: with the smallest and largest value, or with their set.
    fn parts(&self, values: &ArrayRef, known: &ArrayRef) -> Result<Vec<BooleanArray>> {
        use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
        let against = |largest: bool| self.comparison.of(values, extreme(known, largest)?);
        Ok(match (self.comparison, self.all) {
            (Equal, false) => vec![member(values, known, false)?],
            (NotEqual, true) => vec![member(values, known, true)?],
            (Equal, true) | (NotEqual, false) => vec![against(false)?, against(true)?],
            (Less | LessOrEqual, all) => vec![against(!all)?],
            (Greater | GreaterOrEqual, all) => vec![against(all)?],
        })
    }
}

fn unknown(rows: usize) -> BooleanArray {
    BooleanArray::from(vec![None; rows])
}

fn extreme(known: &ArrayRef, largest: bool) -> Result<ArrayRef> {
    let options = SortOptions { descending: largest, nulls_first: false };
    Ok(take(known, &sort_to_indices(known, Some(options), Some(1))?, None)?)
}

/// Whether each value is in a set (or is not); NULL for NULL.
fn member(values: &ArrayRef, known: &ArrayRef, negated: bool) -> Result<BooleanArray> {
    if values.data_type() != known.data_type() {
        return internal_err!("{} compared with {}", values.data_type(), known.data_type());
    }
    if values.data_type() == &DataType::Null {
        let nulls = new_null_array(&DataType::Boolean, values.len());
        return Ok(nulls.as_boolean().clone());
    }
    let converter = RowConverter::new(vec![SortField::new(values.data_type().clone())])?;
    let set = converter.convert_columns(&[Arc::clone(known)])?;
    let set: HashSet<&[u8]> = set.iter().map(|row| row.data()).collect();
    let rows = converter.convert_columns(&[Arc::clone(values)])?;
    Ok(rows
        .iter()
        .enumerate()
        .map(|(at, row)| (!values.is_null(at)).then(|| set.contains(row.data()) != negated))
        .collect())
}
