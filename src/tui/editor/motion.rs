//! Where the cursor can go: pure functions over lines.
//!
//! Invariant: a column that a function returns lies on a boundary of a user-perceived character, so
//! a combining mark is never separated from its base.

use unicode_segmentation::UnicodeSegmentation;

use super::buffer::Pos;

/// What a character is to word motions.
#[derive(PartialEq, Eq, Clone, Copy)]
enum Class {
    Space,
    Word,
    Mark,
}

fn class(c: char) -> Class {
    if c.is_whitespace() {
        Class::Space
    } else if c.is_alphanumeric() || c == '_' {
        Class::Word
    } else {
        Class::Mark
    }
}

/// Words divided by white space alone.
fn big(c: char) -> Class {
    if c.is_whitespace() { Class::Space } else { Class::Word }
}

fn chars(lines: &[String], row: usize) -> Vec<char> {
    lines.get(row).map(|line| line.chars().collect()).unwrap_or_default()
}

/// The columns where user-perceived characters begin, and the end of the line.
fn boundaries(line: &str) -> impl Iterator<Item = usize> {
    let mut col = 0;
    let starts = line.graphemes(true).map(move |g| {
        let at = col;
        col += g.chars().count();
        at
    });
    starts.chain(std::iter::once(line.chars().count()))
}

/// The column of the next user-perceived character, or the end of the line.
pub(super) fn next_col(line: &str, col: usize) -> usize {
    if line.is_ascii() {
        return (col + 1).min(line.len());
    }
    boundaries(line).find(|at| *at > col).unwrap_or(col)
}

/// The column of the user-perceived character before.
pub(super) fn previous_col(line: &str, col: usize) -> usize {
    if line.is_ascii() {
        return col.saturating_sub(1).min(line.len());
    }
    boundaries(line).take_while(|at| *at < col).last().unwrap_or(0)
}

/// The start of the user-perceived character that a column lies in.
pub(super) fn snap(line: &str, col: usize) -> usize {
    if line.is_ascii() {
        return col.min(line.len());
    }
    boundaries(line).take_while(|at| *at <= col).last().unwrap_or(0)
}

/// The column of the first character that is not white space; the end of a blank line.
pub(super) fn first_text(line: &str) -> usize {
    line.chars().take_while(|c| c.is_whitespace()).count()
}

/// The next start of a word; an empty line is a word. The end of the text when there is none.
pub(super) fn word_forward(lines: &[String], from: Pos) -> Pos {
    word_forward_by(lines, from, class)
}

/// As [`word_forward`], words divided by white space alone.
pub(super) fn big_word_forward(lines: &[String], from: Pos) -> Pos {
    word_forward_by(lines, from, big)
}

fn word_forward_by(lines: &[String], from: Pos, class: fn(char) -> Class) -> Pos {
    let mut row = from.row;
    let mut line = chars(lines, row);
    let mut col = from.col;
    if let Some(here) = line.get(col).map(|c| class(*c)).filter(|c| *c != Class::Space) {
        while line.get(col).is_some_and(|c| class(*c) == here) {
            col += 1;
        }
    }
    loop {
        while line.get(col).is_some_and(|c| class(*c) == Class::Space) {
            col += 1;
        }
        if col < line.len() || row + 1 >= lines.len() {
            return Pos::new(row, col.min(line.len()));
        }
        row += 1;
        col = 0;
        line = chars(lines, row);
        if line.is_empty() {
            return Pos::new(row, 0);
        }
    }
}

/// The next end of a word: the place of its last character.
pub(super) fn word_end(lines: &[String], from: Pos) -> Pos {
    word_end_by(lines, from, class)
}

/// As [`word_end`], words divided by white space alone.
pub(super) fn big_word_end(lines: &[String], from: Pos) -> Pos {
    word_end_by(lines, from, big)
}

fn word_end_by(lines: &[String], from: Pos, class: fn(char) -> Class) -> Pos {
    let mut row = from.row;
    let mut line = chars(lines, row);
    let mut col = from.col + 1;
    loop {
        while line.get(col).is_some_and(|c| class(*c) == Class::Space) {
            col += 1;
        }
        if let Some(here) = line.get(col).map(|c| class(*c)) {
            while line.get(col + 1).is_some_and(|c| class(*c) == here) {
                col += 1;
            }
            return Pos::new(row, col);
        }
        if row + 1 >= lines.len() {
            return Pos::new(row, line.len().saturating_sub(1));
        }
        row += 1;
        col = 0;
        line = chars(lines, row);
    }
}

/// The start of the word before.
pub(super) fn word_back(lines: &[String], from: Pos) -> Pos {
    word_back_by(lines, from, class)
}

/// As [`word_back`], words divided by white space alone.
pub(super) fn big_word_back(lines: &[String], from: Pos) -> Pos {
    word_back_by(lines, from, big)
}

fn word_back_by(lines: &[String], from: Pos, class: fn(char) -> Class) -> Pos {
    let mut row = from.row;
    let mut line = chars(lines, row);
    let mut col = from.col.min(line.len());
    let at = |line: &[char], col: usize| col.checked_sub(1).and_then(|i| line.get(i)).map(|c| class(*c));
    loop {
        while at(&line, col) == Some(Class::Space) {
            col -= 1;
        }
        if let Some(here) = at(&line, col) {
            while at(&line, col) == Some(here) {
                col -= 1;
            }
            return Pos::new(row, col);
        }
        if row == 0 {
            return Pos::new(0, 0);
        }
        row -= 1;
        line = chars(lines, row);
        col = line.len();
        if line.is_empty() {
            return Pos::new(row, 0);
        }
    }
}

/// The columns of the run of like characters at a place: vim's `iw`.
pub(super) fn inner_word(line: &str, col: usize) -> (usize, usize) {
    let line: Vec<char> = line.chars().collect();
    let Some(here) = line.get(col).map(|c| class(*c)) else { return (col, col) };
    let before = line.iter().take(col).rev().take_while(|c| class(**c) == here).count();
    let after = line.iter().skip(col).take_while(|c| class(**c) == here).count();
    (col - before, col + after)
}

/// The next place of a text, from the one behind `from` on and round the end; case counts only when
/// the text has capitals.
pub(super) fn find(lines: &[String], from: Pos, wanted: &str, forward: bool) -> Option<Pos> {
    if wanted.is_empty() {
        return None;
    }
    let exact = wanted.chars().any(char::is_uppercase);
    let columns = |row: usize| -> Vec<usize> {
        let line = lines.get(row).map_or("", String::as_str);
        let wanted: Vec<char> = wanted.chars().collect();
        let line: Vec<char> = line.chars().collect();
        let same = |a: char, b: char| a == b || (!exact && a.to_lowercase().eq(b.to_lowercase()));
        line.windows(wanted.len())
            .enumerate()
            .filter(|(_, window)| window.iter().zip(&wanted).all(|(a, b)| same(*a, *b)))
            .map(|(col, _)| col)
            .collect()
    };
    let rows = lines.len();
    for step in 0..=rows {
        let row = if forward { (from.row + step) % rows } else { (from.row + rows - step % rows) % rows };
        let fits = |col: &usize| match (step, forward) {
            (0, true) => *col > from.col,
            (0, false) => *col < from.col,
            _ => true,
        };
        let columns = columns(row);
        let mut columns = columns.into_iter().filter(fits);
        if let Some(col) = if forward { columns.next() } else { columns.next_back() } {
            return Some(Pos::new(row, col));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.split('\n').map(str::to_owned).collect()
    }

    fn walk(text: &str, step: fn(&[String], Pos) -> Pos, from: (usize, usize)) -> Vec<(usize, usize)> {
        let lines = lines(text);
        let mut at = Pos::new(from.0, from.1);
        let mut seen = Vec::new();
        for _ in 0..20 {
            let next = step(&lines, at);
            if next == at {
                break;
            }
            at = next;
            seen.push((at.row, at.col));
        }
        seen
    }

    #[test]
    fn words_are_walked_both_ways() {
        let text = "a.b  cd\n\n  e_f";
        assert_eq!(walk(text, word_forward, (0, 0)), [(0, 1), (0, 2), (0, 5), (1, 0), (2, 2), (2, 5)]);
        assert_eq!(walk(text, word_end, (0, 0)), [(0, 1), (0, 2), (0, 6), (2, 4)]);
        assert_eq!(walk(text, word_back, (2, 5)), [(2, 2), (1, 0), (0, 5), (0, 2), (0, 1), (0, 0)]);
    }

    #[test]
    fn a_combining_mark_stays_with_its_base() {
        let line = "xe\u{301}y";
        assert_eq!(
            (next_col(line, 1), previous_col(line, 3), snap(line, 2), next_col(line, 3), next_col(line, 4)),
            (3, 1, 1, 4, 4)
        );
    }

    #[test]
    fn search_goes_round_and_minds_capitals() {
        let lines = lines("Select a\nfrom b\nselect c");
        let found = |from: (usize, usize), wanted, forward| {
            find(&lines, Pos::new(from.0, from.1), wanted, forward).map(|p| (p.row, p.col))
        };
        assert_eq!(found((0, 0), "select", true), Some((2, 0)));
        assert_eq!(found((2, 0), "select", true), Some((0, 0)));
        assert_eq!(found((0, 0), "select", false), Some((2, 0)));
        assert_eq!(found((0, 0), "Select", true), Some((0, 0)), "the only one is found again");
        assert_eq!(found((0, 0), "nowhere", true), None);
    }
}
