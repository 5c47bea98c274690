//! Cutting GRAPH_TABLE out of a statement.
//!
//! Each `GRAPH_TABLE ( ... )` in FROM becomes a call of a table function that does not exist,
//! `aresadb_graph_table(n)`, and the body becomes a [`GraphTable`]. The tokens around keep their places in
//! the text as it was given, so that errors found later keep line and column. A table within the body of another (in a subquery of its WHERE) is cut
//! first, and its call stands in the body's expression.
//!
//! Whether a comma or a parenthesis before the word stands in FROM is known from the clauses: the last of
//! SELECT, FROM, WHERE and so on at the same level of parentheses.

use std::ops::Range;

use sqlparser::tokenizer::{Span as LineSpan, Token, TokenWithSpan, Tokenizer, Whitespace, Word};

use super::ast::GraphTable;
use super::parse::graph_table;
use super::placed::{Placed, error_at, is_word, place};
use crate::model::{Error, Place, Result, Span, sqlstate};
use crate::query::dialect::DIALECT;
use crate::query::statement::MAX_DEPTH;

/// The table function that stands for a GRAPH_TABLE; its argument is the number of the table. It can not
/// be written in SQL: [`cut`] refuses it.
pub const PLACEHOLDER: &str = "aresadb_graph_table";

/// A statement without its GRAPH_TABLEs.
#[derive(Debug, Clone)]
pub struct Cut {
    /// The tokens, for the SQL parser. The ones of a call have the places of what they stand for. LATERAL
    /// stands before a call whose table may use names from around it.
    pub tokens: Vec<TokenWithSpan>,
    /// The tables; a call's argument is the index. The tables within another stand before it.
    pub tables: Vec<GraphTable>,
}

impl Cut {
    /// The tokens, for the SQL parser. Where they have no places, so that nobody can cut the text again, the calls hold
    /// the tables' texts in the place of their numbers.
    #[must_use]
    pub fn for_parser(self) -> Vec<TokenWithSpan> {
        let (mut tokens, tables) = (self.tokens, self.tables);
        let is_placed = tokens.first().is_none_or(|token| token.span.start.line > 0);
        if is_placed {
            return tokens;
        }
        // Behind the name a parenthesis, and then the number.
        let mut since_name = usize::MAX;
        for token in &mut tokens {
            match &token.token {
                Token::Whitespace(_) => {}
                Token::Word(word) if word.value == PLACEHOLDER => since_name = 0,
                Token::Number(digits, _) if since_name == 1 => {
                    let index: Option<usize> = digits.parse().ok();
                    if let Some((index, table)) = index.and_then(|index| Some((index, tables.get(index)?))) {
                        let text = restore(&table.to_string(), tables.get(..index).unwrap_or_default());
                        token.token = Token::SingleQuotedString(text);
                    }
                    since_name = usize::MAX;
                }
                _ => since_name = since_name.saturating_add(1),
            }
        }
        tokens
    }
}

/// Whether a text may have a GRAPH_TABLE, or be a statement over property graphs. Most have not even the
/// word, and are spared the rest.
#[must_use]
pub fn mentions_graph(sql: &str) -> bool {
    const WORD: &[u8] = b"graph";
    sql.as_bytes().windows(WORD.len()).any(|w| matches!(w, [b'g' | b'G', ..]) && w.eq_ignore_ascii_case(WORD))
}

/// Cuts all GRAPH_TABLEs out of a statement's tokens (with white space and places, as the tokenizer gives
/// them, or without places).
///
/// # Errors
/// `BadInput` and `Unsupported` with the place: a body that is not right, a GRAPH_TABLE outside of FROM,
/// the name of [`PLACEHOLDER`].
pub fn cut(sql: &str, tokens: Vec<TokenWithSpan>) -> Result<Cut> {
    let placed = place(sql, tokens);
    for (number, Placed { token, bytes }) in placed.iter().enumerate() {
        if matches!(&token.token, Token::Word(word) if word.value.eq_ignore_ascii_case(PLACEHOLDER))
            && next(&placed, number + 1).is_some_and(|at| is(&placed, at, &Token::LParen))
        {
            let error = Error::bad_input(format!("the name {PLACEHOLDER} is reserved"))
                .with_sqlstate(sqlstate::SYNTAX_OR_ACCESS_RULE)
                .with_hint("write GRAPH_TABLE (graph MATCH ... COLUMNS (...))");
            return Err(error_at(sql, bytes.clone(), error));
        }
    }
    let mut cutter = Cutter { sql, tables: Vec::new() };
    let tokens = cutter.tokens(&placed, 0)?.into_iter().map(|placed| placed.token).collect();
    Ok(Cut { tokens, tables: cutter.tables })
}

/// SQL with the tables of its calls in their places, from the first table to the last inner one: a view's
/// text. A call without a table stays.
#[must_use]
pub fn restore(sql: &str, tables: &[GraphTable]) -> String {
    let Ok(tokens) = Tokenizer::new(&DIALECT, sql).tokenize_with_location() else { return sql.to_owned() };
    let placed = place(sql, tokens);
    let (mut text, mut at) = (String::with_capacity(sql.len()), 0);
    for (number, Placed { token, bytes }) in placed.iter().enumerate() {
        if !is_word(&token.token, PLACEHOLDER) {
            continue;
        }
        let Some((index, end)) = argument(&placed, number + 1) else { continue };
        let Some(table) = tables.get(index) else { continue };
        text.push_str(sql.get(at..bytes.start).unwrap_or_default());
        // The tables within one stand before it: this ends.
        text.push_str(&restore(&table.to_string(), tables.get(..index).unwrap_or_default()));
        at = end;
    }
    text.push_str(sql.get(at..).unwrap_or_default());
    text
}

/// The number in `(n)`, and the byte behind it.
fn argument(placed: &[Placed], at: usize) -> Option<(usize, usize)> {
    let open = next(placed, at).filter(|at| is(placed, *at, &Token::LParen))?;
    let number = next(placed, open + 1)?;
    let close = next(placed, number + 1).filter(|at| is(placed, *at, &Token::RParen))?;
    match &placed.get(number)?.token.token {
        Token::Number(digits, _) => Some((digits.parse().ok()?, placed.get(close)?.bytes.end)),
        _ => None,
    }
}

/// The first token from `at` that is no white space.
fn next(placed: &[Placed], at: usize) -> Option<usize> {
    let rest = placed.get(at..)?;
    let found = rest.iter().position(|p| !matches!(p.token.token, Token::Whitespace(_) | Token::EOF))?;
    Some(at + found)
}

fn is(placed: &[Placed], at: usize, token: &Token) -> bool {
    placed.get(at).is_some_and(|placed| placed.token.token == *token)
}

/// What stands at one level of parentheses.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Clause {
    /// Behind FROM: a comma is followed by a table.
    From,
    /// Elsewhere.
    Other,
}

/// What the token before says of the next one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    /// A table follows: FROM, JOIN, LATERAL.
    Table,
    /// A comma or a parenthesis: a table or an expression follows.
    Either,
    /// SELECT and the like: an expression follows.
    Expression,
    /// Anything else, behind which GRAPH_TABLE is a name.
    Name,
}

struct Cutter<'a> {
    sql: &'a str,
    tables: Vec<GraphTable>,
}

impl Cutter<'_> {
    fn tokens(&mut self, placed: &[Placed], depth: usize) -> Result<Vec<Placed>> {
        let mut made = Vec::with_capacity(placed.len());
        let (mut clauses, mut clause, mut before) = (Vec::new(), Clause::Other, Before::Name);
        let mut number = 0;
        while let Some(one) = placed.get(number) {
            let token = &one.token.token;
            if matches!(token, Token::Whitespace(_)) {
                made.push(one.clone());
                number += 1;
                continue;
            }
            if let (true, Some(open)) = (is_word(token, "graph_table"), next(placed, number + 1))
                && is(placed, open, &Token::LParen)
                && self.is_table(placed, number, open, clause, before)?
            {
                let close = self.close(placed, number, open)?;
                number = self.cut(placed, number..close, depth, &mut made)?;
                before = Before::Name;
                continue;
            }
            match token {
                Token::LParen => {
                    clauses.push(clause);
                    // A join in parentheses stands in FROM as well; arguments and subqueries do not.
                    let joined =
                        before == Before::Table || (before == Before::Either && clause == Clause::From);
                    clause = if joined { Clause::From } else { Clause::Other };
                }
                Token::RParen => clause = clauses.pop().unwrap_or(Clause::Other),
                Token::SemiColon => (clauses, clause) = (Vec::new(), Clause::Other),
                Token::Word(word) if word.quote_style.is_none() => clause = clause_of(word, clause),
                _ => {}
            }
            before = before_of(token, before);
            made.push(one.clone());
            number += 1;
        }
        Ok(made)
    }

    /// Whether GRAPH_TABLE and its parenthesis are a table, and no name or function.
    fn is_table(
        &self,
        placed: &[Placed],
        word: usize,
        open: usize,
        clause: Clause,
        before: Before,
    ) -> Result<bool> {
        match (before, clause) {
            (Before::Table, _) => return Ok(true),
            (Before::Name, _) => return Ok(false),
            (Before::Either | Before::Expression, _) => {}
        }
        if !begins_with_match(placed, open) {
            return Ok(false);
        }
        if (before, clause) == (Before::Either, Clause::From) {
            return Ok(true);
        }
        let error = Error::bad_input("GRAPH_TABLE stands in FROM alone")
            .with_sqlstate(sqlstate::SYNTAX_ERROR)
            .with_hint("write (SELECT ... FROM GRAPH_TABLE (...)) where a value is needed");
        let bytes = placed.get(word).map_or(0..0, |placed| placed.bytes.clone());
        Err(error_at(self.sql, bytes, error))
    }

    /// The parenthesis that closes the one at `open`.
    fn close(&self, placed: &[Placed], word: usize, open: usize) -> Result<usize> {
        let mut depth = 0usize;
        for (number, one) in placed.iter().enumerate().skip(open) {
            match one.token.token {
                Token::LParen => depth += 1,
                Token::RParen if depth == 1 => return Ok(number),
                Token::RParen => depth -= 1,
                _ => {}
            }
        }
        // A parenthesis within the pattern may be the one that is missing: reading it says which.
        let end = placed.last().map_or(0..0, |last| last.bytes.end..last.bytes.end);
        let body = placed.get(open + 1..).unwrap_or_default();
        if !body.iter().any(|one| is_word(&one.token.token, "graph_table"))
            && let Err(error) = graph_table(self.sql, body, end.clone(), Span::from(end.clone()))
            && !matches!(error.place(), Some(Place::Sql { span, .. }) if span.start >= end.start)
        {
            return Err(error);
        }
        let error =
            Error::bad_input("the '(' of GRAPH_TABLE is not closed").with_sqlstate(sqlstate::SYNTAX_ERROR);
        let at = |number: usize| placed.get(number).map_or(0..0, |one| one.bytes.clone());
        Err(error_at(self.sql, at(word).start..at(open).end, error))
    }

    /// Cuts the table out whose word and last parenthesis are given; the number of the token behind it.
    fn cut(
        &mut self,
        placed: &[Placed],
        range: Range<usize>,
        depth: usize,
        made: &mut Vec<Placed>,
    ) -> Result<usize> {
        let (Some(word), Some(close)) = (placed.get(range.start), placed.get(range.end)) else {
            return Err(Error::internal("a GRAPH_TABLE without tokens"));
        };
        if depth >= MAX_DEPTH {
            let error = Error::bad_input(format!("GRAPH_TABLE nested deeper than {MAX_DEPTH} levels"))
                .with_sqlstate(sqlstate::STATEMENT_TOO_COMPLEX);
            return Err(error_at(self.sql, word.bytes.clone(), error));
        }
        let open = next(placed, range.start + 1).unwrap_or(range.start);
        let body = placed.get(open + 1..range.end).unwrap_or_default();
        let body = self.tokens(body, depth + 1)?;
        let given = Span { start: word.bytes.start, end: close.bytes.end };
        let table = graph_table(self.sql, &body, close.bytes.clone(), given)?;
        let index = self.tables.len();
        let before = made.iter().rfind(|one| !matches!(one.token.token, Token::Whitespace(_)));
        let lateral = !before.is_some_and(|one| is_word(&one.token.token, "lateral"))
            && !table.outer_names(&self.tables).is_empty();
        self.tables.push(table);
        // The call stands where the whole did: an error there names it from its first letter.
        let whole = LineSpan { start: word.token.span.start, end: close.token.span.end };
        let bytes = given.start..given.end;
        let name = Token::make_word(PLACEHOLDER, None);
        let tokens = [name, Token::LParen, Token::Number(index.to_string(), false), Token::RParen];
        let before = match lateral {
            true => vec![Token::make_keyword("LATERAL"), Token::Whitespace(Whitespace::Space)],
            false => Vec::new(),
        };
        made.extend(
            before
                .into_iter()
                .chain(tokens)
                .map(|token| Placed { token: TokenWithSpan::new(token, whole), bytes: bytes.clone() }),
        );
        Ok(range.end + 1)
    }
}

/// Whether `name MATCH` follows, which begins no arguments of a function and no list of columns.
fn begins_with_match(placed: &[Placed], open: usize) -> bool {
    let mut at = open + 1;
    loop {
        let Some(name) = next(placed, at) else { return false };
        if !matches!(placed.get(name).map(|one| &one.token.token), Some(Token::Word(_))) {
            return false;
        }
        let Some(behind) = next(placed, name + 1) else { return false };
        if !is(placed, behind, &Token::Period) {
            return placed.get(behind).is_some_and(|one| is_word(&one.token.token, "match"));
        }
        at = behind + 1;
    }
}

/// Words behind which no table follows, up to the next FROM.
const ENDS: [&str; 15] = [
    "select",
    "where",
    "group",
    "having",
    "order",
    "limit",
    "offset",
    "fetch",
    "window",
    "union",
    "except",
    "intersect",
    "set",
    "returning",
    "values",
];
/// Words behind which a table follows. Behind USING it does in DELETE and MERGE.
const TABLE: [&str; 4] = ["from", "join", "lateral", "using"];
/// Words behind which an expression follows.
const EXPRESSION: [&str; 12] =
    ["select", "where", "and", "or", "not", "having", "by", "case", "when", "then", "else", "in"];

fn is_one_of(word: &Word, words: &[&str]) -> bool {
    words.iter().any(|other| word.value.eq_ignore_ascii_case(other))
}

fn clause_of(word: &Word, clause: Clause) -> Clause {
    if is_one_of(word, &["from"]) {
        Clause::From
    } else if is_one_of(word, &ENDS) {
        Clause::Other
    } else {
        clause
    }
}

fn before_of(token: &Token, before: Before) -> Before {
    match token {
        Token::Comma => Before::Either,
        // A parenthesis behind a name holds arguments, or a list of columns.
        Token::LParen if before == Before::Name => Before::Expression,
        Token::LParen => Before::Either,
        Token::Word(word) if word.quote_style.is_none() && is_one_of(word, &TABLE) => Before::Table,
        Token::Word(word) if word.quote_style.is_none() && is_one_of(word, &EXPRESSION) => Before::Expression,
        Token::Plus | Token::Minus | Token::Mul | Token::Div | Token::Eq | Token::Lt | Token::Gt => {
            Before::Expression
        }
        _ => Before::Name,
    }
}
