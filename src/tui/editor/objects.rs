//! Places that belong together: brackets, and the text objects of vim.

use crate::bus::complete::{State, lex};

use super::Editor;
use super::buffer::Pos;
use super::motion;

/// A longer statement has no matching brackets shown.
const STATEMENT_MAX_BYTES: usize = 32 << 10;
const OPENING: [char; 3] = ['(', '[', '{'];
const CLOSING: [char; 3] = [')', ']', '}'];

fn partner(c: char) -> Option<(char, bool)> {
    let opening = OPENING.iter().position(|o| *o == c).and_then(|i| CLOSING.get(i)).map(|c| (*c, true));
    opening.or_else(|| CLOSING.iter().position(|o| *o == c).and_then(|i| OPENING.get(i)).map(|c| (*c, false)))
}

impl Editor {
    /// The bracket that belongs to the one at a place. Strings and comments hide theirs.
    pub(super) fn matching_bracket(&self, at: Pos) -> Option<Pos> {
        let c = self.buffer.line(at.row).chars().nth(at.col)?;
        let (other, forward) = partner(c)?;
        let range = self.statement_range()?;
        let text = self.text();
        let sql = text.get(range.clone()).filter(|sql| sql.len() <= STATEMENT_MAX_BYTES)?;
        let place = self.buffer.offset(at).checked_sub(range.start).filter(|place| *place < sql.len())?;
        let (stretches, _) = lex(sql, State::Plain);
        let hidden = |byte: usize| {
            let found = stretches.partition_point(|(range, _)| range.end <= byte);
            stretches.get(found).is_some_and(|(range, _)| range.contains(&byte))
        };
        if hidden(place) {
            return None;
        }
        let mut depth = 0usize;
        let mut step = |byte: usize, found: char| {
            if found == c && !hidden(byte) {
                depth += 1;
            } else if found == other && !hidden(byte) {
                depth = depth.saturating_sub(1);
                return depth == 0;
            }
            false
        };
        let found = if forward {
            sql.get(place..)?
                .char_indices()
                .find(|(i, found)| step(place + i, *found))
                .map(|(i, _)| place + i)
        } else {
            let head = sql.get(..place + c.len_utf8())?;
            head.char_indices().rev().find(|(i, found)| step(*i, *found)).map(|(i, _)| i)
        };
        found.map(|byte| self.buffer.pos(range.start + byte))
    }

    /// The pair of brackets at the cursor, to be shown.
    pub(super) fn bracket_pair(&self) -> Option<(Pos, Pos)> {
        let at = self.buffer.cursor();
        let before = at.col.checked_sub(1).map(|col| Pos::new(at.row, col)).filter(|_| self.is_inserting());
        [Some(at), before].into_iter().flatten().find_map(|at| Some((at, self.matching_bracket(at)?)))
    }

    /// Vim's `%`: the first bracket of the line from the cursor on, and its partner.
    pub(super) fn to_bracket(&self, at: Pos) -> Option<Pos> {
        let line = self.buffer.line(at.row);
        let col = line.chars().enumerate().skip(at.col).find(|(_, c)| partner(*c).is_some())?.0;
        self.matching_bracket(Pos::new(at.row, col))
    }

    /// The places of a text object: from, up to but not including, and whether it is of whole lines.
    pub(super) fn text_object(&self, c: char, around: bool) -> Option<(Pos, Pos, bool)> {
        match c {
            'w' => {
                let at = self.buffer.cursor();
                let line = self.buffer.line(at.row);
                let (start, mut end) = motion::inner_word(line, at.col);
                if around {
                    end += line.chars().skip(end).take_while(|c| c.is_whitespace()).count();
                }
                Some((Pos::new(at.row, start), Pos::new(at.row, end), false))
            }
            '(' | ')' | 'b' => self.within_brackets('(', around),
            '[' | ']' => self.within_brackets('[', around),
            '{' | '}' | 'B' => self.within_brackets('{', around),
            '"' | '\'' | '`' => self.within_quotes(c, around),
            'p' => Some(self.paragraph_object(around)),
            's' => {
                let range = self.statement_range()?;
                Some((self.buffer.pos(range.start), self.buffer.pos(range.end), false))
            }
            _ => None,
        }
    }

    fn within_brackets(&self, open: char, around: bool) -> Option<(Pos, Pos, bool)> {
        let at = self.buffer.cursor();
        let mut row = at.row;
        let mut before: Vec<char> = self.buffer.line(row).chars().take(at.col + 1).collect();
        loop {
            while let Some(c) = before.pop() {
                let from = Pos::new(row, before.len());
                if c == open
                    && let Some(to) = self.matching_bracket(from).filter(|to| *to >= at)
                {
                    return Some(if around {
                        (from, Pos::new(to.row, to.col + 1), false)
                    } else {
                        (Pos::new(from.row, from.col + 1), to, false)
                    });
                }
            }
            row = row.checked_sub(1)?;
            before = self.buffer.line(row).chars().collect();
        }
    }

    fn within_quotes(&self, quote: char, around: bool) -> Option<(Pos, Pos, bool)> {
        let at = self.buffer.cursor();
        let line: Vec<char> = self.buffer.line(at.row).chars().collect();
        let quotes: Vec<usize> =
            line.iter().enumerate().filter(|(_, c)| **c == quote).map(|(i, _)| i).collect();
        let pair = quotes.chunks_exact(2).find(|pair| pair.last().is_some_and(|end| *end >= at.col))?;
        let (start, end) = (*pair.first()?, *pair.last()?);
        let place = |col| Pos::new(at.row, col);
        Some(if around {
            (place(start), place(end + 1), false)
        } else {
            (place(start + 1), place(end), false)
        })
    }

    fn paragraph_object(&self, around: bool) -> (Pos, Pos, bool) {
        let row = self.buffer.cursor().row;
        let blank = |row: usize| self.buffer.line(row).trim().is_empty();
        let same = |other: &usize| blank(*other) == blank(row);
        let first = (0..=row).rev().take_while(same).last().unwrap_or(row);
        let mut last = (row..=self.buffer.last_row()).take_while(same).last().unwrap_or(row);
        if around {
            last = (last + 1..=self.buffer.last_row())
                .take_while(|r| blank(*r) != blank(row))
                .last()
                .unwrap_or(last);
        }
        (Pos::new(first, 0), Pos::new(last, self.buffer.len(last)), true)
    }
}
