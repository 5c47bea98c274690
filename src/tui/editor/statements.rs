//! Where statements begin and end in a script, however unfinished it is.

use std::ops::Range;

/// The byte ranges of the statements of a script, in order, each from its first token (comments
/// before it left out) to before its `;`. Strings, quoted names, comments and dollar quotes hide
/// what they hold; one that is not closed reaches to the end.
pub(super) fn statements(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut start: Option<usize> = None;
    let mut end = 0;
    let mut at = 0;
    while let Some(byte) = bytes.get(at).copied() {
        let next = bytes.get(at + 1).copied();
        let stop = match (byte, next) {
            (b';', _) => {
                if let Some(start) = start.take() {
                    found.push(start..end);
                }
                at += 1;
                continue;
            }
            (b'-', Some(b'-')) => {
                at = find(bytes, at, b"\n");
                continue;
            }
            (b'/', Some(b'*')) => {
                at = comment_end(bytes, at);
                continue;
            }
            (byte, _) if byte.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            (b'\'', _) => quoted_end(bytes, at, b'\'', escapes(bytes, at)),
            (b'"' | b'`', _) => quoted_end(bytes, at, byte, false),
            (b'$', _) => dollar_end(bytes, at).unwrap_or(at + 1),
            _ => at + 1,
        };
        start.get_or_insert(at);
        (at, end) = (stop, stop);
    }
    found.extend(start.map(|start| start..end));
    found
}

/// Behind the next occurrence of `wanted`, or the end.
fn find(bytes: &[u8], from: usize, wanted: &[u8]) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    rest.windows(wanted.len()).position(|w| w == wanted).map_or(bytes.len(), |p| from + p + wanted.len())
}

/// Comments nest, as in the SQL standard.
fn comment_end(bytes: &[u8], from: usize) -> usize {
    let mut depth = 0usize;
    let mut at = from;
    while at < bytes.len() {
        match bytes.get(at..at + 2) {
            Some(b"/*") => (depth, at) = (depth + 1, at + 2),
            Some(b"*/") => {
                (depth, at) = (depth.saturating_sub(1), at + 2);
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Whether the string is `E'...'`, where a backslash escapes.
fn escapes(bytes: &[u8], quote: usize) -> bool {
    let before = |back: usize| quote.checked_sub(back).and_then(|i| bytes.get(i));
    matches!(before(1), Some(b'e' | b'E'))
        && !before(2).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_' || !b.is_ascii())
}

/// Behind the closing quote; a doubled quote is one inside.
fn quoted_end(bytes: &[u8], from: usize, quote: u8, backslash: bool) -> usize {
    let mut at = from + 1;
    while let Some(byte) = bytes.get(at) {
        at += match *byte {
            b'\\' if backslash => 2,
            byte if byte == quote && bytes.get(at + 1) == Some(&quote) => 2,
            byte if byte == quote => return at + 1,
            _ => 1,
        };
    }
    bytes.len()
}

/// Behind a dollar-quoted string, when one begins here: `$$...$$` or `$tag$...$tag$`, not `$1` and
/// not in the middle of a name.
fn dollar_end(bytes: &[u8], from: usize) -> Option<usize> {
    let name = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_' || !b.is_ascii();
    if from.checked_sub(1).and_then(|i| bytes.get(i)).is_some_and(name) {
        return None;
    }
    let rest = bytes.get(from + 1..)?;
    let length = rest.iter().take_while(|b| name(b)).count();
    if rest.get(length) != Some(&b'$') || rest.first().is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let tag = bytes.get(from..from + length + 2)?;
    Some(find(bytes, from + tag.len(), tag))
}

/// The statement a byte belongs to: the one around it, or before it, or the first.
pub(super) fn statement_at(statements: &[Range<usize>], offset: usize) -> Option<Range<usize>> {
    statements.iter().rev().find(|s| s.start <= offset).or(statements.first()).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<&str> {
        statements(text).into_iter().map(|range| text.get(range).unwrap()).collect()
    }

    #[test]
    fn a_semicolon_ends_a_statement_only_where_it_is_one() {
        assert_eq!(split("SELECT 1;SELECT 2 ;\n\n; select 3"), ["SELECT 1", "SELECT 2", "select 3"]);
        assert_eq!(
            split("SELECT ';', 'it''s;', \"a;b\" -- c;d\n, 1; x"),
            ["SELECT ';', 'it''s;', \"a;b\" -- c;d\n, 1", "x"]
        );
        assert_eq!(split("/* a; /* b; */ c; */ SELECT /* ; */ 1; y"), ["SELECT /* ; */ 1", "y"]);
        assert_eq!(split(r"SELECT E'\';', e'\\'; x"), [r"SELECT E'\';', e'\\'", "x"]);
        assert_eq!(split(r"SELECT '\'; x"), [r"SELECT '\'", "x"]);
        assert_eq!(
            split("SELECT $$ ; $$, $a$ ; $$ $a$, $1; x$a$; y"),
            ["SELECT $$ ; $$, $a$ ; $$ $a$, $1", "x$a$", "y"]
        );
    }

    #[test]
    fn unfinished_and_empty_scripts_do_not_confuse() {
        assert_eq!(split("SELECT 'open; x"), ["SELECT 'open; x"]);
        assert_eq!(split("SELECT $q$ open; x"), ["SELECT $q$ open; x"]);
        assert_eq!(split("-- only; a comment\n ; /* open"), Vec::<&str>::new());
        assert_eq!(split("é; ü"), ["é", "ü"]);
        assert_eq!(split(r"SELECT E'\"), [r"SELECT E'\"]);
    }

    #[test]
    fn the_cursor_between_statements_means_the_one_before() {
        let text = "-- head\na;  b;\n\nc";
        let at = |offset| statement_at(&statements(text), offset).map(|r| text.get(r).unwrap().to_owned());
        assert_eq!(at(0).as_deref(), Some("a"), "before the first");
        assert_eq!(at(9).as_deref(), Some("a"), "on its semicolon");
        assert_eq!(at(10).as_deref(), Some("a"), "behind its semicolon");
        assert_eq!(at(13).as_deref(), Some("b"));
        assert_eq!(at(15).as_deref(), Some("b"), "on the empty line");
        assert_eq!(at(text.len()).as_deref(), Some("c"));
        assert_eq!(statement_at(&[], 0), None);
    }
}
