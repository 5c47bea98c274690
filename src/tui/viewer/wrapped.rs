//! Text in lines that are stretches of it.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use crate::model::escape_control;

use crate::tui::text;

/// Safe text, broken into lines.
#[derive(Debug)]
pub(super) struct Wrapped {
    safe: String,
    lines: Vec<Range<usize>>,
    widest: usize,
}

impl Wrapped {
    pub(super) fn new(text: &str) -> Self {
        let mut safe = String::with_capacity(text.len());
        for (n, line) in text.split('\n').enumerate() {
            if n > 0 {
                safe.push('\n');
            }
            let line = line.strip_suffix('\r').unwrap_or(line);
            for (n, part) in line.split('\t').enumerate() {
                if n > 0 {
                    safe.push_str("    ");
                }
                safe.push_str(&escape_control(part));
            }
        }
        Self { safe, lines: Vec::new(), widest: 0 }
    }

    /// Breaks it anew: at so many columns, or only where the text does.
    pub(super) fn break_lines(&mut self, columns: Option<usize>) {
        self.lines.clear();
        self.widest = 0;
        let mut start = 0;
        for line in self.safe.split('\n') {
            match columns {
                Some(columns) if line.len() > columns => {
                    wrap(line, start, columns.max(1), &mut self.lines);
                }
                Some(_) => self.lines.push(start..start + line.len()),
                None => {
                    self.widest = self.widest.max(text::width(line));
                    self.lines.push(start..start + line.len());
                }
            }
            start += line.len() + 1;
        }
    }

    pub(super) fn lines(&self) -> usize {
        self.lines.len()
    }

    pub(super) fn widest(&self) -> usize {
        self.widest
    }

    /// The byte a line starts at.
    pub(super) fn start(&self, line: usize) -> usize {
        self.lines.get(line).map_or(0, |l| l.start)
    }

    /// The line that holds a byte.
    pub(super) fn line_of(&self, byte: usize) -> usize {
        self.lines.partition_point(|line| line.start <= byte).saturating_sub(1)
    }

    /// So many columns of a line, from a column on.
    pub(super) fn line(&self, line: usize, left: usize, columns: usize) -> String {
        let Some(line) = self.lines.get(line).and_then(|range| self.safe.get(range.clone())) else {
            return String::new();
        };
        // No more than can be seen is looked at: the line may have a million characters.
        let enough = 4 * (left + columns) + 64;
        let end = line.char_indices().nth(enough).map_or(line.len(), |(at, _)| at);
        let line = line.get(..end).unwrap_or(line);
        let line = if left > 0 { text::skip(line, left) } else { line.to_owned() };
        text::cut(&line, columns).into_owned()
    }

    /// The byte where the text stands next; see [`find_from`].
    pub(super) fn find(&self, wanted: &str, from: usize, backwards: bool, from_here: bool) -> Option<usize> {
        find_from(&self.safe, wanted, from, backwards, from_here)
    }
}

fn wrap(line: &str, offset: usize, columns: usize, lines: &mut Vec<Range<usize>>) {
    let mut start = 0;
    // Behind the last blank, where a line is broken best.
    let mut after_blank = None;
    let mut used = 0;
    let mut used_at_blank = 0;
    let ascii = line.is_ascii();
    let mut take = |at: usize, len: usize, wide: usize, blank: bool| {
        if used + wide > columns && at > start {
            let (end, rest) = match after_blank {
                Some(end) if end > start => (end, used - used_at_blank),
                _ => (at, 0),
            };
            lines.push(offset + start..offset + end);
            start = end;
            used = rest;
            after_blank = None;
        }
        used += wide;
        if blank {
            after_blank = Some(at + len);
            used_at_blank = used;
        }
    };
    if ascii {
        line.bytes().enumerate().for_each(|(at, b)| take(at, 1, 1, b == b' '));
    } else {
        line.grapheme_indices(true).for_each(|(at, g)| take(at, g.len(), text::width(g), g == " "));
    }
    lines.push(offset + start..offset + line.len());
}

/// The byte where `wanted` stands next behind or before `from`: in any case where it has no capitals.
pub(super) fn find_from(
    text: &str,
    wanted: &str,
    from: usize,
    backwards: bool,
    from_here: bool,
) -> Option<usize> {
    let any_case = !wanted.chars().any(char::is_uppercase);
    let wanted_chars: Vec<char> = wanted.chars().collect();
    let first = *wanted_chars.first()?;
    let starts = |at: usize| {
        let mut rest = text.get(at..).unwrap_or_default().chars();
        wanted_chars.iter().all(|w| rest.next().is_some_and(|c| same(c, *w, any_case)))
    };
    let counts = |at: usize| match at.cmp(&from) {
        std::cmp::Ordering::Equal => from_here,
        order => order.is_lt() == backwards,
    };
    let mut places = text
        .char_indices()
        .filter(|(at, c)| same(*c, first, any_case) && counts(*at) && starts(*at))
        .map(|(at, _)| at);
    if backwards { places.next_back() } else { places.next() }
}

fn same(own: char, wanted: char, any_case: bool) -> bool {
    own == wanted
        || any_case
            && if own.is_ascii() {
                own.to_ascii_lowercase() == wanted
            } else {
                own.to_lowercase().eq(std::iter::once(wanted))
            }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str, columns: Option<usize>) -> Vec<String> {
        let mut wrapped = Wrapped::new(text);
        wrapped.break_lines(columns);
        (0..wrapped.lines()).map(|n| wrapped.line(n, 0, 100)).collect()
    }

    #[test]
    fn lines_break_at_blanks_and_are_safe() {
        assert_eq!(lines("one two three\nx\x1b", Some(8)), ["one two ", "three", "x\\u{1b}"]);
        assert_eq!(lines("abcdefgh", Some(3)), ["abc", "def", "gh"]);
        assert_eq!(lines("漢字漢字 x", Some(5)), ["漢字", "漢字 ", "x"]);
        assert_eq!(lines("a\tb\r\n", None), ["a    b", ""]);
        assert_eq!(lines("a \\t b", Some(20)), ["a \\t b"], "a backslash is no tab");
    }

    #[test]
    fn text_is_found_both_ways_in_any_case() {
        let text = "Straße straße STRASSE";
        assert_eq!(find_from(text, "straße", 0, false, true), Some(0));
        assert_eq!(find_from(text, "straße", 0, false, false), Some(8));
        assert_eq!(find_from(text, "Straße", 1, false, true), None);
        assert_eq!(find_from(text, "str", usize::MAX, true, true), Some(16));
        assert_eq!(find_from(text, "str", 16, true, false), Some(8));
        assert_eq!(find_from(text, "", 0, false, true), None);
    }
}
