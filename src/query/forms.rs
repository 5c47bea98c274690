//! Expressions that DataFusion has under another form, or with another meaning, as PostgreSQL means
//! them; on the syntax tree.
//!
//! Row values are compared column by column; LIKE's ESCAPE is put into the pattern; subscripts count
//! from 1 and never from the end; `->` gives JSON; patterns of `to_char` are PostgreSQL's; seconds have
//! their fraction. What has no such form is left to the planner, or refused where it would answer wrong.

use sqlparser::ast::{
    self, AccessExpr, BinaryOperator, CastKind, DataType, DateTimeField, Expr, Function, FunctionArg,
    FunctionArgExpr, FunctionArguments, Ident, ObjectName, ObjectNamePart, Subscript, UnaryOperator, Value,
};

use super::error::refuse;
use super::subquery::call;
use crate::model::{Error, Result, parse_json};

/// What an expression becomes, where it becomes another.
///
/// # Errors
/// `Unsupported` for what would be answered wrong, `BadInput` for a literal that is none.
pub fn corrected(expr: &Expr) -> Result<Option<Expr>> {
    match expr {
        Expr::BinaryOp { left, op, right } => binary(left, op, right),
        Expr::InList { expr: value, list, negated } => match row(value) {
            Some(values) => row_in_list(&values, list, *negated).map(Some),
            None => Ok(None),
        },
        Expr::IsNull(inner) => Ok(row(inner).and_then(|values| all(values, Expr::IsNull))),
        Expr::IsNotNull(inner) => Ok(row(inner).and_then(|values| all(values, Expr::IsNotNull))),
        Expr::IsDistinctFrom(a, b) => row_distinct(a, b, true),
        Expr::IsNotDistinctFrom(a, b) => row_distinct(a, b, false),
        Expr::UnaryOp { op: UnaryOperator::BitwiseNot, expr } => {
            Ok(Some(nested(binary_op(expr.as_ref().clone(), BinaryOperator::PGBitwiseXor, number("-1")))))
        }
        Expr::Like { negated, any: false, expr, pattern, escape_char: Some(escape) } => {
            let pattern = Box::new(escaped(pattern, &escape.value)?);
            let (negated, expr) = (*negated, expr.clone());
            Ok(Some(Expr::Like { negated, any: false, expr, pattern, escape_char: None }))
        }
        Expr::ILike { negated, any: false, expr, pattern, escape_char: Some(escape) } => {
            let pattern = Box::new(escaped(pattern, &escape.value)?);
            let (negated, expr) = (*negated, expr.clone());
            Ok(Some(Expr::ILike { negated, any: false, expr, pattern, escape_char: None }))
        }
        Expr::Collate { expr, collation } => {
            // Text is ordered by its bytes, as in these.
            let name = collation.0.last().and_then(ObjectNamePart::as_ident).map(|i| i.value.to_lowercase());
            match name.as_deref() {
                Some("c" | "posix" | "ucs_basic") => Ok(Some(expr.as_ref().clone())),
                _ => Err(refuse("a collation other than \"C\"", "text is ordered by its bytes")),
            }
        }
        Expr::Extract { field: DateTimeField::Second | DateTimeField::Seconds, expr, .. } => {
            Ok(Some(seconds(expr.as_ref().clone(), "0.000001")))
        }
        Expr::Extract { field: DateTimeField::Millisecond | DateTimeField::Milliseconds, expr, .. } => {
            Ok(Some(seconds(expr.as_ref().clone(), "0.001")))
        }
        Expr::Interval(interval) => Ok(plain_interval(interval)),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match expr.as_ref() {
            inner @ Expr::Interval(_) => Ok(Some(call(super::interval::MINUS, vec![inner.clone()]))),
            _ => Ok(None),
        },
        Expr::SimilarTo { negated, expr, pattern, escape_char } => {
            similar_to(*negated, expr, pattern, escape_char.as_ref().map(|e| &e.value)).map(Some)
        }
        Expr::Substring {
            expr,
            substring_from: Some(pattern),
            substring_for: None,
            shorthand: false,
            ..
        } if text_of(pattern).is_some() => {
            // What the first parentheses hold, or the whole match.
            let found = call("regexp_match", vec![expr.as_ref().clone(), pattern.as_ref().clone()]);
            Ok(Some(call("array_element", vec![found, number("1")])))
        }
        Expr::CompoundFieldAccess { root, access_chain } => Ok(subscripts(root, access_chain)),
        Expr::Cast { kind: CastKind::Cast | CastKind::DoubleColon, expr, data_type, .. } => {
            if matches!(data_type, DataType::JSON | DataType::JSONB)
                && let Some(text) = text_of(expr)
            {
                parse_json(text)?;
            }
            match (data_type, text_of(expr)) {
                (DataType::Array(ast::ArrayElemTypeDef::SquareBracket(item, _)), Some(text)) => {
                    array_of_text(text, item).map(Some)
                }
                _ => Ok(None),
            }
        }
        Expr::Function(function) => function_of(function),
        _ => Ok(None),
    }
}

fn binary(left: &Expr, op: &BinaryOperator, right: &Expr) -> Result<Option<Expr>> {
    if let (Some(left), Some(right)) = (row(left), row(right)) {
        return compare_rows(&left, op, &right).map(Some);
    }
    Ok(match op {
        BinaryOperator::Arrow => Some(call("json_get_json", vec![left.clone(), right.clone()])),
        BinaryOperator::HashArrow => Some(call("json_get_json", with_path(left, right)?)),
        BinaryOperator::HashLongArrow => Some(call("json_as_text", with_path(left, right)?)),
        BinaryOperator::PGOverlap => Some(call("array_has_any", vec![left.clone(), right.clone()])),
        BinaryOperator::Question | BinaryOperator::QuestionAnd | BinaryOperator::QuestionPipe => {
            return Err(refuse(&format!("the operator {op}"), "use json_contains(column, 'key')"));
        }
        _ => None,
    })
}

/// The values of `(a, b)` or `ROW(a, b)`.
fn row(expr: &Expr) -> Option<Vec<Expr>> {
    match expr {
        Expr::Tuple(values) if values.len() > 1 => Some(values.clone()),
        Expr::Nested(inner) => row(inner),
        Expr::Function(function) if function.name.to_string().eq_ignore_ascii_case("row") => {
            arguments(function).map(|values| values.into_iter().cloned().collect())
        }
        _ => None,
    }
}

/// A function's plain arguments.
fn arguments(function: &Function) -> Option<Vec<&Expr>> {
    let FunctionArguments::List(list) = &function.args else { return None };
    list.args
        .iter()
        .map(|argument| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
            _ => None,
        })
        .collect()
}

fn binary_op(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
}

fn nested(expr: Expr) -> Expr {
    Expr::Nested(Box::new(expr))
}

fn number(digits: &str) -> Expr {
    Expr::Value(Value::Number(digits.to_owned(), false).into())
}

fn float(expr: Expr) -> Expr {
    Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(expr),
        data_type: DataType::DoublePrecision,
        array: false,
        format: None,
    }
}

fn text(text: &str) -> Expr {
    Expr::Value(Value::SingleQuotedString(text.to_owned()).into())
}

fn text_of(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) => Some(text),
            Value::DollarQuotedString(text) => Some(&text.value),
            _ => None,
        },
        Expr::Nested(inner) => text_of(inner),
        _ => None,
    }
}

fn all(values: Vec<Expr>, test: fn(Box<Expr>) -> Expr) -> Option<Expr> {
    values
        .into_iter()
        .map(|value| test(Box::new(nested(value))))
        .reduce(|a, b| binary_op(a, BinaryOperator::And, b))
        .map(nested)
}

fn same_length(left: &[Expr], right: &[Expr]) -> Result<()> {
    if left.len() == right.len() {
        return Ok(());
    }
    Err(Error::bad_input(format!("a row of {} values is compared with one of {}", left.len(), right.len())))
}

/// Rows compared from the left, at the first values that differ.
fn compare_rows(left: &[Expr], op: &BinaryOperator, right: &[Expr]) -> Result<Expr> {
    use BinaryOperator::{And, Eq, Gt, GtEq, Lt, LtEq, NotEq, Or};
    same_length(left, right)?;
    let pairs = || left.iter().map(|l| nested(l.clone())).zip(right.iter().map(|r| nested(r.clone())));
    let strict = match op {
        Eq => return Ok(joined(pairs().map(|(l, r)| binary_op(l, Eq, r)), And)),
        NotEq => return Ok(joined(pairs().map(|(l, r)| binary_op(l, NotEq, r)), Or)),
        Lt | LtEq => Lt,
        Gt | GtEq => Gt,
        other => return Err(refuse(&format!("{other} between rows"), "compare their columns")),
    };
    let mut pairs = pairs().rev();
    let Some((l, r)) = pairs.next() else { return Err(Error::internal("an empty row")) };
    let last = binary_op(l, op.clone(), r);
    Ok(pairs.fold(nested(last), |rest, (l, r)| {
        let equal = binary_op(binary_op(l.clone(), Eq, r.clone()), And, rest);
        nested(binary_op(binary_op(l, strict.clone(), r), Or, nested(equal)))
    }))
}

fn joined(parts: impl Iterator<Item = Expr>, op: BinaryOperator) -> Expr {
    let whole = parts.reduce(|a, b| binary_op(a, op.clone(), b));
    nested(whole.unwrap_or(Expr::Value(Value::Boolean(true).into())))
}

fn row_in_list(values: &[Expr], list: &[Expr], negated: bool) -> Result<Expr> {
    let parts = list
        .iter()
        .map(|item| match row(item) {
            Some(item) => compare_rows(values, &BinaryOperator::Eq, &item),
            None => Err(Error::bad_input("a row is compared with a value that is none")),
        })
        .collect::<Result<Vec<_>>>()?;
    let found = joined(parts.into_iter(), BinaryOperator::Or);
    Ok(if negated { nested(Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(found) }) } else { found })
}

fn row_distinct(a: &Expr, b: &Expr, distinct: bool) -> Result<Option<Expr>> {
    let (Some(a), Some(b)) = (row(a), row(b)) else { return Ok(None) };
    same_length(&a, &b)?;
    let pairs = a.into_iter().zip(b).map(|(a, b)| (Box::new(nested(a)), Box::new(nested(b))));
    Ok(Some(if distinct {
        joined(pairs.map(|(a, b)| Expr::IsDistinctFrom(a, b)), BinaryOperator::Or)
    } else {
        joined(pairs.map(|(a, b)| Expr::IsNotDistinctFrom(a, b)), BinaryOperator::And)
    }))
}

/// A pattern with its escape character as a backslash, the one the planner knows.
fn escaped(pattern: &Expr, escape: &Value) -> Result<Expr> {
    let escape = match escape {
        Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) => text.as_str(),
        _ => return Err(refuse("an ESCAPE that is no literal", "write the character in quotes")),
    };
    if escape == "\\" {
        return Ok(pattern.clone());
    }
    let mut characters = escape.chars();
    let (escape, more) = (characters.next(), characters.next());
    if more.is_some() {
        return Err(Error::bad_input("an ESCAPE is one character, or none"));
    }
    let Some(pattern) = text_of(pattern) else {
        return Err(refuse(
            "LIKE ... ESCAPE with a pattern that is no literal",
            "escape with \\, and leave ESCAPE out",
        ));
    };
    let mut made = String::with_capacity(pattern.len() + 4);
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        if Some(c) == escape {
            let Some(next) = rest.next() else {
                return Err(Error::bad_input("a LIKE pattern may not end with its escape character"));
            };
            made.push('\\');
            made.push(next);
        } else if c == '\\' {
            made.push_str("\\\\");
        } else {
            made.push(c);
        }
    }
    Ok(text(&made))
}

/// Seconds, or a part of them, with their fraction: the planner's own have none.
fn seconds(of: Expr, unit: &str) -> Expr {
    let micros = call("date_part", vec![text("microsecond"), of]);
    let of_minute = nested(binary_op(micros, BinaryOperator::Modulo, number("60000000")));
    nested(binary_op(of_minute, BinaryOperator::Multiply, number(unit)))
}

/// `INTERVAL '...'` without fields is a cast of text.
fn plain_interval(interval: &ast::Interval) -> Option<Expr> {
    let ast::Interval {
        value,
        leading_field: None,
        leading_precision: None,
        last_field: None,
        fractional_seconds_precision: None,
    } = interval
    else {
        return None;
    };
    // Words alone are known to the planner, and have to stay where frames count in intervals.
    text_of(value).filter(|text| text.contains(':'))?;
    Some(Expr::Cast {
        kind: CastKind::Cast,
        expr: value.clone(),
        data_type: DataType::Interval { fields: None, precision: None },
        array: false,
        format: None,
    })
}

/// `'{1,2}'::INT[]` as an array of its items.
fn array_of_text(literal: &str, item: &DataType) -> Result<Expr> {
    let cast = |expr: Expr, data_type: DataType| Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(expr),
        data_type,
        array: false,
        format: None,
    };
    let items = literal.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let Some(items) = items.filter(|items| !items.contains(['{', '"', '\\'])) else {
        return Err(refuse("an array written as this text", "write ARRAY[...]"));
    };
    let null = || Expr::Value(Value::Null.into());
    if items.trim().is_empty() {
        return Err(refuse("an empty array with a type", "take the items away: array_remove(ARRAY[1], 1)"));
    }
    let elem = items
        .split(',')
        .map(str::trim)
        .map(|part| {
            let value = if part.eq_ignore_ascii_case("null") { null() } else { text(part) };
            cast(value, item.clone())
        })
        .collect();
    Ok(Expr::Array(ast::Array { elem, named: true }))
}

/// SIMILAR TO as a regular expression.
fn similar_to(negated: bool, value: &Expr, pattern: &Expr, escape: Option<&Value>) -> Result<Expr> {
    let escape = match escape {
        None => Some('\\'),
        Some(Value::SingleQuotedString(text)) if text.chars().count() < 2 => text.chars().next(),
        Some(_) => return Err(Error::bad_input("an ESCAPE is one character, or none")),
    };
    let Some(pattern) = text_of(pattern) else {
        return Err(refuse(
            "SIMILAR TO with a pattern that is no literal",
            "use ~ with a regular expression: '^(...)$'",
        ));
    };
    let pattern = text(&super::regex::similar(pattern, escape)?);
    let op = if negated { BinaryOperator::PGRegexNotMatch } else { BinaryOperator::PGRegexMatch };
    Ok(nested(binary_op(nested(value.clone()), op, pattern)))
}

/// Subscripts: the planner counts negative ones from the end.
fn subscripts(root: &Expr, chain: &[AccessExpr]) -> Option<Expr> {
    let mut changed = false;
    let chain = chain
        .iter()
        .map(|access| match access {
            AccessExpr::Subscript(Subscript::Index { index }) if !is_position(index) => {
                changed = true;
                let index = call("greatest", vec![index.clone(), number("0")]);
                AccessExpr::Subscript(Subscript::Index { index })
            }
            other => other.clone(),
        })
        .collect();
    changed.then(|| Expr::CompoundFieldAccess { root: Box::new(root.clone()), access_chain: chain })
}

fn is_position(index: &Expr) -> bool {
    match index {
        Expr::Value(_) => true,
        Expr::Function(function) => function.name.to_string() == "\"greatest\"",
        _ => false,
    }
}

fn function_of(function: &Function) -> Result<Option<Expr>> {
    let name = match function.name.0.as_slice() {
        [ObjectNamePart::Identifier(name)] if name.quote_style.is_none() => name.value.to_lowercase(),
        _ => return Ok(None),
    };
    let renamed = |to: &str| {
        let mut function = function.clone();
        function.name = ObjectName(vec![ObjectNamePart::Identifier(Ident::with_quote('"', to))]);
        Expr::Function(function)
    };
    let arguments = arguments(function).unwrap_or_default();
    Ok(Some(match (name.as_str(), arguments.as_slice()) {
        // These take the first of equal values alone.
        ("array_remove", _) => renamed("array_remove_all"),
        ("array_replace", _) => renamed("array_replace_all"),
        ("array_length", _) => call("nullif", vec![renamed("array_length"), number("0")]),
        ("array_dims", _) => return Err(refuse("array_dims", "use array_length and array_ndims")),
        ("every", _) => renamed("bool_and"),
        ("sign", [_]) => renamed("signum"),
        ("mod", [a, b]) => {
            let (a, b) = (nested((*a).clone()), nested((*b).clone()));
            nested(binary_op(a, BinaryOperator::Modulo, b))
        }
        ("variance", _) => renamed("var_samp"),
        ("generate_series", _) => call("unnest", vec![renamed("generate_series")]),
        ("date_part", [field, value])
            if text_of(field).is_some_and(|f| matches!(f.to_lowercase().as_str(), "second" | "seconds")) =>
        {
            float(seconds((*value).clone(), "0.000001"))
        }
        ("to_char", [value, pattern]) => {
            let pattern = text_of(pattern).ok_or_else(no_literal)?;
            call("to_char", vec![(*value).clone(), text(&strftime(pattern)?)])
        }
        ("to_char", _) => return Err(Error::bad_input("to_char takes a time and a pattern")),
        ("to_date" | "to_timestamp", [value, pattern]) => {
            let pattern = text_of(pattern).ok_or_else(no_literal)?;
            call(&name, vec![(*value).clone(), text(&strftime(pattern)?)])
        }
        _ => return Ok(None),
    }))
}

fn no_literal() -> Error {
    refuse("a pattern of to_char, to_date or to_timestamp that is no literal", "write it in quotes")
}

/// PostgreSQL's patterns of times, longest first, as strftime has them.
const PATTERNS: [(&str, &str); 31] = [
    ("FMMonth", "%B"),
    ("FMDay", "%A"),
    ("FMDD", "%-d"),
    ("FMMM", "%-m"),
    ("FMHH24", "%-H"),
    ("FMHH12", "%-I"),
    ("HH24", "%H"),
    ("HH12", "%I"),
    ("YYYY", "%Y"),
    ("IYYY", "%G"),
    ("DDD", "%j"),
    ("Mon", "%b"),
    ("YY", "%y"),
    ("MM", "%m"),
    ("DD", "%d"),
    ("Dy", "%a"),
    ("HH", "%I"),
    ("MI", "%M"),
    ("SS", "%S"),
    ("MS", "%3f"),
    ("US", "%6f"),
    ("IW", "%V"),
    ("ID", "%u"),
    ("AM", "%p"),
    ("PM", "%p"),
    ("am", "%P"),
    ("pm", "%P"),
    ("yyyy", "%Y"),
    ("mm", "%m"),
    ("dd", "%d"),
    ("hh24", "%H"),
];

fn strftime(pattern: &str) -> Result<String> {
    let mut made = String::new();
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        if let Some((known, format)) = PATTERNS.iter().find(|(known, _)| rest.starts_with(known)) {
            made.push_str(format);
            rest = rest.get(known.len()..).unwrap_or_default();
        } else if c == '"' {
            let quoted = rest.get(1..).unwrap_or_default();
            let (literal, after) = quoted.split_once('"').unwrap_or((quoted, ""));
            made.push_str(&literal.replace('%', "%%"));
            rest = after;
        } else if c.is_alphanumeric() {
            return Err(refuse(
                &format!("the pattern '{rest}' of to_char, to_date or to_timestamp"),
                "known are YYYY, YY, MM, Mon, FMMonth, DD, DDD, Dy, FMDay, HH24, HH12, MI, SS, MS, US, AM, IYYY, IW, ID, and text in double quotes",
            ));
        } else {
            made.push_str(if c == '%' { "%%" } else { "" });
            if c != '%' {
                made.push(c);
            }
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
        }
    }
    Ok(made)
}

/// A JSON value and the steps of a path like `{a,b}`.
fn with_path(value: &Expr, path: &Expr) -> Result<Vec<Expr>> {
    let steps = text_of(path).and_then(|path| path.strip_prefix('{')?.strip_suffix('}'));
    let plain = steps.filter(|steps| {
        !steps.contains(['"', '\\', '{'])
            && !steps.split(',').any(|step| step.is_empty() || step.trim().parse::<i64>().is_ok())
    });
    let Some(steps) = plain else {
        return Err(refuse("a path of this form", "write -> and ->> step by step: j->'a'->0->>'b'"));
    };
    let mut arguments = vec![value.clone()];
    arguments.extend(steps.split(',').map(|step| text(step.trim())));
    Ok(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_times() {
        assert_eq!(strftime("YYYY-MM-DD HH24:MI:SS.MS").unwrap(), "%Y-%m-%d %H:%M:%S.%3f");
        assert!(strftime("\"at\" HH12 AM, 100%").is_err());
        assert_eq!(strftime("\"at 100%\" HH12 AM").unwrap(), "at 100%% %I %p");
        assert!(strftime("Month").is_err() && strftime("999").is_err());
    }

    #[test]
    fn an_escape_becomes_a_backslash() {
        let made = |pattern, escape: &str| {
            escaped(&text(pattern), &Value::SingleQuotedString(escape.to_owned()))
                .map(|made| text_of(&made).unwrap().to_owned())
        };
        assert_eq!(made("50!%", "!").unwrap(), "50\\%");
        assert_eq!(made("a\\b%", "!").unwrap(), "a\\\\b%");
        assert_eq!(made("a!b", "").unwrap(), "a!b");
        assert!(made("a!", "!").is_err() && made("a", "xy").is_err());
    }
}
