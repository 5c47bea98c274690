//! DataFusion's errors in the words of this project: a kind, a message for a user, the place in the SQL.

use datafusion::arrow::error::ArrowError;
use datafusion::common::{Column, DataFusionError, SchemaError, Span as LineSpan};

use crate::model::{Error, ErrorKind, Span, escape_control, sqlstate};
use crate::storage::closest;

use super::statement::{byte_of, decapitalize};

/// An error of ours on its way through DataFusion.
#[must_use]
pub fn to_datafusion(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// An error without a place.
#[must_use]
pub fn from_datafusion(error: &DataFusionError) -> Error {
    translate(error).0
}

/// An error of planning or running `sql`, with its place where it is known.
#[must_use]
pub fn from_datafusion_at(error: &DataFusionError, sql: &str) -> Error {
    let (error, span) = translate(error);
    match span {
        Some(span) if error.place().is_none() => {
            let start = byte_of(sql, span.start.line, span.start.column);
            let end = byte_of(sql, span.end.line, span.end.column).max(start);
            error.at_sql(sql, Span { start, end })
        }
        _ => error,
    }
}

fn translate(error: &DataFusionError) -> (Error, Option<LineSpan>) {
    match error {
        DataFusionError::Diagnostic(diagnostic, inner) => {
            let (error, span) = translate(inner);
            (error, span.or(diagnostic.span))
        }
        DataFusionError::Context(_, inner) => translate(inner),
        DataFusionError::Shared(inner) => translate(inner),
        DataFusionError::Collection(errors) => match errors.first() {
            Some(first) => translate(first),
            None => (Error::internal("an error without a reason"), None),
        },
        DataFusionError::SchemaError(schema, _) => schema_error(schema),
        other => (plain(other), None),
    }
}

fn plain(error: &DataFusionError) -> Error {
    match error {
        DataFusionError::External(source) => match source.downcast_ref::<Error>() {
            Some(own) => own.clone(),
            None => match source.downcast_ref::<DataFusionError>() {
                Some(inner) => from_datafusion(inner),
                None => Error::new(ErrorKind::Internal, first_line(&source.to_string())),
            },
        },
        DataFusionError::ArrowError(arrow, _) => arrow_error(arrow),
        DataFusionError::SQL(parser, _) => {
            Error::bad_input(first_line(&parser.to_string())).with_sqlstate(sqlstate::SYNTAX_ERROR)
        }
        DataFusionError::NotImplemented(text) if text.contains("does not support logical expression") => {
            Error::unsupported("a subquery of this form is not supported")
                .with_hint("write it as a join, or relate it to the outer query with = alone")
        }
        DataFusionError::NotImplemented(text) => Error::unsupported(first_line(text)),
        DataFusionError::Plan(text) if text.to_lowercase().contains("correlated scalar subquery") => {
            Error::unsupported("a correlated subquery of this form, or in this place, is not supported")
                .with_hint("let it give one aggregate, or join with a subquery in FROM")
        }
        DataFusionError::Plan(text) => plan_error(text),
        DataFusionError::Configuration(text)
        | DataFusionError::Execution(text)
        | DataFusionError::Substrait(text)
        | DataFusionError::Ffi(text) => Error::bad_input(first_line(text)),
        DataFusionError::ResourcesExhausted(text) => Error::out_of_space(format!(
            "the statement needs more memory than it may use: {}",
            first_line(text)
        ))
        .with_sqlstate(sqlstate::OUT_OF_MEMORY)
        .with_hint("raise the session's memory limit, or ask for fewer rows or columns"),
        DataFusionError::IoError(source) => Error::io("read or write a temporary file", source),
        DataFusionError::Internal(text) => Error::internal(first_line(text)),
        other => Error::internal(first_line(&other.to_string())),
    }
}

fn arrow_error(error: &ArrowError) -> Error {
    match error {
        ArrowError::ExternalError(source) => match source.downcast_ref::<Error>() {
            Some(own) => own.clone(),
            None => match source.downcast_ref::<DataFusionError>() {
                Some(inner) => from_datafusion(inner),
                None => Error::internal(first_line(&source.to_string())),
            },
        },
        ArrowError::DivideByZero => {
            Error::bad_input("division by zero").with_sqlstate(sqlstate::DIVISION_BY_ZERO)
        }
        ArrowError::ArithmeticOverflow(text) => {
            Error::bad_input(format!("number out of range: {}", first_line(text)))
                .with_sqlstate(sqlstate::NUMERIC_OUT_OF_RANGE)
        }
        ArrowError::NotYetImplemented(text) => Error::unsupported(first_line(text)),
        ArrowError::CastError(text) | ArrowError::ParseError(text) => {
            Error::bad_input(first_line(text)).with_sqlstate(sqlstate::INVALID_TEXT_REPRESENTATION)
        }
        ArrowError::ComputeError(text) | ArrowError::InvalidArgumentError(text) => {
            Error::bad_input(first_line(text)).with_sqlstate(sqlstate::DATA_EXCEPTION)
        }
        ArrowError::MemoryError(text) => {
            Error::out_of_space(first_line(text)).with_sqlstate(sqlstate::OUT_OF_MEMORY)
        }
        other => Error::internal(first_line(&other.to_string())),
    }
}

fn plan_error(text: &str) -> Error {
    if let Some(table) = text.strip_prefix("table '").and_then(|rest| rest.strip_suffix("' not found")) {
        // The catalog and the schema are always the same: only the name helps.
        let name = table.rsplit('.').next().unwrap_or(table);
        return Error::not_found(format!("no table {}", escape_control(name)))
            .with_sqlstate(sqlstate::UNDEFINED_TABLE);
    }
    if let Some((message, hint)) = text.split_once("\nDid you mean ") {
        return Error::not_found(first_line(message))
            .with_sqlstate(sqlstate::UNDEFINED_FUNCTION)
            .with_hint(format!("did you mean {}", first_line(hint)));
    }
    Error::bad_input(first_line(text)).with_sqlstate(code_of_plan_error(text))
}

/// The planner gives its errors in words alone.
fn code_of_plan_error(text: &str) -> &'static str {
    const WORDS: [(&str, &str); 5] = [
        ("Invalid function", sqlstate::UNDEFINED_FUNCTION),
        ("No function matches", sqlstate::UNDEFINED_FUNCTION),
        ("must appear in the GROUP BY clause", sqlstate::GROUPING_ERROR),
        ("Cannot coerce", sqlstate::DATATYPE_MISMATCH),
        ("Cannot infer common argument type", sqlstate::UNDEFINED_FUNCTION),
    ];
    let found = WORDS.iter().find(|(words, _)| text.contains(words));
    found.map_or(sqlstate::SYNTAX_OR_ACCESS_RULE, |(_, code)| code)
}

/// What is not supported, and what to do in its place.
pub(super) fn refuse(what: &str, hint: &str) -> Error {
    Error::unsupported(format!("{what} is not supported")).with_hint(hint)
}

/// The first names of a list, for a hint; those with a leading underscore are the system's.
pub(super) fn some_of<'n>(names: impl Iterator<Item = &'n str>) -> Option<String> {
    const MOST: usize = 12;
    let mut names: Vec<String> = names.filter(|name| !name.starts_with('_')).map(quoted).collect();
    let more = names.len().saturating_sub(MOST);
    names.truncate(MOST);
    if more > 0 {
        names.push(format!("{more} more"));
    }
    (!names.is_empty()).then(|| names.join(", "))
}

fn schema_error(error: &SchemaError) -> (Error, Option<LineSpan>) {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let mut error = Error::not_found(format!("no column {}", shown(field)))
                .with_sqlstate(sqlstate::UNDEFINED_COLUMN);
            let names = valid_fields.iter().map(|column| column.name.as_str());
            if let Some(near) = closest(&field.name, names) {
                error = error.with_hint(format!("did you mean {}?", quoted(near)));
            } else if let Some(relation) = &field.relation
                && !valid_fields.iter().any(|c| c.relation.as_ref() == Some(relation))
            {
                error = error.with_hint(format!("no table or alias {} stands in FROM", relation.table()));
            } else if let Some(names) = some_of(valid_fields.iter().map(|column| column.name.as_str())) {
                error = error.with_hint(format!("the columns are {names}"));
            }
            (error, field.spans().first())
        }
        SchemaError::AmbiguousReference { field } => {
            let error = Error::bad_input(format!("the column {} is ambiguous", quoted(&field.name)))
                .with_sqlstate(sqlstate::AMBIGUOUS_COLUMN)
                .with_hint(format!("name its table: t.{}", quoted(&field.name)));
            (error, field.spans().first())
        }
        SchemaError::DuplicateQualifiedField { name, .. }
        | SchemaError::DuplicateUnqualifiedField { name } => {
            let error = Error::bad_input(format!("two columns are named {}", quoted(name)))
                .with_sqlstate(sqlstate::DUPLICATE_COLUMN)
                .with_hint("give one of them another name with AS");
            (error, None)
        }
    }
}

fn shown(column: &Column) -> String {
    match &column.relation {
        Some(relation) => format!("{}.{}", relation.table(), quoted(&column.name)),
        None => quoted(&column.name),
    }
}

/// A name as it is written in SQL.
#[must_use]
pub fn quoted(name: &str) -> String {
    let plain = name.chars().next().is_some_and(|c| c.is_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if plain { name.to_owned() } else { format!("\"{}\"", escape_control(name).replace('"', "\"\"")) }
}

fn first_line(text: &str) -> String {
    const NOISE: [&str; 6] = [
        "Error during planning: ",
        "This feature is not implemented: ",
        "Execution error: ",
        "Arrow error: ",
        "External error: ",
        "SQL error: ",
    ];
    let mut line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("unknown error");
    while let Some(rest) = NOISE.iter().find_map(|noise| line.strip_prefix(noise)) {
        line = rest;
    }
    decapitalize(escape_control(line).trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_lose_the_planner_s_prefixes() {
        let error =
            from_datafusion(&DataFusionError::Plan("table 'aresadb.public.usr' not found".to_owned()));
        assert_eq!((error.kind(), error.message()), (ErrorKind::NotFound, "no table usr"));
        let error = DataFusionError::Context(
            "x".to_owned(),
            Box::new(DataFusionError::ArrowError(Box::new(ArrowError::DivideByZero), None)),
        );
        assert_eq!(from_datafusion(&error).message(), "division by zero");
        let own = to_datafusion(Error::cancelled());
        let shared = DataFusionError::Shared(std::sync::Arc::new(own));
        assert_eq!(from_datafusion(&shared).kind(), ErrorKind::Cancelled);
    }
}
