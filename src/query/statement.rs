//! From text to statements: splitting a script, the limits, the parser.
//!
//! A script is never split on `;` by hand: the tokenizer knows comments, quoted names, strings and
//! dollar quotes. Everything is refused that is larger than the planner can take without running
//! out of stack: the limits are checked on tokens, before anything recursive looks at the text.

use std::ops::Range;

use sqlparser::ast::{self, ColumnDef, Ident, ObjectName, SqlOption};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer, Whitespace, Word};

use crate::model::{Error, Result, Span, sqlstate};

use super::dialect::DIALECT;
use super::graph_table;

/// The longest statement, in bytes.
pub const MAX_STATEMENT_BYTES: usize = 1 << 20;
/// The most tokens of a statement, white space and comments not counted.
pub const MAX_TOKENS: usize = 100_000;
/// The deepest nesting of parentheses, brackets and CASE.
pub const MAX_DEPTH: usize = 64;
/// The longest chain of operators at one level (`a + b + c ...`, `x OR y OR ...`, `UNION ALL ...`).
pub const MAX_CHAIN: usize = 2_000;
/// The longest chain of arithmetic at one level: the planner looks at each operator's type once for every
/// operator around it. Chains of AND and OR are balanced before (see `chains`).
pub const MAX_ARITHMETIC: usize = 500;

/// How deep the parser may recurse: several of its levels go to one of the text's.
const PARSER_RECURSION: usize = 600;

/// A statement, parsed.
#[derive(Debug)]
pub enum Statement {
    /// What the SQL parser knows.
    Sql(Box<ast::Statement>),
    /// `CREATE EDGE TABLE`, which it does not know.
    CreateEdgeTable(CreateEdgeTable),
    /// `CREATE`, `ALTER` and `DROP PROPERTY GRAPH`, which it does not know.
    Graph(Box<graph_table::GraphStatement>),
    /// `DELETE ... [RESTRICT | CASCADE]`, whose last word it does not know.
    Delete(Deletion),
}

/// `DELETE`, and whether it is refused where edges would go with the nodes.
#[derive(Debug)]
pub struct Deletion {
    /// The statement without its last word.
    pub delete: Box<ast::Delete>,
    /// `RESTRICT`.
    pub restrict: bool,
}

/// `CREATE EDGE TABLE [IF NOT EXISTS] name (FROM type TO type, column type ...) [WITH (...)]`.
#[derive(Debug)]
pub struct CreateEdgeTable {
    /// No error when it exists.
    pub if_not_exists: bool,
    /// The edge type's name.
    pub name: ObjectName,
    /// The node type edges leave; any when absent.
    pub from: Option<ObjectName>,
    /// The node type edges enter; any when absent.
    pub to: Option<ObjectName>,
    /// Its properties.
    pub columns: Vec<ColumnDef>,
    /// `WITH (open = true)`.
    pub options: Vec<SqlOption>,
}

/// A token and where it stands, in bytes.
struct Placed {
    token: TokenWithSpan,
    bytes: Range<usize>,
}

/// Turns places of the tokenizer, which come in ascending order, into bytes.
struct Cursor<'a> {
    sql: &'a str,
    at: usize,
    line: u64,
    column: u64,
}

impl<'a> Cursor<'a> {
    fn new(sql: &'a str) -> Self {
        Self { sql, at: 0, line: 1, column: 1 }
    }

    fn byte(&mut self, place: Location) -> usize {
        while (self.line, self.column) < (place.line, place.column) {
            let Some(c) = self.sql.get(self.at..).and_then(|rest| rest.chars().next()) else { break };
            self.at += c.len_utf8();
            if c == '\n' {
                self.line += 1;
                self.column = 1;
            } else {
                self.column += 1;
            }
        }
        self.at
    }
}

/// The byte of a line and column of the parser's (both from 1, columns in characters).
#[must_use]
pub fn byte_of(sql: &str, line: u64, column: u64) -> usize {
    Cursor::new(sql).byte(Location { line, column })
}

/// All tokens up to the first that is broken, and the error there.
fn tokenize(sql: &str) -> (Vec<Placed>, Option<Error>) {
    let mut tokens = Vec::new();
    let failed = Tokenizer::new(&DIALECT, sql).tokenize_with_location_into_buf(&mut tokens).err();
    let mut cursor = Cursor::new(sql);
    let mut placed: Vec<Placed> = tokens
        .into_iter()
        .map(|token| {
            let start = cursor.byte(token.span.start);
            let end = cursor.byte(token.span.end);
            Placed { token, bytes: start..end }
        })
        .collect();
    let error = failed.map(|e| {
        let at = byte_of(sql, e.location.line, e.location.column);
        Error::bad_input(decapitalize(&e.message))
            .with_sqlstate(sqlstate::SYNTAX_ERROR)
            .at_sql(sql, at..at + 1)
    });
    if error.is_some() {
        // The broken rest belongs to the last statement.
        let start = placed.last().map_or(0, |last| last.bytes.end);
        if start < sql.len() {
            let place = Location { line: 0, column: 0 };
            let rest = Word { value: String::new(), quote_style: None, keyword: Keyword::NoKeyword };
            placed.push(Placed {
                token: TokenWithSpan::new(
                    Token::Word(rest),
                    sqlparser::tokenizer::Span { start: place, end: place },
                ),
                bytes: start..sql.len(),
            });
        }
    }
    (placed, error)
}

/// The statements' bytes without the `;`, and with it.
fn spans(tokens: &[Placed]) -> Vec<(Span, usize)> {
    let mut found = Vec::new();
    let mut current: Option<Range<usize>> = None;
    for placed in tokens {
        match &placed.token.token {
            Token::Whitespace(_) | Token::EOF => {}
            Token::SemiColon => {
                if let Some(span) = current.take() {
                    found.push((Span::from(span), placed.bytes.end));
                }
            }
            _ => match &mut current {
                Some(span) => span.end = placed.bytes.end,
                None => current = Some(placed.bytes.clone()),
            },
        }
    }
    if let Some(span) = current {
        let end = span.end;
        found.push((Span::from(span), end));
    }
    found
}

/// The statements of a script, in bytes; without white space and comments around them and without `;`.
///
/// # Errors
/// `BadInput` with its place for text that is not SQL: an open quote or comment.
pub fn split_statements(sql: &str) -> Result<Vec<Span>> {
    let (tokens, error) = tokenize(sql);
    match error {
        Some(error) => Err(error),
        None => Ok(spans(&tokens).into_iter().map(|(span, _)| span).collect()),
    }
}

/// The statement at a byte of a script: the one it stands in; behind the last character of a line
/// the one that ends there; between statements the next one; behind all of them the last. `None`
/// where there is no statement. Text that is not finished yet (an open quote) belongs to the last statement.
#[must_use]
pub fn statement_at(sql: &str, offset: usize) -> Option<Span> {
    let (tokens, _) = tokenize(sql);
    let spans = spans(&tokens);
    let mut last = None;
    for (span, end) in spans {
        if offset < span.start {
            // In the gap before it: still the previous one's line?
            return match last {
                Some((previous, previous_end)) if same_line(sql, previous_end, offset) => Some(previous),
                _ => Some(span),
            };
        }
        if offset <= end {
            return Some(span);
        }
        last = Some((span, end));
    }
    last.map(|(span, _)| span)
}

fn same_line(sql: &str, from: usize, to: usize) -> bool {
    sql.get(from..to).is_some_and(|between| !between.contains('\n'))
}

/// The place of an error, counted from the statement's text, counted from the script's instead.
#[must_use]
pub fn relocate(error: Error, script: &str, statement: Span) -> Error {
    match error.place() {
        Some(crate::model::Place::Sql { span, .. }) => {
            let moved = Span { start: span.start + statement.start, end: span.end + statement.start };
            error.at_sql(script, moved)
        }
        _ => error,
    }
}

/// Parses one statement.
///
/// # Errors
/// `BadInput` with the place: not SQL, more than one statement, or past a limit.
pub fn parse(sql: &str) -> Result<Statement> {
    if sql.len() > MAX_STATEMENT_BYTES {
        return Err(Error::bad_input(format!(
            "a statement of {} bytes is too long: at most {MAX_STATEMENT_BYTES} are taken",
            sql.len()
        ))
        .with_sqlstate(sqlstate::STATEMENT_TOO_COMPLEX)
        .with_hint("pass data as parameters, or load it with import"));
    }
    let (tokens, error) = tokenize(sql);
    if let Some(error) = error {
        return Err(error);
    }
    check_limits(sql, &tokens)?;
    parse_tokens(sql, continued(tokens.into_iter().map(|placed| placed.token).collect()))
}

/// Parses a statement that is so plain that no thread's stack is too small for it; `None` for others.
pub fn parse_plain(sql: &str) -> Option<Statement> {
    /// Tokens that make a syntax tree deep.
    const MOST: usize = 64;
    let (tokens, error) = tokenize(sql);
    let deep = |placed: &&Placed| !matches!(role(&placed.token.token), Role::Other | Role::Break);
    if error.is_some() || tokens.iter().filter(deep).count() > MOST {
        return None;
    }
    parse_tokens(sql, continued(tokens.into_iter().map(|placed| placed.token).collect())).ok()
}

/// Texts in quotes with a line break and nothing else between them are one text.
fn continued(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut made: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    // Where the last text stands, and whether a line ended since.
    let mut open: Option<(usize, bool)> = None;
    for token in tokens {
        match (&token.token, open) {
            (Token::SingleQuotedString(more), Some((at, true))) => {
                if let Some(TokenWithSpan { token: Token::SingleQuotedString(text), .. }) = made.get_mut(at) {
                    text.push_str(more);
                    made.truncate(at + 1);
                    open = Some((at, false));
                    continue;
                }
            }
            (Token::SingleQuotedString(_), _) => open = Some((made.len(), false)),
            (Token::Whitespace(space), Some((at, ended))) => {
                let ends = matches!(space, Whitespace::Newline | Whitespace::SingleLineComment { .. });
                open = Some((at, ended || ends));
            }
            _ => open = None,
        }
        made.push(token);
    }
    made
}

/// Parses one statement that was parsed before; errors of running it will name no places. For text
/// that is not what the user gave last: a prepared statement, a view.
///
/// # Errors
/// `BadInput` without a place.
pub fn parse_without_places(sql: &str) -> Result<Statement> {
    let (tokens, error) = tokenize(sql);
    if let Some(error) = error {
        return Err(error);
    }
    let tokens = tokens.into_iter().map(|placed| TokenWithSpan::wrap(placed.token.token)).collect();
    parse_tokens(sql, continued(tokens))
}

fn parse_tokens(sql: &str, mut tokens: Vec<TokenWithSpan>) -> Result<Statement> {
    let edges = edges_word(&mut tokens);
    let names = take_names(&mut tokens);
    free_words(&mut tokens);
    write_do_nothing(&mut tokens);
    if graph_table::mentions_graph(sql) {
        if let Some(statement) = graph_table::graph_statement(sql, &tokens)? {
            return Ok(Statement::Graph(Box::new(statement)));
        }
        tokens = graph_table::cut(sql, tokens)?.for_parser();
    }
    let mut parser =
        Parser::new(&DIALECT).with_recursion_limit(PARSER_RECURSION).with_tokens_with_locations(tokens);
    let statement = parse_one(&mut parser).map_err(|e| parser_error(sql, &e))?;
    while parser.consume_token(&Token::SemiColon) {}
    let next = parser.peek_token();
    if next.token != Token::EOF {
        return Err(unexpected(sql, &next));
    }
    match (statement, edges) {
        (Statement::Sql(statement), restrict) => match *statement {
            ast::Statement::Delete(delete) => {
                Ok(Statement::Delete(Deletion { delete: Box::new(delete), restrict: restrict == Some(true) }))
            }
            ast::Statement::CreateTable(mut create) if !names.is_empty() => {
                create.columns = names;
                Ok(Statement::Sql(Box::new(ast::Statement::CreateTable(create))))
            }
            other => Ok(Statement::Sql(Box::new(other))),
        },
        (other, _) => Ok(other),
    }
}

/// Words that are names in PostgreSQL and more to the parser: TOP, unless a number follows.
fn free_words(tokens: &mut [TokenWithSpan]) {
    let mut number_follows = false;
    for token in tokens.iter_mut().rev() {
        match &mut token.token {
            Token::Whitespace(_) | Token::LParen => {}
            Token::Word(word) if word.keyword == Keyword::TOP && !number_follows => {
                word.keyword = Keyword::NoKeyword;
            }
            other => number_follows = matches!(other, Token::Number(..)),
        }
    }
}

/// The column that stands for DO NOTHING of a MERGE, which the parser does not know.
const DO_NOTHING: &str = "do nothing";

/// Whether SET stands for DO NOTHING.
pub(super) fn is_do_nothing(set: &[ast::Assignment]) -> bool {
    matches!(set, [ast::Assignment { target: ast::AssignmentTarget::ColumnName(name), .. }] if stands_for_nothing(name))
}

/// Whether INSERT stands for DO NOTHING.
pub(super) fn is_insert_nothing(insert: &ast::MergeInsertExpr) -> bool {
    matches!(insert.columns.as_slice(), [name] if stands_for_nothing(name))
}

fn stands_for_nothing(name: &ObjectName) -> bool {
    matches!(name.0.as_slice(), [ast::ObjectNamePart::Identifier(ident)] if ident.value == DO_NOTHING)
}

/// Writes `DO NOTHING` in MERGE as an UPDATE or an INSERT of a column that cannot be.
fn write_do_nothing(tokens: &mut Vec<TokenWithSpan>) {
    let is = |token: &TokenWithSpan, word: &str| is_word(&token.token, word);
    let words: Vec<usize> = (0..tokens.len())
        .filter(|at| tokens.get(*at).is_some_and(|t| !matches!(t.token, Token::Whitespace(_))))
        .collect();
    let word = |number: usize| words.get(number).and_then(|at| tokens.get(*at));
    if !(0..words.len()).any(|number| word(number).is_some_and(|t| is(t, "merge"))) {
        return;
    }
    let (mut not_matched, mut found) = (false, Vec::new());
    for number in 0..words.len() {
        let (Some(one), two, three) = (word(number), word(number + 1), word(number + 2)) else { break };
        if is(one, "when") {
            not_matched = two.is_some_and(|t| is(t, "not"));
        }
        if is(one, "then")
            && two.is_some_and(|t| is(t, "do"))
            && three.is_some_and(|t| is(t, "nothing"))
            && let (Some(from), Some(to)) = (words.get(number + 1), words.get(number + 2))
        {
            found.push((*from, *to, not_matched));
        }
    }
    for (from, to, not_matched) in found.into_iter().rev() {
        let text = if not_matched { "INSERT (@) VALUES (NULL)" } else { "UPDATE SET @ = NULL" };
        let text = text.replace('@', &format!("\"{DO_NOTHING}\""));
        let written = Tokenizer::new(&DIALECT, &text).tokenize().unwrap_or_default();
        let place = tokens.get(from).map(|token| token.span);
        let written = written.into_iter().map(|token| match place {
            Some(span) => TokenWithSpan::new(token, span),
            None => TokenWithSpan::wrap(token),
        });
        tokens.splice(from..=to, written);
    }
}

/// Takes the column names out of `CREATE TABLE t (a, b) AS ...`, where the parser wants types.
fn take_names(tokens: &mut Vec<TokenWithSpan>) -> Vec<ColumnDef> {
    let mut words: Vec<(usize, &TokenWithSpan)> = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        if !matches!(token.token, Token::Whitespace(_)) {
            words.push((at, token));
        }
        if token.token == Token::RParen {
            break;
        }
    }
    let is = |at: usize, word: &str| words.get(at).is_some_and(|(_, t)| is_word(&t.token, word));
    let Some(open) = words.iter().position(|(_, t)| t.token == Token::LParen) else { return Vec::new() };
    if !is(0, "create") || !is(1, "table") || open < 3 {
        return Vec::new();
    }
    let Some((end, list)) = words.get(open + 1..).and_then(|list| list.split_last()) else {
        return Vec::new();
    };
    let mut names = Vec::new();
    for (number, (_, token)) in list.iter().enumerate() {
        match &token.token {
            Token::Word(word) if number % 2 == 0 => {
                let name = word.clone().into_ident(token.span);
                names.push(ColumnDef { name, data_type: ast::DataType::Unspecified, options: Vec::new() });
            }
            Token::Comma if number % 2 == 1 => {}
            _ => return Vec::new(),
        }
    }
    let (Some((from, _)), (to, close)) = (words.get(open), end) else { return Vec::new() };
    let behind = tokens.get(to + 1..).unwrap_or_default();
    let next = behind.iter().find(|t| !matches!(t.token, Token::Whitespace(_)));
    if close.token != Token::RParen
        || names.len() * 2 != list.len() + 1
        || !next.is_some_and(|t| is_word(&t.token, "as"))
    {
        return Vec::new();
    }
    let (from, to) = (*from, *to);
    tokens.drain(from..=to);
    names
}

/// Takes RESTRICT or CASCADE off the end of a DELETE without RETURNING, where it can be no name:
/// whether the statement is refused where edges hang on the nodes.
fn edges_word(tokens: &mut Vec<TokenWithSpan>) -> Option<bool> {
    let blank = |token: &Token| matches!(token, Token::Whitespace(_) | Token::EOF);
    let mut words = tokens.iter().filter(|t| !blank(&t.token)).map(|t| &t.token);
    if !words.next().is_some_and(|first| is_word(first, "delete"))
        || words.any(|word| is_word(word, "returning"))
    {
        return None;
    }
    let ends = |t: &TokenWithSpan| !blank(&t.token) && t.token != Token::SemiColon;
    let at = tokens.iter().rposition(ends)?;
    let last = &tokens.get(at)?.token;
    let restrict = is_word(last, "restrict");
    if !restrict && !is_word(last, "cascade") {
        return None;
    }
    // Behind these a name has to follow.
    let before = tokens.get(..at)?.iter().rfind(|t| !blank(&t.token)).map(|t| &t.token)?;
    let a_name_follows = match before {
        Token::Word(word) => {
            matches!(
                word.keyword,
                Keyword::FROM
                    | Keyword::ONLY
                    | Keyword::AS
                    | Keyword::WHERE
                    | Keyword::AND
                    | Keyword::OR
                    | Keyword::NOT
                    | Keyword::IS
                    | Keyword::LIKE
                    | Keyword::ILIKE
                    | Keyword::BETWEEN
                    | Keyword::USING
                    | Keyword::ON
                    | Keyword::JOIN
            ) && word.quote_style.is_none()
        }
        Token::RParen
        | Token::RBracket
        | Token::Number(..)
        | Token::SingleQuotedString(_)
        | Token::DollarQuotedString(_)
        | Token::EscapedStringLiteral(_)
        | Token::Placeholder(_) => false,
        _ => true,
    };
    if a_name_follows {
        return None;
    }
    tokens.remove(at);
    Some(restrict)
}

/// The text behind the first AS outside of parentheses: what PREPARE prepares, what a view shows.
#[must_use]
pub fn behind_as(sql: &str) -> Option<&str> {
    let (tokens, _) = tokenize(sql);
    let mut depth = 0usize;
    for placed in &tokens {
        match &placed.token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            word if depth == 0 && is_word(word, "as") => {
                let rest = sql.get(placed.bytes.end..)?;
                return Some(rest.trim().trim_end_matches(';').trim_end());
            }
            _ => {}
        }
    }
    None
}

/// The highest number of a parameter `$1`, `$2`, ...; 0 when there is none.
#[must_use]
pub fn highest_parameter(sql: &str) -> usize {
    let numbers = tokenize(sql).0.into_iter().filter_map(|placed| match placed.token.token {
        Token::Placeholder(name) => name.strip_prefix('$').and_then(|digits| digits.parse().ok()),
        _ => None,
    });
    numbers.max().unwrap_or(0)
}

/// Parses an expression that stands alone: a stored DEFAULT.
///
/// # Errors
/// `BadInput` for text that is not one expression.
pub fn parse_expression(text: &str) -> Result<ast::Expr> {
    let failed = |e: ParserError| parser_error(text, &e);
    let mut parser =
        Parser::new(&DIALECT).with_recursion_limit(PARSER_RECURSION).try_with_sql(text).map_err(failed)?;
    parser.parse_expr().map_err(failed)
}

fn parse_one(parser: &mut Parser<'_>) -> std::result::Result<Statement, ParserError> {
    if is_create_edge(parser) {
        return parse_create_edge(parser).map(Statement::CreateEdgeTable);
    }
    // A query of its own, which the parser knows within others alone.
    if is_word(&parser.peek_token().token, "table") {
        let query = parser.parse_query()?;
        return Ok(Statement::Sql(Box::new(ast::Statement::Query(query))));
    }
    // PostgreSQL's other word for ROLLBACK, which the parser does not know. It takes no savepoint.
    if is_word(&parser.peek_token().token, "abort") {
        parser.next_token();
        let chain = parser.parse_commit_rollback_chain()?;
        return Ok(Statement::Sql(Box::new(ast::Statement::Rollback { chain, savepoint: None })));
    }
    parser.parse_statement().map(|statement| Statement::Sql(Box::new(statement)))
}

fn is_word(token: &Token, word: &str) -> bool {
    matches!(token, Token::Word(w) if w.quote_style.is_none() && w.value.eq_ignore_ascii_case(word))
}

fn is_create_edge(parser: &Parser<'_>) -> bool {
    is_word(&parser.peek_nth_token(0).token, "create")
        && is_word(&parser.peek_nth_token(1).token, "edge")
        && is_word(&parser.peek_nth_token(2).token, "table")
}

fn parse_create_edge(parser: &mut Parser<'_>) -> std::result::Result<CreateEdgeTable, ParserError> {
    for _ in 0..3 {
        parser.next_token();
    }
    let if_not_exists = parser.parse_keywords(&[Keyword::IF, Keyword::NOT, Keyword::EXISTS]);
    let name = parser.parse_object_name(false)?;
    let (mut from, mut to, mut columns) = (None, None, Vec::new());
    if parser.consume_token(&Token::LParen) {
        let mut more = !parser.consume_token(&Token::RParen);
        if more && parser.parse_keyword(Keyword::FROM) {
            from = Some(parser.parse_object_name(false)?);
            parser.expect_keyword(Keyword::TO)?;
            to = Some(parser.parse_object_name(false)?);
            more = parser.consume_token(&Token::Comma);
            if !more {
                parser.expect_token(&Token::RParen)?;
            }
        }
        if more {
            columns = parser.parse_comma_separated(Parser::parse_column_def)?;
            parser.expect_token(&Token::RParen)?;
        }
    }
    let options = parser.maybe_parse_options(Keyword::WITH)?.unwrap_or_default();
    Ok(CreateEdgeTable { if_not_exists, name, from, to, columns, options })
}

fn unexpected(sql: &str, token: &TokenWithSpan) -> Error {
    let start = byte_of(sql, token.span.start.line, token.span.start.column);
    let end = byte_of(sql, token.span.end.line, token.span.end.column);
    Error::bad_input(format!("unexpected {}", shown(&token.token.to_string())))
        .with_sqlstate(sqlstate::SYNTAX_ERROR)
        .at_sql(sql, start..end)
}

fn shown(token: &str) -> String {
    if token == "EOF" { "end of the statement".to_owned() } else { format!("'{token}'") }
}

/// The parser's error with its place, which it gives only in its text.
fn parser_error(sql: &str, error: &ParserError) -> Error {
    let text = match error {
        ParserError::ParserError(text) | ParserError::TokenizerError(text) => text.as_str(),
        ParserError::RecursionLimitExceeded => {
            return Error::bad_input("the statement is nested too deeply")
                .with_sqlstate(sqlstate::STATEMENT_TOO_COMPLEX)
                .with_hint("split it with WITH clauses");
        }
    };
    let (message, place) = match text.rsplit_once(" at Line: ") {
        Some((message, place)) => (message, place.split_once(", Column: ")),
        None => (text, None),
    };
    let message = match message.strip_prefix("Expected: ").and_then(|m| m.rsplit_once(", found: ")) {
        Some((expected, found)) => format!("expected {expected}, found {}", shown(found)),
        None => decapitalize(message),
    };
    let error = Error::bad_input(message).with_sqlstate(sqlstate::SYNTAX_ERROR);
    match place.and_then(|(line, column)| Some((line.trim().parse().ok()?, column.trim().parse().ok()?))) {
        Some((line, column)) => {
            let start = byte_of(sql, line, column);
            let end = tokenize(sql)
                .0
                .iter()
                .find(|placed| placed.bytes.start == start)
                .map_or(sql.len(), |placed| placed.bytes.end);
            error.at_sql(sql, start..end)
        }
        None if text.contains("EOF") => error.at_sql(sql, sql.len()..sql.len()),
        None => error,
    }
}

/// The message with a small first letter, unless its first word is a name in capitals.
pub(super) fn decapitalize(message: &str) -> String {
    let mut chars = message.chars();
    match (chars.next(), chars.next()) {
        (Some(first), Some(second)) if first.is_uppercase() && !second.is_uppercase() => {
            first.to_lowercase().chain(message.chars().skip(1)).collect()
        }
        _ => message.to_owned(),
    }
}

fn check_limits(sql: &str, tokens: &[Placed]) -> Result<()> {
    // For each open level: how many operators stand in the chain so far, and how many of arithmetic.
    let mut chains: Vec<(usize, usize)> = vec![(0, 0)];
    let mut count = 0usize;
    for placed in tokens {
        let token = &placed.token.token;
        if matches!(token, Token::Whitespace(_) | Token::EOF) {
            continue;
        }
        count += 1;
        let at = |error: Error| error.at_sql(sql, placed.bytes.clone());
        if count > MAX_TOKENS {
            return Err(at(Error::bad_input(format!(
                "a statement of more than {MAX_TOKENS} words and signs"
            ))
            .with_sqlstate(sqlstate::STATEMENT_TOO_COMPLEX)
            .with_hint("pass data as parameters, or load it with import")));
        }
        match role(token) {
            Role::Open => chains.push((0, 0)),
            Role::Close => {
                if chains.len() > 1 {
                    chains.pop();
                }
            }
            role @ (Role::Operator | Role::Arithmetic) => {
                if let Some((chain, arithmetic)) = chains.last_mut() {
                    *chain += 1;
                    *arithmetic = if matches!(role, Role::Arithmetic) { *arithmetic + 1 } else { 0 };
                    if *arithmetic > MAX_ARITHMETIC {
                        return Err(at(Error::bad_input(format!(
                            "a chain of more than {MAX_ARITHMETIC} operators of arithmetic"
                        ))
                        .with_sqlstate(sqlstate::STATEMENT_TOO_COMPLEX)
                        .with_hint("put parts of it into parentheses, or sum up a list of VALUES")));
                    }
                    if *chain > MAX_CHAIN {
                        return Err(at(Error::bad_input(format!(
                            "a chain of more than {MAX_CHAIN} operators"
                        ))
                        .with_sqlstate(sqlstate::STATEMENT_TOO_COMPLEX)
                        .with_hint("use IN (...) or join with a list of VALUES")));
                    }
                }
            }
            Role::Break => {
                if let Some(chain) = chains.last_mut() {
                    *chain = (0, 0);
                }
            }
            Role::Other => {}
        }
        if chains.len() > MAX_DEPTH + 1 {
            return Err(at(Error::bad_input(format!("nested deeper than {MAX_DEPTH} levels"))
                .with_sqlstate(sqlstate::STATEMENT_TOO_COMPLEX)
                .with_hint("split the statement with WITH clauses")));
        }
    }
    Ok(())
}

enum Role {
    Open,
    Close,
    Operator,
    Arithmetic,
    Break,
    Other,
}

fn role(token: &Token) -> Role {
    match token {
        Token::LParen | Token::LBracket | Token::LBrace => Role::Open,
        Token::RParen | Token::RBracket | Token::RBrace => Role::Close,
        Token::Comma => Role::Break,
        Token::Word(word) => match word.keyword {
            Keyword::CASE => Role::Open,
            Keyword::END => Role::Close,
            Keyword::AND
            | Keyword::OR
            | Keyword::NOT
            | Keyword::IS
            | Keyword::UNION
            | Keyword::EXCEPT
            | Keyword::INTERSECT
            | Keyword::COLLATE
            | Keyword::JOIN => Role::Operator,
            _ => Role::Other,
        },
        Token::Eq | Token::Neq | Token::Lt | Token::Gt | Token::LtEq | Token::GtEq | Token::Tilde => {
            Role::Operator
        }
        Token::Plus
        | Token::Minus
        | Token::Mul
        | Token::Div
        | Token::Mod
        | Token::StringConcat
        | Token::DoubleColon
        | Token::Arrow
        | Token::LongArrow
        | Token::Caret
        | Token::Ampersand
        | Token::Pipe => Role::Arithmetic,
        _ => Role::Other,
    }
}

/// The bytes of a name in a statement, as the parser placed it.
pub(super) fn span_of(sql: &str, ident: &Ident) -> Span {
    let start = byte_of(sql, ident.span.start.line, ident.span.start.column);
    let end = byte_of(sql, ident.span.end.line, ident.span.end.column);
    Span { start, end }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(sql: &str) -> Vec<&str> {
        split_statements(sql).unwrap().into_iter().map(|s| &sql[s.start..s.end]).collect()
    }

    #[test]
    fn a_script_splits_where_the_tokenizer_sees_the_end() {
        assert_eq!(
            texts(
                "SELECT ';' ; -- a; b\nSELECT $$ x; y $$, \"a;b\" /* ; /* ; */ */ ;; \n SELECT 'é;' -- end"
            ),
            vec!["SELECT ';'", "SELECT $$ x; y $$, \"a;b\"", "SELECT 'é;'"]
        );
        assert_eq!(texts(" ; -- nothing\n"), Vec::<&str>::new());
        assert_eq!(
            texts("SELECT E'it\\'s;' ; SELECT $q$;$$;$q$"),
            vec!["SELECT E'it\\'s;'", "SELECT $q$;$$;$q$"]
        );
    }

    #[test]
    fn an_open_quote_is_an_error_with_its_place() {
        let error = split_statements("SELECT 1;\nSELECT 'abc").unwrap_err();
        assert_eq!(error.place().unwrap().to_string(), "line 2, column 8");
    }

    #[test]
    fn the_statement_at_a_byte() {
        let sql = "SELECT 1; SELECT 2;\n\n-- note\nSELECT 'x\n";
        let at = |offset| statement_at(sql, offset).map(|s| &sql[s.start..s.end]);
        assert_eq!(at(0), Some("SELECT 1"));
        assert_eq!(at(9), Some("SELECT 1"));
        assert_eq!(at(10), Some("SELECT 2"));
        assert_eq!(at(19), Some("SELECT 2"));
        assert_eq!(at(20), Some("SELECT 'x\n"));
        assert_eq!(at(25), Some("SELECT 'x\n"));
        assert_eq!(at(sql.len()), Some("SELECT 'x\n"));
        assert_eq!(statement_at("  ", 1), None);
        assert_eq!(statement_at("SELECT 1;\n\n", 11).map(|s| s.end), Some(8));
    }

    #[test]
    fn syntax_errors_name_the_word_and_its_place() {
        let error = parse("SELECT a FORM t\nWHERE").unwrap_err();
        assert_eq!(error.place().unwrap().to_string(), "line 1, column 15");
        assert_eq!(error.message(), "unexpected 't'");
        let error = parse("SELECT a\nFROM t ORDER a").unwrap_err();
        assert_eq!(error.place().unwrap().to_string(), "line 2, column 8");
        assert!(parse("SELECT 1; SELECT 2").is_err());
        assert!(parse("SELECT (1").unwrap_err().message().contains("end of the statement"));
    }

    #[test]
    fn limits_are_checked_before_the_parser_recurses() {
        let deep = format!("SELECT {}1{}", "(".repeat(65), ")".repeat(65));
        assert!(parse(&deep).unwrap_err().message().contains("nested deeper than 64"));
        let within = format!("SELECT {}1{}", "(".repeat(60), ")".repeat(60));
        stacked(move || assert!(parse(&within).is_ok()));
        let chain = format!("SELECT 1{}", " + 1".repeat(501));
        assert!(parse(&chain).unwrap_err().message().contains("chain of more than 500"));
        let chain = format!("SELECT true{}", " OR true".repeat(2001));
        assert!(parse(&chain).unwrap_err().message().contains("chain of more than 2000"));
        let apart = format!("SELECT 1 = 1{}", " OR 1 + 1 = 2".repeat(600));
        stacked(move || assert!(parse(&apart).is_ok()));
        assert!(parse_plain("SELECT a FROM t WHERE k = 1").is_some());
        assert!(parse_plain(&format!("SELECT 1{}", " + 1".repeat(100))).is_none());
        let case = format!("SELECT {}1{}", "CASE WHEN true THEN ".repeat(65), " END".repeat(65));
        assert!(parse(&case).unwrap_err().message().contains("nested deeper"));
        let wide = format!("SELECT 1 IN ({}2)", "1,".repeat(60_000));
        assert!(parse(&wide).unwrap_err().message().contains("100000"));
        let long = format!("SELECT '{}'", "x".repeat(MAX_STATEMENT_BYTES));
        assert!(parse(&long).unwrap_err().message().contains("too long"));
        let list = format!("SELECT {}1", "1 + 1, ".repeat(3000));
        assert!(parse(&list).is_ok());
    }

    fn stacked(work: impl FnOnce() + Send + 'static) {
        std::thread::Builder::new().stack_size(64 << 20).spawn(work).unwrap().join().unwrap();
    }

    #[test]
    fn distinct_from_binds_tighter_than_and_or() {
        let shown = |sql: &str| match parse(sql).unwrap() {
            Statement::Sql(statement) => match *statement {
                ast::Statement::Query(query) => match *query.body {
                    ast::SetExpr::Select(select) => match select.projection.into_iter().next() {
                        Some(ast::SelectItem::UnnamedExpr(ast::Expr::BinaryOp { op, .. })) => op.to_string(),
                        other => format!("{other:?}"),
                    },
                    other => other.to_string(),
                },
                other => other.to_string(),
            },
            other => format!("{other:?}"),
        };
        assert_eq!(shown("SELECT a IS DISTINCT FROM b OR c"), "OR");
        assert_eq!(shown("SELECT NOT a IS NOT DISTINCT FROM b AND c"), "AND");
        assert_eq!(shown("SELECT x AND a IS DISTINCT FROM b + 1 OR c"), "OR");
    }

    #[test]
    fn an_edge_table_names_its_ends() {
        let Statement::CreateEdgeTable(edge) =
            parse("CREATE EDGE TABLE IF NOT EXISTS follows (FROM \"User\" TO user, since INTEGER NOT NULL) WITH (open = true)")
                .unwrap()
        else {
            panic!("not an edge table");
        };
        assert!(edge.if_not_exists);
        assert_eq!(edge.from.unwrap().to_string(), "\"User\"");
        assert_eq!((edge.columns.len(), edge.options.len()), (1, 1));
        assert!(parse("CREATE EDGE TABLE f (FROM a TO b)").is_ok());
        assert!(parse("CREATE EDGE TABLE f").is_ok());
        assert!(parse("CREATE EDGE TABLE f (FROM a, x INT)").is_err());
    }

    #[test]
    fn places_move_into_the_script() {
        let script = "SELECT 1;\n  SELECT nme FROM t";
        let span = *split_statements(script).unwrap().last().unwrap();
        let statement = &script[span.start..span.end];
        let error = relocate(Error::not_found("x").at_sql(statement, 7..10), script, span);
        assert_eq!(error.place().unwrap().to_string(), "line 2, column 10");
    }
}
