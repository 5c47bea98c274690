//! What can stand at the cursor: keywords, types, their properties, functions, dot-commands.
//!
//! Pure: a text, a place in it, and what is known of the database give the candidates.

use clap::ValueEnum as _;

use crate::bus::registry::{DOT, KEYWORDS};

use super::lex::{State, Token, lex};
use crate::cli::args::Format;

/// Words behind which a type's name stands.
const BEFORE_TYPES: &[&str] = &["from", "join", "into", "update", "table", "describe", "using", "references"];
/// Words that end a list of types behind FROM.
const ENDS_TYPES: &[&str] = &["where", "on", "group", "order", "having", "limit", "set", "select", "values"];

/// What is known of the database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    /// Types, each with its properties.
    pub types: Vec<(String, Vec<String>)>,
    /// Functions.
    pub functions: Vec<String>,
}

/// What the cursor may complete.
#[derive(Debug, PartialEq, Eq)]
pub enum Completion {
    /// Words that replace the text from a byte on.
    Words(usize, Vec<String>),
    /// The name of a file.
    File,
}

/// The candidates at the end of `line`, whose statement began with the lines in `before`.
pub fn complete(words: &Words, before: &str, line: &str) -> Completion {
    if before.trim().is_empty() && line.trim_start().starts_with('.') {
        return dot_command(words, line);
    }
    let (start, found) = statement(words, before, line);
    Completion::Words(start, found)
}

fn dot_command(words: &Words, line: &str) -> Completion {
    let start = line.rfind(char::is_whitespace).map_or(0, |at| at + 1);
    let (head, prefix) = line.split_at(start);
    let mut given = head.split_whitespace();
    let types = || words.types.iter().map(|(name, _)| name.clone());
    let pick = |names: Vec<String>| {
        let found = names.into_iter().filter(|name| name.starts_with(prefix));
        Completion::Words(start, found.collect())
    };
    match (given.next(), given.count()) {
        (None, _) => pick(DOT.iter().map(|spec| spec.name.to_owned()).collect()),
        (Some(".schema" | ".export"), 0) => pick(types().collect()),
        (Some(".format"), 0) => {
            let names = Format::value_variants().iter().filter_map(clap::ValueEnum::to_possible_value);
            pick(names.map(|value| value.get_name().to_owned()).collect())
        }
        (Some(".timing"), 0) => pick(vec!["off".to_owned(), "on".to_owned()]),
        (Some(".import"), _) if head.trim_end().ends_with("--type") => pick(types().collect()),
        (Some(".read"), 0) | (Some(".export"), 1) | (Some(".import"), _) => Completion::File,
        (Some(".explain"), _) => {
            let at = line.find(".explain").map_or(0, |at| at + ".explain".len());
            let sql = line.get(at..).unwrap_or_default();
            let (start, found) = statement(words, "", sql);
            Completion::Words(at + start, found)
        }
        _ => Completion::Words(start, Vec::new()),
    }
}

fn statement(words: &Words, before: &str, line: &str) -> (usize, Vec<String>) {
    let nothing = (line.len(), Vec::new());
    let (_, state) = lex(before, State::Plain);
    let (stretches, end) = lex(line, state);
    let quoted = matches!(end, State::Name('"'));
    if end != State::Plain && !quoted {
        return nothing;
    }
    let (start, prefix) = match stretches.last().filter(|(range, _)| range.end == line.len()) {
        Some((_, Token::Comment | Token::String | Token::Number)) => return nothing,
        Some((range, _)) => (range.start, line.get(range.clone()).unwrap_or_default()),
        None => (line.len(), ""),
    };
    let text = format!("{before}{line}");
    let tokens = tokens(&text, before.len() + start);
    let matches = Matching { prefix: prefix.trim_start_matches('"'), quoted };
    if tokens.last() == Some(&Part::Other('.')) {
        let Some(owner) = owner(&tokens) else { return nothing };
        let type_name = aliased(&tokens_of(&text), &owner).unwrap_or(owner);
        return (start, matches.names(words.properties_of(&type_name)));
    }
    if expects_type(&tokens) {
        return (start, matches.names(words.types.iter().map(|(name, _)| name.as_str())));
    }
    let all = tokens_of(&text);
    let mentioned = words.types.iter().filter(|(name, _)| all.iter().any(|t| t.is_name(name)));
    let mut found = matches.names(mentioned.flat_map(|(_, properties)| properties).map(String::as_str));
    if !matches.prefix.is_empty() {
        found.extend(matches.names(words.types.iter().map(|(name, _)| name.as_str())));
        if !quoted {
            let functions = words.functions.iter().map(|name| format!("{name}("));
            found.extend(functions.filter(|name| matches.starts(name)));
            // As it was begun, in capitals or not.
            let small = prefix.chars().any(char::is_lowercase);
            let keywords = KEYWORDS.iter().filter(|word| matches.starts(word));
            found.extend(keywords.map(|w| if small { w.to_lowercase() } else { (*w).to_owned() }));
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    found.retain(|name| seen.insert(name.clone()));
    (start, found)
}

impl Words {
    fn properties_of(&self, type_name: &str) -> impl Iterator<Item = &str> {
        let found = self.types.iter().find(|(name, _)| name == type_name);
        found.into_iter().flat_map(|(_, properties)| properties).map(String::as_str)
    }
}

/// What was begun.
struct Matching<'p> {
    prefix: &'p str,
    /// It stands in quotes.
    quoted: bool,
}

impl Matching<'_> {
    fn starts(&self, name: &str) -> bool {
        name.get(..self.prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(self.prefix))
    }

    /// Names as SQL takes them: in quotes where they need them.
    fn names<'n>(&self, names: impl Iterator<Item = &'n str>) -> Vec<String> {
        let shown = |name: &str| {
            let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
                && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
                && !crate::bus::registry::is_keyword(name);
            if plain && !self.quoted { name.to_owned() } else { crate::cli::find::quoted(name) }
        };
        let mut found: Vec<String> = names.filter(|name| self.starts(name)).map(shown).collect();
        found.sort();
        found.dedup();
        found
    }
}

/// A word or a sign.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Keyword(String),
    Name(String),
    Other(char),
}

impl Part {
    fn is_name(&self, name: &str) -> bool {
        matches!(self, Part::Name(own) if own == name)
    }

    fn is_word(&self, words: &[&str]) -> bool {
        matches!(self, Part::Keyword(own) if words.contains(&own.as_str()))
    }
}

/// The parts of the statement in which `end` lies, up to it.
fn tokens(text: &str, end: usize) -> Vec<Part> {
    tokens_of(text.get(..end).unwrap_or_default())
}

fn tokens_of(text: &str) -> Vec<Part> {
    let (stretches, _) = lex(text, State::Plain);
    let mut parts = Vec::new();
    let mut done = 0;
    let signs = |range: std::ops::Range<usize>, parts: &mut Vec<Part>| {
        let between = text.get(range).unwrap_or_default();
        for sign in between.chars().filter(|c| !c.is_whitespace()) {
            if sign == ';' {
                // Another statement begins.
                parts.clear();
            } else {
                parts.push(Part::Other(sign));
            }
        }
    };
    for (range, token) in stretches {
        signs(done..range.start, &mut parts);
        done = range.end;
        let word = text.get(range).unwrap_or_default();
        parts.push(match token {
            Token::Keyword => Part::Keyword(word.to_lowercase()),
            Token::Name => Part::Name(word.to_lowercase()),
            Token::QuotedName => Part::Name(word.trim_matches('"').replace("\"\"", "\"")),
            Token::String | Token::Number => Part::Other('0'),
            Token::Comment => continue,
        });
    }
    signs(done..text.len(), &mut parts);
    parts
}

/// The name before a dot at the end.
fn owner(parts: &[Part]) -> Option<String> {
    match parts {
        [.., Part::Name(name), Part::Other('.')] => Some(name.clone()),
        _ => None,
    }
}

/// The type that an alias stands for: `FROM type [AS] alias`, `JOIN`, `UPDATE`, `, type alias`.
fn aliased(parts: &[Part], alias: &str) -> Option<String> {
    let before = |part: &Part| part.is_word(BEFORE_TYPES) || *part == Part::Other(',');
    let mut found = None;
    for (at, part) in parts.iter().enumerate() {
        let Some(Part::Name(type_name)) = parts.get(at + 1).filter(|_| before(part)) else { continue };
        let next = parts.get(at + 2);
        let given = if next.is_some_and(|p| p.is_word(&["as"])) { parts.get(at + 3) } else { next };
        if given.is_some_and(|p| p.is_name(alias)) {
            found = Some(type_name.clone());
        }
    }
    found
}

/// Whether a type's name comes next.
fn expects_type(parts: &[Part]) -> bool {
    match parts.last() {
        Some(last) if last.is_word(BEFORE_TYPES) => true,
        // In a list of types: FROM a, b
        Some(Part::Other(',')) => {
            let mut depth = 0;
            for part in parts.iter().rev() {
                match part {
                    Part::Other(')') => depth += 1,
                    Part::Other('(') if depth == 0 => return false,
                    Part::Other('(') => depth -= 1,
                    _ if depth > 0 => {}
                    part if part.is_word(ENDS_TYPES) => return false,
                    part if part.is_word(&["from"]) => return true,
                    _ => {}
                }
            }
            false
        }
        // CREATE TABLE IF NOT EXISTS is a new name, DROP TABLE IF EXISTS an old one.
        Some(last) if last.is_word(&["exists"]) => {
            parts.first().is_some_and(|first| first.is_word(&["drop", "alter"]))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> Words {
        let typed = |name: &str, properties: &[&str]| {
            (name.to_owned(), properties.iter().map(|p| (*p).to_owned()).collect())
        };
        Words {
            types: vec![
                typed("package", &["name", "version", "Size"]),
                typed("person", &["name", "born"]),
                typed("Mixed Case", &["order"]),
            ],
            functions: vec!["count".to_owned(), "coalesce".to_owned(), "percent_rank".to_owned()],
        }
    }

    fn at(before: &str, line: &str) -> (String, Vec<String>) {
        match complete(&words(), before, line) {
            Completion::Words(start, found) => (line[..start].to_owned(), found),
            Completion::File => ("file".to_owned(), Vec::new()),
        }
    }

    fn found(line: &str) -> Vec<String> {
        at("", line).1
    }

    #[test]
    fn types_stand_behind_from_and_its_like() {
        assert_eq!(found("SELECT * FROM p"), ["package", "person"]);
        assert_eq!(found("SELECT * FROM "), ["\"Mixed Case\"", "package", "person"]);
        assert_eq!(found("SELECT * FROM person p, pa"), ["package"]);
        assert_eq!(found("update PA"), ["package"]);
        assert_eq!(found("DROP TABLE IF EXISTS pe"), ["person"]);
        assert_eq!(found("SELECT * FROM \"M"), ["\"Mixed Case\""]);
        assert_eq!(at("SELECT *\n", "FROM per"), ("FROM ".to_owned(), vec!["person".to_owned()]));
        assert_eq!(found("SELECT 1; SELECT * FROM x; INSERT INTO pers"), ["person"]);
    }

    #[test]
    fn properties_stand_behind_their_type_or_alias() {
        assert_eq!(found("SELECT package."), ["\"Size\"", "name", "version"]);
        assert_eq!(found("SELECT * FROM person AS x JOIN package y ON x.b"), ["born"]);
        assert_eq!(found("SELECT * FROM person x JOIN package y ON y.v"), ["version"]);
        assert_eq!(found("SELECT * FROM \"Mixed Case\" m WHERE m.o"), ["\"order\""]);
        assert_eq!(found("SELECT * FROM person WHERE bo"), ["born", "boolean"]);
        assert_eq!(found("SELECT nobody."), Vec::<String>::new());
    }

    #[test]
    fn functions_and_keywords_follow_the_case_they_were_begun_in() {
        assert_eq!(found("SELECT coun"), ["count("]);
        assert_eq!(found("sel"), ["select"]);
        assert_eq!(found("SEL"), ["SELECT"]);
        assert_eq!(found("SELECT a FROM person ORD"), ["ORDER"]);
        assert!(found("SELECT per").contains(&"percent_rank(".to_owned()));
    }

    #[test]
    fn nothing_is_completed_in_text_and_comments() {
        assert!(found("SELECT 'FROM p").is_empty());
        assert!(found("SELECT 1 -- FROM p").is_empty());
        assert!(at("SELECT 'a\n", "sel").1.is_empty());
        assert!(found("SELECT 12").is_empty());
        assert!(found("SELECT ").is_empty());
    }

    #[test]
    fn dot_commands_have_arguments_of_their_own() {
        assert_eq!(found(".ex"), [".export", ".explain", ".exit"]);
        assert_eq!(found(".schema p"), ["package", "person"]);
        assert_eq!(found(".format js"), ["json", "jsonl"]);
        assert_eq!(at("", ".read a"), ("file".to_owned(), Vec::new()));
        assert_eq!(
            at("", ".import x.csv --type pe"),
            (".import x.csv --type ".to_owned(), vec!["person".to_owned()])
        );
        assert_eq!(at("", ".explain SELECT * FROM pe").1, ["person"]);
        assert_eq!(at("SELECT 1\n", ".ex").1, Vec::<String>::new());
    }
}
