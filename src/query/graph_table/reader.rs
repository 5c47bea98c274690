//! Reading tokens one sign at a time.
//!
//! The tokenizer joins signs as PostgreSQL's operators are joined: `]->+(` has one token `->+`, `)?-[` has
//! `?-`, `IS a|!b` has `|!`. Which signs belong together is known here alone, so operators are read
//! character by character. Names, numbers and expressions begin where a token begins. Two hyphens in a
//! row begin a comment whatever stands around them; the error behind one says so.

use std::ops::Range;

use sqlparser::ast::{Expr, Ident, ObjectName};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Whitespace};

use super::ast::At;
use super::placed::{Placed, error_at, is_word, signs_of};
use crate::model::{Error, Result, Span, sqlstate};
use crate::query::dialect::DIALECT;
use crate::query::statement::{MAX_DEPTH, decapitalize};

/// How deep the SQL parser may recurse in an expression: several of its levels go to one of the text's.
const EXPRESSION_RECURSION: usize = 600;

struct Piece {
    token: TokenWithSpan,
    bytes: Range<usize>,
    /// The characters, of an operator or a bracket.
    signs: Option<String>,
    /// A comment of one line begins where the token before it ends.
    behind_hyphens: bool,
}

/// Where something begins, for the error where it does not end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start {
    pub(super) at: At,
    line: u64,
    column: u64,
}

/// The tokens without white space, and where the reader stands.
pub(super) struct Reader<'a> {
    pub(super) sql: &'a str,
    pieces: Vec<Piece>,
    /// The next token, and how many of its signs are read.
    next: usize,
    inside: usize,
    /// What was read last ends here.
    last_end: usize,
    /// What stands behind all tokens, in words.
    end: &'static str,
    end_bytes: Range<usize>,
    depth: usize,
    /// A comment that looks like an edge and a node: `)--(`.
    hidden: Option<Range<usize>>,
}

const HYPHENS: &str = "-- begins a comment: an edge in either direction is -[]- or -";

impl<'a> Reader<'a> {
    /// `end` stands behind the tokens, at `end_bytes`.
    pub(super) fn new(
        sql: &'a str,
        tokens: &[Placed],
        end: &'static str,
        end_bytes: Range<usize>,
    ) -> Reader<'a> {
        let mut pieces: Vec<Piece> = Vec::with_capacity(tokens.len() / 2 + 1);
        let (mut behind_hyphens, mut hidden) = (false, None);
        for Placed { token, bytes } in tokens {
            match &token.token {
                Token::Whitespace(Whitespace::SingleLineComment { prefix, comment }) => {
                    let last = pieces.last().filter(|last| last.bytes.end == bytes.start && bytes.start > 0);
                    behind_hyphens |= prefix == "--" && last.is_some();
                    let ends = last.is_some_and(|last| {
                        matches!(last.token.token, Token::RParen | Token::RBracket | Token::Lt)
                    });
                    if prefix == "--" && ends && comment.starts_with(['(', '[', '>']) && hidden.is_none() {
                        hidden = Some(bytes.start..bytes.start + prefix.len());
                    }
                }
                Token::Whitespace(_) | Token::EOF => {}
                other => {
                    let signs = signs_of(other);
                    pieces.push(Piece { token: token.clone(), bytes: bytes.clone(), signs, behind_hyphens });
                    behind_hyphens = false;
                }
            }
        }
        if behind_hyphens {
            // The end is what the comment left to be found.
            let token = TokenWithSpan::wrap(Token::EOF);
            pieces.push(Piece { token, bytes: end_bytes.clone(), signs: None, behind_hyphens });
        }
        Reader { sql, pieces, next: 0, inside: 0, last_end: 0, end, end_bytes, depth: 0, hidden }
    }

    fn piece(&self) -> Option<&Piece> {
        self.pieces.get(self.next)
    }

    /// The bytes of the next sign or token.
    fn bytes(&self) -> Range<usize> {
        match self.piece() {
            Some(piece) if piece.signs.is_some() && piece.bytes.end > 0 => {
                (piece.bytes.start + self.inside).min(piece.bytes.end)..piece.bytes.end
            }
            Some(piece) => piece.bytes.clone(),
            None => self.end_bytes.clone(),
        }
    }

    /// Where the next thing begins.
    pub(super) fn start(&self) -> Start {
        let bytes = self.bytes();
        let place = self.piece().map(|piece| piece.token.span.start);
        let (line, column) = place.map_or((0, 0), |p| (p.line, p.column + self.inside as u64));
        Start { at: At(bytes.into()), line, column }
    }

    /// The bytes from a start to what was read last.
    pub(super) fn since(&self, start: Start) -> At {
        let from = start.at.0.start;
        At(Span { start: from, end: self.last_end.max(from) })
    }

    /// Whether nothing is left.
    pub(super) fn is_at_end(&self) -> bool {
        self.piece().is_none_or(|piece| piece.token.token == Token::EOF)
    }

    /// The sign `ahead` places behind the next one, if only signs stand between.
    pub(super) fn sign_at(&self, ahead: usize) -> Option<char> {
        let (mut ahead, mut inside) = (ahead, self.inside);
        for piece in self.pieces.iter().skip(self.next) {
            // Operators are ASCII.
            let signs = piece.signs.as_deref()?.get(inside..)?;
            if let Some(sign) = signs.chars().nth(ahead) {
                return Some(sign);
            }
            ahead -= signs.len();
            inside = 0;
        }
        None
    }

    /// The next sign.
    pub(super) fn sign(&self) -> Option<char> {
        self.sign_at(0)
    }

    /// Reads a sign if it is the next one.
    pub(super) fn eat(&mut self, sign: char) -> bool {
        if self.sign() != Some(sign) {
            return false;
        }
        let Some(piece) = self.pieces.get(self.next) else { return false };
        self.inside += 1;
        self.last_end = (piece.bytes.start + self.inside).min(piece.bytes.end);
        if piece.signs.as_ref().is_none_or(|signs| self.inside >= signs.len()) {
            self.last_end = piece.bytes.end;
            self.next += 1;
            self.inside = 0;
        }
        true
    }

    /// Reads a sign, or says what was expected.
    pub(super) fn expect(&mut self, sign: char, expected: &str) -> Result<()> {
        if self.eat(sign) { Ok(()) } else { Err(self.unexpected(expected)) }
    }

    /// Reads the bracket that ends `what`, which began at `start`; `others` might stand before it.
    pub(super) fn close(&mut self, sign: char, others: &str, what: &str, start: Start) -> Result<()> {
        if self.eat(sign) {
            return Ok(());
        }
        let place = match start.line {
            0 => String::new(),
            _ => format!(" that begins at line {}, column {}", start.line, start.column),
        };
        Err(self.unexpected(&format!("{others}'{sign}' to end the {what}{place}")))
    }

    fn token_at(&self, ahead: usize) -> Option<&Token> {
        match (self.inside, self.pieces.get(self.next + ahead)) {
            (0, Some(piece)) => Some(&piece.token.token),
            _ => None,
        }
    }

    /// Whether the token `ahead` places behind the next one is this word, without quotes.
    pub(super) fn is_word_at(&self, ahead: usize, word: &str) -> bool {
        self.token_at(ahead).is_some_and(|token| is_word(token, word))
    }

    /// Whether this word is next, without quotes.
    pub(super) fn is_word(&self, word: &str) -> bool {
        self.is_word_at(0, word)
    }

    /// Whether one of these words is next.
    pub(super) fn is_one_of(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is_word(word))
    }

    /// Whether any name or word stands there.
    pub(super) fn is_name_at(&self, ahead: usize) -> bool {
        matches!(self.token_at(ahead), Some(Token::Word(_)))
    }

    /// Whether a sign begins the token there.
    pub(super) fn is_sign_at(&self, ahead: usize, sign: char) -> bool {
        self.inside == 0
            && self
                .pieces
                .get(self.next + ahead)
                .is_some_and(|piece| piece.signs.as_deref().is_some_and(|signs| signs.starts_with(sign)))
    }

    fn skip_token(&mut self) {
        if let Some(piece) = self.pieces.get(self.next) {
            self.last_end = piece.bytes.end;
            self.next += 1;
            self.inside = 0;
        }
    }

    /// Reads a word if it is the next one.
    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        if found {
            self.skip_token();
        }
        found
    }

    /// Reads one of some words, if one is next.
    pub(super) fn eat_one_of(&mut self, words: &[&str]) -> bool {
        words.iter().any(|word| self.eat_word(word))
    }

    /// Reads these words, if all of them are next.
    pub(super) fn eat_words(&mut self, words: &[&str]) -> bool {
        let found = words.iter().enumerate().all(|(ahead, word)| self.is_word_at(ahead, word));
        if found {
            words.iter().for_each(|_| self.skip_token());
        }
        found
    }

    /// Reads a word, or says what was expected.
    pub(super) fn expect_word(&mut self, word: &str) -> Result<()> {
        if self.eat_word(word) { Ok(()) } else { Err(self.unexpected(&word.to_ascii_uppercase())) }
    }

    /// Reads a name, quoted or not.
    pub(super) fn name(&mut self, expected: &str) -> Result<Ident> {
        match self.pieces.get(self.next) {
            Some(Piece { token: TokenWithSpan { token: Token::Word(word), span }, .. })
                if word.quote_style.is_some() || !reserved(&word.value) =>
            {
                let name = word.clone().into_ident(*span);
                self.skip_token();
                Ok(name)
            }
            _ => Err(self.unexpected(expected)),
        }
    }

    /// Reads `a`, `a.b` and so on.
    pub(super) fn object_name(&mut self, expected: &str) -> Result<ObjectName> {
        let mut parts = vec![self.name(expected)?];
        while self.eat('.') {
            parts.push(self.name("a name behind '.'")?);
        }
        Ok(ObjectName::from(parts))
    }

    /// Reads `(a, b)`.
    pub(super) fn names_in_parentheses(&mut self, expected: &str) -> Result<Vec<Ident>> {
        let start = self.start();
        self.expect('(', &format!("'(' and {expected}"))?;
        let mut names = vec![self.name(expected)?];
        while self.eat(',') {
            names.push(self.name(expected)?);
        }
        self.close(')', "',' or ", "list", start)?;
        Ok(names)
    }

    /// Reads a whole number, if one is next.
    pub(super) fn number(&mut self) -> Result<Option<u32>> {
        let Some(Token::Number(text, false)) = self.token_at(0) else { return Ok(None) };
        let digits = text.replace('_', "");
        match digits.parse() {
            Ok(number) => {
                self.skip_token();
                Ok(Some(number))
            }
            Err(_) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                Err(self.wrong(format!("the number {text} is too large: at most {} is taken", u32::MAX)))
            }
            Err(_) => Err(self.unexpected("a whole number")),
        }
    }

    /// Reads an expression, which ends before the bracket, or the comma, at its own level.
    pub(super) fn expression(&mut self) -> Result<Expr> {
        // The parser would take COLUMNS for a function.
        if self.inside > 0 || (self.is_word("columns") && self.is_sign_at(1, '(')) {
            return Err(self.unexpected("an expression"));
        }
        let mut depth = 0usize;
        let mut stop = self.next;
        for piece in self.pieces.iter().skip(self.next) {
            match piece.token.token {
                Token::LParen | Token::LBracket | Token::LBrace => depth += 1,
                Token::RParen | Token::RBracket | Token::RBrace if depth == 0 => break,
                Token::Comma if depth == 0 => break,
                Token::RParen | Token::RBracket | Token::RBrace => depth -= 1,
                _ => {}
            }
            stop += 1;
        }
        // One more, so that the parser's errors name it.
        let pieces = self.pieces.get(self.next..).unwrap_or_default();
        let mut tokens: Vec<TokenWithSpan> =
            pieces.iter().take(stop + 1 - self.next).map(|piece| piece.token.clone()).collect();
        // Before a dot every word is a name: `user.name` begins with no call of USER.
        let mut dot = false;
        for token in tokens.iter_mut().rev() {
            match &mut token.token {
                Token::Word(word) if dot => word.keyword = Keyword::NoKeyword,
                _ => {}
            }
            dot = token.token == Token::Period;
        }
        let mut parser = Parser::new(&DIALECT)
            .with_recursion_limit(EXPRESSION_RECURSION)
            .with_tokens_with_locations(tokens);
        match parser.parse_expr() {
            Ok(expr) => {
                self.next = (self.next + parser.index()).min(stop);
                self.inside = 0;
                if let Some(last) = self.next.checked_sub(1).and_then(|last| self.pieces.get(last)) {
                    self.last_end = last.bytes.end;
                }
                Ok(expr)
            }
            Err(error) => Err(self.expression_error(&error, stop)),
        }
    }

    fn expression_error(&self, error: &ParserError, stop: usize) -> Error {
        let text = match error {
            ParserError::ParserError(text) | ParserError::TokenizerError(text) => text.as_str(),
            ParserError::RecursionLimitExceeded => {
                let error = Error::bad_input("the expression is nested too deeply")
                    .with_sqlstate(sqlstate::STATEMENT_TOO_COMPLEX)
                    .with_hint("split the statement with WITH clauses");
                return error_at(self.sql, self.bytes(), error);
            }
        };
        let (message, place) = match text.rsplit_once(" at Line: ") {
            Some((message, place)) => (message, place.split_once(", Column: ")),
            None => (text, None),
        };
        let message = match message.strip_prefix("Expected: ").and_then(|m| m.rsplit_once(", found: ")) {
            Some((expected, "EOF")) => format!("expected {expected}, found {}", self.end),
            Some((expected, found)) => format!("expected {expected}, found '{found}'"),
            None => decapitalize(message),
        };
        let place = place
            .and_then(|(line, column)| Some((line.trim().parse().ok()?, column.trim().parse().ok()?)))
            .filter(|(line, _): &(u64, u64)| *line > 0);
        let found = self.pieces.iter().skip(self.next).find(|piece| {
            let start = piece.token.span.start;
            place == Some((start.line, start.column))
        });
        let bytes = match found.or_else(|| self.pieces.get(stop)) {
            Some(piece) => piece.bytes.clone(),
            None => self.end_bytes.clone(),
        };
        error_at(self.sql, bytes, Error::bad_input(message).with_sqlstate(sqlstate::SYNTAX_ERROR))
    }

    /// Enters a level of nesting.
    pub(super) fn enter(&mut self) -> Result<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let error = Error::bad_input(format!("a pattern nested deeper than {MAX_DEPTH} levels"))
                .with_sqlstate(sqlstate::STATEMENT_TOO_COMPLEX)
                .with_hint("take out parentheses that change nothing");
            return Err(error_at(self.sql, self.bytes(), error));
        }
        Ok(())
    }

    /// Leaves it.
    pub(super) fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// What was found instead of what was expected.
    pub(super) fn unexpected(&self, expected: &str) -> Error {
        let found = match self.piece() {
            Some(Piece { token: TokenWithSpan { token: Token::EOF, .. }, .. }) | None => self.end.to_owned(),
            Some(Piece { signs: Some(signs), .. }) => {
                format!("'{}'", signs.get(self.inside..).unwrap_or_default())
            }
            Some(piece) => format!("'{}'", piece.token.token),
        };
        let error = self.wrong(format!("expected {expected}, found {found}"));
        if self.piece().is_some_and(|piece| piece.behind_hyphens && self.inside == 0) {
            return error.with_hint(HYPHENS);
        }
        error
    }

    /// Refuses `(a)--(b)`: the rest of the line is a comment, and the pattern might be read without it.
    pub(super) fn refuse_hidden(&self) -> Result<()> {
        match &self.hidden {
            None => Ok(()),
            Some(at) => {
                let error = Error::bad_input("a comment in the place of an edge").with_hint(HYPHENS);
                Err(error_at(self.sql, at.clone(), error.with_sqlstate(sqlstate::SYNTAX_ERROR)))
            }
        }
    }

    /// An error of syntax at what is next.
    pub(super) fn wrong(&self, message: impl Into<String>) -> Error {
        let error = Error::bad_input(message).with_sqlstate(sqlstate::SYNTAX_ERROR);
        error_at(self.sql, self.bytes(), error)
    }

    /// An error of syntax somewhere else.
    pub(super) fn wrong_at(&self, at: At, message: impl Into<String>) -> Error {
        let error = Error::bad_input(message).with_sqlstate(sqlstate::SYNTAX_ERROR);
        error_at(self.sql, at.0.start..at.0.end, error)
    }

    /// The bytes of the token that begins at a place of the tokenizer's.
    pub(super) fn at_place(&self, place: Location) -> At {
        let piece = self.pieces.iter().find(|piece| place.line > 0 && piece.token.span.start == place);
        At(piece.map_or(0..0, |piece| piece.bytes.clone()).into())
    }

    /// What is understood, but not supported.
    pub(super) fn refuse(&self, at: At, message: impl Into<String>, hint: &str) -> Error {
        error_at(self.sql, at.0.start..at.0.end, Error::unsupported(message).with_hint(hint))
    }
}

/// Words that are no names without quotes: the ones that stand where a name is optional.
fn reserved(word: &str) -> bool {
    ["where", "is", "columns"].iter().any(|reserved| word.eq_ignore_ascii_case(reserved))
}
