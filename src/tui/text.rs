//! Text measured and cut in terminal columns.
//!
//! Everything here expects text that has passed `model::escape_control`, or passes it itself
//! where it says so.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use crate::model::{Value, escape_control};

/// The characters of a value that are looked at for one line of the screen.
const LINE_CHARS: usize = 300;

/// How many columns a text takes.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// The text cut to a number of columns, `…` at the end where something was cut.
pub(super) fn cut(text: &str, columns: usize) -> Cow<'_, str> {
    if text.len() <= columns || width(text) <= columns {
        return Cow::Borrowed(text);
    }
    if columns == 0 {
        return Cow::Borrowed("");
    }
    let mut used = 0;
    let mut end = 0;
    for (at, grapheme) in text.grapheme_indices(true) {
        let next = used + width(grapheme);
        if next > columns - 1 {
            break;
        }
        used = next;
        end = at + grapheme.len();
    }
    Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default()))
}

/// The text in exactly so many columns, cut or filled with blanks.
pub(super) fn fit(text: &str, columns: usize, right: bool) -> String {
    let text = cut(text, columns);
    let blanks = " ".repeat(columns.saturating_sub(width(&text)));
    if right { format!("{blanks}{text}") } else { format!("{text}{blanks}") }
}

/// A value in one safe line; long ones are cut.
pub(super) fn one_line(value: &Value) -> String {
    let text = match value {
        Value::Null => return "NULL".to_owned(),
        Value::String(text) => start_of(text),
        Value::Bytes(bytes) if bytes.len() > LINE_CHARS => {
            Cow::Owned(Value::Bytes(bytes.iter().copied().take(LINE_CHARS).collect()).to_text())
        }
        other => Cow::Owned(other.to_text()),
    };
    escape_control(start_of(&text).as_ref()).into_owned()
}

fn start_of(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(LINE_CHARS) {
        Some((end, _)) => Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default())),
        None => Cow::Borrowed(text),
    }
}

/// A number with its digits in groups of three: `21,815`.
pub(super) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A time span in few columns: `12 ms`, `1.4 s`, `2 m 5 s`.
pub(super) fn span(time: std::time::Duration) -> String {
    let micros = time.as_micros();
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{} ms", micros / 1_000),
        1_000_000..60_000_000 => format!("{:.1} s", time.as_secs_f64()),
        _ => format!("{} m {} s", time.as_secs() / 60, time.as_secs() % 60),
    }
}

/// Lines of safe text: one for each line of the text, wrapped to so many columns unless `None`.
pub(super) fn lines(text: &str, columns: Option<usize>) -> Vec<String> {
    let mut lines = Vec::new();
    for line in text.split('\n') {
        let safe = escape_control(line.strip_suffix('\r').unwrap_or(line)).replace("\\t", "    ");
        match columns {
            Some(columns) => wrap(&safe, columns.max(1), &mut lines),
            None => lines.push(safe),
        }
    }
    lines
}

fn wrap(line: &str, columns: usize, lines: &mut Vec<String>) {
    let mut current = String::new();
    let mut used = 0;
    for word in line.split_word_bounds() {
        let wide = width(word);
        if used + wide <= columns {
            current.push_str(word);
            used += wide;
        } else if wide <= columns {
            lines.push(std::mem::take(&mut current));
            current.push_str(word.trim_start());
            used = width(&current);
        } else {
            for grapheme in word.graphemes(true) {
                let wide = width(grapheme);
                if used + wide > columns && used > 0 {
                    lines.push(std::mem::take(&mut current));
                    used = 0;
                }
                current.push_str(grapheme);
                used += wide;
            }
        }
    }
    lines.push(current);
}

/// The text from a column on, for scrolling sideways.
pub(super) fn skip(text: &str, columns: usize) -> String {
    let mut passed = 0;
    for (at, grapheme) in text.grapheme_indices(true) {
        if passed >= columns {
            // A wide character that straddles the edge leaves a blank.
            return " ".repeat(passed - columns) + text.get(at..).unwrap_or_default();
        }
        passed += width(grapheme);
    }
    String::new()
}

/// Whether every character of `letters` occurs in `text` in order, case aside, and how well:
/// smaller is better.
pub(super) fn fuzzy(text: &str, letters: &str) -> Option<usize> {
    let text = text.to_lowercase();
    let wanted = letters.to_lowercase();
    if let Some(at) = text.find(&wanted) {
        return Some(at);
    }
    let mut chars = text.char_indices();
    let mut cost = 100;
    let mut last = None;
    for c in wanted.chars() {
        let (at, _) = chars.find(|(_, t)| *t == c)?;
        cost += last.map_or(at, |last: usize| at - last);
        last = Some(at);
    }
    Some(cost)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_at_columns_not_at_bytes() {
        assert_eq!(cut("漢字漢字", 5), "漢字…");
        assert_eq!(fit("漢字漢字", 6, false), "漢字… ");
        assert_eq!(fit("7", 3, true), "  7");
        assert_eq!(cut("e\u{301}a", 2), "e\u{301}a");
        assert_eq!(cut("abc", 0), "");
        assert_eq!(skip("漢字x", 1), " 字x");
    }

    #[test]
    fn lines_wrap_at_words_and_are_safe() {
        assert_eq!(lines("one two three\nx\x1b", Some(8)), ["one two ", "three", "x\\u{1b}"]);
        assert_eq!(lines("abcdefgh", Some(3)), ["abc", "def", "gh"]);
        assert_eq!(lines("a b", None), ["a b"]);
    }

    #[test]
    fn values_take_one_line() {
        assert_eq!(one_line(&Value::from("a\nb")), "a\\nb");
        assert_eq!(one_line(&Value::Null), "NULL");
        assert!(one_line(&Value::String("x".repeat(1_000_000))).len() < 400);
        assert_eq!(
            (count(0), count(999), count(21_815), count(1_000_000)),
            ("0".into(), "999".into(), "21,815".into(), "1,000,000".into())
        );
    }

    #[test]
    fn a_few_letters_find_a_name() {
        assert!(fuzzy("half-page-down", "hpd").is_some());
        assert!(fuzzy("zoom", "mz").is_none());
        assert!(fuzzy("theme", "the") < fuzzy("other theme", "the"));
    }
}
