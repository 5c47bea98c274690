//! `sum` of integers that fails past 64 bits; DataFusion's own wraps around.
//!
//! Sums are kept in 128 bits, so only the result counts, not the order of the rows. Every other type,
//! and `sum(DISTINCT ...)`, is DataFusion's.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Int64Array};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Field, FieldRef, Int64Type};
use datafusion::arrow::error::ArrowError;
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::functions_aggregate::sum::Sum;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, ReversedUDAF, SetMonotonicity,
    Signature,
};

/// What a sum is kept in on its way.
const STATE: DataType = DataType::Decimal128(38, 0);

/// The function, under its usual name.
#[must_use]
pub fn checked_sum() -> AggregateUDF {
    AggregateUDF::new_from_impl(CheckedSum(Sum::new()))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct CheckedSum(Sum);

fn of_integers(args: &AccumulatorArgs) -> bool {
    !args.is_distinct && *args.return_field.data_type() == DataType::Int64
}

impl AggregateUDFImpl for CheckedSum {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.0.return_type(arguments)
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if of_integers(&args) { Ok(Box::new(IntegerSum::default())) } else { self.0.accumulator(args) }
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        if !args.is_distinct && *args.return_type() == DataType::Int64 {
            return Ok(vec![Arc::new(Field::new(format_state_name(args.name, "sum"), STATE, true))]);
        }
        self.0.state_fields(args)
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        self.0.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        if of_integers(&args) {
            Ok(Box::new(IntegerSums::default()))
        } else {
            self.0.create_groups_accumulator(args)
        }
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if of_integers(&args) {
            Ok(Box::new(IntegerSum::default()))
        } else {
            self.0.create_sliding_accumulator(args)
        }
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

fn as_integer(sum: i128) -> Result<i64> {
    i64::try_from(sum)
        .map_err(|_| DataFusionError::from(ArrowError::ArithmeticOverflow(format!("the sum is {sum}"))))
}

fn first<'a>(arrays: &'a [ArrayRef], what: &str) -> Result<&'a ArrayRef> {
    arrays.first().ok_or_else(|| DataFusionError::Internal(format!("a sum without {what}")))
}

fn integers(arrays: &[ArrayRef]) -> Result<&Int64Array> {
    first(arrays, "values")?
        .as_primitive_opt::<Int64Type>()
        .ok_or_else(|| DataFusionError::Internal("a sum of integers over other values".to_owned()))
}

fn states(arrays: &[ArrayRef]) -> Result<&Decimal128Array> {
    first(arrays, "states")?
        .as_primitive_opt::<Decimal128Type>()
        .ok_or_else(|| DataFusionError::Internal("a sum of integers with another state".to_owned()))
}

fn state_array(sums: impl Iterator<Item = Option<i128>>) -> ArrayRef {
    Arc::new(sums.collect::<Decimal128Array>().with_data_type(STATE))
}

/// One sum, for aggregates without groups and for windows.
#[derive(Debug, Default)]
struct IntegerSum {
    sum: i128,
    values: u64,
}

impl Accumulator for IntegerSum {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for value in integers(values)?.iter().flatten() {
            self.sum += i128::from(value);
            self.values += 1;
        }
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for value in integers(values)?.iter().flatten() {
            self.sum -= i128::from(value);
            self.values = self.values.saturating_sub(1);
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let sum = if self.values == 0 { None } else { Some(as_integer(self.sum)?) };
        Ok(ScalarValue::Int64(sum))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let sum = (self.values > 0).then_some(self.sum);
        Ok(vec![ScalarValue::Decimal128(sum, 38, 0)])
    }

    fn merge_batch(&mut self, arrays: &[ArrayRef]) -> Result<()> {
        for sum in states(arrays)?.iter().flatten() {
            self.sum += sum;
            self.values += 1;
        }
        Ok(())
    }
}

/// A sum for each group.
#[derive(Debug, Default)]
struct IntegerSums(Vec<Option<i128>>);

impl IntegerSums {
    fn add(&mut self, group: usize, value: i128) {
        if let Some(sum) = self.0.get_mut(group) {
            *sum = Some(sum.unwrap_or(0) + value);
        }
    }
}

/// Which rows count.
fn counted(filter: Option<&BooleanArray>, row: usize) -> bool {
    filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row))
}

impl GroupsAccumulator for IntegerSums {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total_groups: usize,
    ) -> Result<()> {
        self.0.resize(total_groups, None);
        for (row, (value, group)) in integers(values)?.iter().zip(groups).enumerate() {
            if let Some(value) = value
                && counted(filter, row)
            {
                self.add(*group, value.into());
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let sums = emit.take_needed(&mut self.0);
        let sums =
            sums.into_iter().map(|sum| sum.map(as_integer).transpose()).collect::<Result<Int64Array>>()?;
        Ok(Arc::new(sums))
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![state_array(emit.take_needed(&mut self.0).into_iter())])
    }

    fn merge_batch(&mut self, arrays: &[ArrayRef], groups: &[usize], total_groups: usize) -> Result<()> {
        self.0.resize(total_groups, None);
        for (sum, group) in states(arrays)?.iter().zip(groups) {
            if let Some(sum) = sum {
                self.add(*group, sum);
            }
        }
        Ok(())
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let values = integers(values)?.iter().enumerate();
        Ok(vec![state_array(
            values.map(|(row, value)| value.filter(|_| counted(filter, row)).map(i128::from)),
        )])
    }

    fn size(&self) -> usize {
        self.0.capacity() * size_of::<Option<i128>>()
    }
}
