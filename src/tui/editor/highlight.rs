//! SQL colours: syntect's parse of each line, kept until the line or what stands before it changes.
//!
//! Invariants: a line's colours follow from its text and the parse state before it, so an edit parses
//! from the edited line only until a state agrees with what was there; one draw parses for
//! [`PARSE_TIME`] at most, the rest is drawn plain until a later draw gets there. The syntax
//! definitions (constant data, shared by all editors) are loaded in the background after the first
//! draw: starting never waits for them.

use std::ops::Range;
use std::sync::{Arc, Once, OnceLock};
use std::time::{Duration, Instant};

use syntect::parsing::{ParseState, Scope, ScopeStack, SyntaxSet};

/// What one draw may spend on parsing; a line in progress is finished.
const PARSE_TIME: Duration = Duration::from_millis(2);
/// A longer line is drawn plain and leaves the parse state as it is.
const LINE_MAX_BYTES: usize = 4_000;

static SYNTAX: OnceLock<Option<Syntax>> = OnceLock::new();
static LOADING: Once = Once::new();

/// Words of SQL as spoken here that syntect's definition does not know.
const MORE_KEYWORDS: &[&str] = &[
    "analyze",
    "array",
    "asc",
    "begin",
    "both",
    "cast",
    "column",
    "commit",
    "cross",
    "current",
    "desc",
    "except",
    "exclude",
    "explain",
    "extract",
    "false",
    "fetch",
    "filter",
    "following",
    "full",
    "ilike",
    "intersect",
    "interval",
    "lateral",
    "left",
    "limit",
    "natural",
    "nulls",
    "offset",
    "only",
    "over",
    "partition",
    "preceding",
    "primary",
    "qualify",
    "range",
    "recursive",
    "references",
    "release",
    "rename",
    "replace",
    "returning",
    "right",
    "rollback",
    "row",
    "rows",
    "savepoint",
    "similar",
    "tablesample",
    "temporary",
    "transaction",
    "true",
    "truncate",
    "unbounded",
    "unique",
    "unnest",
    "using",
    "values",
    "view",
    "window",
    "with",
    "within",
];
/// Types that syntect's definition does not know.
const MORE_TYPES: &[&str] = &[
    "bigint",
    "boolean",
    "bytea",
    "date",
    "decimal",
    "double",
    "float",
    "int",
    "integer",
    "json",
    "numeric",
    "real",
    "smallint",
    "string",
    "text",
    "time",
    "timestamp",
    "uuid",
    "varchar",
    "vector",
];

struct Syntax {
    set: SyntaxSet,
    start: ParseState,
    classes: Vec<(Scope, Option<Token>)>,
}

/// What a stretch of SQL is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    Keyword,
    String,
    Number,
    Comment,
    Function,
    Operator,
    Type,
}

impl Token {
    /// The theme's scope for it.
    pub(super) fn scope(self) -> &'static str {
        match self {
            Token::Keyword => "syntax.keyword",
            Token::String => "syntax.string",
            Token::Number => "syntax.number",
            Token::Comment => "syntax.comment",
            Token::Function => "syntax.function",
            Token::Operator => "syntax.operator",
            Token::Type => "syntax.type",
        }
    }
}

/// Bytes of a line and what they are; stretches without a colour are left out.
pub(super) type Span = (Range<usize>, Token);

type State = Arc<(ParseState, ScopeStack)>;

#[derive(Default)]
struct Line {
    text: String,
    /// The states around it, once parsed.
    parsed: Option<(State, State)>,
    spans: Vec<Span>,
}

/// The colours of one text.
#[derive(Default)]
pub(super) struct Highlighter {
    lines: Vec<Line>,
    /// The version of the text that `lines` follows.
    version: Option<u64>,
    /// Lines from the top whose colours are right.
    valid: usize,
}

impl Highlighter {
    /// Brings the colours of the lines up to `last` up to date, as far as one draw may. Returns
    /// whether they all are.
    pub(super) fn update(&mut self, version: u64, lines: &[String], last: usize) -> bool {
        if self.version != Some(version) {
            self.follow(lines);
            self.version = Some(version);
        }
        let Some(syntax) = SYNTAX.get() else {
            LOADING.call_once(|| {
                // Without a thread the text stays plain; it is drawn all the same.
                drop(std::thread::Builder::new().name("sql-colours".into()).spawn(load));
            });
            return false;
        };
        let Some(syntax) = syntax else { return true };
        let start = Instant::now();
        let mut parsed = false;
        let wanted = (last + 1).min(lines.len());
        let mut state = match self.valid.checked_sub(1).and_then(|i| self.lines.get(i)) {
            Some(Line { parsed: Some((_, after)), .. }) => after.clone(),
            _ => Arc::new((syntax.start.clone(), ScopeStack::new())),
        };
        while self.valid < wanted {
            let Some(line) = self.lines.get_mut(self.valid) else { break };
            state = match &line.parsed {
                Some((before, after)) if Arc::ptr_eq(before, &state) || **before == *state => after.clone(),
                _ if parsed && start.elapsed() > PARSE_TIME => break,
                _ => {
                    parsed = true;
                    let (spans, after) = syntax.parse(&line.text, &state);
                    line.spans = spans;
                    line.parsed = Some((state, after.clone()));
                    after
                }
            };
            self.valid += 1;
        }
        self.valid >= wanted
    }

    /// The colours of a line, as far as they are known.
    pub(super) fn spans(&self, row: usize) -> &[Span] {
        if row >= self.valid {
            return &[];
        }
        self.lines.get(row).map_or(&[], |line| &line.spans)
    }

    /// Takes over a changed text; lines before and behind the change keep what is known of them.
    fn follow(&mut self, lines: &[String]) {
        let old = self.lines.len();
        let same = self.lines.iter().zip(lines).take_while(|(a, b)| a.text == **b).count();
        let most = old.min(lines.len()) - same;
        let behind = self.lines.iter().rev().zip(lines.iter().rev()).take(most);
        let tail = behind.take_while(|(a, b)| a.text == **b).count();
        let new = lines.get(same..lines.len() - tail).unwrap_or_default();
        let fresh = new.iter().map(|text| Line { text: text.clone(), ..Line::default() });
        self.lines.splice(same..old - tail, fresh);
        self.valid = self.valid.min(same);
    }
}

/// Loads the syntax definitions now.
pub(super) fn load() {
    SYNTAX.get_or_init(|| {
        let syntax = Syntax::load()?;
        // Patterns are compiled at first use: that is done here too, off the screen's thread.
        let start = Arc::new((syntax.start.clone(), ScopeStack::new()));
        syntax.parse(
            "CREATE TABLE t (a int DEFAULT 'x\\'''); SELECT count(*), \"a\", `b`, 1.5 /* c */ FROM zt @v # d",
            &start,
        );
        Some(syntax)
    });
}

impl Syntax {
    fn load() -> Option<Self> {
        let set = SyntaxSet::load_defaults_newlines();
        let start = ParseState::new(set.find_syntax_by_token("sql")?);
        let classes = [
            // MySQL's comments; here # is an operator.
            ("comment.line.number-sign", None),
            ("comment", Some(Token::Comment)),
            // Quoted names are names.
            ("string.quoted.double", None),
            ("string.quoted.other.backtick", None),
            ("string", Some(Token::String)),
            ("constant.numeric", Some(Token::Number)),
            ("constant.language", Some(Token::Keyword)),
            ("keyword.operator", Some(Token::Operator)),
            ("keyword", Some(Token::Keyword)),
            ("storage.type", Some(Token::Type)),
            ("storage", Some(Token::Keyword)),
            ("support.function", Some(Token::Function)),
        ];
        let classes =
            classes.iter().filter_map(|(scope, token)| Some((Scope::new(scope).ok()?, *token))).collect();
        Some(Self { set, start, classes })
    }

    fn parse(&self, text: &str, before: &State) -> (Vec<Span>, State) {
        if text.len() > LINE_MAX_BYTES {
            return (Vec::new(), before.clone());
        }
        let (mut parser, mut stack) = (before.0.clone(), before.1.clone());
        let Ok(ops) = parser.parse_line(&format!("{text}\n"), &self.set) else {
            return (Vec::new(), before.clone());
        };
        let mut spans: Vec<Span> = Vec::new();
        let mut at = 0;
        let ends = ops.iter().map(|(end, op)| (*end, Some(op))).chain([(text.len(), None)]);
        for (end, op) in ends {
            let end = end.min(text.len());
            if at < end {
                match self.class(&stack) {
                    Some(token) => push(&mut spans, at..end, token),
                    None => words(text, at..end, self.quoted(&stack), &mut spans),
                }
                at = end;
            }
            // An operation that does not fit the stack would be a defect of the definition.
            if op.is_some_and(|op| stack.apply(op).is_err()) {
                return (spans, before.clone());
            }
        }
        (spans, Arc::new((parser, stack)))
    }

    fn class(&self, stack: &ScopeStack) -> Option<Token> {
        stack.as_slice().iter().rev().find_map(|scope| {
            self.classes.iter().find(|(prefix, _)| prefix.is_prefix_of(*scope)).map(|(_, token)| *token)
        })?
    }

    /// Whether words here are part of a quoted name.
    fn quoted(&self, stack: &ScopeStack) -> bool {
        let names = self.classes.iter().filter(|(_, token)| token.is_none());
        names.skip(1).any(|(prefix, _)| stack.as_slice().iter().any(|scope| prefix.is_prefix_of(*scope)))
    }
}

fn push(spans: &mut Vec<Span>, range: Range<usize>, token: Token) {
    match spans.last_mut() {
        Some((last, same)) if last.end == range.start && *same == token => last.end = range.end,
        _ => spans.push((range, token)),
    }
}

/// Colours what syntect leaves plain: newer words, numbers, calls, operators.
fn words(text: &str, range: Range<usize>, quoted: bool, spans: &mut Vec<Span>) {
    if quoted {
        return;
    }
    let part = text.get(range.clone()).unwrap_or_default();
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut rest = part.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        let start = range.start + at;
        if !is_word(c) {
            if "=<>!+-*/%|&^~#@:".contains(c) {
                push(spans, start..start + c.len_utf8(), Token::Operator);
            }
            continue;
        }
        let mut end = start + c.len_utf8();
        while let Some((at, c)) = rest.next_if(|(_, c)| is_word(*c)) {
            end = range.start + at + c.len_utf8();
        }
        // A word that continues a name (a.b, "a"b) is part of it.
        let word = text.get(start..end).unwrap_or_default().to_ascii_lowercase();
        let before = text.get(..start).and_then(|t| t.chars().next_back());
        let after = text.get(end..).unwrap_or_default();
        let token = if before.is_some_and(|c| is_word(c) || c == '.' || c == '"') {
            None
        } else if word.starts_with(|c: char| c.is_ascii_digit()) {
            Some(Token::Number)
        } else if MORE_KEYWORDS.binary_search(&word.as_str()).is_ok() && !after.starts_with('.') {
            Some(Token::Keyword)
        } else if MORE_TYPES.contains(&word.as_str()) && !after.starts_with('.') {
            Some(Token::Type)
        } else if after.starts_with('(') {
            Some(Token::Function)
        } else {
            None
        };
        if let Some(token) = token {
            push(spans, start..end, token);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colours(highlighter: &mut Highlighter, version: u64, text: &str) -> Vec<Vec<(String, Token)>> {
        load();
        let lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
        while !highlighter.update(version, &lines, lines.len()) {}
        let spans = |row: usize| highlighter.spans(row).iter();
        let word = |row: usize, (range, token): &Span| {
            (lines.get(row).and_then(|l| l.get(range.clone())).unwrap().trim().to_owned(), *token)
        };
        (0..lines.len()).map(|row| spans(row).map(|s| word(row, s)).collect()).collect()
    }

    #[test]
    fn the_word_list_is_sorted_enough_to_search() {
        let mut sorted = MORE_KEYWORDS.to_vec();
        sorted.sort_unstable();
        assert_eq!(sorted, MORE_KEYWORDS);
    }

    #[test]
    fn sql_is_coloured() {
        use Token::*;
        let lines = colours(
            &mut Highlighter::default(),
            1,
            "WITH x AS (SELECT count(*) FROM t WHERE a >= 10 AND b = 'it''s' -- note\nLIMIT 5 OFFSET x.offset",
        );
        let has = |row: usize, word: &str, token| {
            assert!(
                lines[row].iter().any(|(w, t)| w == word && *t == token),
                "{word} {token:?} in {lines:?}"
            );
        };
        for word in ["WITH", "SELECT", "FROM", "WHERE"] {
            has(0, word, Keyword);
        }
        has(0, "10", Number);
        has(0, "'it''s'", String);
        has(0, "count", Function);
        has(0, "-- note", Comment);
        has(1, "LIMIT", Keyword);
        assert!(!lines[1].iter().any(|(w, _)| w == "offset"), "a column's name is no keyword: {lines:?}");
    }

    #[test]
    fn an_edit_recolours_what_follows_and_only_as_far_as_it_reaches() {
        let mut highlighter = Highlighter::default();
        let plain = colours(&mut highlighter, 1, "SELECT 1\nFROM t\nWHERE a");
        let comment = colours(&mut highlighter, 2, "SELECT 1 /*\nFROM t\nWHERE a");
        assert!(comment[1].iter().all(|(_, t)| *t == Token::Comment), "{comment:?}");
        assert_eq!(colours(&mut highlighter, 3, "SELECT 1\nFROM t\nWHERE a"), plain);
        // A line put in front leaves the known lines behind it alone.
        let moved = colours(&mut highlighter, 4, "SELECT 0;\nSELECT 1\nFROM t\nWHERE a");
        assert_eq!(moved[1..], plain[..]);
    }
}
