//! `sum` and `avg` where DataFusion's own would wrap around, lose digits or become infinite.
//!
//! * Sums of integers and decimals are kept in 128 bits: only the result counts, not the order of the rows.
//! * The average of decimals has the digits of a quotient (see `decimal`).
//! * A sum of floats past their range is an error. Over a window it is computed anew for each row: taking
//!   away what was added would leave rounding errors behind.
//!
//! Every other type is DataFusion's, and so is DISTINCT, but for the average of decimals, which is refused.

use std::collections::VecDeque;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Float64Array, Int64Array,
};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Field, FieldRef, Float64Type, Int64Type};
use datafusion::arrow::error::ArrowError;
use datafusion::common::{DataFusionError, Result, ScalarValue, internal_err};
use datafusion::functions_aggregate::average::Avg;
use datafusion::functions_aggregate::sum::Sum;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, ReversedUDAF, SetMonotonicity,
    Signature,
};

use super::decimal::{QUOTIENT_SCALE, quotient};

/// What a sum is kept in on its way.
const STATE: DataType = DataType::Decimal128(38, 0);

/// The functions, under their usual names.
#[must_use]
pub fn checked_aggregates() -> Vec<AggregateUDF> {
    vec![
        AggregateUDF::new_from_impl(CheckedSum(Sum::new())),
        AggregateUDF::new_from_impl(CheckedAverage(Avg::new())),
    ]
}

/// What becomes of the sum of whole units.
#[derive(Debug, Clone, Copy)]
enum Finish {
    Integer,
    Decimal(u8, i8),
    /// Divided by the count; the values have this scale.
    Average(i8),
}

impl Finish {
    fn value(self, sum: i128, count: i64) -> Result<i128> {
        let fits = match self {
            Finish::Integer => i64::try_from(sum).is_ok(),
            Finish::Decimal(..) => sum.unsigned_abs() < 10u128.pow(38),
            Finish::Average(scale) => {
                return quotient((sum, scale), (count.into(), 0), QUOTIENT_SCALE.max(scale))
                    .ok_or_else(|| past_range("an average has at most 38 digits".to_owned()));
            }
        };
        if fits { Ok(sum) } else { Err(past_range(format!("the sum is {sum}"))) }
    }

    fn scalar(self, value: Option<i128>) -> Result<ScalarValue> {
        Ok(match self {
            Finish::Integer => ScalarValue::Int64(match value {
                Some(value) => Some(i64::try_from(value).map_err(|_| past_range(value.to_string()))?),
                None => None,
            }),
            Finish::Decimal(precision, scale) => ScalarValue::Decimal128(value, precision, scale),
            Finish::Average(scale) => ScalarValue::Decimal128(value, 38, QUOTIENT_SCALE.max(scale)),
        })
    }

    fn array(self, values: Vec<Option<i128>>) -> Result<ArrayRef> {
        let decimals = |precision, scale| -> Result<ArrayRef> {
            let made: Decimal128Array = values.iter().copied().collect();
            Ok(Arc::new(made.with_data_type(DataType::Decimal128(precision, scale))))
        };
        match self {
            Finish::Integer => {
                let narrow = |v: Option<i128>| {
                    v.map(|v| i64::try_from(v).map_err(|_| past_range(v.to_string()))).transpose()
                };
                Ok(Arc::new(values.into_iter().map(narrow).collect::<Result<Int64Array>>()?))
            }
            Finish::Decimal(precision, scale) => decimals(precision, scale),
            Finish::Average(scale) => decimals(38, QUOTIENT_SCALE.max(scale)),
        }
    }
}

fn past_range(why: String) -> DataFusionError {
    ArrowError::ArithmeticOverflow(why).into()
}

/// How an aggregate is computed.
enum Way {
    Units(Finish),
    Floats { average: bool },
    DataFusion,
}

/// Sums of decimals with so many digits stay within 38 of them for the first 10^10 values.
const SHORT_DIGITS: u8 = 28;

fn way_of_sum(distinct: bool, argument: Option<&DataType>, result: &DataType) -> Way {
    match result {
        _ if distinct => Way::DataFusion,
        DataType::Decimal128(..) if matches!(argument, Some(DataType::Decimal128(digits, _)) if *digits <= SHORT_DIGITS) => {
            Way::DataFusion
        }
        DataType::Int64 => Way::Units(Finish::Integer),
        DataType::Decimal128(precision, scale) => Way::Units(Finish::Decimal(*precision, *scale)),
        DataType::Float64 => Way::Floats { average: false },
        _ => Way::DataFusion,
    }
}

fn way_of_average(distinct: bool, argument: Option<&DataType>) -> Result<Way> {
    Ok(match argument {
        Some(DataType::Decimal128(..)) if distinct => {
            return datafusion::common::not_impl_err!(
                "avg(DISTINCT ...) of decimals: take avg over a subquery with SELECT DISTINCT"
            );
        }
        Some(DataType::Decimal128(_, scale)) => Way::Units(Finish::Average(*scale)),
        Some(DataType::Float64) if !distinct => Way::Floats { average: true },
        _ => Way::DataFusion,
    })
}

fn argument(args: &AccumulatorArgs) -> Option<DataType> {
    args.exprs.first().and_then(|expr| expr.data_type(args.schema).ok())
}

fn accumulator(way: &Way, sliding: bool) -> Option<Box<dyn Accumulator>> {
    match way {
        Way::Units(finish) => Some(Box::new(UnitSum { finish: *finish, sum: 0, count: 0 })),
        Way::Floats { average } if sliding => {
            Some(Box::new(FrameFloats { average: *average, values: VecDeque::new() }))
        }
        Way::Floats { average } => {
            Some(Box::new(FloatSum { average: *average, total: FloatTotal::default(), count: 0 }))
        }
        Way::DataFusion => None,
    }
}

fn groups(way: &Way) -> Option<Box<dyn GroupsAccumulator>> {
    match way {
        Way::Units(finish) => Some(Box::new(UnitSums { finish: *finish, totals: Vec::new() })),
        Way::Floats { average } => Some(Box::new(FloatSums { average: *average, totals: Vec::new() })),
        Way::DataFusion => None,
    }
}

fn state_fields(way: &Way, name: &str) -> Option<Vec<FieldRef>> {
    let sum = match way {
        Way::Units(_) => STATE,
        Way::Floats { .. } => DataType::Float64,
        Way::DataFusion => return None,
    };
    Some(vec![
        Arc::new(Field::new(format_state_name(name, "sum"), sum, true)),
        Arc::new(Field::new(format_state_name(name, "count"), DataType::Int64, true)),
    ])
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct CheckedSum(Sum);

impl AggregateUDFImpl for CheckedSum {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        self.0.coerce_types(arguments)
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments.first() {
            Some(DataType::Decimal128(_, scale)) => Ok(DataType::Decimal128(38, *scale)),
            _ => self.0.return_type(arguments),
        }
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let way = way_of_sum(args.is_distinct, argument(&args).as_ref(), args.return_field.data_type());
        accumulator(&way, false).map_or_else(|| self.0.accumulator(args), Ok)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let given = args.input_fields.first().map(|field| field.data_type().clone());
        let way = way_of_sum(args.is_distinct, given.as_ref(), args.return_type());
        state_fields(&way, args.name).map_or_else(|| self.0.state_fields(args), Ok)
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        self.0.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        let way = way_of_sum(args.is_distinct, argument(&args).as_ref(), args.return_field.data_type());
        groups(&way).map_or_else(|| self.0.create_groups_accumulator(args), Ok)
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let way = way_of_sum(args.is_distinct, argument(&args).as_ref(), args.return_field.data_type());
        accumulator(&way, true).map_or_else(|| self.0.create_sliding_accumulator(args), Ok)
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        self.0.reverse_expr()
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.0.order_sensitivity()
    }

    fn set_monotonicity(&self, data_type: &DataType) -> SetMonotonicity {
        self.0.set_monotonicity(data_type)
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct CheckedAverage(Avg);

impl AggregateUDFImpl for CheckedAverage {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn aliases(&self) -> &[String] {
        self.0.aliases()
    }

    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        self.0.coerce_types(arguments)
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments.first() {
            Some(DataType::Decimal128(_, scale)) => Ok(DataType::Decimal128(38, QUOTIENT_SCALE.max(*scale))),
            _ => self.0.return_type(arguments),
        }
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let way = way_of_average(args.is_distinct, argument(&args).as_ref())?;
        accumulator(&way, false).map_or_else(|| self.0.accumulator(args), Ok)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let given = args.input_fields.first().map(|field| field.data_type().clone());
        let way = way_of_average(args.is_distinct, given.as_ref())?;
        state_fields(&way, args.name).map_or_else(|| self.0.state_fields(args), Ok)
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        match way_of_average(args.is_distinct, argument(&args).as_ref()) {
            Ok(Way::Units(_) | Way::Floats { .. }) => true,
            _ => self.0.groups_accumulator_supported(args),
        }
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        let way = way_of_average(args.is_distinct, argument(&args).as_ref())?;
        groups(&way).map_or_else(|| self.0.create_groups_accumulator(args), Ok)
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let way = way_of_average(args.is_distinct, argument(&args).as_ref())?;
        accumulator(&way, true).map_or_else(|| self.0.create_sliding_accumulator(args), Ok)
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        self.0.reverse_expr()
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.0.order_sensitivity()
    }
}

fn first<'a>(arrays: &'a [ArrayRef], what: &str) -> Result<&'a ArrayRef> {
    arrays.first().ok_or_else(|| DataFusionError::Internal(format!("a sum without {what}")))
}

/// The values as whole units: integers, or decimals without their point.
enum Units<'a> {
    Integers(&'a Int64Array),
    Decimals(&'a Decimal128Array),
}

impl<'a> Units<'a> {
    fn of(arrays: &'a [ArrayRef]) -> Result<Self> {
        let array = first(arrays, "values")?;
        if let Some(integers) = array.as_primitive_opt::<Int64Type>() {
            return Ok(Units::Integers(integers));
        }
        match array.as_primitive_opt::<Decimal128Type>() {
            Some(decimals) => Ok(Units::Decimals(decimals)),
            None => internal_err!("a sum over {}", array.data_type()),
        }
    }

    /// Calls `add` with each value that is no NULL and its row.
    fn each(
        &self,
        filter: Option<&BooleanArray>,
        mut add: impl FnMut(usize, i128) -> Result<()>,
    ) -> Result<()> {
        fn walk<V: Copy + Into<i128>>(
            values: &[V],
            array: &dyn Array,
            filter: Option<&BooleanArray>,
            add: &mut impl FnMut(usize, i128) -> Result<()>,
        ) -> Result<()> {
            let mut rows = values.iter().enumerate();
            if array.null_count() == 0 && filter.is_none() {
                return rows.try_for_each(|(row, value)| add(row, (*value).into()));
            }
            rows.filter(|(row, _)| array.is_valid(*row) && counted(filter, *row))
                .try_for_each(|(row, value)| add(row, (*value).into()))
        }
        match self {
            Units::Integers(array) => walk(array.values(), array, filter, &mut add),
            Units::Decimals(array) => walk(array.values(), array, filter, &mut add),
        }
    }
}

fn floats(arrays: &[ArrayRef]) -> Result<&Float64Array> {
    first(arrays, "values")?
        .as_primitive_opt::<Float64Type>()
        .ok_or_else(|| DataFusionError::Internal("a sum of floats over other values".to_owned()))
}

fn counts(arrays: &[ArrayRef]) -> Result<&Int64Array> {
    arrays
        .get(1)
        .and_then(|array| array.as_primitive_opt::<Int64Type>())
        .ok_or_else(|| DataFusionError::Internal("a sum without its count".to_owned()))
}

fn added(sum: i128, value: i128) -> Result<i128> {
    sum.checked_add(value).ok_or_else(|| past_range("a decimal has at most 38 digits".to_owned()))
}

/// Which rows count.
fn counted(filter: Option<&BooleanArray>, row: usize) -> bool {
    filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row))
}

/// One sum, for aggregates without groups and for windows.
#[derive(Debug)]
struct UnitSum {
    finish: Finish,
    sum: i128,
    count: i64,
}

impl Accumulator for UnitSum {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        Units::of(values)?.each(None, |_, value| {
            self.sum = added(self.sum, value)?;
            self.count += 1;
            Ok(())
        })
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        Units::of(values)?.each(None, |_, value| {
            self.sum = added(self.sum, -value)?;
            self.count -= 1;
            Ok(())
        })
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let value = (self.count > 0).then(|| self.finish.value(self.sum, self.count)).transpose()?;
        self.finish.scalar(value)
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let sum = (self.count > 0).then_some(self.sum);
        Ok(vec![ScalarValue::Decimal128(sum, 38, 0), ScalarValue::Int64(Some(self.count))])
    }

    fn merge_batch(&mut self, arrays: &[ArrayRef]) -> Result<()> {
        let counts = counts(arrays)?;
        Units::of(arrays)?.each(None, |row, sum| {
            self.sum = added(self.sum, sum)?;
            self.count += counts.value(row);
            Ok(())
        })
    }
}

/// A sum for each group, with how many values are in it.
#[derive(Debug)]
struct UnitSums {
    finish: Finish,
    totals: Vec<(i128, i64)>,
}

impl UnitSums {
    fn add(&mut self, group: usize, value: i128, count: i64) -> Result<()> {
        if let Some((sum, counted)) = self.totals.get_mut(group) {
            *sum = added(*sum, value)?;
            *counted += count;
        }
        Ok(())
    }
}

fn state_arrays<S>(totals: &[(S, i64)], sums: ArrayRef) -> Vec<ArrayRef> {
    let counts: Int64Array = totals.iter().map(|(_, count)| Some(*count)).collect();
    vec![sums, Arc::new(counts)]
}

fn unit_states(totals: &[(i128, i64)]) -> Vec<ArrayRef> {
    let sums: Decimal128Array = totals.iter().map(|(sum, count)| (*count > 0).then_some(*sum)).collect();
    state_arrays(totals, Arc::new(sums.with_data_type(STATE)))
}

impl GroupsAccumulator for UnitSums {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total_groups: usize,
    ) -> Result<()> {
        self.totals.resize(total_groups, (0, 0));
        Units::of(values)?.each(filter, |row, value| match groups.get(row) {
            Some(group) => self.add(*group, value, 1),
            None => Ok(()),
        })
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let totals = emit.take_needed(&mut self.totals);
        let finished = totals
            .into_iter()
            .map(|(sum, count)| (count > 0).then(|| self.finish.value(sum, count)).transpose())
            .collect::<Result<Vec<_>>>()?;
        self.finish.array(finished)
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(unit_states(&emit.take_needed(&mut self.totals)))
    }

    fn merge_batch(&mut self, arrays: &[ArrayRef], groups: &[usize], total_groups: usize) -> Result<()> {
        self.totals.resize(total_groups, (0, 0));
        let counts = counts(arrays)?;
        Units::of(arrays)?.each(None, |row, sum| match groups.get(row) {
            Some(group) => self.add(*group, sum, counts.value(row)),
            None => Ok(()),
        })
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let mut totals = vec![(0, 0); first(values, "values")?.len()];
        Units::of(values)?.each(filter, |row, value| {
            totals.get_mut(row).into_iter().for_each(|total| *total = (value, 1));
            Ok(())
        })?;
        Ok(unit_states(&totals))
    }

    fn size(&self) -> usize {
        self.totals.capacity() * size_of::<(i128, i64)>()
    }
}

/// A sum of floats: an infinite one must have an infinite value in it, and is kept apart for that.
#[derive(Debug, Default, Clone, Copy)]
struct FloatTotal {
    sum: f64,
    /// What the values that are no numbers come to: 0, an infinity or NaN.
    special: f64,
}

impl FloatTotal {
    fn add(&mut self, value: f64) {
        if value.is_finite() { self.sum += value } else { self.special += value }
    }

    fn value(self, count: i64, average: bool) -> Result<f64> {
        if self.special != 0.0 {
            return Ok(self.special);
        }
        if !self.sum.is_finite() {
            return Err(past_range("a float is at most 1.8e308".to_owned()));
        }
        #[allow(clippy::cast_precision_loss)]
        Ok(if average { self.sum / count as f64 } else { self.sum })
    }

    /// As one float, for the state: a sum past the range is infinite, like one of infinities.
    fn state(self) -> Result<f64> {
        self.value(1, false)
    }
}

#[derive(Debug)]
struct FloatSum {
    average: bool,
    total: FloatTotal,
    count: i64,
}

impl Accumulator for FloatSum {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for value in floats(values)?.iter().flatten() {
            self.total.add(value);
            self.count += 1;
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let value = (self.count > 0).then(|| self.total.value(self.count, self.average)).transpose()?;
        Ok(ScalarValue::Float64(value))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let sum = (self.count > 0).then(|| self.total.state()).transpose()?;
        Ok(vec![ScalarValue::Float64(sum), ScalarValue::Int64(Some(self.count))])
    }

    fn merge_batch(&mut self, arrays: &[ArrayRef]) -> Result<()> {
        for (sum, count) in floats(arrays)?.iter().zip(counts(arrays)?) {
            if let (Some(sum), Some(count)) = (sum, count) {
                self.total.add(sum);
                self.count += count;
            }
        }
        Ok(())
    }
}

/// The floats of a window's frame.
#[derive(Debug)]
struct FrameFloats {
    average: bool,
    values: VecDeque<f64>,
}

impl Accumulator for FrameFloats {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.values.extend(floats(values)?.iter().flatten());
        Ok(())
    }

    /// Frames move forward: what leaves is what came first.
    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let leaving = floats(values)?.iter().flatten().count().min(self.values.len());
        self.values.drain(..leaving);
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mut total = FloatTotal::default();
        self.values.iter().for_each(|value| total.add(*value));
        let count = i64::try_from(self.values.len()).unwrap_or(i64::MAX);
        let value = (count > 0).then(|| total.value(count, self.average)).transpose()?;
        Ok(ScalarValue::Float64(value))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.values.capacity() * size_of::<f64>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        internal_err!("the frame of a window is not divided")
    }

    fn merge_batch(&mut self, _arrays: &[ArrayRef]) -> Result<()> {
        internal_err!("the frame of a window is not divided")
    }
}

/// A sum of floats for each group.
#[derive(Debug)]
struct FloatSums {
    average: bool,
    totals: Vec<(FloatTotal, i64)>,
}

fn float_states(totals: &[(FloatTotal, i64)]) -> Result<Vec<ArrayRef>> {
    let sums = totals.iter().map(|(total, count)| (*count > 0).then(|| total.state()).transpose());
    let sums = sums.collect::<Result<Float64Array>>()?;
    Ok(state_arrays(totals, Arc::new(sums)))
}

impl GroupsAccumulator for FloatSums {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total_groups: usize,
    ) -> Result<()> {
        self.totals.resize(total_groups, Default::default());
        for (row, (value, group)) in floats(values)?.iter().zip(groups).enumerate() {
            if let Some(value) = value
                && counted(filter, row)
                && let Some((total, count)) = self.totals.get_mut(*group)
            {
                total.add(value);
                *count += 1;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let totals = emit.take_needed(&mut self.totals);
        let values = totals
            .into_iter()
            .map(|(total, count)| (count > 0).then(|| total.value(count, self.average)).transpose());
        Ok(Arc::new(values.collect::<Result<Float64Array>>()?))
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        float_states(&emit.take_needed(&mut self.totals))
    }

    fn merge_batch(&mut self, arrays: &[ArrayRef], groups: &[usize], total_groups: usize) -> Result<()> {
        self.totals.resize(total_groups, Default::default());
        for ((sum, count), group) in floats(arrays)?.iter().zip(counts(arrays)?).zip(groups) {
            if let (Some(sum), Some(more)) = (sum, count)
                && let Some((total, count)) = self.totals.get_mut(*group)
            {
                total.add(sum);
                *count += more;
            }
        }
        Ok(())
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let totals = floats(values)?.iter().enumerate().map(|(row, value)| {
            let mut total = FloatTotal::default();
            let value = value.filter(|_| counted(filter, row));
            value.into_iter().for_each(|value| total.add(value));
            (total, i64::from(value.is_some()))
        });
        float_states(&totals.collect::<Vec<_>>())
    }

    fn size(&self) -> usize {
        self.totals.capacity() * size_of::<(FloatTotal, i64)>()
    }
}
