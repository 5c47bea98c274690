//! SQL's type names: in CREATE TABLE as property types, in expressions as Arrow types.
//!
//! Both follow one table, so that `CAST(x AS INTEGER)` and a column declared INTEGER are the same type.

use datafusion::arrow::datatypes::FieldRef;
use datafusion::common::Result as DataFusionResult;
use datafusion::logical_expr::planner::TypePlanner;
use sqlparser::ast::{ArrayElemTypeDef, DataType, ExactNumberInfo, ObjectNamePart};

use crate::model::{Error, PropertyType, Result};

use super::arrow_value::field_of;
use super::error::to_datafusion;

/// What DECIMAL without digits means: as many as there are, and enough behind the point for money
/// and measures.
const DEFAULT_DECIMAL: PropertyType = PropertyType::Decimal { precision: 38, scale: 10 };

/// The property type of an SQL type name.
///
/// # Errors
/// `Unsupported` for types that are not stored; `BadInput` for impossible digits or dimensions.
pub fn property_type(sql_type: &DataType) -> Result<PropertyType> {
    Ok(match sql_type {
        DataType::Bool | DataType::Boolean => PropertyType::Boolean,
        DataType::SmallInt(_)
        | DataType::Int2(_)
        | DataType::Int(_)
        | DataType::Int4(_)
        | DataType::Int8(_)
        | DataType::Integer(_)
        | DataType::BigInt(_)
        | DataType::TinyInt(_)
        | DataType::MediumInt(_)
        | DataType::Int32
        | DataType::Int64 => PropertyType::Integer,
        DataType::Float(_)
        | DataType::Float4
        | DataType::Float8
        | DataType::Float32
        | DataType::Float64
        | DataType::Real
        | DataType::Double(_)
        | DataType::DoublePrecision => PropertyType::Float,
        DataType::Text
        | DataType::String(_)
        | DataType::Varchar(None)
        | DataType::CharacterVarying(None)
        | DataType::CharVarying(None) => PropertyType::String,
        DataType::Char(_)
        | DataType::Character(_)
        | DataType::Varchar(Some(_))
        | DataType::CharacterVarying(Some(_))
        | DataType::CharVarying(Some(_)) => {
            return Err(Error::unsupported(format!("{sql_type}: text has no length of its own"))
                .with_hint("use TEXT"));
        }
        DataType::Timestamp(..) | DataType::Datetime(_) => PropertyType::Timestamp,
        DataType::Date => PropertyType::Date,
        DataType::Time(..) => PropertyType::Time,
        DataType::Interval { .. } => PropertyType::Interval,
        DataType::Decimal(info) | DataType::Numeric(info) | DataType::Dec(info) => decimal(info)?,
        DataType::Uuid => PropertyType::Uuid,
        DataType::Bytea | DataType::Blob(_) => PropertyType::Bytes,
        DataType::JSON | DataType::JSONB => PropertyType::Json,
        DataType::Custom(name, arguments) => match name.0.as_slice() {
            [ObjectNamePart::Identifier(name)] if name.value.eq_ignore_ascii_case("vector") => {
                vector(arguments)?
            }
            _ => return Err(unknown(sql_type)),
        },
        DataType::Array(_) => {
            return Err(Error::unsupported(format!("the type {sql_type}"))
                .with_hint("use JSON for arrays, VECTOR(n) for embeddings"));
        }
        other => return Err(unknown(other)),
    })
}

fn unknown(sql_type: &DataType) -> Error {
    Error::unsupported(format!("the type {sql_type}")).with_hint(
        "types are BOOLEAN, INTEGER, FLOAT, DECIMAL(p,s), TEXT, TIMESTAMP, DATE, TIME, INTERVAL, UUID, BYTEA, JSON, VECTOR(n)",
    )
}

fn decimal(info: &ExactNumberInfo) -> Result<PropertyType> {
    let wrong =
        || Error::bad_input("a DECIMAL has 1 to 38 digits, of which at most all stand behind the point");
    let (precision, scale) = match *info {
        ExactNumberInfo::None => return Ok(DEFAULT_DECIMAL),
        ExactNumberInfo::Precision(precision) => (precision, 0),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => (precision, scale),
    };
    let precision = u8::try_from(precision).ok().filter(|p| (1..=38).contains(p)).ok_or_else(wrong)?;
    let scale = i8::try_from(scale).ok().filter(|s| (0..=38).contains(s)).ok_or_else(wrong)?;
    if i16::from(scale) > i16::from(precision) {
        return Err(wrong());
    }
    Ok(PropertyType::Decimal { precision, scale })
}

fn vector(arguments: &[String]) -> Result<PropertyType> {
    const MOST: u32 = 65_536;
    match arguments {
        [] => Ok(PropertyType::Vector { dimension: None }),
        [n] => match n.parse::<u32>() {
            Ok(n) if (1..=MOST).contains(&n) => Ok(PropertyType::Vector { dimension: Some(n) }),
            _ => Err(Error::bad_input(format!("a VECTOR has 1 to {MOST} dimensions"))),
        },
        _ => Err(Error::bad_input("a VECTOR has one number of dimensions")),
    }
}

/// Gives DataFusion the types of casts and typed literals.
#[derive(Debug)]
pub struct SqlTypes;

impl TypePlanner for SqlTypes {
    fn plan_type_field(&self, sql_type: &DataType) -> DataFusionResult<Option<FieldRef>> {
        // Arrays are values of expressions, though no property type. A length of VARCHAR is ignored
        // nowhere: the cast would have to cut.
        if let DataType::Array(ArrayElemTypeDef::SquareBracket(..) | ArrayElemTypeDef::AngleBracket(_)) =
            sql_type
        {
            return Ok(None);
        }
        let property_type = property_type(sql_type).map_err(to_datafusion)?;
        Ok(Some(FieldRef::new(field_of("", property_type, true))))
    }
}

#[cfg(test)]
mod tests {
    use sqlparser::ast;

    use super::super::statement::{Statement, parse};
    use super::*;

    fn of(sql_type: &str) -> Result<PropertyType> {
        let Statement::Sql(statement) = parse(&format!("CREATE TABLE t (c {sql_type})"))? else {
            panic!("not SQL");
        };
        match *statement {
            ast::Statement::CreateTable(create) => property_type(&create.columns.first().unwrap().data_type),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn names_of_types() {
        for (name, expected) in [
            ("bigint", PropertyType::Integer),
            ("SMALLINT", PropertyType::Integer),
            ("double precision", PropertyType::Float),
            ("real", PropertyType::Float),
            ("VARCHAR", PropertyType::String),
            ("TIMESTAMP WITH TIME ZONE", PropertyType::Timestamp),
            ("timestamptz", PropertyType::Timestamp),
            ("decimal(10,2)", PropertyType::Decimal { precision: 10, scale: 2 }),
            ("numeric(5)", PropertyType::Decimal { precision: 5, scale: 0 }),
            ("vector(3)", PropertyType::Vector { dimension: Some(3) }),
            ("VECTOR", PropertyType::Vector { dimension: None }),
            ("jsonb", PropertyType::Json),
            ("uuid", PropertyType::Uuid),
            ("bytea", PropertyType::Bytes),
            ("interval", PropertyType::Interval),
        ] {
            assert_eq!(of(name).unwrap(), expected, "{name}");
        }
        for wrong in ["varchar(10)", "decimal(39,2)", "decimal(3,4)", "vector(0)", "int[]", "money", "xml"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }
}
