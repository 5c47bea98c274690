//! Regular expressions as PostgreSQL reads them, for the engine that runs them.
//!
//! * `.` matches a line break; `\y`, `\m`, `\M` are the ends of words, `\b` is a backspace.
//! * In what replaces a match `\&` is the match and `$` only a sign.
//! * PostgreSQL takes the longest match, the engine the first alternative that fits: where that can
//!   make a difference (alternatives that begin alike, greedy beside reluctant), a function that gives the
//!   match away is refused. Whether there is a match is the same for both.

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use super::error::{refuse, to_datafusion};
use crate::model::{Error, Result as ModelResult};

/// What a text is to a function over regular expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Role {
    /// A pattern that is only tested.
    Tested,
    /// A pattern whose match counts.
    Found,
    /// What replaces a match.
    Replacement,
}

/// An expression with its patterns as the engine means them; its parts are done.
///
/// # Errors
/// `Unsupported` for a pattern that the engine would answer differently.
pub fn typed(expr: Expr) -> Result<Transformed<Expr>> {
    use Operator::{RegexIMatch, RegexMatch, RegexNotIMatch, RegexNotMatch};
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right })
            if matches!(op, RegexMatch | RegexIMatch | RegexNotMatch | RegexNotIMatch) =>
        {
            let right = Box::new(read(*right, Role::Tested)?);
            Ok(Transformed::yes(Expr::BinaryExpr(BinaryExpr { left, op, right })))
        }
        Expr::ScalarFunction(ScalarFunction { func, args }) => {
            let role = match func.name() {
                "regexp_like" => Role::Tested,
                "regexp_replace" | "regexp_match" | "regexp_count" | "regexp_instr" => Role::Found,
                _ => return Ok(Transformed::no(Expr::ScalarFunction(ScalarFunction { func, args }))),
            };
            let replaces = func.name() == "regexp_replace";
            let flags_at = if replaces { 3 } else { 2 };
            if let Some(Expr::Literal(value, _)) = args.get(flags_at)
                && let Some(Some(flags)) = value.try_as_str()
                && let Some(other) = flags.chars().find(|c| !"gis".contains(*c))
            {
                return Err(to_datafusion(refuse(
                    &format!("the flag '{other}' of a regular expression"),
                    "known are g and i",
                )));
            }
            let args = args
                .into_iter()
                .enumerate()
                .map(|(number, argument)| match number {
                    1 => read(argument, role),
                    2 if replaces => read(argument, Role::Replacement),
                    _ => Ok(argument),
                })
                .collect::<Result<Vec<_>>>()?;
            Ok(Transformed::yes(Expr::ScalarFunction(ScalarFunction { func, args })))
        }
        other => Ok(Transformed::no(other)),
    }
}

fn read(expr: Expr, role: Role) -> Result<Expr> {
    match expr {
        Expr::Literal(value, metadata) => {
            let Some(Some(text)) = value.try_as_str() else { return Ok(Expr::Literal(value, metadata)) };
            let made = role.read(text).map_err(to_datafusion)?;
            Ok(Expr::Literal(ScalarValue::Utf8(Some(made)), metadata))
        }
        other => {
            let function = Read { role, signature: Signature::any(1, Volatility::Immutable) };
            let udf = Arc::new(ScalarUDF::new_from_impl(function));
            Ok(Expr::ScalarFunction(ScalarFunction::new_udf(udf, vec![other])))
        }
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Read {
    role: Role,
    signature: Signature,
}

impl ScalarUDFImpl for Read {
    fn name(&self) -> &'static str {
        "regular expression"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        super::coerce::mapped(&call, |array| {
            let texts = cast(array, &DataType::Utf8)?;
            let Some(texts) = texts.as_string_opt::<i32>() else {
                return internal_err!("a regular expression of {}", array.data_type());
            };
            let made = texts.iter().map(|text| text.map(|text| self.role.read(text)).transpose());
            let made = made.collect::<ModelResult<StringArray>>().map_err(to_datafusion)?;
            Ok(Arc::new(made))
        })
    }
}

impl Role {
    fn read(self, text: &str) -> ModelResult<String> {
        match self {
            Role::Tested => pattern(text),
            Role::Found => {
                check_longest(text)?;
                pattern(text)
            }
            Role::Replacement => replacement(text),
        }
    }
}

fn refused(what: &str) -> Error {
    refuse(&format!("{what} in a regular expression"), "write the pattern without it")
}

/// A pattern in the engine's spelling.
fn pattern(text: &str) -> ModelResult<String> {
    if text.starts_with("***") {
        return Err(refused("***"));
    }
    if text.starts_with("(?") && !text.starts_with("(?:") && !text.starts_with("(?i)") {
        return Err(refused("an option, or a look at what stands around,"));
    }
    let mut made = String::from("(?s)");
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' => made.push_str(&escape(rest.next(), false)?),
            '[' => class(&mut rest, &mut made)?,
            '{' if !rest.peek().is_some_and(char::is_ascii_digit) => made.push_str("\\{"),
            other => made.push(other),
        }
    }
    Ok(made)
}

/// What stands behind a backslash.
fn escape(c: Option<char>, in_class: bool) -> ModelResult<String> {
    Ok(match c {
        None => return Err(Error::bad_input("a regular expression ends with a backslash")),
        Some('y') if !in_class => "\\b".to_owned(),
        Some('Y') if !in_class => "\\B".to_owned(),
        Some('m') if !in_class => "\\b{start}".to_owned(),
        Some('M') if !in_class => "\\b{end}".to_owned(),
        Some('Z') if !in_class => "\\z".to_owned(),
        Some('A') if !in_class => "\\A".to_owned(),
        Some('b') => "\\x08".to_owned(),
        Some('B') => "\\\\".to_owned(),
        Some('e') => "\\x1b".to_owned(),
        Some(c @ ('d' | 'w' | 's' | 'D' | 'W' | 'S' | 'a' | 'f' | 'n' | 'r' | 't' | 'v')) => {
            format!("\\{c}")
        }
        Some(c) if c.is_ascii_digit() => return Err(refused("a reference back")),
        Some(c) if c.is_ascii_alphabetic() => return Err(refused(&format!("\\{c}"))),
        Some(c @ ('<' | '>')) => c.to_string(),
        Some(c) if c.is_ascii() => format!("\\{c}"),
        Some(c) => c.to_string(),
    })
}

/// A list of characters, behind its `[`.
fn class(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, made: &mut String) -> ModelResult<()> {
    made.push('[');
    if rest.next_if_eq(&'^').is_some() {
        made.push('^');
    }
    let mut first = true;
    while let Some(c) = rest.next() {
        match c {
            ']' if first => made.push_str("\\]"),
            ']' => {
                made.push(']');
                return Ok(());
            }
            '\\' => made.push_str(&escape(rest.next(), true)?),
            '[' => match rest.peek() {
                Some(':') => {
                    made.push('[');
                    for c in rest.by_ref() {
                        made.push(c);
                        if c == ']' {
                            break;
                        }
                    }
                }
                Some('.' | '=') => return Err(refused("[. or [=")),
                _ => made.push_str("\\["),
            },
            // Signs of the engine's own.
            '&' | '~' => {
                made.push('\\');
                made.push(c);
            }
            '-' if rest.peek() == Some(&'-') => return Err(refused("-- in brackets")),
            other => made.push(other),
        }
        first = false;
    }
    Err(Error::bad_input("a bracket of a regular expression is not closed"))
}

/// What replaces a match, in the engine's spelling.
fn replacement(text: &str) -> ModelResult<String> {
    let mut made = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '$' => made.push_str("$$"),
            '\\' => match rest.next() {
                Some('&') => made.push_str("${0}"),
                Some(digit) if digit.is_ascii_digit() => {
                    made.push_str("${");
                    made.push(digit);
                    made.push('}');
                }
                Some('\\') if rest.clone().next().is_some_and(|c| c.is_ascii_digit()) => {
                    return Err(refused("\\\\ before a digit of the replacement"));
                }
                Some('\\') | None => made.push('\\'),
                Some(other) => {
                    made.push('\\');
                    made.push(other);
                }
            },
            other => made.push(other),
        }
    }
    Ok(made)
}

/// Refuses patterns whose longest match may not be the first one.
fn check_longest(text: &str) -> ModelResult<()> {
    let outside = outside_classes(text);
    let reluctant = outside.windows(2).any(|pair| matches!(pair, ['*' | '+' | '?' | '}', '?']));
    // `??` and `(?:` are no greedy signs of their own.
    let greedy = outside.iter().enumerate().any(|(at, c)| {
        let before = at.checked_sub(1).and_then(|before| outside.get(before));
        matches!(c, '*' | '+' | '?' | '}')
            && outside.get(at + 1) != Some(&'?')
            && !(*c == '?' && matches!(before, Some('*' | '+' | '?' | '}' | '(')))
    });
    if reluctant && greedy {
        return Err(refused("greedy beside reluctant repetition"));
    }
    let mut open: Vec<Vec<Option<char>>> = vec![vec![outside.first().copied()]];
    for (at, c) in outside.iter().enumerate() {
        let next = outside.get(at + 1).copied();
        match c {
            '(' => {
                let skip = if next == Some('?') { 3 } else { 1 };
                open.push(vec![outside.get(at + skip).copied()]);
            }
            '|' => open.last_mut().into_iter().for_each(|group| group.push(next)),
            ')' => check_alternatives(open.pop().unwrap_or_default())?,
            _ => {}
        }
    }
    open.into_iter().try_for_each(check_alternatives)
}

/// Alternatives that begin with different characters cannot both fit.
fn check_alternatives(mut begins: Vec<Option<char>>) -> ModelResult<()> {
    if begins.len() < 2 {
        return Ok(());
    }
    let plain = |c: &Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == ' ' || c == '-');
    let all_plain = begins.iter().all(plain);
    begins.sort_unstable();
    let count = begins.len();
    begins.dedup();
    if all_plain && begins.len() == count {
        return Ok(());
    }
    Err(refuse(
        "this | in a regular expression whose match counts",
        "PostgreSQL takes the longest alternative: let each begin with another letter, or only test with ~",
    ))
}

/// The signs of a pattern outside of brackets; what is escaped, and brackets, as a control character.
fn outside_classes(text: &str) -> Vec<char> {
    let mut made = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' => {
                rest.next();
                made.push('\0');
            }
            '[' => {
                let mut class_text = String::new();
                if class(&mut rest, &mut class_text).is_err() {
                    return made;
                }
                made.push('\0');
            }
            other => made.push(other),
        }
    }
    made
}

/// A pattern of SIMILAR TO as a regular expression.
///
/// # Errors
/// `BadInput` for an escape character at the end.
pub fn similar(text: &str, escape: Option<char>) -> ModelResult<String> {
    let mut made = String::from("^(?:");
    let mut rest = text.chars();
    let mut in_class = false;
    while let Some(c) = rest.next() {
        if Some(c) == escape {
            let Some(next) = rest.next() else {
                return Err(Error::bad_input("a pattern may not end with its escape character"));
            };
            if next == '"' {
                return Err(refuse("an escaped quote in SIMILAR TO", "use ~ with a regular expression"));
            }
            if next.is_ascii() && !next.is_ascii_alphanumeric() {
                made.push('\\');
            }
            made.push(next);
            continue;
        }
        match c {
            '[' => in_class = true,
            ']' => in_class = false,
            '\\' => made.push('\\'),
            _ => {}
        }
        match c {
            '%' if !in_class => made.push_str(".*"),
            '_' if !in_class => made.push('.'),
            '(' if !in_class => made.push_str("(?:"),
            '.' | '^' | '$' if !in_class => {
                made.push('\\');
                made.push(c);
            }
            other => made.push(other),
        }
    }
    made.push_str(")$");
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_in_the_engines_spelling() {
        assert_eq!(pattern("a.b").unwrap(), "(?s)a.b");
        assert_eq!(pattern(r"\yfoo\M").unwrap(), r"(?s)\bfoo\b{end}");
        assert_eq!(pattern("[]a[&]{x").unwrap(), r"(?s)[\]a\[\&]\{x");
        assert_eq!(pattern("[[:alpha:]_]+").unwrap(), "(?s)[[:alpha:]_]+");
        assert!(pattern(r"(a)\1").is_err() && pattern("(?=a)").is_err() && pattern("[a").is_err());
    }

    #[test]
    fn replacements_in_the_engines_spelling() {
        assert_eq!(replacement(r"[\&] $1 \1").unwrap(), "[${0}] $$1 ${1}");
    }

    #[test]
    fn matches_that_may_not_be_the_longest() {
        for fine in ["a|b", "(foo|bar)+", "a*b+", "a*?", "x", "[|]a", "(?:a|b)?"] {
            assert!(check_longest(fine).is_ok(), "{fine}");
        }
        for wrong in ["a|ab", "(foo|f)", "a*?b+", "a|", "(.|a)"] {
            assert!(check_longest(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn similar_to_is_the_whole_text() {
        assert_eq!(similar("%(b|d)%", Some('\\')).unwrap(), "^(?:.*(?:b|d).*)$");
        assert_eq!(similar("a.c", Some('\\')).unwrap(), r"^(?:a\.c)$");
        assert_eq!(similar("50!%", Some('!')).unwrap(), r"^(?:50\%)$");
    }
}
