//! What can stand at the cursor of a statement: types, properties, joins, functions, keywords. One
//! completer for the terminal program and the REPL.
//!
//! ```text
//!  text, cursor ─▶ lex ─▶ parts (words and signs) ─▶ scope (tables and their aliases) ─▶ candidates
//! ```
//!
//! Pure: a text, a place in it, and what is known of the database give the candidates, the best first.
//! Any text is taken, however unfinished; in strings and comments nothing is offered.

mod joins;
mod lex;
mod parts;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use super::registry::KEYWORDS;

pub use lex::{State, Stretch, Token, lex};
pub use words::{FunctionWords, TypeWords, Words, functions, quote_name};

use parts::{Part, Scope};

/// Candidates that are given at most.
const MOST: usize = 200;
/// Keywords that are typed more often than functions of like names.
const COMMON: &[&str] = &[
    "AND",
    "AS",
    "ASC",
    "BETWEEN",
    "BY",
    "CASE",
    "CREATE",
    "DELETE",
    "DESC",
    "DISTINCT",
    "DROP",
    "ELSE",
    "END",
    "EXISTS",
    "EXPLAIN",
    "FROM",
    "GROUP",
    "HAVING",
    "ILIKE",
    "IN",
    "INNER",
    "INSERT",
    "INTO",
    "IS",
    "JOIN",
    "LEFT",
    "LIKE",
    "LIMIT",
    "NOT",
    "NULL",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "RETURNING",
    "SELECT",
    "SET",
    "TABLE",
    "THEN",
    "UNION",
    "UPDATE",
    "VALUES",
    "WHEN",
    "WHERE",
    "WITH",
];
/// What a statement begins with.
const BEGINNINGS: &[&str] = &[
    "SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "CREATE", "ALTER", "DROP", "EXPLAIN", "BEGIN", "COMMIT",
    "ROLLBACK", "TRUNCATE", "MERGE", "SHOW", "DESCRIBE", "VALUES",
];

/// What a candidate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A table with the condition that joins it, or the condition alone.
    Join,
    /// A column.
    Property,
    /// A table of the statement under the name it has there.
    Alias,
    /// A node type, an edge type or a view.
    Type,
    /// A word of SQL.
    Keyword,
    /// A function.
    Function,
}

/// What can be put at the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The text, quoted where SQL needs it.
    pub text: String,
    /// What it is.
    pub kind: Kind,
    /// More about it: a type, a signature.
    pub detail: String,
    /// It goes on with what is typed; otherwise it holds the typed letters somewhere.
    pub goes_on: bool,
}

/// What can be put at a place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Candidates {
    /// The byte from which on the text up to the place is replaced.
    pub from: usize,
    /// The best first.
    pub items: Vec<Candidate>,
}

/// The candidates at a byte of a text.
#[must_use]
pub fn complete(words: &Words, text: &str, at: usize) -> Candidates {
    let nothing = Candidates { from: at, items: Vec::new() };
    let Some(before) = text.get(..at) else { return nothing };
    let (stretches, end) = lex(before, State::Plain);
    let quoted = matches!(end, State::Name('"'));
    if end != State::Plain && !quoted {
        return nothing;
    }
    let (from, typed) = match stretches.last().filter(|(range, _)| range.end == at) {
        Some((range, Token::QuotedName)) if !quoted => {
            return Candidates { from: range.end, ..nothing };
        }
        Some((_, Token::Comment | Token::String | Token::Number)) => return nothing,
        Some((range, _)) => (range.start, before.get(range.clone()).unwrap_or_default()),
        None => (at, ""),
    };
    // Where a word goes on behind the cursor it is not known what is meant.
    let behind = text.get(at..).unwrap_or_default();
    if !quoted && behind.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
        return nothing;
    }
    let head = parts::parts(text.get(..from).unwrap_or_default());
    let all = parts::around(text, from, at);
    let mut place = Place {
        words,
        scope: parts::scope(&all),
        own: parts::common_tables(&all),
        typed: typed.trim_start_matches('"').to_lowercase(),
        small: typed.chars().any(char::is_lowercase),
        quoted,
        found: BTreeMap::new(),
    };
    place.find(&head);
    Candidates { from, items: place.best() }
}

/// How well a name fits what is typed; the smallest is the best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    Begins,
    Word,
    Letters,
}

struct Place<'w> {
    words: &'w Words,
    scope: Vec<Scope>,
    /// Names that WITH gives.
    own: BTreeSet<String>,
    typed: String,
    /// It was begun in small letters.
    small: bool,
    /// It stands in quotes.
    quoted: bool,
    /// By fit, group and text.
    found: BTreeMap<(Fit, u8, String), Candidate>,
}

impl Place<'_> {
    fn find(&mut self, head: &[Part]) {
        if head.last() == Some(&Part::Sign('.')) {
            if let Some(owner) = parts::owner(head) {
                self.properties_of(&owner);
            }
            return;
        }
        if parts::expects_type(head) {
            if head.last().is_some_and(|part| part.is_word(&["join"])) && !self.quoted {
                self.joins();
            }
            return self.types();
        }
        if head.last().is_some_and(|part| part.is_word(&["on"])) && !self.quoted {
            self.conditions();
        }
        if head.is_empty() && !self.quoted {
            return self.keywords(BEGINNINGS, 0);
        }
        self.properties();
        if self.typed.is_empty() {
            return;
        }
        self.types();
        if !self.quoted {
            self.keywords(COMMON, 3);
            self.keywords(KEYWORDS, 5);
            self.functions();
        }
    }

    fn fit(&self, name: &str) -> Option<Fit> {
        if self.typed.is_empty() {
            return Some(Fit::Begins);
        }
        let lower = name.to_lowercase();
        match lower.find(&self.typed) {
            Some(0) => Some(Fit::Begins),
            Some(at) if lower.get(..at).is_some_and(|head| head.ends_with(['_', '.', ' ', '-'])) => {
                Some(Fit::Word)
            }
            Some(_) => Some(Fit::Letters),
            None => {
                // The letters in their order, the first one first: `pv` finds `package_version`.
                let mut rest = lower.chars();
                let mut typed = self.typed.chars();
                let first = typed.next() == rest.next();
                let all = self.typed.chars().count() > 1 && typed.all(|c| rest.any(|r| r == c));
                (first && all).then_some(Fit::Letters)
            }
        }
    }

    /// Adds a candidate that fits by a name.
    fn add(&mut self, group: u8, name: &str, kind: Kind, text: String, detail: &str) {
        let Some(fit) = self.fit(name) else { return };
        let goes_on = fit == Fit::Begins;
        let candidate = Candidate { text: text.clone(), kind, detail: detail.to_owned(), goes_on };
        self.found.entry((fit, group, text)).or_insert(candidate);
    }

    fn shown(&self, name: &str) -> String {
        if self.quoted { words::in_quotes(name) } else { quote_name(name) }
    }

    fn properties_of(&mut self, owner: &str) {
        let table = self.scope.iter().find(|s| s.alias == owner).map_or(owner, |s| &s.table).to_owned();
        let Some(found) = self.words.find(&table) else { return };
        for (name, kind) in &found.properties {
            self.add(0, name, Kind::Property, self.shown(name), kind);
        }
    }

    /// The properties of the statement's tables; under the table's name where several have one.
    fn properties(&mut self) {
        let words = self.words;
        let scope: Vec<(String, &TypeWords)> =
            self.scope.iter().filter_map(|s| Some((s.alias.clone(), words.find(&s.table)?))).collect();
        let mut owners: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, table) in &scope {
            for (name, _) in &table.properties {
                *owners.entry(name).or_default() += 1;
            }
        }
        for (alias, table) in &scope {
            for (name, kind) in &table.properties {
                let text = match owners.get(name.as_str()) {
                    Some(n) if *n > 1 && !self.quoted => {
                        format!("{}.{}", quote_name(alias), quote_name(name))
                    }
                    _ => self.shown(name),
                };
                self.add(1, name, Kind::Property, text, &format!("{kind}  {}", table.name));
            }
            if !self.typed.is_empty() && !self.quoted && *alias != table.name {
                self.add(2, alias, Kind::Alias, format!("{}.", quote_name(alias)), &table.name);
            }
        }
    }

    fn types(&mut self) {
        let words = self.words;
        for found in &words.types {
            self.add(4, &found.name, Kind::Type, self.shown(&found.name), &found.about());
        }
        for name in self.own.clone() {
            self.add(4, &name, Kind::Type, self.shown(&name), "of this statement");
        }
    }

    fn joins(&mut self) {
        for join in joins::tables(self.words, &self.scope) {
            self.add(u8::from(!join.declared), &join.table, Kind::Join, join.text, &join.detail);
        }
    }

    /// What joins the last table to those before it.
    fn conditions(&mut self) {
        for join in joins::conditions(self.words, &self.scope) {
            self.add(u8::from(!join.declared), &join.text, Kind::Join, join.text.clone(), &join.detail);
        }
    }

    fn keywords(&mut self, of: &[&str], group: u8) {
        for word in of {
            // As it was begun, in capitals or not.
            let text = if self.small { word.to_lowercase() } else { (*word).to_owned() };
            if self.typed.is_empty() || word.to_lowercase().starts_with(&self.typed) {
                let key = (Fit::Begins, group, text.clone());
                let known = self.found.keys().any(|(_, g, t)| *t == text && *g < group && *g >= 3);
                if !known {
                    let candidate =
                        Candidate { text, kind: Kind::Keyword, detail: String::new(), goes_on: true };
                    self.found.entry(key).or_insert(candidate);
                }
            }
        }
    }

    fn functions(&mut self) {
        let words = self.words;
        for function in &words.functions {
            // Hundreds of them hold any two letters: only what begins so is worth a line.
            if function.name.to_lowercase().starts_with(&self.typed) {
                let text = format!("{}(", function.name);
                self.add(6, &function.name, Kind::Function, text, &function.syntax);
            }
        }
    }

    fn best(self) -> Vec<Candidate> {
        let mut seen = BTreeSet::new();
        let all = self.found.into_values();
        all.filter(|c| seen.insert((c.kind, c.text.clone()))).take(MOST).collect()
    }
}

#[cfg(test)]
mod tests;
