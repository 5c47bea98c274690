//! A statement as words and signs, and the tables it speaks of.

use std::collections::BTreeSet;

use super::lex::{State, Token, lex};

/// Words behind which a type's name stands.
const BEFORE_TYPES: &[&str] =
    &["from", "join", "into", "update", "table", "describe", "using", "references", "truncate"];
/// Words that end a list of types behind FROM.
const ENDS_TYPES: &[&str] = &[
    "where",
    "on",
    "group",
    "order",
    "having",
    "limit",
    "offset",
    "set",
    "select",
    "values",
    "union",
    "except",
    "intersect",
    "window",
    "returning",
    "using",
];

/// A word or a sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// A word of SQL, in small letters.
    Keyword(String),
    /// A name as SQL reads it.
    Name(String),
    /// Punctuation; `0` for a string or a number.
    Sign(char),
}

impl Part {
    pub(super) fn is_word(&self, words: &[&str]) -> bool {
        matches!(self, Part::Keyword(own) if words.contains(&own.as_str()))
    }

    fn name(&self) -> Option<&str> {
        match self {
            Part::Name(name) => Some(name),
            _ => None,
        }
    }
}

/// A table of a statement and the name it has there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) table: String,
    pub(super) alias: String,
}

/// The parts of the last statement of a text.
pub(super) fn parts(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    each(text, |part| {
        if part == Part::Sign(';') {
            parts.clear();
        } else {
            parts.push(part);
        }
        true
    });
    parts
}

/// The parts of the statement at a place, without the word that is typed there.
pub(super) fn around(text: &str, from: usize, to: usize) -> Vec<Part> {
    let mut all = parts(text.get(..from).unwrap_or_default());
    each(text.get(to..).unwrap_or_default(), |part| {
        let goes_on = part != Part::Sign(';');
        if goes_on {
            all.push(part);
        }
        goes_on
    });
    all
}

/// Gives each part of a text, until `take` says that it is enough.
fn each(text: &str, mut take: impl FnMut(Part) -> bool) {
    let (stretches, _) = lex(text, State::Plain);
    let mut done = 0;
    let end = (text.len()..text.len(), Token::Comment);
    for (range, token) in stretches.into_iter().chain(std::iter::once(end)) {
        let between = text.get(done..range.start).unwrap_or_default();
        for sign in between.chars().filter(|c| !c.is_whitespace()) {
            if !take(Part::Sign(sign)) {
                return;
            }
        }
        done = range.end;
        let word = text.get(range).unwrap_or_default();
        let part = match token {
            Token::Keyword => Part::Keyword(word.to_lowercase()),
            Token::Name => Part::Name(word.to_lowercase()),
            Token::QuotedName => Part::Name(word.trim_matches('"').replace("\"\"", "\"")),
            Token::String | Token::Number => Part::Sign('0'),
            Token::Comment => continue,
        };
        if !take(part) {
            return;
        }
    }
}

/// The name before a dot at the end.
pub(super) fn owner(parts: &[Part]) -> Option<String> {
    match parts {
        [.., Part::Name(name), Part::Sign('.')] => Some(name.clone()),
        _ => None,
    }
}

/// Whether a type's name comes next.
pub(super) fn expects_type(parts: &[Part]) -> bool {
    match parts.last() {
        // ON CONFLICT DO UPDATE SET, FOR UPDATE: no name follows.
        Some(last) if last.is_word(&["update"]) => {
            !parts.iter().rev().nth(1).is_some_and(|before| before.is_word(&["do", "for"]))
        }
        Some(last) if last.is_word(&["using"]) => {
            parts.first().is_some_and(|first| first.is_word(&["delete", "merge"]))
        }
        // EXTRACT(year FROM x), IS DISTINCT FROM x
        Some(last) if last.is_word(&["from"]) => {
            !parts.iter().rev().nth(1).is_some_and(|before| before.is_word(&["distinct"]))
                && !within_call(parts, &["extract", "substring", "trim", "overlay"])
        }
        Some(last) if last.is_word(BEFORE_TYPES) => true,
        // In a list of types: FROM a, b
        Some(Part::Sign(',')) => in_from(parts),
        // CREATE TABLE IF NOT EXISTS is a new name, DROP TABLE IF EXISTS an old one.
        Some(last) if last.is_word(&["exists"]) => {
            parts.first().is_some_and(|first| first.is_word(&["drop", "alter"]))
        }
        _ => false,
    }
}

/// Whether the end stands in the parentheses of one of these.
fn within_call(parts: &[Part], of: &[&str]) -> bool {
    let mut depth = 0;
    for (at, part) in parts.iter().enumerate().rev() {
        match part {
            Part::Sign(')') => depth += 1,
            Part::Sign('(') if depth == 0 => {
                return at.checked_sub(1).and_then(|before| parts.get(before)).is_some_and(|before| {
                    before.is_word(of) || before.name().is_some_and(|name| of.contains(&name))
                });
            }
            Part::Sign('(') => depth -= 1,
            _ => {}
        }
    }
    false
}

/// Whether the end stands in the list behind FROM.
fn in_from(parts: &[Part]) -> bool {
    let mut depth = 0;
    for part in parts.iter().rev() {
        match part {
            Part::Sign(')') => depth += 1,
            Part::Sign('(') if depth == 0 => return false,
            Part::Sign('(') => depth -= 1,
            _ if depth > 0 => {}
            part if part.is_word(ENDS_TYPES) => return false,
            part if part.is_word(&["from"]) => return true,
            _ => {}
        }
    }
    false
}

/// The tables of a statement: `FROM type [AS] alias`, `JOIN`, `UPDATE`, `INTO`, `, type alias`.
pub(super) fn scope(parts: &[Part]) -> Vec<Scope> {
    let mut found: Vec<Scope> = Vec::new();
    let mut open = Vec::new();
    let mut in_list = false;
    for (at, part) in parts.iter().enumerate() {
        match part {
            Part::Sign('(') => open.push(std::mem::replace(&mut in_list, false)),
            Part::Sign(')') => in_list = open.pop().unwrap_or(false),
            part if part.is_word(&["from"]) => in_list = true,
            part if part.is_word(ENDS_TYPES) => in_list = false,
            _ => {}
        }
        let names = part.is_word(BEFORE_TYPES) || (in_list && *part == Part::Sign(','));
        if !names {
            continue;
        }
        let mut next = at + 1;
        // DELETE FROM ONLY, INSERT INTO TABLE: the name stands behind the word.
        while parts.get(next).is_some_and(|p| p.is_word(&["only", "table", "lateral"])) {
            next += 1;
        }
        let Some(mut table) = parts.get(next).and_then(Part::name) else { continue };
        next += 1;
        while let (Some(Part::Sign('.')), Some(Part::Name(name))) = (parts.get(next), parts.get(next + 1)) {
            table = name;
            next += 2;
        }
        // A function's rows: FROM generate_series(1, 3) x
        if part.is_word(&["from", "join"]) && parts.get(next) == Some(&Part::Sign('(')) {
            continue;
        }
        if parts.get(next).is_some_and(|p| p.is_word(&["as"])) {
            next += 1;
        }
        let alias = parts.get(next).and_then(Part::name).unwrap_or(table);
        let entry = Scope { table: table.to_owned(), alias: alias.to_owned() };
        if !found.contains(&entry) {
            found.push(entry);
        }
    }
    found
}

/// The names that WITH gives.
pub(super) fn common_tables(parts: &[Part]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    if !parts.iter().any(|part| part.is_word(&["with"])) {
        return found;
    }
    for (at, part) in parts.iter().enumerate() {
        let begins = part.is_word(&["with", "recursive"]) || *part == Part::Sign(',');
        let Some(name) = parts.get(at + 1).filter(|_| begins).and_then(Part::name) else { continue };
        let mut next = at + 2;
        if parts.get(next) == Some(&Part::Sign('(')) {
            while parts.get(next).is_some_and(|p| *p != Part::Sign(')')) {
                next += 1;
            }
            next += 1;
        }
        let is_as = parts.get(next).is_some_and(|p| p.is_word(&["as"]));
        if is_as && parts.get(next + 1) == Some(&Part::Sign('(')) {
            found.insert(name.to_owned());
        }
    }
    found
}
