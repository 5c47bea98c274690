//! Tokens and their bytes.

use std::ops::Range;

use sqlparser::tokenizer::{Location, Token, TokenWithSpan};

use crate::model::Error;

/// A token and its bytes in the statement.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    pub(super) token: TokenWithSpan,
    pub(super) bytes: Range<usize>,
}

/// The bytes of all tokens, which come in the order of the text. Tokens without places keep none.
pub(super) fn place(sql: &str, tokens: Vec<TokenWithSpan>) -> Vec<Placed> {
    let (mut at, mut line, mut column) = (0usize, 1u64, 1u64);
    let mut byte = |place: Location| {
        while (line, column) < (place.line, place.column) {
            let Some(c) = sql.get(at..).and_then(|rest| rest.chars().next()) else { break };
            at += c.len_utf8();
            (line, column) = if c == '\n' { (line + 1, 1) } else { (line, column + 1) };
        }
        at
    };
    let placed = |token: TokenWithSpan| {
        let bytes = match token.span.start.line {
            0 => 0..0,
            _ => byte(token.span.start)..byte(token.span.end),
        };
        Placed { token, bytes }
    };
    tokens.into_iter().map(placed).collect()
}

/// Whether a token is this word, without quotes.
pub(super) fn is_word(token: &Token, word: &str) -> bool {
    matches!(token, Token::Word(w) if w.quote_style.is_none() && w.value.eq_ignore_ascii_case(word))
}

/// An error at bytes of the statement; without a place where the tokens have none.
pub(super) fn error_at(sql: &str, at: Range<usize>, error: Error) -> Error {
    if at.end == 0 { error } else { error.at_sql(sql, at) }
}

/// The characters of an operator or a bracket.
pub(super) fn signs_of(token: &Token) -> Option<String> {
    match token {
        Token::Word(_)
        | Token::Number(..)
        | Token::Char(_)
        | Token::Placeholder(_)
        | Token::Whitespace(_)
        | Token::EOF
        | Token::SingleQuotedString(_)
        | Token::DoubleQuotedString(_)
        | Token::TripleSingleQuotedString(_)
        | Token::TripleDoubleQuotedString(_)
        | Token::DollarQuotedString(_)
        | Token::SingleQuotedByteStringLiteral(_)
        | Token::DoubleQuotedByteStringLiteral(_)
        | Token::TripleSingleQuotedByteStringLiteral(_)
        | Token::TripleDoubleQuotedByteStringLiteral(_)
        | Token::SingleQuotedRawStringLiteral(_)
        | Token::DoubleQuotedRawStringLiteral(_)
        | Token::TripleSingleQuotedRawStringLiteral(_)
        | Token::TripleDoubleQuotedRawStringLiteral(_)
        | Token::NationalStringLiteral(_)
        | Token::QuoteDelimitedStringLiteral(_)
        | Token::NationalQuoteDelimitedStringLiteral(_)
        | Token::EscapedStringLiteral(_)
        | Token::UnicodeStringLiteral(_)
        | Token::HexStringLiteral(_) => None,
        other => Some(other.to_string()).filter(|signs| signs.is_ascii() && !signs.is_empty()),
    }
}
